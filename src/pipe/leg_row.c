#include "pipe/leg_row.h"

#include <stddef.h>
#include <string.h>

static void put_u(struct oc_buf *b, uint64_t v)
{
	char text[10];
	size_t n = 0;

	while (v >= 0x80) {
		text[n++] = (char)(v | 0x80);
		v >>= 7;
	}
	text[n++] = (char)v;
	oc_buf_add(b, text, n);
}

static void put_str(struct oc_buf *b, struct oc_str s)
{
	put_u(b, s.len);
	oc_buf_str(b, s);
}

static void put_strs(struct oc_buf *b, const struct oc_str *s, uint32_t n)
{
	put_u(b, n);
	for (uint32_t i = 0; i < n; i++)
		put_str(b, s[i]);
}

void oc_leg_row_put(struct oc_buf *b, const struct oc_row *row, bool settled)
{
	const struct oc_pedigree *p = &row->ped;
	uint32_t n = 0;

	put_u(b, (row->test ? 1u : 0u) | (row->changed ? 2u : 0u) | (p->depth_at_least ? 4u : 0u) |
	                 (row->fate == OC_HELD ? 8u : 0u) | (uint64_t)p->origin << 4);
	put_str(b, p->key);
	put_str(b, p->id);
	put_u(b, p->depth);
	put_u(b, p->source);
	put_u(b, p->row);
	put_str(b, p->span.file);
	put_u(b, p->span.offset);
	put_u(b, p->span.len);
	put_u(b, p->span.line);
	put_str(b, p->licence);
	put_strs(b, p->parents, p->parent_n);
	put_strs(b, p->founders, p->founder_n);
	put_str(b, p->recipe);
	put_str(b, p->model);
	put_str(b, p->params);
	put_strs(b, p->requests, p->request_n);
	put_str(b, p->edits);
	put_str(b, p->review);
	put_str(b, p->extra);
	for (uint32_t i = 0; i < row->verdict_n; i++)
		n += !settled || row->verdicts[i].result != OC_KEEP;
	put_u(b, n);
	for (uint32_t i = 0; n && i < row->verdict_n; i++) {
		const struct oc_verdict *v = &row->verdicts[i];
		if (settled && v->result == OC_KEEP)
			continue;
		put_str(b, v->stage);
		put_str(b, v->rule);
		put_u(b, (uint64_t)v->result << 1 | v->has_score);
		if (v->has_score) {
			oc_buf_add(b, &v->score, sizeof v->score);
			oc_buf_add(b, &v->threshold, sizeof v->threshold);
		}
		put_str(b, v->evidence);
	}
}

/* ------------------------------------------------------------------ reading back */

/* `bad` is set when the bytes end too early. */
struct reader {
	const char *p, *end;
	struct oc_arena *arena;
	bool bad;
};

static uint64_t get_u(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (r->p == r->end)
			break;
		unsigned char c = (unsigned char)*r->p++;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

static struct oc_str get_str(struct reader *r)
{
	uint64_t len = get_u(r);

	if (len > (uint64_t)(r->end - r->p)) {
		r->bad = true;
		return (struct oc_str){NULL, 0};
	}
	struct oc_str s = {len ? r->p : NULL, (size_t)len};
	r->p += len;
	return s;
}

static struct oc_str *get_strs(struct reader *r, uint32_t *n)
{
	uint64_t count = get_u(r);

	*n = 0;
	if (count > (uint64_t)(r->end - r->p)) /* a string takes one byte at least */
		r->bad = true;
	if (r->bad || !count)
		return NULL;
	struct oc_str *s = oc_arena_alloc(r->arena, count * sizeof *s);
	for (uint64_t i = 0; i < count; i++)
		s[i] = get_str(r);
	*n = (uint32_t)count;
	return s;
}

static double get_double(struct reader *r)
{
	double v = 0;

	if (r->end - r->p < (ptrdiff_t)sizeof v) {
		r->bad = true;
		return 0;
	}
	memcpy(&v, r->p, sizeof v);
	r->p += sizeof v;
	return v;
}

static void get_row(struct reader *r, struct oc_row *row)
{
	struct oc_pedigree *p = &row->ped;
	uint64_t flags = get_u(r);

	row->test = flags & 1;
	row->changed = flags & 2;
	p->depth_at_least = flags & 4;
	row->fate = flags & 8 ? OC_HELD : OC_LIVE;
	p->origin = (enum oc_origin)(flags >> 4);
	p->key = get_str(r);
	p->id = get_str(r);
	p->depth = (uint32_t)get_u(r);
	p->source = (uint32_t)get_u(r);
	p->row = get_u(r);
	p->span.file = get_str(r);
	p->span.offset = get_u(r);
	p->span.len = get_u(r);
	p->span.line = get_u(r);
	p->licence = get_str(r);
	p->parents = get_strs(r, &p->parent_n);
	p->founders = get_strs(r, &p->founder_n);
	p->recipe = get_str(r);
	p->model = get_str(r);
	p->params = get_str(r);
	p->requests = get_strs(r, &p->request_n);
	p->edits = get_str(r);
	p->review = get_str(r);
	p->extra = get_str(r);

	uint64_t n = get_u(r);
	if (n > (uint64_t)(r->end - r->p))
		r->bad = true;
	if (r->bad || !n)
		return;
	row->verdicts = oc_arena_zalloc(r->arena, n * sizeof *row->verdicts);
	row->verdict_n = row->verdict_cap = row->verdict_old = (uint32_t)n;
	for (uint64_t i = 0; i < n; i++) {
		struct oc_verdict *v = &row->verdicts[i];
		v->stage = get_str(r);
		v->rule = get_str(r);
		uint64_t bits = get_u(r);
		v->result = (enum oc_result)(bits >> 1);
		v->has_score = bits & 1;
		if (v->has_score) {
			v->score = get_double(r);
			v->threshold = get_double(r);
		}
		v->evidence = get_str(r);
	}
}

bool oc_leg_row_get(struct oc_row *row, struct oc_str meta, struct oc_arena *a)
{
	struct reader r = {.p = meta.p, .end = meta.p + meta.len, .arena = a};

	get_row(&r, row);
	return !r.bad && r.p == r.end;
}
