/*
 * math_tree.h: inside the calculator: tokens, expression trees, and the working memory they live
 * in.
 *
 * text -> tokens (math_lex.c) -> tree (math_parse.c) -> a fraction (math_eval.c) or values modulo
 * primes (math_symbolic.c) -> verdict (math_compare.c).
 */
#ifndef VERIFY_MATH_TREE_H
#define VERIFY_MATH_TREE_H

#include "verify/math.h"
#include "verify/math_num.h"

#define OC_MATH_BYTES  4096
#define OC_MATH_TOKENS 1024
#define OC_MATH_NODES  4096 /* two trees */
#define OC_MATH_DEPTH  64

enum oc_tok_kind {
	OC_TOK_END,
	OC_TOK_NUM,
	OC_TOK_NAME, /* one letter, Latin or Greek: a variable */
	OC_TOK_WORD, /* a word, or a letter inside \text{}: a unit or a label */
	OC_TOK_FUNC, /* sub: enum oc_fn */
	OC_TOK_PI,
	OC_TOK_INF,
	OC_TOK_EMPTY, /* the empty set */
	OC_TOK_OP,    /* sub: + - * / ^ _ ! | */
	OC_TOK_OPEN,  /* sub: ( [ { S (a set's brace) F (floor) C (ceiling) */
	OC_TOK_CLOSE, /* sub: ) ] } S F C */
	OC_TOK_SEP,   /* , ; and or */
	OC_TOK_REL,   /* sub: = < > L (<=) G (>=) N (!=) A (about) I (in) */
	OC_TOK_SETOP, /* sub: U (union) N (intersection) \ (difference) */
	OC_TOK_PM,    /* sub: + or - first */
	OC_TOK_PERCENT,
	OC_TOK_DEGREE,
	OC_TOK_COLON,
	OC_TOK_CURRENCY, /* text: its canonical unit */
	OC_TOK_FRAC,
	OC_TOK_BOXED,
	OC_TOK_MATRIX,     /* \begin{pmatrix} */
	OC_TOK_MATRIX_END, /* \end{pmatrix} */
	OC_TOK_CELL,       /* & */
	OC_TOK_ROW,        /* \\ */
	OC_TOK_ELLIPSIS,
	OC_TOK_ABOUT, /* "about", "approximately", ~ */
	OC_TOK_BAD
};

enum oc_fn {
	OC_FN_NONE,
	OC_FN_SQRT, /* also \sqrt[k]{x}: args x, k */
	OC_FN_CBRT,
	OC_FN_ABS,
	OC_FN_FLOOR,
	OC_FN_CEIL,
	OC_FN_FACTORIAL,
	OC_FN_BINOM,
	OC_FN_GCD,
	OC_FN_LCM,
	OC_FN_MIN,
	OC_FN_MAX,
	OC_FN_MOD,
	OC_FN_LOG,
	OC_FN_LN,
	OC_FN_EXP,
	OC_FN_OPAQUE /* sin and its kin: equal arguments give equal values, nothing else is known */
};

struct oc_tok {
	uint8_t kind, sub;
	bool space;      /* white space before it */
	bool scaled;     /* NUM: written with an exponent, or repeating */
	bool integer;    /* NUM: only digits (and separators) */
	bool grouped;    /* NUM: had thousands separators made of commas */
	uint16_t places; /* NUM: digits behind the point */
	uint32_t at;     /* byte in the text */
	struct oc_str text;
	struct oc_rat num;
};

enum oc_node_kind {
	OC_NODE_NUM,
	OC_NODE_NAME, /* text, hash */
	OC_NODE_PI,
	OC_NODE_E,
	OC_NODE_I,
	OC_NODE_INF,
	OC_NODE_ADD, /* a, b */
	OC_NODE_SUB,
	OC_NODE_MUL,
	OC_NODE_DIV,
	OC_NODE_POW,
	OC_NODE_NEG,     /* a */
	OC_NODE_PM,      /* a ± b; op '-' for minus-or-plus */
	OC_NODE_PERCENT, /* a */
	OC_NODE_FUNC,    /* op: enum oc_fn, hash of the name, a, b (or -1) */
	OC_NODE_BASE,    /* a: digits as a decimal number, num: value in the base */
	/* what is not one number */
	OC_NODE_QUANTITY, /* a with the unit text */
	OC_NODE_RATIO,    /* a : b */
	OC_NODE_WORDS,    /* text */
	OC_NODE_REL,      /* a op b */
	OC_NODE_SEQ,      /* items; op: opening bracket, op2: closing: ( [ */
	OC_NODE_SET,      /* items */
	OC_NODE_LIST,     /* items without brackets */
	OC_NODE_SETOP,    /* a op b */
	OC_NODE_ABOUT     /* a, said to be approximate */
};

struct oc_node {
	uint8_t kind, op, op2;
	bool literal; /* NUM as written, not computed */
	uint16_t places;
	int32_t a, b, next; /* indexes of nodes; -1 = none. Items: a is the first, then next */
	uint32_t count;     /* items */
	uint64_t hash;
	struct oc_str text;
	struct oc_rat num;
};

struct oc_mark;

struct oc_math {
	struct oc_rats rats;
	struct oc_tok *toks; /* (OC_MATH_TOKENS) */
	uint32_t tok_n, pos;
	struct oc_node *nodes; /* (OC_MATH_NODES) */
	int32_t node_n;
	unsigned depth;
	bool pm_flip;      /* which of the two signs ± stands for now */
	const char *why;   /* the first reason for which something was refused */
	const char *doubt; /* a notation with two readings was met: DIFFERENT is not claimed */
	struct oc_buf text, scratch, units;
	struct oc_mark *marks; /* math_steps.c */
	size_t mark_cap;
	/* roots modulo primes found before: a root of k of a modulo p is a fact, not state */
	struct oc_root {
		uint64_t a, p, root;
		unsigned k; /* 0: empty */
		bool exists;
	} roots[64];
	struct oc_math_step *steps;
	size_t step_n, step_cap;
};

/* Fills toks, ended by END. False: too long, or a character that means nothing here. */
bool oc_math_lex(struct oc_math *m, struct oc_str text);
/* Reads a whole answer; -1 when it is no mathematics we know, and `why` says so. */
int32_t oc_math_parse(struct oc_math *m, struct oc_str text);
void oc_math_reset(struct oc_math *m);

/* The exact value of a tree without variables. False: none; nothing is refused for good. */
bool oc_math_value(struct oc_math *m, int32_t node, struct oc_rat *out);

/* Is a = b as expressions? */
enum oc_math_result oc_math_symbolic(struct oc_math *m, int32_t a, int32_t b, const char **reason);
/* Do a = 0 and b = 0 say the same, i.e. is a = c * b for a constant c? */
bool oc_math_proportional(struct oc_math *m, int32_t a, int32_t b);

/*
 * Units. The canonical text of "kilometers per hour" is "km/h". Two units of one dimension have a
 * ratio: false when either is unknown; *ratio = a in units of b when `same`.
 */
void oc_math_unit(struct oc_buf *out, const struct oc_str *words, size_t word_n);
bool oc_math_unit_ratio(struct oc_math *m, struct oc_str a, struct oc_str b, bool *same,
                        struct oc_rat *ratio);
/* Is value_a / value_b the ratio between `unit` and some unit of its dimension? */
bool oc_math_unit_explains(struct oc_math *m, struct oc_str unit, struct oc_rat with,
                           struct oc_rat without);
bool oc_math_unit_known(struct oc_str word);

/* Adds a node to the tree, or -1 (and `why`) when there is no room. */
int32_t oc_math_node(struct oc_math *m, int kind, int op, int32_t a, int32_t b);
/* Compares two trees (math_compare.c), and sets of numbers as unions of intervals (math_set.c). */
enum oc_math_result oc_math_trees(struct oc_math *m, int32_t a, int32_t g,
                                  const struct oc_math_opts *opts, const char **reason,
                                  bool *probable);
/* False: one of them is no such set, or has ends that are not rational. */
bool oc_math_sets(struct oc_math *m, int32_t a, int32_t g, bool *equal);
bool oc_math_is_set(struct oc_math *m, int32_t i); /* an interval, union or inequality for sure */

static inline bool oc_math_fail(struct oc_math *m, const char *why)
{
	if (!m->why)
		m->why = why;
	return false;
}

#endif
