/* verb_show.c: `outcross show RUN`: rows of a run with what was said of them. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/rows.h"
#include "cli/verb.h"
#include "run/lookup.h"

#define SHOWN 20 /* rows on a terminal or a page, unless --limit says otherwise */

struct show {
	const char *reason, *step, *source;
	uint64_t limit, shown;
	bool json;
	struct oc_arena *arena;
};

static bool wanted(const struct show *s, const struct oc_found *f)
{
	size_t n = s->source ? strlen(s->source) : 0;

	if (s->reason && !oc_str_is(f->rule, s->reason))
		return false;
	if (s->step && !oc_str_is(f->step, s->step))
		return false;
	return !s->source || (f->key.len > n && memcmp(f->key.p, s->source, n) == 0 &&
	                      (f->key.p[n] == ':' || f->key.p[n] == '/'));
}

static int row(void *user, const struct oc_found *f, struct oc_err *err)
{
	struct show *s = user;
	struct oc_buf out = {0};
	int rc;

	if (!wanted(s, f))
		return 0;
	oc_arena_reset(s->arena);
	if (s->json)
		oc_rows_json(&out, f);
	else
		oc_rows_text(&out, f, s->arena);
	rc = oc_cli_out(&out, err);
	oc_buf_fini(&out);
	return rc ? -1 : ++s->shown == s->limit;
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	static const struct {
		const char *flag;
		unsigned places;
	} flags_of[] = {{"train", 1u << OC_TRAIN},
	                {"test", 1u << OC_TEST},
	                {"held", 1u << OC_HELD_BACK},
	                {"rejected", 1u << OC_FELL},
	                {"unused", 1u << OC_LEFT_OVER}};
	struct show s = {.reason = oc_arg_str(cli, "reason", NULL),
	                 .step = oc_arg_str(cli, "step", NULL),
	                 .source = oc_arg_str(cli, "source", NULL),
	                 .json = cli->json,
	                 .arena = oc_arena_new()};
	unsigned places = 0;
	int rc;

	for (size_t i = 0; i < sizeof flags_of / sizeof flags_of[0]; i++)
		if (oc_arg_bool(cli, flags_of[i].flag))
			places |= flags_of[i].places;
	if (!places)
		places = s.reason || s.step
		                 ? 1u << OC_FELL | 1u << OC_HELD_BACK | 1u << OC_LEFT_OVER
		                 : 1u << OC_TRAIN;
	s.limit = (uint64_t)oc_arg_num(cli, "limit", cli->json ? 0 : SHOWN);
	rc = oc_lookup_each(cli->operands[0], places, row, &s, err);
	if (!rc && !cli->json)
		oc_log(cli->ctx, OC_LOG_INFO,
		       s.shown == s.limit ? "%llu rows; more with --limit N (0: all)" : "%llu rows",
		       (unsigned long long)s.shown);
	oc_arena_free(s.arena);
	return rc;
}

static const struct oc_flag flags[] = {
	{.name = "train", .type = OC_OPT_BOOL, .help = "rows of the train split (the default)"},
	{.name = "test", .type = OC_OPT_BOOL, .help = "held-out rows, the test split"},
	{.name = "rejected", .type = OC_OPT_BOOL, .help = "rows that fell"},
	{.name = "held", .type = OC_OPT_BOOL, .help = "rows that wait for people"},
	{.name = "unused", .type = OC_OPT_BOOL, .help = "good rows for which there was no place"},
	{.name = "reason",
         .type = OC_OPT_STR,
         .arg = "RULE",
         .help = "only rows that fell or wait for this rule: wrong_answer"},
	{.name = "step",
         .type = OC_OPT_STR,
         .arg = "STEP",
         .help = "only rows that fell or wait at this step"},
	{.name = "source",
         .type = OC_OPT_STR,
         .arg = "NAME",
         .help = "only rows of this source or recipe"},
	{.name = "limit",
         .letter = 'n',
         .type = OC_OPT_INT,
         .arg = "N",
         .help = "rows to show, 0 = all",
         .def = "20; all with --json",
         .min = 0,
         .max = 1e15},
	{0},
};

const struct oc_verb oc_verb_show = {
	.name = "show",
	.help = "rows of a run, with where they are and why",
	.usage = "RUN [options]",
	.doc = "Prints rows from the files of a run folder: the train split, or what --rejected, "
	       "--held, --unused and --test choose (together, if several are given). With --json, "
	       "one object a line: {place, line, key, step, rule, row, lineage}.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
