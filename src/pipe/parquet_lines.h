/* parquet_lines.h: the rows of a Parquet file as a stream of JSON lines, for readers of a run's
 * out/ that go through files line by line. */
#ifndef PIPE_PARQUET_LINES_H
#define PIPE_PARQUET_LINES_H

#include <stdio.h>

#include "base/str.h"

/* Opens a file of JSON lines, or, where its name ends in .parquet, one in which each row is such a
 * line (source_parquet.c says how values look). Reading fails with EIO where the library does. */
FILE *oc_rows_open(const char *path, struct oc_err *err);
/* The lineage of a run's data file: .../data/NAME -> .../lineage/NAME, always .jsonl. False when
 * the path is not in a folder named data. */
bool oc_rows_lineage(const char *path, char out[4096]);

#endif
