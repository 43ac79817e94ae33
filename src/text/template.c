#include "text/template.h"

#include <ctype.h>
#include <inttypes.h>

#include "base/err.h"

#define MAX_TERMS 8
#define MAX_DEPTH 16

enum node_kind { TEXT, VALUE, FOR, IF, ELSE, END };
enum filter { F_NONE, F_TRIM, F_ONELINE, F_JSON, F_UNCOLON };

struct term {
	bool literal;
	struct oc_str text; /* a literal's text, or a path */
};

struct expr {
	struct term term[MAX_TERMS];
	unsigned term_n;
	enum filter filter[MAX_TERMS];
	unsigned filter_n;
};

struct node {
	enum node_kind kind;
	struct oc_str text; /* TEXT; FOR: the variable */
	struct expr expr;   /* VALUE, IF; FOR: the list as its only term */
	size_t jump;        /* FOR, IF, ELSE: where to go on when the part is skipped */
};

struct oc_template {
	const char *where;
	struct node *node; /* (node_n) */
	size_t node_n, node_cap;
};

/* A piece of input between two places of the text. */
struct reader {
	struct oc_arena *arena;
	struct oc_template *t;
	struct oc_str text;
	size_t at;
};

static int bad(const struct reader *r, struct oc_err *err, const char *what, struct oc_str tag)
{
	unsigned line = 1;

	for (size_t i = 0; i < r->at && i < r->text.len; i++)
		line += r->text.p[i] == '\n';
	return oc_fail(err, OC_PLAN, r->t->where, "template, line %u: %s in {{%.*s}}", line, what,
	               OC_ARG(tag));
}

static struct node *add(struct reader *r, enum node_kind kind)
{
	struct oc_template *t = r->t;

	if (t->node_n == t->node_cap) {
		size_t cap = t->node_cap ? 2 * t->node_cap : 16;
		struct node *bigger = oc_arena_zalloc(r->arena, cap * sizeof *bigger);
		if (t->node_n)
			memcpy(bigger, t->node, t->node_n * sizeof *bigger);
		t->node = bigger;
		t->node_cap = cap;
	}
	struct node *n = &t->node[t->node_n++];
	*n = (struct node){.kind = kind};
	return n;
}

/* ------------------------------------------------------------------ compile */

static struct oc_str skip_space(struct oc_str s)
{
	while (s.len && isspace((unsigned char)*s.p)) {
		s.p++;
		s.len--;
	}
	return s;
}

/* Cuts the next word (up to white space, quote or bar) off *s. */
static struct oc_str word(struct oc_str *s)
{
	struct oc_str w;

	*s = skip_space(*s);
	w = (struct oc_str){s->p, 0};
	while (w.len < s->len && !isspace((unsigned char)s->p[w.len]) && s->p[w.len] != '|')
		w.len++;
	s->p += w.len;
	s->len -= w.len;
	return w;
}

static bool is_path(struct oc_str w)
{
	for (size_t i = 0; i < w.len; i++)
		if (strchr("{}'\"|", w.p[i]))
			return false;
	return w.len > 0;
}

static int read_expr(const struct reader *r, struct oc_str s, struct expr *e, struct oc_err *err)
{
	static const char *const names[] = {"", "trim", "oneline", "json", "uncolon"};
	struct oc_str tag = s;

	for (;;) {
		s = skip_space(s);
		if (e->term_n == MAX_TERMS)
			return bad(r, err, "more than eight alternatives", tag);
		struct term *t = &e->term[e->term_n++];
		if (s.len && (*s.p == '\'' || *s.p == '"')) {
			const char *end = s.len > 1 ? memchr(s.p + 1, *s.p, s.len - 1) : NULL;
			if (!end)
				return bad(r, err, "a quote that never closes", tag);
			t->literal = true;
			t->text = (struct oc_str){s.p + 1, (size_t)(end - s.p) - 1};
			s.len -= (size_t)(end - s.p) + 1;
			s.p = end + 1;
		} else {
			t->text = word(&s);
			if (!is_path(t->text))
				return bad(r, err, "a name is missing", tag);
		}
		s = skip_space(s);
		if (!s.len)
			return 0;
		if (*s.p == '|')
			break;
		if (!oc_str_is(word(&s), "or"))
			return bad(r, err, "expected `or` or `|` after a name", tag);
	}
	while (s.len) {
		enum filter f = F_TRIM;
		s.p++; /* the bar */
		s.len--;
		struct oc_str w = word(&s);
		while (f <= F_UNCOLON && !oc_str_is(w, names[f]))
			f++;
		if (f > F_UNCOLON)
			return bad(r, err, "no such filter (trim, oneline, json, uncolon)", tag);
		if (e->filter_n == MAX_TERMS)
			return bad(r, err, "more than eight filters", tag);
		e->filter[e->filter_n++] = f;
		s = skip_space(s);
		if (s.len && *s.p != '|')
			return bad(r, err, "expected `|` after a filter", tag);
	}
	return 0;
}

/* A control tag alone on its line takes the line with it. Returns where the text before ends. */
static size_t alone(struct oc_str text, size_t from, size_t open, size_t *after)
{
	size_t before = open, behind = *after;

	while (before > from && (text.p[before - 1] == ' ' || text.p[before - 1] == '\t'))
		before--;
	while (behind < text.len && (text.p[behind] == ' ' || text.p[behind] == '\t'))
		behind++;
	if ((before > 0 && text.p[before - 1] != '\n') ||
	    (behind < text.len && text.p[behind] != '\n'))
		return open;
	*after = behind < text.len ? behind + 1 : behind;
	return before;
}

static void add_text(struct reader *r, size_t from, size_t to)
{
	if (to > from)
		add(r, TEXT)->text = (struct oc_str){r->text.p + from, to - from};
}

struct oc_template *oc_template_compile(struct oc_arena *a, struct oc_str text, const char *where,
                                        struct oc_err *err)
{
	struct reader r = {.arena = a, .text = oc_arena_str(a, text)};
	size_t open[MAX_DEPTH], depth = 0, from = 0;

	r.t = oc_arena_zalloc(a, sizeof *r.t);
	r.t->where = (const char *)oc_arena_str(a, oc_str(where ? where : "")).p;
	for (;;) {
		struct oc_str rest = {r.text.p + from, r.text.len - from};
		ptrdiff_t at = oc_str_find(rest, OC_LIT("{{"));
		if (at < 0)
			break;
		r.at = from + (size_t)at;
		rest = (struct oc_str){r.text.p + r.at + 2, r.text.len - r.at - 2};
		/* a quoted literal may hold braces */
		size_t close = 0;
		char quote = 0;
		for (; close + 1 < rest.len; close++) {
			char c = rest.p[close];
			if (quote ? c == quote : (c == '\'' || c == '"'))
				quote = quote ? 0 : c;
			else if (!quote && c == '}' && rest.p[close + 1] == '}')
				break;
		}
		if (close + 1 >= rest.len) {
			bad(&r, err, "the closing }} is missing", oc_str_trim(oc_str("")));
			return NULL;
		}
		struct oc_str tag = {rest.p, close}, s = tag;
		size_t after = r.at + 2 + close + 2;
		struct oc_str first = word(&s);
		bool ctl = oc_str_is(first, "for") || oc_str_is(first, "if") ||
		           oc_str_is(first, "else") || oc_str_is(first, "end");
		add_text(&r, from, ctl ? alone(r.text, from, r.at, &after) : r.at);
		from = after;
		if (!ctl) {
			struct expr e = {0};
			if (read_expr(&r, tag, &e, err))
				return NULL;
			add(&r, VALUE)->expr = e;
			continue;
		}
		if (oc_str_is(first, "for")) {
			struct oc_str var = word(&s), in = word(&s), list = word(&s);
			if (!is_path(var) || !oc_str_is(in, "in") || !is_path(list) ||
			    skip_space(s).len) {
				bad(&r, err, "expected `for NAME in LIST`", tag);
				return NULL;
			}
			struct node *n = add(&r, FOR);
			n->text = var;
			n->expr.term[0].text = list;
			n->expr.term_n = 1;
		} else if (oc_str_is(first, "if")) {
			struct expr e = {0};
			if (read_expr(&r, s, &e, err))
				return NULL;
			add(&r, IF)->expr = e;
		} else {
			bool end = oc_str_is(first, "end");
			if (!depth || skip_space(s).len ||
			    (!end && r.t->node[open[depth - 1]].kind != IF)) {
				bad(&r, err, end ? "nothing is open" : "no `if` is open", tag);
				return NULL;
			}
			add(&r, end ? END : ELSE);
			/* `if` skips to behind `else`, `else` and `for` to their `end` */
			r.t->node[open[--depth]].jump = r.t->node_n - (end ? 1 : 0);
			if (end)
				continue;
		}
		if (depth == MAX_DEPTH) {
			bad(&r, err, "nested too deeply", tag);
			return NULL;
		}
		open[depth++] = r.t->node_n - 1;
	}
	add_text(&r, from, r.text.len);
	if (depth) {
		r.at = r.text.len;
		bad(&r, err, "an `end` is missing for a `for` or `if`", OC_LIT(" end "));
		return NULL;
	}
	return r.t;
}

/* ------------------------------------------------------------------- render */

/* What a path stands for: a value, a whole list, or a number made here. */
struct found {
	bool known;
	yyjson_val *value;
	const struct oc_scope *list;
	uint64_t number; /* 0 = none */
};

/* "2.word" of a list: counted from 0; NULL when it has no such element. */
static yyjson_val *element(const struct oc_scope *scope, struct oc_str path)
{
	uint64_t at = 0;
	size_t len = 0;

	while (len < path.len && len < 9 && path.p[len] >= '0' && path.p[len] <= '9')
		at = 10 * at + (uint64_t)(path.p[len++] - '0');
	if (!len || at >= scope->list_n || (len < path.len && path.p[len] != '.'))
		return NULL;
	if (len == path.len)
		return scope->list[at];
	return oc_json_path(scope->list[at], (struct oc_str){path.p + len + 1, path.len - len - 1});
}

static struct found look(const struct oc_scope *scope, struct oc_str path)
{
	const char *dot = memchr(path.p, '.', path.len);
	struct oc_str head = {path.p, dot ? (size_t)(dot - path.p) : path.len};
	struct oc_str tail = {dot ? dot + 1 : NULL, dot ? path.len - head.len - 1 : 0};

	for (; scope; scope = scope->up) {
		struct found f = {.known = true};
		if (!scope->name.len) {
			yyjson_val *v = yyjson_obj_getn(scope->value, head.p, head.len);
			if (!v)
				continue;
			f.value = dot ? oc_json_path(v, tail) : v;
			return f;
		}
		if (!oc_str_eq(scope->name, head))
			continue;
		if (!scope->list && !scope->list_n) {
			f.value = dot ? oc_json_path(scope->value, tail) : scope->value;
		} else if (!dot) {
			f.list = scope;
		} else if (oc_str_is(tail, "n")) {
			f.number = scope->list_n;
		} else if (oc_str_is(tail, "next") || oc_str_is(tail, "number")) {
			f.number = scope->list_n + 1;
		} else {
			f.value = element(scope, tail);
		}
		return f;
	}
	return (struct found){0};
}

void oc_value_text(struct oc_buf *out, yyjson_val *v)
{
	if (yyjson_is_str(v))
		oc_buf_add(out, yyjson_get_str(v), yyjson_get_len(v));
	else if (v && !yyjson_is_null(v))
		oc_json_write(out, v);
}

static void apply(enum filter f, struct oc_buf *out, size_t from)
{
	struct oc_str s = oc_str_trim((struct oc_str){out->p + from, out->len - from});

	if (f == F_JSON) {
		struct oc_buf copy = {0};
		oc_buf_add(&copy, out->p + from, out->len - from);
		out->len = from;
		oc_buf_json(out, oc_buf_view(&copy));
		oc_buf_fini(&copy);
		return;
	}
	if (f == F_UNCOLON)
		while (s.len && s.p[s.len - 1] == ':')
			s.len--;
	if (s.len)
		memmove(out->p + from, s.p, s.len);
	out->len = from + s.len;
	if (f == F_ONELINE) {
		size_t to = from;
		for (size_t i = from; i < out->len; i++) {
			char c = out->p[i];
			if (!isspace((unsigned char)c))
				out->p[to++] = c;
			else if (out->p[to - 1] != ' ') /* a trimmed text starts with no space */
				out->p[to++] = ' ';
		}
		out->len = to;
	}
}

static bool truth(struct oc_str s)
{
	return s.len && !oc_str_is(s, "false") && !oc_str_is(s, "0") && !oc_str_is(s, "[]") &&
	       !oc_str_is(s, "{}");
}

/*
 * Appends the first alternative that is not empty (for a condition: that is true). 1: something was
 * appended.
 */
static int put(const struct oc_template *t, const struct expr *e, const struct oc_scope *scope,
               bool condition, struct oc_buf *out, struct oc_err *err)
{
	size_t from = out->len;

	for (unsigned i = 0; i < e->term_n && out->len == from; i++) {
		const struct term *m = &e->term[i];
		if (m->literal) {
			oc_buf_str(out, m->text);
			break;
		}
		struct found f = look(scope, m->text);
		if (!f.known)
			return oc_fail(
				err, OC_PLAN, t->where,
				"the template names `%.*s`, which is neither an option nor a "
				"field known here",
				OC_ARG(m->text));
		if (f.list)
			return oc_fail(err, OC_PLAN, t->where,
			               "`%.*s` is a list: write {{ for s in %.*s }} ... {{ end }}",
			               OC_ARG(m->text), OC_ARG(m->text));
		if (f.number)
			oc_buf_u64(out, f.number);
		else
			oc_value_text(out, f.value);
		if (condition && !truth((struct oc_str){out->p + from, out->len - from}))
			out->len = from;
	}
	for (unsigned i = 0; i < e->filter_n; i++)
		apply(e->filter[i], out, from);
	return out->len > from;
}

struct render {
	const struct oc_template *t;
	size_t max;
	struct oc_buf *out;
	struct oc_err *err;
};

static int walk(const struct render *r, size_t at, size_t end, const struct oc_scope *scope)
{
	for (; at < end; at++) {
		const struct node *n = &r->t->node[at];
		size_t from = r->out->len;
		switch (n->kind) {
		case TEXT: oc_buf_str(r->out, n->text); break;
		case VALUE:
			if (put(r->t, &n->expr, scope, false, r->out, r->err) < 0)
				return -1;
			break;
		case IF: {
			int yes = put(r->t, &n->expr, scope, true, r->out, r->err);
			if (yes < 0)
				return -1;
			r->out->len = from;
			if (!yes)
				at = n->jump - 1;
			break;
		}
		case ELSE: at = n->jump; break;
		case END: break;
		case FOR: {
			struct found f = look(scope, n->expr.term[0].text);
			size_t len = f.list ? f.list->list_n : yyjson_arr_size(f.value);
			if (!f.known || (!f.list && !yyjson_is_arr(f.value)))
				return oc_fail(r->err, OC_PLAN, r->t->where,
				               "the template loops over `%.*s`, which is no list",
				               OC_ARG(n->expr.term[0].text));
			for (size_t i = 0; i < len; i++) {
				/* loop.number is the .next of a list of i elements */
				struct oc_scope count = {scope, OC_LIT("loop"), NULL,
				                         (yyjson_val *const[]){NULL}, i};
				struct oc_scope item = {.up = &count, .name = n->text};
				item.value = f.list ? f.list->list[i] : yyjson_arr_get(f.value, i);
				if (walk(r, at + 1, n->jump, &item))
					return -1;
			}
			at = n->jump;
			break;
		}
		}
		if (r->out->len > r->max)
			return oc_fail(r->err, OC_INPUT, r->t->where,
			               "a prompt would be longer than %zu bytes: cut the sources "
			               "into smaller chunks or show fewer seeds",
			               r->max);
	}
	return 0;
}

int oc_template_render(const struct oc_template *t, const struct oc_scope *scope, size_t max,
                       struct oc_buf *out, struct oc_err *err)
{
	struct render r = {t, max, out, err};

	if (max < SIZE_MAX - out->len)
		r.max += out->len;
	return walk(&r, 0, t->node_n, scope);
}

int oc_template_value(const struct oc_template *t, const struct oc_scope *scope, bool *found,
                      yyjson_val **value, struct oc_err *err)
{
	const struct expr *e = t->node_n == 1 && t->node[0].kind == VALUE ? &t->node[0].expr : NULL;

	*value = NULL;
	*found = e && e->term_n == 1 && !e->filter_n && !e->term[0].literal;
	if (!*found)
		return 0;
	struct found f = look(scope, e->term[0].text);
	if (!f.known)
		return oc_fail(err, OC_PLAN, t->where,
		               "the template names `%.*s`, which is neither an option nor a field "
		               "known here",
		               OC_ARG(e->term[0].text));
	if (f.list || f.number)
		*found = false;
	*value = f.value;
	return 0;
}
