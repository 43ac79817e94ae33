/*
 * hold: what nothing can check waits for people.
 *
 * A row that no calculator, schema or quote can decide is not right because nobody objected. This
 * stage says so: it holds every machine-made row that reaches it (or those where a field has a
 * given value), and only a person lets it through.
 */
#include <stdlib.h>

#include "base/err.h"
#include "data/row.h"

struct hold {
	const char *name;
	struct oc_str field, equals;
	bool real;
};

static int hold_open(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct hold *h = oc_zalloc(1, sizeof *h);

	(void)err;
	h->name = env->name;
	h->field = oc_json_get_str(opts, "field");
	h->equals = oc_json_get_str(opts, "equals");
	h->real = oc_json_get_bool(opts, "real", false);
	*self = h;
	return 0;
}

static void hold_close(void *self)
{
	free(self);
}

static int hold_row(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct hold *h = self;
	struct oc_str value;

	(void)scratch;
	(void)err;
	if (row->ped.origin == OC_REAL && !h->real)
		return 0;
	if (h->field.len && (!oc_row_field(row, h->field, &value) || !oc_str_eq(value, h->equals)))
		return 0;
	oc_row_hold(row, h->name, "unchecked", OC_LIT(""));
	return 0;
}

static const struct oc_option options[] = {
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "",
         .help = "hold only rows where this field is `equals`; empty: all of them"},
	{.key = "equals", .type = OC_OPT_STR, .def = "", .help = "the value of `field`"},
	{.key = "real", .type = OC_OPT_BOOL, .def = "false", .help = "hold real rows too"},
	{0},
};

const struct oc_stage_def oc_stage_hold = {
	.size = sizeof(struct oc_stage_def),
	.name = "hold",
	.help = "machine-made rows wait for people, since nothing can check them",
	.doc = "Every machine-made row that reaches this stage is held as `unchecked` and "
	       "goes to the review queue; `outcross review RUN` lets people accept, reject "
	       "or edit it.\n\n"
	       "Cost: people's time. Source: none; a plan should say that nothing checks "
	       "these rows.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.open = hold_open,
	.close = hold_close,
	.row = hold_row,
};
