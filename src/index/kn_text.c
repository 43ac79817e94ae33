/* kn_text.c: a text as sentences of word keys. */
#include <utf8proc.h>

#include "index/kn.h"
#include "text/utf8.h"
#include "text/view.h"

/* What KenLM cuts a line's words at. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\0';
}

/* Words that mean something else in a model. */
static bool is_special(struct oc_str w)
{
	return w.len >= 3 && w.p[0] == '<' &&
	       (oc_str_is(w, OC_KN_BOS) || oc_str_is(w, OC_KN_EOS) || oc_str_is(w, OC_KN_UNK));
}

struct cut {
	struct oc_arena *a;
	struct oc_kn_text *out;
	uint64_t cap, sentence_cap;
	bool with_words, open; /* open: the line has a word */
};

static void add(struct cut *c, struct oc_str word, uint64_t key)
{
	struct oc_kn_text *t = c->out;

	if (t->n == c->cap) {
		uint64_t cap = c->cap ? 2 * c->cap : 256;
		t->key = oc_arena_resize(c->a, t->key, c->cap * sizeof *t->key,
		                         cap * sizeof *t->key);
		if (c->with_words)
			t->word = oc_arena_resize(c->a, t->word, c->cap * sizeof *t->word,
			                          cap * sizeof *t->word);
		c->cap = cap;
	}
	if (c->with_words)
		t->word[t->n] = word;
	t->key[t->n++] = key;
}

static void add_word(struct cut *c, struct oc_str word, uint64_t key)
{
	struct oc_kn_text *t = c->out;

	if (!c->open) {
		if (t->sentence_n + 1 >= c->sentence_cap) {
			uint64_t cap = c->sentence_cap ? 2 * c->sentence_cap : 16;
			t->sentence = oc_arena_resize(c->a, t->sentence,
			                              c->sentence_cap * sizeof *t->sentence,
			                              cap * sizeof *t->sentence);
			c->sentence_cap = cap;
		}
		t->sentence[t->sentence_n++] = t->n;
		add(c, OC_LIT(OC_KN_BOS), oc_kn_word(OC_LIT(OC_KN_BOS)));
		c->open = true;
	}
	add(c, word, key);
}

static void end_line(struct cut *c)
{
	if (!c->open)
		return;
	add(c, OC_LIT(OC_KN_EOS), oc_kn_word(OC_LIT(OC_KN_EOS)));
	c->out->sentence[c->out->sentence_n] = c->out->n;
	c->open = false;
}

static void cut_line(struct cut *c, const char *p, const char *end)
{
	while (p < end) {
		while (p < end && is_blank(*p))
			p++;
		const char *start = p;
		while (p < end && !is_blank(*p))
			p++;
		struct oc_str w = {start, (size_t)(p - start)};
		if (w.len && !is_special(w))
			add_word(c, w, oc_kn_word(w));
	}
}

/* ---------------------------------------------------------------- cc_net's lines */

/* What ASCII stands for a mark; NULL: it stays. */
static const char *ascii_mark(uint32_t c)
{
	static const struct {
		uint32_t mark;
		const char *ascii;
	} marks[] = {
		{0x00AB, "\""}, {0x00B4, "'"},  {0x00BB, "\""}, {0x2013, "-"},  {0x2014, " - "},
		{0x2019, "'"},  {0x201C, "\""}, {0x201D, "\""}, {0x201E, "\""}, {0x2026, "..."},
		{0x2236, ":"},  {0x2501, "-"},  {0x25BA, "-"},  {0x3001, ","},  {0x3002, "."},
		{0x3008, "<"},  {0x3009, ">"},  {0x300A, "\""}, {0x300B, "\""}, {0x300C, "\""},
		{0x300D, "\""}, {0x3010, "["},  {0x3011, "]"},  {0xFF01, "!"},  {0xFF05, "%"},
		{0xFF08, "("},  {0xFF09, ")"},  {0xFF0C, ","},  {0xFF0E, ". "}, {0xFF1A, ":"},
		{0xFF1B, ";"},  {0xFF1F, "?"},  {0xFF5E, "~"},
	};

	for (size_t i = 0; c >= 0xA0 && i < sizeof marks / sizeof *marks; i++)
		if (marks[i].mark == c)
			return marks[i].ascii;
	return NULL;
}

struct oc_str oc_kn_ccnet(struct oc_arena *a, struct oc_str line)
{
	const utf8proc_option_t how = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE;
	struct oc_str lower = oc_text_lower(a, line);
	const uint8_t *bytes = (const uint8_t *)lower.p;
	utf8proc_ssize_t n = utf8proc_decompose(bytes, (utf8proc_ssize_t)lower.len, NULL, 0, how);
	utf8proc_ssize_t from = 0;
	size_t len = 0;

	if (n < 0)
		return lower;
	utf8proc_int32_t *code = oc_arena_alloc(a, ((size_t)n + 1) * sizeof *code);
	n = utf8proc_decompose(bytes, (utf8proc_ssize_t)lower.len, code, n, how);
	while (n > from && oc_is_space((uint32_t)code[n - 1]))
		n--;
	while (n > from && oc_is_space((uint32_t)code[from]))
		from++;
	char *out = oc_arena_alloc(a, 4 * (size_t)(n - from) + 1);
	for (utf8proc_ssize_t i = from; i < n; i++) {
		uint32_t c = (uint32_t)code[i];
		if (c < 0x20 || (c >= 0x7F && c < 0xA0))
			continue;
		utf8proc_category_t kind =
			c < 0x80 ? UTF8PROC_CATEGORY_CN : utf8proc_category(code[i]);
		const char *mark = ascii_mark(c);
		if (kind == UTF8PROC_CATEGORY_MN)
			continue;
		if (kind == UTF8PROC_CATEGORY_ND || c - '0' < 10)
			out[len++] = '0';
		else if (mark)
			for (; *mark; mark++)
				out[len++] = *mark;
		else
			len += oc_utf8_put(out + len, c);
	}
	return (struct oc_str){out, len};
}

static void fold_line(struct cut *c, const char *p, const char *end)
{
	struct oc_str lower = oc_text_lower(c->a, (struct oc_str){p, (size_t)(end - p)});
	struct oc_words words = oc_text_fold(c->a, lower);

	for (uint32_t i = 0; i < words.n; i++)
		add_word(c, words.word[i], oc_kn_word(words.word[i]));
}

void oc_kn_cut(struct oc_arena *a, struct oc_str text, enum oc_kn_words words, bool with_words,
               struct oc_kn_text *out)
{
	struct cut c = {.a = a, .out = out, .with_words = with_words};
	const char *p = text.p, *end = text.p + text.len;

	*out = (struct oc_kn_text){0};
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		if (words == OC_KN_FOLD)
			fold_line(&c, p, stop);
		else if (words == OC_KN_WHITESPACE)
			cut_line(&c, p, stop);
		else {
			struct oc_str line = oc_kn_ccnet(a, (struct oc_str){p, (size_t)(stop - p)});
			cut_line(&c, line.p, line.p + line.len);
		}
		end_line(&c);
		p = stop + (nl != NULL);
	}
}
