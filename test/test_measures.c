/* Lengths, founders and depths as the report states them, against counting by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/rng.h"
#include "run/measures.h"

static struct oc_env env = {.size = sizeof env, .work_dir = "/tmp"};

static yyjson_val *facts_of(struct oc_measures *m, struct oc_arena *a)
{
	struct oc_err err = {0};
	struct oc_buf b = {0};

	assert_int_equal(oc_measures_end(m, &err), 0);
	oc_measures_write(m, &b);
	yyjson_val *v = oc_json_parse(a, oc_buf_view(&b), &err);
	assert_non_null(v);
	oc_buf_fini(&b);
	return v;
}

static struct oc_row *row_of(struct oc_batch *batch, const char *text)
{
	struct oc_err err = {0};
	struct oc_row *row = oc_batch_add(batch);
	struct oc_buf b = {0};

	oc_buf_puts(&b, "{\"text\":");
	oc_buf_json(&b, oc_str(text));
	oc_buf_puts(&b, "}");
	row->raw = oc_arena_str(batch->arena, oc_buf_view(&b));
	oc_buf_fini(&b);
	assert_int_equal(oc_row_parse(row, &err), 0);
	return row;
}

/* The number in the only bin that holds a row. */
static double bin_start_of(const char *text)
{
	struct oc_measures *m = oc_measures_new(true, &env);
	struct oc_batch *batch = oc_batch_new(1);
	struct oc_arena *a = oc_arena_new();
	struct oc_row *row = row_of(batch, text);
	struct oc_err err = {0};
	double start = -1;
	size_t i, n;
	yyjson_val *v;

	oc_measures_row(row);
	assert_int_equal(oc_measures_count(m, row, &err), 0);
	yyjson_val *facts = facts_of(m, a), *from = oc_json_path(facts, OC_LIT("lengths.from"));
	yyjson_arr_foreach(oc_json_path(facts, OC_LIT("lengths.real")), i, n, v)
	{
		if (yyjson_get_num(v) > 0)
			start = yyjson_get_num(yyjson_arr_get(from, i));
	}
	oc_arena_free(a);
	oc_batch_free(batch);
	oc_measures_free(m);
	return start;
}

static void lengths_count_words(void **state)
{
	struct oc_rng rng;
	struct oc_draws d;

	(void)state;
	assert_true(bin_start_of("") == 0);
	assert_true(bin_start_of("one") == 1);
	assert_true(bin_start_of(" one  two\tthree\n") == 3);
	assert_true(bin_start_of("\xc3\xa9t\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 x") == 3);
	oc_rng_init(&rng, 5, "words");
	for (uint64_t item = 0; item < 300; item++) {
		char text[128];
		size_t len, words = 0;
		oc_draws_init(&d, &rng, item);
		len = oc_draw_below(&d, 60);
		for (size_t i = 0; i < len; i++) {
			text[i] = "ab \n"[oc_draw_below(&d, 4)];
			words += text[i] > ' ' && (i == 0 || text[i - 1] <= ' ');
		}
		text[len] = 0;
		double start = bin_start_of(text);
		/* bins: 0, 1, 2, 3, 4-5, 6-7, 8-11, 12-15, 16-23, ... */
		assert_true(start <= (double)words);
		assert_true(start >= 2 ? (double)words < start * 1.5 + 0.5
		                       : start == (double)words);
	}
}

static void founders_are_shared_evenly(void **state)
{
	struct oc_measures *m = oc_measures_new(false, &env);
	struct oc_batch *batch = oc_batch_new(8);
	struct oc_arena *a = oc_arena_new();
	struct oc_str two[] = {OC_LIT("s:0"), OC_LIT("s:1")};
	struct oc_err err = {0};

	(void)state;
	struct oc_row *real = row_of(batch, "a"), *made = row_of(batch, "b"),
		      *lone = row_of(batch, "c");
	real->ped = (struct oc_pedigree){.key = OC_LIT("s:0"), .origin = OC_REAL};
	made->ped = (struct oc_pedigree){.key = OC_LIT("g:0"),
	                                 .origin = OC_SYNTHETIC,
	                                 .depth = 1,
	                                 .founders = two,
	                                 .founder_n = 2};
	lone->ped = (struct oc_pedigree){.key = OC_LIT("g:1"), .origin = OC_SYNTHETIC, .depth = 1};
	assert_int_equal(oc_measures_count(m, real, &err), 0);
	assert_int_equal(oc_measures_count(m, made, &err), 0);
	assert_int_equal(oc_measures_count(m, lone, &err), 0);
	yyjson_val *facts = facts_of(m, a);
	assert_int_equal(yyjson_get_int(oc_json_path(facts, OC_LIT("founders.distinct"))), 2);
	assert_int_equal(yyjson_get_int(oc_json_path(facts, OC_LIT("founders.rows_without"))), 1);
	/* masses 1.5 and 0.5: 2^2 / (2.25 + 0.25) */
	assert_true(yyjson_get_num(oc_json_path(facts, OC_LIT("founders.effective"))) == 4 / 2.5);
	oc_arena_free(a);
	oc_batch_free(batch);
	oc_measures_free(m);
}

static int ctx_make(void **state)
{
	*state = env.ctx = oc_ctx_new(1, 0);
	return 0;
}

static int ctx_drop(void **state)
{
	oc_ctx_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_count_words),
		cmocka_unit_test(founders_are_shared_evenly),
	};
	return cmocka_run_group_tests(tests, ctx_make, ctx_drop);
}
