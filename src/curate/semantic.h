/*
 * semantic.h: what the two files of the stage semantic share: semantic.c decides,
 * semantic_vectors.c makes the vectors.
 */
#ifndef CURATE_SEMANTIC_H
#define CURATE_SEMANTIC_H

#include "base/ctx.h"
#include "index/kmeans.h"

#define OC_SEMANTIC_EXACT 512 /* fewer rows need no buckets */

enum oc_semantic_from { OC_FROM_WORDS, OC_FROM_MEMBER, OC_FROM_FILE, OC_FROM_MODEL };

/* Stream 0. What of a row lies in stream 2: terms, floats, nothing, or its text. */
struct oc_semantic_entry {
	uint64_t number, row; /* row: of its source */
	uint64_t payload_len;
	uint32_t key_len;
	uint32_t source;
};

struct oc_semantic {
	char *name;
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_str field, member; /* text compared; member that is the vector */
	enum oc_semantic_from from;
	struct oc_llm *llm;
	struct oc_npy npy;
	uint32_t dim, buckets, probes;
	double threshold;
	uint64_t seed, memory;

	/* resolved */
	const struct oc_semantic_entry *entries; /* (n), a copy */
	uint64_t n;
	uint64_t *key_at, *payload_at; /* (n + 1) */
	char *keys;                    /* a copy of stream 1 */
	struct oc_str payload;         /* stream 2, mapped while resolving */
	struct oc_vecs vecs;           /* while resolving */
	bool *has;                     /* (n) has a vector */
	float *weight;                 /* OC_FROM_WORDS: of each bucket of words */
	uint32_t *witness;             /* (n) see oc_star */
	float *share;                  /* (n) */
	uint64_t gone, without, bucket_n, largest_bucket;
};

/* k of the k-means. */
uint32_t oc_semantic_buckets(const struct oc_semantic *s);
/* Fills vecs and has from what was observed; says what they need and refuses above `memory`. */
int oc_semantic_vectors(struct oc_semantic *s, struct oc_pool *pool, struct oc_err *err);

#endif
