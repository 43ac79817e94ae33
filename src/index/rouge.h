/*
 * rouge.h: "is this text new?", decided as the published instruction filters decide it.
 *
 * The filter (Wang et al., "Self-Instruct", ACL 2023; Stanford Alpaca) compares every candidate
 * with everything kept so far by ROUGE-L over tokens [a-z0-9]+ and refuses it when the largest
 * score is strictly above a threshold. For token lists of lengths m and n with a longest common
 * subsequence of L tokens, P = L/n, R = L/m, F = 2*P*R/(P+R); F = 0 when a side is empty.
 *
 * The answers are the same as comparing with everything, ties included: F is computed in doubles in
 * exactly that order of operations, because on exact ties (20 L = 7 (m + n) at 0.7) the rounding
 * decides. Only pairs that integers prove to be below the threshold are skipped:
 *
 *   - L is at most the number of tokens in common, and F >= t needs at least a = t m / (2 - t)
 *     of them; so an inverted index is read for the m - a + 1 rarest tokens only (prefix filter);
 *   - the rest is counted against 2 L >= t (m + n), inclusive;
 *   - what remains gets a bit-parallel LCS, 64 tokens a word (Hyyro, "Bit-parallel LCS-length
 *     computation revisited", 2004).
 *
 * One thread at a time. Adding is O(tokens); a search reads the rare tokens' postings. Memory is
 * about 8 bytes a token, 40 bytes a text and 100 bytes a distinct token.
 */
#ifndef INDEX_ROUGE_H
#define INDEX_ROUGE_H

#include "index/disk.h"
#include "text/view.h"

struct oc_rouge;

struct oc_rouge_hit {
	uint32_t item; /* number of the text, in the order of adding, from 0 */
	double f;      /* its ROUGE-L with the candidate */
};

/* threshold in [0, 1]: a candidate is refused when F > threshold. */
struct oc_rouge *oc_rouge_new(double threshold);
void oc_rouge_free(struct oc_rouge *r);

/* Puts a text into the index and returns its number. Words as oc_text_rouge makes them; copied. */
uint32_t oc_rouge_add(struct oc_rouge *r, const struct oc_words *words);

/*
 * True when some text has F > threshold: *hit is the nearest one, the earliest among equals.
 */
bool oc_rouge_find(struct oc_rouge *r, const struct oc_words *words, struct oc_rouge_hit *hit);

/* The same answer by comparing with every text (bit-parallel, no index): the judge of find. */
bool oc_rouge_find_all(struct oc_rouge *r, const struct oc_words *words, struct oc_rouge_hit *hit);

/*
 * The `top_n` most similar texts, best first, the earlier among equals, and the mean F over all
 * texts: compares with everything. Returns how many there are (at most top_n).
 */
uint32_t oc_rouge_top(struct oc_rouge *r, const struct oc_words *words, struct oc_rouge_hit *top,
                      uint32_t top_n, double *mean);

/*
 * Sections vocabulary, vocabulary_len (u32), ids (u32), texts (u32 tokens each) of an index on
 * disk, and adding all texts of one: as if they had been added in their order. O(tokens).
 */
int oc_rouge_save(const struct oc_rouge *r, struct oc_index_writer *w, struct oc_err *err);
int oc_rouge_load(struct oc_rouge *r, struct oc_index *ix, struct oc_err *err);

uint32_t oc_rouge_count(const struct oc_rouge *r);
uint64_t oc_rouge_filled(const struct oc_rouge *r);   /* of them, what texts fill */
uint64_t oc_rouge_memory(const struct oc_rouge *r);   /* bytes held, about */
uint64_t oc_rouge_lcs_runs(const struct oc_rouge *r); /* LCS computed since it was made */

/* F of two token lists by the textbook table, O(m n); and the expression alone. */
double oc_rouge_l(const struct oc_words *a, const struct oc_words *b);
double oc_rouge_f(uint32_t lcs, uint32_t m, uint32_t n);

#endif
