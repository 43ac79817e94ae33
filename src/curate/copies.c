/*
 * copies: what synthetic rows took verbatim from real ones. For each, the longest run of bytes it
 * shares with any real row and the share of its text that lies in such runs, white space folded and
 * case kept, with the row and bytes they come from. Beside it the same figures for held-out real
 * rows: people repeat each other too, and only what goes beyond that is the model's. Where no row
 * was held out, each of some real rows is compared with all others, before and after it, since a
 * synthetic row meets all as well. Rows that an earlier step refused are measured with the others:
 * a copy that a duplicate filter hides is a copy.
 */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "curate/copies.h"
#include "data/row.h"
#include "text/view.h"

enum action { REPORT, CUT, DROP };

struct result {
	uint64_t number;
	uint64_t key; /* of the source, in the second stream */
	uint32_t key_len;
	uint32_t longest, covered, len; /* folded bytes */
	uint64_t from, from_len;        /* of the longest span in the source's text */
	uint64_t row_from, row_len;     /* and in the row's */
	uint64_t interval;              /* first of its intervals in the third stream */
	uint32_t interval_n;
	uint32_t at_least;
};

/* Bytes of a row's text, as it stands in the row. */
struct piece {
	uint64_t from, len;
};

struct copies {
	char *name;
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_str field;
	enum action action;
	struct oc_copy_opts opts;
	uint64_t reference_n; /* real rows wanted as the reference */
	struct oc_winnow winnow;
	struct oc_spill *out; /* results, keys, pieces */
	const struct result *results;
	uint64_t result_n;
	const char *keys;
	const struct piece *pieces;
	struct oc_copy_sums *sums; /* what was found, for the report */
};

struct scratch {
	uint64_t *ring;
	struct oc_buf text, shifts;
};

static const struct oc_option options[] = {
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is compared; empty = the row's whole text."},
	{.key = "min_span",
         .type = OC_OPT_INT,
         .def = "64",
         .min = 16,
         .max = 1e6,
         .unit = "bytes",
         .help = "Shortest run of equal bytes that counts; every run of this length or more is "
                 "found."},
	{.key = "max_span",
         .type = OC_OPT_INT,
         .def = "200",
         .min = 0,
         .max = 1e9,
         .unit = "bytes",
         .help = "A row whose longest run is above this is a finding."},
	{.key = "max_coverage",
         .type = OC_OPT_NUM,
         .def = "0.5",
         .min = 0,
         .max = 1,
         .help = "A row of which a larger share lies in such runs is a finding."},
	{.key = "action",
         .type = OC_OPT_ENUM,
         .def = "report",
         .choices = "report|cut|drop",
         .help = "What happens to a finding: report flags it, cut removes all its runs from "
                 "`field`, drop rejects it."},
	{.key = "judge",
         .type = OC_OPT_ENUM,
         .def = "synthetic",
         .choices = "synthetic|not_real",
         .help = "Which rows are judged; not_real: those of unknown origin too."},
	{.key = "reference",
         .type = OC_OPT_INT,
         .def = "10000",
         .min = 0,
         .max = 4e9,
         .unit = "rows",
         .help = "About how many held-out rows are measured for comparison; where none are held "
                 "out, real rows, each against all others. 0 = none."},
	{.key = "cap",
         .type = OC_OPT_INT,
         .def = "64",
         .min = 1,
         .max = 100000,
         .unit = "places",
         .help = "Most places in real rows at which one fingerprint is compared directly. Beyond "
                 "it coverage stays exact, and the longest run is marked `at_least`."},
	{0},
};

static void close_copies(void *self)
{
	struct copies *s = self;

	if (!s)
		return;
	oc_spill_close(s->out);
	oc_arena_free(s->arena);
	oc_copy_sums_free(s->sums);
	free(s->name);
	free(s);
}

static int open_copies(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct copies *s = oc_zalloc(1, sizeof *s);
	struct oc_str action = oc_json_get_str(opts, "action");

	s->name = oc_strdup(env->name);
	s->ctx = env->ctx;
	s->arena = oc_arena_new();
	s->field = oc_arena_str(s->arena, oc_json_get_str(opts, "field"));
	s->action = oc_str_is(action, "cut") ? CUT : oc_str_is(action, "drop") ? DROP : REPORT;
	s->opts = (struct oc_copy_opts){
		.min_span = (uint32_t)oc_json_get_int(opts, "min_span", 64),
		.cap = (uint32_t)oc_json_get_int(opts, "cap", 64),
		.span = (uint32_t)oc_json_get_int(opts, "max_span", 200),
		.coverage = oc_json_get_num(opts, "max_coverage", 0.5),
		.unknown_too = oc_str_is(oc_json_get_str(opts, "judge"), "not_real"),
		.seed = env->seed,
	};
	s->reference_n = (uint64_t)oc_json_get_int(opts, "reference", 10000);
	oc_winnow_init(&s->winnow, s->opts.min_span);
	if (s->action == CUT && (!s->field.len || memchr(s->field.p, '.', s->field.len))) {
		close_copies(s);
		return oc_fail(err, OC_PLAN, env->name,
		               "`action: cut` needs `field:`, the top-level member to cut from");
	}
	*self = s;
	return 0;
}

/* ---------------------------------------------------------------- observing */

static void *scratch_new(void *self)
{
	const struct copies *s = self;
	struct scratch *t = oc_zalloc(1, sizeof *t);

	t->ring = oc_alloc(s->winnow.w * sizeof *t->ring);
	return t;
}

static void scratch_free(void *scratch)
{
	struct scratch *t = scratch;

	free(t->ring);
	oc_buf_fini(&t->text);
	oc_buf_fini(&t->shifts);
	free(t);
}

static struct oc_str fell_at(const struct oc_row *row)
{
	for (uint32_t i = 0; i < row->verdict_n; i++)
		if (row->verdicts[i].result == OC_DROP || row->verdicts[i].result == OC_UNDECIDED)
			return row->verdicts[i].stage;
	return OC_LIT("");
}

/* A real row that fell is no source, and of unknown origin may be no query either. */
static bool is_asked(const struct copies *s, const struct oc_row *row)
{
	if (row->ped.origin == OC_REAL)
		return row->test || row->fate == OC_LIVE;
	return !row->test && (row->ped.origin == OC_SYNTHETIC || s->opts.unknown_too);
}

static int observe(void *self, void *scratch, struct oc_row *row, struct oc_buf *out,
                   struct oc_err *err)
{
	const struct copies *s = self;
	struct scratch *t = scratch;
	struct oc_str text = oc_view_text(row, s->field);
	struct oc_copy_row entry = {.number = row->number,
	                            .key_len = (uint32_t)row->ped.key.len,
	                            .model_len = (uint32_t)row->ped.model.len,
	                            .recipe_len = (uint32_t)row->ped.recipe.len,
	                            .depth = row->ped.depth,
	                            .origin = row->ped.origin,
	                            .flags = (row->test ? OC_COPY_HELD_OUT : 0) |
	                                     (row->fate != OC_LIVE ? OC_COPY_FELL : 0)};
	struct oc_str fell = entry.flags & OC_COPY_FELL ? fell_at(row) : OC_LIT("");

	if (!is_asked(s, row) || oc_str_is(fell, "retract"))
		return 0;
	entry.fell_len = (uint32_t)fell.len;
	if (text.len > INT32_MAX)
		return oc_fail(err, OC_INPUT, s->name,
		               "the text of row %.*s is longer than 2 GiB: name a `field:` or "
		               "split it",
		               OC_ARG(row->ped.key));
	t->text.len = t->shifts.len = 0;
	oc_fold_space(text, &t->text, &t->shifts);
	entry.text_len = (uint32_t)t->text.len;
	entry.print_n = oc_winnow_text(&s->winnow, oc_buf_view(&t->text), t->ring, &out[2]);
	entry.shift_n = (uint32_t)(t->shifts.len / sizeof(struct oc_shift));
	oc_buf_add(&out[0], &entry, sizeof entry);
	oc_buf_str(&out[1], oc_buf_view(&t->text));
	oc_buf_str(&out[3], oc_buf_view(&t->shifts));
	oc_buf_str(&out[4], row->ped.key);
	oc_buf_str(&out[4], row->ped.model);
	oc_buf_str(&out[4], row->ped.recipe);
	oc_buf_str(&out[4], fell);
	return 0;
}

/* ---------------------------------------------------------------- resolving */

struct resolver {
	struct copies *stage;
	struct oc_copies copies;
};

static void back(const struct oc_copies *c, uint32_t row, uint32_t from, uint32_t len,
                 uint64_t *text_from, uint64_t *text_len)
{
	oc_fold_back(oc_copies_text(c, row), c->shifts + c->places[4 * (uint64_t)row + 2],
	             c->rows[row].shift_n, from, len, text_from, text_len);
}

static int keep(void *user, const struct oc_copied *found, struct oc_err *err)
{
	struct resolver *r = user;
	struct copies *s = r->stage;
	const struct oc_copies *c = &r->copies;
	const struct oc_copy_row *row = &c->rows[found->row], *source = &c->rows[found->source];

	oc_copy_sums_found(s->sums, c, found);
	if (!oc_copies_judged(c, found->row) || row->flags)
		return 0;
	struct result result = {.number = row->number,
	                        .key = oc_spill_len(s->out, 1),
	                        .key_len = source->key_len,
	                        .longest = found->longest.len,
	                        .covered = found->covered,
	                        .len = row->text_len,
	                        .interval = oc_spill_len(s->out, 2) / sizeof(struct piece),
	                        .interval_n = found->interval_n,
	                        .at_least = found->at_least};
	back(c, found->row, found->longest.a, found->longest.len, &result.row_from,
	     &result.row_len);
	back(c, found->source, found->longest.b, found->longest.len, &result.from,
	     &result.from_len);
	for (uint32_t i = 0; i < found->interval_n; i++) {
		const struct oc_interval *v = &found->interval[i];
		struct piece p;
		back(c, found->row, v->from, v->to - v->from, &p.from, &p.len);
		if (oc_spill_add(s->out, 2, &p, sizeof p, err))
			return -1;
	}
	if (oc_spill_add(s->out, 0, &result, sizeof result, err))
		return -1;
	return oc_spill_add(s->out, 1, c->names + c->places[4 * (uint64_t)found->source + 3],
	                    source->key_len, err);
}

/* The share of the reference's rows that makes about reference_n of them. */
static int draw_reference(struct copies *s, struct oc_spill *spill, struct oc_err *err)
{
	struct oc_str rows;
	uint64_t real_n = 0, held_n = 0;

	if (oc_spill_map(spill, 0, &rows, err))
		return -1;
	const struct oc_copy_row *r = (const void *)rows.p;
	for (uint64_t i = 0; i < rows.len / sizeof *r; i++) {
		real_n += r[i].origin == OC_REAL && !r[i].flags;
		held_n += (r[i].flags & OC_COPY_HELD_OUT) != 0;
	}
	s->opts.held_out = held_n > 0;
	uint64_t n = held_n ? held_n : real_n;
	if (s->reference_n >= n)
		s->opts.reference = (uint64_t)1 << 32;
	else
		s->opts.reference = (uint64_t)ceil((double)s->reference_n / (double)n * 0x1p32);
	return 0;
}

static int resolve(void *self, struct oc_spill *spill, struct oc_err *err)
{
	struct copies *s = self;
	struct resolver r = {.stage = s};
	uint64_t memory = oc_spill_memory(spill);
	struct oc_str out;
	int rc = -1;

	oc_spill_close(s->out);
	oc_copy_sums_free(s->sums);
	s->sums = NULL;
	s->out = oc_spill_open(s->ctx, oc_spill_dir(spill), "copies.out", 3, memory / 16, err);
	if (!s->out)
		return -1;
	if (draw_reference(s, spill, err))
		return -1;
	s->sums = oc_copy_sums_new(&s->opts);
	if (oc_copies_open(&r.copies, s->ctx, s->name, &s->opts, spill, err))
		goto out;
	for (uint32_t i = 0; i < r.copies.row_n; i++)
		if (oc_copies_judged(&r.copies, i) || oc_copies_reference(&r.copies, i))
			oc_copy_sums_row(s->sums, &r.copies, i);
	if (oc_copies_find(&r.copies, oc_spill_dir(spill), memory, keep, &r, err))
		goto out;
	if (oc_spill_map(s->out, 0, &out, err))
		goto out;
	s->results = (const void *)out.p;
	s->result_n = out.len / sizeof *s->results;
	if (oc_spill_map(s->out, 1, &out, err))
		goto out;
	s->keys = out.p;
	if (oc_spill_map(s->out, 2, &out, err))
		goto out;
	s->pieces = (const void *)out.p;
	rc = 0;
out:
	oc_copies_close(&r.copies);
	return rc;
}

/* ----------------------------------------------------------------- applying */

/* The first 80 bytes of the span, whole code points. */
static struct oc_str excerpt(struct oc_str text, const struct result *f)
{
	struct oc_str s = {text.p + f->row_from, f->row_len < 80 ? f->row_len : 80};

	while (s.len < f->row_len && s.len && ((unsigned char)s.p[s.len] & 0xC0) == 0x80)
		s.len--;
	return s;
}

static void annotate(const struct copies *s, struct oc_row *row, const struct result *f,
                     enum oc_result finding)
{
	struct oc_buf b = {0};
	double coverage = (double)f->covered / f->len;
	bool too_long = f->longest > s->opts.span,
	     too_much = f->covered > s->opts.coverage * f->len;

	oc_buf_puts(&b, "{\"key\":");
	oc_buf_json(&b, (struct oc_str){s->keys + f->key, f->key_len});
	oc_buf_printf(&b, ",\"at\":[%llu,%llu],\"row_at\":[%llu,%llu],\"text\":",
	              (unsigned long long)f->from, (unsigned long long)f->from_len,
	              (unsigned long long)f->row_from, (unsigned long long)f->row_len);
	oc_buf_json(&b, excerpt(oc_view_text(row, s->field), f));
	oc_buf_puts(&b, f->at_least ? ",\"at_least\":true}" : "}");
	oc_row_score(row, s->name, "span", too_long ? finding : OC_KEEP, f->longest, s->opts.span,
	             oc_buf_view(&b));
	b.len = 0;
	oc_buf_printf(&b, "{\"covered\":%u,\"of\":%u,\"spans\":%u}", f->covered, f->len,
	              f->interval_n);
	oc_row_score(row, s->name, "coverage", too_much ? finding : OC_KEEP, coverage,
	             s->opts.coverage, oc_buf_view(&b));
	oc_buf_fini(&b);
}

static int cut(const struct copies *s, struct oc_row *row, const struct result *f,
               struct oc_err *err)
{
	struct oc_str text = oc_view_text(row, s->field);
	struct oc_buf left = {0}, json = {0};
	uint64_t at = 0;
	int rc = 0;

	for (uint32_t i = 0; i < f->interval_n; i++) {
		const struct piece *p = &s->pieces[f->interval + i];
		oc_buf_add(&left, text.p + at, p->from - at);
		at = p->from + p->len;
	}
	oc_buf_add(&left, text.p + at, text.len - at);
	if (!oc_str_trim(oc_buf_view(&left)).len) {
		oc_row_reject(row, s->name, "nothing_left", OC_LIT(""));
	} else {
		oc_buf_json(&json, oc_buf_view(&left));
		rc = oc_row_set(row, s->field, oc_buf_view(&json), err);
		oc_row_edited(row, oc_str(s->name), OC_LIT("cut verbatim copies"));
	}
	oc_buf_fini(&left);
	oc_buf_fini(&json);
	return rc;
}

static int apply(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct copies *s = self;
	uint64_t low = 0, high = s->result_n;

	(void)scratch;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (s->results[middle].number < row->number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == s->result_n || s->results[low].number != row->number) {
		if (row->ped.origin != OC_REAL && is_asked(s, row)) {
			oc_row_score(row, s->name, "span", OC_KEEP, 0, s->opts.span, OC_LIT(""));
			oc_row_score(row, s->name, "coverage", OC_KEEP, 0, s->opts.coverage,
			             OC_LIT(""));
		}
		return 0;
	}
	const struct result *f = &s->results[low];
	static const enum oc_result said[] = {OC_FLAG, OC_CHANGED, OC_DROP};
	annotate(s, row, f, said[s->action]);
	if (s->action == REPORT || !oc_copy_is_finding(&s->opts, f->longest, f->covered, f->len))
		return 0;
	if (s->action == CUT)
		return cut(s, row, f, err);
	row->fate = OC_REJECTED;
	return 0;
}

static int facts(void *self, struct oc_buf *out, struct oc_err *err)
{
	const struct copies *s = self;

	(void)err;
	oc_copy_sums_write(s->sums, out);
	return 0;
}

extern const struct oc_stage_def oc_stage_copies;
const struct oc_stage_def oc_stage_copies = {
	.size = sizeof(struct oc_stage_def),
	.name = "copies",
	.help = "report, cut or drop what synthetic rows copied verbatim from real ones",
	.doc = "For every synthetic row the longest run of bytes that it shares with any real row "
	       "(white space folded, case kept) and the share of its text in runs of `min_span` "
	       "bytes or more, with the key of the real row and the byte ranges in both texts. "
	       "Every such run is found. The same figures for held-out real rows stand beside "
	       "them, "
	       "so that one sees whether the model copies more than people repeat each other. Rows "
	       "that a recipe or an earlier step of the same pass refused are measured too, since "
	       "a "
	       "duplicate filter hides copies: put copies before other whole stages (near_dup, "
	       "substring). The report has the figures by generation depth, model, recipe and step "
	       "of their fall, again for what is kept, and the worst copies beside their sources. "
	       "Works on disk within `memory:`. Rules: `span` and `coverage`; after a cut, "
	       "`nothing_left`.",
	.kind = OC_STAGE_WHOLE,
	.options = options,
	.open = open_copies,
	.close = close_copies,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.stream_n = OC_COPY_STREAMS,
	.observe = observe,
	.resolve = resolve,
	.apply = apply,
	.sees_all = true,
	.facts = facts,
};
