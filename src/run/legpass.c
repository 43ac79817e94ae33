/*
 * One pass into a leg, block by block: rows that go on into the leg's block, rows that fell into
 * rejected-PASS-NNNNN.jsonl.zst, and after each block a checkpoint in run.db. A pass that was
 * interrupted feeds again from the start (sources are cut anew, recipes replayed from their
 * replies), but rows of finished blocks are dropped before they are parsed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "pipe/zframes.h"
#include "run/labels.h"
#include "run/losses.h"
#include "run/stage_facts.h"
#include "run/state.h"

struct leg_pass {
	struct oc_run *run;
	const char *name;
	struct oc_feed *feed;
	struct oc_step_run *steps;
	unsigned step_n;
	struct oc_leg_writer *leg;
	struct oc_zwriter *fallen; /* open when the block has a row that fell */
	struct oc_buf *states;     /* (step_n) of the block being written */
	struct oc_checkpoint at;
	uint64_t skip;            /* rows still to drop from the feed */
	struct oc_spill *spill;   /* of the whole stage that observes, or NULL */
	struct oc_labels *labels; /* of the rows that come from outside */
	bool in_transaction;
};

/* ------------------------------------------------------------------- fallen */

static int fallen_open(struct leg_pass *p, struct oc_err *err)
{
	char name[300], path[PATH_MAX];

	snprintf(name, sizeof name, "rejected-%s-%05u.jsonl.zst", p->name, p->at.blocks);
	return oc_zwriter_open(&p->fallen, oc_run_path(p->run, path, name), err);
}

static int fallen_close(struct leg_pass *p, struct oc_err *err)
{
	struct oc_zwriter *w = p->fallen;

	p->fallen = NULL;
	return w ? oc_zwriter_close(w, err) : 0;
}

/* --------------------------------------------------------------------- pass */

static int feed(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct leg_pass *p = user;

	for (;;) {
		int rc = p->feed->next(p->feed->user, batch, err);
		if (rc < 0 || !p->skip)
			return rc;
		/* Blocks end with a batch and batches do not depend on threads, so whole batches
		 * match. */
		if (batch->row_n > p->skip)
			return oc_fail(err, OC_INPUT, p->name,
			               "the inputs changed since the run began: start a new run "
			               "(-o FOLDER)");
		p->skip -= batch->row_n;
		oc_batch_reset(batch);
		if (rc == 0)
			return 0;
	}
}

static int parse(void *user, struct oc_row *row, struct oc_err *err)
{
	struct leg_pass *p = user;
	return p->feed->parse(p->feed->user, row, err);
}

/* One buffer: the length of the leg's part, the leg's part, the lines of fallen rows. */
static int encode(void *user, const struct oc_batch *batch, struct oc_buf *out, struct oc_err *err)
{
	uint64_t len = 0;

	(void)user;
	oc_buf_add(out, &len, sizeof len);
	if (oc_leg_encode(batch, false, out, err))
		return -1;
	len = out->len - sizeof len;
	memcpy(out->p, &len, sizeof len);
	for (uint32_t i = 0; i < batch->row_n; i++)
		if (batch->rows[i].fate != OC_LIVE && batch->rows[i].fate != OC_HELD)
			oc_fallen_write(out, &batch->rows[i]);
	return 0;
}

static struct oc_str recipe_of(const struct oc_plan *plan, const struct oc_row *row)
{
	return oc_str(plan->generate[row->ped.source - plan->source_n].name);
}

static int count(struct leg_pass *p, struct oc_row *row, struct oc_err *err)
{
	struct oc_tally *t = &p->run->tally;
	bool made = row->ped.source >= p->run->plan->source_n;

	if (!row->old && !made)
		oc_labels_see(p->labels, row);
	if (!row->old)
		++*(made ? &t->made : &t->in);
	if (!row->old && made)
		oc_tally_reason(t, recipe_of(p->run->plan, row), OC_LIT("made"), OC_KEEP, 1);
	oc_tally_verdicts(t, row, row->verdict_old);
	oc_losses_count(p->run, row, p->steps, p->step_n, strcmp(p->name, "leg1") == 0);
	p->at.written += row->fate == OC_LIVE || row->fate == OC_HELD;
	if (row->fate == OC_REJECTED)
		t->rejected++;
	else if (row->fate == OC_MERGED)
		t->merged++;
	else if (row->fate == OC_UNUSED)
		t->unused++;
	if (!row->old || p->step_n)
		for (uint32_t i = 0; i < row->ped.request_n; i++)
			if (oc_rundb_reply(p->run->db, row->ped.requests[i], p->name, err))
				return -1;
	return 0;
}

/* How far the observed records reach: the state of the last step (stages.c takes it up). */
static int mark_spill(struct leg_pass *p, struct oc_err *err)
{
	const struct oc_step_run *step = &p->steps[p->step_n - 1];
	struct oc_buf *state = &p->states[p->step_n - 1];

	state->len = 0;
	oc_buf_reserve(state, step->def->stream_n * sizeof(uint64_t));
	if (oc_spill_sync(p->spill, (uint64_t *)(void *)state->p, err))
		return -1;
	state->len = step->def->stream_n * sizeof(uint64_t);
	return 0;
}

static int checkpoint(struct leg_pass *p, struct oc_err *err)
{
	if (fallen_close(p, err))
		return -1;
	p->at.blocks = oc_leg_blocks(p->leg);
	if (p->spill && mark_spill(p, err))
		return -1;
	if (oc_rundb_block(p->run->db, p->name, &p->at, &p->run->tally, p->states, p->step_n,
	                   err) ||
	    oc_rundb_commit(p->run->db, err))
		return -1;
	p->in_transaction = false;
	for (unsigned i = 0; i < p->step_n; i++)
		p->states[i].len = 0;
	return 0;
}

static int emit(void *user, struct oc_batch *batch, struct oc_buf *encoded, struct oc_err *err)
{
	struct leg_pass *p = user;
	uint64_t leg_len;
	int rc = 0;

	if (oc_failures_check(p->run, err)) /* before their rows are in a finished block */
		return -1;
	if (!p->in_transaction) {
		if (oc_rundb_begin(p->run->db, err))
			return -1;
		p->in_transaction = true;
	}
	pthread_mutex_lock(&p->run->status_lock);
	for (uint32_t i = 0; !rc && i < batch->row_n; i++)
		rc = count(p, &batch->rows[i], err);
	pthread_mutex_unlock(&p->run->status_lock);
	if (rc)
		return -1;
	for (unsigned i = 0; batch->states && i < p->step_n; i++)
		oc_buf_str(&p->states[i], oc_buf_view(&batch->states[i]));
	p->at.fed += batch->row_n;

	memcpy(&leg_len, encoded->p, sizeof leg_len);
	struct oc_str rest = {encoded->p + sizeof leg_len + leg_len,
	                      encoded->len - sizeof leg_len - leg_len};
	if (rest.len && ((!p->fallen && fallen_open(p, err)) ||
	                 oc_zwriter_add(p->fallen, rest.p, rest.len, err)))
		return -1;
	int done = oc_leg_add(p->leg,
	                      &(struct oc_buf){encoded->p + sizeof leg_len, leg_len, leg_len}, err);
	if (done < 0 || (done && checkpoint(p, err)))
		return -1;
	return oc_status_write(p->run, false, err);
}

static int restore_step(void *user, const char *bytes, size_t len, struct oc_err *err)
{
	const struct oc_step_run *step = user;
	return step->def->restore ? step->def->restore(step->self, bytes, len, err) : 0;
}

/* Continues after the last finished block; what a whole stage saw of it lies in its spill. */
static int resume(struct leg_pass *p, struct oc_err *err)
{
	struct oc_tally tally = {0};
	int rc;

	if ((rc = oc_rundb_resume(p->run->db, p->name, &p->at, &tally, err)) <= 0) {
		oc_tally_fini(&tally);
		return rc;
	}
	oc_tally_fini(&p->run->tally);
	p->run->tally = tally;
	p->skip = p->at.fed;
	p->run->continued = true;
	for (unsigned i = 0; i < p->step_n; i++)
		if (p->steps[i].def->kind == OC_STAGE_ORDERED &&
		    oc_rundb_states(p->run->db, p->name, i, restore_step, &p->steps[i], err))
			return -1;
	return 0;
}

/* How many requests the replies of other runs have answered: a later sitting does not ask them. */
static int cached_store(struct oc_run *run, struct oc_err *err)
{
	struct oc_run_status s;
	char text[32];

	if (!run->plan->model_n)
		return 0;
	oc_status_fill(run, &s);
	snprintf(text, sizeof text, "%llu", (unsigned long long)s.cached);
	return oc_rundb_set(run->db, "cached", oc_str(text), err);
}

int oc_run_leg_pass(struct oc_run *run, const char *name, struct oc_feed *source,
                    struct oc_step_run *steps, unsigned step_n, const char *dir, struct oc_err *err)
{
	struct leg_pass p = {
		.run = run, .name = name, .feed = source, .steps = steps, .step_n = step_n};
	int rc = -1;

	if (step_n && steps[step_n - 1].role == OC_OBSERVE)
		p.spill = steps[step_n - 1].spill;
	p.states = oc_zalloc(step_n, sizeof *p.states);
	p.labels = oc_labels_new();
	run->phase = name;
	if (resume(&p, err) || oc_mkdirs(dir, err) ||
	    !(p.leg = oc_leg_create(dir, p.at.blocks, err)))
		goto out;
	struct oc_pass pass = {
		.ctx = run->ctx,
		.steps = steps,
		.step_n = step_n,
		.threads = run->ctx->threads,
		.first_number = p.at.fed,
		.first_kept = p.at.written,
		.user = &p,
		.feed = feed,
		.parse = source->parse ? parse : NULL,
		.encode = encode,
		.emit = emit,
	};
	struct oc_ticker *ticker = oc_ticker_start(run);
	int ran = oc_pass_run(&pass, err);
	oc_ticker_stop(ticker);
	if (ran)
		goto out;
	struct oc_leg_writer *leg = p.leg;
	p.leg = NULL;
	if (fallen_close(&p, err) || oc_leg_finish(leg, err))
		goto out;
	if (!p.in_transaction && oc_rundb_begin(run->db, err))
		goto out;
	p.in_transaction = true;
	if (oc_stage_facts_store(run, steps, step_n, err) || oc_run_notes_store(run, err) ||
	    cached_store(run, err) || oc_rundb_pass_done(run->db, name, &run->tally, err) ||
	    oc_rundb_commit(run->db, err))
		goto out;
	p.in_transaction = false;
	oc_labels_say(p.labels, run->ctx);
	rc = oc_status_write(run, true, err);
out:
	oc_labels_free(p.labels);
	if (p.fallen)
		oc_zwriter_abandon(p.fallen);
	if (p.leg)
		oc_leg_abandon(p.leg);
	if (p.in_transaction) {
		struct oc_err ignored = {0};
		oc_rundb_rollback(run->db, &ignored);
	}
	for (unsigned i = 0; i < step_n; i++)
		oc_buf_fini(&p.states[i]);
	free(p.states);
	return rc;
}
