/* The tolerant JSON reader: a table of what models write, cuts at every byte, coercion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/rng.h"
#include "text/tolerant.h"

static char *read_it(const char *text, size_t len, unsigned *repairs)
{
	struct oc_arena *a = oc_arena_new();
	yyjson_val *v = oc_tolerant_parse(a, (struct oc_str){text, len}, repairs);
	struct oc_buf b = {0};

	if (v)
		oc_json_write(&b, v);
	else
		oc_buf_puts(&b, "none");
	oc_arena_free(a);
	oc_buf_cstr(&b);
	return b.p;
}

static const struct {
	const char *text, *json, *repairs;
} cases[] = {
	/* as it should be */
	{"{\"a\": 1}", "{\"a\":1}", "[]"},
	{" [1, 2.50, \"x\"]\n", "[1,2.5,\"x\"]", "[]"},
	/* around it */
	{"Sure! Here it is:\n```json\n{\"a\": 1}\n```\nEnjoy.", "{\"a\":1}", "[\"prose\"]"},
	{"As noted [see below], {\"a\": [1]} is it.", "{\"a\":[1]}", "[\"prose\"]"},
	{"The set {1, 2} and [3].", "[3]", "[\"prose\"]"},
	{"no json here", "none", "[]"},
	{"", "none", "[]"},
	{"[", "none", "[]"},
	/* commas */
	{"[1, 2, ]", "[1,2]", "[\"comma\"]"},
	{"{\"a\": 1,, \"b\": 2,}", "{\"a\":1,\"b\":2}", "[\"comma\"]"},
	{"{\"a\": \"x\"\n \"b\": \"y\"}", "{\"a\":\"x\",\"b\":\"y\"}", "[\"comma\"]"},
	{"[{\"a\":1} {\"a\":2}]", "[{\"a\":1},{\"a\":2}]", "[\"comma\"]"},
	/* quotes */
	{"{'a': 'it''s'}", "{\"a\":\"it''s\"}", "[\"quotes\",\"inner_quotes\"]"},
	{"{'a': 'don't stop'}", "{\"a\":\"don't stop\"}", "[\"quotes\",\"inner_quotes\"]"},
	{"{\"a\": \"he said \"hi\" to us\"}", "{\"a\":\"he said \\\"hi\\\" to us\"}",
         "[\"inner_quotes\"]"},
	{"{\"a\": \"x \"y\", z\", \"b\": 1}", "{\"a\":\"x \\\"y\\\", z\",\"b\":1}",
         "[\"inner_quotes\"]"},
	{"{\xe2\x80\x9c"
         "a\xe2\x80\x9d: \xe2\x80\x9cq\xe2\x80\x9d}",
         "{\"a\":\"q\"}", "[\"quotes\"]"},
	{"{\"a\": \"\"\"two\nlines\"\"\"}", "{\"a\":\"two\\nlines\"}", "[\"quotes\",\"escape\"]"},
	{"{`a`: `b`}", "{\"a\":\"b\"}", "[\"quotes\"]"},
	{"{\"a\": r'b'}", "{\"a\":\"b\"}", "[\"quotes\"]"},
	/* escapes */
	{"{\"a\": \"x\ny\tz\"}", "{\"a\":\"x\\ny\\tz\"}", "[\"escape\"]"},
	{"{\"a\": \"\\d+ \\(x\\)\"}", "{\"a\":\"\\\\d+ \\\\(x\\\\)\"}", "[\"escape\"]"},
	{"{\"a\": \"\\ud83d\\ude00 \\ud83d\"}", "{\"a\":\"\xf0\x9f\x98\x80 \xef\xbf\xbd\"}",
         "[\"escape\"]"},
	{"{\"a\": '\\x41'}", "{\"a\":\"A\"}", "[\"quotes\",\"escape\"]"},
	/* keys, literals, numbers, bare text */
	{"{a: 1, b-c = 2, d => 3}", "{\"a\":1,\"b-c\":2,\"d\":3}", "[\"key\"]"},
	{"{\"a\": True, \"b\": None, \"c\": NaN, \"d\": undefined}",
         "{\"a\":true,\"b\":null,\"c\":null,\"d\":null}", "[\"literal\"]"},
	{"{\"a\": , \"b\": 1}", "{\"a\":null,\"b\":1}", "[\"literal\"]"},
	{"[+1, .5, 5., 1_000, 0x1F, 007, -0.5]", "[1,0.5,5,1000,31,7,-0.5]", "[\"number\"]"},
	{"{\"a\": twelve apples, \"b\": 1}", "{\"a\":\"twelve apples\",\"b\":1}", "[\"bare\"]"},
	{"{\"a\": 12kg}", "{\"a\":\"12kg\"}", "[\"bare\"]"},
	{"{\"a\": 123456789012345678901234567890}", "{\"a\":123456789012345678901234567890}", "[]"},
	/* comments, brackets */
	{"[1, // one\n 2, # two\n /* three */ 3, ...]", "[1,2,3]", "[\"comma\",\"comment\"]"},
	{"[1, 2}", "[1,2]", "[\"bracket\"]"},
	{"{\"a\": (1, 2)}", "{\"a\":[1,2]}", "[\"bracket\"]"},
	/* cut off: complete elements are kept, nothing is guessed */
	{"[{\"q\": \"a\", \"n\": 1}, {\"q\": \"b\", \"n\"", "[{\"q\":\"a\",\"n\":1}]", "[\"cut\"]"},
	{"[{\"q\": \"a\"}, {\"q\": \"b", "[{\"q\":\"a\"}]", "[\"cut\"]"},
	{"{\"items\": [{\"q\": 1}, {\"q\": 2}, {\"q", "{\"items\":[{\"q\":1},{\"q\":2}]}",
         "[\"cut\"]"},
	{"{\"q\": \"done\", \"a\": \"not qui", "{\"q\":\"done\"}", "[\"cut\"]"},
	{"[1, 2, 3", "[1,2]", "[\"cut\"]"},
	{"[\"a\", \"b\"", "[\"a\",\"b\"]", "[\"cut\"]"},
	/* several */
	{"{\"a\": 1}\n{\"a\": 2}", "[{\"a\":1},{\"a\":2}]", "[\"many\"]"},
	{"First {\"a\": 1}, then {'a': 2}.", "[{\"a\":1},{\"a\":2}]", "[\"quotes\",\"many\"]"},
	{"[\"note\"] [{\"a\": 1}]", "[{\"a\":1}]", "[\"prose\"]"},
	/* not UTF-8 */
	{"{\"a\": \"x\xff\"}", "{\"a\":\"x\xef\xbf\xbd\"}", "[\"utf8\"]"},
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned repairs;
		struct oc_buf names = {0};
		char *json = read_it(cases[i].text, strlen(cases[i].text), &repairs);
		oc_repairs_write(&names, repairs);
		if (strcmp(json, cases[i].json) != 0 ||
		    strcmp(oc_buf_cstr(&names), cases[i].repairs) != 0)
			fail_msg("%s\n  gives  %s %s\n  wanted %s %s", cases[i].text, json, names.p,
			         cases[i].json, cases[i].repairs);
		oc_buf_fini(&names);
		free(json);
	}
}

/* Cut anywhere: only whole elements, in order, and never one that was not there. */
static void cuts(void **state)
{
	static const char text[] = "Here: [{\"q\": \"one, {x}\", \"a\": [1, 2]}, {\"q\": \"two\", "
				   "\"a\": [3]}, {\"q\": \"three\", \"a\": []}] Done";
	static const char *const whole[] = {"none", "[{\"q\":\"one, {x}\",\"a\":[1,2]}]",
	                                    "[{\"q\":\"one, {x}\",\"a\":[1,2]},{\"q\":\"two\","
	                                    "\"a\":[3]}]",
	                                    "[{\"q\":\"one, {x}\",\"a\":[1,2]},{\"q\":\"two\","
	                                    "\"a\":[3]},{\"q\":\"three\",\"a\":[]}]"};
	size_t last = 0;

	(void)state;
	for (size_t len = 0; len < sizeof text; len++) {
		char *json = read_it(text, len, NULL);
		size_t n = 0;
		while (n < 4 && strcmp(json, whole[n]) != 0)
			n++;
		/* before the first element is whole, its own parts are the best there is */
		if (n == 4 && last > 0)
			fail_msg("%.*s gives %s", (int)len, text, json);
		if (n < 4) {
			assert_true(n >= last);
			last = n;
		}
		free(json);
	}
	assert_int_equal(last, 3);
}

/* Random bytes of the grammar: no crash, and what comes out is JSON. Nesting is bounded. */
static void noise(void **state)
{
	static const char alphabet[] = "{}[]()\"'`,:=\\/#*.\n -+0123456789abtrueNn\xe2\x80\x9c\xff";
	struct oc_rng rng;
	char text[400];

	(void)state;
	oc_rng_init(&rng, 7, "noise");
	for (uint64_t i = 0; i < 20000; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		size_t len = oc_draw_below(&d, sizeof text);
		for (size_t k = 0; k < len; k++)
			text[k] = alphabet[oc_draw_below(&d, sizeof alphabet - 1)];
		free(read_it(text, len, NULL));
	}
	char *deep = malloc(200000);
	memset(deep, '[', 200000);
	char *json = read_it(deep, 200000, NULL);
	assert_string_equal(json, "none");
	free(json);
	free(deep);
}

static void items(void **state)
{
	static const struct {
		const char *json;
		size_t n;
		bool list;
	} rows[] = {{"[{\"a\":1},{\"a\":2}]", 2, true},
	            {"{\"items\":[{\"a\":1}],\"n\":1}", 1, true},
	            {"{\"a\":1,\"b\":[1]}", 1, false},
	            {"{\"x\":[{}],\"y\":[{}]}", 1, false},
	            {"[]", 0, true}};
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		yyjson_val *list;
		yyjson_val *v = oc_json_parse(a, oc_str(rows[i].json), &err);
		assert_int_equal(oc_tolerant_items(v, &list), rows[i].n);
		assert_int_equal(list != NULL, rows[i].list);
	}
	oc_arena_free(a);
}

static void coercion(void **state)
{
	static const struct {
		const char *json, *want, *got; /* NULL: it cannot be */
	} rows[] = {{"4", "text", "\"4\""},
	            {"\"x\"", "text", "\"x\""},
	            {"[\"x\"]", "text", "\"x\""},
	            {"true", "text", "\"true\""},
	            {"[1,2]", "text", NULL},
	            {"null", "text", NULL},
	            {"\"1,234\"", "number", "1234"},
	            {"\" 3.5 \"", "number", "3.5"},
	            {"\"three\"", "number", NULL},
	            {"true", "number", NULL},
	            {"3.0", "integer", "3"},
	            {"3.5", "integer", NULL},
	            {"1e300", "integer", NULL},
	            {"\"Yes\"", "bool", "true"},
	            {"0", "bool", "false"},
	            {"\"maybe\"", "bool", NULL},
	            {"1", "list", "[1]"},
	            {"[1]", "list", "[1]"},
	            {"{\"a\":1}", "any", "{\"a\":1}"}};
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct oc_buf out = {0}, wrapped = {0};
		oc_buf_printf(&wrapped, "[%s]", rows[i].json);
		yyjson_val *v = oc_json_parse(a, oc_buf_view(&wrapped), &err);
		int want = oc_want_parse(oc_str(rows[i].want));
		assert_true(want >= 0);
		bool ok = oc_coerce(&out, yyjson_arr_get_first(v), (enum oc_want)want);
		if (ok != (rows[i].got != NULL) || (ok && strcmp(oc_buf_cstr(&out), rows[i].got)))
			fail_msg("%s as %s gives %s", rows[i].json, rows[i].want,
			         ok ? oc_buf_cstr(&out) : "nothing");
		oc_buf_fini(&out);
		oc_buf_fini(&wrapped);
	}
	assert_int_equal(oc_want_parse(OC_LIT("string")), -1);
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table), cmocka_unit_test(cuts),     cmocka_unit_test(noise),
		cmocka_unit_test(items), cmocka_unit_test(coercion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
