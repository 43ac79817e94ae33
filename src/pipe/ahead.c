#include "pipe/ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

#define CHUNK   ((size_t)256 << 10)
#define LOOK_NS 50000000 /* a signal sets the cancel flag and wakes nobody */

struct chunk {
	struct chunk *next;
	size_t len, at;          /* at: taken by the reader */
	struct oc_unpacked done; /* behind it */
	char bytes[CHUNK];
};

struct oc_ahead {
	struct oc_unpack *file; /* the thread's */
	int wake[2];            /* a pipe: what the reader writes wakes the thread */

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct chunk *first, **last; /* full, oldest first; the reader is in the first */
	struct chunk *spare;
	size_t limit, n;       /* chunks: at most, and full */
	bool ended;            /* by the file, or by err: behind the last chunk */
	bool closed;           /* by the reader */
	struct oc_err err;     /* the thread's until ended */
	struct oc_unpacked at; /* as err */
};

/* With the lock held. An empty chunk as soon as there may be one more; NULL when nobody reads. */
static struct chunk *wait_for_room(struct oc_ahead *a)
{
	while (a->n >= a->limit && !a->closed)
		pthread_cond_wait(&a->change, &a->lock);
	if (a->closed)
		return NULL;
	struct chunk *c = a->spare;
	if (c)
		a->spare = c->next;
	else
		c = oc_alloc(sizeof *c);
	return c;
}

static void *work(void *arg)
{
	struct oc_ahead *a = arg;
	struct chunk *c;

	pthread_mutex_lock(&a->lock);
	while ((c = wait_for_room(a))) {
		struct oc_err err = {0};
		pthread_mutex_unlock(&a->lock);
		ssize_t n = oc_unpack_read(a->file, c->bytes, CHUNK, &err);
		pthread_mutex_lock(&a->lock);
		c->next = NULL;
		if (n <= 0) {
			c->next = a->spare;
			a->spare = c;
			a->err = err;
			a->at = oc_unpack_done(a->file);
			break;
		}
		c->len = (size_t)n;
		c->at = 0;
		c->done = oc_unpack_done(a->file);
		*a->last = c;
		a->last = &c->next;
		a->n++;
		pthread_cond_signal(&a->change);
	}
	a->ended = true;
	pthread_cond_signal(&a->change);
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static size_t chunks(size_t limit)
{
	return limit < CHUNK ? 1 : limit / CHUNK;
}

struct oc_ahead *oc_ahead_open(struct oc_unpack *u, size_t limit)
{
	struct oc_ahead *a = oc_zalloc(1, sizeof *a);
	pthread_condattr_t attr;

	if (pipe2(a->wake, O_CLOEXEC)) {
		free(a);
		return NULL;
	}
	a->file = u;
	a->last = &a->first;
	a->limit = chunks(limit);
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->change, &attr);
	pthread_condattr_destroy(&attr);
	oc_unpack_wake(u, a->wake[0]);
	if (pthread_create(&a->thread, NULL, work, a) == 0)
		return a;
	oc_unpack_wake(u, -1);
	pthread_cond_destroy(&a->change);
	pthread_mutex_destroy(&a->lock);
	close(a->wake[0]);
	close(a->wake[1]);
	free(a);
	return NULL;
}

void oc_ahead_limit(struct oc_ahead *a, size_t limit)
{
	pthread_mutex_lock(&a->lock);
	a->limit = chunks(limit);
	pthread_cond_signal(&a->change);
	pthread_mutex_unlock(&a->lock);
}

/* With the lock held. Until there is a chunk, or the end. */
static int wait_for_bytes(struct oc_ahead *a, const atomic_int *cancel, struct oc_err *err)
{
	while (!a->first && !a->ended) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += LOOK_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&a->change, &a->lock, &until);
		if (!a->first && !a->ended && cancel &&
		    atomic_load_explicit(cancel, memory_order_relaxed))
			return oc_fail(err, OC_CANCELLED, NULL, "interrupted");
	}
	return 0;
}

ssize_t oc_ahead_read(struct oc_ahead *a, void *p, size_t cap, const atomic_int *cancel,
                      struct oc_unpacked *done, struct oc_err *err)
{
	pthread_mutex_lock(&a->lock);
	int rc = wait_for_bytes(a, cancel, err);
	struct chunk *c = a->first;
	if (!rc && !c) {
		*done = a->at;
		if (a->err.code != OC_OK)
			rc = oc_fail(err, a->err.code, a->err.where, "%s", a->err.msg);
	}
	pthread_mutex_unlock(&a->lock);
	if (rc || !c)
		return rc;

	size_t n = c->len - c->at < cap ? c->len - c->at : cap;
	memcpy(p, c->bytes + c->at, n);
	c->at += n;
	*done = c->done;
	if (c->at < c->len)
		return (ssize_t)n;
	pthread_mutex_lock(&a->lock);
	a->first = c->next;
	if (!a->first)
		a->last = &a->first;
	a->n--;
	if (a->n < a->limit) {
		c->next = a->spare;
		a->spare = c;
		c = NULL;
	}
	pthread_cond_signal(&a->change);
	pthread_mutex_unlock(&a->lock);
	free(c); /* the limit was lowered */
	return (ssize_t)n;
}

static void free_list(struct chunk *c)
{
	for (struct chunk *next; c; c = next) {
		next = c->next;
		free(c);
	}
}

void oc_ahead_close(struct oc_ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->closed = true;
	pthread_cond_signal(&a->change);
	pthread_mutex_unlock(&a->lock);
	while (write(a->wake[1], "", 1) < 0 && errno == EINTR)
		;
	pthread_join(a->thread, NULL);
	close(a->wake[0]);
	close(a->wake[1]);
	oc_unpack_close(a->file);
	free_list(a->first);
	free_list(a->spare);
	pthread_cond_destroy(&a->change);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
