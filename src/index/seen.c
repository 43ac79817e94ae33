#include "index/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

#define FENCE      256 /* records between two that are remembered */
#define RUN_MAX    128
#define MEMORY_MIN ((uint64_t)1 << 18)
#define PIECE      4096 /* records read or written at a time */

struct record {
	uint64_t hi, lo, value;
};

/* Sorted records: of a file of ours, or mapped from an index. */
struct run {
	int fd;
	const struct record *map;
	uint64_t n;
	uint64_t base;   /* what its values count from */
	uint64_t *fence; /* (n / FENCE + 1): hi of record 0, FENCE, ... */
};

/* Bytes [first, first + len) of all keys. */
struct keys {
	uint64_t first;
	struct oc_str bytes;
	const char *path;
};

struct oc_seen {
	struct oc_ctx *ctx;
	char *dir;
	uint64_t memory;
	struct record *table; /* open addressing; value + 1, 0 = free */
	uint64_t table_n, table_cap;
	struct run runs[RUN_MAX];
	unsigned run_n;
	uint8_t *bloom; /* (bloom_mask + 1 bits) of what is in runs; NULL until there is one */
	uint64_t bloom_mask, count;
	struct record block[FENCE];

	struct keys old[RUN_MAX]; /* of indexes */
	unsigned old_n;
	uint64_t old_len;
	int key_fd;
	uint64_t key_written;
	struct oc_buf key_pending;
};

struct oc_seen *oc_seen_new(struct oc_ctx *ctx, const char *dir, uint64_t memory)
{
	struct oc_seen *s = oc_zalloc(1, sizeof *s);

	s->ctx = ctx;
	s->dir = oc_strdup(dir);
	s->memory = memory > MEMORY_MIN ? memory : MEMORY_MIN;
	s->table_cap = 1024;
	s->table = oc_zalloc(s->table_cap, sizeof *s->table);
	s->key_fd = -1;
	return s;
}

static void run_fini(struct run *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->fence);
}

void oc_seen_free(struct oc_seen *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->run_n; i++)
		run_fini(&s->runs[i]);
	if (s->key_fd >= 0)
		close(s->key_fd);
	oc_buf_fini(&s->key_pending);
	free(s->table);
	free(s->bloom);
	free(s->dir);
	free(s);
}

/* A file without a name: nothing is left behind, however this process ends. */
static int temp_open(struct oc_seen *s, int *fd, struct oc_err *err)
{
	struct oc_buf path = {0};

	oc_buf_printf(&path, "%s/seen-XXXXXX", s->dir);
	oc_buf_cstr(&path);
	*fd = mkostemp(path.p, O_CLOEXEC);
	if (*fd < 0)
		oc_fail_errno(err, s->dir, "cannot create a temporary file in");
	else
		unlink(path.p);
	oc_buf_fini(&path);
	return *fd < 0 ? -1 : 0;
}

static int read_at(const struct oc_seen *s, int fd, void *to, size_t len, uint64_t at,
                   struct oc_err *err)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = pread(fd, (char *)to + got, len - got, (off_t)(at + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return oc_fail_errno(err, s->dir, "cannot read a temporary file in");
		if (!n)
			return oc_fail(err, OC_IO, s->dir, "a temporary file became shorter");
		got += (size_t)n;
	}
	return 0;
}

/* --------------------------------------------------------------------- runs */

static int compare(uint64_t hi, uint64_t lo, const struct record *r)
{
	if (hi != r->hi)
		return hi < r->hi ? -1 : 1;
	return lo < r->lo ? -1 : lo > r->lo;
}

static int by_hash(const void *a, const void *b)
{
	const struct record *x = a;

	return compare(x->hi, x->lo, b);
}

static int run_read(const struct oc_seen *s, const struct run *r, uint64_t at, uint64_t n,
                    struct record *to, struct oc_err *err)
{
	if (!r->map)
		return read_at(s, r->fd, to, n * sizeof *to, at * sizeof *to, err);
	memcpy(to, r->map + at, n * sizeof *to);
	for (uint64_t i = 0; i < n; i++)
		to[i].value += r->base;
	return 0;
}

/* 1 found, 0 not, -1. */
static int run_find(struct oc_seen *s, const struct run *r, struct oc_hash128 hash, uint64_t *value,
                    struct oc_err *err)
{
	uint64_t low = 0, high = (r->n + FENCE - 1) / FENCE, n;

	/* the last fence that is not above; equal leading halves may go on beyond one block */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (r->fence[middle] < hash.hi)
			low = middle + 1;
		else
			high = middle;
	}
	for (low = low ? low - 1 : 0; low * FENCE < r->n && r->fence[low] <= hash.hi; low++) {
		n = r->n - low * FENCE < FENCE ? r->n - low * FENCE : FENCE;
		if (run_read(s, r, low * FENCE, n, s->block, err))
			return -1;
		const struct record key = {hash.hi, hash.lo, 0},
				    *found = bsearch(&key, s->block, n, sizeof key, by_hash);
		if (found) {
			*value = found->value;
			return 1;
		}
	}
	return 0;
}

/* A run as it is written, or read from the start. */
struct stream {
	struct run *run;
	struct record *piece; /* (PIECE) */
	uint64_t at;          /* of the run: next to be read; or written */
	size_t i, n;          /* of the piece */
};

static int stream_put(struct oc_seen *s, struct stream *t, const struct record *r,
                      struct oc_err *err)
{
	struct run *run = t->run;

	if (run->n % FENCE == 0) {
		if ((run->n / FENCE & (run->n / FENCE - 1)) == 0) /* grows by doubling */
			run->fence = oc_realloc(run->fence,
			                        (2 * (run->n / FENCE) + 1) * sizeof *run->fence);
		run->fence[run->n / FENCE] = r->hi;
	}
	run->n++;
	t->piece[t->n++] = *r;
	if (t->n < PIECE)
		return 0;
	t->n = 0;
	return oc_write_all(run->fd, t->piece, PIECE * sizeof *r, s->dir, err);
}

static int stream_end(struct oc_seen *s, struct stream *t, struct oc_err *err)
{
	return oc_write_all(t->run->fd, t->piece, t->n * sizeof *t->piece, s->dir, err);
}

/* The next record, or NULL at the end or on an error. */
static const struct record *stream_peek(struct oc_seen *s, struct stream *t, struct oc_err *err)
{
	if (t->i == t->n) {
		uint64_t n = t->run->n - t->at < PIECE ? t->run->n - t->at : PIECE;
		t->i = t->n = 0;
		if (!n || run_read(s, t->run, t->at, n, t->piece, err))
			return NULL;
		t->at += n;
		t->n = (size_t)n;
	}
	return &t->piece[t->i];
}

/* The last two runs become one. */
static int merge(struct oc_seen *s, struct oc_err *err)
{
	struct run made = {.fd = -1};
	struct stream in[2], out = {.run = &made, .piece = oc_alloc(PIECE * sizeof *out.piece)};
	int rc = -1;

	for (int i = 0; i < 2; i++)
		in[i] = (struct stream){.run = &s->runs[s->run_n - 2 + (unsigned)i],
		                        .piece = oc_alloc(PIECE * sizeof *out.piece)};
	if (temp_open(s, &made.fd, err))
		goto out;
	for (;;) {
		const struct record *a = stream_peek(s, &in[0], err),
				    *b = stream_peek(s, &in[1], err);
		if (err->code)
			goto out;
		if (!a && !b)
			break;
		int order = !a ? 1 : !b ? -1 : compare(a->hi, a->lo, b);
		if (stream_put(s, &out, order <= 0 ? a : b, err))
			goto out;
		in[0].i += order <= 0;
		in[1].i += order >= 0; /* two indexes may hold the same: the first one's stays */
	}
	if (stream_end(s, &out, err))
		goto out;
	run_fini(&s->runs[--s->run_n]);
	run_fini(&s->runs[s->run_n - 1]);
	s->runs[s->run_n - 1] = made;
	made = (struct run){.fd = -1};
	rc = 0;
out:
	run_fini(&made);
	for (int i = 0; i < 2; i++)
		free(in[i].piece);
	free(out.piece);
	return rc;
}

static void bloom_add(struct oc_seen *s, const struct record *r)
{
	if (!s->bloom) {
		uint64_t bytes = 1 << 12;
		while (2 * bytes <= s->memory / 8)
			bytes *= 2;
		s->bloom = oc_zalloc(bytes, 1);
		s->bloom_mask = 8 * bytes - 1;
	}
	for (unsigned k = 0; k < 4; k++) {
		uint64_t bit = (r->hi + k * r->lo) & s->bloom_mask;
		s->bloom[bit >> 3] |= (uint8_t)(1 << (bit & 7));
	}
}

static bool bloom_has(const struct oc_seen *s, struct oc_hash128 hash)
{
	if (!s->bloom) /* indexes without rows */
		return false;
	for (unsigned k = 0; k < 4; k++) {
		uint64_t bit = (hash.hi + k * hash.lo) & s->bloom_mask;
		if (!(s->bloom[bit >> 3] >> (bit & 7) & 1))
			return false;
	}
	return true;
}

/* The table becomes a run. */
static int flush(struct oc_seen *s, struct oc_err *err)
{
	struct run made = {.fd = -1};
	struct stream out = {.run = &made, .piece = oc_alloc(PIECE * sizeof *out.piece)};
	uint64_t n = 0;
	int rc = -1;

	if (s->run_n == RUN_MAX) {
		oc_fail(err, OC_INTERNAL, s->dir, "too many runs");
		goto out;
	}
	for (uint64_t i = 0; i < s->table_cap; i++)
		if (s->table[i].value)
			s->table[n++] = s->table[i];
	for (uint64_t i = 0; i < n; i++) {
		s->table[i].value--;
		bloom_add(s, &s->table[i]);
	}
	qsort(s->table, n, sizeof *s->table, by_hash);
	if (temp_open(s, &made.fd, err))
		goto out;
	for (uint64_t i = 0; i < n; i++)
		if (stream_put(s, &out, &s->table[i], err))
			goto out;
	if (stream_end(s, &out, err))
		goto out;
	s->runs[s->run_n++] = made;
	made = (struct run){.fd = -1};
	memset(s->table, 0, s->table_cap * sizeof *s->table);
	s->table_n = 0;
	while (s->run_n > 1 && !s->runs[s->run_n - 2].map &&
	       s->runs[s->run_n - 2].n < 2 * s->runs[s->run_n - 1].n)
		if (merge(s, err))
			goto out;
	rc = 0;
out:
	run_fini(&made);
	free(out.piece);
	return rc;
}

/* -------------------------------------------------------------------- table */

static struct record *slot_of(const struct oc_seen *s, struct oc_hash128 hash)
{
	uint64_t mask = s->table_cap - 1;

	for (uint64_t i = hash.lo & mask;; i = (i + 1) & mask) {
		struct record *r = &s->table[i];
		if (!r->value || (r->hi == hash.hi && r->lo == hash.lo))
			return r;
	}
}

static void widen(struct oc_seen *s)
{
	struct record *old = s->table;
	uint64_t n = s->table_cap;

	s->table_cap *= 2;
	s->table = oc_zalloc(s->table_cap, sizeof *s->table);
	for (uint64_t i = 0; i < n; i++)
		if (old[i].value)
			*slot_of(s, (struct oc_hash128){old[i].lo, old[i].hi}) = old[i];
	free(old);
}

int oc_seen_find(struct oc_seen *s, struct oc_hash128 hash, uint64_t *value, struct oc_err *err)
{
	const struct record *r = slot_of(s, hash);

	if (r->value) {
		*value = r->value - 1;
		return 1;
	}
	if (!s->run_n || !bloom_has(s, hash))
		return 0;
	for (unsigned i = 0; i < s->run_n; i++) {
		int rc = run_find(s, &s->runs[i], hash, value, err);
		if (rc)
			return rc;
	}
	return 0;
}

int oc_seen_put(struct oc_seen *s, struct oc_hash128 hash, uint64_t *value, struct oc_err *err)
{
	int was = oc_seen_find(s, hash, value, err);

	if (was)
		return was;
	if (2 * (s->table_n + 1) > s->table_cap) {
		/* old and new table together stay within a third of the memory */
		if (3 * s->table_cap * sizeof *s->table <= s->memory / 3)
			widen(s);
		else if (flush(s, err))
			return -1;
	}
	*slot_of(s, hash) = (struct record){hash.hi, hash.lo, *value + 1};
	s->table_n++;
	s->count++;
	return 0;
}

/* --------------------------------------------------------------------- keys */

uint64_t oc_seen_next(const struct oc_seen *s)
{
	return s->old_len + s->key_written + s->key_pending.len;
}

int oc_seen_keep(struct oc_seen *s, struct oc_str key, struct oc_err *err)
{
	const size_t buffer = 1 << 16;
	uint32_t len = (uint32_t)key.len;

	oc_buf_add(&s->key_pending, &len, sizeof len);
	oc_buf_str(&s->key_pending, key);
	if (s->key_pending.len < buffer)
		return 0;
	if (s->key_fd < 0 && temp_open(s, &s->key_fd, err))
		return -1;
	if (oc_write_all(s->key_fd, s->key_pending.p, s->key_pending.len, s->dir, err))
		return -1;
	s->key_written += s->key_pending.len;
	s->key_pending.len = 0;
	return 0;
}

int oc_seen_key(struct oc_seen *s, uint64_t place, struct oc_buf *out, const char **path,
                struct oc_err *err)
{
	uint32_t len = 0;

	*path = NULL;
	for (unsigned i = 0; i < s->old_n; i++) {
		const struct keys *k = &s->old[i];
		if (place < k->first || place - k->first >= k->bytes.len)
			continue;
		size_t at = (size_t)(place - k->first), left = k->bytes.len - at;
		if (left >= sizeof len)
			memcpy(&len, k->bytes.p + at, sizeof len);
		if (left < sizeof len || left - sizeof len < len)
			return oc_fail(err, OC_INPUT, k->path,
			               "does not fit together: build it again");
		oc_buf_add(out, k->bytes.p + at + sizeof len, len);
		*path = k->path;
		return 0;
	}
	place -= s->old_len;
	if (place >= s->key_written) {
		const char *p = s->key_pending.p + (place - s->key_written);
		memcpy(&len, p, sizeof len);
		oc_buf_add(out, p + sizeof len, len);
		return 0;
	}
	if (read_at(s, s->key_fd, &len, sizeof len, place, err))
		return -1;
	oc_buf_reserve(out, len);
	if (read_at(s, s->key_fd, out->p + out->len, len, place + sizeof len, err))
		return -1;
	out->len += len;
	return 0;
}

/* ------------------------------------------------------------------ on disk */

int oc_seen_load(struct oc_seen *s, struct oc_index *ix, struct oc_err *err)
{
	struct oc_str hashes, keys;
	struct run *r = &s->runs[s->run_n];
	struct keys *k = &s->old[s->old_n];

	if (s->run_n == RUN_MAX - 32)
		return oc_fail(err, OC_INPUT, oc_index_path(ix), "one index too many");
	if (oc_index_section(ix, "hashes", sizeof(struct record), &hashes, err) ||
	    oc_index_section(ix, "keys", 1, &keys, err))
		return -1;
	*r = (struct run){.fd = -1,
	                  .map = (const void *)hashes.p,
	                  .n = hashes.len / sizeof(struct record),
	                  .base = s->old_len};
	*k = (struct keys){s->old_len, keys, oc_index_path(ix)};
	r->fence = oc_alloc((r->n / FENCE + 1) * sizeof *r->fence);
	for (uint64_t i = 0; i < r->n; i++) {
		bloom_add(s, &r->map[i]);
		if (i % FENCE == 0)
			r->fence[i / FENCE] = r->map[i].hi;
		if (i % 0x40000 == 0x3FFFF)
			oc_map_rest(r->map + i - 0x3FFFF, 0x40000 * sizeof *r->map);
	}
	s->run_n++;
	s->old_n++;
	s->old_len += keys.len;
	s->count += r->n;
	return 0;
}

static int save_keys(struct oc_seen *s, struct oc_index_writer *w, struct oc_err *err)
{
	enum { STEP = 1 << 16 };
	char *some = oc_alloc(STEP);
	int rc = -1;

	for (unsigned i = 0; i < s->old_n; i++)
		if (oc_index_write(w, s->old[i].bytes.p, s->old[i].bytes.len, err))
			goto out;
	for (uint64_t at = 0; at < s->key_written; at += STEP) {
		size_t n = s->key_written - at < STEP ? (size_t)(s->key_written - at) : STEP;
		if (read_at(s, s->key_fd, some, n, at, err) || oc_index_write(w, some, n, err))
			goto out;
	}
	rc = oc_index_write(w, s->key_pending.p, s->key_pending.len, err);
out:
	free(some);
	return rc;
}

int oc_seen_save(struct oc_seen *s, struct oc_index_writer *w, struct oc_err *err)
{
	struct record *piece;
	int rc = -1;

	if (s->table_n && flush(s, err))
		return -1;
	while (s->run_n > 1)
		if (merge(s, err))
			return -1;
	if (oc_index_begin(w, "hashes", err))
		return -1;
	piece = oc_alloc(PIECE * sizeof *piece);
	for (uint64_t at = 0; s->run_n && at < s->runs[0].n; at += PIECE) {
		uint64_t n = s->runs[0].n - at < PIECE ? s->runs[0].n - at : PIECE;
		if (run_read(s, &s->runs[0], at, n, piece, err) ||
		    oc_index_write(w, piece, n * sizeof *piece, err))
			goto out;
	}
	if (oc_index_begin(w, "keys", err))
		goto out;
	rc = save_keys(s, w, err);
out:
	free(piece);
	return rc;
}

uint64_t oc_seen_count(const struct oc_seen *s)
{
	return s->count;
}

unsigned oc_seen_runs(const struct oc_seen *s)
{
	return s->run_n;
}
