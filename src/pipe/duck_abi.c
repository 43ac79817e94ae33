#include "pipe/duck_abi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/err.h"

#define LIBRARY "libduckdb.so"

#if defined __aarch64__
#define TRIPLET "aarch64-linux-gnu"
#else
#define TRIPLET "x86_64-linux-gnu"
#endif

static bool is_file(const char *folder, const char *rest, char path[512])
{
	struct stat st;
	int n = snprintf(path, 512, "%s%s", folder, rest);

	return n > 0 && n < 512 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int oc_duck_find(char path[512], struct oc_err *err)
{
	static const char *const system[] = {"/usr/local/lib/" LIBRARY,
	                                     "/usr/lib/" TRIPLET "/" LIBRARY, "/usr/lib64/" LIBRARY,
	                                     "/usr/lib/" LIBRARY};
	const char *own = getenv("OUTCROSS_DUCKDB"), *cache = getenv("XDG_CACHE_HOME"),
		   *home = getenv("HOME");

	if (own && *own) {
		if (is_file(own, "", path) || is_file(own, "/" LIBRARY, path))
			return 0;
		return oc_fail(err, OC_MISSING, own,
		               "OUTCROSS_DUCKDB names this, but there is no " LIBRARY);
	}
	if (cache && *cache == '/' && is_file(cache, "/outcross/duckdb/" LIBRARY, path))
		return 0;
	if (!(cache && *cache == '/') && home && *home &&
	    is_file(home, "/.cache/outcross/duckdb/" LIBRARY, path))
		return 0;
	for (size_t i = 0; i < sizeof system / sizeof system[0]; i++)
		if (is_file(system[i], "", path))
			return 0;
	return oc_fail(err, OC_MISSING, "parquet",
	               "DuckDB's library, which reads and writes Parquet, is not on this machine; "
	               "run `outcross doctor --fix` (or setup/parquet.sh), or set OUTCROSS_DUCKDB "
	               "to " LIBRARY);
}

int oc_duck_load(struct oc_duck *d, const char *path, struct oc_err *err)
{
	/* Local: the library brings other libraries' names (yyjson's, zstd's) with it. */
	d->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!d->handle)
		return oc_fail(err, OC_MISSING, path, "cannot load the library: %s", dlerror());
#define X(result, name, args)                                                                      \
	*(void **)&d->name = dlsym(d->handle, "duckdb_" #name);                                    \
	if (!d->name)                                                                              \
		return oc_fail(err, OC_MISSING, path,                                              \
		               "the library has no duckdb_" #name                                  \
		               ": it is not DuckDB's or too old; run setup/parquet.sh");
	OC_DUCK_MAP_OF(X)
#undef X
	return 0;
}
