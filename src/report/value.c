#include "report/value.h"

#include "report/html.h"

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

struct oc_str oc_measured_reference(yyjson_val *stage)
{
	struct oc_str name = oc_json_get_str(stage, "reference");

	return name.len ? name : OC_LIT("held-out real rows");
}
