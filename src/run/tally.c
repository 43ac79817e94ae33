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

void oc_tally_fini(struct oc_tally *t)
{
	for (unsigned i = 0; i < t->line_n; i++) {
		free(t->lines[i].step);
		free(t->lines[i].rule);
	}
	free(t->lines);
	*t = (struct oc_tally){0};
}

/* A plan has some dozens of rules: a scan is faster than anything cleverer. */
static struct oc_tally_line *line(struct oc_tally *t, struct oc_str step, struct oc_str rule,
                                  enum oc_result result, bool first)
{
	for (unsigned i = 0; i < t->line_n; i++) {
		struct oc_tally_line *l = &t->lines[i];
		if (l->result == result && l->first == first && oc_str_is(rule, l->rule) &&
		    oc_str_is(step, l->step))
			return l;
	}
	if (t->line_n == t->line_cap) {
		t->line_cap = t->line_cap ? t->line_cap * 2 : 32;
		t->lines = oc_realloc(t->lines, t->line_cap * sizeof *t->lines);
	}
	struct oc_tally_line *l = &t->lines[t->line_n++];
	*l = (struct oc_tally_line){strndup(step.p, step.len), strndup(rule.p, rule.len), result,
	                            first, 0};
	return l;
}

void oc_tally_reason(struct oc_tally *t, struct oc_str step, struct oc_str rule,
                     enum oc_result result, uint64_t n)
{
	line(t, step, rule, result, true)->n += n;
}

void oc_tally_verdicts(struct oc_tally *t, const struct oc_row *row, uint32_t from)
{
	bool fell = false;

	for (uint32_t i = 0; i < row->verdict_n; i++) {
		const struct oc_verdict *v = &row->verdicts[i];
		bool drops = v->result == OC_DROP || v->result == OC_UNDECIDED;
		if (i >= from) {
			line(t, v->stage, v->rule, v->result, false)->n++;
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
		oc_buf_printf(b, ",\"result\":\"%s\",\"first\":%s,\"n\":%llu}",
		              oc_result_name(l->result), l->first ? "true" : "false",
		              (unsigned long long)l->n);
	}
	oc_buf_puts(b, "]}");
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
		line(t, oc_json_get_str(item, "step"), oc_json_get_str(item, "rule"), result,
		     oc_json_get_bool(item, "first", false))
			->n = (uint64_t)oc_json_get_int(item, "n", 0);
	}
	return 0;
}
