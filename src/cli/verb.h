/*
 * verb.h: one verb of the program = one file verb_NAME.c with a `const struct oc_verb
 * oc_verb_NAME` and one line in verbs.c. Help, man page, completions and manual are made from it.
 *
 * A verb gets its line already parsed and checked. It prints data on stdout and talks through
 * oc_log; it fails by filling `err`, which main prints and turns into the exit status.
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include "base/ctx.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/progress.h"

/* One option of the command line. Tables end with name NULL. */
struct oc_flag {
	const char *name;      /* long name, without dashes */
	char letter;           /* -x; 0 = none */
	enum oc_opt_type type; /* BOOL, INT, NUM, STR, ENUM, BYTES, DURATION, PATH or STRS (may be
	                          given again and again) */
	const char *arg;       /* what its value is called in help: "FILE"; NULL for BOOL */
	const char *help;      /* one line */
	const char *def;       /* what help says the default is; NULL = none */
	const char *choices;   /* OC_OPT_ENUM: "a|b|c" */
	double min, max;       /* of a number; used when min < max */
};

struct oc_cli;

struct oc_verb {
	const char *name, *help; /* help: one line, no full stop */
	const char *usage;       /* what follows the verb: "PLAN [options]" */
	const char *doc;         /* paragraphs, parted by an empty line; may be NULL */
	const struct oc_flag *flags;
	unsigned operand_min, operand_max; /* how many words beside options; max 0 = none */
	bool hidden; /* not in help: started by Outcross itself; argv is handed over unparsed */
	/* A part the line may name gives the verb further options (train NAME): the table of the
	 * part of that name, or NULL. May be NULL. */
	const struct oc_option *(*part)(struct oc_str name);
	/* 0 done, 1..255 that exit status without a message, -1 see err. */
	int (*run)(struct oc_cli *cli, struct oc_err *err);
};

extern const struct oc_verb *const oc_verbs[]; /* ended by NULL, in the order of help */
extern const struct oc_flag oc_common_flags[]; /* every verb has these */
const struct oc_verb *oc_verb_find(struct oc_str name);

struct oc_given { /* one option as given */
	const struct oc_flag *flag;
	const char *text;
	double num; /* INT, NUM, BYTES, DURATION */
};

struct oc_cli {
	struct oc_ctx *ctx;
	const struct oc_verb *verb;
	const char **operands; /* (operand_n) */
	unsigned operand_n;
	struct oc_given *given; /* (given_n) in the order of the line */
	unsigned given_n;
	struct oc_flag *part; /* options of the part named on the line, made from its table */
	int argc;             /* of a hidden verb: what follows its name */
	char **argv;
	bool json, quiet, verbose;
	struct oc_progress progress;
};

/* The options of a line; the last one given wins. */
bool oc_arg_bool(const struct oc_cli *cli, const char *name); /* was it given? any type */
const char *oc_arg_str(const struct oc_cli *cli, const char *name, const char *otherwise);
double oc_arg_num(const struct oc_cli *cli, const char *name, double otherwise);
/* Value number i of an option that may be given often, or NULL. */
const char *oc_arg_many(const struct oc_cli *cli, const char *name, unsigned i);

/* The options given of the part the line named, as the mapping its table checks: {"order": 5}. */
void oc_arg_part(const struct oc_cli *cli, struct oc_buf *json);

/* args.c: takes the line apart. On --help sets *help and returns 0 without further checks. */
int oc_args_parse(struct oc_cli *cli, int argc, char **argv, bool *help, struct oc_err *err);
void oc_args_fini(struct oc_cli *cli);

/* help.c: all made from the tables. Each appends text to `b`. */
void oc_help_overview(struct oc_buf *b);
void oc_help_verb(struct oc_buf *b, const struct oc_verb *verb);
int oc_help_topic(struct oc_buf *b, const char *topic, struct oc_err *err);
void oc_help_stages(struct oc_buf *b);      /* each stage: what, kind, cost, source */
void oc_help_man(struct oc_buf *b);         /* roff */
void oc_help_completions(struct oc_buf *b); /* bash */
void oc_help_manual(struct oc_buf *b);      /* Markdown, the option reference of doc/manual.md */

/* Writes to stdout. */
int oc_cli_out(const struct oc_buf *b, struct oc_err *err);

#endif
