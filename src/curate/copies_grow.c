/* Candidates become spans: see copies.h. */
#include <endian.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/err.h"
#include "base/pool.h"
#include "curate/copies.h"
#include "index/disk.h"

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
	uint64_t slot = oc_copy_spread((uint64_t)source << 32 | offset) & (DIAGONALS - 1);
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
	const struct oc_copy_candidate *from;
	size_t n;
	struct oc_buf found, intervals;
};

struct verifier {
	const struct oc_copies *c;
	struct oc_pool *pool;
	uint64_t memory, looks; /* looks: rows named, since the maps were let go */
	struct growth *growths; /* one a worker */
	struct part *parts;
};

static void row_begin(struct growth *g, uint32_t row)
{
	g->now = (struct oc_copied){.row = row};
	g->intervals.len = 0;
	g->effort = 0;
}

static void row_grow(struct growth *g, const struct oc_copy_candidate *k)
{
	uint32_t source_at = be32toh(k->source_at);

	g->now.at_least |= (source_at & OC_COPY_ONE_OF_MANY) != 0;
	grow(g, be32toh(k->at), be32toh(k->source), source_at & ~OC_COPY_ONE_OF_MANY);
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
static int verify_block(struct verifier *v, const struct oc_copy_candidate *k, size_t n,
                        oc_copied_fn *found, void *user, struct oc_err *err)
{
	unsigned want = 4 * oc_pool_threads(v->pool), part_n = 0;
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
	oc_pool_for(v->pool, part_n, verify_part, v);
	for (unsigned i = 0; i < part_n; i++) {
		struct part *part = &v->parts[i];
		struct oc_copied *f = (void *)part->found.p;
		const struct oc_interval *interval = (const void *)part->intervals.p;
		for (size_t r = 0; r < part->found.len / sizeof *f; r++) {
			f[r].interval = interval;
			interval += f[r].interval_n;
			v->looks += 4; /* both texts and their names */
			if (v->looks >= v->memory / 4 / OC_COPY_PAGES) {
				v->looks = 0;
				oc_copies_rest(v->c);
			}
			if (found(user, &f[r], err))
				return -1;
		}
	}
	oc_copies_rest(v->c);
	return 0;
}

/* Candidates on their way to the workers. */
struct block {
	struct oc_copy_candidate *k;
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

static int feed_block(struct block *b, struct verifier *v, const struct oc_copy_candidate *k,
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

int oc_copies_grow(const struct oc_copies *c, struct oc_pool *pool, struct oc_sort *candidates,
                   uint64_t memory, oc_copied_fn *found, void *user, struct oc_err *err)
{
	unsigned threads = oc_pool_threads(pool);
	struct verifier v = {.c = c, .pool = pool, .memory = memory};
	struct block b = {.cap = memory / 8 / sizeof *b.k};
	const void *sorted;
	size_t n;
	int rc = -1;

	b.cap = b.cap < 64 ? 64 : b.cap > 1 << 15 ? 1 << 15 : b.cap;
	b.k = oc_alloc(b.cap * sizeof *b.k);
	v.growths = oc_zalloc(threads, sizeof *v.growths);
	v.parts = oc_zalloc((size_t)4 * threads, sizeof *v.parts);
	for (unsigned i = 0; i < threads; i++) {
		v.growths[i].c = c;
		v.growths[i].look_most = memory / threads / 8 / OC_COPY_PAGES; /* two texts each */
		v.growths[i].diagonals = oc_alloc(DIAGONALS * sizeof *v.growths[i].diagonals);
		memset(v.growths[i].diagonals, 0xFF, DIAGONALS * sizeof *v.growths[i].diagonals);
	}
	for (;;) {
		if (oc_sort_next(candidates, &sorted, &n, err))
			goto out;
		if (!n)
			break;
		if (oc_cancelled(c->ctx)) {
			oc_fail(err, OC_CANCELLED, c->name, "interrupted");
			goto out;
		}
		const struct oc_copy_candidate *k = sorted;
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
