/* yaml_write.c: values as block-style YAML that reads back as the same values. */
#include <strings.h>

#include "data/yaml.h"

/* A code point that libyaml would fold, refuse or print otherwise. */
static bool is_odd(const char *p, size_t left)
{
	unsigned char c = (unsigned char)p[0];

	if (c < 0x20 || c == 0x7F)
		return true;
	if (c == 0xC2 && left > 1 && (unsigned char)p[1] < 0xA0)
		return true; /* C1 controls, next line */
	if (c == 0xE2 && left > 2 && (unsigned char)p[1] == 0x80 &&
	    ((unsigned char)p[2] & 0xFE) == 0xA8)
		return true;            /* line and paragraph separator */
	return c == 0xEF && left > 2 && /* byte order mark, non-characters */
	       (memcmp(p + 1, "\xBB\xBF", 2) == 0 ||
	        ((unsigned char)p[1] == 0xBF && (unsigned char)p[2] >= 0xBE));
}

static void write_quoted(struct oc_buf *b, struct oc_str s)
{
	oc_buf_putc(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\') {
			oc_buf_printf(b, "\\%c", c);
		} else if (c == '\n') {
			oc_buf_puts(b, "\\n");
		} else if (c == '\t') {
			oc_buf_puts(b, "\\t");
		} else if (!is_odd(s.p + i, s.len - i)) {
			oc_buf_putc(b, (char)c);
		} else if (c < 0x80) {
			oc_buf_printf(b, "\\x%02x", c);
		} else if (c == 0xC2) {
			oc_buf_printf(b, "\\x%02x", (unsigned char)s.p[++i]);
		} else {
			unsigned u = (unsigned)(c & 15) << 12 |
			             (unsigned)((unsigned char)s.p[i + 1] & 63) << 6 |
			             ((unsigned char)s.p[i + 2] & 63);
			oc_buf_printf(b, "\\u%04x", u);
			i += 2;
		}
	}
	oc_buf_putc(b, '"');
}

/* Would the bare text be read as something else than this string? */
static bool needs_quotes(struct oc_str s, bool flow)
{
	if (oc_yaml_is_typed(s))
		return true;
	if (strchr("-?:,[]{}#&*!|>'\"%@`=<. ~", s.p[0]) || s.p[s.len - 1] == ' ' ||
	    s.p[s.len - 1] == ':')
		return true;
	for (size_t i = 0; i < s.len; i++) {
		if (is_odd(s.p + i, s.len - i) || (flow && strchr(",[]{}", s.p[i])) ||
		    (s.p[i] == ':' && (flow || (i + 1 < s.len && s.p[i + 1] == ' '))) ||
		    (s.p[i] == '#' && i > 0 && s.p[i - 1] == ' '))
			return true;
	}
	/* Words that YAML 1.1 readers take for booleans. */
	static const char *const old[] = {"yes", "no", "on", "off", "y", "n"};
	for (size_t i = 0; i < sizeof old / sizeof old[0]; i++)
		if (strlen(old[i]) == s.len && strncasecmp(old[i], s.p, s.len) == 0)
			return true;
	return false;
}

/* Several lines of ordinary text read best as a block. */
static bool fits_block(struct oc_str s)
{
	if (!memchr(s.p, '\n', s.len) || s.p[0] == ' ' || s.p[0] == '\n' || s.p[0] == '\t' ||
	    s.p[s.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != '\n' && s.p[i] != '\t' && is_odd(s.p + i, s.len - i))
			return false;
	return s.len < 2 || s.p[s.len - 1] != '\n' || s.p[s.len - 2] != '\n';
}

static void write_scalar(struct oc_buf *b, yyjson_val *v, bool flow)
{
	struct oc_str s = oc_json_str(v);

	if (!yyjson_is_str(v))
		oc_json_write(b, v);
	else if (needs_quotes(s, flow))
		write_quoted(b, s);
	else
		oc_buf_str(b, s);
}

static void write_block(struct oc_buf *b, struct oc_str s, unsigned indent)
{
	oc_buf_puts(b, s.p[s.len - 1] == '\n' ? "|\n" : "|-\n");
	while (s.len > 0) {
		const char *nl = memchr(s.p, '\n', s.len);
		size_t len = nl ? (size_t)(nl - s.p) : s.len;
		if (len > 0)
			oc_buf_printf(b, "%*s", (int)indent, "");
		oc_buf_add(b, s.p, len);
		oc_buf_putc(b, '\n');
		len += nl != NULL;
		s.p += len;
		s.len -= len;
	}
}

#define FLOW_MAX 72 /* a list of scalars up to this length stays on its line */

/* "[a, b]" when it is short and holds scalars only. */
static bool write_flow(struct oc_buf *b, yyjson_val *v)
{
	size_t start = b->len, i, n;
	yyjson_val *item;

	oc_buf_putc(b, '[');
	yyjson_arr_foreach(v, i, n, item)
	{
		if (yyjson_is_ctn(item) || b->len - start > FLOW_MAX) {
			b->len = start;
			return false;
		}
		if (i > 0)
			oc_buf_puts(b, ", ");
		write_scalar(b, item, true);
	}
	oc_buf_putc(b, ']');
	if (b->len - start > FLOW_MAX) {
		b->len = start;
		return false;
	}
	return true;
}

static void write_node(struct oc_buf *b, yyjson_val *v, unsigned indent, bool in_list);

/* What stands behind "key:" or "-", up to and with the end of the line. */
static void write_after(struct oc_buf *b, yyjson_val *v, unsigned indent, bool in_list)
{
	struct oc_str s = oc_json_str(v);

	if (yyjson_is_str(v) && s.len > 0 && fits_block(s)) {
		oc_buf_putc(b, ' ');
		write_block(b, s, indent + 2);
		return;
	}
	if (yyjson_is_ctn(v) && yyjson_get_len(v) == 0) {
		oc_buf_puts(b, yyjson_is_arr(v) ? " []\n" : " {}\n");
		return;
	}
	if (yyjson_is_ctn(v)) {
		oc_buf_putc(b, ' ');
		if (yyjson_is_arr(v) && write_flow(b, v)) {
			oc_buf_putc(b, '\n');
			return;
		}
		if (in_list) {
			/* The first line of the item stands behind the dash. */
			write_node(b, v, indent + 2, true);
			return;
		}
		b->p[b->len - 1] = '\n';
		write_node(b, v, indent + 2, false);
		return;
	}
	oc_buf_putc(b, ' ');
	write_scalar(b, v, false);
	oc_buf_putc(b, '\n');
}

static void write_node(struct oc_buf *b, yyjson_val *v, unsigned indent, bool in_list)
{
	size_t i, n;
	yyjson_val *key, *item;

	if (yyjson_is_obj(v)) {
		yyjson_obj_foreach(v, i, n, key, item)
		{
			if (i > 0 || !in_list)
				oc_buf_printf(b, "%*s", (int)indent, "");
			write_scalar(b, key, true);
			oc_buf_putc(b, ':');
			write_after(b, item, indent, false);
		}
	} else {
		yyjson_arr_foreach(v, i, n, item)
		{
			if (i > 0 || !in_list)
				oc_buf_printf(b, "%*s", (int)indent, "");
			oc_buf_putc(b, '-');
			write_after(b, item, indent, true);
		}
	}
}

void oc_yaml_write(struct oc_buf *b, yyjson_val *v, unsigned indent)
{
	if (yyjson_is_ctn(v) && yyjson_get_len(v) > 0) {
		write_node(b, v, indent, false);
		return;
	}
	oc_buf_printf(b, "%*s", (int)indent, "");
	if (yyjson_is_ctn(v))
		oc_buf_puts(b, yyjson_is_arr(v) ? "[]" : "{}");
	else
		write_scalar(b, v, false);
	oc_buf_putc(b, '\n');
}
