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

/* Both kernels: n words of each map, and all bytes above 0x7F of p[0..64 n) together. */
static uint64_t plain(const char *p, size_t n, struct maps m)
{
	uint64_t all = 0;

	for (size_t k = 0; k < n; k++, p += 64) {
		uint64_t letter = 0, space = 0, brk = 0, high = 0;
		for (size_t i = 0; i < 64; i++) {
			uint64_t bits = class_of((unsigned char)p[i]);
			letter |= (bits & 1) << i;
			space |= (bits >> 1 & 1) << i;
			brk |= (bits >> 2 & 1) << i;
			high |= bits >> 3 << i;
		}
		m.letter[k] = letter;
		m.space[k] = space;
		m.brk[k] = brk;
		all |= high;
	}
	return all;
}

static const char *pair_plain(const char *p, const char *end, char a, char b)
{
	while (end - p > 1 && (p = memchr(p, a, (size_t)(end - p - 1))) != NULL) {
		if (p[1] == b)
			return p;
		p++;
	}
	return NULL;
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

AVX2 static uint64_t avx2(const char *p, size_t n, struct maps m)
{
	uint64_t high = 0;

	for (size_t k = 0; k < n; k++, p += 64) {
		uint64_t letter = 0, space = 0, brk = 0;
		for (unsigned half = 0; half < 64; half += 32) {
			__m256i c = _mm256_loadu_si256((const void *)(p + half));
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
		m.letter[k] = letter;
		m.space[k] = space;
		m.brk[k] = brk;
	}
	return high;
}

AVX2 static const char *pair_avx2(const char *p, const char *end, char a, char b)
{
	__m256i first = _mm256_set1_epi8(a), second = _mm256_set1_epi8(b);

	for (; end - p > 32; p += 32) {
		__m256i x = _mm256_loadu_si256((const void *)p);
		__m256i y = _mm256_loadu_si256((const void *)(p + 1));
		__m256i both =
			_mm256_and_si256(_mm256_cmpeq_epi8(x, first), _mm256_cmpeq_epi8(y, second));
		unsigned hits = (unsigned)_mm256_movemask_epi8(both);
		if (hits)
			return p + __builtin_ctz(hits);
	}
	return pair_plain(p, end, a, b);
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
	size_t n = text.len / 64, last = text.len % 64;
	uint64_t *bits = oc_arena_alloc(a, 3 * (n + 1) * sizeof *bits), high;
	struct maps m = {bits, bits + n + 1, bits + 2 * (n + 1)};
	struct maps m_end = {m.letter + n, m.space + n, m.brk + n};
	char end[64] = {0};
	uint64_t (*kernel)(const char *, size_t, struct maps) = plain;

#ifdef __x86_64__
	if (how == OC_MARKS_BEST && __builtin_cpu_supports("avx2"))
		kernel = avx2;
#endif
	(void)how;
	if (last)
		memcpy(end, text.p + 64 * n, last);
	high = kernel(text.p, n, m) | kernel(end, 1, m_end);
	if (high)
		add_wide(text, &m);
	m.space[n] |= ~(uint64_t)0 << last;
	m.brk[n] |= ~(uint64_t)0 << last;
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

const char *oc_pair_find(const char *p, const char *end, char a, char b, enum oc_marks_how how)
{
#ifdef __x86_64__
	if (how == OC_MARKS_BEST && __builtin_cpu_supports("avx2"))
		return pair_avx2(p, end, a, b);
#endif
	(void)how;
	return pair_plain(p, end, a, b);
}
