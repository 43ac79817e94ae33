/*
 * novelty: the pruned index against comparing with everything by the textbook table, the published
 * decisions on exact ties, real rows, resume.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "index/rouge.h"
#include "stage.h"

/* n words of a vocabulary that thins out as languages do; sometimes a changed copy of `from`. */
static void make_text(struct oc_buf *b, struct oc_draws *draws, uint32_t least, uint32_t most,
                      const struct oc_words *from)
{
	uint32_t n = least + (uint32_t)oc_draw_below(draws, most - least + 1);

	b->len = 0;
	if (from) {
		for (uint32_t i = 0; i < from->n; i++) {
			uint64_t what = oc_draw_below(draws, 8);
			if (what == 0)
				continue;
			oc_buf_str(b, from->word[i]);
			oc_buf_putc(b, ' ');
			if (what == 1)
				oc_buf_printf(b, "n%u ", (unsigned)oc_draw_below(draws, 50));
		}
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		double u = oc_draw_unit(draws);
		oc_buf_printf(b, "w%u ", (unsigned)(1500 * u * u * u));
	}
}

static void index_keeps_what_the_table_keeps(uint32_t least, uint32_t most, uint32_t text_n,
                                             double threshold)
{
	struct oc_rouge *index = oc_rouge_new(threshold), *all = oc_rouge_new(threshold);
	struct oc_arena *a = oc_arena_new();
	struct oc_words *kept = oc_zalloc(text_n, sizeof *kept);
	struct oc_buf b = {0};
	struct oc_rng rng;
	uint32_t kept_n = 0, dropped = 0;

	oc_rng_init(&rng, 3, "test/novelty");
	for (uint32_t i = 0; i < text_n; i++) {
		struct oc_draws draws;
		oc_draws_init(&draws, &rng, i);
		bool copy = kept_n && oc_draw_below(&draws, 3) == 0;
		make_text(&b, &draws, least, most,
		          copy ? &kept[oc_draw_below(&draws, kept_n)] : NULL);
		struct oc_words w = oc_text_rouge(a, oc_arena_str(a, oc_buf_view(&b)));
		struct oc_rouge_hit hit, plain;
		uint32_t nearest = UINT32_MAX;
		double most_f = 0;
		for (uint32_t k = 0; k < kept_n; k++) {
			double f = oc_rouge_l(&w, &kept[k]);
			if (f > most_f) {
				most_f = f;
				nearest = k;
			}
		}
		bool found = oc_rouge_find(index, &w, &hit);
		assert_int_equal(found, most_f > threshold);
		assert_int_equal(oc_rouge_find_all(all, &w, &plain), found);
		assert_int_equal(plain.item, nearest);
		assert_true(plain.f == most_f);
		if (found) {
			assert_int_equal(hit.item, nearest);
			assert_true(hit.f == most_f);
			dropped++;
			continue;
		}
		assert_int_equal(oc_rouge_add(index, &w), kept_n);
		oc_rouge_add(all, &w);
		kept[kept_n++] = w;
	}
	assert_true(dropped > text_n / 20);
	assert_true(kept_n > text_n / 40);
	if (threshold >= 0.7)
		assert_true(oc_rouge_lcs_runs(index) < oc_rouge_lcs_runs(all) / 2);
	oc_buf_fini(&b);
	free(kept);
	oc_arena_free(a);
	oc_rouge_free(index);
	oc_rouge_free(all);
}

static void short_texts(void **state)
{
	(void)state;
	index_keeps_what_the_table_keeps(0, 18, 1500, 0.7);
}

static void texts_of_several_machine_words(void **state)
{
	(void)state;
	index_keeps_what_the_table_keeps(50, 200, 250, 0.7);
}

static void other_thresholds(void **state)
{
	(void)state;
	index_keeps_what_the_table_keeps(1, 14, 600, 0.5);
	index_keeps_what_the_table_keeps(1, 14, 600, 0.123456789);
	index_keeps_what_the_table_keeps(1, 14, 600, 0.95);
}

/*
 * On an exact tie 20 L = 7 (m + n) the doubles decide. The counts over all m, n <= 150 are those
 * of the public Python expression: 531 ties, 272 above, 241 equal, 18 below.
 */
static void ties_fall_as_published(void **state)
{
	(void)state;
	unsigned tie = 0, above = 0, equal = 0, below = 0;
	struct oc_arena *a = oc_arena_new();

	for (uint32_t m = 1; m <= 150; m++)
		for (uint32_t n = 1; n <= 150; n++) {
			uint32_t shorter = m < n ? m : n;
			if (7 * (m + n) % 20 || 7 * (m + n) / 20 > shorter)
				continue;
			double f = oc_rouge_f(7 * (m + n) / 20, m, n);
			tie++;
			above += f > 0.7;
			equal += f == 0.7;
			below += f < 0.7;
		}
	assert_int_equal(tie, 531);
	assert_int_equal(above, 272);
	assert_int_equal(equal, 241);
	assert_int_equal(below, 18);

	/* and through the index, whatever the expression says */
	for (uint32_t m = 1; m <= 60; m++)
		for (uint32_t n = m; n <= 60; n++) {
			uint32_t lcs = 7 * (m + n) / 20;
			if (7 * (m + n) % 20 || lcs > m)
				continue;
			struct oc_buf x = {0}, y = {0};
			struct oc_rouge *index = oc_rouge_new(0.7);
			struct oc_rouge_hit hit;
			for (uint32_t i = 0; i < n; i++) {
				oc_buf_printf(&x, i < lcs ? "c%u " : "x%u ", i);
				if (i < m)
					oc_buf_printf(&y, i < lcs ? "c%u " : "y%u ", i);
			}
			struct oc_words wx = oc_text_rouge(a, oc_buf_view(&x)),
					wy = oc_text_rouge(a, oc_buf_view(&y));
			oc_rouge_add(index, &wx);
			assert_int_equal(oc_rouge_find(index, &wy, &hit),
			                 oc_rouge_f(lcs, m, n) > 0.7);
			if (m == 7 && n == 13)
				assert_true(hit.f > 0.7);
			oc_rouge_free(index);
			oc_buf_fini(&x);
			oc_buf_fini(&y);
		}
	oc_arena_free(a);
}

static void known_scores(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		double f;
	} cases[] = {{"a b c d", "a c d e", 0.75}, {"a b", "b a", 0.5}, {"", "", 0}, {"", "a", 0},
	             {"a a a", "a", 0.5},          {"x y", "x y", 1}};
	struct oc_arena *a = oc_arena_new();

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_words x = oc_text_rouge(a, oc_str(cases[i].a)),
				y = oc_text_rouge(a, oc_str(cases[i].b));
		assert_true(oc_rouge_l(&x, &y) == cases[i].f);
	}
	oc_arena_free(a);
}

/* ------------------------------------------------------------- as a stage */

static const char *feed(struct oc_driven *d, const char *text, uint64_t n, enum oc_origin origin)
{
	static char out[4096];
	struct oc_batch *b = oc_batch_new(1);
	struct oc_buf json = {0};

	oc_buf_puts(&json, "{\"instruction\":");
	oc_buf_json(&json, oc_str(text));
	oc_buf_putc(&json, '}');
	struct oc_row *row = oc_driven_row(b, oc_buf_cstr(&json), n, origin);
	oc_driven_run(d, row);
	snprintf(out, sizeof out, "%s", row->fate == OC_LIVE ? "" : oc_last_evidence(row));
	oc_buf_fini(&json);
	oc_batch_free(b);
	return out;
}

static void real_rows_are_remembered_not_judged(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_driven d;

	assert_int_equal(oc_driven_open(&d, "novelty", "{field: instruction}", 0, &err), 0);
	assert_string_equal(feed(&d, "Name the colours of a rainbow", 0, OC_REAL), "");
	assert_string_equal(feed(&d, "Name the colours of a rainbow", 1, OC_REAL), "");
	assert_string_equal(feed(&d, "name, the colours: of A rainbow!", 2, OC_SYNTHETIC),
	                    "{\"nearest\":\"s:0\",\"rouge_l\":1}");
	assert_string_equal(feed(&d, "List four rivers in Spain", 3, OC_SYNTHETIC), "");
	assert_string_equal(feed(&d, "List four rivers in France", 4, OC_UNKNOWN),
	                    "{\"nearest\":\"s:3\",\"rouge_l\":0.8000000000000002}");
	assert_string_equal(feed(&d, "", 5, OC_SYNTHETIC), "");
	assert_string_equal(feed(&d, "", 6, OC_SYNTHETIC), "");

	struct oc_driven again;
	assert_int_equal(oc_driven_open(&again, "novelty", "{field: instruction}", 0, &err), 0);
	assert_int_equal(again.def->restore(again.self, d.state.p, d.state.len, &err), 0);
	assert_string_equal(feed(&again, "List four rivers in France", 7, OC_SYNTHETIC),
	                    "{\"nearest\":\"s:3\",\"rouge_l\":0.8000000000000002}");
	assert_int_equal(again.def->restore(again.self, d.state.p, d.state.len - 3, &err), -1);
	oc_driven_close(&again);
	oc_driven_close(&d);

	assert_int_equal(oc_driven_open(&d, "novelty", "{field: instruction, judge: all}", 0, &err),
	                 0);
	assert_string_equal(feed(&d, "Name the colours of a rainbow", 0, OC_REAL), "");
	assert_string_equal(feed(&d, "Name the colours of a rainbow", 1, OC_REAL),
	                    "{\"nearest\":\"s:0\",\"rouge_l\":1}");
	oc_driven_close(&d);
}

static void files_count_as_seen(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_driven d;
	static const char rows[] = "{\"instruction\":\"Sort the numbers in this list\"}\n\n"
				   "{\"instruction\":\"Tell me a joke about a horse\"}";
	char dir[] = "/tmp/outcross-test-XXXXXX", path[64], text[64], options[256], want[256];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/seen.jsonl", dir);
	snprintf(text, sizeof text, "%s/seen.txt", dir);
	assert_int_equal(oc_file_write(path, rows, sizeof rows - 1, &err), 0);
	assert_int_equal(oc_file_write(text, "Why is the sky blue\n", 20, &err), 0);
	snprintf(options, sizeof options, "{field: instruction, against: [%s, %s]}", path, text);
	assert_int_equal(oc_driven_open(&d, "novelty", options, 0, &err), 0);
	snprintf(want, sizeof want, "{\"nearest\":\"%s:3\",\"rouge_l\":1}", path);
	assert_string_equal(feed(&d, "tell me a joke about a horse", 0, OC_SYNTHETIC), want);
	snprintf(want, sizeof want, "{\"nearest\":\"%s:1\",\"rouge_l\":1}", text);
	assert_string_equal(feed(&d, "Why is the sky blue?", 1, OC_SYNTHETIC), want);
	oc_driven_close(&d);
	assert_int_equal(oc_driven_open(&d, "novelty", "{against: [none.jsonl]}", 0, &err), -1);
	assert_int_equal(oc_remove_tree(dir, &err), 0);
}

static void similar_rows_are_recorded_on_request(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_batch *b = oc_batch_new(8);

	assert_int_equal(oc_driven_open(&d, "novelty", "{similar: 2}", 0, &err), 0);
	oc_driven_run(&d, oc_driven_row(b, "{\"text\":\"a b c d\"}", 0, OC_REAL));
	oc_driven_run(&d, oc_driven_row(b, "{\"text\":\"x y\"}", 1, OC_REAL));
	oc_driven_run(&d, oc_driven_row(b, "{\"text\":\"a q\"}", 2, OC_REAL));
	struct oc_row *row = oc_driven_row(b, "{\"text\":\"a b z z\"}", 3, OC_SYNTHETIC);
	oc_driven_run(&d, row);
	assert_int_equal(row->fate, OC_LIVE);
	assert_int_equal(strncmp(oc_last_evidence(row),
	                         "{\"most_similar\":{\"s:0\":0.5,\"s:2\":0.3333333333333", 44),
	                 0);
	oc_driven_close(&d);
	oc_batch_free(b);
}

/* Tokens, scores and the kept set, from text to decision, by the published code's definition. */
static void decides_as_python_does(void **state)
{
	(void)state;
	enum { N = 300 };
	static const char *const odd[] = {"\xE2\x84\xAA", "\xC4\xB0", "\xC3\x89t\xC3\xA9", "don't",
	                                  "3.14",         "x_y",      "\xE4\xB8\xAD",      "A-B",
	                                  "\xC5\xBF",     "\xC2\xB2", "\xEF\xBC\xA1",      "--"};
	char dir[] = "/tmp/outcross-test-XXXXXX", path[64], command[256], line[64];
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_buf rows = {0}, text = {0};
	struct oc_rng rng;
	unsigned dropped = 0;

	if (system("python3 -c pass 2>/dev/null") != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/rows.jsonl", dir);
	oc_rng_init(&rng, 9, "test/novelty/python");
	for (uint64_t i = 0; i < N; i++) {
		struct oc_draws draws, words;
		oc_draws_init(&draws, &rng, i);
		bool copy = oc_draw_below(&draws, 2);
		oc_draws_init(&words, &rng, (copy ? oc_draw_below(&draws, i + 1) : i) + N);
		text.len = 0;
		for (uint64_t k = 5 + oc_draw_below(&words, 25); k > 0; k--) {
			uint64_t word = oc_draw_below(&words, 300);
			if (copy && oc_draw_below(&draws, 6) == 0)
				word = oc_draw_below(&draws, 300);
			if (word < 60)
				oc_buf_puts(&text, odd[word % (sizeof odd / sizeof *odd)]);
			else
				oc_buf_printf(&text, "%c%u", word % 2 ? 'w' : 'W', (unsigned)word);
			oc_buf_puts(&text, word % 7 ? " " : word % 2 ? ", " : "\t");
		}
		oc_buf_puts(&rows, "{\"text\":");
		oc_buf_json(&rows, oc_buf_view(&text));
		oc_buf_puts(&rows, "}\n");
	}
	assert_int_equal(oc_file_write(path, rows.p, rows.len, &err), 0);
	snprintf(command, sizeof command, "python3 test/rouge_oracle.py %s", path);
	FILE *oracle = popen(command, "r");
	assert_non_null(oracle);
	assert_int_equal(oc_driven_open(&d, "novelty", "{}", 0, &err), 0);
	const char *p = oc_buf_cstr(&rows);
	for (uint64_t i = 0; i < N; i++) {
		struct oc_batch *b = oc_batch_new(1);
		struct oc_str json = {p, (size_t)(strchr(p, '\n') - p)};
		struct oc_row *row =
			oc_driven_row(b, oc_arena_str(b->arena, json).p, i, OC_UNKNOWN);
		p += json.len + 1;
		oc_driven_run(&d, row);
		assert_non_null(fgets(line, sizeof line, oracle));
		assert_int_equal(row->fate == OC_LIVE, line[0] == '-');
		if (row->fate != OC_LIVE) {
			assert_true(row->verdicts[0].score == strtod(line, NULL));
			dropped++;
		}
		oc_batch_free(b);
	}
	assert_int_equal(pclose(oracle), 0);
	assert_true(dropped > N / 10 && dropped < N * 3 / 4);
	oc_driven_close(&d);
	oc_buf_fini(&rows);
	oc_buf_fini(&text);
	assert_int_equal(oc_remove_tree(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_scores),
		cmocka_unit_test(short_texts),
		cmocka_unit_test(texts_of_several_machine_words),
		cmocka_unit_test(other_thresholds),
		cmocka_unit_test(ties_fall_as_published),
		cmocka_unit_test(real_rows_are_remembered_not_judged),
		cmocka_unit_test(files_count_as_seen),
		cmocka_unit_test(similar_rows_are_recorded_on_request),
		cmocka_unit_test(decides_as_python_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
