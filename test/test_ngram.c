/* The n-gram model against closed forms and against counting by brute force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/rng.h"
#include "data/json.h"
#include "data/set.h"

extern const struct oc_model_def oc_model_ngram;

static struct oc_set set_of(uint32_t dim, const char *const *items, size_t n)
{
	struct oc_tokens t = {0};

	for (size_t i = 0; i < n; i++) {
		for (const char *c = items[i]; *c; c++)
			oc_tokens_add(&t, (uint32_t)(*c - 'a'));
		oc_tokens_end(&t);
	}
	return oc_tokens_take(&t, dim);
}

static void *fit(const struct oc_set *set, const char *json)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	struct oc_env env = {.size = sizeof env, .name = "test"};
	void *m;

	if (oc_model_ngram.fit(&m, &env, oc_json_parse(a, oc_str(json), &err), set, &err))
		fail_msg("%s", err.msg);
	oc_arena_free(a);
	return m;
}

static double nats_of(void *m, uint32_t dim, const char *item)
{
	struct oc_set s = set_of(dim, &item, 1);
	struct oc_err err = {0};
	double nats;

	assert_int_equal(oc_model_ngram.score(m, &s, &nats, &err), 0);
	oc_set_fini(&s);
	return nats;
}

static const char *const corpus[] = {"ab", "ab", "ac", "b"};

/* Maximum likelihood, by hand: p(a|start) = 3/4, p(b|a) = 2/3, every b and c ends its item. */
static void test_maximum_likelihood(void **state)
{
	struct oc_set s = set_of(4, corpus, 4);
	void *m = fit(&s, "{\"order\":2,\"discount\":0,\"floor\":0}");

	(void)state;
	assert_true(fabs(nats_of(m, 4, "ab") + log(0.5)) < 1e-12);
	assert_true(fabs(nats_of(m, 4, "ac") + log(0.25)) < 1e-12);
	assert_true(fabs(nats_of(m, 4, "b") + log(0.25)) < 1e-12);
	assert_true(isinf(nats_of(m, 4, "d")));
	oc_model_ngram.free(m);
	/* the floor: (1-f) p + f / 5 for each of a, b, end */
	m = fit(&s, "{\"order\":2,\"discount\":0,\"floor\":0.01}");
	double e = 0.01 / 5, want = -log(0.99 * 0.75 + e) - log(0.99 * 2 / 3 + e) - log(0.99 + e);
	assert_true(fabs(nats_of(m, 4, "ab") - want) < 1e-12);
	oc_model_ngram.free(m);
	/*
	 * Absolute discounting by hand, D = 1/2. Unigrams: a 3, b 3, c 1, end 4 of 11. After a: b
	 * 2, c 1, so p(b|a) = 1.5/3 + .5*2/3 * 3/11.
	 */
	m = fit(&s, "{\"order\":2,\"discount\":0.5,\"floor\":0}");
	double start_a = 2.5 / 4 + 0.25 * 3 / 11, a_b = 1.5 / 3 + 1.0 / 3 * 3 / 11;
	double b_end = 2.5 / 3 + 0.5 / 3 * 4 / 11;
	assert_true(fabs(nats_of(m, 4, "ab") + log(start_a * a_b * b_end)) < 1e-12);
	oc_model_ngram.free(m);
	oc_set_fini(&s);
}

/* The probabilities of all items add up to 1, with smoothing and floor. */
static void test_adds_up(void **state)
{
	static const char *const items[] = {"a", "", "ab", "b", "aab", "", "ba", "a"};
	struct oc_set s = set_of(2, items, 8);

	(void)state;
	for (unsigned order = 2; order <= 5; order++) {
		char json[64];
		double sum = 0;
		snprintf(json, sizeof json, "{\"order\":%u,\"floor\":0.05}", order);
		void *m = fit(&s, json);
		struct oc_tokens t = {0};
		for (uint32_t len = 0; len <= 15; len++)
			for (uint32_t bits = 0; bits < 1u << len; bits++) {
				for (uint32_t k = 0; k < len; k++)
					oc_tokens_add(&t, bits >> k & 1);
				oc_tokens_end(&t);
			}
		struct oc_set all = oc_tokens_take(&t, 2);
		double *nats = oc_zalloc(all.item_n, sizeof *nats);
		struct oc_err err = {0};
		assert_int_equal(oc_model_ngram.score(m, &all, nats, &err), 0);
		for (uint64_t i = 0; i < all.item_n; i++)
			sum += exp(-nats[i]);
		assert_true(sum > 1 - 1e-4 && sum < 1 + 1e-10);
		free(nats);
		oc_set_fini(&all);
		oc_model_ngram.free(m);
	}
	oc_set_fini(&s);
}

/* --------------------------------------------------------------- brute force */

#define PAD 8

/* Items as arrays with PAD beginnings (-1) in front and an end (dim) behind. */
struct plain {
	int *text[64];
	int len[64], n, dim;
};

/* How often `gram` (k long) ends at a word or an end. */
static int count(const struct plain *p, const int *gram, int k)
{
	int c = 0;

	for (int i = 0; i < p->n; i++)
		for (int at = PAD; at < p->len[i]; at++) {
			int j = 0;
			while (j < k && p->text[i][at - k + 1 + j] == gram[j])
				j++;
			c += j == k;
		}
	return c;
}

/* n1 / (n1 + 2 n2) of the k-grams, each counted at its first place only. */
static double discount_of(const struct plain *p, int k)
{
	double n1 = 0, n2 = 0;

	for (int i = 0; i < p->n; i++)
		for (int at = PAD; at < p->len[i]; at++) {
			int c = count(p, p->text[i] + at - k + 1, k);
			n1 += c == 1;
			n2 += c == 2 ? 0.5 : 0; /* met twice */
		}
	return n1 > 0 ? n1 / (n1 + 2 * n2) : 0;
}

/* p_k of the last of gram's k tokens after the others. */
static double naive(const struct plain *p, const double *discount, const int *gram, int k)
{
	int total = 0, types = 0, copy[PAD];

	memcpy(copy, gram, (size_t)k * sizeof *copy);
	for (int w = 0; w <= p->dim; w++) {
		copy[k - 1] = w;
		int c = count(p, copy, k);
		total += c;
		types += c > 0;
	}
	if (k == 1)
		return count(p, gram, 1) / (double)total;
	double lower = naive(p, discount, gram + 1, k - 1);
	if (!total)
		return lower;
	double own = count(p, gram, k) - discount[k];
	return (own > 0 ? own : 0) / total + discount[k] * types / total * lower;
}

static struct plain plain_of(const struct oc_set *s)
{
	struct plain p = {.n = (int)s->item_n, .dim = (int)s->dim};

	for (int i = 0; i < p.n; i++) {
		uint64_t from = s->starts[i], n = s->starts[i + 1] - from;
		p.text[i] = oc_alloc((n + PAD + 1) * sizeof(int));
		for (int k = 0; k < PAD; k++)
			p.text[i][k] = -1;
		for (uint64_t k = 0; k < n; k++)
			p.text[i][PAD + k] = (int)s->tokens[from + k];
		p.text[i][PAD + n] = p.dim;
		p.len[i] = (int)n + PAD + 1;
	}
	return p;
}

/* Random items over `dim` tokens, some common and some rare. */
static struct oc_set random_set(uint32_t dim, int n, uint64_t seed)
{
	struct oc_tokens t = {0};
	struct oc_rng rng;

	oc_rng_init(&rng, seed, "items");
	for (int i = 0; i < n; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, (uint64_t)i);
		uint64_t len = oc_draw_below(&d, 8);
		for (uint64_t k = 0; k < len; k++) {
			double u = oc_draw_unit(&d);
			oc_tokens_add(&t, (uint32_t)(u * u * dim));
		}
		oc_tokens_end(&t);
	}
	return oc_tokens_take(&t, dim);
}

static void test_brute_force(void **state)
{
	(void)state;
	for (int order = 2; order <= 5; order++) {
		struct oc_set s = random_set(5, 24, 40 + (uint64_t)order);
		struct oc_set other = random_set(5, 24, 90 + (uint64_t)order);
		struct plain p = plain_of(&s), q = plain_of(&other);
		double discount[6] = {0}, nats[24];
		struct oc_err err = {0};
		char json[64];
		snprintf(json, sizeof json, "{\"order\":%d,\"floor\":0}", order);
		void *m = fit(&s, json);
		assert_int_equal(oc_model_ngram.score(m, &other, nats, &err), 0);
		for (int k = 2; k <= order; k++)
			discount[k] = discount_of(&p, k);
		for (int i = 0; i < q.n; i++) {
			double want = 0;
			for (int at = PAD; at < q.len[i]; at++)
				want -= log(naive(&p, discount, q.text[i] + at - order + 1, order));
			assert_true(nats[i] == want || fabs(nats[i] - want) < 1e-9);
		}
		for (int i = 0; i < p.n; i++) {
			free(p.text[i]);
			free(q.text[i]);
		}
		oc_model_ngram.free(m);
		oc_set_fini(&s);
		oc_set_fini(&other);
	}
}

/* ------------------------------------------------------------------- samples */

/* Frequencies of the next token, by what was drawn before it, against p^(1/T) / Z. */
static void check_samples(double temperature)
{
	struct oc_set s = random_set(6, 30, 7), drawn;
	struct plain p = plain_of(&s);
	double discount[4] = {0, 0, discount_of(&p, 2), discount_of(&p, 3)};
	void *m = fit(&s, "{\"order\":3}");
	struct oc_sampling how = {.size = sizeof how,
	                          .item_n = 20000,
	                          .temperature = temperature,
	                          .max_len = 20,
	                          .seed = 3,
	                          .stream = "draw"};
	struct oc_err err = {0};

	assert_int_equal(oc_model_ngram.sample(m, &how, &drawn, &err), 0);
	assert_int_equal(drawn.item_n, 20000);
	for (int a = -1; a < 6; a++)
		for (int b = -1; b < 6; b++) {
			int seen[7] = {0}, total = 0, gram[3] = {a, b, 0};
			double law[7], z = 0;
			if (a >= 0 && b < 0)
				continue;
			for (uint64_t i = 0; i < drawn.item_n; i++) {
				int x = -1, y = -1;
				uint64_t to = drawn.starts[i + 1];
				if (to - drawn.starts[i] == 20)
					to--; /* cut: what came next is not known */
				for (uint64_t k = drawn.starts[i]; k <= to; k++) {
					int w = k < drawn.starts[i + 1] ? (int)drawn.tokens[k] : 6;
					if (x == a && y == b) {
						seen[w]++;
						total++;
					}
					x = y;
					y = w;
				}
			}
			for (int w = 0; w <= 6; w++) {
				gram[2] = w;
				z += law[w] = pow(naive(&p, discount, gram, 3), 1 / temperature);
			}
			for (int w = 0; w <= 6; w++) {
				double q = law[w] / z, se = sqrt(q * (1 - q) * total);
				assert_true(fabs(seen[w] - q * total) <= 5 * se + 1);
			}
		}
	for (int i = 0; i < p.n; i++)
		free(p.text[i]);
	oc_set_fini(&drawn);
	oc_model_ngram.free(m);
	oc_set_fini(&s);
}

static void test_samples(void **state)
{
	(void)state;
	check_samples(1);
	check_samples(0.6);
	check_samples(0.1); /* rejection gives up */
	check_samples(1.7);
}

static void test_start_and_length(void **state)
{
	struct oc_set s = random_set(6, 30, 7), one, two;
	void *m = fit(&s, "{\"order\":4}");
	uint32_t start[] = {5, 1};
	struct oc_sampling how = {.size = sizeof how,
	                          .item_n = 200,
	                          .temperature = 1,
	                          .max_len = 3,
	                          .seed = 3,
	                          .stream = "draw",
	                          .start = start,
	                          .start_n = 2};
	struct oc_err err = {0};

	(void)state;
	assert_int_equal(oc_model_ngram.sample(m, &how, &one, &err), 0);
	assert_int_equal(oc_model_ngram.sample(m, &how, &two, &err), 0);
	assert_memory_equal(one.starts, two.starts, 201 * sizeof *one.starts);
	assert_memory_equal(one.tokens, two.tokens, one.starts[200] * sizeof *one.tokens);
	for (uint64_t i = 0; i < 200; i++) {
		assert_in_range(one.starts[i + 1] - one.starts[i], 2, 3);
		assert_int_equal(one.tokens[one.starts[i]], 5);
		assert_int_equal(one.tokens[one.starts[i] + 1], 1);
	}
	oc_set_fini(&one);
	how.temperature = 0.001;
	assert_int_equal(oc_model_ngram.sample(m, &how, &one, &err), -1);
	assert_non_null(strstr(err.msg, "temperature"));
	oc_set_fini(&two);
	oc_model_ngram.free(m);
	oc_set_fini(&s);
}

static void test_file(void **state)
{
	struct oc_set s = random_set(6, 30, 7);
	void *m = fit(&s, "{\"order\":4}"), *back;
	char path[] = "/tmp/oc_test_ngram.XXXXXX";
	double a[30], b[30];
	struct oc_err err = {0};
	struct oc_buf bytes = {0};

	(void)state;
	close(mkstemp(path));
	assert_int_equal(oc_model_ngram.save(m, path, &err), 0);
	assert_int_equal(oc_model_ngram.load(&back, path, &err), 0);
	assert_int_equal(oc_model_ngram.score(m, &s, a, &err), 0);
	assert_int_equal(oc_model_ngram.score(back, &s, b, &err), 0);
	assert_memory_equal(a, b, sizeof a);
	oc_model_ngram.free(back);
	assert_int_equal(oc_file_read(path, 1 << 20, &bytes, &err), 0);
	bytes.p[bytes.len / 2] ^= 1;
	assert_int_equal(oc_file_write(path, bytes.p, bytes.len, &err), 0);
	assert_int_equal(oc_model_ngram.load(&back, path, &err), -1);
	assert_int_equal(err.code, OC_INPUT);
	memset(&err, 0, sizeof err);
	assert_int_equal(oc_file_write(path, bytes.p, 20, &err), 0);
	assert_int_equal(oc_model_ngram.load(&back, path, &err), -1);
	unlink(path);
	oc_buf_fini(&bytes);
	oc_model_ngram.free(m);
	oc_set_fini(&s);
}

static void test_bad_sets(void **state)
{
	struct oc_set empty = set_of(3, NULL, 0), s = set_of(3, corpus, 4);
	struct oc_env env = {.size = sizeof env, .name = "test"};
	struct oc_err err = {0};
	void *m;
	double nats[4];

	(void)state;
	assert_int_equal(oc_model_ngram.fit(&m, &env, NULL, &empty, &err), -1);
	assert_int_equal(err.code, OC_INPUT);
	memset(&err, 0, sizeof err);
	s.tokens[2] = 3;
	assert_int_equal(oc_model_ngram.fit(&m, &env, NULL, &s, &err), -1);
	assert_non_null(strstr(err.msg, "token 3 of item 1"));
	memset(&err, 0, sizeof err);
	s.tokens[2] = 0;
	m = fit(&s, "{}");
	s.dim = 9;
	assert_int_equal(oc_model_ngram.score(m, &s, nats, &err), -1);
	oc_model_ngram.free(m);
	oc_set_fini(&s);
	oc_set_fini(&empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maximum_likelihood), cmocka_unit_test(test_adds_up),
		cmocka_unit_test(test_brute_force),        cmocka_unit_test(test_samples),
		cmocka_unit_test(test_start_and_length),   cmocka_unit_test(test_file),
		cmocka_unit_test(test_bad_sets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
