#include "pipe/parquet_lines.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "pipe/duck_child.h"

#define MEMORY ((uint64_t)512 << 20) /* of the child */
#define ROW    256000000             /* bytes of a row */

/* What is left of the frame at hand. */
struct stream {
	struct oc_ctx *ctx;
	struct oc_duck_session *duck;
	struct oc_frame frame;
	uint32_t row, row_n;
	struct oc_str bytes; /* of row `row`, then of the rows behind it */
	uint32_t left;       /* bytes of that row still to be given, its newline too */
	bool end;
};

static int stream_close(void *cookie)
{
	struct stream *s = cookie;

	oc_duck_session_close(s->duck);
	oc_ctx_free(s->ctx);
	free(s);
	return 0;
}

/* 1: a row is at hand; 0: the end. */
static int next_row(struct stream *s, struct oc_err *err)
{
	struct oc_duck_rows head;
	struct oc_duck_row row;

	while (s->row == s->row_n) {
		if (s->end)
			return 0;
		if (oc_duck_session_next(s->duck, &s->frame, err))
			return -1;
		s->end = s->frame.type == OC_DUCK_DONE;
		if (s->end)
			return 0;
		memcpy(&head, s->frame.data.p, sizeof head);
		s->row = 0;
		s->row_n = head.n;
		s->bytes.p = s->frame.data.p + sizeof head + head.n * sizeof row;
	}
	memcpy(&row, s->frame.data.p + sizeof head + s->row++ * sizeof row, sizeof row);
	if (row.bad || row.len != row.whole)
		return oc_fail(err, OC_INPUT, NULL, "a row cannot be read");
	s->left = row.len + 1;
	return 1;
}

static ssize_t stream_read(void *cookie, char *p, size_t cap)
{
	struct stream *s = cookie;
	struct oc_err err = {0};
	size_t n = 0;

	while (n < cap) {
		int rc = s->left ? 1 : next_row(s, &err);
		if (rc < 0) {
			errno = EIO;
			return -1;
		}
		if (rc == 0)
			break;
		size_t take = s->left - 1 < cap - n ? s->left - 1 : cap - n;
		memcpy(p + n, s->bytes.p, take);
		s->bytes.p += take;
		n += take;
		s->left -= (uint32_t)take;
		if (s->left == 1 && n < cap) {
			p[n++] = '\n';
			s->left = 0;
		}
	}
	return (ssize_t)n;
}

static FILE *open_parquet(const char *path, struct oc_err *err)
{
	static const cookie_io_functions_t calls = {.read = stream_read, .close = stream_close};
	struct stream *s = oc_zalloc(1, sizeof *s);
	struct oc_buf q = {0};
	FILE *f = NULL;

	s->ctx = oc_ctx_new(1, 0);
	oc_buf_puts(&q, "{\"file\":");
	oc_buf_json(&q, oc_str(path));
	oc_buf_printf(&q, ",\"all\":true,\"max_row\":%d}", ROW);
	if (oc_duck_session_open(&s->duck, s->ctx, MEMORY, err) ||
	    oc_duck_session_send(s->duck, OC_DUCK_READ, oc_buf_view(&q), err))
		stream_close(s);
	else if (!(f = fopencookie(s, "r", calls)))
		oc_oom(sizeof *s);
	oc_buf_fini(&q);
	return f;
}

static bool is_parquet(const char *path)
{
	size_t n = strlen(path), m = strlen(".parquet");

	return n > m && strcmp(path + n - m, ".parquet") == 0;
}

FILE *oc_rows_open(const char *path, struct oc_err *err)
{
	if (is_parquet(path))
		return open_parquet(path, err);
	FILE *f = fopen(path, "re");
	if (!f)
		oc_fail_errno(err, path, "cannot open");
	return f;
}

bool oc_rows_lineage(const char *path, char out[4096])
{
	const char *slash = strrchr(path, '/'), *dir = slash;

	while (dir && dir > path && dir[-1] != '/')
		dir--;
	if (!dir || slash - dir != 4 || memcmp(dir, "data", 4) != 0)
		return false;
	size_t keep = strlen(slash) - (is_parquet(path) ? strlen(".parquet") : 0);
	int n = snprintf(out, 4096, "%.*slineage%.*s%s", (int)(dir - path), path, (int)keep, slash,
	                 is_parquet(path) ? ".jsonl" : "");
	return n > 0 && n < 4096;
}
