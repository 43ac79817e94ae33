/* plan.c: the tables of the plan's own keys, its hash, and a plan written out in full. */
#include "plan/plan.h"

#include <math.h>
#include <stdlib.h>

#include "data/format.h"
#include "data/yaml.h"
#include "mix/mix.h"
#include "plan/reader.h"

static const struct oc_option price_options[] = {
	{.key = "prompt",
         .type = OC_OPT_NUM,
         .def = "0",
         .min = 0,
         .max = NAN,
         .unit = "money per million tokens",
         .help = "what prompt tokens cost",
         .affects = OC_AFFECTS_SPEED},
	{.key = "completion",
         .type = OC_OPT_NUM,
         .def = "0",
         .min = 0,
         .max = NAN,
         .unit = "money per million tokens",
         .help = "what completion tokens cost",
         .affects = OC_AFFECTS_SPEED},
	{0},
};

const struct oc_option oc_model_common[] = {
	{.key = "type",
         .type = OC_OPT_STR,
         .required = true,
         .help = "how the model is reached; `outcross help llms` lists the ways"},
	{.key = "price",
         .type = OC_OPT_TABLE,
         .table = price_options,
         .def = "{}",
         .help = "list price, for forecasts and `budget: money`",
         .affects = OC_AFFECTS_SPEED},
	{.key = "depth",
         .type = OC_OPT_INT,
         .min = 0,
         .max = 1000,
         .help = "model generations in its own training data; unknown counts as at least 1"},
	{0},
};

const struct oc_option oc_source_common[] = {
	{.key = "type",
         .type = OC_OPT_STR,
         .help = "kind of source; without it, told from the file's name"},
	{.key = "origin",
         .type = OC_OPT_ENUM,
         .choices = "real|synthetic|unknown",
         .help = "who wrote the rows; `real` needs `collected` before 2022-11 or `attest`"},
	{.key = "collected",
         .type = OC_OPT_STR,
         .help = "when the rows were written or gathered: 2021, 2021-10 or 2021-10-01"},
	{.key = "attest",
         .type = OC_OPT_ANY,
         .help = "who vouches that people wrote the rows, and how they know: {who, how}"},
	{.key = "license",
         .type = OC_OPT_STR,
         .help = "SPDX name; inherited by every row made of it"},
	{.key = "format",
         .type = OC_OPT_ENUM,
         .choices = OC_FORMAT_CHOICES,
         .help = "what the rows are; without it, as they are"},
	{.key = "id",
         .type = OC_OPT_FIELD,
         .def = "",
         .help = "field with your own label of a row"},
	{.key = "use",
         .type = OC_OPT_ENUM,
         .choices = "rows|seeds",
         .def = "rows",
         .help = "seeds: recipes start from its rows, which go nowhere else; none is held out"},
	{0},
};

#define STEP_NAME                                                                                  \
	{                                                                                          \
		.key = "name", .type = OC_OPT_STR,                                                 \
		.help = "name of the step; without it the part's name, numbered when it repeats",  \
		.affects = OC_AFFECTS_SPEED                                                        \
	}

const struct oc_option oc_recipe_common[] = {STEP_NAME, {0}};

const struct oc_option oc_stage_common[] = {
	STEP_NAME,
	{.key = "on",
         .type = OC_OPT_ENUM,
         .choices = "all|real|made",
         .def = "all",
         .help = "rows it looks at: all, real ones, or made ones (synthetic and unknown)"},
	{0},
};

static const struct oc_option budget_options[] = {
	{.key = "money",
         .type = OC_OPT_NUM,
         .min = 1e-6,
         .max = NAN,
         .help = "at list price, in the currency of `price`",
         .affects = OC_AFFECTS_SPEED},
	{.key = "tokens",
         .type = OC_OPT_INT,
         .min = 1,
         .max = NAN,
         .unit = "tokens",
         .help = "prompt and completion together; 2M is two million",
         .affects = OC_AFFECTS_SPEED},
	{.key = "requests",
         .type = OC_OPT_INT,
         .min = 1,
         .max = NAN,
         .unit = "requests",
         .help = "requests sent, retries included",
         .affects = OC_AFFECTS_SPEED},
	{.key = "hours",
         .type = OC_OPT_NUM,
         .min = 1e-6,
         .max = NAN,
         .unit = "hours",
         .help = "wall time of the run",
         .affects = OC_AFFECTS_SPEED},
	{0},
};

static const struct oc_option holdout_options[] = {
	{.key = "share",
         .type = OC_OPT_NUM,
         .def = "0.1",
         .min = 0,
         .max = 0.9,
         .help = "share of the real rows that is held out"},
	{.key = "min",
         .type = OC_OPT_INT,
         .def = "500",
         .min = 0,
         .max = 1e9,
         .unit = "rows",
         .help = "at least so many"},
	{.key = "max_share",
         .type = OC_OPT_NUM,
         .def = "0.3333333333333333",
         .min = 0,
         .max = 0.9,
         .help = "but never more than this share"},
	{.key = "by",
         .type = OC_OPT_STR,
         .def = "row",
         .help = "what is drawn as a whole: row, document, cluster (near-duplicates), or the "
                 "name of a field"},
	{0},
};

static const struct oc_option review_options[] = {
	{.key = "mode",
         .type = OC_OPT_ENUM,
         .choices = "none|undecided|all|sample",
         .def = "none",
         .help = "which rows wait for people before the run ends"},
	{.key = "confidence",
         .type = OC_OPT_NUM,
         .def = "0.95",
         .min = 0.5,
         .max = 0.9999,
         .help = "of `sample`: how sure to be that fewer rows than `limit` are bad"},
	{.key = "limit",
         .type = OC_OPT_NUM,
         .def = "0.05",
         .min = 0.0001,
         .max = 0.5,
         .help = "of `sample`: share of bad rows that would be too many"},
	{0},
};

static const struct oc_option output_options[] = {
	{.key = "format",
         .type = OC_OPT_ENUM,
         .choices = OC_FORMAT_CHOICES,
         .help = "what the rows become; without it, as they are"},
	{.key = "files",
         .type = OC_OPT_ENUM,
         .choices = "jsonl|parquet",
         .def = "jsonl",
         .help = "kind of the files in out/data; Parquet needs DuckDB's library (`outcross doctor "
                 "--fix`)"},
	{.key = "columns",
         .type = OC_OPT_STRS,
         .help = "the members every row has in the end, others are left out; one that a row lacks "
                 "is null"},
	{0},
};

static const struct oc_option report_options[] = {
	{.key = "group_by",
         .type = OC_OPT_FIELD,
         .help = "a field, such as the language or the source's site, by whose values the report "
                 "says how many rows each stage let fall"},
	{0},
};

const struct oc_option oc_plan_options[] = {
	{.key = "outcross",
         .type = OC_OPT_INT,
         .required = true,
         .min = 1,
         .max = 1e9,
         .help = "version of the plan's language: 1"},
	{.key = "name",
         .type = OC_OPT_STR,
         .affects = OC_AFFECTS_SPEED,
         .help = "name of the run's folder; without it the file's name"},
	{.key = "seed",
         .type = OC_OPT_INT,
         .def = "1",
         .min = 0,
         .max = 1.8446744073709552e19,
         .help = "of every random draw"},
	{.key = "memory",
         .type = OC_OPT_BYTES,
         .def = "1GB",
         .min = 16e6,
         .max = 1e15,
         .affects = OC_AFFECTS_SPEED,
         .help = "what sorting and indexes may hold"},
	{.key = "on_bad_row",
         .type = OC_OPT_ENUM,
         .choices = "stop|reject",
         .def = "reject",
         .help = "a row that cannot be read ends the run, or is rejected with its bytes"},
	{.key = "max_row",
         .type = OC_OPT_BYTES,
         .def = "256MB",
         .min = 1,
         .max = 4e9,
         .help = "longer rows are bad rows"},
	{.key = "cache",
         .type = OC_OPT_PATH,
         .def = ".outcross/replies",
         .affects = OC_AFFECTS_SPEED,
         .help = "folder of every reply ever paid for, beside the plan"},
	{.key = "max_failed",
         .type = OC_OPT_NUM,
         .def = "0.1",
         .min = 0,
         .max = 1,
         .affects = OC_AFFECTS_SPEED,
         .help = "share of requests that may fail before the run stops; the first 20 are forgiven"},
	{.key = "models",
         .type = OC_OPT_MAP,
         .help = "language models by name",
         .table = oc_model_common},
	{.key = "budget",
         .type = OC_OPT_TABLE,
         .table = budget_options,
         .def = "{}",
         .affects = OC_AFFECTS_SPEED,
         .help = "hard caps on spending; none by default"},
	{.key = "sources",
         .type = OC_OPT_MAP,
         .required = true,
         .help = "real and other rows, by name",
         .table = oc_source_common},
	{.key = "allow_licenses",
         .type = OC_OPT_STRS,
         .help = "every source must have one of these licences"},
	{.key = "holdout",
         .type = OC_OPT_TABLE,
         .table = holdout_options,
         .def = "{}",
         .help = "real rows that nothing may see, drawn before anything else; `none`: no rows"},
	{.key = "generate", .type = OC_OPT_STAGES, .help = "recipes that make rows"},
	{.key = "verify", .type = OC_OPT_STAGES, .help = "stages that check them"},
	{.key = "curate", .type = OC_OPT_STAGES, .help = "stages that clean and choose"},
	{.key = "review",
         .type = OC_OPT_TABLE,
         .table = review_options,
         .def = "{}",
         .help = "what people look at: none, undecided, all, or {sample: {confidence, limit}}"},
	{.key = "mix",
         .type = OC_OPT_TABLE,
         .table = oc_mix_options,
         .help = "how much of what goes into the data set; without it, every row that survives"},
	{.key = "rehearse",
         .type = OC_OPT_MAP,
         .affects = OC_AFFECTS_SPEED,
         .help = "what becomes of models trained on models: loops on the plan's own rows"},
	{.key = "report",
         .type = OC_OPT_TABLE,
         .table = report_options,
         .help = "what the report counts besides"},
	{.key = "output",
         .type = OC_OPT_TABLE,
         .table = output_options,
         .def = "{}",
         .help = "the shape of the rows in out/"},
	{0},
};

void oc_plan_free(struct oc_plan *plan)
{
	if (!plan)
		return;
	oc_arena_free(plan->arena);
}

/* -------------------------------------------------------------------- hash */

/* Members of `v` whose options affect rows, as JSON. */
static void affecting(struct oc_buf *b, const struct oc_option *table, yyjson_val *v)
{
	size_t i, n;
	yyjson_val *key, *val;
	bool first = true;

	oc_buf_putc(b, '{');
	yyjson_obj_foreach(v, i, n, key, val)
	{
		const struct oc_option *o = oc_opts_find(table, oc_json_str(key));
		if (o && o->affects != OC_AFFECTS_ROWS)
			continue;
		if (!first)
			oc_buf_putc(b, ',');
		first = false;
		oc_json_write(b, key);
		oc_buf_putc(b, ':');
		if (o && o->table && yyjson_is_obj(val) && o->type == OC_OPT_TABLE)
			affecting(b, o->table, val);
		else
			oc_json_write(b, val);
	}
	oc_buf_putc(b, '}');
}

static void affecting_steps(struct oc_buf *b, const struct oc_plan_step *steps, unsigned n)
{
	oc_buf_putc(b, '[');
	for (unsigned i = 0; i < n; i++) {
		/* A recipe is what it does, wherever its file lies. */
		struct oc_str recipe = oc_json_get_str(steps[i].opts, "recipe");
		oc_buf_puts(b, i ? ",{" : "{");
		oc_buf_json(b, steps[i].def ? oc_str(steps[i].part) : recipe);
		oc_buf_putc(b, ':');
		affecting(b, steps[i].options, steps[i].opts);
		oc_buf_printf(b, ",\"on\":%d}", (int)steps[i].on);
	}
	oc_buf_putc(b, ']');
}

struct oc_hash128 oc_plan_hash(const struct oc_plan *plan)
{
	struct oc_buf b = {0}, canonical = {0};
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	struct oc_hash128 hash;
	size_t i, n;
	yyjson_val *key, *val;

	oc_buf_puts(&b, "{\"models\":{");
	for (unsigned m = 0; m < plan->model_n; m++) {
		const struct oc_plan_model *model = &plan->models[m];
		oc_buf_puts(&b, m ? "," : "");
		oc_buf_json(&b, oc_str(model->name));
		oc_buf_printf(&b, ":{\"type\":\"%s\",\"depth\":%u,\"at_least\":%d,\"opts\":",
		              model->def->name, model->depth, model->depth_at_least);
		affecting(&b, model->def->options, model->opts);
		oc_buf_putc(&b, '}');
	}
	oc_buf_puts(&b, "},\"sources\":[");
	for (unsigned s = 0; s < plan->source_n; s++) {
		const struct oc_plan_source *source = &plan->sources[s];
		oc_buf_puts(&b, s ? ",{\"name\":" : "{\"name\":");
		oc_buf_json(&b, oc_str(source->name));
		oc_buf_printf(&b, ",\"type\":\"%s\",\"origin\":%d,\"lineage\":%d,\"licence\":",
		              source->def->name, source->origin, source->lineage);
		oc_buf_json(&b, source->licence);
		oc_buf_puts(&b, ",\"format\":");
		oc_buf_json(&b, source->format);
		oc_buf_puts(&b, ",\"id\":");
		oc_buf_json(&b, source->id);
		oc_buf_puts(&b, ",\"collected\":"); /* it and attest stand on the card */
		oc_buf_json(&b, source->collected);
		oc_buf_puts(&b, ",\"attest\":");
		oc_buf_json(&b, source->attest);
		oc_buf_printf(&b, ",\"seeds_only\":%d", source->seeds_only);
		oc_buf_puts(&b, ",\"opts\":");
		affecting(&b, source->def->options, source->opts);
		oc_buf_putc(&b, '}');
	}
	oc_buf_puts(&b, "],\"generate\":");
	affecting_steps(&b, plan->generate, plan->generate_n);
	oc_buf_puts(&b, ",\"verify\":");
	affecting_steps(&b, plan->verify, plan->verify_n);
	oc_buf_puts(&b, ",\"curate\":");
	affecting_steps(&b, plan->curate, plan->curate_n);
	yyjson_obj_foreach(plan->resolved, i, n, key, val)
	{
		const struct oc_option *o = oc_opts_find(oc_plan_options, oc_json_str(key));
		/* Maps of parts and lists of steps stand above. */
		if (!o || o->affects != OC_AFFECTS_ROWS || o->type == OC_OPT_MAP ||
		    o->type == OC_OPT_STAGES)
			continue;
		oc_buf_putc(&b, ',');
		oc_json_write(&b, key);
		oc_buf_putc(&b, ':');
		if (o->table && yyjson_is_obj(val))
			affecting(&b, o->table, val);
		else
			oc_json_write(&b, val);
	}
	oc_buf_putc(&b, '}');
	val = oc_json_parse(a, oc_buf_view(&b), &err);
	if (val)
		oc_json_canonical(&canonical, val);
	hash = oc_hash128(canonical.p, canonical.len);
	oc_arena_free(a);
	oc_buf_fini(&b);
	oc_buf_fini(&canonical);
	return hash;
}

void oc_plan_write(struct oc_buf *b, const struct oc_plan *plan)
{
	oc_yaml_write(b, plan->resolved, 0);
}
