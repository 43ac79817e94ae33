/*
 * winnow.h: which bytes of one text stand verbatim in another.
 *
 * Texts are folded first: every run of white space becomes one space, white space at the ends goes;
 * case and everything else stay. Then k-grams are hashed and winnowed (Schleimer, Wilkerson, Aiken:
 * "Winnowing: local algorithms for document fingerprinting", SIGMOD 2003, section 3): of every
 * window of w neighbouring k-grams the one with the smallest hash is a fingerprint, the last of
 * equals. The choice depends on the window's bytes alone, so two texts that share w + k - 1 bytes
 * share a fingerprint at the same place of them, also where the text repeats itself. About
 * 2 / (w + 1) of all places are fingerprints of ordinary text, all of them in a text of one letter.
 *
 * A span is a run of equal bytes that cannot be made longer on either side, cut back to whole code
 * points. All offsets are bytes, below 2^32.
 */
#ifndef INDEX_WINNOW_H
#define INDEX_WINNOW_H

#include "base/str.h"

struct oc_fingerprint {
	uint64_t hash;
	uint32_t at; /* first byte of the k-gram in the folded text */
} __attribute__((packed));

/* From folded byte `at` on, the same byte of the text lies `shift` bytes further. */
struct oc_shift {
	uint32_t at, shift;
};

/* k and w for which every shared span of at least min_span (>= 16) bytes has a fingerprint. */
struct oc_winnow {
	uint32_t min_span, k, w;
	uint64_t leaving; /* B^(k-1) of the rolling hash */
};
void oc_winnow_init(struct oc_winnow *w, uint32_t min_span);

/* Appends the folded text to `out` and struct oc_shift to `shifts`. O(n). */
void oc_fold_space(struct oc_str text, struct oc_buf *out, struct oc_buf *shifts);
/* Where bytes [from, from + len) of the folded text, len > 0, lie in the text. O(log n). */
void oc_fold_back(struct oc_str folded, const struct oc_shift *shifts, uint32_t shift_n,
                  uint32_t from, uint32_t len, uint64_t *text_from, uint64_t *text_len);

/* Appends struct oc_fingerprint, ascending by place; returns how many. `room`: for oc_winnow_room
 * hashes. O(n). */
uint32_t oc_winnow_text(const struct oc_winnow *w, struct oc_str folded, uint64_t *room,
                        struct oc_buf *out);
size_t oc_winnow_room(const struct oc_winnow *w);

struct oc_common {
	uint32_t a, b, len; /* where the span begins in both texts; len 0 = none */
};
/* The span around a place at which both texts may agree, grown both ways; len 0 when not even the
 * bytes at that place do. O(len). */
struct oc_common oc_common_around(struct oc_str a, uint32_t a_at, struct oc_str b, uint32_t b_at);

/*
 * The judge: every span of at least min_span bytes that `a` shares with `b`, by comparing every
 * place with every other, O(|a| |b|). Sets covered[i] (|a|) to 1 for every byte of `a` in one, and
 * leaves the others alone; returns the length of the longest, 0 = none.
 */
uint32_t oc_common_judge(struct oc_str a, struct oc_str b, uint32_t min_span, uint8_t *covered);

#endif
