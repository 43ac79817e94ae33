/* cells.c: what prompts ask for in turn, and the quotas of `stratify`. */
#include "base/err.h"
#include "generate/recipe_in.h"

#define MAX_ASK 4096

static bool same_text(yyjson_val *a, yyjson_val *b)
{
	struct oc_buf x = {0}, y = {0};
	bool same;

	oc_value_text(&x, a);
	oc_value_text(&y, b);
	same = oc_str_eq(oc_buf_view(&x), oc_buf_view(&y));
	oc_buf_fini(&x);
	oc_buf_fini(&y);
	return same;
}

static bool in_cell(const struct oc_recipe *r, const struct oc_cell *c, yyjson_val *value)
{
	for (size_t i = 0; i < r->cell_field_n; i++)
		if (!same_text(oc_json_path(c->value, r->cell_field[i]),
		               oc_json_path(value, r->cell_field[i])))
			return false;
	return true;
}

/* Every combination of the lists, the last list turning fastest. */
static int combine(struct oc_recipe *r, yyjson_val *lists, struct oc_err *err)
{
	size_t total = 1, i, n;
	yyjson_val *key, *val;
	struct oc_buf b = {0};
	int rc = -1;

	yyjson_obj_foreach(lists, i, n, key, val)
	{
		total *= yyjson_arr_size(val);
		if (total > MAX_ASK)
			return oc_fail(err, OC_PLAN, r->name,
			               "prompt: ask has more than %d combinations", MAX_ASK);
	}
	r->ask = oc_arena_zalloc(r->arena, total * sizeof(yyjson_val *));
	for (size_t c = 0; yyjson_obj_size(lists) && c < total; c++) {
		size_t rest = c, span = total;
		b.len = 0;
		oc_buf_putc(&b, '{');
		yyjson_obj_foreach(lists, i, n, key, val)
		{
			size_t len = yyjson_arr_size(val);
			if (!len) /* refused before; keeps the division safe by itself */
				goto out;
			span /= len;
			oc_buf_puts(&b, i ? "," : "");
			oc_buf_json(&b, oc_json_str(key));
			oc_buf_putc(&b, ':');
			oc_json_write(&b, yyjson_arr_get(val, rest / span));
			rest %= span;
		}
		oc_buf_putc(&b, '}');
		r->ask[r->ask_n] = oc_json_parse(r->arena, oc_buf_view(&b), err);
		if (!r->ask[r->ask_n++])
			goto out;
	}
	rc = 0;
out:
	oc_buf_fini(&b);
	return rc;
}

int oc_cells_open(struct oc_recipe *r, yyjson_val *ask, yyjson_val *stratify, struct oc_err *err)
{
	yyjson_val *list = oc_json_get(ask, "digits"), *v;
	size_t i, n;

	if (combine(r, ask, err))
		return -1;
	yyjson_arr_foreach(list, i, n, v)
	{
		struct oc_buf b = {0};
		oc_value_text(&b, v);
		int d = b.len == 1 ? *b.p - '0' : b.len == 2 ? 10 * (*b.p - '0') + b.p[1] - '0' : 0;
		if (d > 0 && d <= OC_SUM_SIZES)
			r->asked_digits |= 1u << (d - 1);
		oc_buf_fini(&b);
	}
	r->cell_field =
		oc_arena_zalloc(r->arena, (yyjson_arr_size(stratify) + 1) * sizeof *r->cell_field);
	yyjson_arr_foreach(stratify, i, n, v)
	{
		if (yyjson_equals_str(v, "none"))
			continue;
		r->cell_field[r->cell_field_n++] = oc_json_str(v);
		if (!oc_json_get(ask, yyjson_get_str(v)))
			return oc_fail(err, OC_PLAN, r->name,
			               "stratify: `%s` is nothing the prompts ask for in turn",
			               yyjson_get_str(v));
	}
	if (!r->cell_field_n)
		return 0;
	if (!r->rows)
		return oc_fail(err, OC_PLAN, r->name, "stratify needs a number of `rows`");
	r->cell = oc_arena_zalloc(r->arena, (r->ask_n + 1) * sizeof *r->cell);
	for (i = 0; i < r->ask_n; i++) {
		bool known = false;
		for (size_t k = 0; k < r->cell_n && !known; k++)
			known = in_cell(r, &r->cell[k], r->ask[i]);
		if (!known)
			r->cell[r->cell_n++].value = r->ask[i];
	}
	/* equal quotas; the first cells take what does not divide */
	for (i = 0; i < r->cell_n; i++)
		r->cell[i].quota = r->rows / r->cell_n + (i < r->rows % r->cell_n);
	return 0;
}

bool oc_cells_place(struct oc_recipe *r, yyjson_val *value, struct oc_cell **cell)
{
	*cell = NULL;
	if (!r->cell_n)
		return true;
	for (size_t i = 0; i < r->cell_n && !*cell; i++)
		if (in_cell(r, &r->cell[i], value))
			*cell = &r->cell[i];
	return *cell != NULL;
}

bool oc_cells_full(const struct oc_recipe *r)
{
	for (size_t i = 0; i < r->cell_n; i++)
		if (r->cell[i].kept < r->cell[i].quota)
			return false;
	return r->cell_n > 0;
}

yyjson_val *oc_cells_ask(struct oc_recipe *r)
{
	for (size_t tries = 0; tries < r->ask_n; tries++) {
		yyjson_val *ask = r->ask[r->turn++ % r->ask_n];
		struct oc_cell *cell;
		if (!oc_cells_place(r, ask, &cell) || !cell || cell->kept < cell->quota)
			return ask;
	}
	return r->ask_n ? r->ask[r->turn++ % r->ask_n] : NULL;
}
