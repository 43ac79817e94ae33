/*
 * recheck.h: a row that a person edited, once more through the checks of its plan that cost
 * nothing: the row stages of verify and curate (math, schema, words, ...), never a request, and no
 * stage that must know other rows. Stages that change or hold rows change and hold nothing here.
 *
 * Opened on a run folder's plan.lock.yaml, so by the plan as it was run.
 */
#ifndef RUN_RECHECK_H
#define RUN_RECHECK_H

#include "base/ctx.h"
#include "data/row.h"

struct oc_recheck;

int oc_recheck_open(struct oc_recheck **c, struct oc_ctx *ctx, const char *dir, struct oc_err *err);
void oc_recheck_close(struct oc_recheck *c);

/*
 * The first stage that refuses a row of this pedigree (JSON) with these bytes: 1, and *why is its
 * verdict "step/rule EVIDENCE"; 0: none does. A row that is no JSON object is refused by read.
 */
int oc_recheck_row(struct oc_recheck *c, struct oc_str raw, struct oc_str lineage,
                   struct oc_buf *why, struct oc_err *err);

#endif
