/*
 * gguf_file.h: where the library and the model of a local LLM lie.
 *
 * Order: the option, then the folder $OUTCROSS_LLAMA (itself, its llama/ and models/), then
 * outcross/llama and outcross/models in $XDG_CACHE_HOME (~/.cache), where setup/model.sh puts them,
 * then, for the library, the system's folders.
 */
#ifndef LLM_GGUF_FILE_H
#define LLM_GGUF_FILE_H

#include "base/str.h"

/* The folder that holds libllama. `given` may be NULL; a relative one starts at base_dir. */
int oc_gguf_library(const char *given, const char *base_dir, char folder[512], struct oc_err *err);

/*
 * The model's file: a path (relative to base_dir), or the name of a file in the models folders,
 * upper and lower case alike, without its ending, or as much of its beginning as is unique. Checks
 * that the file begins as GGUF does.
 */
int oc_gguf_model(const char *given, const char *base_dir, char path[512], struct oc_err *err);

/* XXH3-128 of the whole file, hex. About 2 GB a second. */
int oc_gguf_hash(const char *path, char hex[33], struct oc_err *err);

#endif
