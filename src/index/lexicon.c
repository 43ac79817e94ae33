#include "index/lexicon.h"

#include <stdlib.h>

#include "base/err.h"

void oc_lexicon_init(struct oc_lexicon *l)
{
	*l = (struct oc_lexicon){.arena = oc_arena_new(), .slot_cap = 1024};
	l->slots = oc_zalloc(l->slot_cap, sizeof *l->slots);
}

void oc_lexicon_fini(struct oc_lexicon *l)
{
	oc_arena_free(l->arena);
	free(l->words);
	free(l->slots);
}

static uint32_t *slot_of(const struct oc_lexicon *l, struct oc_str text, uint64_t hash)
{
	uint32_t mask = l->slot_cap - 1;

	for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
		uint32_t *slot = &l->slots[i];
		if (!*slot)
			return slot;
		const struct oc_lexeme *w = &l->words[*slot - 1];
		if (w->hash == hash && oc_str_eq(w->text, text))
			return slot;
	}
}

uint32_t oc_lexicon_find(const struct oc_lexicon *l, struct oc_str text, uint64_t hash)
{
	return *slot_of(l, text, hash) - 1; /* 0, free, wraps to OC_NO_WORD */
}

static void widen(struct oc_lexicon *l)
{
	free(l->slots);
	l->slot_cap *= 2;
	l->slots = oc_zalloc(l->slot_cap, sizeof *l->slots);
	for (uint32_t i = 0; i < l->n; i++)
		*slot_of(l, l->words[i].text, l->words[i].hash) = i + 1;
}

uint32_t oc_lexicon_add(struct oc_lexicon *l, struct oc_str text, uint64_t hash)
{
	uint32_t *slot = slot_of(l, text, hash);

	if (*slot)
		return *slot - 1;
	if (2 * (l->n + 1) > l->slot_cap) {
		widen(l);
		slot = slot_of(l, text, hash);
	}
	l->words = oc_grow(l->words, &l->cap, l->n + 1, sizeof *l->words);
	l->words[l->n] = (struct oc_lexeme){hash, oc_arena_str(l->arena, text)};
	*slot = l->n + 1;
	return l->n++;
}

uint64_t oc_lexicon_memory(const struct oc_lexicon *l)
{
	return l->cap * sizeof *l->words + l->slot_cap * sizeof *l->slots + oc_arena_used(l->arena);
}

uint64_t oc_lexicon_filled(const struct oc_lexicon *l)
{
	return l->n * (sizeof *l->words + 2 * sizeof *l->slots) + oc_arena_used(l->arena);
}
