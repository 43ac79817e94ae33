/* exact: what counts as the same row, who stays, and what a resumed run remembers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "stage.h"

static struct oc_driven d;

static const char *run(struct oc_batch *b, const char *json, uint64_t n)
{
	struct oc_row *row = oc_driven_row(b, json, n, OC_UNKNOWN);
	oc_driven_run(&d, row);
	return row->fate == OC_LIVE ? "" : oc_last_evidence(row);
}

static void open_with(const char *options)
{
	struct oc_err err = {0};
	if (oc_driven_open(&d, "exact", options, 0, &err))
		fail_msg("%s", err.msg);
}

static void whole_rows_ignore_label_order_and_spelling(void **state)
{
	(void)state;
	struct oc_batch *b = oc_batch_new(16);
	open_with("{}");
	assert_string_equal(run(b, "{\"id\":1,\"a\":\"x\",\"b\":[1,{\"p\":1,\"q\":2}]}", 0), "");
	assert_string_equal(run(b, "{\"b\":[1.0,{\"q\":2,\"p\":1}],\"id\":2,\"a\":\"\\u0078\"}", 1),
	                    "{\"same_as\":\"s:0\"}");
	assert_string_equal(run(b, "{\"a\":\"x\",\"b\":[{\"p\":1,\"q\":2},1]}", 2), "");
	assert_string_equal(run(b, "{\"a\":\"X\",\"b\":[1,{\"p\":1,\"q\":2}]}", 3), "");
	assert_string_equal(run(b, "{\"a\":\"x\",\"b\":[{\"p\":1,\"q\":2},1]}", 4),
	                    "{\"same_as\":\"s:2\"}");
	assert_string_equal(run(b, "{}", 5), "");
	assert_string_equal(run(b, "{\"id\":9}", 6), "{\"same_as\":\"s:5\"}");
	oc_driven_close(&d);
	oc_batch_free(b);
}

static void chosen_fields_decide_alone(void **state)
{
	(void)state;
	struct oc_batch *b = oc_batch_new(16);
	open_with("{fields: [q, m.x]}");
	assert_string_equal(run(b, "{\"q\":\"one\",\"m\":{\"x\":1},\"z\":1}", 0), "");
	assert_string_equal(run(b, "{\"q\":\"one\",\"m\":{\"x\":1,\"y\":5},\"z\":2}", 1),
	                    "{\"same_as\":\"s:0\"}");
	assert_string_equal(run(b, "{\"q\":\"one\",\"m\":{\"x\":2}}", 2), "");
	/* an absent field is not an empty one, and borders between fields count */
	assert_string_equal(run(b, "{\"q\":\"\"}", 3), "");
	assert_string_equal(run(b, "{}", 4), "");
	oc_driven_close(&d);
	oc_batch_free(b);
}

static void a_resumed_run_decides_the_same(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_buf blocks = {0};
	char json[64];

	open_with("{}");
	for (uint64_t i = 0; i < 5000; i++) {
		struct oc_batch *b = oc_batch_new(1);
		snprintf(json, sizeof json, "{\"v\":%llu}", (unsigned long long)(i * 7 % 4000));
		assert_int_equal(*run(b, json, i) != 0, i >= 4000);
		oc_batch_free(b);
	}
	oc_buf_add(&blocks, d.state.p, d.state.len);
	oc_driven_close(&d);

	open_with("{}");
	assert_int_equal(d.def->restore(d.self, blocks.p, blocks.len, &err), 0);
	for (uint64_t i = 0; i < 4100; i++) {
		struct oc_batch *b = oc_batch_new(1);
		char want[64] = "";
		snprintf(json, sizeof json, "{\"v\":%llu}", (unsigned long long)(i * 7 % 4100));
		const char *got = run(b, json, 9000 + i);
		if (i * 7 % 4100 < 4000) {
			uint64_t k = 0;
			while (k * 7 % 4000 != i * 7 % 4100)
				k++;
			snprintf(want, sizeof want, "{\"same_as\":\"s:%llu\"}",
			         (unsigned long long)k);
		}
		assert_string_equal(got, want);
		oc_batch_free(b);
	}
	assert_int_equal(d.def->restore(d.self, blocks.p, blocks.len - 1, &err), -1);
	oc_driven_close(&d);
	oc_buf_fini(&blocks);
}

static void memory_is_obeyed(void **state)
{
	(void)state;
	struct oc_err err = {0};
	char json[64];
	int rc = 0;

	assert_int_equal(oc_driven_open(&d, "exact", "{}", 200000, &err), 0);
	for (uint64_t i = 0; i < 20000 && !rc; i++) {
		struct oc_batch *b = oc_batch_new(1);
		snprintf(json, sizeof json, "{\"v\":%llu}", (unsigned long long)i);
		struct oc_row *row = oc_driven_row(b, json, i, OC_UNKNOWN);
		rc = d.def->ordered(d.self, row, NULL, &d.state, &err);
		oc_batch_free(b);
	}
	assert_int_equal(rc, -1);
	assert_non_null(strstr(err.msg, "memory:"));
	oc_driven_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_rows_ignore_label_order_and_spelling),
		cmocka_unit_test(chosen_fields_decide_alone),
		cmocka_unit_test(a_resumed_run_decides_the_same),
		cmocka_unit_test(memory_is_obeyed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
