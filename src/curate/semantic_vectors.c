/* semantic_vectors.c: the vectors of the rows: from words, a member, a file or a model. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "curate/semantic.h"
#include "data/json.h"
#include "index/tfidf.h"

#define CHUNK 64 /* rows of one piece of work */

uint32_t oc_semantic_buckets(const struct oc_semantic *s)
{
	uint64_t k = s->buckets                 ? s->buckets
	             : s->n < OC_SEMANTIC_EXACT ? 1
	                                        : (uint64_t)sqrt((double)s->n);

	return (uint32_t)(k < s->n ? k : s->n);
}

/* Bytes that resolving takes for vectors of this length. */
static uint64_t need(const struct oc_semantic *s, uint32_t dim)
{
	uint64_t k = oc_semantic_buckets(s), sample = k * 64 < s->n ? k * 64 : s->n;
	uint64_t vectors = oc_vecs_bytes(s->n + k, dim);
	uint64_t each = sizeof(struct oc_semantic_entry) + 16 + 1 + 4 * (uint64_t)s->probes + 8 + 8;

	each += sizeof(struct oc_semantic_hit) + (s->old_n ? 8 : 0);
	uint64_t tables = s->from == OC_FROM_WORDS ? (uint64_t)OC_TFIDF_N * 8 : 0;

	return vectors == UINT64_MAX
	               ? vectors
	               : vectors + s->n * each + s->key_at[s->n] + sample * 12 + tables;
}

static const char *megabytes(uint64_t bytes, char out[32])
{
	snprintf(out, 32, "%.0f MB", ceil((double)bytes / 1e6));
	return out;
}

/* Room for the vectors, or why not. */
static int make_room(struct oc_semantic *s, uint32_t dim, struct oc_err *err)
{
	uint64_t bytes = need(s, dim);
	char wants[32], given[32];

	oc_log(s->ctx, OC_LOG_INFO, "%s: %llu vectors of %u dimensions need %s of memory", s->name,
	       (unsigned long long)s->n, dim, megabytes(bytes, wants));
	if (bytes > s->memory)
		return oc_fail(
			err, OC_INPUT, s->name,
			"%llu vectors of %u dimensions need %s of memory, this stage may use %s: "
			"raise `memory:`%s",
			(unsigned long long)s->n, dim, megabytes(bytes, wants),
			megabytes(s->memory, given),
			s->from == OC_FROM_WORDS ? " or lower `dim:`" : "");
	if (!oc_vecs_init(&s->vecs, s->n, dim))
		return oc_fail(err, OC_INPUT, s->name, "this machine has no %s left",
		               megabytes(bytes, wants));
	return 0;
}

struct projection {
	struct oc_semantic *s;
	const float *weight;
	struct oc_rng rng;
};

static void project(void *user, uint64_t item, unsigned worker)
{
	const struct projection *p = user;
	const struct oc_semantic *s = p->s;
	uint64_t end = (item + 1) * CHUNK < s->n ? (item + 1) * CHUNK : s->n;

	(void)worker;
	for (uint64_t i = item * CHUNK; i < end && !oc_cancelled(s->ctx); i++) {
		float *v = oc_vec(&s->vecs, i);
		memset(v, 0, s->vecs.width * sizeof *v);
		oc_tfidf_project(&s->vecs, (const void *)(s->payload.p + s->payload_at[i]),
		                 (uint32_t)(s->entries[i].payload_len / sizeof(struct oc_term)),
		                 p->weight, &p->rng, v);
		s->has[i] = oc_vec_normalise(v, s->vecs.width);
	}
}

void oc_semantic_project(struct oc_semantic *s, struct oc_pool *pool, const float *weight,
                         uint64_t seed)
{
	struct projection p = {.s = s, .weight = weight};

	oc_rng_init(&p.rng, seed, "semantic/projection");
	oc_pool_for(pool, (s->n + CHUNK - 1) / CHUNK, project, &p);
}

static int make_tfidf(struct oc_semantic *s, struct oc_pool *pool, struct oc_err *err)
{
	const struct oc_term *terms = (const void *)s->payload.p;

	if (make_room(s, s->dim, err))
		return -1;
	uint32_t *df = oc_zalloc(OC_TFIDF_N, sizeof *df);
	for (uint64_t i = 0; i < s->payload_at[s->n] / sizeof *terms; i++)
		df[terms[i].bucket]++;
	s->weight = oc_alloc(OC_TFIDF_N * sizeof *s->weight);
	oc_tfidf_weights(df, s->n, s->weight);
	free(df);
	oc_semantic_project(s, pool, s->weight, s->seed);
	return 0;
}

static void take(struct oc_semantic *s, uint64_t i, const void *floats)
{
	float *v = oc_vec(&s->vecs, i);

	memcpy(v, floats, s->vecs.dim * sizeof *v);
	s->has[i] = oc_vec_normalise(v, s->vecs.width);
}

static int take_members(struct oc_semantic *s, struct oc_err *err)
{
	uint64_t first = 0;

	while (first < s->n && !s->entries[first].payload_len)
		first++;
	uint64_t len = first < s->n ? s->entries[first].payload_len : sizeof(float);
	if (make_room(s, (uint32_t)(len / sizeof(float)), err))
		return -1;
	for (uint64_t i = first; i < s->n; i++) {
		if (s->entries[i].payload_len == len)
			take(s, i, s->payload.p + s->payload_at[i]);
		else if (s->entries[i].payload_len)
			return oc_fail(
				err, OC_INPUT, s->name,
				"row %.*s has a vector of %llu numbers, row %.*s one of %llu",
				(int)s->entries[i].key_len, s->keys + s->key_at[i],
				(unsigned long long)(s->entries[i].payload_len / sizeof(float)),
				(int)s->entries[first].key_len, s->keys + s->key_at[first],
				(unsigned long long)(len / sizeof(float)));
	}
	return 0;
}

static int take_file(struct oc_semantic *s, struct oc_err *err)
{
	if (make_room(s, s->npy.columns, err))
		return -1;
	for (uint64_t i = 0; i < s->n; i++) {
		const struct oc_semantic_entry *e = &s->entries[i];
		if (e->source != s->entries[0].source)
			return oc_fail(
				err, OC_INPUT, s->name,
				"vectors: belong to one source, the rows come from several; give "
				"them as a member of the rows (vector:)");
		if (e->row >= s->npy.rows)
			return oc_fail(err, OC_INPUT, s->name,
			               "vectors: has %llu rows, the source has at least %llu",
			               (unsigned long long)s->npy.rows,
			               (unsigned long long)e->row + 1);
		take(s, i, s->npy.data + e->row * s->npy.columns * sizeof(float));
	}
	return 0;
}

/* ------------------------------------------------------------- from a model */

static int ask(struct oc_semantic *s, uint64_t i, struct oc_err *err)
{
	struct oc_str text = {s->payload.p + s->payload_at[i], s->entries[i].payload_len};
	struct oc_request req = {.kind = OC_CALL_EMBED, .tag = i};
	struct oc_buf body = {0};

	oc_buf_puts(&body, "{\"input\":");
	oc_buf_json(&body, text);
	oc_buf_putc(&body, '}');
	req.body = oc_buf_view(&body);
	int rc = s->llm->ops->submit(s->llm, &req, err);
	oc_buf_fini(&body);
	return rc;
}

static int take_reply(struct oc_semantic *s, const struct oc_reply *r, struct oc_err *err)
{
	static const int codes[] = {[OC_REPLY_FAILED] = OC_FAILURES,
	                            [OC_REPLY_BUDGET] = OC_BUDGET,
	                            [OC_REPLY_OFFLINE] = OC_MISSING,
	                            [OC_REPLY_STOPPED] = OC_CANCELLED};
	const struct oc_semantic_entry *e = &s->entries[r->tag];

	if (r->state != OC_REPLY_OK)
		return oc_fail(
			err, codes[r->state], s->name,
			"row %.*s has no vector: %.*s; the vectors paid for are kept, the same "
			"command continues",
			(int)e->key_len, s->keys + s->key_at[r->tag], OC_ARG(r->error));
	if (!s->vecs.v && make_room(s, r->embedding_dim, err))
		return -1;
	if (r->embedding_dim != s->vecs.dim)
		return oc_fail(err, OC_INPUT, s->name,
		               "the model made vectors of %u and of %u numbers", s->vecs.dim,
		               r->embedding_dim);
	take(s, r->tag, r->embedding);
	return 0;
}

struct text {
	uint64_t hash;
	uint32_t row;
};

static int by_hash(const void *a, const void *b)
{
	const struct text *x = a, *y = b;

	return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1)
	                          : (x->row > y->row) - (x->row < y->row);
}

/* like[i] = the first row with the text of row i: it is paid for once. */
static uint32_t *first_alike(const struct oc_semantic *s)
{
	struct text *texts = oc_alloc(s->n * sizeof *texts);
	uint32_t *like = oc_alloc(s->n * sizeof *like);

	for (uint32_t i = 0; i < s->n; i++)
		texts[i] = (struct text){
			oc_hash64(s->payload.p + s->payload_at[i], s->entries[i].payload_len, 0),
			i};
	qsort(texts, s->n, sizeof *texts, by_hash);
	for (uint64_t i = 0; i < s->n; i++) {
		uint32_t row = texts[i].row, first = i ? like[texts[i - 1].row] : row;
		bool same = s->entries[row].payload_len == s->entries[first].payload_len &&
		            memcmp(s->payload.p + s->payload_at[row],
		                   s->payload.p + s->payload_at[first],
		                   s->entries[row].payload_len) == 0;
		like[row] = same ? first : row;
	}
	free(texts);
	return like;
}

/* Empty texts are not sent. The first reply tells how long the vectors are. */
static int ask_texts(struct oc_semantic *s, const uint32_t *like, struct oc_err *err)
{
	uint64_t next = 0;
	int rc = 0;

	while (!rc) {
		uint32_t window = s->vecs.v ? s->llm->ops->window(s->llm) : 1;
		struct oc_reply r;
		for (; !rc && next < s->n && s->llm->ops->pending(s->llm) < window; next++)
			if (s->entries[next].payload_len && like[next] == next)
				rc = ask(s, next, err);
		if (rc || !s->llm->ops->pending(s->llm))
			break;
		int got = s->llm->ops->next(s->llm, &r, -1, err);
		if (got < 0)
			return -1;
		if (got) {
			rc = take_reply(s, &r, err);
			s->llm->ops->reply_free(s->llm, &r);
		}
	}
	return !rc && !s->vecs.v ? make_room(s, 1, err) : rc;
}

static int ask_model(struct oc_semantic *s, struct oc_err *err)
{
	uint32_t *like = first_alike(s);
	int rc = ask_texts(s, like, err);

	for (uint64_t i = 0; i < s->n && !rc; i++)
		if (like[i] != i && s->has[like[i]]) {
			memcpy(oc_vec(&s->vecs, i), oc_vec(&s->vecs, like[i]),
			       s->vecs.width * sizeof(float));
			s->has[i] = true;
		}
	free(like);
	return rc;
}

int oc_semantic_vectors(struct oc_semantic *s, struct oc_pool *pool, struct oc_err *err)
{
	switch (s->from) {
	case OC_FROM_WORDS: return make_tfidf(s, pool, err);
	case OC_FROM_MEMBER: return take_members(s, err);
	case OC_FROM_FILE: return take_file(s, err);
	case OC_FROM_MODEL: break;
	}
	return ask_model(s, err);
}
