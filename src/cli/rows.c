#include "cli/rows.h"

#include "text/utf8.h"

void oc_rows_json(struct oc_buf *b, const struct oc_found *f)
{
	oc_buf_printf(b, "{\"place\":\"%s\",\"file\":", oc_place_name(f->place));
	oc_buf_json(b, oc_str(f->file));
	oc_buf_printf(b, ",\"line\":%llu,\"key\":", (unsigned long long)f->line);
	oc_buf_json(b, f->key);
	if (f->step.len) {
		oc_buf_puts(b, ",\"step\":");
		oc_buf_json(b, f->step);
		oc_buf_puts(b, ",\"rule\":");
		oc_buf_json(b, f->rule);
	}
	oc_buf_puts(b, ",\"row\":");
	oc_buf_str(b, f->row);
	oc_buf_puts(b, ",\"lineage\":");
	oc_buf_str(b, f->lineage);
	oc_buf_puts(b, "}\n");
}

void oc_rows_block(struct oc_buf *b, struct oc_str text, unsigned indent, size_t max)
{
	struct oc_str kept = oc_utf8_cut(text, max);
	const char *p = kept.p, *end = kept.p + kept.len;
	char bytes[4];

	oc_buf_printf(b, "%*s", (int)indent, "");
	while (p < end) {
		uint32_t c = oc_utf8_next(&p, end);
		if (c == '\n') {
			oc_buf_printf(b, "\n%*s", (int)indent, "");
			continue;
		}
		if ((c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0))
			c = 0xb7;
		oc_buf_add(b, bytes, oc_utf8_put(bytes, c));
	}
	if (kept.len < text.len)
		oc_buf_printf(b, " ... (%zu more bytes)", text.len - kept.len);
	oc_buf_putc(b, '\n');
}

void oc_rows_members(struct oc_buf *b, yyjson_val *object, unsigned indent)
{
	struct oc_buf text = {0};
	yyjson_val *key, *v;
	size_t i, n;

	yyjson_obj_foreach(object, i, n, key, v)
	{
		text.len = 0;
		oc_buf_str(&text, oc_json_str(key));
		oc_buf_puts(&text, ": ");
		if (yyjson_is_str(v))
			oc_buf_str(&text, oc_json_str(v));
		else
			oc_json_write(&text, v);
		oc_rows_block(b, oc_buf_view(&text), indent, 4000);
	}
	oc_buf_fini(&text);
}

void oc_rows_verdict(struct oc_buf *b, yyjson_val *v)
{
	yyjson_val *evidence = oc_json_get(v, "evidence");

	oc_buf_printf(b, "%.*s/%.*s: %.*s", OC_ARG(oc_json_get_str(v, "stage")),
	              OC_ARG(oc_json_get_str(v, "rule")), OC_ARG(oc_json_get_str(v, "result")));
	if (oc_json_get(v, "score"))
		oc_buf_printf(b, " %.6g", oc_json_get_num(v, "score", 0));
	if (oc_json_get(v, "threshold"))
		oc_buf_printf(b, " (limit %.6g)", oc_json_get_num(v, "threshold", 0));
	if (evidence) {
		oc_buf_putc(b, ' ');
		oc_json_write(b, evidence);
	}
}

void oc_rows_text(struct oc_buf *b, const struct oc_found *f, struct oc_arena *a)
{
	struct oc_err ignored = {0};
	yyjson_val *row = oc_json_parse(a, f->row, &ignored);
	yyjson_val *ped = oc_json_parse(a, f->lineage, &ignored), *v;
	struct oc_str model = oc_json_get_str(ped, "model");
	size_t i, n;

	oc_buf_printf(b, "%.*s  %s", OC_ARG(f->key), oc_place_name(f->place));
	if (f->place <= OC_TEST)
		oc_buf_printf(b, ":%llu", (unsigned long long)f->line);
	if (f->step.len)
		oc_buf_printf(b, "  %.*s/%.*s", OC_ARG(f->step), OC_ARG(f->rule));
	oc_buf_printf(b, "  %.*s", OC_ARG(oc_json_get_str(ped, "origin")));
	if (model.len)
		oc_buf_printf(b, " by %.*s", OC_ARG(model));
	oc_buf_putc(b, '\n');
	if (row)
		oc_rows_members(b, row, 4);
	else
		oc_rows_block(b, f->row, 4, 400);
	yyjson_arr_foreach(oc_json_get(ped, "verdicts"), i, n, v)
	{
		struct oc_buf text = {0};
		oc_rows_verdict(&text, v);
		oc_rows_block(b, oc_buf_view(&text), 2, 2000);
		oc_buf_fini(&text);
	}
	oc_buf_putc(b, '\n');
}
