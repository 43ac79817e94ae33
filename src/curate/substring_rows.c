/* The units of a text, the rows that were observed, and the judge: see substring.h. */
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "curate/substring.h"
#include "index/disk.h"

/* An odd multiplier for the rolling hash (mod 2^64); what it claims is compared byte by byte. */
#define BASE 0x9E3779B97F4A7C15u

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xD6E8FEB86659FD93u;
	return h ^ h >> 32;
}

/* ------------------------------------------------------------------- units */

static uint32_t gram_len(uint32_t min_span)
{
	return min_span / 2 > 32 ? 32 : min_span / 2;
}

uint32_t oc_spans_ring(uint32_t min_span)
{
	return min_span - gram_len(min_span) + 1;
}

/* The text while its units are cut. */
struct cutter {
	const unsigned char *p;
	uint32_t n, min_span, k, size;
	uint64_t leaving;
	uint64_t *ring;
	struct oc_span_unit last; /* the unit before */
	uint32_t looked;          /* up to this byte a period was looked for */
	struct oc_buf *out;
	uint32_t found;
};

static void put(struct cutter *c, struct oc_span_unit u)
{
	oc_buf_add(c->out, &u, sizeof u);
	c->last = u;
	c->found++;
}

/* Shorter runs are not worth a record: the search begins anew behind one. */
#define RUN_SPANS 4

/* Windows from `u` on that repeat those of the unit before it over and over; 0 = too few. */
static uint32_t run_of(struct cutter *c, const struct oc_span_unit *u)
{
	uint32_t period = u->n, end = u->from + period;

	if (!c->found || c->last.hash != u->hash || c->last.n != period ||
	    c->last.back != u->back || c->last.from + period != u->from ||
	    u->from + c->min_span < c->looked)
		return 0;
	for (end = u->from; end < c->n && c->p[end] == c->p[end - period]; end++)
		;
	c->looked = end;
	return end < u->from + (RUN_SPANS + 1) * c->min_span ? 0 : end - c->min_span - u->from + 1;
}

/* Units of the windows from byte `start` on. Returns where the search begins anew, behind a run,
 * or n. */
static uint32_t cut_from(struct cutter *c, uint32_t start)
{
	const unsigned char *p = c->p;
	uint32_t n = c->n, k = c->k, size = c->size, best = start, slot = 0, from = start,
		 chosen = start;
	uint64_t h = 0, least = UINT64_MAX, hash = 0;

	for (uint32_t i = 0; i < k - 1; i++)
		h = h * BASE + p[start + i];
	for (uint32_t at = start; at + k <= n; at++) {
		h = h * BASE + p[at + k - 1];
		uint64_t v = mix(h);
		h -= p[at] * c->leaving;
		c->ring[slot] = v;
		slot = slot + 1 == size ? 0 : slot + 1;
		if (v <= least) {
			least = v;
			best = at;
		} else if (at - best >= size) {
			/* the smallest left the window: look through it, the last of equals wins */
			least = UINT64_MAX;
			for (uint32_t i = 0, s = slot; i < size; i++) {
				if (c->ring[s] <= least) {
					least = c->ring[s];
					best = at + 1 - size + i;
				}
				s = s + 1 == size ? 0 : s + 1;
			}
		}
		if (at + 1 - start < size)
			continue;
		uint32_t window = at + 1 - size;
		if (window > start && best == chosen)
			continue;
		if (window > start) {
			struct oc_span_unit u = {hash, from, (uint16_t)(window - from),
			                         (uint16_t)(chosen - from)};
			uint32_t run = run_of(c, &u);
			if (run) {
				put(c,
				    (struct oc_span_unit){(uint64_t)u.n << 32 | run, u.from, 0, 0});
				return u.from + run;
			}
			put(c, u);
		}
		from = window;
		chosen = best;
		/* small by choice: spread again for those who look at leading bits */
		hash = least * BASE;
	}
	put(c, (struct oc_span_unit){hash, from, (uint16_t)(n - c->min_span + 1 - from),
	                             (uint16_t)(chosen - from)});
	return n;
}

uint32_t oc_spans_units(struct oc_str text, uint32_t min_span, uint64_t *ring, struct oc_buf *out)
{
	struct cutter c = {.p = (const unsigned char *)text.p,
	                   .n = (uint32_t)text.len,
	                   .min_span = min_span,
	                   .k = gram_len(min_span),
	                   .leaving = 1,
	                   .ring = ring,
	                   .out = out};

	c.size = min_span - c.k + 1;
	for (uint32_t i = 1; i < c.k; i++)
		c.leaving *= BASE;
	/* the windows behind a run are fewer than min_span bytes from the end when it goes so far
	 */
	for (uint32_t at = 0; at + min_span <= c.n;)
		at = cut_from(&c, at);
	return c.found;
}

/* -------------------------------------------------------------------- rows */

static int belongs_not(const struct oc_spans *s, const char *where, struct oc_err *err)
{
	return where ? oc_fail(err, OC_INPUT, where,
	                       "its sections do not belong together: build "
	                       "it again")
	             : oc_fail(err, OC_INTERNAL, s->name,
	                       "the observed streams do not belong together");
}

/* Rows, texts and units of a part; `where`: the index, NULL = the set. Adds up its rows: their
 * starts are compared with those there are, or made. */
static int open_part(struct oc_spans *s, struct oc_span_part *p, const char *where,
                     struct oc_err *err)
{
	uint64_t at = 0, touched = 0;

	p->rows = (const void *)p->maps[0].p;
	p->row_n = p->maps[0].len / sizeof *p->rows;
	p->text = p->maps[1];
	p->units = (const void *)p->maps[2].p;
	p->starts = (const void *)p->maps[3].p;
	if (where && p->maps[3].len != (p->row_n + 1) * sizeof at)
		return belongs_not(s, where, err);
	for (uint64_t i = 0; i <= p->row_n; i++) {
		if (where ? p->starts[i] != at
		          : oc_spill_add(s->place_of, 0, &at, sizeof at, err) != 0)
			return where ? belongs_not(s, where, err) : -1;
		if (i == p->row_n)
			break;
		at += (uint64_t)p->rows[i].text_len + p->rows[i].key_len;
		p->unit_n += p->rows[i].unit_n;
		oc_spans_touch(s, &touched, sizeof *p->rows + sizeof at);
	}
	if (p->text.len != at || p->maps[2].len != p->unit_n * sizeof *p->units)
		return belongs_not(s, where, err);
	return 0;
}

static const char *const sections[OC_SPAN_STREAMS + 1] = {"rows", "texts", "units", "places"};
static const size_t section_unit[OC_SPAN_STREAMS + 1] = {
	sizeof(struct oc_span_row), 1, sizeof(struct oc_span_unit), sizeof(uint64_t)};

int oc_spans_open(struct oc_spans *s, struct oc_ctx *ctx, const char *name, uint32_t min_span,
                  struct oc_index *const *indexes, unsigned index_n, struct oc_spill *spill,
                  struct oc_err *err)
{
	struct oc_span_part *p;
	uint64_t base = 0;

	*s = (struct oc_spans){.ctx = ctx,
	                       .name = name,
	                       .dir = oc_spill_dir(spill),
	                       .min_span = min_span,
	                       .memory = oc_spill_memory(spill),
	                       .index_n = index_n};
	s->set = s->parts + index_n;
	for (unsigned i = 0; i < index_n; i++, base += p->text.len) {
		p = &s->parts[i];
		p->base = base;
		for (unsigned k = 0; k <= OC_SPAN_STREAMS; k++) {
			if (oc_index_section(indexes[i], sections[k], section_unit[k], &p->maps[k],
			                     err))
				return -1;
			s->map_len += p->maps[k].len;
		}
		p->file = oc_index_file(indexes[i], p->maps[1].p, &p->file_at);
		if (open_part(s, p, oc_index_path(indexes[i]), err))
			return -1;
	}
	p = &s->parts[index_n];
	p->base = base;
	p->file = oc_spill_file(spill, 1);
	for (unsigned i = 0; i < OC_SPAN_STREAMS; i++) {
		if (oc_spill_map(spill, i, &p->maps[i], err))
			return -1;
		s->map_len += p->maps[i].len;
	}
	s->place_of = oc_spill_open(ctx, s->dir, "substring.places", 1, s->memory / 64, err);
	if (!s->place_of || open_part(s, p, NULL, err) ||
	    oc_spill_map(s->place_of, 0, &p->maps[OC_SPAN_STREAMS], err))
		return -1;
	p->starts = (const void *)p->maps[OC_SPAN_STREAMS].p;
	s->map_len += p->maps[OC_SPAN_STREAMS].len;
	return 0;
}

/* Less is not worth the calls. */
#define LEAST_MAPPED ((uint64_t)4 << 20)

void oc_spans_touch(const struct oc_spans *s, uint64_t *touched, uint64_t bytes)
{
	uint64_t most = s->memory / 8 > LEAST_MAPPED ? s->memory / 8 : LEAST_MAPPED;

	if (__atomic_add_fetch(touched, bytes, __ATOMIC_RELAXED) < most)
		return;
	__atomic_store_n(touched, 0, __ATOMIC_RELAXED);
	if (s->map_len <= s->memory / 2)
		return;
	for (unsigned k = 0; k <= s->index_n; k++)
		for (unsigned i = 0; i <= OC_SPAN_STREAMS; i++)
			oc_map_rest(s->parts[k].maps[i].p, s->parts[k].maps[i].len);
}

const char *oc_spans_read(const struct oc_spans *s, uint64_t place, size_t len, struct oc_buf *room)
{
	const struct oc_span_part *p = oc_spans_part(s, place);
	uint64_t at = place - p->base;

	if (s->map_len <= s->memory / 2)
		return p->text.p + at;
	room->len = 0;
	oc_buf_reserve(room, len);
	ssize_t n = pread(p->file, room->p, len, (off_t)(p->file_at + at));
	return n == (ssize_t)len ? room->p : p->text.p + at;
}

void oc_spans_close(struct oc_spans *s)
{
	oc_spill_close(s->place_of);
	*s = (struct oc_spans){0};
}

#define SAVE_STEP ((size_t)1 << 20)

int oc_spans_save(const struct oc_spans *s, struct oc_index_writer *w, struct oc_err *err)
{
	for (unsigned k = 0; k < OC_SPAN_STREAMS; k++) {
		if (oc_index_begin(w, sections[k], err))
			return -1;
		for (unsigned i = 0; i <= s->index_n; i++) {
			struct oc_str m = s->parts[i].maps[k];
			for (size_t at = 0; at < m.len; at += SAVE_STEP) {
				size_t n = m.len - at < SAVE_STEP ? m.len - at : SAVE_STEP;
				if (oc_index_write(w, m.p + at, n, err))
					return -1;
				oc_map_rest(m.p + at, n);
			}
		}
	}
	if (oc_index_begin(w, sections[OC_SPAN_STREAMS], err))
		return -1;
	for (unsigned i = 0; i <= s->index_n; i++) {
		const struct oc_span_part *p = &s->parts[i];
		uint64_t touched = 0;
		/* where a part ends the next one begins */
		for (uint64_t row = 0; row < p->row_n + (i == s->index_n); row++) {
			uint64_t at = p->base + p->starts[row];
			if (oc_index_write(w, &at, sizeof at, err))
				return -1;
			oc_spans_touch(s, &touched, sizeof at);
		}
	}
	return 0;
}

struct oc_str oc_spans_text(const struct oc_span_part *p, uint64_t row)
{
	return (struct oc_str){p->text.p + p->starts[row], p->rows[row].text_len};
}

struct oc_str oc_spans_key(const struct oc_span_part *p, uint64_t row)
{
	return (struct oc_str){p->text.p + p->starts[row] + p->rows[row].text_len,
	                       p->rows[row].key_len};
}

uint64_t oc_spans_row(const struct oc_span_part *p, uint64_t place)
{
	uint64_t low = 0, high = p->row_n;

	/* the last row that begins at or before the place */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (p->base + p->starts[middle] <= place)
			low = middle + 1;
		else
			high = middle;
	}
	/* rows without text and key begin where the next one does: the last of them has the byte */
	return low - 1;
}

/* -------------------------------------------------------------------- judge */

struct judged {
	const char *p;
	uint64_t number;
	uint64_t text, at;
};

static int by_bytes(const void *a, const void *b, void *len)
{
	const struct judged *x = a, *y = b;
	int c = memcmp(x->p, y->p, *(const uint32_t *)len);
	return c ? c : (x->number > y->number) - (x->number < y->number);
}

void oc_spans_judge(const struct oc_str *text, uint64_t n, uint32_t min_span, uint64_t **source,
                    uint8_t **again)
{
	struct oc_buf all = {0};
	uint64_t number = 0;

	for (uint64_t i = 0; i < n; number += text[i].len, i++)
		for (uint64_t at = 0; at + min_span <= text[i].len; at++) {
			struct judged w = {text[i].p + at, number + at, i, at};
			oc_buf_add(&all, &w, sizeof w);
		}
	struct judged *w = (void *)all.p;
	size_t w_n = all.len / sizeof *w, first = 0;
	if (w_n)
		qsort_r(w, w_n, sizeof *w, by_bytes, &min_span);
	for (size_t i = 0; i < w_n; i++) {
		if (memcmp(w[i].p, w[first].p, min_span) != 0)
			first = i;
		source[w[i].text][w[i].at] = w[first].number;
		again[w[i].text][w[i].at] =
			i + 1 < w_n && memcmp(w[i].p, w[i + 1].p, min_span) == 0;
	}
	oc_buf_fini(&all);
}
