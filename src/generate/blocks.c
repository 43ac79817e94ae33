/* blocks.c: the options of the six building blocks, and fields derived from others. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "data/opts.h"
#include "generate/pattern.h"
#include "generate/steps.h"
#include "generate/sums.h"

const char *const oc_block_names[OC_BLOCK_KINDS] = {"seed",  "prompt", "call",
                                                    "parse", "expand", "keep"};

/* -------------------------------------------------------------------------- tables */

static const struct oc_option read_table[] = {
	{.key = "regex",
         .type = OC_OPT_STR,
         .required = true,
         .help = "a pattern (PCRE2) whose named groups become fields"},
	{.key = "field", .type = OC_OPT_FIELD, .required = true, .help = "where it is looked for"},
	{0},
};

#define DERIVED                                                                                    \
	{.key = "read", .type = OC_OPT_TABLE, .table = read_table, .help = "fields by pattern"},   \
		{.key = "match",                                                                   \
	         .type = OC_OPT_MAP,                                                               \
	         .def = "{}",                                                                      \
	         .help = "patterns that fields must match: {answer: '^[0-9]+$'}"},                 \
		{.key = "compute",                                                                 \
	         .type = OC_OPT_MAP,                                                               \
	         .def = "{}",                                                                      \
	         .help = "fields made from others: {digits: {digits_of: expression}}; functions "  \
	                 "digits_of, operators_of, numbers_of, plain_of, words_of"},               \
	{                                                                                          \
		.key = "only", .type = OC_OPT_MAP, .def = "{}",                                    \
		.help = "allowed values of fields: {digits: [2, 3]}"                               \
	}

static const struct oc_option seed_table[] = {
	{.key = "n",
         .type = OC_OPT_INT,
         .def = "0",
         .min = 0,
         .max = 1000,
         .unit = "rows",
         .help = "rows a prompt shows"},
	{.key = "draw",
         .type = OC_OPT_ENUM,
         .def = "random",
         .choices = "random|once",
         .help = "random: without replacement within a prompt; once: every row in turn, one "
                 "prompt each"},
	{.key = "made",
         .type = OC_OPT_INT,
         .def = "0",
         .min = 0,
         .max = 1000,
         .unit = "rows",
         .help = "how many of them come from rows kept in earlier rounds, once there are some"},
	{.key = "from", .type = OC_OPT_STRS, .def = "[]", .help = "sources; none named: all"},
	DERIVED,
	{.key = "require", .type = OC_OPT_STRS, .def = "[]", .help = "fields a row must have"},
	{.key = "prefer",
         .type = OC_OPT_STRS,
         .def = "[]",
         .help = "rows that agree with what the prompt asks for in these fields come first"},
	{.key = "examples",
         .type = OC_OPT_ANY,
         .def = "[]",
         .help = "shown when there are too few rows; they are nobody's rows, so they found "
                 "nothing"},
	{0},
};

static const struct oc_option prompt_table[] = {
	{.key = "system", .type = OC_OPT_STR, .help = "chat: the system message"},
	{.key = "user", .type = OC_OPT_STR, .help = "chat: the question"},
	{.key = "completion", .type = OC_OPT_STR, .help = "raw text to be continued"},
	{.key = "ask",
         .type = OC_OPT_MAP,
         .def = "{}",
         .help = "what prompts ask for in turn: {op: [+, -], digits: [1, 2]}; {{ ask.op }}"},
	{.key = "max_bytes",
         .type = OC_OPT_BYTES,
         .def = "1MB",
         .min = 1,
         .max = 1e9,
         .help = "a longer prompt is an error"},
	{0},
};

static const struct oc_option expect_table[] = {
	{.key = "rows",
         .type = OC_OPT_NUM,
         .def = "1",
         .min = 0.001,
         .max = 1e6,
         .help = "rows in a reply"},
	{.key = "kept",
         .type = OC_OPT_NUM,
         .def = "1",
         .min = 0.001,
         .max = 1,
         .help = "share kept"},
	{.key = "tokens", .type = OC_OPT_NUM, .min = 1, .max = 1e7, .help = "tokens of a reply"},
	{0},
};

static const struct oc_option call_table[] = {
	{.key = "kind",
         .type = OC_OPT_ENUM,
         .def = "chat",
         .choices = "chat|completion",
         .help = "which endpoint"},
	{.key = "temperature", .type = OC_OPT_NUM, .def = "1", .min = 0, .max = 10, .help = ""},
	{.key = "top_p", .type = OC_OPT_NUM, .def = "1", .min = 0, .max = 1.0000001, .help = ""},
	{.key = "max_tokens",
         .type = OC_OPT_INT,
         .min = 1,
         .max = 1e7,
         .required = true,
         .unit = "tokens",
         .help = "bound of a reply"},
	{.key = "stop", .type = OC_OPT_STRS, .help = "texts that end a reply"},
	{.key = "presence_penalty", .type = OC_OPT_NUM, .min = -2, .max = 2, .help = ""},
	{.key = "frequency_penalty", .type = OC_OPT_NUM, .min = -2, .max = 2, .help = ""},
	{.key = "body", .type = OC_OPT_MAP, .def = "{}", .help = "other members of the request"},
	{.key = "samples",
         .type = OC_OPT_INT,
         .def = "1",
         .min = 1,
         .max = 1000,
         .unit = "replies",
         .help = "replies to each prompt"},
	{.key = "on_length",
         .type = OC_OPT_ENUM,
         .def = "keep",
         .choices = "keep|drop|raise",
         .help = "a reply cut by max_tokens: keep what is whole, drop it, or ask once more with "
                 "twice the bound"},
	{.key = "expect",
         .type = OC_OPT_TABLE,
         .def = "{}",
         .table = expect_table,
         .help = "for the forecast and the size of the first round"},
	{0},
};

static const struct oc_option regex_table[] = {
	{.key = "pattern", .type = OC_OPT_STR, .required = true, .help = "named groups are fields"},
	{.key = "over",
         .type = OC_OPT_ENUM,
         .def = "lines",
         .choices = "lines|whole",
         .help = "lines: each line is an item; whole: every match is one"},
	{.key = "first",
         .type = OC_OPT_INT,
         .def = "0",
         .min = 0,
         .max = 1e6,
         .help = "look at so many lines or matches only; 0 = all"},
	{.key = "lead", .type = OC_OPT_STR, .def = "\"\"", .help = "text put before the reply"},
	{0},
};
static const struct oc_option blocks_table[] = {
	{.key = "separator", .type = OC_OPT_STR, .def = "\"###\"", .help = "between the blocks"},
	{.key = "headers",
         .type = OC_OPT_STRS,
         .required = true,
         .help = "of a block's parts, in order, each written `N. Header:`"},
	{.key = "fields", .type = OC_OPT_STRS, .required = true, .help = "the parts' field names"},
	{.key = "first", .type = OC_OPT_STR, .def = "\"1\"", .help = "number of the first block"},
	{.key = "lead",
         .type = OC_OPT_STR,
         .def = "\"\"",
         .help = "the open header a completion continues"},
	{.key = "empty", .type = OC_OPT_STR, .help = "a part with this text is empty"},
	{0},
};
static const struct oc_option numbered_table[] = {
	{.key = "field", .type = OC_OPT_FIELD, .def = "text", .help = "where an item's text goes"},
	{0},
};
static const struct oc_option nothing_table[] = {{0}};

static const struct oc_option parse_table[] = {
	{.key = "json",
         .type = OC_OPT_TABLE,
         .table = nothing_table,
         .help = "JSON, however written"},
	{.key = "regex", .type = OC_OPT_TABLE, .table = regex_table, .help = "by pattern"},
	{.key = "numbered",
         .type = OC_OPT_TABLE,
         .table = numbered_table,
         .help = "a numbered list"},
	{.key = "blocks", .type = OC_OPT_TABLE, .table = blocks_table, .help = "### blocks"},
	{0},
};

static const struct oc_option evidence_table[] = {
	{.key = "field", .type = OC_OPT_FIELD, .required = true, .help = "the quote"},
	{.key = "in",
         .type = OC_OPT_FIELD,
         .required = true,
         .help = "field of the seed it is from"},
	{.key = "min_words",
         .type = OC_OPT_INT,
         .def = "3",
         .min = 1,
         .max = 1000,
         .unit = "words",
         .help = "a shorter quote proves nothing"},
	{0},
};

static const struct oc_option expand_table[] = {
	DERIVED,
	{.key = "fields",
         .type = OC_OPT_MAP,
         .def = "{}",
         .help = "the row's fields, as templates over the item; none: the item as it is"},
	{.key = "types",
         .type = OC_OPT_MAP,
         .def = "{}",
         .help = "fields the item must have, as text, number, integer, bool, list or any"},
	{.key = "evidence",
         .type = OC_OPT_TABLE,
         .table = evidence_table,
         .help = "a quote that must stand in the seed"},
	{.key = "stratify",
         .type = OC_OPT_STRS,
         .def = "[]",
         .help = "fields (of `ask`) whose values get equal quotas"},
	{0},
};

static const struct oc_option keep_table[] = {
	{.key = "stages", .type = OC_OPT_STAGES, .def = "[]", .help = "run in this order"},
	{.key = "against",
         .type = OC_OPT_ENUM,
         .def = "none",
         .choices = "none|seeds",
         .help = "seeds: stages that compare rows are shown all seeds first"},
	{.key = "held",
         .type = OC_OPT_ENUM,
         .def = "extra",
         .choices = "extra|counted",
         .help = "counted: rows that wait for people count towards `rows`"},
	{.key = "sums",
         .type = OC_OPT_FIELD,
         .help = "report how hard the calculations in this field are"},
	{.key = "right_by",
         .type = OC_OPT_STR,
         .help = "the stage whose consent makes a row right, for that report"},
	{0},
};

const struct oc_option *const oc_block_options[OC_BLOCK_KINDS] = {
	seed_table, prompt_table, call_table, parse_table, expand_table, keep_table};

yyjson_val *oc_block_find(yyjson_val *steps, enum oc_block block)
{
	size_t i, n;
	yyjson_val *step;

	yyjson_arr_foreach(steps, i, n, step)
	{
		yyjson_val *v = oc_json_get(step, oc_block_names[block]);
		if (v)
			return v;
	}
	return NULL;
}

/* ------------------------------------------------------------------------- deriving */

enum function { DIGITS_OF, OPERATORS_OF, NUMBERS_OF, PLAIN_OF, WORDS_OF, FUNCTION_N };

struct oc_derive {
	struct oc_arena *arena;
	struct oc_pattern *pattern;
	struct oc_str field; /* the pattern is looked for in */
	struct computed {
		struct oc_str name, of;
		enum function function;
	} * computed; /* (computed_n) */
	size_t computed_n;
	struct match {
		struct oc_str field;
		struct oc_pattern *pattern;
		const char *rule; /* "other_answer" */
	} * match;                /* (match_n) */
	size_t match_n;
	struct only {
		struct oc_str field;
		struct oc_str *allowed; /* (allowed_n) */
		size_t allowed_n;
		const char *rule; /* "other_digits" */
	} * only;                 /* (only_n) */
	size_t only_n;
};

static struct oc_str value_str(struct oc_arena *a, yyjson_val *v)
{
	struct oc_buf b = {0};
	struct oc_str s;

	if (yyjson_is_str(v))
		return oc_json_str(v);
	oc_value_text(&b, v);
	s = oc_arena_str(a, oc_buf_view(&b));
	oc_buf_fini(&b);
	return s;
}

static int add_computed(struct oc_derive *d, yyjson_val *map, const char *where, struct oc_err *err)
{
	static const char *const names[] = {"digits_of", "operators_of", "numbers_of", "plain_of",
	                                    "words_of"};
	size_t i, n;
	yyjson_val *key, *val;

	d->computed = oc_arena_zalloc(d->arena, (yyjson_obj_size(map) + 1) * sizeof *d->computed);
	yyjson_obj_foreach(map, i, n, key, val)
	{
		struct computed *c = &d->computed[d->computed_n++];
		yyjson_val *fn = yyjson_is_obj(val) ? unsafe_yyjson_get_first(val) : NULL;
		unsigned f = 0;
		while (fn && f < FUNCTION_N && !yyjson_equals_str(fn, names[f]))
			f++;
		if (!fn || yyjson_obj_size(val) != 1 || f == FUNCTION_N)
			return oc_fail(err, OC_PLAN, where,
			               "compute: `%s` must be one of {digits_of: FIELD}, "
			               "operators_of, numbers_of, plain_of, words_of",
			               yyjson_get_str(key));
		c->name = oc_arena_str(d->arena, oc_json_str(key));
		c->of = oc_arena_str(d->arena, oc_json_get_str(val, names[f]));
		c->function = (enum function)f;
	}
	return 0;
}

int oc_derive_open(struct oc_derive **out, yyjson_val *block, const char *where, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_derive *d = oc_arena_zalloc(a, sizeof *d);
	yyjson_val *read = oc_json_get(block, "read"), *only = oc_json_get(block, "only"),
		   *match = oc_json_get(block, "match"), *key, *val;
	size_t i, n, j, m;

	d->arena = a;
	if (read) {
		if (oc_pattern_open(&d->pattern, oc_json_get_str(read, "regex"), where, err))
			goto fail;
		d->field = oc_arena_str(a, oc_json_get_str(read, "field"));
	}
	if (add_computed(d, oc_json_get(block, "compute"), where, err))
		goto fail;
	d->match = oc_arena_zalloc(a, (yyjson_obj_size(match) + 1) * sizeof *d->match);
	yyjson_obj_foreach(match, i, n, key, val)
	{
		struct match *o = &d->match[d->match_n++];
		o->field = oc_arena_str(a, oc_json_str(key));
		o->rule = oc_arena_printf(a, "other_%.*s", OC_ARG(o->field)).p;
		if (oc_pattern_open(&o->pattern, oc_json_str(val), where, err))
			goto fail;
	}
	d->only = oc_arena_zalloc(a, (yyjson_obj_size(only) + 1) * sizeof *d->only);
	yyjson_obj_foreach(only, i, n, key, val)
	{
		struct only *o = &d->only[d->only_n++];
		yyjson_val *item;
		if (!yyjson_is_arr(val)) {
			oc_fail(err, OC_PLAN, where, "only: `%s` must be a list of values",
			        yyjson_get_str(key));
			goto fail;
		}
		o->field = oc_arena_str(a, oc_json_str(key));
		o->rule = oc_arena_printf(a, "other_%.*s", OC_ARG(o->field)).p;
		o->allowed = oc_arena_zalloc(a, (yyjson_arr_size(val) + 1) * sizeof *o->allowed);
		yyjson_arr_foreach(val, j, m, item)
		{
			o->allowed[o->allowed_n++] = oc_arena_str(a, value_str(a, item));
		}
	}
	*out = d;
	return 0;
fail:
	oc_derive_close(d);
	return -1;
}

void oc_derive_close(struct oc_derive *d)
{
	if (!d)
		return;
	oc_pattern_close(d->pattern);
	for (size_t i = 0; i < d->match_n; i++)
		oc_pattern_close(d->match[i].pattern);
	oc_arena_free(d->arena);
}

static void compute(struct oc_buf *b, enum function f, struct oc_str text)
{
	struct oc_sum sum = {0};
	struct oc_buf plain = {0};
	uint64_t words = 0;

	switch (f) {
	case DIGITS_OF:
	case NUMBERS_OF:
	case OPERATORS_OF:
		if (!oc_sum_look(text, &sum))
			oc_buf_puts(b, "null");
		else if (f == OPERATORS_OF)
			oc_buf_printf(b, "\"%s\"", sum.ops);
		else
			oc_buf_u64(b, f == DIGITS_OF ? sum.digits : sum.numbers);
		break;
	case PLAIN_OF:
		oc_sum_plain(&plain, text);
		oc_buf_json(b, oc_buf_view(&plain));
		oc_buf_fini(&plain);
		break;
	case WORDS_OF:
		for (size_t i = 0; i < text.len; i++)
			words += !isspace((unsigned char)text.p[i]) &&
			         (!i || isspace((unsigned char)text.p[i - 1]));
		oc_buf_u64(b, words);
		break;
	case FUNCTION_N: break;
	}
}

/* A text of several signs ("+*") is allowed when each of them is. */
static bool allowed(const struct only *o, struct oc_str s)
{
	size_t found = 0;

	for (size_t i = 0; i < o->allowed_n; i++)
		if (oc_str_eq(o->allowed[i], s))
			return true;
	for (size_t k = 0; k < s.len; k++) {
		bool one = false;
		if (isalnum((unsigned char)s.p[k]))
			return false;
		for (size_t i = 0; i < o->allowed_n && !one; i++)
			one = o->allowed[i].len == 1 && *o->allowed[i].p == s.p[k];
		found += one;
	}
	return s.len && found == s.len;
}

/* `value` with the members in `b` (an unfinished object) before its own. */
static yyjson_val *joined(struct oc_arena *a, struct oc_buf *b, yyjson_val *value,
                          struct oc_err *err)
{
	size_t i, n;
	yyjson_val *key, *val;
	struct oc_err again = {0};
	yyjson_val *made;

	/* a derived member hides one of its name */
	size_t derived = b->len;
	oc_buf_putc(b, '}');
	made = oc_json_parse(a, oc_buf_view(b), &again);
	b->len = derived;
	yyjson_obj_foreach(value, i, n, key, val)
	{
		if (yyjson_obj_getn(made, yyjson_get_str(key), yyjson_get_len(key)))
			continue;
		oc_buf_puts(b, b->len > 1 ? "," : "");
		oc_buf_json(b, oc_json_str(key));
		oc_buf_putc(b, ':');
		oc_json_write(b, val);
	}
	oc_buf_putc(b, '}');
	made = oc_json_parse(a, oc_buf_view(b), err);
	return made;
}

yyjson_val *oc_derive(struct oc_derive *d, struct oc_arena *a, yyjson_val *value, const char **why,
                      struct oc_err *err)
{
	struct oc_buf b = {0};
	yyjson_val *out = NULL;

	*why = NULL;
	oc_buf_putc(&b, '{');
	if (d->pattern) {
		struct oc_str text = value_str(a, oc_json_path(value, d->field));
		if (!oc_pattern_match(d->pattern, text, 0)) {
			*why = "unreadable";
			goto out;
		}
		for (unsigned i = 0; i < oc_pattern_name_n(d->pattern); i++) {
			unsigned group;
			size_t from, to;
			const char *name = oc_pattern_name(d->pattern, i, &group);
			if (!oc_pattern_group(d->pattern, group, &from, &to))
				continue;
			oc_buf_puts(&b, b.len > 1 ? "," : "");
			oc_buf_json(&b, oc_str(name));
			oc_buf_putc(&b, ':');
			oc_buf_json(&b, (struct oc_str){text.p + from, to - from});
		}
	}
	if (b.len > 1 || d->computed_n) {
		value = joined(a, &b, value, err);
		if (!value)
			goto out;
	}
	if (d->computed_n) {
		b.len = 1;
		for (size_t i = 0; i < d->computed_n; i++) {
			const struct computed *c = &d->computed[i];
			oc_buf_puts(&b, i ? "," : "");
			oc_buf_json(&b, c->name);
			oc_buf_putc(&b, ':');
			compute(&b, c->function, value_str(a, oc_json_path(value, c->of)));
		}
		value = joined(a, &b, value, err);
		if (!value)
			goto out;
	}
	for (size_t i = 0; i < d->match_n; i++) {
		struct oc_str s = value_str(a, oc_json_path(value, d->match[i].field));
		if (!oc_pattern_match(d->match[i].pattern, s, 0)) {
			*why = d->match[i].rule;
			goto out;
		}
	}
	for (size_t i = 0; i < d->only_n; i++) {
		struct oc_str s = value_str(a, oc_json_path(value, d->only[i].field));
		if (!allowed(&d->only[i], s)) {
			*why = d->only[i].rule;
			goto out;
		}
	}
	out = value;
out:
	oc_buf_fini(&b);
	return out;
}
