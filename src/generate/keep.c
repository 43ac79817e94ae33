/* keep.c: the stages a recipe runs on each candidate before the next round. */
#include <stdlib.h>

#include "base/err.h"
#include "data/opts.h"
#include "data/row.h"
#include "generate/steps.h"

struct judge {
	const struct oc_stage_def *def;
	void *self, *scratch;
};

struct oc_keeper {
	struct oc_arena *arena;
	struct judge *judge; /* (judge_n) */
	size_t judge_n;
	bool wants_seeds;
	struct oc_buf state; /* what ordered stages append; a recipe is replayed, not restored */
};

static int open_judge(struct oc_keeper *k, yyjson_val *item, const struct oc_env *env,
                      const struct oc_stage_def *(*stage)(struct oc_str name), struct oc_err *err)
{
	struct judge *j = &k->judge[k->judge_n];
	yyjson_val *opts =
		yyjson_is_obj(item) ? yyjson_obj_iter_get_val(unsafe_yyjson_get_first(item)) : NULL;
	struct oc_str name =
		oc_json_str(yyjson_is_obj(item) ? unsafe_yyjson_get_first(item) : item);
	const struct oc_stage_def *def = stage ? stage(name) : NULL;
	struct oc_env mine = *env;

	if (!def)
		return oc_fail(err, OC_PLAN, env->name, "keep: there is no stage `%.*s`",
		               OC_ARG(name));
	if (def->kind != OC_STAGE_ROW && def->kind != OC_STAGE_ORDERED)
		return oc_fail(
			err, OC_PLAN, env->name,
			"keep: the stage `%s` %s: put it under verify: or curate:", def->name,
			def->kind == OC_STAGE_CALL ? "asks a model" : "must see all rows");
	mine.name = oc_arena_printf(k->arena, "%s.%s", env->name, def->name).p;
	mine.llm = NULL;
	opts = oc_opts_resolve(k->arena, def->options, opts, mine.name, NULL, NULL, err);
	if (!opts)
		return -1;
	if (def->open && def->open(&j->self, &mine, opts, err))
		return -1;
	j->def = def;
	k->judge_n++;
	if (def->scratch_new)
		j->scratch = def->scratch_new(j->self);
	return 0;
}

int oc_keeper_open(struct oc_keeper **out, yyjson_val *block, const struct oc_env *env,
                   const struct oc_stage_def *(*stage)(struct oc_str name), struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_keeper *k = oc_arena_zalloc(a, sizeof *k);
	yyjson_val *stages = oc_json_get(block, "stages"), *item;
	size_t i, n;

	k->arena = a;
	k->wants_seeds = oc_str_is(oc_json_get_str(block, "against"), "seeds");
	k->judge = oc_arena_zalloc(a, (yyjson_arr_size(stages) + 1) * sizeof *k->judge);
	yyjson_arr_foreach(stages, i, n, item)
	{
		if (open_judge(k, item, env, stage, err)) {
			oc_keeper_close(k);
			return -1;
		}
	}
	*out = k;
	return 0;
}

void oc_keeper_close(struct oc_keeper *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->judge_n; i++) {
		struct judge *j = &k->judge[i];
		if (j->scratch && j->def->scratch_free)
			j->def->scratch_free(j->scratch);
		if (j->def->close)
			j->def->close(j->self);
	}
	oc_buf_fini(&k->state);
	oc_arena_free(k->arena);
}

bool oc_keeper_wants_seeds(const struct oc_keeper *k)
{
	return k->wants_seeds;
}

static int ordered(struct oc_keeper *k, const struct judge *j, struct oc_row *row,
                   struct oc_err *err)
{
	void *note = NULL;

	if (j->def->prepare && j->def->prepare(j->self, j->scratch, row, &note, err))
		return -1;
	k->state.len = 0;
	return j->def->ordered(j->self, row, note, &k->state, err);
}

int oc_keeper_remember(struct oc_keeper *k, struct oc_row *row, struct oc_err *err)
{
	/* whatever they were, to the stages they stand for the rows that were there first */
	row->ped.origin = OC_REAL;
	if (!row->root && oc_row_parse(row, err))
		return -1;
	for (size_t i = 0; i < k->judge_n; i++) {
		if (k->judge[i].def->kind != OC_STAGE_ORDERED)
			continue;
		row->fate = OC_LIVE;
		if (ordered(k, &k->judge[i], row, err))
			return -1;
	}
	return 0;
}

int oc_keeper_judge(struct oc_keeper *k, struct oc_row *row, struct oc_err *err)
{
	for (size_t i = 0; i < k->judge_n && row->fate == OC_LIVE; i++) {
		const struct judge *j = &k->judge[i];
		int rc = j->def->kind == OC_STAGE_ROW ? j->def->row(j->self, j->scratch, row, err)
		                                      : ordered(k, j, row, err);
		if (rc < 0)
			return oc_fail_in(err, j->def->name);
	}
	return 0;
}
