/* Legs: what is read is what was written; resume; every kind of damage is named. Spills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/hash.h"
#include "pipe/leg.h"
#include "pipe/spill.h"

static char dir[] = "/tmp/oc-leg-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/oc-leg-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	struct oc_err err = {0};

	(void)state;
	return oc_remove_tree(dir, &err);
}

static struct oc_str text(struct oc_arena *a, uint64_t h, size_t max)
{
	char *p = oc_arena_alloc(a, max + 1);
	size_t len = (size_t)(h % (max + 1));
	for (size_t i = 0; i < len; i++)
		p[i] = (char)(h >> (i % 56)); /* any bytes */
	return (struct oc_str){p, len};
}

static struct oc_str *texts(struct oc_arena *a, uint64_t h, uint32_t *n)
{
	*n = (uint32_t)(h % 4);
	struct oc_str *s = *n ? oc_arena_alloc(a, *n * sizeof *s) : NULL;
	for (uint32_t i = 0; i < *n; i++)
		s[i] = text(a, h + i, 20);
	return s;
}

/* Row number i of the test: every member filled from a hash. */
static void fill(struct oc_row *row, uint64_t i, size_t raw_max)
{
	struct oc_arena *a = row->arena;
	struct oc_pedigree *p = &row->ped;
	uint64_t h = oc_hash64(&i, sizeof i, 99);

	row->raw = text(a, h * 3 + 1, raw_max);
	row->test = h & 1;
	row->changed = h & 2;
	row->fate = h & 4 ? OC_HELD : OC_LIVE;
	p->key = oc_arena_printf(a, "s:%llu", (unsigned long long)i);
	p->id = text(a, h >> 3, 9);
	p->origin = (enum oc_origin)(h % 3);
	p->depth = (uint32_t)(h >> 7);
	p->depth_at_least = h & 8;
	p->source = (uint32_t)h;
	p->row = h;
	p->span = (struct oc_span){text(a, h >> 4, 30), h >> 1, h >> 9, h >> 40};
	p->licence = text(a, h >> 5, 8);
	p->parents = texts(a, h >> 6, &p->parent_n);
	p->founders = texts(a, h >> 7, &p->founder_n);
	p->recipe = text(a, h >> 8, 5);
	p->model = text(a, h >> 9, 5);
	p->params = text(a, h >> 10, 200);
	p->requests = texts(a, h >> 11, &p->request_n);
	p->edits = text(a, h >> 12, 50);
	p->review = text(a, h >> 13, 5);
	p->extra = text(a, h >> 14, 5);
	for (uint64_t v = 0; v < h % 3; v++) {
		struct oc_verdict *verdict =
			oc_row_verdict(row, "stage", v ? "a" : "rule",
		                       (enum oc_result)((h + v) % 5), text(a, h, 9));
		verdict->has_score = h & 16;
		verdict->score = (double)h / 3;
		verdict->threshold = verdict->has_score ? -0.0 : 0;
		if (!verdict->has_score)
			verdict->score = 0;
	}
}

static void same_texts(const struct oc_str *a, uint32_t an, const struct oc_str *b, uint32_t bn)
{
	assert_int_equal(an, bn);
	for (uint32_t i = 0; i < an; i++)
		assert_true(oc_str_eq(a[i], b[i]));
}

static void same_row(const struct oc_row *a, const struct oc_row *b)
{
	const struct oc_pedigree *p = &a->ped, *q = &b->ped;

	assert_true(oc_str_eq(a->raw, b->raw));
	assert_int_equal(a->test, b->test);
	assert_int_equal(a->changed, b->changed);
	assert_int_equal(a->fate, b->fate);
	assert_true(oc_str_eq(p->key, q->key) && oc_str_eq(p->id, q->id));
	assert_true(p->origin == q->origin && p->depth == q->depth);
	assert_int_equal(p->depth_at_least, q->depth_at_least);
	assert_true(p->source == q->source && p->row == q->row);
	assert_true(oc_str_eq(p->span.file, q->span.file) && p->span.offset == q->span.offset);
	assert_true(p->span.len == q->span.len && p->span.line == q->span.line);
	assert_true(oc_str_eq(p->licence, q->licence) && oc_str_eq(p->recipe, q->recipe));
	assert_true(oc_str_eq(p->model, q->model) && oc_str_eq(p->params, q->params));
	assert_true(oc_str_eq(p->edits, q->edits) && oc_str_eq(p->review, q->review));
	assert_true(oc_str_eq(p->extra, q->extra));
	same_texts(p->parents, p->parent_n, q->parents, q->parent_n);
	same_texts(p->founders, p->founder_n, q->founders, q->founder_n);
	same_texts(p->requests, p->request_n, q->requests, q->request_n);
	assert_int_equal(a->verdict_n, b->verdict_n);
	assert_int_equal(b->verdict_n, b->verdict_old);
	for (uint32_t i = 0; i < a->verdict_n; i++) {
		const struct oc_verdict *v = &a->verdicts[i], *w = &b->verdicts[i];
		assert_true(oc_str_eq(v->stage, w->stage) && oc_str_eq(v->rule, w->rule));
		assert_true(v->result == w->result && v->has_score == w->has_score);
		assert_memory_equal(&v->score, &w->score, sizeof v->score);
		assert_memory_equal(&v->threshold, &w->threshold, sizeof v->threshold);
		assert_true(oc_str_eq(v->evidence, w->evidence));
	}
}

/* Writes rows first..first+n-1 in batches of 100; every ninth row is rejected, so left out. */
static void write_rows(struct oc_leg_writer *w, uint64_t first, uint64_t n, size_t raw_max)
{
	struct oc_batch *b = oc_batch_new(100);
	struct oc_buf out = {0};
	struct oc_err err = {0};

	for (uint64_t i = first; i < first + n; i++) {
		struct oc_row *row = oc_batch_add(b);
		fill(row, i, raw_max);
		if (i % 9 == 8)
			row->fate = i % 2 ? OC_REJECTED : OC_MERGED;
		if (b->row_n == 100 || i + 1 == first + n) {
			out.len = 0;
			assert_int_equal(oc_leg_encode(b, false, &out, &err), 0);
			assert_true(oc_leg_add(w, &out, &err) >= 0);
			oc_batch_reset(b);
		}
	}
	oc_buf_fini(&out);
	oc_batch_free(b);
}

/* Reads from `first` to the end and compares; returns rows read. */
static uint64_t check_rows(struct oc_leg *leg, uint64_t first, size_t raw_max)
{
	struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS), *own = oc_batch_new(1);
	struct oc_err err = {0};
	uint64_t n = 0;

	for (;;) {
		oc_batch_reset(b);
		assert_int_equal(oc_leg_read(leg, first + n, b, &err), 0);
		if (!b->row_n)
			break;
		for (uint32_t i = 0; i < b->row_n; i++, n++) {
			oc_batch_reset(own);
			struct oc_row *row = oc_batch_add(own);
			uint64_t number = first + n;
			fill(row, number / 8 * 9 + number % 8, raw_max);
			assert_int_equal(b->rows[i].number, number);
			same_row(row, &b->rows[i]);
		}
	}
	oc_batch_free(b);
	oc_batch_free(own);
	return n;
}

static void rows_come_back(void **state)
{
	struct oc_err err = {0};
	struct oc_leg *leg;

	(void)state;
	struct oc_leg_writer *w = oc_leg_create(dir, 0, &err);
	write_rows(w, 0, 9000, 300);
	assert_int_equal(oc_leg_written(w), 8000);
	assert_int_equal(oc_leg_finish(w, &err), 0);
	assert_int_equal(oc_leg_open(&leg, dir, &err), 0);
	assert_int_equal(oc_leg_rows(leg), 8000);
	assert_int_equal(check_rows(leg, 0, 300), 8000);
	assert_int_equal(check_rows(leg, 7777, 300), 223);
	assert_int_equal(check_rows(leg, 8000, 300), 0);
	oc_leg_close(leg);
}

static void blocks_and_resume(void **state)
{
	struct oc_err err = {0};
	struct oc_leg *leg;
	const size_t wide = 40000; /* two blocks and a half */

	(void)state;
	struct oc_leg_writer *w = oc_leg_create(dir, 0, &err);
	write_rows(w, 0, 9000, wide);
	assert_int_equal(oc_leg_blocks(w), 2);
	oc_leg_abandon(w); /* the third is lost */
	assert_int_equal(oc_leg_open(&leg, dir, &err), 0);
	uint64_t kept = oc_leg_rows(leg);
	assert_true(kept > 0 && kept < 8000 && kept % 8 < 8);
	assert_int_equal(check_rows(leg, 0, wide), kept);
	oc_leg_close(leg);

	/* Continue behind block 1: block 2 goes, and its rows are written again. */
	w = oc_leg_create(dir, 1, &err);
	assert_non_null(w);
	uint64_t first = oc_leg_written(w);
	assert_true(first > 0 && first < kept);
	write_rows(w, first / 8 * 9 + first % 8, 9000 - (first / 8 * 9 + first % 8), wide);
	assert_int_equal(oc_leg_written(w), 8000);
	assert_int_equal(oc_leg_finish(w, &err), 0);
	assert_int_equal(oc_leg_open(&leg, dir, &err), 0);
	assert_int_equal(check_rows(leg, 0, wide), 8000);
	/* Jumping between blocks. */
	assert_int_equal(check_rows(leg, 7990, wide), 10);
	assert_true(check_rows(leg, 1, wide) == 7999);
	oc_leg_close(leg);
}

static void empty_leg(void **state)
{
	struct oc_err err = {0};
	struct oc_leg *leg;
	struct oc_batch *b = oc_batch_new(8);

	(void)state;
	struct oc_leg_writer *w = oc_leg_create(dir, 0, &err);
	assert_int_equal(oc_leg_finish(w, &err), 0);
	assert_int_equal(oc_leg_open(&leg, dir, &err), 0);
	assert_int_equal(oc_leg_rows(leg), 0);
	assert_int_equal(oc_leg_read(leg, 0, b, &err), 0);
	assert_int_equal(b->row_n, 0);
	oc_leg_close(leg);
	oc_batch_free(b);
	assert_int_equal(oc_leg_open(&leg, "/nonexistent/leg", &err), -1);
	assert_int_equal(err.code, OC_IO);
}

/* Every flipped byte and every cut is found, and the message names the block. */
static void damage_is_named(void **state)
{
	char path[64], copy[64];
	struct oc_err err = {0};
	struct oc_buf bytes = {0};

	(void)state;
	struct oc_leg_writer *w = oc_leg_create(dir, 0, &err);
	write_rows(w, 0, 45, 30);
	assert_int_equal(oc_leg_finish(w, &err), 0);
	snprintf(path, sizeof path, "%s/000000.leg", dir);
	assert_int_equal(oc_file_read(path, 1 << 20, &bytes, &err), 0);
	snprintf(copy, sizeof copy, "%s/copy", dir);
	assert_int_equal(mkdir(copy, 0700), 0);
	snprintf(copy, sizeof copy, "%s/copy/000000.leg", dir);
	for (size_t at = 0; at < 2 * bytes.len; at++) {
		struct oc_leg *leg = NULL;
		struct oc_batch *b = oc_batch_new(512);
		size_t len = bytes.len;
		err = (struct oc_err){0};
		if (at < bytes.len)
			bytes.p[at] ^= 0x20;
		else
			len = at - bytes.len;
		FILE *f = fopen(copy, "w");
		fwrite(bytes.p, 1, len, f);
		fclose(f);
		if (at < bytes.len)
			bytes.p[at] ^= 0x20;
		char folder[64];
		snprintf(folder, sizeof folder, "%s/copy", dir);
		if (!oc_leg_open(&leg, folder, &err)) {
			for (uint64_t n = 0; n < oc_leg_rows(leg); n += b->row_n) {
				oc_batch_reset(b);
				if (oc_leg_read(leg, n, b, &err))
					break;
			}
			oc_leg_close(leg);
		}
		oc_batch_free(b);
		if (err.code != OC_IO)
			fail_msg("change %zu of %zu bytes was not seen", at, bytes.len);
		assert_non_null(strstr(err.where, "000000.leg"));
	}
	oc_buf_fini(&bytes);
}

static void a_missing_block_is_not_the_end(void **state)
{
	char from[64], to[64];
	struct oc_err err = {0};
	struct oc_leg *leg;

	(void)state;
	struct oc_leg_writer *w = oc_leg_create(dir, 0, &err);
	write_rows(w, 0, 45, 30);
	assert_int_equal(oc_leg_finish(w, &err), 0);
	snprintf(from, sizeof from, "%s/000000.leg", dir);
	snprintf(to, sizeof to, "%s/000001.leg", dir);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(oc_leg_open(&leg, dir, &err), -1);
	assert_non_null(strstr(err.where, "000000.leg"));
}

/* Settled, a leg holds the verdicts of oc_verdicts_settle: in order, those that keep left out. */
static void settled(void **state)
{
	struct oc_err err = {0};
	struct oc_batch *b = oc_batch_new(200), *back = oc_batch_new(200);
	struct oc_buf out = {0};
	struct oc_leg *leg;

	(void)state;
	for (uint64_t i = 0; i < 200; i++)
		fill(oc_batch_add(b), i, 100);
	assert_int_equal(oc_leg_encode(b, true, &out, &err), 0);
	struct oc_leg_writer *w = oc_leg_create(dir, 0, &err);
	assert_true(oc_leg_add(w, &out, &err) >= 0);
	assert_int_equal(oc_leg_finish(w, &err), 0);
	assert_int_equal(oc_leg_open(&leg, dir, &err), 0);
	assert_int_equal(oc_leg_read(leg, 0, back, &err), 0);
	uint32_t gone = 0, at = 0;
	for (uint32_t i = 0; i < b->row_n; i++) {
		if (b->rows[i].fate != OC_LIVE && b->rows[i].fate != OC_HELD)
			continue;
		assert_true(at < back->row_n);
		oc_verdicts_settle(&b->rows[i]);
		gone += b->rows[i].verdict_parked;
		same_row(&b->rows[i], &back->rows[at++]);
	}
	assert_int_equal(at, back->row_n);
	assert_true(gone > 20);
	oc_leg_close(leg);
	oc_buf_fini(&out);
	oc_batch_free(b);
	oc_batch_free(back);
}

/* A full disk, played by the limit on file size. */
static void full_disk(void **state)
{
	struct oc_err err = {0};
	struct oc_batch *b = oc_batch_new(100);
	struct oc_buf out = {0};
	struct rlimit old, tight = {100000, 100000};
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		fill(oc_batch_add(b), i, 2000);
	assert_int_equal(oc_leg_encode(b, false, &out, &err), 0);
	getrlimit(RLIMIT_FSIZE, &old);
	tight.rlim_max = old.rlim_max;
	struct oc_leg_writer *w = oc_leg_create(dir, 0, &err);
	setrlimit(RLIMIT_FSIZE, &tight);
	int rc = 0;
	for (int i = 0; i < 10 && !rc; i++)
		rc = oc_leg_add(w, &out, &err);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, handler);
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, OC_IO);
	assert_non_null(strstr(err.where, "000000.leg.tmp"));
	oc_leg_abandon(w);
	char path[64];
	snprintf(path, sizeof path, "%s/000000.leg.tmp", dir);
	assert_false(oc_file_exists(path));
	oc_buf_fini(&out);
	oc_batch_free(b);
}

static void spills(void **state)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_err err = {0};
	struct oc_spill *s = oc_spill_open(ctx, dir, "x", 3, 100000, &err);
	struct oc_buf want[3] = {{0}, {0}, {0}};
	struct oc_str got;

	(void)state;
	assert_non_null(s);
	assert_string_equal(oc_spill_dir(s), dir);
	assert_int_equal(oc_spill_memory(s), 100000);
	for (uint64_t i = 0; i < 3000; i++) {
		char chunk[9000];
		size_t len = (size_t)(oc_hash64(&i, 8, 5) % (i % 50 ? 100 : sizeof chunk));
		memset(chunk, (int)i, len);
		assert_int_equal(oc_spill_add(s, i % 2, chunk, len, &err), 0);
		oc_buf_add(&want[i % 2], chunk, len);
		if (i == 1000) { /* a map in the middle, then more */
			assert_int_equal(oc_spill_map(s, 0, &got, &err), 0);
			assert_true(oc_str_eq(got, oc_buf_view(&want[0])));
		}
	}
	assert_int_equal(oc_spill_flush(s, &err), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(oc_spill_len(s, i), want[i].len);
		assert_int_equal(oc_spill_map(s, i, &got, &err), 0);
		assert_true(oc_str_eq(got, oc_buf_view(&want[i])));
		oc_buf_fini(&want[i]);
	}
	oc_spill_close(s);
	char path[64];
	snprintf(path, sizeof path, "%s/x.0.spill", dir);
	assert_false(oc_file_exists(path));
	assert_null(oc_spill_open(ctx, "/nonexistent", "x", 2, 0, &err));
	assert_int_equal(err.code, OC_IO);
	oc_ctx_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_come_back, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(blocks_and_resume, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(empty_leg, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(damage_is_named, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(a_missing_block_is_not_the_end, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(settled, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(full_disk, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(spills, make_dir, drop_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
