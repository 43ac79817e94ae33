/* The loops against closed forms (facts of categorical loops), thread counts, and plain text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "data/opts.h"
#include "loop/loop.h"
#include "loop/words.h"

struct list {
	char (*text)[96];
	uint64_t n, at;
};

static int next(void *user, struct oc_str *text, struct oc_err *err)
{
	struct list *l = user;

	(void)err;
	if (l->at == l->n)
		return 0;
	*text = oc_str(l->text[l->at++]);
	return 1;
}

/* Texts of `len` words, word i about as likely as 1 / (i + 1). */
static struct list zipf(uint64_t n, uint32_t len, uint32_t kinds, const char *stream)
{
	struct list l = {oc_zalloc(n, sizeof *l.text), n, 0};
	double total = 0;
	struct oc_rng rng;

	for (uint32_t i = 0; i < kinds; i++)
		total += 1.0 / (i + 1);
	oc_rng_init(&rng, 5, stream);
	for (uint64_t i = 0; i < n; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		for (uint32_t k = 0; k < len; k++) {
			double u = oc_draw_unit(&d) * total;
			uint32_t w = 0;
			while (w + 1 < kinds && (u -= 1.0 / (w + 1)) >= 0)
				w++;
			snprintf(l.text[i] + strlen(l.text[i]), 20, "%sword%u", k ? " " : "", w);
		}
	}
	return l;
}

static struct oc_loop_result *run(const char *json, struct list *real, struct list *held,
                                  unsigned threads)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_ctx *ctx = oc_ctx_new(threads, 0);
	struct oc_err err = {0};
	struct oc_loop_result *r = NULL;
	struct oc_texts real_texts = {real, next}, held_texts = {held, next};
	yyjson_val *opts = oc_opts_resolve(a, oc_loop_options, oc_json_parse(a, oc_str(json), &err),
	                                   "rehearse", NULL, NULL, &err);

	real->at = held->at = 0;
	if (!opts || oc_loop_run(&r, ctx, opts, 17, &real_texts, &held_texts, &err))
		fail_msg("%s: %s", err.where, err.msg);
	oc_ctx_free(ctx);
	oc_arena_free(a);
	return r;
}

/* sum p^2 of one-word texts */
static double squares(const struct list *l)
{
	double sum = 0;

	for (uint64_t i = 0; i < l->n; i++)
		for (uint64_t j = 0; j < l->n; j++)
			sum += strcmp(l->text[i], l->text[j]) == 0;
	return sum / ((double)l->n * (double)l->n);
}

static void near(const struct oc_loop_value *v, double want, unsigned runs)
{
	if (fabs(v->mean - want) > 5 * v->sd / sqrt(runs))
		fail_msg("%.6f is not %.6f (standard error %.6f)", v->mean, want,
		         v->sd / sqrt(runs));
}

/*
 * One word a text, no smoothing: each generation is a multinomial draw of n from the one before.
 * With H = 1 - sum p^2 of the texts a generation writes and H0 of the real ones:
 *   replace     E H_t = H0 (1 - 1/n)^t
 *   accumulate  E H_t = H0 (1 - 1/n) prod_{k=2..t} (1 - 1/(n k^2))
 *   fixed       F = E sum p^2 of the training set, C = E sum p r, r the m kept real texts:
 *               C' = (m F_r + s C)/n, F' = [m^2 F_r + 2 m s C + s^2 F + s (1 - F)]/n^2, s = n - m
 */
static void test_closed_forms(void **state)
{
	const unsigned runs = 300, n = 200, m = 60;
	struct list real = zipf(n, 1, 50, "real"), held = zipf(300, 1, 60, "held");
	struct oc_loop_result *r = run("{\"order\":2,\"discount\":0,\"generations\":10,"
	                               "\"real_share\":0.3,\"runs\":300}",
	                               &real, &held, 2);
	double f0 = squares(&real), h0 = 1 - f0, replace = h0, accumulate = h0 * (1 - 1.0 / n);
	double s = n - m, fr = f0 + h0 / m * (n - m) / (n - 1), f = f0, c = f0, unique = 0;

	(void)state;
	assert_int_equal(r->arm_n, 3);
	assert_int_equal(r->real_n, n);
	assert_int_equal(r->held_n, 300);
	for (unsigned t = 1; t <= 10; t++) {
		replace *= 1 - 1.0 / n;
		near(&r->arms[0].at[t].simpson, replace, runs);
		if (t > 1) {
			accumulate *= 1 - 1.0 / (n * (double)t * t);
			double f_next =
				(m * (double)m * fr + 2 * m * s * c + s * s * f + s * (1 - f)) /
				((double)n * n);
			c = (m * fr + s * c) / n;
			f = f_next;
		}
		near(&r->arms[1].at[t].simpson, (1 - f) * (1 - 1.0 / n), runs);
		near(&r->arms[2].at[t].simpson, accumulate, runs);
	}
	/* distinct words of the first generation: sum 1 - (1 - p)^n */
	for (uint64_t i = 0; i < n; i++) {
		unsigned same = 0;
		for (uint64_t j = 0; j < n; j++)
			same += strcmp(real.text[i], real.text[j]) == 0;
		unique += (1 - pow(1 - same / (double)n, n)) / same;
	}
	for (int a = 0; a < 3; a++) {
		near(&r->arms[a].at[1].distinct, unique, runs);
		assert_true(fabs(r->arms[a].at[0].simpson.mean - h0) < 1e-12);
		assert_true(r->arms[a].at[0].simpson.sd < 1e-9);
		assert_true(isnan(r->arms[a].at[0].loss.mean));
	}
	assert_int_equal(r->arms[0].verdict, OC_LOOP_FALLS);
	assert_true(r->arms[0].at[10].survivors.mean < r->arms[1].at[10].survivors.mean);
	assert_true(r->arms[1].at[10].survivors.mean < r->arms[2].at[10].survivors.mean);
	assert_true(r->arms[0].at[10].loss.mean > r->arms[2].at[10].loss.mean);
	assert_true((double)r->held_known >= r->arms[2].at[10].survivors.mean);
	assert_null(strstr(r->verdict, "safe"));
	assert_non_null(strstr(r->verdict, "200 real texts"));
	oc_loop_free(r);
	free(real.text);
	free(held.text);
}

/* Every number and word is the same at 1, 2 and 5 threads. */
static void test_threads(void **state)
{
	struct list real = zipf(300, 4, 80, "real"), held = zipf(220, 4, 80, "held");
	struct oc_buf json[3] = {{0}};
	static const unsigned threads[] = {1, 2, 5};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct oc_loop_result *r =
			run("{\"generations\":4,\"temperature\":0.8}", &real, &held, threads[i]);
		oc_loop_json(&json[i], r);
		oc_loop_free(r);
	}
	assert_string_equal(oc_buf_cstr(&json[0]), oc_buf_cstr(&json[1]));
	assert_string_equal(oc_buf_cstr(&json[0]), oc_buf_cstr(&json[2]));

	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	yyjson_val *v = oc_json_parse(a, oc_buf_view(&json[0]), &err);
	assert_non_null(v);
	assert_int_equal(yyjson_arr_size(oc_json_path(v, OC_LIT("arms.2.survivors"))), 5);
	assert_true(oc_str_eq(oc_json_str(oc_json_path(v, OC_LIT("start"))), OC_LIT("word0")));
	assert_int_equal(yyjson_arr_size(oc_json_path(v, OC_LIT("arms.0.says"))), 3);
	assert_true(
		oc_str_starts(oc_json_str(oc_json_path(v, OC_LIT("arms.0.says.0.text"))), "word0"));
	oc_arena_free(a);
	for (int i = 0; i < 3; i++)
		oc_buf_fini(&json[i]);
	free(real.text);
	free(held.text);
}

static void test_too_few(void **state)
{
	struct list real = zipf(100, 3, 20, "real"), held = zipf(199, 3, 20, "held"), none = {0};
	struct oc_loop_result *r =
		run("{\"loops\":[\"replace\"],\"generations\":5}", &real, &held, 1);
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_err err = {0};
	struct oc_arena *a = oc_arena_new();

	(void)state;
	assert_int_equal(r->arms[0].verdict, OC_LOOP_UNTOLD);
	assert_non_null(strstr(r->verdict, "Too few held-out texts to tell"));
	oc_loop_free(r);
	yyjson_val *opts = oc_opts_resolve(a, oc_loop_options, NULL, "rehearse", NULL, NULL, &err);
	struct oc_texts real_texts = {&real, next}, none_texts = {&none, next};
	assert_int_equal(oc_loop_run(&r, ctx, opts, 1, &real_texts, &none_texts, &err), -1);
	assert_int_equal(err.code, OC_INPUT);
	memset(&err, 0, sizeof err);
	opts = oc_json_parse(a, OC_LIT("{\"model\":\"ngram\",\"loops\":[\"forget\"]}"), &err);
	assert_int_equal(oc_loop_run(&r, ctx, opts, 1, &real_texts, &none_texts, &err), -1);
	assert_non_null(strstr(err.msg, "no loop `forget`"));
	oc_ctx_free(ctx);
	oc_arena_free(a);
	free(real.text);
	free(held.text);
}

static void test_words(void **state)
{
	struct oc_vocab v = {0};
	struct oc_str text = OC_LIT("A well-known dog's (big) n\xc3\xa4mes;  -x a."), token;
	uint32_t ids[32];
	size_t n = 0;
	struct oc_buf b = {0};

	(void)state;
	assert_int_equal(oc_vocab_find(&v, OC_LIT("a")), UINT32_MAX);
	while (oc_word_next(&text, &token))
		ids[n++] = oc_vocab_id(&v, token);
	oc_words_join(&b, &v, ids, n);
	assert_string_equal(oc_buf_cstr(&b), "a well-known dog's (big) n\xc3\xa4mes; - x a.");
	assert_int_equal(ids[0], ids[n - 2]);
	assert_true(v.counted[ids[0]]);
	assert_false(v.counted[ids[n - 1]]);
	assert_int_equal(oc_vocab_find(&v, OC_LIT("BIG")), ids[4]);
	assert_int_equal(oc_vocab_find(&v, OC_LIT("cat")), UINT32_MAX);
	for (int i = 0; i < 5000; i++) {
		char word[16];
		snprintf(word, sizeof word, "w%d", i % 2500);
		assert_int_equal(oc_vocab_id(&v, oc_str(word)), 11 + i % 2500);
	}
	oc_buf_fini(&b);
	oc_vocab_fini(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_closed_forms),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_too_few),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
