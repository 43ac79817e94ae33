/*
 * An endpoint's settings and its public side. The thread starts with the first request, so a run
 * whose replies are all stored needs neither network nor key.
 */
#include "llm/openai.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "data/json.h"
#include "llm/openai_run.h"

#define BODY_CAP (256u << 20)

static const struct oc_option options[] = {
	{.key = "base",
         .type = OC_OPT_STR,
         .help = "The endpoint's base address up to /v1; a query behind it is sent with each "
                 "request."},
	{.key = "base_env",
         .type = OC_OPT_STR,
         .help = "Environment variable that holds the base address, if `base` is not given."},
	{.key = "model", .type = OC_OPT_STR, .help = "The model's name at the endpoint."},
	{.key = "key_env",
         .type = OC_OPT_STR,
         .help = "Environment variable that holds the key. The key itself never stands in a plan.",
         .affects = OC_AFFECTS_SPEED},
	{.key = "key_header",
         .type = OC_OPT_STR,
         .def = "Authorization",
         .help = "Header that carries the key: Authorization (as a bearer) or api-key.",
         .affects = OC_AFFECTS_SPEED},
	{.key = "max_tokens_name",
         .type = OC_OPT_ENUM,
         .def = "auto",
         .choices = "auto|max_tokens|max_completion_tokens",
         .help = "What the endpoint calls the limit of an answer; auto learns it from a refusal.",
         .affects = OC_AFFECTS_SPEED},
	{.key = "send_seed",
         .type = OC_OPT_BOOL,
         .def = "true",
         .help = "Whether the seed (made from the request's key) is sent.",
         .affects = OC_AFFECTS_ROWS},
	{.key = "extra",
         .type = OC_OPT_MAP,
         .help = "Members put into every request; null takes a member away.",
         .affects = OC_AFFECTS_ROWS},
	{.key = "concurrency",
         .type = OC_OPT_INT,
         .def = "16",
         .min = 1,
         .max = 20000,
         .unit = "requests",
         .help = "Requests in flight at the start.",
         .affects = OC_AFFECTS_SPEED},
	{.key = "max_concurrency",
         .type = OC_OPT_INT,
         .def = "1024",
         .min = 1,
         .max = 20000,
         .unit = "requests",
         .help = "Requests in flight at most; `concurrency`, if that is larger.",
         .affects = OC_AFFECTS_SPEED},
	{.key = "requests_per_minute",
         .type = OC_OPT_NUM,
         .def = "0",
         .min = 0,
         .max = 1e9,
         .help = "Requests sent in a minute at most; 0: no such limit.",
         .affects = OC_AFFECTS_SPEED},
	{.key = "tokens_per_minute",
         .type = OC_OPT_NUM,
         .def = "0",
         .min = 0,
         .max = 1e12,
         .unit = "tokens",
         .help = "Tokens asked for in a minute at most (prompt and limit of the answer); 0: no "
                 "such "
                 "limit.",
         .affects = OC_AFFECTS_SPEED},
	{.key = "tries",
         .type = OC_OPT_INT,
         .def = "5",
         .min = 1,
         .max = 100,
         .help = "Attempts before a failing request is given up; 429 does not count.",
         .affects = OC_AFFECTS_SPEED},
	{.key = "timeout",
         .type = OC_OPT_DURATION,
         .help = "Time from sending to the last byte; by default two minutes and a quarter of a "
                 "second for each token of the limit.",
         .affects = OC_AFFECTS_SPEED},
	{.key = "connect_timeout",
         .type = OC_OPT_DURATION,
         .def = "10s",
         .help = "Time for a connection to stand.",
         .affects = OC_AFFECTS_SPEED},
	{.key = "patience",
         .type = OC_OPT_DURATION,
         .def = "10m",
         .help = "How long an endpoint that has worked may be unreachable before the run ends; it "
                 "can be resumed.",
         .affects = OC_AFFECTS_SPEED},
	{0},
};

/* -------------------------------------------------------------- open, close */

static char *copy_str(struct oc_str s)
{
	char *p = oc_alloc(s.len + 1);

	if (s.len)
		memcpy(p, s.p, s.len);
	p[s.len] = 0;
	return p;
}

int oc_openai_address(const char *base, const char *path, struct oc_buf *url, struct oc_buf *shown,
                      struct oc_err *err)
{
	size_t len = strcspn(base, "?");
	const char *query = base + len, *host = strstr(base, "://");

	host = host && host < query ? host + 3 : base;
	const char *at = memrchr(host, '@', strcspn(host, "/?"));
	const char *behind = at ? at + 1 : host;
	while (len && base[len - 1] == '/' && base + len > behind)
		len--;
	oc_buf_printf(shown, "%.*s%.*s", (int)(host - base), base, (int)(base + len - behind),
	              behind);
	if (strncmp(base, "http://", 7) != 0 && strncmp(base, "https://", 8) != 0)
		return oc_fail(err, OC_PLAN, "base", "`%s` is not an http:// or https:// address",
		               oc_buf_cstr(shown));
	if (url)
		oc_buf_printf(url, "%.*s/%s%s", (int)len, base, path, query);
	return 0;
}

/* URLs of the three kinds, and the address as people may see it. */
static int make_urls(struct openai *o, const char *base, struct oc_err *err)
{
	static const char *const paths[] = {"chat/completions", "completions", "embeddings"};
	struct oc_buf url = {0}, shown = {0};
	int rc = 0;

	for (int i = 0; i < 3 && !rc; i++) {
		url.len = shown.len = 0;
		rc = oc_openai_address(base, paths[i], &url, &shown, err);
		o->urls[i] = oc_strdup(oc_buf_cstr(&url));
	}
	o->shown = oc_strdup(oc_buf_cstr(&shown));
	oc_buf_fini(&url);
	oc_buf_fini(&shown);
	return rc;
}

static void openai_close(void *self);

static int openai_open(void **self, const struct oc_env *env, yyjson_val *opts,
                       const struct oc_llm_host *host, struct oc_err *err)
{
	struct openai *o = oc_zalloc(1, sizeof *o);
	struct oc_str base = oc_json_get_str(opts, "base"), key_env;
	char *from = copy_str(oc_json_get_str(opts, "base_env")), *address = NULL;
	int rc = -1;

	pthread_mutex_init(&o->lock, NULL);
	o->ctx = env->ctx;
	o->host = *host;
	o->name = oc_strdup(env->name);
	if (base.len) {
		address = copy_str(base);
	} else if (!*from) {
		oc_fail(err, OC_PLAN, NULL,
		        "no `base`: give the endpoint's address, such as "
		        "http://127.0.0.1:8080/v1, or `base_env`");
		goto out;
	} else if (!getenv(from)) {
		oc_fail(err, OC_MISSING, NULL,
		        "the environment variable %s is not set: it should hold the endpoint's "
		        "address, such as http://127.0.0.1:8080/v1",
		        from);
		goto out;
	} else {
		address = oc_strdup(getenv(from));
	}
	if (make_urls(o, address, err) < 0)
		goto out;
	key_env = oc_json_get_str(opts, "key_env");
	o->key_env = copy_str(key_env);
	o->key_header = copy_str(oc_json_get_str(opts, "key_header"));
	if (key_env.len) {
		/* A file's line end that came along would break the header, and hide the key from
		 * those who look for it in what the server says. */
		const char *key = getenv(o->key_env);
		struct oc_str bare = oc_str_trim(oc_str(key ? key : ""));
		o->key_missing = !bare.len;
		o->key = o->key_missing ? NULL : copy_str(bare);
	}
	o->timeout = oc_json_get_num(opts, "timeout", 0);
	o->connect_timeout = oc_json_get_num(opts, "connect_timeout", 10);
	o->patience = oc_json_get_num(opts, "patience", 600);
	o->tries = (uint32_t)oc_json_get_int(opts, "tries", 5);
	o->start = (uint32_t)oc_json_get_int(opts, "concurrency", 16);
	o->max = (uint32_t)oc_json_get_int(opts, "max_concurrency", 1024);
	if (o->max < o->start)
		o->max = o->start;
	struct oc_str limit = oc_json_get_str(opts, "max_tokens_name");
	o->learn_name = !limit.len || oc_str_is(limit, "auto");
	o->long_name = oc_str_is(limit, "max_completion_tokens");
	o->window = o->start;
	o->sched_opts = (struct oc_sched_opts){
		.start = o->start,
		.max = o->max,
		.requests_per_minute = oc_json_get_num(opts, "requests_per_minute", 0),
		.tokens_per_minute = oc_json_get_num(opts, "tokens_per_minute", 0),
		.breaker = 10,
		.seed = env->seed,
	};
	*self = o;
	rc = 0;
out:
	free(from);
	free(address);
	if (rc < 0)
		openai_close(o);
	return rc;
}

/* At the first request: headers, the thread. */
static int start(struct openai *o, struct oc_err *err)
{
	struct oc_http_opts http = {.max_connections = o->max,
	                            .connect_timeout = o->connect_timeout,
	                            .body_cap = BODY_CAP,
	                            .agent = "outcross/" OUTCROSS_VERSION};

	if (o->key_missing)
		return oc_fail(err, OC_MISSING, o->name,
		               "the environment variable %s is not set: it should hold the key of "
		               "%s",
		               o->key_env, o->shown);
	if (oc_http_open(&o->http, &http, err) < 0)
		return -1;
	o->headers = oc_http_headers_new();
	oc_http_headers_add(o->headers, "Content-Type", "application/json");
	oc_http_headers_add(o->headers, "Expect", "");
	if (o->key) {
		struct oc_buf v = {0};
		bool bearer = strcasecmp(o->key_header, "Authorization") == 0;
		oc_buf_printf(&v, "%s%s", bearer ? "Bearer " : "", o->key);
		oc_http_headers_add(o->headers, o->key_header, oc_buf_cstr(&v));
		explicit_bzero(v.p, v.len);
		oc_buf_fini(&v);
	}
	oc_sched_init(&o->sched, &o->sched_opts, oc_now());
	if (pthread_create(&o->thread, NULL, openai_run, o) != 0)
		return oc_fail_errno(err, NULL, "cannot start a thread");
	o->running = true;
	return 0;
}

static int openai_submit(void *self, struct oc_exchange *x, struct oc_err *err)
{
	struct openai *o = self;
	struct task *t;
	int rc = 0;

	pthread_mutex_lock(&o->lock);
	if (!o->running)
		rc = start(o, err);
	if (rc == 0) {
		t = oc_zalloc(1, sizeof *t);
		t->x = x;
		t->o = o;
		openai_queue_add(&o->given, t);
		if (o->asleep) {
			o->asleep = false;
			oc_http_wake(o->http);
		}
	}
	pthread_mutex_unlock(&o->lock);
	return rc;
}

static uint32_t openai_window(void *self)
{
	struct openai *o = self;

	pthread_mutex_lock(&o->lock);
	uint32_t w = o->window;
	pthread_mutex_unlock(&o->lock);
	return w;
}

/* The plan's name for it: the same weights may be served anywhere. */
static const char *openai_identity(void *self)
{
	return ((struct openai *)self)->name;
}

static int64_t openai_count(void *self, struct oc_str text, bool *exact)
{
	(void)self;
	*exact = false;
	return (int64_t)(text.len / 4 + 1);
}

static void openai_stop(void *self)
{
	struct openai *o = self;

	pthread_mutex_lock(&o->lock);
	o->stop = true;
	if (o->http)
		oc_http_wake(o->http);
	pthread_mutex_unlock(&o->lock);
}

static void openai_status(void *self, char text[96], uint32_t *in_flight, uint32_t *waiting)
{
	struct openai *o = self;
	double left;

	pthread_mutex_lock(&o->lock);
	left = o->wait_until - oc_now();
	if (o->wait_until > 0 && left > 0)
		snprintf(text, 96, "waiting %.0f s: %.70s", ceil(left), o->state);
	else
		text[0] = 0;
	*in_flight = o->in_flight;
	*waiting = o->waiting;
	pthread_mutex_unlock(&o->lock);
}

static void openai_close(void *self)
{
	struct openai *o = self;

	if (!o)
		return;
	if (o->running) {
		pthread_mutex_lock(&o->lock);
		o->quit = o->stop = true;
		oc_http_wake(o->http);
		pthread_mutex_unlock(&o->lock);
		pthread_join(o->thread, NULL);
	}
	oc_http_close(o->http);
	oc_http_headers_free(o->headers);
	for (int i = 0; i < 3; i++)
		free(o->urls[i]);
	if (o->key)
		explicit_bzero(o->key, strlen(o->key));
	free(o->key);
	free(o->key_env);
	free(o->key_header);
	free(o->name);
	free(o->shown);
	free(o->heap);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

const struct oc_llm_def oc_llm_openai = {
	.size = sizeof(struct oc_llm_def),
	.name = "openai",
	.help = "Any OpenAI-compatible endpoint: hosted, vLLM, llama.cpp's server, Ollama.",
	.doc = "Sends chat, completion and embedding requests over HTTP, many at once. The number "
	       "in "
	       "flight starts at `concurrency` and follows the server: it grows while that raises "
	       "the "
	       "rate of answers, shrinks by a quarter when the server refuses (429), and "
	       "Retry-After "
	       "is obeyed in full. Failures are tried again with growing delays; refusals are not. "
	       "The key is read from the environment and shown nowhere.",
	.options = options,
	.open = openai_open,
	.submit = openai_submit,
	.window = openai_window,
	.identity = openai_identity,
	.count = openai_count,
	.stop = openai_stop,
	.status = openai_status,
	.close = openai_close,
};
