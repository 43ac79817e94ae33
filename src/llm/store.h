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

/*
 * The folder holds segments (seg-000001.ocr, ...: records framed by length and XXH3 checksum, only
 * ever appended to) and index.db (SQLite: key -> segment and offset). The segments are the truth:
 * the index is brought up to date, or rebuilt, from them.
 *
 * Several processes may hold one folder; they open it one after the other, and each appends to a
 * segment that it has locked. A record is
 * handed to the kernel before the call that wrote it returns, so a kill loses nothing; every 100 ms
 * one thread makes the group durable and indexes it, so a power cut loses at most that group. A
 * torn tail is cut off at the next open. An intent whose outcome is not found then counts as
 * unknown, at its upper bound.
 *
 * All functions below may be called from any thread. `readonly` (--offline) changes no file; where
 * the index is lost or damaged it reads all segments instead.
 */
int oc_store_open(struct oc_store **s, struct oc_ctx *ctx, const char *dir, bool readonly,
                  struct oc_err *err);
/* Makes everything durable. 0, or -1 when an earlier write in the background had failed. */
int oc_store_close(struct oc_store *s, struct oc_err *err);

/*
 * Key of a reply: hash(key version, kind, canonical body, identity, sample). Neither seed nor n
 * belongs to the canonical body (oc_body_make): `sample` is round << 32 | number among the equal
 * bodies of a step and round.
 */
struct oc_hash128 oc_reply_key(enum oc_call_kind kind, struct oc_str canonical_body,
                               const char *identity, uint64_t sample);

struct oc_record {
	struct oc_hash128 key;
	int status;  /* HTTP status of the last attempt, 0 = no reply came */
	bool failed; /* no usable answer: asked again by the next run, replayed by --offline */
	struct oc_str request, reply; /* bodies as sent and as received */
	struct oc_str error;          /* of a failed one: the sentence the row was rejected with */
	struct oc_usage usage;
	double cost, seconds, time; /* time: Unix seconds; 0 = oc_store_put fills in now */
	uint32_t attempts, unknown; /* unknown: attempts that may have been paid for nothing */
	double unknown_cost;        /* their upper bound */
	uint32_t run;               /* found: the number of the run that paid, 0 = not said */
	bool own;                   /* found: this very run paid, in whichever sitting */
	void *owner;                /* of the strings that oc_store_get filled */
};

/*
 * 1: found and filled; 2: only a failed one is known, filled; 0: not there. O(log n), one read of
 * the record. Release with oc_record_fini.
 */
int oc_store_get(struct oc_store *s, struct oc_hash128 key, struct oc_record *out,
                 struct oc_err *err);
void oc_record_fini(struct oc_record *r);
/* Says that bytes are about to leave for `key` and may cost up to `upper_cost` and `upper_tokens`.
 */
int oc_store_intent(struct oc_store *s, struct oc_hash128 key, double upper_cost,
                    uint64_t upper_tokens, struct oc_err *err);
/* Appends an outcome and closes the intents of its key. The first good reply of a key stays. */
int oc_store_put(struct oc_store *s, const struct oc_record *r, struct oc_err *err);
/* Closes the intents of a key whose request was given up without an outcome: asked again later. */
int oc_store_drop(struct oc_store *s, struct oc_hash128 key, uint32_t unknown, double unknown_cost,
                  struct oc_err *err);
/* Attempts whose outcome never came, since the store exists: count and upper bound of cost. */
void oc_store_unknown(struct oc_store *s, uint64_t *n, double *cost);
uint64_t oc_store_count(struct oc_store *s); /* good replies */
uint64_t oc_store_bytes(struct oc_store *s); /* of all segments */

/*
 * What a run spent, over all its sittings, is read back from the store, so that its budget holds
 * however often it was killed. Everything written from now on carries the run's number (not 0).
 */
void oc_store_run(struct oc_store *s, uint32_t run);
/* How far the store reaches now, as text: a run begins to spend behind it. */
int oc_store_marks(const char *dir, struct oc_buf *out, struct oc_err *err);

struct oc_spent {
	uint64_t requests; /* attempts that left */
	uint64_t replied;
	uint64_t prompt_tokens, completion_tokens, unknown_tokens;
	uint64_t unknown; /* attempts whose outcome nobody knows: at their upper bounds */
	uint64_t failed;  /* requests that were given up for good */
	uint64_t lost;    /* requests that left, and a stop or a kill came before their outcome */
	double money, unknown_money;
};
/* Reads what lies behind `marks`, so in time proportional to what was stored since. */
int oc_store_spent(const char *dir, uint32_t run, struct oc_str marks, struct oc_spent *out,
                   struct oc_err *err);

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
void oc_budget_spent(struct oc_budget *b, double money, uint64_t tokens, uint64_t requests,
                     double seconds);

enum oc_budget_answer {
	OC_BUDGET_OK,     /* reserved */
	OC_BUDGET_WAIT,   /* fits only if what is in flight turns out cheaper: ask again later */
	OC_BUDGET_REFUSED /* does not fit even with nothing in flight; from now on all are refused
	                   */
};
/* Reserves one request at its upper bounds. */
enum oc_budget_answer oc_budget_reserve(struct oc_budget *b, double money, uint64_t tokens);
/* Replaces a reservation by what was used. False: more was used than reserved (a lying server). */
bool oc_budget_settle(struct oc_budget *b, double reserved_money, uint64_t reserved_tokens,
                      double money, uint64_t tokens);
/* Gives a reservation back whole: nothing was sent. */
void oc_budget_release(struct oc_budget *b, double reserved_money, uint64_t reserved_tokens);
/* Until the time is up; INFINITY without such a cap. */
double oc_budget_seconds_left(struct oc_budget *b);
#define OC_BUDGET_WHY 200
/* Which cap stops sending now ("... money: 0.98 of 1.00 spent ..."), and what to do, or NULL. */
const char *oc_budget_full(struct oc_budget *b, char out[OC_BUDGET_WHY]);
/* What is spent by now, reservations excluded. Any pointer may be NULL. */
void oc_budget_used(struct oc_budget *b, double *money, uint64_t *tokens, uint64_t *requests);

#endif
