#include "run/look.h"

#include <sys/stat.h>

#include "base/err.h"
#include "data/row.h"
#include "pipe/source.h"
#include "text/utf8.h"

#define BATCHES       4  /* at most 2,048 rows and some 4 MiB */
#define EXAMPLE_BYTES 60 /* of a field's first string */

static struct oc_look_field *field_of(struct oc_look *out, struct oc_arena *a, struct oc_str name)
{
	for (unsigned i = 0; i < out->field_n; i++)
		if (oc_str_eq(out->fields[i].name, name))
			return &out->fields[i];
	if (out->field_n == OC_LOOK_FIELDS)
		return NULL;
	out->fields[out->field_n] = (struct oc_look_field){.name = oc_arena_str(a, name)};
	return &out->fields[out->field_n++];
}

static void count_fields(struct oc_look *out, struct oc_arena *a, const struct oc_row *row)
{
	size_t i, n;
	yyjson_val *key, *val;

	yyjson_obj_foreach(row->root, i, n, key, val)
	{
		struct oc_look_field *f = field_of(out, a, oc_json_str(key));
		struct oc_str s = oc_json_str(val);
		if (!f)
			continue;
		f->rows++;
		if (!yyjson_is_str(val))
			continue;
		f->strings++;
		f->bytes += s.len;
		if (f->example.len == 0 && s.len > 0)
			f->example = oc_arena_str(a, oc_utf8_cut(s, EXAMPLE_BYTES));
	}
}

static void note_bad(struct oc_look *out, struct oc_arena *a, const struct oc_row *row)
{
	const struct oc_verdict *v = row->verdict_n ? &row->verdicts[row->verdict_n - 1] : NULL;

	if (out->bad++ > 0)
		return;
	out->first_bad = oc_arena_printf(
		a, "row %llu: %.*s %.*s", (unsigned long long)row->ped.row + 1,
		OC_ARG(v ? v->rule : OC_LIT("bad")),
		v && v->evidence.len < 300 ? (int)v->evidence.len : 0, v ? v->evidence.p : "");
}

static int look_at(struct oc_look *out, struct oc_arena *a, const struct oc_source_def *def,
                   void *self, struct oc_batch *batch, struct oc_err *err)
{
	for (uint32_t i = 0; i < batch->row_n; i++) {
		struct oc_row *row = &batch->rows[i];
		out->rows++;
		out->row_bytes += row->raw.len;
		if (row->fate == OC_LIVE && !row->root &&
		    (def->parse ? def->parse(self, row, err) : oc_row_parse(row, err)) < 0)
			return -1;
		if (row->fate != OC_LIVE || !row->root) {
			note_bad(out, a, row);
			continue;
		}
		count_fields(out, a, row);
		if (!out->first)
			out->first = oc_json_parse(a, row->raw, err);
	}
	return 0;
}

/* Rows of the whole source, by the share of its bytes that was read. */
static void estimate(struct oc_look *out, const struct oc_source_def *def, void *self)
{
	const struct oc_input *inputs;
	uint32_t n = oc_source_inputs(def, self, &inputs);
	double read = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct stat st;
		if (stat(inputs[i].path, &st) == 0)
			out->bytes += (double)st.st_size;
		read += (double)inputs[i].bytes;
	}
	if (out->whole)
		out->estimate = (double)out->rows;
	else if (read > 0)
		out->estimate = (double)out->rows * out->bytes / read;
}

int oc_look(struct oc_look *out, struct oc_arena *a, struct oc_ctx *ctx,
            const struct oc_source_def *def, yyjson_val *opts, const char *name,
            const char *base_dir, struct oc_err *err)
{
	struct oc_env env = {.size = sizeof env,
	                     .ctx = ctx,
	                     .name = name,
	                     .base_dir = base_dir,
	                     .seed = 1,
	                     .memory = ctx->memory};
	struct oc_batch *batch = oc_batch_new(OC_BATCH_ROWS);
	void *self = NULL;
	int rc = -1;

	*out = (struct oc_look){0};
	if (def->open(&self, &env, opts, err) < 0)
		goto out;
	for (int i = 0; i < BATCHES && !out->whole; i++) {
		int more;
		oc_batch_reset(batch);
		more = def->next(self, batch, err);
		if (more < 0 || look_at(out, a, def, self, batch, err) < 0)
			goto out;
		out->whole = more == 0;
	}
	estimate(out, def, self);
	rc = 0;
out:
	if (self)
		def->close(self);
	oc_batch_free(batch);
	return rc;
}
