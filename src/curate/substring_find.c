/* The search of the stage substring: see substring.h. */
#include <endian.h>
#include <stdlib.h>

#include "base/err.h"
#include "curate/substring_find.h"

/* An odd multiplier for the rolling hashes (mod 2^64); what they claim is compared byte by byte. */
#define BASE 0x9E3779B97F4A7C15u

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xD6E8FEB86659FD93u;
	return h ^ h >> 32;
}

/* ----------------------------------------------------------- the search's parts */

/* A window on its way to its equals; big end first, all of it key. */
struct window {
	uint64_t hash, at;
};

/* What was found, on its way to its row. Key: at. */
struct found {
	uint64_t at; /* big end first */
	uint64_t source;
	uint32_t n;
} __attribute__((packed));

/* Windows of a unit that are first at another place: n from window i on. */
struct part {
	uint32_t i, n;
	uint64_t source; /* OC_SPAN_FIRST: not known to be repeated */
};

/* So many classes of a group are compared pair by pair. */
#define FEW 32

struct class
{
	struct oc_span_met u;
	const char *text; /* its bytes; read into `room` when they are not in a map */
	struct oc_buf room;
	uint64_t copies; /* units of the group that come after u and are equal to it */
	struct oc_buf parts;
	struct oc_buf again; /* (u.n) bytes: an equal window follows in another class */
};

struct finder {
	const struct oc_spans *s;
	struct oc_pool *pool;
	struct range *ranges; /* (range_n) */
	unsigned range_n;
	struct oc_sort **units;
	struct oc_spill *runs; /* struct oc_span_run, ascending */
	uint64_t leaving;
	size_t group_cap;
};

/* A range of k-gram hashes; equal windows are all in one. Looked through by one thread. */
struct range {
	struct finder *f;
	struct oc_sort *windows, *found;
	struct oc_span_met *group; /* (f->group_cap) units of one k-gram */
	size_t group_n;
	bool in_windows;     /* the group was too large and goes to the windows */
	struct class *class; /* (FEW) */
	struct oc_buf room;  /* for bytes that are looked at once */
	struct oc_err err;
	const struct found *next; /* while what was found is merged */
	size_t next_n;
};

static uint32_t span_of(const struct range *r, const struct oc_span_met *u)
{
	return u->n - 1u + r->f->s->min_span;
}

static bool same_bytes(struct range *r, const char *a, uint64_t b, size_t len)
{
	return memcmp(a, oc_spans_read(r->f->s, b, len, &r->room), len) == 0;
}

static int tell(struct range *r, uint64_t at, uint32_t n, uint64_t source, struct oc_err *err)
{
	struct found found = {htobe64(at), source, n};

	/* a unit is one row's: of an index, nothing is asked */
	return at < r->f->s->set->base ? 0 : oc_sort_add(r->found, &found, 1, err);
}

/* ---------------------------------------------------------- a group of a k-gram */

static int windows_of(struct range *r, const struct oc_span_met *u, struct oc_err *err)
{
	uint32_t size = r->f->s->min_span;
	const unsigned char *p =
		(const unsigned char *)oc_spans_read(r->f->s, u->at, span_of(r, u), &r->room);
	uint64_t h = 0;

	for (uint32_t i = 0; i < size - 1; i++)
		h = h * BASE + p[i];
	for (uint32_t i = 0; i < u->n; i++) {
		h = h * BASE + p[i + size - 1];
		struct window w = {htobe64(mix(h)), htobe64(u->at + i)};
		h -= p[i] * r->f->leaving;
		if (oc_sort_add(r->windows, &w, 1, err))
			return -1;
	}
	return 0;
}

static int group_to_windows(struct range *r, struct oc_err *err)
{
	for (size_t i = 0; i < r->group_n; i++)
		if (windows_of(r, &r->group[i], err))
			return -1;
	r->group_n = 0;
	return 0;
}

/* By the place of the k-gram, which orders equal windows as their own places do. */
static int by_gram(const void *a, const void *b)
{
	const struct class *x = a, *y = b;
	uint64_t p = x->u.at + x->u.back, q = y->u.at + y->u.back;
	return (p > q) - (p < q);
}

static uint32_t alike(const char *a, const char *b, uint32_t n, ptrdiff_t step)
{
	uint32_t i = 0;

	for (; i < n && *a == *b; i++, a += step, b += step)
		;
	return i;
}

/* Windows of class b that class a, which comes before, has as well: *from and *to index b's. */
static void shared(const struct range *r, const struct class *of_a, const struct class *of_b,
                   uint32_t *from, uint32_t *to)
{
	const struct oc_span_met *a = &of_a->u, *b = &of_b->u;
	/* a window lies `back` bytes before the k-gram; both units have a range of those */
	int64_t high = a->back < b->back ? a->back : b->back, low_a = (int64_t)a->back - a->n + 1,
		low_b = (int64_t)b->back - b->n + 1, low = low_a > low_b ? low_a : low_b;
	const char *p = of_a->text + a->back, *q = of_b->text + b->back;

	*from = *to = 0;
	if (low > high)
		return;
	int64_t before = alike(p - 1, q - 1, (uint32_t)high, -1),
		after = alike(p, q, (uint32_t)(r->f->s->min_span - low), 1);
	if (high > before)
		high = before;
	if (low < (int64_t)r->f->s->min_span - after)
		low = (int64_t)r->f->s->min_span - after;
	if (low > high)
		return;
	*from = (uint32_t)(b->back - high);
	*to = (uint32_t)(b->back - low + 1);
}

static void add_part(struct oc_buf *parts, uint32_t i, uint64_t source)
{
	struct part *top = parts->len ? (void *)(parts->p + parts->len - sizeof *top) : NULL;

	if (top && (top->source == OC_SPAN_FIRST) == (source == OC_SPAN_FIRST) &&
	    (source == OC_SPAN_FIRST || top->source + top->n == source)) {
		top->n++;
		return;
	}
	struct part p = {i, 1, source};
	oc_buf_add(parts, &p, sizeof p);
}

/* Where each window of class `c` is first among the classes before it. */
static void compare_class(struct range *r, uint32_t c, uint64_t *source)
{
	struct class *b = &r->class[c];
	uint32_t from, to;

	for (uint32_t i = 0; i < b->u.n; i++)
		source[i] = OC_SPAN_FIRST;
	for (uint32_t k = 0; k < c; k++) {
		struct class *a = &r->class[k];
		shared(r, a, b, &from, &to);
		for (uint32_t i = from; i < to; i++) {
			uint32_t j = i + a->u.back - b->u.back;
			a->again.p[j] = 1;
			if (source[i] == OC_SPAN_FIRST)
				source[i] = a->u.at + j;
		}
	}
	b->parts.len = 0;
	for (uint32_t i = 0; i < b->u.n; i++)
		add_part(&b->parts, i, source[i]);
}

/* Units of a class other than its first: each window is first where the class's is. */
static int tell_copy(struct range *r, const struct class *c, const struct oc_span_met *u,
                     struct oc_err *err)
{
	const struct part *p = (const void *)c->parts.p;

	for (size_t i = 0; i < c->parts.len / sizeof *p; i++)
		if (tell(r, u->at + p[i].i, p[i].n,
		         p[i].source == OC_SPAN_FIRST ? c->u.at + p[i].i : p[i].source, err))
			return -1;
	return 0;
}

static int tell_class(struct range *r, const struct class *c, struct oc_err *err)
{
	const struct part *p = (const void *)c->parts.p;

	for (size_t i = 0; i < c->parts.len / sizeof *p; i++) {
		if (p[i].source != OC_SPAN_FIRST) {
			if (tell(r, c->u.at + p[i].i, p[i].n, p[i].source, err))
				return -1;
			continue;
		}
		for (uint32_t from = p[i].i, end = from + p[i].n; from < end;) {
			uint32_t to = from;
			while (to < end && (c->copies || c->again.p[to]))
				to++;
			if (to > from && tell(r, c->u.at + from, to - from, OC_SPAN_FIRST, err))
				return -1;
			from = to > from ? to : from + 1;
		}
	}
	return 0;
}

/* The class of each unit; the classes in order. Returns how many, or FEW + 1 when there are more.
 */
static uint32_t classes(struct range *r, uint32_t *class_of)
{
	uint32_t n = 0;

	/* sorted by their bytes' hash and then by place, so equal units stand together */
	for (size_t i = 0; i < r->group_n; i++) {
		const struct oc_span_met *u = &r->group[i], *last = n ? &r->class[n - 1].u : NULL;
		if (last && last->bytes == u->bytes && last->n == u->n && last->back == u->back &&
		    same_bytes(r, r->class[n - 1].text, u->at, span_of(r, u))) {
			r->class[n - 1].copies++;
			class_of[i] = n - 1;
			continue;
		}
		if (n == FEW)
			return FEW + 1;
		r->class[n].u = *u;
		r->class[n].copies = 0;
		r->class[n].text = oc_spans_read(r->f->s, u->at, span_of(r, u), &r->class[n].room);
		class_of[i] = n++;
	}
	return n;
}

static int close_group(struct range *r, uint32_t *class_of, uint64_t *source, struct oc_err *err)
{
	uint32_t place[FEW];

	if (r->group_n < 2 && !r->in_windows) {
		r->group_n = 0;
		return 0;
	}
	uint32_t n = r->in_windows ? FEW + 1 : classes(r, class_of);
	if (n > FEW) {
		r->in_windows = false;
		return group_to_windows(r, err);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct class *c = &r->class[i];
		c->again.len = 0;
		oc_buf_reserve(&c->again, c->u.n);
		memset(c->again.p, 0, c->u.n);
		/* its number until the classes are in order */
		c->u.hash = i;
	}
	if (n > 1)
		qsort(r->class, n, sizeof *r->class, by_gram);
	for (uint32_t i = 0; i < n; i++) {
		compare_class(r, i, source);
		place[r->class[i].u.hash] = i;
	}
	for (uint32_t i = 0; i < n; i++)
		if (tell_class(r, &r->class[i], err))
			return -1;
	for (size_t i = 0; i < r->group_n; i++) {
		const struct class *c = &r->class[place[class_of[i]]];
		if (c->copies && r->group[i].at != c->u.at && tell_copy(r, c, &r->group[i], err))
			return -1;
	}
	r->group_n = 0;
	return 0;
}

static int groups(struct range *r, struct oc_sort *sort, struct oc_err *err)
{
	uint32_t *class_of = oc_alloc(r->f->group_cap * sizeof *class_of);
	uint64_t *source = oc_alloc(r->f->s->min_span * sizeof *source);
	uint64_t hash = 0;
	const void *sorted;
	size_t n;
	int rc = -1;

	for (;;) {
		if (oc_sort_next(sort, &sorted, &n, err))
			goto out;
		if (!n)
			break;
		if (oc_cancelled(r->f->s->ctx)) {
			oc_fail(err, OC_CANCELLED, r->f->s->name, "interrupted");
			goto out;
		}
		const struct oc_span_met *u = sorted;
		for (size_t i = 0; i < n; i++) {
			if (u[i].hash != hash && close_group(r, class_of, source, err))
				goto out;
			hash = u[i].hash;
			if (r->group_n == r->f->group_cap) {
				r->in_windows = true;
				if (group_to_windows(r, err))
					goto out;
			}
			r->group[r->group_n++] = u[i];
		}
	}
	rc = close_group(r, class_of, source, err);
out:
	free(class_of);
	free(source);
	return rc;
}

/* ------------------------------------------------------------ windows of many */

/* Windows of one hash, ascending. Different ones with the same hash all but never occur; then each
 * is compared with the first of each kind. */
static int pair_windows(struct range *r, struct oc_err *err)
{
	struct oc_buf kinds = {0}, room = {0};
	const char *text = NULL; /* of the window at `place` */
	uint64_t place = UINT64_MAX;
	struct kind {
		uint64_t first;
		bool told;
	} * kind;
	uint32_t size = r->f->s->min_span;
	uint64_t hash = 0;
	const void *sorted;
	size_t n;
	int rc = -1;

	if (oc_sort_done(r->windows, err))
		return -1;
	for (;;) {
		if (oc_sort_next(r->windows, &sorted, &n, err))
			goto out;
		if (!n)
			break;
		if (oc_cancelled(r->f->s->ctx)) {
			oc_fail(err, OC_CANCELLED, r->f->s->name, "interrupted");
			goto out;
		}
		const struct window *w = sorted;
		for (size_t i = 0; i < n; i++) {
			uint64_t at = be64toh(w[i].at);
			size_t k = 0;
			if (w[i].hash != hash)
				kinds.len = 0;
			hash = w[i].hash;
			kind = (void *)kinds.p;
			for (; k < kinds.len / sizeof *kind; k++) {
				if (kind[k].first != place)
					text = oc_spans_read(r->f->s, kind[k].first, size, &room);
				place = kind[k].first;
				if (same_bytes(r, text, at, size))
					break;
			}
			if (k == kinds.len / sizeof *kind) {
				struct kind new = {at, false};
				oc_buf_add(&kinds, &new, sizeof new);
				continue;
			}
			if (!kind[k].told && tell(r, kind[k].first, 1, OC_SPAN_FIRST, err))
				goto out;
			kind[k].told = true;
			if (tell(r, at, 1, kind[k].first, err))
				goto out;
		}
	}
	rc = 0;
out:
	oc_buf_fini(&room);
	oc_buf_fini(&kinds);
	return rc;
}

/* ------------------------------------------------------------------ in order */

/* On the way to the caller: windows that continue each other become one. */
struct order {
	oc_span_fn *found;
	void *user;
	struct oc_span_found now;
	const struct oc_span_run *runs; /* (run_n) the next ones */
	uint64_t run_n;
	struct oc_buf period; /* struct oc_span_found of the windows that the next run repeats */
};

static int hand_on(struct order *o, struct oc_span_found f, struct oc_err *err)
{
	struct oc_span_found *now = &o->now;

	/* between the windows of two rows lie min_span - 1 places without one */
	if (now->n && !now->period && !f.period && now->at + now->n == f.at && now->n < INT32_MAX &&
	    (now->source == OC_SPAN_FIRST ? f.source == OC_SPAN_FIRST
	                                  : now->source + now->n == f.source)) {
		now->n += f.n;
		return 0;
	}
	if (now->n && o->found(o->user, now, err))
		return -1;
	*now = f;
	return 0;
}

/* The windows that a run repeats are whole in `period`, those found; the rest of them was alone
 * and is first, as the run follows. */
static int hand_run(struct order *o, struct oc_err *err)
{
	const struct oc_span_run *r = o->runs++;
	const struct oc_span_found *f = (const void *)o->period.p;
	size_t n = o->period.len / sizeof *f, k = 0;
	struct oc_buf all = {0};
	int rc = -1;

	o->run_n--;
	for (uint64_t at = r->at - r->period; at < r->at;) {
		struct oc_span_found p = {at, OC_SPAN_FIRST, 0, 0};
		if (k < n && f[k].at == at)
			p = f[k++];
		else
			p.n = (uint32_t)((k < n ? f[k].at : r->at) - at);
		if (hand_on(o, p, err))
			goto out;
		at += p.n;
		if (p.source == OC_SPAN_FIRST)
			p.source = p.at;
		struct oc_span_found *top =
			all.len ? (void *)(all.p + all.len - sizeof *top) : NULL;
		if (top && top->source + top->n == p.source)
			top->n += p.n;
		else
			oc_buf_add(&all, &p, sizeof p);
	}
	f = (const void *)all.p;
	n = all.len / sizeof *f;
	if (n == 1) {
		rc = hand_on(o, (struct oc_span_found){r->at, f->source, r->n, r->period}, err);
		goto out;
	}
	for (uint32_t done = 0; done < r->n; done += r->period)
		for (k = 0; k < n; k++) {
			uint64_t in = f[k].at - (r->at - r->period);
			if (done + in >= r->n)
				break;
			uint32_t left = r->n - done - (uint32_t)in;
			if (hand_on(o,
			            (struct oc_span_found){r->at + done + in, f[k].source,
			                                   f[k].n < left ? f[k].n : left, 0},
			            err))
				goto out;
		}
	rc = 0;
out:
	o->period.len = 0;
	oc_buf_fini(&all);
	return rc;
}

static int put_in_order(struct order *o, struct oc_span_found f, struct oc_err *err)
{
	/* a unit's windows are all before those that a run repeats, or all among them */
	while (o->run_n && f.at >= o->runs->at)
		if (hand_run(o, err))
			return -1;
	if (!o->run_n || f.at + o->runs->period < o->runs->at)
		return hand_on(o, f, err);
	oc_buf_add(&o->period, &f, sizeof f);
	return 0;
}

/* The next of what the ranges found; NULL at the end. */
static int next_found(struct finder *f, const struct found **next, struct oc_err *err)
{
	struct range *least = NULL;
	uint64_t at = 0;

	for (unsigned i = 0; i < f->range_n; i++) {
		struct range *r = &f->ranges[i];
		const void *sorted;
		if (!r->next_n && r->found) {
			if (oc_sort_next(r->found, &sorted, &r->next_n, err))
				return -1;
			r->next = sorted;
			if (!r->next_n) {
				oc_sort_free(r->found);
				r->found = NULL;
			}
		}
		if (r->next_n && (!least || be64toh(r->next->at) < at)) {
			least = r;
			at = be64toh(r->next->at);
		}
	}
	*next = NULL;
	if (least) {
		least->next_n--;
		*next = least->next++;
	}
	return 0;
}

#define ASK_EVERY 0x4000 /* windows, whether to go on */

static int in_order(struct finder *f, oc_span_fn *found, void *user, struct oc_err *err)
{
	struct order o = {.found = found, .user = user};
	struct oc_str runs;
	const struct found *next;
	int rc = -1;

	if (oc_spill_map(f->runs, 0, &runs, err))
		return -1;
	o.runs = (const void *)runs.p;
	o.run_n = runs.len / sizeof *o.runs;
	for (uint64_t i = 0;; i++) {
		if (i % ASK_EVERY == 0 && oc_cancelled(f->s->ctx)) {
			oc_fail(err, OC_CANCELLED, f->s->name, "interrupted");
			goto out;
		}
		if (next_found(f, &next, err))
			goto out;
		if (!next)
			break;
		if (put_in_order(
			    &o, (struct oc_span_found){be64toh(next->at), next->source, next->n, 0},
			    err))
			goto out;
	}
	while (o.run_n)
		if (hand_run(&o, err))
			goto out;
	rc = o.now.n ? found(user, &o.now, err) : 0;
out:
	oc_buf_fini(&o.period);
	return rc;
}

/* -------------------------------------------------------------------- all of it */

static void look_through(void *user, uint64_t item, unsigned worker)
{
	struct finder *f = user;
	struct range *r = &f->ranges[item];
	const struct oc_spans *s = f->s;
	uint64_t memory = s->memory / 4 / oc_pool_threads(f->pool);

	(void)worker;
	r->group = oc_alloc(f->group_cap * sizeof *r->group);
	r->class = oc_zalloc(FEW, sizeof *r->class);
	r->windows = oc_sort_new(s->ctx, s->dir, sizeof(struct window), sizeof(struct window),
	                         memory, &r->err);
	r->found = oc_sort_new(s->ctx, s->dir, sizeof(struct found), 8, s->memory / 4 / f->range_n,
	                       &r->err);
	if (!r->windows || !r->found || oc_sort_done(f->units[item], &r->err) ||
	    groups(r, f->units[item], &r->err))
		goto out;
	oc_sort_free(f->units[item]);
	f->units[item] = NULL;
	if (!pair_windows(r, &r->err))
		oc_sort_done(r->found, &r->err);
out:
	oc_sort_free(r->windows);
	r->windows = NULL;
	for (uint32_t i = 0; i < FEW; i++) {
		oc_buf_fini(&r->class[i].parts);
		oc_buf_fini(&r->class[i].again);
		oc_buf_fini(&r->class[i].room);
	}
	oc_buf_fini(&r->room);
	free(r->class);
	free(r->group);
}

/* More ranges than threads, so that those do not wait for the largest; fewer where a sort would
 * have next to no memory. What is found is the same. */
#define RANGES       16
#define RANGE_MEMORY ((uint64_t)1 << 20)

int oc_spans_find(const struct oc_spans *s, oc_span_fn *found, void *user, struct oc_err *err)
{
	struct finder f = {.s = s, .leaving = 1, .range_n = 1};
	int rc = -1;

	for (uint32_t i = 1; i < s->min_span; i++)
		f.leaving *= BASE;
	while (f.range_n < RANGES && s->memory / 4 / f.range_n >= 2 * RANGE_MEMORY)
		f.range_n *= 2;
	f.pool = oc_pool_new(s->ctx->threads < f.range_n ? s->ctx->threads : f.range_n);
	f.group_cap = s->memory / 32 / oc_pool_threads(f.pool) / sizeof(struct oc_span_met);
	if (f.group_cap < 64)
		f.group_cap = 64;
	f.ranges = oc_zalloc(f.range_n, sizeof *f.ranges);
	f.units = oc_zalloc(f.range_n, sizeof *f.units);
	f.runs = oc_spill_open(s->ctx, s->dir, "substring.runs", 1, s->memory / 64, err);
	if (!f.runs)
		goto out;
	for (unsigned i = 0; i < f.range_n; i++) {
		f.ranges[i].f = &f;
		f.units[i] = oc_sort_new(s->ctx, s->dir, sizeof(struct oc_span_met),
		                         OC_SPAN_MET_KEY, s->memory / 4 / f.range_n, err);
		if (!f.units[i])
			goto out;
	}
	if (oc_spans_meet(s, f.pool, f.units, f.range_n, f.runs, err))
		goto out;
	oc_pool_for(f.pool, f.range_n, look_through, &f);
	for (unsigned i = 0; i < f.range_n; i++)
		if (f.ranges[i].err.code) {
			*err = f.ranges[i].err;
			goto out;
		}
	rc = in_order(&f, found, user, err);
out:
	for (unsigned i = 0; i < f.range_n; i++) {
		oc_sort_free(f.units[i]);
		oc_sort_free(f.ranges[i].found);
	}
	oc_spill_close(f.runs);
	oc_pool_free(f.pool);
	free(f.ranges);
	free(f.units);
	return rc;
}
