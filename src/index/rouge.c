#include "index/rouge.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "index/lcs.h"
#include "index/lexicon.h"

/* What is known of a word of the lexicon, by its number. */
struct token {
	uint32_t *items; /* texts that hold it, ascending, each once */
	uint32_t item_n, item_cap;
	uint32_t mark; /* during a search: 1 + its place among the candidate's tokens, else 0 */
};

struct text {
	uint64_t first; /* into ids */
	uint32_t n;
	uint32_t shared; /* during a search: upper bound of tokens in common, else 0 */
};

/* A distinct token of the candidate. */
struct part {
	uint32_t id, count;
	uint32_t item_n;
};

struct oc_rouge {
	double threshold;
	uint64_t num, den; /* num / den <= threshold, within 1e-6 and exact for such decimals */

	struct oc_lexicon lexicon;
	struct token *tokens; /* (lexicon.n) */
	uint32_t token_n, token_cap;

	uint32_t *ids; /* tokens of all texts, one after the other */
	uint64_t id_n, id_cap;
	struct text *texts;
	uint32_t text_n, text_cap;
	uint64_t posting_bytes, lcs_runs;

	/* of one search */
	struct part *parts;
	uint32_t part_n, part_cap;
	uint32_t *at; /* (m) token ids of the candidate */
	uint32_t at_cap;
	uint32_t *touched;
	uint32_t touched_n, touched_cap;
	uint64_t *masks; /* (part_n, word_n) positions of each part in the candidate */
	uint64_t *v;     /* (word_n) */
	size_t mask_cap;
};

struct oc_rouge *oc_rouge_new(double threshold)
{
	struct oc_rouge *r = oc_zalloc(1, sizeof *r);
	double scaled = threshold * 1e6;

	assert(threshold >= 0 && threshold <= 1);
	r->threshold = threshold;
	r->den = 1000000;
	r->num = (uint64_t)(fabs(scaled - nearbyint(scaled)) < 1e-6 ? nearbyint(scaled)
	                                                            : floor(scaled));
	oc_lexicon_init(&r->lexicon);
	return r;
}

void oc_rouge_free(struct oc_rouge *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->token_n; i++)
		free(r->tokens[i].items);
	free(r->tokens);
	free(r->ids);
	free(r->texts);
	free(r->parts);
	free(r->at);
	free(r->touched);
	free(r->masks);
	free(r->v);
	oc_lexicon_fini(&r->lexicon);
	free(r);
}

/* -------------------------------------------------------------- vocabulary */

static uint32_t intern(struct oc_rouge *r, struct oc_str word, uint64_t hash)
{
	uint32_t id = oc_lexicon_add(&r->lexicon, word, hash);

	if (id == r->token_n) {
		r->tokens = oc_grow(r->tokens, &r->token_cap, id + 1, sizeof *r->tokens);
		r->tokens[r->token_n++] = (struct token){0};
	}
	return id;
}

/* Appends a token to the newest text. */
static void put(struct oc_rouge *r, uint32_t id)
{
	struct token *t = &r->tokens[id];
	uint32_t item = r->text_n - 1, before = t->item_cap;

	r->ids[r->id_n++] = id;
	if (t->item_n && t->items[t->item_n - 1] == item)
		return;
	if (t->item_n == t->item_cap) {
		t->item_cap = t->item_cap ? 2 * t->item_cap : 4;
		t->items = oc_realloc(t->items, t->item_cap * sizeof *t->items);
		r->posting_bytes += (t->item_cap - before) * sizeof *t->items;
	}
	t->items[t->item_n++] = item;
}

static uint32_t begin(struct oc_rouge *r, uint32_t n)
{
	r->texts = oc_grow(r->texts, &r->text_cap, r->text_n + 1, sizeof *r->texts);
	r->texts[r->text_n] = (struct text){.first = r->id_n, .n = n};
	if (r->id_n + n > r->id_cap) {
		r->id_cap = 2 * (r->id_n + n) + 64;
		r->ids = oc_realloc(r->ids, r->id_cap * sizeof *r->ids);
	}
	return r->text_n++;
}

uint32_t oc_rouge_add(struct oc_rouge *r, const struct oc_words *words)
{
	uint32_t item = begin(r, words->n);

	for (uint32_t i = 0; i < words->n; i++)
		put(r, intern(r, words->word[i], words->hash[i]));
	return item;
}

int oc_rouge_save(const struct oc_rouge *r, struct oc_index_writer *w, struct oc_err *err)
{
	if (oc_index_begin(w, "vocabulary", err))
		return -1;
	for (uint32_t i = 0; i < r->token_n; i++)
		if (oc_index_write(w, r->lexicon.words[i].text.p, r->lexicon.words[i].text.len,
		                   err))
			return -1;
	if (oc_index_begin(w, "vocabulary_len", err))
		return -1;
	for (uint32_t i = 0; i < r->token_n; i++) {
		uint32_t len = (uint32_t)r->lexicon.words[i].text.len;
		if (oc_index_write(w, &len, sizeof len, err))
			return -1;
	}
	if (oc_index_begin(w, "ids", err) ||
	    oc_index_write(w, r->ids, r->id_n * sizeof *r->ids, err) ||
	    oc_index_begin(w, "texts", err))
		return -1;
	for (uint32_t i = 0; i < r->text_n; i++)
		if (oc_index_write(w, &r->texts[i].n, sizeof r->texts[i].n, err))
			return -1;
	return 0;
}

int oc_rouge_load(struct oc_rouge *r, struct oc_index *ix, struct oc_err *err)
{
	struct oc_str bytes, lens, ids, texts;
	uint64_t at = 0, first = 0;
	uint32_t *known, n;
	int rc = -1;

	if (oc_index_section(ix, "vocabulary", 1, &bytes, err) ||
	    oc_index_section(ix, "vocabulary_len", 4, &lens, err) ||
	    oc_index_section(ix, "ids", 4, &ids, err) ||
	    oc_index_section(ix, "texts", 4, &texts, err))
		return -1;
	const uint32_t *len = (const void *)lens.p, *id = (const void *)ids.p,
		       *text = (const void *)texts.p;
	n = (uint32_t)(lens.len / 4);
	known = oc_alloc(((size_t)n + 1) * sizeof *known); /* their numbers here */
	for (uint32_t i = 0; i < n; i++) {
		if (len[i] > bytes.len - at)
			goto damaged;
		struct oc_str word = {bytes.p + at, len[i]};
		known[i] = intern(r, word, oc_hash64(word.p, word.len, 0));
		at += len[i];
	}
	for (uint64_t i = 0; i < texts.len / 4; i++) {
		if (text[i] > ids.len / 4 - first)
			goto damaged;
		begin(r, text[i]);
		for (uint32_t k = 0; k < text[i]; k++) {
			if (id[first + k] >= n)
				goto damaged;
			put(r, known[id[first + k]]);
		}
		first += text[i];
	}
	rc = 0;
damaged:
	if (rc)
		oc_fail(err, OC_INPUT, oc_index_path(ix), "does not fit together: build it again");
	free(known);
	return rc;
}

/* -------------------------------------------------------------- comparison */

double oc_rouge_f(uint32_t lcs, uint32_t m, uint32_t n)
{
	if (!lcs)
		return 0;
	double precision = (double)lcs / n, recall = (double)lcs / m;
	return 2 * precision * recall / (precision + recall);
}

double oc_rouge_l(const struct oc_words *a, const struct oc_words *b)
{
	uint32_t *row, lcs;

	if (!a->n || !b->n)
		return 0;
	row = oc_zalloc((size_t)b->n + 1, sizeof *row);
	for (uint32_t i = 0; i < a->n; i++) {
		uint32_t diagonal = 0;
		for (uint32_t j = 1; j <= b->n; j++) {
			uint32_t above = row[j];
			if (oc_str_eq(a->word[i], b->word[j - 1]))
				row[j] = diagonal + 1;
			else if (row[j - 1] > above)
				row[j] = row[j - 1];
			diagonal = above;
		}
	}
	lcs = row[b->n];
	free(row);
	return oc_rouge_f(lcs, a->n, b->n);
}

/* LCS of the candidate laid out by `load` and a text; tokens the candidate lacks change nothing. */
static uint32_t lcs_of(struct oc_rouge *r, const struct text *t, uint32_t m)
{
	const uint32_t *id = r->ids + t->first;
	uint32_t word_n = (m + 63) / 64;

	r->lcs_runs++;
	if (!r->part_n)
		return 0;
	if (word_n == 1) {
		uint64_t v = ~(uint64_t)0;
		for (uint32_t j = 0; j < t->n; j++) {
			uint32_t mark = r->tokens[id[j]].mark;
			if (mark)
				v = oc_lcs_word(v, r->masks[mark - 1]);
		}
		return oc_lcs_len(&v, m);
	}
	memset(r->v, 0xFF, word_n * sizeof *r->v);
	for (uint32_t j = 0; j < t->n; j++) {
		uint32_t mark = r->tokens[id[j]].mark;
		if (mark)
			oc_lcs_parts(r->v, r->masks + (size_t)(mark - 1) * word_n, word_n);
	}
	return oc_lcs_len(r->v, m);
}

static int rarest_first(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->item_n != y->item_n)
		return x->item_n < y->item_n ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Lays out a candidate: its distinct known tokens and their positions. Returns how many of its
 * tokens are known. */
static uint32_t load(struct oc_rouge *r, const struct oc_words *words)
{
	uint32_t m = words->n, known = 0;
	size_t word_n = (m + 63) / 64, need;

	r->part_n = 0;
	r->at = oc_grow(r->at, &r->at_cap, m, sizeof *r->at);
	r->parts = oc_grow(r->parts, &r->part_cap, m, sizeof *r->parts);
	for (uint32_t i = 0; i < m; i++) {
		uint32_t id = oc_lexicon_find(&r->lexicon, words->word[i], words->hash[i]);
		r->at[i] = id;
		if (id == OC_NO_WORD)
			continue;
		struct token *t = &r->tokens[id];
		known++;
		if (!t->mark) {
			r->parts[r->part_n++] = (struct part){id, 0, t->item_n};
			t->mark = r->part_n;
		}
		r->parts[t->mark - 1].count++;
	}
	need = (size_t)r->part_n * word_n;
	if (need > r->mask_cap) {
		r->mask_cap = 2 * need;
		r->masks = oc_realloc(r->masks, r->mask_cap * sizeof *r->masks);
		r->v = oc_realloc(r->v, r->mask_cap * sizeof *r->v);
	}
	if (need)
		memset(r->masks, 0, need * sizeof *r->masks);
	for (uint32_t i = 0; i < m; i++)
		if (r->at[i] != OC_NO_WORD)
			r->masks[(size_t)(r->tokens[r->at[i]].mark - 1) * word_n + i / 64] |=
				(uint64_t)1 << i % 64;
	return known;
}

static void unload(struct oc_rouge *r)
{
	for (uint32_t i = 0; i < r->part_n; i++)
		r->tokens[r->parts[i].id].mark = 0;
	for (uint32_t i = 0; i < r->touched_n; i++)
		r->texts[r->touched[i]].shared = 0;
	r->touched_n = 0;
}

/* Can L = `lcs` reach the threshold? Inclusive, so that every tie reaches the double expression. */
static bool may_reach(const struct oc_rouge *r, uint64_t lcs, uint64_t m, uint64_t n)
{
	return 2 * r->den * lcs >= r->num * (m + n);
}

/* Fills `touched` with every text that may reach the threshold; `shared` bounds what they have in
 * common with the candidate. Returns what must be added to it for tokens that were not read. */
static uint32_t gather(struct oc_rouge *r, uint32_t m, uint32_t known)
{
	uint64_t least = (r->num * m + 2 * r->den - r->num - 1) / (2 * r->den - r->num);
	uint32_t left = known, i = 0;

	if (!least)
		least = 1;
	if (!r->part_n)
		return 0;
	qsort(r->parts, r->part_n, sizeof *r->parts, rarest_first);
	for (; i < r->part_n && left >= least; i++) {
		const struct part *p = &r->parts[i];
		const uint32_t *items = r->tokens[p->id].items;
		r->touched = oc_grow(r->touched, &r->touched_cap, r->touched_n + p->item_n,
		                     sizeof *r->touched);
		for (uint32_t k = 0; k < p->item_n; k++) {
			struct text *t = &r->texts[items[k]];
			if (!t->shared)
				r->touched[r->touched_n++] = items[k];
			t->shared += p->count;
		}
		left -= p->count;
	}
	/* No new text can appear now. Reading on pays while it is cheaper than the LCS it saves. */
	for (; i < r->part_n && r->parts[i].item_n < 16 * (uint64_t)r->touched_n; i++) {
		const struct part *p = &r->parts[i];
		const uint32_t *items = r->tokens[p->id].items;
		for (uint32_t k = 0; k < p->item_n; k++) {
			struct text *t = &r->texts[items[k]];
			t->shared += t->shared ? p->count : 0;
		}
		left -= p->count;
	}
	return left;
}

static void better(struct oc_rouge_hit *hit, uint32_t item, double f)
{
	if (f > hit->f || (f > 0 && f == hit->f && item < hit->item))
		*hit = (struct oc_rouge_hit){item, f};
}

bool oc_rouge_find(struct oc_rouge *r, const struct oc_words *words, struct oc_rouge_hit *hit)
{
	uint32_t m = words->n, known = load(r, words), left = gather(r, m, known);

	*hit = (struct oc_rouge_hit){UINT32_MAX, 0};
	for (uint32_t i = 0; i < r->touched_n; i++) {
		const struct text *t = &r->texts[r->touched[i]];
		uint64_t most = (uint64_t)t->shared + left;
		if (most > t->n)
			most = t->n;
		if (!may_reach(r, most, m, t->n))
			continue;
		better(hit, r->touched[i], oc_rouge_f(lcs_of(r, t, m), m, t->n));
	}
	unload(r);
	return hit->f > r->threshold;
}

bool oc_rouge_find_all(struct oc_rouge *r, const struct oc_words *words, struct oc_rouge_hit *hit)
{
	*hit = (struct oc_rouge_hit){UINT32_MAX, 0};
	load(r, words);
	for (uint32_t i = 0; i < r->text_n; i++)
		better(hit, i,
		       oc_rouge_f(lcs_of(r, &r->texts[i], words->n), words->n, r->texts[i].n));
	unload(r);
	return hit->f > r->threshold;
}

uint32_t oc_rouge_top(struct oc_rouge *r, const struct oc_words *words, struct oc_rouge_hit *top,
                      uint32_t top_n, double *mean)
{
	uint32_t n = 0;
	double sum = 0;

	load(r, words);
	for (uint32_t i = 0; i < r->text_n; i++) {
		double f = oc_rouge_f(lcs_of(r, &r->texts[i], words->n), words->n, r->texts[i].n);
		uint32_t k;
		sum += f;
		if (n == top_n && (!n || f <= top[n - 1].f))
			continue;
		n += n < top_n;
		for (k = n - 1; k > 0 && top[k - 1].f < f; k--)
			top[k] = top[k - 1];
		top[k] = (struct oc_rouge_hit){i, f};
	}
	unload(r);
	*mean = r->text_n ? sum / r->text_n : 0;
	return n;
}

uint32_t oc_rouge_count(const struct oc_rouge *r)
{
	return r->text_n;
}

uint64_t oc_rouge_memory(const struct oc_rouge *r)
{
	return oc_lexicon_memory(&r->lexicon) + r->token_cap * sizeof *r->tokens +
	       r->id_cap * sizeof *r->ids + r->text_cap * sizeof *r->texts + r->posting_bytes +
	       r->part_cap * sizeof *r->parts + r->mask_cap * 2 * sizeof *r->masks +
	       r->touched_cap * sizeof *r->touched;
}

uint64_t oc_rouge_filled(const struct oc_rouge *r)
{
	return oc_lexicon_filled(&r->lexicon) + r->token_n * sizeof *r->tokens +
	       r->id_n * sizeof *r->ids + r->text_n * sizeof *r->texts + r->posting_bytes;
}

uint64_t oc_rouge_lcs_runs(const struct oc_rouge *r)
{
	return r->lcs_runs;
}
