#include "cli/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/ctx.h"

#define TTY_EVERY   0.1  /* seconds between two drawings */
#define PLAIN_EVERY 10.0 /* seconds between two lines in a log file */

void oc_progress_init(struct oc_progress *p, bool off)
{
	const char *term = getenv("TERM");
	struct winsize size;

	memset(p, 0, sizeof *p);
	pthread_mutex_init(&p->lock, NULL);
	p->off = off;
	p->tty = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
	p->colour = p->tty && !getenv("NO_COLOR");
	p->width = 80;
	if (p->tty && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
		p->width = size.ws_col;
	p->last = p->tty ? 0 : oc_now();
}

bool oc_progress_due(struct oc_progress *p)
{
	return !p->off && oc_now() - p->last >= (p->tty ? TTY_EVERY : PLAIN_EVERY);
}

/* Bytes of `text` that fill at most `columns` columns, counting a code point as one. */
static int fit(const char *text, int columns)
{
	int n = 0;

	for (; text[n]; n++)
		if (((unsigned char)text[n] & 0xC0) != 0x80 && columns-- == 0)
			break;
	return n;
}

void oc_progress_show(struct oc_progress *p, const char *text)
{
	if (p->off)
		return;
	pthread_mutex_lock(&p->lock);
	if (p->tty)
		fprintf(stderr, "\r\033[K%.*s", fit(text, p->width - 1), text);
	else
		fprintf(stderr, "%s\n", text);
	fflush(stderr);
	p->shown = p->tty;
	p->last = oc_now();
	pthread_mutex_unlock(&p->lock);
}

static void clear_locked(struct oc_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

void oc_progress_clear(struct oc_progress *p)
{
	pthread_mutex_lock(&p->lock);
	clear_locked(p);
	fflush(stderr);
	pthread_mutex_unlock(&p->lock);
}

void oc_progress_say(struct oc_progress *p, const char *line)
{
	pthread_mutex_lock(&p->lock);
	clear_locked(p);
	fprintf(stderr, "%s\n", line);
	fflush(stderr);
	pthread_mutex_unlock(&p->lock);
}

char *oc_human_count(double n, char out[32])
{
	char digits[32];
	size_t len, o = 0;

	if (!(fabs(n) < 1e15)) {
		snprintf(out, 32, "%g", n);
		return out;
	}
	len = (size_t)snprintf(digits, sizeof digits, "%.0f", fabs(n));
	if (n < 0)
		out[o++] = '-';
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[o++] = ',';
		out[o++] = digits[i];
	}
	out[o] = '\0';
	return out;
}

static char *scaled(double n, const char *const *units, char out[32])
{
	unsigned u = 0;

	while (fabs(n) >= 999.5 && units[u + 1]) {
		n /= 1000;
		u++;
	}
	snprintf(out, 32, u > 0 && fabs(n) < 9.95 ? "%.1f%s" : "%.0f%s", n, units[u]);
	return out;
}

char *oc_human_bytes(double n, char out[32])
{
	static const char *const units[] = {" B", " kB", " MB", " GB", " TB", NULL};
	return scaled(n, units, out);
}

char *oc_human_short(double n, char out[32])
{
	static const char *const units[] = {"", "k", "M", "G", "T", NULL};
	return scaled(n, units, out);
}

char *oc_human_seconds(double s, char out[32])
{
	if (s < 10)
		snprintf(out, 32, "%.1f s", s);
	else if (s < 100)
		snprintf(out, 32, "%.0f s", s);
	else if (s < 3600)
		snprintf(out, 32, "%.0fm%02.0fs", floor(s / 60), fmod(floor(s), 60));
	else if (s < 48 * 3600.0)
		snprintf(out, 32, "%.0fh%02.0fm", floor(s / 3600), floor(fmod(s, 3600) / 60));
	else
		snprintf(out, 32, "%.1f days", s / 86400);
	return out;
}
