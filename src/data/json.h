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
 * says what and at which byte, from 0 ("byte 17: unexpected character"). Invalid UTF-8 is an error.
 * O(n).
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

/* Appends the value as compact JSON, members in their order. A float stays one: 1.0, not 1. */
void oc_json_write(struct oc_buf *b, yyjson_val *v);

/* Appends the text of valid JSON without the white space between its tokens, every token as it is.
 */
void oc_json_squeeze(struct oc_buf *b, struct oc_str text);

/*
 * Canonical form: keys sorted bytewise at every level, shortest round-trip numbers, strings as raw
 * UTF-8, no white space. Equal values give equal bytes: 1, 1.0 and 1e0 are all "1". Numbers that no
 * double can hold keep their text. Of equal keys the order stays. O(n log n).
 */
void oc_json_canonical(struct oc_buf *b, yyjson_val *v);

/*
 * Walks the top-level members of the text of an object that is known to be valid JSON: start with
 * *at = 0, call until false. `key` lies between its quotes, still escaped; `value` is its bytes.
 */
bool oc_json_next(struct oc_str object, size_t *at, struct oc_str *key, struct oc_str *value);
/* The same for the items of an array's text. */
bool oc_json_item(struct oc_str array, size_t *at, struct oc_str *value);
/* Does an escaped key, as oc_json_next gives it, name `name`? */
bool oc_json_key_is(struct oc_str key, struct oc_str name);

/*
 * The bytes of a top-level member's value inside the text of an object that is known to be valid
 * JSON. False, and empty, when there is no such member. O(n).
 */
bool oc_json_member(struct oc_str object, struct oc_str key, struct oc_str *value);

#endif
