/*
 * bench_parse.c: the JSONL source with its parse on 2 threads, against bare yyjson on the same
 * bytes on 2 threads (each half of the file, already in memory). Prints both and their ratio.
 *
 *   bench_parse [MEGABYTES]     default 250
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/rng.h"
#include "data/row.h"
#include "pipe/source.h"

#define THREADS 2

/* Rows like published ones: a question, an answer of some hundred bytes, a few small members. */
static void generate(struct oc_buf *b, size_t bytes)
{
	static const char *const words[] = {"the",    "number", "of",          "apples",
	                                    "is",     "then",   "three",       "times",
	                                    "larger", "\\n",    "caf\xc3\xa9", "x = 4;"};
	struct oc_rng rng;

	oc_rng_init(&rng, 1, "bench_parse");
	for (uint64_t row = 0; b->len < bytes; row++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, row);
		oc_buf_printf(b, "{\"id\": %llu, \"question\": \"", (unsigned long long)row);
		for (uint64_t n = 10 + oc_draw_below(&d, 30); n; n--)
			oc_buf_printf(b, "%s ", words[oc_draw_below(&d, 12)]);
		oc_buf_puts(b, "\", \"answer\": \"");
		for (uint64_t n = 20 + oc_draw_below(&d, 80); n; n--)
			oc_buf_printf(b, "%s ", words[oc_draw_below(&d, 12)]);
		oc_buf_printf(b, "\", \"tags\": [\"a\", \"b\"], \"score\": %.3f}\n",
		              oc_draw_unit(&d));
	}
}

/* ----------------------------------------------------------- bare yyjson */

struct half {
	const char *p, *end;
	uint64_t rows;
};

static void *parse_half(void *arg)
{
	struct half *h = arg;

	for (const char *p = h->p; p < h->end;) {
		const char *nl = memchr(p, '\n', (size_t)(h->end - p));
		yyjson_doc *doc = yyjson_read(p, (size_t)(nl - p), 0);
		h->rows += doc != NULL;
		yyjson_doc_free(doc);
		p = nl + 1;
	}
	return NULL;
}

static double bare(struct oc_str text, uint64_t *rows)
{
	double start = oc_now();
	const char *middle = memchr(text.p + text.len / 2, '\n', text.len / 2);
	struct half halves[THREADS] = {{text.p, middle + 1, 0}, {middle + 1, text.p + text.len, 0}};
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, parse_half, &halves[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	*rows = halves[0].rows + halves[1].rows;
	return oc_now() - start;
}

/* ------------------------------------------------------------ the source */

/* Each thread takes the next batch under the lock and parses it outside. */
struct run {
	void *self;
	pthread_mutex_t lock;
	bool end;
	uint64_t rows, bad;
};

static void *read_and_parse(void *arg)
{
	struct run *r = arg;
	struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS);
	struct oc_err err = {0};
	uint64_t rows = 0, bad = 0;

	for (;;) {
		oc_batch_reset(b);
		pthread_mutex_lock(&r->lock);
		if (!r->end)
			r->end = oc_source_jsonl.next(r->self, b, &err) <= 0;
		pthread_mutex_unlock(&r->lock);
		if (!b->row_n)
			break;
		for (uint32_t i = 0; i < b->row_n; i++) {
			oc_source_jsonl.parse(r->self, &b->rows[i], &err);
			bad += b->rows[i].fate != OC_LIVE;
		}
		rows += b->row_n;
	}
	oc_batch_free(b);
	pthread_mutex_lock(&r->lock);
	r->rows += rows;
	r->bad += bad;
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static double source(const char *path, uint64_t *rows)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_env env = {.size = sizeof env, .name = "bench"};
	struct oc_err err = {0};
	struct oc_buf opts = {0};
	struct run run = {.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t threads[THREADS];

	oc_buf_printf(&opts, "{\"path\":\"%s\"}", path);
	double start = oc_now();
	if (oc_source_jsonl.open(&run.self, &env, oc_json_parse(a, oc_buf_view(&opts), &err),
	                         &err)) {
		fprintf(stderr, "%s: %s\n", err.where, err.msg);
		exit(1);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, read_and_parse, &run);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	double seconds = oc_now() - start;
	oc_source_jsonl.close(run.self);
	oc_buf_fini(&opts);
	oc_arena_free(a);
	*rows = run.rows - run.bad;
	return seconds;
}

int main(int argc, char **argv)
{
	size_t bytes = (size_t)(argc > 1 ? atoi(argv[1]) : 250) * 1000000;
	const char *tmp = getenv("TMPDIR");
	struct oc_buf text = {0}, path = {0};
	struct oc_err err = {0};
	double best_bare = 1e9, best_source = 1e9;
	uint64_t rows_bare = 0, rows_source = 0;

	generate(&text, bytes);
	oc_buf_printf(&path, "%s/bench-parse-%d.jsonl", tmp ? tmp : "/tmp", (int)getpid());
	if (oc_file_write(oc_buf_cstr(&path), text.p, text.len, &err)) {
		fprintf(stderr, "%s: %s\n", err.where, err.msg);
		return 1;
	}
	for (int i = 0; i < 3; i++) { /* in turns, so that both meet the same neighbours */
		double b = bare(oc_buf_view(&text), &rows_bare);
		double s = source(path.p, &rows_source);
		best_bare = b < best_bare ? b : best_bare;
		best_source = s < best_source ? s : best_source;
	}
	unlink(path.p);
	printf("%llu rows, %.0f MB, %d threads, best of 3\n", (unsigned long long)rows_bare,
	       (double)text.len / 1e6, THREADS);
	printf("  yyjson from memory        %.3f s  %5.0f MB/s\n", best_bare,
	       (double)text.len / 1e6 / best_bare);
	printf("  source: read, hash, parse %.3f s  %5.0f MB/s\n", best_source,
	       (double)text.len / 1e6 / best_source);
	printf("ratio %.2f\n", best_source / best_bare);
	oc_buf_fini(&text);
	oc_buf_fini(&path);
	return rows_bare != rows_source;
}
