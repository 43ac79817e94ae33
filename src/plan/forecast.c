#include "plan/forecast.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "data/row.h"

#define SEED_BATCHES 4 /* of each source: at most 2,048 rows and some 4 MiB */

/* Gives rows the identity and origin a run would give them, and lays them into the leg. */
static int lay(struct oc_leg_writer *w, const struct oc_plan_source *s, unsigned index, void *self,
               struct oc_batch *batch, struct oc_err *err)
{
	struct oc_buf encoded = {0};
	int rc = -1;

	for (uint32_t i = 0; i < batch->row_n; i++) {
		struct oc_row *row = &batch->rows[i];
		row->ped.key = oc_arena_printf(row->arena, "%s:%llu", s->name,
		                               (unsigned long long)row->ped.row);
		row->ped.origin = s->origin;
		row->ped.source = index;
		row->ped.licence = s->licence;
		if (row->fate == OC_LIVE && !row->root &&
		    (s->def->parse ? s->def->parse(self, row, err) : oc_row_parse(row, err)) < 0)
			goto out;
	}
	if (oc_leg_encode(batch, false, &encoded, err) < 0 || oc_leg_add(w, &encoded, err) < 0)
		goto out;
	rc = 0;
out:
	oc_buf_fini(&encoded);
	return rc;
}

static int lay_source(struct oc_forecast_plan *out, struct oc_leg_writer *w, struct oc_ctx *ctx,
                      const struct oc_plan *plan, unsigned index, struct oc_err *err)
{
	const struct oc_plan_source *s = &plan->sources[index];
	struct oc_env env = oc_plan_env(plan, ctx, s->name, NULL);
	struct oc_batch *batch = oc_batch_new(OC_BATCH_ROWS);
	yyjson_val *path = oc_json_get(s->opts, "path");
	void *self = NULL;
	int more = 1, rc = -1;

	/* Standard input is the run's. */
	if (oc_str_is(oc_json_str(yyjson_arr_get_first(path)), "-")) {
		out->partial = true;
		rc = 0;
		goto out;
	}
	if (s->def->open(&self, &env, s->opts, err) < 0)
		goto out;
	for (int i = 0; i < SEED_BATCHES && more; i++) {
		oc_batch_reset(batch);
		more = s->def->next(self, batch, err);
		if (more < 0 || lay(w, s, index, self, batch, err) < 0)
			goto out;
	}
	out->partial = out->partial || more;
	rc = 0;
out:
	if (self)
		s->def->close(self);
	oc_batch_free(batch);
	return rc;
}

static int forecast_step(struct oc_forecast_step *f, struct oc_ctx *ctx, const struct oc_plan *plan,
                         const char *dir, struct oc_leg *leg, struct oc_err *err)
{
	struct oc_env env = oc_plan_env(plan, ctx, f->step->name, dir);
	struct oc_recipe_in in = {
		.env = &env, .opts = f->step->opts, .seeds = leg, .stage = oc_stage_find};
	struct oc_recipe *recipe = NULL;
	int rc;

	if (oc_recipe_open(&recipe, &in, err) < 0)
		return oc_fail_in(err, f->step->where);
	rc = oc_recipe_forecast(recipe, &f->need, err);
	oc_recipe_close(recipe);
	if (rc == 0 && f->step->model) {
		uint32_t context = (uint32_t)oc_json_get_int(f->step->model->opts, "context", 0);
		if (f->need.prompt_tokens + f->need.completion_tokens >
		    (double)context * (double)f->need.requests)
			f->context = context;
		f->money = (f->need.prompt_tokens * f->step->model->price_prompt +
		            f->need.completion_tokens * f->step->model->price_completion) /
		           1e6;
	}
	return rc;
}

int oc_plan_forecast(struct oc_forecast_plan *out, struct oc_ctx *ctx, const struct oc_plan *plan,
                     struct oc_err *err)
{
	struct oc_leg_writer *w = NULL;
	struct oc_leg *leg = NULL;
	char dir[512], leg_dir[528];
	int rc = -1;

	*out = (struct oc_forecast_plan){0};
	if (plan->generate_n == 0)
		return 0;
	out->steps = oc_arena_zalloc(plan->arena, plan->generate_n * sizeof *out->steps);
	if (oc_temp_folder(dir, err))
		return -1;
	snprintf(leg_dir, sizeof leg_dir, "%s/leg", dir);
	w = oc_leg_create(leg_dir, 0, err);
	if (!w)
		goto out;
	for (unsigned i = 0; i < plan->source_n; i++)
		if (lay_source(out, w, ctx, plan, i, err) < 0)
			goto out;
	rc = oc_leg_finish(w, err);
	w = NULL;
	if (rc < 0 || (rc = oc_leg_open(&leg, leg_dir, err)) < 0)
		goto out;
	for (unsigned i = 0; i < plan->generate_n && rc == 0; i++) {
		struct oc_forecast_step *f = &out->steps[out->step_n++];
		f->step = &plan->generate[i];
		rc = forecast_step(f, ctx, plan, dir, leg, err);
		out->requests += f->need.requests;
		out->rows += f->need.rows;
		out->prompt_tokens += f->need.prompt_tokens;
		out->completion_tokens += f->need.completion_tokens;
		out->money += f->money;
	}
out:
	if (w)
		oc_leg_abandon(w);
	oc_leg_close(leg);
	struct oc_err ignore = {0};
	oc_remove_tree(dir, &ignore);
	return rc;
}
