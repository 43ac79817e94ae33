/*
 * view.h: a row's text, normalised once per leg and shared by all stages.
 *
 * Every member is made on first use and lives in the row's arena; oc_row_set forgets it. Pure: a
 * row is on one worker at a time. The text of a row is the field named by a stage; without one it
 * is the member `text`, else the strings of its top-level members (and of messages[].content) in
 * order, joined by newlines. A field that is absent, or is neither string, number nor boolean, is
 * an empty text. Everything here is O(bytes of the text), once.
 */
#ifndef TEXT_VIEW_H
#define TEXT_VIEW_H

#include "data/row.h"
#include "text/marks.h"
#include "text/tokens.h"

struct oc_words {
	const struct oc_str *word; /* (n) slices of `text` or of its lower-cased copy */
	const uint64_t *hash;      /* (n) XXH3 of each word */
	uint32_t n;
};

/* The text of `field` ("" = the whole row). */
struct oc_str oc_view_text(struct oc_row *row, struct oc_str field);
/*
 * Lower-cased, code point by code point (utf8proc's simple mapping; only U+0130 gives two, i and
 * U+0307, as Python's lower() has it). Invalid UTF-8 stays as it is.
 */
struct oc_str oc_view_lower(struct oc_row *row, struct oc_str field);
/* White-space separated (Python str.split: Unicode white space), as written. */
const struct oc_words *oc_view_words(struct oc_row *row, struct oc_str field);
/* Their number alone: no list is made where none is wanted. */
uint32_t oc_view_word_count(struct oc_row *row, struct oc_str field);
/* Words of a string of the row: looked up when a stage has counted that field. */
uint32_t oc_view_words_in(const struct oc_row *row, struct oc_str text);
/* Lower-cased runs of [a-z0-9], as ROUGE-L counts tokens (rouge_score without stemming). */
const struct oc_words *oc_view_rouge(struct oc_row *row, struct oc_str field);
/*
 * Lower-cased words for shingles: runs of letters, marks and digits of any script (utf8proc). Each
 * ideograph and kana is a word of its own, since their scripts put no spaces between words.
 */
const struct oc_words *oc_view_fold(struct oc_row *row, struct oc_str field);

/* Where its letters, white space and line breaks are: marks.h. */
const struct oc_marks *oc_view_marks(struct oc_row *row, struct oc_str field);
/* Code points. */
size_t oc_view_chars(struct oc_row *row, struct oc_str field);
/* Words and marks as spaCy's blank English tokenizer finds them: tokens.h. */
const struct oc_tokens *oc_view_tokens(struct oc_row *row, struct oc_str field);

/* The same on bare text, without a row: all memory from the arena. */
struct oc_str oc_text_lower(struct oc_arena *a, struct oc_str text);
struct oc_words oc_text_words(struct oc_arena *a, struct oc_str text);
uint32_t oc_text_word_count(struct oc_str text); /* of oc_text_words, without the list */
struct oc_words oc_text_rouge(struct oc_arena *a, struct oc_str lower);
struct oc_words oc_text_fold(struct oc_arena *a, struct oc_str lower);
/* What a lower-cased code point is to oc_text_fold: between words, part of one, or one by itself.
 */
enum oc_word_part { OC_WORD_BREAK, OC_WORD_PART, OC_WORD_ALONE };
enum oc_word_part oc_word_part(uint32_t c);
bool oc_is_space(uint32_t c); /* Python's str.isspace for one code point */

static inline bool oc_is_space_ascii(unsigned char c)
{
	return c == ' ' || (unsigned)c - 9 < 5 || (unsigned)c - 0x1C < 4;
}

#endif
