/* outcross report: what report.html shows, for the terminal. */
#include <limits.h>
#include <stdio.h>

#include "base/file.h"
#include "cli/verb.h"
#include "data/json.h"
#include "report/report.h"
#include "run/lookup.h"

#define REPORT_MAX (64 << 20)

static int run(struct oc_cli *cli, struct oc_err *err)
{
	struct oc_str part = oc_str(oc_arg_str(cli, "part", "summary"));
	struct oc_arena *arena = oc_arena_new();
	struct oc_buf text = {0}, out = {0};
	char path[PATH_MAX];
	yyjson_val *facts;
	int rc = -1;

	snprintf(path, sizeof path, "%s/report.json", cli->operands[0]);
	if (oc_lookup_check(cli->operands[0], err))
		goto out;
	if (!oc_file_exists(path)) {
		oc_fail(err, OC_INPUT, cli->operands[0],
		        "has no report: the run has not come to its end (`outcross status` says "
		        "how far it is and what stopped it)");
		goto out;
	}
	if (oc_file_read(path, REPORT_MAX, &text, err) ||
	    !(facts = oc_json_parse(arena, oc_buf_view(&text), err))) {
		oc_fail_in(err, path);
		goto out;
	}
	if (cli->json)
		oc_buf_str(&out, oc_buf_view(&text));
	else
		oc_report_text(&out, facts, part);
	rc = oc_cli_out(&out, err);
out:
	oc_buf_fini(&text);
	oc_buf_fini(&out);
	oc_arena_free(arena);
	return rc;
}

static const struct oc_flag flags[] = {
	{.name = "part",
         .type = OC_OPT_ENUM,
         .arg = "PART",
         .choices = OC_REPORT_PARTS,
         .help = "which part",
         .def = "summary"},
	{0},
};

const struct oc_verb oc_verb_report = {
	.name = "report",
	.help = "what a finished run's report says, for the terminal",
	.usage = "RUN [--part PART]",
	.doc = "RUN is the run folder (runs/NAME). Parts: summary (rows by fate, founders, the "
	       "rehearsal's outcome), recipes (what the model was asked for and gave, as bars), "
	       "stages (what the stages measured over all rows), waiting (rows that wait for "
	       "people beside the nearest real ones), rehearsal (the "
	       "plot). The whole report is RUN/report.html; --json prints RUN/report.json.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
