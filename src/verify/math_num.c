#include "verify/math_num.h"

#include <stdlib.h>

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

void oc_rats_reset(struct oc_rats *pool)
{
	/* A value that grew is given back, so that one monster does not stay for the whole run. */
	for (size_t i = 0; i < pool->n; i++)
		if (mpz_size(mpq_numref(pool->slot[i])) + mpz_size(mpq_denref(pool->slot[i])) >
		    64) {
			mpq_clear(pool->slot[i]);
			mpq_init(pool->slot[i]);
		}
	pool->n = 0;
	pool->work = 0;
}

void oc_rats_fini(struct oc_rats *pool)
{
	for (size_t i = 0; i < pool->cap; i++) {
		mpq_clear(pool->slot[i]);
		free(pool->slot[i]);
	}
	free(pool->slot);
	*pool = (struct oc_rats){0};
}

static mpq_ptr fresh(struct oc_rats *pool)
{
	if (pool->n == pool->cap) {
		size_t cap = pool->cap ? pool->cap * 2 : 16;
		pool->slot = oc_realloc(pool->slot, cap * sizeof(mpq_ptr));
		for (size_t i = pool->cap; i < cap; i++) {
			pool->slot[i] = oc_alloc(sizeof **pool->slot);
			mpq_init(pool->slot[i]);
		}
		pool->cap = cap;
	}
	return pool->slot[pool->n++];
}

static size_t bits_of(struct oc_rat a)
{
	if (!a.q)
		return 64;
	size_t n = mpz_sizeinbase(mpq_numref(a.q), 2), d = mpz_sizeinbase(mpq_denref(a.q), 2);
	return n > d ? n : d;
}

/* Takes the cost of an operation whose result has about this many bits off the budget. */
static bool charge(struct oc_rats *pool, size_t bits)
{
	uint64_t limbs = bits / 64 + 1;
	if (bits > OC_RAT_BITS)
		return false;
	pool->work += limbs * limbs;
	return pool->work <= OC_RAT_WORK;
}

static void set_big(mpq_ptr q, struct oc_rat a)
{
	mpz_set_si(mpq_numref(q), a.n);
	mpz_set_si(mpq_denref(q), a.d);
}

static mpq_ptr as_big(struct oc_rats *pool, struct oc_rat a)
{
	if (a.q)
		return a.q;
	mpq_ptr q = fresh(pool);
	set_big(q, a);
	return q;
}

/* Back to the small form where it fits. INT64_MIN is left to GMP, so negation cannot overflow. */
static struct oc_rat settle(mpq_ptr q)
{
	if (mpz_fits_slong_p(mpq_numref(q)) && mpz_fits_slong_p(mpq_denref(q)) &&
	    mpz_get_si(mpq_numref(q)) != INT64_MIN)
		return (struct oc_rat){mpz_get_si(mpq_numref(q)), mpz_get_si(mpq_denref(q)), NULL};
	return (struct oc_rat){0, 1, q};
}

static uint64_t gcd64(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a | b;
	int shift = __builtin_ctzll(a | b);
	a >>= __builtin_ctzll(a);
	do {
		b >>= __builtin_ctzll(b);
		if (a > b) {
			uint64_t t = a;
			a = b;
			b = t;
		}
		b -= a;
	} while (b);
	return a << shift;
}

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

static bool fits(wide v)
{
	return v >= -(wide)INT64_MAX && v <= (wide)INT64_MAX;
}

struct oc_rat oc_rat_int(int64_t n)
{
	return (struct oc_rat){n, 1, NULL};
}

/* Numerator and denominator without a common factor, when both fit. */
static bool small(wide n, wide d, struct oc_rat *out)
{
	if (!fits(n) || !fits(d))
		return false;
	int64_t sn = (int64_t)n, sd = (int64_t)d;
	if (sd != 1) {
		int64_t g = (int64_t)gcd64(magnitude(sn), magnitude(sd));
		sn /= g;
		sd /= g;
	}
	*out = (struct oc_rat){sd < 0 ? -sn : sn, sd < 0 ? -sd : sd, NULL};
	return true;
}

bool oc_rat_op(struct oc_rats *pool, char op, struct oc_rat a, struct oc_rat b, struct oc_rat *out)
{
	if (op == '/' && oc_rat_sign(b) == 0)
		return false;
	if (!a.q && !b.q) {
		wide n = 0, d = 0, t;
		switch (op) {
		case '+':
		case '-':
			/* |a.n * b.d| < 2^126, so the sum of two fits in 128 bits */
			t = (wide)b.n * a.d;
			n = (wide)a.n * b.d + (op == '+' ? t : -t);
			d = (wide)a.d * b.d;
			break;
		case '*':
			n = (wide)a.n * b.n;
			d = (wide)a.d * b.d;
			break;
		default:
			n = (wide)a.n * b.d;
			d = (wide)a.d * b.n;
			break;
		}
		if (small(n, d, out))
			return true;
	}
	if (!charge(pool, bits_of(a) + bits_of(b)))
		return false;
	mpq_ptr x = as_big(pool, a), y = as_big(pool, b), r = fresh(pool);
	switch (op) {
	case '+': mpq_add(r, x, y); break;
	case '-': mpq_sub(r, x, y); break;
	case '*': mpq_mul(r, x, y); break;
	default: mpq_div(r, x, y); break;
	}
	*out = settle(r);
	return true;
}

bool oc_rat_neg(struct oc_rats *pool, struct oc_rat a, struct oc_rat *out)
{
	return oc_rat_op(pool, '-', oc_rat_int(0), a, out);
}

bool oc_rat_pow(struct oc_rats *pool, struct oc_rat base, int64_t exp, struct oc_rat *out)
{
	int sign = oc_rat_sign(base);
	if (sign == 0) {
		*out = base;
		return exp > 0;
	}
	if (!base.q && base.d == 1 && (base.n == 1 || base.n == -1)) {
		*out = oc_rat_int(exp & 1 ? base.n : 1);
		return true;
	}
	uint64_t e = magnitude(exp);
	if (e > OC_RAT_BITS)
		return false;
	size_t bits;
	if (base.q) {
		bits = bits_of(base);
	} else {
		uint64_t top = magnitude(base.n) > magnitude(base.d) ? magnitude(base.n)
		                                                     : magnitude(base.d);
		bits = 64 - (size_t)__builtin_clzll(top | 1);
	}
	if (!charge(pool, bits * e))
		return false;
	if (!base.q && bits * e < 63) {
		int64_t n = 1, d = 1;
		for (uint64_t i = 0; i < e; i++) {
			n *= base.n;
			d *= base.d;
		}
		return small(exp < 0 ? d : n, exp < 0 ? n : d, out);
	}
	mpq_ptr x = as_big(pool, base), r = fresh(pool);
	mpz_pow_ui(mpq_numref(r), mpq_numref(x), e);
	mpz_pow_ui(mpq_denref(r), mpq_denref(x), e);
	if (exp < 0)
		mpq_inv(r, r);
	*out = settle(r);
	return true;
}

bool oc_rat_root(struct oc_rats *pool, struct oc_rat a, unsigned k, struct oc_rat *out)
{
	int sign = oc_rat_sign(a);
	if (k < 2 || k > 64 || (sign < 0 && k % 2 == 0) || !charge(pool, bits_of(a)))
		return false;
	mpq_ptr x = as_big(pool, a), r = fresh(pool);
	bool exact = mpz_root(mpq_numref(r), mpq_numref(x), k) != 0;
	exact = mpz_root(mpq_denref(r), mpq_denref(x), k) != 0 && exact;
	if (!exact) {
		mpq_set_ui(r, 0, 1);
		return false;
	}
	*out = settle(r);
	return true;
}

bool oc_rat_floor(struct oc_rats *pool, struct oc_rat a, struct oc_rat *out)
{
	if (!charge(pool, bits_of(a)))
		return false;
	mpq_ptr x = as_big(pool, a), r = fresh(pool);
	mpz_fdiv_q(mpq_numref(r), mpq_numref(x), mpq_denref(x));
	mpz_set_ui(mpq_denref(r), 1);
	*out = settle(r);
	return true;
}

bool oc_rat_decimal(struct oc_rats *pool, struct oc_str whole, struct oc_str fraction,
                    int64_t exp10, struct oc_rat *out)
{
	size_t digits = whole.len + fraction.len;
	if (digits > OC_RAT_DIGITS || exp10 > OC_RAT_DIGITS || exp10 < -OC_RAT_DIGITS)
		return false;
	int64_t scale = exp10 - (int64_t)fraction.len;
	if (digits <= 18) {
		int64_t n = 0, d = 1;
		for (size_t i = 0; i < whole.len; i++)
			n = n * 10 + (whole.p[i] - '0');
		for (size_t i = 0; i < fraction.len; i++)
			n = n * 10 + (fraction.p[i] - '0');
		if (scale == 0) {
			*out = oc_rat_int(n);
			return true;
		}
		if (scale < 0 && scale >= -18) {
			for (int64_t i = scale; i < 0; i++)
				d *= 10;
			return small(n, d, out);
		}
		struct oc_rat ten;
		return oc_rat_pow(pool, oc_rat_int(10), scale, &ten) &&
		       oc_rat_op(pool, '*', oc_rat_int(n), ten, out);
	}
	char text[OC_RAT_DIGITS + 1];
	memcpy(text, whole.p, whole.len);
	if (fraction.len)
		memcpy(text + whole.len, fraction.p, fraction.len);
	text[digits] = 0;
	if (!charge(pool, digits * 4))
		return false;
	mpq_ptr q = fresh(pool);
	mpz_set_str(mpq_numref(q), text, 10);
	mpz_set_ui(mpq_denref(q), 1);
	struct oc_rat ten;
	return oc_rat_pow(pool, oc_rat_int(10), scale, &ten) &&
	       oc_rat_op(pool, '*', settle(q), ten, out);
}

int oc_rat_cmp(struct oc_rats *pool, struct oc_rat a, struct oc_rat b)
{
	if (!a.q && !b.q) {
		wide x = (wide)a.n * b.d, y = (wide)b.n * a.d;
		return (x > y) - (x < y);
	}
	int c = mpq_cmp(as_big(pool, a), as_big(pool, b));
	return (c > 0) - (c < 0);
}

int oc_rat_sign(struct oc_rat a)
{
	return a.q ? mpq_sgn(a.q) : (a.n > 0) - (a.n < 0);
}

bool oc_rat_is_int(struct oc_rat a)
{
	return a.q ? mpz_cmp_ui(mpq_denref(a.q), 1) == 0 : a.d == 1;
}

bool oc_rat_small(struct oc_rat a, int64_t *n)
{
	*n = a.n;
	return !a.q && a.d == 1;
}

uint64_t oc_rat_mod(struct oc_rat a, uint64_t p, bool *ok)
{
	uint64_t n, d;
	if (a.q) {
		n = mpz_fdiv_ui(mpq_numref(a.q), p);
		d = mpz_fdiv_ui(mpq_denref(a.q), p);
	} else {
		n = magnitude(a.n) % p;
		n = a.n < 0 && n ? p - n : n;
		d = (uint64_t)a.d % p;
	}
	if (d == 0) {
		*ok = false;
		return 0;
	}
	return d == 1 ? n : oc_mod_mul(n, oc_mod_inverse(d, p), p);
}

/* Powers of 2 and 5 in a denominator: when nothing else is left, the decimal ends. */
static bool decimal_places(mpz_srcptr d, unsigned long *places)
{
	mpz_t rest, five;
	mpz_init_set_ui(five, 5);
	mpz_init(rest);
	unsigned long two = mpz_scan1(d, 0);
	mpz_tdiv_q_2exp(rest, d, two);
	unsigned long fives = mpz_remove(rest, rest, five);
	bool ends = mpz_cmp_ui(rest, 1) == 0;
	*places = two > fives ? two : fives;
	mpz_clear(rest);
	mpz_clear(five);
	return ends;
}

void oc_rat_print(struct oc_rat a, struct oc_buf *b)
{
	unsigned long places = 0;
	mpq_t q;
	char *text;

	if (!a.q && a.d == 1) {
		oc_buf_printf(b, "%lld", (long long)a.n);
		return;
	}
	mpq_init(q);
	if (a.q)
		mpq_set(q, a.q);
	else
		set_big(q, a);
	if (mpz_cmp_ui(mpq_denref(q), 1) == 0 || !decimal_places(mpq_denref(q), &places) ||
	    places > 30) {
		text = oc_alloc(mpz_sizeinbase(mpq_numref(q), 10) +
		                mpz_sizeinbase(mpq_denref(q), 10) + 3);
		mpq_get_str(text, 10, q);
		oc_buf_puts(b, text);
	} else {
		mpz_t ten;
		mpz_init(ten);
		mpz_ui_pow_ui(ten, 10, places);
		mpz_mul(mpq_numref(q), mpq_numref(q), ten);
		mpz_divexact(mpq_numref(q), mpq_numref(q), mpq_denref(q));
		mpz_clear(ten);
		text = oc_alloc(mpz_sizeinbase(mpq_numref(q), 10) + 2);
		mpz_get_str(text, 10, mpq_numref(q));
		const char *digits = text + (*text == '-');
		size_t len = strlen(digits);
		if (*text == '-')
			oc_buf_putc(b, '-');
		if (len <= places)
			oc_buf_puts(b, "0.");
		else
			oc_buf_add(b, digits, len - places);
		if (len > places)
			oc_buf_putc(b, '.');
		for (size_t i = len; i < places; i++)
			oc_buf_putc(b, '0');
		oc_buf_puts(b, len > places ? digits + len - places : digits);
	}
	free(text);
	mpq_clear(q);
}

/* a b / 2^64 mod p (Montgomery 1985); neg = -1/p mod 2^64, a b < p 2^64. */
static uint64_t redc(uwide ab, uint64_t p, uint64_t neg)
{
	uint64_t q = (uint64_t)ab * neg;
	uint64_t r = (uint64_t)((ab + (uwide)q * p) >> 64);
	return r >= p ? r - p : r;
}

uint64_t oc_mod_pow(uint64_t base, uint64_t exp, uint64_t p)
{
	if (exp < 64) {
		uint64_t r = 1;
		for (base %= p; exp; exp >>= 1) {
			if (exp & 1)
				r = oc_mod_mul(r, base, p);
			base = oc_mod_mul(base, base, p);
		}
		return r;
	}
	/* p is odd and below 2^62, so the sum in redc cannot overflow */
	uint64_t inv = p;
	for (int i = 0; i < 5; i++)
		inv *= 2 - p * inv;
	uint64_t neg = 0 - inv;
	uint64_t r = (uint64_t)(((uwide)1 << 64) % p); /* 1 */
	uint64_t b = oc_mod_mul(base % p, r, p);
	for (; exp; exp >>= 1) {
		if (exp & 1)
			r = redc((uwide)r * b, p, neg);
		b = redc((uwide)b * b, p, neg);
	}
	return redc(r, p, neg);
}

uint64_t oc_mod_inverse(uint64_t a, uint64_t p)
{
	/* extended Euclid; the coefficients stay below p in magnitude */
	int64_t t = 0, s = 1;
	uint64_t r = p, n = a % p;
	while (n) {
		uint64_t k = r / n;
		int64_t t2 = (int64_t)((wide)t - (wide)k * s);
		uint64_t r2 = r - k * n;
		t = s;
		s = t2;
		r = n;
		n = r2;
	}
	return t < 0 ? (uint64_t)(t + (int64_t)p) : (uint64_t)t;
}

/*
 * Tonelli and Shanks, for k = 2 and 3 alike (Adleman, Manders, Miller 1977): with p - 1 = k^s m,
 * a^(u) for u = 1/k mod m is a root up to an element of order k^(s-1), which is searched digit by
 * digit among the powers of a non-residue.
 */
bool oc_mod_root(uint64_t a, unsigned k, uint64_t p, uint64_t *root)
{
	/* small numbers tend to be residues of primes chosen for that: look further up */
	uint64_t m = p - 1, z = 1000003, u = 1;
	unsigned s = 0;

	if (a == 0) {
		*root = 0;
		return true;
	}
	if (oc_mod_pow(a, (p - 1) / k, p) != 1)
		return false;
	while (m % k == 0) {
		m /= k;
		s++;
	}
	while (oc_mod_pow(z, (p - 1) / k, p) == 1)
		z++;
	while ((u * m + 1) % k)
		u++;
	uint64_t exp = (uint64_t)(((uwide)u * m + 1) / k); /* k * exp = 1 mod m */
	uint64_t x = oc_mod_pow(a, exp, p);
	uint64_t g = oc_mod_pow(z, m, p); /* of order k^s */
	uint64_t ginv = oc_mod_inverse(g, p);
	/* x^k / a lies in the group of g^k: find e with g^(k e) = x^k / a, base-k digits of e */
	uint64_t t = oc_mod_mul(oc_mod_pow(x, k, p), oc_mod_inverse(a, p), p);
	uint64_t top = oc_mod_pow(g, (p - 1) / m / k, p); /* of order k */
	uint64_t place = 1;
	for (unsigned i = 1; i < s; i++, place *= k) {
		uint64_t order = 1;
		for (unsigned j = 0; j + 1 + i < s; j++)
			order *= k;
		uint64_t probe = oc_mod_pow(t, order, p), digit = 0;
		for (uint64_t w = 1; w != probe; w = oc_mod_mul(w, top, p))
			if (++digit == k)
				return false;
		t = oc_mod_mul(t, oc_mod_pow(ginv, digit * place * k, p), p);
		x = oc_mod_mul(x, oc_mod_pow(ginv, digit * place, p), p);
	}
	*root = x;
	return oc_mod_pow(x, k, p) == a;
}
