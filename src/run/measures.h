/*
 * measures.h: what the report says of the rows that went out: origins, depths, founders, lengths,
 * licences, and the examples it shows. Integers are added from any thread, all else in row order.
 */
#ifndef RUN_MEASURES_H
#define RUN_MEASURES_H

#include "data/row.h"

struct oc_measures;

/* `unique`: no row is repeated and none descends from another, so founders need not be told apart;
 * else they are sorted, on disk where an eighth of the memory is not enough. Of `env`: ctx,
 * work_dir, memory. */
struct oc_measures *oc_measures_new(bool unique, const struct oc_env *env);
void oc_measures_free(struct oc_measures *m);
/* Any thread, once per row that goes out, before its format is changed: lengths. */
void oc_measures_row(struct oc_row *row);
/* In row order, once per row of the output pass: founders, origins, depths, examples. */
int oc_measures_count(struct oc_measures *m, const struct oc_row *row, struct oc_err *err);
/* After the last row, before oc_measures_write. */
int oc_measures_end(struct oc_measures *m, struct oc_err *err);
/* A JSON object: members origin, depth, founders, lengths, licenses, tokens, examples. */
void oc_measures_write(const struct oc_measures *m, struct oc_buf *b);

/* Tokens of a text when no tokenizer is at hand: bytes / 4, rounded up. */
static inline uint64_t oc_tokens_about(size_t bytes)
{
	return (bytes + 3) / 4;
}

#endif
