/*
 * body.h: the bodies of the OpenAI protocol: requests in canonical form, replies read tolerantly,
 * errors told apart by status and code (facts/generation.md 3.1 to 3.5 and 5).
 */
#ifndef LLM_BODY_H
#define LLM_BODY_H

#include "data/json.h"

/* -------------------------------------------------------------- requests */

struct oc_body {
	struct oc_str canonical; /* what the key is made of: no seed, stream, n, user, ... */
	struct oc_str rest;      /* members that are sent but not in the key: `,"user":"me"` */
};

/*
 * `members` is a JSON object as a step gives it, `model` the name the endpoint knows (NULL: none is
 * sent), `extra` the model's own members (an object or NULL): they win over the step's, and null
 * takes a member away. Bytes live in the arena. O(n log n) in the number of members.
 */
int oc_body_make(struct oc_arena *a, struct oc_str members, const char *model, yyjson_val *extra,
                 struct oc_body *out, struct oc_err *err);
/* The body as sent; seed < 0: none. */
void oc_body_write(struct oc_buf *out, const struct oc_body *b, int64_t seed);

/*
 * An upper bound of the prompt's tokens, for reserving: letters and spaces weigh half a token a
 * byte (English needs about a quarter), all other bytes one, an inlined image 4096, and 64 for the
 * chat template. No tokenizer in use passes it on written language. O(n).
 */
uint64_t oc_body_tokens_max(struct oc_str body);

/* --------------------------------------------------------------- replies */

enum oc_answer_state {
	OC_ANSWER_OK,
	OC_ANSWER_BROKEN, /* not JSON (HTML, cut), or of another shape: no choices, no message */
	OC_ANSWER_ERROR   /* an error object, whatever the status said */
};

/* What a server says went wrong. Empty where it does not say. */
struct oc_api_error {
	char message[256], type[64], code[64], param[64];
};

struct oc_answer {
	enum oc_answer_state state;
	struct oc_str text;      /* a leading <think> part is cut out */
	struct oc_str reasoning; /* that part, or the server's own field */
	struct oc_str finish;    /* empty when the server does not say */
	float *embedding;        /* (dim), length 1 */
	uint32_t dim;
	struct oc_usage usage; /* estimated when the server does not say */
	struct oc_api_error error;
	char why[160]; /* when BROKEN: what is wrong with it */
	void *doc;
};

/*
 * Reads a reply of any kind. Never fails: `state` says what it is. The choice with index 0 counts,
 * else the first; invalid UTF-8 becomes U+FFFD. `request` is only for estimating missing usage.
 * Release with oc_answer_fini. O(n).
 */
void oc_answer_read(enum oc_call_kind kind, struct oc_str request, struct oc_str raw,
                    struct oc_answer *out);
void oc_answer_fini(struct oc_answer *a);

/* What to do with an exchange. */
enum oc_class {
	OC_CLASS_FINE,
	OC_CLASS_AGAIN,   /* retry with growing delay: counts as a try */
	OC_CLASS_LIMITED, /* 429: wait and lower concurrency: no try is used up */
	OC_CLASS_REFUSED, /* this request will never be answered */
	OC_CLASS_DEAD,    /* nothing sent here will be answered: key, credit */
	OC_CLASS_BROKEN   /* 200 but unusable: once more, then give up with the raw bytes */
};

/* `should_retry`: the server's x-should-retry header or NULL. By status and code, never by words.
 */
enum oc_class oc_classify(int status, const char *should_retry, const struct oc_answer *a);

#endif
