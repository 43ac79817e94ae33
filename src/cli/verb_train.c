/* outcross train: makes, from rows, what a stage uses: a language model, a classifier, ... */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/verb.h"
#include "data/opts.h"
#include "plan/registry.h"

static const struct oc_flag flags[] = {
	{.name = "output",
         .letter = 'o',
         .type = OC_OPT_PATH,
         .arg = "MODEL",
         .help = "the file to make; it appears when it is whole"},
	{.name = "memory",
         .type = OC_OPT_BYTES,
         .arg = "SIZE",
         .help = "what training may hold; the rest is sorted on disk, beside MODEL",
         .def = "1GiB"},
	{.name = "seed",
         .type = OC_OPT_INT,
         .arg = "N",
         .help = "of everything drawn by chance",
         .def = "0",
         .min = 0,
         .max = 9e15},
	{.name = "force", .letter = 'f', .type = OC_OPT_BOOL, .help = "overwrite MODEL"},
	{0},
};

static const struct oc_option *part(struct oc_str name)
{
	const struct oc_trainer_def *def = oc_trainer_find(name);

	return def ? def->options : NULL;
}

static void progress(void *user, const char *text)
{
	struct oc_cli *cli = user;

	if (oc_progress_due(&cli->progress))
		oc_progress_show(&cli->progress, text);
}

static const struct oc_trainer_def *find(const struct oc_cli *cli, struct oc_err *err)
{
	const struct oc_trainer_def *def = oc_trainer_find(oc_str(cli->operands[0]));
	struct oc_buf names = {0};

	if (def)
		return def;
	for (size_t i = 0; oc_trainers[i]; i++)
		oc_buf_printf(&names, "%s%s", i ? ", " : "", oc_trainers[i]->name);
	oc_fail(err, OC_USAGE, "train", "`%s` cannot be trained; what can: %s", cli->operands[0],
	        oc_buf_cstr(&names));
	oc_buf_fini(&names);
	return NULL;
}

static int check(const struct oc_cli *cli, const struct oc_trainer_def *def, const char *out,
                 struct oc_err *err)
{
	if (!out)
		return oc_fail(err, OC_USAGE, "train", "say where the model goes: -o MODEL");
	if (def->files != (cli->operand_n > 1))
		return oc_fail(err, OC_USAGE, "train", "usage: outcross train %s %s", def->name,
		               def->usage);
	if (oc_file_exists(out) && !oc_arg_bool(cli, "force"))
		return oc_fail(err, OC_USAGE, out, "there is such a file; --force overwrites it");
	return 0;
}

/* Temporary files lie beside the model, where there is room for it. */
static char *work_folder(const char *out, struct oc_err *err)
{
	struct oc_buf path = {0};

	oc_buf_printf(&path, "%s.work-XXXXXX", out);
	oc_buf_cstr(&path);
	if (mkdtemp(path.p))
		return path.p;
	oc_fail_errno(err, out, "cannot create a folder for temporary files beside it");
	oc_buf_fini(&path);
	return NULL;
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	const struct oc_trainer_def *def = find(cli, err);
	const char *out = oc_arg_str(cli, "output", NULL);
	struct oc_arena *a = oc_arena_new();
	struct oc_buf given = {0}, said = {0};
	struct oc_err ignored = {0};
	char *work = NULL, what[80];
	int rc = -1;

	if (!def || check(cli, def, out, err) < 0)
		goto out;
	oc_arg_part(cli, &given);
	snprintf(what, sizeof what, "train %s", def->name);
	yyjson_val *opts = oc_json_parse(a, oc_buf_view(&given), err);
	opts = opts ? oc_opts_resolve(a, def->options, opts, what, NULL, NULL, err) : NULL;
	if (!opts || !(work = work_folder(out, err)))
		goto out;
	oc_buf_printf(&said, "{\"trained\":\"%s\",\"file\":", def->name);
	oc_buf_json(&said, oc_str(out));
	oc_buf_putc(&said, ',');
	struct oc_train t = {
		.ctx = cli->ctx,
		.inputs = cli->operands + 1,
		.input_n = cli->operand_n - 1,
		.out = out,
		.work_dir = work,
		.seed = (uint64_t)oc_arg_num(cli, "seed", 0),
		.memory = (uint64_t)oc_arg_num(cli, "memory", 1024.0 * 1024 * 1024),
		.progress = progress,
		.user = cli,
		.said = &said,
	};
	rc = def->train(&t, opts, err);
	oc_progress_clear(&cli->progress);
	if (!rc && cli->json) {
		oc_buf_puts(&said, "}\n");
		rc = oc_cli_out(&said, err);
	}
out:
	if (work)
		oc_remove_tree(work, &ignored);
	free(work);
	oc_buf_fini(&given);
	oc_buf_fini(&said);
	oc_arena_free(a);
	return rc;
}

const struct oc_verb oc_verb_train = {
	.name = "train",
	.help = "make, from rows, what a stage uses: a language model, a classifier",
	.usage = "NAME [FILE...] [NAME's options] -o MODEL",
	.doc = "FILE is JSON lines, a JSON array, CSV or (.txt) plain text, plain, .gz or .zst. "
	       "`outcross help trainers` lists what can be trained, `outcross help NAME` explains "
	       "its options, which stand on the line as --order 5. The same rows and options give "
	       "the same file, byte for byte, at any number of threads.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 100000,
	.part = part,
	.run = run,
};
