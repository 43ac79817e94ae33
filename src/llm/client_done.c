/* client_done.c: the way back of a request: what was spent, the store, whoever waits for it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "llm/body.h"
#include "llm/client_parts.h"

void oc_calls_put(struct call_list *l, struct call *c)
{
	c->next = NULL;
	if (!l->first)
		l->last = &l->first;
	*l->last = c;
	l->last = &c->next;
}

struct call *oc_calls_take(struct call_list *l)
{
	struct call *c = l->first;

	if (c)
		l->first = c->next;
	return c;
}

void oc_call_free(struct call *c)
{
	free((char *)(uintptr_t)c->x.reply.p);
	free((char *)(uintptr_t)c->body.p);
	oc_record_fini(&c->found);
	free(c);
}

/* Called with the lock held. */
void oc_call_deliver(struct call *c)
{
	struct handle *h = c->handle;

	if (!h) {
		oc_call_free(c);
		return;
	}
	oc_calls_put(&h->ready, c);
	pthread_cond_signal(&h->wake);
}

struct call **oc_flight_of(struct oc_llm_model *m, struct oc_hash128 key)
{
	struct call **link = &m->flight[key.lo % FLIGHT_HEADS];

	while (*link && ((*link)->key.lo != key.lo || (*link)->key.hi != key.hi))
		link = &(*link)->chain;
	return link;
}

/* The first fatal error wins; all handles are told. Called with the lock held. */
void oc_client_fatal(struct oc_llm_model *m, const struct oc_err *err)
{
	if (!m->fatal.code)
		m->fatal = *err;
}

/* -------------------------------------------------------- the backend's side */

/* Before an attempt leaves: 0 send, 1 ask again soon (the budget waits for others), -1 never. */
int oc_client_sent(void *user, struct oc_exchange *x)
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
		oc_client_fatal(m, &err);
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
void oc_client_failed(struct oc_llm_model *m, const char *why)
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
		m->stats.again += t->cached;
		oc_call_deliver(t);
	}
	c->twin = NULL;
}

void oc_client_done(void *user, struct oc_exchange *x)
{
	struct oc_llm_model *m = user;
	struct call *c = x->user;
	struct oc_err err = {0};
	struct oc_answer a;
	bool honest;

	memcpy(c->error, x->error, sizeof c->error);
	if (c->refused ||
	    (x->stopped && !x->dead && m->budget && oc_budget_seconds_left(m->budget) <= 0)) {
		char why[OC_BUDGET_WHY];
		c->state = OC_REPLY_BUDGET;
		if (oc_budget_full(m->budget, why))
			snprintf(c->error, sizeof c->error, "%s", why);
	} else if (x->stopped) {
		c->state = OC_REPLY_STOPPED;
	} else if (x->error[0]) {
		c->state = OC_REPLY_FAILED;
	} else {
		oc_answer_read(x->kind, c->body, x->reply, &a);
		c->state = a.state == OC_ANSWER_OK && x->status / 100 == 2 ? OC_REPLY_OK
		                                                           : OC_REPLY_FAILED;
		if (c->state == OC_REPLY_OK)
			c->usage = a.usage;
		else if (x->status / 100 != 2)
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
		oc_client_fatal(m, &err);
	if (x->dead) {
		struct oc_err e = {0};
		oc_fail(&e, x->code ? x->code : OC_NET, m->name, "%s", x->error);
		oc_client_fatal(m, &e);
	}
	if (!honest) {
		struct oc_err e = {0};
		oc_fail(&e, OC_BUDGET, m->name,
		        "the server says it used %u + %u tokens for a request that could use at "
		        "most %llu: no cap can hold against that, so nothing more is sent to it",
		        c->usage.prompt_tokens, c->usage.completion_tokens,
		        (unsigned long long)c->upper_tokens);
		oc_client_fatal(m, &e);
	}
	struct call **link = oc_flight_of(m, c->key);
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
	case OC_REPLY_FAILED: oc_client_failed(m, c->error); break;
	default: m->stats.lost += x->attempts > 0; break;
	}
	deliver_twins(m, c);
	oc_call_deliver(c);
	if (m->flying == 0)
		pthread_cond_broadcast(&m->idle);
	bool stop = m->fatal.code != 0;
	pthread_mutex_unlock(&m->lock);
	if (stop)
		m->def->stop(m->self);
}
