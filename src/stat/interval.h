/* interval.h: exact intervals for shares. */
#ifndef STAT_INTERVAL_H
#define STAT_INTERVAL_H

#include <stdint.h>

/* Regularised incomplete beta function I_x(a, b), a, b > 0, 0 <= x <= 1 (Lentz's continued
 * fraction; Press et al., Numerical Recipes, 6.4). About 14 digits. */
double oc_beta_inc(double a, double b, double x);
/* Its inverse in x, by bisection to the last bit. */
double oc_beta_quantile(double a, double b, double p);

/* Clopper-Pearson interval of k successes in n trials at `confidence` (two-sided, e.g. 0.95).
 * n = 0 gives [0, 1]. Clopper and Pearson, Biometrika 26, 1934. */
void oc_share_interval(uint64_t k, uint64_t n, double confidence, double *low, double *high);
/* One-sided upper bound: with this confidence the true share is not above it. */
double oc_share_upper(uint64_t k, uint64_t n, double confidence);
/* Trials without a single defect that show, with `confidence`, a share below `limit`:
 * ceil(ln(1 - confidence) / ln(1 - limit)). 0.95 and 0.01 give 299. */
uint64_t oc_clean_trials(double confidence, double limit);

#endif
