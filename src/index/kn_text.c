/* kn_text.c: a text as sentences of word keys. */
#include "index/kn.h"
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
		else
			cut_line(&c, p, stop);
		end_line(&c);
		p = stop + (nl != NULL);
	}
}
