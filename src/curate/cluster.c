/*
 * Clusters of near duplicates: union-find over verified pairs, the larger root under the smaller,
 * so that a cluster's name is its smallest row. In each run of equal bands a row is compared with
 * the run's representatives (rows that reached no earlier representative), so a run of k copies
 * costs k comparisons, not k^2.
 */
#include <stdlib.h>

#include "base/err.h"
#include "curate/near_dup.h"

struct clusters {
	struct oc_dups dups;
	uint32_t *parent; /* (dups.row_n) */
	uint32_t *reps;   /* (cap) of the current run */
	uint32_t rep_n;
	uint64_t capped;
};

static uint32_t root_of(uint32_t *parent, uint32_t row)
{
	while (parent[row] != row) {
		parent[row] = parent[parent[row]];
		row = parent[row];
	}
	return row;
}

static int member(void *user, uint32_t row, bool first, struct oc_err *err)
{
	struct clusters *c = user;
	bool joined = false;

	(void)err;
	if (first)
		c->rep_n = 0;
	for (uint32_t i = 0; i < c->rep_n; i++) {
		uint32_t a = root_of(c->parent, row), b = root_of(c->parent, c->reps[i]);
		if (a == b) {
			joined = true;
			continue;
		}
		if (oc_dups_compare(&c->dups, row, c->reps[i]) < 0)
			continue;
		c->parent[a > b ? a : b] = a > b ? b : a;
		joined = true;
	}
	if (joined)
		return 0;
	if (c->rep_n < c->dups.opts.cap)
		c->reps[c->rep_n++] = row;
	else
		c->capped++;
	return 0;
}

int oc_cluster_rows(void *near_dup, struct oc_spill *spill, uint64_t row_n, uint64_t *cluster,
                    struct oc_err *err)
{
	struct clusters c = {0};
	struct oc_dup_opts opts;
	struct oc_ctx *ctx;
	const char *name;
	int rc = -1;

	oc_near_dup_about(near_dup, &ctx, &name, &opts);
	for (uint64_t i = 0; i < row_n; i++)
		cluster[i] = i;
	if (oc_dups_open(&c.dups, ctx, name, &opts, NULL, 0, spill, oc_spill_memory(spill), err))
		goto out;
	c.parent = oc_alloc(((size_t)c.dups.row_n + 1) * sizeof *c.parent);
	c.reps = oc_alloc(opts.cap * sizeof *c.reps);
	for (uint32_t i = 0; i < c.dups.row_n; i++)
		c.parent[i] = i;
	if (oc_dups_runs(&c.dups, 0, 1, oc_spill_memory(spill), member, &c, err))
		goto out;
	for (uint32_t i = 0; i < c.dups.row_n; i++) {
		uint64_t number = oc_dups_at(&c.dups, i).number;
		if (number >= row_n) {
			oc_fail(err, OC_INTERNAL, name, "row %llu of %llu was observed",
			        (unsigned long long)number, (unsigned long long)row_n);
			goto out;
		}
		cluster[number] = oc_dups_at(&c.dups, root_of(c.parent, i)).number;
	}
	if (c.capped)
		oc_log(ctx, OC_LOG_WARN,
		       "%s: %llu rows share a band with more than %u unlike rows and were not "
		       "compared further",
		       name, (unsigned long long)c.capped, opts.cap);
	rc = 0;
out:
	oc_dups_close(&c.dups);
	free(c.parent);
	free(c.reps);
	return rc;
}
