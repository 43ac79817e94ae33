#include "base/ctx.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"

struct oc_ctx *oc_ctx_new(unsigned threads, uint64_t memory)
{
	struct oc_ctx *ctx = oc_zalloc(1, sizeof *ctx);
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	ctx->threads = threads ? threads : online > 0 ? (unsigned)online : 1;
	ctx->memory = memory ? memory : (uint64_t)1 << 30;
	return ctx;
}

void oc_ctx_free(struct oc_ctx *ctx)
{
	free(ctx);
}

void oc_ctx_log(struct oc_ctx *ctx, oc_log_fn *fn, void *user)
{
	ctx->log = fn;
	ctx->log_user = user;
}

void oc_ctx_cancel(struct oc_ctx *ctx)
{
	atomic_fetch_add(&ctx->cancel, 1);
}

void oc_log(struct oc_ctx *ctx, int level, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	if (!ctx || !ctx->log)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	ctx->log(ctx->log_user, level, text);
}

double oc_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
