/*
 * stage_facts.h: what the stages learned over all rows (oc_stage_def.facts), from the end of their
 * pass to the papers. In a run the objects lie in run.db, stored with the mark that the pass is
 * done; a whole stage's before the pass that applies it begins. So a run that was killed has
 * either the facts or makes the pass again.
 */
#ifndef RUN_STAGE_FACTS_H
#define RUN_STAGE_FACTS_H

#include "run/kept.h"

struct oc_run;

/* Appends {"step":..,"part":..,..facts} or, when the stage has none, nothing. 1 appended, 0 not. */
int oc_stage_facts(const struct oc_step_run *step, struct oc_buf *out, struct oc_err *err);

/* Warns where a stage that keeps to its memory is given less than it can keep to. */
void oc_stage_memory_check(struct oc_ctx *ctx, const struct oc_stage_def *def, const char *step,
                           uint64_t memory);
/* The same of what a step will find and cost (oc_stage_def.forecast). */
int oc_stage_forecast(const struct oc_stage_def *def, const char *step, yyjson_val *opts,
                      const struct oc_outlook *look, struct oc_buf *out, struct oc_err *err);
/* Its sentences and figures into the log, before the rows come. Says nothing when it fails. */
void oc_stage_forecast_log(struct oc_ctx *ctx, const struct oc_stage_def *def, const char *step,
                           yyjson_val *opts);

#define OC_FACTS_KEY 300
/* The name under which a step's object lies in run.db. */
const char *oc_stage_facts_key(char key[OC_FACTS_KEY], const char *step);
/* Stores those of the steps that ran (OC_RUN). */
int oc_stage_facts_store(struct oc_run *run, const struct oc_step_run *steps, unsigned step_n,
                         struct oc_err *err);

/* The rows that are kept, by the verdicts of the plan's steps with facts; in run.db beside them. */
struct oc_kept *oc_stage_kept_new(const struct oc_run *run);
int oc_stage_kept_store(struct oc_run *run, const struct oc_kept *kept, struct oc_err *err);
/* Appends what is stored of the plan's steps, and what fell at them, a JSON array in plan order;
 * what concerns all of them comes first. */
int oc_stage_facts_write(struct oc_run *run, struct oc_buf *out, struct oc_err *err);
/* Appends an object of oc_stage_facts with what is kept. */
void oc_stage_facts_join(struct oc_buf *out, struct oc_str facts, struct oc_str kept);

#endif
