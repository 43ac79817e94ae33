/*
 * math_symbolic.c: are two expressions the same? By evaluation modulo primes.
 *
 * Every expression is mapped into the integers modulo p by a ring homomorphism: letters and pi go
 * to pseudo-random numbers, the square or cube root of a prime q to a root of q modulo p (fixed for
 * that p, so that sqrt(8) and 2 sqrt(2) meet), i to a root of -1. Square and cube roots of distinct
 * primes are independent (Besicovitch 1940), so such a map exists, and hence images that differ
 * prove that the numbers differ; images that agree at two points modulo two primes mean equality up
 * to a chance of (degree / 2^61)^4 (Schwartz 1980, Zippel 1979).
 *
 * Anything else (sin, log, 2^x, nested roots) goes to a pseudo-random function of the images of its
 * arguments: equal arguments give equal images, but images that differ prove nothing then
 * (`opaque`). The same holds for pi beside e, whose independence nobody has proven.
 */
#include "verify/math_tree.h"

/* p = 1 mod 24, so that i and all cube roots of cubes exist. The first two were chosen so that
 * every prime up to 41 has a square root and 2, 3, 5 and 7 have cube roots; the others are tried
 * when a root is missing there. */
static const uint64_t primes[] = {
	2305843009170460321u, 2305843009162478041u, 1152921504606846697u, 1152921504606846577u,
	1152921504606846097u, 1152921504606845977u, 1152921504606845473u, 1152921504606845161u,
	1152921504606844849u, 1152921504606844513u, 1152921504606844417u, 1152921504606844177u,
	1152921504606843313u, 1152921504606843073u, 1152921504606842833u, 1152921504606842809u,
	1152921504606842569u, 1152921504606842281u, 1152921504606841993u, 1152921504606841969u,
	1152921504606841561u, 1152921504606841441u, 1152921504606840817u, 1152921504606840601u,
	1152921504606839881u, 1152921504606839713u, 1152921504606839641u, 1152921504606838513u,
	1152921504606838297u, 1152921504606837961u, 1152921504606837937u, 1152921504606837793u,
};
#define PRIMES   (sizeof primes / sizeof primes[0])
#define MAX_NAME 16

enum trouble { FINE, MISSING_ROOT, POLE, HOPELESS };

struct image {
	struct oc_math *m;
	uint64_t p, seed;
	enum trouble trouble;
	bool opaque, pi, e;
	uint64_t names[MAX_NAME];
	unsigned name_n;
};

static uint64_t mix(uint64_t x)
{
	/* SplitMix64's finaliser */
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static uint64_t give_up(struct image *s, enum trouble t, const char *why)
{
	if (s->trouble == FINE)
		s->trouble = t;
	if (t == HOPELESS)
		oc_math_fail(s->m, why);
	return 0;
}

static uint64_t opaque(struct image *s, uint64_t what, uint64_t a, uint64_t b)
{
	s->opaque = true;
	return mix(mix(mix(s->seed ^ what) ^ a) + b) % s->p;
}

/* Letters go to squares, so that sqrt(x) has an image. */
static uint64_t letter_root(const struct image *s, uint64_t hash)
{
	return mix(s->seed ^ hash) % s->p;
}

static uint64_t letter(struct image *s, uint64_t hash)
{
	unsigned k = 0;
	while (k < s->name_n && s->names[k] != hash)
		k++;
	if (k == s->name_n) {
		if (k == MAX_NAME)
			return give_up(s, HOPELESS, "too many letters");
		s->names[s->name_n++] = hash;
	}
	uint64_t r = letter_root(s, hash);
	return oc_mod_mul(r, r, s->p);
}

/* oc_mod_root, remembered: the same few radicals come again and again. */
static bool known_root(struct image *s, uint64_t a, unsigned k, uint64_t *root)
{
	struct oc_root *r = &s->m->roots[(mix(a ^ s->p) + k) % 64];
	if (r->k != k || r->a != a || r->p != s->p) {
		*r = (struct oc_root){.a = a, .p = s->p, .k = k};
		r->exists = oc_mod_root(a, k, s->p, &r->root);
	}
	*root = r->root;
	return r->exists;
}

/* Image of the k-th root of the positive integer n: product over its prime factors. */
static uint64_t integer_root(struct image *s, uint64_t n, unsigned k)
{
	uint64_t out = 1, r;
	s->m->rats.work += n < 65536 ? 64 : 4096;
	for (uint64_t q = 2; n > 1; q += q > 2 ? 2 : 1) {
		unsigned e = 0;
		/* below 2^32 what has no factor up to 2^16 is prime */
		if (q >= 65536 || q * q > n) {
			if (n >= (uint64_t)1 << 32)
				return give_up(s, HOPELESS,
				               "a root of a number that is hard to factor");
			q = n;
		}
		while (n % q == 0) {
			n /= q;
			e++;
		}
		if (e % k) {
			if (!known_root(s, q % s->p, k, &r))
				return give_up(s, MISSING_ROOT, NULL);
			out = oc_mod_mul(out, oc_mod_pow(r, e % k, s->p), s->p);
		}
		if (e >= k)
			out = oc_mod_mul(out, oc_mod_pow(q, e / k, s->p), s->p);
	}
	return out;
}

static uint64_t unit_i(struct image *s)
{
	uint64_t r;
	return known_root(s, s->p - 1, 2, &r) ? r : give_up(s, MISSING_ROOT, NULL);
}

static uint64_t image(struct image *s, int32_t i);

/* sqrt(c x^k) with one letter and k odd: the domain says x >= 0, so it is sqrt(c) sqrt(x)^k. */
static bool letter_power(struct oc_math *m, int32_t i, struct oc_rat *c, int32_t *name, int64_t *k)
{
	const struct oc_node *n = &m->nodes[i];
	struct oc_rat r;
	int64_t e;
	switch (n->kind) {
	case OC_NODE_NAME:
		if (*name >= 0 && m->nodes[*name].hash != n->hash)
			return false;
		*name = i;
		*k += 1;
		return true;
	case OC_NODE_POW:
		if (m->nodes[n->a].kind != OC_NODE_NAME || !oc_math_value(m, n->b, &r) ||
		    !oc_rat_small(r, &e) || e < 1 || e > 100 ||
		    (*name >= 0 && m->nodes[*name].hash != m->nodes[n->a].hash))
			return false;
		*name = n->a;
		*k += e;
		return true;
	case OC_NODE_MUL:
		return letter_power(m, n->a, c, name, k) && letter_power(m, n->b, c, name, k);
	default: return oc_math_value(m, i, &r) && oc_rat_op(&m->rats, '*', *c, r, c);
	}
}

static uint64_t rational_root(struct image *s, struct oc_rat v, unsigned k)
{
	int64_t n = v.n, d = v.d;
	uint64_t out = 1;
	struct oc_rat exact;

	if (oc_rat_root(&s->m->rats, v, k, &exact)) {
		bool ok = true;
		out = oc_rat_mod(exact, s->p, &ok);
		return ok ? out : give_up(s, POLE, NULL);
	}
	if (v.q || d > INT32_MAX || n > INT32_MAX || n < -INT32_MAX)
		return give_up(s, HOPELESS, "a root of a large number");
	if (n < 0) {
		out = k == 2 ? unit_i(s) : s->p - 1;
		n = -n;
	}
	/* (n/d)^(1/k) = (n d^(k-1))^(1/k) / d, root by root so that the product cannot overflow */
	out = oc_mod_mul(out, integer_root(s, (uint64_t)n, k), s->p);
	uint64_t below = integer_root(s, (uint64_t)d, k);
	return s->trouble ? 0 : oc_mod_mul(out, oc_mod_inverse(below, s->p), s->p);
}

static uint64_t root(struct image *s, int32_t arg, unsigned k)
{
	struct oc_rat v, c = oc_rat_int(1);
	int32_t name = -1;
	int64_t e = 0;

	if ((k == 2 || k == 3) && oc_math_value(s->m, arg, &v))
		return rational_root(s, v, k);
	if (k == 2 && letter_power(s->m, arg, &c, &name, &e) && name >= 0 && e % 2 == 1 &&
	    oc_rat_sign(c) > 0) {
		letter(s, s->m->nodes[name].hash);
		uint64_t r = oc_mod_pow(letter_root(s, s->m->nodes[name].hash), (uint64_t)e, s->p);
		return oc_mod_mul(r, rational_root(s, c, 2), s->p);
	}
	return opaque(s, 0x726f6f74 + k, image(s, arg), 0);
}

static uint64_t power(struct image *s, const struct oc_node *n)
{
	struct oc_rat e;
	int64_t k;
	bool ok = true;

	if (oc_math_value(s->m, n->b, &e)) {
		if (!oc_rat_is_int(e)) {
			if (e.q || e.d > 3 || e.n > 1000 || e.n < -1000)
				return opaque(s, 0x706f77, image(s, n->a), image(s, n->b));
			uint64_t r = root(s, n->a, (unsigned)e.d);
			if (e.n < 0 && r == 0)
				return give_up(s, POLE, NULL);
			if (e.n < 0)
				r = oc_mod_inverse(r, s->p);
			return oc_mod_pow(r, (uint64_t)(e.n < 0 ? -e.n : e.n), s->p);
		}
		uint64_t b = image(s, n->a);
		if (b == 0 && oc_rat_sign(e) <= 0)
			return give_up(s, POLE, NULL);
		if (oc_rat_small(e, &k) && k >= -1000000 && k <= 1000000)
			return oc_mod_pow(k < 0 ? oc_mod_inverse(b, s->p) : b,
			                  (uint64_t)(k < 0 ? -k : k), s->p);
		/* Fermat: the exponent counts modulo p - 1 */
		return oc_mod_pow(b, oc_rat_mod(e, s->p - 1, &ok), s->p);
	}
	/* what stands in an exponent may be anything, e^(i pi) included */
	return opaque(s, 0x706f77, image(s, n->a), image(s, n->b));
}

static uint64_t function(struct image *s, const struct oc_node *n)
{
	struct oc_rat v;
	bool ok = true;

	if (n->op == OC_FN_SQRT || n->op == OC_FN_CBRT) {
		int64_t k = n->op == OC_FN_CBRT ? 3 : 2;
		if (n->op == OC_FN_SQRT && n->b >= 0 &&
		    (!oc_math_value(s->m, n->b, &v) || !oc_rat_small(v, &k) || k < 2 || k > 64))
			return give_up(s, HOPELESS, "a root of an odd kind");
		return root(s, n->a, (unsigned)k);
	}
	if (n->op < OC_FN_OPAQUE && oc_math_value(s->m, (int32_t)(n - s->m->nodes), &v)) {
		uint64_t r = oc_rat_mod(v, s->p, &ok);
		return ok ? r : give_up(s, POLE, NULL);
	}
	uint64_t b = n->b >= 0 ? image(s, n->b) : 0;
	return opaque(s, n->op == OC_FN_OPAQUE ? n->hash : n->op, image(s, n->a), b);
}

static uint64_t image(struct image *s, int32_t i)
{
	const struct oc_node *n = &s->m->nodes[i];
	uint64_t a, b;
	bool ok = true;

	if (s->trouble)
		return 0;
	/* one budget for a verdict, so that lists of roots end as well */
	s->m->rats.work += 8;
	if (s->m->rats.work > OC_RAT_WORK)
		return give_up(s, HOPELESS, "too much work for one verdict");
	switch (n->kind) {
	case OC_NODE_NUM:
	case OC_NODE_BASE:
		a = oc_rat_mod(n->num, s->p, &ok);
		return ok ? a : give_up(s, POLE, NULL);
	case OC_NODE_NAME: return letter(s, n->hash);
	case OC_NODE_PI: s->pi = true; return mix(s->seed ^ 3) % s->p;
	case OC_NODE_E: s->e = true; return mix(s->seed ^ 5) % s->p;
	case OC_NODE_I: return unit_i(s);
	case OC_NODE_ADD: a = image(s, n->a); return oc_mod_add(a, image(s, n->b), s->p);
	case OC_NODE_SUB: a = image(s, n->a); return oc_mod_sub(a, image(s, n->b), s->p);
	case OC_NODE_PM:
		a = image(s, n->a);
		b = image(s, n->b);
		return (n->op == '+') != s->m->pm_flip ? oc_mod_add(a, b, s->p)
		                                       : oc_mod_sub(a, b, s->p);
	case OC_NODE_MUL: a = image(s, n->a); return oc_mod_mul(a, image(s, n->b), s->p);
	case OC_NODE_NEG: return oc_mod_sub(0, image(s, n->a), s->p);
	case OC_NODE_DIV:
	case OC_NODE_PERCENT:
		a = image(s, n->a);
		b = n->kind == OC_NODE_DIV ? image(s, n->b) : 100;
		if (s->trouble || b == 0)
			return give_up(s, POLE, NULL);
		return oc_mod_mul(a, oc_mod_inverse(b, s->p), s->p);
	case OC_NODE_POW: return power(s, n);
	case OC_NODE_FUNC: return function(s, n);
	default: return give_up(s, HOPELESS, "not an expression of numbers and letters");
	}
}

/* Same letters, whatever their order. */
static bool same_names(const struct image *a, const struct image *b)
{
	if (a->name_n != b->name_n)
		return false;
	for (unsigned i = 0; i < a->name_n; i++) {
		unsigned k = 0;
		while (k < b->name_n && b->names[k] != a->names[i])
			k++;
		if (k == b->name_n)
			return false;
	}
	return true;
}

/* One point: both images, retried at other seeds when a denominator vanishes there. False: this
 * prime cannot serve, or nothing can (HOPELESS). */
static bool both(struct oc_math *m, int32_t a, int32_t b, uint64_t p, uint64_t seed,
                 struct image *x, struct image *y, uint64_t *va, uint64_t *vb)
{
	for (unsigned try = 0; try < 3; try++) {
		*x = (struct image){.m = m, .p = p, .seed = mix(seed + 77 * try + p)};
		*y = *x;
		*va = image(x, a);
		*vb = image(y, b);
		if (x->trouble == FINE && y->trouble == FINE)
			return true;
		if (x->trouble != POLE && y->trouble != POLE)
			break;
	}
	return false;
}

enum oc_math_result oc_math_symbolic(struct oc_math *m, int32_t a, int32_t b, const char **reason)
{
	struct image x, y;
	uint64_t va, vb;
	unsigned used = 0;

	for (size_t k = 0; k < PRIMES && used < 2; k++) {
		for (uint64_t point = 1; point <= 2; point++) {
			if (!both(m, a, b, primes[k], point, &x, &y, &va, &vb))
				break;
			if (va != vb) {
				bool transcendental = (x.pi || y.pi) && (x.e || y.e);
				*reason = x.opaque || y.opaque || transcendental
				                  ? "cannot be simplified exactly"
				                  : "expressions differ";
				if (x.opaque || y.opaque || transcendental)
					return OC_MATH_UNDECIDED;
				if (x.name_n && y.name_n && !same_names(&x, &y)) {
					*reason = "other letters";
					return OC_MATH_UNDECIDED;
				}
				return OC_MATH_DIFFERENT;
			}
			used += point == 2;
		}
		if (x.trouble == HOPELESS || y.trouble == HOPELESS)
			break;
	}
	*reason = used == 2 ? "equal expressions"
	          : m->why  ? m->why
	                    : "an expression that is not defined";
	return used == 2 ? OC_MATH_EQUAL : OC_MATH_UNDECIDED;
}

bool oc_math_proportional(struct oc_math *m, int32_t a, int32_t b)
{
	struct image x, y;
	uint64_t a1, b1, a2, b2;

	for (unsigned k = 0; k < 2; k++) {
		uint64_t p = primes[k];
		if (!both(m, a, b, p, 11, &x, &y, &a1, &b1) || x.opaque || y.opaque ||
		    !same_names(&x, &y) || !both(m, a, b, p, 12, &x, &y, &a2, &b2))
			return false;
		if (oc_mod_mul(a1, b2, p) != oc_mod_mul(a2, b1, p) || !a1 || !b1)
			return false;
	}
	return true;
}
