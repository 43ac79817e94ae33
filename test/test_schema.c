/* schema: every keyword by hand, refusals, limits, and random cases against Python's jsonschema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "curate/json_schema.h"
#include "stage.h"

/* The keyword that fails and where, "" when the value is good, "limit" when it cannot be said. */
static const char *ask(const char *schema, const char *value)
{
	static char out[512];
	struct oc_err err = {0};
	struct oc_arena *a = oc_arena_new();
	yyjson_val *s = oc_json_parse(a, oc_str(schema), &err),
		   *v = oc_json_parse(a, oc_str(value), &err);
	struct oc_schema_fault fault;

	assert_non_null(s);
	assert_non_null(v);
	struct oc_schema *compiled = oc_schema_compile(s, &err);
	if (!compiled)
		fail_msg("%s: %s", schema, err.msg);
	struct oc_schema_scratch *t = oc_schema_scratch_new(compiled);
	switch (oc_schema_check(compiled, t, v, &fault)) {
	case OC_SCHEMA_GOOD: out[0] = 0; break;
	case OC_SCHEMA_LIMIT: snprintf(out, sizeof out, "limit"); break;
	case OC_SCHEMA_BAD:
		snprintf(out, sizeof out, "%s %.*s", fault.keyword, OC_ARG(fault.path));
		assert_true(fault.expected.len > 0);
		break;
	}
	oc_schema_scratch_free(t);
	oc_schema_free(compiled);
	oc_arena_free(a);
	return out;
}

static void each_keyword_does_its_work(void **state)
{
	(void)state;
	static const struct {
		const char *schema, *value, *want;
	} cases[] = {
		{"{}", "1", ""},
		{"true", "1", ""},
		{"false", "1", "false "},
		{"{\"type\":\"integer\"}", "1.0", ""},
		{"{\"type\":\"integer\"}", "1.5", "type "},
		{"{\"type\":\"integer\"}", "123456789012345678901234567890", ""},
		{"{\"type\":[\"string\",\"null\"]}", "null", ""},
		{"{\"type\":[\"string\",\"null\"]}", "0", "type "},
		{"{\"enum\":[1,\"a\",{\"x\":[1,2]}]}", "{\"x\":[1.0,2]}", ""},
		{"{\"enum\":[1,\"a\"]}", "\"b\"", "enum "},
		{"{\"const\":{\"a\":1,\"b\":2}}", "{\"b\":2,\"a\":1.0}", ""},
		{"{\"const\":[1]}", "[1,1]", "const "},
		{"{\"const\":0}", "false", "const "},
		{"{\"minimum\":9007199254740993}", "9007199254740992", "minimum "},
		{"{\"maximum\":3}", "3", ""},
		{"{\"maximum\":3}", "3.0001", "maximum "},
		{"{\"exclusiveMinimum\":-1}", "-1", "exclusiveMinimum "},
		{"{\"exclusiveMaximum\":1}", "0.5", ""},
		{"{\"minimum\":5}", "1e400", ""},
		{"{\"multipleOf\":0.1}", "0.3", ""},
		{"{\"multipleOf\":4}", "10", "multipleOf "},
		{"{\"minLength\":2}", "\"\\u00e9\"", "minLength "},
		{"{\"maxLength\":1}", "\"\\ud83d\\ude00\"", ""},
		{"{\"maxLength\":1}", "5", ""},
		{"{\"pattern\":\"^a+$\"}", "\"aa\"", ""},
		{"{\"pattern\":\"^a+$\"}", "\"aa\\n\"", "pattern "},
		{"{\"pattern\":\"b\"}", "\"abc\"", ""},
		{"{\"pattern\":\"^\\\\u00e9$\"}", "\"\\u00e9\"", ""},
		{"{\"required\":[\"a\",\"b\"]}", "{\"a\":1}", "required "},
		{"{\"required\":[\"a\"]}", "[]", ""},
		{"{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":1}", "type /a"},
		{"{\"properties\":{\"a/b\":{\"type\":\"string\"}}}", "{\"a/b\":1}", "type /a~1b"},
		{"{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"a\":1,\"c\":2}",
	         "additionalProperties /c"},
		{"{\"additionalProperties\":{\"type\":\"null\"}}", "{\"c\":2}", "type /c"},
		{"{\"patternProperties\":{\"^x\":{\"type\":\"null\"}},\"additionalProperties\":"
	         "false}",
	         "{\"xy\":null}", ""},
		{"{\"patternProperties\":{\"^x\":{\"type\":\"null\"}}}", "{\"xy\":0}", "type /xy"},
		{"{\"minProperties\":1}", "{}", "minProperties "},
		{"{\"maxProperties\":1}", "{\"a\":1,\"b\":1}", "maxProperties "},
		{"{\"items\":{\"type\":\"integer\"}}", "[1,2,\"x\"]", "type /2"},
		{"{\"prefixItems\":[{\"type\":\"string\"}],\"items\":false}", "[\"a\",1]",
	         "false /1"},
		{"{\"prefixItems\":[{\"type\":\"string\"}]}", "[1]", "type /0"},
		{"{\"minItems\":2}", "[1]", "minItems "},
		{"{\"maxItems\":2}", "[1,2,3]", "maxItems "},
		{"{\"uniqueItems\":true}", "[1,\"1\",{\"a\":1},{\"a\":2},[1],true]", ""},
		{"{\"uniqueItems\":true}", "[{\"a\":1,\"b\":0},3,{\"b\":-0.0,\"a\":1.0}]",
	         "uniqueItems /2"},
		{"{\"anyOf\":[{\"type\":\"null\"},{\"minimum\":3}]}", "4", ""},
		{"{\"anyOf\":[{\"type\":\"null\"},{\"minimum\":3}]}", "2", "anyOf "},
		{"{\"oneOf\":[{\"minimum\":1},{\"minimum\":3}]}", "2", ""},
		{"{\"oneOf\":[{\"minimum\":1},{\"minimum\":3}]}", "4", "oneOf "},
		{"{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "4", "maximum "},
		{"{\"not\":{\"type\":\"null\"}}", "null", "not "},
		{"{\"not\":{\"not\":{\"type\":\"null\"}}}", "null", ""},
		{"{\"$defs\":{\"p\":{\"minimum\":0}},\"properties\":{\"x\":{\"$ref\":\"#/$defs/"
	         "p\"}}}",
	         "{\"x\":-1}", "minimum /x"},
		{"{\"properties\":{\"next\":{\"$ref\":\"#\"},\"v\":{\"type\":\"integer\"}}}",
	         "{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":\"x\"}}}", "type /next/next/v"},
		{"{\"$ref\":\"#/$defs/p\",\"maximum\":5,\"$defs\":{\"p\":{\"minimum\":0}}}", "9",
	         "maximum "},
		/* what cannot be said */
		{"{\"$ref\":\"#\"}", "1", "limit"},
		{"{\"pattern\":\"^(a+)+$\"}", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"",
	         "limit"},
		{"{\"anyOf\":[{\"pattern\":\"^(a+)+$\"},{}]}",
	         "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"", "limit"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got = ask(cases[i].schema, cases[i].value);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s of %s: \"%s\", not \"%s\"", cases[i].schema, cases[i].value,
			         got, cases[i].want);
	}
}

static void what_would_not_be_checked_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *options, *says;
	} bad[] = {
		{"{schema: {typ: string}}", "did you mean \"type\""},
		{"{schema: {properties: {a: {format: date}}}}", "\"format\" is not supported"},
		{"{schema: {properties: {a: {format: date}}}}", "/properties/a"},
		{"{schema: {type: text}}", "must be null, boolean"},
		{"{schema: {minLength: -1}}", "whole number"},
		{"{schema: {pattern: '(a'}}", "no regular expression"},
		{"{schema: {$ref: '#/$defs/none'}}", "points to nothing"},
		{"{schema: {$ref: 'https://example.com/x'}}", "into this schema"},
		{"{schema: {$defs: {unused: {iff: 1}}}}", "iff"},
		{"{schema: {items: 5}}", "a schema is a mapping"},
		{"{schema: {enum: []}}", "list of values"},
		{"{}", "either `schema:`"},
		{"{file: none.json}", "none.json"},
		{"{schema: {}, text: true}", "needs `field:`"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct oc_err err = {0};
		struct oc_driven d;
		assert_int_equal(oc_driven_open(&d, "schema", bad[i].options, 0, &err), -1);
		if (!strstr(err.msg, bad[i].says) && !strstr(err.where, bad[i].says))
			fail_msg("%s: %s %s", bad[i].options, err.where, err.msg);
	}
}

static void a_row_gets_rule_place_and_values(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_batch *b = oc_batch_new(16);
	struct oc_row *row;

	assert_int_equal(oc_driven_open(&d, "schema",
	                                "{schema: {required: [q], properties: {q: {type: string, "
	                                "maxLength: 3}, tags: {items: {enum: [a, b]}}}}}",
	                                0, &err),
	                 0);
	row = oc_driven_row(b, "{\"q\":\"abc\",\"tags\":[\"a\"]}", 0, OC_UNKNOWN);
	oc_driven_run(&d, row);
	assert_int_equal(row->fate, OC_LIVE);
	row = oc_driven_row(b, "{\"q\":\"abcd\"}", 1, OC_UNKNOWN);
	oc_driven_run(&d, row);
	assert_string_equal(oc_last_rule(row), "maxLength");
	assert_string_equal(oc_last_evidence(row),
	                    "{\"path\":\"/q\",\"expected\":\"at most 3 characters\",\"found\":\"4 "
	                    "characters\"}");
	row = oc_driven_row(b, "{\"q\":\"\",\"tags\":[\"a\",\"c\"]}", 2, OC_UNKNOWN);
	oc_driven_run(&d, row);
	assert_string_equal(oc_last_evidence(row),
	                    "{\"path\":\"/tags/1\",\"expected\":\"one of [\\\"a\\\",\\\"b\\\"]\","
	                    "\"found\":\"\\\"c\\\"\"}");
	row = oc_driven_row(b, "{\"tags\":[]}", 3, OC_UNKNOWN);
	oc_driven_run(&d, row);
	assert_string_equal(oc_last_evidence(row), "{\"path\":\"\",\"expected\":\"a member "
	                                           "\\\"q\\\"\",\"found\":\"members tags\"}");
	oc_driven_close(&d);

	assert_int_equal(oc_driven_open(&d, "schema",
	                                "{field: out, text: true, schema: {type: object}}", 0,
	                                &err),
	                 0);
	static const struct {
		const char *json, *rule;
	} texts[] = {{"{\"out\":\"{}\"}", ""},
	             {"{\"out\":\"[1]\"}", "type"},
	             {"{\"out\":\"[1\"}", "not_json"},
	             {"{\"out\":{}}", "not_json"},
	             {"{}", "required"}};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		row = oc_driven_row(b, texts[i].json, 10 + i, OC_UNKNOWN);
		oc_driven_run(&d, row);
		assert_string_equal(oc_last_rule(row), texts[i].rule);
	}
	oc_driven_close(&d);

	/* what takes too long is held for people, not dropped */
	assert_int_equal(
		oc_driven_open(&d, "schema", "{field: t, schema: {pattern: '^(a+)+$'}}", 0, &err),
		0);
	row = oc_driven_row(b, "{\"t\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}", 20,
	                    OC_UNKNOWN);
	oc_driven_run(&d, row);
	assert_int_equal(row->fate, OC_HELD);
	assert_string_equal(oc_last_rule(row), "limit");
	oc_driven_close(&d);
	oc_batch_free(b);
}

/* ------------------------------------------------------------ random cases */

static void make_value(struct oc_buf *b, struct oc_draws *d, unsigned depth)
{
	static const char *const plain[] = {
		"null", "true", "false", "0",      "1",       "1.0",          "2", "-3",     "0.5",
		"3.5",  "\"\"", "\"a\"", "\"ab\"", "\"abc\"", "\"\\u00e9a\"", "7", "\"b12\""};
	uint64_t what = oc_draw_below(d, depth ? 10 : 6), n;

	if (what < 6) {
		oc_buf_puts(b, plain[oc_draw_below(d, sizeof plain / sizeof *plain)]);
		return;
	}
	n = oc_draw_below(d, 4);
	oc_buf_putc(b, what < 8 ? '[' : '{');
	unsigned used = 0;
	for (uint64_t i = 0, k = 0; i < n; i++) {
		unsigned name = (unsigned)oc_draw_below(d, 4);
		if (what >= 8 && used & 1u << name)
			continue;
		used |= 1u << name;
		if (k++)
			oc_buf_putc(b, ',');
		if (what >= 8)
			oc_buf_printf(b, "\"%c\":", 'a' + name);
		make_value(b, d, depth - 1);
	}
	oc_buf_putc(b, what < 8 ? ']' : '}');
}

static void make_schema(struct oc_buf *b, struct oc_draws *d, unsigned depth)
{
	static const char *const types[] = {"null",   "boolean", "integer", "number",
	                                    "string", "array",   "object"};
	static const char *const patterns[] = {"^a", "b$", "[0-9]+", "^.{2}$", "a|b1"};
	unsigned n = 0;

	if (depth && oc_draw_below(d, 16) == 0) {
		oc_buf_puts(b, oc_draw_below(d, 2) ? "true" : "false");
		return;
	}
	oc_buf_putc(b, '{');
#define NEXT oc_buf_puts(b, n++ ? "," : "")
	for (unsigned k = 0; k < 22; k++) {
		if (oc_draw_below(d, 9))
			continue;
		if (k >= 13 && !depth)
			continue;
		NEXT;
		switch (k) {
		case 0: oc_buf_printf(b, "\"type\":\"%s\"", types[oc_draw_below(d, 7)]); break;
		case 1:
			oc_buf_puts(b, "\"enum\":[");
			make_value(b, d, 1);
			oc_buf_putc(b, ',');
			make_value(b, d, 2);
			oc_buf_putc(b, ']');
			break;
		case 2:
			oc_buf_puts(b, "\"const\":");
			make_value(b, d, 1);
			break;
		case 3: oc_buf_printf(b, "\"minimum\":%d", (int)oc_draw_below(d, 5) - 2); break;
		case 4:
			oc_buf_printf(b, "\"exclusiveMaximum\":%d", (int)oc_draw_below(d, 5));
			break;
		case 5: oc_buf_printf(b, "\"minLength\":%d", (int)oc_draw_below(d, 3)); break;
		case 6: oc_buf_printf(b, "\"maxLength\":%d", (int)oc_draw_below(d, 4)); break;
		case 7:
			oc_buf_printf(b, "\"pattern\":\"%s\"", patterns[oc_draw_below(d, 5)]);
			break;
		case 8: oc_buf_printf(b, "\"minItems\":%d", (int)oc_draw_below(d, 3)); break;
		case 9: oc_buf_printf(b, "\"maxItems\":%d", (int)oc_draw_below(d, 4)); break;
		case 10: oc_buf_puts(b, "\"uniqueItems\":true"); break;
		case 11:
			oc_buf_printf(b, "\"required\":[\"%c\"]", 'a' + (int)oc_draw_below(d, 4));
			break;
		case 12: oc_buf_printf(b, "\"multipleOf\":%d", 1 + (int)oc_draw_below(d, 3)); break;
		case 13:
		case 14:
			oc_buf_puts(b, k == 13 ? "\"properties\":{\"a\":"
			                       : "\"patternProperties\":{\"[bc]\":");
			make_schema(b, d, depth - 1);
			oc_buf_putc(b, '}');
			break;
		case 15:
		case 16:
		case 17:
			oc_buf_puts(b, k == 15   ? "\"additionalProperties\":"
			               : k == 16 ? "\"items\":"
			                         : "\"not\":");
			make_schema(b, d, depth - 1);
			break;
		default:
			oc_buf_puts(b, k == 18   ? "\"anyOf\":["
			               : k == 19 ? "\"oneOf\":["
			               : k == 20 ? "\"allOf\":["
			                         : "\"prefixItems\":[");
			make_schema(b, d, depth - 1);
			oc_buf_putc(b, ',');
			make_schema(b, d, depth - 1);
			oc_buf_putc(b, ']');
		}
	}
#undef NEXT
	oc_buf_putc(b, '}');
}

static void random_cases_agree_with_jsonschema(void **state)
{
	(void)state;
	enum { N = 6000 };
	char dir[] = "/tmp/outcross-test-XXXXXX", path[64], command[256], line[16];
	struct oc_err err = {0};
	struct oc_buf all = {0}, one = {0};
	struct oc_rng rng;
	unsigned good = 0;

	if (system("python3 -c 'import jsonschema' 2>/dev/null") != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/cases.jsonl", dir);
	oc_rng_init(&rng, 4, "test/schema");
	for (uint64_t i = 0; i < N; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		oc_buf_puts(&all, "{\"schema\":");
		make_schema(&all, &d, 3);
		oc_buf_puts(&all, ",\"value\":");
		make_value(&all, &d, 3);
		oc_buf_puts(&all, "}\n");
	}
	assert_int_equal(oc_file_write(path, all.p, all.len, &err), 0);
	snprintf(command, sizeof command, "python3 test/schema_oracle.py %s", path);
	FILE *oracle = popen(command, "r");
	assert_non_null(oracle);
	for (uint64_t i = 0; i < N; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		one.len = 0;
		make_schema(&one, &d, 3);
		oc_buf_putc(&one, 0);
		size_t at = one.len;
		make_value(&one, &d, 3);
		oc_buf_putc(&one, 0);
		assert_non_null(fgets(line, sizeof line, oracle));
		const char *got = ask(one.p, one.p + at);
		if ((line[0] == '1') != !*got)
			fail_msg("%s of %s: \"%s\", jsonschema says %s", one.p, one.p + at, got,
			         line);
		good += line[0] == '1';
	}
	pclose(oracle);
	assert_true(good > N / 5 && good < N * 4 / 5);
	assert_int_equal(oc_remove_tree(dir, &err), 0);
	oc_buf_fini(&all);
	oc_buf_fini(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_keyword_does_its_work),
		cmocka_unit_test(what_would_not_be_checked_is_refused),
		cmocka_unit_test(a_row_gets_rule_place_and_values),
		cmocka_unit_test(random_cases_agree_with_jsonschema),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
