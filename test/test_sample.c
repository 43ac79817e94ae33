/*
 * sample and sort: inclusion probabilities of the weighted draw against their closed form, quotas
 * by group, cuts by score, and the order against a sort in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/rng.h"
#include "curate/measure_of.h"
#include "pipe/spill.h"
#include "stage.h"

static void open_with(struct oc_driven *d, const char *stage, const char *options)
{
	struct oc_err err = {0};

	if (oc_driven_open(d, stage, options, 4 << 20, &err))
		fail_msg("%s", err.msg);
}

/* Lets the stage see rows numbered first.. and decide. */
static int see(struct oc_driven *d, const char *(*row_of)(uint64_t, char *), uint64_t first,
               uint64_t n, struct oc_err *err)
{
	struct oc_spill *spill =
		oc_spill_open(d->ctx, d->dir, "seen", d->def->stream_n, 4 << 20, err);
	struct oc_buf out[2] = {0};
	char text[200];

	assert_non_null(spill);
	for (uint64_t i = first; i < first + n; i++) {
		struct oc_batch *batch = oc_batch_new(1);
		struct oc_row *row = oc_driven_row(batch, row_of(i, text), i, OC_UNKNOWN);
		assert_int_equal(d->def->observe(d->self, d->scratch, row, out, err), 0);
		for (unsigned k = 0; k < d->def->stream_n; k++) {
			assert_int_equal(oc_spill_add(spill, k, out[k].p, out[k].len, err), 0);
			out[k].len = 0;
		}
		oc_batch_free(batch);
	}
	int rc = d->def->resolve(d->self, spill, err);
	for (unsigned k = 0; k < 2; k++)
		oc_buf_fini(&out[k]);
	oc_spill_close(spill);
	return rc;
}

static bool stays(struct oc_driven *d, const char *(*row_of)(uint64_t, char *), uint64_t i)
{
	struct oc_err err = {0};
	struct oc_batch *batch = oc_batch_new(1);
	char text[200];
	struct oc_row *row = oc_driven_row(batch, row_of(i, text), i, OC_UNKNOWN);

	assert_int_equal(d->def->apply(d->self, d->scratch, row, &err), 0);
	bool live = row->fate == OC_LIVE;
	oc_batch_free(batch);
	return live;
}

/* Weights 1, 2, 3, 4 in turn. */
static const char *weighted(uint64_t i, char *out)
{
	sprintf(out, "{\"w\": %u}", (unsigned)(i % 4) + 1);
	return out;
}

/*
 * Two of four rows drawn by weight, without replacement: row i is among them with probability
 * w_i/W + sum over j of w_j/W * w_i/(W - w_j).
 */
static void weighted_draws(void **state)
{
	enum { DRAWS = 4000 };
	struct oc_driven d;
	struct oc_err err = {0};
	unsigned seen[4] = {0};

	(void)state;
	open_with(&d, "sample", "{n: 2, weight: w}");
	for (uint64_t draw = 0; draw < DRAWS; draw++) {
		unsigned taken = 0;
		assert_int_equal(see(&d, weighted, 4 * draw, 4, &err), 0);
		for (unsigned i = 0; i < 4; i++) {
			bool in = stays(&d, weighted, 4 * draw + i);
			seen[i] += in;
			taken += in;
		}
		assert_int_equal(taken, 2);
	}
	for (unsigned i = 0; i < 4; i++) {
		double w = i + 1, p = w / 10;
		for (unsigned j = 0; j < 4; j++)
			if (j != i)
				p += (j + 1) / 10.0 * w / (10 - (j + 1));
		double error = sqrt(p * (1 - p) / DRAWS);
		assert_true(fabs((double)seen[i] / DRAWS - p) < 4 * error);
	}
	oc_driven_close(&d);
}

/* Group 0 of rows 0..99: 50 rows, group 1: 34, the others without a group; score i * 37 % 101. */
static const char *grouped(uint64_t i, char *out)
{
	unsigned score = (unsigned)(i * 37 % 101);

	if (i % 2 == 0)
		sprintf(out, "{\"g\": \"even\", \"s\": %u}", score);
	else if (i % 3 != 0)
		sprintf(out, "{\"g\": \"odd\", \"s\": %u}", score);
	else
		sprintf(out, "{\"s\": %u}", score);
	return out;
}

static unsigned group_of(uint64_t i)
{
	return i % 2 == 0 ? 0 : i % 3 != 0 ? 1 : 2;
}

static void quotas(void **state)
{
	static const struct {
		const char *options;
		unsigned kept[3];
	} cases[] = {
		{"{n: 7, by: g}", {7, 7, 7}},
		{"{share: 0.5, by: g}", {25, 17, 8}},
		{"{by: g, quotas: {even: 3, odd: 100}}", {3, 33, 17}},
		{"{by: g, n: 1, quotas: {even: 3}}", {3, 1, 1}},
		{"{n: 0}", {0, 0, 0}},
		{"{share: 1}", {50, 33, 17}},
	};
	struct oc_driven d;
	struct oc_err err = {0};

	(void)state;
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		unsigned kept[3] = {0}, rows[3] = {0};
		open_with(&d, "sample", cases[c].options);
		assert_int_equal(see(&d, grouped, 0, 100, &err), 0);
		for (uint64_t i = 0; i < 100; i++) {
			rows[group_of(i)]++;
			kept[group_of(i)] += stays(&d, grouped, i);
		}
		for (unsigned g = 0; g < 3; g++)
			if (abs((int)kept[g] - (int)cases[c].kept[g]) > (c == 1 && g == 2))
				fail_msg("%s: group %u keeps %u of %u", cases[c].options, g,
				         kept[g], rows[g]);
		oc_driven_close(&d);
	}
	open_with(&d, "sample", "{n: 40, by: g, fill: exact}");
	assert_int_equal(see(&d, grouped, 0, 100, &err), -1);
	assert_int_equal(err.code, OC_SHORTAGE);
	oc_driven_close(&d);
}

static void best(void **state)
{
	struct oc_driven d;
	struct oc_err err = {0};
	unsigned n = 0;

	(void)state;
	open_with(&d, "sample", "{n: 10, take: highest, score: s}");
	assert_int_equal(see(&d, grouped, 0, 100, &err), 0);
	for (uint64_t i = 0; i < 100; i++) { /* all 100 scores differ: a judge by counting */
		unsigned better = 0;
		for (uint64_t k = 0; k < 100; k++)
			better += k * 37 % 101 > i * 37 % 101;
		assert_int_equal(stays(&d, grouped, i), better < 10);
		n += better < 10;
	}
	assert_int_equal(n, 10);
	oc_driven_close(&d);
	open_with(&d, "sample", "{n: 10, take: first}");
	assert_int_equal(see(&d, grouped, 0, 100, &err), 0);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(stays(&d, grouped, i), i < 10);
	oc_driven_close(&d);
}

static void refusals(void **state)
{
	static const char *const wrong[] = {"{}",
	                                    "{n: 1, share: 0.5}",
	                                    "{quotas: {a: 1}}",
	                                    "{n: 1, score: s}",
	                                    "{n: 1, take: highest}",
	                                    "{n: 1, take: first, weight: w}",
	                                    "{by: g, quotas: {a: many}}"};
	struct oc_driven d;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct oc_err err = {0};
		assert_int_equal(oc_driven_open(&d, "sample", wrong[i], 0, &err), -1);
		assert_int_equal(err.code, OC_PLAN);
	}
}

#define SORTED 200000

/* Numbers of all kinds; every seventh row has none. */
static double number_of(uint64_t i, bool *has)
{
	struct oc_rng rng;
	struct oc_draws draws;

	oc_rng_init(&rng, 5, "test/sort");
	oc_draws_init(&draws, &rng, i);
	*has = i % 7 != 3;
	switch (i % 5) {
	case 0: return -1e300 * oc_draw_unit(&draws);
	case 1: return 0;
	case 2: return (double)oc_draw_below(&draws, 1000);
	case 3: return -(double)oc_draw_below(&draws, 1000) / 7;
	default: return 1e-300 * oc_draw_unit(&draws);
	}
}

static const char *numbered(uint64_t i, char *out)
{
	bool has;
	double v = number_of(i, &has);

	sprintf(out, has ? "{\"n\": %.17g}" : "{\"other\": %.17g}", v);
	return out;
}

struct item {
	double v;
	bool has;
	uint64_t number;
};

static int judge(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->has != y->has)
		return x->has ? -1 : 1;
	if (x->has && x->v != y->v)
		return x->v > y->v ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* Numbers 0..9 and 100 further ones at the end were not seen: they come last, in order. */
static void sorted(void **state)
{
	struct item *items = calloc(SORTED, sizeof *items);
	uint64_t rows[300], n, at = 0;
	struct oc_driven d;
	struct oc_err err = {0};

	(void)state;
	for (uint64_t i = 0; i < SORTED; i++) {
		items[i].number = i + 10;
		items[i].v = number_of(i + 10, &items[i].has);
	}
	qsort(items, SORTED, sizeof *items, judge);
	open_with(&d, "sort", "{by: n}");
	assert_int_equal(see(&d, numbered, 10, SORTED, &err), 0);
	while ((n = d.def->order(d.self, SORTED + 110, rows, 300)))
		for (uint64_t i = 0; i < n; i++, at++) {
			uint64_t want = at < SORTED        ? items[at].number
			                : at < SORTED + 10 ? at - SORTED
			                                   : at;
			assert_int_equal(rows[i], want);
		}
	assert_int_equal(at, SORTED + 110);
	oc_driven_close(&d);
	free(items);
}

static void ranks(void **state)
{
	static const double up[] = {-INFINITY, -1e300, -1, -1e-300, 0, 1e-300, 1, 1e300, INFINITY};

	(void)state;
	for (size_t i = 0; i < sizeof up / sizeof *up; i++) {
		assert_true(oc_measure_of_rank(oc_measure_rank(up[i])) == up[i]);
		assert_true(!i || oc_measure_rank(up[i - 1]) < oc_measure_rank(up[i]));
	}
	assert_true(oc_measure_rank(-0.0) == oc_measure_rank(0));
	assert_true(oc_measure_rank(NAN) > oc_measure_rank(INFINITY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weighted_draws), cmocka_unit_test(quotas), cmocka_unit_test(best),
		cmocka_unit_test(refusals),       cmocka_unit_test(sorted), cmocka_unit_test(ranks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
