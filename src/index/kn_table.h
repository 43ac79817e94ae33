/* kn_table.h: the inside of a model, shared by the files of kn. */
#ifndef INDEX_KN_TABLE_H
#define INDEX_KN_TABLE_H

#include <errno.h>

#include "index/kn.h"

/*
 * A bucket is one cache line: keys, then values. Orders below the highest: 4 keys and 4 pairs
 * (log10 p, backoff); the highest: 5 keys and 5 log10 p. A full bucket goes on in the next.
 */
#define OC_KN_LINE     64
#define OC_KN_MIDDLE_N 4
#define OC_KN_LONG_N   5

struct oc_kn {
	struct oc_kn_shape shape;
	unsigned char *table[OC_KN_ORDER_MAX]; /* (bucket_n, OC_KN_LINE) */
	uint64_t bucket_n[OC_KN_ORDER_MAX];
	uint64_t filled[OC_KN_ORDER_MAX]; /* while it is built */
	bool gaps; /* some n-gram's suffix is not stored: a look-up may not end at the first miss */
	float unknown_prob, unknown_backoff;
	void *map;
	size_t len;
	int fd;            /* while it is built, else -1 */
	char *path, *temp; /* while it is built in a file */
};

__extension__ typedef unsigned __int128 oc_kn_wide;

static inline uint64_t *oc_kn_line(const struct oc_kn *kn, unsigned order, uint64_t key)
{
	uint64_t at = (uint64_t)(((oc_kn_wide)key * kn->bucket_n[order - 1]) >> 64);

	return (uint64_t *)(kn->table[order - 1] + at * OC_KN_LINE);
}

/* Is the n-gram stored? Then its values, backoff 0 for the highest order. */
static inline bool oc_kn_find(const struct oc_kn *kn, unsigned order, uint64_t key, float *prob,
                              float *backoff)
{
	bool is_long = order == kn->shape.order;
	unsigned each = is_long ? OC_KN_LONG_N : OC_KN_MIDDLE_N;

	key += key == 0;
	const uint64_t *line = oc_kn_line(kn, order, key);
	const uint64_t *end =
		(const uint64_t *)kn->table[order - 1] + kn->bucket_n[order - 1] * (OC_KN_LINE / 8);
	/* A damaged file may have no empty place: once around is enough. */
	for (uint64_t left = kn->bucket_n[order - 1]; left > 0; left--) {
		/* All places at once: where in the line a key stands cannot be foreseen. */
		unsigned at = line[1] == key;
		at = line[2] == key ? 2 : at;
		at = line[3] == key ? 3 : at;
		at = is_long && line[4] == key ? 4 : at;
		if (line[at] == key) {
			const float *value = (const float *)(line + each);
			*prob = is_long ? value[at] : value[2 * at];
			*backoff = is_long ? 0 : value[2 * at + 1];
			return true;
		}
		if (!line[each - 1]) /* places are taken from the first on */
			return false;
		line += OC_KN_LINE / 8;
		if (line == end)
			line = (const uint64_t *)kn->table[order - 1];
	}
	return false;
}

#endif
