/*
 * math.h: the calculator. Decides whether an answer is right, in exact arithmetic.
 *
 * No floating point and no signal takes part in a decision, and nothing is evaluated before its
 * size was checked: a tower of powers costs as much as reading it. Every comparison has three
 * results. EQUAL and DIFFERENT are claims; what cannot be proven is UNDECIDED, with a reason.
 *
 * How a decision falls: both texts are read into expression trees; trees of rational numbers are
 * evaluated to fractions (64-bit, GMP beyond) and compared exactly. Trees with letters, roots, pi,
 * e or i are compared by evaluation at random points modulo two primes of 61 bits (Schwartz 1980,
 * Zippel 1979): a non-zero difference proves DIFFERENT, zeros throughout mean EQUAL up to a chance
 * below 2^-80 (`probable`). What that leaves open is UNDECIDED. doc/compat-math.md lists every
 * choice about units, percent, commas, intervals and sets, with its test.
 *
 * Limits: an expression has at most 4,096 bytes, 1,024 tokens and a depth of 64, a number 1,000
 * digits, a power 32,768 bits. Beyond them: UNDECIDED. A comparison takes below 50 ms at worst and
 * some 2 us for usual answers.
 */
#ifndef VERIFY_MATH_H
#define VERIFY_MATH_H

#include "base/str.h"

/* Working memory of one thread. Results below point into the texts given or into this. */
struct oc_math;
struct oc_math *oc_math_new(void);
void oc_math_free(struct oc_math *m);

enum oc_math_result { OC_MATH_EQUAL, OC_MATH_DIFFERENT, OC_MATH_UNDECIDED };
const char *oc_math_result_name(enum oc_math_result r); /* "equal", "different", "undecided" */

struct oc_math_opts {
	size_t size;
	bool last_number;    /* without a final-answer marker, take the last number */
	bool last_digit;     /* a decimal gold allows half a unit of its last digit */
	bool percent_strict; /* 5% is 1/20 only; otherwise also 5 with its sign left out */
};

struct oc_math_verdict {
	enum oc_math_result result;
	const char *reason;         /* a constant phrase: "equal numbers", "units differ" */
	bool probable;              /* EQUAL rests on evaluation modulo primes */
	bool found;                 /* an answer was found in the text */
	struct oc_str answer, gold; /* what was compared: parts of the texts given */
	size_t at;                  /* byte of the answer in its text */
};

/*
 * Compares two final answers ("$1,234", "\frac{1}{2}", "x = 5"), asymmetric only where `opts`
 * speaks of the gold. `opts` may be NULL. `why` may be NULL.
 */
enum oc_math_result oc_math_compare(struct oc_math *m, struct oc_str answer, struct oc_str gold,
                                    const struct oc_math_opts *opts, struct oc_math_verdict *why);

/* The same for whole solutions: takes the final answer out of each text, then compares. */
enum oc_math_result oc_math_check(struct oc_math *m, struct oc_str solution, struct oc_str gold,
                                  const struct oc_math_opts *opts, struct oc_math_verdict *v);

/*
 * The final answer of a solution: what follows the last marker ("#### 5", "\boxed{5}", "the answer
 * is 5", "Answer: 5"); a text of one line that reads as mathematics is its own answer; with
 * last_number the last number of the text stands in. False: none. O(n).
 */
bool oc_math_extract(struct oc_math *m, struct oc_str text, bool last_number,
                     struct oc_str *answer);

/*
 * Value of an arithmetic expression ("34 * 12", "\frac{3}{4} + 1"), appended to `value` as "408",
 * "1.75" or, when the decimal does not end, "17/3". False: no rational value, `reason` (may be
 * NULL) says why.
 */
bool oc_math_eval(struct oc_math *m, struct oc_str text, struct oc_buf *value, const char **reason);

/*
 * The one calculation that prose asks for ("What is 34 * 12?", "the sum of 3 and 4", "7 times 8"),
 * appended to `expr` in plain notation. False: none, or more than one.
 */
bool oc_math_find(struct oc_math *m, struct oc_str prose, struct oc_buf *expr);

enum oc_math_step_result {
	OC_MATH_STEP_RIGHT,
	OC_MATH_STEP_ROUNDED, /* right within half a unit of the last digit written: 10/3 = 3.33 */
	OC_MATH_STEP_WRONG,
	OC_MATH_STEP_UNDECIDED /* units change, or a limit was passed */
};

/* One "left = right" of numbers inside a text; a = b = c is two. */
struct oc_math_step {
	struct oc_str text; /* "12 * 7 = 84", as written */
	size_t at;          /* its first byte */
	bool annotation;    /* stood in << >> */
	enum oc_math_step_result result;
	struct oc_str value; /* the true value of the left side; empty when RIGHT or UNDECIDED */
};

/* All of them in order. The array belongs to `m` until its next use. O(n) for prose. */
size_t oc_math_steps(struct oc_math *m, struct oc_str text, const struct oc_math_step **steps);

/* How hard a calculation is: for `stratify: digits` and the report's share of trivial problems. */
struct oc_math_operands {
	uint32_t digits;     /* significant digits of the largest operand */
	uint32_t operations; /* + - * / ^ */
	bool trivial;        /* multiplies or divides by 0, 1 or a power of ten, or adds 0 */
	char ops[8];         /* the distinct ones in the order "+-*" "/^", NUL-ended */
};

/* Of an expression, or of the one found in prose by oc_math_find. False: none. */
bool oc_math_operands(struct oc_math *m, struct oc_str text, struct oc_math_operands *out);

#endif
