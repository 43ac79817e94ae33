/*
 * copies.h: what the stage copies observed, and how its spans are found.
 *
 * Five streams, in row order, one entry a row:
 *
 *   0  struct oc_copy_row
 *   1  its folded text (index/winnow.h)
 *   2  its fingerprints
 *   3  its shifts: from folded bytes back to the text's
 *   4  key, model, recipe, step at which it fell
 *
 * Sources are the live real rows, and the texts of `against:`, files or indexes. Queries are the
 * judged rows, those that an earlier step refused included, and, as the reference, held-out rows
 * or, where none were held out, real rows drawn by chance; each is compared with every source but
 * itself. Fingerprints of queries mark a bit table; real fingerprints that hit a bit and all query
 * fingerprints are sorted by hash, real ones first. Where a fingerprint has at most `cap` real
 * places, each is a candidate of each query place: nothing is missed. Where it has more, the
 * windows of min_span bytes that hold it are sorted in turn, and the first two real rows of each
 * stand for all: every window that is shared is still found, so coverage is the same, but a longer
 * span may exist in a row that was not named. Candidates are sorted by query, grown both ways and
 * verified byte by byte. Rows are looked through and queries verified on all threads of the
 * context, and told in row order.
 *
 * Memory: three sorts and the bit table, a share of `memory:` each. On disk: about the texts, 12
 * bytes a fingerprint, 64 a row, 16 a candidate or a window. Rows are told apart by ordinal, at
 * most 2^32 - 2 of them.
 */
#ifndef CURATE_COPIES_H
#define CURATE_COPIES_H

#include "base/pool.h"
#include "index/disk.h"
#include "index/winnow.h"
#include "pipe/spill.h"

#define OC_COPY_STREAMS 5

enum {
	OC_COPY_HELD_OUT = 1,
	OC_COPY_FELL = 2, /* an earlier step refused it: measured, never applied */
};

struct oc_copy_row {
	uint64_t number; /* row->number */
	uint32_t text_len, print_n, shift_n, key_len, model_len, recipe_len, fell_len;
	uint32_t depth;
	uint32_t origin; /* enum oc_origin */
	uint32_t flags;
};

struct oc_copy_opts {
	uint32_t min_span, cap;
	uint64_t reference; /* of 2^32 rows of the reference, how many are drawn */
	bool held_out;      /* it is the held-out rows, else the sources */
	uint32_t span;      /* longest span that is no finding */
	double coverage;
	bool unknown_too; /* rows of unknown origin are judged as well */
	uint64_t seed;
};

/* The streams, mapped, with where each row's part begins. */
struct oc_copies {
	struct oc_ctx *ctx;
	const char *name;
	struct oc_copy_opts opts;
	struct oc_winnow winnow;
	const struct oc_copy_row *rows; /* (row_n) */
	uint32_t row_n;
	const char *text, *names;
	const struct oc_fingerprint *prints;
	const struct oc_shift *shifts;
	const uint64_t *places; /* (row_n, 4): text, prints, shifts, names */
	struct oc_spill *place_of;
	struct oc_str maps[OC_COPY_STREAMS + 1]; /* the streams and `places`, whole */
	uint64_t map_len, memory;
};

int oc_copies_open(struct oc_copies *c, struct oc_ctx *ctx, const char *name,
                   const struct oc_copy_opts *opts, struct oc_spill *spill, struct oc_err *err);
void oc_copies_close(struct oc_copies *c);
/* Lets go of the pages of all maps, where those are more than half of the memory. */
void oc_copies_rest(const struct oc_copies *c);
struct oc_str oc_copies_text(const struct oc_copies *c, uint32_t row);

/* A query's spans are measured against all sources but itself. */
bool oc_copies_source(const struct oc_copies *c, uint32_t row);
bool oc_copies_judged(const struct oc_copies *c, uint32_t row);
bool oc_copies_reference(const struct oc_copies *c, uint32_t row);

struct oc_interval {
	uint32_t from, to;
};

/* What one query shares with real rows. */
struct oc_copied {
	uint32_t row;             /* ordinal of the query */
	uint32_t source;          /* of the real row that holds the longest span; the first such */
	struct oc_common longest; /* a: in the query, b: in the source; folded bytes */
	uint32_t covered;         /* bytes in spans of at least min_span */
	uint32_t interval_n;      /* the covered bytes, ascending, apart */
	const struct oc_interval *interval;
	bool at_least; /* a longer span may exist */
};

/* Calls `found` for each query that has a span, in row order. Memory: at most `memory` bytes, and
 * the intervals of one row. */
typedef int oc_copied_fn(void *user, const struct oc_copied *found, struct oc_err *err);
int oc_copies_find(const struct oc_copies *c, const char *dir, uint64_t memory, oc_copied_fn *found,
                   void *user, struct oc_err *err);

/* A place at which a query and a real row agree, big end first, as they are sorted. */
struct oc_copy_candidate {
	uint32_t query, at, source, source_at;
};

/* In source_at, as texts stay below 2^31 bytes: the source is one of many. */
#define OC_COPY_ONE_OF_MANY 0x80000000u

/* The second half: grows sorted candidates both ways, and tells what they become. */
int oc_copies_grow(const struct oc_copies *c, struct oc_pool *pool, struct oc_sort *candidates,
                   uint64_t memory, oc_copied_fn *found, void *user, struct oc_err *err);

/* What the kernel maps around a byte that is looked at. */
#define OC_COPY_PAGES ((uint64_t)64 << 10)

static inline uint64_t oc_copy_spread(uint64_t h)
{
	h ^= h >> 29;
	h *= 0xBF58476D1CE4E5B9u;
	return h ^ h >> 32;
}

/* The judge: one query against every real row, by oc_common_judge; covered has a byte for each of
 * its text. Returns the longest span. */
uint32_t oc_copies_judge(const struct oc_copies *c, uint32_t row, uint8_t *covered);

/* ---------------------------------------------------------- an index (copies_index.c) */

/* What decides what an index holds. */
yyjson_val *oc_copies_index_options(struct oc_arena *a, uint32_t min_span, struct oc_err *err);
/* Writes the sources, *row_n of them: those of `against:`, which stand behind the set_n rows of the
 * set, first. */
int oc_copies_save(const struct oc_copies *c, uint32_t set_n, struct oc_index_writer *w,
                   uint64_t *row_n, struct oc_err *err);
/* Adds them to the five streams. O(bytes). */
int oc_copies_add_index(struct oc_index *ix, struct oc_spill *spill, struct oc_err *err);

/* ------------------------------------------------------------------- figures (copies_facts.c) */

/* Sums over the queries by depth, model, recipe and step of their fall; the worst of them. */
struct oc_copy_sums;
struct oc_copy_sums *oc_copy_sums_new(const struct oc_copy_opts *opts);
void oc_copy_sums_free(struct oc_copy_sums *s);
/* Every query once without, in row order; then what was found, in row order. */
void oc_copy_sums_row(struct oc_copy_sums *s, const struct oc_copies *c, uint32_t row);
void oc_copy_sums_found(struct oc_copy_sums *s, const struct oc_copies *c,
                        const struct oc_copied *found);
/* The facts of the stage (data/facts.h). */
void oc_copy_sums_write(const struct oc_copy_sums *s, struct oc_buf *out);

static inline bool oc_copy_is_finding(const struct oc_copy_opts *opts, uint32_t longest,
                                      uint32_t covered, uint32_t len)
{
	return longest > opts->span || covered > opts->coverage * len;
}

#endif
