/* measure_of.h: the number by which `sample` and `sort` rank a row, and its place in an order. */
#ifndef CURATE_MEASURE_OF_H
#define CURATE_MEASURE_OF_H

#include "data/row.h"

/*
 * `what` is a member of the row ("stars", "meta.score"; a number, or a string that is one) or
 * STAGE/RULE: the score that a stage before gave the row under that rule. False when there is none.
 */
bool oc_measure_of(const struct oc_row *row, struct oc_str what, double *out);

/* Doubles as whole numbers in the same order; -0 and 0 are equal, NaN stands behind everything. */
uint64_t oc_measure_rank(double v);
double oc_measure_of_rank(uint64_t rank); /* and back */

#endif
