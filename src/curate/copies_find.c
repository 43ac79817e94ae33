/* The search of the stage copies: see copies.h. */
#include <endian.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/err.h"
#include "base/hash.h"
#include "curate/copies.h"

/* A fingerprint on its way to its equals; all numbers big end first. */
struct print_record {
	uint64_t hash;
	uint8_t query; /* 0: a place in a real row, 1: in a query */
	uint32_t row, at;
} __attribute__((packed));

/* A place at which a query and a real row agree. */
struct candidate {
	uint32_t query, at, source, source_at;
};

struct place {
	uint32_t row, at;
};

struct finder {
	const struct oc_copies *c;
	struct oc_sort *windows, *candidates;
	uint64_t *bits; /* (2^bit_power) set where a query has a fingerprint */
	unsigned bit_power;
	struct place *few; /* (cap + 1) real places of the fingerprint, while they are few */
};

/* -------------------------------------------------------- rows and queries */

int oc_copies_open(struct oc_copies *c, struct oc_ctx *ctx, const char *name,
                   const struct oc_copy_opts *opts, struct oc_spill *spill, struct oc_err *err)
{
	struct oc_str stream[OC_COPY_STREAMS], places;
	uint64_t at[4] = {0};

	*c = (struct oc_copies){.ctx = ctx, .name = name, .opts = *opts};
	oc_winnow_init(&c->winnow, opts->min_span);
	for (unsigned i = 0; i < OC_COPY_STREAMS; i++)
		if (oc_spill_map(spill, i, &stream[i], err))
			return -1;
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
	}
	if (stream[1].len != at[0] || stream[2].len != at[1] * sizeof *c->prints ||
	    stream[3].len != at[2] * sizeof *c->shifts || stream[4].len != at[3])
		return oc_fail(err, OC_INTERNAL, name,
		               "the observed streams do not belong together");
	if (oc_spill_map(c->place_of, 0, &places, err))
		return -1;
	c->places = (const void *)places.p;
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

static void mark(struct finder *f, uint64_t memory)
{
	const struct oc_copies *c = f->c;
	uint64_t prints = 0;

	for (uint32_t row = 0; row < c->row_n; row++)
		prints += is_query(c, row) ? c->rows[row].print_n : 0;
	f->bit_power = 13;
	while (f->bit_power < 40 && (uint64_t)1 << f->bit_power < 16 * prints &&
	       (uint64_t)2 << f->bit_power <= 8 * memory)
		f->bit_power++;
	f->bits = oc_zalloc((size_t)1 << (f->bit_power - 6), sizeof *f->bits);
	for (uint32_t row = 0; row < c->row_n; row++) {
		if (!is_query(c, row))
			continue;
		const struct oc_fingerprint *p = c->prints + c->places[4 * (uint64_t)row + 1];
		for (uint32_t i = 0; i < c->rows[row].print_n; i++) {
			uint64_t bit = p[i].hash >> (64 - f->bit_power);
			f->bits[bit >> 6] |= (uint64_t)1 << (bit & 63);
		}
	}
}

static int gather(struct finder *f, struct oc_sort *sort, struct oc_err *err)
{
	const struct oc_copies *c = f->c;

	for (uint32_t row = 0; row < c->row_n; row++) {
		const struct oc_fingerprint *p = c->prints + c->places[4 * (uint64_t)row + 1];
		bool query = is_query(c, row), real = oc_copies_source(c, row);
		for (uint32_t i = 0; i < c->rows[row].print_n && (query || real); i++) {
			uint64_t bit = p[i].hash >> (64 - f->bit_power);
			struct print_record r[2] = {
				{htobe64(p[i].hash), 0, htobe32(row), htobe32(p[i].at)},
				{htobe64(p[i].hash), 1, htobe32(row), htobe32(p[i].at)}};
			if (!(f->bits[bit >> 6] >> (bit & 63) & 1))
				continue;
			if (oc_sort_add(sort, r + !real, (size_t)real + query, err))
				return -1;
		}
		if (!(row & 0xFFFF) && oc_cancelled(c->ctx))
			return oc_fail(err, OC_CANCELLED, c->name, "interrupted");
	}
	return oc_sort_done(sort, err);
}

/* Texts stay below 2^31 bytes: the bit above says that the source is one of many. */
#define ONE_OF_MANY 0x80000000u

static int candidate(struct finder *f, struct place query, struct place source, struct oc_err *err)
{
	struct candidate k = {htobe32(query.row), htobe32(query.at), htobe32(source.row),
	                      htobe32(source.at)};
	return oc_sort_add(f->candidates, &k, 1, err);
}

/* ------------------------------------------ windows of frequent fingerprints */

#define WINDOW_BASE 0xC2B2AE3D27D4EB4Fu

static uint64_t spread(uint64_t h)
{
	h ^= h >> 29;
	h *= 0xBF58476D1CE4E5B9u;
	return h ^ h >> 32;
}

/* Sorts the windows that hold the k-gram at `p`, of those that begin after `after` (-1: all). */
static int windows_of(struct finder *f, struct place p, int64_t after, bool query,
                      struct oc_err *err)
{
	const struct oc_copies *c = f->c;
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
		struct print_record r = {htobe64(spread(h)), query, htobe32(p.row),
		                         htobe32((uint32_t)at)};
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
			if (!any || r[i].hash != hash)
				real_n = 0;
			any = true;
			hash = r[i].hash;
			if (!r[i].query) {
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
			s.at |= ONE_OF_MANY;
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
			if (!any || r[i].hash != run.hash)
				run = (struct run){.hash = r[i].hash, .last_query.row = UINT32_MAX};
			any = true;
			struct place p = {be32toh(r[i].row), be32toh(r[i].at)};
			if (meet(f, &run, r[i].query, p, err))
				return -1;
		}
	}
}

/* ---------------------------------------------------------- candidates grow */

/* How far a diagonal of (query, source) was compared already: a cache, one slot an entry. */
struct diagonal {
	uint32_t query, source, offset, to;
};

#define DIAGONALS ((uint32_t)1 << 14)

/* For the sake of a longer span only, a query's bytes may be compared so often, and 1 MiB more. */
#define EFFORT 64

struct growth {
	const struct oc_copies *c;
	struct diagonal *diagonals;
	struct oc_buf intervals;
	struct oc_copied now;
	uint64_t effort;
	bool any;
};

static void add_interval(struct oc_buf *b, uint32_t from, uint32_t to)
{
	struct oc_interval *top;

	while (b->len) {
		top = (struct oc_interval *)(void *)(b->p + b->len) - 1;
		if (top->to < from)
			break;
		from = top->from < from ? top->from : from;
		to = top->to > to ? top->to : to;
		b->len -= sizeof *top;
	}
	struct oc_interval i = {from, to};
	oc_buf_add(b, &i, sizeof i);
}

static bool is_covered(const struct oc_buf *b, uint32_t from, uint32_t to)
{
	const struct oc_interval *i = (const void *)b->p;
	uint64_t n = b->len / sizeof *i;

	/* queries come in ascending order: only the last intervals can hold a later place */
	for (; n && i[n - 1].to >= to; n--)
		if (i[n - 1].from <= from)
			return true;
	return false;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void grow(struct growth *g, uint32_t at, uint32_t source, uint32_t source_at)
{
	struct oc_str q = oc_copies_text(g->c, g->now.row), s = oc_copies_text(g->c, source);
	uint32_t offset = source_at - at, most, reach = g->c->winnow.min_span - g->c->winnow.k;
	uint64_t slot = spread((uint64_t)source << 32 | offset) & (DIAGONALS - 1);
	struct diagonal *d = &g->diagonals[slot];
	struct oc_common span;

	if (d->query == g->now.row && d->source == source && d->offset == offset && at < d->to)
		return;
	/* all windows that hold this k-gram are covered: only a longer span would be news */
	if (is_covered(&g->intervals, at < reach ? 0 : at - reach,
	               smaller(at + g->c->winnow.min_span, (uint32_t)q.len))) {
		most = smaller(at, source_at) +
		       smaller((uint32_t)q.len - at, (uint32_t)s.len - source_at);
		if (most < g->now.longest.len ||
		    (most == g->now.longest.len && source >= g->now.source))
			return;
		if (g->effort > ((uint64_t)EFFORT * q.len) + (1u << 20)) {
			g->now.at_least = true;
			return;
		}
	}
	span = oc_common_around(q, at, s, source_at);
	g->effort += span.len;
	*d = (struct diagonal){g->now.row, source, offset, span.a + span.len};
	if (span.len < g->c->winnow.min_span)
		return;
	if (span.len > g->now.longest.len ||
	    (span.len == g->now.longest.len && source < g->now.source)) {
		g->now.longest = span;
		g->now.source = source;
	}
	add_interval(&g->intervals, span.a, span.a + span.len);
}

static int finish_row(struct growth *g, oc_copied_fn *found, void *user, struct oc_err *err)
{
	g->now.interval = (const void *)g->intervals.p;
	g->now.interval_n = (uint32_t)(g->intervals.len / sizeof *g->now.interval);
	for (uint32_t i = 0; i < g->now.interval_n; i++)
		g->now.covered += g->now.interval[i].to - g->now.interval[i].from;
	return g->any && g->now.interval_n ? found(user, &g->now, err) : 0;
}

static int verify(const struct oc_copies *c, struct oc_sort *sort, oc_copied_fn *found, void *user,
                  struct oc_err *err)
{
	struct growth g = {.c = c};
	const void *sorted;
	size_t n;
	int rc = -1;

	g.diagonals = oc_alloc(DIAGONALS * sizeof *g.diagonals);
	memset(g.diagonals, 0xFF, DIAGONALS * sizeof *g.diagonals);
	for (;;) {
		if (oc_sort_next(sort, &sorted, &n, err))
			goto out;
		if (!n)
			break;
		if (oc_cancelled(c->ctx)) {
			oc_fail(err, OC_CANCELLED, c->name, "interrupted");
			goto out;
		}
		const struct candidate *k = sorted;
		for (size_t i = 0; i < n; i++) {
			uint32_t row = be32toh(k[i].query);
			if (!g.any || row != g.now.row) {
				if (finish_row(&g, found, user, err))
					goto out;
				g.now = (struct oc_copied){.row = row};
				g.intervals.len = 0;
				g.effort = 0;
				g.any = true;
			}
			uint32_t source_at = be32toh(k[i].source_at);
			g.now.at_least |= (source_at & ONE_OF_MANY) != 0;
			grow(&g, be32toh(k[i].at), be32toh(k[i].source), source_at & ~ONE_OF_MANY);
		}
	}
	rc = finish_row(&g, found, user, err);
out:
	free(g.diagonals);
	oc_buf_fini(&g.intervals);
	return rc;
}

int oc_copies_find(const struct oc_copies *c, const char *dir, uint64_t memory, oc_copied_fn *found,
                   void *user, struct oc_err *err)
{
	struct finder f = {.c = c};
	struct oc_sort *prints = NULL;
	int rc = -1;

	f.few = oc_alloc((c->opts.cap + 1) * sizeof *f.few);
	mark(&f, memory / 8);
	prints = oc_sort_new(c->ctx, dir, sizeof(struct print_record), sizeof(struct print_record),
	                     memory / 4, err);
	if (!prints || gather(&f, prints, err))
		goto out;
	free(f.bits);
	f.bits = NULL;
	f.windows = oc_sort_new(c->ctx, dir, sizeof(struct print_record),
	                        sizeof(struct print_record), memory / 4, err);
	f.candidates = oc_sort_new(c->ctx, dir, sizeof(struct candidate), sizeof(struct candidate),
	                           memory / 4, err);
	if (!f.windows || !f.candidates || pair_up(&f, prints, err))
		goto out;
	oc_sort_free(prints);
	prints = NULL;
	if (pair_windows(&f, err) || oc_sort_done(f.candidates, err))
		goto out;
	oc_sort_free(f.windows);
	f.windows = NULL;
	rc = verify(c, f.candidates, found, user, err);
out:
	oc_sort_free(prints);
	oc_sort_free(f.windows);
	oc_sort_free(f.candidates);
	free(f.bits);
	free(f.few);
	return rc;
}
