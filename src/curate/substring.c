/*
 * substring: runs of `min_span` bytes or more that stand more than once in the whole set of rows,
 * inside one row too. The first occurrence, in priority order (real before synthetic, shallow
 * before deep), stays; later ones are reported, cut, or their row is dropped. Bytes are compared as
 * they are: case and white space count. Lee et al., "Deduplicating Training Data Makes Language
 * Models Better" (2022), section 4.1, with a suffix array; here see substring.h.
 *
 * `report` and `cut` look at the set as given. What is cut are the bytes in a repeated window of
 * min_span bytes, except those that lie in the first occurrence of a window that is repeated later:
 * so every such window still stands somewhere, whole. A text that is one letter a million times
 * keeps min_span of them. Pieces are cut back to whole code points.
 *
 * `drop` decides in row order: a row goes when more than `max_coverage` of its bytes lie in windows
 * that stand in an earlier row that stays. What a row repeats of itself, or of a row that went, is
 * no reason to lose it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "curate/substring.h"
#include "data/row.h"
#include "text/view.h"

enum action { REPORT, CUT, DROP };

struct result {
	uint64_t number;
	uint64_t covered, len;
	uint64_t key; /* of the source, in the second stream */
	uint32_t key_len;
	uint32_t piece_n;
	uint64_t piece;                   /* first of what is cut, in the third stream */
	uint64_t row_from, from, run_len; /* the longest run, in the row and in the source */
};

/* Bytes [from, to) of a row's text. */
struct piece {
	uint64_t from, to;
};

struct substring {
	char *name;
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_str field;
	enum action action;
	uint32_t min_span;
	double coverage;
	struct oc_spill *out; /* results, keys, pieces */
	const struct result *results;
	uint64_t result_n;
	const char *keys;
	const struct piece *pieces;
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
	{0},
};

static void close_substring(void *self)
{
	struct substring *s = self;

	if (!s)
		return;
	oc_spill_close(s->out);
	oc_arena_free(s->arena);
	free(s->name);
	free(s);
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

/*
 * A window whose first occurrence went with its row belongs to the first later row that stays. For
 * each place of a dropped row: the place of that window + 1, or 0. A sparse file, mapped: there is
 * room for all places, and disk only for dropped rows.
 */
struct owners {
	uint64_t *at;
	uint64_t n;
	char *path;
	int fd;
};

struct resolver {
	struct substring *stage;
	struct oc_spans spans;
	uint64_t row;                       /* the row whose windows are gathered */
	struct oc_buf found;                /* its struct oc_span_found */
	struct oc_buf repeated, first, cut; /* struct piece */
	struct oc_buf dropped;              /* a bit a row */
	struct owners owners;
	struct oc_span_found
		run; /* the longest run of the row; its source is in a row that stays */
	uint64_t rows_n, bytes, covered, findings;
};

static bool is_dropped(const struct resolver *r, uint64_t row)
{
	return row / 8 < r->dropped.len && (r->dropped.p[row / 8] >> row % 8 & 1);
}

static int owners_open(struct owners *o, const char *dir, uint64_t n, struct oc_err *err)
{
	struct oc_buf path = {0};

	oc_buf_printf(&path, "%s/substring.owners", dir);
	oc_buf_cstr(&path);
	o->path = path.p;
	o->fd = open(o->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (o->fd < 0)
		return oc_fail_errno(err, o->path, "cannot create");
	unlink(o->path);
	if (ftruncate(o->fd, (off_t)(n * sizeof *o->at)))
		return oc_fail_errno(err, o->path, "cannot make room");
	void *map = mmap(NULL, n * sizeof *o->at, PROT_READ | PROT_WRITE, MAP_SHARED, o->fd, 0);
	if (map == MAP_FAILED)
		return oc_fail_errno(err, o->path, "cannot map");
	o->at = map;
	o->n = n;
	return 0;
}

static void owners_close(struct owners *o)
{
	if (o->at)
		munmap(o->at, o->n * sizeof *o->at);
	if (o->path)
		close(o->fd);
	free(o->path);
}

static int mark_dropped(struct resolver *r, uint64_t row, struct oc_err *err)
{
	const struct oc_spans *s = &r->spans;
	struct owners *o = &r->owners;

	if (!o->at && owners_open(o, s->dir, s->text.len, err))
		return -1;
	/* allocated now, so that a full disk is an error here and not a fault later */
	errno = posix_fallocate(o->fd, (off_t)(s->places[row] * sizeof *o->at),
	                        (off_t)(s->rows[row].text_len * sizeof *o->at));
	if (errno)
		return oc_fail_errno(err, o->path, "cannot make room");
	if (row / 8 >= r->dropped.len) {
		size_t more = (size_t)(row / 8 + 1) - r->dropped.len;
		oc_buf_reserve(&r->dropped, more);
		memset(r->dropped.p + r->dropped.len, 0, more);
		r->dropped.len += more;
	}
	r->dropped.p[row / 8] |= (char)(1 << row % 8);
	return 0;
}

/* The bytes of n windows from `at` on, joined to those before; windows come ascending. */
static void cover(const struct resolver *r, struct oc_buf *pieces, uint64_t at, uint64_t n)
{
	uint64_t from = at - r->spans.places[r->row], to = from + n - 1 + r->stage->min_span;
	struct piece *top = pieces->len ? (void *)(pieces->p + pieces->len - sizeof *top) : NULL;

	if (top && from <= top->to) {
		top->to = to;
		return;
	}
	struct piece p = {from, to};
	oc_buf_add(pieces, &p, sizeof p);
}

static void longest(struct resolver *r, uint64_t at, uint64_t source, uint64_t n)
{
	if (n > r->run.n)
		r->run = (struct oc_span_found){at, source, (uint32_t)n};
}

/* ---- report, cut: the set as given */

static bool continues(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

static void add_cut(struct resolver *r, uint64_t from, uint64_t to)
{
	struct oc_str text = oc_spans_text(&r->spans, r->row);

	while (from < to && continues(text.p[from]))
		from++;
	while (from < to && to < text.len && continues(text.p[to]))
		to--;
	if (from == to)
		return;
	struct piece p = {from, to};
	oc_buf_add(&r->cut, &p, sizeof p);
}

/* What is repeated, less what is first. */
static void subtract(struct resolver *r)
{
	const struct piece *p = (const void *)r->repeated.p, *f = (const void *)r->first.p;
	size_t p_n = r->repeated.len / sizeof *p, f_n = r->first.len / sizeof *f, k = 0;

	for (size_t i = 0; i < p_n; i++) {
		uint64_t from = p[i].from;
		while (k < f_n && f[k].to <= from)
			k++;
		for (size_t j = k; j < f_n && f[j].from < p[i].to; j++) {
			if (f[j].from > from)
				add_cut(r, from, f[j].from);
			from = f[j].to;
		}
		if (from < p[i].to)
			add_cut(r, from, p[i].to);
	}
}

static void look_at_all(struct resolver *r)
{
	const struct oc_span_found *f = (const void *)r->found.p;

	for (size_t i = 0; i < r->found.len / sizeof *f; i++) {
		if (f[i].source == OC_SPAN_FIRST) {
			cover(r, &r->first, f[i].at, f[i].n);
			continue;
		}
		cover(r, &r->repeated, f[i].at, f[i].n);
		longest(r, f[i].at, f[i].source, f[i].n);
	}
	subtract(r);
}

/* ---- drop: against the rows that stay */

static void look_at_kept(struct resolver *r)
{
	const struct oc_span_found *f = (const void *)r->found.p;

	for (size_t i = 0; i < r->found.len / sizeof *f; i++) {
		if (f[i].source == OC_SPAN_FIRST)
			continue;
		uint64_t row = oc_spans_row(&r->spans, f[i].source);
		if (row == r->row)
			continue;
		if (!is_dropped(r, row)) {
			cover(r, &r->cut, f[i].at, f[i].n);
			longest(r, f[i].at, f[i].source, f[i].n);
			continue;
		}
		const uint64_t *owner = r->owners.at + f[i].source;
		for (uint32_t k = 0, to; k < f[i].n; k = to) {
			to = k + 1;
			if (!owner[k])
				continue;
			while (to < f[i].n && owner[to] == owner[to - 1] + 1)
				to++;
			cover(r, &r->cut, f[i].at + k, to - k);
			longest(r, f[i].at + k, owner[k] - 1, to - k);
		}
	}
}

/* A row that stays becomes the owner of what only dropped rows had. */
static void own(struct resolver *r)
{
	const struct oc_span_found *f = (const void *)r->found.p;

	for (size_t i = 0; i < r->found.len / sizeof *f; i++) {
		if (f[i].source == OC_SPAN_FIRST ||
		    !is_dropped(r, oc_spans_row(&r->spans, f[i].source)))
			continue;
		uint64_t *owner = r->owners.at + f[i].source;
		for (uint32_t k = 0; k < f[i].n; k++)
			if (!owner[k])
				owner[k] = f[i].at + k + 1;
	}
}

/* ---- a row is complete */

static int keep(struct resolver *r, uint64_t covered, struct oc_err *err)
{
	struct oc_spill *out = r->stage->out;
	const struct oc_spans *s = &r->spans;
	uint64_t source = oc_spans_row(s, r->run.source);
	struct oc_str key = oc_spans_key(s, source);
	struct result result = {.number = s->rows[r->row].number,
	                        .covered = covered,
	                        .len = s->rows[r->row].text_len,
	                        .key = oc_spill_len(out, 1),
	                        .key_len = (uint32_t)key.len,
	                        .piece = oc_spill_len(out, 2) / sizeof(struct piece),
	                        .piece_n = (uint32_t)(r->cut.len / sizeof(struct piece)),
	                        .row_from = r->run.at - s->places[r->row],
	                        .from = r->run.source - s->places[source],
	                        .run_len = (uint64_t)r->run.n - 1 + s->min_span};

	if (oc_spill_add(out, 0, &result, sizeof result, err) ||
	    oc_spill_add(out, 1, key.p, key.len, err))
		return -1;
	return oc_spill_add(out, 2, r->cut.p, r->cut.len, err);
}

static bool is_finding(const struct substring *s, uint64_t covered, uint64_t len)
{
	return (double)covered > s->coverage * (double)len;
}

static int close_row(struct resolver *r, struct oc_err *err)
{
	struct substring *s = r->stage;
	uint64_t covered = 0;

	if (!r->found.len)
		return 0;
	r->repeated.len = r->first.len = r->cut.len = 0;
	r->run = (struct oc_span_found){0};
	if (s->action == DROP)
		look_at_kept(r);
	else
		look_at_all(r);
	const struct piece *p = (const void *)r->cut.p;
	for (size_t i = 0; i < r->cut.len / sizeof *p; i++)
		covered += p[i].to - p[i].from;
	bool finding = is_finding(s, covered, r->spans.rows[r->row].text_len);
	if (covered) {
		r->rows_n++;
		r->covered += covered;
		r->findings += finding;
		if (keep(r, covered, err))
			return -1;
	}
	if (s->action == DROP && covered && finding) {
		if (mark_dropped(r, r->row, err))
			return -1;
	} else if (s->action == DROP) {
		own(r);
	}
	r->found.len = 0;
	return 0;
}

static int gather(void *user, const struct oc_span_found *found, struct oc_err *err)
{
	struct resolver *r = user;
	const struct oc_spans *s = &r->spans;

	if (found->at >= s->places[r->row + 1]) {
		if (close_row(r, err))
			return -1;
		r->row = oc_spans_row(s, found->at);
	}
	oc_buf_add(&r->found, found, sizeof *found);
	return 0;
}

static int resolve(void *self, struct oc_spill *spill, struct oc_err *err)
{
	struct substring *s = self;
	struct resolver r = {.stage = s};
	struct oc_str out;
	int rc = -1;

	oc_spill_close(s->out);
	s->out = oc_spill_open(s->ctx, oc_spill_dir(spill), "substring.out", 3,
	                       oc_spill_memory(spill) / 16, err);
	if (!s->out || oc_spans_open(&r.spans, s->ctx, s->name, s->min_span, spill, err) ||
	    oc_spans_find(&r.spans, gather, &r, err) || close_row(&r, err))
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
	for (uint64_t i = 0; i < r.spans.row_n; i++)
		r.bytes += r.spans.rows[i].text_len;
	oc_log(s->ctx, OC_LOG_INFO,
	       "%s: %llu of %llu rows repeat runs of %u bytes or more, %.2f %% of all bytes; %llu "
	       "rows by more than %g of theirs",
	       s->name, (unsigned long long)r.rows_n, (unsigned long long)r.spans.row_n,
	       s->min_span, r.bytes ? 100 * (double)r.covered / (double)r.bytes : 0,
	       (unsigned long long)r.findings, s->coverage);
	rc = 0;
out:
	oc_spans_close(&r.spans);
	owners_close(&r.owners);
	oc_buf_fini(&r.found);
	oc_buf_fini(&r.repeated);
	oc_buf_fini(&r.first);
	oc_buf_fini(&r.cut);
	oc_buf_fini(&r.dropped);
	return rc;
}

/* ----------------------------------------------------------------- applying */

/* The first 80 bytes of the longest run, whole code points. */
static struct oc_str excerpt(struct oc_str text, const struct result *f)
{
	uint64_t from = f->row_from, end = from + f->run_len, to;

	while (from < end && continues(text.p[from]))
		from++;
	to = from + 80 < end ? from + 80 : end;
	while (to > from && to < text.len && continues(text.p[to]))
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
	struct oc_buf left = {0}, json = {0};
	uint64_t at = 0;
	int rc = 0;

	for (uint32_t i = 0; i < f->piece_n; i++) {
		const struct piece *p = &s->pieces[f->piece + i];
		oc_buf_add(&left, text.p + at, p->from - at);
		at = p->to;
	}
	oc_buf_add(&left, text.p + at, text.len - at);
	if (!oc_str_trim(oc_buf_view(&left)).len) {
		oc_row_reject(row, s->name, "nothing_left", OC_LIT(""));
	} else {
		oc_buf_json(&json, oc_buf_view(&left));
		rc = oc_row_set(row, s->field, oc_buf_view(&json), err);
		oc_row_edited(row, oc_str(s->name), OC_LIT("cut repeated runs"));
	}
	oc_buf_fini(&left);
	oc_buf_fini(&json);
	return rc;
}

static int apply(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct substring *s = self;
	uint64_t low = 0, high = s->result_n;

	(void)scratch;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (s->results[middle].number < row->number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == s->result_n || s->results[low].number != row->number)
		return 0;
	const struct result *f = &s->results[low];
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
	.doc = "Every run of `min_span` bytes or more that stands in the rows' texts more than "
	       "once is found, in periodic text too; case and white space count. The first "
	       "occurrence stays (real before synthetic, shallow before deep). `cut` takes the "
	       "later ones out of `field`, never within a character; `drop` rejects a row of which "
	       "more than `max_coverage` stands in earlier rows that stay. A page that begins with "
	       "the same 300 bytes of notices as an earlier one loses them. Evidence: the row that "
	       "has the longest run first, the byte ranges in both texts, how many bytes are "
	       "repeated. Rejects as `repeated`; after a cut, `nothing_left`. Works on disk within "
	       "`memory:`; cost: about a sort of one record per 35 bytes of text. Lee et al. 2022.",
	.kind = OC_STAGE_WHOLE,
	.options = options,
	.open = open_substring,
	.close = close_substring,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.stream_n = OC_SPAN_STREAMS,
	.observe = observe,
	.resolve = resolve,
	.apply = apply,
};
