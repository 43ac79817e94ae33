/*
 * bench_novelty: 52,000 texts of 8 to 18 words through the novelty index, from text to decision;
 * then the cost of one more candidate; and, on the same texts, comparing with everything
 * (bit-parallel, no index), on as many as a few seconds allow.
 *
 * Words follow Zipf's law over 30,000; one text in four is an earlier one with some words changed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/rng.h"
#include "index/rouge.h"
#include "zipf.h"

enum { TEXTS = 52000, VOCABULARY = 30000, MORE = 2000 };

static struct zipf zipf;

static void make_text(const struct oc_rng *rng, uint64_t i, struct oc_buf *b)
{
	struct oc_draws d, edits;
	unsigned changes = 0;

	oc_draws_init(&edits, rng, i + ((uint64_t)1 << 40));
	if (i && oc_draw_below(&edits, 4) == 0) {
		i = oc_draw_below(&edits, i);
		changes = 1 + (unsigned)oc_draw_below(&edits, 8);
	}
	oc_draws_init(&d, rng, i);
	unsigned n = 8 + (unsigned)oc_draw_below(&d, 11);
	b->len = 0;
	for (unsigned k = 0; k < n; k++) {
		unsigned word = zipf_draw(&zipf, &d);
		if (changes && oc_draw_below(&edits, n) < changes)
			word = zipf_draw(&zipf, &edits);
		oc_buf_printf(b, "%sw%x", k ? " " : "", word);
	}
}

/* Adds until the texts or the seconds are used up; returns how many texts were looked at. */
static uint32_t filter(const struct oc_str *texts, uint32_t n, bool all, double seconds,
                       struct oc_rouge *r, double *took)
{
	struct oc_arena *a = oc_arena_new();
	double start = oc_now();
	uint32_t i = 0;

	while (i < n) {
		struct oc_words w = oc_text_rouge(a, oc_text_lower(a, texts[i++]));
		struct oc_rouge_hit hit;
		if (!(all ? oc_rouge_find_all(r, &w, &hit) : oc_rouge_find(r, &w, &hit)))
			oc_rouge_add(r, &w);
		if (!(i & 255)) {
			oc_arena_reset(a);
			if (oc_now() - start > seconds)
				break;
		}
	}
	*took = oc_now() - start;
	oc_arena_free(a);
	return i;
}

int main(void)
{
	struct oc_rng rng;
	struct oc_buf b = {0};
	struct oc_arena *a = oc_arena_new();
	struct oc_str *texts = oc_zalloc(TEXTS + MORE, sizeof *texts);
	struct oc_rouge *index = oc_rouge_new(0.7), *same = oc_rouge_new(0.7),
			*plain = oc_rouge_new(0.7);
	double all, one, part, both;

	zipf_init(&zipf, VOCABULARY, 2.7);
	oc_rng_init(&rng, 1, "bench/novelty");
	for (uint32_t i = 0; i < TEXTS + MORE; i++) {
		make_text(&rng, i, &b);
		texts[i] = oc_arena_str(a, oc_buf_view(&b));
	}
	filter(texts, TEXTS, false, 1e9, index, &all);
	printf("index, %d texts:        %8.2f s, %u kept, %llu LCS, %.1f MB (bar: 5 s)\n", TEXTS,
	       all, oc_rouge_count(index), (unsigned long long)oc_rouge_lcs_runs(index),
	       (double)oc_rouge_memory(index) / 1e6);
	filter(texts + TEXTS, MORE, false, 1e9, index, &one);
	printf("one more candidate:        %8.3f ms (bar: 1 ms)\n", one / MORE * 1e3);

	uint32_t n = filter(texts, TEXTS, true, 8, plain, &part);
	filter(texts, n, false, 1e9, same, &both);
	printf("everything, first %u: %9.2f s, %u kept, %llu LCS\n", n, part, oc_rouge_count(plain),
	       (unsigned long long)oc_rouge_lcs_runs(plain));
	printf("index, the same:           %8.2f s, %u kept: %.0fx faster\n", both,
	       oc_rouge_count(same), part / both);
	int rc = oc_rouge_count(plain) != oc_rouge_count(same) || all > 5;
	oc_rouge_free(index);
	oc_rouge_free(same);
	oc_rouge_free(plain);
	oc_arena_free(a);
	oc_buf_fini(&b);
	free(texts);
	zipf_fini(&zipf);
	return rc;
}
