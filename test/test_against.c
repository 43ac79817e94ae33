/* against: every kind of file gives the same rows, named so that they can be found; what is no row
 * is refused where it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/ctx.h"
#include "base/file.h"
#include "pipe/against.h"

struct fixture {
	char dir[64];
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_buf got; /* "KEY ROW LINE TEXT\n" */
	unsigned stop;     /* the callback fails after so many rows; 0 = never */
	unsigned n;
};

static int setup(void **state)
{
	struct fixture *f = oc_zalloc(1, sizeof *f);

	snprintf(f->dir, sizeof f->dir, "/tmp/test-against-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->ctx = oc_ctx_new(2, 0);
	f->arena = oc_arena_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct oc_err err = {0};

	assert_int_equal(oc_remove_tree(f->dir, &err), 0);
	oc_buf_fini(&f->got);
	oc_arena_free(f->arena);
	oc_ctx_free(f->ctx);
	free(f);
	return 0;
}

static void put(const struct fixture *f, const char *name, struct oc_str bytes)
{
	struct oc_err err = {0};
	char path[128];

	snprintf(path, sizeof path, "%s/%s", f->dir, name);
	assert_int_equal(oc_file_write(path, bytes.p, bytes.len, &err), 0);
}

static int see(void *user, struct oc_row *row, struct oc_err *err)
{
	struct fixture *f = user;
	struct oc_str text = row->raw;

	if (f->stop && f->n == f->stop) {
		err->code = OC_INTERNAL;
		return -1;
	}
	f->n++;
	if (row->root)
		oc_row_field(row, OC_LIT("q"), &text);
	oc_buf_printf(&f->got, "%.*s %llu %llu %.*s\n", OC_ARG(row->ped.key),
	              (unsigned long long)row->ped.row, (unsigned long long)row->ped.span.line,
	              OC_ARG(text));
	return 0;
}

static int read_all(struct fixture *f, const char *name, struct oc_err *err)
{
	struct oc_env env = {.size = sizeof env,
	                     .ctx = f->ctx,
	                     .name = "stage",
	                     .base_dir = f->dir,
	                     .work_dir = f->dir};
	struct oc_buf json = {0};

	f->got.len = f->n = 0;
	oc_buf_json(&json, oc_str(name));
	yyjson_val *v = oc_json_parse(f->arena, oc_buf_view(&json), err);
	int rc = oc_against_each(&env, v, see, f, err);
	oc_buf_fini(&json);
	return rc;
}

static void gives(struct fixture *f, const char *name, const char *want)
{
	struct oc_err err = {0};

	if (read_all(f, name, &err))
		fail_msg("%s: %s: %s", name, err.where, err.msg);
	assert_string_equal(oc_buf_cstr(&f->got), want);
}

static void refuses(struct fixture *f, const char *name, const char *want)
{
	struct oc_err err = {0};

	assert_int_equal(read_all(f, name, &err), -1);
	assert_int_equal(err.code, OC_INPUT);
	if (!strstr(err.msg, want) || !strstr(err.where, name))
		fail_msg("%s: %s lacks: %s", err.where, err.msg, want);
}

static void every_kind_gives_its_rows(void **state)
{
	struct fixture *f = *state;

	put(f, "a.jsonl", OC_LIT("{\"q\":\"one\"}\n\n \n{\"q\":\"two\"}\r\n{\"q\":3}"));
	gives(f, "a.jsonl", "a.jsonl:1 0 1 one\na.jsonl:4 1 4 two\na.jsonl:5 2 5 3\n");
	put(f, "b.json", OC_LIT("[{\"q\":\"one\"},\n{\"q\":\n\"two\"}, {\"q\":\"three\"}]\n"));
	gives(f, "b.json", "b.json:1 0 1 one\nb.json:2 1 2 two\nb.json:3 2 3 three\n");
	put(f, "c.csv", OC_LIT("id,q\n1,one\n\n2,\"two\nand\"\n3,three\n"));
	gives(f, "c.csv", "c.csv:2 0 2 one\nc.csv:4 1 4 two\nand\nc.csv:6 2 6 three\n");
	put(f, "d.tsv", OC_LIT("id\tq\n1\tone, two\n"));
	gives(f, "d.tsv", "d.tsv:2 0 2 one, two\n");
	put(f, "e.txt", OC_LIT("\n  one \n\ntwo\n"));
	gives(f, "e.txt", "e.txt:2 0 2 one\ne.txt:4 1 4 two\n");
	put(f, "empty.jsonl", OC_LIT(""));
	gives(f, "empty.jsonl", "");
	put(f, "empty.csv", OC_LIT(""));
	gives(f, "empty.csv", "");
	put(f, "empty.json", OC_LIT("[]"));
	gives(f, "empty.json", "");
}

static void a_pattern_may_find_several_kinds(void **state)
{
	struct fixture *f = *state;

	put(f, "x1.jsonl", OC_LIT("{\"q\":\"a\"}\n"));
	put(f, "x2.json", OC_LIT("[{\"q\":\"b\"},{\"q\":\"c\"}]"));
	put(f, "x3.csv", OC_LIT("q\nd\n"));
	put(f, "x4.csv", OC_LIT("other,q\n1,e\n")); /* with its own columns */
	put(f, "x5", OC_LIT("f\n"));
	put(f, "x6.txt", OC_LIT("g\nh\n"));
	gives(f, "x*",
	      "x1.jsonl:1 0 1 a\nx2.json:1 0 1 b\nx2.json:2 1 1 c\nx3.csv:2 0 2 d\n"
	      "x4.csv:2 0 2 e\nx5:1 0 1 f\nx6.txt:1 0 1 g\nx6.txt:2 1 2 h\n");
}

static void what_is_no_row_is_refused(void **state)
{
	struct fixture *f = *state;
	struct oc_err err = {0};

	put(f, "text.jsonl", OC_LIT("{\"q\":1}\nplain\n"));
	refuses(f, "text.jsonl", "line 2 is not a JSON object");
	put(f, "list.jsonl", OC_LIT("{\"q\":1}\n\"s\"\n"));
	refuses(f, "list.jsonl", "line 2 is not a JSON object: a JSON object was expected");
	put(f, "twice.jsonl", OC_LIT("{\"q\":1,\"q\":2}\n"));
	refuses(f, "twice.jsonl", "the member \"q\" stands twice");
	put(f, "open.json", OC_LIT("[{\"q\":1},\n{\"q\":2}"));
	refuses(f, "open.json", "the array is not closed");
	put(f, "ragged.csv", OC_LIT("a,b\n1,2\n3\n"));
	refuses(f, "ragged.csv", "line 3 is no row: 2 columns expected, 1 found");
	put(f, "quote.csv", OC_LIT("a,b\n1,\"2\n"));
	refuses(f, "quote.csv", "line 2 is no row");
	put(f, "wide.txt", OC_LIT("\xff\xfeo\0n\0e\0"));
	refuses(f, "wide.txt", "line 1 holds a zero byte");
	refuses(f, "none.jsonl", "cannot read");
	refuses(f, "none*.jsonl", "no file matches");

	/* what the caller refuses ends the reading, and so does an interruption */
	put(f, "more.jsonl", OC_LIT("{\"q\":1}\n{\"q\":2}\n{\"q\":3}\n"));
	f->stop = 2;
	assert_int_equal(read_all(f, "more.jsonl", &err), -1);
	assert_int_equal(f->n, 2);
	f->stop = 0;
	err = (struct oc_err){0};
	oc_ctx_cancel(f->ctx);
	assert_int_equal(read_all(f, "more.jsonl", &err), -1);
	assert_int_equal(err.code, OC_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_kind_gives_its_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pattern_may_find_several_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_row_is_refused, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
