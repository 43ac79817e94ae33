/*
 * bench_copies: 5,000 synthetic documents of 220 words, a third with a passage out of one of 20,000
 * real ones, through the stage copies as a plan runs it; then decontaminate over the same rows,
 * with 2,000 benchmark items, against one memchr and one hash pass over the same bytes. copies on
 * one thread and on two, decontaminate on one. The first argument multiplies the numbers of
 * documents.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "docs.h"
#include "plan/registry.h"

enum { REAL = 20000, SYNTHETIC = 5000, ITEMS = 2000 };

/* Words of document i; a synthetic one in three has 20 to 80 words of a real one in its middle. */
static void add_words(const struct docs *d, const struct oc_rng *rng, uint64_t i, uint64_t real_n,
                      unsigned n, struct oc_buf *b)
{
	struct oc_draws own, from;
	unsigned copied = 0;

	oc_draws_init(&own, rng, i);
	if (i >= real_n && oc_draw_below(&own, 3) == 0) {
		copied = 20 + (unsigned)oc_draw_below(&own, 60);
		oc_draws_init(&from, rng, oc_draw_below(&own, real_n));
	}
	for (unsigned k = 0; k < n; k++) {
		bool other = k >= 50 && k < 50 + copied;
		oc_buf_str(b, docs_word(d, other ? &from : &own));
		if (k + 1 < n)
			oc_buf_putc(b, ' ');
	}
}

static bool is_found(const struct oc_row *row)
{
	return row->verdict_n > 0 && row->verdicts[0].score > 0;
}

static int run_copies(struct docs *d, struct oc_ctx *ctx, double baseline, struct oc_err *err)
{
	struct docs_times t;
	char options[64];

	/* as many reference rows in a thousand as 10,000 are of the 200,000 of ten times this */
	snprintf(options, sizeof options, "{\"reference\":%llu}",
	         (unsigned long long)d->real_n / 20);
	if (docs_whole(d, ctx, "copies", options, (uint64_t)256 << 20, &t, err))
		return -1;
	printf("copies, %u threads: observe %.2f s, resolve %.2f s, apply %.2f s; whole %.2f s "
	       "(processor time %.2f s), %.0f documents/s, %llu with a span, "
	       "%.0fx a memchr and hash pass\n",
	       ctx->threads, t.observe, t.resolve, t.apply, t.whole, t.busy, (double)d->n / t.whole,
	       (unsigned long long)d->counted, t.whole / baseline);
	return 0;
}

static int run_decontaminate(struct docs *d, struct oc_ctx *ctx, double baseline,
                             struct oc_err *err)
{
	const struct oc_stage_def *def = oc_stage_find(OC_LIT("decontaminate"));
	void *self = docs_open(d, ctx, def, "{\"against\":[\"items.txt\"],\"action\":\"report\"}",
	                       (uint64_t)256 << 20, err);
	struct oc_step_run step = {
		.def = def, .self = self, .name = "decontaminate", .role = OC_RUN};
	double start = oc_now(), bare, took;
	int rc = -1;

	if (!self || docs_pass(d, ctx, NULL, err))
		goto out;
	bare = oc_now() - start;
	start = oc_now();
	if (docs_pass(d, ctx, &step, err))
		goto out;
	took = oc_now() - start;
	printf("decontaminate: %.2f s, %.0f MB/s a core (%.2f s without the stage), %llu rows hit, "
	       "%.0fx a memchr and hash pass\n",
	       took, (double)d->text.len / 1e6 / took, bare, (unsigned long long)d->counted,
	       took / baseline);
	rc = 0;
out:
	if (self)
		def->close(self);
	return rc;
}

/* One item in ten is the beginning of a document. */
static int write_items(const struct docs *d, const struct oc_rng *rng)
{
	struct oc_buf items = {0}, path = {0};
	int rc = -1;

	for (uint64_t i = 0; i < ITEMS; i++) {
		add_words(d, rng, i % 10 ? 10 * d->n + i : i * (d->n / ITEMS), 100 * d->n, 40,
		          &items);
		oc_buf_putc(&items, '\n');
	}
	oc_buf_printf(&path, "%s/items.txt", d->dir);
	FILE *file = fopen(oc_buf_cstr(&path), "w");
	if (file && fwrite(items.p, 1, items.len, file) == items.len && !fclose(file))
		rc = 0;
	else
		perror(path.p);
	oc_buf_fini(&items);
	oc_buf_fini(&path);
	return rc;
}

int main(int argc, char **argv)
{
	uint64_t times = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, sum = 0;
	uint64_t real_n = times * REAL, n = real_n + times * SYNTHETIC;
	struct docs *d = oc_alloc(sizeof *d);
	struct oc_ctx *ctx = oc_ctx_new(1, 0), *two = oc_ctx_new(2, 0);
	struct oc_err err = {0};
	struct oc_rng rng;

	if (!docs_init(d, "copies"))
		return 1;
	d->counts = is_found;
	d->real_n = real_n;
	oc_rng_init(&rng, 1, "bench/copies");
	for (uint64_t i = 0; i < n; i++) {
		docs_begin(d);
		add_words(d, &rng, i, real_n, DOC_WORDS, &d->text);
		docs_end(d);
	}
	docs_done(d);
	double start = oc_now();
	for (uint64_t i = 0; i < n; i++) {
		struct oc_str row = docs_row(d, i);
		sum += oc_hash64(row.p, row.len, 0) + (memchr(row.p, '\n', row.len) != NULL);
	}
	double baseline = oc_now() - start;
	printf("%llu real, %llu synthetic documents, %.0f MB; memchr and hash: %.4f s (%llx)\n",
	       (unsigned long long)real_n, (unsigned long long)(n - real_n),
	       (double)d->text.len / 1e6, baseline, (unsigned long long)sum);

	int rc = write_items(d, &rng) || run_copies(d, ctx, baseline, &err) ||
	         run_copies(d, two, baseline, &err) || run_decontaminate(d, ctx, baseline, &err);
	if (rc && err.code)
		fprintf(stderr, "%s: %s\n", err.where, err.msg);
	docs_fini(d);
	oc_ctx_free(ctx);
	oc_ctx_free(two);
	free(d);
	return rc ? 1 : 0;
}
