/* openai.h: any OpenAI-compatible endpoint (vLLM, llama.cpp's server, Ollama, hosted ones). */
#ifndef LLM_OPENAI_H
#define LLM_OPENAI_H

#include "base/str.h"
#include "outcross.h"

/*
 * The URL of `path` ("chat/completions") under an endpoint's base, whose query stays at the end;
 * and the base as people may see it: without user, password and query. Both are appended; `url` may
 * be NULL. OC_PLAN when it is no address.
 */
int oc_openai_address(const char *base, const char *path, struct oc_buf *url, struct oc_buf *shown,
                      struct oc_err *err);

extern const struct oc_llm_def oc_llm_openai;

#endif
