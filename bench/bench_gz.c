/*
 * Compressed rows through the program, against inflating them: `curate` with one trivial stage over
 * a .gz JSONL file, to written output, beside a bare loop of zlib's inflate over the same bytes,
 * already in memory; then the same for two files in one list, against the sum of both.
 *
 *   bench_gz [MB]           uncompressed, each file; the bars are ratios of 1.15 and 0.65
 *
 * The program is run as a person runs it ($OUTCROSS, default build/release/outcross). Medians of
 * five; the three alternate.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/ctx.h"
#include "base/rng.h"
#include "base/str.h"

#define RUNS  5
#define WORDS 8000

static char folder[] = "/tmp/bench_gz.XXXXXX";

static void fail(const char *what)
{
	fprintf(stderr, "bench_gz: %s failed\n", what);
	exit(1);
}

/* Words of made-up letters; the first are drawn often, as in any language. */
static void make_file(const char *path, size_t bytes, uint64_t seed)
{
	char(*words)[12] = oc_zalloc(WORDS, sizeof *words);
	struct oc_buf b = {0};
	gzFile out = gzopen(path, "wb6");
	struct oc_rng rng;
	struct oc_draws d;
	size_t written = 0;

	if (!out)
		fail(path);
	oc_rng_init(&rng, 1, "bench_gz words");
	for (uint64_t w = 0; w < WORDS; w++) {
		oc_draws_init(&d, &rng, w);
		size_t n = 2 + oc_draw_below(&d, w < 100 ? 3 : 9);
		for (size_t i = 0; i < n; i++)
			words[w][i] = "etaoinshrdlucmfwypvbgkjqxz"[(size_t)(26 * oc_draw_unit(&d) *
			                                                    oc_draw_unit(&d))];
	}
	oc_rng_init(&rng, seed, "bench_gz rows");
	for (uint64_t i = 0; written < bytes; i++) {
		oc_draws_init(&d, &rng, i);
		b.len = 0;
		oc_buf_printf(&b, "{\"id\": %llu, \"question\": \"", (unsigned long long)i);
		for (uint64_t w = 40 + oc_draw_below(&d, 200); w; w--) {
			double u = oc_draw_unit(&d);
			oc_buf_puts(&b, words[(size_t)(WORDS * u * u * u * u * u)]);
			oc_buf_putc(&b, ' ');
		}
		oc_buf_puts(&b, "\"}\n");
		if (gzwrite(out, b.p, (unsigned)b.len) != (int)b.len)
			fail(path);
		written += b.len;
	}
	if (gzclose(out) != Z_OK)
		fail(path);
	oc_buf_fini(&b);
	free(words);
}

static void load(const char *path, struct oc_buf *b)
{
	FILE *in = fopen(path, "rb");
	size_t n;

	if (!in)
		fail(path);
	do {
		oc_buf_reserve(b, 1 << 20);
		n = fread(b->p + b->len, 1, 1 << 20, in);
		b->len += n;
	} while (n);
	fclose(in);
}

static double inflate_alone(const struct oc_buf *packed)
{
	static unsigned char out[256 << 10];
	z_stream z = {0};
	double start = oc_now();
	int rc;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		fail("inflateInit2");
	z.next_in = (unsigned char *)packed->p;
	z.avail_in = (unsigned)packed->len;
	do {
		z.next_out = out;
		z.avail_out = sizeof out;
		rc = inflate(&z, Z_NO_FLUSH);
	} while (rc == Z_OK);
	if (rc != Z_STREAM_END)
		fail("inflate");
	inflateEnd(&z);
	return oc_now() - start;
}

static double curate(const char *program, const char *one, const char *two)
{
	char out[300];
	int status;

	snprintf(out, sizeof out, "%s/out.jsonl", folder);
	unlink(out);
	double start = oc_now();
	pid_t pid = fork();
	if (pid == 0) {
		const char *argv[] = {
			program, "curate",  "--do", "words: {field: question, min: 3}",
			"-o",    out,       "-q",   "-j",
			"2",     "--force", one,    two,
			NULL};
		execv(program, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		fail(program);
	return oc_now() - start;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double x[static RUNS])
{
	qsort(x, RUNS, sizeof *x, ascending);
	return x[RUNS / 2];
}

int main(int argc, char **argv)
{
	size_t bytes = (size_t)(argc > 1 ? atoi(argv[1]) : 150) * 1000000;
	const char *program = getenv("OUTCROSS") ? getenv("OUTCROSS") : "build/release/outcross";
	char a[256], b[256], command[300];
	double base_a[RUNS], base_both[RUNS], one[RUNS], two[RUNS];
	struct oc_buf packed_a = {0}, packed_b = {0};
	struct rusage usage;

	if (!mkdtemp(folder))
		fail(folder);
	snprintf(a, sizeof a, "%s/a.jsonl.gz", folder);
	snprintf(b, sizeof b, "%s/b.jsonl.gz", folder);
	make_file(a, bytes, 1);
	make_file(b, bytes, 2);
	load(a, &packed_a);
	load(b, &packed_b);
	for (int i = 0; i < RUNS; i++) {
		base_a[i] = inflate_alone(&packed_a);
		one[i] = curate(program, a, NULL);
		base_both[i] = inflate_alone(&packed_b) + base_a[i];
		two[i] = curate(program, a, b);
	}
	getrusage(RUSAGE_CHILDREN, &usage);
	double base = median(base_a), both = median(base_both);
	double of_one = median(one), of_two = median(two);
	printf("one file, %zu MB (%.1f times as small): %.3f s (%.3f..%.3f); inflate alone %.3f s "
	       "(%.0f MB/s); ratio %.2f (bar 1.15)\n",
	       bytes / 1000000, (double)bytes / (double)packed_a.len, of_one, one[0], one[RUNS - 1],
	       base, (double)bytes / base / 1e6, of_one / base);
	printf("two files: %.3f s (%.3f..%.3f); both inflated %.3f s; ratio %.2f (bar 0.65); peak "
	       "memory %ld MB\n",
	       of_two, two[0], two[RUNS - 1], both, of_two / both, usage.ru_maxrss / 1024);
	oc_buf_fini(&packed_a);
	oc_buf_fini(&packed_b);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) != 0;
}
