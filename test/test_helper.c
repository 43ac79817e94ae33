#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/helper.h"
#include "base/proc.h"

/* ------------------------------------------------- helpers this program is */

enum { ECHO = OC_FRAME_FIRST, ABORT, SLEEP, FLOOD, PID };

static int echo_run(struct oc_port *port)
{
	struct oc_frame f;

	while (oc_port_recv(port, &f, -1) > 0) {
		struct oc_buf copy = {0};
		char pid[24];
		if (f.type == ABORT) {
			fprintf(stderr, "about to\nassertion no_bugs failed\n");
			abort();
		}
		if (f.type == SLEEP)
			sleep(30);
		if (f.type == PID) {
			snprintf(pid, sizeof pid, "%ld", (long)getpid());
			f.data = oc_str(pid);
		}
		oc_buf_str(&copy, f.data);
		int copies = f.type == FLOOD ? 20 : 1;
		while (copies--)
			if (oc_port_send(port, f.type, oc_buf_view(&copy), (struct oc_str){0}))
				return -1;
		oc_buf_fini(&copy);
	}
	return 0;
}

static const struct oc_helper_def defs[] = {{"echo", echo_run}};

/* -------------------------------------------------------------------- tests */

static struct oc_helper *start(struct oc_ctx *ctx)
{
	struct oc_helper *h;
	struct oc_err err = {0};

	if (oc_helper_spawn(&h, ctx, "echo", 10, &err))
		fail_msg("%s", err.msg);
	return h;
}

static void test_echo(void **state)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_helper *h = start(ctx);
	struct oc_err err = {0};
	struct oc_frame f;

	(void)state;
	assert_int_equal(oc_helper_recv(h, &f, 0, &err), 0);
	assert_int_equal(oc_helper_send(h, ECHO, OC_LIT("ab"), OC_LIT("c"), &err), 0);
	assert_int_equal(oc_helper_recv(h, &f, 5000, &err), 1);
	assert_int_equal(f.type, ECHO);
	assert_true(oc_str_is(f.data, "abc"));
	assert_int_equal(oc_helper_send(h, ECHO, (struct oc_str){0}, (struct oc_str){0}, &err), 0);
	assert_int_equal(oc_helper_recv(h, &f, 5000, &err), 1);
	assert_int_equal(f.data.len, 0);
	oc_helper_close(h);
	oc_ctx_free(ctx);
}

/* Both ends send more than a socket holds before either reads. */
static void test_no_stall(void **state)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_helper *h = start(ctx);
	struct oc_err err = {0};
	struct oc_frame f;
	size_t len = 3 << 20;
	char *big = oc_alloc(len);

	(void)state;
	for (size_t i = 0; i < len; i++)
		big[i] = (char)(i * 31 >> 3);
	for (int i = 0; i < 4; i++)
		assert_int_equal(oc_helper_send(h, FLOOD, (struct oc_str){big, len},
		                                (struct oc_str){0}, &err),
		                 0);
	for (int i = 0; i < 80; i++) {
		assert_int_equal(oc_helper_recv(h, &f, 10000, &err), 1);
		assert_int_equal(f.data.len, len);
		assert_memory_equal(f.data.p, big, len);
	}
	free(big);
	oc_helper_close(h);
	oc_ctx_free(ctx);
}

static void keep_log(void *user, int level, const char *text)
{
	(void)level;
	strncat(user, text, 500);
	strncat(user, "|", 2);
}

static void test_abort_is_an_error(void **state)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	char log[4096] = "";
	oc_ctx_log(ctx, keep_log, log);
	struct oc_helper *h = start(ctx);
	struct oc_err err = {0};
	struct oc_frame f;

	(void)state;
	oc_helper_send(h, ABORT, (struct oc_str){0}, (struct oc_str){0}, &err);
	assert_int_equal(oc_helper_recv(h, &f, 20000, &err), -1);
	assert_non_null(strstr(err.msg, "signal 6"));
	assert_non_null(strstr(err.msg, "assertion no_bugs failed"));
	assert_string_equal(err.where, "echo");
	oc_helper_close(h);
	assert_non_null(strstr(log, "echo: about to|"));
	oc_ctx_free(ctx);
}

static void test_deadline_and_close(void **state)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_helper *h = start(ctx);
	struct oc_err err = {0};
	struct oc_frame f;
	double before = oc_now();

	(void)state;
	oc_helper_send(h, SLEEP, (struct oc_str){0}, (struct oc_str){0}, &err);
	assert_int_equal(oc_helper_recv(h, &f, 100, &err), 0);
	pid_t pid = oc_helper_pid(h);
	oc_helper_close(h); /* the child sleeps in its main thread and must go all the same */
	assert_true(oc_now() - before < 5);
	assert_int_equal(kill(pid, 0), -1);
	oc_ctx_free(ctx);
}

/* A parent that is killed takes its helper along. */
static void test_dies_with_parent(void **state)
{
	int fds[2];
	char text[32] = "";

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid_t parent = fork();
	if (parent == 0) {
		struct oc_ctx *ctx = oc_ctx_new(1, 0);
		struct oc_helper *h;
		struct oc_err err = {0};
		struct oc_frame f;
		if (oc_helper_spawn(&h, ctx, "echo", 10, &err) ||
		    oc_helper_send(h, PID, (struct oc_str){0}, (struct oc_str){0}, &err) ||
		    oc_helper_recv(h, &f, 5000, &err) != 1 ||
		    oc_helper_send(h, SLEEP, (struct oc_str){0}, (struct oc_str){0}, &err) ||
		    write(fds[1], f.data.p, f.data.len) < 0)
			_exit(1);
		pause();
	}
	close(fds[1]);
	assert_true(read(fds[0], text, sizeof text - 1) > 0);
	pid_t pid = (pid_t)strtol(text, NULL, 10);
	assert_int_equal(kill(pid, 0), 0);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	for (int i = 0; i < 300 && kill(pid, 0) == 0; i++) {
		char stat[256] = "", path[64];
		snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
		FILE *file = fopen(path, "r");
		if (!file)
			break;
		if (!fgets(stat, sizeof stat, file))
			stat[0] = 0;
		fclose(file);
		if (strstr(stat, ") Z ")) /* dead; whoever adopted it has not looked yet */
			break;
		usleep(10000);
		assert_true(i < 299);
	}
	close(fds[0]);
}

static void test_strangers(void **state)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_helper *h;
	struct oc_err err = {0};

	(void)state;
	ctx->program = "/bin/true";
	assert_int_equal(oc_helper_spawn(&h, ctx, "echo", 5, &err), -1);
	assert_non_null(strstr(err.msg, "exit status 0"));
	memset(&err, 0, sizeof err);
	ctx->program = "/nonexistent/outcross";
	assert_int_equal(oc_helper_spawn(&h, ctx, "echo", 5, &err), -1);
	assert_int_equal(err.code, OC_IO);
	memset(&err, 0, sizeof err);
	ctx->program = NULL;
	assert_int_equal(oc_helper_spawn(&h, ctx, "nobody", 5, &err), -1);
	assert_non_null(strstr(err.msg, "exit status 2"));
	oc_ctx_free(ctx);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_no_stall),
		cmocka_unit_test(test_abort_is_an_error),
		cmocka_unit_test(test_deadline_and_close),
		cmocka_unit_test(test_dies_with_parent),
		cmocka_unit_test(test_strangers),
	};

	if (argc > 1 && strcmp(argv[1], "__helper") == 0)
		return oc_helper_child(defs, 1, argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
