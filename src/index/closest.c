#include "index/closest.h"

#include <assert.h>
#include <stdlib.h>

#include "index/lcs.h"
#include "index/lexicon.h"
#include "index/rouge.h"

#define COMMON       64 /* words, a bit each */
#define CHOOSE_FIRST 64 /* texts after which the common words are chosen for the second time */

struct posting {
	uint32_t one, count; /* one of the few, and how often it has the word */
};

/* What is known of a word of the lexicon, by its number. */
struct word {
	struct posting *at; /* (n) those that have it */
	uint32_t n, cap;
	uint32_t bit;         /* of a common word; COMMON = it is none */
	uint32_t mark, count; /* during a look: 1 + its place in the masks, and how often it came */
	uint64_t seen;        /* texts that had it */
};

struct one {
	uint64_t first; /* into ids */
	uint32_t n;
	struct oc_closest_best best;
};

/* What the bound reads of each of the few. */
struct bound {
	uint64_t common; /* bits of the common words it has */
	double best;
	uint32_t n, again; /* its words; those that repeat a common one */
	uint32_t shared;   /* during a look: words that are not common */
	uint32_t fill;
};

struct oc_closest {
	struct oc_lexicon lexicon;
	struct word *words; /* (lexicon.n) */
	uint32_t word_n, word_cap;
	uint32_t *ids; /* words of all, one after the other */
	uint64_t id_n, id_cap;
	struct one *ones;
	struct bound *bounds; /* (one_n) */
	uint32_t one_n, one_cap;
	uint64_t looks, choose_at, lcs_runs;
	uint64_t common; /* during a look: bits of the text's common words */
	uint32_t again;  /* during a look: those of its words that repeat one */
	bool popcnt;     /* the processor counts bits */

	uint32_t *touched, *improved; /* (one_n) */
	uint32_t *met;                /* distinct known words of the text */
	uint32_t met_n, met_cap;
	uint64_t *masks, *v; /* (met_n, part_n) where each stands in the text; (part_n) */
	size_t mask_cap;
	uint64_t *stands; /* (word_n) the same of a text of up to 64 words, 0 = nowhere */
};

struct oc_closest *oc_closest_new(void)
{
	struct oc_closest *c = oc_zalloc(1, sizeof *c);

	oc_lexicon_init(&c->lexicon);
#ifdef __x86_64__
	c->popcnt = __builtin_cpu_supports("popcnt");
#endif
	return c;
}

void oc_closest_free(struct oc_closest *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->word_n; i++)
		free(c->words[i].at);
	free(c->words);
	free(c->ids);
	free(c->ones);
	free(c->bounds);
	free(c->touched);
	free(c->improved);
	free(c->met);
	free(c->masks);
	free(c->stands);
	free(c->v);
	oc_lexicon_fini(&c->lexicon);
	free(c);
}

/* --------------------------------------------------------------- the few */

static uint32_t intern(struct oc_closest *c, struct oc_str text, uint64_t hash)
{
	uint32_t id = oc_lexicon_add(&c->lexicon, text, hash);

	if (id == c->word_n) {
		c->words = oc_grow(c->words, &c->word_cap, id + 1, sizeof *c->words);
		c->words[c->word_n++] = (struct word){0};
	}
	return id;
}

uint32_t oc_closest_add(struct oc_closest *c, const struct oc_words *words)
{
	uint32_t number = c->one_n, cap = c->one_cap;

	assert(!c->looks);
	c->ones = oc_grow(c->ones, &c->one_cap, number + 1, sizeof *c->ones);
	if (cap != c->one_cap) {
		c->touched = oc_realloc(c->touched, c->one_cap * sizeof *c->touched);
		c->improved = oc_realloc(c->improved, c->one_cap * sizeof *c->improved);
		c->bounds = oc_realloc(c->bounds, c->one_cap * sizeof *c->bounds);
	}
	c->bounds[c->one_n] = (struct bound){.best = -1, .n = words->n};
	c->ones[c->one_n++] =
		(struct one){.first = c->id_n, .n = words->n, .best = {.f = -1, .number = 0}};
	if (c->id_n + words->n > c->id_cap) {
		c->id_cap = 2 * (c->id_n + words->n) + 64;
		c->ids = oc_realloc(c->ids, c->id_cap * sizeof *c->ids);
	}
	for (uint32_t i = 0; i < words->n; i++) {
		uint32_t id = intern(c, words->word[i], words->hash[i]);
		struct word *w = &c->words[id];
		c->ids[c->id_n++] = id;
		if (w->n && w->at[w->n - 1].one == number) {
			w->at[w->n - 1].count++;
			continue;
		}
		w->at = oc_grow(w->at, &w->cap, w->n + 1, sizeof *w->at);
		w->at[w->n++] = (struct posting){number, 1};
	}
	return number;
}

/* ------------------------------------------------------------ common words */

struct common {
	uint64_t seen;
	uint32_t id;
};

static int commonest_first(const void *a, const void *b)
{
	const struct common *x = a, *y = b;

	if (x->seen != y->seen)
		return x->seen > y->seen ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* Gives bits to the words that most texts so far had, or, before the first, most of the few. */
static void choose(struct oc_closest *c)
{
	struct common *all = oc_alloc(c->word_n * sizeof *all);

	if (!c->stands)
		c->stands = oc_zalloc(c->word_n, sizeof *c->stands);

	for (uint32_t i = 0; i < c->word_n; i++) {
		c->words[i].bit = COMMON;
		all[i] = (struct common){c->looks ? c->words[i].seen : c->words[i].n, i};
	}
	qsort(all, c->word_n, sizeof *all, commonest_first);
	for (uint32_t i = 0; i < c->one_n; i++) {
		c->bounds[i].common = 0;
		c->bounds[i].again = 0;
	}
	for (uint32_t k = 0; k < COMMON && k < c->word_n; k++) {
		struct word *w = &c->words[all[k].id];
		w->bit = k;
		for (uint32_t i = 0; i < w->n; i++) {
			c->bounds[w->at[i].one].common |= (uint64_t)1 << k;
			c->bounds[w->at[i].one].again += w->at[i].count - 1;
		}
	}
	free(all);
	c->choose_at = c->looks ? 2 * c->looks : CHOOSE_FIRST;
}

/* -------------------------------------------------------------- the many */

/* Lays a text out: its distinct known words and where each stands. */
static void load(struct oc_closest *c, const struct oc_words *text, uint32_t part_n)
{
	uint32_t *id;

	c->met_n = 0;
	c->met = oc_grow(c->met, &c->met_cap, 2 * text->n + 1, sizeof *c->met);
	id = c->met + text->n; /* (n) of each place */
	for (uint32_t i = 0; i < text->n; i++) {
		id[i] = oc_lexicon_find(&c->lexicon, text->word[i], text->hash[i]);
		if (id[i] == OC_NO_WORD)
			continue;
		struct word *w = &c->words[id[i]];
		if (!w->mark) {
			c->met[c->met_n++] = id[i];
			w->mark = c->met_n;
			w->seen++;
		}
		w->count++;
	}
	if (part_n == 1) {
		for (uint32_t i = 0; i < text->n; i++)
			if (id[i] != OC_NO_WORD)
				c->stands[id[i]] |= (uint64_t)1 << i;
		return;
	}
	size_t need = (size_t)c->met_n * part_n;
	if (need > c->mask_cap) {
		c->mask_cap = 2 * need;
		c->masks = oc_realloc(c->masks, c->mask_cap * sizeof *c->masks);
		c->v = oc_realloc(c->v, c->mask_cap * sizeof *c->v);
	}
	if (need)
		memset(c->masks, 0, need * sizeof *c->masks);
	for (uint32_t i = 0; i < text->n; i++)
		if (id[i] != OC_NO_WORD)
			c->masks[(size_t)(c->words[id[i]].mark - 1) * part_n + i / 64] |=
				(uint64_t)1 << i % 64;
}

/* LCS of the text laid out and one of the few; words that the text lacks change nothing. */
static uint32_t lcs_of(struct oc_closest *c, const struct one *o, uint32_t n, uint32_t part_n)
{
	const uint32_t *id = c->ids + o->first;

	c->lcs_runs++;
	if (!c->met_n)
		return 0;
	if (part_n == 1) {
		uint64_t v = ~(uint64_t)0;
		for (uint32_t j = 0; j < o->n; j++)
			v = oc_lcs_word(v, c->stands[id[j]]);
		return oc_lcs_len(&v, n);
	}
	memset(c->v, 0xFF, part_n * sizeof *c->v);
	for (uint32_t j = 0; j < o->n; j++) {
		uint32_t mark = c->words[id[j]].mark;
		if (mark)
			oc_lcs_parts(c->v, c->masks + (size_t)(mark - 1) * part_n, part_n);
	}
	return oc_lcs_len(c->v, n);
}

/* Counts the words in common: rare ones by their postings, common ones wait for the bound. */
static void gather(struct oc_closest *c)
{
	c->common = 0;
	c->again = 0;
	for (uint32_t k = 0; k < c->met_n; k++) {
		const struct word *w = &c->words[c->met[k]];
		if (w->bit < COMMON) {
			c->common |= (uint64_t)1 << w->bit;
			c->again += w->count - 1;
			continue;
		}
		for (uint32_t i = 0; i < w->n; i++)
			c->bounds[w->at[i].one].shared +=
				w->at[i].count < w->count ? w->at[i].count : w->count;
	}
}

/*
 * Those whose best a text of n words may beat: F = 2 L / (m + n), and L is at most the number of
 * words in common, repeated ones counted as often as both have them. A little too many, for the
 * rounding of F.
 */
__attribute__((always_inline)) static inline uint32_t may_beat(struct oc_closest *c, uint32_t n)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < c->one_n; i++) {
		struct bound *b = &c->bounds[i];
		uint32_t most = b->shared + (uint32_t)__builtin_popcountll(b->common & c->common) +
		                (b->again < c->again ? b->again : c->again);
		b->shared = 0;
		most = most < b->n ? most : b->n;
		most = most < n ? most : n;
		c->touched[out] = i;
		out += 2.0 * most > b->best * ((double)b->n + n) - 1e-6 * ((double)n + 1);
	}
	return out;
}

static uint32_t may_beat_plain(struct oc_closest *c, uint32_t n)
{
	return may_beat(c, n);
}

#ifdef __x86_64__
__attribute__((target("popcnt"))) static uint32_t may_beat_popcnt(struct oc_closest *c, uint32_t n)
{
	return may_beat(c, n);
}
#else
#define may_beat_popcnt may_beat_plain
#endif

uint32_t oc_closest_look(struct oc_closest *c, const struct oc_words *text, uint64_t number,
                         const uint32_t **improved)
{
	uint32_t part_n = (text->n + 63) / 64, n = 0, touched;

	if (c->looks == c->choose_at)
		choose(c);
	load(c, text, part_n);
	gather(c);
	touched = c->popcnt ? may_beat_popcnt(c, text->n) : may_beat_plain(c, text->n);
	for (uint32_t k = 0; k < touched; k++) {
		struct one *o = &c->ones[c->touched[k]];
		double f = oc_rouge_f(lcs_of(c, o, text->n, part_n), o->n, text->n);
		if (f <= o->best.f)
			continue;
		o->best = (struct oc_closest_best){f, number};
		c->bounds[c->touched[k]].best = f;
		c->improved[n++] = c->touched[k];
	}
	for (uint32_t k = 0; k < c->met_n; k++) {
		c->words[c->met[k]].mark = c->words[c->met[k]].count = 0;
		c->stands[c->met[k]] = 0;
	}
	c->looks++;
	*improved = c->improved;
	return n;
}

struct oc_closest_best oc_closest_best(const struct oc_closest *c, uint32_t i)
{
	return c->ones[i].best;
}

uint64_t oc_closest_lcs_runs(const struct oc_closest *c)
{
	return c->lcs_runs;
}
