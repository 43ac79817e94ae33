#include "run/labels.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

struct oc_labels {
	uint64_t *slot; /* (cap) hashes, 0 = free */
	size_t n, cap;
	uint64_t twice;
	char first[160]; /* the first label that came again, and where */
};

struct oc_labels *oc_labels_new(void)
{
	return oc_zalloc(1, sizeof(struct oc_labels));
}

void oc_labels_free(struct oc_labels *l)
{
	if (!l)
		return;
	free(l->slot);
	free(l);
}

static uint64_t *slot_of(struct oc_labels *l, uint64_t hash)
{
	size_t at = hash & (l->cap - 1);

	while (l->slot[at] && l->slot[at] != hash)
		at = (at + 1) & (l->cap - 1);
	return &l->slot[at];
}

static void grow(struct oc_labels *l)
{
	uint64_t *old = l->slot;
	size_t n = l->cap;

	l->cap = n ? 2 * n : 1024;
	l->slot = oc_zalloc(l->cap, sizeof *l->slot);
	for (size_t i = 0; i < n; i++)
		if (old[i])
			*slot_of(l, old[i]) = old[i];
	free(old);
}

void oc_labels_see(struct oc_labels *l, const struct oc_row *row)
{
	const struct oc_pedigree *p = &row->ped;

	if (!p->id.len)
		return;
	/* A label need only be unique within its source. */
	uint64_t hash = oc_hash64(p->id.p, p->id.len, p->source) | 1;
	if (2 * (l->n + 1) > l->cap && l->n < OC_LABELS_MAX)
		grow(l);
	uint64_t *slot = slot_of(l, hash);
	if (*slot == hash) {
		if (l->twice++ == 0)
			snprintf(l->first, sizeof l->first, "`%.*s` again in row %.*s",
			         p->id.len < 60 ? (int)p->id.len : 60, p->id.p, OC_ARG(p->key));
	} else if (l->n < OC_LABELS_MAX) {
		*slot = hash;
		l->n++;
	}
}

void oc_labels_say(const struct oc_labels *l, struct oc_ctx *ctx)
{
	if (l->twice)
		oc_log(ctx, OC_LOG_WARN,
		       "ids came again %llu times, first %s: they are labels, rows are told apart "
		       "by "
		       "their number; for distinct ids change the source or its `id:`",
		       (unsigned long long)l->twice, l->first);
}
