/*
 * Counts the rows of a file that a stage would keep, with nothing but the public header:
 *
 *   cc count.c $(pkg-config --cflags --libs outcross) -o count
 *   ./count rows.jsonl words '{"field": "question", "min": 5}'
 */
#include <outcross.h>
#include <stdio.h>

static int fail(const struct oc_err *err)
{
	fprintf(stderr, "%s%s%s\n", err->where, err->where[0] ? ": " : "", err->msg);
	return oc_err_exit(err->code);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: count FILE STAGE [OPTIONS AS JSON]\n");
		return 2;
	}
	const struct oc_source_def *jsonl = oc_source_by_name("jsonl");
	const struct oc_stage_def *stage = oc_stage_by_name(argv[2]);
	if (!stage || stage->kind != OC_STAGE_ROW) {
		fprintf(stderr, "%s is not a stage that looks at one row\n", argv[2]);
		return 2;
	}

	struct oc_err err = {0};
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_arena *arena = oc_arena_new(); /* holds the options */
	struct oc_env env = {.size = sizeof env, .ctx = ctx, .name = argv[2], .base_dir = "."};
	struct oc_batch *batch = oc_batch_new(OC_BATCH_ROWS);
	void *source = NULL, *self = NULL, *scratch = NULL;
	unsigned long rows = 0, kept = 0;
	char path[4200];
	int more = -1;

	snprintf(path, sizeof path, "{\"path\": \"%s\"}", argv[1]);
	struct yyjson_val *from = oc_options_read(arena, jsonl->options, path, &err);
	struct yyjson_val *how =
		oc_options_read(arena, stage->options, argc > 3 ? argv[3] : NULL, &err);
	if (!from || !how || jsonl->open(&source, &env, from, &err) ||
	    stage->open(&self, &env, how, &err))
		goto out;
	if (stage->scratch_new)
		scratch = stage->scratch_new(self);
	do {
		oc_batch_reset(batch);
		more = jsonl->next(source, batch, &err);
		for (uint32_t i = 0; more >= 0 && i < batch->row_n; i++) {
			struct oc_row *row = &batch->rows[i];
			oc_row_parse(row, &err);
			if (row->fate == OC_LIVE && stage->row(self, scratch, row, &err))
				more = -1;
			rows++;
			kept += row->fate == OC_LIVE;
		}
	} while (more > 0);
out:
	if (scratch)
		stage->scratch_free(scratch);
	if (self)
		stage->close(self);
	if (source)
		jsonl->close(source);
	oc_batch_free(batch);
	oc_arena_free(arena);
	oc_ctx_free(ctx);
	if (more < 0)
		return fail(&err);
	printf("%lu of %lu rows kept\n", kept, rows);
	return 0;
}
