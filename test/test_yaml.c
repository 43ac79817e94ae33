/* YAML: a table of documents with the JSON or the message they must give, and the way back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "data/yaml.h"

/* Text in, canonical JSON out. */
static const struct {
	const char *yaml, *json;
} good[] = {
	{"", "null"},
	{"# only a comment\n", "null"},
	{"a: 1", "{\"a\":1}"},
	{"{a: 1, b: [x, 'y', \"z\"]}", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"]}"},
	/* the core schema, and what only looks like it */
	{"[null, ~, Null, NULL, nULL]", "[null,null,null,null,\"nULL\"]"},
	{"[true, True, TRUE, false, tRue]", "[true,true,true,false,\"tRue\"]"},
	{"[yes, no, on, off, y, n]", "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\"]"},
	{"[0, 7, -7, +7, 007, -0]", "[0,7,-7,7,7,0]"},
	{"[0x1F, 0o17, 0b11, 0x, 0o8]", "[31,15,\"0b11\",\"0x\",\"0o8\"]"},
	{"[1.5, -.5, 1., 1e3, 1.5E-2, .e1, 1e, .]",
         "[1.5,-0.5,1.0,1000.0,0.015,\".e1\",\"1e\",\".\"]"},
	{"[1:30, 190:20:30, 1_000, 12e03x, 2021-10-01]",
         "[\"1:30\",\"190:20:30\",\"1_000\",\"12e03x\",\"2021-10-01\"]"},
	{"['1', \"true\", !!str 5, ! 6]", "[\"1\",\"true\",\"5\",\"6\"]"},
	{"a:\nb: ''\n", "{\"a\":null,\"b\":\"\"}"},
	{"18446744073709551615", "18446744073709551615"},
	/* keys are text as written */
	{"1: a\ntrue: b\n", "{\"1\":\"a\",\"true\":\"b\"}"},
	/* blocks */
	{"p: |\n  one\n  two\nq: >-\n  one\n  two\n", "{\"p\":\"one\\ntwo\\n\",\"q\":\"one two\"}"},
	{"- - 1\n  - 2\n- a: 1\n  b: 2\n", "[[1,2],{\"a\":1,\"b\":2}]"},
	/* anchors */
	{"a: &x [1, 2]\nb: *x\n", "{\"a\":[1,2],\"b\":[1,2]}"},
	{"t: \"{{ q }}: {{ a }}\"", "{\"t\":\"{{ q }}: {{ a }}\"}"},
	{"t: Question {{ q }}\n", "{\"t\":\"Question {{ q }}\"}"},
	{"\xef\xbb\xbf"
         "a: \xc3\xa9",
         "{\"a\":\"\xc3\xa9\"}"},
};

static const struct {
	const char *yaml, *where, *msg; /* msg: a part of it */
} bad[] = {
	{"a: 1\nb: 2\na: 3\n", "t.yaml:3:1", "the key \"a\" stands here twice (first in line 1)"},
	{"p: {{ field }}\n", "t.yaml:1:4", "put quotes around text that holds {{ }}"},
	{"p: {{ field }} and more\n", "t.yaml:1:4", "put quotes around"},
	{"x: [{{ a }}]\n", "t.yaml:1:5", "put quotes around"},
	{"p: Answer {{ q }}: yes\n", "t.yaml:1:18", "put quotes around"},
	{"a: b: c\n", "t.yaml:1:5", "put quotes around the value, or check the indentation"},
	{"a:\n\tb: 1\n", "t.yaml:2:1", "not by tabs"},
	{"a: 1\n---\nb: 2\n", "t.yaml:2:1", "a second document"},
	{"a: *x\n", "t.yaml:1:4", "there is no &x above"},
	{"a: &x [*x]\n", "t.yaml:1:8", "*x stands inside itself"},
	{"? [a]\n: 1\n", "t.yaml:1:3", "a key must be one word"},
	{"a: !thing 1\n", "t.yaml:1:4", "the tag !thing means nothing here"},
	{"a: [1, 2\nb: 3\n", "t.yaml:2:2", "expected ',' or ']'"},
	{"a: \xff\n", "t.yaml:1:4", "a plan is UTF-8 text"},
	{"a: \"x\n", "t.yaml:2:1", "unexpected end of stream"},
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct oc_arena *a = oc_arena_new();
		struct oc_err err = {0};
		struct oc_buf b = {0};
		yyjson_val *v = oc_yaml_parse(a, oc_str(good[i].yaml), "t.yaml", NULL, &err);
		if (!v)
			print_error("%s\n%s %s\n", good[i].yaml, err.where, err.msg);
		assert_non_null(v);
		oc_json_canonical(&b, v);
		/* Integral doubles are written without a point in the canonical form. */
		struct oc_err e2 = {0};
		struct oc_buf want = {0};
		oc_json_canonical(&want, oc_json_parse(a, oc_str(good[i].json), &e2));
		assert_string_equal(oc_buf_cstr(&b), oc_buf_cstr(&want));
		oc_buf_fini(&want);
		oc_buf_fini(&b);
		oc_arena_free(a);
	}
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct oc_arena *a = oc_arena_new();
		struct oc_err err = {0};
		assert_null(oc_yaml_parse(a, oc_str(bad[i].yaml), "t.yaml", NULL, &err));
		if (!strstr(err.msg, bad[i].msg))
			print_error("%s-> %s\n", bad[i].yaml, err.msg);
		assert_non_null(strstr(err.msg, bad[i].msg));
		assert_string_equal(err.where, bad[i].where);
		assert_int_equal(err.code, OC_PLAN);
		oc_arena_free(a);
	}
}

/* Nine levels of nine aliases each would be gigabytes. */
static void test_laughs(void **state)
{
	struct oc_buf b = {0};
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};

	(void)state;
	oc_buf_puts(&b, "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
	for (int i = 1; i < 10; i++) {
		oc_buf_printf(&b, "a%d: &a%d [", i, i);
		for (int k = 0; k < 9; k++)
			oc_buf_printf(&b, "%s*a%d", k ? ", " : "", i - 1);
		oc_buf_puts(&b, "]\n");
	}
	assert_null(oc_yaml_parse(a, oc_buf_view(&b), "t.yaml", NULL, &err));
	assert_non_null(strstr(err.msg, "larger than 1 MiB"));
	b.len = 0;
	memset(&err, 0, sizeof err);
	for (int i = 0; i < 5000; i++)
		oc_buf_putc(&b, '[');
	assert_null(oc_yaml_parse(a, oc_buf_view(&b), "t.yaml", NULL, &err));
	assert_non_null(strstr(err.msg, "nested more than 100 deep"));
	oc_arena_free(a);
	oc_buf_fini(&b);
}

static void test_marks(void **state)
{
	static const char text[] = "outcross: 1\nsources:\n  people: {path: a.jsonl,\n    id: n}\n"
				   "curate:\n  - exact\n  - words: &w {min: 3}\n  - *w\n";
	struct oc_arena *a = oc_arena_new();
	struct oc_yaml_marks *marks;
	struct oc_err err = {0};
	char at[64];
	yyjson_val *root = oc_yaml_parse(a, oc_str(text), "long/way/to/the/folder/of/a/plan.yaml",
	                                 &marks, &err);

	(void)state;
	assert_non_null(root);
	oc_yaml_where(marks, oc_json_path(root, OC_LIT("sources.people.id")), at);
	assert_string_equal(at, "...ong/way/to/the/folder/of/a/plan.yaml:4:9");
	oc_yaml_where(marks, oc_json_path(root, OC_LIT("curate.1.words.min")), at);
	assert_string_equal(at, "...ong/way/to/the/folder/of/a/plan.yaml:7:21");
	oc_yaml_where(marks, oc_json_path(root, OC_LIT("curate.2.min")), at);
	assert_string_equal(at, "...ong/way/to/the/folder/of/a/plan.yaml:7:21");
	oc_yaml_where(marks, oc_json_path(root, OC_LIT("curate")), at);
	assert_string_equal(at, "...ong/way/to/the/folder/of/a/plan.yaml:6:3");
	oc_arena_free(a);
}

/* ---------------------------------------------------------- and back again */

static void check_round(const char *json)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	struct oc_buf yaml = {0}, one = {0}, two = {0};
	yyjson_val *v = oc_json_parse(a, oc_str(json), &err), *w;

	assert_non_null(v);
	oc_yaml_write(&yaml, v, 0);
	w = oc_yaml_parse(a, oc_buf_view(&yaml), "round", NULL, &err);
	if (!w)
		print_error("%s\n->\n%s\n%s: %s\n", json, oc_buf_cstr(&yaml), err.where, err.msg);
	assert_non_null(w);
	oc_json_canonical(&one, v);
	oc_json_canonical(&two, w);
	if (strcmp(oc_buf_cstr(&one), oc_buf_cstr(&two)) != 0)
		print_error("%s\n", oc_buf_cstr(&yaml));
	assert_string_equal(oc_buf_cstr(&one), oc_buf_cstr(&two));
	oc_buf_fini(&yaml);
	oc_buf_fini(&one);
	oc_buf_fini(&two);
	oc_arena_free(a);
}

static void test_write(void **state)
{
	static const char *const cases[] = {
		"{\"a\":\"\",\"b\":\"~\",\"c\":\"true\",\"d\":\"12\",\"e\":\" x\",\"f\":\"x: y\"}",
		"{\"a\":[],\"b\":{},\"c\":[[],{}],\"d\":[[1,2],[{\"x\":[{\"y\":1}]}]]}",
		"{\"p\":\"one\\ntwo\\n\",\"q\":\"one\\n\\n  "
		"two\",\"r\":\"x\\n\\n\",\"s\":\"\\nx\"}",
		"[\"- a\",\"#b\",\"c #d\",\"e:\",\"{{ f }}\",\"[g]\",\"a, "
		"b\",\"it's\",\"\\\"q\\\"\"]",
		"[\"tab\\tin\",\"bell\\u0007\",\"\\u2028\",\"\\u0085\",\"\\ufeff\",\"\\uffff\"]",
		"{\"key: odd\":1,\"\":2,\"#\":3,\"yes\":4,\"3\":5,\"a\\nb\":6}",
		"[1,-2.5,1e300,18446744073709551615,null,false]",
		"\"alone\"",
		"[\"a very long list\",\"of strings that does\",\"not fit\",\"on one line at all\","
		"\"and more\"]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check_round(cases[i]);
}

/* Strings of characters that mean something to YAML, in values, keys and lists. */
static void test_write_random(void **state)
{
	static const char *const bits[] = {"a",
	                                   "b ",
	                                   ":",
	                                   ": ",
	                                   " #",
	                                   "-",
	                                   "\\n",
	                                   "\\n  ",
	                                   "'",
	                                   "\\\"",
	                                   "{",
	                                   "}",
	                                   "[",
	                                   ",",
	                                   "|",
	                                   ">",
	                                   "&",
	                                   "*",
	                                   "!",
	                                   "%",
	                                   "@",
	                                   "1",
	                                   "0x",
	                                   ".",
	                                   "e",
	                                   "~",
	                                   "\\t",
	                                   "\\\\",
	                                   "\xe2\x80\xa8",
	                                   "\xc3\xa9",
	                                   "?",
	                                   "null",
	                                   "---",
	                                   "\\r"};
	struct oc_rng rng;

	(void)state;
	oc_rng_init(&rng, 5, "yaml");
	for (uint64_t i = 0; i < 3000; i++) {
		struct oc_draws d;
		struct oc_buf s = {0}, doc = {0};
		oc_draws_init(&d, &rng, i);
		for (uint64_t n = oc_draw_below(&d, 8); n-- > 0;)
			oc_buf_puts(&s, bits[oc_draw_below(&d, sizeof bits / sizeof bits[0])]);
		const char *t = oc_buf_cstr(&s);
		oc_buf_printf(&doc, "{\"v\":\"%s\",\"k%s\":{\"l\":[\"%s\",{\"m\":\"%s\"}]}}", t, t,
		              t, t);
		check_round(oc_buf_cstr(&doc));
		oc_buf_fini(&s);
		oc_buf_fini(&doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),   cmocka_unit_test(test_bad),
		cmocka_unit_test(test_laughs), cmocka_unit_test(test_marks),
		cmocka_unit_test(test_write),  cmocka_unit_test(test_write_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
