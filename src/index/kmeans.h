/*
 * kmeans.h: spherical k-means, and the pairs within its buckets whose cosine reaches a threshold.
 *
 * Semantic duplicates as in SemDeDup (Abbas et al., arXiv 2303.09540): only rows of one bucket are
 * compared, which turns n^2 into n^2 / k. A pair that a border of two buckets divides would be
 * missed, so a row is also compared with the rows of the next nearest buckets (`probes`).
 *
 * Every result is a pure function of vectors, options and seed: sums run in row order, ties go to
 * the smaller number, threads only divide rows or buckets.
 */
#ifndef INDEX_KMEANS_H
#define INDEX_KMEANS_H

#include <stdatomic.h>

#include "base/pool.h"
#include "index/vectors.h"

#define OC_PROBES_MAX 16
/* What rounding may take from a cosine: one above threshold - this counts as reaching it, so that
 * equal vectors reach 1. */
#define OC_COSINE_SLACK 1e-6

/*
 * k unit vectors of `centres` (initialised for k rows), by `rounds` of Lloyd's algorithm on at most
 * 64 k evenly spaced rows. Starts from k distinct rows drawn with the seed; a bucket that loses all
 * its rows keeps its centre. k <= n. O(rounds min(n, 64 k) k width). -1: `stop` became non-zero.
 */
int oc_kmeans(struct oc_pool *pool, const struct oc_vecs *s, struct oc_vecs *centres,
              unsigned rounds, uint64_t seed, const atomic_int *stop);
/* near: (n, probes), the buckets of the centres nearest to each row, nearest first; probes <= k. */
int oc_kmeans_near(struct oc_pool *pool, const struct oc_vecs *s, const struct oc_vecs *centres,
                   unsigned probes, uint32_t *near, const atomic_int *stop);

/*
 * Removal by star: rows are visited in order, and one goes when its cosine with a row that stays,
 * in a bucket that it probes, reaches the threshold. witness[row] is the first such row, share[row]
 * the cosine; UINT32_MAX: it stays. Rows with has[row] false stay and are nobody's witness. Work:
 * every row against the kept rows of its buckets, until one is found.
 */
int oc_star(struct oc_pool *pool, const struct oc_vecs *s, const bool *has, const uint32_t *near,
            unsigned probes, uint32_t k, double threshold, uint32_t *witness, float *share,
            const atomic_int *stop);

/* The judge of oc_star: the same without buckets, one thread, O(n^2 width). */
void oc_star_judge(const struct oc_vecs *s, const bool *has, double threshold, uint32_t *witness,
                   float *share);
/* The judge of the buckets: of all pairs that reach the threshold, how many share one. O(n^2). */
void oc_star_recall(const struct oc_vecs *s, const bool *has, const uint32_t *near, unsigned probes,
                    double threshold, uint64_t *pairs, uint64_t *found);

#endif
