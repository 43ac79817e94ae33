/* pii_number.c: addresses of the network, IBANs and cards; and whatever else is found at digits. */
#include <arpa/inet.h>

#include "text/pii_scan.h"

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
	if (oc_pii_said_last(s, i, version_words) || oc_pii_labelled(s, oc_pii_none, version_parts))
		return 0;
	if (is_small(addr) && is_public4(addr) && c != '/' && c != '@' &&
	    !(d == ':' && is_digit(d1)) && !(d == '/' && is_digit(d1)) &&
	    !oc_pii_said(s, i, ip_words, oc_pii_none, OC_PII_WINDOW) &&
	    !oc_pii_labelled(s, ip_words, oc_pii_none))
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
		end = oc_pii_phone(s, i, floor);
	return end;
}
