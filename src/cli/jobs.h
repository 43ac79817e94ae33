/* jobs.h: the shape curate, verify and mix share. */
#ifndef CLI_JOBS_H
#define CLI_JOBS_H

#include "cli/verb.h"
#include "run/job.h"

extern const struct oc_flag oc_job_flags[]; /* of curate and verify */

/* Runs a job over the operands and options of the line; mix: "{...}", or NULL for stages. */
int oc_cli_job(struct oc_cli *cli, const char *mix, struct oc_err *err);

/* What --list prints. */
int oc_cli_list(struct oc_err *err);
int oc_cli_retune(const struct oc_cli *cli, struct oc_err *err);

#endif
