/* What the stages measured over all rows (data/facts.h), for a terminal. */
#include <math.h>
#include <stdio.h>

#include "report/report.h"
#include "report/value.h"

#define BAR          30  /* columns of a full bar */
#define EXCERPT      300 /* bytes of a text beside its source */
#define COLUMNS      16  /* of a table; the page shows more */
#define ROWS         20
#define PAIRS        3
#define NAME_COLUMNS 44 /* columns of a figure's name */

/* Code points: near enough to columns for the names of figures and groups. */
static int width_of(struct oc_str s)
{
	int n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
	return n;
}

/* On one line. */
static void plain(struct oc_buf *b, struct oc_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		oc_buf_putc(b, c < ' ' || c == 0x7F ? ' ' : (char)c);
	}
}

static void padded(struct oc_buf *b, struct oc_str s, int width, bool right)
{
	int spaces = width - width_of(s);

	for (int i = 0; right && i < spaces; i++)
		oc_buf_putc(b, ' ');
	plain(b, s);
	for (int i = 0; !right && i < spaces; i++)
		oc_buf_putc(b, ' ');
}

static void figures(struct oc_buf *b, yyjson_val *stage)
{
	yyjson_val *list = oc_json_get(stage, "figures");
	struct oc_buf text = {0};
	size_t i, n;
	yyjson_val *f;
	int width = 0;
	bool named = oc_json_get(stage, "reference") != NULL, referred = false;

	yyjson_arr_foreach(list, i, n, f)
	{
		int w = width_of(oc_json_get_str(f, "name"));
		width = w > width && w <= NAME_COLUMNS ? w : width;
	}
	yyjson_arr_foreach(list, i, n, f)
	{
		struct oc_str unit = oc_json_get_str(f, "unit");
		oc_buf_puts(b, "  ");
		padded(b, oc_json_get_str(f, "name"), width, false);
		oc_buf_puts(b, "  ");
		text.len = 0;
		oc_measured_text(&text, oc_json_get(f, "value"), unit);
		plain(b, oc_buf_view(&text));
		if (yyjson_is_num(oc_json_get(f, "low"))) {
			text.len = 0;
			oc_buf_puts(&text, " (");
			oc_measured_cell(&text, oc_json_get(f, "low"), unit);
			oc_buf_puts(&text, " to ");
			oc_measured_cell(&text, oc_json_get(f, "high"), unit);
			oc_buf_putc(&text, ')');
			plain(b, oc_buf_view(&text));
		}
		if (oc_json_get(f, "heldout")) {
			oc_buf_puts(b, named ? "; reference" : "; held-out real rows");
			referred = true;
			oc_buf_putc(b, ' ');
			text.len = 0;
			oc_measured_text(&text, oc_json_get(f, "heldout"), unit);
			plain(b, oc_buf_view(&text));
		}
		oc_buf_putc(b, '\n');
	}
	if (named && referred) {
		oc_buf_puts(b, "  (reference: ");
		plain(b, oc_measured_reference(stage));
		oc_buf_puts(b, ")\n");
	}
	oc_buf_fini(&text);
}

static void column_head(struct oc_buf *out, yyjson_val *column)
{
	struct oc_str unit = oc_json_get_str(column, "unit");

	oc_buf_str(out, oc_json_get_str(column, "name"));
	if (unit.len && !oc_str_is(unit, "share"))
		oc_buf_printf(out, " (%.*s)", OC_ARG(unit));
}

static void table(struct oc_buf *b, yyjson_val *t)
{
	yyjson_val *columns = oc_json_get(t, "columns"), *rows = oc_json_get(t, "rows"), *row;
	int widths[COLUMNS] = {0};
	struct oc_buf text = {0};
	size_t i, n, shown = yyjson_arr_size(columns);

	if (shown > COLUMNS)
		shown = COLUMNS;
	oc_buf_puts(b, "  ");
	plain(b, oc_json_get_str(t, "title"));
	oc_buf_putc(b, '\n');
	/* once for the widths, once to write */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t r = 0; r <= yyjson_arr_size(rows) && r <= ROWS; r++) {
			row = r ? yyjson_arr_get(rows, r - 1) : NULL;
			for (size_t c = 0; c < shown; c++) {
				yyjson_val *column = yyjson_arr_get(columns, c);
				yyjson_val *cell = yyjson_arr_get(row, c);
				text.len = 0;
				if (row)
					oc_measured_cell(&text, cell,
					                 oc_json_get_str(column, "unit"));
				else
					column_head(&text, column);
				struct oc_str s = oc_buf_view(&text);
				if (!pass) {
					int w = width_of(s);
					widths[c] = w > widths[c] ? w : widths[c];
					continue;
				}
				oc_buf_puts(b, "    ");
				padded(b, s, widths[c], c > 0 && !yyjson_is_str(cell));
			}
			if (pass)
				oc_buf_putc(b, '\n');
		}
	}
	n = yyjson_arr_size(rows);
	i = n > ROWS ? n - ROWS : 0;
	if (i)
		oc_buf_printf(b, "    and %zu more\n", i);
	oc_buf_fini(&text);
}

static double total_of(yyjson_val *counts)
{
	size_t i, n;
	double sum = 0;
	yyjson_val *c;

	yyjson_arr_foreach(counts, i, n, c)
	{
		sum += yyjson_get_num(c);
	}
	return sum;
}

static void histogram(struct oc_buf *b, yyjson_val *h, struct oc_str reference)
{
	yyjson_val *counts = oc_json_get(h, "counts"), *held = oc_json_get(h, "heldout"), *c;
	yyjson_val *at = oc_json_get(h, "threshold");
	struct oc_str unit = oc_json_get_str(h, "unit");
	double total = total_of(counts), held_total = total_of(held), most = 0;
	struct oc_buf text = {0};
	size_t i, n;

	oc_buf_puts(b, "  ");
	plain(b, oc_json_get_str(h, "title"));
	oc_buf_puts(b, held ? " (bars: " : " (");
	plain(b, oc_json_get_str(h, "series"));
	if (held) {
		oc_buf_puts(b, "; right: ");
		plain(b, reference);
	}
	oc_buf_puts(b, ")\n");
	yyjson_arr_foreach(counts, i, n, c)
	{
		most = fmax(most, yyjson_get_num(c));
	}
	yyjson_arr_foreach(counts, i, n, c)
	{
		yyjson_val *edge = yyjson_arr_get(oc_json_get(h, "edges"), i);
		yyjson_val *next = yyjson_arr_get(oc_json_get(h, "edges"), i + 1);
		int len = most > 0 ? (int)(BAR * yyjson_get_num(c) / most + 0.5) : 0;
		bool here = yyjson_is_num(at) && yyjson_get_num(at) >= yyjson_get_num(edge) &&
		            yyjson_get_num(at) < yyjson_get_num(next);
		text.len = 0;
		oc_measured_text(&text, edge, unit);
		oc_buf_puts(b, "    from ");
		padded(b, oc_buf_view(&text), 14, true);
		oc_buf_putc(b, ' ');
		for (int k = 0; k < BAR; k++)
			oc_buf_puts(b, k < len ? "█" : k == 0 && yyjson_get_num(c) > 0 ? "▏" : " ");
		oc_buf_printf(b, " %5.1f %%", total > 0 ? 100 * yyjson_get_num(c) / total : 0);
		if (held)
			oc_buf_printf(b, "  %5.1f %%",
			              held_total > 0
			                      ? 100 * yyjson_get_num(yyjson_arr_get(held, i)) /
			                                held_total
			                      : 0);
		oc_buf_puts(b, here ? "  <- threshold\n" : "\n");
	}
	oc_buf_fini(&text);
}

/* The text around the first span, which stands between brackets. */
static void side(struct oc_buf *b, yyjson_val *v)
{
	struct oc_str text = oc_json_get_str(v, "text");
	yyjson_val *span = yyjson_arr_get_first(oc_json_get(v, "spans"));
	size_t at = (size_t)yyjson_get_uint(yyjson_arr_get(span, 0));
	size_t len = (size_t)yyjson_get_uint(yyjson_arr_get(span, 1));
	size_t from = at > EXCERPT / 4 ? at - EXCERPT / 4 : 0, to = from + EXCERPT;

	while (from < text.len && oc_utf8_continues(text.p[from]))
		from++;
	if (to >= text.len)
		to = text.len;
	while (to < text.len && oc_utf8_continues(text.p[to]))
		to++;
	oc_buf_puts(b, "    ");
	plain(b, oc_json_get_str(v, "label"));
	oc_buf_putc(b, ' ');
	plain(b, oc_json_get_str(v, "key"));
	oc_buf_puts(b, from ? ": ..." : ": ");
	if (len) {
		size_t end = at + len < to ? at + len : to;
		plain(b, (struct oc_str){text.p + from, at - from});
		oc_buf_putc(b, '[');
		plain(b, (struct oc_str){text.p + at, end - at});
		oc_buf_putc(b, ']');
		from = end;
	}
	plain(b, (struct oc_str){text.p + from, to - from});
	oc_buf_puts(b, to < text.len ? "...\n" : "\n");
}

static void pairs(struct oc_buf *b, yyjson_val *list)
{
	size_t i, n;
	yyjson_val *p;

	yyjson_arr_foreach(list, i, n, p)
	{
		if (i == PAIRS)
			break;
		oc_buf_puts(b, "  ");
		plain(b, oc_json_get_str(p, "title"));
		oc_buf_putc(b, '\n');
		side(b, oc_json_get(p, "left"));
		side(b, oc_json_get(p, "right"));
	}
	if (n > PAIRS)
		oc_buf_printf(b, "  and %zu more in report.html\n", n - PAIRS);
}

void oc_report_stages(struct oc_buf *b, yyjson_val *stages, bool brief)
{
	size_t i, n, k, m, from = b->len;
	yyjson_val *s, *v;

	yyjson_arr_foreach(stages, i, n, s)
	{
		plain(b, oc_json_get_str(s, "step"));
		oc_buf_puts(b, ": ");
		plain(b, oc_json_get_str(s, "lead"));
		oc_buf_putc(b, '\n');
		yyjson_arr_foreach(oc_json_get(s, "warnings"), k, m, v)
		{
			oc_buf_puts(b, "  ! ");
			plain(b, oc_json_str(v));
			oc_buf_putc(b, '\n');
		}
		figures(b, s);
		if (brief)
			continue;
		yyjson_arr_foreach(oc_json_get(s, "tables"), k, m, v)
		{
			table(b, v);
		}
		yyjson_arr_foreach(oc_json_get(s, "histograms"), k, m, v)
		{
			histogram(b, v, oc_measured_reference(s));
		}
		yyjson_arr_foreach(oc_json_get(s, "kept"), k, m, v)
		{
			table(b, v);
		}
		pairs(b, oc_json_get(s, "pairs"));
	}
	oc_terminal_safe(b, from);
}
