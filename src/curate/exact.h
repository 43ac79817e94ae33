/*
 * exact.h: a text cut into paragraphs, lines or sentences that are compared, and put together again
 * without some of them. All memory from the arena; O(bytes).
 */
#ifndef CURATE_EXACT_H
#define CURATE_EXACT_H

#include "base/hash.h"

enum oc_piece_kind { OC_PIECE_ROW, OC_PIECE_PARAGRAPH, OC_PIECE_LINE, OC_PIECE_SENTENCES };

struct oc_piece_opts {
	enum oc_piece_kind what;
	bool simplified;
	uint32_t min_words; /* a hash of fewer words is not made */
};

/* Pieces follow each other without gaps: white space belongs to the piece before it, that at the
 * start to the first; before a sentence, to that sentence. */
struct oc_piece {
	uint32_t from, to; /* bytes of the text */
	bool gone;
};

/* A paragraph, a line, or three sentences in a row. */
struct oc_piece_hash {
	struct oc_hash128 hash;
	uint32_t first, n; /* pieces */
};

struct oc_pieces {
	struct oc_str text;
	struct oc_piece *pieces; /* (piece_n) */
	uint32_t piece_n;
	struct oc_piece_hash *hashes; /* (hash_n) in order */
	uint32_t hash_n;
};

/* `room` is scratch. A text of 4 GiB or more is not cut. */
struct oc_pieces oc_pieces_cut(struct oc_arena *a, struct oc_str text,
                               const struct oc_piece_opts *opts, struct oc_buf *room);
/* The pieces of hash number i are gone. */
void oc_pieces_mark(struct oc_pieces *p, uint32_t i);
/* The bytes of hash number i. */
struct oc_str oc_pieces_span(const struct oc_pieces *p, uint32_t i);
/* What is left, without the line ends that lie behind it where the last piece is gone. */
struct oc_str oc_pieces_join(struct oc_arena *a, const struct oc_pieces *p);

/* Sentences of a text, as oc_token_sentences counts them. */
uint32_t oc_text_sentences(struct oc_arena *a, struct oc_str text);

#endif
