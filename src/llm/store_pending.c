#include "llm/store_pending.h"

#include <stdlib.h>

struct index_entry *recent_find(struct recent *m, struct oc_hash128 key)
{
	for (size_t i = key.lo & (m->slot_n - 1); m->slot_n && m->slot[i];
	     i = (i + 1) & (m->slot_n - 1)) {
		struct index_entry *e = &m->e[m->slot[i] - 1];
		if (e->key.lo == key.lo && e->key.hi == key.hi)
			return e;
	}
	return NULL;
}

static void recent_place(struct recent *m, uint32_t position)
{
	size_t i = m->e[position].key.lo & (m->slot_n - 1);

	while (m->slot[i])
		i = (i + 1) & (m->slot_n - 1);
	m->slot[i] = position + 1;
}

bool recent_add(struct recent *m, struct index_entry e)
{
	struct index_entry *old = recent_find(m, e.key);
	bool is_new = !e.failed && (!old || old->failed);

	if (old) {
		if (old->failed)
			*old = e;
		return is_new;
	}
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 256;
		m->e = oc_realloc(m->e, m->cap * sizeof *m->e);
		m->slot_n = m->cap * 2;
		free(m->slot);
		m->slot = oc_zalloc(m->slot_n, sizeof *m->slot);
		for (size_t i = 0; i < m->n; i++)
			recent_place(m, (uint32_t)i);
	}
	m->e[m->n] = e;
	recent_place(m, (uint32_t)m->n++);
	return is_new;
}

void recent_clear(struct recent *m)
{
	m->n = 0;
	if (m->slot_n)
		memset(m->slot, 0, m->slot_n * sizeof *m->slot);
}

void recent_fini(struct recent *m)
{
	free(m->e);
	free(m->slot);
}

void intent_add(struct intents *t, struct oc_hash128 key, uint64_t place, double cost)
{
	uint32_t *head = &t->head[key.lo % INTENT_HEADS], at = t->free;

	if (at) {
		t->free = t->e[at - 1].next;
	} else {
		if (t->n == t->cap) {
			t->cap = t->cap ? t->cap * 2 : 256;
			t->e = oc_realloc(t->e, t->cap * sizeof *t->e);
		}
		at = (uint32_t)++t->n;
	}
	t->e[at - 1] = (struct intent){key, place, cost, *head};
	*head = at;
	t->open++;
}

void intent_close(struct intents *t, struct oc_hash128 key)
{
	uint32_t *link = &t->head[key.lo % INTENT_HEADS];

	while (*link) {
		struct intent *e = &t->e[*link - 1];
		if (e->key.lo == key.lo && e->key.hi == key.hi) {
			uint32_t at = *link;
			*link = e->next;
			e->next = t->free;
			t->free = at;
			t->open--;
		} else {
			link = &e->next;
		}
	}
}

void lost_add(struct lost *l, uint64_t place, uint64_t n, double cost)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->e = oc_realloc(l->e, l->cap * sizeof *l->e);
	}
	l->e[l->n++] = (struct index_unknown){place, n, cost};
}

void intents_lose(struct intents *t, struct lost *l)
{
	for (size_t h = 0; h < INTENT_HEADS; h++) {
		for (uint32_t at = t->head[h]; at; at = t->e[at - 1].next)
			lost_add(l, t->e[at - 1].place, 1, t->e[at - 1].cost);
		t->head[h] = 0;
	}
	t->n = t->open = t->free = 0;
}

uint64_t intents_first(const struct intents *t, uint64_t otherwise)
{
	uint64_t first = otherwise;

	for (size_t h = 0; t->open && h < INTENT_HEADS; h++)
		for (uint32_t at = t->head[h]; at; at = t->e[at - 1].next)
			if ((t->e[at - 1].place & UINT32_MAX) < first)
				first = t->e[at - 1].place & UINT32_MAX;
	return first;
}
