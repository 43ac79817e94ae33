#include "llm/llama_abi.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define LEVEL_ERROR 4
#define GET_ANOTHER "run `outcross doctor --fix` to fetch a library that fits"

/* The library logs hundreds of lines; errors go on to stderr, that is to our parent's log. */
static void hear(int level, const char *text, void *user)
{
	struct oc_llama *l = user;

	if (level != LEVEL_ERROR)
		return;
	fputs(text, stderr);
	snprintf(l->complaint, sizeof l->complaint, "%s", text);
	l->complaint[strcspn(l->complaint, "\n")] = 0;
}

bool oc_llama_find(const char *folder, char path[512])
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	char best[256] = "";

	if (!dir)
		return false;
	while ((e = readdir(dir))) {
		const char *name = e->d_name;
		if (strncmp(name, "libllama", 8) != 0 || !strstr(name, ".so") ||
		    strncmp(name, "libllama-common", 15) == 0)
			continue;
		/* "libllama.so" before versions of it; else the first by name, for a stable choice
		 */
		if (!best[0] || strlen(name) < strlen(best) ||
		    (strlen(name) == strlen(best) && strcmp(name, best) < 0))
			snprintf(best, sizeof best, "%s", name);
	}
	closedir(dir);
	if (!best[0] || (size_t)snprintf(path, 512, "%s/%s", folder, best) >= 512)
		return false;
	return true;
}

/* The stable part of llama_batch: where its pointers are. */
static int check_batch(struct oc_llama *l, struct oc_err *err)
{
	struct oc_llama_batch b = l->llama_batch_init(7, 0, 3);
	bool fits = b.n_tokens == 0 && b.token && !b.embd && b.pos && b.n_seq_id && b.seq_id &&
	            b.logits && b.seq_id[0] && b.seq_id[6] && !b.seq_id[7];
	if (!fits)
		goto refuse;
	l->llama_batch_free(b);
	b = l->llama_batch_init(4, 5, 1);
	fits = b.n_tokens == 0 && !b.token && b.embd && b.pos && b.n_seq_id && b.seq_id && b.logits;
	if (!fits)
		goto refuse;
	l->llama_batch_free(b);
	return 0;
refuse:
	return oc_fail(err, OC_MISSING, l->path, "the layout of llama_batch is new to Outcross; %s",
	               GET_ANOTHER);
}

/* "libllama.v0.5.0.so" -> "v0.5.0" */
static void version_from_name(struct oc_llama *l)
{
	const char *name = strrchr(l->path, '/');
	const char *from = name ? strchr(name, '.') : NULL, *so = from ? strstr(from, ".so") : NULL;

	if (so && so > from)
		snprintf(l->version, sizeof l->version, "%.*s", (int)(so - from - 1), from + 1);
	else
		snprintf(l->version, sizeof l->version, "unknown version");
}

/* Which libggml-cpu-*.so is mapped: results may depend on it. */
static void find_backend(struct oc_llama *l)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[1024];

	snprintf(l->backend, sizeof l->backend, "built in");
	while (maps && fgets(line, sizeof line, maps)) {
		char *at = strstr(line, "/libggml-cpu");
		if (at) {
			at += strlen("/libggml-");
			at[strcspn(at, ".\n")] = 0;
			snprintf(l->backend, sizeof l->backend, "%.60s", at);
			break;
		}
	}
	if (maps)
		fclose(maps);
}

int oc_llama_load(struct oc_llama *l, const char *folder, struct oc_err *err)
{
	memset(l, 0, sizeof *l);
	if (!oc_llama_find(folder, l->path))
		return oc_fail(err, OC_MISSING, folder, "no libllama here; %s", GET_ANOTHER);
	l->handle = dlopen(l->path, RTLD_NOW | RTLD_LOCAL);
	if (!l->handle)
		return oc_fail(err, OC_MISSING, l->path, "cannot load the library: %s; %s",
		               dlerror(), GET_ANOTHER);
#define X(result, name, args)                                                                      \
	*(void **)&l->name = dlsym(l->handle, #name);                                              \
	if (!l->name)                                                                              \
		return oc_fail(err, OC_MISSING, l->path,                                           \
		               "the library is too old (or no llama.cpp): it has no %s; %s",       \
		               #name, GET_ANOTHER);
	OC_LLAMA_MAP(X)
#undef X
	l->llama_log_set(hear, l);
	l->ggml_backend_load_all_from_path(folder);
	l->llama_backend_init();
	const char *(*version)(void);
	*(void **)&version = dlsym(l->handle, "llama_version");
	if (version)
		snprintf(l->version, sizeof l->version, "%.60s", version());
	else
		version_from_name(l);
	find_backend(l);
	return check_batch(l, err);
}

/*
 * n_ctx, n_batch, n_ubatch and n_seq_max stand together and begin with these defaults in every
 * release known; found by value, never by a remembered offset.
 */
static uint32_t *find_sizes(struct oc_llama_params *p)
{
	static const uint32_t defaults[4] = {512, 2048, 512, 1};

	for (size_t i = 0; i + 4 <= sizeof p->word / sizeof *p->word; i++)
		if (memcmp(p->word + i, defaults, sizeof defaults) == 0)
			return p->word + i;
	return NULL;
}

int oc_llama_open(struct oc_llama_session *s, struct oc_llama *lib, const char *model,
                  uint32_t slots, uint32_t length, uint32_t n_batch, uint32_t n_ubatch,
                  struct oc_err *err)
{
	struct oc_llama_params mp = {{0}}, cp = {{0}};

	memset(s, 0, sizeof *s);
	s->lib = lib;
	mp = lib->llama_model_default_params();
	s->model = lib->llama_model_load_from_file(model, mp);
	if (!s->model)
		return oc_fail(err, OC_INPUT, model, "llama.cpp %s cannot load this model: %s",
		               lib->version,
		               lib->complaint[0] ? lib->complaint : "no reason given");
	s->vocab = lib->llama_model_get_vocab(s->model);
	s->vocab_n = lib->llama_vocab_n_tokens(s->vocab);

	cp = lib->llama_context_default_params();
	uint32_t *sizes = find_sizes(&cp);
	if (!sizes)
		return oc_fail(err, OC_MISSING, lib->path,
		               "the context parameters are new to Outcross; %s", GET_ANOTHER);
	sizes[0] = slots * length;
	sizes[1] = n_batch;
	sizes[2] = n_ubatch;
	sizes[3] = slots;
	s->context = lib->llama_init_from_model(s->model, cp);
	if (!s->context)
		return oc_fail(err, OC_INPUT, model,
		               "llama.cpp cannot make a context of %u x %u tokens: %s; ask for "
		               "fewer slots or a shorter context",
		               slots, length,
		               lib->complaint[0] ? lib->complaint : "no reason given");
	s->slots = lib->llama_n_seq_max(s->context);
	s->rows = lib->llama_n_batch(s->context);
	s->length = lib->llama_n_ctx(s->context) / slots;
	s->memory = lib->llama_get_memory(s->context);
	if (s->slots != slots || s->length < length || s->rows != n_batch ||
	    lib->llama_n_ubatch(s->context) != n_ubatch || !s->memory)
		return oc_fail(err, OC_MISSING, lib->path,
		               "the library did not take the sizes it was given (%u sequences, %u "
		               "tokens, %u rows); %s",
		               s->slots, s->length, s->rows, GET_ANOTHER);
	lib->llama_set_n_threads(s->context, 1, 1);
	if (lib->llama_n_threads(s->context) != 1)
		return oc_fail(err, OC_MISSING, lib->path,
		               "the library did not take the number of threads; %s", GET_ANOTHER);
	return 0;
}

void oc_llama_close(struct oc_llama_session *s)
{
	if (s->context)
		s->lib->llama_free(s->context);
	if (s->model)
		s->lib->llama_model_free(s->model);
	memset(s, 0, sizeof *s);
}
