/* decontaminate: against a judge that compares every word with every other; short items, templates,
 * cuts, places in the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "curate/decontaminate.h"
#include "data/opts.h"
#include "data/yaml.h"
#include "pipe/spill.h"
#include "plan/registry.h"
#include "stage.h"
#include "text/utf8.h"
#include "text/view.h"

/* A stage over one benchmark file with these bytes. */
static void open_over(struct oc_driven *d, const char *options, struct oc_str benchmark,
                      const char *tail)
{
	char path[] = "/tmp/test-decontaminate-XXXXXX", given[64];
	struct oc_err err = {0};
	struct oc_buf all = {0};

	assert_non_null(mkdtemp(path));
	snprintf(given, sizeof given, "%s/b%s", path, tail);
	FILE *f = fopen(given, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(benchmark.p, 1, benchmark.len, f), benchmark.len);
	assert_int_equal(fclose(f), 0);
	oc_buf_printf(&all, "{against: [%s], %s}", given, options);
	int rc = oc_driven_open(d, "decontaminate", oc_buf_cstr(&all), 0, &err);
	unlink(given);
	rmdir(path);
	oc_buf_fini(&all);
	if (rc)
		fail_msg("%s", err.msg);
}

static const char *judge(struct oc_driven *d, const char *json)
{
	static char out[2048];
	struct oc_batch *b = oc_batch_new(1);
	struct oc_row *row = oc_driven_row(b, json, 0, OC_SYNTHETIC);

	oc_driven_run(d, row);
	snprintf(out, sizeof out, "%s %s %s %.*s", oc_fate_name(row->fate), oc_last_rule(row),
	         row->verdict_n ? oc_last_evidence(row) : "", OC_ARG(row->raw));
	oc_batch_free(b);
	return out;
}

static void says(struct oc_driven *d, const char *json, const char *want)
{
	const char *got = judge(d, json);
	if (!strstr(got, want))
		fail_msg("%s: %s\n lacks %s", json, got, want);
}

static void every_shared_run_is_found(void **state)
{
	(void)state;
	enum { ITEMS = 40, ROWS = 1500, LONG = 40 };
	static unsigned item[ITEMS][LONG], item_n[ITEMS];
	struct oc_rng rng;
	struct oc_draws d;
	struct oc_driven stage;
	struct oc_buf lines = {0}, json = {0};
	unsigned hits = 0;

	oc_rng_init(&rng, 7, "test/decontaminate");
	for (unsigned i = 0; i < ITEMS; i++) {
		oc_draws_init(&d, &rng, i);
		item_n[i] = 5 + (unsigned)oc_draw_below(&d, LONG - 5);
		for (unsigned k = 0; k < item_n[i]; k++) {
			item[i][k] = (unsigned)oc_draw_below(&d, 4);
			oc_buf_printf(&lines, "w%u%s", item[i][k], k + 1 < item_n[i] ? " " : "\n");
		}
	}
	open_over(&stage, "ngram: 7, max_items: 1000000", oc_buf_view(&lines), ".txt");
	for (unsigned r = 0; r < ROWS; r++) {
		unsigned word[60], n, best = 0;
		char want[64];
		oc_draws_init(&d, &rng, 1000 + r);
		n = (unsigned)oc_draw_below(&d, 60);
		json.len = 0;
		oc_buf_puts(&json, "{\"text\":\"");
		for (unsigned k = 0; k < n; k++) {
			word[k] = (unsigned)oc_draw_below(&d, 4);
			oc_buf_printf(&json, "%sW%u", k ? ", " : "", word[k]);
		}
		oc_buf_puts(&json, "\"}");
		for (unsigned i = 0; i < ITEMS; i++)
			for (unsigned a = 0; a < item_n[i]; a++)
				for (unsigned b = 0; b < n; b++) {
					unsigned k = 0, least = item_n[i] < 7 ? item_n[i] : 7;
					while (a + k < item_n[i] && b + k < n &&
					       item[i][a + k] == word[b + k])
						k++;
					if (k >= least && k > best)
						best = k;
				}
		if (best)
			snprintf(want, sizeof want, "rejected contaminated {");
		else
			snprintf(want, sizeof want, "live ");
		says(&stage, oc_buf_cstr(&json), want);
		if (best) {
			snprintf(want, sizeof want, "\"words\":%u,", best);
			says(&stage, oc_buf_cstr(&json), want);
		}
		hits += best > 0;
	}
	assert_true(hits > ROWS / 20 && hits < ROWS - ROWS / 20);
	oc_buf_fini(&lines);
	oc_buf_fini(&json);
	oc_driven_close(&stage);
}

#define ITEM "Natalia sold clips to 48 of her friends in April, and half as many in May."

static void the_evidence_says_where(void **state)
{
	(void)state;
	struct oc_driven d;

	open_over(&d, "fields: [question], ngram: 8",
	          OC_LIT("{\"task_id\":\"t/1\",\"question\":\"" ITEM "\",\"answer\":\"72\"}\n"),
	          ".jsonl");
	/* U+0130 is longer in lower case: places are those of the text as written */
	says(&d,
	     "{\"text\":\"\xC4\xB0\xC4\xB0 natalia SOLD clips (to 48 of her friends) in april!\"}",
	     "\"item\":\"t/"
	     "1\",\"words\":10,\"of\":16,\"items\":1,\"hits\":1,\"share\":0.3333,\"row_at\":[5,50],"
	     "\"text\":\"natalia SOLD clips (to 48 of her friends) in april\"");
	says(&d, "{\"text\":\"natalia sold clips to 48 of her\"}", "live ");
	says(&d, "{\"text\":\"\"}", "live ");
	oc_driven_close(&d);
	open_over(&d, "fields: [question], ngram: 8, action: cut, field: text",
	          OC_LIT("{\"question\":\"" ITEM "\"}\n"), ".jsonl");
	says(&d, "{\"text\":\"Before. " ITEM " After.\"}", "{\"text\":\"Before. . After.\"}");
	says(&d, "{\"text\":\"" ITEM "\"}", "live contaminated");
	oc_driven_close(&d);
	open_over(&d, "fields: [question], ngram: 8, action: report",
	          OC_LIT("{\"question\":\"" ITEM "\"}\n"), ".jsonl");
	says(&d, "{\"text\":\"" ITEM "\"}", "live contaminated");
	oc_driven_close(&d);
}

static void short_items_need_their_answer(void **state)
{
	(void)state;
	struct oc_driven d;

	open_over(&d, "fields: [q], answer: a, near: 6",
	          OC_LIT("{\"q\":\"What is the capital of Peru?\",\"a\":\"Lima\"}\n"
	                 "{\"q\":\"Of what is the capital?\",\"a\":\"what\"}\n"
	                 "{\"q\":\"Too short\",\"a\":\"yes\"}\n"),
	          ".jsonl");
	says(&d, "{\"text\":\"what is the capital of peru\"}", "live ");
	says(&d, "{\"text\":\"What is the capital of Peru? It is Lima.\"}", "\"item\":\"1\"");
	says(&d, "{\"text\":\"What is the capital of Peru? 1 2 3 4 5 6 7 Lima.\"}", "live ");
	says(&d, "{\"text\":\"of what is the capital\"}", "live ");
	says(&d, "{\"text\":\"Too short? yes\"}", "live ");
	oc_driven_close(&d);
}

static void templates_make_no_hit(void **state)
{
	(void)state;
	struct oc_driven d;
	struct oc_buf lines = {0};

	for (unsigned i = 0; i < 4; i++)
		oc_buf_printf(&lines,
		              "what is printed by the following program number %u%u alpha%u\n", i,
		              i, i);
	open_over(&d, "ngram: 6, max_items: 3", oc_buf_view(&lines), ".txt");
	says(&d, "{\"text\":\"what is printed by the following program\"}", "live ");
	says(&d, "{\"text\":\"printed by the following program number 22\"}", "\"words\":7");
	oc_driven_close(&d);
	oc_buf_fini(&lines);
}

/* Our words are those of the shared view: the same places, and equal where those are. */
static void words_are_those_of_the_view(void **state)
{
	(void)state;
	static const char *const parts[] = {"a", "Z",  "9",        " ",  ".",           "\n",
	                                    "é", "É",  "\xC4\xB0", "日", "か",          "ก",
	                                    "ำ", "של", "ß",        "İ",  "\xFF",        "\xE3\x81",
	                                    "_", "Å",  "٣",        "’",  "\xE2\x80\x8D"};
	struct oc_leak_words w = {0};
	struct oc_arena *a = oc_arena_new();
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, 5, "test/decontaminate/words");
	for (uint64_t i = 0; i < 3000; i++) {
		struct oc_buf text = {0};
		oc_draws_init(&d, &rng, i);
		for (unsigned k = 0; k < 25; k++)
			oc_buf_puts(&text, parts[oc_draw_below(&d, sizeof parts / sizeof *parts)]);
		struct oc_words want = oc_text_fold(a, oc_text_lower(a, oc_buf_view(&text)));
		oc_leak_words(&w, OC_LEAKS_OWN, oc_buf_view(&text), a);
		assert_int_equal(w.n, want.n);
		for (uint32_t k = 0; k < w.n; k++) {
			struct oc_str raw = {text.p + w.from[k], w.to[k] - w.from[k]};
			struct oc_str lower = oc_text_lower(a, raw);
			assert_true(oc_str_eq(lower, want.word[k]));
			for (uint32_t j = 0; j < k; j++)
				assert_int_equal(w.hash[j] == w.hash[k],
				                 oc_str_eq(want.word[j], want.word[k]));
		}
		oc_buf_fini(&text);
		oc_arena_reset(a);
	}
	oc_leak_words_fini(&w);
	oc_arena_free(a);
}

/* n rows through observe, resolve and apply; what became of each in `fate`. */
static void run_whole(struct oc_driven *d, const char *const *rows, unsigned n, uint64_t memory,
                      enum oc_fate *fate)
{
	struct oc_err err = {0};
	struct oc_spill *spill = oc_spill_open(d->ctx, d->dir, "seen", 1, memory, &err);
	struct oc_buf out = {0};

	assert_int_equal(d->def->kind, OC_STAGE_WHOLE);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < n; i++) {
			struct oc_batch *b = oc_batch_new(1);
			struct oc_row *row = oc_driven_row(b, rows[i], i, OC_REAL);
			int rc = pass ? d->def->apply(d->self, d->scratch, row, &err)
			              : d->def->observe(d->self, d->scratch, row, &out, &err);
			if (rc)
				fail_msg("%s", err.msg);
			fate[i] = row->fate;
			oc_batch_free(b);
		}
		if (pass)
			break;
		assert_int_equal(oc_spill_add(spill, 0, out.p, out.len, &err), 0);
		assert_int_equal(d->def->resolve(d->self, spill, &err), 0);
	}
	oc_spill_close(spill);
	oc_buf_fini(&out);
}

static void what_many_rows_say_is_no_leak(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"{\"text\":\"once upon a time there was a king who had three sons\"}",
		"{\"text\":\"Once upon a time there was a king who had three daughters.\"}",
		"{\"text\":\"once upon a time there was a king who had three sons and a dog\"}",
		"{\"text\":\"He began: once upon a time there was a king who had none\"}",
		"{\"text\":\"the second of them left the house at night with nothing but a lamp\"}",
	};
	struct oc_driven d;
	struct oc_err err = {0};
	enum oc_fate fate[5];
	struct oc_buf facts = {0};

	open_over(&d, "frequent: 3, ngram: 8",
	          OC_LIT("Once upon a time there was a king who had three sons. The second of them "
	                 "left the house at night with nothing but a lamp.\n"),
	          ".txt");
	run_whole(&d, rows, 5, 1 << 20, fate);
	/* "... who had three sons" stands in two rows, "... who had three" in three */
	assert_int_equal(fate[0], OC_REJECTED);
	assert_int_equal(fate[1], OC_REJECTED);
	assert_int_equal(fate[2], OC_REJECTED);
	assert_int_equal(fate[3], OC_LIVE);
	assert_int_equal(fate[4], OC_REJECTED);
	assert_int_equal(d.def->facts(d.self, &facts, &err), 0);
	assert_non_null(strstr(oc_buf_cstr(&facts), "4 rows hold words of 1 of the benchmarks' 1"));
	assert_non_null(strstr(facts.p, "1 hits were taken for templates"));
	oc_buf_fini(&facts);
	oc_driven_close(&d);
}

/* --------------------------------------------------------- an index on disk */

/* A stage opened to make an index is given rows of a file, then writes it. */
static void build(const char *options, const char *file, const char *const *rows, unsigned n,
                  const char *path)
{
	const struct oc_stage_def *def = oc_stage_find(OC_LIT("decontaminate"));
	struct oc_arena *a = oc_arena_new();
	struct oc_batch *b = oc_batch_new(n ? n : 1);
	struct oc_buf json = {0}, out = {0};
	struct oc_err err = {0};
	void *self;

	yyjson_val *given = oc_yaml_parse(a, oc_str(options), "options", NULL, &err);
	yyjson_val *opts = oc_opts_resolve(a, def->options, given, "stage", NULL, NULL, &err);
	assert_non_null(opts);
	def = def->as(opts);
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_env env = {.size = sizeof env,
	                     .ctx = ctx,
	                     .name = "decontaminate",
	                     .base_dir = ".",
	                     .work_dir = "/tmp",
	                     .indexing = true};
	if (def->open(&self, &env, opts, &err))
		fail_msg("%s", err.msg);
	for (unsigned i = 0; i < n; i++) {
		struct oc_row *row = oc_driven_row(b, rows[i], i, OC_UNKNOWN);
		row->ped.row = i;
		row->ped.span.file = oc_str(file);
		if (def->kind == OC_STAGE_ORDERED)
			assert_int_equal(def->ordered(self, row, NULL, &out, &err), 0);
		else
			assert_int_equal(def->observe(self, NULL, row, &out, &err), 0);
		assert_int_equal(row->fate, OC_LIVE);
	}
	struct oc_spill *spill = NULL;
	if (def->kind == OC_STAGE_WHOLE) {
		spill = oc_spill_open(ctx, "/tmp", "test-decontaminate", 1, 1 << 20, &err);
		assert_int_equal(oc_spill_add(spill, 0, out.p, out.len, &err), 0);
	}
	if (def->index(self, spill, path, &err))
		fail_msg("%s", err.msg);
	oc_spill_close(spill);
	def->close(self);
	oc_batch_free(b);
	oc_ctx_free(ctx);
	oc_arena_free(a);
	oc_buf_fini(&json);
	oc_buf_fini(&out);
}

enum { INDEXED = 30 };

/* Drawn rows of a benchmark, some without an id, some too short, some with words of others. */
static void draw_items(const struct oc_rng *rng, uint64_t from, char rows[INDEXED][600])
{
	struct oc_draws d;

	for (unsigned i = 0; i < INDEXED; i++) {
		char *p = rows[i];
		oc_draws_init(&d, rng, from + i);
		unsigned n = 2 + (unsigned)oc_draw_below(&d, 25);
		p += sprintf(p, "{\"a\":\"x%u\",\"q\":\"", (unsigned)oc_draw_below(&d, 3));
		for (unsigned k = 0; k < n; k++)
			p += sprintf(p, "W%u%s ", (unsigned)oc_draw_below(&d, 3),
			             oc_draw_below(&d, 9) ? "" : ",");
		sprintf(p, i % 3 ? "\"}" : "\",\"id\":\"i%u\"}", i);
	}
}

static void write_rows(const char *path, char rows[INDEXED][600])
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (unsigned i = 0; i < INDEXED; i++)
		fprintf(f, "%s\n", rows[i]);
	assert_int_equal(fclose(f), 0);
}

/* What three stages over the same items say: of files, of indexes, of both. */
static void same_verdicts(struct oc_driven d[3], const struct oc_rng *rng, bool whole)
{
	struct oc_draws draws;
	struct oc_err err = {0};
	struct oc_buf facts[3] = {{0}};
	static char rows[300][400];
	const char *pointers[300];
	unsigned hits = 0;

	for (unsigned r = 0; r < 300; r++) {
		char *p = rows[r];
		oc_draws_init(&draws, rng, 5000 + r);
		unsigned n = (unsigned)oc_draw_below(&draws, 50);
		p += sprintf(p, "{\"text\":\"");
		for (unsigned k = 0; k < n; k++)
			p += sprintf(p, oc_draw_below(&draws, 20) ? "w%u " : "x%u ",
			             (unsigned)oc_draw_below(&draws, 3));
		strcpy(p, "\"}");
		pointers[r] = rows[r];
	}
	if (whole) {
		enum oc_fate fate[3][300];
		for (unsigned k = 0; k < 3; k++)
			run_whole(&d[k], pointers, 300, 1 << 20, fate[k]);
		assert_memory_equal(fate[0], fate[1], sizeof fate[0]);
		assert_memory_equal(fate[0], fate[2], sizeof fate[0]);
	}
	for (unsigned r = 0; r < 300 && !whole; r++) {
		char want[2048];
		snprintf(want, sizeof want, "%s", judge(&d[0], rows[r]));
		hits += strstr(want, "contaminated") != NULL;
		assert_string_equal(judge(&d[1], rows[r]), want);
		assert_string_equal(judge(&d[2], rows[r]), want);
	}
	if (!whole)
		assert_in_range(hits, 10, 290);
	for (unsigned k = 0; k < 3; k++)
		assert_int_equal(d[k].def->facts(d[k].self, &facts[k], &err), 0);
	assert_string_equal(oc_buf_cstr(&facts[1]), oc_buf_cstr(&facts[0]));
	assert_string_equal(oc_buf_cstr(&facts[2]), oc_buf_cstr(&facts[0]));
	for (unsigned k = 0; k < 3; k++)
		oc_buf_fini(&facts[k]);
}

static void an_index_stands_for_its_files(void **state)
{
	(void)state;
	static const char *const options[] = {
		"",
		"ngram: 4, least: 2",
		"compat: datatrove, ngram: 6",
		"compat: gpt3, ngram: 5",
		"compat: cosmopedia, ngram: 5",
		"frequent: 4, ngram: 5",
	};
	static char first[INDEXED][600], second[INDEXED][600];
	const char *pointers[INDEXED];
	struct oc_rng rng;
	struct oc_err err = {0};
	char dir[] = "/tmp/test-decontaminate-XXXXXX", a[64], b[64], ia[64], ib[64], iab[64];

	assert_non_null(mkdtemp(dir));
	snprintf(a, sizeof a, "%s/a.jsonl", dir);
	snprintf(b, sizeof b, "%s/b.jsonl", dir);
	snprintf(ia, sizeof ia, "%s/a.index", dir);
	snprintf(ib, sizeof ib, "%s/b.index", dir);
	snprintf(iab, sizeof iab, "%s/ab.index", dir);
	oc_rng_init(&rng, 3, "test/decontaminate/index");
	draw_items(&rng, 0, first);
	draw_items(&rng, 100, second);
	write_rows(a, first);
	write_rows(b, second);
	for (unsigned i = 0; i < INDEXED; i++)
		pointers[i] = first[i];
	for (unsigned k = 0; k < sizeof options / sizeof *options; k++) {
		const char *with = options[k];
		/* an index serves other sizes of n-grams than those it was made with */
		const char *compat = strstr(with, "compat") ? with : "frequent: 9, ngram: 30";
		struct oc_driven d[3];
		char text[512];
		snprintf(text, sizeof text, "{against: [], fields: [q], answer: a, %s}", compat);
		build(text, a, pointers, INDEXED, ia);
		snprintf(text, sizeof text, "{against: [%s], fields: [q], answer: a, %s}", b,
		         compat);
		build(text, "", NULL, 0, ib);
		snprintf(text, sizeof text, "{against: [%s, %s], fields: [q], answer: a, %s}", ia,
		         ib, compat);
		build(text, "", NULL, 0, iab);
		const char *const against[3][2] = {{a, b}, {iab, NULL}, {ia, b}};
		for (unsigned i = 0; i < 3; i++) {
			snprintf(text, sizeof text,
			         "{against: [%s%s%s], fields: [q], answer: a, %s}", against[i][0],
			         against[i][1] ? ", " : "", against[i][1] ? against[i][1] : "",
			         with);
			if (oc_driven_open(&d[i], "decontaminate", text, 0, &err))
				fail_msg("%s", err.msg);
		}
		same_verdicts(d, &rng, strstr(with, "frequent") != NULL);
		for (unsigned i = 0; i < 3; i++)
			oc_driven_close(&d[i]);
	}
	assert_int_equal(oc_remove_tree(dir, &err), 0);
}

static void refused(const char *path, const char *options, const char *want)
{
	struct oc_driven d;
	struct oc_err err = {0};
	char text[256];

	snprintf(text, sizeof text, "{against: [%s], %s}", path, options);
	assert_int_equal(oc_driven_open(&d, "decontaminate", text, 0, &err), -1);
	if (!strstr(err.msg, want))
		fail_msg("%s: \"%s\" lacks \"%s\"", options, err.msg, want);
}

static void an_index_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"{\"q\":\"What is the capital of Peru, and of Chile?\",\"a\":\"Lima\"}",
		"{\"q\":\"\",\"a\":\"\"}"};
	char dir[] = "/tmp/test-decontaminate-XXXXXX", path[64], other[64];
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_buf bytes = {0};

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x.index", dir);
	snprintf(other, sizeof other, "%s/y.index", dir);
	build("{against: [], fields: [q], answer: a}", "f.jsonl", rows, 2, path);
	assert_int_equal(oc_file_read(path, 1 << 20, &bytes, &err), 0);
	refused(path, "fields: [q]", "`answer`");
	refused(path, "fields: [a], answer: a", "`fields`");
	refused(path, "fields: [q], answer: a, compat: gpt3", "`compat`");
	for (size_t i = 0; i < bytes.len; i += 7) { /* no byte of it may be changed */
		struct oc_str name = OC_LIT("OCINDEX\n");
		char was = bytes.p[i];
		bool padding = false;
		bytes.p[i] ^= 1;
		assert_int_equal(oc_file_write(other, bytes.p, bytes.len, &err), 0);
		char text[256];
		snprintf(text, sizeof text, "{against: [%s], fields: [q], answer: a}", other);
		if (oc_driven_open(&d, "decontaminate", text, 0, &err) == 0) {
			padding = was == 0; /* between sections, or of the header */
			assert_true(padding);
			oc_driven_close(&d);
		} else {
			assert_true(i < name.len || strstr(err.msg, "build it again") ||
			            strstr(err.msg, "newer") || strstr(err.msg, "damaged"));
			err = (struct oc_err){0};
		}
		bytes.p[i] = was;
	}
	for (size_t n = 0; n < bytes.len; n += 31) { /* nor may any be missing */
		assert_int_equal(oc_file_write(other, bytes.p, n, &err), 0);
		if (n >= 8)
			refused(other, "fields: [q], answer: a", n < 64 ? "no index" : "cut short");
	}
	oc_buf_fini(&bytes);
	assert_int_equal(oc_remove_tree(dir, &err), 0);
}

static void a_benchmark_without_the_fields_is_refused(void **state)
{
	(void)state;
	static const char rows[] =
		"{\"id\":1,\"turns\":[\"one two three four five six\",\"seven eight "
		"nine ten eleven twelve thirteen\"]}\n";
	struct oc_driven d;
	char dir[] = "/tmp/test-decontaminate-XXXXXX", path[64];
	struct oc_err err = {0};

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x.jsonl", dir);
	assert_int_equal(oc_file_write(path, rows, sizeof rows - 1, &err), 0);
	refused(path, "fields: [prompt, question]", "has the field `prompt` or another");
	oc_remove_tree(dir, &err);
	open_over(&d, "fields: [prompt, turns]", oc_str(rows), ".jsonl");
	says(&d,
	     "{\"text\":\"two three four five six seven eight nine ten eleven twelve thirteen "
	     "fourteen\"}",
	     "live ");
	says(&d,
	     "{\"text\":\"one two three four five six seven eight nine ten eleven twelve "
	     "thirteen\"}",
	     "\"words\":13");
	oc_driven_close(&d);
}

/* A run that goes on counts what it had found, and only in the items in which it found it. */
static void going_on_needs_the_same_items(void **state)
{
	(void)state;
	static const char a[] = "one two three four five six\nseven eight nine ten eleven\n",
			  b[] = "seven eight nine ten eleven\n";
	static const char row[] = "{\"text\":\"and one two three four five six\"}";
	struct oc_driven first, again, other;
	struct oc_err err = {0};
	struct oc_buf want = {0}, got = {0};

	open_over(&first, "near: 9", oc_str(a), ".txt");
	says(&first, row, "rejected contaminated");
	assert_int_equal(first.def->facts(first.self, &want, &err), 0);
	open_over(&again, "near: 9", oc_str(a), ".txt");
	assert_int_equal(again.def->restore(again.self, first.state.p, first.state.len, &err), 0);
	open_over(&other, "near: 9", oc_str(b), ".txt");
	assert_int_equal(other.def->restore(other.self, first.state.p, first.state.len, &err), -1);
	assert_non_null(strstr(err.msg, "not those with which this run began"));
	err = (struct oc_err){0};
	assert_int_equal(again.def->facts(again.self, &got, &err), 0);
	assert_non_null(strstr(oc_buf_cstr(&got), "1 rows hold words of 1 of the benchmarks' 2"));
	assert_int_equal(got.len, want.len); /* the files' names differ, their length does not */
	oc_buf_fini(&want);
	oc_buf_fini(&got);
	oc_driven_close(&first);
	oc_driven_close(&again);
	oc_driven_close(&other);
}

/* Excerpts begin and end between words, and hold the hit's beginning. */
static void excerpts_are_cut_between_words(void **state)
{
	(void)state;
	struct oc_buf text = {0};
	struct oc_str e;

	for (unsigned i = 0; i < 300; i++)
		oc_buf_printf(&text, "word%u%s", i, i % 5 ? " " : ",\n  ");
	for (size_t at = 0; at < text.len; at++) {
		e = oc_leak_excerpt(oc_buf_view(&text), at, 80);
		size_t from = (size_t)(e.p - text.p), to = from + e.len;
		assert_true(from <= at && to >= from && e.len <= 80);
		assert_true(at - from <= 80 / 8);
		assert_true(!from || text.p[from - 1] <= ' ' || at - from == 80 / 8);
		assert_true(to == text.len || text.p[to] <= ' ');
	}
	text.len = 0;
	for (unsigned i = 0; i < 300; i++) /* no white space: code points stay whole */
		oc_buf_puts(&text, "日");
	for (size_t at = 0; at <= text.len; at += 3) {
		e = oc_leak_excerpt(oc_buf_view(&text), at, 80);
		assert_int_equal((size_t)(e.p - text.p) % 3, 0);
		assert_int_equal(e.len % 3, 0);
	}
	assert_int_equal(oc_leak_excerpt(OC_LIT("ab"), 9, 80).len, 2);
	assert_int_equal(oc_leak_excerpt(OC_LIT(""), 0, 80).len, 0);
	oc_buf_fini(&text);
}

#define LETTERS "a b c d e f g h i j k l m n o p q r s t u v w x y z"

static void the_rules_of_others(void **state)
{
	(void)state;
	struct oc_driven d;
	struct oc_buf row = {0}, pad = {0};

	/* datatrove: 12 tokens, at least one of them of the answer */
	open_over(&d, "compat: datatrove, fields: [q], answer: a",
	          OC_LIT("{\"q\":\"a1 b c d e f g h i j k l m n o p\",\"a\":\"u v w x y z\"}\n"),
	          ".jsonl");
	says(&d, "{\"text\":\"a1 b c d e f g h i j k l m n o p\"}", "live ");
	says(&d, "{\"text\":\"F, g (h) I j k l m n o p: u\"}", "\"simplified_at\"");
	says(&d, "{\"text\":\"g h i j k l m n o p u\"}", "live ");
	says(&d, "{\"text\":\"u v w x y z\"}", "live ");
	oc_driven_close(&d);

	/* gpt3: punctuation alone is a word that equals none; cut with 200 characters around */
	open_over(&d, "compat: gpt3, action: cut, field: text", OC_LIT(LETTERS "\n"), ".txt");
	says(&d, "{\"text\":\"a b c d e f - g h i j k l m n\"}", "live ");
	says(&d, "{\"text\":\"A, b c d e f g h i j k l m.\"}", "rejected nothing_left");
	says(&d, "{\"text\":\"" LETTERS "\"}", "rejected too_dirty");
	for (unsigned i = 0; i < 500; i++)
		oc_buf_puts(&pad, i % 10 ? "é" : " ");
	oc_buf_printf(&row, "{\"text\":\"%s a b c d e f g h i j k l m %s\"}", oc_buf_cstr(&pad),
	              pad.p);
	struct oc_batch *b = oc_batch_new(1);
	struct oc_row *r = oc_driven_row(b, oc_buf_cstr(&row), 0, OC_REAL);
	struct oc_str text;
	oc_driven_run(&d, r);
	assert_int_equal(r->fate, OC_LIVE);
	oc_row_field(r, OC_LIT("text"), &text);
	/* 501 - 200 characters before and as many after, and the break between the pieces */
	assert_int_equal(oc_utf8_count(text), 301 + 1 + 301);
	oc_batch_free(b);
	oc_driven_close(&d);

	/* cosmopedia: ten words nominate, half of the characters decide */
	open_over(&d, "compat: cosmopedia", OC_LIT("Àpple " LETTERS " omega\n"), ".txt");
	says(&d, "{\"text\":\"x apple a b c d e f g h i\"}", "live ");
	says(&d, "{\"text\":\"APPLE: a b c d e f g h i j k l m n o p q\"}",
	     "rejected contaminated");
	says(&d, "{\"text\":\"a b c d e f g h i, j! k l m n o p q r s t u\"}", "\"share\":0.6");
	oc_driven_close(&d);
	oc_buf_fini(&row);
	oc_buf_fini(&pad);
}

/* difflib's answers: characters in common blocks longer than 5 over those of the item. */
static void overlap_is_difflibs(void **state)
{
	(void)state;
	assert_true(oc_leak_overlap(OC_LIT("abcdefgh"), OC_LIT("abcdefgh")) == 1);
	assert_true(oc_leak_overlap(OC_LIT("abcde"), OC_LIT("abcde")) == 0);
	assert_true(oc_leak_overlap(OC_LIT(""), OC_LIT("abcdef")) == 0);
	assert_true(oc_leak_overlap(OC_LIT("abcdef"), OC_LIT("")) == 0);
	/* the longest block first: what comes before it in one text may not come after in the other
	 */
	assert_true(oc_leak_overlap(OC_LIT("0123456789 abcdefg"), OC_LIT("abcdefg 0123456789")) ==
	            10.0 / 18);
	assert_true(oc_leak_overlap(OC_LIT("xx abcdef yy ghijkl"), OC_LIT("abcdefghijkl")) == 1);
	assert_true(oc_leak_overlap(OC_LIT("äöüßéè"), OC_LIT("äöüßéè")) == 1);
}

/* Rows that others choke on: linear time, and a verdict that makes sense. */
static void hostile_rows(void **state)
{
	(void)state;
	struct oc_driven d;
	struct oc_buf row = {0};

	open_over(&d, "ngram: 8, near: 5",
	          OC_LIT("word word word word word word word word word word word word\n"
	                 "word word word word word\n"
	                 "今日は天気がいいですね散歩に行きましょう\n"
	                 "วันนี้อากาศดีมาก เราไปเดินเล่นกันเถอะ ในสวน กับ หมา ของ เรา ทุก วัน\n"
	                 "שלום לכל מי שקורא את השורה הזאת בבוקר\n"),
	          ".txt");
	oc_buf_puts(&row, "{\"text\":\"");
	for (unsigned i = 0; i < 1000000; i++)
		oc_buf_puts(&row, "word ");
	oc_buf_puts(&row, "\"}");
	says(&d, oc_buf_cstr(&row), "rejected contaminated {");
	row.len = 0;
	oc_buf_puts(&row, "{\"text\":\"");
	for (unsigned i = 0; i < 20000000; i++)
		oc_buf_putc(&row, i % 97 ? 'x' : (char)('a' + i % 25));
	oc_buf_puts(&row, "\"}");
	struct oc_batch *b = oc_batch_new(1);
	struct oc_row *r = oc_driven_row(b, oc_buf_cstr(&row), 0, OC_REAL);
	oc_driven_run(&d, r);
	assert_int_equal(r->fate, OC_LIVE);
	oc_batch_free(b);
	says(&d, "{\"text\":\"…「今日は天気がいいですね、散歩に行きましょう」\"}", "\"words\":20");
	says(&d, "{\"text\":\"ก วันนี้อากาศดีมาก เราไปเดินเล่นกันเถอะ ในสวน กับ หมา ของ เรา ทุก วัน\"}",
	     "\"item\":\"4\"");
	says(&d, "{\"text\":\"שלום, לכל מי שקורא את השורה הזאת בבוקר!\"}", "\"item\":\"5\"");
	says(&d, "{\"text\":\"\"}", "live ");
	says(&d, "{}", "live ");
	oc_driven_close(&d);
	oc_buf_fini(&row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shared_run_is_found),
		cmocka_unit_test(the_evidence_says_where),
		cmocka_unit_test(short_items_need_their_answer),
		cmocka_unit_test(templates_make_no_hit),
		cmocka_unit_test(words_are_those_of_the_view),
		cmocka_unit_test(what_many_rows_say_is_no_leak),
		cmocka_unit_test(an_index_stands_for_its_files),
		cmocka_unit_test(an_index_that_does_not_fit_is_refused),
		cmocka_unit_test(a_benchmark_without_the_fields_is_refused),
		cmocka_unit_test(going_on_needs_the_same_items),
		cmocka_unit_test(excerpts_are_cut_between_words),
		cmocka_unit_test(the_rules_of_others),
		cmocka_unit_test(overlap_is_difflibs),
		cmocka_unit_test(hostile_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
