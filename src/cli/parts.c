#include "cli/parts.h"

#include <math.h>

#include "data/yaml.h"
#include "generate/recipe.h"
#include "plan/plan.h"
#include "plan/presets.h"

const struct oc_part_kind oc_part_kinds[] = {
	{"stages", "stage", "Stages: what can stand under `verify:` and `curate:`"},
	{"presets", "preset", "Presets: `- preset: NAME` there, or `--do preset:NAME`"},
	{"sources", "source", "Sources: `type:` under `sources:`"},
	{"recipes", "recipe", "Recipes: what can stand under `generate:`"},
	{"llms", "llm", "Language models: `type:` under `models:`"},
	{"models", "model", "Models that rehearsals fit"},
	{"trainers", "outcross train", "What `outcross train` makes"},
};

/* A built-in recipe as a part. Its strings live in `a`. */
static bool recipe_at(struct oc_arena *a, size_t i, struct oc_part *p)
{
	const char *name = oc_recipe_name((unsigned)i);
	struct oc_err err = {0};
	yyjson_val *recipe;

	if (!name)
		return false;
	recipe = oc_yaml_parse(a, oc_str(oc_recipe_builtin(oc_str(name))), name, NULL, &err);
	*p = (struct oc_part){.name = name,
	                      .help = oc_arena_str(a, oc_json_get_str(recipe, "help")).p,
	                      .options = recipe ? oc_recipe_options(a, recipe, &err) : NULL};
	return true;
}

/* A preset as a part; its steps are the last paragraph. */
static bool preset_at(struct oc_arena *a, size_t i, struct oc_part *p)
{
	const struct oc_preset *preset = &oc_presets[i];
	struct oc_buf doc = {0};
	const char *step;

	if (!preset->name)
		return false;
	oc_buf_printf(&doc, "%s\n\n", preset->doc);
	for (unsigned k = 0; (step = oc_preset_step(a, preset, k, OC_LIT("text"))) != NULL; k++)
		oc_buf_printf(&doc, "%s`%s`", k ? ", " : "It stands for ", step);
	oc_buf_puts(&doc, ". Another field: `- preset: {of: NAME, field: FIELD}`.");
	*p = (struct oc_part){.name = preset->name,
	                      .help = preset->help,
	                      .doc = oc_arena_str(a, oc_buf_view(&doc)).p};
	oc_buf_fini(&doc);
	return true;
}

bool oc_part_at(struct oc_arena *a, int kind, size_t i, struct oc_part *p)
{
#define TAKE(table)                                                                                \
	if (!(table)[i])                                                                           \
		return false;                                                                      \
	*p = (struct oc_part){(table)[i]->name, (table)[i]->help, (table)[i]->doc,                 \
	                      (table)[i]->options};                                                \
	return true

	switch (kind) {
	case OC_PART_STAGES: TAKE(oc_stages);
	case OC_PART_PRESETS: return preset_at(a, i, p);
	case OC_PART_SOURCES: TAKE(oc_sources);
	case OC_PART_RECIPES: return recipe_at(a, i, p);
	case OC_PART_MODELS: TAKE(oc_models);
	case OC_PART_TRAINERS: TAKE(oc_trainers);
	default: TAKE(oc_llms);
	}
#undef TAKE
}

/* ------------------------------------------------------------ flags, options */

void oc_flag_name(struct oc_buf *b, const struct oc_flag *f)
{
	if (f->letter)
		oc_buf_printf(b, "-%c, ", f->letter);
	oc_buf_printf(b, "--%s", f->name);
	if (f->type != OC_OPT_BOOL)
		oc_buf_printf(b, " %s", f->arg ? f->arg : "VALUE");
}

/* "a|b|c" as "a, b, c", so that it can be wrapped. */
static void choice_list(struct oc_buf *b, const char *choices)
{
	for (; *choices; choices++)
		*choices == '|' ? oc_buf_puts(b, ", ") : oc_buf_putc(b, *choices);
}

void oc_flag_text(struct oc_buf *b, const struct oc_flag *f)
{
	oc_buf_puts(b, f->help);
	if (f->type == OC_OPT_ENUM) {
		oc_buf_puts(b, " (one of ");
		choice_list(b, f->choices);
		oc_buf_putc(b, ')');
	}
	if (f->type == OC_OPT_STRS)
		oc_buf_puts(b, " (may be given often)");
	if (f->def)
		oc_buf_printf(b, " [%s]", f->def);
}

static const char *type_name(const struct oc_option *o)
{
	switch (o->type) {
	case OC_OPT_BOOL: return "true or false";
	case OC_OPT_INT: return "whole number";
	case OC_OPT_NUM: return "number";
	case OC_OPT_STR: return "text";
	case OC_OPT_ENUM: return "one of";
	case OC_OPT_BYTES: return "size (512MB, 1GiB)";
	case OC_OPT_DURATION: return "time (30s, 5m, 2h)";
	case OC_OPT_FIELD: return "field of the row";
	case OC_OPT_PATH: return "file";
	case OC_OPT_MODEL: return "name under `models:`";
	case OC_OPT_STRS: return "list of texts";
	case OC_OPT_MAP: return "mapping";
	case OC_OPT_TABLE: return "mapping";
	case OC_OPT_TABLES: return "list of mappings";
	case OC_OPT_STAGES: return "list of stages";
	case OC_OPT_ANY: return "any value";
	}
	return "";
}

/* "whole number, 1 to 1000 words" */
void oc_option_type(struct oc_buf *b, const struct oc_option *o)
{
	/* A bound nobody can reach is none. */
	bool lo = isfinite(o->min), hi = isfinite(o->max) && o->max < 1e15;
	bool range = o->min < o->max && o->type != OC_OPT_BYTES;

	oc_buf_puts(b, type_name(o));
	if (o->type == OC_OPT_ENUM) {
		oc_buf_putc(b, ' ');
		choice_list(b, o->choices);
	} else if (lo && hi && range) {
		oc_buf_printf(b, ", %.15g to %.15g", o->min, o->max);
	} else if (lo && !hi && o->type != OC_OPT_BYTES) {
		oc_buf_printf(b, ", at least %.15g", o->min);
	} else if (hi && !lo) {
		oc_buf_printf(b, ", at most %.15g", o->max);
	}
	if (o->unit)
		oc_buf_printf(b, " %s", o->unit);
}

/* Is there a default worth showing? An empty string or table is none. */
bool oc_option_has_default(const struct oc_option *o)
{
	return o->def && *o->def && strcmp(o->def, "\"\"") != 0 && strcmp(o->def, "{}") != 0 &&
	       strcmp(o->def, "[]") != 0;
}

void oc_option_text(struct oc_buf *b, const struct oc_option *o)
{
	oc_buf_puts(b, o->help ? o->help : "");
	oc_buf_puts(b, " (");
	oc_option_type(b, o);
	if (o->required)
		oc_buf_puts(b, "; required");
	oc_buf_putc(b, ')');
	if (oc_option_has_default(o))
		oc_buf_printf(b, " [%s]", o->def);
}
