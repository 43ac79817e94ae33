#include "llm/gguf_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "llm/llama_abi.h"

#define FOLDERS_MAX 16
#define FETCH       "run `outcross doctor --fix` (or setup/model.sh), or set OUTCROSS_LLAMA to its folder"

#if defined __aarch64__
#define TRIPLET "aarch64-linux-gnu"
#else
#define TRIPLET "x86_64-linux-gnu"
#endif

/* Folders to look in; too long a name is left out. */
struct folders {
	char name[FOLDERS_MAX][512];
	unsigned n;
};

static void add_folder(struct folders *f, const char *a, const char *b, const char *c)
{
	if (!a || !*a || f->n == FOLDERS_MAX)
		return;
	size_t room = sizeof f->name[0];
	if ((size_t)snprintf(f->name[f->n], room, "%s%s%s", a, b, c) < room)
		f->n++;
}

/* What the environment and the cache offer, `kind` being "llama" or "models". */
static void add_usual(struct folders *f, const char *kind)
{
	const char *own = getenv("OUTCROSS_LLAMA"), *cache = getenv("XDG_CACHE_HOME");

	add_folder(f, own, "", "");
	add_folder(f, own, "/", kind);
	if (cache && *cache == '/')
		add_folder(f, cache, "/outcross/", kind);
	else
		add_folder(f, getenv("HOME"), "/.cache/outcross/", kind);
}

int oc_gguf_library(const char *given, const char *base_dir, char folder[512], struct oc_err *err)
{
	struct folders f = {.n = 0};
	char path[512];

	if (given && *given) {
		if (*given == '/')
			add_folder(&f, given, "", "");
		else
			add_folder(&f, base_dir ? base_dir : ".", "/", given);
	} else {
		add_usual(&f, "llama");
		add_folder(&f, "/usr/local/lib", "", "");
		add_folder(&f, "/usr/lib/" TRIPLET, "", "");
		add_folder(&f, "/usr/lib64", "", "");
		add_folder(&f, "/usr/lib", "", "");
	}
	for (unsigned i = 0; i < f.n; i++)
		if (oc_llama_find(f.name[i], path)) {
			memcpy(folder, f.name[i], sizeof f.name[i]);
			return 0;
		}
	if (given && *given)
		return oc_fail(err, OC_MISSING, given,
		               "no libllama*.so in this folder; leave `library:` out, or " FETCH);
	return oc_fail(err, OC_MISSING, "libllama",
	               "the library of llama.cpp is not on this machine; " FETCH);
}

static bool is_file(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* 1: `name` found in the folder; 0: not; -1: several begin so. */
static int find_named(const char *folder, const char *name, char path[512])
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	size_t len = strlen(name);
	int found = 0;

	while (dir && (e = readdir(dir))) {
		size_t full = strlen(e->d_name);
		if (full < 6 || strcasecmp(e->d_name + full - 5, ".gguf") != 0 ||
		    strncasecmp(e->d_name, name, len) != 0)
			continue;
		bool whole = full == len || full == len + 5;
		if (found && !whole) {
			found = -1;
			continue;
		}
		if ((size_t)snprintf(path, 512, "%s/%s", folder, e->d_name) < 512)
			found = 1;
		if (whole)
			break;
	}
	if (dir)
		closedir(dir);
	return found;
}

static int check_magic(const char *path, struct oc_err *err)
{
	unsigned char head[8] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return oc_fail_errno(err, path, "cannot read the model");
	ssize_t got = read(fd, head, sizeof head);
	close(fd);
	if (got != (ssize_t)sizeof head || memcmp(head, "GGUF", 4) != 0)
		return oc_fail(
			err, OC_INPUT, path,
			"this is not a GGUF model (it does not begin with \"GGUF\"); `path:` "
			"wants a .gguf file, and an interrupted download must be fetched again");
	uint32_t version = (uint32_t)head[4] | (uint32_t)head[5] << 8 | (uint32_t)head[6] << 16 |
	                   (uint32_t)head[7] << 24;
	if (version < 2 || version > 3)
		return oc_fail(
			err, OC_INPUT, path,
			"GGUF version %u is not one Outcross knows (2 and 3); convert the model",
			version);
	return 0;
}

int oc_gguf_model(const char *given, const char *base_dir, char path[512], struct oc_err *err)
{
	struct folders f = {.n = 0};
	int len = *given == '/' ? snprintf(path, 512, "%s", given)
	                        : snprintf(path, 512, "%s/%s", base_dir ? base_dir : ".", given);

	if (len > 0 && len < 512 && is_file(path))
		return check_magic(path, err);
	if (!strchr(given, '/')) {
		add_usual(&f, "models");
		for (unsigned i = 0; i < f.n; i++) {
			int found = find_named(f.name[i], given, path);
			if (found > 0)
				return check_magic(path, err);
			if (found < 0)
				return oc_fail(
					err, OC_PLAN, given,
					"several models in %s begin so; write more of the name",
					f.name[i]);
		}
	}
	return oc_fail(
		err, OC_MISSING, given,
		"no such model file, here or in the models folder; correct `path:`, or " FETCH);
}

int oc_gguf_hash(const char *path, char hex[33], struct oc_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), status = -1;
	size_t cap = (size_t)1 << 20;
	char *buf = oc_alloc(cap);
	struct oc_hasher *h = oc_hasher_new();
	ssize_t got;

	if (fd < 0) {
		oc_fail_errno(err, path, "cannot read the model");
		goto out;
	}
	while ((got = read(fd, buf, cap)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			oc_fail_errno(err, path, "cannot read the model");
			goto out;
		}
		oc_hasher_add(h, buf, (size_t)got);
	}
	oc_hash128_hex(oc_hasher_get(h), hex);
	status = 0;
out:
	if (fd >= 0)
		close(fd);
	oc_hasher_free(h);
	free(buf);
	return status;
}
