/*
 * math_set.c: sets of real numbers as sorted unions of intervals with rational ends, so that
 * "x <= 1 or x > 3", "(-\infty, 1] \cup (3, \infty)" and "R \ (1, 3]" are one thing.
 */
#include "base/hash.h"
#include "verify/math_tree.h"

#define SPANS 24

struct end {
	int inf; /* -1, 0, +1 */
	struct oc_rat v;
	bool open;
};
struct span {
	struct end lo, hi;
};
struct spans {
	struct span s[SPANS];
	unsigned n;
	uint64_t letter; /* of the inequality, 0 = none */
};

static bool end_of(struct oc_math *m, int32_t i, bool open, struct end *out)
{
	const struct oc_node *n = &m->nodes[i];
	*out = (struct end){.open = open, .v = oc_rat_int(0)};
	if (n->kind == OC_NODE_INF ||
	    (n->kind == OC_NODE_NEG && m->nodes[n->a].kind == OC_NODE_INF)) {
		out->inf = n->kind == OC_NODE_INF ? 1 : -1;
		out->open = true;
		return true;
	}
	return oc_math_value(m, i, &out->v);
}

static int cmp_value(struct oc_math *m, const struct end *a, const struct end *b)
{
	if (a->inf || b->inf)
		return (a->inf > b->inf) - (a->inf < b->inf);
	return oc_rat_cmp(&m->rats, a->v, b->v);
}

static bool add(struct oc_math *m, struct spans *out, struct span s)
{
	int c = cmp_value(m, &s.lo, &s.hi);
	if (c > 0 || (c == 0 && (s.lo.open || s.hi.open)))
		return true; /* empty */
	if (out->n == SPANS)
		return false;
	out->s[out->n++] = s;
	return true;
}

/* Sorts by the lower end and merges what touches. */
static void tidy(struct oc_math *m, struct spans *x)
{
	for (unsigned i = 1; i < x->n; i++)
		for (unsigned k = i; k > 0; k--) {
			int c = cmp_value(m, &x->s[k - 1].lo, &x->s[k].lo);
			if (c < 0 || (c == 0 && x->s[k - 1].lo.open <= x->s[k].lo.open))
				break;
			struct span t = x->s[k];
			x->s[k] = x->s[k - 1];
			x->s[k - 1] = t;
		}
	unsigned n = 0;
	for (unsigned i = 0; i < x->n; i++) {
		if (n > 0) {
			struct end *hi = &x->s[n - 1].hi;
			int c = cmp_value(m, hi, &x->s[i].lo);
			if (c > 0 || (c == 0 && !(hi->open && x->s[i].lo.open))) {
				int h = cmp_value(m, hi, &x->s[i].hi);
				if (h < 0)
					*hi = x->s[i].hi;
				else if (h == 0 && !x->s[i].hi.open)
					hi->open = false;
				continue;
			}
		}
		x->s[n++] = x->s[i];
	}
	x->n = n;
}

static bool complement(struct oc_math *m, const struct spans *x, struct spans *out)
{
	struct end from = {-1, oc_rat_int(0), true};
	out->n = 0;
	for (unsigned i = 0; i < x->n; i++) {
		struct end to = x->s[i].lo;
		to.open = to.inf || !to.open;
		if (!add(m, out, (struct span){from, to}))
			return false;
		from = x->s[i].hi;
		from.open = from.inf || !from.open;
	}
	return add(m, out, (struct span){from, {1, oc_rat_int(0), true}});
}

static bool spans_of(struct oc_math *m, int32_t i, struct spans *out, unsigned depth);

/* a n b = complement(complement(a) u complement(b)) */
static bool intersect(struct oc_math *m, struct spans *a, const struct spans *b)
{
	struct spans ca, cb;
	if (!complement(m, a, &ca) || !complement(m, b, &cb))
		return false;
	for (unsigned i = 0; i < cb.n; i++)
		if (!add(m, &ca, cb.s[i]))
			return false;
	tidy(m, &ca);
	return complement(m, &ca, a);
}

static bool inequality(struct oc_math *m, int32_t i, struct spans *out)
{
	const struct oc_node *n = &m->nodes[i], *l = &m->nodes[n->a], *r = &m->nodes[n->b];
	const struct end minus = {-1, oc_rat_int(0), true}, plus = {1, oc_rat_int(0), true};
	char op = (char)n->op;

	if (l->kind == OC_NODE_REL) {
		/* a < x < b */
		struct spans right = {.n = 0};
		struct oc_node joined = *n;
		joined.a = l->b;
		if (!inequality(m, n->a, out) || m->nodes[l->b].kind != OC_NODE_NAME)
			return false;
		if (m->node_n == OC_MATH_NODES)
			return false;
		m->nodes[m->node_n++] = joined;
		return inequality(m, m->node_n - 1, &right) && right.letter == out->letter &&
		       intersect(m, out, &right);
	}
	int32_t value = n->b;
	if (r->kind == OC_NODE_NAME) {
		static const char from[] = "<>LG", to[] = "><GL";
		const char *at = strchr(from, op);
		value = n->a;
		op = at && op ? to[at - from] : op;
		l = r;
	}
	if (l->kind != OC_NODE_NAME)
		return false;
	out->letter = l->hash;
	struct end e;
	if (!end_of(m, value, op == '<' || op == '>' || op == 'N', &e))
		return false;
	switch (op) {
	case '<':
	case 'L': return add(m, out, (struct span){minus, e});
	case '>':
	case 'G': return add(m, out, (struct span){e, plus});
	case 'N':
		return !e.inf && add(m, out, (struct span){minus, e}) &&
		       add(m, out, (struct span){e, plus});
	default: return false;
	}
}

static bool spans_of(struct oc_math *m, int32_t i, struct spans *out, unsigned depth)
{
	const struct oc_node *n = &m->nodes[i];
	struct spans other = {.n = 0};
	struct end lo, hi;

	out->n = 0;
	if (depth > OC_MATH_DEPTH)
		return false;
	switch (n->kind) {
	case OC_NODE_SEQ:
		if (n->count != 2 || n->op == 0 || !end_of(m, n->a, n->op == '(', &lo) ||
		    !end_of(m, m->nodes[n->a].next, n->op2 == ')', &hi))
			return false;
		return add(m, out, (struct span){lo, hi});
	case OC_NODE_SET:
		for (int32_t k = n->a; k >= 0; k = m->nodes[k].next)
			if (!end_of(m, k, false, &lo) || lo.inf ||
			    !add(m, out, (struct span){lo, lo}))
				return false;
		tidy(m, out);
		return true;
	case OC_NODE_NAME:
		if (n->hash != oc_hash64("R", 1, 1))
			return false;
		lo = (struct end){-1, oc_rat_int(0), true};
		hi = (struct end){1, oc_rat_int(0), true};
		return add(m, out, (struct span){lo, hi});
	case OC_NODE_REL:
		if (n->op == 'I')
			return spans_of(m, n->b, out, depth + 1);
		return inequality(m, i, out);
	case OC_NODE_LIST: /* x < 1 or x > 3 */
		for (int32_t k = n->a; k >= 0; k = m->nodes[k].next) {
			if (m->nodes[k].kind != OC_NODE_REL || !spans_of(m, k, &other, depth + 1) ||
			    (out->letter && out->letter != other.letter))
				return false;
			out->letter = other.letter;
			for (unsigned s = 0; s < other.n; s++)
				if (!add(m, out, other.s[s]))
					return false;
		}
		tidy(m, out);
		return true;
	case OC_NODE_SETOP:
		if (!spans_of(m, n->a, out, depth + 1) || !spans_of(m, n->b, &other, depth + 1))
			return false;
		tidy(m, out);
		tidy(m, &other);
		if (n->op == 'U') {
			for (unsigned s = 0; s < other.n; s++)
				if (!add(m, out, other.s[s]))
					return false;
			tidy(m, out);
			return true;
		}
		if (n->op == '\\') {
			struct spans c;
			return complement(m, &other, &c) && intersect(m, out, &c);
		}
		return intersect(m, out, &other);
	default: return false;
	}
}

bool oc_math_is_set(struct oc_math *m, int32_t i)
{
	const struct oc_node *n = &m->nodes[i];
	switch (n->kind) {
	case OC_NODE_SETOP: return true;
	case OC_NODE_REL:
		return n->op != '=' && n->op != 'A' && (n->op != 'I' || oc_math_is_set(m, n->b));
	case OC_NODE_LIST:
		for (int32_t k = n->a; k >= 0; k = m->nodes[k].next)
			if (m->nodes[k].kind != OC_NODE_REL || !oc_math_is_set(m, k))
				return false;
		return true;
	case OC_NODE_SEQ:
		if (n->count != 2 || n->op == 0)
			return false;
		if ((n->op == '(') != (n->op2 == ')'))
			return true;
		for (int32_t k = n->a; k >= 0; k = m->nodes[k].next)
			if (m->nodes[k].kind == OC_NODE_INF ||
			    (m->nodes[k].kind == OC_NODE_NEG &&
			     m->nodes[m->nodes[k].a].kind == OC_NODE_INF))
				return true;
		return false;
	default: return false;
	}
}

bool oc_math_sets(struct oc_math *m, int32_t a, int32_t g, bool *equal)
{
	struct spans x = {.n = 0}, y = {.n = 0};

	if (!spans_of(m, a, &x, 0) || !spans_of(m, g, &y, 0) ||
	    (x.letter && y.letter && x.letter != y.letter))
		return false;
	*equal = x.n == y.n;
	for (unsigned i = 0; *equal && i < x.n; i++)
		*equal = cmp_value(m, &x.s[i].lo, &y.s[i].lo) == 0 &&
		         cmp_value(m, &x.s[i].hi, &y.s[i].hi) == 0 &&
		         x.s[i].lo.open == y.s[i].lo.open && x.s[i].hi.open == y.s[i].hi.open;
	return true;
}
