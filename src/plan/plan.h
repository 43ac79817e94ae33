/*
 * plan.h: a plan, read, checked and fully resolved.
 *
 *   outcross: 1
 *   name: sums
 *   seed: 7
 *   memory: 1GB
 *   models:
 *     small: {type: gguf, path: models/small.gguf}
 *     big:   {type: openai, base: https://api.example.com/v1, model: m-1, key_env: BIG_KEY,
 *             price: {prompt: 0.15, completion: 0.60}}
 *   budget:  {money: 5, tokens: 2M, requests: 10000, hours: 2}
 *   sources:
 *     people: {type: jsonl, path: people.jsonl, origin: real, collected: 2021-10-01, license: MIT,
 *              format: qa, id: id}
 *   allow_licenses: [MIT, CC0-1.0]
 *   holdout: {share: 0.1, min: 500, by: row}
 *   generate:
 *     - arithmetic: {model: small, rows: 200}
 *   verify:
 *     - math: {answer: answer}
 *   curate:
 *     - exact
 *     - novelty: {threshold: 0.7}
 *   review: undecided
 *   mix: {...}
 *   measure: {...}
 *   rehearse: {...}
 *   report: {group_by: language}
 *   output: {format: qa}
 *
 * `- preset: fineweb` among the stages stands for those of plan/presets.h.
 *
 * A list item under generate, verify and curate is `PART: {options}` or just `PART`; the key `name`
 * among the options names the step (default: the part's name, numbered when it repeats).
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "base/ctx.h"
#include "base/hash.h"
#include "data/json.h"
#include "pipe/pass.h"
#include "plan/registry.h"

struct oc_plan_model {
	const char *name;
	const struct oc_llm_def *def;
	yyjson_val *opts;                      /* resolved by def->options */
	double price_prompt, price_completion; /* money per million tokens */
	uint32_t depth;                        /* of the model's own training data */
	bool depth_at_least;                   /* true unless the plan states the depth */
};

struct oc_plan_source {
	const char *name;
	const struct oc_source_def *def;
	yyjson_val *opts;       /* resolved by def->options */
	enum oc_origin origin;  /* OC_REAL only with collected < 2022-11 or attest */
	bool lineage;           /* an Outcross lineage lies beside it: origins come from there */
	const char *origin_why; /* why a claimed `real` became `unknown`, or NULL */
	struct oc_str collected, attest, licence;
	struct oc_str format; /* data/format.h, "" = as it is */
	struct oc_str id;     /* field with the user's label, or "" */
	bool seeds_only;      /* its rows end unused, and none is held out */
};

/* A stage of `verify:` or `curate:`, or a recipe of `generate:`. */
struct oc_plan_step {
	const char *name;                  /* unique in the plan */
	const char *part;                  /* name of the stage or recipe, or a recipe's file */
	const struct oc_stage_def *def;    /* NULL for a recipe */
	const struct oc_option *options;   /* the part's table */
	yyjson_val *opts;                  /* resolved; a recipe's: with its expanded `steps` */
	const struct oc_plan_model *model; /* of the option `model:`, or NULL */
	enum oc_on on;                     /* which rows a stage looks at */
	const char *where;                 /* "plan.yaml:12:5" */
};

enum oc_stop { OC_STOP_ON_BAD_ROW, OC_REJECT_BAD_ROWS };

struct oc_plan {
	struct oc_arena *arena;
	const char *path;     /* the file; NULL when read from memory */
	const char *base_dir; /* relative paths start here */
	const char *name;
	uint64_t seed;
	uint64_t memory;
	uint64_t max_row;
	enum oc_stop on_bad_row;
	const char *cache; /* reply store's folder */
	double max_failed; /* share of requests that may fail before the run stops */

	struct oc_plan_model *models;
	unsigned model_n;
	struct oc_plan_source
		*sources; /* in priority order: real first, then by the plan's order */
	unsigned source_n;
	struct oc_plan_step *generate, *verify, *curate;
	unsigned generate_n, verify_n, curate_n;

	yyjson_val *budget, *holdout, *review, *mix, *measure, *rehearse, *report,
		*output;            /* resolved; NULL = absent */
	yyjson_val *allow_licenses; /* array or NULL */

	struct oc_yaml_marks *marks; /* places of values as given */
	yyjson_val *resolved; /* the whole plan with every default, in the order of the keys */
};

/* Reads and checks; opens nothing but the plan, recipes and lineage files. */
int oc_plan_read(struct oc_plan **plan, struct oc_ctx *ctx, const char *path, struct oc_err *err);
int oc_plan_parse(struct oc_plan **plan, struct oc_ctx *ctx, struct oc_str yaml, const char *name,
                  const char *base_dir, struct oc_err *err);
void oc_plan_free(struct oc_plan *plan);

/*
 * The part behind `rehearse:` lives on a higher floor, so reading keeps the key as it was given.
 * Checks it against that part's table and fills in defaults; to be called by whoever has the table
 * before the key is used. A plan without the key is fine.
 */
int oc_plan_rehearse(struct oc_plan *plan, const struct oc_option *table, struct oc_err *err);

/* The resolved plan as YAML (`plan --expand`, plan.lock.yaml); recipes as visible steps. */
void oc_plan_write(struct oc_buf *b, const struct oc_plan *plan);

/* Hash of everything that affects rows: not comments, names of steps, order of keys, speed options.
 */
struct oc_hash128 oc_plan_hash(const struct oc_plan *plan);

/* Tables of the plan's own keys, for help and the manual. */
extern const struct oc_option oc_plan_options[];

/* What a part of the plan is opened with; `work_dir` may be NULL. */
static inline struct oc_env oc_plan_env(const struct oc_plan *plan, struct oc_ctx *ctx,
                                        const char *name, const char *work_dir)
{
	return (struct oc_env){.size = sizeof(struct oc_env),
	                       .ctx = ctx,
	                       .name = name,
	                       .base_dir = plan->base_dir,
	                       .work_dir = work_dir,
	                       .seed = plan->seed,
	                       .memory = plan->memory};
}

/* Name of the i-th place where rows come from: the sources, then the recipes. */
static inline const char *oc_plan_origin(const struct oc_plan *plan, unsigned i)
{
	return i < plan->source_n ? plan->sources[i].name : plan->generate[i - plan->source_n].name;
}

#endif
