/*
 * mix.h: which of the rows that survived go into the data set, how often, and in which order.
 *
 *   open ─► add every row that goes on ─► plan ─► show the table ─► next, next, ... ─► close
 *
 * Rows fall into groups: source x depth (real; synthetic of depth 1, 2, ...; unknown). A share
 * names rows by source ("people"), by origin ("real", "synthetic", "unknown") or by depth
 * ("depth:1"); a row counts for the first share of the list that fits it. Quotas are whole numbers
 * by largest remainder (Hamilton), first over the shares, then over the groups inside one in
 * proportion to what is there. A quota is filled with whole rows of the group in a shuffled order,
 * as near as rows allow; how near is stated. In the shuffle a row's place among others depends on
 * the seed and its key only. Groups are then interleaved by Tijdeman's rule ("The
 * chairman assignment problem", Discrete Mathematics 32, 1980): after every prefix each group is
 * within one row of its share of the rows.
 *
 * Everything is a function of the rows in their order, the options and the seed. On disk lie 48
 * bytes a row and 24 a founder; in memory, beside buffers within the memory allowed, a bit a row.
 */
#ifndef MIX_MIX_H
#define MIX_MIX_H

#include "base/ctx.h"
#include "data/row.h"

extern const struct oc_option oc_mix_options[];

struct oc_mix_group {
	struct oc_str source; /* name */
	enum oc_origin origin;
	uint32_t depth;
	const char *share;     /* the share it counts for; "" = the rest */
	uint64_t rows, tokens; /* there */
	uint64_t quota;        /* in the unit of the total: tokens or rows */
	uint64_t used;         /* distinct rows taken */
	uint64_t taken;        /* rows taken, repeats included */
	uint64_t taken_tokens; /* of those */
	bool too_deep;         /* beyond depth_cap: takes no part */
};

struct oc_mix_founders {
	uint64_t distinct; /* real rows the mix descends from */
	double effective; /* 1 / sum of squared shares of the rows; a row is shared evenly among its
	                     founders */
};

struct oc_mix_item {
	uint64_t number; /* row: how many were added before it */
	uint32_t repeat; /* 0 = the first time */
};

struct oc_mix;

/* `opts` resolved by oc_mix_options; names of sources by pedigree.source. Of `env`: ctx, work_dir,
 * seed, memory. */
int oc_mix_open(struct oc_mix **m, yyjson_val *opts, const struct oc_str *sources,
                uint32_t source_n, const struct oc_env *env, struct oc_err *err);
void oc_mix_close(struct oc_mix *m);

/*
 * Adds a row; its number is the count of rows added before. Test rows and rows that are not live
 * are counted but take no part. tokens 0: estimated as bytes / 4, rounded up.
 */
int oc_mix_add(struct oc_mix *m, const struct oc_row *row, uint64_t tokens, struct oc_err *err);

/*
 * Sets quotas and draws the rows. A shortage under `exact`, a real floor or a number of founders
 * that cannot be reached is OC_SHORTAGE; the table can be shown then too. O(rows x log rows).
 */
int oc_mix_plan(struct oc_mix *m, struct oc_err *err);

/* The table for people, and the same as a JSON object. Valid after plan. */
void oc_mix_table(const struct oc_mix *m, struct oc_buf *out);
void oc_mix_json(const struct oc_mix *m, struct oc_buf *out);
const struct oc_mix_group *oc_mix_groups(const struct oc_mix *m, uint32_t *n);
struct oc_mix_founders oc_mix_founders(const struct oc_mix *m);

/* Was the row taken, once or more often? No: OC_UNUSED, or it took no part. */
bool oc_mix_took(const struct oc_mix *m, uint64_t number);
uint64_t oc_mix_len(const struct oc_mix *m); /* items */
/* 1: the next item of the mix in its order; 0: the end; -1. */
int oc_mix_next(struct oc_mix *m, struct oc_mix_item *item, struct oc_err *err);
void oc_mix_rewind(struct oc_mix *m);

/* Largest remainder: out[i] sum to `total` and are within 1 of total * weight[i] / sum. Ties go to
 * the lower index. */
void oc_largest_remainder(uint64_t total, const double *weights, uint32_t n, uint64_t *out);

#endif
