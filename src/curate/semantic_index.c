/*
 * semantic_index.c: the vectors of a corpus in an index on disk, and new rows held against it.
 *
 * Beside what index/ivf.h says, an index holds the keys of its rows, and, where the vectors are
 * made of words, what makes them: the weights of the words in that corpus and the seed of the
 * projection. New rows get their vectors for that index by these, so they can be compared with
 * rows that are no longer there.
 */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "curate/semantic.h"
#include "index/tfidf.h"

#define ROUNDS 10

/* What decides what an index holds. Vectors that are given know their length only when they are
 * read. */
static yyjson_val *index_options(const struct oc_semantic *s, struct oc_err *err)
{
	struct oc_str text =
		s->from == OC_FROM_WORDS
			? oc_arena_printf(s->arena, "{\"vectors\":\"words\",\"dim\":%u}", s->dim)
			: OC_LIT("{\"vectors\":\"given\"}");

	return oc_json_parse(s->arena, text, err);
}

/* ------------------------------------------------------------------- building */

static int write_keys(const struct oc_semantic *s, struct oc_index_writer *w, const uint32_t *order,
                      uint32_t n, struct oc_err *err)
{
	uint64_t at = 0;

	if (oc_index_begin(w, "key_at", err) || oc_index_write(w, &at, sizeof at, err))
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		at += s->entries[order[i]].key_len;
		if (oc_index_write(w, &at, sizeof at, err))
			return -1;
	}
	if (oc_index_begin(w, "keys", err))
		return -1;
	for (uint32_t i = 0; i < n; i++)
		if (oc_index_write(w, s->keys + s->key_at[order[i]], s->entries[order[i]].key_len,
		                   err))
			return -1;
	return 0;
}

static int write_words(const struct oc_semantic *s, struct oc_index_writer *w, struct oc_err *err)
{
	if (s->from != OC_FROM_WORDS)
		return 0;
	return oc_index_begin(w, "seed", err) || oc_index_write(w, &s->seed, sizeof s->seed, err) ||
	                       oc_index_begin(w, "weights", err) ||
	                       oc_index_write(w, s->weight, OC_TFIDF_N * sizeof *s->weight, err)
	               ? -1
	               : 0;
}

int oc_semantic_index_write(struct oc_semantic *s, struct oc_pool *pool, const char *path,
                            struct oc_err *err)
{
	uint32_t k = oc_semantic_buckets(s), n = 0;
	uint32_t *order = oc_alloc((s->n + 1) * sizeof *order);
	struct oc_index_writer *w = NULL;
	struct oc_vecs centres = {0};
	yyjson_val *opts = index_options(s, err);
	int rc = -1;

	if (!opts || !(w = oc_index_create(path, "semantic", opts, err)))
		goto out;
	if (!oc_vecs_init(&centres, k, s->vecs.dim)) {
		oc_fail(err, OC_INPUT, s->name, "no memory for %u buckets", k);
		goto out;
	}
	if (k &&
	    oc_kmeans(pool, &s->vecs, &centres, k > 1 ? ROUNDS : 0, s->seed, &s->ctx->cancel)) {
		oc_fail(err, OC_CANCELLED, s->name, "interrupted");
		goto out;
	}
	if (oc_ivf_save(pool, &s->vecs, s->has, &centres, w, order, &n, &s->ctx->cancel, err) ||
	    write_keys(s, w, order, n, err) || write_words(s, w, err))
		goto out;
	rc = oc_index_commit(w, n, err);
	w = NULL;
	if (!rc)
		oc_log(s->ctx, OC_LOG_INFO, "%s: %u vectors of %u dimensions in %u buckets",
		       s->name, n, s->vecs.dim, k);
out:
	oc_index_abandon(w);
	oc_vecs_fini(&centres);
	free(order);
	return rc;
}

/* -------------------------------------------------------------------- opening */

static int open_one(struct oc_semantic *s, struct oc_semantic_old *o, const char *path,
                    yyjson_val *given, struct oc_err *err)
{
	struct oc_str key_at, keys, seed, weights;

	if (oc_index_open(&o->index, path, "semantic", given, err) ||
	    oc_ivf_open(&o->ivf, o->index, err) ||
	    oc_index_section(o->index, "key_at", 8, &key_at, err) ||
	    oc_index_section(o->index, "keys", 1, &keys, err))
		return -1;
	o->key_at = (const void *)key_at.p;
	o->keys = keys.p;
	bool fine = key_at.len == (o->ivf.vecs.n + 1) * 8 && o->key_at[o->ivf.vecs.n] == keys.len;
	for (uint64_t i = 0; fine && i < o->ivf.vecs.n; i++)
		fine = o->key_at[i] <= o->key_at[i + 1];
	if (s->from == OC_FROM_WORDS) {
		if (oc_index_section(o->index, "seed", 8, &seed, err) ||
		    oc_index_section(o->index, "weights", sizeof(float), &weights, err))
			return -1;
		fine &= seed.len == 8 && weights.len == OC_TFIDF_N * sizeof(float);
		if (fine) {
			memcpy(&o->seed, seed.p, 8);
			o->weight = (const void *)weights.p;
		}
	}
	return fine ? 0 : oc_fail(err, OC_INPUT, path, "does not fit together: build it again");
}

int oc_semantic_against(struct oc_semantic *s, const struct oc_env *env, yyjson_val *against,
                        struct oc_err *err)
{
	yyjson_val *given = index_options(s, err), *file;
	size_t i, max;

	if (!given)
		return -1;
	yyjson_arr_foreach(against, i, max, file)
	{
		const char *path = oc_path_from(s->arena, env->base_dir, oc_json_str(file));
		if (s->old_n == OC_SEMANTIC_INDEXES)
			return oc_fail(err, OC_PLAN, s->name, "more than %u indexes",
			               OC_SEMANTIC_INDEXES);
		if (open_one(s, &s->olds[s->old_n++], path, given, err))
			return -1;
	}
	return 0;
}

void oc_semantic_old_close(struct oc_semantic *s)
{
	for (unsigned i = 0; i < s->old_n; i++)
		oc_index_close(s->olds[i].index);
	s->old_n = 0;
}

/* ------------------------------------------------------------------ searching */

/* Notes for every row that is near one of the index, and near none of an index before. */
static int search_one(struct oc_semantic *s, struct oc_pool *pool, unsigned at, uint32_t *hit,
                      float *cosine, struct oc_err *err)
{
	const struct oc_semantic_old *o = &s->olds[at];

	if (s->from == OC_FROM_WORDS)
		oc_semantic_project(s, pool, o->weight, o->seed);
	else if (o->ivf.vecs.n && s->vecs.dim != o->ivf.vecs.dim)
		return oc_fail(err, OC_INPUT, oc_index_path(o->index),
		               "holds vectors of %u numbers, those of the rows have %u: they are "
		               "not of one model",
		               o->ivf.vecs.dim, s->vecs.dim);
	if (oc_ivf_search(pool, &o->ivf, &s->vecs, s->has, s->probes, s->threshold, hit, cosine,
	                  &s->ctx->cancel))
		return oc_fail(err, OC_CANCELLED, s->name, "interrupted");
	for (uint64_t i = 0; i < s->n; i++) {
		if (hit[i] == OC_IVF_NONE || s->old[i].index != OC_SEMANTIC_NONE)
			continue;
		s->old[i] = (struct oc_semantic_hit){hit[i], (uint32_t)at, cosine[i]};
		s->known++;
	}
	return 0;
}

int oc_semantic_search(struct oc_semantic *s, struct oc_pool *pool, struct oc_err *err)
{
	uint32_t *hit = oc_alloc((s->n + 1) * sizeof *hit);
	float *cosine = oc_alloc((s->n + 1) * sizeof *cosine);
	int rc = 0;

	s->old = oc_alloc((s->n + 1) * sizeof *s->old);
	for (uint64_t i = 0; i < s->n; i++)
		s->old[i] = (struct oc_semantic_hit){.index = OC_SEMANTIC_NONE};
	for (unsigned i = 0; !rc && i < s->old_n; i++)
		rc = search_one(s, pool, i, hit, cosine, err);
	if (!rc && s->old_n && s->from == OC_FROM_WORDS)
		oc_semantic_project(s, pool, s->weight, s->seed); /* as they were */
	for (uint64_t i = 0; !rc && i < s->n; i++)
		s->has[i] &= s->old[i].index == OC_SEMANTIC_NONE; /* nobody's witness */
	free(hit);
	free(cosine);
	return rc;
}
