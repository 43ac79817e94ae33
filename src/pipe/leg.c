#include "pipe/leg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "pipe/leg_row.h"

#define VERSION 1

static const char magic[8] = {'O', 'C', 'L', 'E', 'G', 0, 0, VERSION};

struct record {
	uint32_t meta_len, raw_len;
	uint64_t sum; /* of meta and raw */
};

struct trailer {
	uint64_t rows, index, index_sum, sum; /* sum: of the three before */
};

/* ----------------------------------------------------------------- writing */

int oc_leg_encode(const struct oc_batch *batch, bool settled, struct oc_buf *out,
                  struct oc_err *err)
{
	for (uint32_t i = 0; i < batch->row_n; i++) {
		const struct oc_row *row = &batch->rows[i];
		if (row->fate != OC_LIVE && row->fate != OC_HELD)
			continue;
		size_t at = out->len;
		struct record head = {0};
		oc_buf_add(out, &head, sizeof head);
		oc_leg_row_put(out, row, settled);
		size_t meta_len = out->len - at - sizeof head;
		if (meta_len > UINT32_MAX || row->raw.len > UINT32_MAX)
			return oc_fail(err, OC_INPUT, NULL, "row %.*s is larger than 4 GiB",
			               OC_ARG(row->ped.key));
		oc_buf_str(out, row->raw);
		head.meta_len = (uint32_t)meta_len;
		head.raw_len = (uint32_t)row->raw.len;
		head.sum = oc_hash64(out->p + at + sizeof head, meta_len + row->raw.len, 0);
		memcpy(out->p + at, &head, sizeof head);
	}
	return 0;
}

struct oc_leg_writer {
	char *dir;
	uint32_t blocks;
	uint64_t rows; /* of all blocks and of the open one */
	int fd;        /* of the open block; -1 = none */
	char tmp[PATH_MAX];
	uint64_t len;
	uint64_t *index; /* offsets of the open block's records */
	size_t index_n, index_cap;
};

static void block_path(char out[PATH_MAX], const char *dir, uint32_t block, const char *tail)
{
	snprintf(out, PATH_MAX, "%s/%06u.leg%s", dir, block, tail);
}

/* The number in "000017.leg" or "000017.leg.tmp" (then not whole); -1 for other names. */
static long block_number(const char *name, bool *whole)
{
	char *end;
	unsigned long block = strtoul(name, &end, 10);

	*whole = strcmp(end, ".leg") == 0;
	if (end == name || block > UINT32_MAX || (!*whole && strcmp(end, ".leg.tmp") != 0))
		return -1;
	return (long)block;
}

static int trailer_read(const char *path, int fd, struct trailer *t, struct oc_err *err);

/* Rows of the blocks that are kept; removes what lies behind them and left-over temporaries. */
static int keep_blocks(struct oc_leg_writer *w, struct oc_err *err)
{
	for (uint32_t i = 0; i < w->blocks; i++) {
		char path[PATH_MAX];
		struct trailer t;
		block_path(path, w->dir, i, "");
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return oc_fail_errno(err, path, "cannot open a finished block");
		int rc = trailer_read(path, fd, &t, err);
		close(fd);
		if (rc)
			return -1;
		w->rows += t.rows;
	}

	DIR *dir = opendir(w->dir);
	if (!dir)
		return oc_fail_errno(err, w->dir, "cannot read the folder");
	for (struct dirent *e; (e = readdir(dir));) {
		bool whole;
		long block = block_number(e->d_name, &whole);
		if (block < 0 || (whole && block < (long)w->blocks))
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) && errno != ENOENT) {
			oc_fail_errno(err, w->dir, "cannot remove an unfinished block");
			closedir(dir);
			return -1;
		}
	}
	closedir(dir);
	return 0;
}

struct oc_leg_writer *oc_leg_create(const char *dir, uint32_t blocks, struct oc_err *err)
{
	struct oc_leg_writer *w = oc_zalloc(1, sizeof *w);

	w->dir = oc_strdup(dir);
	w->blocks = blocks;
	w->fd = -1;
	if (oc_mkdirs(dir, err) || keep_blocks(w, err)) {
		oc_leg_abandon(w);
		return NULL;
	}
	return w;
}

static int block_begin(struct oc_leg_writer *w, struct oc_err *err)
{
	block_path(w->tmp, w->dir, w->blocks, ".tmp");
	w->fd = open(w->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (w->fd < 0)
		return oc_fail_errno(err, w->tmp, "cannot create");
	w->len = sizeof magic;
	w->index_n = 0;
	return oc_write_all(w->fd, magic, sizeof magic, w->tmp, err);
}

static uint64_t trailer_sum(const struct trailer *t)
{
	return oc_hash64(t, offsetof(struct trailer, sum), VERSION);
}

static int block_end(struct oc_leg_writer *w, struct oc_err *err)
{
	char path[PATH_MAX];
	size_t index_len = w->index_n * sizeof *w->index;
	struct trailer t = {.rows = w->index_n, .index = w->len};

	t.index_sum = oc_hash64(w->index, index_len, 0);
	t.sum = trailer_sum(&t);
	if (oc_write_all(w->fd, w->index, index_len, w->tmp, err) ||
	    oc_write_all(w->fd, &t, sizeof t, w->tmp, err))
		return -1;
	if (fsync(w->fd))
		return oc_fail_errno(err, w->tmp, "cannot sync");
	int rc = close(w->fd);
	w->fd = -1;
	if (rc)
		return oc_fail_errno(err, w->tmp, "cannot close");
	block_path(path, w->dir, w->blocks, "");
	if (oc_rename_synced(w->tmp, path, err))
		return -1;
	w->blocks++;
	return 1;
}

int oc_leg_add(struct oc_leg_writer *w, const struct oc_buf *encoded, struct oc_err *err)
{
	if (!encoded->len)
		return 0;
	if (w->fd < 0 && block_begin(w, err))
		return -1;
	for (size_t at = 0; at < encoded->len;) {
		struct record head;
		memcpy(&head, encoded->p + at, sizeof head);
		if (w->index_n == w->index_cap) {
			w->index_cap = w->index_cap ? w->index_cap * 2 : 4096;
			w->index = oc_realloc(w->index, w->index_cap * sizeof *w->index);
		}
		w->index[w->index_n++] = w->len + at;
		w->rows++;
		at += sizeof head + head.meta_len + head.raw_len;
	}
	if (oc_write_all(w->fd, encoded->p, encoded->len, w->tmp, err))
		return -1;
	w->len += encoded->len;
	return w->len >= OC_BLOCK_BYTES ? block_end(w, err) : 0;
}

void oc_leg_abandon(struct oc_leg_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	if (w->tmp[0])
		unlink(w->tmp); /* gone already when the block was finished */
	free(w->index);
	free(w->dir);
	free(w);
}

int oc_leg_finish(struct oc_leg_writer *w, struct oc_err *err)
{
	int rc = w->fd >= 0 ? block_end(w, err) : 0;

	oc_leg_abandon(w);
	return rc < 0 ? -1 : 0;
}

uint32_t oc_leg_blocks(const struct oc_leg_writer *w)
{
	return w->blocks;
}

uint64_t oc_leg_written(const struct oc_leg_writer *w)
{
	return w->rows;
}

/* ----------------------------------------------------------------- reading */

struct block {
	uint64_t first, rows; /* row numbers of the leg */
	uint64_t index, index_sum;
	bool checked; /* the index is as it was written */
};

#define PART 1024 /* entries of an index that are held, for rows read one after the other */

/* A block whose file is open, and a part of its index: small rows have indexes of their size. */
struct window {
	bool open;
	uint32_t block;
	int fd;
	uint64_t *part; /* (part_n) entries from part_at on; room for PART */
	uint64_t part_at, part_n;
};

#define WINDOWS 128 /* 8 GiB of rows can be read in any order without opening a file twice */

struct oc_leg {
	char *dir;
	struct block *blocks;
	uint32_t block_n;
	uint64_t rows;
	struct window windows[WINDOWS]; /* block b in b % WINDOWS */
	const uint8_t *test;            /* a bit per row, or NULL: as stored */
};

static int read_at(const char *path, int fd, void *to, size_t len, uint64_t at, struct oc_err *err)
{
	char *p = to;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return oc_fail_errno(err, path, "cannot read");
		if (n == 0)
			return oc_fail(err, OC_IO, path,
			               "the block ends too early; remove it to have it made again");
		p += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

static int damaged(const char *path, const char *what, struct oc_err *err)
{
	return oc_fail(err, OC_IO, path,
	               "the block is damaged: %s; remove it to have it made again", what);
}

static int damaged_row(const char *path, uint64_t row, struct oc_err *err)
{
	char what[64];

	snprintf(what, sizeof what, "its row %llu was changed", (unsigned long long)row);
	return damaged(path, what, err);
}

static int trailer_read(const char *path, int fd, struct trailer *t, struct oc_err *err)
{
	struct stat st;
	char head[sizeof magic];

	if (fstat(fd, &st))
		return oc_fail_errno(err, path, "cannot stat");
	uint64_t len = (uint64_t)st.st_size;
	if (len < sizeof magic + sizeof *t)
		return damaged(path, "it is cut short", err);
	if (read_at(path, fd, head, sizeof head, 0, err))
		return -1;
	if (memcmp(head, magic, sizeof magic - 1) != 0)
		return damaged(path, "it does not begin like a block", err);
	if (head[sizeof magic - 1] != VERSION)
		return oc_fail(err, OC_IO, path, "was written by another version of Outcross");
	if (read_at(path, fd, t, sizeof *t, len - sizeof *t, err))
		return -1;
	if (t->sum != trailer_sum(t) || t->rows > len / sizeof(uint64_t) ||
	    t->index + t->rows * sizeof(uint64_t) + sizeof *t != len)
		return damaged(path, "its end is missing or changed", err);
	return 0;
}

/* Counts finished blocks in the folder: a gap in the numbers must not pass for the end. */
static int count_blocks(const char *path, uint32_t *n, struct oc_err *err)
{
	DIR *dir = opendir(path);

	if (!dir)
		return oc_fail_errno(err, path, "cannot read the folder");
	*n = 0;
	for (struct dirent *e; (e = readdir(dir));) {
		bool whole;
		if (block_number(e->d_name, &whole) >= 0 && whole)
			++*n;
	}
	closedir(dir);
	return 0;
}

int oc_leg_open(struct oc_leg **out, const char *dir, struct oc_err *err)
{
	struct oc_leg *leg = oc_zalloc(1, sizeof *leg);
	uint32_t n = 0;

	leg->dir = oc_strdup(dir);
	if (count_blocks(dir, &n, err))
		goto fail;
	leg->blocks = oc_zalloc(n, sizeof *leg->blocks);
	while (leg->block_n < n) {
		char path[PATH_MAX];
		struct trailer t;
		block_path(path, dir, leg->block_n, "");
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			oc_fail_errno(err, path, "cannot open");
			goto fail;
		}
		int rc = trailer_read(path, fd, &t, err);
		close(fd);
		if (rc)
			goto fail;
		leg->blocks[leg->block_n++] =
			(struct block){leg->rows, t.rows, t.index, t.index_sum, false};
		leg->rows += t.rows;
	}
	*out = leg;
	return 0;
fail:
	oc_leg_close(leg);
	return -1;
}

static void window_close(struct window *w)
{
	if (w->open)
		close(w->fd);
	free(w->part);
	*w = (struct window){0};
}

void oc_leg_close(struct oc_leg *leg)
{
	if (!leg)
		return;
	for (unsigned i = 0; i < WINDOWS; i++)
		window_close(&leg->windows[i]);
	free(leg->blocks);
	free(leg->dir);
	free(leg);
}

uint64_t oc_leg_rows(const struct oc_leg *leg)
{
	return leg->rows;
}

void oc_leg_mark_test(struct oc_leg *leg, const uint8_t *bits)
{
	leg->test = bits;
}

static int index_check(struct block *b, int fd, const char *path, struct oc_err *err)
{
	size_t len = (size_t)b->rows * sizeof(uint64_t);

	if (b->checked)
		return 0;
	void *index = oc_alloc(len);
	int rc = read_at(path, fd, index, len, b->index, err);
	if (!rc && oc_hash64(index, len, 0) != b->index_sum)
		rc = damaged(path, "its index was changed", err);
	free(index);
	b->checked = !rc;
	return rc;
}

/* Entries from..to of a block's index, to - from < PART; entry `rows` is where the rows end. More
 * of them are read where the last rows were read in order. */
static const uint64_t *index_get(const struct block *b, struct window *w, uint64_t from,
                                 uint64_t to, const char *path, struct oc_err *err)
{
	uint64_t there = b->rows + 1 - from, n = to - from + 1;

	if (from >= w->part_at && to < w->part_at + w->part_n)
		return w->part + (from - w->part_at);
	if (from + 1 == w->part_at + w->part_n || n > 2)
		n = there < PART ? there : PART;
	w->part_at = from;
	w->part_n = 0;
	if (n == there)
		w->part[n - 1] = b->index;
	if (read_at(path, w->fd, w->part, (size_t)(n - (n == there)) * sizeof *w->part,
	            b->index + from * sizeof *w->part, err))
		return NULL;
	w->part_n = n;
	return w->part;
}

static struct window *window_open(struct oc_leg *leg, uint32_t block, const char *path,
                                  struct oc_err *err)
{
	struct window *w = &leg->windows[block % WINDOWS];

	if (w->open && w->block == block)
		return w;
	window_close(w);
	w->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (w->fd < 0) {
		oc_fail_errno(err, path, "cannot open");
		return NULL;
	}
	w->open = true;
	w->block = block;
	if (index_check(&leg->blocks[block], w->fd, path, err)) {
		window_close(w);
		return NULL;
	}
	w->part = oc_alloc(PART * sizeof *w->part);
	return w;
}

/* The block that holds a row, its window open; NULL on error. */
static const struct block *find_block(struct oc_leg *leg, uint64_t row, struct window **w,
                                      char path[PATH_MAX], struct oc_err *err)
{
	uint32_t low = 0, high = leg->block_n;

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;
		if (leg->blocks[mid].first <= row)
			low = mid;
		else
			high = mid;
	}
	block_path(path, leg->dir, low, "");
	*w = window_open(leg, low, path, err);
	return *w ? &leg->blocks[low] : NULL;
}

/* Rows from..to-1 of a block, appended to the batch; `at` = their entries of the index, and one. */
static int read_rows(const struct oc_leg *leg, const struct block *b, const struct window *w,
                     const uint64_t *at, uint64_t from, uint64_t to, struct oc_batch *batch,
                     const char *path, struct oc_err *err)
{
	size_t len = (size_t)(at[to - from] - at[0]);
	char *bytes = oc_arena_alloc(batch->arena, len);

	if (read_at(path, w->fd, bytes, len, at[0], err))
		return -1;
	for (uint64_t i = from; i < to; i++) {
		const char *p = bytes + (at[i - from] - at[0]);
		size_t room = (size_t)(at[i - from + 1] - at[i - from]), body;
		struct record head;
		memcpy(&head, p, sizeof head);
		body = (size_t)head.meta_len + head.raw_len;
		p += sizeof head;
		if (room != sizeof head + body || oc_hash64(p, body, 0) != head.sum)
			return damaged_row(path, i, err);
		struct oc_row *row = oc_batch_add(batch);
		if (!oc_leg_row_get(row, (struct oc_str){p, head.meta_len}, batch->arena))
			return damaged_row(path, i, err);
		row->raw = (struct oc_str){p + head.meta_len, head.raw_len};
		row->number = row->place = b->first + i;
		if (leg->test)
			row->test = leg->test[row->number >> 3] >> (row->number & 7) & 1;
	}
	return 0;
}

int oc_leg_read(struct oc_leg *leg, uint64_t first, struct oc_batch *batch, struct oc_err *err)
{
	char path[PATH_MAX];
	struct window *w;
	const struct block *b;

	if (first >= leg->rows)
		return 0;
	if (!(b = find_block(leg, first, &w, path, err)))
		return -1;
	uint64_t from = first - b->first, n = 1;
	uint64_t most = batch->row_cap < PART - 1 ? batch->row_cap : PART - 1;
	most = b->rows - from < most ? b->rows - from : most;
	const uint64_t *at = index_get(b, w, from, from + most, path, err);
	if (!at)
		return -1;
	while (n < most && at[n + 1] - at[0] <= OC_BATCH_BYTES)
		n++;
	return read_rows(leg, b, w, at, from, from + n, batch, path, err);
}

int oc_leg_pick(struct oc_leg *leg, const uint64_t *rows, uint64_t row_n, struct oc_batch *batch,
                uint64_t *taken, struct oc_err *err)
{
	char path[PATH_MAX];
	uint64_t bytes = 0;
	struct window *w;
	const struct block *b;

	*taken = 0;
	while (*taken < row_n && batch->row_n < batch->row_cap) {
		if (!(b = find_block(leg, rows[*taken], &w, path, err)))
			return -1;
		uint64_t from = rows[*taken] - b->first;
		const uint64_t *at = index_get(b, w, from, from + 1, path, err);
		if (!at)
			return -1;
		bytes += at[1] - at[0];
		if (batch->row_n && bytes > OC_BATCH_BYTES)
			break;
		if (read_rows(leg, b, w, at, from, from + 1, batch, path, err))
			return -1;
		++*taken;
	}
	return 0;
}
