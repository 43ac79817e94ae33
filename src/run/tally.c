#include "run/tally.h"

#include <stdlib.h>

#include "base/err.h"

static const struct {
	const char *name;
	size_t at;
} columns[] = {
	{"in", offsetof(struct oc_tally, in)},
	{"made", offsetof(struct oc_tally, made)},
	{"repeated", offsetof(struct oc_tally, repeated)},
	{"train", offsetof(struct oc_tally, train)},
	{"test", offsetof(struct oc_tally, test)},
	{"held", offsetof(struct oc_tally, held)},
	{"rejected", offsetof(struct oc_tally, rejected)},
	{"merged", offsetof(struct oc_tally, merged)},
	{"unused", offsetof(struct oc_tally, unused)},
};
#define COLUMN_N (sizeof columns / sizeof columns[0])

static uint64_t *column(const struct oc_tally *t, size_t i)
{
	return (uint64_t *)((char *)(uintptr_t)t + columns[i].at);
}

static void pairs_fini(struct oc_tally_pairs *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		free(p->list[i].a);
		free(p->list[i].b);
	}
	free(p->list);
}

static char *copy_of(struct oc_str s)
{
	char *copy = oc_alloc(s.len + 1);

	if (s.len)
		memcpy(copy, s.p, s.len);
	copy[s.len] = 0;
	return copy;
}

static struct oc_tally_pair *pair(struct oc_tally_pairs *p, struct oc_str a, struct oc_str b)
{
	for (unsigned i = 0; i < p->n; i++)
		if (oc_str_is(a, p->list[i].a) && oc_str_is(b, p->list[i].b))
			return &p->list[i];
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 16;
		p->list = oc_realloc(p->list, p->cap * sizeof *p->list);
	}
	p->list[p->n] = (struct oc_tally_pair){copy_of(a), copy_of(b), 0};
	return &p->list[p->n++];
}

void oc_tally_fini(struct oc_tally *t)
{
	for (unsigned i = 0; i < t->line_n; i++) {
		free(t->lines[i].step);
		free(t->lines[i].rule);
	}
	free(t->lines);
	pairs_fini(&t->also);
	pairs_fini(&t->groups);
	*t = (struct oc_tally){0};
}

/* Rows meet the same rules in the same order: the line behind the last one is nearly always it. */
static struct oc_tally_line *line(struct oc_tally *t, struct oc_str step, struct oc_str rule,
                                  enum oc_result result, bool first)
{
	for (unsigned k = 0; k < t->line_n; k++) {
		unsigned i = t->hint + k < t->line_n ? t->hint + k : t->hint + k - t->line_n;
		struct oc_tally_line *l = &t->lines[i];
		if (l->result == result && l->first == first &&
		    oc_str_eq(rule, (struct oc_str){l->rule, l->rule_len}) &&
		    oc_str_eq(step, (struct oc_str){l->step, l->step_len})) {
			t->hint = i + 1 < t->line_n ? i + 1 : 0;
			return l;
		}
	}
	if (t->line_n == t->line_cap) {
		t->line_cap = t->line_cap ? t->line_cap * 2 : 32;
		t->lines = oc_realloc(t->lines, t->line_cap * sizeof *t->lines);
	}
	struct oc_tally_line *l = &t->lines[t->line_n++];
	*l = (struct oc_tally_line){.step = copy_of(step),
	                            .rule = copy_of(rule),
	                            .step_len = step.len,
	                            .rule_len = rule.len,
	                            .result = result,
	                            .first = first};
	return l;
}

void oc_tally_reason(struct oc_tally *t, struct oc_str step, struct oc_str rule,
                     enum oc_result result, uint64_t n)
{
	line(t, step, rule, result, true)->n += n;
}

static void score_add(struct oc_tally_line *l, const struct oc_verdict *v)
{
	double at = v->threshold > 0 ? v->score / v->threshold * OC_TALLY_BINS / 2 : -1;

	if (!(at >= 0)) /* no scale, or no number */
		return;
	l->threshold = v->threshold;
	l->bins[at < OC_TALLY_BINS ? (unsigned)at : OC_TALLY_BINS]++;
}

void oc_tally_group(struct oc_tally *t, struct oc_str value, struct oc_str step)
{
	bool known = false;
	unsigned n = 0;

	for (unsigned i = 0; i < t->groups.n && !known; i++) {
		bool again = false;
		known = oc_str_is(value, t->groups.list[i].a);
		for (unsigned k = 0; k < i; k++)
			again |= strcmp(t->groups.list[k].a, t->groups.list[i].a) == 0;
		n += !again;
	}
	pair(&t->groups, known || n < OC_TALLY_GROUPS ? value : OC_LIT("(all others)"), step)->n++;
}

void oc_tally_also(struct oc_tally *t, const struct oc_row *row, struct oc_str step,
                   const char *const *names, unsigned n)
{
	pair(&t->also, step, OC_LIT(""))->n++;
	for (unsigned i = 0; i < n && i < 64; i++)
		if (row->also >> i & 1)
			pair(&t->also, step, oc_str(names[i]))->n++;
}

uint64_t oc_tally_pair(const struct oc_tally_pairs *p, const char *a, const char *b)
{
	for (unsigned i = 0; i < p->n; i++)
		if (strcmp(p->list[i].a, a) == 0 && strcmp(p->list[i].b, b) == 0)
			return p->list[i].n;
	return 0;
}

struct oc_str oc_tally_fell_at(const struct oc_row *row)
{
	for (uint32_t i = 0; i < row->verdict_n && row->fate != OC_LIVE; i++)
		if (row->verdicts[i].result == OC_DROP || row->verdicts[i].result == OC_UNDECIDED)
			return row->verdicts[i].stage;
	return OC_LIT("");
}

static void verdict_count(struct oc_tally *t, const struct oc_verdict *v)
{
	struct oc_tally_line *l = line(t, v->stage, v->rule, v->result, false);

	l->n++;
	if (v->has_score)
		score_add(l, v);
}

void oc_tally_verdicts(struct oc_tally *t, const struct oc_row *row, uint32_t from)
{
	bool fell = false;

	for (uint32_t i = 0; i < row->verdict_parked && !row->old; i++)
		verdict_count(t, &row->verdicts[row->verdict_n + i]);

	for (uint32_t i = 0; i < row->verdict_n; i++) {
		const struct oc_verdict *v = &row->verdicts[i];
		bool drops = v->result == OC_DROP || v->result == OC_UNDECIDED;
		if (i >= from) {
			verdict_count(t, v);
			if (drops && !fell && row->fate != OC_LIVE)
				line(t, v->stage, v->rule, v->result, true)->n++;
		}
		fell |= drops;
	}
}

uint64_t oc_tally_out(const struct oc_tally *t)
{
	return t->train + t->test;
}

bool oc_tally_balanced(const struct oc_tally *t)
{
	return t->in + t->made + t->repeated ==
	       oc_tally_out(t) + t->held + t->rejected + t->merged + t->unused;
}

static void pairs_write(struct oc_buf *b, const char *name, const struct oc_tally_pairs *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		if (i)
			oc_buf_puts(b, ",[");
		else
			oc_buf_printf(b, ",\"%s\":[[", name);
		oc_buf_json(b, oc_str(p->list[i].a));
		oc_buf_putc(b, ',');
		oc_buf_json(b, oc_str(p->list[i].b));
		oc_buf_printf(b, ",%llu]", (unsigned long long)p->list[i].n);
	}
	if (p->n)
		oc_buf_putc(b, ']');
}

static void pairs_read(struct oc_tally_pairs *p, yyjson_val *list)
{
	size_t i, n;
	yyjson_val *item;

	yyjson_arr_foreach(list, i, n, item)
	{
		pair(p, oc_json_str(yyjson_arr_get(item, 0)), oc_json_str(yyjson_arr_get(item, 1)))
			->n = yyjson_get_uint(yyjson_arr_get(item, 2));
	}
}

void oc_tally_write(struct oc_buf *b, const struct oc_tally *t)
{
	oc_buf_putc(b, '{');
	for (size_t i = 0; i < COLUMN_N; i++)
		oc_buf_printf(b, "\"%s\":%llu,", columns[i].name,
		              (unsigned long long)*column(t, i));
	oc_buf_puts(b, "\"rules\":[");
	for (unsigned i = 0; i < t->line_n; i++) {
		const struct oc_tally_line *l = &t->lines[i];
		oc_buf_puts(b, i ? ",{\"step\":" : "{\"step\":");
		oc_buf_json(b, oc_str(l->step));
		oc_buf_puts(b, ",\"rule\":");
		oc_buf_json(b, oc_str(l->rule));
		oc_buf_printf(b, ",\"result\":\"%s\",\"first\":%s,\"n\":%llu",
		              oc_result_name(l->result), l->first ? "true" : "false",
		              (unsigned long long)l->n);
		if (l->threshold > 0) {
			oc_buf_puts(b, ",\"threshold\":");
			oc_buf_double(b, l->threshold);
			for (unsigned k = 0; k <= OC_TALLY_BINS; k++)
				oc_buf_printf(b, "%s%llu", k ? "," : ",\"bins\":[",
				              (unsigned long long)l->bins[k]);
			oc_buf_putc(b, ']');
		}
		oc_buf_putc(b, '}');
	}
	oc_buf_putc(b, ']');
	pairs_write(b, "also", &t->also);
	pairs_write(b, "groups", &t->groups);
	oc_buf_putc(b, '}');
}

int oc_tally_read(struct oc_tally *t, yyjson_val *json, struct oc_err *err)
{
	size_t i, n;
	yyjson_val *item;

	for (size_t c = 0; c < COLUMN_N; c++)
		*column(t, c) = (uint64_t)oc_json_get_int(json, columns[c].name, 0);
	yyjson_arr_foreach(oc_json_get(json, "rules"), i, n, item)
	{
		struct oc_str name = oc_json_get_str(item, "result");
		enum oc_result result = OC_KEEP;
		while (result <= OC_FLAG && !oc_str_is(name, oc_result_name(result)))
			result++;
		if (result > OC_FLAG)
			return oc_fail(err, OC_INPUT, "run.db",
			               "unknown result \"%.*s\" in a block's counts", OC_ARG(name));
		struct oc_tally_line *l =
			line(t, oc_json_get_str(item, "step"), oc_json_get_str(item, "rule"),
		             result, oc_json_get_bool(item, "first", false));
		l->n = (uint64_t)oc_json_get_int(item, "n", 0);
		l->threshold = oc_json_get_num(item, "threshold", 0);
		for (unsigned k = 0; k <= OC_TALLY_BINS; k++)
			l->bins[k] = yyjson_get_uint(yyjson_arr_get(oc_json_get(item, "bins"), k));
	}
	pairs_read(&t->also, oc_json_get(json, "also"));
	pairs_read(&t->groups, oc_json_get(json, "groups"));
	return 0;
}
