/* outcross mix: rows of several files in stated shares. */
#include "cli/jobs.h"

static const struct oc_flag flags[] = {
	{.name = "with",
         .type = OC_OPT_STR,
         .arg = "OPTIONS",
         .help = "options of the mix: 'tokens: 1M, shares: {people: 0.5}' or rows=1000",
         .def = "all rows once"},
	{.name = "origin",
         .type = OC_OPT_STRS,
         .arg = "NAME=ORIGIN",
         .help = "rows of file NAME are real, synthetic or unknown",
         .def = "its lineage, else unknown"},
	{.name = "output",
         .letter = 'o',
         .type = OC_OPT_PATH,
         .arg = "FILE",
         .help = "where the mix goes; .zst is compressed, - is standard output",
         .def = "-"},
	{.name = "rejected",
         .type = OC_OPT_PATH,
         .arg = "FILE",
         .help = "where rows that cannot be read go, with the reason and their bytes"},
	{.name = "seed",
         .type = OC_OPT_INT,
         .arg = "N",
         .help = "of the shuffling",
         .def = "0",
         .min = 0,
         .max = 9e15},
	{.name = "memory",
         .type = OC_OPT_BYTES,
         .arg = "SIZE",
         .help = "what shuffling may hold; the rest lies on disk",
         .def = "1GiB"},
	{.name = "dry-run",
         .letter = 'n',
         .type = OC_OPT_BOOL,
         .help = "show the mix, write nothing"},
	{.name = "force", .letter = 'f', .type = OC_OPT_BOOL, .help = "overwrite files that exist"},
	{0},
};

static int run(struct oc_cli *cli, struct oc_err *err)
{
	return oc_cli_job(cli, oc_arg_str(cli, "with", "{}"), err);
}

const struct oc_verb oc_verb_mix = {
	.name = "mix",
	.help = "take rows of several files in stated shares, shuffled and interleaved",
	.usage = "FILE... [--with OPTIONS] [-o OUT]",
	.doc = "Every FILE is a source, called by its name without folder and endings. Shares are "
	       "by source, by origin or by depth; `outcross help mix` explains the options. What "
	       "will be taken is shown before anything is written. A share that is `exact` (the "
	       "default) and cannot be filled ends the job with exit status 1 and writes "
	       "nothing.\n\n"
	       "Tokens are estimated as bytes / 4. A file of a run's out/data folder brings the "
	       "origin and depth of its rows; other rows are of unknown origin unless --origin "
	       "says otherwise, on your word.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 100000,
	.run = run,
};
