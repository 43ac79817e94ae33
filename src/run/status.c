/* status.json (renamed into place), events.jsonl (a line per ten seconds), and the progress hook;
 * by whoever emits rows, and by a ticker while nothing is emitted. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "run/state.h"

#define STATUS_MAX     ((size_t)16 << 20)
#define STATUS_EVERY   1.0 /* seconds */
#define EVENT_EVERY    10.0
#define PROGRESS_EVERY 0.1

const char *oc_run_state_name(enum oc_run_state state)
{
	static const char *const names[] = {"running", "review", "done", "stopped", "failed"};
	return names[state];
}

void oc_status_fill(struct oc_run *run, struct oc_run_status *s)
{
	*s = (struct oc_run_status){
		.state = run->state,
		.phase = run->phase,
		.tally = run->tally,
		.seconds = oc_now() - run->started,
		.waiting = run->waiting,
	};
	for (unsigned i = 0; i < run->plan->model_n; i++) {
		struct oc_llm_stats m;
		if (!run->models || !run->models[i])
			continue;
		oc_llm_model_stats(run->models[i], &m);
		s->sent += m.sent;
		s->replied += m.replied;
		s->cached += m.cached;
		s->failed += m.failed;
		s->lost += m.lost;
		s->again += m.again;
		s->open += m.open;
		s->in_flight += m.in_flight;
		s->prompt_tokens += m.prompt_tokens;
		s->completion_tokens += m.completion_tokens;
		s->money += m.cost + m.unknown_cost;
		if (m.state[0])
			snprintf(s->note, sizeof s->note, "%s", m.state);
		if (m.why[0])
			snprintf(s->why, sizeof s->why, "%s", m.why);
	}
	s->ended_by = run->why;
	s->sent += run->before.sent;
	s->replied += run->before.replied;
	s->failed += run->before.failed;
	s->lost += run->before.lost;
	s->cached += run->before.cached;
	s->prompt_tokens += run->before.prompt_tokens;
	s->completion_tokens += run->before.completion_tokens;
	s->money += run->before.cost;
	s->seconds += run->before.seconds;
}

/* Rows that fell, by the step and rule that dropped them first. */
static void write_reasons(struct oc_buf *b, const struct oc_tally *t)
{
	bool any = false;

	oc_buf_putc(b, '{');
	for (unsigned i = 0; i < t->line_n; i++) {
		const struct oc_tally_line *l = &t->lines[i];
		if (!l->first || l->result != OC_DROP)
			continue;
		struct oc_buf name = {0};
		oc_buf_printf(&name, "%s.%s", l->step, l->rule);
		if (any)
			oc_buf_putc(b, ',');
		oc_buf_json(b, oc_buf_view(&name));
		oc_buf_printf(b, ":%llu", (unsigned long long)l->n);
		oc_buf_fini(&name);
		any = true;
	}
	oc_buf_putc(b, '}');
}

static unsigned long long u(uint64_t v)
{
	return v;
}

void oc_status_json(struct oc_buf *b, const struct oc_run_status *s)
{
	const struct oc_tally *t = &s->tally;

	oc_buf_printf(b,
	              "{\"state\":\"%s\",\"phase\":\"%s\",\"rows\":{\"in\":%llu,\"made\":%llu,"
	              "\"repeated\":%llu,\"kept\":%llu,\"train\":%llu,\"test\":%llu,\"held\":%llu,"
	              "\"merged\":%llu,\"unused\":%llu,\"rejected_total\":%llu,\"rejected\":",
	              oc_run_state_name(s->state), s->phase ? s->phase : "", u(t->in), u(t->made),
	              u(t->repeated), u(oc_tally_out(t)), u(t->train), u(t->test), u(t->held),
	              u(t->merged), u(t->unused), u(t->rejected));
	write_reasons(b, t);
	oc_buf_printf(b,
	              "},\"requests\":{\"sent\":%llu,\"replied\":%llu,\"cached\":%llu,"
	              "\"failed\":%llu,\"lost\":%llu,\"in_flight\":%llu},"
	              "\"tokens\":{\"prompt\":%llu,\"completion\":%llu},\"money\":",
	              u(s->sent), u(s->replied), u(s->cached), u(s->failed), u(s->lost), u(s->open),
	              u(s->prompt_tokens), u(s->completion_tokens));
	oc_buf_double(b, s->money);
	oc_buf_printf(b, ",\"seconds\":%.3f,\"waiting_for_people\":%llu,\"note\":", s->seconds,
	              u(s->waiting));
	struct oc_buf note = {0};
	if (s->ended_by)
		oc_buf_printf(&note, "%s%s%s", s->ended_by->where,
		              s->ended_by->where[0] ? ": " : "", s->ended_by->msg);
	else
		oc_buf_puts(&note, s->note);
	oc_buf_json(b, oc_buf_view(&note));
	oc_buf_fini(&note);
	oc_buf_putc(b, '}');
}

int oc_run_result_json(struct oc_buf *b, const struct oc_run_result *result, struct oc_err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%.4000s/status.json", result->dir);
	return oc_file_read(path, STATUS_MAX, b, err);
}

static int write_event(struct oc_run *run, const struct oc_run_status *s, struct oc_err *err)
{
	const struct {
		const char *metric;
		double value;
	} lines[] = {
		{"rows_in", (double)s->tally.in},
		{"rows_made", (double)s->tally.made},
		{"rows_rejected", (double)s->tally.rejected},
		{"requests_sent", (double)s->sent},
		{"requests_cached", (double)s->cached},
		{"money", s->money},
	};
	struct oc_buf b = {0};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		oc_buf_printf(&b, "{\"step\":%.1f,\"phase\":\"%s\",\"metric\":\"%s\",\"value\":",
		              s->seconds, s->phase ? s->phase : "", lines[i].metric);
		oc_buf_double(&b, lines[i].value);
		oc_buf_puts(&b, "}\n");
	}
	int fd = open(oc_run_path(run, path, "events.jsonl"),
	              O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	int rc = fd < 0 ? oc_fail_errno(err, path, "cannot open")
	                : oc_write_all(fd, b.p, b.len, path, err);
	if (fd >= 0)
		close(fd);
	oc_buf_fini(&b);
	return rc;
}

static int show(struct oc_run *run, bool now, struct oc_err *err)
{
	double t = oc_now();
	struct oc_run_status s;
	int rc = 0;

	if (!now && t - run->last_progress < PROGRESS_EVERY)
		return 0;
	run->last_progress = t;
	oc_status_fill(run, &s);
	if (run->opts->progress)
		run->opts->progress(run->opts->user, &s);
	if (now || t - run->last_status >= STATUS_EVERY) {
		struct oc_buf b = {0};
		char path[PATH_MAX];
		run->last_status = t;
		oc_status_json(&b, &s);
		oc_buf_putc(&b, '\n');
		/* Not fsynced: a stale status after a power cut costs nothing. */
		rc = oc_file_replace(oc_run_path(run, path, "status.json"), b.p, b.len, err);
		oc_buf_fini(&b);
	}
	if (!rc && t - run->last_event >= EVENT_EVERY) {
		run->last_event = t;
		rc = write_event(run, &s, err);
	}
	return rc;
}

int oc_failures_check(struct oc_run *run, struct oc_err *err)
{
	struct oc_run_status s;

	oc_status_fill(run, &s);
	/* Of this sitting: what failed in an earlier one is asked again. */
	uint64_t failed = s.failed - run->before.failed;
	uint64_t asked = s.sent - run->before.sent + s.cached - run->before.cached + s.again +
	                 (run->opts->offline ? failed : 0);
	if (failed > 20 && (double)failed > run->plan->max_failed * (double)asked)
		return oc_fail(
			err, OC_FAILURES, s.phase,
			"%llu of %llu requests failed, more than max_failed allows (%.0f %%); "
			"the last: %s. The same command goes on, and asks those again",
			u(failed), u(asked), 100 * run->plan->max_failed,
			s.why[0] ? s.why : s.note);
	return 0;
}

int oc_status_write(struct oc_run *run, bool now, struct oc_err *err)
{
	pthread_mutex_lock(&run->status_lock);
	int rc = show(run, now, err);
	pthread_mutex_unlock(&run->status_lock);
	return rc;
}

/* ------------------------------------------------------------------- ticker */

#define TICK_NS 200000000L

struct oc_ticker {
	struct oc_run *run;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
};

static void *tick(void *arg)
{
	struct oc_ticker *t = arg;

	pthread_mutex_lock(&t->lock);
	while (!t->stop) {
		struct oc_err ignored = {0}; /* emit meets the same fault, and stops the pass */
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TICK_NS;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&t->wake, &t->lock, &until);
		if (!t->stop)
			oc_status_write(t->run, false, &ignored);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

struct oc_ticker *oc_ticker_start(struct oc_run *run)
{
	struct oc_ticker *t = oc_zalloc(1, sizeof *t);
	pthread_condattr_t clock;

	t->run = run;
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC); /* someone may set the other one back */
	pthread_cond_init(&t->wake, &clock);
	pthread_condattr_destroy(&clock);
	if (pthread_create(&t->thread, NULL, tick, t)) {
		t->run = NULL; /* without one the pass is only quieter */
		oc_ticker_stop(t);
		return NULL;
	}
	return t;
}

void oc_ticker_stop(struct oc_ticker *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	if (t->run)
		pthread_join(t->thread, NULL);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
}
