/*
 * progress.h: what a person sees while work goes on, on stderr. On a terminal one line that is
 * redrawn at most ten times a second, elsewhere a line every ten seconds. Log lines of any thread
 * go through the same lock, so that they never cut the progress line in two.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <pthread.h>

#include "base/str.h"

struct oc_progress {
	pthread_mutex_t lock;
	bool off;    /* -q or --json */
	bool tty;    /* stderr is a terminal */
	bool colour; /* tty and NO_COLOR unset */
	bool shown;  /* a line stands on the terminal */
	double last; /* oc_now() of the last one */
	int width;   /* columns of the terminal */
};

void oc_progress_init(struct oc_progress *p, bool off);
/* True when a line is due: build its text only then. */
bool oc_progress_due(struct oc_progress *p);
void oc_progress_show(struct oc_progress *p, const char *text);
void oc_progress_clear(struct oc_progress *p); /* takes the line away */
/* One line of talk, above the progress line. */
void oc_progress_say(struct oc_progress *p, const char *line);

/* Numbers as people read them; each returns `out`. */
char *oc_human_count(double n, char out[32]);   /* 1,240 */
char *oc_human_bytes(double n, char out[32]);   /* 1.2 GB */
char *oc_human_seconds(double s, char out[32]); /* 2m01s */
char *oc_human_short(double n, char out[32]);   /* 1.2M */

#endif
