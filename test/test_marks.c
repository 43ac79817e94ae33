/* Letters, white space and line breaks of a text: both kernels against a reading byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "text/marks.h"
#include "text/utf8.h"
#include "text/view.h"

/* Texts of whole code points, and of bytes in any order. */
static struct oc_str make_text(struct oc_arena *a, uint64_t i)
{
	static const char *const parts[] = {
		"a",    "Z",    "word ", " ",    "\n",           "\r\n",         "\r",
		"\t",   "\x0B", "\x1C",  "\x1F", "\xC2\x85",     "\xC2\xA0",     "\xE2\x80\xA8",
		"[",    "`",    "{",     "@",    "\xE2\x80\x83", "\xE3\x80\x80", "\xE1\x9A\x80",
		"\x7F", "\xC2", "\xE2",  "\x80", "\xE3\x80",     "\xE2\x80",     "\xC3\xA9"};
	struct oc_rng rng;
	struct oc_draws d;
	struct oc_buf b = {0};

	oc_rng_init(&rng, 5, "test/marks");
	oc_draws_init(&d, &rng, i);
	uint64_t n = oc_draw_below(&d, i % 3 ? 40 : 300), first = i % 2 ? 11 : 28;
	while (b.len < n)
		oc_buf_puts(&b, parts[oc_draw_below(&d, i % 5 ? first : 6)]);
	struct oc_str text = oc_arena_str(a, oc_buf_view(&b));
	oc_buf_fini(&b);
	return text;
}

static void bits_are(const struct oc_marks *m)
{
	struct oc_str t = m->text;
	const char *p = t.p, *end = t.p + t.len;
	bool ascii = true;

	while (p < end) {
		size_t from = (size_t)(p - t.p);
		uint32_t c = oc_utf8_next(&p, end);
		bool brk = (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 ||
		           c == 0x2028 || c == 0x2029;
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		ascii = ascii && (unsigned char)t.p[from] < 0x80;
		for (size_t i = from; i < (size_t)(p - t.p); i++) {
			assert_int_equal(oc_marks_at(m->space, i), oc_is_space(c));
			assert_int_equal(oc_marks_at(m->letter, i), letter);
			assert_int_equal(oc_marks_at(m->brk, i), brk && i == from);
		}
	}
	assert_int_equal(m->ascii, ascii);
	assert_true(oc_marks_at(m->space, t.len) && oc_marks_at(m->brk, t.len));
}

static uint64_t words_of(struct oc_str t)
{
	return oc_text_word_count(t);
}

static void kernels_say_what_bytes_say(void **state)
{
	(void)state;
	struct oc_arena *a = oc_arena_new();

	for (uint64_t i = 0; i < 3000; i++) {
		struct oc_str text = make_text(a, i);
		struct oc_marks best = oc_marks_make(a, text, OC_MARKS_BEST);
		struct oc_marks plain = oc_marks_make(a, text, OC_MARKS_PLAIN);
		size_t words = text.len / 64 + 1;
		bits_are(&plain);
		assert_int_equal(best.ascii, plain.ascii);
		assert_memory_equal(best.letter, plain.letter, words * 8);
		assert_memory_equal(best.space, plain.space, words * 8);
		assert_memory_equal(best.brk, plain.brk, words * 8);
		assert_int_equal(oc_marks_words(&best, 0, text.len), words_of(text));
		oc_arena_reset(a);
	}
	oc_arena_free(a);
}

/* Every way from bit to bit, against single steps. */
static void walks_find_every_bit(void **state)
{
	(void)state;
	struct oc_arena *a = oc_arena_new();

	for (uint64_t i = 0; i < 300; i++) {
		struct oc_str text = make_text(a, 7 * i);
		struct oc_marks m = oc_marks_make(a, text, OC_MARKS_BEST);
		for (size_t from = 0; from <= text.len; from += 1 + i % 5) {
			size_t set = from, clear = from;
			while (!oc_marks_at(m.space, set))
				set++;
			while (clear < text.len && oc_marks_at(m.space, clear))
				clear++;
			assert_int_equal(oc_marks_set(m.space, from), set);
			assert_int_equal(oc_marks_clear(m.space, from, text.len), clear);
			assert_int_equal(oc_marks_clear(m.letter, from, from), from);
			if (oc_marks_at(m.space, from)) /* part of a code point would not do */
				assert_int_equal(oc_marks_words(&m, from, text.len),
				                 words_of((struct oc_str){text.p + clear,
				                                          text.len - clear}));
		}
		oc_arena_reset(a);
	}
	oc_arena_free(a);
}

static void pairs_are_found(void **state)
{
	(void)state;
	struct oc_arena *a = oc_arena_new();

	for (uint64_t i = 0; i < 300; i++) {
		struct oc_str text = make_text(a, i);
		const char *end = text.p + text.len, *p = text.p;
		for (const char *want = p; p; p += p != NULL) {
			for (want = p; end - want > 1 && (want[0] != 'o' || want[1] != 'r'); want++)
				;
			want = end - want > 1 ? want : NULL;
			assert_ptr_equal(oc_pair_find(p, end, 'o', 'r', OC_MARKS_PLAIN), want);
			p = oc_pair_find(p, end, 'o', 'r', OC_MARKS_BEST);
			assert_ptr_equal(p, want);
		}
		oc_arena_reset(a);
	}
	oc_arena_free(a);
}

static void lines_are(const char *text, const char *want)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_marks m = oc_marks_make(a, oc_str(text), OC_MARKS_BEST);
	struct oc_buf b = {0};
	struct oc_str line;

	for (size_t at = 0; oc_marks_line(&m, &at, &line);) {
		oc_buf_str(&b, line);
		oc_buf_putc(&b, '|');
	}
	assert_string_equal(oc_buf_cstr(&b), want);
	oc_buf_fini(&b);
	oc_arena_free(a);
}

/* As "...".splitlines() in Python. */
static void lines_are_pythons(void **state)
{
	(void)state;
	lines_are("", "");
	lines_are("a", "a|");
	lines_are("a\n", "a|");
	lines_are("\n\n", "||");
	lines_are("a\r\nb\rc\n\rd", "a|b|c||d|");
	lines_are("a\x0B"
	          "b\x0C"
	          "c\x1C"
	          "d\x1D"
	          "e\x1E"
	          "f\x1Fg",
	          "a|b|c|d|e|f\x1Fg|");
	lines_are("a\xC2\x85"
	          "b\xE2\x80\xA8"
	          "c\xE2\x80\xA9"
	          "d\xC2\xA0"
	          "e",
	          "a|b|c|d\xC2\xA0"
	          "e|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernels_say_what_bytes_say),
		cmocka_unit_test(walks_find_every_bit),
		cmocka_unit_test(pairs_are_found),
		cmocka_unit_test(lines_are_pythons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
