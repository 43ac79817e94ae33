/*
 * How near_dup decides. Three steps:
 *
 *   1. Runs of equal band hashes, each thread those of a range of hashes. Every run gets a list,
 *      and every row of it a "meeting" (row, list).
 *   2. Meetings sorted by row: rows are visited in order. A row is compared with the kept rows on
 *      its lists, earliest first, until one is near: then it goes, with that row as its witness.
 *      Else it is kept, and put on its lists.
 *   3. What went, sorted by witness: the clusters.
 *
 * Step 2 is done in blocks. A block's rows are first compared with what earlier blocks kept, by all
 * threads; then, in order, those that are left with what the block itself has kept so far. As
 * earlier blocks hold earlier rows, each row meets the same candidates in the same order as if it
 * came alone: the decisions do not depend on the number of threads or on the size of a block.
 *
 * Memory, of `memory`: a half for step 1's sorts and a quarter for the meetings, an eighth each for
 * the lists' and the shingles' pages.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/pool.h"
#include "curate/near_dup.h"

#define BLOCK_ROWS  1024
#define BLOCK_LISTS (1 << 18)
#define ITEM_ROWS   16 /* rows a thread takes at a time */
#define AROUND      ((uint64_t)64 << 10)

/* A row met others in the run whose kept rows stand in list `list` of its slice. Sorted by row. */
struct meeting {
	uint32_t row; /* big end first */
	uint64_t list;
} __attribute__((packed));

/* The runs of a range of hashes, read by one thread. */
struct slice {
	struct oc_sort *meetings;
	uint64_t slot_n, base; /* places its lists need; where they begin among all */
	/* the run being read */
	uint64_t run;      /* its list */
	uint32_t *old;     /* (cap) rows of indexes in it: kept already */
	uint32_t old_n, n; /* n: places of the list */
	bool open;         /* it has rows that are not of an index */
	struct oc_err err;
	/* the merge of step 2 */
	const struct meeting *next;
	size_t next_n;
};

/* Numbers on disk, mapped writable: one list per run, its length first. */
struct lists {
	uint32_t *at;
	uint64_t n;
};

struct visit {
	uint32_t row, witness; /* UINT32_MAX: kept */
	uint32_t list, list_n; /* into the block's lists */
	double share;
	uint32_t compared;
};

struct worker {
	uint32_t *candidates;
	size_t cap;
};

struct resolver {
	struct oc_dups *dups;
	struct oc_pool *pool;
	struct oc_spill *out;
	struct slice *slices; /* (slice_n) */
	unsigned slice_n;
	uint64_t slice_memory;
	struct lists lists;
	uint64_t list_touched, rest_after;
	struct worker *workers; /* (threads) */

	struct visit visits[BLOCK_ROWS];
	uint32_t visit_n;
	uint64_t *block_lists;
	uint32_t block_list_n;

	struct oc_sort *edges; /* by witness, then row */
	struct oc_dup_facts *facts;
};

/* A row that goes. */
struct edge {
	uint32_t witness, row; /* big end first */
	double share;
} __attribute__((packed));

/* ------------------------------------------------------------------ 1. runs */

static int met(struct slice *s, uint32_t row, struct oc_err *err)
{
	struct meeting m = {htobe32(row), s->run};

	return oc_sort_add(s->meetings, &m, 1, err);
}

struct slice_of {
	struct resolver *r;
	struct slice *s;
};

static int meet(void *user, uint32_t row, bool first, struct oc_err *err)
{
	const struct slice_of *of = user;
	const struct oc_dups *d = of->r->dups;
	struct slice *s = of->s;

	if (first) {
		s->open = false;
		s->old_n = s->n = 0;
	}
	if (row < d->old_n) { /* waits for a row to be judged */
		if (s->old_n < d->opts.cap)
			s->old[s->old_n++] = row;
		return 0;
	}
	if (!s->open) {
		s->open = true;
		s->run = s->slot_n++; /* the list's length */
		for (uint32_t i = 0; i < s->old_n; i++)
			if (met(s, s->old[i], err))
				return -1;
		s->n = s->old_n;
		s->slot_n += s->n;
	}
	if (s->n < d->opts.cap) {
		s->n++;
		s->slot_n++;
	}
	return met(s, row, err);
}

static void read_slice(void *user, uint64_t item, unsigned worker)
{
	struct resolver *r = user;
	struct slice *s = &r->slices[item];
	struct slice_of of = {r, s};

	(void)worker;
	s->old = oc_alloc(r->dups->opts.cap * sizeof *s->old);
	s->meetings = oc_sort_new(r->dups->ctx, r->dups->dir, sizeof(struct meeting), 4,
	                          r->slice_memory / 2, &s->err);
	if (!s->meetings ||
	    oc_dups_runs(r->dups, (unsigned)item, r->slice_n, r->slice_memory, meet, &of, &s->err))
		return;
	oc_sort_done(s->meetings, &s->err);
}

/* Pages of an unlinked file: the kernel's, written back under pressure. */
static int lists_open(struct lists *l, const char *dir, uint64_t n, struct oc_err *err)
{
	struct oc_buf path = {0};
	int fd = -1, rc = -1;
	void *map;

	if (!n)
		return 0;
	oc_buf_printf(&path, "%s/near_dup.lists", dir);
	fd = open(oc_buf_cstr(&path), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		oc_fail_errno(err, path.p, "cannot create");
		goto out;
	}
	unlink(path.p);
	/* allocated now, so that a full disk is an error here and not a fault later */
	errno = posix_fallocate(fd, 0, (off_t)(n * sizeof *l->at));
	if (errno) {
		oc_fail_errno(err, path.p, "cannot make room");
		goto out;
	}
	map = mmap(NULL, n * sizeof *l->at, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		oc_fail_errno(err, path.p, "cannot map");
		goto out;
	}
	l->at = map;
	l->n = n;
	rc = 0;
out:
	if (fd >= 0)
		close(fd);
	oc_buf_fini(&path);
	return rc;
}

static void lists_close(struct lists *l)
{
	if (l->at)
		munmap(l->at, l->n * sizeof *l->at);
}

static int read_runs(struct resolver *r, struct oc_err *err)
{
	uint64_t slot_n = 0;

	oc_pool_for(r->pool, r->slice_n, read_slice, r);
	for (unsigned i = 0; i < r->slice_n; i++) {
		struct slice *s = &r->slices[i];
		if (s->err.code) {
			*err = s->err;
			return -1;
		}
		s->base = slot_n;
		slot_n += s->slot_n;
	}
	return lists_open(&r->lists, r->dups->dir, slot_n, err);
}

/* ---------------------------------------------------------------- 2. visits */

static int by_row(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* The rows on a visit's lists that are not below `from`, ascending, each once. Lists ascend. */
static size_t candidates(const struct resolver *r, const struct visit *v, uint32_t from,
                         struct worker *w)
{
	size_t n = 0, distinct = 0;

	for (uint32_t i = 0; i < v->list_n; i++) {
		const uint32_t *l = r->lists.at + r->block_lists[v->list + i];
		if (n + l[0] > w->cap) {
			w->cap = 2 * (n + l[0]) + 256;
			w->candidates = oc_realloc(w->candidates, w->cap * sizeof *w->candidates);
		}
		for (uint32_t k = l[0]; k > 0 && l[k] >= from; k--)
			w->candidates[n++] = l[k];
	}
	if (n > 1)
		qsort(w->candidates, n, sizeof *w->candidates, by_row);
	for (size_t i = 0; i < n; i++)
		if (!i || w->candidates[i] != w->candidates[distinct - 1])
			w->candidates[distinct++] = w->candidates[i];
	return distinct;
}

static void compare(struct resolver *r, struct visit *v, uint32_t from, struct worker *w)
{
	size_t n = candidates(r, v, from, w);

	for (size_t i = 0; i < n; i++) {
		v->compared++;
		v->share = oc_dups_compare(r->dups, v->row, w->candidates[i]);
		if (v->share >= 0) {
			v->witness = w->candidates[i];
			return;
		}
	}
}

/* With what earlier blocks kept: on any thread. */
static void look_back(void *user, uint64_t item, unsigned worker)
{
	struct resolver *r = user;
	uint32_t end = (uint32_t)(item + 1) * ITEM_ROWS;

	for (uint32_t i = (uint32_t)item * ITEM_ROWS; i < end && i < r->visit_n; i++)
		if (r->visits[i].row >= r->dups->old_n)
			compare(r, &r->visits[i], 0, &r->workers[worker]);
}

static int record(struct resolver *r, const struct visit *v, struct oc_err *err)
{
	struct oc_dup_at row = oc_dups_at(r->dups, v->row), kept = oc_dups_at(r->dups, v->witness);
	struct oc_dup_result result = {.number = row.number,
	                               .key = oc_spill_len(r->out, 1),
	                               .key_len = (uint32_t)kept.key.len,
	                               .part = (uint32_t)(kept.part - r->dups->parts),
	                               .share = v->share};
	struct edge edge = {htobe32(v->witness), htobe32(v->row), v->share};

	r->facts->edges++;
	if (oc_spill_add(r->out, 0, &result, sizeof result, err) ||
	    oc_spill_add(r->out, 1, kept.key.p, kept.key.len, err))
		return -1;
	return oc_sort_add(r->edges, &edge, 1, err);
}

static int block(struct resolver *r, struct oc_err *err)
{
	uint32_t first = r->visits[0].row, cap = r->dups->opts.cap;

	oc_pool_for(r->pool, (r->visit_n + ITEM_ROWS - 1) / ITEM_ROWS, look_back, r);
	for (uint32_t i = 0; i < r->visit_n; i++) {
		struct visit *v = &r->visits[i];
		if (v->row >= r->dups->old_n && v->witness == UINT32_MAX)
			compare(r, v, first, &r->workers[0]);
		r->facts->candidates += v->compared;
		if (v->witness != UINT32_MAX) {
			if (record(r, v, err))
				return -1;
			continue;
		}
		for (uint32_t k = 0; k < v->list_n; k++) {
			uint32_t *l = r->lists.at + r->block_lists[v->list + k];
			if (l[0] < cap)
				l[++l[0]] = v->row;
			else
				r->facts->capped++;
		}
	}
	r->list_touched += AROUND * r->block_list_n;
	if (r->list_touched > r->rest_after) {
		oc_map_rest(r->lists.at, r->lists.n * sizeof *r->lists.at);
		r->list_touched = 0;
	}
	r->visit_n = r->block_list_n = 0;
	if (oc_cancelled(r->dups->ctx))
		return oc_fail(err, OC_CANCELLED, r->dups->name, "interrupted");
	return 0;
}

/* The slice's next meeting, or NULL at its end. -1 through `err`. */
static const struct meeting *peek(struct slice *s, struct oc_err *err)
{
	const void *sorted;

	if (!s->next_n) {
		if (oc_sort_next(s->meetings, &sorted, &s->next_n, err))
			return NULL;
		s->next = sorted;
	}
	return s->next_n ? s->next : NULL;
}

/* All meetings of the next row into the block. 1, 0 at the end, -1. */
static int next_row(struct resolver *r, struct oc_err *err)
{
	struct visit *v = &r->visits[r->visit_n];
	uint32_t least = UINT32_MAX;
	const struct meeting *m;

	for (unsigned i = 0; i < r->slice_n; i++) {
		if ((m = peek(&r->slices[i], err)) && be32toh(m->row) < least)
			least = be32toh(m->row);
		if (err->code)
			return -1;
	}
	if (least == UINT32_MAX)
		return 0;
	*v = (struct visit){.row = least, .witness = UINT32_MAX, .list = r->block_list_n};
	for (unsigned i = 0; i < r->slice_n; i++) {
		struct slice *s = &r->slices[i];
		while ((m = peek(s, err)) && be32toh(m->row) == least) {
			r->block_lists[r->block_list_n++] = s->base + m->list;
			s->next++;
			s->next_n--;
		}
		if (err->code)
			return -1;
	}
	v->list_n = r->block_list_n - v->list;
	r->visit_n++;
	return 1;
}

static int visit(struct resolver *r, struct oc_err *err)
{
	int rc;

	r->block_lists = oc_alloc((BLOCK_LISTS + r->dups->opts.bands) * sizeof *r->block_lists);
	while ((rc = next_row(r, err)) > 0)
		if ((r->visit_n == BLOCK_ROWS || r->block_list_n > BLOCK_LISTS) && block(r, err))
			return -1;
	return rc || !r->visit_n ? rc : block(r, err);
}

/* -------------------------------------------------------------- 3. clusters */

struct cluster_file {
	const char *path;
	char *tmp;
	int fd;
	struct oc_buf line;
};

static int cluster_flush(struct cluster_file *f, struct oc_err *err)
{
	int rc = f->path ? oc_write_all(f->fd, f->line.p, f->line.len, f->path, err) : 0;

	f->line.len = 0;
	return rc;
}

static void member(struct resolver *r, struct cluster_file *f, const struct edge *e, bool first)
{
	struct oc_dup_at row = oc_dups_at(r->dups, be32toh(e->row)),
			 kept = oc_dups_at(r->dups, be32toh(e->witness));
	double share = e->share;

	if (first) {
		oc_buf_puts(&f->line, "{\"kept\":");
		oc_buf_json(&f->line, kept.key);
		if (kept.part->index) {
			oc_buf_puts(&f->line, ",\"in\":");
			oc_buf_json(&f->line, oc_str(oc_index_path(kept.part->index)));
		}
		oc_buf_puts(&f->line, ",\"gone\":[");
	} else {
		oc_buf_putc(&f->line, ',');
	}
	oc_buf_puts(&f->line, "{\"key\":");
	oc_buf_json(&f->line, row.key);
	oc_buf_puts(&f->line, r->dups->opts.contained ? ",\"containment\":" : ",\"jaccard\":");
	oc_buf_double(&f->line, share);
	oc_buf_putc(&f->line, '}');
}

/* A cluster of n rows: is it among the largest? The earlier kept row first among equals. */
static void remember(struct resolver *r, struct oc_arena *arena, uint32_t witness, uint64_t n)
{
	struct oc_dup_facts *f = r->facts;
	unsigned k;

	f->clusters++;
	if (f->largest_n == OC_DUP_LARGEST && n <= f->largest[f->largest_n - 1].n)
		return;
	f->largest_n += f->largest_n < OC_DUP_LARGEST;
	for (k = f->largest_n - 1; k > 0 && f->largest[k - 1].n < n; k--)
		f->largest[k] = f->largest[k - 1];
	f->largest[k].n = n;
	f->largest[k].key = oc_arena_str(arena, oc_dups_at(r->dups, witness).key);
}

static int clusters(struct resolver *r, struct cluster_file *f, struct oc_arena *arena,
                    struct oc_err *err)
{
	uint32_t witness = UINT32_MAX;
	uint64_t n = 0;
	const void *sorted;
	size_t some;

	if (oc_sort_done(r->edges, err))
		return -1;
	for (;;) {
		if (oc_sort_next(r->edges, &sorted, &some, err))
			return -1;
		const struct edge *e = sorted;
		for (size_t i = 0; i < some; i++) {
			uint32_t next = be32toh(e[i].witness);
			if (next != witness && n) {
				remember(r, arena, witness, n + 1);
				oc_buf_puts(&f->line, "]}\n");
			}
			if (f->path)
				member(r, f, &e[i], next != witness);
			n = next == witness ? n + 1 : 1;
			witness = next;
			if (f->line.len > (1 << 18) && cluster_flush(f, err))
				return -1;
		}
		if (!some)
			break;
	}
	if (n) {
		remember(r, arena, witness, n + 1);
		oc_buf_puts(&f->line, "]}\n");
	}
	return cluster_flush(f, err);
}

static int write_clusters(struct resolver *r, const char *path, struct oc_arena *arena,
                          struct oc_err *err)
{
	struct cluster_file f = {.path = path, .fd = -1};
	struct oc_buf tmp = {0};
	int rc = -1;

	if (path) {
		oc_buf_printf(&tmp, "%s.tmp", path);
		f.fd = open(oc_buf_cstr(&tmp), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (f.fd < 0) {
			oc_fail_errno(err, path, "cannot create");
			goto out;
		}
	}
	if (clusters(r, &f, arena, err))
		goto out;
	if (path && (fsync(f.fd) || rename(tmp.p, path))) {
		oc_fail_errno(err, path, "cannot put into place");
		goto out;
	}
	rc = 0;
out:
	if (f.fd >= 0)
		close(f.fd);
	if (rc && f.fd >= 0)
		unlink(tmp.p);
	oc_buf_fini(&f.line);
	oc_buf_fini(&tmp);
	return rc;
}

/* -------------------------------------------------------------------- all of it */

int oc_dups_resolve(struct oc_dups *d, uint64_t memory, struct oc_spill *out,
                    const char *clusters_path, struct oc_arena *arena, struct oc_dup_facts *facts,
                    struct oc_err *err)
{
	struct resolver *r = oc_zalloc(1, sizeof *r);
	unsigned threads;
	int rc = -1;

	*facts = (struct oc_dup_facts){.rows = d->row_n - d->old_n};
	r->dups = d;
	r->out = out;
	r->facts = facts;
	r->pool = oc_pool_new(d->ctx->threads ? d->ctx->threads : 1);
	threads = oc_pool_threads(r->pool);
	r->workers = oc_zalloc(threads, sizeof *r->workers);
	r->slice_n = threads;
	r->slices = oc_zalloc(r->slice_n, sizeof *r->slices);
	r->slice_memory = memory / 2 / r->slice_n;
	r->rest_after = memory / 8;
	if (read_runs(r, err))
		goto out;
	r->edges = oc_sort_new(d->ctx, d->dir, sizeof(struct edge), 8, memory / 8, err);
	if (!r->edges || visit(r, err) || write_clusters(r, clusters_path, arena, err))
		goto out;
	rc = 0;
out:
	for (unsigned i = 0; i < r->slice_n; i++) {
		oc_sort_free(r->slices[i].meetings);
		free(r->slices[i].old);
	}
	for (unsigned i = 0; i < threads; i++)
		free(r->workers[i].candidates);
	oc_sort_free(r->edges);
	lists_close(&r->lists);
	oc_pool_free(r->pool);
	free(r->block_lists);
	free(r->workers);
	free(r->slices);
	free(r);
	return rc;
}
