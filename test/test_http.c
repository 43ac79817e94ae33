/* Many requests on one thread; faults told apart; headers as real servers send them. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/http.h"
#include "server.h"

static void test_headers(void **state)
{
	static const struct {
		const char *headers;
		double wait;
	} cases[] = {
		{"retry-after: 7\n", 7},
		{"retry-after: 0.25\n", 0.25},
		{"retry-after-ms: 1500\nretry-after: 9\n", 1.5},
		{"retry-after-ms: soon\nretry-after: 9\n", 9},
		{"date: Sun, 06 Nov 1994 08:49:37 GMT\nretry-after: Sun, 06 Nov 1994 08:50:37 "
	         "GMT\n",
	         60},
		{"retry-after: Sun, 06 Nov 1994 08:50:37 GMT\n", 100}, /* now is 08:48:57 */
		{"date: Sun, 06 Nov 1994 08:49:37 GMT\nretry-after: Sun, 06 Nov 1994 08:00:00 "
	         "GMT\n",
	         0},
		{"retry-after: 86400\n", 86400},
		{"retry-after: -1\n", -1},
		{"retry-after: whenever\n", -1},
		{"retry-after:\n", -1},
		{"content-type: x\n", -1},
	};
	static const struct {
		const char *text;
		double seconds;
	} durations[] = {{"120ms", 0.12},  {"41.724s", 41.724}, {"6m0s", 360},
	                 {"1h2m3s", 3723}, {"12", 12},          {"", -1},
	                 {"-1", -1},       {"5 apples", -1}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double w = oc_http_retry_after(oc_str(cases[i].headers), 784111737);
		if (fabs(w - cases[i].wait) > 1e-9)
			fail_msg("%s: %g", cases[i].headers, w);
	}
	for (size_t i = 0; i < sizeof durations / sizeof *durations; i++)
		if (fabs(oc_http_duration(oc_str(durations[i].text)) - durations[i].seconds) > 1e-9)
			fail_msg("%s", durations[i].text);
	assert_true(oc_http_rate_reset(OC_LIT("x-ratelimit-limit-requests: 60\n"
	                                      "x-ratelimit-remaining-requests: 0\n"
	                                      "x-ratelimit-reset-requests: 1m2s\n")) == 62);
	/* 0 or -1 as a limit means that there is none. */
	assert_true(oc_http_rate_reset(OC_LIT("x-ratelimit-limit-requests: -1\n"
	                                      "x-ratelimit-remaining-requests: 0\n"
	                                      "x-ratelimit-reset-requests: 1m2s\n")) < 0);
}

/* Seconds without anything happening that are taken for a hang. A loaded machine is slow, and loses
 * connections for seconds when 5,000 of them knock at once; it does not stand still. */
#define PATIENCE 60

struct got {
	unsigned n, ok, faults[8];
	int status;
	char why[256];
	char header[64];
};

static void on_done(void *user, struct oc_http_reply *r)
{
	struct got *g = user;
	struct oc_str type = oc_http_header(r->headers, "content-type");

	g->n++;
	g->ok += r->fault == OC_HTTP_OK && r->status == 200 && r->body->len > 10;
	g->faults[r->fault]++;
	g->status = r->status;
	snprintf(g->why, sizeof g->why, "%s", r->why);
	snprintf(g->header, sizeof g->header, "%.*s", OC_ARG(type));
}

static struct oc_http *open_http(uint32_t connections, size_t cap)
{
	struct oc_http *h = NULL;
	struct oc_err err = {0};
	struct oc_http_opts o = {connections, PATIENCE, cap, "test"};

	if (oc_http_open(&h, &o, &err) < 0)
		fail_msg("%s", err.msg);
	return h;
}

static void post(struct oc_http *h, const char *url, double timeout, struct got *g)
{
	struct oc_err err = {0};
	struct oc_http_request r = {.url = url,
	                            .body = OC_LIT("{\"messages\":[],\"max_tokens\":3}"),
	                            .timeout = timeout,
	                            .done = on_done,
	                            .user = g};

	assert_int_equal(oc_http_post(h, &r, &err), 0);
}

static void drain(struct oc_http *h, struct got *g, unsigned n)
{
	struct oc_err err = {0};
	double end = oc_now() + PATIENCE;

	while (g->n < n && oc_now() < end) {
		unsigned before = g->n;
		assert_int_equal(oc_http_run(h, 100, &err), 0);
		if (g->n > before)
			end = oc_now() + PATIENCE;
	}
	assert_int_equal(g->n, n);
}

static void test_thousands(void **state)
{
	struct server *s = server_start(&(struct server_opts){.latency = 1});
	struct oc_http *h = open_http(5000, 1 << 20);
	struct got g = {0};
	struct server_stats st;
	char url[64];

	(void)state;
	snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/chat/completions", server_port(s));
	for (int i = 0; i < 5000; i++)
		post(h, url, 10 * PATIENCE, &g);
	assert_int_equal(oc_http_in_flight(h), 5000);
	drain(h, &g, 5000);
	if (g.ok != 5000)
		fail_msg("%u of 5000 good, the last fault: %s", g.ok, g.why);
	assert_string_equal(g.header, "application/json");
	server_get_stats(s, &st);
	assert_int_equal(st.answered, 5000);
	oc_http_close(h);
	server_stop(s);
}

/* A connection that breaks is never silently used to ask again. */
static void test_faults(void **state)
{
	struct server_opts so = {.fault_attempts = 1000};
	static const struct {
		enum server_fault server;
		enum oc_http_fault want;
	} cases[] = {{FAULT_reset, OC_HTTP_LOST},
	             {FAULT_cut, OC_HTTP_LOST},
	             {FAULT_garbage, OC_HTTP_LOST},
	             {FAULT_drip, OC_HTTP_TIMEOUT}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server *s = server_start(&so);
		struct oc_http *h = open_http(4, 1 << 20);
		struct got g = {0};
		struct server_stats st;
		char url[64];
		snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/chat/completions",
		         server_port(s));
		post(h, url, PATIENCE,
		     &g); /* a good one first, so that the next reuses its connection */
		drain(h, &g, 1);
		assert_int_equal(g.ok, 1);
		server_set_fault(s, cases[i].server, 1);
		/* The drip alone ends by time. */
		post(h, url, cases[i].want == OC_HTTP_TIMEOUT ? 0.5 : PATIENCE, &g);
		drain(h, &g, 2);
		if (g.faults[cases[i].want] != 1)
			fail_msg("%s: %s", server_fault_name(cases[i].server), g.why);
		server_get_stats(s, &st);
		assert_int_equal(st.asked, 2);
		oc_http_close(h);
		server_stop(s);
	}
}

static void test_refusals(void **state)
{
	struct server *s = server_start(&(struct server_opts){0});
	struct oc_http *h = open_http(4, 20);
	struct got g = {0};
	char url[64];

	(void)state;
	snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/chat/completions", server_port(s));
	post(h, url, PATIENCE, &g);
	drain(h, &g, 1);
	assert_int_equal(g.faults[OC_HTTP_TOO_BIG], 1);
	post(h, "http://127.0.0.1:9/v1", PATIENCE, &g);
	drain(h, &g, 2);
	assert_int_equal(g.faults[OC_HTTP_CONNECT], 1);
	post(h, "ftp://127.0.0.1/v1", PATIENCE, &g);
	post(h, "file:///etc/hostname", PATIENCE, &g);
	drain(h, &g, 4);
	assert_int_equal(g.faults[OC_HTTP_BAD], 2);
	oc_http_close(h);
	server_stop(s);
}

/* Whoever set a proxy for the world outside still reaches a model on this machine. */
static void test_proxy(void **state)
{
	static const char *const own[] = {"http://localhost/v1",     "http://LOCALHOST:80",
	                                  "https://127.0.0.1:9/x",   "http://127.8.9.1?x",
	                                  "http://me:pw@127.0.0.1/", "http://[::1]:80/v1",
	                                  "http://a.localhost:8/"},
				 *const others[] = {"http://localhost.evil.org/",
	                                            "http://127.0.0.1.evil.org/",
	                                            "http://127.0.0.1@evil.org/",
	                                            "http://notlocalhost/",
	                                            "http://[::1].evil.org/",
	                                            "http://10.0.0.1/",
	                                            "127.0.0.1"};
	struct server *proxy = server_start(&(struct server_opts){0});
	struct got g = {0};
	struct server_stats st;
	char url[64];

	(void)state;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (!oc_http_is_loopback(own[i]))
			fail_msg("%s is this machine", own[i]);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (oc_http_is_loopback(others[i]))
			fail_msg("%s is another machine", others[i]);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", server_port(proxy));
	setenv("http_proxy", url, 1);
	struct server *s = server_start(&(struct server_opts){0});
	struct oc_http *h = open_http(4, 1 << 20);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/chat/completions", server_port(s));
	post(h, url, PATIENCE, &g);
	drain(h, &g, 1);
	assert_int_equal(g.ok, 1);
	/* A name that nobody resolves is answered, so by the proxy; then the direct way once more.
	 */
	post(h, "http://elsewhere.invalid/v1/chat/completions", PATIENCE, &g);
	drain(h, &g, 2);
	assert_int_equal(g.faults[OC_HTTP_OK], 2);
	post(h, url, PATIENCE, &g);
	drain(h, &g, 3);
	server_get_stats(s, &st);
	assert_int_equal(st.asked, 2);
	setenv("no_proxy", "elsewhere.invalid", 1);
	post(h, "http://elsewhere.invalid/v1/chat/completions", PATIENCE, &g);
	drain(h, &g, 4);
	assert_int_equal(g.faults[OC_HTTP_CONNECT], 1);
	oc_http_close(h);
	server_stop(s);
	server_stop(proxy);
	unsetenv("http_proxy");
	unsetenv("no_proxy");
}

static void *wake_soon(void *h)
{
	usleep(50000);
	oc_http_wake(h);
	return NULL;
}

static void test_wake(void **state)
{
	struct oc_http *h = open_http(4, 20);
	struct oc_err err = {0};
	pthread_t t;
	double start = oc_now();

	(void)state;
	pthread_create(&t, NULL, wake_soon, h);
	assert_int_equal(oc_http_run(h, 1000 * PATIENCE, &err), 0);
	assert_true(oc_now() - start < PATIENCE / 2);
	pthread_join(t, NULL);
	oc_http_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers), cmocka_unit_test(test_thousands),
		cmocka_unit_test(test_faults),  cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_proxy),   cmocka_unit_test(test_wake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
