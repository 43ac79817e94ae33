/*
 * csv.h: CSV text to fields (RFC 4180), for the source csv.
 *
 * A field that begins with a quote ends with the next quote that is not doubled, and may hold
 * delimiters and line endings. A quote elsewhere in a field is an ordinary character.
 */
#ifndef PIPE_CSV_H
#define PIPE_CSV_H

#include "base/str.h"

enum oc_csv_type { OC_CSV_AUTO, OC_CSV_INT, OC_CSV_NUM, OC_CSV_BOOL, OC_CSV_STR };

struct oc_csv_field {
	struct oc_str raw; /* between its quotes, doubled quotes still doubled */
	bool quoted, doubled;
};

/* Whether a line leaves a quoted field open. `open`: as the line before it did. O(n). */
bool oc_csv_open(struct oc_str line, char delimiter, bool open);

/*
 * The next field of a record from *at (start with 0) on. 1: a field; 0: no more; -1: text stands
 * behind a closing quote, or the quote is never closed. `trim`: spaces around a field are not part
 * of it.
 */
int oc_csv_next(struct oc_str record, char delimiter, bool trim, size_t *at,
                struct oc_csv_field *field);

/* The field's text; doubled quotes are undone in the arena. */
struct oc_str oc_csv_text(const struct oc_csv_field *field, struct oc_arena *a);

/* The narrowest type of a text: int, num (a JSON number), bool (true/false in any of three cases)
 * or str. "007", "+1" and ".5" are no numbers: their bytes mean something. */
enum oc_csv_type oc_csv_type_of(struct oc_str text);
/* The type that holds both. */
enum oc_csv_type oc_csv_join(enum oc_csv_type a, enum oc_csv_type b);
int oc_csv_type_parse(struct oc_str name); /* -1 = none of auto, int, num, bool, str */
const char *oc_csv_type_name(enum oc_csv_type t);

#endif
