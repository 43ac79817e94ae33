/* The external sort against qsort, at ten times and a thousand times its memory. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/rng.h"
#include "pipe/spill.h"

static size_t cmp_key, cmp_record;

/* By key, then by the sequence number the test keeps in the last 8 bytes. */
static int by_key(const void *a, const void *b)
{
	const char *p = a, *q = b;
	int c = memcmp(p, q, cmp_key);
	uint64_t x, y;

	memcpy(&x, p + cmp_record - 8, 8);
	memcpy(&y, q + cmp_record - 8, 8);
	return c ? c : (x > y) - (x < y);
}

struct shape {
	size_t record, key, n;
	uint64_t memory;
	unsigned values; /* distinct bytes: few = many equal keys */
};

static void check(const struct shape *s, unsigned threads)
{
	struct oc_ctx *ctx = oc_ctx_new(threads, 0);
	struct oc_err err = {0};
	struct oc_rng rng;
	struct oc_draws d;
	unsigned char *rows = oc_alloc(s->n * s->record);

	oc_rng_init(&rng, 11, "sort");
	oc_draws_init(&d, &rng, s->n);
	for (uint64_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k + 8 < s->record; k++)
			rows[i * s->record + k] = (unsigned char)(oc_draw_u32(&d) % s->values);
		memcpy(rows + (i + 1) * s->record - 8, &i, 8);
	}
	struct oc_sort *sort = oc_sort_new(ctx, "/tmp", s->record, s->key, s->memory, &err);
	assert_non_null(sort);
	for (size_t at = 0, n; at < s->n; at += n) {
		n = oc_draw_u32(&d) % 1000;
		if (n > s->n - at)
			n = s->n - at;
		assert_int_equal(oc_sort_add(sort, rows + at * s->record, n, &err), 0);
	}
	assert_int_equal(oc_sort_done(sort, &err), 0);
	cmp_key = s->key;
	cmp_record = s->record;
	qsort(rows, s->n, s->record, by_key);
	size_t at = 0;
	for (;;) {
		const void *out;
		size_t n;
		assert_int_equal(oc_sort_next(sort, &out, &n, &err), 0);
		if (!n)
			break;
		assert_true(at + n <= s->n);
		assert_memory_equal(out, rows + at * s->record, n * s->record);
		at += n;
	}
	assert_int_equal(at, s->n);
	oc_sort_free(sort);
	free(rows);
	oc_ctx_free(ctx);
}

static void as_qsort(void **state)
{
	static const struct shape shapes[] = {
		{16, 8, 0, 1 << 20, 256},       /* nothing */
		{16, 8, 1, 1 << 20, 256},       /* one */
		{16, 8, 20000, 1 << 20, 256},   /* in memory */
		{16, 8, 20000, 1 << 20, 2},     /* in memory, equal keys stay in order */
		{24, 16, 500000, 1 << 20, 256}, /* 12 times the memory */
		{20, 12, 500000, 1 << 20, 3},   /* 10 times, equal keys across runs */
		{17, 3, 100000, 200000, 16},    /* odd sizes */
		{40, 32, 100000, 64 << 10, 2},  /* 61 times: several levels of merging */
		{9, 1, 3000000, 64 << 10, 200}, /* 412 times, one byte of key */
		{16, 8, 200000, 8 << 20, 256},  /* parted by the first byte */
		{18, 10, 200000, 16 << 20, 2},  /* two parts, equal keys stay in order */
		{16, 1, 200000, 8 << 20, 9},    /* nothing left to sort in the parts */
		{16, 8, 200000, 8 << 20, 1},    /* all keys equal */
	};

	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
		check(&shapes[i], i % 3 ? (unsigned)i % 3 : 5);
}

/* 160 MB through 4 MB of memory: the process must not grow by more than that and a little. */
static void memory_is_obeyed(void **state)
{
	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_err err = {0};
	struct rusage before, after;
	uint64_t chunk[1000][2], last = 0, n = 0;
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, 1, "memory");
	oc_draws_init(&d, &rng, 0);
	getrusage(RUSAGE_SELF, &before);
	struct oc_sort *sort = oc_sort_new(ctx, "/tmp", 16, 8, 4 << 20, &err);
	for (int i = 0; i < 10000; i++) {
		for (int k = 0; k < 1000; k++)
			chunk[k][0] = oc_draw_u64(&d);
		assert_int_equal(oc_sort_add(sort, chunk, 1000, &err), 0);
	}
	assert_int_equal(oc_sort_done(sort, &err), 0);
	for (;;) {
		const void *out;
		size_t got;
		assert_int_equal(oc_sort_next(sort, &out, &got, &err), 0);
		if (!got)
			break;
		for (size_t i = 0; i < got; i++) {
			uint64_t v;
			memcpy(&v, (const char *)out + 16 * i, 8);
			v = __builtin_bswap64(v);
			assert_true(v >= last);
			last = v;
		}
		n += got;
	}
	assert_int_equal(n, 10000000);
	getrusage(RUSAGE_SELF, &after);
	long grown = after.ru_maxrss - before.ru_maxrss;
	if (grown > 5000)
		fail_msg("grew by %ld KiB, 4096 were allowed", grown);
	oc_sort_free(sort);
	oc_ctx_free(ctx);
}

static void full_disk(void **state)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_err err = {0};
	struct rlimit old, tight;
	char records[4096] = {0};
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	int rc = 0;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &old);
	tight = old;
	tight.rlim_cur = 100000;
	struct oc_sort *sort = oc_sort_new(ctx, "/tmp", 16, 8, 1 << 16, &err);
	setrlimit(RLIMIT_FSIZE, &tight);
	for (int i = 0; i < 1000 && !rc; i++)
		rc = oc_sort_add(sort, records, 256, &err);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, handler);
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, OC_IO);
	oc_sort_free(sort);

	err = (struct oc_err){0};
	sort = oc_sort_new(ctx, "/nonexistent", 16, 8, 1 << 16, &err);
	for (rc = 0; !rc;)
		rc = oc_sort_add(sort, records, 256, &err);
	assert_int_equal(err.code, OC_IO);
	assert_string_equal(err.where, "/nonexistent");
	oc_sort_free(sort);
	oc_ctx_free(ctx);
}

static void stops_when_told_to(void **state)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_err err = {0};
	char records[4096] = {0};
	int rc = 0;

	(void)state;
	struct oc_sort *sort = oc_sort_new(ctx, "/tmp", 16, 8, 1 << 16, &err);
	oc_ctx_cancel(ctx);
	oc_ctx_cancel(ctx);
	for (int i = 0; i < 1000 && !rc; i++)
		rc = oc_sort_add(sort, records, 256, &err);
	assert_int_equal(err.code, OC_CANCELLED);
	oc_sort_free(sort);
	oc_ctx_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_obeyed), /* first: the peak counts */
		cmocka_unit_test(as_qsort),
		cmocka_unit_test(full_disk),
		cmocka_unit_test(stops_when_told_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
