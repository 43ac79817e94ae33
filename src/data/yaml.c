/*
 * yaml.c: libyaml's events become JSON text, which is parsed once more into values. A parsed
 * document lies in memory in the order of its text, keys included, so the place of a value is
 * found by its distance from the root.
 */
#include "data/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/err.h"
#include "base/hash.h"

#define MAX_DEPTH  100               /* nobody's plan is deeper */
#define MAX_EXPAND ((size_t)1 << 20) /* bytes that anchors may expand to, all together */
#define NAME_TAIL  36                /* characters of the file's name in a place */

struct mark {
	uint32_t line, column; /* from 1 */
};

struct oc_yaml_marks {
	const char *name;
	yyjson_val *root;
	struct mark *marks; /* (n) keys and values, in the order of the text */
	size_t n;
};

/* A piece of the JSON text that an alias can copy. */
struct anchor {
	struct oc_str name;
	size_t from, to; /* bytes of the JSON text */
	size_t first_mark, last_mark;
	bool open; /* still being read: an alias inside itself */
};

struct reader {
	yaml_parser_t parser;
	struct oc_arena *arena;
	const char *name;
	struct oc_str text;
	struct oc_buf json;
	struct mark *marks;
	size_t mark_n, mark_cap;
	struct anchor *anchors;
	size_t anchor_n, anchor_cap;
	size_t expanded;
	struct oc_err *err;
};

static void place(char out[64], const char *name, struct mark at)
{
	size_t len = strlen(name);
	snprintf(out, 64, "%s%s:%u:%u", len > NAME_TAIL ? "..." : "",
	         len > NAME_TAIL ? name + len - NAME_TAIL : name, at.line, at.column);
}

static struct mark mark_of(yaml_mark_t m)
{
	return (struct mark){(uint32_t)m.line + 1, (uint32_t)m.column + 1};
}

static int fail(struct reader *r, struct mark at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct reader *r, struct mark at, const char *fmt, ...)
{
	char where[64], msg[512];
	va_list args;

	place(where, r->name, at);
	va_start(args, fmt);
	vsnprintf(msg, sizeof msg, fmt, args);
	va_end(args);
	return oc_fail(r->err, OC_PLAN, where, "%s", msg);
}

/* Line number `line` of the text, from 1. */
static struct oc_str line_at(struct oc_str text, uint32_t line)
{
	const char *p = text.p, *end = text.p + text.len, *nl;

	while (line-- > 1 && (nl = memchr(p, '\n', (size_t)(end - p))))
		p = nl + 1;
	nl = memchr(p, '\n', (size_t)(end - p));
	return (struct oc_str){p, (size_t)((nl ? nl : end) - p)};
}

#define BRACES_HELP "put quotes around text that holds {{ }}: \"{{ field }}\""

static int fail_parser(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct mark at = mark_of(p->problem_mark);
	const char *problem = p->problem ? p->problem : "not YAML";

	if (p->error == YAML_READER_ERROR || p->error == YAML_MEMORY_ERROR) {
		/* The reader counts bytes, not lines. */
		at = (struct mark){1, 1};
		for (size_t i = 0; i < p->problem_offset && i < r->text.len; i++) {
			at.column++;
			if (r->text.p[i] == '\n')
				at = (struct mark){at.line + 1, 1};
		}
		return fail(r, at, "%s (byte %zu); a plan is UTF-8 text", problem,
		            p->problem_offset);
	}
	if (oc_str_find(line_at(r->text, at.line), OC_LIT("{{")) >= 0 ||
	    (p->context &&
	     oc_str_find(line_at(r->text, mark_of(p->context_mark).line), OC_LIT("{{")) >= 0))
		return fail(r, at, "%s; %s", problem, BRACES_HELP);
	if (strstr(problem, "cannot start any token") &&
	    memchr(line_at(r->text, at.line).p, '\t', line_at(r->text, at.line).len))
		return fail(r, at, "YAML is indented by spaces, not by tabs");
	if (strstr(problem, "mapping values are not allowed"))
		return fail(r, at,
		            "a `: ` inside a value; put quotes around the value, or check the "
		            "indentation");
	return fail(r, at, "%s", problem);
}

static int next(struct reader *r, yaml_event_t *e)
{
	if (!yaml_parser_parse(&r->parser, e))
		return fail_parser(r);
	return 0;
}

static void add_mark(struct reader *r, struct mark m)
{
	if (r->mark_n == r->mark_cap) {
		r->mark_cap = r->mark_cap ? 2 * r->mark_cap : 256;
		r->marks = oc_realloc(r->marks, r->mark_cap * sizeof *r->marks);
	}
	r->marks[r->mark_n++] = m;
}

/* ----------------------------------------------------------------- scalars */

static bool is_word(struct oc_str s, const char *a, const char *b, const char *c)
{
	return oc_str_is(s, a) || oc_str_is(s, b) || oc_str_is(s, c);
}

static size_t digits(struct oc_str s, size_t i)
{
	size_t from = i;
	while (i < s.len && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i - from;
}

/* A number of YAML's core schema, in JSON's spelling. False: not a number. */
static bool core_number(struct oc_str s, struct oc_buf *out)
{
	size_t i = 0, whole, part = 0, zero;
	bool negative = false, point = false;

	if (s.len > 2 && s.len <= 18 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'o')) {
		char copy[20], *end;
		memcpy(copy, s.p + 2, s.len - 2);
		copy[s.len - 2] = '\0';
		if (strspn(copy, s.p[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567") !=
		    s.len - 2)
			return false;
		if (out)
			oc_buf_u64(out, strtoull(copy, &end, s.p[1] == 'x' ? 16 : 8));
		return true;
	}
	if (i < s.len && (s.p[i] == '-' || s.p[i] == '+'))
		negative = s.p[i++] == '-';
	zero = i;
	whole = digits(s, i);
	i += whole;
	if (i < s.len && s.p[i] == '.') {
		point = true;
		part = digits(s, ++i);
		i += part;
	}
	if (whole + part == 0)
		return false;
	size_t mantissa_end = i, exponent = 0;
	if (i < s.len && (s.p[i] | 32) == 'e') {
		size_t from = ++i;
		if (i < s.len && (s.p[i] == '-' || s.p[i] == '+'))
			i++;
		exponent = digits(s, i);
		if (exponent == 0 || exponent > 6)
			return false;
		i += exponent;
		exponent = i - from;
	}
	if (i != s.len)
		return false;
	if (!out)
		return true;
	if (negative)
		oc_buf_putc(out, '-');
	while (whole > 1 && s.p[zero] == '0') {
		zero++;
		whole--;
	}
	if (whole == 0)
		oc_buf_putc(out, '0');
	oc_buf_add(out, s.p + zero, whole);
	if (point) {
		oc_buf_putc(out, '.');
		if (part == 0)
			oc_buf_putc(out, '0');
		oc_buf_add(out, s.p + mantissa_end - part, part);
	}
	if (exponent) {
		oc_buf_putc(out, 'e');
		oc_buf_add(out, s.p + s.len - exponent, exponent);
	}
	return true;
}

static bool is_null(struct oc_str s)
{
	return s.len == 0 || oc_str_is(s, "~") || is_word(s, "null", "Null", "NULL");
}

static bool is_true(struct oc_str s)
{
	return is_word(s, "true", "True", "TRUE");
}

static bool is_false(struct oc_str s)
{
	return is_word(s, "false", "False", "FALSE");
}

bool oc_yaml_is_typed(struct oc_str s)
{
	return is_null(s) || is_true(s) || is_false(s) || core_number(s, NULL);
}

#define CORE "tag:yaml.org,2002:"

static int scalar(struct reader *r, const yaml_event_t *e)
{
	struct oc_str s = {(const char *)e->data.scalar.value, e->data.scalar.length};
	const char *tag = (const char *)e->data.scalar.tag;
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (tag && (strcmp(tag, "!") == 0 || strcmp(tag, CORE "str") == 0))
		plain = false;
	else if (tag && strncmp(tag, CORE, sizeof CORE - 1) != 0)
		return fail(r, mark_of(e->start_mark),
		            "the tag %s means nothing here; take it away", tag);
	add_mark(r, mark_of(e->start_mark));
	if (plain && is_null(s))
		oc_buf_puts(&r->json, "null");
	else if (plain && is_true(s))
		oc_buf_puts(&r->json, "true");
	else if (plain && is_false(s))
		oc_buf_puts(&r->json, "false");
	else if (!plain || !core_number(s, &r->json))
		oc_buf_json(&r->json, s);
	return 0;
}

/* ------------------------------------------------------------------- nodes */

static int node(struct reader *r, const yaml_event_t *e, unsigned depth);

static size_t open_anchor(struct reader *r, const yaml_char_t *name)
{
	if (!name)
		return SIZE_MAX;
	if (r->anchor_n == r->anchor_cap) {
		r->anchor_cap = r->anchor_cap ? 2 * r->anchor_cap : 16;
		r->anchors = oc_realloc(r->anchors, r->anchor_cap * sizeof *r->anchors);
	}
	r->anchors[r->anchor_n] = (struct anchor){
		.name = oc_arena_str(r->arena, oc_str((const char *)name)),
		.from = r->json.len,
		.first_mark = r->mark_n,
		.open = true,
	};
	return r->anchor_n++;
}

static void close_anchor(struct reader *r, size_t i)
{
	if (i == SIZE_MAX)
		return;
	r->anchors[i].to = r->json.len;
	r->anchors[i].last_mark = r->mark_n;
	r->anchors[i].open = false;
}

static int alias(struct reader *r, const yaml_event_t *e)
{
	struct oc_str name = oc_str((const char *)e->data.alias.anchor);
	struct mark at = mark_of(e->start_mark);

	for (size_t i = r->anchor_n; i-- > 0;) {
		const struct anchor *a = &r->anchors[i];
		size_t len = a->to - a->from, marks = a->last_mark - a->first_mark;
		if (!oc_str_eq(a->name, name))
			continue;
		if (a->open)
			return fail(r, at, "*%.*s stands inside itself", OC_ARG(name));
		r->expanded += len + marks;
		if (r->expanded > MAX_EXPAND)
			return fail(r, at, "*%.*s makes the plan larger than 1 MiB", OC_ARG(name));
		oc_buf_reserve(&r->json, len);
		oc_buf_add(&r->json, r->json.p + a->from, len);
		for (size_t k = 0; k < marks; k++)
			add_mark(r, r->marks[r->anchors[i].first_mark + k]);
		return 0;
	}
	return fail(r, at, "there is no &%.*s above", OC_ARG(name));
}

static int sequence(struct reader *r, unsigned depth)
{
	yaml_event_t e;
	bool first = true;

	oc_buf_putc(&r->json, '[');
	for (;;) {
		int rc = 0;
		if (next(r, &e) < 0)
			return -1;
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&e);
			break;
		}
		if (!first)
			oc_buf_putc(&r->json, ',');
		first = false;
		rc = node(r, &e, depth);
		yaml_event_delete(&e);
		if (rc < 0)
			return -1;
	}
	oc_buf_putc(&r->json, ']');
	return 0;
}

struct key {
	uint64_t hash;
	size_t at, len; /* of the JSON text */
	struct mark mark;
};

static int by_hash(const void *x, const void *y)
{
	const struct key *a = x, *b = y;
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static int check_keys(struct reader *r, struct key *keys, size_t n)
{
	if (n < 2)
		return 0;
	qsort(keys, n, sizeof *keys, by_hash);
	for (size_t i = 1; i < n; i++) {
		const struct key *a = &keys[i - 1], *b = &keys[i];
		if (a->hash == b->hash && a->len == b->len &&
		    memcmp(r->json.p + a->at, r->json.p + b->at, a->len) == 0)
			return fail(r, b->mark, "the key %.*s stands here twice (first in line %u)",
			            (int)b->len, r->json.p + b->at, a->mark.line);
	}
	return 0;
}

/* One key; a flow mapping directly inside a flow mapping is somebody's unquoted {{. */
static int read_key(struct reader *r, const yaml_event_t *e, const yaml_event_t *mapping,
                    struct key *key)
{
	struct mark at = mark_of(e->start_mark), outer = mark_of(mapping->start_mark);

	if (e->type == YAML_MAPPING_START_EVENT && at.line == outer.line &&
	    at.column == outer.column + 1)
		return fail(r, outer, "%s", BRACES_HELP);
	if (e->type != YAML_SCALAR_EVENT)
		return fail(r, at, "a key must be one word, not a list, a mapping or an alias");
	key->mark = at;
	key->at = r->json.len;
	add_mark(r, at);
	oc_buf_json(&r->json,
	            (struct oc_str){(const char *)e->data.scalar.value, e->data.scalar.length});
	key->len = r->json.len - key->at;
	key->hash = oc_hash64(r->json.p + key->at, key->len, 0);
	return 0;
}

static int mapping(struct reader *r, const yaml_event_t *start, unsigned depth)
{
	struct key *keys = NULL;
	size_t n = 0, cap = 0;
	yaml_event_t e;
	int rc = -1;

	oc_buf_putc(&r->json, '{');
	for (;;) {
		if (next(r, &e) < 0)
			goto out;
		if (e.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&e);
			break;
		}
		if (n == cap) {
			cap = cap ? 2 * cap : 16;
			keys = oc_realloc(keys, cap * sizeof *keys);
		}
		if (n > 0)
			oc_buf_putc(&r->json, ',');
		rc = read_key(r, &e, start, &keys[n++]);
		yaml_event_delete(&e);
		if (rc < 0)
			goto out;
		rc = -1;
		oc_buf_putc(&r->json, ':');
		if (next(r, &e) < 0)
			goto out;
		rc = node(r, &e, depth);
		yaml_event_delete(&e);
		if (rc < 0)
			goto out;
		rc = -1;
	}
	oc_buf_putc(&r->json, '}');
	rc = check_keys(r, keys, n);
out:
	free(keys);
	return rc;
}

static int node(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	struct mark at = mark_of(e->start_mark);
	size_t anchor;
	int rc;

	if (depth >= MAX_DEPTH)
		return fail(r, at, "nested more than %d deep", MAX_DEPTH);
	switch (e->type) {
	case YAML_ALIAS_EVENT: return alias(r, e);
	case YAML_SCALAR_EVENT:
		anchor = open_anchor(r, e->data.scalar.anchor);
		rc = scalar(r, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = open_anchor(r, e->data.sequence_start.anchor);
		add_mark(r, at);
		rc = sequence(r, depth + 1);
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = open_anchor(r, e->data.mapping_start.anchor);
		add_mark(r, at);
		rc = mapping(r, e, depth + 1);
		break;
	default: return fail(r, at, "unexpected end");
	}
	close_anchor(r, anchor);
	return rc;
}

/* The one document of the stream. */
static int document(struct reader *r)
{
	yaml_event_t e;
	bool seen = false;
	int rc = 0;

	for (;;) {
		yaml_event_type_t type;
		if (next(r, &e) < 0)
			return -1;
		type = e.type;
		if (type == YAML_DOCUMENT_START_EVENT && seen)
			rc = fail(r, mark_of(e.start_mark),
			          "a second document begins here; a plan is one document");
		else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT &&
		         type != YAML_DOCUMENT_START_EVENT && type != YAML_DOCUMENT_END_EVENT) {
			rc = node(r, &e, 0);
			seen = true;
		}
		yaml_event_delete(&e);
		if (rc < 0)
			return -1;
		if (type == YAML_STREAM_END_EVENT)
			break;
	}
	if (!seen) {
		add_mark(r, (struct mark){1, 1});
		oc_buf_puts(&r->json, "null");
	}
	return 0;
}

yyjson_val *oc_yaml_parse(struct oc_arena *a, struct oc_str text, const char *name,
                          struct oc_yaml_marks **marks, struct oc_err *err)
{
	struct reader r = {.arena = a, .name = name, .text = text, .err = err};
	yyjson_val *root = NULL;

	if (!yaml_parser_initialize(&r.parser))
		oc_oom(sizeof r.parser);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.p ? text.p : ""),
	                             text.len);
	if (document(&r) == 0)
		root = oc_json_parse(a, oc_buf_view(&r.json), err);
	if (root && marks) {
		*marks = oc_arena_zalloc(a, sizeof **marks);
		(*marks)->name = oc_arena_str(a, oc_str(name)).p;
		(*marks)->root = root;
		(*marks)->n = r.mark_n;
		(*marks)->marks = oc_arena_dup(a, r.marks, r.mark_n * sizeof *r.marks);
	}
	yaml_parser_delete(&r.parser);
	oc_buf_fini(&r.json);
	free(r.marks);
	free(r.anchors);
	return root;
}

void oc_yaml_where(void *user, yyjson_val *value, char out[64])
{
	const struct oc_yaml_marks *m = user;

	out[0] = '\0';
	if (!m || !value || value < m->root || (size_t)(value - m->root) >= m->n)
		return;
	place(out, m->name, m->marks[value - m->root]);
}
