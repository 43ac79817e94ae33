/*
 * behind.h: a file that is written behind its writer's back.
 *
 * What is added is gathered in chunks of 2 MiB, which a thread of the file's own writes around the
 * page cache (O_DIRECT) where the file system can: half the CPU of a large output is the kernel's
 * copy into pages that nobody reads soon, and the fsync at the end finds nothing left to do. The
 * price: whoever reads the file next reads the disk. A file below one chunk is written plainly.
 *
 * One thread adds. Memory: two chunks.
 */
#ifndef PIPE_BEHIND_H
#define PIPE_BEHIND_H

#include "base/str.h"

struct oc_behind;

/* Creates the file, or empties it. */
int oc_behind_open(struct oc_behind **b, const char *path, struct oc_err *err);
/* Copies the bytes. What went wrong with earlier ones may be told here, or by close. */
int oc_behind_add(struct oc_behind *b, const void *p, size_t len, struct oc_err *err);
/* Nothing more comes: begins to write the rest and to fsync. So two files sync side by side. */
void oc_behind_end(struct oc_behind *b);
/* Waits until the file is on the disk, and frees b, also on error. */
int oc_behind_close(struct oc_behind *b, struct oc_err *err);
/* Closes without sync, whatever is in it. NULL is fine. */
void oc_behind_abandon(struct oc_behind *b);

#endif
