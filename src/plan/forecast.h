/*
 * forecast.h: what a run would ask and spend, without sending anything.
 *
 * Recipes are opened on the first rows of the sources (look.h reads as many), make their first
 * prompts and count them; tokens are estimated at four bytes each, completions at what the recipe
 * expects of a reply.
 */
#ifndef PLAN_FORECAST_H
#define PLAN_FORECAST_H

#include "generate/recipe.h"
#include "plan/plan.h"

struct oc_forecast_step {
	const struct oc_plan_step *step;
	struct oc_forecast need;
	double money;     /* at list price */
	uint32_t context; /* of a local model whose context a usual prompt does not fit; else 0 */
};

struct oc_forecast_plan {
	struct oc_forecast_step *steps; /* (plan->generate_n) */
	unsigned step_n;
	uint64_t requests, rows;
	double prompt_tokens, completion_tokens, money;
	bool partial; /* the sources are longer than what was looked at: recipes that use every seed
	                 once will ask more */
};

/* `out` lives in the plan's arena. Needs room for a few megabytes under TMPDIR. */
int oc_plan_forecast(struct oc_forecast_plan *out, struct oc_ctx *ctx, const struct oc_plan *plan,
                     struct oc_err *err);

#endif
