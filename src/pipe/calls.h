/*
 * calls.h: the rows of one call stage that wait for replies. Used by pass.c, one thread at a time.
 *
 * Requests are numbered apart by round: round 0 is what `ask` emits, in row order; what the r-th
 * `answer` of a row emits is submitted when the r-th answers of all earlier rows are known, so also
 * in row order. With that, the sample index of equal bodies, and so every reply, does not depend on
 * the order in which replies arrive. `answer` itself is called as soon as a row's replies are
 * there.
 */
#ifndef PIPE_CALLS_H
#define PIPE_CALLS_H

#include "pipe/pass.h"

#define OC_CALL_ROUNDS 64 /* more rounds of one row are an error: a stage that never ends */

/* A batch in a call stage. Embedded in the pass's slot. */
struct oc_call_batch {
	uint64_t seq;
	uint32_t waiting; /* rows without their last answer */
	bool dropped;     /* failed or stopped: replies are thrown away */
	bool refused;     /* some request was not sent: it cannot be finished now */
};

struct oc_caller;
struct oc_caller *oc_caller_new(struct oc_ctx *ctx, const struct oc_step_run *step);
/* Replies still on their way are left to the handle, which must then be closed. */
void oc_caller_free(struct oc_caller *c);

/* Asks for the live rows of a batch and submits their requests. Batches in order. */
int oc_caller_ask(struct oc_caller *c, struct oc_call_batch *cb, struct oc_batch *batch,
                  struct oc_err *err);

/*
 * Takes replies, waiting up to timeout_ms for the first. A batch whose last row was answered is
 * appended to the list oc_caller_ready gives out. A request that was not sent for a cap or for want
 * of a network is an error, but only when all that were sent are answered: those are paid for. On
 * -1 the error belongs to batch *failed.
 */
int oc_caller_pump(struct oc_caller *c, int timeout_ms, uint64_t *failed, struct oc_err *err);
/* A batch that is complete since the last call, or NULL. */
struct oc_call_batch *oc_caller_ready(struct oc_caller *c);

uint32_t oc_caller_waiting(const struct oc_caller *c); /* rows */
uint32_t oc_caller_window(const struct oc_caller *c);
/* The first batch that was told OC_REPLY_STOPPED, UINT64_MAX if none: it cannot be finished. */
uint64_t oc_caller_stopped(const struct oc_caller *c);

/* Adds the step and the row to an error a stage returned. Returns -1. */
int oc_fail_in_row(const struct oc_step_run *step, const struct oc_row *row, struct oc_err *err);

#endif
