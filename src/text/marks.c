#include "text/marks.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "text/view.h"

/* The three maps while they are made. */
struct maps {
	uint64_t *letter, *space, *brk;
};

enum { LETTER = 1, SPACE = 2, BREAK = 4, HIGH = 8 };

static unsigned class_of(unsigned char c)
{
	unsigned bits = c >= 0x80 ? HIGH : 0;

	if ((unsigned)(c | 0x20) - 'a' < 26)
		bits |= LETTER;
	if (oc_is_space_ascii(c))
		bits |= SPACE;
	if ((unsigned)c - 10 < 4 || (unsigned)c - 0x1C < 3)
		bits |= BREAK;
	return bits;
}

/* One word of each map: n bytes (1 to 64). Returns the map of bytes above 0x7F. */
static uint64_t word_plain(const char *p, size_t n, struct maps *m, size_t k)
{
	uint64_t letter = 0, space = 0, brk = 0, high = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t bits = class_of((unsigned char)p[i]);
		letter |= (bits & 1) << i;
		space |= (bits >> 1 & 1) << i;
		brk |= (bits >> 2 & 1) << i;
		high |= bits >> 3 << i;
	}
	m->letter[k] = letter;
	m->space[k] = space;
	m->brk[k] = brk;
	return high;
}

static uint64_t all_plain(struct oc_str text, struct maps *m)
{
	uint64_t high = 0;

	for (size_t k = 0; k < text.len / 64; k++)
		high |= word_plain(text.p + 64 * k, 64, m, k);
	return high;
}

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))

/* Per byte: is it one of the n from `first` on? */
AVX2 static inline __m256i in_range(__m256i c, char first, char n)
{
	__m256i from = _mm256_sub_epi8(c, _mm256_set1_epi8(first));

	return _mm256_cmpeq_epi8(_mm256_min_epu8(from, _mm256_set1_epi8((char)(n - 1))), from);
}

AVX2 static inline uint64_t mask(__m256i v)
{
	return (uint32_t)_mm256_movemask_epi8(v);
}

AVX2 static uint64_t all_avx2(struct oc_str text, struct maps *m)
{
	uint64_t high = 0;

	for (size_t k = 0; k < text.len / 64; k++) {
		uint64_t letter = 0, space = 0, brk = 0;
		for (unsigned half = 0; half < 64; half += 32) {
			__m256i c = _mm256_loadu_si256((const void *)(text.p + 64 * k + half));
			__m256i fold = _mm256_or_si256(c, _mm256_set1_epi8(0x20));
			__m256i lines = in_range(c, 10, 4), signs = in_range(c, 0x1C, 3);
			__m256i ends = _mm256_or_si256(lines, signs);
			__m256i blank = _mm256_or_si256(in_range(c, 0x1F, 2),
			                                _mm256_cmpeq_epi8(c, _mm256_set1_epi8(9)));
			letter |= mask(in_range(fold, 'a', 26)) << half;
			space |= mask(_mm256_or_si256(blank, ends)) << half;
			brk |= mask(ends) << half;
			high |= mask(c);
		}
		m->letter[k] = letter;
		m->space[k] = space;
		m->brk[k] = brk;
	}
	return high;
}
#endif

/*
 * White space and line breaks beyond ASCII. Their first byte is never inside another code point,
 * valid or not, so they can be looked for without decoding what is between them.
 */
static void add_wide(struct oc_str text, struct maps *m)
{
	const unsigned char *p = (const unsigned char *)text.p;

	for (size_t i = 0; i + 1 < text.len; i++) {
		size_t n = 2;
		bool ends = false;
		if (p[i] == 0xC2) {
			ends = p[i + 1] == 0x85;
			if (!ends && p[i + 1] != 0xA0)
				continue;
		} else if (p[i] >= 0xE1 && p[i] <= 0xE3 && i + 2 < text.len) {
			uint32_t c =
				(p[i] & 0x0Fu) << 12 | (p[i + 1] & 0x3Fu) << 6 | (p[i + 2] & 0x3Fu);
			if (p[i + 1] >> 6 != 2 || p[i + 2] >> 6 != 2 || !oc_is_space(c))
				continue;
			ends = c == 0x2028 || c == 0x2029;
			n = 3;
		} else {
			continue;
		}
		if (ends)
			m->brk[i >> 6] |= (uint64_t)1 << (i & 63);
		for (size_t k = i; k < i + n; k++)
			m->space[k >> 6] |= (uint64_t)1 << (k & 63);
	}
}

struct oc_marks oc_marks_make(struct oc_arena *a, struct oc_str text, enum oc_marks_how how)
{
	size_t n = text.len / 64 + 1, last = text.len % 64;
	uint64_t *bits = oc_arena_alloc(a, 3 * n * sizeof *bits), high;
	struct maps m = {bits, bits + n, bits + 2 * n};

#ifdef __x86_64__
	if (how == OC_MARKS_BEST && __builtin_cpu_supports("avx2"))
		high = all_avx2(text, &m);
	else
#endif
		high = all_plain(text, &m);
	(void)how;
	high |= word_plain(text.p + text.len - last, last, &m, n - 1);
	if (high)
		add_wide(text, &m);
	m.space[n - 1] |= ~(uint64_t)0 << last;
	m.brk[n - 1] |= ~(uint64_t)0 << last;
	return (struct oc_marks){text, !high, m.letter, m.space, m.brk};
}

uint64_t oc_marks_words(const struct oc_marks *m, size_t from, size_t to)
{
	uint64_t n = 0;

	/* a word begins where no white space follows white space, or at `from` */
	for (size_t k = from >> 6; k << 6 < to; k++) {
		uint64_t in = ~m->space[k], before = in << 1;
		if (k && k > from >> 6)
			before |= ~m->space[k - 1] >> 63;
		uint64_t starts = in & ~before;
		if (k == from >> 6) {
			uint64_t bit = (uint64_t)1 << (from & 63);
			starts = (starts & ~(bit - 1)) | (in & bit);
		}
		if (to - (k << 6) < 64)
			starts &= ((uint64_t)1 << (to - (k << 6))) - 1;
		n += (uint64_t)__builtin_popcountll(starts);
	}
	return n;
}

bool oc_marks_line(const struct oc_marks *m, size_t *at, struct oc_str *line)
{
	size_t from = *at, end;
	unsigned char c;

	if (from >= m->text.len)
		return false;
	end = oc_marks_set(m->brk, from);
	*line = (struct oc_str){m->text.p + from, end - from};
	*at = end;
	if (end == m->text.len)
		return true;
	c = (unsigned char)m->text.p[end];
	if (c == '\r' && end + 1 < m->text.len && m->text.p[end + 1] == '\n')
		*at = end + 2;
	else
		*at = end + (c == 0xC2 ? 2 : c == 0xE2 ? 3 : 1);
	return true;
}
