/*
 * llama_batch.h: many sequences in one model at once (continuous batching).
 *
 * Each step feeds one token of every sequence that is speaking and, with what room is left, pieces
 * of prompts. A sequence that ends gives its slot to the next request at once. A prompt's beginning
 * that is shared by successive requests is decoded once, in a spare slot, and copied.
 */
#ifndef LLM_LLAMA_BATCH_H
#define LLM_LLAMA_BATCH_H

#include "llm/llama_ask.h"

struct oc_llama_engine;

/* Slots 0..slots-2 of the session speak, the last is the spare one. */
struct oc_llama_engine *oc_llama_engine_new(struct oc_llama_session *s);
void oc_llama_engine_free(struct oc_llama_engine *e);

/* What the self-test found. */
struct oc_llama_health {
	bool bit_equal;   /* logits alone and in company, with 1 and n threads, are the same bits */
	float largest;    /* else their largest difference */
	unsigned threads; /* what was faster: 1 or threads_max */
	double one, all;  /* seconds of a step with 1 thread, with threads_max */
};

/*
 * Decodes one text alone and in company and compares the logits; times steps with 1 and with
 * threads_max threads, since threads wait for each other spinning: on busy cores two of them can be
 * ten times slower than one. threads 0 = choose. `test` false: only sets the threads.
 */
int oc_llama_engine_start(struct oc_llama_engine *e, unsigned threads, unsigned threads_max,
                          bool test, struct oc_llama_health *health, struct oc_err *err);

void oc_llama_engine_ask(struct oc_llama_engine *e, struct oc_ask *ask); /* takes it over */
bool oc_llama_engine_busy(const struct oc_llama_engine *e);

/* One step; *done is a list (by next) of requests that ended in it. Free each with oc_ask_free. */
int oc_llama_engine_step(struct oc_llama_engine *e, struct oc_ask **done, struct oc_err *err);

/* Prompt tokens that were copied instead of decoded, so far. */
uint64_t oc_llama_engine_shared(const struct oc_llama_engine *e);

#endif
