/*
 * columns.h: the files of out/ have one set of columns and types, so that they load as they are.
 *
 * The first row written declares the columns. A later row may lack one or hold null in it; another
 * type, or a column the first row has not (but the `weight` that every format may have), is an
 * error that names both rows. `output: columns:` chooses columns instead: others are left out,
 * absent ones become null.
 */
#ifndef RUN_COLUMNS_H
#define RUN_COLUMNS_H

#include "data/row.h"

struct oc_columns;

struct oc_columns *oc_columns_new(yyjson_val *chosen); /* array of names, or NULL */
void oc_columns_free(struct oc_columns *c);
/* Pure: cuts the row to the chosen columns, when some are chosen. */
int oc_columns_project(const struct oc_columns *c, struct oc_row *row, struct oc_err *err);
/* In row order. O(members). */
int oc_columns_check(struct oc_columns *c, const struct oc_row *row, struct oc_err *err);
/* [{"name":..,"type":..}] as declared so far; of numbers also "whole": whether all are. */
void oc_columns_write(const struct oc_columns *c, struct oc_buf *b);

#endif
