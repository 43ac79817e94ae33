/* The whole path of a request against a server that is as bad as they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/file.h"
#include "data/opts.h"
#include "llm/body.h"
#include "llm/client.h"
#include "llm/openai.h"
#include "server.h"
#include "text/utf8.h"

/* One model on one server with a store in a folder of its own. */
struct bed {
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_store *store;
	struct oc_budget *budget;
	struct oc_llm_model *model;
	struct oc_llm *llm;
	struct server *server;
	char dir[64];
	char log[8192];
};

static void on_log(void *user, int level, const char *text)
{
	struct bed *b = user;
	size_t n = strlen(b->log);

	(void)level;
	snprintf(b->log + n, sizeof b->log - n, "%s\n", text);
}

static void bed_init(struct bed *b, const struct server_opts *server)
{
	memset(b, 0, sizeof *b);
	strcpy(b->dir, "/tmp/oc-client-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->ctx = oc_ctx_new(1, 0);
	oc_ctx_log(b->ctx, on_log, b);
	b->arena = oc_arena_new();
	b->server = server ? server_start(server) : NULL;
}

struct how {
	const char *more; /* members of the model's options: ",\"tries\":2" */
	struct oc_caps caps;
	struct oc_llm_price price;
	bool offline;
	const char *base; /* instead of the server's */
};

static int bed_try(struct bed *b, struct how how, struct oc_err *err)
{
	struct oc_env env = {.size = sizeof env, .ctx = b->ctx, .name = "m", .seed = 7};
	struct oc_buf text = {0};

	if (how.base)
		oc_buf_printf(&text, "{\"base\":\"%s\"%s}", how.base, how.more ? how.more : "");
	else
		oc_buf_printf(&text, "{\"base\":\"http://127.0.0.1:%u/v1\",\"model\":\"t\"%s}",
		              b->server ? server_port(b->server) : 9, how.more ? how.more : "");
	yyjson_val *given = oc_json_parse(b->arena, oc_buf_view(&text), err);
	oc_buf_fini(&text);
	assert_non_null(given);
	yyjson_val *opts =
		oc_opts_resolve(b->arena, oc_llm_openai.options, given, "model m", NULL, NULL, err);
	if (!opts)
		return -1;
	if (oc_store_open(&b->store, b->ctx, b->dir, how.offline, err) < 0)
		return -1;
	b->budget = oc_budget_new(&how.caps);
	struct oc_llm_model_opts o = {.name = "m",
	                              .def = &oc_llm_openai,
	                              .opts = opts,
	                              .price = how.price,
	                              .offline = how.offline};
	if (oc_llm_model_open(&b->model, &env, &o, b->store, b->budget, err) < 0)
		return -1;
	b->llm = oc_llm_open(b->model, "step");
	return 0;
}

static void bed_open(struct bed *b, struct how how)
{
	struct oc_err err = {0};

	if (bed_try(b, how, &err) < 0)
		fail_msg("%s: %s", err.where, err.msg);
}

static void bed_close(struct bed *b)
{
	struct oc_err err = {0};

	if (b->llm)
		b->llm->ops->close(b->llm);
	oc_llm_model_close(b->model);
	oc_budget_free(b->budget);
	assert_int_equal(oc_store_close(b->store, &err), 0);
	b->llm = NULL;
	b->model = NULL;
	b->budget = NULL;
	b->store = NULL;
}

static void bed_fini(struct bed *b)
{
	struct oc_err err = {0};

	bed_close(b);
	if (b->server)
		server_stop(b->server);
	oc_arena_free(b->arena);
	oc_ctx_free(b->ctx);
	oc_remove_tree(b->dir, &err);
}

static int submit(struct bed *b, unsigned i, struct oc_err *err)
{
	char body[256];

	snprintf(body, sizeof body,
	         "{\"messages\":[{\"role\":\"user\",\"content\":\"question %u\"}],"
	         "\"temperature\":1,\"max_tokens\":32}",
	         i);
	struct oc_request r = {OC_CALL_CHAT, oc_str(body), 32, 0, i};
	return b->llm->ops->submit(b->llm, &r, err);
}

struct tally {
	unsigned n[5], cached; /* by state */
	uint64_t text_hash;    /* of all answers, in the order of their requests */
	double cost;
	char error[256];
	unsigned seen;
};

/* Asks questions 0..n-1, at most the window at a time; every one must come back once. */
static int ask(struct bed *b, unsigned n, struct tally *t, struct oc_err *err)
{
	uint64_t *hash = oc_zalloc(n, sizeof *hash);
	bool *seen = oc_zalloc(n, sizeof *seen);
	unsigned next = 0;
	int rc = 0;

	memset(t, 0, sizeof *t);
	while (rc >= 0 && t->seen < n) {
		while (next < n && b->llm->ops->pending(b->llm) < b->llm->ops->window(b->llm))
			if ((rc = submit(b, next++, err)) < 0)
				break;
		struct oc_reply r;
		if (rc < 0 || (rc = b->llm->ops->next(b->llm, &r, 30000, err)) < 0)
			break;
		if (rc == 0)
			fail_msg("no reply within 30 s");
		assert_true(r.tag < n);
		assert_false(seen[r.tag]);
		seen[r.tag] = true;
		t->seen++;
		t->n[r.state]++;
		t->cached += r.cached;
		t->cost += r.cost;
		hash[r.tag] = oc_hash64(r.text.p, r.text.len, r.state);
		if (r.state != OC_REPLY_OK) {
			snprintf(t->error, sizeof t->error, "%.*s", OC_ARG(r.error));
			assert_true(r.error.len > 0);
		} else {
			assert_true(r.text.len > 0 || r.reasoning.len > 0);
		}
		b->llm->ops->reply_free(b->llm, &r);
	}
	t->text_hash = oc_hash64(hash, n * sizeof *hash, 0);
	free(hash);
	free(seen);
	return rc;
}

static void ask_all(struct bed *b, unsigned n, struct tally *t)
{
	struct oc_err err = {0};

	if (ask(b, n, t, &err) < 0)
		fail_msg("%s: %s", err.where, err.msg);
}

/* ---------------------------------------------------------------------- plain */

static void test_paid_once(void **state)
{
	struct server_opts so = {.latency = 0.005};
	struct bed b;
	struct tally first, again, offline;
	struct server_stats st;

	(void)state;
	bed_init(&b, &so);
	bed_open(&b, (struct how){.price = {1, 2}});
	ask_all(&b, 300, &first);
	assert_int_equal(first.n[OC_REPLY_OK], 300);
	assert_int_equal(first.cached, 0);
	assert_true(first.cost > 0);
	assert_int_equal(oc_store_count(b.store), 300);
	bed_close(&b);
	/* Another process, another run: everything is there. */
	bed_open(&b, (struct how){.price = {1, 2}});
	ask_all(&b, 320, &again);
	assert_int_equal(again.n[OC_REPLY_OK], 320);
	assert_int_equal(again.cached, 300);
	bed_close(&b);
	server_get_stats(b.server, &st);
	assert_int_equal(st.answered, 320);
	assert_int_equal(st.repeated, 0);
	/* And without a server. */
	bed_open(&b, (struct how){.offline = true});
	ask_all(&b, 320, &offline);
	assert_int_equal(offline.cached, 320);
	assert_int_equal(offline.text_hash, again.text_hash);
	assert_true(offline.cost == 0);
	uint64_t n;
	double cost;
	oc_store_unknown(b.store, &n, &cost);
	assert_int_equal(n, 0);
	struct tally more;
	b.llm->ops->close(b.llm);
	b.llm = oc_llm_open(b.model, "other step");
	ask_all(&b, 330, &more);
	assert_int_equal(more.n[OC_REPLY_OFFLINE], 10);
	bed_fini(&b);
}

/* Equal bodies of a step are different samples; the same sample in two steps is paid once. */
static void test_samples(void **state)
{
	struct server_opts so = {.latency = 0.05};
	struct bed b;
	struct oc_err err = {0};
	struct server_stats st;
	char keys[8][33];
	uint64_t texts[8];

	(void)state;
	bed_init(&b, &so);
	bed_open(&b, (struct how){0});
	struct oc_llm *other = oc_llm_open(b.model, "other");
	struct oc_llm *both[2] = {b.llm, other};
	for (int i = 0; i < 4; i++) {
		/* The same question in four spellings; the last one is asked in a later round. */
		static const char *const spelled[] = {
			"{\"messages\":[],\"max_tokens\":8}",
			"{ \"max_tokens\" : 8, \"n\":4, \"messages\":[ ] }",
			"{\"max_tokens\":8,\"seed\":3,\"user\":\"me\",\"messages\":[]}",
			"{\"messages\":[],\"stream\":false,\"max_tokens\":8}"};
		struct oc_request r = {OC_CALL_CHAT, oc_str(spelled[i]), 8, i == 3, (unsigned)i};
		assert_int_equal(b.llm->ops->submit(b.llm, &r, &err), 0);
		assert_int_equal(other->ops->submit(other, &r, &err), 0);
	}
	for (int h = 0; h < 2; h++) {
		for (int i = 0; i < 4; i++) {
			struct oc_reply r;
			assert_int_equal(both[h]->ops->next(both[h], &r, 60000, &err), 1);
			memcpy(keys[h * 4 + (int)r.tag], r.key, 33);
			texts[h * 4 + (int)r.tag] = oc_hash64(r.text.p, r.text.len, 0);
			both[h]->ops->reply_free(both[h], &r);
		}
	}
	for (int i = 0; i < 4; i++) {
		assert_string_equal(keys[i], keys[4 + i]);
		assert_int_equal(texts[i], texts[4 + i]);
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(keys[i], keys[j]);
			assert_int_not_equal(texts[i], texts[j]); /* the seeds differ */
		}
	}
	server_get_stats(b.server, &st);
	assert_int_equal(st.asked, 4);
	other->ops->close(other);
	bed_fini(&b);
}

/* ------------------------------------------------------------------- hostile */

static void test_hostile(void **state)
{
	static const struct {
		enum server_fault fault;
		double rate;
		unsigned failed; /* of 200 */
	} cases[] = {
		{FAULT_limit, 0.1, 0},        {FAULT_error500, 0.2, 0},
		{FAULT_reset, 0.2, 0},        {FAULT_truncate, 0.3, 0},
		{FAULT_cut, 0.3, 0},          {FAULT_html, 0.3, 0},
		{FAULT_error200, 0.3, 0},     {FAULT_empty, 0.3, 0},
		{FAULT_many, 0.5, 0},         {FAULT_no_usage, 0.5, 0},
		{FAULT_null_content, 0.5, 0}, {FAULT_think, 0.5, 0},
		{FAULT_too_long, 1, 200},     {FAULT_error503, 0.1, 0},
		{FAULT_limit_after, 0.02, 0}, {FAULT_created, 0.3, 0},
		{FAULT_garbage, 0.3, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server_opts so = {.latency = 0.002};
		struct bed b;
		struct tally t;
		struct server_stats st;
		so.fault_rate[cases[i].fault] = cases[i].rate;
		bed_init(&b, &so);
		bed_open(&b, (struct how){0});
		ask_all(&b, 200, &t);
		server_get_stats(b.server, &st);
		if (t.n[OC_REPLY_FAILED] != cases[i].failed)
			fail_msg("%s: %u failed, the last with: %s",
			         server_fault_name(cases[i].fault), t.n[OC_REPLY_FAILED], t.error);
		assert_int_equal(t.n[OC_REPLY_OK], 200 - cases[i].failed);
		assert_true(st.faults[cases[i].fault] > 0);
		assert_int_equal(st.distinct, 200 - cases[i].failed);
		assert_int_equal(st.repeated, 0);
		print_message("  %-14s %.1f s\n", server_fault_name(cases[i].fault), st.clock);
		bed_fini(&b);
	}
}

/* Every fault at once, for ever: what fails has a reason, what is paid is kept. */
static void test_all_at_once(void **state)
{
	struct server_opts so = {.latency = 0.002, .jitter = 0.9, .fault_attempts = 100};
	struct bed b;
	struct tally t, again;

	(void)state;
	for (int f = 1; f < FAULT_N; f++)
		so.fault_rate[f] = f == FAULT_drip || f == FAULT_flood || f == FAULT_lie ||
		                                   f == FAULT_limit_after
		                           ? 0
		                           : 0.03;
	bed_init(&b, &so);
	bed_open(&b, (struct how){.more = ",\"tries\":3,\"concurrency\":64"});
	ask_all(&b, 1000, &t);
	assert_int_equal(t.n[OC_REPLY_OK] + t.n[OC_REPLY_FAILED], 1000);
	assert_in_range(t.n[OC_REPLY_OK], 850, 999);
	bed_close(&b);
	server_stop(b.server);
	b.server = NULL;
	/* The replay has the same answers and the same failures. */
	bed_open(&b, (struct how){.offline = true});
	ask_all(&b, 1000, &again);
	assert_int_equal(again.n[OC_REPLY_OK], t.n[OC_REPLY_OK]);
	assert_int_equal(again.n[OC_REPLY_FAILED], t.n[OC_REPLY_FAILED]);
	assert_int_equal(again.text_hash, t.text_hash);
	bed_fini(&b);
}

static void test_slow_drip(void **state)
{
	struct server_opts so = {0};
	struct bed b;
	struct tally t;
	uint64_t n;
	double cost;

	(void)state;
	so.fault_rate[FAULT_drip] = 0.5;
	bed_init(&b, &so);
	bed_open(&b, (struct how){.more = ",\"timeout\":\"1s\"", .price = {10, 10}});
	ask_all(&b, 20, &t);
	assert_int_equal(t.n[OC_REPLY_OK], 20);
	oc_store_unknown(b.store, &n, &cost);
	assert_in_range(n, 1, 20); /* each abandoned attempt may have been paid for */
	assert_true(cost > 0);
	bed_fini(&b);
}

/* How busy a server of 16 slots is kept, 0..1. */
static double busy_of(const struct server_opts *so, const char *concurrency, unsigned requests)
{
	struct bed b;
	struct tally t;
	struct server_stats st;

	bed_init(&b, so);
	bed_open(&b, (struct how){.more = concurrency});
	double start = oc_now();
	ask_all(&b, requests, &t);
	double wall = oc_now() - start;
	server_get_stats(b.server, &st);
	double busy = st.busy_seconds / (16 * wall);
	print_message("latency %g, Retry-After %g%s: busy %.0f %%, %llu refused of %llu\n",
	              so->latency, so->refuse_after, concurrency, busy * 100,
	              (unsigned long long)st.refused, (unsigned long long)st.asked);
	assert_int_equal(t.n[OC_REPLY_OK], requests);
	assert_int_equal(st.repeated, 0);
	bed_fini(&b);
	return busy;
}

/*
 * Four times more than the server takes: it must stay 80 % busy. Where the machine is so busy with
 * other things that this fails, four times slower answers leave its delays less weight, and the bar
 * is what this machine reaches now without any overload. A client that copes badly fails both.
 */
static void overload(double after)
{
	struct server_opts so = {
		.latency = 0.05, .slots = 16, .refuse = true, .refuse_after = after};

	if (busy_of(&so, ",\"concurrency\":64", 2500) >= 0.8)
		return;
	so.latency = 0.2;
	double calm = busy_of(&so, ",\"concurrency\":16,\"max_concurrency\":16", 400);
	double busy = busy_of(&so, ",\"concurrency\":64", 1500);
	if (busy < 0.8 * calm)
		fail_msg("the server was busy %.0f %% of the time, and %.0f %% without overload",
		         busy * 100, calm * 100);
}

static void test_overload(void **state)
{
	(void)state;
	overload(-1);
	overload(1);
}

static void test_dead(void **state)
{
	struct server_opts so = {.key = "sk-secret"};
	struct oc_err err = {0};
	struct bed b;
	struct tally t;

	(void)state;
	/* Nobody listens. */
	bed_init(&b, NULL);
	bed_open(&b, (struct how){.more = ",\"tries\":2"});
	assert_int_equal(ask(&b, 5, &t, &err), -1);
	assert_int_equal(err.code, OC_NET);
	assert_non_null(strstr(err.msg, "127.0.0.1"));
	bed_fini(&b);
	/* A wrong key, which appears nowhere. */
	setenv("OC_TEST_KEY", "wrong-key-123", 1);
	bed_init(&b, &so);
	bed_open(&b, (struct how){.more = ",\"key_env\":\"OC_TEST_KEY\""});
	err = (struct oc_err){0};
	assert_int_equal(ask(&b, 5, &t, &err), -1);
	assert_int_equal(err.code, OC_NET);
	assert_non_null(strstr(err.msg, "401"));
	assert_null(strstr(b.log, "wrong-key-123"));
	bed_close(&b);
	/* The right one. */
	setenv("OC_TEST_KEY", "sk-secret", 1);
	bed_open(&b, (struct how){.more = ",\"key_env\":\"OC_TEST_KEY\""});
	ask_all(&b, 5, &t);
	assert_int_equal(t.n[OC_REPLY_OK], 5);
	bed_close(&b);
	/* None at all: stored replies need none, a new question does. */
	unsetenv("OC_TEST_KEY");
	bed_open(&b, (struct how){.more = ",\"key_env\":\"OC_TEST_KEY\""});
	ask_all(&b, 5, &t);
	assert_int_equal(t.cached, 5);
	err = (struct oc_err){0};
	assert_int_equal(submit(&b, 99, &err), -1);
	assert_int_equal(err.code, OC_MISSING);
	assert_non_null(strstr(err.msg, "OC_TEST_KEY"));
	bed_fini(&b);
}

/* The cap on time holds while the endpoint wants to be left alone for an hour. */
static void test_time_is_up(void **state)
{
	struct server_opts so = {.slots = 1, .latency = 0.2, .refuse = true, .refuse_after = 3600};
	struct bed b;
	struct tally t;

	(void)state;
	bed_init(&b, &so);
	bed_open(&b, (struct how){.caps = {.seconds = 1}, .more = ",\"concurrency\":4"});
	ask_all(&b, 8, &t);
	assert_in_range(t.n[OC_REPLY_OK], 1, 7);
	assert_int_equal(t.n[OC_REPLY_OK] + t.n[OC_REPLY_BUDGET], 8);
	assert_non_null(strstr(t.error, "time: "));
	bed_fini(&b);
}

/* A server that pours out megabytes: a short answer's place is not that large. */
static void test_flood(void **state)
{
	struct server_opts so = {.fault_attempts = 100};
	struct bed b;
	struct tally t;

	(void)state;
	so.fault_rate[FAULT_flood] = 1;
	bed_init(&b, &so);
	bed_open(&b, (struct how){.more = ",\"concurrency\":2,\"max_concurrency\":2"});
	ask_all(&b, 2, &t);
	assert_int_equal(t.n[OC_REPLY_FAILED], 2);
	assert_non_null(strstr(t.error, "longer than allowed"));
	bed_fini(&b);
}

/* No part of the key is in what is said, logged or stored; and that is one plain line. */
static void test_quoted_key(void **state)
{
	struct server_opts so = {.key = "sk-0123456789abcdefghijklmnopqrstuvwxyz-0123456789"};
	struct bed b;
	struct tally t;

	(void)state;
	so.fault_rate[FAULT_quote] = 1;
	so.fault_attempts = 100;
	/* As it comes out of a file. */
	char line[128];
	snprintf(line, sizeof line, "%s\r\n", so.key);
	setenv("OC_TEST_KEY", line, 1);
	bed_init(&b, &so);
	bed_open(&b, (struct how){.more = ",\"key_env\":\"OC_TEST_KEY\""});
	ask_all(&b, 5, &t);
	assert_int_equal(t.n[OC_REPLY_FAILED], 5);
	assert_non_null(strstr(t.error, "400"));
	assert_non_null(strstr(t.error, "red"));
	assert_null(strstr(t.error, "sk-"));
	assert_null(strstr(b.log, "sk-"));
	for (const char *p = t.error; *p; p++)
		assert_true((unsigned char)*p >= 0x20);
	assert_int_equal(oc_utf8_check(oc_str(t.error)), -1);
	struct oc_llm_stats s;
	oc_llm_model_stats(b.model, &s);
	assert_null(strstr(s.why, "sk-"));
	unsetenv("OC_TEST_KEY");
	bed_fini(&b);
}

static void test_long_name(void **state)
{
	struct server_opts so = {.long_name = true};
	struct bed b;
	struct tally t;
	struct server_stats st;

	(void)state;
	bed_init(&b, &so);
	bed_open(&b, (struct how){.more = ",\"concurrency\":4,\"max_concurrency\":4"});
	ask_all(&b, 50, &t);
	assert_int_equal(t.n[OC_REPLY_OK], 50);
	server_get_stats(b.server, &st);
	assert_in_range(st.asked, 51, 60);
	bed_fini(&b);
}

/* ------------------------------------------------------------------- budget */

static void test_cap_holds(void **state)
{
	struct server_opts so = {.latency = 0.01, .fault_attempts = 100};
	struct bed b;
	struct tally t;
	struct server_stats st;
	double spent;

	(void)state;
	/* Lost attempts count at their upper bound, whatever is in flight. */
	so.fault_rate[FAULT_reset] = 0.2;
	bed_init(&b, &so);
	bed_open(&b, (struct how){.caps = {.money = 0.01},
	                          .price = {1, 2},
	                          .more = ",\"concurrency\":64"});
	ask_all(&b, 500, &t);
	assert_true(t.n[OC_REPLY_BUDGET] > 0);
	assert_true(t.n[OC_REPLY_OK] > 20);
	oc_budget_used(b.budget, &spent, NULL, NULL);
	assert_true(spent <= 0.01 + 1e-12);
	assert_true(spent > 0.009); /* and is used up to a last request */
	bed_fini(&b);

	bed_init(&b, &(struct server_opts){.latency = 0.01});
	bed_open(&b, (struct how){.caps = {.requests = 100}, .more = ",\"concurrency\":64"});
	ask_all(&b, 500, &t);
	server_get_stats(b.server, &st);
	assert_int_equal(st.asked, 100);
	assert_int_equal(t.n[OC_REPLY_OK], 100);
	assert_int_equal(t.n[OC_REPLY_BUDGET], 400);
	bed_fini(&b);
}

/* A limit that the model's own settings raise is what is reserved: nobody lies here. */
static void test_own_limit(void **state)
{
	char answer[2001];
	struct server_opts so = {.latency = 0.01, .answer = answer};
	struct bed b;
	struct tally t;
	uint64_t tokens;

	(void)state;
	memset(answer, 'a', 2000);
	answer[2000] = 0;
	bed_init(&b, &so);
	bed_open(&b, (struct how){.caps = {.tokens = 10000},
	                          .more = ",\"concurrency\":64,\"extra\":{\"max_tokens\":600}"});
	ask_all(&b, 100, &t);
	assert_in_range(t.n[OC_REPLY_OK], 15, 20);
	assert_int_equal(t.n[OC_REPLY_OK] + t.n[OC_REPLY_BUDGET], 100);
	oc_budget_used(b.budget, NULL, &tokens, NULL);
	assert_true(tokens <= 10000);
	bed_fini(&b);
}

static void test_liar(void **state)
{
	struct server_opts so = {.latency = 0.01};
	struct bed b;
	struct tally t;
	struct oc_err err = {0};
	struct server_stats st;

	(void)state;
	so.fault_rate[FAULT_lie] = 0.1;
	bed_init(&b, &so);
	bed_open(&b, (struct how){.caps = {.tokens = 1000000}, .more = ",\"concurrency\":8"});
	assert_int_equal(ask(&b, 500, &t, &err), -1);
	assert_int_equal(err.code, OC_BUDGET);
	assert_non_null(strstr(err.msg, "1000000000"));
	server_get_stats(b.server, &st);
	/* What was paid is kept, so the next run does not pay it again. */
	assert_int_equal(oc_store_count(b.store), st.answered);
	bed_fini(&b);
}

/* ------------------------------------------------------------------ stopping */

/* Until so many requests have reached the server. */
static void wait_asked(struct bed *b, uint64_t n)
{
	struct server_stats st;

	for (unsigned i = 0; i < 6000; i++) {
		server_get_stats(b->server, &st);
		if (st.asked >= n)
			return;
		usleep(10000);
	}
	fail_msg("%llu of %llu requests came within a minute", (unsigned long long)st.asked,
	         (unsigned long long)n);
}

static void test_cancel(void **state)
{
	struct server_opts so = {.latency = 2};
	struct bed b;
	struct tally t;
	struct oc_err err = {0};
	struct server_stats st;

	(void)state;
	bed_init(&b, &so);
	bed_open(&b, (struct how){.more = ",\"concurrency\":10,\"max_concurrency\":10"});
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(submit(&b, i, &err), 0);
	wait_asked(&b, 10);
	oc_ctx_cancel(b.ctx); /* drain: the ten in flight are awaited */
	memset(&t, 0, sizeof t);
	for (unsigned i = 0; i < 40; i++) {
		struct oc_reply r;
		assert_int_equal(b.llm->ops->next(b.llm, &r, 60000, &err), 1);
		t.n[r.state]++;
		b.llm->ops->reply_free(b.llm, &r);
	}
	assert_int_equal(t.n[OC_REPLY_OK], 10);
	assert_int_equal(t.n[OC_REPLY_STOPPED], 30);
	bed_close(&b);
	b.ctx->cancel = 0;
	/* Stop now: what is in flight is abandoned, and counts. */
	bed_open(&b, (struct how){.price = {1, 1},
	                          .more = ",\"concurrency\":10,\"max_concurrency\":10"});
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(submit(&b, i, &err), 0);
	wait_asked(&b, 20);
	oc_ctx_cancel(b.ctx);
	oc_ctx_cancel(b.ctx);
	double start = oc_now();
	bed_close(&b);
	assert_true(oc_now() - start < so.latency / 2); /* it awaits nothing */
	b.ctx->cancel = 0;
	bed_open(&b, (struct how){.more = ",\"concurrency\":10"});
	uint64_t n;
	double cost;
	oc_store_unknown(b.store, &n, &cost);
	assert_int_equal(n, 10);
	assert_true(cost > 0);
	ask_all(&b, 40, &t);
	assert_int_equal(t.n[OC_REPLY_OK], 40);
	server_get_stats(b.server, &st);
	assert_in_range(st.repeated, 0, 10);
	bed_fini(&b);
}

/* A reply that would have been asked for once more is not held against its row by a stop. */
static void test_cancel_before_second_try(void **state)
{
	struct server_opts so = {.latency = 0.5};
	struct oc_err err = {0};
	struct bed b;

	(void)state;
	so.fault_rate[FAULT_html] = 1;
	bed_init(&b, &so);
	bed_open(&b, (struct how){0});
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(submit(&b, i, &err), 0);
	wait_asked(&b, 5);
	oc_ctx_cancel(b.ctx);
	for (unsigned i = 0; i < 5; i++) {
		struct oc_reply r;
		assert_int_equal(b.llm->ops->next(b.llm, &r, 60000, &err), 1);
		assert_int_equal(r.state, OC_REPLY_STOPPED);
		b.llm->ops->reply_free(b.llm, &r);
	}
	b.ctx->cancel = 0;
	bed_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paid_once), cmocka_unit_test(test_samples),
		cmocka_unit_test(test_hostile),   cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_slow_drip), cmocka_unit_test(test_overload),
		cmocka_unit_test(test_dead),      cmocka_unit_test(test_cancel_before_second_try),
		cmocka_unit_test(test_own_limit), cmocka_unit_test(test_quoted_key),
		cmocka_unit_test(test_flood),     cmocka_unit_test(test_time_is_up),
		cmocka_unit_test(test_long_name), cmocka_unit_test(test_cap_holds),
		cmocka_unit_test(test_liar),      cmocka_unit_test(test_cancel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
