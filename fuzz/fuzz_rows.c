/*
 * fuzz_rows.c: bytes as a JSONL file, an array file or a lineage line. What is read must print and
 * read again as the same; an edit must leave the other members' bytes; places must hold.
 */
#include <stdlib.h>
#include <unistd.h>

#include "data/format.h"
#include "data/row.h"
#include "pipe/source.h"

static void demand(bool truth)
{
	if (!truth)
		abort();
}

/* Printed, parsed and printed again: the same bytes, in both writers. */
static void fixpoint(struct oc_arena *a, yyjson_val *v,
                     void (*print)(struct oc_buf *, yyjson_val *))
{
	struct oc_buf one = {0}, two = {0};
	struct oc_err err = {0};

	print(&one, v);
	yyjson_val *again = oc_json_parse(a, oc_buf_view(&one), &err);
	demand(again != NULL);
	print(&two, again);
	demand(oc_str_eq(oc_buf_view(&one), oc_buf_view(&two)));
	oc_buf_fini(&one);
	oc_buf_fini(&two);
}

static void edit(struct oc_row *row)
{
	struct oc_arena *a = row->arena;
	struct oc_str before = row->raw, key, value, now;
	struct oc_err err = {0};
	size_t at = 0;

	if (oc_row_set(row, OC_LIT("fuzz"), OC_LIT("[1,\n2]"), &err))
		return; /* one level too deep */
	demand(oc_json_member(row->raw, OC_LIT("fuzz"), &value) && oc_str_is(value, "[1,2]"));
	while (oc_json_next(before, &at, &key, &value)) {
		yyjson_val *name = oc_json_parse(a, (struct oc_str){key.p - 1, key.len + 2}, &err);
		demand(name != NULL);
		if (oc_str_is(oc_json_str(name), "fuzz"))
			continue;
		demand(oc_json_member(row->raw, oc_json_str(name), &now) && oc_str_eq(now, value));
	}
}

static void check_row(struct oc_row *row)
{
	if (row->fate != OC_LIVE) {
		demand(row->verdict_n > 0);
		return;
	}
	demand(row->root && !memchr(row->raw.p, '\n', row->raw.len));
	fixpoint(row->arena, row->root, oc_json_write);
	fixpoint(row->arena, row->root, oc_json_canonical);
	int from = oc_format_detect(row->root);
	for (int to = 0; from >= 0 && to < OC_FORMAT_N; to++) {
		struct oc_buf out = {0}, why = {0};
		struct oc_err err = {0};
		int rc = oc_format_convert(row, (enum oc_format)from, (enum oc_format)to, &out,
		                           &why);
		demand(rc ? oc_json_parse(row->arena, oc_buf_view(&out), &err) != NULL
		          : why.len > 0 && !out.len);
		oc_buf_fini(&out);
		oc_buf_fini(&why);
	}
	edit(row);
}

static void check_lineage(struct oc_str text)
{
	struct oc_batch *b = oc_batch_new(2);
	struct oc_row *row = oc_batch_add(b), *again = oc_batch_add(b);
	struct oc_buf one = {0}, two = {0};
	struct oc_err err = {0};

	if (oc_pedigree_read(row, text, &err) == 0) {
		oc_pedigree_write(&one, row);
		/* A foreign line may hold members twice or values we would not write. */
		if (oc_pedigree_read(again, oc_buf_view(&one), &err) == 0) {
			oc_pedigree_write(&two, again);
			demand(oc_str_eq(oc_buf_view(&one), oc_buf_view(&two)));
		}
	}
	oc_buf_fini(&one);
	oc_buf_fini(&two);
	oc_batch_free(b);
}

static void check_source(const char *path)
{
	struct oc_env env = {.size = sizeof env, .name = "fuzz"};
	struct oc_arena *a = oc_arena_new();
	struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS);
	struct oc_err err = {0};
	struct oc_buf opts = {0};
	uint64_t rows = 0;
	void *self;

	oc_buf_printf(&opts, "{\"path\":\"%s\",\"max_row\":4096}", path);
	yyjson_val *o = oc_json_parse(a, oc_buf_view(&opts), &err);
	demand(oc_source_jsonl.open(&self, &env, o, &err) == 0);
	while (oc_source_jsonl.next(self, b, &err) > 0) {
		for (uint32_t i = 0; i < b->row_n; i++) {
			struct oc_row *row = &b->rows[i];
			demand(row->ped.row == rows++);
			if (row->fate == OC_LIVE)
				demand(oc_source_jsonl.parse(self, row, &err) == 0);
			check_row(row);
		}
		oc_batch_reset(b);
	}
	oc_source_jsonl.close(self);
	oc_buf_fini(&opts);
	oc_batch_free(b);
	oc_arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[] = "/tmp/fuzz-rows-XXXXXX";
	static int fd = -1;

	if (fd < 0)
		fd = mkstemp(path);
	demand(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	check_source(path);
	check_lineage((struct oc_str){(const char *)data, size});
	return 0;
}
