#include "pipe/writer_parquet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "pipe/duck_child.h"

#define GROUP_BYTES ((uint64_t)64 << 20)
#define GROUP_LEAST 2048   /* rows; the library's smallest step */
#define GROUP_MOST  122880 /* its default */
#define LINE_LEAST  ((uint64_t)1 << 20)
#define HEAD_BYTES  ((uint64_t)4 << 20) /* of rows, which say how long the others are */
#define READ_BYTES  ((size_t)1 << 20)
#define LOOK_UP_MS  100

/* What the library must be told of one file. */
struct shape {
	uint64_t rows, bytes, longest;
	uint64_t head_rows, head_bytes;
};

/* One pass over rows: for their columns, and for what a file of them is like. */
struct look {
	struct oc_parquet_types *types;
	struct shape *shape;
	struct oc_arena *arena;
	struct oc_buf rest; /* of the last read, a line without its end */
};

static int see_row(struct look *l, struct oc_str text, struct oc_err *err)
{
	struct shape *s = l->shape;
	yyjson_val *row = oc_json_parse(l->arena, text, err);

	if (!row)
		return -1;
	oc_parquet_types_see(l->types, row);
	if (s->bytes < HEAD_BYTES) {
		s->head_rows++;
		s->head_bytes += text.len;
	}
	s->rows++;
	s->bytes += text.len;
	s->longest = text.len > s->longest ? text.len : s->longest;
	oc_arena_reset(l->arena);
	return 0;
}

/* The lines that end in these bytes. */
static int see_bytes(struct look *l, struct oc_str bytes, struct oc_err *err)
{
	const char *end;

	while ((end = memchr(bytes.p, '\n', bytes.len)) != NULL) {
		struct oc_str line = {bytes.p, (size_t)(end - bytes.p)};
		if (l->rest.len) {
			oc_buf_str(&l->rest, line);
			line = oc_buf_view(&l->rest);
		}
		if (see_row(l, line, err))
			return -1;
		l->rest.len = 0;
		bytes.len -= (size_t)(end + 1 - bytes.p);
		bytes.p = end + 1;
	}
	oc_buf_str(&l->rest, bytes);
	return 0;
}

static int see_end(struct look *l, struct oc_err *err)
{
	return l->rest.len ? see_row(l, oc_buf_view(&l->rest), err) : 0;
}

static void look_fini(struct look *l)
{
	oc_arena_free(l->arena);
	oc_buf_fini(&l->rest);
}

/* Widens the columns by a file's rows. */
static int see_file(struct oc_ctx *ctx, struct oc_parquet_types *types, const char *path,
                    struct shape *shape, struct oc_err *err)
{
	struct look l = {.types = types, .shape = shape, .arena = oc_arena_new()};
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -1;
	char *bytes = oc_alloc(READ_BYTES);
	ssize_t n;

	if (fd < 0) {
		oc_fail_errno(err, path, "cannot open");
		goto out;
	}
	while ((n = read(fd, bytes, READ_BYTES)) > 0) {
		if (see_bytes(&l, (struct oc_str){bytes, (size_t)n}, err))
			goto out;
		if (oc_cancelled(ctx)) {
			oc_fail(err, OC_CANCELLED, NULL, "interrupted");
			goto out;
		}
	}
	if (n < 0)
		oc_fail_errno(err, path, "cannot read");
	else
		rc = see_end(&l, err);
out:
	free(bytes);
	if (fd >= 0)
		close(fd);
	look_fini(&l);
	return rc;
}

/* Of so many rows, all of them as long as the first ones, unless these were half as long. */
static uint64_t group_rows(const struct shape *s)
{
	uint64_t all = s->rows ? s->bytes / s->rows + 1 : 1;
	uint64_t head = s->head_rows ? s->head_bytes / s->head_rows + 1 : 1;
	uint64_t each = all > 2 * head ? all : head;
	uint64_t rows = GROUP_BYTES / each / GROUP_LEAST * GROUP_LEAST;

	return rows < GROUP_LEAST ? GROUP_LEAST : rows > GROUP_MOST ? GROUP_MOST : rows;
}

static uint64_t line_bytes(const struct shape *s)
{
	return s->longest + 2 < LINE_LEAST ? LINE_LEAST : s->longest + 2;
}

static int ask(struct oc_duck_session *duck, const char *from, const char *to,
               const struct shape *shape, struct oc_str columns, struct oc_err *err)
{
	struct oc_buf q = {0};

	oc_buf_puts(&q, "{\"file\":");
	oc_buf_json(&q, oc_str(from));
	oc_buf_puts(&q, ",\"to\":");
	oc_buf_json(&q, oc_str(to));
	oc_buf_puts(&q, ",\"columns\":");
	oc_buf_str(&q, columns);
	oc_buf_printf(&q, ",\"longest\":%llu,\"group\":%llu}",
	              (unsigned long long)line_bytes(shape), (unsigned long long)group_rows(shape));
	int rc = oc_duck_session_send(duck, OC_DUCK_WRITE, oc_buf_view(&q), err);
	oc_buf_fini(&q);
	return rc;
}

static int write_one(struct oc_duck_session *duck, const struct oc_parquet_file *file,
                     const struct shape *shape, struct oc_str columns, struct oc_err *err)
{
	struct oc_frame f;

	return ask(duck, file->rows, file->parquet, shape, columns, err) ||
	                       oc_duck_session_next(duck, &f, err)
	               ? -1
	               : 0;
}

static int sync_file(const char *path, struct oc_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? oc_fail_errno(err, path, "cannot sync") : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* Files whose rows have been seen. */
static int write_seen(struct oc_ctx *ctx, const struct oc_parquet_file *files,
                      const struct shape *shapes, unsigned n, const struct oc_parquet_types *types,
                      struct oc_err *err)
{
	struct oc_duck_session *duck = NULL;
	struct oc_buf columns = {0};
	int rc = -1;

	if (oc_parquet_types_write(types, &columns, err) ||
	    oc_duck_session_open(&duck, ctx, ctx->memory, err))
		goto out;
	for (unsigned i = 0; i < n; i++)
		if (write_one(duck, &files[i], &shapes[i], oc_buf_view(&columns), err) ||
		    sync_file(files[i].parquet, err))
			goto out;
	rc = 0;
out:
	oc_duck_session_close(duck);
	for (unsigned i = 0; rc && i < n; i++)
		unlink(files[i].parquet);
	oc_buf_fini(&columns);
	return rc;
}

int oc_parquet_write(struct oc_ctx *ctx, const struct oc_parquet_file *files, unsigned n,
                     struct oc_err *err)
{
	struct oc_parquet_types *types = oc_parquet_types_new();
	struct shape *shapes = oc_zalloc(n + 1, sizeof *shapes);
	int rc = 0;

	for (unsigned i = 0; !rc && i < n; i++)
		rc = see_file(ctx, types, files[i].rows, &shapes[i], err);
	if (!rc)
		rc = write_seen(ctx, files, shapes, n, types, err);
	oc_parquet_types_free(types);
	free(shapes);
	return rc;
}

/* ---------------------------------------------------------------- following */

struct oc_parquet_follower {
	struct oc_ctx *ctx;
	struct oc_parquet_file file;
	char *pipe_name;
	int fd; /* of the rows */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	uint64_t len; /* bytes of the file, under the lock as the next two */
	bool ended, dropped;

	/* the thread's */
	struct look look;
	struct shape shape;
	struct oc_duck_session *duck; /* at work with a guess, or NULL */
	struct oc_buf held;           /* what was read before it began */
	struct oc_buf columns;        /* the guess, */
	struct shape guessed;         /* and the shape it was made with */
	int pipe;
	bool tried, anew;
	struct oc_err err;
};

static void give_up(struct oc_parquet_follower *p)
{
	oc_duck_session_close(p->duck);
	p->duck = NULL;
	if (p->pipe >= 0)
		close(p->pipe);
	p->pipe = -1;
	p->anew = true;
}

/* Bytes into the pipe. A child that answers before it has all of them will not take them. */
static void feed(struct oc_parquet_follower *p, struct oc_str bytes)
{
	struct oc_frame f;
	struct oc_err ignored = {0};

	while (p->duck && bytes.len) {
		ssize_t n = write(p->pipe, bytes.p, bytes.len);
		if (n > 0) {
			bytes.p += n;
			bytes.len -= (size_t)n;
			continue;
		}
		struct pollfd ready = {.fd = p->pipe, .events = POLLOUT};
		bool full = n < 0 && errno == EAGAIN;
		if ((!full && errno != EINTR) || oc_cancelled(p->ctx) ||
		    (full && poll(&ready, 1, LOOK_UP_MS) == 0 &&
		     oc_duck_session_try(p->duck, &f, &ignored)))
			give_up(p);
	}
}

/* Begins with the columns met so far. What stands in the way of that is no error: the file is made
 * when all rows are there. */
static void begin(struct oc_parquet_follower *p)
{
	struct oc_err ignored = {0};
	bool fine = false;

	p->tried = true;
	p->guessed = p->shape;
	if (oc_parquet_types_write(p->look.types, &p->columns, &ignored) ||
	    mkfifo(p->pipe_name, 0600))
		goto out;
	/* For reading as well: so neither end waits for the other to open. */
	p->pipe = open(p->pipe_name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	fine = p->pipe >= 0 && !oc_duck_session_open(&p->duck, p->ctx, p->ctx->memory, &ignored) &&
	       !ask(p->duck, p->pipe_name, p->file.parquet, &p->guessed, oc_buf_view(&p->columns),
	            &ignored);
#if defined F_SETPIPE_SZ
	fcntl(p->pipe, F_SETPIPE_SZ, (int)READ_BYTES); /* fewer changes between the two; may fail */
#endif
	if (!fine)
		give_up(p);
	feed(p, oc_buf_view(&p->held));
out:
	oc_buf_fini(&p->held);
}

/* Waits until bytes lie behind `at`, or none will come. Returns how many. */
static uint64_t wait_for(struct oc_parquet_follower *p, uint64_t at)
{
	uint64_t n;

	pthread_mutex_lock(&p->lock);
	while (p->len == at && !p->ended)
		pthread_cond_wait(&p->change, &p->lock);
	n = p->dropped ? 0 : p->len - at;
	pthread_mutex_unlock(&p->lock);
	return n;
}

static void *follow(void *arg)
{
	struct oc_parquet_follower *p = arg;
	char *bytes = oc_alloc(READ_BYTES);
	uint64_t at = 0, more;

	while ((more = wait_for(p, at)) > 0) {
		ssize_t n = pread(p->fd, bytes, more < READ_BYTES ? more : READ_BYTES, (off_t)at);
		struct oc_str read = {bytes, n > 0 ? (size_t)n : 0};
		if (n <= 0) {
			oc_fail_errno(&p->err, p->file.rows, "cannot read");
			break;
		}
		if (see_bytes(&p->look, read, &p->err))
			break;
		at += (uint64_t)n;
		if (!p->tried)
			oc_buf_str(&p->held, read);
		feed(p, read);
		if (!p->tried && p->shape.bytes >= HEAD_BYTES)
			begin(p);
	}
	free(bytes);
	return NULL;
}

int oc_parquet_follow(struct oc_parquet_follower **out, struct oc_ctx *ctx,
                      const struct oc_parquet_file *file, struct oc_err *err)
{
	int fd = open(file->rows, O_RDONLY | O_CLOEXEC);
	struct oc_buf name = {0};

	if (fd < 0)
		return oc_fail_errno(err, file->rows, "cannot open");
	struct oc_parquet_follower *p = oc_zalloc(1, sizeof *p);
	oc_buf_printf(&name, "%s.pipe", file->rows);
	p->ctx = ctx;
	p->file.rows = oc_strdup(file->rows);
	p->file.parquet = oc_strdup(file->parquet);
	p->pipe_name = oc_strdup(oc_buf_cstr(&name));
	p->fd = fd;
	p->pipe = -1;
	p->look = (struct look){
		.types = oc_parquet_types_new(), .shape = &p->shape, .arena = oc_arena_new()};
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->change, NULL);
	unlink(p->pipe_name); /* of a job that was killed */
	oc_buf_fini(&name);
	if (pthread_create(&p->thread, NULL, follow, p)) {
		p->thread = pthread_self();
		oc_parquet_drop(p);
		return oc_fail(err, OC_IO, file->rows, "cannot start a thread");
	}
	*out = p;
	return 0;
}

static void tell(struct oc_parquet_follower *p, uint64_t len, bool ended, bool dropped)
{
	pthread_mutex_lock(&p->lock);
	p->len = len > p->len ? len : p->len;
	p->ended |= ended;
	p->dropped |= dropped;
	pthread_cond_signal(&p->change);
	pthread_mutex_unlock(&p->lock);
}

void oc_parquet_grown(struct oc_parquet_follower *p, uint64_t len)
{
	tell(p, len, false, false);
}

static void follower_free(struct oc_parquet_follower *p)
{
	give_up(p);
	unlink(p->pipe_name);
	close(p->fd);
	look_fini(&p->look);
	oc_parquet_types_free(p->look.types);
	oc_buf_fini(&p->held);
	oc_buf_fini(&p->columns);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->change);
	free((char *)p->file.rows);
	free((char *)p->file.parquet);
	free(p->pipe_name);
	free(p);
}

/* Do the columns and groups that the library was told still hold for all rows? */
static bool held_good(struct oc_parquet_follower *p)
{
	struct oc_buf now = {0};
	struct oc_err ignored = {0};
	bool same = !oc_parquet_types_write(p->look.types, &now, &ignored) &&
	            oc_str_eq(oc_buf_view(&now), oc_buf_view(&p->columns)) &&
	            group_rows(&p->shape) == group_rows(&p->guessed) &&
	            line_bytes(&p->shape) == line_bytes(&p->guessed);

	oc_buf_fini(&now);
	return same;
}

int oc_parquet_end(struct oc_parquet_follower *p, bool *anew, struct oc_err *err)
{
	struct oc_err ignored = {0};
	struct oc_frame f;
	int rc = -1;

	tell(p, 0, true, false);
	pthread_join(p->thread, NULL);
	if (p->err.code) {
		*err = p->err;
		goto out;
	}
	if (see_end(&p->look, err))
		goto out;
	if (p->duck && held_good(p)) {
		close(p->pipe);
		p->pipe = -1;
		rc = oc_duck_session_next(p->duck, &f, &ignored);
		if (!rc)
			rc = sync_file(p->file.parquet, err);
		else if (oc_cancelled(p->ctx))
			oc_fail(err, OC_CANCELLED, NULL, "interrupted");
	}
	if (rc && !err->code) {
		if (p->duck)
			give_up(p);
		rc = write_seen(p->ctx, &p->file, &p->shape, 1, p->look.types, err);
	}
out:
	if (rc)
		unlink(p->file.parquet);
	if (anew)
		*anew = p->anew;
	follower_free(p);
	return rc;
}

void oc_parquet_drop(struct oc_parquet_follower *p)
{
	if (!p)
		return;
	tell(p, 0, true, true);
	if (!pthread_equal(p->thread, pthread_self()))
		pthread_join(p->thread, NULL);
	give_up(p);
	unlink(p->file.parquet);
	follower_free(p);
}
