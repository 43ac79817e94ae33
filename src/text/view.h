/*
 * view.h: a row's text, normalised once per leg and shared by all stages.
 *
 * Every member is made on first use and lives in the row's arena. Pure: a row is on one worker at a
 * time. The text of a row is the field named by a stage; without one it is `text`, else the strings
 * of its top-level members (and of messages[].content) in order, joined by newlines.
 */
#ifndef TEXT_VIEW_H
#define TEXT_VIEW_H

#include "data/row.h"

struct oc_words {
	const struct oc_str *word; /* (n) slices of `text` or of its lower-cased copy */
	const uint64_t *hash;      /* (n) XXH3 of each word */
	uint32_t n;
};

/* The text of `field` ("" = the whole row). */
struct oc_str oc_view_text(struct oc_row *row, struct oc_str field);
/* White-space separated (Python str.split: Unicode white space), as written. */
const struct oc_words *oc_view_words(struct oc_row *row, struct oc_str field);
/* Lower-cased runs of [a-z0-9], as ROUGE-L counts tokens (facts/generation.md section 8). */
const struct oc_words *oc_view_rouge(struct oc_row *row, struct oc_str field);
/* Lower-cased words for shingles: runs of letters and digits of any script (utf8proc). */
const struct oc_words *oc_view_fold(struct oc_row *row, struct oc_str field);

#endif
