/*
 * closest.h: for some texts, the most similar one of very many that pass by once.
 *
 * The few are kept, the many are not: every text of the many is compared with those of the few
 * whose best so far it can beat, by ROUGE-L as rouge.h has it. The answers are the same as
 * comparing all with all: the largest F in doubles, the earliest among equals.
 *
 *   - F grows with the longest common subsequence L, which is at most the number of words in
 *     common. Those are counted for all of the few: the 64 words that are commonest among the many
 *     as a bit each, the others by an inverted index over the few. A pair whose bound is not above
 *     the best so far is done;
 *   - what remains gets a bit-parallel LCS, 64 words a word (Hyyro 2004).
 *
 * Memory: about 60 bytes a word of the few; none for the many. Time: bench/bench_nearest.c.
 */
#ifndef INDEX_CLOSEST_H
#define INDEX_CLOSEST_H

#include "text/view.h"

struct oc_closest;

struct oc_closest_best {
	double f;        /* -1: no text has passed by */
	uint64_t number; /* of the text, as given to oc_closest_look */
};

struct oc_closest *oc_closest_new(void);
void oc_closest_free(struct oc_closest *c);

/* One of the few, numbered from 0; all before the first look. Words are copied. */
uint32_t oc_closest_add(struct oc_closest *c, const struct oc_words *words);

/*
 * One of the many. Returns how many of the few it is the best for now; `improved` (valid until the
 * next look) names them. Numbers must ascend.
 */
uint32_t oc_closest_look(struct oc_closest *c, const struct oc_words *words, uint64_t number,
                         const uint32_t **improved);

struct oc_closest_best oc_closest_best(const struct oc_closest *c, uint32_t i);
uint64_t oc_closest_lcs_runs(const struct oc_closest *c); /* pairs that were really compared */

#endif
