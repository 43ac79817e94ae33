#include "index/winnow.h"

#include <stdlib.h>

/* An odd multiplier for the rolling hash (mod 2^64); k-grams are short, and hits are verified. */
#define BASE 0x9E3779B97F4A7C15u

void oc_winnow_init(struct oc_winnow *w, uint32_t min_span)
{
	w->min_span = min_span;
	w->k = min_span / 2 > 32 ? 32 : min_span / 2;
	w->w = min_span - w->k + 1;
	w->leaving = 1;
	for (uint32_t i = 1; i < w->k; i++)
		w->leaving *= BASE;
}

/* ----------------------------------------------------------------- folding */

/* Bytes of the white space at p: Unicode's White_Space and the four ASCII separators. 0 = none. */
static size_t space_at(const unsigned char *p, const unsigned char *end)
{
	if (*p == ' ' || (*p >= 9 && *p <= 13) || (*p >= 0x1C && *p <= 0x1F))
		return 1;
	if (*p < 0xC2)
		return 0;
	if (*p == 0xC2)
		return end - p >= 2 && (p[1] == 0x85 || p[1] == 0xA0) ? 2 : 0;
	if (*p > 0xE3 || end - p < 3)
		return 0;
	uint32_t c = (uint32_t)*p << 16 | (uint32_t)p[1] << 8 | p[2];
	return c == 0xE19A80 || (c >= 0xE28080 && c <= 0xE2808A) || c == 0xE280A8 ||
	                       c == 0xE280A9 || c == 0xE280AF || c == 0xE2819F || c == 0xE38080
	               ? 3
	               : 0;
}

typedef unsigned char bytes16 __attribute__((vector_size(16)));

/*
 * The first place at or after p, not before a step of 16, where white space is anything but one
 * ' ' between other bytes, or may be. Most text has none for long.
 */
static const unsigned char *plain_to(const unsigned char *p, const unsigned char *end)
{
	bytes16 v, next;
	uint64_t odd[2];

	for (; end - p > 16; p += 16) {
		memcpy(&v, p, 16);
		memcpy(&next, p + 1, 16);
		bytes16 any = (bytes16)(v < 0x20) | (bytes16)(v == 0xC2) |
		              (bytes16)(v - 0xE1 <= 0xE3 - 0xE1) |
		              ((bytes16)(v == ' ') & (bytes16)(next == ' '));
		memcpy(odd, &any, 16);
		if (odd[0] | odd[1])
			break;
	}
	return p;
}

void oc_fold_space(struct oc_str text, struct oc_buf *out, struct oc_buf *shifts)
{
	const unsigned char *begin = (const unsigned char *)text.p, *p = begin,
			    *end = begin + text.len;
	size_t start = out->len;
	uint32_t shift = 0;

	oc_buf_reserve(out, text.len + 1);
	while (p < end) {
		const unsigned char *from = p;
		size_t n;
		while (p < end && (n = space_at(p, end)))
			p += n;
		if (p > from && p < end && out->len > start)
			out->p[out->len++] = ' ';
		if (p == end)
			break;
		uint32_t at = (uint32_t)(out->len - start);
		if ((uint32_t)(p - begin) != at + shift) {
			shift = (uint32_t)(p - begin) - at;
			struct oc_shift s = {at, shift};
			oc_buf_add(shifts, &s, sizeof s);
		}
		from = p;
		p = plain_to(p, end);
		if (p > from && p[-1] == ' ')
			p--; /* what follows may be white space too */
		while (p < end && (*p > 0xE3 || (*p > ' ' && *p < 0xC2) || !space_at(p, end)))
			p++;
		memcpy(out->p + out->len, from, (size_t)(p - from));
		out->len += (size_t)(p - from);
	}
}

static uint64_t in_text(const struct oc_shift *shifts, uint32_t shift_n, uint32_t at)
{
	uint32_t low = 0, high = shift_n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (shifts[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return (uint64_t)at + (low ? shifts[low - 1].shift : 0);
}

void oc_fold_back(struct oc_str folded, const struct oc_shift *shifts, uint32_t shift_n,
                  uint32_t from, uint32_t len, uint64_t *text_from, uint64_t *text_len)
{
	uint32_t to = from + len;

	/* a space stands for a whole run, which ends where the next byte begins */
	*text_from = in_text(shifts, shift_n, from);
	*text_len = (folded.p[to - 1] == ' ' ? in_text(shifts, shift_n, to)
	                                     : in_text(shifts, shift_n, to - 1) + 1) -
	            *text_from;
}

/* ------------------------------------------------------------ fingerprints */

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xD6E8FEB86659FD93u;
	return h ^ h >> 32;
}

#define LANES 4 /* places hashed side by side: one place waits for the one before it */
#define STEP  4096

static uint64_t gram_hash(const unsigned char *p, uint32_t k)
{
	uint64_t h = 0;

	for (uint32_t i = 0; i < k; i++)
		h = h * BASE + p[i];
	return h;
}

/* The hashes of the n k-grams that begin at p[0..n-1]. */
static void hash_grams(const struct oc_winnow *w, const unsigned char *p, size_t n, uint64_t *hash)
{
	uint64_t leaving = w->leaving * BASE, h[LANES];
	size_t part = n / LANES, at = 0;
	uint32_t k = w->k;

	if (part > k) {
		for (unsigned l = 0; l < LANES; l++) {
			h[l] = gram_hash(p + l * part, k);
			hash[l * part] = mix(h[l]);
		}
		for (size_t i = 1; i < part; i++)
			for (unsigned l = 0; l < LANES; l++) {
				const unsigned char *q = p + l * part + i;
				h[l] = h[l] * BASE + q[k - 1] - q[-1] * leaving;
				hash[l * part + i] = mix(h[l]);
			}
		at = LANES * part;
	}
	if (at == n)
		return;
	h[0] = gram_hash(p + at, k);
	hash[at] = mix(h[0]);
	for (at++; at < n; at++) {
		h[0] = h[0] * BASE + p[at + k - 1] - p[at - 1] * leaving;
		hash[at] = mix(h[0]);
	}
}

static size_t step_of(const struct oc_winnow *w)
{
	return w->w > STEP ? w->w : STEP;
}

size_t oc_winnow_room(const struct oc_winnow *w)
{
	return w->w - 1 + step_of(w);
}

uint32_t oc_winnow_text(const struct oc_winnow *w, struct oc_str folded, uint64_t *room,
                        struct oc_buf *out)
{
	const unsigned char *p = (const unsigned char *)folded.p;
	size_t gram_n = folded.len - w->k + 1, size = w->w, kept = 0, best = 0;
	uint64_t least = UINT64_MAX;
	uint32_t found = 0;
	bool fresh = false;

	if (folded.len < w->min_span)
		return 0;
	for (size_t first = 0, n; first < gram_n; first += n) {
		/* room[i] is the hash at `base` + i; the last w - 1 of the step before stay */
		size_t base = first - kept;
		n = gram_n - first < step_of(w) ? gram_n - first : step_of(w);
		hash_grams(w, p + first, n, room + kept);
		for (size_t at = first; at < first + n; at++) {
			uint64_t v = room[at - base];
			if (v <= least) {
				least = v;
				best = at;
				fresh = true;
			} else if (at - best >= size) {
				/* the smallest left the window: the last of equals wins */
				least = UINT64_MAX;
				for (size_t i = at + 1 - size; i <= at; i++)
					if (room[i - base] <= least) {
						least = room[i - base];
						best = i;
					}
				fresh = true;
			}
			if (fresh && at + 1 >= size) {
				/* small by choice: spread again for those who look at leading bits
				 */
				struct oc_fingerprint f = {least * BASE, (uint32_t)best};
				oc_buf_add(out, &f, sizeof f);
				found++;
				fresh = false;
			}
		}
		size_t keep = kept + n < size - 1 ? kept + n : size - 1;
		memmove(room, room + kept + n - keep, keep * sizeof *room);
		kept = keep;
	}
	return found;
}

/* ------------------------------------------------------------------- spans */

/* Cut back to whole code points. */
static struct oc_common whole(struct oc_str a, struct oc_common c)
{
	uint32_t end = c.a + c.len, lead = end;

	while (c.len && oc_utf8_continues(a.p[c.a])) {
		c.a++;
		c.b++;
		c.len--;
	}
	if (!c.len)
		return c;
	do {
		lead--;
	} while (oc_utf8_continues(a.p[lead]));
	unsigned char first = (unsigned char)a.p[lead];
	uint32_t need = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
	if (lead + need > end)
		c.len = lead - c.a;
	return c;
}

static uint32_t alike_after(const char *a, const char *b, uint32_t n)
{
	uint32_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t x, y;
		memcpy(&x, a + i, 8);
		memcpy(&y, b + i, 8);
		if (x != y)
			return i + (uint32_t)__builtin_ctzll(x ^ y) / 8;
	}
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* The same, walking down from just before a and b. */
static uint32_t alike_before(const char *a, const char *b, uint32_t n)
{
	uint32_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t x, y;
		memcpy(&x, a - i - 8, 8);
		memcpy(&y, b - i - 8, 8);
		if (x != y)
			return i + (uint32_t)__builtin_clzll(x ^ y) / 8;
	}
	while (i < n && a[-1 - (ptrdiff_t)i] == b[-1 - (ptrdiff_t)i])
		i++;
	return i;
}

static uint32_t min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

struct oc_common oc_common_around(struct oc_str a, uint32_t a_at, struct oc_str b, uint32_t b_at)
{
	uint32_t after = alike_after(a.p + a_at, b.p + b_at,
	                             min((uint32_t)a.len - a_at, (uint32_t)b.len - b_at));

	if (!after)
		return (struct oc_common){0};
	uint32_t before = alike_before(a.p + a_at, b.p + b_at, min(a_at, b_at));
	return whole(a, (struct oc_common){a_at - before, b_at - before, before + after});
}

uint32_t oc_common_judge(struct oc_str a, struct oc_str b, uint32_t min_span, uint8_t *covered)
{
	/* run[j + 1] = bytes that are equal before and at a[i], b[j] */
	uint32_t *run = oc_zalloc(b.len + 1, sizeof *run), longest = 0;

	for (uint32_t i = 0; i < a.len; i++) {
		for (uint32_t j = (uint32_t)b.len; j-- > 0;) {
			run[j + 1] = a.p[i] == b.p[j] ? run[j] + 1 : 0;
			if (!run[j + 1] ||
			    (i + 1 < a.len && j + 1 < b.len && a.p[i + 1] == b.p[j + 1]))
				continue;
			uint32_t len = run[j + 1];
			struct oc_common c =
				whole(a, (struct oc_common){i + 1 - len, j + 1 - len, len});
			if (c.len < min_span)
				continue;
			memset(covered + c.a, 1, c.len);
			longest = c.len > longest ? c.len : longest;
		}
	}
	free(run);
	return longest;
}
