/*
 * ngram: an n-gram model of orders 2 to 5 over token sequences.
 *
 * Smoothing is interpolated absolute discounting (Ney, Essen and Kneser, "On structuring
 * probabilistic dependences in stochastic language modelling", 1994; Chen and Goodman, "An
 * empirical study of smoothing techniques for language modeling", 1999, section 2.6):
 *
 *   p_k(w|h) = max(c(h w) - D_k, 0) / c(h) + D_k t(h) / c(h) p_{k-1}(w|h'),   p_1(w) = c(w) / N
 *
 * t(h) counts the types seen after h, h' is h without its oldest token, D_k = n1 / (n1 + 2 n2) by
 * leaving one out, n1 and n2 being the numbers of k-grams seen once and twice. p_1 is not smoothed:
 * a word that is not in the training data is never drawn, so that a loop can lose it. For scores,
 * `floor` mixes in a uniform share, so that such a word costs a finite number of nats.
 *
 * Every item is preceded by order - 1 beginnings and ended by one end, which is drawn and scored
 * like a word. The counts form a trie in sorted arrays: the children of a context lie together,
 * ordered by token. Fitting is one radix sort of 8-byte keys for each order, O(order N).
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/json.h"
#include "data/set.h"

#define ORDER_MAX  5u
#define RADIX_PAYS 8192u
#define NONE       UINT32_MAX
#define LEN_MAX    65536u /* tokens of a drawn item when nothing else is said */
#define TOKENS_MAX ((uint64_t)1 << 31)
#define COLDEST    0.05
#define HOTTEST    100.0
#define TRIES_MAX  64u /* of a rejection before the words are weighed one by one */
#define FILE_MAX   ((size_t)8 << 30)
#define FILE_MAGIC 0x314d4152474e434fu /* "OCNGRAM1" */

/* Level k holds the k-grams; node i of level k-1 is the context of first[i]..first[i+1]-1. */
struct level {
	uint32_t n;
	uint32_t *token, *count; /* (n) count 0: a beginning, only ever a context */
	uint64_t *below;         /* (n + 1) sum of the counts before each */
	uint32_t *types;         /* (n + 1) how many of them are not 0, before each */
	uint32_t *first;         /* (n of the level above + 1) */
	double discount;
};

struct ngram {
	uint32_t order, dim, end, begin; /* ids of the end and of a beginning: dim and dim + 1 */
	double floor;
	struct level level[ORDER_MAX + 1]; /* 1..order */
};

/* ---------------------------------------------------------------------- fit */

struct gram {
	uint64_t key; /* context << 32 | token */
	uint32_t place;
};

static int by_key(const void *a, const void *b)
{
	const struct gram *x = a, *y = b;
	return x->key < y->key ? -1 : x->key > y->key;
}

/*
 * Least significant digit first, 16 bits a pass; passes in which all digits agree are skipped.
 * Grams of one key become one node, so their order among themselves is of no matter.
 */
static void sort_grams(struct gram *a, struct gram *spare, size_t n)
{
	if (n < RADIX_PAYS) {
		qsort(a, n, sizeof *a, by_key);
		return;
	}
	size_t *count = oc_alloc(65536 * sizeof *count);
	struct gram *from = a, *to = spare;

	for (unsigned shift = 0; n && shift < 64; shift += 16) {
		size_t sum = 0;
		memset(count, 0, 65536 * sizeof *count);
		for (size_t i = 0; i < n; i++)
			count[from[i].key >> shift & 0xFFFF]++;
		if (count[from[0].key >> shift & 0xFFFF] == n)
			continue;
		for (size_t d = 0; d < 65536; d++) {
			size_t c = count[d];
			count[d] = sum;
			sum += c;
		}
		for (size_t i = 0; i < n; i++)
			to[count[from[i].key >> shift & 0xFFFF]++] = from[i];
		struct gram *swap = from;
		from = to;
		to = swap;
	}
	if (from != a)
		memcpy(a, from, n * sizeof *a);
	free(count);
}

/* Sums and discounts of a level whose token and count are there. */
static void sum_level(struct level *l, unsigned order, double given)
{
	uint64_t once = 0, twice = 0;

	l->below = oc_alloc(((size_t)l->n + 1) * sizeof *l->below);
	l->types = oc_alloc(((size_t)l->n + 1) * sizeof *l->types);
	l->below[0] = 0;
	l->types[0] = 0;
	for (uint32_t i = 0; i < l->n; i++) {
		l->below[i + 1] = l->below[i] + l->count[i];
		l->types[i + 1] = l->types[i] + (l->count[i] > 0);
		once += l->count[i] == 1;
		twice += l->count[i] == 2;
	}
	if (order == 1)
		l->discount = 0;
	else if (given >= 0)
		l->discount = given;
	else
		l->discount = once ? (double)once / (double)(once + 2 * twice) : 0;
}

/*
 * Builds level k. On entry node[i] is the (k-1)-gram that ends at place i, or NONE where the item
 * has not so many places; on return the k-gram.
 */
static void build_level(struct ngram *m, unsigned k, const uint32_t *stream, uint32_t *node,
                        uint32_t place_n, struct gram *grams, struct gram *spare)
{
	struct level *l = &m->level[k];
	uint32_t parent_n = k == 1 ? 1 : m->level[k - 1].n;
	size_t n = 0;

	for (uint32_t i = 0; i < place_n; i++) {
		/* a place follows the one before it unless it begins an item */
		uint32_t context = k == 1 ? 0 : i ? node[i - 1] : NONE;
		bool starts = stream[i] == m->begin && (i == 0 || stream[i - 1] != m->begin);
		if (k > 1 && starts)
			context = NONE;
		if (context != NONE)
			grams[n++] = (struct gram){(uint64_t)context << 32 | stream[i], i};
	}
	sort_grams(grams, spare, n);
	for (uint32_t i = 0; i < place_n; i++)
		node[i] = NONE;
	l->token = oc_alloc((n + 1) * sizeof *l->token);
	l->count = oc_zalloc(n + 1, sizeof *l->count);
	l->first = oc_alloc(((size_t)parent_n + 1) * sizeof *l->first);
	uint32_t parent = 0;
	l->first[0] = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t token = (uint32_t)grams[i].key;
		if (i == 0 || grams[i].key != grams[i - 1].key) {
			while (parent < grams[i].key >> 32)
				l->first[++parent] = l->n;
			l->token[l->n++] = token;
		}
		l->count[l->n - 1] += token != m->begin;
		node[grams[i].place] = l->n - 1;
	}
	while (parent < parent_n)
		l->first[++parent] = l->n;
	l->token = oc_realloc(l->token, ((size_t)l->n + 1) * sizeof *l->token);
	l->count = oc_realloc(l->count, ((size_t)l->n + 1) * sizeof *l->count);
}

static void ngram_free(void *self)
{
	struct ngram *m = self;

	if (!m)
		return;
	for (unsigned k = 1; k <= ORDER_MAX; k++) {
		free(m->level[k].token);
		free(m->level[k].count);
		free(m->level[k].below);
		free(m->level[k].types);
		free(m->level[k].first);
	}
	free(m);
}

static int ngram_fit(void **self, const struct oc_env *env, yyjson_val *opts,
                     const struct oc_set *set, struct oc_err *err)
{
	uint32_t order = (uint32_t)oc_json_get_int(opts, "order", 3);
	uint64_t token_n = set->item_n ? set->starts[set->item_n] : 0;
	uint64_t place_n = token_n + set->item_n * order;

	*self = NULL;
	if (order < 2 || order > ORDER_MAX)
		return oc_fail(err, OC_PLAN, env->name, "an n-gram model has order 2 to %u",
		               ORDER_MAX);
	if (!set->item_n)
		return oc_fail(err, OC_INPUT, env->name, "nothing to fit an n-gram model to");
	if (place_n >= TOKENS_MAX || set->dim >= NONE - 2)
		return oc_fail(err, OC_INPUT, env->name,
		               "%llu tokens are more than an n-gram model takes (%llu); take a "
		               "sample",
		               (unsigned long long)token_n, (unsigned long long)TOKENS_MAX);
	if (oc_set_check(set, env->name, err))
		return -1;

	struct ngram *m = oc_zalloc(1, sizeof *m);
	m->order = order;
	m->dim = set->dim;
	m->end = set->dim;
	m->begin = set->dim + 1;
	m->floor = oc_json_get_num(opts, "floor", 0.001);
	uint32_t *stream = oc_alloc(place_n * sizeof *stream);
	uint32_t *node = oc_alloc(place_n * sizeof *node), n = 0;
	struct gram *grams = oc_alloc(place_n * sizeof *grams);
	struct gram *spare = oc_alloc(place_n * sizeof *spare);
	for (uint64_t i = 0; i < set->item_n; i++) {
		for (uint32_t k = 1; k < order; k++)
			stream[n++] = m->begin;
		for (uint64_t k = set->starts[i]; k < set->starts[i + 1]; k++)
			stream[n++] = set->tokens[k];
		stream[n++] = m->end;
	}
	for (unsigned k = 1; k <= order; k++) {
		build_level(m, k, stream, node, n, grams, spare);
		sum_level(&m->level[k], k, oc_json_get_num(opts, "discount", -1));
	}
	free(stream);
	free(node);
	free(grams);
	free(spare);
	*self = m;
	return 0;
}

/* -------------------------------------------------------------- probability */

/* Where a history leads: per order, the children of the matching context. */
struct place {
	uint32_t from[ORDER_MAX + 1], to[ORDER_MAX + 1];  /* of level k; empty when never seen */
	double total[ORDER_MAX + 1], back[ORDER_MAX + 1]; /* counts there; weight of order k-1 */
};

static uint32_t find_child(const struct level *l, uint32_t from, uint32_t to, uint32_t token)
{
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		if (l->token[mid] < token)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* Node of `token` among the children, or NONE. */
static uint32_t child(const struct level *l, uint32_t from, uint32_t to, uint32_t token)
{
	uint32_t at = find_child(l, from, to, token);
	return at < to && l->token[at] == token ? at : NONE;
}

/* history: the last order - 1 tokens, oldest first. O(order^2 log types). */
static void locate(const struct ngram *m, const uint32_t *history, struct place *p)
{
	for (unsigned k = 1; k <= m->order; k++) {
		const struct level *l = &m->level[k];
		uint32_t context = 0;
		for (unsigned j = 1; j < k && context != NONE; j++)
			context = child(&m->level[j], m->level[j].first[context],
			                m->level[j].first[context + 1],
			                history[m->order - k + j - 1]);
		p->from[k] = context == NONE ? 0 : l->first[context];
		p->to[k] = context == NONE ? 0 : l->first[context + 1];
		p->total[k] = (double)(l->below[p->to[k]] - l->below[p->from[k]]);
		p->back[k] = p->total[k] > 0
		                     ? l->discount * (l->types[p->to[k]] - l->types[p->from[k]]) /
		                               p->total[k]
		                     : 1;
	}
}

/* p(token | place) from order k downwards. */
static double probability(const struct ngram *m, const struct place *p, uint32_t token)
{
	double q = 0;

	for (unsigned k = 1; k <= m->order; k++) {
		const struct level *l = &m->level[k];
		if (!(p->total[k] > 0))
			continue;
		uint32_t at = child(l, p->from[k], p->to[k], token);
		double own = at == NONE ? 0 : fmax(l->count[at] - l->discount, 0) / p->total[k];
		q = k == 1 ? own : own + p->back[k] * q;
	}
	return q;
}

static void forget(const struct ngram *m, uint32_t *history)
{
	for (uint32_t k = 0; k + 1 < m->order; k++)
		history[k] = m->begin;
}

static void remember(const struct ngram *m, uint32_t *history, uint32_t token)
{
	memmove(history, history + 1, (m->order - 2) * sizeof *history);
	history[m->order - 2] = token;
}

static int ngram_score(void *self, const struct oc_set *set, double *nats, struct oc_err *err)
{
	const struct ngram *m = self;
	uint32_t history[ORDER_MAX];
	struct place p = {0};

	if (set->dim != m->dim)
		return oc_fail(err, OC_INPUT, "ngram",
		               "the set's vocabulary has %u tokens, the model's %u", set->dim,
		               m->dim);
	for (uint64_t i = 0; i < set->item_n; i++) {
		double sum = 0;
		forget(m, history);
		for (uint64_t k = set->starts[i]; k <= set->starts[i + 1]; k++) {
			uint32_t token = k < set->starts[i + 1] ? set->tokens[k] : m->end;
			locate(m, history, &p);
			double q = probability(m, &p, token);
			sum -= log((1 - m->floor) * q + m->floor / (m->dim + 1.0));
			remember(m, history, token);
		}
		nats[i] = sum;
	}
	return 0;
}

/* ------------------------------------------------------------------- sample */

/* The first node whose share of counts, each less the discount, lies above u. */
static uint32_t draw_discounted(const struct level *l, const struct place *p, unsigned k, double u)
{
	uint32_t from = p->from[k], to = p->to[k], low = from;

	/* mass before node i: below - discount x types, both from prefix sums */
	while (low + 1 < to) {
		uint32_t mid = low + (to - low) / 2;
		double mass = (double)(l->below[mid] - l->below[from]) -
		              l->discount * (l->types[mid] - l->types[from]);
		if (mass <= u)
			low = mid;
		else
			to = mid;
	}
	while (low > from && !l->count[low]) /* a beginning; only rounding gets here */
		low--;
	return l->token[low];
}

/* Temperature 1: from the highest order down, stay with the counts or go on to the next. O(log). */
static uint32_t draw_plain(const struct ngram *m, const struct place *p, struct oc_draws *d)
{
	for (unsigned k = m->order;; k--) {
		if (!(p->total[k] > 0))
			continue;
		double u = oc_draw_unit(d);
		if (k > 1 && u < p->back[k])
			continue;
		if (k > 1)
			u = (u - p->back[k]) / (1 - p->back[k]);
		u *= (1 - (k > 1 ? p->back[k] : 0)) * p->total[k];
		return draw_discounted(&m->level[k], p, k, u);
	}
}

/*
 * Other temperatures: p^s / Z with s = 1/T, by rejection. p is a sum of parts a_k, one an order,
 * and
 *
 *   (a_1 + ... + a_K)^s <= w_1 a_1^s + ... + w_K a_K^s
 *
 * with w = 1 for s <= 1 (subadditivity) and w_k = l_k^(1-s) for s > 1 and any l that add up to 1
 * (Jensen). The right side is easy to draw from: the sums of (c - D)^s up to each node are made
 * once. Its mass is least for l_k in proportion to the s-th root of the mass of a_k^s. Where a cold
 * temperature still refuses too often, all words are weighed one by one: the law is the same.
 */
struct heat {
	double power;               /* s */
	double *sum[ORDER_MAX + 1]; /* (n + 1) of level k: sums of (c - D)^s before each node */
	struct weighed {
		uint32_t token;
		double weight;
	} * list; /* (n of level 1) */
};

static double own_count(const struct level *l, uint32_t node)
{
	return fmax(l->count[node] - l->discount, 0);
}

static void heat_init(struct heat *h, const struct ngram *m, double temperature)
{
	h->power = 1 / temperature;
	h->list = oc_alloc(((size_t)m->level[1].n + 1) * sizeof *h->list);
	for (unsigned k = 1; k <= m->order; k++) {
		const struct level *l = &m->level[k];
		h->sum[k] = oc_alloc(((size_t)l->n + 1) * sizeof *h->sum[k]);
		h->sum[k][0] = 0;
		for (uint32_t i = 0; i < l->n; i++)
			h->sum[k][i + 1] = h->sum[k][i] + pow(own_count(l, i), h->power);
	}
}

static void heat_fini(struct heat *h)
{
	for (unsigned k = 1; k <= ORDER_MAX; k++)
		free(h->sum[k]);
	free(h->list);
}

/* Every word there is, one by one. O(types). */
static uint32_t draw_weighed(const struct ngram *m, const struct place *p, struct heat *h,
                             struct oc_draws *d)
{
	const struct level *one = &m->level[1];
	double total = 0, top = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < one->n; i++) {
		if (!one->count[i])
			continue;
		double q = probability(m, p, one->token[i]);
		h->list[n++] = (struct weighed){one->token[i], q};
		top = fmax(top, q);
	}
	for (uint32_t i = 0; i < n; i++)
		total += h->list[i].weight = pow(h->list[i].weight / top, h->power);
	double u = oc_draw_unit(d) * total;
	for (uint32_t i = 0; i + 1 < n; i++) {
		u -= h->list[i].weight;
		if (u < 0)
			return h->list[i].token;
	}
	return h->list[n - 1].token;
}

/* The node in from..to-1 whose sums enclose `at`. */
static uint32_t find_sum(const double *sum, uint32_t from, uint32_t to, double at)
{
	while (from + 1 < to) {
		uint32_t mid = from + (to - from) / 2;
		if (sum[mid] <= at)
			from = mid;
		else
			to = mid;
	}
	return from;
}

static uint32_t draw_hot(const struct ngram *m, const struct place *p, struct heat *h,
                         struct oc_draws *d)
{
	double share[ORDER_MAX + 1], mass[ORDER_MAX + 1], weight[ORDER_MAX + 1];
	double total = 0, left = 1, roots = 0;

	assert(m->order >= 2 && m->order <= ORDER_MAX && h->sum[m->order]);

	for (unsigned k = m->order; k >= 1; k--) {
		mass[k] = share[k] = 0;
		if (!(p->total[k] > 0))
			continue;
		share[k] = left / p->total[k]; /* a_k = share (c - D) */
		mass[k] = pow(share[k], h->power) * (h->sum[k][p->to[k]] - h->sum[k][p->from[k]]);
		left *= p->back[k];
		if (h->power > 1)
			roots += pow(mass[k], 1 / h->power);
	}
	for (unsigned k = 1; k <= m->order; k++) {
		weight[k] = 1;
		if (h->power > 1 && mass[k] > 0)
			weight[k] = pow(pow(mass[k], 1 / h->power) / roots, 1 - h->power);
		mass[k] *= weight[k];
		total += mass[k];
	}
	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		double u = oc_draw_unit(d) * total, sum = 0, powers = 0;
		unsigned k = m->order;
		for (; k > 1 && u >= mass[k]; k--)
			u -= mass[k];
		const double *s = h->sum[k];
		double width = s[p->to[k]] - s[p->from[k]];
		uint32_t at =
			find_sum(s, p->from[k], p->to[k], s[p->from[k]] + u / mass[k] * width);
		uint32_t token = m->level[k].token[at];
		for (unsigned j = 1; j <= m->order; j++) {
			const struct level *l = &m->level[j];
			uint32_t node = share[j] > 0 ? child(l, p->from[j], p->to[j], token) : NONE;
			double part = node == NONE ? 0 : share[j] * own_count(l, node);
			sum += part;
			powers += part > 0 ? weight[j] * pow(part, h->power) : 0;
		}
		if (powers > 0 && token != m->begin &&
		    oc_draw_unit(d) * powers < pow(sum, h->power))
			return token;
	}
	return draw_weighed(m, p, h, d);
}

static int ngram_sample(void *self, const struct oc_sampling *how, struct oc_set *out,
                        struct oc_err *err)
{
	const struct ngram *m = self;
	double t = how->temperature > 0 ? how->temperature : 1;
	uint32_t len_max = how->max_len ? how->max_len : LEN_MAX, history[ORDER_MAX];
	struct oc_tokens items = {0};
	struct oc_rng rng;
	struct heat h = {0};
	struct place p = {0};

	if (t < COLDEST || t > HOTTEST)
		return oc_fail(err, OC_PLAN, "ngram", "temperature %g is not between %g and %g", t,
		               COLDEST, HOTTEST);
	for (uint32_t k = 0; k < how->start_n; k++)
		if (how->start[k] >= m->dim)
			return oc_fail(err, OC_INPUT, "ngram", "start token %u is not below %u",
			               how->start[k], m->dim);
	if (t != 1)
		heat_init(&h, m, t);
	oc_rng_init(&rng, how->seed, how->stream);
	for (uint64_t i = 0; i < how->item_n; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		forget(m, history);
		for (uint32_t k = 0; k < len_max; k++) {
			uint32_t token;
			if (k < how->start_n) {
				token = how->start[k];
			} else {
				locate(m, history, &p);
				token = t == 1 ? draw_plain(m, &p, &d) : draw_hot(m, &p, &h, &d);
			}
			if (token == m->end)
				break;
			oc_tokens_add(&items, token);
			remember(m, history, token);
		}
		oc_tokens_end(&items);
	}
	heat_fini(&h);
	*out = oc_tokens_take(&items, m->dim);
	return 0;
}

/* --------------------------------------------------------------------- file */

struct file_head {
	uint64_t magic;
	uint32_t order, dim;
	double floor, discount[ORDER_MAX + 1];
	uint32_t n[ORDER_MAX + 1], pad;
};

static int ngram_save(void *self, const char *path, struct oc_err *err)
{
	const struct ngram *m = self;
	struct file_head head = {.magic = FILE_MAGIC, .order = m->order, .dim = m->dim};
	struct oc_buf b = {0};

	head.floor = m->floor;
	for (unsigned k = 1; k <= m->order; k++) {
		head.n[k] = m->level[k].n;
		head.discount[k] = m->level[k].discount;
	}
	oc_buf_add(&b, &head, sizeof head);
	for (unsigned k = 1; k <= m->order; k++) {
		const struct level *l = &m->level[k];
		size_t parents = k == 1 ? 1 : m->level[k - 1].n;
		oc_buf_add(&b, l->token, l->n * sizeof *l->token);
		oc_buf_add(&b, l->count, l->n * sizeof *l->count);
		oc_buf_add(&b, l->first, (parents + 1) * sizeof *l->first);
	}
	struct oc_hash128 sum = oc_hash128(b.p, b.len);
	oc_buf_add(&b, &sum, sizeof sum);
	int status = oc_file_write(path, b.p, b.len, err);
	oc_buf_fini(&b);
	return status;
}

/* Takes n words from the file's bytes; NULL when there are not so many. */
static uint32_t *take(struct oc_str *left, size_t n)
{
	if (left->len / sizeof(uint32_t) < n)
		return NULL;
	uint32_t *words = oc_alloc((n + 1) * sizeof *words);
	memcpy(words, left->p, n * sizeof *words);
	left->p += n * sizeof *words;
	left->len -= n * sizeof *words;
	return words;
}

static int ngram_load(void **self, const char *path, struct oc_err *err)
{
	struct oc_buf b = {0};
	struct file_head head;
	struct oc_hash128 sum;
	struct ngram *m = NULL;
	int status = -1;

	*self = NULL;
	if (oc_file_read(path, FILE_MAX, &b, err))
		goto out;
	if (b.len < sizeof head + sizeof sum)
		goto broken;
	memcpy(&head, b.p, sizeof head);
	memcpy(&sum, b.p + b.len - sizeof sum, sizeof sum);
	struct oc_hash128 is = oc_hash128(b.p, b.len - sizeof sum);
	if (head.magic != FILE_MAGIC || head.order < 2 || head.order > ORDER_MAX ||
	    is.lo != sum.lo || is.hi != sum.hi)
		goto broken;
	m = oc_zalloc(1, sizeof *m);
	m->order = head.order;
	m->dim = m->end = head.dim;
	m->begin = head.dim + 1;
	m->floor = head.floor;
	struct oc_str left = {b.p + sizeof head, b.len - sizeof head - sizeof sum};
	for (unsigned k = 1; k <= m->order; k++) {
		struct level *l = &m->level[k];
		size_t parents = k == 1 ? 1 : head.n[k - 1];
		l->n = head.n[k];
		l->token = take(&left, l->n);
		l->count = take(&left, l->n);
		l->first = take(&left, parents + 1);
		if (!l->token || !l->count || !l->first || l->first[parents] != l->n)
			goto broken;
		sum_level(l, k, head.discount[k]);
	}
	*self = m;
	m = NULL;
	status = 0;
	goto out;
broken:
	oc_fail(err, OC_INPUT, path, "this is not a whole n-gram model file; fit the model anew");
out:
	ngram_free(m);
	oc_buf_fini(&b);
	return status;
}

static const struct oc_option options[] = {
	{.key = "order",
         .type = OC_OPT_INT,
         .def = "3",
         .help = "tokens that are looked at together: 2 is a bigram model",
         .unit = "tokens",
         .min = 2,
         .max = ORDER_MAX},
	{.key = "discount",
         .type = OC_OPT_NUM,
         .help = "taken off every count in favour of the next lower order; left out: estimated "
                 "from the counts, 0: maximum likelihood",
         .min = 0,
         .max = 1},
	{.key = "floor",
         .type = OC_OPT_NUM,
         .def = "0.001",
         .help = "share of the score's probability that all tokens have alike, so that an unseen "
                 "one costs a finite number of nats; nothing is drawn from it",
         .min = 0,
         .max = 0.5},
	{0},
};

extern const struct oc_model_def oc_model_ngram;
const struct oc_model_def oc_model_ngram = {
	.size = sizeof(struct oc_model_def),
	.name = "ngram",
	.help = "n-gram model of orders 2 to 5 with interpolated absolute discounting",
	.doc = "A small language model that is fitted in a moment: the stand-in of a first "
	       "rehearsal. "
	       "Smoothed by interpolated absolute discounting (Ney, Essen and Kneser 1994), except "
	       "for "
	       "single words, so that a word that was lost stays lost. Sampled at temperature T, "
	       "the "
	       "probabilities are p^(1/T) / Z.",
	.kind = OC_SET_TOKENS,
	.options = options,
	.fit = ngram_fit,
	.sample = ngram_sample,
	.score = ngram_score,
	.save = ngram_save,
	.load = ngram_load,
	.free = ngram_free,
};
