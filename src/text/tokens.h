/*
 * tokens.h: words and marks of a text as spaCy's blank English tokenizer finds them, which is what
 * datatrove counts. Written from its documented behaviour (spacy.io/usage/linguistic-features,
 * "how spaCy's tokenizer works"): chunks between white space; from each, prefixes and suffixes are
 * taken off in turn until what is left is a special case; what is no address is cut at infixes.
 * White space is no token here.
 *
 * What differs, on purpose: letters, cases and pictographs are the categories of Unicode, not
 * spaCy's lists of blocks; a bare IPv4 address with a path is no address; special cases are put
 * together again only inside a chunk.
 *
 * O(bytes of the text).
 */
#ifndef TEXT_TOKENS_H
#define TEXT_TOKENS_H

#include "base/str.h"

struct oc_tokens {
	const struct oc_str *word; /* (n) slices of the text, in order */
	uint32_t n;
};

/* All memory from the arena. */
struct oc_tokens oc_text_tokens(struct oc_arena *a, struct oc_str text);

/* The same of a text whose bytes were looked at already. */
struct oc_marks;
struct oc_tokens oc_text_tokens_marked(struct oc_arena *a, const struct oc_marks *m);

/*
 * Sentences of word[from..to), by spaCy's sentencizer: one ends at a token that is a single mark
 * such as . ! ? and the punctuation that follows it. The tokens must be slices of one text. O(n).
 */
uint32_t oc_token_sentences(const struct oc_str *word, uint32_t from, uint32_t to);
/* The same; first[k] is the token with which sentence k begins, for up to to - from sentences. */
uint32_t oc_token_sentence_list(const struct oc_str *word, uint32_t from, uint32_t to,
                                uint32_t *first);

/* Is c in a list of ranges {first, last}, sorted? O(log n). */
bool oc_in_ranges(const uint32_t (*ranges)[2], size_t n, uint32_t c);

#endif
