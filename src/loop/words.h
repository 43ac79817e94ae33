/* words.h: texts to token ids and back, as loop.h defines words. */
#ifndef LOOP_WORDS_H
#define LOOP_WORDS_H

#include "base/str.h"

/* Words in the order of their first use: id i is word[i]. Zero-initialise. */
struct oc_vocab {
	struct oc_arena *arena;
	struct oc_str *word; /* (n) */
	bool *counted;       /* (n) a word, not a lone character */
	uint32_t n, cap;
	uint32_t *table, room; /* open addressing, id + 1; room is a power of two */
};

/* Cuts the next token off *text into *token (a slice). False at the end. */
bool oc_word_next(struct oc_str *text, struct oc_str *token);

/* Id of a token; adds it when it is new. O(1). */
uint32_t oc_vocab_id(struct oc_vocab *v, struct oc_str token);
/* Id of a token that is there, or UINT32_MAX. */
uint32_t oc_vocab_find(const struct oc_vocab *v, struct oc_str token);
void oc_vocab_fini(struct oc_vocab *v);

/* Tokens as a line: no space before a closing mark or after an opening one. */
void oc_words_join(struct oc_buf *b, const struct oc_vocab *v, const uint32_t *ids, size_t n);

#endif
