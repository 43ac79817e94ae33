/* What the stages measured over all rows: data/facts.h says what may stand there. */
#include <stdio.h>

#include "report/html.h"
#include "report/sections.h"
#include "report/value.h"

#define PAIRS_OPEN 3 /* shown; the others unfold */

static void text(struct oc_buf *b, yyjson_val *v, const char *name)
{
	oc_html_text(b, oc_json_get_str(v, name));
}

/* A sentence; a line does not end between a number and its per cent sign. */
static void prose(struct oc_buf *b, struct oc_str s)
{
	size_t start = 0;

	for (size_t i = 1; i + 1 < s.len; i++)
		if (s.p[i] == ' ' && s.p[i + 1] == '%' && s.p[i - 1] >= '0' && s.p[i - 1] <= '9') {
			oc_html_text(b, (struct oc_str){s.p + start, i - start});
			oc_buf_puts(b, "&#160;");
			start = i + 1;
		}
	oc_html_text(b, (struct oc_str){s.p + start, s.len - start});
}

static void value(struct oc_buf *b, yyjson_val *v, struct oc_str unit, bool with_unit)
{
	struct oc_buf words = {0};

	if (with_unit)
		oc_measured_text(&words, v, unit);
	else
		oc_measured_cell(&words, v, unit);
	oc_html_text(b, oc_buf_view(&words));
	oc_buf_fini(&words);
}

/* ------------------------------------------------------------------ figures */

static void figures(struct oc_buf *b, yyjson_val *stage)
{
	yyjson_val *list = oc_json_get(stage, "figures");
	bool heldout = false;
	size_t i, n;
	yyjson_val *f;

	if (!yyjson_arr_size(list))
		return;
	yyjson_arr_foreach(list, i, n, f)
	{
		heldout |= oc_json_get(f, "heldout") != NULL;
	}
	oc_buf_puts(b, "<div class=\"wide\"><table><tr><th></th><th class=\"n\">these rows</th>");
	if (heldout) {
		oc_buf_puts(b, "<th class=\"n\">");
		oc_html_text(b, oc_measured_reference(stage));
		oc_buf_puts(b, "</th>");
	}
	oc_buf_puts(b, "</tr>\n");
	yyjson_arr_foreach(list, i, n, f)
	{
		struct oc_str unit = oc_json_get_str(f, "unit");
		oc_buf_puts(b, "<tr><td>");
		text(b, f, "name");
		oc_buf_puts(b, "</td><td class=\"n\">");
		value(b, oc_json_get(f, "value"), unit, true);
		if (yyjson_is_num(oc_json_get(f, "low"))) {
			oc_buf_puts(b, "<br><span class=\"soft\">(");
			value(b, oc_json_get(f, "low"), unit, false);
			oc_buf_puts(b, " to ");
			value(b, oc_json_get(f, "high"), unit, false);
			oc_buf_puts(b, ")</span>");
		}
		oc_buf_puts(b, "</td>");
		if (heldout) {
			oc_buf_puts(b, "<td class=\"n\">");
			if (oc_json_get(f, "heldout"))
				value(b, oc_json_get(f, "heldout"), unit, true);
			oc_buf_puts(b, "</td>");
		}
		oc_buf_puts(b, "</tr>\n");
	}
	oc_buf_puts(b, "</table></div>\n");
}

/* ------------------------------------------------------------------- tables */

/* The first cell of a line: where it names a rule at which rows fell here, it leads to them. */
static void first_cell(struct oc_buf *b, yyjson_val *facts, struct oc_str step, yyjson_val *cell)
{
	struct oc_str rule = oc_json_str(cell);

	if (!oc_section_has_fallen(facts, step, rule)) {
		oc_html_text(b, rule);
		return;
	}
	oc_buf_puts(b, "<a href=\"#fell-");
	oc_html_id(b, step, rule);
	oc_buf_puts(b, "\">");
	oc_html_text(b, rule);
	oc_buf_puts(b, "</a>");
}

static void table(struct oc_buf *b, yyjson_val *t, yyjson_val *facts, struct oc_str step)
{
	yyjson_val *columns = oc_json_get(t, "columns"), *column, *row, *cell;
	size_t i, n, k, m;

	oc_buf_puts(b, "<h5>");
	text(b, t, "title");
	oc_buf_puts(b, "</h5><div class=\"wide\"><table><tr>");
	row = yyjson_arr_get_first(oc_json_get(t, "rows"));
	yyjson_arr_foreach(columns, i, n, column)
	{
		struct oc_str unit = oc_json_get_str(column, "unit");
		oc_buf_puts(b, yyjson_is_str(yyjson_arr_get(row, i)) ? "<th>" : "<th class=\"n\">");
		text(b, column, "name");
		if (unit.len && !oc_str_is(unit, "share") &&
		    !oc_str_eq(unit, oc_json_get_str(column, "name"))) {
			oc_buf_puts(b, "<br>");
			oc_html_text(b, unit);
		}
		oc_buf_puts(b, "</th>");
	}
	oc_buf_puts(b, "</tr>\n");
	yyjson_arr_foreach(oc_json_get(t, "rows"), i, n, row)
	{
		oc_buf_puts(b, "<tr>");
		yyjson_arr_foreach(row, k, m, cell)
		{
			oc_buf_puts(b, yyjson_is_str(cell) ? "<td>" : "<td class=\"n\">");
			if (k == 0 && yyjson_is_str(cell))
				first_cell(b, facts, step, cell);
			else
				value(b, cell, oc_json_get_str(yyjson_arr_get(columns, k), "unit"),
				      false);
			oc_buf_puts(b, "</td>");
		}
		oc_buf_puts(b, "</tr>\n");
	}
	oc_buf_puts(b, "</table></div>\n");
}

/* --------------------------------------------------------------- histograms */

enum { BINS = 64 };
static const double left = 54, top = 22, width = 392, height = 184;

struct bars {
	double share[2][BINS]; /* of the series, of held-out rows; per cent */
	unsigned series_n, n;
	double most; /* the top of the chart */
};

static void bars_read(struct bars *bars, yyjson_val *h)
{
	static const char *const names[] = {"counts", "heldout"};
	size_t i, n;
	yyjson_val *c;

	bars->series_n = oc_json_get(h, "heldout") ? 2 : 1;
	bars->most = 0;
	for (unsigned s = 0; s < bars->series_n; s++) {
		double total = 0;
		yyjson_arr_foreach(oc_json_get(h, names[s]), i, n, c)
		{
			if (i == BINS)
				break;
			bars->share[s][i] = yyjson_get_num(c);
			total += yyjson_get_num(c);
		}
		bars->n = n < BINS ? (unsigned)n : BINS;
		for (i = 0; i < bars->n; i++) {
			double *share = &bars->share[s][i];
			*share = total > 0 ? 100 * *share / total : 0;
			bars->most = *share > bars->most ? *share : bars->most;
		}
	}
	bars->most = oc_html_round_up(bars->most);
}

/* One series alone has no colour: the colours say whose rows they are. */
static const char *colour(const struct bars *bars, unsigned series)
{
	return bars->series_n < 2 ? "plain" : series ? "held_out" : "synthetic";
}

static void bars_draw(struct oc_buf *b, const struct bars *bars, yyjson_val *edges,
                      struct oc_str unit)
{
	double dx = width / bars->n, bar = dx * 0.86 / bars->series_n;
	unsigned every = bars->n <= 8 ? 1 : bars->n <= 16 ? 2 : bars->n <= 40 ? 5 : 10;

	for (int i = 0; i <= 4; i++) {
		double y = top + height - height * i / 4;
		oc_buf_printf(
			b,
			"<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
			left, left + width, y, y, left - 8, y + 4);
		oc_html_num(b, bars->most * i / 4);
		oc_buf_puts(b, " %</text>");
	}
	for (unsigned i = 0; i < bars->n; i++)
		for (unsigned s = 0; s < bars->series_n; s++) {
			double h = bars->most > 0 ? height * bars->share[s][i] / bars->most : 0;
			if (h > 0 && h < 1)
				h = 1; /* a rare value is still there */
			oc_buf_printf(b,
			              "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
			              "height=\"%.1f\"/>",
			              colour(bars, s), left + dx * i + dx * 0.07 + bar * s,
			              top + height - h, bar, h);
		}
	for (unsigned i = 0; i <= bars->n; i += every) {
		oc_buf_printf(b,
		              "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
		              left + dx * i, top + height + 18);
		value(b, yyjson_arr_get(edges, i), unit, false);
		oc_buf_puts(b, "</text>");
	}
}

/* A line where the threshold lies, between the edges around it. */
static void threshold_draw(struct oc_buf *b, unsigned n, yyjson_val *edges, yyjson_val *at,
                           struct oc_str unit)
{
	double t = yyjson_get_num(at), x = -1;

	for (unsigned i = 0; i < n; i++) {
		double low = yyjson_get_num(yyjson_arr_get(edges, i));
		double high = yyjson_get_num(yyjson_arr_get(edges, i + 1));
		if (t >= low && t <= high)
			x = left + width / n * (i + (t - low) / (high - low));
	}
	if (!yyjson_is_num(at) || x < 0)
		return;
	oc_buf_printf(b,
	              "<line class=\"threshold\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
	              "<text class=\"axis\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">threshold ",
	              x, x, top - 16, top + height, x > left + width / 2 ? x - 6 : x + 6, top - 8,
	              x > left + width / 2 ? "end" : "start");
	value(b, at, unit, false);
	oc_buf_puts(b, "</text>");
}

static void bars_table(struct oc_buf *b, yyjson_val *h, unsigned n, struct oc_str reference)
{
	yyjson_val *edges = oc_json_get(h, "edges"), *held = oc_json_get(h, "heldout");
	struct oc_str unit = oc_json_get_str(h, "unit");

	oc_buf_puts(b, "<details class=\"data\"><summary>the numbers</summary><div "
	               "class=\"wide\"><table><tr><th>from</th><th class=\"n\">");
	text(b, h, "series");
	oc_buf_puts(b, "</th>");
	if (held) {
		oc_buf_puts(b, "<th class=\"n\">");
		oc_html_text(b, reference);
		oc_buf_puts(b, "</th>");
	}
	oc_buf_puts(b, "</tr>");
	for (unsigned i = 0; i < n; i++) {
		oc_buf_puts(b, "<tr><td>");
		value(b, yyjson_arr_get(edges, i), unit, true);
		oc_buf_puts(b, "</td><td class=\"n\">");
		value(b, yyjson_arr_get(oc_json_get(h, "counts"), i), OC_LIT(""), false);
		if (held) {
			oc_buf_puts(b, "</td><td class=\"n\">");
			value(b, yyjson_arr_get(held, i), OC_LIT(""), false);
		}
		oc_buf_puts(b, "</td></tr>");
	}
	oc_buf_puts(b, "</table></div></details>");
}

static void histogram(struct oc_buf *b, yyjson_val *h, struct oc_str reference)
{
	yyjson_val *edges = oc_json_get(h, "edges");
	struct oc_str unit = oc_json_get_str(h, "unit");
	struct bars bars;

	bars_read(&bars, h);
	oc_buf_puts(b, "<figure><figcaption>");
	text(b, h, "title");
	if (unit.len && !oc_str_is(unit, "share")) {
		oc_buf_puts(b, ", ");
		oc_html_text(b, unit);
	}
	oc_buf_puts(b, "</figcaption><div class=\"legend\"><span>");
	oc_buf_printf(b, "<i class=\"%s\"></i>", colour(&bars, 0));
	text(b, h, "series");
	oc_buf_puts(b, "</span>");
	if (bars.series_n == 2) {
		oc_buf_puts(b, "<span><i class=\"held_out\"></i>");
		oc_html_text(b, reference);
		oc_buf_puts(b, "</span>");
	}
	oc_buf_puts(b,
	            "</div><svg class=\"bars\" viewBox=\"0 0 468 232\" role=\"img\" aria-label=\"");
	text(b, h, "title");
	oc_buf_puts(b, "\">");
	bars_draw(b, &bars, edges, unit);
	threshold_draw(b, bars.n, edges, oc_json_get(h, "threshold"), unit);
	oc_buf_puts(b, "</svg>");
	bars_table(b, h, bars.n, reference);
	oc_buf_puts(b, "</figure>\n");
}

/* -------------------------------------------------------------------- pairs */

static void side(struct oc_buf *b, yyjson_val *v)
{
	struct oc_str whole = oc_json_get_str(v, "text");
	uint64_t at = 0;
	size_t i, n;
	yyjson_val *span;

	oc_buf_puts(b, "<div class=\"card\"><h3>");
	text(b, v, "label");
	oc_buf_putc(b, ' ');
	text(b, v, "key");
	oc_buf_puts(b, "</h3><p class=\"said\">");
	yyjson_arr_foreach(oc_json_get(v, "spans"), i, n, span)
	{
		uint64_t from = yyjson_get_uint(yyjson_arr_get(span, 0));
		uint64_t len = yyjson_get_uint(yyjson_arr_get(span, 1));
		oc_html_text(b, (struct oc_str){whole.p + at, from - at});
		oc_buf_puts(b, "<mark>");
		oc_html_text(b, (struct oc_str){whole.p + from, len});
		oc_buf_puts(b, "</mark>");
		at = from + len;
	}
	oc_html_text(b, (struct oc_str){whole.p + at, whole.len - at});
	oc_buf_puts(b, "</p></div>");
}

static void pairs(struct oc_buf *b, yyjson_val *list)
{
	size_t i, n;
	yyjson_val *p;

	yyjson_arr_foreach(list, i, n, p)
	{
		if (i == PAIRS_OPEN)
			oc_buf_printf(b, "<details><summary>%zu more</summary>\n", n - i);
		oc_buf_puts(b, "<p class=\"soft\">");
		text(b, p, "title");
		oc_buf_puts(b, "</p><div class=\"pair\">");
		side(b, oc_json_get(p, "left"));
		side(b, oc_json_get(p, "right"));
		oc_buf_puts(b, "</div>\n");
	}
	if (n > PAIRS_OPEN)
		oc_buf_puts(b, "</details>\n");
}

/* One object of facts. */
static void part(struct oc_buf *b, yyjson_val *facts, yyjson_val *s)
{
	static const char *const tables[] = {"tables", "kept"};
	struct oc_str step = oc_json_get_str(s, "step");
	size_t k, m;
	yyjson_val *v;

	oc_buf_puts(b, "<h4>");
	text(b, s, "title");
	oc_buf_puts(b, "</h4>\n<p>");
	prose(b, oc_json_get_str(s, "lead"));
	oc_buf_puts(b, "</p>\n");
	yyjson_arr_foreach(oc_json_get(s, "warnings"), k, m, v)
	{
		oc_buf_puts(b, "<p class=\"warn\">");
		prose(b, oc_json_str(v));
		oc_buf_puts(b, "</p>\n");
	}
	figures(b, s);
	oc_buf_puts(b, "<div class=\"charts\">");
	yyjson_arr_foreach(oc_json_get(s, "histograms"), k, m, v)
	{
		histogram(b, v, oc_measured_reference(s));
	}
	oc_buf_puts(b, "</div>\n");
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		yyjson_arr_foreach(oc_json_get(s, tables[i]), k, m, v)
		{
			table(b, v, facts, step);
		}
	pairs(b, oc_json_get(s, "pairs"));
}

/* The place of the first object of facts of this step; a step may have several. */
static size_t first_of(yyjson_val *stages, struct oc_str step)
{
	size_t i, n;
	yyjson_val *s;

	yyjson_arr_foreach(stages, i, n, s)
	{
		if (oc_str_eq(oc_json_get_str(s, "step"), step))
			return i;
	}
	return SIZE_MAX;
}

void oc_section_link_stage(struct oc_buf *b, yyjson_val *facts, struct oc_str step)
{
	bool link = first_of(oc_json_get(facts, "stages"), step) != SIZE_MAX;

	if (link) {
		oc_buf_puts(b, "<a href=\"#");
		oc_html_id(b, OC_LIT("stage"), step);
		oc_buf_puts(b, "\">");
	}
	oc_html_text(b, step);
	oc_buf_puts(b, link ? "</a>" : "");
}

void oc_section_stages(struct oc_buf *b, yyjson_val *facts)
{
	yyjson_val *stages = oc_json_get(facts, "stages"), *s, *v;
	size_t i, n, k, m;

	oc_buf_puts(b, "<h2 id=\"stages\">What the stages measured</h2>\n");
	oc_buf_puts(b, "<nav>");
	yyjson_arr_foreach(stages, i, n, s)
	{
		if (first_of(stages, oc_json_get_str(s, "step")) == i)
			oc_section_link_stage(b, facts, oc_json_get_str(s, "step"));
	}
	oc_buf_puts(b, "</nav>\n<p class=\"soft\">Rows are named SOURCE:NUMBER. A row's "
	               "whole life, with the row it repeats or copies: <code>outcross why ");
	text(b, facts, "folder");
	oc_buf_puts(b, " ROW</code>.</p>\n");
	yyjson_arr_foreach(stages, i, n, s)
	{
		struct oc_str step = oc_json_get_str(s, "step");
		if (first_of(stages, step) != i)
			continue;
		oc_buf_puts(b, "<h3 id=\"");
		oc_html_id(b, OC_LIT("stage"), step);
		oc_buf_puts(b, "\">");
		oc_html_text(b, step);
		oc_buf_puts(b, "</h3>\n");
		yyjson_arr_foreach(stages, k, m, v)
		{
			if (oc_str_eq(oc_json_get_str(v, "step"), step))
				part(b, facts, v);
		}
	}
}
