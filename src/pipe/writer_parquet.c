#include "pipe/writer_parquet.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "pipe/duck_child.h"

#define GROUP_BYTES ((uint64_t)64 << 20)
#define GROUP_LEAST 2048   /* rows; the library's smallest step */
#define GROUP_MOST  122880 /* its default */
#define LINE_LEAST  ((uint64_t)1 << 20)

/* What the library must be told of one file. */
struct shape {
	uint64_t rows, bytes, longest;
};

/* Widens the columns by a file's rows. */
static int see_file(struct oc_ctx *ctx, struct oc_parquet_types *types, const char *path,
                    struct shape *shape, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = -1;

	if (!f) {
		oc_fail_errno(err, path, "cannot open");
		goto out;
	}
	while ((n = getline(&line, &cap, f)) > 0) {
		struct oc_str text = {line, (size_t)n - (line[n - 1] == '\n')};
		yyjson_val *row = oc_json_parse(a, text, err);
		if (!row)
			goto out;
		oc_parquet_types_see(types, row);
		shape->rows++;
		shape->bytes += text.len;
		shape->longest = text.len > shape->longest ? text.len : shape->longest;
		oc_arena_reset(a);
		if (shape->rows % 1024 == 0 && oc_cancelled(ctx)) {
			oc_fail(err, OC_CANCELLED, NULL, "interrupted");
			goto out;
		}
	}
	if (ferror(f)) {
		oc_fail_errno(err, path, "cannot read");
		goto out;
	}
	rc = 0;
out:
	free(line);
	if (f)
		fclose(f);
	oc_arena_free(a);
	return rc;
}

static uint64_t group_rows(const struct shape *s)
{
	uint64_t each = s->rows ? s->bytes / s->rows + 1 : 1;
	uint64_t rows = GROUP_BYTES / each / GROUP_LEAST * GROUP_LEAST;

	return rows < GROUP_LEAST ? GROUP_LEAST : rows > GROUP_MOST ? GROUP_MOST : rows;
}

static int write_one(struct oc_duck_session *duck, const struct oc_parquet_file *file,
                     const struct shape *shape, struct oc_str columns, struct oc_err *err)
{
	uint64_t longest = shape->longest + 2 < LINE_LEAST ? LINE_LEAST : shape->longest + 2;
	struct oc_buf q = {0};
	struct oc_frame f;

	oc_buf_puts(&q, "{\"file\":");
	oc_buf_json(&q, oc_str(file->rows));
	oc_buf_puts(&q, ",\"to\":");
	oc_buf_json(&q, oc_str(file->parquet));
	oc_buf_puts(&q, ",\"columns\":");
	oc_buf_str(&q, columns);
	oc_buf_printf(&q, ",\"longest\":%llu,\"group\":%llu}", (unsigned long long)longest,
	              (unsigned long long)group_rows(shape));
	int rc = oc_duck_session_send(duck, OC_DUCK_WRITE, oc_buf_view(&q), err) ||
	                         oc_duck_session_next(duck, &f, err)
	                 ? -1
	                 : 0;
	oc_buf_fini(&q);
	return rc;
}

static int sync_file(const char *path, struct oc_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? oc_fail_errno(err, path, "cannot sync") : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

int oc_parquet_write(struct oc_ctx *ctx, const struct oc_parquet_file *files, unsigned n,
                     struct oc_err *err)
{
	struct oc_parquet_types *types = oc_parquet_types_new();
	struct shape *shapes = oc_zalloc(n + 1, sizeof *shapes);
	struct oc_duck_session *duck = NULL;
	struct oc_buf columns = {0};
	int rc = -1;

	for (unsigned i = 0; i < n; i++)
		if (see_file(ctx, types, files[i].rows, &shapes[i], err))
			goto out;
	if (oc_parquet_types_write(types, &columns, err) ||
	    oc_duck_session_open(&duck, ctx, ctx->memory, err))
		goto out;
	for (unsigned i = 0; i < n; i++)
		if (write_one(duck, &files[i], &shapes[i], oc_buf_view(&columns), err) ||
		    sync_file(files[i].parquet, err))
			goto out;
	rc = 0;
out:
	oc_duck_session_close(duck);
	for (unsigned i = 0; rc && i < n; i++)
		unlink(files[i].parquet);
	oc_buf_fini(&columns);
	oc_parquet_types_free(types);
	free(shapes);
	return rc;
}
