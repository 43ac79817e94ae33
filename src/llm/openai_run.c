/*
 * The thread of an endpoint: takes exchanges from a queue, sends what the schedule lets through,
 * sorts replies by status and code, and sends again what may succeed. First attempts and retries
 * share one window.
 */
#include "llm/openai_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "data/json.h"
#include "llm/body.h"
#include "text/utf8.h"

#define TURN_MS 100 /* the longest time between two looks at the cancel flag */
/* What a reply may be long: many in flight must fit into memory, whatever a server pours out. */
#define REPLY_BYTES (8u << 20)
#define TOKEN_BYTES 4096 /* with its log-probability and those of twenty others */
#define SEND_STEP   64   /* requests started before replies are looked at again */

/* ------------------------------------------------------------------- queues */

void openai_queue_add(struct queue *q, struct task *t)
{
	t->next = NULL;
	if (!q->first)
		q->last = &q->first;
	*q->last = t;
	q->last = &t->next;
	q->n++;
}

static struct task *queue_take(struct queue *q)
{
	struct task *t = q->first;

	if (t) {
		q->first = t->next;
		q->n--;
	}
	return t;
}

static void heap_add(struct openai *o, struct task *t)
{
	size_t i = o->heap_n++;

	if (o->heap_n > o->heap_cap) {
		o->heap_cap = o->heap_cap ? o->heap_cap * 2 : 64;
		o->heap = oc_realloc(o->heap, o->heap_cap * sizeof(struct task *));
	}
	for (; i && o->heap[(i - 1) / 2]->due > t->due; i = (i - 1) / 2)
		o->heap[i] = o->heap[(i - 1) / 2];
	o->heap[i] = t;
}

static struct task *heap_take(struct openai *o)
{
	struct task *first = o->heap[0], *last = o->heap[--o->heap_n];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < o->heap_n) {
		if (child + 1 < o->heap_n && o->heap[child + 1]->due < o->heap[child]->due)
			child++;
		if (o->heap[child]->due >= last->due)
			break;
		o->heap[i] = o->heap[child];
		i = child;
	}
	if (o->heap_n)
		o->heap[i] = last;
	return first;
}

static void put_up(struct openai *o, struct task *t)
{
	t->older = o->flying;
	t->to_this = &o->flying;
	if (t->older)
		t->older->to_this = &t->older;
	o->flying = t;
}

static void take_down(struct task *t)
{
	*t->to_this = t->older;
	if (t->older)
		t->older->to_this = t->to_this;
}

/* ------------------------------------------------------------------ replies */

/* A server may echo the key it refuses: it must not reach a log, a row or the store. */
static void redact(const struct openai *o, char *p, size_t len)
{
	size_t n = o->key ? strlen(o->key) : 0;
	char *hit;

	if (n < 4)
		return;
	while (len >= n && (hit = memmem(p, len, o->key, n))) {
		memset(hit, '*', n);
		len -= (size_t)(hit + n - p);
		p = hit + n;
	}
}

/*
 * What a server says ends in logs, terminals and JSON: nothing that steers a terminal, one line,
 * and UTF-8 although it was cut anywhere.
 */
static void make_plain(char *text)
{
	const char *p = text, *end = text + strlen(text);
	char *out = text;

	while (p < end) {
		const char *from = p;
		uint32_t c = oc_utf8_next(&p, end);
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			*out++ = ' ';
		else if (c == 0xfffd && p - from < 3)
			*out++ = '?'; /* bytes that are no UTF-8 */
		else
			while (from < p)
				*out++ = *from++;
	}
	*out = 0;
}

static void give_back(struct openai *o, struct task *t)
{
	struct oc_exchange *x = t->x;

	make_plain(x->error);
	free(t->renamed);
	free(t);
	o->host.done(o->host.user, x);
}

static void give_up(struct openai *o, struct task *t, const char *why)
{
	snprintf(t->x->error, sizeof t->x->error, "%.255s", why);
	give_back(o, t);
}

static void die(struct openai *o, const char *why)
{
	if (o->dead)
		return;
	o->dead = true;
	snprintf(o->why_dead, sizeof o->why_dead, "%s", why);
	make_plain(o->why_dead);
	oc_log(o->ctx, OC_LOG_DEBUG, "%s: %s", o->name, o->why_dead); /* it ends in an error */
}

static void try_later(struct openai *o, struct task *t, double now, enum oc_outcome outcome,
                      double retry_after)
{
	uint32_t n = outcome == OC_OUTCOME_LIMITED ? ++t->limited : t->tries;

	t->due = now + oc_sched_delay(&o->sched, n ? n : 1, outcome, retry_after);
	heap_add(o, t);
}

/* What happened, in a sentence: "500 from http://...: message". */
static void describe(const struct openai *o, const struct oc_http_reply *r,
                     const struct oc_answer *a, char out[256])
{
	const char *said = a->error.message[0] ? a->error.message
	                   : a->error.code[0]  ? a->error.code
	                                       : a->error.type;

	if (r->fault != OC_HTTP_OK)
		snprintf(out, 256, "%s: %.150s", o->shown, r->why);
	else if (r->status >= 300 && r->status < 400)
		snprintf(out, 256,
		         "%d from %s, which redirects to %.*s: redirects are not followed, set "
		         "`base` "
		         "to the right address",
		         r->status, o->shown,
		         (int)(oc_http_header(r->headers, "location").len < 100
		                       ? oc_http_header(r->headers, "location").len
		                       : 100),
		         oc_http_header(r->headers, "location").p);
	else if (r->status == 200 && a->state == OC_ANSWER_BROKEN)
		snprintf(out, 256, "the reply of %s cannot be used: %s", o->shown, a->why);
	else
		snprintf(out, 256, "%d from %s%s%.120s", r->status, o->shown, *said ? ": " : "",
		         said);
}

/* A 400 that says which name of the limit it wants. */
static bool wants_other_name(const struct openai *o, const struct task *t, int status,
                             const struct oc_answer *a)
{
	return o->learn_name && !t->limit_named && (status == 400 || status == 422) &&
	       (strcmp(a->error.param, "max_tokens") == 0 ||
	        strstr(a->error.message, "max_completion_tokens"));
}

/* Before anything ever worked: the address or the model's name is wrong, not this request. */
static bool wrong_place(const struct oc_http_reply *r)
{
	return r->fault == OC_HTTP_BAD || r->status == 404 || r->status == 405 ||
	       (r->status >= 300 && r->status < 400);
}

static enum oc_outcome outcome_of(enum oc_class class, const struct oc_http_reply *r)
{
	switch (class) {
	case OC_CLASS_FINE: return OC_OUTCOME_OK;
	case OC_CLASS_LIMITED: return OC_OUTCOME_LIMITED;
	case OC_CLASS_AGAIN:
		return r->fault == OC_HTTP_TIMEOUT || r->status == 503 || r->status == 529
		               ? OC_OUTCOME_OVERLOAD
		               : OC_OUTCOME_FAILED;
	case OC_CLASS_REFUSED:
	case OC_CLASS_DEAD:
	case OC_CLASS_BROKEN: return OC_OUTCOME_REFUSED;
	}
	return OC_OUTCOME_FAILED;
}

static void retry_or_fail(struct openai *o, struct task *t, double now, enum oc_outcome outcome,
                          double retry_after)
{
	struct oc_exchange *x = t->x;
	char why[256];

	/* While the breaker is open its trials are about the endpoint, not about this request. */
	if (!t->ticket.trial)
		t->tries++;
	if (!o->sched.alive && (t->tries >= o->tries || o->sched.open_n >= o->tries)) {
		snprintf(
			why, sizeof why,
			"no reply after %u tries (is the server running, is `base` right?): %.170s",
			o->tries, x->error);
		die(o, why);
	} else if (o->sched.alive && o->sched.open_n && now - o->sched.alive_at > o->patience) {
		snprintf(why, sizeof why, "no reply for %.0f s: %.180s", now - o->sched.alive_at,
		         x->error);
		die(o, why);
	}
	if (o->dead) {
		x->stopped = true;
		x->dead = true;
		give_up(o, t, o->why_dead);
	} else if (t->tries >= o->tries) {
		snprintf(why, sizeof why, "gave up after %u tries: %.200s", t->tries, x->error);
		give_up(o, t, why);
	} else {
		try_later(o, t, now, outcome, retry_after);
	}
}

static void on_reply(void *user, struct oc_http_reply *r)
{
	struct task *t = user;
	struct openai *o = t->o;
	struct oc_exchange *x = t->x;
	struct oc_answer a = {0};
	double now = oc_now(), retry_after = -1, reset;
	char should_retry[8] = "", said[256];
	enum oc_class class = OC_CLASS_AGAIN;

	take_down(t);
	free((char *)(uintptr_t)x->reply.p);
	x->reply = (struct oc_str){0};
	x->status = r->fault == OC_HTTP_OK ? r->status : 0;
	x->seconds = r->seconds;
	/* Before anything is quoted: a quotation may be cut in the middle of the key. */
	redact(o, r->body->p, r->body->len);
	redact(o, (char *)(uintptr_t)r->headers.p, r->headers.len);
	if (r->fault == OC_HTTP_OK) {
		struct timespec wall;
		clock_gettime(CLOCK_REALTIME, &wall);
		oc_answer_read(x->kind, x->body, oc_buf_view(r->body), &a);
		struct oc_str hint = oc_http_header(r->headers, "x-should-retry");
		snprintf(should_retry, sizeof should_retry, "%.*s",
		         hint.len < 8 ? (int)hint.len : 0, hint.p);
		class = oc_classify(r->status, should_retry, &a);
		retry_after = oc_http_retry_after(r->headers, (double)wall.tv_sec);
		reset = oc_http_rate_reset(r->headers);
		if (class == OC_CLASS_FINE && reset > 0)
			oc_sched_pause(&o->sched, now, reset);
		if (class == OC_CLASS_LIMITED && retry_after < 0)
			retry_after = reset;
		x->reply = (struct oc_str){r->body->p, r->body->len};
		*r->body = (struct oc_buf){0};
	} else if (r->fault == OC_HTTP_BAD || r->fault == OC_HTTP_TOO_BIG) {
		class = OC_CLASS_REFUSED;
	}
	x->retry_after = retry_after;
	x->sent |= r->fault != OC_HTTP_CONNECT && r->fault != OC_HTTP_BAD;
	if (r->fault == OC_HTTP_LOST || r->fault == OC_HTTP_TIMEOUT ||
	    r->fault == OC_HTTP_TOO_BIG || class == OC_CLASS_BROKEN)
		x->unknown++;
	enum oc_outcome outcome = outcome_of(class, r);
	oc_sched_done(&o->sched, now, &t->ticket, outcome, retry_after);
	x->error[0] = 0;
	if (class != OC_CLASS_FINE) {
		describe(o, r, &a, said);
		make_plain(said);
		memcpy(x->error, said, sizeof said);
	}
	if (class == OC_CLASS_LIMITED)
		snprintf(o->last_refusal, sizeof o->last_refusal, "%d from %.60s", r->status,
		         o->shown);
	else if (class == OC_CLASS_AGAIN)
		snprintf(o->last_refusal, sizeof o->last_refusal, "%.80s", said);

	switch (class) {
	case OC_CLASS_FINE:
		o->fine = true;
		give_back(o, t);
		break;
	case OC_CLASS_LIMITED:
		if (o->dead || o->halting) {
			x->stopped = true;
			give_back(o, t);
		} else {
			try_later(o, t, now, outcome, retry_after);
		}
		break;
	case OC_CLASS_AGAIN: retry_or_fail(o, t, now, outcome, retry_after); break;
	case OC_CLASS_BROKEN:
		if (t->broken++ == 0 && !o->halting) {
			try_later(o, t, now, outcome, retry_after);
		} else {
			x->stopped = t->broken == 1; /* the second try is the next run's */
			give_back(o, t);
		}
		break;
	case OC_CLASS_REFUSED:
		if (wants_other_name(o, t, r->status, &a)) {
			o->long_name = true;
			t->due = now;
			heap_add(o, t);
			break;
		}
		if (!o->fine && wrong_place(r)) {
			die(o, said);
			x->dead = x->stopped = true;
		}
		give_back(o, t);
		break;
	case OC_CLASS_DEAD:
		die(o, said);
		x->dead = x->stopped = true;
		give_back(o, t);
		break;
	}
	if (a.doc)
		oc_answer_fini(&a);
}

/* ------------------------------------------------------------------ sending */

/* The body under the name of the limit that this endpoint knows. */
static struct oc_str named_body(struct openai *o, struct task *t)
{
	static const char other[] = "\"max_completion_tokens\":";
	struct oc_str b = t->x->body, v;

	if (!o->long_name || !oc_json_member(b, OC_LIT("max_tokens"), &v))
		return b;
	t->limit_named = true;
	if (!t->renamed) {
		/* The client writes bodies without white space: the key ends at the value. */
		size_t head = (size_t)(v.p - b.p) - (sizeof "\"max_tokens\":" - 1);
		struct oc_buf out = {0};
		oc_buf_add(&out, b.p, head);
		oc_buf_puts(&out, other);
		oc_buf_add(&out, v.p, b.len - (size_t)(v.p - b.p));
		t->renamed = oc_strdup(oc_buf_cstr(&out));
		oc_buf_fini(&out);
	}
	return oc_str(t->renamed);
}

/* False: the budget wants to be asked again later. */
static bool send_task(struct openai *o, struct task *t, double now)
{
	struct oc_exchange *x = t->x;
	struct oc_err err = {0};

	x->attempts++;
	int go = o->host.sent(o->host.user, x);
	if (go) {
		x->attempts--;
		if (go > 0) {
			t->due = now + TURN_MS / 1000.0;
			heap_add(o, t);
			return false;
		}
		x->stopped = true;
		give_up(o, t, x->error[0] ? x->error : "not sent");
		return true;
	}
	struct oc_http_request req = {
		.url = o->urls[x->kind],
		.body = named_body(o, t),
		.headers = o->headers,
		.timeout = o->timeout > 0 ? o->timeout : 120 + 0.25 * x->max_tokens,
		.body_cap = REPLY_BYTES + (size_t)x->max_tokens * TOKEN_BYTES,
		.done = on_reply,
		.user = t,
	};
	oc_sched_sent(&o->sched, now, oc_body_tokens_max(x->body) + x->max_tokens, &t->ticket);
	if (oc_http_post(o->http, &req, &err) < 0) {
		oc_sched_done(&o->sched, now, &t->ticket, OC_OUTCOME_FAILED, -1);
		give_up(o, t, err.msg);
		return true;
	}
	put_up(o, t);
	return true;
}

static void flush_stopped(struct openai *o, const char *why)
{
	struct task *t;

	while ((t = queue_take(&o->again)) || (t = queue_take(&o->ready)) ||
	       (o->heap_n && (t = heap_take(o)))) {
		t->x->stopped = true;
		t->x->dead = o->dead;
		give_up(o, t, why);
	}
}

/* Sends what may go; returns how long nothing else can (seconds). */
static double send_ready(struct openai *o)
{
	double now = oc_now(), wait = TURN_MS / 1000.0;
	unsigned sent = 0;

	while (o->heap_n && o->heap[0]->due <= now)
		openai_queue_add(&o->again, heap_take(o));
	while (o->again.first || o->ready.first) {
		double ask = oc_sched_ask(&o->sched, now);
		if (ask > 0)
			return ask < wait ? ask : wait;
		if (sent++ == SEND_STEP)
			return 0;
		struct task *t = queue_take(o->again.first ? &o->again : &o->ready);
		send_task(o, t, now);
	}
	if (o->heap_n && o->heap[0]->due - now < wait)
		wait = o->heap[0]->due - now;
	return wait > 0 ? wait : 0;
}

static void publish(struct openai *o)
{
	const char *kind;
	double now = oc_now(), wait = oc_sched_waiting(&o->sched, now, &kind);

	o->window = o->sched.window;
	o->in_flight = o->sched.in_flight;
	o->waiting = o->ready.n + o->again.n + (uint32_t)o->heap_n;
	o->wait_until = wait > 0.5 ? now + wait : 0;
	if (wait > 0.5)
		memcpy(o->state, o->last_refusal, sizeof o->state);
}

void *openai_run(void *user)
{
	struct openai *o = user;
	struct oc_err err = {0};
	bool quit = false;

	while (!quit) {
		struct task *t;
		pthread_mutex_lock(&o->lock);
		o->asleep = false;
		while ((t = queue_take(&o->given)))
			openai_queue_add(&o->ready, t);
		publish(o);
		o->halting = o->stop || oc_cancelled(o->ctx);
		quit = o->quit;
		pthread_mutex_unlock(&o->lock);
		if (o->dead)
			flush_stopped(o, o->why_dead);
		else if (o->halting)
			flush_stopped(o, "the run is ending");
		double wait = quit ? 0 : send_ready(o);
		pthread_mutex_lock(&o->lock);
		if (o->given.first)
			wait = 0;
		else
			o->asleep = wait > 0;
		pthread_mutex_unlock(&o->lock);
		if (!quit && oc_http_run(o->http, (int)ceil(wait * 1000), &err) < 0) {
			die(o, err.msg);
			flush_stopped(o, o->why_dead);
			break;
		}
	}
	/* What is abandoned in flight may have been paid for. */
	while (o->flying) {
		struct task *t = o->flying;
		take_down(t);
		t->x->stopped = true;
		t->x->unknown++;
		give_up(o, t, "abandoned");
	}
	return NULL;
}
