/*
 * gopher_repetition: repeated paragraphs, lines and n-grams (Rae et al. 2021, table A1), decided as
 * datatrove decides them, in its order.
 *
 * The words lie one after the other in one buffer, so that an n-gram is a slice of it. An n-gram's
 * hash is that of its characters, taken from running sums (a polynomial in an odd base modulo 2^64,
 * shifted back by the base's inverse); what hashes alike is compared byte by byte, so the counts
 * are exact. For the longer n-grams a bit table of which at most one in 256 is set says first
 * whether anything could repeat at all, which in most texts nothing does.
 */
#include <stdlib.h>

#include "curate/rules.h"
#include "text/utf8.h"
#include "text/view.h"

#define TOP_FROM 2
#define TOP_TO   4
#define DUP_FROM 5
#define DUP_TO   10

struct repetition {
	struct oc_rules rules;
	double para, para_chars, line, line_chars;
	double gram[DUP_TO + 1]; /* limit by n */
};

#define TOP(N, DEF)                                                                                \
	OC_RULES_LIMIT("top_" #N "_gram", DEF, 1e9,                                                \
	               "Most of the text that the commonest " #N                                   \
	               "-gram may cover (its length times its count).")
#define DUP(N, DEF)                                                                                \
	OC_RULES_LIMIT("duplicated_" #N "_n_grams", DEF, 1e9,                                      \
	               "Most characters in repeated " #N "-grams.")

static const struct oc_option options[] = {
	OC_RULES_FIELD,
	OC_RULES_WORDS,
	OC_RULES_LIMIT("dup_para_frac", "0.3", 1, "Most paragraphs that are repetitions."),
	OC_RULES_LIMIT("dup_para_char_frac", "0.2", 1, "Most characters in repeated paragraphs."),
	OC_RULES_LIMIT("dup_line_frac", "0.3", 1, "Most lines that are repetitions."),
	OC_RULES_LIMIT("dup_line_char_frac", "0.2", 1, "Most characters in repeated lines."),
	TOP(2, "0.2"),
	TOP(3, "0.18"),
	TOP(4, "0.16"),
	DUP(5, "0.15"),
	DUP(6, "0.14"),
	DUP(7, "0.13"),
	DUP(8, "0.12"),
	DUP(9, "0.11"),
	DUP(10, "0.1"),
	OC_RULES_ALL,
	{0},
};

static const char *const names[] = {
	[2] = "top_2_gram",           [3] = "top_3_gram",           [4] = "top_4_gram",
	[5] = "duplicated_5_n_grams", [6] = "duplicated_6_n_grams", [7] = "duplicated_7_n_grams",
	[8] = "duplicated_8_n_grams", [9] = "duplicated_9_n_grams", [10] = "duplicated_10_n_grams"};

/* One worker's tables; they grow to the largest text. */
struct scratch {
	struct oc_repeats seen;
	struct oc_buf joined;  /* the words' bytes */
	uint32_t *at;          /* (n + 1) where word i begins in `joined` */
	uint32_t *chars;       /* (n + 1) code points before word i */
	uint64_t *sum;         /* (n + 1) polynomial of the bytes before word i */
	uint64_t *shift;       /* (n + 1) inverse power of the base at at[i] */
	uint32_t *slot;        /* (cap) 1 + first position of an n-gram; 0 = empty */
	uint32_t *count;       /* (n) occurrences of the n-gram first seen at i */
	uint32_t *first;       /* (n) where the n-gram at i was first seen */
	uint64_t *bits;        /* (cap << SPREAD bits) */
	uint32_t n, room, cap; /* words; room for words; slots, a power of two >= 2 n */
};

static void close_repetition(void *self)
{
	struct repetition *s = self;

	if (!s)
		return;
	oc_rules_fini(&s->rules);
	free(s);
}

static int open_repetition(void **self, const struct oc_env *env, yyjson_val *opts,
                           struct oc_err *err)
{
	struct repetition *s = oc_zalloc(1, sizeof *s);

	(void)err;
	oc_rules_init(&s->rules, env, opts);
	s->para = yyjson_get_num(oc_json_get(opts, "dup_para_frac"));
	s->para_chars = yyjson_get_num(oc_json_get(opts, "dup_para_char_frac"));
	s->line = yyjson_get_num(oc_json_get(opts, "dup_line_frac"));
	s->line_chars = yyjson_get_num(oc_json_get(opts, "dup_line_char_frac"));
	for (int n = TOP_FROM; n <= DUP_TO; n++)
		s->gram[n] = yyjson_get_num(oc_json_get(opts, names[n]));
	*self = s;
	return 0;
}

static void *scratch_new(void *self)
{
	(void)self;
	return oc_zalloc(1, sizeof(struct scratch));
}

static void scratch_free(void *scratch)
{
	struct scratch *s = scratch;

	oc_repeats_fini(&s->seen);
	oc_buf_fini(&s->joined);
	free(s->at);
	free(s->chars);
	free(s->sum);
	free(s->shift);
	free(s->slot);
	free(s->count);
	free(s->first);
	free(s->bits);
	free(s);
}

/* ----------------------------------------------------- paragraphs and lines */

/* Cuts at runs of at least `least` newlines, as re.split does: pieces may be empty. */
static void cut(struct oc_repeats *seen, struct oc_str text, size_t least)
{
	const char *from = text.p, *p = text.p, *end = text.p + text.len;

	oc_repeats_clear(seen);
	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		const char *run = p;
		while (p < end && *p == '\n')
			p++;
		if ((size_t)(p - run) < least)
			continue;
		oc_repeats_add(seen, (struct oc_str){from, (size_t)(run - from)});
		from = p;
	}
	oc_repeats_add(seen, (struct oc_str){from, (size_t)(end - from)});
}

static bool judge_pieces(const struct oc_rules *r, struct oc_row *row,
                         const struct oc_repeats *seen, const char *const rule[2], double share,
                         double char_share, double chars)
{
	double score = (double)seen->elements / (double)seen->total;

	if (share > 0 && oc_rule(r, row, rule[0], score, share, score > share))
		return true;
	score = (double)seen->chars / chars;
	return char_share > 0 && oc_rule(r, row, rule[1], score, char_share, score > char_share);
}

/* ----------------------------------------------------------------- n-grams */

/* Bits of the table of may_repeat for a slot: 2^SPREAD. */
#define SPREAD 7

#define BASE 0x9E3779B97F4A7C15u

static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;

	for (int i = 0; i < 6; i++) /* Newton: each step doubles the number of right bits */
		x *= 2 - odd * x;
	return x;
}

static void reserve(struct scratch *s, uint32_t n)
{
	if (n < s->room)
		return;
	uint32_t room = 256;
	while (room <= n)
		room *= 2;
	size_t size = (size_t)room + 1;
	s->at = oc_realloc(s->at, size * sizeof *s->at);
	s->chars = oc_realloc(s->chars, size * sizeof *s->chars);
	s->sum = oc_realloc(s->sum, size * sizeof *s->sum);
	s->shift = oc_realloc(s->shift, size * sizeof *s->shift);
	s->count = oc_realloc(s->count, size * sizeof *s->count);
	s->first = oc_realloc(s->first, size * sizeof *s->first);
	s->slot = oc_realloc(s->slot, 2 * size * sizeof *s->slot);
	s->bits = oc_realloc(s->bits, (2 * size << SPREAD) / 8);
	s->room = room;
}

static void take_words(struct scratch *s, const struct oc_str *word, uint32_t n)
{
	const uint64_t back = inverse(BASE);
	uint64_t sum = 0, power = 1, shift = 1;
	uint32_t chars = 0;

	reserve(s, n);
	s->n = n;
	for (s->cap = 64; s->cap < 2 * (uint64_t)n && s->cap < 2u * s->room; s->cap *= 2)
		;
	s->joined.len = 0;
	for (uint32_t i = 0; i < n; i++) {
		const unsigned char *p = (const unsigned char *)word[i].p;
		s->at[i] = (uint32_t)s->joined.len;
		s->chars[i] = chars;
		s->sum[i] = sum;
		s->shift[i] = shift;
		for (size_t k = 0; k < word[i].len; k++) {
			sum += (p[k] + 1u) * power;
			power *= BASE;
			shift *= back;
			chars += (p[k] & 0xC0) != 0x80;
		}
		oc_buf_str(&s->joined, word[i]);
	}
	s->at[n] = (uint32_t)s->joined.len;
	s->chars[n] = chars;
	s->sum[n] = sum;
}

static uint64_t hash_of(const struct scratch *s, uint32_t i, uint32_t n)
{
	uint64_t h = (s->sum[i + n] - s->sum[i]) * s->shift[i];

	h ^= h >> 32;
	return h * 0xD6E8FEB86659FD93u;
}

static bool same(const struct scratch *s, uint32_t a, uint32_t b, uint32_t n)
{
	uint32_t len = s->at[a + n] - s->at[a];

	return len == s->at[b + n] - s->at[b] &&
	       memcmp(s->joined.p + s->at[a], s->joined.p + s->at[b], len) == 0;
}

static bool same_words(const struct scratch *s, uint32_t a, uint32_t b, uint32_t n)
{
	for (uint32_t k = 1; k < n; k++)
		if (s->at[a + k] - s->at[a] != s->at[b + k] - s->at[b])
			return false;
	return same(s, a, b, n);
}

/*
 * Code points of the commonest n-gram, joined by spaces, times its count; of equally common ones
 * the first seen. After n = 2, only what begins with a repeated (n-1)-gram can repeat.
 */
static uint64_t top(struct scratch *s, uint32_t n)
{
	uint32_t last = s->n - n + 1, best = 0;
	int bits = __builtin_ctz(s->cap);

	memset(s->slot, 0, s->cap * sizeof *s->slot);
	for (uint32_t i = 0; i < last; i++) {
		if (n > TOP_FROM && s->count[s->first[i]] < 2) {
			s->first[i] = i;
			continue; /* its count is 1 already, as that of the shorter one */
		}
		uint64_t h = hash_of(s, i, n);
		uint32_t k = (uint32_t)(h >> (64 - bits));
		while (s->slot[k] && !same_words(s, s->slot[k] - 1, i, n))
			k = (k + 1) & (s->cap - 1);
		if (!s->slot[k])
			s->slot[k] = i + 1;
		s->first[i] = s->slot[k] - 1;
	}
	memset(s->count, 0, last * sizeof *s->count);
	for (uint32_t i = 0; i < last; i++)
		s->count[s->first[i]]++;
	for (uint32_t i = 1; i < last; i++)
		if (s->count[i] > s->count[best])
			best = i;
	return (uint64_t)(s->chars[best + n] - s->chars[best] + n - 1) * s->count[best];
}

/* Could any n-gram occur twice? False is certain. */
static bool may_repeat(struct scratch *s, uint32_t n)
{
	size_t words = ((size_t)s->cap << SPREAD) / 64;
	int bits = __builtin_ctz(s->cap) + SPREAD;
	uint64_t hits = 0;

	memset(s->bits, 0, words * sizeof *s->bits);
	for (uint32_t i = 0; i + n <= s->n; i++) {
		uint64_t h = hash_of(s, i, n) >> (64 - bits);
		hits |= s->bits[h >> 6] >> (h & 63) & 1;
		s->bits[h >> 6] |= (uint64_t)1 << (h & 63);
	}
	return hits;
}

/* Code points in n-grams seen before: a repeated one is jumped over, another is remembered. */
static uint64_t duplicated(struct scratch *s, uint32_t n)
{
	int bits = __builtin_ctz(s->cap);
	uint64_t chars = 0;

	if (s->n < n || !may_repeat(s, n))
		return 0;
	memset(s->slot, 0, s->cap * sizeof *s->slot);
	for (uint32_t i = 0; i + n <= s->n;) {
		uint32_t k = (uint32_t)(hash_of(s, i, n) >> (64 - bits));
		while (s->slot[k] && !same(s, s->slot[k] - 1, i, n))
			k = (k + 1) & (s->cap - 1);
		if (s->slot[k]) {
			chars += s->chars[i + n] - s->chars[i];
			i += n;
		} else {
			s->slot[k] = ++i;
		}
	}
	return chars;
}

static int judge(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct repetition *s = self;
	const struct oc_rules *r = &s->rules;
	struct scratch *t = scratch;
	struct oc_str text = oc_view_text(row, r->field);
	double chars = (double)oc_utf8_count(text);
	uint32_t n;

	(void)err;
	if (!text.len) {
		oc_rule(r, row, "empty", 0, 1, true);
		return 0;
	}
	cut(&t->seen, oc_strip(text), 2);
	if (judge_pieces(r, row, &t->seen,
	                 (const char *const[]){"dup_para_frac", "dup_para_char_frac"}, s->para,
	                 s->para_chars, chars))
		return 0;
	cut(&t->seen, text, 1);
	if (judge_pieces(r, row, &t->seen,
	                 (const char *const[]){"dup_line_frac", "dup_line_char_frac"}, s->line,
	                 s->line_chars, chars))
		return 0;
	const struct oc_str *word = oc_rules_words(r, row, &n);
	take_words(t, word, n);
	for (uint32_t k = TOP_FROM; k <= TOP_TO && k <= n; k++) {
		double score = (double)top(t, k) / chars;
		if (s->gram[k] > 0 &&
		    oc_rule(r, row, names[k], score, s->gram[k], score > s->gram[k]))
			return 0;
	}
	for (uint32_t k = DUP_FROM; k <= DUP_TO; k++) {
		if (!(s->gram[k] > 0))
			continue;
		double score = (double)duplicated(t, k) / chars;
		if (oc_rule(r, row, names[k], score, s->gram[k], score > s->gram[k]))
			return 0;
	}
	return 0;
}

extern const struct oc_stage_def oc_stage_gopher_repetition;
const struct oc_stage_def oc_stage_gopher_repetition = {
	.size = sizeof(struct oc_stage_def),
	.name = "gopher_repetition",
	.help = "Gopher's repetition rules: repeated paragraphs, lines and n-grams",
	.doc = "As datatrove decides them, in its order and under its names. A short text falls "
	       "too: an n-gram that occurs once also covers its share. An empty text is `empty`. "
	       "Source: Rae et al. 2021, arXiv 2112.11446, table A1.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.open = open_repetition,
	.close = close_repetition,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.row = judge,
};
