/*
 * bench_near_dup: 200,000 documents of 220 words, one in ten a near copy of an earlier one, through
 * the stage near_dup as a plan runs it (pass, spill, sort, pass), against hashing the same bytes
 * once with XXH3 on one thread. The first argument is another number of documents; with a second
 * one the documents are only written there, one a line, for other programs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/opts.h"
#include "pipe/pass.h"
#include "pipe/spill.h"
#include "plan/registry.h"

enum { WORDS = 220, VOCABULARY = 40000 };

static struct oc_str vocabulary[VOCABULARY];

static unsigned draw_word(struct oc_draws *d)
{
	double u = oc_draw_unit(d);
	return (unsigned)(VOCABULARY * u * u * u);
}

/* A row {"text": ...}; one in ten is an earlier text with up to 20 words changed. */
static void make_row(const struct oc_rng *rng, uint64_t i, struct oc_buf *b)
{
	struct oc_draws d, edits;
	unsigned changes = 0;

	oc_draws_init(&edits, rng, i + ((uint64_t)1 << 40));
	if (i && oc_draw_below(&edits, 10) == 0) {
		i = oc_draw_below(&edits, i);
		changes = (unsigned)oc_draw_below(&edits, 20);
	}
	oc_draws_init(&d, rng, i);
	oc_buf_puts(b, "{\"text\":\"");
	for (unsigned k = 0; k < WORDS; k++) {
		unsigned word = draw_word(&d);
		if (changes && oc_draw_below(&edits, WORDS) < changes)
			word = draw_word(&edits);
		oc_buf_str(b, vocabulary[word]);
		oc_buf_putc(b, k + 1 < WORDS ? ' ' : '"');
	}
	oc_buf_putc(b, '}');
}

struct feed {
	const struct oc_buf *text;
	const uint64_t *starts;
	uint64_t next, n, gone;
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
		f->gone += batch->rows[i].fate == OC_REJECTED;
	return 0;
}

static int run(struct oc_ctx *ctx, struct feed *f, const char *dir, double hashing,
               struct oc_err *err)
{
	const struct oc_stage_def *def = oc_stage_find(OC_LIT("near_dup"));
	struct oc_arena *a = oc_arena_new();
	struct oc_spill *spill = NULL;
	void *self = NULL;
	double start = oc_now(), observed, resolved, applied;
	int rc = -1;

	struct oc_env env = {.size = sizeof env,
	                     .ctx = ctx,
	                     .name = "near_dup",
	                     .base_dir = dir,
	                     .work_dir = dir,
	                     .memory = (uint64_t)256 << 20};
	yyjson_val *opts = oc_opts_resolve(a, def->options, NULL, "near_dup", NULL, NULL, err);
	if (!opts || def->open(&self, &env, opts, err))
		goto out;
	spill = oc_spill_open(ctx, dir, "seen", def->stream_n, env.memory, err);
	struct oc_step_run step = {
		.def = def, .self = self, .name = "near_dup", .role = OC_OBSERVE, .spill = spill};
	struct oc_pass pass = {.ctx = ctx,
	                       .steps = &step,
	                       .step_n = 1,
	                       .threads = ctx->threads,
	                       .user = f,
	                       .feed = feed,
	                       .emit = emit};
	if (!spill || oc_pass_run(&pass, err))
		goto out;
	observed = oc_now();
	if (def->resolve(self, spill, err))
		goto out;
	resolved = oc_now();
	step.role = OC_APPLY;
	step.spill = NULL;
	f->next = f->gone = 0;
	if (oc_pass_run(&pass, err))
		goto out;
	applied = oc_now();
	printf("observe: %6.2f s (%u threads: parse, words, shingles, signatures, spill)\n",
	       observed - start, ctx->threads);
	printf("resolve: %6.2f s (sort, verify)\n", resolved - observed);
	printf("apply:   %6.2f s (parse again, decide)\n", applied - resolved);
	printf("whole:   %6.2f s, %.0f documents/s, %llu removed, %.0fx the time of hashing\n",
	       applied - start, (double)f->n / (applied - start), (unsigned long long)f->gone,
	       (applied - start) / hashing);
	rc = 0;
out:
	oc_spill_close(spill);
	if (self)
		def->close(self);
	oc_arena_free(a);
	return rc;
}

static int write_rows(const char *path, const struct oc_rng *rng, uint64_t n)
{
	FILE *f = fopen(path, "w");
	struct oc_buf b = {0};

	for (uint64_t i = 0; f && i < n; i++) {
		b.len = 0;
		make_row(rng, i, &b);
		oc_buf_putc(&b, '\n');
		if (fwrite(b.p, 1, b.len, f) != b.len)
			break;
	}
	oc_buf_fini(&b);
	if (!f || ferror(f) || fclose(f)) {
		perror(path);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000, sum = 0;
	uint64_t *starts = oc_zalloc(n + 1, sizeof *starts);
	struct oc_buf text = {0};
	struct oc_arena *a = oc_arena_new();
	struct oc_ctx *ctx = oc_ctx_new(0, 0);
	struct oc_err err = {0};
	struct oc_rng rng;
	const char *tmp = getenv("TMPDIR");
	char dir[4096];
	double start, hashing;
	int rc;

	oc_rng_init(&rng, 1, "bench/near_dup");
	for (unsigned i = 0; i < VOCABULARY; i++)
		vocabulary[i] = oc_arena_printf(a, "w%x", i * 2654435761u >> (8 + i % 12));
	if (argc > 2)
		return write_rows(argv[2], &rng, n);
	for (uint64_t i = 0; i < n; i++) {
		starts[i] = text.len;
		make_row(&rng, i, &text);
	}
	starts[n] = text.len;
	start = oc_now();
	for (uint64_t i = 0; i < n; i++)
		sum += oc_hash64(text.p + starts[i], starts[i + 1] - starts[i], 0);
	hashing = oc_now() - start;
	printf("%llu documents, %.0f MB; hashing once: %.3f s (%llx)\n", (unsigned long long)n,
	       (double)text.len / 1e6, hashing, (unsigned long long)sum);

	struct feed f = {.text = &text, .starts = starts, .n = n};
	snprintf(dir, sizeof dir, "%s/bench-near-dup-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	rc = run(ctx, &f, dir, hashing, &err);
	if (rc)
		fprintf(stderr, "%s: %s\n", err.where, err.msg);
	oc_remove_tree(dir, &err);
	oc_ctx_free(ctx);
	oc_arena_free(a);
	oc_buf_fini(&text);
	free(starts);
	return rc ? 1 : 0;
}
