/* outcross export: rows in another shape, or in another kind of file. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/verb.h"
#include "data/format.h"
#include "pipe/duck_abi.h"
#include "pipe/writer_csv.h"
#include "run/archive.h"
#include "run/job_parts.h"

#define MAX_COLUMNS 4096 /* of a CSV file */
#define WRITE_BYTES ((size_t)256 << 10)

static const struct oc_flag flags[] = {
	{.name = "to",
         .type = OC_OPT_ENUM,
         .arg = "FORMAT",
         .choices = OC_FORMAT_CHOICES,
         .help = "shape of the rows; without it they stay as they are"},
	{.name = "from",
         .type = OC_OPT_ENUM,
         .arg = "FORMAT",
         .choices = OC_FORMAT_CHOICES,
         .help = "shape they have",
         .def = "told from each row"},
	{.name = "split",
         .type = OC_OPT_STR,
         .arg = "NAME",
         .help = "of a run: train or test",
         .def = "train"},
	{.name = "output",
         .letter = 'o',
         .type = OC_OPT_PATH,
         .arg = "OUT",
         .help = "file to write: .jsonl, .jsonl.zst, .csv or .parquet; - is standard output",
         .def = "-"},
	{.name = "archive",
         .type = OC_OPT_PATH,
         .arg = "FILE",
         .help = "pack a whole run with the replies it used into FILE (.tar or .tar.zst), which "
                 "replays with --offline"},
	{.name = "skip",
         .type = OC_OPT_BOOL,
         .help = "leave out rows that cannot be converted, and say how many"},
	{.name = "force", .letter = 'f', .type = OC_OPT_BOOL, .help = "overwrite OUT"},
	{0},
};

struct export
{
	struct oc_cli *cli;
	struct oc_arena *arena;
	const struct oc_source_def *def;
	yyjson_val *opts;
	void *self;   /* the open source */
	int from, to; /* enum oc_format; -1 = from each row, as it is */
	bool csv, skip;
	struct oc_str names[MAX_COLUMNS];
	struct oc_columns columns;
	struct oc_sink sink;
	struct oc_buf lines; /* not written yet */
	uint64_t rows, refused;
	char first_refused[400]; /* "row 17: ..." */
};

/* ".csv" and the like at the end of a name. */
static bool ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);
	return n >= k && strcmp(s + n - k, suffix) == 0;
}

static void refuse(struct export *x, const struct oc_row *row, struct oc_str why)
{
	if (x->refused++ == 0)
		snprintf(x->first_refused, sizeof x->first_refused, "row %llu: %.*s",
		         (unsigned long long)row->ped.row + 1, OC_ARG(why));
}

/* The row in its new shape, parsed; 0: refused. */
static int convert(struct export *x, struct oc_row *row, struct oc_err *err)
{
	struct oc_buf out = {0}, why = {0};
	int from = x->from, rc = 0;

	if (row->fate == OC_LIVE && !row->root &&
	    (x->def->parse ? x->def->parse(x->self, row, err) : oc_row_parse(row, err)) < 0)
		return -1;
	if (row->fate != OC_LIVE || !row->root) {
		const struct oc_verdict *v = row->verdict_n ? &row->verdicts[0] : NULL;
		oc_buf_puts(&why, "cannot be read");
		if (v)
			oc_buf_printf(&why, ": %.*s %.*s", OC_ARG(v->rule), OC_ARG(v->evidence));
		refuse(x, row, oc_buf_view(&why));
		oc_buf_fini(&why);
		return 0;
	}
	if (x->to < 0)
		return 1;
	if (from < 0)
		from = oc_format_detect(row->root);
	if (from < 0) {
		refuse(x, row, OC_LIT("has the shape of no format; name it with --from"));
		return 0;
	}
	if (oc_format_convert(row, (enum oc_format)from, (enum oc_format)x->to, &out, &why) == 1) {
		row->raw = oc_arena_str(row->arena, oc_buf_view(&out));
		row->root = oc_json_parse(row->arena, row->raw, err);
		rc = row->root ? 1 : -1;
	} else {
		refuse(x, row, oc_buf_view(&why));
	}
	oc_buf_fini(&out);
	oc_buf_fini(&why);
	return rc;
}

/* A column for every member, in the order in which rows first show them. */
static int collect_columns(struct export *x, const struct oc_row *row, struct oc_err *err)
{
	size_t i, n;
	yyjson_val *key, *val;

	yyjson_obj_foreach(row->root, i, n, key, val)
	{
		uint32_t c = 0;
		while (c < x->columns.n && !oc_str_eq(x->names[c], oc_json_str(key)))
			c++;
		if (c < x->columns.n)
			continue;
		if (c == MAX_COLUMNS)
			return oc_fail(err, OC_INPUT, "export",
			               "the rows have more than %d different members: too many "
			               "columns for CSV",
			               MAX_COLUMNS);
		x->names[x->columns.n++] = oc_arena_str(x->arena, oc_json_str(key));
	}
	return 0;
}

static int write_lines(struct export *x, struct oc_err *err)
{
	int rc = oc_sink_add(&x->sink, oc_buf_view(&x->lines), err);

	x->lines.len = 0;
	return rc;
}

static int write_row(struct export *x, const struct oc_row *row, struct oc_err *err)
{
	if (x->csv) {
		if (oc_csv_row(&x->lines, &x->columns, row, err))
			return -1;
	} else {
		oc_buf_str(&x->lines, row->raw);
		oc_buf_putc(&x->lines, '\n');
	}
	return x->lines.len < WRITE_BYTES ? 0 : write_lines(x, err);
}

/* One pass over the rows; each that can be converted goes to `each`. */
static int pass(struct export *x,
                int (*each)(struct export *, const struct oc_row *, struct oc_err *),
                struct oc_err *err)
{
	struct oc_env env = {.size = sizeof env,
	                     .ctx = x->cli->ctx,
	                     .name = "export",
	                     .base_dir = "",
	                     .memory = x->cli->ctx->memory};
	struct oc_batch *batch = oc_batch_new(OC_BATCH_ROWS);
	int more = 1, rc = -1;

	x->rows = x->refused = 0;
	if (x->def->open(&x->self, &env, x->opts, err) < 0)
		goto out;
	while (more) {
		oc_batch_reset(batch);
		more = x->def->next(x->self, batch, err);
		if (more < 0)
			goto out;
		for (uint32_t i = 0; i < batch->row_n; i++) {
			int fine = convert(x, &batch->rows[i], err);
			if (fine < 0 || (fine && each(x, &batch->rows[i], err) < 0))
				goto out;
			x->rows++;
		}
		if (oc_cancelled(x->cli->ctx)) {
			oc_fail(err, OC_CANCELLED, "export", "interrupted; nothing was written");
			goto out;
		}
	}
	if (x->refused && !x->skip) {
		oc_fail(err, OC_INPUT, "export",
		        "%s (%llu of %llu rows cannot be converted; --skip "
		        "leaves them out)",
		        x->first_refused, (unsigned long long)x->refused,
		        (unsigned long long)x->rows);
		goto out;
	}
	rc = 0;
out:
	if (x->self)
		x->def->close(x->self);
	x->self = NULL;
	oc_batch_free(batch);
	return rc;
}

/* The rows of a run's split, or a file. */
static int choose_source(struct export *x, struct oc_err *err)
{
	const char *in = x->cli->operands[0], *split = oc_arg_str(x->cli, "split", "train");
	struct stat st;
	struct oc_buf json = {0};
	yyjson_val *given;
	bool run = stat(in, &st) == 0 && S_ISDIR(st.st_mode);
	struct oc_str path = oc_str(in);
	bool parquet = ends(in, ".parquet");
	glob_t found = {0};

	if (run) {
		struct oc_buf pattern = {0};
		oc_glob_quote(&pattern, path);
		oc_buf_printf(&pattern, "/out/data/%s-*", split);
		path = oc_arena_str(x->arena, oc_buf_view(&pattern));
		oc_buf_fini(&pattern);
		if (glob(path.p, 0, NULL, &found) == 0)
			parquet = ends(found.gl_pathv[0], ".parquet");
		globfree(&found);
	}

	if (x->csv && strcmp(in, "-") == 0)
		return oc_fail(err, OC_USAGE, "export",
		               "CSV needs the names of all columns first: give a file, not "
		               "standard input");
	bool csv = ends(in, ".csv") || ends(in, ".csv.gz") || ends(in, ".csv.zst");
	x->def = oc_source_find(csv       ? OC_LIT("csv")
	                        : parquet ? OC_LIT("parquet")
	                                  : OC_LIT("jsonl"));
	if (!x->def)
		return oc_fail(err, OC_USAGE, in, "sources of this type are not built in");
	oc_buf_puts(&json, "{\"path\":");
	oc_buf_json(&json, path);
	oc_buf_putc(&json, '}');
	given = oc_json_parse(x->arena, oc_buf_view(&json), err);
	oc_buf_fini(&json);
	x->opts = given ? oc_opts_resolve(x->arena, x->def->options, given, in, NULL, NULL, err)
	                : NULL;
	return x->opts ? 0 : -1;
}

static int refuse_existing(struct oc_cli *cli, const char *out, struct oc_err *err)
{
	struct stat st;

	if (stat(out, &st) == 0 && !oc_arg_bool(cli, "force") && S_ISREG(st.st_mode))
		return oc_fail(err, OC_USAGE, out,
		               "is there already; choose another with %s, or say --force",
		               oc_arg_bool(cli, "archive") ? "--archive" : "-o");
	return 0;
}

static int archive(struct oc_cli *cli, const char *out, struct oc_err *err)
{
	struct oc_archived what;
	char n[2][32];

	if (oc_arg_bool(cli, "to") || oc_arg_bool(cli, "output"))
		return oc_fail(err, OC_USAGE, "export",
		               "--archive packs the run as it is: leave --to and -o away");
	if (!ends(out, ".tar") && !ends(out, ".tar.zst"))
		return oc_fail(err, OC_USAGE, out, "an archive's name ends in .tar or .tar.zst");
	if (refuse_existing(cli, out, err) ||
	    oc_run_archive(cli->ctx, cli->operands[0], out, &what, err))
		return -1;
	oc_log(cli->ctx, OC_LOG_INFO, "%s files and %s replies in %s",
	       oc_human_count((double)what.files, n[0]), oc_human_count((double)what.replies, n[1]),
	       out);
	return 0;
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	if (oc_arg_bool(cli, "archive"))
		return archive(cli, oc_arg_str(cli, "archive", ""), err);
	const char *out = oc_arg_str(cli, "output", "-");
	struct export *x = oc_zalloc(1, sizeof *x);
	struct oc_buf header = {0};
	int rc = -1;

	x->cli = cli;
	x->arena = oc_arena_new();
	x->from = oc_format_parse(oc_str(oc_arg_str(cli, "from", "")));
	x->to = oc_format_parse(oc_str(oc_arg_str(cli, "to", "")));
	x->csv = ends(out, ".csv");
	x->skip = oc_arg_bool(cli, "skip");
	x->columns.names = x->names;
	if (strcmp(out, "-") != 0 && refuse_existing(cli, out, err))
		goto out;
	char library[512];
	if (ends(out, ".parquet") && oc_duck_find(library, err))
		goto out;
	if (x->to == OC_FORMAT_SHAREGPT && x->from != x->to) {
		oc_fail(err, OC_USAGE, "export",
		        "sharegpt is only read; `messages` is what it became");
		goto out;
	}
	if (choose_source(x, err) < 0)
		goto out;
	/* CSV needs its columns first. */
	if (x->csv && pass(x, collect_columns, err) < 0)
		goto out;
	if (oc_sink_open(&x->sink, cli->ctx, out, err) < 0)
		goto out;
	if (x->csv)
		oc_csv_header(&header, &x->columns);
	if (oc_sink_add(&x->sink, oc_buf_view(&header), err) < 0 || pass(x, write_row, err) < 0 ||
	    write_lines(x, err) < 0 || oc_sink_close(&x->sink, err) < 0)
		goto out;
	if (x->refused)
		oc_log(cli->ctx, OC_LOG_WARN, "%llu of %llu rows were left out; the first: %s",
		       (unsigned long long)x->refused, (unsigned long long)x->rows,
		       x->first_refused);
	oc_log(cli->ctx, OC_LOG_INFO, "%llu rows written",
	       (unsigned long long)(x->rows - x->refused));
	rc = 0;
out:
	oc_sink_abandon(&x->sink);
	oc_buf_fini(&header);
	oc_buf_fini(&x->lines);
	oc_arena_free(x->arena);
	free(x);
	return rc;
}

const struct oc_verb oc_verb_export = {
	.name = "export",
	.help = "convert rows to another shape or kind of file",
	.usage = "FILE|RUN [--to FORMAT] [-o OUT], or RUN --archive FILE",
	.doc = "Reads JSONL or CSV (.gz and .zst too), Parquet, or a split of a run's out/. A row "
	       "that has "
	       "no "
	       "place in the new shape (a second question in alpaca, roles in text) is refused by "
	       "its "
	       "number and nothing is written; --skip leaves such rows out and counts them.\n\n"
	       "--archive packs the run folder, the plan and the replies the run used. Unpacked "
	       "anywhere, with its sources beside it, `outcross run plan.yaml --offline -o again` "
	       "makes the same bytes.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
