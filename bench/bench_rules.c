/*
 * bench_rules.c: gopher_repetition, gopher_quality, c4 and fineweb one after the other over
 * synthetic documents of about 220 words that pass most rules, on one thread, against bare yyjson
 * parsing of the same rows. Prints documents a second and how often the baseline goes into it.
 *
 *   bench_rules [DOCUMENTS]     default 20000
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/ctx.h"
#include "base/rng.h"
#include "data/opts.h"
#include "data/row.h"
#include "plan/registry.h"

static const char *const stages[] = {"gopher_repetition", "gopher_quality", "c4", "fineweb"};
enum { STAGES = 4, BATCH = 512 };

/* Processor seconds of this thread: other processes must not count. */
static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A word of a made-up vocabulary whose small numbers are common, as in a language: 0 is "the". */
static void put_word(struct oc_buf *b, uint64_t n)
{
	static const char *const common[] = {"the", "of", "and", "to",   "a",  "in", "that", "is",
	                                     "was", "he", "for", "with", "as", "on", "have", "be"};
	static const char *const parts[] = {"ra", "ten", "mo", "lis", "ka", "ver", "un", "sto",
	                                    "pe", "dra", "il", "nor", "we", "fat", "os", "ghe"};

	if (n < 16) {
		oc_buf_puts(b, common[n]);
		return;
	}
	for (; n; n /= 16)
		oc_buf_puts(b, parts[n % 16]);
}

static void make_row(struct oc_buf *b, const struct oc_rng *rng, uint64_t row)
{
	struct oc_draws d;
	struct oc_buf text = {0};

	oc_draws_init(&d, rng, row);
	for (uint64_t words = 0, inside = 0; words < 220; words++) {
		double u = oc_draw_unit(&d);
		put_word(&text, (uint64_t)(4000 * u * u * u * u));
		if (++inside < 9 + oc_draw_below(&d, 12)) {
			oc_buf_puts(&text, oc_draw_below(&d, 12) ? " " : ", ");
			continue;
		}
		oc_buf_puts(&text, oc_draw_below(&d, 4) ? ". " : ".\n");
		inside = 0;
	}
	oc_buf_puts(&text, "end here.");
	oc_buf_printf(b, "{\"id\":%llu,\"text\":", (unsigned long long)row);
	oc_buf_json(b, oc_buf_view(&text));
	oc_buf_puts(b, "}\n");
	oc_buf_fini(&text);
}

struct open_stage {
	const struct oc_stage_def *def;
	void *self, *scratch;
};

static void open_stages(struct open_stage *s, struct oc_ctx *ctx, struct oc_arena *a)
{
	struct oc_err err = {0};

	for (int i = 0; i < STAGES; i++) {
		struct oc_env env = {.size = sizeof env, .ctx = ctx, .name = stages[i], .seed = 1};
		s[i].def = oc_stage_find(oc_str(stages[i]));
		yyjson_val *given = oc_json_parse(a, OC_LIT("{\"field\":\"text\"}"), &err);
		yyjson_val *opts =
			oc_opts_resolve(a, s[i].def->options, given, stages[i], NULL, NULL, &err);
		if (!opts || s[i].def->open(&s[i].self, &env, opts, &err)) {
			fprintf(stderr, "%s: %s\n", stages[i], err.msg);
			exit(1);
		}
		s[i].scratch = s[i].def->scratch_new ? s[i].def->scratch_new(s[i].self) : NULL;
	}
}

/* Seconds of the stages alone, parsing left out; *live rows pass them all. */
static double judge(struct open_stage *s, struct oc_str rows, uint64_t *live, double spent[STAGES])
{
	struct oc_batch *b = oc_batch_new(BATCH);
	struct oc_err err = {0};
	const char *p = rows.p, *end = rows.p + rows.len;
	double seconds = 0;

	*live = 0;
	memset(spent, 0, STAGES * sizeof *spent);
	while (p < end) {
		oc_batch_reset(b);
		while (p < end && b->row_n < BATCH) {
			const char *nl = memchr(p, '\n', (size_t)(end - p));
			struct oc_row *row = oc_batch_add(b);
			row->raw = (struct oc_str){p, (size_t)(nl - p)};
			oc_row_parse(row, &err);
			p = nl + 1;
		}
		for (int k = 0; k < STAGES; k++) {
			double start = cpu_now();
			for (uint32_t i = 0; i < b->row_n; i++)
				if (b->rows[i].fate == OC_LIVE)
					s[k].def->row(s[k].self, s[k].scratch, &b->rows[i], &err);
			spent[k] += cpu_now() - start;
		}
		for (uint32_t i = 0; i < b->row_n; i++)
			*live += b->rows[i].fate == OC_LIVE;
	}
	for (int k = 0; k < STAGES; k++)
		seconds += spent[k];
	oc_batch_free(b);
	return seconds;
}

static double bare(struct oc_str rows)
{
	double start = cpu_now();
	const char *p = rows.p, *end = rows.p + rows.len;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		yyjson_doc_free(yyjson_read(p, (size_t)(nl - p), 0));
		p = nl + 1;
	}
	return cpu_now() - start;
}

int main(int argc, char **argv)
{
	uint64_t n = (uint64_t)(argc > 1 ? atoi(argv[1]) : 20000), live = 0;
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_arena *a = oc_arena_new();
	struct open_stage s[STAGES];
	struct oc_buf rows = {0};
	struct oc_rng rng;
	double best = 1e9, best_bare = 1e9, part[STAGES] = {0};

	oc_rng_init(&rng, 1, "bench_rules");
	for (uint64_t i = 0; i < n; i++)
		make_row(&rows, &rng, i);
	open_stages(s, ctx, a);
	for (int i = 0; i < 5; i++) { /* in turns, so that both meet the same neighbours */
		double spent[STAGES], y = bare(oc_buf_view(&rows));
		double t = judge(s, oc_buf_view(&rows), &live, spent);
		best_bare = y < best_bare ? y : best_bare;
		if (t < best) {
			best = t;
			memcpy(part, spent, sizeof part);
		}
	}
	printf("%llu documents, %.0f MB, %llu pass, 1 thread, best of 5\n", (unsigned long long)n,
	       (double)rows.len / 1e6, (unsigned long long)live);
	printf("  yyjson   %7.0f documents/s\n", (double)n / best_bare);
	printf("  rules    %7.0f documents/s", (double)n / best);
	for (int k = 0; k < STAGES; k++)
		printf("%s %s %.1f us", k ? "," : "  ", stages[k], part[k] / (double)n * 1e6);
	printf("\nratio %.2f\n", best / best_bare);
	for (int k = 0; k < STAGES; k++) {
		if (s[k].scratch)
			s[k].def->scratch_free(s[k].scratch);
		s[k].def->close(s[k].self);
	}
	oc_buf_fini(&rows);
	oc_arena_free(a);
	oc_ctx_free(ctx);
	return live == 0;
}
