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

#define LANES 16 /* permutations are padded to this: what the widest kernel computes together */

struct oc_minhash {
	uint32_t bands, rows, perm_n;
	uint32_t padded; /* perm_n rounded up to LANES */
	uint64_t *a, *b; /* (padded) */
	enum oc_minhash_kernel kernel;
};

static bool has(enum oc_minhash_kernel kernel)
{
#ifdef __x86_64__
	if (kernel == OC_MINHASH_AVX2)
		return __builtin_cpu_supports("avx2");
	if (kernel == OC_MINHASH_AVX512)
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#endif
	return kernel == OC_MINHASH_PLAIN;
}

bool oc_minhash_use(struct oc_minhash *mh, enum oc_minhash_kernel kernel)
{
	if (!has(kernel))
		return false;
	mh->kernel = kernel;
	return true;
}

static struct oc_minhash *minhash_new(uint32_t bands, uint32_t rows)
{
	struct oc_minhash *mh = oc_zalloc(1, sizeof *mh);

	assert(bands && rows && (uint64_t)bands * rows <= 4096);
	mh->bands = bands;
	mh->rows = rows;
	mh->perm_n = bands * rows;
	mh->padded = (mh->perm_n + LANES - 1) / LANES * LANES;
	mh->a = oc_zalloc(mh->padded, sizeof *mh->a);
	mh->b = oc_zalloc(mh->padded, sizeof *mh->b);
	return mh;
}

struct oc_minhash *oc_minhash_new(uint32_t bands, uint32_t rows)
{
	struct oc_minhash *mh = minhash_new(bands, rows);
	struct oc_rng rng;

	/* not the run's seed: the same rows are near duplicates in every run */
	oc_rng_init(&rng, 0, "minhash");
	for (uint32_t i = 0; i < mh->padded; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		mh->a[i] = oc_draw_u64(&d) | 1;
		mh->b[i] = oc_draw_u64(&d);
	}
	if (!oc_minhash_use(mh, OC_MINHASH_AVX512) && !oc_minhash_use(mh, OC_MINHASH_AVX2))
		mh->kernel = OC_MINHASH_PLAIN;
	return mh;
}

#define PRIME ((UINT64_C(1) << 61) - 1)

/* MT19937, as numpy's RandomState(seed) steps it (Matsumoto and Nishimura, 1998). */
struct twister {
	uint32_t state[624];
	unsigned at;
};

static void twister_init(struct twister *t, uint32_t seed)
{
	for (unsigned i = 0; i < 624; i++) {
		t->state[i] = seed;
		seed = 1812433253u * (seed ^ seed >> 30) + i + 1;
	}
	t->at = 624;
}

static uint32_t twister_next(struct twister *t)
{
	uint32_t *s = t->state, y;

	if (t->at == 624) {
		for (unsigned i = 0; i < 624; i++) {
			y = (s[i] & 0x80000000u) | (s[(i + 1) % 624] & 0x7FFFFFFFu);
			s[i] = s[(i + 397) % 624] ^ y >> 1 ^ (y & 1 ? 0x9908B0DFu : 0);
		}
		t->at = 0;
	}
	y = s[t->at++];
	y ^= y >> 11;
	y ^= y << 7 & 0x9D2C5680u;
	y ^= y << 15 & 0xEFC60000u;
	return y ^ y >> 18;
}

/* numpy's randint(low, 2^61 - 1) of 64 bits: draws are masked and those above the range drawn
 * again. */
static uint64_t twister_below_prime(struct twister *t, uint64_t low)
{
	uint64_t v;

	do {
		v = (uint64_t)twister_next(t) << 32;
		v |= twister_next(t);
		v &= PRIME;
	} while (v > PRIME - 1 - low);
	return low + v;
}

struct oc_minhash *oc_minhash_datatrove(uint32_t bands, uint32_t rows)
{
	struct oc_minhash *mh = minhash_new(bands, rows);
	struct twister t;

	twister_init(&t, 1);
	for (uint32_t i = 0; i < mh->perm_n; i++)
		mh->a[i] = twister_below_prime(&t, 1);
	for (uint32_t i = 0; i < mh->perm_n; i++)
		mh->b[i] = twister_below_prime(&t, 0);
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

/* Of ascending values; each once. */
static uint32_t distinct_of(uint64_t *v, uint32_t n)
{
	uint32_t distinct = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!i || v[i] != v[distinct - 1])
			v[distinct++] = v[i];
	return distinct;
}

uint32_t oc_shingles(const uint64_t *word_hash, uint32_t n, uint32_t ngram, uint64_t *out,
                     uint64_t *room)
{
	uint32_t width = n < ngram ? n : ngram, shingle_n;

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
	return distinct_of(out, shingle_n);
}

uint32_t oc_shingles_joined(const struct oc_str *word, uint32_t n, uint32_t ngram,
                            struct oc_buf *joined, uint64_t *out, uint64_t *room)
{
	size_t from = 0, to = 0; /* of the words i and i + ngram in `joined` */

	if (n < ngram)
		return 0;
	joined->len = 0;
	for (uint32_t i = 0; i < n; i++) {
		oc_buf_str(joined, word[i]);
		oc_buf_putc(joined, ' ');
	}
	for (uint32_t i = 0; i < ngram; i++)
		to += word[i].len + 1;
	for (uint32_t i = 0; i + ngram <= n; i++) {
		out[i] = oc_xxh64(joined->p + from, to - 1 - from);
		from += word[i].len + 1;
		to += i + ngram < n ? word[i + ngram].len + 1 : 0;
	}
	sort_hashes(out, n - ngram + 1, room);
	return distinct_of(out, n - ngram + 1);
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
	enum { EIGHT = 8 };
	for (uint32_t p = 0; p < mh->padded; p += EIGHT) {
		__m256i first = _mm256_loadu_si256((const void *)(mh->a + p)),
			second = _mm256_loadu_si256((const void *)(mh->a + p + 4));
		__m256i b_first = _mm256_loadu_si256((const void *)(mh->b + p)),
			b_second = _mm256_loadu_si256((const void *)(mh->b + p + 4));
		/* lane k of `first` is permutation p + k: put it into the low half, p + 4 + k into
		 * the high half */
		__m256i high = _mm256_blend_epi32(_mm256_srli_epi64(first, 32), second, 0xAA);
		__m256i least = _mm256_set1_epi32(-1);
		uint32_t lanes[EIGHT];
		for (uint32_t i = 0; i < n; i++) {
			__m256i x = _mm256_set1_epi32((int)(shingles[i] >> 32));
			__m256i low_a = _mm256_add_epi64(_mm256_mul_epu32(first, x), b_first);
			__m256i low_b = _mm256_add_epi64(_mm256_mul_epu32(second, x), b_second);
			__m256i top = _mm256_blend_epi32(_mm256_srli_epi64(low_a, 32), low_b, 0xAA);
			top = _mm256_add_epi32(top, _mm256_mullo_epi32(high, x));
			least = _mm256_min_epu32(least, top);
		}
		_mm256_storeu_si256((void *)lanes, least);
		for (uint32_t k = 0; k < EIGHT; k++) {
			uint32_t perm = p + k / 2 + (k % 2 ? 4 : 0);
			if (perm < mh->perm_n)
				signature[perm] = lanes[k];
		}
	}
}

/* The same, sixteen at a time: even lanes are permutations p..p + 7, odd ones p + 8... */
__attribute__((target("avx512f,avx512dq"))) static void
sign_avx512(const struct oc_minhash *mh, const uint64_t *shingles, uint32_t n, uint32_t *signature)
{
	for (uint32_t p = 0; p < mh->padded; p += LANES) {
		__m512i first = _mm512_loadu_si512(mh->a + p),
			second = _mm512_loadu_si512(mh->a + p + 8);
		__m512i b_first = _mm512_loadu_si512(mh->b + p),
			b_second = _mm512_loadu_si512(mh->b + p + 8);
		__m512i high =
			_mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(first, 32), second);
		__m512i least = _mm512_set1_epi32(-1);
		uint32_t lanes[LANES];
		for (uint32_t i = 0; i < n; i++) {
			__m512i x = _mm512_set1_epi32((int)(shingles[i] >> 32));
			__m512i low_a = _mm512_add_epi64(_mm512_mul_epu32(first, x), b_first);
			__m512i low_b = _mm512_add_epi64(_mm512_mul_epu32(second, x), b_second);
			__m512i top = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(low_a, 32),
			                                      low_b);
			top = _mm512_add_epi32(top, _mm512_mullo_epi32(high, x));
			least = _mm512_min_epu32(least, top);
		}
		_mm512_storeu_si512(lanes, least);
		for (uint32_t k = 0; k < LANES; k++) {
			uint32_t perm = p + k / 2 + (k % 2 ? 8 : 0);
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
	if (mh->kernel == OC_MINHASH_AVX512) {
		sign_avx512(mh, shingles, n, signature);
		return;
	}
	if (mh->kernel == OC_MINHASH_AVX2) {
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

void oc_minhash_sign64(const struct oc_minhash *mh, const uint64_t *shingles, uint32_t n,
                       uint64_t *signature)
{
	for (uint32_t p = 0; p < mh->perm_n; p++) {
		uint64_t a = mh->a[p], b = mh->b[p], least = UINT64_MAX;
		for (uint32_t i = 0; i < n; i++) {
			uint64_t h = shingles[i] * a + b;
			h = (h & PRIME) + (h >> 61);
			h = h >= PRIME ? h - PRIME : h;
			least = h < least ? h : least;
		}
		signature[p] = least;
	}
}

void oc_minhash_bands64(const struct oc_minhash *mh, const uint64_t *signature, uint64_t *band)
{
	for (uint32_t i = 0; i < mh->bands; i++)
		band[i] = oc_hash64(signature + (size_t)i * mh->rows, mh->rows * sizeof *signature,
		                    i + 1);
}

/* ----------------------------------------------------------------- Jaccard */

/* |A and B|, or a number below `least` when it cannot reach that. */
static uint32_t in_both(const uint64_t *a, uint32_t na, const uint64_t *b, uint32_t nb,
                        double least)
{
	uint32_t i = 0, k = 0, both = 0;

	if ((double)(na < nb ? na : nb) < least)
		return 0;
	while (i < na && k < nb) {
		/* every 64 steps: can it still be reached? */
		if (!((i + k) & 63) && both + (double)(na - i < nb - k ? na - i : nb - k) < least)
			return 0;
		uint64_t x = a[i], y = b[k];
		both += x == y;
		i += x <= y;
		k += y <= x;
	}
	return both;
}

double oc_jaccard(const uint64_t *a, uint32_t na, const uint64_t *b, uint32_t nb, double threshold)
{
	uint64_t total = (uint64_t)na + nb;
	double least, j;

	if (!total)
		return -1;
	/* J >= t needs |A and B| >= t (na + nb) / (1 + t); one less, for the rounding */
	least = threshold * (double)total / (1 + threshold) - 1;
	uint32_t both = in_both(a, na, b, nb, least);
	j = (double)both / (double)(total - both);
	return j >= threshold ? j : -1;
}

double oc_contained(const uint64_t *a, uint32_t na, const uint64_t *b, uint32_t nb,
                    double threshold)
{
	uint32_t less = na < nb ? na : nb;
	double share;

	if (!less)
		return -1;
	share = (double)in_both(a, na, b, nb, threshold * less - 1) / less;
	return share >= threshold ? share : -1;
}

double oc_minhash_chance(double jaccard, uint32_t bands, uint32_t rows)
{
	return 1 - pow(1 - pow(jaccard, rows), bands);
}
