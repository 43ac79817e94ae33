/*
 * copies: folding, fingerprints and spans against a judge that compares every byte with every
 * other, on random, periodic, equal and multi-byte texts; threads, memory, actions, the reference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "curate/copies.h"
#include "pipe/pass.h"
#include "spans.h"
#include "stage.h"

/* ------------------------------------------------------------------- texts */

struct texts {
	uint64_t seed;
	enum span_kind kind;
	unsigned most;
	uint32_t real_n;
};

/* Lets the stage observe rows 0..n-1; the first real_n are real. */
static struct oc_spill *observe(struct oc_driven *d, uint64_t n, uint64_t memory,
                                const struct texts *t)
{
	struct oc_err err = {0};
	struct oc_spill *spill =
		oc_spill_open(d->ctx, d->dir, "seen", d->def->stream_n, memory, &err);
	struct oc_buf out[OC_COPY_STREAMS] = {0}, b = {0}, json = {0};

	assert_non_null(spill);
	for (uint64_t i = 0; i < n; i++) {
		struct oc_batch *batch = oc_batch_new(1);
		b.len = 0;
		span_text(&b, t->seed, i, t->kind, t->most);
		struct oc_row *row = oc_driven_row(batch, span_row(&json, oc_buf_view(&b)), i,
		                                   i < t->real_n ? OC_REAL : OC_SYNTHETIC);
		if (d->def->observe(d->self, d->scratch, row, out, &err))
			fail_msg("%s", err.msg);
		for (unsigned k = 0; k < OC_COPY_STREAMS; k++) {
			assert_int_equal(oc_spill_add(spill, k, out[k].p, out[k].len, &err), 0);
			out[k].len = 0;
		}
		oc_batch_free(batch);
	}
	for (unsigned k = 0; k < OC_COPY_STREAMS; k++)
		oc_buf_fini(&out[k]);
	oc_buf_fini(&b);
	oc_buf_fini(&json);
	return spill;
}

/* ----------------------------------------------------------------- folding */

static void folding_and_back(void **state)
{
	(void)state;
	static const char *cases[][2] = {{"", ""},
	                                 {" \n", ""},
	                                 {"a", "a"},
	                                 {"  a  b\n", "a b"},
	                                 {"a\xC2\xA0\xE3\x80\x80 b é　", "a b é"},
	                                 {"A\tB", "A B"}};
	struct oc_rng rng;
	struct oc_draws d;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_buf out = {0}, shifts = {0};
		oc_fold_space(oc_str(cases[i][0]), &out, &shifts);
		assert_string_equal(oc_buf_cstr(&out), cases[i][1]);
		oc_buf_fini(&out);
		oc_buf_fini(&shifts);
	}
	/* any span, folded and taken back, folds to itself */
	oc_rng_init(&rng, 3, "test/copies/fold");
	for (uint64_t k = 0; k < 2000; k++) {
		static const char *const parts[] = {" ", "\n", "a", "bc", "é", "\xE2\x80\x83", "d"};
		struct oc_buf text = {0}, out = {0}, shifts = {0}, again = {0}, none = {0};
		uint64_t from, len;
		oc_draws_init(&d, &rng, k);
		for (unsigned i = 0; i < 30; i++)
			oc_buf_puts(&text, parts[oc_draw_below(&d, 7)]);
		oc_fold_space(oc_buf_view(&text), &out, &shifts);
		if (out.len) {
			uint32_t a = (uint32_t)oc_draw_below(&d, out.len);
			while (((unsigned char)out.p[a] & 0xC0) == 0x80)
				a--;
			uint32_t n = 1 + (uint32_t)oc_draw_below(&d, out.len - a);
			while (a + n < out.len && ((unsigned char)out.p[a + n] & 0xC0) == 0x80)
				n++;
			oc_fold_back(oc_buf_view(&out), (const void *)shifts.p,
			             (uint32_t)(shifts.len / sizeof(struct oc_shift)), a, n, &from,
			             &len);
			assert_true(from + len <= text.len);
			/* with a letter at both ends, whose white space would be trimmed */
			struct oc_buf piece = {0}, want = {0};
			oc_buf_putc(&piece, '<');
			oc_buf_add(&piece, text.p + from, len);
			oc_buf_putc(&piece, '>');
			oc_fold_space(oc_buf_view(&piece), &again, &none);
			oc_buf_putc(&want, '<');
			oc_buf_add(&want, out.p + a, n);
			oc_buf_putc(&want, '>');
			assert_string_equal(oc_buf_cstr(&again), oc_buf_cstr(&want));
			oc_buf_fini(&piece);
			oc_buf_fini(&want);
		}
		oc_buf_fini(&text);
		oc_buf_fini(&out);
		oc_buf_fini(&shifts);
		oc_buf_fini(&again);
		oc_buf_fini(&none);
	}
}

/* ------------------------------------------------------- against the judge */

struct check {
	const struct oc_copies *copies;
	uint32_t next;
	bool exact;
	uint64_t span_n, row_n;
};

static void expect(struct check *k, uint32_t row, const struct oc_copied *found)
{
	const struct oc_copies *c = k->copies;
	struct oc_str text = oc_copies_text(c, row);
	uint8_t *want = oc_zalloc(text.len + 1, 1), *got = oc_zalloc(text.len + 1, 1);
	uint32_t longest = oc_copies_judge(c, row, want);

	k->row_n++;
	for (uint32_t i = 0; found && i < found->interval_n; i++) {
		const struct oc_interval *v = &found->interval[i];
		assert_true(v->from < v->to && v->to <= text.len);
		assert_true(!i || found->interval[i - 1].to < v->from);
		memset(got + v->from, 1, v->to - v->from);
		k->span_n++;
	}
	assert_memory_equal(got, want, text.len + 1);
	if (!found) {
		assert_int_equal(longest, 0);
	} else {
		struct oc_str source = oc_copies_text(c, found->source);
		if (k->exact)
			assert_false(found->at_least);
		if (found->at_least)
			assert_true(found->longest.len <= longest);
		else
			assert_int_equal(found->longest.len, longest);
		assert_true(found->source != row && c->rows[found->source].origin == OC_REAL);
		assert_true(found->longest.a + found->longest.len <= text.len);
		assert_true(found->longest.b + found->longest.len <= source.len);
		assert_memory_equal(text.p + found->longest.a, source.p + found->longest.b,
		                    found->longest.len);
	}
	free(want);
	free(got);
}

static int check(void *user, const struct oc_copied *found, struct oc_err *err)
{
	struct check *k = user;

	(void)err;
	for (; k->next <= found->row; k->next++)
		if (oc_copies_judged(k->copies, k->next) || oc_copies_reference(k->copies, k->next))
			expect(k, k->next, k->next == found->row ? found : NULL);
	return 0;
}

/* All rows of one set of texts: synthetic ones and every real one against all real rows. */
static void judge_set(const struct texts *t, uint32_t n, uint32_t min_span, uint32_t cap,
                      uint64_t *spans)
{
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_copies c;
	char options[64];
	struct oc_copy_opts opts = {
		.min_span = min_span, .cap = cap, .reference = (uint64_t)1 << 32};

	snprintf(options, sizeof options, "{min_span: %u, cap: %u}", min_span, cap);
	if (oc_driven_open(&d, "copies", options, 0, &err))
		fail_msg("%s", err.msg);
	uint64_t memory = t->seed % 2 ? 1 << 20 : 1 << 14;
	d.ctx->threads = 1 + (unsigned)(t->seed % 3);
	struct oc_spill *spill = observe(&d, n, 1 << 20, t);
	assert_int_equal(oc_copies_open(&c, d.ctx, "copies", &opts, spill, &err), 0);
	struct check k = {.copies = &c, .exact = cap > 1000};
	if (oc_copies_find(&c, d.dir, memory, check, &k, &err))
		fail_msg("%s", err.msg);
	for (; k.next < n; k.next++)
		expect(&k, k.next, NULL);
	assert_int_equal(k.row_n, n);
	*spans += k.span_n;
	oc_copies_close(&c);
	oc_spill_close(spill);
	oc_driven_close(&d);
}

static void every_span_is_found(void **state)
{
	(void)state;
	static const uint32_t spans[] = {16, 17, 20, 31, 64};

	for (unsigned kind = 0; kind < SPAN_KINDS; kind++) {
		uint64_t found = 0;
		for (uint64_t seed = 0; seed < 30; seed++) {
			struct texts t = {seed, (enum span_kind)kind, 300, 6};
			judge_set(&t, 12, spans[seed % 5], 100000, &found);
		}
		print_message("kind %u: %llu spans\n", kind, (unsigned long long)found);
		assert_true(found > 150);
	}
}

/* With cap 1 nearly every shared fingerprint goes through the window table: what is covered stays
 * exact, the longest span may be a part of it. */
static void frequent_fingerprints_lose_no_byte(void **state)
{
	(void)state;
	static const enum span_kind kinds[] = {SPAN_LETTERS, SPAN_PERIODIC, SPAN_EQUAL, SPAN_LINES};

	for (unsigned kind = 0; kind < 4; kind++) {
		uint64_t found = 0;
		for (uint64_t seed = 100; seed < 130; seed++) {
			struct texts t = {seed, kinds[kind], 300, 8};
			judge_set(&t, 14, 16 + (uint32_t)(seed % 20), 1, &found);
		}
		assert_true(found > 200);
	}
}

/* ------------------------------------------------------------- an index */

/* What an index adds to a set's streams is what its rows, observed, would have been. */
static void an_index_is_the_streams_of_its_real_rows(void **state)
{
	(void)state;
	struct oc_err err = {0};

	for (unsigned kind = 0; kind < SPAN_KINDS; kind++) {
		struct oc_driven d;
		struct texts t = {kind, (enum span_kind)kind, 900, 20};
		struct oc_index *ix = NULL;
		struct oc_str want[OC_COPY_STREAMS], got[OC_COPY_STREAMS];
		if (oc_driven_open(&d, "copies", "{min_span: 20}", 0, &err))
			fail_msg("%s", err.msg);
		const char *path = oc_arena_printf(d.arena, "%s/real.index", d.dir).p;
		struct oc_spill *all = observe(&d, 30, 1 << 20, &t), *real, *added;
		if (d.def->index(d.self, all, path, &err) ||
		    oc_index_open(&ix, path, "copies", oc_copies_index_options(d.arena, 20, &err),
		                  &err))
			fail_msg("%s", err.msg);
		assert_int_equal(oc_index_rows(ix), t.real_n);
		oc_spill_close(all);
		real = observe(&d, t.real_n, 1 << 20, &t);
		added = oc_spill_open(d.ctx, d.dir, "added", OC_COPY_STREAMS, 1 << 20, &err);
		assert_int_equal(oc_copies_add_index(ix, added, &err), 0);
		for (unsigned k = 0; k < OC_COPY_STREAMS; k++) {
			assert_int_equal(oc_spill_map(real, k, &want[k], &err), 0);
			assert_int_equal(oc_spill_map(added, k, &got[k], &err), 0);
			assert_int_equal(got[k].len, want[k].len);
			if (k)
				assert_memory_equal(got[k].p, want[k].p, want[k].len);
		}
		for (uint32_t i = 0; i < t.real_n; i++) {
			struct oc_copy_row r =
				((const struct oc_copy_row *)(const void *)want[0].p)[i];
			r.number = UINT64_MAX;
			assert_memory_equal(got[0].p + i * sizeof r, &r, sizeof r);
		}
		oc_spill_close(real);
		oc_spill_close(added);
		oc_index_close(ix);
		oc_driven_close(&d);
	}
}

/* ------------------------------------------------------------- in the pass */

struct feed {
	uint64_t next, n;
	struct oc_hasher *hash;
	uint64_t flagged, gone;
};

static int feed(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct feed *f = user;
	struct oc_buf b = {0}, json = {0};

	(void)err;
	while (f->next < f->n && batch->row_n < 50) {
		struct oc_row *row = oc_batch_add(batch);
		b.len = 0;
		span_text(&b, 5, f->next, SPAN_LINES, 3000);
		row->raw = oc_arena_str(batch->arena, oc_str(span_row(&json, oc_buf_view(&b))));
		row->ped.origin = f->next < f->n / 2 ? OC_REAL : OC_SYNTHETIC;
		row->ped.depth = f->next < f->n / 2 ? 0 : 1;
		row->ped.key =
			oc_arena_printf(batch->arena, "s:%llu", (unsigned long long)f->next++);
	}
	oc_buf_fini(&b);
	oc_buf_fini(&json);
	return f->next < f->n;
}

static int emit(void *user, struct oc_batch *batch, struct oc_buf *encoded, struct oc_err *err)
{
	struct feed *f = user;
	struct oc_buf b = {0};

	(void)encoded;
	(void)err;
	for (uint32_t i = 0; i < batch->row_n; i++) {
		struct oc_row *row = &batch->rows[i];
		f->gone += row->fate == OC_REJECTED;
		for (uint32_t k = 0; k < row->verdict_n; k++)
			f->flagged += row->verdicts[k].result == OC_FLAG;
		oc_pedigree_write(&b, row);
	}
	oc_hasher_add(f->hash, b.p, b.len);
	oc_buf_fini(&b);
	return 0;
}

static struct oc_hash128 whole_run(unsigned threads, uint64_t n, uint64_t memory, uint64_t *flagged)
{
	struct oc_err err = {0};
	struct oc_driven d;
	struct feed f = {.n = n, .hash = oc_hasher_new()};

	if (oc_driven_open(&d, "copies", "{min_span: 24, max_span: 100, reference: 100}", 0, &err))
		fail_msg("%s", err.msg);
	struct oc_spill *spill = oc_spill_open(d.ctx, d.dir, "seen", d.def->stream_n, memory, &err);
	struct oc_step_run step = {
		.def = d.def, .self = d.self, .name = "copies", .role = OC_OBSERVE, .spill = spill};
	struct oc_pass pass = {.ctx = d.ctx,
	                       .steps = &step,
	                       .step_n = 1,
	                       .threads = threads,
	                       .user = &f,
	                       .feed = feed,
	                       .emit = emit};
	if (oc_pass_run(&pass, &err) || d.def->resolve(d.self, spill, &err))
		fail_msg("%s", err.msg);
	step.role = OC_APPLY;
	step.spill = NULL;
	f.next = 0;
	oc_spill_close(spill);
	if (oc_pass_run(&pass, &err))
		fail_msg("%s", err.msg);
	struct oc_hash128 h = oc_hasher_get(f.hash);
	*flagged = f.flagged;
	assert_int_equal(f.gone, 0);
	oc_hasher_free(f.hash);
	oc_driven_close(&d);
	return h;
}

static void any_number_of_threads_and_memory_says_the_same(void **state)
{
	(void)state;
	uint64_t flagged[4];
	struct oc_hash128 one = whole_run(1, 600, 64 << 20, &flagged[0]),
			  two = whole_run(2, 600, 64 << 20, &flagged[1]),
			  five = whole_run(5, 600, 64 << 20, &flagged[2]),
			  little = whole_run(2, 600, 1 << 20, &flagged[3]);

	assert_true(flagged[0] > 100);
	assert_memory_equal(&one, &two, sizeof one);
	assert_memory_equal(&one, &five, sizeof one);
	assert_memory_equal(&one, &little, sizeof one);
}

/* RLIMIT_DATA counts heap and anonymous maps, not mapped files. The texts are ten times `memory`.
 */
static void memory_is_obeyed(void **state)
{
	(void)state;
	enum { MEMORY = 1 << 20, SLACK = 1 << 20 };
	struct oc_err err = {0};
	struct oc_driven d;
	struct texts t = {9, SPAN_LINES, 10000, 1200};

	if (OC_SANITIZED)
		skip();
	assert_int_equal(oc_driven_open(&d, "copies", "{}", 0, &err), 0);
	struct oc_spill *spill = observe(&d, 2400, MEMORY, &t);
	assert_true(oc_spill_len(spill, 1) >= 10 * (uint64_t)MEMORY);
	oc_driven_resolve_within(&d, spill, MEMORY + SLACK, MEMORY + 4 * SLACK);
	oc_spill_close(spill);
	oc_driven_close(&d);
}

/* ----------------------------------------------------------------- actions */

#define QUOTE "the quick brown fox jumps over the lazy dog again and again"

static const char *const rows[] = {
	"{\"text\":\"Once  " QUOTE "\\n\\nand so on.\"}",
	"{\"text\":\"Nothing to see here, nothing at all, really nothing.\"}",
	"{\"text\":\"My own words. the quick brown\\n fox jumps over the lazy dog again and  "
	"again; more of mine\"}",
	"{\"text\":\"" QUOTE "\"}",
	"{\"text\":\"quite another thing\"}",
};

/* Runs the five rows, the first two real; leaves what became of row `want` in `out`. */
static void act(const char *options, unsigned want, struct oc_buf *out)
{
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_buf streams[OC_COPY_STREAMS] = {0};

	if (oc_driven_open(&d, "copies", options, 0, &err))
		fail_msg("%s", err.msg);
	struct oc_spill *spill = oc_spill_open(d.ctx, d.dir, "seen", 5, 1 << 20, &err);
	for (unsigned i = 0; i < 5; i++) {
		struct oc_batch *batch = oc_batch_new(1);
		struct oc_row *row =
			oc_driven_row(batch, rows[i], i, i < 2 ? OC_REAL : OC_SYNTHETIC);
		assert_int_equal(d.def->observe(d.self, d.scratch, row, streams, &err), 0);
		oc_batch_free(batch);
	}
	for (unsigned k = 0; k < OC_COPY_STREAMS; k++) {
		assert_int_equal(oc_spill_add(spill, k, streams[k].p, streams[k].len, &err), 0);
		oc_buf_fini(&streams[k]);
	}
	assert_int_equal(d.def->resolve(d.self, spill, &err), 0);
	oc_spill_close(spill);
	struct oc_batch *batch = oc_batch_new(1);
	struct oc_row *row =
		oc_driven_row(batch, rows[want], want, want < 2 ? OC_REAL : OC_SYNTHETIC);
	if (d.def->apply(d.self, d.scratch, row, &err))
		fail_msg("%s", err.msg);
	oc_buf_printf(out, "%s %.*s ", oc_fate_name(row->fate), OC_ARG(row->raw));
	oc_verdicts_write(out, row);
	oc_buf_cstr(out);
	oc_batch_free(batch);
	oc_driven_close(&d);
}

static void says(const char *options, unsigned row, const char *want)
{
	struct oc_buf out = {0};

	act(options, row, &out);
	if (!strstr(out.p, want))
		fail_msg("row %u with %s: %s\n lacks %s", row, options, out.p, want);
	oc_buf_fini(&out);
}

static void findings_are_reported_cut_or_dropped(void **state)
{
	(void)state;
	/* 59 bytes and the space before; folded, 60 of 84 */
	says("{min_span: 32, max_span: 50}", 2,
	     "{\"key\":\"s:0\",\"at\":[4,61],\"row_at\":[13,62],\"text\":\" the quick brown\\n "
	     "fox");
	says("{min_span: 32, max_span: 50}", 2, "\"flag\"");
	says("{min_span: 32, max_span: 50}", 2, "{\"covered\":60,\"of\":87,\"spans\":1}");
	says("{min_span: 32, max_span: 50}", 4,
	     "\"rule\":\"span\",\"result\":\"keep\",\"score\":0");
	says("{min_span: 32, max_span: 50}", 0, "[]");
	says("{min_span: 32, max_span: 50, action: drop}", 2, "rejected ");
	says("{min_span: 32, max_span: 60, max_coverage: 1, action: drop}", 2, "live ");
	says("{min_span: 32, max_span: 50, action: cut, field: text}", 2,
	     "{\"text\":\"My own words.; more of mine\"}");
	says("{min_span: 32, max_span: 50, action: cut, field: text}", 3, "nothing_left");
}

static void cut_needs_a_field(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_driven d;

	assert_int_equal(oc_driven_open(&d, "copies", "{action: cut}", 0, &err), -1);
	assert_int_equal(err.code, OC_PLAN);
	oc_driven_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folding_and_back),
		cmocka_unit_test(every_span_is_found),
		cmocka_unit_test(frequent_fingerprints_lose_no_byte),
		cmocka_unit_test(an_index_is_the_streams_of_its_real_rows),
		cmocka_unit_test(any_number_of_threads_and_memory_says_the_same),
		cmocka_unit_test(memory_is_obeyed),
		cmocka_unit_test(findings_are_reported_cut_or_dropped),
		cmocka_unit_test(cut_needs_a_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
