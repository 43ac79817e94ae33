/*
 * set.h: what models are fitted to and what they draw (struct oc_set), made and given back.
 */
#ifndef DATA_SET_H
#define DATA_SET_H

#include "outcross.h"

/* Frees the arrays and empties the set. */
void oc_set_fini(struct oc_set *s);

/* Shape and ranges: starts ascend and every token is below dim, or values are finite. */
int oc_set_check(const struct oc_set *s, const char *where, struct oc_err *err);

/* A set of token sequences that grows. Zero-initialise; release with oc_tokens_fini. */
struct oc_tokens {
	uint32_t *tokens;
	uint64_t *starts; /* (item_n + 1) once an item was ended */
	uint64_t token_n, item_n, token_cap, start_cap;
};

void oc_tokens_add(struct oc_tokens *t, uint32_t token);
void oc_tokens_end(struct oc_tokens *t); /* the tokens since the last end are one item */
void oc_tokens_items(struct oc_tokens *t, const struct oc_set *from); /* all items of a set */
/* The set, which takes the arrays over; `t` is empty then. */
struct oc_set oc_tokens_take(struct oc_tokens *t, uint32_t vocabulary);
void oc_tokens_fini(struct oc_tokens *t);

#endif
