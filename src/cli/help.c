/*
 * help.c: help texts, man page, completions and the manual's reference. Nothing here is written
 * twice: verbs come from oc_verbs, parts from the registry, keys of the plan from its own table.
 */
#include <math.h>
#include <stdio.h>

#include "cli/verb.h"
#include "data/opts.h"
#include "data/yaml.h"
#include "generate/recipe.h"
#include "plan/plan.h"
#include "plan/presets.h"

#define WIDTH  92 /* columns of a help text */
#define INDENT 26 /* column at which explanations begin */

/* ------------------------------------------------------------------ pieces */

/* Appends `text` broken at white space; lines after the first begin at column `indent`. */
static void wrap(struct oc_buf *b, const char *text, size_t column, size_t indent)
{
	while (*text) {
		size_t len = strcspn(text, " \n");
		if (column > indent && column + len + 1 > WIDTH) {
			oc_buf_putc(b, '\n');
			column = 0;
		}
		if (column < indent) {
			oc_buf_printf(b, "%*s", (int)(indent - column), "");
			column = indent;
		} else if (column > indent) {
			oc_buf_putc(b, ' ');
			column++;
		}
		oc_buf_add(b, text, len);
		column += len;
		text += len;
		while (*text == ' ' || *text == '\n')
			text++;
	}
	oc_buf_putc(b, '\n');
}

/* A name, then its explanation at column INDENT. */
static void entry(struct oc_buf *b, const char *name, const char *text)
{
	size_t len = strlen(name);

	oc_buf_printf(b, "  %s", name);
	if (len + 4 > INDENT) {
		oc_buf_putc(b, '\n');
		wrap(b, text ? text : "", 0, INDENT);
		return;
	}
	wrap(b, text ? text : "", len + 2, INDENT);
}

/* Paragraphs parted by empty lines. */
static void paragraphs(struct oc_buf *b, const char *doc, size_t indent)
{
	while (doc && *doc) {
		const char *end = strstr(doc, "\n\n");
		size_t len = end ? (size_t)(end - doc) : strlen(doc);
		struct oc_buf one = {0};

		oc_buf_add(&one, doc, len);
		wrap(b, oc_buf_cstr(&one), 0, indent);
		oc_buf_fini(&one);
		doc += len;
		while (*doc == '\n')
			doc++;
		if (*doc)
			oc_buf_putc(b, '\n');
	}
}

static void flag_name(struct oc_buf *b, const struct oc_flag *f)
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

static void flag_text(struct oc_buf *b, const struct oc_flag *f)
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

static void flag_entries(struct oc_buf *b, const struct oc_flag *f)
{
	for (; f && f->name; f++) {
		struct oc_buf name = {0}, text = {0};
		if (!f->letter)
			oc_buf_puts(&name, "    ");
		flag_name(&name, f);
		flag_text(&text, f);
		entry(b, oc_buf_cstr(&name), oc_buf_cstr(&text));
		oc_buf_fini(&name);
		oc_buf_fini(&text);
	}
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
static void option_type(struct oc_buf *b, const struct oc_option *o)
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
static bool has_default(const struct oc_option *o)
{
	return o->def && *o->def && strcmp(o->def, "\"\"") != 0 && strcmp(o->def, "{}") != 0 &&
	       strcmp(o->def, "[]") != 0;
}

static void option_text(struct oc_buf *b, const struct oc_option *o)
{
	oc_buf_puts(b, o->help ? o->help : "");
	oc_buf_puts(b, " (");
	option_type(b, o);
	if (o->required)
		oc_buf_puts(b, "; required");
	oc_buf_putc(b, ')');
	if (has_default(o))
		oc_buf_printf(b, " [%s]", o->def);
}

static void option_entries(struct oc_buf *b, const struct oc_option *o, const char *prefix)
{
	for (; o && o->key; o++) {
		struct oc_buf name = {0}, text = {0};
		oc_buf_printf(&name, "%s%s", prefix, o->key);
		option_text(&text, o);
		entry(b, oc_buf_cstr(&name), oc_buf_cstr(&text));
		if (o->table) {
			oc_buf_puts(&name, o->type == OC_OPT_MAP ? ".NAME." : ".");
			option_entries(b, o->table, oc_buf_cstr(&name));
		}
		oc_buf_fini(&name);
		oc_buf_fini(&text);
	}
}

/* ------------------------------------------------------------------- parts */

/* What the four tables have in common. */
struct part {
	const char *name, *help, *doc;
	const struct oc_option *options;
};

enum { STAGES, PRESETS, SOURCES, RECIPES, LLMS, MODELS, TRAINERS, KIND_N };

static const struct {
	const char *list, *one, *title;
} kinds[KIND_N] = {
	{"stages", "stage", "Stages: what can stand under `verify:` and `curate:`"},
	{"presets", "preset", "Presets: `- preset: NAME` there, or `--do preset:NAME`"},
	{"sources", "source", "Sources: `type:` under `sources:`"},
	{"recipes", "recipe", "Recipes: what can stand under `generate:`"},
	{"llms", "llm", "Language models: `type:` under `models:`"},
	{"models", "model", "Models that rehearsals fit"},
	{"trainers", "outcross train", "What `outcross train` makes"},
};

/* A built-in recipe as a part. Its strings live in `a`. */
static bool recipe_at(struct oc_arena *a, size_t i, struct part *p)
{
	const char *name = oc_recipe_name((unsigned)i);
	struct oc_err err = {0};
	yyjson_val *recipe;

	if (!name)
		return false;
	recipe = oc_yaml_parse(a, oc_str(oc_recipe_builtin(oc_str(name))), name, NULL, &err);
	*p = (struct part){.name = name,
	                   .help = oc_arena_str(a, oc_json_get_str(recipe, "help")).p,
	                   .options = recipe ? oc_recipe_options(a, recipe, &err) : NULL};
	return true;
}

/* A preset as a part; its steps are the last paragraph. */
static bool preset_at(struct oc_arena *a, size_t i, struct part *p)
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
	*p = (struct part){.name = preset->name,
	                   .help = preset->help,
	                   .doc = oc_arena_str(a, oc_buf_view(&doc)).p};
	oc_buf_fini(&doc);
	return true;
}

static bool part_at(struct oc_arena *a, int kind, size_t i, struct part *p)
{
#define TAKE(table)                                                                                \
	if (!(table)[i])                                                                           \
		return false;                                                                      \
	*p = (struct part){(table)[i]->name, (table)[i]->help, (table)[i]->doc,                    \
	                   (table)[i]->options};                                                   \
	return true

	switch (kind) {
	case STAGES: TAKE(oc_stages);
	case PRESETS: return preset_at(a, i, p);
	case SOURCES: TAKE(oc_sources);
	case RECIPES: return recipe_at(a, i, p);
	case MODELS: TAKE(oc_models);
	case TRAINERS: TAKE(oc_trainers);
	default: TAKE(oc_llms);
	}
#undef TAKE
}

static void part_help(struct oc_buf *b, int kind, const struct part *p)
{
	oc_buf_printf(b, "%s (%s): %s\n", p->name, kinds[kind].one, p->help ? p->help : "");
	if (p->doc) {
		oc_buf_putc(b, '\n');
		paragraphs(b, p->doc, 0);
	}
	if (p->options && p->options->key) {
		oc_buf_puts(b, "\nOptions:\n");
		option_entries(b, p->options, "");
	}
}

static void part_list(struct oc_buf *b, struct oc_arena *a, int kind)
{
	struct part p;

	oc_buf_printf(b, "%s:\n", kinds[kind].title);
	for (size_t i = 0; part_at(a, kind, i, &p); i++)
		entry(b, p.name, p.help);
}

/* What a part's text says behind these words: to the end of the sentence, or of the paragraph. */
static struct oc_str said(const char *doc, const char *words, bool sentence)
{
	const char *p = doc ? strstr(doc, words) : NULL, *end;

	if (!p)
		return (struct oc_str){NULL, 0};
	p += strlen(words);
	for (end = p; *end && *end != '\n' && !(sentence && end[0] == '.' && end[1] == ' '); end++)
		;
	return (struct oc_str){p, (size_t)(end - p) - (end > p && end[-1] == '.')};
}

void oc_help_stages(struct oc_buf *b)
{
	static const char *const kinds_of_stage[] = {[OC_STAGE_ROW] = "row",
	                                             [OC_STAGE_ORDERED] = "ordered",
	                                             [OC_STAGE_CALL] = "call",
	                                             [OC_STAGE_WHOLE] = "whole"};

	oc_buf_puts(b, "Stages, and what each kind costs:\n");
	entry(b, "row", "one row at a time, on all threads");
	entry(b, "ordered", "rows in their order, on one thread");
	entry(b, "call", "asks a model about each row");
	entry(b, "whole", "sees every row before it decides: two passes, within --memory");
	oc_buf_putc(b, '\n');
	for (size_t i = 0; oc_stages[i]; i++) {
		const struct oc_stage_def *d = oc_stages[i];
		struct oc_buf text = {0};
		struct oc_str cost = said(d->doc, "Cost: ", true);
		struct oc_str source = said(d->doc, "Source: ", false);
		oc_buf_printf(&text, "(%s) %s", kinds_of_stage[d->kind], d->help);
		if (cost.len)
			oc_buf_printf(&text, ". Cost: %.*s", OC_ARG(cost));
		if (source.len)
			oc_buf_printf(&text, ". Source: %.*s", OC_ARG(source));
		entry(b, d->name, oc_buf_cstr(&text));
		oc_buf_fini(&text);
	}
	oc_buf_puts(b, "\nPresets, as --do preset:NAME or `- preset: NAME` in a plan:\n");
	for (size_t i = 0; oc_presets[i].name; i++)
		entry(b, oc_presets[i].name, oc_presets[i].help);
	oc_buf_puts(b, "\n`outcross help STAGE` explains one and its options.\n");
}

/* --------------------------------------------------------------- help texts */

void oc_help_overview(struct oc_buf *b)
{
	oc_buf_puts(
		b,
		"Outcross turns your real rows and a model into a larger training set, shows for "
		"every row\nwhere it came from and what checked it, and shows on held-out real "
		"rows where adding\nmachine-made rows stops helping.\n\n"
		"usage: outcross VERB [options] [files]\n\n");
	for (size_t i = 0; oc_verbs[i]; i++)
		if (!oc_verbs[i]->hidden)
			entry(b, oc_verbs[i]->name, oc_verbs[i]->help);
	oc_buf_puts(
		b,
		"\n`outcross VERB --help` explains a verb; `outcross help plan-keys` the keys of "
		"a plan;\n`outcross help stages` (recipes, sources, llms, models) what can stand "
		"in one, and\n`outcross help trainers` what can be trained.\n");
}

void oc_help_verb(struct oc_buf *b, const struct oc_verb *verb)
{
	oc_buf_printf(b, "outcross %s: %s\n\nusage: outcross %s %s\n", verb->name, verb->help,
	              verb->name, verb->usage);
	if (verb->doc) {
		oc_buf_putc(b, '\n');
		paragraphs(b, verb->doc, 0);
	}
	oc_buf_puts(b, "\nOptions:\n");
	flag_entries(b, verb->flags);
	flag_entries(b, oc_common_flags);
}

static int topic_help(struct oc_buf *b, struct oc_arena *a, const char *topic, struct oc_err *err)
{
	const struct oc_verb *verb = oc_verb_find(oc_str(topic));
	const char *names[512];
	const char *near;
	size_t n = 0, found = 0;
	struct part p;

	if (verb && !verb->hidden) {
		oc_help_verb(b, verb);
		found++;
	}
	for (size_t i = 0; oc_verbs[i] && n < 512; i++)
		if (!oc_verbs[i]->hidden)
			names[n++] = oc_verbs[i]->name;
	if (strcmp(topic, "plan-keys") == 0) {
		oc_buf_puts(b, "Keys of a plan, in the order in which rows travel:\n");
		option_entries(b, oc_plan_options, "");
		return 0;
	}
	for (const struct oc_option *o = oc_plan_options; o->key; o++) {
		names[n++] = o->key;
		if (found || strcmp(topic, o->key) != 0)
			continue;
		oc_buf_printf(b, "%s (key of a plan): %s\n", o->key, o->help);
		if (o->table) {
			struct oc_buf prefix = {0};
			oc_buf_puts(b, "\nOptions:\n");
			oc_buf_printf(&prefix, "%s%s", o->key,
			              o->type == OC_OPT_MAP ? ".NAME." : ".");
			option_entries(b, o->table, oc_buf_cstr(&prefix));
			oc_buf_fini(&prefix);
		}
		found++;
	}
	for (int kind = 0; kind < KIND_N; kind++) {
		/* `sources` is a key of the plan, too. */
		if (strcmp(topic, kinds[kind].list) == 0) {
			if (found++)
				oc_buf_putc(b, '\n');
			part_list(b, a, kind);
		}
		for (size_t i = 0; part_at(a, kind, i, &p); i++) {
			if (n < 512)
				names[n++] = p.name;
			if (strcmp(p.name, topic) != 0)
				continue;
			if (found++)
				oc_buf_putc(b, '\n');
			part_help(b, kind, &p);
		}
	}
	if (found)
		return 0;
	near = oc_nearest(oc_str(topic), names, n);
	if (near)
		return oc_fail(err, OC_USAGE, "help", "nothing is called `%s`; did you mean `%s`?",
		               topic, near);
	return oc_fail(err, OC_USAGE, "help", "nothing is called `%s`; `outcross help` lists verbs",
	               topic);
}

int oc_help_topic(struct oc_buf *b, const char *topic, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	int rc = topic_help(b, a, topic, err);

	oc_arena_free(a);
	return rc;
}

/* ------------------------------------------------------- man page, completions */

/* roff: a backslash, and a dot or quote at the start of a line, must be escaped. */
static void roff(struct oc_buf *b, const char *text)
{
	bool start = true;

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			oc_buf_puts(b, "\\&");
		if (*text == '\\')
			oc_buf_puts(b, "\\e");
		else if (*text == '-')
			oc_buf_puts(b, "\\-");
		else
			oc_buf_putc(b, *text);
		start = *text == '\n';
	}
}

static void roff_flags(struct oc_buf *b, const struct oc_flag *f)
{
	for (; f && f->name; f++) {
		struct oc_buf name = {0}, text = {0};
		flag_name(&name, f);
		flag_text(&text, f);
		oc_buf_puts(b, ".TP\n.B ");
		roff(b, oc_buf_cstr(&name));
		oc_buf_putc(b, '\n');
		roff(b, oc_buf_cstr(&text));
		oc_buf_putc(b, '\n');
		oc_buf_fini(&name);
		oc_buf_fini(&text);
	}
}

static void roff_options(struct oc_buf *b, const struct oc_option *o, const char *prefix)
{
	for (; o && o->key; o++) {
		struct oc_buf name = {0}, text = {0};
		oc_buf_printf(&name, "%s%s", prefix, o->key);
		option_text(&text, o);
		oc_buf_puts(b, ".TP\n.B ");
		roff(b, oc_buf_cstr(&name));
		oc_buf_putc(b, '\n');
		roff(b, oc_buf_cstr(&text));
		oc_buf_putc(b, '\n');
		if (o->table) {
			oc_buf_puts(&name, o->type == OC_OPT_MAP ? ".NAME." : ".");
			roff_options(b, o->table, oc_buf_cstr(&name));
		}
		oc_buf_fini(&name);
		oc_buf_fini(&text);
	}
}

void oc_help_man(struct oc_buf *b)
{
	struct oc_arena *a = oc_arena_new();
	struct part p;

	oc_buf_puts(b,
	            ".TH OUTCROSS 1 \"\" \"outcross " OUTCROSS_VERSION "\"\n"
	            ".SH NAME\noutcross \\- synthetic training data with a pedigree\n"
	            ".SH SYNOPSIS\n.B outcross\n.I VERB\n[options] [files]\n.SH DESCRIPTION\n"
	            "Turns real rows and a model into a larger training set, keeps the pedigree "
	            "of every row,\nand measures on held\\-out real rows where machine\\-made rows "
	            "stop helping.\n.SH VERBS\n");
	for (size_t i = 0; oc_verbs[i]; i++) {
		const struct oc_verb *v = oc_verbs[i];
		if (v->hidden)
			continue;
		oc_buf_printf(b, ".SS ");
		roff(b, v->name);
		oc_buf_puts(b, " ");
		roff(b, v->usage);
		oc_buf_putc(b, '\n');
		roff(b, v->help);
		oc_buf_puts(b, ".\n");
		if (v->doc) {
			oc_buf_puts(b, ".PP\n");
			roff(b, v->doc);
			oc_buf_putc(b, '\n');
		}
		roff_flags(b, v->flags);
	}
	oc_buf_puts(b, ".SH COMMON OPTIONS\n");
	roff_flags(b, oc_common_flags);
	for (int kind = 0; kind < KIND_N; kind++) {
		oc_buf_puts(b, ".SH ");
		for (const char *c = kinds[kind].list; *c; c++)
			oc_buf_putc(b, (char)(*c - 'a' + 'A'));
		oc_buf_putc(b, '\n');
		for (size_t i = 0; part_at(a, kind, i, &p); i++) {
			oc_buf_puts(b, ".SS ");
			roff(b, p.name);
			oc_buf_putc(b, '\n');
			roff(b, p.help ? p.help : "");
			oc_buf_putc(b, '\n');
			roff_options(b, p.options, "");
		}
	}
	oc_buf_puts(b, ".SH PLAN KEYS\n");
	roff_options(b, oc_plan_options, "");
	oc_buf_puts(b, ".SH EXIT STATUS\n");
#define X(name, status, text) oc_buf_printf(b, ".TP\n.B %d\n%s (%s)\n", status, text, #name);
	OC_ERR_MAP(X)
#undef X
	oc_buf_puts(b, ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours on the terminal\n");
	oc_arena_free(a);
}

static void words(struct oc_buf *b, const struct oc_flag *f)
{
	for (; f && f->name; f++) {
		oc_buf_printf(b, " --%s", f->name);
		if (f->letter)
			oc_buf_printf(b, " -%c", f->letter);
	}
}

void oc_help_completions(struct oc_buf *b)
{
	struct oc_arena *a = oc_arena_new();
	oc_buf_puts(b, "# bash completion for outcross; made by `outcross help --completions`\n"
	               "_outcross() {\n"
	               "\tlocal word=${COMP_WORDS[COMP_CWORD]} verb= i options=\n"
	               "\tCOMPREPLY=()\n"
	               "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	               "\t\t[[ ${COMP_WORDS[i]} == -* ]] || { verb=${COMP_WORDS[i]}; break; }\n"
	               "\tdone\n"
	               "\tcase $verb in\n"
	               "\t'') options='");
	for (size_t i = 0; oc_verbs[i]; i++)
		if (!oc_verbs[i]->hidden)
			oc_buf_printf(b, "%s%s", i ? " " : "", oc_verbs[i]->name);
	oc_buf_puts(b, "' ;;\n");
	for (size_t i = 0; oc_verbs[i]; i++) {
		if (oc_verbs[i]->hidden)
			continue;
		oc_buf_printf(b, "\t%s) options='", oc_verbs[i]->name);
		words(b, oc_verbs[i]->flags);
		words(b, oc_common_flags);
		for (size_t k = 0; oc_verbs[i]->part && oc_trainers[k]; k++) {
			oc_buf_printf(b, " %s", oc_trainers[k]->name);
			for (const struct oc_option *o = oc_trainers[k]->options; o->key; o++)
				oc_buf_printf(b, " --%s", o->key);
		}
		if (strcmp(oc_verbs[i]->name, "help") == 0) {
			struct part p;
			for (size_t k = 0; oc_verbs[k]; k++)
				if (!oc_verbs[k]->hidden)
					oc_buf_printf(b, " %s", oc_verbs[k]->name);
			for (int kind = 0; kind < KIND_N; kind++)
				for (size_t k = 0; part_at(a, kind, k, &p); k++)
					oc_buf_printf(b, " %s", p.name);
		}
		oc_buf_puts(b, "' ;;\n");
	}
	oc_buf_puts(b, "\tesac\n"
	               "\tif [[ -z $verb || $word == -* || $verb == help ]]; then\n"
	               "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
	               "\tfi\n"
	               "}\n"
	               "complete -o default -F _outcross outcross\n");
	oc_arena_free(a);
}

/* ------------------------------------------------------------------ manual */

/* A cell of a Markdown table. */
static void cell(struct oc_buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			oc_buf_putc(b, '\\');
		oc_buf_putc(b, *text == '\n' ? ' ' : *text);
	}
}

static void manual_options(struct oc_buf *b, const struct oc_option *o, const char *prefix)
{
	for (; o && o->key; o++) {
		struct oc_buf type = {0}, name = {0};
		option_type(&type, o);
		oc_buf_printf(&name, "%s%s", prefix, o->key);
		oc_buf_printf(b, "| `%s` | ", oc_buf_cstr(&name));
		cell(b, oc_buf_cstr(&type));
		oc_buf_puts(b, " | ");
		if (o->required)
			oc_buf_puts(b, "required");
		else if (has_default(o)) {
			oc_buf_putc(b, '`');
			cell(b, o->def);
			oc_buf_putc(b, '`');
		}
		oc_buf_puts(b, " | ");
		cell(b, o->help ? o->help : "");
		oc_buf_puts(b, " |\n");
		if (o->table) {
			oc_buf_puts(&name, o->type == OC_OPT_MAP ? ".NAME." : ".");
			manual_options(b, o->table, oc_buf_cstr(&name));
		}
		oc_buf_fini(&type);
		oc_buf_fini(&name);
	}
}

static void manual_table(struct oc_buf *b, const struct oc_option *o)
{
	if (!o || !o->key)
		return;
	oc_buf_puts(b, "\n| key | value | default | what it does |\n|---|---|---|---|\n");
	manual_options(b, o, "");
}

/* Which stages keep to `memory:` and which say what they need. */
static void manual_memory(struct oc_buf *b)
{
	static const char *const how[] = {[OC_HOLDS_LITTLE] = "little",
	                                  [OC_HOLDS_WITHIN] = "keeps to it",
	                                  [OC_HOLDS_ALL] = "needs, or refuses"};

	oc_buf_printf(b,
	              "\n## Stages and `memory:`\n\n"
	              "A stage that keeps to `memory:` lays the rest on disk, at any size of the "
	              "input, from %llu MB on (less is taken for that: its buffers have a least "
	              "size). One that needs something whole says how much, and ends before it "
	              "takes more than `memory:` allows, with a sentence that names both and what "
	              "to do: as it opens, for a model or a benchmark; when it has seen all rows "
	              "and before it works on them (semantic, sample); by the first thousand rows "
	              "and on from there (novelty). The others hold what their options name and "
	              "the rows under way. Of a job on files, the stages that are not of kind row "
	              "share --memory evenly; in a plan each may take all of it while it "
	              "works. Rows under way take up to 8 MB a thread beside it. "
	              "Compressed inputs are read ahead within a tenth of it. `mix` keeps to it: "
	              "what it shuffles lies on disk.\n\n"
	              "| stage | `memory:` | what it holds |\n|---|---|---|\n",
	              (unsigned long long)(OC_MEMORY_LEAST / 1000000));
	for (int holds = OC_HOLDS_WITHIN; holds <= OC_HOLDS_ALL; holds++)
		for (size_t i = 0; oc_stages[i]; i++)
			if ((int)oc_stages[i]->holds == holds)
				oc_buf_printf(b, "| %s | %s | %s |\n", oc_stages[i]->name,
				              how[holds], oc_stages[i]->held);
	oc_buf_puts(b, "| ");
	for (size_t i = 0, n = 0; oc_stages[i]; i++)
		if (oc_stages[i]->holds == OC_HOLDS_LITTLE)
			oc_buf_printf(b, "%s%s", n++ ? ", " : "", oc_stages[i]->name);
	oc_buf_printf(b, " | %s | what their options name |\n", how[OC_HOLDS_LITTLE]);
}

void oc_help_manual(struct oc_buf *b)
{
	struct oc_arena *a = oc_arena_new();
	struct part p;

	oc_buf_puts(b, "## Verbs\n");
	for (size_t i = 0; oc_verbs[i]; i++) {
		const struct oc_verb *v = oc_verbs[i];
		if (v->hidden)
			continue;
		oc_buf_printf(b, "\n### outcross %s %s\n\n%s.\n", v->name, v->usage, v->help);
		if (v->doc)
			oc_buf_printf(b, "\n%s\n", v->doc);
		if (!v->flags || !v->flags->name)
			continue;
		oc_buf_puts(b, "\n| option | what it does |\n|---|---|\n");
		for (const struct oc_flag *f = v->flags; f->name; f++) {
			struct oc_buf name = {0}, text = {0};
			flag_name(&name, f);
			flag_text(&text, f);
			oc_buf_printf(b, "| `%s` | ", oc_buf_cstr(&name));
			cell(b, oc_buf_cstr(&text));
			oc_buf_puts(b, " |\n");
			oc_buf_fini(&name);
			oc_buf_fini(&text);
		}
	}
	for (int kind = 0; kind < KIND_N; kind++) {
		oc_buf_printf(b, "\n## %s\n", kinds[kind].title);
		for (size_t i = 0; part_at(a, kind, i, &p); i++) {
			oc_buf_printf(b, "\n### %s\n\n%s\n", p.name, p.help ? p.help : "");
			if (p.doc)
				oc_buf_printf(b, "\n%s\n", p.doc);
			manual_table(b, p.options);
		}
		if (kind == STAGES)
			manual_memory(b);
	}
	oc_buf_puts(b, "\n## Keys of a plan\n");
	manual_table(b, oc_plan_options);
	oc_buf_puts(b, "\n## Exit status\n\n| status | name | meaning |\n|---|---|---|\n");
#define X(name, status, text) oc_buf_printf(b, "| %d | %s | %s |\n", status, #name, text);
	OC_ERR_MAP(X)
#undef X
	oc_arena_free(a);
}
