/* What came of training on the set's own output: the arms in one plot, and one word continued. */
#include <stdio.h>

#include "report/html.h"
#include "report/sections.h"

enum { GENERATIONS = 64, ARMS = 3 };

static void plot(struct oc_buf *b, yyjson_val *r)
{
	static const char *const colours[] = {"synthetic", "unknown", "real"};
	double y[ARMS][GENERATIONS + 1];
	char names[GENERATIONS + 1][8], labels[ARMS][24];
	const char *ticks[GENERATIONS + 1];
	struct oc_series series[ARMS];
	unsigned arm_n = 0;
	size_t i, n, k, m;
	yyjson_val *arm, *v;

	yyjson_arr_foreach(oc_json_get(r, "arms"), i, n, arm)
	{
		if (arm_n == ARMS)
			break;
		unsigned at = 0;
		yyjson_arr_foreach(oc_json_get(arm, "survivors"), k, m, v)
		{
			if (at <= GENERATIONS)
				y[arm_n][at++] = yyjson_get_num(v);
		}
		snprintf(labels[arm_n], sizeof labels[arm_n], "%s",
		         yyjson_get_str(oc_json_get(arm, "loop")));
		series[arm_n] = (struct oc_series){labels[arm_n], colours[arm_n], y[arm_n], at};
		arm_n++;
	}
	for (i = 0; i <= GENERATIONS; i++) {
		snprintf(names[i], sizeof names[i], "%zu", i);
		ticks[i] = names[i];
	}
	oc_html_lines(b, "How many of the held-out rows' distinct words are still written",
	              "generation", "held-out words that survive", ticks, series, arm_n);
}

static void sayings(struct oc_buf *b, yyjson_val *r)
{
	size_t i, n, k, m;
	yyjson_val *arm, *said;

	oc_buf_puts(b, "<p>\"");
	oc_html_text(b, oc_json_get_str(r, "start"));
	oc_buf_puts(b, "\", continued by generations of each arm:</p><div "
	               "class=\"wide\"><table><tr><th>arm</th>"
	               "<th class=\"n\">generation</th><th></th></tr>");
	yyjson_arr_foreach(oc_json_get(r, "arms"), i, n, arm)
	{
		yyjson_arr_foreach(oc_json_get(arm, "says"), k, m, said)
		{
			struct oc_str text = oc_json_get_str(said, "text");
			oc_buf_puts(b, "<tr><td>");
			oc_html_text(b, k ? OC_LIT("") : oc_json_get_str(arm, "loop"));
			oc_buf_printf(b, "</td><td class=\"n\">%.0f</td><td>",
			              oc_json_get_num(said, "generation", 0));
			oc_html_text(b, text.len ? text : OC_LIT("(it no longer knows the word)"));
			oc_buf_puts(b, "</td></tr>");
		}
	}
	oc_buf_puts(b, "</table></div>\n");
}

void oc_section_rehearsal(struct oc_buf *b, yyjson_val *facts)
{
	yyjson_val *r = oc_json_get(facts, "rehearsal");

	oc_buf_puts(b, "<h2 id=\"rehearsal\">If the output came back as training data</h2>\n");
	if (!oc_json_get(r, "arms")) { /* there was nothing to learn from, or to judge by */
		oc_buf_puts(b, "<p class=\"soft\">");
		oc_html_text(b, oc_json_get_str(r, "verdict"));
		oc_buf_puts(b, "</p>\n");
		return;
	}
	plot(b, r);
	if (yyjson_is_str(oc_json_get(r, "start")))
		sayings(b, r);
	oc_buf_puts(b, "<p>");
	oc_html_text(b, oc_json_get_str(r, "verdict"));
	oc_buf_puts(
		b,
		"</p>\n<p class=\"soft\">replace: each generation is trained on the last one's "
		"output "
		"only; fixed: a fixed share of the same real rows stays in; accumulate: all "
		"earlier "
		"data stays in. The stand-in is an n-gram model, small and quick to collapse: it "
		"shows the direction, not the speed, of what a large model would do.</p>\n");
}
