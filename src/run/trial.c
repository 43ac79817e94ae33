#include "run/trial.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "data/row.h"
#include "llm/body.h"
#include "llm/gguf.h"
#include "llm/store.h"
#include "pipe/zframes.h"
#include "run/rundb.h"

#define MAX_LINES ((size_t)1 << 30) /* bytes of an uncompressed file of out/ */

struct trial {
	struct oc_trial *out;
	const struct oc_plan *plan;
	struct oc_arena *arena;
	struct oc_arena *scratch;
	size_t request_cap;
	struct oc_run_status last; /* of the run; its pointers are not followed */
	const char *fate;          /* of the file that is read */
	struct oc_str *lines;      /* (line_n) of a data file, while its lineage is read */
	size_t line_n, line_at;
};

/* --------------------------------------------------------------- what came back */

static struct oc_trial_request *request_of(struct trial *t, const struct oc_plan_step *step,
                                           uint64_t number, struct oc_str key)
{
	struct oc_trial *out = t->out;

	for (size_t i = 0; i < out->request_n; i++)
		if (out->requests[i].step == step && out->requests[i].number == number)
			return &out->requests[i];
	if (out->request_n == t->request_cap) {
		size_t cap = t->request_cap ? 2 * t->request_cap : 16;
		out->requests = oc_arena_resize(t->arena, out->requests,
		                                t->request_cap * sizeof *out->requests,
		                                cap * sizeof *out->requests);
		t->request_cap = cap;
	}
	struct oc_trial_request *q = &out->requests[out->request_n++];
	*q = (struct oc_trial_request){.step = step, .number = number};
	snprintf(q->key, sizeof q->key, "%.*s", OC_ARG(key));
	return q;
}

/* The recipe and the number of its request, of a row's key: "arithmetic:3.0". */
static const struct oc_plan_step *step_of(const struct oc_plan *plan, struct oc_str key,
                                          uint64_t *number)
{
	for (unsigned i = 0; i < plan->generate_n; i++) {
		size_t n = strlen(plan->generate[i].name);
		if (key.len <= n + 1 || key.p[n] != ':' ||
		    memcmp(key.p, plan->generate[i].name, n) != 0)
			continue;
		*number = strtoull(key.p + n + 1, NULL, 10);
		return &plan->generate[i];
	}
	return NULL;
}

static void verdict_of(struct trial *t, struct oc_trial_row *row, yyjson_val *lineage)
{
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach(oc_json_get(lineage, "verdicts"), i, n, v)
	{
		struct oc_str result = oc_json_get_str(v, "result");
		struct oc_buf b = {0};
		if (!oc_str_is(result, "drop") && !oc_str_is(result, "undecided"))
			continue;
		row->rule =
			oc_arena_printf(t->arena, "%.*s: %.*s", OC_ARG(oc_json_get_str(v, "stage")),
		                        OC_ARG(oc_json_get_str(v, "rule")));
		if (oc_json_get(v, "evidence"))
			oc_json_write(&b, oc_json_get(v, "evidence"));
		row->why = oc_arena_str(t->arena, oc_buf_view(&b));
		oc_buf_fini(&b);
		return;
	}
}

/* A row with its pedigree; rows that no request made are passed over. */
static void take_row(struct trial *t, yyjson_val *lineage, struct oc_str raw)
{
	struct oc_str key = oc_json_get_str(lineage, "key"), request;
	yyjson_val *requests = oc_json_get(lineage, "requests");
	uint64_t number = 0;
	const struct oc_plan_step *step = step_of(t->plan, key, &number);

	request = oc_json_str(yyjson_arr_get_last(requests)); /* the one that was used */
	if (!step || !request.len)
		return;
	struct oc_trial_request *q = request_of(t, step, number, request);
	q->rows = oc_arena_resize(t->arena, q->rows, q->row_n * sizeof *q->rows,
	                          (q->row_n + 1) * sizeof *q->rows);
	struct oc_trial_row *row = &q->rows[q->row_n++];
	*row = (struct oc_trial_row){.key = oc_arena_str(t->arena, key),
	                             .fate = t->fate,
	                             .raw = oc_arena_str(t->arena, raw)};
	verdict_of(t, row, lineage);
}

static int fallen_line(void *user, struct oc_str line, struct oc_err *err)
{
	struct trial *t = user;
	struct oc_buf raw = {0};

	if (oc_str_find(line, OC_LIT("\"requests\":[")) < 0)
		return 0;
	oc_arena_reset(t->scratch);
	yyjson_val *v = oc_json_parse(t->scratch, line, err);
	if (!v)
		return -1;
	if (oc_json_get(v, "row"))
		oc_json_write(&raw, oc_json_get(v, "row"));
	take_row(t, oc_json_get(v, "lineage"), oc_buf_view(&raw));
	oc_buf_fini(&raw);
	return 0;
}

static int lineage_line(void *user, struct oc_str line, struct oc_err *err)
{
	struct trial *t = user;
	size_t at = t->line_at++;

	if (oc_str_find(line, OC_LIT("\"requests\":[")) < 0)
		return 0;
	oc_arena_reset(t->scratch);
	yyjson_val *v = oc_json_parse(t->scratch, line, err);
	if (!v)
		return -1;
	take_row(t, v, at < t->line_n ? t->lines[at] : OC_LIT(""));
	return 0;
}

/* The lines of a file, compressed or not. */
static int each_line(const char *path, int (*fn)(void *, struct oc_str, struct oc_err *),
                     struct trial *t, struct oc_err *err)
{
	size_t n = strlen(path);
	struct oc_buf text = {0};
	int rc = 0;

	if (n > 4 && strcmp(path + n - 4, ".zst") == 0)
		return oc_zlines_each(path, fn, t, err);
	if (oc_file_read(path, MAX_LINES, &text, err) < 0)
		return -1;
	for (size_t at = 0; at < text.len && rc == 0;) {
		const char *end = memchr(text.p + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.p) - at : text.len - at;
		rc = fn(t, (struct oc_str){text.p + at, len}, err);
		at += len + 1;
	}
	oc_buf_fini(&text);
	return rc;
}

static int data_line(void *user, struct oc_str line, struct oc_err *err)
{
	struct trial *t = user;

	(void)err;
	if ((t->line_n & (t->line_n - 1)) == 0) {
		size_t cap = t->line_n ? 2 * t->line_n : 1;
		struct oc_str *lines = oc_alloc(cap * sizeof *lines);
		if (t->line_n)
			memcpy(lines, t->lines, t->line_n * sizeof *lines);
		free(t->lines);
		t->lines = lines;
	}
	t->lines[t->line_n++] = oc_arena_str(t->arena, line);
	return 0;
}

static int each_file(const char *dir, const char *pattern, struct trial *t,
                     int (*fn)(struct trial *t, const char *path, struct oc_err *err),
                     struct oc_err *err)
{
	glob_t found = {0};
	int rc = 0;

	if (oc_glob(dir, pattern, 0, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc && rc == 0; i++)
			rc = fn(t, found.gl_pathv[i], err);
	globfree(&found);
	return rc;
}

static int read_fallen(struct trial *t, const char *path, struct oc_err *err)
{
	return each_line(path, fallen_line, t, err);
}

/* The rows that were kept: line k of the lineage belongs to line k of the data. */
static int read_kept(struct trial *t, const char *path, struct oc_err *err)
{
	char lineage[4200];
	const char *part = strstr(path, "/out/data/");
	int rc;

	if (!part)
		return 0;
	snprintf(lineage, sizeof lineage, "%.*s/out/lineage/%s", (int)(part - path), path,
	         part + strlen("/out/data/"));
	t->line_n = t->line_at = 0;
	rc = each_line(path, data_line, t, err);
	if (rc == 0)
		rc = each_line(lineage, lineage_line, t, err);
	free(t->lines);
	t->lines = NULL;
	return rc;
}

/* ------------------------------------------------------- the requests themselves */

/* What a person would read in a request: its messages, or its prompt. */
static struct oc_str prompt_of(struct trial *t, struct oc_str body)
{
	struct oc_err quiet = {0};
	yyjson_val *v = oc_json_parse(t->scratch, body, &quiet), *m;
	struct oc_str prompt = oc_json_get_str(v, "prompt");
	struct oc_buf b = {0};
	size_t i, n;

	oc_buf_str(&b, prompt);
	yyjson_arr_foreach(oc_json_get(v, "messages"), i, n, m)
	{
		if (n > 1)
			oc_buf_printf(&b, "%s[%.*s] ", i ? "\n" : "",
			              OC_ARG(oc_json_get_str(m, "role")));
		oc_buf_str(&b, oc_json_get_str(m, "content"));
	}
	prompt = oc_arena_str(t->arena, oc_buf_view(&b));
	oc_buf_fini(&b);
	return prompt;
}

static int fill_request(struct trial *t, struct oc_store *store, struct oc_trial_request *q,
                        struct oc_err *err)
{
	struct oc_record r = {0};
	struct oc_answer a = {0};
	struct oc_hash128 key;
	int found;

	if (!oc_hash128_parse(oc_str(q->key), &key))
		return 0;
	found = oc_store_get(store, key, &r, err);
	if (found <= 0)
		return found;
	oc_arena_reset(t->scratch);
	q->prompt = prompt_of(t, r.request);
	q->usage = r.usage;
	q->cost = r.cost;
	q->seconds = r.seconds;
	if (found == 1) {
		bool chat = oc_str_find(r.request, OC_LIT("\"messages\":")) >= 0;
		oc_answer_read(chat ? OC_CALL_CHAT : OC_CALL_COMPLETION, r.request, r.reply, &a);
		q->reply = oc_arena_str(t->arena, a.text);
		oc_answer_fini(&a);
	} else {
		q->error = oc_arena_str(t->arena, r.error);
	}
	oc_record_fini(&r);
	return 0;
}

static int fill_requests(struct trial *t, struct oc_ctx *ctx, struct oc_err *err)
{
	struct oc_store *store = NULL;
	struct oc_err late = {0};
	int rc = 0;

	if (oc_store_open(&store, ctx, t->plan->cache, true, err) < 0)
		return -1;
	for (size_t i = 0; i < t->out->request_n && rc == 0; i++)
		rc = fill_request(t, store, &t->out->requests[i], err);
	if (oc_store_close(store, rc ? &late : err) < 0)
		rc = -1;
	return rc;
}

static int by_step(const void *a, const void *b)
{
	const struct oc_trial_request *x = a, *y = b;

	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int by_key(const void *a, const void *b)
{
	const struct oc_trial_row *x = a, *y = b;

	/* "step:3.2" before "step:3.10": the same step and request, so length decides first. */
	if (x->key.len != y->key.len)
		return x->key.len < y->key.len ? -1 : 1;
	return oc_str_cmp(x->key, y->key);
}

/* ------------------------------------------------------------------ forecast */

static void count_requests(struct trial *t, struct oc_trial_step *s)
{
	for (size_t i = 0; i < t->out->request_n; i++) {
		const struct oc_trial_request *q = &t->out->requests[i];
		if (q->step != s->step)
			continue;
		s->requests++;
		s->failed += q->error.len != 0;
		s->prompt_tokens += q->usage.prompt_tokens;
		s->completion_tokens += q->usage.completion_tokens;
		s->reply_seconds += q->seconds;
		s->made += q->row_n;
		for (size_t k = 0; k < q->row_n; k++)
			s->kept += strcmp(q->rows[k].fate, "kept") == 0;
	}
}

/* How many requests a run of the plan has in flight: what the plan says. A local model shares its
 * cores, so that no more than the trial had can be promised to be as fast. */
static uint32_t at_once(const struct oc_plan_step *step, uint64_t requests)
{
	const struct oc_plan_model *m = step->model;
	int64_t n = 1;

	if (m && m->def == &oc_llm_gguf)
		n = oc_json_get_int(m->opts, "slots", 1);
	else if (m)
		return (uint32_t)oc_json_get_int(m->opts, "concurrency", 1);
	return (uint32_t)((uint64_t)n < requests ? (uint64_t)n : requests);
}

static void extrapolate(struct oc_trial_step *s, const struct oc_forecast_step *f)
{
	double n = (double)s->requests, answered = n - (double)s->failed;

	if (n == 0)
		return;
	s->at_once = at_once(s->step, s->requests);
	if (s->wanted > 0)
		s->need_requests = s->kept ? s->wanted * n / (double)s->kept : -1;
	else
		s->need_requests = (double)f->need.requests;
	if (s->need_requests < 0 || answered <= 0)
		return;
	double k = s->need_requests / answered;
	s->need_prompt = k * s->prompt_tokens;
	s->need_completion = k * s->completion_tokens;
	if (s->step->model)
		s->need_money = (s->need_prompt * s->step->model->price_prompt +
		                 s->need_completion * s->step->model->price_completion) /
		                1e6;
	s->need_seconds = k * s->reply_seconds / (s->at_once ? s->at_once : 1);
}

static int make_steps(struct trial *t, const char *dir, const struct oc_forecast_plan *forecast,
                      struct oc_err *err)
{
	struct oc_trial *out = t->out;
	struct oc_rundb *db = NULL;
	struct oc_buf facts = {0};
	char name[300];
	int rc = 0;

	if (oc_rundb_open(&db, dir, true, err) < 0)
		return -1;
	out->steps = oc_arena_zalloc(t->arena, t->plan->generate_n * sizeof *out->steps);
	for (unsigned i = 0; i < t->plan->generate_n && rc >= 0; i++) {
		struct oc_trial_step *s = &out->steps[out->step_n++];
		s->step = &t->plan->generate[i];
		snprintf(name, sizeof name, "recipe:%s", s->step->name);
		facts.len = 0;
		rc = oc_rundb_get(db, name, &facts, err);
		oc_arena_reset(t->scratch);
		yyjson_val *v =
			rc == 1 ? oc_json_parse(t->scratch, oc_buf_view(&facts), err) : NULL;
		s->wanted = oc_json_get_num(v, "wanted", 0);
		count_requests(t, s);
		extrapolate(s, &forecast->steps[i]);
	}
	oc_buf_fini(&facts);
	oc_rundb_close(db);
	return rc < 0 ? -1 : 0;
}

/* ---------------------------------------------------------------------- trial */

static void progress(void *user, const struct oc_run_status *s)
{
	((struct trial *)user)->last = *s;
}

static int run(struct trial *t, struct oc_ctx *ctx, const char *dir, uint64_t requests,
               struct oc_err *err)
{
	struct oc_plan plan = *t->plan;
	struct oc_run_result *result = oc_zalloc(1, sizeof *result);
	struct oc_run_opts opts = {.dir = dir, .trial = requests, .user = t, .progress = progress};
	int rc;

	plan.mix = plan.rehearse = NULL;
	plan.review = oc_json_parse(t->arena, OC_LIT("{\"mode\":\"none\"}"), err);
	rc = plan.review ? oc_run(ctx, &plan, &opts, result, err) : -1;
	t->out->sent = t->last.sent;
	t->out->cached = t->last.cached;
	t->out->money = t->last.money;
	t->out->seconds = t->last.seconds;
	oc_run_result_fini(result);
	free(result);
	return rc;
}

static int collect(struct trial *t, const char *dir, struct oc_err *err)
{
	static const char *const fates[] = {"rejected", "held", "unused"};
	char pattern[64];

	for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
		t->fate = fates[i];
		snprintf(pattern, sizeof pattern, "%s-*.zst", fates[i]);
		if (each_file(dir, pattern, t, read_fallen, err) < 0)
			return -1;
	}
	t->fate = "kept";
	return each_file(dir, "out/data/train-*", t, read_kept, err);
}

int oc_plan_trial(struct oc_trial *out, struct oc_ctx *ctx, const struct oc_plan *plan,
                  const struct oc_forecast_plan *forecast, uint64_t requests, struct oc_err *err)
{
	struct trial t = {.out = out, .plan = plan, .arena = plan->arena};
	struct oc_err ignore = {0};
	char dir[512], run_dir[528];
	int rc = -1;

	*out = (struct oc_trial){0};
	if (plan->generate_n == 0)
		return oc_fail(err, OC_USAGE, "--trial", "this plan asks no model");
	if (oc_temp_folder(dir, err))
		return -1;
	snprintf(run_dir, sizeof run_dir, "%s/run", dir);
	t.scratch = oc_arena_new();
	if (run(&t, ctx, run_dir, requests, err) < 0 || collect(&t, run_dir, err) < 0 ||
	    fill_requests(&t, ctx, err) < 0)
		goto out;
	qsort(out->requests, out->request_n, sizeof *out->requests, by_step);
	for (size_t i = 0; i < out->request_n; i++)
		qsort(out->requests[i].rows, out->requests[i].row_n, sizeof *out->requests[i].rows,
		      by_key);
	rc = make_steps(&t, run_dir, forecast, err);
out:
	oc_remove_tree(dir, &ignore);
	oc_arena_free(t.scratch);
	return rc;
}
