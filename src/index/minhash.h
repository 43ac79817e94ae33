/*
 * minhash.h: shingles of a text, their MinHash signature, bands, and the true Jaccard index.
 *
 * J(A, B) = |A and B| / |A or B| over the sets of hashed word n-grams. A signature holds, for each
 * of bands x rows random permutations, the smallest permuted value; two texts agree in one place
 * with probability J (Broder, "On the resemblance and containment of documents", 1997). Texts that
 * agree in all rows of at least one band become candidates: P(J) = 1 - (1 - J^rows)^bands
 * (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4). Candidates must then be
 * verified by oc_jaccard: bands decide what is missed, never what is removed.
 *
 * Permutations are h(x) = ((a x + b) mod 2^64) >> 32 with a, b of 64 bits and x the leading 32 bits
 * of a shingle: strongly universal (Dietzfelbinger, "Universal hashing and k-wise independent
 * random variables via integer arithmetic without primes", 1996), and the same bits with and
 * without AVX2.
 */
#ifndef INDEX_MINHASH_H
#define INDEX_MINHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oc_minhash;

/* bands x rows permutations, at most 4096. */
struct oc_minhash *oc_minhash_new(uint32_t bands, uint32_t rows);
void oc_minhash_free(struct oc_minhash *mh);
/* Computes without AVX2 from now on (same bits): for tests and comparisons. */
void oc_minhash_plain(struct oc_minhash *mh);

/*
 * Distinct shingles of n words, ascending. A text of fewer than `ngram` words is one shingle, so
 * short copies are found too; no words, no shingle. `out` and `room` hold n values each (at least
 * one). Returns how many. O(n) on average.
 */
uint32_t oc_shingles(const uint64_t *word_hash, uint32_t n, uint32_t ngram, uint64_t *out,
                     uint64_t *room);

/* signature: (bands * rows); all ones without shingles. O(n * bands * rows). */
void oc_minhash_sign(const struct oc_minhash *mh, const uint64_t *shingles, uint32_t n,
                     uint32_t *signature);
/* band: (bands) one hash per band; equal bands of two texts have equal hashes. */
void oc_minhash_bands(const struct oc_minhash *mh, const uint32_t *signature, uint64_t *band);

/*
 * The Jaccard index of two ascending lists of distinct shingles when it is at least `threshold`,
 * else -1 (it stops as soon as it cannot be reached). Two empty lists: -1. O(na + nb).
 */
double oc_jaccard(const uint64_t *a, uint32_t na, const uint64_t *b, uint32_t nb, double threshold);

/* P(J) of the comment above. */
double oc_minhash_chance(double jaccard, uint32_t bands, uint32_t rows);

#endif
