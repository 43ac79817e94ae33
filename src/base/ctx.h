/* ctx.h: the context on which all state hangs: log, cancel flag, budget of cores and memory. */
#ifndef BASE_CTX_H
#define BASE_CTX_H

#include <stdatomic.h>

#include "outcross.h"

struct oc_pool;

struct oc_ctx {
	unsigned threads;  /* cores that workers and a local model share */
	uint64_t memory;   /* bytes */
	atomic_int cancel; /* signals seen: 1 = drain, 2 = stop now */
	oc_log_fn *log;
	void *log_user;
	const char
		*program; /* path of the executable, for helper processes; NULL = /proc/self/exe */
};

void oc_log(struct oc_ctx *ctx, int level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static inline bool oc_cancelled(struct oc_ctx *ctx)
{
	return atomic_load_explicit(&ctx->cancel, memory_order_relaxed) != 0;
}

/* Seconds of a clock that never jumps. */
double oc_now(void);

#endif
