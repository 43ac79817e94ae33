/* The stages of verify and curate, cut into passes at whole stages. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "run/stage_facts.h"
#include "run/state.h"

struct chain {
	const struct oc_plan_step **steps; /* (n) verify, then curate */
	void **self;                       /* (n) open from the pass of first use to the last */
	struct oc_llm **llm;
	unsigned n;
};

static void chain_fini(struct chain *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		if (c->self[i] && c->steps[i]->def->close)
			c->steps[i]->def->close(c->self[i]);
		if (c->llm[i])
			c->llm[i]->ops->close(c->llm[i]);
	}
	free(c->steps);
	free(c->self);
	free(c->llm);
}

static void chain_init(struct chain *c, const struct oc_plan *plan)
{
	c->n = plan->verify_n + plan->curate_n;
	c->steps = oc_zalloc(c->n, sizeof *c->steps);
	c->self = oc_zalloc(c->n, sizeof *c->self);
	c->llm = oc_zalloc(c->n, sizeof *c->llm);
	for (unsigned i = 0; i < c->n; i++)
		c->steps[i] =
			i < plan->verify_n ? &plan->verify[i] : &plan->curate[i - plan->verify_n];
}

/* The last step of the pass that begins with step `first`. */
static unsigned last_of(const struct chain *c, unsigned first)
{
	while (first < c->n && c->steps[first]->def->kind != OC_STAGE_WHOLE)
		first++;
	return first;
}

static int step_open(struct oc_run *run, struct chain *c, unsigned i, struct oc_err *err)
{
	const struct oc_plan_step *step = c->steps[i];
	struct oc_llm_model *model;
	struct oc_env env;

	if (c->self[i])
		return 0;
	oc_run_env(run, &env, step->name);
	if (last_of(c, 0) >= i)
		env.input_bytes = oc_run_input_bytes(run);
	if (step->model) {
		if (oc_run_model(run, step->model, &model, err))
			return oc_fail_in(err, step->where);
		env.llm = c->llm[i] = oc_llm_open(model, step->name);
	}
	if (step->def->open(&c->self[i], &env, step->opts, err))
		return oc_fail_in(err, step->where);
	oc_stage_memory_check(run->ctx, step->def, step->name, env.memory);
	oc_stage_forecast_log(run->ctx, step->def, step->name, step->opts);
	return 0;
}

static int look_next(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct oc_feed *feed = user;
	return feed->next(feed->user, batch, err);
}

static int look_parse(void *user, struct oc_row *row, struct oc_err *err)
{
	struct oc_feed *feed = user;
	return feed->parse(feed->user, row, err);
}

/*
 * The pass that ended in a whole stage is done, but what the stage saw went with the process: it
 * looks again, at the leg that this pass wrote. Its rows are those that it saw, under the same
 * numbers.
 */
static int look_again(struct oc_run *run, struct oc_step_run *step, const char *leg,
                      struct oc_err *err)
{
	struct oc_feed feed = {0};
	struct oc_pass pass = {.ctx = run->ctx,
	                       .steps = step,
	                       .step_n = 1,
	                       .threads = run->ctx->threads,
	                       .user = &feed,
	                       .feed = look_next,
	                       .parse = look_parse};
	int rc = oc_feed_leg(&feed, run, leg, NULL, false, NULL, err);

	run->phase = step->name;
	if (!rc)
		rc = oc_pass_run(&pass, err);
	if (feed.close)
		feed.close(feed.user);
	return rc;
}

/*
 * Must the pass that ends before step `last` be made (again)? A stage that sees all rows saw some
 * that its leg does not hold: until its facts are stored, a look at the leg is not enough.
 */
static int is_to_be_made(struct oc_run *run, const struct chain *c, unsigned number, unsigned last,
                         struct oc_err *err)
{
	char name[32], key[OC_FACTS_KEY];
	struct oc_buf facts = {0};

	snprintf(name, sizeof name, "leg%u", number);
	int rc = oc_rundb_pass_is_done(run->db, name, NULL, err);
	if (rc <= 0)
		return rc ? -1 : 1;
	if (last >= c->n || c->steps[last]->def->kind != OC_STAGE_WHOLE ||
	    !c->steps[last]->def->sees_all || !c->steps[last]->def->facts)
		return 0;
	rc = oc_rundb_get(run->db, oc_stage_facts_key(key, c->steps[last]->name), &facts, err);
	oc_buf_fini(&facts);
	return rc < 0 ? -1 : !rc;
}

static int step_resolve(struct oc_run *run, const struct oc_step_run *step, bool fresh,
                        struct oc_err *err)
{
	struct oc_step_run told = *step;

	if (step->def->resolve(step->self, step->spill, err))
		return oc_fail_in(err, step->name);
	told.role = OC_RUN;
	if (!fresh) /* its facts are stored, and of more rows than a leg holds */
		return 0;
	return oc_stage_facts_store(run, &told, 1, err);
}

static int last_state(void *user, const char *bytes, size_t len, struct oc_err *err)
{
	struct oc_buf *state = user;

	(void)err;
	state->len = 0;
	oc_buf_add(state, bytes, len);
	return 0;
}

/*
 * The spill of the whole stage that step `step` of a pass is: as the last finished block left it,
 * and the pass goes on behind that block; or a new one, and the pass begins anew.
 */
static int spill_of(struct oc_run *run, const char *name, unsigned step, unsigned stream_n,
                    bool made, struct oc_spill **spill, struct oc_err *err)
{
	struct oc_buf state = {0};

	if (made && oc_rundb_states(run->db, name, step, last_state, &state, err))
		return -1;
	if (state.len && state.len == stream_n * sizeof(uint64_t))
		*spill = oc_spill_reopen(run->ctx, run->work, name, stream_n, run->plan->memory,
		                         (const uint64_t *)(const void *)state.p);
	oc_buf_fini(&state);
	if (*spill)
		return 0;
	if (made && oc_rundb_forget_pass(run->db, name, err))
		return -1;
	*spill = oc_spill_open(run->ctx, run->work, name, stream_n, run->plan->memory, err);
	return *spill ? 0 : -1;
}

/* A pass: APPLY of the whole stage before `first` (if any), steps first..last, where step `last` is
 * observed when it is a whole stage. */
static int pass_of(struct oc_run *run, struct chain *c, unsigned first, unsigned last,
                   unsigned number, const uint8_t *test, char dir[PATH_MAX], struct oc_err *err)
{
	unsigned from =
		first && c->steps[first - 1]->def->kind == OC_STAGE_WHOLE ? first - 1 : first;
	struct oc_step_run *steps = oc_zalloc(c->n + 1, sizeof *steps);
	struct oc_spill *spill = NULL;
	struct oc_feed feed = {0};
	char name[32], out[PATH_MAX];
	unsigned n = 0;
	int rc = -1, next = 0;

	snprintf(name, sizeof name, "leg%u", number);
	oc_work_path(run, out, name);
	int made = is_to_be_made(run, c, number, last, err);
	bool observes = last < c->n && c->steps[last]->def->kind == OC_STAGE_WHOLE;
	if (made < 0 ||
	    (observes && (next = is_to_be_made(run, c, number + 1, last_of(c, last + 1), err)) < 0))
		goto out;
	if (!made) {
		oc_tally_fini(&run->tally);
		if (oc_rundb_pass_is_done(run->db, name, &run->tally, err) < 0)
			goto out;
		if (!next)
			goto there;
		from = last;
	}
	for (unsigned i = from; i < c->n && i <= last; i++) {
		if (step_open(run, c, i, err))
			goto out;
		steps[n] = (struct oc_step_run){
			.def = c->steps[i]->def,
			.self = c->self[i],
			.name = c->steps[i]->name,
			.role = i == from && from < first ? OC_APPLY : OC_RUN,
			.llm = c->llm[i],
			.on = c->steps[i]->on,
		};
		if (i == last && observes) {
			if (spill_of(run, name, n, c->steps[i]->def->stream_n, made, &spill, err))
				goto out;
			steps[n].role = OC_OBSERVE;
			steps[n].spill = spill;
		}
		n++;
	}
	if (made ? oc_feed_leg(&feed, run, dir, test, number == 1, n ? steps : NULL, err) ||
	                    oc_run_leg_pass(run, name, &feed, steps, n, out, err)
	         : look_again(run, &steps[0], out, err))
		goto out;
	if (observes && step_resolve(run, &steps[n - 1], made || !steps[n - 1].def->sees_all, err))
		goto out;
there:
	snprintf(dir, PATH_MAX, "%s", out);
	rc = 0;
out:
	if (feed.close)
		feed.close(feed.user);
	if (rc && made)
		oc_spill_leave(spill);
	else
		oc_spill_close(spill);
	free(steps);
	return rc;
}

int oc_run_stages(struct oc_run *run, const uint8_t *test, char dir[PATH_MAX], struct oc_err *err)
{
	struct chain c;
	unsigned number = 1, first = 0, last;
	bool more = true;
	int rc = -1;

	chain_init(&c, run->plan);
	if (!c.n && !run->plan->generate_n && !test && !run->opts->retract)
		more = false;
	while (more) {
		last = last_of(&c, first);
		if (pass_of(run, &c, first, last, number, number == 1 ? test : NULL, dir, err))
			goto out;
		more = last < c.n; /* a whole stage still has to be applied */
		first = last + 1;
		number++;
	}
	rc = 0;
out:
	chain_fini(&c);
	return rc;
}

/* ------------------------------------------------------------------- directly */

/* Bytes of the sources' files; UINT64_MAX when some input has no size that is known before. */
static uint64_t input_bytes(const struct oc_plan *plan)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < plan->source_n; i++) {
		const struct oc_plan_source *s = &plan->sources[i];
		int64_t bytes = oc_inputs_bytes(s, plan->base_dir);
		if (bytes < 0 || s->lineage)
			return UINT64_MAX;
		sum += (uint64_t)bytes;
	}
	return sum;
}

bool oc_run_is_direct(struct oc_run *run)
{
	const struct oc_plan *p = run->plan;
	struct oc_str mode = oc_json_get_str(p->review, "mode");

	if (run->opts->retract || p->holdout || p->generate_n || p->mix ||
	    (mode.len && !oc_str_is(mode, "none")))
		return false;
	for (unsigned i = 0; i < p->source_n; i++)
		if (p->sources[i].seeds_only)
			return false;
	for (unsigned i = 0; i < p->verify_n + p->curate_n; i++) {
		const struct oc_plan_step *s =
			i < p->verify_n ? &p->verify[i] : &p->curate[i - p->verify_n];
		if (s->def->kind == OC_STAGE_WHOLE || s->def->kind == OC_STAGE_CALL)
			return false;
	}
	return input_bytes(p) < OC_DIRECT_BYTES;
}

int oc_run_direct(struct oc_run *run, struct oc_err *err)
{
	struct oc_feed feed = {0};
	struct chain c;
	int rc = -1;

	chain_init(&c, run->plan);
	struct oc_step_run *steps = oc_zalloc(c.n + 1, sizeof *steps);
	for (unsigned i = 0; i < c.n; i++) {
		if (step_open(run, &c, i, err))
			goto out;
		steps[i] = (struct oc_step_run){.def = c.steps[i]->def,
		                                .self = c.self[i],
		                                .name = c.steps[i]->name,
		                                .role = OC_RUN,
		                                .on = c.steps[i]->on};
	}
	if (!oc_feed_sources(&feed, run, err))
		rc = oc_output_direct(run, &feed, steps, c.n, err);
out:
	if (feed.close)
		feed.close(feed.user);
	free(steps);
	chain_fini(&c);
	return rc;
}
