/*
 * duck_json.h: a column of DuckDB's vectors as JSON.
 *
 *   integers                 their digits, above 2^53 too
 *   DECIMAL                  a number with all its digits: 12.50
 *   FLOAT, DOUBLE            the shortest text that reads back as the same value, with a point or
 *                            an exponent: 1.0; NaN is null; an infinity has no JSON: see put
 *   DATE, TIME, TIMESTAMP    ISO 8601: "2024-02-29", "13:05:00.25", "2024-02-29T13:05:00"; with a
 *                            Z where the file says that it is UTC; fractions without end zeros
 *   INTERVAL                 ISO 8601: "P1M2DT3.5S"
 *   VARCHAR, UUID            strings; a column marked JSON that holds valid JSON: that value
 *   LIST, ARRAY              arrays
 *   STRUCT                   objects; NULL members are there, as null
 *   MAP                      an object where keys are strings, else an array of {key, value}
 *   NULL                     null
 *   BLOB and all else        refused when the column is opened
 */
#ifndef PIPE_DUCK_JSON_H
#define PIPE_DUCK_JSON_H

#include "base/str.h"
#include "pipe/duck_abi.h"

/* A column, or a part of a nested one. */
struct oc_duck_column;

/* `type` is the library's logical type, which stays the caller's. An error names the column. */
int oc_duck_column_new(struct oc_duck_column **c, const struct oc_duck *d, void *type,
                       struct oc_str name, struct oc_err *err);
void oc_duck_column_free(struct oc_duck_column *c);                /* NULL is fine */
struct oc_str oc_duck_column_name(const struct oc_duck_column *c); /* as a JSON string */
/* Turns to the vector of the next chunk, which must live while values are put. */
void oc_duck_column_bind(struct oc_duck_column *c, void *vector);
/* Appends `"name":value` of a row of the chunk. False: JSON has no such value (an infinity). */
bool oc_duck_column_put(const struct oc_duck_column *c, uint64_t row, struct oc_buf *b);

#endif
