/* job_words.c: what the command line of a job means: stages, mappings, files. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "data/row.h"
#include "data/yaml.h"
#include "run/job_parts.h"

/* "a=1,b=[2, 3]" -> "{a: 1,b: [2, 3]}": only the first = of each part outside brackets. */
static void spell_out(struct oc_buf *b, struct oc_str text)
{
	int depth = 0;
	char quote = 0;
	bool value = false;

	oc_buf_putc(b, '{');
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		if (quote) {
			quote = c == quote ? 0 : quote;
		} else if (value && (c == '"' || c == '\'')) {
			quote = c;
		} else if (c == '[' || c == '{') {
			depth++;
		} else if (c == ']' || c == '}') {
			depth--;
		} else if (c == ',' && depth == 0) {
			value = false;
		} else if (c == '=' && depth == 0 && !value) {
			value = true;
			oc_buf_puts(b, ": ");
			continue;
		}
		oc_buf_putc(b, c);
	}
	oc_buf_putc(b, '}');
}

yyjson_val *oc_job_mapping(struct oc_arena *a, struct oc_str text, const char *what,
                           struct oc_err *err)
{
	struct oc_buf yaml = {0};
	yyjson_val *v;

	text = oc_str_trim(text);
	size_t equals = 0;
	while (equals < text.len && !strchr("=:{[", text.p[equals]))
		equals++;
	if (!text.len)
		oc_buf_puts(&yaml, "{}");
	else if (equals < text.len && text.p[equals] == '=')
		spell_out(&yaml, text);
	else if (text.p[0] == '{')
		oc_buf_str(&yaml, text);
	else
		oc_buf_printf(&yaml, "{%.*s}", OC_ARG(text));
	v = oc_yaml_parse(a, oc_buf_view(&yaml), what, NULL, err);
	oc_buf_fini(&yaml);
	if (v && !yyjson_is_obj(v)) {
		oc_fail(err, OC_USAGE, what, "options are a mapping: {min: 3} or min=3");
		return NULL;
	}
	if (!v && err->code == OC_PLAN)
		err->code = OC_USAGE;
	return v;
}

static int no_such_stage(struct oc_str name, struct oc_err *err)
{
	const char *names[512], *near;
	size_t n = 0;

	for (size_t i = 0; oc_stages[i] && n < 512; i++)
		names[n++] = oc_stages[i]->name;
	near = oc_nearest(name, names, n);
	if (near)
		return oc_fail(err, OC_USAGE, "--do",
		               "there is no stage `%.*s`; did you mean `%s`?", OC_ARG(name), near);
	return oc_fail(err, OC_USAGE, "--do",
	               "there is no stage `%.*s`; `outcross help stages` lists them", OC_ARG(name));
}

/* The table with `against` no longer required. */
static const struct oc_option *without_against(struct oc_arena *a, const struct oc_option *table)
{
	size_t n = 0;

	while (table[n].key)
		n++;
	struct oc_option *own = oc_arena_dup(a, table, (n + 1) * sizeof *own);
	for (size_t i = 0; i < n; i++)
		own[i].required = own[i].required && strcmp(own[i].key, "against") != 0;
	return own;
}

int oc_job_step_read(struct oc_arena *a, const char *text, bool indexing, struct oc_job_step *step,
                     struct oc_err *err)
{
	size_t len = strcspn(text, ":");
	struct oc_str name = oc_str_trim((struct oc_str){text, len});
	struct oc_str rest = oc_str(text + len + (text[len] == ':'));
	char what[64];

	step->def = oc_stage_find(name);
	if (!step->def)
		return no_such_stage(name, err);
	snprintf(what, sizeof what, "--do %.40s", step->def->name);
	if (step->def->kind == OC_STAGE_CALL)
		return oc_fail(err, OC_USAGE, what,
		               "asks a model: put it into a plan, and `outcross run` it");
	yyjson_val *given = oc_job_mapping(a, rest, what, err);
	if (!given)
		return -1;
	step->name = step->def->name;
	const struct oc_option *table = step->def->options;
	if (indexing && table)
		table = without_against(a, table);
	step->opts = oc_opts_resolve(a, table, given, what, NULL, NULL, err);
	if (step->opts && step->def->as)
		step->def = step->def->as(step->opts);
	if (!step->opts && err->code == OC_PLAN)
		err->code = OC_USAGE;
	return step->opts ? 0 : -1;
}

/* people.jsonl.gz -> people; standard input -> stdin */
static struct oc_str stem(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct oc_str s = oc_str(slash ? slash + 1 : path);

	if (strcmp(path, "-") == 0)
		return OC_LIT("stdin");
	for (size_t i = 1; i < s.len; i++)
		if (s.p[i] == '.') {
			s.len = i;
			break;
		}
	return s;
}

static bool ends(struct oc_str s, const char *with)
{
	size_t n = strlen(with);
	return s.len > n && memcmp(s.p + s.len - n, with, n) == 0;
}

static const struct oc_source_def *kind_of(const char *path, struct oc_err *err)
{
	struct oc_str s = oc_str(path);
	const char *kind = "jsonl";

	if (ends(s, ".gz"))
		s.len -= 3;
	else if (ends(s, ".zst"))
		s.len -= 4;
	if (ends(s, ".csv") || ends(s, ".tsv"))
		kind = "csv";
	else if (ends(s, ".parquet"))
		kind = "parquet";
	const struct oc_source_def *def = oc_source_find(oc_str(kind));
	if (!def)
		oc_fail(err, OC_MISSING, path, "this build cannot read %s files", kind);
	return def;
}

static int read_origins(const struct oc_job *job, struct oc_job_source *sources, struct oc_err *err)
{
	for (unsigned i = 0; i < job->origin_n; i++) {
		const char *text = job->origins[i];
		size_t len = strcspn(text, "=");
		int origin = text[len] ? oc_origin_parse(oc_str(text + len + 1)) : -1;
		bool found = false;
		if (origin < 0)
			return oc_fail(err, OC_USAGE, "--origin",
			               "`%s` is not NAME=real, NAME=synthetic or NAME=unknown",
			               text);
		for (unsigned k = 0; k < job->input_n; k++)
			if (oc_str_eq(sources[k].name, (struct oc_str){text, len})) {
				sources[k].origin = (enum oc_origin)origin;
				found = true;
			}
		if (!found)
			return oc_fail(err, OC_USAGE, "--origin",
			               "no file is called `%.*s` (its name without folder and "
			               "endings)",
			               (int)len, text);
	}
	return 0;
}

int oc_job_sources_read(struct oc_arena *a, const struct oc_job *job, struct oc_job_source *sources,
                        struct oc_err *err)
{
	for (unsigned i = 0; i < job->input_n; i++) {
		struct oc_job_source *s = &sources[i];
		struct oc_buf given = {0};
		unsigned twins = 1;
		s->path = job->inputs[i];
		s->origin = OC_UNKNOWN;
		struct oc_str name = stem(s->path);
		for (unsigned k = 0; k < i; k++)
			twins += oc_str_eq(stem(job->inputs[k]), name);
		s->name = twins > 1 ? oc_arena_printf(a, "%.*s%u", OC_ARG(name), twins)
		                    : oc_arena_str(a, name);
		s->def = kind_of(s->path, err);
		if (!s->def)
			return -1;
		oc_buf_puts(&given, "{\"path\":[");
		oc_buf_json(&given, oc_str(s->path));
		oc_buf_putc(&given, ']');
		if (oc_opts_find(s->def->options, OC_LIT("id")))
			oc_buf_puts(&given, ",\"id\":\"id\""); /* rows that have none: null */
		oc_buf_putc(&given, '}');
		yyjson_val *v = oc_json_parse(a, oc_buf_view(&given), err);
		oc_buf_fini(&given);
		if (v)
			s->opts = oc_opts_resolve(a, s->def->options, v, s->path, NULL, NULL, err);
		if (!s->opts)
			return -1;
	}
	return read_origins(job, sources, err);
}
