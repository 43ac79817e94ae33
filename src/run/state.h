/* state.h: what the files of the conductor share. Not for others. */
#ifndef RUN_STATE_H
#define RUN_STATE_H

#include <limits.h>
#include <pthread.h>

#include "llm/client.h"
#include "pipe/leg.h"
#include "pipe/pass.h"
#include "pipe/spill.h"
#include "run/fallen.h"
#include "run/run.h"
#include "run/rundb.h"

/* A fact on its way into run.db. */
struct oc_note {
	char key[300];
	struct oc_buf value;
};

struct oc_run {
	struct oc_ctx *ctx;
	const struct oc_plan *plan;
	const struct oc_run_opts *opts;
	struct oc_str group_by; /* the plan's `report: {group_by}`, or empty */
	struct oc_arena *arena; /* lives as long as the run */
	char dir[PATH_MAX], work[PATH_MAX];
	int lock_fd;
	struct oc_rundb *db;
	struct oc_store *store;
	struct oc_budget *budget;
	struct oc_llm_model **models; /* (plan->model_n), opened on first use */
	pthread_mutex_t status_lock;  /* of tally and last_..., while a pass has a ticker */
	struct oc_tally tally;
	struct oc_buf facts;       /* members of a JSON object, for report and card */
	const char *_Atomic phase; /* the feed's thread says "generate" */
	struct oc_note *notes;     /* (note_n) */
	unsigned note_n;
	enum oc_run_state state;
	const struct oc_err *why; /* it failed, or NULL */
	bool continued;
	uint64_t waiting;
	double started, last_status, last_event, last_progress;
	struct oc_llm_stats before; /* spent in earlier sittings of this run */
};

/* Name of a file in the run folder or in its work folder. */
const char *oc_run_path(struct oc_run *run, char out[PATH_MAX], const char *name);
const char *oc_work_path(struct oc_run *run, char out[PATH_MAX], const char *name);

/* ------------------------------------------------------------------- feeds */

/*
 * Where the rows of a pass come from. A feed runs on a thread of its own while emit, on another,
 * writes into run.db, which knows one user: what a feed has to keep goes through oc_run_note, and
 * reaches run.db when the pass is over.
 */
struct oc_feed {
	void *user;
	int (*next)(void *user, struct oc_batch *batch, struct oc_err *err);
	int (*parse)(void *user, struct oc_row *row, struct oc_err *err); /* may be NULL */
	void (*close)(void *user);
};

void oc_run_note(struct oc_run *run, const char *key, struct oc_str value);
int oc_run_notes_store(struct oc_run *run, struct oc_err *err);
int oc_feed_sources(struct oc_feed *feed, struct oc_run *run, struct oc_err *err);
/* A leg; `test` has a bit per row that is held out, or is NULL; then the recipes, or none. In the
 * order of the whole stage that the pass applies first (NULL: none), if that has one. */
int oc_feed_leg(struct oc_feed *feed, struct oc_run *run, const char *dir, const uint8_t *test,
                bool recipes, const struct oc_step_run *applied, struct oc_err *err);

/* What a source's files were: name, bytes, rows, hash. Noted for run.db when it has been read. */
void oc_inputs_note(struct oc_run *run, unsigned source, void *self);
/* Sum of the sizes of a source's files, or -1 where that is not known (standard input, a pipe). */
int64_t oc_inputs_bytes(const struct oc_plan_source *source, const char *base_dir);
/* Of all sources together, as JSON; 0 where that is not known (compressed, generated). */
uint64_t oc_run_input_bytes(const struct oc_run *run);
/* Name, size and time of every input, a line each: a run whose stamp changed is another run. */
void oc_inputs_stamp(const struct oc_plan *plan, struct oc_buf *out);

/* ------------------------------------------------------------------ passes */

/* Runs `steps` over a feed into the leg `dir`; a pass that is done already is skipped. */
int oc_run_leg_pass(struct oc_run *run, const char *name, struct oc_feed *feed,
                    struct oc_step_run *steps, unsigned step_n, const char *dir,
                    struct oc_err *err);
/* All verify and curate steps, cut at whole stages. `dir` is the leg to begin with, replaced by the
 * one that holds the result. */
int oc_run_stages(struct oc_run *run, const uint8_t *test, char dir[PATH_MAX], struct oc_err *err);
/*
 * Plans without holdout, generation, mix, review, calls and whole stages need no leg: their sources
 * are read once and written once. Such a pass starts again from its beginning after a kill, so it
 * is taken only for inputs below OC_DIRECT_BYTES.
 */
#define OC_DIRECT_BYTES ((uint64_t)8 << 30)
bool oc_run_is_direct(struct oc_run *run);
int oc_run_direct(struct oc_run *run, struct oc_err *err);
int oc_run_model(struct oc_run *run, const struct oc_plan_model *model, struct oc_llm_model **out,
                 struct oc_err *err);
void oc_run_env(struct oc_run *run, struct oc_env *env, const char *name);

/* ----------------------------------------------------------------- holdout */

/* Whether a row comes from a source that recipes alone may use. */
static inline bool oc_run_seeds_only(const struct oc_run *run, const struct oc_row *row)
{
	return row->ped.source < run->plan->source_n &&
	       run->plan->sources[row->ped.source].seeds_only;
}
/* Draws the held-out rows of a leg: *bits has one bit a row (NULL: no holdout). */
int oc_holdout_draw(struct oc_run *run, const char *leg, uint8_t **bits, struct oc_err *err);

/* ------------------------------------------------------------ select, output */

/* Whether out/data holds Parquet: as the plan says, but not in a trial, which is thrown away. */
bool oc_run_makes_parquet(const struct oc_run *run);
struct oc_selection; /* which rows of the last leg are written, in which order */
int oc_select(struct oc_run *run, const char *leg, struct oc_selection **sel, struct oc_err *err);
void oc_selection_free(struct oc_selection *sel);
int oc_output(struct oc_run *run, const char *leg, const struct oc_selection *sel,
              struct oc_err *err);
/* Sources through row and ordered stages straight into out/. `steps` has room for one more. */
int oc_output_direct(struct oc_run *run, struct oc_feed *sources, struct oc_step_run *steps,
                     unsigned step_n, struct oc_err *err);

/* ------------------------------------------------------------ status, papers */

int oc_status_write(struct oc_run *run, bool now, struct oc_err *err);
/* OC_FAILURES when more requests failed than the plan's max_failed allows. */
int oc_failures_check(struct oc_run *run, struct oc_err *err);
/* Shows the status from a thread of its own while a pass waits for replies and emits nothing. */
struct oc_ticker;
struct oc_ticker *oc_ticker_start(struct oc_run *run);
void oc_ticker_stop(struct oc_ticker *t);
void oc_status_fill(struct oc_run *run, struct oc_run_status *status);
int oc_papers_write(struct oc_run *run, struct oc_err *err);

#endif
