/* pii_scan.h: what the parts of the scanners (pii.c, pii_number.c, pii_phone.c, pii_words.c) share.
 */
#ifndef TEXT_PII_SCAN_H
#define TEXT_PII_SCAN_H

#include "text/pii.h"

#define SIX_MAX 45 /* bytes of the longest spelling of an IPv6 address */

/* The text under the scanners. Every function that takes a place looks at a bounded number of
 * bytes around it, which is what makes the whole linear. */
struct oc_pii_scan {
	const unsigned char *p;
	size_t len;
	struct oc_str label;
	unsigned what;
	struct oc_pii_spans *out;
	size_t calm; /* the words before this place name no phone; 0 = none looked at */
};

static inline bool is_digit(unsigned c)
{
	return c - '0' < 10;
}

static inline bool is_letter(unsigned c)
{
	return (c | 0x20) - 'a' < 26;
}

static inline bool is_alnum(unsigned c)
{
	return is_digit(c) || is_letter(c);
}

static inline bool is_hex(unsigned c)
{
	return is_digit(c) || (c | 0x20) - 'a' < 6;
}

static inline bool is_word(unsigned c)
{
	return is_alnum(c) || c == '_';
}

static inline unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* The byte at i, 0 outside. */
static inline unsigned at(const struct oc_pii_scan *s, size_t i)
{
	return i < s->len ? s->p[i] : 0;
}

static inline unsigned before(const struct oc_pii_scan *s, size_t i)
{
	return i && i <= s->len ? s->p[i - 1] : 0;
}

/* A word or, behind a point, hyphen or plus, a digit right behind i: the number goes on. */
static inline bool goes_on(const struct oc_pii_scan *s, size_t i)
{
	unsigned c = at(s, i);
	return is_word(c) || (((c == '.' || c == '-' || c == '+') && is_digit(at(s, i + 1))));
}

/* Is what begins at i the middle of a longer number, name or path? */
static inline bool comes_from(const struct oc_pii_scan *s, size_t i)
{
	unsigned c = before(s, i);
	if (is_word(c))
		return true;
	return (c == '.' || c == '-' || c == '+') && i > 1 && is_word(s->p[i - 2]);
}

void oc_pii_found(struct oc_pii_scan *s, enum oc_pii_type type, size_t from, size_t to);

/* i begins a run of `run` digits: what begins there, or around there but not before floor, is added
 * to the spans; its end, or 0 for nothing. */
size_t oc_pii_at_digit(struct oc_pii_scan *s, size_t i, size_t run, size_t floor);
/* The same for a phone number alone; a plus and a bracket may precede i. */
size_t oc_pii_phone(struct oc_pii_scan *s, size_t i, size_t floor);

#define OC_PII_WINDOW 32 /* bytes before a number in which words are looked for */

/*
 * Words that tell what a number is, in small letters; signs of scripts without spaces, and parts of
 * a member's name, count wherever they stand. Lists end with NULL.
 */
extern const char *const oc_pii_none[];
/* Is one of the `last` words before i in the list, or a sign there? */
bool oc_pii_said(const struct oc_pii_scan *s, size_t i, const char *const *words,
                 const char *const *signs, unsigned last);
/* Is the last word before i, marks between them left out, in the list? */
bool oc_pii_said_last(const struct oc_pii_scan *s, size_t i, const char *const *words);
/* Does the name of the member say one of them? */
bool oc_pii_labelled(const struct oc_pii_scan *s, const char *const *words,
                     const char *const *parts);

#endif
