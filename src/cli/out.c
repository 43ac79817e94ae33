/* out.c: data of a verb, on standard output. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "cli/verb.h"

int oc_cli_out(const struct oc_buf *b, struct oc_err *err)
{
	if (fwrite(b->p, 1, b->len, stdout) == b->len && fflush(stdout) == 0)
		return 0;
	if (errno == EPIPE) {
		/* `| head` has seen enough: end as programs do that never heard of it. */
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return oc_fail_errno(err, "standard output", "cannot write");
}
