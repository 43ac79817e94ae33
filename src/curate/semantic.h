/*
 * semantic.h: what the files of the stage semantic share: semantic.c decides, semantic_vectors.c
 * makes the vectors, semantic_index.c keeps them on disk and finds new rows there.
 */
#ifndef CURATE_SEMANTIC_H
#define CURATE_SEMANTIC_H

#include "base/ctx.h"
#include "index/ivf.h"

#define OC_SEMANTIC_EXACT   512 /* fewer rows need no buckets */
#define OC_SEMANTIC_INDEXES 64
#define OC_SEMANTIC_NONE    UINT32_MAX

enum oc_semantic_from { OC_FROM_WORDS, OC_FROM_MEMBER, OC_FROM_FILE, OC_FROM_MODEL };

/* Stream 0. What of a row lies in stream 2: terms, floats, nothing, or its text. */
struct oc_semantic_entry {
	uint64_t number, row; /* row: of its source */
	uint64_t payload_len;
	uint32_t key_len;
	uint32_t source;
};

/* An index of `against:`. */
struct oc_semantic_old {
	struct oc_index *index;
	struct oc_ivf ivf;
	const uint64_t *key_at; /* (vectors + 1) into keys */
	const char *keys;
	const float *weight; /* OC_FROM_WORDS: (OC_TFIDF_N), and the projection's seed */
	uint64_t seed;
};

/* The vector of an index that a row is near. */
struct oc_semantic_hit {
	uint32_t row, index; /* index: OC_SEMANTIC_NONE = near none */
	float cosine;
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
	struct oc_semantic_old olds[OC_SEMANTIC_INDEXES];
	unsigned old_n;

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
	struct oc_semantic_hit *old;   /* (n) */
	uint64_t gone, without, bucket_n, largest_bucket;
	uint64_t known; /* of those gone, near a row of an index */
};

/* k of the k-means. */
uint32_t oc_semantic_buckets(const struct oc_semantic *s);
/* Fills vecs and has from what was observed; says what they need and refuses above `memory`. */
int oc_semantic_vectors(struct oc_semantic *s, struct oc_pool *pool, struct oc_err *err);
/* OC_FROM_WORDS: the vectors anew, by other weights (OC_TFIDF_N) and another projection. */
void oc_semantic_project(struct oc_semantic *s, struct oc_pool *pool, const float *weight,
                         uint64_t seed);

/* Writes vectors, buckets and keys of the rows to an index. */
int oc_semantic_index_write(struct oc_semantic *s, struct oc_pool *pool, const char *path,
                            struct oc_err *err);
/* Opens the indexes of `against:`; closed by the other, also after an error. */
int oc_semantic_against(struct oc_semantic *s, const struct oc_env *env, yyjson_val *against,
                        struct oc_err *err);
void oc_semantic_old_close(struct oc_semantic *s);
/* Fills `old`: of each row the nearest of the first index that has one at the threshold, in the
 * buckets probed. Such rows lose their vector. */
int oc_semantic_search(struct oc_semantic *s, struct oc_pool *pool, struct oc_err *err);

#endif
