#include "run/nearest.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/pool.h"
#include "index/closest.h"
#include "run/lookup.h"

#define SLICE 64 /* real rows that one worker takes at a time */

/* The best a worker has met for one asked row. */
struct kept {
	struct oc_buf key, row;
	uint64_t number;
	bool same; /* begins with the same text */
};

struct begin {
	uint64_t hash;
	uint32_t asked;
};

/* Each worker has an index of its own over the rows asked for, and meets its share of the others.
 */
struct worker {
	struct oc_closest *index;
	struct oc_arena *arena;
	struct kept *kept; /* (asked_n) */
};

struct oc_nearest {
	struct oc_pool *pool;
	unsigned threads;
	bool by_begin;
	struct oc_arena *arena; /* of what is asked for */
	struct oc_str *begins;  /* (asked_n) first texts, empty = none */
	struct oc_words *words; /* (asked_n) */
	struct begin *sorted;   /* (asked_n) by hash, once real rows come */
	uint32_t asked_n, asked_cap;
	struct worker *workers;           /* (threads) */
	uint64_t offered;                 /* before this offer */
	const struct oc_str *keys, *rows; /* (row_n) of this offer */
	uint32_t row_n;
};

struct oc_nearest *oc_nearest_new(unsigned threads, bool begins)
{
	struct oc_nearest *n = oc_zalloc(1, sizeof *n);

	n->pool = oc_pool_new(threads ? threads : 1);
	n->threads = oc_pool_threads(n->pool);
	n->by_begin = begins;
	n->arena = oc_arena_new();
	n->workers = oc_zalloc(n->threads, sizeof *n->workers);
	for (unsigned i = 0; i < n->threads; i++) {
		n->workers[i].index = oc_closest_new();
		n->workers[i].arena = oc_arena_new();
	}
	return n;
}

void oc_nearest_free(struct oc_nearest *n)
{
	if (!n)
		return;
	for (unsigned i = 0; i < n->threads; i++) {
		struct worker *w = &n->workers[i];
		for (uint32_t k = 0; w->kept && k < n->asked_n; k++) {
			oc_buf_fini(&w->kept[k].key);
			oc_buf_fini(&w->kept[k].row);
		}
		free(w->kept);
		oc_closest_free(w->index);
		oc_arena_free(w->arena);
	}
	free(n->workers);
	free(n->begins);
	free(n->words);
	free(n->sorted);
	oc_arena_free(n->arena);
	oc_pool_free(n->pool);
	free(n);
}

/* The row's first member that is a text. */
static struct oc_str begin_of(const struct oc_row *row)
{
	size_t i, n;
	yyjson_val *key, *v;

	yyjson_obj_foreach(row->root, i, n, key, v)
	{
		if (yyjson_is_str(v) && yyjson_get_len(v))
			return oc_json_str(v);
	}
	return (struct oc_str){0};
}

static struct oc_words read_row(struct oc_row *row, struct oc_arena *a, struct oc_str raw)
{
	struct oc_err ignored = {0};

	*row = (struct oc_row){.raw = raw, .arena = a};
	oc_row_parse(row, &ignored);
	return oc_text_rouge(a, oc_text_lower(a, oc_view_text(row, OC_LIT(""))));
}

uint32_t oc_nearest_ask(struct oc_nearest *n, struct oc_str raw)
{
	struct oc_row row;

	if (n->asked_n == n->asked_cap) {
		n->asked_cap = n->asked_cap ? 2 * n->asked_cap : 64;
		n->begins = oc_realloc(n->begins, n->asked_cap * sizeof *n->begins);
		n->words = oc_realloc(n->words, n->asked_cap * sizeof *n->words);
	}
	struct oc_words words = read_row(&row, n->arena, oc_arena_str(n->arena, raw));
	n->begins[n->asked_n] = begin_of(&row);
	n->words[n->asked_n] = words;
	for (unsigned i = 0; i < n->threads; i++)
		oc_closest_add(n->workers[i].index, &words);
	return n->asked_n++;
}

/* ------------------------------------------------------------ real rows pass by */

static int by_hash(const void *a, const void *b)
{
	const struct begin *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->asked > y->asked) - (x->asked < y->asked);
}

static void start(struct oc_nearest *n)
{
	n->sorted = oc_alloc(n->asked_n * sizeof *n->sorted);
	for (uint32_t i = 0; i < n->asked_n; i++)
		n->sorted[i] = (struct begin){oc_hash64(n->begins[i].p, n->begins[i].len, 0), i};
	qsort(n->sorted, n->asked_n, sizeof *n->sorted, by_hash);
	for (unsigned i = 0; i < n->threads; i++)
		n->workers[i].kept = oc_zalloc(n->asked_n, sizeof *n->workers[i].kept);
}

static void keep(struct kept *k, struct oc_str key, struct oc_str row, uint64_t number, bool same)
{
	k->key.len = k->row.len = 0;
	oc_buf_str(&k->key, key);
	oc_buf_str(&k->row, row);
	k->number = number;
	k->same = same;
}

/* The first row that begins like one asked for is kept whatever comes. */
static void look_begin(struct oc_nearest *n, struct worker *w, struct oc_str begin, uint32_t i)
{
	uint64_t hash = oc_hash64(begin.p, begin.len, 0);
	uint32_t lo = 0, hi = n->asked_n;

	if (!begin.len)
		return;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (n->sorted[mid].hash < hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < n->asked_n && n->sorted[lo].hash == hash; lo++) {
		uint32_t asked = n->sorted[lo].asked;
		if (!w->kept[asked].same && oc_str_eq(n->begins[asked], begin))
			keep(&w->kept[asked], n->keys[i], n->rows[i], n->offered + i, true);
	}
}

static void slice(void *user, uint64_t item, unsigned worker)
{
	struct oc_nearest *n = user;
	struct worker *w = &n->workers[worker];
	uint32_t end = (uint32_t)(item + 1) * SLICE;

	for (uint32_t i = (uint32_t)item * SLICE; i < end && i < n->row_n; i++) {
		const uint32_t *improved;
		struct oc_row row;
		oc_arena_reset(w->arena);
		struct oc_words words = read_row(&row, w->arena, n->rows[i]);
		uint32_t m = oc_closest_look(w->index, &words, n->offered + i, &improved);
		for (uint32_t k = 0; k < m; k++)
			if (!w->kept[improved[k]].same)
				keep(&w->kept[improved[k]], n->keys[i], n->rows[i], n->offered + i,
				     false);
		if (n->by_begin)
			look_begin(n, w, begin_of(&row), i);
	}
}

void oc_nearest_offer(struct oc_nearest *n, const struct oc_str *keys, const struct oc_str *rows,
                      uint32_t row_n)
{
	if (!n->asked_n || !row_n)
		return;
	if (!n->sorted)
		start(n);
	n->keys = keys;
	n->rows = rows;
	n->row_n = row_n;
	oc_pool_for(n->pool, (row_n + SLICE - 1) / SLICE, slice, n);
	n->offered += row_n;
}

/* Between two workers' best: one that begins alike, then the more similar, then the earlier. */
static bool is_better(const struct kept *a, double a_f, const struct kept *b, double b_f)
{
	if (a->same != b->same)
		return a->same;
	if (!a->same && a_f != b_f)
		return a_f > b_f;
	return a->number < b->number;
}

struct oc_near oc_nearest_get(struct oc_nearest *n, uint32_t i)
{
	const struct kept *best = NULL;
	double f = -1;

	for (unsigned w = 0; n->sorted && w < n->threads; w++) {
		const struct kept *k = &n->workers[w].kept[i];
		double its = oc_closest_best(n->workers[w].index, i).f;
		if (k->row.len && (!best || is_better(k, its, best, f))) {
			best = k;
			f = its;
		}
	}
	if (!best)
		return (struct oc_near){0};
	if (best->same) { /* the index knows another's */
		struct oc_closest *pair = oc_closest_new();
		struct oc_arena *a = oc_arena_new();
		const uint32_t *improved;
		struct oc_row row;
		struct oc_words words = read_row(&row, a, oc_buf_view(&best->row));
		oc_closest_add(pair, &n->words[i]);
		oc_closest_look(pair, &words, 0, &improved);
		f = oc_closest_best(pair, 0).f;
		oc_closest_free(pair);
		oc_arena_free(a);
	}
	return (struct oc_near){true, oc_buf_view(&best->key), oc_buf_view(&best->row), f};
}

void oc_near_write(struct oc_buf *b, const struct oc_near *near)
{
	if (!near->found)
		return;
	oc_buf_puts(b, ",\"nearest\":{\"key\":");
	oc_buf_json(b, near->key);
	oc_buf_puts(b, ",\"rouge_l\":");
	oc_buf_double(b, near->rouge);
	oc_buf_puts(b, ",\"row\":");
	oc_buf_str(b, near->row);
	oc_buf_putc(b, '}');
}

/* -------------------------------------------------------- a run folder's rows */

struct reading {
	struct oc_nearest *nearest;
	struct oc_arena *arena; /* of the rows that wait to be offered */
	struct oc_str keys[OC_BATCH_ROWS], rows[OC_BATCH_ROWS];
	uint32_t n;
	size_t bytes;
};

static void hand_over(struct reading *r)
{
	oc_nearest_offer(r->nearest, r->keys, r->rows, r->n);
	r->n = 0;
	r->bytes = 0;
	oc_arena_reset(r->arena);
}

static int read_found(void *user, const struct oc_found *f, struct oc_err *err)
{
	struct reading *r = user;
	struct oc_str origin;

	(void)err;
	if (!oc_json_member(f->lineage, OC_LIT("origin"), &origin) ||
	    !oc_str_is(origin, "\"real\""))
		return 0;
	r->keys[r->n] = oc_arena_str(r->arena, f->key);
	r->rows[r->n++] = oc_arena_str(r->arena, f->row);
	r->bytes += f->row.len;
	if (r->n == OC_BATCH_ROWS || r->bytes >= OC_BATCH_BYTES)
		hand_over(r);
	return 0;
}

int oc_nearest_write(struct oc_buf *b, const char *dir, unsigned threads, yyjson_val *examples,
                     struct oc_err *err)
{
	struct reading *r = oc_zalloc(1, sizeof *r);
	struct oc_buf raw = {0};
	yyjson_val *e;
	size_t i, n;
	int rc = 0;

	r->nearest = oc_nearest_new(threads, false);
	r->arena = oc_arena_new();
	yyjson_arr_foreach(examples, i, n, e)
	{
		raw.len = 0;
		oc_json_write(&raw, oc_json_get(e, "row"));
		oc_nearest_ask(r->nearest, oc_buf_view(&raw));
	}
	if (n)
		rc = oc_lookup_each(dir, 1u << OC_TRAIN, read_found, r, err);
	hand_over(r);
	oc_buf_putc(b, '[');
	yyjson_arr_foreach(examples, i, n, e)
	{
		struct oc_near near = oc_nearest_get(r->nearest, (uint32_t)i);
		oc_buf_puts(b, i ? ",{\"key\":" : "{\"key\":");
		oc_buf_json(b, oc_json_get_str(e, "key"));
		oc_buf_puts(b, ",\"row\":");
		oc_json_write(b, oc_json_get(e, "row"));
		oc_near_write(b, &near);
		oc_buf_putc(b, '}');
	}
	oc_buf_putc(b, ']');
	oc_buf_fini(&raw);
	oc_nearest_free(r->nearest);
	oc_arena_free(r->arena);
	free(r);
	return rc;
}
