#include "llm/llama_batch.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"

#define SHARE_MIN   24u /* tokens: a shorter common beginning is not worth a copy */
#define SHARE_GAIN  16u /* tokens: more than this must be won to decode the spare slot anew */
#define RETIME      64u /* steps between looks at the other thread count */
#define RETIME_LOOK 3u  /* steps with it */

struct slot {
	struct oc_ask *ask; /* NULL: free */
	uint32_t fed;       /* tokens in the cache */
	int32_t next;       /* token to feed when the prompt is done */
	int32_t row;        /* row of this step whose logits are wanted, -1 none */
};

struct oc_llama_engine {
	struct oc_llama_session *s;
	struct oc_sampler *sampler;
	struct oc_llama_batch batch;
	struct slot *slots; /* (slot_n) */
	uint32_t slot_n, running;
	int32_t spare; /* sequence that holds the shared beginning */
	struct oc_ask *first, **last;

	int32_t *prefix; /* (prefix_n) what the spare slot holds */
	uint32_t prefix_n;
	int32_t *previous; /* (previous_n) prompt admitted last */
	uint32_t previous_n;
	bool share;
	uint64_t shared;

	unsigned threads, other; /* in use; the alternative, 0 = fixed */
	uint32_t steps, look;
	uint32_t rows_before;
	double second_before, best_look;
};

struct oc_llama_engine *oc_llama_engine_new(struct oc_llama_session *s)
{
	struct oc_llama_engine *e = oc_zalloc(1, sizeof *e);

	e->s = s;
	e->sampler = oc_sampler_new((uint32_t)s->vocab_n);
	e->batch = s->lib->llama_batch_init((int32_t)s->rows, 0, 1);
	e->slot_n = s->slots - 1;
	e->spare = (int32_t)e->slot_n;
	e->slots = oc_zalloc(e->slot_n, sizeof *e->slots);
	e->last = &e->first;
	e->prefix = oc_alloc(s->length * sizeof *e->prefix);
	e->previous = oc_alloc(s->length * sizeof *e->previous);
	e->share = true;
	return e;
}

void oc_llama_engine_free(struct oc_llama_engine *e)
{
	if (!e)
		return;
	for (uint32_t i = 0; i < e->slot_n; i++)
		oc_ask_free(e->slots[i].ask);
	while (e->first) {
		struct oc_ask *a = e->first;
		e->first = a->next;
		oc_ask_free(a);
	}
	e->s->lib->llama_batch_free(e->batch);
	oc_sampler_free(e->sampler);
	free(e->slots);
	free(e->prefix);
	free(e->previous);
	free(e);
}

uint64_t oc_llama_engine_shared(const struct oc_llama_engine *e)
{
	return e->shared;
}

static int32_t add_row(struct oc_llama_engine *e, int32_t token, uint32_t pos, int32_t seq,
                       bool logits)
{
	int32_t row = e->batch.n_tokens++;

	e->batch.token[row] = token;
	e->batch.pos[row] = (int32_t)pos;
	e->batch.n_seq_id[row] = 1;
	e->batch.seq_id[row][0] = seq;
	e->batch.logits[row] = logits;
	return row;
}

static int decode(struct oc_llama_engine *e, struct oc_err *err)
{
	int32_t status = e->s->lib->llama_decode(e->s->context, e->batch);

	if (status)
		return oc_fail(err, OC_INTERNAL, "llama_decode",
		               "llama.cpp failed with status %d on %d rows: %s", status,
		               e->batch.n_tokens, e->s->lib->complaint);
	return 0;
}

static void use_threads(struct oc_llama_engine *e, unsigned n)
{
	e->s->lib->llama_set_n_threads(e->s->context, (int32_t)n, (int32_t)n);
}

/* ------------------------------------------------------------ shared prompts */

static uint32_t common(const int32_t *a, uint32_t a_n, const int32_t *b, uint32_t b_n)
{
	uint32_t n = a_n < b_n ? a_n : b_n, i = 0;

	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* Decodes tokens from..to-1 of `text` into the spare slot, which holds the ones before. */
static int extend_spare(struct oc_llama_engine *e, const int32_t *text, uint32_t from, uint32_t to,
                        struct oc_err *err)
{
	while (from < to) {
		e->batch.n_tokens = 0;
		while (from < to && (uint32_t)e->batch.n_tokens < e->s->rows) {
			add_row(e, text[from], from, e->spare, false);
			e->prefix[from] = text[from];
			from++;
		}
		if (decode(e, err))
			return -1;
	}
	e->prefix_n = to;
	return 0;
}

/*
 * Fills slot `i` with the beginning that its prompt shares with others, if there is one. A partial
 * copy between slots aborts the library, so the spare slot is first cut to what is shared.
 */
static int share(struct oc_llama_engine *e, uint32_t i, struct oc_err *err)
{
	struct oc_ask *a = e->slots[i].ask;
	struct oc_llama *lib = e->s->lib;
	uint32_t most = a->prompt_n - 1; /* one token must be left to give logits */
	uint32_t held = common(a->prompt, most, e->prefix, e->prefix_n);
	uint32_t seen = common(a->prompt, most, e->previous, e->previous_n);
	int status = 0;

	if (!e->share)
		return 0;
	bool worth = seen >= SHARE_MIN && seen >= held + SHARE_GAIN;
	if (worth || (held >= SHARE_MIN && held < e->prefix_n)) {
		if (!lib->llama_memory_seq_rm(e->s->memory, e->spare, (int32_t)held, -1)) {
			/* a recurrent model cannot forget a part */
			lib->llama_memory_seq_rm(e->s->memory, e->spare, -1, -1);
			e->share = false;
			return 0;
		}
		e->prefix_n = held;
	}
	if (worth) {
		status = extend_spare(e, a->prompt, held, seen, err);
		held = seen;
	}
	if (!status && held >= SHARE_MIN && held == e->prefix_n) {
		lib->llama_memory_seq_cp(e->s->memory, e->spare, (int32_t)i, -1, -1);
		e->slots[i].fed = held;
		e->shared += held;
	}
	memcpy(e->previous, a->prompt, a->prompt_n * sizeof *a->prompt);
	e->previous_n = a->prompt_n;
	return status;
}

/* -------------------------------------------------------------------- steps */

void oc_llama_engine_ask(struct oc_llama_engine *e, struct oc_ask *ask)
{
	ask->next = NULL;
	*e->last = ask;
	e->last = &ask->next;
}

bool oc_llama_engine_busy(const struct oc_llama_engine *e)
{
	return e->running || e->first;
}

static int admit(struct oc_llama_engine *e, struct oc_err *err)
{
	for (uint32_t i = 0; i < e->slot_n && e->first; i++) {
		if (e->slots[i].ask)
			continue;
		struct oc_ask *a = e->first;
		e->first = a->next;
		if (!e->first)
			e->last = &e->first;
		a->next = NULL;
		e->slots[i] = (struct slot){.ask = a, .row = -1};
		e->running++;
		e->s->lib->llama_memory_seq_rm(e->s->memory, (int32_t)i, -1, -1);
		if (share(e, i, err))
			return -1;
	}
	return 0;
}

/* True when only speaking sequences were fed: steps that can be compared with each other. */
static bool fill(struct oc_llama_engine *e)
{
	bool even = true;

	e->batch.n_tokens = 0;
	for (uint32_t i = 0; i < e->slot_n; i++) {
		struct slot *s = &e->slots[i];
		s->row = -1;
		if (s->ask && s->fed >= s->ask->prompt_n)
			s->row = add_row(e, s->next, s->fed++, (int32_t)i, true);
	}
	for (uint32_t i = 0; i < e->slot_n; i++) {
		struct slot *s = &e->slots[i];
		if (!s->ask || s->row >= 0)
			continue;
		even = false;
		while (s->fed < s->ask->prompt_n && (uint32_t)e->batch.n_tokens < e->s->rows) {
			bool end = s->fed + 1 == s->ask->prompt_n;
			int32_t row = add_row(e, s->ask->prompt[s->fed], s->fed, (int32_t)i, end);
			s->fed++;
			if (end)
				s->row = row;
		}
	}
	return even;
}

/*
 * Now and then tries the other thread count for a few steps and keeps the better: what else runs on
 * the machine changes. Results are the same bits either way, or the self-test has said so.
 */
static void retime(struct oc_llama_engine *e, bool even, double seconds)
{
	uint32_t rows = (uint32_t)e->batch.n_tokens;

	if (!e->other)
		return;
	if (!even || rows != e->rows_before) {
		if (e->look) /* not comparable any more */
			use_threads(e, e->threads);
		e->look = 0;
		e->steps = e->steps > RETIME / 2 ? RETIME / 2 : e->steps;
	} else if (e->look) {
		if (seconds < e->best_look)
			e->best_look = seconds;
		if (--e->look == 0 || seconds > 2 * e->second_before) {
			e->look = 0;
			if (e->best_look < 0.85 * e->second_before) {
				unsigned was = e->threads;
				e->threads = e->other;
				e->other = was;
			}
			use_threads(e, e->threads);
		}
	} else {
		e->second_before =
			e->steps && seconds > e->second_before ? e->second_before : seconds;
		if (++e->steps >= RETIME) {
			e->steps = 0;
			e->second_before = seconds;
			e->look = RETIME_LOOK;
			e->best_look = INFINITY;
			use_threads(e, e->other);
		}
	}
	e->rows_before = even ? rows : 0;
}

int oc_llama_engine_step(struct oc_llama_engine *e, struct oc_ask **done, struct oc_err *err)
{
	*done = NULL;
	if (admit(e, err))
		return -1;
	bool even = fill(e);
	if (!e->batch.n_tokens)
		return 0;
	double start = oc_now();
	if (decode(e, err))
		return -1;
	retime(e, even, oc_now() - start);
	for (uint32_t i = e->slot_n; i-- > 0;) { /* backwards: the list comes out forwards */
		struct slot *s = &e->slots[i];
		if (s->row < 0)
			continue;
		const float *logits = e->s->lib->llama_get_logits_ith(e->s->context, s->row);
		if (!logits)
			return oc_fail(err, OC_INTERNAL, "llama_get_logits_ith",
			               "no logits for row %d", s->row);
		s->next = oc_ask_draw(s->ask, e->s, e->sampler, logits);
		if (s->ask->finish) {
			s->ask->next = *done;
			*done = s->ask;
			s->ask = NULL;
			e->running--;
		}
	}
	return 0;
}

/* ---------------------------------------------------------------- self-test */

#define TEST_LONG  20u
#define TEST_SHORT 9u
#define TEST_STEPS 3

/* Copies the logits of a row; `out` (vocab_n). */
static int look_at(struct oc_llama_engine *e, int32_t row, float *out, struct oc_err *err)
{
	const float *logits = e->s->lib->llama_get_logits_ith(e->s->context, row);

	if (!logits)
		return oc_fail(err, OC_INTERNAL, "self-test", "no logits for row %d", row);
	memcpy(out, logits, (size_t)e->s->vocab_n * sizeof *out);
	return 0;
}

/* All of the text in one piece, nothing beside it; then one token more, with `threads`. */
static int see_alone(struct oc_llama_engine *e, const int32_t *text, unsigned threads, float *out,
                     struct oc_err *err)
{
	size_t n = (size_t)e->s->vocab_n;
	int32_t row = 0;

	e->batch.n_tokens = 0;
	for (uint32_t i = 0; i < TEST_LONG; i++)
		row = add_row(e, text[i], i, 0, i + 1 == TEST_LONG);
	if (decode(e, err) || look_at(e, row, out, err))
		return -1;
	use_threads(e, threads);
	e->batch.n_tokens = 0;
	row = add_row(e, text[TEST_LONG], TEST_LONG, 0, true);
	return decode(e, err) || look_at(e, row, out + n, err) ? -1 : 0;
}

/* The text in three pieces, with two other sequences in every step. */
static int see_in_company(struct oc_llama_engine *e, const int32_t *text, float *out,
                          struct oc_err *err)
{
	size_t n = (size_t)e->s->vocab_n;
	uint32_t fed = 0, others = e->s->slots > 2 ? 2 : 1;

	for (int step = 0; step < 4; step++) {
		uint32_t to = step == 3 ? TEST_LONG + 1 : TEST_LONG * ((uint32_t)step + 1) / 3;
		int32_t row = 0;
		e->batch.n_tokens = 0;
		for (; fed < to; fed++)
			row = add_row(e, text[fed], fed, 1, fed + 1 == to);
		for (uint32_t o = 0; o < others; o++)
			for (uint32_t k = 0; k < 2 + o; k++)
				add_row(e, text[(7 * o + k + (uint32_t)step) % TEST_SHORT],
				        (uint32_t)step * (2 + o) + k, o ? 2 : 0, false);
		if (decode(e, err))
			return -1;
		if (step >= 2 && look_at(e, row, out + (step == 2 ? 0 : n), err))
			return -1;
	}
	return 0;
}

static float compare(struct oc_llama_health *h, const float *a, const float *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float d = fabsf(a[i] - b[i]);
		if (!(a[i] == b[i]))
			h->bit_equal = false;
		if (d > h->largest || isnan(d))
			h->largest = d;
	}
	return h->largest;
}

/* Seconds of a step in which every slot speaks; the best of a few, given up when above `limit`. */
static int time_steps(struct oc_llama_engine *e, const int32_t *text, uint32_t pos, double limit,
                      double *best, struct oc_err *err)
{
	uint32_t n = e->slot_n < 8 ? e->slot_n : 8;

	*best = INFINITY;
	for (uint32_t step = 0; step < TEST_STEPS; step++) {
		e->batch.n_tokens = 0;
		for (uint32_t i = 0; i < n; i++)
			add_row(e, text[i], pos + step, (int32_t)i, false);
		double start = oc_now();
		if (decode(e, err))
			return -1;
		double seconds = oc_now() - start;
		if (seconds < *best)
			*best = seconds;
		if (seconds > (step ? 1 : 2) * limit)
			break;
	}
	return 0;
}

int oc_llama_engine_start(struct oc_llama_engine *e, unsigned threads, unsigned threads_max,
                          bool test, struct oc_llama_health *h, struct oc_err *err)
{
	static const char *const sentence =
		"The farmer sold 48 apples in April and half as many in May, so she wrote down how "
		"many apples were sold in April and May altogether before going home for supper.";
	struct oc_llama *lib = e->s->lib;
	size_t n = (size_t)e->s->vocab_n;
	float *alone = oc_alloc(2 * n * sizeof *alone),
	      *company = oc_alloc(2 * n * sizeof *company);
	int32_t *text = NULL;
	int status = -1;

	*h = (struct oc_llama_health){.bit_equal = true, .threads = threads ? threads : 1};
	if (!threads_max)
		threads_max = 1;
	if (test) {
		uint32_t text_n = oc_llama_tokens(e->s, oc_str(sentence), &text);
		text = oc_realloc(text, (text_n + TEST_LONG + 1) * sizeof *text);
		for (uint32_t i = text_n; i <= TEST_LONG; i++)
			text[i] = text_n ? text[i % text_n] : 0;
		/* many threads only where it is one row: on busy cores they crawl */
		use_threads(e, threads ? threads : 1);
		if (see_alone(e, text, threads ? threads : threads_max, alone, err))
			goto out;
		lib->llama_memory_clear(e->s->memory, true);
		use_threads(e, threads ? threads : 1);
		if (see_in_company(e, text, company, err))
			goto out;
		compare(h, alone, company, 2 * n);
		lib->llama_memory_clear(e->s->memory, true);
		if (!threads && threads_max > 1) {
			use_threads(e, 1);
			if (time_steps(e, text, 0, INFINITY, &h->one, err))
				goto out;
			use_threads(e, threads_max);
			if (time_steps(e, text, TEST_STEPS, h->one, &h->all, err))
				goto out;
			h->threads = h->all < h->one ? threads_max : 1;
			lib->llama_memory_clear(e->s->memory, true);
		}
	}
	e->threads = h->threads;
	if (!threads && threads_max > 1)
		e->other = h->threads == 1 ? threads_max : 1;
	use_threads(e, e->threads);
	status = 0;
out:
	free(alone);
	free(company);
	free(text);
	return status;
}
