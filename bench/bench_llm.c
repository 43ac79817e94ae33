/*
 * The client against a server of 256 slots of 200 ms, and a bare epoll loop against the same
 * server: how busy the server is after the first 5 s, and CPU a request.
 *
 *   bench_llm [seconds=20] [slots=256] [latency_ms=200]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "data/opts.h"
#include "llm/client.h"
#include "llm/openai.h"

static double cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static int connect_to(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	                        .sin_port = htons((uint16_t)port),
	                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		perror("connect");
		exit(5);
	}
	return fd;
}

/* Seconds of slots in use so far, by the server's own count. */
static double busy_seconds(unsigned port)
{
	static const char get[] = "GET /stats HTTP/1.1\r\nHost: x\r\n\r\n";
	char reply[2048];
	size_t n = 0;
	ssize_t got;
	int fd = connect_to(port);

	if (write(fd, get, sizeof get - 1) < 0)
		exit(5);
	while (n < sizeof reply - 1 && (got = read(fd, reply + n, sizeof reply - 1 - n)) > 0) {
		n += (size_t)got;
		reply[n] = 0;
		if (strstr(reply, "\"clock\":") && reply[n - 1] == '}')
			break;
	}
	close(fd);
	const char *at = strstr(reply, "\"busy_seconds\":");
	return at ? atof(at + 15) : 0;
}

static pid_t start_server(const char *argv0, unsigned slots, unsigned ms, unsigned *port,
                          int *control)
{
	char path[4096], a[32], b[32];
	const char *slash = strrchr(argv0, '/');
	int in[2], out[2];

	snprintf(path, sizeof path, "%.*s/../test/llm-server", slash ? (int)(slash - argv0) : 1,
	         slash ? argv0 : ".");
	snprintf(a, sizeof a, "%u", slots);
	snprintf(b, sizeof b, "%u", ms);
	if (pipe(in) < 0 || pipe(out) < 0)
		exit(5);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execl(path, path, "--slots", a, "--latency", b, (char *)NULL);
		perror(path);
		_exit(7);
	}
	close(in[0]);
	close(out[1]);
	FILE *f = fdopen(out[0], "r");
	if (!f || fscanf(f, "%u", port) != 1) {
		fprintf(stderr, "no server: run `make bench-build` first\n");
		exit(7);
	}
	fclose(f);
	*control = in[1];
	return pid;
}

struct result {
	double share, cpu_ms, rate;
};

static void make_body(char *out, size_t cap, unsigned i)
{
	snprintf(out, cap,
	         "{\"max_tokens\":128,\"messages\":[{\"content\":\"Write a short question about "
	         "topic number %u that a child of ten could answer, then answer it in one "
	         "sentence.\",\"role\":\"user\"}],\"model\":\"bench\",\"temperature\":1}",
	         i);
}

static struct result bench_client(unsigned port, double seconds, unsigned slots, unsigned start)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_arena *arena = oc_arena_new();
	struct oc_env env = {.size = sizeof env, .ctx = ctx, .name = "bench"};
	struct oc_err err = {0};
	struct oc_buf text = {0};
	struct oc_store *store = NULL;
	struct oc_llm_model *model = NULL;
	char dir[] = "/tmp/oc-bench-XXXXXX";
	struct result r = {0};

	if (!mkdtemp(dir))
		exit(4);
	oc_buf_printf(
		&text,
		"{\"base\":\"http://127.0.0.1:%u/v1\",\"model\":\"bench\",\"concurrency\":%u}",
		port, start);
	yyjson_val *given = oc_json_parse(arena, oc_buf_view(&text), &err);
	yyjson_val *opts =
		oc_opts_resolve(arena, oc_llm_openai.options, given, "model", NULL, NULL, &err);
	struct oc_llm_model_opts o = {.name = "bench", .def = &oc_llm_openai, .opts = opts};
	struct oc_budget *budget = oc_budget_new(&(struct oc_caps){.money = 1e9});
	if (!opts || oc_store_open(&store, ctx, dir, false, &err) < 0 ||
	    oc_llm_model_open(&model, &env, &o, store, budget, &err) < 0)
		goto out;
	struct oc_llm *llm = oc_llm_open(model, "bench");
	double begin = oc_now(), after5 = 0, busy5 = 0, used = cpu();
	uint64_t done = 0, done5 = 0;
	unsigned next = 0;
	while (oc_now() - begin < seconds) {
		char body[512];
		while (llm->ops->pending(llm) < llm->ops->window(llm)) {
			make_body(body, sizeof body, next++);
			struct oc_request q = {
				.kind = OC_CALL_CHAT, .body = oc_str(body), .max_tokens = 128};
			if (llm->ops->submit(llm, &q, &err) < 0)
				goto out;
		}
		struct oc_reply reply;
		int got = llm->ops->next(llm, &reply, 1000, &err);
		if (got < 0)
			goto out;
		if (got) {
			done++;
			llm->ops->reply_free(llm, &reply);
		}
		if (!done5 && oc_now() - begin >= 5) {
			busy5 = busy_seconds(port);
			after5 = oc_now();
			done5 = done;
		}
	}
	double end = oc_now(), busy = busy_seconds(port);
	r.cpu_ms = (cpu() - used) * 1000 / (double)(done ? done : 1);
	r.share = (busy - busy5) / (slots * (end - after5));
	r.rate = (double)(done - done5) / (end - after5);
	struct oc_llm_stats st;
	oc_llm_model_stats(model, &st);
	printf("  window at the end %u, store %.1f bytes a reply\n", st.window,
	       (double)oc_store_bytes(store) / (double)done);
	oc_ctx_cancel(ctx);
	oc_ctx_cancel(ctx);
	llm->ops->close(llm);
out:
	if (err.code)
		fprintf(stderr, "%s: %s\n", err.where, err.msg);
	oc_llm_model_close(model);
	oc_store_close(store, &err);
	oc_budget_free(budget);
	oc_remove_tree(dir, &err);
	oc_buf_fini(&text);
	oc_arena_free(arena);
	oc_ctx_free(ctx);
	return r;
}

/* The least that can be done: one connection a slot, a fixed request, the reply read and dropped.
 */
static struct result bench_bare(unsigned port, double seconds, unsigned slots)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev[256];
	char body[512], request[1024], reply[8192];
	double begin = oc_now(), used = cpu(), busy5 = busy_seconds(port);
	uint64_t done = 0;
	unsigned next = 0;
	struct result r;

	for (unsigned i = 0; i < slots; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = connect_to(port)};
		epoll_ctl(ep, EPOLL_CTL_ADD, e.data.fd, &e);
		make_body(body, sizeof body, 1000000000u + next++);
		int n = snprintf(request, sizeof request,
		                 "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: "
		                 "%zu\r\n\r\n%s",
		                 strlen(body), body);
		if (write(e.data.fd, request, (size_t)n) != n)
			exit(5);
	}
	while (oc_now() - begin < seconds) {
		int n = epoll_wait(ep, ev, 256, 100);
		for (int i = 0; i < n; i++) {
			if (read(ev[i].data.fd, reply, sizeof reply) <= 0)
				exit(5);
			done++;
			make_body(body, sizeof body, 1000000000u + next++);
			int len = snprintf(request, sizeof request,
			                   "POST /v1/chat/completions HTTP/1.1\r\nHost: "
			                   "x\r\nContent-Length: %zu\r\n\r\n%s",
			                   strlen(body), body);
			if (write(ev[i].data.fd, request, (size_t)len) != len)
				exit(5);
		}
	}
	r.share = (busy_seconds(port) - busy5) / (slots * (oc_now() - begin));
	r.cpu_ms = (cpu() - used) * 1000 / (double)done;
	r.rate = (double)done / (oc_now() - begin);
	close(ep);
	return r;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 20;
	unsigned slots = argc > 2 ? (unsigned)atoi(argv[2]) : 256,
		 ms = argc > 3 ? (unsigned)atoi(argv[3]) : 200, port = 0;
	int control = -1;
	pid_t pid;

	pid = start_server(argv[0], slots, ms, &port, &control);
	printf("server: %u slots of %u ms, at most %.0f requests/s\n", slots, ms,
	       slots * 1000.0 / ms);
	struct result c = bench_client(port, seconds, slots, 16);
	close(control);
	waitpid(pid, NULL, 0);
	pid = start_server(argv[0], slots, ms, &port, &control);
	struct result b = bench_bare(port, seconds < 10 ? seconds : 10, slots);
	close(control);
	waitpid(pid, NULL, 0);
	printf("client, store on:   %5.1f %% busy after 5 s, %7.1f requests/s, %.4f ms CPU a "
	       "request\n",
	       c.share * 100, c.rate, c.cpu_ms);
	printf("bare socket loop:   %5.1f %% busy,           %7.1f requests/s, %.4f ms CPU a "
	       "request\n",
	       b.share * 100, b.rate, b.cpu_ms);
	printf("ratio: %.2f of the slots' rate (bar 0.97), CPU %.2f x bare (bar 0.15 ms)\n",
	       c.share, c.cpu_ms / b.cpu_ms);
	return c.share >= 0.97 && c.cpu_ms <= 0.15 ? 0 : 1;
}
