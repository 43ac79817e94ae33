#include "text/special.h"

/* Chunks that stay whole although they hold marks, by bytes; ' stands for U+2019 too. */
/* clang-format off */
static const char *const whole[] = {
	"''", "'Cause", "'Cos", "'Coz", "'Cuz", "'S", "'bout", "'cause", "'cos", "'coz", "'cuz",
	"'d", "'em", "'ll", "'nuff", "'re", "'s", "(*_*)", "(-8", "(-:", "(-;", "(-_-)", "(._.)",
	"(:", "(;", "(=", "(>_<)", "(^_^)", "(o:", "(\xC2\xAC_\xC2\xAC)", ")-:", "):", "-_-",
	"-__-", "._.", "0.0", "0.o", "0_0", "0_o", "8)", "8-)", "8-D", "8D", ":'(", ":')", ":'-(",
	":'-)", ":(", ":((", ":(((", ":()", ":)", ":))", ":)))", ":*", ":-(", ":-((", ":-(((",
	":-)", ":-))", ":-)))", ":-*", ":-/", ":-0", ":-3", ":->", ":-D", ":-O", ":-P", ":-X",
	":-]", ":-o", ":-p", ":-x", ":-|", ":-}", ":/", ":0", ":1", ":3", ":>", ":D", ":O", ":P",
	":X", ":]", ":o", ":o)", ":p", ":x", ":|", ":}", ";)", ";-)", ";-D", ";D", ";_;", "<.<",
	"</3", "<3", "<33", "<333", "<space>", "=(", "=)", "=/", "=3", "=D", "=[", "=]", "=|",
	">.<", ">.>", ">:(", ">:o", "><(((*>", "@_@", "Adm.", "Ak.", "Ala.", "Apr.", "Ariz.",
	"Ark.", "Aug.", "Bros.", "C++", "Calif.", "Co.", "Colo.", "Conn.", "Corp.", "D.C.", "Dec.",
	"Del.", "Doin'", "Dr.", "E.G.", "E.g.", "Feb.", "Fla.", "Ga.", "Gen.", "Goin'", "Gov.",
	"Havin'", "I.E.", "I.e.", "Ia.", "Id.", "Ill.", "Inc.", "Ind.", "Jan.", "Jr.", "Jul.",
	"Jun.", "Kan.", "Kans.", "Ky.", "La.", "Lovin'", "Ltd.", "Ma'am", "Mar.", "Mass.", "Md.",
	"Messrs.", "Mich.", "Minn.", "Miss.", "Mo.", "Mont.", "Mr.", "Mrs.", "Ms.", "Mt.", "N.C.",
	"N.D.", "N.H.", "N.J.", "N.M.", "N.Y.", "Neb.", "Nebr.", "Nev.", "Nothin'", "Nov.",
	"Nuthin'", "O'clock", "O.O", "O.o", "O_O", "O_o", "Oct.", "Okla.", "Ol'", "Ore.", "Pa.",
	"Ph.D.", "Prof.", "Rep.", "Rev.", "S.C.", "Sen.", "Sep.", "Sept.", "Somethin'", "St.",
	"Tenn.", "V.V", "V_V", "Va.", "Wash.", "Wis.", "[-:", "[:", "[=", "\\\")", "\\n", "\\t",
	"]=", "^_^", "^__^", "^___^", "a.", "a.m.", "and/or", "b.", "c.", "co.", "d.", "doin'",
	"e.", "e.g.", "f.", "g.", "goin'", "h.", "havin'", "i.", "i.e.", "j.", "k.", "l.", "lovin'",
	"m.", "ma'am", "n.", "nothin'", "nuthin'", "o'clock", "o.", "o.0", "o.O", "o.o", "o_0",
	"o_O", "o_o", "ol'", "p.", "p.m.", "q.", "r.", "s.", "somethin'", "t.", "u.", "v.", "v.s.",
	"v.v", "v_v", "vs.", "w.", "w/o", "x.", "y.", "z.", "\xC3\xA4.", "\xC3\xB6.", "\xC3\xBC.",
	"\xE2\x80\x98S", "\xE2\x80\x98s",
};
/* clang-format on */

/* Copies to `out` with U+2019 as an apostrophe; from[i] is where byte i stood. False when long. */
bool oc_token_plain(struct oc_str s, char out[OC_SPECIAL_MAX + 1], uint8_t from[OC_SPECIAL_MAX + 1],
                    size_t *len)
{
	size_t n = 0;

	if (s.len > OC_SPECIAL_MAX)
		return false;
	for (size_t i = 0; i < s.len; n++) {
		from[n] = (uint8_t)i;
		if (s.len - i >= 3 && memcmp(s.p + i, "\xE2\x80\x99", 3) == 0) {
			out[n] = '\'';
			i += 3;
		} else {
			out[n] = s.p[i++];
		}
	}
	from[n] = (uint8_t)s.len;
	out[n] = 0;
	*len = n;
	return true;
}

static bool is_letter(char c)
{
	return (unsigned)(c | 0x20) - 'a' < 26;
}

bool oc_token_whole(const char *s, size_t len)
{
	size_t from = 0, to = sizeof whole / sizeof *whole;

	if (len < 2)
		return len == 1 && *s == '\'';
	if (s[len - 1] == ',' || s[len - 1] == '!' || s[len - 1] == '?' || s[len - 1] == '"')
		return false; /* nothing ends so */
	if (is_letter(*s) && is_letter(s[len - 1]) && !strchr("aMmOoVvw", *s))
		return false; /* and/or, ma'am, o'clock, O_o, v_v, w/o are all */
	while (from < to) {
		size_t middle = (from + to) / 2;
		int c = strcmp(s, whole[middle]);
		if (!c)
			return true;
		if (c < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return false;
}

/* Contractions: which endings a stem takes, with and without apostrophes. */
enum {
	T_M = 1,
	T_MA = 1 << 1,
	T_LL = 1 << 2,
	T_LLVE = 1 << 3,
	T_D = 1 << 4,
	T_DVE = 1 << 5,
	T_VE = 1 << 6,
	T_RE = 1 << 7,
	T_S = 1 << 8,
	T_NT = 1 << 9,
	T_NTVE = 1 << 10,
	FUTURE = T_LL | T_LLVE | T_D | T_DVE,
	NOT = T_NT | T_NTVE
};

static const struct stem {
	const char *text;
	uint8_t len;
	unsigned tails;
} stems[] = {
	{"i", 1, FUTURE | T_M | T_MA | T_VE},
	{"you", 3, FUTURE | T_VE | T_RE},
	{"we", 2, FUTURE | T_VE | T_RE},
	{"they", 4, FUTURE | T_VE | T_RE},
	{"he", 2, FUTURE | T_S},
	{"she", 3, FUTURE | T_S},
	{"it", 2, FUTURE | T_S},
	{"who", 3, FUTURE | T_S | T_RE | T_VE},
	{"what", 4, FUTURE | T_S | T_RE | T_VE},
	{"when", 4, FUTURE | T_S | T_RE | T_VE},
	{"where", 5, FUTURE | T_S | T_RE | T_VE},
	{"why", 3, FUTURE | T_S | T_RE | T_VE},
	{"how", 3, FUTURE | T_S | T_RE | T_VE},
	{"there", 5, FUTURE | T_S | T_RE | T_VE},
	{"that", 4, FUTURE | T_S},
	{"this", 4, FUTURE | T_S},
	{"these", 5, FUTURE | T_RE | T_VE},
	{"those", 5, FUTURE | T_RE | T_VE},
	{"ca", 2, NOT},
	{"do", 2, NOT},
	{"does", 4, NOT},
	{"did", 3, NOT},
	{"had", 3, NOT},
	{"may", 3, NOT},
	{"need", 4, NOT},
	{"ought", 5, NOT},
	{"sha", 3, NOT},
	{"wo", 2, NOT},
	{"could", 5, NOT | T_VE},
	{"might", 5, NOT | T_VE},
	{"must", 4, NOT | T_VE},
	{"should", 6, NOT | T_VE},
	{"would", 5, NOT | T_VE},
	{"ai", 2, T_NT},
	{"are", 3, T_NT},
	{"is", 2, T_NT},
	{"was", 3, T_NT},
	{"were", 4, T_NT},
	{"have", 4, T_NT},
	{"has", 3, T_NT},
	{"dare", 4, T_NT},
};

static const struct tail {
	const char *marked, *bare;
	char last;
	unsigned bit;
	uint8_t second, bare_second; /* where a third token begins; 0 = none */
} tails[] = {
	{"'m", "m", 'm', T_M, 0, 0},           {"'ma", "ma", 'a', T_MA, 2, 1},
	{"'ll", "ll", 'l', T_LL, 0, 0},        {"'ll've", "llve", 'e', T_LLVE, 3, 2},
	{"'d", "d", 'd', T_D, 0, 0},           {"'d've", "dve", 'e', T_DVE, 2, 1},
	{"'ve", "ve", 'e', T_VE, 0, 0},        {"'re", "re", 'e', T_RE, 0, 0},
	{"'s", "s", 's', T_S, 0, 0},           {"n't", "nt", 't', T_NT, 0, 0},
	{"n't've", "ntve", 'e', T_NTVE, 3, 2},
};

/* Words that are cut but follow no pattern; the second cut is 0 when there is none. */
static const struct odd {
	const char *text;
	uint8_t one, two;
} odd[] = {
	{"y'all", 2, 0},  {"yall", 1, 0},  {"how'd'y", 3, 5}, {"not've", 3, 0}, {"notve", 3, 0},
	{"cannot", 3, 0}, {"gonna", 3, 0}, {"gotta", 3, 0},   {"let's", 3, 0},  {"c'mon", 3, 0},
};

static const char *const homonyms[] = {"ill",  "its",  "hell", "shell",
                                       "shed", "were", "well", "whore"};

/* Derived from the tables above, against which test_rules holds it. */
#define N(n) (1u << (n))
const uint16_t oc_token_bare_lengths[26][26] = {
	['a' - 'a'] = {['g' - 'a'] = N(5), ['i' - 'a'] = N(3)},
	['d' - 'a'] = {['h' - 'a'] = N(3) | N(4),
                       ['i' - 'a'] = N(2) | N(3),
                       ['t' - 'a'] = N(5) | N(6),
                       ['w' - 'a'] = N(3) | N(4) | N(5) | N(6),
                       ['y' - 'a'] = N(4)},
	['e' - 'a'] = {['c' - 'a'] = N(6) | N(7) | N(9),
                       ['d' - 'a'] = N(6) | N(7) | N(8),
                       ['h' - 'a'] = N(5) | N(6) | N(7),
                       ['i' - 'a'] = N(3) | N(4) | N(5) | N(6),
                       ['m' - 'a'] = N(6) | N(7) | N(8) | N(9),
                       ['n' - 'a'] = N(5) | N(8),
                       ['o' - 'a'] = N(9),
                       ['s' - 'a'] = N(6) | N(7) | N(8) | N(10),
                       ['t' - 'a'] = N(6) | N(7) | N(8) | N(9),
                       ['w' - 'a'] = N(4) | N(5) | N(6) | N(7) | N(8) | N(9),
                       ['y' - 'a'] = N(5) | N(6) | N(7)},
	['l' - 'a'] = {['h' - 'a'] = N(5),
                       ['i' - 'a'] = N(4),
                       ['t' - 'a'] = N(6) | N(7),
                       ['w' - 'a'] = N(5) | N(6) | N(7),
                       ['y' - 'a'] = N(4) | N(5)},
	['m' - 'a'] = {['i' - 'a'] = N(2)},
	['s' - 'a'] = {['h' - 'a'] = N(3) | N(4),
                       ['s' - 'a'] = N(4),
                       ['t' - 'a'] = N(5) | N(6),
                       ['w' - 'a'] = N(4) | N(5) | N(6)},
	['t' - 'a'] = {['a' - 'a'] = N(4) | N(5),
                       ['c' - 'a'] = N(4) | N(6) | N(7),
                       ['d' - 'a'] = N(4) | N(5) | N(6),
                       ['h' - 'a'] = N(5) | N(6),
                       ['i' - 'a'] = N(4),
                       ['m' - 'a'] = N(5) | N(6) | N(7),
                       ['n' - 'a'] = N(6),
                       ['o' - 'a'] = N(7),
                       ['s' - 'a'] = N(5) | N(8),
                       ['w' - 'a'] = N(4) | N(5) | N(6) | N(7)},
};
#undef N

/* Places in s (plain, lower but for its first letter) where it is cut: 0, 1 or 2 of them. */
unsigned oc_token_contraction(const char *s, size_t len, size_t cut[2])
{
	char word[OC_SPECIAL_MAX + 1];
	bool marked = false;

	if (len < 2 || len > 12 || !((unsigned)(s[0] | 0x20) - 'a' < 26))
		return 0;
	switch (s[len - 1]) { /* most words leave here: no other ending is one */
	case 'm':
	case 'y':
	case 'n':
	case 'a':
	case 's':
	case 'd': break;
	case 'l':
		if (s[len - 2] != 'l')
			return 0;
		break;
	case 'e':
		if (s[len - 2] != 'v' && s[len - 2] != 'r')
			return 0;
		break;
	case 't':
		if (s[len - 2] != 'n' && s[len - 2] != 'o' && s[len - 2] != '\'')
			return 0;
		break;
	default: return 0;
	}
	word[0] = (char)(s[0] | 0x20);
	for (size_t i = 1; i < len; i++) {
		if (s[i] == '\'')
			marked = true;
		else if (s[i] < 'a' || s[i] > 'z')
			return 0;
		word[i] = s[i];
	}
	word[len] = 0;
	for (size_t t = 0; t < sizeof tails / sizeof *tails; t++) {
		const char *end = marked ? tails[t].marked : tails[t].bare;
		if (word[len - 1] != tails[t].last)
			continue;
		size_t end_len = strlen(end);
		if (end_len >= len || memcmp(word + len - end_len, end, end_len) != 0)
			continue;
		for (size_t i = 0; i < sizeof stems / sizeof *stems; i++) {
			if (stems[i].text[0] != word[0] || !(stems[i].tails & tails[t].bit) ||
			    stems[i].len != len - end_len ||
			    memcmp(stems[i].text, word, len - end_len) != 0)
				continue;
			for (size_t k = 0; k < sizeof homonyms / sizeof *homonyms; k++)
				if (strcmp(word, homonyms[k]) == 0)
					return 0;
			size_t second = marked ? tails[t].second : tails[t].bare_second;
			cut[0] = len - end_len;
			cut[1] = cut[0] + second;
			return second ? 2 : 1;
		}
	}
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		if (odd[i].text[0] == word[0] && strcmp(word, odd[i].text) == 0) {
			cut[0] = odd[i].one;
			cut[1] = odd[i].two;
			return odd[i].two ? 2 : 1;
		}
	return 0;
}

/* 1am to 12p.m.: the hour is a token of its own. */
static size_t hour(const char *s, size_t len)
{
	size_t digits = s[0] >= '1' && s[0] <= '9'
	                        ? (s[0] == '1' && s[1] >= '0' && s[1] <= '2' ? 2 : 1)
	                        : 0;
	const char *rest = s + digits;

	if (!digits || len > digits + 4 || (*rest != 'a' && *rest != 'p'))
		return 0;
	return strcmp(rest + 1, "m") == 0 || strcmp(rest + 1, ".m.") == 0 ? digits : 0;
}

/* Is s a special case? *n tokens, cut at cut[0..n-2] (bytes of s). */
bool oc_token_special(struct oc_str s, unsigned *n, size_t cut[2])
{
	char text[OC_SPECIAL_MAX + 1];
	uint8_t from[OC_SPECIAL_MAX + 1];
	size_t len;

	*n = 1;
	if (!s.len || !oc_token_plain(s, text, from, &len))
		return false;
	if (oc_token_whole(text, len))
		return true;
	unsigned cuts = oc_token_contraction(text, len, cut);
	if (!cuts && len >= 3 && (cut[0] = hour(text, len)) != 0)
		cuts = 1;
	for (unsigned i = 0; i < cuts; i++)
		cut[i] = from[cut[i]];
	*n = cuts + 1;
	return cuts > 0;
}
