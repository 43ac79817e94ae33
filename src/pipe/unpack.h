/*
 * unpack.h: the bytes of one file, seen through gzip and zstd, which are recognised by the first
 * bytes. The file is hashed while it is read, as it lies on disk. gzip is inflated by ISA-L, which
 * takes a third of zlib's time and refuses what zlib refuses.
 */
#ifndef PIPE_UNPACK_H
#define PIPE_UNPACK_H

#include <sys/types.h>

#include "base/hash.h"

/* How far a file was read, on disk. */
struct oc_unpacked {
	uint64_t bytes;
	struct oc_hash128 hash; /* XXH3-128, as soon as it is whole */
	bool whole;
};

struct oc_unpack;

/* "-" is standard input. `path` must live as long as the file is open. NULL on error. */
struct oc_unpack *oc_unpack_open(const char *path, struct oc_err *err);
/* NULL is fine. */
void oc_unpack_close(struct oc_unpack *u);
/* Is it compressed? */
bool oc_unpack_packed(const struct oc_unpack *u);
/* Up to cap (> 0) uncompressed bytes; 0 at the end. An error of the data names the file and the
 * byte on disk. */
ssize_t oc_unpack_read(struct oc_unpack *u, void *p, size_t cap, struct oc_err *err);
struct oc_unpacked oc_unpack_done(const struct oc_unpack *u);
/*
 * What is no plain file may give nothing for a long time. From here on reads end with OC_CANCELLED
 * when the descriptor `wake` becomes readable; plain files do not look.
 */
void oc_unpack_wake(struct oc_unpack *u, int wake);

#endif
