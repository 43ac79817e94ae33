/*
 * rng.h: Philox4x32-10 in named streams (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). No hidden state: key = hash(seed, stream name), counter = (item, draw), so
 * item i draws the same numbers whatever ran before it and on whichever thread.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct oc_rng {
	uint32_t key[2];
};

/* A position in a stream: consecutive draws for one item. */
struct oc_draws {
	uint32_t key[2];
	uint64_t item, draw; /* next block to make */
	uint32_t block[4];
	unsigned left;
};

/* The bare bijection: ten rounds of counter `in` under `key`. */
void oc_philox(const uint32_t in[4], const uint32_t key[2], uint32_t out[4]);

void oc_rng_init(struct oc_rng *rng, uint64_t seed, const char *stream);
void oc_draws_init(struct oc_draws *d, const struct oc_rng *rng, uint64_t item);

uint32_t oc_draw_u32(struct oc_draws *d);
uint64_t oc_draw_u64(struct oc_draws *d);
double oc_draw_unit(struct oc_draws *d);                /* [0, 1), 53 bits */
uint64_t oc_draw_below(struct oc_draws *d, uint64_t n); /* uniform on 0..n-1, n > 0, exact */
double oc_draw_normal(struct oc_draws *d);              /* standard normal, Box-Muller */

#endif
