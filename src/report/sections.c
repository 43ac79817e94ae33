#include "report/sections.h"
#include "report/value.h"

#include <stdio.h>
#include <stdlib.h>

#include "report/html.h"

#define LOSSES_OPEN 6 /* reasons of a step in the flow; the others unfold */

/* The command that prints the rows behind a number. */
static void show_hint(struct oc_buf *b, yyjson_val *facts, const char *which)
{
	oc_buf_puts(b, "<p class=\"soft\">These rows: <code>outcross show ");
	oc_html_text(b, oc_json_get_str(facts, "folder"));
	oc_buf_printf(b, " %s</code></p>\n", which);
}

/* --------------------------------------------------------------------- flow */

bool oc_section_has_fallen(yyjson_val *facts, struct oc_str step, struct oc_str rule)
{
	size_t i, n;
	yyjson_val *f;

	yyjson_arr_foreach(oc_json_get(facts, "fallen"), i, n, f)
	{
		if (oc_str_eq(oc_json_get_str(f, "step"), step) &&
		    oc_str_eq(oc_json_get_str(f, "rule"), rule))
			return true;
	}
	return false;
}

static void loss(struct oc_buf *b, yyjson_val *facts, struct oc_str step, struct oc_str rule,
                 double n)
{
	oc_buf_puts(b, "<div>");
	if (oc_section_has_fallen(facts, step, rule)) {
		oc_buf_puts(b, "<a href=\"#fell-");
		oc_html_id(b, step, rule);
		oc_buf_puts(b, "\">");
	} else {
		oc_buf_puts(b, oc_str_is(rule, "test")   ? "<a href=\"#holdout\">"
		               : oc_str_is(rule, "held") ? "<a href=\"#people\">"
		               : oc_str_is(step, "mix")  ? "<a href=\"#mix\">"
		                                         : "<a href=\"#fallen\">");
	}
	oc_html_count(b, n);
	oc_buf_putc(b, ' ');
	oc_html_text(b, rule);
	oc_buf_puts(b, "</a></div>");
}

static int by_n(const void *a, const void *b)
{
	yyjson_val *const *x = a, *const *y = b;
	double p = oc_fact_num(*x, "n"), q = oc_fact_num(*y, "n");
	struct oc_str r = oc_json_get_str(*x, "rule"), s = oc_json_get_str(*y, "rule");

	return p != q ? (p < q ? 1 : -1) : oc_str_cmp(r, s);
}

/* Every rule of a step at which rows fell, most rows first, with a link to some of them. */
static void fell(struct oc_buf *b, yyjson_val *facts, yyjson_val *list)
{
	size_t i, n = yyjson_arr_size(list), open = n > LOSSES_OPEN + 1 ? LOSSES_OPEN : n;
	yyjson_val *rule, **order = oc_alloc((n + 1) * sizeof(yyjson_val *));
	double more = 0;

	yyjson_arr_foreach(list, i, n, rule)
	{
		order[i] = rule;
	}
	qsort(order, n, sizeof *order, by_n);
	for (i = open; i < n; i++)
		more += oc_fact_num(order[i], "n");
	for (i = 0; i < n; i++) {
		if (i == open) {
			oc_buf_printf(b, "<details><summary>%zu more reasons, ", n - open);
			oc_html_count(b, more);
			oc_buf_puts(b, " rows</summary>");
		}
		loss(b, facts, oc_json_get_str(order[i], "step"), oc_json_get_str(order[i], "rule"),
		     oc_fact_num(order[i], "n"));
	}
	oc_buf_puts(b, n > open ? "</details>" : "");
	free(order);
}

static void losses(struct oc_buf *b, yyjson_val *facts, yyjson_val *step)
{
	static const char *const notes[] = {"undecided", "changed", "flagged"};
	yyjson_val *left = oc_json_get(step, "left");

	fell(b, facts, oc_json_get(step, "fell"));
	if (oc_fact_num(left, "n") > 0)
		loss(b, facts, oc_json_get_str(step, "name"), oc_json_get_str(left, "to"),
		     oc_fact_num(left, "n"));
	for (size_t k = 0; k < 3; k++)
		if (oc_fact_num(step, notes[k]) > 0) {
			oc_buf_puts(b, "<div class=\"soft\">");
			oc_html_count(b, oc_fact_num(step, notes[k]));
			oc_buf_printf(b, " %s</div>", notes[k]);
		}
}

void oc_section_flow(struct oc_buf *b, yyjson_val *facts)
{
	static const char *const ends[] = {"train", "test", "held", "rejected", "merged", "unused"};
	double most = oc_fact_num(facts, "rows.in") + oc_fact_num(facts, "rows.made");
	size_t i, n;
	yyjson_val *step;

	oc_html_heading(b, "flow", "What happened to every row");
	oc_buf_puts(b, "<div class=\"wide\"><table class=\"full steps\"><tr><th>step</th>"
	               "<th class=\"n\">read or made</th><th class=\"n\">go on</th>"
	               "<th class=\"flow\"></th><th>fell or left here</th></tr>\n");
	yyjson_arr_foreach(oc_json_get(facts, "steps"), i, n, step)
	{
		oc_buf_puts(b, "<tr><td>");
		oc_section_link_stage(b, facts, oc_json_get_str(step, "name"));
		if (!oc_str_eq(oc_json_get_str(step, "kind"), oc_json_get_str(step, "name"))) {
			oc_buf_puts(b, " <span class=\"soft\">");
			oc_html_text(b, oc_json_get_str(step, "kind"));
			oc_buf_puts(b, "</span>");
		}
		oc_buf_puts(b, "</td><td class=\"n\">");
		if (oc_fact_num(step, "came") > 0)
			oc_html_count(b, oc_fact_num(step, "came"));
		oc_buf_puts(b, "</td><td class=\"n\">");
		oc_html_count(b, oc_fact_num(step, "went"));
		oc_buf_printf(b,
		              "</td><td class=\"flow\"><div class=\"bar-track\"><i class=\"real\" "
		              "style=\"width:%.2f%%\">"
		              "</i></div></td><td>",
		              most > 0 ? 100 * oc_fact_num(step, "went") / most : 0);
		losses(b, facts, step);
		oc_buf_puts(b, "</td></tr>\n");
	}
	oc_buf_puts(b, "</table></div>\n<p>The ledger balances: ");
	oc_html_count(b, oc_fact_num(facts, "rows.in"));
	oc_buf_puts(b, " read + ");
	oc_html_count(b, oc_fact_num(facts, "rows.made"));
	oc_buf_puts(b, " made + ");
	oc_html_count(b, oc_fact_num(facts, "rows.repeated"));
	oc_buf_puts(b, " repeated = ");
	for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++) {
		char path[32];
		snprintf(path, sizeof path, "rows.%s", ends[k]);
		oc_buf_puts(b, k ? " + " : "");
		oc_html_count(b, oc_fact_num(facts, path));
		oc_buf_printf(b, " %s", ends[k]);
	}
	oc_buf_puts(b, ".</p>\n");
}

/* --------------------------------------------------------- origin, depth, holdout */

void oc_section_rows(struct oc_buf *b, yyjson_val *facts)
{
	static const char *const groups[] = {"real", "synthetic", "unknown", "held_out"};
	static const char *const labels[] = {"real", "synthetic", "unknown origin",
	                                     "held out (test)"};
	double train = oc_fact_num(facts, "rows.train");
	yyjson_val *depth, *holdout = oc_json_get(facts, "holdout");
	size_t i, n;

	oc_html_heading(b, "rows", "Origin and depth");
	for (size_t g = 0; g < 4; g++) {
		struct oc_buf text = {0};
		char path[48];
		snprintf(path, sizeof path, "origin.%s.rows", groups[g]);
		double rows = oc_fact_num(facts, path);
		if (!(rows > 0))
			continue;
		oc_html_count(&text, rows);
		oc_buf_puts(&text, " rows, about ");
		snprintf(path, sizeof path, "origin.%s.tokens", groups[g]);
		oc_html_count(&text, oc_fact_num(facts, path));
		oc_buf_puts(&text, " tokens");
		oc_html_bar(b, groups[g], oc_str(labels[g]), train > 0 ? rows / train : 0,
		            oc_buf_cstr(&text));
		oc_buf_fini(&text);
	}
	oc_buf_puts(b,
	            "<p class=\"soft\">Tokens are estimated as bytes / 4. A row counts as real "
	            "only when "
	            "its source was collected before November 2022 or somebody attests it.</p>\n");
	show_hint(b, facts, "--train");
	oc_buf_puts(b, "<div class=\"wide\"><table><tr><th>model generations deep</th>"
	               "<th class=\"n\">train rows</th><th class=\"n\">tokens</th></tr>");
	yyjson_arr_foreach(oc_json_get(facts, "depth"), i, n, depth)
	{
		oc_buf_printf(b, "<tr><td>%s%.0f%s</td><td class=\"n\">",
		              oc_fact_num(depth, "depth") > 0 &&
		                              oc_json_get_bool(facts, "depth_at_least", false)
		                      ? "&ge; "
		                      : "",
		              oc_fact_num(depth, "depth"),
		              oc_fact_num(depth, "depth") > 0 ? "" : " (people)");
		oc_html_count(b, oc_fact_num(depth, "rows"));
		oc_buf_puts(b, "</td><td class=\"n\">");
		oc_html_count(b, oc_fact_num(depth, "tokens"));
		oc_buf_puts(b, "</td></tr>");
	}
	oc_buf_puts(b, "</table></div>\n<p id=\"holdout\">");
	if (!holdout) {
		oc_buf_puts(b, "No rows were held out, so nothing here can be compared with unseen "
		               "real rows.</p>\n");
		return;
	}
	if (!(oc_fact_num(holdout, "real_rows") > 0)) {
		oc_buf_puts(b, "No row is known to be real, so none could be held out, and nothing "
		               "here can be compared with unseen real rows.</p>\n");
		return;
	}
	oc_html_count(b, oc_fact_num(holdout, "rows"));
	oc_buf_puts(b, " of ");
	oc_html_count(b, oc_fact_num(holdout, "real_rows"));
	oc_buf_puts(b, " real rows were held out before anything looked at them, drawn by ");
	oc_html_text(b, oc_json_get_str(holdout, "by"));
	oc_buf_puts(b, " (");
	oc_html_count(b, oc_fact_num(holdout, "units"));
	oc_buf_puts(b, " units). They are the test split; no prompt, example, mix or model has "
	               "seen them.");
	if (oc_json_get_bool(holdout, "few", false))
		oc_buf_puts(b, " <strong>Too few held-out rows to tell</strong>: below 200 units "
		               "no comparison with them means much.");
	oc_buf_puts(b, "</p>\n");
	if (oc_fact_num(facts, "rows.test") > 0)
		show_hint(b, facts, "--test");
}

/* ------------------------------------------------------------------- lengths */

void oc_section_lengths(struct oc_buf *b, yyjson_val *facts)
{
	static const char *const groups[] = {"real", "held_out", "synthetic", "unknown"};
	static const char *const labels[] = {"real (train)", "real (held out)", "synthetic",
	                                     "unknown"};
	enum { BINS = 64 };
	double share[4][BINS] = {{0}};
	char names[BINS][16];
	const char *ticks[BINS];
	struct oc_series series[4];
	yyjson_val *from = oc_json_path(facts, OC_LIT("lengths.from")), *v;
	unsigned series_n = 0, first = BINS, last = 0;
	size_t i, n = 0;

	oc_html_heading(b, "lengths", "How long the rows are");
	yyjson_arr_foreach(from, i, n, v)
	{
		if (i < BINS)
			snprintf(names[i], sizeof names[i], "%.0f", yyjson_get_num(v));
	}
	double total[4] = {0};
	for (size_t g = 0; g < 4; g++) {
		char path[32];
		snprintf(path, sizeof path, "lengths.%s", groups[g]);
		yyjson_arr_foreach(oc_json_path(facts, oc_str(path)), i, n, v)
		{
			if (i >= BINS)
				break;
			share[g][i] = yyjson_get_num(v);
			total[g] += share[g][i];
			if (share[g][i] > 0) {
				first = (unsigned)i < first ? (unsigned)i : first;
				last = (unsigned)i > last ? (unsigned)i : last;
			}
		}
	}
	if (first >= last) {
		oc_buf_puts(b, "<p class=\"soft\">Nothing to compare: there are too few rows, or "
		               "all are about as long.</p>\n");
		return;
	}
	for (size_t g = 0; g < 4; g++) {
		if (!(total[g] > 0))
			continue;
		for (i = 0; i < BINS; i++)
			share[g][i] = 100 * share[g][i] / total[g];
		series[series_n++] = (struct oc_series){labels[g], groups[g], share[g] + first,
		                                        last - first + 1};
	}
	for (i = first; i <= last; i++)
		ticks[i - first] = names[i];
	oc_html_lines(b, "Share of rows by length", "words in the row (start of each bin)",
	              "% of the group", ticks, series, series_n);
	if (total[0] > 0 && total[1] > 0)
		oc_buf_puts(b, "<p class=\"soft\">The held-out line is the reference: two samples "
		               "of real rows differ by as much as it differs from the train "
		               "line.</p>\n");
}

/* ---------------------------------------------------------------------- cost */

static void cost_row(struct oc_buf *b, const char *what, double money, double tokens,
                     double seconds, double rows)
{
	oc_buf_printf(b, "<tr><td>%s</td>", what);
	const double all[] = {money, tokens, seconds};
	for (size_t i = 0; i < 3; i++) {
		oc_buf_puts(b, "<td class=\"n\">");
		if (rows > 0)
			oc_html_num(b, all[i] / rows);
		else
			oc_buf_puts(b, "&ndash;");
		oc_buf_puts(b, "</td>");
	}
	oc_buf_puts(b, "</tr>");
}

void oc_section_cost(struct oc_buf *b, yyjson_val *facts)
{
	double money = oc_fact_num(facts, "spend.money"),
	       seconds = oc_fact_num(facts, "spend.seconds");
	double tokens = oc_fact_num(facts, "spend.prompt_tokens") +
	                oc_fact_num(facts, "spend.completion_tokens");
	double right = 0;
	yyjson_val *key, *v;
	size_t i, n;

	oc_html_heading(b, "cost", "What it cost");
	yyjson_obj_foreach(oc_json_get(facts, "recipes"), i, n, key, v)
	{
		right += oc_fact_num(v, "sums.right.n");
	}
	oc_buf_puts(b, "<div class=\"wide\"><table><tr><th></th><th class=\"n\">money</th>"
	               "<th class=\"n\">tokens</th><th class=\"n\">seconds</th></tr>");
	cost_row(b, "the run", money, tokens, seconds, 1);
	cost_row(b, "per row made", money, tokens, seconds, oc_fact_num(facts, "rows.made"));
	if (right > 0)
		cost_row(b, "per right row", money, tokens, seconds, right);
	cost_row(b, "per machine-made row kept", money, tokens, seconds,
	         oc_fact_num(facts, "origin.synthetic.rows"));
	oc_buf_puts(b, "</table></div>\n<p class=\"soft\">");
	oc_html_count(b, oc_fact_num(facts, "spend.sent"));
	oc_buf_puts(b, " requests sent, ");
	oc_html_count(b, oc_fact_num(facts, "spend.cached"));
	oc_buf_puts(b, " answered from the reply store for nothing, ");
	oc_html_count(b, oc_fact_num(facts, "spend.failed"));
	oc_buf_puts(b, " failed. Money is at list price, in the currency of the plan's "
	               "<code>price</code>.</p>\n");
}

/* ------------------------------------------------------------------- recipes */

static void count_bar(struct oc_buf *b, const char *css, const char *label, double n, double of)
{
	struct oc_buf text = {0};

	oc_html_count(&text, n);
	if (of > 0)
		oc_buf_printf(&text, " (%.1f %%)", 100 * n / of);
	oc_html_bar(b, css, oc_str(label), of > 0 ? n / of : 0, oc_buf_cstr(&text));
	oc_buf_fini(&text);
}

/* Sums whose longest number has more digits. */
static double sums_above(yyjson_val *kind, int digits)
{
	yyjson_val *key, *v;
	size_t i, n;
	double sum = 0;

	yyjson_obj_foreach(oc_json_get(kind, "by_digits"), i, n, key, v)
	{
		if (atoi(yyjson_get_str(key)) > digits)
			sum += yyjson_get_num(v);
	}
	return sum;
}

/* Kept against generated against human sums, by the size of the operands. */
static void sums(struct oc_buf *b, yyjson_val *s)
{
	static const char *const kinds[] = {"human", "generated", "right", "kept"};
	struct oc_str sentence = oc_json_get_str(s, "sentence");
	bool larger = false;

	oc_buf_puts(
		b, "<div class=\"wide\"><table><tr><th>sums</th><th class=\"n\">number</th>"
		   "<th class=\"n\">distinct</th><th class=\"n\">with 0, 1 or a power of ten</th>");
	for (int d = 1; d <= 4; d++)
		oc_buf_printf(b, "<th class=\"n\">%d digit%s</th>", d, d > 1 ? "s" : "");
	for (size_t k = 0; k < 4 && !larger; k++)
		larger = sums_above(oc_json_get(s, kinds[k]), 4) > 0;
	oc_buf_puts(b, larger ? "<th class=\"n\">more</th></tr>" : "</tr>");
	for (size_t k = 0; k < 4; k++) {
		yyjson_val *c = oc_json_get(s, kinds[k]);
		double n = oc_fact_num(c, "n");
		oc_buf_printf(b, "<tr><td>%s</td><td class=\"n\">", kinds[k]);
		oc_html_count(b, n);
		oc_buf_puts(b, "</td><td class=\"n\">");
		oc_html_count(b, oc_fact_num(c, "distinct"));
		oc_buf_puts(b, "</td><td class=\"n\">");
		if (n > 0)
			oc_buf_printf(b, "%.0f %%", 100 * oc_fact_num(c, "trivial") / n);
		oc_buf_puts(b, "</td>");
		for (int d = 1; d <= 4; d++) {
			char path[32];
			snprintf(path, sizeof path, "by_digits.%d", d);
			oc_buf_printf(b, "<td class=\"n\">%.0f %%</td>",
			              n > 0 ? 100 * oc_fact_num(c, path) / n : 0);
		}
		if (larger)
			oc_buf_printf(b, "<td class=\"n\">%.0f %%</td>",
			              n > 0 ? 100 * sums_above(c, 4) / n : 0);
		oc_buf_puts(b, "</tr>");
	}
	oc_buf_puts(b, "</table></div>\n");
	if (sentence.len) {
		oc_buf_puts(b, "<p class=\"warn\">");
		oc_html_text(b, sentence);
		oc_buf_printf(b,
		              ": %.0f %% of the kept sums have %.0f digits or more (95 %% interval "
		              "%.0f to %.0f), and %.0f %% were to have them",
		              100 * oc_fact_num(s, "as_asked.kept.share"),
		              oc_fact_num(s, "as_asked.digits"),
		              100 * oc_fact_num(s, "as_asked.kept.low"),
		              100 * oc_fact_num(s, "as_asked.kept.high"),
		              100 * oc_fact_num(s, "as_asked.asked"));
		if (oc_fact_num(s, "generated.n") > oc_fact_num(s, "kept.n"))
			oc_buf_printf(b,
			              "; of those that were not kept %.0f %% have them (difference "
			              "%.0f points, 95 %% interval %.0f to %.0f)",
			              100 * oc_fact_num(s, "as_asked.not_kept.share"),
			              100 * oc_fact_num(s, "as_asked.difference"),
			              100 * oc_fact_num(s, "as_asked.low"),
			              100 * oc_fact_num(s, "as_asked.high"));
		oc_buf_puts(b, ".</p>\n");
	}
}

static void recipe(struct oc_buf *b, struct oc_str name, yyjson_val *r)
{
	double made = oc_fact_num(r, "made");
	double came =
		oc_fact_num(r, "kept") + oc_fact_num(r, "held"); /* people decide about these */
	yyjson_val *s = oc_json_get(r, "sums"), *cell;
	size_t i, n;

	oc_buf_puts(b, "<h3>");
	oc_html_text(b, name);
	oc_buf_puts(b, "</h3>\n");
	count_bar(b, "synthetic", "generated", made, made);
	count_bar(b, "synthetic", "readable", oc_fact_num(r, "readable"), made);
	if (s) {
		if (oc_fact_num(s, "generated.n") < oc_fact_num(r, "readable"))
			count_bar(b, "synthetic", "of the kind asked for",
			          oc_fact_num(s, "generated.n"), made);
		count_bar(b, "synthetic", "right", oc_fact_num(s, "right.n"), made);
		count_bar(b, "synthetic", "right and not trivial",
		          oc_fact_num(s, "right.not_trivial"), made);
	}
	count_bar(b, "real", "kept", oc_fact_num(r, "kept"), made);
	if (oc_fact_num(r, "held") > 0)
		count_bar(b, "unknown", "waiting for people", oc_fact_num(r, "held"), made);
	if (came < oc_fact_num(r, "wanted")) {
		oc_buf_puts(b, "<p class=\"warn\">");
		oc_html_count(b, oc_fact_num(r, "wanted"));
		oc_buf_puts(b, " rows were asked for, and ");
		oc_html_count(b, came);
		oc_buf_puts(b, " came of ");
		oc_html_count(b, oc_fact_num(r, "requests"));
		oc_buf_puts(b, " requests.</p>\n");
	}
	if (s)
		sums(b, s);
	n = yyjson_arr_size(oc_json_get(r, "cells"));
	if (n)
		oc_buf_puts(b, "<div class=\"wide\"><table><tr><th>quota for</th><th "
		               "class=\"n\">wanted</th>"
		               "<th class=\"n\">kept</th></tr>");
	yyjson_arr_foreach(oc_json_get(r, "cells"), i, n, cell)
	{
		oc_buf_puts(b, "<tr><td>");
		oc_html_text(b, oc_json_get_str(cell, "cell"));
		oc_buf_puts(b, "</td><td class=\"n\">");
		oc_html_count(b, oc_fact_num(cell, "quota"));
		oc_buf_puts(b, "</td><td class=\"n\">");
		oc_html_count(b, oc_fact_num(cell, "kept"));
		oc_buf_puts(b, "</td></tr>");
	}
	if (n)
		oc_buf_puts(b, "</table></div>\n");
}

void oc_section_recipes(struct oc_buf *b, yyjson_val *facts)
{
	yyjson_val *key, *v;
	size_t i, n;

	oc_html_heading(b, "recipes", "What the model was asked for, and what it gave");
	yyjson_obj_foreach(oc_json_get(facts, "recipes"), i, n, key, v)
	{
		recipe(b, oc_json_str(key), v);
	}
}
