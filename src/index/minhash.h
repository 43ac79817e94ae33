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
 * random variables via integer arithmetic without primes", 1996), and the same bits with every
 * kernel.
 *
 * oc_minhash_datatrove makes datatrove's permutations instead (its MinhashConfig with seed 1 and
 * 64 bits): h(x) = ((a x + b) mod 2^64) mod (2^61 - 1) over the XXH64 of shingles.
 */
#ifndef INDEX_MINHASH_H
#define INDEX_MINHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct oc_minhash;

/* bands x rows permutations, at most 4096. */
struct oc_minhash *oc_minhash_new(uint32_t bands, uint32_t rows);
void oc_minhash_free(struct oc_minhash *mh);
struct oc_minhash *oc_minhash_datatrove(uint32_t bands, uint32_t rows);

enum oc_minhash_kernel { OC_MINHASH_PLAIN, OC_MINHASH_AVX2, OC_MINHASH_AVX512 };
/* Computes with this kernel from now on (same bits): for tests and comparisons. False, and no
 * change, when the processor lacks it. The fastest is chosen when nothing is said. */
bool oc_minhash_use(struct oc_minhash *mh, enum oc_minhash_kernel kernel);

/*
 * Distinct shingles of n words, ascending. A text of fewer than `ngram` words is one shingle, so
 * short copies are found too; no words, no shingle. `out` and `room` hold n values each (at least
 * one). Returns how many. O(n) on average.
 */
uint32_t oc_shingles(const uint64_t *word_hash, uint32_t n, uint32_t ngram, uint64_t *out,
                     uint64_t *room);

/*
 * Distinct XXH64 of n words with a space between them, ascending; fewer words than `ngram`: none.
 * `joined` is scratch; `out` and `room` as above.
 */
uint32_t oc_shingles_joined(const struct oc_str *word, uint32_t n, uint32_t ngram,
                            struct oc_buf *joined, uint64_t *out, uint64_t *room);

/* signature: (bands * rows); all ones without shingles. O(n * bands * rows). */
void oc_minhash_sign(const struct oc_minhash *mh, const uint64_t *shingles, uint32_t n,
                     uint32_t *signature);
/* band: (bands) one hash per band; equal bands of two texts have equal hashes. */
void oc_minhash_bands(const struct oc_minhash *mh, const uint32_t *signature, uint64_t *band);
/* The same of permutations made by oc_minhash_datatrove. */
void oc_minhash_sign64(const struct oc_minhash *mh, const uint64_t *shingles, uint32_t n,
                       uint64_t *signature);
void oc_minhash_bands64(const struct oc_minhash *mh, const uint64_t *signature, uint64_t *band);

/*
 * The Jaccard index of two ascending lists of distinct shingles when it is at least `threshold`,
 * else -1 (it stops as soon as it cannot be reached). Two empty lists: -1. O(na + nb).
 */
double oc_jaccard(const uint64_t *a, uint32_t na, const uint64_t *b, uint32_t nb, double threshold);

/* The same for containment: |A and B| / min(|A|, |B|). */
double oc_contained(const uint64_t *a, uint32_t na, const uint64_t *b, uint32_t nb,
                    double threshold);

/* P(J) of the comment above. */
double oc_minhash_chance(double jaccard, uint32_t bands, uint32_t rows);

#endif
