/*
 * http.h: many HTTP POSTs at once on one thread: libcurl's multi interface over one epoll.
 *
 * Connections are kept alive and shared; with HTTP/2 requests of one host share a connection.
 * Proxies are taken from the usual environment variables (http_proxy, https_proxy, all_proxy,
 * no_proxy), but never for this machine itself: no proxy reaches the caller's loopback. Redirects
 * are not followed: a key must not travel to a host that nobody named. Other schemes than http and
 * https are refused.
 *
 * An oc_http belongs to one thread; only oc_http_wake may be called from others.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/ctx.h"
#include "base/str.h"

struct oc_http;

struct oc_http_opts {
	uint32_t max_connections;
	double connect_timeout; /* seconds */
	size_t body_cap;        /* a longer reply is an error */
	const char *agent;      /* User-Agent */
};

/*
 * The soft limit of open files is raised towards the hard one as max_connections needs. The
 * first one in a process loads libcurl: OC_MISSING when it is not there.
 */
int oc_http_open(struct oc_http **h, const struct oc_http_opts *opts, struct oc_err *err);
/* Abandons what is in flight, without calling `done`. */
void oc_http_close(struct oc_http *h);

/* Header lines that go with each request ("Authorization: Bearer ..."); copied. */
struct oc_http_headers;
struct oc_http_headers *oc_http_headers_new(void);
void oc_http_headers_add(struct oc_http_headers *list, const char *name, const char *value);
void oc_http_headers_free(struct oc_http_headers *list);

enum oc_http_fault {
	OC_HTTP_OK,      /* a reply came, whatever its status */
	OC_HTTP_CONNECT, /* no connection: nothing was sent (DNS, refused, TLS, connect timeout) */
	OC_HTTP_LOST,    /* the connection broke; the request may have been carried out */
	OC_HTTP_TIMEOUT, /* the total timeout; likewise */
	OC_HTTP_TOO_BIG, /* the body passed the cap; likewise */
	OC_HTTP_BAD      /* the URL or its scheme is no good: never sent */
};

/* Valid during the call of `done`. */
struct oc_http_reply {
	enum oc_http_fault fault;
	const char *why; /* when fault: curl's sentence */
	int status;
	struct oc_str headers; /* final ones only: "name: value\n", names in lower case */
	struct oc_buf *body;   /* may be taken: move it away and leave zeroes */
	double seconds;
};

typedef void oc_http_done(void *user, struct oc_http_reply *reply);

struct oc_http_request {
	const char *url;
	struct oc_str body;                    /* must live until done */
	const struct oc_http_headers *headers; /* likewise */
	double timeout;                        /* seconds, from start to the last byte */
	size_t body_cap;                       /* smaller than that of oc_http_opts; 0: that */
	oc_http_done *done;
	void *user;
};

/* Starts a POST. `done` is called from a later oc_http_run. */
int oc_http_post(struct oc_http *h, const struct oc_http_request *req, struct oc_err *err);

/* Moves what can move; waits at most timeout_ms (-1: for ever) when nothing can. */
int oc_http_run(struct oc_http *h, int timeout_ms, struct oc_err *err);
/* Makes a running or the next oc_http_run return at once. Any thread. */
void oc_http_wake(struct oc_http *h);
uint32_t oc_http_in_flight(const struct oc_http *h);

/* Value of a header by its lower-case name (the last of that name), trimmed; empty when absent. */
struct oc_str oc_http_header(struct oc_str headers, const char *name);

/*
 * How long to wait, by retry-after-ms, Retry-After (seconds, fractions, or a date less the reply's
 * own Date, else less `now` in Unix seconds) or, with remaining 0, x-ratelimit-reset-requests and
 * -tokens ("1h2m3s", "120ms", "41.724s"). Seconds >= 0; negative when nothing is said.
 */
double oc_http_retry_after(struct oc_str headers, double now);
double oc_http_rate_reset(struct oc_str headers);
/* "6m0s", "120ms", "41.724s", "12" (seconds) -> seconds; negative when it is none of these. */
double oc_http_duration(struct oc_str s);

/* The version of the library that does all this, or NULL: it cannot be loaded. */
const char *oc_http_library(struct oc_err *err);

/* Whether a URL names this machine: localhost, *.localhost, 127.0.0.0/8, [::1]. */
bool oc_http_is_loopback(const char *url);

#endif
