/*
 * session.h: one person going through the queue of a run. Knows the queue and the log and nothing
 * about screens: a terminal, a pipe or a browser are doors to the same session.
 *
 * The queue (review-queue.jsonl) is written by the run, the log (reviews.jsonl, run/people.h) by
 * its reviewers; several may work at once. Every decision is on disk before the call returns. The
 * decisions reach the data set when the same plan is run again.
 */
#ifndef REVIEW_SESSION_H
#define REVIEW_SESSION_H

#include "run/people.h"
#include "run/recheck.h"

struct oc_review;

/* One row of the queue. Strings live in the arena handed to oc_review_item, or in the queue. */
struct oc_review_item {
	struct oc_str key, hash;   /* identity, and XXH3-128 of the bytes, 32 hex digits */
	struct oc_str step, rule;  /* why it waits */
	struct oc_str evidence;    /* of that verdict: JSON text, or empty */
	struct oc_str raw;         /* the row's bytes */
	yyjson_val *row, *lineage; /* parsed */
	struct oc_str near_key;    /* nearest real row, empty when there is none */
	yyjson_val *near_row;
	double near_rouge;                  /* ROUGE-L, 0..1 */
	const struct oc_decision *decision; /* in force, or NULL; valid until the next decision */
};

/* Fails with OC_INPUT when the folder holds no run, or a run whose output was never reached. */
int oc_review_open(struct oc_review **r, const char *dir, const char *by, struct oc_err *err);
void oc_review_close(struct oc_review *r);

size_t oc_review_rows(const struct oc_review *r);    /* in the queue */
size_t oc_review_waiting(const struct oc_review *r); /* of them without a decision. O(1) */
int oc_review_item(struct oc_review *r, size_t i, struct oc_arena *a, struct oc_review_item *item,
                   struct oc_err *err);
struct oc_str oc_review_line(const struct oc_review *r, size_t i); /* as the run wrote it */

/*
 * The next row without a decision after `from` (round the end; from = rows - 1 begins at the
 * start). Rows skipped in this session come last, once: then -1, also when all are decided.
 */
ptrdiff_t oc_review_next(struct oc_review *r, size_t from);

/* Edits are looked at by these checks from now on; they stay the caller's. */
void oc_review_check_with(struct oc_review *r, struct oc_recheck *checks);

/*
 * Decides row i. `reason` may be empty; `after` is the row's new bytes, only for OC_EDIT: one JSON
 * object, else OC_USAGE and nothing is written. `ms`: how long the person looked. An edit that the
 * plan's own checks refuse is OC_GATE, the message says which and why, and nothing is written: the
 * person may mend it, or insist.
 */
int oc_review_decide(struct oc_review *r, size_t i, enum oc_decision_kind kind,
                     struct oc_str reason, struct oc_str after, uint64_t ms, struct oc_err *err);

/* An edit that stands whatever the checks say. Log and pedigree name the one that refused it. */
int oc_review_insist(struct oc_review *r, size_t i, struct oc_str after, uint64_t ms,
                     struct oc_err *err);

/* A decision that is, or was, taken back. Strings of `what` live as long as the session. */
struct oc_review_undone {
	struct oc_decision what;
	ptrdiff_t
		row;  /* in the queue; -1: a run has taken the decision over, and the row left it */
	bool earlier; /* of an earlier sitting */
};

/*
 * What an undo would take back now: what this person did last in this sitting (a skip too), then
 * this person's decisions of earlier sittings that are in force, the newest first. Other people's
 * decisions are theirs. 1: *u is filled, 0: nothing is left. O(queue + log).
 */
int oc_review_last(struct oc_review *r, struct oc_review_undone *u);

/* Takes it back by appending an undo event; nothing is ever cut from the log. A row that has left
 * the queue waits again when the plan is run again. 1: *u is filled, 0: nothing left, -1: error. */
int oc_review_undo(struct oc_review *r, struct oc_review_undone *u, struct oc_err *err);

/* What this sitting changed: rows decided, and decisions of earlier sittings taken back. */
size_t oc_review_decided(const struct oc_review *r);
size_t oc_review_reopened(const struct oc_review *r);

/* Reasons that doors offer by number, 1-9; NULL beyond the last. */
const char *oc_review_reason(unsigned digit);
/* What a person typed as a reason: one digit stands for its reason, anything else for itself. */
struct oc_str oc_review_reason_of(struct oc_str typed);

#endif
