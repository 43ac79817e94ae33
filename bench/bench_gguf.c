/*
 * bench_gguf: tokens a second of the local model with 1, 8 and 32 requests at once, each against
 * one request in the same run; and sums a minute with three shots, as the first plan asks for them.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/str.h"
#include "cli/helpers.h"
#include "data/json.h"
#include "llm/gguf.h"

#define MODEL "smollm2-135m-instruct"

struct bench {
	struct oc_ctx *ctx;
	void *self;
	struct oc_llm_host host;
	pthread_mutex_t lock;
	pthread_cond_t change;
	uint32_t done_n;
};

static void on_log(void *user, int level, const char *text)
{
	(void)user;
	if (level <= OC_LOG_INFO)
		fprintf(stderr, "  %s\n", text);
}

static void on_done(void *user, struct oc_exchange *x)
{
	struct bench *b = user;

	if (x->status != 200)
		fprintf(stderr, "status %d %s %.*s\n", x->status, x->error, OC_ARG(x->reply));
	pthread_mutex_lock(&b->lock);
	b->done_n++;
	pthread_cond_signal(&b->change);
	pthread_mutex_unlock(&b->lock);
}

/* Seconds for n requests of at most `tokens` each; to the end of the line, or all of them. */
static double run(struct bench *b, uint32_t n, uint32_t tokens, const char *prompt, bool line)
{
	struct oc_exchange *x = oc_zalloc(n, sizeof *x);
	struct oc_buf *body = oc_zalloc(n, sizeof *body);
	struct oc_err err = {0};
	double start = oc_now();

	b->done_n = 0;
	for (uint32_t i = 0; i < n; i++) {
		oc_buf_puts(&body[i], "{\"prompt\":");
		oc_buf_json(&body[i], oc_str(prompt));
		oc_buf_printf(&body[i], ",\"max_tokens\":%u%s}", tokens,
		              line ? ",\"stop\":\"\\n\"" : ",\"ignore_eos\":true");
		x[i] = (struct oc_exchange){.id = i + 1,
		                            .kind = OC_CALL_COMPLETION,
		                            .body = oc_buf_view(&body[i]),
		                            .max_tokens = tokens,
		                            .seed = i};
		oc_llm_gguf.submit(b->self, &x[i], &err);
	}
	pthread_mutex_lock(&b->lock);
	while (b->done_n < n)
		pthread_cond_wait(&b->change, &b->lock);
	pthread_mutex_unlock(&b->lock);
	double seconds = oc_now() - start;
	for (uint32_t i = 0; i < n; i++) {
		free((void *)(uintptr_t)x[i].reply.p);
		oc_buf_fini(&body[i]);
	}
	free(body);
	free(x);
	return seconds;
}

static int start(struct bench *b, const char *opts, struct oc_arena *a)
{
	struct oc_err err = {0};
	struct oc_env env = {.size = sizeof env, .ctx = b->ctx, .name = "bench", .base_dir = "."};

	if (oc_llm_gguf.open(&b->self, &env, oc_json_parse(a, oc_str(opts), &err), &b->host,
	                     &err)) {
		fprintf(stderr, "%s: %s\n", err.where, err.msg);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const uint32_t at_once[] = {1, 8, 32};
	struct bench b = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};
	struct oc_arena *a;
	double base = 0;

	if (argc > 1 && strcmp(argv[1], "__helper") == 0)
		return oc_helper_main(argc, argv);
	a = oc_arena_new();
	b.ctx = oc_ctx_new(0, 0);
	oc_ctx_log(b.ctx, on_log, NULL);
	b.host = (struct oc_llm_host){.user = &b, .done = on_done};
	printf("requests at once   tokens/s   against one\n");
	for (size_t i = 0; i < sizeof at_once / sizeof *at_once; i++) {
		char opts[160];
		uint32_t n = at_once[i], tokens = 64;
		snprintf(opts, sizeof opts, "{\"path\":\"" MODEL "\",\"slots\":%u,\"context\":256}",
		         n);
		double begin = oc_now();
		if (start(&b, opts, a))
			return 77;
		run(&b, 1, 1, "Once", false); /* the first request loads and tests the model */
		double ready = oc_now() - begin;
		double speed = n * tokens / run(&b, n, tokens, "Once upon a time there was", false);
		if (base == 0)
			base = speed;
		printf("%16u %10.1f %10.2fx   (ready in %.2f s)\n", n, speed, speed / base, ready);
		fflush(stdout);
		if (n == 32) {
			double seconds = run(&b, 200, 24,
			                     "Multiplication of whole numbers, one a line.\n"
			                     "12 * 34 = 408\n7 * 85 = 595\n46 * 21 = 966\n",
			                     true);
			printf("200 sums, three shots: %.1f s, %.0f a minute\n", seconds,
			       200 * 60 / seconds);
		}
		oc_llm_gguf.close(b.self);
	}
	oc_ctx_free(b.ctx);
	oc_arena_free(a);
	return 0;
}
