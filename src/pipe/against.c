#include "pipe/against.h"

#include "base/ctx.h"
#include "base/err.h"
#include "data/opts.h"
#include "pipe/lines.h"

#define ROW_MAX ((uint64_t)256 << 20)

enum kind { TEXTS, JSON, CSV, TSV, PARQUET };

static bool ends(struct oc_str s, const char *with)
{
	size_t n = strlen(with);
	return s.len > n && memcmp(s.p + s.len - n, with, n) == 0;
}

static enum kind kind_of(struct oc_str name)
{
	if (ends(name, ".gz"))
		name.len -= 3;
	else if (ends(name, ".zst"))
		name.len -= 4;
	if (ends(name, ".jsonl") || ends(name, ".json"))
		return JSON;
	return ends(name, ".csv")       ? CSV
	       : ends(name, ".tsv")     ? TSV
	       : ends(name, ".parquet") ? PARQUET
	                                : TEXTS;
}

struct reader {
	const struct oc_env *env;
	oc_against_fn *fn;
	void *user;
};

static int give(const struct reader *r, struct oc_row *row, uint64_t number, struct oc_err *err)
{
	if (r->env->ctx && oc_cancelled(r->env->ctx))
		return oc_fail(err, OC_CANCELLED, NULL, "interrupted");
	row->ped.key = oc_arena_printf(row->arena, "%.*s:%llu", OC_ARG(row->ped.span.file),
	                               (unsigned long long)number);
	return r->fn(r->user, row, err);
}

/* What a refused row's verdict says, without the place that it begins with. */
static struct oc_str why(const struct oc_row *row, struct oc_err *err)
{
	const struct oc_span *at = &row->ped.span;
	yyjson_val *evidence =
		oc_json_parse(row->arena, row->verdicts[row->verdict_n - 1].evidence, err);
	struct oc_str said = oc_json_str(evidence);
	struct oc_str place = oc_arena_printf(row->arena, "%.*s:%llu: ", OC_ARG(at->file),
	                                      (unsigned long long)at->line);

	if (oc_str_starts(said, place.p)) {
		said.p += place.len;
		said.len -= place.len;
	}
	return said;
}

/* ------------------------------------------------------------------ by lines */

static int each_line(const struct reader *r, const struct oc_line *line, bool rows, uint64_t n,
                     struct oc_arena *a, struct oc_err *err)
{
	struct oc_row row = {.raw = oc_str_trim(line->text), .arena = a};
	const char *path = line->input->path, *wrong = NULL;
	unsigned long long number = line->number;

	row.ped.row = n;
	row.ped.span = (struct oc_span){line->input->name, line->offset, line->len, number};
	if (line->too_long)
		wrong = "is longer than 256 MB";
	else if (line->bad)
		wrong = line->bad;
	else if (!rows && memchr(row.raw.p, 0, row.raw.len))
		wrong = "holds a zero byte: no file of texts; rows are read from " OC_AGAINST_ROWS;
	if (wrong)
		return oc_fail(err, OC_INPUT, path, "line %llu %s", number, wrong);
	if (rows && oc_row_parse(&row, err))
		return -1;
	if (rows && !row.root) {
		struct oc_str said = why(&row, err);
		return oc_fail(err, OC_INPUT, path,
		               "line %llu is not a JSON object: %.*s; name a file of text .txt",
		               number, OC_ARG(said));
	}
	return give(r, &row, line->array ? n + 1 : number, err);
}

static int read_lines(const struct reader *r, yyjson_val *names, bool rows, struct oc_err *err)
{
	struct oc_files *files = oc_files_open(r->env, names, err);
	struct oc_arena *a = oc_arena_new();
	struct oc_lines *lines = NULL;
	const struct oc_input *file = NULL;
	struct oc_line line;
	uint64_t n = 0;
	int rc = -1, more;

	if (!files)
		goto out;
	lines = oc_lines_new(files, ROW_MAX, rows);
	while ((more = oc_lines_next(lines, &line, err)) == 1) {
		if (line.input != file)
			n = 0;
		file = line.input;
		if (!oc_str_trim(line.text).len && !line.too_long && !line.bad)
			continue;
		if (each_line(r, &line, rows, n++, a, err))
			goto out;
		oc_arena_reset(a);
	}
	rc = more;
out:
	oc_lines_free(lines);
	oc_files_close(files);
	oc_arena_free(a);
	return rc;
}

/* ----------------------------------------------------------------- by a source */

static int each_row(const struct reader *r, const struct oc_source_def *def, void *self,
                    struct oc_row *row, struct oc_str path, struct oc_err *err)
{
	if (row->fate == OC_LIVE && def->parse(self, row, err))
		return -1;
	if (row->root)
		return give(r, row, row->ped.span.line, err);
	struct oc_str said = why(row, err);
	return oc_fail(err, OC_INPUT, path.p, "%s %llu is no row: %.*s",
	               def == &oc_source_parquet ? "row" : "line",
	               (unsigned long long)row->ped.span.line, OC_ARG(said));
}

/* One file, so that its rows are numbered from 0 and its columns are its own. */
static int read_source(const struct reader *r, const struct oc_source_def *def,
                       const struct oc_input *file, bool tabs, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS);
	struct oc_str path = oc_arena_str(a, oc_str(file->path));
	struct oc_buf json = {0};
	yyjson_val *given, *opts;
	void *self = NULL;
	int rc = -1, more;

	oc_buf_puts(&json, "{\"path\":");
	oc_buf_json(&json, file->name);
	oc_buf_puts(&json, tabs ? ",\"delimiter\":\"tab\"}" : "}");
	given = oc_json_parse(a, oc_buf_view(&json), err);
	opts = given ? oc_opts_resolve(a, def->options, given, def->name, NULL, NULL, err) : NULL;
	if (!opts || def->open(&self, r->env, opts, err))
		goto out;
	do {
		oc_batch_reset(b);
		more = def->next(self, b, err);
		if (more < 0)
			goto out;
		for (uint32_t i = 0; i < b->row_n; i++) {
			b->rows[i].arena = b->arena;
			if (each_row(r, def, self, &b->rows[i], path, err))
				goto out;
		}
	} while (more);
	rc = 0;
out:
	if (self)
		def->close(self);
	oc_batch_free(b);
	oc_buf_fini(&json);
	oc_arena_free(a);
	return rc;
}

/* ------------------------------------------------------------------------ all */

/* Files of lines are read as one sequence: compressed ones are inflated ahead. */
static uint32_t same_kind(const struct oc_input *files, uint32_t from, uint32_t n)
{
	enum kind kind = kind_of(files[from].name);
	uint32_t to = from + 1;

	while ((kind == TEXTS || kind == JSON) && to < n && kind_of(files[to].name) == kind)
		to++;
	return to;
}

static int read_files(const struct reader *r, const struct oc_input *files, uint32_t n,
                      struct oc_err *err)
{
	enum kind kind = kind_of(files->name);
	struct oc_arena *a;
	struct oc_buf json = {0};
	yyjson_val *names;
	int rc;

	if (kind == PARQUET)
		return read_source(r, &oc_source_parquet, files, false, err);
	if (kind == CSV || kind == TSV)
		return read_source(r, &oc_source_csv, files, kind == TSV, err);
	for (uint32_t i = 0; i < n; i++) {
		oc_buf_putc(&json, i ? ',' : '[');
		oc_buf_json(&json, files[i].name);
	}
	oc_buf_putc(&json, ']');
	a = oc_arena_new();
	names = oc_json_parse(a, oc_buf_view(&json), err);
	rc = names ? read_lines(r, names, kind == JSON, err) : -1;
	oc_arena_free(a);
	oc_buf_fini(&json);
	return rc;
}

int oc_against_each(const struct oc_env *env, yyjson_val *name, oc_against_fn *fn, void *user,
                    struct oc_err *err)
{
	struct reader r = {env, fn, user};
	struct oc_files *files = oc_files_open(env, name, err);
	const struct oc_input *inputs;
	uint32_t n = files ? oc_files_inputs(files, &inputs) : 0;
	int rc = files ? 0 : -1;

	for (uint32_t i = 0, to; !rc && i < n; i = to) {
		to = same_kind(inputs, i, n);
		rc = read_files(&r, inputs + i, to - i, err);
	}
	oc_files_close(files);
	return rc;
}
