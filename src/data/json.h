/*
 * json.h: JSON values are yyjson's, held in arenas. One value type for rows, plans, API bodies and
 * reports. Numbers too large for a double keep their text (YYJSON_READ_BIGNUM_AS_RAW).
 */
#ifndef DATA_JSON_H
#define DATA_JSON_H

#include <yyjson.h>

#include "base/str.h"

#define OC_JSON_DEPTH 512 /* deeper input is refused */

/*
 * Parses `text` into the arena; the value keeps no pointer into `text`. NULL on error: the message
 * says what and at which byte ("byte 17: unexpected character"). Invalid UTF-8 is an error. O(n).
 */
yyjson_val *oc_json_parse(struct oc_arena *a, struct oc_str text, struct oc_err *err);

/* Members of an object; NULL or the default where absent or of another type. `obj` may be NULL. */
yyjson_val *oc_json_get(yyjson_val *obj, const char *key);
yyjson_val *oc_json_path(yyjson_val *obj, struct oc_str path); /* "a.b.0": members and indexes */
struct oc_str oc_json_str(yyjson_val *v);                      /* empty unless a string */
struct oc_str oc_json_get_str(yyjson_val *obj, const char *key);
double oc_json_get_num(yyjson_val *obj, const char *key, double otherwise);
int64_t oc_json_get_int(yyjson_val *obj, const char *key, int64_t otherwise);
bool oc_json_get_bool(yyjson_val *obj, const char *key, bool otherwise);

/* Appends the value as compact JSON, members in their order. */
void oc_json_write(struct oc_buf *b, yyjson_val *v);

/*
 * Canonical form: keys sorted bytewise at every level, shortest round-trip numbers, strings as raw
 * UTF-8, no white space. Equal values give equal bytes. (facts/generation.md section 5)
 */
void oc_json_canonical(struct oc_buf *b, yyjson_val *v);

/*
 * The bytes of a top-level member's value inside the text of an object that is known to be valid
 * JSON. False when there is no such member. O(n).
 */
bool oc_json_member(struct oc_str object, struct oc_str key, struct oc_str *value);

#endif
