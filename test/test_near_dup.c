/*
 * near_dup: against the judge that compares every row with every kept one, recall by Jaccard bin
 * against the closed form, threads, memory, clusters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"
#include "curate/near_dup.h"
#include "data/facts.h"
#include "pipe/pass.h"
#include "stage.h"
#include "text/view.h"

/* Text number i: of 30 to 90 words; every third is an earlier text with a few words changed. */
static void make_text(struct oc_buf *b, uint64_t i)
{
	struct oc_rng rng;
	struct oc_draws d, edits;
	uint64_t from = i;
	unsigned changes = 0;

	oc_rng_init(&rng, 11, "test/near_dup");
	oc_draws_init(&edits, &rng, i + ((uint64_t)1 << 40));
	if (i % 3 == 2) {
		from = oc_draw_below(&edits, i);
		from -= from % 3 == 2; /* of an original, or of what lies before it */
		changes = (unsigned)oc_draw_below(&edits, 6);
	}
	oc_draws_init(&d, &rng, from);
	unsigned n = 30 + (unsigned)oc_draw_below(&d, 60);
	b->len = 0;
	for (unsigned k = 0; k < n; k++) {
		uint64_t word = oc_draw_below(&d, 5000);
		if (changes && oc_draw_below(&edits, n) < changes)
			word = 5000 + oc_draw_below(&edits, 5000);
		oc_buf_printf(b, "%sw%u", k ? " " : "", (unsigned)word);
	}
}

static const char *text_of(void *user, uint64_t i, struct oc_buf *b)
{
	(void)user;
	make_text(b, i);
	return oc_buf_cstr(b);
}

/* Lets the stage observe rows 0..n-1, in batches, as the pass does. */
static struct oc_spill *observe(struct oc_driven *d, uint64_t n, uint64_t memory,
                                const char *(*text)(void *, uint64_t, struct oc_buf *), void *user)
{
	struct oc_err err = {0};
	struct oc_spill *spill =
		oc_spill_open(d->ctx, d->dir, "seen", d->def->stream_n, memory, &err);
	struct oc_buf out[OC_DUP_STREAMS] = {0}, b = {0}, json = {0};

	assert_non_null(spill);
	for (uint64_t i = 0; i < n; i++) {
		struct oc_batch *batch = oc_batch_new(1);
		json.len = 0;
		oc_buf_puts(&json, "{\"text\":");
		oc_buf_json(&json, oc_str(text(user, i, &b)));
		oc_buf_putc(&json, '}');
		struct oc_row *row = oc_driven_row(batch, oc_buf_cstr(&json), i, OC_UNKNOWN);
		assert_int_equal(d->def->observe(d->self, d->scratch, row, out, &err), 0);
		for (unsigned k = 0; k < OC_DUP_STREAMS; k++) {
			assert_int_equal(oc_spill_add(spill, k, out[k].p, out[k].len, &err), 0);
			out[k].len = 0;
		}
		oc_batch_free(batch);
	}
	for (unsigned k = 0; k < OC_DUP_STREAMS; k++)
		oc_buf_fini(&out[k]);
	oc_buf_fini(&b);
	oc_buf_fini(&json);
	return spill;
}

/* What apply says of row i: the evidence, or "" when it stays. */
static const char *said(struct oc_driven *d, uint64_t i)
{
	static char out[4096];
	struct oc_err err = {0};
	struct oc_batch *batch = oc_batch_new(1);
	struct oc_row *row = oc_driven_row(batch, "{\"text\":\"\"}", i, OC_UNKNOWN);

	assert_int_equal(d->def->apply(d->self, d->scratch, row, &err), 0);
	snprintf(out, sizeof out, "%s", row->fate == OC_LIVE ? "" : oc_last_evidence(row));
	if (row->fate != OC_LIVE)
		assert_string_equal(oc_last_rule(row), "near_duplicate");
	oc_batch_free(batch);
	return out;
}

static void open_with(struct oc_driven *d, const char *options)
{
	struct oc_err err = {0};
	if (oc_driven_open(d, "near_dup", options, 0, &err))
		fail_msg("%s", err.msg);
}

/* With one row a band and many bands every pair above the threshold meets: then the stage must say
 * exactly what the judge says. */
static void decides_as_the_judge(void **state)
{
	(void)state;
	enum { N = 1500 };
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_dups dups;
	struct oc_dup_opts opts;
	const char *name;
	uint32_t *witness = oc_zalloc(N, sizeof *witness), gone = 0;

	open_with(&d, "{bands: 64, rows: 1, threshold: 0.6, cap: 100000}");
	struct oc_spill *spill = observe(&d, N, 1 << 20, text_of, NULL);
	oc_near_dup_about(d.self, &d.ctx, &name, &opts);
	assert_int_equal(oc_dups_open(&dups, d.ctx, name, &opts, NULL, 0, spill, 1 << 20, &err), 0);
	assert_int_equal(dups.row_n, N);
	oc_dups_judge(&dups, witness);
	oc_dups_close(&dups);
	if (d.def->resolve(d.self, spill, &err))
		fail_msg("%s", err.msg);
	oc_spill_close(spill);
	for (uint32_t i = 0; i < N; i++) {
		char want[64] = "";
		const char *got = said(&d, i);
		if (witness[i] != UINT32_MAX) {
			gone++;
			snprintf(want, sizeof want, "{\"near\":\"s:%u\",\"jaccard\":", witness[i]);
			assert_int_equal(strncmp(got, want, strlen(want)), 0);
			assert_true(witness[witness[i]] == UINT32_MAX);
		} else {
			assert_string_equal(got, "");
		}
	}
	assert_true(gone > N / 10 && gone < N / 2);
	free(witness);
	oc_driven_close(&d);
}

static const char *some_text(void *user, uint64_t i, struct oc_buf *b)
{
	(void)b;
	return ((const char **)user)[i];
}

static void a_chain_does_not_collapse(void **state)
{
	(void)state;
	/* single words, J = 3/5 between neighbours, 2/6 beyond: 0 stays, 1 goes, so 2 stays */
	static const char *texts[] = {
		"a b c d", "b c d e", "c d e f",       "one two",     "One,   TWO!", "",
		"...",     "",        "d c b a a b c", "quite other", "one"};
	static const char *want[] = {"",
	                             "{\"near\":\"s:0\",\"jaccard\":0.6}",
	                             "",
	                             "",
	                             "{\"near\":\"s:3\",\"jaccard\":1}",
	                             "",
	                             "",
	                             "",
	                             "{\"near\":\"s:0\",\"jaccard\":1}",
	                             "",
	                             ""};
	struct oc_err err = {0};
	struct oc_driven d;
	uint64_t cluster[11];
	static const uint64_t clusters[11] = {0, 0, 0, 3, 3, 5, 6, 7, 0, 9, 10};

	open_with(&d, "{bands: 200, rows: 1, ngram: 1, threshold: 0.6}");
	struct oc_spill *spill = observe(&d, 11, 1 << 20, some_text, texts);
	assert_int_equal(d.def->resolve(d.self, spill, &err), 0);
	for (uint64_t i = 0; i < 11; i++)
		assert_string_equal(said(&d, i), want[i]);
	/* for the holdout the chain is one cluster; texts without words are each their own */
	assert_int_equal(oc_cluster_rows(d.self, spill, 11, cluster, &err), 0);
	for (uint64_t i = 0; i < 11; i++)
		assert_int_equal(cluster[i], clusters[i]);
	oc_spill_close(spill);
	oc_driven_close(&d);
}

static void short_copies_are_found(void **state)
{
	(void)state;
	static const char *texts[] = {"Yes.", "no", "yes", "Yes, sir"};
	struct oc_err err = {0};
	struct oc_driven d;

	open_with(&d, "{}");
	struct oc_spill *spill = observe(&d, 4, 1 << 20, some_text, texts);
	assert_int_equal(d.def->resolve(d.self, spill, &err), 0);
	assert_string_equal(said(&d, 1), "");
	assert_string_equal(said(&d, 2), "{\"near\":\"s:0\",\"jaccard\":1}");
	assert_string_equal(said(&d, 3), "");
	oc_spill_close(spill);
	oc_driven_close(&d);
}

/* Pairs of unrelated texts, alike in the first part: row 2k and 2k + 1. */
static const char *paired_text(void *user, uint64_t i, struct oc_buf *b)
{
	uint64_t pair = i / 2;
	unsigned shared = *(unsigned *)user;

	b->len = 0;
	for (unsigned k = 0; k < 100; k++)
		oc_buf_printf(b, "p%ux%u ", (unsigned)(k < shared ? pair : 1000000 + i), k);
	return oc_buf_cstr(b);
}

/* Found pairs against P(J) = 1 - (1 - J^6)^20, four deviations of a binomial. */
static void recall_follows_the_closed_form(void **state)
{
	(void)state;
	enum { PAIRS = 400 };
	/* words shared of 100; with single-word shingles J = s / (200 - s) */
	static const unsigned shared[] = {67, 75, 82, 89, 95};

	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
		struct oc_err err = {0};
		struct oc_driven d;
		unsigned s = shared[i], found = 0;
		double j = (double)s / (200 - s), p = oc_minhash_chance(j, 20, 6);
		open_with(&d, "{ngram: 1, threshold: 0.45}");
		struct oc_spill *spill = observe(&d, 2 * PAIRS, 1 << 20, paired_text, &s);
		assert_int_equal(d.def->resolve(d.self, spill, &err), 0);
		for (uint64_t k = 0; k < PAIRS; k++) {
			assert_string_equal(said(&d, 2 * k), "");
			found += *said(&d, 2 * k + 1) != 0;
		}
		print_message("J %.3f: found %.3f, expected %.3f\n", j, (double)found / PAIRS, p);
		assert_true(fabs((double)found / PAIRS - p) < 4 * sqrt(p * (1 - p) / PAIRS) + 1e-3);
		oc_spill_close(spill);
		oc_driven_close(&d);
	}
}

/* ------------------------------------------------------------- in the pass */

struct feed {
	uint64_t next, n;
	struct oc_hasher *hash; /* of rows and verdicts as they come out */
	uint64_t gone;
};

static int feed(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct feed *f = user;
	struct oc_buf b = {0}, json = {0};

	(void)err;
	while (f->next < f->n && batch->row_n < 200) {
		struct oc_row *row = oc_batch_add(batch);
		make_text(&b, f->next);
		json.len = 0;
		oc_buf_puts(&json, "{\"text\":");
		oc_buf_json(&json, oc_buf_view(&b));
		oc_buf_putc(&json, '}');
		row->raw = oc_arena_str(batch->arena, oc_buf_view(&json));
		row->ped.key =
			oc_arena_printf(batch->arena, "s:%llu", (unsigned long long)f->next++);
	}
	oc_buf_fini(&b);
	oc_buf_fini(&json);
	return f->next < f->n;
}

static int emit(void *user, struct oc_batch *batch, struct oc_buf *encoded, struct oc_err *err)
{
	struct feed *f = user;
	struct oc_buf b = {0};

	(void)encoded;
	(void)err;
	for (uint32_t i = 0; i < batch->row_n; i++) {
		struct oc_row *row = &batch->rows[i];
		f->gone += row->fate == OC_REJECTED;
		oc_pedigree_write(&b, row);
	}
	oc_hasher_add(f->hash, b.p, b.len);
	oc_buf_fini(&b);
	return 0;
}

static struct oc_hash128 whole_run(unsigned threads, uint64_t n, uint64_t memory, uint64_t *gone)
{
	struct oc_err err = {0};
	struct oc_driven d;
	struct feed f = {.n = n, .hash = oc_hasher_new()};

	open_with(&d, "{}");
	struct oc_spill *spill = oc_spill_open(d.ctx, d.dir, "seen", d.def->stream_n, memory, &err);
	struct oc_step_run step = {.def = d.def,
	                           .self = d.self,
	                           .name = "near_dup",
	                           .role = OC_OBSERVE,
	                           .spill = spill};
	struct oc_pass pass = {.ctx = d.ctx,
	                       .steps = &step,
	                       .step_n = 1,
	                       .threads = threads,
	                       .user = &f,
	                       .feed = feed,
	                       .emit = emit};
	if (oc_pass_run(&pass, &err) || d.def->resolve(d.self, spill, &err))
		fail_msg("%s", err.msg);
	step.role = OC_APPLY;
	step.spill = NULL;
	f.next = f.gone = 0;
	if (oc_pass_run(&pass, &err))
		fail_msg("%s", err.msg);
	struct oc_hash128 h = oc_hasher_get(f.hash);
	*gone = f.gone;
	oc_hasher_free(f.hash);
	oc_spill_close(spill);
	oc_driven_close(&d);
	return h;
}

static void any_number_of_threads_and_memory_decides_the_same(void **state)
{
	(void)state;
	uint64_t gone[4];
	struct oc_hash128 one = whole_run(1, 3000, 64 << 20, &gone[0]),
			  two = whole_run(2, 3000, 64 << 20, &gone[1]),
			  five = whole_run(5, 3000, 64 << 20, &gone[2]),
			  little = whole_run(2, 3000, 256 << 10, &gone[3]);

	assert_true(gone[0] > 300);
	assert_memory_equal(&one, &two, sizeof one);
	assert_memory_equal(&one, &five, sizeof one);
	assert_memory_equal(&one, &little, sizeof one);
}

/*
 * A child holds what it holds at the start, then resolves. RLIMIT_DATA limits what it holds
 * privately (heap and anonymous maps) to `memory` more, and its peak resident size, which counts
 * mapped files too, must not be more than that above what it was either. The second input is ten
 * times the memory, the records of it many times: 160 bytes of bands a row alone.
 */
static void memory_is_obeyed_at_any_size(void **state)
{
	(void)state;
	enum { MEMORY = 1 << 20, SLACK = 1 << 20, RESIDENT_SLACK = 3 << 20 };
	static const uint64_t sizes[] = {3000, 30000};

	if (OC_SANITIZED)
		skip();
	for (size_t i = 0; i < 2; i++) {
		struct oc_driven d;
		open_with(&d, "{}");
		struct oc_spill *spill = observe(&d, sizes[i], MEMORY, text_of, NULL);
		oc_driven_resolve_within(&d, spill, MEMORY + SLACK, MEMORY + RESIDENT_SLACK);
		assert_true(oc_spill_len(spill, 1) >= sizes[i] * 160);
		oc_spill_close(spill);
		oc_driven_close(&d);
	}
}

/* ------------------------------------------------------- witnesses, clusters */

/* The shingles of text i, made anew. */
static uint32_t shingles_of(struct oc_arena *a, uint64_t i, uint32_t ngram, uint64_t **out)
{
	struct oc_buf b = {0};

	make_text(&b, i);
	struct oc_words words = oc_text_fold(a, oc_text_lower(a, oc_buf_view(&b)));
	uint64_t *room = oc_arena_alloc(a, (words.n + 1) * sizeof *room);
	*out = oc_arena_alloc(a, (words.n + 1) * sizeof **out);
	oc_buf_fini(&b);
	return oc_shingles(words.hash, words.n, ngram, *out, room);
}

static double share_of(const uint64_t *a, uint32_t na, const uint64_t *b, uint32_t nb,
                       bool contained)
{
	uint32_t both = 0;

	for (uint32_t i = 0; i < na; i++)
		for (uint32_t k = 0; k < nb; k++)
			both += a[i] == b[k];
	return (double)both / (contained ? (na < nb ? na : nb) : na + nb - both);
}

/* Every row that goes: its witness stays, is earlier, and shares what the evidence says, counted by
 * hand. The clusters' file holds exactly those pairs, in order. */
static void witnesses_are_as_stated(const char *options, double threshold, bool contained)
{
	enum { N = 2500 };
	const char *name = contained ? "containment" : "jaccard";
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	struct oc_driven d;
	unsigned gone = 0, listed = 0;
	uint64_t *near = oc_zalloc(N, sizeof *near);
	struct oc_buf file = {0}, path = {0};

	open_with(&d, options);
	struct oc_spill *spill = observe(&d, N, 1 << 20, text_of, NULL);
	if (d.def->resolve(d.self, spill, &err))
		fail_msg("%s", err.msg);
	for (uint64_t i = 0; i < N; i++) {
		const char *got = said(&d, i);
		near[i] = i;
		if (!*got)
			continue;
		yyjson_val *e = oc_json_parse(a, oc_str(got), &err);
		double stated = oc_json_get_num(e, name, -1);
		uint64_t *x, *y;
		near[i] = strtoull(oc_json_get_str(e, "near").p + 2, NULL, 10);
		gone++;
		uint32_t nx = shingles_of(a, i, 5, &x), ny = shingles_of(a, near[i], 5, &y);
		assert_true(near[i] < i);
		assert_true(near[near[i]] == near[i]);
		assert_true(stated >= threshold);
		assert_true(stated == share_of(x, nx, y, ny, contained));
	}
	assert_true(gone > N / 20);
	oc_buf_printf(&path, "%s/clusters.jsonl", d.dir);
	assert_int_equal(oc_file_read(oc_buf_cstr(&path), 1 << 24, &file, &err), 0);
	uint64_t last = 0;
	for (char *line = strtok(file.p, "\n"); line; line = strtok(NULL, "\n")) {
		yyjson_val *v = oc_json_parse(a, oc_str(line), &err), *member;
		uint64_t kept = strtoull(oc_json_get_str(v, "kept").p + 2, NULL, 10), before = 0;
		size_t i, max;
		assert_true(!listed || kept > last);
		last = kept;
		yyjson_arr_foreach(oc_json_get(v, "gone"), i, max, member)
		{
			uint64_t row = strtoull(oc_json_get_str(member, "key").p + 2, NULL, 10);
			assert_int_equal(near[row], kept);
			assert_true(row > before && oc_json_get_num(member, name, -1) >= threshold);
			before = row;
			listed++;
		}
	}
	assert_int_equal(listed, gone);
	struct oc_buf facts = {0};
	assert_int_equal(d.def->facts(d.self, &facts, &err), 0);
	yyjson_val *f = oc_json_parse(a, oc_buf_view(&facts), &err);
	if (!f || oc_facts_check(f, &err))
		fail_msg("%s", err.msg);
	yyjson_val *figure = oc_json_path(f, OC_LIT("figures.2"));
	assert_true(oc_json_get_num(figure, "value", 0) == gone);
	oc_buf_fini(&facts);
	oc_buf_fini(&file);
	oc_buf_fini(&path);
	oc_spill_close(spill);
	oc_driven_close(&d);
	oc_arena_free(a);
	free(near);
}

static void every_removal_has_its_witness(void **state)
{
	(void)state;
	witnesses_are_as_stated("{clusters: clusters.jsonl, threshold: 0.6}", 0.6, false);
	witnesses_are_as_stated("{clusters: clusters.jsonl, measure: containment, threshold: 0.8}",
	                        0.8, true);
}

/* The judge of candidates: the share found of all pairs of a bin is what the formula says. */
static void recall_is_as_promised_in_every_bin(void **state)
{
	(void)state;
	enum { N = 3000, BINS = 5 };
	struct oc_dup_bin bins[BINS] = {{.low = 0.5, .high = 0.6},
	                                {.low = 0.6, .high = 0.7},
	                                {.low = 0.7, .high = 0.8},
	                                {.low = 0.8, .high = 0.9},
	                                {.low = 0.9, .high = 1}};
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_dups dups;
	struct oc_dup_opts opts;
	const char *name;

	open_with(&d, "{bands: 10, rows: 6}");
	struct oc_spill *spill = observe(&d, N, 1 << 20, text_of, NULL);
	oc_near_dup_about(d.self, &d.ctx, &name, &opts);
	assert_int_equal(oc_dups_open(&dups, d.ctx, name, &opts, NULL, 0, spill, 64 << 20, &err),
	                 0);
	oc_dups_recall(&dups, bins, BINS);
	for (int i = 0; i < BINS; i++) {
		const struct oc_dup_bin *b = &bins[i];
		double p = b->expected, n = (double)b->pairs;
		print_message(
			"J %.1f to %.1f: %llu pairs, found %.3f [%.3f, %.3f], expected %.3f\n",
			b->low, b->high, (unsigned long long)b->pairs, (double)b->found / n,
			b->at_least, b->at_most, p);
		assert_true(b->pairs > 20);
		assert_true(fabs((double)b->found / n - p) < 4 * sqrt(p * (1 - p) / n) + 1e-3);
		assert_true(b->at_least <= (double)b->found / n &&
		            (double)b->found / n <= b->at_most);
	}
	oc_dups_close(&dups);
	oc_spill_close(spill);
	oc_driven_close(&d);
}

static void clusters_hold_what_is_removed(void **state)
{
	(void)state;
	enum { N = 3000 };
	struct oc_err err = {0};
	struct oc_driven d;
	uint64_t *cluster = oc_zalloc(N, sizeof *cluster);

	open_with(&d, "{}");
	struct oc_spill *spill = observe(&d, N, 1 << 20, text_of, NULL);
	assert_int_equal(d.def->resolve(d.self, spill, &err), 0);
	assert_int_equal(oc_cluster_rows(d.self, spill, N, cluster, &err), 0);
	for (uint64_t i = 0; i < N; i++) {
		unsigned near;
		assert_true(cluster[i] <= i);
		assert_int_equal(cluster[cluster[i]], cluster[i]);
		if (sscanf(said(&d, i), "{\"near\":\"s:%u\"", &near) == 1)
			assert_int_equal(cluster[i], cluster[near]);
	}
	oc_spill_close(spill);
	oc_driven_close(&d);
	free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decides_as_the_judge),
		cmocka_unit_test(a_chain_does_not_collapse),
		cmocka_unit_test(short_copies_are_found),
		cmocka_unit_test(recall_follows_the_closed_form),
		cmocka_unit_test(any_number_of_threads_and_memory_decides_the_same),
		cmocka_unit_test(memory_is_obeyed_at_any_size),
		cmocka_unit_test(clusters_hold_what_is_removed),
		cmocka_unit_test(every_removal_has_its_witness),
		cmocka_unit_test(recall_is_as_promised_in_every_bin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
