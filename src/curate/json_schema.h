/*
 * json_schema.h: a subset of JSON Schema (draft 2020-12), compiled once, checked without surprises.
 *
 * Known keywords: type, enum, const; minimum, maximum, exclusiveMinimum, exclusiveMaximum,
 * multipleOf; minLength, maxLength (code points), pattern; properties, patternProperties,
 * additionalProperties, required, minProperties, maxProperties; items, prefixItems, minItems,
 * maxItems, uniqueItems; allOf, anyOf, oneOf, not; $ref within the same document, $defs,
 * definitions. Annotations (title, description, default, examples, $schema, $id, $comment,
 * deprecated, readOnly, writeOnly) are allowed and ignored. Any other keyword is an error that
 * names it: a rule that is not checked must not look as if it were.
 *
 * Patterns are PCRE2 with JavaScript's $ and \u, searched anywhere, with match limits; numbers
 * compare by value (1 = 1.0), integers of 64 bits exactly. Work per value is bounded by steps.
 */
#ifndef CURATE_JSON_SCHEMA_H
#define CURATE_JSON_SCHEMA_H

#include "data/json.h"

struct oc_schema;
struct oc_schema_scratch; /* one per thread */

/* Copies what it needs. NULL on error; the message has the place as a JSON pointer. */
struct oc_schema *oc_schema_compile(yyjson_val *schema, struct oc_err *err);
void oc_schema_free(struct oc_schema *s);
struct oc_schema_scratch *oc_schema_scratch_new(const struct oc_schema *s);
void oc_schema_scratch_free(struct oc_schema_scratch *t);

/* The first thing that is wrong. */
struct oc_schema_fault {
	const char *keyword;    /* the rule that failed */
	struct oc_str path;     /* JSON pointer into the value; "" = the whole */
	struct oc_str expected; /* "at least 3 items" */
	struct oc_str found;    /* "2 items", or the value itself, cut to 120 bytes */
};

enum oc_schema_answer { OC_SCHEMA_BAD, OC_SCHEMA_GOOD, OC_SCHEMA_LIMIT };

/*
 * Does the value obey the schema? OC_SCHEMA_LIMIT: a pattern, the nesting or the work went beyond
 * its limit, so it cannot be said (`fault` says where). The fault's texts are valid until the next
 * call with the same scratch.
 */
enum oc_schema_answer oc_schema_check(const struct oc_schema *s, struct oc_schema_scratch *t,
                                      yyjson_val *value, struct oc_schema_fault *fault);

#endif
