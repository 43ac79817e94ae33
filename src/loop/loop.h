/*
 * loop.h: what happens when a model's output comes back as training data.
 *
 * A small model is fitted to real texts; it writes as many texts; the next model is fitted to what
 * the loop says; and so on. Generation t = 1, 2, ... fits from scratch; generation 1 sees real
 * texts only (Alemohammad et al., "Self-Consuming Generative Models Go MAD", 2023, section 2).
 *
 *   replace     generation t sees n texts of generation t-1 and nothing else
 *   fixed       n texts: the same real_share x n real ones every time, the rest of generation t-1
 *   accumulate  the n real texts and n of every earlier generation (Gerstgrasser et al., 2024)
 *
 * Measured on the n texts S_t that generation t writes, n being the number of real texts:
 * survivors, the held-out texts' distinct words that occur in S_t; distinct words; Simpson's
 * diversity 1 - sum p^2 of its words; and the loss of the held-out texts under the model, in nats a
 * word. Place 0 of every table is the real texts themselves.
 *
 * Words: runs of letters, digits, bytes above 127, and apostrophes and hyphens between them, ASCII
 * letters in lower case. Any other character that is not white space is a token by itself, which
 * the model learns and which is not counted as a word. The end of a text counts as a token of the
 * loss.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/ctx.h"
#include "base/str.h"
#include "data/json.h"

/* The options of `rehearse:` (type table) and of a lab's first form. */
extern const struct oc_option oc_loop_options[];

/* Texts, one after the other. 1: *text is set, valid until the next call; 0: end; -1: error. */
struct oc_texts {
	void *user;
	int (*next)(void *user, struct oc_str *text, struct oc_err *err);
};

enum oc_loop_kind { OC_LOOP_REPLACE, OC_LOOP_FIXED, OC_LOOP_ACCUMULATE, OC_LOOP_KINDS };

/* Mean over runs, and standard deviation between runs (0 with one run). */
struct oc_loop_value {
	double mean, sd;
};

struct oc_loop_point {
	struct oc_loop_value survivors, distinct, simpson;
	struct oc_loop_value loss; /* NaN at place 0 */
};

enum oc_loop_verdict { OC_LOOP_UNTOLD, OC_LOOP_FALLS, OC_LOOP_SETTLES, OC_LOOP_IMPROVES };

/* What a generation makes of the start word; text NULL when it no longer knows the word. */
struct oc_loop_said {
	uint32_t generation;
	char *text;
};

struct oc_loop_arm {
	enum oc_loop_kind kind;
	struct oc_loop_point *at; /* (generations + 1) */
	enum oc_loop_verdict verdict;
	struct oc_loop_said said[3]; /* generations 1, 3 and the last; fewer when they coincide */
	unsigned said_n;
};

struct oc_loop_result {
	size_t size;
	uint32_t generations, runs, order;
	double temperature, real_share;
	uint64_t real_n, real_words, held_n;
	uint64_t held_words, held_known; /* distinct in held-out; of them in the real texts */
	char *start;                     /* the start word, or NULL */
	struct oc_loop_arm *arms;        /* (arm_n) in the order asked for */
	unsigned arm_n;
	char *verdict; /* sentences: what was tested, at which size, with what outcome */
};

/*
 * Conducts the loops. `opts` is resolved by oc_loop_options. Arms and runs share ctx->threads; the
 * result is the same bits at any number. Time: generations x runs x arms fits of n texts
 * (accumulate: up to generations x n); memory: threads x the largest training set.
 */
int oc_loop_run(struct oc_loop_result **result, struct oc_ctx *ctx, yyjson_val *opts, uint64_t seed,
                const struct oc_texts *real, const struct oc_texts *held, struct oc_err *err);
void oc_loop_free(struct oc_loop_result *result);

/* The result as one JSON object: every table as an array over generations 0..g. */
void oc_loop_json(struct oc_buf *b, const struct oc_loop_result *result);

const char *oc_loop_kind_name(enum oc_loop_kind kind);          /* "replace" */
const char *oc_loop_verdict_name(enum oc_loop_verdict verdict); /* "cannot tell", "falls", ... */

#endif
