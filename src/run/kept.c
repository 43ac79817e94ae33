#include "run/kept.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/json.h"

enum { RULES = 32, SHOWN = 4, LISTED = 100 };

/* The sum is kept in two integers: the order of addition then leaves no trace. */
struct sum {
	uint64_t n, beyond;
	int64_t whole;
	uint64_t part; /* of 2^32 */
	double most;
};

struct group {
	struct oc_str kind, value;
	uint64_t row_n;
	struct sum sums[RULES];
};

struct step {
	struct oc_str name;
	struct oc_str rules[RULES];
	unsigned rule_n;
	struct group *groups;
	unsigned group_n, group_cap;
};

struct oc_kept {
	pthread_mutex_t lock;
	struct oc_arena *arena;
	struct step *steps;
	unsigned step_n;
};

struct oc_kept *oc_kept_new(const char *const *steps, unsigned step_n)
{
	struct oc_kept *k = oc_zalloc(1, sizeof *k);

	pthread_mutex_init(&k->lock, NULL);
	k->arena = oc_arena_new();
	k->steps = oc_zalloc(step_n, sizeof *k->steps);
	k->step_n = step_n;
	for (unsigned i = 0; i < step_n; i++)
		k->steps[i].name = oc_arena_str(k->arena, oc_str(steps[i]));
	return k;
}

void oc_kept_free(struct oc_kept *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < k->step_n; i++)
		free(k->steps[i].groups);
	free(k->steps);
	oc_arena_free(k->arena);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* ------------------------------------------------------------------ counting */

static struct step *step_of(struct oc_kept *k, struct oc_str name)
{
	for (unsigned i = 0; i < k->step_n; i++)
		if (oc_str_eq(k->steps[i].name, name))
			return &k->steps[i];
	return NULL;
}

static unsigned rule_of(struct oc_kept *k, struct step *s, struct oc_str name)
{
	unsigned i = 0;

	while (i < s->rule_n && !oc_str_eq(s->rules[i], name))
		i++;
	if (i == s->rule_n && i < RULES)
		s->rules[s->rule_n++] = oc_arena_str(k->arena, name);
	return i;
}

static struct group *group_of(struct oc_kept *k, struct step *s, struct oc_str kind,
                              struct oc_str value)
{
	for (unsigned i = 0; i < s->group_n; i++)
		if (oc_str_eq(s->groups[i].kind, kind) && oc_str_eq(s->groups[i].value, value))
			return &s->groups[i];
	if (s->group_n == s->group_cap) {
		s->group_cap = s->group_cap ? 2 * s->group_cap : 8;
		s->groups = oc_realloc(s->groups, s->group_cap * sizeof *s->groups);
	}
	s->groups[s->group_n] =
		(struct group){.kind = kind, .value = oc_arena_str(k->arena, value)};
	return &s->groups[s->group_n++];
}

static void add(struct sum *s, const struct oc_verdict *v)
{
	double whole = floor(v->score);

	if (!s->n || v->score > s->most)
		s->most = v->score;
	s->n++;
	s->beyond += v->result != OC_KEEP;
	s->whole += (int64_t)whole;
	s->part += (uint64_t)((v->score - whole) * 0x1p32);
}

static bool is_scored(const struct oc_verdict *v)
{
	return v->has_score && isfinite(v->score) && fabs(v->score) < 1e15;
}

static void count(struct oc_kept *k, struct step *s, const struct oc_row *row, struct oc_str kind,
                  struct oc_str value)
{
	struct group *g = group_of(k, s, kind, value);

	g->row_n++;
	for (uint32_t i = 0; i < row->verdict_n; i++) {
		const struct oc_verdict *v = &row->verdicts[i];
		if (!is_scored(v) || !oc_str_eq(v->stage, s->name))
			continue;
		unsigned rule = rule_of(k, s, v->rule);
		if (rule < RULES)
			add(&g->sums[rule], v);
	}
}

void oc_kept_row(struct oc_kept *k, const struct oc_row *row)
{
	char depth[16];

	if (!k->step_n || !row->verdict_n)
		return;
	snprintf(depth, sizeof depth, "%u", row->ped.depth);
	const struct oc_str groups[][2] = {{{"all", 3}, {"", 0}},
	                                   {{"depth", 5}, oc_str(depth)},
	                                   {{"model", 5}, row->ped.model},
	                                   {{"recipe", 6}, row->ped.recipe}};
	pthread_mutex_lock(&k->lock);
	struct step *last = NULL;
	for (uint32_t i = 0; i < row->verdict_n; i++) {
		struct step *s =
			is_scored(&row->verdicts[i]) ? step_of(k, row->verdicts[i].stage) : NULL;
		if (!s || s == last)
			continue;
		last = s; /* a stage's verdicts on a row follow one another */
		for (unsigned g = 0; g < sizeof groups / sizeof *groups; g++)
			if (!g || groups[g][1].len)
				count(k, s, row, groups[g][0], groups[g][1]);
	}
	pthread_mutex_unlock(&k->lock);
}

/* ------------------------------------------------------------------ writing */

static int by_name(const void *a, const void *b)
{
	const struct group *const *x = a, *const *y = b;
	int order = oc_str_cmp((*x)->kind, (*y)->kind);

	if (order)
		return order;
	if ((*x)->value.len != (*y)->value.len && oc_str_is((*x)->kind, "depth"))
		return (*x)->value.len < (*y)->value.len ? -1 : 1;
	return oc_str_cmp((*x)->value, (*y)->value);
}

static int by_rule(const void *a, const void *b)
{
	const struct oc_str *const *x = a, *const *y = b;
	return oc_str_cmp(**x, **y);
}

static void column(struct oc_buf *out, struct oc_str rule, const char *what, const char *unit)
{
	struct oc_buf name = {0};

	oc_buf_printf(&name, "%.*s%s", OC_ARG(rule), what);
	oc_buf_puts(out, ",{\"name\":");
	oc_buf_json(out, oc_buf_view(&name));
	oc_buf_printf(out, ",\"unit\":\"%s\"}", unit);
	oc_buf_fini(&name);
}

static void sums(struct oc_buf *out, const struct sum *s)
{
	if (!s->n) {
		oc_buf_puts(out, ",null,null,null");
		return;
	}
	oc_buf_putc(out, ',');
	oc_buf_double(out, (double)s->beyond / (double)s->n);
	oc_buf_putc(out, ',');
	oc_buf_double(out, ((double)s->whole + (double)s->part * 0x1p-32) / (double)s->n);
	oc_buf_putc(out, ',');
	oc_buf_double(out, s->most);
}

void oc_kept_write(const struct oc_kept *k, const char *step, struct oc_buf *out)
{
	struct step *s = step_of((struct oc_kept *)(uintptr_t)k, oc_str(step));
	const struct oc_str *rules[RULES];
	unsigned shown;

	if (!s || !s->group_n)
		return;
	/* rows come from many threads: groups and rules are put in order here */
	for (unsigned i = 0; i < s->rule_n; i++)
		rules[i] = &s->rules[i];
	qsort(rules, s->rule_n, sizeof *rules, by_rule);
	shown = s->rule_n < SHOWN ? s->rule_n : SHOWN;
	const struct group **order = oc_alloc(s->group_n * sizeof(struct group *));
	for (unsigned i = 0; i < s->group_n; i++)
		order[i] = &s->groups[i];
	qsort(order, s->group_n, sizeof *order, by_name);
	oc_buf_puts(out, ",\"kept\":[{\"title\":\"The same scores over the rows that are kept "
	                 "(beyond: flagged or cut)\","
	                 "\"columns\":[{\"name\":\"rows\",\"unit\":\"\"},{\"name\":\"kept\","
	                 "\"unit\":\"rows\"}");
	for (unsigned i = 0; i < shown; i++) {
		column(out, *rules[i], " beyond", "share");
		column(out, *rules[i], " mean", "");
		column(out, *rules[i], " most", "");
	}
	oc_buf_puts(out, "],\"rows\":[");
	for (unsigned i = 0; i < s->group_n && i < LISTED; i++) {
		const struct group *g = order[i];
		struct oc_buf name = {0};
		oc_buf_printf(&name, "%.*s%s%.*s", OC_ARG(g->kind), g->value.len ? " " : "",
		              OC_ARG(g->value));
		oc_buf_puts(out, i ? ",[" : "[");
		oc_buf_json(out, oc_buf_view(&name));
		oc_buf_printf(out, ",%llu", (unsigned long long)g->row_n);
		for (unsigned r = 0; r < shown; r++)
			sums(out, &g->sums[rules[r] - s->rules]);
		oc_buf_puts(out, "]");
		oc_buf_fini(&name);
	}
	oc_buf_puts(out, "]}]");
	free(order);
}
