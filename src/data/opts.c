#include "data/opts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "data/yaml.h"

const struct oc_option *oc_opts_find(const struct oc_option *table, struct oc_str key)
{
	for (; table && table->key; table++)
		if (oc_str_is(key, table->key))
			return table;
	return NULL;
}

struct resolver {
	const char *what;
	oc_where_fn *where;
	void *where_user;
	struct oc_arena *arena;
	struct oc_err *err;
};

static int complain(struct resolver *r, yyjson_val *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int complain(struct resolver *r, yyjson_val *at, const char *fmt, ...)
{
	char place[64] = "", text[600];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (r->where && at)
		r->where(r->where_user, at, place);
	return oc_fail(r->err, OC_PLAN, place, "%s", text);
}

/* What a value is, in words. */
static const char *kind_of(yyjson_val *v)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_NULL: return "nothing";
	case YYJSON_TYPE_BOOL: return "true or false";
	case YYJSON_TYPE_NUM: return "a number";
	case YYJSON_TYPE_STR: return "a string";
	case YYJSON_TYPE_ARR: return "a list";
	case YYJSON_TYPE_OBJ: return "a mapping";
	default: return "a number";
	}
}

static int unknown_key(struct resolver *r, const struct oc_option *table, yyjson_val *key)
{
	const char *names[128];
	size_t n = 0;
	struct oc_buf list = {0};
	struct oc_str word = oc_json_str(key);
	const char *near;
	int rc;

	for (const struct oc_option *o = table; o->key && n < 128; o++) {
		oc_buf_printf(&list, "%s%s", n ? ", " : "", o->key);
		names[n++] = o->key;
	}
	near = oc_nearest(word, names, n);
	if (near)
		rc = complain(r, key, "unknown key `%.*s` in %s; did you mean `%s`?", OC_ARG(word),
		              r->what, near);
	else if (n == 0)
		rc = complain(r, key, "unknown key `%.*s`: %s has no options", OC_ARG(word),
		              r->what);
	else
		rc = complain(r, key, "unknown key `%.*s` in %s; it has: %.400s", OC_ARG(word),
		              r->what, oc_buf_cstr(&list));
	oc_buf_fini(&list);
	return rc;
}

static void print_number(char out[40], double v)
{
	if (fabs(v) < 1e15 && v == floor(v))
		snprintf(out, 40, "%.0f", v);
	else
		snprintf(out, 40, "%g", v);
}

static int check_range(struct resolver *r, const struct oc_option *o, yyjson_val *v, double n)
{
	char lo[40], hi[40], is[40];
	const char *unit = o->unit ? o->unit : "";

	if (!isfinite(n))
		return complain(r, v, "`%s` of %s must be a finite number", o->key, r->what);
	/* A bound that is NaN or infinite is open; 0, 0 means no range at all. */
	bool has_min = isfinite(o->min), has_max = isfinite(o->max);
	if (has_min && has_max && !(o->min < o->max))
		return 0;
	if (!(has_min && n < o->min) && !(has_max && n > o->max))
		return 0;
	print_number(lo, o->min);
	print_number(hi, o->max);
	print_number(is, n);
	if (!has_max)
		return complain(r, v, "`%s` of %s is %s, but must be at least %s%s%s", o->key,
		                r->what, is, lo, *unit ? " " : "", unit);
	if (!has_min)
		return complain(r, v, "`%s` of %s is %s, but must be at most %s%s%s", o->key,
		                r->what, is, hi, *unit ? " " : "", unit);
	return complain(r, v, "`%s` of %s is %s, but must be from %s to %s%s%s", o->key, r->what,
	                is, lo, hi, *unit ? " " : "", unit);
}

static bool number_of(yyjson_val *v, double *n)
{
	if (yyjson_is_num(v))
		*n = yyjson_get_num(v);
	else if (yyjson_is_raw(v))
		*n = strtod(yyjson_get_raw(v), NULL);
	else
		return false;
	return true;
}

static bool is_choice(const char *choices, struct oc_str word)
{
	while (*choices) {
		size_t n = strcspn(choices, "|");
		if (n == word.len && memcmp(choices, word.p, n) == 0)
			return true;
		choices += n + (choices[n] == '|');
	}
	return false;
}

static int check_choice(struct resolver *r, const struct oc_option *o, yyjson_val *v,
                        struct oc_str word)
{
	const char *names[32], *near;
	char copy[512];
	size_t n = 0;

	if (is_choice(o->choices, word))
		return 0;
	snprintf(copy, sizeof copy, "%s", o->choices);
	for (char *p = copy, *next; p && n < 32; p = next) {
		next = strchr(p, '|');
		if (next)
			*next++ = '\0';
		names[n++] = p;
	}
	near = word.len > 1 ? oc_nearest(word, names, n) : NULL; /* a sign is near to every other */
	if (near)
		return complain(r, v, "`%s` of %s cannot be `%.*s`; did you mean `%s`?", o->key,
		                r->what, OC_ARG(word), near);
	for (n = 0; copy[n] || o->choices[n]; n++)
		copy[n] = o->choices[n] == '|' ? ' ' : o->choices[n];
	return complain(r, v, "`%s` of %s cannot be `%.*s`; it is one of: %s", o->key, r->what,
	                OC_ARG(word), copy);
}

/* An item of a list of texts, where only some are allowed. */
static int check_item(struct resolver *r, const struct oc_option *o, yyjson_val *item)
{
	struct oc_buf text = {0};
	int rc;

	if (!o->choices)
		return 0;
	if (yyjson_is_str(item))
		oc_buf_str(&text, oc_json_str(item));
	else
		oc_json_write(&text, item);
	rc = check_choice(r, o, item, oc_buf_view(&text));
	oc_buf_fini(&text);
	return rc;
}

static int write_table(struct resolver *r, struct oc_buf *b, const struct oc_option *table,
                       yyjson_val *given);

/* "arithmetic" or {"arithmetic": {...}}: the shape only; which stages exist is the plan's to know.
 */
static int write_stages(struct resolver *r, struct oc_buf *b, const struct oc_option *o,
                        yyjson_val *v)
{
	size_t i, n;
	yyjson_val *item;

	if (!yyjson_is_arr(v))
		return complain(r, v, "`%s` of %s must be a list of stages, not %s", o->key,
		                r->what, kind_of(v));
	yyjson_arr_foreach(v, i, n, item)
	{
		if (!yyjson_is_str(item) && !(yyjson_is_obj(item) && yyjson_obj_size(item) == 1))
			return complain(r, item,
			                "`%s` of %s: each item is a stage's name, or `NAME: "
			                "{options}`",
			                o->key, r->what);
	}
	oc_json_write(b, v);
	return 0;
}

static int write_value(struct resolver *r, struct oc_buf *b, const struct oc_option *o,
                       yyjson_val *v)
{
	struct oc_str text = oc_json_str(v);
	size_t i, n;
	yyjson_val *item;
	double num;

	switch (o->type) {
	case OC_OPT_BOOL:
		if (!yyjson_is_bool(v))
			return complain(r, v, "`%s` of %s must be true or false, not %s", o->key,
			                r->what, kind_of(v));
		oc_buf_puts(b, yyjson_get_bool(v) ? "true" : "false");
		return 0;
	case OC_OPT_INT:
		/* 2M and 10k are numbers too. */
		if (!number_of(v, &num)) {
			int64_t big = text.len ? oc_parse_bytes(text) : -1;
			if (big < 0 || (text.p[text.len - 1] | 32) == 'b')
				return complain(r, v, "`%s` of %s must be a whole number, not %s",
				                o->key, r->what, kind_of(v));
			num = (double)big;
		}
		if (num != floor(num))
			return complain(r, v, "`%s` of %s must be a whole number, not %g", o->key,
			                r->what, num);
		if (check_range(r, o, v, num) < 0)
			return -1;
		if (yyjson_is_int(v))
			oc_json_write(b, v);
		else
			oc_buf_printf(b, "%.0f", num);
		return 0;
	case OC_OPT_NUM:
		if (!number_of(v, &num))
			return complain(r, v, "`%s` of %s must be a number, not %s", o->key,
			                r->what, kind_of(v));
		if (check_range(r, o, v, num) < 0)
			return -1;
		oc_buf_double(b, num);
		return 0;
	case OC_OPT_BYTES:
		if (yyjson_is_str(v))
			num = (double)oc_parse_bytes(text);
		else if (!number_of(v, &num))
			num = -1;
		if (num < 0 || num != floor(num))
			return complain(r, v, "`%s` of %s must be a size such as 512MB or 1GiB",
			                o->key, r->what);
		if (check_range(r, o, v, num) < 0)
			return -1;
		oc_buf_printf(b, "%.0f", num);
		return 0;
	case OC_OPT_DURATION:
		if (yyjson_is_str(v))
			num = oc_parse_duration(text);
		else if (!number_of(v, &num))
			num = -1;
		if (!(num >= 0))
			return complain(r, v, "`%s` of %s must be a time such as 30s, 5m or 2h",
			                o->key, r->what);
		if (check_range(r, o, v, num) < 0)
			return -1;
		oc_buf_double(b, num);
		return 0;
	case OC_OPT_ENUM:
		/* `none` and `false` are the same word in most plans. */
		if (yyjson_is_bool(v))
			text = oc_str(yyjson_get_bool(v) ? "true" : "false");
		else if (!yyjson_is_str(v))
			return complain(r, v, "`%s` of %s must be one of %s, not %s", o->key,
			                r->what, o->choices, kind_of(v));
		if (check_choice(r, o, v, text) < 0)
			return -1;
		oc_buf_json(b, text);
		return 0;
	case OC_OPT_STR:
	case OC_OPT_FIELD:
	case OC_OPT_PATH:
	case OC_OPT_MODEL:
		/* A label such as 2021-10 or 7 was meant as written. */
		if (yyjson_is_num(v) && o->type == OC_OPT_STR) {
			struct oc_buf t = {0};
			oc_json_write(&t, v);
			oc_buf_json(b, oc_buf_view(&t));
			oc_buf_fini(&t);
			return 0;
		}
		if (!yyjson_is_str(v))
			return complain(r, v, "`%s` of %s must be %s, not %s", o->key, r->what,
			                o->type == OC_OPT_FIELD   ? "the name of a field"
			                : o->type == OC_OPT_PATH  ? "a file"
			                : o->type == OC_OPT_MODEL ? "a name under `models:`"
			                                          : "a string",
			                kind_of(v));
		if (text.len == 0 && o->type != OC_OPT_STR && !(o->def && strlen(o->def) <= 2))
			return complain(r, v, "`%s` of %s is empty", o->key, r->what);
		oc_buf_json(b, text);
		return 0;
	case OC_OPT_STRS:
		if (yyjson_is_str(v) || yyjson_is_num(v)) {
			oc_buf_putc(b, '[');
			if (yyjson_is_str(v)) {
				if (check_item(r, o, v) < 0)
					return -1;
				oc_buf_json(b, text);
			} else {
				oc_buf_putc(b, '"');
				oc_json_write(b, v);
				oc_buf_putc(b, '"');
			}
			oc_buf_putc(b, ']');
			return 0;
		}
		if (!yyjson_is_arr(v))
			return complain(r, v, "`%s` of %s must be a list of strings, not %s",
			                o->key, r->what, kind_of(v));
		oc_buf_putc(b, '[');
		yyjson_arr_foreach(v, i, n, item)
		{
			if (i > 0)
				oc_buf_putc(b, ',');
			if (check_item(r, o, item) < 0)
				return -1;
			if (yyjson_is_str(item)) {
				oc_buf_json(b, oc_json_str(item));
			} else if (yyjson_is_num(item) || yyjson_is_bool(item)) {
				oc_buf_putc(b, '"');
				oc_json_write(b, item);
				oc_buf_putc(b, '"');
			} else {
				return complain(r, item,
				                "`%s` of %s must be a list of strings; this item "
				                "is %s",
				                o->key, r->what, kind_of(item));
			}
		}
		oc_buf_putc(b, ']');
		return 0;
	case OC_OPT_MAP:
		if (!yyjson_is_obj(v))
			return complain(r, v, "`%s` of %s must be a mapping, not %s", o->key,
			                r->what, kind_of(v));
		oc_json_write(b, v);
		return 0;
	case OC_OPT_TABLE: {
		struct resolver inner = *r;
		struct oc_str what = oc_arena_printf(r->arena, "`%s` of %s", o->key, r->what);
		inner.what = what.p;
		if (!yyjson_is_obj(v))
			return complain(r, v, "`%s` of %s must be a mapping, not %s", o->key,
			                r->what, kind_of(v));
		return write_table(&inner, b, o->table, v);
	}
	case OC_OPT_TABLES: {
		struct resolver inner = *r;
		struct oc_str what = oc_arena_printf(r->arena, "`%s` of %s", o->key, r->what);
		inner.what = what.p;
		if (!yyjson_is_arr(v))
			return complain(r, v, "`%s` of %s must be a list, not %s", o->key, r->what,
			                kind_of(v));
		oc_buf_putc(b, '[');
		yyjson_arr_foreach(v, i, n, item)
		{
			if (!yyjson_is_obj(item))
				return complain(r, item,
				                "`%s` of %s: each item must be a mapping, not %s",
				                o->key, r->what, kind_of(item));
			if (i > 0)
				oc_buf_putc(b, ',');
			if (write_table(&inner, b, o->table, item) < 0)
				return -1;
		}
		oc_buf_putc(b, ']');
		return 0;
	}
	case OC_OPT_STAGES: return write_stages(r, b, o, v);
	case OC_OPT_ANY: oc_json_write(b, v); return 0;
	}
	return oc_fail(r->err, OC_INTERNAL, o->key, "option type %d", (int)o->type);
}

static int write_default(struct resolver *r, struct oc_buf *b, const struct oc_option *o)
{
	struct resolver quiet = *r;
	yyjson_val *v;

	/* Words need no quotes in a table. */
	if ((o->type == OC_OPT_STR || o->type == OC_OPT_FIELD || o->type == OC_OPT_PATH ||
	     o->type == OC_OPT_MODEL || o->type == OC_OPT_ENUM) &&
	    o->def[0] != '"' && o->def[0] != '\'') {
		oc_buf_json(b, oc_str(o->def));
		return 0;
	}
	v = oc_yaml_parse(r->arena, oc_str(o->def), o->key, NULL, r->err);
	if (!v)
		return oc_fail_in(r->err, r->what);
	quiet.where = NULL;
	return write_value(&quiet, b, o, v);
}

/* The options that the chosen preset stands for, or NULL. */
static int find_preset(struct resolver *r, const struct oc_option *table, yyjson_val *given,
                       yyjson_val **preset)
{
	*preset = NULL;
	for (const struct oc_option *o = table; o && o->key; o++) {
		yyjson_val *choice, *all;
		if (!o->presets)
			continue;
		all = oc_yaml_parse(r->arena, oc_str(o->presets), o->key, NULL, r->err);
		if (!all)
			return oc_fail_in(r->err, r->what);
		choice = given ? yyjson_obj_get(given, o->key) : NULL;
		*preset = yyjson_obj_get(all,
		                         yyjson_is_str(choice) ? yyjson_get_str(choice) : o->def);
	}
	return 0;
}

static int write_table(struct resolver *r, struct oc_buf *b, const struct oc_option *table,
                       yyjson_val *given)
{
	size_t i, n;
	yyjson_val *key, *val, *preset;
	struct resolver quiet = *r; /* a preset's values stand nowhere in the plan */
	bool first = true;

	quiet.where = NULL;
	if (find_preset(r, table, given, &preset))
		return -1;

	if (given)
		yyjson_obj_foreach(given, i, n, key, val)
		{
			if (!oc_opts_find(table, oc_json_str(key)))
				return unknown_key(r, table, key);
		}
	oc_buf_putc(b, '{');
	for (const struct oc_option *o = table; o && o->key; o++) {
		val = given ? yyjson_obj_get(given, o->key) : NULL;
		/* `key:` with nothing behind it is a default left to us. */
		if (val && yyjson_is_null(val) && o->type != OC_OPT_ANY)
			val = NULL;
		bool ours = !val && (val = yyjson_obj_get(preset, o->key));
		if (!val && !o->def) {
			if (o->required)
				return complain(r, given, "%s needs the key `%s`: %s", r->what,
				                o->key, o->help ? o->help : "");
			continue;
		}
		if (!first)
			oc_buf_putc(b, ',');
		first = false;
		oc_buf_json(b, oc_str(o->key));
		oc_buf_putc(b, ':');
		if ((val ? write_value(ours ? &quiet : r, b, o, val) : write_default(r, b, o)) < 0)
			return -1;
	}
	oc_buf_putc(b, '}');
	return 0;
}

yyjson_val *oc_opts_resolve(struct oc_arena *a, const struct oc_option *table, yyjson_val *given,
                            const char *what, oc_where_fn *where, void *where_user,
                            struct oc_err *err)
{
	static const struct oc_option none = {0};
	struct resolver r = {what, where, where_user, a, err};
	struct oc_buf b = {0};
	yyjson_val *out = NULL;

	if (given && yyjson_is_null(given))
		given = NULL;
	if (given && !yyjson_is_obj(given))
		complain(&r, given, "the options of %s must be a mapping, not %s", what,
		         kind_of(given));
	else if (write_table(&r, &b, table ? table : &none, given) == 0)
		out = oc_json_parse(a, oc_buf_view(&b), err);
	oc_buf_fini(&b);
	return out;
}

yyjson_val *oc_opts_value(struct oc_arena *a, const struct oc_option *option, yyjson_val *given,
                          const char *what, oc_where_fn *where, void *where_user,
                          struct oc_err *err)
{
	struct resolver r = {what, where, where_user, a, err};
	struct oc_buf b = {0};
	yyjson_val *out = NULL;

	if ((given ? write_value(&r, &b, option, given) : write_default(&r, &b, option)) == 0)
		out = oc_json_parse(a, oc_buf_view(&b), err);
	oc_buf_fini(&b);
	return out;
}

int oc_opts_check_keys(const struct oc_option *table, yyjson_val *given, const char *what,
                       oc_where_fn *where, void *where_user, struct oc_err *err)
{
	struct resolver r = {what, where, where_user, NULL, err};
	size_t i, n;
	yyjson_val *key, *val;

	yyjson_obj_foreach(given, i, n, key, val)
	{
		if (!oc_opts_find(table, oc_json_str(key)))
			return unknown_key(&r, table, key);
	}
	return 0;
}

yyjson_val *oc_options_read(struct oc_arena *a, const struct oc_option *table, const char *json,
                            struct oc_err *err)
{
	yyjson_val *given = json ? oc_json_parse(a, oc_str(json), err) : NULL;

	return json && !given ? NULL : oc_opts_resolve(a, table, given, "options", NULL, NULL, err);
}
