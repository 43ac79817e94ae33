/*
 * math_compare.c: two trees to one of three results. The tables of doc/compat-math.md are decided
 * here, kind by kind; whatever has no rule of its own is UNDECIDED.
 */
#include <stdlib.h>

#include "verify/math_tree.h"

#define MAX_ITEMS 48

struct cmp {
	struct oc_math *m;
	const struct oc_math_opts *opts;
	const char *reason;
	bool probable;
	unsigned depth;
	unsigned work; /* pairs of items compared */
};

typedef enum oc_math_result result;

static result compare(struct cmp *c, int32_t a, int32_t g);

static result say(struct cmp *c, result r, const char *reason)
{
	c->reason = reason;
	return r;
}

static struct oc_node *at(struct cmp *c, int32_t i)
{
	return &c->m->nodes[i];
}

static bool scalar_kind(int kind)
{
	return kind <= OC_NODE_BASE;
}

static bool contains(struct oc_math *m, int32_t i, int kind)
{
	const struct oc_node *n = &m->nodes[i];
	if (n->kind == kind)
		return true;
	if (n->kind >= OC_NODE_WORDS || n->kind == OC_NODE_NUM || n->kind == OC_NODE_NAME)
		return false;
	return (n->a >= 0 && contains(m, n->a, kind)) || (n->b >= 0 && contains(m, n->b, kind));
}

/* ------------------------------------------------------------------ scalars */

/* Digits behind the point of a decimal as written, its sign aside; -1 = not such a number. */
static int places(struct cmp *c, int32_t i)
{
	while (at(c, i)->kind == OC_NODE_NEG)
		i = at(c, i)->a;
	return at(c, i)->kind == OC_NODE_NUM && at(c, i)->literal ? at(c, i)->places : -1;
}

/* |a - b| <= units / 10^digits? */
static bool near(struct cmp *c, struct oc_rat a, struct oc_rat b, int digits, struct oc_rat units)
{
	struct oc_rats *pool = &c->m->rats;
	struct oc_rat d, ten;
	if (!oc_rat_op(pool, '-', a, b, &d) || !oc_rat_pow(pool, oc_rat_int(10), digits, &ten) ||
	    !oc_rat_op(pool, '*', d, ten, &d) || (oc_rat_sign(d) < 0 && !oc_rat_neg(pool, d, &d)))
		return false;
	return oc_rat_cmp(pool, d, units) <= 0;
}

static int infinite(struct cmp *c, int32_t i)
{
	if (at(c, i)->kind == OC_NODE_NEG)
		return -infinite(c, at(c, i)->a);
	return at(c, i)->kind == OC_NODE_INF;
}

static bool choice(struct cmp *c, int32_t i)
{
	struct oc_node *n = at(c, i);
	return n->kind == OC_NODE_NAME && n->text.len == 1 && n->text.p[0] >= 'A' &&
	       n->text.p[0] <= 'J';
}

static result numbers(struct cmp *c, int32_t a, int32_t g)
{
	struct oc_rat va, vg;
	struct oc_rat half = {1, 2, NULL};
	const char *reason = NULL;

	if (infinite(c, a) || infinite(c, g)) {
		if (infinite(c, a) == infinite(c, g))
			return say(c, OC_MATH_EQUAL, "equal");
		bool plain = (infinite(c, a) || oc_math_value(c->m, a, &va)) &&
		             (infinite(c, g) || oc_math_value(c->m, g, &vg));
		return plain ? say(c, OC_MATH_DIFFERENT, "infinity beside a number")
		             : say(c, OC_MATH_UNDECIDED, "infinity inside an expression");
	}
	if (choice(c, a) && choice(c, g))
		return at(c, a)->hash == at(c, g)->hash
		               ? say(c, OC_MATH_EQUAL, "the same letter")
		               : say(c, OC_MATH_DIFFERENT, "another letter");
	if (oc_math_value(c->m, a, &va) && oc_math_value(c->m, g, &vg)) {
		if (oc_rat_cmp(&c->m->rats, va, vg) == 0)
			return say(c, OC_MATH_EQUAL, "equal numbers");
		bool base = (at(c, a)->kind == OC_NODE_BASE) != (at(c, g)->kind == OC_NODE_BASE);
		if (base) {
			int32_t with = at(c, a)->kind == OC_NODE_BASE ? a : g;
			struct oc_rat digits = at(c, at(c, with)->a)->num;
			if (oc_rat_cmp(&c->m->rats, digits, with == a ? vg : va) == 0)
				return say(c, OC_MATH_UNDECIDED,
				           "the base stands on one side only");
		}
		int digits = places(c, g);
		if (digits > 0 && near(c, va, vg, digits, half))
			return c->opts->last_digit
			               ? say(c, OC_MATH_EQUAL, "equal to the last digit")
			               : say(c, OC_MATH_DIFFERENT, "equal only after rounding");
		return say(c, OC_MATH_DIFFERENT, "numbers differ");
	}
	result r = oc_math_symbolic(c->m, a, g, &reason);
	c->probable |= r == OC_MATH_EQUAL;
	return say(c, r, reason);
}

/* a ± b is two numbers: as a set, the other side must hold both. */
static result plus_minus(struct cmp *c, int32_t a, int32_t g)
{
	struct oc_math *m = c->m;
	bool pa = contains(m, a, OC_NODE_PM), pg = contains(m, g, OC_NODE_PM);

	if (pa && pg) {
		/* same sign on both sides, then crossed */
		result same = numbers(c, a, g);
		m->pm_flip = true;
		result flip = numbers(c, a, g);
		m->pm_flip = false;
		if (same == OC_MATH_EQUAL && flip == OC_MATH_EQUAL)
			return say(c, OC_MATH_EQUAL, "equal pairs");
		return say(c, OC_MATH_UNDECIDED, "two signs that could not be matched");
	}
	int32_t pm = pa ? a : g, other = pa ? g : a;
	struct oc_node *o = at(c, other);
	if (o->kind != OC_NODE_LIST && o->kind != OC_NODE_SET)
		return scalar_kind(o->kind)
		               ? say(c, OC_MATH_DIFFERENT, "one number beside two")
		               : say(c, OC_MATH_UNDECIDED, "two signs beside another kind");
	bool seen[2] = {false, false}, maybe = false;
	for (int32_t k = o->a; k >= 0; k = m->nodes[k].next) {
		bool hit = false;
		for (int s = 0; s < 2; s++) {
			if (!scalar_kind(m->nodes[k].kind))
				return say(c, OC_MATH_UNDECIDED, "two signs beside another kind");
			m->pm_flip = s;
			result r = numbers(c, pm, k);
			m->pm_flip = false;
			hit |= r == OC_MATH_EQUAL;
			seen[s] |= r == OC_MATH_EQUAL;
			maybe |= r == OC_MATH_UNDECIDED;
		}
		if (!hit)
			return maybe ? say(c, OC_MATH_UNDECIDED,
			                   "two signs that could not be matched")
			             : say(c, OC_MATH_DIFFERENT, "numbers differ");
	}
	return seen[0] && seen[1] ? say(c, OC_MATH_EQUAL, "equal pairs")
	       : maybe            ? say(c, OC_MATH_UNDECIDED, "two signs that could not be matched")
	                          : say(c, OC_MATH_DIFFERENT, "a solution is missing");
}

/* -------------------------------------------------------------------- units */

/* "5m" may be five metres: a product whose last factor is a letter that is a unit. */
static int32_t as_quantity(struct cmp *c, int32_t i)
{
	struct oc_node *n = at(c, i);
	if (n->kind == OC_NODE_QUANTITY)
		return i;
	if (n->kind != OC_NODE_MUL || at(c, n->b)->kind != OC_NODE_NAME ||
	    contains(c->m, n->a, OC_NODE_NAME) || !oc_math_unit_known(at(c, n->b)->text))
		return -1;
	struct oc_str letter = at(c, n->b)->text;
	int32_t q = oc_math_node(c->m, OC_NODE_QUANTITY, 0, n->a, -1);
	size_t from = c->m->units.len;
	if (q < 0 || c->m->units.cap - from < 64)
		return -1;
	oc_math_unit(&c->m->units, &letter, 1);
	at(c, q)->text = (struct oc_str){c->m->units.p + from, c->m->units.len - from};
	return q;
}

static result quantities(struct cmp *c, int32_t a, int32_t g)
{
	int32_t qa = as_quantity(c, a), qg = as_quantity(c, g);
	struct oc_rat ratio, va, vg;
	bool same;
	result r;

	if (qa >= 0 && qg >= 0) {
		if (!oc_math_unit_ratio(c->m, at(c, qa)->text, at(c, qg)->text, &same, &ratio))
			return say(c, OC_MATH_UNDECIDED, "units that cannot be compared");
		if (!same)
			return say(c, OC_MATH_DIFFERENT, "units of different kinds");
		int32_t left = at(c, qa)->a, right = at(c, qg)->a;
		if (oc_rat_cmp(&c->m->rats, ratio, oc_rat_int(1)) != 0) {
			int32_t k = oc_math_node(c->m, OC_NODE_NUM, 0, -1, -1);
			if (k < 0)
				return say(c, OC_MATH_UNDECIDED, c->m->why);
			at(c, k)->num = ratio;
			left = oc_math_node(c->m, OC_NODE_MUL, 0, k, left);
			if (left < 0)
				return say(c, OC_MATH_UNDECIDED, c->m->why);
		}
		return compare(c, left, right);
	}
	/* the unit stands on one side only: it counts as left out, unless a conversion explains */
	int32_t q = qa >= 0 ? qa : qg, other = qa >= 0 ? g : a;
	if (!scalar_kind(at(c, other)->kind))
		return say(c, OC_MATH_UNDECIDED, "a quantity beside another kind");
	r = qa >= 0 ? compare(c, at(c, q)->a, other) : compare(c, other, at(c, q)->a);
	if (r == OC_MATH_EQUAL)
		return say(c, r, "equal, a unit on one side only");
	if (r == OC_MATH_DIFFERENT && oc_math_value(c->m, at(c, q)->a, &va) &&
	    oc_math_value(c->m, other, &vg) && oc_math_unit_explains(c->m, at(c, q)->text, va, vg))
		return say(c, OC_MATH_UNDECIDED, "perhaps the same in another unit");
	return r;
}

static result percents(struct cmp *c, int32_t a, int32_t g)
{
	bool pa = at(c, a)->kind == OC_NODE_PERCENT, pg = at(c, g)->kind == OC_NODE_PERCENT;
	if (pa && pg)
		return compare(c, at(c, a)->a, at(c, g)->a);
	result r = numbers(c, a, g);
	if (r == OC_MATH_EQUAL || c->opts->percent_strict)
		return r;
	const char *reason = c->reason;
	if (numbers(c, pa ? at(c, a)->a : a, pg ? at(c, g)->a : g) == OC_MATH_EQUAL)
		return say(c, OC_MATH_EQUAL, "equal, a percent sign on one side only");
	return say(c, r, reason);
}

static result ratios(struct cmp *c, int32_t a, int32_t g)
{
	struct oc_math *m = c->m;
	bool ra = at(c, a)->kind == OC_NODE_RATIO, rg = at(c, g)->kind == OC_NODE_RATIO;

	if (ra && rg) {
		int32_t x = oc_math_node(m, OC_NODE_MUL, 0, at(c, a)->a, at(c, g)->b);
		int32_t y = oc_math_node(m, OC_NODE_MUL, 0, at(c, g)->a, at(c, a)->b);
		return x < 0 || y < 0 ? say(c, OC_MATH_UNDECIDED, m->why) : numbers(c, x, y);
	}
	int32_t ratio = ra ? a : g, other = ra ? g : a;
	if (!scalar_kind(at(c, other)->kind))
		return say(c, OC_MATH_UNDECIDED, "a ratio beside another kind");
	int32_t q = oc_math_node(m, OC_NODE_DIV, 0, at(c, ratio)->a, at(c, ratio)->b);
	if (q < 0)
		return say(c, OC_MATH_UNDECIDED, m->why);
	result r = numbers(c, q, other);
	return r == OC_MATH_EQUAL ? say(c, OC_MATH_UNDECIDED, "a ratio beside a fraction") : r;
}

/* ---------------------------------------------------------- several values */

static int32_t items(struct cmp *c, int32_t i, int32_t out[MAX_ITEMS])
{
	int32_t n = 0;
	if (at(c, i)->count > MAX_ITEMS)
		return -1;
	for (int32_t k = at(c, i)->a; k >= 0 && n < MAX_ITEMS; k = c->m->nodes[k].next)
		out[n++] = k;
	return n;
}

static result ordered(struct cmp *c, const int32_t *x, int32_t xn, const int32_t *y, int32_t yn)
{
	result all = OC_MATH_EQUAL;
	const char *reason = "equal items";
	if (xn != yn)
		return say(c, OC_MATH_DIFFERENT, "another number of items");
	for (int32_t i = 0; i < xn; i++) {
		result r = compare(c, x[i], y[i]);
		if (r == OC_MATH_DIFFERENT)
			return say(c, r, "an item differs");
		if (r == OC_MATH_UNDECIDED) {
			all = r;
			reason = c->reason;
		}
	}
	return say(c, all, reason);
}

/* Every x among the y? */
static result covered(struct cmp *c, const int32_t *x, int32_t xn, const int32_t *y, int32_t yn,
                      bool swap)
{
	result all = OC_MATH_EQUAL;
	for (int32_t i = 0; i < xn; i++) {
		result best = OC_MATH_DIFFERENT;
		for (int32_t k = 0; k < yn && best != OC_MATH_EQUAL; k++) {
			if (++c->work > 20000)
				return say(c, OC_MATH_UNDECIDED, "too many items");
			result r = swap ? compare(c, y[k], x[i]) : compare(c, x[i], y[k]);
			if (r != OC_MATH_DIFFERENT)
				best = r;
		}
		if (best == OC_MATH_DIFFERENT)
			return say(c, best, "an item is missing");
		if (best == OC_MATH_UNDECIDED)
			all = best;
	}
	return say(c, all, all == OC_MATH_EQUAL ? "equal items" : "items that cannot be matched");
}

static result unordered(struct cmp *c, const int32_t *x, int32_t xn, const int32_t *y, int32_t yn)
{
	result r = covered(c, x, xn, y, yn, false);
	if (r == OC_MATH_DIFFERENT)
		return r;
	result back = covered(c, y, yn, x, xn, true);
	return back == OC_MATH_EQUAL ? say(c, r, c->reason) : back;
}

static bool several(int kind)
{
	return kind == OC_NODE_SEQ || kind == OC_NODE_SET || kind == OC_NODE_LIST;
}

static bool integers_only(struct cmp *c, const int32_t *x, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		if (at(c, x[i])->kind != OC_NODE_NUM || !oc_rat_is_int(at(c, x[i])->num))
			return false;
	return true;
}

/* "x = 3, y = 2": the letter of item i, or 0. */
static uint64_t item_letter(struct cmp *c, int32_t i)
{
	struct oc_node *n = at(c, i);
	bool labelled = n->kind == OC_NODE_REL && n->op == '=' && at(c, n->a)->kind == OC_NODE_NAME;
	return labelled ? at(c, n->a)->hash : 0;
}

/* Two lists of equations for the same distinct letters, brought into one order. */
static bool by_letter(struct cmp *c, const int32_t *x, int32_t xn, int32_t *y, int32_t yn)
{
	if (xn != yn)
		return false;
	for (int32_t i = 0; i < xn; i++) {
		int32_t k = i;
		for (int32_t j = 0; j < i; j++)
			if (item_letter(c, x[i]) == item_letter(c, x[j]))
				return false;
		while (k < yn && item_letter(c, y[k]) != item_letter(c, x[i]))
			k++;
		if (k == yn || item_letter(c, x[i]) == 0)
			return false;
		int32_t t = y[i];
		y[i] = y[k];
		y[k] = t;
	}
	return true;
}

static bool any_words(struct cmp *c, const int32_t *x, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		if (at(c, x[i])->kind == OC_NODE_WORDS)
			return true;
	return false;
}

static result collections(struct cmp *c, int32_t a, int32_t g)
{
	int32_t x[MAX_ITEMS], y[MAX_ITEMS];
	int ka = at(c, a)->kind, kg = at(c, g)->kind;
	bool equal;

	if ((oc_math_is_set(c->m, a) || oc_math_is_set(c->m, g)) &&
	    oc_math_sets(c->m, a, g, &equal))
		return equal ? say(c, OC_MATH_EQUAL, "equal sets")
		             : say(c, OC_MATH_DIFFERENT, "sets differ");
	if (!several(ka) || !several(kg)) {
		int32_t many = several(ka) ? a : g, one = several(ka) ? g : a;
		int32_t n = items(c, many, x);
		if (n == 1)
			return many == a ? compare(c, x[0], g) : compare(c, a, x[0]);
		if (!scalar_kind(at(c, one)->kind) && at(c, one)->kind != OC_NODE_QUANTITY)
			return say(c, OC_MATH_UNDECIDED, "kinds that cannot be compared");
		if (any_words(c, x, n))
			return say(c, OC_MATH_UNDECIDED, "words beside a number");
		if (n <= 0 || integers_only(c, x, n))
			return say(c, OC_MATH_UNDECIDED, "a comma may group or separate");
		return say(c, OC_MATH_DIFFERENT, "one value beside several");
	}
	int32_t xn = items(c, a, x), yn = items(c, g, y);
	if (xn < 0 || yn < 0)
		return say(c, OC_MATH_UNDECIDED, "too many items");
	if (ka == OC_NODE_SEQ && kg == OC_NODE_SEQ) {
		result r = ordered(c, x, xn, y, yn);
		struct oc_node *p = at(c, a), *q = at(c, g);
		bool brackets = p->op && q->op && (p->op != q->op || p->op2 != q->op2);
		if (r != OC_MATH_EQUAL || !brackets || xn != 2)
			return r;
		/* [1, 2] beside (1, 2): an interval with other ends, or a pair spelled otherwise */
		bool sure = oc_math_is_set(c->m, a) || oc_math_is_set(c->m, g);
		return sure ? say(c, OC_MATH_DIFFERENT, "ends of an interval differ")
		            : say(c, OC_MATH_UNDECIDED, "an interval or a pair");
	}
	if (ka == OC_NODE_SEQ || kg == OC_NODE_SEQ) {
		/* a list without brackets may be the tuple; a set is not one */
		result r = ordered(c, x, xn, y, yn);
		bool set = ka == OC_NODE_SET || kg == OC_NODE_SET;
		if (r == OC_MATH_EQUAL && !set)
			return r;
		r = unordered(c, x, xn, y, yn);
		return r == OC_MATH_EQUAL ? say(c, OC_MATH_UNDECIDED, "a set beside a tuple") : r;
	}
	return by_letter(c, x, xn, y, yn) ? ordered(c, x, xn, y, yn) : unordered(c, x, xn, y, yn);
}

/* --------------------------------------------------------------- relations */

/* What may stand left of "= value" as a mere name: x, x_1, f(x), "total cost". */
static bool label(struct cmp *c, int32_t i)
{
	struct oc_node *n = at(c, i);
	if (n->kind == OC_NODE_NAME || n->kind == OC_NODE_WORDS)
		return true;
	return n->kind == OC_NODE_MUL && at(c, n->a)->kind == OC_NODE_NAME &&
	       at(c, n->b)->kind == OC_NODE_NAME && at(c, n->a)->text.len == 1 &&
	       strchr("fghFGHPpVvAaSTCyN", at(c, n->a)->text.p[0]);
}

/*
 * The value that an equation states: its right side behind a label, or the end of a chain of equal
 * numbers. -1: it states none, or is false.
 */
static int32_t stated(struct cmp *c, int32_t i)
{
	struct oc_node *n = at(c, i);
	struct oc_rat l, r;

	if (n->kind != OC_NODE_REL)
		return i;
	if (n->op == 'I')
		return n->b;
	if (n->op == 'A') {
		/* x = 1/3 ≈ 0.33: the exact part counts */
		if (!label(c, n->a)) {
			int32_t exact = stated(c, n->a);
			if (exact >= 0)
				return exact;
		}
		return oc_math_node(c->m, OC_NODE_ABOUT, 0, n->b, -1);
	}
	if (n->op != '=')
		return -1;
	if (label(c, n->a))
		return n->b;
	if (label(c, n->b) && at(c, n->a)->kind != OC_NODE_REL)
		return n->a;
	int32_t left = stated(c, n->a);
	if (left < 0)
		return -1;
	if (at(c, left)->kind == OC_NODE_QUANTITY)
		left = at(c, left)->a;
	int32_t right = at(c, n->b)->kind == OC_NODE_QUANTITY ? at(c, n->b)->a : n->b;
	if (!scalar_kind(at(c, left)->kind) || !scalar_kind(at(c, right)->kind) ||
	    !oc_math_value(c->m, left, &l) || !oc_math_value(c->m, right, &r) ||
	    oc_rat_cmp(&c->m->rats, l, r) != 0)
		return -1;
	return n->b;
}

static bool equation(struct cmp *c, int32_t i)
{
	return at(c, i)->kind == OC_NODE_REL && at(c, i)->op == '=';
}

static int32_t difference(struct cmp *c, int32_t i)
{
	struct oc_node *n = at(c, i);
	return scalar_kind(at(c, n->a)->kind) && scalar_kind(at(c, n->b)->kind)
	               ? oc_math_node(c->m, OC_NODE_SUB, 0, n->a, n->b)
	               : -1;
}

static result relations(struct cmp *c, int32_t a, int32_t g)
{
	bool equal;

	if (oc_math_is_set(c->m, a) || oc_math_is_set(c->m, g)) {
		if (oc_math_sets(c->m, a, g, &equal))
			return equal ? say(c, OC_MATH_EQUAL, "equal sets")
			             : say(c, OC_MATH_DIFFERENT, "sets differ");
		if (at(c, a)->kind == OC_NODE_REL && at(c, a)->op == 'I')
			return compare(c, at(c, a)->b, g);
		if (at(c, g)->kind == OC_NODE_REL && at(c, g)->op == 'I')
			return compare(c, a, at(c, g)->b);
		return say(c, OC_MATH_UNDECIDED, "an inequality that was not solved");
	}
	if (equation(c, a) && equation(c, g)) {
		int32_t x = difference(c, a), y = difference(c, g);
		if (x >= 0 && y >= 0 && oc_math_proportional(c->m, x, y)) {
			c->probable = true;
			return say(c, OC_MATH_EQUAL, "the same equation");
		}
		bool la = label(c, at(c, a)->a), lg = label(c, at(c, g)->a);
		if (la != lg)
			return say(c, OC_MATH_UNDECIDED, "equations that were not solved");
		if (la && at(c, at(c, a)->a)->kind == OC_NODE_NAME &&
		    at(c, at(c, g)->a)->kind == OC_NODE_NAME &&
		    at(c, at(c, a)->a)->hash != at(c, at(c, g)->a)->hash)
			return say(c, OC_MATH_UNDECIDED, "values of other letters");
	}
	int32_t x = stated(c, a), y = stated(c, g);
	if (x < 0 || y < 0)
		return say(c, OC_MATH_UNDECIDED, "an equation that states no value");
	if (x == a && y == g)
		return say(c, OC_MATH_UNDECIDED, "kinds that cannot be compared");
	return compare(c, x, y);
}

static result about(struct cmp *c, int32_t a, int32_t g)
{
	int32_t x = at(c, a)->kind == OC_NODE_ABOUT ? at(c, a)->a : a;
	int32_t y = at(c, g)->kind == OC_NODE_ABOUT ? at(c, g)->a : g;
	int32_t rounded = x != a ? x : y;
	struct oc_rat vx, vy;
	result r = compare(c, x, y);

	if (r != OC_MATH_DIFFERENT)
		return r;
	if (at(c, rounded)->kind == OC_NODE_QUANTITY)
		rounded = at(c, rounded)->a;
	int digits = places(c, rounded);
	if (digits < 0 || !scalar_kind(at(c, x)->kind) || !scalar_kind(at(c, y)->kind) ||
	    !oc_math_value(c->m, x, &vx) || !oc_math_value(c->m, y, &vy))
		return say(c, OC_MATH_UNDECIDED, "an approximate value");
	return near(c, vx, vy, digits, oc_rat_int(1))
	               ? say(c, OC_MATH_UNDECIDED, "an approximate value")
	               : r;
}

static result texts(struct cmp *c, int32_t a, int32_t g)
{
	static const char *const opposites[][2] = {
		{"yes", "no"}, {"true", "false"}, {"even", "odd"}, {"positive", "negative"}};
	struct oc_str x = at(c, a)->text, y = at(c, g)->text;

	if (at(c, a)->kind != OC_NODE_WORDS || at(c, g)->kind != OC_NODE_WORDS)
		return say(c, OC_MATH_UNDECIDED, "words beside a number");
	if (oc_str_eq(x, y))
		return say(c, OC_MATH_EQUAL, "the same words");
	for (size_t k = 0; k < sizeof opposites / sizeof opposites[0]; k++)
		if ((oc_str_is(x, opposites[k][0]) && oc_str_is(y, opposites[k][1])) ||
		    (oc_str_is(x, opposites[k][1]) && oc_str_is(y, opposites[k][0])))
			return say(c, OC_MATH_DIFFERENT, "opposite words");
	return say(c, OC_MATH_UNDECIDED, "other words");
}

static result dispatch(struct cmp *c, int32_t a, int32_t g)
{
	int ka = at(c, a)->kind, kg = at(c, g)->kind;

	if (ka == OC_NODE_NUM && kg == OC_NODE_NUM)
		return numbers(c, a, g);
	if (ka == OC_NODE_ABOUT || kg == OC_NODE_ABOUT)
		return about(c, a, g);
	if (ka == OC_NODE_REL || kg == OC_NODE_REL)
		return relations(c, a, g);
	if (ka == OC_NODE_WORDS || kg == OC_NODE_WORDS)
		return texts(c, a, g);
	if ((scalar_kind(ka) && contains(c->m, a, OC_NODE_PM)) ||
	    (scalar_kind(kg) && contains(c->m, g, OC_NODE_PM)))
		return plus_minus(c, a, g);
	if (several(ka) || several(kg) || ka == OC_NODE_SETOP || kg == OC_NODE_SETOP)
		return collections(c, a, g);
	if (ka == OC_NODE_RATIO || kg == OC_NODE_RATIO)
		return ratios(c, a, g);
	if (ka == OC_NODE_QUANTITY || kg == OC_NODE_QUANTITY)
		return quantities(c, a, g);
	if (contains(c->m, a, OC_NODE_NAME) != contains(c->m, g, OC_NODE_NAME) &&
	    (as_quantity(c, a) >= 0 || as_quantity(c, g) >= 0))
		return quantities(c, a, g);
	if (ka == OC_NODE_PERCENT || kg == OC_NODE_PERCENT)
		return percents(c, a, g);
	return numbers(c, a, g);
}

static result compare(struct cmp *c, int32_t a, int32_t g)
{
	if (c->depth >= OC_MATH_DEPTH)
		return say(c, OC_MATH_UNDECIDED, "nested too deeply");
	c->depth++;
	result r = dispatch(c, a, g);
	c->depth--;
	return r;
}

enum oc_math_result oc_math_trees(struct oc_math *m, int32_t a, int32_t g,
                                  const struct oc_math_opts *opts, const char **reason,
                                  bool *probable)
{
	struct cmp c = {.m = m, .opts = opts};
	result r = compare(&c, a, g);
	if (r == OC_MATH_DIFFERENT && m->doubt)
		r = say(&c, OC_MATH_UNDECIDED, m->doubt);
	*reason = c.reason ? c.reason : "cannot be compared";
	*probable = r == OC_MATH_EQUAL && c.probable;
	return r;
}
