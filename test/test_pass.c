/* The pass with toy stages of every kind: order, threads, replies in any order, errors, cancel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "pipe/leg.h"
#include "pipe/pass.h"
#include "pipe/spill.h"

static int64_t number_of(const struct oc_row *row)
{
	return oc_json_get_int(row->root, "n", -1);
}

static struct oc_str empty(void)
{
	return (struct oc_str){0};
}

/* ------------------------------------------------------------- toy stages */

/* What a toy does wrong, and when. */
struct toy {
	int64_t fail_at; /* n of the row; -1 = never */
	uint64_t seen[10];
	uint64_t ordered_n;
};

static int toy_fail(struct toy *t, const struct oc_row *row, struct oc_err *err)
{
	return t->fail_at >= 0 && number_of(row) == t->fail_at
	               ? oc_fail(err, OC_INPUT, "toy", "row %lld is bad", (long long)t->fail_at)
	               : 0;
}

/* Drops multiples of 7, marks multiples of 5. */
static int sieve_row(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	int64_t n = number_of(row);

	assert_non_null(scratch);
	assert_false(row->test);
	if (toy_fail(self, row, err))
		return -1;
	if (n % 7 == 0)
		oc_row_reject(row, "sieve", "seven", empty());
	else if (n % 5 == 0)
		return oc_row_set(row, OC_LIT("five"), OC_LIT("true"), err);
	return 0;
}

static void *scratch_new(void *self)
{
	(void)self;
	return malloc(16);
}

static const struct oc_stage_def sieve = {.size = sizeof sieve,
                                          .name = "sieve",
                                          .kind = OC_STAGE_ROW,
                                          .row = sieve_row,
                                          .scratch_new = scratch_new,
                                          .scratch_free = free};

/* Keeps at most ten rows of each n % 10, in order; prepare finds the class. */
static int quota_prepare(void *self, void *scratch, struct oc_row *row, void **note,
                         struct oc_err *err)
{
	int64_t *class = oc_arena_alloc(row->arena, sizeof *class);

	(void)self;
	(void)scratch;
	(void)err;
	*class = number_of(row) % 10;
	*note = class;
	return 0;
}

static int quota_ordered(void *self, struct oc_row *row, void *note, struct oc_buf *state,
                         struct oc_err *err)
{
	struct toy *t = self;
	int64_t class = *(int64_t *)note;

	if (toy_fail(self, row, err))
		return -1;
	t->ordered_n++;
	oc_buf_putc(state, (char)('0' + class));
	if (++t->seen[class] > 1000)
		oc_row_reject(row, "quota", "full", empty());
	return 0;
}

static const struct oc_stage_def quota = {.size = sizeof quota,
                                          .name = "quota",
                                          .kind = OC_STAGE_ORDERED,
                                          .prepare = quota_prepare,
                                          .ordered = quota_ordered};

/* An ordered stage without prepare: numbers the rows it sees. */
static int count_ordered(void *self, struct oc_row *row, void *note, struct oc_buf *state,
                         struct oc_err *err)
{
	struct toy *t = self;
	char text[24];

	assert_null(note);
	(void)state;
	snprintf(text, sizeof text, "%llu", (unsigned long long)t->ordered_n++);
	return oc_row_set(row, OC_LIT("count"), oc_str(text), err);
}

static const struct oc_stage_def count_stage = {.size = sizeof count_stage,
                                                .name = "count",
                                                .kind = OC_STAGE_ORDERED,
                                                .ordered = count_ordered};

/*
 * Asks two questions for odd rows (the same body for rows of one class), then, depending on the
 * replies, one more, up to three rounds; writes down everything it was told.
 */
static int talk_ask(void *self, struct oc_row *row, struct oc_calls *calls, struct oc_err *err)
{
	int64_t n = number_of(row);
	char body[32];

	if (toy_fail(self, row, err))
		return -1;
	if (n % 2 == 0)
		return 0;
	snprintf(body, sizeof body, "q%lld", (long long)(n % 4));
	struct oc_request req = {.kind = OC_CALL_CHAT, .body = oc_str(body), .tag = (uint64_t)n};
	oc_calls_add(calls, &req);
	req.body = OC_LIT("same");
	req.tag = (uint64_t)n + 1;
	oc_calls_add(calls, &req);
	return 0;
}

static int talk_answer(void *self, struct oc_row *row, const struct oc_reply *replies,
                       size_t reply_n, struct oc_calls *more, struct oc_err *err)
{
	struct toy *t = self;

	assert_int_equal(replies[0].tag, (uint64_t)number_of(row));
	assert_int_equal(replies[1].tag, (uint64_t)number_of(row) + 1);
	if (t->seen[0] && number_of(row) == (int64_t)t->seen[0])
		return oc_fail(err, OC_FAILURES, NULL, "answer refused");
	if (reply_n < 5 && replies[reply_n - 1].text.p[0] % 3 == 0) {
		oc_calls_add(more, &(struct oc_request){.body = OC_LIT("same"), .tag = reply_n});
		return 0;
	}
	struct oc_buf b = {0};
	oc_buf_puts(&b, "\"");
	for (size_t i = 0; i < reply_n; i++) {
		oc_buf_str(&b, replies[i].text);
		oc_buf_putc(&b, ' ');
	}
	oc_buf_puts(&b, "\"");
	int rc = oc_row_set(row, OC_LIT("told"), oc_buf_view(&b), err);
	oc_buf_fini(&b);
	return rc;
}

static const struct oc_stage_def talk = {.size = sizeof talk,
                                         .name = "talk",
                                         .kind = OC_STAGE_CALL,
                                         .ask = talk_ask,
                                         .answer = talk_answer};

/* Observes (number, n) and on its second pass drops the rows it listed. */
static int list_observe(void *self, void *scratch, struct oc_row *row, struct oc_buf *out,
                        struct oc_err *err)
{
	int64_t pair[2] = {(int64_t)row->number, number_of(row)};

	(void)scratch;
	if (toy_fail(self, row, err))
		return -1;
	oc_buf_add(&out[0], pair, sizeof pair);
	oc_buf_putc(&out[1], 'x');
	return 0;
}

static int list_apply(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const int64_t *pairs = (const int64_t *)(uintptr_t)((struct toy *)self)->seen[0];

	(void)scratch;
	(void)err;
	for (uint64_t i = 0;; i++)
		if (pairs[2 * i] == (int64_t)row->number) {
			assert_int_equal(pairs[2 * i + 1], number_of(row));
			break;
		}
	if (row->number % 3 == 0)
		oc_row_reject(row, "list", "third", empty());
	return 0;
}

static const struct oc_stage_def list = {.size = sizeof list,
                                         .name = "list",
                                         .kind = OC_STAGE_WHOLE,
                                         .stream_n = 2,
                                         .observe = list_observe,
                                         .apply = list_apply};

/* ---------------------------------------------------------------- toy model */

struct question {
	uint64_t tag;
	uint32_t sample, round;
	char body[32];
};

/*
 * Replies in an order of its own (by seed), each saying body, round and sample index; so an output
 * that depended on the order of replies would differ. `stop_after` replies the rest is abandoned.
 */
struct toy_llm {
	struct oc_llm base;
	struct question *open;
	size_t open_n, cap, most;
	struct oc_draws draws;
	struct question *counts; /* body, round -> sample = how many so far */
	size_t count_n;
	uint64_t served, submitted, stop_after, fail_next, fail_submit;
	unsigned users; /* threads inside: must never be 2 */
	struct oc_ctx *ctx;
};

static int toy_submit(struct oc_llm *llm, const struct oc_request *req, struct oc_err *err)
{
	struct toy_llm *t = (struct toy_llm *)llm;
	struct question q = {.tag = req->tag, .round = req->round};

	assert_int_equal(__atomic_add_fetch(&t->users, 1, __ATOMIC_SEQ_CST), 1);
	snprintf(q.body, sizeof q.body, "%.*s", OC_ARG(req->body));
	size_t i = 0;
	while (i < t->count_n &&
	       (t->counts[i].round != q.round || strcmp(t->counts[i].body, q.body) != 0))
		i++;
	if (i == t->count_n) {
		t->counts = oc_realloc(t->counts, (i + 1) * sizeof *t->counts);
		t->counts[t->count_n++] = q;
	}
	q.sample = t->counts[i].sample++;
	if (t->open_n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->open = oc_realloc(t->open, t->cap * sizeof *t->open);
	}
	t->open[t->open_n++] = q;
	if (t->open_n > t->most)
		t->most = t->open_n;
	__atomic_sub_fetch(&t->users, 1, __ATOMIC_SEQ_CST);
	if (++t->submitted == t->fail_submit)
		return oc_fail(err, OC_NET, NULL, "submit refused");
	return 0;
}

static int toy_next(struct oc_llm *llm, struct oc_reply *reply, int timeout_ms, struct oc_err *err)
{
	struct toy_llm *t = (struct toy_llm *)llm;

	if (!t->open_n)
		return 0;
	if (t->fail_next && t->served == t->fail_next)
		return oc_fail(err, OC_NET, NULL, "the line is dead");
	assert_int_equal(__atomic_add_fetch(&t->users, 1, __ATOMIC_SEQ_CST), 1);
	int rc = 0;
	if (timeout_ms || oc_draw_below(&t->draws, 4)) {
		size_t i = oc_draw_below(&t->draws, t->open_n);
		struct question q = t->open[i];
		t->open[i] = t->open[--t->open_n];
		char text[64];
		uint64_t h = oc_hash64(q.body, strlen(q.body), q.sample * 16 + q.round);
		int len = snprintf(text, sizeof text, "%c:%s:%u:%u", (char)('a' + h % 26), q.body,
		                   q.round, q.sample);
		char *own = oc_strdup(text);
		*reply = (struct oc_reply){.tag = q.tag,
		                           .text = {own, (size_t)len},
		                           .owner = own,
		                           .state = OC_REPLY_OK};
		if (t->stop_after && t->served >= t->stop_after)
			reply->state = OC_REPLY_STOPPED;
		t->served++;
		rc = 1;
	}
	__atomic_sub_fetch(&t->users, 1, __ATOMIC_SEQ_CST);
	return rc;
}

static void toy_reply_free(struct oc_llm *llm, struct oc_reply *reply)
{
	(void)llm;
	free(reply->owner);
}

static uint32_t toy_window(struct oc_llm *llm)
{
	(void)llm;
	return 100;
}

static const struct oc_llm_ops toy_ops = {
	.submit = toy_submit, .next = toy_next, .reply_free = toy_reply_free, .window = toy_window};

static void toy_llm_init(struct toy_llm *t, uint64_t seed)
{
	struct oc_rng rng;

	*t = (struct toy_llm){.base = {&toy_ops}};
	oc_rng_init(&rng, seed, "order of replies");
	oc_draws_init(&t->draws, &rng, 0);
}

static void toy_llm_fini(struct toy_llm *t)
{
	free(t->open);
	free(t->counts);
}

/* ---------------------------------------------------------- feed and emit */

enum place { NOWHERE, FEED, PARSE, ENCODE, EMIT };

struct stream {
	uint64_t n, next;
	enum place fail;
	int64_t fail_at;
	struct oc_buf out, states;
	uint64_t emitted, parsed, batches, fed_batches, most_in_flight;
	uint64_t cancel_at; /* rows emitted before the context is cancelled; 0 = never */
	int cancel;
	struct oc_ctx *ctx;
	struct oc_leg_writer *leg;
	struct oc_leg *from;
	unsigned feeding;
};

static int feed(void *user, struct oc_batch *batch, struct oc_err *err)
{
	struct stream *s = user;

	assert_int_equal(__atomic_add_fetch(&s->feeding, 1, __ATOMIC_SEQ_CST), 1);
	uint64_t flight = ++s->fed_batches - __atomic_load_n(&s->batches, __ATOMIC_SEQ_CST);
	if (flight > s->most_in_flight)
		s->most_in_flight = flight;
	int rc = 1;
	if (s->from) {
		rc = oc_leg_read(s->from, s->next, batch, err);
		s->next += batch->row_n;
		rc = rc ? rc : s->next < oc_leg_rows(s->from);
	}
	/* Batches of 0 to 40 rows. */
	uint64_t size = s->from ? 0 : oc_hash64(&s->fed_batches, sizeof s->fed_batches, 1) % 41;
	for (uint64_t i = 0; i < size && s->next < s->n; i++, s->next++) {
		if (s->fail == FEED && (int64_t)s->next == s->fail_at) {
			oc_fail(err, OC_INPUT, "toy", "row %llu is bad",
			        (unsigned long long)s->next);
			rc = -1;
			break;
		}
		struct oc_row *row = oc_batch_add(batch);
		row->raw =
			oc_arena_printf(batch->arena, "{\"n\":%llu}", (unsigned long long)s->next);
		row->ped.key =
			oc_arena_printf(batch->arena, "toy:%llu", (unsigned long long)s->next);
		row->test = s->next % 11 == 3;
		if (s->next % 13 == 5)
			oc_row_reject(row, "read", "unlucky", empty());
	}
	if (rc == 1 && !s->from && s->next == s->n)
		rc = 0;
	__atomic_sub_fetch(&s->feeding, 1, __ATOMIC_SEQ_CST);
	return rc;
}

static int parse(void *user, struct oc_row *row, struct oc_err *err)
{
	struct stream *s = user;

	__atomic_add_fetch(&s->parsed, 1, __ATOMIC_SEQ_CST);
	if (oc_row_parse(row, err))
		return -1;
	return s->fail == PARSE && number_of(row) == s->fail_at
	               ? oc_fail(err, OC_INPUT, "toy", "row %lld is bad", (long long)s->fail_at)
	               : 0;
}

static int encode(void *user, const struct oc_batch *batch, struct oc_buf *out, struct oc_err *err)
{
	struct stream *s = user;

	assert_int_equal(out->len, 0);
	for (uint32_t i = 0; i < batch->row_n; i++) {
		const struct oc_row *row = &batch->rows[i];
		if (s->fail == ENCODE && row->root && number_of(row) == s->fail_at)
			return oc_fail(err, OC_INPUT, "toy", "row %lld is bad",
			               (long long)s->fail_at);
		oc_buf_printf(out, "%d ", (int)row->fate);
		oc_buf_str(out, row->raw);
		oc_verdicts_write(out, row);
		oc_buf_putc(out, '\n');
	}
	return 0;
}

static int emit(void *user, struct oc_batch *batch, struct oc_buf *encoded, struct oc_err *err)
{
	struct stream *s = user;

	for (uint32_t i = 0; s->fail == EMIT && i < batch->row_n; i++)
		if (batch->rows[i].root && number_of(&batch->rows[i]) == s->fail_at)
			return oc_fail(err, OC_INPUT, "toy", "row %lld is bad",
			               (long long)s->fail_at);
	assert_int_equal(batch->seq, s->batches);
	if (s->leg) {
		struct oc_buf b = {0};
		assert_int_equal(oc_leg_encode(batch, false, &b, err), 0);
		assert_true(oc_leg_add(s->leg, &b, err) >= 0);
		oc_buf_fini(&b);
	}
	oc_buf_str(&s->out, oc_buf_view(encoded));
	if (batch->states)
		oc_buf_str(&s->states, oc_buf_view(&batch->states[1]));
	s->emitted += batch->row_n;
	__atomic_add_fetch(&s->batches, 1, __ATOMIC_SEQ_CST);
	if (s->cancel_at && s->emitted >= s->cancel_at)
		for (int i = atomic_load(&s->ctx->cancel); i < s->cancel; i++)
			oc_ctx_cancel(s->ctx);
	return 0;
}

/* ------------------------------------------------------------------- runs */

static struct oc_ctx *ctx_new(void)
{
	return oc_ctx_new(2, 0);
}

/* sieve, quota, talk, count over n rows; the model's order of replies by seed. */
struct setup {
	struct stream s;
	struct toy toys[4];
	struct toy_llm llm;
	struct oc_step_run steps[4];
	struct oc_pass pass;
};

static void setup(struct setup *u, struct oc_ctx *ctx, uint64_t n, unsigned threads, uint64_t seed)
{
	static const struct oc_stage_def *const defs[] = {&sieve, &quota, &talk, &count_stage};

	memset(u, 0, sizeof *u);
	u->s = (struct stream){.n = n, .ctx = ctx};
	toy_llm_init(&u->llm, seed);
	for (int i = 0; i < 4; i++) {
		u->toys[i].fail_at = -1;
		u->steps[i] = (struct oc_step_run){.def = defs[i],
		                                   .self = &u->toys[i],
		                                   .name = defs[i]->name,
		                                   .llm = &u->llm.base};
	}
	u->pass = (struct oc_pass){.ctx = ctx,
	                           .steps = u->steps,
	                           .step_n = 4,
	                           .threads = threads,
	                           .user = &u->s,
	                           .feed = feed,
	                           .encode = encode,
	                           .emit = emit};
}

static void setup_fini(struct setup *u)
{
	oc_buf_fini(&u->s.out);
	oc_buf_fini(&u->s.states);
	toy_llm_fini(&u->llm);
}

static void same_bytes_at_any_thread_count(void **state)
{
	static const unsigned threads[] = {1, 2, 5, 5, 2};
	struct oc_ctx *ctx = ctx_new();
	struct setup first, u;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct oc_err err = {0};
		setup(&u, ctx, 20000, threads[i], i);
		u.pass.parse = parse;
		assert_int_equal(oc_pass_run(&u.pass, &err), 0);
		assert_int_equal(u.s.emitted, 20000);
		assert_int_equal(u.s.parsed, 20000); /* once a row, whatever steps there are */
		assert_int_equal(u.llm.open_n, 0);
		if (i == 0) {
			first = u;
			continue;
		}
		assert_int_equal(u.s.out.len, first.s.out.len);
		assert_memory_equal(u.s.out.p, first.s.out.p, first.s.out.len);
		assert_int_equal(u.s.states.len, first.s.states.len);
		assert_memory_equal(u.s.states.p, first.s.states.p, first.s.states.len);
		setup_fini(&u);
	}
	/* The chain did what it says: look at a few rows. */
	struct oc_str out = oc_buf_view(&first.s.out);
	assert_true(oc_str_find(out, OC_LIT("0 {\"n\":3}[]\n")) >= 0); /* test row: untouched */
	assert_true(oc_str_find(out, OC_LIT("1 {\"n\":5}[{\"stage\":\"read\"")) >= 0);
	assert_true(oc_str_find(out, OC_LIT("1 {\"n\":7}[{\"stage\":\"sieve\"")) >= 0);
	assert_true(oc_str_find(out, OC_LIT("{\"n\":10,\"five\":true,\"count\":")) >= 0);
	assert_true(oc_str_find(out, OC_LIT("\"rule\":\"full\"")) >= 0);
	assert_true(oc_str_find(out, OC_LIT(":same:2:")) >= 0); /* a third round took place */
	setup_fini(&first);
	oc_ctx_free(ctx);
}

/* Without call stages the batches in flight are bounded; with one the model's window is filled. */
static void flight_is_bounded(void **state)
{
	struct oc_ctx *ctx = ctx_new();

	(void)state;
	for (unsigned threads = 1; threads <= 3; threads++) {
		struct oc_err err = {0};
		struct setup u;
		setup(&u, ctx, 30000, threads, 1);
		u.pass.step_n = 2;
		assert_int_equal(oc_pass_run(&u.pass, &err), 0);
		assert_true(u.s.most_in_flight <= 2 * threads + 2);
		setup_fini(&u);

		setup(&u, ctx, 30000, threads, 1);
		assert_int_equal(oc_pass_run(&u.pass, &err), 0);
		assert_true(u.llm.most >= 400); /* the window is 100 rows, two questions each */
		assert_true(u.llm.most <= 2 * 1600 + 2 * 40);
		setup_fini(&u);
	}
	oc_ctx_free(ctx);
}

static void no_stages_and_no_rows(void **state)
{
	struct oc_ctx *ctx = ctx_new();
	struct oc_err err = {0};
	struct setup u;

	(void)state;
	setup(&u, ctx, 0, 2, 1);
	assert_int_equal(oc_pass_run(&u.pass, &err), 0);
	assert_int_equal(u.s.emitted, 0);
	setup_fini(&u);
	setup(&u, ctx, 100, 2, 1);
	u.pass.step_n = 0;
	u.pass.steps = NULL;
	u.pass.encode = NULL;
	u.pass.emit = NULL;
	assert_int_equal(oc_pass_run(&u.pass, &err), 0);
	assert_int_equal(u.s.next, 100);
	setup_fini(&u);
	oc_ctx_free(ctx);
}

/* An error anywhere: the same one at any thread count; what was emitted ends just before it. */
static void errors_in_every_place(void **state)
{
	static const char *const wheres[] = {"feed",  "parse", "encode", "emit",
	                                     "sieve", "quota", "talk"};
	struct oc_ctx *ctx = ctx_new();

	(void)state;
	for (int place = 0; place < 7; place++) {
		uint64_t emitted = 0;
		for (unsigned threads = 1; threads <= 5; threads += 2) {
			struct oc_err err = {0};
			struct setup u;
			setup(&u, ctx, 5000, threads, threads);
			int64_t at = place == 6 ? 1207 : 1206; /* live at that step, no test row */
			if (place < 4) {
				u.s.fail = (enum place)(FEED + place);
				u.s.fail_at = at;
				u.pass.parse = parse;
			} else {
				u.toys[place - 4].fail_at = at;
			}
			/* A second, later mistake must never win. */
			u.toys[2].seen[0] = 4001;
			assert_int_equal(oc_pass_run(&u.pass, &err), -1);
			if (err.code != OC_INPUT)
				fail_msg("%s, %u threads: %s: %s", wheres[place], threads,
				         err.where, err.msg);
			assert_string_equal(err.msg,
			                    place == 6 ? "row 1207 is bad" : "row 1206 is bad");
			if (place >= 4)
				assert_non_null(strstr(err.where, wheres[place]));
			assert_true(u.s.emitted <= 1207 && u.s.emitted > 1206 - 41);
			if (threads == 1)
				emitted = u.s.emitted;
			assert_int_equal(u.s.emitted, emitted);
			setup_fini(&u);
		}
	}
	oc_ctx_free(ctx);
}

static void errors_of_the_model(void **state)
{
	struct oc_ctx *ctx = ctx_new();

	(void)state;
	/* The first or the second request of a row is refused, and answered all the same. */
	for (int place = -9; place < 3; place++)
		for (unsigned threads = 1; threads <= 2; threads++) {
			struct oc_err err = {0};
			struct setup u;
			setup(&u, ctx, 5000, threads, 3);
			if (place <= 0)
				u.llm.fail_submit = (uint64_t)(700 + place);
			else if (place == 1)
				u.llm.fail_next = 700;
			else
				u.toys[2].seen[0] = 1207;
			assert_int_equal(oc_pass_run(&u.pass, &err), -1);
			assert_int_equal(err.code, place == 2 ? OC_FAILURES : OC_NET);
			assert_true(u.s.emitted < 5000);
			setup_fini(&u);
		}
	oc_ctx_free(ctx);
}

static void cancel_drains_and_cancel_twice_drops(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 5; threads += 2)
		for (int cancel = 1; cancel <= 2; cancel++)
			for (unsigned step_n = 2; step_n <= 4; step_n += 2) {
				struct oc_ctx *ctx = ctx_new();
				struct oc_err err = {0};
				struct setup u;
				setup(&u, ctx, 20000, threads, 1);
				u.pass.step_n = step_n;
				u.s.cancel_at = 3000;
				u.s.cancel = cancel;
				assert_int_equal(oc_pass_run(&u.pass, &err), -1);
				assert_int_equal(err.code, OC_CANCELLED);
				assert_true(u.s.emitted >= 3000 && u.s.emitted < 20000);
				if (cancel == 1 && step_n == 2)
					assert_int_equal(u.s.emitted, u.s.next); /* drained */
				/* A prefix of the whole output. */
				struct oc_ctx *calm = ctx_new();
				struct setup w;
				struct oc_err none = {0};
				setup(&w, calm, 20000, 2, 2);
				w.pass.step_n = step_n;
				assert_int_equal(oc_pass_run(&w.pass, &none), 0);
				assert_memory_equal(u.s.out.p, w.s.out.p, u.s.out.len);
				setup_fini(&u);
				setup_fini(&w);
				oc_ctx_free(ctx);
				oc_ctx_free(calm);
			}
}

/* Rows whose requests were abandoned are not emitted as if they had been answered. */
static void stopped_replies_end_the_prefix(void **state)
{
	struct oc_ctx *ctx = ctx_new();
	struct oc_err err = {0};
	struct setup u, w;

	(void)state;
	setup(&u, ctx, 20000, 2, 1);
	u.llm.stop_after = 2000;
	assert_int_equal(oc_pass_run(&u.pass, &err), -1);
	assert_int_equal(err.code, OC_CANCELLED);
	assert_true(u.s.emitted < 20000);
	struct oc_err none = {0};
	setup(&w, ctx, 20000, 2, 2);
	assert_int_equal(oc_pass_run(&w.pass, &none), 0);
	assert_true(u.s.out.len > 0);
	assert_memory_equal(u.s.out.p, w.s.out.p, u.s.out.len);
	setup_fini(&u);
	setup_fini(&w);
	oc_ctx_free(ctx);
}

/* One worker serves two call stages whose replies come slowly. */
static void two_call_stages_on_one_thread(void **state)
{
	struct oc_ctx *ctx = ctx_new();
	struct setup u, w;
	struct oc_err err = {0};

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct setup *v = k ? &w : &u;
		struct toy_llm other;
		setup(v, ctx, 4000, k ? 4 : 1, (uint64_t)k);
		toy_llm_init(&other, (uint64_t)k + 7);
		v->steps[0] = v->steps[2];
		v->steps[0].llm = &other.base;
		v->steps[0].name = "talk0";
		assert_int_equal(oc_pass_run(&v->pass, &err), 0);
		assert_int_equal(v->s.emitted, 4000);
		toy_llm_fini(&other);
	}
	assert_int_equal(u.s.out.len, w.s.out.len);
	assert_memory_equal(u.s.out.p, w.s.out.p, u.s.out.len);
	setup_fini(&u);
	setup_fini(&w);
	oc_ctx_free(ctx);
}

/* Whole stages: the number seen by observe is the number apply is given by the leg. */
static void observe_and_apply_agree(void **state)
{
	struct oc_buf outs[2] = {{0}, {0}};

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct oc_ctx *ctx = ctx_new();
		struct oc_err err = {0};
		struct setup u;
		char dir[] = "/tmp/oc-pass-XXXXXX";
		assert_non_null(mkdtemp(dir));
		setup(&u, ctx, 3000, k ? 4 : 1, 1);
		struct oc_spill *spill = oc_spill_open(ctx, dir, "list", 2, 1 << 20, &err);
		assert_non_null(spill);
		u.steps[2] = (struct oc_step_run){.def = &list,
		                                  .self = &u.toys[2],
		                                  .name = "list",
		                                  .role = OC_OBSERVE,
		                                  .spill = spill};
		u.pass.step_n = 3;
		char legs[64];
		snprintf(legs, sizeof legs, "%s/leg1", dir);
		u.s.leg = oc_leg_create(legs, 0, &err);
		assert_non_null(u.s.leg);
		assert_int_equal(oc_pass_run(&u.pass, &err), 0);
		assert_int_equal(oc_leg_finish(u.s.leg, &err), 0);

		struct oc_str pairs;
		assert_int_equal(oc_spill_map(spill, 0, &pairs, &err), 0);
		uint64_t n = oc_spill_len(spill, 1);
		assert_int_equal(pairs.len, n * 16);
		for (uint64_t i = 1; i < n; i++) /* in row order */
			assert_true(((const int64_t *)(uintptr_t)pairs.p)[2 * i] >
			            ((const int64_t *)(uintptr_t)pairs.p)[2 * i - 2]);

		struct setup v;
		setup(&v, ctx, 0, k ? 4 : 1, 1);
		v.toys[2].seen[0] = (uint64_t)(uintptr_t)pairs.p;
		v.steps[0] = (struct oc_step_run){
			.def = &list, .self = &v.toys[2], .name = "list", .role = OC_APPLY};
		v.pass.step_n = 2;
		assert_int_equal(oc_leg_open(&v.s.from, legs, &err), 0);
		assert_int_equal(oc_pass_run(&v.pass, &err), 0);
		assert_int_equal(v.s.emitted, oc_leg_rows(v.s.from));
		assert_true(oc_str_find(oc_buf_view(&v.s.out), OC_LIT("\"third\"")) >= 0);
		oc_leg_close(v.s.from);
		outs[k] = v.s.out;
		v.s.out = (struct oc_buf){0};
		oc_spill_close(spill);
		setup_fini(&u);
		setup_fini(&v);
		char command[96];
		snprintf(command, sizeof command, "rm -r %s", dir);
		assert_int_equal(system(command), 0);
		oc_ctx_free(ctx);
	}
	assert_int_equal(outs[0].len, outs[1].len);
	assert_memory_equal(outs[0].p, outs[1].p, outs[0].len);
	oc_buf_fini(&outs[0]);
	oc_buf_fini(&outs[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_bytes_at_any_thread_count),
		cmocka_unit_test(flight_is_bounded),
		cmocka_unit_test(no_stages_and_no_rows),
		cmocka_unit_test(errors_in_every_place),
		cmocka_unit_test(errors_of_the_model),
		cmocka_unit_test(cancel_drains_and_cancel_twice_drops),
		cmocka_unit_test(stopped_replies_end_the_prefix),
		cmocka_unit_test(two_call_stages_on_one_thread),
		cmocka_unit_test(observe_and_apply_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
