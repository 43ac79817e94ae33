#include <arpa/inet.h>
#include <stdlib.h>

#include "text/pii_scan.h"

const char *const oc_pii_names[OC_PII_TYPES] = {"email", "ip", "phone", "iban", "card"};

void oc_pii_found(struct oc_pii_scan *s, enum oc_pii_type type, size_t from, size_t to)
{
	struct oc_pii_spans *o = s->out;

	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 16;
		o->span = oc_realloc(o->span, o->cap * sizeof *o->span);
	}
	o->span[o->n++] = (struct oc_pii_span){type, from, to - from};
}

void oc_pii_fini(struct oc_pii_spans *s)
{
	free(s->span);
	*s = (struct oc_pii_spans){0};
}

/* -------------------------------------------------------------------- e-mail */

/* Bytes of a letter of the extended Latin blocks (U+00C0..U+024F) whose first byte is at i: 2. */
static size_t latin_at(const struct oc_pii_scan *s, size_t i)
{
	unsigned a = at(s, i), b = at(s, i + 1);
	if ((b & 0xC0) != 0x80 || a < 0xC3 || a > 0xC9)
		return 0;
	return (a == 0xC3 && (b == 0x97 || b == 0xB7)) || (a == 0xC9 && b > 0x8F) ? 0 : 2;
}

static bool is_local(unsigned c)
{
	return is_alnum(c) || (c && c < 0x80 && strchr("._%+-'&~!", (int)c));
}

/* Where the part before the `@` at i begins; i when there is none. */
static size_t local_start(const struct oc_pii_scan *s, size_t i, size_t floor)
{
	size_t from = i;

	while (from > floor && i - from < 64) {
		if (is_local(s->p[from - 1])) {
			if (s->p[from - 1] == '.' && from >= 3 && s->p[from - 2] == '.' &&
			    s->p[from - 3] == '.')
				break;
			from--;
		} else if (from - floor >= 2 && latin_at(s, from - 2)) {
			from -= 2;
		} else {
			break;
		}
	}
	while (from < i && s->p[from] < 0x80 && !is_word(s->p[from]))
		from++;
	return from;
}

/* Ends of names that are files or members of programs, not domains. */
static bool is_no_domain(struct oc_str end)
{
	static const char *const ends[] = {
		"png",  "jpg",  "jpeg", "gif", "svg",  "webp", "bmp",    "ico",   "css",  "js",
		"html", "json", "txt",  "xml", "yaml", "yml",  "data",   "shape", "mean", "pdf",
		"tgz",  "tar",  "gz",   "min", "mjs",  "po",   "header", "tsx",   "jsx"};
	char low[8];

	if (end.len >= sizeof low)
		return false;
	for (size_t i = 0; i < end.len; i++)
		low[i] = (char)lower((unsigned char)end.p[i]);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (strlen(ends[i]) == end.len && memcmp(ends[i], low, end.len) == 0)
			return true;
	return false;
}

/* The domain from i: its end, or 0 when it is none. Labels of letters, digits and inner hyphens,
 * at least two, the last of letters (or xn--...). */
static size_t domain_end(const struct oc_pii_scan *s, size_t i)
{
	size_t label = i, end = 0, j = i;
	unsigned labels = 0;

	for (;; j++) {
		size_t wide = j - i < 253 ? latin_at(s, j) : 0;
		unsigned c = j - i < 253 ? at(s, j) : 0;
		if (wide) {
			j++;
			continue;
		}
		if (is_alnum(c) || (c == '-' && j > label))
			continue;
		size_t len = j - label;
		while (len && s->p[label + len - 1] == '-') /* "a@b.com-" */
			len--;
		if (!len || len > 63)
			break;
		struct oc_str name = {(const char *)s->p + label, len};
		bool letters = len >= 2 && len <= 24;
		for (size_t k = 0; k < len && letters; k++)
			letters = !is_digit((unsigned char)name.p[k]) && name.p[k] != '-';
		if (labels && (letters || (len > 4 && oc_str_starts(name, "xn--"))) &&
		    !is_no_domain(name))
			end = label + len;
		else
			end = 0;
		labels++;
		if (c != '.' || len < j - label)
			break;
		label = j + 1;
		if (!is_alnum(at(s, label)) && !latin_at(s, label)) /* a full stop */
			break;
	}
	return end;
}

/* "[192.0.2.1]" or "[IPv6:...]" behind the @: its end, or 0. */
static size_t literal_end(const struct oc_pii_scan *s, size_t i)
{
	char text[64];
	size_t n = 0;
	unsigned char addr[16];

	if (at(s, i) != '[')
		return 0;
	while (n < sizeof text - 1 && i + 1 + n < s->len && s->p[i + 1 + n] != ']') {
		text[n] = (char)s->p[i + 1 + n];
		n++;
	}
	text[n] = 0;
	if (at(s, i + 1 + n) != ']')
		return 0;
	bool six = strncmp(text, "IPv6:", 5) == 0;
	return inet_pton(six ? AF_INET6 : AF_INET, text + (six ? 5 : 0), addr) == 1 ? i + n + 2 : 0;
}

/* The next address whose @ stands at or behind *i; false at the end of the text. */
static bool next_email(const struct oc_pii_scan *s, size_t *i, size_t floor,
                       struct oc_pii_span *out)
{
	const unsigned char *sign;

	while (*i < s->len && (sign = memchr(s->p + *i, '@', s->len - *i)) != NULL) {
		size_t a = (size_t)(sign - s->p), from, end;
		*i = a + 1;
		if (!is_local(before(s, a)) && !(a >= 2 && latin_at(s, a - 2)))
			continue;
		if (before(s, a) == '.')
			continue;
		from = local_start(s, a, floor);
		if (from == a)
			continue;
		end = literal_end(s, a + 1);
		if (!end)
			end = domain_end(s, a + 1);
		if (!end)
			continue;
		/* W@x.dot(y), a@b.c[0]: programs. user:secret@host, git@host:path: no mail boxes.
		 */
		unsigned c = at(s, end), c1 = at(s, end + 1);
		if (c == '(' || c == '[' || c == '_' || c == '@' || (c == ':' && is_word(c1)) ||
		    (c == ':' && c1 == '/'))
			if (!(c == ':' && is_digit(c1)))
				continue;
		if (before(s, from) == ':' && from >= 2 && is_word(s->p[from - 2])) {
			size_t k = from - 1;
			while (k && from - k < 64 && is_local(s->p[k - 1]))
				k--;
			if (k >= 3 && memcmp(s->p + k - 3, "://", 3) == 0)
				continue;
		}
		*out = (struct oc_pii_span){OC_PII_EMAIL, from, end - from};
		*i = end;
		return true;
	}
	*i = s->len;
	return false;
}

/* ---------------------------------------------------------------------- all */

/* The first digit at or behind i, before end; end when there is none. Eight bytes at a time. */
static size_t next_digit(const struct oc_pii_scan *s, size_t i, size_t end)
{
	const uint64_t ones = 0x0101010101010101u;

	for (; end - i >= 8; i += 8) {
		uint64_t w, low;
		memcpy(&w, s->p + i, 8);
		low = w & ones * 0x7F;
		/* per byte: >= '0', and not > '9', and below 0x80 */
		uint64_t digits = (low + ones * (0x80 - '0')) & ~(low + ones * (0x7F - '9')) & ~w &
		                  ones * 0x80;
		if (digits)
			return i + (size_t)__builtin_ctzll(digits) / 8;
	}
	while (i < end && !is_digit(s->p[i]))
		i++;
	return i;
}

void oc_pii_find(struct oc_str text, struct oc_str label, unsigned what, struct oc_pii_spans *out)
{
	struct oc_pii_scan whole = {(const unsigned char *)text.p, text.len, label, what, out, 0};
	struct oc_pii_span mail;
	size_t i = 0, next_at = 0;
	bool more = (what & 1u << OC_PII_EMAIL) != 0;

	do {
		struct oc_pii_scan s = whole;
		more = more && next_email(&whole, &next_at, i, &mail);
		if (more) /* what stands before the address does not reach into it */
			s.len = mail.at;
		if (what & (OC_PII_ALL ^ 1u << OC_PII_EMAIL)) {
			size_t floor = i;
			while ((i = next_digit(&s, i, s.len)) < s.len) {
				size_t j = i + 1, end;
				while (j < s.len && is_digit(s.p[j]))
					j++;
				end = oc_pii_at_digit(&s, i, j - i, floor);
				floor = end ? end : floor;
				i = end ? end : j;
			}
		}
		if (more) {
			oc_pii_found(&whole, OC_PII_EMAIL, mail.at, mail.at + mail.len);
			i = mail.at + mail.len;
		}
	} while (more);
}

/* ------------------------------------------------------------------- masking */

void oc_pii_plain(struct oc_buf *b, enum oc_pii_type type, struct oc_str v)
{
	unsigned char addr[16];
	char text[SIX_MAX + 1];
	size_t start = b->len;

	if (type == OC_PII_IP && v.len <= SIX_MAX && memchr(v.p, ':', v.len)) {
		memcpy(text, v.p, v.len);
		text[v.len] = 0;
		if (inet_pton(AF_INET6, text, addr) == 1) {
			oc_buf_add(b, addr, sizeof addr);
			return;
		}
	}
	for (size_t i = 0; i < v.len; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (type == OC_PII_EMAIL)
			oc_buf_putc(b, (char)lower(c));
		else if (type == OC_PII_IP)
			oc_buf_putc(b, (char)c);
		else if (is_alnum(c))
			oc_buf_putc(b, (char)(type == OC_PII_IBAN && is_letter(c) ? c & ~0x20 : c));
	}
	/* (415) 555-2671 and +1 415 555 2671 are one number */
	if (type == OC_PII_PHONE && b->len - start == 11 && b->p[start] == '1') {
		memmove(b->p + start, b->p + start + 1, 10);
		b->len--;
	}
}
