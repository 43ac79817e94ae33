/*
 * llama_child.h: the child process that holds a GGUF model, and what is said to it.
 *
 *   parent                                child
 *   OPEN   {library, model, slots, ...} ─► loads, tests itself, times thread counts
 *                                       ◄─ READY {version, backend, ...}  or FAILED
 *   ASK    struct oc_llama_ask + body   ─► queued, then decoded together with the others
 *                                       ◄─ SAID  struct oc_llama_said + reply body
 *   COUNT  id + text                    ─►
 *                                       ◄─ COUNTED id, tokens
 */
#ifndef LLM_LLAMA_CHILD_H
#define LLM_LLAMA_CHILD_H

#include "base/helper.h"

#define OC_LLAMA_UBATCH 48u /* see oc_llama_open */

enum {
	OC_LLAMA_OPEN = OC_FRAME_FIRST,
	OC_LLAMA_READY,
	OC_LLAMA_FAILED, /* int32 code of enum oc_err_code, then the message */
	OC_LLAMA_ASK,
	OC_LLAMA_SAID,
	OC_LLAMA_COUNT,
	OC_LLAMA_COUNTED
};

struct oc_llama_ask {
	uint64_t id, seed;
	uint32_t kind; /* enum oc_call_kind */
	uint32_t max_tokens;
};

struct oc_llama_said {
	uint64_t id;
	int32_t status; /* 200, or 400 with an error body as the larger servers send it */
	int32_t pad;
};

struct oc_llama_count {
	uint64_t id;
	int64_t tokens; /* in answers */
};

/* The helper "llama". */
int oc_llama_child(struct oc_port *port);

#endif
