/* writer_csv.h: rows as CSV lines (RFC 4180 quotes, LF). */
#ifndef PIPE_WRITER_CSV_H
#define PIPE_WRITER_CSV_H

#include "data/row.h"

/* Columns of a CSV file, in order. */
struct oc_columns {
	const struct oc_str *names; /* (n) */
	uint32_t n;
};

void oc_csv_header(struct oc_buf *b, const struct oc_columns *columns);
/*
 * Appends the line of a parsed row. null and absent members are empty, the empty string is "",
 * numbers keep their text, lists and objects are their JSON text: the source csv reads back what
 * this writes. A member that is no column is an error that names row and member. O(n).
 */
int oc_csv_row(struct oc_buf *b, const struct oc_columns *columns, const struct oc_row *row,
               struct oc_err *err);

#endif
