/*
 * Appending, finding and recovering replies. Lock order: io, then db. `io` guards the open segment,
 * what is not indexed yet and the open intents; `db` guards the reader's connection and its files.
 */
#include "llm/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "llm/store_index.h"
#include "llm/store_pending.h"
#include "llm/store_seg.h"

#define GROUP_MS 100
#define CHUNK    16384 /* entries indexed in one transaction while recovering */

/* A segment as readers see it. */
struct reader {
	uint32_t id;
	int fd;
	uint32_t dict_at; /* offset of the loaded dictionary, 0 = none */
	struct oc_buf dict;
	struct seg_unzip *unzip;
};

struct oc_store {
	struct oc_ctx *ctx;
	char *dir;
	bool readonly;
	struct index *index;

	pthread_mutex_t io;
	int fd;
	uint32_t segment, dict, run;
	uint64_t end, older_bytes; /* of the open segment; of all the others */
	struct seg_zip *zip;
	struct oc_buf out;
	struct recent fresh, flushing;
	struct intents intents;
	struct lost lost;
	uint64_t count, unknown_n;
	double unknown_cost;
	bool dirty, seated;   /* seated: that this sitting began is written */
	struct oc_err failed; /* of the flusher: every later write fails with it */

	pthread_mutex_t db;
	struct reader *readers;
	size_t reader_n;

	pthread_t thread;
	pthread_cond_t wake, flushed;
	bool running, stop, in_flush;
};

/* -------------------------------------------------------------- recovering */

static void segment_path(const struct oc_store *s, uint32_t id, char out[4096])
{
	snprintf(out, 4096, "%s/seg-%06u.ocr", s->dir, id);
}

struct recovery {
	struct oc_store *s;
	struct index_segment seg;
	struct intents intents;
	struct lost lost;
	struct index_entry *e;
	size_t n;
};

static int recover_flush(struct recovery *r, struct oc_err *err)
{
	if (r->s->readonly)
		return 0;
	if (index_write(r->s->index, r->e, r->n, r->lost.e, r->lost.n, &r->seg, err) < 0)
		return -1;
	r->n = r->lost.n = 0;
	return 0;
}

static int recover_one(void *user, const struct seg_frame *f, uint64_t offset, const char *payload,
                       struct oc_err *err)
{
	struct recovery *r = user;
	uint64_t place = (uint64_t)r->seg.id << 32 | offset;
	struct seg_meta m;
	struct seg_drop drop;
	struct seg_intent intent;

	switch (f->type) {
	case SEG_INTENT:
		if (seg_take(&intent, sizeof intent, sizeof intent.cost, payload, f->len))
			intent_add(&r->intents, f->key, place, intent.cost);
		break;
	case SEG_DROP:
		if (!seg_take(&drop, sizeof drop, 2 * sizeof drop.cost, payload, f->len))
			break;
		intent_close(&r->intents, f->key);
		if (drop.unknown)
			lost_add(&r->lost, place, drop.unknown, drop.cost);
		break;
	case SEG_DICT: r->seg.dict = (uint32_t)offset; break;
	case SEG_REPLY:
	case SEG_FAILURE:
		if (f->len < sizeof m)
			break;
		memcpy(&m, payload, sizeof m);
		intent_close(&r->intents, f->key);
		if (m.unknown)
			lost_add(&r->lost, place, m.unknown, m.unknown_cost);
		if (f->dict && f->dict != r->seg.dict)
			break; /* its dictionary is damaged: nobody can read it any more */
		struct index_entry e = {f->key, place, f->type == SEG_FAILURE};
		if (r->s->readonly) {
			if (recent_add(&r->s->fresh, e))
				r->s->count++;
			break;
		}
		r->e[r->n++] = e;
		/* Half-way `scanned` stays where it was: the open intents are not settled. */
		if (r->n == CHUNK)
			return recover_flush(r, err);
		break;
	default: break; /* a newer kind of record: the frame says how long it is */
	}
	return 0;
}

/* Indexes what a killed process left behind and cuts a torn tail. The segment is locked by us, or
 * the store is read-only. Returns its length, -1 on error. */
static int64_t recover(struct oc_store *s, int fd, const char *path, struct index_segment *seg,
                       struct oc_err *err)
{
	struct recovery r = {.s = s, .seg = *seg};
	struct stat st;
	uint64_t skipped = 0;
	int64_t end = -1;

	if (fstat(fd, &st) < 0)
		return oc_fail_errno(err, path, "cannot stat");
	uint64_t size = (uint64_t)st.st_size;
	/* A power cut took back what the index already knew. */
	bool shrunk = size < seg->scanned;
	if (shrunk)
		r.seg.scanned = seg->scanned = 0;
	if (size == seg->scanned)
		return st.st_size;
	r.e = oc_alloc(CHUNK * sizeof *r.e);
	end = seg_scan(fd, path, r.seg.scanned, recover_one, &r, &skipped, err);
	if (end < 0)
		goto out;
	if (shrunk && !s->readonly && index_cut(s->index, seg->id, (uint64_t)end, err) < 0) {
		end = -1;
		goto out;
	}
	if (skipped)
		oc_log(s->ctx, OC_LOG_WARN, "%s: %llu damaged bytes passed over", path,
		       (unsigned long long)skipped);
	intents_lose(&r.intents, &r.lost);
	r.seg.scanned = (uint64_t)end;
	if (s->readonly) {
		for (size_t i = 0; i < r.lost.n; i++) {
			s->unknown_n += r.lost.e[i].n;
			s->unknown_cost += r.lost.e[i].cost;
		}
		goto out;
	}
	if ((uint64_t)end < size && ftruncate(fd, end) < 0) {
		end = oc_fail_errno(err, path, "cannot cut a torn record");
		goto out;
	}
	if (fdatasync(fd) < 0) {
		end = oc_fail_errno(err, path, "cannot make durable");
		goto out;
	}
	if (recover_flush(&r, err) < 0)
		end = -1;
	else
		*seg = r.seg;
out:
	free(r.e);
	free(r.lost.e);
	free(r.intents.e);
	return end;
}

/* ---------------------------------------------------------------- segments */

/* Creates segment `id` locked, or tries the next number when another process was faster. */
static int segment_create(struct oc_store *s, uint32_t id, struct oc_err *err)
{
	char path[4096];

	for (;; id++) {
		segment_path(s, id, path);
		int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return oc_fail_errno(err, path, "cannot create");
		/* Someone opened it in between, and may have gone again and left its head. */
		if (flock(fd, LOCK_EX | LOCK_NB) < 0 || lseek(fd, 0, SEEK_END) != 0) {
			close(fd);
			continue;
		}
		if (seg_head_write(fd, path, err) < 0 || oc_fsync_dir(path, err) < 0) {
			unlink(path);
			close(fd);
			return -1;
		}
		s->fd = fd;
		s->segment = id;
		s->end = SEG_HEAD;
		s->dict = 0;
		seg_zip_reset(s->zip);
		return 0;
	}
}

static struct reader *reader_of(struct oc_store *s, uint32_t id, struct oc_err *err)
{
	char path[4096];
	int fd;

	for (size_t i = 0; i < s->reader_n; i++)
		if (s->readers[i].id == id)
			return &s->readers[i];
	segment_path(s, id, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		oc_fail_errno(err, path, "cannot open");
		return NULL;
	}
	s->readers = oc_realloc(s->readers, (s->reader_n + 1) * sizeof *s->readers);
	s->readers[s->reader_n] = (struct reader){.id = id, .fd = fd, .unzip = seg_unzip_new()};
	return &s->readers[s->reader_n++];
}

/* A whole record at `offset` into `out`; its frame into *f. */
static int record_read(struct oc_store *s, struct reader *r, uint64_t offset, struct oc_buf *out,
                       struct seg_frame *f, struct oc_err *err)
{
	size_t want = 4096;
	char path[4096];

	segment_path(s, r->id, path);
	for (;;) {
		oc_buf_reserve(out, want);
		ssize_t n = pread(r->fd, out->p + out->len, want, (off_t)(offset + out->len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return oc_fail_errno(err, path, "cannot read");
		out->len += (size_t)n;
		if (out->len >= sizeof *f) {
			memcpy(f, out->p, sizeof *f);
			if (f->len < SEG_NEAR && out->len >= sizeof *f + f->len)
				break;
			want = f->len < SEG_NEAR ? sizeof *f + f->len - out->len : 0;
		}
		if (n == 0 || want == 0)
			break;
	}
	if (!seg_frame_check(out->p, out->len, f))
		return oc_fail(err, OC_IO, path,
		               "the record at byte %llu is damaged; delete index.db beside it to "
		               "have the index built again without it",
		               (unsigned long long)offset);
	return 0;
}

static int dict_load(struct oc_store *s, struct reader *r, uint32_t offset, struct oc_err *err)
{
	struct oc_buf rec = {0};
	struct seg_frame f = {0};
	int rc = -1;

	if (r->dict_at == offset)
		return 0;
	if (record_read(s, r, offset, &rec, &f, err) < 0)
		goto out;
	r->dict.len = 0;
	oc_buf_add(&r->dict, rec.p + sizeof f, f.len);
	r->dict_at = offset;
	seg_unzip_dict(r->unzip, r->dict.p, r->dict.len);
	rc = 0;
out:
	oc_buf_fini(&rec);
	return rc;
}

/* Looks at every segment: recovers those nobody holds, keeps the first with room as ours. */
static int segments_open(struct oc_store *s, struct oc_err *err)
{
	char path[4096];
	uint32_t id;

	for (id = 1;; id++) {
		struct index_segment seg;
		bool ours = false;
		segment_path(s, id, path);
		int fd = open(path, (s->readonly ? O_RDONLY : O_RDWR | O_APPEND) | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			break;
		if (fd < 0)
			return oc_fail_errno(err, path, "cannot open");
		int64_t size = lseek(fd, 0, SEEK_END);
		if (!s->readonly && flock(fd, LOCK_EX | LOCK_NB) < 0)
			goto next; /* a living process appends here, and indexes what it appends */
		int head = seg_head_check(fd, path, err);
		if (head < 0)
			goto fail;
		if (head == 0) {
			if (s->readonly)
				goto next;
			if (ftruncate(fd, 0) < 0) {
				oc_fail_errno(err, path, "cannot cut");
				goto fail;
			}
			if (seg_head_write(fd, path, err) < 0)
				goto fail;
		}
		if (index_segment_get(s->index, id, &seg, err) < 0)
			goto fail;
		size = recover(s, fd, path, &seg, err);
		if (size < 0)
			goto fail;
		if (!s->readonly && s->fd < 0 && size < SEG_FULL) {
			ours = true;
			s->fd = fd;
			s->segment = id;
			s->end = (uint64_t)size;
			s->dict = seg.dict;
		}
	next:
		if (!ours) {
			s->older_bytes += size > 0 ? (uint64_t)size : 0;
			close(fd);
		}
		continue;
	fail:
		close(fd);
		return -1;
	}
	if (s->readonly)
		return 0;
	if (s->fd < 0)
		return segment_create(s, id, err);
	if (s->dict) {
		struct reader *r = reader_of(s, s->segment, err);
		if (!r || dict_load(s, r, s->dict, err) < 0)
			return -1;
		seg_zip_dict(s->zip, r->dict.p, r->dict.len, s->dict);
	}
	return 0;
}

/* ---------------------------------------------------------------- flushing */

/* Makes the group durable, then indexes it. Called with `io` held; lets it go while it works. */
static int flush_group(struct oc_store *s, struct oc_err *err)
{
	while (s->in_flush)
		pthread_cond_wait(&s->flushed, &s->io);

	struct recent empty = s->flushing;
	struct index_segment seg = {s->segment, s->dict, intents_first(&s->intents, s->end)};
	struct lost lost = s->lost;
	int fd = s->fd, rc = 0;

	s->flushing = s->fresh;
	s->fresh = empty;
	s->lost = (struct lost){0};
	s->dirty = false;
	s->in_flush = true;
	pthread_mutex_unlock(&s->io);
	if (fdatasync(fd) < 0) {
		char path[4096];
		segment_path(s, seg.id, path);
		rc = oc_fail_errno(err, path, "cannot make replies durable");
	} else {
		rc = index_write(s->index, s->flushing.e, s->flushing.n, lost.e, lost.n, &seg, err);
	}
	pthread_mutex_lock(&s->io);
	free(lost.e);
	/* After a failure the entries stay findable here; the next open indexes them again. */
	if (rc == 0)
		recent_clear(&s->flushing);
	s->in_flush = false;
	pthread_cond_broadcast(&s->flushed);
	return rc;
}

static void *flusher(void *user)
{
	struct oc_store *s = user;

	pthread_mutex_lock(&s->io);
	while (!s->stop) {
		struct timespec until;
		if (!s->dirty || s->failed.code) {
			pthread_cond_wait(&s->wake, &s->io);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += GROUP_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		while (!s->stop && pthread_cond_timedwait(&s->wake, &s->io, &until) == 0)
			;
		if (!s->stop)
			flush_group(s, &s->failed);
	}
	pthread_mutex_unlock(&s->io);
	return NULL;
}

/* The open segment is full: finish it and begin another. */
static int roll(struct oc_store *s, struct oc_err *err)
{
	while (s->in_flush)
		pthread_cond_wait(&s->flushed, &s->io);
	if (s->end < SEG_FULL) /* another thread was faster */
		return 0;
	if (flush_group(s, err) < 0)
		return -1;
	/* Intents of the full segment that are still open would be scanned for in the wrong file:
	 * they count from here on, in the new one. */
	struct intents open = s->intents;
	s->intents = (struct intents){0};
	int fd = s->fd;
	uint64_t bytes = s->end;
	struct index_segment seg = {s->segment, s->dict, bytes};
	int rc = segment_create(s, s->segment + 1, err);
	if (rc < 0) {
		s->intents = open;
		return -1;
	}
	s->older_bytes += bytes;
	s->out.len = 0;
	for (size_t h = 0; h < INTENT_HEADS; h++)
		for (uint32_t at = open.head[h]; at; at = open.e[at - 1].next) {
			const struct intent *e = &open.e[at - 1];
			intent_add(&s->intents, e->key,
			           (uint64_t)s->segment << 32 | (s->end + s->out.len), e->cost);
			struct seg_intent moved = {.cost = e->cost};
			seg_frame_add(&s->out, SEG_INTENT, e->key, 0, &moved, sizeof moved);
		}
	char path[4096];
	segment_path(s, s->segment, path);
	rc = oc_write_all(s->fd, s->out.p, s->out.len, path, err);
	s->end += s->out.len;
	if (rc == 0)
		rc = index_write(s->index, NULL, 0, NULL, 0, &seg, err);
	close(fd);
	free(open.e);
	return rc;
}

/* Hands s->out to the kernel; a record that does not fit on the disk leaves nothing behind. */
static int append(struct oc_store *s, struct oc_err *err)
{
	char path[4096];

	segment_path(s, s->segment, path);
	if (oc_write_all(s->fd, s->out.p, s->out.len, path, err) < 0) {
		if (ftruncate(s->fd, (off_t)s->end) < 0)
			oc_log(s->ctx, OC_LOG_WARN, "%s: a torn record stays until the next open",
			       path);
		return -1;
	}
	s->end += s->out.len;
	if (!s->dirty) {
		s->dirty = true;
		pthread_cond_signal(&s->wake);
	}
	return 0;
}

static int writable(struct oc_store *s, struct oc_err *err)
{
	if (s->readonly)
		return oc_fail(err, OC_INTERNAL, s->dir, "the reply store was opened for reading");
	if (s->failed.code) {
		*err = s->failed;
		return -1;
	}
	return s->end >= SEG_FULL ? roll(s, err) : 0;
}

int oc_store_intent(struct oc_store *s, struct oc_hash128 key, double upper_cost,
                    uint64_t upper_tokens, struct oc_err *err)
{
	struct seg_intent intent = {upper_cost, upper_tokens, s->run, 0};
	struct seg_sitting sitting = {.run = s->run};
	int rc = -1;

	pthread_mutex_lock(&s->io);
	if (writable(s, err) < 0)
		goto out;
	s->out.len = 0;
	if (s->run && !s->seated)
		seg_frame_add(&s->out, SEG_SITTING, (struct oc_hash128){0}, 0, &sitting,
		              sizeof sitting);
	uint64_t at = s->end + s->out.len;
	seg_frame_add(&s->out, SEG_INTENT, key, 0, &intent, sizeof intent);
	rc = append(s, err);
	if (rc < 0)
		goto out;
	s->seated = true;
	intent_add(&s->intents, key, (uint64_t)s->segment << 32 | at, upper_cost);
out:
	pthread_mutex_unlock(&s->io);
	return rc;
}

static void count_lost(struct oc_store *s, uint64_t place, uint32_t n, double cost)
{
	lost_add(&s->lost, place, n, cost);
	s->unknown_n += n;
	s->unknown_cost += cost;
}

int oc_store_drop(struct oc_store *s, struct oc_hash128 key, uint32_t unknown, double unknown_cost,
                  struct oc_err *err)
{
	struct seg_drop drop = {unknown, unknown_cost, s->run, 0};
	int rc = -1;

	pthread_mutex_lock(&s->io);
	if (writable(s, err) < 0)
		goto out;
	uint64_t place = (uint64_t)s->segment << 32 | s->end;
	s->out.len = 0;
	seg_frame_add(&s->out, SEG_DROP, key, 0, &drop, sizeof drop);
	rc = append(s, err);
	if (rc < 0)
		goto out;
	intent_close(&s->intents, key);
	if (unknown)
		count_lost(s, place, unknown, unknown_cost);
out:
	pthread_mutex_unlock(&s->io);
	return rc;
}

int oc_store_put(struct oc_store *s, const struct oc_record *given, struct oc_err *err)
{
	struct oc_record r = *given;
	struct oc_buf payload = {0};
	int rc = -1;

	if (r.request.len + r.reply.len + r.error.len >= SEG_NEAR / 2)
		return oc_fail(err, OC_INPUT, NULL, "a reply of %zu bytes is too large to store",
		               r.reply.len);
	if (r.time == 0) {
		struct timespec t;
		clock_gettime(CLOCK_REALTIME, &t);
		r.time = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
	}
	pthread_mutex_lock(&s->io);
	if (writable(s, err) < 0)
		goto out;
	s->out.len = 0;
	if (!r.failed && seg_zip_learn(s->zip, &r)) {
		struct oc_str d = seg_zip_sample(s->zip);
		seg_frame_add(&s->out, SEG_DICT, (struct oc_hash128){0}, 0, d.p, d.len);
		uint64_t at = s->end;
		if (append(s, err) < 0)
			goto out;
		s->dict = (uint32_t)at;
		seg_zip_dict(s->zip, s->out.p + sizeof(struct seg_frame), d.len, s->dict);
		s->out.len = 0;
	}
	uint64_t place = (uint64_t)s->segment << 32 | s->end;
	uint32_t dict = seg_pack(s->zip, &r, s->run, &payload);
	seg_frame_add(&s->out, r.failed ? SEG_FAILURE : SEG_REPLY, r.key, dict, payload.p,
	              payload.len);
	rc = append(s, err);
	if (rc < 0)
		goto out;
	intent_close(&s->intents, r.key);
	if (recent_add(&s->fresh, (struct index_entry){r.key, place, r.failed}))
		s->count++;
	if (r.unknown)
		count_lost(s, place, r.unknown, r.unknown_cost);
out:
	pthread_mutex_unlock(&s->io);
	oc_buf_fini(&payload);
	return rc;
}

/* ----------------------------------------------------------------- reading */

static int place_of(struct oc_store *s, struct oc_hash128 key, struct index_entry *out,
                    struct oc_err *err)
{
	struct index_entry *e;
	int found;

	pthread_mutex_lock(&s->io);
	e = recent_find(&s->fresh, key);
	if (!e || e->failed) {
		struct index_entry *older = recent_find(&s->flushing, key);
		e = older && (!e || !older->failed) ? older : e;
	}
	if (e)
		*out = *e;
	pthread_mutex_unlock(&s->io);
	if (e && !out->failed)
		return 1;
	struct index_entry indexed;
	pthread_mutex_lock(&s->db);
	found = index_find(s->index, key, &indexed, err);
	pthread_mutex_unlock(&s->db);
	if (found == 1 && (!e || !indexed.failed))
		*out = indexed;
	return found < 0 ? -1 : found || e ? 1 : 0;
}

int oc_store_get(struct oc_store *s, struct oc_hash128 key, struct oc_record *out,
                 struct oc_err *err)
{
	struct index_entry e = {0};
	struct oc_buf rec = {0};
	struct seg_frame f;
	int rc = place_of(s, key, &e, err);

	*out = (struct oc_record){.key = key};
	if (rc <= 0)
		return rc;
	rc = -1;
	pthread_mutex_lock(&s->db);
	struct reader *r = reader_of(s, (uint32_t)(e.place >> 32), err);
	if (!r || record_read(s, r, e.place & UINT32_MAX, &rec, &f, err) < 0)
		goto out;
	if (f.key.lo != key.lo || f.key.hi != key.hi) {
		oc_fail(err, OC_IO, s->dir,
		        "the index of replies points to another reply: delete "
		        "index.db to have it built again");
		goto out;
	}
	if (f.dict && dict_load(s, r, f.dict, err) < 0)
		goto out;
	if (seg_unpack(r->unzip, rec.p + sizeof f, f.len, f.dict != 0, out, err) < 0)
		goto out;
	out->failed = f.type == SEG_FAILURE;
	out->own = s->run && out->run == s->run;
	rc = out->failed ? 2 : 1;
out:
	pthread_mutex_unlock(&s->db);
	oc_buf_fini(&rec);
	return rc;
}

void oc_record_fini(struct oc_record *r)
{
	free(r->owner);
	*r = (struct oc_record){0};
}

void oc_store_unknown(struct oc_store *s, uint64_t *n, double *cost)
{
	pthread_mutex_lock(&s->io);
	*n = s->unknown_n;
	*cost = s->unknown_cost;
	pthread_mutex_unlock(&s->io);
}

void oc_store_run(struct oc_store *s, uint32_t run)
{
	s->run = run;
}

uint64_t oc_store_count(struct oc_store *s)
{
	pthread_mutex_lock(&s->io);
	uint64_t n = s->count;
	pthread_mutex_unlock(&s->io);
	return n;
}

uint64_t oc_store_bytes(struct oc_store *s)
{
	pthread_mutex_lock(&s->io);
	uint64_t n = s->older_bytes + s->end;
	pthread_mutex_unlock(&s->io);
	return n;
}

/* ------------------------------------------------------------ open and close */

int oc_store_open(struct oc_store **out, struct oc_ctx *ctx, const char *dir, bool readonly,
                  struct oc_err *err)
{
	struct oc_store *s = oc_zalloc(1, sizeof *s);
	pthread_condattr_t attr;
	struct oc_err ignored = {0};
	bool fresh;
	int turn = -1, rc = -1;

	s->ctx = ctx;
	s->dir = oc_strdup(dir);
	s->readonly = readonly;
	s->fd = -1;
	s->zip = seg_zip_new();
	pthread_mutex_init(&s->io, NULL);
	pthread_mutex_init(&s->db, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_cond_init(&s->flushed, NULL);
	pthread_condattr_destroy(&attr);
	if (!readonly) {
		if (oc_mkdirs(dir, err) < 0)
			goto fail;
		turn = seg_turn(ctx, dir);
	}
	if (index_open(&s->index, ctx, dir, readonly, &fresh, err) < 0)
		goto fail;
	/* Reading, what the index lacks is counted on top; writing, it comes into the index. */
	if (readonly) {
		s->count = index_count(s->index);
		index_unknown_sum(s->index, &s->unknown_n, &s->unknown_cost);
	}
	if (segments_open(s, err) < 0)
		goto fail;
	if (!readonly) {
		s->count = index_count(s->index);
		index_unknown_sum(s->index, &s->unknown_n, &s->unknown_cost);
		if (pthread_create(&s->thread, NULL, flusher, s) != 0) {
			oc_fail_errno(err, NULL, "cannot start a thread");
			goto fail;
		}
		s->running = true;
	}
	*out = s;
	rc = 0;
fail:
	if (turn >= 0)
		close(turn);
	if (rc)
		oc_store_close(s, &ignored);
	return rc;
}

int oc_store_close(struct oc_store *s, struct oc_err *err)
{
	int rc = 0;

	if (!s)
		return 0;
	if (s->running) {
		pthread_mutex_lock(&s->io);
		s->stop = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->io);
		pthread_join(s->thread, NULL);
		pthread_mutex_lock(&s->io);
		if (s->failed.code) {
			*err = s->failed;
			rc = -1;
		} else {
			intents_lose(&s->intents, &s->lost);
			rc = flush_group(s, err);
		}
		pthread_mutex_unlock(&s->io);
	}
	index_close(s->index);
	for (size_t i = 0; i < s->reader_n; i++) {
		close(s->readers[i].fd);
		oc_buf_fini(&s->readers[i].dict);
		seg_unzip_free(s->readers[i].unzip);
	}
	free(s->readers);
	if (s->fd >= 0)
		close(s->fd);
	seg_zip_free(s->zip);
	oc_buf_fini(&s->out);
	recent_fini(&s->fresh);
	recent_fini(&s->flushing);
	free(s->intents.e);
	free(s->lost.e);
	pthread_cond_destroy(&s->wake);
	pthread_cond_destroy(&s->flushed);
	pthread_mutex_destroy(&s->io);
	pthread_mutex_destroy(&s->db);
	free(s->dir);
	free(s);
	return rc;
}
