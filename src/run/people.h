/*
 * people.h: what people decided about rows. The log is append-only; state is always rebuilt from
 * it.
 *
 *   review-queue.jsonl   the rows that wait, written by the run: {"key","hash","step","rule",
 *                        "row","lineage","nearest":{"key","rouge_l","row"}}
 *   reviews.jsonl        a line an event: {"seq","time","key","hash","by","decision","reason",
 *                        "before","after","against","ms"}; decision accept | reject | edit | skip |
 * undo (undo: "of" = seq of the event taken back)
 *
 * A decision holds for a row only while its content hash is the one people saw.
 */
#ifndef RUN_PEOPLE_H
#define RUN_PEOPLE_H

#include "data/row.h"

enum oc_decision_kind { OC_ACCEPT, OC_REJECT, OC_EDIT, OC_SKIP, OC_UNDO };

const char *oc_decision_name(enum oc_decision_kind kind);

struct oc_decision {
	uint64_t seq;
	enum oc_decision_kind kind;
	struct oc_str key, hash, by, reason, time;
	struct oc_str before, after; /* the row's JSON text; `after` only for edits */
	struct oc_str against; /* edits: which check refused `after`, and the person insisted */
	uint64_t ms;           /* how long the reviewer looked */
	uint64_t of;           /* undo */
};

struct oc_people;

/* Reads the log of a run folder; a missing log is an empty one. A torn last line is ignored. */
int oc_people_open(struct oc_people **people, const char *dir, struct oc_err *err);
void oc_people_close(struct oc_people *people);

/* The decision in force for a row's bytes, or NULL (also when it was skipped). O(log n). */
const struct oc_decision *oc_people_find(const struct oc_people *people, struct oc_str key,
                                         struct oc_str raw);
/* The newest decision of `by` in force with a seq below `below`, or NULL; skips are none. O(n) */
const struct oc_decision *oc_people_last(const struct oc_people *people, struct oc_str by,
                                         uint64_t below);
/* All events in order, and the newest `seq`. */
const struct oc_decision *oc_people_events(const struct oc_people *people, size_t *n);

/*
 * Applies a decision to a row: accept makes a held row live again, reject rejects it (step
 * "review"), edit replaces its bytes and notes the edit in the pedigree. 1: decided, 0: nobody
 * decided.
 */
int oc_people_apply(const struct oc_people *people, struct oc_row *row, struct oc_err *err);

/* Appends one event (seq and time are given out here) and fsyncs. */
int oc_people_append(struct oc_people *people, struct oc_decision *event, struct oc_err *err);

/* Rows people saw (accept, reject or edit in force) and how many were rejected or edited. */
void oc_people_seen(const struct oc_people *people, uint64_t *seen, uint64_t *defects);

#endif
