/*
 * against.h: the rows of the files that a stage is told to compare with (its option `against:`).
 *
 * A name or a pattern, relative to the plan; .gz and .zst are seen through. The end of a file's
 * name says what it holds:
 *
 *   .jsonl, .json   rows, one a line or as one array
 *   .csv, .tsv      rows, the first record names the columns; types are those of source_csv.c
 *   .parquet        rows, where DuckDB's library is installed
 *   any other       texts, one a line; lines with nothing on them are passed over
 *
 * A record that should be a row and is none is an error that names it: what one compares with is
 * not guessed at. So is a zero byte in a text: that is some other kind of file.
 */
#ifndef PIPE_AGAINST_H
#define PIPE_AGAINST_H

#include "data/row.h"

/* For the help of such an option. */
#define OC_AGAINST_ROWS  ".jsonl, .json, .csv, .tsv or .parquet"
#define OC_AGAINST_TEXTS "any other file is text, a line each; also .gz and .zst"

/*
 * Called for every row in order, on the thread of the caller. The row has span, ped.row (its number
 * among the rows of its file, from 0), root or, of a file of texts, root NULL and raw the line, and
 * the key "FILE:N": N is its line, in an array and in Parquet its number from 1. What it points to
 * lives until the function returns.
 */
typedef int oc_against_fn(void *user, struct oc_row *row, struct oc_err *err);

/* One element of the option's list. Memory: the longest row and some megabytes; of Parquet, a child
 * process that may hold half of env->memory. */
int oc_against_each(const struct oc_env *env, yyjson_val *name, oc_against_fn *fn, void *user,
                    struct oc_err *err);

#endif
