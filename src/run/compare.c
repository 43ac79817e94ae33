#include "run/compare.h"

#include <stdlib.h>

#include "base/hash.h"

struct reading {
	struct oc_compare *c;
	int side;
	uint64_t cap;
};

static int cmp128(struct oc_hash128 a, struct oc_hash128 b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return (a.lo > b.lo) - (a.lo < b.lo);
}

static int by_key(const void *pa, const void *pb)
{
	const struct oc_compare_row *a = pa, *b = pb;
	int c = cmp128(a->key, b->key);
	return c ? c : cmp128(a->content, b->content);
}

static int take(void *user, const struct oc_found *f, struct oc_err *err)
{
	struct reading *r = user;
	struct oc_compare *c = r->c;
	uint64_t *n = &c->n[r->side];

	(void)err;
	if (*n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 1024;
		c->rows[r->side] = oc_realloc(c->rows[r->side], r->cap * sizeof *c->rows[0]);
	}
	c->rows[r->side][(*n)++] =
		(struct oc_compare_row){.key = oc_hash128(f->key.p, f->key.len),
	                                .content = oc_hash128(f->row.p, f->row.len),
	                                .place = (uint8_t)f->place};
	return 0;
}

/* A row that the mix repeats stands for one. */
static void unique(struct oc_compare *c, int side)
{
	struct oc_compare_row *rows = c->rows[side];
	uint64_t k = 0;

	if (c->n[side])
		qsort(rows, c->n[side], sizeof *rows, by_key);
	for (uint64_t i = 0; i < c->n[side]; i++)
		if (!k || by_key(&rows[k - 1], &rows[i]) != 0)
			rows[k++] = rows[i];
	c->n[side] = k;
}

static const struct oc_compare_row *find(const struct oc_compare *c, int side,
                                         struct oc_hash128 key)
{
	uint64_t lo = 0, hi = c->n[side];

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		int d = cmp128(c->rows[side][mid].key, key);
		if (d == 0)
			return &c->rows[side][mid];
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

enum oc_compare_result oc_compare_row(const struct oc_compare *c, int side, struct oc_str key,
                                      struct oc_str raw)
{
	const struct oc_compare_row *other = find(c, !side, oc_hash128(key.p, key.len));

	if (!other)
		return OC_ONLY;
	return cmp128(other->content, oc_hash128(raw.p, raw.len)) ? OC_CHANGED_TEXT : OC_SAME;
}

int oc_compare_read(struct oc_compare *c, const char *dir_a, const char *dir_b, struct oc_err *err)
{
	const char *const dirs[] = {dir_a, dir_b};

	for (int side = 0; side < 2; side++) {
		struct reading r = {.c = c, .side = side};
		if (oc_lookup_each(dirs[side], 1u << OC_TRAIN | 1u << OC_TEST, take, &r, err))
			return -1;
		unique(c, side);
	}
	for (int side = 0; side < 2; side++)
		for (uint64_t i = 0; i < c->n[side]; i++) {
			const struct oc_compare_row *a = &c->rows[side][i];
			const struct oc_compare_row *b = find(c, !side, a->key);
			if (!b) {
				c->only[side]++;
			} else if (side == 0) {
				bool same = cmp128(a->content, b->content) == 0;
				c->same += same;
				c->changed += !same;
				c->moved += same && a->place != b->place;
			}
		}
	return 0;
}

void oc_compare_fini(struct oc_compare *c)
{
	free(c->rows[0]);
	free(c->rows[1]);
}
