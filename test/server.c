#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yyjson.h>

#include "base/ctx.h"
#include "base/hash.h"
#include "base/str.h"

#define FLOOD  (64u << 20)
#define DRIP_S 0.1

enum state { READING, QUEUED, WORKING, WRITING };

struct conn {
	struct conn *next; /* in the queue, or among the free */
	int fd;
	enum state state;
	struct oc_buf in, out;
	size_t head, need; /* bytes of head, of the whole request; 0 = not known yet */
	size_t sent;
	double due;
	size_t heap_at; /* 1 + position, 0 = not in it */
	uint64_t hash;
	enum server_fault fault;
	bool gone, close_after, drip, good, holds_slot;
};

struct asked {
	uint64_t hash;
	uint32_t asked, answered; /* asked 0 = free */
};

struct server {
	struct server_opts opts;
	pthread_mutex_t lock;
	pthread_t thread;
	int listen, epoll, event;
	uint16_t port;
	bool stop;
	struct conn **heap;
	size_t heap_n, heap_cap;
	struct conn *queue, **queue_end;
	struct conn **all;
	size_t all_n, all_cap;
	struct asked *table;
	size_t table_n, table_cap;
	struct server_stats stats;
	double began, busy_since;
	FILE *ledger;
};

static const char *const fault_names[] = {"none",
#define X(name, help) #name,
                                          SERVER_FAULTS(X)
#undef X
};

const char *server_fault_name(enum server_fault f)
{
	return fault_names[f];
}

/* ------------------------------------------------------------------- answers */

static uint64_t mix(uint64_t *s)
{
	uint64_t z = *s += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* "12" or "12:MARK": so many words in a row from somewhere in the prompt, or in what stands there
 * between the first two MARKs. */
static void quote(struct oc_buf *out, const char *how, uint64_t *s, const char *prompt)
{
	static const char space[] = " \n\t";
	size_t want = strtoul(how, NULL, 10), n = 0;
	const char *mark = strchr(how, ':'), *p = prompt, *end = p + strlen(p);

	if (mark && (p = strstr(prompt, mark + 1))) {
		p += strlen(mark + 1);
		end = strstr(p, mark + 1);
	}
	if (!p || !end)
		return;
	for (const char *w = p + strspn(p, space); w < end; n++) {
		w += strcspn(w, space);
		w += strspn(w, space);
	}
	size_t first = n > want ? mix(s) % (n - want + 1) : 0;
	p += strspn(p, space);
	for (size_t i = 0; i < first + want && i < n; i++) {
		size_t len = strcspn(p, space);
		if (i >= first) {
			oc_buf_puts(out, i > first ? " " : "");
			oc_buf_add(out, p, len);
		}
		p += len;
		p += strspn(p, space);
	}
}

static void fill_one(struct oc_buf *out, const char *what, size_t len, uint64_t hash, uint64_t *s,
                     const char *prompt)
{
	long a = 0, b = 0;
	char name[512];

	snprintf(name, sizeof name, "%.*s", (int)len, what);
	if (strcmp(name, "hash") == 0) {
		oc_buf_printf(out, "%016llx", (unsigned long long)hash);
	} else if (sscanf(name, "int:%ld:%ld", &a, &b) == 2 && b >= a) {
		oc_buf_printf(out, "%ld", a + (long)(mix(s) % (uint64_t)(b - a + 1)));
	} else if (strncmp(name, "pick:", 5) == 0) {
		size_t n = 1, at;
		for (char *p = name; *p; p++)
			n += *p == '|';
		char *rest = name + 5;
		for (at = mix(s) % n; at; at--)
			rest = strchr(rest, '|') + 1;
		oc_buf_add(out, rest, strcspn(rest, "|"));
	} else if (strcmp(name, "sum") == 0) {
		static const char signs[] = "+-*";
		char sign = signs[mix(s) % 3];
		a = (long)(mix(s) % 99) + 1;
		b = (long)(mix(s) % 99) + 1;
		long c = sign == '+' ? a + b : sign == '-' ? a - b : a * b;
		if (mix(s) % 3 == 0)
			c += (long)(mix(s) % 9) + 1;
		oc_buf_printf(out, "%ld %c %ld = %ld", a, sign, b, c);
	} else if (strncmp(name, "quote:", 6) == 0) {
		quote(out, name + 6, s, prompt);
	} else if (strcmp(name, "prompt") == 0) {
		oc_buf_puts(out, prompt);
	}
}

char *server_fill(const char *template, uint64_t hash, const char *prompt)
{
	struct oc_buf out = {0};
	uint64_t s = hash;

	while (*template) {
		const char *open = strstr(template, "{{"),
			   *close = open ? strstr(open, "}}") : NULL;
		if (!close) {
			oc_buf_puts(&out, template);
			break;
		}
		oc_buf_add(&out, template, (size_t)(open - template));
		fill_one(&out, open + 2, (size_t)(close - open - 2), hash, &s, prompt);
		template = close + 2;
	}
	oc_buf_cstr(&out);
	return out.p;
}

/* Content of the last message, or the prompt. malloc'ed. */
static char *prompt_of(struct oc_str body)
{
	yyjson_doc *doc = yyjson_read(body.p, body.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *list = yyjson_obj_get(root, "messages");
	const char *text =
		yyjson_get_str(list ? yyjson_obj_get(yyjson_arr_get_last(list), "content")
	                            : yyjson_obj_get(root, "prompt"));
	char *copy = oc_strdup(text ? text : "");

	yyjson_doc_free(doc);
	return copy;
}

static void respond(struct conn *c, const char *status, const char *headers, struct oc_str body)
{
	c->out.len = c->sent = 0;
	oc_buf_printf(&c->out,
	              "HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: "
	              "%zu\r\n\r\n",
	              status, headers, body.len);
	oc_buf_str(&c->out, body);
}

static void good_reply(struct server *s, struct conn *c, struct oc_str request, struct oc_buf *b)
{
	const char *template = s->opts.answer ? s->opts.answer : "Answer {{hash}}.";
	bool reads = strstr(template, "{{prompt}}") || strstr(template, "{{quote:");
	char *prompt = reads ? prompt_of(request) : NULL;
	char *text = server_fill(template, c->hash, prompt ? prompt : "");
	bool chat = oc_str_starts((struct oc_str){c->in.p, c->in.len}, "POST ") &&
	            memmem(c->in.p, c->head, "/chat/completions", 17);
	bool embed = memmem(c->in.p, c->head, "/embeddings", 11);
	unsigned long prompt_tokens = request.len / 4, tokens = strlen(text) / 4 + 1;
	uint64_t draw = c->hash;

	if (embed) {
		oc_buf_puts(b, "{\"object\":\"list\",\"data\":[{\"index\":0,\"embedding\":[");
		for (int i = 0; i < 8; i++)
			oc_buf_printf(b, "%s%.4f", i ? "," : "",
			              (double)(mix(&draw) % 2001) / 1000 - 1);
		oc_buf_puts(b, "]}]");
	} else {
		oc_buf_printf(b,
		              "{\"id\":\"cmpl-%016llx\",\"object\":\"chat.completion\","
		              "\"created\":1700000000,\"model\":\"test\",\"choices\":[",
		              (unsigned long long)c->hash);
		if (c->fault == FAULT_many)
			oc_buf_puts(b, "{\"index\":2,\"message\":{\"content\":\"two\"},\"text\":"
			               "\"two\",\"finish_reason\":\"stop\"},");
		oc_buf_printf(b, "{\"index\":0,");
		if (chat && c->fault == FAULT_null_content) {
			oc_buf_puts(b, "\"message\":{\"role\":\"assistant\",\"content\":null,"
			               "\"reasoning_content\":");
			oc_buf_json(b, oc_str(text));
			oc_buf_putc(b, '}');
		} else if (chat) {
			struct oc_buf t = {0};
			if (c->fault == FAULT_think)
				oc_buf_puts(&t, "<think>let me see</think>\n\n");
			oc_buf_puts(&t, text);
			oc_buf_puts(b, "\"message\":{\"role\":\"assistant\",\"content\":");
			oc_buf_json(b, oc_buf_view(&t));
			oc_buf_putc(b, '}');
			oc_buf_fini(&t);
		} else {
			oc_buf_puts(b, "\"text\":");
			oc_buf_json(b, oc_str(text));
		}
		oc_buf_puts(b, ",\"finish_reason\":\"stop\"}");
		if (c->fault == FAULT_many)
			oc_buf_puts(b, ",{\"index\":1,\"message\":{\"content\":\"one\"},\"text\":"
			               "\"one\",\"finish_reason\":\"stop\"}");
		oc_buf_putc(b, ']');
	}
	if (c->fault == FAULT_lie)
		tokens = 1000000000;
	if (c->fault != FAULT_no_usage)
		oc_buf_printf(b,
		              ",\"usage\":{\"prompt_tokens\":%lu,\"completion_tokens\":%lu,"
		              "\"total_tokens\":%lu}",
		              prompt_tokens, tokens, prompt_tokens + tokens);
	oc_buf_putc(b, '}');
	free(text);
	free(prompt);
}

static const char error_body[] =
	"{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":null,\"code\":%s}}";

static void error_reply(struct conn *c, const char *status, const char *headers,
                        const char *message, const char *type, const char *code)
{
	struct oc_buf b = {0};

	oc_buf_printf(&b, error_body, message, type, code);
	respond(c, status, headers, oc_buf_view(&b));
	oc_buf_fini(&b);
}

/* The key stands where a client that shortens what it quotes may cut it. */
static void quote_key(struct conn *c)
{
	const char *key = memmem(c->in.p, c->head, "Bearer ", 7), *end;
	struct oc_buf text = {0};

	oc_buf_puts(&text, "\\u001b[31mred\\r\\n");
	for (int i = 0; i < 80; i++)
		oc_buf_putc(&text, 'x');
	if (key && (end = memchr(key, '\r', c->head - (size_t)(key - c->in.p))))
		oc_buf_add(&text, key + 7, (size_t)(end - key) - 7);
	for (int i = 0; i < 200; i++)
		oc_buf_puts(&text, "\xc3\xa9");
	error_reply(c, "400 Bad Request", "", oc_buf_cstr(&text), "odd", "null");
	oc_buf_fini(&text);
}

/* Fills c->out by fault and request. */
static void make_reply(struct server *s, struct conn *c)
{
	struct oc_str request = {c->in.p + c->head, c->need - c->head};
	struct oc_buf b = {0};

	c->good = false;
	switch (c->fault) {
	case FAULT_limit:
		error_reply(c, "429 Too Many Requests", "", "slow down", "requests",
		            "\"rate_limit_exceeded\"");
		break;
	case FAULT_limit_after:
		error_reply(c, "429 Too Many Requests", "retry-AFTER: 1\r\n", "slow down",
		            "requests", "\"rate_limit_exceeded\"");
		break;
	case FAULT_error500:
		error_reply(c, "500 Internal Server Error", "", "oh no", "server_error", "500");
		break;
	case FAULT_error503:
		error_reply(c, "503 Service Unavailable", "", "Loading model", "unavailable",
		            "503");
		break;
	case FAULT_too_long:
		error_reply(c, "400 Bad Request", "", "the prompt is too long",
		            "invalid_request_error", "\"context_length_exceeded\"");
		break;
	case FAULT_error200: error_reply(c, "200 OK", "", "overloaded", "proxy", "null"); break;
	case FAULT_html:
		respond(c, "200 OK", "", OC_LIT("<html><body>Bad gateway</body></html>"));
		break;
	case FAULT_garbage:
		c->out.len = c->sent = 0;
		oc_buf_puts(&c->out, "go away\r\n\r\n");
		c->close_after = true;
		break;
	case FAULT_flood:
		oc_buf_reserve(&b, FLOOD);
		memset(b.p, ' ', FLOOD);
		respond(c, "200 OK", "", (struct oc_str){b.p, FLOOD});
		break;
	case FAULT_quote: quote_key(c); break;
	case FAULT_empty:
		respond(c, "200 OK", "", OC_LIT("{\"object\":\"chat.completion\",\"choices\":[]}"));
		break;
	default:
		good_reply(s, c, request, &b);
		c->good = true;
		if (c->fault == FAULT_truncate || c->fault == FAULT_cut) {
			c->good = false;
			respond(c, "200 OK", "",
			        (struct oc_str){b.p, c->fault == FAULT_cut ? b.len : b.len / 2});
			if (c->fault == FAULT_cut) {
				c->out.len -= b.len / 2;
				c->close_after = true;
			}
		} else {
			respond(c, c->fault == FAULT_created ? "201 Created" : "200 OK", "",
			        oc_buf_view(&b));
		}
		c->drip = c->fault == FAULT_drip;
		break;
	}
	oc_buf_fini(&b);
}

/* -------------------------------------------------------------------- ledger */

static struct asked *asked_of(struct server *s, uint64_t hash)
{
	if (s->table_n * 2 >= s->table_cap) {
		struct asked *old = s->table;
		size_t n = s->table_cap;
		s->table_cap = n ? n * 2 : 4096;
		s->table = oc_zalloc(s->table_cap, sizeof *s->table);
		s->table_n = 0;
		for (size_t i = 0; i < n; i++)
			if (old[i].asked)
				*asked_of(s, old[i].hash) = old[i];
		free(old);
	}
	size_t i = hash & (s->table_cap - 1);
	while (s->table[i].asked && s->table[i].hash != hash)
		i = (i + 1) & (s->table_cap - 1);
	if (!s->table[i].asked) {
		s->table[i].hash = hash;
		s->table_n++;
	}
	return &s->table[i];
}

/* One line an event: what, hash of the request, number of the attempt, fault. */
static void note(struct server *s, const char *what, uint64_t hash, uint32_t n, const char *fault)
{
	if (s->ledger)
		fprintf(s->ledger, "%s %016llx %u %s\n", what, (unsigned long long)hash, n, fault);
}

static void count_busy(struct server *s, int change)
{
	double now = oc_now();

	s->stats.busy_seconds += s->stats.busy * (now - s->busy_since);
	s->busy_since = now;
	s->stats.busy = (uint32_t)((int)s->stats.busy + change);
	if (s->stats.busy > s->stats.busy_peak)
		s->stats.busy_peak = s->stats.busy;
}

/* --------------------------------------------------------------- connections */

static void heap_set(struct server *s, size_t i, struct conn *c)
{
	s->heap[i] = c;
	c->heap_at = i + 1;
}

static void heap_add(struct server *s, struct conn *c)
{
	size_t i = s->heap_n++;

	if (s->heap_n > s->heap_cap) {
		s->heap_cap = s->heap_cap ? s->heap_cap * 2 : 256;
		s->heap = oc_realloc(s->heap, s->heap_cap * sizeof *s->heap);
	}
	for (; i && s->heap[(i - 1) / 2]->due > c->due; i = (i - 1) / 2)
		heap_set(s, i, s->heap[(i - 1) / 2]);
	heap_set(s, i, c);
}

static struct conn *heap_take(struct server *s)
{
	struct conn *first = s->heap[0], *last = s->heap[--s->heap_n];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < s->heap_n) {
		if (child + 1 < s->heap_n && s->heap[child + 1]->due < s->heap[child]->due)
			child++;
		if (s->heap[child]->due >= last->due)
			break;
		heap_set(s, i, s->heap[child]);
		i = child;
	}
	if (s->heap_n)
		heap_set(s, i, last);
	first->heap_at = 0;
	return first;
}

static void watch(struct server *s, struct conn *c, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = c};

	epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static void drop(struct server *s, struct conn *c, bool reset)
{
	struct linger hard = {1, 0};

	if (c->fd >= 0) {
		if (reset)
			setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
		close(c->fd);
		c->fd = -1;
	}
	c->gone = true;
}

static void work_on(struct server *s, struct conn *c)
{
	double share = (double)(c->hash >> 11) / 9007199254740992.0;

	c->state = WORKING;
	c->holds_slot = true;
	c->due = oc_now() + s->opts.latency * (1 + s->opts.jitter * (2 * share - 1));
	count_busy(s, 1);
	heap_add(s, c);
}

static void write_out(struct server *s, struct conn *c);

static void reply_now(struct server *s, struct conn *c)
{
	c->state = WRITING;
	write_out(s, c);
}

static enum server_fault draw_fault(struct server *s, struct conn *c, uint32_t attempt)
{
	uint64_t seed = c->hash ^ attempt * 0x9e3779b97f4a7c15u;

	if (attempt > (s->opts.fault_attempts ? s->opts.fault_attempts : 1))
		return FAULT_NONE;
	double x = (double)(mix(&seed) >> 11) / 9007199254740992.0;
	for (int f = 1; f < FAULT_N; f++) {
		x -= s->opts.fault_rate[f];
		if (x < 0)
			return (enum server_fault)f;
	}
	return FAULT_NONE;
}

static bool has_key(struct server *s, struct conn *c)
{
	char want[256];

	snprintf(want, sizeof want, "Bearer %s\r\n", s->opts.key);
	return memmem(c->in.p, c->head, want, strlen(want)) != NULL;
}

static void accept_request(struct server *s, struct conn *c)
{
	struct oc_str body = {c->in.p + c->head, c->need - c->head};

	c->hash = oc_hash64(body.p, body.len, 0);
	struct asked *a = asked_of(s, c->hash);
	a->asked++;
	s->stats.asked++;
	c->fault = draw_fault(s, c, a->asked);
	c->drip = c->close_after = c->good = false;
	note(s, "ask", c->hash, a->asked, fault_names[c->fault]);
	s->stats.faults[c->fault]++;
	if (s->opts.key && !has_key(s, c)) {
		error_reply(c, "401 Unauthorized", "", "Incorrect API key provided",
		            "invalid_request_error", "\"invalid_api_key\"");
		reply_now(s, c);
	} else if (s->opts.long_name && memmem(body.p, body.len, "\"max_tokens\":", 13)) {
		struct oc_str e =
			OC_LIT("{\"error\":{\"message\":\"Unsupported parameter\",\"type\":"
		               "\"invalid_request_error\",\"param\":\"max_tokens\",\"code\":"
		               "\"unsupported_parameter\"}}");
		respond(c, "400 Bad Request", "", e);
		reply_now(s, c);
	} else if (c->fault == FAULT_limit || c->fault == FAULT_limit_after) {
		make_reply(s, c);
		reply_now(s, c);
	} else if (s->opts.slots && s->stats.busy >= s->opts.slots) {
		if (s->opts.refuse) {
			char after[64] = "";
			if (s->opts.refuse_after >= 0)
				snprintf(after, sizeof after, "Retry-After: %g\r\n",
				         s->opts.refuse_after);
			s->stats.refused++;
			error_reply(c, "429 Too Many Requests", after, "too many at once",
			            "requests", "null");
			reply_now(s, c);
		} else {
			c->state = QUEUED;
			c->next = NULL;
			if (!s->queue)
				s->queue_end = &s->queue;
			*s->queue_end = c;
			s->queue_end = &c->next;
		}
	} else {
		work_on(s, c);
	}
}

/* The head is there: how long is the whole request? */
static bool know_length(struct conn *c)
{
	const char *end = memmem(c->in.p, c->in.len, "\r\n\r\n", 4);

	if (!end)
		return false;
	c->head = (size_t)(end - c->in.p) + 4;
	c->need = c->head;
	for (const char *p = c->in.p; p < end; p = (const char *)memchr(p, '\n', c->head) + 1)
		if (strncasecmp(p, "content-length:", 15) == 0)
			c->need += strtoul(p + 15, NULL, 10);
	return true;
}

static void stats_reply(struct server *s, struct conn *c)
{
	struct oc_buf b = {0};
	struct server_stats *t = &s->stats;

	count_busy(s, 0);
	oc_buf_printf(&b,
	              "{\"asked\":%llu,\"answered\":%llu,\"distinct\":%llu,\"repeated\":%llu,"
	              "\"refused\":%llu,\"busy\":%u,\"busy_peak\":%u,\"busy_seconds\":%.6f,"
	              "\"clock\":%.6f}",
	              (unsigned long long)t->asked, (unsigned long long)t->answered,
	              (unsigned long long)t->distinct, (unsigned long long)t->repeated,
	              (unsigned long long)t->refused, t->busy, t->busy_peak, t->busy_seconds,
	              oc_now() - s->began);
	respond(c, "200 OK", "", oc_buf_view(&b));
	oc_buf_fini(&b);
	c->fault = FAULT_NONE;
	c->good = c->drip = c->close_after = false;
	c->hash = 0;
	reply_now(s, c);
}

static void read_in(struct server *s, struct conn *c)
{
	for (;;) {
		oc_buf_reserve(&c->in, 4096);
		ssize_t n = read(c->fd, c->in.p + c->in.len, c->in.cap - c->in.len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			drop(s, c, false);
			return;
		}
		c->in.len += (size_t)n;
		if (c->in.len < c->in.cap)
			break;
	}
	if (c->state != READING || (!c->need && !know_length(c)) || c->in.len < c->need)
		return;
	if (oc_str_starts(oc_buf_view(&c->in), "GET /stats"))
		stats_reply(s, c);
	else
		accept_request(s, c);
}

static void next_request(struct server *s, struct conn *c)
{
	memmove(c->in.p, c->in.p + c->need, c->in.len - c->need);
	c->in.len -= c->need;
	c->need = c->head = 0;
	c->state = READING;
	if (c->in.len && know_length(c) && c->in.len >= c->need)
		accept_request(s, c);
}

static void write_out(struct server *s, struct conn *c)
{
	while (!c->gone && c->sent < c->out.len) {
		size_t left = c->drip ? 1 : c->out.len - c->sent;
		ssize_t n = send(c->fd, c->out.p + c->sent, left, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			watch(s, c, EPOLLIN | EPOLLOUT);
			return;
		}
		if (n < 0) {
			drop(s, c, false);
			break;
		}
		c->sent += (size_t)n;
		if (c->drip && c->sent < c->out.len) {
			c->due = oc_now() + DRIP_S;
			heap_add(s, c);
			return;
		}
	}
	if (c->gone)
		return;
	watch(s, c, EPOLLIN);
	if (c->good) {
		struct asked *a = asked_of(s, c->hash);
		s->stats.answered++;
		s->stats.distinct += a->answered == 0;
		s->stats.repeated += a->answered > 0;
		a->answered++;
		note(s, "paid", c->hash, a->answered, fault_names[c->fault]);
	}
	if (c->close_after)
		drop(s, c, false);
	else
		next_request(s, c);
}

static void finished(struct server *s, struct conn *c)
{
	if (c->holds_slot) {
		c->holds_slot = false;
		count_busy(s, -1);
		while (s->queue && (!s->opts.slots || s->stats.busy < s->opts.slots)) {
			struct conn *q = s->queue;
			s->queue = q->next;
			if (!q->gone)
				work_on(s, q);
		}
	}
	if (c->gone)
		return;
	if (c->state == WRITING) { /* a drop of the drip */
		write_out(s, c);
		return;
	}
	if (c->fault == FAULT_reset) {
		drop(s, c, true);
		return;
	}
	make_reply(s, c);
	reply_now(s, c);
}

static void sweep(struct server *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->all_n; i++) {
		struct conn *c = s->all[i];
		bool queued = c->state == QUEUED;
		if (c->gone && !c->heap_at && !queued) {
			oc_buf_fini(&c->in);
			oc_buf_fini(&c->out);
			free(c);
		} else {
			s->all[kept++] = c;
		}
	}
	s->all_n = kept;
}

static void take_connections(struct server *s)
{
	int one = 1, fd;

	while ((fd = accept4(s->listen, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = oc_zalloc(1, sizeof *c);
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		c->fd = fd;
		if (s->all_n == s->all_cap) {
			s->all_cap = s->all_cap ? s->all_cap * 2 : 256;
			s->all = oc_realloc(s->all, s->all_cap * sizeof *s->all);
		}
		s->all[s->all_n++] = c;
		epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e);
	}
}

static void *serve(void *user)
{
	struct server *s = user;
	struct epoll_event events[256];
	double swept = oc_now();

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		double now = oc_now();
		int wait = 1000;
		while (s->heap_n && s->heap[0]->due <= now)
			finished(s, heap_take(s));
		if (now - swept > 1) {
			sweep(s);
			swept = now;
		}
		if (s->heap_n)
			wait = (int)((s->heap[0]->due - now) * 1000) + 1;
		pthread_mutex_unlock(&s->lock);
		int n = epoll_wait(s->epoll, events, 256, wait > 1000 ? 1000 : wait);
		pthread_mutex_lock(&s->lock);
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;
			if (c == NULL)
				continue; /* the event: stop is set */
			if (c == (struct conn *)s) {
				take_connections(s);
				continue;
			}
			if (!c->gone && events[i].events & EPOLLOUT && c->state == WRITING)
				write_out(s, c);
			if (!c->gone && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				read_in(s, c);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct server *server_start(const struct server_opts *opts)
{
	struct server *s = oc_zalloc(1, sizeof *s);
	struct sockaddr_in addr = {.sin_family = AF_INET,
	                           .sin_port = htons(opts->port),
	                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof addr;
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
	struct rlimit l;
	int one = 1;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
	s->opts = *opts;
	pthread_mutex_init(&s->lock, NULL);
	s->began = s->busy_since = oc_now();
	s->listen = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(s->listen, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->listen < 0 || bind(s->listen, (struct sockaddr *)&addr, sizeof addr) < 0 ||
	    listen(s->listen, 4096) < 0 ||
	    getsockname(s->listen, (struct sockaddr *)&addr, &len) < 0 ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listen, &e) < 0) {
		perror("test server");
		free(s);
		return NULL;
	}
	e.data.ptr = NULL;
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->event, &e);
	s->port = ntohs(addr.sin_port);
	if (opts->ledger && !(s->ledger = fopen(opts->ledger, "ae"))) {
		perror(opts->ledger);
		free(s);
		return NULL;
	}
	if (s->ledger)
		setlinebuf(s->ledger); /* read while the server runs */
	pthread_create(&s->thread, NULL, serve, s);
	return s;
}

void server_stop(struct server *s)
{
	uint64_t one = 1;

	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_mutex_unlock(&s->lock);
	if (write(s->event, &one, sizeof one) < 0)
		perror("test server");
	pthread_join(s->thread, NULL);
	for (size_t i = 0; i < s->all_n; i++) {
		struct conn *c = s->all[i];
		if (c->fd >= 0)
			close(c->fd);
		oc_buf_fini(&c->in);
		oc_buf_fini(&c->out);
		free(c);
	}
	if (s->ledger)
		fclose(s->ledger);
	close(s->listen);
	close(s->epoll);
	close(s->event);
	free(s->all);
	free(s->heap);
	free(s->table);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

uint16_t server_port(const struct server *s)
{
	return s->port;
}

void server_get_stats(struct server *s, struct server_stats *out)
{
	pthread_mutex_lock(&s->lock);
	count_busy(s, 0);
	*out = s->stats;
	out->clock = oc_now() - s->began;
	pthread_mutex_unlock(&s->lock);
}

void server_set_fault(struct server *s, enum server_fault f, double rate)
{
	pthread_mutex_lock(&s->lock);
	s->opts.fault_rate[f] = rate;
	pthread_mutex_unlock(&s->lock);
}
