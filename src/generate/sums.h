/*
 * sums.h: how hard calculations are, and whether the ones that survived are easier than the rest.
 * Looks only at what is written; whether an answer is right is the calculator's to say.
 */
#ifndef GENERATE_SUMS_H
#define GENERATE_SUMS_H

#include "base/str.h"

/* Of a flat expression: numbers with + - * / between them ("x", U+00D7, U+00F7 and ":" too). */
struct oc_sum {
	uint32_t digits;  /* of the longest operand, without leading zeros; 0 counts one */
	uint32_t numbers; /* operands */
	char ops[5];      /* the distinct operators, in the order "+-*" "/" */
	bool trivial;     /* multiplies or divides by 0, 1 or a power of ten, or adds 0 */
};
/* False: it is no such expression. O(n). */
bool oc_sum_look(struct oc_str expression, struct oc_sum *out);
/* Appends it with "*" and "/" for the other signs and single spaces: "47 x 86" -> "47 * 86". */
void oc_sum_plain(struct oc_buf *out, struct oc_str expression);

/* Counts of one kind of rows. */
#define OC_SUM_SIZES 16 /* operands of 1..15 digits and longer */
struct oc_sum_count {
	uint64_t n, trivial, size[OC_SUM_SIZES]; /* size[d - 1]: longest operand has d digits */
};

struct oc_sums;
struct oc_sums *oc_sums_new(void);
void oc_sums_free(struct oc_sums *s);

enum oc_sum_kind {
	OC_SUM_HUMAN,     /* rows people wrote, where they are sums */
	OC_SUM_GENERATED, /* readable rows the model wrote */
	OC_SUM_RIGHT,     /* of these, whose answer the calculator confirmed */
	OC_SUM_KEPT,      /* of these, that no other stage refused */
	OC_SUM_KINDS
};
void oc_sums_add(struct oc_sums *s, enum oc_sum_kind kind, struct oc_str expression);

/*
 * Appends a JSON object: per kind n, trivial, distinct and operand sizes; of the largest of the
 * `asked` sizes (bit d - 1), the share of calculations that have it or a larger one: as was asked
 * for (each size in turn), among generated, kept and not kept ones with 95 % Wilson intervals, and
 * the difference between the last two with Newcombe's interval (Statistics in Medicine 17, 1998,
 * method 10). `sentence` is there when the survivors are easier: than what was asked, when the
 * interval of the kept lies below the share asked for; else than what was generated, when that of
 * the difference lies below zero.
 */
void oc_sums_write(const struct oc_sums *s, uint32_t asked, struct oc_buf *out);

#endif
