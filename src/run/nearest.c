#include "run/nearest.h"

#include <stdlib.h>

#include "index/rouge.h"
#include "run/lookup.h"

struct nearest {
	struct oc_rouge *index;
	struct oc_arena *arena, *line; /* of the rows kept; of one row */
	struct oc_str *keys, *rows;    /* (n) */
	uint32_t n;
};

static struct oc_words tokens(struct oc_arena *a, struct oc_str raw, struct oc_err *err)
{
	struct oc_row row = {.raw = raw, .arena = a};

	if (oc_row_parse(&row, err))
		return (struct oc_words){0};
	return oc_text_rouge(a, oc_text_lower(a, oc_view_text(&row, OC_LIT(""))));
}

static int add(void *user, const struct oc_found *f, struct oc_err *err)
{
	struct nearest *x = user;
	struct oc_str origin;

	if (!oc_json_member(f->lineage, OC_LIT("origin"), &origin) ||
	    !oc_str_is(origin, "\"real\""))
		return 0;
	oc_arena_reset(x->line);
	struct oc_words words = tokens(x->line, f->row, err);
	oc_rouge_add(x->index, &words);
	x->keys[x->n] = oc_arena_str(x->arena, f->key);
	x->rows[x->n++] = oc_arena_str(x->arena, f->row);
	return x->n == OC_NEAREST_REAL;
}

int oc_nearest_write(struct oc_buf *b, const char *dir, yyjson_val *examples, struct oc_err *err)
{
	struct nearest x = {.index = oc_rouge_new(0.7),
	                    .arena = oc_arena_new(),
	                    .line = oc_arena_new(),
	                    .keys = oc_alloc(OC_NEAREST_REAL * sizeof *x.keys),
	                    .rows = oc_alloc(OC_NEAREST_REAL * sizeof *x.rows)};
	struct oc_buf raw = {0};
	yyjson_val *e;
	size_t i, n = yyjson_arr_size(examples);
	int rc = n ? oc_lookup_each(dir, 1u << OC_TRAIN, add, &x, err) : 0;

	oc_buf_putc(b, '[');
	yyjson_arr_foreach(examples, i, n, e)
	{
		struct oc_rouge_hit hit;
		double mean;
		oc_arena_reset(x.line);
		raw.len = 0;
		oc_json_write(&raw, oc_json_get(e, "row"));
		struct oc_words words = tokens(x.line, oc_buf_view(&raw), err);
		oc_buf_puts(b, i ? ",{\"key\":" : "{\"key\":");
		oc_buf_json(b, oc_json_get_str(e, "key"));
		oc_buf_puts(b, ",\"row\":");
		oc_buf_str(b, oc_buf_view(&raw));
		if (oc_rouge_top(x.index, &words, &hit, 1, &mean)) {
			oc_buf_puts(b, ",\"nearest\":{\"key\":");
			oc_buf_json(b, x.keys[hit.item]);
			oc_buf_puts(b, ",\"rouge_l\":");
			oc_buf_double(b, hit.f);
			oc_buf_puts(b, ",\"row\":");
			oc_buf_str(b, x.rows[hit.item]);
			oc_buf_putc(b, '}');
		}
		oc_buf_putc(b, '}');
	}
	oc_buf_putc(b, ']');
	oc_buf_fini(&raw);
	free(x.keys);
	free(x.rows);
	oc_rouge_free(x.index);
	oc_arena_free(x.arena);
	oc_arena_free(x.line);
	return rc;
}
