/* outcross generate: one recipe alone, as a small plan made here and run as any other. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/verb.h"
#include "data/yaml.h"
#include "run/run.h"

static const struct oc_flag flags[] = {
	{.name = "model",
         .letter = 'm',
         .type = OC_OPT_STR,
         .arg = "MODEL",
         .help = "a .gguf file (or its name in the models folder), or a model's name at --base"},
	{.name = "base",
         .type = OC_OPT_STR,
         .arg = "URL",
         .help = "an OpenAI-compatible endpoint: https://api.example.com/v1"},
	{.name = "key-env",
         .type = OC_OPT_STR,
         .arg = "NAME",
         .help = "the environment variable that holds the endpoint's key"},
	{.name = "from",
         .type = OC_OPT_STRS,
         .arg = "FILE",
         .help = "rows it starts from: .jsonl, .csv, or .txt and .md cut into chunks"},
	{.name = "attest",
         .type = OC_OPT_STR,
         .arg = "WHO",
         .help = "who says that people wrote these rows; without it their origin is unknown"},
	{.name = "output",
         .letter = 'o',
         .type = OC_OPT_PATH,
         .arg = "FOLDER",
         .help = "run folder",
         .def = "runs/RECIPE"},
	{.name = "seed",
         .type = OC_OPT_INT,
         .arg = "N",
         .help = "of everything drawn by chance",
         .def = "0",
         .min = 0,
         .max = 9e15},
	{.name = "offline",
         .type = OC_OPT_BOOL,
         .help = "send nothing: every reply must be in the store"},
	{.name = "show-plan", .type = OC_OPT_BOOL, .help = "print the plan it makes, do nothing"},
	{0},
};

static bool ends(struct oc_str s, const char *end)
{
	size_t n = strlen(end);

	return s.len >= n && memcmp(s.p + s.len - n, end, n) == 0;
}

/* A file's name without folder and endings, as a name in a plan. */
static void stem(struct oc_buf *b, const char *path)
{
	const char *p = strrchr(path, '/');

	for (p = p ? p + 1 : path; *p && *p != '.'; p++)
		oc_buf_putc(b, (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
		                               (*p >= 'A' && *p <= 'Z')
		                       ? *p
		                       : '_');
}

static void member(struct oc_buf *b, const char *key, const char *text)
{
	if (!text)
		return;
	oc_buf_printf(b, ",\"%s\":", key);
	oc_buf_json(b, oc_str(text));
}

static int write_sources(struct oc_cli *cli, struct oc_buf *b, struct oc_err *err)
{
	const char *file, *attest = oc_arg_str(cli, "attest", NULL);

	oc_buf_puts(b, ",\"sources\":{");
	for (unsigned i = 0; (file = oc_arg_many(cli, "from", i)); i++) {
		struct oc_str s = oc_str(file);
		const char *type = ends(s, ".csv") || ends(s, ".csv.gz") ? "csv"
		                   : ends(s, ".parquet")                 ? "parquet"
		                   : ends(s, ".txt") || ends(s, ".md")   ? "text"
		                                                         : "jsonl";
		oc_buf_puts(b, i ? ",\"" : "\"");
		stem(b, file);
		if (i)
			oc_buf_printf(b, "_%u", i + 1);
		oc_buf_printf(b, "\":{\"type\":\"%s\"", type);
		member(b, "path", file);
		member(b, "origin", attest ? "real" : "unknown");
		member(b, "use", "seeds");
		member(b, "attest", attest);
		oc_buf_putc(b, '}');
	}
	oc_buf_putc(b, '}');
	if (!oc_arg_bool(cli, "from"))
		return oc_fail(err, OC_USAGE, "generate",
		               "say which rows it starts from: --from FILE");
	return 0;
}

/* "digits=[1, 2]": the value is YAML; what is no YAML, such as a lone *, is a string. */
static int write_option(struct oc_buf *b, const char *word, struct oc_err *err)
{
	const char *is = strchr(word, '=');
	struct oc_arena *a;
	struct oc_err quiet = {0};
	yyjson_val *v;

	if (!is || is == word)
		return oc_fail(err, OC_USAGE, "generate",
		               "`%s` is no option of the recipe: write NAME=VALUE", word);
	a = oc_arena_new();
	oc_buf_putc(b, ',');
	oc_buf_json(b, (struct oc_str){word, (size_t)(is - word)});
	oc_buf_putc(b, ':');
	v = oc_yaml_parse(a, oc_str(is + 1), word, NULL, &quiet);
	if (v && !yyjson_is_null(v))
		oc_json_write(b, v);
	else
		oc_buf_json(b, oc_str(is + 1));
	oc_arena_free(a);
	return 0;
}

static int write_plan(struct oc_cli *cli, struct oc_buf *b, struct oc_err *err)
{
	const char *model = oc_arg_str(cli, "model", NULL), *base = oc_arg_str(cli, "base", NULL);

	if (!model)
		return oc_fail(err, OC_USAGE, "generate",
		               "say who writes: --model FILE.gguf, or --model NAME --base URL");
	oc_buf_puts(b, "{\"outcross\":1,\"name\":\"");
	stem(b, cli->operands[0]);
	oc_buf_printf(b, "\",\"seed\":%.0f,\"models\":{\"model\":{", oc_arg_num(cli, "seed", 0));
	if (base) {
		oc_buf_puts(b, "\"type\":\"openai\"");
		member(b, "base", base);
		member(b, "model", model);
		member(b, "key_env", oc_arg_str(cli, "key-env", NULL));
	} else {
		oc_buf_puts(b, "\"type\":\"gguf\"");
		member(b, "path", model);
	}
	oc_buf_puts(b, "}}");
	if (write_sources(cli, b, err))
		return -1;
	oc_buf_puts(b, ",\"generate\":[{");
	oc_buf_json(b, oc_str(cli->operands[0]));
	oc_buf_puts(b, ":{\"model\":\"model\"");
	for (unsigned i = 1; i < cli->operand_n; i++)
		if (write_option(b, cli->operands[i], err))
			return -1;
	oc_buf_puts(b, "}}]}");
	return 0;
}

static void progress(void *user, const struct oc_run_status *s)
{
	struct oc_cli *cli = user;
	char line[200];

	if (!oc_progress_due(&cli->progress))
		return;
	snprintf(line, sizeof line, "%s  %llu made  %llu fell  %llu asked, %llu in flight  %s",
	         s->phase, (unsigned long long)s->tally.made, (unsigned long long)s->tally.rejected,
	         (unsigned long long)s->sent + s->cached, (unsigned long long)s->in_flight,
	         s->note);
	oc_progress_show(&cli->progress, line);
}

/* The plan is one line that nobody wrote: "generate:1:246" is "generate". */
static void forget_place(struct oc_err *err)
{
	static const char line[] = "generate:1:";
	char *rest = err->where + sizeof line - 1;

	if (strncmp(err->where, line, sizeof line - 1) != 0)
		return;
	rest += strspn(rest, "0123456789");
	memmove(err->where + strlen("generate"), rest, strlen(rest) + 1);
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	struct oc_run_result *result = oc_zalloc(1, sizeof *result);
	struct oc_run_opts opts = {
		.dir = oc_arg_str(cli, "output", NULL),
		.offline = oc_arg_bool(cli, "offline"),
		.user = cli,
		.progress = progress,
	};
	struct oc_plan *plan = NULL;
	struct oc_buf text = {0}, out = {0};
	char here[4096];
	int rc = -1;

	if (!getcwd(here, sizeof here)) {
		oc_fail_errno(err, ".", "getcwd");
		goto out;
	}
	if (write_plan(cli, &text, err) ||
	    oc_plan_parse(&plan, cli->ctx, oc_buf_view(&text), "generate", here, err))
		goto out;
	cli->ctx->memory = plan->memory;
	if (oc_arg_bool(cli, "show-plan")) {
		oc_plan_write(&out, plan);
		rc = oc_cli_out(&out, err);
		goto out;
	}
	rc = oc_run(cli->ctx, plan, &opts, result, err);
	oc_progress_clear(&cli->progress);
	if (rc)
		goto out;
	if (cli->json) {
		rc = oc_run_result_json(&out, result, err);
	} else {
		oc_buf_printf(&out,
		              "%llu made, %llu kept, %llu rejected, %llu held; the rows are in "
		              "%s/out\n",
		              (unsigned long long)result->tally.made,
		              (unsigned long long)result->tally.train,
		              (unsigned long long)result->tally.rejected,
		              (unsigned long long)result->tally.held, result->dir);
	}
	if (!rc)
		rc = oc_cli_out(&out, err);
out:
	if (rc)
		forget_place(err);
	oc_buf_fini(&text);
	oc_buf_fini(&out);
	oc_run_result_fini(result);
	free(result);
	oc_plan_free(plan);
	return rc;
}

const struct oc_verb oc_verb_generate = {
	.name = "generate",
	.help = "let a model write rows by one recipe",
	.usage = "RECIPE --model MODEL --from FILE [OPTION=VALUE...]",
	.doc = "RECIPE is built in (`outcross help recipes` lists them) or a YAML file. What "
	       "follows "
	       "are its options, as a plan has them: rows=200 digits=[1,2]. It makes a small plan "
	       "of "
	       "it all and runs that: the folder holds the rows the model made, their pedigree, "
	       "what fell and why, and the report. The rows it started from go nowhere else; a "
	       "plan mixes both. The same command again continues, and pays for no reply twice.\n\n"
	       "--show-plan prints that plan in full, to go on from.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 1000,
	.run = run,
};
