#include "llm/gguf.h"

#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/helper.h"
#include "data/json.h"
#include "llm/gguf_file.h"
#include "llm/llama_child.h"

#define HELLO_SECONDS 10.0
#define LOAD_SECONDS  600.0 /* a large model from a slow disk */
#define COUNT_SECONDS 30.0
#define BUDGET_MS     100 /* how often a request that waits for the budget asks */
#define DEATHS_MAX    3   /* in a row without a reply between them: then it is the model's fault */
#define TRIES_MAX     2   /* of one request, when the child died under it */

/* An exchange on its way. */
struct flight {
	struct oc_exchange *x;
	double since;
	bool out; /* with the child */
	struct flight *next;
};

struct gguf {
	struct oc_ctx *ctx;
	struct oc_llm_host host; /* a copy: the caller's may be on its stack */
	struct oc_helper *child;
	char library[512], model[512], identity[80], fingerprint[160];
	uint32_t context, slots, threads;
	unsigned deaths;
	bool tested; /* a child was started before */

	pthread_t thread;
	bool started;
	int wake; /* eventfd */
	pthread_mutex_t lock;
	pthread_cond_t counted;
	/* under the lock */
	struct flight *first, **last; /* not sent yet, in order */
	struct flight *flying;        /* with the child, any order */
	uint32_t flying_n;
	bool stopped, quit;
	char broken[1056]; /* why nothing can be asked any more, or "" */
	int broken_code;   /* of it: enum oc_code */
	struct count_ask {
		struct oc_str text;
		uint64_t id;
		int64_t tokens;
		enum { COUNT_NONE, COUNT_WANTED, COUNT_ASKED, COUNT_DONE, COUNT_FAILED } state;
	} count;
};

static uint32_t in_flight_max(const struct gguf *g)
{
	return g->slots + g->slots / 2 + 1; /* a freed slot finds its next request in the child */
}

static void ring(struct gguf *g)
{
	uint64_t one = 1;
	if (write(g->wake, &one, sizeof one) < 0)
		return; /* full: it rings already */
}

/* -------------------------------------------------------------------- child */

/* Starts a child with the model loaded. `test`: with self-test and timing of threads. */
static int start_child(struct gguf *g, bool test, struct oc_err *err)
{
	struct oc_buf b = {0};
	struct oc_frame f;
	struct oc_arena *a = oc_arena_new();
	double until = oc_now() + LOAD_SECONDS;
	int status = -1, got = 0;

	if (oc_helper_spawn(&g->child, g->ctx, "llama", HELLO_SECONDS, err))
		goto out;
	oc_buf_puts(&b, "{\"library\":");
	oc_buf_json(&b, oc_str(g->library));
	oc_buf_puts(&b, ",\"model\":");
	oc_buf_json(&b, oc_str(g->model));
	oc_buf_printf(&b,
	              ",\"slots\":%u,\"context\":%u,\"threads\":%u,\"threads_max\":%u,\"test\":%s}",
	              g->slots, g->context, g->threads, g->ctx->threads, test ? "true" : "false");
	if (oc_helper_send(g->child, OC_LLAMA_OPEN, oc_buf_view(&b), (struct oc_str){0}, err))
		goto out;
	while (!got && oc_now() < until) {
		if (oc_cancelled(g->ctx)) {
			oc_fail(err, OC_CANCELLED, g->model, "interrupted while loading the model");
			goto out;
		}
		got = oc_helper_recv(g->child, &f, 200, err);
	}
	if (got < 0)
		goto out;
	if (!got) {
		oc_fail(err, OC_INTERNAL, g->model, "the model was not loaded within %.0f s",
		        LOAD_SECONDS);
		goto out;
	}
	if (f.type == OC_LLAMA_FAILED && f.data.len >= sizeof(int32_t)) {
		int32_t code;
		memcpy(&code, f.data.p, sizeof code);
		oc_fail(err, code, NULL, "%.*s", (int)(f.data.len - sizeof code),
		        f.data.p + sizeof code);
		goto out;
	}
	yyjson_val *ready = f.type == OC_LLAMA_READY ? oc_json_parse(a, f.data, err) : NULL;
	if (!ready) {
		oc_fail(err, OC_INTERNAL, g->model, "the helper process spoke out of turn");
		goto out;
	}
	if (test) {
		struct oc_str finger = oc_json_get_str(ready, "fingerprint");
		unsigned threads = (unsigned)oc_json_get_int(ready, "threads", 1);
		bool equal = oc_json_get_bool(ready, "bit_equal", false);
		double largest = oc_json_get_num(ready, "largest", 0);
		snprintf(g->fingerprint, sizeof g->fingerprint, "%.*s", OC_ARG(finger));
		oc_log(g->ctx, OC_LOG_INFO, "%s: %s; %u slots of %u tokens, %u thread%s", g->model,
		       g->fingerprint, g->slots, g->context, threads, threads == 1 ? "" : "s");
		if (!equal)
			oc_log(g->ctx, OC_LOG_WARN,
			       "%s: logits differ by up to %.2g between a request alone and in "
			       "company on this processor: texts may depend on what is asked "
			       "beside "
			       "them (slots: 1 avoids it)",
			       g->model, largest);
	}
	status = 0;
out:
	if (status) {
		oc_helper_close(g->child);
		g->child = NULL;
	}
	oc_buf_fini(&b);
	oc_arena_free(a);
	return status;
}

/* ------------------------------------------------------------------- thread */

static void finish(struct gguf *g, struct flight *fl, const char *error)
{
	if (error)
		snprintf(fl->x->error, sizeof fl->x->error, "%s", error);
	fl->x->retry_after = -1;
	pthread_mutex_unlock(&g->lock);
	g->host.done(g->host.user, fl->x);
	free(fl);
	pthread_mutex_lock(&g->lock);
}

/* What was not sent is given back: the run ends, and the next one asks it. */
static void finish_queue(struct gguf *g, const char *error)
{
	while (g->first) {
		struct flight *fl = g->first;
		fl->x->dead = g->broken_code != 0;
		fl->x->code = g->broken_code;
		fl->x->stopped = true;
		g->first = fl->next;
		if (!g->first)
			g->last = &g->first;
		finish(g, fl, error);
	}
}

static void finish_flying(struct gguf *g, const char *error)
{
	while (g->flying) {
		struct flight *fl = g->flying;
		g->flying = fl->next;
		g->flying_n--;
		fl->x->stopped = true;
		finish(g, fl, error);
	}
}

/* The child died: another one takes over what it had, unless it died too often. */
static void revive(struct gguf *g, const struct oc_err *why)
{
	struct oc_err err = {0};

	oc_log(g->ctx, OC_LOG_WARN, "%s", why->msg);
	oc_helper_close(g->child);
	g->child = NULL;
	if (g->count.state == COUNT_ASKED)
		g->count.state = COUNT_WANTED;
	struct flight *lost = g->flying, **end = &lost;
	g->flying = NULL;
	g->flying_n = 0;
	while (*end) { /* back to the head of the queue, or given up */
		struct flight *fl = *end;
		fl->out = false;
		if (fl->x->attempts < TRIES_MAX) {
			end = &fl->next;
			continue;
		}
		*end = fl->next;
		finish(g, fl, why->msg);
	}
	if (lost) {
		*end = g->first;
		if (!g->first)
			g->last = end;
		g->first = lost;
	}
	if (++g->deaths >= DEATHS_MAX) {
		snprintf(g->broken, sizeof g->broken, "the local model failed %u times: %.600s",
		         g->deaths, why->msg);
		g->broken_code = OC_INTERNAL;
	} else {
		pthread_mutex_unlock(&g->lock);
		int failed = start_child(g, false, &err);
		pthread_mutex_lock(&g->lock);
		if (failed) {
			snprintf(g->broken, sizeof g->broken, "%s", err.msg);
			g->broken_code = err.code;
		}
	}
}

/*
 * The first question starts the child: a run whose replies all lie in the store never loads the
 * model. Its lock is held by the caller.
 */
static void start_first(struct gguf *g)
{
	struct oc_err err = {0};

	pthread_mutex_unlock(&g->lock);
	int failed = start_child(g, true, &err);
	pthread_mutex_lock(&g->lock);
	g->tested = true;
	if (failed) {
		const char *slash = strrchr(err.where, '/'), *name = slash ? slash + 1 : err.where;
		snprintf(g->broken, sizeof g->broken, "%s%s%s", name, *name ? ": " : "", err.msg);
		g->broken_code = err.code;
	}
}

/* Sends what the child has room for. */
static int send_some(struct gguf *g, struct oc_err *err)
{
	if (g->count.state == COUNT_WANTED) {
		struct oc_llama_count head = {.id = g->count.id};
		g->count.state = COUNT_ASKED;
		if (oc_helper_send(g->child, OC_LLAMA_COUNT,
		                   (struct oc_str){(const char *)&head, sizeof head}, g->count.text,
		                   err))
			return -1;
	}
	while (g->first && g->flying_n < in_flight_max(g)) {
		struct flight *fl = g->first;
		struct oc_exchange *x = fl->x;
		g->first = fl->next;
		if (!g->first)
			g->last = &g->first;
		x->attempts++;
		pthread_mutex_unlock(&g->lock);
		int refused = g->host.sent ? g->host.sent(g->host.user, x) : 0;
		pthread_mutex_lock(&g->lock);
		if (refused) {
			x->attempts--;
			if (refused > 0) { /* the budget waits for others */
				fl->next = g->first;
				if (!g->first)
					g->last = &fl->next;
				g->first = fl;
				break;
			}
			x->stopped = true;
			finish(g, fl, "not sent: its intent could not be recorded");
			continue;
		}
		struct oc_llama_ask head = {x->id, x->seed, (uint32_t)x->kind, x->max_tokens};
		x->sent = true;
		fl->since = oc_now();
		fl->out = true;
		fl->next = g->flying;
		g->flying = fl;
		g->flying_n++;
		if (oc_helper_send(g->child, OC_LLAMA_ASK,
		                   (struct oc_str){(const char *)&head, sizeof head}, x->body, err))
			return -1;
	}
	return 0;
}

static void on_said(struct gguf *g, struct oc_str data)
{
	struct oc_llama_said said;

	if (data.len < sizeof said)
		return;
	memcpy(&said, data.p, sizeof said);
	for (struct flight **at = &g->flying; *at; at = &(*at)->next) {
		struct flight *fl = *at;
		if (fl->x->id != said.id)
			continue;
		*at = fl->next;
		g->flying_n--;
		g->deaths = 0;
		size_t len = data.len - sizeof said;
		char *body = oc_alloc(len + 1);
		memcpy(body, data.p + sizeof said, len);
		body[len] = 0;
		fl->x->reply = (struct oc_str){body, len};
		fl->x->status = said.status;
		fl->x->seconds = oc_now() - fl->since;
		finish(g, fl, NULL);
		return;
	}
}

static int receive_all(struct gguf *g, struct oc_err *err)
{
	struct oc_frame f;
	int got;

	while ((got = oc_helper_recv(g->child, &f, 0, err)) > 0) {
		if (f.type == OC_LLAMA_SAID) {
			on_said(g, f.data);
		} else if (f.type == OC_LLAMA_COUNTED) {
			struct oc_llama_count c = {0};
			if (f.data.len >= sizeof c)
				memcpy(&c, f.data.p, sizeof c);
			if (g->count.state == COUNT_ASKED && c.id == g->count.id) {
				g->count.tokens = c.tokens;
				g->count.state = COUNT_DONE;
				pthread_cond_broadcast(&g->counted);
			}
		} else if (f.type == OC_LLAMA_FAILED && f.data.len > sizeof(int32_t)) {
			int32_t code;
			memcpy(&code, f.data.p, sizeof code);
			return oc_fail(err, code, NULL, "%.*s", (int)(f.data.len - sizeof code),
			               f.data.p + sizeof code);
		}
	}
	return got;
}

static void *work(void *arg)
{
	struct gguf *g = arg;

	pthread_mutex_lock(&g->lock);
	while (!g->quit) {
		struct oc_err err = {0};
		uint64_t rung;
		if (!g->tested && !g->stopped && (g->first || g->count.state == COUNT_WANTED))
			start_first(g);
		if (g->broken[0]) {
			finish_queue(g, g->broken);
			if (g->count.state == COUNT_WANTED || g->count.state == COUNT_ASKED) {
				g->count.state = COUNT_FAILED;
				pthread_cond_broadcast(&g->counted);
			}
		} else if (g->stopped) {
			finish_queue(g, "not sent: the run is ending");
		}
		if (g->child && !g->broken[0] && (send_some(g, &err) || receive_all(g, &err))) {
			revive(g, &err);
			continue;
		}
		if (g->quit)
			break;
		struct pollfd p[2] = {
			{.fd = g->wake, .events = POLLIN},
			{.fd = g->child ? oc_helper_fd(g->child) : -1, .events = POLLIN}};
		bool waits = g->child && g->first && g->flying_n < in_flight_max(g);
		pthread_mutex_unlock(&g->lock);
		poll(p, 2, waits ? BUDGET_MS : -1);
		if (p[0].revents && read(g->wake, &rung, sizeof rung) < 0)
			rung = 0;
		pthread_mutex_lock(&g->lock);
	}
	finish_queue(g, "not sent: the run is ending");
	finish_flying(g, "abandoned: the run is ending");
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

/* ---------------------------------------------------------------- interface */

static void gguf_close(void *self)
{
	struct gguf *g = self;

	if (!g)
		return;
	if (g->started) {
		pthread_mutex_lock(&g->lock);
		g->quit = true;
		pthread_mutex_unlock(&g->lock);
		ring(g);
		pthread_join(g->thread, NULL);
	}
	oc_helper_close(g->child);
	if (g->wake >= 0)
		close(g->wake);
	pthread_cond_destroy(&g->counted);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static int gguf_open(void **self, const struct oc_env *env, yyjson_val *opts,
                     const struct oc_llm_host *host, struct oc_err *err)
{
	struct gguf *g = oc_zalloc(1, sizeof *g);
	const char *path = yyjson_get_str(oc_json_get(opts, "path"));
	const char *library = yyjson_get_str(oc_json_get(opts, "library"));
	char hash[33];

	*self = NULL;
	g->ctx = env->ctx;
	g->host = *host;
	g->last = &g->first;
	g->context = (uint32_t)oc_json_get_int(opts, "context", 1024);
	g->slots = (uint32_t)oc_json_get_int(opts, "slots", 8);
	g->threads = (uint32_t)oc_json_get_int(opts, "threads", 0);
	pthread_mutex_init(&g->lock, NULL);
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&g->counted, &clock);
	pthread_condattr_destroy(&clock);
	g->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->wake < 0) {
		oc_fail_errno(err, env->name, "cannot make an event");
		goto fail;
	}
	if (!path || !*path) {
		oc_fail(err, OC_PLAN, env->name, "a gguf model needs `path:`, a .gguf file");
		goto fail;
	}
	if (oc_gguf_model(path, env->base_dir, g->model, err) ||
	    oc_gguf_library(library, env->base_dir, g->library, err) ||
	    oc_gguf_hash(g->model, hash, err))
		goto fail;
	snprintf(g->identity, sizeof g->identity, "gguf:%s:u%u", hash, OC_LLAMA_UBATCH);
	if (pthread_create(&g->thread, NULL, work, g)) {
		oc_fail(err, OC_INTERNAL, env->name, "cannot start a thread");
		goto fail;
	}
	g->started = true;
	*self = g;
	return 0;
fail:
	gguf_close(g);
	return -1;
}

static int gguf_submit(void *self, struct oc_exchange *x, struct oc_err *err)
{
	struct gguf *g = self;
	struct flight *fl = oc_zalloc(1, sizeof *fl);

	(void)err;
	fl->x = x;
	pthread_mutex_lock(&g->lock);
	*g->last = fl;
	g->last = &fl->next;
	pthread_mutex_unlock(&g->lock);
	ring(g);
	return 0;
}

static uint32_t gguf_window(void *self)
{
	return in_flight_max(self);
}

static const char *gguf_identity(void *self)
{
	return ((struct gguf *)self)->identity;
}

static int64_t gguf_count(void *self, struct oc_str text, bool *exact)
{
	struct gguf *g = self;
	struct timespec until;
	int64_t tokens = (int64_t)text.len / 3 + 1;

	*exact = false;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)COUNT_SECONDS;
	pthread_mutex_lock(&g->lock);
	g->count = (struct count_ask){.text = text, .id = g->count.id + 1, .state = COUNT_WANTED};
	ring(g);
	while (g->count.state != COUNT_DONE && g->count.state != COUNT_FAILED)
		if (pthread_cond_timedwait(&g->counted, &g->lock, &until))
			break;
	if (g->count.state == COUNT_DONE) {
		tokens = g->count.tokens;
		*exact = true;
	}
	g->count.state = COUNT_NONE;
	pthread_mutex_unlock(&g->lock);
	return tokens;
}

static void gguf_status(void *self, char text[96], uint32_t *in_flight, uint32_t *waiting)
{
	struct gguf *g = self;

	pthread_mutex_lock(&g->lock);
	text[0] = 0;
	if (g->first && !g->tested)
		snprintf(text, 96, "the model is being loaded and tested");
	*in_flight = g->flying_n;
	*waiting = 0;
	for (const struct flight *fl = g->first; fl; fl = fl->next)
		++*waiting;
	pthread_mutex_unlock(&g->lock);
}

static void gguf_stop(void *self)
{
	struct gguf *g = self;

	pthread_mutex_lock(&g->lock);
	g->stopped = true;
	pthread_mutex_unlock(&g->lock);
	ring(g);
}

static const struct oc_option options[] = {
	{.key = "path",
         .type = OC_OPT_STR,
         .help = "the .gguf file, or the name of one in the models folder that setup filled",
         .required = true},
	{.key = "library",
         .type = OC_OPT_STR,
         .help = "folder of llama.cpp's libllama; found by itself when left out",
         .affects = OC_AFFECTS_SPEED},
	{.key = "context",
         .type = OC_OPT_INT,
         .def = "1024",
         .help = "longest prompt and answer together, for each request",
         .unit = "tokens",
         .min = 64,
         .max = 1048576},
	{.key = "slots",
         .type = OC_OPT_INT,
         .def = "8",
         .help = "requests decoded together; memory grows with slots x context",
         .unit = "requests",
         .min = 1,
         .max = 255,
         .affects = OC_AFFECTS_SPEED},
	{.key = "threads",
         .type = OC_OPT_INT,
         .def = "0",
         .help = "threads of the model; 0 tries one and all at start and keeps the faster",
         .unit = "threads",
         .min = 0,
         .max = 256,
         .affects = OC_AFFECTS_SPEED},
	{0},
};

const struct oc_llm_def oc_llm_gguf = {
	.size = sizeof(struct oc_llm_def),
	.name = "gguf",
	.help = "a GGUF file, run on this machine by llama.cpp",
	.doc = "The model runs in a child process through llama.cpp's C library, which is loaded "
	       "at "
	       "run time, when the first reply is wanted that does not lie in the store; `outcross "
	       "doctor --fix` fetches the library and a small model. Requests "
	       "are "
	       "decoded together, `slots` at a time, and a beginning that their prompts share is "
	       "decoded once. Texts are drawn by Outcross from the model's logits, with one stream "
	       "of "
	       "random numbers a request, so a row's text does not depend on its neighbours where "
	       "the "
	       "self-test at start finds the logits equal bit for bit; every reply's "
	       "system_fingerprint says whether it did.",
	.options = options,
	.open = gguf_open,
	.submit = gguf_submit,
	.window = gguf_window,
	.identity = gguf_identity,
	.count = gguf_count,
	.stop = gguf_stop,
	.status = gguf_status,
	.close = gguf_close,
};
