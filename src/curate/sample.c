/*
 * sample: so many rows of the whole or of each group, drawn, or the first, or those of the highest
 * score.
 *
 * A weighted draw without replacement takes the rows with the smallest E / weight, E exponential
 * with mean 1 (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", Information
 * Processing Letters 97, 2006, in the form of exponential clocks). The draw of a row depends on the
 * seed and its number only.
 *
 * observe: (group, rank, number) of every row. resolve: one external sort; of each group, the last
 * record that fits the quota is its cut. apply: a row stays when it does not stand behind the cut
 * of its group. Memory: the sort's buffer; 64 bytes and its name a group.
 */
#include <endian.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "curate/measure_of.h"
#include "pipe/spill.h"

#define GROUP_BYTES 128 /* a cut, as its table grows, and a name */

enum take { RANDOM, FIRST, HIGHEST, LOWEST };

struct record { /* big end first: sorted by bytes */
	uint64_t group, rank, number;
};

struct quota {
	uint64_t group, n;
};

struct cut {
	uint64_t group, rank, number; /* the last row that stays */
	uint64_t rows, want, taken;
	struct oc_str name;
};

struct sample {
	char *name;
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_rng rng;
	struct oc_str by, weight, score;
	enum take take;
	double share; /* NaN: not given */
	uint64_t n;   /* UINT64_MAX: not given */
	bool exact;
	struct quota *quotas; /* (quota_n) sorted by group; rows of other groups: n or share */
	size_t quota_n;
	struct cut *cuts; /* (cut_n) sorted by group */
	size_t cut_n, cut_cap;
};

static const struct oc_option options[] = {
	{.key = "n",
         .type = OC_OPT_INT,
         .min = 0,
         .max = 1e15,
         .unit = "rows",
         .help = "Rows to keep, of each group when `by` is given."},
	{.key = "share",
         .type = OC_OPT_NUM,
         .min = 0,
         .max = 1,
         .help = "Share of the rows to keep, of each group when `by` is given; rounded to the "
                 "nearest row."},
	{.key = "by",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The field whose values are the groups; empty = all rows are one group."},
	{.key = "quotas",
         .type = OC_OPT_MAP,
         .help = "Rows to keep of single values of `by` (value: rows); other values follow `n` or "
                 "`share`, or stay whole."},
	{.key = "take",
         .type = OC_OPT_ENUM,
         .def = "random",
         .choices = "random|first|highest|lowest",
         .help = "Which rows: drawn, the first in priority order, or by `score`."},
	{.key = "weight",
         .type = OC_OPT_STR,
         .def = "\"\"",
         .help = "For random: a member with a weight, or STAGE/RULE. A row without a positive "
                 "weight is never drawn; empty = all weigh the same."},
	{.key = "score",
         .type = OC_OPT_STR,
         .def = "\"\"",
         .help = "For highest and lowest: a member with a number, or STAGE/RULE, a score that a "
                 "stage before gave. A row without one comes last."},
	{.key = "fill",
         .type = OC_OPT_ENUM,
         .def = "up_to",
         .choices = "up_to|exact",
         .help = "A group with fewer rows than asked for: take what is there, or stop."},
	{0},
};

static void close_sample(void *self)
{
	struct sample *s = self;

	if (!s)
		return;
	oc_arena_free(s->arena);
	free(s->quotas);
	free(s->cuts);
	free(s->name);
	free(s);
}

static uint64_t group_of(struct oc_str value)
{
	return oc_hash64(value.p, value.len, 0);
}

static int by_group(const void *a, const void *b)
{
	const struct quota *x = a, *y = b;
	return (x->group > y->group) - (x->group < y->group);
}

static int read_quotas(struct sample *s, yyjson_val *map, struct oc_err *err)
{
	yyjson_val *key, *value;
	size_t i, n = yyjson_obj_size(map);

	if (!n)
		return 0;
	if (!s->by.len)
		return oc_fail(err, OC_PLAN, s->name,
		               "`quotas` are for the values of a field: say which with `by`");
	s->quotas = oc_alloc(n * sizeof *s->quotas);
	yyjson_obj_foreach(map, i, n, key, value)
	{
		struct oc_str name = oc_json_str(key);
		if (!yyjson_is_uint(value))
			return oc_fail(err, OC_PLAN, s->name,
			               "the quota of `%.*s` must be a whole number of rows",
			               OC_ARG(name));
		s->quotas[s->quota_n++] = (struct quota){group_of(name), yyjson_get_uint(value)};
	}
	qsort(s->quotas, s->quota_n, sizeof *s->quotas, by_group);
	return 0;
}

/* What cannot go together. */
static int check(struct sample *s, yyjson_val *opts, struct oc_err *err)
{
	if (s->n != UINT64_MAX && !isnan(s->share))
		return oc_fail(err, OC_PLAN, s->name, "give `n` or `share`, not both");
	if (s->weight.len && s->take != RANDOM)
		return oc_fail(err, OC_PLAN, s->name, "`weight` is for `take: random`");
	if (s->score.len ? s->take != HIGHEST && s->take != LOWEST
	                 : s->take == HIGHEST || s->take == LOWEST)
		return oc_fail(err, OC_PLAN, s->name,
		               "`score` goes with `take: highest` or `take: lowest`");
	if (read_quotas(s, oc_json_get(opts, "quotas"), err))
		return -1;
	if (s->n == UINT64_MAX && isnan(s->share) && !s->quota_n)
		return oc_fail(err, OC_PLAN, s->name,
		               "say how many rows stay: `n`, `share` or `quotas`");
	return 0;
}

static int open_sample(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	static const char *const takes[] = {"random", "first", "highest", "lowest"};
	struct sample *s = oc_zalloc(1, sizeof *s);
	struct oc_buf stream = {0};

	s->name = oc_strdup(env->name);
	s->ctx = env->ctx;
	s->arena = oc_arena_new();
	s->by = oc_arena_str(s->arena, oc_json_get_str(opts, "by"));
	s->weight = oc_arena_str(s->arena, oc_json_get_str(opts, "weight"));
	s->score = oc_arena_str(s->arena, oc_json_get_str(opts, "score"));
	while (!oc_str_is(oc_json_get_str(opts, "take"), takes[s->take]))
		s->take++;
	s->share = oc_json_get_num(opts, "share", NAN);
	s->n = oc_json_get(opts, "n") ? (uint64_t)oc_json_get_int(opts, "n", 0) : UINT64_MAX;
	s->exact = oc_str_is(oc_json_get_str(opts, "fill"), "exact");
	oc_buf_printf(&stream, "sample/%s", env->name);
	oc_rng_init(&s->rng, env->seed, oc_buf_cstr(&stream));
	oc_buf_fini(&stream);
	if (check(s, opts, err)) {
		close_sample(s);
		return -1;
	}
	*self = s;
	return 0;
}

/* ---------------------------------------------------------------- observing */

/* Never drawn, whatever the quota: no positive weight. */
#define NEVER UINT64_MAX

static uint64_t rank_of(const struct sample *s, const struct oc_row *row, double *measure)
{
	struct oc_draws d;
	double weight = 1;

	*measure = (double)row->number;
	switch (s->take) {
	case FIRST: return row->number;
	case HIGHEST:
	case LOWEST:
		if (!oc_measure_of(row, s->score, measure))
			return NEVER - 1;
		return oc_measure_rank(s->take == HIGHEST ? -*measure : *measure);
	case RANDOM: break;
	}
	if (s->weight.len && (!oc_measure_of(row, s->weight, &weight) || !(weight > 0))) {
		*measure = 0;
		return NEVER;
	}
	oc_draws_init(&d, &s->rng, row->number);
	*measure = isinf(weight) ? 0 : -log1p(-oc_draw_unit(&d)) / weight;
	return oc_measure_rank(*measure);
}

static int observe(void *self, void *scratch, struct oc_row *row, struct oc_buf *out,
                   struct oc_err *err)
{
	const struct sample *s = self;
	struct oc_str group = {0};
	double measure;

	(void)scratch;
	(void)err;
	if (s->by.len)
		oc_row_field(row, s->by, &group);
	struct record r = {htobe64(group_of(group)), htobe64(rank_of(s, row, &measure)),
	                   htobe64(row->number)};
	oc_buf_add(&out[0], &r, sizeof r);
	oc_buf_add(&out[1], &group.len, sizeof group.len);
	oc_buf_str(&out[1], group);
	return 0;
}

/* ---------------------------------------------------------------- resolving */

static uint64_t wanted(const struct sample *s, uint64_t group, uint64_t rows)
{
	struct quota key = {.group = group};
	const struct quota *q =
		s->quota_n ? bsearch(&key, s->quotas, s->quota_n, sizeof key, by_group) : NULL;

	if (q)
		return q->n;
	if (s->n != UINT64_MAX)
		return s->n;
	return isnan(s->share) ? rows : (uint64_t)llround(s->share * (double)rows);
}

static struct cut *cut_of(const struct sample *s, uint64_t group)
{
	size_t low = 0, high = s->cut_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->cuts[middle].group < group)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->cut_n && s->cuts[low].group == group ? &s->cuts[low] : NULL;
}

/* The records of one group, in order. */
static void cut_add(struct sample *s, const struct record *r, uint64_t rows)
{
	struct cut c = {.group = be64toh(r->group), .rows = rows};

	c.want = wanted(s, c.group, rows);
	while (rows && be64toh(r[rows - 1].rank) == NEVER)
		rows--;
	c.taken = c.want < rows ? c.want : rows;
	if (c.taken) {
		c.rank = be64toh(r[c.taken - 1].rank);
		c.number = be64toh(r[c.taken - 1].number);
	}
	if (s->cut_n == s->cut_cap) {
		s->cut_cap = s->cut_cap ? 2 * s->cut_cap : 64;
		s->cuts = oc_realloc(s->cuts, s->cut_cap * sizeof *s->cuts);
	}
	s->cuts[s->cut_n++] = c;
}

static int sorted(struct sample *s, struct oc_spill *in, struct oc_spill *out, struct oc_err *err)
{
	struct oc_sort *sort = oc_sort_new(s->ctx, oc_spill_dir(in), sizeof(struct record),
	                                   sizeof(struct record), oc_spill_memory(in) / 2, err);
	struct oc_str seen;
	const void *part;
	size_t n;
	int rc = -1;

	if (!sort || oc_spill_map(in, 0, &seen, err) ||
	    oc_sort_add(sort, seen.p, seen.len / sizeof(struct record), err) ||
	    oc_sort_done(sort, err))
		goto out;
	do {
		if (oc_sort_next(sort, &part, &n, err) ||
		    oc_spill_add(out, 0, part, n * sizeof(struct record), err))
			goto out;
	} while (n);
	rc = 0;
out:
	oc_sort_free(sort);
	return rc;
}

/* The groups' names, from the first row of each. */
static int name_groups(struct sample *s, struct oc_spill *spill, struct oc_err *err)
{
	struct oc_str names;
	size_t len;

	if (oc_spill_map(spill, 1, &names, err))
		return -1;
	for (size_t at = 0; at < names.len; at += len) {
		memcpy(&len, names.p + at, sizeof len);
		at += sizeof len;
		struct oc_str name = {names.p + at, len};
		struct cut *c = cut_of(s, group_of(name));
		if (c && !c->name.len)
			c->name = oc_arena_str(s->arena, name);
	}
	return 0;
}

/* A group that is short, or asked for and not there. */
static int check_fill(const struct sample *s, struct oc_err *err)
{
	for (size_t i = 0; s->exact && i < s->cut_n; i++) {
		const struct cut *c = &s->cuts[i];
		if (c->taken < c->want)
			return oc_fail(
				err, OC_SHORTAGE, s->name,
				"%s%.*s%s has %llu rows that can be taken, and `fill: exact` "
				"asks for %llu",
				c->name.len ? "`" : "the whole", OC_ARG(c->name),
				c->name.len ? "`" : "", (unsigned long long)c->taken,
				(unsigned long long)c->want);
	}
	for (size_t i = 0; s->exact && i < s->quota_n; i++)
		if (s->quotas[i].n && !cut_of(s, s->quotas[i].group))
			return oc_fail(
				err, OC_SHORTAGE, s->name,
				"a value of `quotas` stands in no row, and `fill: exact` asks "
				"for %llu of it",
				(unsigned long long)s->quotas[i].n);
	return 0;
}

/* How many groups there are must be known before their cuts are held. */
static int groups_fit(const struct sample *s, const struct record *r, uint64_t n, uint64_t memory,
                      struct oc_err *err)
{
	uint64_t groups = n > 0;
	char what[96];

	for (uint64_t i = 1; i < n; i++)
		groups += r[i].group != r[i - 1].group;
	if (groups * GROUP_BYTES <= memory)
		return 0;
	snprintf(what, sizeof what, "%llu groups need", (unsigned long long)groups);
	return oc_fail_memory(err, s->name, what, groups * GROUP_BYTES, memory,
	                      ", or name a member with fewer values as `by:`");
}

static int resolve(void *self, struct oc_spill *spill, struct oc_err *err)
{
	struct sample *s = self;
	struct oc_spill *out = oc_spill_open(s->ctx, oc_spill_dir(spill), "sample.sorted", 1,
	                                     oc_spill_memory(spill) / 16, err);
	struct oc_str all;
	int rc = -1;

	s->cut_n = 0;
	if (!out || sorted(s, spill, out, err) || oc_spill_map(out, 0, &all, err))
		goto out;
	const struct record *r = (const void *)all.p;
	uint64_t n = all.len / sizeof *r, from = 0;
	if (groups_fit(s, r, n, oc_spill_memory(spill), err))
		goto out;
	for (uint64_t i = 1; i <= n; i++) {
		if (i < n && r[i].group == r[from].group)
			continue;
		cut_add(s, r + from, i - from);
		from = i;
	}
	rc = name_groups(s, spill, err) || check_fill(s, err) ? -1 : 0;
out:
	oc_spill_close(out);
	return rc;
}

/* ----------------------------------------------------------------- applying */

/* The measure of the last row that stays. */
static double limit(const struct sample *s, const struct cut *c)
{
	double value = oc_measure_of_rank(c->rank);

	return !c->taken ? NAN : s->take == HIGHEST ? -value : value;
}

static int apply(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct sample *s = self;
	struct oc_str group = {0};
	struct oc_buf evidence = {0};
	double measure;
	uint64_t rank = rank_of(s, row, &measure);

	(void)scratch;
	(void)err;
	if (s->by.len)
		oc_row_field(row, s->by, &group);
	const struct cut *c = cut_of(s, group_of(group));
	if (!c || (c->taken && (rank < c->rank || (rank == c->rank && row->number <= c->number))))
		return 0;
	oc_buf_puts(&evidence, "{\"group\":");
	oc_buf_json(&evidence, group);
	oc_buf_printf(&evidence, ",\"rows\":%llu,\"wanted\":%llu}", (unsigned long long)c->rows,
	              (unsigned long long)c->want);
	/* the key of a draw and a place in the order say nothing about the row: no scores */
	if (rank < NEVER - 1 && (s->take == HIGHEST || s->take == LOWEST))
		oc_row_score(row, s->name, "over_quota", OC_DROP, measure, limit(s, c),
		             oc_buf_view(&evidence));
	else
		oc_row_verdict(row, s->name, rank == NEVER ? "no_weight" : "over_quota", OC_DROP,
		               oc_buf_view(&evidence));
	row->fate = OC_REJECTED;
	oc_buf_fini(&evidence);
	return 0;
}

extern const struct oc_stage_def oc_stage_sample;
const struct oc_stage_def oc_stage_sample = {
	.size = sizeof(struct oc_stage_def),
	.name = "sample",
	.help = "keep so many rows, of the whole or of each group: drawn, first, or best",
	.doc = "`n`, `share` or `quotas` say how many rows stay; `by` makes them hold for "
	       "each value of a field. `take: random` draws without replacement, by `weight` "
	       "if one is given; `highest` and `lowest` take by `score`, a member of the row "
	       "or STAGE/RULE, the score a stage before gave it. `{by: lang, quotas: {en: "
	       "1000, de: 500}}` keeps 1,000 English rows, 500 German ones and all others. "
	       "The same rows for the same seed, at any thread count. Rejects as "
	       "`over_quota` (and `no_weight`); the evidence names the group, its rows and "
	       "its quota.\n\n"
	       "Cost: one sort on disk within `memory:`, 64 bytes a group in memory. Source: "
	       "Efraimidis and Spirakis 2006 (draws by weight).",
	.kind = OC_STAGE_WHOLE,
	.options = options,
	.holds = OC_HOLDS_ALL,
	.held = "about 128 bytes a group; ranks are sorted on disk",
	.open = open_sample,
	.close = close_sample,
	.stream_n = 2,
	.observe = observe,
	.resolve = resolve,
	.apply = apply,
};
