/* The schedule against simulated servers (no clock, no socket), and replies read tolerantly. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "llm/body.h"
#include "llm/schedule.h"

/* ----------------------------------------------------------------- simulation */

/* A server of `slots` that takes `latency` each; more are queued or refused. */
struct sim {
	uint32_t slots;
	bool refuse;
	double latency, retry_after;
	double random; /* share refused by chance */
	/* state */
	double now, busy;
	struct event {
		double at;
		bool ok, retry;
		struct oc_ticket t;
	} ev[20000];
	size_t n;
	double *free_at; /* (slots) when each slot is free */
};

static void push(struct sim *m, struct event e)
{
	size_t i = m->n++;

	assert_true(m->n < 20000);
	for (; i && m->ev[(i - 1) / 2].at > e.at; i = (i - 1) / 2)
		m->ev[i] = m->ev[(i - 1) / 2];
	m->ev[i] = e;
}

static struct event pop(struct sim *m)
{
	struct event first = m->ev[0], last = m->ev[--m->n];
	size_t i = 0, c;

	while ((c = 2 * i + 1) < m->n) {
		if (c + 1 < m->n && m->ev[c + 1].at < m->ev[c].at)
			c++;
		if (m->ev[c].at >= last.at)
			break;
		m->ev[i] = m->ev[c];
		i = c;
	}
	m->ev[i] = last;
	return first;
}

/* Runs for `seconds` with endless requests; returns the share of slot time in use from `from` on.
 */
static double run(struct sim *m, struct oc_sched *s, double seconds, double from)
{
	uint64_t seed = 1;
	double used = 0;

	m->free_at = oc_zalloc(m->slots, sizeof(double));
	while (m->now < seconds) {
		double wait;
		while ((wait = oc_sched_ask(s, m->now)) <= 0) {
			struct event e = {.ok = true};
			size_t best = 0;
			oc_sched_sent(s, m->now, 100, &e.t);
			for (size_t i = 1; i < m->slots; i++)
				if (m->free_at[i] < m->free_at[best])
					best = i;
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bool unlucky = (double)(seed >> 40) / 16777216 < m->random;
			if (unlucky || (m->refuse && m->free_at[best] > m->now)) {
				e.ok = false;
				e.at = m->now + 0.001;
			} else {
				double begin = fmax(m->now, m->free_at[best]);
				m->free_at[best] = e.at = begin + m->latency;
				double a = fmax(begin, from), b = fmin(e.at, seconds);
				used += b > a ? b - a : 0;
				e.at += 0.0005;
			}
			push(m, e);
		}
		if (wait < INFINITY && (!m->n || m->now + wait < m->ev[0].at)) {
			m->now += wait;
			continue;
		}
		assert_true(m->n > 0);
		struct event e = pop(m);
		m->now = e.at;
		oc_sched_done(s, m->now, &e.t, e.ok ? OC_OUTCOME_OK : OC_OUTCOME_LIMITED,
		              e.ok ? -1 : m->retry_after);
	}
	free(m->free_at);
	return used / (m->slots * (seconds - from));
}

static double simulate(struct sim how, uint32_t start, double seconds, double from,
                       uint32_t *window)
{
	struct sim *m = oc_alloc(sizeof *m);
	struct oc_sched s;
	struct oc_sched_opts o = {.start = start, .max = 1024, .breaker = 10, .seed = 3};

	*m = how;
	oc_sched_init(&s, &o, 0);
	double share = run(m, &s, seconds, from);
	*window = s.window;
	free(m);
	return share;
}

static void test_fills_a_big_server(void **state)
{
	uint32_t w;

	(void)state;
	double share = simulate((struct sim){.slots = 256, .latency = 0.2, .retry_after = -1}, 16,
	                        20, 5, &w);
	print_message("256 slots, 200 ms, from 16: %.1f %% busy, window %u\n", share * 100, w);
	assert_true(share > 0.97);
	assert_in_range(w, 256, 512);
}

static void test_holds_where_it_stops_rising(void **state)
{
	uint32_t w;

	(void)state;
	/* A server that queues in silence: the window stays near its slots. */
	double share =
		simulate((struct sim){.slots = 8, .latency = 1, .retry_after = -1}, 16, 300, 5, &w);
	assert_true(share > 0.99);
	assert_in_range(w, 8, 32);
}

static void test_overload(void **state)
{
	static const double after[] = {-1, 0, 1, 5};
	uint32_t w;

	(void)state;
	for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
		double share = simulate((struct sim){.slots = 64,
		                                     .latency = 0.2,
		                                     .refuse = true,
		                                     .retry_after = after[i]},
		                        256, 60, 0, &w);
		print_message("4 x overload, Retry-After %g: %.0f %% busy, window %u\n", after[i],
		              share * 100, w);
		assert_true(share > (after[i] > 1 ? 0.75 : 0.8));
		assert_in_range(w, 48, 68);
	}
}

static void test_chance_is_not_overload(void **state)
{
	uint32_t w;

	(void)state;
	double share = simulate(
		(struct sim){.slots = 64, .latency = 0.5, .random = 0.03, .retry_after = -1}, 64,
		60, 0, &w);
	print_message("3 %% refused by chance: %.0f %% busy, window %u\n", share * 100, w);
	assert_true(share > 0.8);
}

static void test_pause_and_buckets(void **state)
{
	struct oc_sched s;
	struct oc_sched_opts o = {.start = 4, .max = 64, .breaker = 3, .requests_per_minute = 60};
	struct oc_ticket t[64];
	const char *why;

	(void)state;
	oc_sched_init(&s, &o, 0);
	/* One a second, two at once. */
	assert_true(oc_sched_ask(&s, 0) <= 0);
	oc_sched_sent(&s, 0, 1, &t[0]);
	oc_sched_sent(&s, 0, 1, &t[1]);
	assert_true(fabs(oc_sched_ask(&s, 0) - 1) < 1e-9);
	assert_true(oc_sched_ask(&s, 1.01) <= 0);
	/* Retry-After in full, and a little more, never less. */
	oc_sched_done(&s, 2, &t[0], OC_OUTCOME_LIMITED, 3600);
	assert_true(oc_sched_ask(&s, 10) >= 3592);
	assert_true(oc_sched_waiting(&s, 10, &why) >= 3592);
	assert_string_equal(why, "429");
	assert_true(oc_sched_ask(&s, 3602 + 80) <= 0);
	assert_true(oc_sched_delay(&s, 1, OC_OUTCOME_LIMITED, 30) >= 30);
	/* The breaker: three failures in a row, one trial, twice as long. */
	o.requests_per_minute = 0;
	o.start = 8;
	oc_sched_init(&s, &o, 0);
	for (int i = 0; i < 5; i++)
		oc_sched_sent(&s, 0, 1, &t[i]);
	for (int i = 0; i < 3; i++)
		oc_sched_done(&s, 0, &t[i], OC_OUTCOME_FAILED, -1);
	assert_true(oc_sched_ask(&s, 0) >= 1);
	assert_true(oc_sched_ask(&s, 1.2) <= 0);
	oc_sched_sent(&s, 1.2, 1, &t[5]);
	assert_true(t[5].trial);
	assert_true(isinf(oc_sched_ask(&s, 1.2)));
	oc_sched_done(&s, 1.3, &t[5], OC_OUTCOME_FAILED, -1);
	assert_true(oc_sched_ask(&s, 1.3) >= 2);
	oc_sched_sent(&s, 4, 1, &t[6]);
	oc_sched_done(&s, 4, &t[6], OC_OUTCOME_OK, -1);
	assert_true(oc_sched_ask(&s, 4) <= 0);
}

/* --------------------------------------------------------------------- bodies */

static struct oc_answer read_chat(const char *raw)
{
	struct oc_answer a;

	oc_answer_read(OC_CALL_CHAT, OC_LIT("{\"messages\":[]}"), oc_str(raw), &a);
	return a;
}

static void test_replies(void **state)
{
	static const struct {
		const char *raw;
		enum oc_answer_state state;
		const char *text, *reasoning, *finish;
	} cases[] = {
		{"{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}",
	         OC_ANSWER_OK, "hi", "", "stop"},
		{"\xef\xbb\xbf{\"choices\":[{\"message\":{\"content\":\"hi\"}}]}", OC_ANSWER_OK,
	         "hi", "", ""},
		{"{\"choices\":[{\"index\":1,\"message\":{\"content\":\"b\"}},{\"index\":0,"
	         "\"message\":{\"content\":\"a\"}}]}",
	         OC_ANSWER_OK, "a", "", ""},
		{"{\"choices\":[{\"index\":7,\"message\":{\"content\":\"x\"}}]}", OC_ANSWER_OK, "x",
	         "", ""},
		{"{\"choices\":[{\"message\":{\"content\":null,\"reasoning\":\"hm\"},"
	         "\"finish_reason\":\"length\"}]}",
	         OC_ANSWER_OK, "", "hm", "length"},
		{"{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{"
	         "\"type\":\"text\",\"text\":\"b\"}]}}]}",
	         OC_ANSWER_OK, "ab", "", ""},
		{"{\"choices\":[{\"message\":{\"content\":\"\\n<think>why</think>\\n\\nso\"}}]}",
	         OC_ANSWER_OK, "so", "why", ""},
		{"{\"choices\":[{\"message\":{\"content\":\"<think>never ends\"}}]}", OC_ANSWER_OK,
	         "", "never ends", ""},
		/* a model cut inside a character: broken bytes, half a pair */
		{"{\"choices\":[{\"message\":{\"content\":\"a\xf0\x9f\"}}]}", OC_ANSWER_OK,
	         "a\xef\xbf\xbd\xef\xbf\xbd", "", ""},
		{"{\"choices\":[{\"message\":{\"content\":\"a\\ud83d\"}}]}", OC_ANSWER_OK,
	         "a\xef\xbf\xbd", "", ""},
		{"{\"choices\":[]}", OC_ANSWER_BROKEN, "", "", ""},
		{"{\"choices\":[{}]}", OC_ANSWER_BROKEN, "", "", ""},
		{"{\"choices\":[{\"message\":{\"content\":5}}]}", OC_ANSWER_BROKEN, "", "", ""},
		{"<html>", OC_ANSWER_BROKEN, "", "", ""},
		{"", OC_ANSWER_BROKEN, "", "", ""},
		{"[1]", OC_ANSWER_BROKEN, "", "", ""},
		{"{\"choices\":[{\"message\":{\"content\":\"h", OC_ANSWER_BROKEN, "", "", ""},
		{"{\"error\":\"busy\"}", OC_ANSWER_ERROR, "", "", ""},
		{"{\"error\":{\"code\":404}}", OC_ANSWER_ERROR, "", "", ""},
		{"{\"object\":\"error\",\"message\":\"no\"}", OC_ANSWER_ERROR, "", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_answer a = read_chat(cases[i].raw);
		if (a.state != cases[i].state)
			fail_msg("%s: state %d", cases[i].raw, a.state);
		if (!oc_str_is(a.text, cases[i].text) ||
		    !oc_str_is(a.reasoning, cases[i].reasoning) ||
		    !oc_str_is(a.finish, cases[i].finish))
			fail_msg("%s: text %.*s", cases[i].raw, OC_ARG(a.text));
		if (a.state == OC_ANSWER_OK)
			assert_true(a.usage.estimated && a.usage.prompt_tokens > 0);
		if (a.state == OC_ANSWER_BROKEN)
			assert_true(a.why[0]);
		oc_answer_fini(&a);
	}
}

static void test_usage_and_embeddings(void **state)
{
	struct oc_answer a =
		read_chat("{\"choices\":[{\"message\":{\"content\":\"hi\"}}],\"usage\":"
	                  "{\"prompt_tokens\":12.0,\"completion_tokens\":3}}");

	(void)state;
	assert_int_equal(a.usage.prompt_tokens, 12);
	assert_int_equal(a.usage.completion_tokens, 3);
	assert_false(a.usage.estimated);
	oc_answer_fini(&a);
	/* No lie is too big to be noticed. */
	a = read_chat("{\"choices\":[{\"message\":{\"content\":\"hi\"}}],\"usage\":"
	              "{\"prompt_tokens\":1e999,\"completion_tokens\":99999999999999999999999}}");
	assert_int_equal(a.usage.prompt_tokens, UINT32_MAX);
	assert_int_equal(a.usage.completion_tokens, UINT32_MAX);
	oc_answer_fini(&a);
	/* [3, 4] as numbers and as base64 of two little-endian floats */
	static const char *const raws[] = {
		"{\"data\":[{\"index\":0,\"embedding\":[3,4]}],\"usage\":{\"prompt_tokens\":2}}",
		"{\"data\":[{\"index\":0,\"embedding\":\"AABAQAAAgEA=\"}]}"};
	for (size_t i = 0; i < 2; i++) {
		oc_answer_read(OC_CALL_EMBED, OC_LIT("{}"), oc_str(raws[i]), &a);
		assert_int_equal(a.state, OC_ANSWER_OK);
		assert_int_equal(a.dim, 2);
		assert_true(fabsf(a.embedding[0] - 0.6f) < 1e-6f);
		assert_true(fabsf(a.embedding[1] - 0.8f) < 1e-6f);
		oc_answer_fini(&a);
	}
}

static void test_classes(void **state)
{
	static const struct {
		int status;
		const char *retry, *raw;
		enum oc_class class;
	} cases[] = {
		{400, "", "{\"error\":{\"code\":\"context_length_exceeded\"}}", OC_CLASS_REFUSED},
		{401, "", "{}", OC_CLASS_DEAD},
		{403, "", "{}", OC_CLASS_DEAD},
		{402, "", "{}", OC_CLASS_DEAD},
		{407, "", "<html>", OC_CLASS_DEAD},
		{404, "", "{}", OC_CLASS_REFUSED},
		{408, "", "", OC_CLASS_AGAIN},
		{409, "", "", OC_CLASS_AGAIN},
		{422, "", "", OC_CLASS_REFUSED},
		{425, "", "", OC_CLASS_AGAIN},
		{429, "", "<html>", OC_CLASS_LIMITED},
		{429, "", "{\"error\":{\"code\":\"slow_down\"}}", OC_CLASS_LIMITED},
		{429, "", "{\"error\":{\"type\":\"insufficient_quota\",\"code\":null}}",
	         OC_CLASS_DEAD},
		{429, "", "{\"error\":{\"message\":\"insufficient_quota\"}}", OC_CLASS_LIMITED},
		{429, "", "{\"error\":{\"code\":\"credit_balance_exhausted\"}}", OC_CLASS_DEAD},
		{500, "", "", OC_CLASS_AGAIN},
		{500, "false", "", OC_CLASS_REFUSED},
		{400, "true", "", OC_CLASS_AGAIN},
		{501, "", "", OC_CLASS_REFUSED},
		{502, "", "", OC_CLASS_AGAIN},
		{503, "", "", OC_CLASS_AGAIN},
		{529, "", "", OC_CLASS_AGAIN},
		{200, "", "{}", OC_CLASS_BROKEN},
		{302, "", "", OC_CLASS_REFUSED},
		{0, "", "", OC_CLASS_AGAIN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_answer a = read_chat(cases[i].raw);
		enum oc_class class = oc_classify(cases[i].status, cases[i].retry, &a);
		if (class != cases[i].class)
			fail_msg("%d %s: class %d", cases[i].status, cases[i].raw, class);
		oc_answer_fini(&a);
	}
}

static void test_bodies(void **state)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	struct oc_body b;
	struct oc_buf out = {0};

	(void)state;
	assert_int_equal(
		oc_body_make(a,
	                     OC_LIT("{\"top_p\":1.0,\"n\":3,\"user\":\"u\",\"seed\":4,"
	                            "\"messages\":[{\"role\":\"user\",\"content\":\"\\u00e9\"}]}"),
	                     "gpt", oc_json_parse(a, OC_LIT("{\"top_p\":null,\"top_k\":5}"), &err),
	                     &b, &err),
		0);
	assert_true(oc_str_is(b.canonical,
	                      "{\"messages\":[{\"content\":\"\xc3\xa9\",\"role\":\"user\"}],"
	                      "\"model\":\"gpt\",\"top_k\":5}"));
	oc_body_write(&out, &b, 9);
	assert_string_equal(oc_buf_cstr(&out),
	                    "{\"messages\":[{\"content\":\"\xc3\xa9\",\"role\":\"user\"}],"
	                    "\"model\":\"gpt\",\"top_k\":5,\"user\":\"u\",\"seed\":9}");
	out.len = 0;
	assert_int_equal(oc_body_make(a, OC_LIT("{\"user\":\"u\"}"), NULL, NULL, &b, &err), 0);
	oc_body_write(&out, &b, 1);
	assert_string_equal(oc_buf_cstr(&out), "{\"user\":\"u\",\"seed\":1}");
	/* bounds: digits and other scripts a token a byte, words half, an image a flat sum */
	assert_int_equal(oc_body_tokens_max(OC_LIT("abcd")), 66);
	assert_int_equal(oc_body_tokens_max(OC_LIT("1234")), 68);
	oc_buf_fini(&out);
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fills_a_big_server),
		cmocka_unit_test(test_holds_where_it_stops_rising),
		cmocka_unit_test(test_overload),
		cmocka_unit_test(test_chance_is_not_overload),
		cmocka_unit_test(test_pause_and_buckets),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_usage_and_embeddings),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_bodies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
