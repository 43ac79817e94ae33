/*
 * The index on disk: what is written is read back; what is damaged, foreign or made with other
 * options is refused with a sentence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "index/disk.h"
#include "index/rouge.h"

static char dir[] = "/tmp/outcross-disk-XXXXXX";
static struct oc_arena *arena;

static const char *path_of(const char *name)
{
	return oc_arena_printf(arena, "%s/%s", dir, name).p;
}

static yyjson_val *json(const char *text)
{
	struct oc_err err = {0};
	yyjson_val *v = oc_json_parse(arena, oc_str(text), &err);

	assert_non_null(v);
	return v;
}

static void write_one(const char *path)
{
	struct oc_err err = {0};
	struct oc_index_writer *w =
		oc_index_create(path, "near_dup", json("{\"rows\":6,\"ngram\":5}"), &err);
	uint64_t i;

	assert_non_null(w);
	assert_int_equal(oc_index_begin(w, "numbers", &err), 0);
	for (i = 0; i < 300000; i++)
		assert_int_equal(oc_index_write(w, &i, sizeof i, &err), 0);
	assert_int_equal(oc_index_begin(w, "empty", &err), 0);
	assert_int_equal(oc_index_begin(w, "text", &err), 0);
	assert_int_equal(oc_index_write(w, "seven b", 7, &err), 0);
	assert_false(oc_file_exists(path));
	assert_int_equal(oc_index_commit(w, 42, &err), 0);
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_index *ix;
	struct oc_str s;
	const char *path = path_of("one");

	write_one(path);
	assert_true(oc_index_is(path));
	if (oc_index_open(&ix, path, "near_dup", json("{\"ngram\":5,\"rows\":6}"), &err))
		fail_msg("%s", err.msg);
	assert_int_equal(oc_index_rows(ix), 42);
	assert_int_equal(oc_index_section(ix, "numbers", 8, &s, &err), 0);
	assert_int_equal(s.len, 8 * 300000);
	assert_int_equal((uintptr_t)s.p % 64, 0);
	for (uint64_t i = 0; i < 300000; i++)
		assert_int_equal(((const uint64_t *)(const void *)s.p)[i], i);
	assert_int_equal(oc_index_section(ix, "empty", 8, &s, &err), 0);
	assert_int_equal(s.len, 0);
	assert_int_equal(oc_index_section(ix, "text", 1, &s, &err), 0);
	assert_memory_equal(s.p, "seven b", 7);
	assert_int_equal(oc_index_section(ix, "text", 2, &s, &err), -1);
	err = (struct oc_err){0};
	assert_int_equal(oc_index_section(ix, "other", 1, &s, &err), -1);
	oc_index_close(ix);
}

static void refused(const char *path, const char *stage, const char *options, const char *why)
{
	struct oc_err err = {0};
	struct oc_index *ix;

	assert_int_equal(oc_index_open(&ix, path, stage, json(options), &err), -1);
	assert_int_equal(err.code, OC_INPUT);
	if (!strstr(err.msg, why))
		fail_msg("%s: %s", err.where, err.msg);
}

static void others_are_refused(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_buf b = {0};
	struct oc_index *ix;
	struct oc_str s;
	const char *path = path_of("two"), *same = "{\"ngram\":5,\"rows\":6}";

	write_one(path);
	refused(path, "exact", same, "for the stage near_dup, not for exact");
	refused(path, "near_dup", "{\"ngram\":4,\"rows\":6}", "`ngram` 5, and this step has 4");
	refused(path, "near_dup", "{\"ngram\":5}", "`rows` 6, and this step has unset");
	refused(path, "near_dup", "{\"ngram\":5,\"rows\":6,\"x\":true}", "`x` unset");
	assert_int_equal(oc_file_read(path, 1 << 24, &b, &err), 0);
	const char *damaged = path_of("damaged");
	/* cut short, everywhere near the ends */
	for (size_t len = 0; len < b.len; len += len < 200 || len + 400 > b.len ? 7 : 100000) {
		assert_int_equal(oc_file_write(damaged, b.p, len, &err), 0);
		refused(damaged, "near_dup", same, "");
	}
	/* a newer format; a table that was changed; a section that was changed */
	b.p[8]++;
	assert_int_equal(oc_file_write(damaged, b.p, b.len, &err), 0);
	refused(damaged, "near_dup", same, "newer");
	b.p[8]--;
	b.p[b.len - 5] ^= 1;
	assert_int_equal(oc_file_write(damaged, b.p, b.len, &err), 0);
	refused(damaged, "near_dup", same, "damaged");
	b.p[b.len - 5] ^= 1;
	b.p[1000] ^= 1;
	assert_int_equal(oc_file_write(damaged, b.p, b.len, &err), 0);
	assert_int_equal(oc_index_open(&ix, damaged, "near_dup", json(same), &err), 0);
	assert_int_equal(oc_index_section(ix, "text", 1, &s, &err), 0);
	assert_int_equal(oc_index_section(ix, "numbers", 8, &s, &err), -1);
	assert_non_null(strstr(err.msg, "damaged"));
	oc_index_close(ix);
	oc_buf_fini(&b);
}

static void what_is_abandoned_leaves_nothing(void **state)
{
	(void)state;
	struct oc_err err = {0};
	const char *path = path_of("three");
	struct oc_index_writer *w = oc_index_create(path, "exact", json("{}"), &err);

	assert_int_equal(oc_index_begin(w, "a", &err), 0);
	oc_index_abandon(w);
	assert_false(oc_file_exists(path));
	assert_false(oc_file_exists(path_of("three.tmp")));
}

static struct oc_words text_of(uint64_t i)
{
	struct oc_rng rng;
	struct oc_draws d;
	struct oc_buf b = {0};

	oc_rng_init(&rng, 5, "test/disk");
	oc_draws_init(&d, &rng, i);
	for (unsigned k = 3 + (unsigned)oc_draw_below(&d, 9); k--;)
		oc_buf_printf(&b, "w%u ", (unsigned)oc_draw_below(&d, 40));
	struct oc_words words = oc_text_rouge(arena, oc_arena_str(arena, oc_buf_view(&b)));
	oc_buf_fini(&b);
	return words;
}

/* Half of the texts from disk, half added: the same answers as all added. */
static void a_loaded_index_answers_the_same(void **state)
{
	(void)state;
	struct oc_err err = {0};
	const char *path = path_of("rouge");
	struct oc_rouge *all = oc_rouge_new(0.7), *half = oc_rouge_new(0.5),
			*loaded = oc_rouge_new(0.7);
	struct oc_index_writer *w = oc_index_create(path, "novelty", json("{}"), &err);
	struct oc_index *ix;

	for (uint64_t i = 0; i < 600; i++) {
		struct oc_words words = text_of(i);
		oc_rouge_add(all, &words);
		if (i < 300)
			oc_rouge_add(half, &words);
	}
	assert_int_equal(oc_rouge_save(half, w, &err), 0);
	assert_int_equal(oc_index_commit(w, 300, &err), 0);
	assert_int_equal(oc_index_open(&ix, path, "novelty", json("{}"), &err), 0);
	assert_int_equal(oc_rouge_load(loaded, ix, &err), 0);
	oc_index_close(ix);
	for (uint64_t i = 300; i < 600; i++) {
		struct oc_words words = text_of(i);
		oc_rouge_add(loaded, &words);
	}
	unsigned found = 0;
	for (uint64_t i = 600; i < 900; i++) {
		struct oc_words words = text_of(i);
		struct oc_rouge_hit a, b;
		bool is = oc_rouge_find(all, &words, &a);
		assert_int_equal(oc_rouge_find(loaded, &words, &b), is);
		found += is;
		assert_int_equal(a.item, b.item);
		assert_true(a.f == b.f);
	}
	assert_in_range(found, 1, 299);
	oc_rouge_free(all);
	oc_rouge_free(half);
	oc_rouge_free(loaded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(what_is_abandoned_leaves_nothing),
		cmocka_unit_test(a_loaded_index_answers_the_same),
	};
	struct oc_err err = {0};

	if (!mkdtemp(dir))
		return 1;
	arena = oc_arena_new();
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	oc_arena_free(arena);
	oc_remove_tree(dir, &err);
	return rc;
}
