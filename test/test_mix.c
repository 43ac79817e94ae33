/* The mix: quotas, floors and interleaving as properties of random inputs; shortages by message. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "data/opts.h"
#include "data/yaml.h"
#include "mix/interleave.h"
#include "mix/mix.h"

static const struct oc_str names[] = {{"people", 6}, {"sums", 4}, {"web", 3}};

struct made { /* one group of rows to add */
	uint32_t source;
	enum oc_origin origin;
	uint32_t depth, rows, tokens; /* tokens: of the longest row */
};

static struct oc_env env = {.size = sizeof env, .seed = 5};

static struct oc_mix *mix_open(struct oc_arena *a, const char *yaml, struct oc_err *err)
{
	struct oc_mix *m = NULL;
	yyjson_val *given = oc_yaml_parse(a, oc_str(yaml), "test", NULL, err);

	assert_non_null(given);
	yyjson_val *opts = oc_opts_resolve(a, oc_mix_options, given, "mix", NULL, NULL, err);
	if (opts)
		oc_mix_open(&m, opts, names, 3, &env, err);
	return m;
}

/* Adds the groups' rows interleaved; row i of a group descends from founder i % 10. */
static void add_all(struct oc_mix *m, const struct made *made, unsigned n)
{
	struct oc_err err = {0};
	struct oc_rng rng;
	struct oc_draws d;
	uint32_t most = 0;

	oc_rng_init(&rng, 3, "rows");
	oc_draws_init(&d, &rng, 0);
	for (unsigned g = 0; g < n; g++)
		most = made[g].rows > most ? made[g].rows : most;
	for (uint32_t i = 0; i < most; i++)
		for (unsigned g = 0; g < n; g++) {
			char key[32], founder[32];
			struct oc_str parent;
			struct oc_row row = {.fate = OC_LIVE};
			if (i >= made[g].rows)
				continue;
			snprintf(key, sizeof key, "%u:%u", g, i);
			snprintf(founder, sizeof founder, "0:%u", i % 10);
			parent = oc_str(founder);
			row.ped = (struct oc_pedigree){.key = oc_str(key),
			                               .source = made[g].source,
			                               .origin = made[g].origin,
			                               .depth = made[g].depth};
			if (made[g].origin == OC_SYNTHETIC) {
				row.ped.founders = &parent;
				row.ped.founder_n = 1;
			}
			uint64_t tokens =
				made[g].tokens > 1 ? 1 + oc_draw_below(&d, made[g].tokens) : 1;
			assert_int_equal(oc_mix_add(m, &row, tokens, &err), 0);
		}
}

static uint64_t taken(const struct oc_mix *m, int origin, bool tokens)
{
	uint32_t n;
	const struct oc_mix_group *g = oc_mix_groups(m, &n);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		if (origin < 0 || (int)g[i].origin == origin)
			sum += tokens ? g[i].taken_tokens : g[i].taken;
	return sum;
}

/* Sums of the items equal the groups' counts; nobody stands more often than allowed. */
static void check_items(struct oc_mix *m, uint64_t rows, uint32_t repeat)
{
	uint32_t *times = oc_zalloc(rows, sizeof *times);
	struct oc_mix_item item;
	struct oc_err err = {0};
	uint64_t n = 0;

	oc_mix_rewind(m);
	while (oc_mix_next(m, &item, &err) > 0) {
		assert_true(item.number < rows);
		assert_int_equal(item.repeat, times[item.number]++);
		n++;
	}
	assert_int_equal(n, oc_mix_len(m));
	assert_int_equal(n, taken(m, -1, false));
	for (uint64_t i = 0; i < rows; i++) {
		assert_true(times[i] <= repeat);
		assert_int_equal(times[i] > 0, oc_mix_took(m, i));
	}
	free(times);
}

static void largest_remainder(void **state)
{
	struct oc_rng rng;
	struct oc_draws d;

	(void)state;
	oc_rng_init(&rng, 1, "remainder");
	oc_draws_init(&d, &rng, 0);
	for (int t = 0; t < 2000; t++) {
		double w[9], sum = 0;
		uint64_t out[9], total = oc_draw_below(&d, 100000), all = 0;
		uint32_t n = 1 + (uint32_t)oc_draw_below(&d, 9);
		for (uint32_t i = 0; i < n; i++) {
			w[i] = oc_draw_below(&d, 4) ? oc_draw_unit(&d) : 0;
			sum += w[i];
		}
		oc_largest_remainder(total, w, n, out);
		for (uint32_t i = 0; i < n; i++) {
			all += out[i];
			if (sum > 0)
				assert_true(fabs((double)out[i] - (double)total * w[i] / sum) < 1);
			if (w[i] <= 0)
				assert_int_equal(out[i], 0);
		}
		assert_int_equal(all, sum > 0 ? total : 0);
	}
	/* By hand: 10 over 1/3 each: the lower index first. */
	uint64_t out[3];
	oc_largest_remainder(10, (double[]){1, 1, 1}, 3, out);
	assert_true(out[0] == 4 && out[1] == 3 && out[2] == 3);
}

/* Every prefix of the order is within one row of each group's share. */
static void interleaving(void **state)
{
	struct oc_rng rng;
	struct oc_draws d;

	(void)state;
	oc_rng_init(&rng, 2, "turns");
	oc_draws_init(&d, &rng, 0);
	for (int t = 0; t < 1000; t++) {
		uint64_t want[8], given[8], total = 0;
		uint32_t n = 1 + (uint32_t)oc_draw_below(&d, 8);
		struct oc_turns turns;
		for (uint32_t i = 0; i < n; i++) {
			want[i] = oc_draw_below(&d, t % 3 ? 40 : 4);
			total += want[i];
		}
		oc_turns_init(&turns, want, given, n);
		for (uint64_t at = 1; at <= total; at++) {
			int64_t g = oc_turns_next(&turns);
			assert_true(g >= 0 && want[g] > 0);
			for (uint32_t i = 0; i < n; i++) {
				double ideal = (double)want[i] * (double)at / (double)total;
				if (fabs((double)given[i] - ideal) >= 1)
					fail_msg("group %u has %llu, ideal %g", i,
					         (unsigned long long)given[i], ideal);
			}
		}
		assert_int_equal(oc_turns_next(&turns), -1);
		assert_memory_equal(want, given, n * sizeof *want);
	}
}

static void all_there_is(void **state)
{
	static const struct made made[] = {{0, OC_REAL, 0, 100, 20}, {1, OC_SYNTHETIC, 1, 70, 20}};
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	struct oc_mix *m = mix_open(a, "{}", &err);

	(void)state;
	add_all(m, made, 2);
	struct oc_row dead = {.fate = OC_HELD}, test = {.fate = OC_LIVE, .test = true};
	assert_int_equal(oc_mix_add(m, &dead, 1, &err), 0);
	assert_int_equal(oc_mix_add(m, &test, 1, &err), 0);
	assert_int_equal(oc_mix_plan(m, &err), 0);
	assert_int_equal(oc_mix_len(m), 170);
	assert_false(oc_mix_took(m, 170));
	check_items(m, 172, 1);
	assert_int_equal(oc_mix_founders(m).distinct, 100);
	/* Real rows 0..9 stand for themselves and 7 children each, 90 others for one. */
	double want = 170.0 * 170.0 / (10 * 8.0 * 8.0 + 90);
	assert_true(fabs(oc_mix_founders(m).effective - want) < 1e-9);
	oc_mix_close(m);
	oc_arena_free(a);
}

static void exact_shares_in_tokens(void **state)
{
	static const struct made made[] = {{0, OC_REAL, 0, 4000, 30},
	                                   {1, OC_SYNTHETIC, 1, 5000, 50},
	                                   {1, OC_SYNTHETIC, 2, 3000, 50},
	                                   {2, OC_UNKNOWN, 0, 2000, 40}};
	static const char *const yaml[] = {
		"{tokens: 60000, shares: {people: 0.5, sums: 0.3, web: 20%}}",
		"{tokens: 60000, shares: {real: 5, synthetic: 3, unknown: 2}}",
		"{tokens: 60000, shares: {people: 0.5, 'depth:1': 0.2, 'depth:2': 0.1}}",
		"{shares: {people: 0.5, sums: 0.3, web: 0.2}}",
	};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct oc_arena *a = oc_arena_new();
		struct oc_err err = {0};
		struct oc_mix *m = mix_open(a, yaml[i], &err);
		assert_non_null(m);
		add_all(m, made, 4);
		assert_int_equal(oc_mix_plan(m, &err), 0);
		double all = (double)taken(m, -1, true);
		if (i < 3)
			assert_true(fabs(all - 60000) <= 3 * 25);
		else
			assert_true(all > 100000);
		assert_true(fabs((double)taken(m, OC_REAL, true) - 0.5 * all) <= 50);
		assert_true(fabs((double)taken(m, OC_SYNTHETIC, true) - 0.3 * all) <= 50);
		assert_true(fabs((double)taken(m, OC_UNKNOWN, true) - 0.2 * all) <= 50);
		check_items(m, 14000, 1);
		struct oc_buf b = {0};
		oc_mix_table(m, &b);
		assert_true(oc_str_find(oc_buf_view(&b), OC_LIT("synthetic, depth 2")) >= 0);
		b.len = 0;
		oc_mix_json(m, &b);
		assert_non_null(oc_json_parse(a, oc_buf_view(&b), &err));
		oc_buf_fini(&b);
		oc_mix_close(m);
		oc_arena_free(a);
	}
}

/* The same rows, options and seed give the same mix; another seed another one. */
static void seeds(void **state)
{
	static const struct made made[] = {{0, OC_REAL, 0, 300, 9}, {1, OC_SYNTHETIC, 1, 300, 9}};
	uint64_t seen[3][100];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct oc_arena *a = oc_arena_new();
		struct oc_err err = {0};
		struct oc_mix *m =
			mix_open(a, i < 2 ? "{rows: 100}" : "{rows: 100, seed: 6}", &err);
		struct oc_mix_item item;
		add_all(m, made, 2);
		assert_int_equal(oc_mix_plan(m, &err), 0);
		assert_int_equal(oc_mix_len(m), 100);
		for (int k = 0; oc_mix_next(m, &item, &err) > 0; k++)
			seen[i][k] = item.number;
		oc_mix_close(m);
		oc_arena_free(a);
	}
	assert_memory_equal(seen[0], seen[1], sizeof seen[0]);
	assert_memory_not_equal(seen[0], seen[2], sizeof seen[0]);
}

struct wrong {
	const char *yaml;
	int code;
	const char *says;
};

static void shortages_and_mistakes(void **state)
{
	static const struct made made[] = {
		{0, OC_REAL, 0, 30, 1}, {1, OC_SYNTHETIC, 1, 100, 1}, {2, OC_UNKNOWN, 0, 50, 1}};
	static const struct wrong wrong[] = {
		{"{rows: 100, shares: {people: 0.5, sums: 0.5}}", OC_SHORTAGE,
	         "\"people\" needs 50 rows and 30 are there (each row at most 1 times): 20 are "
	         "missing. Add rows, raise `repeat` to 2, ask for at most 60 rows"},
		{"{rows: 1000}", OC_SHORTAGE, "needs 1000 rows and 180 are there"},
		{"{rows: 100, repeat: 2, shares: {people: 0.9}}", OC_SHORTAGE,
	         "raise `repeat` to 3"},
		{"{rows: 100, real_floor: 0.5}", OC_SHORTAGE, "needs 50 real rows and 30"},
		{"{min_founders: 31}", OC_SHORTAGE, "descends from 30 distinct real rows"},
		{"{rows: 3, tokens: 3}", OC_PLAN, "keep one"},
		{"{shares: {nobody: 1}}", OC_PLAN, "is no source"},
		{"{shares: {'depth:x': 1}}", OC_PLAN, "is no source"},
		{"{shares: {people: -1}}", OC_PLAN, "negative"},
		{"{shares: {people: many}}", OC_PLAN, "percentage"},
		{"{shares: {people: {mode: exact}}}", OC_PLAN, "lacks the key share"},
		{"{shares: {people: {share: 1, mod: exact}}}", OC_PLAN, "share and mode"},
		{"{shares: {people: 0}}", OC_PLAN, "all shares are 0"},
		{"{shares: {people: 0.2, sums: 0.1, web: 0.1}}", OC_PLAN, "add up to 0.4"},
		{"{repeats: 2}", OC_PLAN, "repeat"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct oc_arena *a = oc_arena_new();
		struct oc_err err = {0};
		struct oc_mix *m = mix_open(a, wrong[i].yaml, &err);
		if (m) {
			add_all(m, made, 3);
			assert_int_equal(oc_mix_plan(m, &err), -1);
		}
		if (err.code != wrong[i].code || !strstr(err.msg, wrong[i].says))
			fail_msg("%s: %s: %s", wrong[i].yaml, oc_err_name(err.code), err.msg);
		oc_mix_close(m);
		oc_arena_free(a);
	}
}

static void up_to_takes_what_there_is(void **state)
{
	static const struct made made[] = {{0, OC_REAL, 0, 30, 1}, {1, OC_SYNTHETIC, 1, 100, 1}};
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	struct oc_mix *m = mix_open(
		a, "{rows: 100, shares: {people: {share: 0.5, mode: up_to}, sums: 0.5}}", &err);

	(void)state;
	add_all(m, made, 2);
	assert_int_equal(oc_mix_plan(m, &err), 0);
	assert_int_equal(taken(m, OC_REAL, false), 30);
	assert_int_equal(taken(m, OC_SYNTHETIC, false), 50);
	oc_mix_close(m);

	m = mix_open(a, "{rows: 100, repeat: 3, shares: {people: 0.5, sums: 0.5}}", &err);
	add_all(m, made, 2);
	assert_int_equal(oc_mix_plan(m, &err), 0);
	uint32_t n;
	const struct oc_mix_group *g = oc_mix_groups(m, &n);
	assert_true(g[0].taken == 50 && g[0].used == 30);
	check_items(m, 130, 3);
	oc_mix_close(m);

	m = mix_open(a, "{depth_cap: 0}", &err);
	add_all(m, made, 2);
	assert_int_equal(oc_mix_plan(m, &err), 0);
	assert_int_equal(oc_mix_len(m), 30);
	oc_mix_close(m);
	oc_arena_free(a);
}

/* The floor holds to the last token, whatever the rows' sizes. */
static void real_floor(void **state)
{
	static const char *const yaml[] = {
		"{real_floor: 0.6}", "{tokens: 3000, real_floor: 0.6}",
		"{tokens: 3000, real_floor: 0.35, shares: {people: 0.2, synthetic: 0.3}}",
		"{tokens: 90000, real_floor: 0.6, mode: up_to}"};

	(void)state;
	for (int i = 0; i < 4; i++)
		for (uint32_t size = 1; size < 60; size += 7) {
			struct made made[] = {{0, OC_REAL, 0, 400, size},
			                      {2, OC_REAL, 0, 50, size},
			                      {1, OC_SYNTHETIC, 1, 900, size},
			                      {2, OC_UNKNOWN, 0, 500, 70}};
			struct oc_arena *a = oc_arena_new();
			struct oc_err err = {0};
			struct oc_mix *m = mix_open(a, yaml[i], &err);
			add_all(m, made, 4);
			if (oc_mix_plan(m, &err)) {
				assert_int_equal(err.code, OC_SHORTAGE); /* small rows */
			} else {
				double floor = i == 2 ? 0.35 : 0.6;
				assert_true((double)taken(m, OC_REAL, true) >=
				            floor * (double)taken(m, -1, true));
				if (i == 0) /* nothing was promised: all real rows stay */
					assert_int_equal(taken(m, OC_REAL, false), 450);
				check_items(m, 1850, 1);
			}
			oc_mix_close(m);
			oc_arena_free(a);
		}
}

/* On disk in many pieces or in memory: the same mix, founders and all; and round after round of
 * few rows ends as near its target as whole rows allow. */
static void memory_changes_nothing(void **state)
{
	static const struct made made[] = {{0, OC_REAL, 0, 9000, 90},
	                                   {1, OC_SYNTHETIC, 1, 8000, 50},
	                                   {1, OC_SYNTHETIC, 2, 40, 700},
	                                   {2, OC_UNKNOWN, 0, 7, 30}};
	static const char *const yaml[] = {
		"{}",
		"{tokens: 300000, shares: {real: 0.7, 'depth:1': 0.2, 'depth:2': 0.1}, repeat: 9}",
		"{tokens: 10000, shares: {web: 0.1, sums: 0.9}, repeat: 31}",
		"{rows: 20000, shares: {sums: 2, people: 5}, repeat: 3}",
	};
	const uint64_t memory = env.memory;

	(void)state;
	for (size_t i = 0; i < sizeof yaml / sizeof yaml[0]; i++) {
		struct oc_mix *m[2];
		struct oc_arena *a = oc_arena_new();
		struct oc_err err = {0};
		struct oc_mix_item item[2];
		int more;
		for (int k = 0; k < 2; k++) {
			env.memory = k ? memory : 1 << 16;
			m[k] = mix_open(a, yaml[i], &err);
			add_all(m[k], made, 4);
			assert_int_equal(oc_mix_plan(m[k], &err), 0);
		}
		while ((more = oc_mix_next(m[0], &item[0], &err)) > 0) {
			assert_int_equal(oc_mix_next(m[1], &item[1], &err), 1);
			assert_int_equal(item[0].number, item[1].number);
			assert_int_equal(item[0].repeat, item[1].repeat);
		}
		assert_int_equal(more, 0);
		assert_int_equal(oc_mix_next(m[1], &item[1], &err), 0);
		struct oc_mix_founders x = oc_mix_founders(m[0]), y = oc_mix_founders(m[1]);
		assert_true(x.distinct == y.distinct && x.effective == y.effective);
		check_items(m[0], 17047, 31);
		uint32_t n;
		const struct oc_mix_group *g = oc_mix_groups(m[0], &n);
		for (uint32_t k = 0; k < n && i == 2; k++)
			if (g[k].quota)
				assert_true(llabs((long long)(g[k].quota - g[k].taken_tokens)) <=
				            350 * 2);
		oc_mix_close(m[0]);
		oc_mix_close(m[1]);
		oc_arena_free(a);
	}
	env.memory = memory;
}

static int make_room(void **state)
{
	static char dir[] = "/tmp/outcross-mix-XXXXXX";

	*state = mkdtemp(dir);
	env.ctx = oc_ctx_new(1, 0);
	env.work_dir = dir;
	env.memory = 1 << 20;
	return *state ? 0 : -1;
}

static int clear_room(void **state)
{
	oc_ctx_free(env.ctx);
	return rmdir(*state); /* empty: nothing is left behind */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(largest_remainder),
		cmocka_unit_test(interleaving),
		cmocka_unit_test(all_there_is),
		cmocka_unit_test(exact_shares_in_tokens),
		cmocka_unit_test(seeds),
		cmocka_unit_test(shortages_and_mistakes),
		cmocka_unit_test(up_to_takes_what_there_is),
		cmocka_unit_test(real_floor),
		cmocka_unit_test(memory_changes_nothing),
	};
	return cmocka_run_group_tests(tests, make_room, clear_room);
}
