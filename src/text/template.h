/*
 * template.h: texts with {{ places }}.
 *
 *   {{ name }}  {{ seed.text }}  {{ s.messages.0.content }}     a value; a string without quotes
 *   {{ s.input or s.context or '<none>' }}                       the first that is not empty
 *   {{ name | oneline | trim }}                                  trim, oneline, json, uncolon
 *   {{ for s in seeds }} ... {{ loop.number }} ... {{ end }}     numbers from 1
 *   {{ if name }} ... {{ else }} ... {{ end }}                   "", false, 0, null, [] are false
 *
 * A tag of for, if, else or end that stands alone on its line takes the line with it. Single braces
 * are literal, so JSON in prompts needs no escapes. What is put in is never read as a template: a
 * row whose text holds "{{ x }}" comes out with exactly those bytes.
 */
#ifndef TEXT_TEMPLATE_H
#define TEXT_TEMPLATE_H

#include "data/json.h"

/*
 * Names visible to a template, innermost first. name "" makes the members of `value` visible by
 * their own names. A list (of seeds) has `list` instead of a JSON array; besides its elements it
 * knows .n and .next (= n + 1), and {{ seeds.0.word }} is its first element's.
 */
struct oc_scope {
	const struct oc_scope *up;
	struct oc_str name;
	yyjson_val *value;
	yyjson_val *const *list; /* (list_n) */
	size_t list_n;
};

struct oc_template;

/* Compiles into the arena; `where` is for messages. O(n). */
struct oc_template *oc_template_compile(struct oc_arena *a, struct oc_str text, const char *where,
                                        struct oc_err *err);
/*
 * Appends the text. A first name that no scope knows is an error; a missing member of a known value
 * is empty. Output above `max` bytes is an error.
 */
int oc_template_render(const struct oc_template *t, const struct oc_scope *scope, size_t max,
                       struct oc_buf *out, struct oc_err *err);
/*
 * A template that is exactly one place without filter stands for the value itself, with its type;
 * *found is false when it is not of that form, and *value NULL when the value is absent.
 */
int oc_template_value(const struct oc_template *t, const struct oc_scope *scope, bool *found,
                      yyjson_val **value, struct oc_err *err);

/* Appends a value as {{ }} prints it: strings bare, null and NULL as nothing, the rest as JSON. */
void oc_value_text(struct oc_buf *out, yyjson_val *v);

#endif
