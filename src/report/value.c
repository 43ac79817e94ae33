#include "report/value.h"

#include <string.h>

#include "report/html.h"
#include "text/utf8.h"

double oc_fact_num(yyjson_val *facts, const char *path)
{
	yyjson_val *v = oc_json_path(facts, oc_str(path));
	return yyjson_is_num(v) ? yyjson_get_num(v) : 0;
}

void oc_measured_cell(struct oc_buf *b, yyjson_val *v, struct oc_str unit)
{
	if (yyjson_is_str(v)) {
		oc_buf_str(b, oc_json_str(v));
	} else if (!yyjson_is_num(v)) {
		oc_buf_puts(b, "not measured");
	} else if (oc_str_is(unit, "share")) {
		oc_html_num(b, 100 * yyjson_get_num(v));
		oc_buf_puts(b, " %");
	} else {
		oc_html_num(b, yyjson_get_num(v));
	}
}

void oc_measured_text(struct oc_buf *b, yyjson_val *v, struct oc_str unit)
{
	oc_measured_cell(b, v, unit);
	if (yyjson_is_num(v) && unit.len && !oc_str_is(unit, "share"))
		oc_buf_printf(b, " %.*s", OC_ARG(unit));
}

static bool turns_direction(uint32_t c)
{
	return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

void oc_terminal_safe(struct oc_buf *out, size_t from)
{
	if (out->len == from)
		return;
	const char *p = out->p + from, *end = out->p + out->len;
	char *to = out->p + from; /* never ahead of p */
	while (p < end) {
		const char *at = p;
		uint32_t c = oc_utf8_next(&p, end);
		if (turns_direction(c))
			continue;
		if ((c < ' ' && c != '\n') || (c >= 0x7F && c < 0xA0)) {
			*to++ = ' ';
			continue;
		}
		memmove(to, at, (size_t)(p - at));
		to += p - at;
	}
	out->len = (size_t)(to - out->p);
}

struct oc_str oc_measured_reference(yyjson_val *stage)
{
	struct oc_str name = oc_json_get_str(stage, "reference");

	return name.len ? name : OC_LIT("held-out real rows");
}
