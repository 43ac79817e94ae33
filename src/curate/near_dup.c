/*
 * near_dup: of several texts that are nearly the same, the first in priority order stays (real
 * before synthetic, shallow before deep).
 *
 * Candidates come from MinHash bands (index/minhash.h), and every removal is verified by the true
 * Jaccard index (or containment) of the word n-grams. Removal is by star, not by closure: rows are
 * visited in order, and one goes only if it is a near duplicate of a row that stays. So each
 * removed row has a witness with J >= threshold in the output, which stands in the evidence, and a
 * chain of small changes does not pull together texts that are unlike.
 *
 * Where more than `cap` unlike kept rows share a band (boilerplate), further ones are not added to
 * it and the number of such bands is reported.
 *
 * Work: one sort of bands x rows records, one of those that met, at most cap comparisons per band
 * that a row shares. Memory: the sorts' buffers, within `memory:`; the rest lies on disk: 8 bytes a
 * shingle, 8 a band, about 50 and the key a row. How it decides: near_dup_resolve.c.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "curate/applied.h"
#include "curate/near_dup.h"
#include "data/facts.h"
#include "data/row.h"
#include "text/simplify.h"
#include "text/view.h"

#define INDEX_MAX  64
#define REST_EVERY 0x10000 /* rows */

struct near_dup {
	char *name;
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_str field;
	struct oc_dup_opts opts;
	struct oc_minhash *minhash;
	uint64_t memory;
	const char *clusters; /* path, or NULL */
	struct oc_index *indexes[INDEX_MAX];
	unsigned index_n;
	struct oc_dup_facts facts;

	struct oc_spill *out; /* results, keys of witnesses */
	const struct oc_dup_result *results;
	uint64_t result_n;
	struct oc_str keys;
	atomic_ullong applied;
};

struct scratch {
	uint64_t *shingles, *room;
	uint32_t cap;
	uint32_t *signature;   /* (bands * rows) */
	uint64_t *signature64; /* the same for datatrove */
	uint64_t *band;
	struct oc_buf joined;
};

static const struct oc_option options[] = {
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is compared; empty = the row's whole text."},
	{.key = "compat",
         .type = OC_OPT_ENUM,
         .def = "none",
         .choices = "none|datatrove",
         .help = "datatrove: its words, its hashes and its permutations, so that the same rows "
                 "become candidates as there; shorter texts than `ngram` words are never "
                 "duplicates.",
         .presets = "{datatrove: {ngram: 5, bands: 14, rows: 8}}"},
	{.key = "measure",
         .type = OC_OPT_ENUM,
         .def = "jaccard",
         .choices = "jaccard|containment",
         .help = "What must reach the threshold: shared n-grams / all n-grams of both, or / "
                 "n-grams of the shorter text, which finds an excerpt that shares a band."},
	{.key = "threshold",
         .type = OC_OPT_NUM,
         .def = "0.7",
         .min = 0.01,
         .max = 1,
         .help = "Jaccard index (or containment) of the word n-grams from which on two texts "
                 "are near duplicates."},
	{.key = "ngram",
         .type = OC_OPT_INT,
         .def = "5",
         .min = 1,
         .max = 64,
         .unit = "words",
         .help = "Words of a shingle; a shorter text is one shingle."},
	{.key = "bands",
         .type = OC_OPT_INT,
         .def = "20",
         .min = 1,
         .max = 256,
         .help = "Bands of the signature: more find more and cost more."},
	{.key = "rows",
         .type = OC_OPT_INT,
         .def = "6",
         .min = 1,
         .max = 16,
         .help = "Values a band: more make fewer candidates. A pair with J is found with "
                 "probability 1-(1-J^rows)^bands: 0.918 at 0.7, 0.998 at 0.8 by default."},
	{.key = "cap",
         .type = OC_OPT_INT,
         .def = "100",
         .min = 1,
         .max = 100000,
         .unit = "rows",
         .help = "Most unlike kept rows of one band that a row is compared with."},
	{.key = "against",
         .type = OC_OPT_STRS,
         .help = "Indexes made by `outcross index build --for near_dup`: rows near one of "
                 "theirs go too."},
	{.key = "clusters",
         .type = OC_OPT_STR,
         .def = "\"\"",
         .help = "A file for the clusters, a line of JSON each: the kept row and those that "
                 "went for it, with their similarity. Relative to the plan.",
         .affects = OC_AFFECTS_SPEED},
	{0},
};

static void close_near_dup(void *self)
{
	struct near_dup *s = self;

	if (!s)
		return;
	oc_spill_close(s->out);
	for (unsigned i = 0; i < s->index_n; i++)
		oc_index_close(s->indexes[i]);
	oc_minhash_free(s->minhash);
	oc_arena_free(s->arena);
	free(s->name);
	free(s);
}

/* What decides what an index holds. */
static yyjson_val *index_options(struct near_dup *s, struct oc_err *err)
{
	struct oc_str text = oc_arena_printf(
		s->arena, "{\"ngram\":%u,\"bands\":%u,\"rows\":%u,\"compat\":\"%s\"}",
		s->opts.ngram, s->opts.bands, s->opts.rows,
		s->opts.datatrove ? "datatrove" : "none");

	return oc_json_parse(s->arena, text, err);
}

static int open_indexes(struct near_dup *s, const struct oc_env *env, yyjson_val *against,
                        struct oc_err *err)
{
	yyjson_val *given = index_options(s, err), *file;
	size_t i, max;

	yyjson_arr_foreach(against, i, max, file)
	{
		const char *path = oc_path_from(s->arena, env->base_dir, oc_json_str(file));
		if (s->index_n == INDEX_MAX)
			return oc_fail(err, OC_PLAN, s->name, "more than %u indexes", INDEX_MAX);
		if (oc_index_open(&s->indexes[s->index_n], path, "near_dup", given, err))
			return -1;
		s->index_n++;
	}
	return given ? 0 : -1;
}

static struct oc_dup_opts read_opts(yyjson_val *opts)
{
	return (struct oc_dup_opts){
		.ngram = (uint32_t)oc_json_get_int(opts, "ngram", 5),
		.bands = (uint32_t)oc_json_get_int(opts, "bands", 20),
		.rows = (uint32_t)oc_json_get_int(opts, "rows", 6),
		.cap = (uint32_t)oc_json_get_int(opts, "cap", 100),
		.threshold = oc_json_get_num(opts, "threshold", 0.7),
		.contained = oc_str_is(oc_json_get_str(opts, "measure"), "containment"),
		.datatrove = oc_str_is(oc_json_get_str(opts, "compat"), "datatrove"),
	};
}

static int open_near_dup(void **self, const struct oc_env *env, yyjson_val *opts,
                         struct oc_err *err)
{
	struct near_dup *s = oc_zalloc(1, sizeof *s);
	struct oc_str clusters = oc_json_get_str(opts, "clusters");

	s->name = oc_strdup(env->name);
	s->ctx = env->ctx;
	s->arena = oc_arena_new();
	s->memory = env->memory;
	s->field = oc_arena_str(s->arena, oc_json_get_str(opts, "field"));
	s->opts = read_opts(opts);
	s->minhash = (s->opts.datatrove ? oc_minhash_datatrove : oc_minhash_new)(s->opts.bands,
	                                                                         s->opts.rows);
	if (clusters.len)
		s->clusters = oc_path_from(s->arena, env->base_dir, clusters);
	if (open_indexes(s, env, oc_json_get(opts, "against"), err)) {
		close_near_dup(s);
		return -1;
	}
	*self = s;
	return 0;
}

void oc_near_dup_about(const void *near_dup, struct oc_ctx **ctx, const char **name,
                       struct oc_dup_opts *opts)
{
	const struct near_dup *s = near_dup;

	*ctx = s->ctx;
	*name = s->name;
	*opts = s->opts;
}

static int forecast(yyjson_val *opts, const struct oc_outlook *look, struct oc_buf *out,
                    struct oc_err *err)
{
	struct oc_dup_opts o = read_opts(opts);

	(void)err;
	oc_dup_forecast(&o, look, out);
	return 0;
}

/* ---------------------------------------------------------------- observing */

static void *scratch_new(void *self)
{
	const struct near_dup *s = self;
	struct scratch *t = oc_zalloc(1, sizeof *t);
	size_t n = (size_t)s->opts.bands * s->opts.rows;

	t->signature = oc_zalloc(n, sizeof *t->signature);
	t->signature64 = oc_zalloc(n, sizeof *t->signature64);
	t->band = oc_zalloc(s->opts.bands, sizeof *t->band);
	return t;
}

static void scratch_free(void *scratch)
{
	struct scratch *t = scratch;

	free(t->shingles);
	free(t->room);
	free(t->signature);
	free(t->signature64);
	free(t->band);
	oc_buf_fini(&t->joined);
	free(t);
}

static void make_room(struct scratch *t, uint32_t n)
{
	if (n <= t->cap)
		return;
	t->cap = n + n / 2;
	t->shingles = oc_realloc(t->shingles, t->cap * sizeof *t->shingles);
	t->room = oc_realloc(t->room, t->cap * sizeof *t->room);
}

/* Shingles and bands of a row. Returns how many shingles. */
static uint32_t look(const struct near_dup *s, struct scratch *t, struct oc_row *row)
{
	uint32_t n;

	if (s->opts.datatrove) {
		struct oc_str text = oc_text_simplify(row->arena, oc_view_text(row, s->field));
		struct oc_tokens tokens = oc_text_tokens(row->arena, text);
		make_room(t, tokens.n);
		n = oc_shingles_joined(tokens.word, tokens.n, s->opts.ngram, &t->joined,
		                       t->shingles, t->room);
		if (!n)
			return 0;
		oc_minhash_sign64(s->minhash, t->shingles, n, t->signature64);
		oc_minhash_bands64(s->minhash, t->signature64, t->band);
		return n;
	}
	const struct oc_words *words = oc_view_fold(row, s->field);
	if (!words->n)
		return 0;
	make_room(t, words->n);
	n = oc_shingles(words->hash, words->n, s->opts.ngram, t->shingles, t->room);
	oc_minhash_sign(s->minhash, t->shingles, n, t->signature);
	oc_minhash_bands(s->minhash, t->signature, t->band);
	return n;
}

static int observe(void *self, void *scratch, struct oc_row *row, struct oc_buf *out,
                   struct oc_err *err)
{
	const struct near_dup *s = self;
	struct scratch *t = scratch;
	struct oc_dup_row entry = {.number = row->number, .key_len = (uint32_t)row->ped.key.len};

	(void)err;
	entry.shingle_n = look(s, t, row);
	if (!entry.shingle_n)
		return 0;
	oc_buf_add(&out[0], &entry, sizeof entry);
	oc_buf_add(&out[1], t->band, s->opts.bands * sizeof *t->band);
	oc_buf_add(&out[2], t->shingles, entry.shingle_n * sizeof *t->shingles);
	oc_buf_add(&out[3], row->ped.key.p, entry.key_len);
	return 0;
}

/* ---------------------------------------------------------------- resolving */

static void tell(const struct near_dup *s)
{
	const struct oc_dup_facts *f = &s->facts;

	oc_log(s->ctx, OC_LOG_INFO,
	       "%s: %llu rows, %llu candidates verified, %llu near duplicates removed in %llu "
	       "clusters, the largest of %llu",
	       s->name, (unsigned long long)f->rows, (unsigned long long)f->candidates,
	       (unsigned long long)f->edges, (unsigned long long)f->clusters,
	       (unsigned long long)(f->largest_n ? f->largest[0].n : 0));
	if (f->capped)
		oc_log(s->ctx, OC_LOG_WARN,
		       "%s: %llu times a kept row shared a band with %u unlike rows already; later "
		       "rows are not compared with it there (raise `cap:` or `rows:`)",
		       s->name, (unsigned long long)f->capped, s->opts.cap);
}

/* How alike the rows that went are to the rows they went for. */
static void similarities(const struct near_dup *s, struct oc_facts *f)
{
	enum { BINS = 20 };
	double edges[BINS + 1];
	uint64_t counts[BINS] = {0};

	for (int i = 0; i <= BINS; i++)
		edges[i] = i < BINS ? i / (double)BINS : 1.0001; /* the last one holds 1 too */
	for (uint64_t i = 0; i < s->result_n; i++) {
		int bin = (int)(s->results[i].share * BINS);
		counts[bin < BINS ? bin : BINS - 1]++;
	}
	oc_facts_histogram(f, "How alike they are to the row that stays",
	                   s->opts.contained ? "containment" : "Jaccard index", "rows removed",
	                   edges, counts, BINS);
	oc_facts_threshold(f, s->opts.threshold);
}

static int facts(void *self, struct oc_buf *out, struct oc_err *err)
{
	static const struct oc_fact_column largest[] = {{"row that stays", NULL},
	                                                {"rows that say the same", NULL}};
	const struct near_dup *s = self;
	const struct oc_dup_facts *n = &s->facts;
	struct oc_facts f = {0};

	(void)err;
	oc_facts_title(&f, "Rows that nearly say the same");
	oc_facts_lead(
		&f,
		"%llu of %llu rows went because a row that stays is nearly the same; each names "
		"it, and was compared with it n-gram by n-gram.",
		(unsigned long long)n->edges, (unsigned long long)n->rows);
	if (n->capped)
		oc_facts_warn(
			&f,
			"%llu times a kept row shared a band with %u unlike rows already, and "
			"later "
			"rows were not compared with it there: some near duplicates may be left.",
			(unsigned long long)n->capped, s->opts.cap);
	oc_facts_figure(&f, "rows compared", (double)n->rows, "rows");
	oc_facts_figure(&f, "candidates verified", (double)n->candidates, "pairs");
	oc_facts_figure(&f, "rows removed", (double)n->edges, "rows");
	oc_facts_figure(&f, "clusters", (double)n->clusters, "");
	if (n->largest_n) {
		oc_facts_table(&f, "The largest clusters", largest, 2);
		for (unsigned i = 0; i < n->largest_n; i++) {
			oc_facts_cell(&f, n->largest[i].key);
			oc_facts_num(&f, (double)n->largest[i].n);
		}
	}
	oc_dup_curve(&f, &s->opts);
	similarities(s, &f);
	oc_facts_write(&f, out);
	return 0;
}

static uint64_t memory_of(const struct near_dup *s, const struct oc_spill *spill)
{
	uint64_t given = oc_spill_memory(spill);

	/* the pass before and the writers need a share as well */
	return (s->memory && s->memory < given ? s->memory : given) / 4 * 3;
}

static int resolve(void *self, struct oc_spill *spill, struct oc_err *err)
{
	struct near_dup *s = self;
	struct oc_dups dups = {0};
	uint64_t memory = memory_of(s, spill);
	struct oc_str out;
	int rc = -1;

	oc_spill_close(s->out);
	s->out = oc_spill_open(s->ctx, oc_spill_dir(spill), "near_dup.out", 2, memory / 16, err);
	if (!s->out ||
	    oc_dups_open(&dups, s->ctx, s->name, &s->opts, s->indexes, s->index_n, spill, memory,
	                 err) ||
	    oc_dups_resolve(&dups, memory, s->out, s->clusters, s->arena, &s->facts, err))
		goto out;
	if (oc_spill_map(s->out, 0, &out, err))
		goto out;
	s->results = (const void *)out.p;
	s->result_n = out.len / sizeof *s->results;
	if (oc_spill_map(s->out, 1, &s->keys, err))
		goto out;
	tell(s);
	rc = 0;
out:
	oc_dups_close(&dups);
	return rc;
}

static int write_index(void *self, struct oc_spill *spill, const char *path, struct oc_err *err)
{
	struct near_dup *s = self;
	struct oc_dups dups = {0};
	struct oc_index_writer *w = NULL;
	yyjson_val *given = index_options(s, err);
	int rc = -1;

	if (!given || oc_dups_open(&dups, s->ctx, s->name, &s->opts, s->indexes, s->index_n, spill,
	                           memory_of(s, spill), err))
		goto out;
	w = oc_index_create(path, "near_dup", given, err);
	if (!w || oc_dups_save(&dups, w, err)) {
		oc_index_abandon(w);
		goto out;
	}
	rc = oc_index_commit(w, dups.row_n, err);
out:
	oc_dups_close(&dups);
	return rc;
}

/* ----------------------------------------------------------------- applying */

static int apply(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	struct near_dup *s = self;

	(void)scratch;
	(void)err;
	if (atomic_fetch_add_explicit(&s->applied, 1, memory_order_relaxed) % REST_EVERY ==
	    REST_EVERY - 1) {
		oc_map_rest(s->results, s->result_n * sizeof *s->results);
		oc_map_rest(s->keys.p, s->keys.len);
	}
	const struct oc_dup_result *found =
		oc_applied_find(s->results, s->result_n, sizeof *s->results, row->number);
	if (!found)
		return 0;
	struct oc_buf b = {0};
	oc_buf_puts(&b, "{\"near\":");
	oc_buf_json(&b, (struct oc_str){s->keys.p + found->key, found->key_len});
	if (found->part < s->index_n) {
		oc_buf_puts(&b, ",\"in\":");
		oc_buf_json(&b, oc_str(oc_index_path(s->indexes[found->part])));
	}
	oc_buf_puts(&b, s->opts.contained ? ",\"containment\":" : ",\"jaccard\":");
	oc_buf_double(&b, found->share);
	oc_buf_putc(&b, '}');
	oc_row_score(row, s->name, "near_duplicate", OC_DROP, found->share, s->opts.threshold,
	             oc_buf_view(&b));
	row->fate = OC_REJECTED;
	oc_buf_fini(&b);
	return 0;
}

extern const struct oc_stage_def oc_stage_near_dup;
const struct oc_stage_def oc_stage_near_dup = {
	.size = sizeof(struct oc_stage_def),
	.name = "near_dup",
	.help = "drop texts that are nearly the same as one that stays (MinHash, verified)",
	.doc = "Word n-grams, 20 bands of 6 MinHash values, every removal verified by the "
	       "true Jaccard index. The first row in priority order stays (real before "
	       "synthetic, shallow before deep), and a row goes only when it resembles a row "
	       "that stays: that row and the similarity are the evidence. So of a, b like a, "
	       "and c like b only, b goes and a and c stay. Before it begins, and in `outcross "
	       "plan`, it "
	       "says with which chance the bands find a pair by its Jaccard index and what "
	       "looking costs; afterwards how many candidates were verified and how large "
	       "the clusters are.\n\n"
	       "Rejects as `near_duplicate`, with the same bytes at any number of threads.\n\n"
	       "Example: a page that stands in the set with another date in its last line "
	       "falls; the row that stays and how alike they are is the evidence.\n\n"
	       "Cost: about 45 us for 220 words on two threads; on disk within `memory:`, 8 "
	       "bytes a word, 8 a band and about 50 a row. Source: Broder 1997; Leskovec, "
	       "Rajaraman, Ullman, Mining of Massive Datasets, 3.4.",
	.kind = OC_STAGE_WHOLE,
	.options = options,
	.holds = OC_HOLDS_WITHIN,
	.held = "the buffers of its sorts; bands and shingles lie on disk",
	.open = open_near_dup,
	.close = close_near_dup,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.stream_n = OC_DUP_STREAMS,
	.observe = observe,
	.resolve = resolve,
	.apply = apply,
	.index = write_index,
	.facts = facts,
	.forecast = forecast,
};
