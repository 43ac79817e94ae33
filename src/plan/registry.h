/* registry.h: the tables of parts. Adding a part = its file, one line here, a test, a manual entry.
 */
#ifndef PLAN_REGISTRY_H
#define PLAN_REGISTRY_H

#include "curate/train.h"
#include "outcross.h"

extern const struct oc_stage_def *const oc_stages[]; /* ended by NULL, by name */
extern const struct oc_source_def *const oc_sources[];
extern const struct oc_model_def *const oc_models[];
extern const struct oc_llm_def *const oc_llms[];
extern const struct oc_trainer_def *const oc_trainers[];

const struct oc_stage_def *oc_stage_find(struct oc_str name);
const struct oc_source_def *oc_source_find(struct oc_str name);
const struct oc_model_def *oc_model_find(struct oc_str name);
const struct oc_llm_def *oc_llm_find(struct oc_str name);
const struct oc_trainer_def *oc_trainer_find(struct oc_str name);

#endif
