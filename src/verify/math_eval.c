/* math_eval.c: the exact value of an expression without letters, roots only where they come out. */
#include "verify/math_tree.h"

static bool integer_pair(struct oc_math *m, struct oc_rat a, struct oc_rat b, mpz_t x, mpz_t y)
{
	if (!oc_rat_is_int(a) || !oc_rat_is_int(b))
		return oc_math_fail(m, "an integer was expected");
	if (a.q)
		mpz_set(x, mpq_numref(a.q));
	else
		mpz_set_si(x, a.n);
	if (b.q)
		mpz_set(y, mpq_numref(b.q));
	else
		mpz_set_si(y, b.n);
	return true;
}

/* Through its decimal digits: rare, and it keeps GMP types inside math_num.c. */
static bool from_mpz(struct oc_math *m, mpz_t z, struct oc_rat *out)
{
	char text[OC_RAT_DIGITS + 4];
	if (mpz_sizeinbase(z, 10) > OC_RAT_DIGITS)
		return oc_math_fail(m, "too large to evaluate");
	mpz_get_str(text, 10, z);
	bool minus = text[0] == '-';
	struct oc_str none = {text, 0};
	return oc_rat_decimal(&m->rats, oc_str(text + minus), none, 0, out) &&
	       (!minus || oc_rat_neg(&m->rats, *out, out));
}

static bool number_theory(struct oc_math *m, int fn, struct oc_rat a, struct oc_rat b,
                          struct oc_rat *out)
{
	mpz_t x, y;
	bool ok;

	mpz_init(x);
	mpz_init(y);
	ok = integer_pair(m, a, b, x, y);
	if (ok && fn == OC_FN_GCD)
		mpz_gcd(x, x, y);
	else if (ok && fn == OC_FN_LCM)
		mpz_lcm(x, x, y);
	else if (ok && fn == OC_FN_MOD) {
		ok = mpz_sgn(y) != 0;
		if (ok)
			mpz_fdiv_r(x, x, y);
	}
	ok = ok && from_mpz(m, x, out);
	mpz_clear(x);
	mpz_clear(y);
	return ok;
}

static bool binomial(struct oc_math *m, struct oc_rat a, struct oc_rat b, struct oc_rat *out)
{
	int64_t n, k;
	if (!oc_rat_small(a, &n) || !oc_rat_small(b, &k) || n < 0 || k < 0 || n > 1000)
		return oc_math_fail(m, "a binomial that is not evaluated");
	if (k > n) {
		*out = oc_rat_int(0);
		return true;
	}
	k = k > n - k ? n - k : k;
	*out = oc_rat_int(1);
	for (int64_t i = 1; i <= k; i++)
		if (!oc_rat_op(&m->rats, '*', *out, oc_rat_int(n - k + i), out) ||
		    !oc_rat_op(&m->rats, '/', *out, oc_rat_int(i), out))
			return oc_math_fail(m, "too large to evaluate");
	return true;
}

/* log_b a where it is an integer. */
static bool logarithm(struct oc_math *m, struct oc_rat a, struct oc_rat b, struct oc_rat *out)
{
	struct oc_rat p = oc_rat_int(1), q;
	struct oc_rat one = oc_rat_int(1);

	if (oc_rat_sign(a) <= 0 || oc_rat_sign(b) <= 0 || oc_rat_cmp(&m->rats, b, one) == 0)
		return oc_math_fail(m, "a logarithm of nothing");
	for (int64_t k = 0; k <= 256; k++) {
		if (oc_rat_cmp(&m->rats, p, a) == 0) {
			*out = oc_rat_int(k);
			return true;
		}
		if (!oc_rat_op(&m->rats, '/', one, p, &q))
			return false;
		if (oc_rat_cmp(&m->rats, q, a) == 0) {
			*out = oc_rat_int(-k);
			return true;
		}
		if (!oc_rat_op(&m->rats, '*', p, b, &p))
			return false;
	}
	return oc_math_fail(m, "a logarithm that is not an integer");
}

static bool function(struct oc_math *m, const struct oc_node *n, struct oc_rat *out)
{
	struct oc_rat a, b = oc_rat_int(0), one = oc_rat_int(1);
	int64_t k;

	if (n->op >= OC_FN_OPAQUE || !oc_math_value(m, n->a, &a))
		return false;
	if (n->b >= 0 && !oc_math_value(m, n->b, &b))
		return false;
	switch (n->op) {
	case OC_FN_SQRT:
		k = 2;
		if (n->b >= 0 && (!oc_rat_small(b, &k) || k < 2 || k > 64))
			return oc_math_fail(m, "a root of an odd kind");
		return oc_rat_root(&m->rats, a, (unsigned)k, out);
	case OC_FN_CBRT: return oc_rat_root(&m->rats, a, 3, out);
	case OC_FN_ABS: *out = a; return oc_rat_sign(a) >= 0 || oc_rat_neg(&m->rats, a, out);
	case OC_FN_FLOOR: return oc_rat_floor(&m->rats, a, out);
	case OC_FN_CEIL:
		return oc_rat_neg(&m->rats, a, &a) && oc_rat_floor(&m->rats, a, &a) &&
		       oc_rat_neg(&m->rats, a, out);
	case OC_FN_FACTORIAL:
		if (!oc_rat_small(a, &k) || k < 0 || k > 1000)
			return oc_math_fail(m, "a factorial that is not evaluated");
		*out = oc_rat_int(1);
		for (int64_t i = 2; i <= k; i++)
			if (!oc_rat_op(&m->rats, '*', *out, oc_rat_int(i), out))
				return oc_math_fail(m, "too large to evaluate");
		return true;
	case OC_FN_BINOM: return n->b >= 0 && binomial(m, a, b, out);
	case OC_FN_GCD:
	case OC_FN_LCM:
	case OC_FN_MOD: return n->b >= 0 && number_theory(m, n->op, a, b, out);
	case OC_FN_MIN:
	case OC_FN_MAX:
		if (n->b < 0)
			return oc_math_fail(m, "a function of two arguments");
		*out = (oc_rat_cmp(&m->rats, a, b) < 0) == (n->op == OC_FN_MIN) ? a : b;
		return true;
	case OC_FN_LOG:
		/* without a base the usual readings differ, except at 1 */
		if (n->b >= 0)
			return logarithm(m, a, b, out);
		*out = oc_rat_int(0);
		return oc_rat_cmp(&m->rats, a, one) == 0;
	case OC_FN_LN: *out = oc_rat_int(0); return oc_rat_cmp(&m->rats, a, one) == 0;
	case OC_FN_EXP: *out = one; return oc_rat_sign(a) == 0;
	default: return false;
	}
}

static bool power(struct oc_math *m, struct oc_rat base, struct oc_rat exp, struct oc_rat *out)
{
	int64_t e, k;
	if (oc_rat_small(exp, &e)) {
		if (oc_rat_sign(base) == 0 && e <= 0)
			return oc_math_fail(m, "zero to the power of zero or less");
		return oc_rat_pow(&m->rats, base, e, out) ||
		       oc_math_fail(m, "too large to evaluate");
	}
	if (exp.q || oc_rat_sign(base) < 0)
		return oc_math_fail(m, "a power that is not evaluated");
	k = exp.d;
	return k <= 64 && oc_rat_root(&m->rats, base, (unsigned)k, &base) &&
	       oc_rat_pow(&m->rats, base, exp.n, out);
}

bool oc_math_value(struct oc_math *m, int32_t i, struct oc_rat *out)
{
	const struct oc_node *n = &m->nodes[i];
	struct oc_rat a, b;
	char op = 0;

	*out = oc_rat_int(0);
	switch (n->kind) {
	case OC_NODE_NUM:
	case OC_NODE_BASE: *out = n->num; return true;
	case OC_NODE_ADD: op = '+'; break;
	case OC_NODE_SUB: op = '-'; break;
	case OC_NODE_MUL: op = '*'; break;
	case OC_NODE_DIV: op = '/'; break;
	case OC_NODE_PM: op = (n->op == '+') != m->pm_flip ? '+' : '-'; break;
	case OC_NODE_POW:
		return oc_math_value(m, n->a, &a) && oc_math_value(m, n->b, &b) &&
		       power(m, a, b, out);
	case OC_NODE_NEG: return oc_math_value(m, n->a, &a) && oc_rat_neg(&m->rats, a, out);
	case OC_NODE_PERCENT:
		return oc_math_value(m, n->a, &a) &&
		       oc_rat_op(&m->rats, '/', a, oc_rat_int(100), out);
	case OC_NODE_FUNC: return function(m, n, out);
	default: return false;
	}
	if (!oc_math_value(m, n->a, &a) || !oc_math_value(m, n->b, &b))
		return false;
	if (op == '/' && oc_rat_sign(b) == 0)
		return oc_math_fail(m, "division by zero");
	return oc_rat_op(&m->rats, op, a, b, out) || oc_math_fail(m, "too large to evaluate");
}
