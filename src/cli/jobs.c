#include "cli/jobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/json.h"
#include "data/opts.h"
#include "plan/presets.h"
#include "report/report.h"
#include "run/retune.h"

const struct oc_flag oc_job_flags[] = {
	{.name = "do",
         .type = OC_OPT_STRS,
         .arg = "STAGE[:OPTIONS]",
         .help = "a stage to run, in the order given: words:min=3 or 'words: {min: 3}'; "
                 "preset:NAME "
                 "stands for several"},
	{.name = "origin",
         .type = OC_OPT_STRS,
         .arg = "NAME=ORIGIN",
         .help = "rows of file NAME (without its endings) are real, synthetic or unknown",
         .def = "its lineage, else unknown"},
	{.name = "output",
         .letter = 'o',
         .type = OC_OPT_PATH,
         .arg = "FILE",
         .help = "where kept rows go; .zst is compressed, .parquet is Parquet, - is standard "
                 "output",
         .def = "-"},
	{.name = "rejected",
         .type = OC_OPT_PATH,
         .arg = "FILE",
         .help = "where rows that fell go, with the reason and their bytes"},
	{.name = "verdicts",
         .type = OC_OPT_PATH,
         .arg = "FILE",
         .help = "a line per row and stage, kept rows included; thresholds in the first line"},
	{.name = "seed",
         .type = OC_OPT_INT,
         .arg = "N",
         .help = "of everything drawn by chance",
         .def = "0",
         .min = 0,
         .max = 9e15},
	{.name = "memory",
         .type = OC_OPT_BYTES,
         .arg = "SIZE",
         .help = "what stages that compare rows may hold",
         .def = "1GiB"},
	{.name = "force", .letter = 'f', .type = OC_OPT_BOOL, .help = "overwrite files that exist"},
	{.name = "list", .type = OC_OPT_BOOL, .help = "print the stages there are, and end"},
	{.name = "retune",
         .type = OC_OPT_PATH,
         .arg = "VERDICTS",
         .help = "read no rows: print what other limits (--limit) would have done, from what "
                 "--verdicts wrote"},
	{.name = "limit",
         .type = OC_OPT_STRS,
         .arg = "RULE=NUMBER",
         .help = "with --retune: gopher_short_doc=30, or STAGE/RULE=NUMBER"},
	{0},
};

struct talk {
	struct oc_cli *cli;
	double start;
	struct oc_buf facts;      /* objects, comma between */
	struct oc_buf mix;        /* an object, or nothing */
	struct oc_buf unreadable; /* of the first row that could not be read: why, where */
};

static void progress(void *user, const struct oc_tally *t)
{
	struct talk *talk = user;
	char text[160], in[32], kept[32], rate[32];
	double seconds = oc_now() - talk->start;

	if (!oc_progress_due(&talk->cli->progress))
		return;
	snprintf(text, sizeof text, "%s  %s rows in  %s out  %s rejected  %s rows/s",
	         talk->cli->verb->name, oc_human_count((double)t->in, in),
	         oc_human_count((double)t->train, kept),
	         oc_human_count((double)t->rejected, (char[32]){0}),
	         oc_human_short(seconds > 0 ? (double)t->in / seconds : 0, rate));
	oc_progress_show(&talk->cli->progress, text);
}

static void facts(void *user, struct oc_str json)
{
	struct talk *talk = user;

	if (talk->facts.len)
		oc_buf_putc(&talk->facts, ',');
	oc_buf_str(&talk->facts, json);
}

/* Line by line: the last newline is the log's own. */
static void log_lines(struct oc_cli *cli, struct oc_str text)
{
	while (text.len) {
		const char *end = memchr(text.p, '\n', text.len);
		size_t len = end ? (size_t)(end - text.p) : text.len;
		oc_log(cli->ctx, OC_LOG_INFO, "%.*s", (int)len, text.p);
		len += end != NULL;
		text.p += len;
		text.len -= len;
	}
}

static void show_mix(void *user, struct oc_str table, struct oc_str json)
{
	struct talk *talk = user;

	oc_buf_str(&talk->mix, json);
	log_lines(talk->cli, table);
}

static int by_count(const void *a, const void *b)
{
	const struct oc_tally_line *const *x = a, *const *y = b;

	if ((*x)->n != (*y)->n)
		return (*x)->n > (*y)->n ? -1 : 1;
	int c = strcmp((*x)->step, (*y)->step);
	return c ? c : strcmp((*x)->rule, (*y)->rule);
}

/* " (words/too_short 3, ...)": why rows fell or were undecided, most frequent first. */
static void put_reasons(struct oc_buf *b, const struct oc_tally *t, enum oc_result result)
{
	const struct oc_tally_line **list = oc_zalloc(t->line_n, sizeof *list);
	unsigned count = 0;
	char n[32];

	for (unsigned i = 0; i < t->line_n; i++)
		if (t->lines[i].first &&
		    (t->lines[i].result == OC_UNDECIDED && t->held ? OC_UNDECIDED : OC_DROP) ==
		            result)
			list[count++] = &t->lines[i];
	qsort(list, count, sizeof *list, by_count);
	for (unsigned i = 0; i < count; i++)
		oc_buf_printf(b, "%s%s/%s %s", i ? ", " : " (", list[i]->step, list[i]->rule,
		              oc_human_count((double)list[i]->n, n));
	oc_buf_puts(b, count ? ")" : "");
	free(list);
}

static void summary(struct oc_cli *cli, const struct oc_tally *t, double seconds)
{
	struct oc_buf b = {0};
	char n[32];

	oc_buf_printf(&b, "%s: %s rows in", cli->verb->name, oc_human_count((double)t->in, n));
	if (t->repeated)
		oc_buf_printf(&b, ", %s repeated", oc_human_count((double)t->repeated, n));
	oc_buf_printf(&b, "; %s out", oc_human_count((double)t->train, n));
	if (t->merged)
		oc_buf_printf(&b, ", %s merged", oc_human_count((double)t->merged, n));
	if (t->unused)
		oc_buf_printf(&b, ", %s unused", oc_human_count((double)t->unused, n));
	if (t->held) {
		oc_buf_printf(&b, ", %s undecided and not written",
		              oc_human_count((double)t->held, n));
		put_reasons(&b, t, OC_UNDECIDED);
	}
	oc_buf_printf(&b, ", %s rejected", oc_human_count((double)t->rejected, n));
	put_reasons(&b, t, OC_DROP);
	oc_buf_printf(&b, "; %s", oc_human_seconds(seconds, n));
	oc_log(cli->ctx, OC_LOG_INFO, "%s", oc_buf_cstr(&b));
	oc_buf_fini(&b);
}

/* What the stages measured: sentences and figures; tables and the rest are in --json. */
static void say_facts(struct talk *talk)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_buf array = {0}, text = {0};
	struct oc_err err = {0};

	oc_buf_putc(&array, '[');
	oc_buf_str(&array, oc_buf_view(&talk->facts));
	oc_buf_putc(&array, ']');
	oc_report_stages(&text, oc_json_parse(a, oc_buf_view(&array), &err), true);
	log_lines(talk->cli, oc_buf_view(&text));
	oc_buf_fini(&text);
	oc_buf_fini(&array);
	oc_arena_free(a);
}

/* One object; on stdout unless rows are there. */
static int summary_json(const struct talk *talk, const struct oc_tally *t, double seconds,
                        bool rows_on_stdout, struct oc_err *err)
{
	struct oc_buf b = {0};
	int rc = 0;

	oc_buf_printf(&b, "{\"verb\":\"%s\",\"ledger\":", talk->cli->verb->name);
	oc_tally_write(&b, t);
	oc_buf_puts(&b, ",\"stages\":[");
	oc_buf_str(&b, oc_buf_view(&talk->facts));
	oc_buf_puts(&b, talk->mix.len ? "],\"mix\":" : "]");
	oc_buf_str(&b, oc_buf_view(&talk->mix));
	oc_buf_puts(&b, ",\"seconds\":");
	oc_buf_double(&b, seconds);
	oc_buf_puts(&b, "}\n");
	if (rows_on_stdout)
		fputs(oc_buf_cstr(&b), stderr);
	else
		rc = oc_cli_out(&b, err);
	oc_buf_fini(&b);
	return rc;
}

static const char *const *many(const struct oc_cli *cli, const char *name, unsigned *n)
{
	const char **list = oc_zalloc(cli->given_n + 1, sizeof *list);

	*n = 0;
	while ((list[*n] = oc_arg_many(cli, name, *n)))
		++*n;
	return list;
}

/* "preset:fineweb" or "preset:fineweb,field=body" into the stages it stands for. */
static int add_preset(struct oc_arena *a, struct oc_str words, const char **list, unsigned *n,
                      struct oc_err *err)
{
	const char *comma = memchr(words.p, ',', words.len);
	struct oc_str name = {words.p, comma ? (size_t)(comma - words.p) : words.len};
	struct oc_str rest = {name.p + name.len, words.len - name.len}, field = {0};
	const struct oc_preset *preset = oc_preset_find(oc_str_trim(name = oc_str_trim(name)));
	const char *step, *names[64];
	size_t known = 0;

	if (!preset) {
		for (; known < 64 && oc_presets[known].name; known++)
			names[known] = oc_presets[known].name;
		const char *near = oc_nearest(name, names, known);
		return oc_fail(err, OC_USAGE, "--do",
		               "there is no preset `%.*s`%s%s; --list shows them", OC_ARG(name),
		               near ? ": did you mean " : "", near ? near : "");
	}
	if (rest.len) {
		if (!oc_str_starts(rest, ",field="))
			return oc_fail(err, OC_USAGE, "--do",
			               "a preset takes one option: preset:%s,field=FIELD",
			               preset->name);
		field = (struct oc_str){rest.p + 7, rest.len - 7};
	}
	for (unsigned i = 0; (step = oc_preset_step(a, preset, i, field)) != NULL; i++)
		list[(*n)++] = step;
	return 0;
}

/* The stages of --do, presets spelled out. */
static const char *const *stages(const struct oc_cli *cli, struct oc_arena *a, unsigned *n,
                                 struct oc_err *err)
{
	const char **list = oc_arena_zalloc(a, (cli->given_n + 1) * OC_PRESET_STEPS * sizeof *list);
	const char *text;

	*n = 0;
	for (unsigned i = 0; (text = oc_arg_many(cli, "do", i)) != NULL; i++) {
		if (strncmp(text, "preset:", 7) != 0)
			list[(*n)++] = text;
		else if (add_preset(a, oc_str(text + 7), list, n, err))
			return NULL;
	}
	return list;
}

int oc_cli_retune(const struct oc_cli *cli, struct oc_err *err)
{
	unsigned n;
	const char *const *limits = many(cli, "limit", &n);
	struct oc_buf b = {0};
	int rc = oc_retune(oc_arg_str(cli, "retune", NULL), limits, n, &b, err);

	if (!rc)
		rc = oc_cli_out(&b, err);
	free((void *)(uintptr_t)limits);
	oc_buf_fini(&b);
	return rc;
}

int oc_cli_list(struct oc_err *err)
{
	struct oc_buf b = {0};

	oc_help_stages(&b);
	int rc = oc_cli_out(&b, err);
	oc_buf_fini(&b);
	return rc;
}

int oc_cli_job(struct oc_cli *cli, const char *mix, struct oc_err *err)
{
	struct oc_arena *arena;
	struct talk talk = {.cli = cli, .start = oc_now()};
	struct oc_tally tally = {0};
	const char *out = oc_arg_str(cli, "output", "-");
	struct oc_job job = {
		.ctx = cli->ctx,
		.inputs = cli->operands,
		.input_n = cli->operand_n,
		.mix = mix,
		.out = out,
		.rejected = oc_arg_str(cli, "rejected", NULL),
		.verdicts = mix ? NULL : oc_arg_str(cli, "verdicts", NULL),
		.force = oc_arg_bool(cli, "force"),
		.dry = mix && oc_arg_bool(cli, "dry-run"),
		.seed = (uint64_t)oc_arg_num(cli, "seed", 0),
		.memory = (uint64_t)oc_arg_num(cli, "memory", 0),
		.user = &talk,
		.progress = progress,
		.facts = facts,
		.unreadable = &talk.unreadable,
		.show_mix = show_mix,
	};
	bool rows_on_stdout = strcmp(out, "-") == 0 && !job.dry;
	int rc;

	arena = oc_arena_new();
	job.stages = mix ? NULL : stages(cli, arena, &job.stage_n, err);
	job.origins = many(cli, "origin", &job.origin_n);
	rc = mix || job.stages ? oc_job_run(&job, &tally, err) : -1;
	oc_progress_clear(&cli->progress);
	double seconds = oc_now() - talk.start;
	if (rc && err->code == OC_CANCELLED) {
		err->code = OC_OK;
		oc_fail(err, OC_CANCELLED, NULL,
		        "interrupted; %s. A job on files begins anew next time (runs of a plan "
		        "continue)",
		        rows_on_stdout ? "what was written before is whole lines"
		                       : "no file was written");
	} else if (!rc && cli->json) {
		rc = summary_json(&talk, &tally, seconds, rows_on_stdout, err);
	} else if (!rc) {
		say_facts(&talk);
		summary(cli, &tally, seconds);
		if (talk.unreadable.len)
			oc_log(cli->ctx, OC_LOG_INFO, "%s: the first row that cannot be read: %s",
			       cli->verb->name, oc_buf_cstr(&talk.unreadable));
	}
	oc_buf_fini(&talk.mix);
	oc_buf_fini(&talk.unreadable);
	oc_buf_fini(&talk.facts);
	oc_arena_free(arena);
	free((void *)(uintptr_t)job.origins);
	oc_tally_fini(&tally);
	return rc;
}
