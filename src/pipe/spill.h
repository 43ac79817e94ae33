/*
 * spill.h: what a whole stage observed, on disk; and sorting more than fits in memory.
 */
#ifndef PIPE_SPILL_H
#define PIPE_SPILL_H

#include "base/ctx.h"
#include "base/str.h"

/* `stream_n` append-only files in `dir`; writes are buffered and in row order. */
struct oc_spill *oc_spill_open(struct oc_ctx *ctx, const char *dir, const char *name,
                               unsigned stream_n, uint64_t memory, struct oc_err *err);
int oc_spill_add(struct oc_spill *s, unsigned stream, const void *p, size_t len,
                 struct oc_err *err);
int oc_spill_flush(struct oc_spill *s, struct oc_err *err);
/*
 * Everything so far is on disk, and len[0..stream_n-1] says how long each stream is; with these the
 * spill can be opened again, after a kill too: what came behind is cut off. oc_spill_reopen gives
 * NULL when a file is not there or too short; that is no error.
 */
int oc_spill_sync(struct oc_spill *s, uint64_t *len, struct oc_err *err);
struct oc_spill *oc_spill_reopen(struct oc_ctx *ctx, const char *dir, const char *name,
                                 unsigned stream_n, uint64_t memory, const uint64_t *len);
void oc_spill_close(struct oc_spill *s); /* removes the files */
void oc_spill_leave(struct oc_spill *s); /* closes them and leaves them */

/* len bytes of a stream from byte `at` on, all of which must be there. */
int oc_spill_read(struct oc_spill *s, unsigned stream, uint64_t at, void *p, size_t len,
                  struct oc_err *err);
uint64_t oc_spill_len(const struct oc_spill *s, unsigned stream); /* bytes */
/* A read-only map of a whole stream; unmapped by close. Pages are the kernel's, not counted memory.
 */
int oc_spill_map(struct oc_spill *s, unsigned stream, struct oc_str *out, struct oc_err *err);
/* The file of a stream, to be read at places so far apart that a map would hold too many pages. It
 * is the spill's; what is not flushed is not in it. */
int oc_spill_file(const struct oc_spill *s, unsigned stream);
uint64_t oc_spill_memory(const struct oc_spill *s);
const char *oc_spill_dir(const struct oc_spill *s);

/*
 * External sort of fixed-size records by memcmp of their first key_len bytes (store numbers big end
 * first), ties in input order. Uses at most `memory` bytes; temporary files in `dir`.
 */
struct oc_sort;
struct oc_sort *oc_sort_new(struct oc_ctx *ctx, const char *dir, size_t record_len, size_t key_len,
                            uint64_t memory, struct oc_err *err);
int oc_sort_add(struct oc_sort *s, const void *records, size_t n, struct oc_err *err);
int oc_sort_done(struct oc_sort *s, struct oc_err *err); /* no more records */
/* Next records in order; *n = how many follow at *out (valid until the next call), 0 at the end. */
int oc_sort_next(struct oc_sort *s, const void **out, size_t *n, struct oc_err *err);
void oc_sort_free(struct oc_sort *s);

#endif
