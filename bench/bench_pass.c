/*
 * The walk of a row without anything interesting on the way: a 250 MB JSONL file is read, parsed,
 * sent through a row stage and an ordered stage, and written with its lineage. Baseline of the same
 * run: yyjson parsing the same lines, already in memory, on as many threads.
 *
 *   bench_pass [MB [threads [folder]]]
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/rng.h"
#include "data/row.h"
#include "pipe/pass.h"
#include "pipe/source.h"
#include "pipe/writer.h"

static void die(const struct oc_err *err)
{
	fprintf(stderr, "bench_pass: %s: %s\n", err->where, err->msg);
	exit(1);
}

/* Chat-like records: an id, two messages of words of Zipf-like frequency, some escapes. */
static void make_input(const char *path, uint64_t bytes, struct oc_err *err)
{
	static const char *const words[] = {"the",
	                                    "of",
	                                    "and",
	                                    "to",
	                                    "water",
	                                    "because",
	                                    "therefore",
	                                    "thermodynamics",
	                                    "caf\xc3\xa9",
	                                    "7",
	                                    "answer",
	                                    "question",
	                                    "\\\"quoted\\\"",
	                                    "line\\n",
	                                    "model",
	                                    "a",
	                                    "in",
	                                    "which",
	                                    "under",
	                                    "pressure"};
	struct oc_buf b = {0};
	struct oc_rng rng;
	uint64_t done = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	oc_rng_init(&rng, 1, "bench");
	for (uint64_t i = 0; done + b.len < bytes; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		oc_buf_printf(&b, "{\"id\":\"r%llu\",\"messages\":[", (unsigned long long)i);
		for (int m = 0; m < 2; m++) {
			uint64_t n = 10 + oc_draw_below(&d, 200);
			oc_buf_printf(&b, "%s{\"role\":\"%s\",\"content\":\"", m ? "," : "",
			              m ? "assistant" : "user");
			for (uint64_t w = 0; w < n; w++) {
				double u = oc_draw_unit(&d);
				oc_buf_puts(&b, words[(size_t)(u * u * 20)]);
				oc_buf_putc(&b, ' ');
			}
			oc_buf_puts(&b, "\"}");
		}
		oc_buf_printf(&b, "],\"n\":%llu,\"score\":%.4f}\n", (unsigned long long)i,
		              oc_draw_unit(&d));
		if (b.len > 1 << 20) {
			if (oc_write_all(fd, b.p, b.len, path, err))
				die(err);
			done += b.len;
			b.len = 0;
		}
	}
	if (oc_write_all(fd, b.p, b.len, path, err))
		die(err);
	close(fd);
	oc_buf_fini(&b);
}

/* ---------------------------------------------------------------- baseline */

struct slice {
	const char *p, *end;
	uint64_t rows;
};

static void *parse_slice(void *arg)
{
	struct slice *s = arg;
	size_t cap = yyjson_read_max_memory_usage(1 << 20, 0);
	void *pool = oc_alloc(cap);
	yyjson_alc alc;

	for (const char *p = s->p; p < s->end;) {
		const char *nl = memchr(p, '\n', (size_t)(s->end - p));
		yyjson_alc_pool_init(&alc, pool, cap);
		if (!yyjson_read_opts((char *)(uintptr_t)p, (size_t)(nl - p), 0, &alc, NULL))
			abort();
		s->rows++;
		p = nl + 1;
	}
	free(pool);
	return NULL;
}

static double baseline(const struct oc_buf *text, unsigned threads)
{
	struct slice *slices = oc_zalloc(threads, sizeof *slices);
	pthread_t *ids = oc_zalloc(threads, sizeof *ids);
	double start = oc_now();
	const char *p = text->p, *end = text->p + text->len;

	for (unsigned i = 0; i < threads; i++) {
		const char *to = i + 1 == threads ? end : text->p + text->len / threads * (i + 1);
		if (to < end)
			to = (const char *)memchr(to, '\n', (size_t)(end - to)) + 1;
		slices[i] = (struct slice){p, to, 0};
		p = to;
		pthread_create(&ids[i], NULL, parse_slice, &slices[i]);
	}
	for (unsigned i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	free(slices);
	free(ids);
	return oc_now() - start;
}

/* --------------------------------------------------------------------- pass */

static int every_tenth(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	(void)self;
	(void)scratch;
	(void)err;
	if (oc_json_get_int(row->root, "n", 0) % 10 == 9)
		oc_row_reject(row, "tenth", "tenth", (struct oc_str){0});
	return 0;
}

static int count(void *self, struct oc_row *row, void *note, struct oc_buf *state,
                 struct oc_err *err)
{
	(void)row;
	(void)note;
	(void)state;
	(void)err;
	++*(uint64_t *)self;
	return 0;
}

static const struct oc_stage_def tenth = {
	.size = sizeof tenth, .name = "tenth", .kind = OC_STAGE_ROW, .row = every_tenth};
static const struct oc_stage_def counter = {
	.size = sizeof counter, .name = "count", .kind = OC_STAGE_ORDERED, .ordered = count};

struct walk {
	void *source;
	struct oc_writer *out;
	uint64_t rows, bytes;
};

static struct oc_str make_key(struct oc_arena *a, uint64_t row)
{
	char *p = oc_arena_alloc(a, 26), *at = p + 26;

	do
		*--at = (char)('0' + row % 10);
	while (row /= 10);
	at -= 6;
	memcpy(at, "bench:", 6);
	return (struct oc_str){at, (size_t)(p + 26 - at)};
}

static int feed(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct walk *w = user;
	int rc = oc_source_jsonl.next(w->source, batch, err);

	for (uint32_t i = 0; i < batch->row_n; i++)
		batch->rows[i].ped.key = make_key(batch->arena, batch->rows[i].ped.row);
	return rc;
}

static int parse(void *user, struct oc_row *row, struct oc_err *err)
{
	struct walk *w = user;
	return oc_source_jsonl.parse(w->source, row, err);
}

static int encode(void *user, const struct oc_batch *batch, struct oc_buf *out, struct oc_err *err)
{
	uint64_t len = 0;

	(void)user;
	(void)err;
	oc_buf_add(out, &len, sizeof len);
	for (uint32_t i = 0; i < batch->row_n; i++)
		if (batch->rows[i].fate == OC_LIVE) {
			oc_buf_str(out, batch->rows[i].raw);
			oc_buf_putc(out, '\n');
		}
	len = out->len - sizeof len;
	memcpy(out->p, &len, sizeof len);
	for (uint32_t i = 0; i < batch->row_n; i++)
		if (batch->rows[i].fate == OC_LIVE) {
			oc_pedigree_write(out, &batch->rows[i]);
			oc_buf_putc(out, '\n');
		}
	return 0;
}

static int emit(void *user, struct oc_batch *batch, struct oc_buf *encoded, struct oc_err *err)
{
	struct walk *w = user;
	uint64_t len;

	memcpy(&len, encoded->p, sizeof len);
	char *data = encoded->p + sizeof len;
	w->rows += batch->row_n;
	w->bytes += encoded->len;
	return oc_writer_add(w->out, &(struct oc_str){data, len}, 1,
	                     (struct oc_str){data + len, encoded->len - sizeof len - len}, err);
}

/* Seconds until all is written; *synced: until it is on the disk, too. */
static double walk(struct oc_ctx *ctx, const char *dir, const char *input, struct walk *w,
                   double *synced, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_buf text = {0};
	uint64_t seen = 0;
	struct oc_env env = {.size = sizeof env, .ctx = ctx, .name = "bench", .base_dir = "/"};
	struct oc_step_run steps[] = {{.def = &tenth, .name = "tenth"},
	                              {.def = &counter, .self = &seen, .name = "count"}};
	struct oc_pass pass = {.ctx = ctx,
	                       .steps = steps,
	                       .step_n = 2,
	                       .threads = ctx->threads,
	                       .user = w,
	                       .feed = feed,
	                       .parse = parse,
	                       .encode = encode,
	                       .emit = emit};
	double start = oc_now();

	oc_buf_printf(&text, "{\"path\":[\"%s\"],\"id\":\"id\"}", input);
	yyjson_val *opts = oc_json_parse(a, oc_buf_view(&text), err);
	if (oc_source_jsonl.open(&w->source, &env, opts, err) ||
	    oc_writer_open(&w->out, dir, "train", err) || oc_pass_run(&pass, err))
		die(err);
	double seconds = oc_now() - start;
	if (oc_writer_close(w->out, err))
		die(err);
	*synced = oc_now() - start;
	oc_source_jsonl.close(w->source);
	oc_buf_fini(&text);
	oc_arena_free(a);
	return seconds;
}

static double cpu(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static long peak_kib(void)
{
	struct rusage use;
	getrusage(RUSAGE_SELF, &use);
	return use.ru_maxrss;
}

int main(int argc, char **argv)
{
	uint64_t mb = argc > 1 ? strtoull(argv[1], NULL, 10) : 250;
	unsigned threads = argc > 2 ? (unsigned)atoi(argv[2]) : 2;
	char dir[PATH_MAX], input[PATH_MAX];
	struct oc_err err = {0};
	struct oc_ctx *ctx = oc_ctx_new(threads, 0);
	double best = 1e9, base = 1e9, best_cpu = 0, base_cpu = 0, synced = 0;

	snprintf(dir, sizeof dir, "%s/bench-pass-XXXXXX", argc > 3 ? argv[3] : "/tmp");
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	snprintf(input, sizeof input, "%.4000s/in.jsonl", dir);
	make_input(input, mb * 1000000, &err);

	long small = 0, large = 0;
	for (int i = 0; i < 3; i++) {
		struct walk w = {0};
		double on_disk, before = cpu(), s = walk(ctx, dir, input, &w, &on_disk, &err);
		if (i == 0) {
			printf("rows %llu, written %llu MB (data and lineage)\n",
			       (unsigned long long)w.rows, (unsigned long long)(w.bytes / 1000000));
			small = peak_kib();
		}
		large = peak_kib();
		if (s < best) {
			best = s;
			best_cpu = cpu() - before;
			synced = on_disk;
		}
	}
	struct oc_buf text = {0};
	if (oc_file_read(input, (size_t)mb * 2000000, &text, &err))
		die(&err);
	for (int i = 0; i < 3; i++) {
		double before = cpu(), s = baseline(&text, threads);
		if (s < base) {
			base = s;
			base_cpu = cpu() - before;
		}
	}
	printf("yyjson alone  %.3f s on %u threads (%.0f MB/s), %.3f s of CPU\n", base, threads,
	       (double)mb / base, base_cpu);
	printf("the pass      %.3f s (%.0f MB/s), %.3f s of CPU, peak memory %ld MB, after three "
	       "runs %ld MB\n",
	       best, (double)mb / best, best_cpu, small / 1024, large / 1024);
	printf("ratio         %.2f (bar: 3.00), of CPU %.2f; with fsync %.3f s\n", best / base,
	       best_cpu / base_cpu, synced);
	oc_buf_fini(&text);
	oc_remove_tree(dir, &err);
	oc_ctx_free(ctx);
	return 0;
}
