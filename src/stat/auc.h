/* auc.h: how well a score tells two kinds apart. */
#ifndef STAT_AUC_H
#define STAT_AUC_H

#include <stdint.h>

/*
 * The area under the ROC curve: the share of pairs of a good and a bad one in which the good one
 * has the higher score, ties counting half. *low and *high: an interval at `confidence` from
 * DeLong's variance (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988, in the O(n log n) form
 * of Sun and Xu 2014), symmetric on the logit scale; where every pair agrees, that variance is
 * nought and the lower bound is the exact one of as many clean trials as the rarer kind has
 * members. Without both kinds 0.5 in [0, 1].
 */
double oc_auc(const double *score, const uint8_t *good, uint64_t n, double confidence, double *low,
              double *high);

#endif
