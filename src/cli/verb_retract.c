/* verb_retract.c: `outcross retract RUN WHAT -o NEWRUN`: a data set without some rows and all that
 * came of them. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/verb.h"
#include "run/folder.h"
#include "run/lookup.h"
#include "run/run.h"
#include "run/rundb.h"

static void say(void *user, const char *text)
{
	struct oc_cli *cli = user;
	if (!cli->quiet && !cli->json)
		oc_progress_say(&cli->progress, text);
}

/* The plan file the run was started with, unchanged since, over unchanged inputs. */
static int read_plan(struct oc_cli *cli, const char *dir, struct oc_plan **plan, struct oc_err *err)
{
	struct oc_buf path = {0}, changed = {0};
	struct oc_rundb *db;
	struct oc_err other = {0};
	char folder[PATH_MAX];
	int rc = -1;

	if (oc_rundb_open(&db, dir, true, err))
		return -1;
	rc = oc_rundb_get(db, "plan_path", &path, err);
	oc_rundb_close(db);
	if (rc == 0)
		oc_fail(err, OC_INPUT, dir, "does not say which plan it is a run of");
	if (rc == 1 && oc_plan_read(plan, cli->ctx, oc_buf_cstr(&path), err))
		rc = -1;
	if (rc == 1 && oc_run_folder(*plan, dir, folder, &changed, &other) != 1)
		rc = oc_fail(err, OC_INPUT, oc_buf_cstr(&path),
		             "this plan or its inputs changed since %s was run; nothing can be "
		             "replayed until they are as they were",
		             dir);
	oc_buf_fini(&path);
	oc_buf_fini(&changed);
	return rc == 1 ? 0 : -1;
}

static void summary(struct oc_buf *b, const struct oc_run_result *r, uint64_t keys, bool json)
{
	const struct oc_tally *t = &r->tally;

	if (json) {
		oc_buf_printf(b, "{\"retracted\":%llu,\"run\":", (unsigned long long)keys);
		oc_buf_json(b, oc_str(r->dir));
		oc_buf_puts(b, ",\"rows\":");
		oc_tally_write(b, t);
		oc_buf_puts(b, "}\n");
		return;
	}
	oc_buf_printf(b,
	              "%llu rows left out -> %llu train, %llu test, %llu rejected, %llu held, %llu "
	              "unused\n%s\n",
	              (unsigned long long)keys, (unsigned long long)t->train,
	              (unsigned long long)t->test, (unsigned long long)t->rejected,
	              (unsigned long long)t->held, (unsigned long long)t->unused, r->dir);
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	const char *dir = cli->operands[0], *what = cli->operands[1];
	struct oc_run_retract retract = {.of = dir, .what = what};
	struct oc_run_opts opts = {.dir = oc_arg_str(cli, "output", NULL),
	                           .offline = true,
	                           .retract = &retract,
	                           .user = cli,
	                           .say = say};
	struct oc_run_result *result = oc_zalloc(1, sizeof *result);
	struct oc_key_set *keys = NULL;
	struct oc_plan *plan = NULL;
	struct oc_buf out = {0};
	int rc = -1;

	if (!opts.dir) {
		oc_fail(err, OC_USAGE, "retract",
		        "say where the new run goes: -o FOLDER (%s stays as it is)", dir);
		goto out;
	}
	if (oc_lookup_descend(&keys, dir, what, true, err) || read_plan(cli, dir, &plan, err))
		goto out;
	retract.keys = keys;
	cli->ctx->memory = plan->memory;
	rc = oc_run(cli->ctx, plan, &opts, result, err);
	oc_progress_clear(&cli->progress);
	if (rc)
		goto out;
	summary(&out, result, oc_key_set_len(keys), cli->json);
	rc = oc_cli_out(&out, err);
out:
	oc_buf_fini(&out);
	oc_run_result_fini(result);
	free(result);
	oc_plan_free(plan);
	oc_key_set_free(keys);
	return rc;
}

static const struct oc_flag flags[] = {
	{.name = "output",
         .letter = 'o',
         .type = OC_OPT_PATH,
         .arg = "NEWRUN",
         .help = "run folder to write; required"},
	{0},
};

const struct oc_verb oc_verb_retract = {
	.name = "retract",
	.help = "rebuild a run without some rows and all that came of them, paying nothing",
	.usage = "RUN WHAT -o NEWRUN",
	.doc = "WHAT is as for `descendants`; a named row leaves with its descendants. The run is "
	       "replayed with the network off: the same rows are read, held out and shown in "
	       "prompts, so that every reply is in the store. Then every row that is WHAT or "
	       "descends from it is rejected as retract/retracted, and verify, curate, review, mix "
	       "and output are decided anew without them: a row that had lost against one of them "
	       "may come back. What a recipe itself decided (its own filters and quotas) stays as "
	       "it was; nothing is generated in their place. People's decisions are taken over.\n\n"
	       "RUN stays as it is, and the bytes of what was retracted stay in NEWRUN's "
	       "rejected-*.zst, in the reply store and in the sources: delete those yourself if "
	       "they must go.",
	.flags = flags,
	.operand_min = 2,
	.operand_max = 2,
	.run = run,
};
