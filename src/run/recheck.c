#include "run/recheck.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "plan/plan.h"
#include "run/rundb.h"

#define LOCK_MAX ((size_t)16 << 20)

struct check {
	const struct oc_plan_step *step;
	void *self, *scratch;
};

struct oc_recheck {
	struct oc_plan *plan;
	struct check *checks; /* (n) in the order of the plan */
	unsigned n;
};

static int read_plan(struct oc_recheck *c, struct oc_ctx *ctx, const char *dir, struct oc_err *err)
{
	struct oc_buf text = {0}, base = {0};
	struct oc_rundb *db = NULL;
	char path[PATH_MAX];
	int rc = -1;

	snprintf(path, sizeof path, "%.3800s/plan.lock.yaml", dir);
	if (oc_file_read(path, LOCK_MAX, &text, err) || oc_rundb_open(&db, dir, true, err) ||
	    oc_rundb_get(db, "base_dir", &base, err) < 0)
		goto out;
	rc = oc_plan_parse(&c->plan, ctx, oc_buf_view(&text), path, oc_buf_cstr(&base), err);
out:
	oc_rundb_close(db);
	oc_buf_fini(&text);
	oc_buf_fini(&base);
	return rc < 0 ? -1 : 0;
}

static int open_check(struct oc_recheck *c, struct oc_ctx *ctx, const char *dir,
                      const struct oc_plan_step *step, struct oc_err *err)
{
	struct oc_env env = {.size = sizeof env,
	                     .ctx = ctx,
	                     .name = step->name,
	                     .base_dir = c->plan->base_dir,
	                     .work_dir = dir,
	                     .seed = c->plan->seed,
	                     .memory = c->plan->memory};
	struct check *k = &c->checks[c->n];

	if (step->def->kind != OC_STAGE_ROW || step->model)
		return 0;
	k->step = step;
	if (step->def->open && step->def->open(&k->self, &env, step->opts, err))
		return oc_fail_in(err, step->name);
	k->scratch = step->def->scratch_new ? step->def->scratch_new(k->self) : NULL;
	c->n++;
	return 0;
}

int oc_recheck_open(struct oc_recheck **out, struct oc_ctx *ctx, const char *dir,
                    struct oc_err *err)
{
	struct oc_recheck *c = oc_zalloc(1, sizeof *c);
	int rc = read_plan(c, ctx, dir, err);

	if (!rc) {
		const struct oc_plan *p = c->plan;
		c->checks = oc_zalloc(p->verify_n + p->curate_n, sizeof *c->checks);
		for (unsigned i = 0; !rc && i < p->verify_n; i++)
			rc = open_check(c, ctx, dir, &p->verify[i], err);
		for (unsigned i = 0; !rc && i < p->curate_n; i++)
			rc = open_check(c, ctx, dir, &p->curate[i], err);
	}
	if (rc) {
		oc_recheck_close(c);
		return -1;
	}
	*out = c;
	return 0;
}

void oc_recheck_close(struct oc_recheck *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->n; i++) {
		const struct oc_stage_def *def = c->checks[i].step->def;
		if (c->checks[i].scratch && def->scratch_free)
			def->scratch_free(c->checks[i].scratch);
		if (c->checks[i].self && def->close)
			def->close(c->checks[i].self);
	}
	free(c->checks);
	oc_plan_free(c->plan);
	free(c);
}

/* Why the row fell: its newest verdict. */
static int refused(const struct oc_row *row, struct oc_buf *why)
{
	const struct oc_verdict *v = &row->verdicts[row->verdict_n - 1];

	oc_buf_printf(why, "%.*s/%.*s", OC_ARG(v->stage), OC_ARG(v->rule));
	if (v->evidence.len)
		oc_buf_printf(why, " %.*s", OC_ARG(v->evidence));
	return 1;
}

int oc_recheck_row(struct oc_recheck *c, struct oc_str raw, struct oc_str lineage,
                   struct oc_buf *why, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	int rc = 0;

	for (unsigned i = 0; !rc && i < c->n; i++) {
		const struct check *k = &c->checks[i];
		struct oc_step_run step = {.def = k->step->def, .on = k->step->on};
		struct oc_row row = {.arena = a};
		/* Each looks at the row as it was typed, whatever those before it would change. */
		if (lineage.len && oc_pedigree_read(&row, lineage, err)) {
			rc = -1;
			break;
		}
		row.raw = raw;
		row.root = NULL;
		row.verdict_n = 0;
		row.fate = OC_LIVE;
		row.arena = a;
		if (oc_row_parse(&row, err))
			rc = -1;
		else if (row.fate == OC_REJECTED)
			rc = refused(&row, why);
		else if (!oc_step_skips(&step, &row) &&
		         k->step->def->row(k->self, k->scratch, &row, err))
			rc = -1;
		else if (row.fate == OC_REJECTED && row.verdict_n)
			rc = refused(&row, why);
	}
	oc_arena_free(a);
	return rc;
}
