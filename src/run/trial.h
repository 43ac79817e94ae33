/*
 * trial.h: a few requests of each recipe, sent and paid for as a run would, to see what comes back
 * before the rest is paid for.
 *
 * The plan is run as it stands (the same seeds, prompts, stages), but each recipe stops after a few
 * requests and nothing is mixed, reviewed or rehearsed. The folder is a temporary one; the replies
 * stay in the plan's reply store, so that the run finds them there.
 */
#ifndef RUN_TRIAL_H
#define RUN_TRIAL_H

#include "plan/forecast.h"
#include "run/run.h"

/* A row that came of a request. */
struct oc_trial_row {
	struct oc_str key;       /* "arithmetic:3.0" */
	const char *fate;        /* "kept", "rejected", "held", "unused" */
	struct oc_str rule, why; /* of the verdict that decided: "arithmetic.math wrong_answer", and
	                            its evidence as JSON; empty for kept rows */
	struct oc_str raw;
};

struct oc_trial_request {
	const struct oc_plan_step *step;
	uint64_t number;            /* of the recipe's requests, from 0 */
	char key[33];               /* in the reply store */
	struct oc_str prompt;       /* texts of the messages, or the prompt */
	struct oc_str reply, error; /* the answer, or why there is none */
	struct oc_usage usage;
	double cost, seconds;
	struct oc_trial_row *rows; /* (row_n) in order */
	size_t row_n;
};

/* What one recipe's requests came to, and the whole run by it. */
struct oc_trial_step {
	const struct oc_plan_step *step;
	uint64_t requests, failed, made, kept;                  /* kept: by all steps of the plan */
	double prompt_tokens, completion_tokens, reply_seconds; /* sums over the replies */
	uint32_t at_once; /* requests in flight, for `seconds` */
	double wanted;    /* rows the plan asks for; 0 = one request per seed */
	/* forecast; requests < 0: no row was kept, so nothing can be said */
	double need_requests, need_prompt, need_completion, need_money, need_seconds;
};

struct oc_trial {
	struct oc_trial_request *requests; /* (request_n) by step, then number */
	size_t request_n;
	struct oc_trial_step *steps; /* (step_n), the plan's recipes */
	unsigned step_n;
	uint64_t sent, cached; /* of the trial's requests: sent now, or paid for before */
	double money, seconds; /* spent on those sent now */
};

/*
 * Runs the trial. `forecast` is oc_plan_forecast's, for recipes that use every seed once. What it
 * finds lives in the plan's arena. Fails as a run fails (endpoint, budget, inputs).
 */
int oc_plan_trial(struct oc_trial *out, struct oc_ctx *ctx, const struct oc_plan *plan,
                  const struct oc_forecast_plan *forecast, uint64_t requests, struct oc_err *err);

#endif
