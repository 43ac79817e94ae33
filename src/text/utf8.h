/* utf8.h: UTF-8 as bytes arrive. */
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include "base/str.h"

/* Byte position of the first invalid sequence, or -1. Surrogates and overlong forms are invalid. */
ptrdiff_t oc_utf8_check(struct oc_str s);
/* Decodes one code point at p (< end), advances *p. Invalid input gives U+FFFD and one byte. */
uint32_t oc_utf8_next(const char **p, const char *end);
size_t oc_utf8_put(char out[4], uint32_t c);
size_t oc_utf8_count(struct oc_str s); /* code points */
/* A copy with every invalid sequence replaced by U+FFFD. */
struct oc_str oc_utf8_repair(struct oc_arena *a, struct oc_str s);
/* Cuts to at most `max` bytes at a code point boundary. */
struct oc_str oc_utf8_cut(struct oc_str s, size_t max);

#endif
