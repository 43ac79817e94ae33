#include "pipe/calls.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

struct oc_calls {
	struct oc_request *req; /* bodies are offsets into `bytes` until they are submitted */
	size_t n, cap;
	struct oc_buf bytes;
};

/* A row that waits. */
struct asker {
	struct oc_row *row;
	struct oc_call_batch *cb;
	struct oc_reply *replies; /* all so far, in the order of the requests */
	uint32_t reply_n, reply_cap;
	uint32_t missing;  /* of the replies */
	uint32_t answered; /* calls of `answer` so far */
	bool finished;
	struct oc_calls more; /* emitted by the last answer, not yet submitted */
};

/* Where a reply belongs; its index is the tag of the request. */
struct ticket {
	struct asker *asker;
	uint32_t reply;
	uint32_t next_free; /* index + 1 */
	uint64_t tag;       /* the stage's own */
};

struct oc_caller {
	struct oc_ctx *ctx;
	const struct oc_step_run *step;
	struct oc_calls calls; /* of the row that is asking */

	/* Waiting rows in row order: a window [base, base + n) of all rows that ever asked. */
	struct asker **askers;
	size_t head, n, cap;
	uint64_t base;
	uint64_t cursor[OC_CALL_ROUNDS]; /* first row whose r-th answer is not known */
	uint32_t rounds;                 /* highest round seen */

	struct ticket *tickets;
	size_t ticket_n, ticket_cap;
	uint32_t free_ticket; /* index + 1 */
	uint64_t open;        /* requests submitted, not replied */
	uint32_t waiting;     /* rows without their last answer */

	struct oc_call_batch **ready;
	size_t ready_n, ready_cap, ready_at;
	uint64_t stopped;

	struct oc_err refused; /* a cap, or no network: told when the other replies are there */
	uint64_t refused_seq;
};

int oc_fail_in_row(const struct oc_step_run *step, const struct oc_row *row, struct oc_err *err)
{
	char place[160];

	if (err->code == OC_OK)
		oc_fail(err, OC_INTERNAL, NULL, "the stage failed without saying why");
	snprintf(place, sizeof place, "%.60s: row %.*s", step->name,
	         (int)(row->ped.key.len < 80 ? row->ped.key.len : 80),
	         row->ped.key.p ? row->ped.key.p : "");
	return oc_fail_in(err, place);
}

void oc_calls_add(struct oc_calls *calls, const struct oc_request *req)
{
	if (calls->n == calls->cap) {
		calls->cap = calls->cap ? calls->cap * 2 : 4;
		calls->req = oc_realloc(calls->req, calls->cap * sizeof *calls->req);
	}
	calls->req[calls->n] = *req;
	calls->req[calls->n++].body.p = NULL; /* the buffer may move: found again by length */
	oc_buf_str(&calls->bytes, req->body);
}

static void calls_fini(struct oc_calls *calls)
{
	free(calls->req);
	oc_buf_fini(&calls->bytes);
	*calls = (struct oc_calls){0};
}

struct oc_caller *oc_caller_new(struct oc_ctx *ctx, const struct oc_step_run *step)
{
	struct oc_caller *c = oc_zalloc(1, sizeof *c);

	c->ctx = ctx;
	c->step = step;
	c->stopped = UINT64_MAX;
	return c;
}

static void replies_free(struct oc_caller *c, struct asker *a)
{
	for (uint32_t i = 0; i < a->reply_n; i++)
		if (a->replies[i].owner)
			c->step->llm->ops->reply_free(c->step->llm, &a->replies[i]);
	a->reply_n = 0;
}

static void asker_free(struct oc_caller *c, struct asker *a)
{
	replies_free(c, a);
	free(a->replies);
	calls_fini(&a->more);
	free(a);
}

static struct asker *asker_at(const struct oc_caller *c, uint64_t number)
{
	return c->askers[c->head + (number - c->base)];
}

void oc_caller_free(struct oc_caller *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		asker_free(c, c->askers[c->head + i]);
	free(c->askers);
	free(c->tickets);
	free(c->ready);
	calls_fini(&c->calls);
	free(c);
}

static uint32_t ticket_new(struct oc_caller *c)
{
	if (c->free_ticket) {
		uint32_t i = c->free_ticket - 1;
		c->free_ticket = c->tickets[i].next_free;
		return i;
	}
	if (c->ticket_n == c->ticket_cap) {
		c->ticket_cap = c->ticket_cap ? c->ticket_cap * 2 : 256;
		c->tickets = oc_realloc(c->tickets, c->ticket_cap * sizeof *c->tickets);
	}
	return (uint32_t)c->ticket_n++;
}

static int submit(struct oc_caller *c, struct asker *a, struct oc_calls *calls, struct oc_err *err)
{
	size_t at = 0, n = calls->n;

	if (a->reply_n + n > a->reply_cap) {
		a->reply_cap = (uint32_t)(a->reply_n + n);
		a->replies = oc_realloc(a->replies, a->reply_cap * sizeof *a->replies);
	}
	for (size_t i = 0; i < n; i++) {
		struct oc_request req = calls->req[i];
		uint32_t t = ticket_new(c);
		req.body.p = calls->bytes.p + at;
		at += req.body.len;
		c->tickets[t] = (struct ticket){.asker = a, .reply = a->reply_n, .tag = req.tag};
		req.tag = t;
		req.round = a->answered;
		a->replies[a->reply_n++] = (struct oc_reply){0};
		a->missing++;
		c->open++;
		if (c->step->llm->ops->submit(c->step->llm, &req, err)) {
			a->cb->dropped = true; /* replies may come still; the row is not asked */
			return -1;
		}
	}
	calls->n = 0;
	calls->bytes.len = 0;
	return 0;
}

static void asker_push(struct oc_caller *c, struct asker *a)
{
	if (c->head + c->n == c->cap) {
		if (c->head > c->cap / 2) {
			memmove(c->askers, c->askers + c->head, c->n * sizeof(struct asker *));
			c->head = 0;
		} else {
			c->cap = c->cap ? c->cap * 2 : 256;
			c->askers = oc_realloc(c->askers, c->cap * sizeof(struct asker *));
		}
	}
	c->askers[c->head + c->n++] = a;
}

int oc_caller_ask(struct oc_caller *c, struct oc_call_batch *cb, struct oc_batch *batch,
                  struct oc_err *err)
{
	const struct oc_step_run *step = c->step;

	for (uint32_t i = 0; i < batch->row_n; i++) {
		struct oc_row *row = &batch->rows[i];
		if (row->fate != OC_LIVE || row->test || oc_step_skips(step, row))
			continue;
		if (step->def->ask(step->self, row, &c->calls, err))
			return oc_fail_in_row(step, row, err);
		if (!c->calls.n)
			continue;
		struct asker *a = oc_zalloc(1, sizeof *a);
		a->row = row;
		a->cb = cb;
		asker_push(c, a);
		cb->waiting++;
		c->waiting++;
		if (submit(c, a, &c->calls, err))
			return -1;
	}
	return 0;
}

static void finish(struct oc_caller *c, struct asker *a)
{
	a->finished = true;
	replies_free(c, a);
	c->waiting--;
	if (--a->cb->waiting || a->cb->refused)
		return;
	if (c->ready_n == c->ready_cap) {
		c->ready_cap = c->ready_cap ? c->ready_cap * 2 : 16;
		c->ready = oc_realloc(c->ready, c->ready_cap * sizeof(struct oc_call_batch *));
	}
	c->ready[c->ready_n++] = a->cb;
}

/* All replies asked for are there. */
static int answer(struct oc_caller *c, struct asker *a, uint64_t *failed, struct oc_err *err)
{
	const struct oc_step_run *step = c->step;

	*failed = a->cb->seq;
	for (uint32_t i = 0; i < a->reply_n; i++) {
		const struct oc_reply *reply = &a->replies[i];
		if (reply->state == OC_REPLY_BUDGET || reply->state == OC_REPLY_OFFLINE) {
			a->cb->dropped = a->cb->refused = true;
			if (c->refused.code != OC_OK && c->refused_seq <= a->cb->seq)
				continue;
			c->refused = (struct oc_err){0};
			c->refused_seq = a->cb->seq;
			oc_fail(&c->refused,
			        reply->state == OC_REPLY_BUDGET ? OC_BUDGET : OC_MISSING,
			        step->name, "%.*s", OC_ARG(reply->error));
		}
		if (reply->state == OC_REPLY_STOPPED) {
			a->cb->dropped = true;
			if (a->cb->seq < c->stopped)
				c->stopped = a->cb->seq;
		}
	}
	if (a->cb->dropped) {
		finish(c, a);
		return 0;
	}
	if (step->def->answer(step->self, a->row, a->replies, a->reply_n, &a->more, err)) {
		a->cb->dropped = true;
		finish(c, a);
		return oc_fail_in_row(step, a->row, err);
	}
	a->answered++;
	if (!a->more.n) {
		finish(c, a);
	} else if (a->answered == OC_CALL_ROUNDS) {
		a->cb->dropped = true;
		finish(c, a);
		return oc_fail(err, OC_INTERNAL, step->name, "still asks after %d rounds",
		               OC_CALL_ROUNDS);
	} else if (a->answered > c->rounds) {
		c->rounds = a->answered;
		c->cursor[c->rounds] = c->base;
	}
	return 0;
}

/* Submits what answers emitted, round by round in row order, and lets go of finished rows. */
static int sweep(struct oc_caller *c, uint64_t *failed, struct oc_err *err)
{
	uint64_t end = c->base + c->n;

	for (uint32_t r = 1; r <= c->rounds; r++) {
		uint64_t *at = &c->cursor[r];
		if (*at < c->base)
			*at = c->base;
		for (; *at < end; ++*at) {
			struct asker *a = asker_at(c, *at);
			if (a->finished || a->answered > r)
				continue;
			if (a->answered < r)
				break;
			*failed = a->cb->seq;
			if (a->more.n && submit(c, a, &a->more, err))
				return -1;
		}
	}
	while (c->n && c->askers[c->head]->finished) {
		asker_free(c, c->askers[c->head]);
		c->head++;
		c->base++;
		c->n--;
	}
	if (!c->n)
		c->head = 0;
	return 0;
}

int oc_caller_pump(struct oc_caller *c, int timeout_ms, uint64_t *failed, struct oc_err *err)
{
	struct oc_llm *llm = c->step->llm;
	unsigned taken = 0;

	while (c->open && taken < 1024) {
		struct oc_reply reply;
		*failed = c->n ? c->askers[c->head]->cb->seq : 0;
		int rc = llm->ops->next(llm, &reply, taken ? 0 : timeout_ms, err);
		if (rc < 0)
			return -1;
		if (!rc)
			break;
		taken++;
		if (reply.tag >= c->ticket_n || !c->tickets[reply.tag].asker) {
			llm->ops->reply_free(llm, &reply);
			return oc_fail(err, OC_INTERNAL, c->step->name,
			               "a reply came that nobody waits for");
		}
		struct ticket *t = &c->tickets[reply.tag];
		struct asker *a = t->asker;
		uint32_t slot = (uint32_t)reply.tag;
		reply.tag = t->tag;
		a->replies[t->reply] = reply;
		t->asker = NULL;
		t->next_free = c->free_ticket;
		c->free_ticket = slot + 1;
		c->open--;
		if (--a->missing == 0 && answer(c, a, failed, err))
			return -1;
	}
	if (c->refused.code != OC_OK && !c->open) {
		*failed = c->refused_seq;
		*err = c->refused;
		return -1;
	}
	return taken ? sweep(c, failed, err) : 0;
}

struct oc_call_batch *oc_caller_ready(struct oc_caller *c)
{
	if (c->ready_at < c->ready_n)
		return c->ready[c->ready_at++];
	c->ready_at = c->ready_n = 0;
	return NULL;
}

uint32_t oc_caller_waiting(const struct oc_caller *c)
{
	return c->waiting;
}

uint32_t oc_caller_window(const struct oc_caller *c)
{
	return c->step->llm->ops->window(c->step->llm);
}

uint64_t oc_caller_stopped(const struct oc_caller *c)
{
	return c->stopped;
}
