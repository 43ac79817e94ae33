/* sums: what a calculation is, how hard it is, and when the survivors are called easier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "data/json.h"
#include "generate/sums.h"

static void looks(void **state)
{
	static const struct {
		const char *text, *ops;
		uint32_t digits, numbers;
		bool trivial;
	} cases[] = {
		{"7 + 5", "+", 1, 2, false},        {"047 x 86", "*", 2, 2, false},
		{"120 - 3 * 4", "-*", 3, 3, false}, {"12 * 10", "*", 2, 2, true},
		{"9 + 0", "+", 1, 2, true},
	};
	struct oc_sum sum;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(oc_sum_look(oc_str(cases[i].text), &sum));
		assert_int_equal(sum.digits, cases[i].digits);
		assert_int_equal(sum.numbers, cases[i].numbers);
		assert_string_equal(sum.ops, cases[i].ops);
		assert_int_equal(sum.trivial, cases[i].trivial);
	}
	assert_false(oc_sum_look(oc_str("seven + 5"), &sum));
}

/* `kept` of the `made` calculations of each size; what the report says of it. */
static void says(uint32_t asked, const int made[4], const int kept[4], const char *want)
{
	static const char *const sums[] = {"3 + 4", "13 + 14", "113 + 114", "1113 + 1114"};
	struct oc_sums *s = oc_sums_new();
	struct oc_arena *a = oc_arena_new();
	struct oc_buf text = {0};
	struct oc_err err = {0};

	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < made[i]; k++)
			oc_sums_add(s, OC_SUM_GENERATED, oc_str(sums[i]));
		for (int k = 0; k < kept[i]; k++)
			oc_sums_add(s, OC_SUM_KEPT, oc_str(sums[i]));
	}
	oc_sums_write(s, asked, &text);
	yyjson_val *v = oc_json_parse(a, oc_buf_view(&text), &err);
	assert_non_null(v);
	struct oc_str sentence = oc_json_get_str(v, "sentence");
	assert_int_equal(sentence.len, want ? strlen(want) : 0);
	assert_true(!want || oc_str_is(sentence, want));
	oc_buf_fini(&text);
	oc_arena_free(a);
	oc_sums_free(s);
}

static void easier(void **state)
{
	static const char asked[] = "the survivors are easier than what was asked";
	static const char made[] = "the survivors are easier than what was generated";
	enum { ONE = 1, TWO = 2, NINE = 1 << 8 };

	(void)state;
	/* one digit and two in turn: half are to have two */
	says(ONE | TWO, (int[4]){50, 50}, (int[4]){30, 30}, NULL);
	says(ONE | TWO, (int[4]){50, 50}, (int[4]){50, 5}, asked);
	/* still as many as asked for, but fewer than the model made */
	says(ONE | TWO, (int[4]){10, 190}, (int[4]){10, 30}, made);
	/* larger ones are no easier */
	says(TWO, (int[4]){0, 50, 50}, (int[4]){0, 5, 40}, NULL);
	/* none has what was asked, kept or not */
	says(NINE, (int[4]){0, 100}, (int[4]){0, 20}, asked);
	says(NINE, (int[4]){0, 100}, (int[4]){0, 0}, NULL);
	says(0, (int[4]){50, 50}, (int[4]){50, 0}, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(looks), cmocka_unit_test(easier)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
