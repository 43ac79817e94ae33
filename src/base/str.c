#include "base/str.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int oc_str_cmp(struct oc_str a, struct oc_str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct oc_str oc_str_trim(struct oc_str s)
{
	while (s.len && is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool oc_str_starts(struct oc_str s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.len >= n && memcmp(s.p, prefix, n) == 0;
}

ptrdiff_t oc_str_find(struct oc_str s, struct oc_str needle)
{
	if (!needle.len)
		return 0;
	const char *hit = s.len ? memmem(s.p, s.len, needle.p, needle.len) : NULL;
	return hit ? hit - s.p : -1;
}

void oc_buf_fini(struct oc_buf *b)
{
	free(b->p);
	*b = (struct oc_buf){0};
}

void oc_buf_reserve(struct oc_buf *b, size_t more)
{
	size_t need = b->len + more, cap = b->cap ? b->cap : 256;

	if (need < more)
		oc_oom(more);
	if (need <= b->cap)
		return;
	while (cap < need)
		cap *= 2;
	b->p = oc_realloc(b->p, cap);
	b->cap = cap;
}

void oc_buf_printf(struct oc_buf *b, const char *fmt, ...)
{
	va_list args, again;
	int len;

	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len > 0) {
		oc_buf_reserve(b, (size_t)len + 1);
		vsnprintf(b->p + b->len, (size_t)len + 1, fmt, again);
		b->len += (size_t)len;
	}
	va_end(again);
}

/* Decimal digits of v: 1,233 / 4,096 is the logarithm of 2, at most one too many. */
static unsigned digits_of(uint64_t v)
{
	static const uint64_t powers[] = {0,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
	                                  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13,
	                                  1e14, 1e15, 1e16, 1e17, 1e18, 1e19};
	unsigned n = (64 - (unsigned)__builtin_clzll(v | 1)) * 1233 >> 12;

	return n + (v >= powers[n]);
}

void oc_buf_u64(struct oc_buf *b, uint64_t v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	unsigned n = digits_of(v);

	oc_buf_reserve(b, n);
	char *p = b->p + (b->len += n);
	for (; v >= 100; v /= 100)
		memcpy(p -= 2, pairs + 2 * (v % 100), 2);
	if (v >= 10)
		memcpy(p - 2, pairs + 2 * v, 2);
	else
		p[-1] = (char)('0' + v);
}

/* Does one of eight bytes stand in a JSON string otherwise than it is? */
static bool escapes(const char *p)
{
	const uint64_t ones = 0x0101010101010101, high = 0x80 * ones;
	uint64_t x, quote, slash;

	memcpy(&x, p, 8);
	quote = x ^ '"' * ones;
	slash = x ^ '\\' * ones;
	return (((x - 0x20 * ones) & ~x) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
	       high;
}

/* How many of the first bytes stand in a JSON string as they are, found eight at a time. */
static size_t plain(struct oc_str s)
{
	size_t i = 0;

	while (i + 8 <= s.len && !escapes(s.p + i))
		i += 8;
	if (s.len >= 8 && i + 8 > s.len && !escapes(s.p + s.len - 8))
		i = s.len;
	return i;
}

void oc_buf_json(struct oc_buf *b, struct oc_str s)
{
	static const char hex[] = "0123456789abcdef";
	size_t start = 0;

	oc_buf_reserve(b, s.len + 2);
	b->p[b->len++] = '"';
	for (size_t i = plain(s); i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		oc_buf_add(b, s.p + start, i - start);
		start = i + 1;
		switch (c) {
		case '"': oc_buf_puts(b, "\\\""); break;
		case '\\': oc_buf_puts(b, "\\\\"); break;
		case '\n': oc_buf_puts(b, "\\n"); break;
		case '\r': oc_buf_puts(b, "\\r"); break;
		case '\t': oc_buf_puts(b, "\\t"); break;
		default: {
			char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
			oc_buf_add(b, u, sizeof u);
		}
		}
	}
	if (s.len > start) /* an empty string may have no bytes to point at */
		oc_buf_add(b, s.p + start, s.len - start);
	oc_buf_putc(b, '"');
}

void oc_buf_double(struct oc_buf *b, double v)
{
	char text[32];

	if (!isfinite(v)) {
		oc_buf_puts(b, "null");
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof text, "%.*g", precision, v);
		if (strtod(text, NULL) == v)
			break;
	}
	oc_buf_puts(b, text);
}

const char *oc_buf_cstr(struct oc_buf *b)
{
	oc_buf_reserve(b, 1);
	b->p[b->len] = 0;
	return b->p;
}
