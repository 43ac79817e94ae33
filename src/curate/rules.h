/*
 * rules.h: what the published rule sets (gopher_repetition, gopher_quality, c4, fineweb) share.
 *
 * Every rule leaves a verdict with its measured number and its limit, so that limits can be chosen
 * again from what `--verdicts` wrote. The first rule that fails, in the published order, drops the
 * row and ends the judging, unless `all: true`. Lengths count code points.
 */
#ifndef CURATE_RULES_H
#define CURATE_RULES_H

#include "data/row.h"

struct oc_rules {
	char *name;          /* of the step */
	struct oc_str stage; /* the same */
	struct oc_arena *arena;
	struct oc_str field;
	bool all, whitespace;
};

/* Options that every set has; `words` only where words are counted. */
#define OC_RULES_FIELD                                                                             \
	{                                                                                          \
		.key = "field", .type = OC_OPT_FIELD, .def = "\"\"",                               \
		.help = "The text that is judged; empty = the row's whole text."                   \
	}
#define OC_RULES_WORDS                                                                             \
	{                                                                                          \
		.key = "words", .type = OC_OPT_ENUM, .def = "spacy-like",                          \
		.choices = "spacy-like|whitespace",                                                \
		.help = "What a word is: tokens as spaCy's blank English tokenizer finds them, "   \
			"marks "                                                                   \
			"included, or what stands between white space."                            \
	}
#define OC_RULES_ALL                                                                               \
	{                                                                                          \
		.key = "all", .type = OC_OPT_BOOL, .def = "false",                                 \
		.help = "Judge by every rule, also after one has failed, so that verdicts are "    \
			"complete."                                                                \
	}
#define OC_RULES_LIMIT(KEY, DEF, MAX, HELP)                                                        \
	{                                                                                          \
		.key = (KEY), .type = OC_OPT_NUM, .def = (DEF), .min = 0, .max = (MAX),            \
		.help = HELP " 0 = off."                                                           \
	}

void oc_rules_init(struct oc_rules *r, const struct oc_env *env, yyjson_val *opts);
void oc_rules_fini(struct oc_rules *r);

/* Notes one rule's verdict; the first failure rejects the row. `rule` is a literal. True when
 * judging must end. */
bool oc_rule(const struct oc_rules *r, struct oc_row *row, const char *rule, double score,
             double limit, bool fails);

/* The words of the row's text, by the option `words`. */
const struct oc_str *oc_rules_words(const struct oc_rules *r, struct oc_row *row, uint32_t *n);

/* Python's str.strip, lstrip, rstrip: Unicode white space. */
struct oc_str oc_strip_left(struct oc_str s);
struct oc_str oc_strip_right(struct oc_str s);
struct oc_str oc_strip(struct oc_str s);
bool oc_ends(struct oc_str s, const char *tail);

/* Code points that end a sentence in some script, as datatrove lists them (159). */
bool oc_is_terminal(uint32_t c);
/* Code points that make no word: datatrove's punctuation (281, control characters included). */
bool oc_is_symbol(uint32_t c);

/*
 * Pieces seen before, by content: `elements` and `chars` (code points) of those that occurred
 * already. The table grows with the largest text and is kept between rows.
 */
struct oc_repeats {
	struct oc_str *slot; /* p NULL = empty */
	uint64_t *hash;
	size_t cap;  /* a power of two */
	size_t used; /* slots in use, listed in `filled` */
	size_t *filled;
	uint64_t elements, chars, total;
};

void oc_repeats_fini(struct oc_repeats *r);
void oc_repeats_clear(struct oc_repeats *r); /* O(pieces of the last text) */
void oc_repeats_add(struct oc_repeats *r, struct oc_str piece);

#endif
