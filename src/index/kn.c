/* kn.c: the tables of a backoff model, in memory or in a mapped file. */
#include "index/kn.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "index/kn_table.h"

#define MAGIC   "OCKN\r\n\x1a\n"
#define VERSION 1
#define HEADER  4096 /* bytes before the first table */

/* Little end first, as all machines are that we run on; `order_mark` shows one that is not. */
struct header {
	char magic[8];
	uint32_t version, order_mark, order, words, gaps, unused;
	uint64_t count[OC_KN_ORDER_MAX];
	uint64_t bytes; /* of the file */
};

/* Buckets are filled to three quarters: one line a look-up, mostly. */
static uint64_t buckets(const struct oc_kn_shape *s, unsigned order)
{
	uint64_t each = order == s->order ? OC_KN_LONG_N : OC_KN_MIDDLE_N;

	return s->count[order - 1] / each + s->count[order - 1] / each / 3 + 2;
}

uint64_t oc_kn_size(const struct oc_kn_shape *s)
{
	uint64_t bytes = HEADER;

	for (unsigned n = 1; n <= s->order; n++) {
		if (s->count[n - 1] > (uint64_t)1 << 40)
			return 0;
		bytes += buckets(s, n) * OC_KN_LINE;
	}
	return bytes;
}

static void place_tables(struct oc_kn *kn)
{
	unsigned char *p = (unsigned char *)kn->map + HEADER;

	for (unsigned n = 1; n <= kn->shape.order; n++) {
		kn->table[n - 1] = p;
		kn->bucket_n[n - 1] = buckets(&kn->shape, n);
		p += kn->bucket_n[n - 1] * OC_KN_LINE;
	}
}

static void find_unknown(struct oc_kn *kn)
{
	float prob, backoff;

	if (oc_kn_find(kn, 1, oc_kn_word(OC_LIT(OC_KN_UNK)), &prob, &backoff)) {
		kn->unknown_prob = prob;
		kn->unknown_backoff = backoff;
	} else {
		kn->unknown_prob = -100; /* what KenLM gives where <unk> is missing */
		kn->unknown_backoff = 0;
	}
}

void oc_kn_close(struct oc_kn *kn)
{
	if (!kn)
		return;
	if (kn->map)
		munmap(kn->map, kn->len);
	if (kn->fd >= 0)
		close(kn->fd);
	if (kn->temp)
		unlink(kn->temp);
	free(kn->temp);
	free(kn->path);
	free(kn);
}

const struct oc_kn_shape *oc_kn_shape(const struct oc_kn *kn)
{
	return &kn->shape;
}

/* ---------------------------------------------------------------- building */

/* Memory in large pages where the system has some. MAP_FAILED as of mmap. */
static void *large_pages(size_t len)
{
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

#ifdef MADV_HUGEPAGE
	if (map != MAP_FAILED)
		madvise(map, len, MADV_HUGEPAGE);
#endif
	return map;
}

static int temp_file(struct oc_kn *kn, const char *path, struct oc_err *err)
{
	struct oc_buf temp = {0};

	oc_buf_printf(&temp, "%s.tmp", path);
	oc_buf_cstr(&temp);
	kn->path = oc_strdup(path);
	kn->fd = open(temp.p, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (kn->fd < 0) {
		oc_fail_errno(err, path, "cannot create the model file");
		oc_buf_fini(&temp);
		return -1;
	}
	kn->temp = temp.p;
	/* Reserved now: a full disk is an error here, not a signal while the map is written. */
	int rc = posix_fallocate(kn->fd, 0, (off_t)kn->len);
	if (rc) {
		errno = rc;
		return oc_fail_errno(err, path, "cannot make room for the model");
	}
	return 0;
}

int oc_kn_new(struct oc_kn **out, const char *path, const struct oc_kn_shape *shape,
              struct oc_err *err)
{
	struct oc_kn *kn = oc_zalloc(1, sizeof *kn);
	uint64_t size = oc_kn_size(shape);

	kn->fd = -1;
	kn->shape = *shape;
	if (size == 0 || size > SIZE_MAX / 2) {
		oc_fail(err, OC_INPUT, path, "the model is too large");
		goto fail;
	}
	kn->len = (size_t)size;
	if (path && temp_file(kn, path, err) < 0)
		goto fail;
	void *map =
		mmap(NULL, kn->len, PROT_READ | PROT_WRITE,
	             path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, kn->fd, 0);
	if (map == MAP_FAILED) {
		oc_fail_errno(err, path ? path : "model", "cannot get memory for the model");
		goto fail;
	}
	kn->map = map;
	place_tables(kn);
	*out = kn;
	return 0;
fail:
	oc_kn_close(kn);
	return -1;
}

int oc_kn_put(struct oc_kn *kn, unsigned order, uint64_t key, float prob, float backoff,
              struct oc_err *err)
{
	bool is_long = order == kn->shape.order;
	unsigned each = is_long ? OC_KN_LONG_N : OC_KN_MIDDLE_N;
	uint64_t n = kn->bucket_n[order - 1];

	key += key == 0; /* 0 marks an empty place */
	if (kn->filled[order - 1] == kn->shape.count[order - 1])
		return oc_fail(err, OC_INPUT, kn->path,
		               "there are more than the %llu %u-grams said",
		               (unsigned long long)kn->shape.count[order - 1], order);
	uint64_t *line = oc_kn_line(kn, order, key);
	uint64_t *end = (uint64_t *)kn->table[order - 1] + n * (OC_KN_LINE / 8);
	for (;;) {
		float *value = (float *)(line + each);
		for (unsigned i = 0; i < each; i++) {
			if (line[i] == key)
				return oc_fail(err, OC_INPUT, kn->path,
				               "a %u-gram stands there twice", order);
			if (line[i])
				continue;
			line[i] = key;
			if (is_long) {
				value[i] = prob;
			} else {
				value[2 * i] = prob;
				value[2 * i + 1] = backoff;
			}
			kn->filled[order - 1]++;
			return 0;
		}
		line += OC_KN_LINE / 8;
		if (line == end)
			line = (uint64_t *)kn->table[order - 1];
	}
}

void oc_kn_prefetch(const struct oc_kn *kn, unsigned order, uint64_t key)
{
	__builtin_prefetch(oc_kn_line(kn, order, key + (key == 0)), 1);
}

int oc_kn_finish(struct oc_kn *kn, struct oc_err *err)
{
	find_unknown(kn);
	for (unsigned n = 1; n <= kn->shape.order; n++)
		if (kn->filled[n - 1] != kn->shape.count[n - 1])
			return oc_fail(err, OC_INPUT, kn->path, "there are %llu %u-grams, not %llu",
			               (unsigned long long)kn->filled[n - 1], n,
			               (unsigned long long)kn->shape.count[n - 1]);
	if (!kn->path)
		return 0;
	struct header h = {.magic = MAGIC,
	                   .version = VERSION,
	                   .order_mark = 0x01020304,
	                   .order = kn->shape.order,
	                   .words = kn->shape.words,
	                   .gaps = kn->gaps,
	                   .bytes = kn->len};
	memcpy(h.count, kn->shape.count, sizeof h.count);
	memcpy(kn->map, &h, sizeof h);
	if (msync(kn->map, kn->len, MS_SYNC) || fsync(kn->fd))
		return oc_fail_errno(err, kn->path, "cannot write the model");
	if (oc_rename_synced(kn->temp, kn->path, err) < 0)
		return -1;
	free(kn->temp);
	kn->temp = NULL;
	return 0;
}

/* ----------------------------------------------------------------- opening */

static int check_header(const struct header *h, uint64_t bytes, const char *path,
                        struct oc_kn_shape *shape, struct oc_err *err)
{
	if (h->version > VERSION)
		return oc_fail(
			err, OC_INPUT, path,
			"the model was written by a newer Outcross (version %u; this one reads "
			"%u): train it again, or update",
			h->version, VERSION);
	if (h->order_mark != 0x01020304)
		return oc_fail(err, OC_INPUT, path,
		               "the model is of a machine with another byte order: train it here");
	if (h->version == 0 || h->order < 1 || h->order > OC_KN_ORDER_MAX || h->words > OC_KN_CCNET)
		return oc_fail(err, OC_INPUT, path, "the model file is damaged (header)");
	*shape = (struct oc_kn_shape){.order = h->order, .words = (enum oc_kn_words)h->words};
	memcpy(shape->count, h->count, sizeof h->count);
	if (h->bytes != bytes || oc_kn_size(shape) != bytes)
		return oc_fail(err, OC_INPUT, path,
		               "the model file is damaged: it has %llu bytes, not %llu",
		               (unsigned long long)bytes, (unsigned long long)h->bytes);
	return 0;
}

static int read_whole(void *to, size_t len, int fd, const char *path, struct oc_err *err)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = pread(fd, (char *)to + at, len - at, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return oc_fail_errno(err, path, "cannot read the model");
		if (n == 0)
			return oc_fail(err, OC_INPUT, path, "the model file became shorter");
		at += (size_t)n;
	}
	return 0;
}

static int open_model(struct oc_kn **out, int fd, uint64_t bytes, const struct header *h,
                      uint64_t held, const char *path, struct oc_err *err)
{
	bool read_it = bytes <= held;
	struct oc_kn *kn = oc_zalloc(1, sizeof *kn);

	kn->fd = -1;
	kn->len = (size_t)bytes;
	if (check_header(h, bytes, path, &kn->shape, err) < 0)
		goto fail;
	kn->gaps = h->gaps != 0;
	void *map =
		read_it ? large_pages(kn->len) : mmap(NULL, kn->len, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		oc_fail_errno(err, path, "cannot map the model");
		goto fail;
	}
	kn->map = map;
	if (read_it && read_whole(map, kn->len, fd, path, err) < 0)
		goto fail;
	place_tables(kn);
	find_unknown(kn);
	*out = kn;
	return 0;
fail:
	oc_kn_close(kn);
	return -1;
}

int oc_kn_open(struct oc_kn **out, const char *path, enum oc_kn_words words, uint64_t held,
               struct oc_err *err)
{
	struct header h;
	struct stat st;
	int rc = -1, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		if (errno == ENOENT)
			return oc_fail(
				err, OC_MISSING, path,
				"there is no such model; `outcross train perplexity FILE... -o "
				"%s` makes one",
				path);
		return oc_fail_errno(err, path, "cannot open the model");
	}
	if (fstat(fd, &st)) {
		oc_fail_errno(err, path, "cannot look at the model");
		goto out;
	}
	if (read(fd, &h, sizeof h) == (ssize_t)sizeof h &&
	    memcmp(h.magic, MAGIC, sizeof h.magic) == 0)
		rc = open_model(out, fd, (uint64_t)st.st_size, &h, held, path, err);
	else
		rc = oc_kn_arpa_file(out, path, words, held, err);
out:
	close(fd);
	return rc;
}
