/* args.c: takes a command line apart by a verb's table. Options may stand anywhere; `--` ends them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/verb.h"
#include "data/opts.h"

/* Tables of options that a line may use. */
#define TABLES 3
#define TABLES_OF(cli)                                                                             \
	{                                                                                          \
		(cli)->part, (cli)->verb->flags, oc_common_flags                                   \
	}

static const struct oc_flag *find_flag(const struct oc_cli *cli, struct oc_str name, char letter)
{
	const struct oc_flag *tables[TABLES] = TABLES_OF(cli);

	for (unsigned t = 0; t < TABLES; t++)
		for (const struct oc_flag *f = tables[t]; f && f->name; f++)
			if (letter ? f->letter == letter : oc_str_is(name, f->name))
				return f;
	return NULL;
}

static int unknown_flag(const struct oc_cli *cli, struct oc_str name, struct oc_err *err)
{
	const struct oc_flag *tables[TABLES] = TABLES_OF(cli);
	const struct oc_verb *verb = cli->verb;
	const char *names[128], *near;
	size_t n = 0;

	for (unsigned t = 0; t < TABLES; t++)
		for (const struct oc_flag *f = tables[t]; f && f->name && n < 128; f++)
			names[n++] = f->name;
	near = oc_nearest(name, names, n);
	if (near)
		return oc_fail(err, OC_USAGE, verb->name,
		               "unknown option --%.*s; did you mean --%s?", OC_ARG(name), near);
	return oc_fail(err, OC_USAGE, verb->name,
	               "unknown option --%.*s; `outcross %s --help` lists them", OC_ARG(name),
	               verb->name);
}

static bool is_one_of(const char *choices, const char *word)
{
	size_t len = strlen(word);

	while (*choices) {
		size_t n = strcspn(choices, "|");
		if (n == len && memcmp(choices, word, n) == 0)
			return true;
		choices += n + (choices[n] == '|');
	}
	return false;
}

static int read_value(struct oc_given *g, const struct oc_verb *verb, struct oc_err *err)
{
	const struct oc_flag *f = g->flag;
	const char *wants = NULL;
	char *end;

	switch (f->type) {
	case OC_OPT_INT:
	case OC_OPT_NUM:
		g->num = strtod(g->text, &end);
		/* 10k and 2M are numbers too. */
		if (end != g->text && *end && f->type == OC_OPT_INT)
			g->num = (double)oc_parse_bytes(oc_str(g->text));
		else if (end == g->text || *end)
			wants = "a number";
		if (!isfinite(g->num) || (f->type == OC_OPT_INT && g->num != floor(g->num)))
			wants = f->type == OC_OPT_INT ? "a whole number" : "a number";
		if (!wants && f->min < f->max && (g->num < f->min || g->num > f->max))
			return oc_fail(err, OC_USAGE, verb->name,
			               "--%s is %s, but must be from %g to %g", f->name, g->text,
			               f->min, f->max);
		break;
	case OC_OPT_BYTES:
		g->num = (double)oc_parse_bytes(oc_str(g->text));
		if (g->num < 0)
			wants = "a size such as 512MB or 1GiB";
		break;
	case OC_OPT_DURATION:
		g->num = oc_parse_duration(oc_str(g->text));
		if (g->num < 0)
			wants = "a time such as 30s, 5m or 2h";
		break;
	case OC_OPT_ENUM:
		if (!is_one_of(f->choices, g->text))
			return oc_fail(err, OC_USAGE, verb->name,
			               "--%s cannot be `%s`; it is one of %s", f->name, g->text,
			               f->choices);
		break;
	default: break;
	}
	if (wants)
		return oc_fail(err, OC_USAGE, verb->name, "--%s needs %s, not `%s`", f->name, wants,
		               g->text);
	return 0;
}

/* Takes the option at argv[*i]; a cluster of letters (-qv) counts as several. */
static int read_option(struct oc_cli *cli, int argc, char **argv, int *i, struct oc_err *err)
{
	const char *word = argv[*i];
	bool is_long = word[1] == '-';
	const char *p = word + (is_long ? 2 : 1);

	for (;;) {
		size_t len = is_long ? strcspn(p, "=") : 1;
		const struct oc_flag *f =
			find_flag(cli, (struct oc_str){p, len}, is_long ? '\0' : *p);
		struct oc_given *g;
		const char *value = NULL;

		if (!f && is_long)
			return unknown_flag(cli, (struct oc_str){p, len}, err);
		if (!f)
			return oc_fail(err, OC_USAGE, cli->verb->name,
			               "unknown option -%c; `outcross %s --help` lists them", *p,
			               cli->verb->name);
		p += len;
		if (f->type == OC_OPT_BOOL) {
			if (is_long && *p == '=')
				return oc_fail(err, OC_USAGE, cli->verb->name,
				               "--%s takes no value", f->name);
		} else if (*p) {
			value = *p == '=' ? p + 1 : p;
		} else if (*i + 1 < argc) {
			value = argv[++*i];
		} else {
			return oc_fail(err, OC_USAGE, cli->verb->name, "--%s needs a value: %s",
			               f->name, f->arg ? f->arg : "VALUE");
		}
		g = &cli->given[cli->given_n++];
		*g = (struct oc_given){.flag = f, .text = value};
		if (value && read_value(g, cli->verb, err) < 0)
			return -1;
		if (is_long || value || *p == '\0')
			return 0;
	}
}

static const struct oc_given *last_given(const struct oc_cli *cli, const char *name)
{
	for (unsigned i = cli->given_n; i-- > 0;)
		if (strcmp(cli->given[i].flag->name, name) == 0)
			return &cli->given[i];
	return NULL;
}

/* The first word that names a part brings that part's options. What they may hold is checked with
 * the part's table, later. */
static void find_part(struct oc_cli *cli, int argc, char **argv)
{
	const struct oc_option *table = NULL;
	size_t n = 0;

	for (int i = 0; i < argc && !table; i++)
		if (argv[i][0] != '-')
			table = cli->verb->part(oc_str(argv[i]));
	while (table && table[n].key)
		n++;
	cli->part = oc_zalloc(n + 1, sizeof *cli->part);
	for (size_t i = 0; i < n; i++)
		cli->part[i] = (struct oc_flag){
			.name = table[i].key,
			.type = table[i].type == OC_OPT_BOOL   ? OC_OPT_BOOL
		                : table[i].type == OC_OPT_STRS ? OC_OPT_STRS
		                                               : OC_OPT_STR,
			.help = table[i].help,
		};
}

void oc_arg_part(const struct oc_cli *cli, struct oc_buf *json)
{
	bool any = false;

	oc_buf_putc(json, '{');
	for (const struct oc_flag *f = cli->part; f && f->name; f++) {
		const struct oc_given *last = last_given(cli, f->name);
		const char *text = last ? last->text : NULL;
		char *end = NULL;
		if (!last)
			continue;
		oc_buf_puts(json, any ? "," : "");
		any = true;
		oc_buf_json(json, oc_str(f->name));
		oc_buf_putc(json, ':');
		if (f->type == OC_OPT_BOOL) {
			oc_buf_puts(json, "true");
		} else if (f->type == OC_OPT_STRS) {
			for (unsigned i = 0; (text = oc_arg_many(cli, f->name, i)); i++) {
				oc_buf_putc(json, i ? ',' : '[');
				oc_buf_json(json, oc_str(text));
			}
			oc_buf_putc(json, ']');
		} else if (isfinite(strtod(text, &end)) && end != text && !*end &&
		           strspn(text, "0123456789.-") == strlen(text)) {
			oc_buf_double(json, strtod(text, NULL));
		} else {
			oc_buf_json(json, oc_str(text));
		}
	}
	oc_buf_putc(json, '}');
}

int oc_args_parse(struct oc_cli *cli, int argc, char **argv, bool *help, struct oc_err *err)
{
	size_t letters = 0;
	bool only_words = false;

	*help = false;
	if (cli->verb->part)
		find_part(cli, argc, argv);
	for (int i = 0; i < argc; i++)
		letters += strlen(argv[i]) + 1;
	cli->given = oc_zalloc(letters + 1, sizeof *cli->given);
	cli->operands = oc_zalloc((size_t)argc + 1, sizeof *cli->operands);
	for (int i = 0; i < argc; i++) {
		const char *word = argv[i];
		if (!only_words && strcmp(word, "--") == 0)
			only_words = true;
		else if (only_words || word[0] != '-' || word[1] == '\0')
			cli->operands[cli->operand_n++] = word;
		else if (read_option(cli, argc, argv, &i, err) < 0)
			return -1;
	}
	*help = oc_arg_bool(cli, "help");
	cli->json = oc_arg_bool(cli, "json");
	cli->quiet = oc_arg_bool(cli, "quiet");
	cli->verbose = oc_arg_bool(cli, "verbose");
	if (*help)
		return 0;
	if (cli->operand_n < cli->verb->operand_min)
		return oc_fail(err, OC_USAGE, cli->verb->name,
		               "something is missing; usage: outcross %s %s", cli->verb->name,
		               cli->verb->usage);
	if (cli->operand_n > cli->verb->operand_max)
		return oc_fail(err, OC_USAGE, cli->verb->name,
		               "`%s` is one word too many; usage: outcross %s %s",
		               cli->operands[cli->verb->operand_max], cli->verb->name,
		               cli->verb->usage);
	return 0;
}

void oc_args_fini(struct oc_cli *cli)
{
	free(cli->given);
	free(cli->operands);
	free(cli->part);
	cli->part = NULL;
	cli->given = NULL;
	cli->operands = NULL;
}

bool oc_arg_bool(const struct oc_cli *cli, const char *name)
{
	return last_given(cli, name) != NULL;
}

const char *oc_arg_str(const struct oc_cli *cli, const char *name, const char *otherwise)
{
	const struct oc_given *g = last_given(cli, name);
	return g ? g->text : otherwise;
}

double oc_arg_num(const struct oc_cli *cli, const char *name, double otherwise)
{
	const struct oc_given *g = last_given(cli, name);
	return g ? g->num : otherwise;
}

const char *oc_arg_many(const struct oc_cli *cli, const char *name, unsigned i)
{
	for (unsigned k = 0; k < cli->given_n; k++)
		if (strcmp(cli->given[k].flag->name, name) == 0 && i-- == 0)
			return cli->given[k].text;
	return NULL;
}
