/*
 * The path of a request: key and sample index, the store, the reservation, the backend; and back.
 *
 * One lock guards a model and all its handles. It is never held while a backend or the store is
 * called, so a backend may call `done` from within `submit`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "llm/body.h"
#include "llm/client_parts.h"

#define WAIT_STEP_MS 100 /* how often waiting requests look at the budget and the cancel flag */

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
	snprintf(c->error, sizeof c->error, "%.255s", why);
	oc_call_deliver(c);
	pthread_mutex_unlock(&m->lock);
}

static int send_call(struct oc_llm_model *m, struct call *c, struct oc_err *err)
{
	pthread_mutex_lock(&m->lock);
	struct call **link = oc_flight_of(m, c->key);
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
	link = oc_flight_of(m, c->key);
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
		char why[OC_BUDGET_WHY];
		switch (oc_budget_reserve(m->budget, c->upper_money, c->upper_tokens)) {
		case OC_BUDGET_WAIT: return 0;
		case OC_BUDGET_REFUSED:
			oc_calls_take(&h->waiting);
			finish(m, c, OC_REPLY_BUDGET, oc_budget_full(m->budget, why));
			break;
		case OC_BUDGET_OK:
			oc_calls_take(&h->waiting);
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
		m->stats.cached += found == 1 && !c->found.own;
		m->stats.again += found == 1 && c->found.own;
		if (found == 2)
			oc_client_failed(m, why);
		pthread_mutex_unlock(&m->lock);
		finish(m, c, found == 1 ? OC_REPLY_OK : OC_REPLY_FAILED, why);
		return 1;
	}
	if (found)
		oc_record_fini(&c->found);
	if (m->offline) {
		finish(m, c, OC_REPLY_OFFLINE,
		       "this request was never answered and --offline forbids to send it; without "
		       "--offline it is sent");
		return 1;
	}
	return 0;
}

/* Tokens that the answer may have: what `extra` says wins over the step, under either name. */
static uint32_t limit_of(const struct oc_llm_model *m, const struct oc_request *req)
{
	static const char *const names[] = {"max_tokens", "max_completion_tokens"};
	int64_t most = -1;

	for (size_t i = 0; i < 2; i++) {
		int64_t v = oc_json_get_int(m->extra, names[i], -1);
		most = v > most ? v : most;
	}
	return most < 0 || most > UINT32_MAX ? req->max_tokens : (uint32_t)most;
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
	c->x.max_tokens = limit_of(m, req);
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
		 completion = req->kind == OC_CALL_EMBED ? 0 : (uint64_t)c->x.max_tokens + 16;
	c->upper_tokens = prompt + completion;
	c->upper_money =
		((double)prompt * m->price.prompt + (double)completion * m->price.completion) / 1e6;
	if (m->budget) {
		oc_calls_put(&h->waiting, c);
		return pump(h, err);
	}
	rc = send_call(m, c, err);
out:
	if (rc < 0) {
		pthread_mutex_lock(&m->lock);
		h->pending--;
		pthread_mutex_unlock(&m->lock);
		oc_call_free(c);
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
		c = oc_calls_take(&h->ready);
		if (c && c->state == OC_REPLY_STOPPED && m->fatal.code) {
			/* It ends in the error below: no row is rejected for it. */
			h->pending--;
			pthread_mutex_unlock(&m->lock);
			oc_call_free(c);
			continue;
		}
		if (c || h->pending == 0)
			break;
		if (h->waiting.first && (m->fatal.code || oc_cancelled(m->ctx))) {
			pthread_mutex_unlock(&m->lock);
			while ((c = oc_calls_take(&h->waiting)))
				finish(m, c, OC_REPLY_STOPPED, "the run is ending");
			continue;
		}
		double left = m->budget ? oc_budget_seconds_left(m->budget) : 3600;
		if (left <= 0 && !m->late) {
			/* What waits to be tried again would wait as long as the server wants. */
			m->late = true;
			pthread_mutex_unlock(&m->lock);
			m->def->stop(m->self);
			continue;
		}
		double now = oc_now(), wait = h->waiting.first ? WAIT_STEP_MS / 1000.0 : 3600;
		if (left > 0 && left < wait)
			wait = left;
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
	oc_call_free(o->call);
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
	while ((c = oc_calls_take(&h->ready)) || (c = oc_calls_take(&h->waiting)))
		oc_call_free(c);
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
	struct oc_llm_host host = {.user = m, .sent = oc_client_sent, .done = oc_client_done};
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
	out->open = m->flying;
	bool flying = m->flying; /* if not, the backend may yet be putting its lists in order */
	pthread_mutex_unlock(&m->lock);
	out->window = m->def->window(m->self);
	if (flying && m->def->status)
		m->def->status(m->self, out->state, &out->in_flight, &out->waiting);
}
