/* row.h: what stages and sources do with a row. All memory comes from the row's arena. */
#ifndef DATA_ROW_H
#define DATA_ROW_H

#include "data/json.h"

/* A field's text: the string at a path ("answer", "messages.1.content"). Numbers and booleans give
 * their JSON text, absent gives an empty string and false. */
bool oc_row_field(const struct oc_row *row, struct oc_str path, struct oc_str *out);

/*
 * Replaces, or appends, a top-level member with the JSON text `value`; the other members keep their
 * bytes. Parses the row anew and forgets its view.
 */
int oc_row_set(struct oc_row *row, struct oc_str key, struct oc_str value, struct oc_err *err);

/* The whole row anew: `raw` is an object's text in one line. Parses it and forgets the view. */
int oc_row_replace(struct oc_row *row, struct oc_str raw, struct oc_err *err);

/* Appends a verdict. `evidence` is a JSON value's text or empty. Strings are copied. */
struct oc_verdict *oc_row_verdict(struct oc_row *row, const char *stage, const char *rule,
                                  enum oc_result result, struct oc_str evidence);
/* As above with the measured number and its limit. */
struct oc_verdict *oc_row_score(struct oc_row *row, const char *stage, const char *rule,
                                enum oc_result result, double score, double threshold,
                                struct oc_str evidence);
/* The same without copies and evidence: both names must live as long as the row. */
struct oc_verdict *oc_row_score_named(struct oc_row *row, struct oc_str stage, struct oc_str rule,
                                      enum oc_result result, double score, double threshold);
/* Verdict OC_DROP and fate OC_REJECTED / verdict OC_UNDECIDED and fate OC_HELD. */
void oc_row_reject(struct oc_row *row, const char *stage, const char *rule, struct oc_str evidence);
void oc_row_hold(struct oc_row *row, const char *stage, const char *rule, struct oc_str evidence);
/* What a source does with a record it cannot read: rejects as read/RULE; the evidence is a sentence
 * that begins with the file and line of the row's span. */
void oc_row_unreadable(struct oc_row *row, const char *rule, const char *why);
/* Appends {"by":..,"what":..} to the pedigree's edits. */
void oc_row_edited(struct oc_row *row, struct oc_str by, struct oc_str what);

/* Deep copy into another arena (views and notes are left behind); a parsed row is parsed anew. */
void oc_row_copy(struct oc_row *to, const struct oc_row *from, struct oc_arena *a);

/* `states` belongs to whoever sets it (the pass): it is neither reset nor freed here. */
struct oc_row *oc_batch_add(struct oc_batch *b); /* a zeroed row; NULL when full */

/*
 * Pedigree and verdicts as one line of JSON (no newline), and back; what is read is written as the
 * identical bytes. Members in this order, empty ones omitted:
 *
 *   key, id, origin, depth (">=2" when at least), parents, founders (of a real row: only when an
 * earlier run named it), source {file, row, offset, len, license}, recipe, model, params, requests,
 * edits, verdicts, review, the members of `extra`, hash (XXH3-128 of raw, 32 hex digits)
 *
 * `extra` must not use those names. Not in the line: the index ped.source, span.line, fate, test.
 * All verdicts are written; for kept rows of an output call oc_verdicts_settle first. A line whose
 * hash is not that of row->raw (when that is set) is an error. Well under a microsecond for a real
 * row.
 */
void oc_pedigree_write(struct oc_buf *b, const struct oc_row *row);
int oc_pedigree_read(struct oc_row *row, struct oc_str json, struct oc_err *err);
void oc_verdicts_write(struct oc_buf *b, const struct oc_row *row); /* a JSON array */

/* Parks the verdicts that neither changed nor flagged the row (OC_KEEP) behind the others: they are
 * not written. A verdict added later takes their place. */
void oc_verdicts_settle(struct oc_row *row);

const char *oc_origin_name(enum oc_origin origin);
int oc_origin_parse(struct oc_str text); /* -1 = none of them */
const char *oc_fate_name(enum oc_fate fate);
const char *oc_result_name(enum oc_result result);

#endif
