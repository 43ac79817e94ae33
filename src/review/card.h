/* card.h: a row of the queue as lines of text, wrapped to a width; what both doors show. */
#ifndef REVIEW_CARD_H
#define REVIEW_CARD_H

#include "review/session.h"

struct oc_card_lines {
	struct oc_str *line; /* (n) in the arena, without control characters */
	uint32_t n, cap;
	struct oc_arena *arena;
};

/* Wraps text at white space to `width` columns (wide characters count two); control characters are
 * shown as a middle dot, so that a row cannot send commands to the terminal. */
void oc_card_wrap(struct oc_card_lines *to, struct oc_str text, unsigned width);

/* Members of a row, each name on a line of its own above its value. */
void oc_card_row(struct oc_card_lines *to, yyjson_val *row, unsigned width);

/* Why it waits, then the row and its nearest real row: beside each other from 90 columns on. */
void oc_card_item(struct oc_card_lines *to, const struct oc_review_item *item, unsigned width);

/* "made:17, rejected on 2026-11-20 (wrong)": a decision taken back, without control characters. */
void oc_card_undone(struct oc_buf *b, const struct oc_review_undone *u);

unsigned oc_card_width(struct oc_str s); /* columns that a text without line ends takes */

#endif
