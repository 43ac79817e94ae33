/* The report for a terminal: bars, pairs and a plot in 80 columns. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report.h"
#include "report/value.h"

#define BAR          40 /* columns of a full bar */
#define WIDTH        62 /* of a text beside its label */
#define WAITING      12 /* pairs shown; the page has more */
#define PLOT_ROWS    11
#define GENERATIONS  20 /* columns of the plot at most */
#define ARMS         3
#define GENERATION_W 5

/* 12,345 */
static void count(struct oc_buf *b, double n)
{
	char digits[32];
	int len = snprintf(digits, sizeof digits, "%.0f", n);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0 && digits[i - 1] != '-')
			oc_buf_putc(b, ',');
		oc_buf_putc(b, digits[i]);
	}
}

/* A text on one line, cut at `columns` code points. */
static void one_line(struct oc_buf *b, struct oc_str s, size_t columns)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool begins = (c & 0xC0) != 0x80;
		if (begins && columns-- == 0) {
			oc_buf_puts(b, "...");
			return;
		}
		oc_buf_putc(b, c < ' ' || c == 0x7F ? ' ' : (char)c);
	}
}

/* ------------------------------------------------------------------- recipes */

static void bar(struct oc_buf *b, const char *label, double n, double of)
{
	int len = of > 0 ? (int)(BAR * n / of + 0.5) : 0;

	oc_buf_printf(b, "  %-22s ", label);
	for (int i = 0; i < BAR; i++)
		oc_buf_puts(b, i < len ? "█" : i == 0 && n > 0 ? "▏" : " ");
	oc_buf_putc(b, ' ');
	count(b, n);
	if (of > 0)
		oc_buf_printf(b, " (%.1f %%)", 100 * n / of);
	oc_buf_putc(b, '\n');
}

static void recipes(struct oc_buf *b, yyjson_val *facts)
{
	size_t i, n;
	yyjson_val *key, *r;

	yyjson_obj_foreach(oc_json_get(facts, "recipes"), i, n, key, r)
	{
		double made = oc_fact_num(r, "made");
		double came = oc_fact_num(r, "kept") + oc_fact_num(r, "held");
		yyjson_val *s = oc_json_get(r, "sums");
		oc_buf_str(b, oc_json_str(key));
		oc_buf_putc(b, '\n');
		bar(b, "generated", made, made);
		bar(b, "readable", oc_fact_num(r, "readable"), made);
		if (s) {
			if (oc_fact_num(s, "generated.n") < oc_fact_num(r, "readable"))
				bar(b, "of the kind asked for", oc_fact_num(s, "generated.n"),
				    made);
			bar(b, "right", oc_fact_num(s, "right.n"), made);
			bar(b, "right, not trivial", oc_fact_num(s, "right.not_trivial"), made);
		} else {
			bar(b, "kept", oc_fact_num(r, "kept"), made);
		}
		if (oc_fact_num(r, "held") > 0)
			bar(b, "waiting for people", oc_fact_num(r, "held"), made);
		if (came < oc_fact_num(r, "wanted")) {
			oc_buf_puts(b, "  ");
			count(b, oc_fact_num(r, "wanted"));
			oc_buf_puts(b, " rows were asked for, and ");
			count(b, came);
			oc_buf_puts(b, " came of ");
			count(b, oc_fact_num(r, "requests"));
			oc_buf_puts(b, " requests\n");
		}
		struct oc_str sentence = oc_json_get_str(s, "sentence");
		if (sentence.len)
			oc_buf_printf(b, "  %.*s\n", OC_ARG(sentence));
	}
	if (!n)
		oc_buf_puts(b, "This plan generates nothing.\n");
}

/* ------------------------------------------------------------------- waiting */

static void labelled(struct oc_buf *b, const char *label, struct oc_str text)
{
	oc_buf_printf(b, "    %-7s ", label);
	one_line(b, text, WIDTH);
	oc_buf_putc(b, '\n');
}

/*
 * The first text is the title. Where the nearest real row begins alike, what people said there
 * stands above what the model says.
 */
static void pair(struct oc_buf *b, yyjson_val *row, yyjson_val *near)
{
	bool title = true, alike = false;
	size_t i, n;
	yyjson_val *key, *v;

	yyjson_obj_foreach(row, i, n, key, v)
	{
		struct oc_str mine = oc_json_str(v);
		struct oc_str theirs = oc_json_str(
			yyjson_obj_getn(near, yyjson_get_str(key), yyjson_get_len(key)));
		if (!mine.len)
			continue;
		if (title) {
			alike = oc_str_eq(mine, theirs);
			oc_buf_puts(b, "  ");
			one_line(b, mine, WIDTH);
			oc_buf_putc(b, '\n');
			title = false;
		} else if (!alike || !oc_str_eq(mine, theirs)) {
			if (alike && theirs.len)
				labelled(b, "people", theirs);
			labelled(b, "model", mine);
		}
	}
}

static void waiting(struct oc_buf *b, yyjson_val *facts)
{
	size_t i, n;
	yyjson_val *e;

	yyjson_arr_foreach(oc_json_path(facts, OC_LIT("review.rows")), i, n, e)
	{
		if (i < WAITING)
			pair(b, oc_json_get(e, "row"), oc_json_path(e, OC_LIT("nearest.row")));
	}
	count(b, oc_fact_num(facts, "review.waiting"));
	oc_buf_puts(b, " rows wait for people");
	if (n > WAITING)
		oc_buf_printf(b, " (%d shown)", WAITING);
	oc_buf_puts(b, "; none of them is in the data set.\n");
}

/* ----------------------------------------------------------------- rehearsal */

/* Survivors of an arm at a generation, or NaN. */
static double survivors(yyjson_val *arm, size_t generation)
{
	yyjson_val *v = yyjson_arr_get(oc_json_get(arm, "survivors"), generation);
	return v ? yyjson_get_num(v) : NAN;
}

static void plot(struct oc_buf *b, yyjson_val *r)
{
	yyjson_val *arms = oc_json_get(r, "arms");
	size_t generations = (size_t)oc_fact_num(r, "generations") + 1,
	       arm_n = yyjson_arr_size(arms);
	double top = 0;

	if (generations > GENERATIONS)
		generations = GENERATIONS;
	if (arm_n > ARMS)
		arm_n = ARMS;
	for (size_t a = 0; a < arm_n; a++)
		for (size_t g = 0; g < generations; g++)
			top = fmax(top, survivors(yyjson_arr_get(arms, a), g));
	for (int row = PLOT_ROWS - 1; row >= 0; row--) {
		if (row % 5 == 0)
			oc_buf_printf(b, "%7.0f |", top * row / (PLOT_ROWS - 1));
		else
			oc_buf_puts(b, "        |");
		for (size_t g = 0; g < generations; g++) {
			char mark = ' ';
			for (size_t a = 0; a < arm_n; a++) {
				yyjson_val *arm = yyjson_arr_get(arms, a);
				double y =
					survivors(arm, g) / (top > 0 ? top : 1) * (PLOT_ROWS - 1);
				if (isnan(y) || (int)(y + 0.5) != row)
					continue;
				struct oc_str name = oc_json_get_str(arm, "loop");
				mark = mark != ' ' || !name.len ? '*' : name.p[0];
			}
			oc_buf_printf(b, "%*c", GENERATION_W, mark);
		}
		oc_buf_putc(b, '\n');
	}
	oc_buf_puts(b, "        +");
	for (size_t i = 0; i < generations * GENERATION_W; i++)
		oc_buf_putc(b, '-');
	oc_buf_puts(b, "\n         ");
	for (size_t g = 0; g < generations; g++)
		oc_buf_printf(b, "%*zu", GENERATION_W, g);
	oc_buf_puts(b, "  generation\n  ");
	for (size_t a = 0; a < arm_n; a++) {
		struct oc_str name = oc_json_get_str(yyjson_arr_get(arms, a), "loop");
		if (name.len)
			oc_buf_printf(b, "%c %.*s, ", name.p[0], OC_ARG(name));
	}
	oc_buf_puts(b, "* several\n");
}

static void rehearsal(struct oc_buf *b, yyjson_val *facts)
{
	yyjson_val *r = oc_json_get(facts, "rehearsal"), *arm, *said;
	struct oc_str start = oc_json_get_str(r, "start");
	size_t i, n, k, m;

	if (!oc_json_get(r, "arms")) {
		struct oc_str why = oc_json_get_str(r, "verdict");
		oc_buf_printf(b, "%.*s\n", OC_ARG(why.len ? why : OC_LIT("Not rehearsed.")));
		return;
	}
	oc_buf_puts(b,
	            "Distinct words of the held-out rows that each generation still writes, of ");
	count(b, oc_fact_num(r, "held_words"));
	oc_buf_puts(b, ":\n");
	plot(b, r);
	if (!start.len)
		return;
	oc_buf_printf(b, "\"%.*s\", continued by generations of each arm:\n", OC_ARG(start));
	yyjson_arr_foreach(oc_json_get(r, "arms"), i, n, arm)
	{
		yyjson_arr_foreach(oc_json_get(arm, "says"), k, m, said)
		{
			struct oc_str text = oc_json_get_str(said, "text");
			struct oc_str name = k ? OC_LIT("") : oc_json_get_str(arm, "loop");
			oc_buf_printf(b, "  %-12.*s%3.0f  ", OC_ARG(name),
			              oc_fact_num(said, "generation"));
			one_line(b, text.len ? text : OC_LIT("(it no longer knows the word)"),
			         WIDTH - 4);
			oc_buf_putc(b, '\n');
		}
	}
}

/* ------------------------------------------------------------------- summary */

static void stages(struct oc_buf *b, yyjson_val *facts)
{
	yyjson_val *list = oc_json_get(facts, "stages");

	oc_report_stages(b, list, false);
	if (!yyjson_arr_size(list))
		oc_buf_puts(b, "No stage of this plan measured anything over all rows.\n");
}

static void summary(struct oc_buf *b, yyjson_val *facts)
{
	static const char *const fates[] = {"train",    "test",   "held",
	                                    "rejected", "merged", "unused"};
	yyjson_val *r = oc_json_get(facts, "rehearsal"), *arm;
	double last = oc_fact_num(r, "generations");
	const char *sep = "";
	size_t i, n;

	oc_buf_puts(b, "rows       ");
	count(b, oc_fact_num(facts, "rows.in"));
	oc_buf_puts(b, " read + ");
	count(b, oc_fact_num(facts, "rows.made"));
	oc_buf_puts(b, " made = ");
	for (size_t k = 0; k < sizeof fates / sizeof *fates; k++) {
		char path[32];
		snprintf(path, sizeof path, "rows.%s", fates[k]);
		if (oc_fact_num(facts, path) <= 0)
			continue;
		oc_buf_puts(b, sep);
		count(b, oc_fact_num(facts, path));
		oc_buf_printf(b, " %s", fates[k]);
		sep = " + ";
	}
	oc_buf_puts(b, "\nfounders   the train rows descend from ");
	count(b, oc_fact_num(facts, "founders.distinct"));
	oc_buf_puts(b, " real rows, effectively ");
	count(b, oc_fact_num(facts, "founders.effective"));
	oc_buf_putc(b, '\n');
	yyjson_arr_foreach(oc_json_get(r, "arms"), i, n, arm)
	{
		char label[16];
		struct oc_str name = oc_json_get_str(arm, "loop");
		snprintf(label, sizeof label, "%.*s", OC_ARG(name));
		oc_buf_printf(b, "%-10s ", label);
		count(b, survivors(arm, 0));
		oc_buf_puts(b, " held-out words in the real rows, ");
		count(b, survivors(arm, (size_t)last));
		oc_buf_printf(b, " after %.0f generations: ", last);
		oc_buf_str(b, oc_json_get_str(arm, "verdict"));
		oc_buf_putc(b, '\n');
	}
	yyjson_arr_foreach(oc_json_get(facts, "stages"), i, n, arm)
	{
		struct oc_str step = oc_json_get_str(arm, "step"),
			      lead = oc_json_get_str(arm, "lead");
		oc_buf_printf(b, "%-10.*s %.*s\n", OC_ARG(step), OC_ARG(lead));
	}
	struct oc_str folder = oc_json_get_str(facts, "folder");
	oc_buf_printf(b, "report     %.*s/report.html\n", OC_ARG(folder));
}

bool oc_report_text(struct oc_buf *out, yyjson_val *facts, struct oc_str part)
{
	static const struct {
		const char *name;
		void (*write)(struct oc_buf *b, yyjson_val *facts);
	} parts[] = {{"summary", summary},
	             {"stages", stages},
	             {"recipes", recipes},
	             {"waiting", waiting},
	             {"rehearsal", rehearsal}};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (oc_str_is(part, parts[i].name)) {
			size_t from = out->len;
			parts[i].write(out, facts);
			oc_terminal_safe(out, from);
			return true;
		}
	return false;
}
