/*
 * parquet_types.h: the columns that hold given rows, each with the narrowest type that keeps every
 * value of it.
 *
 *   true, false             BOOLEAN
 *   integers                BIGINT; UBIGINT where one is above 2^63-1 and none is negative
 *   numbers with a point    DOUBLE, also among integers as long as these are at most 2^53
 *   strings                 VARCHAR (also of a column that is null throughout)
 *   arrays                  lists of the type that holds all their items
 *   objects                 structs of all members met, at most 256
 *   anything else           JSON: the value's text, which readers that know no such type see as a
 *                           string: values of several types, integers of more than 64 bits, empty
 *                           or too many members, names that differ only in case, depth above 32
 *
 * Any value may be null; a member that a row lacks is null.
 */
#ifndef PIPE_PARQUET_TYPES_H
#define PIPE_PARQUET_TYPES_H

#include "data/json.h"

struct oc_parquet_types;

struct oc_parquet_types *oc_parquet_types_new(void);
void oc_parquet_types_free(struct oc_parquet_types *t); /* NULL is fine */
/* Widens the columns by a row, an object. O(values). */
void oc_parquet_types_see(struct oc_parquet_types *t, yyjson_val *row);
/* [["name","TYPE"], ...] in the order in which rows first showed them, TYPE as SQL writes it. Fails
 * where columns cannot have these names: none, empty, equal but for case. */
int oc_parquet_types_write(const struct oc_parquet_types *t, struct oc_buf *b, struct oc_err *err);

#endif
