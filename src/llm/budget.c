/*
 * Caps that hold with any number of requests in flight: what might still be spent (reservations at
 * their upper bound) plus what was spent never passes a cap.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "llm/store.h"

struct oc_budget {
	pthread_mutex_t lock;
	struct oc_caps caps;
	double start; /* oc_now when the run began or was resumed */
	double money, held_money;
	uint64_t tokens, held_tokens;
	uint64_t requests, held; /* requests: all that were let through; held: in flight */
	bool refused;
	char why[96];
};

struct oc_budget *oc_budget_new(const struct oc_caps *caps)
{
	struct oc_budget *b = oc_zalloc(1, sizeof *b);

	b->caps = *caps;
	b->start = oc_now();
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void oc_budget_free(struct oc_budget *b)
{
	if (!b)
		return;
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void oc_budget_spent(struct oc_budget *b, double money, uint64_t tokens, uint64_t requests,
                     double seconds)
{
	pthread_mutex_lock(&b->lock);
	b->money += money;
	b->tokens += tokens;
	b->requests += requests;
	b->start -= seconds;
	pthread_mutex_unlock(&b->lock);
}

/* Sums of prices are inexact in the last digits; a cap of 1.00 must admit ten times 0.10. */
static double slack(double cap)
{
	return cap * 1e-9;
}

/* The cap that this request would pass, given what else counts; NULL when it fits. */
static const char *passes(struct oc_budget *b, double money, uint64_t tokens, double held_money,
                          uint64_t held_tokens, char out[96])
{
	const struct oc_caps *c = &b->caps;
	double elapsed = oc_now() - b->start;

	if (c->money > 0 && b->money + held_money + money > c->money + slack(c->money)) {
		snprintf(out, 96, "money: %.4g of %.4g spent, the next request may cost %.4g",
		         b->money, c->money, money);
		return out;
	}
	if (c->tokens && b->tokens + held_tokens + tokens > c->tokens) {
		snprintf(out, 96, "tokens: %llu of %llu used, the next request may need %llu",
		         (unsigned long long)b->tokens, (unsigned long long)c->tokens,
		         (unsigned long long)tokens);
		return out;
	}
	if (c->requests && b->requests >= c->requests) {
		snprintf(out, 96, "requests: %llu of %llu sent", (unsigned long long)b->requests,
		         (unsigned long long)c->requests);
		return out;
	}
	if (c->seconds > 0 && elapsed >= c->seconds) {
		snprintf(out, 96, "time: %.0f s of %.0f s", elapsed, c->seconds);
		return out;
	}
	return NULL;
}

enum oc_budget_answer oc_budget_reserve(struct oc_budget *b, double money, uint64_t tokens)
{
	enum oc_budget_answer answer = OC_BUDGET_OK;
	char text[96];

	pthread_mutex_lock(&b->lock);
	if (b->refused) {
		answer = OC_BUDGET_REFUSED;
	} else if (passes(b, money, tokens, b->held_money, b->held_tokens, text)) {
		if (b->held && !passes(b, money, tokens, 0, 0, text)) {
			answer = OC_BUDGET_WAIT;
		} else {
			answer = OC_BUDGET_REFUSED;
			b->refused = true;
			snprintf(b->why, sizeof b->why, "%s", text);
		}
	} else {
		b->held_money += money;
		b->held_tokens += tokens;
		b->requests++;
		b->held++;
	}
	pthread_mutex_unlock(&b->lock);
	return answer;
}

static void let_go(struct oc_budget *b, double money, uint64_t tokens)
{
	b->held--;
	b->held_tokens -= tokens;
	/* With nothing in flight the held sum is zero by definition: no drift from rounding. */
	b->held_money = b->held ? b->held_money - money : 0;
}

bool oc_budget_settle(struct oc_budget *b, double reserved_money, uint64_t reserved_tokens,
                      double money, uint64_t tokens)
{
	pthread_mutex_lock(&b->lock);
	let_go(b, reserved_money, reserved_tokens);
	b->money += money;
	b->tokens += tokens;
	pthread_mutex_unlock(&b->lock);
	return money <= reserved_money + slack(reserved_money) && tokens <= reserved_tokens;
}

void oc_budget_release(struct oc_budget *b, double reserved_money, uint64_t reserved_tokens)
{
	pthread_mutex_lock(&b->lock);
	let_go(b, reserved_money, reserved_tokens);
	b->requests--;
	pthread_mutex_unlock(&b->lock);
}

double oc_budget_seconds_left(struct oc_budget *b)
{
	pthread_mutex_lock(&b->lock);
	double left = b->caps.seconds > 0 ? b->start + b->caps.seconds - oc_now() : INFINITY;
	pthread_mutex_unlock(&b->lock);
	return left;
}

const char *oc_budget_full(struct oc_budget *b, char out[OC_BUDGET_WHY])
{
	char text[96];
	const char *why;

	pthread_mutex_lock(&b->lock);
	why = b->refused ? b->why : passes(b, 0, 0, 0, 0, text);
	if (why)
		snprintf(out, OC_BUDGET_WHY,
		         "the budget is used up (%s): raise it and run again, which goes on from "
		         "here",
		         why);
	pthread_mutex_unlock(&b->lock);
	return why ? out : NULL;
}

void oc_budget_used(struct oc_budget *b, double *money, uint64_t *tokens, uint64_t *requests)
{
	pthread_mutex_lock(&b->lock);
	if (money)
		*money = b->money;
	if (tokens)
		*tokens = b->tokens;
	if (requests)
		*requests = b->requests;
	pthread_mutex_unlock(&b->lock);
}
