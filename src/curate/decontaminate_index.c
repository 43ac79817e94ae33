/* The benchmarks' n-grams, and what of them stands in a row: see decontaminate.h. */
#include <stdlib.h>

#include "curate/decontaminate.h"

#define BASE 0x9E3779B97F4A7C15u

/* A run of words, and how many: runs of different lengths never meet. Words' hashes are spread
 * already, so their sum of powers is. */
static uint64_t gram_hash(uint64_t rolling, uint32_t len)
{
	return rolling + len * 0xD6E8FEB86659FD93u;
}

#define BIT_POWER 22

static bool marked(const uint64_t *bits, uint64_t hash)
{
	uint64_t bit = hash >> (64 - BIT_POWER);
	return bits[bit >> 6] >> (bit & 63) & 1;
}

#define PAIR_POWER 16

static uint64_t pair_bit(uint64_t a, uint64_t b)
{
	return (a * BASE + b) >> (64 - PAIR_POWER);
}

static uint32_t *slot_of(const struct oc_leak_index *x, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (x->slot_n - 1);

	while (x->slots[i] && x->grams[x->slots[i] - 1].hash != hash)
		i = (i + 1) & (x->slot_n - 1);
	return &x->slots[i];
}

static void grow_slots(struct oc_leak_index *x)
{
	uint32_t *old = x->slots, n = x->slot_n;

	x->slot_n = n ? 2 * n : 1024;
	x->slots = oc_zalloc(x->slot_n, sizeof *x->slots);
	for (uint32_t i = 0; i < n; i++)
		if (old[i])
			*slot_of(x, x->grams[old[i] - 1].hash) = old[i];
	free(old);
}

static void add_gram(struct oc_leak_index *x, uint64_t hash, uint32_t item, uint32_t at)
{
	if (2 * x->gram_n >= x->slot_n)
		grow_slots(x);
	if (x->gram_n == x->gram_cap) {
		x->gram_cap = x->gram_cap ? 2 * x->gram_cap : 1024;
		x->grams = oc_realloc(x->grams, x->gram_cap * sizeof *x->grams);
	}
	uint32_t *slot = slot_of(x, hash), i = x->gram_n++;
	uint64_t bit = hash >> (64 - BIT_POWER);
	x->grams[i] = (struct oc_leak_gram){hash, item, at, UINT32_MAX, 1, i, i};
	x->bits[bit >> 6] |= (uint64_t)1 << (bit & 63);
	if (!*slot) {
		*slot = i + 1;
		return;
	}
	struct oc_leak_gram *first = &x->grams[*slot - 1], *last = &x->grams[first->last];
	first->item_n += last->item != item;
	last->next = i;
	first->last = i;
	x->grams[i].first = *slot - 1;
}

void oc_leak_grams_init(struct oc_leak_index *x)
{
	x->bits = oc_zalloc((size_t)1 << (BIT_POWER - 6), sizeof *x->bits);
	x->pairs = oc_zalloc((size_t)1 << (PAIR_POWER - 6), sizeof *x->pairs);
	x->leaving = 1;
	for (uint32_t k = 1; k < x->opts.ngram; k++)
		x->leaving *= BASE;
	grow_slots(x);
}

void oc_leak_grams_add(struct oc_leak_index *x, uint32_t item)
{
	struct oc_leak_item *it = &x->items[item];
	uint32_t len = it->word_n < x->opts.ngram ? it->word_n : x->opts.ngram, k = 0;
	uint64_t h = 0, leaving = 1;

	it->gram = x->gram_n;
	if (len < x->opts.ngram && x->opts.rules != OC_LEAKS_OWN)
		return;
	for (uint32_t i = 1; i < len; i++)
		leaving *= BASE;
	while (k < x->len_n && x->lens[k] != len)
		k++;
	if (len < x->opts.ngram) {
		uint64_t pair = pair_bit(it->word[0], it->word[len > 1]);
		x->pairs[pair >> 6] |= (uint64_t)1 << (pair & 63);
		if (k == x->len_n) {
			x->lens = oc_realloc(x->lens, (k + 1) * sizeof *x->lens);
			x->lens[x->len_n++] = len;
		}
	}
	for (uint32_t i = 0; i < it->word_n; i++) {
		h = h * BASE + it->word[i];
		if (i + 1 < len)
			continue;
		/* datatrove: n-grams of the query alone are none */
		if (i >= it->query_n)
			add_gram(x, gram_hash(h, len), item, i + 1 - len);
		h -= it->word[i + 1 - len] * leaving;
	}
	it->gram_n = x->gram_n - it->gram;
}

/* ---------------------------------------------------------------- scanning */

/* 1: the answer stands within `near` words of the hit; 2: there is none to look for. */
static uint32_t answer_near(const struct oc_leak_index *x, const struct oc_leak_words *w,
                            const struct oc_leak_hit *h)
{
	const struct oc_leak_item *it = &x->items[h->item];
	uint32_t from = h->from > x->opts.near ? h->from - x->opts.near : 0, k;
	uint64_t to = (uint64_t)h->to + x->opts.near + it->answer_n;

	if (!it->answer_n)
		return 2;
	if (to > w->n)
		to = w->n;
	for (uint64_t i = from; i + it->answer_n <= to; i++) {
		if (i < h->to && i + it->answer_n > h->from)
			continue; /* a word of the question is no answer */
		for (k = 0; k < it->answer_n && w->hash[i + k] == it->answer[k]; k++)
			;
		if (k == it->answer_n)
			return 1;
	}
	return 0;
}

/* The weight of the item's n-grams within the hit over that of all; the rarest of those within. */
static void weigh(const struct oc_leak_index *x, struct oc_leak_hit *h, uint32_t len)
{
	const struct oc_leak_item *it = &x->items[h->item];
	double all = 0, in = 0;

	h->items = UINT32_MAX;
	for (uint32_t i = 0; i < it->gram_n; i++) {
		const struct oc_leak_gram *g = &x->grams[it->gram + i];
		uint32_t items = x->grams[g->first].item_n;
		double weight = 1.0 / items;
		all += weight;
		if (g->at < h->item_at || g->at + len > h->item_at + (h->to - h->from))
			continue;
		in += weight;
		h->items = items < h->items ? items : h->items;
	}
	h->share = all > 0 ? in / all : 0;
}

/* The longest alignment of the row with an item through the n-gram at word `at`; to = 0: none. */
static struct oc_leak_hit align(const struct oc_leak_index *x, const struct oc_leak_words *w,
                                uint32_t at, uint32_t len, const struct oc_leak_gram *g)
{
	struct oc_leak_hit best = {0};
	bool own = x->opts.rules == OC_LEAKS_OWN;

	if (own && g->item_n > x->opts.max_items)
		return best;
	for (;; g = &x->grams[g->next]) {
		const struct oc_leak_item *it = &x->items[g->item];
		struct oc_leak_hit h = {.item = g->item, .from = at, .to = at, .answer = 2};
		uint32_t i = g->at;
		while (h.to < w->n && i < it->word_n && w->hash[h.to] == it->word[i]) {
			h.to++;
			i++;
		}
		i = g->at;
		while (h.from && i && w->hash[h.from - 1] == it->word[i - 1]) {
			h.from--;
			i--;
		}
		h.item_at = i;
		if (own && h.to - at >= len && h.to - h.from > best.to - best.from)
			h.answer = answer_near(x, w, &h);
		if (h.to - at >= len && h.to - h.from > best.to - best.from &&
		    (len >= x->opts.ngram || h.answer))
			best = h;
		if (g->next == UINT32_MAX)
			return best;
	}
}

/* The hit through the n-gram of `len` words at `at`, whose hash is marked; false when none is. */
static bool look_up(const struct oc_leak_index *x, const struct oc_leak_words *w, uint64_t hash,
                    uint32_t at, uint32_t len, struct oc_buf *hits, uint32_t *done)
{
	uint32_t slot = *slot_of(x, hash);

	if (!slot)
		return false;
	struct oc_leak_hit found = align(x, w, at, len, &x->grams[slot - 1]);
	if (!found.to)
		return false;
	weigh(x, &found, len);
	found.byte = w->from[found.from];
	found.byte_len = w->to[found.to - 1] - found.byte;
	oc_buf_add(hits, &found, sizeof found);
	*done = found.to;
	return true;
}

static void scan_long(const struct oc_leak_index *x, const struct oc_leak_words *w,
                      struct oc_buf *hits)
{
	uint32_t len = x->opts.ngram, done = 0;
	uint64_t h = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		h = h * BASE + w->hash[i];
		if (i + 1 < len)
			continue;
		uint64_t hash = gram_hash(h, len);
		h -= w->hash[i + 1 - len] * x->leaving;
		/* n-grams that end at `done` or before lie in the last hit */
		if (marked(x->bits, hash) && i >= done)
			look_up(x, w, hash, i + 1 - len, len, hits, &done);
	}
}

/* Overlapping hits of one length are told once, for so many lengths. */
#define LENS 64

/* Items shorter than an n-gram, which begin with two words that one of them begins with. */
static void scan_short(const struct oc_leak_index *x, const struct oc_leak_words *w,
                       struct oc_buf *hits)
{
	uint32_t done[LENS] = {0}, none;

	for (uint32_t i = 0; i + 1 < w->n; i++) {
		uint64_t pair = pair_bit(w->hash[i], w->hash[i + 1]);
		if (!(x->pairs[pair >> 6] >> (pair & 63) & 1))
			continue;
		for (uint32_t k = 0; k < x->len_n; k++) {
			uint32_t len = x->lens[k], *last = k < LENS ? &done[k] : &none;
			uint64_t h = 0;
			if (len > w->n - i || (k < LENS && i < *last))
				continue;
			for (uint32_t j = 0; j < len; j++)
				h = h * BASE + w->hash[i + j];
			h = gram_hash(h, len);
			if (marked(x->bits, h))
				look_up(x, w, h, i, len, hits, last);
		}
	}
}

static int by_place(const void *a, const void *b)
{
	const struct oc_leak_hit *x = a, *y = b;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

void oc_leak_scan(const struct oc_leak_index *x, const struct oc_leak_words *w, struct oc_buf *hits)
{
	scan_long(x, w, hits);
	if (x->len_n)
		scan_short(x, w, hits);
	if (hits->len)
		qsort(hits->p, hits->len / sizeof(struct oc_leak_hit), sizeof(struct oc_leak_hit),
		      by_place);
}
