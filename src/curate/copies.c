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

#include "base/ctx.h"
#include "base/err.h"
#include "base/file.h"
#include "base/pool.h"
#include "curate/applied.h"
#include "curate/copies.h"
#include "data/row.h"
#include "index/disk.h"
#include "pipe/against.h"
#include "text/utf8.h"
#include "text/view.h"

#define REST_EVERY 0x4000 /* rows */

enum action { REPORT, CUT, DROP };

struct result {
	uint64_t number;
	uint64_t key; /* of the source, in the second stream */
	uint32_t key_len;
	uint32_t given; /* the element of `against:` that holds the source; given_n = none */
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

/* An element of `against:`: an index, or files. Its rows are from .. to - 1 of all. */
struct given {
	struct oc_index *index;
	uint64_t from, to;
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
	char *base_dir;
	struct oc_buf against; /* the option, a JSON array; empty = none */
	struct given *given;   /* (given_n) its elements */
	uint32_t given_n;
	struct oc_spill *out; /* results, keys, pieces */
	const struct result *results;
	uint64_t result_n;
	const char *keys;
	const struct piece *pieces;
	struct oc_copy_sums *sums; /* what was found, for the report */
	struct oc_applied applied; /* the streams of `out` */
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
	{.key = "against",
         .type = OC_OPT_STRS,
         .help = "Files of real texts to compare with too, on disk and not in the set: rows "
                 "of " OC_AGAINST_ROWS "; " OC_AGAINST_TEXTS
                 "; and indexes made by `outcross index build --for copies`."},
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
	for (uint32_t i = 0; i < s->given_n; i++)
		oc_index_close(s->given[i].index);
	free(s->given);
	oc_buf_fini(&s->against);
	free(s->base_dir);
	free(s->name);
	free(s);
}

/* The indexes among what `against:` names. */
static int open_indexes(struct copies *s, yyjson_val *against, struct oc_err *err)
{
	yyjson_val *want = oc_copies_index_options(s->arena, s->opts.min_span, err), *file;
	size_t i, n;

	if (!want)
		return -1;
	s->given = oc_zalloc(yyjson_arr_size(against) + 1, sizeof *s->given);
	yyjson_arr_foreach(against, i, n, file)
	{
		const char *path = oc_path_from(s->arena, s->base_dir, oc_json_str(file));
		struct given *g = &s->given[s->given_n++];
		if (oc_index_is(path) && oc_index_open(&g->index, path, "copies", want, err))
			return -1;
	}
	return 0;
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
	s->base_dir = oc_strdup(env->base_dir ? env->base_dir : ".");
	if (oc_json_get(opts, "against"))
		oc_json_write(&s->against, oc_json_get(opts, "against"));
	if (s->action == CUT && (!s->field.len || memchr(s->field.p, '.', s->field.len))) {
		close_copies(s);
		return oc_fail(err, OC_PLAN, env->name,
		               "`action: cut` needs `field:`, the top-level member to cut from");
	}
	if (open_indexes(s, oc_json_get(opts, "against"), err)) {
		close_copies(s);
		return -1;
	}
	*self = s;
	return 0;
}

/* ---------------------------------------------------------------- observing */

static void *scratch_new(void *self)
{
	const struct copies *s = self;
	struct scratch *t = oc_zalloc(1, sizeof *t);

	t->ring = oc_alloc(oc_winnow_room(&s->winnow) * sizeof *t->ring);
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

/* A text's part of the five streams; `names` are key, model, recipe and step of its fall. */
static int put(const struct copies *s, struct scratch *t, struct oc_copy_row *entry,
               struct oc_str text, const struct oc_str names[4], struct oc_buf *out,
               struct oc_err *err)
{
	if (text.len > INT32_MAX)
		return oc_fail(err, OC_INPUT, s->name,
		               "the text of row %.*s is longer than 2 GiB: name a `field:` or "
		               "split it",
		               OC_ARG(names[0]));
	t->text.len = t->shifts.len = 0;
	oc_fold_space(text, &t->text, &t->shifts);
	entry->text_len = (uint32_t)t->text.len;
	entry->print_n = oc_winnow_text(&s->winnow, oc_buf_view(&t->text), t->ring, &out[2]);
	entry->shift_n = (uint32_t)(t->shifts.len / sizeof(struct oc_shift));
	entry->key_len = (uint32_t)names[0].len;
	entry->model_len = (uint32_t)names[1].len;
	entry->recipe_len = (uint32_t)names[2].len;
	entry->fell_len = (uint32_t)names[3].len;
	oc_buf_add(&out[0], entry, sizeof *entry);
	oc_buf_str(&out[1], oc_buf_view(&t->text));
	oc_buf_str(&out[3], oc_buf_view(&t->shifts));
	for (unsigned i = 0; i < 4; i++)
		oc_buf_str(&out[4], names[i]);
	return 0;
}

static int observe(void *self, void *scratch, struct oc_row *row, struct oc_buf *out,
                   struct oc_err *err)
{
	const struct copies *s = self;
	struct oc_copy_row entry = {.number = row->number,
	                            .depth = row->ped.depth,
	                            .origin = row->ped.origin,
	                            .flags = (row->test ? OC_COPY_HELD_OUT : 0) |
	                                     (row->fate != OC_LIVE ? OC_COPY_FELL : 0)};
	struct oc_str names[4] = {row->ped.key, row->ped.model, row->ped.recipe,
	                          entry.flags & OC_COPY_FELL ? fell_at(row) : OC_LIT("")};

	if (!is_asked(s, row) || oc_str_is(names[3], "retract"))
		return 0;
	return put(s, scratch, &entry, oc_view_text(row, s->field), names, out, err);
}

/* ------------------------------------------------------- a corpus on disk */

#define ROUND_BYTES ((size_t)4 << 20)

/* Rows read, and what workers made of them; appended in the order in which they were read. */
struct round {
	const struct copies *s;
	struct oc_spill *spill;
	struct oc_pool *pool;
	struct oc_buf bytes; /* keys and texts */
	struct outside {
		size_t key, key_len, text, text_len; /* in bytes */
		struct oc_buf out[OC_COPY_STREAMS];
		struct oc_err err;
	} * rows;
	size_t n, cap, most;
	void **scratch; /* one a worker */
};

static void round_put(void *user, uint64_t item, unsigned worker)
{
	struct round *r = user;
	struct outside *o = &r->rows[item];
	struct oc_copy_row entry = {.number = UINT64_MAX, .origin = OC_REAL, .flags = 0};
	struct oc_str names[4] = {{r->bytes.p + o->key, o->key_len}};

	put(r->s, r->scratch[worker], &entry, (struct oc_str){r->bytes.p + o->text, o->text_len},
	    names, o->out, &o->err);
}

static int round_end(struct round *r, struct oc_err *err)
{
	if (oc_cancelled(r->s->ctx))
		return oc_fail(err, OC_CANCELLED, r->s->name, "interrupted");
	oc_pool_for(r->pool, r->n, round_put, r);
	for (size_t i = 0; i < r->n; i++) {
		struct outside *o = &r->rows[i];
		if (o->err.code) {
			*err = o->err;
			return -1;
		}
		for (unsigned k = 0; k < OC_COPY_STREAMS; k++) {
			if (oc_spill_add(r->spill, k, o->out[k].p, o->out[k].len, err))
				return -1;
			oc_buf_fini(&o->out[k]);
		}
	}
	r->n = r->bytes.len = 0;
	return 0;
}

static int round_row(void *user, struct oc_row *row, struct oc_err *err)
{
	struct round *r = user;
	struct oc_str text = row->root ? oc_view_text(row, r->s->field) : row->raw;

	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 256;
		r->rows = oc_realloc(r->rows, r->cap * sizeof *r->rows);
	}
	r->rows[r->n++] = (struct outside){.key = r->bytes.len,
	                                   .key_len = row->ped.key.len,
	                                   .text = r->bytes.len + row->ped.key.len,
	                                   .text_len = text.len};
	oc_buf_str(&r->bytes, row->ped.key);
	oc_buf_str(&r->bytes, text);
	return r->bytes.len >= r->most ? round_end(r, err) : 0;
}

static uint64_t rows_of(const struct oc_spill *spill)
{
	return oc_spill_len(spill, 0) / sizeof(struct oc_copy_row);
}

/* What `against:` names behind what was observed, as sources that are no row of the set. */
static int add_against(struct copies *s, struct oc_spill *spill, struct oc_err *err)
{
	struct oc_env env = {
		.size = sizeof env, .ctx = s->ctx, .name = s->name, .base_dir = s->base_dir};
	struct round r = {.s = s, .spill = spill, .most = oc_spill_memory(spill) / 16};
	struct oc_arena *a = oc_arena_new();
	yyjson_val *list = oc_json_parse(a, oc_buf_view(&s->against), err), *file;
	size_t i, n;
	int rc = list ? 0 : -1;

	r.most = r.most > ROUND_BYTES ? ROUND_BYTES : r.most;
	r.pool = oc_pool_new(s->ctx->threads);
	unsigned threads = oc_pool_threads(r.pool);
	r.scratch = oc_zalloc(threads, sizeof *r.scratch);
	for (unsigned k = 0; k < threads; k++)
		r.scratch[k] = scratch_new(s);
	yyjson_arr_foreach(list, i, n, file)
	{
		struct given *g = &s->given[i];
		if (rc)
			break;
		g->from = rows_of(spill);
		if (g->index)
			rc = oc_copies_add_index(g->index, spill, err);
		else
			rc = oc_against_each(&env, file, round_row, &r, err) || round_end(&r, err)
			             ? -1
			             : 0;
		g->to = rows_of(spill);
	}
	for (unsigned k = 0; k < threads; k++)
		scratch_free(r.scratch[k]);
	for (size_t k = 0; k < r.n; k++)
		for (unsigned m = 0; m < OC_COPY_STREAMS; m++)
			oc_buf_fini(&r.rows[k].out[m]);
	oc_buf_fini(&r.bytes);
	oc_pool_free(r.pool);
	oc_arena_free(a);
	free(r.scratch);
	free(r.rows);
	return rc;
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

/* The index that holds a source, among what is given. */
static uint32_t index_of(const struct copies *s, uint32_t source)
{
	for (uint32_t i = 0; i < s->given_n; i++)
		if (s->given[i].index && source >= s->given[i].from && source < s->given[i].to)
			return i;
	return s->given_n;
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
	                        .given = index_of(s, found->source),
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
		if (i % REST_EVERY == REST_EVERY - 1)
			oc_map_rest(r + i + 1 - REST_EVERY, REST_EVERY * sizeof *r);
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
	int rc = -1;

	oc_spill_close(s->out);
	oc_copy_sums_free(s->sums);
	s->sums = NULL;
	s->out = oc_spill_open(s->ctx, oc_spill_dir(spill), "copies.out", 3, memory / 16, err);
	if (!s->out)
		return -1;
	if ((s->against.len && add_against(s, spill, err)) || draw_reference(s, spill, err))
		return -1;
	s->sums = oc_copy_sums_new(&s->opts);
	if (oc_copies_open(&r.copies, s->ctx, s->name, &s->opts, spill, err))
		goto out;
	for (uint32_t i = 0; i < r.copies.row_n; i++) {
		if (oc_copies_judged(&r.copies, i) || oc_copies_reference(&r.copies, i))
			oc_copy_sums_row(s->sums, &r.copies, i);
		if (i % REST_EVERY == REST_EVERY - 1)
			oc_copies_rest(&r.copies);
	}
	if (oc_copies_find(&r.copies, oc_spill_dir(spill), memory, keep, &r, err))
		goto out;
	if (oc_applied_map(&s->applied, s->out, err))
		goto out;
	s->results = (const void *)s->applied.maps[0].p;
	s->result_n = s->applied.maps[0].len / sizeof *s->results;
	s->keys = s->applied.maps[1].p;
	s->pieces = (const void *)s->applied.maps[2].p;
	rc = 0;
out:
	oc_copies_close(&r.copies);
	return rc;
}

static int write_index(void *self, struct oc_spill *spill, const char *path, struct oc_err *err)
{
	struct copies *s = self;
	struct oc_copies copies = {0};
	struct oc_index_writer *w = NULL;
	yyjson_val *kept = oc_copies_index_options(s->arena, s->opts.min_span, err);
	uint64_t row_n = 0, set_n = rows_of(spill);
	int rc = -1;

	if (!kept || (s->against.len && add_against(s, spill, err)) ||
	    oc_copies_open(&copies, s->ctx, s->name, &s->opts, spill, err))
		goto out;
	w = oc_index_create(path, "copies", kept, err);
	if (!w || oc_copies_save(&copies, (uint32_t)set_n, w, &row_n, err)) {
		oc_index_abandon(w);
		goto out;
	}
	if (!row_n) {
		oc_index_abandon(w);
		oc_fail(err, OC_INPUT, s->name,
		        "no row is known to be real, and only those are indexed: say --origin "
		        "NAME=real, NAME being the file's without its ending");
		goto out;
	}
	rc = oc_index_commit(w, row_n, err);
out:
	oc_copies_close(&copies);
	return rc;
}

/* ----------------------------------------------------------------- applying */

/* The first 80 bytes of the span, whole code points. */
static struct oc_str excerpt(struct oc_str text, const struct result *f)
{
	return oc_utf8_cut((struct oc_str){text.p + f->row_from, f->row_len}, 80);
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
	if (f->given < s->given_n) {
		oc_buf_puts(&b, ",\"in\":");
		oc_buf_json(&b, oc_str(oc_index_path(s->given[f->given].index)));
	}
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
	struct oc_buf left = {0};
	uint64_t at = 0;
	int rc = 0;

	for (uint32_t i = 0; i < f->interval_n; i++) {
		const struct piece *p = &s->pieces[f->interval + i];
		oc_buf_add(&left, text.p + at, p->from - at);
		at = p->from + p->len;
	}
	oc_buf_add(&left, text.p + at, text.len - at);
	rc = oc_applied_cut(row, s->name, s->field, oc_buf_view(&left), "cut verbatim copies", err);
	oc_buf_fini(&left);
	return rc;
}

static int apply(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	struct copies *s = self;

	(void)scratch;
	oc_applied_told(&s->applied);
	const struct result *f =
		oc_applied_find(s->results, s->result_n, sizeof *s->results, row->number);
	if (!f) {
		if (row->ped.origin != OC_REAL && is_asked(s, row)) {
			oc_row_score(row, s->name, "span", OC_KEEP, 0, s->opts.span, OC_LIT(""));
			oc_row_score(row, s->name, "coverage", OC_KEEP, 0, s->opts.coverage,
			             OC_LIT(""));
		}
		return 0;
	}
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
	.doc = "For every synthetic row the longest run of bytes that it shares with any "
	       "real row (white space folded, case kept) and the share of its text in runs "
	       "of `min_span` bytes or more, with the key of the real row and the byte "
	       "ranges in both texts. Every such run is found. The same figures for held-out "
	       "real rows stand beside them, so that one sees whether the model copies more "
	       "than people repeat each other. Rows that a recipe or an earlier step of the "
	       "same pass refused are measured too, since a duplicate filter hides copies: "
	       "put copies before other whole stages (near_dup, substring). The report has "
	       "the figures by generation depth, model, recipe and step of their fall, again "
	       "for what is kept, and the worst copies beside their sources. Rules: `span` "
	       "and `coverage`; after a cut, `nothing_left`.\n\n"
	       "Example: {\"text\": \"It began: the stones hold the warmth of the day and give "
	       "it back at night.\"}, made by a model, shares 65 bytes with a page of the "
	       "sources and falls where `max_span: 60` and `action: drop`.\n\n"
	       "Real rows that serve many runs are indexed once: `outcross index build "
	       "people.jsonl --origin people=real --for copies -o people.index`, then `against: "
	       "[people.index]`. The same is found as among the rows themselves (`in` names the "
	       "index), which are not read, folded and fingerprinted again. The index is about "
	       "1.7 times as large as they are.\n\n"
	       "Cost: about 20 us of processor for 220 words, the real rows included; works "
	       "on disk within `memory:`. Source: fingerprints after Schleimer, Wilkerson, "
	       "Aiken 2003, Winnowing, section 3.",
	.kind = OC_STAGE_WHOLE,
	.options = options,
	.holds = OC_HOLDS_WITHIN,
	.held = "fingerprints and what was found; texts lie on disk",
	.open = open_copies,
	.close = close_copies,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.stream_n = OC_COPY_STREAMS,
	.observe = observe,
	.resolve = resolve,
	.apply = apply,
	.sees_all = true,
	.index = write_index,
	.facts = facts,
};
