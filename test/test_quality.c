/* quality: features, the area under the curve against all pairs, calibration against a known law,
 * training (the same bits at any number of threads), files that must be refused, the stage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <math.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "curate/train.h"
#include "index/linear.h"
#include "folder.h"
#include "stage.h"
#include "stat/auc.h"

extern const struct oc_trainer_def oc_trainer_quality;

/* ----------------------------------------------------------------- features */

static const struct oc_linear_shape plain = {.words = 2, .bits = 22};

static size_t features(const struct oc_linear_shape *s, struct oc_str text, uint32_t out[4096])
{
	struct oc_arena *a = oc_arena_new();
	uint64_t *seen = oc_zalloc(1, oc_linear_seen_bytes(s));
	uint32_t *id;
	size_t n;

	uint32_t *once;
	size_t once_n;
	oc_linear_features(s, text, a, seen, &once, &once_n);
	oc_linear_features(s, text, a, NULL, &id, &n);
	n = oc_linear_distinct(id, n, seen);
	assert_true(n <= 4096 && n == once_n);
	for (size_t i = 0; i < n; i++)
		assert_true(id[i] == once[i]);
	if (n)
		memcpy(out, id, n * sizeof *id);
	for (size_t i = 0; i < oc_linear_seen_bytes(s) / 8; i++)
		assert_true(seen[i] == 0);
	free(seen);
	oc_arena_free(a);
	return n;
}

static void what_a_feature_is(void **state)
{
	static const struct {
		const char *text;
		size_t n; /* tokens once each, and pairs once each */
	} cases[] = {
		{"", 0},
		{"   ", 0},
		{"word", 1},
		{"two words", 3},
		{"word word word", 2},
		{"a, b", 5},
		{"a b a b", 4},
		{"line\nline", 4},
		{"\xE5\xAD\xA9\xE5\xAD\x90\xE4\xBB\xAC", 5},
		{"\xD7\x90\xD7\x91 \xD7\x92", 3},
		{"\xFF\xFE\x80", 1},
		{"x_1y", 1},
	};
	static uint32_t id[4096], other[4096];
	struct oc_linear_shape s = plain;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t n = features(&s, oc_str(cases[i].text), id);
		if (n != cases[i].n)
			fail_msg("\"%s\" has %zu features, not %zu", cases[i].text, n, cases[i].n);
	}
	assert_int_equal(features(&s, OC_LIT("Word"), id), 1);
	assert_int_equal(features(&s, OC_LIT("word"), other), 1);
	assert_true(id[0] != other[0]);
	s.lower = true;
	features(&s, OC_LIT("Word"), id);
	features(&s, OC_LIT("word"), other);
	assert_true(id[0] == other[0]);
	s = (struct oc_linear_shape){.chars_min = 3, .chars_max = 4, .bits = 20};
	assert_int_equal(features(&s, OC_LIT("abcdef"), id), 4 + 3);
	assert_int_equal(features(&s, OC_LIT("abababab"), id), 2 + 2);
	assert_int_equal(features(&s, OC_LIT("ab"), id), 0);
	s = (struct oc_linear_shape){.chars_min = 8, .chars_max = 8, .bits = 20};
	assert_int_equal(features(&s, OC_LIT("12345678"), id), 1);
	assert_int_equal(features(&s, OC_LIT("1234567"), id), 0);
}

/* -------------------------------------------------------------- the measures */

static void area_against_all_pairs(void **state)
{
	struct oc_rng rng;

	(void)state;
	oc_rng_init(&rng, 3, "test/auc");
	for (unsigned round = 0; round < 60; round++) {
		enum { MOST = 120 };
		double score[MOST], low, high, sum = 0, v[2] = {0, 0}, mean[2] = {0, 0};
		uint8_t good[MOST];
		struct oc_draws d;
		uint64_t n, count[2] = {0, 0};

		oc_draws_init(&d, &rng, round);
		n = 20 + oc_draw_below(&d, MOST - 20);
		for (uint64_t i = 0; i < n; i++) {
			good[i] = (uint8_t)(i < 2 ? i : oc_draw_below(&d, 2));
			score[i] = (double)oc_draw_below(&d, round % 2 ? 10 : 1000) + 3 * good[i];
			count[good[i]]++;
		}
		for (unsigned kind = 0; kind < 2; kind++)
			for (uint64_t i = 0; i < n; i++) {
				double share = 0;
				if (good[i] != kind)
					continue;
				for (uint64_t k = 0; k < n; k++)
					if (good[k] != kind)
						share += score[k] < score[i]    ? 1
						         : score[k] == score[i] ? 0.5
						                                : 0;
				share /= (double)count[!kind];
				mean[kind] += share / (double)count[kind];
				v[kind] += share * share / (double)count[kind];
				sum += kind ? share / (double)count[1] : 0;
			}
		double auc = oc_auc(score, good, n, 0.95, &low, &high);
		assert_true(fabs(auc - sum) < 1e-12);
		double variance = 0;
		for (unsigned kind = 0; kind < 2; kind++) /* DeLong's S10/m + S01/n */
			variance += count[kind] > 1 ? (v[kind] - mean[kind] * mean[kind]) /
			                                      (double)(count[kind] - 1)
			                            : 0;
		if (variance > 1e-9 && auc < 1 && auc > 0) {
			double logit = log(auc / (1 - auc));
			double half = 1.959963984540054 * sqrt(variance) / (auc * (1 - auc));
			assert_true(fabs(low - 1 / (1 + exp(half - logit))) < 1e-9);
			assert_true(fabs(high - 1 / (1 + exp(-half - logit))) < 1e-9);
		}
	}
	double apart[] = {1, 2, 3, 4, 5, 6}, low, high;
	uint8_t kind[] = {0, 0, 0, 1, 1, 1};
	assert_true(oc_auc(apart, kind, 6, 0.95, &low, &high) == 1);
	assert_true(high == 1 && low > 0.2 && low < 0.4); /* three clean trials */
	assert_true(oc_auc(apart, kind, 3, 0.95, &low, &high) == 0.5 && low == 0 && high == 1);
}

/* Labels drawn from a known law: its slope and offset come back. */
static void calibration(void **state)
{
	enum { N = 40000 };
	double *score = oc_alloc(N * sizeof *score);
	uint8_t *good = oc_alloc(N);
	struct oc_linear m = {0};
	struct oc_rng rng;

	(void)state;
	oc_rng_init(&rng, 9, "test/platt");
	for (unsigned i = 0; i < N; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		score[i] = oc_draw_normal(&d);
		good[i] = oc_draw_unit(&d) < 1 / (1 + exp(-(2.5 * score[i] - 0.7)));
	}
	oc_linear_calibrate(&m, score, good, N);
	assert_true(fabs(m.slope - 2.5) < 0.1 && fabs(m.offset + 0.7) < 0.06);
	for (unsigned i = 0; i < N; i++)
		score[i] *= 1000;
	oc_linear_calibrate(&m, score, good, N);
	assert_true(fabs(m.slope - 0.0025) < 0.0001);
	for (unsigned i = 0; i < 20; i++) /* told apart without a fault: still finite */
		good[i] = score[i] > 0;
	oc_linear_calibrate(&m, score, good, 20);
	assert_true(isfinite(m.slope) && isfinite(m.offset) && m.slope > 0);
	free(score);
	free(good);
}

/* ------------------------------------------------------------------ training */

/* Sentences of made-up words; good ones use some words more often. */
static void make_rows(const char *path, bool good, unsigned n, const char *junk)
{
	static const char *const words[] = {"river", "stone", "blue", "walk", "table", "green",
	                                    "over",  "under", "some", "very", "click", "buy",
	                                    "now",   "offer", "free", "deal"};
	struct oc_buf b = {0};
	struct oc_rng rng;
	struct oc_err err = {0};

	oc_rng_init(&rng, good, "test/quality");
	for (unsigned i = 0; i < n; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		oc_buf_puts(&b, "{\"text\":\"");
		for (unsigned k = 0; k < 12; k++) {
			bool common = oc_draw_below(&d, 3) > 0;
			uint64_t w = oc_draw_below(&d, 8) + (common == good ? 0 : 8);
			oc_buf_printf(&b, "%s%s", k ? " " : "", words[w]);
		}
		oc_buf_puts(&b, "\"}\n");
	}
	oc_buf_puts(&b, junk);
	assert_int_equal(oc_file_replace(path, b.p, b.len, &err), 0);
	oc_buf_fini(&b);
}

struct how {
	const char *extra;
	unsigned threads;
	uint64_t memory, seed;
};

static int train(const char *name, struct how how, struct oc_buf *said, struct oc_err *err)
{
	char good[128], bad[128], out[128];
	struct oc_arena *a = oc_arena_new();
	struct oc_buf opts = {0};
	struct oc_train t = {.ctx = oc_ctx_new(how.threads ? how.threads : 2, 0),
	                     .out = oc_in_folder(name, out),
	                     .work_dir = oc_folder(),
	                     .seed = how.seed,
	                     .memory = how.memory ? how.memory : 256 << 20,
	                     .said = said};

	oc_buf_printf(&opts, "{\"good\":[\"%s\"],\"bad\":[\"%s\"]%s}",
	              oc_in_folder("good.jsonl", good), oc_in_folder("bad.jsonl", bad),
	              how.extra ? how.extra : ",\"bits\":18");
	yyjson_val *o = oc_options_read(a, oc_trainer_quality.options, oc_buf_cstr(&opts), err);
	int rc = o ? oc_trainer_quality.train(&t, o, err) : -1;
	oc_ctx_free(t.ctx);
	oc_buf_fini(&opts);
	oc_arena_free(a);
	return rc;
}

static void trained(const char *name, struct how how, struct oc_buf *said)
{
	struct oc_err err = {0};
	if (train(name, how, said, &err))
		fail_msg("%s", err.msg);
}

static double said_number(const struct oc_buf *said, const char *key)
{
	const char *p = strstr(said->p, key);
	assert_non_null(p);
	return strtod(p + strlen(key) + 2, NULL);
}

static void training(void **state)
{
	struct oc_buf said = {0};
	struct oc_err err = {0};
	char path[128];

	(void)state;
	make_rows(oc_in_folder("good.jsonl", path), true, 1500, "{\"text\":\"\"}\n");
	make_rows(oc_in_folder("bad.jsonl", path), false, 1500, "not json\n");
	trained("one", (struct how){.threads = 1}, &said);
	oc_buf_cstr(&said);
	assert_true(said_number(&said, "auc") > 0.9);
	assert_true(said_number(&said, "auc_low") < said_number(&said, "auc"));
	assert_true(said_number(&said, "brier") < 0.15);
	double held = said_number(&said, "held_out");
	assert_true(held > 200 && held < 400);
	assert_int_equal(said_number(&said, "good") + said_number(&said, "bad") + held, 3000);
	assert_int_equal(said_number(&said, "empty"), 1);
	said.len = 0;
	trained("two", (struct how){.threads = 2}, &said);
	trained("five", (struct how){.threads = 5}, &said);
	trained("other", (struct how){.seed = 7}, &said);
	assert_true(oc_same_bytes("one", "two") && oc_same_bytes("one", "five"));
	assert_false(oc_same_bytes("one", "other"));

	struct oc_linear *m = oc_linear_read(oc_in_folder("one", path), &err);
	assert_non_null(m);
	assert_int_equal(m->shape.bits, 18);
	assert_true(m->held_n == (uint64_t)held && m->auc_low < m->auc);
	oc_linear_free(m);

	assert_int_equal(
		train("none", (struct how){.extra = ",\"words\":0,\"chars\":0"}, &said, &err), -1);
	assert_non_null(strstr(err.msg, "no features"));
	err = (struct oc_err){0};
	assert_int_equal(train("none", (struct how){.memory = 4 << 20}, &said, &err), -1);
	assert_non_null(strstr(err.msg, "--memory"));
	assert_false(oc_file_exists(oc_in_folder("none", path)));
	err = (struct oc_err){0};
	assert_int_equal(
		oc_file_replace(oc_in_folder("bad.jsonl", path), "{\"text\":\"x\"}\n", 13, &err),
		0);
	assert_int_equal(train("none", (struct how){0}, &said, &err), -1);
	assert_non_null(strstr(err.msg, "there are no bad rows"));
	oc_buf_fini(&said);
}

static bool opens(const char *path, struct oc_err *err)
{
	struct oc_linear *m = oc_linear_read(path, err);

	oc_linear_free(m);
	return m != NULL;
}

static void damaged_files(void **state)
{
	char path[128];
	struct oc_buf b = {0};
	struct oc_err err = {0};

	(void)state;
	oc_refuses_damage(opens, "one", "no classifier");
	assert_int_equal(oc_file_read(oc_in_folder("one", path), 1u << 28, &b, &err), 0);
	b.p[24] = 60; /* bits */
	oc_refuses(opens, b.p, b.len, "damaged");
	oc_buf_fini(&b);
}

/* --------------------------------------------------------------------- stage */

static double judge(struct oc_driven *d, struct oc_str json, char out[256])
{
	struct oc_batch *b = oc_batch_new(1);
	struct oc_row *row = oc_driven_row(b, json.p, 0, OC_REAL);

	oc_driven_run(d, row);
	snprintf(out, 256, "%s %s %.*s", oc_fate_name(row->fate), oc_last_rule(row),
	         (int)(row->raw.len < 160 ? row->raw.len : 160), row->raw.p);
	double score = row->verdicts[0].score;
	oc_batch_free(b);
	return score;
}

static void opened(struct oc_driven *d, const char *more)
{
	struct oc_err err = {0};
	char options[256];

	snprintf(options, sizeof options, "{model: %s/one%s}", oc_folder(), more);
	if (oc_driven_open(d, "quality", options, 0, &err))
		fail_msg("%s", err.msg);
}

static void the_stage(void **state)
{
	struct oc_driven d;
	char got[256];

	(void)state;
	opened(&d, "");
	assert_true(judge(&d, OC_LIT("{\"text\":\"walk over the blue river stone\"}"), got) > 0.8);
	assert_non_null(strstr(got, "live quality"));
	assert_true(judge(&d, OC_LIT("{\"text\":\"buy now free offer deal click\"}"), got) < 0.2);
	assert_non_null(strstr(got, "rejected quality"));
	judge(&d, OC_LIT("{\"text\":\"  \"}"), got);
	assert_non_null(strstr(got, "rejected empty"));

	/* a word a million times is that word */
	struct oc_buf b = {0};
	oc_buf_puts(&b, "{\"text\":\"river");
	for (unsigned i = 0; i < 1000000; i++)
		oc_buf_puts(&b, " river");
	oc_buf_puts(&b, "\"}");
	double many = judge(&d, (struct oc_str){oc_buf_cstr(&b), b.len}, got);
	double three = judge(&d, OC_LIT("{\"text\":\"river river river\"}"), got);
	assert_true(fabs(many - three) < 1e-9);
	oc_buf_fini(&b);
	oc_driven_close(&d);

	opened(&d, ", min: 0, label: p, field: t");
	judge(&d, OC_LIT("{\"t\":\"buy now\",\"x\":1.0}"), got);
	assert_non_null(strstr(got, "live quality {\"t\":\"buy now\",\"x\":1.0,\"p\":0."));
	oc_driven_close(&d);
}

static void hostile_texts_are_linear(void **state)
{
	static const char *const units[] = {"a ",           "a",    ".",   "\n",
	                                    "\xE5\xAD\xA9", "\xFF", "ab1", "\xD7\x90\xD7\x91 "};
	struct oc_arena *a = oc_arena_new();
	struct oc_linear_shape s = {.words = 5, .chars_min = 1, .chars_max = 8, .bits = 22};
	uint64_t *seen = oc_zalloc(1, oc_linear_seen_bytes(&s));

	(void)state;
	for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
		clock_t t[2];
		for (int size = 0; size < 2; size++) {
			struct oc_buf b = {0};
			uint32_t *id;
			size_t n;
			while (b.len < (size ? 1u << 21 : 1u << 18))
				oc_buf_puts(&b, units[u]);
			oc_arena_reset(a);
			clock_t start = clock();
			oc_linear_features(&s, oc_buf_view(&b), a, seen, &id, &n);
			t[size] = clock() - start;
			assert_true(n > 0 && n < 100);
			oc_buf_fini(&b);
		}
		if (t[1] > 24 * t[0] + CLOCKS_PER_SEC / 10)
			fail_msg("%s: not linear", units[u]);
	}
	free(seen);
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_feature_is),
		cmocka_unit_test(area_against_all_pairs),
		cmocka_unit_test(calibration),
		cmocka_unit_test(training),
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(the_stage),
		cmocka_unit_test(hostile_texts_are_linear),
	};
	return cmocka_run_group_tests(tests, oc_folder_up, oc_folder_down);
}
