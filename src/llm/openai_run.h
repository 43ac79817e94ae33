/*
 * openai_run.h: what an endpoint's thread works on; shared by openai.c (settings, opening, the
 * public side) and openai_run.c (the thread).
 */
#ifndef LLM_OPENAI_RUN_H
#define LLM_OPENAI_RUN_H

#include <pthread.h>

#include "base/ctx.h"
#include "llm/schedule.h"
#include "net/http.h"

/* An exchange on its way. */
struct task {
	struct oc_exchange *x;
	struct task *next;             /* in a queue */
	struct task *older, **to_this; /* among those in flight */
	struct openai *o;
	char *renamed;    /* body with max_completion_tokens, or NULL */
	uint32_t tries;   /* attempts that count */
	uint32_t broken;  /* 200 but unusable */
	uint32_t limited; /* 429 */
	double due;       /* when to send again */
	bool limit_named; /* sent under the other name */
	struct oc_ticket ticket;
};

struct queue {
	struct task *first, **last;
	uint32_t n;
};

struct openai {
	struct oc_ctx *ctx;
	struct oc_llm_host host;
	char *name, *shown; /* shown: base without user, password and query */
	char *urls[3];      /* by enum oc_call_kind */
	char *key, *key_env, *key_header;
	bool key_missing;
	struct oc_http_headers *headers;
	double timeout, connect_timeout, patience;
	uint32_t tries, start, max;
	bool learn_name;
	struct oc_sched_opts sched_opts;

	pthread_t thread;
	pthread_mutex_t lock; /* of what follows, up to the next gap */
	struct queue given;
	bool running, stop, quit, asleep;
	uint32_t window, in_flight, waiting;
	double wait_until;
	char state[96];

	/* of the thread */
	struct oc_http *http;
	struct oc_sched sched;
	struct queue ready, again; /* again: first of all when due */
	struct task **heap;        /* retries by due time */
	size_t heap_n, heap_cap;
	struct task *flying; /* in flight, newest first */
	bool long_name;      /* max_completion_tokens was learned */
	bool fine;           /* a usable reply came at some time */
	bool dead, halting;
	char why_dead[256];
	char last_refusal[96];
};

void openai_queue_add(struct queue *q, struct task *t);
/* The thread: argument and result of pthread_create. Ends when `quit` is set. */
void *openai_run(void *o);

#endif
