/* The sections that show rows: what people saw, machine-made rows, what fell; and where all lies.
 */
#include <stdio.h>
#include <stdlib.h>

#include "report/html.h"
#include "report/sections.h"
#include "report/value.h"

static void card(struct oc_buf *b, const char *title, struct oc_str key, yyjson_val *row)
{
	oc_buf_printf(b, "<div class=\"card\"><h3>%s ", title);
	oc_html_text(b, key);
	oc_buf_puts(b, "</h3>");
	oc_html_row(b, row);
	oc_buf_puts(b, "</div>");
}

/* A row beside the nearest real one. */
static void beside(struct oc_buf *b, const char *title, yyjson_val *e)
{
	yyjson_val *near = oc_json_get(e, "nearest");
	char label[48];

	oc_buf_puts(b, "<div class=\"pair\">");
	card(b, title, oc_json_get_str(e, "key"), oc_json_get(e, "row"));
	if (near) {
		snprintf(label, sizeof label,
		         "nearest real, ROUGE-L %.2f:", oc_fact_num(near, "rouge_l"));
		card(b, label, oc_json_get_str(near, "key"), oc_json_get(near, "row"));
	}
	oc_buf_puts(b, "</div>\n");
}

/* -------------------------------------------------------------------- people */

#define PAIRS_OPEN 6 /* shown; the others unfold */

static void pairs(struct oc_buf *b, const char *title, yyjson_val *rows)
{
	size_t i, n;
	yyjson_val *e;

	yyjson_arr_foreach(rows, i, n, e)
	{
		if (i == PAIRS_OPEN)
			oc_buf_printf(b, "<details><summary>%zu more</summary>\n", n - i);
		beside(b, title, e);
	}
	if (n > PAIRS_OPEN)
		oc_buf_puts(b, "</details>\n");
}

void oc_section_people(struct oc_buf *b, yyjson_val *facts)
{
	double seen = oc_fact_num(facts, "review.seen");

	oc_html_heading(b, "people", "What people saw");
	if (!(seen > 0)) {
		oc_buf_puts(b, "<p>Nobody has reviewed rows of this run; ");
		oc_html_count(b, oc_fact_num(facts, "review.waiting"));
		oc_buf_puts(b, " wait.</p>\n");
		pairs(b, "waits:", oc_json_path(facts, OC_LIT("review.rows")));
		return;
	}
	oc_buf_puts(b, "<p>People saw ");
	oc_html_count(b, seen);
	oc_buf_puts(b, " rows and rejected or edited ");
	oc_html_count(b, oc_fact_num(facts, "review.defects"));
	oc_buf_printf(
		b, ": a defect rate of %.1f %% (95 %% interval %.1f to %.1f, Clopper-Pearson). ",
		100 * oc_fact_num(facts, "review.defects") / seen,
		100 * oc_fact_num(facts, "review.low"), 100 * oc_fact_num(facts, "review.high"));
	oc_html_count(b, oc_fact_num(facts, "review.waiting"));
	oc_buf_puts(b, " wait.</p>\n");
	pairs(b, "waits:", oc_json_path(facts, OC_LIT("review.rows")));
}

/* --------------------------------------------------- examples, what fell, sources */

void oc_section_examples(struct oc_buf *b, yyjson_val *facts)
{
	size_t n = yyjson_arr_size(oc_json_get(facts, "examples"));

	oc_html_heading(b, "examples", "Machine-made rows beside the nearest real one");
	oc_buf_printf(b,
	              "<p class=\"soft\">%zu rows of the train split at random. A row's whole "
	              "life: <code>outcross why ",
	              n);
	oc_html_text(b, oc_json_get_str(facts, "folder"));
	oc_buf_puts(b, " ROW</code>.</p>\n");
	pairs(b, "made", oc_json_get(facts, "examples"));
}

static unsigned digit_of(char c)
{
	return c >= 'A' && c <= 'Z'   ? (unsigned)(c - 'A')
	       : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 26
	       : c >= '0' && c <= '9' ? (unsigned)(c - '0') + 52
	       : c == '+'             ? 62
	                              : 63;
}

/* The bytes of a row that is no JSON object, as text as far as they are text. */
static void raw_bytes(struct oc_buf *b, struct oc_str base64)
{
	size_t pad = 0, most = OC_HTML_TEXT * 4 / 3 + 4;
	struct oc_buf bytes = {0};

	while (pad < base64.len && base64.p[base64.len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i + 4 <= base64.len && i < most; i += 4) {
		uint32_t v = digit_of(base64.p[i]) << 18 | digit_of(base64.p[i + 1]) << 12 |
		             digit_of(base64.p[i + 2]) << 6 | digit_of(base64.p[i + 3]);
		oc_buf_putc(&bytes, (char)(v >> 16));
		oc_buf_putc(&bytes, (char)(v >> 8 & 0xFF));
		oc_buf_putc(&bytes, (char)(v & 0xFF));
	}
	size_t whole = base64.len / 4 * 3 - pad;
	oc_buf_puts(b, "<pre dir=\"auto\">");
	oc_html_text(b, (struct oc_str){bytes.p, bytes.len < whole ? bytes.len : whole});
	oc_buf_puts(b, bytes.len < whole ? " …</pre>" : "</pre>");
	oc_buf_fini(&bytes);
}

/* A row that fell, whole, or as much of it as there is. */
static void fallen_row(struct oc_buf *b, yyjson_val *e)
{
	yyjson_val *row = oc_json_get(e, "row"), *begins = oc_json_get(e, "begins");

	oc_buf_puts(b, "<div class=\"card\"><h3>");
	oc_html_text(b, oc_json_get_str(e, "key"));
	if (begins) {
		oc_buf_puts(b, ", ");
		oc_html_count(b, oc_fact_num(e, "bytes"));
		oc_buf_puts(b, " bytes");
	}
	oc_buf_puts(b, "</h3>");
	if (row || begins)
		oc_html_row(b, row ? row : begins);
	else
		raw_bytes(b, oc_json_get_str(e, "base64"));
	oc_buf_puts(b, "</div>");
}

static int by_n(const void *a, const void *b)
{
	yyjson_val *const *x = a, *const *y = b;
	double p = oc_fact_num(*x, "n"), q = oc_fact_num(*y, "n");

	if (p != q)
		return p < q ? 1 : -1;
	int order = oc_str_cmp(oc_json_get_str(*x, "step"), oc_json_get_str(*y, "step"));
	return order ? order : oc_str_cmp(oc_json_get_str(*x, "rule"), oc_json_get_str(*y, "rule"));
}

/* One reason, folded. */
static void reason(struct oc_buf *b, yyjson_val *facts, yyjson_val *f)
{
	struct oc_str step = oc_json_get_str(f, "step"), rule = oc_json_get_str(f, "rule");
	yyjson_val *e;
	size_t i, n;

	oc_buf_puts(b, "<details id=\"fell-");
	oc_html_id(b, step, rule);
	oc_buf_puts(b, "\"><summary>");
	oc_html_text(b, step);
	oc_buf_puts(b, ": ");
	oc_html_text(b, rule);
	oc_buf_puts(b, ", ");
	oc_html_count(b, oc_fact_num(f, "n"));
	oc_buf_puts(b, oc_fact_num(f, "n") == 1 ? " row" : " rows");
	oc_buf_puts(b, "</summary><div class=\"pair\">");
	yyjson_arr_foreach(oc_json_get(f, "examples"), i, n, e)
	{
		fallen_row(b, e);
	}
	oc_buf_puts(b, "</div><p class=\"soft\">All of them: <code>outcross show ");
	oc_html_text(b, oc_json_get_str(facts, "folder"));
	if (oc_str_is(rule, "unused")) {
		oc_buf_puts(b, " --unused --source ");
		oc_html_text(b, step);
	} else {
		oc_buf_puts(b, " --rejected --step ");
		oc_html_text(b, step);
		oc_buf_puts(b, " --reason ");
		oc_html_text(b, rule);
	}
	oc_buf_puts(b, "</code></p></details>\n");
}

void oc_section_fallen(struct oc_buf *b, yyjson_val *facts)
{
	yyjson_val *list = oc_json_get(facts, "fallen"), *f;
	size_t i, n = yyjson_arr_size(list);
	yyjson_val **order = oc_alloc((n + 1) * sizeof(yyjson_val *));

	oc_html_heading(b, "fallen", "Rows that fell, by reason");
	yyjson_arr_foreach(list, i, n, f)
	{
		order[i] = f;
	}
	qsort(order, n, sizeof *order, by_n);
	for (i = 0; i < n; i++)
		reason(b, facts, order[i]);
	free(order);
}

/* The run's files, to be opened from the page where it lies. */
static void files(struct oc_buf *b, yyjson_val *facts)
{
	yyjson_val *file;
	size_t i, n;

	oc_buf_puts(b, "<h3>Files</h3>\n<div class=\"wide\"><table><tr><th>file</th>"
	               "<th class=\"n\">bytes</th></tr>");
	yyjson_arr_foreach(oc_json_get(facts, "files"), i, n, file)
	{
		oc_buf_puts(b, "<tr><td><a href=\"");
		oc_html_text(b, oc_json_get_str(file, "path"));
		oc_buf_puts(b, "\">");
		oc_html_text(b, oc_json_get_str(file, "path"));
		oc_buf_puts(b, "</a></td><td class=\"n\">");
		oc_html_count(b, oc_fact_num(file, "bytes"));
		oc_buf_puts(b, "</td></tr>\n");
	}
	oc_buf_puts(b, "</table></div>\n<p class=\"soft\">Line k of a file of <code>lineage</code> "
	               "is the pedigree of line k of its data file. This page as JSON: <a "
	               "href=\"report.json\">report.json</a>; the plan with every default: <a "
	               "href=\"plan.lock.yaml\">plan.lock.yaml</a>; the data set card: <a "
	               "href=\"out/README.md\">out/README.md</a>.</p>\n");
}

void oc_section_sources(struct oc_buf *b, yyjson_val *facts)
{
	static const char *const columns[] = {"name",    "type",      "origin",
	                                      "license", "collected", "attest"};
	size_t i, n, k, m;
	yyjson_val *s, *file;

	oc_html_heading(b, "sources", "Sources and licences");
	oc_buf_puts(b, "<div class=\"wide\"><table "
	               "class=\"full\"><tr><th>source</th><th>type</th><th>origin</th>"
	               "<th>licence</th><th>collected</th><th>attested by</th><th>files</th></tr>");
	yyjson_arr_foreach(oc_json_get(facts, "sources"), i, n, s)
	{
		oc_buf_puts(b, "<tr>");
		for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
			struct oc_str said = oc_json_get_str(s, columns[c]);
			oc_buf_puts(b, "<td>");
			oc_html_text(b, said);
			if (c == 3 && !said.len)
				oc_buf_puts(b, "<span class=\"soft\">not stated</span>");
			if (c == 2 && oc_json_get_str(s, "origin_why").len) {
				oc_buf_puts(b, "<br><span class=\"soft\">");
				oc_html_text(b, oc_json_get_str(s, "origin_why"));
				oc_buf_puts(b, "</span>");
			}
			oc_buf_puts(b, "</td>");
		}
		oc_buf_puts(b, "<td>");
		yyjson_arr_foreach(oc_json_get(s, "files"), k, m, file)
		{
			oc_html_text(b, oc_json_get_str(file, "file"));
			oc_buf_puts(b, ", ");
			oc_html_count(b, oc_fact_num(file, "rows"));
			oc_buf_puts(b, " rows<br><code class=\"soft\">");
			oc_html_text(b, oc_json_get_str(file, "hash"));
			oc_buf_puts(b, "</code><br>");
		}
		oc_buf_puts(b, "</td></tr>");
	}
	oc_buf_puts(b, "</table></div>\n");
	files(b, facts);
}

/* ------------------------------------------------------------------------ mix */

void oc_section_mix(struct oc_buf *b, yyjson_val *facts)
{
	yyjson_val *mix = oc_json_get(facts, "mix"), *share;
	struct oc_str unit = oc_json_get_str(mix, "unit");
	size_t i, n;

	oc_html_heading(b, "mix", "What the mix was to be, and is");
	oc_buf_puts(b, "<div class=\"wide\"><table><tr><th>share</th><th class=\"n\">");
	oc_html_text(b, unit);
	oc_buf_puts(b, " asked for</th><th class=\"n\">got</th><th></th></tr>");
	yyjson_arr_foreach(oc_json_get(mix, "shares"), i, n, share)
	{
		double asked = oc_fact_num(share, "asked"), got = oc_fact_num(share, "got");
		oc_buf_puts(b, "<tr><td>");
		oc_html_text(b, oc_json_get_str(share, "share"));
		oc_buf_puts(b, "</td><td class=\"n\">");
		oc_buf_puts(b, oc_str_is(oc_json_get_str(share, "mode"), "up_to") ? "up to " : "");
		oc_html_count(b, asked);
		oc_buf_puts(b, "</td><td class=\"n\">");
		oc_html_count(b, got);
		oc_buf_puts(b, "</td><td class=\"soft\">");
		if (got < asked) {
			oc_html_count(b, asked - got);
			oc_buf_puts(b, " fewer");
		}
		oc_buf_puts(b, "</td></tr>\n");
	}
	oc_buf_puts(b, "</table></div>\n");
	if (oc_fact_num(facts, "rows.unused") > 0) {
		oc_buf_puts(b, "<p class=\"soft\">Good rows for which there was no place: "
		               "<code>outcross show ");
		oc_html_text(b, oc_json_get_str(facts, "folder"));
		oc_buf_puts(b, " --unused</code></p>\n");
	}
}
