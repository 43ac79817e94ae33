/*
 * substring: the windows it finds against a judge that sorts them all, on random, periodic, equal,
 * multi-byte and natural texts, with the first rows of the set or in indexes; what is cut and
 * dropped against a simulation; threads, memory, hostile rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"
#include "curate/substring.h"
#include "pipe/pass.h"
#include "spans.h"
#include "stage.h"
#include "text/utf8.h"

/* ------------------------------------------------------------------- texts */

struct texts {
	struct oc_str *text;
	uint64_t n, len;
	struct oc_arena *arena;
};

static void texts_add(struct texts *t, struct oc_str text)
{
	if (!t->arena)
		t->arena = oc_arena_new();
	t->text = oc_realloc(t->text, (t->n + 1) * sizeof *t->text);
	t->text[t->n++] = oc_arena_str(t->arena, text);
	t->len += text.len;
}

static void texts_make(struct texts *t, uint64_t seed, enum span_kind kind, uint64_t n,
                       unsigned most)
{
	struct oc_buf b = {0};

	for (uint64_t i = 0; i < n; i++) {
		b.len = 0;
		span_text(&b, seed, i, kind, most);
		texts_add(t, oc_buf_view(&b));
	}
	oc_buf_fini(&b);
}

/* Texts with long runs of short periods, whole and cut off, among letters. */
static void add_runs(struct texts *t, uint64_t seed)
{
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, seed, "test/substring/runs");
	for (uint64_t i = 0; i < 6; i++) {
		struct oc_buf b = {0};
		oc_draws_init(&d, &rng, i);
		for (unsigned k = 0; k < 4; k++) {
			unsigned period = 1 + (unsigned)oc_draw_below(&d, 7), shift,
				 n = (unsigned)oc_draw_below(&d, 400);
			shift = (unsigned)oc_draw_below(&d, period);
			for (unsigned j = 0; j < n; j++)
				oc_buf_putc(&b, (char)('a' + (j + shift) % period * 3 % 5));
			n = (unsigned)oc_draw_below(&d, 12);
			for (unsigned j = 0; j < n; j++)
				oc_buf_putc(&b, (char)('x' + oc_draw_below(&d, 2)));
		}
		texts_add(t, oc_buf_view(&b));
		oc_buf_fini(&b);
	}
}

static void texts_fini(struct texts *t)
{
	free(t->text);
	if (t->arena)
		oc_arena_free(t->arena);
}

/* Texts from .. n - 1, as the rows of those numbers. */
static struct oc_spill *observe(struct oc_driven *d, const struct texts *t, uint64_t from,
                                uint64_t memory)
{
	struct oc_err err = {0};
	struct oc_spill *spill =
		oc_spill_open(d->ctx, d->dir, "seen", d->def->stream_n, memory, &err);
	struct oc_buf out[OC_SPAN_STREAMS] = {0}, json = {0};

	assert_non_null(spill);
	for (uint64_t i = from; i < t->n; i++) {
		struct oc_batch *batch = oc_batch_new(1);
		struct oc_row *row = oc_driven_row(batch, span_row(&json, t->text[i]), i, OC_REAL);
		if (d->def->observe(d->self, d->scratch, row, out, &err))
			fail_msg("%s", err.msg);
		for (unsigned k = 0; k < OC_SPAN_STREAMS; k++) {
			assert_int_equal(oc_spill_add(spill, k, out[k].p, out[k].len, &err), 0);
			out[k].len = 0;
		}
		oc_batch_free(batch);
	}
	for (unsigned k = 0; k < OC_SPAN_STREAMS; k++)
		oc_buf_fini(&out[k]);
	oc_buf_fini(&json);
	return spill;
}

/* An index of texts from .. to - 1 at `path`, on top of the one at `below`. */
static void index_texts(const struct texts *t, uint64_t from, uint64_t to, unsigned min_span,
                        const char *below, const char *path)
{
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_buf options = {0};
	struct texts some = *t;

	some.n = to;
	oc_buf_printf(&options, "{min_span: %u", min_span);
	if (below)
		oc_buf_printf(&options, ", against: [%s]", below);
	oc_buf_puts(&options, "}");
	if (oc_driven_open(&d, "substring", oc_buf_cstr(&options), 0, &err))
		fail_msg("%s", err.msg);
	struct oc_spill *spill = observe(&d, &some, from, 1 << 20);
	if (d.def->index(d.self, spill, path, &err))
		fail_msg("%s", err.msg);
	oc_spill_close(spill);
	oc_driven_close(&d);
	oc_buf_fini(&options);
}

static char index_dir[64];

/*
 * The first old_n texts in indexes: as one, as two, or as one that grew; appends the option that
 * names them.
 */
static void index_old(const struct texts *t, uint64_t old_n, unsigned min_span,
                      struct oc_buf *option)
{
	char one[96], two[96];
	uint64_t half = old_n / 2;

	snprintf(one, sizeof one, "%s/one.index", index_dir);
	snprintf(two, sizeof two, "%s/two.index", index_dir);
	if (!old_n)
		return;
	if (old_n % 3 == 0) {
		index_texts(t, 0, old_n, min_span, NULL, one);
		oc_buf_printf(option, ", against: [%s]", one);
		return;
	}
	index_texts(t, 0, half, min_span, NULL, one);
	index_texts(t, half, old_n, min_span, old_n % 3 == 1 ? NULL : one, two);
	oc_buf_printf(option, old_n % 3 == 1 ? ", against: [%s, %s]" : ", against: [%s%s]",
	              old_n % 3 == 1 ? one : two, old_n % 3 == 1 ? two : "");
}

/* ------------------------------------------------------- against the judge */

struct judged {
	uint64_t **source;
	uint8_t **again;
	uint64_t *starts; /* number of each text's first byte */
};

static struct judged judge(const struct texts *t, uint32_t min_span)
{
	struct judged j = {oc_alloc(t->n * sizeof *j.source), oc_alloc(t->n * sizeof *j.again),
	                   oc_alloc(t->n * sizeof *j.starts)};
	uint64_t at = 0;

	for (uint64_t i = 0; i < t->n; i++) {
		j.source[i] = oc_zalloc(t->text[i].len + 1, sizeof *j.source[i]);
		j.again[i] = oc_zalloc(t->text[i].len + 1, 1);
		j.starts[i] = at;
		at += t->text[i].len;
	}
	oc_spans_judge(t->text, t->n, min_span, j.source, j.again);
	return j;
}

static void judged_fini(struct judged *j, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		free(j->source[i]);
		free(j->again[i]);
	}
	free(j->source);
	free(j->again);
	free(j->starts);
}

struct check {
	const struct oc_spans *spans;
	const struct judged *judged;
	uint64_t window_n, last, old_n;
};

/* Among all texts, those of the indexes first. */
static uint64_t ordinal(const struct oc_spans *s, const struct oc_span_part *part, uint64_t place)
{
	uint64_t row = oc_spans_row(part, place);

	for (; part > s->parts; part--)
		row += part[-1].row_n;
	return row;
}

static uint64_t byte_of(const struct oc_span_part *part, uint64_t place)
{
	return place - part->base - part->starts[oc_spans_row(part, place)];
}

static int check(void *user, const struct oc_span_found *found, struct oc_err *err)
{
	struct check *k = user;
	const struct oc_spans *s = k->spans;
	uint64_t row = ordinal(s, s->set, found->at), at = byte_of(s->set, found->at);

	(void)err;
	assert_true(found->n && row >= k->old_n && (!k->window_n || found->at >= k->last));
	k->last = found->at + found->n;
	for (uint32_t i = 0; i < found->n; i++) {
		uint64_t number = k->judged->starts[row] + at + i;
		assert_true(at + i + s->min_span <= s->set->rows[row - k->old_n].text_len);
		uint64_t source = k->judged->source[row][at + i];
		if (found->source == OC_SPAN_FIRST) {
			assert_int_equal(source, number);
			assert_true(k->judged->again[row][at + i]);
			continue;
		}
		uint64_t place = found->source + (found->period ? i % found->period : i);
		const struct oc_span_part *part = oc_spans_part(s, place);
		assert_true(source < number);
		assert_int_equal(source,
		                 k->judged->starts[ordinal(s, part, place)] + byte_of(part, place));
	}
	k->window_n += found->n;
	return 0;
}

/* Every window found is the judge's, and as many are found as the judge has. The first old_n texts
 * are in indexes. */
static uint64_t judge_set(const struct texts *t, uint64_t old_n, uint32_t min_span, uint64_t memory)
{
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_spans s;
	struct oc_index *indexes[OC_SPAN_INDEXES];
	unsigned index_n = 0;
	struct oc_buf options = {0};
	uint64_t want = 0;

	oc_buf_printf(&options, "{min_span: %u", min_span);
	index_old(t, old_n, min_span, &options);
	oc_buf_puts(&options, "}");
	if (oc_driven_open(&d, "substring", oc_buf_cstr(&options), 0, &err))
		fail_msg("%s", err.msg);
	/* once more here, as the stage shows only what it makes of them */
	for (const char *p = strstr(options.p, index_dir); old_n && p;
	     p = strstr(p + 1, index_dir)) {
		struct oc_str path = {p, strcspn(p, ",]")};
		yyjson_val *given = oc_json_parse(
			d.arena, oc_arena_printf(d.arena, "{\"min_span\":%u}", min_span), &err);
		if (oc_index_open(&indexes[index_n++], oc_arena_str(d.arena, path).p, "substring",
		                  given, &err))
			fail_msg("%s", err.msg);
	}
	struct oc_spill *spill = observe(&d, t, old_n, memory);
	if (oc_spans_open(&s, d.ctx, "substring", min_span, indexes, index_n, spill, &err))
		fail_msg("%s", err.msg);
	struct judged j = judge(t, min_span);
	struct check k = {.spans = &s, .judged = &j, .old_n = old_n};
	if (oc_spans_find(&s, check, &k, &err))
		fail_msg("%s", err.msg);
	for (uint64_t i = old_n; i < t->n; i++)
		for (uint64_t at = 0; at + min_span <= t->text[i].len; at++)
			want += j.source[i][at] != j.starts[i] + at || j.again[i][at];
	assert_int_equal(k.window_n, want);
	judged_fini(&j, t->n);
	oc_spans_close(&s);
	oc_spill_close(spill);
	while (index_n)
		oc_index_close(indexes[--index_n]);
	oc_driven_close(&d);
	oc_buf_fini(&options);
	return want;
}

static void every_window_is_found(void **state)
{
	(void)state;
	static const uint32_t spans[] = {16, 17, 20, 31, 64, 100};

	for (unsigned kind = 0; kind < SPAN_KINDS; kind++) {
		uint64_t found = 0;
		for (uint64_t seed = 0; seed < 48; seed++) {
			struct texts t = {0};
			texts_make(&t, seed, (enum span_kind)kind, 12, seed % 7 ? 400 : 4000);
			if (seed % 4 == 1)
				add_runs(&t, seed);
			/* little memory sends large groups to the windows */
			found += judge_set(&t, seed % 2 ? 0 : seed / 2 % 11, spans[seed % 6],
			                   seed % 4 > 1 ? 1 << 20 : 1 << 12);
			texts_fini(&t);
		}
		print_message("kind %u: %llu windows\n", kind, (unsigned long long)found);
		assert_true(found > 1000);
	}
}

/* One letter, short and long periods, and periods that end in the middle; with a twin. */
static void periodic_text_is_exact(void **state)
{
	(void)state;
	for (unsigned period = 1; period < 150; period += period < 8 ? 1 : 29) {
		struct texts t = {0};
		struct oc_buf b = {0};
		for (unsigned i = 0; i < 5000; i++)
			oc_buf_putc(&b, (char)('a' + (i % period) * (i % period) % 23));
		texts_add(&t, oc_buf_view(&b));
		texts_add(&t, (struct oc_str){b.p + 3, 777});
		texts_add(&t, OC_LIT(""));
		texts_add(&t, (struct oc_str){b.p, 99});
		texts_add(&t, (struct oc_str){b.p + 1, 100});
		judge_set(&t, 0, 100, 1 << 20);
		judge_set(&t, 1, 100, 1 << 20);
		judge_set(&t, 0, 33, 1 << 12);
		oc_buf_fini(&b);
		texts_fini(&t);
	}
}

static void natural_text_is_exact(void **state)
{
	(void)state;
	static const char *const files[] = {"text/HumanEval.jsonl", "text/mt_bench_questions.jsonl",
	                                    "text/ifeval_input_data.jsonl",
	                                    "text/doc_in_the_year_2889.txt"};
	struct texts t = {0};
	char path[4096];

	for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
		struct oc_buf b = {0};
		struct oc_err err = {0};
		if (!oc_shared(files[i], path))
			skip();
		assert_int_equal(oc_file_read(path, 1 << 24, &b, &err), 0);
		for (size_t at = 0, end; at < b.len; at = end + 1) {
			const char *p = memchr(b.p + at, '\n', b.len - at);
			end = p ? (size_t)(p - b.p) : b.len;
			texts_add(&t, (struct oc_str){b.p + at, end - at});
		}
		oc_buf_fini(&b);
	}
	uint64_t found = judge_set(&t, 0, 100, 1 << 22);
	print_message("%llu texts, %llu bytes: %llu windows\n", (unsigned long long)t.n,
	              (unsigned long long)t.len, (unsigned long long)found);
	assert_true(found > 100);
	assert_true(judge_set(&t, 0, 24, 1 << 22) > found);
	assert_true(judge_set(&t, t.n / 2, 24, 1 << 22) > 100);
	texts_fini(&t);
}

/* ----------------------------------------------------------- what is done */

/* What became of each row. */
struct outcome {
	struct oc_buf text;
	enum oc_fate fate;
	char *verdicts;
	double score;
};

/* The first old_n texts are in indexes: theirs are left empty. */
static struct outcome *act_after(const char *options, const struct texts *t, uint64_t old_n,
                                 unsigned min_span, uint64_t memory)
{
	struct oc_err err = {0};
	struct oc_driven d;
	struct outcome *o = oc_zalloc(t->n, sizeof *o);
	struct oc_buf json = {0}, verdicts = {0}, given = {0};

	oc_buf_add(&given, options, strlen(options) - 1);
	index_old(t, old_n, min_span, &given);
	oc_buf_puts(&given, "}");
	if (oc_driven_open(&d, "substring", oc_buf_cstr(&given), 0, &err))
		fail_msg("%s", err.msg);
	oc_buf_fini(&given);
	struct oc_spill *spill = observe(&d, t, old_n, memory);
	if (d.def->resolve(d.self, spill, &err))
		fail_msg("%s", err.msg);
	oc_spill_close(spill);
	for (uint64_t i = old_n; i < t->n; i++) {
		struct oc_batch *batch = oc_batch_new(1);
		struct oc_row *row = oc_driven_row(batch, span_row(&json, t->text[i]), i, OC_REAL);
		struct oc_str text;
		if (d.def->apply(d.self, d.scratch, row, &err))
			fail_msg("%s", err.msg);
		oc_row_field(row, OC_LIT("text"), &text);
		oc_buf_str(&o[i].text, text);
		o[i].fate = row->fate;
		o[i].score = row->verdict_n ? row->verdicts[0].score : 0;
		verdicts.len = 0;
		oc_verdicts_write(&verdicts, row);
		o[i].verdicts = oc_strdup(oc_buf_cstr(&verdicts));
		oc_batch_free(batch);
	}
	oc_buf_fini(&json);
	oc_buf_fini(&verdicts);
	oc_driven_close(&d);
	return o;
}

static struct outcome *act(const char *options, const struct texts *t, uint64_t memory)
{
	return act_after(options, t, 0, 0, memory);
}

static void outcomes_free(struct outcome *o, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		oc_buf_fini(&o[i].text);
		free(o[i].verdicts);
	}
	free(o);
}

static bool inside(struct oc_str text, uint64_t at)
{
	return at < text.len && ((unsigned char)text.p[at] & 0xC0) == 0x80;
}

/* The evidence's bytes stand in the row it names, at the places it names. */
static void check_witness(const struct texts *t, uint64_t row, const char *verdicts,
                          const struct outcome *o, bool must_stay)
{
	unsigned long long key, from, len, row_from, row_len;
	const char *p = strstr(verdicts, "{\"key\":\"s:");

	assert_non_null(p);
	assert_int_equal(sscanf(p, "{\"key\":\"s:%llu\",%*[^[][%llu,%llu],\"row_at\":[%llu,%llu]",
	                        &key, &from, &len, &row_from, &row_len),
	                 5);
	assert_true(key <= row && len == row_len && (key < row || from < row_from));
	assert_true(from + len <= t->text[key].len && row_from + len <= t->text[row].len);
	assert_memory_equal(t->text[key].p + from, t->text[row].p + row_from, len);
	if (must_stay)
		assert_int_equal(o[key].fate, OC_LIVE);
}

/* Marked bytes at the ends of runs that are not whole code points: no longer. */
static void trim(struct oc_str text, uint8_t *marked)
{
	for (uint64_t at = 0, end; at < text.len; at = end) {
		for (end = at; end < text.len && marked[end] == marked[at];)
			end++;
		uint64_t from = at, to = end;
		if (!marked[at])
			continue;
		while (from < to && inside(text, from))
			marked[from++] = 0;
		while (from < to && inside(text, to))
			marked[--to] = 0;
	}
}

/* Does the window at byte `at` lie clear of the bytes marked? */
static bool clear(const uint8_t *marked, uint64_t at, unsigned span)
{
	return !memchr(marked + at, 1, span);
}

/*
 * The rule of `cut`, window by window, in row order. whole[w] = 1: a window equal to window number
 * w, the first of its kind, stands in what is left of earlier rows.
 */
static void cut_is_what_stands_whole_elsewhere(void **state)
{
	(void)state;
	enum { SPAN = 32 };
	uint64_t cut_n = 0, kept_n = 0;

	for (uint64_t seed = 0; seed < 90; seed++) {
		struct texts t = {0};
		texts_make(&t, seed, (enum span_kind)(seed % SPAN_KINDS), 12, 500);
		if (seed % 3 == 1)
			add_runs(&t, seed);
		struct judged j = judge(&t, SPAN);
		uint64_t old_n = seed % 2 ? seed % 7 : 0;
		struct outcome *o = act_after("{min_span: 32, action: cut, field: text}", &t, old_n,
		                              SPAN, 1 << 20);
		uint8_t *whole = oc_zalloc(t.len + 1, 1);
		uint64_t *candidate = oc_alloc((t.len + 1) * sizeof *candidate);
		for (uint64_t i = 0; i < t.n; i++) {
			struct oc_str text = t.text[i];
			const uint64_t *first = j.source[i];
			uint64_t n = text.len < SPAN ? 0 : text.len - SPAN + 1;
			uint8_t *other = oc_zalloc(text.len + 1, 1),
				*own = oc_zalloc(text.len + 1, 1),
				*kept = oc_zalloc(text.len + 1, 1),
				*gone = oc_zalloc(text.len + 1, 1);
			struct oc_buf want = {0};
			for (uint64_t at = 0; at < n && i < old_n; at++)
				whole[first[at]] = 1;
			for (uint64_t at = 0; at < n && i >= old_n; at++) {
				candidate[first[at]] = UINT64_MAX;
				if (whole[first[at]])
					memset(other + at, 1, SPAN);
			}
			trim(text, other);
			for (uint64_t at = 0; at < n && i >= old_n; at++) {
				uint64_t *c = &candidate[first[at]];
				if (whole[first[at]])
					continue;
				if (*c == UINT64_MAX) {
					if (clear(other, at, SPAN))
						*c = at;
					continue;
				}
				memset(own + at, 1, SPAN);
				memset(kept + *c, 1, SPAN);
			}
			for (uint64_t at = 0; at < text.len; at++)
				gone[at] = other[at] || (own[at] && !kept[at]);
			trim(text, gone);
			for (uint64_t at = 0; at < text.len; at++) {
				if (!gone[at])
					oc_buf_putc(&want, text.p[at]);
				cut_n += gone[at];
				kept_n += kept[at] && own[at];
			}
			for (uint64_t at = 0; at < n; at++)
				if (!whole[first[at]] && candidate[first[at]] == at)
					whole[first[at]] = clear(gone, at, SPAN);
			if (i < old_n)
				want.len = 0;
			if (o[i].fate == OC_REJECTED)
				assert_int_equal(oc_str_trim(oc_buf_view(&want)).len, 0);
			else
				assert_string_equal(oc_buf_cstr(&o[i].text), oc_buf_cstr(&want));
			assert_int_equal(oc_utf8_check(oc_buf_view(&o[i].text)), -1);
			if (i >= old_n && strstr(o[i].verdicts, "\"key\""))
				check_witness(&t, i, o[i].verdicts, o, false);
			oc_buf_fini(&want);
			free(other);
			free(own);
			free(kept);
			free(gone);
		}
		free(whole);
		free(candidate);
		outcomes_free(o, t.n);
		judged_fini(&j, t.n);
		texts_fini(&t);
	}
	assert_true(cut_n > 1000 && kept_n > 1000);
}

/* In row order: a row goes when too much of it stands in earlier rows that stayed. */
static void dropped_rows_stand_in_rows_that_stay(void **state)
{
	(void)state;
	enum { SPAN = 24 };
	uint64_t dropped = 0, stayed = 0, after_dropped = 0;

	for (uint64_t seed = 0; seed < 80; seed++) {
		struct texts t = {0};
		texts_make(&t, seed, (enum span_kind)(seed % SPAN_KINDS), 20, 300);
		if (seed % 3 == 1)
			add_runs(&t, seed);
		uint64_t old_n = seed % 2 ? seed % 9 : 0;
		struct outcome *o = act_after("{min_span: 24, action: drop, max_coverage: 0.5}", &t,
		                              old_n, SPAN, 1 << 20);
		bool *gone = oc_zalloc(t.n, sizeof *gone);
		for (uint64_t i = old_n; i < t.n; i++) {
			uint8_t *covered = oc_zalloc(t.text[i].len + 1, 1);
			uint64_t n = 0;
			for (uint64_t k = 0; k < i; k++)
				for (uint64_t a = 0; !gone[k] && a + SPAN <= t.text[i].len; a++)
					if (memmem(t.text[k].p, t.text[k].len, t.text[i].p + a,
					           SPAN))
						memset(covered + a, 1, SPAN);
			for (uint64_t a = 0; a < t.text[i].len; a++)
				n += covered[a];
			gone[i] = 2 * n > t.text[i].len;
			assert_int_equal(o[i].fate, gone[i] ? OC_REJECTED : OC_LIVE);
			assert_true(!n == !strstr(o[i].verdicts, "repeated"));
			if (n) {
				check_witness(&t, i, o[i].verdicts, o, true);
				assert_true(o[i].score == (double)n / (double)t.text[i].len);
			}
			dropped += gone[i];
			stayed += n && !gone[i];
			after_dropped += n && i && gone[i - 1];
			free(covered);
		}
		free(gone);
		outcomes_free(o, t.n);
		texts_fini(&t);
	}
	print_message("%llu dropped, %llu stayed with repeats\n", (unsigned long long)dropped,
	              (unsigned long long)stayed);
	assert_true(dropped > 50 && stayed > 50 && after_dropped > 20);
}

static void what_only_dropped_rows_had_has_a_new_owner(void **state)
{
	(void)state;
	struct texts t = {0};
	struct outcome *o;

	texts_add(&t, OC_LIT("AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH"));
	texts_add(&t, OC_LIT("AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH 0123456789abcdef"));
	texts_add(&t, OC_LIT("0123456789abcdef"));
	texts_add(&t, OC_LIT("0123456789abcdef"));
	o = act("{min_span: 16, action: drop}", &t, 1 << 20);
	assert_int_equal(o[0].fate, OC_LIVE);
	assert_int_equal(o[1].fate, OC_REJECTED);
	assert_int_equal(o[2].fate, OC_LIVE);
	assert_int_equal(o[3].fate, OC_REJECTED);
	assert_non_null(strstr(o[3].verdicts, "{\"key\":\"s:2\",\"at\":[0,16],\"row_at\":[0,16]"));
	outcomes_free(o, t.n);
	o = act("{min_span: 16, action: report, max_coverage: 0.6}", &t, 1 << 20);
	assert_non_null(strstr(o[1].verdicts, "\"flag\""));
	assert_non_null(strstr(o[2].verdicts, "{\"key\":\"s:1\",\"at\":[33,16]"));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(o[i].fate, OC_LIVE);
	outcomes_free(o, t.n);
	o = act("{min_span: 16, action: cut, field: text}", &t, 1 << 20);
	assert_string_equal(oc_buf_cstr(&o[1].text), " 0123456789abcdef");
	assert_int_equal(o[2].fate, OC_REJECTED);
	outcomes_free(o, t.n);
	texts_fini(&t);
}

static void a_letter_a_million_times_keeps_one_span(void **state)
{
	(void)state;
	struct texts t = {0};
	struct oc_buf b = {0};

	for (unsigned i = 0; i < 1000000; i++)
		oc_buf_putc(&b, 'a');
	texts_add(&t, oc_buf_view(&b));
	b.len = 0;
	for (unsigned i = 0; i < 1000000; i++)
		oc_buf_puts(&b, "word ");
	texts_add(&t, oc_buf_view(&b));
	for (unsigned i = 0; i < 100; i++)
		texts_add(&t, OC_LIT(""));
	/* the same again, and in the middle of something else: nothing of it is left */
	b.len = 0;
	oc_buf_puts(&b, "before ");
	for (unsigned i = 0; i < 1000; i++)
		oc_buf_puts(&b, "word ");
	oc_buf_puts(&b, "behind");
	texts_add(&t, oc_buf_view(&b));
	struct outcome *o = act("{action: cut, field: text}", &t, 16 << 20);
	assert_int_equal(o[0].text.len, 100);
	assert_int_equal(o[1].text.len, 104);
	assert_string_equal(oc_buf_cstr(&o[t.n - 1].text), "beforebehind");
	outcomes_free(o, t.n);
	oc_buf_fini(&b);
	texts_fini(&t);
}

/* Many rows alike, each with a place of its own: groups of many members and many contexts. */
static void equal_rows_go_but_the_first(void **state)
{
	(void)state;
	struct texts t = {0};
	struct oc_buf b = {0};

	for (unsigned i = 0; i < 3000; i++) {
		b.len = 0;
		for (unsigned k = 0; k < 40; k++)
			oc_buf_printf(&b, "line %u of the notice; ", k);
		texts_add(&t, oc_buf_view(&b));
		oc_buf_printf(&b, "%u:%u\n", i, i * i);
		texts_add(&t, oc_buf_view(&b));
		texts_add(&t, (struct oc_str){b.p, 60 + i % 50});
	}
	/* the text repeats itself, but for its numbers: so its rows are compared without that */
	struct outcome *o = act("{action: drop}", &t, 4 << 20);
	for (uint64_t i = 1; i < t.n; i++)
		assert_int_equal(o[i].fate,
		                 i % 3 < 2 || t.text[i].len >= 100 ? OC_REJECTED : OC_LIVE);
	outcomes_free(o, t.n);
	oc_buf_fini(&b);
	texts_fini(&t);
}

/* ------------------------------------------------------------- in the pass */

struct feed {
	uint64_t next, n;
	unsigned per_batch;
	struct oc_hasher *hash;
	uint64_t gone, cut;
};

static int feed(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct feed *f = user;
	struct oc_buf b = {0}, json = {0};

	(void)err;
	while (f->next < f->n && batch->row_n < f->per_batch) {
		struct oc_row *row = oc_batch_add(batch);
		b.len = 0;
		span_text(&b, 5, f->next, SPAN_WORDS, 3000);
		row->raw = oc_arena_str(batch->arena, oc_str(span_row(&json, oc_buf_view(&b))));
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
		f->cut += row->changed;
		oc_pedigree_write(&b, row);
		oc_buf_str(&b, row->raw);
	}
	oc_hasher_add(f->hash, b.p, b.len);
	oc_buf_fini(&b);
	return 0;
}

static struct oc_hash128 whole_run(const char *options, unsigned threads, unsigned per_batch,
                                   uint64_t memory, uint64_t *touched)
{
	struct oc_err err = {0};
	struct oc_driven d;
	struct feed f = {.n = 500, .per_batch = per_batch, .hash = oc_hasher_new()};

	if (oc_driven_open(&d, "substring", options, 0, &err))
		fail_msg("%s", err.msg);
	struct oc_spill *spill = oc_spill_open(d.ctx, d.dir, "seen", d.def->stream_n, memory, &err);
	struct oc_step_run step = {.def = d.def,
	                           .self = d.self,
	                           .name = "substring",
	                           .role = OC_OBSERVE,
	                           .spill = spill};
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
	*touched = f.gone + f.cut;
	oc_hasher_free(f.hash);
	oc_driven_close(&d);
	return h;
}

static void any_number_of_threads_and_memory_says_the_same(void **state)
{
	(void)state;
	static const char *const options[] = {"{min_span: 24, action: cut, field: text}",
	                                      "{min_span: 24, action: drop, max_coverage: 0.3}"};

	for (unsigned i = 0; i < 2; i++) {
		uint64_t touched;
		struct oc_hash128 one = whole_run(options[i], 1, 50, 64 << 20, &touched),
				  two = whole_run(options[i], 2, 50, 64 << 20, &touched),
				  five = whole_run(options[i], 5, 7, 64 << 20, &touched),
				  little = whole_run(options[i], 2, 50, 1 << 18, &touched);
		assert_true(touched > 100);
		assert_memory_equal(&one, &two, sizeof one);
		assert_memory_equal(&one, &five, sizeof one);
		assert_memory_equal(&one, &little, sizeof one);
	}
}

/* RLIMIT_DATA counts heap and anonymous maps, not mapped files. The texts are ten times `memory`.
 */
static void memory_is_obeyed(void **state)
{
	(void)state;
	enum { MEMORY = 1 << 20, SLACK = 1 << 20 };
	struct oc_err err = {0};
	struct oc_driven d;
	struct texts t = {0};

	if (OC_SANITIZED)
		skip();
	texts_make(&t, 9, SPAN_WORDS, 2400, 10000);
	assert_int_equal(oc_driven_open(&d, "substring", "{action: drop}", 0, &err), 0);
	struct oc_spill *spill = observe(&d, &t, 0, MEMORY);
	assert_true(oc_spill_len(spill, 1) >= 10 * (uint64_t)MEMORY);
	oc_driven_resolve_within(&d, spill, MEMORY + SLACK, 0);
	oc_spill_close(spill);
	oc_driven_close(&d);
	texts_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_window_is_found),
		cmocka_unit_test(periodic_text_is_exact),
		cmocka_unit_test(natural_text_is_exact),
		cmocka_unit_test(cut_is_what_stands_whole_elsewhere),
		cmocka_unit_test(dropped_rows_stand_in_rows_that_stay),
		cmocka_unit_test(what_only_dropped_rows_had_has_a_new_owner),
		cmocka_unit_test(a_letter_a_million_times_keeps_one_span),
		cmocka_unit_test(equal_rows_go_but_the_first),
		cmocka_unit_test(any_number_of_threads_and_memory_says_the_same),
		cmocka_unit_test(memory_is_obeyed),
	};
	struct oc_err err = {0};

	snprintf(index_dir, sizeof index_dir, "/tmp/test-substring-XXXXXX");
	if (!mkdtemp(index_dir))
		return 1;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	oc_remove_tree(index_dir, &err);
	return rc;
}
