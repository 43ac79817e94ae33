/*
 * bench_near_dup: 200,000 documents of 220 words, one in ten a near copy of an earlier one, through
 * the stage near_dup as a plan runs it (pass, spill, sort, pass), against hashing the same bytes
 * once with XXH3 on one thread. The first argument is another number of documents; with a second
 * one the documents are only written there, one a line, for other programs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "docs.h"

/* One row in ten is an earlier text with up to 20 words changed. */
static void add_row(struct docs *d, const struct oc_rng *rng, uint64_t i)
{
	struct oc_draws own, edits;
	unsigned changes = 0;

	oc_draws_init(&edits, rng, i + ((uint64_t)1 << 40));
	if (i && oc_draw_below(&edits, 10) == 0) {
		i = oc_draw_below(&edits, i);
		changes = (unsigned)oc_draw_below(&edits, 20);
	}
	oc_draws_init(&own, rng, i);
	docs_begin(d);
	for (unsigned k = 0; k < DOC_WORDS; k++) {
		struct oc_str word = docs_word(d, &own);
		if (changes && oc_draw_below(&edits, DOC_WORDS) < changes)
			word = docs_word(d, &edits);
		oc_buf_str(&d->text, word);
		if (k + 1 < DOC_WORDS)
			oc_buf_putc(&d->text, ' ');
	}
	docs_end(d);
}

static bool is_gone(const struct oc_row *row)
{
	return row->fate == OC_REJECTED;
}

static int run(struct docs *d, struct oc_ctx *ctx, double hashing, struct oc_err *err)
{
	struct docs_times t;

	if (docs_whole(d, ctx, "near_dup", "{}", (uint64_t)256 << 20, &t, err))
		return -1;
	printf("observe: %6.2f s (%u threads: parse, words, shingles, signatures, spill)\n",
	       t.observe, ctx->threads);
	printf("resolve: %6.2f s (sort, verify)\n", t.resolve);
	printf("apply:   %6.2f s (parse again, decide)\n", t.apply);
	printf("whole:   %6.2f s, %.0f documents/s, %llu removed, %.0fx the time of hashing\n",
	       t.whole, (double)d->n / t.whole, (unsigned long long)d->counted, t.whole / hashing);
	return 0;
}

/* One at a time. */
static int write_rows(const char *path, struct docs *d, const struct oc_rng *rng, uint64_t n)
{
	FILE *f = fopen(path, "w");

	for (uint64_t i = 0; f && i < n; i++) {
		d->text.len = d->starts.len = 0;
		add_row(d, rng, i);
		oc_buf_putc(&d->text, '\n');
		if (fwrite(d->text.p, 1, d->text.len, f) != d->text.len)
			break;
	}
	if (!f || ferror(f) || fclose(f)) {
		perror(path);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000, sum = 0;
	struct docs *d = oc_alloc(sizeof *d);
	struct oc_ctx *ctx = oc_ctx_new(0, 0);
	struct oc_err err = {0};
	struct oc_rng rng;
	int rc;

	if (!docs_init(d, "near-dup"))
		return 1;
	d->counts = is_gone;
	oc_rng_init(&rng, 1, "bench/near_dup");
	if (argc > 2) {
		rc = write_rows(argv[2], d, &rng, n);
	} else {
		for (uint64_t i = 0; i < n; i++)
			add_row(d, &rng, i);
		docs_done(d);
		double start = oc_now();
		for (uint64_t i = 0; i < n; i++)
			sum += oc_hash64(docs_row(d, i).p, docs_row(d, i).len, 0);
		double hashing = oc_now() - start;
		printf("%llu documents, %.0f MB; hashing once: %.3f s (%llx)\n",
		       (unsigned long long)n, (double)d->text.len / 1e6, hashing,
		       (unsigned long long)sum);
		rc = run(d, ctx, hashing, &err);
		if (rc)
			fprintf(stderr, "%s: %s\n", err.where, err.msg);
	}
	docs_fini(d);
	oc_ctx_free(ctx);
	free(d);
	return rc ? 1 : 0;
}
