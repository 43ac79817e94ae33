/* kn_estimate.c: adjusted counts, discounts, contexts, interpolation. See kn_train.h. */
#include "curate/kn_train.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/pool.h"

#define P      OC_KN_PARTS
#define MAX    OC_KN_ORDER_MAX
#define BUFFER ((size_t)64 << 10) /* of a temporary file */

/* ------------------------------------------------------------------- files */

int oc_kn_file_open(struct oc_kn_file *f, const char *dir, struct oc_err *err)
{
	struct oc_buf path = {0};

	oc_buf_printf(&path, "%s/kn-XXXXXX", dir);
	oc_buf_cstr(&path);
	int fd = mkostemp(path.p, O_CLOEXEC);
	if (fd >= 0)
		unlink(path.p);
	f->f = fd >= 0 ? fdopen(fd, "w+") : NULL;
	oc_buf_fini(&path);
	if (!f->f) {
		if (fd >= 0)
			close(fd);
		return oc_fail_errno(err, dir, "cannot create a temporary file");
	}
	setvbuf(f->f, NULL, _IOFBF, BUFFER);
	return 0;
}

int oc_kn_file_add(struct oc_kn_file *f, const void *p, size_t len, struct oc_err *err)
{
	if (fwrite_unlocked(p, 1, len, f->f) != len)
		return oc_fail_errno(err, "train", "cannot write a temporary file");
	return 0;
}

int oc_kn_file_rewind(struct oc_kn_file *f, struct oc_err *err)
{
	if (fflush(f->f) || fseeko(f->f, 0, SEEK_SET))
		return oc_fail_errno(err, "train", "cannot write a temporary file");
	return 0;
}

int oc_kn_file_next(struct oc_kn_file *f, void *p, size_t len, struct oc_err *err)
{
	size_t n = fread_unlocked(p, 1, len, f->f);

	if (n == len)
		return 1;
	if (ferror(f->f))
		return oc_fail_errno(err, "train", "cannot read a temporary file");
	if (n)
		return oc_fail(err, OC_IO, "train", "a temporary file was cut short");
	return 0;
}

void oc_kn_file_close(struct oc_kn_file *f)
{
	if (f->f)
		fclose(f->f);
	f->f = NULL;
}

/* --------------------------------------------------------------- estimator */

/* An n-gram: its first word, and its place in suffix order among the shorter n-grams of the part
 * that it ends in (of two words: the last word's id). */
struct node {
	uint32_t first, parent;
};

/* By place in suffix order: the discounted share of the context's count, and the context's mass
 * for what it was not seen with. */
struct share {
	unsigned char place[4]; /* big end first */
	float u, gamma;
};

/* A context's n-gram: the n ids, those of the context last to first, then the last word, big end
 * first; then this. */
struct tail {
	uint32_t place, count;
};

struct estimator {
	struct oc_kn_estimate *e;
	unsigned order;
	uint64_t *unigram;               /* (vocab.n) adjusted counts */
	uint64_t seen[P][MAX][5];        /* n-grams with adjusted count 1..4; [0]: all */
	struct oc_sort *context[MAX][P]; /* by context; [n-1][part of the last word] */
	/* [n-1][part of the last word]: n-grams in suffix order, struct node; and what their
	 * contexts say of them, struct share, brought back into that order. */
	struct oc_kn_file nodes[MAX][P];
	struct oc_sort *shares[MAX][P];
	struct oc_kn_file backoff[MAX][P]; /* of contexts of n words, in suffix order */
	double unigram_gamma, unigram_sum;
	struct oc_err err[P > MAX ? P : MAX]; /* of each task */
};

static void put32(unsigned char *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
}

static uint32_t get32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}

/* Runs fn for 0..n-1 on all threads; fails with the first failure by number. */
static int run_tasks(struct estimator *s, unsigned n,
                     void (*fn)(void *user, uint64_t item, unsigned worker), struct oc_err *err)
{
	struct oc_pool *pool = oc_pool_new(s->e->train->ctx->threads);

	memset(s->err, 0, sizeof s->err);
	oc_pool_for(pool, n, fn, s);
	oc_pool_free(pool);
	for (unsigned i = 0; i < n; i++)
		if (s->err[i].code) {
			*err = s->err[i];
			return -1;
		}
	return 0;
}

static void say(const struct estimator *s, const char *what)
{
	if (s->e->train->progress)
		s->e->train->progress(s->e->train->user, what);
}

/* ---------------------------------------------------------- 1. adjusted counts */

/* The n-grams that end the one being looked at; those of 1..depth words are still counted. */
struct adjusting {
	struct estimator *s;
	unsigned part, depth;
	uint32_t key[MAX]; /* last word first */
	uint64_t count[MAX + 1];
	uint32_t place[MAX + 1]; /* how many of n words there were before */
	struct oc_err *err;
};

static int emit(struct adjusting *a, unsigned n, uint64_t count)
{
	struct estimator *s = a->s;
	unsigned char record[4 * MAX + sizeof(struct tail)];

	s->seen[a->part][n - 1][0]++;
	if (count < 5)
		s->seen[a->part][n - 1][count]++;
	if (n == 1) {
		s->unigram[a->key[0]] = count;
		return 0;
	}
	/* The n-gram it ends in comes after all that end in it: its place is the next. */
	struct node node = {a->key[n - 1], n == 2 ? a->key[0] : a->place[n - 1]};
	struct tail tail = {a->place[n]++, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX};
	if (a->place[n] == 0)
		return oc_fail(a->err, OC_INPUT, "train", "there are more than 2^35 %u-grams", n);
	for (unsigned i = 1; i < n; i++)
		put32(record + 4 * (i - 1), a->key[i]);
	put32(record + 4 * (n - 1), a->key[0]);
	memcpy(record + 4 * n, &tail, sizeof tail);
	if (oc_kn_file_add(&s->nodes[n - 1][a->part], &node, sizeof node, a->err) < 0)
		return -1;
	return oc_sort_add(s->context[n - 1][a->part], record, 1, a->err);
}

/* One n-gram of the highest order, `count` times in the text. */
static int adjust(struct adjusting *a, const uint32_t *key, uint64_t count)
{
	unsigned order = a->s->order, same = 0;

	while (same < a->depth && key[same] == a->key[same])
		same++;
	for (; a->depth > same; a->depth--)
		if (emit(a, a->depth, a->count[a->depth]) < 0)
			return -1;
	if (same)
		a->count[same]++; /* one more word stands before it */
	memcpy(a->key, key, order * sizeof *key);
	for (unsigned n = same + 1; n <= order; n++) {
		/* What begins a sentence has nothing before it: its count is the plain one. */
		bool first = n > 1 && key[n - 1] == OC_KN_ID_BOS;
		if (n == order)
			return emit(a, n, count);
		a->count[n] = first ? count : 1;
		a->depth = n;
		if (first)
			break;
	}
	return 0;
}

static int adjust_record(struct adjusting *a, const unsigned char *record, uint64_t count)
{
	uint32_t key[MAX];

	for (unsigned k = 0; k < a->s->order; k++)
		key[k] = get32(record + 4 * k);
	return adjust(a, key, count);
}

/* Every n-gram of the highest order comes as often as it stands in the text. */
static int adjust_sorted(struct adjusting *a, struct oc_sort *full)
{
	const size_t len = 4 * a->s->order;
	unsigned char held[4 * MAX];
	uint64_t times = 0;
	const void *records;
	size_t n;

	for (;;) {
		if (oc_sort_next(full, &records, &n, a->err) < 0)
			return -1;
		if (!n)
			break;
		const unsigned char *r = records;
		for (size_t i = 0; i < n; i++, r += len) {
			if (times && memcmp(held, r, len) == 0) {
				times++;
				continue;
			}
			if (times && adjust_record(a, held, times) < 0)
				return -1;
			memcpy(held, r, len);
			times = 1;
		}
	}
	if (times && adjust_record(a, held, times) < 0)
		return -1;
	for (; a->depth > 0; a->depth--)
		if (emit(a, a->depth, a->count[a->depth]) < 0)
			return -1;
	return 0;
}

static void adjust_part(void *user, uint64_t item, unsigned worker)
{
	struct estimator *s = user;
	struct adjusting a = {.s = s, .part = (unsigned)item, .err = &s->err[item]};

	(void)worker;
	if (oc_sort_done(s->e->full[item], a.err) < 0 || adjust_sorted(&a, s->e->full[item]) < 0)
		return;
	oc_sort_free(s->e->full[item]);
	s->e->full[item] = NULL;
}

/* ---------------------------------------------------------------- 2. discounts */

/* Chen and Goodman 1998, equation 26. */
static void find_discounts(struct estimator *s)
{
	struct oc_kn_estimate *e = s->e;

	for (unsigned n = 0; n < s->order; n++) {
		double t[5] = {0}, *d = e->discount[n];
		for (unsigned p = 0; p < P; p++)
			for (unsigned k = 0; k < 5; k++)
				t[k] += (double)s->seen[p][n][k];
		e->count[n] = (uint64_t)t[0];
		d[0] = 0;
		bool good = t[1] > 0 && t[2] > 0 && t[3] > 0;
		double y = t[1] / (t[1] + 2 * t[2]);
		for (unsigned k = 1; k < 4 && good; k++) {
			d[k] = k - (k + 1) * y * t[k + 1] / t[k];
			good = d[k] >= 0 && d[k] <= k;
		}
		e->fallback[n] = !good;
		if (!good)
			for (unsigned k = 1; k < 4; k++)
				d[k] = 0.5 * k;
	}
	e->count[0] += 2; /* <unk> and <s>, which end no n-gram */
}

static double discounted(const double d[4], uint64_t count)
{
	return (double)count - d[count < 3 ? count : 3];
}

static void sum_unigrams(struct estimator *s)
{
	uint64_t kinds[4] = {0}, sum = 0;

	for (uint32_t w = 0; w < s->e->vocab.n; w++) {
		uint64_t c = s->unigram[w];
		sum += c;
		kinds[c < 3 ? c : 3]++;
	}
	s->unigram_sum = (double)sum;
	s->unigram_gamma = 0;
	for (unsigned k = 1; k < 4; k++)
		s->unigram_gamma += s->e->discount[0][k] * (double)kinds[k] / (double)sum;
}

/* ----------------------------------------------------------------- 3. contexts */

/* The parts of one order, merged by context. */
struct merge {
	struct oc_sort **part;
	const unsigned char *at[P], *end[P];
	uint64_t prefix[P]; /* first bytes of the key at `at`; all ones at the end */
	size_t len, key_len;
};

static void merge_look(struct merge *m, unsigned p)
{
	m->prefix[p] = UINT64_MAX;
	if (m->at[p] == m->end[p])
		return;
	memcpy(&m->prefix[p], m->at[p], 8);
	m->prefix[p] = __builtin_bswap64(m->prefix[p]);
}

static int merge_fill(struct merge *m, unsigned p, struct oc_err *err)
{
	const void *records;
	size_t n;

	if (oc_sort_next(m->part[p], &records, &n, err) < 0)
		return -1;
	m->at[p] = records;
	m->end[p] = m->at[p] + n * m->len;
	merge_look(m, p);
	return 0;
}

/* The part whose record is next, P at the end. */
static unsigned merge_least(const struct merge *m)
{
	unsigned best = P;

	for (unsigned p = 0; p < P; p++)
		if (m->at[p] < m->end[p] && (best == P || m->prefix[p] < m->prefix[best] ||
		                             (m->prefix[p] == m->prefix[best] &&
		                              memcmp(m->at[p], m->at[best], m->key_len) < 0)))
			best = p;
	return best;
}

struct group {
	unsigned char context[4 * MAX];
	struct member {
		uint32_t word;
		struct tail tail;
	} * member;
	size_t n, cap;
};

static int close_group(struct estimator *s, unsigned order, const struct group *g,
                       struct oc_err *err)
{
	const double *d = s->e->discount[order - 1];
	uint64_t sum = 0, kinds[4] = {0};
	double mass = 0;

	for (size_t i = 0; i < g->n; i++) {
		uint64_t c = g->member[i].tail.count;
		sum += c;
		kinds[c < 3 ? c : 3]++;
	}
	for (unsigned k = 1; k < 4; k++)
		mass += d[k] * (double)kinds[k];
	float gamma = (float)(mass / (double)sum);
	uint32_t last = get32(g->context);
	if (oc_kn_file_add(&s->backoff[order - 2][last % P], &gamma, sizeof gamma, err) < 0)
		return -1;

	struct share share = {.gamma = gamma};
	for (size_t i = 0; i < g->n; i++) {
		const struct member *m = &g->member[i];
		share.u = (float)(discounted(d, m->tail.count) / (double)sum);
		put32(share.place, m->tail.place);
		if (oc_sort_add(s->shares[order - 1][m->word % P], &share, 1, err) < 0)
			return -1;
	}
	return 0;
}

static int group_order(struct estimator *s, unsigned order, struct oc_err *err)
{
	struct merge m = {.part = s->context[order - 1],
	                  .len = 4 * order + sizeof(struct tail),
	                  .key_len = 4 * order};
	const size_t context_len = 4 * (order - 1);
	struct group g = {0};
	unsigned p;
	int rc = -1;

	for (p = 0; p < P; p++)
		if (oc_sort_done(m.part[p], err) < 0 || merge_fill(&m, p, err) < 0)
			goto out;
	while ((p = merge_least(&m)) < P) {
		const unsigned char *r = m.at[p];
		if (g.n && memcmp(g.context, r, context_len) != 0) {
			if (close_group(s, order, &g, err) < 0)
				goto out;
			g.n = 0;
		}
		memcpy(g.context, r, context_len);
		if (g.n == g.cap) {
			g.cap = g.cap ? 2 * g.cap : 1024;
			g.member = oc_realloc(g.member, g.cap * sizeof *g.member);
		}
		g.member[g.n].word = get32(r + context_len);
		memcpy(&g.member[g.n++].tail, r + 4 * order, sizeof(struct tail));
		m.at[p] += m.len;
		merge_look(&m, p);
		if (m.at[p] == m.end[p] && merge_fill(&m, p, err) < 0)
			goto out;
	}
	if (g.n && close_group(s, order, &g, err) < 0)
		goto out;
	for (p = 0; p < P; p++) {
		oc_sort_free(m.part[p]);
		m.part[p] = NULL;
	}
	rc = 0;
out:
	free(g.member);
	return rc;
}

/* The highest order has the most to do, so it goes first. */
static void group_task(void *user, uint64_t item, unsigned worker)
{
	struct estimator *s = user;

	(void)worker;
	group_order(s, s->order - (unsigned)item, &s->err[item]);
}

/* ------------------------------------------------------------ 4. interpolation */

/* The n-grams of one order and part, one looked at ahead. */
struct stream {
	struct oc_kn_file *nodes;
	struct oc_sort *shares;
	const struct share *at, *end;
	struct node node;
	bool there;
	uint32_t place; /* of the n-gram entered last, plus one */
};

static int stream_next(struct stream *t, struct oc_err *err)
{
	const void *records;
	size_t n;
	int rc = oc_kn_file_next(t->nodes, &t->node, sizeof t->node, err);

	t->there = rc > 0;
	if (rc <= 0 || t->at < t->end)
		return rc;
	if (oc_sort_next(t->shares, &records, &n, err) < 0)
		return -1;
	t->at = records;
	t->end = t->at + n;
	return n ? 0 : oc_fail(err, OC_INTERNAL, "train", "n-grams without a context");
}

struct interpolation {
	struct estimator *s;
	unsigned part;
	struct stream stream[MAX]; /* [n-1], n >= 2 */
	uint32_t id[MAX];          /* last word first */
	uint64_t key[MAX + 1];     /* of the n-gram of n words entered last */
	double prob[MAX + 1];
	struct oc_err *err;
};

static int enter(struct interpolation *t, unsigned n, double u, double gamma)
{
	struct estimator *s = t->s;
	struct oc_kn_gram g;
	uint32_t last = t->id[0];
	uint64_t word = s->e->vocab.key[t->id[n - 1]];
	float backoff = 1;

	t->prob[n] = u + gamma * t->prob[n - 1];
	t->key[n] = n == 1 ? word : oc_kn_key(t->key[n - 1], word);
	/* Nothing follows </s>, and <unk> was not in the text: they are no contexts. */
	if (n < s->order && last != OC_KN_ID_EOS && last != OC_KN_ID_UNK) {
		int rc = oc_kn_file_next(&s->backoff[n - 1][t->part], &backoff, sizeof backoff,
		                         t->err);
		if (rc < 0)
			return -1;
		if (!rc)
			return oc_fail(t->err, OC_INTERNAL, "train", "contexts of %u words ran out",
			               n);
	}
	double log_p = log10(t->prob[n]);
	g.prob = log_p < 0 ? (float)log_p : 0;
	g.backoff = (float)log10(backoff);
	if (s->e->keys)
		g.key = t->key[n];
	else
		memcpy(g.id, t->id, n * sizeof *g.id);
	return oc_kn_file_add(&s->e->grams[n - 1][t->part], &g, oc_kn_gram_len(s->e, n), t->err);
}

/* All n-grams that end in word `w`, which was entered. */
static int descend(struct interpolation *t, uint32_t w)
{
	uint32_t parent[MAX + 1] = {[1] = w};
	unsigned depth = 1;

	while (depth >= 1) {
		struct stream *next = &t->stream[depth];
		if (depth == t->s->order || !next->there || next->node.parent != parent[depth]) {
			depth--;
			continue;
		}
		const struct share *share = next->at++;
		t->id[depth++] = next->node.first;
		parent[depth] = next->place++;
		if (enter(t, depth, (double)share->u, (double)share->gamma) < 0 ||
		    stream_next(next, t->err) < 0)
			return -1;
	}
	return 0;
}

static int interpolate_words(struct interpolation *t)
{
	struct estimator *s = t->s;
	const struct oc_kn_vocab *v = &s->e->vocab;

	t->prob[0] = 1.0 / (double)(v->n - 1); /* any word but <s> */
	for (uint32_t w = t->part; w < v->n; w += P) {
		double u = discounted(s->e->discount[0], s->unigram[w]) / s->unigram_sum;
		t->id[0] = w;
		/* <s> is given, never predicted: probability 1, as lmplz writes it. */
		if (enter(t, 1, w == OC_KN_ID_BOS ? 1 : u,
		          w == OC_KN_ID_BOS ? 0 : s->unigram_gamma) < 0 ||
		    descend(t, w) < 0)
			return -1;
	}
	for (unsigned n = 1; n < s->order; n++)
		if (t->stream[n].there)
			return oc_fail(t->err, OC_INTERNAL, "train", "%u-grams are left over",
			               n + 1);
	return 0;
}

static void interpolate_part(void *user, uint64_t item, unsigned worker)
{
	struct estimator *s = user;
	struct interpolation t = {.s = s, .part = (unsigned)item, .err = &s->err[item]};

	(void)worker;
	for (unsigned n = 2; n <= s->order; n++) {
		struct stream *stream = &t.stream[n - 1];
		stream->nodes = &s->nodes[n - 1][item];
		stream->shares = s->shares[n - 1][item];
		if (oc_sort_done(stream->shares, t.err) < 0 ||
		    oc_kn_file_rewind(stream->nodes, t.err) < 0 ||
		    oc_kn_file_rewind(&s->backoff[n - 2][item], t.err) < 0 ||
		    stream_next(stream, t.err) < 0)
			return;
	}
	if (interpolate_words(&t) < 0)
		return;
	for (unsigned n = 2; n <= s->order; n++) {
		oc_sort_free(s->shares[n - 1][item]);
		s->shares[n - 1][item] = NULL;
		oc_kn_file_close(&s->nodes[n - 1][item]);
		oc_kn_file_close(&s->backoff[n - 2][item]);
	}
}

/* ---------------------------------------------------------------- all together */

/* Sorters of all orders and parts; orders share the memory by the size of their records. */
static int open_sorts(struct estimator *s, struct oc_sort *sort[][P], bool by_context,
                      struct oc_err *err)
{
	uint64_t shares = 0;

	for (unsigned n = 2; n <= s->order; n++)
		shares += by_context ? n * n : n;
	for (unsigned n = 2; n <= s->order; n++)
		for (unsigned p = 0; p < P; p++) {
			uint64_t memory = s->e->memory / 2 * (by_context ? n * n : n) / shares / P;
			sort[n - 1][p] = oc_sort_new(
				s->e->train->ctx, s->e->train->work_dir,
				by_context ? 4 * n + sizeof(struct tail) : sizeof(struct share),
				by_context ? 4 * n : sizeof(uint32_t), memory, err);
			if (!sort[n - 1][p])
				return -1;
		}
	return 0;
}

static int open_files(struct estimator *s, struct oc_err *err)
{
	const char *dir = s->e->train->work_dir;

	for (unsigned n = 1; n <= s->order; n++)
		for (unsigned p = 0; p < P; p++)
			if (oc_kn_file_open(&s->e->grams[n - 1][p], dir, err) < 0 ||
			    (n > 1 && oc_kn_file_open(&s->nodes[n - 1][p], dir, err) < 0) ||
			    (n < s->order && oc_kn_file_open(&s->backoff[n - 1][p], dir, err) < 0))
				return -1;
	return 0;
}

int oc_kn_estimate(struct oc_kn_estimate *e, struct oc_err *err)
{
	struct estimator *s = oc_zalloc(1, sizeof *s);
	int rc = -1;

	s->e = e;
	s->order = e->order;
	s->unigram = oc_zalloc(e->vocab.n, sizeof *s->unigram);
	say(s, "train  adjusted counts");
	if (open_files(s, err) < 0 || open_sorts(s, s->context, true, err) < 0 ||
	    run_tasks(s, P, adjust_part, err) < 0)
		goto out;
	find_discounts(s);
	sum_unigrams(s);
	say(s, "train  contexts");
	if (open_sorts(s, s->shares, false, err) < 0)
		goto out;
	if (s->order > 1 && run_tasks(s, s->order - 1, group_task, err) < 0)
		goto out;
	say(s, "train  interpolation");
	if (run_tasks(s, P, interpolate_part, err) < 0)
		goto out;
	rc = 0;
out:
	for (unsigned n = 0; n < MAX; n++)
		for (unsigned p = 0; p < P; p++) {
			oc_sort_free(s->context[n][p]);
			oc_sort_free(s->shares[n][p]);
			oc_kn_file_close(&s->nodes[n][p]);
			oc_kn_file_close(&s->backoff[n][p]);
		}
	free(s->unigram);
	free(s);
	return rc;
}
