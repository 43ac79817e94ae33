/*
 * lang.h: which language a text is in. CLD2 (Debian's libcld2: naive Bayes over four-letter grams,
 * 83 languages), which measured better than libexttextcat: doc/performance.md, bench/language.sh.
 * Pure and thread-safe; O(bytes).
 */
#ifndef TEXT_LANG_H
#define TEXT_LANG_H

#include "base/str.h"

struct oc_lang {
	char code[8];    /* "en", "zh-Hant"; "" = not known */
	double share;    /* 0..1: of the letters, those in this language */
	bool sure;       /* the detector finds it well apart from the next one */
	char also[2][8]; /* the next two, or "" */
	double also_share[2];
	uint32_t letters; /* bytes of letters that were judged */
};

/* `text` is valid UTF-8; at most 2^30 bytes are looked at. `spare` is room for a copy, made when
 * the text holds control characters, which CLD2 refuses. */
struct oc_lang oc_lang_detect(struct oc_str text, struct oc_buf *spare);

/* One name where there are several: CLD2's old ones, Bokmal and Nynorsk as Norwegian. Others stay.
 */
const char *oc_lang_name(const char *code);

#endif
