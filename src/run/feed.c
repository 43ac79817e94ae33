#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "generate/recipe.h"
#include "run/lineage.h"
#include "run/lookup.h"
#include "run/state.h"
#include "run/walk.h"

/* -------------------------------------------------------------------- notes */

void oc_run_note(struct oc_run *run, const char *key, struct oc_str value)
{
	run->notes = oc_realloc(run->notes, (run->note_n + 1) * sizeof *run->notes);
	struct oc_note *note = &run->notes[run->note_n++];

	*note = (struct oc_note){0};
	snprintf(note->key, sizeof note->key, "%s", key);
	oc_buf_str(&note->value, value);
}

int oc_run_notes_store(struct oc_run *run, struct oc_err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < run->note_n; i++) {
		struct oc_note *note = &run->notes[i];
		if (!rc)
			rc = oc_rundb_set(run->db, note->key, oc_buf_view(&note->value), err);
		oc_buf_fini(&note->value);
	}
	free(run->notes);
	run->notes = NULL;
	run->note_n = 0;
	return rc;
}

/* ---------------------------------------------------------- the plan's sources */

struct sources {
	struct oc_run *run;
	void *self; /* of source `at`, open */
	unsigned at;
	uint64_t rows;              /* of source `at`, so far */
	struct oc_lineage *lineage; /* of source `at`, when it brings one */
	void **open;                /* (source_n): kept open until close, parse needs them */
};

static int sources_open_next(struct sources *f, struct oc_err *err)
{
	const struct oc_plan_source *s = &f->run->plan->sources[f->at];
	struct oc_env env;

	oc_run_env(f->run, &env, s->name);
	if (s->def->open(&f->open[f->at], &env, s->opts, err))
		return oc_fail_in(err, s->name);
	f->self = f->open[f->at];
	if (s->lineage && oc_lineage_open(&f->lineage, s->opts, f->run->plan->base_dir, err))
		return oc_fail_in(err, s->name);
	return 0;
}

static int sources_next(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct sources *f = user;
	const struct oc_plan *plan = f->run->plan;

	for (; f->at < plan->source_n; f->at++, f->self = NULL) {
		if (!f->self && sources_open_next(f, err))
			return -1;
		int rc = plan->sources[f->at].def->next(f->self, batch, err);
		if (rc < 0)
			return oc_fail_in(err, plan->sources[f->at].name);
		for (uint32_t i = 0; i < batch->row_n; i++) {
			batch->rows[i].ped.source = f->at;
			if (f->lineage && oc_lineage_next(f->lineage, &batch->rows[i], err))
				return oc_fail_in(err, plan->sources[f->at].name);
		}
		f->rows += batch->row_n;
		if (rc == 0 && !f->rows)
			return oc_fail(err, OC_INPUT, plan->sources[f->at].name,
			               "there are no rows in it: take the source out of the plan, "
			               "or give it a file with rows");
		if (rc == 0) {
			f->rows = 0;
			oc_inputs_note(f->run, f->at, f->self);
			oc_lineage_close(f->lineage);
			f->lineage = NULL;
		}
		if (batch->row_n || rc)
			return 1;
	}
	return 0;
}

/* "name:row", without printf: every row needs one. */
static struct oc_str row_key(struct oc_arena *a, const char *name, uint64_t row)
{
	struct oc_str text = oc_str(name);
	size_t len = text.len;
	char digits[20], *d = digits + sizeof digits, *key;

	do
		*--d = (char)('0' + row % 10);
	while (row /= 10);
	size_t digit_n = (size_t)(digits + sizeof digits - d);
	key = oc_arena_alloc(a, len + 1 + digit_n);
	memcpy(key, text.p, len);
	key[len] = ':';
	memcpy(key + len + 1, d, digit_n);
	return (struct oc_str){key, len + 1 + digit_n};
}

static int sources_parse(void *user, struct oc_row *row, struct oc_err *err)
{
	struct sources *f = user;
	const struct oc_plan *plan = f->run->plan;
	const struct oc_plan_source *s = &plan->sources[row->ped.source];
	struct oc_pedigree *p = &row->ped;

	p->key = row_key(row->arena, s->name, p->row);
	if (row->fate == OC_LIVE &&
	    (s->def->parse ? s->def->parse(f->open[row->ped.source], row, err)
	                   : oc_row_parse(row, err)))
		return oc_fail_in(err, s->name);
	if (row->fate == OC_LIVE && s->lineage) {
		if (oc_lineage_apply(row, s->name, err))
			return oc_fail_in(err, s->name);
	} else {
		p->origin = s->origin;
		p->depth = s->origin == OC_REAL ? 0 : 1;
		p->depth_at_least = s->origin != OC_REAL;
	}
	if (!p->licence.len)
		p->licence = s->licence;
	if (row->fate == OC_LIVE && s->id.len && !p->id.len)
		oc_row_field(row, s->id, &p->id);
	if (row->fate != OC_LIVE && plan->on_bad_row == OC_STOP_ON_BAD_ROW) {
		const struct oc_verdict *v =
			row->verdict_n ? &row->verdicts[row->verdict_n - 1] : NULL;
		return oc_fail(
			err, OC_INPUT, s->name, "row %llu of %.*s: %.*s %.*s (on_bad_row: stop)",
			(unsigned long long)p->row + 1, OC_ARG(p->span.file),
			OC_ARG(v ? v->rule : OC_LIT("")), OC_ARG(v ? v->evidence : OC_LIT("")));
	}
	return 0;
}

static void sources_close(void *user)
{
	struct sources *f = user;
	const struct oc_plan *plan = f->run->plan;

	for (unsigned i = 0; i < plan->source_n; i++)
		if (f->open[i])
			plan->sources[i].def->close(f->open[i]);
	oc_lineage_close(f->lineage);
	free(f->open);
	free(f);
}

int oc_feed_sources(struct oc_feed *feed, struct oc_run *run, struct oc_err *err)
{
	struct sources *f = oc_zalloc(1, sizeof *f);

	(void)err;
	f->run = run;
	f->open = oc_zalloc(run->plan->source_n, sizeof *f->open);
	*feed = (struct oc_feed){f, sources_next, sources_parse, sources_close};
	return 0;
}

/* --------------------------------------------------------- a leg, then recipes */

struct leg_feed {
	struct oc_run *run;
	struct oc_leg *leg;
	struct oc_walk walk;
	bool recipes;
	unsigned at; /* recipe */
	struct oc_recipe *recipe;
	struct oc_llm *llm;
	struct oc_env env; /* of the open recipe */
};

static void tell(void *user, const struct oc_row *row)
{
	const struct leg_feed *f = user;
	const struct oc_run_opts *opts = f->run->opts;

	opts->made(opts->user, f->run->plan->generate[f->at].name, row);
}

static int recipe_open(struct leg_feed *f, struct oc_err *err)
{
	const struct oc_plan_step *step = &f->run->plan->generate[f->at];
	struct oc_llm_model *model = NULL;

	uint32_t ordinal = 0;
	for (unsigned i = 0; i < f->at; i++)
		ordinal += strcmp(f->run->plan->generate[i].part, step->part) == 0;
	f->run->phase = "generate";
	oc_run_env(f->run, &f->env, step->name);
	if (step->model) {
		if (oc_run_model(f->run, step->model, &model, err))
			return oc_fail_in(err, step->where);
		f->env.llm = f->llm = oc_llm_open(model, step->name);
	}
	struct oc_recipe_in in = {
		.env = &f->env,
		.opts = step->opts,
		.seeds = f->leg,
		.stage = oc_stage_find,
		.source = f->run->plan->source_n + f->at,
		.ordinal = ordinal,
		.limit = f->run->opts->trial,
		.made = f->run->opts->made ? tell : NULL,
		.user = f,
	};
	return oc_recipe_open(&f->recipe, &in, err) ? oc_fail_in(err, step->where) : 0;
}

static void recipe_close(struct leg_feed *f)
{
	oc_recipe_close(f->recipe);
	f->recipe = NULL;
	if (f->llm)
		f->llm->ops->close(f->llm);
	f->llm = NULL;
}

/* What the report shows of a recipe; and whether it delivered what the plan asks for. */
static int recipe_end(struct leg_feed *f, struct oc_err *err)
{
	const struct oc_plan_step *step = &f->run->plan->generate[f->at];
	struct oc_buf facts = {0};
	char key[256];

	oc_recipe_facts(f->recipe, &facts);
	snprintf(key, sizeof key, "recipe:%s", step->name);
	oc_run_note(f->run, key, oc_buf_view(&facts));
	oc_buf_fini(&facts);
	int rc = oc_recipe_verdict(f->recipe, err) ? oc_fail_in(err, step->name) : 0;
	recipe_close(f);
	return rc;
}

static int leg_next(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct leg_feed *f = user;

	if (!oc_walk_ended(&f->walk)) {
		if (oc_walk_next(&f->walk, batch, err))
			return -1;
		for (uint32_t i = 0; i < batch->row_n; i++)
			batch->rows[i].old = true;
		return 1;
	}
	while (f->recipes && f->at < f->run->plan->generate_n) {
		if (!f->recipe && recipe_open(f, err))
			return -1;
		int rc = oc_recipe_next(f->recipe, batch, err);
		if (rc < 0)
			return oc_fail_in(err, f->run->plan->generate[f->at].name);
		if (rc == 0) {
			if (recipe_end(f, err))
				return -1;
			f->at++;
		}
		if (batch->row_n || rc)
			return 1;
	}
	return 0;
}

static int leg_parse(void *user, struct oc_row *row, struct oc_err *err)
{
	const struct leg_feed *f = user;
	const struct oc_run_retract *retract = f->run->opts->retract;

	if (row->fate != OC_LIVE && row->fate != OC_HELD)
		return 0;
	if (!row->root && oc_row_parse(row, err))
		return -1;
	if (retract && oc_key_set_has(retract->keys, row->ped.key))
		oc_row_reject(row, "retract", "retracted", OC_LIT(""));
	return 0;
}

static void leg_close(void *user)
{
	struct leg_feed *f = user;

	if (f->recipe)
		recipe_close(f);
	oc_leg_close(f->leg);
	free(f);
}

int oc_feed_leg(struct oc_feed *feed, struct oc_run *run, const char *dir, const uint8_t *test,
                bool recipes, const struct oc_step_run *applied, struct oc_err *err)
{
	/* Before the pass has threads: they look at what the models counted. */
	for (unsigned i = 0; recipes && i < run->plan->generate_n; i++) {
		const struct oc_plan_step *step = &run->plan->generate[i];
		struct oc_llm_model *model;
		if (step->model && oc_run_model(run, step->model, &model, err))
			return oc_fail_in(err, step->where);
	}
	struct leg_feed *f = oc_zalloc(1, sizeof *f);

	f->run = run;
	f->recipes = recipes;
	if (oc_leg_open(&f->leg, dir, err)) {
		free(f);
		return -1;
	}
	oc_leg_mark_test(f->leg, test);
	oc_walk_init(&f->walk, f->leg, applied);
	*feed = (struct oc_feed){f, leg_next, leg_parse, leg_close};
	return 0;
}
