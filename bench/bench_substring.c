/*
 * bench_substring: documents of 220 words, a third of which have a passage of 20 to 80 words out of
 * an earlier one and a tenth the same 40 words of notices, 254 MB with the first argument 10 (the
 * default 2 makes 51 MB), through the stage substring as a plan runs it, on two threads; against
 * one copy of the same bytes in memory, and against the bare pass without a stage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/rng.h"
#include "data/opts.h"
#include "data/row.h"
#include "pipe/pass.h"
#include "pipe/spill.h"
#include "plan/registry.h"

enum { WORDS = 220, VOCABULARY = 40000, ROWS = 20000 };

static struct oc_str vocabulary[VOCABULARY];

static struct oc_str draw_word(struct oc_draws *d)
{
	double u = oc_draw_unit(d);
	return vocabulary[(unsigned)(VOCABULARY * u * u * u)];
}

static void make_words(const struct oc_rng *rng, uint64_t i, struct oc_buf *b)
{
	struct oc_draws d, from;
	unsigned copied = 0;
	bool notice;

	oc_draws_init(&d, rng, i);
	if (i && oc_draw_below(&d, 3) == 0) {
		copied = 20 + (unsigned)oc_draw_below(&d, 60);
		oc_draws_init(&from, rng, oc_draw_below(&d, i));
	}
	notice = oc_draw_below(&d, 10) == 0;
	for (unsigned k = 0; k < WORDS; k++) {
		struct oc_draws *of = k >= 50 && k < 50 + copied ? &from : &d;
		oc_buf_str(b, notice && k < 40 ? vocabulary[k * 97] : draw_word(of));
		oc_buf_putc(b, k + 1 < WORDS ? ' ' : '.');
	}
}

struct feed {
	const struct oc_buf *text;
	const uint64_t *starts;
	uint64_t next, n, found;
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
		f->found += batch->rows[i].verdict_n > 0;
	return 0;
}

static int pass(struct oc_ctx *ctx, struct feed *f, struct oc_step_run *step, struct oc_err *err)
{
	struct oc_pass p = {.ctx = ctx,
	                    .steps = step,
	                    .step_n = step ? 1 : 0,
	                    .threads = 2,
	                    .user = f,
	                    .feed = feed,
	                    .emit = emit};
	f->next = f->found = 0;
	return oc_pass_run(&p, err);
}

static double processor(void)
{
	struct rusage used;

	return getrusage(RUSAGE_SELF, &used)
	               ? 0
	               : (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	                         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static int run(struct oc_ctx *ctx, struct feed *f, const char *dir, double copy, struct oc_err *err)
{
	const struct oc_stage_def *def = oc_stage_find(OC_LIT("substring"));
	struct oc_arena *a = oc_arena_new();
	yyjson_val *given =
			   oc_json_parse(a, OC_LIT("{\"action\":\"cut\",\"field\":\"text\"}"), err),
		   *opts = oc_opts_resolve(a, def->options, given, "substring", NULL, NULL, err);
	struct oc_env env = {.size = sizeof env,
	                     .ctx = ctx,
	                     .name = "substring",
	                     .base_dir = dir,
	                     .work_dir = dir,
	                     .memory = (uint64_t)512 << 20};
	struct oc_spill *spill = oc_spill_open(ctx, dir, "seen", def->stream_n, env.memory, err);
	struct oc_step_run step = {
		.def = def, .name = "substring", .role = OC_OBSERVE, .spill = spill};
	double start = oc_now(), bare, observed, resolved, applied, busy;
	int rc = -1;

	if (!opts || !spill || def->open(&step.self, &env, opts, err) || pass(ctx, f, NULL, err))
		goto out;
	bare = oc_now() - start;
	start = oc_now();
	if (pass(ctx, f, &step, err))
		goto out;
	observed = oc_now();
	busy = processor();
	if (def->resolve(step.self, spill, err))
		goto out;
	resolved = oc_now();
	busy = processor() - busy;
	step.role = OC_APPLY;
	step.spill = NULL;
	if (pass(ctx, f, &step, err))
		goto out;
	applied = oc_now();
	printf("substring: observe %.2f s, resolve %.2f s (%.2f s of processor time), apply %.2f "
	       "s; whole %.2f s, %.0f MB/s, "
	       "%llu documents cut, %.0fx a copy in memory, %.1fx the bare pass\n",
	       observed - start, resolved - observed, busy, applied - resolved, applied - start,
	       (double)f->text->len / 1e6 / (applied - start), (unsigned long long)f->found,
	       (applied - start) / copy, (applied - start) / bare);
	rc = 0;
out:
	oc_spill_close(spill);
	if (step.self)
		def->close(step.self);
	oc_arena_free(a);
	return rc;
}

int main(int argc, char **argv)
{
	uint64_t n = (argc > 1 ? strtoull(argv[1], NULL, 10) : 2) * ROWS;
	uint64_t *starts = oc_zalloc(n + 1, sizeof *starts);
	struct oc_buf text = {0};
	struct oc_arena *a = oc_arena_new();
	struct oc_ctx *ctx = oc_ctx_new(2, 0);
	struct oc_err err = {0};
	struct oc_rng rng;
	struct rusage used;
	const char *tmp = getenv("TMPDIR");
	char dir[4096];

	oc_rng_init(&rng, 1, "bench/substring");
	for (unsigned i = 0; i < VOCABULARY; i++)
		vocabulary[i] = oc_arena_printf(a, "w%x", i * 2654435761u >> (8 + i % 12));
	for (uint64_t i = 0; i < n; i++) {
		starts[i] = text.len;
		oc_buf_puts(&text, "{\"text\":\"");
		make_words(&rng, i, &text);
		oc_buf_puts(&text, "\"}");
	}
	starts[n] = text.len;
	char *other = oc_alloc(text.len);
	memset(other, 1, text.len);
	double start = oc_now();
	memcpy(other, text.p, text.len);
	double copy = oc_now() - start;
	printf("%llu documents, %.0f MB; a copy in memory: %.4f s (%d)\n", (unsigned long long)n,
	       (double)text.len / 1e6, copy, other[text.len / 2]);
	free(other);

	struct feed f = {.text = &text, .starts = starts, .n = n};
	snprintf(dir, sizeof dir, "%s/bench-substring-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	int rc = run(ctx, &f, dir, copy, &err);
	if (rc)
		fprintf(stderr, "%s: %s\n", err.where, err.msg);
	else if (!getrusage(RUSAGE_SELF, &used))
		printf("peak resident %.0f MB, of which the documents %.0f\n",
		       (double)used.ru_maxrss / 1e3, (double)text.len / 1e6);
	oc_remove_tree(dir, &err);
	oc_ctx_free(ctx);
	oc_arena_free(a);
	oc_buf_fini(&text);
	free(starts);
	return rc ? 1 : 0;
}
