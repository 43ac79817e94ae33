/*
 * recipe.h: a recipe drives a language model and yields rows. It behaves as a source: `next` fills
 * batches in row order; rows come with pedigree, and rows its own `keep` step refused come with
 * their verdicts and fate, so that the ledger counts every row made. A reply that cannot be read is
 * a row {"raw": text}, rejected as `unreadable`; a request that failed one rejected as
 * `request_failed`; rows beyond what was asked for are OC_UNUSED.
 *
 * A recipe is YAML: options and visible steps on six building blocks
 *
 *   seed ─► prompt ─► call ─► parse ─► expand ─► keep
 *
 * read from a file or built in (recipes/ of the source tree). It works in rounds: round r sees only
 * rows kept before r, in row order; the size of a round is an option, never the concurrency. All
 * prompts of a round are made before its first is sent; replies are used in the order of the
 * prompts. So rows are a pure function of (seeds, options, seed, replies).
 * Replaying a recipe with a full reply store gives the same rows and pays nothing.
 */
#ifndef GENERATE_RECIPE_H
#define GENERATE_RECIPE_H

#include "base/ctx.h"
#include "data/json.h"
#include "pipe/leg.h"

/* Text of a built-in recipe, or NULL. */
const char *oc_recipe_builtin(struct oc_str name);
/* Name number i of the built-in recipes, or NULL. */
const char *oc_recipe_name(unsigned i);

/* Its option table, ended by key NULL, for help and the manual; in the arena. NULL on error. */
const struct oc_option *oc_recipe_options(struct oc_arena *a, yyjson_val *recipe,
                                          struct oc_err *err);

/*
 * Checks a recipe (parsed YAML) and the options given in a plan against the recipe's own option
 * list; returns the options with defaults, `recipe` (its name) and the visible `steps`. NULL on
 * error. What is returned may be given again (plan.lock.yaml): `steps` among the options stand for
 * the recipe's own. Every recipe knows model, seeds, rows, amount, round, max_rounds, max_requests
 * and samples; it may declare them itself to set other defaults.
 */
yyjson_val *oc_recipe_resolve(struct oc_arena *a, yyjson_val *recipe, yyjson_val *given,
                              const char *where, struct oc_err *err);

struct oc_recipe_in {
	const struct oc_env *env; /* env->llm: the model of the option `model:` */
	yyjson_val *opts;         /* from oc_recipe_resolve */
	struct oc_leg *seeds; /* rows it may start from: test rows in it are skipped; may be NULL */
	/* Finds stages for `keep` by name (the registry lies on a higher floor). */
	const struct oc_stage_def *(*stage)(struct oc_str name);
	uint32_t source; /* index of this recipe in the run's table of sources */
	/* How many earlier steps of the plan drive the same recipe: random streams are named by it,
	 * not by the step's name, so that renaming a step pays for nothing again. */
	uint32_t ordinal;
	uint64_t limit; /* at most so many requests (plan --trial), 0 = all */
	/* Told of every row with its fate as soon as it is made, in row order. May be NULL. */
	void (*made)(void *user, const struct oc_row *row);
	void *user;
};

struct oc_recipe;
int oc_recipe_open(struct oc_recipe **r, const struct oc_recipe_in *in, struct oc_err *err);
/* Fills an empty batch. 1: more may follow, 0: the end. Blocks while replies are awaited. */
int oc_recipe_next(struct oc_recipe *r, struct oc_batch *batch, struct oc_err *err);
/* A JSON object with what the report shows (counts by step, cells of `stratify`, ...). */
void oc_recipe_facts(struct oc_recipe *r, struct oc_buf *out);
/* 0, or an error such as SHORTAGE naming the empty cell. Called after the end. */
int oc_recipe_verdict(struct oc_recipe *r, struct oc_err *err);
void oc_recipe_close(struct oc_recipe *r);

/* Forecast without sending: requests, prompt and completion tokens. */
struct oc_forecast {
	uint64_t requests, rows;
	double prompt_tokens, completion_tokens;
};
int oc_recipe_forecast(struct oc_recipe *r, struct oc_forecast *out, struct oc_err *err);

#endif
