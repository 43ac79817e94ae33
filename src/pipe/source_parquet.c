/*
 * source_parquet.c: Parquet files, read by DuckDB's library in a child process (duck_child.h).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "data/row.h"
#include "pipe/duck_child.h"
#include "pipe/source.h"

#define MEMORY_LEAST ((uint64_t)256 << 20) /* of the child */

struct parquet {
	struct oc_files *files; /* first: see oc_source_inputs */
	struct oc_arena *arena;
	struct oc_ctx *ctx;
	uint64_t memory;
	struct oc_duck_session *duck;
	struct oc_str id;
	struct oc_str *columns; /* (column_n): those asked for, else those of the first file */
	size_t column_n;
	bool chosen, binary_as_text;
	int64_t group[2]; /* first and last row group that is read */
	uint64_t max_row;
	uint64_t row; /* next to be given out */

	bool reading;         /* rows of the current file are coming */
	struct oc_frame rows; /* frame at hand: rows frame_at.. of n */
	struct oc_duck_rows head;
	uint32_t frame_at;
	const char *bytes; /* of row frame_at */
};

static const struct oc_option options[] = {
	{.key = "path",
         .type = OC_OPT_STRS,
         .help = "Files or patterns, read in order as one sequence.",
         .required = true},
	{.key = "columns",
         .type = OC_OPT_STRS,
         .help = "The columns to read, in this order; without it all. Others cost nothing."},
	{.key = "row_groups",
         .type = OC_OPT_STR,
         .help = "Row groups of each file to read, from 0: `3`, or `0-9`; without it all."},
	{.key = "binary_as_text",
         .type = OC_OPT_BOOL,
         .def = "false",
         .help = "Columns of bytes without a type are UTF-8 text, as old writers left them."},
	{.key = "id", .type = OC_OPT_FIELD, .help = "The column that holds the label of a row."},
	{.key = "max_row",
         .type = OC_OPT_BYTES,
         .def = OC_SOURCE_MAX_ROW,
         .help = "A row whose JSON is longer is rejected with its place and length.",
         .unit = "bytes",
         .min = 2,
         .max = 256e6},
	{.key = NULL},
};

static void parquet_close(void *self)
{
	struct parquet *s = self;

	if (!s)
		return;
	oc_duck_session_close(s->duck);
	oc_files_close(s->files);
	oc_arena_free(s->arena);
	free(s);
}

static int read_groups(struct parquet *s, struct oc_str text, const char *name, struct oc_err *err)
{
	unsigned long long first, last;
	char spec[64], rest;

	s->group[1] = INT64_MAX;
	if (!text.len)
		return 0;
	snprintf(spec, sizeof spec, "%.*s", OC_ARG(text));
	int n = sscanf(spec, "%9llu-%9llu%c", &first, &last, &rest);
	if (n == 1 && sscanf(spec, "%9llu%c", &first, &rest) == 1)
		last = first;
	else if (n != 2 || last < first)
		return oc_fail(err, OC_PLAN, name, "row_groups: `%.60s` is not like 3 or 0-9",
		               spec);
	s->group[0] = (int64_t)first;
	s->group[1] = (int64_t)last;
	return 0;
}

static int parquet_open(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct parquet *s = oc_zalloc(1, sizeof *s);
	yyjson_val *columns = oc_json_get(opts, "columns"), *column;
	size_t i, max;

	s->arena = oc_arena_new();
	s->ctx = env->ctx;
	s->memory = env->memory / 2 > MEMORY_LEAST ? env->memory / 2 : MEMORY_LEAST;
	s->id = oc_arena_str(s->arena, oc_json_get_str(opts, "id"));
	s->binary_as_text = oc_json_get_bool(opts, "binary_as_text", false);
	s->max_row = (uint64_t)oc_json_get_int(opts, "max_row", 256000000);
	s->chosen = yyjson_arr_size(columns) > 0;
	s->columns = oc_arena_alloc(s->arena, yyjson_arr_size(columns) * sizeof *s->columns);
	yyjson_arr_foreach(columns, i, max, column) s->columns[s->column_n++] =
		oc_arena_str(s->arena, oc_json_str(column));
	if (read_groups(s, oc_json_get_str(opts, "row_groups"), env->name, err))
		goto bad;
	s->files = oc_files_open(env, oc_json_get(opts, "path"), err);
	if (!s->files || oc_duck_session_open(&s->duck, s->ctx, s->memory, err))
		goto bad;
	*self = s;
	return 0;
bad:
	parquet_close(s);
	return -1;
}

/* -------------------------------------------------------------- a file's foot */

/* What DuckDB would say of other files, in words that help. */
static int check_magic(const char *path, struct oc_err *err)
{
	char head[4] = "", foot[4] = "";
	struct stat st;

	if (strcmp(path, "-") == 0)
		return oc_fail(err, OC_INPUT, path,
		               "Parquet is read from its end: name a file, not standard input");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		oc_fail_errno(err, path, "cannot open");
		goto out;
	}
	bool both = pread(fd, head, 4, 0) == 4 && pread(fd, foot, 4, st.st_size - 4) == 4;
	if (!both || memcmp(head, "PAR1", 4) != 0)
		oc_fail(err, OC_INPUT, path, "is no Parquet file: it does not begin with PAR1%s",
		        !both ? ", it is too short" : "");
	else if (memcmp(foot, "PAR1", 4) != 0)
		oc_fail(err, OC_INPUT, path,
		        "does not end as Parquet does: a copy that was cut off; fetch or make it "
		        "again");
out:
	if (fd >= 0)
		close(fd);
	return err->code ? -1 : 0;
}

/* Reads the file once for its hash, which DuckDB does not give. */
static int hash_file(struct parquet *s, struct oc_err *err)
{
	char *bytes = oc_alloc(256 << 10);
	ssize_t n;

	while ((n = oc_files_read(s->files, bytes, 256 << 10, err)) > 0)
		if (oc_cancelled(s->ctx)) {
			n = oc_fail(err, OC_CANCELLED, NULL, "interrupted");
			break;
		}
	free(bytes);
	return n < 0 ? -1 : 0;
}

static bool has_name(yyjson_val *names, struct oc_str name)
{
	size_t i, max;
	yyjson_val *v;

	yyjson_arr_foreach(names, i, max, v) if (oc_str_eq(oc_json_str(v), name)) return true;
	return false;
}

/* Every column that is asked for must be there; unasked, all files must have the first's. */
static int check_columns(struct parquet *s, const char *path, yyjson_val *names, struct oc_err *err)
{
	size_t i, max;
	yyjson_val *v;

	if (!s->columns || !s->column_n) {
		s->columns = oc_arena_alloc(s->arena, yyjson_arr_size(names) * sizeof *s->columns);
		yyjson_arr_foreach(names, i, max, v) s->columns[s->column_n++] =
			oc_arena_str(s->arena, oc_json_str(v));
	}
	for (i = 0; i < s->column_n; i++) {
		if (has_name(names, s->columns[i]))
			continue;
		struct oc_buf there = {0};
		for (size_t k = 0; k < yyjson_arr_size(names) && k < 20; k++)
			oc_buf_printf(&there, "%s%.*s", k ? ", " : "",
			              OC_ARG(oc_json_str(yyjson_arr_get(names, k))));
		oc_fail(err, OC_INPUT, path, "has no column \"%.*s\"; it has %s%s",
		        OC_ARG(s->columns[i]), oc_buf_cstr(&there),
		        s->chosen ? "" : ", and the first file has others: make them two sources");
		oc_buf_fini(&there);
		return -1;
	}
	if (!s->chosen && yyjson_arr_size(names) != s->column_n)
		return oc_fail(err, OC_INPUT, path,
		               "has %zu columns, the first file has %zu: make them two sources, or "
		               "choose columns with columns:",
		               yyjson_arr_size(names), s->column_n);
	return 0;
}

/* Rows of the chosen row groups: from .. to-1. */
static void range(const struct parquet *s, yyjson_val *groups, uint64_t *from, uint64_t *to)
{
	size_t i, max;
	yyjson_val *v;
	uint64_t at = 0;

	*from = *to = 0;
	yyjson_arr_foreach(groups, i, max, v)
	{
		if ((int64_t)i == s->group[0])
			*from = *to = at;
		at += yyjson_get_uint(v);
		if ((int64_t)i >= s->group[0] && (int64_t)i <= s->group[1])
			*to = at;
	}
}

static int ask(struct parquet *s, uint32_t type, const struct oc_input *in, uint64_t from,
               uint64_t to, bool all, struct oc_err *err)
{
	struct oc_buf q = {0};

	oc_buf_puts(&q, "{\"file\":");
	oc_buf_json(&q, oc_str(in->path));
	oc_buf_puts(&q, ",\"columns\":[");
	for (size_t i = 0; i < s->column_n; i++) {
		if (i)
			oc_buf_putc(&q, ',');
		oc_buf_json(&q, s->columns[i]);
	}
	oc_buf_printf(&q,
	              "],\"from\":%llu,\"to\":%llu,\"all\":%s,\"max_row\":%llu,"
	              "\"binary_as_text\":%s}",
	              (unsigned long long)from, (unsigned long long)to, all ? "true" : "false",
	              (unsigned long long)s->max_row, s->binary_as_text ? "true" : "false");
	int rc = oc_duck_session_send(s->duck, type, oc_buf_view(&q), err);
	oc_buf_fini(&q);
	return rc;
}

/* Begins the next file that has rows for us. 1, or 0 after the last. */
static int begin_file(struct parquet *s, struct oc_err *err)
{
	int rc;

	while ((rc = oc_files_next(s->files, err)) > 0) {
		struct oc_input *in = oc_files_current(s->files);
		struct oc_frame f;
		uint64_t from, to, all;
		if (check_magic(in->path, err) || hash_file(s, err) ||
		    ask(s, OC_DUCK_LOOK, in, 0, 0, true, err) ||
		    oc_duck_session_next(s->duck, &f, err))
			return -1;
		struct oc_arena *a = oc_arena_new();
		yyjson_val *look = oc_json_parse(a, f.data, err);
		rc = look ? check_columns(s, in->path, oc_json_get(look, "columns"), err) : -1;
		range(s, oc_json_get(look, "groups"), &from, &to);
		all = yyjson_get_uint(oc_json_get(look, "rows"));
		oc_arena_free(a);
		if (rc)
			return -1;
		if (to == from)
			continue;
		s->reading = true;
		return ask(s, OC_DUCK_READ, in, from, to, from == 0 && to == all, err) ? -1 : 1;
	}
	return rc;
}

/* --------------------------------------------------------------------- rows */

/* Makes a frame with rows be at hand. 1, or 0 at the end. */
static int next_frame(struct parquet *s, struct oc_err *err)
{
	while (s->frame_at == s->head.n) {
		if (!s->reading) {
			int rc = begin_file(s, err);
			if (rc <= 0)
				return rc;
		}
		if (oc_duck_session_next(s->duck, &s->rows, err))
			return oc_fail_in(err, oc_files_current(s->files)->path);
		s->frame_at = s->head.n = 0;
		if (s->rows.type == OC_DUCK_DONE) {
			s->reading = false;
			continue;
		}
		memcpy(&s->head, s->rows.data.p, sizeof s->head);
		s->bytes = s->rows.data.p + sizeof s->head + s->head.n * sizeof(struct oc_duck_row);
	}
	return 1;
}

static void fill(struct parquet *s, struct oc_batch *batch, const struct oc_duck_row *r,
                 struct oc_str file)
{
	struct oc_row *row = oc_batch_add(batch);
	uint64_t place = s->head.first + s->frame_at;

	row->raw = oc_arena_str(batch->arena, (struct oc_str){s->bytes, r->bad ? 0 : r->len});
	row->ped.row = s->row++;
	row->ped.span = (struct oc_span){file, place, 0, place + 1};
	oc_files_current(s->files)->rows++;
	if (r->bad) {
		struct oc_str why = oc_arena_printf(
			batch->arena, "column %.*s holds an infinite value, which JSON has not",
			(int)r->len, s->bytes);
		oc_row_unreadable(row, "no_json", why.p);
	} else if (r->whole > s->max_row) {
		struct oc_str why = oc_arena_printf(
			batch->arena, "the row's JSON has %llu bytes, max_row is %llu",
			(unsigned long long)r->whole, (unsigned long long)s->max_row);
		oc_row_unreadable(row, "too_long", why.p);
	}
	s->bytes += r->len;
	s->frame_at++;
}

static int parquet_next(void *self, struct oc_batch *batch, struct oc_err *err)
{
	struct parquet *s = self;
	const struct oc_input *of = NULL;
	struct oc_str file = {0};
	uint64_t bytes = 0;
	int rc = 0;

	while (batch->row_n < OC_BATCH_ROWS && batch->row_n < batch->row_cap &&
	       (rc = next_frame(s, err)) > 0) {
		struct oc_duck_row r;
		memcpy(&r, s->rows.data.p + sizeof s->head + s->frame_at * sizeof r, sizeof r);
		if (batch->row_n && bytes + r.len > OC_BATCH_BYTES)
			break;
		if (oc_files_current(s->files) != of) {
			of = oc_files_current(s->files);
			file = oc_arena_str(batch->arena, of->name);
		}
		bytes += r.len;
		fill(s, batch, &r, file);
	}
	batch->after.row = batch->after.offset = s->row;
	if (rc < 0)
		return -1;
	return batch->row_n > 0;
}

static int parquet_parse(void *self, struct oc_row *row, struct oc_err *err)
{
	const struct parquet *s = self;

	if (oc_row_parse(row, err))
		return -1;
	if (row->root && s->id.len)
		oc_row_field(row, s->id, &row->ped.id);
	return 0;
}

const struct oc_source_def oc_source_parquet = {
	.size = sizeof(struct oc_source_def),
	.name = "parquet",
	.help = "Parquet files, through DuckDB's library (`outcross doctor --fix` gets it).",
	.doc = "A row becomes an object of its columns. Integers and decimals keep their digits "
	       "(above 2^53 too), a float stays one (1.0), NaN and NULL are null; dates and times "
	       "are ISO 8601 strings, with Z where the file says UTC; lists and structs are nested "
	       "JSON, a map with text keys an object, any other an array of {key, value}; a column "
	       "marked JSON is that value. Columns of raw bytes are refused by name: leave them "
	       "out, or say binary_as_text. A row with an infinite number is rejected as no_json. "
	       "The place of a row is its number in its file. All files have the same columns. A "
	       "child process reads, so a file that makes the library fail ends the run with a "
	       "sentence; the file is read once more for its hash.",
	.options = options,
	.open = parquet_open,
	.next = parquet_next,
	.parse = parquet_parse,
	.close = parquet_close,
};
