#include "base/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/proc.h"

enum { FRAME_HELLO = 1 };

#define CHILD_FD   3
#define READ_CHUNK ((size_t)64 << 10)
#define GRACE      2.0 /* seconds between closing the socket and SIGKILL */

struct head {
	uint32_t len, type;
};

/* Bytes that came, and how many of them were handed out. */
struct inbox {
	struct oc_buf buf;
	size_t used;
};

/* 1: more bytes came; 0: none now; -1: the other end is gone. Does not block. */
static int inbox_fill(struct inbox *in, int fd)
{
	if (in->used) {
		memmove(in->buf.p, in->buf.p + in->used, in->buf.len - in->used);
		in->buf.len -= in->used;
		in->used = 0;
	}
	oc_buf_reserve(&in->buf, READ_CHUNK);
	ssize_t got = recv(fd, in->buf.p + in->buf.len, READ_CHUNK, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	in->buf.len += (size_t)got;
	return got ? 1 : -1;
}

/* 1: a whole frame was there; 0: not yet; -1: nonsense. */
static int inbox_take(struct inbox *in, struct oc_frame *f)
{
	struct head head;
	size_t left = in->buf.len - in->used;

	if (left < sizeof head)
		return 0;
	memcpy(&head, in->buf.p + in->used, sizeof head);
	if (head.len > OC_FRAME_MAX)
		return -1;
	if (left - sizeof head < head.len)
		return 0;
	f->type = head.type;
	f->data = (struct oc_str){in->buf.p + in->used + sizeof head, head.len};
	in->used += sizeof head + head.len;
	return 1;
}

/* As oc_helper_recv, for either end; -1 also at end of file. */
static int inbox_recv(struct inbox *in, int fd, struct oc_frame *f, int timeout_ms)
{
	double until = oc_now() + timeout_ms / 1e3;

	for (;;) {
		int got = inbox_take(in, f);
		if (got)
			return got;
		got = inbox_fill(in, fd);
		if (got < 0)
			return -1;
		if (got > 0)
			continue;
		int left = timeout_ms;
		if (timeout_ms > 0) {
			double ms = (until - oc_now()) * 1e3;
			left = ms > 0 ? (int)ms + 1 : 0;
		}
		if (left == 0)
			return 0;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		poll(&p, 1, left);
	}
}

/*
 * Sends everything; while the socket is full, what arrives is read into `in`, so that two ends
 * that send at each other cannot stall. `in` may be NULL.
 */
static int send_all(int fd, const char *p, size_t len, struct inbox *in)
{
	while (len) {
		ssize_t put = send(fd, p, len, MSG_NOSIGNAL | (in ? MSG_DONTWAIT : 0));
		if (put > 0) {
			p += put;
			len -= (size_t)put;
			continue;
		}
		if (put < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (!in)
			continue;
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT};
		poll(&poll_fd, 1, -1);
		if (poll_fd.revents & POLLIN && inbox_fill(in, fd) < 0)
			return -1;
		if (poll_fd.revents & (POLLHUP | POLLERR))
			return -1;
	}
	return 0;
}

static int send_frame(int fd, uint32_t type, struct oc_str a, struct oc_str b, struct inbox *in)
{
	struct head head = {(uint32_t)(a.len + b.len), type};

	if (a.len > OC_FRAME_MAX || b.len > OC_FRAME_MAX || a.len + b.len > OC_FRAME_MAX)
		return -1;
	if (send_all(fd, (const char *)&head, sizeof head, in) || send_all(fd, a.p, a.len, in))
		return -1;
	return send_all(fd, b.p, b.len, in);
}

/* ------------------------------------------------------------------- parent */

struct oc_helper {
	struct oc_ctx *ctx;
	char *name;
	pid_t pid;
	int fd, talk; /* socket; what the child prints */
	bool ended;
	int status;
	struct inbox in;
	pthread_t listener;
	bool listening;
	pthread_mutex_t lock;
	char last[256]; /* last line the child printed */
};

static void heard(struct oc_helper *h, const char *line, size_t len)
{
	if (!len)
		return;
	oc_log(h->ctx, OC_LOG_DEBUG, "%s: %.*s", h->name, (int)len, line);
	pthread_mutex_lock(&h->lock);
	snprintf(h->last, sizeof h->last, "%.*s", (int)len, line);
	pthread_mutex_unlock(&h->lock);
}

static void *listen_to(void *arg)
{
	struct oc_helper *h = arg;
	char line[1024];
	size_t len = 0;
	ssize_t got;

	while ((got = read(h->talk, line + len, sizeof line - len)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		len += (size_t)got;
		char *end, *from = line;
		while ((end = memchr(from, '\n', len - (size_t)(from - line)))) {
			heard(h, from, (size_t)(end - from));
			from = end + 1;
		}
		len -= (size_t)(from - line);
		memmove(line, from, len);
		if (len == sizeof line) {
			heard(h, line, len);
			len = 0;
		}
	}
	heard(h, line, len);
	return NULL;
}

/* Makes sure that the child is gone and its last words were read. */
static void reap(struct oc_helper *h)
{
	if (!h->ended) {
		if (!oc_proc_wait(h->pid, GRACE, &h->status)) {
			kill(h->pid, SIGKILL);
			oc_proc_wait(h->pid, 10 * GRACE, &h->status);
		}
		h->ended = true;
	}
	if (h->listening) {
		pthread_join(h->listener, NULL);
		h->listening = false;
	}
}

static int died(struct oc_helper *h, struct oc_err *err)
{
	char how[64];

	shutdown(h->fd, SHUT_RDWR);
	reap(h);
	oc_proc_describe(h->status, how);
	return oc_fail(err, OC_INTERNAL, h->name, "the helper process ended with %s%s%s", how,
	               h->last[0] ? ": " : "", h->last);
}

int oc_helper_spawn(struct oc_helper **out, struct oc_ctx *ctx, const char *name, double deadline,
                    struct oc_err *err)
{
	struct oc_helper *h = oc_zalloc(1, sizeof *h);
	int pair[2] = {-1, -1}, talk[2] = {-1, -1};
	struct oc_frame hello;
	uint32_t protocol = 0;

	*out = NULL;
	h->ctx = ctx;
	h->name = oc_strdup(name);
	h->fd = h->talk = -1;
	h->ended = true;
	pthread_mutex_init(&h->lock, NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) || pipe2(talk, O_CLOEXEC)) {
		oc_fail_errno(err, name, "cannot make a socket for a helper process");
		goto fail;
	}
	h->fd = pair[0];
	h->talk = talk[0];
	const char *argv[] = {ctx->program ? ctx->program : "/proc/self/exe", "__helper", name,
	                      NULL};
	const int fds[] = {-1, talk[1], talk[1], pair[1]};
	if (oc_proc_spawn(&h->pid, argv, fds, 4, err))
		goto fail;
	h->ended = false;
	close(pair[1]);
	close(talk[1]);
	pair[1] = talk[1] = -1;
	if (pthread_create(&h->listener, NULL, listen_to, h)) {
		oc_fail(err, OC_INTERNAL, name, "cannot start a thread");
		goto fail;
	}
	h->listening = true;

	int got = oc_helper_recv(h, &hello, (int)(deadline * 1e3), err);
	if (got < 0)
		goto fail;
	if (got && hello.type == FRAME_HELLO && hello.data.len >= sizeof protocol)
		memcpy(&protocol, hello.data.p, sizeof protocol);
	if (!got) {
		oc_fail(err, OC_INTERNAL, name, "the helper process did not answer within %.0f s",
		        deadline);
		goto fail;
	}
	struct oc_str version = {hello.data.p + sizeof protocol, hello.data.len - sizeof protocol};
	if (protocol != OC_HELPER_PROTOCOL || !oc_str_is(version, OUTCROSS_VERSION)) {
		oc_fail(err, OC_INTERNAL, name,
		        "%s is not this version of outcross (%s); name the right program", argv[0],
		        OUTCROSS_VERSION);
		goto fail;
	}
	*out = h;
	return 0;
fail:
	if (pair[1] >= 0)
		close(pair[1]);
	if (talk[1] >= 0)
		close(talk[1]);
	oc_helper_close(h);
	return -1;
}

int oc_helper_send(struct oc_helper *h, uint32_t type, struct oc_str a, struct oc_str b,
                   struct oc_err *err)
{
	if (a.len + b.len > OC_FRAME_MAX)
		return oc_fail(err, OC_INPUT, h->name, "a message of %zu bytes is too long",
		               a.len + b.len);
	return send_frame(h->fd, type, a, b, &h->in) ? died(h, err) : 0;
}

int oc_helper_recv(struct oc_helper *h, struct oc_frame *f, int timeout_ms, struct oc_err *err)
{
	int got = inbox_recv(&h->in, h->fd, f, timeout_ms);
	return got < 0 ? died(h, err) : got;
}

int oc_helper_fd(const struct oc_helper *h)
{
	return h->fd;
}

pid_t oc_helper_pid(const struct oc_helper *h)
{
	return h->pid;
}

void oc_helper_close(struct oc_helper *h)
{
	if (!h)
		return;
	if (h->fd >= 0)
		close(h->fd);
	reap(h);
	if (h->talk >= 0)
		close(h->talk);
	oc_buf_fini(&h->in.buf);
	pthread_mutex_destroy(&h->lock);
	free(h->name);
	free(h);
}

/* -------------------------------------------------------------------- child */

struct oc_port {
	struct inbox in;
};

/*
 * Ends the process when the parent closes the socket, whatever the main thread is doing. Looks at
 * the parent too, in case a stranger inherited its end; PR_SET_PDEATHSIG would not do: it fires
 * when the thread that started us ends.
 */
static void *watch(void *arg)
{
	pid_t parent = *(const pid_t *)arg;

	for (;;) {
		struct pollfd p = {.fd = CHILD_FD, .events = POLLRDHUP};
		poll(&p, 1, 1000);
		if (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL) || getppid() != parent)
			_exit(0);
	}
	return NULL;
}

int oc_port_send(struct oc_port *p, uint32_t type, struct oc_str a, struct oc_str b)
{
	(void)p;
	return send_frame(CHILD_FD, type, a, b, NULL);
}

int oc_port_recv(struct oc_port *p, struct oc_frame *f, int timeout_ms)
{
	return inbox_recv(&p->in, CHILD_FD, f, timeout_ms);
}

int oc_helper_child(const struct oc_helper_def *defs, size_t def_n, int argc, char **argv)
{
	struct oc_port port = {0};
	uint32_t protocol = OC_HELPER_PROTOCOL;
	pthread_t watcher;
	pid_t parent = getppid();
	const struct oc_helper_def *def = NULL;

	for (size_t i = 0; argc == 3 && i < def_n; i++)
		if (strcmp(defs[i].name, argv[2]) == 0)
			def = &defs[i];
	if (!def) {
		fprintf(stderr, "outcross: __helper is for outcross itself; see outcross help\n");
		return 2;
	}
	if (send_frame(CHILD_FD, FRAME_HELLO,
	               (struct oc_str){(const char *)&protocol, sizeof protocol},
	               OC_LIT(OUTCROSS_VERSION), NULL) ||
	    pthread_create(&watcher, NULL, watch, &parent))
		return 1;
	int failed = def->run(&port);
	oc_buf_fini(&port.in.buf);
	return failed ? 1 : 0;
}
