/*
 * bench_decontaminate: documents of 220 words, one in a hundred with words of an item, through the
 * stage decontaminate on one thread, against the benchmarks' files where they lie (GSM8K's test
 * set, MBPP, HumanEval, MT-Bench, IFEval: ${OUTCROSS_SHARED:-../shared}/data/text) or against 2,000
 * drawn items where they do not. MB/s of the thread's own time, so that a busy machine counts
 * little; baseline: a hash of the same bytes in the same measure. The first argument multiplies the
 * number of documents.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/opts.h"
#include "data/row.h"
#include "plan/registry.h"
#include "text/view.h"

enum { WORDS = 220, VOCABULARY = 40000, ROWS = 40000, ITEMS = 2000 };

static struct oc_str vocabulary[VOCABULARY];

static double own_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void make_words(const struct oc_rng *rng, uint64_t i, unsigned n, struct oc_buf *b)
{
	struct oc_draws d;

	oc_draws_init(&d, rng, i);
	for (unsigned k = 0; k < n; k++) {
		double u = oc_draw_unit(&d);
		oc_buf_str(b, vocabulary[(unsigned)(VOCABULARY * u * u * u)]);
		oc_buf_puts(b, k + 1 == n ? "." : oc_draw_below(&d, 12) ? " " : ", ");
	}
}

/* {"against": [...], ...} in `opts`. */
static void against(const struct oc_rng *rng, const char *dir, struct oc_buf *opts)
{
	static const char *const names[] = {"gsm8k_test.jsonl", "mbpp_sanitized.json",
	                                    "HumanEval.jsonl", "mt_bench_questions.jsonl",
	                                    "ifeval_input_data.jsonl"};
	const char *shared = getenv("OUTCROSS_SHARED");
	struct oc_buf items = {0}, path = {0};
	unsigned n = 0;

	oc_buf_puts(opts, "{\"action\":\"report\",\"against\":[");
	for (unsigned i = 0; i < 5; i++) {
		path.len = 0;
		oc_buf_printf(&path, "%s/data/text/%s", shared && *shared ? shared : "../shared",
		              names[i]);
		if (access(oc_buf_cstr(&path), R_OK))
			continue;
		oc_buf_puts(opts, n++ ? "," : "");
		oc_buf_json(opts, oc_buf_view(&path));
	}
	if (!n) {
		path.len = 0;
		oc_buf_printf(&path, "%s/items.txt", dir);
		for (uint64_t i = 0; i < ITEMS; i++) {
			make_words(rng, ((uint64_t)1 << 40) + i, 6 + (unsigned)(i % 60), &items);
			oc_buf_putc(&items, '\n');
		}
		FILE *f = fopen(oc_buf_cstr(&path), "w");
		if (f) {
			fwrite(items.p, 1, items.len, f);
			fclose(f);
		}
		oc_buf_json(opts, oc_buf_view(&path));
	}
	oc_buf_puts(opts, "]}");
	printf("%s\n", n == 5 ? "GSM8K test, MBPP, HumanEval, MT-Bench, IFEval"
	                      : "not all benchmarks are there: others, or drawn items");
	oc_buf_fini(&items);
	oc_buf_fini(&path);
}

static int run(const struct oc_stage_def *def, void *self, const struct oc_buf *text,
               const uint64_t *starts, uint64_t n, double hashing, struct oc_err *err)
{
	void *scratch = def->scratch_new(self), *note;
	struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS);
	struct oc_buf state = {0};
	uint64_t found = 0, parsed = 0;
	double parsing = 0, looking = 0, start;
	int rc = -1;

	for (uint64_t i = 0; i < n; i += OC_BATCH_ROWS) {
		oc_batch_reset(b);
		start = own_time();
		for (uint64_t k = i; k < n && k < i + OC_BATCH_ROWS; k++) {
			struct oc_row *row = oc_batch_add(b);
			row->raw = (struct oc_str){text->p + starts[k], starts[k + 1] - starts[k]};
			row->ped.key = OC_LIT("docs:0");
			if (oc_row_parse(row, err))
				goto out;
			parsed += oc_view_text(row, (struct oc_str){"", 0}).len;
		}
		parsing += own_time() - start;
		start = own_time();
		for (uint32_t k = 0; k < b->row_n; k++) {
			note = NULL;
			if (def->prepare(self, scratch, &b->rows[k], &note, err) ||
			    def->ordered(self, &b->rows[k], note, &state, err))
				goto out;
			found += note != NULL;
		}
		looking += own_time() - start;
		state.len = 0;
	}
	printf("decontaminate: %.0f MB/s a core, %llu of %llu rows hit; parsing %.0f MB/s, hashing "
	       "%.0f MB/s: %.0fx a hash\n",
	       (double)parsed / 1e6 / looking, (unsigned long long)found, (unsigned long long)n,
	       (double)parsed / 1e6 / parsing, (double)parsed / 1e6 / hashing, looking / hashing);
	rc = 0;
out:
	def->scratch_free(scratch);
	oc_batch_free(b);
	oc_buf_fini(&state);
	return rc;
}

int main(int argc, char **argv)
{
	uint64_t n = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * ROWS, sum = 0;
	uint64_t *starts = oc_zalloc(n + 1, sizeof *starts);
	const struct oc_stage_def *def = oc_stage_find(OC_LIT("decontaminate"));
	struct oc_buf text = {0}, json = {0};
	struct oc_arena *a = oc_arena_new();
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_err err = {0};
	struct oc_rng rng;
	const char *tmp = getenv("TMPDIR");
	char dir[4096];
	void *self = NULL;
	int rc = -1;

	oc_rng_init(&rng, 1, "bench/decontaminate");
	for (unsigned i = 0; i < VOCABULARY; i++)
		vocabulary[i] = oc_arena_printf(a, "w%x", i * 2654435761u >> (8 + i % 12));
	for (uint64_t i = 0; i < n; i++) {
		starts[i] = text.len;
		oc_buf_puts(&text, "{\"text\":\"");
		make_words(&rng, i, WORDS, &text);
		if (i % 100 == 0)
			oc_buf_puts(&text,
			            " Natalia sold clips to 48 of her friends. Janet's ducks lay "
			            "16 eggs per day. She eats three for breakfast every morning "
			            "and bakes muffins for her friends every day with four.");
		oc_buf_puts(&text, "\"}");
	}
	starts[n] = text.len;
	double hashing = own_time();
	for (uint64_t i = 0; i < n; i++)
		sum += oc_hash64(text.p + starts[i], starts[i + 1] - starts[i], 0);
	hashing = own_time() - hashing;
	printf("%llu documents, %.0f MB (%llx)\n", (unsigned long long)n, (double)text.len / 1e6,
	       (unsigned long long)sum);
	snprintf(dir, sizeof dir, "%s/bench-decontaminate-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	against(&rng, dir, &json);
	yyjson_val *given = oc_json_parse(a, oc_buf_view(&json), &err),
		   *opts = given ? oc_opts_resolve(a, def->options, given, "decontaminate", NULL,
	                                           NULL, &err)
	                         : NULL;
	struct oc_env env = {.size = sizeof env,
	                     .ctx = ctx,
	                     .name = "decontaminate",
	                     .base_dir = ".",
	                     .work_dir = dir,
	                     .memory = (uint64_t)512 << 20};
	if (opts && !def->open(&self, &env, opts, &err))
		rc = run(def, self, &text, starts, n, hashing, &err);
	if (rc)
		fprintf(stderr, "%s: %s\n", err.where, err.msg);
	if (self)
		def->close(self);
	oc_remove_tree(dir, &err);
	oc_ctx_free(ctx);
	oc_arena_free(a);
	oc_buf_fini(&text);
	oc_buf_fini(&json);
	free(starts);
	return rc ? 1 : 0;
}
