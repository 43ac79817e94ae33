/* outcross verify: checks over files. The same machine as curate, with `math` as the usual stage.
 */
#include "cli/jobs.h"

static int run(struct oc_cli *cli, struct oc_err *err)
{
	if (oc_arg_bool(cli, "list"))
		return oc_cli_list(err);
	if (oc_arg_str(cli, "retune", NULL))
		return oc_cli_retune(cli, err);
	if (!cli->operand_n)
		return oc_fail(err, OC_USAGE, "verify",
		               "name a file of rows, or - for standard input (--list shows the "
		               "stages)");
	if (!oc_arg_bool(cli, "do"))
		return oc_fail(err, OC_USAGE, "verify",
		               "say what to check: --do math:answer=FIELD,gold=FIELD, for one "
		               "(`outcross help stages` lists the stages)");
	return oc_cli_job(cli, NULL, err);
}

const struct oc_verb oc_verb_verify = {
	.name = "verify",
	.help = "check rows of files by calculation, schema or any other stage",
	.usage = "FILE... --do math:answer=FIELD,gold=FIELD [--do ...] [-o OUT]",
	.doc = "Rows that pass every check go to OUT; rows that fail, and rows that nothing could "
	       "decide, go to --rejected with their fate, the reason and the evidence. --verdicts "
	       "writes a line per row and check, whatever the result. Files, options and "
	       "interruptions are as in `outcross curate --help`.",
	.flags = oc_job_flags,
	.operand_max = 100000,
	.run = run,
};
