/*
 * What of the last leg is written, and in which order: people's decisions first, then the mix.
 *
 * The first reading of the leg settles every row's fate; when rows wait, three more write the queue
 * for people with the nearest real row beside each; the last tells the mix what there is.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/rng.h"
#include "run/nearest.h"
#include "run/people.h"
#include "run/ready.h"
#include "run/select.h"
#include "stat/interval.h"

#define NEAREST_ROWS 2000 /* waiting rows that get one beside them: a long sitting's worth */

enum review_mode { REVIEW_NONE, REVIEW_UNDECIDED, REVIEW_ALL, REVIEW_SAMPLE };

struct selecting {
	struct oc_run *run;
	struct oc_leg *leg;
	struct oc_people *people;
	struct oc_selection *sel;
	struct oc_mix *mix;
	enum review_mode mode;
	double confidence, limit;
	uint8_t *seen; /* (leg rows) enum seen: what people said of rows nothing held */
};

enum seen { NOT_SEEN, SEEN_FINE, SEEN_BAD };

static enum review_mode mode_of(yyjson_val *review)
{
	struct oc_str mode = oc_json_get_str(review, "mode");

	return oc_str_is(mode, "all")      ? REVIEW_ALL
	       : oc_str_is(mode, "sample") ? REVIEW_SAMPLE
	       : oc_str_is(mode, "none")   ? REVIEW_NONE
	                                   : REVIEW_UNDECIDED;
}

/* Calls fn for every row of the leg, and then, if it is not NULL, behind each batch of them. */
static int each_row(struct selecting *s,
                    int (*fn)(struct selecting *s, struct oc_row *row, uint64_t number,
                              struct oc_err *err),
                    void (*then)(struct selecting *s), struct oc_err *err)
{
	struct oc_batch *batch = oc_batch_new(OC_BATCH_ROWS);
	uint64_t at = 0, rows = oc_leg_rows(s->leg);
	int rc = 0;

	while (!rc && at < rows) {
		oc_batch_reset(batch);
		rc = oc_leg_read(s->leg, at, batch, err) < 0 ? -1 : 0;
		for (uint32_t i = 0; !rc && i < batch->row_n; i++)
			rc = fn(s, &batch->rows[i], at + i, err);
		if (!rc && then)
			then(s);
		at += batch->row_n;
		if (!rc && oc_cancelled(s->run->ctx))
			rc = oc_fail(err, OC_CANCELLED, "select",
			             "interrupted; the same command continues");
	}
	oc_batch_free(batch);
	return rc;
}

/* ----------------------------------------------------------- fates of the rows */

static int settle(struct selecting *s, struct oc_row *row, uint64_t number, struct oc_err *err)
{
	uint8_t *fate = &s->sel->fate[number];

	if (row->test) {
		*fate = OC_SELECT_TEST;
		return 0;
	}
	bool held = row->fate == OC_HELD;
	const struct oc_decision *said = oc_people_find(s->people, row->ped.key, row->raw);
	int decided = oc_people_apply(s->people, row, err);
	if (decided < 0)
		return -1;
	if (s->seen && said && !held && row->ped.origin != OC_REAL)
		s->seen[number] = said->kind == OC_ACCEPT ? SEEN_FINE : SEEN_BAD;
	if (row->fate == OC_REJECTED)
		*fate = OC_SELECT_REFUSED;
	else if (row->fate == OC_HELD)
		*fate = s->mode == REVIEW_NONE ? OC_SELECT_DROPPED : OC_SELECT_WAIT;
	else if (!decided && row->ped.origin != OC_REAL && s->mode == REVIEW_ALL)
		*fate = OC_SELECT_WAIT;
	else if (!decided && row->ped.origin != OC_REAL && s->mode == REVIEW_SAMPLE)
		*fate = OC_SELECT_UNSEEN;
	else
		*fate = oc_run_seeds_only(s->run, row) ? OC_SELECT_UNUSED : OC_SELECT_LIVE;
	return 0;
}

struct ranked {
	uint64_t rank, row;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1)
	                          : (x->row > y->row) - (x->row < y->row);
}

/*
 * Acceptance sampling: so many random machine-made rows must be seen that, if none is bad, the
 * share of bad ones is below `limit` with `confidence`. Until they are all seen nothing unseen goes
 * out. The sample is drawn among all rows that no stage held, seen or not, so it stays the same
 * from sitting to sitting; what people said of other rows does not count, because those were not
 * chosen at random.
 */
static int sample(struct selecting *s, struct oc_err *err)
{
	uint64_t rows = oc_leg_rows(s->leg), n = 0, seen = 0, bad = 0, unseen = 0;
	uint64_t need = oc_clean_trials(s->confidence, s->limit);
	struct ranked *lot = oc_alloc(rows * sizeof *lot);
	struct oc_rng rng;
	int rc = 0;

	oc_rng_init(&rng, s->run->plan->seed, "review sample");
	for (uint64_t i = 0; i < rows; i++)
		if (s->sel->fate[i] == OC_SELECT_UNSEEN || s->seen[i] != NOT_SEEN) {
			struct oc_draws draws;
			oc_draws_init(&draws, &rng, i);
			lot[n++] = (struct ranked){oc_draw_u64(&draws), i};
			unseen += s->seen[i] == NOT_SEEN;
		}
	qsort(lot, n, sizeof *lot, by_rank);
	if (need > n)
		need = n;
	for (uint64_t i = 0; i < need; i++) {
		seen += s->seen[lot[i].row] != NOT_SEEN;
		bad += s->seen[lot[i].row] == SEEN_BAD;
	}
	for (uint64_t i = 0; i < n; i++)
		if (s->seen[lot[i].row] == NOT_SEEN)
			s->sel->fate[lot[i].row] = i < need      ? OC_SELECT_WAIT
			                           : seen < need ? OC_SELECT_UNSEEN
			                                         : OC_SELECT_LIVE;
	if (seen == need && bad && unseen && oc_share_upper(bad, seen, s->confidence) > s->limit)
		rc = oc_fail(err, OC_GATE, "review",
		             "people found %llu bad rows in a sample of %llu: at most %.2f %% bad "
		             "cannot be promised with %.0f %% confidence (the bound is %.2f %%). "
		             "Review all (review: all), raise the limit, or mend the plan",
		             (unsigned long long)bad, (unsigned long long)seen, 100 * s->limit,
		             100 * s->confidence, 100 * oc_share_upper(bad, seen, s->confidence));
	free(lot);
	return rc;
}

/* -------------------------------------------------------------------- the queue */

struct queue {
	struct oc_buf text;
	struct oc_nearest *nearest;
	uint32_t asked, queued;
	struct oc_str keys[OC_BATCH_ROWS], rows[OC_BATCH_ROWS]; /* (real_n) real rows of a batch */
	uint32_t real_n;
};

static int ask_row(struct selecting *s, struct oc_row *row, uint64_t number, struct oc_err *err)
{
	struct queue *q = s->sel->queue;

	(void)err;
	if (s->sel->fate[number] == OC_SELECT_WAIT && q->asked < NEAREST_ROWS) {
		oc_nearest_ask(q->nearest, row->raw);
		q->asked++;
	}
	return 0;
}

static int offer_row(struct selecting *s, struct oc_row *row, uint64_t number, struct oc_err *err)
{
	struct queue *q = s->sel->queue;

	(void)err;
	if (s->sel->fate[number] == OC_SELECT_LIVE && row->ped.origin == OC_REAL) {
		q->keys[q->real_n] = row->ped.key;
		q->rows[q->real_n++] = row->raw;
	}
	return 0;
}

static void offer_batch(struct selecting *s)
{
	struct queue *q = s->sel->queue;

	oc_nearest_offer(q->nearest, q->keys, q->rows, q->real_n);
	q->real_n = 0;
}

static int queue_row(struct selecting *s, struct oc_row *row, uint64_t number, struct oc_err *err)
{
	struct queue *q = s->sel->queue;
	struct oc_str step = OC_LIT(""), rule = OC_LIT("unseen");
	char hex[33];

	if (s->sel->fate[number] != OC_SELECT_WAIT)
		return 0;
	if (oc_row_parse(row, err))
		return -1;
	for (uint32_t i = 0; i < row->verdict_n; i++)
		if (row->verdicts[i].result == OC_UNDECIDED) {
			step = row->verdicts[i].stage;
			rule = row->verdicts[i].rule;
		}
	oc_hash128_hex(oc_hash128(row->raw.p, row->raw.len), hex);
	oc_buf_puts(&q->text, "{\"key\":");
	oc_buf_json(&q->text, row->ped.key);
	oc_buf_printf(&q->text, ",\"hash\":\"%s\",\"step\":", hex);
	oc_buf_json(&q->text, step);
	oc_buf_puts(&q->text, ",\"rule\":");
	oc_buf_json(&q->text, rule);
	oc_buf_puts(&q->text, ",\"row\":");
	oc_buf_str(&q->text, row->raw);
	oc_buf_puts(&q->text, ",\"lineage\":");
	oc_pedigree_write(&q->text, row);
	if (q->queued < q->asked) {
		struct oc_near near = oc_nearest_get(q->nearest, q->queued++);
		oc_near_write(&q->text, &near);
	}
	oc_buf_puts(&q->text, "}\n");
	return 0;
}

static int write_queue(struct selecting *s, struct oc_err *err)
{
	struct queue *q = oc_zalloc(1, sizeof *q);
	char path[PATH_MAX];
	int rc = 0;

	s->sel->queue = q;
	if (s->run->waiting) {
		q->nearest = oc_nearest_new(s->run->ctx->threads, true);
		rc = each_row(s, ask_row, NULL, err) || each_row(s, offer_row, offer_batch, err) ||
		                     each_row(s, queue_row, NULL, err)
		             ? -1
		             : 0;
	}
	if (!rc)
		rc = oc_file_write(oc_run_path(s->run, path, "review-queue.jsonl"), q->text.p,
		                   q->text.len, err);
	s->sel->queue = NULL;
	oc_buf_fini(&q->text);
	oc_nearest_free(q->nearest);
	free(q);
	return rc;
}

/* ---------------------------------------------------------------------- the mix */

static int offer(struct selecting *s, struct oc_row *row, uint64_t number, struct oc_err *err)
{
	row->test = s->sel->fate[number] == OC_SELECT_TEST;
	row->fate = s->sel->fate[number] == OC_SELECT_LIVE ? OC_LIVE : OC_HELD;
	return oc_mix_add(s->mix, row, 0, err);
}

static int mix_open(struct selecting *s, struct oc_err *err)
{
	struct oc_env env;

	oc_run_env(s->run, &env, "mix");
	return oc_plan_mix_open(&s->mix, s->run->plan, &env, err);
}

/* The rows the mix took, in its order; the others stay unused. */
static int take(struct selecting *s, struct oc_err *err)
{
	struct oc_selection *sel = s->sel;
	struct oc_mix_item item;
	int rc;

	sel->train = oc_spill_open(s->run->ctx, s->run->work, "train", 1, s->run->plan->memory / 16,
	                           err);
	if (!sel->train)
		return -1;
	while ((rc = oc_mix_next(s->mix, &item, err)) > 0) {
		if (oc_spill_add(sel->train, 0, &item.number, sizeof item.number, err))
			return -1;
		sel->train_n++;
		sel->repeated += item.repeat > 0;
	}
	for (uint64_t i = 0; i < sel->row_n; i++)
		if (sel->fate[i] == OC_SELECT_LIVE && !oc_mix_took(s->mix, i))
			sel->fate[i] = OC_SELECT_UNUSED;
	return rc;
}

static int mix(struct selecting *s, struct oc_err *err)
{
	struct oc_run *run = s->run;
	struct oc_buf text = {0};
	int rc = -1;

	if (!run->plan->mix)
		return 0;
	if (mix_open(s, err) || each_row(s, offer, NULL, err))
		goto out;
	rc = oc_mix_plan(s->mix, err);
	if (!rc || err->code == OC_SHORTAGE) {
		oc_mix_table(s->mix, &text);
		if (run->opts->say)
			run->opts->say(run->opts->user, oc_buf_cstr(&text));
	}
	if (rc || (rc = take(s, err)))
		goto out;
	text.len = 0;
	oc_mix_json(s->mix, &text);
	rc = oc_rundb_set(run->db, "mix", oc_buf_view(&text), err);
out:
	oc_buf_fini(&text);
	if (s->mix)
		oc_mix_close(s->mix);
	return rc;
}

int oc_select(struct oc_run *run, const char *dir, struct oc_selection **out, struct oc_err *err)
{
	struct selecting s = {.run = run, .mode = mode_of(run->plan->review)};
	int rc = -1;

	s.confidence = oc_json_get_num(run->plan->review, "confidence", 0.95);
	s.limit = oc_json_get_num(run->plan->review, "limit", 0.01);
	s.sel = oc_zalloc(1, sizeof *s.sel);
	if (oc_leg_open(&s.leg, dir, err) || oc_people_open(&s.people, run->dir, err))
		goto out;
	s.sel->row_n = oc_leg_rows(s.leg);
	s.sel->fate = oc_zalloc(s.sel->row_n, 1);
	if (s.mode == REVIEW_SAMPLE)
		s.seen = oc_zalloc(s.sel->row_n, 1);
	if (each_row(&s, settle, NULL, err) || (s.mode == REVIEW_SAMPLE && sample(&s, err)))
		goto out;
	run->waiting = 0;
	for (uint64_t i = 0; i < s.sel->row_n; i++)
		run->waiting += s.sel->fate[i] == OC_SELECT_WAIT;
	if (write_queue(&s, err) || mix(&s, err))
		goto out;
	*out = s.sel;
	s.sel = NULL;
	rc = 0;
out:
	oc_selection_free(s.sel);
	free(s.seen);
	oc_people_close(s.people);
	oc_leg_close(s.leg);
	return rc;
}

void oc_selection_free(struct oc_selection *sel)
{
	if (!sel)
		return;
	free(sel->fate);
	oc_spill_close(sel->train);
	free(sel);
}
