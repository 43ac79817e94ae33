/*
 * simplify.h: a text as datatrove compares texts (its simplify_text with the default settings).
 */
#ifndef TEXT_SIMPLIFY_H
#define TEXT_SIMPLIFY_H

#include "base/str.h"

/*
 * In this order: lower case; every run of decimal digits of any script, with at most one separator
 * (. , U+060C U+066B U+2396 to U+2398) and more digits, becomes 0; punctuation and control
 * characters become spaces; runs of white space become one space, at the ends none; canonical
 * decomposition (NFD) without nonspacing marks (Mn). Memory from the arena. O(n).
 */
struct oc_str oc_text_simplify(struct oc_arena *a, struct oc_str text);

#endif
