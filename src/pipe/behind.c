#include "pipe/behind.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

/* A chunk is a huge page where the system has them: one piece for the disk to fetch, not 512. */
#define CHUNK   ((size_t)2 << 20)
#define CHUNK_N 2
#define ALIGN   ((size_t)4096) /* of what O_DIRECT writes, in memory and on disk */

struct oc_behind {
	char *path;
	int fd;
	bool direct; /* the thread's, as soon as there is one */

	char *chunk[CHUNK_N]; /* chunks are filled and written in turn */
	unsigned filling;
	size_t len; /* of the one being filled */

	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned full; /* chunks that wait for the thread; it writes the oldest */
	unsigned writing;
	bool ended, dropped;
	struct oc_err err; /* the thread's */
};

/* write(2) until all is written. What cannot go around the page cache goes through it. */
static int write_out(struct oc_behind *b, const char *p, size_t len, struct oc_err *err)
{
	while (len) {
		size_t part = b->direct && len > ALIGN ? len - len % ALIGN : len;
		if (b->direct && part % ALIGN) {
			fcntl(b->fd, F_SETFL, 0);
			b->direct = false;
		}
		ssize_t n = write(b->fd, p, part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EINVAL && b->direct) {
			fcntl(b->fd, F_SETFL, 0);
			b->direct = false;
			continue;
		}
		if (n < 0)
			return oc_fail_errno(err, b->path, "cannot write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The last chunk, and all of it on the disk. */
static int write_end(struct oc_behind *b, struct oc_err *err)
{
	if (write_out(b, b->chunk[b->filling], b->len, err))
		return -1;
	return fsync(b->fd) ? oc_fail_errno(err, b->path, "cannot sync") : 0;
}

static void *work(void *arg)
{
	struct oc_behind *b = arg;

	pthread_mutex_lock(&b->lock);
	for (;;) {
		while (!b->full && !b->ended)
			pthread_cond_wait(&b->change, &b->lock);
		if (!b->full || b->dropped)
			break;
		struct oc_err err = {0};
		const char *p = b->chunk[b->writing];
		bool fine = b->err.code == OC_OK;
		pthread_mutex_unlock(&b->lock);
		if (fine)
			write_out(b, p, CHUNK, &err);
		pthread_mutex_lock(&b->lock);
		if (fine)
			b->err = err;
		b->writing = (b->writing + 1) % CHUNK_N;
		b->full--;
		pthread_cond_signal(&b->change);
	}
	bool fine = b->err.code == OC_OK && !b->dropped;
	pthread_mutex_unlock(&b->lock);
	if (fine)
		write_end(b, &b->err); /* nobody adds any more, nobody looks before the join */
	return NULL;
}

int oc_behind_open(struct oc_behind **out, const char *path, struct oc_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		return oc_fail_errno(err, path, "cannot create");
	struct oc_behind *b = oc_zalloc(1, sizeof *b);
	b->path = oc_strdup(path);
	b->fd = fd;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->change, NULL);
	*out = b;
	return 0;
}

static char *chunk_new(void)
{
	void *p;

	if (posix_memalign(&p, CHUNK, CHUNK))
		oc_oom(CHUNK);
#ifdef MADV_HUGEPAGE
	madvise(p, CHUNK, MADV_HUGEPAGE);
#endif
	return p;
}

/* Hands over the chunk that is full and takes the next, when it is free. */
static int hand_over(struct oc_behind *b, struct oc_err *err)
{
	if (!b->threaded) {
#ifdef O_DIRECT
		b->direct = fcntl(b->fd, F_SETFL, O_DIRECT) == 0;
#endif
		b->threaded = pthread_create(&b->thread, NULL, work, b) == 0;
	}
	b->len = 0;
	if (!b->threaded)
		return write_out(b, b->chunk[b->filling], CHUNK, err);
	pthread_mutex_lock(&b->lock);
	b->full++;
	pthread_cond_signal(&b->change);
	while (b->full == CHUNK_N && b->err.code == OC_OK)
		pthread_cond_wait(&b->change, &b->lock);
	bool failed = b->err.code != OC_OK;
	if (failed)
		oc_fail(err, b->err.code, b->err.where, "%s", b->err.msg);
	pthread_mutex_unlock(&b->lock);
	b->filling = (b->filling + 1) % CHUNK_N;
	return failed ? -1 : 0;
}

int oc_behind_add(struct oc_behind *b, const void *p, size_t len, struct oc_err *err)
{
	const char *at = p;

	while (len) {
		char **chunk = &b->chunk[b->filling];
		size_t n = CHUNK - b->len < len ? CHUNK - b->len : len;
		if (!*chunk)
			*chunk = chunk_new();
		memcpy(*chunk + b->len, at, n);
		b->len += n;
		at += n;
		len -= n;
		if (b->len == CHUNK && hand_over(b, err))
			return -1;
	}
	return 0;
}

static void end(struct oc_behind *b, bool drop)
{
	if (!b->threaded)
		return;
	pthread_mutex_lock(&b->lock);
	b->ended = true;
	b->dropped |= drop;
	pthread_cond_signal(&b->change);
	pthread_mutex_unlock(&b->lock);
}

void oc_behind_end(struct oc_behind *b)
{
	end(b, false);
}

static void release(struct oc_behind *b)
{
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->change);
	for (unsigned i = 0; i < CHUNK_N; i++)
		free(b->chunk[i]);
	free(b->path);
	free(b);
}

int oc_behind_close(struct oc_behind *b, struct oc_err *err)
{
	int rc = 0;

	end(b, false);
	if (b->threaded)
		pthread_join(b->thread, NULL);
	else
		write_end(b, &b->err);
	if (b->err.code != OC_OK)
		rc = oc_fail(err, b->err.code, b->err.where, "%s", b->err.msg);
	if (close(b->fd) && !rc)
		rc = oc_fail_errno(err, b->path, "cannot close");
	release(b);
	return rc;
}

void oc_behind_abandon(struct oc_behind *b)
{
	if (!b)
		return;
	end(b, true);
	if (b->threaded)
		pthread_join(b->thread, NULL);
	close(b->fd);
	release(b);
}
