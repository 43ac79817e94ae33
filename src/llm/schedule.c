#include "llm/schedule.h"

#include <math.h>

#define CUT          0.75 /* of the window, once a burst */
#define CALM         25   /* answers for one more place above the ceiling */
#define PAUSE        2.0  /* seconds, when all is refused and the server does not say how long */
#define BARREN       2    /* bursts in a row in which nothing went through */
#define PAUSE_MAX    60.0
#define PROBE        5.0 /* seconds at the ceiling before more is tried */
#define PROBE_MAX    120.0
#define HOLD         5.0 /* seconds at the plateau before more is tried */
#define HOLD_MAX     300.0
#define PROBE_PAUSES 20   /* a probe may cost a pause: at most one part in so many of the time */
#define SAMPLES      8    /* answers that make a mean, at least */
#define ELASTICITY   0.2  /* growth pays when rate ~ window^e with e above this */
#define SPARE        1.3  /* places per place that the server works on at once */
#define FEW          0.25 /* share of refusals below which they may be chance */
#define RECENT       32   /* outcomes over which the share is taken */
#define MEMORY       10.0 /* seconds that a proven level counts, at least */
#define OPEN         1.0  /* seconds of the breaker */
#define OPEN_MAX     60.0
#define BURST_S      2.0 /* seconds' worth that a bucket holds */

static double jitter(struct oc_sched *s)
{
	struct oc_draws d;

	oc_draws_init(&d, &s->rng, s->draw_n++);
	return oc_draw_unit(&d);
}

static void measure_from_here(struct oc_sched *s)
{
	s->step++;
	s->n_sum = s->wait_sum = 0;
	s->sample_n = 0;
}

static uint32_t clamp(double w, uint32_t low, uint32_t high)
{
	return w < low ? low : w > high ? high : (uint32_t)w;
}

void oc_sched_init(struct oc_sched *s, const struct oc_sched_opts *opts, double now)
{
	*s = (struct oc_sched){.opts = *opts};
	if (s->opts.max < 1)
		s->opts.max = 1;
	s->window = clamp(opts->start, 1, s->opts.max);
	s->from = s->to = s->window;
	s->hold = HOLD;
	s->probe_wait = PROBE;
	s->alive_at = now;
	s->filled_at = now;
	s->request_level = fmax(1, opts->requests_per_minute / 60 * BURST_S);
	s->token_level = fmax(1, opts->tokens_per_minute / 60 * BURST_S);
	oc_rng_init(&s->rng, opts->seed, "llm/schedule");
}

/* ----------------------------------------------------------------- sending */

static void fill(struct oc_sched *s, double now)
{
	double r = s->opts.requests_per_minute / 60, t = s->opts.tokens_per_minute / 60;

	s->request_level = fmin(s->request_level + r * (now - s->filled_at), fmax(1, r * BURST_S));
	s->token_level = fmin(s->token_level + t * (now - s->filled_at), fmax(1, t * BURST_S));
	s->filled_at = now;
}

double oc_sched_ask(struct oc_sched *s, double now)
{
	double wait = s->pause_until - now;

	if (s->open_until > 0) {
		if (s->trial)
			return INFINITY;
		if (s->open_until > now)
			return fmax(wait, s->open_until - now);
	}
	if (wait > 0)
		return wait;
	if (s->in_flight >= s->window)
		return INFINITY;
	fill(s, now);
	if (s->opts.requests_per_minute > 0 && s->request_level < 1)
		return (1 - s->request_level) * 60 / s->opts.requests_per_minute;
	/* A request may take the bucket below zero, else a long one would never be sent. */
	if (s->opts.tokens_per_minute > 0 && s->token_level <= 0)
		return (1 - s->token_level) * 60 / s->opts.tokens_per_minute;
	return 0;
}

void oc_sched_sent(struct oc_sched *s, double now, uint64_t tokens, struct oc_ticket *t)
{
	s->in_flight++;
	s->request_level -= 1;
	s->token_level -= (double)tokens;
	*t = (struct oc_ticket){now, s->in_flight, s->cut, s->step, s->open_until > 0};
	if (t->trial)
		s->trial = true;
}

/* ------------------------------------------------------------------ growth */

/* Decides about the step from `from` to `to` once its samples are there. */
static void judge_step(struct oc_sched *s, double now)
{
	double n = s->n_sum / s->sample_n, wait = fmax(s->wait_sum / s->sample_n, 1e-6),
	       rate = n / wait;

	if (s->least_wait <= 0 || wait < s->least_wait)
		s->least_wait = wait;
	if (s->rate > 0 && s->to > s->from &&
	    log(rate / s->rate) < ELASTICITY * log((double)s->to / s->from)) {
		s->window = clamp(ceil(rate * s->least_wait * SPARE), s->from, s->to);
		s->mode = OC_SCHED_HOLD;
		s->hold_until = now + s->hold;
		s->hold = fmin(s->hold * 2, HOLD_MAX);
		s->from = s->to = s->window;
		s->rate = 0;
		measure_from_here(s);
		return;
	}
	if (s->mode == OC_SCHED_HOLD) {
		/* The level of the plateau is measured anew until it is time for a probe. */
		s->rate = rate;
		if (now >= s->hold_until) {
			s->from = s->window;
			s->to = clamp(s->window * 1.25 + 1, 1, s->opts.max);
			s->mode = s->to > s->from ? OC_SCHED_GROW : OC_SCHED_HOLD;
		}
	} else {
		s->rate = rate;
		s->hold = HOLD;
		s->from = s->window;
		s->to = clamp(s->window * 2.0, 1, s->opts.max);
	}
	measure_from_here(s);
}

static void grow(struct oc_sched *s, double now, const struct oc_ticket *t)
{
	uint32_t eighth = (s->to - s->from) / 8;

	if (s->window < s->to) {
		/* Only while the window is in use: an idle one says nothing. The step is spread
		 * over eight answers, not to come as one burst. */
		if (t->in_flight + t->in_flight / 8 + 1 >= s->from)
			s->window = clamp(s->window + 1 + eighth, 1, s->to);
		if (s->window == s->to)
			measure_from_here(s); /* what was sent from now on counts */
		return;
	}
	if (t->step != s->step || t->in_flight < s->window * 0.9)
		return;
	s->n_sum += t->in_flight;
	s->wait_sum += now - t->sent;
	s->sample_n++;
	/* A whole window of answers: a part of one would be its quick or its slow half. */
	if (s->sample_n >= SAMPLES && s->sample_n >= s->window)
		judge_step(s, now);
}

static void recover(struct oc_sched *s, double now)
{
	if (s->window < s->ceiling) {
		s->window++;
		if (s->window == s->ceiling)
			s->probe_at = now + s->probe_wait;
		return;
	}
	if (now < s->probe_at || s->window >= s->opts.max || ++s->ok_n < CALM)
		return;
	s->ok_n = 0;
	s->window++;
	if (s->window > s->ceiling + s->ceiling / 4 + 4) {
		/* The limit is not what it was. */
		s->mode = OC_SCHED_GROW;
		s->probe_wait = PROBE;
		s->from = s->to = s->window;
		s->rate = 0;
		measure_from_here(s);
	}
}

/* ---------------------------------------------------------------- refusals */

/* What is known to go well, if refusals are few. */
static uint32_t proven(const struct oc_sched *s)
{
	if (s->refused_share > FEW)
		return 0;
	return s->proven[0] > s->proven[1] ? s->proven[0] : s->proven[1];
}

static void remember(struct oc_sched *s, double now, const struct oc_ticket *t)
{
	if (now - s->proven_at > MEMORY) {
		s->proven[1] = s->proven[0];
		s->proven[0] = 0;
		s->proven_at = now;
	}
	if (t->in_flight > s->proven[0])
		s->proven[0] = t->in_flight;
}

static void cut(struct oc_sched *s, double now, const struct oc_ticket *t, bool limited)
{
	if (t->in_flight <= proven(s))
		return;         /* as many went well a moment ago */
	if (t->cut == s->cut) { /* the first of a burst */
		bool probe = s->mode == OC_SCHED_CAREFUL && s->window > s->ceiling;
		s->barren = s->cut && s->ok_since_cut == 0 ? s->barren + 1 : 0;
		s->cut++;
		s->ok_since_cut = s->ok_n = 0;
		s->before_cut = s->window;
		s->window = clamp(s->window * CUT, 1, s->opts.max);
		/* In flight is what the server holds; those it refused come back at once. */
		uint32_t held = limited ? s->in_flight : 0;
		s->ceiling = clamp(held > proven(s) ? held : proven(s), s->window, s->opts.max);
		s->mode = OC_SCHED_CAREFUL;
		s->probe_wait = probe ? fmin(s->probe_wait * 2, PROBE_MAX) : s->probe_wait;
		s->probe_at = now + s->probe_wait;
		return;
	}
	if (t->cut + 1 == s->cut && limited) {
		uint32_t held = s->in_flight + s->ok_since_cut, least = s->before_cut / 4;
		if (least < proven(s))
			least = proven(s);
		if (held < least)
			held = least;
		if (held < s->ceiling)
			s->ceiling = clamp(held, 1, s->opts.max);
		if (s->window > s->ceiling)
			s->window = s->ceiling;
	}
}

void oc_sched_pause(struct oc_sched *s, double now, double seconds)
{
	if (now + seconds > s->pause_until)
		s->pause_until = now + seconds;
	if (seconds * PROBE_PAUSES > s->probe_wait) {
		s->probe_wait = fmin(seconds * PROBE_PAUSES, 10 * PROBE_MAX);
		s->probe_at = now + seconds + s->probe_wait;
	}
}

static void fail(struct oc_sched *s, double now, const struct oc_ticket *t)
{
	s->failed_n++;
	if (s->open_until > 0 && !t->trial)
		return; /* sent before it opened */
	if (!t->trial && s->failed_n < s->opts.breaker)
		return;
	s->open_until = now + fmin(OPEN * pow(2, s->open_n), OPEN_MAX) * (1 + 0.1 * jitter(s));
	s->open_n++;
}

void oc_sched_done(struct oc_sched *s, double now, const struct oc_ticket *t,
                   enum oc_outcome outcome, double retry_after)
{
	bool refused = outcome == OC_OUTCOME_LIMITED || outcome == OC_OUTCOME_OVERLOAD;

	s->in_flight--;
	s->refused_share += ((refused ? 1 : 0) - s->refused_share) / RECENT;
	if (outcome == OC_OUTCOME_OK)
		remember(s, now, t);
	if (t->trial)
		s->trial = false;
	if (outcome == OC_OUTCOME_OK || outcome == OC_OUTCOME_REFUSED ||
	    outcome == OC_OUTCOME_LIMITED) {
		s->failed_n = s->open_n = 0;
		s->open_until = 0;
		s->alive = true;
		s->alive_at = now;
	}
	switch (outcome) {
	case OC_OUTCOME_REFUSED: break;
	case OC_OUTCOME_OK:
		s->ok_since_cut++;
		s->barren = 0;
		if (t->cut != s->cut)
			break; /* it was sent into the burst: no sign of room */
		if (s->mode == OC_SCHED_CAREFUL)
			recover(s, now);
		else
			grow(s, now, t);
		break;
	case OC_OUTCOME_LIMITED:
		cut(s, now, t, true);
		if (retry_after >= 0)
			oc_sched_pause(s, now, retry_after * (1 + 0.02 * jitter(s)));
		else if (s->barren)
			s->pause_until = fmax(s->pause_until,
			                      now + fmin(PAUSE * pow(2, s->barren - 1), PAUSE_MAX) *
			                                      (1 + 0.25 * jitter(s)));
		break;
	case OC_OUTCOME_OVERLOAD:
		cut(s, now, t, false);
		if (retry_after >= 0)
			oc_sched_pause(s, now, retry_after);
		fail(s, now, t);
		break;
	case OC_OUTCOME_FAILED:
		if (retry_after >= 0)
			oc_sched_pause(s, now, retry_after);
		fail(s, now, t);
		break;
	}
}

double oc_sched_delay(struct oc_sched *s, uint32_t n, enum oc_outcome outcome, double retry_after)
{
	double d = fmin(0.5 * pow(2, n > 16 ? 16 : n - 1.0), 30);

	if (outcome == OC_OUTCOME_LIMITED)
		d = s->barren >= BARREN ? PAUSE : fmin(d / 2, PAUSE);
	if (retry_after >= 0)
		return retry_after + 0.25 * jitter(s) * fmin(d, 1 + retry_after);
	return d * (1 + 0.25 * jitter(s));
}

double oc_sched_waiting(const struct oc_sched *s, double now, const char **why)
{
	double pause = s->pause_until - now, open = s->open_until - now;

	*why = "";
	if (s->open_until > 0 && !s->trial && open > 0 && open >= pause) {
		*why = "breaker";
		return open;
	}
	if (pause <= 0)
		return 0;
	*why = "429";
	return pause;
}
