/*
 * leg_row.h: all of a row but its bytes, as a block of a leg holds it (pipe/leg.h): numbers in
 * groups of seven bits, strings behind their length.
 */
#ifndef PIPE_LEG_ROW_H
#define PIPE_LEG_ROW_H

#include "data/row.h"

/* settled: without the verdicts that keep. */
void oc_leg_row_put(struct oc_buf *b, const struct oc_row *row, bool settled);
/* Fills a new row; its strings stay slices of `meta`, its lists go into the arena. False: these are
 * not the bytes of a row. */
bool oc_leg_row_get(struct oc_row *row, struct oc_str meta, struct oc_arena *a);

#endif
