#include "index/kmeans.h"

#include <stdlib.h>

#include "base/rng.h"

#define SAMPLE_EACH 64   /* rows a centre is learned from, on average */
#define CHUNK       256  /* rows of one piece of work */
#define TILE        128  /* dot products made at once */
#define BLOCK       1024 /* rows that look at the kept rows before they look at each other */

static bool stopped(const atomic_int *stop)
{
	return stop && atomic_load_explicit(stop, memory_order_relaxed) != 0;
}

/* ------------------------------------------------------------------- nearest */

struct near_work {
	const struct oc_vecs *s, *centres;
	const uint32_t *rows; /* NULL: all */
	uint64_t n;
	unsigned probes;
	uint32_t *near;
	const atomic_int *stop;
};

static void nearest_of(const struct near_work *w, const float *a, uint32_t *near)
{
	float best[OC_PROBES_MAX], dots[TILE];
	unsigned have = 0;

	for (uint64_t from = 0; from < w->centres->n; from += TILE) {
		uint32_t n = w->centres->n - from < TILE ? (uint32_t)(w->centres->n - from) : TILE;
		oc_vec_dots(w->centres, a, NULL, from, n, dots);
		for (uint32_t i = 0; i < n; i++) {
			unsigned at = have;
			if (have == w->probes && !(dots[i] > best[have - 1]))
				continue;
			if (have < w->probes)
				have++;
			else
				at--;
			for (; at && dots[i] > best[at - 1]; at--) {
				best[at] = best[at - 1];
				near[at] = near[at - 1];
			}
			best[at] = dots[i];
			near[at] = (uint32_t)(from + i);
		}
	}
}

static void near_chunk(void *user, uint64_t item, unsigned worker)
{
	const struct near_work *w = user;
	uint64_t end = (item + 1) * CHUNK < w->n ? (item + 1) * CHUNK : w->n;

	(void)worker;
	for (uint64_t i = item * CHUNK; i < end && !stopped(w->stop); i++)
		nearest_of(w, oc_vec(w->s, w->rows ? w->rows[i] : i), w->near + i * w->probes);
}

static int near_all(struct oc_pool *pool, struct near_work *w)
{
	oc_pool_for(pool, (w->n + CHUNK - 1) / CHUNK, near_chunk, w);
	return stopped(w->stop) ? -1 : 0;
}

int oc_kmeans_near(struct oc_pool *pool, const struct oc_vecs *s, const struct oc_vecs *centres,
                   unsigned probes, uint32_t *near, const atomic_int *stop)
{
	struct near_work w = {s, centres, NULL, s->n, probes, near, stop};

	return near_all(pool, &w);
}

/* --------------------------------------------------------------------- Lloyd */

struct mean_work {
	const struct oc_vecs *s;
	struct oc_vecs *centres;
	const uint32_t *rows;  /* (n) of the sample */
	const uint32_t *order; /* (n) places in the sample, by bucket, then in order */
	const uint32_t *start; /* (k + 1) */
};

static void mean_of(void *user, uint64_t bucket, unsigned worker)
{
	const struct mean_work *w = user;
	float *c = oc_vec(w->centres, bucket);
	uint32_t width = w->s->width;

	(void)worker;
	if (w->start[bucket] == w->start[bucket + 1])
		return;
	memset(c, 0, width * sizeof *c);
	for (uint32_t i = w->start[bucket]; i < w->start[bucket + 1]; i++) {
		const float *v = oc_vec(w->s, w->rows[w->order[i]]);
		for (uint32_t k = 0; k < width; k++)
			c[k] += v[k];
	}
	/* Opposite rows may cancel out; then any of them is as good a centre. */
	if (!oc_vec_normalise(c, width))
		memcpy(c, oc_vec(w->s, w->rows[w->order[w->start[bucket]]]), width * sizeof *c);
}

/* k distinct places of the sample, by the first k steps of a shuffle; `room` (n). */
static void draw_places(uint64_t seed, uint32_t n, uint32_t k, uint32_t *room)
{
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, seed, "kmeans");
	oc_draws_init(&d, &rng, 0);
	for (uint32_t i = 0; i < n; i++)
		room[i] = i;
	for (uint32_t i = 0; i < k; i++) {
		uint32_t at = i + (uint32_t)oc_draw_below(&d, n - i), was = room[i];
		room[i] = room[at];
		room[at] = was;
	}
}

/* Places of the sample by bucket (a counting sort, so in order within one). */
static void by_bucket(const uint32_t *near, uint32_t n, uint32_t k, uint32_t *start,
                      uint32_t *order)
{
	memset(start, 0, ((size_t)k + 1) * sizeof *start);
	for (uint32_t i = 0; i < n; i++)
		start[near[i] + 1]++;
	for (uint32_t c = 0; c < k; c++)
		start[c + 1] += start[c];
	for (uint32_t i = 0; i < n; i++)
		order[start[near[i]]++] = i;
	memmove(start + 1, start, k * sizeof *start); /* each has moved on to the next one's */
	start[0] = 0;
}

int oc_kmeans(struct oc_pool *pool, const struct oc_vecs *s, struct oc_vecs *centres,
              unsigned rounds, uint64_t seed, const atomic_int *stop)
{
	uint32_t k = (uint32_t)centres->n;
	uint64_t most = (uint64_t)k * SAMPLE_EACH;
	uint32_t n = (uint32_t)(s->n < most ? s->n : most);
	uint32_t *rows = oc_alloc(n * sizeof *rows), *near = oc_alloc(n * sizeof *near);
	uint32_t *order = oc_alloc(n * sizeof *order);
	uint32_t *start = oc_alloc(((size_t)k + 1) * sizeof *start);
	int rc = 0;

	for (uint32_t i = 0; i < n; i++)
		rows[i] = (uint32_t)((uint64_t)i * s->n / n);
	draw_places(seed, n, k, order);
	for (uint32_t c = 0; c < k; c++)
		memcpy(oc_vec(centres, c), oc_vec(s, rows[order[c]]), s->width * sizeof(float));
	for (unsigned round = 0; round < rounds && !rc; round++) {
		struct near_work w = {s, centres, rows, n, 1, near, stop};
		struct mean_work m = {s, centres, rows, order, start};
		rc = near_all(pool, &w);
		if (rc)
			break;
		by_bucket(near, n, k, start, order);
		oc_pool_for(pool, k, mean_of, &m);
	}
	free(rows);
	free(near);
	free(order);
	free(start);
	return rc;
}

/* ---------------------------------------------------------------------- star */

struct list {
	uint32_t *row;
	uint32_t n, cap;
};

struct star {
	const struct oc_vecs *s;
	const bool *has;
	const uint32_t *near;
	unsigned probes;
	double threshold;
	uint32_t *witness;
	float *share;
	struct list *kept; /* by bucket: kept rows, ascending */
	uint64_t first;    /* row of the block */
	const atomic_int *stop;
};

static void list_add(struct list *l, uint32_t row)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 8;
		l->row = oc_realloc(l->row, l->cap * sizeof *l->row);
	}
	l->row[l->n++] = row;
}

/* The first row of an ascending list, below `below`, that reaches the threshold. */
static void first_like(const struct star *w, const float *a, const struct list *l,
                       uint32_t *witness, float *share)
{
	float dots[TILE];

	for (uint32_t from = 0; from < l->n && l->row[from] < *witness; from += TILE) {
		uint32_t n = l->n - from < TILE ? l->n - from : TILE;
		oc_vec_dots(w->s, a, l->row + from, 0, n, dots);
		for (uint32_t i = 0; i < n && l->row[from + i] < *witness; i++)
			if ((double)dots[i] >= w->threshold - OC_COSINE_SLACK) {
				*witness = l->row[from + i];
				*share = dots[i];
				return;
			}
	}
}

static void look_back(void *user, uint64_t item, unsigned worker)
{
	const struct star *w = user;
	uint64_t row = w->first + item;

	(void)worker;
	w->witness[row] = UINT32_MAX;
	w->share[row] = 0;
	if (!w->has[row] || stopped(w->stop))
		return;
	for (unsigned p = 0; p < w->probes; p++)
		first_like(w, oc_vec(w->s, row), &w->kept[w->near[row * w->probes + p]],
		           &w->witness[row], &w->share[row]);
}

int oc_star(struct oc_pool *pool, const struct oc_vecs *s, const bool *has, const uint32_t *near,
            unsigned probes, uint32_t k, double threshold, uint32_t *witness, float *share,
            const atomic_int *stop)
{
	struct star w = {.s = s,
	                 .has = has,
	                 .near = near,
	                 .probes = probes,
	                 .threshold = threshold,
	                 .witness = witness,
	                 .share = share,
	                 .kept = oc_zalloc(k, sizeof *w.kept),
	                 .stop = stop};
	struct list *fresh = oc_zalloc(k, sizeof *fresh); /* rows of the block that stay */

	for (w.first = 0; w.first < s->n && !stopped(stop); w.first += BLOCK) {
		uint64_t n = s->n - w.first < BLOCK ? s->n - w.first : BLOCK;
		oc_pool_for(pool, n, look_back, &w);
		for (uint64_t row = w.first; row < w.first + n; row++) {
			if (!has[row])
				continue;
			/* Rows of earlier blocks come first, so one found there is final. */
			bool open = witness[row] == UINT32_MAX;
			for (unsigned p = 0; open && p < probes; p++)
				first_like(&w, oc_vec(s, row), &fresh[near[row * probes + p]],
				           &witness[row], &share[row]);
			if (witness[row] == UINT32_MAX)
				list_add(&fresh[near[row * probes]], (uint32_t)row);
		}
		for (uint64_t row = w.first; row < w.first + n; row++) {
			struct list *l = &fresh[near[row * probes]];
			for (uint32_t i = 0; i < l->n; i++)
				list_add(&w.kept[near[row * probes]], l->row[i]);
			l->n = 0;
		}
	}
	for (uint32_t c = 0; c < k; c++) {
		free(w.kept[c].row);
		free(fresh[c].row);
	}
	free(w.kept);
	free(fresh);
	return stopped(stop) ? -1 : 0;
}

/* -------------------------------------------------------------------- judges */

void oc_star_judge(const struct oc_vecs *s, const bool *has, double threshold, uint32_t *witness,
                   float *share)
{
	for (uint64_t row = 0; row < s->n; row++) {
		witness[row] = UINT32_MAX;
		share[row] = 0;
		for (uint64_t i = 0; has[row] && i < row && witness[row] == UINT32_MAX; i++) {
			float dot;
			if (!has[i] || witness[i] != UINT32_MAX)
				continue;
			oc_vec_dots(s, oc_vec(s, row), NULL, i, 1, &dot);
			if ((double)dot >= threshold - OC_COSINE_SLACK) {
				witness[row] = (uint32_t)i;
				share[row] = dot;
			}
		}
	}
}

void oc_star_recall(const struct oc_vecs *s, const bool *has, const uint32_t *near, unsigned probes,
                    double threshold, uint64_t *pairs, uint64_t *found)
{
	*pairs = *found = 0;
	for (uint64_t row = 0; row < s->n; row++)
		for (uint64_t i = 0; has[row] && i < row; i++) {
			float dot;
			bool meets = false;
			if (!has[i])
				continue;
			oc_vec_dots(s, oc_vec(s, row), NULL, i, 1, &dot);
			if ((double)dot < threshold - OC_COSINE_SLACK)
				continue;
			++*pairs;
			for (unsigned p = 0; p < probes; p++)
				meets |= near[row * probes + p] == near[i * probes];
			*found += meets;
		}
}
