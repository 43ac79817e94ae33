/* The local model: sampling against closed forms; and, where library and model are installed, the
 * real thing through oc_llm_def. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/helper.h"
#include "base/rng.h"
#include "cli/helpers.h"
#include "data/opts.h"
#include "llm/gguf.h"
#include "llm/gguf_file.h"
#include "llm/llama_sample.h"

/* ----------------------------------------------------------------- sampling */

static void test_exp(void **state)
{
	(void)state;
	for (int i = 0; i < 20001; i++) {
		double x = -i * 0.0351, y;
		oc_exp_each(&x, &y, 1);
		if (x < -690)
			assert_true(y == 0);
		else
			assert_true(fabs(y - exp(x)) <= 1e-12 * exp(x));
	}
}

#define VOCAB 1001
#define DRAWS 40000

/* Draws many tokens and compares each frequency with its probability (5 standard errors). */
static void check_law(const float *logits, const struct oc_sample_opts *o,
                      const struct oc_token_counts *counts, const double *p)
{
	struct oc_sampler *s = oc_sampler_new(VOCAB);
	uint32_t seen[VOCAB] = {0};
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, 11, "test");
	oc_draws_init(&d, &rng, 0);
	for (int i = 0; i < DRAWS; i++)
		seen[oc_sampler_draw(s, logits, o, counts, oc_draw_unit(&d))]++;
	for (int i = 0; i < VOCAB; i++) {
		double se = sqrt(p[i] * (1 - p[i]) * DRAWS);
		assert_true(fabs(seen[i] - p[i] * DRAWS) <= 5 * se + 1);
		if (p[i] == 0)
			assert_int_equal(seen[i], 0);
	}
	oc_sampler_free(s);
}

/* Probabilities at a temperature, of the tokens i with keep[i]. */
static void law(const float *logits, double t, const bool *keep, double *p)
{
	double sum = 0;

	for (int i = 0; i < VOCAB; i++)
		sum += p[i] = !keep || keep[i] ? exp((double)logits[i] / t) : 0;
	for (int i = 0; i < VOCAB; i++)
		p[i] /= sum;
}

static void test_sampling(void **state)
{
	float logits[VOCAB];
	double p[VOCAB];
	bool keep[VOCAB];
	struct oc_token_counts none = {0}, some = {0};
	struct oc_sample_opts o = {.temperature = 1, .top_p = 1};

	(void)state;
	for (int i = 0; i < VOCAB; i++) /* 613 is prime to 1001: a permutation of the ranks */
		logits[(i * 613) % VOCAB] = -0.3f * (float)i;
	law(logits, 1, NULL, p);
	check_law(logits, &o, &none, p);
	o.temperature = 2.5;
	law(logits, 2.5, NULL, p);
	check_law(logits, &o, &none, p);

	o.temperature = 1;
	o.top_k = 3;
	for (int i = 0; i < VOCAB; i++)
		keep[(i * 613) % VOCAB] = i < 3;
	law(logits, 1, keep, p);
	check_law(logits, &o, &none, p);

	/* rank i has mass q(1-q)^i with 1-q = exp(-.3): the first 7 ranks hold .878, 8 hold .909 */
	o.top_k = 0;
	o.top_p = 0.9;
	for (int i = 0; i < VOCAB; i++)
		keep[(i * 613) % VOCAB] = i < 8;
	law(logits, 1, keep, p);
	check_law(logits, &o, &none, p);

	/* exp(-.3 i) >= .2 up to i = 5 */
	o.top_p = 1;
	o.min_p = 0.2;
	for (int i = 0; i < VOCAB; i++)
		keep[(i * 613) % VOCAB] = i < 6;
	law(logits, 1, keep, p);
	check_law(logits, &o, &none, p);

	/* penalties and bias move logits before anything else */
	o.min_p = 0;
	o.presence = 0.5;
	o.frequency = 0.25;
	struct oc_token_bias bias[] = {{613 % VOCAB, 2.0}};
	o.bias = bias;
	o.bias_n = 1;
	oc_token_counts_add(&some, 0);
	oc_token_counts_add(&some, 0);
	oc_token_counts_add(&some, 613);
	float moved[VOCAB];
	memcpy(moved, logits, sizeof moved);
	moved[0] -= 0.5f + 2 * 0.25f;
	moved[613] += 2.0f - 0.75f;
	law(moved, 1, NULL, p);
	check_law(logits, &o, &some, p);
	oc_token_counts_fini(&some);

	/* temperature 0: the likeliest, ties to the lowest id, whatever the number drawn */
	struct oc_sampler *s = oc_sampler_new(VOCAB);
	struct oc_sample_opts greedy = {.top_p = 1};
	logits[700] = logits[400] = 9;
	assert_int_equal(oc_sampler_draw(s, logits, &greedy, &none, 0.999), 400);
	/* the ends of the unit interval stay inside the vocabulary */
	struct oc_sample_opts plain = {.temperature = 1, .top_p = 1};
	assert_in_range(oc_sampler_draw(s, logits, &plain, &none, 0), 0, VOCAB - 1);
	assert_in_range(oc_sampler_draw(s, logits, &plain, &none, 1 - 0x1p-53), 0, VOCAB - 1);
	logits[3] = NAN;
	assert_in_range(oc_sampler_draw(s, logits, &plain, &none, 0.5), 0, VOCAB - 1);
	oc_sampler_free(s);
}

/* ------------------------------------------------------------------ backend */

#define MODEL "smollm2-135m-instruct"

struct rig {
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	const struct oc_llm_def *def;
	void *self;
	struct oc_llm_host host;
	pthread_mutex_t lock;
	pthread_cond_t change;
	uint32_t sent_n, done_n;
	char log[8192];
};

static void on_log(void *user, int level, const char *text)
{
	struct rig *r = user;

	(void)level;
	pthread_mutex_lock(&r->lock);
	strncat(r->log, text, sizeof r->log - strlen(r->log) - 2);
	strcat(r->log, "\n");
	pthread_mutex_unlock(&r->lock);
}

static int on_sent(void *user, struct oc_exchange *x)
{
	struct rig *r = user;

	(void)x;
	pthread_mutex_lock(&r->lock);
	r->sent_n++;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

static void on_done(void *user, struct oc_exchange *x)
{
	struct rig *r = user;

	pthread_mutex_lock(&r->lock);
	x->user = r; /* done */
	r->done_n++;
	pthread_cond_broadcast(&r->change);
	pthread_mutex_unlock(&r->lock);
}

static int rig_open(struct rig *r, const char *opts, struct oc_err *err)
{
	memset(r, 0, sizeof *r);
	r->ctx = oc_ctx_new(0, 0);
	r->arena = oc_arena_new();
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->change, NULL);
	oc_ctx_log(r->ctx, on_log, r);
	r->def = &oc_llm_gguf;
	r->host = (struct oc_llm_host){r, on_sent, on_done};
	struct oc_env env = {.size = sizeof env,
	                     .ctx = r->ctx,
	                     .name = "small",
	                     .base_dir = ".",
	                     .work_dir = "/tmp"};
	yyjson_val *given = oc_json_parse(r->arena, oc_str(opts), err);
	yyjson_val *full = given ? oc_opts_resolve(r->arena, r->def->options, given, "model gguf",
	                                           NULL, NULL, err)
	                         : NULL;
	return full ? r->def->open(&r->self, &env, full, &r->host, err) : -1;
}

static void rig_close(struct rig *r)
{
	if (r->self)
		r->def->close(r->self);
	oc_arena_free(r->arena);
	oc_ctx_free(r->ctx);
	pthread_cond_destroy(&r->change);
	pthread_mutex_destroy(&r->lock);
}

static bool installed(void)
{
	char path[512];
	struct oc_err err = {0};

	return !oc_gguf_library(NULL, ".", path, &err) && !oc_gguf_model(MODEL, ".", path, &err);
}

static void rig_start(struct rig *r, const char *opts)
{
	struct oc_err err = {0};

	if (!installed()) {
		print_message("no local model: setup/model.sh fetches one\n");
		skip();
	}
	if (rig_open(r, opts, &err))
		fail_msg("%s: %s", err.where, err.msg);
}

static void ask(struct rig *r, struct oc_exchange *x, enum oc_call_kind kind, const char *body,
                uint64_t seed)
{
	struct oc_err err = {0};
	static uint64_t id = 1000;

	*x = (struct oc_exchange){
		.id = id++, .kind = kind, .body = oc_str(body), .max_tokens = 24, .seed = seed};
	assert_int_equal(r->def->submit(r->self, x, &err), 0);
}

static void await(struct rig *r, const struct oc_exchange *x)
{
	pthread_mutex_lock(&r->lock);
	while (!x->user)
		pthread_cond_wait(&r->change, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

/* The text of a reply; the exchange must have gone well. */
static struct oc_str text_of(struct rig *r, const struct oc_exchange *x)
{
	struct oc_err err = {0};

	if (x->status != 200)
		fail_msg("status %d %s %.*s", x->status, x->error, OC_ARG(x->reply));
	yyjson_val *v = oc_json_parse(r->arena, x->reply, &err);
	assert_non_null(v);
	yyjson_val *t =
		oc_json_path(v, x->kind == OC_CALL_CHAT ? OC_LIT("choices.0.message.content")
	                                                : OC_LIT("choices.0.text"));
	assert_non_null(t);
	return oc_json_str(t);
}

static int64_t usage_of(struct rig *r, const struct oc_exchange *x, const char *what)
{
	struct oc_err err = {0};

	return oc_json_get_int(oc_json_get(oc_json_parse(r->arena, x->reply, &err), "usage"), what,
	                       -1);
}

#define SUM_PROMPT                                                                                 \
	"{\"prompt\":\"Each line is one multiplication and its result, written out by a careful "  \
	"clerk for a book of exercises.\\n12 * 34 = 408\\n25 * 31 = 775\\n%s\","                   \
	"\"temperature\":1,\"max_tokens\":20,\"ignore_eos\":true}"

/* One request alone, then among others that share its beginning: the same text, or a warning. */
static void test_neighbours(void **state)
{
	struct rig r;
	struct oc_exchange alone, again, other, x[11];
	char body[11][512];

	(void)state;
	rig_start(&r, "{\"path\":\"" MODEL "\",\"slots\":4,\"context\":256}");
	for (int i = 0; i < 11; i++) {
		char mid[32];
		snprintf(mid, sizeof mid, "%d * %d =", 11 + 7 * i, 90 - 3 * i);
		snprintf(body[i], sizeof body[i], SUM_PROMPT, i == 5 ? "" : mid);
	}
	ask(&r, &alone, OC_CALL_COMPLETION, body[5], 77);
	await(&r, &alone);
	for (int i = 0; i < 11; i++)
		ask(&r, &x[i], OC_CALL_COMPLETION, body[i], i == 5 ? 77 : 1000 + (uint64_t)i);
	for (int i = 0; i < 11; i++)
		await(&r, &x[i]);
	ask(&r, &again, OC_CALL_COMPLETION, body[5], 77);
	ask(&r, &other, OC_CALL_COMPLETION, body[5], 78);
	await(&r, &again);
	await(&r, &other);
	struct oc_str text = text_of(&r, &alone);
	bool equal = strstr(r.log, "batch-invariant") != NULL;
	assert_true(equal || strstr(r.log, "batch-dependent"));
	if (equal) {
		assert_true(oc_str_eq(text, text_of(&r, &x[5])));
		assert_true(oc_str_eq(text, text_of(&r, &again)));
		assert_false(oc_str_eq(text, text_of(&r, &other)));
	}
	assert_int_equal(usage_of(&r, &alone, "completion_tokens"), 20);
	assert_int_equal(r.sent_n, 14);
	assert_int_equal(r.done_n, 14);
	/* a prompt that is written once and asked in many ways differs only at its end */
	assert_true(usage_of(&r, &alone, "prompt_tokens") > 40);
	for (int i = 0; i < 11; i++)
		free((void *)(uintptr_t)x[i].reply.p);
	free((void *)(uintptr_t)alone.reply.p);
	free((void *)(uintptr_t)again.reply.p);
	free((void *)(uintptr_t)other.reply.p);
	rig_close(&r);
}

static void check_refused(struct rig *r, enum oc_call_kind kind, const char *body, const char *says)
{
	struct oc_exchange x;

	ask(r, &x, kind, body, 1);
	await(r, &x);
	assert_int_equal(x.status, 400);
	if (!memmem(x.reply.p, x.reply.len, says, strlen(says)))
		fail_msg("%.*s does not say %s", OC_ARG(x.reply), says);
	free((void *)(uintptr_t)x.reply.p);
}

static void test_requests(void **state)
{
	struct rig r;
	struct oc_exchange x;
	bool exact;

	(void)state;
	rig_start(&r, "{\"path\":\"" MODEL "\",\"slots\":2,\"context\":256,\"threads\":1}");
	ask(&r, &x, OC_CALL_CHAT,
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"What is the capital "
	    "of "
	    "France? Answer in one word.\"}],\"temperature\":0,\"max_tokens\":16}",
	    5);
	await(&r, &x);
	assert_true(oc_str_find(text_of(&r, &x), OC_LIT("Paris")) >= 0);
	assert_true(memmem(x.reply.p, x.reply.len, "\"finish_reason\":\"stop\"", 22) != NULL);
	free((void *)(uintptr_t)x.reply.p);

	/* a stop string that no single token holds cuts the text before it */
	ask(&r, &x, OC_CALL_COMPLETION,
	    "{\"prompt\":\"one two three four five six seven\",\"temperature\":0,"
	    "\"max_tokens\":40,\"stop\":[\"ine te\"]}",
	    5);
	await(&r, &x);
	struct oc_str text = text_of(&r, &x);
	assert_true(oc_str_find(text, OC_LIT(" eight n")) == 0);
	assert_int_equal(text.len, 8);
	free((void *)(uintptr_t)x.reply.p);

	check_refused(&r, OC_CALL_CHAT, "{\"messages\":[]}", "messages is empty");
	check_refused(&r, OC_CALL_COMPLETION, "{\"prompt\":\"\"}", "prompt is empty");
	check_refused(&r, OC_CALL_COMPLETION, "{\"prompt\":\"a\",\"max_tokens\":300}",
	              "do not fit the context of 256");
	check_refused(&r, OC_CALL_COMPLETION, "{\"prompt\":\"a\",\"tools\":[]}", "`tools`");
	check_refused(&r, OC_CALL_COMPLETION, "{\"prompt\":\"a\",\"temperature\":-1}",
	              "temperature must be a number from 0 to 100");
	check_refused(&r, OC_CALL_EMBED, "{\"input\":\"a\"}", "no embeddings");
	check_refused(&r, OC_CALL_COMPLETION, "{\"prompt\":", "");
	char *longer = oc_alloc(4000);
	strcpy(longer, "{\"prompt\":\"");
	for (int i = 0; i < 300; i++)
		strcat(longer, " tomorrow");
	strcat(longer, "\"}");
	check_refused(&r, OC_CALL_COMPLETION, longer, "raise `context:`");
	free(longer);

	assert_int_equal(r.def->count(r.self, OC_LIT("one two three"), &exact), 3);
	assert_true(exact);
	assert_memory_equal(r.def->identity(r.self), "gguf:", 5);
	rig_close(&r);
}

/* Finds the child among our own: the only process whose parent we are. */
static pid_t child_of(pid_t parent)
{
	char pattern[64], text[64] = "";
	glob_t found = {0};

	/* Each thread has its own. */
	snprintf(pattern, sizeof pattern, "/proc/%ld/task/*/children", (long)parent);
	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc && !text[0]; i++) {
		FILE *f = fopen(found.gl_pathv[i], "r");
		if (f && !fgets(text, sizeof text, f))
			text[0] = 0;
		if (f)
			fclose(f);
	}
	globfree(&found);
	return (pid_t)strtol(text, NULL, 10);
}

/* The child is killed at work: another takes over, the texts are those of an undisturbed run. */
static void test_child_dies(void **state)
{
	struct rig r;
	struct oc_exchange before, x[3];
	const char *body =
		"{\"prompt\":\"Once upon a time\",\"max_tokens\":24,\"ignore_eos\":true}";

	(void)state;
	rig_start(&r, "{\"path\":\"" MODEL "\",\"slots\":2,\"context\":256}");
	ask(&r, &before, OC_CALL_COMPLETION, body, 9);
	await(&r, &before);
	for (uint64_t i = 0; i < 3; i++)
		ask(&r, &x[i], OC_CALL_COMPLETION, body, 9 + i);
	usleep(20000);
	pid_t pid = child_of(getpid());
	if (pid)
		kill(pid, SIGKILL);
	for (int i = 0; i < 3; i++)
		await(&r, &x[i]);
	if (strstr(r.log, "batch-invariant"))
		assert_true(oc_str_eq(text_of(&r, &before), text_of(&r, &x[0])));
	if (pid) {
		assert_non_null(strstr(r.log, "signal 9"));
		assert_int_equal(x[2].attempts, 2);
	}
	for (int i = 0; i < 3; i++)
		free((void *)(uintptr_t)x[i].reply.p);
	free((void *)(uintptr_t)before.reply.p);
	rig_close(&r);
}

/* A child that dies whatever is done: the run ends, and what nobody was asked has not failed. */
static void test_child_dies_always(void **state)
{
	struct rig r;
	struct oc_exchange x[12];
	const char *body =
		"{\"prompt\":\"Once upon a time\",\"max_tokens\":200,\"ignore_eos\":true}";
	uint32_t dead = 0, failed = 0;

	(void)state;
	rig_start(&r, "{\"path\":\"" MODEL "\",\"slots\":2,\"context\":256,\"threads\":1}");
	for (uint64_t i = 0; i < 12; i++)
		ask(&r, &x[i], OC_CALL_COMPLETION, body, i);
	for (bool done = false; !done; usleep(10000)) {
		pthread_mutex_lock(&r.lock);
		done = r.done_n == 12;
		bool started = r.sent_n > 0;
		pthread_mutex_unlock(&r.lock);
		pid_t pid = started ? child_of(getpid()) : 0;
		if (pid)
			kill(pid, SIGKILL);
	}
	for (int i = 0; i < 12; i++) {
		assert_int_equal(x[i].status, 0);
		assert_non_null(strstr(x[i].error, "signal 9"));
		assert_true(x[i].dead == x[i].stopped);
		dead += x[i].dead;
		failed += !x[i].stopped;
		assert_true(x[i].stopped || x[i].attempts == 2);
	}
	assert_true(dead > 0);
	assert_int_equal(dead + failed, 12);
	rig_close(&r);
}

/* Every exchange comes back, also those that were never sent. */
static void test_stop_and_close(void **state)
{
	struct rig r;
	struct oc_exchange first, x[12];
	const char *body =
		"{\"prompt\":\"Once upon a time\",\"max_tokens\":200,\"ignore_eos\":true}";
	uint32_t unsent = 0;

	(void)state;
	rig_start(&r, "{\"path\":\"" MODEL "\",\"slots\":2,\"context\":256,\"threads\":1}");
	ask(&r, &first, OC_CALL_COMPLETION, "{\"prompt\":\"a\",\"max_tokens\":1}", 1);
	await(&r, &first); /* the model is there */
	r.sent_n = r.done_n = 0;
	for (uint64_t i = 0; i < 12; i++)
		ask(&r, &x[i], OC_CALL_COMPLETION, body, i);
	usleep(100000);
	r.def->stop(r.self);
	r.def->close(r.self);
	r.self = NULL;
	assert_int_equal(r.done_n, 12);
	for (int i = 0; i < 12; i++) {
		assert_non_null(x[i].user);
		unsent += !x[i].sent;
		assert_true(x[i].stopped == (x[i].status == 0)); /* asked again later, not failed */
		if (!x[i].sent)
			assert_non_null(strstr(x[i].error, "not sent"));
		free((void *)(uintptr_t)x[i].reply.p);
	}
	assert_int_equal(unsent, 12 - r.sent_n);
	assert_in_range(r.sent_n, 1, 8);
	free((void *)(uintptr_t)first.reply.p);
	rig_close(&r);
}

static void check_no_open(const char *opts, int code, const char *says)
{
	struct rig r;
	struct oc_err err = {0};

	assert_int_equal(rig_open(&r, opts, &err), -1);
	if (err.code != code || !(strstr(err.msg, says) || strstr(err.where, says)))
		fail_msg("%s: %s: %s", oc_err_name(err.code), err.where, err.msg);
	rig_close(&r);
}

/* What is wrong inside the file shows when the first request starts the child. */
static void check_no_start(const char *opts, int code, const char *says)
{
	struct rig r;
	struct oc_exchange x;
	struct oc_err err = {0};

	assert_int_equal(rig_open(&r, opts, &err), 0);
	ask(&r, &x, OC_CALL_COMPLETION, "{\"prompt\":\"a\",\"max_tokens\":1}", 1);
	await(&r, &x);
	if (x.code != code || !x.dead || x.sent || !strstr(x.error, says))
		fail_msg("%s: %s", oc_err_name(x.code), x.error);
	rig_close(&r);
}

/* Nothing asked, nothing started. */
static void test_idle(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, "{\"path\":\"" MODEL "\"}");
	usleep(50000);
	assert_int_equal(child_of(getpid()), 0);
	assert_non_null(strstr(r.def->identity(r.self), "gguf:"));
	rig_close(&r);
}

static void test_bad_files(void **state)
{
	char dir[] = "/tmp/oc_test_gguf.XXXXXX", path[128], opts[512];
	struct oc_err err = {0};
	Dl_info info;
	double (*any)(double) = cos;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/text.gguf", dir);
	assert_int_equal(oc_file_write(path, "not a model at all", 18, &err), 0);
	snprintf(opts, sizeof opts, "{\"path\":\"%s\"}", path);
	check_no_open(opts, OC_INPUT, "not a GGUF model");
	assert_int_equal(oc_file_write(path, "GGUF\001\0\0\0        ", 16, &err), 0);
	check_no_open(opts, OC_INPUT, "version 1");
	check_no_open("{\"path\":\"/nowhere/model.gguf\"}", OC_MISSING, "no such model file");
	check_no_open("{\"path\":\"no-such-model\"}", OC_MISSING, "doctor --fix");

	/* a whole head and nothing behind it: the library itself must refuse, without a hang */
	assert_int_equal(oc_file_write(path, "GGUF\003\0\0\0        ", 16, &err), 0);
	snprintf(opts, sizeof opts, "{\"path\":\"%s\",\"library\":\"%s\"}", path, dir);
	check_no_open(opts, OC_MISSING, "no libllama");
	char library[512];
	if (!oc_gguf_library(NULL, ".", library, &err)) {
		char plain[512];
		snprintf(plain, sizeof plain, "{\"path\":\"%s\"}", path);
		check_no_start(plain, OC_INPUT, "cannot load this model");
	}

	/* a library that is not llama.cpp, under its name */
	snprintf(path, sizeof path, "%s/libllama.so", dir);
	if (dladdr(*(void **)&any, &info) && info.dli_fname && info.dli_fname[0] == '/') {
		assert_int_equal(symlink(info.dli_fname, path), 0);
		check_no_start(opts, OC_MISSING, "it has no llama_log_set");
		unlink(path);
	}
	assert_int_equal(oc_file_write(path, "junk", 4, &err), 0);
	check_no_start(opts, OC_MISSING, "cannot load the library");
	oc_remove_tree(dir, &err);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exp),
		cmocka_unit_test(test_sampling),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_child_dies),
		cmocka_unit_test(test_child_dies_always),
		cmocka_unit_test(test_stop_and_close),
	};

	if (argc > 1 && strcmp(argv[1], "__helper") == 0)
		return oc_helper_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
