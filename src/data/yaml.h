/*
 * yaml.h: YAML 1.2 core types to JSON values, with the place of every value.
 */
#ifndef DATA_YAML_H
#define DATA_YAML_H

#include "data/json.h"

/* Places of values, for messages. Lives in the arena given to oc_yaml_parse. */
struct oc_yaml_marks;

/*
 * Parses one YAML document (libyaml). Only true/false/null, decimal and 0x/0o integers and floats
 * are typed, everything else is a string (no sexagesimal, no yes/no). Duplicate keys, anchors that
 * expand to more than 1 MiB, and an unquoted {{ are errors with line and column and what to do.
 * `name` is used in messages. `marks` may be NULL.
 */
yyjson_val *oc_yaml_parse(struct oc_arena *a, struct oc_str text, const char *name,
                          struct oc_yaml_marks **marks, struct oc_err *err);
/* "plan.yaml:12:5" of a value (an oc_where_fn when passed with its marks). */
void oc_yaml_where(void *marks, yyjson_val *value, char out[64]);
/* Would this bare word be read as null, a boolean or a number? */
bool oc_yaml_is_typed(struct oc_str word);
/* Appends a JSON value as YAML (block style, strings quoted where needed). */
void oc_yaml_write(struct oc_buf *b, yyjson_val *v, unsigned indent);

#endif
