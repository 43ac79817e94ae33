/*
 * bench_copies: 5,000 synthetic documents of 220 words, a third with a passage out of one of 20,000
 * real ones, through the stage copies as a plan runs it; then decontaminate over the same rows,
 * with 2,000 benchmark items, against one memchr and one hash pass over the same bytes. copies on
 * one thread and on two, decontaminate on one. The first argument multiplies the numbers of
 * documents.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/opts.h"
#include "data/row.h"
#include "pipe/pass.h"
#include "pipe/spill.h"
#include "plan/registry.h"

enum { WORDS = 220, VOCABULARY = 40000, REAL = 20000, SYNTHETIC = 5000, ITEMS = 2000 };

static struct oc_str vocabulary[VOCABULARY];

static struct oc_str draw_word(struct oc_draws *d)
{
	double u = oc_draw_unit(d);
	return vocabulary[(unsigned)(VOCABULARY * u * u * u)];
}

/* Words of document i; a synthetic one in three has 20 to 80 words of a real one in its middle. */
static void make_words(const struct oc_rng *rng, uint64_t i, uint64_t real_n, unsigned n,
                       struct oc_buf *b)
{
	struct oc_draws d, from;
	unsigned copied = 0;

	oc_draws_init(&d, rng, i);
	if (i >= real_n && oc_draw_below(&d, 3) == 0) {
		copied = 20 + (unsigned)oc_draw_below(&d, 60);
		oc_draws_init(&from, rng, oc_draw_below(&d, real_n));
	}
	for (unsigned k = 0; k < n; k++) {
		bool other = k >= 50 && k < 50 + copied;
		oc_buf_str(b, draw_word(other ? &from : &d));
		if (k + 1 < n)
			oc_buf_putc(b, ' ');
	}
}

struct feed {
	const struct oc_buf *text;
	const uint64_t *starts;
	uint64_t next, n, real_n, found;
};

static int feed(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct feed *f = user;
	uint64_t bytes = 0;

	(void)err;
	while (f->next < f->n && batch->row_n < OC_BATCH_ROWS && bytes < OC_BATCH_BYTES) {
		struct oc_row *row = oc_batch_add(batch);
		uint64_t at = f->starts[f->next];
		row->raw = (struct oc_str){f->text->p + at, f->starts[f->next + 1] - at};
		row->ped.origin = f->next < f->real_n ? OC_REAL : OC_SYNTHETIC;
		row->ped.depth = f->next >= f->real_n;
		row->ped.key =
			oc_arena_printf(batch->arena, "docs:%llu", (unsigned long long)f->next++);
		bytes += row->raw.len;
	}
	return f->next < f->n;
}

static int emit(void *user, struct oc_batch *batch, struct oc_buf *encoded, struct oc_err *err)
{
	struct feed *f = user;

	(void)encoded;
	(void)err;
	for (uint32_t i = 0; i < batch->row_n; i++)
		f->found += batch->rows[i].verdict_n > 0 && batch->rows[i].verdicts[0].score > 0;
	return 0;
}

static void *open_stage(const struct oc_stage_def *def, struct oc_ctx *ctx, const char *dir,
                        const char *options, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	void *self = NULL;
	struct oc_env env = {.size = sizeof env,
	                     .ctx = ctx,
	                     .name = def->name,
	                     .base_dir = dir,
	                     .work_dir = dir,
	                     .memory = (uint64_t)256 << 20};
	yyjson_val *given = oc_json_parse(a, oc_str(options), err);
	yyjson_val *opts =
		given ? oc_opts_resolve(a, def->options, given, def->name, NULL, NULL, err) : NULL;

	if (!opts || def->open(&self, &env, opts, err))
		self = NULL;
	oc_arena_free(a);
	return self;
}

static int pass(struct oc_ctx *ctx, struct feed *f, struct oc_step_run *step, struct oc_err *err)
{
	struct oc_pass p = {.ctx = ctx,
	                    .steps = step,
	                    .step_n = step ? 1 : 0,
	                    .threads = ctx->threads,
	                    .user = f,
	                    .feed = feed,
	                    .emit = emit};

	f->next = f->found = 0;
	return oc_pass_run(&p, err);
}

static int run_copies(struct oc_ctx *ctx, struct feed *f, const char *dir, double baseline,
                      struct oc_err *err)
{
	const struct oc_stage_def *def = oc_stage_find(OC_LIT("copies"));
	char options[64];
	/* as many reference rows in a thousand as 10,000 are of the 200,000 of ten times this */
	snprintf(options, sizeof options, "{\"reference\":%llu}",
	         (unsigned long long)f->real_n / 20);
	void *self = open_stage(def, ctx, dir, options, err);
	struct oc_spill *spill =
		oc_spill_open(ctx, dir, "seen", def->stream_n, (uint64_t)256 << 20, err);
	double start = oc_now(), observed, resolved, applied;
	clock_t cpu = clock();
	int rc = -1;
	struct oc_step_run step = {
		.def = def, .self = self, .name = "copies", .role = OC_OBSERVE, .spill = spill};

	if (!self || !spill || pass(ctx, f, &step, err))
		goto out;
	observed = oc_now();
	if (def->resolve(self, spill, err))
		goto out;
	resolved = oc_now();
	step.role = OC_APPLY;
	step.spill = NULL;
	if (pass(ctx, f, &step, err))
		goto out;
	applied = oc_now();
	printf("copies, %u threads: observe %.2f s, resolve %.2f s, apply %.2f s; whole %.2f s "
	       "(processor time %.2f s), %.0f documents/s, %llu with a span, "
	       "%.0fx a memchr and hash pass\n",
	       ctx->threads, observed - start, resolved - observed, applied - resolved,
	       applied - start, (double)(clock() - cpu) / CLOCKS_PER_SEC,
	       (double)f->n / (applied - start), (unsigned long long)f->found,
	       (applied - start) / baseline);
	rc = 0;
out:
	oc_spill_close(spill);
	if (self)
		def->close(self);
	return rc;
}

static int run_decontaminate(struct oc_ctx *ctx, struct feed *f, const char *dir, double baseline,
                             struct oc_err *err)
{
	const struct oc_stage_def *def = oc_stage_find(OC_LIT("decontaminate"));
	void *self = open_stage(def, ctx, dir,
	                        "{\"against\":[\"items.txt\"],\"action\":\"report\"}", err);
	struct oc_step_run step = {
		.def = def, .self = self, .name = "decontaminate", .role = OC_RUN};
	double start = oc_now(), bare, took;
	int rc = -1;

	if (!self || pass(ctx, f, NULL, err))
		goto out;
	bare = oc_now() - start;
	start = oc_now();
	if (pass(ctx, f, &step, err))
		goto out;
	took = oc_now() - start;
	printf("decontaminate: %.2f s, %.0f MB/s a core (%.2f s without the stage), %llu rows hit, "
	       "%.0fx a memchr and hash pass\n",
	       took, (double)f->text->len / 1e6 / took, bare, (unsigned long long)f->found,
	       took / baseline);
	rc = 0;
out:
	if (self)
		def->close(self);
	return rc;
}

int main(int argc, char **argv)
{
	uint64_t times = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, sum = 0;
	uint64_t real_n = times * REAL, n = real_n + times * SYNTHETIC;
	uint64_t *starts = oc_zalloc(n + 1, sizeof *starts);
	struct oc_buf text = {0}, items = {0}, path = {0};
	struct oc_arena *a = oc_arena_new();
	struct oc_ctx *ctx = oc_ctx_new(1, 0), *two = oc_ctx_new(2, 0);
	struct oc_err err = {0};
	struct oc_rng rng;
	const char *tmp = getenv("TMPDIR");
	char dir[4096];
	int rc = -1;

	oc_rng_init(&rng, 1, "bench/copies");
	for (unsigned i = 0; i < VOCABULARY; i++)
		vocabulary[i] = oc_arena_printf(a, "w%x", i * 2654435761u >> (8 + i % 12));
	for (uint64_t i = 0; i < n; i++) {
		starts[i] = text.len;
		oc_buf_puts(&text, "{\"text\":\"");
		make_words(&rng, i, real_n, WORDS, &text);
		oc_buf_puts(&text, "\"}");
	}
	starts[n] = text.len;
	/* one item in ten is the beginning of a document */
	for (uint64_t i = 0; i < ITEMS; i++) {
		make_words(&rng, i % 10 ? 10 * n + i : i * (n / ITEMS), 100 * n, 40, &items);
		oc_buf_putc(&items, '\n');
	}
	double start = oc_now();
	for (uint64_t i = 0; i < n; i++) {
		const char *p = text.p + starts[i];
		size_t len = starts[i + 1] - starts[i];
		sum += oc_hash64(p, len, 0) + (memchr(p, '\n', len) != NULL);
	}
	double baseline = oc_now() - start;
	printf("%llu real, %llu synthetic documents, %.0f MB; memchr and hash: %.4f s (%llx)\n",
	       (unsigned long long)real_n, (unsigned long long)(n - real_n), (double)text.len / 1e6,
	       baseline, (unsigned long long)sum);

	struct feed f = {.text = &text, .starts = starts, .n = n, .real_n = real_n};
	snprintf(dir, sizeof dir, "%s/bench-copies-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	oc_buf_printf(&path, "%s/items.txt", dir);
	FILE *file = fopen(oc_buf_cstr(&path), "w");
	if (file && fwrite(items.p, 1, items.len, file) == items.len && !fclose(file))
		rc = run_copies(ctx, &f, dir, baseline, &err) ||
		     run_copies(two, &f, dir, baseline, &err) ||
		     run_decontaminate(ctx, &f, dir, baseline, &err);
	if (rc)
		fprintf(stderr, "%s: %s\n", err.where, err.msg);
	oc_remove_tree(dir, &err);
	oc_ctx_free(ctx);
	oc_ctx_free(two);
	oc_arena_free(a);
	oc_buf_fini(&text);
	oc_buf_fini(&items);
	oc_buf_fini(&path);
	free(starts);
	return rc ? 1 : 0;
}
