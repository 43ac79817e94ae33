/*
 * source_csv.c: CSV with types. The columns and their types are settled before the first row is
 * given out, so every row of the source has the same members of the same kinds.
 */
#include <stdlib.h>

#include "base/err.h"
#include "data/opts.h"
#include "data/row.h"
#include "pipe/csv.h"
#include "pipe/lines.h"

#define SAMPLE_ROWS 1000

/* A record as it was cut: one line, or several where a quoted field holds line endings. */
struct record {
	struct oc_line line; /* of its beginning; text and len: the whole record */
	const char *bad;
};

struct column {
	struct oc_str name;
	enum oc_csv_type type;
};

struct csv {
	struct oc_files *files; /* first: see oc_source_inputs */
	struct oc_lines *lines;
	struct oc_arena *arena; /* columns, and the records looked at to settle them */
	struct column *columns;
	size_t column_n;
	struct oc_str *nulls;
	size_t null_n;
	struct oc_str id;
	char delimiter;
	bool header, trim;
	uint64_t max_row, row;

	struct oc_buf joined; /* a record of several lines */
	struct oc_input *file;
	struct record *sample; /* (sample_n), given out first */
	size_t sample_n, sample_at;
};

static const struct oc_option options[] = {
	{.key = "path",
         .type = OC_OPT_STRS,
         .help = "Files or patterns, read in order as one sequence; - is standard input.",
         .required = true},
	{.key = "delimiter",
         .type = OC_OPT_STR,
         .help = "One character, or tab. Without it a tab in files named .tsv, else a comma."},
	{.key = "header",
         .type = OC_OPT_BOOL,
         .def = "true",
         .help = "The first record of each file names the columns."},
	{.key = "columns",
         .type = OC_OPT_MAP,
         .help = "Types by name: int, num, bool, str or auto (from the first 1000 rows). "
                 "Without a header also the names, in order."},
	{.key = "nulls",
         .type = OC_OPT_STRS,
         .def = "[]",
         .help = "Unquoted texts that stand for a missing value, besides nothing."},
	{.key = "trim",
         .type = OC_OPT_BOOL,
         .def = "false",
         .help = "Spaces around a field are not part of it."},
	{.key = "id", .type = OC_OPT_FIELD, .help = "The column that holds the label of a row."},
	{.key = "max_row",
         .type = OC_OPT_BYTES,
         .def = OC_SOURCE_MAX_ROW,
         .help = "A longer row is rejected with its place and length.",
         .unit = "bytes",
         .min = 2,
         .max = 4e9},
	{.key = NULL},
};

static void csv_close(void *self)
{
	struct csv *s = self;

	if (!s)
		return;
	oc_lines_free(s->lines);
	oc_files_close(s->files);
	oc_buf_fini(&s->joined);
	oc_arena_free(s->arena);
	free(s);
}

/* ------------------------------------------------------------------ records */

static bool is_blank(struct oc_str s)
{
	return !s.len || (s.p[0] <= ' ' && !oc_str_trim(s).len);
}

/* The lines that follow until the quoted field of the first is closed. */
static int join_lines(struct csv *s, struct record *r, struct oc_err *err)
{
	struct oc_line next;
	uint64_t end = r->line.offset + r->line.len;
	bool open = true;
	int rc = 0;

	s->joined.len = 0;
	oc_buf_str(&s->joined, r->line.text);
	while (open && (rc = oc_lines_next(s->lines, &next, err)) > 0) {
		if (next.input != r->line.input) {
			oc_lines_unread(s->lines, &next);
			break;
		}
		/* The ending that was cut off stays part of the field. */
		oc_buf_puts(&s->joined, next.offset - end == 2 ? "\r\n" : "\n");
		oc_buf_str(&s->joined, next.text);
		open = oc_csv_open(next.text, s->delimiter, true);
		end = next.offset + next.len;
		r->line.after = next.after;
		if (next.too_long || s->joined.len > s->max_row) {
			r->line.too_long = true;
			break;
		}
	}
	if (rc < 0)
		return -1;
	if (open && !r->line.too_long)
		r->bad = "a quoted field that begins here is never closed";
	r->line.len = end - r->line.offset;
	r->line.text = r->line.too_long ? (struct oc_str){0} : oc_buf_view(&s->joined);
	return 1;
}

/* The next record that is not blank, header or not. 1, or 0 at the end. */
static int next_record(struct csv *s, struct record *r, struct oc_err *err)
{
	int rc;

	*r = (struct record){0};
	while ((rc = oc_lines_next(s->lines, &r->line, err)) > 0) {
		if (r->line.too_long)
			return 1;
		if (is_blank(r->line.text))
			continue;
		if (oc_csv_open(r->line.text, s->delimiter, false))
			return join_lines(s, r, err);
		return 1;
	}
	return rc;
}

/* ------------------------------------------------------------------ columns */

static int bad_header(const struct oc_line *line, struct oc_err *err, const char *why)
{
	return oc_fail(err, OC_INPUT, line->input->path, "line %llu, the header: %s",
	               (unsigned long long)line->number, why);
}

static int read_names(struct csv *s, const struct record *r, struct oc_err *err)
{
	struct oc_csv_field f;
	size_t at = 0, n = 0;
	int rc;

	while ((rc = oc_csv_next(r->line.text, s->delimiter, s->trim, &at, &f)) > 0)
		n++;
	if (rc < 0 || r->bad || r->line.too_long)
		return bad_header(&r->line, err, "its quotes are not closed, or it is too long");
	s->columns = oc_arena_zalloc(s->arena, n * sizeof *s->columns);
	s->column_n = n;
	for (size_t i = at = 0; i < n; i++) {
		struct oc_str *name = &s->columns[i].name;
		oc_csv_next(r->line.text, s->delimiter, s->trim, &at, &f);
		*name = oc_arena_str(s->arena, oc_csv_text(&f, s->arena));
		if (!s->header || !name->len)
			*name = oc_arena_printf(s->arena, "column_%zu", i + 1);
		for (size_t k = 0; k < i; k++)
			if (oc_str_eq(s->columns[k].name, *name))
				return oc_fail(
					err, OC_INPUT, r->line.input->path,
					"columns %zu and %zu are both named \"%.*s\": rename "
					"one",
					k + 1, i + 1, OC_ARG(*name));
	}
	return 0;
}

/* A later file must have the columns of the first. */
static int check_names(struct csv *s, const struct record *r, struct oc_err *err)
{
	struct oc_csv_field f;
	size_t at = 0, i = 0;

	for (; oc_csv_next(r->line.text, s->delimiter, s->trim, &at, &f) > 0; i++) {
		struct oc_str name = oc_csv_text(&f, s->arena);
		if (i < s->column_n && name.len && !oc_str_eq(name, s->columns[i].name))
			return oc_fail(err, OC_INPUT, r->line.input->path,
			               "column %zu is named \"%.*s\", in the first file \"%.*s\": "
			               "make them two sources",
			               i + 1, OC_ARG(name), OC_ARG(s->columns[i].name));
	}
	if (i != s->column_n)
		return oc_fail(err, OC_INPUT, r->line.input->path,
		               "has %zu columns, the first file has %zu: make them two sources", i,
		               s->column_n);
	return 0;
}

static int given_types(struct csv *s, yyjson_val *given, const char *name, struct oc_err *err)
{
	size_t i, max;
	yyjson_val *key, *value;

	if (!given)
		return 0;
	if (!s->header) {
		s->column_n = yyjson_obj_size(given);
		s->columns = oc_arena_zalloc(s->arena, s->column_n * sizeof *s->columns);
	}
	yyjson_obj_foreach(given, i, max, key, value)
	{
		struct oc_str k = oc_json_str(key);
		int type = oc_csv_type_parse(oc_json_str(value));
		size_t c = 0;
		if (type < 0)
			return oc_fail(
				err, OC_PLAN, name,
				"columns: the type of \"%.*s\" must be int, num, bool, str or "
				"auto",
				OC_ARG(k));
		if (!s->header) {
			c = i;
			s->columns[i].name = oc_arena_str(s->arena, k);
		}
		while (c < s->column_n && !oc_str_eq(s->columns[c].name, k))
			c++;
		if (c == s->column_n) {
			struct oc_buf names = {0};
			for (size_t n = 0; n < s->column_n && n < 20; n++)
				oc_buf_printf(&names, "%s%.*s", n ? ", " : "",
				              OC_ARG(s->columns[n].name));
			oc_fail(err, OC_PLAN, name,
			        "columns: the header has no \"%.*s\"; it has %s", OC_ARG(k),
			        oc_buf_cstr(&names));
			oc_buf_fini(&names);
			return -1;
		}
		s->columns[c].type = (enum oc_csv_type)type;
	}
	return 0;
}

static bool is_null(const struct csv *s, const struct oc_csv_field *f)
{
	if (f->quoted)
		return false;
	for (size_t i = 0; i < s->null_n; i++)
		if (oc_str_eq(f->raw, s->nulls[i]))
			return true;
	return !f->raw.len;
}

/* Widens `seen` (column_n) by one record; a ragged one says nothing. */
static void infer(const struct csv *s, const struct record *r, enum oc_csv_type *seen)
{
	struct oc_csv_field f;
	size_t at = 0, n = 0;

	while (oc_csv_next(r->line.text, s->delimiter, s->trim, &at, &f) > 0)
		n++;
	if (n != s->column_n || r->bad || r->line.too_long)
		return;
	for (size_t i = at = 0; i < n; i++) {
		oc_csv_next(r->line.text, s->delimiter, s->trim, &at, &f);
		if (!is_null(s, &f) && f.raw.len)
			seen[i] = oc_csv_join(seen[i], oc_csv_type_of(f.raw));
	}
}

/* Reads the header and the rows from which types are inferred. */
static int settle(struct csv *s, yyjson_val *given, const char *name, struct oc_err *err)
{
	enum oc_csv_type *seen = NULL;
	struct record r;
	int rc = 1;

	if (!s->header && given_types(s, given, name, err))
		return -1;
	s->sample = oc_arena_alloc(s->arena, SAMPLE_ROWS * sizeof *s->sample);
	while (s->sample_n < SAMPLE_ROWS && (rc = next_record(s, &r, err)) > 0) {
		bool first = s->header && r.line.input != s->file;
		s->file = r.line.input;
		if (!s->columns && read_names(s, &r, err))
			return -1;
		if (!seen) {
			if (s->header && given_types(s, given, name, err))
				return -1;
			seen = oc_arena_zalloc(s->arena, s->column_n * sizeof *seen);
		} else if (first && check_names(s, &r, err)) {
			return -1;
		}
		if (first)
			continue;
		infer(s, &r, seen);
		r.line.text = oc_arena_str(s->arena, r.line.text);
		s->sample[s->sample_n++] = r;
	}
	for (size_t i = 0; seen && i < s->column_n; i++)
		if (s->columns[i].type == OC_CSV_AUTO)
			s->columns[i].type = seen[i] == OC_CSV_AUTO ? OC_CSV_STR : seen[i];
	return rc < 0 ? -1 : 0;
}

/* Whether the first path ends in .tsv, compressed or not. */
static bool is_tsv(yyjson_val *path)
{
	struct oc_str s = oc_json_str(yyjson_is_arr(path) ? yyjson_arr_get_first(path) : path);
	static const char *const ends[] = {".tsv", ".tsv.gz", ".tsv.zst"};

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		size_t n = strlen(ends[i]);
		if (s.len > n && memcmp(s.p + s.len - n, ends[i], n) == 0)
			return true;
	}
	return false;
}

static int csv_open(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct csv *s = oc_zalloc(1, sizeof *s);
	struct oc_str delimiter = oc_json_get_str(opts, "delimiter");
	yyjson_val *nulls = oc_json_get(opts, "nulls"), *item;
	size_t i, max;

	s->arena = oc_arena_new();
	s->header = oc_json_get_bool(opts, "header", true);
	s->trim = oc_json_get_bool(opts, "trim", false);
	s->max_row = (uint64_t)oc_json_get_int(opts, "max_row", 256000000);
	s->id = oc_arena_str(s->arena, oc_json_get_str(opts, "id"));
	if (!delimiter.len)
		delimiter = is_tsv(oc_json_get(opts, "path")) ? OC_LIT("tab") : OC_LIT(",");
	s->delimiter = oc_str_is(delimiter, "tab") ? '\t' : delimiter.p[0];
	if ((delimiter.len != 1 && !oc_str_is(delimiter, "tab")) || s->delimiter == '"' ||
	    s->delimiter == '\n' || s->delimiter == '\r') {
		oc_fail(err, OC_PLAN, env->name,
		        "delimiter: one character that is no quote and ends no line, or tab");
		goto bad;
	}
	s->nulls = oc_arena_alloc(s->arena, yyjson_arr_size(nulls) * sizeof *s->nulls);
	yyjson_arr_foreach(nulls, i, max, item) s->nulls[s->null_n++] =
		oc_arena_str(s->arena, oc_json_str(item));
	s->files = oc_files_open(env, oc_json_get(opts, "path"), err);
	if (!s->files)
		goto bad;
	s->lines = oc_lines_new(s->files, s->max_row, false);
	if (settle(s, oc_json_get(opts, "columns"), env->name, err))
		goto bad;
	*self = s;
	return 0;
bad:
	csv_close(s);
	return -1;
}

/* --------------------------------------------------------------------- rows */

/* The next record that is a row: from the sample, then from the files. */
static int next_row(struct csv *s, struct record *r, struct oc_err *err)
{
	int rc;

	if (s->sample_at < s->sample_n) {
		*r = s->sample[s->sample_at++];
		return 1;
	}
	while ((rc = next_record(s, r, err)) > 0) {
		if (r->line.input == s->file || !s->header)
			return 1;
		s->file = r->line.input;
		if (check_names(s, r, err))
			return -1;
	}
	return rc;
}

static int csv_next(void *self, struct oc_batch *batch, struct oc_err *err)
{
	struct csv *s = self;
	size_t bytes = 0;
	struct record r;
	int rc = 0;

	while (batch->row_n < OC_BATCH_ROWS && batch->row_n < batch->row_cap &&
	       bytes < OC_BATCH_BYTES && (rc = next_row(s, &r, err)) > 0) {
		struct oc_row *row = oc_batch_add(batch);
		row->raw = oc_arena_str(batch->arena, r.line.text);
		row->ped.row = s->row++;
		row->ped.span = (struct oc_span){oc_arena_str(batch->arena, r.line.input->name),
		                                 r.line.offset, r.line.len, r.line.number};
		r.line.input->rows++;
		bytes += r.line.text.len;
		batch->after.offset = r.line.after;
		if (r.line.too_long) {
			struct oc_str why = oc_arena_printf(
				batch->arena, "the row has %llu bytes or more, max_row is %llu",
				(unsigned long long)r.line.len, (unsigned long long)s->max_row);
			oc_row_unreadable(row, "too_long", why.p);
		} else if (r.bad) {
			oc_row_unreadable(row, "bad_csv", r.bad);
		}
	}
	batch->after.row = s->row;
	if (rc < 0)
		return -1;
	return batch->row_n > 0;
}

/* Appends a field as a JSON value. False when it is not of its column's type. */
static bool put_value(const struct csv *s, const struct oc_csv_field *f, enum oc_csv_type type,
                      struct oc_arena *a, struct oc_buf *b)
{
	enum oc_csv_type is;

	if (is_null(s, f) || (!f->raw.len && type != OC_CSV_STR)) {
		oc_buf_puts(b, "null");
		return true;
	}
	if (type == OC_CSV_STR) {
		oc_buf_json(b, oc_csv_text(f, a));
		return true;
	}
	is = oc_csv_type_of(f->raw);
	if (is != type && !(type == OC_CSV_NUM && is == OC_CSV_INT))
		return false;
	if (is == OC_CSV_BOOL)
		oc_buf_puts(b, (f->raw.p[0] | 0x20) == 't' ? "true" : "false");
	else
		oc_buf_str(b, f->raw);
	return true;
}

/* Builds the row's JSON in b, or says why not. */
static bool convert(const struct csv *s, struct oc_row *row, struct oc_buf *b)
{
	struct oc_csv_field f;
	struct oc_str why;
	size_t at = 0, n = 0;
	int rc;

	oc_buf_putc(b, '{');
	while ((rc = oc_csv_next(row->raw, s->delimiter, s->trim, &at, &f)) > 0) {
		if (++n > s->column_n)
			continue;
		const struct column *c = &s->columns[n - 1];
		if (n > 1)
			oc_buf_putc(b, ',');
		oc_buf_json(b, c->name);
		oc_buf_putc(b, ':');
		if (!put_value(s, &f, c->type, row->arena, b)) {
			size_t len = f.raw.len < 60 ? f.raw.len : 60;
			why = oc_arena_printf(row->arena,
			                      "column \"%.*s\" is %s, found \"%.*s\"; if that is "
			                      "right, set its type in a plan, under the "
			                      "source's columns:",
			                      OC_ARG(c->name), oc_csv_type_name(c->type), (int)len,
			                      f.raw.p);
			oc_row_unreadable(row, "csv_type", why.p);
			return false;
		}
	}
	oc_buf_putc(b, '}');
	if (rc < 0) {
		oc_row_unreadable(row, "bad_csv", "text stands behind a closing quote");
		return false;
	}
	if (n != s->column_n) {
		why = oc_arena_printf(row->arena, "%zu columns expected, %zu found", s->column_n,
		                      n);
		oc_row_unreadable(row, "ragged", why.p);
		return false;
	}
	return true;
}

static int csv_parse(void *self, struct oc_row *row, struct oc_err *err)
{
	const struct csv *s = self;
	struct oc_str record = row->raw;
	struct oc_buf b = {0};
	int rc = 0;

	if (row->fate == OC_LIVE && convert(s, row, &b)) {
		row->raw = oc_arena_str(row->arena, oc_buf_view(&b));
		rc = oc_row_parse(row, err);
		if (!row->root)
			row->raw = record; /* a rejected row keeps its bytes */
		else if (s->id.len)
			oc_row_field(row, s->id, &row->ped.id);
	}
	oc_buf_fini(&b);
	return rc;
}

const struct oc_source_def oc_source_csv = {
	.size = sizeof(struct oc_source_def),
	.name = "csv",
	.help = "CSV with typed columns (RFC 4180 quotes; plain, .gz, .zst, standard input).",
	.doc = "A row becomes an object of its columns. Types are given under columns: or inferred "
	       "from the first 1000 rows; a later value of another type is rejected as csv_type. "
	       "Numbers keep their digits; 007 is a string. An empty field is null, a quoted empty "
	       "one in a str column the empty string. A row with too few or too many columns is "
	       "rejected as ragged.",
	.options = options,
	.open = csv_open,
	.next = csv_next,
	.parse = csv_parse,
	.close = csv_close,
};
