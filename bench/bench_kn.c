/*
 * bench_kn.c: texts scored by a Kneser-Ney model on one thread, cutting into words included.
 *
 *   bench_kn                      a model of made-up text, against looking up bare words (1-grams)
 *   bench_kn MODEL TEXT [OUT]     lines of TEXT by MODEL; OUT gets log10 p of each line, as text.
 *                                 bench/peers/kenlm.sh runs KenLM beside it.
 *
 * Prints tokens a second, and in the first form the time against that of cutting alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/rng.h"
#include "curate/train.h"
#include "index/kn.h"

#define REPEATS 3

extern const struct oc_trainer_def oc_trainer_perplexity;

/* Processor seconds of this thread: other processes must not count. */
static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int die(const struct oc_err *err)
{
	fprintf(stderr, "bench_kn: %s: %s\n", err->where, err->msg);
	return 1;
}

/* Pieces of about 64 KiB, cut at line ends, as rows are. */
static struct oc_str piece(struct oc_str text, size_t from)
{
	size_t to = from + 65536 < text.len ? from + 65536 : text.len;

	while (to < text.len && text.p[to - 1] != '\n')
		to++;
	return (struct oc_str){text.p + from, to - from};
}

struct times {
	double cut, both; /* seconds, the best of REPEATS */
	struct oc_kn_score total;
};

static void measure(const struct oc_kn *kn, struct oc_str text, struct times *t)
{
	struct oc_arena *a = oc_arena_new();

	*t = (struct times){.cut = 1e9, .both = 1e9};
	for (int repeat = 0; repeat < REPEATS; repeat++) {
		double cut = 0, start = cpu_now();
		struct oc_kn_score sum = {0}, s;
		for (size_t at = 0; at < text.len;) {
			struct oc_str one = piece(text, at);
			struct oc_kn_text words;
			double before = cpu_now();
			oc_arena_reset(a);
			oc_kn_cut(a, one, OC_KN_WHITESPACE, false, &words);
			cut += cpu_now() - before;
			oc_kn_score(kn, &words, NULL, &s);
			sum.log10 += s.log10;
			sum.tokens += s.tokens;
			sum.unknown += s.unknown;
			at += one.len;
		}
		double both = cpu_now() - start;
		t->cut = cut < t->cut ? cut : t->cut;
		t->both = both < t->both ? both : t->both;
		t->total = sum;
	}
	oc_arena_free(a);
}

static int write_lines(const struct oc_kn *kn, struct oc_str text, const char *path,
                       struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_buf out = {0};

	while (text.len) {
		const char *nl = memchr(text.p, '\n', text.len);
		struct oc_str line = {text.p, nl ? (size_t)(nl - text.p) : text.len};
		struct oc_kn_text words;
		struct oc_kn_score s;
		oc_arena_reset(a);
		oc_kn_cut(a, line, OC_KN_WHITESPACE, false, &words);
		oc_kn_score(kn, &words, NULL, &s);
		if (s.tokens)
			oc_buf_printf(&out, "%.7f\n", s.log10);
		text.p += line.len + (nl != NULL);
		text.len -= line.len + (nl != NULL);
	}
	int rc = oc_file_replace(path, out.p, out.len, err);
	oc_buf_fini(&out);
	oc_arena_free(a);
	return rc;
}

/* Words of a vocabulary in which small numbers are common. */
static void make_text(struct oc_buf *text, uint64_t lines, const char *stream, bool rows)
{
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, 1, stream);
	for (uint64_t i = 0; i < lines; i++) {
		oc_draws_init(&d, &rng, i);
		oc_buf_puts(text, rows ? "{\"text\":\"" : "");
		for (uint64_t n = 5 + oc_draw_below(&d, 30); n > 0; n--) {
			double u = oc_draw_unit(&d);
			oc_buf_printf(text, "word%x%s", (unsigned)(50000 * u * u * u * u * u),
			              n > 1 ? " " : "");
		}
		oc_buf_puts(text, rows ? "\"}\n" : "\n");
	}
}

static int made_up(struct oc_kn **kn, struct oc_buf *text, char dir[32], struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_buf rows = {0}, said = {0};
	struct oc_ctx *ctx = oc_ctx_new(0, 0);
	char input[64], out[64];
	const char *inputs[] = {input};
	struct oc_train t = {.ctx = ctx,
	                     .inputs = inputs,
	                     .input_n = 1,
	                     .out = out,
	                     .work_dir = dir,
	                     .memory = (uint64_t)1 << 30,
	                     .said = &said};
	int rc = -1;

	snprintf(input, sizeof input, "%s/rows.jsonl", dir);
	snprintf(out, sizeof out, "%s/model.kn", dir);
	make_text(&rows, 100000, "train", true);
	make_text(text, 20000, "test", false);
	double start = oc_now();
	if (oc_file_replace(input, rows.p, rows.len, err) == 0 &&
	    oc_trainer_perplexity.train(
		    &t, oc_options_read(a, oc_trainer_perplexity.options, NULL, err), err) == 0)
		rc = oc_kn_open(kn, out, OC_KN_WHITESPACE, UINT64_MAX, err);
	printf("train: 100,000 lines in %.2f s on %u threads\n", oc_now() - start, ctx->threads);
	oc_buf_fini(&rows);
	oc_buf_fini(&said);
	oc_ctx_free(ctx);
	oc_arena_free(a);
	return rc;
}

int main(int argc, char **argv)
{
	char dir[32] = "/tmp/bench-kn-XXXXXX";
	struct oc_kn *kn = NULL;
	struct oc_buf text = {0};
	struct oc_err err = {0}, ignored = {0};
	struct times t;

	if (argc > 2) {
		if (oc_kn_open(&kn, argv[1], OC_KN_WHITESPACE, UINT64_MAX, &err) < 0 ||
		    oc_file_read(argv[2], (size_t)1 << 32, &text, &err) < 0)
			return die(&err);
	} else {
		if (!mkdtemp(dir))
			return 1;
		int rc = made_up(&kn, &text, dir, &err);
		oc_remove_tree(dir, &ignored);
		if (rc < 0)
			return die(&err);
	}
	measure(kn, oc_buf_view(&text), &t);
	double tokens = (double)t.total.tokens;
	printf("score: %.0f tokens, %llu unknown, log10 p %.3f\n", tokens,
	       (unsigned long long)t.total.unknown, t.total.log10);
	printf("ours   %.4f s  %.2f M tokens/s  %.1f MB/s  (cutting alone %.4f s, ratio %.2f)\n",
	       t.both, tokens / t.both / 1e6, (double)text.len / t.both / 1e6, t.cut,
	       t.both / t.cut);
	if (argc > 3 && write_lines(kn, oc_buf_view(&text), argv[3], &err) < 0)
		return die(&err);
	oc_kn_close(kn);
	oc_buf_fini(&text);
	return 0;
}
