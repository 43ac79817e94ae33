/*
 * job.h: one job alone on files: rows from files through stages, or through a mix, to a file.
 *
 *   FILE... ─► stages ─► OUT, rejected rows to REJECTED, a line per row and stage to VERDICTS
 *
 * A row that no stage changed is written back byte for byte. Files appear under their names only
 * when the job is done; a job that is stopped leaves nothing behind and begins anew next time (runs
 * of a plan are the ones that continue). Where a stage must see all rows before it decides, rows
 * rest in legs in a folder beside OUT, which goes when the job ends.
 */
#ifndef RUN_JOB_H
#define RUN_JOB_H

#include "base/ctx.h"
#include "run/tally.h"

struct oc_job {
	struct oc_ctx *ctx;
	const char *const *inputs; /* (input_n) .jsonl, .json, .csv, each .gz or .zst, or "-" */
	unsigned input_n;
	const char *const *stages; /* (stage_n) "words", "words: {min: 3}" or "words:min=3,max=9" */
	unsigned stage_n;
	const char *mix; /* "{rows: 100}" or "rows=100"; NULL = no mix */
	const char *const
		*origins; /* (origin_n) "people=real": a file's stem and its rows' origin */
	unsigned origin_n;
	const char *out;      /* "-" or NULL = standard output; .zst is compressed */
	const char *rejected; /* NULL = none */
	const char *verdicts; /* NULL = none */
	const char *index;    /* the one stage looks at the rows and writes this; no row goes out */
	bool force;           /* overwrite */
	bool dry;             /* mix: show, write nothing */
	uint64_t seed;
	uint64_t memory; /* 0 = the context's */

	void *user;
	/* Called now and then from one thread at a time. May be NULL. */
	void (*progress)(void *user, const struct oc_tally *tally);
	/* What a stage learned over all rows (oc_stage_def.facts), an object with `step` and `part`
	 * as in report.json; in plan order, before the files get their names. May be NULL. */
	void (*facts)(void *user, struct oc_str json);
	/* Of the first row that could not be read, why and where; when none of them can, the job
	 * fails with OC_INPUT. May be NULL. */
	struct oc_buf *unreadable;
	/* The mix, before anything is written: a table, and the same as JSON. May be NULL. */
	void (*show_mix)(void *user, struct oc_str table, struct oc_str json);
};

/*
 * Runs the job. `tally` (zeroed) is filled also when it fails. Bad rows are rejected with their
 * bytes; held rows are written to `rejected` too, with their fate.
 */
int oc_job_run(const struct oc_job *job, struct oc_tally *tally, struct oc_err *err);

#endif
