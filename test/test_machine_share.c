/* machine_share: the estimate against closed forms, how often its interval holds the truth, where
 * it must not tell, training (the same bytes at any number of threads), damaged files and states.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "curate/train.h"
#include "data/facts.h"
#include "index/share.h"
#include "folder.h"
#include "stage.h"

extern const struct oc_trainer_def oc_trainer_machine_share;

/* -------------------------------------------------------------- the mixture */

/* A word that a text holds with chance p, or q by a machine, whose ratio is as it is. */
static void put_word(struct oc_share_model *m, uint64_t hash, double p, double q)
{
	m->word[m->word_n++] = (struct oc_share_word){
		hash, (float)(log(q / p) - log((1 - q) / (1 - p))), (float)log((p + q) / 2)};
	m->fit.base += log((1 - q) / (1 - p));
}

static struct oc_share_model *blank(uint32_t words)
{
	struct oc_share_model *m = oc_zalloc(1, sizeof *m);

	m->word = oc_zalloc(words, sizeof *m->word);
	m->fit.slope = 1;
	return m;
}

/* Two words, of which the second tells nothing: the share of texts with the first one is
 * (1 - a) p + a q, so a = (x - p) / (q - p). */
static void two_words_in_closed_form(void **state)
{
	static double count[OC_SHARE_BINS];
	const double p = 0.2, q = 0.7;
	struct oc_share_model *m = blank(2);

	(void)state;
	put_word(m, 11, p, q);
	put_word(m, 22, 0.4, 0.4);
	oc_share_ready(m);
	for (unsigned with = 0; with <= 1000; with += 20) {
		memset(count, 0, sizeof count);
		for (unsigned i = 0; i < 1000; i++) {
			uint64_t hash[2];
			uint32_t n = 0;
			if (i < with)
				hash[n++] = 11;
			if (i % 3)
				hash[n++] = 22;
			struct oc_share_text t = {.ratio = m->fit.base};
			if (n)
				t = oc_share_read_text(m, hash, n, n);
			count[oc_share_bin(m, t.ratio)]++;
		}
		double want = (with / 1000.0 - p) / (q - p), got = oc_share_estimate(count);
		want = fmin(1, fmax(0, want));
		if (fabs(got - want) > 0.006) /* half a bin */
			fail_msg("%u of 1000 texts: %.4f, not %.4f", with, got, want);
		double low, high;
		oc_share_likely(count, &low, &high);
		assert_true(low <= got && got <= high && low >= 0 && high <= 1);
		if (want > 0.2 && want < 0.8) { /* beside the normal law's */
			double x = with / 1000.0, sd = sqrt(x * (1 - x) / 1000) / (q - p);
			assert_true(fabs(high - low - 3.92 * sd) < 0.06 * 3.92 * sd);
		}
	}
	memset(count, 0, sizeof count);
	assert_true(oc_share_estimate(count) == 0.5);
	oc_share_free(m);
}

/* Rows that a mixture explains have no strange words, but for chance; others have. */
static void strange_words_tell_another_domain(void **state)
{
	static struct oc_share_fit f = {
		.human_n = 2000, .machine_n = 1000, .mark_n = OC_SHARE_MARKS};
	uint64_t count[OC_SHARE_MARKS];
	struct oc_rng rng;
	unsigned wrong = 0, rounds = 200;

	(void)state;
	for (unsigned k = 0; k < f.mark_n; k++)
		f.mark[k] = (struct oc_share_mark){k, 0.2, 0.4};
	static const struct {
		uint64_t seen, of;
		bool strange;
	} cases[] = {
		{300, 1000, false}, {280, 1000, false}, {320, 1000, false},
		{390, 1000, false}, {450, 1000, true},  {200, 1000, true},
		{0, 1000, true},    {9, 20, false},     {90, 200, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (unsigned k = 0; k < f.mark_n; k++)
			count[k] = cases[i].seen;
		assert_int_equal(oc_share_strange(&f, count, cases[i].of, 0.4, 0.6),
		                 cases[i].strange ? f.mark_n : 0);
	}
	oc_rng_init(&rng, 5, "test/strange");
	for (unsigned round = 0; round < rounds; round++) {
		double truth = round % 11 / 10.0;
		struct oc_draws d;
		oc_draws_init(&d, &rng, round);
		memset(count, 0, sizeof count);
		for (unsigned k = 0; k < f.mark_n; k++) {
			double p = 0.02 + 0.003 * k, q = k % 2 ? p * 0.6 : p * 1.5;
			/* as the calibration saw them */
			unsigned human = 0, machine = 0;
			for (unsigned i = 0; i < 2000; i++)
				human += oc_draw_unit(&d) < p;
			for (unsigned i = 0; i < 1000; i++)
				machine += oc_draw_unit(&d) < q;
			f.mark[k] = (struct oc_share_mark){k, (human + 0.5) / 2001,
			                                   (machine + 0.5) / 1001};
			for (unsigned i = 0; i < 300; i++)
				count[k] += oc_draw_unit(&d) < (oc_draw_unit(&d) < truth ? q : p);
		}
		wrong += oc_share_strange(&f, count, 300, fmax(0, truth - 0.1),
		                          fmin(1, truth + 0.1)) >= OC_SHARE_STRANGE;
	}
	if (wrong > 2)
		fail_msg("%u of %u mixtures are called strange", wrong, rounds);
}

/* Where the words are as the model has them, the likelihood alone keeps its promise. */
static void likelihood_covers(void **state)
{
	enum { WORDS = 12, TEXTS = 300 };
	static double count[OC_SHARE_BINS];
	struct oc_share_model *m = blank(WORDS);
	double p[WORDS], q[WORDS];
	struct oc_rng rng;
	unsigned covered = 0, rounds = 200;

	(void)state;
	oc_rng_init(&rng, 4, "test/share");
	for (unsigned w = 0; w < WORDS; w++) {
		p[w] = 0.1 + 0.05 * w;
		q[w] = w % 2 ? p[w] * 0.6 : fmin(0.9, p[w] * 1.5);
		put_word(m, w + 1, p[w], q[w]);
	}
	oc_share_ready(m);
	for (unsigned round = 0; round < rounds; round++) {
		double truth = round % 10 / 10.0, low, high;
		struct oc_draws d;
		oc_draws_init(&d, &rng, round);
		memset(count, 0, sizeof count);
		for (unsigned i = 0; i < TEXTS; i++) {
			const double *from = oc_draw_unit(&d) < truth ? q : p;
			uint64_t hash[WORDS];
			uint32_t n = 0;
			for (unsigned w = 0; w < WORDS; w++)
				if (oc_draw_unit(&d) < from[w])
					hash[n++] = w + 1;
			struct oc_share_text t = {.ratio = m->fit.base};
			if (n)
				t = oc_share_read_text(m, hash, n, n);
			count[oc_share_bin(m, t.ratio)]++;
		}
		oc_share_likely(count, &low, &high);
		covered += low <= truth && truth <= high;
	}
	print_message("the likelihood's interval holds the truth in %u of %u\n", covered, rounds);
	assert_true(covered >= 182 && covered < rounds);
	oc_share_free(m);
}

/* ------------------------------------------------------------------ training */

enum kind { HUMAN, MACHINE, FOREIGN };

/* A text of 15 to 40 words out of 200; a machine prefers some of them. */
static void put_text(struct oc_buf *b, struct oc_draws *d, enum kind kind)
{
	uint64_t n = 15 + oc_draw_below(d, 26);

	oc_buf_puts(b, "{\"text\":\"");
	for (uint64_t k = 0; k < n;) {
		double u = oc_draw_unit(d);
		unsigned w = (unsigned)(200 * u * u);
		if (kind == MACHINE && w % 3 == 0 && oc_draw_below(d, 2))
			continue;
		oc_buf_printf(b, "%s%c%u", k++ ? " " : "", kind == FOREIGN ? 'f' : 'w', w);
	}
	oc_buf_puts(b, "\"}");
}

static void make_rows(const char *name, enum kind kind, unsigned n, uint64_t seed)
{
	struct oc_buf b = {0};
	struct oc_rng rng;
	struct oc_err err = {0};
	char path[128];

	oc_rng_init(&rng, seed, kind == HUMAN ? "human" : "machine");
	for (unsigned i = 0; i < n; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		put_text(&b, &d, kind);
		oc_buf_putc(&b, '\n');
	}
	assert_int_equal(oc_file_replace(oc_in_folder(name, path), b.p, b.len, &err), 0);
	oc_buf_fini(&b);
}

struct how {
	unsigned threads;
	uint64_t memory, seed;
};

static int train(const char *name, struct how how, struct oc_buf *said, struct oc_err *err)
{
	char human[128], machine[128], out[128];
	struct oc_arena *a = oc_arena_new();
	struct oc_buf opts = {0};
	struct oc_train t = {.ctx = oc_ctx_new(how.threads ? how.threads : 1, 0),
	                     .out = oc_in_folder(name, out),
	                     .work_dir = oc_folder(),
	                     .seed = how.seed,
	                     .memory = how.memory ? how.memory : 256 << 20,
	                     .said = said};

	oc_buf_printf(&opts, "{\"human\":[\"%s\"],\"machine\":[\"%s\"],\"held\":0.4}",
	              oc_in_folder("human.jsonl", human), oc_in_folder("machine.jsonl", machine));
	yyjson_val *o =
		oc_options_read(a, oc_trainer_machine_share.options, oc_buf_cstr(&opts), err);
	int rc = o ? oc_trainer_machine_share.train(&t, o, err) : -1;
	oc_ctx_free(t.ctx);
	oc_buf_fini(&opts);
	oc_arena_free(a);
	return rc;
}

static void trained(const char *name, unsigned n, uint64_t seed)
{
	struct oc_buf said = {0};
	struct oc_err err = {0};

	make_rows("human.jsonl", HUMAN, n, 2 * seed);
	make_rows("machine.jsonl", MACHINE, n, 2 * seed + 1);
	if (train(name, (struct how){.seed = seed}, &said, &err))
		fail_msg("%s", err.msg);
	oc_buf_fini(&said);
}

static void training(void **state)
{
	struct oc_buf said = {0};
	struct oc_err err = {0};
	char path[128];

	(void)state;
	trained("one", 1000, 1);
	for (unsigned k = 2; k <= 5; k += 3) {
		if (train(k == 2 ? "two" : "five", (struct how){.threads = k, .seed = 1}, &said,
		          &err))
			fail_msg("%s", err.msg);
	}
	assert_true(oc_same_bytes("one", "two") && oc_same_bytes("one", "five"));
	assert_int_equal(train("other", (struct how){.seed = 2}, &said, &err), 0);
	assert_false(oc_same_bytes("one", "other"));

	struct oc_share_model *m = oc_share_open(oc_in_folder("one", path), &err);
	assert_non_null(m);
	assert_true(m->word_n > 150 && m->word_n <= 200);
	assert_true(m->fit.auc > 0.7 && m->fit.auc_low < m->fit.auc && m->fit.slope > 0);
	uint64_t learned = m->fit.human_n + m->fit.machine_n;
	assert_true(learned > 1130 && learned < 1270); /* 0.6 of 2000 */
	for (unsigned k = 0; k < OC_SHARE_MIXES; k++) {
		assert_true(m->fit.spread[k] > 0 && m->fit.spread[k] < 0.2);
		assert_true(fabs(m->fit.estimate[k] - k / 10.0) < 3 * m->fit.spread[k] + 0.01);
	}
	oc_share_free(m);

	assert_int_equal(train("none", (struct how){.memory = 1 << 16}, &said, &err), -1);
	assert_non_null(strstr(err.msg, "--memory"));
	assert_false(oc_file_exists(oc_in_folder("none", path)));
	make_rows("machine.jsonl", MACHINE, 30, 1);
	err = (struct oc_err){0};
	assert_int_equal(train("none", (struct how){0}, &said, &err), -1);
	assert_non_null(strstr(err.msg, "machine texts would be"));
	oc_buf_fini(&said);
}

static bool opens(const char *path, struct oc_err *err)
{
	struct oc_share_model *m = oc_share_open(path, err);

	oc_share_free(m);
	return m != NULL;
}

static void damaged_files(void **state)
{
	(void)state;
	oc_refuses_damage(opens, "one", "no model");
}

/* --------------------------------------------------------------------- stage */

static void opened(struct oc_driven *d, const char *model, const char *more)
{
	struct oc_err err = {0};
	char options[256];

	snprintf(options, sizeof options, "{model: %s/%s%s}", oc_folder(), model, more);
	if (oc_driven_open(d, "machine_share", options, 0, &err))
		fail_msg("%s", err.msg);
}

/* Rows of which exactly `share` are the second kind's, from row `from` on. */
static void feed(struct oc_driven *d, unsigned from, unsigned n, double share, enum kind kind,
                 uint64_t seed)
{
	struct oc_rng rng;

	oc_rng_init(&rng, seed, "test/corpus");
	for (unsigned i = from; i < n; i++) {
		struct oc_batch *b = oc_batch_new(1);
		struct oc_buf json = {0};
		struct oc_draws draws;
		oc_draws_init(&draws, &rng, i);
		put_text(&json, &draws, i < share * n ? kind : HUMAN);
		struct oc_row *row =
			oc_driven_row(b, oc_buf_cstr(&json), i, i % 4 ? OC_REAL : OC_SYNTHETIC);
		oc_driven_run(d, row);
		assert_int_equal(row->verdict_n, 0);
		assert_int_equal(row->fate, OC_LIVE);
		oc_buf_fini(&json);
		oc_batch_free(b);
	}
}

static void told(struct oc_driven *d, struct oc_buf *out)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};

	out->len = 0;
	assert_int_equal(d->def->facts(d->self, out, &err), 0);
	oc_buf_cstr(out);
	yyjson_val *v = oc_json_parse(a, oc_buf_view(out), &err);
	assert_non_null(v);
	if (oc_facts_check(v, &err))
		fail_msg("%s: %s", err.msg, out->p);
	oc_arena_free(a);
}

/* The first figure, which is the share; false: it cannot tell. */
static bool shares(struct oc_driven *d, double *value, double *low, double *high)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_buf out = {0};
	struct oc_err err = {0};

	told(d, &out);
	yyjson_val *v = oc_json_parse(a, oc_buf_view(&out), &err);
	yyjson_val *f = yyjson_arr_get_first(oc_json_get(v, "figures"));
	bool tells = yyjson_is_num(oc_json_get(f, "value"));
	*value = oc_json_get_num(f, "value", -1);
	*low = oc_json_get_num(f, "low", -1);
	*high = oc_json_get_num(f, "high", -1);
	assert_true(tells == (strstr(oc_json_get_str(v, "lead").p, "Cannot tell") == NULL));
	oc_arena_free(a);
	oc_buf_fini(&out);
	return tells;
}

/* Models and corpora drawn anew: what is printed is what a person may believe. */
static void interval_covers(void **state)
{
	enum { MODELS = 20, EACH = 5 };
	unsigned covered = 0;
	double width = 0, off = 0;

	(void)state;
	for (unsigned k = 0; k < MODELS; k++) {
		trained("drawn", 600, 100 + k);
		for (unsigned i = 0; i < EACH; i++) {
			static const double truths[EACH] = {0, 0.1, 0.35, 0.7, 1};
			struct oc_driven d;
			double value, low, high;
			opened(&d, "drawn", "");
			feed(&d, 0, 400, truths[i], MACHINE, 1000 + k * EACH + i);
			assert_true(shares(&d, &value, &low, &high));
			covered += low <= truths[i] && truths[i] <= high;
			width += high - low;
			off += fabs(value - truths[i]);
			oc_driven_close(&d);
		}
	}
	print_message("its interval holds the truth in %u of 100, mean width %.3f, error %.3f\n",
	              covered, width / 100, off / 100);
	assert_true(covered >= 88);
	assert_true(width / 100 < 0.3 && off / 100 < 0.06);
}

static void where_it_cannot_tell(void **state)
{
	struct oc_driven d;
	double value, low, high;

	(void)state;
	opened(&d, "one", ""); /* nothing at all */
	assert_false(shares(&d, &value, &low, &high));
	struct oc_batch *b = oc_batch_new(1);
	oc_driven_run(&d, oc_driven_row(b, "{\"text\":\"\"}", 0, OC_REAL));
	oc_batch_free(b);
	assert_false(shares(&d, &value, &low, &high));
	oc_driven_close(&d);

	opened(&d, "one", ""); /* too few */
	feed(&d, 0, 99, 0.5, MACHINE, 1);
	assert_false(shares(&d, &value, &low, &high));
	oc_driven_close(&d);

	opened(&d, "one", ""); /* of another language, all or every fifth */
	feed(&d, 0, 300, 1, FOREIGN, 1);
	assert_false(shares(&d, &value, &low, &high));
	oc_driven_close(&d);
	opened(&d, "one", "");
	feed(&d, 0, 300, 0.2, FOREIGN, 1);
	assert_false(shares(&d, &value, &low, &high));
	oc_driven_close(&d);

	opened(&d, "one", ", max_unlike: 1"); /* the mean is off still */
	feed(&d, 0, 300, 1, FOREIGN, 1);
	assert_false(shares(&d, &value, &low, &high));
	oc_driven_close(&d);

	trained("same", 600, 7); /* two files of one kind */
	make_rows("machine.jsonl", HUMAN, 600, 99);
	struct oc_buf said = {0};
	struct oc_err err = {0};
	assert_int_equal(train("same", (struct how){0}, &said, &err), 0);
	oc_buf_fini(&said);
	opened(&d, "same", "");
	feed(&d, 0, 300, 0.5, MACHINE, 1);
	assert_false(shares(&d, &value, &low, &high));
	oc_driven_close(&d);
}

static void a_sitting_goes_on(void **state)
{
	struct oc_driven whole, second;
	struct oc_buf a = {0}, b = {0};
	struct oc_err err = {0};

	(void)state;
	opened(&whole, "one", "");
	size_t killed_at[3] = {0};
	for (unsigned k = 0; k < 3; k++) { /* row ranges of three sittings */
		feed(&whole, 150 * k, 150 * (k + 1), k ? 0 : 1, MACHINE, 5);
		killed_at[k] = whole.state.len;
	}
	told(&whole, &a);
	for (unsigned k = 0; k < 3; k++) {
		opened(&second, "one", "");
		assert_int_equal(
			second.def->restore(second.self, whole.state.p, killed_at[k], &err), 0);
		for (unsigned rest = k + 1; rest < 3; rest++)
			feed(&second, 150 * rest, 150 * (rest + 1), 0, MACHINE, 5);
		told(&second, &b);
		assert_true(oc_str_eq(oc_buf_view(&a), oc_buf_view(&b)));
		oc_driven_close(&second);
	}
	opened(&second, "one", "");
	assert_int_equal(second.def->restore(second.self, whole.state.p, 7, &err), -1);
	assert_non_null(strstr(err.msg, "cut short"));
	err = (struct oc_err){0};
	whole.state.p[12] = 0x7F; /* a group that there is not */
	assert_int_equal(second.def->restore(second.self, whole.state.p, killed_at[2], &err), -1);
	assert_non_null(strstr(err.msg, "damaged"));
	oc_driven_close(&second);
	assert_non_null(strstr(a.p, "[\"synthetic\",113,"));
	assert_non_null(strstr(a.p, "[\"real\",337,"));
	oc_driven_close(&whole);
	oc_buf_fini(&a);
	oc_buf_fini(&b);
}

static void groups_by_a_member(void **state)
{
	struct oc_driven d;
	struct oc_buf out = {0};

	(void)state;
	opened(&d, "one", ", by: site");
	for (unsigned i = 0; i < 300; i++) {
		struct oc_batch *b = oc_batch_new(1);
		char json[128];
		if (i % 3)
			snprintf(json, sizeof json, "{\"text\":\"w1 w2 w3\",\"site\":%u}", i % 100);
		else
			snprintf(json, sizeof json, "{\"text\":\"w1 w2 w3\"%s}",
			         i % 2 ? ",\"site\":\"a\\u0000b\"" : "");
		oc_driven_run(&d, oc_driven_row(b, json, i, OC_REAL));
		oc_batch_free(b);
	}
	told(&d, &out);
	assert_non_null(strstr(out.p, "[\"(none)\",50,"));
	assert_non_null(strstr(out.p, "[\"a\\u0000b\",50,"));
	assert_non_null(strstr(out.p, "[\"(others)\","));
	oc_driven_close(&d);
	oc_buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_words_in_closed_form),
		cmocka_unit_test(strange_words_tell_another_domain),
		cmocka_unit_test(likelihood_covers),
		cmocka_unit_test(training),
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(where_it_cannot_tell),
		cmocka_unit_test(a_sitting_goes_on),
		cmocka_unit_test(groups_by_a_member),
		cmocka_unit_test(interval_covers),
	};
	return cmocka_run_group_tests_name("machine_share", tests, oc_folder_up, oc_folder_down);
}
