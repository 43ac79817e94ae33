/* report.html: what came of the run, from its founders to the rows that fell. */
#include "report/report.h"

#include <stdio.h>

#include "report/html.h"
#include "report/sections.h"

static double num(yyjson_val *facts, const char *path)
{
	yyjson_val *v = oc_json_path(facts, oc_str(path));
	return yyjson_is_num(v) ? yyjson_get_num(v) : 0;
}

static void tile(struct oc_buf *b, const char *css, const char *href, double n, const char *label)
{
	oc_buf_printf(b, "<a class=\"tile %s\" href=\"#%s\" style=\"text-decoration:none\"><b>",
	              css, href);
	oc_html_count(b, n);
	oc_buf_printf(b, "</b><span>%s</span></a>\n", label);
}

static void head(struct oc_buf *b, yyjson_val *f)
{
	struct oc_str name = oc_json_get_str(f, "name");

	oc_buf_puts(
		b,
		"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>");
	oc_html_text(b, name);
	oc_buf_puts(b, " · Outcross</title><style>");
	oc_buf_puts(b, oc_html_style);
	oc_buf_puts(b, oc_html_style_more);
	oc_buf_puts(
		b,
		"</style></head><body><main>\n<header><p class=\"soft\">Outcross report</p><h1>");
	oc_html_text(b, name);
	oc_buf_puts(b, "</h1><p class=\"soft\">");
	oc_html_text(b, oc_json_get_str(f, "program"));
	oc_buf_puts(b, " · ");
	oc_html_text(b, oc_json_get_str(f, "created"));
	oc_buf_printf(b, " · seed %.0f · plan <code>", num(f, "seed"));
	oc_html_text(b, oc_json_get_str(f, "plan_hash"));
	oc_buf_puts(b, "</code></p></header>\n");
}

static void founders(struct oc_buf *b, yyjson_val *f)
{
	double train = num(f, "rows.train"), distinct = num(f, "founders.distinct");
	double real = num(f, "origin.real.rows");

	oc_buf_puts(b, "<section class=\"tiles\">");
	tile(b, "lead", "founders", distinct,
	     "founders: distinct real rows this set descends from");
	tile(b, "", "rows", train, "train rows");
	tile(b, "", "holdout", num(f, "rows.test"), "held-out real rows, the test split");
	tile(b, "", "fallen", num(f, "rows.rejected"), "rows rejected, each with its reason");
	oc_buf_puts(b, "</section>\n<p id=\"founders\">");
	oc_html_count(b, train);
	oc_buf_puts(b, " train rows descend from ");
	oc_html_count(b, distinct);
	oc_buf_puts(b, " distinct real rows, effectively ");
	oc_html_num(b, num(f, "founders.effective"));
	oc_buf_puts(b, " (1 / sum of squared shares, a row shared evenly among its founders). ");
	if (num(f, "founders.rows_without") > 0) {
		oc_html_count(b, num(f, "founders.rows_without"));
		oc_buf_puts(b, " rows descend from no real row. ");
	}
	if (train > 0)
		oc_buf_printf(b, "%.1f %% of the rows are real.", 100 * real / train);
	oc_buf_puts(
		b,
		" However many rows are made of them, thirty people stay thirty founders.</p>\n");
	if (oc_str_is(oc_json_get_str(f, "state"), "review")) {
		oc_buf_puts(b, "<p class=\"warn\">");
		oc_html_count(b, num(f, "review.waiting"));
		oc_buf_puts(b, " rows wait for people and are not in the data set: <code>outcross "
		               "review ");
		oc_html_text(b, oc_json_get_str(f, "folder"));
		oc_buf_puts(b, "</code></p>\n");
	}
	oc_buf_puts(b, "<nav><a href=\"#flow\">flow</a><a href=\"#rows\">origin and depth</a>"
	               "<a href=\"#lengths\">lengths</a><a href=\"#stages\">stages</a><a "
	               "href=\"#cost\">cost</a>"
	               "<a href=\"#recipes\">recipes</a><a href=\"#people\">people</a>"
	               "<a href=\"#rehearsal\">rehearsal</a><a href=\"#examples\">examples</a>"
	               "<a href=\"#fallen\">what fell</a><a href=\"#sources\">sources</a></nav>\n");
}

int oc_report_html(struct oc_buf *b, yyjson_val *facts, struct oc_err *err)
{
	(void)err;
	head(b, facts);
	founders(b, facts);
	oc_section_flow(b, facts);
	oc_section_rows(b, facts);
	oc_section_lengths(b, facts);
	oc_section_stages(b, facts);
	oc_section_cost(b, facts);
	oc_section_recipes(b, facts);
	oc_section_people(b, facts);
	oc_section_rehearsal(b, facts);
	oc_section_examples(b, facts);
	oc_section_fallen(b, facts);
	oc_section_sources(b, facts);
	oc_buf_puts(b, "</main></body></html>\n");
	return 0;
}
