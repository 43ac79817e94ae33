/* pii_words.c: words that say what a number is. */
#include "text/pii_scan.h"

const char *const oc_pii_none[] = {NULL};

/* The line before i in small letters, at most OC_PII_WINDOW bytes of it; a break right before i is
 * looked over. */
static size_t line_before(const struct oc_pii_scan *s, size_t i, char out[OC_PII_WINDOW])
{
	size_t from, n = 0;

	while (i && n < 4 && (s->p[i - 1] == '\n' || s->p[i - 1] == '\r' || s->p[i - 1] == ' ')) {
		i--;
		n++;
	}
	for (from = i; from && i - from < OC_PII_WINDOW && s->p[from - 1] != '\n';)
		from--;
	if (from && i - from == OC_PII_WINDOW) /* a word that is cut is another word */
		while (from < i && is_letter(s->p[from]))
			from++;
	n = i - from;
	for (size_t k = 0; k < n; k++)
		out[k] = (char)lower(s->p[from + k]);
	return n;
}

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

bool oc_pii_said(const struct oc_pii_scan *s, size_t i, const char *const *words,
                 const char *const *signs, unsigned last)
{
	char text[OC_PII_WINDOW];

	return names_one(text, line_before(s, i, text), words, signs, last);
}

bool oc_pii_labelled(const struct oc_pii_scan *s, const char *const *words,
                     const char *const *parts)
{
	char text[OC_PII_WINDOW];
	size_t n = s->label.len < OC_PII_WINDOW ? s->label.len : OC_PII_WINDOW;

	for (size_t k = 0; k < n; k++)
		text[k] = (char)lower((unsigned char)s->label.p[k]);
	return names_one(text, n, words, parts, OC_PII_WINDOW);
}

/* Is the last word before i, marks between them left out, in the list? */
bool oc_pii_said_last(const struct oc_pii_scan *s, size_t i, const char *const *words)
{
	char text[OC_PII_WINDOW];
	size_t n = line_before(s, i, text);

	while (n && (unsigned char)text[n - 1] < 0x80 && !is_alnum((unsigned char)text[n - 1]))
		n--;
	return n && is_digit((unsigned char)text[n - 1])
	               ? false
	               : names_one(text, n, words, oc_pii_none, 1);
}
