/* pii_number.c: addresses of the network, IBANs, cards and phone numbers: what is found at digits.
 */
#include <arpa/inet.h>

#include "text/pii_scan.h"

/* ---------------------------------------------------- words that say what a number is */

#define WINDOW 32

/* The line before i in small letters, at most WINDOW bytes of it; a break right before i is looked
 * over. */
static size_t line_before(const struct oc_pii_scan *s, size_t i, char out[WINDOW])
{
	size_t from, n = 0;

	while (i && n < 4 && (s->p[i - 1] == '\n' || s->p[i - 1] == '\r' || s->p[i - 1] == ' ')) {
		i--;
		n++;
	}
	for (from = i; from && i - from < WINDOW && s->p[from - 1] != '\n';)
		from--;
	if (from && i - from == WINDOW) /* a word that is cut is another word */
		while (from < i && is_letter(s->p[from]))
			from++;
	n = i - from;
	for (size_t k = 0; k < n; k++)
		out[k] = (char)lower(s->p[from + k]);
	return n;
}

/* Words that tell what a number is, in small letters; signs of scripts without spaces, and parts of
 * a member's name, count wherever they stand. Lists end with NULL. */
static const char *const none[] = {NULL};
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
static const char *const version_words[] = {
	"version", "versions", "ver",         "v",        "release",  "rev",      "revision",
	"build",   "section",  "sections",    "sec",      "chapter",  "clause",   "paragraph",
	"article", "table",    "figure",      "fig",      "oid",      "firmware", "driver",
	"step",    "kapitel",  "abschnitt",   "annex",    "appendix", "item",     "rule",
	"part",    "update",   "patch",       "upgrade",  "req",      "eq",       "theorem",
	"lemma",   "note",     "requirement", "\xC2\xA7", NULL};
static const char *const version_parts[] = {"version", NULL};
static const char *const ip_words[] = {
	"ip",      "ips",    "address",    "addresses",  "addr",    "host",   "hosts", "server",
	"servers", "dns",    "ping",       "gateway",    "subnet",  "router", "proxy", "client",
	"remote",  "listen", "traceroute", "nameserver", "network", "bind",   "ssh",   NULL};

/* Of text in small letters: is one of its last `last` words (runs of letters) in the list, or holds
 * it one of the parts? */
static bool names_one(const char *text, size_t len, const char *const *words,
                      const char *const *parts, unsigned last)
{
	for (size_t i = len; i && last;) {
		size_t end = i;
		while (i && (is_letter((unsigned char)text[i - 1]) ||
		             (unsigned char)text[i - 1] >= 0x80))
			i--;
		size_t n = end - i;
		for (const char *const *w = words; n && *w; w++)
			if (**w == text[i] && strlen(*w) == n && memcmp(*w, text + i, n) == 0)
				return true;
		last -= n > 0;
		i -= !n;
	}
	for (; *parts; parts++)
		if (oc_str_find((struct oc_str){text, len}, oc_str(*parts)) >= 0)
			return true;
	return false;
}

static bool said(const struct oc_pii_scan *s, size_t i, const char *const *words,
                 const char *const *signs, unsigned last)
{
	char text[WINDOW];

	return names_one(text, line_before(s, i, text), words, signs, last);
}

static bool labelled(const struct oc_pii_scan *s, const char *const *words,
                     const char *const *parts)
{
	char text[WINDOW];
	size_t n = s->label.len < WINDOW ? s->label.len : WINDOW;

	for (size_t k = 0; k < n; k++)
		text[k] = (char)lower((unsigned char)s->label.p[k]);
	return names_one(text, n, words, parts, WINDOW);
}

/* Is the last word before i, marks between them left out, in the list? */
static bool said_last(const struct oc_pii_scan *s, size_t i, const char *const *words)
{
	char text[WINDOW];
	size_t n = line_before(s, i, text);

	while (n && (unsigned char)text[n - 1] < 0x80 && !is_alnum((unsigned char)text[n - 1]))
		n--;
	return n && is_digit((unsigned char)text[n - 1]) ? false
	                                                 : names_one(text, n, words, none, 1);
}

/* ------------------------------------------------------------------ addresses */

static bool is_public4(uint32_t a)
{
	/* IANA's registry of special-purpose addresses, with multicast and reserved space. */
	static const struct {
		uint32_t net;
		unsigned bits;
	} special[] = {
		{0x00000000, 8},  {0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},
		{0xA9FE0000, 16}, {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24},
		{0xC0586300, 24}, {0xC0A80000, 16}, {0xC6120000, 15}, {0xC6336400, 24},
		{0xCB007100, 24}, {0xE0000000, 4},  {0xF0000000, 4},
	};

	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		if ((a ^ special[i].net) >> (32 - special[i].bits) == 0)
			return false;
	return true;
}

/* 1..4 numbers of 0..255 without leading zeros, parted by points; the end, or 0. */
static size_t dotted(const struct oc_pii_scan *s, size_t i, uint32_t *addr)
{
	*addr = 0;
	for (unsigned k = 0; k < 4; k++) {
		size_t from = i;
		unsigned v = 0;
		while (is_digit(at(s, i)) && i - from < 3)
			v = 10 * v + s->p[i++] - '0';
		if (i == from || v > 255 || (s->p[from] == '0' && i - from > 1))
			return 0;
		*addr = *addr << 8 | v;
		if (k < 3 && at(s, i++) != '.')
			return 0;
	}
	return i;
}

/* Four numbers below 32: of addresses one in 4096, of versions most. 1.1.1.1 and 8.8.4.4 are no
 * versions. */
static bool is_small(uint32_t a)
{
	bool pairs = (a >> 24) == (a >> 16 & 255) && (a >> 8 & 255) == (a & 255);
	return !pairs && (a & 0xE0E0E0E0) == 0;
}

static size_t find_ip4(struct oc_pii_scan *s, size_t i)
{
	unsigned c = before(s, i), c2 = i > 1 ? s->p[i - 2] : 0;
	uint32_t addr;
	size_t end = dotted(s, i, &addr);

	if (!end || is_word(c) || (c == '.' && is_word(c2)) || (c == '-' && is_letter(c2)) ||
	    (c == '/' && is_word(c2)))
		return 0;
	unsigned d = at(s, end), d1 = at(s, end + 1);
	if (is_word(d) || (d == '.' && is_word(d1)) || (d == '-' && is_letter(d1)))
		return 0;
	if (d == '-' && is_digit(d1)) { /* a range of addresses, or 1.2.3.4-1 */
		uint32_t other;
		if (!dotted(s, end + 1, &other))
			return 0;
	}
	if (!(s->what & OC_PII_PRIVATE_IP) && !is_public4(addr))
		return 0;
	if (said_last(s, i, version_words) || labelled(s, none, version_parts))
		return 0;
	if (is_small(addr) && is_public4(addr) && c != '/' && c != '@' &&
	    !(d == ':' && is_digit(d1)) && !(d == '/' && is_digit(d1)) &&
	    !said(s, i, ip_words, none, WINDOW) && !labelled(s, ip_words, none))
		return 0;
	oc_pii_found(s, OC_PII_IP, i, end);
	return end;
}

static bool is_allocated6(const unsigned char a[16], bool private)
{
	static const unsigned char zero[16] = {0};
	unsigned first = (unsigned)a[0] << 8 | a[1], second = (unsigned)a[2] << 8 | a[3];

	if (first >> 13 == 1) { /* 2000::/3, of which 2001:db8 is for documents */
		bool special =
			(first == 0x2001 && (second == 0xDB8 || second < 0x200)) || first == 0x3FFF;
		return private || !special;
	}
	if (first >> 9 == 0xFC >> 1 || first >> 6 == 0xFE80 >> 6 || first >> 8 == 0xFF)
		return private;
	if (memcmp(a, zero, 10) == 0 && a[10] == 0xFF && a[11] == 0xFF) {
		uint32_t four = (uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 |
		                (uint32_t)a[14] << 8 | a[15];
		return private || is_public4(four);
	}
	return private && memcmp(a, zero, 15) == 0 && a[15] == 1;
}

static bool is_six(unsigned c)
{
	return is_hex(c) || c == ':';
}

/* i is a digit. The address may have begun before it: at most SIX_MAX bytes, not before floor. */
static size_t find_ip6(struct oc_pii_scan *s, size_t i, size_t floor)
{
	size_t from = i, end = i;
	unsigned colons = 0, pairs = 0, group = 0;
	unsigned char addr[16];
	char text[SIX_MAX + 1];

	while (from > floor && i - from < SIX_MAX && is_six(s->p[from - 1]))
		from--;
	while (end < s->len && end - from <= SIX_MAX && (is_six(s->p[end]) || s->p[end] == '.'))
		end++;
	if (end < s->len && end - from <= SIX_MAX && is_word(s->p[end]))
		return 0;
	while (end > i && (s->p[end - 1] == '.' ||
	                   (s->p[end - 1] == ':' && !(end - 2 > from && s->p[end - 2] == ':'))))
		end--;
	if (end - from > SIX_MAX || end - from < 3 || is_word(before(s, from)) ||
	    (before(s, from) == '.' && from > 1 && is_word(s->p[from - 2])))
		return 0;
	for (size_t k = from; k <= end; k++) {
		if (k < end && s->p[k] != ':') {
			group++;
			continue;
		}
		colons += k < end;
		pairs += group == 2;
		group = 0;
	}
	if (colons < 2 || (colons == 7 && pairs == 8)) /* eight pairs: a hardware address */
		return 0;
	memcpy(text, s->p + from, end - from);
	text[end - from] = 0;
	if (inet_pton(AF_INET6, text, addr) != 1 ||
	    !is_allocated6(addr, (s->what & OC_PII_PRIVATE_IP) != 0))
		return 0;
	oc_pii_found(s, OC_PII_IP, from, end);
	return end;
}

static size_t find_ip(struct oc_pii_scan *s, size_t i, size_t run, size_t floor)
{
	size_t left = i, right = i + run;

	while (left > floor && i - left < 4 && is_hex(s->p[left - 1]))
		left--;
	while (right < s->len && right - i < 5 && is_hex(s->p[right]))
		right++;
	if ((left > floor && s->p[left - 1] == ':') || at(s, right) == ':') {
		size_t end = find_ip6(s, i, floor); /* may end in dotted numbers */
		if (end)
			return end;
	}
	return run <= 3 && at(s, i + run) == '.' ? find_ip4(s, i) : 0;
}

/* ---------------------------------------------------------------------- IBAN */

/* Length by country; SWIFT's registry. */
static unsigned iban_length(unsigned a, unsigned b)
{
	static const char table[] =
		"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE"
		"20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27"
		"JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO"
		"15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23"
		"TN24TR26UA29VA22VG24XK20YE30";

	for (size_t i = 0; i + 4 < sizeof table; i += 4)
		if ((unsigned char)table[i] == a && (unsigned char)table[i + 1] == b)
			return (unsigned)(table[i + 2] - '0') * 10 + (unsigned)(table[i + 3] - '0');
	return 0;
}

/* i is the first digit; the country's two letters stand before it. Groups of four may be parted
 * by single spaces or hyphens. */
static size_t find_iban(struct oc_pii_scan *s, size_t i, size_t floor)
{
	unsigned rest = 0, want, got = 0;
	bool small;
	size_t j = i - 2;
	char sep = 0;

	if (i < floor + 2 || !is_letter(s->p[i - 1]) || !is_letter(s->p[i - 2]) ||
	    is_word(before(s, i - 2)) || !is_digit(at(s, i + 1)))
		return 0;
	small = s->p[i - 1] >= 'a';
	want = iban_length(s->p[i - 2] & ~0x20u, s->p[i - 1] & ~0x20u);
	if (!want || small != (s->p[i - 2] >= 'a'))
		return 0;
	char text[40];
	while (got < want && j < s->len) {
		unsigned c = s->p[j];
		if ((c == ' ' || c == '-') && got && got % 4 == 0 &&
		    (!sep ? got == 4 : (unsigned char)sep == c) && is_alnum(at(s, j + 1))) {
			sep = (char)c;
			j++;
			continue;
		}
		if (!is_alnum(c) || (is_letter(c) && (c >= 'a') != small))
			return 0;
		text[got++] = (char)(c & (is_letter(c) ? ~0x20u : ~0u));
		j++;
	}
	if (got < want || is_word(at(s, j)))
		return 0;
	for (unsigned k = 0; k < want; k++) {
		unsigned c = (unsigned char)text[(k + 4) % want];
		rest = is_digit(c) ? (10 * rest + c - '0') % 97 : (100 * rest + c - 'A' + 10) % 97;
	}
	if (rest != 1)
		return 0;
	oc_pii_found(s, OC_PII_IBAN, i - 2, j);
	return j;
}

/* --------------------------------------------------------------------- cards */

static bool luhn(const char *digit, unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned d = (unsigned)(digit[n - 1 - i] - '0') << (i & 1);
		sum += d > 9 ? d - 9 : d;
	}
	return sum % 10 == 0;
}

/* Issuers' prefixes (of six digits, from..to) and the lengths they use. */
static bool is_issued(const char *digit, unsigned n)
{
	static const struct {
		unsigned from, to, least, most;
	} issuers[] = {
		{220000, 220499, 16, 19}, {222100, 272099, 16, 16}, {300000, 305999, 14, 19},
		{340000, 349999, 15, 15}, {352800, 358999, 16, 19}, {360000, 369999, 14, 19},
		{370000, 379999, 15, 15}, {380000, 399999, 14, 19}, {400000, 499999, 16, 16},
		{400000, 499999, 13, 13}, {400000, 499999, 19, 19}, {501800, 501899, 13, 19},
		{502000, 502099, 13, 19}, {503800, 503899, 13, 19}, {510000, 559999, 16, 16},
		{589300, 589399, 13, 19}, {601100, 601199, 16, 19}, {620000, 629999, 16, 19},
		{630400, 630499, 13, 19}, {644000, 659999, 16, 19}, {675900, 675999, 13, 19},
		{676100, 676399, 13, 19},
	};
	unsigned prefix = 0;
	bool same = true;

	for (unsigned i = 0; i < 6; i++)
		prefix = 10 * prefix + (unsigned)(digit[i] - '0');
	for (unsigned i = 1; i < n; i++)
		same = same && digit[i] == digit[0];
	for (size_t i = 0; i < sizeof issuers / sizeof *issuers && !same; i++)
		if (prefix >= issuers[i].from && prefix <= issuers[i].to && n >= issuers[i].least &&
		    n <= issuers[i].most)
			return true;
	return false;
}

/* Groups as cards are printed: one; 4 4 4 4 and 4 4 4 4 3; 4 6 5 and 4 6 4. */
static bool is_printed(const unsigned *group, unsigned n)
{
	if (n == 1)
		return true;
	if (n == 3)
		return group[0] == 4 && group[1] == 6 && (group[2] == 4 || group[2] == 5);
	if (n != 4 && n != 5)
		return false;
	for (unsigned i = 0; i < 4; i++)
		if (group[i] != 4)
			return false;
	return n == 4 || group[4] <= 3;
}

static size_t find_card(struct oc_pii_scan *s, size_t i, size_t run)
{
	unsigned group[5] = {0}, groups = 0, n = 0;
	char digit[20];
	size_t j = i;
	unsigned sep = 0;

	if ((run != 4 && (run < 13 || run > 19)) || comes_from(s, i) || before(s, i) == '/')
		return 0;
	for (;;) {
		unsigned len = 0;
		while (is_digit(at(s, j)) && n < 20) {
			if (n < 20)
				digit[n] = (char)s->p[j];
			n++, len++, j++;
		}
		if (n > 19 || groups == 5)
			return 0;
		group[groups++] = len;
		unsigned c = at(s, j);
		if ((c != ' ' && c != '-') || (sep && c != sep) || !is_digit(at(s, j + 1)) ||
		    groups == 5 || n >= 16)
			break;
		sep = c;
		j++;
	}
	if (groups == 4 && n == 16 && sep && at(s, j) == sep) { /* 4 4 4 4 3 */
		for (unsigned k = 0; k < 3; k++)
			digit[16 + k] = (char)at(s, j + 1 + k);
		bool three = is_digit((unsigned char)digit[16]) &&
		             is_digit((unsigned char)digit[17]) &&
		             is_digit((unsigned char)digit[18]);
		if (three && is_printed(group, groups) && !goes_on(s, j + 4) &&
		    is_issued(digit, 19) && luhn(digit, 19)) {
			oc_pii_found(s, OC_PII_CARD, i, j + 4);
			return j + 4;
		}
	}
	if (n < 13 || !is_printed(group, groups) || goes_on(s, j) || !is_issued(digit, n) ||
	    !luhn(digit, n))
		return 0;
	oc_pii_found(s, OC_PII_CARD, i, j);
	return j;
}

/* -------------------------------------------------------------------- phones */

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
	if (said(s, from, phone_words, phone_signs, 4) || labelled(s, phone_words, phone_parts))
		return !said_last(s, from, other_words);
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
	if (k >= 0 && (said(s, from, other_words, none, WINDOW) || labelled(s, other_words, none)))
		return -1;
	return k;
}

/* i is the first digit, which a plus and a bracket may precede. */
static size_t find_phone(struct oc_pii_scan *s, size_t i, size_t floor)
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

/* ------------------------------------------------------------------------ all */

size_t oc_pii_at_digit(struct oc_pii_scan *s, size_t i, size_t run, size_t floor)
{
	size_t end = 0;

	if (s->what & 1u << OC_PII_IBAN)
		end = find_iban(s, i, floor);
	if (!end && s->what & 1u << OC_PII_IP)
		end = find_ip(s, i, run, floor);
	if (!end && s->what & 1u << OC_PII_CARD)
		end = find_card(s, i, run);
	if (!end && s->what & 1u << OC_PII_PHONE)
		end = find_phone(s, i, floor);
	return end;
}
