/*
 * store_index.h: index.db of the reply store. One writer connection (the flusher's) and one reader
 * connection (guarded by the caller). A place is segment << 32 | offset.
 */
#ifndef LLM_STORE_INDEX_H
#define LLM_STORE_INDEX_H

#include "llm/store.h"

struct index_entry {
	struct oc_hash128 key;
	uint64_t place;
	bool failed;
};

struct index_unknown {
	uint64_t place; /* of the intent, or of the outcome that names unknown attempts */
	uint64_t n;
	double cost;
};

/* How far a segment is indexed. */
struct index_segment {
	uint32_t id, dict; /* dict: offset of its dictionary's record, 0 = none yet */
	uint64_t scanned;  /* every record that begins before is indexed and its intent settled */
};

struct index;

/* A damaged index is set aside (index.db.bad) and begun anew: *fresh tells. */
int index_open(struct index **ix, struct oc_ctx *ctx, const char *dir, bool readonly, bool *fresh,
               struct oc_err *err);
void index_close(struct index *ix);

/* One transaction. Idempotent: the same places may be given again. */
int index_write(struct index *ix, const struct index_entry *e, size_t entry_n,
                const struct index_unknown *u, size_t unknown_n, const struct index_segment *seg,
                struct oc_err *err);

/* 1 found, 0 not. The key is looked up among good replies, then among failures. */
int index_find(struct index *ix, struct oc_hash128 key, struct index_entry *out,
               struct oc_err *err);
/* Fills what is known of a segment; all zero when nothing is. */
int index_segment_get(struct index *ix, uint32_t id, struct index_segment *out, struct oc_err *err);
/* Forgets the places of a segment from `offset` on (they did not survive a power cut). */
int index_cut(struct index *ix, uint32_t segment, uint64_t offset, struct oc_err *err);
uint64_t index_count(struct index *ix);
void index_unknown_sum(struct index *ix, uint64_t *n, double *cost);

#endif
