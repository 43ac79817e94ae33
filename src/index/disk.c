#include "index/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"

#define MAGIC       "OCINDEX\n"
#define HEADER_LEN  64
#define ALIGN       64
#define BUFFER      ((size_t)1 << 20)
#define SECTION_MAX 64
#define TABLE_MAX   ((uint64_t)1 << 24)

struct header {
	char magic[8];
	uint32_t version, zero;
	uint64_t at, len, hash; /* of the table of contents */
	uint8_t rest[HEADER_LEN - 40];
};

struct section {
	char name[32];
	uint64_t at, len;
	struct oc_hash128 hash;
	bool checked; /* reading */
};

/* ----------------------------------------------------------------- writing */

struct oc_index_writer {
	char *path, *tmp;
	int fd;
	uint64_t at; /* of the file, with what waits in `pending` */
	struct oc_buf pending, table;
	struct section sections[SECTION_MAX];
	unsigned section_n;
	struct oc_hasher *hasher; /* of the open section */
};

struct oc_index_writer *oc_index_create(const char *path, const char *stage, yyjson_val *options,
                                        struct oc_err *err)
{
	struct oc_index_writer *w = oc_zalloc(1, sizeof *w);
	struct header empty = {0};
	struct oc_buf tmp = {0};

	oc_buf_printf(&tmp, "%s.tmp", path);
	w->path = oc_strdup(path);
	w->tmp = oc_strdup(oc_buf_cstr(&tmp));
	oc_buf_fini(&tmp);
	w->fd = open(w->tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (w->fd < 0) {
		oc_fail_errno(err, path, "cannot create");
		oc_index_abandon(w);
		return NULL;
	}
	oc_buf_add(&w->pending, &empty, sizeof empty); /* filled in when the file is whole */
	w->at = sizeof empty;
	oc_buf_puts(&w->table, "{\"stage\":");
	oc_buf_json(&w->table, oc_str(stage));
	oc_buf_puts(&w->table, ",\"options\":");
	oc_json_canonical(&w->table, options);
	oc_buf_puts(&w->table, ",\"made_by\":\"" OUTCROSS_VERSION "\"");
	return w;
}

static int flush(struct oc_index_writer *w, struct oc_err *err)
{
	if (oc_write_all(w->fd, w->pending.p, w->pending.len, w->path, err))
		return -1;
	w->pending.len = 0;
	return 0;
}

static void end_section(struct oc_index_writer *w)
{
	static const char zeros[ALIGN];

	if (w->hasher) {
		w->sections[w->section_n - 1].hash = oc_hasher_get(w->hasher);
		oc_hasher_free(w->hasher);
		w->hasher = NULL;
	}
	size_t pad = (size_t)(-w->at & (ALIGN - 1));
	oc_buf_add(&w->pending, zeros, pad);
	w->at += pad;
}

int oc_index_begin(struct oc_index_writer *w, const char *name, struct oc_err *err)
{
	if (w->section_n == SECTION_MAX || strlen(name) >= sizeof w->sections->name)
		return oc_fail(err, OC_INTERNAL, w->path, "one section too many: %s", name);
	end_section(w);
	struct section *s = &w->sections[w->section_n++];
	snprintf(s->name, sizeof s->name, "%s", name);
	s->at = w->at;
	w->hasher = oc_hasher_new();
	return 0;
}

int oc_index_write(struct oc_index_writer *w, const void *p, size_t len, struct oc_err *err)
{
	if (!len)
		return 0;
	oc_hasher_add(w->hasher, p, len);
	w->at += len;
	w->sections[w->section_n - 1].len += len;
	if (w->pending.len + len > BUFFER && flush(w, err))
		return -1;
	if (len >= BUFFER)
		return oc_write_all(w->fd, p, len, w->path, err);
	oc_buf_add(&w->pending, p, len);
	return 0;
}

static int finish(struct oc_index_writer *w, uint64_t row_n, struct oc_err *err)
{
	struct oc_buf *t = &w->table;
	char hex[33];

	end_section(w);
	oc_buf_printf(t, ",\"rows\":%llu,\"sections\":[", (unsigned long long)row_n);
	for (unsigned i = 0; i < w->section_n; i++) {
		const struct section *s = &w->sections[i];
		oc_hash128_hex(s->hash, hex);
		oc_buf_printf(t, "%s{\"name\":\"%s\",\"at\":%llu,\"len\":%llu,\"hash\":\"%s\"}",
		              i ? "," : "", s->name, (unsigned long long)s->at,
		              (unsigned long long)s->len, hex);
	}
	oc_buf_puts(t, "]}\n");
	struct header h = {.magic = MAGIC,
	                   .version = OC_INDEX_VERSION,
	                   .at = w->at,
	                   .len = t->len,
	                   .hash = oc_hash64(t->p, t->len, 0)};
	oc_buf_add(&w->pending, t->p, t->len);
	if (flush(w, err))
		return -1;
	if (lseek(w->fd, 0, SEEK_SET) || oc_write_all(w->fd, &h, sizeof h, w->path, err))
		return oc_fail_errno(err, w->path, "cannot write");
	if (fsync(w->fd))
		return oc_fail_errno(err, w->path, "cannot sync");
	return oc_rename_synced(w->tmp, w->path, err);
}

int oc_index_commit(struct oc_index_writer *w, uint64_t row_n, struct oc_err *err)
{
	int rc = finish(w, row_n, err);

	oc_index_abandon(w); /* after the rename there is nothing to remove */
	return rc;
}

void oc_index_abandon(struct oc_index_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0) {
		close(w->fd);
		unlink(w->tmp);
	}
	oc_hasher_free(w->hasher);
	oc_buf_fini(&w->pending);
	oc_buf_fini(&w->table);
	free(w->path);
	free(w->tmp);
	free(w);
}

/* ----------------------------------------------------------------- reading */

struct oc_index {
	char *path;
	struct oc_arena *arena;
	yyjson_val *table;
	int fd;
	const char *map;
	size_t map_len;
	struct section sections[SECTION_MAX];
	unsigned section_n;
};

bool oc_index_is(const char *path)
{
	char magic[8];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && read(fd, magic, sizeof magic) == sizeof magic &&
	          memcmp(magic, MAGIC, sizeof magic) == 0;

	if (fd >= 0)
		close(fd);
	return is;
}

static int map_file(struct oc_index *ix, struct oc_err *err)
{
	struct stat st;

	ix->fd = open(ix->path, O_RDONLY | O_CLOEXEC);
	if (ix->fd < 0)
		return oc_fail_errno(err, ix->path, "cannot open");
	if (fstat(ix->fd, &st))
		return oc_fail_errno(err, ix->path, "cannot look at");
	ix->map_len = st.st_size < 0 ? 0 : (size_t)st.st_size;
	void *map = ix->map_len >= HEADER_LEN
	                    ? mmap(NULL, ix->map_len, PROT_READ, MAP_SHARED, ix->fd, 0)
	                    : MAP_FAILED;
	if (map == MAP_FAILED)
		return oc_fail(err, OC_INPUT, ix->path,
		               "is no index of Outcross: make one with `outcross index build`");
	ix->map = map;
	return 0;
}

static int read_table(struct oc_index *ix, struct oc_err *err)
{
	struct header h;
	yyjson_val *list, *item;
	size_t i, max;

	memcpy(&h, ix->map, sizeof h);
	if (memcmp(h.magic, MAGIC, sizeof h.magic) != 0)
		return oc_fail(err, OC_INPUT, ix->path,
		               "is no index of Outcross: make one with `outcross index build`");
	if (h.version > OC_INDEX_VERSION)
		return oc_fail(err, OC_INPUT, ix->path,
		               "was made by a newer Outcross (format %u, this one reads up to %u)",
		               h.version, OC_INDEX_VERSION);
	if (h.len > TABLE_MAX || h.at > ix->map_len || h.len > ix->map_len - h.at ||
	    oc_hash64(ix->map + h.at, (size_t)h.len, 0) != h.hash)
		return oc_fail(err, OC_INPUT, ix->path, "is damaged or cut short: build it again");
	ix->table = oc_json_parse(ix->arena, (struct oc_str){ix->map + h.at, (size_t)h.len}, err);
	list = oc_json_get(ix->table, "sections");
	yyjson_arr_foreach(list, i, max, item)
	{
		struct section *s = &ix->sections[ix->section_n];
		struct oc_str name = oc_json_get_str(item, "name");
		s->at = (uint64_t)oc_json_get_int(item, "at", -1);
		s->len = (uint64_t)oc_json_get_int(item, "len", -1);
		if (ix->section_n == SECTION_MAX || name.len >= sizeof s->name || s->at > h.at ||
		    s->len > h.at - s->at || s->at % ALIGN ||
		    !oc_hash128_parse(oc_json_get_str(item, "hash"), &s->hash))
			return oc_fail(err, OC_INPUT, ix->path, "is damaged: build it again");
		memcpy(s->name, name.p, name.len);
		ix->section_n++;
	}
	return ix->table ? 0 : -1;
}

/* Is member `key` the same in both? If not, says so. */
static int same_option(const struct oc_index *ix, yyjson_val *have, yyjson_val *want,
                       const char *key, struct oc_err *err)
{
	yyjson_val *theirs = oc_json_get(have, key), *ours = oc_json_get(want, key);
	struct oc_buf a = {0}, b = {0};
	int rc = 0;

	if (theirs)
		oc_json_canonical(&a, theirs);
	else
		oc_buf_puts(&a, "unset");
	if (ours)
		oc_json_canonical(&b, ours);
	else
		oc_buf_puts(&b, "unset");
	if (a.len != b.len || memcmp(a.p, b.p, a.len) != 0)
		rc = oc_fail(err, OC_INPUT, ix->path,
		             "was made with `%s` %.200s, and this step has %.200s: give the step "
		             "the options of the index, or build it again",
		             key, oc_buf_cstr(&a), oc_buf_cstr(&b));
	oc_buf_fini(&a);
	oc_buf_fini(&b);
	return rc;
}

static int same_options(const struct oc_index *ix, yyjson_val *want, struct oc_err *err)
{
	yyjson_val *have = oc_json_get(ix->table, "options"), *key, *val;
	size_t i, max;

	yyjson_obj_foreach(want, i, max, key, val)
	{
		if (same_option(ix, have, want, yyjson_get_str(key), err))
			return -1;
	}
	yyjson_obj_foreach(have, i, max, key, val)
	{
		if (same_option(ix, have, want, yyjson_get_str(key), err))
			return -1;
	}
	return 0;
}

int oc_index_open(struct oc_index **out, const char *path, const char *stage, yyjson_val *options,
                  struct oc_err *err)
{
	struct oc_index *ix = oc_zalloc(1, sizeof *ix);
	struct oc_str made;

	ix->fd = -1;
	ix->path = oc_strdup(path);
	ix->arena = oc_arena_new();
	if (map_file(ix, err) || read_table(ix, err))
		goto fail;
	made = oc_json_get_str(ix->table, "stage");
	if (!oc_str_is(made, stage)) {
		oc_fail(err, OC_INPUT, path, "is an index for the stage %.*s, not for %s",
		        OC_ARG(made), stage);
		goto fail;
	}
	if (same_options(ix, options, err))
		goto fail;
	*out = ix;
	return 0;
fail:
	oc_index_close(ix);
	return -1;
}

void oc_index_close(struct oc_index *ix)
{
	if (!ix)
		return;
	if (ix->map)
		munmap((void *)(uintptr_t)ix->map, ix->map_len);
	if (ix->fd >= 0)
		close(ix->fd);
	oc_arena_free(ix->arena);
	free(ix->path);
	free(ix);
}

uint64_t oc_index_rows(const struct oc_index *ix)
{
	return (uint64_t)oc_json_get_int(ix->table, "rows", 0);
}

const char *oc_index_path(const struct oc_index *ix)
{
	return ix->path;
}

yyjson_val *oc_index_options(const struct oc_index *ix)
{
	return oc_json_get(ix->table, "options");
}

int oc_index_file(const struct oc_index *ix, const char *p, uint64_t *at)
{
	*at = (uint64_t)(p - ix->map);
	return ix->fd;
}

static int check(const struct oc_index *ix, struct section *s, struct oc_err *err)
{
	enum { STEP = 1 << 24 };
	struct oc_hasher *h = oc_hasher_new();
	struct oc_hash128 hash;

	for (uint64_t at = 0; at < s->len; at += STEP) {
		size_t n = s->len - at < STEP ? (size_t)(s->len - at) : STEP;
		oc_hasher_add(h, ix->map + s->at + at, n);
		oc_map_rest(ix->map + s->at + at, n);
	}
	hash = oc_hasher_get(h);
	oc_hasher_free(h);
	if (hash.lo != s->hash.lo || hash.hi != s->hash.hi)
		return oc_fail(err, OC_INPUT, ix->path, "section %s is damaged: build it again",
		               s->name);
	s->checked = true;
	return 0;
}

int oc_index_section(struct oc_index *ix, const char *name, size_t unit, struct oc_str *out,
                     struct oc_err *err)
{
	for (unsigned i = 0; i < ix->section_n; i++) {
		struct section *s = &ix->sections[i];
		if (strcmp(s->name, name) != 0)
			continue;
		if (s->len % unit)
			return oc_fail(err, OC_INPUT, ix->path,
			               "section %s is no list of %zu bytes each: build it again",
			               name, unit);
		if (!s->checked && check(ix, s, err))
			return -1;
		*out = (struct oc_str){ix->map + s->at, (size_t)s->len};
		return 0;
	}
	return oc_fail(err, OC_INPUT, ix->path, "has no section %s: build it again", name);
}

void oc_map_rest(const void *p, size_t len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)p & ~(page - 1);

	/* of a shared map this forgets nothing: the file's pages stay with the kernel */
	if (len)
		madvise((void *)from, (uintptr_t)p + len - from, MADV_DONTNEED);
}
