/* rows.h: rows as the verbs that look into a run print them. */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include "run/lookup.h"

/* One line of JSON, with its newline. */
void oc_rows_json(struct oc_buf *b, const struct oc_found *f);
/* A few lines for people. */
void oc_rows_text(struct oc_buf *b, const struct oc_found *f, struct oc_arena *a);
/* Members of an object, indented; control characters become a middle dot. */
void oc_rows_members(struct oc_buf *b, yyjson_val *object, unsigned indent);
/* "words/too_short: drop 1 (limit 3)", and the evidence. */
void oc_rows_verdict(struct oc_buf *b, yyjson_val *verdict);
/* Text with every line indented, controls replaced, cut behind `max` bytes. */
void oc_rows_block(struct oc_buf *b, struct oc_str text, unsigned indent, size_t max);

#endif
