/*
 * llama_ask.h: one request inside the child: read from an OpenAI-style body, grown token by token,
 * written as an OpenAI-style reply.
 *
 * Members understood: messages or prompt, temperature, top_p, top_k, min_p, stop, max_tokens,
 * max_completion_tokens, presence_penalty, frequency_penalty, logit_bias, ignore_eos, seed; model,
 * user, n: 1 and stream: false change nothing. Any other member is refused, since ignoring it would
 * change what was asked for. As with other servers, special tokens written out in a prompt count.
 */
#ifndef LLM_LLAMA_ASK_H
#define LLM_LLAMA_ASK_H

#include "base/rng.h"
#include "base/str.h"
#include "llm/llama_abi.h"
#include "llm/llama_child.h"
#include "llm/llama_sample.h"

struct yyjson_doc;

struct oc_ask {
	uint64_t id;
	enum oc_call_kind kind;
	struct yyjson_doc *doc;
	struct oc_sample_opts sample;
	struct oc_str *stops; /* (stop_n) */
	uint32_t stop_n;
	size_t stop_max; /* bytes of the longest */
	bool ignore_eos;

	int32_t *prompt; /* (prompt_n) tokens */
	uint32_t prompt_n, max_tokens;

	struct oc_draws draws; /* one number a token, whatever happens around it */
	struct oc_token_counts counts;
	struct oc_buf text;
	uint32_t said_n;    /* tokens drawn, the end token included */
	const char *finish; /* "stop", "length" or NULL while it goes on */
	struct oc_ask *next;
};

/*
 * Reads a request. 0 and *ask; or -1 and a sentence in err (the request's fault, answered with
 * status 400).
 */
int oc_ask_read(struct oc_ask **ask, struct oc_llama_session *s, const struct oc_llama_ask *head,
                struct oc_str body, struct oc_err *err);
void oc_ask_free(struct oc_ask *a);

/* Draws the next token from the logits and notes whether that was the last. */
int32_t oc_ask_draw(struct oc_ask *a, struct oc_llama_session *s, struct oc_sampler *sampler,
                    const float *logits);

/* The reply's body. `fingerprint`: library, processor backend and self-test, for the record. */
void oc_ask_reply(struct oc_buf *b, const struct oc_ask *a, const char *fingerprint);
void oc_ask_error(struct oc_buf *b, const char *message);

/* Tokens of a text (malloc'ed), with what the model wants in front. */
uint32_t oc_llama_tokens(struct oc_llama_session *s, struct oc_str text, int32_t **tokens);

#endif
