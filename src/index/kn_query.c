/*
 * kn_query.c: scoring. Order by order over a group of tokens: the places of all look-ups of an
 * order are fetched before the first is read, so that a group waits for memory once an order, not
 * once a look-up; and an order is asked only where the one below it was found.
 */
#include "index/kn.h"

#include <math.h>

#include "index/kn_table.h"

#define GROUP 64

/* Of one token; slots 0..MAX-2 of the group's arrays hold the tokens before it. */
struct token {
	uint64_t key;                   /* of the longest n-gram looked at that ends here */
	float prob;                     /* of the longest found */
	uint8_t found;                  /* its words */
	uint8_t context;                /* tokens before it in its sentence that may matter */
	uint8_t asks;                   /* is the next order worth asking? */
	float backoff[OC_KN_ORDER_MAX]; /* [n-1]: of the n words that end here, 0 when not stored */
};

struct group {
	struct token token[OC_KN_ORDER_MAX + GROUP];
	uint64_t word[OC_KN_ORDER_MAX + GROUP]; /* word keys, unknown ones replaced */
	unsigned n;                             /* of this group, from slot OC_KN_ORDER_MAX */
};

#define FIRST OC_KN_ORDER_MAX

static void ask_words(const struct oc_kn *kn, struct group *g, const uint64_t *key,
                      struct oc_kn_score *out, const uint64_t unknown)
{
	for (unsigned i = 0; i < g->n; i++)
		__builtin_prefetch(oc_kn_line(kn, 1, key[i] + (key[i] == 0)));
	for (unsigned i = 0; i < g->n; i++) {
		struct token *t = &g->token[FIRST + i];
		memset(t->backoff, 0, sizeof t->backoff);
		g->word[FIRST + i] = key[i];
		if (!oc_kn_find(kn, 1, key[i], &t->prob, &t->backoff[0])) {
			t->prob = kn->unknown_prob;
			t->backoff[0] = kn->unknown_backoff;
			g->word[FIRST + i] = unknown;
			out->unknown += t->context > 0; /* never <s> itself */
		}
		t->key = g->word[FIRST + i];
		t->found = 1;
		t->asks = 1;
	}
}

static void ask_order(const struct oc_kn *kn, struct group *g, unsigned n)
{
	uint8_t list[GROUP];
	unsigned asked = 0;

	for (unsigned i = 0; i < g->n; i++) {
		struct token *t = &g->token[FIRST + i];
		if (!t->asks || t->context < n - 1)
			continue;
		t->key = oc_kn_key(t->key, g->word[FIRST + i - (n - 1)]);
		__builtin_prefetch(oc_kn_line(kn, n, t->key + (t->key == 0)));
		list[asked++] = (uint8_t)i;
	}
	for (unsigned k = 0; k < asked; k++) {
		struct token *t = &g->token[FIRST + list[k]];
		float prob, backoff;
		if (oc_kn_find(kn, n, t->key, &prob, &backoff)) {
			t->prob = prob;
			t->backoff[n - 1] = backoff;
			t->found = (uint8_t)n;
		} else {
			t->asks = kn->gaps;
		}
	}
}

/* log10 p: of the longest n-gram found, and the backoffs of the longer contexts. */
static float settle(const struct oc_kn *kn, const struct token *t)
{
	unsigned longest = t->context < kn->shape.order - 1 ? t->context : kn->shape.order - 1;
	float sum = t->prob;

	for (unsigned c = t->found; c <= longest; c++)
		sum += t[-1].backoff[c - 1];
	return sum;
}

void oc_kn_score(const struct oc_kn *kn, const struct oc_kn_text *text, float *each,
                 struct oc_kn_score *out)
{
	const uint64_t unknown = oc_kn_word(OC_LIT(OC_KN_UNK));
	struct group g;
	uint64_t sentence = 0, start = 0;

	*out = (struct oc_kn_score){.sentences = text->sentence_n};
	memset(&g, 0, sizeof g.token[0] * FIRST);
	for (uint64_t at = 0; at < text->n; at += g.n) {
		g.n = text->n - at < GROUP ? (unsigned)(text->n - at) : GROUP;
		for (unsigned i = 0; i < g.n; i++) {
			if (sentence < text->sentence_n && at + i == text->sentence[sentence]) {
				start = at + i;
				sentence++;
			}
			uint64_t before = at + i - start;
			g.token[FIRST + i].context =
				(uint8_t)(before < OC_KN_ORDER_MAX ? before : OC_KN_ORDER_MAX);
		}
		ask_words(kn, &g, text->key + at, out, unknown);
		for (unsigned n = 2; n <= kn->shape.order; n++)
			ask_order(kn, &g, n);
		for (unsigned i = 0; i < g.n; i++) {
			const struct token *t = &g.token[FIRST + i];
			float p = t->context ? settle(kn, t) : 0;
			out->log10 += (double)p;
			out->tokens += t->context > 0;
			if (each)
				each[at + i] = p;
		}
		/* The last tokens are the context of the next group. */
		memmove(g.token, g.token + g.n, FIRST * sizeof g.token[0]);
		memmove(g.word, g.word + g.n, FIRST * sizeof g.word[0]);
	}
}

double oc_kn_perplexity(const struct oc_kn_score *score)
{
	return score->tokens ? pow(10, -score->log10 / (double)score->tokens) : 0;
}
