/* outcross help: everything the tables know, as text, man page, completions or Markdown. */
#include "cli/verb.h"

static const struct oc_flag flags[] = {
	{.name = "man", .type = OC_OPT_BOOL, .help = "the man page, as roff"},
	{.name = "completions", .type = OC_OPT_BOOL, .help = "completions for bash"},
	{.name = "manual",
         .type = OC_OPT_BOOL,
         .help = "the reference of all options, as Markdown"},
	{0},
};

static int run(struct oc_cli *cli, struct oc_err *err)
{
	struct oc_buf b = {0};
	int rc = 0;

	if (oc_arg_bool(cli, "man"))
		oc_help_man(&b);
	else if (oc_arg_bool(cli, "completions"))
		oc_help_completions(&b);
	else if (oc_arg_bool(cli, "manual"))
		oc_help_manual(&b);
	else if (cli->operand_n == 0)
		oc_help_overview(&b);
	else
		rc = oc_help_topic(&b, cli->operands[0], err);
	if (rc == 0)
		rc = oc_cli_out(&b, err);
	oc_buf_fini(&b);
	return rc;
}

const struct oc_verb oc_verb_help = {
	.name = "help",
	.help = "explain a verb, a stage, a source, a model or a key of the plan",
	.usage = "[VERB|STAGE|SOURCE|MODEL|RECIPE|KEY]",
	.doc = "Without a word: an overview. The word `plan-keys` lists the keys of a plan, "
	       "`stages`, "
	       "`sources`, `models`, `llms` and `recipes` list the parts that can stand in one.",
	.flags = flags,
	.operand_max = 1,
	.run = run,
};
