/*
 * ready.h: can the stages and the mix of a plan begin? What their options alone do not tell (a file
 * that is not there, a schema that is none, a share of nobody) is met when they are opened; in a
 * run that may be after hours of generating.
 */
#ifndef RUN_READY_H
#define RUN_READY_H

#include "base/ctx.h"
#include "mix/mix.h"
#include "plan/plan.h"

/* Opens and closes every stage of verify and curate, except those that ask a model. As long as
 * reading what they are held against (benchmarks, indexes, models) takes. */
int oc_ready_stages(struct oc_ctx *ctx, const struct oc_plan *plan, struct oc_err *err);
/* The plan's mix over all places where its rows come from. */
int oc_plan_mix_open(struct oc_mix **mix, const struct oc_plan *plan, const struct oc_env *env,
                     struct oc_err *err);
/* Reads the options of the mix. */
int oc_ready_mix(struct oc_ctx *ctx, const struct oc_plan *plan, struct oc_err *err);

#endif
