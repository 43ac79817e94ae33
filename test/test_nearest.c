/* The real row beside a machine-made one: out of all real rows, the same at any thread count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "index/rouge.h"
#include "run/nearest.h"

enum { REAL = 30000, ASKED = 30, PART = 512 };

static struct oc_rng rng_of(void)
{
	struct oc_rng rng;
	oc_rng_init(&rng, 3, "nearest");
	return rng;
}

static struct oc_str make(struct oc_arena *a, uint64_t i, unsigned few)
{
	struct oc_rng rng = rng_of();
	struct oc_draws d;
	struct oc_buf b = {0};

	oc_draws_init(&d, &rng, i);
	oc_buf_printf(&b, "{\"q\":\"q%u\",\"a\":\"", (unsigned)oc_draw_below(&d, few));
	for (unsigned k = 3 + (unsigned)oc_draw_below(&d, 10); k; k--)
		oc_buf_printf(&b, "w%u ",
		              (unsigned)oc_draw_below(&d, 1 + (unsigned)oc_draw_below(&d, 400)));
	oc_buf_puts(&b, "\"}");
	struct oc_str row = oc_arena_str(a, oc_buf_view(&b));
	oc_buf_fini(&b);
	return row;
}

static struct oc_nearest *gather(struct oc_arena *a, unsigned threads, bool begins, unsigned few)
{
	struct oc_nearest *n = oc_nearest_new(threads, begins);
	struct oc_str keys[PART], rows[PART];

	for (unsigned i = 0; i < ASKED; i++)
		assert_int_equal(oc_nearest_ask(n, make(a, 1000000 + i, few)), i);
	for (unsigned at = 0, m; at < REAL; at += m) {
		for (m = 0; m < PART && at + m < REAL; m++) {
			keys[m] = oc_arena_printf(a, "real:%u", at + m);
			rows[m] = make(a, at + m, few);
		}
		oc_nearest_offer(n, keys, rows, m);
	}
	return n;
}

static struct oc_words words_of(struct oc_arena *a, struct oc_str raw)
{
	struct oc_row row = {.raw = raw, .arena = a};
	struct oc_err err = {0};

	assert_int_equal(oc_row_parse(&row, &err), 0);
	return oc_text_rouge(a, oc_view_text(&row, OC_LIT("")));
}

static void all_real_rows_are_searched(void **state)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_rouge *all = oc_rouge_new(0.7);
	struct oc_nearest *n = gather(a, 3, false, 100000);
	unsigned late = 0;

	(void)state;
	for (unsigned i = 0; i < REAL; i++) {
		struct oc_words w = words_of(a, make(a, i, 100000));
		oc_rouge_add(all, &w);
	}
	for (unsigned i = 0; i < ASKED; i++) {
		struct oc_near near = oc_nearest_get(n, i);
		struct oc_words w = words_of(a, make(a, 1000000 + i, 100000));
		struct oc_rouge_hit hit;
		double mean;
		char key[32];
		oc_rouge_top(all, &w, &hit, 1, &mean);
		snprintf(key, sizeof key, "real:%u", hit.item);
		assert_true(near.found);
		assert_true(oc_str_is(near.key, key));
		assert_true(near.rouge == hit.f);
		assert_true(oc_str_eq(near.row, make(a, hit.item, 100000)));
		late += hit.item >= 20000;
	}
	assert_true(late > 0); /* else this shows nothing about the rows far behind */
	oc_nearest_free(n);
	oc_rouge_free(all);
	oc_arena_free(a);
}

/* 20 beginnings for 30,000 rows: each row asked for has its first one among the first few. */
static void a_row_that_begins_alike_comes_first(void **state)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_nearest *one = gather(a, 1, true, 20), *three = gather(a, 3, true, 20);

	(void)state;
	for (unsigned i = 0; i < ASKED; i++) {
		struct oc_str asked = make(a, 1000000 + i, 20), row, q, other;
		struct oc_near near = oc_nearest_get(one, i), same = oc_nearest_get(three, i);
		unsigned k = 0;
		assert_true(oc_json_member(asked, OC_LIT("q"), &q));
		do {
			row = make(a, k++, 20);
			assert_true(oc_json_member(row, OC_LIT("q"), &other));
		} while (!oc_str_eq(q, other));
		assert_true(oc_str_eq(near.row, row));
		struct oc_words x = words_of(a, asked), y = words_of(a, row);
		assert_true(near.rouge == oc_rouge_l(&x, &y));
		assert_true(oc_str_eq(near.key, same.key) && near.rouge == same.rouge);
	}
	oc_nearest_free(one);
	oc_nearest_free(three);
	oc_arena_free(a);
}

static void without_real_rows_there_is_none(void **state)
{
	struct oc_nearest *n = oc_nearest_new(2, true);
	struct oc_buf b = {0};

	(void)state;
	oc_nearest_ask(n, OC_LIT("{\"a\":1}"));
	struct oc_near near = oc_nearest_get(n, 0);
	assert_false(near.found);
	oc_near_write(&b, &near);
	assert_int_equal(b.len, 0);
	oc_nearest_free(n);
	oc_buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_real_rows_are_searched),
		cmocka_unit_test(a_row_that_begins_alike_comes_first),
		cmocka_unit_test(without_real_rows_there_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
