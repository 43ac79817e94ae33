#include "run/fallen.h"

/* The row's bytes as the reader finds them most useful: the object itself, text, or base64. */
static void write_bytes(struct oc_buf *b, const struct oc_row *row)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)row->raw.p;
	size_t len = row->raw.len;

	if (row->root) {
		oc_buf_puts(b, ",\"row\":");
		oc_buf_str(b, row->raw);
		return;
	}
	oc_buf_puts(b, ",\"base64\":\"");
	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;
		if (i + 1 < len)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < len)
			v |= p[i + 2];
		char out[4] = {digits[v >> 18], digits[v >> 12 & 63],
		               i + 1 < len ? digits[v >> 6 & 63] : '=',
		               i + 2 < len ? digits[v & 63] : '='};
		oc_buf_add(b, out, 4);
	}
	oc_buf_putc(b, '"');
}

void oc_fallen_write(struct oc_buf *b, const struct oc_row *row)
{
	struct oc_str step = OC_LIT(""), rule = OC_LIT("");

	for (uint32_t i = 0; i < row->verdict_n; i++)
		if (row->verdicts[i].result == OC_DROP || row->verdicts[i].result == OC_UNDECIDED) {
			step = row->verdicts[i].stage;
			rule = row->verdicts[i].rule;
			break;
		}
	oc_buf_puts(b, "{\"key\":");
	oc_buf_json(b, row->ped.key);
	oc_buf_printf(b, ",\"fate\":\"%s\",\"step\":", oc_fate_name(row->fate));
	oc_buf_json(b, step);
	oc_buf_puts(b, ",\"rule\":");
	oc_buf_json(b, rule);
	oc_buf_puts(b, ",\"lineage\":");
	oc_pedigree_write(b, row);
	write_bytes(b, row);
	oc_buf_puts(b, "}\n");
}
