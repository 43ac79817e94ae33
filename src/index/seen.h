/*
 * seen.h: which 128-bit hashes were seen before, in bounded memory.
 *
 * New hashes go into a table; when it has grown to a third of `memory` it is sorted and written to
 * a file as a run, and neighbouring runs of like size are merged, so that there are about log2 of
 * them (a log-structured merge tree: O'Neil, Cheng, Gawlick, O'Neil, Acta Informatica 33, 1996).
 * A look-up asks a Bloom filter of an eighth of `memory` first (Bloom, CACM 13, 1970), then each
 * run: a search among every 256th hash, which are in memory, and one read. Answers are exact.
 *
 * With each hash stands a number of the caller's; bytes to which such numbers point (keys of rows)
 * can be kept here too, on disk. An index on disk counts as a run, and sections of one are written
 * by oc_seen_save. O(1) amortised look-ups, O(log n) reads for what is there.
 *
 * Memory: `memory`, and 1/32 byte a hash. One thread at a time.
 */
#ifndef INDEX_SEEN_H
#define INDEX_SEEN_H

#include "base/ctx.h"
#include "base/hash.h"
#include "index/disk.h"

struct oc_seen;

/* Temporary files in `dir`. Nothing is on disk until `memory` asks for it. */
struct oc_seen *oc_seen_new(struct oc_ctx *ctx, const char *dir, uint64_t memory);
void oc_seen_free(struct oc_seen *s);

/* 1: it is there, *value is what was put with it; 0: it is not; -1. */
int oc_seen_find(struct oc_seen *s, struct oc_hash128 hash, uint64_t *value, struct oc_err *err);
/* 1: it was there, *value is what was put with it first; 0: it is now, with *value; -1. */
int oc_seen_put(struct oc_seen *s, struct oc_hash128 hash, uint64_t *value, struct oc_err *err);

/* Keeps bytes; oc_seen_key finds them by what oc_seen_next said before. */
int oc_seen_keep(struct oc_seen *s, struct oc_str key, struct oc_err *err);
uint64_t oc_seen_next(const struct oc_seen *s);
/* Appends the bytes to `out`. *path: the index they came from, or NULL. */
int oc_seen_key(struct oc_seen *s, uint64_t place, struct oc_buf *out, const char **path,
                struct oc_err *err);

/* Sections "hashes" and "keys": everything, indexes included; their values are places of keys. */
int oc_seen_save(struct oc_seen *s, struct oc_index_writer *w, struct oc_err *err);
/* Before anything is put or kept. The index must stay open. */
int oc_seen_load(struct oc_seen *s, struct oc_index *ix, struct oc_err *err);

uint64_t oc_seen_count(const struct oc_seen *s); /* hashes there are, indexes included */
unsigned oc_seen_runs(const struct oc_seen *s);  /* on disk */

#endif
