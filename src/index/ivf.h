/*
 * ivf.h: vectors of a corpus by bucket, to be searched by vectors that come later.
 *
 * An inverted file (Sivic and Zisserman, "Video Google", ICCV 2003; Jegou et al., PAMI 2011): each
 * vector lies in the bucket of its nearest centre; a query is compared, exactly, with all vectors
 * of the `probes` buckets whose centres are nearest to it. So a hit is never wrong, and a miss is
 * one whose vector lies in a bucket that was not searched: more probes find more, all buckets find
 * everything.
 *
 * On disk (index/disk.h), the sections
 *
 *   shape    u32 dim, u32 buckets
 *   centres  (buckets, width) float, of length 1
 *   start    (buckets + 1) u64: bucket b holds the vectors start[b] .. start[b + 1] - 1
 *   vectors  (n, width) float, of length 1, by bucket, then in the order they were given
 *
 * Vectors are mapped: their pages are the kernel's. The same hits at any number of threads and with
 * every kernel of vectors.h.
 */
#ifndef INDEX_IVF_H
#define INDEX_IVF_H

#include "index/disk.h"
#include "index/kmeans.h"

struct oc_ivf {
	struct oc_vecs centres, vecs;
	const uint64_t *start; /* (centres.n + 1) */
};

#define OC_IVF_NONE UINT32_MAX

/*
 * Writes the rows of s that have a vector, in the buckets of these centres, and into order[] (room
 * for s->n) which row of s each vector is. n: how many. -1 on error.
 */
int oc_ivf_save(struct oc_pool *pool, const struct oc_vecs *s, const bool *has,
                const struct oc_vecs *centres, struct oc_index_writer *w, uint32_t *order,
                uint32_t *n, const atomic_int *stop, struct oc_err *err);
/* Maps what was written; valid until the index is closed. */
int oc_ivf_open(struct oc_ivf *x, struct oc_index *ix, struct oc_err *err);

/*
 * hit[i] = the vector of x with the largest cosine with row i of q, of those that reach the
 * threshold in the buckets that were searched; the first of equals; OC_IVF_NONE: there is none, or
 * has[i] is false. cosine[i] is theirs. Both have one dimension. O(n / buckets * probes * width) a
 * row. -1: `stop` became non-zero.
 */
int oc_ivf_search(struct oc_pool *pool, const struct oc_ivf *x, const struct oc_vecs *q,
                  const bool *has, unsigned probes, double threshold, uint32_t *hit, float *cosine,
                  const atomic_int *stop);
/* The judge of oc_ivf_search: every vector for every row, one thread. */
void oc_ivf_judge(const struct oc_ivf *x, const struct oc_vecs *q, const bool *has,
                  double threshold, uint32_t *hit, float *cosine);

#endif
