#include "loop/words.h"

#include <stdlib.h>

#include "base/hash.h"

#define LONGEST 256 /* bytes of a word that are told apart */

static bool is_letter(unsigned char c)
{
	return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

bool oc_word_next(struct oc_str *text, struct oc_str *token)
{
	const char *p = text->p, *end = text->p + text->len, *from;

	while (p < end && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
		p++;
	if (p == end)
		return false;
	from = p;
	if (!is_letter((unsigned char)*p)) {
		p++;
	} else {
		while (p < end &&
		       (is_letter((unsigned char)*p) || ((*p == '\'' || *p == '-') && p + 1 < end &&
		                                         is_letter((unsigned char)p[1]))))
			p++;
	}
	*token = (struct oc_str){from, (size_t)(p - from)};
	*text = (struct oc_str){p, (size_t)(end - p)};
	return true;
}

static struct oc_str lower(struct oc_str token, char out[LONGEST])
{
	size_t n = token.len < LONGEST ? token.len : LONGEST;

	for (size_t i = 0; i < n; i++)
		out[i] = token.p[i] >= 'A' && token.p[i] <= 'Z' ? (char)(token.p[i] + 32)
		                                                : token.p[i];
	return (struct oc_str){out, n};
}

/* Where the word is, or the empty place where it would be. */
static uint32_t place_of(const struct oc_vocab *v, struct oc_str word)
{
	uint32_t at = (uint32_t)oc_hash64(word.p, word.len, 0) & (v->room - 1);

	while (v->table[at] && !oc_str_eq(v->word[v->table[at] - 1], word))
		at = (at + 1) & (v->room - 1);
	return at;
}

static void grow(struct oc_vocab *v)
{
	if (!v->arena)
		v->arena = oc_arena_new();
	v->cap = v->cap ? 2 * v->cap : 1024;
	v->room = 2 * v->cap;
	v->word = oc_realloc(v->word, v->cap * sizeof *v->word);
	v->counted = oc_realloc(v->counted, v->cap * sizeof *v->counted);
	free(v->table);
	v->table = oc_zalloc(v->room, sizeof *v->table);
	for (uint32_t i = 0; i < v->n; i++)
		v->table[place_of(v, v->word[i])] = i + 1;
}

uint32_t oc_vocab_id(struct oc_vocab *v, struct oc_str token)
{
	char buf[LONGEST];
	struct oc_str word = lower(token, buf);

	if (v->n == v->cap)
		grow(v);
	uint32_t at = place_of(v, word);
	if (!v->table[at]) {
		v->word[v->n] = oc_arena_str(v->arena, word);
		v->counted[v->n] = word.len && is_letter((unsigned char)word.p[0]);
		v->table[at] = ++v->n;
	}
	return v->table[at] - 1;
}

uint32_t oc_vocab_find(const struct oc_vocab *v, struct oc_str token)
{
	char buf[LONGEST];

	return v->n ? v->table[place_of(v, lower(token, buf))] - 1 : UINT32_MAX;
}

void oc_vocab_fini(struct oc_vocab *v)
{
	if (v->arena)
		oc_arena_free(v->arena);
	free(v->word);
	free(v->counted);
	free(v->table);
	*v = (struct oc_vocab){0};
}

void oc_words_join(struct oc_buf *b, const struct oc_vocab *v, const uint32_t *ids, size_t n)
{
	bool glue = true;

	for (size_t i = 0; i < n; i++) {
		struct oc_str w = v->word[ids[i]];
		char c = w.len == 1 ? w.p[0] : 'x';
		if (!glue && !strchr(".,;:!?)]}%", c))
			oc_buf_putc(b, ' ');
		oc_buf_str(b, w);
		glue = strchr("([{$", c) != NULL;
	}
}
