/*
 * schema: a row, or one of its members, must obey a JSON Schema (curate/json_schema.h says which
 * part of it). A row that cannot be judged within the limits is held, not dropped.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "curate/json_schema.h"
#include "data/row.h"

struct schema {
	char *name;
	struct oc_arena *arena;
	struct oc_str field;
	bool text; /* the member is a string that holds JSON */
	struct oc_schema *compiled;
};

static const struct oc_option options[] = {
	{.key = "schema", .type = OC_OPT_MAP, .help = "The JSON Schema itself."},
	{.key = "file", .type = OC_OPT_PATH, .help = "A file that holds it."},
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The member that is checked; empty = the whole row."},
	{.key = "text",
         .type = OC_OPT_BOOL,
         .def = "false",
         .help = "The member is a string that must hold JSON, and that is checked."},
	{0},
};

static void close_schema(void *self)
{
	struct schema *s = self;

	if (!s)
		return;
	oc_schema_free(s->compiled);
	oc_arena_free(s->arena);
	free(s->name);
	free(s);
}

static int open_schema(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct schema *s = oc_zalloc(1, sizeof *s);
	struct oc_str file = oc_json_get_str(opts, "file");
	yyjson_val *schema = oc_json_get(opts, "schema");
	struct oc_buf bytes = {0};
	int rc = -1;

	s->name = oc_strdup(env->name);
	s->arena = oc_arena_new();
	s->field = oc_arena_str(s->arena, oc_json_get_str(opts, "field"));
	s->text = oc_json_get_bool(opts, "text", false);
	if (!schema == !file.len) {
		oc_fail(err, OC_PLAN, env->name,
		        "give either `schema:`, the JSON Schema itself, or `file:`, its path");
		goto out;
	}
	if (s->text && !s->field.len) {
		oc_fail(err, OC_PLAN, env->name, "`text: true` needs `field:`");
		goto out;
	}
	if (file.len) {
		const char *path = oc_path_from(s->arena, env->base_dir, file);
		if (oc_file_read(path, (size_t)64 << 20, &bytes, err))
			goto out;
		schema = oc_json_parse(s->arena, oc_buf_view(&bytes), err);
		if (!schema) {
			oc_fail_in(err, path);
			goto out;
		}
	}
	s->compiled = oc_schema_compile(schema, err);
	if (!s->compiled) {
		oc_fail_in(err, env->name);
		goto out;
	}
	*self = s;
	rc = 0;
out:
	oc_buf_fini(&bytes);
	if (rc)
		close_schema(s);
	return rc;
}

static void *scratch_new(void *self)
{
	const struct schema *s = self;
	return oc_schema_scratch_new(s->compiled);
}

static void scratch_free(void *scratch)
{
	oc_schema_scratch_free(scratch);
}

static void say(const struct schema *s, struct oc_row *row, const char *rule, bool hold,
                struct oc_str path, struct oc_str expected, struct oc_str found)
{
	struct oc_buf b = {0};

	oc_buf_puts(&b, "{\"path\":");
	oc_buf_json(&b, path);
	oc_buf_puts(&b, ",\"expected\":");
	oc_buf_json(&b, expected);
	oc_buf_puts(&b, ",\"found\":");
	oc_buf_json(&b, found);
	oc_buf_putc(&b, '}');
	if (hold)
		oc_row_hold(row, s->name, rule, oc_buf_view(&b));
	else
		oc_row_reject(row, s->name, rule, oc_buf_view(&b));
	oc_buf_fini(&b);
}

static int judge(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct schema *s = self;
	struct oc_schema_fault fault;
	yyjson_val *value = s->field.len ? oc_json_path(row->root, s->field) : row->root;

	(void)err;
	if (!value) {
		say(s, row, "required", false, OC_LIT(""), s->field, OC_LIT("no such member"));
		return 0;
	}
	if (s->text) {
		struct oc_err why = {0};
		value = yyjson_is_str(value) ? oc_json_parse(row->arena, oc_json_str(value), &why)
		                             : NULL;
		if (!value) {
			say(s, row, "not_json", false, OC_LIT(""),
			    OC_LIT("a string that holds JSON"),
			    why.code ? oc_str(why.msg) : OC_LIT("no string"));
			return 0;
		}
	}
	switch (oc_schema_check(s->compiled, scratch, value, &fault)) {
	case OC_SCHEMA_GOOD: break;
	case OC_SCHEMA_BAD:
		say(s, row, fault.keyword, false, fault.path, fault.expected, fault.found);
		break;
	case OC_SCHEMA_LIMIT:
		say(s, row, "limit", true, fault.path, fault.expected, fault.found);
		break;
	}
	return 0;
}

extern const struct oc_stage_def oc_stage_schema;
const struct oc_stage_def oc_stage_schema = {
	.size = sizeof(struct oc_stage_def),
	.name = "schema",
	.help = "drop rows that do not obey a JSON Schema",
	.doc = "A subset of draft 2020-12; a keyword that is not supported is an error when "
	       "the plan is read. Rejects under the name of the keyword that failed, with "
	       "the place, what was expected and what was found. A row on which a pattern "
	       "takes too long is held.\n\n"
	       "Example: with `schema: {required: [name]}`, {\"height_cm\": 30} falls as "
	       "`required`.\n\n"
	       "Cost: linear in the row, a pattern within a limit of steps. Source: JSON "
	       "Schema, draft 2020-12.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.open = open_schema,
	.close = close_schema,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.row = judge,
};
