/* outcross index: what a stage knows of a corpus, in a file, for later corpora to be held against.
 */
#include <stdlib.h>

#include "base/file.h"
#include "cli/jobs.h"
#include "index/disk.h"
#include "run/job.h"

static const struct oc_flag flags[] = {
	{.name = "for",
         .type = OC_OPT_STR,
         .arg = "STAGE[:OPTIONS]",
         .help = "the stage that will read it, with the options it will have"},
	{.name = "output", .letter = 'o', .type = OC_OPT_PATH, .arg = "INDEX", .help = "the index"},
	{.name = "origin",
         .type = OC_OPT_STRS,
         .arg = "NAME=ORIGIN",
         .help = "rows of file NAME are real, synthetic or unknown",
         .def = "its lineage, else unknown"},
	{.name = "memory",
         .type = OC_OPT_BYTES,
         .arg = "SIZE",
         .help = "what the stage may hold",
         .def = "1GiB"},
	{.name = "force", .letter = 'f', .type = OC_OPT_BOOL, .help = "overwrite an index"},
	{0},
};

static int build(struct oc_cli *cli, struct oc_err *err)
{
	const char *stage = oc_arg_str(cli, "for", NULL), *out = oc_arg_str(cli, "output", NULL);
	const char *const stages[] = {stage};
	const char **origins = oc_zalloc(cli->given_n + 1, sizeof *origins);
	struct oc_buf unreadable = {0};
	struct oc_tally tally = {0};
	double start = oc_now();
	unsigned origin_n = 0;
	int rc = -1;

	while ((origins[origin_n] = oc_arg_many(cli, "origin", origin_n)))
		origin_n++;
	struct oc_job job = {
		.ctx = cli->ctx,
		.inputs = cli->operands + 1,
		.input_n = cli->operand_n - 1,
		.stages = stages,
		.stage_n = 1,
		.origins = origins,
		.origin_n = origin_n,
		.index = out,
		.force = oc_arg_bool(cli, "force"),
		.memory = (uint64_t)oc_arg_num(cli, "memory", 0),
		.unreadable = &unreadable,
	};
	if (oc_job_run(&job, &tally, err))
		goto out;
	struct oc_buf b = {0};
	if (cli->json) {
		oc_buf_puts(&b, "{\"verb\":\"index\",\"index\":");
		oc_buf_json(&b, oc_str(out));
		oc_buf_puts(&b, ",\"ledger\":");
		oc_tally_write(&b, &tally);
		oc_buf_puts(&b, ",\"seconds\":");
		oc_buf_double(&b, oc_now() - start);
		oc_buf_puts(&b, "}\n");
		rc = oc_cli_out(&b, err);
	} else {
		char rows[32], bad[32], took[32];
		oc_log(cli->ctx, OC_LOG_INFO, "index: %s rows in, %s unreadable; %s, written to %s",
		       oc_human_count((double)tally.in, rows),
		       oc_human_count((double)tally.rejected, bad),
		       oc_human_seconds(oc_now() - start, took), out);
		rc = 0;
	}
	oc_buf_fini(&b);
out:
	oc_buf_fini(&unreadable);
	free(origins);
	oc_tally_fini(&tally);
	return rc;
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	if (!oc_str_is(oc_str(cli->operands[0]), "build"))
		return oc_fail(err, OC_USAGE, "index",
		               "there is no `index %s`; it is `outcross index build FILE... --for "
		               "STAGE -o INDEX`",
		               cli->operands[0]);
	if (cli->operand_n < 2)
		return oc_fail(err, OC_USAGE, "index", "say which files: index build FILE...");
	if (!oc_arg_bool(cli, "for") || !oc_arg_bool(cli, "output"))
		return oc_fail(err, OC_USAGE, "index",
		               "say which stage it is for and where it goes: --for near_dup -o "
		               "INDEX");
	return build(cli, err);
}

const struct oc_verb oc_verb_index = {
	.name = "index",
	.help = "index a corpus, so that later rows can be held against it",
	.usage = "build FILE... --for STAGE[:OPTIONS] -o INDEX",
	.doc = "The stage looks at all rows of the files and writes what it must know of them, "
	       "with the options that decide what that is. The same stage with the same options "
	       "takes the file as `against: [INDEX]`, on the command line and in plans: then rows "
	       "are held against the indexed ones as if these came first. An index made with "
	       "other options is refused.\n\n"
	       "An index grows by being named when the next one is built: `outcross index build "
	       "new.jsonl --for 'novelty: {against: [old.index]}' -o both.index` holds both "
	       "(one of semantic does not grow: name several). "
	       "Stages that keep an index have the option `against` and say so in their help.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 100000,
	.run = run,
};
