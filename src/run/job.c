#include "run/job.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "mix/mix.h"
#include "pipe/leg.h"
#include "pipe/pass.h"
#include "pipe/spill.h"
#include "run/fallen.h"
#include "run/job_parts.h"
#include "run/lineage.h"
#include "run/stage_facts.h"
#include "run/walk.h"

struct run {
	const struct oc_job *job;
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_job_source *sources; /* (job->input_n) */
	struct oc_job_step *steps;     /* (job->stage_n) */
	struct oc_tally *tally;
	char work[PATH_MAX];      /* "" = none was needed */
	int folder;               /* a descriptor of it, locked; -1 */
	const char *verdict_body; /* path of the verdicts' lines until they get their header */
	struct oc_sink out, rejected, verdicts;
	struct oc_thresholds thresholds;
	struct oc_mix *mix;
	struct oc_buf *facts; /* (job->stage_n) what the stage handed over */
	struct oc_kept *kept;
	uint64_t memory; /* what one stage that compares rows may hold */
	uint64_t unreadable;

	/* the pass at work */
	unsigned at;                /* source being read */
	struct oc_leg *from;        /* or a leg, */
	struct oc_walk walk;        /* through its rows */
	struct oc_leg_writer *into; /* NULL = the last pass: rows go out */
};

/* ------------------------------------------------------------------- a pass */

/* "people:17", without printf: it is made for every row, on one thread. */
static struct oc_str make_key(struct oc_arena *a, struct oc_str name, uint64_t row)
{
	char digits[20], *p;
	size_t n = 0;

	do
		digits[n++] = (char)('0' + row % 10);
	while (row /= 10);
	p = oc_arena_alloc(a, name.len + 1 + n);
	memcpy(p, name.p, name.len);
	p[name.len] = ':';
	for (size_t i = 0; i < n; i++)
		p[name.len + 1 + i] = digits[n - 1 - i];
	return (struct oc_str){p, name.len + 1 + n};
}

static int feed_sources(struct run *r, struct oc_batch *batch, struct oc_err *err)
{
	while (r->at < r->job->input_n) {
		struct oc_job_source *s = &r->sources[r->at];
		int rc = s->def->next(s->self, batch, err);
		if (rc < 0)
			return -1;
		for (uint32_t i = 0; i < batch->row_n; i++) {
			struct oc_pedigree *p = &batch->rows[i].ped;
			p->key = make_key(batch->arena, s->name, p->row);
			p->source = r->at;
			p->origin = s->origin;
			p->depth = s->origin == OC_REAL ? 0 : 1;
			p->depth_at_least = s->origin != OC_REAL;
			if (s->lineage && oc_lineage_next(s->lineage, &batch->rows[i], err))
				return -1;
		}
		r->at += rc == 0;
		if (rc || batch->row_n)
			return 1;
	}
	return 0;
}

static int feed(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct run *r = user;

	if (!r->from)
		return feed_sources(r, batch, err);
	return oc_walk_next(&r->walk, batch, err) ? -1 : !oc_walk_ended(&r->walk);
}

static int parse(void *user, struct oc_row *row, struct oc_err *err)
{
	struct run *r = user;
	const struct oc_job_source *s = &r->sources[row->ped.source];

	if (r->from)
		return oc_row_parse(row, err);
	if (s->def->parse ? s->def->parse(s->self, row, err) : oc_row_parse(row, err))
		return -1;
	return s->lineage && row->fate == OC_LIVE ? oc_lineage_apply(row, s->name.p, err) : 0;
}

/* Lengths of three parts, then the parts: rows (of the leg or of OUT), fallen rows, verdicts. */
struct parts {
	uint64_t rows, fallen, verdicts;
};

static bool is_last_stop(const struct run *r, const struct oc_row *row)
{
	return !r->into || (row->fate != OC_LIVE && row->fate != OC_HELD);
}

static int encode(void *user, const struct oc_batch *batch, struct oc_buf *out, struct oc_err *err)
{
	const struct run *r = user;
	const struct oc_job *job = r->job;
	/* a rule's score at every row is more than many a row: kept for those who write it */
	bool settled = !job->rejected && !job->verdicts;
	struct parts n = {0};

	oc_buf_add(out, &n, sizeof n);
	if (r->into && oc_leg_encode(batch, settled, out, err))
		return -1;
	for (uint32_t i = 0; !r->into && !job->index && i < batch->row_n; i++)
		if (batch->rows[i].fate == OC_LIVE) {
			oc_buf_str(out, batch->rows[i].raw);
			oc_buf_putc(out, '\n');
		}
	n.rows = out->len - sizeof n;
	for (uint32_t i = 0; job->rejected && i < batch->row_n; i++) {
		const struct oc_row *row = &batch->rows[i];
		if (row->fate != OC_LIVE && is_last_stop(r, row))
			oc_fallen_write(out, row);
	}
	n.fallen = out->len - sizeof n - n.rows;
	for (uint32_t i = 0; job->verdicts && i < batch->row_n; i++)
		if (is_last_stop(r, &batch->rows[i]))
			oc_verdict_lines(out, &batch->rows[i], r->steps, job->stage_n,
			                 job->input_n > 1);
	n.verdicts = out->len - sizeof n - n.rows - n.fallen;
	memcpy(out->p, &n, sizeof n);
	return 0;
}

/* A row that its reader refused. */
static void count_unreadable(struct run *r, const struct oc_row *row)
{
	const struct oc_verdict *v = row->verdicts;

	if (r->unreadable++ || !r->job->unreadable)
		return;
	oc_buf_printf(r->job->unreadable, "%.*s %.*s", OC_ARG(v->rule), OC_ARG(v->evidence));
}

static void count(struct run *r, const struct oc_row *row)
{
	struct oc_tally *t = r->tally;

	if (!r->from && row->verdict_n && oc_str_is(row->verdicts->stage, "read"))
		count_unreadable(r, row);

	t->in += !r->from;
	oc_tally_verdicts(t, row, row->verdict_old);
	switch (row->fate) {
	case OC_REJECTED: t->rejected++; break;
	case OC_MERGED: t->merged++; break;
	case OC_UNUSED: t->unused++; break;
	case OC_HELD: t->held += !r->into; break;
	case OC_LIVE: t->train += !r->into; break;
	}
	if (r->job->verdicts)
		oc_thresholds_see(&r->thresholds, row);
}

static int emit(void *user, struct oc_batch *batch, struct oc_buf *encoded, struct oc_err *err)
{
	struct run *r = user;
	struct parts n;

	for (uint32_t i = 0; i < batch->row_n; i++) {
		const struct oc_row *row = &batch->rows[i];
		count(r, row);
		if (!r->into && row->fate == OC_LIVE)
			oc_kept_row(r->kept, row);
		if (r->mix && row->fate == OC_LIVE && oc_mix_add(r->mix, row, 0, err))
			return -1;
	}
	memcpy(&n, encoded->p, sizeof n);
	char *p = encoded->p + sizeof n;
	if (r->into && oc_leg_add(r->into, &(struct oc_buf){p, n.rows, n.rows}, err) < 0)
		return -1;
	if (!r->into && oc_sink_add(&r->out, (struct oc_str){p, n.rows}, err))
		return -1;
	p += n.rows;
	if (oc_sink_add(&r->rejected, (struct oc_str){p, n.fallen}, err))
		return -1;
	p += n.fallen;
	if (oc_sink_add(&r->verdicts, (struct oc_str){p, n.verdicts}, err))
		return -1;
	if (r->job->progress)
		r->job->progress(r->job->user, r->tally);
	return 0;
}

/* Of the stages of a pass, which begins with step `from`. */
static int take_facts(struct run *r, const struct oc_step_run *steps, unsigned from, unsigned n,
                      struct oc_err *err)
{
	for (unsigned i = 0; i < n; i++)
		if (steps[i].role != OC_APPLY && /* taken when it had resolved */
		    oc_stage_facts(&steps[i], &r->facts[from + i], err) < 0)
			return -1;
	return 0;
}

static void tell_facts(struct run *r)
{
	struct oc_buf text = {0}, kept = {0};

	for (unsigned i = 0; r->job->facts && i < r->job->stage_n; i++) {
		if (!r->facts[i].len)
			continue;
		text.len = kept.len = 0;
		oc_kept_write(r->kept, r->steps[i].name, &kept);
		oc_stage_facts_join(&text, oc_buf_view(&r->facts[i]), oc_buf_view(&kept));
		r->job->facts(r->job->user, oc_buf_view(&text));
	}
	oc_buf_fini(&text);
	oc_buf_fini(&kept);
}

/* The stages are open, their names are known. */
static void facts_prepare(struct run *r)
{
	const char **names = oc_zalloc(r->job->stage_n, sizeof *names);
	unsigned n = 0;

	for (unsigned i = 0; i < r->job->stage_n; i++)
		if (r->steps[i].def->facts)
			names[n++] = r->steps[i].name;
	r->kept = oc_kept_new(names, n);
	r->facts = oc_zalloc(r->job->stage_n, sizeof *r->facts);
	free(names);
}

/*
 * Pass `number`: the whole stage before step `first` decides, steps first.. follow, and the next
 * whole stage, step `last`, looks; last = stage_n: the rows go out (or into the mix).
 */
static int pass(struct run *r, unsigned first, unsigned last, unsigned number, struct oc_err *err)
{
	const struct oc_job *job = r->job;
	struct oc_step_run *steps = oc_zalloc(job->stage_n + 1, sizeof *steps);
	struct oc_spill *spill = NULL;
	unsigned from = first ? first - 1 : 0, n = 0;
	bool observes = last < job->stage_n;
	char leg[PATH_MAX];
	int rc = -1;

	snprintf(leg, sizeof leg, "%.4000s/leg%u", r->work, number);
	for (unsigned i = from; i < job->stage_n && i <= last; i++, n++)
		steps[n] = (struct oc_step_run){.def = r->steps[i].def,
		                                .self = r->steps[i].self,
		                                .name = r->steps[i].name,
		                                .role = i < first ? OC_APPLY : OC_RUN};
	if (observes) {
		steps[n - 1].role = OC_OBSERVE;
		spill = oc_spill_open(r->ctx, r->work, r->steps[last].name,
		                      r->steps[last].def->stream_n, r->memory, err);
		if (!spill)
			goto out;
		steps[n - 1].spill = spill;
	}
	if (((observes && !job->index) || r->mix) && !(r->into = oc_leg_create(leg, 0, err)))
		goto out;
	if (r->from)
		oc_walk_init(&r->walk, r->from, n ? steps : NULL);
	struct oc_pass p = {.ctx = r->ctx,
	                    .steps = steps,
	                    .step_n = n,
	                    .threads = r->ctx->threads,
	                    .memory = r->memory,
	                    .user = r,
	                    .feed = feed,
	                    .parse = parse,
	                    .encode = encode,
	                    .emit = emit};
	if (oc_pass_run(&p, err))
		goto out;
	oc_leg_close(r->from);
	r->from = NULL;
	if (number > 1) { /* the leg just read is done with */
		char old[PATH_MAX];
		snprintf(old, sizeof old, "%.4000s/leg%u", r->work, number - 1);
		if (oc_remove_tree(old, err))
			goto out;
	}
	if (r->into) {
		struct oc_leg_writer *into = r->into;
		r->into = NULL;
		if (oc_leg_finish(into, err) || oc_leg_open(&r->from, leg, err))
			goto out;
	}
	if (job->index)
		rc = r->steps[0].def->index(r->steps[0].self, spill, job->index, err);
	else
		rc = observes ? r->steps[last].def->resolve(r->steps[last].self, spill, err) : 0;
	if (rc)
		oc_fail_in(err, r->steps[job->index ? 0 : last].name);
	else if (!job->index)
		rc = take_facts(r, steps, from, n, err);
out:
	oc_leg_abandon(r->into);
	r->into = NULL;
	oc_spill_close(spill);
	free(steps);
	return rc;
}

static int run_passes(struct run *r, struct oc_err *err)
{
	unsigned n = r->job->stage_n, last;

	for (unsigned first = 0, number = 1;; first = last + 1, number++) {
		for (last = first; last < n && r->steps[last].def->kind != OC_STAGE_WHOLE; last++)
			;
		if (pass(r, first, last, number, err))
			return -1;
		if (last >= n || r->job->index)
			return 0;
	}
}

/* --------------------------------------------------------------------- mix */

static int mix_open(struct run *r, struct oc_err *err)
{
	const struct oc_job *job = r->job;
	yyjson_val *given = oc_job_mapping(r->arena, oc_str(job->mix), "--with", err), *opts;
	struct oc_str *names = oc_arena_alloc(r->arena, job->input_n * sizeof *names);

	if (!given)
		return -1;
	opts = oc_opts_resolve(r->arena, oc_mix_options, given, "mix", NULL, NULL, err);
	for (unsigned i = 0; i < job->input_n; i++)
		names[i] = r->sources[i].name;
	struct oc_env env = {.size = sizeof env,
	                     .ctx = r->ctx,
	                     .name = "mix",
	                     .work_dir = r->work,
	                     .seed = job->seed,
	                     .memory = r->memory};
	if (!opts || oc_mix_open(&r->mix, opts, names, job->input_n, &env, err)) {
		if (err->code == OC_PLAN)
			err->code = OC_USAGE;
		return -1;
	}
	return 0;
}

static void mix_show(struct run *r)
{
	struct oc_buf table = {0}, json = {0};

	if (!r->job->show_mix)
		return;
	oc_mix_table(r->mix, &table);
	oc_mix_json(r->mix, &json);
	r->job->show_mix(r->job->user, oc_buf_view(&table), oc_buf_view(&json));
	oc_buf_fini(&table);
	oc_buf_fini(&json);
}

static int mix_write(struct run *r, struct oc_err *err)
{
	struct oc_batch *one = oc_batch_new(1);
	struct oc_buf lines = {0};
	struct oc_mix_item item;
	int rc = -1, more;

	if (oc_mix_plan(r->mix, err))
		goto out;
	mix_show(r);
	for (uint64_t i = 0; i < oc_leg_rows(r->from); i++)
		r->tally->unused += !oc_mix_took(r->mix, i);
	while ((more = oc_mix_next(r->mix, &item, err)) > 0) {
		if (oc_cancelled(r->ctx)) {
			oc_fail(err, OC_CANCELLED, NULL, "interrupted");
			goto out;
		}
		r->tally->train++;
		r->tally->repeated += item.repeat > 0;
		if (r->job->dry)
			continue;
		oc_batch_reset(one);
		if (oc_leg_read(r->from, item.number, one, err))
			goto out;
		oc_buf_str(&lines, one->rows[0].raw);
		oc_buf_putc(&lines, '\n');
		if (lines.len >= OC_BATCH_BYTES) {
			if (oc_sink_add(&r->out, oc_buf_view(&lines), err))
				goto out;
			lines.len = 0;
			if (r->job->progress)
				r->job->progress(r->job->user, r->tally);
		}
	}
	if (!more)
		rc = oc_sink_add(&r->out, oc_buf_view(&lines), err);
out:
	oc_buf_fini(&lines);
	oc_batch_free(one);
	return rc;
}

/* ------------------------------------------------------------ start and end */

/* A folder for legs and spills: beside OUT, or in TMPDIR when rows go to standard output. */
static int work_make(struct run *r, struct oc_err *err)
{
	const char *out = r->job->index ? r->job->index : r->job->out, *tmp = getenv("TMPDIR");
	const char *slash = out ? strrchr(out, '/') : NULL;
	char dir[PATH_MAX];

	if (!out || strcmp(out, "-") == 0 || strncmp(out, "/dev/", 5) == 0 || r->job->dry)
		snprintf(dir, sizeof dir, "%s", tmp && *tmp ? tmp : "/tmp");
	else if (!slash)
		snprintf(dir, sizeof dir, ".");
	else
		snprintf(dir, sizeof dir, "%.*s", slash == out ? 1 : (int)(slash - out), out);
	return oc_job_folder_make(&r->folder, dir, r->work, err);
}

static uint64_t memory_of(const struct run *r)
{
	return r->job->memory ? r->job->memory : r->ctx->memory;
}

/* Of all files together; 0 where one says nothing of the bytes in it. */
static uint64_t input_bytes(const struct run *r)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < r->job->input_n; i++) {
		const char *path = r->sources[i].path, *end = strrchr(path, '.');
		struct stat st;
		if (stat(path, &st) || !S_ISREG(st.st_mode) ||
		    (end &&
		     (!strcmp(end, ".gz") || !strcmp(end, ".zst") || !strcmp(end, ".parquet"))))
			return 0;
		bytes += (uint64_t)st.st_size;
	}
	return bytes;
}

static int steps_open(struct run *r, struct oc_err *err)
{
	const struct oc_job *job = r->job;
	unsigned keepers = 0;
	bool behind = false; /* a whole stage: how many rows come is not known */

	for (unsigned i = 0; i < job->stage_n; i++) {
		unsigned twins = 1;
		if (oc_job_step_read(r->arena, job->stages[i], job->index, &r->steps[i], err))
			return -1;
		for (unsigned k = 0; k < i; k++)
			twins += r->steps[k].def == r->steps[i].def;
		if (twins > 1)
			r->steps[i].name =
				oc_arena_printf(r->arena, "%s%u", r->steps[i].def->name, twins).p;
		keepers += r->steps[i].def->kind != OC_STAGE_ROW;
	}
	r->memory = memory_of(r) / (keepers ? keepers : 1);
	for (unsigned i = 0; i < job->stage_n; i++) {
		struct oc_env env = {.size = sizeof env,
		                     .ctx = r->ctx,
		                     .name = r->steps[i].name,
		                     .base_dir = ".",
		                     .work_dir = r->work,
		                     .seed = job->seed,
		                     .memory = r->memory,
		                     .input_bytes = behind ? 0 : input_bytes(r),
		                     .indexing = job->index != NULL};
		behind |= r->steps[i].def->kind == OC_STAGE_WHOLE;
		if (r->steps[i].def->open(&r->steps[i].self, &env, r->steps[i].opts, err))
			return oc_fail_in(err, r->steps[i].name);
		oc_stage_memory_check(r->ctx, r->steps[i].def, r->steps[i].name, r->memory);
		oc_stage_forecast_log(r->ctx, r->steps[i].def, r->steps[i].name, r->steps[i].opts);
	}
	return 0;
}

static int sources_open(struct run *r, struct oc_err *err)
{
	unsigned streams = 0;

	if (oc_job_sources_read(r->arena, r->job, r->sources, err))
		return -1;
	for (unsigned i = 0; i < r->job->input_n; i++) {
		struct oc_job_source *s = &r->sources[i];
		struct oc_env env = {.size = sizeof env,
		                     .ctx = r->ctx,
		                     .name = s->name.p,
		                     .base_dir = ".",
		                     .work_dir = r->work,
		                     .seed = r->job->seed,
		                     .memory = memory_of(r)};
		streams += strcmp(s->path, "-") == 0;
		if (streams > 1)
			return oc_fail(err, OC_USAGE, "-", "standard input can be read only once");
		char beside[PATH_MAX];
		if (s->def->open(&s->self, &env, s->opts, err) ||
		    (oc_lineage_beside(s->path, beside) &&
		     oc_lineage_open(&s->lineage, s->opts, ".", err)))
			return -1;
	}
	return 0;
}

static int sinks_open(struct run *r, struct oc_err *err)
{
	const struct oc_job *job = r->job;

	if (!job->dry && !job->index && oc_sink_open(&r->out, r->ctx, job->out, err))
		return -1;
	if (job->rejected && !job->dry && oc_sink_open(&r->rejected, r->ctx, job->rejected, err))
		return -1;
	if (job->verdicts) {
		r->verdict_body = oc_arena_printf(r->arena, "%s/verdicts", r->work).p;
		if (oc_sink_open(&r->verdicts, r->ctx, r->verdict_body, err))
			return -1;
	}
	return 0;
}

static int sinks_close(struct run *r, struct oc_err *err)
{
	const struct oc_job *job = r->job;

	if (oc_sink_close(&r->verdicts, err) || oc_sink_close(&r->rejected, err))
		return -1;
	if (job->verdicts && oc_verdicts_finish(job->verdicts, r->verdict_body, &r->thresholds,
	                                        r->steps, job->stage_n, err))
		return -1;
	return oc_sink_close(&r->out, err);
}

static int index_check(const struct run *r, struct oc_err *err)
{
	if (r->job->stage_n != 1)
		return oc_fail(err, OC_INTERNAL, NULL, "an index is made by one stage");
	if (r->steps[0].def->index)
		return 0;
	struct oc_buf these = {0};
	for (size_t i = 0; oc_stages[i]; i++)
		if (oc_stages[i]->index)
			oc_buf_printf(&these, "%s%s", these.len ? ", " : "", oc_stages[i]->name);
	oc_fail(err, OC_USAGE, r->steps[0].name, "keeps no index; these do: %s",
	        oc_buf_cstr(&these));
	oc_buf_fini(&these);
	return -1;
}

/* Two files under one name would lose one of them; on standard output nobody could part them. */
static int check_names(const struct oc_job *job, struct oc_err *err)
{
	const struct {
		const char *option, *path;
	} to[] = {{"--output", job->dry || job->index ? NULL : job->out},
	          {"--rejected", job->rejected},
	          {"--verdicts", job->verdicts}};

	for (size_t i = 0; i < 3; i++)
		for (size_t k = i + 1; k < 3; k++)
			if (to[i].path && to[k].path && strcmp(to[i].path, to[k].path) == 0 &&
			    strncmp(to[i].path, "/dev/", 5) != 0)
				return oc_fail(err, OC_USAGE, to[k].path,
				               "%s and %s cannot go to the same place: give one "
				               "another name",
				               to[i].option, to[k].option);
	return 0;
}

static int check(const struct oc_job *job, struct oc_err *err)
{
	if (check_names(job, err))
		return -1;
	if (job->mix && job->stage_n)
		return oc_fail(err, OC_INTERNAL, NULL, "a job has stages or a mix");
	if (job->index && oc_sink_check(job->index, false, job->force, err))
		return -1;
	if (!job->dry && !job->index && oc_sink_check(job->out, true, job->force, err))
		return -1;
	if (job->rejected && oc_sink_check(job->rejected, false, job->force, err))
		return -1;
	return job->verdicts ? oc_sink_check(job->verdicts, false, job->force, err) : 0;
}

/* Files of another kind than their names say would pass as rows that all fell. */
static int check_read(const struct run *r, struct oc_err *err)
{
	if (!r->unreadable || r->unreadable < r->tally->in)
		return 0;
	return oc_fail(err, OC_INPUT, r->job->input_n == 1 ? r->job->inputs[0] : NULL,
	               "none of the %llu rows can be read as %s (told from the name)%s%s",
	               (unsigned long long)r->tally->in, r->sources[0].def->name,
	               r->job->unreadable ? "; the first: " : "",
	               r->job->unreadable ? oc_buf_cstr(r->job->unreadable) : "");
}

int oc_job_run(const struct oc_job *job, struct oc_tally *tally, struct oc_err *err)
{
	struct run r = {.job = job, .ctx = job->ctx, .tally = tally, .folder = -1};
	struct oc_err ignored = {0};
	int rc = -1;

	r.arena = oc_arena_new();
	r.sources = oc_arena_zalloc(r.arena, job->input_n * sizeof *r.sources);
	r.steps = oc_arena_zalloc(r.arena, job->stage_n * sizeof *r.steps);
	if (check(job, err) || work_make(&r, err) || sources_open(&r, err) || steps_open(&r, err) ||
	    (job->index && index_check(&r, err)) || (job->mix && mix_open(&r, err)) ||
	    sinks_open(&r, err))
		goto out;
	facts_prepare(&r);
	if (run_passes(&r, err) || check_read(&r, err) || (r.mix && mix_write(&r, err)) ||
	    sinks_close(&r, err))
		goto out;
	tell_facts(&r);
	rc = 0;
out:
	oc_sink_abandon(&r.out);
	oc_sink_abandon(&r.rejected);
	oc_sink_abandon(&r.verdicts);
	oc_leg_close(r.from);
	oc_mix_close(r.mix);
	for (unsigned i = 0; i < job->stage_n; i++)
		if (r.steps[i].self && r.steps[i].def->close)
			r.steps[i].def->close(r.steps[i].self);
	for (unsigned i = 0; i < job->input_n; i++) {
		oc_lineage_close(r.sources[i].lineage);
		if (r.sources[i].self)
			r.sources[i].def->close(r.sources[i].self);
	}
	for (unsigned i = 0; r.facts && i < job->stage_n; i++)
		oc_buf_fini(&r.facts[i]);
	free(r.facts);
	oc_kept_free(r.kept);
	oc_thresholds_fini(&r.thresholds);
	if (r.work[0] && oc_remove_tree(r.work, &ignored) && !rc)
		oc_log(r.ctx, OC_LOG_WARN, "%s: %s", ignored.where, ignored.msg);
	if (r.folder >= 0)
		close(r.folder);
	oc_arena_free(r.arena);
	return rc;
}
