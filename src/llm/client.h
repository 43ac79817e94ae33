/*
 * client.h: oc_llm over a backend (oc_llm_def), with the reply store and the budget between.
 *
 *   submit ─► key, sample index ─► store? ─yes─► reply (cached)
 *                                   └no─► reserve ─► backend ─► store ─► reply
 */
#ifndef LLM_CLIENT_H
#define LLM_CLIENT_H

#include "base/ctx.h"
#include "llm/store.h"
#include "outcross.h"

/* One entry of `models:`, shared by all steps that use it. */
struct oc_llm_model;

struct oc_llm_price {
	double prompt, completion; /* money per million tokens */
};

struct oc_llm_model_opts {
	const char *name; /* the plan's name for it */
	const struct oc_llm_def *def;
	struct yyjson_val *opts; /* resolved by def->options */
	struct oc_llm_price price;
	uint32_t depth; /* of the model's training data; 0 with at_least for unknown */
	bool depth_at_least;
	bool offline; /* never send */
};

int oc_llm_model_open(struct oc_llm_model **m, const struct oc_env *env,
                      const struct oc_llm_model_opts *opts, struct oc_store *store,
                      struct oc_budget *budget, struct oc_err *err);
/* Sends nothing more; returns when what is in flight is answered and stored (cancelled twice: at
 * once). */
void oc_llm_model_drain(struct oc_llm_model *m);
void oc_llm_model_close(
	struct oc_llm_model *m); /* drains or abandons, by the context's cancel flag */

/* A handle for one step; sample indexes count equal bodies of this handle. Closed by ops->close. */
struct oc_llm *oc_llm_open(struct oc_llm_model *m, const char *step);

/*
 * Counters of a model, for status.json. sent = replied + failed + lost + open. Cached requests were
 * not sent: another run paid for their reply. Replies that this run has paid for, in this sitting
 * or in an earlier one, are not counted when they are read again.
 */
struct oc_llm_stats {
	uint64_t sent, replied, cached, failed, attempts; /* requests */
	uint64_t lost;  /* sent, but the run was stopped before the reply: asked again later */
	uint64_t again; /* answered by replies of this run, without being sent */
	uint64_t open;  /* sent or about to be, and not answered yet */
	uint64_t prompt_tokens, completion_tokens, estimated; /* tokens paid in this run */
	double cost, unknown_cost, seconds;  /* unknown: upper bound of lost attempts */
	uint32_t in_flight, waiting, window; /* now; waiting: to be sent or sent again */
	char state[96];                      /* "", "waiting 12 s: 429 from http://..." */
	char why[256];                       /* what the request that failed last was told */
};
void oc_llm_model_stats(struct oc_llm_model *m, struct oc_llm_stats *out);

#endif
