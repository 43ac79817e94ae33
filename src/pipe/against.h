/*
 * against.h: the rows of the files that a stage is told to compare with (its option `against:`).
 *
 * A name or a pattern, relative to the plan; .gz and .zst are seen through. A file whose name ends
 * in .jsonl or .json holds rows, one a line or as one array; of any other, every line that is not
 * empty is a text. A line that should be a row and is none is an error that names it: what one
 * compares with is not guessed at.
 */
#ifndef PIPE_AGAINST_H
#define PIPE_AGAINST_H

#include "data/row.h"

/*
 * Called for every row in order: key "FILE:LINE", span, and root or, of a file of texts, root NULL
 * and raw the line. What it points to lives until the function returns.
 */
typedef int oc_against_fn(void *user, struct oc_row *row, struct oc_err *err);

/* One element of the option's list. Memory: the longest row. */
int oc_against_each(const struct oc_env *env, yyjson_val *name, oc_against_fn *fn, void *user,
                    struct oc_err *err);

#endif
