#include "pipe/parquet_types.h"

#include <stdlib.h>
#include <strings.h>

#include "base/err.h"

#define DEPTH_MAX  32
#define MEMBER_MAX 256  /* of a struct inside a row */
#define COLUMN_MAX 4096 /* of a row */
#define EXACT      ((uint64_t)1 << 53)

enum kind { NOTHING, BOOLEAN, INTEGER, DOUBLE, TEXT, LIST, STRUCT, JSON };

struct type {
	enum kind kind;
	bool negative, large, inexact; /* integers met: below 0, above 2^63-1, beyond 2^53 */
	bool fraction;                 /* and numbers that are none */
	struct oc_str *names;          /* (n) STRUCT */
	struct type **parts;           /* (n) STRUCT; (1) LIST */
	unsigned n, cap;
};

struct oc_parquet_types {
	struct oc_arena *arena;
	struct type row;
};

struct oc_parquet_types *oc_parquet_types_new(void)
{
	struct oc_parquet_types *t = oc_zalloc(1, sizeof *t);

	t->arena = oc_arena_new();
	t->row.kind = STRUCT;
	return t;
}

void oc_parquet_types_free(struct oc_parquet_types *t)
{
	if (!t)
		return;
	oc_arena_free(t->arena);
	free(t);
}

static struct type *part(struct oc_parquet_types *t, struct type *of, struct oc_str name)
{
	if (of->n == of->cap) {
		unsigned cap = of->cap ? of->cap * 2 : 4;
		of->names = oc_arena_resize(t->arena, of->names, of->cap * sizeof *of->names,
		                            cap * sizeof *of->names);
		of->parts = oc_arena_resize(t->arena, of->parts, of->cap * sizeof *of->parts,
		                            cap * sizeof *of->parts);
		of->cap = cap;
	}
	of->names[of->n] = oc_arena_str(t->arena, name);
	of->parts[of->n] = oc_arena_zalloc(t->arena, sizeof **of->parts);
	return of->parts[of->n++];
}

static void see(struct oc_parquet_types *t, struct type *type, yyjson_val *v, unsigned depth);

static void see_number(struct type *type, yyjson_val *v)
{
	if (yyjson_is_raw(v)) { /* no double holds it */
		type->kind = JSON;
		return;
	}
	type->kind = INTEGER;
	if (yyjson_is_sint(v)) {
		int64_t i = yyjson_get_sint(v);
		type->negative |= i < 0;
		type->inexact |= i < -(int64_t)EXACT;
	} else if (yyjson_is_uint(v)) {
		uint64_t u = yyjson_get_uint(v);
		type->large |= u > INT64_MAX;
		type->inexact |= u > EXACT;
	} else {
		type->fraction = true;
	}
	if (type->fraction)
		type->kind = type->inexact ? JSON : DOUBLE;
	else if (type->large && type->negative)
		type->kind = JSON;
}

static void see_members(struct oc_parquet_types *t, struct type *type, yyjson_val *v,
                        unsigned depth, unsigned most)
{
	size_t i, n;
	yyjson_val *key, *value;

	yyjson_obj_foreach(v, i, n, key, value)
	{
		struct oc_str name = oc_json_str(key);
		unsigned at = (unsigned)i;
		/* Rows mostly have their members in the same order. */
		if (at >= type->n || !oc_str_eq(type->names[at], name))
			for (at = 0; at < type->n && !oc_str_eq(type->names[at], name); at++)
				;
		if (at == most) {
			type->kind = JSON;
			return;
		}
		see(t, at < type->n ? type->parts[at] : part(t, type, name), value, depth + 1);
	}
}

static enum kind kind_of(yyjson_val *v)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_BOOL: return BOOLEAN;
	case YYJSON_TYPE_RAW:
	case YYJSON_TYPE_NUM: return INTEGER;
	case YYJSON_TYPE_STR: return TEXT;
	case YYJSON_TYPE_ARR: return LIST;
	case YYJSON_TYPE_OBJ: return STRUCT;
	default: return NOTHING;
	}
}

static void see(struct oc_parquet_types *t, struct type *type, yyjson_val *v, unsigned depth)
{
	enum kind kind = kind_of(v);
	size_t i, n;
	yyjson_val *item;

	if (kind == NOTHING || type->kind == JSON)
		return;
	bool number = kind == INTEGER && type->kind == DOUBLE;
	if ((type->kind && type->kind != kind && !number) || depth > DEPTH_MAX) {
		type->kind = JSON;
	} else if (kind == INTEGER) {
		see_number(type, v);
	} else if (kind == LIST) {
		type->kind = LIST;
		struct type *of = type->n ? type->parts[0] : part(t, type, (struct oc_str){0});
		yyjson_arr_foreach(v, i, n, item) see(t, of, item, depth + 1);
	} else {
		type->kind = kind;
		if (kind == STRUCT)
			see_members(t, type, v, depth, MEMBER_MAX);
	}
}

void oc_parquet_types_see(struct oc_parquet_types *t, yyjson_val *row)
{
	see_members(t, &t->row, row, 0, COLUMN_MAX);
}

static bool same_name(struct oc_str a, struct oc_str b)
{
	return a.len == b.len && strncasecmp(a.p, b.p, a.len) == 0;
}

/* Two of the names are one to a reader that ignores case, or one is none. */
static bool clash(const struct type *type, struct oc_str two[2])
{
	for (unsigned i = 0; i < type->n; i++) {
		two[0] = two[1] = type->names[i];
		if (!two[0].len || memchr(two[0].p, 0, two[0].len))
			return true;
		for (unsigned k = 0; k < i; k++)
			if (same_name(type->names[k], two[0])) {
				two[1] = type->names[k];
				return true;
			}
	}
	return false;
}

static void write_type(const struct type *type, struct oc_buf *b)
{
	struct oc_str two[2];

	switch (type->kind) {
	case BOOLEAN: oc_buf_puts(b, "BOOLEAN"); return;
	case INTEGER: oc_buf_puts(b, type->large ? "UBIGINT" : "BIGINT"); return;
	case DOUBLE: oc_buf_puts(b, "DOUBLE"); return;
	case NOTHING:
	case TEXT: oc_buf_puts(b, "VARCHAR"); return;
	case LIST:
		write_type(type->parts[0], b);
		oc_buf_puts(b, "[]");
		return;
	case STRUCT:
		if (type->n && !clash(type, two))
			break;
		/* fall through */
	case JSON: oc_buf_puts(b, "JSON"); return;
	}
	oc_buf_puts(b, "STRUCT(");
	for (unsigned i = 0; i < type->n; i++) {
		if (i)
			oc_buf_puts(b, ", ");
		oc_buf_putc(b, '"');
		for (size_t k = 0; k < type->names[i].len; k++) {
			if (type->names[i].p[k] == '"')
				oc_buf_putc(b, '"');
			oc_buf_putc(b, type->names[i].p[k]);
		}
		oc_buf_puts(b, "\" ");
		write_type(type->parts[i], b);
	}
	oc_buf_putc(b, ')');
}

int oc_parquet_types_write(const struct oc_parquet_types *t, struct oc_buf *b, struct oc_err *err)
{
	struct oc_str two[2];

	if (t->row.kind == JSON)
		return oc_fail(err, OC_INPUT, NULL, "the rows have more than %d different members",
		               COLUMN_MAX);
	if (!t->row.n)
		return oc_fail(err, OC_INPUT, NULL,
		               "a Parquet file needs at least one column, and no row has one");
	if (clash(&t->row, two))
		return oc_fail(
			err, OC_INPUT, NULL,
			two[0].p == two[1].p
				? "a column of a Parquet file must have a name; one is empty "
				  "or has a NUL: \"%.*s\"%.*s"
				: "\"%.*s\" and \"%.*s\" differ only in case, which Parquet's "
				  "readers do not tell apart: rename one",
			OC_ARG(two[0]), two[0].p == two[1].p ? 0 : (int)two[1].len, two[1].p);
	oc_buf_putc(b, '[');
	for (unsigned i = 0; i < t->row.n; i++) {
		struct oc_buf type = {0};
		write_type(t->row.parts[i], &type);
		oc_buf_puts(b, i ? ",[" : "[");
		oc_buf_json(b, t->row.names[i]);
		oc_buf_putc(b, ',');
		oc_buf_json(b, oc_buf_view(&type));
		oc_buf_putc(b, ']');
		oc_buf_fini(&type);
	}
	oc_buf_putc(b, ']');
	return 0;
}
