/* math_scan.h: prose as marks: what math_steps.c and math_find.c look for calculations in. */
#ifndef VERIFY_MATH_SCAN_H
#define VERIFY_MATH_SCAN_H

#include "verify/math_tree.h"

enum oc_mark_kind {
	OC_MARK_NUM,   /* as written, or a whole \frac{1}{2} */
	OC_MARK_OP,    /* + - * / ^ */
	OC_MARK_LEFT,  /* ( */
	OC_MARK_RIGHT, /* ) */
	OC_MARK_PERCENT,
	OC_MARK_MONEY,
	OC_MARK_EQUALS,
	OC_MARK_WORD,   /* a unit behind a number */
	OC_MARK_FACTOR, /* "dozen", "hundred" ...: factor */
	OC_MARK_LETTER, /* a variable, or anything else that makes a side depend on more */
	OC_MARK_BULLET  /* "-" at the start of a line: a sign, or nothing */
};

struct oc_mark {
	uint8_t kind;
	char op;
	bool space;       /* before it */
	bool cut;         /* NUM: followed by an ellipsis */
	bool spelled;     /* OP: a word */
	uint32_t at, len; /* in the text */
	int64_t factor;
};

#define OC_MARKS 512

struct oc_scan {
	struct oc_math *m;
	struct oc_str text;
	size_t i, end;
	struct oc_mark *mark;
	size_t n;
	bool space, annotation;
	void (*segment)(struct oc_scan *s);
	struct oc_buf *found; /* oc_math_find: the expression */
	unsigned found_n;
};

/* Cuts text[i, end) into segments and hands each to s->segment. */
void oc_math_scan(struct oc_scan *s);

/* One operand or expression: marks [from, to) of a segment. */
struct oc_side {
	size_t from, to;
	unsigned ops;
	bool good;
};

/*
 * Reads marks [i, stop) as one expression as far as it goes; units behind operands are passed over.
 * `to` is behind the last complete operand.
 */
struct oc_side oc_math_run(const struct oc_scan *s, size_t i, size_t stop);

/* The side as plain text for the parser: units left out. */
enum {
	OC_SPELL_TIGHT = 1, /* 28 / 1/5 is 28 / (1/5) */
	OC_SPELL_PLAIN = 2  /* "dozen" and "million" are units, not factors */
};
void oc_math_spell(const struct oc_scan *s, struct oc_side x, unsigned how, struct oc_buf *out);

#endif
