/*
 * semantic: dot products in every kernel, buckets against the judge that compares all pairs,
 * projections against exact cosines, vectors from members and files, what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "index/kmeans.h"
#include "index/tfidf.h"
#include "pipe/spill.h"
#include "stage.h"
#include "stat/interval.h"

/* Vectors around `centres` random directions; every third is close to an earlier one. */
static void make_vectors(struct oc_vecs *s, uint64_t n, uint32_t dim, uint64_t centres)
{
	struct oc_rng rng;
	struct oc_draws d, e;

	assert_true(oc_vecs_init(s, n, dim));
	oc_rng_init(&rng, 3, "test/semantic");
	for (uint64_t i = 0; i < n; i++) {
		float *v = oc_vec(s, i);
		oc_draws_init(&e, &rng, i);
		if (i > 10 && i % 3 == 2) {
			uint64_t from = oc_draw_below(&e, i);
			double noise = 0.03 + 0.3 * oc_draw_unit(&e);
			for (uint32_t k = 0; k < dim; k++)
				v[k] = oc_vec(s, from)[k] +
				       (float)(noise * oc_draw_normal(&e) / sqrt(dim));
		} else {
			oc_draws_init(&d, &rng, ((uint64_t)1 << 40) + oc_draw_below(&e, centres));
			for (uint32_t k = 0; k < dim; k++)
				v[k] = (float)(oc_draw_normal(&d) + 0.7 * oc_draw_normal(&e));
		}
		assert_true(oc_vec_normalise(v, s->width));
	}
}

static void kernels(void **state)
{
	static const uint32_t dims[] = {1, 3, 16, 17, 100, 256, 384, 1000};

	(void)state;
	for (size_t t = 0; t < sizeof dims / sizeof *dims; t++) {
		struct oc_vecs s;
		float plain[37], fast[37];
		make_vectors(&s, 37, dims[t], 5);
		assert_true(oc_vecs_use(&s, OC_VEC_PLAIN));
		for (uint64_t i = 0; i < 37; i++) {
			oc_vec_dots(&s, oc_vec(&s, i), NULL, 0, 37, plain);
			for (uint32_t k = 0; k < 37; k++) {
				double sum = 0;
				for (uint32_t j = 0; j < dims[t]; j++)
					sum += (double)oc_vec(&s, i)[j] * (double)oc_vec(&s, k)[j];
				assert_true(fabs(sum - (double)plain[k]) < 1e-6);
			}
			if (!oc_vecs_use(&s, OC_VEC_AVX2))
				continue;
			oc_vec_dots(&s, oc_vec(&s, i), NULL, 0, 37, fast);
			assert_memory_equal(plain, fast, sizeof plain);
			oc_vecs_use(&s, OC_VEC_PLAIN);
		}
		if (!oc_vecs_use(&s, OC_VEC_AVX2))
			print_message("no AVX2 here: not compared\n");
		oc_vecs_fini(&s);
	}
}

static void odd_vectors(void **state)
{
	float v[16] = {0};

	(void)state;
	assert_false(oc_vec_normalise(v, 16));
	v[3] = INFINITY;
	assert_false(oc_vec_normalise(v, 16));
	assert_true(v[3] == 0);
	v[3] = NAN;
	assert_false(oc_vec_normalise(v, 16));
	v[3] = 3e38f;
	v[4] = 3e38f;
	assert_true(oc_vec_normalise(v, 16));
	assert_true(fabs((double)v[3] - sqrt(0.5)) < 1e-6);
	assert_true(oc_vecs_bytes(UINT64_MAX / 2, 4096) == UINT64_MAX);
}

/* Every round brings the rows nearer to their centres (all rows are in the sample here). */
static void rounds_improve(void **state)
{
	enum { N = 600, K = 10 };
	struct oc_vecs s, c;
	struct oc_pool *pool = oc_pool_new(2);
	uint32_t near[N];

	(void)state;
	make_vectors(&s, N, 32, 12);
	assert_true(oc_vecs_init(&c, K, 32));
	for (uint64_t seed = 1; seed <= 5; seed++) {
		double before = 0, first = 0;
		for (unsigned rounds = 0; rounds <= 8; rounds++) {
			double sum = 0;
			assert_int_equal(oc_kmeans(pool, &s, &c, rounds, seed, NULL), 0);
			assert_int_equal(oc_kmeans_near(pool, &s, &c, 1, near, NULL), 0);
			for (uint64_t i = 0; i < N; i++) {
				float dot;
				oc_vec_dots(&c, oc_vec(&s, i), NULL, near[i], 1, &dot);
				sum += (double)dot;
				for (uint32_t k = 0; k < K; k++) {
					float other;
					oc_vec_dots(&c, oc_vec(&s, i), NULL, k, 1, &other);
					assert_true(other < dot || (k >= near[i] && other == dot));
				}
			}
			assert_true(sum >= before - 1e-3);
			first = rounds ? first : sum;
			before = sum;
		}
		assert_true(before > first + 1);
	}
	oc_pool_free(pool);
	oc_vecs_fini(&s);
	oc_vecs_fini(&c);
}

enum { ROWS = 4000 };

struct answer {
	uint32_t near[ROWS * 2], witness[ROWS];
	float share[ROWS];
};

static void solve(const struct oc_vecs *s, const bool *has, uint32_t k, unsigned threads,
                  struct answer *out)
{
	struct oc_pool *pool = oc_pool_new(threads);
	struct oc_vecs c;
	unsigned probes = k > 1 ? 2 : 1;

	memset(out, 0, sizeof *out);
	assert_true(oc_vecs_init(&c, k, s->dim));
	c.kernel = s->kernel;
	assert_int_equal(oc_kmeans(pool, s, &c, 5, 7, NULL), 0);
	assert_int_equal(oc_kmeans_near(pool, s, &c, probes, out->near, NULL), 0);
	assert_int_equal(
		oc_star(pool, s, has, out->near, probes, k, 0.97, out->witness, out->share, NULL),
		0);
	oc_vecs_fini(&c);
	oc_pool_free(pool);
}

static void against_the_judge(void **state)
{
	struct oc_vecs s;
	struct answer *one = oc_alloc(sizeof *one), *other = oc_alloc(sizeof *other);
	uint32_t *witness = oc_alloc(ROWS * sizeof *witness);
	float *share = oc_alloc(ROWS * sizeof *share);
	bool *has = oc_zalloc(ROWS, sizeof *has);
	uint64_t pairs, found, gone = 0;
	double low, high;

	(void)state;
	make_vectors(&s, ROWS, 48, 40);
	for (uint32_t i = 0; i < ROWS; i++)
		has[i] = i % 50 != 7;
	/* One bucket: exactly the judge. */
	oc_star_judge(&s, has, 0.97, witness, share);
	solve(&s, has, 1, 2, one);
	assert_memory_equal(one->witness, witness, sizeof one->witness);
	assert_memory_equal(one->share, share, sizeof one->share);
	/* Many: whoever goes has a kept witness before it, and hardly a pair is missed. */
	solve(&s, has, 60, 2, one);
	for (uint32_t i = 0; i < ROWS; i++) {
		uint32_t w = one->witness[i];
		float dot;
		if (w == UINT32_MAX)
			continue;
		gone++;
		assert_true(has[i] && has[w] && w < i && one->witness[w] == UINT32_MAX);
		oc_vec_dots(&s, oc_vec(&s, i), NULL, w, 1, &dot);
		assert_true(dot == one->share[i] && (double)dot >= 0.97 - OC_COSINE_SLACK);
	}
	assert_true(gone > 300);
	oc_star_recall(&s, has, one->near, 2, 0.97, &pairs, &found);
	oc_share_interval(found, pairs, 0.95, &low, &high);
	print_message("%llu of %llu pairs share a bucket: %.4f (%.4f to %.4f)\n",
	              (unsigned long long)found, (unsigned long long)pairs,
	              (double)found / (double)pairs, low, high);
	assert_true(low > 0.95);
	/* The same at any number of threads, with every kernel. */
	solve(&s, has, 60, 1, other);
	assert_memory_equal(one, other, sizeof *one);
	solve(&s, has, 60, 5, other);
	assert_memory_equal(one, other, sizeof *one);
	oc_vecs_use(&s, OC_VEC_PLAIN);
	solve(&s, has, 60, 2, other);
	assert_memory_equal(one, other, sizeof *one);
	oc_vecs_fini(&s);
	free(one);
	free(other);
	free(witness);
	free(share);
	free(has);
}

/* --------------------------------------------------------------------- TF-IDF */

static void projection(void **state)
{
	enum { N = 60, WORDS = 80, DIM = 256 };
	struct oc_rng rng, words;
	struct oc_vecs s;
	struct oc_term *terms = oc_alloc(N * WORDS * sizeof *terms);
	uint32_t n[N], *df = oc_zalloc(OC_TFIDF_N, sizeof *df);
	float *weight = oc_alloc(OC_TFIDF_N * sizeof *weight);
	double *exact = oc_alloc(OC_TFIDF_N * sizeof *exact), error = 0;
	unsigned compared = 0;

	(void)state;
	oc_rng_init(&rng, 1, "projection");
	oc_rng_init(&words, 2, "words");
	for (uint32_t i = 0; i < N; i++) {
		uint64_t hash[WORDS];
		struct oc_draws d;
		oc_draws_init(&d, &words, i % 10);
		struct oc_draws own;
		oc_draws_init(&own, &words, 1000 + i);
		for (unsigned k = 0; k < WORDS; k++) {
			uint64_t w = oc_draw_below(&d, 2000);
			if (oc_draw_below(&own, 10) < i / 10)
				w = oc_draw_below(&own, 2000);
			hash[k] = oc_hash64(&w, sizeof w, 0);
		}
		n[i] = oc_tfidf_terms(hash, WORDS, terms + i * WORDS);
		for (uint32_t k = 0; k < n[i]; k++)
			df[terms[i * WORDS + k].bucket]++;
	}
	oc_tfidf_weights(df, N, weight);
	assert_true(oc_vecs_init(&s, N, DIM));
	for (uint32_t i = 0; i < N; i++) {
		float fast[DIM] = {0};
		oc_tfidf_project(&s, terms + i * WORDS, n[i], weight, &rng, oc_vec(&s, i));
		oc_vecs_use(&s, OC_VEC_PLAIN);
		oc_tfidf_project(&s, terms + i * WORDS, n[i], weight, &rng, fast);
		assert_memory_equal(fast, oc_vec(&s, i), sizeof fast);
		oc_vecs_use(&s, OC_VEC_AVX2);
		assert_true(oc_vec_normalise(oc_vec(&s, i), s.width));
	}
	for (uint32_t i = 0; i < N; i++)
		for (uint32_t j = 0; j < i; j++) {
			double dot = 0, a = 0, b = 0;
			float got;
			memset(exact, 0, OC_TFIDF_N * sizeof *exact);
			for (uint32_t k = 0; k < n[i]; k++) {
				struct oc_term t = terms[i * WORDS + k];
				exact[t.bucket] = (1 + log(t.n)) * (double)weight[t.bucket];
				a += exact[t.bucket] * exact[t.bucket];
			}
			for (uint32_t k = 0; k < n[j]; k++) {
				struct oc_term t = terms[j * WORDS + k];
				double x = (1 + log(t.n)) * (double)weight[t.bucket];
				dot += x * exact[t.bucket];
				b += x * x;
			}
			double c = dot / sqrt(a * b);
			oc_vec_dots(&s, oc_vec(&s, i), NULL, j, 1, &got);
			double sd = (1 - c * c) / sqrt(DIM) + 1e-6;
			assert_true(fabs((double)got - c) < 6 * sd);
			error += ((double)got - c) * ((double)got - c) / (sd * sd);
			compared++;
			j += N / 12; /* a sample of the pairs */
		}
	/* The errors are as large as they are said to be. */
	assert_true(error / compared > 0.5 && error / compared < 2);
	oc_vecs_fini(&s);
	free(terms);
	free(df);
	free(weight);
	free(exact);
}

/* ------------------------------------------------------------------- the stage */

static const char *text_of(struct oc_buf *b, const char *fmt, uint64_t i)
{
	b->len = 0;
	while (*fmt) {
		if (*fmt == '#')
			oc_buf_u64(b, i);
		else
			oc_buf_putc(b, *fmt);
		fmt++;
	}
	return oc_buf_cstr(b);
}

struct job {
	struct oc_driven d;
	struct oc_spill *spill;
	struct oc_err err;
};

/* Opens the stage over n rows of JSON in which # is the number. */
static int look(struct job *j, const char *opts, uint64_t memory, const char *const *rows,
                uint64_t n)
{
	struct oc_buf out[3] = {0}, text = {0};
	int rc = 0;

	*j = (struct job){0};
	if (oc_driven_open(&j->d, "semantic", opts, memory, &j->err))
		return -1;
	j->spill = oc_spill_open(j->d.ctx, j->d.dir, "seen", 3, 1 << 20, &j->err);
	for (uint64_t i = 0; i < n && !rc; i++) {
		struct oc_batch *batch = oc_batch_new(1);
		struct oc_row *row =
			oc_driven_row(batch, text_of(&text, rows[i % 4], i), i, OC_UNKNOWN);
		row->ped.row = i;
		rc = j->d.def->observe(j->d.self, NULL, row, out, &j->err);
		for (unsigned k = 0; k < 3; k++) {
			oc_spill_add(j->spill, k, out[k].p, out[k].len, &j->err);
			out[k].len = 0;
		}
		oc_batch_free(batch);
	}
	if (!rc)
		rc = oc_spill_flush(j->spill, &j->err) ||
		                     j->d.def->resolve(j->d.self, j->spill, &j->err)
		             ? -1
		             : 0;
	for (unsigned k = 0; k < 3; k++)
		oc_buf_fini(&out[k]);
	oc_buf_fini(&text);
	return rc;
}

static void look_fine(struct job *j, const char *opts, const char *const *rows, uint64_t n)
{
	if (look(j, opts, (uint64_t)1 << 30, rows, n))
		fail_msg("%s", j->err.msg);
}

/* What apply says of row i. */
static const char *said(struct job *j, uint64_t i)
{
	static char out[512];
	struct oc_batch *batch = oc_batch_new(1);
	struct oc_row *row = oc_driven_row(batch, "{\"text\":\"\"}", i, OC_UNKNOWN);

	assert_int_equal(j->d.def->apply(j->d.self, NULL, row, &j->err), 0);
	snprintf(out, sizeof out, "%s", row->fate == OC_LIVE ? "" : oc_last_evidence(row));
	if (row->fate != OC_LIVE)
		assert_string_equal(oc_last_rule(row), "same_meaning");
	oc_batch_free(batch);
	return out;
}

static void done(struct job *j)
{
	oc_spill_close(j->spill);
	if (j->d.def)
		oc_driven_close(&j->d);
}

static void words_in_any_order(void **state)
{
	static const char *const rows[] = {
		"{\"text\":\"A dog bit the man in the park, yesterday.\"}",
		"{\"text\":\"yesterday the man in the park bit a dog\"}",
		"{\"text\":\"how rice is cooked in the north\"}",
		"{\"text\":\"A DOG bit the man in the park yesterday!\"}",
	};
	struct job j;
	struct oc_buf facts = {0};

	(void)state;
	look_fine(&j, "{}", rows, 4);
	assert_string_equal(said(&j, 0), "");
	assert_string_equal(said(&j, 1), "{\"near\":\"s:0\",\"cosine\":1.000000}");
	assert_string_equal(said(&j, 2), "");
	assert_string_equal(said(&j, 3), "{\"near\":\"s:0\",\"cosine\":1.000000}");
	assert_int_equal(j.d.def->facts(j.d.self, &facts, &j.err), 0);
	assert_non_null(strstr(oc_buf_cstr(&facts), "2 of 4 rows say what an earlier row says"));
	oc_buf_fini(&facts);
	done(&j);
}

static void vectors_of_members(void **state)
{
	static const char *const rows[] = {
		"{\"e\":{\"v\":[1,0,0]}}",
		"{\"e\":{\"v\":[20,1,0]}}",
		"{\"e\":{\"v\":[0,-1,0.5]}}",
		"{\"e\":{\"v\":null}}",
	};
	static const char *const uneven[] = {"{\"v\":[1,2]}", "{\"v\":[1,2,3]}", "{}", "{}"};
	static const char *const wrong[] = {"{\"v\":[1,\"x\"]}", "{\"v\":[]}", "{\"v\":7}", "{}"};
	struct job j;

	(void)state;
	look_fine(&j, "{vector: e.v}", rows, 4);
	assert_string_equal(said(&j, 0), "");
	assert_string_equal(said(&j, 1), "{\"near\":\"s:0\",\"cosine\":0.998752}");
	assert_string_equal(said(&j, 2), "");
	assert_string_equal(said(&j, 3), "");
	done(&j);
	assert_int_equal(look(&j, "{vector: v}", 1 << 30, uneven, 4), -1);
	assert_non_null(strstr(j.err.msg, "of 3 numbers, row s:0 one of 2"));
	done(&j);
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(
			look(&j, "{vector: v}", 1 << 30, (const char *const[]){wrong[i]}, 1), -1);
		assert_non_null(strstr(j.err.msg, "\"v\" is no list of"));
		done(&j);
	}
	assert_int_equal(look(&j, "{vector: v, vectors: x.npy}", 1 << 30, rows, 0), -1);
	assert_non_null(strstr(j.err.msg, "name one of"));
}

static void put_npy(const char *path, const char *header, const float *v, size_t n)
{
	FILE *f = fopen(path, "wb");
	char padded[118];

	memset(padded, ' ', sizeof padded);
	memcpy(padded, header, strlen(header));
	padded[sizeof padded - 1] = '\n';
	fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
	fwrite(padded, 1, sizeof padded, f);
	fwrite(v, sizeof *v, n, f);
	fclose(f);
}

static void vectors_of_a_file(void **state)
{
	static const char *const rows[] = {"{}", "{}", "{}", "{}"};
	static const float v[] = {1, 0, 0, 1, 1, 0.01f, 0, 0};
	char path[] = "/tmp/outcross-npy-XXXXXX", opts[64];
	struct oc_npy m;
	struct oc_err err = {0};
	struct job j;

	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	snprintf(opts, sizeof opts, "{vectors: %s}", path);
	put_npy(path, "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }", v, 8);
	look_fine(&j, opts, rows, 4);
	assert_string_equal(said(&j, 1), "");
	assert_string_equal(said(&j, 2), "{\"near\":\"s:0\",\"cosine\":0.999950}");
	assert_string_equal(said(&j, 3), ""); /* zero: no direction */
	done(&j);
	assert_int_equal(look(&j, opts, 1 << 30, rows, 5), -1);
	assert_non_null(strstr(j.err.msg, "has 4 rows, the source has at least 5"));
	done(&j);
	static const char *const bad[] = {
		"{'descr': '<f8', 'fortran_order': False, 'shape': (4, 1), }",
		"{'descr': '<f4', 'fortran_order': True, 'shape': (4, 2), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (8,), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 0), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (5, 2), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
		"",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put_npy(path, bad[i], v, 8);
		err = (struct oc_err){0};
		assert_int_equal(oc_npy_open(&m, path, &err), -1);
		assert_int_equal(err.code, OC_INPUT);
	}
	unlink(path);
	err = (struct oc_err){0};
	assert_int_equal(oc_npy_open(&m, path, &err), -1);
	close(fd);
}

static void hostile_rows(void **state)
{
	static const char *const empty[] = {"{\"text\":\"\"}", "{}", "{\"text\":\"... !\"}",
	                                    "{\"a\":null}"};
	static const char *const equal[] = {"{\"text\":\"x y z\"}", "{\"text\":\"y z x\"}",
	                                    "{\"text\":\"z, y, x\"}", "{\"text\":\"X Y Z\"}"};
	static const char *const other[] = {
		"{\"text\":\"a# b# c# d#\"}", "{\"text\":\"\xe4\xb8\xad\xe6\x96\x87#\"}",
		"{\"text\":\"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d #\"}", "{\"text\":\"#\"}"};
	struct job j;

	(void)state;
	look_fine(&j, "{}", empty, 3000);
	for (uint64_t i = 0; i < 3000; i += 100)
		assert_string_equal(said(&j, i), "");
	done(&j);
	look_fine(&j, "{threshold: 1}", equal, 20000);
	assert_string_equal(said(&j, 0), "");
	for (uint64_t i = 1; i < 20000; i += 1000)
		assert_string_equal(said(&j, i), "{\"near\":\"s:0\",\"cosine\":1.000000}");
	done(&j);
	look_fine(&j, "{}", other, 3000);
	for (uint64_t i = 0; i < 3000; i += 100)
		assert_string_equal(said(&j, i), "");
	done(&j);
	look_fine(&j, "{}", other, 0);
	assert_string_equal(said(&j, 0), "");
	done(&j);
	look_fine(&j, "{buckets: 1000, probes: 16}", equal, 2); /* more than there are rows */
	assert_string_equal(said(&j, 0), "");
	done(&j);
	/* What it needs is known before it starts. */
	assert_int_equal(look(&j, "{dim: 4096}", 32 << 20, other, 3000), -1);
	assert_non_null(strstr(j.err.msg, "3000 vectors of 4096 dimensions need"));
	done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernels),
		cmocka_unit_test(odd_vectors),
		cmocka_unit_test(rounds_improve),
		cmocka_unit_test(against_the_judge),
		cmocka_unit_test(projection),
		cmocka_unit_test(words_in_any_order),
		cmocka_unit_test(vectors_of_members),
		cmocka_unit_test(vectors_of_a_file),
		cmocka_unit_test(hostile_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
