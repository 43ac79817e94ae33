#include "mix/mix.h"

#include <endian.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "mix/state.h"

const struct oc_option oc_mix_options[] = {
	{.key = "tokens",
         .type = OC_OPT_INT,
         .help = "How many tokens the mix has; without it and `rows`, all there is.",
         .unit = "tokens",
         .min = 1,
         .max = 9e15},
	{.key = "rows",
         .type = OC_OPT_INT,
         .help = "How many rows the mix has, instead of tokens.",
         .unit = "rows",
         .min = 1,
         .max = 9e15},
	{.key = "shares",
         .type = OC_OPT_MAP,
         .help = "Share of the total by source, by origin (real, synthetic, unknown) or by depth "
                 "(depth:1): a number, 30%, or {share: 0.3, mode: up_to}. Numbers that add up to "
                 "more than 1 are weights; what is left below 1 is for all other rows."},
	{.key = "mode",
         .type = OC_OPT_ENUM,
         .def = "exact",
         .choices = "exact|up_to",
         .help = "exact: a share that cannot be filled ends the run; up_to: what there is."},
	{.key = "repeat",
         .type = OC_OPT_INT,
         .def = "1",
         .help = "How often one row may stand in the mix.",
         .unit = "times",
         .min = 1,
         .max = 1000},
	{.key = "real_floor",
         .type = OC_OPT_NUM,
         .def = "0",
         .help = "Smallest share of rows of origin real; unknown does not count as real.",
         .min = 0,
         .max = 1},
	{.key = "depth_cap",
         .type = OC_OPT_INT,
         .help = "Rows more model generations away from real ones than this are left out.",
         .min = 0,
         .max = 1e9},
	{.key = "min_founders",
         .type = OC_OPT_INT,
         .def = "0",
         .help = "Smallest number of distinct real rows the mix must descend from.",
         .unit = "rows",
         .min = 0,
         .max = 9e15},
	{.key = "seed",
         .type = OC_OPT_INT,
         .help = "Of the shuffling; without it, the run's.",
         .min = 0,
         .max = 9e15},
	{.key = NULL},
};

void oc_largest_remainder(uint64_t total, const double *weights, uint32_t n, uint64_t *out)
{
	double sum = 0;
	uint64_t left = total;
	double *rest = oc_zalloc(n, sizeof *rest);

	for (uint32_t i = 0; i < n; i++)
		sum += weights[i];
	for (uint32_t i = 0; i < n; i++) {
		double exact = sum > 0 ? (double)total * (weights[i] / sum) : 0;
		out[i] = (uint64_t)exact;
		if (out[i] > left)
			out[i] = left;
		left -= out[i];
		rest[i] = weights[i] > 0 ? exact - (double)out[i] : -1;
	}
	while (left && sum > 0) {
		uint32_t best = 0;
		for (uint32_t i = 1; i < n; i++)
			if (rest[i] > rest[best])
				best = i;
		out[best]++;
		rest[best] -= 1;
		left--;
	}
	free(rest);
}

int oc_mix_open(struct oc_mix **out, yyjson_val *opts, const struct oc_str *sources,
                uint32_t source_n, const struct oc_env *env, struct oc_err *err)
{
	struct oc_mix *m = oc_zalloc(1, sizeof *m);
	int64_t tokens = oc_json_get_int(opts, "tokens", 0),
		rows = oc_json_get_int(opts, "rows", 0);

	m->ctx = env->ctx;
	m->memory = env->memory;
	m->arena = oc_arena_new();
	m->sources = oc_arena_alloc(m->arena, (source_n + 1) * sizeof *m->sources);
	for (uint32_t i = 0; i < source_n; i++)
		m->sources[i] = oc_arena_str(m->arena, sources[i]);
	m->source_n = source_n;
	m->by_rows = rows > 0;
	m->total = (uint64_t)(rows ? rows : tokens);
	m->repeat = (uint64_t)oc_json_get_int(opts, "repeat", 1);
	m->real_floor = oc_json_get_num(opts, "real_floor", 0);
	m->depth_cap = (uint64_t)oc_json_get_int(opts, "depth_cap", INT64_MAX);
	m->min_founders = (uint64_t)oc_json_get_int(opts, "min_founders", 0);
	m->seed = (uint64_t)oc_json_get_int(opts, "seed", (int64_t)env->seed);
	oc_rng_init(&m->rng, m->seed, "mix");
	if (rows && tokens) {
		oc_fail(err, OC_PLAN, "mix", "has both `tokens` and `rows`: keep one");
		goto fail;
	}
	bool up_to = oc_str_is(oc_json_get_str(opts, "mode"), "up_to");
	if (oc_shares_read(m->arena, oc_json_get(opts, "shares"), up_to, m->sources, source_n,
	                   &m->shares, &m->share_n, err))
		goto fail;
	m->disk = oc_spill_open(m->ctx, env->work_dir, "mix", OC_MIX_STREAMS, m->memory / 2, err);
	m->draw = oc_sort_new(m->ctx, env->work_dir, sizeof(struct oc_mix_drawn),
	                      offsetof(struct oc_mix_drawn, tokens), m->memory / 2, err);
	if (!m->disk || !m->draw)
		goto fail;
	*out = m;
	return 0;
fail:
	oc_mix_close(m);
	return -1;
}

void oc_mix_close(struct oc_mix *m)
{
	if (!m)
		return;
	for (uint32_t g = 0; m->windows && g < m->group_n; g++)
		free(m->windows[g].places);
	free(m->windows);
	oc_sort_free(m->draw);
	oc_spill_close(m->disk);
	oc_arena_free(m->arena);
	free(m->groups);
	free(m->group_share);
	free(m->group_source);
	free(m->group_most);
	free(m->took);
	free(m->first);
	free(m->want);
	free(m->given);
	free(m);
}

/* ------------------------------------------------------------------ adding */

static uint32_t group_of(struct oc_mix *m, const struct oc_pedigree *p)
{
	for (uint32_t k = 0; k < m->group_n; k++) {
		uint32_t i = (m->last_group + k) % m->group_n;
		const struct oc_mix_group *g = &m->groups[i];
		if (m->group_source[i] == p->source && g->origin == p->origin &&
		    (g->depth == p->depth || p->origin != OC_SYNTHETIC))
			return m->last_group = i;
	}
	if (m->group_n == m->group_cap) {
		m->group_cap = m->group_cap ? m->group_cap * 2 : 16;
		m->groups = oc_realloc(m->groups, m->group_cap * sizeof *m->groups);
		m->group_share = oc_realloc(m->group_share, m->group_cap * sizeof(uint32_t));
		m->group_source = oc_realloc(m->group_source, m->group_cap * sizeof(uint32_t));
		m->group_most = oc_realloc(m->group_most, m->group_cap * sizeof(uint32_t));
	}
	uint32_t i = m->group_n++;
	uint32_t depth = p->origin == OC_SYNTHETIC ? p->depth : 0;
	m->group_source[i] = p->source;
	m->group_most[i] = 0;
	m->group_share[i] = oc_share_find(m->shares, m->share_n, p->source, p->origin, depth);
	m->groups[i] = (struct oc_mix_group){
		.source = p->source < m->source_n ? m->sources[p->source] : (struct oc_str){"", 0},
		.origin = p->origin,
		.depth = depth,
		.share = m->shares[m->group_share[i]].name,
		.too_deep = p->origin == OC_SYNTHETIC && depth > m->depth_cap};
	return m->last_group = i;
}

static int add_founder(struct oc_mix *m, struct oc_str key, struct oc_err *err)
{
	uint64_t hash = oc_hash64(key.p, key.len, 0);

	return oc_spill_add(m->disk, OC_MIX_FOUNDERS, &hash, sizeof hash, err);
}

static int add_founders(struct oc_mix *m, const struct oc_pedigree *p, uint32_t *n,
                        struct oc_err *err)
{
	*n = p->founder_n;
	for (uint32_t i = 0; i < p->founder_n; i++)
		if (add_founder(m, p->founders[i], err))
			return -1;
	if (p->founder_n || p->origin != OC_REAL)
		return 0;
	*n = 1;
	return add_founder(m, p->key, err);
}

/* Its place in the shuffle of its group. */
static int add_drawn(struct oc_mix *m, const struct oc_pedigree *p, uint32_t group, uint32_t tokens,
                     struct oc_err *err)
{
	struct oc_draws draws;

	oc_draws_init(&draws, &m->rng, oc_hash64(p->key.p, p->key.len, 0));
	uint32_t high = oc_draw_u32(&draws), low = oc_draw_u32(&draws);
	struct oc_mix_drawn drawn = {.group = htobe32(group),
	                             .rank = {htobe32(high), htobe32(low)},
	                             .tokens = tokens,
	                             .number = m->row_n};
	return oc_sort_add(m->draw, &drawn, 1, err);
}

int oc_mix_add(struct oc_mix *m, const struct oc_row *row, uint64_t tokens, struct oc_err *err)
{
	const struct oc_pedigree *p = &row->ped;
	struct oc_mix_row entry = {.group = OC_MIX_NO_GROUP};

	if (row->fate == OC_LIVE && !row->test) {
		if (!tokens) {
			tokens = (row->raw.len + 3) / 4;
			m->estimated = true;
		}
		if (!tokens || tokens > UINT32_MAX)
			return oc_fail(err, OC_INPUT, "mix", "row %.*s counts %llu tokens",
			               OC_ARG(p->key), (unsigned long long)tokens);
		uint32_t g = entry.group = group_of(m, p);
		m->groups[g].rows++;
		m->groups[g].tokens += tokens;
		if (tokens > m->group_most[g])
			m->group_most[g] = (uint32_t)tokens;
		if (add_founders(m, p, &entry.founder_n, err) ||
		    add_drawn(m, p, g, (uint32_t)tokens, err))
			return -1;
	}
	m->row_n++;
	return oc_spill_add(m->disk, OC_MIX_ROWS, &entry, sizeof entry, err);
}

/* ------------------------------------------------------------------ quotas */

uint64_t oc_mix_there(const struct oc_mix *m, const struct oc_mix_group *g)
{
	return g->too_deep ? 0 : m->by_rows ? g->rows : g->tokens;
}

static const char *unit(const struct oc_mix *m)
{
	return m->by_rows ? "rows" : "tokens";
}

/* Hands `quota` to the groups of a share that are real (or are not), by what is there. */
static void split(struct oc_mix *m, uint32_t share, bool real, uint64_t quota)
{
	double *weights = oc_zalloc(m->group_n, sizeof *weights);
	uint64_t *part = oc_zalloc(m->group_n, sizeof *part);

	for (uint32_t i = 0; i < m->group_n; i++)
		if (m->group_share[i] == share && (m->groups[i].origin == OC_REAL) == real)
			weights[i] = (double)oc_mix_there(m, &m->groups[i]);
	oc_largest_remainder(quota, weights, m->group_n, part);
	for (uint32_t i = 0; i < m->group_n; i++)
		if (weights[i] > 0)
			m->groups[i].quota = part[i];
	free(weights);
	free(part);
}

static void count_shares(struct oc_mix *m)
{
	for (uint32_t i = 0; i < m->group_n; i++) {
		struct oc_share *s = &m->shares[m->group_share[i]];
		uint64_t n = oc_mix_there(m, &m->groups[i]);
		s->there += n;
		if (m->groups[i].origin == OC_REAL)
			s->real_there += n;
	}
}

/* The largest total whose exact shares can all be filled; everything when nothing is exact. */
static uint64_t reachable(const struct oc_mix *m)
{
	double most = INFINITY, all = 0;

	for (uint32_t i = 0; i < m->share_n; i++) {
		const struct oc_share *s = &m->shares[i];
		all += s->part > 0 ? (double)s->there : 0;
		if (!s->up_to && s->part > 0 && m->share_n > 1)
			most = fmin(most, (double)(s->there * m->repeat) / s->part);
	}
	return (uint64_t)(isfinite(most) ? most : all);
}

static int shortage(const struct oc_mix *m, const struct oc_share *s, struct oc_err *err)
{
	unsigned long long have = s->there * m->repeat;
	char again[64] = "";

	if (s->there && m->total)
		snprintf(again, sizeof again, "raise `repeat` to %llu, ",
		         (unsigned long long)((s->quota + s->there - 1) / s->there));
	return oc_fail(err, OC_SHORTAGE, "mix",
	               "the share \"%s\" needs %llu %s and %llu are there (each row at most %llu "
	               "times): %llu are missing. Add rows, %sask for at most %llu %s, or write "
	               "`mode: up_to`. Nothing was written.",
	               s->name[0] ? s->name : "all other rows", (unsigned long long)s->quota,
	               unit(m), have, (unsigned long long)m->repeat,
	               (unsigned long long)s->quota - have, again,
	               (unsigned long long)(m->share_n > 1 ? reachable(m)
	                                                   : m->shares[0].there * m->repeat),
	               unit(m));
}

/*
 * The real floor. Inside a share real rows may take the place of others; when that is not enough,
 * others are left out, unless a total or a share was promised.
 */
static int raise_real(struct oc_mix *m, struct oc_err *err)
{
	uint64_t real = 0, total = 0;
	bool promised = false;

	for (uint32_t i = 0; i < m->share_n; i++) {
		struct oc_share *s = &m->shares[i];
		total += s->quota;
		real += s->real_quota;
		promised |= !s->up_to && s->part > 0 && (m->total || m->share_n > 1);
	}
	uint64_t floor = (uint64_t)ceil(m->real_floor * (double)total - 1e-9);
	for (uint32_t i = 0; i < m->share_n && real < floor; i++) {
		struct oc_share *s = &m->shares[i];
		uint64_t room = s->real_there * m->repeat - s->real_quota;
		uint64_t swap = s->quota - s->real_quota < room ? s->quota - s->real_quota : room;
		if (swap > floor - real)
			swap = floor - real;
		s->real_quota += swap;
		real += swap;
	}
	if (real >= floor)
		return 0;
	if (promised)
		return oc_fail(err, OC_SHORTAGE, "mix",
		               "the real floor of %g needs %llu %s and %llu can be "
		               "had: %llu are missing. Add real rows, raise `repeat`, lower "
		               "`real_floor`, or write `mode: up_to`. Nothing was written.",
		               m->real_floor, (unsigned long long)floor,
		               m->by_rows ? "real rows" : "tokens of real rows",
		               (unsigned long long)real, (unsigned long long)(floor - real));

	uint64_t others = (uint64_t)((double)real * (1 - m->real_floor) / m->real_floor + 1e-9);
	double *weights = oc_zalloc(m->share_n, sizeof *weights);
	uint64_t *part = oc_zalloc(m->share_n, sizeof *part);
	for (uint32_t i = 0; i < m->share_n; i++)
		weights[i] = (double)(m->shares[i].quota - m->shares[i].real_quota);
	oc_largest_remainder(others, weights, m->share_n, part);
	for (uint32_t i = 0; i < m->share_n; i++)
		m->shares[i].quota = m->shares[i].real_quota + part[i];
	free(weights);
	free(part);
	return 0;
}

static int set_quotas(struct oc_mix *m, struct oc_err *err)
{
	double *parts = oc_zalloc(m->share_n, sizeof *parts);
	uint64_t *quotas = oc_zalloc(m->share_n, sizeof *quotas);
	int rc = -1;

	count_shares(m);
	struct oc_share *rest = &m->shares[m->share_n - 1];
	if (!rest->there && m->share_n > 1 && rest->part > 0 && !rest->up_to) {
		oc_fail(err, OC_PLAN, "mix",
		        "the shares add up to %g and there are no other rows for the rest: make "
		        "them add up to 1, or use weights such as 3 and 1",
		        1 - rest->part);
		goto out;
	}
	for (uint32_t i = 0; i < m->share_n; i++) {
		const struct oc_share *s = &m->shares[i];
		parts[i] = s->part;
		if (m->row_n && !m->total && s != rest && s->part > 0 && !s->up_to && !s->there) {
			oc_fail(err, OC_SHORTAGE, "mix",
			        "the share \"%s\" is exactly %g of the mix and there are no such "
			        "rows: add some, take the share out, or write `mode: up_to`. "
			        "Nothing was written.",
			        s->name, s->part);
			goto out;
		}
	}
	oc_largest_remainder(m->total ? m->total : reachable(m), parts, m->share_n, quotas);
	for (uint32_t i = 0; i < m->share_n; i++)
		m->shares[i].asked = quotas[i];
	for (uint32_t i = 0; i < m->share_n; i++) {
		struct oc_share *s = &m->shares[i];
		uint64_t most = s->there * m->repeat;
		s->quota = quotas[i];
		if (s->quota > most && m->total && !s->up_to) {
			shortage(m, s, err);
			goto out;
		}
		s->quota = s->quota < most ? s->quota : most;
		s->real_quota = 0;
		if (s->there) {
			double both[2] = {(double)s->real_there,
			                  (double)(s->there - s->real_there)};
			uint64_t two[2];
			oc_largest_remainder(s->quota, both, 2, two);
			s->real_quota = two[0];
		}
	}
	if (raise_real(m, err))
		goto out;
	for (uint32_t i = 0; i < m->share_n; i++) {
		split(m, i, true, m->shares[i].real_quota);
		split(m, i, false, m->shares[i].quota - m->shares[i].real_quota);
	}
	rc = 0;
out:
	free(parts);
	free(quotas);
	return rc;
}

int oc_mix_plan(struct oc_mix *m, struct oc_err *err)
{
	if (set_quotas(m, err) || oc_mix_draw(m, err))
		return -1;
	if (m->facts.distinct < m->min_founders)
		return oc_fail(err, OC_SHORTAGE, "mix",
		               "the mix descends from %llu distinct real rows (effectively %.1f), "
		               "and min_founders asks for %llu. Add real rows, or lower "
		               "`min_founders`. Nothing was written.",
		               (unsigned long long)m->facts.distinct, m->facts.effective,
		               (unsigned long long)m->min_founders);
	return 0;
}

/* ----------------------------------------------------------------- reading */

const struct oc_mix_group *oc_mix_groups(const struct oc_mix *m, uint32_t *n)
{
	*n = m->group_n;
	return m->groups;
}

struct oc_mix_founders oc_mix_founders(const struct oc_mix *m)
{
	return m->facts;
}

uint64_t oc_mix_len(const struct oc_mix *m)
{
	return m->turns.total;
}

static uint64_t sum_tokens(const struct oc_mix *m)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < m->group_n; i++)
		n += m->groups[i].taken_tokens;
	return n;
}

/* What was taken, in the unit of the mix. */
static uint64_t taken(const struct oc_mix *m, const struct oc_mix_group *g)
{
	return m->by_rows ? g->taken : g->taken_tokens;
}

static uint64_t taken_of_share(const struct oc_mix *m, uint32_t share)
{
	uint64_t n = 0;

	for (uint32_t g = 0; g < m->group_n; g++)
		n += m->group_share[g] == share ? taken(m, &m->groups[g]) : 0;
	return n;
}

static const char *share_name(const struct oc_mix *m, const struct oc_share *s)
{
	return s->name[0] ? s->name : m->share_n > 1 ? "the rest" : "all rows";
}

static void put_share(const struct oc_mix *m, uint32_t i, struct oc_buf *out)
{
	const struct oc_share *s = &m->shares[i];
	uint64_t got = taken_of_share(m, i), off = got > s->asked ? got - s->asked : s->asked - got;

	oc_buf_printf(out, "%s%s: %s %llu %s, got %llu", s->name[0] ? "share " : "",
	              share_name(m, s), s->up_to ? "up to" : "exactly",
	              (unsigned long long)s->asked, unit(m), (unsigned long long)got);
	if (off)
		oc_buf_printf(out, " (%llu %s)", (unsigned long long)off,
		              got > s->asked ? "more" : "fewer");
	oc_buf_putc(out, '\n');
}

void oc_mix_table(const struct oc_mix *m, struct oc_buf *out)
{
	uint64_t tokens = sum_tokens(m), all = 0, real = 0;

	for (uint32_t i = 0; i < m->group_n; i++) {
		all += taken(m, &m->groups[i]);
		real += m->groups[i].origin == OC_REAL ? taken(m, &m->groups[i]) : 0;
	}
	oc_buf_printf(out, "%-20s %-18s %10s %12s %10s %12s %9s %14s\n", "source", "origin", "rows",
	              "tokens", "taken", "tokens", "repeated",
	              m->by_rows ? "share of rows" : "of tokens");
	for (uint32_t i = 0; i < m->group_n; i++) {
		const struct oc_mix_group *g = &m->groups[i];
		char origin[32];
		if (g->origin == OC_SYNTHETIC)
			snprintf(origin, sizeof origin, "synthetic, depth %u", g->depth);
		else
			snprintf(origin, sizeof origin, "%s", oc_origin_name(g->origin));
		oc_buf_printf(out, "%-20.*s %-18s %10llu %12llu %10llu %12llu %9llu %13.1f%%%s\n",
		              (int)(g->source.len < 20 ? g->source.len : 20), g->source.p, origin,
		              (unsigned long long)g->rows, (unsigned long long)g->tokens,
		              (unsigned long long)g->taken, (unsigned long long)g->taken_tokens,
		              (unsigned long long)(g->taken - g->used),
		              all ? 100.0 * (double)taken(m, g) / (double)all : 0.0,
		              g->too_deep ? "  beyond depth_cap" : "");
	}
	for (uint32_t i = 0; i < m->share_n; i++)
		if (m->shares[i].part > 0)
			put_share(m, i, out);
	oc_buf_printf(out,
	              "in all %llu rows, %llu tokens%s, %.1f%% of the %s real; %llu founders, "
	              "effectively %.1f\n",
	              (unsigned long long)m->turns.total, (unsigned long long)tokens,
	              m->estimated ? " (estimated: bytes / 4)" : "",
	              all ? 100.0 * (double)real / (double)all : 0.0, unit(m),
	              (unsigned long long)m->facts.distinct, m->facts.effective);
}

void oc_mix_json(const struct oc_mix *m, struct oc_buf *out)
{
	oc_buf_printf(out, "{\"unit\":\"%s\",\"rows\":%llu,\"tokens\":%llu,\"estimated\":%s,",
	              unit(m), (unsigned long long)m->turns.total,
	              (unsigned long long)sum_tokens(m), m->estimated ? "true" : "false");
	oc_buf_printf(out, "\"founders\":{\"distinct\":%llu,\"effective\":",
	              (unsigned long long)m->facts.distinct);
	oc_buf_double(out, m->facts.effective);
	oc_buf_puts(out, "},\"shares\":[");
	for (uint32_t i = 0, n = 0; i < m->share_n; i++) {
		const struct oc_share *s = &m->shares[i];
		if (!(s->part > 0))
			continue;
		oc_buf_puts(out, n++ ? ",{\"share\":" : "{\"share\":");
		oc_buf_json(out, oc_str(share_name(m, s)));
		oc_buf_printf(out, ",\"mode\":\"%s\",\"asked\":%llu,\"got\":%llu}",
		              s->up_to ? "up_to" : "exact", (unsigned long long)s->asked,
		              (unsigned long long)taken_of_share(m, i));
	}
	oc_buf_puts(out, "],\"groups\":[");
	for (uint32_t i = 0; i < m->group_n; i++) {
		const struct oc_mix_group *g = &m->groups[i];
		oc_buf_puts(out, i ? ",{\"source\":" : "{\"source\":");
		oc_buf_json(out, g->source);
		oc_buf_printf(out,
		              ",\"origin\":\"%s\",\"depth\":%u,\"rows\":%llu,\"tokens\":%llu,"
		              "\"quota\":%llu,\"used\":%llu,\"taken\":%llu,\"taken_tokens\":%llu}",
		              oc_origin_name(g->origin), g->depth, (unsigned long long)g->rows,
		              (unsigned long long)g->tokens, (unsigned long long)g->quota,
		              (unsigned long long)g->used, (unsigned long long)g->taken,
		              (unsigned long long)g->taken_tokens);
	}
	oc_buf_puts(out, "]}");
}
