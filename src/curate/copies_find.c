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

/* A place at which a query and a real row agree. */
struct candidate {
	uint32_t query, at, source, source_at;
};

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

/* What the kernel maps around a byte that is looked at. */
#define PAGES ((uint64_t)64 << 10)
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
	if (f->looks < f->memory / 4 / PAGES)
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
		struct print_record r = print_of(spread(h), query, p.row, (uint32_t)at);
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
	uint64_t looks, look_most; /* into texts, before they are let go */
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
	if (++g->looks >= g->look_most) {
		g->looks = 0;
		if (g->c->map_len > g->c->memory / 2)
			oc_map_rest(g->c->text, g->c->maps[1].len);
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

/* What a worker found in its part of a block of candidates: queries and, apart, their intervals. */
struct part {
	const struct candidate *from;
	size_t n;
	struct oc_buf found, intervals;
};

struct verifier {
	struct finder *f;
	struct growth *growths; /* one a worker */
	struct part *parts;
};

static void row_begin(struct growth *g, uint32_t row)
{
	g->now = (struct oc_copied){.row = row};
	g->intervals.len = 0;
	g->effort = 0;
}

static void row_grow(struct growth *g, const struct candidate *k)
{
	uint32_t source_at = be32toh(k->source_at);

	g->now.at_least |= (source_at & ONE_OF_MANY) != 0;
	grow(g, be32toh(k->at), be32toh(k->source), source_at & ~ONE_OF_MANY);
}

static void row_end(struct growth *g)
{
	g->now.interval = (const void *)g->intervals.p;
	g->now.interval_n = (uint32_t)(g->intervals.len / sizeof *g->now.interval);
	for (uint32_t i = 0; i < g->now.interval_n; i++)
		g->now.covered += g->now.interval[i].to - g->now.interval[i].from;
}

static void verify_part(void *user, uint64_t item, unsigned worker)
{
	struct verifier *v = user;
	struct part *part = &v->parts[item];
	struct growth *g = &v->growths[worker];

	part->found.len = part->intervals.len = 0;
	for (size_t i = 0; i < part->n;) {
		uint32_t row = part->from[i].query;
		row_begin(g, be32toh(row));
		for (; i < part->n && part->from[i].query == row; i++)
			row_grow(g, &part->from[i]);
		row_end(g);
		if (!g->now.interval_n)
			continue;
		oc_buf_add(&part->found, &g->now, sizeof g->now);
		oc_buf_str(&part->intervals, oc_buf_view(&g->intervals));
	}
}

/* Whole queries, parted among the workers; what they found is told in row order. */
static int verify_block(struct verifier *v, const struct candidate *k, size_t n,
                        oc_copied_fn *found, void *user, struct oc_err *err)
{
	unsigned want = 4 * oc_pool_threads(v->f->pool), part_n = 0;
	size_t at = 0;

	while (at < n) {
		size_t to = at + (n + want - 1) / want;
		to = to < n ? to : n;
		while (to < n && k[to].query == k[to - 1].query)
			to++;
		v->parts[part_n].from = k + at;
		v->parts[part_n++].n = to - at;
		at = to;
	}
	oc_pool_for(v->f->pool, part_n, verify_part, v);
	for (unsigned i = 0; i < part_n; i++) {
		struct part *part = &v->parts[i];
		struct oc_copied *f = (void *)part->found.p;
		const struct oc_interval *interval = (const void *)part->intervals.p;
		for (size_t r = 0; r < part->found.len / sizeof *f; r++) {
			f[r].interval = interval;
			interval += f[r].interval_n;
			look(v->f, 4); /* both texts and their names */
			if (found(user, &f[r], err))
				return -1;
		}
	}
	oc_copies_rest(v->f->c);
	return 0;
}

/* Candidates on their way to the workers. */
struct block {
	struct candidate *k;
	size_t n, cap;
	bool giant; /* its one query is being grown here: its candidates fill more than a block */
};

static int block_full(struct block *b, struct verifier *v, oc_copied_fn *found, void *user,
                      struct oc_err *err)
{
	size_t whole = b->n;

	if (b->giant || b->k[0].query == b->k[b->n - 1].query) {
		struct growth *g = &v->growths[0];
		if (!b->giant)
			row_begin(g, be32toh(b->k[0].query));
		b->giant = true;
		for (size_t i = 0; i < b->n; i++)
			row_grow(g, &b->k[i]);
		b->n = 0;
		return 0;
	}
	while (b->k[whole - 1].query == b->k[b->n - 1].query)
		whole--;
	if (verify_block(v, b->k, whole, found, user, err))
		return -1;
	memmove(b->k, b->k + whole, (b->n - whole) * sizeof *b->k);
	b->n -= whole;
	return 0;
}

static int giant_ends(struct block *b, struct verifier *v, oc_copied_fn *found, void *user,
                      struct oc_err *err)
{
	struct growth *g = &v->growths[0];

	for (size_t i = 0; i < b->n; i++)
		row_grow(g, &b->k[i]);
	b->n = 0;
	b->giant = false;
	row_end(g);
	return g->now.interval_n ? found(user, &g->now, err) : 0;
}

static int feed_block(struct block *b, struct verifier *v, const struct candidate *k,
                      oc_copied_fn *found, void *user, struct oc_err *err)
{
	if (b->n == b->cap && block_full(b, v, found, user, err))
		return -1;
	if (b->giant && be32toh(k->query) != v->growths[0].now.row &&
	    giant_ends(b, v, found, user, err))
		return -1;
	b->k[b->n++] = *k;
	return 0;
}

static int verify(struct finder *f, oc_copied_fn *found, void *user, struct oc_err *err)
{
	unsigned threads = oc_pool_threads(f->pool);
	struct verifier v = {.f = f};
	struct block b = {.cap = f->memory / 8 / sizeof *b.k};
	const void *sorted;
	size_t n;
	int rc = -1;

	b.cap = b.cap < 64 ? 64 : b.cap > 1 << 15 ? 1 << 15 : b.cap;
	b.k = oc_alloc(b.cap * sizeof *b.k);
	v.growths = oc_zalloc(threads, sizeof *v.growths);
	v.parts = oc_zalloc((size_t)4 * threads, sizeof *v.parts);
	for (unsigned i = 0; i < threads; i++) {
		v.growths[i].c = f->c;
		v.growths[i].look_most = f->memory / threads / 8 / PAGES; /* two texts each */
		v.growths[i].diagonals = oc_alloc(DIAGONALS * sizeof *v.growths[i].diagonals);
		memset(v.growths[i].diagonals, 0xFF, DIAGONALS * sizeof *v.growths[i].diagonals);
	}
	for (;;) {
		if (oc_sort_next(f->candidates, &sorted, &n, err))
			goto out;
		if (!n)
			break;
		if (oc_cancelled(f->c->ctx)) {
			oc_fail(err, OC_CANCELLED, f->c->name, "interrupted");
			goto out;
		}
		const struct candidate *k = sorted;
		for (size_t i = 0; i < n; i++)
			if (feed_block(&b, &v, &k[i], found, user, err))
				goto out;
	}
	if (b.giant)
		rc = giant_ends(&b, &v, found, user, err);
	else
		rc = b.n ? verify_block(&v, b.k, b.n, found, user, err) : 0;
out:
	for (unsigned i = 0; i < threads; i++) {
		free(v.growths[i].diagonals);
		oc_buf_fini(&v.growths[i].intervals);
	}
	for (unsigned i = 0; i < 4 * threads; i++) {
		oc_buf_fini(&v.parts[i].found);
		oc_buf_fini(&v.parts[i].intervals);
	}
	free(v.growths);
	free(v.parts);
	free(b.k);
	return rc;
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
	rc = verify(&f, found, user, err);
out:
	oc_sort_free(prints);
	oc_sort_free(f.windows);
	oc_sort_free(f.candidates);
	oc_pool_free(f.pool);
	free(f.bits);
	free(f.few);
	return rc;
}
