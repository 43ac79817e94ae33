/*
 * semantic: of several rows that say the same in other words, the first in priority order stays
 * (real before synthetic, shallow before deep).
 *
 * Every row has a vector: from a model under `models:`, from a member of the row, from a file, or,
 * by default, a random projection of its weighted words (index/tfidf.h), which needs no model and
 * finds what shares its words in any order. k-means puts the vectors into buckets; within those
 * that a row probes it is compared exactly with the rows that stay, and goes when the cosine with
 * one reaches the threshold. That row and the cosine are the evidence (index/kmeans.h).
 *
 * Vectors are held in memory: 4 bytes a dimension and row. What is needed is known before the work
 * begins, and a stage that would pass `memory:` says so instead of starting.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "curate/applied.h"
#include "curate/semantic.h"
#include "data/facts.h"
#include "data/row.h"
#include "index/tfidf.h"
#include "pipe/spill.h"
#include "text/view.h"

#define ROUNDS  10
#define LARGEST 10

static const struct oc_option options[] = {
	{.key = "threshold",
         .type = OC_OPT_NUM,
         .def = "0.95",
         .min = 0.1,
         .max = 1,
         .help = "Cosine from which on two rows say the same. It depends on the vectors: try "
                 "some on your rows."},
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is compared; empty = the row's whole text."},
	{.key = "model",
         .type = OC_OPT_MODEL,
         .help = "An endpoint under `models:` that makes the vectors (POST /embeddings); every "
                 "reply is kept in the reply store."},
	{.key = "vector",
         .type = OC_OPT_FIELD,
         .help = "A member of the row that is its vector: a list of numbers."},
	{.key = "vectors",
         .type = OC_OPT_PATH,
         .help = "A .npy file, a float32 matrix whose row k belongs to row k of the only source."},
	{.key = "dim",
         .type = OC_OPT_INT,
         .def = "256",
         .min = 16,
         .max = 4096,
         .help = "Dimensions of the built-in vectors."},
	{.key = "buckets",
         .type = OC_OPT_INT,
         .def = "0",
         .min = 0,
         .max = 1e6,
         .help = "k of the k-means; 0 = the square root of the number of rows."},
	{.key = "probes",
         .type = OC_OPT_INT,
         .def = "2",
         .min = 1,
         .max = OC_PROBES_MAX,
         .help = "Nearest buckets in which a row is compared, here and in each index: more find "
                 "more and cost more."},
	{.key = "against",
         .type = OC_OPT_STRS,
         .help = "Indexes made by `outcross index build --for semantic`: rows near one of theirs "
                 "go too. Vectors of a model or a file must be of the model that made theirs."},
	{0},
};

static void forget(struct oc_semantic *s)
{
	free((void *)s->entries);
	free(s->key_at);
	free(s->payload_at);
	free(s->keys);
	free(s->has);
	free(s->weight);
	free(s->witness);
	free(s->share);
	free(s->old);
	oc_vecs_fini(&s->vecs);
	s->entries = NULL;
	s->key_at = s->payload_at = NULL;
	s->keys = NULL;
	s->has = NULL;
	s->weight = NULL;
	s->witness = NULL;
	s->share = NULL;
	s->old = NULL;
	s->n = s->gone = s->without = s->largest_bucket = s->known = 0;
}

static void close_semantic(void *self)
{
	struct oc_semantic *s = self;

	if (!s)
		return;
	forget(s);
	oc_semantic_old_close(s);
	oc_npy_close(&s->npy);
	oc_arena_free(s->arena);
	free(s->name);
	free(s);
}

static int choose_vectors(struct oc_semantic *s, const struct oc_env *env, yyjson_val *opts,
                          struct oc_err *err)
{
	struct oc_str model = oc_json_get_str(opts, "model"),
		      file = oc_json_get_str(opts, "vectors");

	s->member = oc_arena_str(s->arena, oc_json_get_str(opts, "vector"));
	if ((model.len > 0) + (file.len > 0) + (s->member.len > 0) > 1)
		return oc_fail(err, OC_PLAN, s->name, "name one of model, vector and vectors");
	if (model.len && !env->llm)
		return oc_fail(
			err, OC_USAGE, s->name,
			"model: is asked in a plan only: put it into one, and `outcross run` it "
			"(for an index give the vectors as vector: or vectors:)");
	s->from = model.len       ? OC_FROM_MODEL
	          : file.len      ? OC_FROM_FILE
	          : s->member.len ? OC_FROM_MEMBER
	                          : OC_FROM_WORDS;
	s->llm = env->llm;
	if (s->from != OC_FROM_FILE)
		return 0;
	return oc_npy_open(&s->npy, oc_path_from(s->arena, env->base_dir, file), err);
}

static int open_semantic(void **self, const struct oc_env *env, yyjson_val *opts,
                         struct oc_err *err)
{
	struct oc_semantic *s = oc_zalloc(1, sizeof *s);

	s->name = oc_strdup(env->name);
	s->ctx = env->ctx;
	s->arena = oc_arena_new();
	s->seed = env->seed;
	s->memory = env->memory;
	s->field = oc_arena_str(s->arena, oc_json_get_str(opts, "field"));
	s->threshold = oc_json_get_num(opts, "threshold", 0.95);
	s->dim = (uint32_t)oc_json_get_int(opts, "dim", 256);
	s->buckets = (uint32_t)oc_json_get_int(opts, "buckets", 0);
	s->probes = (uint32_t)oc_json_get_int(opts, "probes", 2);
	if (choose_vectors(s, env, opts, err) ||
	    oc_semantic_against(s, env, oc_json_get(opts, "against"), err)) {
		close_semantic(s);
		return -1;
	}
	*self = s;
	return 0;
}

/* ---------------------------------------------------------------- observing */

static void see_terms(struct oc_row *row, struct oc_str field, struct oc_buf *out)
{
	const struct oc_words *words = oc_view_fold(row, field);
	struct oc_term *terms = oc_arena_alloc(row->arena, (words->n + 1) * sizeof *terms);

	oc_buf_add(out, terms, oc_tfidf_terms(words->hash, words->n, terms) * sizeof *terms);
}

/* A row without such a member has no vector; a member that is something else stops the run. */
static int see_member(const struct oc_semantic *s, const struct oc_row *row, struct oc_buf *out,
                      struct oc_err *err)
{
	yyjson_val *list = oc_json_path(row->root, s->member), *item;
	size_t i, n = yyjson_arr_size(list);

	if (!list || yyjson_is_null(list))
		return 0;
	bool fine = yyjson_is_arr(list) && n > 0 && n <= OC_VEC_DIM;
	yyjson_arr_foreach(list, i, n, item)
	{
		float x = (float)yyjson_get_num(item);
		fine &= yyjson_is_num(item);
		oc_buf_add(out, &x, sizeof x);
	}
	return fine ? 0
	            : oc_fail(err, OC_INPUT, s->name,
	                      "row %.*s: \"%.*s\" is no list of 1 to %d numbers",
	                      OC_ARG(row->ped.key), OC_ARG(s->member), OC_VEC_DIM);
}

static int observe(void *self, void *scratch, struct oc_row *row, struct oc_buf *out,
                   struct oc_err *err)
{
	const struct oc_semantic *s = self;
	struct oc_semantic_entry e = {.number = row->number,
	                              .row = row->ped.row,
	                              .source = row->ped.source,
	                              .key_len = (uint32_t)row->ped.key.len};
	size_t before = out[2].len;

	(void)scratch;
	if (s->from == OC_FROM_WORDS)
		see_terms(row, s->field, &out[2]);
	else if (s->from == OC_FROM_MEMBER && see_member(s, row, &out[2], err))
		return -1;
	else if (s->from == OC_FROM_MODEL)
		oc_buf_str(&out[2], oc_view_text(row, s->field));
	e.payload_len = out[2].len - before;
	oc_buf_add(&out[0], &e, sizeof e);
	oc_buf_str(&out[1], row->ped.key);
	return 0;
}

/* ---------------------------------------------------------------- resolving */

static int read_streams(struct oc_semantic *s, struct oc_spill *spill, struct oc_err *err)
{
	struct oc_str entries, keys;

	if (oc_spill_map(spill, 0, &entries, err) || oc_spill_map(spill, 1, &keys, err) ||
	    oc_spill_map(spill, 2, &s->payload, err))
		return -1;
	s->n = entries.len / sizeof *s->entries;
	if (s->n >= UINT32_MAX)
		return oc_fail(err, OC_INPUT, s->name, "%llu rows are more than it can number",
		               (unsigned long long)s->n);
	struct oc_semantic_entry *copy = oc_alloc(entries.len + 1);
	if (entries.len)
		memcpy(copy, entries.p, entries.len);
	s->entries = copy;
	s->key_at = oc_zalloc(s->n + 1, sizeof *s->key_at);
	s->payload_at = oc_zalloc(s->n + 1, sizeof *s->payload_at);
	s->has = oc_zalloc(s->n + 1, sizeof *s->has);
	for (uint64_t i = 0; i < s->n; i++) {
		s->key_at[i + 1] = s->key_at[i] + copy[i].key_len;
		s->payload_at[i + 1] = s->payload_at[i] + copy[i].payload_len;
	}
	s->keys = oc_alloc(keys.len + 1);
	if (keys.len)
		memcpy(s->keys, keys.p, keys.len);
	return 0;
}

static int find(struct oc_semantic *s, struct oc_pool *pool, struct oc_err *err)
{
	uint32_t k = oc_semantic_buckets(s);
	unsigned probes = s->probes < k ? s->probes : k;
	uint32_t *near = oc_alloc(s->n * probes * sizeof *near);
	uint64_t *size = oc_zalloc(k, sizeof *size);
	struct oc_vecs centres;
	const atomic_int *stop = &s->ctx->cancel;
	int rc = -1;

	if (!oc_vecs_init(&centres, k, s->vecs.dim)) {
		oc_fail(err, OC_INPUT, s->name, "no memory for %u buckets", k);
		goto out;
	}
	s->witness = oc_alloc(s->n * sizeof *s->witness);
	s->share = oc_alloc(s->n * sizeof *s->share);
	if (oc_kmeans(pool, &s->vecs, &centres, k > 1 ? ROUNDS : 0, s->seed, stop) ||
	    oc_kmeans_near(pool, &s->vecs, &centres, probes, near, stop) ||
	    oc_star(pool, &s->vecs, s->has, near, probes, k, s->threshold, s->witness, s->share,
	            stop)) {
		oc_fail(err, OC_CANCELLED, s->name, "interrupted");
		goto out;
	}
	s->bucket_n = k;
	for (uint64_t i = 0; i < s->n; i++) {
		uint64_t now = ++size[near[i * probes]];
		s->largest_bucket = now > s->largest_bucket ? now : s->largest_bucket;
		s->gone += s->witness[i] != UINT32_MAX;
	}
	s->gone += s->known;
	rc = 0;
out:
	oc_vecs_fini(&centres);
	free(near);
	free(size);
	return rc;
}

static int make_vectors(struct oc_semantic *s, struct oc_pool *pool, struct oc_err *err)
{
	if (oc_semantic_vectors(s, pool, err))
		return -1;
	for (uint64_t i = 0; i < s->n; i++)
		s->without += !s->has[i];
	return 0;
}

static int write_index(void *self, struct oc_spill *spill, const char *path, struct oc_err *err)
{
	struct oc_semantic *s = self;
	struct oc_pool *pool;
	int rc;

	if (s->old_n)
		return oc_fail(err, OC_USAGE, s->name,
		               "an index of vectors does not grow: build one of the new rows, and "
		               "name both in `against:`");
	forget(s);
	if (read_streams(s, spill, err))
		return -1;
	if (!s->n)
		return oc_fail(err, OC_INPUT, s->name, "there are no rows to index");
	pool = oc_pool_new(s->ctx->threads);
	rc = make_vectors(s, pool, err);
	if (!rc)
		rc = oc_semantic_index_write(s, pool, path, err);
	oc_pool_free(pool);
	oc_vecs_fini(&s->vecs);
	if (!rc && s->without)
		oc_log(s->ctx, OC_LOG_WARN, "%s: %llu rows have no vector and are not in it",
		       s->name, (unsigned long long)s->without);
	return rc;
}

static int resolve(void *self, struct oc_spill *spill, struct oc_err *err)
{
	struct oc_semantic *s = self;
	struct oc_pool *pool = NULL;
	int rc = -1;

	forget(s);
	if (read_streams(s, spill, err))
		return -1;
	if (!s->n)
		return 0;
	pool = oc_pool_new(s->ctx->threads);
	rc = make_vectors(s, pool, err);
	if (!rc)
		rc = oc_semantic_search(s, pool, err);
	if (!rc)
		rc = find(s, pool, err);
	oc_pool_free(pool);
	oc_vecs_fini(&s->vecs);
	if (rc)
		return -1;
	if (s->old_n)
		oc_log(s->ctx, OC_LOG_INFO, "%s: %llu rows say what a row of an index says",
		       s->name, (unsigned long long)s->known);
	oc_log(s->ctx, OC_LOG_INFO,
	       "%s: %llu rows in %llu buckets, the largest of %llu; %llu say what another says",
	       s->name, (unsigned long long)s->n, (unsigned long long)s->bucket_n,
	       (unsigned long long)s->largest_bucket, (unsigned long long)s->gone);
	if (s->without)
		oc_log(s->ctx, OC_LOG_WARN, "%s: %llu rows have no vector and were not compared",
		       s->name, (unsigned long long)s->without);
	return 0;
}

/* ----------------------------------------------------------------- applying */

static struct oc_str key_of(const struct oc_semantic *s, uint64_t i)
{
	return (struct oc_str){s->keys + s->key_at[i], s->entries[i].key_len};
}

static struct oc_str old_key(const struct oc_semantic_old *o, uint32_t row)
{
	return (struct oc_str){o->keys + o->key_at[row], o->key_at[row + 1] - o->key_at[row]};
}

static int apply(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct oc_semantic *s = self;

	(void)scratch;
	(void)err;
	const struct oc_semantic_entry *entry =
		oc_applied_find(s->entries, s->n, sizeof *s->entries, row->number);
	if (!entry)
		return 0;
	size_t i = (size_t)(entry - s->entries);
	const struct oc_semantic_hit *hit = &s->old[i];
	bool known = hit->index != OC_SEMANTIC_NONE;
	if (!known && s->witness[i] == UINT32_MAX)
		return 0;
	double cosine = (double)(known ? hit->cosine : s->share[i]);
	struct oc_buf b = {0};
	oc_buf_puts(&b, "{\"near\":");
	oc_buf_json(&b, known ? old_key(&s->olds[hit->index], hit->row) : key_of(s, s->witness[i]));
	if (known) {
		oc_buf_puts(&b, ",\"in\":");
		oc_buf_json(&b, oc_str(oc_index_path(s->olds[hit->index].index)));
	}
	oc_buf_printf(&b, ",\"cosine\":%.6f}", cosine);
	oc_row_score(row, s->name, "same_meaning", OC_DROP, cosine, s->threshold, oc_buf_view(&b));
	row->fate = OC_REJECTED;
	oc_buf_fini(&b);
	return 0;
}

/* -------------------------------------------------------------------- facts */

/* The kept rows for which most others went, in order of size, then of row. */
static unsigned largest(const struct oc_semantic *s, uint32_t *went, uint32_t top[LARGEST])
{
	unsigned n = 0;

	for (uint64_t i = 0; i < s->n; i++)
		if (s->witness[i] != UINT32_MAX)
			went[s->witness[i]]++;
	for (uint32_t i = 0; i < s->n; i++) {
		unsigned at = n;
		if (!went[i] || (n == LARGEST && went[i] <= went[top[n - 1]]))
			continue;
		n += n < LARGEST;
		for (at = n - 1; at && went[i] > went[top[at - 1]]; at--)
			top[at] = top[at - 1];
		top[at] = i;
	}
	return n;
}

static int facts(void *self, struct oc_buf *out, struct oc_err *err)
{
	static const struct oc_fact_column columns[] = {{"kept row", NULL},
	                                                {"rows that went", "rows"}};
	const struct oc_semantic *s = self;
	struct oc_facts f = {0};
	uint32_t *went, top[LARGEST];
	uint64_t counts[20] = {0}, clusters = 0;
	double edges[21];

	(void)err;
	if (!s->n || !s->witness)
		return 0;
	went = oc_zalloc(s->n, sizeof *went);
	unsigned n = largest(s, went, top);
	double width = (1 - s->threshold) / 20;
	for (unsigned i = 0; i <= 20; i++)
		edges[i] = s->threshold < 1 ? s->threshold + i * width : 1 + i * 1e-6;
	for (uint64_t i = 0; i < s->n; i++) {
		bool known = s->old[i].index != OC_SEMANTIC_NONE;
		clusters += went[i] > 0;
		if (!known && s->witness[i] == UINT32_MAX)
			continue;
		double cosine = (double)(known ? s->old[i].cosine : s->share[i]);
		double above = width > 0 ? (cosine - s->threshold) / width : 0;
		counts[above < 0 ? 0 : above >= 20 ? 19 : (unsigned)above]++;
	}
	oc_facts_title(&f, "Rows that say the same in other words");
	oc_facts_lead(&f, "%llu of %llu rows say what an earlier row says (cosine %g or more).",
	              (unsigned long long)s->gone, (unsigned long long)s->n, s->threshold);
	if (s->without)
		oc_facts_warn(&f, "%llu rows have no vector and were not compared.",
		              (unsigned long long)s->without);
	oc_facts_figure(&f, "rows compared", (double)(s->n - s->without), "rows");
	oc_facts_figure(&f, "rows removed", (double)s->gone, "rows");
	if (s->old_n)
		oc_facts_figure(&f, "of these, near a row of an index", (double)s->known, "rows");
	oc_facts_figure(&f, "clusters", (double)clusters, "");
	oc_facts_figure(&f, "buckets", (double)s->bucket_n, "");
	oc_facts_figure(&f, "largest bucket", (double)s->largest_bucket, "rows");
	if (n) {
		oc_facts_table(&f, "Largest clusters", columns, 2);
		for (unsigned i = 0; i < n; i++) {
			oc_facts_cell(&f, key_of(s, top[i]));
			oc_facts_num(&f, went[top[i]]);
		}
	}
	if (s->gone)
		oc_facts_histogram(&f, "Cosine of removed rows with the row that stays", "",
		                   "removed rows", edges, counts, 20);
	oc_facts_write(&f, out);
	free(went);
	return 0;
}

extern const struct oc_stage_def oc_stage_semantic;
const struct oc_stage_def oc_stage_semantic = {
	.size = sizeof(struct oc_stage_def),
	.name = "semantic",
	.help = "drop rows that say what one that stays says, by the cosine of their vectors",
	.doc = "Without any model: words weighted by TF-IDF, projected to `dim` dimensions, "
	       "so that \"a dog bit the man\" and \"the man bit a dog\" are the same, and what "
	       "uses other words is not; true paraphrases need vectors of a model (`model:`, "
	       "`vector:` or `vectors:`). k-means puts rows into buckets, and a row is "
	       "compared with the rows that stay in its `probes` nearest ones. The first row "
	       "in priority order stays (real before synthetic, shallow before deep), and a "
	       "row goes only for one that stays: that row and the cosine are the evidence.\n\n"
	       "`outcross index build CORPUS --for semantic -o c.index` keeps the vectors of a "
	       "corpus, in as many buckets as the square root of its rows. With `against: "
	       "[c.index]` every row is first compared with all vectors in the `probes` buckets "
	       "whose centres are nearest to it, and goes with the nearest of them as its witness; "
	       "a near vector in another bucket is missed (of 3,000 vectors without clusters, the "
	       "hardest case, 2 of 54 buckets hold 98 % of what is near at 0.95, 4 all of it: "
	       "test/test_ivf.c). Words are weighted as they were in the indexed corpus, so put "
	       "rows of its kind beside it. An index's vectors are read from the file and not "
	       "held in memory.\n\n"
	       "The vectors are held in memory, 4 bytes a dimension and row; the stage says "
	       "what it needs and does not start above `memory:`. The same decisions at any "
	       "number of threads and on every processor. Rejects as `same_meaning`. A row "
	       "without words, or without a vector, stays.\n\n"
	       "Cost: about 50 us a row of 256 dimensions among 20,000, on two threads; more "
	       "where more rows share a bucket; with `model:` a request a row. Source: Abbas "
	       "et al. 2023, arXiv 2303.09540.",
	.kind = OC_STAGE_WHOLE,
	.options = options,
	.holds = OC_HOLDS_ALL,
	.held = "all vectors: 4 bytes a dimension, and about 80 a row",
	.open = open_semantic,
	.close = close_semantic,
	.stream_n = 3,
	.observe = observe,
	.resolve = resolve,
	.apply = apply,
	.index = write_index,
	.facts = facts,
};
