/*
 * special.h: the chunks that spaCy's English tokenizer treats by list: abbreviations, faces and
 * contractions. U+2019 counts as an apostrophe. Everything O(1): longer texts are never special.
 */
#ifndef TEXT_SPECIAL_H
#define TEXT_SPECIAL_H

#include "base/str.h"

#define OC_SPECIAL_MAX 24 /* bytes of the longest */

/* Is s a special case? Then it is *n tokens (1 to 3), cut at cut[0..n-2] (bytes of s). */
bool oc_token_special(struct oc_str s, unsigned *n, size_t cut[2]);
/* Copies to `out`, NUL behind, with U+2019 as an apostrophe; from[i] is where byte i stood. False
 * when it is too long. */
bool oc_token_plain(struct oc_str s, char out[OC_SPECIAL_MAX + 1], uint8_t from[OC_SPECIAL_MAX + 1],
                    size_t *len);
/* Of plain text, NUL behind: is it one that stays one token although it holds marks? */
bool oc_token_whole(const char *s, size_t len);
/* Lengths (bit n: n letters) of the contractions without an apostrophe, by last and first letter.
 */
extern const uint16_t oc_token_bare_lengths[26][26];
/* Of letters only (at least one): may a contraction cut them? False is certain, and the answer for
 * nearly every word. */
static inline bool oc_token_bare(const char *s, size_t len)
{
	unsigned first = (unsigned)(s[0] | 0x20) - 'a', last = (unsigned)(s[len - 1] | 0x20) - 'a';

	return len <= 10 && oc_token_bare_lengths[last][first] >> len & 1;
}
/* Of plain text (no NUL needed): the number of places where a contraction is cut, 0 to 2. */
unsigned oc_token_contraction(const char *s, size_t len, size_t cut[2]);

#endif
