/*
 * tolerant.h: the JSON a model meant, from what it wrote.
 *
 * Finds JSON in prose or in code fences and reads it although it is not quite JSON. What was
 * mended is reported by name. The reader never guesses at missing content: an element that is cut
 * off is left out, the complete ones before it are kept.
 */
#ifndef TEXT_TOLERANT_H
#define TEXT_TOLERANT_H

#include "data/json.h"

/* bit, name, what it means */
#define OC_REPAIR_MAP(X)                                                                           \
	X(PROSE, "prose", "text around the JSON, or a code fence")                                 \
	X(COMMA, "comma", "a comma too many or missing")                                           \
	X(QUOTES, "quotes", "single, typographic, triple or back quotes")                          \
	X(INNER, "inner_quotes", "quotes inside a string without backslash")                       \
	X(ESCAPE, "escape", "a wrong escape, or a raw control character in a string")              \
	X(KEY, "key", "a key without quotes, or `=` for a colon")                                  \
	X(LITERAL, "literal", "True, None, NaN, undefined and their kin")                          \
	X(NUMBER, "number", "a number that JSON does not know: +1, .5, 1_000, 0x1F, 007")          \
	X(BARE, "bare", "a text value without quotes")                                             \
	X(COMMENT, "comment", "a comment, or an ellipsis for more")                                \
	X(BRACKET, "bracket", "a closing bracket of another kind, or parentheses")                 \
	X(CUT, "cut", "the end is missing; what was complete is kept")                             \
	X(MANY, "many", "several values one after the other, read as a list")                      \
	X(UTF8, "utf8", "bytes that are not UTF-8")

enum oc_repair_bit {
#define X(bit, name, text) OC_REPAIR_##bit##_BIT,
	OC_REPAIR_MAP(X)
#undef X
		OC_REPAIR_N
};
enum oc_repair {
#define X(bit, name, text) OC_REPAIR_##bit = 1 << OC_REPAIR_##bit##_BIT,
	OC_REPAIR_MAP(X)
#undef X
};

/*
 * The object or array in `text`, in the arena, or NULL when there is none. Of several, the longest
 * array of objects, else all objects as a list. *repairs (may be NULL) = what was mended, 0 for
 * text that is JSON. O(n) up to a constant: reading in vain is limited to 16 times the length.
 */
yyjson_val *oc_tolerant_parse(struct oc_arena *a, struct oc_str text, unsigned *repairs);
/* Appends the names as a JSON array: ["comma","cut"]. */
void oc_repairs_write(struct oc_buf *out, unsigned repairs);

/*
 * The items a reply lists: the elements of an array; the elements of the only array among an
 * object's members; else the value itself as the one item. Returns how many; item i by
 * oc_tolerant_item.
 */
size_t oc_tolerant_items(yyjson_val *v, yyjson_val **list);

enum oc_want {
	OC_WANT_ANY,
	OC_WANT_TEXT,
	OC_WANT_NUMBER,
	OC_WANT_INTEGER,
	OC_WANT_BOOL,
	OC_WANT_LIST
};
/* "text", "number", ...; -1 = none of them. */
int oc_want_parse(struct oc_str name);
/*
 * Coerces, then validates: 4 -> "4" for text, "1,234" -> 1234 for number, "yes" -> true, a list of
 * one stands for its element and the other way round. Appends JSON; false when it cannot be.
 */
bool oc_coerce(struct oc_buf *out, yyjson_val *v, enum oc_want want);

#endif
