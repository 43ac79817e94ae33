/* The stage math: which rule, which fate, and what a repair leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "stage.h"

struct expectation {
	const char *options, *row, *rule;
	enum oc_fate fate;
};

static void decides(void **state)
{
	static const struct expectation table[] = {
		{"{gold: gold}", "{\"answer\":\"#### 5\",\"gold\":\"5\"}", "equal", OC_LIVE},
		{"{gold: gold}", "{\"answer\":\"5\",\"gold\":5}", "equal", OC_LIVE},
		{"{gold: gold}", "{\"answer\":5,\"gold\":\"10 / 2\"}", "equal", OC_LIVE},
		{"{gold: gold}", "{\"answer\":\"6\",\"gold\":\"5\"}", "wrong_answer", OC_REJECTED},
		{"{gold: gold}", "{\"answer\":\"no idea\",\"gold\":\"5\"}", "undecided", OC_HELD},
		{"{gold: gold, undecided: drop}", "{\"answer\":\"no idea\",\"gold\":\"5\"}",
	         "undecided", OC_REJECTED},
		{"{gold: gold, undecided: keep}", "{\"answer\":\"no idea\",\"gold\":\"5\"}",
	         "undecided", OC_LIVE},
		{"{gold: gold}", "{\"answer\":\"\",\"gold\":\"5\"}", "no_answer", OC_HELD},
		{"{gold: gold}", "{\"gold\":\"5\"}", "no_answer", OC_HELD},
		{"{gold: gold}", "{\"answer\":\"5\"}", "undecided", OC_HELD},
		{"{gold: gold}", "{\"answer\":\"2 + 2 = 5\\n#### 5\",\"gold\":\"5\"}", "wrong_step",
	         OC_REJECTED},
		{"{gold: gold, on_wrong_step: flag}",
	         "{\"answer\":\"2 + 2 = 5\\n#### 5\",\"gold\":\"5\"}", "equal", OC_LIVE},
		{"{gold: gold, calculations: ignore}",
	         "{\"answer\":\"2 + 2 = 5\\n#### 5\",\"gold\":\"5\"}", "equal", OC_LIVE},
		{"{calculations: only}", "{\"answer\":\"2 + 2 = 5\\n#### 7\"}", "wrong_step",
	         OC_REJECTED},
		{"{calculations: only}", "{\"answer\":\"2 + 2 = 4\\n#### 7\"}", "right_steps",
	         OC_LIVE},
		{"{gold: gold}", "{\"answer\":\"I paid 3, then 5\\nin all\",\"gold\":\"5\"}",
	         "no_answer", OC_HELD},
		{"{gold: gold, last_number: true}",
	         "{\"answer\":\"I paid 3, then 5\\nin all\",\"gold\":\"5\"}", "equal", OC_LIVE},
		{"{gold: gold}", "{\"answer\":\"0.33\",\"gold\":\"0.3\"}", "wrong_answer",
	         OC_REJECTED},
		{"{gold: gold, tolerance: last_digit}", "{\"answer\":\"0.33\",\"gold\":\"0.3\"}",
	         "equal", OC_LIVE},
		{"{gold: gold, percent: strict}", "{\"answer\":\"5%\",\"gold\":\"5\"}",
	         "wrong_answer", OC_REJECTED},
		/* the question's calculation */
		{"{}", "{\"question\":\"What is 34 * 12?\",\"answer\":\"408\"}", "equal", OC_LIVE},
		{"{}", "{\"question\":\"What is 34 * 12?\",\"answer\":\"409\"}", "wrong_answer",
	         OC_REJECTED},
		{"{}", "{\"question\":\"What is 34 * 12?\",\"answer\":\"34 * 12 = 408\"}", "equal",
	         OC_LIVE},
		{"{expression: e}", "{\"e\":\"7 - 10\",\"answer\":\"-3\"}", "equal", OC_LIVE},
		/* nothing to compare with */
		{"{}", "{\"question\":\"Ann has some.\",\"answer\":\"12 * 7 = 84\\n#### 84\"}",
	         "consistent", OC_LIVE},
		{"{}", "{\"question\":\"Ann has some.\",\"answer\":\"12 * 7 = 84\\n#### 85\"}",
	         "undecided", OC_HELD},
		{"{}", "{\"question\":\"Ann has some.\",\"answer\":\"84\"}", "undecided", OC_HELD},
		{"{}",
	         "{\"question\":\"Ann gave 1/2 of her 12 clips to 3 friends.\",\"answer\":\"6\"}",
	         "undecided", OC_HELD},
	};
	struct oc_batch *b = oc_batch_new(64);

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct oc_driven d;
		struct oc_err err = {0};
		if (oc_driven_open(&d, "math", table[i].options, 1 << 20, &err) < 0)
			fail_msg("%s: %s", table[i].options, err.msg);
		struct oc_row *row = oc_driven_row(b, table[i].row, i, OC_SYNTHETIC);
		oc_driven_run(&d, row);
		if (row->fate != table[i].fate || strcmp(oc_last_rule(row), table[i].rule) != 0)
			fail_msg("%s %s: %s, fate %s", table[i].options, table[i].row,
			         oc_last_rule(row), oc_fate_name(row->fate));
		oc_driven_close(&d);
	}
	oc_batch_free(b);
}

static void repairs(void **state)
{
	struct oc_batch *b = oc_batch_new(8);
	struct oc_driven d;
	struct oc_err err = {0};
	struct oc_str answer;

	(void)state;
	assert_int_equal(oc_driven_open(&d, "math", "{wrong: repair}", 1 << 20, &err), 0);
	struct oc_row *row = oc_driven_row(
		b, "{\"question\":\"What is 7 / 4?\", \"answer\":\"1.5\", \"x\": 1e3}", 0,
		OC_SYNTHETIC);
	oc_driven_run(&d, row);
	assert_int_equal(row->fate, OC_LIVE);
	assert_string_equal(oc_last_rule(row), "wrong_answer");
	assert_true(oc_row_field(row, OC_LIT("answer"), &answer) && oc_str_is(answer, "1.75"));
	assert_true(oc_str_find(row->raw, OC_LIT("\"x\": 1e3")) > 0);
	assert_true(oc_str_find(row->ped.edits, OC_LIT("1.5 replaced by 1.75")) > 0);
	assert_int_equal(row->ped.origin, OC_SYNTHETIC);

	/* a number stays a number; a right answer stays as it is */
	row = oc_driven_row(b, "{\"question\":\"What is 3 * 4?\",\"answer\":13}", 1, OC_SYNTHETIC);
	oc_driven_run(&d, row);
	assert_true(oc_str_find(row->raw, OC_LIT("\"answer\":12")) > 0);
	row = oc_driven_row(b, "{\"question\":\"What is 3 * 4?\",\"answer\":12}", 2, OC_SYNTHETIC);
	oc_driven_run(&d, row);
	assert_false(row->changed);
	oc_driven_close(&d);

	assert_int_equal(oc_driven_open(&d, "math", "{answer: a.b, wrong: repair}", 1 << 20, &err),
	                 -1);
	assert_int_equal(err.code, OC_USAGE);
	oc_batch_free(b);
}

static void evidence(void **state)
{
	struct oc_batch *b = oc_batch_new(8);
	struct oc_driven d;
	struct oc_err err = {0};

	(void)state;
	assert_int_equal(oc_driven_open(&d, "math", "{gold: gold}", 1 << 20, &err), 0);
	struct oc_row *row =
		oc_driven_row(b, "{\"answer\":\"Thus\\n#### 6\",\"gold\":\"5\"}", 0, OC_SYNTHETIC);
	oc_driven_run(&d, row);
	assert_string_equal(
		oc_last_evidence(row),
		"{\"answer\":\"6\",\"gold\":\"5\",\"at\":10,\"why\":\"numbers differ\"}");
	oc_driven_close(&d);
	oc_batch_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decides),
		cmocka_unit_test(repairs),
		cmocka_unit_test(evidence),
	};
	return cmocka_run_group_tests_name("math stage", tests, NULL, NULL);
}
