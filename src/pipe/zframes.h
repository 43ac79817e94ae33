/*
 * zframes.h: .zst files made of independent frames, cut at a fixed uncompressed size, so that their
 * bytes do not depend on how they were fed and any frame can be read alone. Each carries a
 * checksum.
 */
#ifndef PIPE_ZFRAMES_H
#define PIPE_ZFRAMES_H

#include "base/str.h"

#define OC_ZFRAME_BYTES ((size_t)1 << 20) /* uncompressed */
#define OC_ZFRAME_LEVEL 3

struct oc_zwriter;

/* Writes PATH.tmp; close fsyncs and renames it to PATH. */
int oc_zwriter_open(struct oc_zwriter **w, const char *path, struct oc_err *err);
int oc_zwriter_add(struct oc_zwriter *w, const void *p, size_t len, struct oc_err *err);
int oc_zwriter_close(struct oc_zwriter *w, struct oc_err *err); /* frees w, also on error */
void oc_zwriter_abandon(struct oc_zwriter *w); /* removes the temporary; NULL is fine */

/* Calls fn for every line of a .zst file, without its newline. Stops at the first -1. A line above
 * 1 GiB, and a damaged file, are errors. */
int oc_zlines_each(const char *path, int (*fn)(void *user, struct oc_str line, struct oc_err *err),
                   void *user, struct oc_err *err);

#endif
