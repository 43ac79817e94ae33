/*
 * writer_parquet.h: JSON lines into Parquet, by DuckDB's library in a child process.
 *
 * The rows are read twice: for the columns (parquet_types.h), which all files of one call share,
 * and by the library, which compresses with zstd. The same rows make the same bytes. Row groups
 * hold about 64 MiB of JSON, at most 122,880 rows.
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

#endif
