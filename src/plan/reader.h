/* reader.h: what the files that read a plan share. Not for others. */
#ifndef PLAN_READER_H
#define PLAN_READER_H

#include "base/err.h"
#include "data/opts.h"
#include "data/yaml.h"
#include "plan/plan.h"

struct reader {
	struct oc_plan *plan;
	struct oc_arena *arena;
	struct oc_yaml_marks *marks;
	yyjson_val *root;
	struct oc_buf resolved; /* the plan with every default, as JSON text */
	struct oc_err *err;
};

/* OC_PLAN with the place of `at`. Returns -1. */
int reader_fail(struct reader *r, yyjson_val *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
const char *reader_where(struct reader *r, yyjson_val *at); /* in the arena */

/* Options every source, model and step may have beside those of its part. */
extern const struct oc_option oc_source_common[], oc_model_common[], oc_recipe_common[],
	oc_stage_common[];

/*
 * Checks `given` against both tables at once, so that a typing error finds its neighbour in either.
 * *common and *own get the two halves.
 */
int reader_resolve(struct reader *r, const struct oc_option *common_table,
                   const struct oc_option *own_table, yyjson_val *given, const char *what,
                   yyjson_val **common, yyjson_val **own);

/* A name that can stand in a file name and in an identity. */
int reader_name(struct reader *r, yyjson_val *at, struct oc_str name, const char *what);

/* Appends {type, common and own members} to the resolved plan; type may be NULL. */
void reader_members(struct reader *r, const char *type, yyjson_val *common, yyjson_val *own);

/* Each fills its part of the plan and appends its resolved text. `given` may be NULL. */
int read_models(struct reader *r, yyjson_val *given);
int read_sources(struct reader *r, yyjson_val *given);
int read_steps(struct reader *r, yyjson_val *given, const char *key, struct oc_plan_step **steps,
               unsigned *n);

#endif
