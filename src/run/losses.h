/*
 * losses.h: what fell at which stage, beyond the plain counts: by rule, by group, what else would
 * have dropped it, and where the scores lie. All of it is counted in the tally, in row order, and
 * so kept with every block; here it is counted, and made into facts (data/facts.h) for the report.
 */
#ifndef RUN_LOSSES_H
#define RUN_LOSSES_H

#include "run/state.h"

/* Looks up the row's group, before its format changes. Pure. */
void oc_losses_look(const struct oc_run *run, struct oc_row *row);
/* A row that leaves a pass with these steps; `first`: it is the first pass with stages. */
void oc_losses_count(struct oc_run *run, struct oc_row *row, const struct oc_step_run *steps,
                     unsigned step_n, bool first);
/* Appends `*sep` and {step, part, ...facts} for a step (its number among verify and curate) at
 * which rows fell, or nothing; scores: with their histograms. */
void oc_losses_write_step(const struct oc_run *run, unsigned step, bool scores, struct oc_buf *b,
                          const char **sep);
/* The same for all steps together, where rows fell at two or more and there are groups to compare.
 */
void oc_losses_write_all(const struct oc_run *run, struct oc_buf *b, const char **sep);

/* Wilson's score interval at 95 % of k in n; n = 0: [0, 1]. Wilson, JASA 22, 1927. */
void oc_wilson(uint64_t k, uint64_t n, double *low, double *high);

#endif
