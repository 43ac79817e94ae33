/*
 * gguf.h: a GGUF file as a language model, in a child process of ours through llama.cpp.
 *
 * The same requests and replies as an OpenAI-compatible endpoint (llama_ask.h says which members).
 *
 * What is guaranteed: a text depends on the model file, the request and its seed. It does not
 * depend on what else is asked at the same time, nor on the number of threads, wherever the
 * self-test at start finds equal logits bit for bit (AVX2 and AVX-512 with Q4_1 and other
 * quantisations that are not repacked); where it does not, the log and every reply's
 * system_fingerprint say "batch-dependent". Between processors that use different kernels the last
 * bits of logits may differ, so texts may; the reply store keeps what was drawn.
 */
#ifndef LLM_GGUF_H
#define LLM_GGUF_H

#include "outcross.h"

extern const struct oc_llm_def oc_llm_gguf;

#endif
