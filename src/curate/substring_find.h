/*
 * substring_find.h: between the two halves of the search of substring: how units come together by
 * their k-gram (substring_meet.c), and what their groups show (substring_find.c).
 */
#ifndef CURATE_SUBSTRING_FIND_H
#define CURATE_SUBSTRING_FIND_H

#include "base/pool.h"
#include "curate/substring.h"

/* A unit on its way to its equals. Key: the k-gram's hash, then that of its bytes. */
struct oc_span_met {
	uint64_t hash; /* big end first */
	uint32_t bytes;
	uint64_t at; /* place of the first window */
	uint16_t n, back;
} __attribute__((packed));
#define OC_SPAN_MET_KEY 12

/* n windows from `at` on are each equal to the one `period` places before. */
struct oc_span_run {
	uint64_t at;
	uint32_t n, period;
};

/*
 * Adds every unit whose k-gram the set has and that is not the only one of it, units in order of
 * their place, to sorts[hash * sort_n / 2^64]; and the set's runs to `runs`, ascending. Units whose
 * k-gram shares a bit with another's may come alone. O(bytes of such units + units).
 */
int oc_spans_meet(const struct oc_spans *s, struct oc_pool *pool, struct oc_sort **sorts,
                  unsigned sort_n, struct oc_spill *runs, struct oc_err *err);

#endif
