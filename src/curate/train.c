/* train.c: rows for trainers: some batches are read, some parsed, some taken at the same time. */
#include "curate/train.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/pool.h"
#include "data/row.h"
#include "pipe/source.h"

#define UNDER_WAY    3 /* places */
#define BATCHES      8 /* of a place at most; an arena is one thread's, so one parses a batch */
#define BATCH_MEMORY (10 << 20) /* with what is made of its rows, about */

/* Some batches on their way; what each row's parse left. */
struct place {
	struct oc_batch *batch[BATCHES];
	void **note[BATCHES]; /* (OC_BATCH_ROWS) */
	unsigned n;
};

struct reading {
	struct oc_train_rows *r;
	const struct oc_source_def *def;
	void *source;
	struct place place[UNDER_WAY];
	unsigned batches;                     /* of a place: an eighth of the memory */
	struct place *reads, *parses, *takes; /* NULL: nothing there */
	int more;                             /* what the source said last */
	struct oc_err read_err, take_err;     /* each written by one task */
};

static bool ends(const char *path, const char *tail)
{
	size_t n = strlen(path), m = strlen(tail);

	return n >= m && memcmp(path + n - m, tail, m) == 0;
}

static bool is_kind(const char *path, const char *tail)
{
	static const char *const packed[] = {"", ".gz", ".zst"};
	char with[16];

	for (size_t i = 0; i < sizeof packed / sizeof packed[0]; i++) {
		snprintf(with, sizeof with, "%s%s", tail, packed[i]);
		if (ends(path, with))
			return true;
	}
	return false;
}

static int take_place(struct reading *g)
{
	struct oc_train_rows *r = g->r;

	for (unsigned k = 0; k < g->takes->n; k++) {
		struct oc_batch *b = g->takes->batch[k];
		for (uint32_t i = 0; i < b->row_n; i++) {
			r->rows++;
			if (b->rows[i].fate != OC_LIVE)
				r->bad++;
			else if (r->take(r->user, &b->rows[i], g->takes->note[k][i], &g->take_err) <
			         0)
				return -1;
		}
	}
	return 0;
}

static void read_place(struct reading *g)
{
	struct place *to = g->reads;

	for (to->n = 0; to->n < g->batches && g->more > 0; to->n++) {
		oc_batch_reset(to->batch[to->n]);
		g->more = g->def->next(g->source, to->batch[to->n], &g->read_err);
	}
}

static void parse_batch(struct reading *g, unsigned k)
{
	struct oc_batch *b = g->parses->batch[k];
	struct oc_err ignored = {0};

	for (uint32_t i = 0; i < b->row_n; i++) {
		struct oc_row *row = &b->rows[i];
		if (row->fate == OC_LIVE && g->def->parse)
			g->def->parse(g->source, row, &ignored);
		if (row->fate == OC_LIVE && !row->root)
			oc_row_parse(row, &ignored);
		if (row->fate == OC_LIVE && g->r->parse)
			g->parses->note[k][i] = g->r->parse(g->r->user, row);
	}
}

/* One round: task 0 takes, task 1 reads, the others parse a batch each. */
static void task(void *user, uint64_t item, unsigned worker)
{
	struct reading *g = user;

	(void)worker;
	if (item == 0) {
		if (g->takes && take_place(g) < 0)
			oc_fail(&g->take_err, OC_INTERNAL, "train", "a row could not be taken");
	} else if (item == 1) {
		if (g->reads)
			read_place(g);
	} else {
		parse_batch(g, (unsigned)item - 2);
	}
}

static int read_file(struct reading *g, struct oc_pool *pool, struct oc_err *err)
{
	const struct oc_train *t = g->r->train;
	unsigned turn = 0;

	g->parses = g->takes = NULL;
	g->more = 1;
	do {
		if (oc_cancelled(t->ctx))
			return oc_fail(err, OC_CANCELLED, NULL, "interrupted; nothing was written");
		g->reads = g->more > 0 ? &g->place[turn++ % UNDER_WAY] : NULL;
		oc_pool_for(pool, 2 + (g->parses ? g->parses->n : 0), task, g);
		if (g->read_err.code || g->take_err.code) {
			*err = g->take_err.code ? g->take_err : g->read_err;
			return -1;
		}
		if (t->progress) {
			char text[96];
			snprintf(text, sizeof text, "train  %llu rows read",
			         (unsigned long long)g->r->rows);
			t->progress(t->user, text);
		}
		g->takes = g->parses;
		g->parses = g->reads;
	} while (g->takes || g->parses);
	return 0;
}

static int open_file(struct reading *g, const char *path, struct oc_arena *a, struct oc_err *err)
{
	const struct oc_train *t = g->r->train;
	struct oc_env env = {.size = sizeof env, .ctx = t->ctx, .name = "train", .base_dir = "."};
	struct oc_buf opts = {0};

	g->def = is_kind(path, ".csv")   ? &oc_source_csv
	         : is_kind(path, ".txt") ? &oc_source_text
	                                 : &oc_source_jsonl;
	oc_buf_puts(&opts, "{\"path\":");
	oc_buf_json(&opts, oc_str(path));
	oc_buf_putc(&opts, '}');
	yyjson_val *o = oc_options_read(a, g->def->options, oc_buf_cstr(&opts), err);
	oc_buf_fini(&opts);
	if (!o)
		return -1;
	return g->def->open(&g->source, &env, o, err);
}

int oc_train_read(struct oc_train_rows *r, struct oc_err *err)
{
	struct reading g = {.r = r};
	struct oc_pool *pool = oc_pool_new(r->train->ctx->threads);
	struct oc_arena *a = oc_arena_new();
	int rc = 0;

	uint64_t fit = r->train->memory / 8 / UNDER_WAY / BATCH_MEMORY;
	g.batches = fit < 1 ? 1 : fit > BATCHES ? BATCHES : (unsigned)fit;
	r->rows = r->bad = 0;
	for (unsigned i = 0; i < UNDER_WAY * BATCHES; i++) {
		struct place *p = &g.place[i / BATCHES];
		p->batch[i % BATCHES] = oc_batch_new(OC_BATCH_ROWS);
		p->note[i % BATCHES] = oc_zalloc(OC_BATCH_ROWS, sizeof(void *));
	}
	for (unsigned i = 0; i < r->path_n && !rc; i++) {
		rc = open_file(&g, r->paths[i], a, err);
		if (!rc)
			rc = read_file(&g, pool, err);
		if (g.source)
			g.def->close(g.source);
		g.source = NULL;
	}
	if (!rc && r->rows == r->bad)
		rc = oc_fail(err, OC_INPUT, r->path_n ? r->paths[0] : NULL,
		             "there are no rows to learn from");
	for (unsigned i = 0; i < UNDER_WAY * BATCHES; i++) {
		oc_batch_free(g.place[i / BATCHES].batch[i % BATCHES]);
		free(g.place[i / BATCHES].note[i % BATCHES]);
	}
	oc_arena_free(a);
	oc_pool_free(pool);
	return rc;
}
