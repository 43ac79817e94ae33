#include "feed.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "data/opts.h"

static char dir[4096];
struct oc_ctx *feed_ctx;

const char *feed_dir(void)
{
	if (!dir[0]) {
		const char *tmp = getenv("TMPDIR");
		snprintf(dir, sizeof dir, "%s/outcross-test-XXXXXX", tmp ? tmp : "/tmp");
		if (!mkdtemp(dir))
			fail_msg("mkdtemp %s", dir);
	}
	return dir;
}

void feed_clean(void)
{
	struct oc_err err = {0};

	if (dir[0])
		oc_remove_tree(dir, &err);
	dir[0] = 0;
}

static void path_of(char path[static 4200], const char *name)
{
	snprintf(path, 4200, "%s/%s", feed_dir(), name);
}

void feed_put(const char *name, struct oc_str bytes)
{
	char path[4200];

	path_of(path, name);
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(bytes.p ? bytes.p : "", 1, bytes.len, f) != bytes.len || fclose(f))
		fail_msg("cannot write %s", path);
}

struct oc_buf feed_get(const char *name)
{
	struct oc_buf b = {0};
	struct oc_err err = {0};
	char path[4200];

	path_of(path, name);
	if (oc_file_read(path, SIZE_MAX >> 1, &b, &err))
		fail_msg("%s: %s", path, err.msg);
	return b;
}

int feed_open(struct feed *f, const struct oc_source_def *def, const char *opts)
{
	*f = (struct feed){.def = def, .arena = oc_arena_new()};
	struct oc_env env = {.size = sizeof env,
	                     .ctx = feed_ctx,
	                     .name = "test",
	                     .base_dir = feed_dir(),
	                     .work_dir = feed_dir(),
	                     .memory = 64 << 20};
	yyjson_val *given = oc_json_parse(f->arena, oc_str(opts), &f->err);
	yyjson_val *full = given ? oc_opts_resolve(f->arena, def->options, given, "source", NULL,
	                                           NULL, &f->err)
	                         : NULL;
	return full ? def->open(&f->self, &env, full, &f->err) : -1;
}

int feed_read(struct feed *f)
{
	struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS);
	int rc;

	while ((rc = f->def->next(f->self, b, &f->err)) > 0 || (rc == 0 && b->row_n)) {
		f->rows = oc_realloc(f->rows, (f->n + b->row_n) * sizeof *f->rows);
		for (uint32_t i = 0; i < b->row_n; i++) {
			struct oc_row *row = &b->rows[i];
			if (row->fate == OC_LIVE)
				assert_int_equal(f->def->parse
				                         ? f->def->parse(f->self, row, &f->err)
				                         : oc_row_parse(row, &f->err),
				                 0);
			oc_row_copy(&f->rows[f->n++], row, f->arena);
		}
		f->after = oc_realloc(f->after, (f->batch_n + 1) * sizeof *f->after);
		f->batch_end = oc_realloc(f->batch_end, (f->batch_n + 1) * sizeof *f->batch_end);
		f->after[f->batch_n] = b->after;
		f->batch_end[f->batch_n++] = f->n;
		oc_batch_reset(b);
		if (rc == 0)
			break;
	}
	oc_batch_free(b);
	return rc;
}

void feed_close(struct feed *f)
{
	if (f->self)
		f->def->close(f->self);
	oc_arena_free(f->arena);
	free(f->rows);
	free(f->after);
	free(f->batch_end);
}

void feed_all(struct feed *f, const struct oc_source_def *def, const char *opts)
{
	if (feed_open(f, def, opts) || feed_read(f))
		fail_msg("%s: %s", f->err.where, f->err.msg);
}
