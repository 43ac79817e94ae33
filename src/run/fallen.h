/*
 * fallen.h: the line of a row that fell, in a run's rejected-....jsonl.zst and in a job's
 * --rejected.
 */
#ifndef RUN_FALLEN_H
#define RUN_FALLEN_H

#include "data/row.h"

/*
 * {"key":..,"fate":..,"step":..,"rule":..,"lineage":{..},"row":{..}} and a newline; step and rule
 * are those of the first verdict that dropped or held it. A row that is no JSON object has its
 * bytes in "base64" instead of "row".
 */
void oc_fallen_write(struct oc_buf *b, const struct oc_row *row);

#endif
