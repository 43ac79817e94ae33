/* outcross curate: stages over files, to a file. */
#include "cli/jobs.h"

static int run(struct oc_cli *cli, struct oc_err *err)
{
	if (oc_arg_bool(cli, "list"))
		return oc_cli_list(err);
	if (oc_arg_str(cli, "retune", NULL))
		return oc_cli_retune(cli, err);
	if (!cli->operand_n)
		return oc_fail(err, OC_USAGE, "curate",
		               "name a file of rows, or - for standard input (--list shows the "
		               "stages)");
	if (!oc_arg_bool(cli, "do"))
		return oc_fail(err, OC_USAGE, "curate",
		               "say what to do: --do exact, for one (`outcross help stages` lists "
		               "the stages)");
	return oc_cli_job(cli, NULL, err);
}

const struct oc_verb oc_verb_curate = {
	.name = "curate",
	.help = "run stages over files: drop what is repeated, leaked or unfit",
	.usage = "FILE... --do STAGE[:OPTIONS] [--do ...] [-o OUT]",
	.doc = "FILE is JSON lines, a JSON array or CSV, plain, .gz or .zst, or - for standard "
	       "input. Rows go through the stages in the order of --do and come out in the order "
	       "in which they came in, at any number of threads; a row that no stage changed is "
	       "written back byte for byte. Where the first of several equal rows stays, that is "
	       "the one that comes first: name files of real rows first.\n\n"
	       "OPTIONS is a YAML mapping in one line, {min: 3, blacklist: [a, b]}, or min=3 for "
	       "short. `outcross help STAGE` explains a stage's options.\n\n"
	       "Limits can be chosen again without the rows: --verdicts writes every score, and "
	       "--retune VERDICTS --limit RULE=NUMBER counts what other limits would keep. With "
	       "all=true in a stage's options all its rules are asked of every row.\n\n"
	       "A job on files writes its files when it is done, and begins anew after an "
	       "interruption; `outcross run` with a plan continues.",
	.flags = oc_job_flags,
	.operand_max = 100000,
	.run = run,
};
