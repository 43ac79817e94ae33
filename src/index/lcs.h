/*
 * lcs.h: the length of a longest common subsequence, 64 places at a time (Hyyro, "Bit-parallel LCS-
 * length computation revisited", AWOCA 2004).
 *
 * v has a bit for each place of one text, all set at first. For each word of the other text, in
 * order, the bits of the places where the first has it are laid over v; at the end, the zeros are
 * the length. Words that the first text lacks change nothing.
 */
#ifndef INDEX_LCS_H
#define INDEX_LCS_H

#include <stdbool.h>
#include <stdint.h>

/* The first text fits one part of 64. */
static inline uint64_t oc_lcs_word(uint64_t v, uint64_t places)
{
	uint64_t both = v & places;

	return (v + both) | (v - both);
}

/* The same over part_n parts, lowest places first. */
static inline void oc_lcs_parts(uint64_t *v, const uint64_t *places, uint32_t part_n)
{
	uint64_t carry = 0;

	for (uint32_t k = 0; k < part_n; k++) {
		uint64_t old = v[k], both = old & places[k], sum;
		bool over = __builtin_add_overflow(old, both, &sum);
		over |= __builtin_add_overflow(sum, carry, &sum);
		v[k] = sum | (old - both);
		carry = over;
	}
}

/* The zeros among the first n bits. */
static inline uint32_t oc_lcs_len(const uint64_t *v, uint32_t n)
{
	uint32_t zeros = 0, k = 0;

	for (; n >= 64; n -= 64)
		zeros += (uint32_t)__builtin_popcountll(~v[k++]);
	if (n)
		zeros += (uint32_t)__builtin_popcountll(~v[k] & (((uint64_t)1 << n) - 1));
	return zeros;
}

#endif
