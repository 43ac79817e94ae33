/*
 * tfidf.h: a text as a short vector without any model: the cosine of two such vectors is near that
 * of the texts' weighted words.
 *
 * A word falls into one of 2^20 buckets by its hash and weighs (1 + ln tf) * (ln((1 + n) / (1 +
 * df))
 * + 1) (Salton and Buckley 1988, smoothed); a random +1 or -1 for each bucket and dimension
 * projects that down (Achlioptas, J. Comput. Syst. Sci. 66, 2003). The projection's error has a
 * standard deviation of about (1 - c^2) / sqrt(dim) at cosine c: 0.006 at 0.95 with 256 dimensions.
 */
#ifndef INDEX_TFIDF_H
#define INDEX_TFIDF_H

#include "base/rng.h"
#include "index/vectors.h"

#define OC_TFIDF_BITS 20
#define OC_TFIDF_N    ((uint32_t)1 << OC_TFIDF_BITS)

struct oc_term {
	uint32_t bucket, n; /* how often */
};

/* The distinct buckets of n word hashes, ascending, into out (room for n). Returns how many. */
uint32_t oc_tfidf_terms(const uint64_t *hash, uint32_t n, struct oc_term *out);
/* weight (OC_TFIDF_N) from df (OC_TFIDF_N), for n texts. */
void oc_tfidf_weights(const uint32_t *df, uint64_t n, float *weight);
/* Adds the terms to v (s->width) of s; the same bits with every kernel. */
void oc_tfidf_project(const struct oc_vecs *s, const struct oc_term *terms, uint32_t n,
                      const float *weight, const struct oc_rng *rng, float *v);

#endif
