/*
 * marks.h: which bytes of a text are letters, white space, line breaks: one bit a byte.
 *
 * Made in one pass over the text, 32 bytes at a time where the processor has AVX2, with a table
 * elsewhere; the bits are the same. Whoever cuts a text into words or lines then goes from bit to
 * bit instead of from byte to byte. O(bytes); three bits a byte of memory.
 */
#ifndef TEXT_MARKS_H
#define TEXT_MARKS_H

#include "base/str.h"

struct oc_marks {
	struct oc_str text;
	bool ascii; /* no byte above 0x7F */
	/* (text.len / 64 + 1) each; the bits behind the text are set in `space` and `brk` only */
	const uint64_t *letter; /* A to Z, a to z */
	const uint64_t *space;  /* Python's str.isspace, every byte of a code point of several */
	const uint64_t *brk;    /* Python's str.splitlines, a break's first byte (\r\n: both) */
};

enum oc_marks_how { OC_MARKS_BEST, OC_MARKS_PLAIN };

/* All memory from the arena; the text must live as long. */
struct oc_marks oc_marks_make(struct oc_arena *a, struct oc_str text, enum oc_marks_how how);

static inline bool oc_marks_at(const uint64_t *bits, size_t i)
{
	return bits[i >> 6] >> (i & 63) & 1;
}

/* The first set bit from i on. There must be one: `space` and `brk` end with one. */
static inline size_t oc_marks_set(const uint64_t *bits, size_t i)
{
	uint64_t w = bits[i >> 6] >> (i & 63);

	if (w)
		return i + (size_t)__builtin_ctzll(w);
	for (i >>= 6; !bits[++i];)
		;
	return i << 6 | (size_t)__builtin_ctzll(bits[i]);
}

/* The first clear bit from i on, or `end`. */
static inline size_t oc_marks_clear(const uint64_t *bits, size_t i, size_t end)
{
	uint64_t w = ~bits[i >> 6] >> (i & 63);

	while (!w) {
		i = (i | 63) + 1;
		if (i >= end)
			return end;
		w = ~bits[i >> 6];
	}
	i += (size_t)__builtin_ctzll(w);
	return i < end ? i : end;
}

/* Words (between white space) of text[from..to). O(bytes / 64). */
uint64_t oc_marks_words(const struct oc_marks *m, size_t from, size_t to);

/* The next line, as Python's str.splitlines cuts them, without its break: from *at on, which is
 * moved behind the break. False at the end. */
bool oc_marks_line(const struct oc_marks *m, size_t *at, struct oc_str *line);

/* The first place in [p, end) where `a` stands before `b`, or NULL. The kernel is chosen as above.
 */
const char *oc_pair_find(const char *p, const char *end, char a, char b, enum oc_marks_how how);

#endif
