/*
 * folder.h: which folder a plan runs in.
 */
#ifndef RUN_FOLDER_H
#define RUN_FOLDER_H

#include "plan/plan.h"

/*
 * runs/NAME beside the plan, or runs/NAME-2, ...: the one that holds a run of this plan over these
 * inputs, else the next that is free. `wanted`: this folder or none (OC_USAGE when it holds
 * something else). 1: it exists and can be continued, 0: new. `changed` gets what differs from the
 * newest run of that name, a line each.
 */
int oc_run_folder(const struct oc_plan *plan, const char *wanted, char dir[4096],
                  struct oc_buf *changed, struct oc_err *err);

#endif
