#include "text/view.h"

#include <utf8proc.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "base/hash.h"
#include "text/utf8.h"

/* One field's text and what was derived from it; a row has as many as fields were asked for. */
struct face {
	struct face *next;
	struct oc_str field, text, lower;
	bool has_lower;
	struct oc_words *words, *rouge, *fold;
	struct oc_tokens *tokens;
	struct oc_marks *marks;
	size_t chars;     /* SIZE_MAX = not counted */
	uint32_t words_n; /* UINT32_MAX = not counted */
};

struct oc_view {
	struct face *first;
};

/* --------------------------------------------------------------- bare text */

bool oc_is_space(uint32_t c)
{
	if (c < 0x80)
		return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
	return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

static bool all_ascii(struct oc_str s)
{
	size_t i = 0;

	for (; i + 8 <= s.len; i += 8) {
		uint64_t word;
		memcpy(&word, s.p + i, 8);
		if (word & 0x8080808080808080u)
			return false;
	}
	for (; i < s.len; i++)
		if ((unsigned char)s.p[i] & 0x80)
			return false;
	return true;
}

/*
 * Eight ASCII bytes lower-cased at once: per byte, bit 7 of c + 63 says "at least A", bit 7 of
 * c + 37 says "above Z"; where they differ, bit 5 is set.
 */
static uint64_t lower8(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t upper = ((w + ones * 63) ^ (w + ones * 37)) & (ones << 7);

	return w | upper >> 2;
}

struct oc_str oc_text_lower(struct oc_arena *a, struct oc_str text)
{
	const char *p = text.p, *end = text.p + text.len;
	/* The mapping may lengthen a code point: at most 2 bytes become 3 (U+023A, U+0130). */
	size_t room = all_ascii(text) ? text.len : text.len + text.len / 2 + 1, len = 0;
	char *out = oc_arena_alloc(a, room + 1);

	while (p < end) {
		unsigned char c = (unsigned char)*p;
		uint64_t eight;
		if (end - p >= 8 && (memcpy(&eight, p, 8), !(eight & 0x8080808080808080u))) {
			eight = lower8(eight);
			memcpy(out + len, &eight, 8);
			len += 8;
			p += 8;
			continue;
		}
		if (c < 0x80) {
			out[len++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
			p++;
			continue;
		}
		const char *from = p;
		uint32_t code = oc_utf8_next(&p, end);
		if (p - from == 1) { /* not UTF-8: the byte stays */
			out[len++] = (char)c;
		} else if (code == 0x130) {
			out[len++] = 'i';
			len += oc_utf8_put(out + len, 0x307);
		} else {
			len += oc_utf8_put(out + len,
			                   (uint32_t)utf8proc_tolower((utf8proc_int32_t)code));
		}
	}
	out[len] = 0;
	return (struct oc_str){out, len};
}

/* Words are collected here, then copied to the arena in one piece. */
struct list {
	struct oc_arena *arena;
	struct oc_str *word;
	uint32_t n, cap;
};

/* Room for as many words as texts of this length commonly have. */
static struct list list_new(struct oc_arena *a, struct oc_str text)
{
	size_t cap = text.len / 6 + 8;

	if (cap > 1 << 16)
		cap = 1 << 16;
	return (struct list){a, oc_arena_alloc(a, cap * sizeof(struct oc_str)), 0, (uint32_t)cap};
}

static void list_add(struct list *l, const char *from, const char *to)
{
	if (l->n == l->cap) {
		uint32_t cap = 2 * l->cap;
		struct oc_str *word = oc_arena_alloc(l->arena, cap * sizeof *word);
		memcpy(word, l->word, l->n * sizeof *word);
		l->word = word;
		l->cap = cap;
	}
	l->word[l->n++] = (struct oc_str){from, (size_t)(to - from)};
}

static struct oc_words list_done(struct list *l)
{
	uint64_t *hash = oc_arena_alloc(l->arena, (l->n ? l->n : 1) * sizeof *hash);

	for (uint32_t i = 0; i < l->n; i++)
		hash[i] = oc_hash64(l->word[i].p, l->word[i].len, 0);
	return (struct oc_words){l->word, hash, l->n};
}

struct oc_words oc_text_words(struct oc_arena *a, struct oc_str text)
{
	struct list l = list_new(a, text);
	const char *p = text.p, *end = text.p + text.len, *start = NULL;

	while (p < end) {
		const char *from = p;
		unsigned char b = (unsigned char)*p;
		if (b > ' ' && b < 0x80) { /* nearly all bytes of nearly all texts */
			start = start ? start : p;
			p++;
			continue;
		}
		uint32_t c = b < 0x80 ? (unsigned char)*p++ : oc_utf8_next(&p, end);
		if (!oc_is_space(c)) {
			start = start ? start : from;
		} else if (start) {
			list_add(&l, start, from);
			start = NULL;
		}
	}
	if (start)
		list_add(&l, start, end);
	return list_done(&l);
}

#ifdef __x86_64__
/* Which of 32 bytes are part of words, as bits; false if one of them is not ASCII. */
__attribute__((target("avx2"))) static inline bool text_avx2(const char *p, uint32_t *text)
{
	__m256i x = _mm256_loadu_si256((const void *)p);
	/* 9 to 13, 0x1C to 0x1F and the space: what min and max leave as it is, is between them */
	__m256i low = _mm256_min_epu8(_mm256_max_epu8(x, _mm256_set1_epi8(9)),
	                              _mm256_set1_epi8(13)),
		high = _mm256_min_epu8(_mm256_max_epu8(x, _mm256_set1_epi8(0x1C)),
	                               _mm256_set1_epi8(0x20));

	*text = ~(uint32_t)_mm256_movemask_epi8(
		_mm256_or_si256(_mm256_cmpeq_epi8(x, low), _mm256_cmpeq_epi8(x, high)));
	return _mm256_movemask_epi8(x) == 0;
}

/*
 * Counts the words that start from p on, up to the first 32 bytes that are not all ASCII: returns
 * where they are, or end. *inside: the byte before is part of a word. At least 32 bytes lie between
 * `begin` and `end`.
 */
__attribute__((target("avx2,popcnt"))) static const char *
count_avx2(const char *begin, const char *p, const char *end, bool *inside, uint32_t *n)
{
	uint32_t text, before = *inside;

	for (; end - p >= 32 && text_avx2(p, &text); p += 32) {
		*n += (uint32_t)__builtin_popcount(text & ~(text << 1 | before));
		before = text >> 31;
	}
	/* The last ones together with bytes that are counted already. */
	size_t rest = (size_t)(end - p);
	if (rest && rest < 32 && end - begin >= 32 && text_avx2(end - 32, &text)) {
		text >>= 32 - rest;
		*n += (uint32_t)__builtin_popcount(text & ~(text << 1 | before));
		p = end;
	}
	*inside = before;
	return p;
}
#endif

/*
 * Eight bytes at a time where they are printable ASCII, as nearly all are: in `text` the high bit
 * of every byte above the space is set, and a word starts where the byte before it is not.
 */
uint32_t oc_text_word_count(struct oc_str s)
{
	const uint64_t ones = 0x0101010101010101, high = 0x80 * ones;
	const char *p = s.p, *end = s.p + s.len;
	bool inside = false; /* the byte before p is part of a word */
	uint32_t n = 0;
#ifdef __x86_64__
	bool wide = s.len >= 32 && __builtin_cpu_supports("avx2");
#endif

	while (p < end) {
		uint64_t x = high;
#ifdef __x86_64__
		if (wide && (p = count_avx2(s.p, p, end, &inside, &n)) == end)
			break;
#endif
		if (end - p >= 8)
			memcpy(&x, p, sizeof x);
		if (!(x & high) && !((x - 0x20 * ones) & ~x & high)) {
			uint64_t text = (x + 0x5f * ones) & high;
			uint64_t starts = (text & ~(text << 8 | (uint64_t)inside << 7)) >> 7;
			n += (uint32_t)(starts * ones >> 56); /* sum of the bytes */
			inside = text >> 63;
			p += 8;
			continue;
		}
		for (const char *stop = end - p > 8 ? p + 8 : end; p < stop;) {
			unsigned char b = (unsigned char)*p;
			bool word = b > ' ' && b < 0x80;
			if (word)
				p++;
			else
				word = !oc_is_space(b < 0x80 ? (unsigned char)*p++
				                             : oc_utf8_next(&p, end));
			n += word && !inside;
			inside = word;
		}
	}
	return n;
}

/* Of an ASCII letter or digit. */
static bool is_alnum(unsigned char c)
{
	static const uint64_t set[2] = {0x03FF000000000000u, 0x07FFFFFE07FFFFFEu};

	return c < 0x80 && set[c >> 6] >> (c & 63) & 1;
}

struct oc_words oc_text_rouge(struct oc_arena *a, struct oc_str lower)
{
	struct list l = list_new(a, lower);
	const char *start = NULL;

	for (size_t i = 0; i < lower.len; i++) {
		char c = lower.p[i];
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
			start = start ? start : lower.p + i;
		} else if (start) {
			list_add(&l, start, lower.p + i);
			start = NULL;
		}
	}
	if (start)
		list_add(&l, start, lower.p + lower.len);
	return list_done(&l);
}

static bool is_ideograph(uint32_t c)
{
	return (c >= 0x3041 && c <= 0x30FF) || (c >= 0x31F0 && c <= 0x31FF) ||
	       (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
	       (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

enum oc_word_part oc_word_part(uint32_t c)
{
	if (c < 0x80)
		return is_alnum((unsigned char)c) ? OC_WORD_PART : OC_WORD_BREAK;
	switch (utf8proc_category((utf8proc_int32_t)c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO: return is_ideograph(c) ? OC_WORD_ALONE : OC_WORD_PART;
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ME: return OC_WORD_PART;
	default: return OC_WORD_BREAK;
	}
}

/* Bit k: byte k of 64 is an ASCII letter or digit. False where one of them is beyond ASCII. */
static bool alnum64(const char *p, uint64_t *bits)
{
	const uint64_t ones = 0x0101010101010101u, high = ones << 7;
	uint64_t beyond = 0, all = 0;

	for (unsigned i = 0; i < 8; i++) {
		uint64_t x, low, is;
		memcpy(&x, p + 8 * (size_t)i, 8);
		beyond |= x;
		x &= ~high;
		low = x | ones * 0x20; /* bit 7 of c + 0x80 - a says "at least a" */
		is = (x + ones * (0x80 - '0')) & ~(x + ones * (0x80 - '9' - 1));
		is |= (low + ones * (0x80 - 'a')) & ~(low + ones * (0x80 - 'z' - 1));
		/* the eight bits gathered in the top byte */
		all |= ((is & high) >> 7) * 0x0102040810204080u >> 56 << 8 * i;
	}
	*bits = all;
	return !(beyond & high);
}

struct oc_words oc_text_fold(struct oc_arena *a, struct oc_str lower)
{
	struct list l = list_new(a, lower);
	const char *p = lower.p, *end = lower.p + lower.len, *start = NULL, *slow = p;

	while (p < end) {
		const char *from = p;
		uint64_t bits;
		if (p >= slow && end - p >= 64) {
			if (alnum64(p, &bits)) {
				/* every other edge begins a word, or ends one */
				uint64_t edges = bits ^ (bits << 1 | (start != NULL));
				for (; edges; edges &= edges - 1) {
					const char *at = p + __builtin_ctzll(edges);
					if (start)
						list_add(&l, start, at);
					start = start ? NULL : at;
				}
				p += 64;
				continue;
			}
			slow = p + 64;
		}
		while (p < end && is_alnum((unsigned char)*p))
			p++;
		if (p > from) {
			start = start ? start : from;
			continue;
		}
		uint32_t c = (unsigned char)*p < 0x80 ? (unsigned char)*p++ : oc_utf8_next(&p, end);
		enum oc_word_part part = oc_word_part(c);
		if (part == OC_WORD_PART) {
			start = start ? start : from;
			continue;
		}
		if (start)
			list_add(&l, start, from);
		start = NULL;
		if (part == OC_WORD_ALONE)
			list_add(&l, from, p);
	}
	if (start)
		list_add(&l, start, end);
	return list_done(&l);
}

/* -------------------------------------------------------------------- rows */

static void add_text(struct oc_arena *a, struct oc_str *all, size_t *cap, struct oc_str s)
{
	size_t need = all->len + s.len + 1;
	char *out = (char *)(uintptr_t)all->p;

	if (need > *cap) {
		*cap = 2 * need + 64;
		out = oc_arena_alloc(a, *cap);
		if (all->len)
			memcpy(out, all->p, all->len);
		all->p = out;
	}
	if (all->len)
		out[all->len++] = '\n';
	if (s.len)
		memcpy(out + all->len, s.p, s.len);
	all->len += s.len;
}

/* The strings of a whole row, in order; messages are the one nested shape that rows commonly have.
 */
static struct oc_str whole_text(struct oc_row *row)
{
	struct oc_str all = {"", 0};
	size_t cap = 0, i, max;
	yyjson_val *key, *val;
	struct oc_str text = oc_json_get_str(row->root, "text");

	if (text.len)
		return text;
	yyjson_obj_foreach(row->root, i, max, key, val)
	{
		if (yyjson_is_str(val)) {
			add_text(row->arena, &all, &cap, oc_json_str(val));
		} else if (yyjson_is_arr(val) && yyjson_equals_str(key, "messages")) {
			size_t k, n;
			yyjson_val *message;
			yyjson_arr_foreach(val, k, n, message)
			{
				yyjson_val *content = yyjson_obj_get(message, "content");
				if (yyjson_is_str(content))
					add_text(row->arena, &all, &cap, oc_json_str(content));
			}
		}
	}
	return all;
}

static struct face *face_of(struct oc_row *row, struct oc_str field)
{
	struct face *f;

	if (!row->view)
		row->view = oc_arena_zalloc(row->arena, sizeof *row->view);
	for (f = row->view->first; f; f = f->next)
		if (oc_str_eq(f->field, field))
			return f;
	f = oc_arena_zalloc(row->arena, sizeof *f);
	f->field = oc_arena_str(row->arena, field);
	f->chars = SIZE_MAX;
	f->words_n = UINT32_MAX;
	f->next = row->view->first;
	row->view->first = f;
	if (!field.len)
		f->text = whole_text(row);
	else if (!oc_row_field(row, field, &f->text))
		f->text.len = 0;
	if (!f->text.len)
		f->text.p = "";
	return f;
}

static struct oc_words *keep(struct oc_arena *a, struct oc_words words)
{
	return oc_arena_dup(a, &words, sizeof words);
}

static struct oc_str lower_of(struct oc_row *row, struct face *f)
{
	if (!f->has_lower) {
		f->lower = oc_text_lower(row->arena, f->text);
		f->has_lower = true;
	}
	return f->lower;
}

struct oc_str oc_view_text(struct oc_row *row, struct oc_str field)
{
	return face_of(row, field)->text;
}

struct oc_str oc_view_lower(struct oc_row *row, struct oc_str field)
{
	return lower_of(row, face_of(row, field));
}

const struct oc_words *oc_view_words(struct oc_row *row, struct oc_str field)
{
	struct face *f = face_of(row, field);

	if (!f->words)
		f->words = keep(row->arena, oc_text_words(row->arena, f->text));
	return f->words;
}

uint32_t oc_view_word_count(struct oc_row *row, struct oc_str field)
{
	struct face *f = face_of(row, field);

	if (f->words_n == UINT32_MAX)
		f->words_n = f->words ? f->words->n : oc_text_word_count(f->text);
	return f->words_n;
}

uint32_t oc_view_words_in(const struct oc_row *row, struct oc_str text)
{
	for (const struct face *f = row->view ? row->view->first : NULL; f; f = f->next)
		if (f->text.p == text.p && f->text.len == text.len && f->words_n != UINT32_MAX)
			return f->words_n;
	return oc_text_word_count(text);
}

const struct oc_words *oc_view_rouge(struct oc_row *row, struct oc_str field)
{
	struct face *f = face_of(row, field);

	if (!f->rouge)
		f->rouge = keep(row->arena, oc_text_rouge(row->arena, lower_of(row, f)));
	return f->rouge;
}

const struct oc_words *oc_view_fold(struct oc_row *row, struct oc_str field)
{
	struct face *f = face_of(row, field);

	if (!f->fold)
		f->fold = keep(row->arena, oc_text_fold(row->arena, lower_of(row, f)));
	return f->fold;
}

static const struct oc_marks *marks_of(struct oc_row *row, struct face *f)
{
	if (!f->marks) {
		struct oc_marks m = oc_marks_make(row->arena, f->text, OC_MARKS_BEST);
		f->marks = oc_arena_dup(row->arena, &m, sizeof m);
	}
	return f->marks;
}

const struct oc_marks *oc_view_marks(struct oc_row *row, struct oc_str field)
{
	return marks_of(row, face_of(row, field));
}

size_t oc_view_chars(struct oc_row *row, struct oc_str field)
{
	struct face *f = face_of(row, field);

	if (f->chars == SIZE_MAX)
		f->chars = marks_of(row, f)->ascii ? f->text.len : oc_utf8_count(f->text);
	return f->chars;
}

const struct oc_tokens *oc_view_tokens(struct oc_row *row, struct oc_str field)
{
	struct face *f = face_of(row, field);

	if (!f->tokens) {
		struct oc_tokens tokens = oc_text_tokens_marked(row->arena, marks_of(row, f));
		f->tokens = oc_arena_dup(row->arena, &tokens, sizeof tokens);
	}
	return f->tokens;
}
