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

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1], v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0], v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1], v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2], v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

uint64_t oc_siphash(const uint64_t key[2], const void *p, size_t len)
{
	uint64_t v[4] = {key[0] ^ 0x736F6D6570736575u, key[1] ^ 0x646F72616E646F6Du,
	                 key[0] ^ 0x6C7967656E657261u, key[1] ^ 0x7465646279746573u};
	const unsigned char *b = p;
	uint64_t m;

	for (size_t i = 0; i <= len; i += 8) {
		bool last = len - i < 8;
		m = 0;
		if (last) {
			memcpy(&m, b + i, len - i);
			m |= (uint64_t)(len & 255) << 56;
		} else {
			memcpy(&m, b + i, 8);
		}
		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
		if (last)
			break;
	}
	v[2] ^= 0xFF;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
