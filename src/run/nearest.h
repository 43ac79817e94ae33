/*
 * nearest.h: the real row to stand beside a machine-made one, for people who look at it.
 *
 * All real rows pass by once, in order; the rows they are sought for stay (index/closest.h). So the
 * memory does not grow with the real rows: a row per thread and row sought for, and 60 bytes a word
 * of these. 1 million real rows of 40 words take 2.5 s of the processor for 20 rows sought for and
 * 30 s for 2,000 (bench/bench_nearest.c). The answer is that of comparing all with all: the
 * highest ROUGE-L, the earliest among equals.
 */
#ifndef RUN_NEAREST_H
#define RUN_NEAREST_H

#include "data/row.h"

struct oc_nearest;

struct oc_near {
	bool found;
	struct oc_str key, row; /* the real row's */
	double rouge;           /* ROUGE-L, 0..1 */
};

/*
 * `begins`: a real row that begins with the same text (its first member that is one: the same
 * question or instruction, so that two answers to it can be compared) comes before all others, the
 * first of them wins.
 */
struct oc_nearest *oc_nearest_new(unsigned threads, bool begins);
void oc_nearest_free(struct oc_nearest *n);

/* A row one is sought for, by its JSON text; all of them before the first real row. From 0. */
uint32_t oc_nearest_ask(struct oc_nearest *n, struct oc_str row);
/* The next real rows, in order. */
void oc_nearest_offer(struct oc_nearest *n, const struct oc_str *keys, const struct oc_str *rows,
                      uint32_t row_n);
/* When all have been offered: valid until oc_nearest_free. */
struct oc_near oc_nearest_get(struct oc_nearest *n, uint32_t i);

/* ,"nearest":{"key","rouge_l","row"}, or nothing when there is none. */
void oc_near_write(struct oc_buf *b, const struct oc_near *near);

/*
 * Appends the array `examples` ([{key, row}], run/measures.h) with a member `nearest` in each: out
 * of the real train rows of the run folder `dir`.
 */
int oc_nearest_write(struct oc_buf *b, const char *dir, unsigned threads, yyjson_val *examples,
                     struct oc_err *err);

#endif
