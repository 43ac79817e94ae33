#include "run/run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "pipe/duck_abi.h"
#include "run/folder.h"
#include "run/lookup.h"
#include "run/state.h"

#define REVIEWS_MAX ((size_t)1 << 30)
#define STATUS_MAX  ((size_t)1 << 20)

const char *oc_run_path(struct oc_run *run, char out[PATH_MAX], const char *name)
{
	snprintf(out, PATH_MAX, "%.3800s/%.200s", run->dir, name);
	return out;
}

const char *oc_work_path(struct oc_run *run, char out[PATH_MAX], const char *name)
{
	snprintf(out, PATH_MAX, "%.3800s/%.200s", run->work, name);
	return out;
}

void oc_run_env(struct oc_run *run, struct oc_env *env, const char *name)
{
	*env = oc_plan_env(run->plan, run->ctx, name, run->work);
}

int oc_run_model(struct oc_run *run, const struct oc_plan_model *model, struct oc_llm_model **out,
                 struct oc_err *err)
{
	size_t i = (size_t)(model - run->plan->models);
	struct oc_env env;

	if (!run->models[i]) {
		oc_run_env(run, &env, model->name);
		struct oc_llm_model_opts opts = {
			.name = model->name,
			.def = model->def,
			.opts = model->opts,
			.price = {model->price_prompt, model->price_completion},
			.depth = model->depth,
			.depth_at_least = model->depth_at_least,
			.offline = run->opts->offline,
		};
		if (oc_llm_model_open(&run->models[i], &env, &opts, run->store, run->budget, err))
			return -1;
	}
	*out = run->models[i];
	return 0;
}

/* -------------------------------------------------------------------- start */

static int lock(struct oc_run *run, struct oc_err *err)
{
	char path[PATH_MAX];

	run->lock_fd = open(oc_run_path(run, path, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (run->lock_fd < 0)
		return oc_fail_errno(err, path, "cannot create");
	if (flock(run->lock_fd, LOCK_EX | LOCK_NB))
		return oc_fail(err, OC_IO, run->dir,
		               "another outcross is running in this folder: wait for "
		               "it, or see `outcross status %s`",
		               run->dir);
	return 0;
}

static int write_lock_file(struct oc_run *run, struct oc_err *err)
{
	struct oc_buf text = {0};
	char path[PATH_MAX], hex[33];

	oc_hash128_hex(oc_plan_hash(run->plan), hex);
	oc_buf_printf(&text, "# resolved by outcross %s; plan hash %s\n", OUTCROSS_VERSION, hex);
	oc_plan_write(&text, run->plan);
	int rc = oc_file_write(oc_run_path(run, path, "plan.lock.yaml"), text.p, text.len, err);
	if (!rc)
		rc = oc_rundb_set(run->db, "plan_hash", oc_str(hex), err);
	/* Where sources, replies and the plan itself are found again, for `why` and `review`. */
	const char *base =
		run->plan->base_dir && run->plan->base_dir[0] ? run->plan->base_dir : ".";
	if (!rc && realpath(base, path))
		rc = oc_rundb_set(run->db, "base_dir", oc_str(path), err);
	if (!rc && run->plan->path && realpath(run->plan->path, path))
		rc = oc_rundb_set(run->db, "plan_path", oc_str(path), err);
	text.len = 0;
	oc_inputs_stamp(run->plan, &text);
	if (!rc)
		rc = oc_rundb_set(run->db, "inputs", oc_buf_view(&text), err);
	oc_buf_fini(&text);
	return rc;
}

static double seconds_before(struct oc_run *run)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_buf text = {0};
	struct oc_err ignored = {0};
	char path[PATH_MAX];
	double seconds = 0;

	if (!oc_file_read(oc_run_path(run, path, "status.json"), STATUS_MAX, &text, &ignored))
		seconds = oc_json_get_num(oc_json_parse(a, oc_buf_view(&text), &ignored), "seconds",
		                          0);
	oc_buf_fini(&text);
	oc_arena_free(a);
	return seconds;
}

/* Cached requests of the passes that are done. Those of the pass that was interrupted are asked
 * again, except of rows in its finished blocks, which are not counted. */
static uint64_t cached_before(struct oc_run *run)
{
	struct oc_buf text = {0};
	struct oc_err ignored = {0};
	uint64_t n = oc_rundb_get(run->db, "cached", &text, &ignored) == 1
	                     ? strtoull(oc_buf_cstr(&text), NULL, 10)
	                     : 0;

	oc_buf_fini(&text);
	return n;
}

/* What earlier sittings of this run spent. A new run takes a number of its own and notes how far
 * the store reaches. */
static int reckon(struct oc_run *run, uint32_t *number, struct oc_err *err)
{
	struct oc_buf text = {0}, marks = {0};
	struct oc_spent s;
	int rc = oc_rundb_get(run->db, "spender", &text, err), had = 0;

	if (rc == 1 && (had = oc_rundb_get(run->db, "store_marks", &marks, err)) == 1) {
		*number = (uint32_t)strtoul(oc_buf_cstr(&text), NULL, 10);
		rc = oc_store_spent(run->plan->cache, *number, oc_buf_view(&marks), &s, err);
		if (rc)
			goto out;
		run->before = (struct oc_llm_stats){
			.sent = s.replied + s.failed + s.lost,
			.replied = s.replied,
			.failed = s.failed,
			.lost = s.lost,
			.cached = cached_before(run),
			.prompt_tokens = s.prompt_tokens,
			.completion_tokens = s.completion_tokens,
			.cost = s.money + s.unknown_money,
			.seconds = seconds_before(run),
		};
		oc_budget_spent(run->budget, run->before.cost,
		                s.prompt_tokens + s.completion_tokens + s.unknown_tokens,
		                s.requests, run->before.seconds);
		goto out;
	}
	if (rc < 0 || had < 0) {
		rc = -1;
		goto out;
	}
	struct {
		double now;
		long pid;
	} salt = {oc_now(), (long)getpid()};
	*number = (uint32_t)oc_hash64(&salt, sizeof salt, (uint64_t)time(NULL)) | 1;
	text.len = marks.len = 0;
	oc_buf_printf(&text, "%u", *number);
	rc = oc_store_marks(run->plan->cache, &marks, err) ||
	                     oc_rundb_set(run->db, "store_marks", oc_buf_view(&marks), err) ||
	                     oc_rundb_set(run->db, "spender", oc_buf_view(&text), err)
	             ? -1
	             : 0;
out:
	oc_buf_fini(&text);
	oc_buf_fini(&marks);
	return rc;
}

static int open_store(struct oc_run *run, struct oc_err *err)
{
	const struct oc_plan *plan = run->plan;
	struct oc_caps caps = {
		.money = oc_json_get_num(plan->budget, "money", 0),
		.tokens = (uint64_t)oc_json_get_num(plan->budget, "tokens", 0),
		.requests = (uint64_t)oc_json_get_num(plan->budget, "requests", 0),
		.seconds = oc_json_get_num(plan->budget, "hours", 0) * 3600,
	};

	uint32_t number;

	run->budget = oc_budget_new(&caps);
	if (!plan->model_n)
		return 0;
	/* Only then: opening cuts torn ends off, and the run begins to write where they were. */
	if (oc_store_open(&run->store, run->ctx, plan->cache, run->opts->offline, err) ||
	    reckon(run, &number, err))
		return -1;
	oc_store_run(run->store, number);
	return 0;
}

/* A folder retracts once and for all: what it leaves out is part of what it is. */
static int record_retract(struct oc_run *run, struct oc_err *err)
{
	const struct oc_run_retract *r = run->opts->retract;
	struct oc_buf now = {0}, then = {0}, log = {0};
	char path[PATH_MAX];
	int rc;

	oc_buf_puts(&now, "{\"of\":");
	oc_buf_json(&now, oc_str(r->of));
	oc_buf_puts(&now, ",\"what\":");
	oc_buf_json(&now, oc_str(r->what));
	oc_buf_printf(&now, ",\"keys\":%llu}", (unsigned long long)oc_key_set_len(r->keys));
	if (run->continued) {
		rc = oc_rundb_get(run->db, "retract", &then, err);
		if (rc >= 0 && !oc_str_eq(oc_buf_view(&now), oc_buf_view(&then)))
			rc = oc_fail(err, OC_USAGE, run->dir,
			             "holds a run that left out something else: choose another "
			             "folder with -o");
		goto out;
	}
	rc = oc_rundb_set(run->db, "retract", oc_buf_view(&now), err);
	snprintf(path, sizeof path, "%.3800s/reviews.jsonl", r->of);
	if (!rc && oc_file_exists(path)) {
		rc = oc_file_read(path, REVIEWS_MAX, &log, err);
		if (!rc)
			rc = oc_file_write(oc_run_path(run, path, "reviews.jsonl"), log.p, log.len,
			                   err);
	}
out:
	oc_buf_fini(&now);
	oc_buf_fini(&then);
	oc_buf_fini(&log);
	return rc < 0 ? -1 : 0;
}

static int start(struct oc_run *run, struct oc_err *err)
{
	struct oc_buf changed = {0};
	char library[512];

	/* Better now than after everything was paid for. */
	if (oc_run_makes_parquet(run) && oc_duck_find(library, err))
		return -1;
	int rc = oc_run_folder(run->plan, run->opts->dir, run->dir, &changed, err);

	if (rc >= 0 && changed.len && run->opts->say)
		run->opts->say(run->opts->user, oc_buf_cstr(&changed));
	oc_buf_fini(&changed);
	if (rc < 0)
		return -1;
	run->continued = rc == 1;
	snprintf(run->work, sizeof run->work, "%.3800s/work", run->dir);
	if (oc_mkdirs(run->work, err) || lock(run, err))
		return -1;
	/* Whoever had the lock until now may have made a run here since we looked. */
	if (!run->continued) {
		char same[sizeof run->dir];
		struct oc_err why = {0};
		rc = oc_run_folder(run->plan, run->dir, same, &changed, &why);
		if (rc < 0 && why.code == OC_USAGE)
			return oc_fail(err, OC_IO, run->dir,
			               "another outcross has made a run here just now: give the "
			               "same command again");
		if (rc < 0) {
			*err = why;
			return -1;
		}
		run->continued = rc == 1;
	}
	if (oc_rundb_open(&run->db, run->dir, false, err))
		return -1;
	if (!run->continued && write_lock_file(run, err))
		return -1;
	if (run->opts->retract && record_retract(run, err))
		return -1;
	run->models = oc_zalloc(run->plan->model_n, sizeof *run->models);
	return open_store(run, err);
}

/* ------------------------------------------------------------------- phases */

static int intake(struct oc_run *run, char leg[PATH_MAX], struct oc_err *err)
{
	struct oc_feed feed = {0};
	int done = oc_rundb_pass_is_done(run->db, "intake", NULL, err);

	oc_work_path(run, leg, "leg0");
	if (done < 0)
		return -1;
	if (done) {
		oc_tally_fini(&run->tally);
		run->continued = true;
		return oc_rundb_pass_is_done(run->db, "intake", &run->tally, err) < 0 ? -1 : 0;
	}
	int rc = oc_feed_sources(&feed, run, err);
	if (!rc)
		rc = oc_run_leg_pass(run, "intake", &feed, NULL, 0, leg, err);
	if (feed.close)
		feed.close(feed.user);
	return rc;
}

/* Every row that came was refused by its reader: the file is of another kind than the plan says. */
static int check_read(const struct oc_run *run, struct oc_err *err)
{
	const struct oc_tally *t = &run->tally;
	uint64_t unreadable = 0;

	for (unsigned i = 0; i < t->line_n; i++)
		if (t->lines[i].first && strcmp(t->lines[i].step, "read") == 0)
			unreadable += t->lines[i].n;
	if (!unreadable || unreadable < t->in)
		return 0;
	return oc_fail(err, OC_INPUT, "sources",
	               "none of the %llu rows can be read: is `type` right? `outcross plan` shows "
	               "the first of them",
	               (unsigned long long)t->in);
}

static int conduct(struct oc_run *run, struct oc_err *err)
{
	struct oc_selection *sel = NULL;
	uint8_t *test = NULL;
	char leg[PATH_MAX];
	int rc = -1;

	if (oc_run_is_direct(run)) {
		run->phase = "rows";
		if (oc_run_direct(run, err) || check_read(run, err))
			goto out;
	} else {
		if (intake(run, leg, err) || check_read(run, err))
			goto out;
		run->phase = "holdout";
		if (oc_holdout_draw(run, leg, &test, err) || oc_run_stages(run, test, leg, err))
			goto out;
		run->phase = "select";
		if (oc_select(run, leg, &sel, err))
			goto out;
		run->phase = "output";
		if (oc_output(run, leg, sel, err))
			goto out;
	}
	run->phase = "papers";
	run->state = run->waiting ? OC_RUN_REVIEW : OC_RUN_DONE;
	rc = oc_papers_write(run, err);
out:
	oc_selection_free(sel);
	free(test);
	return rc;
}

/* A finished run with nothing new to do (no decision was added since) is left alone. */
static int nothing_to_do(struct oc_run *run, struct oc_err *err)
{
	struct oc_buf state = {0}, seen = {0}, waiting = {0};
	char path[PATH_MAX];
	struct stat st;
	int rc = 0;

	if (run->opts->force || !run->continued)
		return 0;
	if (oc_rundb_get(run->db, "state", &state, err) < 0 ||
	    oc_rundb_get(run->db, "reviews_bytes", &seen, err) < 0)
		rc = -1;
	else if (state.len && (oc_str_is(oc_buf_view(&state), "done") ||
	                       oc_str_is(oc_buf_view(&state), "review"))) {
		int64_t bytes = stat(oc_run_path(run, path, "reviews.jsonl"), &st)
		                        ? 0
		                        : (int64_t)st.st_size;
		rc = bytes == (seen.len ? atoll(oc_buf_cstr(&seen)) : 0);
		if (rc) {
			run->state = oc_str_is(oc_buf_view(&state), "done") ? OC_RUN_DONE
			                                                    : OC_RUN_REVIEW;
			rc = oc_rundb_pass_is_done(run->db, "output", &run->tally, err);
			if (rc == 1 && oc_rundb_get(run->db, "waiting", &waiting, err) == 1)
				run->waiting = strtoull(oc_buf_cstr(&waiting), NULL, 10);
		}
	}
	oc_buf_fini(&state);
	oc_buf_fini(&seen);
	oc_buf_fini(&waiting);
	return rc;
}

/*
 * A run that was done has no legs any more. When people decided anew, or --force was given, it is
 * made again from its inputs, its replies lying in the store.
 */
static int begin_again(struct oc_run *run, struct oc_err *err)
{
	struct oc_buf state = {0};
	char leg[PATH_MAX];
	int rc = oc_rundb_get(run->db, "state", &state, err);
	bool done = rc == 1 && oc_str_is(oc_buf_view(&state), "done");
	int read = oc_rundb_pass_is_done(run->db, "intake", NULL, err);

	oc_buf_fini(&state);
	if (rc < 0 || read < 0)
		return -1;
	if (!done && !(read && !oc_file_exists(oc_work_path(run, leg, "leg0"))))
		return 0;
	if (oc_remove_tree(run->work, err) || oc_mkdirs(run->work, err) ||
	    oc_rundb_begin(run->db, err))
		return -1;
	run->before.cached = 0; /* all of them are asked again */
	rc = oc_rundb_forget_passes(run->db, err) ||
	                     oc_rundb_set(run->db, "cached", OC_LIT("0"), err) ||
	                     oc_rundb_set(run->db, "state",
	                                  oc_str(oc_run_state_name(OC_RUN_RUNNING)), err) ||
	                     oc_rundb_commit(run->db, err)
	             ? -1
	             : 0;
	struct oc_err ignored = {0};
	if (rc)
		oc_rundb_rollback(run->db, &ignored);
	return rc;
}

/* A run that was killed between its last word to run.db and the one to status.json. */
static int status_settle(struct oc_run *run, struct oc_err *err)
{
	struct oc_buf text = {0};
	struct oc_err ignored = {0};
	char path[PATH_MAX];
	bool running =
		oc_file_read(oc_run_path(run, path, "status.json"), STATUS_MAX, &text, &ignored) ||
		oc_str_find(oc_buf_view(&text), OC_LIT("\"state\":\"running\"")) >= 0;

	oc_buf_fini(&text);
	run->phase = "papers";
	return running ? oc_status_write(run, true, err) : 0;
}

static int finish(struct oc_run *run, struct oc_err *err)
{
	struct oc_buf text = {0};
	char path[PATH_MAX];
	struct stat st;
	int64_t bytes =
		stat(oc_run_path(run, path, "reviews.jsonl"), &st) ? 0 : (int64_t)st.st_size;

	oc_buf_printf(&text, "%lld", (long long)bytes);
	int rc = oc_rundb_set(run->db, "reviews_bytes", oc_buf_view(&text), err);
	oc_buf_fini(&text);
	text = (struct oc_buf){0};
	oc_buf_printf(&text, "%llu", (unsigned long long)run->waiting);
	if (!rc)
		rc = oc_rundb_set(run->db, "waiting", oc_buf_view(&text), err);
	oc_buf_fini(&text);
	if (!rc)
		rc = oc_rundb_set(run->db, "state", oc_str(oc_run_state_name(run->state)), err);
	return rc;
}

/* After the run.db says how the run ended, so that a kill in between leaves nothing behind. */
static int tidy(struct oc_run *run, struct oc_err *err)
{
	/* Rows that wait for people still need the legs. */
	if (run->state != OC_RUN_DONE || run->opts->keep_work || run->opts->trial)
		return 0;
	return oc_remove_tree(run->work, err);
}

int oc_run(struct oc_ctx *ctx, const struct oc_plan *plan, const struct oc_run_opts *opts,
           struct oc_run_result *result, struct oc_err *err)
{
	struct oc_run *run = oc_zalloc(1, sizeof *run);
	struct oc_err late = {0};
	int rc, idle = 0;

	run->ctx = ctx;
	run->plan = plan;
	run->group_by = oc_json_get_str(plan->report, "group_by");
	run->opts = opts;
	run->arena = oc_arena_new();
	run->lock_fd = -1;
	pthread_mutex_init(&run->status_lock, NULL);
	run->phase = "start";
	run->started = oc_now();
	run->last_event = run->started;
	rc = start(run, err);
	if (!rc && (idle = nothing_to_do(run, err)) < 0)
		rc = -1;
	if (!rc && !idle) {
		rc = begin_again(run, err) ? -1 : conduct(run, err);
		if (!rc)
			rc = finish(run, err);
	}
	if (!rc && idle)
		rc = status_settle(run, err);
	if (rc)
		run->state = err->code == OC_CANCELLED ? OC_RUN_STOPPED : OC_RUN_FAILED;
	run->why = rc && run->state == OC_RUN_FAILED ? err : NULL;
	for (unsigned i = 0; run->models && i < plan->model_n; i++)
		if (run->models[i])
			oc_llm_model_drain(run->models[i]);
	if (run->db && !idle) {
		oc_status_write(run, true, rc ? &late : err);
		if (rc)
			oc_rundb_set(run->db, "state", oc_str(oc_run_state_name(run->state)),
			             &late);
	}
	if (!rc)
		rc = tidy(run, err);

	snprintf(result->dir, sizeof result->dir, "%s", run->dir);
	result->state = run->state;
	result->continued = run->continued;
	result->waiting = run->waiting;
	result->tally = run->tally;
	for (unsigned i = 0; run->models && i < plan->model_n; i++)
		if (run->models[i])
			oc_llm_model_close(run->models[i]);
	free(run->models);
	pthread_mutex_destroy(&run->status_lock);
	if (run->store && oc_store_close(run->store, rc ? &late : err) && !rc)
		rc = -1;
	oc_budget_free(run->budget);
	struct oc_err ignored = {0};
	oc_run_notes_store(run, &ignored); /* of a pass that failed: what a look at it shows */
	oc_rundb_close(run->db);
	if (run->lock_fd >= 0)
		close(run->lock_fd);
	oc_buf_fini(&run->facts);
	oc_arena_free(run->arena);
	free(run);
	return rc;
}

void oc_run_result_fini(struct oc_run_result *result)
{
	oc_tally_fini(&result->tally);
}
