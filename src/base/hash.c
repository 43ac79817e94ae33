#include "base/hash.h"

#include <stdio.h>
#include <xxhash.h>

#include "base/arena.h"

uint64_t oc_hash64(const void *p, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, len, seed);
}

uint64_t oc_xxh64(const void *p, size_t len)
{
	return XXH64(p, len, 0);
}

struct oc_hash128 oc_hash128(const void *p, size_t len)
{
	XXH128_hash_t h = XXH3_128bits(p, len);
	return (struct oc_hash128){h.low64, h.high64};
}

void oc_hash128_hex(struct oc_hash128 h, char out[33])
{
	snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.hi, (unsigned long long)h.lo);
}

bool oc_hash128_parse(struct oc_str hex, struct oc_hash128 *h)
{
	uint64_t part[2] = {0, 0};

	if (hex.len != 32)
		return false;
	for (size_t i = 0; i < 32; i++) {
		char c = hex.p[i];
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
		                 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
		                                        : 16;
		if (digit > 15)
			return false;
		part[i / 16] = part[i / 16] << 4 | digit;
	}
	h->hi = part[0];
	h->lo = part[1];
	return true;
}

struct oc_hasher *oc_hasher_new(void)
{
	XXH3_state_t *s = XXH3_createState();
	if (!s)
		oc_oom(sizeof(void *));
	XXH3_128bits_reset(s);
	return (struct oc_hasher *)s;
}

void oc_hasher_add(struct oc_hasher *h, const void *p, size_t len)
{
	XXH3_128bits_update((XXH3_state_t *)h, p, len);
}

struct oc_hash128 oc_hasher_get(const struct oc_hasher *h)
{
	XXH128_hash_t v = XXH3_128bits_digest((const XXH3_state_t *)h);
	return (struct oc_hash128){v.low64, v.high64};
}

void oc_hasher_free(struct oc_hasher *h)
{
	XXH3_freeState((XXH3_state_t *)h);
}
