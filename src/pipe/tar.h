/*
 * tar.h: archives in the POSIX ustar format, plain or .zst (independent frames).
 *
 * Members are files with mode 0644, owner 0 and a given time, so that equal contents give equal
 * bytes. Sizes above 8 GiB use the base-256 form that GNU tar and libarchive read.
 */
#ifndef PIPE_TAR_H
#define PIPE_TAR_H

#include "base/str.h"

struct oc_tar;

/* Writes PATH.tmp; close renames it to PATH. Compressed when the name ends in .zst. */
int oc_tar_open(struct oc_tar **t, const char *path, struct oc_err *err);
/* A member from a file (with its time) or from memory (`time` in Unix seconds). Names are relative,
 * parted by slashes, at most 255 bytes with a slash among the last 100. */
int oc_tar_file(struct oc_tar *t, const char *name, const char *path, struct oc_err *err);
int oc_tar_text(struct oc_tar *t, const char *name, struct oc_str text, int64_t time,
                struct oc_err *err);
int oc_tar_close(struct oc_tar *t, struct oc_err *err); /* frees t, also on error */
void oc_tar_abandon(struct oc_tar *t);                  /* removes the temporary; NULL is fine */

#endif
