/* How equal k-grams come together: see substring_find.h. */
#include <endian.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "curate/substring_find.h"

#define CHUNK ((uint64_t)1 << 16) /* units that a thread marks at a time */

struct meeter {
	const struct oc_spans *s;
	struct oc_pool *pool;
	struct oc_sort **sorts;
	unsigned sort_n;
	uint64_t *seen, *twice; /* (2^power) bits each: the set has the k-gram, and not alone */
	unsigned power;
	uint64_t touched; /* bytes of the maps that were looked at since they were let go */
	struct slice *slices;
	unsigned slice_n;
	struct oc_err *errs; /* (sort_n) */
};

/* Units of a part, beginning with unit `skip` of a row, that one thread looks through. */
struct slice {
	struct meeter *m;
	const struct oc_span_part *part;
	uint64_t row, unit, n; /* unit: number of the first among all of the part */
	uint32_t skip;
	struct oc_buf *met; /* (sort_n) */
	struct oc_buf runs;
	bool damaged;
};

static bool has(const uint64_t *bits, uint64_t b)
{
	return __atomic_load_n(&bits[b >> 6], __ATOMIC_RELAXED) >> (b & 63) & 1;
}

/* True when the bit was set before. */
static bool set(uint64_t *bits, uint64_t b)
{
	uint64_t bit = (uint64_t)1 << (b & 63);

	return has(bits, b) || (__atomic_fetch_or(&bits[b >> 6], bit, __ATOMIC_RELAXED) & bit);
}

static void mark_chunk(void *user, uint64_t item, unsigned worker)
{
	struct meeter *m = user;
	const struct oc_span_part *p = m->s->set;
	uint64_t end = (item + 1) * CHUNK < p->unit_n ? (item + 1) * CHUNK : p->unit_n;

	(void)worker;
	for (uint64_t i = item * CHUNK; i < end; i++) {
		if (!p->units[i].n)
			continue;
		uint64_t b = p->units[i].hash >> (64 - m->power);
		if (set(m->seen, b))
			set(m->twice, b);
	}
	oc_spans_touch(m->s, &m->touched, CHUNK * sizeof *p->units);
}

static void mark(struct meeter *m)
{
	uint64_t units = m->s->set->unit_n;

	m->power = 13;
	while (m->power < 40 && (uint64_t)1 << m->power < 16 * units &&
	       (uint64_t)2 << m->power <= m->s->memory / 2)
		m->power++;
	m->seen = oc_zalloc((size_t)1 << (m->power - 6), sizeof *m->seen);
	m->twice = oc_zalloc((size_t)1 << (m->power - 6), sizeof *m->twice);
	oc_pool_for(m->pool, (units + CHUNK - 1) / CHUNK, mark_chunk, m);
}

/* Units of an index come with a k-gram that the set has; those of the set with one that is not
 * alone, in the set or for an index. */
static void gather_slice(void *user, uint64_t item, unsigned worker)
{
	struct slice *g = (struct slice *)user + item;
	struct meeter *m = g->m;
	const struct oc_spans *s = m->s;
	const struct oc_span_part *p = g->part;
	uint64_t row = g->row, last = 0, looked = g->n * sizeof *p->units;
	bool indexed = p != s->set;

	(void)worker;
	for (uint64_t i = 0, in_row = g->skip; i < g->n; i++, in_row++) {
		const struct oc_span_unit *v = &p->units[g->unit + i];
		for (; in_row == p->rows[row].unit_n; in_row = 0)
			row++;
		uint64_t b = v->hash >> (64 - m->power), at = p->base + p->starts[row] + v->from;
		uint32_t span = v->n + s->min_span - 1u;
		if (!v->n && indexed)
			continue; /* its windows follow from others, of which it is reported */
		if (!v->n) {
			struct oc_span_run r = {at, (uint32_t)v->hash, (uint32_t)(v->hash >> 32)};
			oc_buf_add(&g->runs, &r, sizeof r);
			continue;
		}
		if (!has(indexed ? m->seen : m->twice, b))
			continue;
		if (indexed) {
			if (v->n > s->min_span || p->rows[row].text_len < span ||
			    v->from > p->rows[row].text_len - span ||
			    v->back >= s->min_span + v->n) {
				g->damaged = true;
				return;
			}
			set(m->twice, b);
		}
		struct oc_span_met u = {htobe64(v->hash), 0, at, v->n, v->back};
		u.bytes = (uint32_t)oc_hash64(p->text.p + (at - p->base), span,
		                              (uint64_t)v->n << 16 | v->back);
		oc_buf_add(&g->met[(v->hash >> 32) * m->sort_n >> 32], &u, sizeof u);
		looked += at - last < OC_SPAN_FAULT ? at - last : OC_SPAN_FAULT;
		last = at;
	}
	oc_spans_touch(s, &m->touched, looked + (row - g->row) * sizeof *p->rows);
}

static void add_slices(void *user, uint64_t item, unsigned worker)
{
	struct meeter *m = user;

	(void)worker;
	for (unsigned i = 0; i < m->slice_n; i++) {
		struct oc_buf *met = &m->slices[i].met[item];
		if (met->len && oc_sort_add(m->sorts[item], met->p,
		                            met->len / sizeof(struct oc_span_met), &m->errs[item]))
			return;
		met->len = 0;
	}
}

/* What the slices gathered, in their order. */
static int hand_on(struct meeter *m, struct oc_spill *runs, struct oc_err *err)
{
	if (oc_cancelled(m->s->ctx))
		return oc_fail(err, OC_CANCELLED, m->s->name, "interrupted");
	oc_pool_for(m->pool, m->slice_n, gather_slice, m->slices);
	oc_pool_for(m->pool, m->sort_n, add_slices, m);
	for (unsigned i = 0; i < m->sort_n; i++)
		if (m->errs[i].code) {
			*err = m->errs[i];
			return -1;
		}
	for (unsigned i = 0; i < m->slice_n; i++) {
		struct slice *g = &m->slices[i];
		if (g->damaged)
			return oc_fail(err, OC_INPUT, m->s->name,
			               "a unit of an index lies outside its text: build it again");
		if (g->runs.len && oc_spill_add(runs, 0, g->runs.p, g->runs.len, err))
			return -1;
		g->runs.len = 0;
	}
	m->slice_n = 0;
	return 0;
}

static int gather(struct meeter *m, const struct oc_span_part *p, struct oc_spill *runs,
                  struct oc_err *err)
{
	unsigned cap = 4 * oc_pool_threads(m->pool);
	uint64_t most = m->s->memory / 8 / cap / sizeof(struct oc_span_met), unit = 0, row = 0;
	uint32_t skip = 0;

	most = most ? most : 1;
	while (unit < p->unit_n) {
		struct slice *g = &m->slices[m->slice_n++];
		g->part = p;
		g->row = row;
		g->skip = skip;
		g->unit = unit;
		for (g->n = 0; unit < p->unit_n && g->n < most;) {
			uint64_t n = p->rows[row].unit_n - skip;
			n = n < most - g->n ? n : most - g->n;
			g->n += n;
			unit += n;
			skip += (uint32_t)n;
			if (skip == p->rows[row].unit_n) {
				row++;
				skip = 0;
			}
		}
		if (m->slice_n == cap && hand_on(m, runs, err))
			return -1;
	}
	return m->slice_n ? hand_on(m, runs, err) : 0;
}

int oc_spans_meet(const struct oc_spans *s, struct oc_pool *pool, struct oc_sort **sorts,
                  unsigned sort_n, struct oc_spill *runs, struct oc_err *err)
{
	struct meeter m = {.s = s, .pool = pool, .sorts = sorts, .sort_n = sort_n};
	unsigned cap = 4 * oc_pool_threads(pool);
	int rc = 0;

	m.errs = oc_zalloc(sort_n, sizeof *m.errs);
	m.slices = oc_zalloc(cap, sizeof *m.slices);
	for (unsigned i = 0; i < cap; i++) {
		m.slices[i].m = &m;
		m.slices[i].met = oc_zalloc(sort_n, sizeof *m.slices[i].met);
	}
	mark(&m);
	for (unsigned i = 0; i <= s->index_n && !rc; i++)
		rc = gather(&m, &s->parts[i], runs, err);
	for (unsigned i = 0; i < cap; i++) {
		for (unsigned k = 0; k < sort_n; k++)
			oc_buf_fini(&m.slices[i].met[k]);
		oc_buf_fini(&m.slices[i].runs);
		free(m.slices[i].met);
	}
	free(m.slices);
	free(m.errs);
	free(m.seen);
	free(m.twice);
	return rc;
}
