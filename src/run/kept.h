/*
 * kept.h: what the stages' verdicts say of the rows that are written in the end. Stages that hand
 * facts to the report measured rows of which later steps refused some; the same scores, summed over
 * what is left, by model generation, model and recipe, stand beside them. They come with the rows,
 * so they survive a kill. Sums are exact: any thread, any order.
 */
#ifndef RUN_KEPT_H
#define RUN_KEPT_H

#include "pipe/pass.h"

struct oc_kept;

/* Looks at verdicts of these steps. */
struct oc_kept *oc_kept_new(const char *const *steps, unsigned step_n);
void oc_kept_free(struct oc_kept *k);
/* Any thread, once per row that is written as training data, before its verdicts are settled. */
void oc_kept_row(struct oc_kept *k, const struct oc_row *row);
/* Appends ,"kept":[table] (data/facts.h) for the step, or nothing when it gave no such row a score.
 */
void oc_kept_write(const struct oc_kept *k, const char *step, struct oc_buf *out);

#endif
