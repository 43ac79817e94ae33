/* openai.h: any OpenAI-compatible endpoint (vLLM, llama.cpp's server, Ollama, hosted ones). */
#ifndef LLM_OPENAI_H
#define LLM_OPENAI_H

#include "outcross.h"

extern const struct oc_llm_def oc_llm_openai;

#endif
