/*
 * Kneser-Ney: a model small enough for paper, probabilities that sum to one, the same model at any
 * number of threads and in any memory, model files and ARPA files that say the same, and files that
 * must be refused. test/cli/train.sh compares with an independent implementation.
 */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "curate/train.h"
#include "folder.h"
#include "index/kn.h"

extern const struct oc_trainer_def oc_trainer_perplexity;

struct how {
	const char *opts;
	unsigned threads;
	uint64_t memory;
};

/* Trains on rows whose texts are given, a row each, and returns the file's path. */
static const char *train(const struct oc_buf *rows, const char *name, struct how how, char out[128])
{
	char input[128];
	const char *inputs[1] = {oc_in_folder("rows.jsonl", input)};
	struct oc_err err = {0};
	struct oc_arena *a = oc_arena_new();
	struct oc_buf said = {0};
	struct oc_train t = {.ctx = oc_ctx_new(how.threads ? how.threads : 2, 0),
	                     .inputs = inputs,
	                     .input_n = 1,
	                     .out = oc_in_folder(name, out),
	                     .work_dir = oc_folder(),
	                     .memory = how.memory ? how.memory : 64 << 20,
	                     .said = &said};

	assert_int_equal(oc_file_replace(input, rows->p, rows->len, &err), 0);
	yyjson_val *opts = oc_options_read(a, oc_trainer_perplexity.options, how.opts, &err);
	assert_non_null(opts);
	if (oc_trainer_perplexity.train(&t, opts, &err) < 0)
		fail_msg("%s", err.msg);
	oc_ctx_free(t.ctx);
	oc_buf_fini(&said);
	oc_arena_free(a);
	return out;
}

static void add_row(struct oc_buf *rows, const char *text)
{
	oc_buf_puts(rows, "{\"text\":");
	oc_buf_json(rows, oc_str(text));
	oc_buf_puts(rows, "}\n");
}

static double score(const struct oc_kn *kn, const char *text, struct oc_kn_score *out)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_kn_text t;

	oc_kn_cut(a, oc_str(text), oc_kn_shape(kn)->words, false, &t);
	oc_kn_score(kn, &t, NULL, out);
	oc_arena_free(a);
	return out->log10;
}

/* Words drawn with unequal chances, so that counts of 1, 2, 3 and 4 all occur. */
static void add_random_rows(struct oc_buf *rows, unsigned n, unsigned words)
{
	struct oc_rng rng;
	struct oc_draws draws;
	struct oc_buf text = {0};

	oc_rng_init(&rng, 7, "test kn");
	oc_draws_init(&draws, &rng, 0);
	for (unsigned i = 0; i < n; i++) {
		unsigned len = 1 + (unsigned)oc_draw_below(&draws, 12);
		text.len = 0;
		for (unsigned k = 0; k < len; k++) {
			double u = oc_draw_unit(&draws);
			oc_buf_printf(&text, "%sw%u", k ? " " : "", (unsigned)(u * u * u * words));
			if (oc_draw_below(&draws, 20) == 0)
				oc_buf_puts(&text, "\n\n ");
		}
		add_row(rows, oc_buf_cstr(&text));
	}
	oc_buf_fini(&text);
}

static void small_enough_for_paper(void **state)
{
	struct oc_buf rows = {0};
	struct oc_kn *kn;
	struct oc_kn_score s;
	struct oc_err err = {0};
	char path[128];

	(void)state;
	add_row(&rows, "a b\na\n");
	train(&rows, "paper", (struct how){"{\"order\": 2}", 0, 0}, path);
	assert_int_equal(oc_kn_open(&kn, path, 0, 0, &err), 0);
	/*
	 * Discounts 0.5 and 1. Words that stand before: a 1, b 1, </s> 2, of 4; a mass of
	 * (2 x 0.5 + 1) / 4 = 1/2 for four words: p(a) = p(b) = 1/4, p(</s>) = 3/8, p(<unk>) = 1/8.
	 * Behind <s>: a twice: mass 1/2. Behind a: b, </s>: mass 1/2. Behind b: </s>: mass 1/2.
	 */
	double a_start = 0.5 + 0.5 * 0.25, b_a = 0.25 + 0.5 * 0.25, end_a = 0.25 + 0.5 * 0.375,
	       end_b = 0.5 + 0.5 * 0.375;
	assert_true(fabs(score(kn, "a b", &s) - log10(a_start * b_a * end_b)) < 1e-6);
	assert_int_equal(s.tokens, 3);
	assert_int_equal(s.sentences, 1);
	assert_int_equal(s.unknown, 0);
	assert_true(fabs(score(kn, "\n a \n\n", &s) - log10(a_start * end_a)) < 1e-6);
	/* What was never seen backs off: behind <s> with 1/2, behind an unknown word for nothing.
	 */
	assert_true(fabs(score(kn, "zz b", &s) - log10(0.5 * 0.125 * 0.25 * end_b)) < 1e-6);
	assert_int_equal(s.unknown, 1);
	/* The marks count as white space. */
	assert_true(fabs(score(kn, "<s> a </s>", &s) - log10(a_start * end_a)) < 1e-6);
	assert_true(score(kn, " \n\t", &s) == 0);
	assert_true(oc_kn_perplexity(&s) == 0);
	oc_kn_close(kn);
	oc_buf_fini(&rows);
}

/* Sum of p(w | context) over the words and </s> and <unk>. */
static double sum_behind(const struct oc_kn *kn, const char *const *context, unsigned n,
                         unsigned words)
{
	uint64_t key[16], sentence[2] = {0, n + 2};
	float each[16];
	char word[16];
	double sum = 0;
	struct oc_kn_score s;
	struct oc_kn_text t = {.key = key, .sentence = sentence, .n = n + 2, .sentence_n = 1};

	key[0] = oc_kn_word(OC_LIT(OC_KN_BOS));
	for (unsigned i = 0; i < n; i++)
		key[i + 1] = oc_kn_word(oc_str(context[i]));
	for (unsigned w = 0; w < words + 2; w++) {
		snprintf(word, sizeof word, "w%u", w);
		key[n + 1] = oc_kn_word(w < words    ? oc_str(word)
		                        : w == words ? OC_LIT(OC_KN_EOS)
		                                     : OC_LIT(OC_KN_UNK));
		oc_kn_score(kn, &t, each, &s);
		sum += pow(10, (double)each[n + 1]);
	}
	return sum;
}

static void sums_to_one(void **state)
{
	static const char *const contexts[][7] = {{"w0"},
	                                          {"w1", "w0"},
	                                          {"w0", "w0", "w2"},
	                                          {"w5", "w1", "w0", "w0"},
	                                          {"w0", "w1", "w2", "w3", "w0", "w1"},
	                                          {"nowhere", "w0"},
	                                          {"w3", "nowhere"}};
	struct oc_buf rows = {0};
	struct oc_err err = {0};
	char path[128], opts[32];

	(void)state;
	add_random_rows(&rows, 2000, 40);
	for (unsigned w = 0; w < 40; w++) { /* every word occurs */
		snprintf(opts, sizeof opts, "w%u", w);
		add_row(&rows, opts);
	}
	for (unsigned order = 2; order <= OC_KN_ORDER_MAX; order += 2) {
		struct oc_kn *kn;
		snprintf(opts, sizeof opts, "{\"order\": %u}", order);
		train(&rows, "sums", (struct how){opts, 0, 0}, path);
		assert_int_equal(oc_kn_open(&kn, path, 0, 0, &err), 0);
		assert_int_equal(oc_kn_shape(kn)->count[0], 43);
		for (size_t i = 0; i < sizeof contexts / sizeof contexts[0]; i++) {
			unsigned n = 0;
			while (n < 7 && contexts[i][n])
				n++;
			assert_true(fabs(sum_behind(kn, contexts[i], n, 40) - 1) < 2e-5);
		}
		assert_true(fabs(sum_behind(kn, NULL, 0, 40) - 1) < 2e-5);
		oc_kn_close(kn);
	}
	oc_buf_fini(&rows);
}

static bool same_bytes(const char *a, const char *b)
{
	struct oc_buf x = {0}, y = {0};
	struct oc_err err = {0};

	assert_int_equal(oc_file_read(a, 1 << 28, &x, &err), 0);
	assert_int_equal(oc_file_read(b, 1 << 28, &y, &err), 0);
	bool same = oc_str_eq(oc_buf_view(&x), oc_buf_view(&y));
	oc_buf_fini(&x);
	oc_buf_fini(&y);
	return same;
}

static void threads_and_memory_change_nothing(void **state)
{
	struct oc_buf rows = {0};
	char one[128], other[128];

	(void)state;
	add_random_rows(&rows, 30000, 3000);
	for (int arpa = 0; arpa < 2; arpa++) {
		const char *opts = arpa ? "{\"arpa\": true, \"order\": 4}" : "{\"order\": 4}";
		train(&rows, "one", (struct how){opts, 1, 0}, one);
		assert_true(same_bytes(one, train(&rows, "two", (struct how){opts, 2, 0}, other)));
		assert_true(same_bytes(one, train(&rows, "five", (struct how){opts, 5, 0}, other)));
		/* A twentieth of what the n-grams take: everything is sorted on disk. */
		assert_true(same_bytes(
			one, train(&rows, "small", (struct how){opts, 2, 2 << 20}, other)));
	}
	oc_buf_fini(&rows);
}

static void arpa_says_the_same(void **state)
{
	struct oc_buf rows = {0}, texts = {0};
	struct oc_kn *model, *arpa;
	struct oc_err err = {0};
	char path[128];

	(void)state;
	add_random_rows(&rows, 3000, 300);
	train(&rows, "model", (struct how){NULL, 0, 0}, path);
	/* Held in memory; the other tests map it. */
	assert_int_equal(oc_kn_open(&model, path, 0, UINT64_MAX, &err), 0);
	train(&rows, "arpa", (struct how){"{\"arpa\": true}", 0, 0}, path);
	assert_int_equal(oc_kn_open(&arpa, path, 0, 0, &err), 0);
	assert_memory_equal(oc_kn_shape(model)->count, oc_kn_shape(arpa)->count,
	                    sizeof oc_kn_shape(arpa)->count);
	struct oc_rng rng;
	struct oc_draws draws;
	oc_rng_init(&rng, 8, "test kn");
	oc_draws_init(&draws, &rng, 0);
	for (unsigned i = 0; i < 2000; i++) {
		struct oc_kn_score a, b;
		texts.len = 0;
		for (unsigned k = (unsigned)oc_draw_below(&draws, 200); k > 0; k--)
			oc_buf_printf(&texts, "w%u%s", (unsigned)oc_draw_below(&draws, 320),
			              oc_draw_below(&draws, 9) ? " " : "\n");
		score(model, oc_buf_cstr(&texts), &a);
		score(arpa, oc_buf_cstr(&texts), &b);
		assert_int_equal(a.tokens, b.tokens);
		assert_int_equal(a.unknown, b.unknown);
		assert_true(fabs(a.log10 - b.log10) <= 1e-6 * (double)(a.tokens + 1));
	}
	oc_kn_close(model);
	oc_kn_close(arpa);
	oc_buf_fini(&rows);
	oc_buf_fini(&texts);
}

/* A pruned model: "x y z" is there though "y z" is not. */
static void gaps_are_looked_over(void **state)
{
	static const char text[] =
		"made by hand\n\\data\\\nngram 1=5\nngram 2=2\nngram 3=1\n\n"
		"\\1-grams:\n-1 <unk>\n-99\t<s>\t-0.5\n-0.7 </s>\n-0.6 y -0.2\n"
		"-0.8 z\n\n\\2-grams:\n-0.4 <s> y -0.1\n-0.3 z </s>\n\n\\3-grams:\n"
		"-0.05 <s> y z\n\n\\end\\\n";
	struct oc_kn *kn;
	struct oc_kn_score s;
	struct oc_err err = {0};

	(void)state;
	assert_int_equal(oc_kn_arpa(&kn, text, sizeof text - 1, 0, &err), 0);
	assert_true(fabs(score(kn, "y z", &s) - (-0.4 - 0.05 - 0.3)) < 1e-6);
	/* z behind z: the word alone, its context has no backoff. */
	assert_true(fabs(score(kn, "z z", &s) - (-0.5 - 0.8 - 0.8 - 0.3)) < 1e-6);
	oc_kn_close(kn);
}

static void refuses(const char *text, const char *why)
{
	struct oc_kn *kn;
	struct oc_err err = {0};

	assert_int_equal(oc_kn_arpa(&kn, text, strlen(text), 0, &err), -1);
	assert_int_equal(err.code, OC_INPUT);
	if (!strstr(err.msg, why))
		fail_msg("`%s` does not say `%s`", err.msg, why);
}

#define HEAD "\\data\\\nngram 1=2\n\n\\1-grams:\n"

static void bad_arpa_is_refused(void **state)
{
	(void)state;
	refuses("", "no line \\data\\");
	refuses("\\data\\\nngram 1=200", "too short");
	refuses("\\data\\\nngram 2=2\n", "ngram N=COUNT");
	refuses("\\data\\\n\\1-grams:\n", "no words");
	refuses("\\data\\\nngram 1=99999999999999999999\n", "too short");
	refuses(HEAD "-1 a\n-1 a\n\\end\\\n", "twice");
	refuses(HEAD "-1 a\n\\end\\\n", "fewer n-grams");
	refuses(HEAD "-1 a\n-1 b\n-1 c\n\\end\\\n", "more n-grams");
	refuses(HEAD "-1 a\n-1 b\n", "ends in the middle");
	refuses(HEAD "0.5 a\n-1 b\n\\end\\\n", "above 0");
	refuses(HEAD "x a\n-1 b\n\\end\\\n", "log10 probability");
	refuses(HEAD "-1\n-1 b\n\\end\\\n", "too few words");
	refuses(HEAD "-1 a -0.5\n-1 b\n\\end\\\n", "no backoff");
}

static void refuses_file(const char *path, const char *why)
{
	struct oc_kn *kn;
	struct oc_err err = {0};

	assert_int_equal(oc_kn_open(&kn, path, 0, 0, &err), -1);
	if (!strstr(err.msg, why))
		fail_msg("`%s` does not say `%s`", err.msg, why);
}

static void bad_files_are_refused(void **state)
{
	struct oc_buf rows = {0}, file = {0};
	struct oc_err err = {0};
	char path[128];

	(void)state;
	add_row(&rows, "a b c");
	train(&rows, "good", (struct how){0}, path);
	assert_int_equal(oc_file_read(path, 1 << 24, &file, &err), 0);
	refuses_file(oc_in_folder("absent", path), "outcross train perplexity");

	oc_in_folder("bad", path);
	assert_int_equal(oc_file_replace(path, file.p, file.len - 64, &err), 0);
	refuses_file(path, "damaged");
	file.p[8]++; /* the version */
	assert_int_equal(oc_file_replace(path, file.p, file.len, &err), 0);
	refuses_file(path, "newer");
	file.p[0] = 'X';
	assert_int_equal(oc_file_replace(path, file.p, file.len, &err), 0);
	refuses_file(path, "neither a model");
	oc_buf_fini(&rows);
	oc_buf_fini(&file);
}

static void words_are_folded(void **state)
{
	struct oc_buf rows = {0};
	struct oc_kn *kn;
	struct oc_kn_score s;
	struct oc_err err = {0};
	char path[128];

	(void)state;
	add_row(&rows, "The cat, the DOG.");
	train(&rows, "fold", (struct how){"{\"words\": \"fold\"}", 0, 0}, path);
	assert_int_equal(oc_kn_open(&kn, path, 0, 0, &err), 0);
	assert_int_equal(oc_kn_shape(kn)->words, OC_KN_FOLD);
	double whole = score(kn, "the cat the dog", &s);
	assert_int_equal(s.unknown, 0);
	assert_true(score(kn, "THE (cat) - the dog!", &s) == whole);
	oc_kn_close(kn);
	oc_buf_fini(&rows);
}

/* Lines as cc_net spells them; what is between white space of those is a word. */
static void words_as_ccnet_spells(void **state)
{
	static const struct {
		const char *line, *spelt;
	} cases[] = {
		{"", ""},
		{" \xE3\x80\x80 ", ""},
		{"  In 1984, Caf\xC3\xA9 \xC3\x89LAN! ", "in 0000, cafe elan!"},
		{"\xE2\x80\x9CIt\xE2\x80\x99s\xE2\x80\x9D \xE2\x80\x94 so\xE2\x80\xA6",
	         "\"it's\"  -  so..."},
		{"a\tb\x7F"
	         "c\xC2\x85"
	         "d",
	         "abcd"},
		{"\xEF\xBC\x91\xD9\xA3 \xEF\xBC\x81\xE3\x80\x82", "00 !."},
		{"\xEF\xBC\x8E"
	         "a\xE3\x80\x90"
	         "b\xE3\x80\x91",
	         ". a[b]"},
		{"\xE4\xBB\x8A\xE5\xA4\xA9", "\xE4\xBB\x8A\xE5\xA4\xA9"},
		{"x \xCC\x81y", "x y"},
	};
	struct oc_arena *a = oc_arena_new();
	struct oc_kn_text t;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_str got = oc_kn_ccnet(a, oc_str(cases[i].line));
		if (!oc_str_is(got, cases[i].spelt))
			fail_msg("case %zu: `%.*s`", i, OC_ARG(got));
	}
	oc_kn_cut(a, oc_str("\xC3\x89t\xC3\xA9 99\nso\xE2\x80\x94so <unk>\n \n"), OC_KN_CCNET, true,
	          &t);
	assert_int_equal(t.sentence_n, 2);
	assert_int_equal(t.n, 9); /* <s> ete 00 </s> <s> so - so </s> */
	assert_true(oc_str_is(t.word[1], "ete") && oc_str_is(t.word[2], "00"));
	assert_true(oc_str_is(t.word[6], "-") && t.key[5] == t.key[7]);
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_enough_for_paper),
		cmocka_unit_test(sums_to_one),
		cmocka_unit_test(threads_and_memory_change_nothing),
		cmocka_unit_test(arpa_says_the_same),
		cmocka_unit_test(gaps_are_looked_over),
		cmocka_unit_test(bad_arpa_is_refused),
		cmocka_unit_test(bad_files_are_refused),
		cmocka_unit_test(words_are_folded),
		cmocka_unit_test(words_as_ccnet_spells),
	};
	return cmocka_run_group_tests(tests, oc_folder_up, oc_folder_down);
}
