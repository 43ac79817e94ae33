#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/err.h"
#include "pipe/source.h"

#define PACKED_CAP ((size_t)256 << 10)

enum packing { PLAIN, GZIP, ZSTD };

struct oc_files {
	struct oc_arena *arena;
	struct oc_input *inputs;
	uint32_t n, cap, at; /* at: index of the current file + 1 */

	int fd;
	bool on_disk_end; /* read(2) said so */
	struct oc_hasher *hasher;
	enum packing packing;
	bool inside; /* a compressed frame has begun and not ended */
	char *packed;
	size_t packed_at, packed_len;
	z_stream gz;
	bool gz_open;
	ZSTD_DStream *zstd;
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
	glob_t found;
	int rc = glob(pattern, GLOB_NOSORT, NULL, &found);

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
	struct oc_str path =
		based ? oc_arena_printf(f->arena, "%s/%.*s", env->base_dir, OC_ARG(name))
		      : oc_arena_str(f->arena, name);

	if (!name.len || memchr(name.p, 0, name.len))
		return oc_fail(err, OC_PLAN, env->name, "path: an empty name or one with a NUL");
	if (oc_str_is(name, "-")) {
		add(f, name, "-");
		return 0;
	}
	if (access(path.p, R_OK) == 0) {
		add(f, name, path.p);
		return 0;
	}
	if (errno == ENOENT && strpbrk(path.p + dir_len, "*?["))
		return add_pattern(f, path.p, dir_len, err);
	oc_fail_errno(err, path.p, "cannot read");
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
	f->fd = -1;
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
	f->packed = oc_alloc(PACKED_CAP);
	return f;
}

static void leave(struct oc_files *f)
{
	if (f->fd > 0)
		close(f->fd);
	f->fd = -1;
	oc_hasher_free(f->hasher);
	f->hasher = NULL;
	if (f->gz_open)
		inflateEnd(&f->gz);
	f->gz_open = false;
	ZSTD_freeDStream(f->zstd);
	f->zstd = NULL;
}

void oc_files_close(struct oc_files *f)
{
	if (!f)
		return;
	leave(f);
	free(f->packed);
	oc_arena_free(f->arena);
	free(f);
}

struct oc_input *oc_files_current(struct oc_files *f)
{
	return f->at ? &f->inputs[f->at - 1] : NULL;
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
	struct oc_files *f = *(struct oc_files **)self;
	*inputs = f->inputs;
	return f->n;
}

/* ------------------------------------------------------------- bytes of one */

/* Bytes as they lie on disk, hashed. */
static ssize_t read_disk(struct oc_files *f, void *p, size_t cap, struct oc_err *err)
{
	struct oc_input *in = oc_files_current(f);
	ssize_t n;

	if (f->on_disk_end)
		return 0;
	do
		n = read(f->fd, p, cap);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		bool folder = errno == EISDIR;
		oc_fail_errno(err, in->path, "cannot read");
		if (folder)
			err->code = OC_INPUT;
		return -1;
	}
	if (n == 0) {
		f->on_disk_end = true;
		in->hash = oc_hasher_get(f->hasher);
		in->whole = true;
		return 0;
	}
	oc_hasher_add(f->hasher, p, (size_t)n);
	in->bytes += (uint64_t)n;
	return n;
}

int oc_files_next(struct oc_files *f, struct oc_err *err)
{
	static const unsigned char gz_magic[] = {0x1f, 0x8b},
				   zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};

	leave(f);
	if (f->at == f->n)
		return 0;
	struct oc_input *in = &f->inputs[f->at++];
	if (strcmp(in->path, "-") == 0) {
		f->fd = 0;
	} else {
		f->fd = open(in->path, O_RDONLY | O_CLOEXEC);
		if (f->fd < 0)
			return oc_fail_errno(err, in->path, "cannot open");
		posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	}
	f->hasher = oc_hasher_new();
	f->on_disk_end = false;
	f->packed_at = f->packed_len = 0;
	f->packing = PLAIN;
	f->inside = false;
	/* A pipe may give the first bytes one at a time. */
	while (f->packed_len < 4) {
		ssize_t n =
			read_disk(f, f->packed + f->packed_len, PACKED_CAP - f->packed_len, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		f->packed_len += (size_t)n;
	}
	if (f->packed_len >= 2 && !memcmp(f->packed, gz_magic, 2)) {
		f->packing = GZIP;
		f->gz = (z_stream){0};
		if (inflateInit2(&f->gz, 15 + 16) != Z_OK)
			oc_oom(1 << 15);
		f->gz_open = true;
	} else if (f->packed_len >= 4 && !memcmp(f->packed, zstd_magic, 4)) {
		f->packing = ZSTD;
		f->zstd = ZSTD_createDStream();
		if (!f->zstd)
			oc_oom(1 << 15);
	}
	return 1;
}

static int damaged(struct oc_files *f, const char *kind, const char *why, struct oc_err *err)
{
	return oc_fail(err, OC_INPUT, oc_files_current(f)->path,
	               "the %s data are damaged near byte %llu (%s); fetch or make the file again",
	               kind, (unsigned long long)oc_files_current(f)->bytes, why);
}

/* One step of inflation from `packed`. Returns the bytes made, which may be 0. */
static ssize_t inflate_some(struct oc_files *f, void *p, size_t cap, struct oc_err *err)
{
	if (!f->inside) {
		inflateReset(&f->gz); /* members may follow each other */
		f->inside = true;
	}
	size_t room = cap < UINT32_MAX ? cap : UINT32_MAX;
	f->gz.next_in = (unsigned char *)f->packed + f->packed_at;
	f->gz.avail_in = (unsigned)(f->packed_len - f->packed_at);
	f->gz.next_out = p;
	f->gz.avail_out = (unsigned)room;
	int rc = inflate(&f->gz, Z_NO_FLUSH);
	f->packed_at = f->packed_len - f->gz.avail_in;
	if (rc == Z_STREAM_END)
		f->inside = false;
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		return damaged(f, "gzip", f->gz.msg ? f->gz.msg : "bad stream", err);
	return (ssize_t)(room - f->gz.avail_out);
}

static ssize_t unzstd_some(struct oc_files *f, void *p, size_t cap, struct oc_err *err)
{
	ZSTD_inBuffer in = {f->packed, f->packed_len, f->packed_at};
	ZSTD_outBuffer out = {p, cap, 0};
	size_t rc = ZSTD_decompressStream(f->zstd, &out, &in);

	f->packed_at = in.pos;
	if (ZSTD_isError(rc))
		return damaged(f, "zstd", ZSTD_getErrorName(rc), err);
	f->inside = rc != 0;
	return (ssize_t)out.pos;
}

ssize_t oc_files_read(struct oc_files *f, void *p, size_t cap, struct oc_err *err)
{
	if (f->packing == PLAIN) {
		size_t left = f->packed_len - f->packed_at;
		if (!left)
			return read_disk(f, p, cap, err);
		if (left > cap)
			left = cap;
		memcpy(p, f->packed + f->packed_at, left);
		f->packed_at += left;
		return (ssize_t)left;
	}
	for (;;) {
		if (f->packed_at == f->packed_len && !f->on_disk_end) {
			ssize_t n = read_disk(f, f->packed, PACKED_CAP, err);
			if (n < 0)
				return -1;
			f->packed_at = 0;
			f->packed_len = (size_t)n;
		}
		if (f->packed_at == f->packed_len && !f->inside)
			return 0;
		/* Even with all input taken, a decoder may still hold output back. */
		bool last = f->packed_at == f->packed_len;
		ssize_t n = f->packing == GZIP ? inflate_some(f, p, cap, err)
		                               : unzstd_some(f, p, cap, err);
		if (n)
			return n;
		if (last && f->inside)
			return damaged(f, f->packing == GZIP ? "gzip" : "zstd",
			               "it ends in the middle: a copy that was cut off", err);
	}
}
