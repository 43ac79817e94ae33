/*
 * External sort: runs of half the memory are sorted by radix and written one after the other into
 * a file; then merged, through a heap, with the whole memory as read buffers. When there are more
 * runs than buffers of BUFFER_MIN, groups of neighbouring runs are merged into a second file first.
 * Neighbours only, and ties by run: so equal keys stay in input order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "pipe/radix.h"
#include "pipe/spill.h"

#define BUFFER_MIN ((size_t)64 << 10)
#define MEMORY_MIN ((size_t)64 << 10)

struct run {
	uint64_t at, end; /* bytes of the file still unread */
};

/* A run being merged. */
struct head {
	struct run run;
	unsigned char *buf; /* slice of the space */
	size_t pos, len;    /* of buf */
	uint64_t prefix;    /* first key bytes of the current record, big end first */
	uint32_t order;     /* place among the runs: breaks ties */
};

struct temp {
	int fd;
	char *path;
	uint64_t len;
};

struct oc_sort {
	struct oc_ctx *ctx;
	char *dir;
	size_t record, key;
	size_t memory;

	unsigned char *space; /* (memory), mapped: pages that are not used cost nothing */

	/* gathering: in one half of the space, the other is for the radix passes */
	unsigned char *rows;
	size_t row_n, row_max;

	struct temp file;
	struct run *runs;
	size_t run_n, run_cap;

	/* merging */
	struct head *heads; /* their buffers and the output buffer share the space */
	struct head **heap;
	size_t heap_n;
	unsigned char *out;
	size_t out_cap; /* records */

	bool done, served;
};

struct oc_sort *oc_sort_new(struct oc_ctx *ctx, const char *dir, size_t record_len, size_t key_len,
                            uint64_t memory, struct oc_err *err)
{
	if (!record_len || !key_len || key_len > record_len || record_len > BUFFER_MIN) {
		oc_fail(err, OC_INTERNAL, "sort", "records of %zu bytes with keys of %zu",
		        record_len, key_len);
		return NULL;
	}
	if (memory < MEMORY_MIN)
		memory = MEMORY_MIN;
	if (memory < 8 * record_len)
		memory = 8 * record_len;
	struct oc_sort *s = oc_zalloc(1, sizeof *s);
	s->ctx = ctx;
	s->dir = oc_strdup(dir);
	s->record = record_len;
	s->key = key_len;
	s->memory = (size_t)memory;
	s->row_max = s->memory / 2 / record_len;
	s->file.fd = -1;
	void *space = mmap(NULL, s->memory, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (space == MAP_FAILED) {
		oc_fail_errno(err, "sort", "cannot get the memory allowed (lower `memory:`)");
		oc_sort_free(s);
		return NULL;
	}
	s->space = s->rows = space;
	return s;
}

static int temp_open(struct oc_sort *s, struct temp *t, struct oc_err *err)
{
	struct oc_buf path = {0};

	oc_buf_printf(&path, "%s/sort-XXXXXX", s->dir);
	oc_buf_cstr(&path);
	t->path = path.p;
	t->len = 0;
	t->fd = mkostemp(t->path, O_CLOEXEC);
	if (t->fd < 0) {
		oc_fail_errno(err, s->dir, "cannot create a temporary file for sorting in");
		oc_buf_fini(&path);
		t->path = NULL;
		return -1;
	}
	unlink(t->path); /* nothing is left behind, however this process ends */
	return 0;
}

static void temp_close(struct temp *t)
{
	if (t->fd >= 0)
		close(t->fd);
	free(t->path);
	*t = (struct temp){.fd = -1};
}

static void sort_rows(struct oc_sort *s)
{
	size_t half = s->row_max * s->record;
	unsigned char *other = s->rows == s->space ? s->space + half : s->space;

	s->rows = oc_radix_sort(s->rows, other, s->row_n, s->record, s->key, s->ctx->threads);
}

static void add_run(struct oc_sort *s, uint64_t at, uint64_t end)
{
	if (s->run_n == s->run_cap) {
		s->run_cap = s->run_cap ? s->run_cap * 2 : 16;
		s->runs = oc_realloc(s->runs, s->run_cap * sizeof *s->runs);
	}
	s->runs[s->run_n++] = (struct run){at, end};
}

static int write_run(struct oc_sort *s, struct oc_err *err)
{
	if (s->file.fd < 0 && temp_open(s, &s->file, err))
		return -1;
	sort_rows(s);
	size_t len = s->row_n * s->record;
	if (oc_write_all(s->file.fd, s->rows, len, s->file.path, err))
		return -1;
	add_run(s, s->file.len, s->file.len + len);
	s->file.len += len;
	s->row_n = 0;
	return 0;
}

int oc_sort_add(struct oc_sort *s, const void *records, size_t n, struct oc_err *err)
{
	const unsigned char *p = records;

	while (n) {
		if (s->row_n == s->row_max) {
			if (atomic_load_explicit(&s->ctx->cancel, memory_order_relaxed) > 1)
				return oc_fail(err, OC_CANCELLED, NULL, "interrupted");
			if (write_run(s, err))
				return -1;
		}
		size_t take = s->row_max - s->row_n < n ? s->row_max - s->row_n : n;
		memcpy(s->rows + s->row_n * s->record, p, take * s->record);
		s->row_n += take;
		p += take * s->record;
		n -= take;
	}
	return 0;
}

/* ------------------------------------------------------------------- merge */

static uint64_t prefix_of(const struct oc_sort *s, const unsigned char *record)
{
	uint64_t v = 0;
	size_t n = s->key < 8 ? s->key : 8;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)record[i] << (56 - 8 * i);
	return v;
}

static bool before(const struct oc_sort *s, const struct head *a, const struct head *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix;
	if (s->key > 8) {
		int c = memcmp(a->buf + a->pos + 8, b->buf + b->pos + 8, s->key - 8);
		if (c)
			return c < 0;
	}
	return a->order < b->order;
}

static void sift(struct oc_sort *s, size_t i)
{
	struct head *moved = s->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= s->heap_n)
			break;
		if (child + 1 < s->heap_n && before(s, s->heap[child + 1], s->heap[child]))
			child++;
		if (!before(s, s->heap[child], moved))
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = moved;
}

/* Reads on in a run: 1 there is a record, 0 the run is used up. */
static int refill(struct oc_sort *s, struct head *h, size_t cap, struct oc_err *err)
{
	h->pos = 0;
	h->len = 0;
	size_t want = h->run.end - h->run.at < cap ? (size_t)(h->run.end - h->run.at) : cap;
	while (h->len < want) {
		ssize_t n = pread(s->file.fd, h->buf + h->len, want - h->len,
		                  (off_t)(h->run.at + h->len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return oc_fail_errno(err, s->file.path, "cannot read");
		if (n == 0)
			return oc_fail(err, OC_IO, s->file.path, "a sorted run became shorter");
		h->len += (size_t)n;
	}
	h->run.at += want;
	if (!want)
		return 0;
	h->prefix = prefix_of(s, h->buf);
	return 1;
}

static size_t buffer_of(const struct oc_sort *s, size_t run_n)
{
	size_t each = s->memory / (run_n + 1) / s->record;
	return (each ? each : 1) * s->record;
}

/* Prepares to merge runs[first .. first + n). */
static int merge_open(struct oc_sort *s, size_t first, size_t n, struct oc_err *err)
{
	size_t cap = buffer_of(s, n);

	s->heads = oc_zalloc(n, sizeof *s->heads);
	s->heap = oc_zalloc(n, sizeof *s->heap);
	s->heap_n = 0;
	s->out = s->space + cap * n;
	s->out_cap = cap / s->record;
	for (size_t i = 0; i < n; i++) {
		struct head *h = &s->heads[i];
		*h = (struct head){
			.run = s->runs[first + i], .buf = s->space + cap * i, .order = (uint32_t)i};
		int rc = refill(s, h, cap, err);
		if (rc < 0)
			return -1;
		if (rc)
			s->heap[s->heap_n++] = h;
	}
	for (size_t i = s->heap_n; i-- > 0;)
		sift(s, i);
	return 0;
}

static void merge_close(struct oc_sort *s)
{
	free(s->heads);
	free(s->heap);
	s->heads = NULL;
	s->heap = NULL;
	s->heap_n = 0;
}

/* Fills the output buffer; returns the number of records, 0 at the end. */
static int merge_some(struct oc_sort *s, size_t *n, struct oc_err *err)
{
	size_t cap = s->out_cap * s->record;
	unsigned char *to = s->out, *end = s->out + cap;

	while (s->heap_n && to < end) {
		struct head *h = s->heap[0];
		memcpy(to, h->buf + h->pos, s->record);
		to += s->record;
		h->pos += s->record;
		if (h->pos < h->len) {
			h->prefix = prefix_of(s, h->buf + h->pos);
		} else {
			int rc = refill(s, h, cap, err);
			if (rc < 0)
				return -1;
			if (!rc)
				s->heap[0] = s->heap[--s->heap_n];
		}
		if (s->heap_n)
			sift(s, 0);
	}
	*n = (size_t)(to - s->out) / s->record;
	return 0;
}

/* Merges groups of `fan` neighbouring runs into a new file, once. */
static int merge_level(struct oc_sort *s, size_t fan, struct oc_err *err)
{
	struct temp next = {.fd = -1};
	size_t made = 0;
	int rc = -1;

	if (temp_open(s, &next, err))
		return -1;
	for (size_t first = 0; first < s->run_n; first += fan) {
		size_t n = s->run_n - first < fan ? s->run_n - first : fan, got;
		uint64_t at = next.len;
		if (merge_open(s, first, n, err))
			goto out;
		for (;;) {
			if (atomic_load_explicit(&s->ctx->cancel, memory_order_relaxed) > 1) {
				oc_fail(err, OC_CANCELLED, NULL, "interrupted");
				goto out;
			}
			if (merge_some(s, &got, err))
				goto out;
			if (!got)
				break;
			if (oc_write_all(next.fd, s->out, got * s->record, next.path, err))
				goto out;
			next.len += got * s->record;
		}
		merge_close(s);
		s->runs[made++] = (struct run){at, next.len};
	}
	s->run_n = made;
	temp_close(&s->file);
	s->file = next;
	next = (struct temp){.fd = -1};
	rc = 0;
out:
	merge_close(s);
	temp_close(&next);
	return rc;
}

int oc_sort_done(struct oc_sort *s, struct oc_err *err)
{
	s->done = true;
	if (!s->run_n) {
		sort_rows(s);
		return 0;
	}
	if (s->row_n && write_run(s, err))
		return -1;

	size_t fan = s->memory / BUFFER_MIN;
	fan = fan > 3 ? fan - 1 : 2;
	while (s->run_n > fan)
		if (merge_level(s, fan, err))
			return -1;
	return merge_open(s, 0, s->run_n, err);
}

int oc_sort_next(struct oc_sort *s, const void **out, size_t *n, struct oc_err *err)
{
	if (!s->done)
		return oc_fail(err, OC_INTERNAL, "sort", "read before it was done");
	if (s->run_n) {
		*out = s->out;
		return merge_some(s, n, err);
	}
	*out = s->rows;
	*n = s->served ? 0 : s->row_n;
	s->served = true;
	return 0;
}

void oc_sort_free(struct oc_sort *s)
{
	if (!s)
		return;
	merge_close(s);
	temp_close(&s->file);
	if (s->space)
		munmap(s->space, s->memory);
	free(s->runs);
	free(s->dir);
	free(s);
}
