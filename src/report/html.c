#include "report/html.h"

#include <math.h>
#include <stdio.h>

#include "text/utf8.h"

/* What HTML must not hold as it is; NULL: fine. A carriage return would be read as a new line. */
static const char *instead_of(uint32_t c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\t':
	case '\n': return NULL;
	case '\r': return "&#13;";
	default: return c < 0x20 || (c >= 0x7F && c < 0xA0) ? "\xEF\xBF\xBD" : NULL;
	}
}

void oc_html_text(struct oc_buf *b, struct oc_str s)
{
	if (!s.len)
		return;
	const char *p = s.p, *end = s.p + s.len, *start = p;
	while (p < end) {
		const char *at = p, *to;
		uint32_t c = oc_utf8_next(&p, end);
		/* one byte that is none of ASCII is no code point */
		to = c == 0xFFFD && p == at + 1 ? "\xEF\xBF\xBD" : instead_of(c);
		if (!to)
			continue;
		oc_buf_add(b, start, (size_t)(at - start));
		oc_buf_puts(b, to);
		start = p;
	}
	oc_buf_add(b, start, (size_t)(end - start));
}

void oc_html_clip(struct oc_buf *b, struct oc_str s, size_t max)
{
	struct oc_str shown = s.len > max ? oc_utf8_cut(s, max) : s;

	oc_html_text(b, shown);
	if (shown.len == s.len)
		return;
	oc_buf_puts(b, "<span class=\"soft\">… (");
	oc_html_count(b, (double)(s.len - shown.len));
	oc_buf_puts(b, " more bytes)</span>");
}

void oc_html_id(struct oc_buf *b, struct oc_str a, struct oc_str c)
{
	struct oc_str parts[] = {a, OC_LIT("-"), c};

	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < parts[k].len; i++) {
			char ch = parts[k].p[i];
			bool fine = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
			            (ch >= '0' && ch <= '9') || ch == '-' || ch == '_';
			oc_buf_putc(b, fine ? ch : '_');
		}
}

void oc_html_count(struct oc_buf *b, double n)
{
	char digits[64];
	int len = snprintf(digits, sizeof digits, "%.0f", fabs(n));

	if (n < 0)
		oc_buf_putc(b, '-');
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			oc_buf_putc(b, ',');
		oc_buf_putc(b, digits[i]);
	}
}

void oc_html_num(struct oc_buf *b, double n)
{
	if (!isfinite(n))
		oc_buf_puts(b, "not measured");
	else if (fabs(n) >= 1000)
		oc_html_count(b, n);
	else if (n != 0 && fabs(n) < 0.001 && fabs(n) >= 1e-9)
		oc_buf_printf(b, "%.*f", 2 - (int)floor(log10(fabs(n))), n);
	else
		oc_buf_printf(b, "%.3g", n);
}

void oc_html_heading(struct oc_buf *b, const char *id, const char *text)
{
	oc_buf_printf(b, "<h2 id=\"%s\">%s</h2>\n", id, text);
}

static void value(struct oc_buf *b, yyjson_val *v)
{
	struct oc_buf text = {0};

	if (yyjson_is_str(v)) {
		oc_html_clip(b, oc_json_str(v), OC_HTML_TEXT);
		return;
	}
	oc_json_write(&text, v);
	oc_html_clip(b, oc_buf_view(&text), OC_HTML_TEXT);
	oc_buf_fini(&text);
}

void oc_html_row(struct oc_buf *b, yyjson_val *row)
{
	size_t i, n;
	yyjson_val *key, *v;

	if (!yyjson_is_obj(row)) {
		oc_buf_puts(b, "<pre dir=\"auto\">");
		value(b, row);
		oc_buf_puts(b, "</pre>");
		return;
	}
	oc_buf_puts(b, "<dl class=\"row\">");
	yyjson_obj_foreach(row, i, n, key, v)
	{
		if (i == OC_HTML_MEMBERS) {
			oc_buf_printf(b, "<dt>and %zu more members</dt>", n - i);
			break;
		}
		oc_buf_puts(b, "<dt>");
		oc_html_clip(b, oc_json_str(key), 200);
		oc_buf_puts(b, "</dt><dd dir=\"auto\">");
		value(b, v);
		oc_buf_puts(b, "</dd>");
	}
	oc_buf_puts(b, "</dl>");
}

void oc_html_bar(struct oc_buf *b, const char *css, struct oc_str label, double share,
                 const char *text)
{
	oc_buf_puts(b, "<div class=\"bar\"><span class=\"bar-label\">");
	oc_html_text(b, label);
	oc_buf_puts(b, "</span><span class=\"bar-track\">");
	if (share > 0)
		oc_buf_printf(b, "<i class=\"%s\" style=\"width:%.2f%%\"></i>", css,
		              share > 1 ? 100 : 100 * share);
	oc_buf_puts(b, "</span><span class=\"bar-value\">");
	oc_html_text(b, oc_str(text));
	oc_buf_puts(b, "</span></div>\n");
}

double oc_html_round_up(double y)
{
	static const double steps[] = {1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10};
	double p = y > 0 ? pow(10, floor(log10(y))) : 1;

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (steps[i] * p >= y * 0.999999)
			return steps[i] * p;
	return 10 * p;
}

static void chart_table(struct oc_buf *b, const char *x_title, const char *const *x_labels,
                        const struct oc_series *series, unsigned series_n, unsigned n)
{
	oc_buf_puts(
		b,
		"<details class=\"data\"><summary>the numbers</summary><div class=\"wide\"><table>"
		"<tr><th>");
	oc_html_text(b, oc_str(x_title));
	oc_buf_puts(b, "</th>");
	for (unsigned s = 0; s < series_n; s++) {
		oc_buf_puts(b, "<th class=\"n\">");
		oc_html_text(b, oc_str(series[s].name));
		oc_buf_puts(b, "</th>");
	}
	oc_buf_puts(b, "</tr>");
	for (unsigned i = 0; i < n; i++) {
		oc_buf_puts(b, "<tr><td>");
		oc_html_text(b, oc_str(x_labels[i]));
		oc_buf_puts(b, "</td>");
		for (unsigned s = 0; s < series_n; s++) {
			oc_buf_puts(b, "<td class=\"n\">");
			if (i < series[s].n)
				oc_html_num(b, series[s].y[i]);
			oc_buf_puts(b, "</td>");
		}
		oc_buf_puts(b, "</tr>");
	}
	oc_buf_puts(b, "</table></div></details>");
}

void oc_html_lines(struct oc_buf *b, const char *title, const char *x_title, const char *y_title,
                   const char *const *x_labels, const struct oc_series *series, unsigned series_n)
{
	const double left = 62, top = 14, width = 560, height = 220;
	unsigned n = 0;
	double max = 0;

	for (unsigned s = 0; s < series_n; s++) {
		n = series[s].n > n ? series[s].n : n;
		for (unsigned i = 0; i < series[s].n; i++)
			max = series[s].y[i] > max ? series[s].y[i] : max;
	}
	if (n < 2)
		return;
	max = oc_html_round_up(max);
	double dx = width / (n - 1);
	unsigned every = 1 + (n - 1) / 12;

	oc_buf_puts(b, "<figure><figcaption>");
	oc_html_text(b, oc_str(title));
	oc_buf_puts(b, "</figcaption><div class=\"legend\">");
	for (unsigned s = 0; s < series_n; s++) {
		oc_buf_printf(b, "<span><i class=\"%s\"></i>", series[s].css);
		oc_html_text(b, oc_str(series[s].name));
		oc_buf_puts(b, "</span>");
	}
	oc_buf_printf(b, "</div><svg viewBox=\"0 0 640 290\" role=\"img\" aria-label=\"");
	oc_html_text(b, oc_str(title));
	oc_buf_puts(b, "\">");
	for (int i = 0; i <= 4; i++) {
		double y = top + height - height * i / 4;
		oc_buf_printf(
			b,
			"<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
			left, left + width, y, y, left - 8, y + 4);
		oc_html_num(b, max * i / 4);
		oc_buf_puts(b, "</text>");
	}
	for (unsigned i = 0; i < n; i += every) {
		oc_buf_printf(b,
		              "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
		              left + dx * i, top + height + 18);
		oc_html_text(b, oc_str(x_labels[i]));
		oc_buf_puts(b, "</text>");
	}
	oc_buf_printf(b, "<text class=\"axis\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
	              left + width / 2, top + height + 42);
	oc_html_text(b, oc_str(x_title));
	oc_buf_printf(b,
	              "</text><text class=\"axis\" transform=\"translate(13 %.1f) rotate(-90)\" "
	              "text-anchor=\"middle\">",
	              top + height / 2);
	oc_html_text(b, oc_str(y_title));
	oc_buf_puts(b, "</text>");
	for (unsigned s = 0; s < series_n; s++) {
		oc_buf_printf(b, "<polyline class=\"line %s\" points=\"", series[s].css);
		for (unsigned i = 0; i < series[s].n; i++)
			oc_buf_printf(b, "%.1f,%.1f ", left + dx * i,
			              top + height - height * series[s].y[i] / max);
		oc_buf_puts(b, "\"/>");
		for (unsigned i = 0; i < series[s].n && n <= 16; i++)
			oc_buf_printf(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>",
			              series[s].css, left + dx * i,
			              top + height - height * series[s].y[i] / max);
	}
	oc_buf_puts(b, "</svg>");
	chart_table(b, x_title, x_labels, series, series_n, n);
	oc_buf_puts(b, "</figure>\n");
}

const char oc_html_style[] =
	":root{color-scheme:light dark;--bg:#fbfaf7;--ink:#1d2326;--soft:#5d676b;--line:#dcd9d0;"
	"--card:#fff;--real:#1b6e53;--synthetic:#b3561d;--held:#3c64a8;--unknown:#8a7f70;--bad:#"
	"a3283a}"
	"@media(prefers-color-scheme:dark){:root{--bg:#14181a;--ink:#e8e6e0;--soft:#9da6a8;"
	"--line:#333a3d;--card:#1c2224;--real:#5ec29b;--synthetic:#eb9a5f;--held:#8fb1ea;"
	"--unknown:#b9ae9d;--bad:#f08a97}}"
	"*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}"
	"body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,sans-serif}"
	"main{max-width:60rem;margin:0 auto;padding:1.5rem 1.1rem 4rem}"
	"h1{font-size:1.9rem;line-height:1.2;margin:.2em 0 .1em;overflow-wrap:anywhere}"
	"h2{font-size:1.2rem;margin:2.4rem 0 .6rem;padding-top:.7rem;border-top:1px solid "
	"var(--line)}"
	"p,ul.absent{max-width:44rem}.soft,figcaption,dt,.note{color:var(--soft)}a{color:inherit}"
	"nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.8rem 0 0;font-size:.9rem}"
	".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.7rem;"
	"margin:1.2rem 0}"
	".tile{background:var(--card);border:1px solid "
	"var(--line);border-radius:.6rem;padding:.8rem 1rem}"
	".tile "
	"b{display:block;font-size:1.75rem;line-height:1.15;font-variant-numeric:tabular-nums}"
	".tile span{color:var(--soft);font-size:.88rem}.lead b{color:var(--real);font-size:2.3rem}"
	".wide{overflow-x:auto}table{border-collapse:collapse;min-width:min(100%,24rem);"
	"font-size:.93rem}table.full{width:100%}"
	"th,td{text-align:left;padding:.35rem 1.1rem .35rem 0;border-bottom:1px solid "
	"var(--line);"
	"vertical-align:top}th{font-weight:600;color:var(--soft)}"
	".n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
	".bar{display:grid;grid-template-columns:minmax(6rem,10rem) 1fr 17.5rem;gap:.8rem;"
	"align-items:center;margin:.3rem 0;font-size:.93rem}.bar-label{overflow-wrap:anywhere}"
	".bar-track{background:var(--line);border-radius:.3rem;height:.85rem;overflow:hidden}"
	".bar-track i{display:block;height:100%;min-width:1px}.bar-value{font-variant-"
	"numeric:tabular-nums}"
	"i.real{background:var(--real)}i.synthetic{background:var(--synthetic)}"
	"i.held_out{background:var(--held)}i.unknown{background:var(--unknown)}i.bad{background:"
	"var(--bad)}"
	".line{fill:none;stroke-width:2.5}.line.real{stroke:var(--real)}"
	".line.synthetic{stroke:var(--synthetic)}.line.held_out{stroke:var(--held)}"
	".line.unknown{stroke:var(--unknown)}circle.real{fill:var(--real)}"
	"circle.synthetic{fill:var(--synthetic)}circle.held_out{fill:var(--held)}"
	"circle.unknown{fill:var(--unknown)}.grid{stroke:var(--line)}"
	".tick{fill:var(--soft);font-size:11px}.axis{fill:var(--soft);font-size:12px}"
	"figure{margin:.6rem 0;max-width:44rem;overflow-x:auto}"
	"svg{width:100%;min-width:31rem;height:auto;display:block}"
	"th.flow,td.flow{width:24%;min-width:4rem;padding-top:.7rem}details:target{outline:2px "
	"solid var(--real);outline-offset:.4rem;border-radius:.3rem}summary{padding:.2rem 0}"
	"figcaption{font-size:.95rem}.legend{display:flex;flex-wrap:wrap;gap:.2rem "
	"1.2rem;font-size:.88rem;"
	"margin:.3rem 0}.legend "
	"i{display:inline-block;width:.8rem;height:.8rem;border-radius:.2rem;"
	"margin-right:.4rem;vertical-align:-.08rem}.data{font-size:.88rem}summary{cursor:pointer}"
	".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,17rem),1fr));gap:"
	".7rem;"
	"margin:.7rem 0}.card{background:var(--card);border:1px solid "
	"var(--line);border-radius:.6rem;"
	"padding:.6rem .9rem;font-size:.93rem;overflow-wrap:anywhere}"
	".card h3{margin:0 0 .3rem;font-size:.8rem;font-weight:600;color:var(--soft)}"
	"dl.row{margin:0}dl.row dt{font-size:.78rem}dl.row dd{margin:0 0 "
	".4rem;white-space:pre-wrap}dt,dd,td,a,h3,pre,.said{unicode-bidi:isolate}"
	"pre,code{font:.87rem/1.5 "
	"ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}"
	"pre{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.6rem "
	".8rem}"
	".warn{border-left:4px solid var(--bad);padding:.2rem 0 .2rem .8rem}"
	"@media(max-width:34rem){.bar{grid-template-columns:1fr "
	"auto;row-gap:.15rem;margin:.3rem 0 .9rem}.bar-track{grid-column:1/-1;grid-row:2}}";

const char oc_html_style_more[] =
	"h3{font-size:1.1rem;margin:2rem 0 .2rem;overflow-wrap:anywhere}"
	"h4{font-size:1rem;margin:1.8rem 0 .2rem}h3+h4{margin-top:.7rem}"
	"h5{font-size:.92rem;margin:1.1rem 0 .1rem}"
	"h4+p{margin-top:.2rem}.wide{margin:.4rem 0}"
	".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));"
	"gap:.4rem 1.6rem}svg.bars{min-width:20rem}"
	"i.plain{background:var(--soft)}rect.plain{fill:var(--soft)}"
	"rect.synthetic{fill:var(--synthetic)}rect.held_out{fill:var(--held)}"
	".threshold{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:4 3}"
	".said{margin:0;white-space:pre-wrap}"
	"mark{background:rgba(200,105,35,.28);color:inherit;border-radius:.15rem}"
	"th.n{white-space:normal;min-width:3.6rem}th{vertical-align:bottom}"
	"td:last-child:not(.n){overflow-wrap:anywhere;min-width:6rem}"
	"td details summary{padding:0;color:var(--soft)}.absent{padding-left:1.2rem}"
	"@media(max-width:34rem){th,td{padding-right:.7rem}.bar-value{text-align:right}"
	"th.flow,td.flow,.steps th:last-child{display:none}.steps tr{display:grid;"
	"grid-template-columns:1fr 4.2rem 4.2rem;border-bottom:1px solid "
	"var(--line)}.steps th,.steps td{border:0}"
	".steps td:last-child{grid-column:1/-1;padding:0 0 .5rem .8rem}"
	".steps td:last-child:empty{display:none}svg,svg.bars{min-width:0}"
	".tick{font-size:16px}.axis{font-size:17px}svg.bars .tick,svg.bars "
	".axis{font-size:13px}}";
