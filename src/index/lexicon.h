/*
 * lexicon.h: distinct words and their numbers, given out from 0 in the order in which they came.
 */
#ifndef INDEX_LEXICON_H
#define INDEX_LEXICON_H

#include "base/str.h"

#define OC_NO_WORD UINT32_MAX

struct oc_lexicon {
	struct oc_arena *arena;
	struct oc_lexeme {
		uint64_t hash;
		struct oc_str text; /* in the arena: equal hashes are told apart by their bytes */
	} * words;                  /* (n) */
	uint32_t n, cap;
	uint32_t *slots; /* open addressing: 1 + number, 0 = free */
	uint32_t slot_cap;
};

void oc_lexicon_init(struct oc_lexicon *l);
void oc_lexicon_fini(struct oc_lexicon *l);

/* The word's number, or OC_NO_WORD. `hash` is always the same function of the bytes. O(length). */
uint32_t oc_lexicon_find(const struct oc_lexicon *l, struct oc_str text, uint64_t hash);
/* The same; a new word is copied and gets the number n. */
uint32_t oc_lexicon_add(struct oc_lexicon *l, struct oc_str text, uint64_t hash);

uint64_t oc_lexicon_memory(const struct oc_lexicon *l); /* bytes held */
uint64_t oc_lexicon_filled(const struct oc_lexicon *l); /* of them in use, slots at half */

#endif
