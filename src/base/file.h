/*
 * file.h: files that appear under their final name only when they are whole.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <glob.h>

#include "base/str.h"

/* Reads a whole file of at most `max` bytes. The buffer has a NUL behind its end. */
int oc_file_read(const char *path, size_t max, struct oc_buf *out, struct oc_err *err);

/* Writes to PATH.tmp, fsyncs, renames, fsyncs the folder. */
int oc_file_write(const char *path, const void *p, size_t len, struct oc_err *err);

/* The same without fsync, for files that may be lost with the power (status). */
int oc_file_replace(const char *path, const void *p, size_t len, struct oc_err *err);

/* write(2) until all is written or an error came. `path` is for the message. */
int oc_write_all(int fd, const void *p, size_t len, const char *path, struct oc_err *err);

int oc_mkdirs(const char *path, struct oc_err *err);    /* like mkdir -p */
int oc_fsync_dir(const char *path, struct oc_err *err); /* the folder of a file */
int oc_rename_synced(const char *from, const char *to, struct oc_err *err);
int oc_remove_tree(const char *path, struct oc_err *err); /* a missing path is fine */
/* What a plan or a command means by a path: a relative one begins at `folder` (NULL, "": here). */
const char *oc_path_from(struct oc_arena *a, const char *folder, struct oc_str path);
bool oc_file_exists(const char *path);
/* A new folder under TMPDIR, else /tmp. */
int oc_temp_folder(char path[512], struct oc_err *err);

/* Adds a path to a pattern of glob(3) in which it is to stand for itself. */
void oc_glob_quote(struct oc_buf *pattern, struct oc_str path);
/*
 * glob(3) within a folder, whose own name is no pattern ("runs [old]"); nor is the name of a file
 * that is there, brackets and all.
 */
int oc_glob(const char *dir, const char *pattern, int flags, glob_t *found);

#endif
