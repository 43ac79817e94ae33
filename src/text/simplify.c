#include "text/simplify.h"

#include <utf8proc.h>

#include "text/tokens.h"
#include "text/utf8.h"
#include "text/view.h"

/* What becomes a space, beyond ASCII. */
static const uint32_t marks[][2] = {
	{0x80, 0x9F},     {0xAB, 0xAB},     {0xB4, 0xB4},     {0xBB, 0xBB},     {0x2013, 0x2014},
	{0x2019, 0x2019}, {0x201C, 0x201E}, {0x2026, 0x2026}, {0x2236, 0x2236}, {0x2501, 0x2501},
	{0x25BA, 0x25BA}, {0x3001, 0x3002}, {0x3008, 0x300D}, {0x3010, 0x3011}, {0xFF01, 0xFF01},
	{0xFF05, 0xFF05}, {0xFF08, 0xFF09}, {0xFF0C, 0xFF0C}, {0xFF0E, 0xFF0E}, {0xFF11, 0xFF11},
	{0xFF1A, 0xFF1B}, {0xFF1F, 0xFF1F}, {0xFF5E, 0xFF5E},
};

static bool is_mark(uint32_t c)
{
	static const uint64_t ascii[2] = {0xFC00FFFEFFFFF9FF, 0xF8000001F8000001};

	if (c < 0x80)
		return ascii[c >> 6] >> (c & 63) & 1;
	return oc_in_ranges(marks, sizeof marks / sizeof *marks, c);
}

static bool is_digit(uint32_t c)
{
	if (c < 0x80)
		return c - '0' < 10;
	return utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_ND;
}

static bool is_separator(uint32_t c)
{
	return c == '.' || c == ',' || c == 0x60C || c == 0x66B || (c >= 0x2396 && c <= 0x2398);
}

static uint32_t peek(const char **p, const char *end)
{
	return (unsigned char)**p < 0x80 ? (unsigned char)*(*p)++ : oc_utf8_next(p, end);
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end) {
		const char *next = p;
		if (!is_digit(peek(&next, end)))
			break;
		p = next;
	}
	return p;
}

/* Behind a number of which one digit was read. */
static const char *skip_number(const char *p, const char *end)
{
	const char *after;

	p = skip_digits(p, end);
	if (p == end)
		return p;
	after = p;
	if (!is_separator(peek(&after, end)))
		return p;
	const char *last = skip_digits(after, end);
	return last > after ? last : p;
}

/* NFD without nonspacing marks, for text beyond ASCII. */
static struct oc_str without_accents(struct oc_arena *a, struct oc_str text)
{
	const utf8proc_option_t how = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE;
	const uint8_t *bytes = (const uint8_t *)text.p;
	utf8proc_ssize_t n = utf8proc_decompose(bytes, (utf8proc_ssize_t)text.len, NULL, 0, how);

	if (n < 0) /* not UTF-8: it stays as it is */
		return text;
	utf8proc_int32_t *code = oc_arena_alloc(a, ((size_t)n + 1) * sizeof *code);
	n = utf8proc_decompose(bytes, (utf8proc_ssize_t)text.len, code, n, how);
	char *out = oc_arena_alloc(a, 4 * (size_t)n + 1);
	size_t len = 0;
	for (utf8proc_ssize_t i = 0; i < n; i++)
		if (code[i] < 0x80 || utf8proc_category(code[i]) != UTF8PROC_CATEGORY_MN)
			len += oc_utf8_put(out + len, (uint32_t)code[i]);
	return (struct oc_str){out, len};
}

struct oc_str oc_text_simplify(struct oc_arena *a, struct oc_str text)
{
	struct oc_str lower = oc_text_lower(a, text);
	const char *p = lower.p, *end = lower.p + lower.len;
	char *out = oc_arena_alloc(a, lower.len + 1);
	size_t len = 0;
	bool ascii = true, space = false;

	while (p < end) {
		const char *from = p;
		uint32_t c = peek(&p, end);
		if (is_digit(c)) {
			p = skip_number(p, end);
			c = '0';
		} else if (is_mark(c) || oc_is_space(c)) {
			space = true;
			continue;
		}
		if (space && len)
			out[len++] = ' ';
		space = false;
		if (c == '0') {
			out[len++] = '0';
			continue;
		}
		ascii = ascii && c < 0x80;
		memcpy(out + len, from, (size_t)(p - from));
		len += (size_t)(p - from);
	}
	struct oc_str s = {out, len};
	if (!ascii)
		s = without_accents(a, s);
	/* a mark that stood alone leaves its spaces: those at the ends go */
	while (s.len && s.p[0] == ' ')
		s.p++, s.len--;
	while (s.len && s.p[s.len - 1] == ' ')
		s.len--;
	return s;
}
