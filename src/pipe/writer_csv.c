#include "pipe/writer_csv.h"

#include "base/err.h"

/* A field; quoted where a reader would cut it, trim it or take it for null. */
static void put_field(struct oc_buf *b, struct oc_str s)
{
	bool quote = !s.len || s.p[0] == ' ' || s.p[s.len - 1] == ' ';

	for (size_t i = 0; i < s.len && !quote; i++)
		quote = s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r';
	if (!quote) {
		oc_buf_str(b, s);
		return;
	}
	oc_buf_putc(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"')
			oc_buf_putc(b, '"');
		oc_buf_putc(b, s.p[i]);
	}
	oc_buf_putc(b, '"');
}

void oc_csv_header(struct oc_buf *b, const struct oc_columns *columns)
{
	for (uint32_t i = 0; i < columns->n; i++) {
		if (i)
			oc_buf_putc(b, ',');
		put_field(b, columns->names[i]);
	}
	oc_buf_putc(b, '\n');
}

static void put_value(struct oc_buf *b, yyjson_val *v, struct oc_str text)
{
	if (yyjson_is_null(v) || !v)
		return;
	if (yyjson_is_str(v))
		put_field(b, oc_json_str(v));
	else
		put_field(b, text); /* numbers and nested values as they are written */
}

int oc_csv_row(struct oc_buf *b, const struct oc_columns *columns, const struct oc_row *row,
               struct oc_err *err)
{
	size_t found = 0, i, max;
	yyjson_val *key, *value;

	for (uint32_t c = 0; c < columns->n; c++) {
		struct oc_str text, name = columns->names[c];
		value = yyjson_obj_getn(row->root, name.p, name.len);
		if (c)
			oc_buf_putc(b, ',');
		if (!value)
			continue;
		found++;
		oc_json_member(row->raw, name, &text);
		put_value(b, value, text);
	}
	oc_buf_putc(b, '\n');
	if (found == yyjson_obj_size(row->root))
		return 0;
	yyjson_obj_foreach(row->root, i, max, key, value)
	{
		struct oc_str k = oc_json_str(key);
		bool known = false;
		for (uint32_t c = 0; c < columns->n && !known; c++)
			known = oc_str_eq(columns->names[c], k);
		if (!known)
			return oc_fail(err, OC_INPUT, NULL,
			               "row %.*s has a member \"%.*s\" that is no column of the "
			               "CSV file: name the columns, or write JSONL",
			               OC_ARG(row->ped.key), (int)(k.len < 80 ? k.len : 80), k.p);
	}
	return 0;
}
