/*
 * bench_semantic: 20,000 vectors of 256 dimensions around 400 directions, one in three near
 * another, through k-means and the buckets, against the same removal without buckets (every row
 * against every row that stays, the same kernel and threads), and that in plain C on a fifth of
 * them. The first argument is another number of vectors.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/rng.h"
#include "index/kmeans.h"

enum { DIM = 256, CENTRES = 400, PROBES = 2, THREADS = 2 };
#define THRESHOLD 0.95

static void fill(struct oc_vecs *s)
{
	struct oc_rng rng;
	struct oc_draws d, e;

	oc_rng_init(&rng, 1, "bench/semantic");
	for (uint64_t i = 0; i < s->n; i++) {
		float *v = oc_vec(s, i);
		oc_draws_init(&e, &rng, i);
		bool near = i > 10 && i % 3 == 2;
		uint64_t from = near ? oc_draw_below(&e, i) : oc_draw_below(&e, CENTRES);
		double noise = near ? 0.4 * oc_draw_unit(&e) / sqrt(DIM) : 0.8;
		oc_draws_init(&d, &rng, ((uint64_t)1 << 40) + from);
		for (uint32_t k = 0; k < DIM; k++)
			v[k] = (float)(noise * oc_draw_normal(&e)) +
			       (near ? oc_vec(s, from)[k] : (float)oc_draw_normal(&d));
		oc_vec_normalise(v, s->width);
	}
}

static double star(const struct oc_vecs *s, const bool *has, uint32_t k, uint32_t *near,
                   uint64_t *gone, double part[3])
{
	struct oc_pool *pool = oc_pool_new(THREADS);
	uint32_t *witness = oc_alloc(s->n * sizeof *witness);
	float *share = oc_alloc(s->n * sizeof *share);
	unsigned probes = k > 1 ? PROBES : 1;
	struct oc_vecs centres;
	double begin = oc_now();

	if (!oc_vecs_init(&centres, k, DIM))
		abort();
	centres.kernel = s->kernel;
	oc_kmeans(pool, s, &centres, k > 1 ? 10 : 0, 1, NULL);
	part[0] = oc_now() - begin;
	oc_kmeans_near(pool, s, &centres, probes, near, NULL);
	part[1] = oc_now() - begin - part[0];
	oc_star(pool, s, has, near, probes, k, THRESHOLD, witness, share, NULL);
	double seconds = oc_now() - begin;
	part[2] = seconds - part[0] - part[1];
	*gone = 0;
	for (uint64_t i = 0; i < s->n; i++)
		*gone += witness[i] != UINT32_MAX;
	oc_vecs_fini(&centres);
	free(witness);
	free(share);
	oc_pool_free(pool);
	return seconds;
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000, gone[3], pairs, found;
	uint32_t k = (uint32_t)sqrt((double)n);
	uint32_t *near = oc_alloc(n * PROBES * sizeof *near);
	bool *has = oc_alloc(n);
	struct oc_vecs s;

	memset(has, 1, n);
	if (!n || !oc_vecs_init(&s, n, DIM))
		return 1;
	fill(&s);
	double all = 1e9, buckets = 1e9, step[3], best[3] = {0};
	for (int pass = 0; pass < 3; pass++) {
		double t = star(&s, has, k, near, &gone[0], step);
		if (t < buckets)
			memcpy(best, step, sizeof best);
		buckets = t < buckets ? t : buckets;
	}
	struct oc_vecs part = s;
	part.n = n < 3000 ? n : 3000;
	oc_star_recall(&part, has, near, PROBES, THRESHOLD, &pairs, &found);
	for (int pass = 0; pass < 2; pass++) {
		double t = star(&s, has, 1, near, &gone[1], step);
		all = t < all ? t : all;
	}
	part.n = n / 5;
	double fast = star(&part, has, 1, near, &gone[2], step);
	oc_vecs_use(&part, OC_VEC_PLAIN);
	double plain = star(&part, has, 1, near, &gone[2], step);
	printf("semantic: %llu vectors of %d, %d threads: %.2f s in %u buckets (%.0f vectors/s), "
	       "%llu removed; without buckets %.2f s, %llu removed: %.1fx\n",
	       (unsigned long long)n, DIM, THREADS, buckets, k, (double)n / buckets,
	       (unsigned long long)gone[0], all, (unsigned long long)gone[1], all / buckets);
	printf("semantic: learning the centres %.0f %%, finding the nearest %.0f %%, comparing "
	       "%.0f "
	       "%%; dot products in learning: %.1f GFLOP/s\n",
	       100 * best[0] / buckets, 100 * best[1] / buckets, 100 * best[2] / buckets,
	       (n < 64 * (uint64_t)k ? (double)n : 64.0 * k) * k * DIM * 2 * 10 / best[0] / 1e9);
	printf("semantic: of %llu pairs above %.2f among the first 3,000, %llu share a bucket; the "
	       "kernel is %.1fx plain C\n",
	       (unsigned long long)pairs, THRESHOLD, (unsigned long long)found, plain / fast);
	oc_vecs_fini(&s);
	free(near);
	free(has);
	return 0;
}
