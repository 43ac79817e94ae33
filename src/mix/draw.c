/*
 * draw.c: which rows fill the quotas. A group's order is that of random numbers, one for each row,
 * made of the seed and the row's key: sorted on disk, and the same whatever other rows there are.
 */
#include <endian.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"
#include "mix/state.h"

#define WINDOW_MAX 4096 /* places */
#define WINDOW_MIN 16
#define FOUNDERS   1024 /* read at a time */
#define LOOK_EVERY 0xffff

static int interrupted(const struct oc_mix *m, uint64_t at, struct oc_err *err)
{
	if (at & LOOK_EVERY || !oc_cancelled(m->ctx))
		return 0;
	return oc_fail(err, OC_CANCELLED, "mix", "interrupted");
}

/* ------------------------------------------------------------------- places */

static int lay_out(struct oc_mix *m, struct oc_err *err)
{
	const struct oc_mix_drawn *d;
	const void *part;
	uint64_t at = 0;
	size_t n;

	for (uint32_t g = 0; g < m->group_n; g++) {
		m->first[g] = at;
		at += m->groups[g].rows;
	}
	if (oc_sort_done(m->draw, err))
		return -1;
	do {
		if (oc_sort_next(m->draw, &part, &n, err))
			return -1;
		d = part;
		for (size_t i = 0; i < n; i++) {
			struct oc_mix_place place = {d[i].number, d[i].tokens};
			if (oc_spill_add(m->disk, OC_MIX_PLACES, &place, sizeof place, err))
				return -1;
		}
	} while (n);
	oc_sort_free(m->draw);
	m->draw = NULL;
	return 0;
}

/* Place k of a group. */
static int place_get(struct oc_mix *m, uint32_t g, uint64_t k, struct oc_mix_place *out,
                     struct oc_err *err)
{
	struct oc_mix_window *w = &m->windows[g];
	uint64_t at = m->first[g] + k, end = m->first[g] + m->groups[g].rows;

	if (at < w->first || at >= w->first + w->n) {
		if (!w->places)
			w->places = oc_alloc(m->window_cap * sizeof *w->places);
		w->first = at;
		w->n = end - at < m->window_cap ? end - at : m->window_cap;
		if (oc_spill_read(m->disk, OC_MIX_PLACES, at * sizeof *w->places, w->places,
		                  w->n * sizeof *w->places, err))
			return -1;
	}
	*out = w->places[at - w->first];
	return 0;
}

/* ------------------------------------------------------------------ filling */

enum rounding { NEAREST, DOWN, UP };

/*
 * Takes rows of a group, from its first place on and round and round, until `target` is met as
 * nearly as whole rows allow, in the direction given. *sum = what the rows taken add up to. Rounds
 * that are surely taken whole are not walked.
 */
static int fill(struct oc_mix *m, uint32_t g, int64_t target, enum rounding round, uint64_t *sum,
                struct oc_err *err)
{
	struct oc_mix_group *group = &m->groups[g];
	uint64_t there = oc_mix_there(m, group), all = there * m->repeat, k;
	uint64_t most = m->by_rows ? 1 : m->group_most[g], whole;

	*sum = 0;
	if (group->too_deep || target <= 0 || !group->rows)
		return 0;
	if ((uint64_t)target >= all)
		whole = m->repeat;
	else
		whole = (uint64_t)target > most ? ((uint64_t)target - most) / there : 0;
	*sum = whole * there;
	group->taken = whole * group->rows;
	group->taken_tokens = whole * group->tokens;
	for (k = group->taken; k < m->repeat * group->rows; k++) {
		struct oc_mix_place place;
		if (interrupted(m, k, err) || place_get(m, g, k % group->rows, &place, err))
			return -1;
		uint64_t cost = m->by_rows ? 1 : place.tokens;
		uint64_t with = round == DOWN ? 2 * (*sum + cost)
		                : round == UP ? 2 * *sum + 1
		                              : 2 * *sum + cost;
		if (with > 2 * (uint64_t)target)
			break;
		*sum += cost;
		group->taken++;
		group->taken_tokens += place.tokens;
	}
	group->used = group->taken < group->rows ? group->taken : group->rows;
	return 0;
}

static int fill_all(struct oc_mix *m, struct oc_err *err)
{
	for (uint32_t s = 0; s < m->share_n; s++) {
		int64_t carry = 0; /* a share's groups make up for each other's whole rows */
		for (uint32_t g = 0; g < m->group_n; g++) {
			if (m->group_share[g] != s)
				continue;
			int64_t target = (int64_t)m->groups[g].quota;
			if (target)
				target += carry;
			/* Under a floor, rounding must not take from the real rows. */
			enum rounding round = m->shares[s].up_to ? DOWN : NEAREST;
			if (m->real_floor > 0)
				round = m->groups[g].origin == OC_REAL ? UP : DOWN;
			uint64_t sum;
			if (fill(m, g, target, round, &sum, err))
				return -1;
			carry = target - (int64_t)sum;
		}
	}
	return 0;
}

/* Sets a bit for the rows at a group's first n places. */
static int mark(struct oc_mix *m, uint32_t g, uint64_t n, struct oc_err *err)
{
	for (uint64_t k = 0; k < n; k++) {
		struct oc_mix_place place;
		if (interrupted(m, k, err) || place_get(m, g, k, &place, err))
			return -1;
		m->took[place.number / 8] |= (uint8_t)(1 << place.number % 8);
	}
	return 0;
}

/* ----------------------------------------------------------------- founders */

struct weight {
	uint64_t founder; /* sorted by bytes: any order will do */
	uint64_t rows;    /* a double above 0, whose bits are ordered as it is, big end first */
};

static int add_weights(struct oc_mix *m, struct oc_sort *sort, uint64_t at,
                       const struct oc_mix_row *row, uint64_t times, struct oc_err *err)
{
	uint64_t keys[FOUNDERS];
	struct weight w[FOUNDERS];
	double rows = (double)times / row->founder_n;

	for (uint32_t k = 0, n; k < row->founder_n; k += n) {
		n = row->founder_n - k < FOUNDERS ? row->founder_n - k : FOUNDERS;
		if (oc_spill_read(m->disk, OC_MIX_FOUNDERS, (at + k) * sizeof *keys, keys,
		                  n * sizeof *keys, err))
			return -1;
		for (uint32_t i = 0; i < n; i++) {
			w[i].founder = keys[i];
			memcpy(&w[i].rows, &rows, sizeof rows);
			w[i].rows = htobe64(w[i].rows);
		}
		if (oc_sort_add(sort, w, n, err))
			return -1;
	}
	return 0;
}

/* `took` says so far who was taken once more than the whole rounds of its group. */
static int gather(struct oc_mix *m, struct oc_sort *sort, struct oc_err *err)
{
	struct oc_mix_row rows[FOUNDERS];
	uint64_t at = 0;

	for (uint64_t i = 0; i < m->row_n; i++) {
		uint64_t left = m->row_n - i < FOUNDERS ? m->row_n - i : FOUNDERS;
		if (i % FOUNDERS == 0 && oc_spill_read(m->disk, OC_MIX_ROWS, i * sizeof *rows, rows,
		                                       left * sizeof *rows, err))
			return -1;
		const struct oc_mix_row *row = &rows[i % FOUNDERS];
		if (row->group == OC_MIX_NO_GROUP)
			continue;
		const struct oc_mix_group *g = &m->groups[row->group];
		uint64_t times = g->taken / g->rows + oc_mix_took(m, i);
		if (interrupted(m, i, err) || (times && add_weights(m, sort, at, row, times, err)))
			return -1;
		at += row->founder_n;
	}
	return 0;
}

struct shares {
	uint64_t founder, distinct;
	double one, sum, squares;
};

static void founder_ends(struct shares *s)
{
	s->sum += s->one;
	s->squares += s->one * s->one;
	s->distinct += s->one > 0;
	s->one = 0;
}

static int count_founders(struct oc_mix *m, struct oc_err *err)
{
	struct oc_sort *sort = oc_sort_new(m->ctx, oc_spill_dir(m->disk), sizeof(struct weight),
	                                   sizeof(struct weight), m->memory / 2, err);
	struct shares s = {0};
	const void *part;
	size_t n;
	int rc = -1;

	if (!sort || gather(m, sort, err) || oc_sort_done(sort, err))
		goto out;
	do {
		if (oc_sort_next(sort, &part, &n, err))
			goto out;
		const struct weight *w = part;
		for (size_t i = 0; i < n; i++) {
			uint64_t bits = be64toh(w[i].rows);
			double rows;
			memcpy(&rows, &bits, sizeof rows);
			if (w[i].founder != s.founder)
				founder_ends(&s);
			s.founder = w[i].founder;
			s.one += rows;
		}
	} while (n);
	founder_ends(&s);
	m->facts.distinct = s.distinct;
	m->facts.effective = s.squares > 0 ? s.sum * s.sum / s.squares : 0;
	rc = 0;
out:
	oc_sort_free(sort);
	return rc;
}

int oc_mix_draw(struct oc_mix *m, struct oc_err *err)
{
	uint32_t n = m->group_n ? m->group_n : 1;
	uint64_t fit = m->memory / 8 / n / sizeof(struct oc_mix_place);

	m->window_cap = fit < WINDOW_MIN ? WINDOW_MIN : fit > WINDOW_MAX ? WINDOW_MAX : fit;
	m->first = oc_zalloc(n, sizeof *m->first);
	m->want = oc_zalloc(n, sizeof *m->want);
	m->given = oc_zalloc(n, sizeof *m->given);
	m->windows = oc_zalloc(n, sizeof *m->windows);
	m->took = oc_zalloc(m->row_n / 8 + 1, 1);
	if (lay_out(m, err) || fill_all(m, err))
		return -1;
	for (uint32_t g = 0; g < m->group_n; g++) {
		m->want[g] = m->groups[g].taken;
		if (m->groups[g].rows && mark(m, g, m->groups[g].taken % m->groups[g].rows, err))
			return -1;
	}
	if (count_founders(m, err))
		return -1;
	for (uint32_t g = 0; g < m->group_n; g++)
		if (m->groups[g].taken >= m->groups[g].rows && mark(m, g, m->groups[g].rows, err))
			return -1;
	oc_mix_rewind(m);
	return 0;
}

/* ------------------------------------------------------------------ reading */

bool oc_mix_took(const struct oc_mix *m, uint64_t number)
{
	return number < m->row_n && m->took[number / 8] >> number % 8 & 1;
}

int oc_mix_next(struct oc_mix *m, struct oc_mix_item *item, struct oc_err *err)
{
	int64_t g = oc_turns_next(&m->turns);
	struct oc_mix_place place;

	if (g < 0)
		return 0;
	uint64_t k = m->given[g] - 1, n = m->groups[g].rows;
	if (place_get(m, (uint32_t)g, k % n, &place, err))
		return -1;
	*item = (struct oc_mix_item){place.number, (uint32_t)(k / n)};
	return 1;
}

void oc_mix_rewind(struct oc_mix *m)
{
	oc_turns_init(&m->turns, m->want, m->given, m->group_n);
}
