#include "data/set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"

void oc_set_fini(struct oc_set *s)
{
	free(s->values);
	free(s->tokens);
	free(s->starts);
	*s = (struct oc_set){.size = sizeof *s};
}

int oc_set_check(const struct oc_set *s, const char *where, struct oc_err *err)
{
	if (s->kind == OC_SET_MATRIX) {
		for (uint64_t i = 0; i < s->item_n * s->dim; i++)
			if (!isfinite(s->values[i]))
				return oc_fail(err, OC_INPUT, where,
				               "item %llu, column %llu is not a finite number",
				               (unsigned long long)(i / s->dim),
				               (unsigned long long)(i % s->dim));
		return 0;
	}
	if (s->item_n && s->starts[0] != 0)
		return oc_fail(err, OC_INTERNAL, where, "the first item does not start at 0");
	for (uint64_t i = 0; i < s->item_n; i++) {
		if (s->starts[i + 1] < s->starts[i])
			return oc_fail(err, OC_INTERNAL, where, "item %llu ends before it starts",
			               (unsigned long long)i);
		for (uint64_t k = s->starts[i]; k < s->starts[i + 1]; k++)
			if (s->tokens[k] >= s->dim)
				return oc_fail(
					err, OC_INTERNAL, where,
					"token %u of item %llu is not below the vocabulary's "
					"size %u",
					s->tokens[k], (unsigned long long)i, s->dim);
	}
	return 0;
}

static uint64_t more(uint64_t cap)
{
	return cap ? 2 * cap : 1024;
}

void oc_tokens_add(struct oc_tokens *t, uint32_t token)
{
	if (t->token_n == t->token_cap) {
		t->token_cap = more(t->token_cap);
		t->tokens = oc_realloc(t->tokens, t->token_cap * sizeof *t->tokens);
	}
	t->tokens[t->token_n++] = token;
}

void oc_tokens_end(struct oc_tokens *t)
{
	if (t->item_n + 1 >= t->start_cap) {
		t->start_cap = more(t->start_cap);
		t->starts = oc_realloc(t->starts, t->start_cap * sizeof *t->starts);
	}
	t->starts[0] = 0;
	t->starts[++t->item_n] = t->token_n;
}

void oc_tokens_items(struct oc_tokens *t, const struct oc_set *from)
{
	for (uint64_t i = 0; i < from->item_n; i++) {
		for (uint64_t k = from->starts[i]; k < from->starts[i + 1]; k++)
			oc_tokens_add(t, from->tokens[k]);
		oc_tokens_end(t);
	}
}

struct oc_set oc_tokens_take(struct oc_tokens *t, uint32_t vocabulary)
{
	struct oc_set s = {.size = sizeof s,
	                   .kind = OC_SET_TOKENS,
	                   .item_n = t->item_n,
	                   .dim = vocabulary,
	                   .tokens = t->tokens,
	                   .starts = t->starts};

	if (!s.starts)
		s.starts = oc_zalloc(1, sizeof *s.starts);
	*t = (struct oc_tokens){0};
	return s;
}

void oc_tokens_fini(struct oc_tokens *t)
{
	free(t->tokens);
	free(t->starts);
	*t = (struct oc_tokens){0};
}
