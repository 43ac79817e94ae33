/*
 * Verdicts a second of the calculator on one core, on the hard pairs of the tests and, where the
 * shared data is, on GSM8K solutions. With PEER_PYTHON set to a Python that has math-verify
 * (bench/peers/README.md) the peer runs on the same pairs and the ratio is printed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/file.h"
#include "data/json.h"
#include "verify/math.h"

struct pair {
	struct oc_str answer, gold;
};

static struct pair *pairs;
static size_t pair_n;

static void add(struct oc_arena *a, struct oc_str answer, struct oc_str gold)
{
	if ((pair_n & (pair_n - 1)) == 0)
		pairs = oc_realloc(pairs, (pair_n ? pair_n * 2 : 1) * sizeof *pairs);
	pairs[pair_n++] = (struct pair){oc_arena_str(a, answer), oc_arena_str(a, gold)};
}

/* Verdicts a second over at least a second; what is left undecided goes to *undecided. */
static double rate(struct oc_math *m, double *undecided)
{
	double start = oc_now(), seconds;
	uint64_t n = 0, open = 0;
	do {
		for (size_t i = 0; i < pair_n; i++)
			open += oc_math_check(m, pairs[i].answer, pairs[i].gold, NULL, NULL) ==
			        OC_MATH_UNDECIDED;
		n += pair_n;
		seconds = oc_now() - start;
	} while (seconds < 1.5);
	*undecided = (double)open / (double)n;
	return (double)n / seconds;
}

static bool lines(const char *path, struct oc_arena *a,
                  void (*each)(struct oc_arena *, struct oc_str))
{
	struct oc_buf file = {0};
	struct oc_err err = {0};
	if (oc_file_read(path, 64u << 20, &file, &err) < 0)
		return false;
	for (size_t i = 0, from = 0; i <= file.len; i++)
		if (i == file.len || file.p[i] == '\n') {
			if (i > from)
				each(a, (struct oc_str){file.p + from, i - from});
			from = i + 1;
		}
	oc_buf_fini(&file);
	return true;
}

static void table_line(struct oc_arena *a, struct oc_str line)
{
	const char *tab = memchr(line.p, '\t', line.len), *end = line.p + line.len;
	if (line.p[0] == '#' || !tab)
		return;
	const char *second = memchr(tab + 1, '\t', (size_t)(end - tab - 1));
	const char *third = second ? memchr(second + 1, '\t', (size_t)(end - second - 1)) : NULL;
	if (second)
		add(a, (struct oc_str){tab + 1, (size_t)(second - tab - 1)},
		    (struct oc_str){second + 1, (size_t)((third ? third : end) - second - 1)});
}

static void gsm8k_line(struct oc_arena *a, struct oc_str line)
{
	struct oc_err err = {0};
	struct oc_str s = oc_json_get_str(oc_json_parse(a, line, &err), "answer");
	ptrdiff_t at = oc_str_find(s, OC_LIT("#### "));
	if (at >= 0)
		add(a, s, (struct oc_str){s.p + at + 5, s.len - (size_t)at - 5});
}

int main(void)
{
	struct oc_math *m = oc_math_new();
	struct oc_arena *a = oc_arena_new();
	const char *shared = getenv("OUTCROSS_SHARED"), *python = getenv("PEER_PYTHON");
	char path[4096], command[4200], line[256];
	double undecided, hard, peer = 0;

	if (!lines("test/data/math_pairs.tsv", a, table_line)) {
		fprintf(stderr,
		        "run from the top of the tree: test/data/math_pairs.tsv is missing\n");
		return 1;
	}
	hard = rate(m, &undecided);
	printf("hard pairs:      %9.0f verdicts/s, %4.1f %% undecided (%zu pairs)\n", hard,
	       100 * undecided, pair_n);
	snprintf(path, sizeof path, "%s/data/text/gsm8k_train.jsonl",
	         shared ? shared : "../shared");
	pair_n = 0;
	if (lines(path, a, gsm8k_line)) {
		double r = rate(m, &undecided);
		printf("GSM8K solutions: %9.0f verdicts/s, %4.1f %% undecided (%zu rows)\n", r,
		       100 * undecided, pair_n);
		const struct oc_math_step *steps;
		double start = oc_now();
		size_t n = 0;
		for (size_t i = 0; i < pair_n; i++)
			n += oc_math_steps(m, pairs[i].answer, &steps);
		printf("their steps:     %9.0f calculations/s, %.0f solutions/s\n",
		       (double)n / (oc_now() - start), (double)pair_n / (oc_now() - start));
	}
	if (python) {
		snprintf(command, sizeof command, "%s bench/peers/math_verify.py 2>/dev/null",
		         python);
		FILE *f = popen(command, "r");
		while (f && fgets(line, sizeof line, f))
			sscanf(line, "rate %lf", &peer);
		if (f)
			pclose(f);
	}
	if (peer > 0)
		printf("math-verify:     %9.0f verdicts/s on the hard pairs: ratio %.0f\n", peer,
		       hard / peer);
	else
		printf("math-verify: set PEER_PYTHON to compare (bench/peers/README.md)\n");
	free(pairs);
	oc_arena_free(a);
	oc_math_free(m);
	return 0;
}
