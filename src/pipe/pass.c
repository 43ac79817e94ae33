/*
 * One lock guards the state of the pass; batches are large, so it is taken some thousand times a
 * second at most. A worker takes the oldest batch that can move; only when none can, it feeds a new
 * one; only when there is no room for one, it waits for replies; and only when there is nothing to
 * wait for, it sleeps.
 */
#include "pipe/pass.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/pool.h"
#include "pipe/calls.h"
#include "pipe/spill.h"

#define BUFFER_KEEP ((size_t)16 << 20)

enum phase_kind {
	PURE,    /* any worker, any batch */
	ORDERED, /* one batch at a time, in order */
	CALL,    /* asks in order; batches leave in any order */
	EMIT     /* as ORDERED, the last */
};

struct phase {
	enum phase_kind kind;
	unsigned first, end; /* steps */
	bool parse, encode;  /* PURE */
	bool number;         /* ORDERED: give out the numbers of the leg */
	uint64_t next;       /* batch that may enter, unless PURE */
	bool busy;
	/* CALL; copies of what the caller last said, read under the lock */
	struct oc_caller *caller;
	uint32_t waiting, window;
	uint64_t polled; /* turn of the last pump */
};

/* A batch in flight. Whoever set `busy` owns it without the lock. */
struct slot {
	struct oc_call_batch calls; /* first member: a ready batch is its slot */
	struct oc_batch *batch;
	uint64_t seq;
	unsigned phase;
	bool busy, parked; /* parked: waits for replies */
	struct oc_buf encoded;
	struct oc_buf *states;   /* (step_n) */
	struct oc_buf *observed; /* (stream_n) of the OC_OBSERVE step */
	struct slot *next_free;
};

struct engine {
	struct oc_pass *pass;
	struct phase *phases;
	unsigned phase_n, call_n;
	const struct oc_step_run *observe; /* or NULL */
	bool notes;
	void **scratch; /* (threads, step_n) */

	pthread_mutex_t lock;
	pthread_cond_t wake;
	unsigned asleep;

	struct slot **ring; /* batches in flight, oldest first */
	size_t head, n, cap;
	uint64_t rows; /* in flight */
	struct slot *free_slots;
	size_t base_cap; /* 2 N + 2, fewer where memory is little */

	uint64_t next_seq;
	uint64_t fed_rows, kept_rows;
	bool feeding, fed_all;
	bool poll_first; /* look for replies before feeding again */
	uint64_t turn;

	bool draining;     /* somebody wants to stop */
	bool cancelled;    /* something was not fed or not finished because of that */
	bool halted;       /* at once */
	uint64_t stop_seq; /* batches from here on go nowhere */
	uint64_t err_seq;
	struct oc_err err;
};

enum task_kind { NOTHING, STEP, FEED, PUMP };

struct task {
	enum task_kind kind;
	struct slot *slot;
	struct phase *phase;
	int timeout_ms;
};

/* ------------------------------------------------------------------ phases */

static struct phase *phase_add(struct engine *e, enum phase_kind kind, unsigned step)
{
	struct phase *p = &e->phases[e->phase_n++];

	*p = (struct phase){.kind = kind, .first = step, .end = step};
	return p;
}

/* Cuts the chain where work must be in order. */
static int phases_make(struct engine *e, struct oc_err *err)
{
	struct oc_pass *pass = e->pass;

	e->phases = oc_zalloc(3 * (size_t)pass->step_n + 4, sizeof *e->phases);
	struct phase *p = phase_add(e, PURE, 0);
	p->parse = true;
	for (unsigned i = 0; i < pass->step_n; i++) {
		const struct oc_step_run *step = &pass->steps[i];
		enum oc_stage_kind kind = step->def->kind;
		if ((kind == OC_STAGE_WHOLE) == (step->role == OC_RUN) || e->observe)
			return oc_fail(err, OC_INTERNAL, step->name,
			               "stands in a pass where it cannot stand");
		if (kind == OC_STAGE_ROW || step->role == OC_APPLY) {
			if (p->kind != PURE)
				p = phase_add(e, PURE, i);
		} else if (kind == OC_STAGE_ORDERED) {
			/* What an earlier ordered stage decides must be known to `prepare`. */
			if (step->def->prepare) {
				e->notes = true;
				if (p->kind != PURE)
					p = phase_add(e, PURE, i);
				p->end = i + 1;
			}
			if (p->kind != ORDERED)
				p = phase_add(e, ORDERED, i);
		} else if (kind == OC_STAGE_CALL) {
			p = phase_add(e, CALL, i);
			p->caller = oc_caller_new(pass->ctx, step);
			e->call_n++;
		} else {
			e->observe = step;
			if (p->kind != ORDERED)
				p = phase_add(e, ORDERED, i);
			p->number = true;
			p = phase_add(e, PURE, i);
		}
		p->end = i + 1;
	}
	if (pass->encode) {
		if (p->kind != PURE)
			p = phase_add(e, PURE, pass->step_n);
		p->encode = true;
	}
	phase_add(e, EMIT, pass->step_n);
	return 0;
}

/* --------------------------------------------------------------- the work */

static bool stop_now(const struct engine *e)
{
	return atomic_load_explicit(&e->pass->ctx->cancel, memory_order_relaxed) > 1;
}

#define SAMPLED 8 /* one in so many of the rows that fall is shown to the stages behind */

/* Would the step reject the row, which is a copy? No when that cannot be asked: a stage that knows
 * more than the row, or an error, since the row has its verdict. */
static bool would_reject(const struct oc_step_run *step, struct oc_row *copy, void *scratch)
{
	const struct oc_stage_def *def = step->def;
	struct oc_err ignored = {0};

	copy->verdicts = NULL;
	copy->verdict_n = copy->verdict_cap = 0;
	copy->fate = OC_LIVE;
	if (def->would_reject)
		return def->would_reject(step->self, scratch, copy, &ignored) > 0;
	return def->kind == OC_STAGE_ROW && !def->row(step->self, scratch, copy, &ignored) &&
	       copy->fate == OC_REJECTED;
}

/* What would the stages behind step `fell` have said of a row that fell there? Asked for one row in
 * eight, drawn by its identity; what one of them changes the next one sees. */
static void would_also_fall(struct engine *e, unsigned fell, struct oc_row *row, void **scratch)
{
	struct oc_row copy = *row;

	if (oc_hash64(row->ped.key.p, row->ped.key.len, 11) % SAMPLED)
		return;
	row->sampled = true;
	for (unsigned i = fell + 1; i < e->pass->step_n && i < 64; i++) {
		if (!oc_step_skips(&e->pass->steps[i], row) &&
		    would_reject(&e->pass->steps[i], &copy, scratch[i]))
			row->also |= (uint64_t)1 << i;
	}
}

static int row_work(struct engine *e, const struct phase *p, struct slot *s, struct oc_row *row,
                    void **scratch, struct oc_err *err)
{
	for (unsigned i = p->first; i < p->end; i++) {
		const struct oc_step_run *step = &e->pass->steps[i];
		const struct oc_stage_def *def = step->def;
		int rc;
		if (step == e->observe && def->sees_all && (row->test || row->fate != OC_LIVE)) {
			if (row->root &&
			    def->observe(step->self, scratch[i], row, s->observed, err) < 0)
				return oc_fail_in_row(step, row, err);
			continue;
		}
		if (row->fate != OC_LIVE)
			break;
		if (oc_step_skips(step, row))
			continue;
		if (def->kind == OC_STAGE_ROW)
			rc = def->row(step->self, scratch[i], row, err);
		else if (def->kind == OC_STAGE_ORDERED)
			rc = def->prepare(step->self, scratch[i], row, &row->notes[i], err);
		else if (step->role == OC_APPLY)
			rc = def->apply(step->self, scratch[i], row, err);
		else
			rc = def->observe(step->self, scratch[i], row, s->observed, err);
		if (rc < 0)
			return oc_fail_in_row(step, row, err);
		if (row->fate == OC_REJECTED && def->kind == OC_STAGE_ROW)
			would_also_fall(e, i, row, scratch);
	}
	return 0;
}

static int pure(struct engine *e, const struct phase *p, struct slot *s, unsigned worker,
                struct oc_err *err)
{
	struct oc_pass *pass = e->pass;
	struct oc_batch *b = s->batch;
	void **scratch = e->scratch + (size_t)worker * pass->step_n;
	/* the phase of an observer holds nothing else */
	bool all = e->observe && e->observe->def->sees_all && e->observe == &pass->steps[p->first];

	for (uint32_t i = 0; i < b->row_n; i++) {
		struct oc_row *row = &b->rows[i];
		if (stop_now(e))
			return -1;
		if (p->parse &&
		    (pass->parse ? pass->parse(pass->user, row, err)
		                 : row->fate == OC_LIVE && !row->root && oc_row_parse(row, err)))
			return -1;
		if (p->first < p->end && (!row->test || all) &&
		    row_work(e, p, s, row, scratch, err))
			return -1;
	}
	return p->encode ? pass->encode(pass->user, b, &s->encoded, err) : 0;
}

static int ordered(struct engine *e, const struct phase *p, struct slot *s, struct oc_err *err)
{
	struct oc_batch *b = s->batch;

	for (uint32_t i = 0; i < b->row_n; i++) {
		struct oc_row *row = &b->rows[i];
		if (stop_now(e))
			return -1;
		for (unsigned k = p->first; k < p->end && row->fate == OC_LIVE && !row->test; k++) {
			const struct oc_step_run *step = &e->pass->steps[k];
			if (oc_step_skips(step, row))
				continue;
			if (step->def->ordered(step->self, row, row->notes ? row->notes[k] : NULL,
			                       &s->states[k], err) < 0)
				return oc_fail_in_row(step, row, err);
		}
		if (p->number && (row->fate == OC_LIVE || row->fate == OC_HELD))
			row->number = e->kept_rows++;
	}
	return 0;
}

static int emit(struct engine *e, struct slot *s, struct oc_err *err)
{
	const struct oc_step_run *o = e->observe;

	for (unsigned i = 0; o && i < o->def->stream_n; i++)
		if (s->observed[i].len &&
		    oc_spill_add(o->spill, i, s->observed[i].p, s->observed[i].len, err))
			return -1;
	return e->pass->emit ? e->pass->emit(e->pass->user, s->batch, &s->encoded, err) : 0;
}

/* ------------------------------------------------------------------- slots */

static struct slot *slot_take(struct engine *e)
{
	struct slot *s = e->free_slots;
	unsigned step_n = e->pass->step_n;

	if (s) {
		e->free_slots = s->next_free;
		return s;
	}
	s = oc_zalloc(1, sizeof *s);
	s->batch = oc_batch_new(OC_BATCH_ROWS);
	s->states = oc_zalloc(step_n, sizeof *s->states);
	if (e->observe)
		s->observed = oc_zalloc(e->observe->def->stream_n, sizeof *s->observed);
	return s;
}

static void slot_clear(struct engine *e, struct slot *s)
{
	oc_batch_reset(s->batch);
	s->encoded.len = 0;
	if (s->encoded.cap > BUFFER_KEEP) /* a giant row came by */
		oc_buf_fini(&s->encoded);
	for (unsigned i = 0; i < e->pass->step_n; i++)
		s->states[i].len = 0;
	for (unsigned i = 0; e->observe && i < e->observe->def->stream_n; i++)
		s->observed[i].len = 0;
	s->batch->states = s->states;
	s->phase = 0;
	s->calls = (struct oc_call_batch){0};
}

static void slot_free(struct engine *e, struct slot *s)
{
	for (unsigned i = 0; i < e->pass->step_n; i++)
		oc_buf_fini(&s->states[i]);
	for (unsigned i = 0; e->observe && i < e->observe->def->stream_n; i++)
		oc_buf_fini(&s->observed[i]);
	oc_buf_fini(&s->encoded);
	oc_batch_free(s->batch);
	free(s->states);
	free(s->observed);
	free(s);
}

static void ring_push(struct engine *e, struct slot *s)
{
	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 16;
		struct slot **ring = oc_alloc(cap * sizeof(struct slot *));
		for (size_t i = 0; i < e->n; i++)
			ring[i] = e->ring[(e->head + i) % e->cap];
		free(e->ring);
		e->ring = ring;
		e->cap = cap;
		e->head = 0;
	}
	e->ring[(e->head + e->n++) % e->cap] = s;
	e->rows += s->batch->row_n;
}

static void ring_pop(struct engine *e)
{
	struct slot *s = e->ring[e->head];

	e->head = (e->head + 1) % e->cap;
	e->n--;
	e->rows -= s->batch->row_n;
	s->next_free = e->free_slots;
	e->free_slots = s;
}

/* --------------------------------------------------------------- scheduling */

/* The first batch in order wins, so that the error does not depend on who was faster. */
static void fail_at(struct engine *e, uint64_t seq, const struct oc_err *err)
{
	if (seq < e->stop_seq)
		e->stop_seq = seq;
	if (err->code != OC_OK && seq < e->err_seq) {
		e->err_seq = seq;
		e->err = *err;
	}
}

static void watch_cancel(struct engine *e)
{
	int cancel = atomic_load_explicit(&e->pass->ctx->cancel, memory_order_relaxed);

	if (cancel > 1)
		e->halted = true;
	if (cancel)
		e->draining = true;
	if (cancel && !e->fed_all) {
		e->cancelled = true;
		e->fed_all = true;
	}
}

static bool finished(struct engine *e)
{
	watch_cancel(e);
	if (e->halted)
		return true;
	bool more = !e->fed_all || e->feeding;
	if (e->stop_seq != UINT64_MAX)
		more = e->feeding && e->next_seq <= e->stop_seq;
	return !more && (!e->n || e->ring[e->head]->seq >= e->stop_seq);
}

/*
 * Room for one more batch: 2 N + 2, and beyond them as long as the models could use more rows than
 * wait for them (4 windows), within 16 windows of rows in all: one slow reply holds up what comes
 * behind it, not the asking.
 */
static bool may_feed(const struct engine *e)
{
	uint64_t waiting = 0, window = 0;

	if (e->fed_all || e->feeding || e->stop_seq != UINT64_MAX)
		return false;
	if (e->n < e->base_cap)
		return true;
	for (unsigned i = 0; e->call_n && i < e->phase_n; i++) {
		if (e->phases[i].kind != CALL)
			continue;
		waiting += e->phases[i].waiting;
		window += e->phases[i].window;
	}
	return waiting < 4 * window && e->rows < 16 * window;
}

/* The call phase whose turn it is to look for replies; *n = how many have rows waiting. */
static struct phase *may_pump(struct engine *e, unsigned *n)
{
	struct phase *best = NULL;

	*n = 0;
	for (unsigned i = 0; e->call_n && i < e->phase_n; i++) {
		struct phase *p = &e->phases[i];
		if (p->kind != CALL || !p->waiting)
			continue;
		++*n;
		if (!p->busy && (!best || p->polled < best->polled))
			best = p;
	}
	return best;
}

static struct task pick(struct engine *e)
{
	for (size_t i = 0; i < e->n; i++) {
		struct slot *s = e->ring[(e->head + i) % e->cap];
		struct phase *p = &e->phases[s->phase];
		if (s->seq >= e->stop_seq)
			break;
		if (s->busy || s->parked || (p->kind != PURE && (p->busy || p->next != s->seq)))
			continue;
		if (p->kind == CALL && e->draining) {
			e->stop_seq = s->seq; /* nothing more is paid for */
			e->cancelled = true;
			break;
		}
		s->busy = true;
		p->busy = p->kind != PURE;
		return (struct task){.kind = STEP, .slot = s, .phase = p};
	}

	unsigned calling;
	struct phase *p = may_pump(e, &calling);
	bool feed = may_feed(e);
	if (p && (!feed || e->poll_first)) {
		p->busy = true;
		p->polled = ++e->turn;
		int wait = feed ? 0 : calling > 1 ? 2 : 10;
		if (calling == 1 || e->turn % calling == 0)
			e->poll_first = false;
		return (struct task){.kind = PUMP, .phase = p, .timeout_ms = wait};
	}
	if (feed) {
		e->feeding = true;
		e->poll_first = true;
		return (struct task){.kind = FEED, .slot = slot_take(e)};
	}
	return (struct task){.kind = NOTHING};
}

/* Called with the lock held, as all below; lets it go while it works. */
static void do_step(struct engine *e, struct task t, unsigned worker)
{
	struct slot *s = t.slot;
	struct phase *p = t.phase;
	struct oc_err err = {0};
	int rc = 0;

	pthread_mutex_unlock(&e->lock);
	switch (p->kind) {
	case PURE: rc = pure(e, p, s, worker, &err); break;
	case ORDERED: rc = ordered(e, p, s, &err); break;
	case CALL:
		s->calls.seq = s->seq;
		rc = oc_caller_ask(p->caller, &s->calls, s->batch, &err);
		break;
	case EMIT: rc = emit(e, s, &err); break;
	}
	pthread_mutex_lock(&e->lock);

	s->busy = false;
	if (p->kind != PURE) {
		p->busy = false;
		p->next++;
	}
	if (p->kind == CALL) {
		p->waiting = oc_caller_waiting(p->caller);
		p->window = oc_caller_window(p->caller);
		s->parked = s->calls.waiting > 0;
	}
	if (rc < 0)
		fail_at(e, s->seq, &err);
	else if (p->kind == EMIT)
		ring_pop(e);
	else if (!s->parked)
		s->phase++;
}

static void do_feed(struct engine *e, struct task t)
{
	struct oc_pass *pass = e->pass;
	struct slot *s = t.slot;
	struct oc_err err = {0};
	uint64_t number = pass->first_number + e->fed_rows;

	pthread_mutex_unlock(&e->lock);
	slot_clear(e, s);
	int rc = pass->feed(pass->user, s->batch, &err);
	struct oc_batch *b = s->batch;
	for (uint32_t i = 0; rc >= 0 && i < b->row_n; i++)
		b->rows[i].number = number + i;
	if (rc >= 0 && e->notes && b->row_n) {
		size_t each = pass->step_n;
		void **notes = oc_arena_zalloc(b->arena, b->row_n * each * sizeof *notes);
		for (uint32_t i = 0; i < b->row_n; i++)
			b->rows[i].notes = notes + i * each;
	}
	pthread_mutex_lock(&e->lock);

	e->feeding = false;
	if (rc < 0 && err.code == OC_CANCELLED) {
		e->draining = e->cancelled = true;
		e->fed_all = true;
	} else if (rc < 0) {
		if (err.code == OC_OK)
			oc_fail(&err, OC_INTERNAL, NULL, "the source failed without saying why");
		fail_at(e, e->next_seq, &err);
	} else if (rc == 0) {
		e->fed_all = true;
	}
	if (rc < 0 || (rc == 0 && !b->row_n)) {
		s->next_free = e->free_slots;
		e->free_slots = s;
		return;
	}
	s->seq = b->seq = e->next_seq++;
	e->fed_rows += b->row_n;
	ring_push(e, s);
}

static void do_pump(struct engine *e, struct task t)
{
	struct phase *p = t.phase;
	struct oc_err err = {0};
	uint64_t failed = 0;

	pthread_mutex_unlock(&e->lock);
	int rc = oc_caller_pump(p->caller, t.timeout_ms, &failed, &err);
	uint32_t waiting = oc_caller_waiting(p->caller), window = oc_caller_window(p->caller);
	pthread_mutex_lock(&e->lock);

	p->busy = false;
	p->waiting = waiting;
	p->window = window;
	if (rc < 0)
		fail_at(e, failed, &err);
	if (oc_caller_stopped(p->caller) < e->stop_seq) {
		e->stop_seq = oc_caller_stopped(p->caller);
		e->cancelled = true;
	}
	for (struct oc_call_batch *cb; (cb = oc_caller_ready(p->caller));) {
		struct slot *s = (struct slot *)cb;
		s->parked = false;
		s->phase++;
	}
}

static void work(void *user, uint64_t item, unsigned worker)
{
	struct engine *e = user;

	(void)item;
	pthread_mutex_lock(&e->lock);
	while (!finished(e)) {
		struct task t = pick(e);
		switch (t.kind) {
		case STEP: do_step(e, t, worker); break;
		case FEED: do_feed(e, t); break;
		case PUMP: do_pump(e, t); break;
		case NOTHING: {
			/* A signal sets the cancel flag and wakes nobody: look now and then. */
			struct timespec until;
			clock_gettime(CLOCK_MONOTONIC, &until);
			until.tv_nsec += 50 * 1000000;
			until.tv_sec += until.tv_nsec / 1000000000;
			until.tv_nsec %= 1000000000;
			e->asleep++;
			pthread_cond_timedwait(&e->wake, &e->lock, &until);
			e->asleep--;
			continue;
		}
		}
		if (e->asleep)
			pthread_cond_broadcast(&e->wake);
	}
	pthread_cond_broadcast(&e->wake);
	pthread_mutex_unlock(&e->lock);
}

/* ------------------------------------------------------------ start and end */

static void scratch_make(struct engine *e, unsigned threads)
{
	unsigned n = e->pass->step_n;

	e->scratch = oc_zalloc((size_t)threads * n, sizeof *e->scratch);
	for (unsigned t = 0; t < threads; t++)
		for (unsigned i = 0; i < n; i++) {
			const struct oc_step_run *step = &e->pass->steps[i];
			if (step->def->scratch_new)
				e->scratch[t * n + i] = step->def->scratch_new(step->self);
		}
}

static void scratch_drop(struct engine *e, unsigned threads)
{
	unsigned n = e->pass->step_n;

	for (unsigned t = 0; e->scratch && t < threads; t++)
		for (unsigned i = 0; i < n; i++)
			if (e->scratch[t * n + i] && e->pass->steps[i].def->scratch_free)
				e->pass->steps[i].def->scratch_free(e->scratch[t * n + i]);
	free(e->scratch);
}

/* What a batch of text holds with the views of its rows and what is seen in them, about. */
#define BATCH_HOLDS ((uint64_t)8 << 20)

static size_t batches(const struct oc_pass *pass, unsigned threads)
{
	size_t most = 2 * (size_t)threads + 2, least = (size_t)threads + 1;

	if (!pass->memory || pass->memory / BATCH_HOLDS > most)
		return most;
	return pass->memory / BATCH_HOLDS > least ? pass->memory / BATCH_HOLDS : least;
}

int oc_pass_run(struct oc_pass *pass, struct oc_err *err)
{
	unsigned threads = pass->threads ? pass->threads : 1;
	struct engine e = {.pass = pass,
	                   .base_cap = batches(pass, threads),
	                   .kept_rows = pass->first_kept,
	                   .stop_seq = UINT64_MAX,
	                   .err_seq = UINT64_MAX};
	struct oc_pool *pool = NULL;
	pthread_condattr_t attr;
	int rc = -1;

	pthread_mutex_init(&e.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e.wake, &attr);
	pthread_condattr_destroy(&attr);
	if (phases_make(&e, err))
		goto out;
	scratch_make(&e, threads);
	pool = oc_pool_new(threads);
	oc_pool_for(pool, threads, work, &e);

	if (e.err.code != OC_OK) {
		oc_fail(err, e.err.code, e.err.where, "%s", e.err.msg);
	} else if (e.halted || e.cancelled) {
		oc_fail(err, OC_CANCELLED, NULL, "interrupted");
	} else if (e.stop_seq != UINT64_MAX) {
		oc_fail(err, OC_INTERNAL, NULL, "a step failed without saying why");
	} else {
		rc = 0;
	}
out:
	oc_pool_free(pool);
	scratch_drop(&e, threads);
	for (unsigned i = 0; i < e.phase_n; i++)
		oc_caller_free(e.phases[i].caller);
	for (size_t i = 0; i < e.n; i++)
		slot_free(&e, e.ring[(e.head + i) % e.cap]);
	for (struct slot *s = e.free_slots, *next; s; s = next) {
		next = s->next_free;
		slot_free(&e, s);
	}
	free(e.ring);
	free(e.phases);
	pthread_cond_destroy(&e.wake);
	pthread_mutex_destroy(&e.lock);
	return rc;
}
