/*
 * ahead.h: a file that is read ahead of its reader, the twin of behind.h.
 *
 * A thread of the file's own reads and decompresses it into chunks of 256 KiB, up to a limit, so
 * that inflating overlaps with parsing, and that of the next file with that of this one. The bytes,
 * their order, the error behind them and what is known of the file at each of them are those of
 * reading without it.
 *
 * One thread reads. Memory: the limit and a chunk.
 */
#ifndef PIPE_AHEAD_H
#define PIPE_AHEAD_H

#include <stdatomic.h>

#include "pipe/unpack.h"

struct oc_ahead;

/* Begins to read, at most `limit` bytes ahead. Owns `u`, unless NULL is returned, because there is
 * no thread to be had. */
struct oc_ahead *oc_ahead_open(struct oc_unpack *u, size_t limit);
void oc_ahead_limit(struct oc_ahead *a, size_t limit);
/* As oc_unpack_read, with *done as it was then. Where nothing comes for a while and *cancel is set
 * (may be NULL), it fails OC_CANCELLED. */
ssize_t oc_ahead_read(struct oc_ahead *a, void *p, size_t cap, const atomic_int *cancel,
                      struct oc_unpacked *done, struct oc_err *err);
/* At any time; waits for the thread, which stops within a chunk. NULL is fine. */
void oc_ahead_close(struct oc_ahead *a);

#endif
