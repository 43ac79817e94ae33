#include "llm/llama_sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define BUCKETS     1024
#define PER_NAT     32.0 /* buckets per nat below the likeliest token */
#define EXP_LOWEST  (-690.0)
#define CUMUL_BLOCK 64

struct candidate {
	double weight;
	int32_t token;
};

struct oc_sampler {
	uint32_t vocab_n;
	double *x;      /* (vocab_n + 1) logits less the largest, over the temperature */
	double *weight; /* (vocab_n + 1) exp(x) */
	struct candidate *kept;
};

/* Two lanes at a time: every 64-bit processor has them, and they round alike. */
typedef double pair __attribute__((vector_size(16)));
typedef int64_t pair_bits __attribute__((vector_size(16)));

static void exp_pair(const double *x, double *out)
{
	/* 2^y with y = x / ln 2 = k + r, |r| <= 1/2: Taylor in r, then k into the exponent */
	static const double c[] = {
		1.0,
		0x1.62e42fefa39efp-1,
		0x1.ebfbdff82c58ep-3,
		0x1.c6b08d704a0bfp-5,
		0x1.3b2ab6fba4e77p-7,
		0x1.5d87fe78a673p-10,
		0x1.430912f86c786p-13,
		0x1.ffcbfc588b0c5p-17,
		0x1.62c0223a5c822p-20,
		0x1.b5253d395e7c1p-24,
		0x1.e4cf5158b8ec7p-28,
	};
	const double magic = 0x1.8p52; /* adding it leaves the nearest integer in the low bits */
	pair v = {x[0] < EXP_LOWEST ? EXP_LOWEST : x[0], x[1] < EXP_LOWEST ? EXP_LOWEST : x[1]};
	pair y = v * 0x1.71547652b82fep0, shifted = y + magic, r = y - (shifted - magic);
	pair p = {c[10], c[10]};

	for (int i = 9; i >= 0; i--)
		p = p * r + c[i];
	pair_bits bits, k;
	memcpy(&bits, &p, sizeof bits);
	memcpy(&k, &shifted, sizeof k);
	bits += k << 52;
	memcpy(out, &bits, sizeof bits);
	for (int i = 0; i < 2; i++)
		if (x[i] < EXP_LOWEST)
			out[i] = 0;
}

void oc_exp_each(const double *x, double *out, size_t n)
{
	size_t i = 0;

	for (; i + 2 <= n; i += 2)
		exp_pair(x + i, out + i);
	if (i < n) {
		double in[2] = {x[i], 0}, two[2];
		exp_pair(in, two);
		out[i] = two[0];
	}
}

void oc_token_counts_add(struct oc_token_counts *c, int32_t token)
{
	for (uint32_t i = 0; i < c->item_n; i++)
		if (c->item[i].token == token) {
			c->item[i].count++;
			return;
		}
	if (c->item_n == c->item_cap) {
		c->item_cap = c->item_cap ? 2 * c->item_cap : 64;
		c->item = oc_realloc(c->item, c->item_cap * sizeof *c->item);
	}
	c->item[c->item_n++] = (struct oc_token_count){token, 1};
}

void oc_token_counts_fini(struct oc_token_counts *c)
{
	free(c->item);
	*c = (struct oc_token_counts){0};
}

struct oc_sampler *oc_sampler_new(uint32_t vocab_n)
{
	struct oc_sampler *s = oc_zalloc(1, sizeof *s);

	s->vocab_n = vocab_n;
	s->x = oc_zalloc((size_t)vocab_n + 1, sizeof *s->x);
	s->weight = oc_zalloc((size_t)vocab_n + 1, sizeof *s->weight);
	s->kept = oc_zalloc(vocab_n, sizeof *s->kept);
	return s;
}

void oc_sampler_free(struct oc_sampler *s)
{
	if (!s)
		return;
	free(s->x);
	free(s->weight);
	free(s->kept);
	free(s);
}

static int by_weight(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->token < y->token ? -1 : x->token > y->token;
}

/* Buckets of 1/32 nat, the likeliest token's first; the last takes all the rest. */
static unsigned bucket_of(double x)
{
	double b = -x * PER_NAT;
	return b < BUCKETS - 1 ? (unsigned)b : BUCKETS - 1;
}

/*
 * Leaves in s->kept, sorted, the tokens that top_k, top_p and min_p let pass. Counts per bucket
 * say how far down the list must be sorted at all.
 */
static uint32_t keep_top(struct oc_sampler *s, const struct oc_sample_opts *o, double total)
{
	double mass[BUCKETS] = {0}, sum = 0;
	uint32_t count[BUCKETS] = {0}, n = 0, kept = 0;
	uint32_t k = o->top_k && o->top_k < s->vocab_n ? o->top_k : s->vocab_n;
	unsigned last = 0;

	for (uint32_t i = 0; i < s->vocab_n; i++) {
		unsigned b = bucket_of(s->x[i]);
		mass[b] += s->weight[i];
		count[b]++;
	}
	for (; last < BUCKETS - 1; last++) {
		sum += mass[last];
		n += count[last];
		if (n >= k || (o->top_p < 1 && sum >= o->top_p * total))
			break;
	}
	n = 0;
	for (uint32_t i = 0; i < s->vocab_n; i++)
		if (bucket_of(s->x[i]) <= last && s->weight[i] >= o->min_p)
			s->kept[n++] = (struct candidate){s->weight[i], (int32_t)i};
	qsort(s->kept, n, sizeof *s->kept, by_weight);
	if (n > k)
		n = k;
	if (o->top_k && o->top_p < 1) { /* the mass of what top_k left */
		total = 0;
		for (uint32_t i = 0; i < n; i++)
			total += s->kept[i].weight;
	}
	for (sum = 0; kept < n; kept++) {
		if (o->top_p < 1 && kept && sum >= o->top_p * total)
			break;
		sum += s->kept[kept].weight;
	}
	return kept;
}

static int32_t draw_kept(const struct candidate *kept, uint32_t n, double u)
{
	double sum = 0, at = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += kept[i].weight;
	u *= sum;
	for (uint32_t i = 0; i + 1 < n; i++) {
		at += kept[i].weight;
		if (u < at)
			return kept[i].token;
	}
	return kept[n - 1].token;
}

static int32_t draw_all(const struct oc_sampler *s, double u, double total)
{
	double at = 0;
	uint32_t i = 0, likely = 0;

	u *= total;
	for (; i < s->vocab_n; i += CUMUL_BLOCK) {
		uint32_t end = i + CUMUL_BLOCK < s->vocab_n ? i + CUMUL_BLOCK : s->vocab_n;
		double block = 0;
		for (uint32_t j = i; j < end; j++)
			block += s->weight[j];
		if (u >= at + block) {
			at += block;
			continue;
		}
		for (uint32_t j = i; j < end; j++) {
			at += s->weight[j];
			if (u < at)
				return (int32_t)j;
			if (s->weight[j] > 0)
				likely = j;
		}
		return (int32_t)likely; /* rounding at a block's end */
	}
	for (i = s->vocab_n; i-- > 0;) /* rounding at the very end */
		if (s->weight[i] > 0)
			return (int32_t)i;
	return 0;
}

int32_t oc_sampler_draw(struct oc_sampler *s, const float *logits, const struct oc_sample_opts *o,
                        const struct oc_token_counts *counts, double u)
{
	double top = -INFINITY, total = 0;
	uint32_t best = 0;

	for (uint32_t i = 0; i < s->vocab_n; i++)
		s->x[i] = isnan(logits[i]) ? -INFINITY : (double)logits[i];
	for (uint32_t i = 0; i < o->bias_n; i++)
		if (o->bias[i].token >= 0 && (uint32_t)o->bias[i].token < s->vocab_n)
			s->x[o->bias[i].token] += o->bias[i].bias;
	if (o->presence != 0 || o->frequency != 0)
		for (uint32_t i = 0; i < counts->item_n; i++)
			s->x[counts->item[i].token] -=
				o->presence + o->frequency * counts->item[i].count;
	for (uint32_t i = 0; i < s->vocab_n; i++)
		if (s->x[i] > top) {
			top = s->x[i];
			best = i;
		}
	if (o->temperature <= 0 || o->top_k == 1 || isinf(top))
		return (int32_t)best;
	double scale = 1 / o->temperature;
	for (uint32_t i = 0; i < s->vocab_n; i++)
		s->x[i] = (s->x[i] - top) * scale;
	oc_exp_each(s->x, s->weight, s->vocab_n);
	for (uint32_t i = 0; i < s->vocab_n; i += CUMUL_BLOCK) {
		uint32_t end = i + CUMUL_BLOCK < s->vocab_n ? i + CUMUL_BLOCK : s->vocab_n;
		double block = 0;
		for (uint32_t j = i; j < end; j++)
			block += s->weight[j];
		total += block;
	}
	if (o->top_k || o->top_p < 1 || o->min_p > 0)
		return draw_kept(s->kept, keep_top(s, o, total), u);
	return draw_all(s, u, total);
}
