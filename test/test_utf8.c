/* UTF-8 against the definition: every code point, every two-byte start, and the classic bad forms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "text/utf8.h"

static void every_code_point_survives(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10FFFF; c++) {
		char bytes[4];
		const char *p = bytes;
		size_t n = oc_utf8_put(bytes, c);
		uint32_t want = c >= 0xD800 && c <= 0xDFFF ? 0xFFFD : c;
		assert_int_equal(oc_utf8_next(&p, bytes + n), want);
		assert_ptr_equal(p, bytes + n);
		assert_int_equal(oc_utf8_check((struct oc_str){bytes, n}), -1);
	}
}

/* An independent decision: decode by arithmetic, then ask whether the form was the shortest. */
static bool valid3(const unsigned char *b, size_t n)
{
	size_t i = 0;
	while (i < n) {
		uint32_t c = b[i], len, least[] = {0, 0, 0x80, 0x800, 0x10000};
		if (c < 0x80) {
			i++;
			continue;
		}
		len = c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
		if (!len || i + len > n)
			return false;
		c &= 0x7Fu >> len;
		for (uint32_t k = 1; k < len; k++) {
			if (b[i + k] >> 6 != 2)
				return false;
			c = c << 6 | (b[i + k] & 63u);
		}
		if (c < least[len] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
			return false;
		i += len;
	}
	return true;
}

static void every_three_bytes_are_judged_right(void **state)
{
	(void)state;
	for (uint32_t x = 0; x < 1u << 24; x += x < 0x800000 ? 97 : 1) {
		unsigned char b[3] = {(unsigned char)(x >> 16), (unsigned char)(x >> 8),
		                      (unsigned char)x};
		bool good = oc_utf8_check((struct oc_str){(char *)b, 3}) < 0;
		if (good != valid3(b, 3))
			fail_msg("%02x %02x %02x", b[0], b[1], b[2]);
	}
}

static void bad_bytes_are_found_repaired_and_counted(void **state)
{
	(void)state;
	struct oc_arena *a = oc_arena_new();
	struct oc_str s =
		OC_LIT("plain ascii first \xC3\xA9 then \xED\xA0\x80 and \xF4\x90\x80\x80");
	struct oc_str fixed = oc_utf8_repair(a, s);

	assert_int_equal(oc_utf8_check(s), 26);
	assert_int_equal(oc_utf8_check(fixed), -1);
	assert_int_equal(fixed.len, s.len + 2 * 7);
	assert_int_equal(oc_utf8_count(OC_LIT("caf\xC3\xA9 \xF0\x9F\x90\x88")), 6);
	assert_int_equal(oc_utf8_count((struct oc_str){NULL, 0}), 0);
	assert_int_equal(oc_utf8_check((struct oc_str){NULL, 0}), -1);
	assert_int_equal(oc_utf8_check(OC_LIT("12345678\xC0\x80")), 8);
	assert_int_equal(oc_utf8_check(OC_LIT("1234567\xF0\x9F\x90")), 7);
	oc_arena_free(a);
}

static void cuts_keep_whole_code_points(void **state)
{
	(void)state;
	struct oc_str s = OC_LIT("ab\xF0\x9F\x90\x88z");

	for (size_t max = 0; max <= s.len; max++) {
		struct oc_str cut = oc_utf8_cut(s, max);
		assert_true(cut.len <= max);
		assert_int_equal(oc_utf8_check(cut), -1);
		assert_int_equal(cut.len, max < 2 ? max : max < 6 ? 2 : max);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_survives),
		cmocka_unit_test(every_three_bytes_are_judged_right),
		cmocka_unit_test(bad_bytes_are_found_repaired_and_counted),
		cmocka_unit_test(cuts_keep_whole_code_points),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
