/*
 * A plan of trivial stages over a JSONL file, to written output with lineage, against the least any
 * reader must do: reading the file and parsing every line with yyjson, on two threads.
 *
 *   bench_run [MB]          the bar is a ratio of 3
 *
 * The program is run as a person runs it ($OUTCROSS, default build/release/outcross), so start-up,
 * plan, ledger, papers and fsync all count. Medians of five; the two alternate.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <yyjson.h>

#include "base/ctx.h"
#include "base/rng.h"

#define RUNS  5
#define CHUNK ((size_t)4 << 20)

static char folder[] = "/tmp/bench_run.XXXXXX";

static void make_file(const char *path, size_t bytes)
{
	static const char *const words[] = {"the",    "farmer", "sold",  "seven", "apples",
	                                    "at",     "market", "and",   "then",  "bought",
	                                    "twelve", "eggs",   "which", "cost",  "less"};
	FILE *out = fopen(path, "w");
	struct oc_rng rng;
	size_t written = 0;

	oc_rng_init(&rng, 1, "bench_run");
	for (uint64_t i = 0; out && written < bytes; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		int n = fprintf(out, "{\"id\": %llu, \"question\": \"", (unsigned long long)i);
		for (uint64_t w = 20 + oc_draw_below(&d, 40); w; w--)
			n += fprintf(out, "%s ", words[oc_draw_below(&d, 15)]);
		n += fprintf(out, "\", \"answer\": \"");
		for (uint64_t w = 20 + oc_draw_below(&d, 60); w; w--)
			n += fprintf(out, "%s ", words[oc_draw_below(&d, 15)]);
		written += (size_t)(n + fprintf(out, "\"}\n"));
	}
	if (out)
		fclose(out);
}

struct half {
	const char *path;
	size_t from, to; /* lines that begin in it */
	uint64_t values;
};

static void *parse_half(void *arg)
{
	static _Thread_local char pool[1 << 20];
	struct half *h = arg;
	FILE *in = fopen(h->path, "r");
	char *buf = malloc(CHUNK);
	size_t at = h->from, kept = 0, got;
	bool first = h->from > 0;

	if (!in || !buf || fseek(in, (long)h->from, SEEK_SET))
		exit(1);
	while (at < h->to && (got = fread(buf + kept, 1, CHUNK - kept, in)) > 0) {
		size_t len = kept + got, pos = 0;
		char *end;
		while ((end = memchr(buf + pos, '\n', len - pos)) && at < h->to) {
			size_t line = (size_t)(end - buf) - pos;
			yyjson_alc alc;
			yyjson_alc_pool_init(&alc, pool, sizeof pool);
			if (!first) {
				yyjson_doc *doc = yyjson_read_opts(buf + pos, line, 0, &alc, NULL);
				h->values += yyjson_doc_get_val_count(doc);
			}
			first = false;
			pos += line + 1;
			at += line + 1;
		}
		kept = len - pos;
		memmove(buf, buf + pos, kept);
	}
	free(buf);
	fclose(in);
	return NULL;
}

static double baseline(const char *path, size_t bytes)
{
	struct half h[2] = {{path, 0, bytes / 2, 0}, {path, bytes / 2, bytes, 0}};
	pthread_t t[2];
	double start = oc_now();

	for (int i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, parse_half, &h[i]))
			exit(1);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	return oc_now() - start;
}

static double run_plan(const char *program, const char *plan)
{
	double start = oc_now();
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		char runs[256];
		if (!freopen("/dev/null", "w", stdout))
			_exit(127);
		snprintf(runs, sizeof runs, "%s/out", folder);
		execl(program, program, "run", plan, "-o", runs, "-q", "-j", "2", (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "bench_run: %s failed\n", program);
		exit(1);
	}
	return oc_now() - start;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	size_t bytes = (size_t)(argc > 1 ? atoi(argv[1]) : 250) * 1000000;
	const char *program = getenv("OUTCROSS") ? getenv("OUTCROSS") : "build/release/outcross";
	char path[256], plan[256], command[600];
	double base[RUNS], ours[RUNS];
	struct rusage usage;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/rows.jsonl", folder);
	snprintf(plan, sizeof plan, "%s/plan.yaml", folder);
	make_file(path, bytes);
	FILE *out = fopen(plan, "w");
	if (!out)
		return 1;
	fprintf(out, "outcross: 1\nname: trivial\nsources:\n"
	             "  rows: {type: jsonl, path: rows.jsonl, origin: real, collected: 2020, "
	             "license: MIT}\n"
	             "holdout: none\ncurate:\n  - words: {field: question, min: 3}\n");
	fclose(out);
	snprintf(command, sizeof command, "rm -rf %s/out", folder);
	baseline(path, bytes); /* the file into the page cache */
	for (int i = 0; i < RUNS; i++) {
		base[i] = baseline(path, bytes);
		if (system(command))
			return 1;
		ours[i] = run_plan(program, plan);
	}
	getrusage(RUSAGE_CHILDREN, &usage);
	qsort(base, RUNS, sizeof *base, ascending);
	qsort(ours, RUNS, sizeof *ours, ascending);
	printf("plan over %zu MB: %.3f s (%.3f..%.3f); yyjson on 2 threads: %.3f s (%.3f..%.3f); "
	       "ratio "
	       "%.2f (bar 3); peak memory %ld MB\n",
	       bytes / 1000000, ours[RUNS / 2], ours[0], ours[RUNS - 1], base[RUNS / 2], base[0],
	       base[RUNS - 1], ours[RUNS / 2] / base[RUNS / 2], usage.ru_maxrss / 1024);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) != 0;
}
