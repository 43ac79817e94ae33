/*
 * chunk.h: a document cut into chunks, by byte ranges.
 *
 * A token is estimated as four bytes of UTF-8, which needs no model and makes a budget of tokens a
 * budget of bytes. The document is seen as blocks (paragraphs between blank lines; in Markdown also
 * headings and fenced code). Each chunk is a core, optionally with text before it that repeats the
 * end of the previous one:
 *
 *  - The cores are disjoint, in order, hold all of the document but white space between them, and
 *    each has at most tokens - overlap tokens.
 *  - A core holds whole units (paragraphs, sentences or words), as many as fit, or one with !pack.
 *    What is larger than a core is cut at the next finer boundary: sentence, word, character.
 *  - Fenced code is never cut unless larger than a core; then between its lines.
 *  - A Markdown heading begins a core, so a chunk has one section; a heading stays with what
 *    follows it.
 *  - The repeated part begins at a sentence if one begins within `overlap` tokens, else at a word;
 *    it never reaches beyond the core before, into another section or into part of a fence.
 *
 * The text of a chunk is exactly the document's bytes [start, end).
 */
#ifndef PIPE_CHUNK_H
#define PIPE_CHUNK_H

#include "base/str.h"

#define OC_TOKEN_BYTES 4

enum oc_chunk_by { OC_CHUNK_PARAGRAPH, OC_CHUNK_SENTENCE, OC_CHUNK_TOKENS };

struct oc_chunk_opts {
	enum oc_chunk_by by;
	size_t tokens, overlap; /* tokens of a chunk; of them at most so many repeated, < tokens */
	bool pack, markdown;
};

struct oc_chunk {
	size_t start, core, end; /* start <= core < end; core: where the new text begins */
	struct oc_str section;   /* "Title > Part", or empty; valid until the next call */
};

struct oc_chunker;
/* The text is borrowed. O(n). */
struct oc_chunker *oc_chunker_new(struct oc_str text, const struct oc_chunk_opts *opts);
bool oc_chunker_next(struct oc_chunker *c, struct oc_chunk *out);
void oc_chunker_free(struct oc_chunker *c);

#endif
