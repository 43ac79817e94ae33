/* value.h: a measured value as people read it, for page and terminal alike. */
#ifndef REPORT_VALUE_H
#define REPORT_VALUE_H

#include "data/json.h"

/* The number at a path of the facts ("rows.train"); 0 where there is none. */
double oc_fact_num(yyjson_val *facts, const char *path);

/* "12,345 rows", "3.2 %" (unit "share"), "not measured" (null); a text is itself. Not escaped. */
void oc_measured_text(struct oc_buf *b, yyjson_val *v, struct oc_str unit);
/* The same without the unit, for a column whose head names it; a share keeps its %. */
void oc_measured_cell(struct oc_buf *b, yyjson_val *v, struct oc_str unit);

/* Rows' text can hold what moves a terminal's cursor or turns the direction of writing: from byte
 * `from` on, control characters but new lines become spaces, marks of direction go. */
void oc_terminal_safe(struct oc_buf *out, size_t from);

/* What a stage's `heldout` figures were measured on. */
struct oc_str oc_measured_reference(yyjson_val *stage);

#endif
