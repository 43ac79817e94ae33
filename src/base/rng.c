#include "base/rng.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"

__extension__ typedef unsigned __int128 u128;

void oc_philox(const uint32_t in[4], const uint32_t key[2], uint32_t out[4])
{
	uint32_t c0 = in[0], c1 = in[1], c2 = in[2], c3 = in[3], k0 = key[0], k1 = key[1];

	for (int round = 0; round < 10; round++) {
		uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
		c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
		c1 = (uint32_t)p1;
		c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
		c3 = (uint32_t)p0;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

void oc_rng_init(struct oc_rng *rng, uint64_t seed, const char *stream)
{
	uint64_t h = oc_hash64(stream, strlen(stream), seed);
	rng->key[0] = (uint32_t)h;
	rng->key[1] = (uint32_t)(h >> 32);
}

void oc_draws_init(struct oc_draws *d, const struct oc_rng *rng, uint64_t item)
{
	*d = (struct oc_draws){.key = {rng->key[0], rng->key[1]}, .item = item};
}

uint32_t oc_draw_u32(struct oc_draws *d)
{
	if (!d->left) {
		uint32_t counter[4] = {(uint32_t)d->draw, (uint32_t)(d->draw >> 32),
		                       (uint32_t)d->item, (uint32_t)(d->item >> 32)};
		oc_philox(counter, d->key, d->block);
		d->draw++;
		d->left = 4;
	}
	return d->block[--d->left];
}

uint64_t oc_draw_u64(struct oc_draws *d)
{
	uint64_t high = oc_draw_u32(d);
	return high << 32 | oc_draw_u32(d);
}

double oc_draw_unit(struct oc_draws *d)
{
	return (double)(oc_draw_u64(d) >> 11) * 0x1p-53;
}

uint64_t oc_draw_below(struct oc_draws *d, uint64_t n)
{
	/* Lemire, "Fast random integer generation in an interval", 2019: exact by rejection. */
	u128 m = (u128)oc_draw_u64(d) * n;
	if ((uint64_t)m < n) {
		uint64_t floor = -n % n;
		while ((uint64_t)m < floor)
			m = (u128)oc_draw_u64(d) * n;
	}
	return (uint64_t)(m >> 64);
}

double oc_draw_normal(struct oc_draws *d)
{
	double u = 1.0 - oc_draw_unit(d), v = oc_draw_unit(d);
	return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
