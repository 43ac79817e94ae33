/*
 * What of each row goes, decided in row order: see substring.h. A row's windows come together here,
 * with the place where each is first; the table `lost` knows which of those places hold it whole no
 * more, and where it stands instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "curate/substring.h"

/* A growing array in a file without a name, mapped: its pages are the kernel's, not counted as
 * memory. */
struct table {
	char *path;
	int fd;
	void *at;
	uint64_t len, cap; /* bytes */
};

/* First windows at places at .. at + n - 1 are whole no more; where each stands next, + 1, or 0, is
 * said from owner[slot] on. */
struct lost {
	uint64_t at, n, slot;
};

struct settler {
	const struct oc_spans *spans;
	bool drop;
	double coverage;
	oc_span_row_fn *settled;
	void *user;
	uint64_t row;        /* the row whose windows are gathered */
	struct oc_buf found; /* its struct oc_span_found */
	/* struct oc_span_piece: whole elsewhere; repeated in the row; kept for the latter; what
	 * goes */
	struct oc_buf whole, again, kept, cut;
	struct oc_buf rest;        /* windows about to be lost, places */
	struct oc_buf claims;      /* slots of windows that the row has become the owner of */
	struct table lost, owner;  /* struct lost, ascending and apart; u64 */
	struct oc_span_found run;  /* the longest run of the row; its source stays */
	uint64_t touched, written; /* of the maps, and of the tables, since they were let go */
};

#define TABLE_MIN ((uint64_t)1 << 20)

static int table_open(struct table *t, const char *dir, const char *name, struct oc_err *err)
{
	struct oc_buf path = {0};

	oc_buf_printf(&path, "%s/%s", dir, name);
	oc_buf_cstr(&path);
	t->path = path.p;
	t->fd = open(t->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (t->fd < 0)
		return oc_fail_errno(err, t->path, "cannot create");
	unlink(t->path);
	return 0;
}

/* Zeroed room for `more` bytes at the end. */
static int table_grow(struct table *t, uint64_t more, struct oc_err *err)
{
	uint64_t cap = t->cap ? t->cap : TABLE_MIN;

	while (cap < t->len + more)
		cap *= 2;
	if (cap > t->cap) {
		/* allocated now, so that a full disk is an error here and not a fault later */
		errno = posix_fallocate(t->fd, 0, (off_t)cap);
		if (errno)
			return oc_fail_errno(err, t->path, "cannot make room");
		void *at = t->at ? mremap(t->at, t->cap, cap, MREMAP_MAYMOVE)
		                 : mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
		if (at == MAP_FAILED)
			return oc_fail_errno(err, t->path, "cannot map");
		t->at = at;
		t->cap = cap;
	}
	t->len += more;
	return 0;
}

static void table_close(struct table *t)
{
	if (t->at)
		munmap(t->at, t->cap);
	if (t->path)
		close(t->fd);
	free(t->path);
}

/* The first range of lost windows that ends after `place`; NULL when there is none. O(log n). */
static const struct lost *lost_from(const struct settler *r, uint64_t place)
{
	const struct lost *l = r->lost.at;
	uint64_t low = 0, high = r->lost.len / sizeof *l, n = high;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (l[middle].at + l[middle].n <= place)
			low = middle + 1;
		else
			high = middle;
	}
	return low == n ? NULL : &l[low];
}

static int by_place(const void *a, const void *b)
{
	const struct lost *x = a, *y = b;
	return (x->at > y->at) - (x->at < y->at);
}

static int lose(struct settler *r, uint64_t at, uint64_t n, struct oc_err *err)
{
	struct lost l = {at, n, r->owner.len / sizeof(uint64_t)};

	if (!n)
		return 0;
	if (table_grow(&r->owner, n * sizeof(uint64_t), err) || table_grow(&r->lost, sizeof l, err))
		return -1;
	memcpy((char *)r->lost.at + r->lost.len - sizeof l, &l, sizeof l);
	return 0;
}

/* First windows at .. end - 1 of the row, less those that are lost already. */
static void lose_rest(struct settler *r, uint64_t at, uint64_t end)
{
	while (at < end) {
		const struct lost *l = lost_from(r, at);
		uint64_t to = l && l->at < end ? l->at : end, after = l ? l->at + l->n : end;
		/* noted apart: the table must stay in order while it is looked through */
		struct oc_span_piece p = {at, to};
		if (to > at)
			oc_buf_add(&r->rest, &p, sizeof p);
		at = to < end ? after : end;
	}
}

/* The windows that begin in these ranges of the row (ascending, apart) are whole no more. Only of
 * first ones others ask. */
static int lose_windows(struct settler *r, const struct oc_span_piece *gone, size_t gone_n,
                        struct oc_err *err)
{
	const struct oc_span_found *f = (const void *)r->found.p;
	size_t n = r->found.len / sizeof *f, k = 0;
	uint64_t begin = oc_spans_start(r->spans, r->row);

	r->rest.len = 0;
	for (size_t i = 0; i < n; i++) {
		if (f[i].source != OC_SPAN_FIRST)
			continue;
		uint64_t from = f[i].at - begin, to = from + f[i].n;
		while (k < gone_n && gone[k].to <= from)
			k++;
		for (size_t j = k; j < gone_n && gone[j].from < to; j++)
			lose_rest(r, begin + (gone[j].from > from ? gone[j].from : from),
			          begin + (gone[j].to < to ? gone[j].to : to));
	}
	const struct oc_span_piece *rest = (const void *)r->rest.p;
	for (size_t i = 0; i < r->rest.len / sizeof *rest; i++)
		if (lose(r, rest[i].from, rest[i].to - rest[i].from, err))
			return -1;
	/* the row's own are at the end: back into order, where some were there before */
	struct lost *l = r->lost.at;
	size_t all = r->lost.len / sizeof *l, first = all;
	while (first && l[first - 1].at >= begin)
		first--;
	if (first < all)
		qsort(l + first, all - first, sizeof *l, by_place);
	return 0;
}

/* The bytes of n windows from `at` on, joined to those before; windows come ascending. */
static void cover(const struct settler *r, struct oc_buf *pieces, uint64_t at, uint64_t n)
{
	uint64_t from = at - oc_spans_start(r->spans, r->row),
		 to = from + n - 1 + r->spans->min_span;
	struct oc_span_piece *top =
		pieces->len ? (void *)(pieces->p + pieces->len - sizeof *top) : NULL;

	if (top && from <= top->to) {
		top->to = to > top->to ? to : top->to;
		return;
	}
	struct oc_span_piece p = {from, to};
	oc_buf_add(pieces, &p, sizeof p);
}

static void longest(struct settler *r, uint64_t at, uint64_t source, uint64_t n)
{
	if (n > r->run.n)
		r->run = (struct oc_span_found){at, source, (uint32_t)n, 0};
}

/* ---- what stands whole in earlier rows */

static bool is_own(const struct settler *r, uint64_t place)
{
	return place >= oc_spans_start(r->spans, r->row) &&
	       place < oc_spans_start(r->spans, r->row + 1);
}

static void take(struct settler *r, uint64_t at, uint64_t source, uint64_t n)
{
	cover(r, &r->whole, at, n);
	longest(r, at, source, n);
}

/* Windows at .. at + n - 1, first at source and on; how many of them stand whole in earlier rows.
 */
static uint64_t take_range(struct settler *r, uint64_t at, uint64_t source, uint64_t all)
{
	const uint64_t *owner = r->owner.at;
	uint64_t end = at + all, taken = 0;

	while (at < end) {
		const struct lost *l = lost_from(r, source);
		uint64_t n = end - at;
		if (!l || l->at > source) {
			n = l && l->at - source < n ? l->at - source : n;
			take(r, at, source, n);
			taken += n;
			at += n;
			source += n;
			continue;
		}
		n = l->at + l->n - source < n ? l->at + l->n - source : n;
		const uint64_t *o = owner + l->slot + (source - l->at);
		for (uint64_t k = 0, to; k < n; k = to) {
			for (to = k + 1; to < n && o[k] && o[to] == o[k] + to - k;)
				to++;
			if (!o[k])
				continue;
			take(r, at + k, o[k] - 1, to - k);
			taken += to - k;
		}
		at += n;
		source += n;
	}
	return taken;
}

static void look_at_earlier(struct settler *r)
{
	const struct oc_span_found *f = (const void *)r->found.p;

	for (size_t i = 0; i < r->found.len / sizeof *f; i++) {
		uint64_t n = f[i].n, turn = f[i].period && f[i].period < n ? f[i].period : n;
		if (f[i].source == OC_SPAN_FIRST || is_own(r, f[i].source))
			continue;
		if (take_range(r, f[i].at, f[i].source, turn) == turn) {
			/* and so do the windows that repeat them */
			if (turn < n)
				cover(r, &r->whole, f[i].at, n);
			continue;
		}
		for (uint64_t at = turn; at < n; at += turn)
			take_range(r, f[i].at + at, f[i].source, at + turn < n ? turn : n - at);
	}
}

/* ---- report, cut: what the row repeats of itself */

static int by_from(const void *a, const void *b)
{
	const struct oc_span_piece *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

/* Sorted, and joined where they touch. */
static void join(struct oc_buf *pieces)
{
	struct oc_span_piece *p = (void *)pieces->p;
	size_t n = pieces->len / sizeof *p, kept = 0;

	if (n > 1)
		qsort(p, n, sizeof *p, by_from);
	for (size_t i = 0; i < n; i++) {
		if (kept && p[i].from <= p[kept - 1].to)
			p[kept - 1].to = p[i].to > p[kept - 1].to ? p[i].to : p[kept - 1].to;
		else
			p[kept++] = p[i];
	}
	pieces->len = kept * sizeof *p;
}

/* Does the window at a place of this row lie clear of the pieces? */
static bool is_clear(const struct settler *r, const struct oc_buf *pieces, uint64_t place)
{
	const struct oc_span_piece *p = (const void *)pieces->p;
	uint64_t from = place - oc_spans_start(r->spans, r->row), to = from + r->spans->min_span;
	size_t low = 0, high = pieces->len / sizeof *p, n = high;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (p[middle].to <= from)
			low = middle + 1;
		else
			high = middle;
	}
	return low == n || p[low].from >= to;
}

static uint64_t *owner_of(const struct settler *r, const struct lost *l, uint64_t place)
{
	return (uint64_t *)r->owner.at + l->slot + (place - l->at);
}

/* A window at `at` that stands whole in this row at `q`, too. */
static void repeat(struct settler *r, uint64_t at, uint64_t q, uint64_t n)
{
	uint64_t from = q - oc_spans_start(r->spans, r->row);
	struct oc_span_piece p = {from, from + n - 1 + r->spans->min_span};

	cover(r, &r->again, at, n);
	oc_buf_add(&r->kept, &p, sizeof p);
	longest(r, at, q, n);
}

/* A window at `at` that is first at `source`, where it is whole no more. */
static void repeat_lost(struct settler *r, uint64_t at, uint64_t source, const struct lost *l)
{
	uint64_t *owner = owner_of(r, l, source), slot = l->slot + (source - l->at);

	if (*owner && is_own(r, *owner - 1)) {
		repeat(r, at, *owner - 1, 1);
	} else if (!*owner && is_clear(r, &r->whole, at)) {
		*owner = at + 1;
		oc_buf_add(&r->claims, &slot, sizeof slot);
	}
}

/* Windows at .. at + n - 1, first at source and on. True when all of those are whole in this row.
 */
static bool repeat_range(struct settler *r, uint64_t at, uint64_t source, uint64_t n)
{
	bool own = is_own(r, source), all = own;

	for (uint64_t end = at + n, many; at < end; at += many, source += many) {
		const struct lost *l = lost_from(r, source);
		many = end - at;
		if (!l || l->at > source) {
			many = l && l->at - source < many ? l->at - source : many;
			if (own)
				repeat(r, at, source, many);
			continue;
		}
		many = 1;
		all = false;
		repeat_lost(r, at, source, l);
	}
	return all;
}

/* Ranges of the row in which windows begin that the pieces overlap: in r->kept. */
static void windows_over(struct settler *r, const struct oc_buf *pieces)
{
	const struct oc_span_piece *c = (const void *)pieces->p;
	uint64_t size = r->spans->min_span;

	r->kept.len = 0;
	for (size_t i = 0; i < pieces->len / sizeof *c; i++) {
		struct oc_span_piece p = {c[i].from < size ? 0 : c[i].from - size + 1, c[i].to};
		oc_buf_add(&r->kept, &p, sizeof p);
	}
	join(&r->kept);
}

static int look_at_itself(struct settler *r, struct oc_err *err)
{
	const struct oc_span_found *f = (const void *)r->found.p;
	size_t n = r->found.len / sizeof *f;

	bool lost = false;

	for (size_t i = 0; i < n && r->whole.len && !lost; i++)
		lost = f[i].source != OC_SPAN_FIRST && is_own(r, f[i].source);
	if (lost) {
		windows_over(r, &r->whole);
		if (lose_windows(r, (const void *)r->kept.p,
		                 r->kept.len / sizeof(struct oc_span_piece), err))
			return -1;
	}
	r->kept.len = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t many = f[i].n,
			 turn = f[i].period && f[i].period < many ? f[i].period : many;
		if (f[i].source == OC_SPAN_FIRST)
			continue;
		bool all = repeat_range(r, f[i].at, f[i].source, turn);
		if (all && turn < many)
			cover(r, &r->again, f[i].at, many);
		for (uint64_t at = turn; !all && at < many; at += turn)
			repeat_range(r, f[i].at + at, f[i].source,
			             at + turn < many ? turn : many - at);
	}
	return 0;
}

/* Back to whole code points. */
static void trim(const struct settler *r, struct oc_buf *pieces)
{
	struct oc_str text = oc_spans_text(r->spans->set, r->row);
	struct oc_span_piece *p = (void *)pieces->p;
	size_t n = pieces->len / sizeof *p, kept = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t from = p[i].from, to = p[i].to;
		while (from < to && oc_utf8_continues(text.p[from]))
			from++;
		while (from < to && to < text.len && oc_utf8_continues(text.p[to]))
			to--;
		if (from < to)
			p[kept++] = (struct oc_span_piece){from, to};
	}
	pieces->len = kept * sizeof *p;
}

static void add_cut(struct settler *r, uint64_t from, uint64_t to)
{
	struct oc_span_piece p = {from, to};

	if (from < to)
		oc_buf_add(&r->cut, &p, sizeof p);
}

/* What stands elsewhere, and what is repeated here less what is kept for it. */
static void settle_cut(struct settler *r)
{
	oc_buf_str(&r->cut, oc_buf_view(&r->whole));
	join(&r->kept);
	const struct oc_span_piece *p = (const void *)r->again.p, *f = (const void *)r->kept.p;
	size_t p_n = r->again.len / sizeof *p, f_n = r->kept.len / sizeof *f, k = 0;
	for (size_t i = 0; i < p_n; i++) {
		uint64_t from = p[i].from;
		while (k < f_n && f[k].to <= from)
			k++;
		for (size_t j = k; j < f_n && f[j].from < p[i].to; j++) {
			add_cut(r, from, f[j].from);
			from = f[j].to;
		}
		add_cut(r, from, p[i].to);
	}
	join(&r->cut);
	trim(r, &r->cut);
}

/* What was cut into is whole no more. */
static int lose_cut(struct settler *r, struct oc_err *err)
{
	const uint64_t *slot = (const void *)r->claims.p;

	windows_over(r, &r->cut);
	if (lose_windows(r, (const void *)r->kept.p, r->kept.len / sizeof(struct oc_span_piece),
	                 err))
		return -1;
	for (size_t i = 0; i < r->claims.len / sizeof *slot; i++) {
		uint64_t *owner = (uint64_t *)r->owner.at + slot[i];
		if (!is_clear(r, &r->cut, *owner - 1))
			*owner = 0;
	}
	return 0;
}

/* ---- drop */

/* A row that stays becomes the owner of what only dropped rows had. */
static void own(struct settler *r)
{
	const struct oc_span_found *f = (const void *)r->found.p;

	for (size_t i = 0; i < r->found.len / sizeof *f; i++) {
		uint64_t n = f[i].period && f[i].period < f[i].n ? f[i].period : f[i].n;
		if (f[i].source == OC_SPAN_FIRST)
			continue;
		for (uint64_t k = 0; k < n; k++) {
			const struct lost *l = lost_from(r, f[i].source + k);
			if (!l || l->at >= f[i].source + n)
				break;
			if (l->at > f[i].source + k)
				k = l->at - f[i].source;
			uint64_t *owner = owner_of(r, l, f[i].source + k);
			if (!*owner)
				*owner = f[i].at + k + 1;
		}
	}
}

/* ---- a row is complete */

/* What a row looks at: its text, that of its sources, and where those are lost. */
static void touch(struct settler *r)
{
	uint64_t sources = r->found.len / sizeof(struct oc_span_found);

	oc_spans_touch(r->spans, &r->touched, 4 * OC_SPAN_FAULT);
	r->written += sources * 2 * OC_SPAN_FAULT;
	if (r->written < r->spans->memory / 8)
		return;
	r->written = 0;
	if (r->lost.cap + r->owner.cap <= r->spans->memory / 4)
		return;
	oc_map_rest(r->lost.at, r->lost.cap);
	oc_map_rest(r->owner.at, r->owner.cap);
}

static int close_row(struct settler *r, struct oc_err *err)
{
	const struct oc_spans *s = r->spans;
	uint64_t len = s->set->rows[r->row].text_len, covered = 0;

	if (!r->found.len)
		return 0;
	touch(r);
	r->whole.len = r->again.len = r->kept.len = r->cut.len = r->claims.len = 0;
	r->run = (struct oc_span_found){0};
	look_at_earlier(r);
	if (r->drop) {
		oc_buf_str(&r->cut, oc_buf_view(&r->whole));
	} else {
		trim(r, &r->whole);
		if (look_at_itself(r, err))
			return -1;
		settle_cut(r);
		if (lose_cut(r, err))
			return -1;
	}
	const struct oc_span_piece *p = (const void *)r->cut.p;
	size_t n = r->cut.len / sizeof *p;
	for (size_t i = 0; i < n; i++)
		covered += p[i].to - p[i].from;
	if (covered) {
		const struct oc_span_part *part = oc_spans_part(s, r->run.source);
		uint64_t source = oc_spans_row(part, r->run.source);
		struct oc_span_settled found = {.row = r->row,
		                                .part = (unsigned)(part - s->parts),
		                                .source = source,
		                                .covered = covered,
		                                .row_from = r->run.at - oc_spans_start(s, r->row),
		                                .from = r->run.source - part->base -
		                                        part->starts[source],
		                                .run_len = (uint64_t)r->run.n - 1 + s->min_span,
		                                .pieces = p,
		                                .piece_n = (uint32_t)n};
		if (r->settled(r->user, &found, err))
			return -1;
	}
	if (r->drop && (double)covered > r->coverage * (double)len) {
		struct oc_span_piece all = {0, len};
		if (lose_windows(r, &all, 1, err))
			return -1;
	} else if (r->drop) {
		own(r);
	}
	r->found.len = 0;
	return 0;
}

static int gather(void *user, const struct oc_span_found *found, struct oc_err *err)
{
	struct settler *r = user;
	const struct oc_spans *s = r->spans;

	if (found->at >= oc_spans_start(s, r->row + 1)) {
		if (close_row(r, err))
			return -1;
		r->row = oc_spans_row(s->set, found->at);
	}
	oc_buf_add(&r->found, found, sizeof *found);
	return 0;
}

int oc_spans_settle(const struct oc_spans *s, bool drop, double max_coverage,
                    oc_span_row_fn *settled, void *user, struct oc_err *err)
{
	struct settler r = {.spans = s,
	                    .drop = drop,
	                    .coverage = max_coverage,
	                    .settled = settled,
	                    .user = user};
	int rc = -1;

	if (!table_open(&r.lost, s->dir, "substring.lost", err) &&
	    !table_open(&r.owner, s->dir, "substring.owners", err) &&
	    !oc_spans_find(s, gather, &r, err))
		rc = close_row(&r, err);
	table_close(&r.lost);
	table_close(&r.owner);
	oc_buf_fini(&r.found);
	oc_buf_fini(&r.whole);
	oc_buf_fini(&r.again);
	oc_buf_fini(&r.kept);
	oc_buf_fini(&r.cut);
	oc_buf_fini(&r.claims);
	oc_buf_fini(&r.rest);
	return rc;
}
