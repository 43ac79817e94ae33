/* hash.h: the hashes of the house. XXH3 (xxHash), same bits on every machine. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include "base/str.h"

struct oc_hash128 {
	uint64_t lo, hi;
};

uint64_t oc_hash64(const void *p, size_t len, uint64_t seed);
/* XXH64 (the older function) with seed 0: where others' hashes must be met. */
uint64_t oc_xxh64(const void *p, size_t len);
struct oc_hash128 oc_hash128(const void *p, size_t len);
void oc_hash128_hex(struct oc_hash128 h, char out[33]); /* 32 digits and a NUL, big end first */
bool oc_hash128_parse(struct oc_str hex, struct oc_hash128 *h); /* and back; false: not 32 digits */

/* Hashing while reading: XXH3-128 of a stream. */
struct oc_hasher;
struct oc_hasher *oc_hasher_new(void);
void oc_hasher_add(struct oc_hasher *h, const void *p, size_t len);
struct oc_hash128 oc_hasher_get(const struct oc_hasher *h);
void oc_hasher_free(struct oc_hasher *h);

/* SipHash-2-4 (Aumasson and Bernstein, Indocrypt 2012): who has no key learns nothing from it. For
 * masks; everything else takes the faster ones above. */
uint64_t oc_siphash(const uint64_t key[2], const void *p, size_t len);

#endif
