/*
 * fuzz_csv.c: bytes as a CSV file, and as a document to be cut into chunks. Rows are JSON with one
 * set of members; chunks lose and repeat nothing but what they may.
 */
#include <stdlib.h>
#include <unistd.h>

#include "data/row.h"
#include "pipe/chunk.h"
#include "pipe/source.h"

static void demand(bool truth)
{
	if (!truth)
		abort();
}

static void check_csv(const char *path, uint8_t how)
{
	struct oc_env env = {.size = sizeof env, .name = "fuzz"};
	struct oc_arena *a = oc_arena_new();
	struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS);
	struct oc_err err = {0};
	struct oc_buf opts = {0};
	size_t members = 0;
	uint64_t rows = 0;
	void *self;

	oc_buf_printf(
		&opts,
		"{\"path\":\"%s\",\"header\":%s,\"trim\":%s,\"delimiter\":\"%s\",\"nulls\":[\"?\"],"
		"\"max_row\":2048}",
		path, how & 1 ? "true" : "false", how & 2 ? "true" : "false",
		how & 4   ? ";"
		: how & 8 ? "tab"
			  : ",");
	yyjson_val *o = oc_json_parse(a, oc_buf_view(&opts), &err);
	if (oc_source_csv.open(&self, &env, o, &err)) {
		demand(err.code == OC_INPUT && err.msg[0]);
		goto out;
	}
	while (oc_source_csv.next(self, b, &err) > 0) {
		for (uint32_t i = 0; i < b->row_n; i++) {
			struct oc_row *row = &b->rows[i];
			demand(row->ped.row == rows++);
			if (row->fate == OC_LIVE)
				demand(oc_source_csv.parse(self, row, &err) == 0);
			demand((row->fate == OC_LIVE) == (row->root != NULL));
			if (!row->root)
				continue;
			demand(!members || yyjson_obj_size(row->root) == members);
			members = yyjson_obj_size(row->root);
		}
		oc_batch_reset(b);
	}
	oc_source_csv.close(self);
out:
	oc_buf_fini(&opts);
	oc_batch_free(b);
	oc_arena_free(a);
}

static bool is_blank(const char *p, size_t from, size_t to)
{
	for (; from < to; from++)
		if (!(p[from] == ' ' || (p[from] >= '\t' && p[from] <= '\r')))
			return false;
	return true;
}

static void check_chunks(struct oc_str text, uint8_t how, uint8_t size)
{
	struct oc_chunk_opts o = {.by = (enum oc_chunk_by)(how % 3),
	                          .tokens = 4u + size % 64,
	                          .pack = how & 16,
	                          .markdown = how & 32};
	o.overlap = how & 64 ? o.tokens / 3 : 0;
	struct oc_chunker *c = oc_chunker_new(text, &o);
	struct oc_chunk k;
	size_t at = 0;

	while (oc_chunker_next(c, &k)) {
		demand(k.start <= k.core && at <= k.core && k.core < k.end && k.end <= text.len);
		demand(is_blank(text.p, at, k.core));
		demand(k.end - k.start <= o.tokens * OC_TOKEN_BYTES);
		at = k.end;
	}
	demand(is_blank(text.p, at, text.len));
	oc_chunker_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[] = "/tmp/fuzz-csv-XXXXXX";
	static int fd = -1;

	if (size < 2)
		return 0;
	if (fd < 0)
		fd = mkstemp(path);
	demand(fd >= 0 && ftruncate(fd, 0) == 0 &&
	       pwrite(fd, data + 2, size - 2, 0) == (ssize_t)(size - 2));
	check_csv(path, data[0]);
	check_chunks((struct oc_str){(const char *)data + 2, size - 2}, data[0], data[1]);
	return 0;
}
