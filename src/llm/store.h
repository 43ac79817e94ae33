/*
 * store.h: every request and reply ever paid for (.outcross/replies/), append-only, shared by all
 * runs beside one plan; and the budget that no concurrency can overrun.
 */
#ifndef LLM_STORE_H
#define LLM_STORE_H

#include "base/ctx.h"
#include "base/hash.h"
#include "base/str.h"

struct oc_store;

/* Opens or creates the folder. Several processes may hold it: appends are locked. `readonly` for
 * --offline. A torn last record (power cut) is cut off; an intent without reply counts as unknown.
 */
int oc_store_open(struct oc_store **s, struct oc_ctx *ctx, const char *dir, bool readonly,
                  struct oc_err *err);
void oc_store_close(struct oc_store *s); /* fsyncs what is pending */

/* hash(key version, kind, canonical body without seed/stream/n/user/..., identity, sample index) */
struct oc_hash128 oc_reply_key(enum oc_call_kind kind, struct oc_str canonical_body,
                               const char *identity, uint32_t sample);

struct oc_record {
	struct oc_hash128 key;
	int status;
	struct oc_str request,
		reply; /* JSON bodies; malloc'ed together, free with oc_record_fini */
	struct oc_usage usage;
	double cost, seconds, time; /* time: Unix seconds */
	uint32_t attempts;
};

/* 1: found and filled, 0: not there. O(log n), one read. */
int oc_store_get(struct oc_store *s, struct oc_hash128 key, struct oc_record *out,
                 struct oc_err *err);
void oc_record_fini(struct oc_record *r);
/* Durable within 100 ms (group fsync); a kill of the process loses nothing. */
int oc_store_intent(struct oc_store *s, struct oc_hash128 key, double upper_cost,
                    struct oc_err *err);
int oc_store_put(struct oc_store *s, const struct oc_record *r, struct oc_err *err);
/* Attempts whose reply never came, of this store: count and upper bound of their cost. */
void oc_store_unknown(struct oc_store *s, uint64_t *n, double *cost);
uint64_t oc_store_count(struct oc_store *s);

/* Caps; 0 = none. What is in flight is counted at its upper bound. Thread-safe. */
struct oc_caps {
	double money;
	uint64_t tokens, requests;
	double seconds;
};
struct oc_budget;
struct oc_budget *oc_budget_new(const struct oc_caps *caps);
void oc_budget_free(struct oc_budget *b);
/* What earlier parts of this run already spent (resume). */
void oc_budget_spent(struct oc_budget *b, double money, uint64_t tokens, uint64_t requests);
bool oc_budget_reserve(struct oc_budget *b, double money, uint64_t tokens);
/* Replaces a reservation by what was used. False: more was used than reserved (a lying server). */
bool oc_budget_settle(struct oc_budget *b, double reserved_money, uint64_t reserved_tokens,
                      double money, uint64_t tokens);
/* Which cap stops sending now ("money: 0.98 of 1.00"), or NULL. */
const char *oc_budget_full(struct oc_budget *b, char out[96]);

#endif
