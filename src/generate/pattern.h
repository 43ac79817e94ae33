/*
 * pattern.h: PCRE2 with limits, so that no pattern and no text can make it run for long. A match
 * that passes the limits counts as none.
 */
#ifndef GENERATE_PATTERN_H
#define GENERATE_PATTERN_H

#include "base/str.h"

struct oc_pattern;

/* UTF-8, `.` also matches newlines only with (?s). `where` is for messages. */
int oc_pattern_open(struct oc_pattern **p, struct oc_str text, const char *where,
                    struct oc_err *err);
void oc_pattern_close(struct oc_pattern *p);

/* First match at or after `from`; `text` must be valid UTF-8. */
bool oc_pattern_match(struct oc_pattern *p, struct oc_str text, size_t from);
/* Bounds of the last match, and of a group (0 = the whole); false: the group took no part. */
bool oc_pattern_group(const struct oc_pattern *p, unsigned group, size_t *from, size_t *to);
/* Named groups in the order of their names. */
unsigned oc_pattern_name_n(const struct oc_pattern *p);
const char *oc_pattern_name(const struct oc_pattern *p, unsigned i, unsigned *group);

#endif
