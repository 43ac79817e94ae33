/*
 * writer.h: one split of a run's out/ folder: data/SPLIT-00000-of-0000N.jsonl (or .parquet) and,
 * line for line, lineage/SPLIT-00000-of-0000N.jsonl. The shards get their names when the split is
 * whole.
 */
#ifndef PIPE_WRITER_H
#define PIPE_WRITER_H

#include "base/ctx.h"
#include "base/str.h"

#define OC_SHARD_BYTES                                                                             \
	((uint64_t)512 << 20) /* of data; a shard ends with the batch that passes it */

struct oc_writer;

int oc_writer_open(struct oc_writer **w, const char *out_dir, const char *split,
                   struct oc_err *err);
/* Whole lines, equally many of both; those of the data in pieces. What a call brings comes into one
 * shard. What went wrong with earlier bytes may be told here or by close. */
int oc_writer_add(struct oc_writer *w, const struct oc_str *data, size_t data_n,
                  struct oc_str lineage, struct oc_err *err);
/*
 * Makes the data of all `n` splits Parquet files, which get one set of columns and types
 * (writer_parquet.h), before they are closed; lineages stay JSON lines.
 */
int oc_writer_parquet(struct oc_writer **w, unsigned n, struct oc_ctx *ctx, struct oc_err *err);
/* Syncs and names the shards; a split without lines leaves no file. Frees w, also on error. */
int oc_writer_close(struct oc_writer *w, struct oc_err *err);
void oc_writer_abandon(struct oc_writer *w); /* NULL is fine */

#endif
