/* Jobs on files: the same bytes at any thread count, ledgers that balance, nothing left behind. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "data/json.h"
#include "pipe/zframes.h"
#include "run/job.h"

static char dir[] = "/tmp/oc-job-XXXXXX";

static const char *in_dir(const char *name, char out[64])
{
	snprintf(out, 64, "%s/%s", dir, name);
	return out;
}

/* 3,000 rows: some short, some repeated, some nearly, some no JSON; white space of their own. */
static int make_input(void **state)
{
	static const char *const words[] = {"river",  "stone", "gives", "light", "seven", "under",
	                                    "winter", "paper", "holds", "green", "voice", "early"};
	struct oc_buf b = {0};
	struct oc_err err = {0};
	struct oc_rng rng;
	char path[64];

	(void)state;
	strcpy(dir, "/tmp/oc-job-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	oc_rng_init(&rng, 4, "job");
	for (uint64_t i = 0; i < 3000; i++) {
		struct oc_draws d;
		/* Every fifth row has the words of an earlier one, with one changed or none. */
		oc_draws_init(&d, &rng, i % 5 ? i : i / 2 + 1);
		uint64_t n = i % 17 ? 20 + oc_draw_below(&d, 20) : 1;
		if (i % 101 == 50) {
			oc_buf_puts(&b, "{\"broken\": \n");
			continue;
		}
		oc_buf_printf(&b,
		              i % 3 ? "{\"id\":%llu, \"text\":\"" : "{\"id\" : %llu,\"text\":\"",
		              (unsigned long long)i);
		for (uint64_t w = 0; w < n; w++)
			oc_buf_printf(&b, "%s ", words[oc_draw_below(&d, 12)]);
		if (i % 10 == 5)
			oc_buf_puts(&b, "again");
		oc_buf_puts(&b, i % 4 ? "\"}\n" : "\", \"n\": 1.50}\r\n");
	}
	int rc = oc_file_write(in_dir("in.jsonl", path), b.p, b.len, &err);
	oc_buf_fini(&b);
	return rc;
}

static int drop_dir(void **state)
{
	struct oc_err err = {0};

	(void)state;
	return oc_remove_tree(dir, &err);
}

static unsigned files_in_dir(void)
{
	unsigned n = 0;
	DIR *d = opendir(dir);

	for (struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

struct files {
	char in[64], out[64], rejected[64], verdicts[64];
	const char *inputs[1];
};

static struct oc_job job_of(struct files *f, struct oc_ctx *ctx)
{
	in_dir("in.jsonl", f->in);
	in_dir("out.jsonl", f->out);
	in_dir("rejected.jsonl", f->rejected);
	in_dir("verdicts.jsonl", f->verdicts);
	f->inputs[0] = f->in;
	return (struct oc_job){.ctx = ctx,
	                       .inputs = f->inputs,
	                       .input_n = 1,
	                       .out = f->out,
	                       .rejected = f->rejected,
	                       .verdicts = f->verdicts,
	                       .force = true};
}

static struct oc_buf slurp(const char *path)
{
	struct oc_buf b = {0};
	struct oc_err err = {0};

	assert_int_equal(oc_file_read(path, 1 << 26, &b, &err), 0);
	return b;
}

static uint64_t lines(const struct oc_buf *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->p[i] == '\n';
	return n;
}

/* Row, ordered and whole stages in one chain: two legs, three passes. */
static void same_bytes_at_any_thread_count(void **state)
{
	static const char *const stages[] = {"words:min=3,field=text", "near_dup:threshold=0.7",
	                                     "exact: {ignore: [id, n]}", "near_dup"};
	static const unsigned threads[] = {1, 2, 5};
	struct oc_buf first[3] = {{0}, {0}, {0}};

	(void)state;
	for (int t = 0; t < 3; t++) {
		struct oc_ctx *ctx = oc_ctx_new(threads[t], 0);
		struct oc_tally tally = {0};
		struct oc_err err = {0};
		struct files f;
		struct oc_job job = job_of(&f, ctx);
		job.stages = stages;
		job.stage_n = 4;
		if (oc_job_run(&job, &tally, &err))
			fail_msg("%s: %s", err.where, err.msg);
		assert_true(oc_tally_balanced(&tally));
		assert_int_equal(tally.in, 3000);
		assert_true(tally.train > 1500 && tally.rejected > 400);
		assert_int_equal(files_in_dir(), 4); /* nothing temporary stays */

		struct oc_buf now[3] = {slurp(f.out), slurp(f.rejected), slurp(f.verdicts)};
		assert_int_equal(lines(&now[0]), tally.train);
		assert_int_equal(lines(&now[1]), tally.rejected);
		for (int k = 0; k < 3; k++) {
			if (t == 0) {
				first[k] = now[k];
				continue;
			}
			assert_int_equal(now[k].len, first[k].len);
			assert_memory_equal(now[k].p, first[k].p, now[k].len);
			oc_buf_fini(&now[k]);
		}
		oc_tally_fini(&tally);
		oc_ctx_free(ctx);
	}
	/* Every row out is a line of the input, byte for byte, in its order. */
	struct files f;
	job_of(&f, NULL);
	struct oc_buf in = slurp(f.in);
	for (const char *p = first[0].p, *from = in.p; p < first[0].p + first[0].len;) {
		size_t len = (size_t)((char *)memchr(p, '\n', 1 << 20) - p);
		const char *hit = memmem(from, (size_t)(in.p + in.len - from), p, len);
		assert_non_null(hit);
		assert_true(hit == in.p || hit[-1] == '\n');
		from = hit + len;
		p += len + 1;
	}
	oc_buf_fini(&in);
	for (int k = 0; k < 3; k++)
		oc_buf_fini(&first[k]);
}

static void verdicts_tell_all(void **state)
{
	static const char *const stages[] = {"words:min=3,field=text", "exact: {ignore: [id, n]}",
	                                     "exact"};
	struct oc_ctx *ctx = oc_ctx_new(2, 0);
	struct oc_tally tally = {0};
	struct oc_err err = {0};
	struct files f;
	struct oc_job job = job_of(&f, ctx);
	struct oc_arena *a = oc_arena_new();
	uint64_t by_stage[4] = {0}, dropped = 0;

	(void)state;
	job.stages = stages;
	job.stage_n = 3;
	assert_int_equal(oc_job_run(&job, &tally, &err), 0);
	struct oc_buf b = slurp(f.verdicts);
	bool head = true;
	for (char *p = b.p; p < b.p + b.len;) {
		char *nl = memchr(p, '\n', (size_t)(b.p + b.len - p));
		yyjson_val *v = oc_json_parse(a, (struct oc_str){p, (size_t)(nl - p)}, &err);
		assert_non_null(v);
		p = nl + 1;
		if (head) {
			yyjson_val *words = yyjson_arr_get(oc_json_get(v, "stages"), 0);
			assert_true(oc_json_get_num(oc_json_get(words, "thresholds"), "too_short",
			                            -1) == 3);
			head = false;
			continue;
		}
		struct oc_str stage = oc_json_get_str(v, "stage");
		by_stage[0] += oc_str_is(stage, "words");
		by_stage[1] += oc_str_is(stage, "exact");
		by_stage[2] += oc_str_is(stage, "exact2");
		by_stage[3] += oc_str_is(stage, "read");
		dropped += oc_str_is(oc_json_get_str(v, "result"), "drop");
		assert_true(yyjson_is_obj(oc_json_get(v, "scores")));
		assert_non_null(oc_json_get(v, "id"));
	}
	assert_int_equal(dropped, tally.rejected);
	assert_int_equal(by_stage[0] + by_stage[3], 3000); /* each row began somewhere */
	assert_int_equal(by_stage[2], tally.train);        /* nothing falls at the last stage */
	assert_true(by_stage[1] > by_stage[2] && by_stage[1] < by_stage[0]);
	oc_buf_fini(&b);
	oc_tally_fini(&tally);
	oc_arena_free(a);
	oc_ctx_free(ctx);
}

static void mistakes_leave_nothing(void **state)
{
	static const struct {
		const char *stage, *out, *in;
		int code;
		const char *says;
	} wrong[] = {
		{"exakt", NULL, NULL, OC_USAGE, "did you mean `exact`"},
		{"words:mim=3", NULL, NULL, OC_USAGE, "min"},
		{"words: {min: 3", NULL, NULL, OC_USAGE, ""},
		{"words: [3]", NULL, NULL, OC_USAGE, ""},
		{"exact", "in.jsonl", NULL, OC_USAGE, "--force"},
		{"exact", "x.csv", NULL, OC_USAGE, ".jsonl"},
		{"exact", "no/such/folder.jsonl", NULL, OC_IO, "folder"},
		{"exact", NULL, "nothing.jsonl", OC_INPUT, "nothing.jsonl"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct oc_ctx *ctx = oc_ctx_new(2, 0);
		struct oc_tally tally = {0};
		struct oc_err err = {0};
		struct files f;
		char out[64], in[64];
		struct oc_job job = job_of(&f, ctx);
		job.force = false;
		job.stages = &wrong[i].stage;
		job.stage_n = 1;
		if (wrong[i].out)
			job.out = in_dir(wrong[i].out, out);
		if (wrong[i].in)
			f.inputs[0] = in_dir(wrong[i].in, in);
		assert_int_equal(oc_job_run(&job, &tally, &err), -1);
		if (err.code != wrong[i].code ||
		    (!strstr(err.msg, wrong[i].says) && !strstr(err.where, wrong[i].says)))
			fail_msg("%s: %s %s: %s", wrong[i].stage, oc_err_name(err.code), err.where,
			         err.msg);
		assert_int_equal(files_in_dir(), 1);
		oc_tally_fini(&tally);
		oc_ctx_free(ctx);
	}
}

static void cancel_now(void *user, const struct oc_tally *tally)
{
	if (tally->in >= 1000)
		oc_ctx_cancel(user);
}

static void a_stopped_job_leaves_nothing(void **state)
{
	static const char *const stages[] = {"exact", "near_dup"};

	(void)state;
	for (unsigned n = 1; n <= 2; n++) {
		struct oc_ctx *ctx = oc_ctx_new(2, 0);
		struct oc_tally tally = {0};
		struct oc_err err = {0};
		struct files f;
		struct oc_job job = job_of(&f, ctx);
		job.stages = stages;
		job.stage_n = n;
		job.user = ctx;
		job.progress = cancel_now;
		assert_int_equal(oc_job_run(&job, &tally, &err), -1);
		assert_int_equal(err.code, OC_CANCELLED);
		assert_int_equal(files_in_dir(), 1);
		oc_tally_fini(&tally);
		oc_ctx_free(ctx);
	}
}

/* A full disk, played by the limit on file size: at every kind of file a job writes. */
static void full_disk(void **state)
{
	static const char *const stages[] = {"words", "near_dup"};
	struct rlimit old, tight;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	(void)state;
	getrlimit(RLIMIT_FSIZE, &old);
	for (unsigned k = 0; k < 4; k++) {
		struct oc_ctx *ctx = oc_ctx_new(2, 0);
		struct oc_tally tally = {0};
		struct oc_err err = {0};
		struct files f;
		struct oc_job job = job_of(&f, ctx);
		job.stages = stages;
		job.stage_n = k == 3 ? 2 : 1;
		job.rejected = k == 1 ? job.rejected : NULL;
		job.verdicts = k == 2 ? job.verdicts : NULL;
		tight = old;
		tight.rlim_cur = 20000;
		setrlimit(RLIMIT_FSIZE, &tight);
		int rc = oc_job_run(&job, &tally, &err);
		setrlimit(RLIMIT_FSIZE, &old);
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, OC_IO);
		assert_int_equal(files_in_dir(), 1);
		oc_tally_fini(&tally);
		oc_ctx_free(ctx);
	}
	signal(SIGXFSZ, handler);
}

static int add_line(void *user, struct oc_str line, struct oc_err *err)
{
	(void)err;
	oc_buf_str(user, line);
	oc_buf_putc(user, '\n');
	return 0;
}

static void compressed_output(void **state)
{
	static const char *const stages[] = {"words:min=3,field=text"};
	struct oc_ctx *ctx = oc_ctx_new(2, 0);
	struct oc_buf plain, unpacked = {0};
	struct files f;
	char zst[64];

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct oc_tally tally = {0};
		struct oc_err err = {0};
		struct oc_job job = job_of(&f, ctx);
		job.stages = stages;
		job.stage_n = 1;
		if (k)
			job.out = in_dir("out.jsonl.zst", zst);
		assert_int_equal(oc_job_run(&job, &tally, &err), 0);
		oc_tally_fini(&tally);
	}
	struct oc_err err = {0};
	plain = slurp(f.out);
	assert_int_equal(oc_zlines_each(zst, add_line, &unpacked, &err), 0);
	assert_int_equal(plain.len, unpacked.len);
	assert_memory_equal(plain.p, unpacked.p, plain.len);
	oc_buf_fini(&plain);
	oc_buf_fini(&unpacked);
	oc_ctx_free(ctx);
}

static void mixes(void **state)
{
	struct oc_ctx *ctx = oc_ctx_new(2, 0);
	struct oc_tally tally = {0};
	struct oc_err err = {0};
	struct files f;
	char other[64];
	struct oc_job job = job_of(&f, ctx);
	const char *inputs[2] = {f.in, in_dir("people.jsonl", other)}, *origin = "people=real";

	(void)state;
	assert_int_equal(oc_file_write(other, "{\"p\":1}\n{\"p\":2}\n{\"p\":3}\n", 24, &err), 0);
	job.inputs = inputs;
	job.input_n = 2;
	job.origins = &origin;
	job.origin_n = 1;
	job.verdicts = NULL;
	job.mix = "rows=20, repeat=4, shares={real: 0.5}";
	if (oc_job_run(&job, &tally, &err))
		fail_msg("%s: %s", err.where, err.msg);
	assert_true(oc_tally_balanced(&tally));
	assert_int_equal(tally.in, 3003);
	assert_int_equal(tally.train, 20);
	assert_int_equal(tally.repeated, 7);
	struct oc_buf b = slurp(f.out);
	uint64_t real = 0, at = 0;
	for (size_t i = 0; i < b.len; i++) {
		real += strncmp(b.p + i, "{\"p\":", 5) == 0;
		at += b.p[i] == '\n';
		if (b.p[i] == '\n') /* half of every prefix, within one row */
			assert_true(2 * real <= at + 2 && 2 * real + 2 >= at);
	}
	assert_int_equal(real, 10);
	oc_buf_fini(&b);
	oc_tally_fini(&tally);

	/* A shortage writes nothing and says what is missing. */
	unlink(f.out);
	tally = (struct oc_tally){0};
	job.mix = "{rows: 20, shares: {real: 0.5}}";
	assert_int_equal(oc_job_run(&job, &tally, &err), -1);
	assert_int_equal(err.code, OC_SHORTAGE);
	assert_non_null(strstr(err.msg, "7 are missing"));
	assert_false(oc_file_exists(f.out));
	oc_tally_fini(&tally);
	oc_ctx_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(same_bytes_at_any_thread_count, make_input,
	                                        drop_dir),
		cmocka_unit_test_setup_teardown(verdicts_tell_all, make_input, drop_dir),
		cmocka_unit_test_setup_teardown(mistakes_leave_nothing, make_input, drop_dir),
		cmocka_unit_test_setup_teardown(a_stopped_job_leaves_nothing, make_input, drop_dir),
		cmocka_unit_test_setup_teardown(full_disk, make_input, drop_dir),
		cmocka_unit_test_setup_teardown(compressed_output, make_input, drop_dir),
		cmocka_unit_test_setup_teardown(mixes, make_input, drop_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
