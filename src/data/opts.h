/*
 * opts.h: option tables (struct oc_option) at work: check given values, fill in defaults.
 */
#ifndef DATA_OPTS_H
#define DATA_OPTS_H

#include "data/json.h"

/* Where a value stood in the plan: filled by the YAML reader, for messages. */
typedef void oc_where_fn(void *user, yyjson_val *value, char out[64]); /* "plan.yaml:12:5" */

/*
 * Checks `given` (an object or NULL) against the table and returns an object in table order with
 * every default spelled out; durations in seconds, sizes in bytes. An unknown key is an error that
 * names the nearest key; a value out of range names the range. NULL on error. `what` names the part
 * in messages ("stage words").
 */
yyjson_val *oc_opts_resolve(struct oc_arena *a, const struct oc_option *table, yyjson_val *given,
                            const char *what, oc_where_fn *where, void *where_user,
                            struct oc_err *err);

/* The same for one option; `given` NULL stands for the default, which must exist then. */
yyjson_val *oc_opts_value(struct oc_arena *a, const struct oc_option *option, yyjson_val *given,
                          const char *what, oc_where_fn *where, void *where_user,
                          struct oc_err *err);
/* Only the check for unknown keys of an object. */
int oc_opts_check_keys(const struct oc_option *table, yyjson_val *given, const char *what,
                       oc_where_fn *where, void *where_user, struct oc_err *err);

/* The nearest of a list of names by edit distance, or NULL when none is near. */
const char *oc_nearest(struct oc_str word, const char *const *names, size_t name_n);
const struct oc_option *oc_opts_find(const struct oc_option *table, struct oc_str key);

/* "512MB" -> 512000000, "1GiB" -> 1073741824. -1 when it is no size. */
int64_t oc_parse_bytes(struct oc_str text);
/* "30s", "5m", "2h", "1d" -> seconds. Negative when it is no duration. */
double oc_parse_duration(struct oc_str text);

#endif
