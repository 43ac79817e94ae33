/* A session over a queue without any door, and what a row may not do to a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/hash.h"
#include "review/card.h"
#include "review/session.h"

#define ROWS 5

static char dir[64];

static int make_queue(void **state)
{
	struct oc_buf text = {0};
	struct oc_err err = {0};
	char path[96], row[64];

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/oc-review-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	for (int i = 0; i < ROWS; i++) {
		snprintf(row, sizeof row, "{\"text\": \"row %d\"}", i);
		oc_buf_printf(
			&text,
			"{\"key\":\"s\\u003a%d\",\"hash\":\"\",\"step\":\"hold\",\"rule\":"
			"\"unchecked\","
			"\"row\":%s,\"lineage\":{\"origin\":\"synthetic\",\"verdicts\":[{\"stage\":"
			"\"hold\",\"rule\":\"unchecked\",\"evidence\":{\"n\":%d}}]}}\n",
			i, row, i);
	}
	snprintf(path, sizeof path, "%s/review-queue.jsonl", dir);
	int rc = oc_file_write(path, text.p, text.len, &err);
	oc_buf_fini(&text);
	return rc;
}

static int drop_queue(void **state)
{
	struct oc_err err = {0};
	(void)state;
	return oc_remove_tree(dir, &err);
}

static struct oc_review *open_queue(void)
{
	struct oc_review *r = NULL;
	struct oc_err err = {0};

	assert_int_equal(oc_review_open(&r, dir, "ann", &err), 0);
	assert_int_equal(oc_review_rows(r), ROWS);
	return r;
}

static int decide(struct oc_review *r, size_t i, enum oc_decision_kind kind, const char *after)
{
	struct oc_err err = {0};
	return oc_review_decide(r, i, kind, OC_LIT(""), oc_str(after), 1, &err);
}

static void decisions_are_counted_and_kept(void **state)
{
	struct oc_review *r = open_queue();
	struct oc_arena *a = oc_arena_new();
	struct oc_review_item item;
	struct oc_err err = {0};

	(void)state;
	assert_int_equal(oc_review_waiting(r), ROWS);
	assert_int_equal(oc_review_next(r, ROWS - 1), 0);
	assert_int_equal(decide(r, 0, OC_ACCEPT, NULL), 0);
	assert_int_equal(decide(r, 1, OC_SKIP, NULL), 0);
	assert_int_equal(oc_review_waiting(r), ROWS - 1);
	assert_int_equal(oc_review_next(r, 0), 2);
	assert_int_equal(decide(r, 2, OC_REJECT, NULL), 0);
	assert_int_equal(decide(r, 3, OC_EDIT, "not json"), -1);
	assert_int_equal(decide(r, 3, OC_EDIT, "{\"a\":\n1}"), -1);
	assert_int_equal(oc_review_waiting(r), ROWS - 2);
	assert_int_equal(decide(r, 3, OC_EDIT, "{\"text\":\"better\"}"), 0);
	assert_int_equal(decide(r, 4, OC_ACCEPT, NULL), 0);
	assert_int_equal(oc_review_next(r, 4), -1); /* the skipped one is left for another day */
	assert_int_equal(oc_review_waiting(r), 1);
	oc_review_close(r);

	r = open_queue();
	assert_int_equal(oc_review_waiting(r), 1);
	assert_int_equal(oc_review_next(r, ROWS - 1), 1);
	assert_int_equal(oc_review_item(r, 3, a, &item, &err), 0);
	assert_int_equal(item.decision->kind, OC_EDIT);
	assert_true(oc_str_is(item.key, "s:3"));
	assert_true(oc_str_is(item.raw, "{\"text\": \"row 3\"}"));
	assert_true(oc_str_is(item.evidence, "{\"n\":3}"));
	oc_arena_free(a);
	oc_review_close(r);
}

/* The row that was taken back; -1: none was left, -2: it is not in the queue any more. */
static ptrdiff_t undo(struct oc_review *r)
{
	struct oc_review_undone u;
	struct oc_err err = {0};
	int rc = oc_review_undo(r, &u, &err);

	assert_true(rc >= 0);
	return !rc ? -1 : u.row < 0 ? -2 : u.row;
}

static void undo_goes_back_one_by_one(void **state)
{
	struct oc_review *r = open_queue();

	(void)state;
	assert_int_equal(undo(r), -1);
	decide(r, 0, OC_ACCEPT, NULL);
	decide(r, 1, OC_REJECT, NULL);
	decide(r, 0, OC_SKIP, NULL); /* waits again */
	assert_int_equal(oc_review_waiting(r), ROWS - 1);
	assert_int_equal(undo(r), 0);
	assert_int_equal(oc_review_waiting(r), ROWS - 2);
	assert_int_equal(undo(r), 1);
	assert_int_equal(undo(r), 0);
	assert_int_equal(oc_review_waiting(r), ROWS);
	assert_int_equal(undo(r), -1);
	oc_review_close(r);
}

static void undo_reaches_earlier_sittings_of_the_same_person(void **state)
{
	struct oc_review *r = open_queue();
	struct oc_review_undone u;
	struct oc_err err = {0};
	struct oc_buf log = {0};
	char path[96];

	(void)state;
	decide(r, 0, OC_ACCEPT, NULL);
	decide(r, 1, OC_REJECT, NULL);
	decide(r, 2, OC_EDIT, "{\"text\":\"better\"}");
	decide(r, 3, OC_SKIP, NULL);
	decide(r, 4, OC_ACCEPT, NULL);
	undo(r);
	oc_review_close(r);

	assert_int_equal(oc_review_open(&r, dir, "bob", &err), 0);
	assert_int_equal(undo(r), -1); /* ann's are not bob's to take back */
	decide(r, 0, OC_REJECT, NULL); /* and hers of row 0 is not in force any more */
	oc_review_close(r);

	r = open_queue();
	assert_int_equal(oc_review_waiting(r), 2);
	decide(r, 4, OC_REJECT, NULL);
	assert_int_equal(oc_review_decided(r), 1);
	assert_int_equal(undo(r), 4);
	assert_int_equal(oc_review_last(r, &u), 1);
	assert_true(u.earlier);
	assert_int_equal(u.what.kind, OC_EDIT);
	assert_int_equal(undo(r), 2);
	assert_int_equal(undo(r), 1);
	assert_int_equal(undo(r), -1);
	assert_int_equal(oc_review_decided(r), 0);
	assert_int_equal(oc_review_reopened(r), 2);
	assert_int_equal(oc_review_waiting(r), ROWS - 1); /* bob's holds */
	decide(r, 2, OC_REJECT, NULL);                    /* what was taken back can be said anew */
	oc_review_close(r);

	r = open_queue();
	assert_int_equal(oc_review_waiting(r), ROWS - 2);
	assert_int_equal(undo(r), 2);
	assert_int_equal(undo(r), -1);
	oc_review_close(r);
	snprintf(path, sizeof path, "%s/reviews.jsonl", dir);
	assert_int_equal(oc_file_read(path, 1 << 20, &log, &err), 0);
	unsigned lines = 0;
	for (size_t i = 0; i < log.len; i++)
		lines += log.p[i] == '\n';
	assert_int_equal(lines, 13); /* 8 decisions and 5 undos: nothing was cut */
	oc_buf_fini(&log);
}

static void undo_reaches_rows_that_a_run_has_taken_over(void **state)
{
	struct oc_review *r = open_queue();
	struct oc_err err = {0};
	char path[96];
	static const char changed[] =
		"{\"key\":\"s:1\",\"hash\":\"\",\"step\":\"hold\",\"rule\":\"unchecked\","
		"\"row\":{\"text\":\"another\"},\"lineage\":{}}\n";

	(void)state;
	decide(r, 0, OC_ACCEPT, NULL);
	decide(r, 1, OC_ACCEPT, NULL);
	oc_review_close(r);
	/* The next run: s:0 is out, s:1 waits with other bytes, for which nothing was said. */
	snprintf(path, sizeof path, "%s/review-queue.jsonl", dir);
	assert_int_equal(oc_file_write(path, changed, sizeof changed - 1, &err), 0);
	assert_int_equal(oc_review_open(&r, dir, "ann", &err), 0);
	assert_int_equal(oc_review_waiting(r), 1);
	assert_int_equal(undo(r), -2);
	assert_int_equal(undo(r), -1);
	assert_int_equal(oc_review_waiting(r), 1);
	assert_int_equal(oc_review_reopened(r), 1);
	oc_review_close(r);
}

static void a_row_cannot_command_the_terminal(void **state)
{
	struct oc_card_lines l = {.arena = oc_arena_new()};
	static const char *const evil[] = {"\033[2J gone", "a\rb", "\x7f",
	                                   "\xc2\x9b"
	                                   "31m",
	                                   "\xe2\x80\xae"
	                                   "txt"};

	(void)state;
	for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
		oc_card_wrap(&l, oc_str(evil[i]), 40);
	for (uint32_t i = 0; i < l.n; i++) {
		for (size_t k = 0; k < l.line[i].len; k++)
			assert_true((unsigned char)l.line[i].p[k] >= 0x20 &&
			            l.line[i].p[k] != 0x7f);
		assert_int_equal(oc_str_find(l.line[i], OC_LIT("\xc2\x9b")), -1);
		assert_int_equal(oc_str_find(l.line[i], OC_LIT("\xe2\x80\xae")), -1);
	}
	oc_arena_free(l.arena);
}

static void text_is_wrapped_at_words_and_by_columns(void **state)
{
	struct oc_card_lines l = {.arena = oc_arena_new()};

	(void)state;
	oc_card_wrap(&l, OC_LIT("one two three\nfour-hundred-and-forty-four"), 9);
	assert_true(oc_str_is(l.line[0], "one two"));
	assert_true(oc_str_is(l.line[1], "three"));
	assert_true(oc_str_is(l.line[2], "four-hund"));
	for (uint32_t i = 0; i < l.n; i++)
		assert_true(oc_card_width(l.line[i]) <= 9);
	l.n = 0;
	oc_card_wrap(&l, OC_LIT("\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2"), 8);
	assert_int_equal(l.n, 2); /* four ideographs are eight columns */
	assert_int_equal(oc_card_width(l.line[0]), 8);
	oc_arena_free(l.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(decisions_are_counted_and_kept, make_queue,
	                                        drop_queue),
		cmocka_unit_test_setup_teardown(undo_goes_back_one_by_one, make_queue, drop_queue),
		cmocka_unit_test_setup_teardown(undo_reaches_earlier_sittings_of_the_same_person,
	                                        make_queue, drop_queue),
		cmocka_unit_test_setup_teardown(undo_reaches_rows_that_a_run_has_taken_over,
	                                        make_queue, drop_queue),
		cmocka_unit_test(a_row_cannot_command_the_terminal),
		cmocka_unit_test(text_is_wrapped_at_words_and_by_columns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
