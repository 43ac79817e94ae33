#include <endian.h>
#include <stdlib.h>

#include "base/err.h"
#include "curate/near_dup.h"
#include "stat/interval.h"

/* A page that is touched brings its neighbours with it (fault-around). */
#define AROUND ((uint64_t)64 << 10)

/* What is sorted: rows by band hash; ties stay in the order of rows. */
struct band_record {
	uint64_t hash; /* big end first */
	uint32_t row;
} __attribute__((packed));

/* ------------------------------------------------------------------- the rows */

static int part_map(struct oc_dups *d, struct oc_dup_part *p, struct oc_spill *spill,
                    struct oc_err *err)
{
	static const char *const names[] = {"rows", "bands", "shingles", "keys"};
	static const size_t units[] = {sizeof(struct oc_dup_row), 8, 8, 1};
	struct oc_str stream[OC_DUP_STREAMS];
	uint64_t at[2] = {0, 0}, n;

	for (unsigned i = 0; i < OC_DUP_STREAMS; i++)
		if (p->index ? oc_index_section(p->index, names[i], units[i], &stream[i], err)
		             : oc_spill_map(spill, i, &stream[i], err))
			return -1;
	n = stream[0].len / sizeof *p->rows;
	if (n + d->row_n >= UINT32_MAX - 1)
		return oc_fail(err, OC_INPUT, d->name,
		               "%llu rows in one pass, more than near_dup can number: split the "
		               "input",
		               (unsigned long long)n);
	p->first = d->row_n;
	p->n = (uint32_t)n;
	p->rows = (const void *)stream[0].p;
	p->band = (const void *)stream[1].p;
	p->shingles = (const void *)stream[2].p;
	p->keys = stream[3].p;
	for (uint32_t i = 0; i < p->n; i++) {
		if (oc_spill_add(d->place_of, 0, at, sizeof at, err))
			return -1;
		at[0] += p->rows[i].shingle_n;
		at[1] += p->rows[i].key_len;
		if ((i & 0x3FFF) == 0x3FFF)
			oc_map_rest(p->rows + i - 0x3FFF, 0x4000 * sizeof *p->rows);
	}
	if (stream[1].len != n * d->opts.bands * 8 || stream[2].len != at[0] * 8 ||
	    stream[3].len != at[1])
		return p->index ? oc_fail(err, OC_INPUT, oc_index_path(p->index),
		                          "does not fit together: build it again")
		                : oc_fail(err, OC_INTERNAL, d->name,
		                          "the observed streams do not belong together");
	p->shingle_n = at[0];
	p->key_len = at[1];
	d->row_n += p->n;
	return 0;
}

int oc_dups_open(struct oc_dups *d, struct oc_ctx *ctx, const char *name,
                 const struct oc_dup_opts *opts, struct oc_index *const *indexes, unsigned index_n,
                 struct oc_spill *spill, uint64_t memory, struct oc_err *err)
{
	struct oc_str places;

	*d = (struct oc_dups){.ctx = ctx, .name = name, .dir = oc_spill_dir(spill), .opts = *opts};
	d->rest_after = memory / 8 > 4 * AROUND ? memory / 8 : 4 * AROUND;
	d->parts = oc_zalloc((size_t)index_n + 1, sizeof *d->parts);
	d->part_n = index_n + 1;
	d->place_of = oc_spill_open(ctx, d->dir, "places", 1, (uint64_t)1 << 20, err);
	if (!d->place_of)
		return -1;
	for (unsigned i = 0; i < d->part_n; i++) {
		d->old_n = d->row_n;
		d->parts[i].index = i < index_n ? indexes[i] : NULL;
		if (part_map(d, &d->parts[i], spill, err))
			return -1;
	}
	if (oc_spill_map(d->place_of, 0, &places, err))
		return -1;
	for (unsigned i = 0; i < d->part_n; i++)
		d->parts[i].places =
			(const uint64_t *)(const void *)places.p + 2 * (uint64_t)d->parts[i].first;
	return 0;
}

void oc_dups_close(struct oc_dups *d)
{
	oc_spill_close(d->place_of);
	free(d->parts);
	*d = (struct oc_dups){0};
}

struct oc_dup_at oc_dups_at(const struct oc_dups *d, uint32_t row)
{
	const struct oc_dup_part *p = d->parts + d->part_n - 1;

	while (row < p->first)
		p--;
	row -= p->first;
	const uint64_t *place = p->places + 2 * (uint64_t)row;
	return (struct oc_dup_at){.part = p,
	                          .number = p->rows[row].number,
	                          .shingles = p->shingles + place[0],
	                          .shingle_n = p->rows[row].shingle_n,
	                          .key = {p->keys + place[1], p->rows[row].key_len}};
}

/* Counts what a look at a row brings into memory; lets go of it now and then. */
static void touch(struct oc_dups *d, uint64_t bytes)
{
	uint64_t was = atomic_fetch_add_explicit(&d->touched, bytes, memory_order_relaxed);

	if (was / d->rest_after == (was + bytes) / d->rest_after)
		return;
	for (unsigned i = 0; i < d->part_n; i++) {
		const struct oc_dup_part *p = &d->parts[i];
		oc_map_rest(p->rows, p->n * sizeof *p->rows);
		oc_map_rest(p->shingles, p->shingle_n * sizeof *p->shingles);
		oc_map_rest(p->keys, p->key_len);
		oc_map_rest(p->places, 2 * (uint64_t)p->n * sizeof *p->places);
	}
}

double oc_dups_compare(struct oc_dups *d, uint32_t a, uint32_t b)
{
	struct oc_dup_at x = oc_dups_at(d, a), y = oc_dups_at(d, b);

	touch(d, 2 * AROUND + 8 * ((uint64_t)x.shingle_n + y.shingle_n));
	return (d->opts.contained ? oc_contained : oc_jaccard)(x.shingles, x.shingle_n, y.shingles,
	                                                       y.shingle_n, d->opts.threshold);
}

/* -------------------------------------------------------------------- the runs */

static int gather(const struct oc_dups *d, const struct oc_dup_part *p, unsigned slice,
                  unsigned slice_n, struct oc_sort *sort, struct oc_err *err)
{
	struct band_record *some = oc_alloc(d->opts.bands * sizeof *some);
	uint32_t bands = d->opts.bands;
	uint32_t step = (uint32_t)(d->rest_after / (8 * (uint64_t)bands)) + 1;
	int rc = -1;

	for (uint32_t row = 0; row < p->n; row++) {
		const uint64_t *band = p->band + (uint64_t)row * bands;
		uint32_t n = 0;
		for (uint32_t i = 0; i < bands; i++) {
			some[n] = (struct band_record){htobe64(band[i]), p->first + row};
			n += ((band[i] >> 32) * slice_n) >> 32 == slice;
		}
		if (oc_sort_add(sort, some, n, err))
			goto out;
		if (row % step == step - 1) {
			oc_map_rest(p->band + (uint64_t)(row + 1 - step) * bands,
			            8 * (uint64_t)step * bands);
			if (oc_cancelled(d->ctx)) {
				oc_fail(err, OC_CANCELLED, d->name, "interrupted");
				goto out;
			}
		}
	}
	rc = 0;
out:
	free(some);
	return rc;
}

int oc_dups_runs(const struct oc_dups *d, unsigned slice, unsigned slice_n, uint64_t memory,
                 oc_dup_member_fn *member, void *user, struct oc_err *err)
{
	struct oc_sort *sort =
		oc_sort_new(d->ctx, d->dir, sizeof(struct band_record), 8, memory, err);
	struct band_record last = {0};
	const void *sorted;
	bool open = false, seen = false; /* `last` was given out; there is a `last` */
	size_t n;
	int rc = -1;

	if (!sort)
		goto out;
	for (unsigned i = 0; i < d->part_n; i++)
		if (gather(d, &d->parts[i], slice, slice_n, sort, err))
			goto out;
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
	oc_sort_free(sort);
	return rc;
}

/* ----------------------------------------------------------------- on disk */

int oc_dups_save(const struct oc_dups *d, struct oc_index_writer *w, struct oc_err *err)
{
	static const char *const names[] = {"rows", "bands", "shingles", "keys"};
	const size_t piece = (size_t)4 << 20;

	for (unsigned k = 0; k < OC_DUP_STREAMS; k++) {
		if (oc_index_begin(w, names[k], err))
			return -1;
		for (unsigned i = 0; i < d->part_n; i++) {
			const struct oc_dup_part *p = &d->parts[i];
			const void *const from[] = {p->rows, p->band, p->shingles, p->keys};
			const uint64_t len[] = {p->n * sizeof *p->rows,
			                        8 * (uint64_t)p->n * d->opts.bands,
			                        8 * p->shingle_n, p->key_len};
			for (uint64_t at = 0; at < len[k]; at += piece) {
				const char *some = (const char *)from[k] + at;
				size_t n = len[k] - at < piece ? (size_t)(len[k] - at) : piece;
				if (oc_index_write(w, some, n, err))
					return -1;
				oc_map_rest(some, n);
			}
		}
	}
	return 0;
}

/* ----------------------------------------------------------------- the judges */

void oc_dups_judge(struct oc_dups *d, uint32_t *witness)
{
	for (uint32_t row = 0; row < d->row_n; row++) {
		uint32_t i = row < d->old_n ? row : 0;
		while (i < row && (witness[i] != UINT32_MAX || oc_dups_compare(d, row, i) < 0))
			i++;
		witness[row] = i < row ? i : UINT32_MAX;
	}
}

static const uint64_t *bands_of(const struct oc_dups *d, uint32_t row)
{
	const struct oc_dup_part *p = oc_dups_at(d, row).part;

	return p->band + (uint64_t)(row - p->first) * d->opts.bands;
}

void oc_dups_recall(struct oc_dups *d, struct oc_dup_bin *bins, unsigned bin_n)
{
	for (unsigned i = 0; i < bin_n; i++)
		bins[i] = (struct oc_dup_bin){.low = bins[i].low, .high = bins[i].high};
	for (uint32_t row = 0; row < d->row_n; row++)
		for (uint32_t other = 0; other < row; other++) {
			struct oc_dup_at x = oc_dups_at(d, row), y = oc_dups_at(d, other);
			double j = oc_jaccard(x.shingles, x.shingle_n, y.shingles, y.shingle_n, 0);
			const uint64_t *p = bands_of(d, row), *q = bands_of(d, other);
			bool found = false;
			for (uint32_t k = 0; k < d->opts.bands; k++)
				found |= p[k] == q[k];
			for (unsigned i = 0; i < bin_n; i++) {
				struct oc_dup_bin *b = &bins[i];
				if (j < b->low || (j >= b->high && (b->high < 1 || j > 1)))
					continue;
				b->pairs++;
				b->found += found;
				b->expected += oc_minhash_chance(j, d->opts.bands, d->opts.rows);
			}
		}
	for (unsigned i = 0; i < bin_n; i++) {
		struct oc_dup_bin *b = &bins[i];
		b->expected = b->pairs ? b->expected / (double)b->pairs : 0;
		oc_share_interval(b->found, b->pairs, 0.95, &b->at_least, &b->at_most);
	}
}
