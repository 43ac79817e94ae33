/* Views: which text a row has, and its three kinds of words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "text/view.h"

static struct oc_row *row_of(struct oc_batch *b, const char *json)
{
	struct oc_err err = {0};
	struct oc_row *row = oc_batch_add(b);

	row->raw = oc_str(json);
	assert_int_equal(oc_row_parse(row, &err), 0);
	assert_int_equal(row->fate, OC_LIVE);
	return row;
}

static void joined(const struct oc_words *w, char *out)
{
	size_t len = 0;
	for (uint32_t i = 0; i < w->n; i++) {
		if (i)
			out[len++] = '|';
		memcpy(out + len, w->word[i].p, w->word[i].len);
		len += w->word[i].len;
	}
	out[len] = 0;
}

static void a_row_has_one_text(void **state)
{
	(void)state;
	struct oc_batch *b = oc_batch_new(8);
	struct oc_row *row = row_of(b, "{\"a\":\"x\",\"text\":\"T\",\"n\":5}");

	assert_true(oc_str_is(oc_view_text(row, OC_LIT("")), "T"));
	assert_true(oc_str_is(oc_view_text(row, OC_LIT("a")), "x"));
	assert_true(oc_str_is(oc_view_text(row, OC_LIT("n")), "5"));
	assert_int_equal(oc_view_text(row, OC_LIT("none")).len, 0);
	row = row_of(b,
	             "{\"q\":\"one\",\"n\":5,\"messages\":[{\"role\":\"user\",\"content\":\"two\"},"
	             "{\"content\":\"three\"}],\"z\":\"four\"}");
	assert_true(oc_str_is(oc_view_text(row, OC_LIT("")), "one\ntwo\nthree\nfour"));
	row = row_of(b, "{}");
	assert_int_equal(oc_view_text(row, OC_LIT("")).len, 0);
	assert_int_equal(oc_view_words(row, OC_LIT(""))->n, 0);
	oc_batch_free(b);
}

static void words_are_what_python_says(void **state)
{
	(void)state;
	static const struct {
		const char *json, *words, *rouge, *fold;
	} cases[] = {
		{"{\"text\":\"Hello, World\"}", "Hello,|World", "hello|world", "hello|world"},
		{"{\"text\":\" a\\u00a0b\\u3000c\\u001cd\\u200be \"}",
	         "a|b|c|d\xE2\x80\x8B"
	         "e",
	         "a|b|c|d|e", "a|b|c|d|e"},
		/* Kelvin sign and dotted capital I: the two that lower-case into ASCII */
		{"{\"text\":\"\\u212Aelvin \\u0130s\"}",
	         "\xE2\x84\xAA"
	         "elvin|\xC4\xB0s",
	         "kelvin|i|s", "kelvin|i\xCC\x87s"},
		{"{\"text\":\"\\u00c9t\\u00e9 don't 3.5\"}", "\xC3\x89t\xC3\xA9|don't|3.5",
	         "t|don|t|3|5", "\xC3\xA9t\xC3\xA9|don|t|3|5"},
		{"{\"text\":\"\\u4e2d\\u6587 abc\\u4e2d\"}",
	         "\xE4\xB8\xAD\xE6\x96\x87|abc\xE4\xB8\xAD", "abc",
	         "\xE4\xB8\xAD|\xE6\x96\x87|abc|\xE4\xB8\xAD"},
		{"{\"text\":\"\\u023A\\u023A\\u023A\"}", "\xC8\xBA\xC8\xBA\xC8\xBA", "",
	         "\xE2\xB1\xA5\xE2\xB1\xA5\xE2\xB1\xA5"},
		{"{\"text\":\"\"}", "", "", ""},
		{"{\"text\":\"...\"}", "...", "", ""},
	};
	char got[256];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_batch *b = oc_batch_new(1);
		struct oc_row *row = row_of(b, cases[i].json);
		uint32_t count =
			oc_view_word_count(row, OC_LIT("text")); /* before the list is made */
		assert_int_equal(count, oc_view_words_in(row, oc_view_text(row, OC_LIT("text"))));
		joined(oc_view_words(row, OC_LIT("text")), got);
		assert_int_equal(count, oc_view_words(row, OC_LIT("text"))->n);
		assert_string_equal(got, cases[i].words);
		joined(oc_view_rouge(row, OC_LIT("text")), got);
		assert_string_equal(got, cases[i].rouge);
		joined(oc_view_fold(row, OC_LIT("text")), got);
		assert_string_equal(got, cases[i].fold);
		assert_ptr_equal(oc_view_fold(row, OC_LIT("text")),
		                 oc_view_fold(row, OC_LIT("text")));
		oc_batch_free(b);
	}
}

static void a_changed_row_has_a_new_view(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_batch *b = oc_batch_new(1);
	struct oc_row *row = row_of(b, "{\"text\":\"old\"}");

	assert_true(oc_str_is(oc_view_lower(row, OC_LIT("text")), "old"));
	assert_int_equal(oc_row_set(row, OC_LIT("text"), OC_LIT("\"New\""), &err), 0);
	assert_true(oc_str_is(oc_view_lower(row, OC_LIT("text")), "new"));
	oc_batch_free(b);
}

/* The count alone against the list, over bytes of every class at every place of a block. */
static void counts_agree_with_lists(void **state)
{
	static const char *const pieces[] = {"a",        "bc ",         " ",    "\t",
	                                     "\x1c",     "\x01",        "\x7f", "longer-word",
	                                     "\xc3\xa9", "\xe2\x80\xa8"};
	struct oc_arena *a = oc_arena_new();
	struct oc_rng rng;

	(void)state;
	oc_rng_init(&rng, 3, "word counts");
	for (uint64_t item = 0; item < 20000; item++) {
		struct oc_draws d;
		struct oc_buf text = {0};
		oc_draws_init(&d, &rng, item);
		/* every other text is ASCII, so that long blocks of it occur */
		for (uint64_t n = oc_draw_below(&d, item % 2 ? 60 : 14); n; n--)
			oc_buf_puts(&text, pieces[oc_draw_below(&d, item % 2 ? 8 : 10)]);
		assert_int_equal(oc_text_word_count(oc_buf_view(&text)),
		                 oc_text_words(a, oc_buf_view(&text)).n);
		oc_buf_fini(&text);
	}
	oc_arena_free(a);
}

/* A text cut at its spaces into pieces too short for the fast way has the same words as the whole.
 */
static void folded_words_do_not_depend_on_where_they_lie(void **state)
{
	(void)state;
	static const char *bits[] = {"a",    "z9",   "0", "@",    "[",    "`",
	                             "{",    "/",    ":", ".",    "\x7f", "\xC3\xA9",
	                             "\t",   "-",    "q", "long", "w",    "\xE4\xB8\xAD",
	                             "\xFF", "A\x01"};
	struct oc_arena *a = oc_arena_new();
	struct oc_rng rng;

	oc_rng_init(&rng, 2, "test/fold");
	for (uint64_t i = 0; i < 4000; i++) {
		struct oc_buf whole = {0};
		struct oc_draws d;
		uint32_t n = 0;
		oc_draws_init(&d, &rng, i);
		size_t kinds = i % 2 ? sizeof bits / sizeof *bits : 9; /* half are plain ASCII */
		for (uint64_t k = oc_draw_below(&d, 40); k--;) {
			for (uint64_t m = oc_draw_below(&d, 12); m--;)
				oc_buf_puts(&whole, bits[oc_draw_below(&d, kinds)]);
			oc_buf_putc(&whole, ' ');
		}
		struct oc_words all = oc_text_fold(a, oc_buf_view(&whole));
		for (size_t at = 0; at < whole.len;) {
			const char *end = memchr(whole.p + at, ' ', whole.len - at);
			struct oc_str piece = {whole.p + at, (size_t)(end - whole.p) - at};
			struct oc_words some = oc_text_fold(a, piece);
			for (uint32_t k = 0; k < some.n; k++, n++) {
				assert_true(n < all.n && oc_str_eq(all.word[n], some.word[k]));
				assert_true(all.hash[n] == some.hash[k]);
			}
			at += piece.len + 1;
		}
		assert_int_equal(n, all.n);
		oc_buf_fini(&whole);
		oc_arena_reset(a);
	}
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_agree_with_lists),
		cmocka_unit_test(a_row_has_one_text),
		cmocka_unit_test(words_are_what_python_says),
		cmocka_unit_test(a_changed_row_has_a_new_view),
		cmocka_unit_test(folded_words_do_not_depend_on_where_they_lie),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
