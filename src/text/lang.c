/*
 * CLD2 has no C interface and needs none here: the two functions that are used take plain pointers
 * and numbers, so they are declared in C under the names that C++ gives them (Itanium ABI, as on
 * every Linux). Such a name spells out the parameter types: should the library ever change them,
 * the program does not link.
 */
#include "text/lang.h"

#include "text/utf8.h"

struct hints { /* CLD2::CLDHints; all hints unknown */
	const char *content, *tld;
	int encoding, language;
};

enum { UNKNOWN_ENCODING = 23, UNKNOWN_LANGUAGE = 26, BEST_EFFORT = 0x4000 };

int oc_cld2_detect(
	const char *text, int len, bool plain, const struct hints *hints, int flags,
	int language[3], int percent[3], double score[3], void *chunks, int *letters, bool *sure,
	int *valid) __asm__("_ZN4CLD233ExtDetectLanguageSummaryCheckUTF8EPKcibPKNS_8CLDHintsEiPNS_"
                            "8LanguageEPiPdPSt6vectorINS_11ResultChunkESaISA_EES7_PbS7_");
const char *oc_cld2_code(int language) __asm__("_ZN4CLD212LanguageCodeENS_8LanguageE");

const char *oc_lang_name(const char *code)
{
	static const char *const names[][2] = {{"iw", "he"}, {"in", "id"}, {"jw", "jv"},
	                                       {"nb", "no"}, {"nn", "no"}, {"ji", "yi"},
	                                       {"mo", "ro"}, {"un", ""},   {"xxx", ""}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(code, names[i][0]) == 0)
			return names[i][1];
	return code;
}

static void name(char out[8], int language)
{
	const char *code = oc_lang_name(oc_cld2_code(language));
	size_t len = strlen(code);

	out[0] = 0;
	if (len < 8) /* others are scripts: xx-Zyyy and the like */
		memcpy(out, code, len + 1);
}

/* What CLD2 does not take as text: control characters and what Unicode keeps for no character. */
static bool is_refused(uint32_t c)
{
	return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7F && c < 0xA0) ||
	       (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
}

static struct oc_str without_refused(struct oc_buf *b, struct oc_str text)
{
	const char *p = text.p, *end = text.p + text.len;

	b->len = 0;
	oc_buf_reserve(b, text.len);
	while (p < end) {
		const char *from = p;
		if (is_refused(oc_utf8_next(&p, end)))
			oc_buf_putc(b, ' ');
		else
			oc_buf_add(b, from, (size_t)(p - from));
	}
	return oc_buf_view(b);
}

struct oc_lang oc_lang_detect(struct oc_str text, struct oc_buf *spare)
{
	const struct hints hints = {NULL, NULL, UNKNOWN_ENCODING, UNKNOWN_LANGUAGE};
	struct oc_lang out = {0};
	int language[3], percent[3], letters, valid = 0;
	double score[3];
	bool sure = false;

	text = oc_utf8_cut(text, 1u << 30);
	for (int round = 0; round < 2; round++) {
		if (!text.len)
			return out;
		oc_cld2_detect(text.p, (int)text.len, true, &hints, BEST_EFFORT, language, percent,
		               score, NULL, &letters, &sure, &valid);
		if ((size_t)valid == text.len)
			break;
		if (round)
			return out;
		text = without_refused(spare, text);
	}
	name(out.code, language[0]);
	out.share = percent[0] / 100.0;
	out.sure = sure;
	out.letters = letters < 0 ? 0 : (uint32_t)letters;
	for (int i = 0; i < 2; i++) {
		name(out.also[i], language[i + 1]);
		out.also_share[i] = percent[i + 1] / 100.0;
	}
	if (!out.code[0])
		out.share = 0;
	return out;
}
