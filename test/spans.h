/* spans.h: texts for the tests of stages that look for runs of equal bytes. */
#ifndef TEST_SPANS_H
#define TEST_SPANS_H

#include "base/str.h"

enum span_kind {
	SPAN_LETTERS, /* of four */
	SPAN_BINARY,  /* of two */
	SPAN_PERIODIC,
	SPAN_EQUAL, /* all texts of a seed, but for their ends */
	SPAN_WORDS,
	SPAN_LINES, /* words between white space of several kinds */
	SPAN_KANA,  /* code points of several bytes */
	SPAN_KINDS
};

/* Appends text number i of a seed, about up to `most` bytes; those of one seed borrow from each
 * other. */
void span_text(struct oc_buf *b, uint64_t seed, uint64_t i, enum span_kind kind, unsigned most);

/* {"text": ...}, in place of what `b` holds; its bytes, ended by a 0. */
const char *span_row(struct oc_buf *b, struct oc_str text);

#endif
