#include "data/facts.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

enum part { NO_PART, FIGURE, TABLE, HISTOGRAM, PAIR };

/* ----------------------------------------------------------------- building */

static void number(struct oc_buf *b, double v)
{
	if (!isfinite(v))
		oc_buf_puts(b, "null");
	else if (v == floor(v) && fabs(v) < 1e15)
		oc_buf_printf(b, "%.0f", v);
	else
		oc_buf_double(b, v);
}

static void member(struct oc_buf *b, const char *name, const char *text)
{
	oc_buf_printf(b, "\"%s\":", name);
	oc_buf_json(b, oc_str(text ? text : ""));
}

/* Ends the element to which additions went, and begins another. */
static struct oc_buf *begin(struct oc_facts *f, enum part part)
{
	struct oc_buf *const parts[] = {NULL, &f->figures, &f->tables, &f->histograms, &f->pairs};
	struct oc_buf *b = parts[f->open];

	assert(f->open != TABLE || f->column == 0);
	assert(f->open != PAIR || f->side == 2);
	if (b)
		oc_buf_puts(b, f->open == TABLE ? "]}" : "}");
	f->open = (int)part;
	b = parts[part];
	if (b && b->len)
		oc_buf_putc(b, ',');
	return b;
}

static bool in_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c & 0x80) || c == '_';
}

/* 12345 becomes 12,345; digits within a word, a path or behind a point stay as they are. */
static void put_commas(struct oc_buf *b, struct oc_str s)
{
	size_t end;

	for (size_t i = 0; i < s.len; i = end) {
		char before = i ? s.p[i - 1] : ' ';
		end = i;
		while (end < s.len && s.p[end] >= '0' && s.p[end] <= '9')
			end++;
		if (end == i || in_word(before) || before == '.' || before == '/' ||
		    before == '-' || (end < s.len && in_word(s.p[end]))) {
			end += end == i;
			oc_buf_add(b, s.p + i, end - i);
			continue;
		}
		for (size_t k = i; k < end; k++) {
			if (k > i && (end - k) % 3 == 0)
				oc_buf_putc(b, ',');
			oc_buf_putc(b, s.p[k]);
		}
	}
}

static void sentence(struct oc_buf *b, const char *fmt, va_list args)
{
	char *text = NULL;
	va_list again;

	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	assert(len >= 0);
	text = oc_alloc((size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, fmt, args);
	oc_buf_json(b, (struct oc_str){text, (size_t)len});
	free(text);
}

void oc_facts_title(struct oc_facts *f, const char *title)
{
	f->title.len = 0;
	oc_buf_json(&f->title, oc_str(title));
}

void oc_facts_lead(struct oc_facts *f, const char *fmt, ...)
{
	struct oc_buf text = {0};
	va_list args;

	va_start(args, fmt);
	sentence(&text, fmt, args);
	va_end(args);
	f->lead.len = 0;
	put_commas(&f->lead, oc_buf_view(&text));
	oc_buf_fini(&text);
}

void oc_facts_reference(struct oc_facts *f, const char *name)
{
	f->reference.len = 0;
	oc_buf_json(&f->reference, oc_str(name));
}

void oc_facts_warn(struct oc_facts *f, const char *fmt, ...)
{
	va_list args;

	if (f->warnings.len)
		oc_buf_putc(&f->warnings, ',');
	va_start(args, fmt);
	sentence(&f->warnings, fmt, args);
	va_end(args);
}

void oc_facts_figure(struct oc_facts *f, const char *name, double value, const char *unit)
{
	struct oc_buf *b = begin(f, FIGURE);

	oc_buf_putc(b, '{');
	member(b, "name", name);
	oc_buf_putc(b, ',');
	member(b, "unit", unit);
	oc_buf_puts(b, ",\"value\":");
	number(b, value);
}

void oc_facts_interval(struct oc_facts *f, double low, double high)
{
	assert(f->open == FIGURE);
	oc_buf_puts(&f->figures, ",\"low\":");
	number(&f->figures, low);
	oc_buf_puts(&f->figures, ",\"high\":");
	number(&f->figures, high);
}

void oc_facts_heldout(struct oc_facts *f, double value)
{
	assert(f->open == FIGURE);
	oc_buf_puts(&f->figures, ",\"heldout\":");
	number(&f->figures, value);
}

void oc_facts_table(struct oc_facts *f, const char *title, const struct oc_fact_column *columns,
                    unsigned column_n)
{
	struct oc_buf *b = begin(f, TABLE);

	assert(column_n);
	oc_buf_putc(b, '{');
	member(b, "title", title);
	oc_buf_puts(b, ",\"columns\":[");
	for (unsigned i = 0; i < column_n; i++) {
		oc_buf_puts(b, i ? ",{" : "{");
		member(b, "name", columns[i].name);
		oc_buf_putc(b, ',');
		member(b, "unit", columns[i].unit);
		oc_buf_putc(b, '}');
	}
	oc_buf_puts(b, "],\"rows\":[");
	f->column_n = column_n;
	f->column = 0;
}

static struct oc_buf *cell(struct oc_facts *f)
{
	struct oc_buf *b = &f->tables;

	assert(f->open == TABLE);
	if (f->column)
		oc_buf_putc(b, ',');
	else
		oc_buf_puts(b, b->p[b->len - 1] == '[' ? "[" : ",[");
	return b;
}

static void cell_end(struct oc_facts *f)
{
	if (++f->column < f->column_n)
		return;
	f->column = 0;
	oc_buf_putc(&f->tables, ']');
}

void oc_facts_cell(struct oc_facts *f, struct oc_str text)
{
	oc_buf_json(cell(f), text);
	cell_end(f);
}

void oc_facts_num(struct oc_facts *f, double value)
{
	number(cell(f), value);
	cell_end(f);
}

static void counted(struct oc_buf *b, const char *name, const uint64_t *counts, unsigned n)
{
	oc_buf_printf(b, ",\"%s\":[", name);
	for (unsigned i = 0; i < n; i++)
		oc_buf_printf(b, i ? ",%llu" : "%llu", (unsigned long long)counts[i]);
	oc_buf_putc(b, ']');
}

void oc_facts_histogram(struct oc_facts *f, const char *title, const char *unit, const char *series,
                        const double *edges, const uint64_t *counts, unsigned n)
{
	struct oc_buf *b = begin(f, HISTOGRAM);

	oc_buf_putc(b, '{');
	member(b, "title", title);
	oc_buf_putc(b, ',');
	member(b, "unit", unit);
	oc_buf_putc(b, ',');
	member(b, "series", series);
	oc_buf_puts(b, ",\"edges\":[");
	for (unsigned i = 0; i <= n; i++) {
		if (i)
			oc_buf_putc(b, ',');
		number(b, edges[i]);
	}
	oc_buf_putc(b, ']');
	counted(b, "counts", counts, n);
}

void oc_facts_histogram_heldout(struct oc_facts *f, const uint64_t *counts, unsigned n)
{
	assert(f->open == HISTOGRAM);
	counted(&f->histograms, "heldout", counts, n);
}

void oc_facts_threshold(struct oc_facts *f, double at)
{
	assert(f->open == HISTOGRAM);
	oc_buf_puts(&f->histograms, ",\"threshold\":");
	number(&f->histograms, at);
}

void oc_facts_pair(struct oc_facts *f, const char *title)
{
	struct oc_buf *b = begin(f, PAIR);

	oc_buf_putc(b, '{');
	member(b, "title", title);
	f->side = 0;
}

void oc_facts_side(struct oc_facts *f, const char *label, struct oc_str key, struct oc_str text,
                   const uint64_t *spans, unsigned span_n)
{
	struct oc_buf *b = &f->pairs;

	assert(f->open == PAIR && f->side < 2);
	oc_buf_printf(b, ",\"%s\":{", f->side++ ? "right" : "left");
	member(b, "label", label);
	oc_buf_puts(b, ",\"key\":");
	oc_buf_json(b, key);
	oc_buf_puts(b, ",\"text\":");
	oc_buf_json(b, text);
	oc_buf_puts(b, ",\"spans\":[");
	for (unsigned i = 0; i < span_n; i++)
		oc_buf_printf(b, i ? ",[%llu,%llu]" : "[%llu,%llu]",
		              (unsigned long long)spans[2 * i],
		              (unsigned long long)spans[2 * i + 1]);
	oc_buf_puts(b, "]}");
}

void oc_facts_write(struct oc_facts *f, struct oc_buf *out)
{
	struct oc_buf *const lists[] = {&f->warnings, &f->figures, &f->tables, &f->histograms,
	                                &f->pairs};
	static const char *const names[] = {"warnings", "figures", "tables", "histograms", "pairs"};

	begin(f, NO_PART);
	oc_buf_puts(out, "{\"title\":");
	oc_buf_str(out, f->title.len ? oc_buf_view(&f->title) : OC_LIT("\"\""));
	oc_buf_puts(out, ",\"lead\":");
	oc_buf_str(out, f->lead.len ? oc_buf_view(&f->lead) : OC_LIT("\"\""));
	if (f->reference.len) {
		oc_buf_puts(out, ",\"reference\":");
		oc_buf_str(out, oc_buf_view(&f->reference));
	}
	for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++) {
		if (lists[i]->len) {
			oc_buf_printf(out, ",\"%s\":[", names[i]);
			oc_buf_str(out, oc_buf_view(lists[i]));
			oc_buf_putc(out, ']');
		}
		oc_buf_fini(lists[i]);
	}
	oc_buf_putc(out, '}');
	oc_buf_fini(&f->title);
	oc_buf_fini(&f->lead);
	oc_buf_fini(&f->reference);
	*f = (struct oc_facts){0};
}

/* ----------------------------------------------------------------- checking */

#define LIST_MAX 256
#define ROWS_MAX 1000
#define BINS_MAX 64
#define TEXT_MAX ((size_t)1 << 16)

static int wrong(struct oc_err *err, const char *what)
{
	return oc_fail(err, OC_INTERNAL, NULL, "the facts of the stage are wrong: %s", what);
}

static bool is_text(yyjson_val *v)
{
	return yyjson_is_str(v) && yyjson_get_len(v) <= TEXT_MAX;
}

static bool is_value(yyjson_val *v)
{
	return yyjson_is_num(v) || yyjson_is_null(v);
}

static bool is_absent_or_value(yyjson_val *v)
{
	return !v || is_value(v);
}

static bool is_list(yyjson_val *v, size_t most)
{
	return !v || (yyjson_is_arr(v) && yyjson_arr_size(v) <= most);
}

static int check_figure(yyjson_val *v, struct oc_err *err)
{
	if (!is_text(oc_json_get(v, "name")) || !is_text(oc_json_get(v, "unit")) ||
	    !is_value(oc_json_get(v, "value")) || !is_absent_or_value(oc_json_get(v, "low")) ||
	    !is_absent_or_value(oc_json_get(v, "high")) ||
	    !is_absent_or_value(oc_json_get(v, "heldout")))
		return wrong(err, "a figure has a name, a unit and a value");
	return 0;
}

static int check_table(yyjson_val *v, struct oc_err *err)
{
	yyjson_val *columns = oc_json_get(v, "columns"), *rows = oc_json_get(v, "rows"), *e, *c;
	size_t i, n, k, m, column_n = yyjson_arr_size(columns);

	if (!is_text(oc_json_get(v, "title")) || !column_n || column_n > BINS_MAX ||
	    !yyjson_is_arr(rows) || yyjson_arr_size(rows) > ROWS_MAX)
		return wrong(err, "a table has a title, columns, and at most 1000 rows");
	yyjson_arr_foreach(columns, i, n, e)
	{
		if (!is_text(oc_json_get(e, "name")) || !is_text(oc_json_get(e, "unit")))
			return wrong(err, "a column has a name and a unit");
	}
	yyjson_arr_foreach(rows, i, n, e)
	{
		if (!yyjson_is_arr(e) || yyjson_arr_size(e) != column_n)
			return wrong(err, "a row of a table has a cell for every column");
		yyjson_arr_foreach(e, k, m, c)
		{
			if (!is_value(c) && !is_text(c))
				return wrong(err, "a cell is a number, a text or null");
		}
	}
	return 0;
}

static bool are_counts(yyjson_val *v, size_t n)
{
	size_t i, m;
	yyjson_val *c;

	if (!yyjson_is_arr(v) || yyjson_arr_size(v) != n)
		return false;
	yyjson_arr_foreach(v, i, m, c)
	{
		if (!yyjson_is_uint(c))
			return false;
	}
	return true;
}

static int check_histogram(yyjson_val *v, struct oc_err *err)
{
	yyjson_val *edges = oc_json_get(v, "edges"), *heldout = oc_json_get(v, "heldout"), *e;
	size_t i, n, bins = yyjson_arr_size(oc_json_get(v, "counts"));
	double last = -HUGE_VAL;

	if (!is_text(oc_json_get(v, "title")) || !is_text(oc_json_get(v, "unit")) ||
	    !is_text(oc_json_get(v, "series")) || !is_absent_or_value(oc_json_get(v, "threshold")))
		return wrong(err, "a histogram has a title, a unit and a series");
	if (!bins || bins > BINS_MAX || !yyjson_is_arr(edges) ||
	    yyjson_arr_size(edges) != bins + 1 || !are_counts(oc_json_get(v, "counts"), bins) ||
	    (heldout && !are_counts(heldout, bins)))
		return wrong(err, "a histogram has 1 to 64 counts and one edge more");
	yyjson_arr_foreach(edges, i, n, e)
	{
		if (!yyjson_is_num(e) || yyjson_get_num(e) <= last)
			return wrong(err, "the edges of a histogram ascend");
		last = yyjson_get_num(e);
	}
	return 0;
}

static bool is_side(yyjson_val *v)
{
	struct oc_str text = oc_json_get_str(v, "text");
	size_t i, n;
	uint64_t end = 0;
	yyjson_val *s;

	if (!is_text(oc_json_get(v, "label")) || !is_text(oc_json_get(v, "key")) ||
	    !is_text(oc_json_get(v, "text")) || !yyjson_is_arr(oc_json_get(v, "spans")))
		return false;
	yyjson_arr_foreach(oc_json_get(v, "spans"), i, n, s)
	{
		uint64_t at, len;
		if (!are_counts(s, 2))
			return false;
		at = yyjson_get_uint(yyjson_arr_get(s, 0));
		len = yyjson_get_uint(yyjson_arr_get(s, 1));
		if (at < end || at > text.len || len > text.len - at)
			return false;
		end = at + len;
		for (unsigned k = 0; k < 2; k++) {
			uint64_t edge = k ? end : at;
			if (edge < text.len && oc_utf8_continues(text.p[edge]))
				return false;
		}
	}
	return true;
}

static int check_pair(yyjson_val *v, struct oc_err *err)
{
	if (!is_text(oc_json_get(v, "title")) || !is_side(oc_json_get(v, "left")) ||
	    !is_side(oc_json_get(v, "right")))
		return wrong(err, "a pair has a title and two sides, each with label, key, text "
		                  "(at most 64 KiB) and spans within it");
	return 0;
}

static int check_warning(yyjson_val *v, struct oc_err *err)
{
	return is_text(v) ? 0 : wrong(err, "a warning is a text");
}

int oc_facts_check(yyjson_val *facts, struct oc_err *err)
{
	static const struct {
		const char *name;
		int (*check)(yyjson_val *v, struct oc_err *err);
	} lists[] = {{"warnings", check_warning},
	             {"figures", check_figure},
	             {"tables", check_table},
	             {"histograms", check_histogram},
	             {"pairs", check_pair}};
	size_t i, n, known = 2;
	yyjson_val *e;

	if (!yyjson_is_obj(facts) || !is_text(oc_json_get(facts, "title")) ||
	    !is_text(oc_json_get(facts, "lead")))
		return wrong(err, "they are no object with a title and a lead");
	if ((e = oc_json_get(facts, "reference"))) {
		known++;
		if (!is_text(e))
			return wrong(err, "the reference is a text");
	}
	for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
		yyjson_val *list = oc_json_get(facts, lists[k].name);
		if (!list)
			continue;
		known++;
		if (!is_list(list, LIST_MAX))
			return wrong(err, "a member is no list, or longer than 256");
		yyjson_arr_foreach(list, i, n, e)
		{
			if (lists[k].check(e, err))
				return -1;
		}
	}
	if (yyjson_obj_size(facts) != known)
		return wrong(err, "there is a member that the report does not know");
	return 0;
}
