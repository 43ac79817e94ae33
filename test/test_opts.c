/* Option tables: defaults, units, ranges, nested tables, and every message they give. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/err.h"
#include "data/opts.h"
#include "data/yaml.h"

static const struct oc_option inner[] = {
	{.key = "n", .type = OC_OPT_INT, .def = "3", .min = 1, .max = 9},
	{.key = "label", .type = OC_OPT_STR},
	{0},
};

static const struct oc_option table[] = {
	{.key = "flag", .type = OC_OPT_BOOL, .def = "true"},
	{.key = "count", .type = OC_OPT_INT, .def = "10", .min = 1, .max = 1000, .unit = "rows"},
	{.key = "share", .type = OC_OPT_NUM, .min = 0, .max = NAN},
	{.key = "text", .type = OC_OPT_STR, .def = ""},
	{.key = "mode", .type = OC_OPT_ENUM, .choices = "fast|careful|none", .def = "fast"},
	{.key = "size", .type = OC_OPT_BYTES, .def = "1MiB"},
	{.key = "wait", .type = OC_OPT_DURATION, .def = "2m"},
	{.key = "field", .type = OC_OPT_FIELD, .def = "answer"},
	{.key = "words", .type = OC_OPT_STRS, .def = "[a, b]"},
	{.key = "map", .type = OC_OPT_MAP},
	{.key = "part", .type = OC_OPT_TABLE, .table = inner, .def = "{}"},
	{.key = "parts", .type = OC_OPT_TABLES, .table = inner},
	{.key = "keep", .type = OC_OPT_STAGES},
	{.key = "any", .type = OC_OPT_ANY},
	{0},
};

#define DEFAULTS                                                                                   \
	"{\"flag\":true,\"count\":10,\"text\":\"\",\"mode\":\"fast\",\"size\":1048576,"            \
	"\"wait\":120.0,\"field\":\"answer\",\"words\":[\"a\",\"b\"],\"part\":{\"n\":3}}"

/* Resolves YAML; the result or "where: message" as text. */
static void resolve(const char *yaml, struct oc_buf *out)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	struct oc_yaml_marks *marks;
	yyjson_val *v = oc_yaml_parse(a, oc_str(yaml), "p.yaml", &marks, &err), *r;

	assert_non_null(v);
	r = oc_opts_resolve(a, table, v, "stage x", oc_yaml_where, marks, &err);
	out->len = 0;
	if (r)
		oc_json_write(out, r);
	else
		oc_buf_printf(out, "%s: %s", err.where, err.msg);
	oc_arena_free(a);
}

static void test_values(void **state)
{
	static const char *const cases[][2] = {
		{"", DEFAULTS},
		{"{}", DEFAULTS},
		{"{count: , text: }", DEFAULTS},
		{"{count: 1k}",
	         "{\"flag\":true,\"count\":1000,\"text\":\"\",\"mode\":\"fast\",\"size\":1048576,"
	         "\"wait\":120.0,\"field\":\"answer\",\"words\":[\"a\",\"b\"],\"part\":{\"n\":3}}"},
		/* given in any order, resolved in the table's */
		{"{any: [1, {b: 2}], parts: [{n: 4}, {label: 7}], wait: 1h30m, size: 1.5GB, "
	         "words: one, mode: none, share: 2, flag: false, map: {z: 1, y: 2}, keep: [a, {b: "
	         "{c: 1}}]}",
	         "{\"flag\":false,\"count\":10,\"share\":2.0,\"text\":\"\",\"mode\":\"none\","
	         "\"size\":1500000000,\"wait\":5400.0,\"field\":\"answer\",\"words\":[\"one\"],"
	         "\"map\":{\"z\":1,\"y\":2},\"part\":{\"n\":3},\"parts\":[{\"n\":4},{\"n\":3,"
	         "\"label\":\"7\"}],\"keep\":[\"a\",{\"b\":{\"c\":1}}],\"any\":[1,{\"b\":2}]}"},
	};
	struct oc_buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct oc_arena *a = oc_arena_new();
		struct oc_err err = {0};
		struct oc_buf got = {0}, want = {0};
		resolve(cases[i][0], &out);
		yyjson_val *g = oc_json_parse(a, oc_buf_view(&out), &err);
		yyjson_val *w = oc_json_parse(a, oc_str(cases[i][1]), &err);
		if (!g)
			print_error("%s -> %s\n", cases[i][0], oc_buf_cstr(&out));
		assert_non_null(g);
		assert_non_null(w);
		/* Written and read back, so that 120 and 120.0 are one number; order kept. */
		assert_int_equal(yyjson_obj_size(g), yyjson_obj_size(w));
		oc_json_canonical(&got, g);
		oc_json_canonical(&want, w);
		assert_string_equal(oc_buf_cstr(&got), oc_buf_cstr(&want));
		oc_buf_fini(&got);
		oc_buf_fini(&want);
		oc_arena_free(a);
	}
	resolve("{text: x, flag: false}", &out);
	assert_true(oc_str_find(oc_buf_view(&out), OC_LIT("{\"flag\":false,\"count\":10")) == 0);
	oc_buf_fini(&out);
}

static void test_messages(void **state)
{
	static const char *const cases[][2] = {
		{"{cuont: 1}", "p.yaml:1:2: unknown key `cuont` in stage x; did you mean `count`?"},
		{"a: 1\n",
	         "p.yaml:1:1: unknown key `a` in stage x; it has: flag, count, share, text, "
	         "mode, size, wait, field, words, map, part, parts, keep, any"},
		{"[1]", "p.yaml:1:1: the options of stage x must be a mapping, not a list"},
		{"flag: yes\n",
	         "p.yaml:1:7: `flag` of stage x must be true or false, not a string"},
		{"count: 0\n",
	         "p.yaml:1:8: `count` of stage x is 0, but must be from 1 to 1000 rows"},
		{"count: 2.5\n", "p.yaml:1:8: `count` of stage x must be a whole number, not 2.5"},
		{"count: ten\n",
	         "p.yaml:1:8: `count` of stage x must be a whole number, not a string"},
		{"share: -1\n", "p.yaml:1:8: `share` of stage x is -1, but must be at least 0"},
		{"share: {}\n", "p.yaml:1:8: `share` of stage x must be a number, not a mapping"},
		{"mode: carefull\n",
	         "p.yaml:1:7: `mode` of stage x cannot be `carefull`; did you mean `careful`?"},
		{"mode: blue\n",
	         "p.yaml:1:7: `mode` of stage x cannot be `blue`; it is one of: fast careful none"},
		{"mode: 3\n",
	         "p.yaml:1:7: `mode` of stage x must be one of fast|careful|none, not a number"},
		{"size: 12 apples\n",
	         "p.yaml:1:7: `size` of stage x must be a size such as 512MB or 1GiB"},
		{"wait: soon\n",
	         "p.yaml:1:7: `wait` of stage x must be a time such as 30s, 5m or 2h"},
		{"field: 3\n",
	         "p.yaml:1:8: `field` of stage x must be the name of a field, not a number"},
		{"field: ''\n", "p.yaml:1:8: `field` of stage x is empty"},
		{"words: {}\n",
	         "p.yaml:1:8: `words` of stage x must be a list of strings, not a mapping"},
		{"words: [a, [b]]\n",
	         "p.yaml:1:12: `words` of stage x must be a list of strings; this "
	         "item is a list"},
		{"map: 1\n", "p.yaml:1:6: `map` of stage x must be a mapping, not a number"},
		{"part: {nn: 1}\n",
	         "p.yaml:1:8: unknown key `nn` in `part` of stage x; did you mean `n`?"},
		{"parts: [{n: 1}, {n: 10}]\n",
	         "p.yaml:1:21: `n` of `parts` of stage x is 10, but must "
	         "be from 1 to 9"},
		{"parts: [1]\n",
	         "p.yaml:1:9: `parts` of stage x: each item must be a mapping, not a number"},
		{"keep: [{a: 1, b: 2}]\n", "p.yaml:1:8: `keep` of stage x: each item is a stage's "
	                                   "name, or `NAME: {options}`"},
	};
	struct oc_buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		resolve(cases[i][0], &out);
		assert_string_equal(oc_buf_cstr(&out), cases[i][1]);
	}
	oc_buf_fini(&out);
}

static void test_required(void **state)
{
	static const struct oc_option need[] = {
		{.key = "path", .type = OC_OPT_PATH, .required = true, .help = "the file"}, {0}};
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};

	(void)state;
	assert_null(oc_opts_resolve(a, need, NULL, "source s", NULL, NULL, &err));
	assert_string_equal(err.msg, "source s needs the key `path`: the file");
	oc_arena_free(a);
}

static void test_units(void **state)
{
	(void)state;
	assert_int_equal(oc_parse_bytes(OC_LIT("512MB")), 512000000);
	assert_int_equal(oc_parse_bytes(OC_LIT("1GiB")), 1073741824);
	assert_int_equal(oc_parse_bytes(OC_LIT(" 1.5 kB ")), 1500);
	assert_int_equal(oc_parse_bytes(OC_LIT("7")), 7);
	assert_int_equal(oc_parse_bytes(OC_LIT("")), -1);
	assert_int_equal(oc_parse_bytes(OC_LIT("-1")), -1);
	assert_int_equal(oc_parse_bytes(OC_LIT("1 elephant")), -1);
	assert_int_equal(oc_parse_bytes(OC_LIT("99999999TB")), -1);
	assert_true(oc_parse_duration(OC_LIT("90")) == 90);
	assert_true(oc_parse_duration(OC_LIT("1h30m")) == 5400);
	assert_true(oc_parse_duration(OC_LIT("250ms")) == 0.25);
	assert_true(oc_parse_duration(OC_LIT("2d")) == 172800);
	assert_true(oc_parse_duration(OC_LIT("soon")) < 0);
	assert_true(oc_parse_duration(OC_LIT("1h30x")) < 0);
}

static void test_nearest(void **state)
{
	static const char *const names[] = {"threshold", "field", "judge", "max_words",
	                                    "min_words"};

	(void)state;
#define NEAR(word) oc_nearest(OC_LIT(word), names, 5)
	assert_string_equal(NEAR("tresh"), "threshold");
	assert_string_equal(NEAR("threshhold"), "threshold");
	assert_string_equal(NEAR("feild"), "field");
	assert_string_equal(NEAR("max-words"), "max_words");
	assert_string_equal(NEAR("min"), "min_words");
	assert_null(NEAR("temperature"));
	assert_null(NEAR(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),   cmocka_unit_test(test_messages),
		cmocka_unit_test(test_required), cmocka_unit_test(test_units),
		cmocka_unit_test(test_nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
