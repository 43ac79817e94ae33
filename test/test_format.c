/* Formats: every way between them, and what is refused and why. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "data/format.h"

static struct oc_batch *batch;

static int up(void **state)
{
	(void)state;
	batch = oc_batch_new(4096);
	return 0;
}

static int down(void **state)
{
	(void)state;
	oc_batch_free(batch);
	return 0;
}

static struct oc_row *row_of(const char *text)
{
	struct oc_row *row = oc_batch_add(batch);
	struct oc_err err = {0};

	row->raw = oc_arena_str(batch->arena, oc_str(text));
	oc_row_parse(row, &err);
	if (!row->root)
		fail_msg("%s: %.*s", text, OC_ARG(row->verdicts[0].evidence));
	return row;
}

static void becomes(const char *from, const char *row, const char *to, const char *want)
{
	struct oc_buf out = {0}, why = {0};
	int rc = oc_format_convert(row_of(row), (enum oc_format)oc_format_parse(oc_str(from)),
	                           (enum oc_format)oc_format_parse(oc_str(to)), &out, &why);

	if (rc != 1)
		fail_msg("%s to %s: %s", from, to, oc_buf_cstr(&why));
	assert_string_equal(oc_buf_cstr(&out), want);
	oc_buf_fini(&out);
	oc_buf_fini(&why);
}

static void refused(const char *from, const char *row, const char *to, const char *part)
{
	struct oc_buf out = {0}, why = {0};

	assert_int_equal(oc_format_convert(row_of(row),
	                                   (enum oc_format)oc_format_parse(oc_str(from)),
	                                   (enum oc_format)oc_format_parse(oc_str(to)), &out, &why),
	                 0);
	assert_int_equal(out.len, 0);
	if (!strstr(oc_buf_cstr(&why), part))
		fail_msg("\"%s\" does not say \"%s\"", oc_buf_cstr(&why), part);
	oc_buf_fini(&out);
	oc_buf_fini(&why);
}

static void conversions(void **state)
{
	(void)state;
	becomes("alpaca",
	        "{\"instruction\":\"Add\",\"input\":\"1, 2\",\"output\":\"3\",\"weight\":0.50}",
	        "messages",
	        "{\"messages\":[{\"role\":\"user\",\"content\":\"Add\\n\\n1, 2\"},{\"role\":"
	        "\"assistant\",\"content\":\"3\"}],\"weight\":0.5}");
	becomes("alpaca", "{\"instruction\":\"Add\",\"response\":\"3\"}", "alpaca",
	        "{\"instruction\":\"Add\",\"input\":\"\",\"output\":\"3\"}");
	becomes("alpaca", "{ \"instruction\":\"A\", \"input\":\"\",\"output\":\"3\",\"id\":7 }",
	        "alpaca", "{ \"instruction\":\"A\", \"input\":\"\",\"output\":\"3\",\"id\":7 }");
	becomes("alpaca", "{\"instruction\":\"A\",\"input\":null,\"output\":\"3\"}", "qa",
	        "{\"question\":\"A\",\"answer\":\"3\"}");
	becomes("qa", "{\"question\":\"q\\u00e9\",\"answer\":\"a\",\"id\":1}", "prompt_completion",
	        "{\"prompt\":\"q\xc3\xa9\",\"completion\":\"a\"}");
	becomes("completion", "{\"prompt\":\"once \",\"completion\":\"upon\",\"weight\":2}", "text",
	        "{\"text\":\"once upon\",\"weight\":2}");
	becomes("sharegpt",
	        "{\"id\":1,\"conversations\":[{\"from\":\"system\",\"value\":\"s\"},{\"from\":"
	        "\"human\",\"value\":\"h\"},{\"from\":\"gpt\",\"value\":\"g\"},{\"from\":\"human\","
	        "\"value\":\"h2\"},{\"from\":\"gpt\",\"value\":\"g2\"}]}",
	        "messages",
	        "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\","
	        "\"content\":\"h\"},{\"role\":\"assistant\",\"content\":\"g\"},{\"role\":\"user\","
	        "\"content\":\"h2\"},{\"role\":\"assistant\",\"content\":\"g2\"}]}");
	becomes("messages",
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
	        "{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":\"assistant\",\"content\":\"c\","
	        "\"tool_calls\":null}]}",
	        "alpaca", "{\"instruction\":\"ab\",\"input\":\"\",\"output\":\"c\"}");
}

static void own_format_keeps_everything(void **state)
{
	static const char tool[] =
		"{\"messages\":[{\"role\":\"tool\",\"content\":null}],\"n\":1.0}";

	(void)state;
	becomes("messages", tool, "messages", tool);
	refused("messages", "{\"x\":1}", "messages", "not a list of turns");
}

static void refusals(void **state)
{
	static const char three[] =
		"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
		"\"content\":\"b\"},{\"role\":\"user\",\"content\":\"c\"}]}";
	static const char with_system[] =
		"{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\","
		"\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]}";

	(void)state;
	refused("messages", three, "alpaca", "this conversation has 2 and 1");
	refused("messages", with_system, "qa", "no place for a system message");
	refused("messages",
	        "{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\","
	        "\"content\":\"b\"}]}",
	        "qa", "before the question");
	refused("messages", "{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "alpaca",
	        "turn 1 is by \"tool\"");
	refused("messages",
	        "{\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[1]}]}",
	        "alpaca", "calls a tool");
	refused("messages",
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]}", "alpaca",
	        "not text");
	refused("messages", "{\"messages\":[]}", "alpaca", "an empty one");
	refused("messages", three, "sharegpt", "only read");
	refused("text", "{\"text\":\"a\"}", "alpaca", "no roles");
	refused("qa", "{\"question\":\"q\",\"answer\":\"a\"}", "text", "no roles");
	refused("qa", "{\"question\":\"q\"}", "alpaca", "`answer` is missing");
	refused("qa", "{\"question\":5,\"answer\":\"a\"}", "alpaca", "`question` is a number");
	refused("qa", "{\"question\":\"q\",\"answer\":\"a\",\"weight\":\"1\"}", "alpaca",
	        "`weight` is a string, a number was expected");
	refused("qa", "{\"question\":\"q\",\"answer\":\"a\",\"weight\":\"1\"}", "qa",
	        "`weight` is a string, a number was expected");
	refused("qa", "{\"question\":\"q\",\"answer\":5}", "alpaca",
	        "`answer` is a number, a string was expected");
	refused("sharegpt", "{\"conversations\":[{\"from\":\"bing\",\"value\":\"v\"}]}", "messages",
	        "\"bing\"");
}

/* What two formats can both say survives the way there and back. */
static void there_and_back(void **state)
{
	static const char *const formats[] = {"alpaca", "messages", "prompt_completion",
	                                      "question_answer"};
	static const char first[] = "{\"question\":\"a \\\"b\\\" \xf0\x9f\x98\x80\\n\",\"answer\":"
				    "\"c\\\\\",\"weight\":3}";

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct oc_buf there = {0}, back = {0}, why = {0};
		int f = oc_format_parse(oc_str(formats[i]));
		assert_int_equal(oc_format_convert(row_of(first), OC_FORMAT_QUESTION_ANSWER,
		                                   (enum oc_format)f, &there, &why),
		                 1);
		struct oc_row *row = row_of(oc_buf_cstr(&there));
		assert_int_equal(oc_format_detect(row->root), f);
		assert_int_equal(oc_format_convert(row, (enum oc_format)f,
		                                   OC_FORMAT_QUESTION_ANSWER, &back, &why),
		                 1);
		assert_string_equal(oc_buf_cstr(&back), first);
		oc_buf_fini(&there);
		oc_buf_fini(&back);
		oc_buf_fini(&why);
	}
}

static void names(void **state)
{
	(void)state;
	for (int f = 0; f < OC_FORMAT_N; f++) {
		assert_int_equal(oc_format_parse(oc_str(oc_format_name((enum oc_format)f))), f);
		assert_non_null(strstr(OC_FORMAT_CHOICES, oc_format_name((enum oc_format)f)));
	}
	assert_int_equal(oc_format_parse(OC_LIT("yaml")), -1);
	assert_int_equal(oc_format_detect(row_of("{\"a\":1}")->root), -1);
	assert_int_equal(oc_format_detect(row_of("{\"question\":1}")->root), -1);
}

/* 4,535 published rows with `response`: all become messages and alpaca again. */
static void published_rows(void **state)
{
	const char *shared = getenv("OUTCROSS_SHARED");
	struct oc_buf file = {0}, out = {0}, why = {0};
	struct oc_err err = {0};
	struct oc_str item;
	char path[4096];
	size_t at = 0, n = 0;

	(void)state;
	snprintf(path, sizeof path, "%s/data/text/gpteacher_codegen_instruct.json",
	         shared ? shared : "../shared");
	if (!oc_file_exists(path))
		skip();
	assert_int_equal(oc_file_read(path, 64 << 20, &file, &err), 0);
	while (oc_json_item(oc_buf_view(&file), &at, &item)) {
		oc_batch_reset(batch);
		struct oc_row *row = oc_batch_add(batch);
		row->raw = item;
		oc_row_parse(row, &err);
		assert_int_equal(oc_format_detect(row->root), OC_FORMAT_ALPACA);
		out.len = 0;
		if (!oc_format_convert(row, OC_FORMAT_ALPACA, OC_FORMAT_MESSAGES, &out, &why))
			fail_msg("row %zu: %s", n, oc_buf_cstr(&why));
		n++;
	}
	assert_int_equal(n, 4535);
	oc_buf_fini(&file);
	oc_buf_fini(&out);
	oc_buf_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(conversions, up, down),
		cmocka_unit_test_setup_teardown(own_format_keeps_everything, up, down),
		cmocka_unit_test_setup_teardown(refusals, up, down),
		cmocka_unit_test_setup_teardown(there_and_back, up, down),
		cmocka_unit_test_setup_teardown(names, up, down),
		cmocka_unit_test_setup_teardown(published_rows, up, down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
