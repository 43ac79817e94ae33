/*
 * server.h: an OpenAI-compatible server for tests and benches: one thread, epoll, 127.0.0.1 only.
 *
 * It answers by the hash of the request, so equal requests get equal answers in any run; it can be
 * as hostile as real servers are; and it keeps a ledger of its own of who was asked what and how
 * often, to hold against the client's.
 */
#ifndef TEST_SERVER_H
#define TEST_SERVER_H

#include <stdbool.h>
#include <stdint.h>

/* What can go wrong with an attempt. */
#define SERVER_FAULTS(X)                                                                           \
	X(limit, "429 without Retry-After")                                                        \
	X(limit_after, "429 with Retry-After: 1")                                                  \
	X(error500, "500 with an error object")                                                    \
	X(error503, "503")                                                                         \
	X(reset, "the connection is reset after the request was read")                             \
	X(truncate, "half of the reply, with the length of that half")                             \
	X(cut, "half of the reply, then the connection is closed")                                 \
	X(html, "200 with a page of HTML")                                                         \
	X(error200, "200 with an error object")                                                    \
	X(empty, "200 with no choices")                                                            \
	X(drip, "one byte every 100 ms")                                                           \
	X(lie, "usage says a billion tokens")                                                      \
	X(no_usage, "no usage")                                                                    \
	X(many, "three choices, in the wrong order")                                               \
	X(null_content, "content is null, the text is in reasoning_content")                       \
	X(think, "the text begins with a <think> part")                                            \
	X(too_long, "400 context_length_exceeded")                                                 \
	X(created, "201 with a good reply")                                                        \
	X(garbage, "a reply that is not HTTP")                                                     \
	X(flood, "200, and 64 MiB of blanks")                                                      \
	X(quote, "400 that quotes the key, and what steers a terminal")

enum server_fault {
	FAULT_NONE,
#define X(name, help) FAULT_##name,
	SERVER_FAULTS(X)
#undef X
		FAULT_N
};

struct server_opts {
	uint16_t port;              /* 0: any free one */
	uint32_t slots;             /* requests worked on at once, 0 = all */
	bool refuse;                /* more than slots: 429; else they wait in a queue */
	double refuse_after;        /* Retry-After of those 429s, seconds; < 0 none */
	double latency;             /* seconds per request */
	double jitter;              /* share of the latency that depends on the request's hash */
	double fault_rate[FAULT_N]; /* share of requests */
	uint32_t fault_attempts;    /* only the first so many attempts of a request; 0 = 1 */
	const char *answer;         /* template, NULL = "Answer {{hash}}." */
	const char *key;            /* bearer that must be sent, NULL none */
	bool long_name;             /* max_tokens is refused: max_completion_tokens wanted */
	const char *ledger;         /* file, NULL none */
};

struct server_stats {
	uint64_t asked;    /* attempts whose request was read whole */
	uint64_t answered; /* good replies written whole: what a client would have paid for */
	uint64_t distinct; /* different requests among those answered */
	uint64_t repeated; /* answered more than once, counted each time after the first */
	uint64_t refused;  /* 429 because of too many at once */
	uint64_t faults[FAULT_N];
	uint32_t busy, busy_peak; /* slots in use now, and at most */
	double busy_seconds;      /* integral of slots in use over time */
	double clock;             /* seconds since the server began */
};

struct server;

/* NULL with a message on stderr. Runs on a thread of its own until server_stop. */
struct server *server_start(const struct server_opts *opts);
void server_stop(struct server *s);
uint16_t server_port(const struct server *s);
void server_get_stats(struct server *s, struct server_stats *out);
/* Changes the rates of a running server. */
void server_set_fault(struct server *s, enum server_fault f, double rate);
const char *server_fault_name(enum server_fault f);

/*
 * Text of a template for a request: {{hash}} its 16 digits, {{int:A:B}} a number, {{pick:a|b|c}}
 * one of a list, {{sum}} "12 * 7 = 84" (wrong one time in three), {{prompt}} the last message, as
 * JSON string content. Each place draws anew from the hash. malloc'ed.
 */
char *server_fill(const char *template, uint64_t hash, const char *prompt);

#endif
