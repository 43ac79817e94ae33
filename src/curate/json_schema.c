#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "curate/json_schema_node.h"
#include "data/opts.h"

const char *const oc_schema_types[TYPE_N] = {"null",   "boolean", "integer", "number",
                                             "string", "array",   "object"};

struct compiler {
	struct oc_schema *s;
	struct oc_buf at; /* JSON pointer of the schema being compiled */
	struct oc_err *err;
};

static struct node *compile(struct compiler *c, yyjson_val *v);

static int bad(struct compiler *c, const char *keyword, const char *what)
{
	return oc_fail(c->err, OC_PLAN, NULL, "at %s/%s: %s", oc_buf_cstr(&c->at), keyword, what);
}

/* Compiles `v` one step down the pointer. */
static struct node *below(struct compiler *c, const char *keyword, struct oc_str key, yyjson_val *v)
{
	size_t len = c->at.len;
	struct node *n;

	oc_buf_printf(&c->at, "/%s", keyword);
	if (key.p)
		oc_buf_printf(&c->at, "/%.*s", OC_ARG(key));
	n = c->at.len > 1 << 16 ? NULL : compile(c, v);
	if (c->at.len > 1 << 16)
		oc_fail(c->err, OC_PLAN, NULL, "nested too deeply");
	c->at.len = len;
	return n;
}

static pcre2_code *regex(struct compiler *c, const char *keyword, struct oc_str text)
{
	int code;
	PCRE2_SIZE at;
	char why[256];
	uint32_t flags =
		PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_NEVER_BACKSLASH_C;
	pcre2_code *re = pcre2_compile((PCRE2_SPTR)text.p, text.len, flags, &code, &at, NULL);

	if (!re) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
		oc_fail(c->err, OC_PLAN, NULL,
		        "at %s/%s: \"%.*s\" is no regular expression: %s, "
		        "at character %zu",
		        oc_buf_cstr(&c->at), keyword, OC_ARG(text), why, at);
		return NULL;
	}
	pcre2_jit_compile(re, PCRE2_JIT_COMPLETE); /* where it fails, the interpreter matches */
	if (c->s->code_n == c->s->code_cap) {
		c->s->code_cap = c->s->code_cap ? 2 * c->s->code_cap : 8;
		c->s->codes = oc_realloc(c->s->codes, c->s->code_cap * sizeof *c->s->codes);
	}
	c->s->codes[c->s->code_n++] = re;
	return re;
}

static int read_types(struct compiler *c, struct node *n, yyjson_val *v)
{
	size_t count = yyjson_is_arr(v) ? yyjson_arr_size(v) : 1;

	for (size_t i = 0; i < count; i++) {
		yyjson_val *name = yyjson_is_arr(v) ? yyjson_arr_get(v, i) : v;
		unsigned t = 0;
		while (t < TYPE_N && !yyjson_equals_str(name, oc_schema_types[t]))
			t++;
		if (t == TYPE_N)
			return bad(c, "type",
			           "must be null, boolean, integer, number, string, array or "
			           "object, or a list of these");
		n->types |= 1u << t;
	}
	return n->types ? 0 : bad(c, "type", "an empty list lets nothing through");
}

static int read_list(struct compiler *c, const char *keyword, struct list *l, yyjson_val *v)
{
	size_t i, max;
	yyjson_val *item;

	if (!yyjson_is_arr(v) || !yyjson_arr_size(v))
		return bad(c, keyword, "must be a list of schemas");
	l->node = oc_arena_zalloc(c->s->arena, yyjson_arr_size(v) * sizeof *l->node);
	yyjson_arr_foreach(v, i, max, item)
	{
		struct oc_str number = oc_arena_printf(c->s->arena, "%zu", i);
		l->node[l->n] = below(c, keyword, number, item);
		if (!l->node[l->n++])
			return -1;
	}
	return 0;
}

static int read_properties(struct compiler *c, const char *keyword, bool pattern,
                           struct property **out, uint32_t *n, yyjson_val *v)
{
	size_t i, max;
	yyjson_val *key, *item;

	if (!yyjson_is_obj(v))
		return bad(c, keyword, "must map names to schemas");
	*out = oc_arena_zalloc(c->s->arena, (yyjson_obj_size(v) + 1) * sizeof **out);
	yyjson_obj_foreach(v, i, max, key, item)
	{
		struct property *p = &(*out)[(*n)++];
		p->key = oc_json_str(key);
		if (pattern && !(p->code = regex(c, keyword, p->key)))
			return -1;
		if (!(p->node = below(c, keyword, p->key, item)))
			return -1;
	}
	return 0;
}

static int read_required(struct compiler *c, struct node *n, yyjson_val *v)
{
	size_t i, max;
	yyjson_val *item;

	if (!yyjson_is_arr(v))
		return bad(c, "required", "must be a list of names");
	n->required = oc_arena_zalloc(c->s->arena, (yyjson_arr_size(v) + 1) * sizeof *n->required);
	yyjson_arr_foreach(v, i, max, item)
	{
		if (!yyjson_is_str(item))
			return bad(c, "required", "must be a list of names");
		n->required[n->required_n++] = oc_json_str(item);
	}
	return 0;
}

static int read_count(struct compiler *c, const char *keyword, int64_t *out, yyjson_val *v)
{
	double d = yyjson_is_num(v) ? yyjson_get_num(v) : -1;

	if (!(d >= 0 && d <= 9e15 && d == floor(d)))
		return bad(c, keyword, "must be a whole number of at least 0");
	*out = (int64_t)d;
	return 0;
}

static int read_number(struct compiler *c, const char *keyword, yyjson_val **out, yyjson_val *v)
{
	if (!yyjson_is_num(v))
		return bad(c, keyword, "must be a number");
	*out = v;
	return 0;
}

static int read_ref(struct compiler *c, struct node *n, yyjson_val *v)
{
	struct oc_str to = oc_json_str(v);
	yyjson_val *target = NULL;

	if (oc_str_is(to, "#"))
		target = c->s->document;
	else if (to.len > 1 && to.p[0] == '#' && to.p[1] == '/')
		target = yyjson_ptr_getn(c->s->document, to.p + 1, to.len - 1);
	else
		return bad(c, "$ref", "must point into this schema (\"#/$defs/name\")");
	if (!target)
		return bad(c, "$ref", "points to nothing");
	n->ref = compile(c, target);
	return n->ref ? 0 : -1;
}

static const char *const keywords[] = {
	"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
	"multipleOf", "minLength", "maxLength", "pattern", "properties", "patternProperties",
	"additionalProperties", "required", "minProperties", "maxProperties", "items",
	"prefixItems", "minItems", "maxItems", "uniqueItems", "allOf", "anyOf", "oneOf", "not",
	"$ref", "$defs", "definitions",
	/* annotations */
	"title", "description", "default", "examples", "$schema", "$id", "$comment", "deprecated",
	"readOnly", "writeOnly"};

enum { KEYWORD_N = sizeof keywords / sizeof *keywords, FIRST_ANNOTATION = KEYWORD_N - 10 };

static int unknown(struct compiler *c, struct oc_str name)
{
	const char *near = oc_nearest(name, keywords, KEYWORD_N);

	return oc_fail(
		c->err, OC_PLAN, NULL,
		"at %s: the keyword \"%.*s\" is not supported%s%s%s; it would not be checked",
		c->at.len ? oc_buf_cstr(&c->at) : "the top", OC_ARG(name),
		near ? ", did you mean \"" : "", near ? near : "", near ? "\"" : "");
}

static int read_keyword(struct compiler *c, struct node *n, const char *k, yyjson_val *v)
{
	struct oc_str none = {NULL, 0};
	struct property *defs;
	uint32_t def_n = 0;

#define IS(name) (!strcmp(k, name))
	if (IS("type"))
		return read_types(c, n, v);
	if (IS("enum")) {
		n->one_of_values = v;
		return yyjson_is_arr(v) && yyjson_arr_size(v)
		               ? 0
		               : bad(c, k, "must be a list of values");
	}
	if (IS("const")) {
		n->value = v;
		return 0;
	}
	if (IS("minimum"))
		return read_number(c, k, &n->minimum, v);
	if (IS("maximum"))
		return read_number(c, k, &n->maximum, v);
	if (IS("exclusiveMinimum"))
		return read_number(c, k, &n->above, v);
	if (IS("exclusiveMaximum"))
		return read_number(c, k, &n->below, v);
	if (IS("multipleOf"))
		return yyjson_is_num(v) && yyjson_get_num(v) > 0
		               ? read_number(c, k, &n->multiple, v)
		               : bad(c, k, "must be a number above 0");
	if (IS("minLength"))
		return read_count(c, k, &n->min_length, v);
	if (IS("maxLength"))
		return read_count(c, k, &n->max_length, v);
	if (IS("minItems"))
		return read_count(c, k, &n->min_items, v);
	if (IS("maxItems"))
		return read_count(c, k, &n->max_items, v);
	if (IS("minProperties"))
		return read_count(c, k, &n->min_members, v);
	if (IS("maxProperties"))
		return read_count(c, k, &n->max_members, v);
	if (IS("pattern")) {
		if (!yyjson_is_str(v))
			return bad(c, k, "must be a string");
		n->pattern.key = oc_json_str(v);
		n->pattern.code = regex(c, k, n->pattern.key);
		return n->pattern.code ? 0 : -1;
	}
	if (IS("properties"))
		return read_properties(c, k, false, &n->properties, &n->property_n, v);
	if (IS("patternProperties"))
		return read_properties(c, k, true, &n->patterns, &n->pattern_n, v);
	if (IS("$defs") || IS("definitions"))
		return read_properties(c, k, false, &defs, &def_n, v);
	if (IS("additionalProperties"))
		return (n->additional = below(c, k, none, v)) ? 0 : -1;
	if (IS("items"))
		return (n->items = below(c, k, none, v)) ? 0 : -1;
	if (IS("not"))
		return (n->not = below(c, k, none, v)) ? 0 : -1;
	if (IS("required"))
		return read_required(c, n, v);
	if (IS("prefixItems"))
		return read_list(c, k, &n->prefix, v);
	if (IS("allOf"))
		return read_list(c, k, &n->all, v);
	if (IS("anyOf"))
		return read_list(c, k, &n->any, v);
	if (IS("oneOf"))
		return read_list(c, k, &n->one, v);
	if (IS("uniqueItems")) {
		n->unique = yyjson_is_true(v);
		return yyjson_is_bool(v) ? 0 : bad(c, k, "must be true or false");
	}
	return read_ref(c, n, v);
#undef IS
}

static struct node *compile(struct compiler *c, yyjson_val *v)
{
	struct oc_schema *s = c->s;
	struct node *n;
	size_t i, max;
	yyjson_val *key, *item;

	for (uint32_t k = 0; k < s->known_n; k++)
		if (s->known[k].from == v)
			return s->known[k].node;
	if (!yyjson_is_obj(v) && !yyjson_is_bool(v)) {
		oc_fail(c->err, OC_PLAN, NULL, "at %s: a schema is a mapping, true or false",
		        c->at.len ? oc_buf_cstr(&c->at) : "the top");
		return NULL;
	}
	n = oc_arena_zalloc(s->arena, sizeof *n);
	n->min_length = n->max_length = n->min_items = n->max_items = -1;
	n->min_members = n->max_members = -1;
	n->never = yyjson_is_false(v);
	/* known before its parts are compiled: a schema may refer to itself */
	if (s->known_n == s->known_cap) {
		s->known_cap = s->known_cap ? 2 * s->known_cap : 16;
		s->known = oc_realloc(s->known, s->known_cap * sizeof *s->known);
	}
	s->known[s->known_n++] = (struct known){v, n};
	yyjson_obj_foreach(v, i, max, key, item)
	{
		struct oc_str name = oc_json_str(key);
		unsigned k = 0;
		while (k < KEYWORD_N && !oc_str_is(name, keywords[k]))
			k++;
		if (k == KEYWORD_N) {
			unknown(c, name);
			return NULL;
		}
		if (k < FIRST_ANNOTATION && read_keyword(c, n, keywords[k], item))
			return NULL;
	}
	return n;
}

struct oc_schema *oc_schema_compile(yyjson_val *schema, struct oc_err *err)
{
	struct oc_schema *s = oc_zalloc(1, sizeof *s);
	struct compiler c = {.s = s, .err = err};
	struct oc_buf text = {0};

	s->arena = oc_arena_new();
	oc_json_write(&text, schema);
	s->document = oc_json_parse(s->arena, oc_buf_view(&text), err);
	s->root = s->document ? compile(&c, s->document) : NULL;
	oc_buf_fini(&text);
	oc_buf_fini(&c.at);
	free(s->known);
	s->known = NULL;
	if (s->root)
		return s;
	oc_schema_free(s);
	return NULL;
}

void oc_schema_free(struct oc_schema *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->code_n; i++)
		pcre2_code_free(s->codes[i]);
	free(s->codes);
	oc_arena_free(s->arena);
	free(s);
}
