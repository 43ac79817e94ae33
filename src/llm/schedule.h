/*
 * schedule.h: how much to send to one endpoint, and when. Pure arithmetic on a clock that the
 * caller passes in: no thread, no socket, no hidden state.
 *
 * The window (requests in flight) moves by four rules:
 *   - grow: while nothing was refused it doubles in steps, and after each step the rate of answers
 *     (requests in flight / mean time of an answer, Little's law) is compared with the step before.
 *   - hold: where doubling no longer raises that rate, the server queues: the window goes back to
 *     what it evidently works on at once and a third more, and tries a quarter more from time to
 *     time. This is the only signal of servers that never say 429.
 *   - cut: the first 429 of a burst takes a quarter away; the burst's end shows how many the server
 *     held (in flight + answered meanwhile), which becomes the ceiling. Where only few are refused
 *     and more in flight went well a moment ago, that remains the ceiling: the refusals are not
 *     about how many.
 *   - recover: one more per answer up to the ceiling, above it one more per 25 answers, and only
 *     after a while that doubles when the probe is refused again.
 * A Retry-After pauses the endpoint in full. Several failures in a row open the breaker: nothing is
 * sent until its time is up, then one trial request closes it or opens it for twice as long.
 */
#ifndef LLM_SCHEDULE_H
#define LLM_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

struct oc_sched_opts {
	uint32_t start, max;        /* requests in flight */
	double requests_per_minute; /* 0 = no such bucket */
	double tokens_per_minute;
	uint32_t breaker; /* failures in a row that open it */
	uint64_t seed;    /* of the jitter: changes when things happen, never what */
};

/* What a request remembers of the moment it was sent. */
struct oc_ticket {
	double sent;
	uint32_t in_flight; /* including itself */
	uint64_t cut;       /* bursts seen by then */
	uint64_t step;      /* of growth */
	bool trial;         /* the breaker's */
};

enum oc_outcome {
	OC_OUTCOME_OK,       /* answered */
	OC_OUTCOME_REFUSED,  /* the server works and said no to this one */
	OC_OUTCOME_LIMITED,  /* 429 */
	OC_OUTCOME_OVERLOAD, /* 503, 529, timeout: a failure, and too much at once */
	OC_OUTCOME_FAILED    /* 500, reset, no connection */
};

struct oc_sched {
	struct oc_sched_opts opts;
	uint32_t window, in_flight;
	/* growth */
	enum { OC_SCHED_GROW, OC_SCHED_HOLD, OC_SCHED_CAREFUL } mode;
	uint64_t step;
	uint32_t from, to;      /* windows of the step that is being measured */
	double rate;            /* answers per second at `from`; 0 = not known */
	double least_wait;      /* smallest mean time of an answer so far; 0 = not known */
	double n_sum, wait_sum; /* of answers sent at `to` */
	uint32_t sample_n;
	double hold_until, hold;
	/* refusals */
	uint64_t cut;
	uint32_t before_cut, ceiling, ok_since_cut, ok_n;
	uint32_t proven[2];   /* most in flight when a request was sent that was answered: of */
	double proven_at;     /* the present and the last ten seconds */
	double refused_share; /* of late, of all outcomes */
	double probe_at, probe_wait, pause_until, pause;
	uint32_t barren; /* bursts in a row without an answer between them */
	/* breaker */
	uint32_t failed_n, open_n; /* in a row */
	double open_until;         /* > 0: open */
	bool trial;                /* the trial request is under way */
	bool alive;                /* a reply came at some time */
	double alive_at;           /* when the last one came */
	/* buckets */
	double request_level, token_level, filled_at;
	/* jitter */
	struct oc_rng rng;
	uint64_t draw_n;
};

void oc_sched_init(struct oc_sched *s, const struct oc_sched_opts *opts, double now);

/* 0: one may be sent now; > 0: after so many seconds; INFINITY: after something came back. */
double oc_sched_ask(struct oc_sched *s, double now);
/* Takes a place in the window; `tokens` is what the request may use. */
void oc_sched_sent(struct oc_sched *s, double now, uint64_t tokens, struct oc_ticket *t);
/* Gives it back. retry_after: seconds, < 0 when the server does not say. */
void oc_sched_done(struct oc_sched *s, double now, const struct oc_ticket *t,
                   enum oc_outcome outcome, double retry_after);
/* The server says that nothing is left for so many seconds. */
void oc_sched_pause(struct oc_sched *s, double now, double seconds);

/*
 * Seconds until a request is tried again after it met this outcome for the n-th time, n = 1, 2,
 * ...: 0.5 s doubling to 30 s for failures; a quarter of a second doubling to 2 s after a 429, 2 s
 * at once when nothing gets through; Retry-After in full. With jitter on top.
 */
double oc_sched_delay(struct oc_sched *s, uint32_t n, enum oc_outcome outcome, double retry_after);

/* Whether nothing is sent on purpose, for how long, and why ("429", "breaker"). */
double oc_sched_waiting(const struct oc_sched *s, double now, const char **why);

#endif
