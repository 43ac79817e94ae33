#include "net/http.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "net/curl_abi.h"

#define HEADER_CAP (64u << 10)
#define EVENTS     256

/* The call that is never made lets curl's header check the type of the value. */
#define SET_EASY(h, easy, option, value)                                                           \
	((void)(0 ? curl_easy_setopt(easy, option, value) : CURLE_OK),                             \
	 (h)->curl->easy_setopt(easy, option, value))
#define SET_MULTI(h, option, value)                                                                \
	((void)(0 ? curl_multi_setopt((h)->multi, option, value) : CURLM_OK),                      \
	 (h)->curl->multi_setopt((h)->multi, option, value))

/* One request in flight; kept with its curl handle for the next one. */
struct slot {
	struct oc_http *h;
	CURL *easy;
	struct slot *next;
	struct oc_http_request req;
	struct oc_buf headers, body;
	bool too_big, sent, again;
	char error[CURL_ERROR_SIZE];
};

struct oc_http {
	const struct oc_curl *curl;
	struct oc_http_opts opts;
	CURLM *multi;
	int epoll, event;
	atomic_bool woken;
	double timer; /* oc_now at which curl wants to be called; < 0 none */
	struct slot *idle;
	struct slot **slots; /* every one, for closing */
	size_t slot_n, slot_cap;
	uint32_t in_flight;
	int running;
};

struct oc_http_headers {
	struct curl_slist *list;
};

struct oc_http_headers *oc_http_headers_new(void)
{
	return oc_zalloc(1, sizeof(struct oc_http_headers));
}

void oc_http_headers_add(struct oc_http_headers *l, const char *name, const char *value)
{
	struct oc_buf line = {0};
	struct curl_slist *last = oc_zalloc(1, sizeof *last), **end = &l->list;

	oc_buf_printf(&line, *value ? "%s: %s" : "%s:%s", name, value);
	last->data = oc_strdup(oc_buf_cstr(&line));
	explicit_bzero(line.p, line.len);
	oc_buf_fini(&line);
	while (*end)
		end = &(*end)->next;
	*end = last;
}

void oc_http_headers_free(struct oc_http_headers *l)
{
	if (!l)
		return;
	for (struct curl_slist *s = l->list, *next; s; s = next) {
		next = s->next;
		explicit_bzero(s->data, strlen(s->data));
		free(s->data);
		free(s);
	}
	free(l);
}

/* --------------------------------------------------------- curl's callbacks */

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
	struct slot *s = user;
	size_t len = size * n;

	/* A status line begins a new reply: 100 Continue, a proxy's CONNECT, then the real one. */
	if (len >= 5 && memcmp(p, "HTTP/", 5) == 0) {
		s->headers.len = 0;
		s->body.len = 0;
		return len;
	}
	struct oc_str line = oc_str_trim((struct oc_str){p, len});
	const char *colon = line.len ? memchr(line.p, ':', line.len) : NULL;
	if (!colon || s->headers.len + line.len > HEADER_CAP)
		return len;
	size_t from = s->headers.len;
	oc_buf_str(&s->headers, line);
	oc_buf_putc(&s->headers, '\n');
	for (char *c = s->headers.p + from; *c != ':'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c | 0x20);
	return len;
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
	struct slot *s = user;
	size_t len = size * n;

	if (len > s->req.body_cap - s->body.len) {
		s->too_big = true;
		return 0;
	}
	oc_buf_add(&s->body, p, len);
	return len;
}

/*
 * Called when the request is about to be written. curl would write it a second time when a reused
 * connection breaks before the first byte of the reply: that may be paid twice, so it is our
 * caller's to decide and to count.
 */
static int on_send(void *user, char *ip, char *local_ip, int port, int local_port)
{
	struct slot *s = user;

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	s->again = s->sent;
	s->sent = true;
	return s->again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known)
{
	struct oc_http *h = user;
	struct epoll_event e = {.data.fd = fd};

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		e.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		e.events |= EPOLLOUT;
	if (epoll_ctl(h->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) < 0 &&
	    errno == EEXIST)
		epoll_ctl(h->epoll, EPOLL_CTL_MOD, fd, &e);
	if (!known)
		h->curl->multi_assign(h->multi, fd, h);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *user)
{
	struct oc_http *h = user;

	(void)multi;
	h->timer = ms < 0 ? -1 : oc_now() + (double)ms / 1000;
	return 0;
}

/* --------------------------------------------------------------- open, close */

static void raise_files(uint32_t connections)
{
	struct rlimit l;
	rlim_t want = (rlim_t)connections + 512;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= want)
		return;
	l.rlim_cur = l.rlim_max == RLIM_INFINITY || l.rlim_max >= want ? want : l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

int oc_http_open(struct oc_http **out, const struct oc_http_opts *opts, struct oc_err *err)
{
	struct oc_http *h = oc_zalloc(1, sizeof *h);
	struct epoll_event e = {.events = EPOLLIN};

	h->opts = *opts;
	h->epoll = h->event = -1;
	h->timer = -1;
	raise_files(opts->max_connections);
	h->curl = oc_curl(err);
	if (!h->curl)
		goto fail;
	h->multi = h->curl->multi_init();
	if (!h->multi)
		oc_oom(sizeof *h);
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	h->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e.data.fd = h->event;
	if (h->epoll < 0 || h->event < 0 || epoll_ctl(h->epoll, EPOLL_CTL_ADD, h->event, &e) < 0) {
		oc_fail_errno(err, NULL, "cannot watch sockets");
		goto fail;
	}
	SET_MULTI(h, CURLMOPT_SOCKETFUNCTION, on_socket);
	SET_MULTI(h, CURLMOPT_SOCKETDATA, h);
	SET_MULTI(h, CURLMOPT_TIMERFUNCTION, on_timer);
	SET_MULTI(h, CURLMOPT_TIMERDATA, h);
	SET_MULTI(h, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	SET_MULTI(h, CURLMOPT_MAX_HOST_CONNECTIONS, (long)opts->max_connections);
	SET_MULTI(h, CURLMOPT_MAXCONNECTS, (long)opts->max_connections);
	*out = h;
	return 0;
fail:
	oc_http_close(h);
	return -1;
}

void oc_http_close(struct oc_http *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->slot_n; i++) {
		struct slot *s = h->slots[i];
		h->curl->multi_remove_handle(h->multi, s->easy);
		h->curl->easy_cleanup(s->easy);
		oc_buf_fini(&s->headers);
		oc_buf_fini(&s->body);
		free(s);
	}
	free(h->slots);
	if (h->multi)
		h->curl->multi_cleanup(h->multi);
	if (h->event >= 0)
		close(h->event);
	if (h->epoll >= 0)
		close(h->epoll);
	free(h);
}

/* ------------------------------------------------------------------- posting */

/* What all requests of an oc_http have in common is set once for each handle. */
static struct slot *slot_new(struct oc_http *h)
{
	struct slot *s = oc_zalloc(1, sizeof *s);
	CURL *c = h->curl->easy_init();

	if (!c)
		oc_oom(sizeof *s);
	s->h = h;
	s->easy = c;
	SET_EASY(h, c, CURLOPT_PRIVATE, s);
	SET_EASY(h, c, CURLOPT_NOSIGNAL, 1L);
	SET_EASY(h, c, CURLOPT_PROTOCOLS_STR, "http,https");
	SET_EASY(h, c, CURLOPT_FOLLOWLOCATION, 0L);
	SET_EASY(h, c, CURLOPT_POST, 1L);
	SET_EASY(h, c, CURLOPT_ACCEPT_ENCODING, "");
	SET_EASY(h, c, CURLOPT_USERAGENT, h->opts.agent);
	SET_EASY(h, c, CURLOPT_TCP_KEEPALIVE, 1L);
	SET_EASY(h, c, CURLOPT_BUFFERSIZE, 16384L);
	SET_EASY(h, c, CURLOPT_ERRORBUFFER, s->error);
	SET_EASY(h, c, CURLOPT_HEADERFUNCTION, on_header);
	SET_EASY(h, c, CURLOPT_HEADERDATA, s);
	SET_EASY(h, c, CURLOPT_WRITEFUNCTION, on_body);
	SET_EASY(h, c, CURLOPT_WRITEDATA, s);
	SET_EASY(h, c, CURLOPT_PREREQFUNCTION, on_send);
	SET_EASY(h, c, CURLOPT_PREREQDATA, s);
	SET_EASY(h, c, CURLOPT_CONNECTTIMEOUT_MS, (long)(h->opts.connect_timeout * 1000));
	if (h->slot_n == h->slot_cap) {
		h->slot_cap = h->slot_cap ? h->slot_cap * 2 : 64;
		h->slots = oc_realloc(h->slots, h->slot_cap * sizeof *h->slots);
	}
	h->slots[h->slot_n++] = s;
	return s;
}

const char *oc_http_library(struct oc_err *err)
{
	const struct oc_curl *curl = oc_curl(err);

	return curl ? curl->version_info(CURLVERSION_NOW)->version : NULL;
}

bool oc_http_is_loopback(const char *url)
{
	const char *host = strstr(url, "://");
	size_t len;

	if (!host)
		return false;
	host += 3;
	len = strcspn(host, "/?#");
	for (size_t i = len; i-- > 0;)
		if (host[i] == '@') { /* a name and password stand before it */
			host += i + 1;
			len -= i + 1;
			break;
		}
	if (len >= 5 && strncmp(host, "[::1]", 5) == 0)
		return len == 5 || host[5] == ':';
	for (size_t i = 0; i < len; i++)
		if (host[i] == ':')
			len = i;
	if (len > 4 && strncmp(host, "127.", 4) == 0)
		return strspn(host, "0123456789.") >= len;
	return len >= 9 && strncasecmp(host + len - 9, "localhost", 9) == 0 &&
	       (len == 9 || host[len - 10] == '.');
}

int oc_http_post(struct oc_http *h, const struct oc_http_request *req, struct oc_err *err)
{
	struct slot *s = h->idle;

	if (s)
		h->idle = s->next;
	else
		s = slot_new(h);
	s->req = *req;
	if (!s->req.body_cap || s->req.body_cap > h->opts.body_cap)
		s->req.body_cap = h->opts.body_cap;
	s->headers.len = s->body.len = 0;
	s->too_big = s->sent = s->again = false;
	s->error[0] = 0;
	SET_EASY(h, s->easy, CURLOPT_URL, req->url);
	/* NULL: as the environment says; "": none. */
	SET_EASY(h, s->easy, CURLOPT_PROXY, oc_http_is_loopback(req->url) ? "" : NULL);
	/* Only TLS can agree on HTTP/2. Over plain HTTP newer curls (8.14) would let thousands wait
	 * for the first connection's answer until their own connect timeout is over. */
	SET_EASY(h, s->easy, CURLOPT_PIPEWAIT, strncasecmp(req->url, "https:", 6) == 0 ? 1L : 0L);
	SET_EASY(h, s->easy, CURLOPT_HTTPHEADER, req->headers ? req->headers->list : NULL);
	SET_EASY(h, s->easy, CURLOPT_POSTFIELDS, req->body.p);
	SET_EASY(h, s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
	SET_EASY(h, s->easy, CURLOPT_TIMEOUT_MS, (long)(req->timeout * 1000));
	CURLMcode rc = h->curl->multi_add_handle(h->multi, s->easy);
	if (rc != CURLM_OK) {
		s->next = h->idle;
		h->idle = s;
		return oc_fail(err, OC_INTERNAL, NULL, "libcurl: %s", h->curl->multi_strerror(rc));
	}
	h->in_flight++;
	return 0;
}

static enum oc_http_fault fault_of(const struct slot *s, CURLcode code)
{
	if (s->too_big)
		return OC_HTTP_TOO_BIG;
	switch (code) {
	case CURLE_OK: return OC_HTTP_OK;
	case CURLE_UNSUPPORTED_PROTOCOL: /* curl says so, too, of a reply that is not HTTP */
	case CURLE_URL_MALFORMAT: return s->sent ? OC_HTTP_LOST : OC_HTTP_BAD;
	case CURLE_OPERATION_TIMEDOUT: return s->sent ? OC_HTTP_TIMEOUT : OC_HTTP_CONNECT;
	default: return s->sent ? OC_HTTP_LOST : OC_HTTP_CONNECT;
	}
}

static void finish(struct oc_http *h, CURL *easy, CURLcode code)
{
	struct oc_http_reply r = {0};
	struct slot *s = NULL;
	long status = 0;
	curl_off_t us = 0;

	h->curl->easy_getinfo(easy, CURLINFO_PRIVATE, &s);
	h->curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	h->curl->easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &us);
	h->curl->multi_remove_handle(h->multi, easy);
	h->in_flight--;
	r.fault = fault_of(s, code);
	r.why = s->too_big    ? "the reply is longer than allowed"
	        : s->error[0] ? s->error
	                      : h->curl->easy_strerror(code);
	r.status = (int)status;
	r.headers = oc_buf_view(&s->headers);
	r.body = &s->body;
	r.seconds = (double)us / 1e6;
	s->req.done(s->req.user, &r);
	s->next = h->idle;
	h->idle = s;
}

static int finish_all(struct oc_http *h)
{
	CURLMsg *m;
	int left, n = 0;

	while ((m = h->curl->multi_info_read(h->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		finish(h, m->easy_handle, m->data.result);
		n++;
	}
	return n;
}

int oc_http_run(struct oc_http *h, int timeout_ms, struct oc_err *err)
{
	struct epoll_event events[EVENTS];
	double now = oc_now();
	int wait = timeout_ms, n;

	if (h->timer >= 0) {
		double ms = (h->timer - now) * 1000;
		int until = ms <= 0 ? 0 : ms > 3.6e6 ? 3600000 : (int)ms + 1;
		if (wait < 0 || until < wait)
			wait = until;
	}
	n = epoll_wait(h->epoll, events, EVENTS, wait);
	if (n < 0 && errno != EINTR)
		return oc_fail_errno(err, NULL, "cannot watch sockets");
	for (int i = 0; i < n; i++) {
		uint64_t drop;
		int mask = 0;
		if (events[i].data.fd == h->event) {
			atomic_store(&h->woken, false);
			if (read(h->event, &drop, sizeof drop) < 0 && errno != EAGAIN)
				return oc_fail_errno(err, NULL, "cannot read an eventfd");
			continue;
		}
		if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			mask |= CURL_CSELECT_IN;
		if (events[i].events & (EPOLLOUT | EPOLLERR))
			mask |= CURL_CSELECT_OUT;
		h->curl->multi_socket_action(h->multi, events[i].data.fd, mask, &h->running);
	}
	if (h->timer >= 0 && h->timer <= oc_now()) {
		h->timer = -1;
		h->curl->multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &h->running);
	}
	finish_all(h);
	return 0;
}

void oc_http_wake(struct oc_http *h)
{
	uint64_t one = 1;

	if (atomic_exchange(&h->woken, true))
		return;
	/* A full counter has woken the reader already. */
	if (write(h->event, &one, sizeof one) < 0)
		return;
}

uint32_t oc_http_in_flight(const struct oc_http *h)
{
	return h->in_flight;
}

/* ------------------------------------------------------------------- headers */

struct oc_str oc_http_header(struct oc_str headers, const char *name)
{
	size_t n = strlen(name), i = 0;
	struct oc_str found = {0};

	while (i < headers.len) {
		const char *line = headers.p + i, *end = memchr(line, '\n', headers.len - i);
		size_t len = end ? (size_t)(end - line) : headers.len - i;
		if (len > n && line[n] == ':' && memcmp(line, name, n) == 0)
			found = oc_str_trim((struct oc_str){line + n + 1, len - n - 1});
		i += len + 1;
	}
	return found;
}

/* A decimal number at the start of s; moves s behind it. Negative when there is none. */
static double number(struct oc_str *s)
{
	double v = 0, unit = 0.1;
	size_t i = 0, digits = 0;

	for (; i < s->len && s->p[i] >= '0' && s->p[i] <= '9'; i++, digits++)
		v = v * 10 + (s->p[i] - '0');
	if (i < s->len && s->p[i] == '.')
		for (i++; i < s->len && s->p[i] >= '0' && s->p[i] <= '9'; i++, digits++) {
			v += unit * (s->p[i] - '0');
			unit /= 10;
		}
	if (!digits)
		return -1;
	s->p += i;
	s->len -= i;
	return v;
}

double oc_http_duration(struct oc_str s)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {"h", 3600},
	             {"m", 60},    {"s", 1},     {"d", 86400}};
	double sum = 0;

	s = oc_str_trim(s);
	if (!s.len)
		return -1;
	while (s.len) {
		double v = number(&s);
		size_t u = 0;
		if (v < 0)
			return -1;
		if (!s.len)
			return sum + v; /* a bare number is seconds */
		while (u < sizeof units / sizeof *units && !oc_str_starts(s, units[u].name))
			u++;
		if (u == sizeof units / sizeof *units)
			return -1;
		sum += v * units[u].seconds;
		s.p += strlen(units[u].name);
		s.len -= strlen(units[u].name);
	}
	return sum;
}

static double date(struct oc_str s)
{
	struct oc_err none = {0};
	const struct oc_curl *curl = oc_curl(&none);
	char text[64];

	if (!curl || !s.len || s.len >= sizeof text)
		return -1;
	memcpy(text, s.p, s.len);
	text[s.len] = 0;
	return (double)curl->getdate(text, NULL);
}

double oc_http_retry_after(struct oc_str headers, double now)
{
	struct oc_str ms = oc_http_header(headers, "retry-after-ms"),
		      after = oc_http_header(headers, "retry-after"), rest = ms;
	double v = number(&rest);

	if (ms.len && v >= 0 && !rest.len)
		return v / 1000;
	rest = after;
	v = number(&rest);
	if (after.len && v >= 0 && !rest.len)
		return v;
	v = date(after);
	if (v < 0)
		return -1;
	double theirs = date(oc_http_header(headers, "date"));
	v -= theirs >= 0 ? theirs : now;
	return v > 0 ? v : 0;
}

double oc_http_rate_reset(struct oc_str headers)
{
	static const char *const kinds[] = {"requests", "tokens"};
	double wait = -1;

	for (size_t i = 0; i < 2; i++) {
		char name[64];
		snprintf(name, sizeof name, "x-ratelimit-limit-%s", kinds[i]);
		struct oc_str limit = oc_http_header(headers, name);
		snprintf(name, sizeof name, "x-ratelimit-remaining-%s", kinds[i]);
		struct oc_str left = oc_http_header(headers, name);
		snprintf(name, sizeof name, "x-ratelimit-reset-%s", kinds[i]);
		double reset = oc_http_duration(oc_http_header(headers, name));
		/* Some send 0 or -1 for "no such limit". */
		if (oc_str_is(left, "0") && number(&limit) > 0 && reset > wait)
			wait = reset;
	}
	return wait;
}
