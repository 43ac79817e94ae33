/* math_lex.h: the tokeniser's dictionaries. */
#ifndef VERIFY_MATH_LEX_H
#define VERIFY_MATH_LEX_H

#include "verify/math_tree.h"

/* Kinds of commands that make no token of their own; they follow enum oc_tok_kind. */
enum { OC_LEX_SKIP = 200, OC_LEX_TEXT, OC_LEX_BEGIN, OC_LEX_END_ENV };

struct oc_lex_command {
	const char *name; /* without the backslash */
	uint8_t kind;     /* of token, or one of the above */
	char sub;
};

struct oc_lex_sign {
	const char *utf8;
	uint8_t kind;
	char sub;
	uint8_t n, d; /* of a vulgar fraction or superscript; else 0 */
};

int oc_math_function(struct oc_str word);                         /* enum oc_fn */
const struct oc_lex_command *oc_math_command(struct oc_str name); /* NULL = unknown */
bool oc_math_greek(struct oc_str name);
const struct oc_lex_sign *oc_math_sign(struct oc_str text); /* at the start of `text`, or NULL */

#endif
