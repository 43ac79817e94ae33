/* math_find.c: the calculation that a question asks for, and how hard it is. */
#include <stdlib.h>

#include "verify/math_scan.h"

/* ------------------------------------------------------------------ questions */

/* Keeps the longest expression with an operator; a second, different one spoils the find. */
static void expressions_of_segment(struct oc_scan *s)
{
	size_t i = s->mark[0].kind == OC_MARK_BULLET;
	while (i < s->n) {
		int k = s->mark[i].kind;
		bool minus = k == OC_MARK_OP && s->mark[i].op == '-' && !s->mark[i].spelled &&
		             (i == 0 || s->mark[i - 1].kind == OC_MARK_WORD);
		if (k != OC_MARK_NUM && k != OC_MARK_LEFT && k != OC_MARK_MONEY && !minus) {
			i++;
			continue;
		}
		struct oc_side x = oc_math_run(s, i, s->n);
		if (!x.good || x.ops == 0) {
			i++;
			continue;
		}
		bool tied = (x.to < s->n &&
		             (s->mark[x.to].kind == OC_MARK_LETTER ||
		              (s->mark[x.to].kind == OC_MARK_OP && !s->mark[x.to].spelled))) ||
		            (i > 0 && (s->mark[i - 1].kind == OC_MARK_LETTER ||
		                       (s->mark[i - 1].kind == OC_MARK_OP)));
		oc_math_spell(s, x, OC_SPELL_TIGHT, &s->m->scratch);
		struct oc_str text = oc_buf_view(&s->m->scratch);
		if (tied) {
			s->found_n += 2;
		} else if (s->found_n == 0 || !oc_str_eq(text, oc_buf_view(s->found))) {
			s->found->len = 0;
			oc_buf_str(s->found, text);
			s->found_n++;
		}
		i = x.to;
	}
}

static size_t skip_space(struct oc_str s, size_t i)
{
	while (i < s.len && (s.p[i] == ' ' || s.p[i] == '$'))
		i++;
	return i;
}

static bool starts_low(struct oc_str s, size_t i, const char *low)
{
	for (; *low; low++, i++)
		if (i >= s.len || (s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]) != *low)
			return false;
	return true;
}

static size_t number_at(struct oc_str s, size_t i)
{
	size_t from = i;
	if (i < s.len && s.p[i] == '-')
		i++;
	size_t digits = i;
	while (i < s.len && ((s.p[i] >= '0' && s.p[i] <= '9') ||
	                     ((s.p[i] == '.' || s.p[i] == ',' || s.p[i] == '/') && i > digits &&
	                      i + 1 < s.len && s.p[i + 1] >= '0' && s.p[i + 1] <= '9')))
		i++;
	return i > digits ? i - from : 0;
}

/* "the sum of 3 and 4", "the difference between 9 and 4", "subtract 3 from 10", "divide 8 by 2". */
static unsigned named_operations(struct oc_str s, struct oc_buf *out)
{
	static const struct {
		const char *head, *link;
		char op;
		bool reversed;
	} forms[] = {
		{"sum of", "and", '+', false},
		{"product of", "and", '*', false},
		{"difference of", "and", '-', false},
		{"difference between", "and", '-', false},
		{"quotient of", "and", '/', false},
		{"add", "and", '+', false},
		{"add", "to", '+', false},
		{"multiply", "by", '*', false},
		{"multiply", "and", '*', false},
		{"divide", "by", '/', false},
		{"subtract", "from", '-', true},
	};
	unsigned found = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (i > 0 && s.p[i - 1] != ' ' && s.p[i - 1] != '\n')
			continue;
		for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++) {
			if (!starts_low(s, i, forms[k].head))
				continue;
			size_t a = skip_space(s, i + strlen(forms[k].head)), an = number_at(s, a);
			size_t l = skip_space(s, a + an);
			if (an == 0 || !starts_low(s, l, forms[k].link))
				continue;
			size_t b = skip_space(s, l + strlen(forms[k].link)), bn = number_at(s, b);
			size_t next = skip_space(s, b + bn);
			if (bn == 0)
				continue;
			/* "the sum of 3 and 4 and 5", "... and 4 * 2": not this simple */
			if (next < s.len &&
			    (strchr("+-*/^=", s.p[next]) || starts_low(s, next, "and ")))
				found++;
			struct oc_str x = {s.p + a, an}, y = {s.p + b, bn};
			out->len = 0;
			oc_buf_printf(out, "(%.*s)%c(%.*s)", OC_ARG(forms[k].reversed ? y : x),
			              forms[k].op, OC_ARG(forms[k].reversed ? x : y));
			found++;
			break;
		}
	}
	return found;
}

bool oc_math_find(struct oc_math *m, struct oc_str prose, struct oc_buf *expr)
{
	struct oc_buf found = {0};
	bool ok = false;

	if (!m->marks)
		m->marks = oc_alloc(2 * OC_MARKS * sizeof *m->marks);
	if (prose.len > 64 * OC_MATH_BYTES)
		return false;
	unsigned named = named_operations(prose, &found);
	if (named == 0) {
		struct oc_scan s = {.m = m,
		                    .text = prose,
		                    .end = prose.len,
		                    .mark = m->marks,
		                    .segment = expressions_of_segment,
		                    .found = &found};
		oc_math_scan(&s);
		named = s.found_n;
	}
	if (named == 1) {
		ok = true;
		oc_buf_str(expr, oc_buf_view(&found));
	}
	oc_buf_fini(&found);
	return ok;
}

/* ------------------------------------------------------------------- operands */

struct tally {
	struct oc_math_operands *out;
	unsigned seen; /* bits of "+-*" "/^" */
	int64_t budget;
};

static uint32_t significant(struct oc_str text)
{
	uint32_t n = 0, zeros = 0;
	bool point = false;
	for (size_t i = 0; i < text.len; i++) {
		point |= text.p[i] == '.';
		if (text.p[i] < '0' || text.p[i] > '9')
			continue;
		if (n == 0 && text.p[i] == '0')
			continue;
		n++;
		zeros = text.p[i] == '0' ? zeros + 1 : 0;
	}
	/* 0.50 has one digit that matters; 500 has three, as people count it */
	return n > zeros || !point ? n - (point ? zeros : 0) : 1;
}

/* 0, 1, a power of ten (also 0.1), any sign. */
static bool easy(struct oc_math *m, int32_t i, char op, bool right)
{
	struct oc_rat v;
	int64_t n, d;

	if (!oc_math_value(m, i, &v))
		return false;
	if (oc_rat_sign(v) == 0)
		return true;
	if (op == '+' || op == '-' || v.q)
		return false;
	n = v.n < 0 ? -v.n : v.n;
	d = v.d;
	if (op == '^')
		return n == 1 && d == 1;
	if (op == '/' && !right)
		return false;
	while (n % 10 == 0)
		n /= 10;
	while (d % 10 == 0)
		d /= 10;
	return n == 1 && d == 1;
}

static void count(struct oc_math *m, int32_t i, struct tally *t)
{
	static const char ops[] = "+-*/^";
	const struct oc_node *n = &m->nodes[i];
	char op = 0;

	switch (n->kind) {
	case OC_NODE_NUM:
		if (n->literal) {
			uint32_t d = significant(n->text);
			t->out->digits = d > t->out->digits ? d : t->out->digits;
		}
		return;
	case OC_NODE_ADD: op = '+'; break;
	case OC_NODE_SUB: op = '-'; break;
	case OC_NODE_MUL: op = '*'; break;
	case OC_NODE_DIV: op = '/'; break;
	case OC_NODE_POW: op = '^'; break;
	case OC_NODE_NEG:
	case OC_NODE_PERCENT:
	case OC_NODE_FUNC:
	case OC_NODE_QUANTITY:
	case OC_NODE_ABOUT: count(m, n->a, t); return;
	case OC_NODE_REL:
		/* the question, not its answer */
		count(m, n->a, t);
		return;
	default: return;
	}
	t->out->operations++;
	t->seen |= 1u << (strchr(ops, op) - ops);
	if (--t->budget > 0 && (easy(m, n->a, op, false) || easy(m, n->b, op, true)))
		t->out->trivial = true;
	count(m, n->a, t);
	count(m, n->b, t);
}

bool oc_math_operands(struct oc_math *m, struct oc_str text, struct oc_math_operands *out)
{
	static const char ops[] = "+-*/^";
	struct oc_buf found = {0};
	struct tally t = {.out = out, .budget = 64};
	size_t k = 0;

	memset(out, 0, sizeof *out);
	oc_math_reset(m);
	int32_t n = oc_math_parse(m, text);
	if (n >= 0)
		count(m, n, &t);
	if (out->operations == 0 && oc_math_find(m, text, &found)) {
		memset(out, 0, sizeof *out);
		t.seen = 0;
		oc_math_reset(m);
		n = oc_math_parse(m, oc_buf_view(&found));
		if (n >= 0)
			count(m, n, &t);
	}
	for (unsigned i = 0; i < 5; i++)
		if (t.seen >> i & 1)
			out->ops[k++] = ops[i];
	oc_buf_fini(&found);
	return out->operations > 0;
}
