/* The recipe engine against a scripted model: order, rounds, counts, pedigree, quotas, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "plan/registry.h"
#include "scripted.h"
#include "stage.h"

#define OPT_MODEL "{model: toy, "

static char leg_dir[] = "/tmp/oc-recipe-XXXXXX";

static struct oc_leg *leg_of(const char *const *json, size_t n)
{
	char dir[64];

	snprintf(dir, sizeof dir, "%s/leg", leg_dir);
	return oc_leg_of(dir, "people", json, n);
}

static void leg_gone(struct oc_leg *leg)
{
	char dir[64];

	snprintf(dir, sizeof dir, "%s/leg", leg_dir);
	oc_leg_gone(leg, dir);
}

static const char *const sums[] = {
	"{\"question\":\"What is 3 * 4?\",\"answer\":\"12\"}",
	"{\"question\":\"What is 7 + 8?\",\"answer\":\"15\"}",
	"{\"question\":\"What is 12 * 34?\",\"answer\":\"408\"}",
	"{\"question\":\"Reckon 56 - 19\",\"answer\":\"37\"}",
	"{\"question\":\"What is 9 x 9?\",\"answer\":\"81\"}",
	"{\"question\":\"What is 25 + 37?\",\"answer\":\"62\"}",
	"{\"question\":\"Secret: 99 * 99\",\"answer\":\"9801\",\"held_out\":true}",
	"{\"question\":\"Who was first?\",\"answer\":\"nobody\"}",
};

/* Lines "a op b = c": some right, some wrong, some no sums at all. */
static void reckon(struct oc_scripted *s, struct oc_str body, uint64_t sample, struct oc_draws *d,
                   struct oc_buf *text, struct oc_reply *reply)
{
	int64_t a = (int64_t)oc_draw_below(d, 30), b = (int64_t)oc_draw_below(d, 30), c;
	char op = "+-*"[oc_draw_below(d, 3)];

	(void)s;
	(void)body;
	(void)sample;
	(void)reply;
	c = op == '+' ? a + b : op == '-' ? a - b : a * b;
	switch (oc_draw_below(d, 8)) {
	case 0: oc_buf_puts(text, "I cannot {{ do }} \"that\""); break;
	case 1:
	case 2: c += 1 + (int64_t)oc_draw_below(d, 9); /* fall through */
	default:
		oc_buf_printf(text, "%lld %c %lld = %lld", (long long)a, op, (long long)b,
		              (long long)c);
	}
}

/* As the recipe, without a stage that this test would have to trust. */
static const char plain_sums[] =
	"recipe: plain\n"
	"help: sums\n"
	"options:\n"
	"  digits: {type: strs, default: [1, 2], help: sizes}\n"
	"  stratify: {type: strs, default: [none], help: quotas}\n"
	"  made: {type: int, default: 0, help: rows the model wrote}\n"
	"  on_length: {type: str, default: keep, help: cut replies}\n"
	"steps:\n"
	"  - seed:\n"
	"      n: 3\n"
	"      made: \"{{ made }}\"\n"
	"      read: {regex: '(?<expression>[0-9]+ [-+*x] [0-9]+)', field: question}\n"
	"      compute: {digits: {digits_of: expression}}\n"
	"      prefer: [digits]\n"
	"  - prompt:\n"
	"      ask: {digits: \"{{ digits }}\"}\n"
	"      completion: |\n"
	"        {{ for s in seeds }}\n"
	"        {{ s.expression }} = {{ s.answer }}\n"
	"        {{ end }}\n"
	"  - call: {kind: completion, max_tokens: 20, samples: \"{{ samples }}\", stop: [\"\\n\"], "
	"on_length: \"{{ on_length }}\", expect: {kept: 0.5}}\n"
	"  - parse:\n"
	"      regex: {pattern: '^(?<expression>[0-9]+ [-+*] [0-9]+) = (?<answer>-?[0-9]+)$', "
	"first: 1}\n"
	"  - expand:\n"
	"      compute: {digits: {digits_of: expression}}\n"
	"      fields: {question: \"What is {{ expression }}?\", answer: \"{{ answer }}\"}\n"
	"      stratify: \"{{ stratify }}\"\n"
	"  - keep: {sums: expression, against: seeds, stages: [exact: {fields: [question]}]}\n";

static yyjson_val *facts_of(struct oc_made *m)
{
	struct oc_err err = {0};
	yyjson_val *v = oc_json_parse(m->arena, oc_buf_view(&m->facts), &err);

	if (!v)
		fail_msg("facts: %s: %s", err.msg, m->facts.p);
	return v;
}

static void well(const struct oc_made *m)
{
	if (m->rc < 0)
		fail_msg("%s: %s", m->err.where, m->err.msg);
}

static struct oc_made run(const char *recipe, const char *options, struct oc_leg *leg,
                          oc_script_fn *script, uint32_t window, uint64_t order, struct oc_buf *log)
{
	struct oc_scripted model;
	struct oc_made m;

	oc_scripted_init(&model, script);
	model.window = window;
	model.order = order;
	oc_made_run(&m, recipe, options, leg, &model);
	assert_int_equal(model.sent, model.freed + model.pending_n);
	assert_true(model.most_pending <= window);
	if (log)
		oc_buf_str(log, oc_buf_view(&model.log));
	oc_scripted_fini(&model);
	return m;
}

static void builtin_recipes_resolve(void **state)
{
	unsigned n = 0;

	(void)state;
	for (; oc_recipe_name(n); n++) {
		struct oc_buf once = oc_resolved(oc_recipe_name(n), "{model: toy}"), again;
		assert_true(once.p[0] == '{');
		/* what was resolved resolves to itself: a lock file can be read again */
		again = oc_resolved(oc_recipe_name(n), once.p);
		assert_string_equal(once.p, again.p);
		oc_buf_fini(&once);
		oc_buf_fini(&again);
	}
	assert_int_equal(n, 4);
	assert_null(oc_recipe_builtin(OC_LIT("nothing")));
}

static void options_are_checked(void **state)
{
	static const char *const cases[][3] = {
		{"arithmetic", "{}", "model"},
		{"arithmetic", "{model: m, digit: 3}", "digits"},
		{"arithmetic", "{model: m, wrong: mend}", "drop"},
		{"arithmetic", "{model: m, rows: many}", "whole number"},
		{"recipe: x\nhelp: h\nsteps: [{prompt: {user: a}}, {seed: {}}]", "{model: m}",
	         "in the order"},
		{"recipe: x\nhelp: h\nsteps: [{promt: {user: a}}]", "{model: m}",
	         "must be one of seed"},
		{"recipe: x\nhelp: h\nsteps: [{call: {max_tokens: 3, tmp: 1}}]", "{model: m}",
	         "tmp"},
		{"recipe: x\nhelp: h\noptions: {a: {type: number, help: h}}\nsteps: []",
	         "{model: m}", "no such type"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_buf b = oc_resolved(cases[i][0], cases[i][1]);
		if (b.p[0] == '{' || !strstr(b.p, cases[i][2]))
			fail_msg("%s %s: %s", cases[i][0], cases[i][1], b.p);
		oc_buf_fini(&b);
	}
	/* conditions choose steps; options stand in them as values */
	struct oc_buf b = oc_resolved("arithmetic", "{model: m, chat: true, temperature: 0.5}");
	assert_non_null(strstr(b.p, "\"kind\":\"chat\""));
	assert_non_null(strstr(b.p, "\"temperature\":0.5"));
	assert_null(strstr(b.p, "\"completion\":"));
	oc_buf_fini(&b);
}

/* Neither the window nor the order of replies changes a byte, and every row is counted once. */
static void same_rows_in_any_order(void **state)
{
	struct oc_leg *leg = leg_of(sums, sizeof sums / sizeof *sums);
	struct oc_buf first_log = {0};
	struct oc_made first = run(plain_sums, OPT_MODEL "rows: 60, round: 32, made: 1}", leg,
	                           reckon, 1, 1, &first_log);

	(void)state;
	well(&first);
	for (uint32_t window = 2; window < 100; window *= 4) {
		struct oc_buf log = {0};
		struct oc_made m = run(plain_sums, OPT_MODEL "rows: 60, round: 32, made: 1}", leg,
		                       reckon, window, 100 + window, &log);
		well(&m);
		assert_true(oc_str_eq(oc_buf_view(&m.bytes), oc_buf_view(&first.bytes)));
		assert_true(oc_str_eq(oc_buf_view(&m.facts), oc_buf_view(&first.facts)));
		assert_true(oc_str_eq(oc_buf_view(&log), oc_buf_view(&first_log)));
		oc_buf_fini(&log);
		oc_made_fini(&m);
	}
	yyjson_val *f = facts_of(&first);
	assert_int_equal(oc_json_get_int(f, "kept", 0), 60);
	assert_int_equal(first.fate[OC_LIVE], 60);
	assert_int_equal(oc_json_get_int(f, "made", 0), first.n);
	assert_int_equal(oc_json_get_int(f, "rejected", 0), first.fate[OC_REJECTED]);
	assert_int_equal(oc_json_get_int(f, "unused", 0), first.fate[OC_UNUSED]);
	assert_int_equal(oc_json_get_int(f, "replies", 0), first.n); /* one line each */
	assert_int_equal(oc_json_get_int(f, "seed_rows", 0), 6);
	assert_true(oc_json_get_int(f, "rounds", 0) > 1);
	assert_true(oc_json_get_int(oc_json_get(f, "rules"), "unreadable", 0) > 0);
	assert_int_equal(first.verdict.code, 0);
	assert_string_equal(oc_json_get_str(f, "ended_by").p, "rows");
	/* held-out rows are never shown */
	assert_int_equal(oc_str_find(oc_buf_view(&first_log), OC_LIT("99 * 99")), -1);
	oc_buf_fini(&first_log);
	oc_made_fini(&first);
	leg_gone(leg);
}

static void pedigree_is_whole(void **state)
{
	struct oc_leg *leg = leg_of(sums, sizeof sums / sizeof *sums);
	struct oc_made m =
		run(plain_sums, OPT_MODEL "rows: 40, round: 16, made: 1}", leg, reckon, 4, 1, NULL);
	uint64_t deep = 0;

	(void)state;
	well(&m);
	for (size_t i = 0; i < m.n; i++) {
		const struct oc_row *row = &m.rows[i];
		const struct oc_pedigree *p = &row->ped;
		for (size_t j = 0; j < i; j++)
			assert_false(oc_str_eq(p->key, m.rows[j].ped.key));
		assert_true(oc_str_starts(p->key, "gen:"));
		assert_int_equal(p->origin, OC_SYNTHETIC);
		assert_int_equal(p->source, 3);
		assert_int_equal(p->row, i);
		assert_int_equal(p->parent_n, 3);
		assert_true(p->founder_n >= 1 && p->founder_n <= 6);
		for (uint32_t f = 0; f < p->founder_n; f++)
			assert_true(oc_str_starts(p->founders[f], "people:"));
		assert_int_equal(p->request_n, 1);
		assert_true(oc_str_is(p->model, "toy"));
		assert_true(oc_str_is(p->recipe, "plain"));
		assert_true(oc_str_is(p->licence, "MIT"));
		assert_true(oc_str_find(p->params, OC_LIT("\"max_tokens\":20")) >= 0);
		assert_true(oc_str_find(p->extra, OC_LIT("\"asked\":{\"digits\":")) >= 0);
		/* parents came before, and depth is one more than the deepest */
		uint32_t depth = 0;
		for (uint32_t k = 0; k < p->parent_n; k++) {
			bool found = oc_str_starts(p->parents[k], "people:");
			for (size_t j = 0; j < i && !found; j++) {
				if (!oc_str_eq(m.rows[j].ped.key, p->parents[k]))
					continue;
				assert_int_equal(m.rows[j].fate, OC_LIVE);
				depth = m.rows[j].ped.depth > depth ? m.rows[j].ped.depth : depth;
				found = true;
			}
			assert_true(found);
		}
		assert_int_equal(p->depth, depth + 1);
		deep += p->depth > 1;
	}
	assert_true(deep > 0);
	oc_made_fini(&m);
	leg_gone(leg);
}

/* A prompt of round r shows no row that was kept in round r or later. */
static void rounds_see_only_earlier_rows(void **state)
{
	struct oc_leg *leg = leg_of(sums, sizeof sums / sizeof *sums);
	struct oc_made m = run(plain_sums, OPT_MODEL "rows: 50, round: 10, made: 2}", leg, reckon,
	                       64, 9, NULL);

	(void)state;
	well(&m);
	for (size_t i = 0; i < m.n; i++) {
		const struct oc_pedigree *p = &m.rows[i].ped;
		unsigned long request = strtoul(p->key.p + 4, NULL, 10);
		for (uint32_t k = 0; k < p->parent_n; k++) {
			if (!oc_str_starts(p->parents[k], "gen:"))
				continue;
			unsigned long parent = strtoul(p->parents[k].p + 4, NULL, 10);
			assert_true(parent / 10 < request / 10);
		}
		if (request < 10)
			assert_int_equal(p->depth, 1);
	}
	oc_made_fini(&m);
	leg_gone(leg);
}

/* ------------------------------------------------------------------ when things fail */

static void trouble(struct oc_scripted *s, struct oc_str body, uint64_t sample, struct oc_draws *d,
                    struct oc_buf *text, struct oc_reply *reply)
{
	const char *what = s->user;

	if (strcmp(what, "fail") == 0 && (s->sent % 2 || !oc_draw_below(d, 2))) {
		reply->state = OC_REPLY_FAILED;
		reply->error = OC_LIT("HTTP 500 \"oops\"");
		reply->raw = OC_LIT("<html>\xff");
	} else if (strcmp(what, "all") == 0) {
		reply->state = OC_REPLY_FAILED;
		reply->error = OC_LIT("no route to host");
	} else if (strcmp(what, "budget") == 0 && s->sent >= 20) {
		reply->state = OC_REPLY_BUDGET;
		reply->error = OC_LIT("the cap of 1.00 would be passed");
	} else if (strcmp(what, "stop") == 0 && s->sent >= 5) {
		reply->state = OC_REPLY_STOPPED;
	} else if (strcmp(what, "cut") == 0 &&
	           oc_str_find(body, OC_LIT("\"max_tokens\":20,")) >= 0 && oc_draw_below(d, 2)) {
		oc_buf_puts(text, "12 + 13 = 2");
		reply->finish = OC_LIT("length");
	} else {
		reckon(s, body, sample, d, text, reply);
	}
}

static struct oc_made in_trouble(const char *what, const char *options, struct oc_leg *leg)
{
	struct oc_scripted model;
	struct oc_made m;

	oc_scripted_init(&model, trouble);
	model.user = (void *)what;
	oc_made_run(&m, plain_sums, options, leg, &model);
	assert_int_equal(model.sent, model.freed + model.pending_n);
	oc_scripted_fini(&model);
	return m;
}

static uint64_t with_rule(const struct oc_made *m, const char *rule)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		for (uint32_t v = 0; v < m->rows[i].verdict_n; v++)
			n += oc_str_is(m->rows[i].verdicts[v].rule, rule);
	return n;
}

static void failures_are_rows(void **state)
{
	struct oc_leg *leg = leg_of(sums, sizeof sums / sizeof *sums);
	struct oc_made m = in_trouble("fail", OPT_MODEL "rows: 20}", leg);
	yyjson_val *f;

	(void)state;
	well(&m);
	f = facts_of(&m);
	assert_true(with_rule(&m, "request_failed") > 0);
	assert_int_equal(with_rule(&m, "request_failed"), oc_json_get_int(f, "failed", 0));
	assert_non_null(strstr(oc_buf_cstr(&m.bytes), "HTTP 500 \\\"oops\\\""));
	assert_int_equal(m.fate[OC_LIVE], 20);
	oc_made_fini(&m);

	m = in_trouble("all", OPT_MODEL "rows: 20, round: 8}", leg);
	well(&m);
	assert_int_equal(m.n, 24); /* three rounds, then it gives up */
	assert_int_equal(m.verdict.code, OC_NET);
	assert_non_null(strstr(m.verdict.msg, "no route to host"));
	oc_made_fini(&m);

	m = in_trouble("budget", OPT_MODEL "rows: 500, round: 32}", leg);
	well(&m);
	assert_int_equal(m.n, 20); /* what was not sent made nothing; what was paid is used */
	assert_int_equal(m.verdict.code, OC_BUDGET);
	assert_int_equal(oc_json_get_int(facts_of(&m), "not_sent", 0), 12);
	oc_made_fini(&m);

	m = in_trouble("stop", OPT_MODEL "rows: 500}", leg);
	assert_int_equal(m.rc, -1);
	assert_int_equal(m.err.code, OC_CANCELLED);
	oc_made_fini(&m);
	leg_gone(leg);
}

static void cut_replies(void **state)
{
	struct oc_leg *leg = leg_of(sums, sizeof sums / sizeof *sums);
	struct oc_made m = in_trouble("cut", OPT_MODEL "rows: 20, on_length: keep}", leg);

	(void)state;
	well(&m);
	/* "= 2" may be the beginning of "= 25": never kept */
	assert_true(with_rule(&m, "cut_off") > 0);
	for (size_t i = 0; i < m.n; i++)
		if (m.rows[i].fate == OC_LIVE)
			assert_int_equal(oc_str_find(m.rows[i].raw, OC_LIT("12 + 13")), -1);
	oc_made_fini(&m);

	m = in_trouble("cut", OPT_MODEL "rows: 20, on_length: raise}", leg);
	well(&m);
	assert_int_equal(with_rule(&m, "cut_off"), 0);
	assert_true(oc_json_get_int(facts_of(&m), "asked_again", 0) > 0);
	oc_made_fini(&m);
	leg_gone(leg);
}

/* ------------------------------------------------------------------ amounts and quotas */

static void shortage_and_quotas(void **state)
{
	struct oc_leg *leg = leg_of(sums, sizeof sums / sizeof *sums);
	struct oc_made m = run(plain_sums, OPT_MODEL "rows: 900, max_requests: 50, amount: exact}",
	                       leg, reckon, 8, 1, NULL);

	(void)state;
	well(&m);
	assert_int_equal(m.n, 50);
	assert_int_equal(m.verdict.code, OC_SHORTAGE);
	oc_made_fini(&m);

	m = run(plain_sums, OPT_MODEL "rows: 900, max_requests: 50}", leg, reckon, 8, 1, NULL);
	assert_int_equal(m.verdict.code, 0);
	oc_made_fini(&m);

	/* samples: requests of one prompt have equal bodies */
	struct oc_buf log = {0};
	m = run(plain_sums, OPT_MODEL "rows: 900, max_requests: 10, samples: 4}", leg, reckon, 8, 1,
	        &log);
	assert_int_equal(m.n, 10);
	size_t line = (size_t)(strchr(oc_buf_cstr(&log), '\n') - log.p) + 1;
	assert_int_equal(memcmp(log.p, log.p + line, line), 0);
	assert_int_equal(memcmp(log.p, log.p + 3 * line, line), 0);
	oc_buf_fini(&log);
	oc_made_fini(&m);

	/* 30 and 30; what a full cell gets beyond is unused */
	m = run(plain_sums, OPT_MODEL "rows: 60, stratify: digits}", leg, reckon, 8, 1, NULL);
	well(&m);
	assert_int_equal(m.verdict.code, 0);
	yyjson_val *cells = oc_json_get(facts_of(&m), "cells");
	assert_int_equal(yyjson_arr_size(cells), 2);
	assert_int_equal(oc_json_get_int(yyjson_arr_get(cells, 0), "kept", 0), 30);
	assert_int_equal(oc_json_get_int(yyjson_arr_get(cells, 1), "kept", 0), 30);
	oc_made_fini(&m);

	/* nobody writes three digits: the cell is named */
	m = run(plain_sums,
	        OPT_MODEL "rows: 60, digits: [1, 2, 3], stratify: digits, max_requests: 600}", leg,
	        reckon, 8, 1, NULL);
	well(&m);
	assert_int_equal(m.verdict.code, OC_SHORTAGE);
	assert_non_null(strstr(m.verdict.msg, "digits 3: 0 of 20"));
	assert_null(strstr(m.verdict.msg, "digits 1"));
	oc_made_fini(&m);
	leg_gone(leg);
}

static void forecasts(void **state)
{
	struct oc_leg *leg = leg_of(sums, sizeof sums / sizeof *sums);
	struct oc_made m;

	(void)state;
	oc_made_run(&m, plain_sums, OPT_MODEL "rows: 100}", leg, NULL);
	well(&m);
	assert_int_equal(m.forecast.requests, 200); /* half are kept */
	assert_int_equal(m.forecast.rows, 100);
	assert_true(m.forecast.prompt_tokens > 200 * 5 && m.forecast.prompt_tokens < 200 * 30);
	assert_true(m.forecast.completion_tokens == 200 * 20);
	oc_made_fini(&m);
	/* no rows to show, and the recipe writes no examples of its own */
	leg_gone(leg);
	oc_made_run(&m, plain_sums, OPT_MODEL "rows: 100}", NULL, NULL);
	assert_int_equal(m.rc, -1);
	assert_int_equal(m.err.code, OC_INPUT);
	oc_made_fini(&m);
}

/* ------------------------------------------------------------------------- doc_qa */

static void asks(struct oc_scripted *s, struct oc_str body, uint64_t sample, struct oc_draws *d,
                 struct oc_buf *text, struct oc_reply *reply)
{
	(void)s;
	(void)sample;
	(void)d;
	(void)reply;
	if (oc_str_find(body, OC_LIT("mill")) >= 0)
		oc_buf_puts(text,
		            "Sure:\n[{'question': 'Who built the mill?', 'answer': 'Ada', "
		            "'evidence': 'built by Ada\n in 1850'},\n{\"question\": \"When?\", "
		            "\"answer\": 1850, \"evidence\": \"finished in 1850\"},\n"
		            "{\"question\": \"Why?\", \"answer\": \"\"}, {\"question\": \"cut");
	else
		oc_buf_puts(text,
		            "[{\"question\": \"What of {{ name }}?\", \"answer\": \"{{ 7 }}\", "
		            "\"evidence\": \"text with {{ name }} in\"}]");
}

static void documents(void **state)
{
	static const char *const chunks[] = {
		"{\"text\":\"The mill was  built by Ada in 1850 of \\\"stone\\\".\"}",
		"{\"text\":\"A text with {{ name }} in it.\"}",
		"{\"text\":\" \"}",
	};
	struct oc_leg *leg = leg_of(chunks, 3);
	struct oc_buf log = {0};
	struct oc_made m = run("doc_qa", "{model: toy}", leg, asks, 4, 3, &log);

	(void)state;
	well(&m);
	/* the chunk's braces went to the model as they are */
	assert_true(oc_str_find(oc_buf_view(&log), OC_LIT("A text with {{ name }} in it.")) >= 0);
	assert_int_equal(m.n, 4);
	assert_int_equal(m.verdict.code, 0);
	const struct oc_row *r = m.rows;
	assert_true(
		oc_str_is(r[0].raw, "{\"question\":\"Who built the mill?\",\"answer\":\"Ada\"}"));
	assert_int_equal(r[0].fate, OC_LIVE);
	/* "built by Ada in 1850" begins at byte 14 of the chunk and of the file */
	assert_true(oc_str_find(r[0].ped.extra, OC_LIT("\"chunk\":\"people:0\"")) >= 0);
	assert_true(oc_str_find(r[0].ped.extra, OC_LIT("\"in_chunk\":[14,20]")) >= 0);
	assert_true(oc_str_find(r[0].ped.extra,
	                        OC_LIT("\"file\":\"doc.txt\",\"offset\":14,\"len\":20")) >= 0);
	assert_true(oc_str_find(r[0].ped.extra, OC_LIT("\"repaired\":[")) >= 0);
	assert_int_equal(r[1].fate, OC_REJECTED);
	assert_true(oc_str_is(r[1].verdicts[0].rule, "no_evidence"));
	assert_true(oc_str_is(r[1].raw, "{\"question\":\"When?\",\"answer\":\"1850\"}"));
	assert_true(oc_str_is(r[2].verdicts[0].rule, "incomplete"));
	assert_int_equal(r[3].fate, OC_LIVE);
	assert_true(oc_str_is(r[3].raw,
	                      "{\"question\":\"What of {{ name }}?\",\"answer\":\"{{ 7 }}\"}"));
	assert_int_equal(r[3].ped.parent_n, 1);
	oc_buf_fini(&log);
	oc_made_fini(&m);
	leg_gone(leg);
}

/* ------------------------------------------------------------------------- alpaca */

/* A list of tasks as models write them, with every fault the parser must decide on. */
static void write_tasks(struct oc_draws *d, struct oc_buf *text, bool *cut)
{
	static const char *const words[] = {"Name three rivers of Europe.",
	                                    "Write a program that sorts.",
	                                    "Draw a map of Rome.",
	                                    "Short one",
	                                    "\"Quote\" this sentence for me.",
	                                    "\xc3\x89numerate the planets in order.",
	                                    "Explain why the sky is blue.",
	                                    "Go to the shop and tell me the price.",
	                                    "Summarise  the\ttext\n below in one line.",
	                                    "Describe a PICTURE you like.",
	                                    "Give me a list of 4. Input: things.",
	                                    "Is this paragraph well written or not?"};
	uint64_t n = 1 + oc_draw_below(d, 6), number = 4;

	*cut = oc_draw_below(d, 3) == 0;
	for (uint64_t i = 0; i < n; i++, number++) {
		uint64_t fault = oc_draw_below(d, 12), shown = number;
		if (fault == 0)
			shown = number + 1;
		if (fault == 10)
			shown = number + 10;
		if (i)
			oc_buf_printf(text, "###\n%llu. Instruction:", (unsigned long long)shown);
		oc_buf_printf(text, "%s%s\n",
		              fault == 1   ? ""
		              : fault == 2 ? "\xc2\xa0"
		                           : " ",
		              words[oc_draw_below(d, 12)]);
		if (fault != 3)
			oc_buf_printf(text, "%llu.%sInput:\n%s\n", (unsigned long long)shown,
			              fault == 4   ? ""
			              : fault == 5 ? "\xe2\x80\x83"
			                           : " ",
			              fault == 6   ? "<NoInput>"
			              : fault == 7 ? ""
			                           : "some words");
		oc_buf_printf(text, "%llu. %s:\nAn answer %llu\n", (unsigned long long)shown,
		              fault == 8   ? "Instruction"
		              : fault == 9 ? "Outputs"
		                           : "Output",
		              (unsigned long long)oc_draw_below(d, 1000));
		if (fault == 11)
			oc_buf_puts(text, "### ");
	}
}

static void lists(struct oc_scripted *s, struct oc_str body, uint64_t sample, struct oc_draws *d,
                  struct oc_buf *text, struct oc_reply *reply)
{
	FILE *replies = s->user;
	bool cut;

	(void)body;
	(void)sample;
	write_tasks(d, text, &cut);
	if (cut)
		reply->finish = OC_LIT("length");
	if (replies) {
		struct oc_buf b = {0};
		oc_buf_json(&b, oc_buf_view(text));
		fprintf(replies, "[%s,%s]\n", oc_buf_cstr(&b), cut ? "true" : "false");
		oc_buf_fini(&b);
	}
}

/*
 * The published decisions once more, in Python: parse, then the rules about the instruction. Prints
 * [kept by the rules, instruction, input, output] of every block that can be read.
 */
static const char oracle[] =
	"import json,re,string,sys\n"
	"bad='image images graph graphs picture pictures file files map maps draw plot video audio "
	"music flowchart diagram'.split()+['go to']\n"
	"for line in open(sys.argv[1]):\n"
	"    text,cut=json.loads(line)\n"
	"    pieces=('4. Instruction:'+text).split('###')\n"
	"    for k,p in enumerate(pieces):\n"
	"        if cut and k==len(pieces)-1: continue\n"
	"        parts=re.split(r'%d\\.\\s+(?:Instruction|Input|Output):'%(4+k),p)\n"
	"        if len(parts)!=4: continue\n"
	"        a,b,c=[x.strip() for x in parts[1:]]\n"
	"        if b.lower()=='<noinput>': b=''\n"
	"        n=len(a.split())\n"
	"        ok=3<n<=150 and not any(re.search(r'\\b'+w+r'\\b',a,re.I) for w in bad)\n"
	"        ok=ok and not a.startswith('Write a program')\n"
	"        ok=ok and a[0] not in string.punctuation and a[0].isascii()\n"
	"        print(json.dumps([bool(ok),a,b,c],ensure_ascii=False,separators=(',',':')))\n";

static void alpaca_decides_as_published(void **state)
{
	static const char *const tasks[] = {
		"{\"instruction\":\"Name a bird:\",\"input\":\"\",\"output\":\"Wren.\"}",
		("{\"instruction\":\"Add the numbers\\nhere.\",\"instances\":[{\"input\":\"1 2\","
	         "\"output\":\"3\"}]}"),
		"{\"instruction\":\"Greet me.\",\"output\":\"Hello.\"}",
		"{\"instruction\":\"\",\"output\":\"never shown\"}"};
	struct oc_scripted model;
	struct oc_made m;
	struct oc_leg *leg;
	char replies[80], script[80], command[256], line[4096];
	FILE *f, *p;
	size_t at = 0, n = 0;

	(void)state;
	if (system("python3 -c pass >/dev/null 2>&1") != 0)
		skip();
	leg = leg_of(tasks, 4);
	snprintf(replies, sizeof replies, "%s/replies", leg_dir);
	snprintf(script, sizeof script, "%s/oracle.py", leg_dir);
	f = fopen(script, "w");
	assert_non_null(f);
	fputs(oracle, f);
	fclose(f);
	oc_scripted_init(&model, lists);
	model.user = fopen(replies, "w");
	assert_non_null(model.user);
	oc_made_run(&m, "alpaca",
	            "{model: toy, chat: false, rows: 10000, max_requests: 400, threshold: 1}", leg,
	            &model);
	fclose(model.user);
	well(&m);
	assert_true(oc_str_find(oc_buf_view(&model.log), OC_LIT("Instruction: Name a bird\\n")) >=
	            0);
	assert_true(oc_str_find(oc_buf_view(&model.log),
	                        OC_LIT("Instruction: Add the numbers here.\\n")) >= 0);
	assert_true(oc_str_find(oc_buf_view(&model.log), OC_LIT("Input:\\n<noinput>\\n")) >= 0);
	assert_true(oc_str_find(oc_buf_view(&model.log), OC_LIT("Input:\\n1 2\\n")) >= 0);
	assert_int_equal(oc_str_find(oc_buf_view(&model.log), OC_LIT("never shown")), -1);
	snprintf(command, sizeof command, "PYTHONIOENCODING=utf-8 python3 %s %s", script, replies);
	p = popen(command, "r");
	assert_non_null(p);
	while (fgets(line, sizeof line, p)) {
		struct oc_err err = {0};
		yyjson_val *v = oc_json_parse(m.arena, oc_str(line), &err);
		struct oc_buf want = {0};
		/* rows that could not be read are ours only */
		while (at < m.n && m.rows[at].verdict_n &&
		       (oc_str_is(m.rows[at].verdicts[0].rule, "unreadable") ||
		        oc_str_is(m.rows[at].verdicts[0].rule, "cut_off")))
			at++;
		assert_true(at < m.n && v);
		oc_buf_puts(&want, "{\"instruction\":");
		oc_json_write(&want, yyjson_arr_get(v, 1));
		oc_buf_puts(&want, ",\"input\":");
		oc_json_write(&want, yyjson_arr_get(v, 2));
		oc_buf_puts(&want, ",\"output\":");
		oc_json_write(&want, yyjson_arr_get(v, 3));
		oc_buf_putc(&want, '}');
		assert_true(oc_str_eq(m.rows[at].raw, oc_buf_view(&want)));
		/* the threshold 1 leaves only the words' rules */
		bool kept = m.rows[at].fate == OC_LIVE;
		if (kept != yyjson_get_bool(yyjson_arr_get(v, 0)))
			fail_msg("%s: we %s it", line, kept ? "keep" : "refuse");
		oc_buf_fini(&want);
		at++;
		n++;
	}
	pclose(p);
	assert_true(n > 500);
	while (at < m.n && m.rows[at].verdict_n)
		at++;
	assert_int_equal(at, m.n);
	oc_scripted_fini(&model);
	oc_made_fini(&m);
	leg_gone(leg);
}

/* ---------------------------------------------------------------------- arithmetic */

static void arithmetic(void **state)
{
	struct oc_leg *leg;
	struct oc_made m;
	yyjson_val *s;

	(void)state;
	if (!oc_stage_find(OC_LIT("math")))
		skip();
	leg = leg_of(sums, sizeof sums / sizeof *sums);
	m = run("arithmetic", OPT_MODEL "rows: 40}", leg, reckon, 8, 2, NULL);
	well(&m);
	assert_int_equal(m.fate[OC_LIVE], 40);
	s = oc_json_get(facts_of(&m), "sums");
	int64_t made = oc_json_get_int(oc_json_get(s, "generated"), "n", 0);
	int64_t right = oc_json_get_int(oc_json_get(s, "right"), "n", 0);
	assert_int_equal(oc_json_get_int(oc_json_get(s, "human"), "n", 0), 6);
	assert_true(right >= 40 && right < made);
	/* kept rows are right, by our own reckoning */
	for (size_t i = 0; i < m.n; i++) {
		long a, b, c;
		char op;
		if (m.rows[i].fate != OC_LIVE)
			continue;
		assert_int_equal(sscanf(m.rows[i].raw.p,
		                        "{\"question\":\"What is %ld %c %ld?\",\"answer\":\"%ld\"",
		                        &a, &op, &b, &c),
		                 4);
		assert_int_equal(op == '+' ? a + b : op == '-' ? a - b : a * b, c);
	}
	oc_made_fini(&m);

	/* repaired rows carry the calculator's answer and say so */
	m = run("arithmetic", OPT_MODEL "rows: 40, wrong: repair}", leg, reckon, 8, 2, NULL);
	well(&m);
	uint64_t edited = 0;
	for (size_t i = 0; i < m.n; i++) {
		long a, b, c;
		char op;
		if (m.rows[i].fate != OC_LIVE)
			continue;
		assert_int_equal(sscanf(m.rows[i].raw.p,
		                        "{\"question\":\"What is %ld %c %ld?\",\"answer\":\"%ld\"",
		                        &a, &op, &b, &c),
		                 4);
		assert_int_equal(op == '+' ? a + b : op == '-' ? a - b : a * b, c);
		edited += m.rows[i].ped.edits.len > 0;
	}
	assert_true(edited > 0);
	oc_made_fini(&m);

	/* no rows at all: the recipe's own examples are shown, and they found nothing */
	m = run("arithmetic", OPT_MODEL "rows: 5}", NULL, reckon, 8, 2, NULL);
	well(&m);
	assert_int_equal(m.rows[0].ped.founder_n, 0);
	assert_int_equal(m.rows[0].ped.parent_n, 0);
	oc_made_fini(&m);
	leg_gone(leg);
}

/* ------------------------------------------------------------------ rows people wrote */

/* The first `max` lines of a shared file as seeds; NULL: it is not there. */
static struct oc_leg *shared_leg(const char *name, size_t max, size_t *n)
{
	char path[4096], **line = oc_zalloc(max, sizeof *line);
	struct oc_leg *leg = NULL;
	size_t room = 0;
	ssize_t len;
	FILE *f;

	*n = 0;
	f = oc_shared(name, path) ? fopen(path, "r") : NULL;
	while (f && *n < max && (len = getline(&line[*n], &room, f)) > 0) {
		line[*n][len - (line[*n][len - 1] == '\n')] = 0;
		++*n;
		room = 0;
	}
	if (f) {
		leg = leg_of((const char *const *)line, *n);
		fclose(f);
	}
	for (size_t i = 0; i < max; i++)
		free(line[i]);
	free(line);
	return leg;
}

static void story(struct oc_scripted *s, struct oc_str body, uint64_t sample, struct oc_draws *d,
                  struct oc_buf *text, struct oc_reply *reply)
{
	unsigned a = 2 + (unsigned)oc_draw_below(d, 50), b = 2 + (unsigned)oc_draw_below(d, 50);
	unsigned wrong = oc_draw_below(d, 3) == 0;

	(void)s;
	(void)body;
	(void)sample;
	(void)reply;
	oc_buf_printf(
		text,
		" A barn holds %u stalls with %u goats each, says farmer %u. How many goats?\n"
		"Solution: There are %u * %u = %u goats.\n#### %u",
		a, b, (unsigned)oc_draw_below(d, 1000), a, b, a * b + wrong, a * b + wrong);
}

static void seeds_of_others(void **state)
{
	size_t n;
	struct oc_leg *leg = shared_leg("text/self_instruct_seed_tasks.jsonl", 1000, &n);
	struct oc_made m;

	(void)state;
	if (!leg)
		skip();
	assert_int_equal(n, 175);
	m = run("alpaca", "{model: toy, chat: false, rows: 20, max_requests: 100}", leg, lists, 8,
	        1, NULL);
	well(&m);
	assert_int_equal(oc_json_get_int(facts_of(&m), "seed_rows", 0), 175);
	assert_true(m.fate[OC_LIVE] > 0);
	oc_made_fini(&m);
	leg_gone(leg);

	leg = shared_leg("text/gsm8k_train.jsonl", 500, &n);
	m = run("arithmetic", "{model: toy, word_problems: true, rows: 5, max_requests: 60}", leg,
	        story, 8, 1, NULL);
	well(&m);
	assert_int_equal(oc_json_get_int(facts_of(&m), "seed_rows", 0), 500);
	/* a solution that reckons wrong never stays */
	for (size_t i = 0; i < m.n; i++) {
		unsigned a, b, c;
		const char *at = strstr(oc_arena_str(m.arena, m.rows[i].raw).p, "There are");
		if (m.rows[i].fate != OC_LIVE && m.rows[i].fate != OC_UNUSED)
			continue;
		assert_int_equal(sscanf(at, "There are %u * %u = %u", &a, &b, &c), 3);
		assert_int_equal(a * b, c);
	}
	assert_true(m.fate[OC_REJECTED] > 0);
	oc_made_fini(&m);
	leg_gone(leg);
}

static int up(void **state)
{
	(void)state;
	return mkdtemp(leg_dir) ? 0 : -1;
}

static int down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", leg_dir);
	return system(command);
}

static const char *const words[] = {
	"{\"word\":\"burp\",\"question\":\"Burp?\",\"answer\":\"expel gas\"}",
	"{\"word\":\"pant\",\"question\":\"Pant?\",\"answer\":\"breathe fast\"}",
	"{\"word\":\"sigh\",\"question\":\"Sigh?\",\"answer\":\"breathe out\"}",
	"{\"word\":\"wave\",\"question\":\"Wave?\",\"answer\":\"move a hand\"}",
	"{\"word\":\"hide\",\"question\":\"Hide?\",\"answer\":\"be unseen\",\"held_out\":true}",
	"{\"word\":\"jump\",\"question\":\"Jump?\",\"answer\":\"\"}",
};

/* Says "two words" of burp, else one word, which is too short. */
static void lexicon(struct oc_scripted *s, struct oc_str body, uint64_t sample, struct oc_draws *d,
                    struct oc_buf *text, struct oc_reply *reply)
{
	(void)s;
	(void)sample;
	(void)d;
	(void)reply;
	oc_buf_puts(text, memmem(body.p, body.len, "Word: pant\\nDefinition:\"", 24)
	                          ? " one"
	                          : " two words");
}

/* Held rows count where the recipe says so: every word is defined once, and none goes on. */
static void definitions_wait(void **state)
{
	struct oc_leg *leg = leg_of(words, sizeof words / sizeof *words);
	struct oc_made m = run("define", OPT_MODEL "rows: 3, round: 4}", leg, lexicon, 2, 1, NULL);

	(void)state;
	well(&m);
	yyjson_val *f = facts_of(&m);
	assert_int_equal(oc_json_get_int(f, "seed_rows", 0), 4);
	assert_int_equal(oc_json_get_int(f, "kept", 9), 0);
	assert_int_equal(oc_json_get_int(f, "held", 0), 3);
	assert_int_equal(m.fate[OC_HELD], 3);
	assert_int_equal(m.fate[OC_LIVE], 0);
	assert_string_equal(oc_json_get_str(f, "ended_by").p, "rows");
	for (size_t i = 0; i < m.n; i++) {
		struct oc_row *row = &m.rows[i];
		if (row->fate != OC_HELD)
			continue;
		/* the first parent is the word's own row, and all four are there */
		assert_int_equal(row->ped.parent_n, 4);
		struct oc_str parent = row->ped.parents[0];
		const char *word = words[parent.p[parent.len - 1] - '0'];
		char member[32];
		snprintf(member, sizeof member, "\"word\":\"%.4s\"", word + 9);
		assert_non_null(memmem(row->raw.p, row->raw.len, member, strlen(member)));
	}
	oc_made_fini(&m);
	leg_gone(leg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(builtin_recipes_resolve),
		cmocka_unit_test(options_are_checked),
		cmocka_unit_test(same_rows_in_any_order),
		cmocka_unit_test(pedigree_is_whole),
		cmocka_unit_test(rounds_see_only_earlier_rows),
		cmocka_unit_test(failures_are_rows),
		cmocka_unit_test(cut_replies),
		cmocka_unit_test(shortage_and_quotas),
		cmocka_unit_test(forecasts),
		cmocka_unit_test(documents),
		cmocka_unit_test(alpaca_decides_as_published),
		cmocka_unit_test(arithmetic),
		cmocka_unit_test(seeds_of_others),
		cmocka_unit_test(definitions_wait),
	};

	return cmocka_run_group_tests(tests, up, down);
}
