#include "docs.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "data/opts.h"
#include "pipe/spill.h"
#include "plan/registry.h"

bool docs_init(struct docs *d, const char *name)
{
	const char *tmp = getenv("TMPDIR");

	*d = (struct docs){.arena = oc_arena_new(), .real_n = UINT64_MAX};
	for (unsigned i = 0; i < DOC_VOCABULARY; i++)
		d->vocabulary[i] =
			oc_arena_printf(d->arena, "w%x", i * 2654435761u >> (8 + i % 12));
	snprintf(d->dir, sizeof d->dir, "%s/bench-%s-XXXXXX", tmp && *tmp ? tmp : "/tmp", name);
	return mkdtemp(d->dir) != NULL;
}

void docs_fini(struct docs *d)
{
	struct oc_err err = {0};

	oc_remove_tree(d->dir, &err);
	oc_arena_free(d->arena);
	oc_buf_fini(&d->text);
	oc_buf_fini(&d->starts);
}

struct oc_str docs_word(const struct docs *d, struct oc_draws *draws)
{
	double u = oc_draw_unit(draws);
	return d->vocabulary[(unsigned)(DOC_VOCABULARY * u * u * u)];
}

static void mark_start(struct docs *d)
{
	uint64_t at = d->text.len;
	oc_buf_add(&d->starts, &at, sizeof at);
}

void docs_begin(struct docs *d)
{
	mark_start(d);
	oc_buf_puts(&d->text, "{\"text\":\"");
}

void docs_end(struct docs *d)
{
	oc_buf_puts(&d->text, "\"}");
	d->n++;
}

void docs_done(struct docs *d)
{
	mark_start(d);
}

struct oc_str docs_row(const struct docs *d, uint64_t i)
{
	const uint64_t *starts = (const void *)d->starts.p;
	return (struct oc_str){d->text.p + starts[i], starts[i + 1] - starts[i]};
}

static int feed(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct docs *d = user;
	uint64_t bytes = 0;

	(void)err;
	while (d->next < d->n && batch->row_n < OC_BATCH_ROWS && bytes < OC_BATCH_BYTES) {
		struct oc_row *row = oc_batch_add(batch);
		row->raw = docs_row(d, d->next);
		row->ped.origin = d->next < d->real_n ? OC_REAL : OC_SYNTHETIC;
		row->ped.depth = d->next >= d->real_n;
		row->ped.key =
			oc_arena_printf(batch->arena, "docs:%llu", (unsigned long long)d->next++);
		bytes += row->raw.len;
	}
	return d->next < d->n;
}

static int emit(void *user, struct oc_batch *batch, struct oc_buf *encoded, struct oc_err *err)
{
	struct docs *d = user;

	(void)encoded;
	(void)err;
	for (uint32_t i = 0; i < batch->row_n; i++)
		d->counted += d->counts(&batch->rows[i]);
	return 0;
}

int docs_pass(struct docs *d, struct oc_ctx *ctx, struct oc_step_run *step, struct oc_err *err)
{
	struct oc_pass p = {.ctx = ctx,
	                    .steps = step,
	                    .step_n = step ? 1 : 0,
	                    .threads = ctx->threads,
	                    .user = d,
	                    .feed = feed,
	                    .emit = emit};

	d->next = d->counted = 0;
	return oc_pass_run(&p, err);
}

void *docs_open(struct docs *d, struct oc_ctx *ctx, const struct oc_stage_def *def,
                const char *options, uint64_t memory, struct oc_err *err)
{
	struct oc_env env = {.size = sizeof env,
	                     .ctx = ctx,
	                     .name = def->name,
	                     .base_dir = d->dir,
	                     .work_dir = d->dir,
	                     .memory = memory};
	yyjson_val *given = oc_json_parse(d->arena, oc_str(options), err), *opts;
	void *self = NULL;

	opts = given ? oc_opts_resolve(d->arena, def->options, given, def->name, NULL, NULL, err)
	             : NULL;
	return opts && !def->open(&self, &env, opts, err) ? self : NULL;
}

static double busy(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

int docs_whole(struct docs *d, struct oc_ctx *ctx, const char *stage, const char *options,
               uint64_t memory, struct docs_times *t, struct oc_err *err)
{
	const struct oc_stage_def *def = oc_stage_find(oc_str(stage));
	void *self = docs_open(d, ctx, def, options, memory, err);
	struct oc_spill *spill =
		self ? oc_spill_open(ctx, d->dir, "seen", def->stream_n, memory, err) : NULL;
	struct oc_step_run step = {
		.def = def, .self = self, .name = stage, .role = OC_OBSERVE, .spill = spill};
	double start = oc_now(), busy_start = busy(), at, before;
	int rc = -1;

	if (!spill || docs_pass(d, ctx, &step, err))
		goto out;
	at = oc_now();
	before = busy();
	t->observe = at - start;
	if (def->resolve(self, spill, err))
		goto out;
	t->resolve = oc_now() - at;
	t->resolve_busy = busy() - before;
	at = oc_now();
	step.role = OC_APPLY;
	step.spill = NULL;
	if (docs_pass(d, ctx, &step, err))
		goto out;
	t->apply = oc_now() - at;
	t->whole = oc_now() - start;
	t->busy = busy() - busy_start;
	rc = 0;
out:
	oc_spill_close(spill);
	if (self)
		def->close(self);
	return rc;
}
