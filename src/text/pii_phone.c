/* pii_phone.c: phone numbers. */
#include "text/pii_scan.h"

static const char *const phone_words[] = {"phone",
                                          "phones",
                                          "telephone",
                                          "tel",
                                          "telefon",
                                          "telefono",
                                          "call",
                                          "fax",
                                          "telefax",
                                          "mobile",
                                          "mob",
                                          "cell",
                                          "cellphone",
                                          "handy",
                                          "whatsapp",
                                          "sms",
                                          "dial",
                                          "hotline",
                                          "rufnummer",
                                          "ring",
                                          "movil",
                                          "celular",
                                          "gsm",
                                          "msisdn",
                                          "portable",
                                          "t\xC3\xA9l",
                                          "t\xC3\xA9l\xC3\xA9phone",
                                          "tel\303\251fono",
                                          "m\xC3\xB3vil",
                                          "\xD1\x82\xD0\xB5\xD0\xBB",
                                          NULL};
static const char *const phone_signs[] = {"\xE7\x94\xB5\xE8\xAF\x9D", "\xE6\x89\x8B\xE6\x9C\xBA",
                                          "\xE9\x9B\xBB\xE8\xA9\xB1", "\xEC\xA0\x84\xED\x99\x94",
                                          NULL};
static const char *const phone_parts[] = {"phone", "mobile", "fax", "telefon", NULL};
static const char *const other_words[] = {"isbn", "issn",  "doi",    "pmid",  "ean",
                                          "upc",  "sku",   "serial", "order", "invoice",
                                          "part", "arxiv", "oclc",   "orcid", NULL};

#define PHONE_DIGITS 15 /* E.164 */

/* Digits in groups, with what stands between them. */
struct number {
	char digit[PHONE_DIGITS + 1];
	unsigned n, group_n;
	unsigned upto[PHONE_DIGITS]; /* (group_n) digits up to the end of each */
	size_t end[PHONE_DIGITS];    /* (group_n) where it ends in the text */
	char sep[PHONE_DIGITS];      /* (group_n) the mark behind it; 0 = none taken */
};

/* Bytes of what parts two groups at j: a space (also U+00A0, U+202F), a hyphen (also U+2010..2013),
 * a point, slash or bracket; a bracket with one space or hyphen outside. *kind: the sign in ASCII,
 * the bracket's when there are two. 0: no digit follows. */
static size_t separator(const struct oc_pii_scan *s, size_t j, char *kind)
{
	size_t len = 0;

	*kind = 0;
	for (unsigned k = 0; k < 2; k++) {
		unsigned c = at(s, j + len), c1 = at(s, j + len + 1), c2 = at(s, j + len + 2);
		size_t n = 1;
		char sign = (char)c;
		if (c == 0xC2 && c1 == 0xA0) {
			n = 2;
			sign = ' ';
		} else if (c == 0xE2 && c1 == 0x80 && (c2 == 0xAF || (c2 >= 0x90 && c2 <= 0x93))) {
			n = 3;
			sign = c2 == 0xAF ? ' ' : '-';
		} else if (!c || c >= 0x80 || !strchr(" -./()", (int)c)) {
			break;
		}
		if (k && !(*kind == ')' && (sign == ' ' || sign == '-')) &&
		    !(*kind == ' ' && sign == '('))
			break;
		*kind = k && *kind == ')' ? ')' : sign;
		len += n;
	}
	return is_digit(at(s, j + len)) ? len : 0;
}

/* `single`: one group of one digit may stand within, as in +7 71234 5 67 89. */
static void read_number(const struct oc_pii_scan *s, size_t i, bool single, struct number *x)
{
	*x = (struct number){0};
	while (x->group_n < PHONE_DIGITS) {
		size_t from = i, sep;
		while (is_digit(at(s, i)) && i - from <= PHONE_DIGITS - x->n)
			i++;
		if (i - from > PHONE_DIGITS - x->n || i == from)
			return;
		memcpy(x->digit + x->n, s->p + from, i - from);
		if (i - from == 1 && x->group_n > 1 && x->sep[x->group_n - 1] != ')') {
			if (!single) /* a table of digits, no number */
				return;
			single = false;
		}
		x->n += (unsigned)(i - from);
		x->upto[x->group_n] = x->n;
		x->end[x->group_n++] = i;
		sep = separator(s, i, &x->sep[x->group_n - 1]);
		if (!sep)
			return;
		i += sep;
	}
}

/* The end of an extension of two to six digits at i, or 0: "x3402", " ext. 12". */
static size_t extension(const struct oc_pii_scan *s, size_t i)
{
	static const char *const names[] = {"extension", "ext", "x"};
	size_t j = i + (at(s, i) == ' '), from;

	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		size_t n = strlen(names[k]), same = 0;
		while (same < n &&
		       lower((unsigned char)at(s, j + same)) == (unsigned char)names[k][same])
			same++;
		if (same < n)
			continue;
		j += n;
		j += n > 1 && (at(s, j) == '.' || at(s, j) == ':');
		j += n > 1 && at(s, j) == ' ';
		for (from = j; is_digit(at(s, j));)
			j++;
		return j - from < 2 || j - from > 6 || is_word(at(s, j)) ? 0 : j;
	}
	return 0;
}

/* The last group up to which there are least..most digits and the text does not go on; -1: none. A
 * digit that stands alone is not the last. */
static int whole_groups(const struct oc_pii_scan *s, const struct number *x, unsigned least,
                        unsigned most)
{
	for (unsigned k = x->group_n; k--;) {
		bool alone = k > 1 && x->upto[k] - x->upto[k - 1] == 1;
		if (x->upto[k] >= least && x->upto[k] <= most && !alone &&
		    (!is_word(at(s, x->end[k])) || extension(s, x->end[k])))
			return (int)k;
	}
	return -1;
}

/* Does a number begin with the code of a country? ITU-T E.164, by its first two or three digits. */
static bool is_country(const char *d)
{
	static const char *const unused[] = {
		"210", "214", "215", "217", "219", "259", "28",  "292", "293", "294", "295", "296",
		"384", "388", "422", "424", "425", "426", "427", "428", "429", "693", "694", "695",
		"696", "697", "698", "699", "801", "802", "803", "804", "805", "806", "807", "809",
		"83",  "851", "854", "857", "858", "859", "89",  "969", "978", "990", "997", "999"};

	if (d[0] == '0')
		return false;
	for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
		if (strncmp(d, unused[i], strlen(unused[i])) == 0)
			return false;
	return true;
}

/* Ten digits of the North American plan: area and exchange begin with 2..9 and are no N11. */
static bool is_nanp(const char *d)
{
	return d[0] >= '2' && d[3] >= '2' && !(d[1] == '1' && d[2] == '1') &&
	       !(d[4] == '1' && d[5] == '1');
}

static bool all_zero(const char *d, unsigned n)
{
	while (n && d[n - 1] == '0')
		n--;
	return n == 0;
}

/* +CC ...: at least nine digits when they are not grouped. */
static int find_foreign(const struct oc_pii_scan *s, const struct number *x)
{
	int k;

	if (x->digit[0] == '1') {
		k = whole_groups(s, x, 11, 11);
		return k >= 0 && is_nanp(x->digit + 1) ? k : -1;
	}
	k = whole_groups(s, x, 8, PHONE_DIGITS);
	if (k < 0 || (k == 0 && x->upto[0] < 9) || !is_country(x->digit) ||
	    all_zero(x->digit + x->upto[k] - 6, 6))
		return -1;
	return k;
}

/* 3-3-4 digits, a 1 before them or not; spaces alone say nothing. `open`: brackets stand around the
 * first. */
static int find_nanp(const struct number *x, bool open, bool told)
{
	unsigned k = x->digit[0] == '1' && x->upto[0] == 1 ? 1 : 0;

	if (x->group_n < k + 3 || x->upto[k] != k + 3 || x->upto[k + 1] != k + 6 ||
	    x->upto[k + 2] != k + 10 || !is_nanp(x->digit + k))
		return -1;
	char a = x->sep[k], b = x->sep[k + 1];
	if (a == '/' && b == '/')
		return -1;
	if (a == ')' || (k && x->sep[0] == '(') || open)
		return (int)k + 2;
	return told || (a == b && a != ' ') || (a == ' ' && b == '-') ? (int)k + 2 : -1;
}

/* 01 23 45 67 89 */
static int find_pairs(const struct number *x)
{
	if (x->group_n < 5 || x->digit[0] != '0' || x->digit[1] == '0')
		return -1;
	for (unsigned k = 0; k < 5; k++)
		if (x->upto[k] != 2 * (k + 1) || (k < 4 && x->sep[k] != x->sep[0]))
			return -1;
	return x->sep[0] == '/' || (x->sep[4] == x->sep[0] && x->group_n > 5) ? -1 : 4;
}

static unsigned group_value(const struct number *x, unsigned k)
{
	unsigned v = 0;

	for (unsigned i = k ? x->upto[k - 1] : 0; i < x->upto[k] && v < 100000; i++)
		v = 10 * v + (unsigned)(x->digit[i] - '0');
	return v;
}

static bool is_year(const struct number *x, unsigned k)
{
	unsigned v = group_value(x, k);

	return x->upto[k] - (k ? x->upto[k - 1] : 0) == 4 && v >= 1500 && v < 2100;
}

/* 2023-01-15, 15.01.2023 or (1847-1922) */
static bool is_date(const struct number *x)
{
	if (x->group_n == 2)
		return x->sep[0] == '-' && is_year(x, 0) && is_year(x, 1) &&
		       group_value(x, 0) <= group_value(x, 1);
	if (x->group_n < 3 || x->upto[1] - x->upto[0] > 2)
		return false;
	unsigned first = group_value(x, 0), middle = group_value(x, 1);
	if (is_year(x, 0))
		return x->upto[2] - x->upto[1] <= 2 && middle <= 12 && group_value(x, 2) <= 31;
	return x->upto[0] <= 2 && is_year(x, 2) && first <= 31 && middle <= 31;
}

/* Without a form of its own, after a word that says it is one: 7 to 15 digits, 8 when in one run.
 */
static int find_told(const struct oc_pii_scan *s, const struct number *x)
{
	int k = is_date(x) ? -1 : whole_groups(s, x, 7, PHONE_DIGITS);

	if (k < 0 || (k == 0 && x->upto[0] < 8) || (x->sep[0] == '/' && x->digit[0] != '0') ||
	    all_zero(x->digit + x->upto[k] - 3, 3))
		return -1;
	return k;
}

/* Do the words before `from`, or the member's name, say that a phone number follows? In a table of
 * numbers the same words are not looked at again. */
static bool is_told(struct oc_pii_scan *s, size_t from)
{
	size_t i = from;

	if (s->calm) {
		while (i > s->calm && !is_letter(s->p[i - 1]) && s->p[i - 1] < 0x80)
			i--;
		if (i <= s->calm) {
			s->calm = from;
			return false;
		}
	}
	if (oc_pii_said(s, from, phone_words, phone_signs, 4) ||
	    oc_pii_labelled(s, phone_words, phone_parts))
		return !oc_pii_said_last(s, from, other_words);
	s->calm = from;
	return false;
}

static int find_home(struct oc_pii_scan *s, const struct number *x, size_t from, bool open)
{
	bool told = is_told(s, from);
	int k = find_nanp(x, open, told);

	if (k < 0)
		k = find_pairs(x);
	if (told)
		return k < 0 ? find_told(s, x) : k;
	if (k >= 0 && (oc_pii_said(s, from, other_words, oc_pii_none, OC_PII_WINDOW) ||
	               oc_pii_labelled(s, other_words, oc_pii_none)))
		return -1;
	return k;
}

size_t oc_pii_phone(struct oc_pii_scan *s, size_t i, size_t floor)
{
	struct number x;
	size_t from = i;
	bool plus, open = false;
	int k;

	read_number(s, i, before(s, i) == '+', &x);
	if (x.n < 7)
		return 0;
	if (from > floor && s->p[from - 1] == '(' && x.sep[0] == ')') {
		open = true;
		from--;
	}
	plus = from > floor && s->p[from - 1] == '+';
	if (plus)
		from--;
	if (plus && !open && from > floor && s->p[from - 1] == '(' && x.sep[0] == ')')
		from--;
	unsigned c = before(s, from);
	if (comes_from(s, from) || (plus && c && strchr("+~^*-", (int)c)) || c == '$' || c == '#' ||
	    c == '&' || c == '%' || (c == '/' && from > 1 && !is_digit(s->p[from - 2])) ||
	    (c == ':' && from > 1 && is_digit(s->p[from - 2])) ||
	    (from >= 7 && memcmp(s->p + from - 7, "<phone:", 7) == 0)) /* a mask of ours */
		return 0;
	k = plus ? find_foreign(s, &x) : find_home(s, &x, from, open);
	if (k == 0 && x.sep[0] == ')') { /* the bracket stands around the number, not in it */
		if (plus && open)
			return 0;
		from = plus ? i - 1 : i;
	}
	size_t end = k < 0 ? 0 : extension(s, x.end[k]);
	if (k < 0 || (!end && goes_on(s, x.end[k])))
		return 0;
	end = end ? end : x.end[k];
	oc_pii_found(s, OC_PII_PHONE, from, end);
	return end;
}
