/*
 * math_num.h: exact rational numbers: a pair of 64-bit integers while they fit, GMP beyond.
 *
 * Every operation checks the size of its result before computing it and returns false when that
 * passes OC_RAT_BITS or when the work of one verdict is used up; nothing is rounded, ever.
 */
#ifndef VERIFY_MATH_NUM_H
#define VERIFY_MATH_NUM_H

#include <gmp.h>

#include "base/str.h"

#define OC_RAT_BITS   32768      /* of a numerator or denominator */
#define OC_RAT_DIGITS 1000       /* of a number as written */
#define OC_RAT_WORK   (1u << 22) /* squared 64-bit limbs that one verdict may handle */

/* n/d in lowest terms, d > 0; when `q` is set it holds the value instead. */
struct oc_rat {
	int64_t n, d;
	mpq_ptr q;
};

/* Owner of the big values made since the last reset. One thread. */
struct oc_rats {
	mpq_ptr *slot;
	size_t n, cap;
	uint64_t work;
};

void oc_rats_reset(struct oc_rats *pool);
void oc_rats_fini(struct oc_rats *pool);

struct oc_rat oc_rat_int(int64_t n);
/* "0123" and "45" with exp10 = 2 give 123.45e2; both parts are ASCII digits, or empty. */
bool oc_rat_decimal(struct oc_rats *pool, struct oc_str whole, struct oc_str fraction,
                    int64_t exp10, struct oc_rat *out);
/* op: + - * / ; division by zero is false. */
bool oc_rat_op(struct oc_rats *pool, char op, struct oc_rat a, struct oc_rat b, struct oc_rat *out);
bool oc_rat_neg(struct oc_rats *pool, struct oc_rat a, struct oc_rat *out);
/* 0^0 and 0 to a negative power are false. */
bool oc_rat_pow(struct oc_rats *pool, struct oc_rat base, int64_t exp, struct oc_rat *out);
/* The exact k-th root, k >= 2; false when the value has no rational one. */
bool oc_rat_root(struct oc_rats *pool, struct oc_rat a, unsigned k, struct oc_rat *out);
bool oc_rat_floor(struct oc_rats *pool, struct oc_rat a, struct oc_rat *out);
int oc_rat_cmp(struct oc_rats *pool, struct oc_rat a, struct oc_rat b);
int oc_rat_sign(struct oc_rat a);
bool oc_rat_is_int(struct oc_rat a);
bool oc_rat_small(struct oc_rat a, int64_t *n);             /* an integer that fits */
uint64_t oc_rat_mod(struct oc_rat a, uint64_t p, bool *ok); /* numerator / denominator mod p */

/* "408", "1.75", "17/3". */
void oc_rat_print(struct oc_rat a, struct oc_buf *b);

/* Arithmetic modulo a prime below 2^62. */
static inline uint64_t oc_mod_mul(uint64_t a, uint64_t b, uint64_t p)
{
	__extension__ typedef unsigned __int128 wide;
	return (uint64_t)((wide)a * b % p);
}
static inline uint64_t oc_mod_add(uint64_t a, uint64_t b, uint64_t p)
{
	return a + b >= p ? a + b - p : a + b;
}
static inline uint64_t oc_mod_sub(uint64_t a, uint64_t b, uint64_t p)
{
	return a >= b ? a - b : a + p - b;
}
uint64_t oc_mod_pow(uint64_t base, uint64_t exp, uint64_t p);
uint64_t oc_mod_inverse(uint64_t a, uint64_t p); /* a != 0 */
/* A root of x^k = a for k = 2 or 3; false when there is none. p = 1 mod 24. */
bool oc_mod_root(uint64_t a, unsigned k, uint64_t p, uint64_t *root);

#endif
