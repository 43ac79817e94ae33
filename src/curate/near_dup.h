/*
 * near_dup.h: what the stage near_dup observed, read back: shared by the removal of near duplicates
 * and by the clusters a holdout is drawn from.
 *
 * Four streams, in row order, one entry per row that has words:
 *
 *   0  struct oc_dup_row
 *   1  the row's band hashes, `bands` of u64
 *   2  its shingles, ascending, shingle_n of u64
 *   3  its key, key_len bytes
 *
 * Everything else (offsets, candidates, results) is sorted and kept on disk; what is counted
 * against `memory` are the buffers of the sorts. Rows are told apart by their ordinal among the
 * rows with words; there may be 2^32 - 2 of them.
 */
#ifndef CURATE_NEAR_DUP_H
#define CURATE_NEAR_DUP_H

#include "index/minhash.h"
#include "pipe/spill.h"

#define OC_DUP_STREAMS 4

struct oc_dup_row {
	uint64_t number; /* row->number */
	uint32_t shingle_n, key_len;
};

struct oc_dup_opts {
	uint32_t ngram, bands, rows, cap;
	double threshold;
};

/* The streams, mapped. */
struct oc_dups {
	struct oc_ctx *ctx;
	const char *name, *dir;
	struct oc_dup_opts opts;
	const struct oc_dup_row *rows; /* (row_n) */
	uint32_t row_n;
	const uint64_t *band;      /* (row_n, bands) */
	const uint64_t *shingles;  /* of all rows */
	const char *keys;          /* of all rows */
	const uint64_t *places;    /* (row_n, 2): where its shingles and its key begin */
	struct oc_spill *place_of; /* owner of places */
};

int oc_dups_open(struct oc_dups *d, struct oc_ctx *ctx, const char *name,
                 const struct oc_dup_opts *opts, struct oc_spill *spill, struct oc_err *err);
void oc_dups_close(struct oc_dups *d);

/* J of two rows when it reaches the threshold, else -1. */
double oc_dups_compare(const struct oc_dups *d, uint32_t a, uint32_t b);

/*
 * Calls `member` for every row of every run of two or more equal band hashes, runs one after the
 * other, rows ascending within a run; `first` marks the first of a run. Sorts within `memory`
 * bytes.
 */
typedef int oc_dup_member_fn(void *user, uint32_t row, bool first, struct oc_err *err);
int oc_dups_runs(const struct oc_dups *d, uint64_t memory, oc_dup_member_fn *member, void *user,
                 struct oc_err *err);

/*
 * The judge of the removal: every row against every row kept before, O(row_n^2). witness[row] is
 * the first kept row it resembles, or UINT32_MAX when it stays.
 */
void oc_dups_judge(const struct oc_dups *d, uint32_t *witness);

/*
 * Near-duplicate clusters: cluster[n] = the smallest number of a row connected with row n by
 * verified near duplicates, for n in 0..row_n-1; a row without any is its own. `near_dup` is an
 * opened stage of that name, `spill` what its observe wrote for those rows. The clusters are a pure
 * function of the rows and the stage's options. Memory: 4 bytes a row besides `memory` of the
 * spill.
 */
int oc_cluster_rows(void *near_dup, struct oc_spill *spill, uint64_t row_n, uint64_t *cluster,
                    struct oc_err *err);

/* Of an opened stage: its context, name and options. */
void oc_near_dup_about(const void *near_dup, struct oc_ctx **ctx, const char **name,
                       struct oc_dup_opts *opts);

#endif
