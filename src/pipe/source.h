/*
 * source.h: what the sources that read files share.
 *
 * Their option `path:` is a list of files and patterns (*, ?, [..]), read in order as one numbered
 * sequence; "-" is standard input. gzip and zstd are recognised by their first bytes. Every input
 * is hashed while it is read, as it lies on disk, so that the lock of a run costs no second pass.
 *
 * A source fills raw, span, ped.row and, where a record is bad, the verdict; the identity (ped.key)
 * and the origin are the conductor's, who knows the plan. span.offset counts in the record's own
 * file; batch->after.offset counts through all files of the source and is what `seek` takes.
 */
#ifndef PIPE_SOURCE_H
#define PIPE_SOURCE_H

#include <sys/types.h>

#include "base/ctx.h"
#include "base/hash.h"
#include "data/json.h"

/* One input as far as it was read. */
struct oc_input {
	struct oc_str name;     /* as the plan names it; a pattern: the file it found */
	const char *path;       /* where it lies */
	struct oc_hash128 hash; /* XXH3-128 of the file's bytes, compressed if it is */
	uint64_t bytes;         /* read, on disk */
	uint64_t rows;          /* records cut from it, bad ones too */
	bool whole;             /* read to its end: hash and bytes are those of the file */
};

/*
 * The inputs of a file-reading source (oc_source_jsonl, _csv, _text, _parquet), in reading order;
 * their number, or 0 for any other source. Valid until the source is closed. Call between two
 * `next`.
 */
uint32_t oc_source_inputs(const struct oc_source_def *def, void *self,
                          const struct oc_input **inputs);

extern const struct oc_source_def oc_source_jsonl, oc_source_csv, oc_source_text, oc_source_parquet;

/* ---------------------------------------------------- for the sources themselves */

/* A list of files, read one after the other. The self of every file-reading source begins with a
 * pointer to one. */
struct oc_files;

/* `paths`: a string or an array of strings. A path that does not exist and a pattern that finds
 * nothing are errors here, before anything is read. */
struct oc_files *oc_files_open(const struct oc_env *env, yyjson_val *paths, struct oc_err *err);
void oc_files_close(struct oc_files *f);
/* Goes to the next file. 1, or 0 after the last. */
int oc_files_next(struct oc_files *f, struct oc_err *err);
/* Up to cap (> 0) uncompressed bytes of the current file; 0 at its end. */
ssize_t oc_files_read(struct oc_files *f, void *p, size_t cap, struct oc_err *err);
/* Facts of the current file. */
struct oc_input *oc_files_current(struct oc_files *f);
/* All of them, in order; their number. Valid until they are closed. */
uint32_t oc_files_inputs(const struct oc_files *f, const struct oc_input **inputs);
/* A copy that lives as long as the files: for option strings. */
struct oc_str oc_files_keep(struct oc_files *f, struct oc_str s);

#define OC_SOURCE_MAX_ROW "256MB" /* default of the option max_row */

#endif
