/*
 * linear.h: a linear classifier of texts: logistic regression over hashed n-grams (Weinberger et
 * al. 2009; the features of fastText's classifier, Joulin et al. 2016, with one weight in place of
 * a vector each), trained by AdaGrad (Duchi et al. 2011).
 *
 * A feature is a run of 1..words tokens, or of chars_min..chars_max bytes, hashed to `bits` bits. A
 * token is a run of letters and digits, a CJK sign, a mark, or a break of lines. Each feature
 * counts once a text, as 1 / sqrt(number of its features), so that neither length nor repetition
 * decides. Training is one thread's and float arithmetic in a fixed order: same input, same bits.
 */
#ifndef INDEX_LINEAR_H
#define INDEX_LINEAR_H

#include "base/str.h"

struct oc_linear_shape {
	uint32_t words;                /* longest run of tokens, 0..5 */
	uint32_t chars_min, chars_max; /* bytes, 1..8; 0 = none */
	uint32_t bits;                 /* 10..26: 4 bytes of memory a weight */
	bool lower;                    /* ASCII letters in small */
};

struct oc_linear {
	struct oc_linear_shape shape;
	float *weight; /* (2^bits) */
	double bias;
	double slope, offset;          /* probability = 1 / (1 + exp(-(slope * score + offset))) */
	uint64_t good_n, bad_n;        /* texts learned from */
	double auc, auc_low, auc_high; /* on texts that were held out */
	uint64_t held_n;
};

/*
 * The features of a text, in the arena, in order of first appearance: each once with `seen` (2^bits
 * zero bits, zero again afterwards), as often as they come with NULL. O(bytes); memory 4 bytes a
 * feature.
 */
void oc_linear_features(const struct oc_linear_shape *s, struct oc_str text, struct oc_arena *a,
                        uint64_t *seen, uint32_t **id, size_t *n);
/* Leaves each feature once. Returns how many. */
size_t oc_linear_distinct(uint32_t *id, size_t n, uint64_t *seen);
size_t oc_linear_seen_bytes(const struct oc_linear_shape *s);

double oc_linear_score(const struct oc_linear *m, const uint32_t *id, size_t n);
double oc_linear_probability(const struct oc_linear *m, double score);

/* Texts to learn from: features of text i are id[start[i]..start[i + 1]). */
struct oc_linear_texts {
	uint32_t *id;
	uint64_t *start; /* (n + 1) */
	uint8_t *good;   /* (n) */
	uint64_t n;
};

struct oc_linear_train {
	uint32_t epochs;
	double rate;  /* AdaGrad's step */
	double decay; /* L2 penalty a step, on the weights a text uses */
	uint64_t seed;
};

/* Fills weight and bias of a model whose shape is set. O(epochs * features). */
void oc_linear_fit(struct oc_linear *m, const struct oc_linear_texts *t,
                   const struct oc_linear_train *how);
/* Platt's scaling (1999, with his smoothed targets) of scores by Newton's method: sets slope and
 * offset. */
void oc_linear_calibrate(struct oc_linear *m, const double *score, const uint8_t *good, uint64_t n);

int oc_linear_write(const struct oc_linear *m, const char *path, struct oc_err *err);
struct oc_linear *oc_linear_read(const char *path, struct oc_err *err);
void oc_linear_free(struct oc_linear *m);

#endif
