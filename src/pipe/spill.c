#include "pipe/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

#define BUFFER_MAX ((size_t)1 << 20)
#define BUFFER_MIN ((size_t)4 << 10)
/*
 * Written in one call at most. A kernel with large folios makes one of a long write, and maps the
 * whole of it, megabytes, when one byte is looked at: then a look at few rows holds the whole file.
 */
#define WRITE_MAX ((size_t)64 << 10)

struct stream {
	int fd;
	char *path;
	struct oc_buf pending; /* not yet written */
	uint64_t written;
	void *map;
	size_t map_len;
};

struct oc_spill {
	char *dir;
	uint64_t memory;
	size_t buffer; /* bytes a stream gathers before it writes */
	unsigned stream_n;
	struct stream streams[];
};

static void close_all(struct oc_spill *s, bool remove)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->stream_n; i++) {
		struct stream *t = &s->streams[i];
		if (t->map)
			munmap(t->map, t->map_len);
		close(t->fd);
		if (remove)
			unlink(t->path);
		free(t->path);
		oc_buf_fini(&t->pending);
	}
	free(s->dir);
	free(s);
}

/* -1: it is shorter already. */
static int cut(struct stream *t, uint64_t len)
{
	struct stat st;

	if (fstat(t->fd, &st) || (uint64_t)st.st_size < len || ftruncate(t->fd, (off_t)len) ||
	    lseek(t->fd, 0, SEEK_END) < 0)
		return -1;
	t->written = len;
	return 0;
}

/* len NULL: new, empty files; else the files as they are there, cut to these lengths. */
static struct oc_spill *open_all(const char *dir, const char *name, unsigned stream_n,
                                 uint64_t memory, const uint64_t *len, struct oc_err *err)
{
	struct oc_spill *s = oc_zalloc(1, sizeof *s + stream_n * sizeof *s->streams);

	s->dir = oc_strdup(dir);
	s->memory = memory;
	s->buffer = (size_t)(memory / (8 * (stream_n ? stream_n : 1)));
	if (s->buffer > BUFFER_MAX)
		s->buffer = BUFFER_MAX;
	if (s->buffer < BUFFER_MIN)
		s->buffer = BUFFER_MIN;
	for (; s->stream_n < stream_n; s->stream_n++) {
		struct stream *t = &s->streams[s->stream_n];
		struct oc_buf path = {0};
		oc_buf_printf(&path, "%s/%s.%u.spill", dir, name, s->stream_n);
		t->path = oc_strdup(oc_buf_cstr(&path));
		oc_buf_fini(&path);
		t->fd = open(t->path, O_RDWR | O_CLOEXEC | (len ? 0 : O_CREAT | O_TRUNC), 0600);
		if (t->fd < 0) {
			oc_fail_errno(err, t->path, "cannot create");
			free(t->path);
			close_all(s, !len);
			return NULL;
		}
		if (len && cut(t, len[s->stream_n])) {
			s->stream_n++;
			close_all(s, false);
			return NULL;
		}
	}
	return s;
}

struct oc_spill *oc_spill_open(struct oc_ctx *ctx, const char *dir, const char *name,
                               unsigned stream_n, uint64_t memory, struct oc_err *err)
{
	(void)ctx;
	return open_all(dir, name, stream_n, memory, NULL, err);
}

struct oc_spill *oc_spill_reopen(struct oc_ctx *ctx, const char *dir, const char *name,
                                 unsigned stream_n, uint64_t memory, const uint64_t *len)
{
	struct oc_err ignored = {0};

	(void)ctx;
	return open_all(dir, name, stream_n, memory, len, &ignored);
}

static int stream_write(struct stream *t, const char *p, size_t len, struct oc_err *err)
{
	while (len) {
		/* up to the next multiple, where a folio may begin */
		size_t n = WRITE_MAX - t->written % WRITE_MAX;
		n = n < len ? n : len;
		if (oc_write_all(t->fd, p, n, t->path, err))
			return -1;
		t->written += n;
		p += n;
		len -= n;
	}
	return 0;
}

static int stream_flush(struct stream *t, struct oc_err *err)
{
	if (stream_write(t, t->pending.p, t->pending.len, err))
		return -1;
	t->pending.len = 0;
	return 0;
}

int oc_spill_add(struct oc_spill *s, unsigned stream, const void *p, size_t len, struct oc_err *err)
{
	struct stream *t = &s->streams[stream];

	if (t->pending.len + len > s->buffer && stream_flush(t, err))
		return -1;
	if (len >= s->buffer)
		return stream_write(t, p, len, err);
	oc_buf_add(&t->pending, p, len);
	return 0;
}

int oc_spill_flush(struct oc_spill *s, struct oc_err *err)
{
	for (unsigned i = 0; i < s->stream_n; i++)
		if (stream_flush(&s->streams[i], err))
			return -1;
	return 0;
}

int oc_spill_sync(struct oc_spill *s, uint64_t *len, struct oc_err *err)
{
	for (unsigned i = 0; i < s->stream_n; i++) {
		struct stream *t = &s->streams[i];
		if (stream_flush(t, err))
			return -1;
		if (fdatasync(t->fd))
			return oc_fail_errno(err, t->path, "cannot sync");
		len[i] = t->written;
	}
	return 0;
}

void oc_spill_close(struct oc_spill *s)
{
	close_all(s, true);
}

void oc_spill_leave(struct oc_spill *s)
{
	close_all(s, false);
}

int oc_spill_read(struct oc_spill *s, unsigned stream, uint64_t at, void *p, size_t len,
                  struct oc_err *err)
{
	struct stream *t = &s->streams[stream];
	char *to = p;

	if (stream_flush(t, err))
		return -1;
	while (len) {
		ssize_t n = pread(t->fd, to, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return oc_fail_errno(err, t->path, "cannot read");
		if (n == 0)
			return oc_fail(err, OC_IO, t->path, "is shorter than what was written");
		to += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

uint64_t oc_spill_len(const struct oc_spill *s, unsigned stream)
{
	return s->streams[stream].written + s->streams[stream].pending.len;
}

int oc_spill_map(struct oc_spill *s, unsigned stream, struct oc_str *out, struct oc_err *err)
{
	struct stream *t = &s->streams[stream];

	if (stream_flush(t, err))
		return -1;
	if (t->map)
		munmap(t->map, t->map_len);
	t->map = NULL;
	*out = (struct oc_str){"", 0};
	if (!t->written)
		return 0;
	void *map = mmap(NULL, (size_t)t->written, PROT_READ, MAP_SHARED, t->fd, 0);
	if (map == MAP_FAILED)
		return oc_fail_errno(err, t->path, "cannot map");
	t->map = map;
	t->map_len = (size_t)t->written;
	*out = (struct oc_str){map, t->map_len};
	return 0;
}

int oc_spill_file(const struct oc_spill *s, unsigned stream)
{
	return s->streams[stream].fd;
}

uint64_t oc_spill_memory(const struct oc_spill *s)
{
	return s->memory;
}

const char *oc_spill_dir(const struct oc_spill *s)
{
	return s->dir;
}
