/* verb_review.c: `outcross review RUN`: people decide about rows that wait. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/verb.h"
#include "run/rundb.h"
#include "review/terminal.h"

static int list(struct oc_review *r, struct oc_err *err)
{
	struct oc_buf out = {0};
	size_t rows = oc_review_rows(r);
	ptrdiff_t from = rows ? oc_review_next(r, rows - 1) : -1, i = from;
	int rc = 0;

	while (!rc && i >= 0) {
		out.len = 0;
		oc_buf_str(&out, oc_review_line(r, (size_t)i));
		oc_buf_putc(&out, '\n');
		rc = oc_cli_out(&out, err);
		ptrdiff_t next = oc_review_next(r, (size_t)i);
		i = next > i ? next : -1;
	}
	oc_buf_fini(&out);
	return rc;
}

/* The plan file of a run, as run.db remembers it; false when it is not there any more. */
static bool plan_of(const char *dir, char path[PATH_MAX])
{
	struct oc_rundb *db;
	struct oc_buf text = {0};
	struct oc_err ignored = {0};
	bool there = false;

	if (oc_rundb_open(&db, dir, true, &ignored))
		return false;
	if (oc_rundb_get(db, "plan_path", &text, &ignored) == 1) {
		snprintf(path, PATH_MAX, "%s", oc_buf_cstr(&text));
		there = access(path, R_OK) == 0;
	}
	oc_rundb_close(db);
	oc_buf_fini(&text);
	return there;
}

static bool yes(void)
{
	char line[64];

	fprintf(stderr, "Take the decisions over into the data set now? [Y/n] ");
	return fgets(line, sizeof line, stdin) && (line[0] == '\n' || (line[0] | 32) == 'y');
}

/* Becomes `outcross run PLAN -o RUN`, which reads the log of decisions. */
static int finish(const char *dir, const char *plan, struct oc_err *err)
{
	char *const argv[] = {
		"outcross", "run", (char *)(uintptr_t)plan, "-o", (char *)(uintptr_t)dir, NULL};

	fflush(NULL);
	execv("/proc/self/exe", argv);
	return oc_fail_errno(err, "outcross run", "cannot start");
}

struct sitting {
	size_t waiting, decided, reopened;
};

static int after(struct oc_cli *cli, const char *dir, const struct sitting *s, struct oc_err *err)
{
	char plan[PATH_MAX];
	bool there = plan_of(dir, plan), terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);

	if (oc_arg_bool(cli, "finish")) {
		if (!there)
			return oc_fail(err, OC_INPUT, dir,
			               "the plan of this run is not where it was: run it with "
			               "`outcross run PLAN -o %s`",
			               dir);
		return finish(dir, plan, err);
	}
	if (!s->decided && !s->reopened)
		return 0;
	if (!s->waiting && there && terminal && !cli->quiet && yes())
		return finish(dir, plan, err);
	char reopened[80] = "";
	if (s->reopened)
		snprintf(reopened, sizeof reopened,
		         "%zu decisions of earlier sittings taken back, ", s->reopened);
	oc_log(cli->ctx, OC_LOG_INFO,
	       "%zu decided, %s%zu still wait. The decisions reach the data set with: outcross "
	       "run %s -o %s",
	       s->decided, reopened, s->waiting, there ? plan : "PLAN", dir);
	return 0;
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	const char *dir = cli->operands[0], *user = getenv("USER");
	const char *by = oc_arg_str(cli, "by", user && user[0] ? user : "someone");
	struct oc_review *r = NULL;
	struct oc_recheck *checks = NULL;
	struct oc_err unchecked = {0};
	struct oc_review_undone last;
	struct sitting sat;
	char title[300];
	int rc = 0;

	if (oc_review_open(&r, dir, by, err))
		return -1;
	if (oc_arg_bool(cli, "list")) {
		rc = list(r, err);
		oc_review_close(r);
		return rc;
	}
	if (oc_recheck_open(&checks, cli->ctx, dir, &unchecked))
		oc_log(cli->ctx, OC_LOG_WARN, "edits will not be checked: %s: %s", unchecked.where,
		       unchecked.msg);
	oc_review_check_with(r, checks);
	bool waits = oc_review_waiting(r) > 0;
	if (!waits)
		oc_log(cli->ctx, OC_LOG_INFO, "no row waits for people");
	snprintf(title, sizeof title, " outcross review %.200s", dir);
	/* Without a row that waits there is still something to do: to take a decision back. */
	if (!waits && !oc_review_last(r, &last))
		rc = 0;
	else if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		rc = oc_review_lines(r, cli->ctx, stdin, stdout, err);
	else if (waits || !oc_arg_bool(cli, "finish"))
		rc = oc_review_screen(r, cli->ctx, title, err);
	sat = (struct sitting){oc_review_waiting(r), oc_review_decided(r), oc_review_reopened(r)};
	oc_review_close(r);
	oc_recheck_close(checks);
	return rc ? rc : after(cli, dir, &sat, err);
}

static const struct oc_flag flags[] = {
	{.name = "by",
         .type = OC_OPT_STR,
         .arg = "NAME",
         .help = "who decides, for the log",
         .def = "$USER"},
	{.name = "list",
         .type = OC_OPT_BOOL,
         .help = "print the rows that wait, one JSON object a line, and decide nothing"},
	{.name = "finish",
         .type = OC_OPT_BOOL,
         .help = "then run the plan again, which takes the decisions over"},
	{0},
};

const struct oc_verb oc_verb_review = {
	.name = "review",
	.help = "decide about rows that wait for people",
	.usage = "RUN [options]",
	.doc = "Shows one waiting row at a time, why it waits and the nearest real row beside it. "
	       "a "
	       "accepts, x rejects, e edits in $EDITOR, space skips, u takes back, q quits. Every "
	       "decision is saved at once in RUN/reviews.jsonl, with the bytes before and after; "
	       "it "
	       "holds for those bytes only. Several people may review one run at a time.\n\n"
	       "An edit goes through the plan's checks again that cost nothing (the row stages of "
	       "verify and curate: math, schema, words, ...; never a request). What they refuse is "
	       "shown at once; who insists is obeyed, and the row's pedigree says against which "
	       "check.\n\n"
	       "u takes back the last decision of this sitting, then the one before it, and then "
	       "those of the same person's earlier sittings, also when a run has taken them over: "
	       "such a row waits again when the plan is run again. Nothing leaves the log: a "
	       "decision taken back is one more line in it.\n\n"
	       "When standard input is no terminal, one command a line is read from it: a, x "
	       "[reason], e JSON, E JSON (an edit whatever the checks say), s, u, q. When no row "
	       "waits, only u is heard and any other line "
	       "ends.\n\n"
	       "The decisions reach the data set when the plan is run again, which --finish does.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
