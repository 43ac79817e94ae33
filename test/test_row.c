/* Rows: parsing, byte-preserving edits, verdicts, copies, the lineage line. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/ctx.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/row.h"

static struct oc_batch *batch;

static int up(void **state)
{
	(void)state;
	batch = oc_batch_new(64);
	return 0;
}

static int down(void **state)
{
	(void)state;
	oc_batch_free(batch);
	return 0;
}

static struct oc_row *row_of(struct oc_str raw)
{
	struct oc_err err = {0};
	struct oc_row *row = oc_batch_add(batch);

	row->raw = oc_arena_str(batch->arena, raw);
	assert_int_equal(oc_row_parse(row, &err), 0);
	return row;
}

static void is_rejected(struct oc_str raw, const char *rule, const char *evidence)
{
	struct oc_row *row = row_of(raw);

	assert_int_equal(row->fate, OC_REJECTED);
	assert_null(row->root);
	assert_int_equal(row->verdict_n, 1);
	assert_true(oc_str_is(row->verdicts[0].rule, rule));
	if (oc_str_find(row->verdicts[0].evidence, oc_str(evidence)) < 0)
		fail_msg("evidence %.*s", OC_ARG(row->verdicts[0].evidence));
	assert_true(oc_str_eq(row->raw, raw));
}

static void bad_rows(void **state)
{
	struct oc_buf many = {0};

	(void)state;
	is_rejected(OC_LIT("{\"a\":}"), "bad_json", "byte 5");
	is_rejected(OC_LIT("[1]"), "bad_json", "array");
	is_rejected(OC_LIT("{\"a\":\"\xff\"}"), "bad_json", "UTF-8");
	is_rejected(OC_LIT("{\"a\":1,\"\\u0061\":2}"), "duplicate_key", "\\\"a\\\"");
	is_rejected(OC_LIT("{\"m\":[{\"r\":1,\"c\":2,\"r\":3}]}"), "duplicate_key", "\\\"r\\\"");
	for (int i = 0; i < 100; i++)
		oc_buf_printf(&many, "%s\"k%d\":1", i ? "," : "{", i);
	oc_buf_puts(&many, ",\"k57\":1}");
	is_rejected(oc_buf_view(&many), "duplicate_key", "k57");
	oc_buf_fini(&many);
}

static void fields(void **state)
{
	struct oc_row *row = row_of(OC_LIT("{\"q\":\"x\",\"n\":12.50,\"t\":true,\"z\":null,"
	                                   "\"messages\":[{\"content\":\"hi\"}],\"big\":1e999}"));
	struct oc_str s;

	(void)state;
	assert_true(oc_row_field(row, OC_LIT("q"), &s) && oc_str_is(s, "x"));
	assert_true(oc_row_field(row, OC_LIT("n"), &s) && oc_str_is(s, "12.5"));
	assert_true(oc_row_field(row, OC_LIT("t"), &s) && oc_str_is(s, "true"));
	assert_true(oc_row_field(row, OC_LIT("big"), &s) && oc_str_is(s, "1e999"));
	assert_true(oc_row_field(row, OC_LIT("messages.0.content"), &s) && oc_str_is(s, "hi"));
	assert_false(oc_row_field(row, OC_LIT("z"), &s));
	assert_false(oc_row_field(row, OC_LIT("messages"), &s));
	assert_false(oc_row_field(row, OC_LIT("messages.1.content"), &s));
}

static void set_to(const char *before, const char *key, const char *value, const char *after)
{
	struct oc_row *row = row_of(oc_str(before));
	struct oc_err err = {0};

	if (oc_row_set(row, oc_str(key), oc_str(value), &err))
		fail_msg("%s", err.msg);
	assert_string_equal(row->raw.p, after);
	assert_true(row->changed);
	assert_non_null(oc_json_get(row->root, key));
}

static void edits_keep_other_bytes(void **state)
{
	struct oc_err err = {0};
	struct oc_row *row;

	(void)state;
	set_to("{ \"a\" : 1.00 , \"b\":\"\\u0041\" }", "b", "2", "{ \"a\" : 1.00 , \"b\":2 }");
	set_to("{ \"a\" : 1.00 , \"b\":\"\\u0041\" }", "a", "[1]",
	       "{ \"a\" : [1] , \"b\":\"\\u0041\" }");
	set_to("{ \"a\" : 1e999 }", "c", "\"x\"", "{ \"a\" : 1e999,\"c\":\"x\" }");
	set_to("{ }", "c", "1", "{\"c\":1 }");
	set_to("{}", "q\"", "1", "{\"q\\\"\":1}");
	set_to("{\"\\u0061\":1}", "a", "2", "{\"\\u0061\":2}");
	set_to("{\"a\":{\"b\":1}}", "b", "{\n  \"x\": 1\n}", "{\"a\":{\"b\":1},\"b\":{\"x\":1}}");

	row = row_of(OC_LIT("{\"a\":1}"));
	assert_int_equal(oc_row_set(row, OC_LIT("a"), OC_LIT("1,\"b\""), &err), -1);
	assert_string_equal(row->raw.p, "{\"a\":1}");
	assert_false(row->changed);
	assert_int_equal(yyjson_get_int(oc_json_get(row->root, "a")), 1);
}

/* Random sequences of edits against a model that keeps every member's bytes in a table. */
static void edits_match_a_table(void **state)
{
	static const char *const values[] = {"1",
	                                     "-0.50",
	                                     "\"\\u00e9 }{\"",
	                                     "[1, 2]",
	                                     "{\"x\" :\"\\\"\"}",
	                                     "null",
	                                     "123456789012345678901234567890"};
	struct oc_rng rng;

	(void)state;
	oc_rng_init(&rng, 5, "test_row edits");
	for (uint64_t round = 0; round < 300; round++) {
		struct oc_draws d;
		struct oc_err err = {0};
		struct oc_buf text = {0};
		const char *table[8] = {0};
		oc_draws_init(&d, &rng, round);
		oc_batch_reset(batch);
		oc_buf_puts(&text, "{ ");
		for (int i = 0, any = 0; i < 8; i++)
			if (oc_draw_below(&d, 2)) {
				table[i] = values[oc_draw_below(&d, 7)];
				oc_buf_printf(&text, "%s\"k%d\" : %s", any++ ? " , " : "", i,
				              table[i]);
			}
		oc_buf_puts(&text, " }");
		struct oc_row *row = row_of(oc_buf_view(&text));
		for (int edit = 0; edit < 10; edit++) {
			char key[3] = {'k', (char)('0' + oc_draw_below(&d, 8)), 0};
			int k = key[1] - '0';
			table[k] = values[oc_draw_below(&d, 7)];
			assert_int_equal(oc_row_set(row, oc_str(key), oc_str(table[k]), &err), 0);
		}
		for (int i = 0; i < 8; i++) {
			char key[3] = {'k', (char)('0' + i), 0};
			struct oc_str value;
			bool there = oc_json_member(row->raw, oc_str(key), &value);
			assert_int_equal(there, table[i] != NULL);
			if (there)
				assert_true(oc_str_is(value, table[i]));
		}
		oc_buf_fini(&text);
	}
}

static void real_row_line(void **state)
{
	struct oc_row *row = row_of(OC_LIT("{\"a\":1}"));
	struct oc_buf b = {0};
	char hash[33], want[512];

	(void)state;
	row->ped.key = OC_LIT("people:0");
	row->ped.span = (struct oc_span){OC_LIT("p\".jsonl"), 0, 7, 1};
	row->ped.licence = OC_LIT("MIT");
	row->ped.founders = &row->ped.key;
	row->ped.founder_n = 1;
	oc_pedigree_write(&b, row);
	oc_hash128_hex(oc_hash128("{\"a\":1}", 7), hash);
	snprintf(want, sizeof want,
	         "{\"key\":\"people:0\",\"origin\":\"real\",\"depth\":0,\"source\":{\"file\":"
	         "\"p\\\".jsonl\",\"row\":0,\"offset\":0,\"len\":7,\"license\":\"MIT\"},"
	         "\"hash\":\"%s\"}",
	         hash);
	assert_string_equal(oc_buf_cstr(&b), want);
	oc_buf_fini(&b);
}

static void full_row(struct oc_row *row)
{
	struct oc_pedigree *p = &row->ped;
	static struct oc_str parents[] = {{"people:1", 8}, {"people:2", 8}};
	static struct oc_str requests[] = {{"00ff", 4}};

	*p = (struct oc_pedigree){.key = OC_LIT("gen:4.1"),
	                          .id = OC_LIT("n\xc3\xa9"),
	                          .origin = OC_SYNTHETIC,
	                          .depth = 2,
	                          .depth_at_least = true,
	                          .row = 4,
	                          .licence = OC_LIT("CC0-1.0"),
	                          .parents = parents,
	                          .parent_n = 2,
	                          .founders = parents,
	                          .founder_n = 2,
	                          .recipe = OC_LIT("arithmetic"),
	                          .model = OC_LIT("small"),
	                          .params = OC_LIT("{\"temperature\":1.00, \"x\" : 1e999}"),
	                          .requests = requests,
	                          .request_n = 1,
	                          .review = OC_LIT("{\"by\":\"ann\"}"),
	                          .extra = OC_LIT("{\"chunk\":\"a:3\",\"span\":[1, 2]}")};
	oc_row_edited(row, OC_LIT("math"), OC_LIT("answer"));
	oc_row_edited(row, OC_LIT("ann"), OC_LIT("question"));
	oc_row_score(row, "novelty", "rouge", OC_FLAG, 0.625, 0.7, OC_LIT("{\"near\" :\"gen:1\"}"));
	oc_row_verdict(row, "math", "equal", OC_CHANGED, (struct oc_str){0});
	oc_row_reject(row, "words", "short", OC_LIT("\"3 words\""));
}

static void line_reads_back(void **state)
{
	struct oc_row *row = row_of(OC_LIT("{\"a\":1}")), *again, copy;
	struct oc_buf one = {0}, two = {0};
	struct oc_arena *other = oc_arena_new();
	struct oc_err err = {0};

	(void)state;
	full_row(row);
	oc_pedigree_write(&one, row);
	again = row_of(OC_LIT("{\"a\":1}"));
	if (oc_pedigree_read(again, oc_buf_view(&one), &err))
		fail_msg("%s", err.msg);
	oc_pedigree_write(&two, again);
	assert_string_equal(oc_buf_cstr(&one), oc_buf_cstr(&two));
	assert_int_equal(again->ped.depth, 2);
	assert_true(again->ped.depth_at_least);
	assert_int_equal(again->verdict_n, 3);
	assert_true(again->verdicts[0].score == 0.625);
	assert_non_null(strstr(oc_buf_cstr(&one), "\"depth\":\">=2\""));

	/* A copy outlives its batch. */
	oc_row_copy(&copy, again, other);
	oc_batch_reset(batch);
	memset(oc_arena_alloc(batch->arena, 60000), 'x', 60000);
	two.len = 0;
	oc_pedigree_write(&two, &copy);
	assert_string_equal(oc_buf_cstr(&one), oc_buf_cstr(&two));
	assert_non_null(copy.root);

	oc_verdicts_settle(&copy);
	assert_int_equal(copy.verdict_n, 3);
	oc_row_verdict(&copy, "math", "equal", OC_KEEP, (struct oc_str){0});
	oc_verdicts_settle(&copy);
	assert_int_equal(copy.verdict_n, 3);
	oc_arena_free(other);
	oc_buf_fini(&one);
	oc_buf_fini(&two);
}

static void line_of_another_row_is_refused(void **state)
{
	struct oc_row *row = row_of(OC_LIT("{\"a\":1}")), *other = row_of(OC_LIT("{\"a\":2}"));
	struct oc_buf b = {0};
	struct oc_err err = {0};
	static const char *const wrong[] = {
		"[]",
		"{\"origin\":\"human\"}",
		"{\"depth\":-1}",
		"{\"depth\":\">=x\"}",
		"{\"parents\":\"a\"}",
		"{\"founders\":[1]}",
		"{\"source\":[]}",
		"{\"source\":{\"row\":\"1\"}}",
		"{\"verdicts\":[{\"result\":\"fine\"}]}",
		"{\"verdicts\":[1]}",
	};

	(void)state;
	row->ped.key = OC_LIT("people:7");
	oc_pedigree_write(&b, row);
	assert_int_equal(oc_pedigree_read(other, oc_buf_view(&b), &err), -1);
	assert_non_null(strstr(err.msg, "people:7"));
	assert_non_null(strstr(err.msg, "out of step"));
	oc_buf_fini(&b);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		err = (struct oc_err){0};
		assert_int_equal(oc_pedigree_read(other, oc_str(wrong[i]), &err), -1);
		assert_int_equal(err.code, OC_INPUT);
	}
}

/* A real row's line is on the path of every row: it must not cost what a printf costs. */
static void line_is_cheap(void **state)
{
	struct oc_row *row = row_of(OC_LIT("{\"question\":\"What is 3 + 4?\",\"answer\":\"7\"}"));
	struct oc_buf b = {0};
	double best = 1;

	(void)state;
	row->ped.key = OC_LIT("people:123456");
	row->ped.row = 123456;
	row->ped.span = (struct oc_span){OC_LIT("data/people.jsonl"), 98765432, 42, 1};
	row->ped.licence = OC_LIT("CC-BY-4.0");
	for (int round = 0; round < 5; round++) {
		double start = oc_now();
		for (int i = 0; i < 20000; i++) {
			b.len = 0;
			oc_pedigree_write(&b, row);
		}
		double each = (oc_now() - start) / 20000;
		if (each < best)
			best = each;
	}
	print_message("a real row's lineage line: %.0f ns\n", best * 1e9);
	assert_true(best < 5e-6); /* wide, for sanitizers and busy machines */
	oc_buf_fini(&b);
}

static void batches(void **state)
{
	(void)state;
	for (int i = 0; i < 64; i++)
		assert_non_null(oc_batch_add(batch));
	assert_null(oc_batch_add(batch));
	oc_batch_reset(batch);
	struct oc_row *row = oc_batch_add(batch);
	assert_int_equal(row->fate, OC_LIVE);
	assert_ptr_equal(row->arena, batch->arena);
	assert_int_equal(oc_origin_parse(OC_LIT("unknown")), OC_UNKNOWN);
	assert_int_equal(oc_origin_parse(OC_LIT("Real")), -1);
	assert_string_equal(oc_fate_name(OC_MERGED), "merged");
	assert_string_equal(oc_result_name(OC_FLAG), "flag");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bad_rows, up, down),
		cmocka_unit_test_setup_teardown(fields, up, down),
		cmocka_unit_test_setup_teardown(edits_keep_other_bytes, up, down),
		cmocka_unit_test_setup_teardown(edits_match_a_table, up, down),
		cmocka_unit_test_setup_teardown(real_row_line, up, down),
		cmocka_unit_test_setup_teardown(line_reads_back, up, down),
		cmocka_unit_test_setup_teardown(line_of_another_row_is_refused, up, down),
		cmocka_unit_test_setup_teardown(line_is_cheap, up, down),
		cmocka_unit_test_setup_teardown(batches, up, down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
