#include "loop/loop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/pool.h"
#include "base/rng.h"
#include "data/set.h"
#include "loop/words.h"
#include "plan/registry.h"

#define HELD_ENOUGH 200 /* held-out texts below which nothing is compared */
#define CLEAR       3.0 /* standard errors that make a difference */
#define SAID_WORDS  24u /* words of a continuation */
#define START_BYTES 4u  /* a start word that tells something is at least so long */

const struct oc_option oc_loop_options[] = {
	{.key = "model", .type = OC_OPT_STR, .def = "ngram", .help = "the model that is fitted"},
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "",
         .help = "the field that is learned; empty: all strings of a row"},
	{.key = "order",
         .type = OC_OPT_INT,
         .def = "3",
         .help = "of the n-gram model",
         .unit = "tokens",
         .min = 2,
         .max = 5},
	{.key = "discount",
         .type = OC_OPT_NUM,
         .help = "of the n-gram model; left out: estimated from the counts",
         .min = 0,
         .max = 1},
	{.key = "loops",
         .type = OC_OPT_STRS,
         .def = "[replace, fixed, accumulate]",
         .help = "which of replace, fixed and accumulate are run"},
	{.key = "generations",
         .type = OC_OPT_INT,
         .def = "10",
         .help = "models fitted one after the other",
         .unit = "generations",
         .min = 1,
         .max = 1000},
	{.key = "temperature",
         .type = OC_OPT_NUM,
         .def = "1",
         .help = "at which the models write; below 1 they prefer the likely",
         .min = 0.05,
         .max = 100},
	{.key = "real_share",
         .type = OC_OPT_NUM,
         .def = "0.5",
         .help = "share of real texts in every training set of the loop `fixed`",
         .min = 0,
         .max = 1},
	{.key = "runs",
         .type = OC_OPT_INT,
         .def = "3",
         .help = "repetitions with other random numbers, for the spread",
         .unit = "runs",
         .min = 1,
         .max = 100000},
	{.key = "start",
         .type = OC_OPT_STR,
         .help = "a word that generations 1, 3 and the last continue; left out: the commonest "
                 "long first word"},
	{0},
};

static const char *const kind_names[OC_LOOP_KINDS] = {"replace", "fixed", "accumulate"};

const char *oc_loop_kind_name(enum oc_loop_kind kind)
{
	return kind_names[kind];
}

const char *oc_loop_verdict_name(enum oc_loop_verdict verdict)
{
	static const char *const names[] = {"cannot tell", "falls", "settles", "improves"};
	return names[verdict];
}

/* One run of one arm at one generation. */
struct sight {
	double survivors, distinct, simpson, loss;
};

struct conductor {
	struct oc_ctx *ctx;
	const struct oc_model_def *def;
	yyjson_val *opts;
	uint64_t seed;
	struct oc_loop_result *r;
	struct oc_vocab vocab;
	struct oc_set real, held;
	bool *wanted; /* (vocabulary) occurs in the held-out texts, and is a word */
	uint32_t len_max;
	uint32_t start;        /* id, or UINT32_MAX */
	struct sight *sights;  /* (arm, run, generation) */
	struct oc_err *errors; /* (arm, run) */
};

/* ------------------------------------------------------------------ reading */

static int read_texts(struct conductor *c, const struct oc_texts *texts, struct oc_set *set,
                      struct oc_err *err)
{
	struct oc_tokens t = {0};
	struct oc_str text, token;
	int got;

	while ((got = texts->next(texts->user, &text, err)) > 0) {
		uint64_t before = t.token_n;
		while (oc_word_next(&text, &token))
			oc_tokens_add(&t, oc_vocab_id(&c->vocab, token));
		if (t.token_n > before) /* a text without words teaches nothing */
			oc_tokens_end(&t);
	}
	*set = oc_tokens_take(&t, 0);
	return got;
}

/* The commonest first word of at least START_BYTES; ties to the one met first. */
static uint32_t choose_start(const struct conductor *c)
{
	uint32_t *count = oc_zalloc(c->vocab.n, sizeof *count), best = UINT32_MAX;

	for (uint64_t i = 0; i < c->real.item_n; i++)
		count[c->real.tokens[c->real.starts[i]]]++;
	for (uint32_t w = 0; w < c->vocab.n; w++)
		if (count[w] && c->vocab.counted[w] && c->vocab.word[w].len >= START_BYTES &&
		    (best == UINT32_MAX || count[w] > count[best]))
			best = w;
	free(count);
	return best;
}

static int prepare(struct conductor *c, const struct oc_texts *real, const struct oc_texts *held,
                   struct oc_err *err)
{
	struct oc_loop_result *r = c->r;

	if (read_texts(c, real, &c->real, err) < 0)
		return -1;
	uint32_t known = c->vocab.n;
	if (read_texts(c, held, &c->held, err) < 0)
		return -1;
	if (!c->real.item_n || !c->held.item_n)
		return oc_fail(err, OC_INPUT, "rehearse",
		               "%s have no words: a rehearsal needs real texts to learn from and "
		               "held-out ones to be judged by",
		               c->real.item_n ? "the held-out texts" : "the real texts");
	c->real.dim = c->held.dim = c->vocab.n;
	c->wanted = oc_zalloc(c->vocab.n, sizeof *c->wanted);
	for (uint64_t k = 0; k < c->held.starts[c->held.item_n]; k++)
		c->wanted[c->held.tokens[k]] = c->vocab.counted[c->held.tokens[k]];
	for (uint32_t w = 0; w < c->vocab.n; w++) {
		r->held_words += c->wanted[w];
		r->held_known += c->wanted[w] && w < known;
		r->real_words += w < known && c->vocab.counted[w];
	}
	r->real_n = c->real.item_n;
	r->held_n = c->held.item_n;
	for (uint64_t i = 0; i < c->real.item_n; i++) {
		uint64_t len = c->real.starts[i + 1] - c->real.starts[i];
		if (len > c->len_max)
			c->len_max = (uint32_t)len;
	}
	struct oc_str start = oc_json_get_str(c->opts, "start"), token;
	c->start = UINT32_MAX;
	if (start.len) {
		if (oc_word_next(&start, &token))
			c->start = oc_vocab_find(&c->vocab, token);
		if (c->start == UINT32_MAX || c->start >= known)
			return oc_fail(err, OC_PLAN, "rehearse: start",
			               "`%.*s` is in no real text: choose a word that is",
			               OC_ARG(oc_json_get_str(c->opts, "start")));
	} else {
		c->start = choose_start(c);
	}
	if (c->start != UINT32_MAX)
		r->start = oc_strdup(c->vocab.word[c->start].p);
	return 0;
}

/* ----------------------------------------------------------------- one chain */

/* What is counted in a set of texts. `count` (vocabulary) is work space. */
static void look(const struct conductor *c, const struct oc_set *s, uint64_t *count,
                 struct sight *out)
{
	uint64_t n = s->item_n ? s->starts[s->item_n] : 0, words = 0;
	double squares = 0;

	memset(count, 0, c->vocab.n * sizeof *count);
	for (uint64_t k = 0; k < n; k++)
		count[s->tokens[k]]++;
	*out = (struct sight){.loss = NAN};
	for (uint32_t w = 0; w < c->vocab.n; w++) {
		if (!count[w] || !c->vocab.counted[w])
			continue;
		words += count[w];
		squares += (double)count[w] * (double)count[w];
		out->distinct++;
		out->survivors += c->wanted[w];
	}
	out->simpson = words ? 1 - squares / ((double)words * (double)words) : 0;
}

static int loss_of(const struct conductor *c, void *model, double *loss, struct oc_err *err)
{
	double *nats = oc_alloc(c->held.item_n * sizeof *nats), sum = 0;
	int status = c->def->score(model, &c->held, nats, err);

	for (uint64_t i = 0; !status && i < c->held.item_n; i++)
		sum += nats[i];
	*loss = sum / (double)(c->held.starts[c->held.item_n] + c->held.item_n);
	free(nats);
	return status;
}

/* The generation's training texts, from the real ones and what was written so far. */
static struct oc_set training(const struct conductor *c, enum oc_loop_kind kind,
                              const struct oc_set *kept, const struct oc_set *last,
                              struct oc_tokens *pool)
{
	struct oc_tokens t = {0};

	if (kind == OC_LOOP_ACCUMULATE) {
		oc_tokens_items(pool, last);
		return (struct oc_set){.size = sizeof(struct oc_set),
		                       .kind = OC_SET_TOKENS,
		                       .item_n = pool->item_n,
		                       .dim = c->vocab.n,
		                       .tokens = pool->tokens,
		                       .starts = pool->starts};
	}
	if (kind == OC_LOOP_FIXED)
		oc_tokens_items(&t, kept);
	oc_tokens_items(&t, last);
	return oc_tokens_take(&t, c->vocab.n);
}

/* real_share x n real texts, chosen once a run without replacement, in their order. */
static struct oc_set keep_real(const struct conductor *c, const char *stream)
{
	uint64_t n = c->real.item_n, want = (uint64_t)(c->r->real_share * (double)n + 0.5);
	struct oc_tokens t = {0};
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, c->seed, stream);
	oc_draws_init(&d, &rng, 0);
	for (uint64_t i = 0; i < n && want; i++) {
		if (oc_draw_below(&d, n - i) >= want)
			continue;
		want--;
		for (uint64_t k = c->real.starts[i]; k < c->real.starts[i + 1]; k++)
			oc_tokens_add(&t, c->real.tokens[k]);
		oc_tokens_end(&t);
	}
	return oc_tokens_take(&t, c->vocab.n);
}

static int continue_start(const struct conductor *c, struct oc_loop_arm *arm, uint32_t generation,
                          void *model, const struct oc_set *trained, struct oc_err *err)
{
	struct oc_sampling how = {.size = sizeof how,
	                          .item_n = 1,
	                          .bias = 1,
	                          .temperature = c->r->temperature,
	                          .max_len = SAID_WORDS,
	                          .seed = c->seed,
	                          .stream = "loop.start",
	                          .start = &c->start,
	                          .start_n = 1};
	struct oc_loop_said *said = &arm->said[arm->said_n];
	struct oc_set line;
	struct oc_buf b = {0};
	bool known = false;

	said->generation = generation;
	arm->said_n++;
	for (uint64_t k = 0; k < trained->starts[trained->item_n] && !known; k++)
		known = trained->tokens[k] == c->start;
	if (!known)
		return 0;
	if (c->def->sample(model, &how, &line, err))
		return -1;
	oc_words_join(&b, &c->vocab, line.tokens, line.starts[1]);
	said->text = oc_strdup(oc_buf_cstr(&b));
	oc_buf_fini(&b);
	oc_set_fini(&line);
	return 0;
}

static bool speaks(const struct conductor *c, uint32_t generation)
{
	return c->start != UINT32_MAX &&
	       (generation == 1 || generation == 3 || generation == c->r->generations);
}

/* All generations of one arm and run. */
static int chain(const struct conductor *c, unsigned arm_i, uint32_t run, struct sight *sights,
                 struct oc_err *err)
{
	struct oc_loop_result *r = c->r;
	struct oc_loop_arm *arm = &r->arms[arm_i];
	const char *kind = kind_names[arm->kind];
	struct oc_env env = {.size = sizeof env, .ctx = c->ctx, .name = "rehearse"};
	struct oc_set kept = {0}, last = {0}, train = c->real;
	struct oc_tokens pool = {0};
	uint64_t *count = oc_alloc(c->vocab.n * sizeof *count);
	void *model = NULL;
	char stream[96];
	int status = -1;

	env.seed = c->seed;
	snprintf(stream, sizeof stream, "loop.%s.run%u.keep", kind, run);
	kept = keep_real(c, stream);
	oc_tokens_items(&pool, &c->real);
	look(c, &c->real, count, &sights[0]);
	for (uint32_t g = 1; g <= r->generations; g++) {
		if (oc_cancelled(c->ctx)) {
			oc_fail(err, OC_CANCELLED, "rehearse", "interrupted");
			goto out;
		}
		if (g > 1)
			train = training(c, arm->kind, &kept, &last, &pool);
		oc_set_fini(&last);
		int failed = c->def->fit(&model, &env, c->opts, &train, err);
		/* how many texts the next generation needs: in `fixed`, real ones fill the rest */
		uint64_t real_n = arm->kind == OC_LOOP_FIXED ? kept.item_n : 0;
		snprintf(stream, sizeof stream, "loop.%s.run%u.generation%u", kind, run, g);
		struct oc_sampling how = {.size = sizeof how,
		                          .item_n = c->real.item_n,
		                          .bias = 1,
		                          .temperature = r->temperature,
		                          .max_len = c->len_max,
		                          .seed = c->seed,
		                          .stream = stream};
		if (!failed)
			failed = c->def->sample(model, &how, &last, err);
		if (!failed) {
			look(c, &last, count, &sights[g]);
			failed = loss_of(c, model, &sights[g].loss, err);
			last.item_n -= real_n; /* measured on n texts; the first n - kept go on */
		}
		if (!failed && run == 0 && speaks(c, g))
			failed = continue_start(c, arm, g, model, &train, err);
		if (model)
			c->def->free(model);
		model = NULL;
		if (g > 1 && arm->kind != OC_LOOP_ACCUMULATE)
			oc_set_fini(&train);
		if (failed)
			goto out;
	}
	status = 0;
out:
	oc_set_fini(&last);
	oc_set_fini(&kept);
	oc_tokens_fini(&pool);
	free(count);
	return status;
}

static void run_item(void *user, uint64_t item, unsigned worker)
{
	struct conductor *c = user;
	unsigned arm = (unsigned)(item % c->r->arm_n);
	uint32_t run = (uint32_t)(item / c->r->arm_n);
	uint64_t place = (uint64_t)arm * c->r->runs + run;

	(void)worker;
	chain(c, arm, run, c->sights + place * (c->r->generations + 1), &c->errors[place]);
}

/* ------------------------------------------------------------------ outcome */

static struct oc_loop_value value_of(const double *x, uint32_t n)
{
	struct oc_loop_value v = {0};
	double squares = 0;

	for (uint32_t i = 0; i < n; i++)
		v.mean += x[i];
	v.mean /= n;
	for (uint32_t i = 0; i < n; i++)
		squares += (x[i] - v.mean) * (x[i] - v.mean);
	v.sd = n > 1 ? sqrt(squares / (n - 1)) : 0;
	return v;
}

/* Difference of survivors between two generations, in standard errors over runs. */
static double change(const struct conductor *c, unsigned arm, uint32_t from, uint32_t to)
{
	uint32_t runs = c->r->runs, width = c->r->generations + 1;
	const struct sight *s = c->sights + (uint64_t)arm * runs * width;
	double *d = oc_alloc(runs * sizeof *d);

	for (uint32_t i = 0; i < runs; i++)
		d[i] = s[i * width + to].survivors - s[i * width + from].survivors;
	struct oc_loop_value v = value_of(d, runs);
	free(d);
	if (v.mean == 0)
		return 0;
	/* counts that agree in every run still vary by one */
	double se = fmax(v.sd, 1) / sqrt(runs);
	return v.mean / se;
}

static void judge(const struct conductor *c, unsigned i)
{
	struct oc_loop_result *r = c->r;
	uint32_t late = r->generations - r->generations / 3;

	if (r->runs < 2 || r->generations < 3 || r->held_n < HELD_ENOUGH)
		return;
	double all = change(c, i, 1, r->generations), end = change(c, i, late, r->generations);
	if (all > CLEAR)
		r->arms[i].verdict = OC_LOOP_IMPROVES;
	else if (all < -CLEAR)
		r->arms[i].verdict = end < -CLEAR ? OC_LOOP_FALLS : OC_LOOP_SETTLES;
}

static void summarise(struct conductor *c)
{
	struct oc_loop_result *r = c->r;
	uint32_t width = r->generations + 1;
	double *x = oc_alloc(r->runs * sizeof *x);
	static const size_t from[] = {
		offsetof(struct sight, survivors), offsetof(struct sight, distinct),
		offsetof(struct sight, simpson), offsetof(struct sight, loss)};
	static const size_t to[] = {
		offsetof(struct oc_loop_point, survivors), offsetof(struct oc_loop_point, distinct),
		offsetof(struct oc_loop_point, simpson), offsetof(struct oc_loop_point, loss)};

	for (unsigned a = 0; a < r->arm_n; a++) {
		r->arms[a].at = oc_zalloc(width, sizeof *r->arms[a].at);
		for (uint32_t g = 0; g < width; g++)
			for (size_t m = 0; m < sizeof from / sizeof *from; m++) {
				for (uint32_t i = 0; i < r->runs; i++) {
					const struct sight *s =
						&c->sights[((uint64_t)a * r->runs + i) * width + g];
					memcpy(&x[i], (const char *)s + from[m], sizeof *x);
				}
				struct oc_loop_value v = value_of(x, r->runs);
				memcpy((char *)&r->arms[a].at[g] + to[m], &v, sizeof v);
			}
		judge(c, a);
	}
	free(x);
}

static void write_verdict(struct oc_loop_result *r)
{
	struct oc_buf b = {0};

	oc_buf_printf(&b,
	              "Tested with an n-gram model of order %u as a stand-in, on %llu real texts, "
	              "judged by %llu held-out ones, %u generations, %u run%s, temperature %g.",
	              r->order, (unsigned long long)r->real_n, (unsigned long long)r->held_n,
	              r->generations, r->runs, r->runs == 1 ? "" : "s", r->temperature);
	if (r->held_n < HELD_ENOUGH)
		oc_buf_printf(&b, " Too few held-out texts to tell (%u are needed).", HELD_ENOUGH);
	else if (r->runs < 2)
		oc_buf_puts(&b, " One run cannot tell an effect from chance.");
	for (unsigned a = 0; a < r->arm_n; a++) {
		const struct oc_loop_arm *arm = &r->arms[a];
		oc_buf_printf(&b,
		              " %s: %.0f of %llu held-out words after one generation, %.0f "
		              "after %u (%s).",
		              kind_names[arm->kind], arm->at[1].survivors.mean,
		              (unsigned long long)r->held_words,
		              arm->at[r->generations].survivors.mean, r->generations,
		              oc_loop_verdict_name(arm->verdict));
	}
	oc_buf_puts(&b, " Another model, or more texts, may behave otherwise.");
	r->verdict = oc_strdup(oc_buf_cstr(&b));
	oc_buf_fini(&b);
}

static int read_arms(struct oc_loop_result *r, yyjson_val *opts, struct oc_err *err)
{
	yyjson_val *loops = oc_json_get(opts, "loops"), *v;
	size_t i, max;

	r->arms = oc_zalloc(yyjson_arr_size(loops) + 1, sizeof *r->arms);
	yyjson_arr_foreach(loops, i, max, v)
	{
		struct oc_str name = oc_json_str(v);
		int kind = -1;
		for (int k = 0; k < OC_LOOP_KINDS; k++)
			if (oc_str_is(name, kind_names[k]))
				kind = k;
		if (kind < 0)
			return oc_fail(err, OC_PLAN, "rehearse: loops",
			               "there is no loop `%.*s`; choose of replace, fixed, "
			               "accumulate",
			               OC_ARG(name));
		r->arms[r->arm_n++].kind = (enum oc_loop_kind)kind;
	}
	return r->arm_n ? 0 : oc_fail(err, OC_PLAN, "rehearse: loops", "no loop is named");
}

int oc_loop_run(struct oc_loop_result **result, struct oc_ctx *ctx, yyjson_val *opts, uint64_t seed,
                const struct oc_texts *real, const struct oc_texts *held, struct oc_err *err)
{
	struct oc_loop_result *r = oc_zalloc(1, sizeof *r);
	struct conductor c = {.ctx = ctx, .opts = opts, .seed = seed, .r = r};
	struct oc_str model = oc_json_get_str(opts, "model");
	struct oc_pool *pool = NULL;
	int status = -1;

	*result = NULL;
	r->size = sizeof *r;
	r->generations = (uint32_t)oc_json_get_int(opts, "generations", 10);
	r->runs = (uint32_t)oc_json_get_int(opts, "runs", 3);
	r->order = (uint32_t)oc_json_get_int(opts, "order", 3);
	r->temperature = oc_json_get_num(opts, "temperature", 1);
	r->real_share = oc_json_get_num(opts, "real_share", 0.5);
	c.def = oc_model_find(model);
	if (!c.def || c.def->kind != OC_SET_TOKENS) {
		oc_fail(err, OC_PLAN, "rehearse: model", "`%.*s` is no model of texts; use ngram",
		        OC_ARG(model));
		goto out;
	}
	if (read_arms(r, opts, err) || prepare(&c, real, held, err))
		goto out;
	uint64_t chains = (uint64_t)r->arm_n * r->runs;
	c.sights = oc_zalloc(chains * (r->generations + 1), sizeof *c.sights);
	c.errors = oc_zalloc(chains, sizeof *c.errors);
	pool = oc_pool_new(ctx->threads);
	oc_pool_for(pool, chains, run_item, &c);
	for (uint64_t i = 0; i < chains; i++)
		if (c.errors[i].code) {
			oc_fail(err, c.errors[i].code, c.errors[i].where, "%s", c.errors[i].msg);
			goto out;
		}
	summarise(&c);
	write_verdict(r);
	*result = r;
	r = NULL;
	status = 0;
out:
	oc_pool_free(pool);
	oc_loop_free(r);
	oc_set_fini(&c.real);
	oc_set_fini(&c.held);
	oc_vocab_fini(&c.vocab);
	free(c.wanted);
	free(c.sights);
	free(c.errors);
	return status;
}

void oc_loop_free(struct oc_loop_result *r)
{
	if (!r)
		return;
	for (unsigned a = 0; a < r->arm_n; a++) {
		free(r->arms[a].at);
		for (unsigned i = 0; i < r->arms[a].said_n; i++)
			free(r->arms[a].said[i].text);
	}
	free(r->arms);
	free(r->start);
	free(r->verdict);
	free(r);
}

/* --------------------------------------------------------------------- JSON */

static void series(struct oc_buf *b, const struct oc_loop_result *r, const struct oc_loop_arm *arm,
                   const char *name, size_t offset)
{
	for (int sd = 0; sd < 2; sd++) {
		oc_buf_printf(b, ",\"%s%s\":[", name, sd ? "_sd" : "");
		for (uint32_t g = 0; g <= r->generations; g++) {
			struct oc_loop_value v;
			memcpy(&v, (const char *)&arm->at[g] + offset, sizeof v);
			if (g)
				oc_buf_putc(b, ',');
			oc_buf_double(b, sd ? v.sd : v.mean);
		}
		oc_buf_putc(b, ']');
	}
}

void oc_loop_json(struct oc_buf *b, const struct oc_loop_result *r)
{
	oc_buf_printf(b, "{\"generations\":%u,\"runs\":%u,\"order\":%u,\"temperature\":",
	              r->generations, r->runs, r->order);
	oc_buf_double(b, r->temperature);
	oc_buf_puts(b, ",\"real_share\":");
	oc_buf_double(b, r->real_share);
	oc_buf_printf(b,
	              ",\"real_texts\":%llu,\"real_words\":%llu,\"held_texts\":%llu,"
	              "\"held_words\":%llu,\"held_known\":%llu,\"start\":",
	              (unsigned long long)r->real_n, (unsigned long long)r->real_words,
	              (unsigned long long)r->held_n, (unsigned long long)r->held_words,
	              (unsigned long long)r->held_known);
	if (r->start)
		oc_buf_json(b, oc_str(r->start));
	else
		oc_buf_puts(b, "null");
	oc_buf_puts(b, ",\"arms\":[");
	for (unsigned a = 0; a < r->arm_n; a++) {
		const struct oc_loop_arm *arm = &r->arms[a];
		oc_buf_printf(b, "%s{\"loop\":\"%s\",\"verdict\":\"%s\"", a ? "," : "",
		              kind_names[arm->kind], oc_loop_verdict_name(arm->verdict));
		series(b, r, arm, "survivors", offsetof(struct oc_loop_point, survivors));
		series(b, r, arm, "distinct", offsetof(struct oc_loop_point, distinct));
		series(b, r, arm, "simpson", offsetof(struct oc_loop_point, simpson));
		series(b, r, arm, "loss", offsetof(struct oc_loop_point, loss));
		oc_buf_puts(b, ",\"says\":[");
		for (unsigned i = 0; i < arm->said_n; i++) {
			oc_buf_printf(b, "%s{\"generation\":%u,\"text\":", i ? "," : "",
			              arm->said[i].generation);
			if (arm->said[i].text)
				oc_buf_json(b, oc_str(arm->said[i].text));
			else
				oc_buf_puts(b, "null");
			oc_buf_putc(b, '}');
		}
		oc_buf_puts(b, "]}");
	}
	oc_buf_puts(b, "],\"verdict\":");
	oc_buf_json(b, oc_str(r->verdict));
	oc_buf_putc(b, '}');
}
