#include "index/tfidf.h"

#include <math.h>
#include <stdlib.h>
#if defined __x86_64__
#include <immintrin.h>
#endif

static int by_bucket(const void *a, const void *b)
{
	const struct oc_term *x = a, *y = b;

	return x->bucket < y->bucket ? -1 : x->bucket > y->bucket;
}

uint32_t oc_tfidf_terms(const uint64_t *hash, uint32_t n, struct oc_term *out)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		out[i] = (struct oc_term){(uint32_t)(hash[i] >> (64 - OC_TFIDF_BITS)), 1};
	qsort(out, n, sizeof *out, by_bucket);
	for (uint32_t i = 0; i < n; i++) {
		if (kept && out[kept - 1].bucket == out[i].bucket)
			out[kept - 1].n++;
		else
			out[kept++] = out[i];
	}
	return kept;
}

void oc_tfidf_weights(const uint32_t *df, uint64_t n, float *weight)
{
	for (uint32_t i = 0; i < OC_TFIDF_N; i++)
		weight[i] = (float)(log((1 + (double)n) / (1 + (double)df[i])) + 1);
}

/* v[k] += or -= w by bit k of 128. */
static void add_plain(float *v, const uint32_t bits[4], float w)
{
	for (uint32_t k = 0; k < 128; k++)
		v[k] += bits[k / 32] >> k % 32 & 1 ? w : -w;
}

#if defined __x86_64__
__attribute__((target("avx2"))) static void add_avx2(float *v, const uint32_t bits[4], float w)
{
	const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
	const __m256 minus = _mm256_set1_ps(-w), plus = _mm256_set1_ps(w);

	for (uint32_t k = 0; k < 128; k += 8) {
		__m256i byte = _mm256_set1_epi32((int)(bits[k / 32] >> k % 32 & 0xff));
		__m256i set = _mm256_cmpeq_epi32(_mm256_and_si256(byte, each), each);
		__m256 add = _mm256_blendv_ps(minus, plus, _mm256_castsi256_ps(set));
		_mm256_storeu_ps(v + k, _mm256_add_ps(_mm256_loadu_ps(v + k), add));
	}
}
#endif

void oc_tfidf_project(const struct oc_vecs *s, const struct oc_term *terms, uint32_t n,
                      const float *weight, const struct oc_rng *rng, float *v)
{
	for (uint32_t i = 0; i < n; i++) {
		float w = (float)((1 + log((double)terms[i].n)) * (double)weight[terms[i].bucket]);
		for (uint32_t from = 0; from < s->width; from += 128) {
			uint32_t in[4] = {terms[i].bucket, from / 128, 0, 0}, bits[4];
			float last[128] = {0}, *to = v + from;
			bool whole = s->dim - from >= 128;
			oc_philox(in, rng->key, bits);
			if (!whole)
				to = last; /* of a width that is no multiple of 128 */
#if defined __x86_64__
			if (s->kernel == OC_VEC_AVX2)
				add_avx2(to, bits, w);
			else
#endif
				add_plain(to, bits, w);
			for (uint32_t k = 0; !whole && k < s->dim - from; k++)
				v[from + k] += last[k];
		}
	}
}
