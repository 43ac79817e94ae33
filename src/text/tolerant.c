#include "text/tolerant.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/err.h"
#include "text/utf8.h"

#define MAX_DEPTH 64

/*
 * A recursive reader that writes strict JSON to `out` as it goes. Functions return 1 (a value was
 * written), 0 (the input ended inside it; `out` is as it was before) or -1 (this is no JSON).
 */
struct reader {
	const char *p, *end;
	struct oc_buf *out;
	unsigned repairs, depth;
	int64_t budget; /* bytes that may still be looked at */
};

static int value(struct reader *r, bool member, bool element);

/* ---------------------------------------------------------- white space, ends */

static size_t left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}

static bool at(const struct reader *r, const char *s)
{
	size_t n = strlen(s);

	return left(r) >= n && memcmp(r->p, s, n) == 0;
}

static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip(struct reader *r)
{
	const char *from = r->p;

	while (r->p < r->end) {
		const char *stop;
		if (is_space((unsigned char)*r->p)) {
			r->p++;
			continue;
		}
		if (at(r, "\xc2\xa0")) { /* no-break space */
			r->p += 2;
			continue;
		}
		if (at(r, "//") || *r->p == '#') {
			stop = memchr(r->p, '\n', left(r));
		} else if (at(r, "/*")) {
			stop = memmem(r->p + 2, left(r) - 2, "*/", 2);
			stop = stop ? stop + 1 : NULL;
		} else {
			break;
		}
		r->p = stop ? stop + 1 : r->end;
		r->repairs |= OC_REPAIR_COMMENT;
	}
	r->budget -= r->p - from + 1;
}

/* ------------------------------------------------------------------- strings */

/* Length of the quote at p, 0 when there is none; *kind: its ASCII sister. */
static size_t quote_at(const char *p, const char *end, char *kind)
{
	static const struct {
		char text[4], kind;
	} quotes[] = {{"\"", '"'},
	              {"'", '\''},
	              {"`", '`'},
	              {"\xe2\x80\x9c", '"'},
	              {"\xe2\x80\x9d", '"'},
	              {"\xe2\x80\x9e", '"'},
	              {"\xe2\x80\x98", '\''},
	              {"\xe2\x80\x99", '\''}};

	for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
		size_t n = strlen(quotes[i].text);
		if ((size_t)(end - p) >= n && memcmp(p, quotes[i].text, n) == 0) {
			*kind = quotes[i].kind;
			return n;
		}
	}
	return 0;
}

static const char *blanks(const char *p, const char *end)
{
	while (p < end && is_space((unsigned char)*p))
		p++;
	return p;
}

/* Whether what follows p can be a key: a quote, or a word with a colon behind it. */
static bool key_follows(const char *p, const char *end)
{
	char kind;
	const char *w;

	p = blanks(p, end);
	if (p == end || *p == '}' || *p == '/' || *p == '#' || quote_at(p, end, &kind))
		return true;
	for (w = p; w < end && w - p < 64 && (isalnum((unsigned char)*w) || *w == '_'); w++)
		;
	return w > p && blanks(w, end) < end && *blanks(w, end) == ':';
}

/*
 * Whether a quote ending at p closes its string, judged by what follows: a quote inside a text is
 * followed by more text, a closing one by what may stand there.
 */
static bool closes(struct reader *r, const char *p, bool key, bool member)
{
	const char *q = blanks(p, r->end);

	r->budget -= q - p + 1;
	if (q == r->end)
		return true;
	if (key)
		return *q == ':' || *q == '=';
	if (*q == '}' || *q == ']' || *q == ')')
		return true;
	if (*q == ',')
		return !member || key_follows(q + 1, r->end);
	if (*q == '/' || *q == '#')
		return true;
	/* a missing comma: the next member or element on a line of its own */
	if (memchr(p, '\n', (size_t)(q - p))) {
		char kind;
		return member ? quote_at(q, r->end, &kind) > 0
		              : *q == '"' || *q == '{' || *q == '[';
	}
	return false;
}

static int hex4(const char *p, const char *end, unsigned n, uint32_t *out)
{
	*out = 0;
	if ((size_t)(end - p) < n)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		if (!isxdigit((unsigned char)p[i]))
			return -1;
		char c = (char)tolower((unsigned char)p[i]);
		*out = *out * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return 0;
}

/* One escape after the backslash at p; returns the byte behind it. */
static const char *escape(struct reader *r, const char *p, struct oc_buf *text)
{
	static const char from[] = "\"\\/bfnrt'", to[] = "\"\\/\b\f\n\r\t'";
	const char *found = memchr(from, p[1], sizeof from - 1);
	uint32_t c, low;
	char utf8[4];

	if (found) {
		oc_buf_putc(text, to[found - from]);
		if (p[1] == '\'')
			r->repairs |= OC_REPAIR_ESCAPE;
		return p + 2;
	}
	if (p[1] == 'u' && !hex4(p + 2, r->end, 4, &c)) {
		p += 6;
		if (c >= 0xd800 && c < 0xdc00 &&
		    at(&(struct reader){.p = p, .end = r->end}, "\\u") &&
		    !hex4(p + 2, r->end, 4, &low) && low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			p += 6;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd;
			r->repairs |= OC_REPAIR_ESCAPE;
		}
		oc_buf_add(text, utf8, oc_utf8_put(utf8, c));
		return p;
	}
	r->repairs |= OC_REPAIR_ESCAPE;
	if (p[1] == 'x' && !hex4(p + 2, r->end, 2, &c)) {
		oc_buf_add(text, utf8, oc_utf8_put(utf8, c));
		return p + 4;
	}
	if (p[1] == '\n') /* a continued line */
		return p + 2;
	oc_buf_putc(text, '\\'); /* \d, \( and the like: the backslash was meant */
	return p + 1;
}

static int string(struct reader *r, bool key, bool member)
{
	struct oc_buf text = {0};
	char kind = 0, other;
	size_t n = quote_at(r->p, r->end, &kind);
	bool triple = n == 1 && left(r) >= 3 && r->p[1] == *r->p && r->p[2] == *r->p;
	int rc = 0;

	if (*r->p != '"' || triple)
		r->repairs |= OC_REPAIR_QUOTES;
	r->p += triple ? 3 : n;
	while (r->p < r->end && r->budget > 0) {
		unsigned char c = (unsigned char)*r->p;
		r->budget--;
		if (c == '\\' && r->p + 1 < r->end) {
			r->p = escape(r, r->p, &text);
			continue;
		}
		n = quote_at(r->p, r->end, &other);
		if (n && triple) {
			if (other == kind && left(r) >= 3 && r->p[1] == *r->p && r->p[2] == *r->p) {
				r->p += 3;
				rc = 1;
				break;
			}
		} else if (n && other == kind) {
			if (closes(r, r->p + n, key, member)) {
				r->p += n;
				rc = 1;
				break;
			}
			r->repairs |= OC_REPAIR_INNER;
		}
		if (c < 0x20)
			r->repairs |= OC_REPAIR_ESCAPE;
		n = n ? n : 1;
		oc_buf_add(&text, r->p, n);
		r->p += n;
	}
	if (rc == 1)
		oc_buf_json(r->out, oc_buf_view(&text));
	oc_buf_fini(&text);
	return rc;
}

/* ------------------------------------------------- numbers, words, containers */

/* Writes a number written the JSON way or one of the usual others. False: it is none. */
static bool number(struct reader *r, struct oc_str s)
{
	char text[64], *stop;
	size_t n = 0, dots = 0;
	bool exact = true;

	if (!s.len || s.len >= sizeof text || !strpbrk((const char[]){*s.p, 0}, "+-.0123456789"))
		return false;
	if (s.len > 2 && s.p[0] == '0' && (s.p[1] | 32) == 'x') {
		memcpy(text, s.p, s.len);
		text[s.len] = 0;
		unsigned long long v = strtoull(text, &stop, 16);
		if (*stop || s.len > 17)
			return false;
		oc_buf_u64(r->out, v);
		r->repairs |= OC_REPAIR_NUMBER;
		return true;
	}
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (c == '_' && i && i + 1 < s.len && isdigit((unsigned char)s.p[i - 1]))
			exact = false;
		else if (isdigit((unsigned char)c) || (strchr("+-.eE", c) && n < sizeof text - 2)) {
			dots += c == '.';
			text[n++] = c;
		} else
			return false;
	}
	text[n] = 0;
	strtod(text, &stop);
	if (*stop || stop == text || dots > 1)
		return false;
	/* sign, leading zeros and lone dots as JSON wants them */
	char *p = text;
	bool minus = *p == '-';
	if (*p == '+' || *p == '-') {
		exact = exact && minus;
		p++;
	}
	while (*p == '0' && isdigit((unsigned char)p[1])) {
		exact = false;
		p++;
	}
	if (minus)
		oc_buf_putc(r->out, '-');
	if (*p == '.') {
		oc_buf_putc(r->out, '0');
		exact = false;
	}
	for (; *p; p++) {
		if (*p == '.' && !isdigit((unsigned char)p[1])) {
			exact = false; /* "5." and "5.e3" */
			continue;
		}
		oc_buf_putc(r->out, *p);
	}
	if (!exact)
		r->repairs |= OC_REPAIR_NUMBER;
	return true;
}

static bool literal(struct reader *r, struct oc_str s)
{
	static const struct {
		const char *word, *json;
	} words[] = {{"true", "true"}, {"false", "false"},    {"null", "null"},
	             {"none", "null"}, {"undefined", "null"}, {"nil", "null"},
	             {"nan", "null"},  {"infinity", "null"},  {"-infinity", "null"}};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (s.len != strlen(words[i].word) || strncasecmp(s.p, words[i].word, s.len) != 0)
			continue;
		if (!oc_str_is(s, words[i].json))
			r->repairs |= OC_REPAIR_LITERAL;
		oc_buf_puts(r->out, words[i].json);
		return true;
	}
	return false;
}

static int scalar(struct reader *r, bool member)
{
	const char *from = r->p;
	struct oc_str s;

	while (r->p < r->end && !strchr(",}]\n\r)", *r->p) && !at(r, "//"))
		r->p++;
	r->budget -= r->p - from + 1;
	s = oc_str_trim((struct oc_str){from, (size_t)(r->p - from)});
	if (!s.len)
		return r->p == r->end ? 0 : -1;
	if (literal(r, s))
		return 1;
	if (r->p == r->end) /* 3 may be the beginning of 35 */
		return 0;
	if (number(r, s))
		return 1;
	if (!member)
		return -1;
	r->repairs |= OC_REPAIR_BARE;
	oc_buf_json(r->out, s);
	return 1;
}

/* A key and its colon. */
static int key(struct reader *r)
{
	char kind;
	const char *from = r->p;

	if (quote_at(r->p, r->end, &kind)) {
		int rc = string(r, true, true);
		if (rc != 1)
			return rc;
	} else {
		while (r->p < r->end &&
		       (isalnum((unsigned char)*r->p) || *r->p == '_' || *r->p == '$' ||
		        *r->p == '-' || (unsigned char)*r->p >= 0x80))
			r->p++;
		if (r->p == r->end)
			return 0;
		if (r->p == from)
			return -1;
		r->repairs |= OC_REPAIR_KEY;
		oc_buf_json(r->out, (struct oc_str){from, (size_t)(r->p - from)});
	}
	skip(r);
	if (r->p == r->end)
		return 0;
	if (*r->p == '=') {
		r->repairs |= OC_REPAIR_KEY;
		r->p += at(r, "=>") ? 2 : 1;
	} else if (*r->p == ':') {
		r->p++;
	} else {
		return -1;
	}
	oc_buf_putc(r->out, ':');
	return 1;
}

/*
 * An object or array. At the end of the input: as an element of an array it is left out (it may
 * lack members), elsewhere it is closed and keeps what was complete.
 */
static int container(struct reader *r, bool object, bool element)
{
	size_t from = r->out->len, n = 0;
	bool comma = true; /* as if one had been read: none is needed before the first */
	int rc = -1;

	if (++r->depth > MAX_DEPTH)
		goto out;
	if (*r->p == '(')
		r->repairs |= OC_REPAIR_BRACKET;
	r->p++;
	oc_buf_putc(r->out, object ? '{' : '[');
	for (;;) {
		skip(r);
		if (r->budget <= 0)
			goto out;
		if (r->p == r->end)
			break;
		if (*r->p == ',') {
			if (comma)
				r->repairs |= OC_REPAIR_COMMA;
			comma = true;
			r->p++;
			continue;
		}
		if (*r->p == '}' || *r->p == ']' || *r->p == ')') {
			if ((*r->p == '}') != object)
				r->repairs |= OC_REPAIR_BRACKET;
			if (comma && n)
				r->repairs |= OC_REPAIR_COMMA;
			r->p++;
			oc_buf_putc(r->out, object ? '}' : ']');
			rc = 1;
			goto out;
		}
		if (at(r, "...") || at(r, "\xe2\x80\xa6")) {
			r->repairs |= OC_REPAIR_COMMENT;
			r->p += 3;
			continue;
		}
		if (!comma)
			r->repairs |= OC_REPAIR_COMMA;
		comma = false;
		size_t mark = r->out->len;
		if (n)
			oc_buf_putc(r->out, ',');
		int got = object ? key(r) : 1;
		if (got == 1) {
			skip(r);
			if (object && r->p < r->end && (*r->p == ',' || *r->p == '}')) {
				r->repairs |= OC_REPAIR_LITERAL; /* no value at all */
				oc_buf_puts(r->out, "null");
			} else {
				got = r->p == r->end ? 0 : value(r, object, !object);
			}
		}
		if (got < 0)
			goto out;
		if (!got) {
			r->out->len = mark;
			r->p = r->end;
			break;
		}
		n++;
	}
	r->repairs |= OC_REPAIR_CUT;
	rc = 0;
	if (!element && n) {
		oc_buf_putc(r->out, object ? '}' : ']');
		rc = 1;
	}
out:
	if (rc != 1)
		r->out->len = from;
	r->depth--;
	return rc;
}

static int value(struct reader *r, bool member, bool element)
{
	char kind;
	size_t from = r->out->len;
	int rc;

	if (*r->p == '{')
		return container(r, true, element);
	if (*r->p == '[' || *r->p == '(')
		return container(r, false, element);
	if (left(r) > 1 && strchr("rfubRFUB", *r->p) && (r->p[1] == '"' || r->p[1] == '\'')) {
		r->repairs |= OC_REPAIR_QUOTES;
		r->p++;
	}
	rc = quote_at(r->p, r->end, &kind) ? string(r, false, member) : scalar(r, member);
	if (rc != 1)
		r->out->len = from;
	return rc;
}

/* --------------------------------------------------------------------- finding */

static bool of_objects(yyjson_val *v)
{
	return yyjson_is_arr(v) && yyjson_is_obj(yyjson_arr_get_first(v));
}

/* Better: an array of objects, then an object, then any array; of equals the longer text. */
static int rank(yyjson_val *v)
{
	return of_objects(v) ? 2 : yyjson_is_obj(v) ? 1 : 0;
}

yyjson_val *oc_tolerant_parse(struct oc_arena *a, struct oc_str text, unsigned *repairs)
{
	struct oc_buf out = {0}, objects = {0};
	struct oc_err err = {0};
	yyjson_val *best = NULL, *v;
	size_t best_len = 0, object_n = 0, start = 0;
	unsigned ignore, seen = 0, all = 0, base = 0;

	repairs = repairs ? repairs : &ignore;
	*repairs = 0;
	if (oc_utf8_check(text) >= 0) {
		text = oc_utf8_repair(a, text);
		base = OC_REPAIR_UTF8;
	}
	text = oc_str_trim(text);
	if (text.len && (*text.p == '{' || *text.p == '[')) {
		v = oc_json_parse(a, text, &err);
		if (yyjson_is_obj(v) || yyjson_is_arr(v)) {
			*repairs = base;
			return v;
		}
	}
	int64_t budget = 16 * (int64_t)text.len + 1024;
	while (start < text.len && budget > 0) {
		if (text.p[start] != '{' && text.p[start] != '[') {
			start++;
			continue;
		}
		struct reader r = {text.p + start, text.p + text.len, &out, 0, 0, budget};
		out.len = 0;
		/* nothing outside, so it is closed at the end of the text */
		int rc = value(&r, false, false);
		budget = r.budget;
		memset(&err, 0, sizeof err);
		v = rc == 1 ? oc_json_parse(a, oc_buf_view(&out), &err) : NULL;
		if (!v) {
			start++;
			continue;
		}
		size_t len = (size_t)(r.p - text.p) - start;
		if (len < text.len)
			r.repairs |= OC_REPAIR_PROSE;
		if (yyjson_is_obj(v)) {
			oc_buf_puts(&objects, object_n++ ? "," : "[");
			oc_buf_str(&objects, oc_buf_view(&out));
			all |= r.repairs;
		}
		if (!best || rank(v) > rank(best) || (rank(v) == rank(best) && len > best_len)) {
			best = v;
			best_len = len;
			seen = r.repairs;
		}
		start += len;
	}
	if (object_n > 1 && !of_objects(best)) {
		oc_buf_putc(&objects, ']');
		memset(&err, 0, sizeof err);
		best = oc_json_parse(a, oc_buf_view(&objects), &err);
		seen = (all & ~(unsigned)OC_REPAIR_PROSE) | OC_REPAIR_MANY;
	}
	oc_buf_fini(&out);
	oc_buf_fini(&objects);
	*repairs = best ? base | seen : 0;
	return best;
}

void oc_repairs_write(struct oc_buf *out, unsigned repairs)
{
	static const char *const names[] = {
#define X(bit, name, text) name,
		OC_REPAIR_MAP(X)
#undef X
	};
	const char *sep = "";

	oc_buf_putc(out, '[');
	for (unsigned i = 0; i < OC_REPAIR_N; i++) {
		if (!(repairs >> i & 1))
			continue;
		oc_buf_puts(out, sep);
		oc_buf_json(out, oc_str(names[i]));
		sep = ",";
	}
	oc_buf_putc(out, ']');
}

size_t oc_tolerant_items(yyjson_val *v, yyjson_val **list)
{
	yyjson_val *only = NULL, *member;
	yyjson_obj_iter it;
	unsigned n = 0;

	*list = NULL;
	if (yyjson_is_arr(v)) {
		*list = v;
		return yyjson_arr_size(v);
	}
	if (!yyjson_is_obj(v))
		return 0;
	it = yyjson_obj_iter_with(v);
	while ((member = yyjson_obj_iter_next(&it))) {
		if (of_objects(yyjson_obj_iter_get_val(member))) {
			only = yyjson_obj_iter_get_val(member);
			n++;
		}
	}
	if (n != 1)
		return 1;
	*list = only;
	return yyjson_arr_size(only);
}

/* -------------------------------------------------------------------- coercing */

int oc_want_parse(struct oc_str name)
{
	static const char *const names[] = {"any", "text", "number", "integer", "bool", "list"};

	for (int i = 0; i <= OC_WANT_LIST; i++)
		if (oc_str_is(name, names[i]))
			return i;
	return -1;
}

static bool coerce_number(struct oc_buf *out, yyjson_val *v, bool integer)
{
	struct oc_buf text = {0};
	struct reader r = {.out = &text};
	char plain[64];
	size_t n = 0;
	bool ok = false;

	if (yyjson_is_bool(v) || yyjson_is_ctn(v))
		return false;
	if (yyjson_is_str(v)) {
		struct oc_str s = oc_str_trim(oc_json_str(v));
		for (size_t i = 0; i < s.len && n < sizeof plain; i++)
			if (s.p[i] != ',' || i + 3 >= s.len || !isdigit((unsigned char)s.p[i + 1]))
				plain[n++] = s.p[i]; /* 1,234 without its comma */
		ok = n < sizeof plain && number(&r, (struct oc_str){plain, n});
	} else if (v && !yyjson_is_null(v)) {
		oc_json_write(&text, v);
		ok = true;
	}
	if (ok && integer) {
		double d = strtod(oc_buf_cstr(&text), NULL);
		char *dot = strpbrk(text.p, ".eE");
		if (dot && (d > 9e15 || d < -9e15 || d != (double)(int64_t)d))
			ok = false;
		else if (dot) {
			text.len = 0;
			oc_buf_printf(&text, "%lld", (long long)d);
		}
	}
	if (ok)
		oc_buf_str(out, oc_buf_view(&text));
	oc_buf_fini(&text);
	return ok;
}

bool oc_coerce(struct oc_buf *out, yyjson_val *v, enum oc_want want)
{
	if (want != OC_WANT_ANY && want != OC_WANT_LIST && yyjson_is_arr(v) &&
	    yyjson_arr_size(v) == 1)
		v = yyjson_arr_get_first(v);
	if (!v || (yyjson_is_null(v) && want != OC_WANT_ANY))
		return false;
	switch (want) {
	case OC_WANT_ANY: oc_json_write(out, v); return true;
	case OC_WANT_TEXT:
		if (yyjson_is_ctn(v))
			return false;
		if (yyjson_is_str(v)) {
			oc_json_write(out, v);
		} else {
			oc_buf_putc(out, '"');
			oc_json_write(out, v);
			oc_buf_putc(out, '"');
		}
		return true;
	case OC_WANT_NUMBER: return coerce_number(out, v, false);
	case OC_WANT_INTEGER: return coerce_number(out, v, true);
	case OC_WANT_BOOL: {
		static const char *const yes[] = {"true", "yes", "y", "1"}, *const no[] = {
										    "false", "no",
										    "n", "0"};
		struct oc_buf text = {0};
		int found = -1;
		if (yyjson_is_str(v))
			oc_buf_str(&text, oc_str_trim(oc_json_str(v)));
		else
			oc_json_write(&text, v);
		for (unsigned i = 0; i < 4; i++) {
			if (strcasecmp(oc_buf_cstr(&text), yes[i]) == 0)
				found = 1;
			else if (strcasecmp(oc_buf_cstr(&text), no[i]) == 0)
				found = 0;
		}
		oc_buf_fini(&text);
		if (found >= 0)
			oc_buf_puts(out, found ? "true" : "false");
		return found >= 0;
	}
	case OC_WANT_LIST:
		if (!yyjson_is_arr(v))
			oc_buf_putc(out, '[');
		oc_json_write(out, v);
		if (!yyjson_is_arr(v))
			oc_buf_putc(out, ']');
		return true;
	}
	return false;
}
