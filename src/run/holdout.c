/*
 * Rows that nothing may look at: drawn before prompts, filters and training.
 *
 * A unit is what must not be torn apart: rows of equal content, of one document, of one value of a
 * field, or of one cluster of near-duplicates. Units are ranked by a random number of their own
 * (seed, unit), so adding rows to a source moves no unit from one side to the other. Real rows
 * only.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/rng.h"
#include "curate/near_dup.h"
#include "data/opts.h"
#include "run/state.h"

struct ranked {
	uint64_t rank, unit, row;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

/* The unit of a row under `by:`. */
static uint64_t unit_of(const struct oc_row *row, struct oc_str by)
{
	struct oc_str text = row->raw;

	if (oc_str_is(by, "document"))
		text = row->ped.span.file;
	else if (!oc_str_is(by, "row") && !oc_row_field(row, by, &text))
		text = row->raw; /* without the field a row stands alone */
	return oc_hash64(text.p, text.len, 0);
}

static int nothing(void *user, struct oc_batch *batch, struct oc_buf *encoded, struct oc_err *err)
{
	(void)user;
	(void)batch;
	(void)encoded;
	(void)err;
	return 0;
}

/* Near-duplicate clusters of a leg, by the stage near_dup with its own defaults. */
static int clusters(struct oc_run *run, const char *dir, uint64_t rows, uint64_t *cluster,
                    struct oc_err *err)
{
	const struct oc_stage_def *def = oc_stage_find(OC_LIT("near_dup"));
	struct oc_arena *arena = oc_arena_new();
	struct oc_spill *spill = NULL;
	struct oc_feed feed = {0};
	void *self = NULL;
	struct oc_env env;
	int rc = -1;

	oc_run_env(run, &env, "holdout");
	yyjson_val *opts = oc_opts_resolve(arena, def->options, NULL, "holdout", NULL, NULL, err);
	if (!opts || def->open(&self, &env, opts, err) ||
	    !(spill = oc_spill_open(run->ctx, run->work, "holdout", def->stream_n,
	                            run->plan->memory, err)) ||
	    oc_feed_leg(&feed, run, dir, NULL, false, NULL, err))
		goto out;
	struct oc_step_run step = {
		.def = def, .self = self, .name = "holdout", .role = OC_OBSERVE, .spill = spill};
	struct oc_pass pass = {.ctx = run->ctx,
	                       .steps = &step,
	                       .step_n = 1,
	                       .threads = run->ctx->threads,
	                       .user = feed.user,
	                       .feed = feed.next,
	                       .parse = feed.parse,
	                       .emit = nothing};
	if (!oc_pass_run(&pass, err))
		rc = oc_cluster_rows(self, spill, rows, cluster, err);
out:
	if (feed.close)
		feed.close(feed.user);
	if (spill)
		oc_spill_close(spill);
	if (self)
		def->close(self);
	oc_arena_free(arena);
	return rc;
}

static int rank_rows(struct oc_run *run, const char *dir, struct oc_leg *leg, struct oc_str by,
                     struct ranked **out, uint64_t *out_n, struct oc_err *err)
{
	uint64_t rows = oc_leg_rows(leg), n = 0, at = 0;
	struct ranked *list = oc_alloc(rows * sizeof *list);
	struct oc_batch *batch = oc_batch_new(OC_BATCH_ROWS);
	bool field =
		!oc_str_is(by, "row") && !oc_str_is(by, "document") && !oc_str_is(by, "cluster");
	struct oc_rng rng;
	int rc = -1;

	oc_rng_init(&rng, run->plan->seed, "holdout");
	while (at < rows) {
		oc_batch_reset(batch);
		if (oc_leg_read(leg, at, batch, err) < 0)
			goto out;
		for (uint32_t i = 0; i < batch->row_n; i++) {
			struct oc_row *row = &batch->rows[i];
			if (row->ped.origin != OC_REAL || oc_run_seeds_only(run, row))
				continue;
			if (field && oc_row_parse(row, err))
				goto out;
			list[n++] = (struct ranked){.unit = unit_of(row, by), .row = at + i};
		}
		at += batch->row_n;
	}
	if (oc_str_is(by, "cluster")) {
		uint64_t *cluster = oc_alloc(rows * sizeof *cluster);
		if (clusters(run, dir, rows, cluster, err)) {
			free(cluster);
			goto out;
		}
		for (uint64_t i = 0; i < n; i++)
			list[i].unit = cluster[list[i].row];
		free(cluster);
	}
	for (uint64_t i = 0; i < n; i++) {
		struct oc_draws draws;
		oc_draws_init(&draws, &rng, list[i].unit);
		list[i].rank = oc_draw_u64(&draws);
	}
	qsort(list, n, sizeof *list, by_rank);
	*out = list;
	*out_n = n;
	list = NULL;
	rc = 0;
out:
	free(list);
	oc_batch_free(batch);
	return rc;
}

/* Takes whole units in rank order until `want` rows are drawn, never more than `most`. */
static uint64_t take(const struct ranked *list, uint64_t n, uint64_t want, uint64_t most,
                     uint8_t *bits, uint64_t *units)
{
	uint64_t taken = 0;

	*units = 0;
	for (uint64_t i = 0, end; i < n && taken < want; i = end) {
		for (end = i + 1; end < n && list[end].unit == list[i].unit; end++)
			;
		if (taken + (end - i) > most)
			continue;
		for (uint64_t k = i; k < end; k++)
			bits[list[k].row >> 3] |= (uint8_t)(1u << (list[k].row & 7));
		taken += end - i;
		++*units;
	}
	return taken;
}

int oc_holdout_draw(struct oc_run *run, const char *dir, uint8_t **bits, struct oc_err *err)
{
	yyjson_val *opts = run->plan->holdout;
	struct oc_str by = oc_json_get_str(opts, "by");
	struct ranked *list = NULL;
	struct oc_leg *leg = NULL;
	uint64_t n, units;
	int rc = -1;

	*bits = NULL;
	if (!opts)
		return 0;
	if (oc_leg_open(&leg, dir, err) || rank_rows(run, dir, leg, by, &list, &n, err))
		goto out;

	double want = oc_json_get_num(opts, "share", 0.1) * (double)n;
	double least = oc_json_get_num(opts, "min", 500);
	double most = oc_json_get_num(opts, "max_share", 1.0 / 3) * (double)n;
	if (want < least)
		want = least;
	if (want > most)
		want = most;
	uint8_t *set = oc_zalloc(oc_leg_rows(leg) / 8 + 1, 1);
	uint64_t taken = take(list, n, (uint64_t)want, (uint64_t)most, set, &units);

	struct oc_buf text = {0};
	oc_buf_printf(&text, "{\"by\":");
	oc_buf_json(&text, by);
	oc_buf_printf(&text, ",\"real_rows\":%llu,\"rows\":%llu,\"units\":%llu,\"few\":%s}",
	              (unsigned long long)n, (unsigned long long)taken, (unsigned long long)units,
	              units < OC_HOLDOUT_FEW ? "true" : "false");
	rc = oc_rundb_set(run->db, "holdout", oc_buf_view(&text), err);
	oc_buf_fini(&text);
	if (rc)
		free(set);
	else
		*bits = set;
out:
	free(list);
	oc_leg_close(leg);
	return rc;
}
