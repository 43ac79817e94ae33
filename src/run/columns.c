#include "run/columns.h"

#include <stdlib.h>

#include "base/err.h"

#define COLUMN_MAX 4096

static const char *const type_names[] = {"null", "bool", "number", "string", "list", "object"};

struct column {
	struct oc_str name;
	unsigned type;       /* index into type_names; 0 until a value that is not null came */
	bool fraction;       /* of a number: some value is not whole, or beyond 63 bits */
	struct oc_str first; /* key of the row that fixed the type */
};

struct oc_columns {
	struct oc_arena *arena;
	yyjson_val *chosen;
	struct column *list;
	unsigned n;
	struct oc_str first; /* key of the first row */
};

struct oc_columns *oc_columns_new(yyjson_val *chosen)
{
	struct oc_columns *c = oc_zalloc(1, sizeof *c);

	c->arena = oc_arena_new();
	c->chosen = yyjson_arr_size(chosen) ? chosen : NULL;
	return c;
}

void oc_columns_free(struct oc_columns *c)
{
	if (!c)
		return;
	oc_arena_free(c->arena);
	free(c->list);
	free(c);
}

int oc_columns_project(const struct oc_columns *c, struct oc_row *row, struct oc_err *err)
{
	struct oc_buf out = {0};
	size_t i, n;
	yyjson_val *name;

	if (!c->chosen)
		return 0;
	oc_buf_putc(&out, '{');
	yyjson_arr_foreach(c->chosen, i, n, name)
	{
		struct oc_str key = oc_json_str(name), value;
		if (i)
			oc_buf_putc(&out, ',');
		oc_buf_json(&out, key);
		oc_buf_putc(&out, ':');
		oc_buf_str(&out, oc_json_member(row->raw, key, &value) ? value : OC_LIT("null"));
	}
	oc_buf_putc(&out, '}');
	if (!oc_str_eq(oc_buf_view(&out), row->raw)) {
		row->raw = oc_arena_str(row->arena, oc_buf_view(&out));
		row->root = NULL;
		row->view = NULL;
		row->changed = true;
	}
	oc_buf_fini(&out);
	return row->root ? 0 : oc_row_parse(row, err);
}

static unsigned type_of(yyjson_val *v)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_BOOL: return 1;
	case YYJSON_TYPE_RAW:
	case YYJSON_TYPE_NUM: return 2;
	case YYJSON_TYPE_STR: return 3;
	case YYJSON_TYPE_ARR: return 4;
	case YYJSON_TYPE_OBJ: return 5;
	default: return 0;
	}
}

/* Loaders take whole numbers for int64, and cannot take a fraction that comes later. */
static bool is_fraction(yyjson_val *v)
{
	return yyjson_is_raw(v) || yyjson_is_real(v) ||
	       (yyjson_is_uint(v) && yyjson_get_uint(v) > INT64_MAX);
}

static void declare(struct oc_columns *c, const struct oc_row *row)
{
	size_t i, n;
	yyjson_val *key, *value;

	c->first = oc_arena_str(c->arena, row->ped.key);
	c->list = oc_zalloc(yyjson_obj_size(row->root), sizeof *c->list);
	yyjson_obj_foreach(row->root, i, n, key, value)
	{
		if (c->n == COLUMN_MAX)
			break;
		c->list[c->n++] = (struct column){oc_arena_str(c->arena, oc_json_str(key)),
		                                  type_of(value), is_fraction(value), c->first};
	}
}

int oc_columns_check(struct oc_columns *c, const struct oc_row *row, struct oc_err *err)
{
	size_t i, n;
	yyjson_val *key, *value;

	if (!c->first.len) {
		declare(c, row);
		return 0;
	}
	yyjson_obj_foreach(row->root, i, n, key, value)
	{
		struct oc_str name = oc_json_str(key);
		unsigned type = type_of(value), at = (unsigned)i;
		/* Rows mostly have their members in the same order. */
		if (at >= c->n || !oc_str_eq(c->list[at].name, name))
			for (at = 0; at < c->n && !oc_str_eq(c->list[at].name, name); at++)
				;
		if (at == c->n && (!type || type == 2) && oc_str_is(name, "weight")) {
			c->list = oc_realloc(c->list, (c->n + 1) * sizeof *c->list);
			c->list[c->n++] = (struct column){OC_LIT("weight"), type, false,
			                                  oc_arena_str(c->arena, row->ped.key)};
		}
		if (at == c->n)
			return oc_fail(err, OC_GATE, "output",
			               "row %.*s has a column \"%.*s\" that row %.*s has not: give "
			               "all sources "
			               "one format (output: {format: ...}) or choose columns "
			               "(output: {columns: "
			               "[...]})",
			               OC_ARG(row->ped.key), OC_ARG(name), OC_ARG(c->first));
		struct column *col = &c->list[at];
		if (!col->type && type) {
			col->type = type;
			col->first = oc_arena_str(c->arena, row->ped.key);
		}
		col->fraction |= is_fraction(value);
		if (type && type != col->type)
			return oc_fail(err, OC_GATE, "output",
			               "column \"%.*s\" is a %s in row %.*s and a %s in row %.*s: "
			               "one column has "
			               "one type; change the source or choose columns (output: "
			               "{columns: [...]})",
			               OC_ARG(name), type_names[col->type], OC_ARG(col->first),
			               type_names[type], OC_ARG(row->ped.key));
	}
	return 0;
}

void oc_columns_write(const struct oc_columns *c, struct oc_buf *b)
{
	oc_buf_putc(b, '[');
	for (unsigned i = 0; i < c->n; i++) {
		oc_buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
		oc_buf_json(b, c->list[i].name);
		oc_buf_printf(b, ",\"type\":\"%s\"", type_names[c->list[i].type]);
		if (c->list[i].type == 2)
			oc_buf_printf(b, ",\"whole\":%s", c->list[i].fraction ? "false" : "true");
		oc_buf_putc(b, '}');
	}
	oc_buf_putc(b, ']');
}
