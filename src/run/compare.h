/* compare.h: what two runs have in common, by keys and content hashes. */
#ifndef RUN_COMPARE_H
#define RUN_COMPARE_H

#include "base/hash.h"
#include "run/lookup.h"

struct oc_compare_row {
	struct oc_hash128 key, content;
	uint8_t place; /* enum oc_place: train or test */
};

struct oc_compare {
	struct oc_compare_row *rows[2]; /* (n[side]) sorted by key, then content */
	uint64_t n[2];
	uint64_t same;    /* key and content in both, counted once each */
	uint64_t only[2]; /* content is in one run only, its key too */
	uint64_t changed; /* key in both, content differs */
	uint64_t moved;   /* of `same`: train in one, test in the other */
};

enum oc_compare_result { OC_SAME, OC_ONLY, OC_CHANGED_TEXT };

/* Reads out/ of both. Memory: 40 bytes a row of both. O(n log n). */
int oc_compare_read(struct oc_compare *c, const char *dir_a, const char *dir_b, struct oc_err *err);
void oc_compare_fini(struct oc_compare *c);

/* How a row of side 0 or 1 stands to the other run. O(log n). */
enum oc_compare_result oc_compare_row(const struct oc_compare *c, int side, struct oc_str key,
                                      struct oc_str raw);

#endif
