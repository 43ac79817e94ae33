#include "pipe/csv.h"

static const char *const types[] = {"auto", "int", "num", "bool", "str"};

int oc_csv_type_parse(struct oc_str name)
{
	for (int t = 0; t < 5; t++)
		if (oc_str_is(name, types[t]))
			return t;
	return -1;
}

const char *oc_csv_type_name(enum oc_csv_type t)
{
	return types[t];
}

static size_t skip_spaces(struct oc_str s, size_t i)
{
	while (i < s.len && (s.p[i] == ' ' || s.p[i] == '\t'))
		i++;
	return i;
}

/* Behind the closing quote of the field whose inside begins at i, or 0. */
static size_t close_quote(struct oc_str s, size_t i, bool *doubled)
{
	while (i < s.len) {
		const char *q = memchr(s.p + i, '"', s.len - i);
		if (!q)
			break;
		i = (size_t)(q - s.p) + 1;
		if (i == s.len || s.p[i] != '"')
			return i;
		*doubled = true;
		i++;
	}
	return 0;
}

bool oc_csv_open(struct oc_str s, char delimiter, bool open)
{
	bool doubled;
	size_t i = 0;

	if (!s.len || !memchr(s.p, '"', s.len))
		return open;
	for (;;) {
		if (open || (i < s.len && s.p[i] == '"')) {
			i = close_quote(s, open ? i : i + 1, &doubled);
			if (!i)
				return true;
			open = false;
		}
		const char *next = i < s.len ? memchr(s.p + i, delimiter, s.len - i) : NULL;
		if (!next)
			return false;
		i = (size_t)(next - s.p) + 1;
	}
}

int oc_csv_next(struct oc_str s, char delimiter, bool trim, size_t *at, struct oc_csv_field *f)
{
	size_t i = *at;

	*f = (struct oc_csv_field){0};
	if (i > s.len)
		return 0;
	if (trim && delimiter != '\t')
		i = skip_spaces(s, i);
	if (i < s.len && s.p[i] == '"') {
		size_t end = close_quote(s, i + 1, &f->doubled);
		if (!end)
			return -1;
		f->quoted = true;
		f->raw = (struct oc_str){s.p + i + 1, end - i - 2};
		if (trim && delimiter != '\t')
			end = skip_spaces(s, end);
		if (end < s.len && s.p[end] != delimiter)
			return -1;
		*at = end + 1;
		return 1;
	}
	const char *next = i < s.len ? memchr(s.p + i, delimiter, s.len - i) : NULL;
	size_t end = next ? (size_t)(next - s.p) : s.len;
	f->raw = (struct oc_str){s.p + i, end - i};
	if (trim)
		f->raw = oc_str_trim(f->raw);
	*at = end + 1;
	return 1;
}

struct oc_str oc_csv_text(const struct oc_csv_field *f, struct oc_arena *a)
{
	if (!f->doubled)
		return f->raw;
	char *p = oc_arena_alloc(a, f->raw.len);
	size_t n = 0;
	for (size_t i = 0; i < f->raw.len; i++) {
		p[n++] = f->raw.p[i];
		if (f->raw.p[i] == '"')
			i++;
	}
	return (struct oc_str){p, n};
}

/* Digits from i on; the position behind them. */
static size_t digits(struct oc_str s, size_t i)
{
	while (i < s.len && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i;
}

enum oc_csv_type oc_csv_type_of(struct oc_str s)
{
	static const char *const bools[] = {"true", "false", "True", "False", "TRUE", "FALSE"};
	size_t i = s.len && s.p[0] == '-', start = i;

	for (size_t k = 0; k < 6; k++)
		if (oc_str_is(s, bools[k]))
			return OC_CSV_BOOL;
	i = digits(s, i);
	if (i == start || (s.p[start] == '0' && i > start + 1))
		return OC_CSV_STR;
	if (i == s.len)
		return OC_CSV_INT;
	if (s.p[i] == '.') {
		size_t from = i + 1;
		i = digits(s, from);
		if (i == from)
			return OC_CSV_STR;
	}
	if (i < s.len && (s.p[i] == 'e' || s.p[i] == 'E')) {
		size_t from = i + 1 + (i + 1 < s.len && (s.p[i + 1] == '-' || s.p[i + 1] == '+'));
		i = digits(s, from);
		if (i == from)
			return OC_CSV_STR;
	}
	return i == s.len ? OC_CSV_NUM : OC_CSV_STR;
}

enum oc_csv_type oc_csv_join(enum oc_csv_type a, enum oc_csv_type b)
{
	if (a == b || b == OC_CSV_AUTO)
		return a;
	if (a == OC_CSV_AUTO)
		return b;
	if ((a == OC_CSV_INT && b == OC_CSV_NUM) || (a == OC_CSV_NUM && b == OC_CSV_INT))
		return OC_CSV_NUM;
	return OC_CSV_STR;
}
