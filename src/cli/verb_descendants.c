/* verb_descendants.c: `outcross descendants RUN WHAT`: all rows that came of something. */
#include <stdlib.h>

#include "cli/rows.h"
#include "cli/verb.h"

struct list {
	const struct oc_key_set *set;
	uint64_t n[OC_PLACE_N];
	bool json;
};

static int row(void *user, const struct oc_found *f, struct oc_err *err)
{
	struct list *l = user;
	struct oc_buf out = {0};
	int rc;

	if (!oc_key_set_has(l->set, f->key))
		return 0;
	l->n[f->place]++;
	if (l->json) {
		oc_rows_json(&out, f);
	} else {
		oc_buf_printf(&out, "%.*s\t%s", OC_ARG(f->key), oc_place_name(f->place));
		if (f->place <= OC_TEST)
			oc_buf_printf(&out, ":%llu", (unsigned long long)f->line);
		if (f->step.len)
			oc_buf_printf(&out, "\t%.*s/%.*s", OC_ARG(f->step), OC_ARG(f->rule));
		oc_buf_putc(&out, '\n');
	}
	rc = oc_cli_out(&out, err);
	oc_buf_fini(&out);
	return rc;
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	const char *dir = cli->operands[0];
	struct list l = {.json = cli->json};
	struct oc_key_set *set;
	int rc;

	if (oc_lookup_descend(&set, dir, cli->operands[1], false, err))
		return -1;
	l.set = set;
	rc = oc_lookup_each(dir, OC_EVERYWHERE, row, &l, err);
	if (!rc && !cli->json)
		oc_log(cli->ctx, OC_LOG_INFO,
		       "%llu rows: %llu train, %llu test, %llu held, %llu rejected, %llu unused",
		       (unsigned long long)oc_key_set_len(set), (unsigned long long)l.n[OC_TRAIN],
		       (unsigned long long)l.n[OC_TEST], (unsigned long long)l.n[OC_HELD_BACK],
		       (unsigned long long)l.n[OC_FELL], (unsigned long long)l.n[OC_LEFT_OVER]);
	oc_key_set_free(set);
	return rc;
}

static const struct oc_flag flags[] = {{0}};

const struct oc_verb oc_verb_descendants = {
	.name = "descendants",
	.help = "all rows that came of a row, source, request or model",
	.usage = "RUN WHAT",
	.doc = "WHAT is a row's key, the name of a source, recipe or model, a source's file, or a "
	       "request's key (its first 8 digits do). Prints key and place of every row that "
	       "descends from it, over any number of generations; with --json the rows themselves. "
	       "`outcross retract` rebuilds a data set without them.",
	.flags = flags,
	.operand_min = 2,
	.operand_max = 2,
	.run = run,
};
