/*
 * llama_sample.h: drawing a token from logits.
 *
 * Our own, so that a text depends on nothing but the logits and the request's seed: the arithmetic
 * below (exponential included) gives the same bits on every processor.
 */
#ifndef LLM_LLAMA_SAMPLE_H
#define LLM_LLAMA_SAMPLE_H

#include "outcross.h"

struct oc_token_bias {
	int32_t token;
	double bias; /* added to the logit */
};

/*
 * Order: bias and penalties on the logits, division by the temperature, then top_k, top_p and min_p
 * on the resulting probabilities (the order of the larger servers). Penalties are those of the
 * OpenAI API: logit - count x frequency - (count > 0) x presence, counts over the completion.
 */
struct oc_sample_opts {
	double temperature;         /* 0 = the likeliest token, ties to the lowest id */
	uint32_t top_k;             /* 0 = all */
	double top_p;               /* smallest set with at least this mass; 1 = all */
	double min_p;               /* at least this share of the likeliest token's; 0 = all */
	double presence, frequency; /* 0 = none */
	struct oc_token_bias *bias; /* (bias_n) */
	uint32_t bias_n;
};

/* What a sequence has said so far, for the penalties. Zero-initialise. */
struct oc_token_counts {
	struct oc_token_count {
		int32_t token;
		uint32_t count;
	} * item; /* (item_n), in order of first use */
	uint32_t item_n, item_cap;
};

void oc_token_counts_add(struct oc_token_counts *c, int32_t token);
void oc_token_counts_fini(struct oc_token_counts *c);

/* Work space of one vocabulary. */
struct oc_sampler;
struct oc_sampler *oc_sampler_new(uint32_t vocab_n);
void oc_sampler_free(struct oc_sampler *s);

/*
 * Draws from logits (vocab_n) with u uniform on [0, 1). O(vocab_n), plus a sort of the tokens that
 * top_k or top_p keep.
 */
int32_t oc_sampler_draw(struct oc_sampler *s, const float *logits,
                        const struct oc_sample_opts *opts, const struct oc_token_counts *counts,
                        double u);

/* exp(x) for x <= 0 to 1e-12, the same bits everywhere; 0 below -690. For out (n). */
void oc_exp_each(const double *x, double *out, size_t n);

#endif
