/* The reply store: kills, torn tails, several processes, a lost index, a full disk. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/file.h"
#include "llm/store.h"
#include "llm/store_seg.h"

/* The store's flock, too. What another process may do between a segment's creation and its lock. */
static bool meddle;

int flock(int fd, int how)
{
	char path[64];
	struct stat st;

	if (meddle && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0) {
		struct oc_err err = {0};
		meddle = false;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		int other = open(path, O_RDWR | O_APPEND);
		if (seg_head_check(other, path, &err) != 0 || seg_head_write(other, path, &err) < 0)
			abort();
		close(other);
	}
	return (int)syscall(SYS_flock, fd, how);
}

struct place {
	struct oc_ctx *ctx;
	char dir[64];
};

static struct place place_new(void)
{
	struct place p = {.ctx = oc_ctx_new(1, 0), .dir = "/tmp/oc-store-XXXXXX"};

	assert_non_null(mkdtemp(p.dir));
	return p;
}

static void place_free(struct place *p)
{
	struct oc_err err = {0};

	oc_remove_tree(p->dir, &err);
	oc_ctx_free(p->ctx);
}

static struct oc_store *open_store(struct place *p, bool readonly)
{
	struct oc_store *s = NULL;
	struct oc_err err = {0};

	if (oc_store_open(&s, p->ctx, p->dir, readonly, &err) < 0)
		fail_msg("%s: %s", err.where, err.msg);
	return s;
}

static void close_store(struct oc_store *s)
{
	struct oc_err err = {0};

	if (oc_store_close(s, &err) < 0)
		fail_msg("%s: %s", err.where, err.msg);
}

static struct oc_hash128 key_of(unsigned i)
{
	char body[32];

	snprintf(body, sizeof body, "{\"q\":%u}", i);
	return oc_reply_key(OC_CALL_CHAT, oc_str(body), "m", 0);
}

static void reply_of(unsigned i, char out[256])
{
	snprintf(out, 256,
	         "{\"id\":\"cmpl-%u\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,"
	         "\"message\":{\"role\":\"assistant\",\"content\":\"The answer is %u.\"}}]}",
	         i, i * 7919u);
}

static int put(struct oc_store *s, unsigned i, struct oc_err *err)
{
	char request[128], reply[256];
	struct oc_record r = {.key = key_of(i), .status = 200, .cost = 0.5, .attempts = 1};

	snprintf(request, sizeof request, "{\"messages\":[{\"content\":\"question %u\"}]}", i);
	reply_of(i, reply);
	r.request = oc_str(request);
	r.reply = oc_str(reply);
	r.usage = (struct oc_usage){i, i + 1, i % 2};
	if (oc_store_intent(s, r.key, 1.0, 0, err) < 0)
		return -1;
	return oc_store_put(s, &r, err);
}

static void put_ok(struct oc_store *s, unsigned i)
{
	struct oc_err err = {0};

	if (put(s, i, &err) < 0)
		fail_msg("%s: %s", err.where, err.msg);
}

/* 1 when reply i is there and right, 0 when it is not there. */
static int get(struct oc_store *s, unsigned i)
{
	struct oc_record r;
	struct oc_err err = {0};
	char reply[256];
	int rc = oc_store_get(s, key_of(i), &r, &err);

	if (rc < 0)
		fail_msg("%s: %s", err.where, err.msg);
	if (rc == 0)
		return 0;
	reply_of(i, reply);
	assert_true(oc_str_is(r.reply, reply));
	assert_int_equal(r.usage.prompt_tokens, i);
	assert_int_equal(r.usage.completion_tokens, i + 1);
	assert_int_equal(r.usage.estimated, i % 2);
	assert_true(r.cost == 0.5 && r.time > 1.6e9);
	oc_record_fini(&r);
	return 1;
}

static void lost(struct oc_store *s, uint64_t want, double want_cost)
{
	uint64_t n;
	double cost;

	oc_store_unknown(s, &n, &cost);
	assert_int_equal(n, want);
	assert_true(cost == want_cost);
}

static void segment(struct place *p, unsigned id, char out[128])
{
	snprintf(out, 128, "%s/seg-%06u.ocr", p->dir, id);
}

/* ---------------------------------------------------------------------- plain */

static void test_put_and_get(void **state)
{
	struct place p = place_new();
	struct oc_store *s = open_store(&p, false);

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		put_ok(s, i);
		assert_int_equal(get(s, i), 1); /* at once, indexed or not */
		if (i == 500)
			usleep(250000);
	}
	assert_int_equal(get(s, 5000), 0);
	assert_int_equal(oc_store_count(s), 1000);
	lost(s, 0, 0);
	close_store(s);
	for (int round = 0; round < 2; round++) {
		s = open_store(&p, round == 1);
		for (unsigned i = 0; i < 1000; i++)
			assert_int_equal(get(s, i), 1);
		assert_int_equal(oc_store_count(s), 1000);
		lost(s, 0, 0);
		close_store(s);
	}
	place_free(&p);
}

static void test_failures_and_drops(void **state)
{
	struct place p = place_new();
	struct oc_store *s = open_store(&p, false);
	struct oc_err err = {0};
	struct oc_record r = {.key = key_of(1),
	                      .status = 500,
	                      .failed = true,
	                      .reply = OC_LIT("<html>"),
	                      .error = OC_LIT("gave up"),
	                      .attempts = 3,
	                      .unknown = 2,
	                      .unknown_cost = 4},
			 out;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(oc_store_intent(s, r.key, 2, 0, &err), 0);
	assert_int_equal(oc_store_put(s, &r, &err), 0);
	lost(s, 2, 4);
	assert_int_equal(oc_store_intent(s, key_of(2), 8, 0, &err), 0);
	assert_int_equal(oc_store_drop(s, key_of(2), 1, 8, &err), 0);
	lost(s, 3, 12);
	assert_int_equal(oc_store_intent(s, key_of(3), 16, 0, &err), 0);
	close_store(s); /* the third was never answered */
	s = open_store(&p, false);
	lost(s, 4, 28);
	assert_int_equal(oc_store_count(s), 0);
	assert_int_equal(oc_store_get(s, r.key, &out, &err), 2);
	assert_true(out.failed && oc_str_is(out.error, "gave up") &&
	            oc_str_is(out.reply, "<html>"));
	oc_record_fini(&out);
	put_ok(s, 1); /* asked again, this time with success */
	assert_int_equal(get(s, 1), 1);
	close_store(s);
	s = open_store(&p, true);
	assert_int_equal(get(s, 1), 1);
	lost(s, 4, 28);
	close_store(s);
	place_free(&p);
}

/* ---------------------------------------------------------------- accidents */

/* kill -9 at many instants: what put returned for is there, and open intents count. */
static void test_kills(void **state)
{
	struct place p = place_new();
	unsigned next = 0;
	uint64_t open_intents = 0;

	(void)state;
	for (int round = 0; round < 20; round++) {
		int pipes[2];
		assert_int_equal(pipe(pipes), 0);
		pid_t pid = fork();
		if (pid == 0) {
			struct oc_err err = {0};
			struct oc_store *s = open_store(&p, false);
			for (unsigned i = next;; i++) {
				if (put(s, i, &err) < 0 ||
				    oc_store_intent(s, key_of(1000000 + i), 1, 0, &err) < 0 ||
				    write(pipes[1], &i, sizeof i) < 0)
					_exit(1);
				oc_store_drop(s, key_of(1000000 + i), 0, 0, &err);
				usleep(100);
			}
		}
		close(pipes[1]);
		usleep((useconds_t)(10000 + round * 13007));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		unsigned i, acknowledged = next;
		while (read(pipes[0], &i, sizeof i) == sizeof i)
			acknowledged = i + 1;
		close(pipes[0]);
		struct oc_store *s = open_store(&p, round % 3 == 2);
		for (i = 0; i < acknowledged; i++)
			assert_int_equal(get(s, i), 1);
		/* One more may have been written without our hearing of it. */
		next = acknowledged + (unsigned)get(s, acknowledged);
		assert_int_equal(oc_store_count(s), next);
		uint64_t n;
		double cost;
		oc_store_unknown(s, &n, &cost);
		assert_true(n >= open_intents && n <= open_intents + 2 && cost == (double)n);
		open_intents = n;
		close_store(s);
	}
	assert_true(next > 100);
	place_free(&p);
}

static void test_torn_and_damaged(void **state)
{
	struct place p = place_new();
	struct oc_store *s = open_store(&p, false);
	char path[128];
	struct stat st;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		put_ok(s, i);
	close_store(s);
	segment(&p, 1, path);
	assert_int_equal(stat(path, &st), 0);
	/* Cut after every number of bytes of the last record. */
	for (off_t cut = 1; cut < 200; cut += 7) {
		assert_int_equal(truncate(path, st.st_size - cut), 0);
		s = open_store(&p, false);
		for (unsigned i = 0; i < 99; i++)
			assert_int_equal(get(s, i), 1);
		assert_int_equal(get(s, 99), 0);
		put_ok(s, 99);
		assert_int_equal(oc_store_count(s), 100);
		close_store(s);
		assert_int_equal(stat(path, &st), 0);
	}
	/* A flipped byte in the middle is noticed, and costs that reply only. */
	int fd = open(path, O_RDWR);
	char c;
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, st.st_size / 2), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, st.st_size / 2), 1);
	close(fd);
	char index[128];
	const char *side[] = {"", "-wal", "-shm"};
	for (int i = 0; i < 3; i++) {
		snprintf(index, sizeof index, "%s/index.db%s", p.dir, side[i]);
		unlink(index);
	}
	s = open_store(&p, false);
	unsigned there = 0;
	for (unsigned i = 0; i < 100; i++)
		there += (unsigned)get(s, i);
	assert_in_range(there, 99, 100); /* 100: it hit an intent */
	close_store(s);
	place_free(&p);
}

/* What the records of a segment have in common is damaged: they are asked again, no more. */
static void test_damaged_dictionary(void **state)
{
	struct place p = place_new();
	struct oc_store *s = open_store(&p, false);
	struct oc_err err = {0};
	struct oc_buf text = {0};
	struct seg_frame f = {0};
	char path[128], index[128];
	size_t at = SEG_HEAD;
	unsigned readable = 0;

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		put_ok(s, i);
	close_store(s);
	segment(&p, 1, path);
	assert_int_equal(oc_file_read(path, 1u << 24, &text, &err), 0);
	while (seg_frame_check(text.p + at, text.len - at, &f) && f.type != SEG_DICT)
		at += sizeof f + f.len;
	assert_int_equal(f.type, SEG_DICT);
	text.p[at + sizeof f + 9] ^= 1;
	assert_int_equal(oc_file_write(path, text.p, text.len, &err), 0);
	oc_buf_fini(&text);
	struct oc_store *none = NULL;
	assert_int_equal(oc_store_open(&none, p.ctx, p.dir, false, &err), -1);
	assert_non_null(strstr(err.msg, "delete index.db"));
	snprintf(index, sizeof index, "%s/index.db", p.dir);
	assert_int_equal(unlink(index), 0);
	for (int again = 0; again < 2; again++) {
		s = open_store(&p, false);
		readable = 0;
		for (unsigned i = 0; i < 300; i++)
			readable += get(s, i) == 1;
		assert_in_range(readable, again ? 300 : 1, again ? 300 : 60);
		for (unsigned i = 0; i < 300; i++)
			if (get(s, i) == 0)
				put_ok(s, i);
		close_store(s);
	}
	place_free(&p);
}

static void test_index_is_rebuilt(void **state)
{
	struct place p = place_new();
	struct oc_store *s = open_store(&p, false);
	char index[128];

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		put_ok(s, i);
	close_store(s);
	snprintf(index, sizeof index, "%s/index.db", p.dir);
	struct oc_err err = {0};
	assert_int_equal(oc_file_write(index, "this is not a database, not at all", 34, &err), 0);
	/* Who only reads does without it, and leaves it as it is. */
	for (int lost = 0; lost < 2; lost++) {
		s = open_store(&p, true);
		for (unsigned i = 0; i < 300; i++)
			assert_int_equal(get(s, i), 1);
		assert_int_equal(get(s, 300), 0);
		assert_int_equal(oc_store_count(s), 300);
		close_store(s);
		assert_int_equal(access(index, F_OK), lost ? -1 : 0);
		unlink(index);
	}
	assert_int_equal(oc_file_write(index, "this is not a database, not at all", 34, &err), 0);
	s = open_store(&p, false);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(get(s, i), 1);
	assert_int_equal(oc_store_count(s), 300);
	put_ok(s, 300);
	close_store(s);
	place_free(&p);
}

static void test_processes_share(void **state)
{
	struct place p = place_new();
	pid_t pids[4];

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		pids[k] = fork();
		if (pids[k] == 0) {
			struct oc_store *s = open_store(&p, false);
			for (unsigned i = 0; i < 300; i++) {
				put_ok(s, k * 1000 + i);
				if (i % 50 == 0)
					usleep(20000);
			}
			close_store(s);
			_exit(0);
		}
	}
	for (unsigned k = 0; k < 4; k++) {
		int status;
		assert_int_equal(waitpid(pids[k], &status, 0), pids[k]);
		assert_int_equal(status, 0);
	}
	struct oc_store *s = open_store(&p, false);
	for (unsigned k = 0; k < 4; k++)
		for (unsigned i = 0; i < 300; i++)
			assert_int_equal(get(s, k * 1000 + i), 1);
	assert_int_equal(oc_store_count(s), 1200);
	lost(s, 0, 0);
	/* What another process adds now is found, too. */
	struct oc_store *other = open_store(&p, false);
	put_ok(other, 9999);
	close_store(other);
	assert_int_equal(get(s, 9999), 1);
	close_store(s);
	place_free(&p);
}

/* Two open a store that is not there yet, in the same microseconds. */
static void processes_open_at_once(void **state)
{
	atomic_int *ready = mmap(NULL, sizeof *ready, PROT_READ | PROT_WRITE,
	                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(ready != MAP_FAILED);
	for (int round = 1; round <= 100; round++) {
		struct place p = place_new();
		pid_t pid = fork();
		atomic_fetch_add(ready, 1);
		while (atomic_load(ready) < 2 * round)
			;
		struct oc_store *s = open_store(&p, false);
		close_store(s);
		if (pid == 0)
			_exit(0);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		place_free(&p);
	}
	munmap(ready, sizeof *ready);
}

/* A segment that another process found between its creation and its lock has one head, not two. */
static void found_before_locked(void **state)
{
	struct place p = place_new();

	(void)state;
	meddle = true;
	struct oc_store *s = open_store(&p, false);
	assert_false(meddle);
	for (unsigned i = 0; i < 50; i++)
		put_ok(s, i);
	usleep(250000);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(get(s, i), 1);
	close_store(s);
	s = open_store(&p, false);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(get(s, i), 1);
	close_store(s);
	place_free(&p);
}

/* While one process builds a lost index again, another does not go by as if there were nothing. */
static void lost_index_and_two(void **state)
{
	enum { N = 20000 };
	struct place p = place_new();
	struct oc_store *s = open_store(&p, false);
	char path[128];
	int status;

	(void)state;
	for (unsigned i = 0; i < N; i++)
		put_ok(s, i);
	close_store(s);
	snprintf(path, sizeof path, "%s/index.db", p.dir);
	assert_int_equal(unlink(path), 0);
	pid_t pid = fork();
	s = open_store(&p, false);
	bool all = true;
	for (unsigned i = 0; i < N && all; i += 997)
		all = get(s, i) == 1;
	close_store(s);
	if (pid == 0)
		_exit(all ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(all);
	place_free(&p);
}

/* A request that three killed sittings asked was sent three times, whoever answers in the end. */
static void test_sittings(void **state)
{
	struct place p = place_new();
	struct oc_buf marks = {0};
	struct oc_err err = {0};
	struct oc_spent spent;
	int status;

	(void)state;
	assert_int_equal(oc_store_marks(p.dir, &marks, &err), 0);
	for (int sitting = 0; sitting < 4; sitting++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct oc_store *s = open_store(&p, false);
			oc_store_run(s, 5);
			/* The last sitting tries twice and is answered. */
			for (int i = 0; i < 1 + (sitting == 3); i++)
				if (oc_store_intent(s, key_of(1), 0.25, 100, &err) < 0)
					_exit(1);
			oc_store_run(s, 6); /* another run's money */
			if (oc_store_intent(s, key_of(2), 9, 900, &err) < 0)
				_exit(1);
			oc_store_run(s, 5);
			if (sitting == 3)
				put_ok(s, 1);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(oc_store_spent(p.dir, 5, oc_buf_view(&marks), &spent, &err), 0);
		assert_int_equal(spent.lost, sitting == 3 ? 3 : sitting + 1);
		assert_int_equal(spent.unknown, sitting == 3 ? 3 : sitting + 1);
	}
	assert_int_equal(spent.requests, 6); /* put_ok notes one more */
	assert_int_equal(spent.replied, 1);
	assert_int_equal(spent.unknown_tokens, 300);
	assert_true(fabs(spent.unknown_money - 0.75) < 1e-12);
	oc_buf_fini(&marks);
	place_free(&p);
}

/* A file may grow to 64 KB: then every write fails, cleanly, and nothing is torn. */
static void test_full_disk(void **state)
{
	struct place p = place_new();
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		struct rlimit l = {65536, 65536};
		struct oc_err err = {0};
		signal(SIGXFSZ, SIG_IGN);
		struct oc_store *s = open_store(&p, false);
		put_ok(s, 0);
		usleep(300000);
		setrlimit(RLIMIT_FSIZE, &l);
		unsigned i = 1;
		while (put(s, i, &err) == 0 && i < 10000)
			i++;
		struct oc_record r;
		struct oc_err ignored = {0};
		bool fine = err.code == OC_IO && i > 50 && i < 10000 &&
		            oc_store_get(s, key_of(i - 1), &r, &ignored) == 1;
		_exit(fine ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	struct oc_store *s = open_store(&p, false);
	unsigned n = (unsigned)oc_store_count(s);
	assert_true(n > 50);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(get(s, i), 1);
	put_ok(s, n);
	close_store(s);
	place_free(&p);
}

static void test_refuses(void **state)
{
	struct place p = place_new();
	struct oc_err err = {0};
	struct oc_store *s = NULL;
	char path[128], head[16] = "OCREPLY";

	(void)state;
	segment(&p, 1, path);
	head[8] = 99;
	assert_int_equal(oc_file_write(path, head, sizeof head, &err), 0);
	assert_int_equal(oc_store_open(&s, p.ctx, p.dir, false, &err), -1);
	assert_int_equal(err.code, OC_INPUT);
	assert_non_null(strstr(err.msg, "newer"));
	place_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_and_get),
		cmocka_unit_test(test_failures_and_drops),
		cmocka_unit_test(test_kills),
		cmocka_unit_test(test_torn_and_damaged),
		cmocka_unit_test(test_damaged_dictionary),
		cmocka_unit_test(test_index_is_rebuilt),
		cmocka_unit_test(test_processes_share),
		cmocka_unit_test(processes_open_at_once),
		cmocka_unit_test(found_before_locked),
		cmocka_unit_test(lost_index_and_two),
		cmocka_unit_test(test_sittings),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
