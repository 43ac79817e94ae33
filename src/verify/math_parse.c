/*
 * math_parse.c: tokens to a tree, by recursive descent.
 *
 *   answer := relation { ("," | ";" | "and" | "or") relation }
 *   relation := side { ("=" | "<" | ...) side }
 *   side := entry { ("∪" | "∩" | "\") entry }
 *   entry := [label ":"] [currency] sum [unit]
 *   sum := term { ("+" | "-" | "±") term },  term := factor { ["*" | "/"] factor }
 *   factor := ["-"] primary { "!" | "%" | "^" factor }
 *
 * Where a notation has two readings the likelier is taken and `doubt` is set, which keeps the
 * comparison from claiming that two answers differ.
 */
#include "base/hash.h"
#include "verify/math_tree.h"

static int32_t answer(struct oc_math *m);
static int32_t relation(struct oc_math *m);
static int32_t sum(struct oc_math *m);
static int32_t factor(struct oc_math *m);

static int32_t fail(struct oc_math *m, const char *why)
{
	oc_math_fail(m, why);
	return -1;
}

static struct oc_tok *ahead(struct oc_math *m, uint32_t n)
{
	uint32_t k = m->pos + n;
	return &m->toks[k < m->tok_n ? k : m->tok_n - 1];
}

static struct oc_tok *tok(struct oc_math *m)
{
	return &m->toks[m->pos];
}

static bool at(struct oc_math *m, int kind, int sub)
{
	return tok(m)->kind == kind && tok(m)->sub == sub;
}

static bool accept(struct oc_math *m, int kind, int sub)
{
	if (!at(m, kind, sub))
		return false;
	m->pos++;
	return true;
}

int32_t oc_math_node(struct oc_math *m, int kind, int op, int32_t a, int32_t b)
{
	if (m->node_n == OC_MATH_NODES)
		return fail(m, "too many terms");
	m->nodes[m->node_n] = (struct oc_node){
		.kind = (uint8_t)kind, .op = (uint8_t)op, .a = a, .b = b, .next = -1};
	return m->node_n++;
}

static int32_t node(struct oc_math *m, int kind, int op, int32_t a, int32_t b)
{
	return oc_math_node(m, kind, op, a, b);
}

static int32_t two(struct oc_math *m, int kind, int op, int32_t a, int32_t b)
{
	return a < 0 || b < 0 ? -1 : node(m, kind, op, a, b);
}

static int32_t one(struct oc_math *m, int kind, int op, int32_t a)
{
	return a < 0 ? -1 : node(m, kind, op, a, -1);
}

static int32_t number(struct oc_math *m, struct oc_rat v)
{
	int32_t n = node(m, OC_NODE_NUM, 0, -1, -1);
	if (n >= 0)
		m->nodes[n].num = v;
	return n;
}

/* Items of a bracket or list, linked by `next`. */
struct items {
	int32_t first, last;
	uint32_t n;
};

static bool add_item(struct oc_math *m, struct items *it, int32_t item)
{
	if (item < 0)
		return false;
	/* a node may already be an item elsewhere only when it was returned from inside brackets:
	 * there it was alone, so its link is free */
	if (it->n++ == 0)
		it->first = item;
	else
		m->nodes[it->last].next = item;
	it->last = item;
	return true;
}

static int32_t collect(struct oc_math *m, int kind, struct items it)
{
	int32_t n = node(m, kind, 0, it.n ? it.first : -1, -1);
	if (n >= 0)
		m->nodes[n].count = it.n;
	return n;
}

/* ---------------------------------------------------------------- primaries */

static int32_t literal(struct oc_math *m)
{
	struct oc_tok *t = tok(m);
	int32_t n = number(m, t->num);
	if (n < 0)
		return -1;
	m->nodes[n].literal = true;
	m->nodes[n].places = t->scaled ? 0 : t->places;
	m->nodes[n].text = t->text;
	m->pos++;
	return n;
}

static bool plain_int(const struct oc_tok *t)
{
	return t->kind == OC_TOK_NUM && t->integer && !t->sub;
}

/* \frac12: one digit is one argument. */
static int32_t digit_argument(struct oc_math *m)
{
	struct oc_tok *t = tok(m);
	if (!plain_int(t) || t->text.len < 2)
		return literal(m);
	int32_t n = number(m, oc_rat_int(t->text.p[0] - '0'));
	t->text.p++;
	t->text.len--;
	struct oc_str none = {t->text.p, 0};
	for (size_t i = 0; i < t->text.len; i++)
		if (t->text.p[i] < '0' || t->text.p[i] > '9')
			return fail(m, "a fraction that cannot be read");
	return oc_rat_decimal(&m->rats, t->text, none, 0, &t->num) ? n : -1;
}

/* An argument of \frac, ^ or _: a group in braces or one sign. */
static int32_t argument(struct oc_math *m)
{
	if (accept(m, OC_TOK_OPEN, '{')) {
		int32_t n = sum(m);
		if (n >= 0 && !accept(m, OC_TOK_CLOSE, '}'))
			return fail(m, "a brace is not closed");
		return n;
	}
	if (tok(m)->kind == OC_TOK_NUM)
		return digit_argument(m);
	return factor(m);
}

static int32_t fraction(struct oc_math *m)
{
	m->pos++;
	int32_t a = argument(m);
	return a < 0 ? -1 : two(m, OC_NODE_DIV, 0, a, argument(m));
}

static bool int_node(struct oc_math *m, int32_t n)
{
	return n >= 0 && m->nodes[n].kind == OC_NODE_NUM && oc_rat_is_int(m->nodes[n].num);
}

/* A number, with what may belong to it: 3 1/2, 3\frac{1}{2}, 3½, 1011_2. */
static int32_t numeral(struct oc_math *m)
{
	bool whole = plain_int(tok(m));
	int32_t n = literal(m), part;
	struct oc_tok *t = tok(m);
	if (n < 0 || !whole)
		return n;
	if (plain_int(t) && t->space && ahead(m, 1)->kind == OC_TOK_OP && ahead(m, 1)->sub == '/' &&
	    plain_int(ahead(m, 2)) && oc_rat_sign(ahead(m, 2)->num) != 0) {
		part = literal(m);
		m->pos++;
		part = two(m, OC_NODE_DIV, 0, part, literal(m));
		return two(m, OC_NODE_ADD, 0, n, part);
	}
	if (t->kind == OC_TOK_NUM && t->sub == 1)
		return two(m, OC_NODE_ADD, 0, n, literal(m));
	if (t->kind == OC_TOK_FRAC) {
		part = fraction(m);
		if (part < 0)
			return -1;
		if (int_node(m, m->nodes[part].a) && int_node(m, m->nodes[part].b)) {
			if (!m->doubt)
				m->doubt = "a mixed number or a product";
			return two(m, OC_NODE_ADD, 0, n, part);
		}
		return two(m, OC_NODE_MUL, 0, n, part);
	}
	if (t->kind == OC_TOK_OP && t->sub == '_') {
		m->pos++;
		int32_t base = argument(m);
		int64_t b;
		if (!int_node(m, base) || !oc_rat_small(m->nodes[base].num, &b) || b < 2 || b > 10)
			return fail(m, "a subscript on a number");
		struct oc_str digits = m->nodes[n].text;
		struct oc_rat v = oc_rat_int(0);
		for (size_t i = 0; i < digits.len; i++) {
			int64_t d = digits.p[i] - '0';
			if (d < 0 || d >= b || !oc_rat_op(&m->rats, '*', v, oc_rat_int(b), &v) ||
			    !oc_rat_op(&m->rats, '+', v, oc_rat_int(d), &v))
				return fail(m, "a digit that the base does not have");
		}
		int32_t out = node(m, OC_NODE_BASE, (int)b, n, -1);
		if (out >= 0)
			m->nodes[out].num = v;
		return out;
	}
	return n;
}

static int32_t name(struct oc_math *m)
{
	struct oc_tok *t = tok(m);
	m->pos++;
	if (t->text.len == 1 && t->text.p[0] == 'e' && !at(m, OC_TOK_OP, '_'))
		return node(m, OC_NODE_E, 0, -1, -1);
	if (t->text.len == 1 && t->text.p[0] == 'i' && !at(m, OC_TOK_OP, '_'))
		return node(m, OC_NODE_I, 0, -1, -1);
	int32_t n = node(m, OC_NODE_NAME, 0, -1, -1);
	if (n < 0)
		return -1;
	uint64_t h = oc_hash64(t->text.p, t->text.len, 1);
	m->nodes[n].text = t->text;
	if (accept(m, OC_TOK_OP, '_')) {
		bool braces = accept(m, OC_TOK_OPEN, '{');
		do {
			t = tok(m);
			if (t->kind != OC_TOK_NUM && t->kind != OC_TOK_NAME &&
			    t->kind != OC_TOK_WORD)
				return fail(m, "a subscript that cannot be read");
			h = oc_hash64(t->text.p, t->text.len, h);
			m->pos++;
		} while (braces && !at(m, OC_TOK_CLOSE, '}') && !at(m, OC_TOK_END, 0));
		if (braces && !accept(m, OC_TOK_CLOSE, '}'))
			return fail(m, "a brace is not closed");
	}
	m->nodes[n].hash = h;
	return n;
}

static int32_t bracket(struct oc_math *m)
{
	struct items it = {-1, -1, 0};
	char open = (char)tok(m)->sub, close;

	m->pos++;
	while (tok(m)->kind != OC_TOK_CLOSE) {
		if (!add_item(m, &it, relation(m)))
			return -1;
		if (tok(m)->kind == OC_TOK_SEP) {
			m->pos++;
			if (tok(m)->kind == OC_TOK_CLOSE)
				return fail(m, "a bracket ends in a comma");
		} else if (tok(m)->kind != OC_TOK_CLOSE) {
			return fail(m, tok(m)->kind == OC_TOK_END
			                       ? "a bracket is not closed"
			                       : "something unexpected in a bracket");
		}
	}
	close = (char)tok(m)->sub;
	m->pos++;
	bool braces = open == '{' || open == 'S';
	if (braces) {
		if (close != '}' && close != 'S')
			return fail(m, "brackets do not match");
		if (it.n == 1 && open == '{')
			return it.first;
		return collect(m, OC_NODE_SET, it);
	}
	if ((open != '(' && open != '[') || (close != ')' && close != ']'))
		return fail(m, "brackets do not match");
	if (it.n == 0)
		return fail(m, "empty brackets");
	if (it.n == 1)
		return (open == '(') == (close == ')') ? it.first
		                                       : fail(m, "brackets do not match");
	int32_t n = collect(m, OC_NODE_SEQ, it);
	if (n >= 0) {
		m->nodes[n].op = (uint8_t)open;
		m->nodes[n].op2 = (uint8_t)close;
	}
	return n;
}

/* One row or one column is a tuple; more is a tuple of rows. */
static int32_t matrix(struct oc_math *m)
{
	struct items rows = {-1, -1, 0}, flat = {-1, -1, 0};
	uint32_t width = 0;

	m->pos++;
	while (tok(m)->kind != OC_TOK_MATRIX_END) {
		struct items row = {-1, -1, 0};
		do {
			if (!add_item(m, &row, sum(m)))
				return -1;
		} while (accept(m, OC_TOK_CELL, 0));
		if (rows.n && row.n != width)
			return fail(m, "rows of a matrix differ in length");
		width = row.n;
		int32_t r = row.n == 1 ? row.first : collect(m, OC_NODE_SEQ, row);
		if (r >= 0 && row.n > 1)
			m->nodes[r].op = m->nodes[r].op2 = 0;
		if (!add_item(m, &rows, r))
			return -1;
		flat = row;
		if (!accept(m, OC_TOK_ROW, 0) && tok(m)->kind != OC_TOK_MATRIX_END)
			return fail(m, "a matrix is not closed");
	}
	m->pos++;
	if (rows.n == 0)
		return fail(m, "an empty matrix");
	return collect(m, OC_NODE_SEQ, rows.n == 1 ? flat : rows);
}

static int32_t function(struct oc_math *m)
{
	struct oc_tok *t = tok(m);
	int fn = t->sub;
	uint64_t h = oc_hash64(t->text.p, t->text.len, 2);
	int32_t a, b = -1, power = -1;

	m->pos++;
	if (fn == OC_FN_BINOM && at(m, OC_TOK_OPEN, '{')) {
		a = argument(m);
		b = a < 0 ? -1 : argument(m);
		return two(m, OC_NODE_FUNC, fn, a, b);
	}
	if (fn == OC_FN_SQRT && accept(m, OC_TOK_OPEN, '[')) {
		b = sum(m);
		if (b < 0 || !accept(m, OC_TOK_CLOSE, ']'))
			return fail(m, "the index of a root cannot be read");
	}
	if (accept(m, OC_TOK_OP, '_')) {
		b = argument(m);
		if (b < 0 || fn != OC_FN_LOG)
			return fail(m, "a subscript that cannot be read");
	}
	if (accept(m, OC_TOK_OP, '^')) {
		power = argument(m);
		if (power < 0)
			return -1;
	}
	if (at(m, OC_TOK_OPEN, '(') || at(m, OC_TOK_OPEN, '[')) {
		m->pos++;
		a = sum(m);
		bool more = fn == OC_FN_GCD || fn == OC_FN_LCM || fn == OC_FN_MIN ||
		            fn == OC_FN_MAX || fn == OC_FN_BINOM || fn == OC_FN_MOD;
		while (a >= 0 && more && accept(m, OC_TOK_SEP, ',')) {
			if (b >= 0) {
				/* min(a, b, c) = min(min(a, b), c) */
				a = two(m, OC_NODE_FUNC, fn, a, b);
			}
			b = sum(m);
			if (b < 0)
				return -1;
		}
		if (a < 0 || tok(m)->kind != OC_TOK_CLOSE)
			return fail(m, "the argument of a function cannot be read");
		m->pos++;
	} else if (at(m, OC_TOK_OPEN, '{')) {
		a = argument(m);
	} else {
		a = factor(m);
		while (fn >= OC_FN_LOG && a >= 0 &&
		       (tok(m)->kind == OC_TOK_NAME || tok(m)->kind == OC_TOK_PI))
			a = two(m, OC_NODE_MUL, 0, a, factor(m));
	}
	int32_t n = a < 0 ? -1 : node(m, OC_NODE_FUNC, fn, a, b);
	if (n < 0)
		return -1;
	m->nodes[n].hash = h;
	return power < 0 ? n : two(m, OC_NODE_POW, 0, n, power);
}

static int32_t primary(struct oc_math *m)
{
	struct oc_tok *t = tok(m);
	int32_t n;

	switch (t->kind) {
	case OC_TOK_NUM: return numeral(m);
	case OC_TOK_NAME: return name(m);
	case OC_TOK_PI: m->pos++; return node(m, OC_NODE_PI, 0, -1, -1);
	case OC_TOK_INF: m->pos++; return node(m, OC_NODE_INF, 0, -1, -1);
	case OC_TOK_EMPTY: m->pos++; return collect(m, OC_NODE_SET, (struct items){-1, -1, 0});
	case OC_TOK_FRAC: return fraction(m);
	case OC_TOK_FUNC: return function(m);
	case OC_TOK_MATRIX: return matrix(m);
	case OC_TOK_BOXED:
		m->pos++;
		if (!accept(m, OC_TOK_OPEN, '{'))
			return fail(m, "an empty box");
		n = answer(m);
		if (n >= 0 && !accept(m, OC_TOK_CLOSE, '}'))
			return fail(m, "a box is not closed");
		return n;
	case OC_TOK_OPEN:
		if (t->sub != 'F' && t->sub != 'C')
			return bracket(m);
		m->pos++;
		n = sum(m);
		if (n < 0 || !accept(m, OC_TOK_CLOSE, t->sub))
			return fail(m, "a bracket is not closed");
		return one(m, OC_NODE_FUNC, t->sub == 'F' ? OC_FN_FLOOR : OC_FN_CEIL, n);
	case OC_TOK_OP:
		if (t->sub == '|') {
			m->pos++;
			n = sum(m);
			if (n < 0 || !accept(m, OC_TOK_OP, '|'))
				return fail(m, "a bar is not closed");
			return one(m, OC_NODE_FUNC, OC_FN_ABS, n);
		}
		break;
	case OC_TOK_END: return fail(m, "nothing to read");
	case OC_TOK_WORD: return fail(m, "words inside an expression");
	default: break;
	}
	return fail(m, "something unexpected in an expression");
}

/* --------------------------------------------------------------- operators */

static int32_t postfix(struct oc_math *m)
{
	int32_t n = primary(m);
	while (n >= 0) {
		if (accept(m, OC_TOK_OP, '!')) {
			if (at(m, OC_TOK_END, 0) && !m->doubt)
				m->doubt = "a factorial or an exclamation";
			n = one(m, OC_NODE_FUNC, OC_FN_FACTORIAL, n);
		} else if (tok(m)->kind == OC_TOK_PERCENT) {
			m->pos++;
			n = one(m, OC_NODE_PERCENT, 0, n);
		} else if (accept(m, OC_TOK_OP, '^')) {
			int32_t e = at(m, OC_TOK_OPEN, '{') ? argument(m) : factor(m);
			n = two(m, OC_NODE_POW, 0, n, e);
		} else {
			return n;
		}
	}
	return -1;
}

static int32_t factor(struct oc_math *m)
{
	int32_t n;
	if (++m->depth > OC_MATH_DEPTH)
		return fail(m, "nested too deeply");
	if (accept(m, OC_TOK_OP, '-'))
		n = one(m, OC_NODE_NEG, 0, factor(m));
	else if (accept(m, OC_TOK_OP, '+'))
		n = factor(m);
	else
		n = postfix(m);
	m->depth--;
	return n;
}

/* Whether the next token continues a product without a sign. */
static bool juxtaposed(struct oc_math *m)
{
	struct oc_tok *t = tok(m);
	switch (t->kind) {
	case OC_TOK_NAME:
	case OC_TOK_FUNC:
	case OC_TOK_PI:
	case OC_TOK_FRAC: return true;
	case OC_TOK_OPEN: return true;
	case OC_TOK_NUM: return m->pos && m->toks[m->pos - 1].kind == OC_TOK_CLOSE && !t->space;
	default: return false;
	}
}

static int32_t term(struct oc_math *m)
{
	int32_t n = factor(m);
	bool divided = false;
	while (n >= 0) {
		/* km/h: the sign belongs to the unit */
		bool unit = ahead(m, 1)->kind == OC_TOK_WORD;
		if (at(m, OC_TOK_OP, '*') && !unit) {
			m->pos++;
			n = two(m, OC_NODE_MUL, 0, n, factor(m));
		} else if (at(m, OC_TOK_OP, '/') && !unit) {
			m->pos++;
			divided = true;
			n = two(m, OC_NODE_DIV, 0, n, factor(m));
		} else if (juxtaposed(m)) {
			/* 1/2x is half of x here; others read 1/(2x) */
			if (divided && !m->doubt)
				m->doubt = "a/bc has two readings";
			n = two(m, OC_NODE_MUL, 0, n, factor(m));
		} else {
			return n;
		}
	}
	return -1;
}

static int32_t sum(struct oc_math *m)
{
	int32_t n;
	if (++m->depth > OC_MATH_DEPTH)
		return fail(m, "nested too deeply");
	if (tok(m)->kind == OC_TOK_PM)
		n = number(m, oc_rat_int(0));
	else
		n = term(m);
	while (n >= 0) {
		struct oc_tok *t = tok(m);
		if (t->kind == OC_TOK_PM) {
			m->pos++;
			n = two(m, OC_NODE_PM, t->sub, n, term(m));
		} else if (t->kind == OC_TOK_OP && (t->sub == '+' || t->sub == '-')) {
			m->pos++;
			n = two(m, t->sub == '+' ? OC_NODE_ADD : OC_NODE_SUB, 0, n, term(m));
		} else {
			break;
		}
	}
	m->depth--;
	return n;
}

/* ------------------------------------------------------------ units, labels */

static int64_t multiplier(struct oc_str w)
{
	static const struct {
		const char *name;
		int64_t n;
	} table[] = {{"hundred", 100},        {"thousand", 1000},          {"million", 1000000},
	             {"billion", 1000000000}, {"trillion", 1000000000000}, {"dozen", 12}};
	for (size_t k = 0; k < sizeof table / sizeof table[0]; k++)
		if (oc_str_is(w, table[k].name))
			return table[k].n;
	return 0;
}

/* Words behind a number: multipliers, then a unit. `unit` may hold a currency already. */
static int32_t with_unit(struct oc_math *m, int32_t n, struct oc_str unit)
{
	struct oc_str words[24];
	size_t k = 0;
	int64_t times;

	while (n >= 0 && tok(m)->kind == OC_TOK_WORD && (times = multiplier(tok(m)->text)) > 0) {
		m->pos++;
		n = two(m, OC_NODE_MUL, 0, n, number(m, oc_rat_int(times)));
	}
	if (n < 0)
		return -1;
	for (;;) {
		struct oc_tok *t = tok(m);
		bool power = k && ((t->kind == OC_TOK_OP && t->sub == '^') ||
		                   (t->kind == OC_TOK_NUM && !t->space));
		bool slash = t->kind == OC_TOK_OP && t->sub == '/' &&
		             (ahead(m, 1)->kind == OC_TOK_WORD || ahead(m, 1)->kind == OC_TOK_NAME);
		bool letter = k && t->kind == OC_TOK_NAME;
		if (t->kind != OC_TOK_WORD && t->kind != OC_TOK_DEGREE &&
		    t->kind != OC_TOK_CURRENCY && !power && !slash && !letter)
			break;
		if (k == sizeof words / sizeof words[0])
			return fail(m, "a unit of too many words");
		words[k] = t->text;
		if (t->kind == OC_TOK_DEGREE)
			words[k] = OC_LIT("degree");
		k++;
		m->pos++;
	}
	if (k == 0 && unit.len == 0)
		return n;
	size_t from = m->units.len;
	if (m->units.cap - from < OC_MATH_BYTES)
		return fail(m, "too many units");
	if (unit.len == 0)
		oc_math_unit(&m->units, words, k);
	else if (k && (oc_str_is(words[0], "/") || oc_str_is(words[0], "per"))) {
		oc_buf_str(&m->units, unit);
		oc_math_unit(&m->units, words, k);
	} else
		oc_buf_str(&m->units, unit);
	int32_t q = one(m, OC_NODE_QUANTITY, 0, n);
	if (q >= 0)
		m->nodes[q].text = (struct oc_str){m->units.p + from, m->units.len - from};
	return q;
}

/* "Tuesday", "total cost": joined to one text, in lower case. */
static int32_t words(struct oc_math *m)
{
	size_t from = m->units.len;
	while (tok(m)->kind == OC_TOK_WORD || tok(m)->kind == OC_TOK_NAME) {
		struct oc_str w = tok(m)->text;
		if (m->units.cap - m->units.len < w.len + 1)
			return fail(m, "too many words");
		if (m->units.len > from)
			oc_buf_putc(&m->units, ' ');
		for (size_t i = 0; i < w.len; i++)
			oc_buf_putc(&m->units, (char)(w.p[i] >= 'A' && w.p[i] <= 'Z' ? w.p[i] | 0x20
			                                                             : w.p[i]));
		m->pos++;
	}
	int32_t n = node(m, OC_NODE_WORDS, 0, -1, -1);
	if (n >= 0)
		m->nodes[n].text = (struct oc_str){m->units.p + from, m->units.len - from};
	return n;
}

/* "seven", "twenty", "twenty-five": the value, and how many tokens it takes; 0 tokens = none. */
static uint32_t spelled_number(struct oc_math *m, int64_t *value)
{
	static const char *const ones[] = {
		"zero",     "one",     "two",     "three",     "four",     "five",    "six",
		"seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
		"fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
	static const char *const tens[] = {"twenty", "thirty",  "forty",  "fifty",
	                                   "sixty",  "seventy", "eighty", "ninety"};
	struct oc_str w[2];
	uint32_t dash = ahead(m, 1)->kind == OC_TOK_OP && ahead(m, 1)->sub == '-';
	char low[2][16];

	for (uint32_t k = 0; k < 2; k++) {
		struct oc_tok *t = ahead(m, k * (1 + dash));
		size_t n = t->kind == OC_TOK_WORD && t->text.len < 16 ? t->text.len : 0;
		for (size_t i = 0; i < n; i++)
			low[k][i] = (char)(t->text.p[i] | 0x20);
		w[k] = (struct oc_str){low[k], n};
	}
	for (int k = 0; k < 20; k++)
		if (oc_str_is(w[0], ones[k])) {
			*value = k;
			return 1;
		}
	for (int k = 0; k < 8; k++)
		if (oc_str_is(w[0], tens[k])) {
			*value = 20 + 10 * k;
			for (int j = 1; j < 10; j++)
				if (oc_str_is(w[1], ones[j])) {
					*value += j;
					return 2 + dash;
				}
			return 1;
		}
	return 0;
}

static int32_t entry(struct oc_math *m)
{
	int32_t n;
	int64_t value;

	bool phrase = tok(m)->kind == OC_TOK_NAME && ahead(m, 1)->kind == OC_TOK_WORD;
	if (tok(m)->kind == OC_TOK_WORD || phrase) {
		uint32_t used = spelled_number(m, &value);
		if (used) {
			m->pos += used;
			n = number(m, oc_rat_int(value));
			return n < 0 ? -1 : with_unit(m, n, (struct oc_str){0});
		}
		n = words(m);
		if (n >= 0 && tok(m)->kind == OC_TOK_COLON) {
			m->pos++;
			return two(m, OC_NODE_REL, '=', n, entry(m));
		}
		return n;
	}
	bool minus = at(m, OC_TOK_OP, '-') && ahead(m, 1)->kind == OC_TOK_CURRENCY;
	m->pos += minus;
	if (tok(m)->kind == OC_TOK_CURRENCY) {
		struct oc_str unit = tok(m)->text;
		m->pos++;
		n = sum(m);
		if (minus)
			n = one(m, OC_NODE_NEG, 0, n);
		return n < 0 ? -1 : with_unit(m, n, unit);
	}
	n = sum(m);
	if (n >= 0 && tok(m)->kind == OC_TOK_ELLIPSIS) {
		m->pos++;
		n = one(m, OC_NODE_ABOUT, 0, n);
	}
	if (n >= 0 && tok(m)->kind == OC_TOK_COLON) {
		m->pos++;
		return two(m, OC_NODE_RATIO, 0, n, sum(m));
	}
	return n < 0 ? -1 : with_unit(m, n, (struct oc_str){0});
}

static int32_t side(struct oc_math *m)
{
	int32_t n = entry(m);
	while (n >= 0 && tok(m)->kind == OC_TOK_SETOP) {
		int op = tok(m)->sub;
		m->pos++;
		n = two(m, OC_NODE_SETOP, op, n, entry(m));
	}
	return n;
}

static int32_t relation(struct oc_math *m)
{
	int32_t n;
	if (++m->depth > OC_MATH_DEPTH)
		return fail(m, "nested too deeply");
	if (tok(m)->kind == OC_TOK_ABOUT || at(m, OC_TOK_REL, 'A')) {
		m->pos++;
		n = one(m, OC_NODE_ABOUT, 0, side(m));
	} else {
		n = side(m);
	}
	while (n >= 0 && tok(m)->kind == OC_TOK_REL) {
		int op = tok(m)->sub;
		m->pos++;
		n = two(m, OC_NODE_REL, op, n, side(m));
	}
	m->depth--;
	return n;
}

static int32_t answer(struct oc_math *m)
{
	struct items it = {-1, -1, 0};
	for (;;) {
		if (!add_item(m, &it, relation(m)))
			return -1;
		if (tok(m)->kind != OC_TOK_SEP)
			break;
		while (tok(m)->kind == OC_TOK_SEP)
			m->pos++;
		if (tok(m)->kind == OC_TOK_END)
			break;
	}
	return it.n == 1 ? it.first : collect(m, OC_NODE_LIST, it);
}

int32_t oc_math_parse(struct oc_math *m, struct oc_str text)
{
	if (!oc_math_lex(m, text))
		return -1;
	m->depth = 0;
	int32_t n = answer(m);
	if (n >= 0 && tok(m)->kind != OC_TOK_END)
		return fail(m, "something behind the answer");
	return n;
}
