/* The rehearsal of a finished run: which rows it learns from, and what it says without any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/file.h"
#include "data/json.h"
#include "data/opts.h"
#include "loop/loop.h"
#include "loop/rehearse.h"

static char dir[] = "/tmp/oc-rehearse-XXXXXX";

static int up(void **state)
{
	struct oc_err err = {0};
	char path[64];

	(void)state;
	strcpy(dir, "/tmp/oc-rehearse-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/out/data", dir);
	if (oc_mkdirs(path, &err))
		return -1;
	snprintf(path, sizeof path, "%s/out/lineage", dir);
	return oc_mkdirs(path, &err);
}

static int down(void **state)
{
	struct oc_err err = {0};

	(void)state;
	return oc_remove_tree(dir, &err);
}

static void write_file(const char *name, const struct oc_buf *b)
{
	struct oc_err err = {0};
	char path[96];

	snprintf(path, sizeof path, "%s/out/%s", dir, name);
	assert_int_equal(oc_file_write(path, b->p, b->len, &err), 0);
}

/* A shard of n rows of which every third is a machine's; `short_by` lines of lineage are left out.
 */
static void shard(const char *name, unsigned from, unsigned n, unsigned short_by)
{
	struct oc_buf data = {0}, lineage = {0};
	char path[64];

	for (unsigned i = from; i < from + n; i++) {
		bool made = i % 3 == 2;
		oc_buf_printf(
			&data,
			"{\"q\":\"only asked\",\"a\":\"%s %u of %u\",\"n\":[\"in a list\"]}\n",
			made ? "machine" : "person", i % 7, i % 5);
		if (i < from + n - short_by)
			oc_buf_printf(&lineage, "{\"key\":\"k:%u\",\"origin\":\"%s\"}\n", i,
			              made ? "synthetic" : "real");
	}
	snprintf(path, sizeof path, "data/%s", name);
	write_file(path, &data);
	snprintf(path, sizeof path, "lineage/%s", name);
	write_file(path, &lineage);
	oc_buf_fini(&data);
	oc_buf_fini(&lineage);
}

/* Rehearses with the options given as JSON; the facts, in the arena, or NULL with err set. */
static yyjson_val *rehearse(struct oc_arena *a, const char *options, struct oc_err *err)
{
	struct oc_ctx *ctx = oc_ctx_new(2, 0);
	struct oc_buf facts = {0};
	yyjson_val *given = oc_json_parse(a, oc_str(options), err), *value = NULL;
	yyjson_val *opts = oc_opts_resolve(a, oc_loop_options, given, "rehearse", NULL, NULL, err);

	assert_non_null(opts);
	if (!oc_rehearse_run(NULL, ctx, dir, opts, 5, &facts, err))
		assert_non_null(value = oc_json_parse(a, oc_buf_view(&facts), err));
	oc_buf_fini(&facts);
	oc_ctx_free(ctx);
	return value;
}

static void learns_from_people_only(void **state)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};

	(void)state;
	shard("train-00000-of-00002.jsonl", 0, 30, 0);
	shard("train-00001-of-00002.jsonl", 30, 15, 0);
	shard("test-00000-of-00001.jsonl", 0, 9, 0);
	yyjson_val *f = rehearse(a, "{\"field\":\"a\",\"generations\":3,\"runs\":1}", &err);
	assert_non_null(f);
	assert_int_equal(oc_json_get_int(f, "real_texts", 0), 30);
	assert_int_equal(oc_json_get_int(f, "held_texts", 0), 9);
	/* person, of, 0..6; "machine" stands in held-out rows only */
	assert_int_equal(oc_json_get_int(f, "real_words", 0), 9);
	assert_int_equal(oc_json_get_int(f, "held_words", 0) - oc_json_get_int(f, "held_known", 0),
	                 1);
	assert_string_equal(oc_json_get_str(f, "start").p, "person");
	assert_int_equal(yyjson_arr_size(oc_json_get(f, "arms")), 3);

	/* Without a field: all strings of a row, those of lists too. */
	f = rehearse(a, "{\"generations\":1,\"runs\":1,\"loops\":[\"replace\"]}", &err);
	assert_non_null(f);
	assert_int_equal(oc_json_get_int(f, "real_words", 0), 9 + 2 + 3);
	assert_string_equal(oc_json_get_str(f, "start").p, "only");
	oc_arena_free(a);
}

static void nothing_to_learn_from(void **state)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_buf empty = {0};
	struct oc_err err = {0};

	(void)state;
	yyjson_val *f = rehearse(a, "{\"field\":\"nowhere\"}", &err);
	assert_non_null(f);
	assert_null(oc_json_get(f, "arms"));
	assert_non_null(strstr(oc_json_get_str(f, "verdict").p, "no real rows with the field"));
	write_file("data/test-00000-of-00001.jsonl", &empty);
	f = rehearse(a, "{}", &err);
	assert_non_null(f);
	assert_non_null(strstr(oc_json_get_str(f, "verdict").p, "no held-out rows"));
	oc_arena_free(a);
}

static void lineage_that_does_not_fit(void **state)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};

	(void)state;
	shard("test-00000-of-00001.jsonl", 0, 9, 0);
	shard("train-00001-of-00002.jsonl", 30, 15, 1);
	assert_null(rehearse(a, "{\"generations\":1,\"runs\":1}", &err));
	assert_non_null(strstr(err.msg, "more lines than its lineage"));
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learns_from_people_only),
		cmocka_unit_test(nothing_to_learn_from),
		cmocka_unit_test(lineage_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, up, down);
}
