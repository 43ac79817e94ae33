/*
 * main.c: the door. Finds the verb, reads its line, runs it, and turns what happened into a
 * message and an exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/helpers.h"
#include "cli/verb.h"
#include "data/opts.h"

#define LAST_MOMENT 1 /* seconds a second signal leaves for stopping by ourselves */

/* What the signal handler needs. */
static struct oc_ctx *running;
static volatile sig_atomic_t signal_seen;
static struct oc_progress *talk;

/* First signal: drain. Second: stop now, by force after a moment. Third: at once. */
static void on_signal(int sig)
{
	int e = errno, before = signal_seen;

	if (sig == SIGALRM || (before && atomic_load(&running->cancel) > 1))
		_exit(128 + (before ? before : sig));
	signal_seen = sig;
	oc_ctx_cancel(running);
	if (before)
		alarm(LAST_MOMENT);
	errno = e;
}

static void catch_signals(struct oc_ctx *ctx)
{
	static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};
	struct sigaction act = {.sa_handler = on_signal}, old;

	running = ctx;
	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
		/* Started by nohup: a hang-up stays ignored. */
		if (sigaction(caught[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(caught[i], &act, NULL);
	/* A pipe whose reader left, or a helper process that died, is an error like others. */
	signal(SIGPIPE, SIG_IGN);
}

static void on_log(void *user, int level, const char *text)
{
	static const char *const marks[] = {"error: ", "warning: ", "", ""};
	const struct oc_cli *cli = user;
	struct oc_buf line = {0};
	int limit = cli->verbose ? OC_LOG_DEBUG : cli->quiet ? OC_LOG_ERROR : OC_LOG_INFO;

	if (level > limit)
		return;
	if (talk->colour && level <= OC_LOG_WARN)
		oc_buf_printf(&line, "\033[%sm%s\033[0m%s", level == OC_LOG_ERROR ? "31" : "33",
		              marks[level], text);
	else
		oc_buf_printf(&line, "%s%s", marks[level], text);
	oc_progress_say(talk, oc_buf_cstr(&line));
	oc_buf_fini(&line);
}

static int report(const struct oc_cli *cli, const struct oc_err *err)
{
	int status = oc_err_exit(err->code);
	struct oc_buf b = {0};

	if (err->code == OC_CANCELLED && signal_seen)
		status = 128 + signal_seen;
	if (cli->json) {
		oc_buf_printf(&b, "{\"error\":{\"code\":\"%s\",\"where\":", oc_err_name(err->code));
		oc_buf_json(&b, oc_str(err->where));
		oc_buf_puts(&b, ",\"message\":");
		oc_buf_json(&b, oc_str(err->msg));
		oc_buf_printf(&b, ",\"exit\":%d}}", status);
	} else {
		oc_buf_printf(&b, "outcross: %s%s%s", err->where, err->where[0] ? ": " : "",
		              err->msg);
	}
	if (talk)
		oc_progress_say(talk, oc_buf_cstr(&b));
	else
		fprintf(stderr, "%s\n", oc_buf_cstr(&b));
	oc_buf_fini(&b);
	return status;
}

static const struct oc_verb *find_verb(const char *word, struct oc_err *err)
{
	const struct oc_verb *verb = oc_verb_find(oc_str(word));
	const char *names[64], *near;
	size_t n = 0;

	if (verb)
		return verb;
	for (size_t i = 0; oc_verbs[i] && n < 64; i++)
		if (!oc_verbs[i]->hidden)
			names[n++] = oc_verbs[i]->name;
	near = oc_nearest(oc_str(word), names, n);
	if (near)
		oc_fail(err, OC_USAGE, NULL, "there is no verb `%s`; did you mean `%s`?", word,
		        near);
	else
		oc_fail(err, OC_USAGE, NULL, "there is no verb `%s`; `outcross help` lists them",
		        word);
	return NULL;
}

/* The verb is the first word that names one, so that options may stand before it. */
static int verb_at(int argc, char **argv)
{
	int first = 0;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		if (oc_verb_find(oc_str(argv[i])))
			return i;
		first = first ? first : i;
	}
	return first;
}

static int run_verb(struct oc_cli *cli, struct oc_err *err)
{
	struct oc_progress *p = &cli->progress;
	int rc;

	cli->ctx = oc_ctx_new((unsigned)oc_arg_num(cli, "threads", 0), 0);
	oc_ctx_log(cli->ctx, on_log, cli);
	oc_progress_init(p, cli->quiet || cli->json);
	talk = p;
	if (!cli->verb->hidden)
		catch_signals(cli->ctx);
	rc = cli->verb->run(cli, err);
	if (rc == 0 && fflush(stdout) != 0)
		rc = oc_fail_errno(err, "standard output", "cannot write");
	oc_progress_clear(p);
	return rc;
}

/*
 * Started without a standard stream, the next file opened would take its number, and what is said
 * would be written into a data set. The place is filled by what cannot be used in its direction, so
 * that reading and writing fail as they would have.
 */
static void fill_standard_streams(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			return;
}

int main(int argc, char **argv)
{
	struct oc_cli cli = {0};
	struct oc_err err = {0};
	struct oc_buf text = {0};
	bool help = false;
	int at = verb_at(argc, argv), rc = 0;

	fill_standard_streams();
	if (argc > 1 && strcmp(argv[1], "__helper") == 0)
		return oc_helper_main(argc, argv);
	if (at == 0) {
		const char *word = argc > 1 ? argv[1] : "";
		if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
			oc_buf_puts(&text, "outcross " OUTCROSS_VERSION "\n");
		else if (argc == 1 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
			oc_help_overview(&text);
		else
			oc_fail(&err, OC_USAGE, NULL, "`%s` without a verb; try `outcross help`",
			        word);
		if (err.code == OC_OK)
			oc_cli_out(&text, &err);
		goto out;
	}
	cli.verb = find_verb(argv[at], &err);
	if (!cli.verb)
		goto out;
	if (cli.verb->hidden) {
		cli.argc = argc - at - 1;
		cli.argv = argv + at + 1;
	} else {
		for (int i = at; i + 1 < argc; i++) /* the verb's word is done with */
			argv[i] = argv[i + 1];
		rc = oc_args_parse(&cli, argc - 2, argv + 1, &help, &err);
		if (rc < 0) {
			/* The line is wrong, so look for --json by eye. */
			for (int i = 1; i < argc - 1; i++)
				cli.json = cli.json || strcmp(argv[i], "--json") == 0;
			goto out;
		}
	}
	if (help) {
		oc_help_verb(&text, cli.verb);
		oc_cli_out(&text, &err);
	} else {
		rc = run_verb(&cli, &err);
	}
out:
	if (err.code != OC_OK)
		rc = report(&cli, &err);
	oc_ctx_free(cli.ctx);
	oc_args_fini(&cli);
	oc_buf_fini(&text);
	return rc;
}
