/*
 * proc.h: starting a program and learning how it ended.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <sys/types.h>

#include "outcross.h"

/*
 * Starts argv[0] (a path, no search) with descriptors 0..fd_n-1 taken from fds; -1 stands for
 * /dev/null; fd_n <= 8. Signals are at their defaults and unblocked; the child leads a process
 * group of its own, so Ctrl-C reaches only us and we decide. Every other descriptor must be
 * close-on-exec, as all of ours are.
 */
int oc_proc_spawn(pid_t *pid, const char *const *argv, const int *fds, unsigned fd_n,
                  struct oc_err *err);

/*
 * Waits at most `seconds`. 1: ended, *status as waitpid gives it (-1 when somebody else reaped
 * it); 0: still running.
 */
int oc_proc_wait(pid_t pid, double seconds, int *status);

/* "exit status 3", "signal 6 (Aborted)". */
void oc_proc_describe(int status, char out[64]);

#endif
