/*
 * pass.h: one pass of rows through a chain of stages.
 *
 *   feed ─► parse, row stages ─► ordered stages ─► row stages ─► ... ─► encode ─► emit
 *   one     N workers            tail thread        N workers           N workers  in order
 *   thread
 *
 * The chain is cut into phases: runs of pure work (any worker, any batch) and runs of ordered work
 * (one batch at a time, in order). Batches in flight are bounded (2 N + 2, down to N + 1 where
 * memory is little; more when a call stage needs its window of requests filled), so memory does not
 * grow with the input. Output order is input order by construction; nothing depends on the number
 * of threads.
 *
 * row->number counts the rows that go on (live and held ones, test rows too) in order. It is given
 * out before an OC_OBSERVE step runs, so a whole stage sees in `observe` the number under which
 * `apply` meets the row in the next pass; for all other steps it counts the rows fed.
 *
 * A row that is not OC_LIVE, or that is a test row, passes all stages untouched; a stage with
 * `sees_all` may look at it. One in eight of those that a row stage drops is shown, as a copy, to
 * the row stages behind it: row->also says which of them would have dropped it as well.
 */
#ifndef PIPE_PASS_H
#define PIPE_PASS_H

#include "base/ctx.h"
#include "data/row.h"

enum oc_role {
	OC_RUN,     /* row, ordered and call stages */
	OC_OBSERVE, /* a whole stage looks, on its first pass; must be last */
	OC_APPLY    /* a whole stage decides, on its second pass */
};

/* Which rows a step looks at; the others pass it untouched. */
enum oc_on { OC_ON_ALL, OC_ON_REAL, OC_ON_MADE };

struct oc_step_run {
	const struct oc_stage_def *def;
	void *self;
	const char *name;
	enum oc_role role;
	struct oc_spill *spill; /* OC_OBSERVE */
	struct oc_llm *llm;     /* OC_STAGE_CALL */
	enum oc_on on;
};

static inline bool oc_step_skips(const struct oc_step_run *step, const struct oc_row *row)
{
	return step->on != OC_ON_ALL && (step->on == OC_ON_REAL) != (row->ped.origin == OC_REAL);
}

struct oc_pass {
	struct oc_ctx *ctx;
	struct oc_step_run *steps; /* (step_n) */
	unsigned step_n;
	unsigned threads;
	uint64_t memory;       /* where it is little, N + 1 batches are in flight; 0 = it is not */
	uint64_t first_number; /* row->number of the first row fed, when resuming */
	uint64_t first_kept;   /* the same for OC_OBSERVE: rows that went on before */

	void *user;
	/* Fills an empty batch. 1: more may follow (the batch may be empty); 0: end. One thread. */
	int (*feed)(void *user, struct oc_batch *batch, struct oc_err *err);
	/* Pure, before the stages, for every row; NULL: oc_row_parse for live rows with root NULL.
	 */
	int (*parse)(void *user, struct oc_row *row, struct oc_err *err);
	/* Pure, after all stages, on workers: serialise into `out` (one buffer a batch). May be
	 * NULL. */
	int (*encode)(void *user, const struct oc_batch *batch, struct oc_buf *out,
	              struct oc_err *err);
	/* In order, one thread. */
	int (*emit)(void *user, struct oc_batch *batch, struct oc_buf *encoded, struct oc_err *err);
};

/*
 * Runs to the end of the feed, to the first error, or until the context is cancelled: then what was
 * fed is drained to emit (cancel 1) or dropped (cancel 2), and the error is OC_CANCELLED.
 *
 * What reached emit is always a prefix of the input. An error in batch b lets the batches before b
 * finish, and among several errors the one of the first batch is returned: the same at any thread
 * count, unless it comes from the network. After cancel 1 a batch ends the prefix when it was not
 * yet asked for at a call stage, or was told OC_REPLY_STOPPED. When the pass does not return 0, the
 * handles of its call stages may have replies on their way and can only be closed.
 */
int oc_pass_run(struct oc_pass *pass, struct oc_err *err);

/* Requests of a call stage, see oc_stage_def.ask. The request's body is copied. */
void oc_calls_add(struct oc_calls *calls, const struct oc_request *req);

#endif
