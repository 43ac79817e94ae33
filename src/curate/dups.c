#include <endian.h>
#include <stdlib.h>

#include "base/err.h"
#include "curate/near_dup.h"

/* What is sorted: rows by band hash; ties stay in the order of rows. */
struct band_record {
	uint64_t hash; /* big end first */
	uint32_t row;
} __attribute__((packed));

int oc_dups_open(struct oc_dups *d, struct oc_ctx *ctx, const char *name,
                 const struct oc_dup_opts *opts, struct oc_spill *spill, struct oc_err *err)
{
	struct oc_str stream[OC_DUP_STREAMS], places;
	uint64_t at[2] = {0, 0}, row_n;

	*d = (struct oc_dups){.ctx = ctx, .name = name, .dir = oc_spill_dir(spill), .opts = *opts};
	for (unsigned i = 0; i < OC_DUP_STREAMS; i++)
		if (oc_spill_map(spill, i, &stream[i], err))
			return -1;
	row_n = stream[0].len / sizeof *d->rows;
	if (row_n >= UINT32_MAX - 1)
		return oc_fail(err, OC_INPUT, name,
		               "%llu rows in one pass, more than near_dup can number: split the "
		               "input",
		               (unsigned long long)row_n);
	d->rows = (const void *)stream[0].p;
	d->row_n = (uint32_t)row_n;
	d->band = (const void *)stream[1].p;
	d->shingles = (const void *)stream[2].p;
	d->keys = stream[3].p;

	d->place_of = oc_spill_open(ctx, d->dir, "places", 1, (uint64_t)1 << 20, err);
	if (!d->place_of)
		return -1;
	for (uint32_t i = 0; i < d->row_n; i++) {
		if (oc_spill_add(d->place_of, 0, at, sizeof at, err))
			return -1;
		at[0] += d->rows[i].shingle_n;
		at[1] += d->rows[i].key_len;
	}
	if (stream[1].len != row_n * opts->bands * 8 || stream[2].len != at[0] * 8 ||
	    stream[3].len != at[1])
		return oc_fail(err, OC_INTERNAL, name,
		               "the observed streams do not belong together");
	if (oc_spill_map(d->place_of, 0, &places, err))
		return -1;
	d->places = (const void *)places.p;
	return 0;
}

void oc_dups_close(struct oc_dups *d)
{
	oc_spill_close(d->place_of);
	*d = (struct oc_dups){0};
}

double oc_dups_compare(const struct oc_dups *d, uint32_t a, uint32_t b)
{
	return oc_jaccard(d->shingles + d->places[2 * (uint64_t)a], d->rows[a].shingle_n,
	                  d->shingles + d->places[2 * (uint64_t)b], d->rows[b].shingle_n,
	                  d->opts.threshold);
}

void oc_dups_judge(const struct oc_dups *d, uint32_t *witness)
{
	for (uint32_t row = 0; row < d->row_n; row++) {
		uint32_t i = 0;
		while (i < row && (witness[i] != UINT32_MAX || oc_dups_compare(d, row, i) < 0))
			i++;
		witness[row] = i < row ? i : UINT32_MAX;
	}
}

int oc_dups_runs(const struct oc_dups *d, uint64_t memory, oc_dup_member_fn *member, void *user,
                 struct oc_err *err)
{
	struct oc_sort *sort =
		oc_sort_new(d->ctx, d->dir, sizeof(struct band_record), 8, memory, err);
	struct band_record *some = NULL, last = {0};
	const void *sorted;
	bool open = false, seen = false; /* `last` was given out; there is a `last` */
	size_t n;
	int rc = -1;

	if (!sort)
		goto out;
	some = oc_alloc(d->opts.bands * sizeof *some);
	for (uint32_t row = 0; row < d->row_n; row++) {
		const uint64_t *band = d->band + (uint64_t)row * d->opts.bands;
		for (uint32_t i = 0; i < d->opts.bands; i++)
			some[i] = (struct band_record){htobe64(band[i]), row};
		if (oc_sort_add(sort, some, d->opts.bands, err))
			goto out;
		if (!(row & 0xFFFF) && oc_cancelled(d->ctx)) {
			oc_fail(err, OC_CANCELLED, d->name, "interrupted");
			goto out;
		}
	}
	if (oc_sort_done(sort, err))
		goto out;
	for (;;) {
		if (oc_sort_next(sort, &sorted, &n, err))
			goto out;
		if (!n)
			break;
		const struct band_record *r = sorted;
		for (size_t i = 0; i < n; i++) {
			if (seen && r[i].hash == last.hash) {
				if (!open && member(user, last.row, true, err))
					goto out;
				if (member(user, r[i].row, false, err))
					goto out;
				open = true;
			} else {
				open = false;
			}
			last = r[i];
			seen = true;
		}
	}
	rc = 0;
out:
	free(some);
	oc_sort_free(sort);
	return rc;
}
