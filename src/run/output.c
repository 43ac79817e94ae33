/*
 * The last pass: train rows in the order of the selection, held-out rows, and whatever stays behind
 * (held, refused, unused), each with its pedigree. All files appear under their names at the end.
 *
 * A plan that needs no leg (oc_run_direct) has one pass only: its sources and stages feed this one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "data/format.h"
#include "pipe/writer.h"
#include "pipe/zframes.h"
#include "run/columns.h"
#include "run/losses.h"
#include "run/measures.h"
#include "run/people.h"
#include "run/select.h"
#include "run/stage_facts.h"

#define PIECE_MAX 32 /* with more of them, copying is cheaper than writing each */

struct output {
	struct oc_run *run;
	struct oc_leg *leg;
	const struct oc_selection *sel;  /* NULL in a direct pass */
	struct oc_feed *sources;         /* of a direct pass */
	const struct oc_step_run *steps; /* (step_n) of a direct pass */
	unsigned step_n;
	struct oc_people *people;
	struct oc_columns *columns;
	struct oc_measures *measures;
	struct oc_kept *kept;
	int format;   /* enum oc_format, or -1: as they are */
	bool parquet; /* files of out/data; of a trial, which is read and thrown away, never */
	int part;     /* of the rows that are fed: train, test, the others */
	uint64_t at;  /* in that part: place in the mix, else leg row */
	struct oc_writer *split[2];             /* train, test */
	struct oc_zwriter *rest[OC_UNUSED + 1]; /* by fate */
};

/* --------------------------------------------------------------------- feed */

/* Does a row that stands for itself belong to a part: train, test, the others? */
static bool is_of(enum oc_select_fate fate, int part)
{
	return part == 0   ? fate == OC_SELECT_LIVE
	       : part == 1 ? fate == OC_SELECT_TEST
	                   : fate > OC_SELECT_TEST;
}

/* Rows of the current part from `at` on, at most a batch of them. Returns how many, or -1. */
static int64_t rows_next(struct output *o, uint64_t rows[OC_BATCH_ROWS], struct oc_err *err)
{
	const struct oc_selection *sel = o->sel;
	uint64_t n = 0;

	if (o->part == 0 && sel->train) {
		n = sel->train_n - o->at < OC_BATCH_ROWS ? sel->train_n - o->at : OC_BATCH_ROWS;
		if (oc_spill_read(sel->train, 0, o->at * sizeof *rows, rows, n * sizeof *rows, err))
			return -1;
		return (int64_t)n;
	}
	for (uint64_t i = o->at; i < sel->row_n && n < OC_BATCH_ROWS; i++)
		if (is_of(sel->fate[i], o->part))
			rows[n++] = i;
	return (int64_t)n;
}

/* A batch is of one part: its rows go to one place. */
static int feed(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct output *o = user;
	uint64_t rows[OC_BATCH_ROWS], taken;
	int64_t n;

	while ((n = o->part < 3 ? rows_next(o, rows, err) : 0) == 0) {
		if (o->part == 3 || ++o->part == 3)
			return 0;
		o->at = 0;
	}
	if (n < 0 || oc_leg_pick(o->leg, rows, (uint64_t)n, batch, &taken, err))
		return -1;
	o->at = o->part == 0 && o->sel->train ? o->at + taken : rows[taken - 1] + 1;
	return 1;
}

/* ------------------------------------------------------------ rows, on workers */

static enum oc_select_fate fate_of(const struct output *o, const struct oc_row *row)
{
	return o->sel->fate[row->place];
}

static int settle(struct output *o, struct oc_row *row, struct oc_err *err)
{
	switch (fate_of(o, row)) {
	case OC_SELECT_WAIT:
	case OC_SELECT_UNSEEN: row->fate = OC_HELD; break;
	case OC_SELECT_DROPPED: row->fate = OC_REJECTED; break;
	case OC_SELECT_UNUSED:
		if (oc_people_apply(o->people, row, err) < 0)
			return -1;
		row->fate = OC_UNUSED;
		break;
	case OC_SELECT_LIVE:
	case OC_SELECT_REFUSED: return oc_people_apply(o->people, row, err) < 0 ? -1 : 0;
	case OC_SELECT_TEST: break;
	}
	return 0;
}

/* A row that is in the format already keeps the bytes of the format's members, and no others. */
static void trim(const struct oc_row *row, enum oc_format format, struct oc_buf *out)
{
	const char *const *name = oc_format_members(format);
	struct oc_str value;

	for (; *name; name++) {
		oc_buf_putc(out, out->len ? ',' : '{');
		oc_buf_json(out, oc_str(*name));
		oc_buf_putc(out, ':');
		oc_buf_str(out, oc_json_member(row->raw, oc_str(*name), &value) ? value
		                                                                : OC_LIT("\"\""));
	}
	if (oc_json_member(row->raw, OC_LIT("weight"), &value)) {
		oc_buf_puts(out, ",\"weight\":");
		oc_buf_str(out, value);
	}
	oc_buf_putc(out, '}');
}

static bool has_only_format(const struct oc_row *row, enum oc_format format)
{
	const char *const *name = oc_format_members(format);
	size_t n = 0;

	for (; *name; name++)
		n += oc_json_get(row->root, *name) != NULL;
	n += oc_json_get(row->root, "weight") != NULL;
	return n == yyjson_obj_size(row->root);
}

/* Into the output's format; a row that has no place in it stops the run. */
static int reformat(struct output *o, struct oc_row *row, struct oc_err *err)
{
	const struct oc_plan *plan = o->run->plan;
	struct oc_buf text = {0}, why = {0};
	int from = oc_format_detect(row->root), rc = 0;

	if (row->ped.source < plan->source_n && plan->sources[row->ped.source].format.len)
		from = oc_format_parse(plan->sources[row->ped.source].format);
	if (from < 0)
		rc = oc_fail(err, OC_GATE, "output",
		             "row %.*s is in no format that is known: name its source's `format:`",
		             OC_ARG(row->ped.key));
	else if (from == o->format && !has_only_format(row, (enum oc_format)from))
		trim(row, (enum oc_format)from, &text);
	else if (from == o->format)
		goto out;
	else if (!oc_format_convert(row, (enum oc_format)from, (enum oc_format)o->format, &text,
	                            &why))
		rc = oc_fail(err, OC_GATE, "output", "row %.*s cannot be written as %s: %s",
		             OC_ARG(row->ped.key), oc_format_name((enum oc_format)o->format),
		             oc_buf_cstr(&why));
	if (!rc && text.len) {
		row->raw = oc_arena_str(row->arena, oc_buf_view(&text));
		row->root = NULL;
		row->view = NULL;
		row->changed = true;
		rc = oc_row_parse(row, err);
	}
out:
	oc_buf_fini(&text);
	oc_buf_fini(&why);
	return rc;
}

/* What a row needs before it is written. Pure. */
static int finish(struct output *o, struct oc_row *row, struct oc_err *err)
{
	if (!row->test)
		oc_kept_row(o->kept, row);
	oc_losses_look(o->run, row);
	if (!o->run->opts->all_verdicts)
		oc_verdicts_settle(row);
	oc_measures_row(row);
	if (o->format >= 0 && reformat(o, row, err))
		return -1;
	return oc_columns_project(o->columns, row, err);
}

static int parse(void *user, struct oc_row *row, struct oc_err *err)
{
	struct output *o = user;

	if (settle(o, row, err) || oc_row_parse(row, err))
		return -1;
	return row->fate == OC_LIVE ? finish(o, row, err) : 0;
}

/* In a direct pass nobody is asked: what is undecided falls. */
static enum oc_fate last_fate(const struct output *o, const struct oc_row *row)
{
	return o->sources && row->fate == OC_HELD ? OC_REJECTED : row->fate;
}

/*
 * The lines of the live rows as they lie in memory: a source that reads into the batch leaves them
 * side by side, so that a batch that nothing changed is one piece. 0: there are too many pieces, or
 * a row without a newline behind it.
 */
static size_t pieces_of(const struct oc_batch *batch, struct oc_str piece[PIECE_MAX])
{
	size_t n = 0;

	for (uint32_t i = 0; i < batch->row_n; i++) {
		const struct oc_row *row = &batch->rows[i];
		if (row->fate != OC_LIVE)
			continue;
		if (!row->newline || row->raw.p + row->raw.len != row->newline)
			return 0;
		if (n && piece[n - 1].p + piece[n - 1].len == row->raw.p) {
			piece[n - 1].len += row->raw.len + 1;
			continue;
		}
		if (n == PIECE_MAX)
			return 0;
		piece[n++] = (struct oc_str){row->raw.p, row->raw.len + 1};
	}
	return n;
}

/* Two lengths, data (0: it is written in pieces) and lineage of the live rows (all of one split),
 * then a line for each of the others, behind its fate and length. */
static int encode(void *user, const struct oc_batch *batch, struct oc_buf *out, struct oc_err *err)
{
	const struct oc_row *rows = batch->rows;
	struct oc_str piece[PIECE_MAX];
	uint64_t lens[2] = {0};
	size_t mark;

	(void)err;
	oc_buf_add(out, lens, sizeof lens);
	mark = out->len;
	bool copy = !pieces_of(batch, piece);
	for (uint32_t i = 0; copy && i < batch->row_n; i++)
		if (rows[i].fate == OC_LIVE) {
			oc_buf_str(out, rows[i].raw);
			oc_buf_putc(out, '\n');
		}
	lens[0] = out->len - mark;
	mark = out->len;
	for (uint32_t i = 0; i < batch->row_n; i++)
		if (rows[i].fate == OC_LIVE) {
			oc_pedigree_write(out, &rows[i]);
			oc_buf_putc(out, '\n');
		}
	lens[1] = out->len - mark;
	for (uint32_t i = 0; i < batch->row_n; i++) {
		if (rows[i].fate == OC_LIVE)
			continue;
		struct oc_row row = rows[i];
		row.fate = last_fate(user, &row);
		uint64_t head[2] = {row.fate, 0};
		size_t at = out->len;
		oc_buf_add(out, head, sizeof head);
		oc_fallen_write(out, &row);
		head[1] = out->len - at - sizeof head;
		memcpy(out->p + at, head, sizeof head);
	}
	memcpy(out->p, lens, sizeof lens);
	return 0;
}

/* ------------------------------------------------------------- files, in order */

static int emit_rest(struct output *o, const struct oc_buf *encoded, size_t at, struct oc_err *err)
{
	static const char *const names[] = {[OC_REJECTED] = "rejected-output-00000.jsonl.zst",
	                                    [OC_HELD] = "held-00000.jsonl.zst",
	                                    [OC_UNUSED] = "unused-00000.jsonl.zst"};
	char path[PATH_MAX];

	while (at < encoded->len) {
		uint64_t head[2];
		memcpy(head, encoded->p + at, sizeof head);
		at += sizeof head;
		struct oc_zwriter **w = &o->rest[head[0]];
		if (!*w && oc_zwriter_open(w, oc_run_path(o->run, path, names[head[0]]), err))
			return -1;
		if (oc_zwriter_add(*w, encoded->p + at, head[1], err))
			return -1;
		at += head[1];
	}
	return 0;
}

static int count(struct output *o, struct oc_row *row, struct oc_err *err)
{
	struct oc_tally *t = &o->run->tally;

	t->in += o->sources != NULL;
	oc_tally_verdicts(t, row, row->verdict_old);
	if (o->sources)
		oc_losses_count(o->run, row, o->steps, o->step_n, true);
	switch (last_fate(o, row)) {
	case OC_LIVE: ++*(row->test ? &t->test : &t->train); break;
	case OC_REJECTED:
		t->rejected++;
		if (o->sources ? row->fate == OC_HELD : fate_of(o, row) == OC_SELECT_DROPPED)
			oc_tally_reason(t, OC_LIT("review"), OC_LIT("undecided"), OC_DROP, 1);
		break;
	case OC_HELD: t->held++; break;
	case OC_MERGED: t->merged++; break;
	case OC_UNUSED: t->unused++; break;
	}
	if (oc_measures_count(o->measures, row, err))
		return -1;
	return row->fate == OC_LIVE ? oc_columns_check(o->columns, row, err) : 0;
}

static int emit(void *user, struct oc_batch *batch, struct oc_buf *encoded, struct oc_err *err)
{
	struct output *o = user;
	struct oc_str piece[PIECE_MAX];
	uint64_t lens[2];
	size_t n = 1;

	memcpy(lens, encoded->p, sizeof lens);
	for (uint32_t i = 0; i < batch->row_n; i++)
		if (count(o, &batch->rows[i], err))
			return -1;
	const char *data = encoded->p + sizeof lens;
	if (lens[0])
		piece[0] = (struct oc_str){data, lens[0]};
	else
		n = pieces_of(batch, piece);
	if (n && oc_writer_add(o->split[batch->rows[0].test], piece, n,
	                       (struct oc_str){data + lens[0], lens[1]}, err))
		return -1;
	if (emit_rest(o, encoded, sizeof lens + lens[0] + lens[1], err))
		return -1;
	return oc_status_write(o->run, false, err);
}

static int open_files(struct output *o, struct oc_err *err)
{
	static const char *const stale[] = {"rejected-output-00000.jsonl.zst",
	                                    "held-00000.jsonl.zst", "unused-00000.jsonl.zst",
	                                    "out"};
	char path[PATH_MAX];

	/* An earlier sitting's output, before people decided more. */
	for (size_t i = 0; i < sizeof stale / sizeof stale[0]; i++)
		if (oc_remove_tree(oc_run_path(o->run, path, stale[i]), err))
			return -1;
	return oc_writer_open(&o->split[0], oc_run_path(o->run, path, "out"), "train", err) ||
	                       oc_writer_open(&o->split[1], path, "test", err)
	               ? -1
	               : 0;
}

/* Closes what is open; after an error only to take it away. */
static int close_files(struct output *o, bool keep, struct oc_err *err)
{
	int rc = keep ? 0 : -1;

	if (!rc && o->parquet)
		rc = oc_writer_parquet(o->split, 2, o->run->ctx, err);
	for (int i = 0; i < 2; i++) {
		if (o->split[i] && !rc)
			rc = oc_writer_close(o->split[i], err);
		else
			oc_writer_abandon(o->split[i]);
		o->split[i] = NULL;
	}
	for (int i = 0; i <= OC_UNUSED; i++) {
		if (o->rest[i] && !rc)
			rc = oc_zwriter_close(o->rest[i], err);
		else
			oc_zwriter_abandon(o->rest[i]);
		o->rest[i] = NULL;
	}
	return rc;
}

bool oc_run_makes_parquet(const struct oc_run *run)
{
	return oc_str_is(oc_json_get_str(run->plan->output, "files"), "parquet") &&
	       !run->opts->trial;
}

static void output_init(struct output *o, struct oc_run *run)
{
	struct oc_str format = oc_json_get_str(run->plan->output, "format");
	struct oc_env env;

	o->run = run;
	o->format = format.len ? oc_format_parse(format) : -1;
	o->parquet = oc_run_makes_parquet(run);
	o->columns = oc_columns_new(oc_json_get(run->plan->output, "columns"));
	oc_run_env(run, &env, "measures");
	o->measures = oc_measures_new(o->sources != NULL, &env);
	o->kept = oc_stage_kept_new(run);
}

static void output_fini(struct output *o)
{
	struct oc_err ignored = {0};

	close_files(o, false, &ignored);
	oc_measures_free(o->measures);
	oc_kept_free(o->kept);
	oc_columns_free(o->columns);
	oc_people_close(o->people);
	oc_leg_close(o->leg);
}

/* The pass itself, and what the papers need of it. */
static int output_run(struct output *o, struct oc_pass *pass, struct oc_err *err)
{
	struct oc_run *run = o->run;
	struct oc_buf facts = {0};
	int rc = -1;

	pass->ctx = run->ctx;
	pass->threads = run->ctx->threads;
	pass->user = o;
	pass->encode = encode;
	pass->emit = emit;
	o->steps = pass->steps;
	o->step_n = pass->step_n;
	if (open_files(o, err) || oc_pass_run(pass, err) || oc_measures_end(o->measures, err) ||
	    close_files(o, true, err))
		return -1;
	if (!oc_tally_balanced(&run->tally))
		return oc_fail(
			err, OC_INTERNAL, run->dir,
			"the ledger does not balance; please report this with plan.lock.yaml");
	oc_measures_write(o->measures, &facts);
	if (oc_stage_facts_store(run, pass->steps, pass->step_n, err) ||
	    oc_stage_kept_store(run, o->kept, err) || oc_run_notes_store(run, err) ||
	    oc_rundb_set(run->db, "measures", oc_buf_view(&facts), err))
		goto out;
	facts.len = 0;
	oc_columns_write(o->columns, &facts);
	if (oc_rundb_set(run->db, "columns", oc_buf_view(&facts), err))
		goto out;
	rc = oc_rundb_pass_done(run->db, "output", &run->tally, err);
out:
	oc_buf_fini(&facts);
	return rc;
}

int oc_output(struct oc_run *run, const char *dir, const struct oc_selection *sel,
              struct oc_err *err)
{
	struct output o = {.sel = sel};
	struct oc_pass pass = {.feed = feed, .parse = parse};
	int rc = -1;

	output_init(&o, run);
	run->tally.repeated = sel->repeated;
	if (!oc_leg_open(&o.leg, dir, err) && !oc_people_open(&o.people, run->dir, err))
		rc = output_run(&o, &pass, err);
	output_fini(&o);
	return rc;
}

/* ------------------------------------------------------------------- directly */

static int source_next(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct output *o = user;
	return o->sources->next(o->sources->user, batch, err);
}

static int source_parse(void *user, struct oc_row *row, struct oc_err *err)
{
	struct output *o = user;
	return o->sources->parse(o->sources->user, row, err);
}

static int finish_row(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	(void)scratch;
	return finish(self, row, err);
}

int oc_output_direct(struct oc_run *run, struct oc_feed *sources, struct oc_step_run *steps,
                     unsigned step_n, struct oc_err *err)
{
	static const struct oc_stage_def last = {
		.size = sizeof last, .name = "output", .kind = OC_STAGE_ROW, .row = finish_row};
	struct output o = {.sources = sources};
	struct oc_pass pass = {
		.feed = source_next, .parse = source_parse, .steps = steps, .step_n = step_n + 1};

	output_init(&o, run);
	steps[step_n] = (struct oc_step_run){.def = &last, .self = &o, .name = "output"};
	int rc = output_run(&o, &pass, err);
	output_fini(&o);
	return rc;
}
