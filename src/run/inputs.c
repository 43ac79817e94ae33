/* What the sources' files were: kept after the intake, for the card and for noticing changes. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "pipe/source.h"
#include "run/state.h"

/* Calls fn for every file of a source, in order. -1 where one is no plain file. */
static int each_file(const struct oc_plan_source *s, const char *base_dir,
                     void (*fn)(void *user, const char *path, const struct stat *st), void *user)
{
	yyjson_val *paths = oc_json_get(s->opts, "path");
	size_t n = yyjson_is_arr(paths) ? yyjson_arr_size(paths) : paths ? 1 : 0;
	int rc = n ? 0 : -1;

	for (size_t i = 0; i < n && !rc; i++) {
		struct oc_str path =
			oc_json_str(yyjson_is_arr(paths) ? yyjson_arr_get(paths, i) : paths);
		bool rooted = path.len && path.p[0] == '/';
		char pattern[4096];
		glob_t found = {0};
		snprintf(pattern, sizeof pattern, "%.*s", OC_ARG(path));
		if (oc_glob(rooted ? "" : base_dir, pattern + rooted, 0, &found))
			rc = -1;
		for (size_t k = 0; k < found.gl_pathc && !rc; k++) {
			struct stat st;
			if (stat(found.gl_pathv[k], &st) || !S_ISREG(st.st_mode))
				rc = -1;
			else
				fn(user, found.gl_pathv[k], &st);
		}
		globfree(&found);
	}
	return rc;
}

static void add_bytes(void *user, const char *path, const struct stat *st)
{
	int64_t *sum = user;

	(void)path;
	*sum += st->st_size;
}

int64_t oc_inputs_bytes(const struct oc_plan_source *source, const char *base_dir)
{
	int64_t bytes = 0;

	return each_file(source, base_dir ? base_dir : ".", add_bytes, &bytes) ? -1 : bytes;
}

static void add_plain(void *user, const char *path, const struct stat *st)
{
	static const char *const packed[] = {".gz", ".zst", ".parquet"};
	uint64_t *sum = user;
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
		size_t n = strlen(packed[i]);
		if (len > n && strcmp(path + len - n, packed[i]) == 0)
			*sum = UINT64_MAX;
	}
	if (*sum != UINT64_MAX)
		*sum += (uint64_t)st->st_size;
}

uint64_t oc_run_input_bytes(const struct oc_run *run)
{
	const struct oc_plan *p = run->plan;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < p->source_n; i++)
		if (each_file(&p->sources[i], p->base_dir ? p->base_dir : ".", add_plain, &bytes))
			return 0;
	return p->generate_n || bytes == UINT64_MAX ? 0 : bytes;
}

/* The last part of the path only: a folder that was moved holds the same run. */
static void add_stamp(void *user, const char *path, const struct stat *st)
{
	const char *name = strrchr(path, '/');

	oc_buf_printf(user, "%s %lld %lld.%09ld\n", name ? name + 1 : path, (long long)st->st_size,
	              (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

void oc_inputs_stamp(const struct oc_plan *plan, struct oc_buf *out)
{
	for (unsigned i = 0; i < plan->source_n; i++)
		if (each_file(&plan->sources[i], plan->base_dir ? plan->base_dir : ".", add_stamp,
		              out))
			oc_buf_printf(out, "%s: not a plain file\n", plan->sources[i].name);
}

void oc_inputs_note(struct oc_run *run, unsigned source, void *self)
{
	const struct oc_plan_source *s = &run->plan->sources[source];
	const struct oc_input *in;
	uint32_t n = oc_source_inputs(s->def, self, &in);
	struct oc_buf b = {0};
	char key[300], hex[33];

	oc_buf_putc(&b, '[');
	for (uint32_t i = 0; i < n; i++) {
		oc_hash128_hex(in[i].hash, hex);
		oc_buf_puts(&b, i ? ",{\"file\":" : "{\"file\":");
		oc_buf_json(&b, in[i].name);
		oc_buf_printf(&b, ",\"bytes\":%llu,\"rows\":%llu,\"hash\":\"%s\"}",
		              (unsigned long long)in[i].bytes, (unsigned long long)in[i].rows, hex);
	}
	oc_buf_putc(&b, ']');
	snprintf(key, sizeof key, "inputs:%s", s->name);
	oc_run_note(run, key, oc_buf_view(&b));
	oc_buf_fini(&b);
}
