/* interleave.h: Tijdeman's rule, see mix.h. */
#ifndef MIX_INTERLEAVE_H
#define MIX_INTERLEAVE_H

#include <stdint.h>

struct oc_turns {
	const uint64_t *want; /* (n) items of each group, sum = total */
	uint64_t *given;      /* (n) */
	uint32_t n, live;     /* live: groups with want > 0 */
	uint64_t total, at;
};

/* The arrays are the caller's; `given` is zeroed. */
void oc_turns_init(struct oc_turns *t, const uint64_t *want, uint64_t *given, uint32_t n);
/* Whose turn it is, or -1 when all are through. O(n). */
int64_t oc_turns_next(struct oc_turns *t);

#endif
