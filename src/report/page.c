/* report.html: what came of the run, from its founders to the rows that fell. */
#include "report/report.h"

#include <stdio.h>

#include "report/html.h"
#include "report/sections.h"
#include "report/value.h"

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
	oc_buf_printf(b, " · seed %.0f · plan <code>", oc_fact_num(f, "seed"));
	oc_html_text(b, oc_json_get_str(f, "plan_hash"));
	oc_buf_puts(b, "</code> · ");
	oc_html_num(b, oc_fact_num(f, "spend.seconds"));
	oc_buf_puts(b, " s</p></header>\n");
}

static bool has_members(yyjson_val *facts, const char *name)
{
	yyjson_val *v = oc_json_get(facts, name);
	return yyjson_arr_size(v) + yyjson_obj_size(v) > 0;
}

static bool always(yyjson_val *f)
{
	(void)f;
	return true;
}

static bool asked(yyjson_val *f)
{
	return oc_fact_num(f, "spend.sent") + oc_fact_num(f, "spend.cached") > 0;
}

static bool generated(yyjson_val *f)
{
	return has_members(f, "recipes");
}

static bool measured(yyjson_val *f)
{
	return has_members(f, "stages");
}

static bool reviewed(yyjson_val *f)
{
	return oc_fact_num(f, "review.seen") + oc_fact_num(f, "review.waiting") +
	               oc_fact_num(f, "rows.held") >
	       0;
}

static bool rehearsed(yyjson_val *f)
{
	return oc_json_get(f, "rehearsal") != NULL;
}

static bool mixed(yyjson_val *f)
{
	return oc_json_get(f, "mix") != NULL;
}

static bool has_examples(yyjson_val *f)
{
	return has_members(f, "examples");
}

static bool has_fallen(yyjson_val *f)
{
	return has_members(f, "fallen");
}

/* In the order of the page. What a run has not, it says in one place at the end. */
static const struct {
	const char *id, *name;
	bool (*there)(yyjson_val *facts);
	void (*write)(struct oc_buf *b, yyjson_val *facts);
	const char *absent;
} sections[] = {
	{"flow", "flow", always, oc_section_flow, NULL},
	{"rows", "origin and depth", always, oc_section_rows, NULL},
	{"lengths", "lengths", always, oc_section_lengths, NULL},
	{"stages", "stages", measured, oc_section_stages,
         "No stage measured anything over all rows."},
	{"cost", "cost", asked, oc_section_cost, "No model was asked."},
	{"recipes", "recipes", generated, oc_section_recipes, "Nothing was generated."},
	{"people", "people", reviewed, oc_section_people,
         "Nobody has reviewed rows of this run, and none waits."},
	{"mix", "mix", mixed, oc_section_mix,
         "No mix was asked for: every row that was left is written."},
	{"rehearsal", "rehearsal", rehearsed, oc_section_rehearsal,
         "Not rehearsed: the plan has no <code>rehearse:</code>."},
	{"examples", "examples", has_examples, oc_section_examples,
         "No machine-made row is in the train split."},
	{"fallen", "what fell", has_fallen, oc_section_fallen, "No row fell."},
	{"sources", "sources and files", always, oc_section_sources, NULL},
};
enum { SECTIONS = sizeof sections / sizeof *sections };

static void absent(struct oc_buf *b, yyjson_val *f)
{
	bool any = false;

	for (size_t i = 0; i < SECTIONS; i++) {
		if (sections[i].there(f))
			continue;
		oc_buf_puts(
			b, any ? ""
			       : "<h2 id=\"absent\">Not in this run</h2>\n<ul class=\"absent\">\n");
		oc_buf_printf(b, "<li id=\"%s\">%s</li>\n", sections[i].id, sections[i].absent);
		any = true;
	}
	oc_buf_puts(b, any ? "</ul>\n" : "");
}

static void founders(struct oc_buf *b, yyjson_val *f)
{
	double train = oc_fact_num(f, "rows.train"), distinct = oc_fact_num(f, "founders.distinct");
	double real = oc_fact_num(f, "origin.real.rows"),
	       without = oc_fact_num(f, "founders.rows_without");

	if (!(distinct > 0)) {
		oc_buf_puts(b, "<p id=\"founders\">None of the ");
		oc_html_count(b, train);
		oc_buf_puts(b, " train rows descends from a row that is known to be real.</p>\n");
		return;
	}
	oc_buf_puts(b, "<p id=\"founders\">");
	oc_html_count(b, train);
	oc_buf_puts(b, " train rows descend from ");
	oc_html_count(b, distinct);
	oc_buf_puts(b, " distinct real rows, effectively ");
	oc_html_num(b, oc_fact_num(f, "founders.effective"));
	oc_buf_puts(b, " (1 / sum of squared shares, a row shared evenly among its founders). ");
	if (without > 0) {
		oc_html_count(b, without);
		oc_buf_puts(b, without > 1 ? " rows descend from no real row. "
		                           : " row descends from no real row. ");
	}
	if (train > 0)
		oc_buf_printf(b, "%.1f %% of the rows are real.", 100 * real / train);
	oc_buf_puts(
		b,
		" However many rows are made of them, thirty people stay thirty founders.</p>\n");
}

static void tiles(struct oc_buf *b, yyjson_val *f)
{
	oc_buf_puts(b, "<section class=\"tiles\">");
	tile(b, "lead", "founders", oc_fact_num(f, "founders.distinct"),
	     "founders: distinct real rows this set descends from");
	tile(b, "", "rows", oc_fact_num(f, "rows.train"), "train rows");
	tile(b, "", "holdout", oc_fact_num(f, "rows.test"), "held-out real rows, the test split");
	tile(b, "", "fallen", oc_fact_num(f, "rows.rejected"),
	     "rows rejected, each with its reason");
	oc_buf_puts(b, "</section>\n");
}

static void waiting(struct oc_buf *b, yyjson_val *f)
{
	oc_buf_puts(b, "<p class=\"warn\">");
	oc_html_count(b, oc_fact_num(f, "review.waiting"));
	oc_buf_puts(b, " rows wait for people and are not in the data set: <code>outcross review ");
	oc_html_text(b, oc_json_get_str(f, "folder"));
	oc_buf_puts(b, "</code></p>\n");
}

static void nav(struct oc_buf *b, yyjson_val *f)
{
	oc_buf_puts(b, "<nav>");
	for (size_t i = 0; i < SECTIONS; i++)
		if (sections[i].there(f))
			oc_buf_printf(b, "<a href=\"#%s\">%s</a>", sections[i].id,
			              sections[i].name);
	oc_buf_puts(b, "</nav>\n");
}

int oc_report_html(struct oc_buf *b, yyjson_val *facts, struct oc_err *err)
{
	(void)err;
	head(b, facts);
	tiles(b, facts);
	founders(b, facts);
	if (oc_str_is(oc_json_get_str(facts, "state"), "review"))
		waiting(b, facts);
	nav(b, facts);
	for (size_t i = 0; i < SECTIONS; i++)
		if (sections[i].there(facts))
			sections[i].write(b, facts);
	absent(b, facts);
	oc_buf_puts(b, "</main></body></html>\n");
	return 0;
}
