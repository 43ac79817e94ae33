/*
 * Size and look-up time of the reply store, against SQLite holding the bodies itself.
 *
 *   bench_store [replies=1000000]
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/rng.h"
#include "llm/store.h"

static const char *const words[] = {"water", "house", "number", "river",   "because", "small",
                                    "green", "every", "seven",  "teacher", "winter",  "bread",
                                    "often", "light", "under",  "school",  "train",   "apple",
                                    "horse", "quiet", "market", "garden",  "letter",  "stone"};

static void text(struct oc_buf *b, struct oc_draws *d, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		oc_buf_printf(b, "%s%s%llu", i ? " " : "",
		              words[oc_draw_below(d, sizeof words / sizeof *words)],
		              (unsigned long long)oc_draw_below(d, 50));
}

/* A request and a reply as they come from a chat endpoint; some 900 bytes together. */
static void make(uint64_t i, struct oc_buf *request, struct oc_buf *reply)
{
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, 1, "bench/store");
	oc_draws_init(&d, &rng, i);
	request->len = reply->len = 0;
	oc_buf_puts(request,
	            "{\"max_tokens\":256,\"messages\":[{\"content\":\"Write a question about "
	            "these words and answer it: ");
	text(request, &d, 12);
	oc_buf_printf(request,
	              "\",\"role\":\"user\"}],\"model\":\"m\",\"temperature\":1,\"top_p\":0.95,"
	              "\"seed\":%llu}",
	              (unsigned long long)(oc_draw_u64(&d) & 0x7fffffff));
	oc_buf_printf(
		reply,
		"{\"id\":\"chatcmpl-%016llx\",\"object\":\"chat.completion\",\"created\":%llu,"
		"\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
		"\"content\":\"",
		(unsigned long long)oc_draw_u64(&d), 1700000000ull + i);
	text(reply, &d, 40);
	oc_buf_puts(reply, "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":61,"
	                   "\"completion_tokens\":80,\"total_tokens\":141}}");
}

static struct oc_hash128 key_of(uint64_t i)
{
	return oc_hash128(&i, sizeof i);
}

static uint64_t file_size(const char *dir, const char *name)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static double cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static int bench_ours(struct oc_ctx *ctx, const char *dir, uint64_t n, struct oc_err *err)
{
	struct oc_store *s = NULL;
	struct oc_buf request = {0}, reply = {0};
	uint64_t raw = 0;

	if (oc_store_open(&s, ctx, dir, false, err) < 0)
		return -1;
	double t = oc_now(), used = cpu(), making = 0;
	for (uint64_t i = 0; i < n; i++) {
		double m = cpu();
		if (i % 64 == 0) { /* the cost of making them, sampled */
			make(i, &request, &reply);
			making += (cpu() - m) * 64;
		}
		make(i, &request, &reply);
		raw += request.len + reply.len;
		struct oc_record r = {.key = key_of(i),
		                      .status = 200,
		                      .request = oc_buf_view(&request),
		                      .reply = oc_buf_view(&reply),
		                      .usage = {61, 80, false},
		                      .attempts = 1};
		if (oc_store_intent(s, r.key, 1, 0, err) < 0 || oc_store_put(s, &r, err) < 0)
			return -1;
	}
	used = cpu() - used - making;
	if (oc_store_close(s, err) < 0)
		return -1;
	t = oc_now() - t;
	double index = (double)file_size(dir, "index.db");
	double open = oc_now();
	if (oc_store_open(&s, ctx, dir, false, err) < 0)
		return -1;
	open = oc_now() - open;
	double bytes = (double)oc_store_bytes(s);
	printf("ours    %8llu replies of %.0f bytes: %.0f + %.0f bytes each (segments + index), "
	       "%.1f us CPU each, %.1f s in all\n",
	       (unsigned long long)n, (double)raw / (double)n, bytes / (double)n, index / (double)n,
	       used / (double)n * 1e6, t);
	printf("        open %.1f ms\n", open * 1000);
	for (int kind = 0; kind < 2; kind++) {
		uint64_t gets = kind ? 200000 : 50000;
		double begin = oc_now();
		for (uint64_t i = 0; i < gets; i++) {
			struct oc_record r;
			uint64_t which = i * 2654435761u % n;
			int found = oc_store_get(s, key_of(kind ? n + which : which), &r, err);
			if (found != (kind ? 0 : 1))
				return oc_fail(err, OC_INTERNAL, NULL, "reply %llu: %d",
				               (unsigned long long)which, found);
			if (found)
				oc_record_fini(&r);
		}
		printf("        look-up %s: %.1f us\n", kind ? "of what is not there" : "and read",
		       (oc_now() - begin) / (double)gets * 1e6);
	}
	oc_buf_fini(&request);
	oc_buf_fini(&reply);
	return oc_store_close(s, err);
}

static void must(sqlite3 *db, int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) {
		fprintf(stderr, "%s\n", sqlite3_errmsg(db));
		exit(4);
	}
}

/* The obvious way: bodies in a table by key, a commit every 128. */
static void bench_sqlite(const char *dir, uint64_t n)
{
	char path[4096];
	sqlite3 *db;
	sqlite3_stmt *put, *get;
	struct oc_buf request = {0}, reply = {0};

	snprintf(path, sizeof path, "%s/plain.db", dir);
	must(NULL, sqlite3_open(path, &db));
	must(db, sqlite3_exec(db,
	                      "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA "
	                      "cache_size=-65536;CREATE TABLE r(key BLOB PRIMARY KEY, request, "
	                      "reply) WITHOUT ROWID",
	                      NULL, NULL, NULL));
	must(db, sqlite3_prepare_v2(db, "INSERT INTO r VALUES(?,?,?)", -1, &put, NULL));
	must(db, sqlite3_prepare_v2(db, "SELECT reply FROM r WHERE key=?", -1, &get, NULL));
	double t = oc_now();
	for (uint64_t i = 0; i < n; i++) {
		struct oc_hash128 key = key_of(i);
		make(i, &request, &reply);
		if (i % 128 == 0)
			must(db, sqlite3_exec(db, "BEGIN", NULL, NULL, NULL));
		sqlite3_bind_blob(put, 1, &key, sizeof key, SQLITE_STATIC);
		sqlite3_bind_blob(put, 2, request.p, (int)request.len, SQLITE_STATIC);
		sqlite3_bind_blob(put, 3, reply.p, (int)reply.len, SQLITE_STATIC);
		must(db, sqlite3_step(put));
		sqlite3_reset(put);
		if (i % 128 == 127 || i + 1 == n)
			must(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
	}
	t = oc_now() - t;
	double begin = oc_now();
	for (uint64_t i = 0; i < 50000; i++) {
		struct oc_hash128 key = key_of(i * 2654435761u % n);
		sqlite3_bind_blob(get, 1, &key, sizeof key, SQLITE_STATIC);
		must(db, sqlite3_step(get));
		sqlite3_reset(get);
	}
	printf("SQLite  %8llu replies: %.0f bytes each, %.1f s in all, look-up %.1f us\n",
	       (unsigned long long)n, (double)file_size(dir, "plain.db") / (double)n, t,
	       (oc_now() - begin) / 50000 * 1e6);
	sqlite3_finalize(put);
	sqlite3_finalize(get);
	sqlite3_close(db);
	oc_buf_fini(&request);
	oc_buf_fini(&reply);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_err err = {0};
	char dir[] = "/tmp/oc-bench-XXXXXX";

	if (!mkdtemp(dir) || n < 1000) {
		fprintf(stderr, "usage: bench_store [replies, at least 1000]\n");
		return 2;
	}
	int rc = bench_ours(ctx, dir, n, &err);
	if (rc < 0)
		fprintf(stderr, "%s: %s\n", err.where, err.msg);
	else
		bench_sqlite(dir, n / 10);
	oc_remove_tree(dir, &err);
	oc_ctx_free(ctx);
	return rc < 0 ? 4 : 0;
}
