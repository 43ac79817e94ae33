/* applied.h: what whole stages share when they apply what they resolved. */
#ifndef CURATE_APPLIED_H
#define CURATE_APPLIED_H

#include <stdatomic.h>

#include "data/row.h"
#include "pipe/spill.h"

/*
 * What was resolved, in three streams: records, one a row that has something, ascending by the
 * row's number; their keys; and what else they point to.
 */
struct oc_applied {
	struct oc_str maps[3];
	atomic_ullong told; /* rows */
};

/* Maps the streams of `out`, which keeps them until it is closed. */
int oc_applied_map(struct oc_applied *a, struct oc_spill *out, struct oc_err *err);
/* A row is told, by any thread: now and then the pages of the maps are let go. */
void oc_applied_told(struct oc_applied *a);

/*
 * The record of a row, or NULL: `records` (n), sorted, each of `size` bytes and beginning with the
 * row's number as a uint64_t. O(log n).
 */
const void *oc_applied_find(const void *records, uint64_t n, size_t size, uint64_t number);

/*
 * `left` is what a cut leaves of a field: it becomes the field's text and `what` stands among the
 * edits; where nothing but white space is left, the row falls as `nothing_left`.
 */
int oc_applied_cut(struct oc_row *row, const char *stage, struct oc_str field, struct oc_str left,
                   const char *what, struct oc_err *err);

#endif
