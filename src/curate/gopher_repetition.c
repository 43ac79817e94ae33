/*
 * gopher_repetition: repeated paragraphs, lines and n-grams (Rae et al. 2021, table A1), decided as
 * datatrove decides them, in its order.
 *
 * Each word gets a number, each n-gram that of its first occurrence. An n-gram can only repeat
 * where both (n-1)-grams in it do, so after the words themselves little is left to look up. The
 * long n-grams are compared as characters, whatever their word borders: two that agree begin with
 * the same 16 bytes (where five words are that long), so one pass over these names the few places
 * at which any of them can repeat, and only those are compared, byte by byte. Linear in the text.
 */
#include <stdlib.h>

#include "base/hash.h"
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

/* Positions by hash. A slot counts only if it was filled since `base`, so nothing is cleared. */
struct table {
	uint32_t *slot; /* (cap) base + position */
	uint32_t base;  /* >= 1 */
	int bits;       /* of cap */
};

/* One worker's tables; they grow to the largest text. */
struct scratch {
	struct oc_repeats seen;
	struct oc_buf joined;   /* the words' bytes, 16 zeros behind */
	uint32_t *at;           /* (n + 1) where word i begins in `joined` */
	uint64_t (*key)[2];     /* (n) what stands for word i; then [0] for n-gram i */
	uint32_t *gram;         /* (n) where the n-gram at i was first seen */
	uint32_t *count;        /* (n) occurrences of the n-gram first seen at i */
	uint32_t *some, some_n; /* (n) positions whose n-gram occurs more than once, ascending */
	uint32_t *like, like_n; /* (n) positions at which a longer n-gram may repeat, ascending */
	bool *alike;            /* (n) the same, while they are looked for */
	struct table table;
	uint32_t n, room; /* words; room for words */
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
	free(s->key);
	free(s->gram);
	free(s->count);
	free(s->some);
	free(s->like);
	free(s->alike);
	free(s->table.slot);
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

#define KEY 16 /* bytes with which a repeated n-gram begins */

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;

	h ^= b + (h >> 32);
	h *= 0xFF51AFD7ED558CCDu;
	return h ^ h >> 32;
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
	s->key = oc_realloc(s->key, size * sizeof *s->key);
	s->gram = oc_realloc(s->gram, size * sizeof *s->gram);
	s->count = oc_realloc(s->count, size * sizeof *s->count);
	s->some = oc_realloc(s->some, size * sizeof *s->some);
	s->like = oc_realloc(s->like, size * sizeof *s->like);
	s->alike = oc_realloc(s->alike, size * sizeof *s->alike);
	free(s->table.slot);
	s->table.slot = oc_zalloc(2 * (size_t)room, sizeof *s->table.slot);
	s->table.base = 1;
	s->room = room;
}

/* An empty table for as many positions as there are words. */
static struct table *table_new(struct scratch *s)
{
	struct table *t = &s->table;

	if (t->base > UINT32_MAX - 2 * s->room) {
		memset(t->slot, 0, 2 * (size_t)s->room * sizeof *t->slot);
		t->base = 1;
	} else {
		t->base += s->room;
	}
	t->bits = 6;
	while (((uint64_t)1 << t->bits) < 2 * (uint64_t)s->n)
		t->bits++;
	return t;
}

/* The position in slot k; in an empty slot `mine`, which is always equal to what is looked for: so
 * that "found" and "new" are one case, and no processor has to guess between them. */
static uint32_t held(const struct table *t, uint32_t k, uint32_t mine)
{
	return t->slot[k] >= t->base ? t->slot[k] - t->base : mine;
}

static uint32_t slot_of(const struct table *t, uint64_t hash)
{
	return (uint32_t)(hash >> (64 - t->bits));
}

static uint32_t next_slot(const struct table *t, uint32_t k)
{
	return (k + 1) & (((uint32_t)1 << t->bits) - 1);
}

/* What stands for a word: up to 15 bytes themselves and its length; of a longer one the first 8 and
 * its hash, so that equal keys there are no proof yet. */
static void key_of(struct oc_str w, const char *end, uint64_t key[2])
{
	static const uint8_t ones_zeros[32] = {255, 255, 255, 255, 255, 255, 255, 255,
	                                       255, 255, 255, 255, 255, 255, 255, 255};
	uint64_t bytes[2] = {0, 0}, mask[2];

	if (w.len >= KEY) {
		memcpy(key, w.p, 8);
		key[1] = oc_hash64(w.p, w.len, 0) | (uint64_t)0xFF << 56;
		return;
	}
	if (end - w.p >= KEY)
		memcpy(bytes, w.p, KEY);
	else
		memcpy(bytes, w.p, w.len);
	memcpy(mask, ones_zeros + KEY - w.len, KEY);
	key[0] = bytes[0] & mask[0];
	key[1] = (bytes[1] & mask[1]) | (uint64_t)w.len << 56;
}

/* Numbers the words; `some` becomes those that occur more than once. */
static void take_words(struct scratch *s, struct oc_str text, const struct oc_str *word, uint32_t n)
{
	const char *end = text.p + text.len;
	uint32_t at = 0;

	reserve(s, n);
	s->n = n;
	s->joined.len = 0;
	oc_buf_reserve(&s->joined, text.len + 2 * KEY);
	struct table *t = table_new(s);
	for (uint32_t i = 0; i < n; i++) {
		struct oc_str w = word[i];
		uint64_t *key = s->key[i];
		s->at[i] = at;
		s->count[i] = 0;
		if (w.len <= KEY && end - w.p >= KEY)
			memcpy(s->joined.p + at, w.p, KEY);
		else
			memcpy(s->joined.p + at, w.p, w.len);
		at += (uint32_t)w.len;
		key_of(w, end, key);
		uint32_t k = slot_of(t, mix(key[0], key[1])), first = held(t, k, i);
		while (((s->key[first][0] ^ key[0]) | (s->key[first][1] ^ key[1])) ||
		       (w.len >= KEY && !oc_str_eq(word[first], w))) {
			k = next_slot(t, k);
			first = held(t, k, i);
		}
		t->slot[k] = t->base + first;
		s->gram[i] = first;
		s->count[first]++;
	}
	s->at[n] = at;
	memset(s->joined.p + at, 0, KEY);
	s->some_n = 0;
	for (uint32_t i = 0; i < n; i++) {
		s->some[s->some_n] = i;
		s->some_n += s->count[s->gram[i]] > 1;
	}
}

/*
 * From n-grams to (n+1)-grams: `some`, `gram` and `count` are those of n and become those of n + 1.
 * Returns where the commonest n-gram was first seen, of equally common ones the first.
 */
static uint32_t extend(struct scratch *s)
{
	struct table *t = table_new(s);
	uint32_t some_n = 0, best = 0, most = 1;

	if (s->some_n) /* what follows the last is never the next word */
		s->some[s->some_n] = 0;
	for (uint32_t j = 0; j < s->some_n; j++) {
		uint32_t i = s->some[j], next = s->some[j + 1];
		s->some[some_n] = i;
		some_n += next == i + 1;
	}
	for (uint32_t j = 0; j < some_n; j++) {
		uint32_t i = s->some[j];
		uint64_t key = (uint64_t)s->gram[i] << 32 | s->gram[i + 1];
		uint32_t k = slot_of(t, mix(key, 0)), first = held(t, k, i);
		s->key[i][0] = key;
		s->count[i] = 0;
		while (s->key[first][0] != key) {
			k = next_slot(t, k);
			first = held(t, k, i);
		}
		t->slot[k] = t->base + first;
		s->gram[i] = first;
		s->count[first]++;
	}
	s->some_n = 0;
	for (uint32_t j = 0; j < some_n; j++) {
		uint32_t i = s->some[j], count = s->count[s->gram[i]];
		if (count > most) {
			most = count;
			best = i;
		}
		s->some[s->some_n] = i;
		s->some_n += count > 1;
	}
	if (most == 1)
		s->count[best] = 1;
	return best;
}

static struct oc_str slice(const struct scratch *s, uint32_t i, uint32_t n)
{
	return (struct oc_str){s->joined.p + s->at[i], s->at[i + n] - s->at[i]};
}

/* Code points of the commonest n-gram, joined by spaces, times its count. */
static uint64_t top(struct scratch *s, uint32_t n)
{
	uint32_t best = extend(s);

	return (uint64_t)(oc_utf8_count(slice(s, best, n)) + n - 1) * s->count[best];
}

/* Marks as alike the positions that begin with the same `len` bytes; all, or the short ones. */
static void find_alike(struct scratch *s, size_t len, bool all)
{
	struct table *t = table_new(s);

	for (uint32_t i = 0; i + DUP_FROM <= s->n; i++) {
		const char *p = s->joined.p + s->at[i];
		uint64_t key[2], *mine = s->key[i];
		if (!all && s->at[i + DUP_FROM] - s->at[i] >= KEY)
			continue;
		memcpy(key, p, sizeof key);
		if (len < 8) {
			key[0] &= ((uint64_t)1 << 8 * len) - 1;
			key[1] = 0;
		}
		mine[0] = key[0];
		mine[1] = key[1];
		uint32_t k = slot_of(t, mix(key[0], key[1])), first = held(t, k, i);
		while ((s->key[first][0] ^ key[0]) | (s->key[first][1] ^ key[1])) {
			k = next_slot(t, k);
			first = held(t, k, i);
		}
		t->slot[k] = t->base + first;
		s->alike[i] |= first != i;
		s->alike[first] |= first != i;
	}
}

/*
 * Where an n-gram of 5 words or more may equal another. Equal ones have at least the bytes of the
 * longer of the two 5-grams with which they begin: 16 of them in common where that is so long;
 * where neither is, each word has a byte.
 */
static void find_like(struct scratch *s)
{
	bool shorts = false;

	memset(s->alike, 0, s->n);
	find_alike(s, KEY, true);
	for (uint32_t i = 0; i + DUP_FROM <= s->n && !shorts; i++)
		shorts = s->at[i + DUP_FROM] - s->at[i] < KEY;
	if (shorts)
		find_alike(s, DUP_FROM, false);
	s->like_n = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		s->like[s->like_n] = i;
		s->like_n += s->alike[i];
	}
}

/* Code points in n-grams seen before: a repeated one is jumped over, another is remembered. */
static uint64_t duplicated(struct scratch *s, uint32_t n)
{
	struct table *t = table_new(s);
	uint32_t from = 0; /* the scan's place */
	uint64_t chars = 0;

	for (uint32_t j = 0; j < s->like_n && s->like[j] + n <= s->n; j++) {
		uint32_t i = s->like[j];
		if (i < from)
			continue;
		struct oc_str gram = slice(s, i, n);
		uint32_t k = slot_of(t, oc_hash64(gram.p, gram.len, 0)), first = held(t, k, i);
		while (first != i && !oc_str_eq(slice(s, first, n), gram)) {
			k = next_slot(t, k);
			first = held(t, k, i);
		}
		t->slot[k] = t->base + first;
		if (first != i) {
			chars += oc_utf8_count(gram);
			from = i + n;
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
	double chars = (double)oc_view_chars(row, r->field);
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
	take_words(t, text, word, n);
	for (uint32_t k = TOP_FROM; k <= TOP_TO && k <= n; k++) {
		double score = (double)top(t, k) / chars;
		if (s->gram[k] > 0 &&
		    oc_rule(r, row, names[k], score, s->gram[k], score > s->gram[k]))
			return 0;
	}
	find_like(t);
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
	       "too: an n-gram that occurs once also covers its share. An empty text is "
	       "`empty`.\n\n"
	       "Example: {\"text\": \"Click here\\nClick here\\nClick here\"} falls as "
	       "`dup_line_frac`: 2 of 3 lines are repetitions, 0.3 are allowed.\n\n"
	       "Cost: about 9 us for 220 words, cutting them out included. Source: Rae et al. "
	       "2021, "
	       "arXiv 2112.11446, table A1.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.open = open_repetition,
	.close = close_repetition,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.row = judge,
};
