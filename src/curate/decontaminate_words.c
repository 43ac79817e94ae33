/* The words that decontaminate compares, by whose rules; cosmopedia's overlap. See decontaminate.h.
 */
#include <stdlib.h>
#include <utf8proc.h>

#include "base/hash.h"
#include "curate/decontaminate.h"
#include "text/simplify.h"
#include "text/tokens.h"
#include "text/utf8.h"
#include "text/view.h"

#define PRIME 0x9E3779B97F4A7C15u

void oc_leak_words_fini(struct oc_leak_words *w)
{
	free(w->hash);
	free(w->from);
	free(w->to);
	oc_buf_fini(&w->joined);
	*w = (struct oc_leak_words){0};
}

static void grow(struct oc_leak_words *w)
{
	w->cap = w->cap ? w->cap + w->cap / 2 : 1024;
	w->hash = oc_realloc(w->hash, w->cap * sizeof *w->hash);
	w->from = oc_realloc(w->from, w->cap * sizeof *w->from);
	w->to = oc_realloc(w->to, w->cap * sizeof *w->to);
}

static void add(struct oc_leak_words *w, uint64_t hash, size_t from, size_t to)
{
	if (w->n == w->cap)
		grow(w);
	w->hash[w->n] = hash;
	w->from[w->n] = (uint32_t)from;
	w->to[w->n++] = (uint32_t)to;
}

/* A word's hash, byte by byte as it is read: cheaper here than gathering the bytes first. */
static uint64_t step(uint64_t h, unsigned char c)
{
	return (h + c) * PRIME;
}

static uint64_t done(uint64_t h)
{
	h ^= h >> 29;
	h *= 0xBF58476D1CE4E5B9u;
	h ^= h >> 32;
	return h ? h : 1;
}

static uint64_t step_code(uint64_t h, uint32_t c)
{
	char bytes[4];
	size_t n = oc_utf8_put(bytes, c);

	for (size_t i = 0; i < n; i++)
		h = step(h, (unsigned char)bytes[i]);
	return h;
}

/* ASCII letters and digits in lower case, else 0. */
static const unsigned char *alnum(void)
{
#define R4(c) (c), (c) + 1, (c) + 2, (c) + 3
#define R26(c)                                                                                     \
	R4(c), R4((c) + 4), R4((c) + 8), R4((c) + 12), R4((c) + 16), R4((c) + 20), (c) + 24,       \
		(c) + 25
	static const unsigned char table[256] = {
		['0'] = R4('0'), R4('4'), '8', '9', ['A'] = R26('a'), ['a'] = R26('a')};
	return table;
}

/* ---------------------------------------------------------------------- ours */

static void own_words(struct oc_leak_words *w, struct oc_str text)
{
	const unsigned char *lower = alnum(), *p = (const unsigned char *)text.p, *begin = p,
			    *end = p + text.len, *start = NULL;
	uint64_t h = 0;

	while (p < end) {
		const unsigned char *from = p;
		unsigned char c;
		for (; p < end && (c = lower[*p]); p++)
			h = step(h, c);
		if (p > from)
			start = start ? start : from;
		if (p == end)
			break;
		from = p;
		enum oc_word_part part = OC_WORD_BREAK;
		uint32_t code = 0;
		if (*p < 0x80) {
			p++;
		} else {
			const char *q = (const char *)p;
			code = oc_utf8_next(&q, (const char *)end);
			p = (const unsigned char *)q;
			/* the one code point whose lower case is two, a letter and a mark */
			if (code == 0x130) {
				h = step(start ? h : 0, 'i');
				start = start ? start : from;
				code = 0x307;
			} else if (code != 0xFFFD) {
				code = (uint32_t)utf8proc_tolower((utf8proc_int32_t)code);
			}
			part = oc_word_part(code);
		}
		if (part == OC_WORD_PART) {
			h = step_code(start ? h : 0, code);
			start = start ? start : from;
			continue;
		}
		if (start)
			add(w, done(h), (size_t)(start - begin), (size_t)(from - begin));
		start = NULL;
		h = 0;
		if (part == OC_WORD_ALONE)
			add(w, done(step_code(0, code)), (size_t)(from - begin),
			    (size_t)(p - begin));
	}
	if (start)
		add(w, done(h), (size_t)(start - begin), text.len);
}

/* -------------------------------------------------------------------- theirs */

static void datatrove_words(struct oc_leak_words *w, struct oc_str text, struct oc_arena *a)
{
	struct oc_str simple = oc_text_simplify(a, text);
	struct oc_tokens tokens = oc_text_tokens(a, simple);

	for (uint32_t i = 0; i < tokens.n; i++) {
		struct oc_str t = tokens.word[i];
		uint64_t h = oc_hash64(t.p, t.len, 0);
		add(w, h ? h : 1, (size_t)(t.p - simple.p), (size_t)(t.p + t.len - simple.p));
	}
}

static void gpt3_words(struct oc_leak_words *w, struct oc_str text)
{
	const unsigned char *lower = alnum();
	const char *p = text.p, *end = text.p + text.len, *start = NULL;
	uint64_t h = 0;
	bool any = false;

	while (p < end) {
		const char *from = p;
		uint32_t c = (unsigned char)*p < 0x80 ? (unsigned char)*p++ : oc_utf8_next(&p, end);
		if (c < 0x80 ? oc_is_space_ascii((unsigned char)c) : oc_is_space(c)) {
			if (start)
				add(w, any ? done(h) : 0, (size_t)(start - text.p),
				    (size_t)(from - text.p));
			start = NULL;
			h = 0;
			any = false;
			continue;
		}
		start = start ? start : from;
		if (c < 0x80 && !lower[c] && c > ' ' && c < 0x7F)
			continue; /* punctuation is deleted */
		any = true;
		for (; from < p; from++)
			h = step(h, lower[(unsigned char)*from] ? lower[(unsigned char)*from]
			                                        : (unsigned char)*from);
	}
	if (start)
		add(w, any ? done(h) : 0, (size_t)(start - text.p), text.len);
}

/* Python's \w for one code point: a letter, a number or _. */
static bool is_word(uint32_t c)
{
	if (c < 0x80)
		return alnum()[c] || c == '_';
	utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
	return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) ||
	       (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

static void cosmopedia_words(struct oc_leak_words *w, struct oc_str text)
{
	const char *p = text.p, *end = text.p + text.len, *start = NULL, *from;
	uint64_t h = 0;

	while (p <= end) {
		utf8proc_int32_t code[32] = {0};
		utf8proc_ssize_t n = 1;
		int class = 0;
		from = p;
		if (p < end)
			code[0] = (utf8proc_int32_t)oc_utf8_next(&p, end);
		else
			p++; /* the end ends a word as a space does */
		if (code[0] >= 0x80)
			n = utf8proc_decompose_char(code[0], code, 32, UTF8PROC_DECOMPOSE, &class);
		for (utf8proc_ssize_t i = 0; i < n && i < 32; i++) {
			if (utf8proc_category(code[i]) == UTF8PROC_CATEGORY_MN)
				continue;
			uint32_t c = (uint32_t)utf8proc_tolower(code[i]);
			if (is_word(c)) {
				char bytes[4];
				if (!start && w->joined.len)
					oc_buf_putc(&w->joined, ' ');
				start = start ? start : from;
				h = step_code(h, c);
				oc_buf_add(&w->joined, bytes, oc_utf8_put(bytes, c));
				continue;
			}
			if (start)
				add(w, done(h), (size_t)(start - text.p), (size_t)(from - text.p));
			start = NULL;
			h = 0;
		}
	}
}

void oc_leak_words(struct oc_leak_words *w, enum oc_leak_rules rules, struct oc_str text,
                   struct oc_arena *a)
{
	w->n = 0;
	w->joined.len = 0;
	switch (rules) {
	case OC_LEAKS_OWN: own_words(w, text); break;
	case OC_LEAKS_DATATROVE: datatrove_words(w, text, a); break;
	case OC_LEAKS_GPT3: gpt3_words(w, text); break;
	case OC_LEAKS_COSMOPEDIA: cosmopedia_words(w, text); break;
	}
}

/* ------------------------------------------------------------------- overlap */

/* A block counts from this many characters on. */
#define BLOCK 6

struct overlap {
	uint32_t *a, *b;     /* code points */
	uint8_t *may;        /* (|a|) a run of BLOCK that b has, too, begins here */
	uint32_t *run;       /* (|b| + 1) */
	struct oc_buf parts; /* struct part */
};

struct part {
	uint32_t from, n;
};

struct range {
	uint32_t a, a_end, b, b_end;
};

static uint32_t *codes(struct oc_str s, uint32_t *n)
{
	uint32_t *c = oc_alloc((s.len + 1) * sizeof *c);
	const char *p = s.p, *end = s.p + s.len;

	for (*n = 0; p < end;)
		c[(*n)++] = oc_utf8_next(&p, end);
	return c;
}

static uint64_t block_hash(const uint32_t *c)
{
	uint64_t h = 0;

	for (unsigned i = 0; i < BLOCK; i++)
		h = (h + c[i]) * PRIME;
	return h >> 44;
}

/*
 * The longest common run within a range, the first in a and then in b of equals; 0 when none is
 * long enough. One that is begins where a run of BLOCK does, so only such places begin one.
 */
static struct part longest_in(struct overlap *o, struct range r, uint32_t *b_at)
{
	struct part best = {0};
	uint32_t n = r.b_end - r.b, live = 0;

	memset(o->run, 0, (n + 1) * sizeof *o->run);
	for (uint32_t i = r.a; i < r.a_end; i++) {
		if (!live && !o->may[i])
			continue;
		live = 0;
		for (uint32_t j = n; j-- > 0;) {
			uint32_t len = 0;
			if (o->a[i] == o->b[r.b + j] && (o->run[j] || o->may[i]))
				len = o->run[j] + 1;
			o->run[j + 1] = len;
			live |= len;
			if (len > best.n || (len == best.n && len && i + 1 - len == best.from)) {
				best = (struct part){i + 1 - len, len};
				*b_at = r.b + j + 1 - len;
			}
		}
	}
	return best;
}

static int by_from(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

double oc_leak_overlap(struct oc_str text, struct oc_str item)
{
	uint32_t a_n, b_n, common = 0;
	struct overlap o = {.a = codes(text, &a_n), .b = codes(item, &b_n)};
	struct oc_buf ranges = {0};
	uint64_t *bits = oc_zalloc((size_t)1 << 14, sizeof *bits);
	struct range all = {0, a_n, 0, b_n};
	bool space = true;

	o.may = oc_zalloc(a_n + 1, 1);
	o.run = oc_zalloc(b_n + 1, sizeof *o.run);
	for (uint32_t j = 0; j + BLOCK <= b_n; j++)
		bits[block_hash(o.b + j) >> 6] |= (uint64_t)1 << (block_hash(o.b + j) & 63);
	for (uint32_t i = 0; i + BLOCK <= a_n; i++)
		o.may[i] = bits[block_hash(o.a + i) >> 6] >> (block_hash(o.a + i) & 63) & 1;
	oc_buf_add(&ranges, &all, sizeof all);
	while (ranges.len) {
		struct range r;
		uint32_t b_at = 0;
		ranges.len -= sizeof r;
		memcpy(&r, ranges.p + ranges.len, sizeof r);
		struct part p = longest_in(&o, r, &b_at);
		if (p.n < BLOCK)
			continue; /* within it there is no longer one */
		oc_buf_add(&o.parts, &p, sizeof p);
		struct range before = {r.a, p.from, r.b, b_at},
			     after = {p.from + p.n, r.a_end, b_at + p.n, r.b_end};
		oc_buf_add(&ranges, &before, sizeof before);
		oc_buf_add(&ranges, &after, sizeof after);
	}
	/* joined without anything between; runs of spaces count once, at the ends not at all */
	struct part *p = (void *)o.parts.p;
	size_t n = o.parts.len / sizeof *p;
	if (n)
		qsort(p, n, sizeof *p, by_from);
	for (size_t k = 0; k < n; k++)
		for (uint32_t i = p[k].from; i < p[k].from + p[k].n; i++) {
			common += o.a[i] != ' ' || !space;
			space = o.a[i] == ' ';
		}
	common -= common && space;
	free(o.a);
	free(o.b);
	free(o.may);
	free(o.run);
	free(bits);
	oc_buf_fini(&o.parts);
	oc_buf_fini(&ranges);
	return b_n ? (double)common / b_n : 0;
}
