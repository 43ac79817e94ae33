#include "text/tokens.h"

#include <utf8proc.h>

#include "text/marks.h"
#include "text/special.h"
#include "text/utf8.h"
#include "text/view.h"

/* ------------------------------------------------------------- characters */

enum {
	ALPHA = 1,
	LOWER = 2, /* also letters of scripts without cases */
	UPPER = 4, /* the same */
	DIGIT = 8, /* 0 to 9 */
	QUOTE = 16,
	PUNCT = 32,
	CURRENCY = 64,
	ICON = 128
};

bool oc_in_ranges(const uint32_t (*ranges)[2], size_t n, uint32_t c)
{
	size_t from = 0;

	while (from < n) {
		size_t middle = (from + n) / 2;
		if (c > ranges[middle][1])
			from = middle + 1;
		else if (c < ranges[middle][0])
			n = middle;
		else
			return true;
	}
	return false;
}

static bool is_letter(unsigned char c)
{
	return (unsigned)(c | 0x20) - 'a' < 26;
}

/* Marks, digits and signs of scripts whose blocks count as letters as a whole. */
static bool in_uncased_block(uint32_t c)
{
	static const uint32_t blocks[][2] = {
		{0x591, 0x5F4},   {0x620, 0x64A},   {0x66E, 0x6D5},     {0x6E5, 0x6FF},
		{0x900, 0xDFF},   {0x1100, 0x137F}, {0x2E80, 0x2FFF},   {0x3000, 0x30FF},
		{0x31C0, 0x31EF}, {0x3200, 0x4DBF}, {0x4E00, 0x9FFF},   {0xAC00, 0xD7AF},
		{0xF900, 0xFAFF}, {0xFE30, 0xFE4F}, {0x1F200, 0x1F2FF}, {0x20000, 0x2FA1F}};
	return oc_in_ranges(blocks, sizeof blocks / sizeof *blocks, c);
}

static unsigned class_of_wide(uint32_t c)
{
	static const uint32_t quotes[][2] = {{0xAB, 0xAB},     {0xB4, 0xB4},     {0xBB, 0xBB},
	                                     {0x2018, 0x201A}, {0x201C, 0x201E}, {0x27E6, 0x27E7},
	                                     {0x3008, 0x3011}, {0x3014, 0x3015}, {0xFF08, 0xFF09}};
	static const uint32_t puncts[][2] = {
		{0xA1, 0xA1},     {0xB7, 0xB7},     {0xBF, 0xBF},     {0x60C, 0x60C},
		{0x61B, 0x61B},   {0x61F, 0x61F},   {0x66A, 0x66A},   {0x6D4, 0x6D4},
		{0x964, 0x964},   {0x2026, 0x2026}, {0x3001, 0x3002}, {0xFF01, 0xFF01},
		{0xFF0C, 0xFF0C}, {0xFF1A, 0xFF1B}, {0xFF1F, 0xFF1F}, {0xFF5E, 0xFF5E}};
	static const uint32_t money[][2] = {
		{0xA3, 0xA3}, {0xA5, 0xA5}, {0xE3F, 0xE3F}, {0x20A0, 0x20BF}, {0xFDFC, 0xFDFC}};
	unsigned bits = 0;

	if (oc_in_ranges(quotes, sizeof quotes / sizeof *quotes, c))
		bits |= QUOTE;
	if (oc_in_ranges(puncts, sizeof puncts / sizeof *puncts, c))
		bits |= PUNCT;
	if (oc_in_ranges(money, sizeof money / sizeof *money, c))
		bits |= CURRENCY;
	switch (utf8proc_category((utf8proc_int32_t)c)) {
	case UTF8PROC_CATEGORY_LU: return bits | ALPHA | UPPER;
	case UTF8PROC_CATEGORY_LL: return bits | ALPHA | LOWER;
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO: return bits | ALPHA | LOWER | UPPER;
	case UTF8PROC_CATEGORY_SO: bits |= ICON; break;
	default: break;
	}
	return in_uncased_block(c) ? bits | ALPHA | LOWER | UPPER : bits;
}

static unsigned class_of(uint32_t c)
{
	if (c >= 0x80)
		return class_of_wide(c);
	if (c >= 'a' && c <= 'z')
		return ALPHA | LOWER;
	if (c >= 'A' && c <= 'Z')
		return ALPHA | UPPER;
	if (c >= '0' && c <= '9')
		return DIGIT;
	switch (c) {
	case '\'':
	case '"':
	case '`': return QUOTE;
	case '$': return CURRENCY;
	case ',': return PUNCT | QUOTE; /* listed among the quotes, and so before a dot */
	case ':':
	case ';':
	case '!':
	case '?':
	case '(':
	case ')':
	case '[':
	case ']':
	case '{':
	case '}':
	case '<':
	case '>':
	case '_':
	case '#':
	case '*':
	case '&': return PUNCT;
	default: return 0;
	}
}

static uint32_t first_of(struct oc_str s, size_t *len)
{
	const char *p = s.p;
	uint32_t c = (unsigned char)*p < 0x80 ? (unsigned char)*p++ : oc_utf8_next(&p, s.p + s.len);
	*len = (size_t)(p - s.p);
	return c;
}

/* The last code point and its bytes; 0 of an empty text. */
static uint32_t last_of(struct oc_str s, size_t *len)
{
	size_t n = 1;

	*len = 0;
	if (!s.len)
		return 0;
	while (n < 4 && n < s.len && oc_utf8_continues(s.p[s.len - n]))
		n++;
	*len = n;
	const char *p = s.p + s.len - n;
	return oc_utf8_next(&p, s.p + s.len);
}

static struct oc_str cut_front(struct oc_str s, size_t n)
{
	return (struct oc_str){s.p + n, s.len - n};
}

static struct oc_str cut_back(struct oc_str s, size_t n)
{
	return (struct oc_str){s.p, s.len - n};
}

/* ----------------------------------------------------------------- affixes */

static bool is_special(struct oc_str s)
{
	unsigned n;
	size_t cut[2];

	return oc_token_special(s, &n, cut);
}

static size_t dots_at_start(struct oc_str s)
{
	size_t n = 0;

	while (n < s.len && s.p[n] == '.')
		n++;
	return n >= 2 ? n : 0;
}

static size_t prefix_len(struct oc_str s)
{
	size_t len;
	uint32_t c = first_of(s, &len);

	switch (c) {
	case '.': return dots_at_start(s);
	case '+': return s.len > 1 && s.p[1] >= '0' && s.p[1] <= '9' ? 0 : 1;
	case '%':
	case '=':
	case 0xA7:
	case 0x2013:
	case 0x2014: return len;
	case 'U': return s.len > 2 && s.p[1] == 'S' && s.p[2] == '$' ? 3 : 0;
	case 'A':
	case 'C': return s.len > 1 && s.p[1] == '$' ? 2 : 0;
	default: return class_of(c) & (PUNCT | QUOTE | CURRENCY | ICON) ? len : 0;
	}
}

/* Units of measure that are cut from the number before them. */
static bool is_unit(struct oc_str s)
{
	/* clang-format off */
	static const char *const units[] = {
		"km", "km\xC2\xB2", "km\xC2\xB3", "m", "m\xC2\xB2", "m\xC2\xB3", "dm", "dm\xC2\xB2",
		"dm\xC2\xB3", "cm", "cm\xC2\xB2", "cm\xC2\xB3", "mm", "mm\xC2\xB2", "mm\xC2\xB3",
		"ha", "\xC2\xB5m", "nm", "yd", "in", "ft", "kg", "g", "mg", "\xC2\xB5g", "t", "lb",
		"oz", "m/s", "km/h", "kmh", "mph", "hPa", "Pa", "mbar", "mb", "MB", "kb", "KB",
		"gb", "GB", "tb", "TB", "T", "G", "M", "K", "%"};
	/* clang-format on */

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (oc_str_is(s, units[i]))
			return true;
	return oc_str_is(s, "US$") || oc_str_is(s, "C$") || oc_str_is(s, "A$");
}

/* What stands between the last digit and the end, when short; 0 = no digit there. */
static size_t after_digit(struct oc_str s)
{
	for (size_t n = 1; n <= 5 && n < s.len; n++) {
		char c = s.p[s.len - n - 1];
		if (c >= '0' && c <= '9')
			return n;
	}
	return 0;
}

static bool dot_ends(struct oc_str before)
{
	size_t len, len2;
	uint32_t c = last_of(before, &len);
	unsigned bits = len ? class_of(c) : 0;

	if (!len)
		return false;
	if (bits & (DIGIT | LOWER | QUOTE | PUNCT))
		return true;
	if (c == '%' || c == 0xB2 || c == '-' || c == '+' || c == '|')
		return true;
	uint32_t c2 = last_of(cut_back(before, len), &len2);
	if (!len2)
		return false;
	return (bits & UPPER && class_of(c2) & UPPER) ||
	       (c2 == 0xB0 && (c == 'F' || c == 'C' || c == 'K'));
}

static size_t suffix_len(struct oc_str s)
{
	size_t len, before_len, n;
	uint32_t c, before;
	unsigned bits;

	if (!s.len)
		return 0;
	c = last_of(s, &len);
	bits = class_of(c);
	before = last_of(cut_back(s, len), &before_len);
	if (c == '.') {
		for (n = 1; n < s.len && s.p[s.len - n - 1] == '.'; n++)
			;
		return n >= 2 ? n : dot_ends(cut_back(s, 1)) ? 1 : 0;
	}
	if ((c == 's' || c == 'S') && (before == '\'' || before == 0x2019))
		return 1 + before_len;
	if ((n = after_digit(s)) && is_unit((struct oc_str){s.p + s.len - n, n}))
		return n;
	if (c == 0x2026 && before == 0x2026)
		return len + before_len;
	if (bits & (PUNCT | QUOTE | ICON) || c == 0x2013 || c == 0x2014)
		return len;
	return before >= '0' && before <= '9' && (c == '+' || bits & CURRENCY) ? len : 0;
}

/* ---------------------------------------------------------------- addresses */

static bool is_label(uint32_t c)
{
	return c < 0x80 ? is_letter((unsigned char)c) || (c >= '0' && c <= '9')
	                : c >= 0xA1 && c <= 0xFFFF;
}

/* host.name.tld, then a port, a path or the end. */
static bool is_host(const char *p, const char *end)
{
	unsigned labels = 0;

	for (;;) {
		uint32_t first = 0, last = 0;
		unsigned n = 0, lower = 0;
		while (p < end) {
			const char *from = p;
			uint32_t c = (unsigned char)*p < 0x80 ? (unsigned char)*p++
			                                      : oc_utf8_next(&p, end);
			if (!is_label(c) && c != '-' && c != '_') {
				p = from;
				break;
			}
			first = n ? first : c;
			last = c;
			lower += class_of(c) & LOWER ? 1 : 0;
			n++;
		}
		if (p < end && *p == '.' && n && n <= 64 && is_label(first) && is_label(last)) {
			labels++;
			p++;
			continue;
		}
		if (!labels || n < 2 || n > 63 || lower != n)
			return false;
		break;
	}
	if (p < end && *p == ':') {
		unsigned digits = 0;
		for (p++; p < end && *p >= '0' && *p <= '9'; p++)
			digits++;
		if (digits < 2 || digits > 5)
			return false;
	}
	return p == end || *p == '/' || *p == '?' || *p == '#';
}

static bool is_scheme(struct oc_str s)
{
	const char *p = s.p, *end = s.p + s.len;

	while (p < end) {
		uint32_t c = oc_utf8_next(&p, end);
		if (!(class_of(c) & (ALPHA | DIGIT)) && c != '+' && c != '-' && c != '.' &&
		    c != '_')
			return false;
	}
	return true;
}

static bool is_address(struct oc_str s)
{
	const char *end = s.p + s.len;

	if (!memchr(s.p, '.', s.len))
		return false;
	if (is_host(s.p, end))
		return true;
	ptrdiff_t scheme = oc_str_find(s, OC_LIT("://"));
	if (scheme >= 2 && is_scheme((struct oc_str){s.p, (size_t)scheme}) &&
	    is_host(s.p + scheme + 3, end))
		return true;
	for (const char *at = s.p + 1; at < end; at++) {
		at = memchr(at, '@', (size_t)(end - at));
		if (!at)
			return false;
		if (is_host(at + 1, end))
			return true;
	}
	return false;
}

/* ----------------------------------------------------------------- chunks */

struct list {
	struct oc_arena *arena;
	struct oc_str *word;
	uint32_t n, cap;
};

static void add(struct list *l, const char *p, size_t len)
{
	if (l->n == l->cap) {
		size_t old = l->cap * sizeof *l->word;
		l->cap *= 2;
		l->word = oc_arena_resize(l->arena, l->word, old, 2 * old);
	}
	l->word[l->n++] = (struct oc_str){p, len};
}

static void add_cut(struct list *l, struct oc_str s, unsigned n, const size_t *cut)
{
	size_t from = 0;

	for (unsigned i = 0; i + 1 < n; i++) {
		add(l, s.p + from, cut[i] - from);
		from = cut[i];
	}
	add(l, s.p + from, s.len - from);
}

/* Bytes of the infix at p, which follows the code point of class `before` and value `prev`. */
static size_t infix_len(const char *p, const char *end, unsigned before, uint32_t c, size_t len)
{
	struct oc_str rest = {p, (size_t)(end - p)};
	struct oc_str after = cut_front(rest, len);
	size_t next_len = 0;
	unsigned next;

	if (c == '.' && (next_len = dots_at_start(rest)) != 0)
		return next_len;
	if (c == 0x2026 || (c >= 0x80 && class_of(c) & ICON))
		return len;
	if (!after.len)
		return 0;
	next = class_of(first_of(after, &next_len));
	switch (c) {
	case '.': return before & (LOWER | QUOTE) && next & (UPPER | QUOTE) ? 1 : 0;
	case ',': return before & ALPHA && next & ALPHA ? 1 : 0;
	case ':':
	case '<':
	case '>':
	case '=':
	case '/': return before & (ALPHA | DIGIT) && next & ALPHA ? 1 : 0;
	case '+':
	case '*':
	case '^': return before & DIGIT && (next & DIGIT || *after.p == '-') ? 1 : 0;
	case '-':
		if (before & DIGIT && (next & DIGIT || *after.p == '-'))
			return 1;
		if (!(before & (ALPHA | DIGIT)))
			return 0;
		for (size_t n = 1; n <= 3 && n < rest.len; n++) {
			size_t ignored;
			if (class_of(first_of(cut_front(rest, n), &ignored)) & ALPHA)
				return n;
			if (rest.p[n] != '-')
				return 0;
		}
		return 0;
	case '~':
	case 0x2013:
	case 0x2014:
		if (!(before & (ALPHA | DIGIT)))
			return 0;
		if (next & ALPHA)
			return len;
		if (c == 0x2014 && after.len > 3 && memcmp(after.p, "\xE2\x80\x94", 3) == 0 &&
		    class_of(first_of(cut_front(after, 3), &next_len)) & ALPHA)
			return 6;
		return 0;
	default: return 0;
	}
}

static void add_middle(struct list *l, struct oc_str s)
{
	const char *start = s.p, *p = s.p, *end = s.p + s.len;
	unsigned n, before = 0;
	size_t cut[2];

	if (oc_token_special(s, &n, cut)) {
		add_cut(l, s, n, cut);
		return;
	}
	if (is_address(s)) {
		add(l, s.p, s.len);
		return;
	}
	while (p < end) {
		size_t len;
		uint32_t c = first_of((struct oc_str){p, (size_t)(end - p)}, &len);
		size_t infix = is_letter((unsigned char)*p) ? 0 : infix_len(p, end, before, c, len);
		if (!infix || p == s.p) {
			before = class_of(c);
			p += infix > len ? infix : len;
			continue;
		}
		if (p > start)
			add(l, start, (size_t)(p - start));
		add(l, p, infix);
		/* what precedes the next code point is the infix's last */
		before = class_of(last_of((struct oc_str){p, infix}, &len));
		p += infix;
		start = p;
	}
	if (start < end)
		add(l, start, (size_t)(end - start));
}

/* Special cases that were taken apart with their surroundings are put together again: the longest
 * first, as spaCy's matcher does. */
static void join_special(struct list *l, uint32_t first)
{
	uint32_t out = first;

	for (uint32_t i = first; i < l->n;) {
		uint32_t k = l->n - i < 6 ? l->n - i : 6;
		for (; k > 1; k--) {
			struct oc_str last = l->word[i + k - 1];
			struct oc_str s = {l->word[i].p,
			                   (size_t)(last.p + last.len - l->word[i].p)};
			char text[OC_SPECIAL_MAX + 1];
			uint8_t from[OC_SPECIAL_MAX + 1];
			size_t len;
			if (s.len <= 12 && oc_token_plain(s, text, from, &len) &&
			    oc_token_whole(text, len)) {
				l->word[i] = s;
				break;
			}
		}
		l->word[out++] = l->word[i];
		i += k ? k : 1;
	}
	l->n = out;
}

static void add_chunk(struct list *l, struct list *suffixes, struct oc_str s)
{
	uint32_t first = l->n;
	size_t last_len = 0;

	suffixes->n = 0;
	while (s.len && s.len != last_len && !is_special(s)) {
		size_t pre = prefix_len(s), suf;
		last_len = s.len;
		if (pre && is_special(cut_front(s, pre))) {
			add(l, s.p, pre);
			s = cut_front(s, pre);
			break;
		}
		suf = suffix_len(cut_front(s, pre));
		if (suf && is_special(cut_back(s, suf))) {
			add(suffixes, s.p + s.len - suf, suf);
			s = cut_back(s, suf);
			break;
		}
		if (pre) {
			add(l, s.p, pre);
			s = cut_front(s, pre);
		}
		if (suf) {
			add(suffixes, s.p + s.len - suf, suf);
			s = cut_back(s, suf);
		}
	}
	if (s.len)
		add_middle(l, s);
	for (uint32_t i = suffixes->n; i; i--)
		add(l, suffixes->word[i - 1].p, suffixes->word[i - 1].len);
	if (l->n - first >= 3)
		join_special(l, first);
}

/* Letters only: nothing but a contraction can cut them. */
static void add_letters(struct list *l, const char *p, size_t len)
{
	size_t cut[2];
	unsigned n = oc_token_bare(p, len) ? oc_token_contraction(p, len, cut) : 0;

	if (n)
		add_cut(l, (struct oc_str){p, len}, n + 1, cut);
	else
		add(l, p, len);
}

/* May letters and a full stop be an abbreviation, or the stop stay for another reason? */
static bool keeps_dot(const char *p, size_t len)
{
	return len < 2 || (*p <= 'Z' && len <= 6) || p[len - 1] <= 'Z' ||
	       (len == 2 && (memcmp(p, "co", 2) == 0 || memcmp(p, "vs", 2) == 0));
}

/* Letters that stand for themselves, then a mark or two: what the rules of add_chunk come to. */
static bool add_marked(struct list *l, const char *p, const char *letters, const char *end)
{
	size_t len = (size_t)(letters - p), more = (size_t)(end - letters), mark = 1;

	if (!more) {
		add(l, p, len);
		return true;
	}
	switch (*letters) {
	case '\'': mark = more == 2 && letters[1] == 's' ? 2 : 0; break;
	case '\xE2': mark = more == 4 && memcmp(letters, "\xE2\x80\x99s", 4) == 0 ? 4 : 0; break;
	case '.': mark = keeps_dot(p, len) ? 0 : 1; break;
	case ',':
	case '!':
	case '?': break;
	case ')':
		if (more == 2 && letters[1] != '.' && letters[1] != ',')
			return false;
		break;
	case ';':
	case ':':
	case ']':
	case '"':
		if (more > 1)
			return false;
		break;
	default: return false;
	}
	if (!mark || more > mark + 1 || (more > mark && *letters != ')' && letters[1] != '"'))
		return false;
	add(l, p, len);
	add(l, letters, mark);
	if (more > mark)
		add(l, letters + 1, 1);
	return true;
}

/*
 * The chunks of which prose consists, without trying the rules one by one: words, with a quote or a
 * bracket before them and a mark behind, and words joined by hyphens. False: it is none of them,
 * and nothing was added.
 */
static bool add_common(struct list *l, const struct oc_marks *m, size_t from, size_t letters,
                       size_t end)
{
	const char *t = m->text.p;
	size_t word = from;
	uint32_t n = l->n;

	if (letters == from) {
		if (t[from] != '"' && t[from] != '(')
			return false;
		word = from + 1;
		letters = oc_marks_clear(m->letter, word, end);
		if (letters - word < 2)
			return false;
		add(l, t + from, 1);
	}
	while (letters < end && t[letters] == '-' && letters - word > 1 &&
	       !oc_token_bare(t + word, letters - word)) {
		size_t next = letters + 1, stop = oc_marks_clear(m->letter, next, end);
		if (stop - next < 2)
			break;
		add(l, t + word, letters - word);
		add(l, t + letters, 1);
		word = next;
		letters = stop;
	}
	if (!oc_token_bare(t + word, letters - word) &&
	    add_marked(l, t + word, t + letters, t + end))
		return true;
	l->n = n;
	return false;
}

struct oc_tokens oc_text_tokens_marked(struct oc_arena *a, const struct oc_marks *m)
{
	struct oc_str text = m->text;
	uint32_t cap = (uint32_t)(text.len / 5 > 1 << 16 ? 1 << 16 : text.len / 5) + 8;
	struct list suffixes = {a, oc_arena_alloc(a, 8 * sizeof(struct oc_str)), 0, 8};
	struct list l = {a, oc_arena_alloc(a, cap * sizeof(struct oc_str)), 0, cap};
	size_t at = oc_marks_clear(m->space, 0, text.len);

	while (at < text.len) {
		size_t end = oc_marks_set(m->space, at);
		struct oc_str chunk = {text.p + at, end - at};
		size_t letters = oc_marks_clear(m->letter, at, end);
		if (letters == end)
			add_letters(&l, chunk.p, chunk.len);
		else if (!add_common(&l, m, at, letters, end))
			add_chunk(&l, &suffixes, chunk);
		at = end < text.len && !oc_marks_at(m->space, end + 1)
		             ? end + 1
		             : oc_marks_clear(m->space, end, text.len);
	}
	return (struct oc_tokens){l.word, l.n};
}

struct oc_tokens oc_text_tokens(struct oc_arena *a, struct oc_str text)
{
	struct oc_marks m = oc_marks_make(a, text, OC_MARKS_BEST);

	return oc_text_tokens_marked(a, &m);
}

/* --------------------------------------------------------------- sentences */

static bool ends_sentence(struct oc_str w)
{
	/* clang-format off */
	static const uint32_t marks[][2] = {
		{0x21, 0x21}, {0x2E, 0x2E}, {0x3F, 0x3F}, {0x589, 0x589}, {0x61F, 0x61F}, {0x6D4,
		0x6D4}, {0x700, 0x702}, {0x7F9, 0x7F9}, {0x964, 0x965}, {0x104A, 0x104B}, {0x1362,
		0x1362}, {0x1367, 0x1368}, {0x166E, 0x166E}, {0x1735, 0x1736}, {0x1803, 0x1803},
		{0x1809, 0x1809}, {0x1944, 0x1945}, {0x1AA8, 0x1AAB}, {0x1B5A, 0x1B5B}, {0x1B5E,
		0x1B5F}, {0x1C3B, 0x1C3C}, {0x1C7E, 0x1C7F}, {0x203C, 0x203D}, {0x2047, 0x2049},
		{0x2E2E, 0x2E2E}, {0x2E3C, 0x2E3C}, {0x3002, 0x3002}, {0xA4FF, 0xA4FF}, {0xA60E,
		0xA60F}, {0xA6F3, 0xA6F3}, {0xA6F7, 0xA6F7}, {0xA876, 0xA877}, {0xA8CE, 0xA8CF},
		{0xA92F, 0xA92F}, {0xA9C8, 0xA9C9}, {0xAA5D, 0xAA5F}, {0xAAF0, 0xAAF1}, {0xABEB,
		0xABEB}, {0xFE52, 0xFE52}, {0xFE56, 0xFE57}, {0xFF01, 0xFF01}, {0xFF0E, 0xFF0E},
		{0xFF1F, 0xFF1F}, {0xFF61, 0xFF61}, {0x10A56, 0x10A57}, {0x11047, 0x11048},
		{0x110BE, 0x110C1}, {0x11141, 0x11143}, {0x111C5, 0x111C6}, {0x111CD, 0x111CD},
		{0x111DE, 0x111DF}, {0x11238, 0x11239}, {0x1123B, 0x1123C}, {0x112A9, 0x112A9},
		{0x1144B, 0x1144C}, {0x115C2, 0x115C3}, {0x115C9, 0x115D7}, {0x11641, 0x11642},
		{0x1173C, 0x1173E}, {0x11A42, 0x11A43}, {0x11A9B, 0x11A9C}, {0x11C41, 0x11C42},
		{0x16A6E, 0x16A6F}, {0x16AF5, 0x16AF5}, {0x16B37, 0x16B38}, {0x16B44, 0x16B44},
		{0x1BC9F, 0x1BC9F}, {0x1DA88, 0x1DA88}};
	/* clang-format on */
	size_t len;
	uint32_t c;

	if (w.len > 4)
		return false;
	c = first_of(w, &len);
	return len == w.len && oc_in_ranges(marks, sizeof marks / sizeof *marks, c);
}

static bool is_punctuation(struct oc_str w)
{
	const char *p = w.p, *end = w.p + w.len;

	while (p < end) {
		switch (utf8proc_category((utf8proc_int32_t)oc_utf8_next(&p, end))) {
		case UTF8PROC_CATEGORY_PC:
		case UTF8PROC_CATEGORY_PD:
		case UTF8PROC_CATEGORY_PS:
		case UTF8PROC_CATEGORY_PE:
		case UTF8PROC_CATEGORY_PI:
		case UTF8PROC_CATEGORY_PF:
		case UTF8PROC_CATEGORY_PO: break;
		default: return false;
		}
	}
	return true;
}

uint32_t oc_token_sentences(const struct oc_str *word, uint32_t from, uint32_t to)
{
	return oc_token_sentence_list(word, from, to, NULL);
}

uint32_t oc_token_sentence_list(const struct oc_str *word, uint32_t from, uint32_t to,
                                uint32_t *first)
{
	uint32_t n = from < to;
	bool ended = false;

	if (n && first)
		first[0] = from;
	for (uint32_t i = from; i < to; i++) {
		struct oc_str w = word[i];
		bool mark = !is_letter((unsigned char)*w.p) && ends_sentence(w);
		if (ended && i > from) {
			/* white space beyond one space is a token there, and begins a sentence */
			const char *gap = word[i - 1].p + word[i - 1].len;
			if (w.p - gap > 1 || (w.p > gap && *gap != ' ') ||
			    (!mark && !is_punctuation(w))) {
				if (first)
					first[n] = i;
				n++;
				ended = false;
			}
		}
		ended = ended || mark;
	}
	return n;
}
