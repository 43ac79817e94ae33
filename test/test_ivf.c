/* ivf: buckets searched against the judge that compares everything, on disk and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/rng.h"
#include "index/ivf.h"
#include "stat/interval.h"

enum { OLD = 3000, NEW = 1500, DIM = 40, BUCKETS = 54 };

static char path[] = "/tmp/outcross-ivf-XXXXXX";
static struct oc_vecs old, query;
static bool old_has[OLD], query_has[NEW];
static uint32_t order[OLD], vector_n;
static struct oc_arena *arena;

/* Directions of 60 faint topics, so that buckets divide what is near; every second query is an
 * indexed vector with noise. */
static void make(void)
{
	struct oc_rng rng;
	struct oc_draws d, e;

	assert_true(oc_vecs_init(&old, OLD, DIM) && oc_vecs_init(&query, NEW, DIM));
	oc_rng_init(&rng, 11, "test/ivf");
	for (uint64_t i = 0; i < OLD + NEW; i++) {
		float *v = i < OLD ? oc_vec(&old, i) : oc_vec(&query, i - OLD);
		oc_draws_init(&e, &rng, i);
		oc_draws_init(&d, &rng, ((uint64_t)1 << 40) + oc_draw_below(&e, 60));
		uint64_t from = oc_draw_below(&e, OLD);
		double noise = 0.05 + 0.4 * oc_draw_unit(&e);
		bool near = i >= OLD && i % 2;
		for (uint32_t k = 0; k < DIM; k++)
			v[k] = near ? oc_vec(&old, from)[k] +
			                       (float)(noise * oc_draw_normal(&e) / sqrt(DIM))
			            : (float)(oc_draw_normal(&d) + 3 * oc_draw_normal(&e));
		bool has = i % 97 != 5;
		if (!has)
			memset(v, 0, old.width * sizeof *v);
		oc_vec_normalise(v, old.width);
		*(i < OLD ? &old_has[i] : &query_has[i - OLD]) = has;
	}
}

static void save(uint32_t buckets)
{
	struct oc_pool *pool = oc_pool_new(2);
	struct oc_err err = {0};
	struct oc_vecs centres;

	yyjson_val *opts = oc_json_parse(arena, OC_LIT("{}"), &err);
	assert_true(oc_vecs_init(&centres, buckets, DIM));
	assert_int_equal(oc_kmeans(pool, &old, &centres, 8, 1, NULL), 0);
	struct oc_index_writer *w = oc_index_create(path, "semantic", opts, &err);
	assert_non_null(w);
	assert_int_equal(
		oc_ivf_save(pool, &old, old_has, &centres, w, order, &vector_n, NULL, &err), 0);
	assert_int_equal(oc_index_commit(w, vector_n, &err), 0);
	oc_vecs_fini(&centres);
	oc_pool_free(pool);
}

static struct oc_index *load(struct oc_ivf *x)
{
	struct oc_index *ix = NULL;
	struct oc_err err = {0};
	yyjson_val *opts = oc_json_parse(arena, OC_LIT("{}"), &err);

	if (oc_index_open(&ix, path, "semantic", opts, &err) || oc_ivf_open(x, ix, &err))
		fail_msg("%s: %s", err.where, err.msg);
	return ix;
}

static void kept_whole(void **state)
{
	struct oc_ivf x;
	uint32_t with = 0;
	bool seen[OLD] = {false};

	(void)state;
	save(BUCKETS);
	struct oc_index *ix = load(&x);
	for (uint32_t i = 0; i < OLD; i++)
		with += old_has[i];
	assert_int_equal(vector_n, with);
	assert_int_equal(x.vecs.n, with);
	assert_int_equal(x.centres.n, BUCKETS);
	for (uint32_t b = 0; b < BUCKETS; b++)
		for (uint64_t i = x.start[b]; i < x.start[b + 1]; i++) {
			assert_true(i == x.start[b] || order[i - 1] < order[i]);
			assert_false(seen[order[i]]);
			seen[order[i]] = true;
			assert_memory_equal(oc_vec(&x.vecs, i), oc_vec(&old, order[i]),
			                    old.width * sizeof(float));
		}
	oc_index_close(ix);
}

/* Recall by the number of buckets searched; a hit is never wrong. */
static void recall(void **state)
{
	static const unsigned probes[] = {1, 2, 4, 8, 16};
	static uint32_t hit[NEW], want[NEW], again[NEW];
	static float cosine[NEW], best[NEW], same[NEW];
	struct oc_ivf x;
	uint64_t before = 0, pairs = 0;

	(void)state;
	save(BUCKETS);
	struct oc_index *ix = load(&x);
	struct oc_pool *one = oc_pool_new(1), *five = oc_pool_new(5);
	oc_ivf_judge(&x, &query, query_has, 0.95, want, best);
	for (uint32_t i = 0; i < NEW; i++)
		pairs += want[i] != OC_IVF_NONE;
	assert_in_range(pairs, 300, 900);
	for (size_t p = 0; p < sizeof probes / sizeof *probes; p++) {
		uint64_t found = 0, right = 0;
		assert_int_equal(oc_ivf_search(one, &x, &query, query_has, probes[p], 0.95, hit,
		                               cosine, NULL),
		                 0);
		assert_int_equal(oc_ivf_search(five, &x, &query, query_has, probes[p], 0.95, again,
		                               same, NULL),
		                 0);
		assert_memory_equal(hit, again, sizeof hit);
		assert_memory_equal(cosine, same, sizeof cosine);
		for (uint32_t i = 0; i < NEW; i++) {
			if (hit[i] == OC_IVF_NONE)
				continue;
			float dot;
			oc_vec_dots(&x.vecs, oc_vec(&query, i), NULL, hit[i], 1, &dot);
			assert_memory_equal(&dot, &cosine[i], sizeof dot);
			assert_true((double)dot >= 0.95 - OC_COSINE_SLACK);
			assert_true(query_has[i] && dot <= best[i]);
			found++;
			right += hit[i] == want[i];
		}
		double share = (double)found / (double)pairs, low, high;
		oc_share_interval(found, pairs, 0.95, &low, &high);
		print_message("%2u of %d buckets: %.3f of %llu found (%.3f to %.3f), %llu of them "
		              "the nearest\n",
		              probes[p], BUCKETS, share, (unsigned long long)pairs, low, high,
		              (unsigned long long)right);
		assert_true(found >= before);
		before = found;
		assert_true(share > (probes[p] == 1 ? 0.85 : 0.95));
	}
	oc_pool_free(one);
	oc_pool_free(five);
	oc_index_close(ix);
}

/* Where all buckets are searched, the judge and the search agree. */
static void every_bucket(void **state)
{
	static uint32_t hit[NEW], want[NEW];
	static float cosine[NEW], best[NEW];
	struct oc_ivf x;

	(void)state;
	for (uint32_t buckets = 1; buckets <= 16; buckets += 15) {
		save(buckets);
		struct oc_index *ix = load(&x);
		struct oc_pool *pool = oc_pool_new(2);
		oc_ivf_judge(&x, &query, query_has, 0.8, want, best);
		assert_int_equal(
			oc_ivf_search(pool, &x, &query, query_has, 16, 0.8, hit, cosine, NULL), 0);
		assert_memory_equal(hit, want, sizeof hit);
		assert_memory_equal(cosine, best, sizeof cosine);
		oc_pool_free(pool);
		oc_index_close(ix);
	}
}

/* Sections that are there but do not belong together. */
static void torn(void **state)
{
	static const uint32_t shapes[][2] = {
		{DIM, BUCKETS}, {DIM + 16, 2}, {0, 2}, {DIM, 1u << 31}};
	static const uint64_t starts[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 1, 2}, {0, 9, 2}};
	static const float zeros[4 * 64];
	struct oc_vecs like;

	(void)state;
	oc_vecs_view(&like, zeros, 2, DIM);
	for (int c = 0; c < 8; c++) {
		struct oc_err err = {0};
		struct oc_index *ix = NULL;
		struct oc_ivf x;
		const uint32_t good[2] = {DIM, 2};
		const uint32_t *shape = c < 4 ? shapes[c] : good;
		const uint64_t *start = c < 4 ? starts[0] : starts[c - 4];
		yyjson_val *opts = oc_json_parse(arena, OC_LIT("{}"), &err);
		struct oc_index_writer *w = oc_index_create(path, "semantic", opts, &err);
		oc_index_begin(w, "shape", &err);
		oc_index_write(w, shape, 8, &err);
		oc_index_begin(w, "centres", &err);
		oc_index_write(w, zeros, 2 * like.width * sizeof(float), &err);
		oc_index_begin(w, "start", &err);
		oc_index_write(w, start, 24, &err);
		oc_index_begin(w, "vectors", &err);
		oc_index_write(w, zeros, 2 * like.width * sizeof(float), &err);
		assert_int_equal(oc_index_commit(w, 2, &err), 0);
		assert_int_equal(oc_index_open(&ix, path, "semantic", opts, &err), 0);
		assert_int_equal(oc_ivf_open(&x, ix, &err), c == 4 ? 0 : -1);
		assert_true(c == 4 || err.code == OC_INPUT);
		oc_index_close(ix);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_whole),
		cmocka_unit_test(recall),
		cmocka_unit_test(every_bucket),
		cmocka_unit_test(torn),
	};
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	arena = oc_arena_new();
	make();
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	oc_vecs_fini(&old);
	oc_vecs_fini(&query);
	oc_arena_free(arena);
	unlink(path);
	return rc;
}
