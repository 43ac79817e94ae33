/* applied.h: what whole stages share when they apply what they resolved. */
#ifndef CURATE_APPLIED_H
#define CURATE_APPLIED_H

#include "data/row.h"

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
