/*
 * store_pending.h: what the reply store knows before its index does. Small maps by key; the caller
 * locks.
 */
#ifndef LLM_STORE_PENDING_H
#define LLM_STORE_PENDING_H

#include "llm/store_index.h"

#define INTENT_HEADS 4096

/* Entries that the index does not hold yet, by key. */
struct recent {
	struct index_entry *e;
	size_t n, cap;
	uint32_t *slot; /* 1 + position in e, 0 = free; slot_n is a power of two */
	size_t slot_n;
};

struct intent {
	struct oc_hash128 key;
	uint64_t place;
	double cost;
	uint32_t next; /* 1 + position, in the chain of its head or in the free list */
};

struct intents {
	struct intent *e;
	size_t n, cap, open;
	uint32_t free, head[INTENT_HEADS];
};

struct lost {
	struct index_unknown *e;
	size_t n, cap;
};

struct index_entry *recent_find(struct recent *m, struct oc_hash128 key);
/* A good reply replaces a failure, never the reverse. True when a good reply is new. */
bool recent_add(struct recent *m, struct index_entry e);
void recent_clear(struct recent *m);
void recent_fini(struct recent *m);

void intent_add(struct intents *t, struct oc_hash128 key, uint64_t place, double cost);
void intent_close(struct intents *t, struct oc_hash128 key); /* all of this key */
/* All open intents become unknown attempts. */
void intents_lose(struct intents *t, struct lost *l);
/* Offset, in its segment, of the earliest open intent, or `otherwise`. */
uint64_t intents_first(const struct intents *t, uint64_t otherwise);
void lost_add(struct lost *l, uint64_t place, uint64_t n, double cost);

#endif
