/*
 * source_jsonl.c: JSON lines, and files that are one JSON array of objects.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "data/row.h"
#include "pipe/lines.h"

struct jsonl {
	struct oc_files *files; /* first: see oc_source_inputs */
	struct oc_lines *lines;
	struct oc_str id; /* field with the user's label, or empty */
	uint64_t row;
	uint64_t max_row;
	_Atomic bool arrays; /* a file was an array: its rows may span lines */
};

static const struct oc_option options[] = {
	{.key = "path",
         .type = OC_OPT_STRS,
         .help = "Files or patterns, read in order as one sequence; - is standard input.",
         .required = true},
	{.key = "id", .type = OC_OPT_FIELD, .help = "The field that holds the label of a row."},
	{.key = "max_row",
         .type = OC_OPT_BYTES,
         .def = OC_SOURCE_MAX_ROW,
         .help = "A longer row is rejected with its place and length.",
         .unit = "bytes",
         .min = 2,
         .max = 4e9},
	{.key = NULL},
};

static void jsonl_close(void *self)
{
	struct jsonl *s = self;

	if (!s)
		return;
	oc_lines_free(s->lines);
	oc_files_close(s->files);
	free(s);
}

static int jsonl_open(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct jsonl *s = oc_zalloc(1, sizeof *s);
	struct oc_str id = oc_json_get_str(opts, "id");

	s->files = oc_files_open(env, oc_json_get(opts, "path"), err);
	if (!s->files) {
		jsonl_close(s);
		return -1;
	}
	s->max_row = (uint64_t)oc_json_get_int(opts, "max_row", 256000000);
	s->lines = oc_lines_new(s->files, s->max_row, true);
	s->id = oc_files_keep(s->files, id);
	*self = s;
	return 0;
}

static bool is_blank(struct oc_str s)
{
	return !s.len || (s.p[0] <= ' ' && !oc_str_trim(s).len);
}

static void fill(struct jsonl *s, struct oc_batch *batch, const struct oc_line *line,
                 struct oc_str file)
{
	struct oc_row *row = oc_batch_add(batch);

	row->raw = line->text;
	row->newline = line->newline;
	row->ped.row = s->row++;
	row->ped.span = (struct oc_span){file, line->offset, line->len, line->number};
	line->input->rows++;
	if (line->array)
		atomic_store_explicit(&s->arrays, true, memory_order_relaxed);
	if (line->too_long) {
		struct oc_str why = oc_arena_printf(
			batch->arena, "the row has %llu bytes, max_row is %llu",
			(unsigned long long)line->len, (unsigned long long)s->max_row);
		oc_row_unreadable(row, "too_long", why.p);
	} else if (line->bad) {
		oc_row_unreadable(row, "bad_json", line->bad);
	}
}

static int jsonl_next(void *self, struct oc_batch *batch, struct oc_err *err)
{
	struct jsonl *s = self;
	struct oc_input *of = NULL;
	struct oc_str file = {0};
	uint64_t bytes = 0;
	struct oc_line line;
	int rc = 0;

	oc_lines_into(s->lines, batch->arena);
	while (batch->row_n < OC_BATCH_ROWS && batch->row_n < batch->row_cap &&
	       (rc = oc_lines_next(s->lines, &line, err)) > 0) {
		if (is_blank(line.text) && !line.too_long && !line.bad)
			continue;
		if (batch->row_n && bytes + line.text.len > OC_BATCH_BYTES) {
			oc_lines_unread(s->lines, &line);
			break;
		}
		if (line.input != of) {
			of = line.input;
			file = oc_arena_str(batch->arena, of->name);
		}
		fill(s, batch, &line, file);
		bytes += line.text.len;
		batch->after.offset = line.after;
	}
	oc_lines_into(s->lines, NULL);
	batch->after.row = s->row;
	if (rc < 0)
		return -1;
	return batch->row_n > 0;
}

static int jsonl_parse(void *self, struct oc_row *row, struct oc_err *err)
{
	const struct jsonl *s = self;

	if (oc_row_parse(row, err))
		return -1;
	if (!row->root)
		return 0;
	/* A row is a line. An element of an array may span some, and a lone CR is white space. */
	if (memchr(row->raw.p, '\r', row->raw.len) ||
	    (atomic_load_explicit(&s->arrays, memory_order_relaxed) &&
	     memchr(row->raw.p, '\n', row->raw.len))) {
		struct oc_buf b = {0};
		oc_json_squeeze(&b, row->raw);
		row->raw = oc_arena_str(row->arena, oc_buf_view(&b));
		oc_buf_fini(&b);
	}
	if (s->id.len)
		oc_row_field(row, s->id, &row->ped.id);
	return 0;
}

static int jsonl_seek(void *self, uint64_t row, uint64_t offset, struct oc_err *err)
{
	struct jsonl *s = self;

	s->row = row;
	return oc_lines_skip(s->lines, offset, err);
}

const struct oc_source_def oc_source_jsonl = {
	.size = sizeof(struct oc_source_def),
	.name = "jsonl",
	.help = "JSON lines (plain, .gz, .zst, standard input) or a file that is one JSON array.",
	.doc = "One JSON object a line. Blank lines and a byte order mark are skipped; a file that "
	       "begins with [ is read as one array of objects, as many .json data sets are. A row "
	       "that is not valid JSON, not UTF-8, has a member twice or is longer than max_row is "
	       "rejected with its bytes, its file and its line.",
	.options = options,
	.open = jsonl_open,
	.next = jsonl_next,
	.parse = jsonl_parse,
	.seek = jsonl_seek,
	.close = jsonl_close,
};
