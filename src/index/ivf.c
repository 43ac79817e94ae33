#include "index/ivf.h"

#include <stdlib.h>

#include "base/err.h"

#define CHUNK 64  /* rows of one piece of work */
#define TILE  128 /* dot products made at once */

/* ------------------------------------------------------------------- writing */

/* Places of the rows that have a vector by bucket, in order within one; `start` (k + 1). */
static void by_bucket(const uint32_t *near, const bool *has, uint64_t row_n, uint64_t k,
                      uint64_t *start, uint32_t *order)
{
	uint64_t *at = oc_zalloc(k + 1, sizeof *at);

	memset(start, 0, (k + 1) * sizeof *start);
	for (uint64_t i = 0; i < row_n; i++)
		start[near[i] + 1] += has[i];
	for (uint64_t b = 0; b < k; b++)
		start[b + 1] += start[b];
	memcpy(at, start, k * sizeof *at);
	for (uint64_t i = 0; i < row_n; i++)
		if (has[i])
			order[at[near[i]]++] = (uint32_t)i;
	free(at);
}

int oc_ivf_save(struct oc_pool *pool, const struct oc_vecs *s, const bool *has,
                const struct oc_vecs *centres, struct oc_index_writer *w, uint32_t *order,
                uint32_t *n, const atomic_int *stop, struct oc_err *err)
{
	uint64_t k = centres->n;
	uint32_t shape[2] = {s->dim, (uint32_t)k};
	uint32_t *near = oc_alloc((s->n + 1) * sizeof *near);
	uint64_t *start = oc_zalloc(k + 1, sizeof *start);
	size_t row = s->width * sizeof(float);
	int rc = -1;

	if (s->n && oc_kmeans_near(pool, s, centres, 1, near, stop)) {
		oc_fail(err, OC_CANCELLED, NULL, "interrupted");
		goto out;
	}
	by_bucket(near, has, s->n, k, start, order);
	*n = (uint32_t)start[k];
	if (oc_index_begin(w, "shape", err) || oc_index_write(w, shape, sizeof shape, err) ||
	    oc_index_begin(w, "centres", err) || oc_index_write(w, centres->v, k * row, err) ||
	    oc_index_begin(w, "start", err) ||
	    oc_index_write(w, start, (k + 1) * sizeof *start, err) ||
	    oc_index_begin(w, "vectors", err))
		goto out;
	for (uint32_t i = 0; i < *n; i++)
		if (oc_index_write(w, oc_vec(s, order[i]), row, err))
			goto out;
	rc = 0;
out:
	free(near);
	free(start);
	return rc;
}

/* ------------------------------------------------------------------- reading */

static int torn(const struct oc_index *ix, struct oc_err *err)
{
	return oc_fail(err, OC_INPUT, oc_index_path(ix), "does not fit together: build it again");
}

int oc_ivf_open(struct oc_ivf *x, struct oc_index *ix, struct oc_err *err)
{
	struct oc_str shape, centres, start, vectors;
	uint32_t dim, k;

	if (oc_index_section(ix, "shape", 8, &shape, err) ||
	    oc_index_section(ix, "centres", sizeof(float), &centres, err) ||
	    oc_index_section(ix, "start", 8, &start, err) ||
	    oc_index_section(ix, "vectors", sizeof(float), &vectors, err))
		return -1;
	if (shape.len != 8)
		return torn(ix, err);
	memcpy(&dim, shape.p, 4);
	memcpy(&k, shape.p + 4, 4);
	if (!dim || dim > OC_VEC_DIM || start.len != ((uint64_t)k + 1) * 8)
		return torn(ix, err);
	x->start = (const void *)start.p;
	oc_vecs_view(&x->centres, centres.p, k, dim);
	oc_vecs_view(&x->vecs, vectors.p, x->start[k], dim);
	for (uint32_t b = 0; b < k; b++)
		if (x->start[b] > x->start[b + 1])
			return torn(ix, err);
	if (x->start[0] || x->vecs.n >= OC_IVF_NONE || centres.len != oc_vecs_bytes(k, dim) ||
	    vectors.len != oc_vecs_bytes(x->vecs.n, dim))
		return torn(ix, err);
	return 0;
}

/* ----------------------------------------------------------------- searching */

struct search {
	const struct oc_ivf *x;
	const struct oc_vecs *q;
	const bool *has;
	const uint32_t *near; /* (q->n, probes) */
	unsigned probes;
	double threshold;
	uint32_t *hit;
	float *cosine;
	const atomic_int *stop;
};

/* The best of vectors from .. to-1, if it is better than what is there. */
static void best_of(const struct oc_ivf *x, const float *a, uint64_t from, uint64_t to,
                    double threshold, uint32_t *hit, float *cosine)
{
	float dots[TILE];

	for (; from < to; from += TILE) {
		uint32_t n = to - from < TILE ? (uint32_t)(to - from) : TILE;
		oc_vec_dots(&x->vecs, a, NULL, from, n, dots);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t at = (uint32_t)(from + i);
			bool better = *hit == OC_IVF_NONE || dots[i] > *cosine ||
			              (dots[i] >= *cosine && at < *hit);
			if (!better || (double)dots[i] < threshold - OC_COSINE_SLACK)
				continue;
			*hit = at;
			*cosine = dots[i];
		}
	}
}

static void search_chunk(void *user, uint64_t item, unsigned worker)
{
	const struct search *w = user;
	uint64_t end = (item + 1) * CHUNK < w->q->n ? (item + 1) * CHUNK : w->q->n;

	(void)worker;
	for (uint64_t i = item * CHUNK; i < end; i++) {
		w->hit[i] = OC_IVF_NONE;
		w->cosine[i] = 0;
		if (!w->has[i] || (w->stop && atomic_load_explicit(w->stop, memory_order_relaxed)))
			continue;
		for (unsigned p = 0; p < w->probes; p++) {
			uint32_t b = w->near[i * w->probes + p];
			best_of(w->x, oc_vec(w->q, i), w->x->start[b], w->x->start[b + 1],
			        w->threshold, &w->hit[i], &w->cosine[i]);
		}
	}
}

int oc_ivf_search(struct oc_pool *pool, const struct oc_ivf *x, const struct oc_vecs *q,
                  const bool *has, unsigned probes, double threshold, uint32_t *hit, float *cosine,
                  const atomic_int *stop)
{
	struct search w = {.x = x,
	                   .q = q,
	                   .has = has,
	                   .probes = probes < x->centres.n ? probes : (unsigned)x->centres.n,
	                   .threshold = threshold,
	                   .hit = hit,
	                   .cosine = cosine,
	                   .stop = stop};
	uint32_t *near = oc_alloc((q->n * w.probes + 1) * sizeof *near);
	int rc = w.probes ? oc_kmeans_near(pool, q, &x->centres, w.probes, near, stop) : 0;

	w.near = near;
	if (!rc)
		oc_pool_for(pool, (q->n + CHUNK - 1) / CHUNK, search_chunk, &w);
	free(near);
	return rc || (stop && atomic_load(stop)) ? -1 : 0;
}

void oc_ivf_judge(const struct oc_ivf *x, const struct oc_vecs *q, const bool *has,
                  double threshold, uint32_t *hit, float *cosine)
{
	for (uint64_t i = 0; i < q->n; i++) {
		hit[i] = OC_IVF_NONE;
		cosine[i] = 0;
		for (uint64_t at = 0; has[i] && at < x->vecs.n; at++) {
			float dot;
			oc_vec_dots(&x->vecs, oc_vec(q, i), NULL, at, 1, &dot);
			if ((double)dot < threshold - OC_COSINE_SLACK ||
			    (hit[i] != OC_IVF_NONE && dot <= cosine[i]))
				continue;
			hit[i] = (uint32_t)at;
			cosine[i] = dot;
		}
	}
}
