/*
 * run.h: the conductor. One plan, from its sources to the run folder.
 *
 *   intake ─► holdout ─► [generate] + stages, cut at whole stages ─► select ─► out ─► papers
 *     leg0                   leg1 ... legN                     review, mix   data, lineage
 *
 * Every arrow is a pass that leaves a mark in run.db when it is done; the same plan over the same
 * inputs continues after the last mark. Recipes are replayed: their replies lie in the store.
 */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "plan/plan.h"
#include "run/tally.h"

enum oc_run_state { OC_RUN_RUNNING, OC_RUN_REVIEW, OC_RUN_DONE, OC_RUN_STOPPED, OC_RUN_FAILED };

const char *oc_run_state_name(enum oc_run_state state);

/* What a part on a higher floor does when the data is out (rehearsal): appends members to the
 * facts, {"rehearsal": ...}. The texts are the run's own: train rows by origin, held-out rows. */
struct oc_run_hooks {
	void *user;
	int (*rehearse)(void *user, struct oc_ctx *ctx, const char *dir, yyjson_val *opts,
	                uint64_t seed, struct oc_buf *facts, struct oc_err *err);
};

struct oc_run_status;
struct oc_key_set;

/*
 * Rebuilding a run without some rows (run/lookup.h names them). The round is replayed as it was:
 * the same rows are read, held out and shown in prompts, so every reply is in the store. Then the
 * rows of `keys` fall as retract/retracted before anything verifies or curates them, and everything
 * behind that point is decided anew without them. Decisions of people are taken over from `of`.
 */
struct oc_run_retract {
	const struct oc_key_set *keys;
	const char *of, *what; /* run folder, and what was named; for the record */
};

struct oc_run_opts {
	const char *dir;   /* run folder; NULL = runs/NAME beside the plan */
	bool offline;      /* never send: every reply must be in the store */
	bool keep_work;    /* leave work/ for a look */
	bool all_verdicts; /* kept rows carry every verdict in the lineage */
	bool force;        /* start anew in a folder that holds a finished run of this plan */
	uint64_t trial;    /* requests each recipe may send, 0 = all */
	const struct oc_run_retract *retract; /* NULL: none */
	struct oc_run_hooks hooks;
	void *user;
	/* Told of every row that a recipe makes, as soon as it is made; it may fall later. May be
	 * NULL. */
	void (*made)(void *user, const char *recipe, const struct oc_row *row);
	/* Called at most ten times a second, and at every change of phase. May be NULL. */
	void (*progress)(void *user, const struct oc_run_status *status);
	/* Something a person should read before money is spent (the mix, what changed). May be
	 * NULL. */
	void (*say)(void *user, const char *text);
};

struct oc_run_status {
	enum oc_run_state state;
	const char *phase; /* "intake", "generate", ... */
	struct oc_tally tally;
	/* Requests, of all sittings: sent = replied + failed + lost + open. Cached ones were not
	 * sent: another run paid for their replies. */
	uint64_t sent, replied, cached, failed, lost, open;
	uint64_t again;     /* answered by replies of this run, of this sitting */
	uint64_t in_flight; /* of the open ones, at the endpoint */
	uint64_t prompt_tokens, completion_tokens;
	double money, seconds;
	uint64_t waiting; /* rows that wait for people */
	char note[128];   /* "waiting 12 s: 429 from ..." */
	char why[256];    /* what the request that failed last was told; "" = none failed */
	const struct oc_err *ended_by; /* of a run that failed; or NULL */
};

/* The status as one JSON object: what status.json holds. */
void oc_status_json(struct oc_buf *b, const struct oc_run_status *status);

struct oc_run_result {
	char dir[4096];
	enum oc_run_state state;
	bool continued; /* some of it had been done before */
	struct oc_tally tally;
	uint64_t waiting; /* rows that wait for people */
};

void oc_run_result_fini(struct oc_run_result *result);
/* status.json of a run that has ended: an object, and a newline. */
int oc_run_result_json(struct oc_buf *b, const struct oc_run_result *result, struct oc_err *err);

/*
 * Runs, or continues. The result is filled as far as known also on error. Errors keep the folder
 * resumable: the same call continues it.
 */
int oc_run(struct oc_ctx *ctx, const struct oc_plan *plan, const struct oc_run_opts *opts,
           struct oc_run_result *result, struct oc_err *err);

/* How many units make a comparison with held-out rows worth printing. */
#define OC_HOLDOUT_FEW 200

#endif
