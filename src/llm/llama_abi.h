/*
 * llama_abi.h: llama.cpp's C library, loaded at run time, whatever its version.
 *
 * The library's parameter structs grow from release to release. They are declared here as 1,024
 * opaque bytes: on x86-64 System V a large struct is returned through a hidden pointer, of which
 * the library writes only its own bytes, and passed as a copy of which it reads only its own;
 * AArch64 passes a pointer to a copy. So a struct that is too long does no harm as long as it is
 * the last argument. Only four words are ever written, found by the values of their defaults;
 * everything is compared with what the library says afterwards, and a library that does not fit is
 * refused. Used in a child process only: the library aborts on its own errors.
 */
#ifndef LLM_LLAMA_ABI_H
#define LLM_LLAMA_ABI_H

#include "outcross.h"

struct oc_llama_params {
	_Alignas(8) uint32_t word[256];
};

/* The stable head of llama_batch (56 bytes), and room for what may come. */
struct oc_llama_batch {
	int32_t n_tokens;
	int32_t *token;
	float *embd;
	int32_t *pos;
	int32_t *n_seq_id;
	int32_t **seq_id;
	int8_t *logits;
	uint64_t spare[8];
};

struct oc_llama_message {
	const char *role, *content;
};

typedef void oc_llama_log_fn(int level, const char *text, void *user);

/* result, name, arguments: every function used; a library without one of them is too old. */
#define OC_LLAMA_MAP(X)                                                                            \
	X(void, llama_log_set, (oc_llama_log_fn *, void *))                                        \
	X(void, ggml_backend_load_all_from_path, (const char *))                                   \
	X(void, llama_backend_init, (void))                                                        \
	X(struct oc_llama_params, llama_model_default_params, (void))                              \
	X(struct oc_llama_params, llama_context_default_params, (void))                            \
	X(void *, llama_model_load_from_file, (const char *, struct oc_llama_params))              \
	X(void *, llama_init_from_model, (void *, struct oc_llama_params))                         \
	X(void, llama_model_free, (void *))                                                        \
	X(void, llama_free, (void *))                                                              \
	X(const void *, llama_model_get_vocab, (const void *))                                     \
	X(int32_t, llama_model_n_ctx_train, (const void *))                                        \
	X(const char *, llama_model_chat_template, (const void *, const char *))                   \
	X(int32_t, llama_chat_apply_template,                                                      \
	  (const char *, const struct oc_llama_message *, size_t, bool, char *, int32_t))          \
	X(int32_t, llama_vocab_n_tokens, (const void *))                                           \
	X(bool, llama_vocab_is_eog, (const void *, int32_t))                                       \
	X(int32_t, llama_vocab_bos, (const void *))                                                \
	X(int32_t, llama_tokenize,                                                                 \
	  (const void *, const char *, int32_t, int32_t *, int32_t, bool, bool))                   \
	X(int32_t, llama_token_to_piece, (const void *, int32_t, char *, int32_t, int32_t, bool))  \
	X(void, llama_set_n_threads, (void *, int32_t, int32_t))                                   \
	X(int32_t, llama_n_threads, (void *))                                                      \
	X(uint32_t, llama_n_ctx, (const void *))                                                   \
	X(uint32_t, llama_n_batch, (const void *))                                                 \
	X(uint32_t, llama_n_ubatch, (const void *))                                                \
	X(uint32_t, llama_n_seq_max, (const void *))                                               \
	X(void *, llama_get_memory, (const void *))                                                \
	X(bool, llama_memory_seq_rm, (void *, int32_t, int32_t, int32_t))                          \
	X(void, llama_memory_seq_cp, (void *, int32_t, int32_t, int32_t, int32_t))                 \
	X(void, llama_memory_clear, (void *, bool))                                                \
	X(struct oc_llama_batch, llama_batch_init, (int32_t, int32_t, int32_t))                    \
	X(void, llama_batch_free, (struct oc_llama_batch))                                         \
	X(int32_t, llama_decode, (void *, struct oc_llama_batch))                                  \
	X(float *, llama_get_logits_ith, (void *, int32_t))

struct oc_llama {
#define X(result, name, args) result(*name) args;
	OC_LLAMA_MAP(X)
#undef X
	void *handle;
	char path[512];      /* of the library */
	char version[64];    /* as it says, else from its file name */
	char backend[64];    /* file of the processor backend it chose, "built in" if none */
	char complaint[512]; /* the last error it logged */
};

/* Finds libllama in a folder, loads it and its processor backends, checks the layouts. */
int oc_llama_load(struct oc_llama *l, const char *folder, struct oc_err *err);

/* The library's file in a folder ("libllama*.so*", not libllama-common), or false. */
bool oc_llama_find(const char *folder, char path[512]);

/* A loaded model with a context of `slots` sequences of `length` tokens each. */
struct oc_llama_session {
	struct oc_llama *lib;
	void *model, *context, *memory;
	const void *vocab;
	uint32_t slots;  /* sequences */
	uint32_t length; /* tokens of each, rounded up by the library */
	uint32_t rows;   /* most rows of one decode */
	int32_t vocab_n;
};

/*
 * n_ubatch: rows computed together. Chunks of 64 and more tokens of one sequence take another
 * attention kernel, whose results differ in the last bits; 48 keeps a row's logits the same alone
 * and in company.
 */
int oc_llama_open(struct oc_llama_session *s, struct oc_llama *lib, const char *model,
                  uint32_t slots, uint32_t length, uint32_t n_batch, uint32_t n_ubatch,
                  struct oc_err *err);
void oc_llama_close(struct oc_llama_session *s);

#endif
