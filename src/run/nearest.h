/* nearest.h: the examples of the report, each with its nearest real row beside it. */
#ifndef RUN_NEAREST_H
#define RUN_NEAREST_H

#include "data/json.h"

/*
 * Appends the array `examples` ([{key, row}], run/measures.h) with a member `nearest` ({key,
 * rouge_l, row}) in each: the real train row of highest ROUGE-L, the earliest among equals, out of
 * the first OC_NEAREST_REAL ones. Memory: those rows.
 */
#define OC_NEAREST_REAL 20000

int oc_nearest_write(struct oc_buf *b, const char *dir, yyjson_val *examples, struct oc_err *err);

#endif
