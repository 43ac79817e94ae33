/* The nearest of very many texts, against comparing all with all; and how little it compares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "index/closest.h"
#include "index/rouge.h"

struct shape {
	unsigned few, many, words, shortest, longest, copies; /* one text in `copies` is an edit */
};

/* Word k with a probability of about 1 / k. */
static unsigned draw_word(struct oc_draws *d, unsigned words)
{
	unsigned top = 1 + (unsigned)oc_draw_below(d, words);
	return (unsigned)oc_draw_below(d, 1 + (unsigned)oc_draw_below(d, top));
}

static void text_of(const struct shape *s, const struct oc_rng *rng, uint64_t i, struct oc_buf *b)
{
	struct oc_draws d, edits;

	oc_draws_init(&edits, rng, i + ((uint64_t)1 << 40));
	bool edit = i && oc_draw_below(&edits, s->copies) == 0;
	oc_draws_init(&d, rng, edit ? oc_draw_below(&edits, i) : i);
	unsigned n = s->shortest + (unsigned)oc_draw_below(&d, s->longest - s->shortest + 1);
	b->len = 0;
	for (unsigned k = 0; k < n; k++) {
		unsigned word = draw_word(&d, s->words);
		if (edit && oc_draw_below(&edits, 5) == 0)
			word = draw_word(&edits, s->words);
		oc_buf_printf(b, " w%u", word);
	}
}

static struct oc_words words_of(const struct shape *s, const struct oc_rng *rng, uint64_t i,
                                struct oc_arena *a)
{
	struct oc_buf b = {0};

	text_of(s, rng, i, &b);
	struct oc_words w = oc_text_rouge(a, oc_arena_str(a, oc_buf_view(&b)));
	oc_buf_fini(&b);
	return w;
}

/* The share of pairs whose LCS was computed. */
static double compare(const struct shape *s, uint64_t seed)
{
	struct oc_closest *c = oc_closest_new();
	struct oc_rouge *all = oc_rouge_new(0.7);
	struct oc_arena *a = oc_arena_new();
	struct oc_rng rng;

	oc_rng_init(&rng, seed, "closest");
	for (unsigned i = 0; i < s->few; i++) {
		struct oc_words w = words_of(s, &rng, (uint64_t)i * 7, a);
		assert_int_equal(oc_closest_add(c, &w), i);
	}
	for (unsigned i = 0; i < s->many; i++) {
		const uint32_t *improved;
		struct oc_words w = words_of(s, &rng, 5000 + i, a);
		uint32_t n = oc_closest_look(c, &w, i, &improved);
		for (uint32_t k = 0; k < n; k++)
			assert_int_equal(oc_closest_best(c, improved[k]).number, i);
		oc_rouge_add(all, &w);
	}
	for (unsigned i = 0; i < s->few; i++) {
		struct oc_rouge_hit hit;
		struct oc_closest_best best = oc_closest_best(c, i);
		struct oc_words w = words_of(s, &rng, (uint64_t)i * 7, a);
		double mean;
		assert_int_equal(oc_rouge_top(all, &w, &hit, 1, &mean), 1);
		assert_true(best.f == hit.f);
		assert_int_equal(best.number, hit.item);
	}
	double share = (double)oc_closest_lcs_runs(c) / ((double)s->few * s->many);
	oc_closest_free(c);
	oc_rouge_free(all);
	oc_arena_free(a);
	return share;
}

static void answers_are_those_of_comparing_everything(void **state)
{
	static const struct shape shapes[] = {
		{40, 3000, 300, 4, 12, 3},   /* short, many alike, many ties */
		{60, 2000, 5000, 5, 40, 6},  /* prose */
		{20, 1000, 800, 50, 300, 4}, /* longer than a word of 64 */
		{50, 2000, 6, 0, 5, 4},      /* empty ones, and hardly any words */
		{30, 1500, 40, 1, 90, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			compare(&shapes[i], seed);
}

static void few_pairs_are_compared(void **state)
{
	(void)state;
	double share = compare(&(struct shape){100, 20000, 20000, 20, 60, 20}, 9);
	if (share > 0.05)
		fail_msg("%.3f of the pairs were compared", share);
}

static void without_texts_there_is_no_best(void **state)
{
	struct oc_closest *c = oc_closest_new();
	struct oc_arena *a = oc_arena_new();
	struct oc_words w = oc_text_rouge(a, OC_LIT("one two"));

	(void)state;
	oc_closest_add(c, &w);
	assert_true(oc_closest_best(c, 0).f < 0);
	oc_closest_free(c);
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_those_of_comparing_everything),
		cmocka_unit_test(few_pairs_are_compared),
		cmocka_unit_test(without_texts_there_is_no_best),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
