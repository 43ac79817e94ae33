/* resolve.c: the parts a plan names: models, sources, steps. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "pipe/parquet_lines.h"
#include "data/row.h"
#include "generate/recipe.h"
#include "plan/presets.h"
#include "plan/reader.h"

/* Language models began to flood the web with this date; see facts on provenance in the manual. */
#define REAL_BEFORE "2022-11-01"

/* "there is no stage `x`; did you mean `y`?" `name_at(i)` gives the names there are. */
static int no_such(struct reader *r, yyjson_val *at, const char *kind, struct oc_str word,
                   const char *const *names, size_t n, const char *help)
{
	const char *near = oc_nearest(word, names, n);

	if (near)
		return reader_fail(r, at, "there is no %s `%.*s`; did you mean `%s`?", kind,
		                   OC_ARG(word), near);
	return reader_fail(r, at, "there is no %s `%.*s`; %s", kind, OC_ARG(word), help);
}

/* ------------------------------------------------------------------ models */

static int read_model(struct reader *r, yyjson_val *key, yyjson_val *given, struct oc_plan_model *m)
{
	struct oc_str name = oc_json_str(key), type;
	yyjson_val *common, *price;
	char what[96];

	if (reader_name(r, key, name, "model") < 0)
		return -1;
	snprintf(what, sizeof what, "model `%.*s`", OC_ARG(name));
	if (!yyjson_is_obj(given))
		return reader_fail(r, given, "%s must be a mapping with at least `type`", what);
	type = oc_json_get_str(given, "type");
	if (type.len == 0)
		return reader_fail(r, given,
		                   "%s needs the key `type`; `outcross help llms` lists the "
		                   "ways to reach a model",
		                   what);
	m->def = oc_llm_find(type);
	if (!m->def) {
		const char *names[64];
		size_t n = 0;
		while (oc_llms[n] && n < 64) {
			names[n] = oc_llms[n]->name;
			n++;
		}
		return no_such(r, oc_json_get(given, "type"), "type of model", type, names, n,
		               "`outcross help llms` lists them");
	}
	if (reader_resolve(r, oc_model_common, m->def->options, given, what, &common, &m->opts) < 0)
		return -1;
	m->name = oc_arena_str(r->arena, name).p;
	price = oc_json_get(common, "price");
	m->price_prompt = oc_json_get_num(price, "prompt", 0);
	m->price_completion = oc_json_get_num(price, "completion", 0);
	m->depth_at_least = !oc_json_get(common, "depth");
	m->depth = (uint32_t)oc_json_get_int(common, "depth", 1);
	oc_buf_json(&r->resolved, name);
	oc_buf_putc(&r->resolved, ':');
	reader_members(r, m->def->name, common, m->opts);
	return 0;
}

int read_models(struct reader *r, yyjson_val *given)
{
	struct oc_plan *p = r->plan;
	yyjson_val *key, *val;
	size_t i, n;

	if (!yyjson_is_obj(given))
		return reader_fail(r, given, "`models` is a mapping: NAME: {type: ...}");
	p->models = oc_arena_zalloc(r->arena, (yyjson_obj_size(given) + 1) * sizeof *p->models);
	oc_buf_putc(&r->resolved, '{');
	yyjson_obj_foreach(given, i, n, key, val)
	{
		if (i > 0)
			oc_buf_putc(&r->resolved, ',');
		if (read_model(r, key, val, &p->models[p->model_n]) < 0)
			return -1;
		p->model_n++;
	}
	oc_buf_putc(&r->resolved, '}');
	return 0;
}

static int find_model(struct reader *r, yyjson_val *at, struct oc_str name,
                      const struct oc_plan_model **out)
{
	const char *names[64];
	size_t n = 0;

	for (unsigned i = 0; i < r->plan->model_n; i++) {
		if (oc_str_is(name, r->plan->models[i].name)) {
			*out = &r->plan->models[i];
			return 0;
		}
		if (n < 64)
			names[n++] = r->plan->models[i].name;
	}
	return no_such(r, at, "model", name, names, n, "name it under `models:`");
}

/* ----------------------------------------------------------------- sources */

/* The last day a date such as 2021, 2021-10, 2021-10-01 may mean. False: no date. */
static bool last_day(struct oc_str s, char out[11])
{
	static const char shape[] = "dddd-dd-dd";

	if (s.len != 4 && s.len != 7 && s.len != 10)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (shape[i] == 'd' ? s.p[i] < '0' || s.p[i] > '9' : s.p[i] != shape[i])
			return false;
	memcpy(out, "9999-12-31", 11);
	memcpy(out, s.p, s.len);
	return memcmp(out + 5, "13", 2) < 0 && memcmp(out + 5, "00", 2) > 0 &&
	       memcmp(out + 8, "32", 2) < 0 && memcmp(out + 8, "00", 2) > 0;
}

/* attest: a string, or {who, how}, as one line of text. */
static int read_attest(struct reader *r, yyjson_val *given, const char *what, struct oc_str *out)
{
	static const struct oc_option table[] = {
		{.key = "who", .type = OC_OPT_STR, .required = true, .help = "a name to ask"},
		{.key = "how", .type = OC_OPT_STR, .required = true, .help = "how they know"},
		{0},
	};
	char inner[160];
	yyjson_val *v;

	if (!given || yyjson_is_null(given))
		return 0;
	if (yyjson_is_str(given)) {
		*out = oc_json_str(given);
		return out->len ? 0 : reader_fail(r, given, "`attest` of %s is empty", what);
	}
	snprintf(inner, sizeof inner, "`attest` of %s", what);
	v = oc_opts_resolve(r->arena, table, given, inner, oc_yaml_where, r->marks, r->err);
	if (!v)
		return -1;
	*out = oc_arena_printf(r->arena, "%.*s: %.*s", OC_ARG(oc_json_get_str(v, "who")),
	                       OC_ARG(oc_json_get_str(v, "how")));
	return 0;
}

/* `real` is believed when models could not have written it yet, or when somebody stands for it. */
static int read_origin(struct reader *r, yyjson_val *given, yyjson_val *common, const char *what,
                       struct oc_plan_source *s)
{
	struct oc_str origin = oc_json_get_str(common, "origin");
	char day[11];

	s->collected = oc_json_get_str(common, "collected");
	if (s->collected.len && !last_day(s->collected, day))
		return reader_fail(r, oc_json_get(given, "collected"),
		                   "`collected` of %s must be a date such as 2021, 2021-10 or "
		                   "2021-10-01",
		                   what);
	if (read_attest(r, oc_json_get(given, "attest"), what, &s->attest) < 0)
		return -1;
	s->origin = OC_UNKNOWN;
	if (oc_str_is(origin, "synthetic"))
		s->origin = OC_SYNTHETIC;
	if (!oc_str_is(origin, "real"))
		return 0;
	if (s->attest.len || (s->collected.len && memcmp(day, REAL_BEFORE, 10) < 0))
		s->origin = OC_REAL;
	else if (s->collected.len)
		s->origin_why = "collected when models already wrote much of the web, and nobody "
				"attests that people wrote it (`attest:`)";
	else
		s->origin_why = "neither a date before 2022-11 (`collected:`) nor a person "
				"(`attest:`) stands for it";
	return 0;
}

static bool ends(struct oc_str s, const char *suffix)
{
	size_t n = strlen(suffix);
	return s.len > n && memcmp(s.p + s.len - n, suffix, n) == 0;
}

/* The first path of a source, "" when it has none. */
static struct oc_str source_path(yyjson_val *opts)
{
	yyjson_val *path = oc_json_get(opts, "path");
	return oc_json_str(yyjson_is_arr(path) ? yyjson_arr_get_first(path) : path);
}

/* The kind of source that reads such a file. */
static const char *type_by_name(struct oc_str path)
{
	if (ends(path, ".gz") || ends(path, ".zst"))
		path.len -= ends(path, ".gz") ? 3 : 4;
	if (ends(path, ".csv") || ends(path, ".tsv"))
		return "csv";
	if (ends(path, ".txt") || ends(path, ".md"))
		return "text";
	if (ends(path, ".parquet"))
		return "parquet";
	if (ends(path, ".jsonl") || ends(path, ".ndjson") || ends(path, ".json"))
		return "jsonl";
	return NULL;
}

/* Is this the data of a run? Then out/lineage/ holds its pedigrees. */
static bool has_lineage(struct reader *r, struct oc_str path)
{
	const char *folder = path.p && path.p[0] == '/' ? "" : r->plan->base_dir;
	struct oc_str full =
		oc_arena_printf(r->arena, "%s%s%.*s", folder, *folder ? "/" : "", OC_ARG(path));
	char beside[4096];

	return path.len && oc_rows_lineage(full.p, beside) && oc_file_exists(beside);
}

static int find_source_type(struct reader *r, yyjson_val *given, const char *what,
                            struct oc_plan_source *s)
{
	struct oc_str type = oc_json_get_str(given, "type"), path = source_path(given);
	const char *names[64];
	size_t n = 0;

	if (type.len == 0) {
		const char *guess = type_by_name(path);
		if (!guess)
			return reader_fail(r, given,
			                   "%s needs the key `type`; `outcross help sources` lists "
			                   "them",
			                   what);
		type = oc_str(guess);
	}
	s->def = oc_source_find(type);
	while (oc_sources[n] && n < 64) {
		names[n] = oc_sources[n]->name;
		n++;
	}
	if (!s->def)
		return no_such(r, oc_json_get(given, "type"), "type of source", type, names, n,
		               "`outcross help sources` lists them");
	return 0;
}

/* The part's table, where `max_row` takes the plan's value for its default. */
static const struct oc_option *source_options(struct reader *r, const struct oc_source_def *def)
{
	struct oc_option *table;
	size_t n = 0;

	while (def->options && def->options[n].key)
		n++;
	table = oc_arena_zalloc(r->arena, (n + 1) * sizeof *table);
	for (size_t i = 0; i < n; i++) {
		table[i] = def->options[i];
		if (strcmp(table[i].key, "max_row") == 0)
			table[i].def = oc_arena_printf(r->arena, "%llu",
			                               (unsigned long long)r->plan->max_row)
			                       .p;
	}
	return table;
}

static int read_source(struct reader *r, yyjson_val *key, yyjson_val *given,
                       struct oc_plan_source *s)
{
	struct oc_str name = oc_json_str(key);
	yyjson_val *common, *allowed = oc_json_get(r->root, "allow_licenses");
	char what[96];

	if (reader_name(r, key, name, "source") < 0)
		return -1;
	snprintf(what, sizeof what, "source `%.*s`", OC_ARG(name));
	if (!yyjson_is_obj(given))
		return reader_fail(r, given, "%s must be a mapping with at least `path`", what);
	s->name = oc_arena_str(r->arena, name).p;
	if (find_source_type(r, given, what, s) < 0 ||
	    reader_resolve(r, oc_source_common, source_options(r, s->def), given, what, &common,
	                   &s->opts) < 0 ||
	    read_origin(r, given, common, what, s) < 0)
		return -1;
	s->licence = oc_json_get_str(common, "license");
	s->format = oc_json_get_str(common, "format");
	s->seeds_only = oc_str_is(oc_json_get_str(common, "use"), "seeds");
	s->id = oc_json_get_str(oc_json_get(s->opts, "id") ? s->opts : common, "id");
	s->lineage = has_lineage(r, source_path(s->opts));
	if (s->lineage)
		s->origin_why = NULL;
	if (allowed && s->licence.len == 0)
		return reader_fail(r, given,
		                   "%s states no `license`, and `allow_licenses` lets only known "
		                   "ones in",
		                   what);
	if (allowed) {
		size_t i, n;
		yyjson_val *item;
		bool found = oc_str_eq(oc_json_str(allowed), s->licence);
		yyjson_arr_foreach(allowed, i, n, item) found =
			found || oc_str_eq(oc_json_str(item), s->licence);
		if (!found)
			return reader_fail(r, oc_json_get(given, "license"),
			                   "the licence %.*s of %s is not in `allow_licenses`",
			                   OC_ARG(s->licence), what);
	}
	oc_buf_json(&r->resolved, name);
	oc_buf_putc(&r->resolved, ':');
	reader_members(r, s->def->name, common, s->opts);
	return 0;
}

int read_sources(struct reader *r, yyjson_val *given)
{
	struct oc_plan *p = r->plan;
	struct oc_plan_source *in_order;
	yyjson_val *key, *val;
	size_t i, n;

	if (!yyjson_is_obj(given) || yyjson_obj_size(given) == 0)
		return reader_fail(r, given, "`sources` is a mapping: NAME: {path: ...}");
	in_order = oc_arena_zalloc(r->arena, yyjson_obj_size(given) * sizeof *in_order);
	oc_buf_putc(&r->resolved, '{');
	yyjson_obj_foreach(given, i, n, key, val)
	{
		if (i > 0)
			oc_buf_putc(&r->resolved, ',');
		if (read_source(r, key, val, &in_order[i]) < 0)
			return -1;
	}
	oc_buf_putc(&r->resolved, '}');
	/* Real first, unknown last; rows of a run (with lineage) say themselves what they are. */
	p->sources = oc_arena_zalloc(r->arena, n * sizeof *p->sources);
	for (enum oc_origin rank = OC_REAL; rank <= OC_UNKNOWN; rank++)
		for (i = 0; i < n; i++) {
			const struct oc_plan_source *s = &in_order[i];
			enum oc_origin of =
				s->lineage && s->origin == OC_UNKNOWN ? OC_SYNTHETIC : s->origin;
			if (of == rank)
				p->sources[p->source_n++] = *s;
		}
	return 0;
}

/* ------------------------------------------------------------------- steps */

static bool name_taken(const struct oc_plan *p, const struct oc_plan_step *more, unsigned more_n,
                       struct oc_str name)
{
	const struct oc_plan_step *lists[4] = {p->generate, p->verify, p->curate, more};
	unsigned counts[4] = {p->generate_n, p->verify_n, p->curate_n, more_n};

	for (unsigned i = 0; i < p->source_n; i++)
		if (oc_str_is(name, p->sources[i].name))
			return true;
	for (int l = 0; l < 4; l++)
		for (unsigned i = 0; i < counts[l]; i++)
			if (oc_str_is(name, lists[l][i].name))
				return true;
	return false;
}

/* The step's own name, or the part's, numbered when it repeats. */
static int name_step(struct reader *r, yyjson_val *given, yyjson_val *at, struct oc_plan_step *s,
                     const struct oc_plan_step *before, unsigned before_n)
{
	struct oc_str name = oc_json_get_str(given, "name");

	if (name.len) {
		if (reader_name(r, oc_json_get(given, "name"), name, "step") < 0)
			return -1;
		if (name_taken(r->plan, before, before_n, name))
			return reader_fail(r, oc_json_get(given, "name"),
			                   "the name `%.*s` is taken; every source and step needs "
			                   "its own",
			                   OC_ARG(name));
		s->name = oc_arena_str(r->arena, name).p;
		return 0;
	}
	/* A recipe's file is no name for a step; what the recipe calls itself is. */
	const char *base =
		s->def ? s->part : oc_arena_str(r->arena, oc_json_get_str(s->opts, "recipe")).p;
	s->name = base;
	for (unsigned k = 2; name_taken(r->plan, before, before_n, oc_str(s->name)); k++)
		s->name = oc_arena_printf(r->arena, "%s-%u", base, k).p;
	return reader_name(r, at, oc_str(s->name), "step");
}

static int read_stage(struct reader *r, yyjson_val *at, struct oc_str part, yyjson_val *given,
                      struct oc_plan_step *s, yyjson_val **common)
{
	char what[96];

	s->def = oc_stage_find(part);
	if (!s->def) {
		const char *names[256];
		size_t n = 0;
		while (oc_stages[n] && n < 256) {
			names[n] = oc_stages[n]->name;
			n++;
		}
		return no_such(r, at, "stage", part, names, n, "`outcross help stages` lists them");
	}
	s->part = s->def->name;
	s->options = s->def->options;
	snprintf(what, sizeof what, "stage %s", s->part);
	if (reader_resolve(r, oc_stage_common, s->def->options, given, what, common, &s->opts) < 0)
		return -1;
	if (s->def->as)
		s->def = s->def->as(s->opts);
	struct oc_str on = oc_json_get_str(*common, "on");
	s->on = oc_str_is(on, "real") ? OC_ON_REAL : oc_str_is(on, "made") ? OC_ON_MADE : OC_ON_ALL;
	return 0;
}

#define MAX_RECIPE ((size_t)4 << 20) /* bytes */

/* The text of a recipe: a file (a name with / or .yaml), else a built-in one. */
static int recipe_text(struct reader *r, yyjson_val *at, struct oc_str part, struct oc_buf *text)
{
	const char *built_in;

	if (ends(part, ".yaml") || ends(part, ".yml") || memchr(part.p, '/', part.len)) {
		const char *path = oc_path_from(r->arena, r->plan->base_dir, part);
		return oc_file_read(path, MAX_RECIPE, text, r->err);
	}
	built_in = oc_recipe_builtin(part);
	if (built_in) {
		oc_buf_puts(text, built_in);
		return 0;
	}
	if (oc_stage_find(part))
		return reader_fail(r, at,
		                   "`%.*s` is a stage, not a recipe: it stands under `verify` or "
		                   "`curate`",
		                   OC_ARG(part));
	const char *names[64];
	unsigned n = 0;
	while (n < 64 && (names[n] = oc_recipe_name(n)))
		n++;
	return no_such(r, at, "recipe", part, names, n, "`outcross help recipes` lists them");
}

/* Rows a recipe starts from must come from somewhere. */
static int check_seeds(struct reader *r, yyjson_val *given, const struct oc_plan_step *s)
{
	yyjson_val *seeds = oc_json_get(s->opts, "seeds"), *item;
	size_t i, n;

	yyjson_arr_foreach(seeds, i, n, item)
	{
		const char *names[64];
		unsigned k = 0;
		bool found = false;
		for (unsigned q = 0; q < r->plan->source_n; q++) {
			found = found || oc_str_is(oc_json_str(item), r->plan->sources[q].name);
			if (k < 64)
				names[k++] = r->plan->sources[q].name;
		}
		if (!found)
			return no_such(r, oc_json_get(given, "seeds"), "source", oc_json_str(item),
			               names, k, "name it under `sources:`");
	}
	return 0;
}

static int read_recipe(struct reader *r, yyjson_val *at, struct oc_str part, yyjson_val *given,
                       struct oc_plan_step *s, yyjson_val **common)
{
	struct oc_buf text = {0};
	struct oc_str name = oc_json_get_str(given, "recipe");
	yyjson_val *recipe, *own;
	char what[96];
	int rc = -1;

	s->part = oc_arena_str(r->arena, part).p;
	/* `recipe: my.yaml` among the options takes the place of the built-in one. */
	if (recipe_text(r, at, ends(name, ".yaml") || ends(name, ".yml") ? name : part, &text) < 0)
		goto out;
	recipe = oc_yaml_parse(r->arena, oc_buf_view(&text), s->part, NULL, r->err);
	if (!recipe || !(s->options = oc_recipe_options(r->arena, recipe, r->err)))
		goto out;
	/* Once for messages with their place, once more for the steps. */
	snprintf(what, sizeof what, "recipe %s", s->part);
	if (reader_resolve(r, oc_recipe_common, s->options, given, what, common, &own) < 0)
		goto out;
	s->opts = oc_recipe_resolve(r->arena, recipe, own, s->where, r->err);
	if (!s->opts || check_seeds(r, given, s) < 0)
		goto out;
	rc = 0;
out:
	oc_buf_fini(&text);
	return rc;
}

/* A step that talks to a model names one of the plan's. */
static int step_model(struct reader *r, yyjson_val *given, struct oc_plan_step *s)
{
	for (const struct oc_option *o = s->options; o && o->key; o++) {
		struct oc_str name;
		if (o->type != OC_OPT_MODEL)
			continue;
		name = oc_json_get_str(s->opts, o->key);
		if (name.len && find_model(r, oc_json_get(given, o->key), name, &s->model) < 0)
			return -1;
	}
	return 0;
}

static int read_step(struct reader *r, yyjson_val *item, const char *key,
                     struct oc_plan_step *steps, unsigned n)
{
	struct oc_plan_step *s = &steps[n];
	yyjson_val *given = NULL, *at = item, *common;
	struct oc_str part = oc_json_str(item);

	if (yyjson_is_obj(item) && yyjson_obj_size(item) == 1) {
		at = unsafe_yyjson_get_first(item);
		part = oc_json_str(at);
		given = at + 1;
		if (yyjson_is_null(given))
			given = NULL;
	} else if (yyjson_is_obj(item)) {
		return reader_fail(r, item,
		                   "a step under `%s` has one key, its part; write its options "
		                   "indented below or in braces: - PART: {key: value}",
		                   key);
	} else if (!yyjson_is_str(item)) {
		return reader_fail(r, item, "a step under `%s` is `- PART` or `- PART: {options}`",
		                   key);
	}
	s->where = reader_where(r, at);
	if ((strcmp(key, "generate") == 0 ? read_recipe(r, at, part, given, s, &common)
	                                  : read_stage(r, at, part, given, s, &common)) < 0 ||
	    name_step(r, given, at, s, steps, n) < 0 || step_model(r, given, s) < 0) {
		/* A step without options has no value whose place could be named. */
		if (!r->err->where[0])
			snprintf(r->err->where, sizeof r->err->where, "%s", s->where);
		return -1;
	}
	oc_buf_putc(&r->resolved, '{');
	oc_buf_json(&r->resolved, oc_str(s->part));
	oc_buf_putc(&r->resolved, ':');
	if (!s->def) {
		/* A recipe's table knows `name`, too, and its resolver drops it. */
		struct oc_buf b = {0};
		oc_buf_puts(&b, "{\"name\":");
		oc_buf_json(&b, oc_str(s->name));
		oc_buf_putc(&b, '}');
		common = oc_json_parse(r->arena, oc_buf_view(&b), r->err);
		oc_buf_fini(&b);
		if (!common)
			return -1;
	}
	reader_members(r, NULL, common, s->opts);
	oc_buf_putc(&r->resolved, '}');
	return 0;
}

/* The value of an item `preset: ...`, or NULL. */
static yyjson_val *preset_of(yyjson_val *item)
{
	return yyjson_is_obj(item) && yyjson_obj_size(item) == 1 ? oc_json_get(item, "preset")
	                                                         : NULL;
}

/* The steps that a preset stands for: as if they stood in its place. */
static int read_preset(struct reader *r, yyjson_val *given, const char *key,
                       struct oc_plan_step *list, unsigned *n)
{
	static const struct oc_option table[] = {
		{.key = "of", .type = OC_OPT_STR, .required = true, .help = "the preset"},
		{.key = "field", .type = OC_OPT_FIELD, .def = "text", .help = "the text"},
		{0},
	};
	struct oc_str name = oc_json_str(given), field = {0};
	const struct oc_preset *preset;
	const char *names[64], *where = reader_where(r, given), *step;
	size_t known = 0;

	if (yyjson_is_obj(given)) {
		yyjson_val *opts = oc_opts_resolve(r->arena, table, given, "`preset`",
		                                   oc_yaml_where, r->marks, r->err);
		if (!opts)
			return -1;
		name = oc_json_get_str(opts, "of");
		field = oc_json_get_str(opts, "field");
	}
	if (!(preset = oc_preset_find(name))) {
		for (; known < 64 && oc_presets[known].name; known++)
			names[known] = oc_presets[known].name;
		return no_such(r, given, "preset", name, names, known,
		               "`outcross help presets` lists them");
	}
	for (unsigned i = 0; (step = oc_preset_step(r->arena, preset, i, field)) != NULL; i++) {
		yyjson_val *item =
			oc_yaml_parse(r->arena, oc_str(step), preset->name, NULL, r->err);
		if (i > 0)
			oc_buf_putc(&r->resolved, ',');
		if (!item || read_step(r, item, key, list, *n) < 0)
			return -1;
		list[(*n)++].where = where;
	}
	return 0;
}

int read_steps(struct reader *r, yyjson_val *given, const char *key, struct oc_plan_step **steps,
               unsigned *n)
{
	struct oc_plan_step *list;
	yyjson_val *item, *preset;
	size_t i, len, room = 1;
	unsigned done = 0;

	if (!yyjson_is_arr(given))
		return reader_fail(r, given, "`%s` is a list: each line `- PART: {options}`", key);
	yyjson_arr_foreach(given, i, len, item) room += preset_of(item) ? OC_PRESET_STEPS : 1;
	list = oc_arena_zalloc(r->arena, room * sizeof *list);
	oc_buf_putc(&r->resolved, '[');
	yyjson_arr_foreach(given, i, len, item)
	{
		if (i > 0)
			oc_buf_putc(&r->resolved, ',');
		preset = strcmp(key, "generate") == 0 ? NULL : preset_of(item);
		if (preset && read_preset(r, preset, key, list, &done) < 0)
			return -1;
		if (!preset && read_step(r, item, key, list, done++) < 0)
			return -1;
	}
	oc_buf_putc(&r->resolved, ']');
	*steps = list;
	*n = done;
	return 0;
}
