/* exact: what counts as the same row or piece, who stays, what a resumed run remembers, and that
 * memory does not change an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "curate/exact.h"
#include "index/seen.h"
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

/* Number `of` in a long line of hashes, of which one in four came before. */
static struct oc_hash128 hash_of(uint64_t i, uint64_t *first)
{
	struct oc_rng rng;
	struct oc_draws draws;

	oc_rng_init(&rng, 3, "test/exact");
	oc_draws_init(&draws, &rng, i);
	*first = i && oc_draw_below(&draws, 4) == 0 ? oc_draw_below(&draws, i) : i;
	return oc_hash128(first, sizeof *first);
}

/* In memory, on disk in many runs, and from an index: the same answers. */
static void what_was_seen_is_known_in_any_memory(void **state)
{
	(void)state;
	enum { N = 60000 };
	static const uint64_t memory[] = {1 << 18, 1 << 19, 64 << 20};
	unsigned char *there = oc_zalloc(N, 1);
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_err err = {0};
	char dir[] = "/tmp/outcross-seen-XXXXXX", path[64];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/index", dir);
	for (size_t m = 0; m < 3; m++) {
		struct oc_seen *s = oc_seen_new(ctx, dir, memory[m]);
		struct oc_buf key = {0};
		uint64_t known = 0, first, value;
		const char *from;
		memset(there, 0, N);
		for (uint64_t i = 0; i < N; i++) {
			struct oc_hash128 h = hash_of(i, &first);
			char text[32];
			value = oc_seen_next(s);
			int was = oc_seen_put(s, h, &value, &err);
			assert_int_equal(was, there[first]);
			there[first] = 1;
			snprintf(text, sizeof text, "key%llu", (unsigned long long)first);
			if (was) {
				key.len = 0;
				assert_int_equal(oc_seen_key(s, value, &key, &from, &err), 0);
				assert_null(from);
				assert_string_equal(oc_buf_cstr(&key), text);
				continue;
			}
			known++;
			assert_int_equal(oc_seen_keep(s, oc_str(text), &err), 0);
		}
		assert_int_equal(oc_seen_count(s), known);
		assert_int_equal(oc_seen_runs(s) > 0, m < 2);
		struct oc_arena *a = oc_arena_new();
		yyjson_val *none = oc_json_parse(a, OC_LIT("{}"), &err);
		struct oc_index_writer *w = oc_index_create(path, "exact", none, &err);
		struct oc_index *ix;
		assert_int_equal(oc_seen_save(s, w, &err), 0);
		assert_int_equal(oc_index_commit(w, known, &err), 0);
		oc_seen_free(s);
		s = oc_seen_new(ctx, dir, memory[m]);
		assert_int_equal(oc_index_open(&ix, path, "exact", none, &err), 0);
		assert_int_equal(oc_seen_load(s, ix, &err), 0);
		for (uint64_t i = 0; i < N; i++) {
			char text[32];
			assert_int_equal(oc_seen_find(s, hash_of(i, &first), &value, &err), 1);
			key.len = 0;
			assert_int_equal(oc_seen_key(s, value, &key, &from, &err), 0);
			snprintf(text, sizeof text, "key%llu", (unsigned long long)first);
			assert_string_equal(oc_buf_cstr(&key), text);
			assert_string_equal(from, path);
		}
		oc_seen_free(s);
		oc_index_close(ix);
		oc_arena_free(a);
		oc_buf_fini(&key);
	}
	assert_int_equal(oc_remove_tree(dir, &err), 0);
	oc_ctx_free(ctx);
	free(there);
}

/* The text a row is left with; its evidence in `said`. */
static struct oc_str left(struct oc_batch *b, const char *text, uint64_t n, const char **said)
{
	struct oc_buf json = {0};

	oc_buf_puts(&json, "{\"text\":");
	oc_buf_json(&json, oc_str(text));
	oc_buf_putc(&json, '}');
	struct oc_row *row = oc_driven_row(b, oc_buf_cstr(&json), n, OC_UNKNOWN);
	oc_driven_run(&d, row);
	*said = row->verdict_n ? oc_last_evidence(row) : "";
	oc_buf_fini(&json);
	return row->fate == OC_LIVE ? oc_json_get_str(row->root, "text") : (struct oc_str){"-", 1};
}

static void repeated_pieces_are_cut_out(void **state)
{
	(void)state;
	static const struct {
		const char *options, *text, *left, *said;
	} cases[] = {
		{"{what: line, min_words: 2}", "a b\nc d\na b\n}\n}", "a b\nc d\n}\n}",
	         "{\"pieces\":[{\"at\":8,\"len\":4,\"same_as\":\"s:0\"}],\"gone\":1,\"of\":5}"},
		{NULL, "x\n  c d \ny y\nc  d", "x\ny y\nc  d",
	         "{\"pieces\":[{\"at\":2,\"len\":7,\"same_as\":\"s:0\"}],\"gone\":1,\"of\":4}"},
		{NULL, "new one\na b", "new one",
	         "{\"pieces\":[{\"at\":8,\"len\":3,\"same_as\":\"s:0\"}],\"gone\":1,\"of\":2}"},
		{NULL, "a b\nc d\n", "-",
	         "{\"pieces\":[{\"at\":0,\"len\":4,\"same_as\":\"s:0\"},{\"at\":4,\"len\":4,"
	         "\"same_as\":\"s:0\"}],\"gone\":2,\"of\":2}"},
		{NULL, "C d\nA B", "C d\nA B", ""},
		{NULL, "", "", ""},
		{"{what: paragraph, min_words: 1, compare: simplified}",
	         "One two.\nthree\n\n\nFour, 5!\n \n\nsix",
	         "One two.\nthree\n\n\nFour, 5!\n \n\nsix", ""},
		{NULL, "FOUR 17\n\nseven\n\none  two Three", "seven",
	         "{\"pieces\":[{\"at\":0,\"len\":9,\"same_as\":\"s:0\"},{\"at\":16,\"len\":14,"
	         "\"same_as\":\"s:0\"}],\"gone\":2,\"of\":3}"},
		/* three in a row go; two that were together before do not */
		{"{what: sentences, least_words: 1, least_sentences: 0}",
	         "It was. We saw. They came! Who? Me.", "It was. We saw. They came! Who? Me.", ""},
		{NULL, "Well. It was.  We saw.\nThey came. End.", "Well. End.",
	         "{\"pieces\":[{\"at\":5,\"len\":28,\"same_as\":\"s:0\"}],\"gone\":3,\"of\":5}"},
		{NULL, "It was. We saw. Nobody came.", "It was. We saw. Nobody came.", ""},
		{NULL, "It was. We saw.", "It was. We saw.", ""},
		{"{what: sentences}", "It was. We saw. They came! Who? Me.",
	         "It was. We saw. They came! Who? Me.", ""},
		{NULL, "Well. It was. We saw. They came. End.", "-",
	         "{\"pieces\":[{\"at\":5,\"len\":27,\"same_as\":\"s:0\"}],\"gone\":3,\"of\":5}"},
		/* what fell is no witness */
		{NULL, "Well. It was. We did. End.", "Well. It was. We did. End.", ""},
		/* marks are words where sentences are cut: Well . End . are four */
		{"{what: sentences, least_words: 4, least_sentences: 2}",
	         "It was. We saw. They came! Who? Me.", "It was. We saw. They came! Who? Me.", ""},
		{NULL, "Well. It was. We saw. They came. End.", "Well. End.",
	         "{\"pieces\":[{\"at\":5,\"len\":27,\"same_as\":\"s:0\"}],\"gone\":3,\"of\":5}"},
		{NULL, "Then. It was. We saw. They came. Fin", "-",
	         "{\"pieces\":[{\"at\":5,\"len\":27,\"same_as\":\"s:0\"}],\"gone\":3,\"of\":5}"},
	};
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_batch *b = oc_batch_new(1);
		const char *said;
		if (cases[i].options) {
			if (i)
				oc_driven_close(&d);
			open_with(cases[i].options);
			n = 0;
		}
		struct oc_str got = left(b, cases[i].text, n++, &said);
		if (!oc_str_is(got, cases[i].left))
			fail_msg("case %zu: left `%.*s` (%s)", i, OC_ARG(got), said);
		assert_string_equal(said, cases[i].said);
		oc_batch_free(b);
	}
	oc_driven_close(&d);
}

/* Any text put together again from all its pieces is the text. */
static void pieces_cover_the_text(void **state)
{
	(void)state;
	static const char *bits[] = {"a",
	                             "B c",
	                             ".",
	                             " ",
	                             "\n",
	                             "\n\n",
	                             "\r\n",
	                             "\t",
	                             "Yes! ",
	                             "\xC3\xA9t\xC3\xA9",
	                             "\xE3\x80\x82",
	                             "1.5",
	                             "\"",
	                             "?"};
	struct oc_rng rng;
	struct oc_arena *a = oc_arena_new();
	struct oc_buf text = {0}, room = {0};

	oc_rng_init(&rng, 9, "test/pieces");
	for (uint64_t i = 0; i < 3000; i++) {
		struct oc_draws draws;
		oc_draws_init(&draws, &rng, i);
		text.len = 0;
		for (uint64_t k = oc_draw_below(&draws, 30); k--;)
			oc_buf_puts(&text, bits[oc_draw_below(&draws, sizeof bits / sizeof *bits)]);
		for (int what = OC_PIECE_PARAGRAPH; what <= OC_PIECE_SENTENCES; what++) {
			struct oc_piece_opts opts = {.what = (enum oc_piece_kind)what,
			                             .simplified = i & 1};
			struct oc_pieces p = oc_pieces_cut(a, oc_buf_view(&text), &opts, &room);
			uint32_t at = 0;
			for (uint32_t k = 0; k < p.piece_n; k++) {
				assert_int_equal(p.pieces[k].from, at);
				assert_true(p.pieces[k].to > at);
				at = p.pieces[k].to;
			}
			if (p.piece_n)
				assert_int_equal(at, text.len);
		}
		oc_arena_reset(a);
	}
	oc_buf_fini(&text);
	oc_buf_fini(&room);
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_rows_ignore_label_order_and_spelling),
		cmocka_unit_test(chosen_fields_decide_alone),
		cmocka_unit_test(a_resumed_run_decides_the_same),
		cmocka_unit_test(what_was_seen_is_known_in_any_memory),
		cmocka_unit_test(repeated_pieces_are_cut_out),
		cmocka_unit_test(pieces_cover_the_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
