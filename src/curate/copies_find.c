/* The search of the stage copies: see copies.h. */
#include <endian.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/pool.h"
#include "curate/copies.h"
#include "index/disk.h"

/* A fingerprint or a window on its way to its equals; all numbers big end first. */
struct print_record {
	uint64_t hash; /* its last bit: 0 a place in a real row, 1 in a query */
	uint32_t row, at;
};

#define QUERY htobe64(1)

static struct print_record print_of(uint64_t hash, bool query, uint32_t row, uint32_t at)
{
	return (struct print_record){htobe64((hash & ~(uint64_t)1) | query), htobe32(row),
	                             htobe32(at)};
}

struct place {
	uint32_t row, at;
};

struct finder {
	const struct oc_copies *c;
	struct oc_pool *pool;
	struct oc_sort *windows, *candidates;
	uint64_t memory;
	uint64_t looks; /* into the maps, since they were last let go */
	uint64_t *bits; /* (2^bit_power) set where a query has a fingerprint */
	unsigned bit_power;
	struct place *few; /* (cap + 1) real places of the fingerprint, while they are few */
};

/* -------------------------------------------------------- rows and queries */

/* Rows that are read one after the other before their pages are let go. */
#define REST_EVERY 0x4000

void oc_copies_rest(const struct oc_copies *c)
{
	if (c->map_len <= c->memory / 2)
		return;
	for (unsigned i = 0; i <= OC_COPY_STREAMS; i++)
		oc_map_rest(c->maps[i].p, c->maps[i].len);
}

static void look(struct finder *f, uint64_t places)
{
	f->looks += places;
	if (f->looks < f->memory / 4 / OC_COPY_PAGES)
		return;
	f->looks = 0;
	oc_copies_rest(f->c);
}

int oc_copies_open(struct oc_copies *c, struct oc_ctx *ctx, const char *name,
                   const struct oc_copy_opts *opts, struct oc_spill *spill, struct oc_err *err)
{
	struct oc_str stream[OC_COPY_STREAMS], places;
	uint64_t at[4] = {0};

	*c = (struct oc_copies){
		.ctx = ctx, .name = name, .opts = *opts, .memory = oc_spill_memory(spill)};
	oc_winnow_init(&c->winnow, opts->min_span);
	for (unsigned i = 0; i < OC_COPY_STREAMS; i++) {
		if (oc_spill_map(spill, i, &stream[i], err))
			return -1;
		c->maps[i] = stream[i];
		c->map_len += stream[i].len;
	}
	uint64_t row_n = stream[0].len / sizeof *c->rows;
	if (row_n >= UINT32_MAX)
		return oc_fail(err, OC_INPUT, name,
		               "more than 4,294,967,294 rows: split the input");
	c->row_n = (uint32_t)row_n;
	c->rows = (const void *)stream[0].p;
	c->text = stream[1].p;
	c->prints = (const void *)stream[2].p;
	c->shifts = (const void *)stream[3].p;
	c->names = stream[4].p;
	c->place_of =
		oc_spill_open(ctx, oc_spill_dir(spill), "copies.places", 1, (uint64_t)1 << 20, err);
	if (!c->place_of)
		return -1;
	for (uint32_t i = 0; i < c->row_n; i++) {
		const struct oc_copy_row *r = &c->rows[i];
		if (oc_spill_add(c->place_of, 0, at, sizeof at, err))
			return -1;
		at[0] += r->text_len;
		at[1] += r->print_n;
		at[2] += r->shift_n;
		at[3] += (uint64_t)r->key_len + r->model_len + r->recipe_len + r->fell_len;
		if (i % REST_EVERY == REST_EVERY - 1)
			oc_copies_rest(c);
	}
	if (stream[1].len != at[0] || stream[2].len != at[1] * sizeof *c->prints ||
	    stream[3].len != at[2] * sizeof *c->shifts || stream[4].len != at[3])
		return oc_fail(err, OC_INTERNAL, name,
		               "the observed streams do not belong together");
	if (oc_spill_map(c->place_of, 0, &places, err))
		return -1;
	c->places = (const void *)places.p;
	c->maps[OC_COPY_STREAMS] = places;
	c->map_len += places.len;
	return 0;
}

void oc_copies_close(struct oc_copies *c)
{
	oc_spill_close(c->place_of);
	*c = (struct oc_copies){0};
}

struct oc_str oc_copies_text(const struct oc_copies *c, uint32_t row)
{
	return (struct oc_str){c->text + c->places[4 * (uint64_t)row], c->rows[row].text_len};
}

bool oc_copies_source(const struct oc_copies *c, uint32_t row)
{
	return c->rows[row].origin == OC_REAL && !c->rows[row].flags;
}

bool oc_copies_judged(const struct oc_copies *c, uint32_t row)
{
	uint32_t origin = c->rows[row].origin;
	return !(c->rows[row].flags & OC_COPY_HELD_OUT) &&
	       (origin == OC_SYNTHETIC || (origin == OC_UNKNOWN && c->opts.unknown_too));
}

bool oc_copies_reference(const struct oc_copies *c, uint32_t row)
{
	const struct oc_copy_row *r = &c->rows[row];

	/* the row's name decides, so order and threads do not */
	return (c->opts.held_out ? (r->flags & OC_COPY_HELD_OUT) != 0 : oc_copies_source(c, row)) &&
	       oc_hash64(c->names + c->places[4 * (uint64_t)row + 3], r->key_len, c->opts.seed) >>
	               32 < c->opts.reference;
}

uint32_t oc_copies_judge(const struct oc_copies *c, uint32_t row, uint8_t *covered)
{
	uint32_t longest = 0;

	for (uint32_t i = 0; i < c->row_n; i++) {
		if (i == row || !oc_copies_source(c, i))
			continue;
		uint32_t len = oc_common_judge(oc_copies_text(c, row), oc_copies_text(c, i),
		                               c->opts.min_span, covered);
		longest = len > longest ? len : longest;
	}
	return longest;
}

/* ------------------------------------------------- equal fingerprints meet */

static bool is_query(const struct oc_copies *c, uint32_t row)
{
	return oc_copies_judged(c, row) || oc_copies_reference(c, row);
}

/* A range of rows that one worker looks through; what it finds goes on in row order. */
struct slice {
	const struct finder *f;
	uint32_t from, to;
	struct oc_buf records;
};

static void mark_slice(void *user, uint64_t item, unsigned worker)
{
	const struct slice *s = (const struct slice *)user + item;
	const struct oc_copies *c = s->f->c;

	(void)worker;
	for (uint32_t row = s->from; row < s->to; row++) {
		if (!is_query(c, row))
			continue;
		const struct oc_fingerprint *p = c->prints + c->places[4 * (uint64_t)row + 1];
		for (uint32_t i = 0; i < c->rows[row].print_n; i++) {
			uint64_t bit = p[i].hash >> (64 - s->f->bit_power);
			__atomic_fetch_or(&s->f->bits[bit >> 6], (uint64_t)1 << (bit & 63),
			                  __ATOMIC_RELAXED);
		}
	}
}

static void gather_slice(void *user, uint64_t item, unsigned worker)
{
	struct slice *s = (struct slice *)user + item;
	const struct finder *f = s->f;
	const struct oc_copies *c = f->c;

	(void)worker;
	s->records.len = 0;
	for (uint32_t row = s->from; row < s->to; row++) {
		const struct oc_fingerprint *p = c->prints + c->places[4 * (uint64_t)row + 1];
		bool query = is_query(c, row), real = oc_copies_source(c, row);
		for (uint32_t i = 0; i < c->rows[row].print_n && (query || real); i++) {
			uint64_t bit = p[i].hash >> (64 - f->bit_power);
			struct print_record r[2] = {print_of(p[i].hash, false, row, p[i].at),
			                            print_of(p[i].hash, true, row, p[i].at)};
			if (f->bits[bit >> 6] >> (bit & 63) & 1)
				oc_buf_add(&s->records, r + !real,
				           ((size_t)real + query) * sizeof *r);
		}
	}
}

/* The next rows whose fingerprints are about `most`, at least one row. */
static uint32_t next_slice(const struct oc_copies *c, uint32_t row, uint64_t most)
{
	uint64_t prints = 0;

	while (row < c->row_n && prints < most)
		prints += c->rows[row++].print_n + 1;
	return row;
}

/* Runs `fn` over all rows, some slices at a time, and hands on what they gathered. */
static int over_rows(struct finder *f, void (*fn)(void *user, uint64_t item, unsigned worker),
                     uint64_t memory, struct oc_sort *sort, struct oc_err *err)
{
	unsigned threads = oc_pool_threads(f->pool), slice_n = 4 * threads;
	uint64_t most = memory / slice_n / (2 * sizeof(struct print_record));
	struct slice *slices = oc_zalloc(slice_n, sizeof *slices);
	uint32_t row = 0;
	int rc = -1;

	while (row < f->c->row_n) {
		unsigned n = 0;
		for (; n < slice_n && row < f->c->row_n; n++) {
			slices[n].f = f;
			slices[n].from = row;
			slices[n].to = row = next_slice(f->c, row, most);
		}
		if (oc_cancelled(f->c->ctx)) {
			oc_fail(err, OC_CANCELLED, f->c->name, "interrupted");
			goto out;
		}
		oc_pool_for(f->pool, n, fn, slices);
		oc_copies_rest(f->c);
		for (unsigned i = 0; i < n; i++)
			if (slices[i].records.len &&
			    oc_sort_add(sort, slices[i].records.p,
			                slices[i].records.len / sizeof(struct print_record), err))
				goto out;
	}
	rc = 0;
out:
	for (unsigned i = 0; i < slice_n; i++)
		oc_buf_fini(&slices[i].records);
	free(slices);
	return rc;
}

static int mark(struct finder *f, uint64_t memory, struct oc_err *err)
{
	const struct oc_copies *c = f->c;
	uint64_t prints = 0;

	for (uint32_t row = 0; row < c->row_n; row++) {
		prints += is_query(c, row) ? c->rows[row].print_n : 0;
		if (row % REST_EVERY == REST_EVERY - 1)
			oc_copies_rest(c);
	}
	f->bit_power = 13;
	while (f->bit_power < 40 && (uint64_t)1 << f->bit_power < 16 * prints &&
	       (uint64_t)2 << f->bit_power <= 8 * memory)
		f->bit_power++;
	f->bits = oc_zalloc((size_t)1 << (f->bit_power - 6), sizeof *f->bits);
	return over_rows(f, mark_slice, memory, NULL, err);
}

static int gather(struct finder *f, uint64_t memory, struct oc_sort *sort, struct oc_err *err)
{
	return over_rows(f, gather_slice, memory, sort, err) ? -1 : oc_sort_done(sort, err);
}

static int candidate(struct finder *f, struct place query, struct place source, struct oc_err *err)
{
	struct oc_copy_candidate k = {htobe32(query.row), htobe32(query.at), htobe32(source.row),
	                              htobe32(source.at)};
	return oc_sort_add(f->candidates, &k, 1, err);
}

/* ------------------------------------------ windows of frequent fingerprints */

#define WINDOW_BASE 0xC2B2AE3D27D4EB4Fu

/* Sorts the windows that hold the k-gram at `p`, of those that begin after `after` (-1: all). */
static int windows_of(struct finder *f, struct place p, int64_t after, bool query,
                      struct oc_err *err)
{
	const struct oc_copies *c = f->c;
	look(f, 1);
	struct oc_str t = oc_copies_text(c, p.row);
	const unsigned char *text = (const unsigned char *)t.p;
	uint32_t size = c->winnow.min_span, reach = size - c->winnow.k;
	int64_t from = (int64_t)p.at - reach, last = p.at;
	uint64_t h = 0, leaving = 1;

	if (from <= after)
		from = after + 1;
	if (from < 0)
		from = 0;
	if (last + size > (int64_t)t.len)
		last = (int64_t)t.len - size;
	if (from > last)
		return 0;
	for (uint32_t i = 0; i < size - 1; i++) {
		h = h * WINDOW_BASE + text[from + i];
		leaving *= WINDOW_BASE;
	}
	for (int64_t at = from; at <= last; at++) {
		h = h * WINDOW_BASE + text[at + size - 1];
		struct print_record r = print_of(oc_copy_spread(h), query, p.row, (uint32_t)at);
		h -= text[at] * leaving;
		if (oc_sort_add(f->windows, &r, 1, err))
			return -1;
	}
	return 0;
}

/* Of equal windows, the first of each of the first two real rows stands for all. */
static int pair_windows(struct finder *f, struct oc_err *err)
{
	struct place first = {0}, second = {0};
	uint64_t hash = 0;
	unsigned real_n = 0;
	bool any = false;
	const void *sorted;
	size_t n;

	if (oc_sort_done(f->windows, err))
		return -1;
	for (;;) {
		if (oc_sort_next(f->windows, &sorted, &n, err))
			return -1;
		if (!n)
			return 0;
		if (oc_cancelled(f->c->ctx))
			return oc_fail(err, OC_CANCELLED, f->c->name, "interrupted");
		const struct print_record *r = sorted;
		for (size_t i = 0; i < n; i++) {
			struct place p = {be32toh(r[i].row), be32toh(r[i].at)}, s;
			if (!any || (r[i].hash | QUERY) != hash)
				real_n = 0;
			any = true;
			hash = r[i].hash | QUERY;
			if (!(r[i].hash & QUERY)) {
				if (!real_n)
					first = p;
				else if (real_n == 1 && p.row != first.row)
					second = p;
				else
					continue;
				real_n++;
				continue;
			}
			if (!real_n || (first.row == p.row && real_n < 2))
				continue;
			s = first.row == p.row ? second : first;
			s.at |= OC_COPY_ONE_OF_MANY;
			if (candidate(f, p, s, err))
				return -1;
		}
	}
}

/* One fingerprint's records as they come: real places, then query places. */
struct run {
	uint64_t hash;
	uint32_t real_n; /* places kept in `few`; cap + 1: they are among the windows */
	struct place last_real, last_query;
};

/* Windows that begin up to here were looked at with the last place of the same row. */
static int64_t after_last(struct place last, struct place p)
{
	return p.row == last.row ? (int64_t)last.at : -1;
}

static int meet(struct finder *f, struct run *run, bool query, struct place p, struct oc_err *err)
{
	uint32_t cap = f->c->opts.cap;
	bool many = run->real_n > cap;

	if (!query && !many) {
		f->few[run->real_n++] = p;
		if (run->real_n <= cap)
			return 0;
		run->last_real.row = UINT32_MAX;
		for (uint32_t i = 0; i < run->real_n; i++) {
			struct place q = f->few[i];
			int64_t after = after_last(run->last_real, q);
			if (windows_of(f, q, after, false, err))
				return -1;
			run->last_real = q;
		}
		return 0;
	}
	if (!query) {
		int64_t after = after_last(run->last_real, p);
		run->last_real = p;
		return windows_of(f, p, after, false, err);
	}
	if (many) {
		int64_t after = after_last(run->last_query, p);
		run->last_query = p;
		return windows_of(f, p, after, true, err);
	}
	for (uint32_t i = 0; i < run->real_n; i++)
		if (f->few[i].row != p.row && candidate(f, p, f->few[i], err))
			return -1;
	return 0;
}

static int pair_up(struct finder *f, struct oc_sort *sort, struct oc_err *err)
{
	struct run run = {0};
	const void *sorted;
	bool any = false;
	size_t n;

	for (;;) {
		if (oc_sort_next(sort, &sorted, &n, err))
			return -1;
		if (!n)
			return 0;
		if (oc_cancelled(f->c->ctx))
			return oc_fail(err, OC_CANCELLED, f->c->name, "interrupted");
		const struct print_record *r = sorted;
		for (size_t i = 0; i < n; i++) {
			if (!any || (r[i].hash | QUERY) != run.hash)
				run = (struct run){.hash = r[i].hash | QUERY,
				                   .last_query.row = UINT32_MAX};
			any = true;
			struct place p = {be32toh(r[i].row), be32toh(r[i].at)};
			if (meet(f, &run, r[i].hash & QUERY, p, err))
				return -1;
		}
	}
}

int oc_copies_find(const struct oc_copies *c, const char *dir, uint64_t memory, oc_copied_fn *found,
                   void *user, struct oc_err *err)
{
	struct finder f = {.c = c, .memory = memory};
	struct oc_sort *prints = NULL;
	int rc = -1;

	f.pool = oc_pool_new(c->ctx->threads);
	f.few = oc_alloc((c->opts.cap + 1) * sizeof *f.few);
	/* added in order of row and place, they stay so */
	prints = oc_sort_new(c->ctx, dir, sizeof(struct print_record), sizeof(uint64_t), memory / 4,
	                     err);
	if (!prints || mark(&f, memory / 8, err) || gather(&f, memory / 8, prints, err))
		goto out;
	free(f.bits);
	f.bits = NULL;
	f.windows = oc_sort_new(c->ctx, dir, sizeof(struct print_record),
	                        sizeof(struct print_record), memory / 4, err);
	f.candidates = oc_sort_new(c->ctx, dir, sizeof(struct oc_copy_candidate),
	                           sizeof(struct oc_copy_candidate), memory / 4, err);
	if (!f.windows || !f.candidates || pair_up(&f, prints, err))
		goto out;
	oc_sort_free(prints);
	prints = NULL;
	if (pair_windows(&f, err) || oc_sort_done(f.candidates, err))
		goto out;
	oc_sort_free(f.windows);
	f.windows = NULL;
	rc = oc_copies_grow(c, f.pool, f.candidates, memory, found, user, err);
out:
	oc_sort_free(prints);
	oc_sort_free(f.windows);
	oc_sort_free(f.candidates);
	oc_pool_free(f.pool);
	free(f.bits);
	free(f.few);
	return rc;
}
