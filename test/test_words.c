/* words: every rule by hand, and the presets against an independent reading in Python. */
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
#include "data/opts.h"
#include "plan/registry.h"
#include "stage.h"
#include "text/utf8.h"

static const char *judge(struct oc_driven *d, const char *json)
{
	static char out[256];
	struct oc_batch *b = oc_batch_new(1);
	struct oc_row *row = oc_driven_row(b, json, 0, OC_SYNTHETIC);

	oc_driven_run(d, row);
	snprintf(out, sizeof out, "%s", row->fate == OC_LIVE ? "" : oc_last_rule(row));
	oc_batch_free(b);
	return out;
}

static void check(const char *options, const char *json, const char *rule)
{
	struct oc_err err = {0};
	struct oc_driven d;

	if (oc_driven_open(&d, "words", options, 0, &err))
		fail_msg("%s", err.msg);
	const char *got = judge(&d, json);
	if (strcmp(got, rule) != 0)
		fail_msg("%s of %s: %s, not %s", options, json, got, rule);
	oc_driven_close(&d);
}

static void each_rule_has_its_name(void **state)
{
	(void)state;
	check("{min: 3}", "{\"text\":\"one two\"}", "too_short");
	check("{min: 3}", "{\"text\":\"one two three\"}", "");
	check("{max: 3}", "{\"text\":\"one two three four\"}", "too_long");
	check("{blacklist: [map]}", "{\"text\":\"A Map!\"}", "blacklist");
	check("{blacklist: [map]}", "{\"text\":\"maps and_map map2 remap\"}", "");
	check("{blacklist: [map]}", "{\"text\":\"\\u00e9map\"}", "");
	check("{blacklist: [map]}", "{\"text\":\"\\u00bfmap?\"}", "blacklist");
	check("{blacklist: [go to]}", "{\"text\":\"please GO TO bed\"}", "blacklist");
	check("{blacklist: [go to]}", "{\"text\":\"go  to\"}", "");
	check("{blacklist: ['#1']}", "{\"text\":\"we are#1\"}", "blacklist");
	check("{blacklist: [\xC3\xA9t\xC3\xA9]}", "{\"text\":\"L'\\u00c9T\\u00c9.\"}", "blacklist");
	check("{starts_with: [Write a]}", "{\"text\":\"Write a b\"}", "starts_with");
	check("{starts_with: [Write a]}", "{\"text\":\"write a b\"}", "");
	check("{starts_with: [Write a], any_case: true}", "{\"text\":\"wRITE A b\"}",
	      "starts_with");
	check("{first_char: [not_punctuation]}", "{\"text\":\"_a\"}", "first_punctuation");
	check("{first_char: [ascii]}", "{\"text\":\"\\u00e9\"}", "first_not_ascii");
	check("{first_char: [ascii]}", "{\"text\":\"_\"}", "");
	check("{ends_with: [':']}", "{\"text\":\"as follows: \"}", "ends_with");
	check("{filled: [a, b]}", "{\"a\":\"x\",\"b\":\" \"}", "empty");
	check("{filled: [a, b]}", "{\"a\":\"x\",\"b\":3}", "");
	check("{differ: [a, b, c]}", "{\"a\":\"x\",\"b\":\"y\",\"c\":\"x\"}", "same_fields");
	check("{preset: alpaca, field: instruction}", "{\"instruction\":\"a b c\",\"z\":\"d\"}",
	      "too_short");
	check("{preset: alpaca, min: 1, blacklist: []}", "{\"text\":\"draw\"}", "");
	check("{preset: alpaca, first_char: []}", "{\"text\":\"(a b c d\"}", "");
}

static void evidence_and_score_are_given(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_batch *b = oc_batch_new(4);

	assert_int_equal(oc_driven_open(&d, "words", "{max: 3, blacklist: [plot]}", 0, &err), 0);
	struct oc_row *row = oc_driven_row(b, "{\"text\":\"a PLOT\"}", 0, OC_SYNTHETIC);
	oc_driven_run(&d, row);
	assert_string_equal(oc_last_evidence(row), "{\"word\":\"plot\"}");
	row = oc_driven_row(b, "{\"text\":\"a b c d e\"}", 1, OC_SYNTHETIC);
	oc_driven_run(&d, row);
	assert_int_equal(row->verdict_n, 1);
	assert_true(row->verdicts[0].has_score && row->verdicts[0].score == 5 &&
	            row->verdicts[0].threshold == 3);
	oc_driven_close(&d);
	oc_batch_free(b);
}

static void bad_options_are_refused(void **state)
{
	(void)state;
	struct oc_driven d;
	static const char *bad[] = {"{min: 5, max: 4}", "{blacklist: ['']}",
	                            "{first_char: [upper]}", "{preset: evol}", "{min: -1}"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct oc_err err = {0};
		assert_int_equal(oc_driven_open(&d, "words", bad[i], 0, &err), -1);
		assert_true(strlen(err.msg) > 10);
	}
}

/* `plan --expand` prints what is resolved here. */
static void a_preset_is_spelled_out(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_arena *a = oc_arena_new();
	struct oc_buf b = {0};
	yyjson_val *given =
		oc_json_parse(a, OC_LIT("{\"preset\":\"self_instruct\",\"max\":60}"), &err);
	yyjson_val *opts = oc_opts_resolve(a, oc_stage_find(OC_LIT("words"))->options, given,
	                                   "words", NULL, NULL, &err);

	assert_non_null(opts);
	oc_json_write(&b, opts);
	assert_string_equal(oc_buf_cstr(&b),
	                    "{\"field\":\"\",\"preset\":\"self_instruct\",\"min\":4,\"max\":60,"
	                    "\"blacklist\":[\"image\",\"images\",\"graph\",\"graphs\",\"picture\","
	                    "\"pictures\",\"file\",\"files\",\"map\",\"maps\",\"draw\",\"plot\","
	                    "\"go to\"],\"starts_with\":[\"Write a program\"],\"any_case\":true,"
	                    "\"first_char\":[\"not_punctuation\",\"ascii\"]}");
	oc_buf_fini(&b);
	oc_arena_free(a);
}

/* Texts made of what the rules stumble over: borders, cases, white space, odd letters. */
static void make_text(struct oc_buf *b, uint64_t i)
{
	static const char *const pieces[] = {"image",
	                                     "IMAGES",
	                                     "graphs",
	                                     "Picture",
	                                     "file",
	                                     "files",
	                                     "map",
	                                     "Draw",
	                                     "plot",
	                                     "go to",
	                                     "go",
	                                     "to",
	                                     "video",
	                                     "audio",
	                                     "music",
	                                     "flowchart",
	                                     "diagram",
	                                     "Write a program",
	                                     "write a program",
	                                     "Write",
	                                     "a",
	                                     "program",
	                                     "the",
	                                     "list",
	                                     "\xE2\x84\xAA", /* Kelvin sign */
	                                     "f\xC4\xB1le",  /* dotless i */
	                                     ("V\xC4\xB0"
	                                      "DEO"), /* dotted I */
	                                     "map\xC5\xBF",
	                                     "\xC5\xBF",
	                                     "\xC3\xA9",
	                                     "\xE4\xB8\xAD",
	                                     "\xCC\x81", /* accent */
	                                     "\xC2\xB2",
	                                     "\xE2\x85\xA3",
	                                     "_",
	                                     "\xE2\x80\xBF",
	                                     "3",
	                                     "!",
	                                     "(",
	                                     "\xC2\xBF",
	                                     ".",
	                                     "\xE2\x80\x94",
	                                     "\xF0\x9F\x90\x88"};
	static const char *const gaps[] = {" ",  " ",        " ",
	                                   " ",  "",         "\t",
	                                   "\n", "\xC2\xA0", "\xE3\x80\x80",
	                                   "-",  "\x1C",     "\xE2\x80\x8B",
	                                   ", "};
	struct oc_rng rng;
	struct oc_draws d;
	uint64_t n;

	oc_rng_init(&rng, 2, "test/words");
	oc_draws_init(&d, &rng, i);
	n = i % 40 == 0 ? 140 + oc_draw_below(&d, 20) : oc_draw_below(&d, 12);
	b->len = 0;
	for (uint64_t k = 0; k < n; k++) {
		/* most pieces are harmless, or nothing would get past the blacklist */
		bool any = oc_draw_below(&d, 8) == 0;
		if (any || k == 0)
			oc_buf_puts(b, pieces[oc_draw_below(&d, sizeof pieces / sizeof *pieces)]);
		else
			oc_buf_printf(b, "w%u", (unsigned)oc_draw_below(&d, 90));
		oc_buf_puts(b, i % 40 == 0 || !any
		                       ? " "
		                       : gaps[oc_draw_below(&d, sizeof gaps / sizeof *gaps)]);
	}
}

static void compare(const char *preset, const char *dir)
{
	enum { N = 20000 };
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_buf rows = {0}, text = {0};
	char path[128], command[512], rule[64], options[64];
	unsigned seen[8] = {0};
	static const char *const rules[] = {
		"-",           "too_short",         "too_long",       "blacklist",
		"starts_with", "first_punctuation", "first_not_ascii"};

	for (uint64_t i = 0; i < N; i++) {
		make_text(&text, i);
		oc_buf_puts(&rows, "{\"text\":");
		oc_buf_json(&rows, oc_buf_view(&text));
		oc_buf_puts(&rows, "}\n");
	}
	snprintf(path, sizeof path, "%s/rows.jsonl", dir);
	assert_int_equal(oc_file_write(path, rows.p, rows.len, &err), 0);
	snprintf(command, sizeof command, "python3 test/words_oracle.py %s %s", preset, path);
	FILE *oracle = popen(command, "r");
	assert_non_null(oracle);
	snprintf(options, sizeof options, "{preset: %s}", preset);
	assert_int_equal(oc_driven_open(&d, "words", options, 0, &err), 0);
	const char *p = rows.p;
	for (uint64_t i = 0; i < N; i++) {
		char line[8192];
		size_t len = (size_t)(strchr(p, '\n') - p);
		memcpy(line, p, len);
		line[len] = 0;
		p += len + 1;
		assert_non_null(fgets(rule, sizeof rule, oracle));
		rule[strcspn(rule, "\n")] = 0;
		const char *got = judge(&d, line);
		if (strcmp(*got ? got : "-", rule) != 0)
			fail_msg("%s: %s, Python says %s", line, *got ? got : "-", rule);
		for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
			seen[k] += strcmp(rule, rules[k]) == 0;
	}
	for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
		assert_true(seen[k] > 20);
	assert_int_equal(pclose(oracle), 0);
	oc_driven_close(&d);
	oc_buf_fini(&rows);
	oc_buf_fini(&text);
}

static void presets_decide_as_python_does(void **state)
{
	(void)state;
	struct oc_err err = {0};
	char dir[] = "/tmp/outcross-test-XXXXXX";

	if (system("python3 -c pass 2>/dev/null") != 0 || access("test/words_oracle.py", R_OK))
		skip();
	assert_non_null(mkdtemp(dir));
	compare("alpaca", dir);
	compare("self_instruct", dir);
	assert_int_equal(oc_remove_tree(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_has_its_name),
		cmocka_unit_test(evidence_and_score_are_given),
		cmocka_unit_test(bad_options_are_refused),
		cmocka_unit_test(a_preset_is_spelled_out),
		cmocka_unit_test(presets_decide_as_python_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
