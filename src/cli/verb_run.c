/* verb_run.c: `outcross run PLAN`, the whole round. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/verb.h"
#include "loop/loop.h"
#include "loop/rehearse.h"
#include "run/folder.h"
#include "run/ready.h"
#include "run/run.h"

#define SHOWN_BYTES 160 /* of a field, under --show */

static void say(void *user, const char *text)
{
	struct oc_cli *cli = user;
	size_t len = strlen(text);
	char *line = oc_strdup(text);

	if (len && line[len - 1] == '\n')
		line[len - 1] = 0;
	if (!cli->quiet && !cli->json)
		oc_progress_say(&cli->progress, line);
	free(line);
}

/* generate  1,240 made  31 kept/s  ...  $0.42  waiting 12 s: 429 */
static void progress(void *user, const struct oc_run_status *s)
{
	struct oc_cli *cli = user;
	const struct oc_tally *t = &s->tally;
	char in[32], made[32], fell[32], asked[32], time[32];
	struct oc_buf line = {0};

	if (!oc_progress_due(&cli->progress))
		return;
	oc_buf_printf(&line, "%-9s %s read", s->phase, oc_human_count((double)t->in, in));
	if (t->made || s->sent || s->cached)
		oc_buf_printf(&line, "  %s made", oc_human_count((double)t->made, made));
	oc_buf_printf(&line, "  %s fell", oc_human_count((double)t->rejected, fell));
	if (s->sent || s->cached)
		oc_buf_printf(&line, "  %s asked, %llu in flight",
		              oc_human_count((double)(s->sent + s->cached), asked),
		              (unsigned long long)s->in_flight);
	if (s->money > 0)
		oc_buf_printf(&line, "  $%.2f", s->money);
	oc_buf_printf(&line, "  %s", oc_human_seconds(s->seconds, time));
	if (s->note[0])
		oc_buf_printf(&line, "  %s", s->note);
	oc_progress_show(&cli->progress, oc_buf_cstr(&line));
	oc_buf_fini(&line);
}

/* right  What is 25 + 81?  106 */
static void made(void *user, const char *recipe, const struct oc_row *row)
{
	struct oc_cli *cli = user;
	const char *only = oc_arg_str(cli, "show", NULL), *mark = "kept", *colour = "32";
	struct oc_str rule = {0};
	struct oc_buf line = {0};
	size_t i, n;
	yyjson_val *key, *v, *root = row->root;
	struct oc_err ignored = {0};
	struct oc_arena *arena;

	if (strcmp(only, recipe) != 0 && strcmp(only, "all") != 0)
		return;
	if (row->fate != OC_LIVE && row->verdict_n)
		rule = row->verdicts[row->verdict_n - 1].rule;
	if (row->fate == OC_REJECTED) {
		mark = "fell";
		colour = "31";
	} else if (row->fate == OC_HELD) {
		mark = "held";
		colour = "33";
	} else if (row->fate == OC_UNUSED) {
		mark = "over";
		colour = "2";
	}
	arena = oc_arena_new();
	if (!root) /* a reply that could not be read: its text */
		root = oc_json_parse(arena, row->raw, &ignored);
	oc_buf_printf(&line, cli->progress.colour ? "\033[%sm%s\033[0m" : "%.0s%s", colour, mark);
	yyjson_obj_foreach(root, i, n, key, v)
	{
		if (!yyjson_is_str(v))
			continue;
		oc_buf_puts(&line, "  ");
		struct oc_str text = oc_json_str(v);
		for (size_t k = 0; k < text.len && k < SHOWN_BYTES; k++)
			oc_buf_putc(&line, (unsigned char)text.p[k] < ' ' ? ' ' : text.p[k]);
	}
	if (rule.len)
		oc_buf_printf(&line, "  (%.*s)", OC_ARG(rule));
	oc_progress_say(&cli->progress, oc_buf_cstr(&line));
	oc_buf_fini(&line);
	oc_arena_free(arena);
}

static void summary(struct oc_buf *b, const struct oc_run_result *r)
{
	const struct oc_tally *t = &r->tally;
	char n[8][32];

	oc_buf_printf(
		b, "%s read, %s made%s%s -> %s train, %s test, %s rejected, %s held%s%s%s%s\n",
		oc_human_count((double)t->in, n[0]), oc_human_count((double)t->made, n[1]),
		t->repeated ? ", " : "",
		t->repeated ? strcat(oc_human_count((double)t->repeated, n[2]), " repeated") : "",
		oc_human_count((double)t->train, n[3]), oc_human_count((double)t->test, n[4]),
		oc_human_count((double)t->rejected, n[5]), oc_human_count((double)t->held, n[6]),
		t->unused ? ", " : "",
		t->unused ? strcat(oc_human_count((double)t->unused, n[7]), " unused") : "",
		t->merged ? ", some merged" : "", "");
	oc_buf_printf(b, "%s\n", r->dir);
	if (r->waiting)
		oc_buf_printf(b, "%llu rows wait for people: outcross review %s\n",
		              (unsigned long long)r->waiting, r->dir);
	oc_buf_printf(b, "report: %s/report.html\n", r->dir);
}

static int dry_run(struct oc_cli *cli, const struct oc_plan *plan, struct oc_err *err)
{
	struct oc_buf changed = {0}, out = {0};
	char dir[4096];
	int rc = oc_run_folder(plan, oc_arg_str(cli, "output", NULL), dir, &changed, err);

	if (rc >= 0) {
		oc_buf_str(&out, oc_buf_view(&changed));
		oc_buf_printf(
			&out,
			"would %s %s (nothing was done; `outcross plan` forecasts the cost)\n",
			rc ? "continue the run in" : "start a new run in", dir);
		rc = oc_cli_out(&out, err);
	}
	oc_buf_fini(&changed);
	oc_buf_fini(&out);
	return rc;
}

/* --show names a step of `generate`, or all of them. */
static int check_show(const struct oc_cli *cli, const struct oc_plan *plan, struct oc_err *err)
{
	const char *only = oc_arg_str(cli, "show", NULL);
	struct oc_buf names = {0};
	int rc = 0;

	for (unsigned i = 0; only && i < plan->generate_n; i++) {
		if (strcmp(only, plan->generate[i].name) == 0)
			only = NULL;
		else
			oc_buf_printf(&names, "%s, ", plan->generate[i].name);
	}
	if (only && strcmp(only, "all") != 0)
		rc = oc_fail(err, OC_USAGE, "--show",
		             "the plan has no step `%s` under `generate`; it is one of: %sall",
		             only, oc_buf_cstr(&names));
	oc_buf_fini(&names);
	return rc;
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	struct oc_run_opts opts = {
		.dir = oc_arg_str(cli, "output", NULL),
		.offline = oc_arg_bool(cli, "offline"),
		.keep_work = oc_arg_bool(cli, "keep-work"),
		.all_verdicts = oc_arg_bool(cli, "verdicts"),
		.force = oc_arg_bool(cli, "force"),
		.user = cli,
		.progress = progress,
		.say = say,
		.made = oc_arg_bool(cli, "show") && !cli->quiet && !cli->json ? made : NULL,
		.hooks = {.rehearse = oc_rehearse_run},
	};
	struct oc_run_result *result = oc_zalloc(1, sizeof *result);
	struct oc_plan *plan = NULL;
	struct oc_buf out = {0};
	int rc = -1;

	if (oc_plan_read(&plan, cli->ctx, cli->operands[0], err) ||
	    oc_plan_rehearse(plan, oc_loop_options, err))
		goto out;
	cli->ctx->memory = plan->memory;
	if (oc_arg_bool(cli, "dry-run")) {
		rc = dry_run(cli, plan, err);
		goto out;
	}
	if (check_show(cli, plan, err) || oc_ready_mix(cli->ctx, plan, err))
		goto out;
	rc = oc_run(cli->ctx, plan, &opts, result, err);
	oc_progress_clear(&cli->progress);
	if (rc && err->code == OC_CANCELLED && result->dir[0])
		oc_log(cli->ctx, OC_LOG_INFO, "stopped; the same command continues in %s",
		       result->dir);
	if (rc)
		goto out;
	if (cli->json)
		rc = oc_run_result_json(&out, result, err);
	else
		summary(&out, result);
	if (!rc)
		rc = oc_cli_out(&out, err);
out:
	oc_buf_fini(&out);
	oc_run_result_fini(result);
	free(result);
	oc_plan_free(plan);
	return rc;
}

static const struct oc_flag flags[] = {
	{.name = "output",
         .letter = 'o',
         .type = OC_OPT_PATH,
         .arg = "FOLDER",
         .help = "run folder",
         .def = "runs/NAME beside the plan"},
	{.name = "offline",
         .type = OC_OPT_BOOL,
         .help = "send nothing: every reply must be in the store (replays a finished run)"},
	{.name = "dry-run",
         .letter = 'n',
         .type = OC_OPT_BOOL,
         .help = "say where it would run and what changed, do nothing"},
	{.name = "keep-work", .type = OC_OPT_BOOL, .help = "leave the work folder when done"},
	{.name = "verdicts",
         .type = OC_OPT_BOOL,
         .help = "kept rows carry every verdict in the lineage"},
	{.name = "show",
         .type = OC_OPT_STR,
         .arg = "RECIPE",
         .help = "print the rows of this step of `generate` as the model makes them, with what "
                 "became of each; `all`: of every step"},
	{.name = "force",
         .letter = 'f',
         .type = OC_OPT_BOOL,
         .help = "write the output of a finished run again (pays nothing twice)"},
	{0},
};

const struct oc_verb oc_verb_run = {
	.name = "run",
	.help = "run a plan: generate, verify, curate, mix, document",
	.usage = "PLAN [options]",
	.doc = "Runs the plan into runs/NAME beside it, or continues the run that is there: a run "
	       "that was "
	       "killed, stopped or waits for people goes on where it was, and no reply is paid "
	       "twice. A "
	       "changed plan gets a folder of its own (runs/NAME-2), after saying what changed.\n\n"
	       "Ctrl-C once finishes what is in flight and stops; twice stops now. Both can be "
	       "continued.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
