/* plan_show.h: what `outcross plan` found, as text and as JSON. */
#ifndef CLI_PLAN_SHOW_H
#define CLI_PLAN_SHOW_H

#include "plan/forecast.h"
#include "run/look.h"
#include "plan/plan.h"
#include "run/trial.h"

struct oc_plan_checked {
	struct oc_plan *plan;
	struct oc_look *looks; /* (plan->source_n) */
	struct oc_forecast_plan forecast;
	struct oc_trial *trial; /* NULL = none was asked for */
	struct oc_buf notes;    /* members of a JSON array: fields that no row has; as `steps` */
	struct oc_buf steps;    /* oc_plan_steps; the caller frees it */
	double rate;            /* replies a second of an earlier run, 0 = there is none */
	char rate_of[4096];     /* its folder */
};

/* What verify and curate will find and cost by their options (oc_stage_def.forecast), a JSON array
 * of objects with step and part. After the looks and the forecast. */
int oc_plan_steps(struct oc_plan_checked *c, struct oc_err *err);
void oc_plan_show(struct oc_buf *b, const struct oc_plan_checked *c);
void oc_plan_show_json(struct oc_buf *b, const struct oc_plan_checked *c);

#endif
