#include "text/utf8.h"

/* Bytes at p that are certainly ASCII, eight at a time. */
static const char *skip_ascii(const char *p, const char *end)
{
	while (end - p >= 8) {
		uint64_t word;
		memcpy(&word, p, 8);
		if (word & 0x8080808080808080u)
			break;
		p += 8;
	}
	while (p < end && !((unsigned char)*p & 0x80))
		p++;
	return p;
}

/*
 * Length of the well-formed sequence at p, 0 when there is none (Unicode 15, table 3-7): the second
 * byte's range depends on the first, which is what keeps out overlong forms, surrogates and what
 * lies above U+10FFFF.
 */
static unsigned sequence(const unsigned char *p, const unsigned char *end)
{
	unsigned char c = p[0], low = 0x80, high = 0xBF;
	unsigned n;

	if (c < 0x80)
		return 1;
	if (c < 0xC2 || c > 0xF4)
		return 0;
	n = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
	switch (c) {
	case 0xE0: low = 0xA0; break;
	case 0xED: high = 0x9F; break;
	case 0xF0: low = 0x90; break;
	case 0xF4: high = 0x8F; break;
	default: break;
	}
	if ((size_t)(end - p) < n || p[1] < low || p[1] > high)
		return 0;
	for (unsigned i = 2; i < n; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return n;
}

ptrdiff_t oc_utf8_check(struct oc_str s)
{
	const char *p = s.p, *end = s.p + s.len;

	while ((p = s.len ? skip_ascii(p, end) : end) < end) {
		unsigned n = sequence((const unsigned char *)p, (const unsigned char *)end);
		if (!n)
			return p - s.p;
		p += n;
	}
	return -1;
}

uint32_t oc_utf8_next(const char **at, const char *end)
{
	const unsigned char *p = (const unsigned char *)*at;
	unsigned n = sequence(p, (const unsigned char *)end);

	*at += n ? n : 1;
	switch (n) {
	case 1: return p[0];
	case 2: return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
	case 3: return (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
	case 4:
		return (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 |
		       (p[3] & 0x3Fu);
	default: return 0xFFFD;
	}
}

size_t oc_utf8_put(char out[4], uint32_t c)
{
	if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		c = 0xFFFD;
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xE0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3F));
		out[2] = (char)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3F));
	out[2] = (char)(0x80 | (c >> 6 & 0x3F));
	out[3] = (char)(0x80 | (c & 0x3F));
	return 4;
}

size_t oc_utf8_count(struct oc_str s)
{
	const char *p = s.p, *end = s.p + s.len;
	size_t n = 0;

	if (!s.len)
		return 0;
	while (p < end) {
		const char *q = skip_ascii(p, end);
		n += (size_t)(q - p);
		p = q;
		if (p < end) {
			oc_utf8_next(&p, end);
			n++;
		}
	}
	return n;
}

struct oc_str oc_utf8_repair(struct oc_arena *a, struct oc_str s)
{
	const char *p = s.p, *end = s.p + s.len;
	size_t bad = 0, len = 0;
	char *out;

	if (oc_utf8_check(s) < 0)
		return oc_arena_str(a, s);
	while (p < end) {
		unsigned n = sequence((const unsigned char *)p, (const unsigned char *)end);
		bad += !n;
		p += n ? n : 1;
	}
	/* one byte becomes three; the sum cannot overflow, the text is in memory */
	out = oc_arena_alloc(a, s.len + 2 * bad + 1);
	for (p = s.p; p < end;) {
		const char *from = p;
		uint32_t c = oc_utf8_next(&p, end);
		if (c == 0xFFFD) {
			len += oc_utf8_put(out + len, c);
		} else {
			memcpy(out + len, from, (size_t)(p - from));
			len += (size_t)(p - from);
		}
	}
	out[len] = 0;
	return (struct oc_str){out, len};
}

struct oc_str oc_utf8_cut(struct oc_str s, size_t max)
{
	size_t len = max;

	if (s.len <= max)
		return s;
	/* back to the start of the sequence that the cut would split; at most three bytes */
	while (len > 0 && max - len < 3 && oc_utf8_continues(s.p[len]))
		len--;
	if (oc_utf8_continues(s.p[len]))
		len = max; /* no start near by: not UTF-8, so there is no boundary to keep */
	return (struct oc_str){s.p, len};
}
