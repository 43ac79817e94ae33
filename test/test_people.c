/* The log of decisions: append-only, rebuilt from its lines, holding for the bytes people saw. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "run/people.h"

static char dir[64], path[96];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/oc-people-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/reviews.jsonl", dir);
	return 0;
}

static int drop_dir(void **state)
{
	struct oc_err err = {0};
	(void)state;
	return oc_remove_tree(dir, &err);
}

static struct oc_people *open_log(void)
{
	struct oc_people *p = NULL;
	struct oc_err err = {0};

	assert_int_equal(oc_people_open(&p, dir, &err), 0);
	return p;
}

static uint64_t say(struct oc_people *p, enum oc_decision_kind kind, const char *key,
                    const char *raw, const char *after, uint64_t of)
{
	struct oc_err err = {0};
	char hex[33];

	oc_hash128_hex(oc_hash128(raw, strlen(raw)), hex);
	struct oc_decision e = {.kind = kind,
	                        .key = oc_str(key),
	                        .hash = oc_str(hex),
	                        .by = OC_LIT("a \"quoted\" name"),
	                        .before = oc_str(raw),
	                        .after = oc_str(after),
	                        .of = of};
	assert_int_equal(oc_people_append(p, &e, &err), 0);
	return e.seq;
}

static enum oc_decision_kind found(const struct oc_people *p, const char *key, const char *raw)
{
	const struct oc_decision *d = oc_people_find(p, oc_str(key), oc_str(raw));
	return d ? d->kind : OC_UNDO;
}

static void the_newest_decision_for_these_bytes_holds(void **state)
{
	struct oc_people *p = open_log();

	(void)state;
	say(p, OC_ACCEPT, "s:1", "{\"a\":1}", NULL, 0);
	assert_int_equal(found(p, "s:1", "{\"a\":1}"), OC_ACCEPT);
	assert_int_equal(found(p, "s:1", "{\"a\":2}"), OC_UNDO);
	assert_int_equal(found(p, "s:2", "{\"a\":1}"), OC_UNDO);
	uint64_t seq = say(p, OC_REJECT, "s:1", "{\"a\":1}", NULL, 0);
	assert_int_equal(found(p, "s:1", "{\"a\":1}"), OC_REJECT);
	say(p, OC_UNDO, "s:1", "{\"a\":1}", NULL, seq);
	assert_int_equal(found(p, "s:1", "{\"a\":1}"), OC_ACCEPT);
	say(p, OC_SKIP, "s:1", "{\"a\":1}", NULL, 0);
	assert_int_equal(found(p, "s:1", "{\"a\":1}"), OC_UNDO);
	oc_people_close(p);
}

static void the_log_says_the_same_when_it_is_read_again(void **state)
{
	struct oc_people *p = open_log();
	uint64_t seen, bad;
	char key[32];
	size_t n;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		snprintf(key, sizeof key, "s:%u", i * 7919 % 300);
		say(p, (enum oc_decision_kind)(i % 4), key, "{\"t\":\"x\\ny\"}", "{\"t\":\"z\"}",
		    0);
	}
	oc_people_close(p);
	p = open_log();
	const struct oc_decision *e = oc_people_events(p, &n);
	assert_int_equal(n, 300);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(key, sizeof key, "s:%u", i * 7919 % 300);
		assert_int_equal(e[i].seq, i + 1);
		assert_true(oc_str_is(e[i].key, key));
		assert_true(oc_str_is(e[i].by, "a \"quoted\" name"));
		assert_int_equal(found(p, key, "{\"t\":\"x\\ny\"}"),
		                 i % 4 == OC_SKIP ? OC_UNDO : i % 4);
	}
	oc_people_seen(p, &seen, &bad);
	assert_int_equal(seen, 225);
	assert_int_equal(bad, 150);
	oc_people_close(p);
}

static void an_event_torn_by_a_power_cut_never_was(void **state)
{
	struct oc_people *p = open_log();
	struct oc_err err = {0};
	size_t n;

	(void)state;
	say(p, OC_ACCEPT, "s:1", "{}", NULL, 0);
	oc_people_close(p);
	int fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(oc_write_all(fd, "{\"seq\":2,\"key\":\"s:1", 19, path, &err), 0);
	close(fd);
	p = open_log();
	oc_people_events(p, &n);
	assert_int_equal(n, 1);
	assert_int_equal(say(p, OC_REJECT, "s:2", "{}", NULL, 0), 2);
	oc_people_close(p);
	p = open_log();
	oc_people_events(p, &n);
	assert_int_equal(n, 2);
	assert_int_equal(found(p, "s:2", "{}"), OC_REJECT);
	oc_people_close(p);
}

static void two_reviewers_take_each_others_events_in(void **state)
{
	struct oc_people *a = open_log(), *b = open_log();
	size_t n;

	(void)state;
	assert_int_equal(say(a, OC_ACCEPT, "s:1", "{}", NULL, 0), 1);
	assert_int_equal(say(b, OC_REJECT, "s:2", "{}", NULL, 0), 2);
	assert_int_equal(say(a, OC_REJECT, "s:3", "{}", NULL, 0), 3);
	assert_int_equal(found(b, "s:1", "{}"), OC_ACCEPT);
	oc_people_events(a, &n);
	assert_int_equal(n, 3);
	oc_people_close(a);
	oc_people_close(b);
}

static void a_broken_line_is_named(void **state)
{
	struct oc_people *p = NULL;
	struct oc_err err = {0};

	(void)state;
	const char text[] =
		"{\"seq\":1,\"key\":\"s:1\",\"decision\":\"accept\"}\n{\"decision\":\"maybe\"}\n";
	assert_int_equal(oc_file_write(path, text, sizeof text - 1, &err), 0);
	assert_int_equal(oc_people_open(&p, dir, &err), -1);
	assert_int_equal(err.code, OC_INPUT);
	assert_non_null(strstr(err.where, "reviews.jsonl:2"));
	assert_non_null(strstr(err.msg, "maybe"));
}

static void decisions_change_the_row(void **state)
{
	struct oc_people *p = open_log();
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	const char *raw = "{\"q\":1}";
	static const enum oc_fate fates[] = {OC_LIVE, OC_REJECTED, OC_LIVE};

	(void)state;
	for (unsigned kind = OC_ACCEPT; kind <= OC_EDIT; kind++) {
		struct oc_row row = {.raw = oc_str(raw), .arena = a, .ped = {.key = OC_LIT("s:1")}};
		assert_int_equal(oc_row_parse(&row, &err), 0);
		row.fate = OC_HELD;
		row.ped.origin = OC_SYNTHETIC;
		say(p, (enum oc_decision_kind)kind, "s:1", raw, "{\"q\":2}", 0);
		assert_int_equal(oc_people_apply(p, &row, &err), 1);
		assert_int_equal(row.fate, fates[kind]);
		assert_int_equal(row.ped.origin, OC_SYNTHETIC);
		assert_true(oc_str_is(row.raw, kind == OC_EDIT ? "{\"q\":2}" : raw));
		assert_int_equal(row.ped.edits.len > 0, kind == OC_EDIT);
		assert_non_null(oc_json_parse(a, row.ped.review, &err));
	}
	struct oc_row other = {.raw = OC_LIT("{}"), .arena = a, .fate = OC_HELD};
	assert_int_equal(oc_people_apply(p, &other, &err), 0);
	assert_int_equal(other.fate, OC_HELD);
	oc_arena_free(a);
	oc_people_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_newest_decision_for_these_bytes_holds, make_dir,
	                                        drop_dir),
		cmocka_unit_test_setup_teardown(the_log_says_the_same_when_it_is_read_again,
	                                        make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(an_event_torn_by_a_power_cut_never_was, make_dir,
	                                        drop_dir),
		cmocka_unit_test_setup_teardown(two_reviewers_take_each_others_events_in, make_dir,
	                                        drop_dir),
		cmocka_unit_test_setup_teardown(a_broken_line_is_named, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(decisions_change_the_row, make_dir, drop_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
