#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "pipe/ahead.h"
#include "pipe/source.h"

/*
 * Of compressed files the current one is inflated a little ahead of its reader, so that both can go
 * on; the next ones, one less than there are threads, a lot ahead, as their turn may be long in
 * coming; all of it within a tenth of the memory allowed. With one thread, and where a file is too
 * small to be worth one, nothing is read ahead.
 */
#define NEAR_BYTES  ((size_t)1 << 20)
#define FAR_BYTES   ((size_t)32 << 20)
#define FAR_FILES   3
#define FAR_PART    32         /* of the memory, each */
#define SMALL_BYTES (64 << 10) /* compressed */

struct opened {
	struct oc_unpack *file; /* NULL: not open, or ahead owns it */
	struct oc_ahead *ahead;
	bool looked_at; /* whether it can be read ahead */
};

struct oc_files {
	struct oc_arena *arena;
	struct oc_input *inputs;
	struct opened *opened; /* (n) */
	uint32_t n, cap, at;   /* at: index of the current file + 1 */
	struct oc_ctx *ctx;    /* or NULL */
	size_t near, far;      /* bytes read ahead */
};

/* -------------------------------------------------------------- which files */

static void add(struct oc_files *f, struct oc_str name, const char *path)
{
	if (f->n == f->cap) {
		uint32_t cap = f->cap ? f->cap * 2 : 8;
		f->inputs = oc_arena_resize(f->arena, f->inputs, f->cap * sizeof *f->inputs,
		                            cap * sizeof *f->inputs);
		f->cap = cap;
	}
	f->inputs[f->n++] = (struct oc_input){.name = oc_arena_str(f->arena, name),
	                                      .path = oc_arena_str(f->arena, oc_str(path)).p};
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* glob(3) would sort by the locale. */
static int add_pattern(struct oc_files *f, const char *pattern, size_t dir_len, struct oc_err *err)
{
	struct oc_buf quoted = {0};
	glob_t found;

	oc_glob_quote(&quoted, (struct oc_str){pattern, dir_len});
	oc_buf_puts(&quoted, pattern + dir_len);
	int rc = glob(oc_buf_cstr(&quoted), GLOB_NOSORT, NULL, &found);
	oc_buf_fini(&quoted);

	if (rc == GLOB_NOMATCH)
		return oc_fail(err, OC_INPUT, pattern, "no file matches this pattern");
	if (rc)
		return oc_fail(err, OC_IO, pattern, "cannot list the files of this pattern");
	qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_bytes);
	for (size_t i = 0; i < found.gl_pathc; i++)
		add(f, oc_str(found.gl_pathv[i] + dir_len), found.gl_pathv[i]);
	globfree(&found);
	return 0;
}

static int add_path(struct oc_files *f, const struct oc_env *env, struct oc_str name,
                    struct oc_err *err)
{
	bool based = name.len && name.p[0] != '/' && env->base_dir && env->base_dir[0];
	size_t dir_len = based ? strlen(env->base_dir) + 1 : 0;
	const char *path = oc_path_from(f->arena, env->base_dir, name);

	if (!name.len || memchr(name.p, 0, name.len))
		return oc_fail(err, OC_PLAN, env->name, "path: an empty name or one with a NUL");
	if (oc_str_is(name, "-")) {
		add(f, name, "-");
		return 0;
	}
	if (access(path, R_OK) == 0) {
		add(f, name, path);
		return 0;
	}
	if (errno == ENOENT && strpbrk(path + dir_len, "*?["))
		return add_pattern(f, path, dir_len, err);
	oc_fail_errno(err, path, "cannot read");
	err->code = OC_INPUT;
	return -1;
}

struct oc_files *oc_files_open(const struct oc_env *env, yyjson_val *paths, struct oc_err *err)
{
	struct oc_files *f = oc_zalloc(1, sizeof *f);
	size_t i, max;
	yyjson_val *item;
	int rc = 0;

	f->arena = oc_arena_new();
	f->ctx = env->ctx;
	f->far = env->memory && env->memory / FAR_PART < FAR_BYTES
	                 ? (size_t)(env->memory / FAR_PART)
	                 : FAR_BYTES;
	f->near = f->far < NEAR_BYTES ? f->far : NEAR_BYTES;
	if (yyjson_is_str(paths))
		rc = add_path(f, env, oc_json_str(paths), err);
	yyjson_arr_foreach(paths, i, max, item) if (!rc) rc =
		add_path(f, env, oc_json_str(item), err);
	if (!rc && !f->n)
		rc = oc_fail(err, OC_PLAN, env->name, "path: names no file");
	if (rc) {
		oc_files_close(f);
		return NULL;
	}
	f->opened = oc_arena_zalloc(f->arena, f->n * sizeof *f->opened);
	return f;
}

static void leave(struct opened *o)
{
	oc_ahead_close(o->ahead);
	oc_unpack_close(o->file);
	o->ahead = NULL;
	o->file = NULL;
}

void oc_files_close(struct oc_files *f)
{
	if (!f)
		return;
	for (uint32_t i = 0; f->opened && i < f->n; i++)
		leave(&f->opened[i]);
	oc_arena_free(f->arena);
	free(f);
}

struct oc_input *oc_files_current(struct oc_files *f)
{
	return f->at ? &f->inputs[f->at - 1] : NULL;
}

uint32_t oc_files_inputs(const struct oc_files *f, const struct oc_input **inputs)
{
	*inputs = f->inputs;
	return f->n;
}

struct oc_str oc_files_keep(struct oc_files *f, struct oc_str s)
{
	return oc_arena_str(f->arena, s);
}

uint32_t oc_source_inputs(const struct oc_source_def *def, void *self,
                          const struct oc_input **inputs)
{
	if (!self || (def != &oc_source_jsonl && def != &oc_source_csv && def != &oc_source_text &&
	              def != &oc_source_parquet))
		return 0;
	return oc_files_inputs(*(struct oc_files **)self, inputs);
}

/* ------------------------------------------------------------- bytes of one */

static void read_ahead(struct opened *o, size_t limit)
{
	if (o->file && oc_unpack_packed(o->file))
		o->ahead = oc_ahead_open(o->file, limit);
	if (o->ahead)
		o->file = NULL;
}

/* Is it, or may it be, large enough for a thread? */
static bool is_large(const char *path, bool plain_only)
{
	struct stat st;

	if (!strcmp(path, "-"))
		return !plain_only;
	if (stat(path, &st))
		return false;
	return S_ISREG(st.st_mode) ? st.st_size > SMALL_BYTES : !plain_only;
}

/* Files like the current one follow it, as a rule; what is wrong with one is said when its turn has
 * come. What is no plain file is left alone until then. */
static void look_ahead(struct oc_files *f)
{
	uint32_t far = f->ctx->threads - 1 < FAR_FILES ? f->ctx->threads - 1 : FAR_FILES;

	for (uint32_t i = f->at; i < f->n && i < f->at + far; i++) {
		struct opened *o = &f->opened[i];
		struct oc_err ignored = {0};
		if (o->looked_at)
			continue;
		o->looked_at = true;
		if (!is_large(f->inputs[i].path, true))
			continue;
		o->file = oc_unpack_open(f->inputs[i].path, &ignored);
		read_ahead(o, f->far);
		if (!o->ahead)
			leave(o);
	}
}

int oc_files_next(struct oc_files *f, struct oc_err *err)
{
	if (f->at)
		leave(&f->opened[f->at - 1]);
	if (f->at == f->n)
		return 0;
	struct opened *o = &f->opened[f->at];
	const char *path = f->inputs[f->at++].path;
	bool ahead = f->ctx && f->ctx->threads > 1;
	if (o->ahead) {
		oc_ahead_limit(o->ahead, f->near);
	} else {
		o->file = oc_unpack_open(path, err);
		if (!o->file)
			return -1;
		if (ahead && is_large(path, false))
			read_ahead(o, f->near);
	}
	if (o->ahead)
		look_ahead(f);
	return 1;
}

ssize_t oc_files_read(struct oc_files *f, void *p, size_t cap, struct oc_err *err)
{
	struct opened *o = &f->opened[f->at - 1];
	struct oc_input *in = oc_files_current(f);
	struct oc_unpacked done = {0};
	ssize_t n;

	if (o->ahead) {
		n = oc_ahead_read(o->ahead, p, cap, &f->ctx->cancel, &done, err);
	} else {
		n = oc_unpack_read(o->file, p, cap, err);
		done = oc_unpack_done(o->file);
	}
	if (n < 0)
		return -1;
	in->bytes = done.bytes;
	in->hash = done.hash;
	in->whole = done.whole;
	return n;
}
