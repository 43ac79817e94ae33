/*
 * pii.h: personal data that has a form: e-mail addresses, IP addresses, phone numbers, IBANs and
 * payment cards. Scanners by hand, anchored at `@` and at digits: O(bytes) for any input, whatever
 * it holds. Names, postal addresses and the like have no form and are not looked for.
 *
 * What is found must be what it looks like: an IBAN has its country's length and passes modulo 97,
 * a card has an issuer's prefix and length and passes Luhn's test, an address of IPv6 lies in space
 * that is allocated, a phone number has a form of its own (+49 30 ..., (415) 555-2671, 01 23 45 67
 * 89) or a word before it that says so ("tel", "call", a member named `phone`), and takes its
 * extension (x340, ext. 12) with it. What only looks
 * like one is passed over: version and section numbers (v1.2.3.4), decimals, dates, serial numbers,
 * ISBNs, file names (logo@2x.png), `git@host:path`.
 */
#ifndef TEXT_PII_H
#define TEXT_PII_H

#include "base/str.h"

enum oc_pii_type { OC_PII_EMAIL, OC_PII_IP, OC_PII_PHONE, OC_PII_IBAN, OC_PII_CARD, OC_PII_TYPES };

#define OC_PII_ALL        ((1u << OC_PII_TYPES) - 1)
#define OC_PII_PRIVATE_IP (1u << OC_PII_TYPES) /* also addresses of no public network */

extern const char *const oc_pii_names[OC_PII_TYPES]; /* "email", "ip", "phone", "iban", "card" */

struct oc_pii_span {
	enum oc_pii_type type;
	size_t at, len; /* bytes of the text */
};

struct oc_pii_spans { /* zero-initialise; release with oc_pii_fini */
	struct oc_pii_span *span;
	size_t n, cap;
};

/*
 * Appends what `text` holds, in order, without overlaps. `label`: the name of the member that holds
 * the text (a member `phone` says what its digits are), or empty. `what`: 1 << type of each wanted,
 * and OC_PII_PRIVATE_IP.
 */
void oc_pii_find(struct oc_str text, struct oc_str label, unsigned what, struct oc_pii_spans *out);
void oc_pii_fini(struct oc_pii_spans *s);

/*
 * One spelling for all spellings of a value, so that they get one mask: e-mail addresses in small
 * letters, phone numbers, IBANs and cards without separators, IPv6 as its 16 bytes. Appended to b.
 */
void oc_pii_plain(struct oc_buf *b, enum oc_pii_type type, struct oc_str value);

#endif
