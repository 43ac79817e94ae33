/* parse.c: a reply's text -> items. */
#include <ctype.h>
#include <stdlib.h>

#include "base/err.h"
#include "generate/pattern.h"
#include "generate/steps.h"
#include "text/tolerant.h"
#include "text/utf8.h"

enum form { JSON, REGEX, NUMBERED, BLOCKS };

struct oc_parser {
	struct oc_arena *arena;
	const char *where;
	enum form form;
	bool continues;
	struct oc_pattern *pattern; /* REGEX; BLOCKS: a header; NUMBERED: a number */
	struct oc_template *lead;   /* put before what continues a prompt */
	bool lines;
	int64_t first;
	struct oc_str separator, empty, *field; /* (field_n) */
	size_t field_n;
	struct oc_template *first_number;
};

/* Items of one reply as they are found. */
struct list {
	struct oc_arena *arena;
	struct oc_item *item;
	size_t n, cap;
};

static struct oc_item *add(struct list *l, struct oc_str text)
{
	if (l->n == OC_ITEM_MAX)
		return NULL;
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;
		struct oc_item *bigger = oc_arena_zalloc(l->arena, cap * sizeof *bigger);
		if (l->n)
			memcpy(bigger, l->item, l->n * sizeof *bigger);
		l->item = bigger;
		l->cap = cap;
	}
	l->item[l->n] = (struct oc_item){.text = text, .rule = "unreadable"};
	return &l->item[l->n++];
}

/* ------------------------------------------------------------------------- opening */

/* "(N)\.\s+(A|B|C):" with the headers taken literally; N is checked when a block is read. */
static void header_pattern(struct oc_buf *b, yyjson_val *headers)
{
	size_t i, n;
	yyjson_val *v;

	oc_buf_puts(b, "(*UCP)([0-9]+)\\.[\\s\\x1c-\\x1f\\x85]+(?:");
	yyjson_arr_foreach(headers, i, n, v)
	{
		struct oc_str s = oc_json_str(v);
		oc_buf_puts(b, i ? "|" : "");
		for (size_t k = 0; k < s.len; k++) {
			if (!isalnum((unsigned char)s.p[k]) && (unsigned char)s.p[k] < 0x80)
				oc_buf_putc(b, '\\');
			oc_buf_putc(b, s.p[k]);
		}
	}
	oc_buf_puts(b, "):");
}

static int open_blocks(struct oc_parser *p, yyjson_val *opts, struct oc_err *err)
{
	yyjson_val *headers = oc_json_get(opts, "headers"), *fields = oc_json_get(opts, "fields"),
		   *v;
	struct oc_buf text = {0};
	size_t i, n;
	int rc;

	if (yyjson_arr_size(headers) != yyjson_arr_size(fields) || !yyjson_arr_size(fields))
		return oc_fail(err, OC_PLAN, p->where,
		               "parse: blocks: `headers` and `fields` must be of equal length");
	p->separator = oc_arena_str(p->arena, oc_json_get_str(opts, "separator"));
	if (!p->separator.len)
		return oc_fail(err, OC_PLAN, p->where, "parse: blocks: `separator` is empty");
	p->empty = oc_arena_str(p->arena, oc_json_get_str(opts, "empty"));
	p->field = oc_arena_zalloc(p->arena, yyjson_arr_size(fields) * sizeof *p->field);
	yyjson_arr_foreach(fields, i, n, v)
	{
		p->field[p->field_n++] = oc_arena_str(p->arena, oc_json_str(v));
	}
	p->first_number =
		oc_template_compile(p->arena, oc_json_get_str(opts, "first"), p->where, err);
	if (!p->first_number)
		return -1;
	header_pattern(&text, headers);
	rc = oc_pattern_open(&p->pattern, oc_buf_view(&text), p->where, err);
	oc_buf_fini(&text);
	return rc;
}

int oc_parser_open(struct oc_parser **out, yyjson_val *block, bool continues, const char *where,
                   struct oc_err *err)
{
	static const char *const names[] = {"json", "regex", "numbered", "blocks"};
	struct oc_arena *a = oc_arena_new();
	struct oc_parser *p = oc_arena_zalloc(a, sizeof *p);
	yyjson_val *opts = NULL;
	int rc = 0;

	p->arena = a;
	p->where = oc_arena_str(a, oc_str(where)).p;
	p->continues = continues;
	if (yyjson_obj_size(block) != 1) {
		oc_fail(err, OC_PLAN, where,
		        "the step `parse` takes exactly one of json, regex, numbered, blocks");
		goto fail;
	}
	for (int i = 0; i < 4; i++) {
		if (!oc_json_get(block, names[i]))
			continue;
		opts = oc_json_get(block, names[i]);
		p->form = (enum form)i;
	}
	switch (p->form) {
	case JSON: break;
	case REGEX:
		p->lines = !oc_str_is(oc_json_get_str(opts, "over"), "whole");
		p->first = oc_json_get_int(opts, "first", 0);
		rc = oc_pattern_open(&p->pattern, oc_json_get_str(opts, "pattern"), where, err);
		break;
	case NUMBERED:
		p->field = oc_arena_dup(a, &(struct oc_str){0}, sizeof *p->field);
		*p->field = oc_arena_str(a, oc_json_get_str(opts, "field"));
		rc = oc_pattern_open(&p->pattern, OC_LIT("(?m)^[ \\t]*[0-9]+[ \\t]*[.)][ \\t]+"),
		                     where, err);
		break;
	case BLOCKS: rc = open_blocks(p, opts, err); break;
	}
	if (rc)
		goto fail;
	p->lead = oc_template_compile(a, oc_json_get_str(opts, "lead"), where, err);
	if (!p->lead)
		goto fail;
	*out = p;
	return 0;
fail:
	oc_parser_close(p);
	return -1;
}

void oc_parser_close(struct oc_parser *p)
{
	if (!p)
		return;
	oc_pattern_close(p->pattern);
	oc_arena_free(p->arena);
}

/* --------------------------------------------------------------------------- forms */

static void json_items(struct list *l, struct oc_str reply, bool cut)
{
	unsigned repairs;
	yyjson_val *v = oc_tolerant_parse(l->arena, reply, &repairs), *list, *one;
	size_t n = oc_tolerant_items(v, &list);
	struct oc_buf b = {0};

	(void)cut; /* what was cut off is left out by the reader itself */
	for (size_t i = 0; i < n; i++) {
		one = list ? yyjson_arr_get(list, i) : v;
		b.len = 0;
		oc_json_write(&b, one);
		struct oc_item *it = add(l, oc_arena_str(l->arena, oc_buf_view(&b)));
		if (!it)
			break;
		it->repairs = repairs;
		if (yyjson_is_obj(one)) {
			it->value = one;
			it->rule = NULL;
		}
	}
	oc_buf_fini(&b);
}

/* The named groups of the last match as an object. */
static yyjson_val *groups(const struct oc_parser *p, struct oc_arena *a, struct oc_str text,
                          struct oc_err *err)
{
	struct oc_buf b = {0};
	yyjson_val *v;

	oc_buf_putc(&b, '{');
	for (unsigned i = 0; i < oc_pattern_name_n(p->pattern); i++) {
		unsigned group;
		size_t from, to;
		const char *name = oc_pattern_name(p->pattern, i, &group);
		if (!oc_pattern_group(p->pattern, group, &from, &to))
			continue;
		oc_buf_puts(&b, b.len > 1 ? "," : "");
		oc_buf_json(&b, oc_str(name));
		oc_buf_putc(&b, ':');
		oc_buf_json(&b, oc_str_trim((struct oc_str){text.p + from, to - from}));
	}
	oc_buf_putc(&b, '}');
	v = oc_json_parse(a, oc_buf_view(&b), err);
	oc_buf_fini(&b);
	return v;
}

static int regex_lines(struct oc_parser *p, struct list *l, struct oc_str text, bool cut,
                       struct oc_err *err)
{
	int64_t seen = 0;

	while (text.len && (!p->first || seen < p->first)) {
		const char *end = memchr(text.p, '\n', text.len);
		size_t len = end ? (size_t)(end - text.p) : text.len;
		struct oc_str line = oc_str_trim((struct oc_str){text.p, len});
		text.p += len + (end != NULL);
		text.len -= len + (end != NULL);
		if (!line.len)
			continue;
		seen++;
		struct oc_item *it = add(l, line);
		if (!it)
			break;
		/* the last line of a cut reply may end early: 408 may be the beginning of 4081 */
		if (cut && !end) {
			it->rule = "cut_off";
		} else if (oc_pattern_match(p->pattern, line, 0)) {
			it->value = groups(p, l->arena, line, err);
			if (!it->value)
				return -1;
			it->rule = NULL;
		}
	}
	return 0;
}

static int regex_whole(struct oc_parser *p, struct list *l, struct oc_str text, bool cut,
                       struct oc_err *err)
{
	size_t at = 0, from, to;
	int64_t seen = 0;

	while ((!p->first || seen < p->first) && oc_pattern_match(p->pattern, text, at) &&
	       oc_pattern_group(p->pattern, 0, &from, &to)) {
		struct oc_item *it = add(l, (struct oc_str){text.p + from, to - from});
		if (!it)
			break;
		seen++;
		if (cut && to == text.len) {
			it->rule = "cut_off";
			break;
		}
		it->value = groups(p, l->arena, text, err);
		if (!it->value)
			return -1;
		it->rule = NULL;
		at = to > at ? to : at + 1;
		/* an empty match may end inside a character */
		while (at < text.len && ((unsigned char)text.p[at] & 0xc0) == 0x80)
			at++;
	}
	return 0;
}

static int numbered_items(struct oc_parser *p, struct list *l, struct oc_str text, bool cut,
                          struct oc_err *err)
{
	size_t at = 0, from, to, begin = 0;
	bool open = false;

	for (;;) {
		bool more = oc_pattern_match(p->pattern, text, at) &&
		            oc_pattern_group(p->pattern, 0, &from, &to);
		if (open) {
			struct oc_str s = oc_str_trim(
				(struct oc_str){text.p + begin, (more ? from : text.len) - begin});
			struct oc_buf b = {0};
			struct oc_item *it = s.len ? add(l, s) : NULL;
			if (it && cut && !more) {
				it->rule = "cut_off";
			} else if (it) {
				oc_buf_putc(&b, '{');
				oc_buf_json(&b, *p->field);
				oc_buf_putc(&b, ':');
				oc_buf_json(&b, s);
				oc_buf_putc(&b, '}');
				it->value = oc_json_parse(l->arena, oc_buf_view(&b), err);
				it->rule = NULL;
				oc_buf_fini(&b);
				if (!it->value)
					return -1;
			}
		}
		if (!more || l->n == OC_ITEM_MAX)
			return 0;
		open = true;
		begin = at = to;
	}
}

/* White space as Python's str.strip() sees it. */
static bool is_blank(uint32_t c)
{
	return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
	       c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
	       c == 0x202f || c == 0x205f || c == 0x3000;
}

static struct oc_str strip(struct oc_str s)
{
	const char *p = s.p, *end = s.p + s.len, *first = NULL, *last = s.p;

	while (p < end) {
		const char *at = p;
		if (is_blank(oc_utf8_next(&p, end)))
			continue;
		first = first ? first : at;
		last = p;
	}
	return (struct oc_str){first ? first : s.p, first ? (size_t)(last - first) : 0};
}

/*
 * One block of a list of tasks. Its own number must head every part; parts are taken by their
 * place, whatever their header is called, and there must be exactly as many as fields: these are
 * the decisions of the published Alpaca parser. A bare suffix counts as the number too ("14.
 * Input:" in block 4), since that parser looks for the number without a border before it.
 */
static int block_item(struct oc_parser *p, struct list *l, struct oc_item *it, struct oc_str block,
                      uint64_t number, struct oc_err *err)
{
	struct oc_str part[32];
	size_t part_n = 0, at = 0, from, to, first, last;
	char want[24];
	size_t want_len = (size_t)snprintf(want, sizeof want, "%llu", (unsigned long long)number);
	struct oc_buf b = {0};

	while (oc_pattern_match(p->pattern, block, at) &&
	       oc_pattern_group(p->pattern, 0, &from, &to) &&
	       oc_pattern_group(p->pattern, 1, &first, &last)) {
		at = to;
		if (last - first < want_len ||
		    memcmp(block.p + last - want_len, want, want_len) != 0)
			continue;
		if (part_n && part_n <= 32)
			part[part_n - 1].len =
				(size_t)(block.p + last - want_len - part[part_n - 1].p);
		if (part_n < 32)
			part[part_n] = (struct oc_str){block.p + to, block.len - to};
		part_n++;
	}
	if (part_n != p->field_n)
		return 0;
	oc_buf_putc(&b, '{');
	for (size_t i = 0; i < part_n; i++) {
		struct oc_str s = strip(part[i]);
		if (p->empty.len && s.len == p->empty.len &&
		    strncasecmp(s.p, p->empty.p, s.len) == 0)
			s.len = 0;
		oc_buf_puts(&b, i ? "," : "");
		oc_buf_json(&b, p->field[i]);
		oc_buf_putc(&b, ':');
		oc_buf_json(&b, s);
	}
	oc_buf_putc(&b, '}');
	it->value = oc_json_parse(l->arena, oc_buf_view(&b), err);
	it->rule = NULL;
	oc_buf_fini(&b);
	return it->value ? 0 : -1;
}

static int block_items(struct oc_parser *p, struct list *l, struct oc_str text, bool cut,
                       const struct oc_scope *scope, struct oc_err *err)
{
	struct oc_buf number = {0};
	uint64_t at_number;
	int rc = -1;

	if (oc_template_render(p->first_number, scope, 64, &number, err))
		goto out;
	at_number = strtoull(oc_buf_cstr(&number), NULL, 10);
	/* A chat reply is no continuation: it may open with the separator. */
	if (!p->continues) {
		text = oc_str_trim(text);
		if (text.len >= p->separator.len &&
		    memcmp(text.p, p->separator.p, p->separator.len) == 0) {
			text.p += p->separator.len;
			text.len -= p->separator.len;
		}
	}
	for (;; at_number++) {
		ptrdiff_t end = oc_str_find(text, p->separator);
		struct oc_str block = {text.p, end < 0 ? text.len : (size_t)end};
		if (oc_str_trim(block).len) {
			struct oc_item *it = add(l, block);
			if (!it)
				break;
			if (cut && end < 0)
				it->rule = "cut_off";
			else if (block_item(p, l, it, block, at_number, err))
				goto out;
		}
		if (end < 0)
			break;
		text.p += (size_t)end + p->separator.len;
		text.len -= (size_t)end + p->separator.len;
	}
	rc = 0;
out:
	oc_buf_fini(&number);
	return rc;
}

int oc_parser_run(struct oc_parser *p, struct oc_arena *a, struct oc_str reply, bool cut,
                  const struct oc_scope *scope, struct oc_item **items, size_t *item_n,
                  struct oc_err *err)
{
	struct list l = {.arena = a};
	struct oc_buf text = {0};
	int rc = -1;

	*items = NULL;
	*item_n = 0;
	if (oc_utf8_check(reply) >= 0)
		reply = oc_utf8_repair(a, reply);
	if (oc_template_render(p->lead, scope, 1 << 16, &text, err))
		goto out;
	/* A chat model may repeat the open header, or go on behind it. */
	struct oc_str lead = oc_str_trim(oc_buf_view(&text));
	if (!p->continues && lead.len && oc_str_find(reply, lead) >= 0)
		text.len = 0;
	oc_buf_str(&text, reply);
	reply = oc_arena_str(a, oc_buf_view(&text));
	switch (p->form) {
	case JSON: json_items(&l, reply, cut); break;
	case REGEX:
		if (p->lines ? regex_lines(p, &l, reply, cut, err)
		             : regex_whole(p, &l, reply, cut, err))
			goto out;
		break;
	case NUMBERED:
		if (numbered_items(p, &l, reply, cut, err))
			goto out;
		break;
	case BLOCKS:
		if (block_items(p, &l, reply, cut, scope, err))
			goto out;
		break;
	}
	*items = l.item;
	*item_n = l.n;
	rc = 0;
out:
	oc_buf_fini(&text);
	return rc;
}
