#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/err.h"

#define FD_MAX   8
#define FD_ABOVE 16 /* sources are moved above every target, so that no dup2 overwrites one */

int oc_proc_spawn(pid_t *pid, const char *const *argv, const int *fds, unsigned fd_n,
                  struct oc_err *err)
{
	posix_spawn_file_actions_t acts;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int from[FD_MAX], status = -1, failed = 0;

	if (fd_n > FD_MAX)
		return oc_fail(err, OC_INTERNAL, argv[0], "too many descriptors: %u", fd_n);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&acts);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
	                                        POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &none);
	for (unsigned i = 0; i < fd_n; i++) {
		from[i] = fds[i] < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : fds[i];
		int high = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, FD_ABOVE);
		if (fds[i] < 0 && from[i] >= 0)
			close(from[i]);
		from[i] = high;
		if (high < 0)
			failed = errno;
		else
			posix_spawn_file_actions_adddup2(&acts, high, (int)i);
	}
	if (!failed)
		failed = posix_spawn(pid, argv[0], &acts, &attr, (char *const *)argv, environ);
	if (failed) {
		errno = failed;
		oc_fail_errno(err, argv[0], "cannot start the program");
	} else {
		status = 0;
	}
	for (unsigned i = 0; i < fd_n; i++)
		if (from[i] >= 0)
			close(from[i]);
	posix_spawn_file_actions_destroy(&acts);
	posix_spawnattr_destroy(&attr);
	return status;
}

int oc_proc_wait(pid_t pid, double seconds, int *status)
{
	double until = oc_now() + seconds;
	struct timespec nap = {0, 500000};

	for (;;) {
		pid_t got = waitpid(pid, status, WNOHANG);
		if (got == pid)
			return 1;
		if (got < 0 && errno != EINTR) {
			*status = -1;
			return 1;
		}
		if (oc_now() >= until)
			return 0;
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 20000000)
			nap.tv_nsec *= 2;
	}
}

void oc_proc_describe(int status, char out[64])
{
	if (status == -1)
		snprintf(out, 64, "unknown status");
	else if (WIFSIGNALED(status))
		snprintf(out, 64, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(out, 64, "exit status %d", WEXITSTATUS(status));
}
