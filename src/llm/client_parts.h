/* client_parts.h: what client.c (submit, next) and client_done.c (a backend's answers) share. */
#ifndef LLM_CLIENT_PARTS_H
#define LLM_CLIENT_PARTS_H

#include <pthread.h>

#include "llm/client.h"

struct handle;

/* A request from submit to reply_free. */
struct call {
	struct oc_exchange x;
	struct handle *handle; /* NULL: its handle was closed */
	struct call *next;     /* in the ready or the waiting list */
	struct call *chain;    /* in the table of what is in flight */
	struct call *twin;     /* calls with the same key that wait for this one */
	struct oc_hash128 key;
	uint64_t tag;
	enum oc_reply_state state;
	struct oc_str body;     /* as sent; malloc'ed */
	struct oc_record found; /* a stored reply, or empty */
	struct oc_usage usage;
	double cost, upper_money, unknown_cost;
	uint64_t upper_tokens;
	uint32_t unknown_seen; /* unknown attempts that the budget counts already */
	bool reserved, refused, cached;
	char error[256];
};

struct call_list {
	struct call *first, **last;
};

struct sample {
	struct oc_hash128 body;
	uint32_t count; /* 0 = free */
};

struct handle {
	struct oc_llm base;
	struct oc_llm_model *m;
	char *step;
	pthread_cond_t wake;
	struct call_list ready, waiting; /* waiting: for the budget, in the order of submit */
	uint32_t pending;                /* submitted and not yet returned by next */
	struct sample *samples;
	size_t sample_n, sample_cap;
	struct oc_arena *arena;
	struct oc_buf text;
};

#define FLIGHT_HEADS 4096

struct oc_llm_model {
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct oc_ctx *ctx;
	const struct oc_llm_def *def;
	void *self;
	char *name, *api_model, *identity;
	yyjson_val *extra;
	bool send_seed, offline, depth_at_least;
	uint32_t depth;
	struct oc_llm_price price;
	struct oc_store *store;
	struct oc_budget *budget;
	struct call *flight[FLIGHT_HEADS];
	uint32_t flying;     /* handed to the backend, not yet done */
	struct oc_err fatal; /* the endpoint is of no use any more */
	bool warned, late;   /* late: stopped, because the budget's time was up */
	struct oc_llm_stats stats;
};

void oc_calls_put(struct call_list *l, struct call *c);
struct call *oc_calls_take(struct call_list *l); /* NULL: empty */
void oc_call_free(struct call *c);

/* These are called with the model's lock held. */
void oc_call_deliver(struct call *c); /* to its handle, or freed when that was closed */
struct call **oc_flight_of(struct oc_llm_model *m, struct oc_hash128 key); /* where it hangs */
void oc_client_fatal(struct oc_llm_model *m, const struct oc_err *err);    /* the first one wins */
void oc_client_failed(struct oc_llm_model *m, const char *why);            /* counts a request */

/* struct oc_llm_host */
int oc_client_sent(void *user, struct oc_exchange *x);
void oc_client_done(void *user, struct oc_exchange *x);

#endif
