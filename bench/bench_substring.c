/*
 * bench_substring: documents of 220 words, a third of which have a passage of 20 to 80 words out of
 * an earlier one and a tenth the same 40 words of notices, 254 MB with the first argument 10 (the
 * default 2 makes 51 MB), through the stage substring as a plan runs it, on two threads; against
 * one copy of the same bytes in memory, and against the bare pass without a stage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "docs.h"

enum { ROWS = 20000 };

static void add_row(struct docs *d, const struct oc_rng *rng, uint64_t i)
{
	struct oc_draws own, from;
	unsigned copied = 0;
	bool notice;

	oc_draws_init(&own, rng, i);
	if (i && oc_draw_below(&own, 3) == 0) {
		copied = 20 + (unsigned)oc_draw_below(&own, 60);
		oc_draws_init(&from, rng, oc_draw_below(&own, i));
	}
	notice = oc_draw_below(&own, 10) == 0;
	docs_begin(d);
	for (unsigned k = 0; k < DOC_WORDS; k++) {
		struct oc_draws *of = k >= 50 && k < 50 + copied ? &from : &own;
		oc_buf_str(&d->text, notice && k < 40 ? d->vocabulary[k * 97] : docs_word(d, of));
		oc_buf_putc(&d->text, k + 1 < DOC_WORDS ? ' ' : '.');
	}
	docs_end(d);
}

static bool is_found(const struct oc_row *row)
{
	return row->verdict_n > 0;
}

static int run(struct docs *d, struct oc_ctx *ctx, double copy, struct oc_err *err)
{
	struct docs_times t;
	double start = oc_now();

	if (docs_pass(d, ctx, NULL, err))
		return -1;
	double bare = oc_now() - start;
	if (docs_whole(d, ctx, "substring", "{\"action\":\"cut\",\"field\":\"text\"}",
	               (uint64_t)512 << 20, &t, err))
		return -1;
	printf("substring: observe %.2f s, resolve %.2f s (processor time %.2f s), apply %.2f s; "
	       "whole %.2f s (%.2f s), %.0f MB/s, %llu documents cut, %.0fx a copy in memory, "
	       "%.1fx the bare pass\n",
	       t.observe, t.resolve, t.resolve_busy, t.apply, t.whole, t.busy,
	       (double)d->text.len / 1e6 / t.whole, (unsigned long long)d->counted, t.whole / copy,
	       t.whole / bare);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t n = (argc > 1 ? strtoull(argv[1], NULL, 10) : 2) * ROWS;
	struct docs *d = oc_alloc(sizeof *d);
	struct oc_ctx *ctx = oc_ctx_new(2, 0);
	struct oc_err err = {0};
	struct oc_rng rng;
	struct rusage used;

	if (!docs_init(d, "substring"))
		return 1;
	d->counts = is_found;
	oc_rng_init(&rng, 1, "bench/substring");
	for (uint64_t i = 0; i < n; i++)
		add_row(d, &rng, i);
	docs_done(d);
	char *other = oc_alloc(d->text.len);
	memset(other, 1, d->text.len);
	double start = oc_now();
	memcpy(other, d->text.p, d->text.len);
	double copy = oc_now() - start;
	printf("%llu documents, %.0f MB; a copy in memory: %.4f s (%d)\n", (unsigned long long)n,
	       (double)d->text.len / 1e6, copy, other[d->text.len / 2]);
	free(other);

	int rc = run(d, ctx, copy, &err);
	if (rc)
		fprintf(stderr, "%s: %s\n", err.where, err.msg);
	else if (!getrusage(RUSAGE_SELF, &used))
		printf("peak resident %.0f MB, of which the documents %.0f\n",
		       (double)used.ru_maxrss / 1e3, (double)d->text.len / 1e6);
	docs_fini(d);
	oc_ctx_free(ctx);
	free(d);
	return rc ? 1 : 0;
}
