/* state.h: what the files of the mix share. Not for others. */
#ifndef MIX_STATE_H
#define MIX_STATE_H

#include "base/rng.h"
#include "mix/interleave.h"
#include "mix/mix.h"
#include "mix/shares.h"
#include "pipe/spill.h"

#define OC_MIX_NO_GROUP UINT32_MAX

/* What lies on disk, by stream. */
enum oc_mix_stream {
	OC_MIX_ROWS,     /* struct oc_mix_row of every row, in their order */
	OC_MIX_FOUNDERS, /* u64 hashes, in row order */
	OC_MIX_PLACES,   /* struct oc_mix_place: by group, shuffled inside */
	OC_MIX_STREAMS
};

struct oc_mix_row {
	uint32_t group, founder_n;
};

struct oc_mix_place {
	uint64_t number; /* of the row */
	uint64_t tokens;
};

/* What is sorted: by group, then by a number that the seed and the row's key make. */
struct oc_mix_drawn {
	uint32_t group, rank[2]; /* big end first */
	uint32_t tokens;
	uint64_t number;
};

/* A stretch of a group's places in memory. */
struct oc_mix_window {
	struct oc_mix_place *places; /* (window_cap) */
	uint64_t first, n;           /* of all places */
};

struct oc_mix {
	struct oc_ctx *ctx;
	uint64_t memory;
	struct oc_arena *arena;
	struct oc_str *sources;
	uint32_t source_n;
	bool by_rows;
	uint64_t total; /* 0 = all there is */
	uint64_t repeat, depth_cap, min_founders;
	double real_floor;
	uint64_t seed;
	bool estimated; /* tokens of some row */

	struct oc_share *shares;
	uint32_t share_n;

	struct oc_mix_group *groups;
	uint32_t *group_share; /* (group_n) index into shares */
	uint32_t *group_source;
	uint32_t *group_most; /* (group_n) tokens of its longest row */
	uint32_t group_n, group_cap, last_group;

	struct oc_rng rng;
	struct oc_spill *disk;
	struct oc_sort *draw; /* struct oc_mix_drawn of every row that takes part; until the plan */
	uint64_t row_n;

	/* after plan */
	uint8_t *took;   /* (row_n) bits */
	uint64_t *first; /* (group_n) where a group begins among the places */
	uint64_t *want, *given;
	struct oc_mix_window *windows; /* (group_n) */
	uint64_t window_cap;
	struct oc_turns turns;
	struct oc_mix_founders facts;
};

/* How much of a group there is that may be taken once, in the unit of the total. */
uint64_t oc_mix_there(const struct oc_mix *m, const struct oc_mix_group *g);

/* Fills the groups' quotas; quotas are set. Then `took`, the founders, and the turns. */
int oc_mix_draw(struct oc_mix *m, struct oc_err *err);

#endif
