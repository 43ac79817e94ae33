#include "index/minhash.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "base/arena.h"
#include "base/hash.h"
#include "base/rng.h"

#define LANES 8 /* permutations computed together */

struct oc_minhash {
	uint32_t bands, rows, perm_n;
	uint32_t padded; /* perm_n rounded up to LANES */
	uint64_t *a, *b; /* (padded) */
	bool avx2;
};

struct oc_minhash *oc_minhash_new(uint32_t bands, uint32_t rows)
{
	struct oc_minhash *mh = oc_zalloc(1, sizeof *mh);
	struct oc_rng rng;

	assert(bands && rows && (uint64_t)bands * rows <= 4096);
	mh->bands = bands;
	mh->rows = rows;
	mh->perm_n = bands * rows;
	mh->padded = (mh->perm_n + LANES - 1) / LANES * LANES;
	mh->a = oc_zalloc(mh->padded, sizeof *mh->a);
	mh->b = oc_zalloc(mh->padded, sizeof *mh->b);
	/* not the run's seed: the same rows are near duplicates in every run */
	oc_rng_init(&rng, 0, "minhash");
	for (uint32_t i = 0; i < mh->padded; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		mh->a[i] = oc_draw_u64(&d) | 1;
		mh->b[i] = oc_draw_u64(&d);
	}
#ifdef __x86_64__
	mh->avx2 = __builtin_cpu_supports("avx2");
#endif
	return mh;
}

void oc_minhash_free(struct oc_minhash *mh)
{
	if (!mh)
		return;
	free(mh->a);
	free(mh->b);
	free(mh);
}

void oc_minhash_plain(struct oc_minhash *mh)
{
	mh->avx2 = false;
}

/* ---------------------------------------------------------------- shingles */

/* Spreads a sum over all bits (the finaliser of MurmurHash3). */
static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xFF51AFD7ED558CCDu;
	h ^= h >> 33;
	h *= 0xC4CEB9FE1A85EC53u;
	return h ^ h >> 33;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Hashes are uniform, so one scatter by leading bits leaves every value near its place. */
static void sort_hashes(uint64_t *v, uint32_t n, uint64_t *room)
{
	enum { BITS = 10 };
	uint32_t at[(1 << BITS) + 1] = {0};
	unsigned bits = 1;

	if (n > 1 << (BITS + 6)) {
		qsort(v, n, sizeof *v, by_value);
		return;
	}
	if (n > 24) {
		while (bits < BITS && 1u << bits < n)
			bits++;
		for (uint32_t i = 0; i < n; i++)
			at[(v[i] >> (64 - bits)) + 1]++;
		for (uint32_t i = 1; i < 1u << bits; i++)
			at[i] += at[i - 1];
		for (uint32_t i = 0; i < n; i++)
			room[at[v[i] >> (64 - bits)]++] = v[i];
		memcpy(v, room, n * sizeof *v);
	}
	for (uint32_t i = 1; i < n; i++) {
		uint64_t x = v[i];
		uint32_t k = i;
		for (; k && v[k - 1] > x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

uint32_t oc_shingles(const uint64_t *word_hash, uint32_t n, uint32_t ngram, uint64_t *out,
                     uint64_t *room)
{
	uint32_t width = n < ngram ? n : ngram, shingle_n, distinct = 0;

	if (!n)
		return 0;
	shingle_n = n - width + 1;
	for (uint32_t i = 0; i < shingle_n; i++) {
		uint64_t sum = width;
		for (uint32_t k = 0; k < width; k++)
			sum = sum * 0x9E3779B97F4A7C15u + word_hash[i + k];
		out[i] = mix(sum);
	}
	sort_hashes(out, shingle_n, room);
	for (uint32_t i = 0; i < shingle_n; i++)
		if (!i || out[i] != out[distinct - 1])
			out[distinct++] = out[i];
	return distinct;
}

/* --------------------------------------------------------------- signature */

static void sign_plain(const struct oc_minhash *mh, const uint64_t *shingles, uint32_t n,
                       uint32_t *signature)
{
	for (uint32_t p = 0; p < mh->perm_n; p++)
		signature[p] = UINT32_MAX;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t x = shingles[i] >> 32;
		for (uint32_t p = 0; p < mh->perm_n; p++) {
			uint32_t h = (uint32_t)((mh->a[p] * x + mh->b[p]) >> 32);
			if (h < signature[p])
				signature[p] = h;
		}
	}
}

#ifdef __x86_64__
/*
 * Eight permutations at a time; even ones lie in the low halves of the 64-bit lanes, odd ones in
 * the high halves. With a = ah 2^32 + al: (a x + b) >> 32 = ((al x + b) >> 32) + ah x mod 2^32.
 */
__attribute__((target("avx2"))) static void
sign_avx2(const struct oc_minhash *mh, const uint64_t *shingles, uint32_t n, uint32_t *signature)
{
	for (uint32_t p = 0; p < mh->padded; p += LANES) {
		__m256i first = _mm256_loadu_si256((const void *)(mh->a + p)),
			second = _mm256_loadu_si256((const void *)(mh->a + p + 4));
		__m256i b_first = _mm256_loadu_si256((const void *)(mh->b + p)),
			b_second = _mm256_loadu_si256((const void *)(mh->b + p + 4));
		/* lane k of `first` is permutation p + k: put it into the low half, p + 4 + k into
		 * the high half */
		__m256i high = _mm256_blend_epi32(_mm256_srli_epi64(first, 32), second, 0xAA);
		__m256i least = _mm256_set1_epi32(-1);
		uint32_t lanes[LANES];
		for (uint32_t i = 0; i < n; i++) {
			__m256i x = _mm256_set1_epi32((int)(shingles[i] >> 32));
			__m256i low_a = _mm256_add_epi64(_mm256_mul_epu32(first, x), b_first);
			__m256i low_b = _mm256_add_epi64(_mm256_mul_epu32(second, x), b_second);
			__m256i top = _mm256_blend_epi32(_mm256_srli_epi64(low_a, 32), low_b, 0xAA);
			top = _mm256_add_epi32(top, _mm256_mullo_epi32(high, x));
			least = _mm256_min_epu32(least, top);
		}
		_mm256_storeu_si256((void *)lanes, least);
		for (uint32_t k = 0; k < LANES; k++) {
			uint32_t perm = p + k / 2 + (k % 2 ? 4 : 0);
			if (perm < mh->perm_n)
				signature[perm] = lanes[k];
		}
	}
}
#endif

void oc_minhash_sign(const struct oc_minhash *mh, const uint64_t *shingles, uint32_t n,
                     uint32_t *signature)
{
#ifdef __x86_64__
	if (mh->avx2) {
		sign_avx2(mh, shingles, n, signature);
		return;
	}
#endif
	sign_plain(mh, shingles, n, signature);
}

void oc_minhash_bands(const struct oc_minhash *mh, const uint32_t *signature, uint64_t *band)
{
	/* the band's number is the seed: what agrees in different bands must not meet */
	for (uint32_t i = 0; i < mh->bands; i++)
		band[i] = oc_hash64(signature + (size_t)i * mh->rows, mh->rows * sizeof *signature,
		                    i + 1);
}

/* ----------------------------------------------------------------- Jaccard */

double oc_jaccard(const uint64_t *a, uint32_t na, const uint64_t *b, uint32_t nb, double threshold)
{
	uint64_t total = (uint64_t)na + nb;
	uint32_t i = 0, k = 0, both = 0;
	double least, j;

	if (!total)
		return -1;
	/* J >= t needs |A and B| >= t (na + nb) / (1 + t); one less, for the rounding */
	least = threshold * (double)total / (1 + threshold) - 1;
	if ((double)(na < nb ? na : nb) < least)
		return -1;
	while (i < na && k < nb) {
		/* every 64 steps: can it still be reached? */
		if (!((i + k) & 63) && both + (double)(na - i < nb - k ? na - i : nb - k) < least)
			return -1;
		uint64_t x = a[i], y = b[k];
		both += x == y;
		i += x <= y;
		k += y <= x;
	}
	j = (double)both / (double)(total - both);
	return j >= threshold ? j : -1;
}

double oc_minhash_chance(double jaccard, uint32_t bands, uint32_t rows)
{
	return 1 - pow(1 - pow(jaccard, rows), bands);
}
