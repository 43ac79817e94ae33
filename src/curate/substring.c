/*
 * substring: runs of `min_span` bytes or more that stand more than once in the whole set of rows,
 * inside one row too. The first occurrence, in priority order (real before synthetic, shallow
 * before deep), stays; later ones are reported, cut, or their row is dropped. Bytes are compared as
 * they are: case and white space count. Lee et al., "Deduplicating Training Data Makes Language
 * Models Better" (2022), section 4.1, with a suffix array; here see substring.h.
 *
 * All actions decide in row order, and nothing goes whose like does not stay: a byte is cut when it
 * lies in a window of min_span bytes that stands, whole, in what is left of the earlier rows or of
 * this one; a row is dropped when more than `max_coverage` of its bytes lie in windows of earlier
 * rows that stay. A window whose first occurrence was cut into or went with its row belongs to the
 * next place that has it. Rows of an index (`against:`) are earlier ones that stay as they are. So
 * a text that is one letter a million times keeps min_span of them, and what only dropped rows had
 * is not lost. Pieces are cut back to whole code points. `report` says what `cut` would take.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "curate/applied.h"
#include "curate/substring.h"
#include "data/facts.h"
#include "data/row.h"
#include "index/disk.h"
#include "text/view.h"

enum action { REPORT, CUT, DROP };

struct result {
	uint64_t number;
	uint64_t covered, len;
	uint32_t part; /* the index that has the source; index_n = the set */
	uint64_t key;  /* of the source, in the second stream */
	uint32_t key_len;
	uint32_t piece_n;
	uint64_t piece;                   /* first of what is cut, in the third stream */
	uint64_t row_from, from, run_len; /* the longest run, in the row and in the source */
};

struct substring {
	char *name;
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_str field;
	enum action action;
	uint32_t min_span;
	double coverage;
	struct oc_index *indexes[OC_SPAN_INDEXES];
	unsigned index_n;
	struct oc_spill *out; /* results, keys, pieces */
	const struct result *results;
	uint64_t result_n;
	const char *keys;
	const struct oc_span_piece *pieces;
	uint64_t row_n, bytes, repeated_n, covered, findings; /* rows with repeats, their bytes */
	struct oc_applied applied;                            /* the streams of `out` */
};

static const struct oc_option options[] = {
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is compared; empty = the row's whole text."},
	{.key = "min_span",
         .type = OC_OPT_INT,
         .def = "100",
         .min = OC_SPAN_MIN,
         .max = OC_SPAN_MAX,
         .unit = "bytes",
         .help = "Shortest run of equal bytes that counts; every run of this length or more is "
                 "found."},
	{.key = "action",
         .type = OC_OPT_ENUM,
         .def = "report",
         .choices = "report|cut|drop",
         .help = "report flags a row above `max_coverage`, cut removes what is repeated from "
                 "`field` and leaves the first occurrence, drop rejects a row above "
                 "`max_coverage`."},
	{.key = "max_coverage",
         .type = OC_OPT_NUM,
         .def = "0.5",
         .min = 0,
         .max = 1,
         .help = "A row of which a larger share of bytes repeats earlier ones is a finding; cut "
                 "does not ask."},
	{.key = "against",
         .type = OC_OPT_STRS,
         .help = "Indexes made by `outcross index build --for substring`: their rows count as "
                 "earlier ones that stay as they are."},
	{0},
};

static void close_substring(void *self)
{
	struct substring *s = self;

	if (!s)
		return;
	oc_spill_close(s->out);
	for (unsigned i = 0; i < s->index_n; i++)
		oc_index_close(s->indexes[i]);
	oc_arena_free(s->arena);
	free(s->name);
	free(s);
}

/* What decides what an index holds. */
static yyjson_val *index_options(struct substring *s, struct oc_err *err)
{
	return oc_json_parse(s->arena, oc_arena_printf(s->arena, "{\"min_span\":%u}", s->min_span),
	                     err);
}

static int open_indexes(struct substring *s, const struct oc_env *env, yyjson_val *against,
                        struct oc_err *err)
{
	yyjson_val *given = index_options(s, err), *file;
	size_t i, max;

	yyjson_arr_foreach(against, i, max, file)
	{
		const char *path = oc_path_from(s->arena, env->base_dir, oc_json_str(file));
		if (s->index_n == OC_SPAN_INDEXES)
			return oc_fail(err, OC_PLAN, s->name, "more than %u indexes",
			               OC_SPAN_INDEXES);
		if (oc_index_open(&s->indexes[s->index_n], path, "substring", given, err))
			return -1;
		s->index_n++;
	}
	return given ? 0 : -1;
}

static int open_substring(void **self, const struct oc_env *env, yyjson_val *opts,
                          struct oc_err *err)
{
	struct substring *s = oc_zalloc(1, sizeof *s);
	struct oc_str action = oc_json_get_str(opts, "action");

	s->name = oc_strdup(env->name);
	s->ctx = env->ctx;
	s->arena = oc_arena_new();
	s->field = oc_arena_str(s->arena, oc_json_get_str(opts, "field"));
	s->action = oc_str_is(action, "cut") ? CUT : oc_str_is(action, "drop") ? DROP : REPORT;
	s->min_span = (uint32_t)oc_json_get_int(opts, "min_span", 100);
	s->coverage = oc_json_get_num(opts, "max_coverage", 0.5);
	if (s->action == CUT && (!s->field.len || memchr(s->field.p, '.', s->field.len))) {
		close_substring(s);
		return oc_fail(err, OC_PLAN, env->name,
		               "`action: cut` needs `field:`, the top-level member to cut from");
	}
	if (open_indexes(s, env, oc_json_get(opts, "against"), err)) {
		close_substring(s);
		return -1;
	}
	*self = s;
	return 0;
}

/* ---------------------------------------------------------------- observing */

static void *scratch_new(void *self)
{
	const struct substring *s = self;
	return oc_alloc(oc_spans_ring(s->min_span) * sizeof(uint64_t));
}

static void scratch_free(void *scratch)
{
	free(scratch);
}

static int observe(void *self, void *scratch, struct oc_row *row, struct oc_buf *out,
                   struct oc_err *err)
{
	const struct substring *s = self;
	struct oc_str text = oc_view_text(row, s->field);
	struct oc_span_row entry = {.number = row->number,
	                            .text_len = (uint32_t)text.len,
	                            .key_len = (uint32_t)row->ped.key.len};

	if (text.len > INT32_MAX)
		return oc_fail(err, OC_INPUT, s->name,
		               "the text of row %.*s is longer than 2 GiB: name a `field:` or "
		               "split it",
		               OC_ARG(row->ped.key));
	entry.unit_n = oc_spans_units(text, s->min_span, scratch, &out[2]);
	oc_buf_add(&out[0], &entry, sizeof entry);
	oc_buf_str(&out[1], text);
	oc_buf_str(&out[1], row->ped.key);
	return 0;
}

/* ---------------------------------------------------------------- resolving */

struct keeper {
	struct substring *stage;
	struct oc_spans spans;
};

static bool is_finding(const struct substring *s, uint64_t covered, uint64_t len)
{
	return (double)covered > s->coverage * (double)len;
}

static int keep(void *user, const struct oc_span_settled *row, struct oc_err *err)
{
	struct keeper *k = user;
	struct substring *s = k->stage;
	const struct oc_span_row *of = &k->spans.set->rows[row->row];
	struct oc_str key = oc_spans_key(&k->spans.parts[row->part], row->source);
	struct result result = {.number = of->number,
	                        .covered = row->covered,
	                        .len = of->text_len,
	                        .part = row->part,
	                        .key = oc_spill_len(s->out, 1),
	                        .key_len = (uint32_t)key.len,
	                        .piece = oc_spill_len(s->out, 2) / sizeof *row->pieces,
	                        .piece_n = row->piece_n,
	                        .row_from = row->row_from,
	                        .from = row->from,
	                        .run_len = row->run_len};

	s->repeated_n++;
	s->covered += row->covered;
	s->findings += is_finding(s, result.covered, result.len);
	if (oc_spill_add(s->out, 0, &result, sizeof result, err) ||
	    oc_spill_add(s->out, 1, key.p, key.len, err))
		return -1;
	return oc_spill_add(s->out, 2, row->pieces, row->piece_n * sizeof *row->pieces, err);
}

static int resolve(void *self, struct oc_spill *spill, struct oc_err *err)
{
	struct substring *s = self;
	struct keeper k = {.stage = s};
	uint64_t touched = 0;
	int rc = -1;

	oc_spill_close(s->out);
	s->out = oc_spill_open(s->ctx, oc_spill_dir(spill), "substring.out", 3,
	                       oc_spill_memory(spill) / 16, err);
	if (!s->out ||
	    oc_spans_open(&k.spans, s->ctx, s->name, s->min_span, s->indexes, s->index_n, spill,
	                  err) ||
	    oc_spans_settle(&k.spans, s->action == DROP, s->coverage, keep, &k, err))
		goto out;
	if (oc_applied_map(&s->applied, s->out, err))
		goto out;
	s->results = (const void *)s->applied.maps[0].p;
	s->result_n = s->applied.maps[0].len / sizeof *s->results;
	s->keys = s->applied.maps[1].p;
	s->pieces = (const void *)s->applied.maps[2].p;
	s->row_n = k.spans.set->row_n;
	for (uint64_t i = 0; i < s->row_n; i++) {
		s->bytes += k.spans.set->rows[i].text_len;
		oc_spans_touch(&k.spans, &touched, sizeof *k.spans.set->rows);
	}
	rc = 0;
out:
	oc_spans_close(&k.spans);
	return rc;
}

static int write_index(void *self, struct oc_spill *spill, const char *path, struct oc_err *err)
{
	struct substring *s = self;
	struct oc_spans spans = {0};
	struct oc_index_writer *w = NULL;
	yyjson_val *given = index_options(s, err);
	uint64_t row_n = 0;
	int rc = -1;

	if (!given ||
	    oc_spans_open(&spans, s->ctx, s->name, s->min_span, s->indexes, s->index_n, spill, err))
		goto out;
	w = oc_index_create(path, "substring", given, err);
	if (!w || oc_spans_save(&spans, w, err)) {
		oc_index_abandon(w);
		goto out;
	}
	for (unsigned i = 0; i <= spans.index_n; i++)
		row_n += spans.parts[i].row_n;
	rc = oc_index_commit(w, row_n, err);
out:
	oc_spans_close(&spans);
	return rc;
}

static int facts(void *self, struct oc_buf *out, struct oc_err *err)
{
	const struct substring *s = self;
	struct oc_facts f = {0};
	const char *of = s->action == DROP ? "earlier rows that stay" : "what stays";

	(void)err;
	oc_facts_title(&f, "Runs of bytes that repeat");
	oc_facts_lead(&f,
	              "%llu of %llu rows repeat runs of %u bytes or more of %s, %.2f %% of all "
	              "bytes.",
	              (unsigned long long)s->repeated_n, (unsigned long long)s->row_n, s->min_span,
	              of, s->bytes ? 100 * (double)s->covered / (double)s->bytes : 0);
	oc_facts_figure(&f, "rows that repeat", (double)s->repeated_n, "rows");
	oc_facts_figure(&f, "bytes repeated", (double)s->covered, "bytes");
	oc_facts_figure(&f, "share of all bytes",
	                s->bytes ? (double)s->covered / (double)s->bytes : 0, "share");
	oc_facts_figure(&f, "rows above max_coverage", (double)s->findings, "rows");
	oc_facts_write(&f, out);
	return 0;
}

/* ----------------------------------------------------------------- applying */

/* The first 80 bytes of the longest run, whole code points. */
static struct oc_str excerpt(struct oc_str text, const struct result *f)
{
	uint64_t from = f->row_from, end = from + f->run_len, to;

	while (from < end && oc_utf8_continues(text.p[from]))
		from++;
	to = from + 80 < end ? from + 80 : end;
	while (to > from && to < text.len && oc_utf8_continues(text.p[to]))
		to--;
	return (struct oc_str){text.p + from, to - from};
}

static void annotate(const struct substring *s, struct oc_row *row, const struct result *f)
{
	static const enum oc_result findings[] = {OC_FLAG, OC_CHANGED, OC_DROP};
	struct oc_buf b = {0};
	bool finding = s->action == CUT || is_finding(s, f->covered, f->len);

	oc_buf_puts(&b, "{\"key\":");
	oc_buf_json(&b, (struct oc_str){s->keys + f->key, f->key_len});
	if (f->part < s->index_n) {
		oc_buf_puts(&b, ",\"in\":");
		oc_buf_json(&b, oc_str(oc_index_path(s->indexes[f->part])));
	}
	oc_buf_printf(&b,
	              ",\"at\":[%llu,%llu],\"row_at\":[%llu,%llu],\"covered\":%llu,\"of\":%llu,"
	              "\"spans\":%u,\"text\":",
	              (unsigned long long)f->from, (unsigned long long)f->run_len,
	              (unsigned long long)f->row_from, (unsigned long long)f->run_len,
	              (unsigned long long)f->covered, (unsigned long long)f->len, f->piece_n);
	oc_buf_json(&b, excerpt(oc_view_text(row, s->field), f));
	oc_buf_putc(&b, '}');
	oc_row_score(row, s->name, "repeated", finding ? findings[s->action] : OC_KEEP,
	             (double)f->covered / (double)f->len, s->action == CUT ? 0 : s->coverage,
	             oc_buf_view(&b));
	oc_buf_fini(&b);
}

static int cut(const struct substring *s, struct oc_row *row, const struct result *f,
               struct oc_err *err)
{
	struct oc_str text = oc_view_text(row, s->field);
	struct oc_buf left = {0};
	uint64_t at = 0;
	int rc = 0;

	for (uint32_t i = 0; i < f->piece_n; i++) {
		const struct oc_span_piece *p = &s->pieces[f->piece + i];
		oc_buf_add(&left, text.p + at, p->from - at);
		at = p->to;
	}
	oc_buf_add(&left, text.p + at, text.len - at);
	rc = oc_applied_cut(row, s->name, s->field, oc_buf_view(&left), "cut repeated runs", err);
	oc_buf_fini(&left);
	return rc;
}

static int apply(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	struct substring *s = self;

	(void)scratch;
	oc_applied_told(&s->applied);
	const struct result *f =
		oc_applied_find(s->results, s->result_n, sizeof *s->results, row->number);
	if (!f)
		return 0;
	annotate(s, row, f);
	if (s->action == CUT)
		return cut(s, row, f, err);
	if (s->action == DROP && is_finding(s, f->covered, f->len))
		row->fate = OC_REJECTED;
	return 0;
}

extern const struct oc_stage_def oc_stage_substring;
const struct oc_stage_def oc_stage_substring = {
	.size = sizeof(struct oc_stage_def),
	.name = "substring",
	.help = "report, cut or drop runs of bytes that stand in the set more than once",
	.doc = "Every run of `min_span` bytes or more that stands in the rows' texts more "
	       "than once is found, in periodic text too; case and white space count. The "
	       "first occurrence stays (real before synthetic, shallow before deep). `cut` "
	       "takes the later ones out of `field`, never within a character; `drop` "
	       "rejects a row of which more than `max_coverage` stands in earlier rows that "
	       "stay. A page that begins with the same 300 bytes of notices as an earlier "
	       "one loses them. Rows of the indexes of `against:` count as earlier ones that "
	       "stay as they are: index what is left of a corpus, and each new batch is held "
	       "against all before it. Evidence: the row that has the longest run first (`in`: "
	       "the index it is of), the byte ranges in both texts, how many bytes are repeated. "
	       "Rejects as `repeated`; after a cut, `nothing_left`.\n\n"
	       "Cost: about 35 us for 220 words on two threads; works on disk within `memory:`. "
	       "An index is 1.5 times as large as its texts, which it holds, and is read once. "
	       "Source: Lee et al. 2022, arXiv 2107.06499.",
	.kind = OC_STAGE_WHOLE,
	.options = options,
	.holds = OC_HOLDS_WITHIN,
	.held = "fingerprints and spans; texts lie on disk",
	.open = open_substring,
	.close = close_substring,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.stream_n = OC_SPAN_STREAMS,
	.observe = observe,
	.resolve = resolve,
	.apply = apply,
	.index = write_index,
	.facts = facts,
};
