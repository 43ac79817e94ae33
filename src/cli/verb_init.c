/* outcross init: a commented plan for the user's own rows. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/verb.h"
#include "data/opts.h"
#include "data/yaml.h"
#include "run/look.h"
#include "plan/plan.h"
#include "text/utf8.h"

#define SHOWN_FIELDS 12 /* named in the comment */

static const struct oc_flag flags[] = {
	{.name = "from", .type = OC_OPT_PATH, .arg = "FILE", .help = "rows to look at"},
	{.name = "output",
         .letter = 'o',
         .type = OC_OPT_PATH,
         .arg = "PLAN",
         .help = "where the plan goes; - is standard output",
         .def = "plan.yaml"},
	{.name = "force",
         .letter = 'f',
         .type = OC_OPT_BOOL,
         .help = "overwrite a plan that is there"},
	{0},
};

/* The kind of source for a file: by its name, else by its first byte. */
static const char *type_of(const char *path)
{
	static const struct {
		const char *end, *type;
	} ends[] = {{".csv", "csv"},
	            {".tsv", "csv"},
	            {".txt", "text"},
	            {".md", "text"},
	            {".parquet", "parquet"}};
	struct oc_str s = oc_str(path);
	FILE *f;
	int c;

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		ptrdiff_t at = oc_str_find(s, oc_str(ends[i].end));
		if (at > 0)
			return ends[i].type;
	}
	if (oc_str_find(s, OC_LIT(".jsonl")) > 0 || oc_str_find(s, OC_LIT(".json")) > 0)
		return "jsonl";
	f = fopen(path, "rb");
	c = f ? getc(f) : EOF;
	if (f)
		fclose(f);
	return c == '{' || c == '[' ? "jsonl" : "text";
}

/* A name for the source and the run: letters, digits, _ and - of the file's name. */
static void name_of(const char *path, char out[48])
{
	const char *slash = strrchr(path, '/');
	size_t n = 0;

	for (const char *p = slash ? slash + 1 : path; *p && *p != '.' && n < 40; p++) {
		bool fine = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		            (*p >= '0' && *p <= '9') || *p == '-' || *p == '_';
		out[n++] = fine ? *p : '_';
	}
	if (n == 0)
		out[n++] = 'r';
	out[n] = '\0';
}

/* Text as one line of YAML, in a value or a comment: quoted and escaped where it must be. */
static void yaml_text(struct oc_buf *b, struct oc_str text)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_buf json = {0};
	struct oc_err err = {0};
	yyjson_val *v;

	oc_buf_json(&json, oc_utf8_repair(a, text));
	v = oc_json_parse(a, oc_buf_view(&json), &err);
	if (v) {
		struct oc_buf line = {0};
		oc_yaml_write(&line, v, 0);
		oc_buf_add(b, line.p, line.len - 1);
		oc_buf_fini(&line);
	}
	oc_buf_fini(&json);
	oc_arena_free(a);
}

/* The path as the plan's folder sees it: as given when the plan lies here, else absolute. */
static void path_for(struct oc_buf *b, const char *path, const char *plan)
{
	char *full = strchr(plan, '/') && path[0] != '/' ? realpath(path, NULL) : NULL;

	yaml_text(b, oc_str(full ? full : path));
	free(full);
}

static const struct oc_look_field *find_field(const struct oc_look *look, const char *name)
{
	for (unsigned i = 0; i < look->field_n; i++)
		if (oc_str_is(look->fields[i].name, name) && look->fields[i].rows == look->rows)
			return &look->fields[i];
	return NULL;
}

/* What was seen, as comment lines. */
static void describe(struct oc_buf *b, const struct oc_look *look, const char *file)
{
	char n[32], bytes[32];

	oc_buf_printf(b, "# %s: %s%s rows, %s on disk; in the first %llu:\n", file,
	              look->whole ? "" : "about ", oc_human_count(look->estimate, n),
	              oc_human_bytes(look->bytes, bytes), (unsigned long long)look->rows);
	for (unsigned i = 0; i < look->field_n && i < SHOWN_FIELDS; i++) {
		const struct oc_look_field *f = &look->fields[i];
		oc_buf_puts(b, "#   ");
		yaml_text(b, f->name);
		oc_buf_printf(b, ": in %.0f %% of the rows",
		              100.0 * (double)f->rows / (double)look->rows);
		if (f->strings) {
			oc_buf_printf(b, ", %s each, such as ",
			              oc_human_bytes((double)f->bytes / (double)f->strings, n));
			yaml_text(b, f->example);
		}
		oc_buf_putc(b, '\n');
	}
	if (look->field_n > SHOWN_FIELDS)
		oc_buf_printf(b, "#   and %u more fields\n", look->field_n - SHOWN_FIELDS);
	if (look->bad) {
		oc_buf_printf(b, "#   %llu of them cannot be read; the first: ",
		              (unsigned long long)look->bad);
		yaml_text(b, look->first_bad);
		oc_buf_putc(b, '\n');
	}
}

static void write_plan(struct oc_buf *b, const struct oc_look *look, const char *file,
                       const char *type, const char *name, const char *plan)
{
	oc_buf_printf(b,
	              "# A plan for %s, written by `outcross init`.\n"
	              "#   outcross plan %s    checks it and says what a run would do\n"
	              "#   outcross run %s     does it\n"
	              "#   outcross help plan-keys    explains every key\n"
	              "outcross: 1\n"
	              "name: \"%s\"\n"
	              "seed: 1\n\n",
	              file, plan, plan, name);
	if (look)
		describe(b, look, file);
	oc_buf_printf(b, "sources:\n  %s:\n    type: %s\n    path: ", name, type);
	path_for(b, file, plan);
	oc_buf_puts(
		b,
		"\n"
		"    # Rows count as real when they were gathered before November 2022, or when\n"
		"    # somebody stands for them. Fill in one of the two and say `origin: real`.\n"
		"    origin: unknown\n"
		"    # collected: 2021-10-01\n"
		"    # attest: {who: your name, how: how you know that people wrote them}\n"
		"    # license: CC0-1.0     # SPDX name; every row made of these inherits it\n");
	if (look && find_field(look, "id"))
		oc_buf_puts(b, "    id: id               # your own label of a row\n");
	oc_buf_puts(
		b,
		"\n"
		"# Real rows drawn before anything else, which nothing may see: they become the\n"
		"# `test` split, and every figure stands beside the same figure for them.\n"
		"holdout: {share: 0.1, min: 500}\n\n"
		"# A model that writes new rows, and the recipe that asks it.\n"
		"# `outcross help llms` and `outcross help recipes` list what there is.\n"
		"# models:\n"
		"#   local: {type: gguf, path: smollm2}\n"
		"#   big: {type: openai, base: https://api.example.com/v1, model: NAME,\n"
		"#         key_env: MY_KEY, price: {prompt: 0.15, completion: 0.60}}\n"
		"# budget: {money: 5, hours: 2}\n"
		"# generate:\n"
		"#   - RECIPE: {model: local, rows: 200}\n\n"
		"# Stages that clean and choose; `outcross help stages` lists them all.\n"
		"curate:\n"
		"  - exact                # the same content twice\n"
		"  - near_dup             # nearly the same content\n"
		"  # - novelty: {threshold: 0.7}\n\n"
		"# Rows that wait for people: none, undecided, all or {sample: {limit: 0.05}}.\n"
		"review: none\n");
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	const char *from = oc_arg_str(cli, "from", NULL);
	const char *plan = oc_arg_str(cli, "output", "plan.yaml"), *type = "jsonl";
	bool to_stdout = strcmp(plan, "-") == 0;
	struct oc_arena *a = oc_arena_new();
	struct oc_look *look = oc_arena_zalloc(a, sizeof *look);
	struct oc_buf b = {0}, opts = {0};
	char name[48];
	int rc = -1;

	if (!to_stdout && oc_file_exists(plan) && !oc_arg_bool(cli, "force")) {
		oc_fail(err, OC_USAGE, plan,
		        "is there already; choose another with -o, or say --force");
		goto out;
	}
	if (strpbrk(plan, "\r\n") || (from && strpbrk(from, "\r\n"))) {
		oc_fail(err, OC_USAGE, "init", "a file name with a line break in it");
		goto out;
	}
	if (from) {
		const struct oc_source_def *def;
		yyjson_val *given, *resolved;
		type = type_of(from);
		def = oc_source_find(oc_str(type));
		if (!def) {
			oc_fail(err, OC_USAGE, from, "sources of type %s are not built in", type);
			goto out;
		}
		oc_buf_puts(&opts, "{\"path\":");
		oc_buf_json(&opts, oc_str(from));
		oc_buf_putc(&opts, '}');
		given = oc_json_parse(a, oc_buf_view(&opts), err);
		resolved = given ? oc_opts_resolve(a, def->options, given, from, NULL, NULL, err)
		                 : NULL;
		if (!resolved || oc_look(look, a, cli->ctx, def, resolved, from, "", err) < 0)
			goto out;
		if (look->rows == 0 || look->bad == look->rows) {
			oc_fail(err, OC_INPUT, from, "no row of it can be read as %s: %.*s", type,
			        OC_ARG(look->first_bad.len ? look->first_bad
			                                   : OC_LIT("it is empty")));
			goto out;
		}
	}
	name_of(from ? from : "rows", name);
	write_plan(&b, from ? look : NULL, from ? from : "rows.jsonl", type, name,
	           to_stdout ? "plan.yaml" : plan);
	if (to_stdout)
		rc = oc_cli_out(&b, err);
	else
		rc = oc_file_write(plan, b.p, b.len, err);
	if (rc == 0 && !to_stdout)
		oc_log(cli->ctx, OC_LOG_INFO, "wrote %s; next: outcross plan %s", plan, plan);
out:
	oc_arena_free(a);
	oc_buf_fini(&b);
	oc_buf_fini(&opts);
	return rc;
}

const struct oc_verb oc_verb_init = {
	.name = "init",
	.help = "write a commented plan, for your rows with --from",
	.usage = "[--from FILE] [-o PLAN]",
	.doc = "Looks at the first rows of FILE (JSONL, CSV, text; .gz and .zst too), says in "
	       "comments "
	       "what it saw, and writes a plan that `outcross plan` accepts. It never guesses that "
	       "rows are real: that is for you to state.",
	.flags = flags,
	.run = run,
};
