/*
 * resolve.c: from a recipe's YAML and the options of a plan to options with defaults and visible
 * steps.
 */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "data/opts.h"
#include "generate/recipe.h"
#include "generate/steps.h"

#define MAX_OPTIONS 64

/* The texts are longer than the 4,095 bytes every compiler must take; ours take them. */
#pragma GCC diagnostic ignored "-Woverlength-strings"
static const struct {
	const char *name, *text;
} builtin[] = {
#include "recipes.inc"
	{NULL, NULL},
};

const char *oc_recipe_builtin(struct oc_str name)
{
	for (size_t i = 0; builtin[i].name; i++)
		if (oc_str_is(name, builtin[i].name))
			return builtin[i].text;
	return NULL;
}

const char *oc_recipe_name(unsigned i)
{
	return i < sizeof builtin / sizeof *builtin - 1 ? builtin[i].name : NULL;
}

/* ------------------------------------------------------------------ option table */

/* What every recipe knows. */
static const struct oc_option common[] = {
	{.key = "model", .type = OC_OPT_MODEL, .help = "who writes", .required = true},
	{.key = "seeds",
         .type = OC_OPT_STRS,
         .def = "[]",
         .help = "sources whose rows it starts from; none named: all"},
	{.key = "rows",
         .type = OC_OPT_INT,
         .def = "100",
         .min = 0,
         .max = 1e9,
         .unit = "rows",
         .help = "rows to keep; 0 = until the seeds are used up"},
	{.key = "amount",
         .type = OC_OPT_ENUM,
         .def = "up_to",
         .choices = "exact|up_to",
         .help = "exact: fewer rows are an error; up_to: they are stated"},
	{.key = "round",
         .type = OC_OPT_INT,
         .def = "256",
         .min = 1,
         .max = 1e6,
         .unit = "prompts",
         .help = "prompts made at once, which see the rows kept before; where they show "
                 "none of those, later rounds grow to 1024"},
	{.key = "max_rounds",
         .type = OC_OPT_INT,
         .min = 1,
         .max = 1e9,
         .unit = "rounds",
         .help = "stop after so many rounds"},
	{.key = "max_requests",
         .type = OC_OPT_INT,
         .min = 1,
         .max = 1e9,
         .unit = "requests",
         .help = "stop after so many requests; default 20 times the forecast"},
	{.key = "samples",
         .type = OC_OPT_INT,
         .def = "1",
         .min = 1,
         .max = 1000,
         .unit = "replies",
         .help = "replies to each prompt"},
	{.key = "recipe", .type = OC_OPT_STR, .help = "its name, in a written-out plan"},
	{.key = "name", .type = OC_OPT_STR, .help = "of the step in the plan"},
	{.key = "steps",
         .type = OC_OPT_ANY,
         .help = "the recipe's steps, written out, in place of its own"},
	{0},
};

static int type_of(struct oc_str name)
{
	static const struct {
		const char *name;
		enum oc_opt_type type;
	} types[] = {
		{"bool", OC_OPT_BOOL},   {"int", OC_OPT_INT},           {"num", OC_OPT_NUM},
		{"str", OC_OPT_STR},     {"enum", OC_OPT_ENUM},         {"field", OC_OPT_FIELD},
		{"bytes", OC_OPT_BYTES}, {"duration", OC_OPT_DURATION}, {"strs", OC_OPT_STRS},
		{"map", OC_OPT_MAP},     {"any", OC_OPT_ANY},           {"model", OC_OPT_MODEL}};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (oc_str_is(name, types[i].name))
			return (int)types[i].type;
	return -1;
}

static const char *text_of(struct oc_arena *a, yyjson_val *v)
{
	struct oc_buf b = {0};
	const char *text;

	if (!v)
		return NULL;
	oc_value_text(&b, v);
	text = oc_arena_str(a, oc_buf_view(&b)).p;
	oc_buf_fini(&b);
	return text;
}

static const struct oc_option declaration[] = {
	{.key = "type", .type = OC_OPT_STR, .required = true, .help = "int, num, enum, ..."},
	{.key = "default", .type = OC_OPT_ANY, .help = "absent: the option may be absent"},
	{.key = "help", .type = OC_OPT_STR, .required = true, .help = "one sentence"},
	{.key = "unit", .type = OC_OPT_STR, .help = "words, rows, ..."},
	{.key = "min", .type = OC_OPT_NUM, .help = "least value"},
	{.key = "max", .type = OC_OPT_NUM, .help = "greatest value"},
	{.key = "choices", .type = OC_OPT_STRS, .help = "of an enum, or of the items of strs"},
	{.key = "required", .type = OC_OPT_BOOL, .def = "false", .help = "must be given"},
	{.key = "affects",
         .type = OC_OPT_ENUM,
         .def = "rows",
         .choices = "rows|speed",
         .help = "whether another value gives other rows"},
	{0},
};

/* One declared option; the table lives in the arena. */
static int declare(struct oc_arena *a, struct oc_option *o, yyjson_val *key, yyjson_val *given,
                   const char *name, struct oc_err *err)
{
	struct oc_str what =
		oc_arena_printf(a, "option %s of recipe %s", yyjson_get_str(key), name);
	yyjson_val *v = oc_opts_resolve(a, declaration, given, what.p, NULL, NULL, err), *choice;
	struct oc_buf list = {0};
	size_t i, n;
	int type;

	if (!v)
		return -1;
	type = type_of(oc_json_get_str(v, "type"));
	if (type < 0)
		return oc_fail(err, OC_PLAN, name, "%s: no such type: %.*s", what.p,
		               OC_ARG(oc_json_get_str(v, "type")));
	yyjson_arr_foreach(oc_json_get(v, "choices"), i, n, choice)
	{
		oc_buf_puts(&list, i ? "|" : "");
		oc_buf_str(&list, oc_json_str(choice));
	}
	*o = (struct oc_option){
		.key = oc_arena_str(a, oc_json_str(key)).p,
		.type = (enum oc_opt_type)type,
		.def = text_of(a, oc_json_get(v, "default")),
		.help = text_of(a, oc_json_get(v, "help")),
		.unit = text_of(a, oc_json_get(v, "unit")),
		.choices = list.len ? oc_arena_str(a, oc_buf_view(&list)).p : NULL,
		.min = oc_json_get_num(v, "min", type == OC_OPT_INT ? -9e15 : (double)NAN),
		.max = oc_json_get_num(v, "max", type == OC_OPT_INT ? 9e15 : (double)NAN),
		.affects = oc_str_is(oc_json_get_str(v, "affects"), "speed") ? OC_AFFECTS_SPEED
	                                                                     : OC_AFFECTS_ROWS,
		.required = oc_json_get_bool(v, "required", false),
	};
	oc_buf_fini(&list);
	return 0;
}

const struct oc_option *oc_recipe_options(struct oc_arena *a, yyjson_val *recipe,
                                          struct oc_err *err)
{
	struct oc_option *table = oc_arena_zalloc(a, (MAX_OPTIONS + 1) * sizeof *table);
	const char *name = text_of(a, oc_json_get(recipe, "recipe"));
	yyjson_val *key, *val;
	size_t i, n, option_n = 0;

	for (const struct oc_option *o = common; o->key; o++)
		table[option_n++] = *o;
	yyjson_obj_foreach(oc_json_get(recipe, "options"), i, n, key, val)
	{
		struct oc_option one, *at = NULL;
		if (declare(a, &one, key, val, name, err))
			return NULL;
		for (size_t j = 0; j < option_n; j++)
			if (strcmp(table[j].key, one.key) == 0)
				at = &table[j];
		if (!at && option_n == MAX_OPTIONS) {
			oc_fail(err, OC_PLAN, name, "a recipe has at most %d options", MAX_OPTIONS);
			return NULL;
		}
		*(at ? at : &table[option_n++]) = one;
	}
	return table;
}

/* -------------------------------------------------------------------------- steps */

struct maker {
	struct oc_arena *arena;
	const struct oc_option *table;
	struct oc_scope scope; /* the options */
	const char *name;
	struct oc_err *err;
};

/*
 * Writes a value of the steps; a string that is one place naming an option becomes the option's
 * value. Returns 0 when the option is absent: the member is left out.
 */
static int concrete(const struct maker *m, struct oc_buf *b, yyjson_val *v)
{
	size_t i, n, written = 0;
	yyjson_val *key, *val;

	if (yyjson_is_obj(v)) {
		oc_buf_putc(b, '{');
		yyjson_obj_foreach(v, i, n, key, val)
		{
			size_t mark = b->len;
			if (written)
				oc_buf_putc(b, ',');
			oc_buf_json(b, oc_json_str(key));
			oc_buf_putc(b, ':');
			int rc = concrete(m, b, val);
			if (rc < 0)
				return -1;
			if (rc)
				written++;
			else
				b->len = mark;
		}
		oc_buf_putc(b, '}');
	} else if (yyjson_is_arr(v)) {
		oc_buf_putc(b, '[');
		yyjson_arr_foreach(v, i, n, val)
		{
			size_t mark = b->len;
			if (written)
				oc_buf_putc(b, ',');
			int rc = concrete(m, b, val);
			if (rc < 0)
				return -1;
			if (rc)
				written++;
			else
				b->len = mark;
		}
		oc_buf_putc(b, ']');
	} else {
		struct oc_str s = oc_json_str(v);
		struct oc_err ignore = {0};
		struct oc_template *t;
		yyjson_val *value = NULL;
		bool found = false;
		if (s.len > 4 && s.p[0] == '{' && s.p[1] == '{' && s.len < 128) {
			t = oc_template_compile(m->arena, s, m->name, m->err);
			if (!t)
				return -1;
			struct oc_str name = oc_str_trim((struct oc_str){s.p + 2, s.len - 4});
			if (oc_opts_find(m->table, name) &&
			    !oc_json_get(m->scope.value, oc_arena_str(m->arena, name).p))
				return 0;
			if (oc_template_value(t, &m->scope, &found, &value, &ignore))
				found = false; /* a field, known later */
		}
		oc_json_write(b, found && value ? value : v);
	}
	return 1;
}

/* Whether a condition ("{{ chat or word_problems }}") holds for the options. -1: an error. */
static int holds(const struct maker *m, struct oc_str cond)
{
	struct oc_buf text = {0};
	struct oc_template *t;
	int rc;

	cond = oc_str_trim(cond);
	if (oc_str_starts(cond, "{{") && cond.len >= 4)
		cond = (struct oc_str){cond.p + 2, cond.len - 4};
	oc_buf_printf(&text, "{{ if %.*s }}1{{ end }}", OC_ARG(cond));
	t = oc_template_compile(m->arena, oc_buf_view(&text), m->name, m->err);
	text.len = 0;
	rc = t ? oc_template_render(t, &m->scope, 16, &text, m->err) : -1;
	rc = rc ? -1 : text.len > 0;
	oc_buf_fini(&text);
	return rc;
}

/* `when:` (all of a list) and `unless:` (none of it) of a step. 1: it is taken; -1: an error. */
static int wanted(const struct maker *m, yyjson_val *step)
{
	static const char *const words[] = {"when", "unless"};

	for (int w = 0; w < 2; w++) {
		yyjson_val *cond = oc_json_get(step, words[w]);
		size_t n = yyjson_is_arr(cond) ? yyjson_arr_size(cond) : cond != NULL;
		for (size_t i = 0; i < n; i++) {
			yyjson_val *one = yyjson_is_arr(cond) ? yyjson_arr_get(cond, i) : cond;
			int yes = holds(m, oc_json_str(one));
			if (yes < 0)
				return -1;
			if (yes == w)
				return 0;
		}
	}
	return 1;
}

static int block_of(yyjson_val *step, yyjson_val **opts)
{
	for (int i = 0; i < OC_BLOCK_KINDS; i++) {
		*opts = oc_json_get(step, oc_block_names[i]);
		if (*opts)
			return i;
	}
	return -1;
}

/* Appends the visible steps: one of each kind, in order, with their defaults. */
static int write_steps(const struct maker *m, struct oc_buf *b, yyjson_val *steps)
{
	struct oc_buf one = {0};
	int last = -1, rc = -1;
	size_t i, n;
	yyjson_val *step, *opts, *extra;

	oc_buf_putc(b, '[');
	yyjson_arr_foreach(steps, i, n, step)
	{
		int block = block_of(step, &opts), take = block < 0 ? 0 : wanted(m, step);
		if (take < 0)
			goto out;
		size_t others = oc_json_get(step, "when") ? 1 : 0;
		others += oc_json_get(step, "unless") ? 1 : 0;
		if (block < 0 || yyjson_obj_size(step) != 1 + others) {
			oc_fail(m->err, OC_PLAN, m->name,
			        "step %zu of recipe %s must be one of seed, prompt, call, parse, "
			        "expand, keep (with when: or unless:)",
			        i + 1, m->name);
			goto out;
		}
		if (!take)
			continue;
		if (block <= last) {
			oc_fail(m->err, OC_PLAN, m->name,
			        "recipe %s has `%s` after `%s`: a recipe asks the model once, in "
			        "the "
			        "order seed, prompt, call, parse, expand, keep",
			        m->name, oc_block_names[block], oc_block_names[last]);
			goto out;
		}
		one.len = 0;
		if (concrete(m, &one, opts) < 0)
			goto out;
		struct oc_str what = oc_arena_printf(m->arena, "step %s of recipe %s",
		                                     oc_block_names[block], m->name);
		extra = oc_json_parse(m->arena, oc_buf_view(&one), m->err);
		if (!extra)
			goto out;
		extra = oc_opts_resolve(m->arena, oc_block_options[block], extra, what.p, NULL,
		                        NULL, m->err);
		if (!extra)
			goto out;
		oc_buf_printf(b, "%s{\"%s\":", last < 0 ? "" : ",", oc_block_names[block]);
		oc_json_write(b, extra);
		oc_buf_putc(b, '}');
		last = block;
	}
	oc_buf_putc(b, ']');
	rc = 0;
out:
	oc_buf_fini(&one);
	return rc;
}

static const struct oc_option head[] = {
	{.key = "recipe", .type = OC_OPT_STR, .required = true, .help = "its name"},
	{.key = "help", .type = OC_OPT_STR, .required = true, .help = "what it makes"},
	{.key = "options", .type = OC_OPT_MAP, .def = "{}", .help = "what can be set"},
	{.key = "steps", .type = OC_OPT_ANY, .required = true, .help = "the building blocks"},
	{0},
};

yyjson_val *oc_recipe_resolve(struct oc_arena *a, yyjson_val *recipe, yyjson_val *given,
                              const char *where, struct oc_err *err)
{
	struct maker m = {.arena = a, .err = err};
	struct oc_buf b = {0};
	yyjson_val *opts, *key, *val, *out = NULL;
	size_t i, n;

	recipe = oc_opts_resolve(a, head, recipe, "the recipe", NULL, NULL, err);
	if (!recipe)
		goto out;
	m.name = text_of(a, oc_json_get(recipe, "recipe"));
	m.table = oc_recipe_options(a, recipe, err);
	if (!m.table)
		goto out;
	struct oc_str what = oc_arena_printf(a, "recipe %s", m.name);
	opts = oc_opts_resolve(a, m.table, given, what.p, NULL, NULL, err);
	if (!opts)
		goto out;
	m.scope.value = opts;
	oc_buf_puts(&b, "{\"recipe\":");
	oc_buf_json(&b, oc_str(m.name));
	yyjson_obj_foreach(opts, i, n, key, val)
	{
		if (yyjson_equals_str(key, "steps") || yyjson_equals_str(key, "recipe") ||
		    yyjson_equals_str(key, "name"))
			continue;
		oc_buf_putc(&b, ',');
		oc_buf_json(&b, oc_json_str(key));
		oc_buf_putc(&b, ':');
		oc_json_write(&b, val);
	}
	oc_buf_puts(&b, ",\"steps\":");
	val = oc_json_get(opts, "steps");
	if (write_steps(&m, &b, val ? val : oc_json_get(recipe, "steps")))
		goto out;
	oc_buf_putc(&b, '}');
	out = oc_json_parse(a, oc_buf_view(&b), err);
out:
	if (!out && where)
		oc_fail_in(err, where);
	oc_buf_fini(&b);
	return out;
}
