/*
 * bench_nearest: the real row beside a machine-made one. 1,000,000 real rows of 20 to 60 words
 * (Zipf's law over 30,000) pass by for 20 rows sought for (the report's examples) and for 2,000 (a
 * queue for people), on one thread and on two; and, on as many pairs as three seconds allow,
 * comparing all with all (bit-parallel, no index). Times are the processor's.
 *
 *   bench_nearest [real rows]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rng.h"
#include "index/rouge.h"
#include "run/nearest.h"
#include "zipf.h"

enum { VOCABULARY = 30000, PART = 512 };

static struct zipf zipf;

static void make_row(const struct oc_rng *rng, uint64_t i, struct oc_buf *b)
{
	struct oc_draws d;

	oc_draws_init(&d, rng, i);
	unsigned n = 20 + (unsigned)oc_draw_below(&d, 41);
	b->len = 0;
	oc_buf_puts(b, "{\"text\":\"");
	for (unsigned k = 0; k < n; k++)
		oc_buf_printf(b, "%sw%x", k ? " " : "", zipf_draw(&zipf, &d));
	oc_buf_puts(b, "\"}");
}

/* Of the processor, of all threads: the machine may be busy. */
static double seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* Rows are made PART at a time, outside the time that is taken. */
static double pass(const struct oc_rng *rng, uint64_t real, unsigned asked, unsigned threads,
                   double *mean)
{
	struct oc_nearest *n = oc_nearest_new(threads, true);
	struct oc_arena *a = oc_arena_new();
	struct oc_str keys[PART], rows[PART];
	struct oc_buf b = {0};
	double took = 0, begun;

	for (unsigned i = 0; i < asked; i++) {
		make_row(rng, ((uint64_t)1 << 40) + i, &b);
		oc_nearest_ask(n, oc_buf_view(&b));
	}
	for (uint64_t at = 0; at < real; at += PART) {
		uint32_t m = 0;
		oc_arena_reset(a);
		for (; m < PART && at + m < real; m++) {
			make_row(rng, at + m, &b);
			keys[m] = OC_LIT("real:1");
			rows[m] = oc_arena_str(a, oc_buf_view(&b));
		}
		begun = seconds();
		oc_nearest_offer(n, keys, rows, m);
		took += seconds() - begun;
	}
	*mean = 0;
	begun = seconds();
	for (unsigned i = 0; i < asked; i++)
		*mean += oc_nearest_get(n, i).rouge / asked;
	took += seconds() - begun;
	oc_nearest_free(n);
	oc_arena_free(a);
	oc_buf_fini(&b);
	return took;
}

/* Seconds a pair takes when all are compared with all. */
static double everything(const struct oc_rng *rng)
{
	enum { REAL = 20000 };
	struct oc_rouge *all = oc_rouge_new(0.7);
	struct oc_arena *a = oc_arena_new();
	struct oc_buf b = {0};
	uint64_t pairs = 0;

	for (unsigned i = 0; i < REAL; i++) {
		make_row(rng, i, &b);
		oc_arena_reset(a);
		struct oc_words w = oc_text_rouge(a, oc_buf_view(&b));
		oc_rouge_add(all, &w);
	}
	double begun = seconds();
	for (unsigned i = 0; seconds() - begun < 3; i++, pairs += REAL) {
		struct oc_rouge_hit hit;
		double mean;
		make_row(rng, ((uint64_t)1 << 40) + i, &b);
		oc_arena_reset(a);
		struct oc_words w = oc_text_rouge(a, oc_buf_view(&b));
		oc_rouge_top(all, &w, &hit, 1, &mean);
	}
	double took = seconds() - begun;
	oc_rouge_free(all);
	oc_arena_free(a);
	oc_buf_fini(&b);
	return took / (double)pairs;
}

int main(int argc, char **argv)
{
	static const unsigned asked[] = {20, 2000};
	uint64_t real = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	struct oc_rng rng;

	zipf_init(&zipf, VOCABULARY, 1);
	oc_rng_init(&rng, 7, "bench nearest");
	double pair = everything(&rng);
	printf("comparing all with all: %.0f ns a pair\n", pair * 1e9);
	for (unsigned k = 0; k < 2; k++)
		for (unsigned threads = 1; threads <= 2; threads++) {
			double mean, took = pass(&rng, real, asked[k], threads, &mean);
			printf("%llu real rows, %4u sought for, %u thread%s: %6.2f s, %5.2f us a "
			       "real row, mean ROUGE-L %.3f; all with all %.0f s, %.0fx\n",
			       (unsigned long long)real, asked[k], threads, threads > 1 ? "s" : " ",
			       took, took / (double)real * 1e6, mean,
			       pair * (double)real * asked[k],
			       pair * (double)real * asked[k] / took);
		}
	zipf_fini(&zipf);
	return 0;
}
