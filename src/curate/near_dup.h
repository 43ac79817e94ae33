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
 * An index on disk holds the same four as sections. The rows of indexes come first, then those
 * observed; each is told apart by its ordinal, of which there may be 2^32 - 2.
 *
 * Everything else (offsets, candidates, results) is sorted and kept on disk too. Maps let go of
 * their pages after so many bytes, so that the resident size stays within `memory` as well.
 */
#ifndef CURATE_NEAR_DUP_H
#define CURATE_NEAR_DUP_H

#include <stdatomic.h>

#include "data/facts.h"
#include "index/disk.h"
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
	bool contained; /* |A and B| / min(|A|, |B|) instead of Jaccard */
	bool datatrove; /* its words, shingles and permutations */
};

/* Rows of one index, or those observed, mapped. */
struct oc_dup_part {
	uint32_t first, n; /* ordinals */
	const struct oc_dup_row *rows;
	const uint64_t *band;     /* (n, bands) */
	const uint64_t *shingles; /* of all its rows */
	const char *keys;
	const uint64_t *places; /* (n, 2): where a row's shingles and its key begin */
	struct oc_index *index; /* NULL: observed */
	uint64_t shingle_n, key_len;
};

struct oc_dups {
	struct oc_ctx *ctx;
	const char *name, *dir;
	struct oc_dup_opts opts;
	struct oc_dup_part *parts; /* (part_n); the last one was observed */
	unsigned part_n;
	uint32_t row_n, old_n;     /* all; those of indexes */
	struct oc_spill *place_of; /* owner of places */
	uint64_t rest_after;       /* bytes touched after which maps let go of their pages */
	atomic_ullong touched;
};

/* One row of them. */
struct oc_dup_at {
	const struct oc_dup_part *part;
	uint64_t number;
	const uint64_t *shingles; /* (shingle_n) */
	uint32_t shingle_n;
	struct oc_str key;
};

/* `indexes` (index_n) are opened by the caller, who closes them after oc_dups_close. */
int oc_dups_open(struct oc_dups *d, struct oc_ctx *ctx, const char *name,
                 const struct oc_dup_opts *opts, struct oc_index *const *indexes, unsigned index_n,
                 struct oc_spill *spill, uint64_t memory, struct oc_err *err);
void oc_dups_close(struct oc_dups *d);
struct oc_dup_at oc_dups_at(const struct oc_dups *d, uint32_t row);

/* What two rows share, in the options' measure, when it reaches the threshold, else -1. Any thread.
 */
double oc_dups_compare(struct oc_dups *d, uint32_t a, uint32_t b);

/*
 * Calls `member` for every row of every run of two or more equal band hashes, runs one after the
 * other, rows ascending within a run; `first` marks the first of a run. Only hashes of the `slice`
 * of `slice_n` equal ranges: slices may be read by several threads. Sorts within `memory` bytes.
 */
typedef int oc_dup_member_fn(void *user, uint32_t row, bool first, struct oc_err *err);
int oc_dups_runs(const struct oc_dups *d, unsigned slice, unsigned slice_n, uint64_t memory,
                 oc_dup_member_fn *member, void *user, struct oc_err *err);

/* Writes the rows of all parts as sections of an index. */
int oc_dups_save(const struct oc_dups *d, struct oc_index_writer *w, struct oc_err *err);

/*
 * The judge of the removal: every row against every row kept before, O(row_n^2). witness[row] is
 * the first kept row it resembles, or UINT32_MAX when it stays.
 */
void oc_dups_judge(struct oc_dups *d, uint32_t *witness);

/*
 * The judge of the candidates: of all pairs with low <= J < high (of a bin that ends at 1, with
 * J = 1 too), how many share a band, with the exact 95 % interval of that share and the share the
 * formula promises for those pairs. Every pair is compared: O(row_n^2). Fills found and pairs of
 * bins whose ends are given.
 */
struct oc_dup_bin {
	double low, high;
	uint64_t pairs, found;
	double at_least, at_most; /* of found / pairs */
	double expected;          /* mean of 1 - (1 - J^rows)^bands */
};
void oc_dups_recall(struct oc_dups *d, struct oc_dup_bin *bins, unsigned bin_n);

/* Adds the table of 1 - (1 - J^rows)^bands, the chance that a pair of that Jaccard index becomes a
 * candidate. */
void oc_dup_curve(struct oc_facts *f, const struct oc_dup_opts *opts);
/*
 * What these options find and cost, as an object of data/facts.h: that curve, where the threshold
 * lies on it, hash values and bytes on disk a row, comparisons a row at most; in all where `look`
 * knows how many rows there are.
 */
void oc_dup_forecast(const struct oc_dup_opts *opts, const struct oc_outlook *look,
                     struct oc_buf *out);

/* What became of a row that goes. */
struct oc_dup_result {
	uint64_t number;
	uint64_t key; /* of the witness, in the second stream */
	uint32_t key_len;
	uint32_t part; /* of the witness; part_n - 1 = observed */
	double share;  /* J or containment */
};

/* What resolving met, for the log and the report. */
#define OC_DUP_LARGEST 10
struct oc_dup_facts {
	uint64_t rows, candidates, edges, clusters, capped;
	struct {
		uint64_t n;        /* rows, the kept one too */
		struct oc_str key; /* of the kept one, in the arena */
	} largest[OC_DUP_LARGEST];
	unsigned largest_n;
};

/*
 * Decides: results in row order into stream 0 of `out`, keys of witnesses into stream 1; clusters
 * to `clusters_path` unless NULL. The same bytes at any number of threads.
 */
int oc_dups_resolve(struct oc_dups *d, uint64_t memory, struct oc_spill *out,
                    const char *clusters_path, struct oc_arena *arena, struct oc_dup_facts *facts,
                    struct oc_err *err);

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
