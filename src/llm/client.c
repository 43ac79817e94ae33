/*
 * The path of a request: key and sample index, the store, the reservation, the backend; and back.
 *
 * One lock guards a model and all its handles. It is never held while a backend or the store is
 * called, so a backend may call `done` from within `submit`.
 */
#include "llm/client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "llm/body.h"

#define WAIT_STEP_MS 100 /* how often waiting requests look at the budget and the cancel flag */

struct handle;

/* A request from submit to reply_free. */
struct call {
	struct oc_exchange x;
	struct handle *handle; /* NULL: its handle was closed */
	struct call *next;     /* in the ready or the waiting list */
	struct call *chain;    /* in the table of what is in flight */
	struct call *twin;     /* calls with the same key that wait for this one */
	struct oc_hash128 key;
	uint64_t tag;
	enum oc_reply_state state;
	struct oc_str body;     /* as sent; malloc'ed */
	struct oc_record found; /* a stored reply, or empty */
	struct oc_usage usage;
	double cost, upper_money, unknown_cost;
	uint64_t upper_tokens;
	uint32_t unknown_seen; /* unknown attempts that the budget counts already */
	bool reserved, refused, cached;
	char error[256];
};

struct list {
	struct call *first, **last;
};

struct sample {
	struct oc_hash128 body;
	uint32_t count; /* 0 = free */
};

struct handle {
	struct oc_llm base;
	struct oc_llm_model *m;
	char *step;
	pthread_cond_t wake;
	struct list ready, waiting; /* waiting: for the budget, in the order of submit */
	uint32_t pending;           /* submitted and not yet returned by next */
	struct sample *samples;
	size_t sample_n, sample_cap;
	struct oc_arena *arena;
	struct oc_buf text;
};

#define FLIGHT_HEADS 4096

struct oc_llm_model {
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct oc_ctx *ctx;
	const struct oc_llm_def *def;
	void *self;
	char *name, *api_model, *identity;
	yyjson_val *extra;
	bool send_seed, offline, depth_at_least;
	uint32_t depth;
	struct oc_llm_price price;
	struct oc_store *store;
	struct oc_budget *budget;
	struct call *flight[FLIGHT_HEADS];
	uint32_t flying;     /* handed to the backend, not yet done */
	struct oc_err fatal; /* the endpoint is of no use any more */
	bool warned;
	struct oc_llm_stats stats;
};

static void list_add(struct list *l, struct call *c)
{
	c->next = NULL;
	if (!l->first)
		l->last = &l->first;
	*l->last = c;
	l->last = &c->next;
}

static struct call *list_take(struct list *l)
{
	struct call *c = l->first;

	if (c)
		l->first = c->next;
	return c;
}

static void call_free(struct call *c)
{
	free((char *)(uintptr_t)c->x.reply.p);
	free((char *)(uintptr_t)c->body.p);
	oc_record_fini(&c->found);
	free(c);
}

/* Called with the lock held. */
static void deliver(struct call *c)
{
	struct handle *h = c->handle;

	if (!h) {
		call_free(c);
		return;
	}
	list_add(&h->ready, c);
	pthread_cond_signal(&h->wake);
}

static struct call **flight_of(struct oc_llm_model *m, struct oc_hash128 key)
{
	struct call **link = &m->flight[key.lo % FLIGHT_HEADS];

	while (*link && ((*link)->key.lo != key.lo || (*link)->key.hi != key.hi))
		link = &(*link)->chain;
	return link;
}

/* The first fatal error wins; all handles are told. Called with the lock held. */
static void set_fatal(struct oc_llm_model *m, const struct oc_err *err)
{
	if (!m->fatal.code)
		m->fatal = *err;
}

/* -------------------------------------------------------- the backend's side */

/* Before an attempt leaves: 0 send, 1 ask again soon (the budget waits for others), -1 never. */
static int on_sent(void *user, struct oc_exchange *x)
{
	struct oc_llm_model *m = user;
	struct call *c = x->user;
	struct oc_err err = {0};

	if (c->reserved && x->attempts > 1) {
		/* The attempt before this one: nothing to pay, or nobody knows. */
		bool unknown = x->unknown > c->unknown_seen;
		if (unknown)
			c->unknown_cost += c->upper_money;
		c->unknown_seen = x->unknown;
		if (m->budget)
			oc_budget_settle(m->budget, c->upper_money, c->upper_tokens,
			                 unknown ? c->upper_money : 0,
			                 unknown ? c->upper_tokens : 0);
		c->reserved = false;
	}
	if (!c->reserved && m->budget) {
		switch (oc_budget_reserve(m->budget, c->upper_money, c->upper_tokens)) {
		case OC_BUDGET_OK: break;
		case OC_BUDGET_WAIT: return 1;
		case OC_BUDGET_REFUSED: c->refused = true; return -1;
		}
	}
	c->reserved = true;
	if (m->store &&
	    oc_store_intent(m->store, c->key, c->upper_money, c->upper_tokens, &err) < 0) {
		pthread_mutex_lock(&m->lock);
		set_fatal(m, &err);
		pthread_mutex_unlock(&m->lock);
		return -1;
	}
	pthread_mutex_lock(&m->lock);
	m->stats.attempts++;
	pthread_mutex_unlock(&m->lock);
	return 0;
}

/* Ends the reservation of the last attempt. False: the server used more than it could. */
static bool settle(struct oc_llm_model *m, struct call *c)
{
	bool unknown = c->x.unknown > c->unknown_seen, ok = c->state == OC_REPLY_OK, honest = true;

	if (ok) {
		c->cost = (c->usage.prompt_tokens * m->price.prompt +
		           c->usage.completion_tokens * m->price.completion) /
		          1e6;
	} else if (unknown) {
		c->unknown_cost += c->upper_money;
	}
	if (!c->reserved || !m->budget)
		return true;
	uint64_t tokens = (uint64_t)c->usage.prompt_tokens + c->usage.completion_tokens;
	if (ok)
		honest = oc_budget_settle(m->budget, c->upper_money, c->upper_tokens, c->cost,
		                          tokens);
	else if (unknown)
		oc_budget_settle(m->budget, c->upper_money, c->upper_tokens, c->upper_money,
		                 c->upper_tokens);
	else if (c->x.attempts)
		oc_budget_settle(m->budget, c->upper_money, c->upper_tokens, 0, 0);
	else
		oc_budget_release(m->budget, c->upper_money, c->upper_tokens);
	c->reserved = false;
	return honest;
}

static int keep(struct oc_llm_model *m, struct call *c, struct oc_err *err)
{
	struct oc_record r = {.key = c->key,
	                      .status = c->x.status,
	                      .failed = c->state != OC_REPLY_OK,
	                      .request = c->body,
	                      .reply = c->x.reply,
	                      .error = oc_str(c->error),
	                      .usage = c->usage,
	                      .cost = c->cost,
	                      .seconds = c->x.seconds,
	                      .attempts = c->x.attempts,
	                      .unknown = c->x.unknown,
	                      .unknown_cost = c->unknown_cost};

	if (!m->store || !c->x.attempts)
		return 0;
	if (c->state == OC_REPLY_OK || c->state == OC_REPLY_FAILED)
		return oc_store_put(m->store, &r, err);
	return oc_store_drop(m->store, c->key, c->x.unknown, c->unknown_cost, err);
}

/* Counts a request that failed. Called with the lock held. */
static void failed(struct oc_llm_model *m, const char *why)
{
	m->stats.failed++;
	snprintf(m->stats.why, sizeof m->stats.why, "%s", why);
}

/* Gives twins of a call their own copy of its outcome. Called with the lock held. */
static void deliver_twins(struct oc_llm_model *m, struct call *c)
{
	for (struct call *t = c->twin, *next; t; t = next) {
		next = t->twin;
		t->twin = NULL;
		t->state = c->state;
		t->usage = c->usage;
		t->x.status = c->x.status;
		t->x.attempts = c->x.attempts;
		t->x.seconds = c->x.seconds;
		char *copy = oc_alloc(c->x.reply.len + 1);
		if (c->x.reply.len)
			memcpy(copy, c->x.reply.p, c->x.reply.len);
		t->x.reply = (struct oc_str){copy, c->x.reply.len};
		memcpy(t->error, c->error, sizeof t->error);
		t->cached = c->state == OC_REPLY_OK;
		if (t->cached)
			m->stats.cached++;
		else if (t->state == OC_REPLY_FAILED)
			failed(m, t->error);
		deliver(t);
	}
	c->twin = NULL;
}

static void on_done(void *user, struct oc_exchange *x)
{
	struct oc_llm_model *m = user;
	struct call *c = x->user;
	struct oc_err err = {0};
	struct oc_answer a;
	bool honest;

	memcpy(c->error, x->error, sizeof c->error);
	if (c->refused) {
		char why[96];
		c->state = OC_REPLY_BUDGET;
		if (oc_budget_full(m->budget, why))
			snprintf(c->error, sizeof c->error, "%s", why);
	} else if (x->stopped) {
		c->state = OC_REPLY_STOPPED;
	} else if (x->error[0]) {
		c->state = OC_REPLY_FAILED;
	} else {
		oc_answer_read(x->kind, c->body, x->reply, &a);
		c->state =
			a.state == OC_ANSWER_OK && x->status == 200 ? OC_REPLY_OK : OC_REPLY_FAILED;
		if (c->state == OC_REPLY_OK)
			c->usage = a.usage;
		else if (x->status != 200)
			snprintf(c->error, sizeof c->error, "%.250s",
			         a.state == OC_ANSWER_ERROR ? a.error.message : a.why);
		else
			snprintf(c->error, sizeof c->error, "the reply cannot be used: %.200s",
			         a.state == OC_ANSWER_ERROR ? a.error.message : a.why);
		oc_answer_fini(&a);
	}
	honest = settle(m, c);
	/* Before anyone hears of it the reply is in the store. */
	keep(m, c, &err);

	pthread_mutex_lock(&m->lock);
	if (err.code)
		set_fatal(m, &err);
	if (x->dead) {
		struct oc_err e = {0};
		oc_fail(&e, x->code ? x->code : OC_NET, m->name, "%s", x->error);
		set_fatal(m, &e);
	}
	if (!honest) {
		struct oc_err e = {0};
		oc_fail(&e, OC_BUDGET, m->name,
		        "the server says it used %u + %u tokens for a request that could use at "
		        "most %llu: no cap can hold against that, so nothing more is sent to it",
		        c->usage.prompt_tokens, c->usage.completion_tokens,
		        (unsigned long long)c->upper_tokens);
		set_fatal(m, &e);
	}
	struct call **link = flight_of(m, c->key);
	if (*link == c)
		*link = c->chain;
	m->flying--;
	m->stats.sent -= !x->attempts; /* it never left */
	m->stats.seconds += x->seconds;
	m->stats.unknown_cost += c->unknown_cost;
	switch (c->state) {
	case OC_REPLY_OK:
		m->stats.replied++;
		m->stats.cost += c->cost;
		m->stats.prompt_tokens += c->usage.prompt_tokens;
		m->stats.completion_tokens += c->usage.completion_tokens;
		m->stats.estimated += c->usage.estimated;
		break;
	case OC_REPLY_FAILED: failed(m, c->error); break;
	default: break;
	}
	deliver_twins(m, c);
	deliver(c);
	if (m->flying == 0)
		pthread_cond_broadcast(&m->idle);
	bool stop = m->fatal.code != 0;
	pthread_mutex_unlock(&m->lock);
	if (stop)
		m->def->stop(m->self);
}

/* ---------------------------------------------------------- the steps' side */

/* Number of earlier equal bodies of this handle and round. */
static uint32_t sample_index(struct handle *h, struct oc_hash128 body)
{
	if (h->sample_n * 2 >= h->sample_cap) {
		struct sample *old = h->samples;
		size_t n = h->sample_cap;
		h->sample_cap = n ? n * 2 : 1024;
		h->samples = oc_zalloc(h->sample_cap, sizeof *h->samples);
		for (size_t i = 0; i < n; i++) {
			if (!old[i].count)
				continue;
			size_t at = old[i].body.lo & (h->sample_cap - 1);
			while (h->samples[at].count)
				at = (at + 1) & (h->sample_cap - 1);
			h->samples[at] = old[i];
		}
		free(old);
	}
	size_t at = body.lo & (h->sample_cap - 1);
	while (h->samples[at].count &&
	       (h->samples[at].body.lo != body.lo || h->samples[at].body.hi != body.hi))
		at = (at + 1) & (h->sample_cap - 1);
	if (!h->samples[at].count)
		h->sample_n++;
	h->samples[at].body = body;
	return h->samples[at].count++;
}

static void finish(struct oc_llm_model *m, struct call *c, enum oc_reply_state state,
                   const char *why)
{
	pthread_mutex_lock(&m->lock);
	c->state = state;
	snprintf(c->error, sizeof c->error, "%s", why);
	deliver(c);
	pthread_mutex_unlock(&m->lock);
}

static int send_call(struct oc_llm_model *m, struct call *c, struct oc_err *err)
{
	pthread_mutex_lock(&m->lock);
	struct call **link = flight_of(m, c->key);
	if (*link) { /* another step waits for the very same answer: it is paid once */
		c->twin = (*link)->twin;
		(*link)->twin = c;
		pthread_mutex_unlock(&m->lock);
		if (c->reserved && m->budget)
			oc_budget_release(m->budget, c->upper_money, c->upper_tokens);
		c->reserved = false;
		return 0;
	}
	*link = c;
	c->chain = NULL;
	m->flying++;
	m->stats.sent++;
	pthread_mutex_unlock(&m->lock);
	if (m->def->submit(m->self, &c->x, err) == 0)
		return 0;
	pthread_mutex_lock(&m->lock);
	link = flight_of(m, c->key);
	if (*link == c)
		*link = c->chain;
	m->flying--;
	m->stats.sent--;
	pthread_mutex_unlock(&m->lock);
	if (c->reserved && m->budget)
		oc_budget_release(m->budget, c->upper_money, c->upper_tokens);
	return -1;
}

/* Sends what the budget lets through, in order. */
static int pump(struct handle *h, struct oc_err *err)
{
	struct oc_llm_model *m = h->m;

	while (h->waiting.first) {
		struct call *c = h->waiting.first;
		char why[96];
		switch (oc_budget_reserve(m->budget, c->upper_money, c->upper_tokens)) {
		case OC_BUDGET_WAIT: return 0;
		case OC_BUDGET_REFUSED:
			list_take(&h->waiting);
			finish(m, c, OC_REPLY_BUDGET, oc_budget_full(m->budget, why));
			break;
		case OC_BUDGET_OK:
			list_take(&h->waiting);
			c->reserved = true;
			if (send_call(m, c, err) < 0) {
				c->state = OC_REPLY_STOPPED;
				finish(m, c, OC_REPLY_STOPPED, err->msg);
				return -1;
			}
			break;
		}
	}
	return 0;
}

/* 1: the reply is here already. */
static int look_up(struct oc_llm_model *m, struct call *c, struct oc_err *err)
{
	int found = m->store ? oc_store_get(m->store, c->key, &c->found, err) : 0;

	if (found < 0)
		return -1;
	if (found == 1 || (found == 2 && m->offline)) {
		c->usage = c->found.usage;
		c->x.status = c->found.status;
		c->x.attempts = c->found.attempts;
		c->x.seconds = c->found.seconds;
		c->cached = true;
		char why[256];
		snprintf(why, sizeof why, "%.*s", OC_ARG(c->found.error));
		pthread_mutex_lock(&m->lock);
		m->stats.cached += found == 1;
		if (found == 2)
			failed(m, why);
		pthread_mutex_unlock(&m->lock);
		finish(m, c, found == 1 ? OC_REPLY_OK : OC_REPLY_FAILED, why);
		return 1;
	}
	if (found)
		oc_record_fini(&c->found);
	if (m->offline) {
		finish(m, c, OC_REPLY_OFFLINE,
		       "this request was never answered and --offline forbids to send it");
		return 1;
	}
	return 0;
}

static int llm_submit(struct oc_llm *llm, const struct oc_request *req, struct oc_err *err)
{
	struct handle *h = (struct handle *)llm;
	struct oc_llm_model *m = h->m;
	struct oc_body body;
	struct call *c;

	oc_arena_reset(h->arena);
	if (oc_body_make(h->arena, req->body, m->api_model, m->extra, &body, err) < 0)
		return -1;
	uint64_t round = (uint64_t)req->round << 32;
	uint32_t index = sample_index(
		h, oc_reply_key(req->kind, body.canonical, m->identity, round | UINT32_MAX));
	c = oc_zalloc(1, sizeof *c);
	c->handle = h;
	c->tag = req->tag;
	c->key = oc_reply_key(req->kind, body.canonical, m->identity, round | index);
	c->x.id = req->tag;
	c->x.user = c;
	c->x.kind = req->kind;
	c->x.max_tokens = req->max_tokens;
	c->x.retry_after = -1;
	/* 31 bits: some servers take a signed, some an unsigned 32-bit number. */
	c->x.seed = c->key.lo & 0x7fffffff;
	pthread_mutex_lock(&m->lock);
	h->pending++;
	bool fatal = m->fatal.code != 0;
	pthread_mutex_unlock(&m->lock);

	int rc = look_up(m, c, err);
	if (rc)
		goto out;
	if (fatal || oc_cancelled(m->ctx)) {
		finish(m, c, OC_REPLY_STOPPED, "the run is ending");
		goto out;
	}
	h->text.len = 0;
	oc_body_write(&h->text, &body,
	              m->send_seed && req->kind != OC_CALL_EMBED ? (int64_t)c->x.seed : -1);
	char *copy = oc_alloc(h->text.len + 1);
	memcpy(copy, h->text.p, h->text.len);
	copy[h->text.len] = 0;
	c->body = c->x.body = (struct oc_str){copy, h->text.len};
	/* Some servers count the end mark on top of max_tokens. */
	uint64_t prompt = oc_body_tokens_max(c->body),
		 completion = req->kind == OC_CALL_EMBED ? 0 : (uint64_t)req->max_tokens + 16;
	c->upper_tokens = prompt + completion;
	c->upper_money =
		((double)prompt * m->price.prompt + (double)completion * m->price.completion) / 1e6;
	if (m->budget) {
		list_add(&h->waiting, c);
		return pump(h, err);
	}
	rc = send_call(m, c, err);
out:
	if (rc < 0) {
		pthread_mutex_lock(&m->lock);
		h->pending--;
		pthread_mutex_unlock(&m->lock);
		call_free(c);
	}
	return rc < 0 ? -1 : 0;
}

struct owner {
	struct call *call;
	struct oc_answer answer;
};

static void fill(struct oc_llm_model *m, struct call *c, struct oc_reply *r)
{
	struct owner *o = oc_zalloc(1, sizeof *o);

	*r = (struct oc_reply){.tag = c->tag,
	                       .state = c->state,
	                       .model = oc_str(m->identity),
	                       .error = oc_str(c->error),
	                       .usage = c->usage,
	                       .cost = c->cached ? 0 : c->cost,
	                       .seconds = c->x.seconds,
	                       .attempts = c->x.attempts,
	                       .cached = c->cached,
	                       .owner = o};
	o->call = c;
	oc_hash128_hex(c->key, r->key);
	r->raw = c->found.owner ? c->found.reply : c->x.reply;
	if (c->state != OC_REPLY_OK)
		return;
	/* Read from the stored bytes, so that a replay equals the live run. */
	oc_answer_read(c->x.kind, c->found.owner ? c->found.request : c->body, r->raw, &o->answer);
	r->text = o->answer.text;
	r->reasoning = o->answer.reasoning;
	r->finish = o->answer.finish;
	r->embedding = o->answer.embedding;
	r->embedding_dim = o->answer.dim;
}

static int llm_next(struct oc_llm *llm, struct oc_reply *reply, int timeout_ms, struct oc_err *err)
{
	struct handle *h = (struct handle *)llm;
	struct oc_llm_model *m = h->m;
	double end = timeout_ms < 0 ? 0 : oc_now() + timeout_ms / 1000.0;
	struct call *c;

	for (;;) {
		if (h->waiting.first && pump(h, err) < 0)
			return -1;
		pthread_mutex_lock(&m->lock);
		c = list_take(&h->ready);
		if (c && c->state == OC_REPLY_STOPPED && m->fatal.code) {
			/* It ends in the error below: no row is rejected for it. */
			h->pending--;
			pthread_mutex_unlock(&m->lock);
			call_free(c);
			continue;
		}
		if (c || h->pending == 0)
			break;
		if (h->waiting.first && (m->fatal.code || oc_cancelled(m->ctx))) {
			pthread_mutex_unlock(&m->lock);
			while ((c = list_take(&h->waiting)))
				finish(m, c, OC_REPLY_STOPPED, "the run is ending");
			continue;
		}
		double now = oc_now(), wait = h->waiting.first ? WAIT_STEP_MS / 1000.0 : 3600;
		if (timeout_ms >= 0 && end - now < wait)
			wait = end - now;
		if (wait <= 0) {
			pthread_mutex_unlock(&m->lock);
			return 0;
		}
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		double at = (double)until.tv_sec + (double)until.tv_nsec * 1e-9 + wait;
		until.tv_sec = (time_t)at;
		until.tv_nsec = (long)((at - (double)until.tv_sec) * 1e9);
		pthread_cond_timedwait(&h->wake, &m->lock, &until);
		pthread_mutex_unlock(&m->lock);
	}
	if (!c) {
		bool fatal = m->fatal.code != 0;
		if (fatal)
			*err = m->fatal;
		pthread_mutex_unlock(&m->lock);
		return fatal ? -1 : 0;
	}
	h->pending--;
	pthread_mutex_unlock(&m->lock);
	fill(m, c, reply);
	return 1;
}

static void llm_reply_free(struct oc_llm *llm, struct oc_reply *reply)
{
	struct owner *o = reply->owner;

	(void)llm;
	if (!o)
		return;
	oc_answer_fini(&o->answer);
	call_free(o->call);
	free(o);
	*reply = (struct oc_reply){0};
}

static uint32_t llm_pending(struct oc_llm *llm)
{
	struct handle *h = (struct handle *)llm;

	pthread_mutex_lock(&h->m->lock);
	uint32_t n = h->pending;
	pthread_mutex_unlock(&h->m->lock);
	return n;
}

static uint32_t llm_window(struct oc_llm *llm)
{
	struct oc_llm_model *m = ((struct handle *)llm)->m;
	uint32_t w = m->def->window(m->self);

	/* A quarter more waits in the queue, so that a freed place is taken at once. */
	return w + w / 4 + 4;
}

static const char *llm_identity(struct oc_llm *llm)
{
	return ((struct handle *)llm)->m->identity;
}

static uint32_t llm_depth(struct oc_llm *llm, bool *at_least)
{
	struct oc_llm_model *m = ((struct handle *)llm)->m;

	*at_least = m->depth_at_least;
	return m->depth;
}

static void llm_close(struct oc_llm *llm)
{
	struct handle *h = (struct handle *)llm;
	struct oc_llm_model *m = h->m;
	struct call *c;

	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < FLIGHT_HEADS; i++)
		for (c = m->flight[i]; c; c = c->chain)
			for (struct call *t = c; t; t = t->twin)
				if (t->handle == h)
					t->handle = NULL;
	pthread_mutex_unlock(&m->lock);
	while ((c = list_take(&h->ready)) || (c = list_take(&h->waiting)))
		call_free(c);
	pthread_cond_destroy(&h->wake);
	oc_arena_free(h->arena);
	oc_buf_fini(&h->text);
	free(h->samples);
	free(h->step);
	free(h);
}

static const struct oc_llm_ops ops = {
	.submit = llm_submit,
	.next = llm_next,
	.reply_free = llm_reply_free,
	.pending = llm_pending,
	.window = llm_window,
	.identity = llm_identity,
	.depth = llm_depth,
	.close = llm_close,
};

struct oc_llm *oc_llm_open(struct oc_llm_model *m, const char *step)
{
	struct handle *h = oc_zalloc(1, sizeof *h);
	pthread_condattr_t attr;

	h->base.ops = &ops;
	h->m = m;
	h->step = oc_strdup(step);
	h->arena = oc_arena_new();
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->wake, &attr);
	pthread_condattr_destroy(&attr);
	return &h->base;
}

/* ------------------------------------------------------------------- models */

int oc_llm_model_open(struct oc_llm_model **out, const struct oc_env *env,
                      const struct oc_llm_model_opts *opts, struct oc_store *store,
                      struct oc_budget *budget, struct oc_err *err)
{
	struct oc_llm_model *m = oc_zalloc(1, sizeof *m);
	struct oc_llm_host host = {.user = m, .sent = on_sent, .done = on_done};
	struct oc_env own = *env;
	struct oc_str api = oc_json_get_str(opts->opts, "model");
	pthread_condattr_t attr;

	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->idle, &attr);
	pthread_condattr_destroy(&attr);
	m->ctx = env->ctx;
	m->def = opts->def;
	m->name = oc_strdup(opts->name);
	if (api.len) {
		m->api_model = oc_alloc(api.len + 1);
		memcpy(m->api_model, api.p, api.len);
		m->api_model[api.len] = 0;
	}
	m->extra = oc_json_get(opts->opts, "extra");
	m->send_seed = oc_json_get_bool(opts->opts, "send_seed", true);
	m->price = opts->price;
	m->depth = opts->depth;
	m->depth_at_least = opts->depth_at_least;
	m->offline = opts->offline;
	m->store = store;
	m->budget = budget;
	own.name = m->name;
	if (m->def->open(&m->self, &own, opts->opts, &host, err) < 0) {
		oc_fail_in(err, m->name);
		m->self = NULL;
		oc_llm_model_close(m);
		return -1;
	}
	m->identity = oc_strdup(m->def->identity(m->self));
	*out = m;
	return 0;
}

void oc_llm_model_drain(struct oc_llm_model *m)
{
	m->def->stop(m->self);
	pthread_mutex_lock(&m->lock);
	while (m->flying && atomic_load(&m->ctx->cancel) < 2) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += WAIT_STEP_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&m->idle, &m->lock, &until);
	}
	pthread_mutex_unlock(&m->lock);
}

void oc_llm_model_close(struct oc_llm_model *m)
{
	if (!m)
		return;
	if (m->self) {
		oc_llm_model_drain(m);
		m->def->close(m->self);
	}
	pthread_cond_destroy(&m->idle);
	pthread_mutex_destroy(&m->lock);
	free(m->identity);
	free(m->api_model);
	free(m->name);
	free(m);
}

void oc_llm_model_stats(struct oc_llm_model *m, struct oc_llm_stats *out)
{
	pthread_mutex_lock(&m->lock);
	*out = m->stats;
	bool flying = m->flying; /* if not, the backend may yet be putting its lists in order */
	pthread_mutex_unlock(&m->lock);
	out->window = m->def->window(m->self);
	if (flying && m->def->status)
		m->def->status(m->self, out->state, &out->in_flight, &out->waiting);
}
