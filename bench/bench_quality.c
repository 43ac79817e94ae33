/*
 * bench_quality.c: learning from, and scoring, documents of about 200 made-up words with the
 * default features (words, pairs of words, runs of four bytes), on one thread, against bare yyjson
 * parsing of the same documents as rows. Prints MB/s.
 *
 *   bench_quality [MEGABYTES]     default 16
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yyjson.h>

#include "base/rng.h"
#include "index/linear.h"

/* Processor seconds of this thread: other processes must not count. */
static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put_document(struct oc_buf *b, const struct oc_rng *rng, uint64_t i)
{
	static const char *const parts[] = {"ra", "ten", "mo", "lis", "ka", "ver", "un", "sto",
	                                    "pe", "dra", "il", "nor", "we", "fat", "os", "ghe"};
	struct oc_draws d;

	oc_draws_init(&d, rng, i);
	for (unsigned words = 0; words < 200; words++) {
		double u = oc_draw_unit(&d);
		uint64_t w = (uint64_t)(20000 * u * u * u * u) + (i % 2 ? 0 : 3);
		do
			oc_buf_puts(b, parts[w % 16]);
		while (w /= 16);
		oc_buf_puts(b, oc_draw_below(&d, 14) ? " " : ". ");
	}
}

int main(int argc, char **argv)
{
	size_t size = (size_t)(argc > 1 ? atoi(argv[1]) : 16) * 1000000;
	struct oc_linear m = {.shape = {.words = 2, .chars_min = 4, .chars_max = 4, .bits = 22}};
	struct oc_linear_train how = {.epochs = 5, .rate = 0.5, .seed = 1};
	struct oc_linear_texts t = {0};
	struct oc_arena *a = oc_arena_new();
	uint64_t *seen = oc_zalloc(1, oc_linear_seen_bytes(&m.shape));
	struct oc_buf text = {0}, json = {0}, ids = {0};
	uint64_t n = 0, good = 0;
	struct oc_rng rng;
	double learn, best = 1e9, bare = 1e9;

	oc_rng_init(&rng, 1, "bench_quality");
	size_t *at = oc_alloc((size / 500 + 2) * sizeof *at);
	for (; text.len < size; n++) {
		at[n] = text.len;
		put_document(&text, &rng, n);
	}
	at[n] = text.len;
	m.weight = oc_zalloc((size_t)1 << m.shape.bits, sizeof *m.weight);
	t.start = oc_zalloc(n + 1, sizeof *t.start);
	t.good = oc_zalloc(n, 1);
	learn = cpu_now();
	for (; t.n < n; t.n++) {
		uint32_t *id;
		size_t k;
		struct oc_str doc = {text.p + at[t.n], at[t.n + 1] - at[t.n]};
		oc_arena_reset(a);
		oc_linear_features(&m.shape, doc, a, seen, &id, &k);
		oc_buf_add(&ids, id, k * sizeof *id);
		t.start[t.n + 1] = t.start[t.n] + k;
		t.good[t.n] = t.n % 2;
	}
	t.id = (uint32_t *)(void *)ids.p;
	oc_linear_fit(&m, &t, &how);
	learn = cpu_now() - learn;

	oc_buf_putc(&json, '[');
	for (uint64_t i = 0; i < n; i++) {
		oc_buf_puts(&json, i ? ",{\"text\":" : "{\"text\":");
		oc_buf_json(&json, (struct oc_str){text.p + at[i], at[i + 1] - at[i]});
		oc_buf_putc(&json, '}');
	}
	oc_buf_putc(&json, ']');
	for (int round = 0; round < 3; round++) {
		double start = cpu_now(), took;
		good = 0;
		for (uint64_t i = 0; i < n; i++) {
			uint32_t *id;
			size_t k;
			struct oc_str doc = {text.p + at[i], at[i + 1] - at[i]};
			oc_arena_reset(a);
			oc_linear_features(&m.shape, doc, a, seen, &id, &k);
			good += (oc_linear_score(&m, id, k) > 0) == (i % 2);
		}
		took = cpu_now() - start;
		best = took < best ? took : best;
		start = cpu_now();
		yyjson_doc_free(yyjson_read(json.p, json.len, 0));
		took = cpu_now() - start;
		bare = took < bare ? took : bare;
	}
	double mb = (double)text.len / 1e6;
	printf("%llu documents, %.0f MB, %.1f features a byte, %.1f %% right, 1 thread\n",
	       (unsigned long long)n, mb, (double)t.start[n] / (double)text.len,
	       100 * (double)good / (double)n);
	printf("  yyjson  %6.0f MB/s\n  score   %6.1f MB/s, best of 3\n  train   %6.1f MB/s, 5 "
	       "epochs\nratio %.1f\n",
	       mb / bare, mb / best, mb / learn, best / bare);
	free(at);
	free(seen);
	free(m.weight);
	free(t.start);
	free(t.good);
	oc_buf_fini(&text);
	oc_buf_fini(&json);
	oc_buf_fini(&ids);
	oc_arena_free(a);
	return good * 2 < n;
}
