/*
 * writer_parquet.h: JSON lines into Parquet, by DuckDB's library in a child process.
 *
 * The rows are looked at once for the columns (parquet_types.h), which all files of one call share,
 * and read once by the library, which compresses with zstd, level 1. The same rows make the same
 * bytes. Row groups hold about 64 MiB of JSON, by the first 4 MiB of rows, at most 122,880 rows.
 *
 * A file can be followed while its rows are still being written: once 4 MiB are there, the library
 * begins with the columns that these rows have, and is given the rest through a named pipe as it
 * comes. Where a later row needs another column or a wider type, what was made is thrown away and
 * the file made anew from the rows, so the bytes are the same either way.
 */
#ifndef PIPE_WRITER_PARQUET_H
#define PIPE_WRITER_PARQUET_H

#include "base/ctx.h"
#include "pipe/parquet_types.h"

struct oc_parquet_file {
	const char *rows;    /* JSON lines, as we write them; stays */
	const char *parquet; /* to be made; synced, and gone after an error */
};

int oc_parquet_write(struct oc_ctx *ctx, const struct oc_parquet_file *files, unsigned n,
                     struct oc_err *err);

struct oc_parquet_follower;

/* file->rows exists, and is appended to from now on. */
int oc_parquet_follow(struct oc_parquet_follower **p, struct oc_ctx *ctx,
                      const struct oc_parquet_file *file, struct oc_err *err);
/* So many bytes lie in the file by now. */
void oc_parquet_grown(struct oc_parquet_follower *p, uint64_t len);
/* All rows are there: makes the file. Frees p, also on error. `anew` (may be NULL): whether what
 * was made while rows came had to be thrown away. */
int oc_parquet_end(struct oc_parquet_follower *p, bool *anew, struct oc_err *err);
void oc_parquet_drop(struct oc_parquet_follower *p); /* nothing is made; NULL is fine */

#endif
