#include "llm/store_seg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>
#include <zstd.h>

#include "base/err.h"
#include "base/file.h"

#define MAGIC      0x5243434fu /* "OCCR" */
#define VERSION    1
#define LEVEL      3
#define SAMPLE_MAX (16u << 10) /* bytes of a dictionary */
#define SAMPLE_ONE (2u << 10)  /* at most so many of one body */
#define SAMPLE_N   24

_Static_assert(sizeof(struct seg_frame) == 40, "the frame is written as it lies in memory");
_Static_assert(sizeof(struct seg_meta) == 72, "the payload's head is written as it lies in memory");

static const char head_magic[8] = "OCREPLY";

int seg_turn(struct oc_ctx *ctx, const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK &&
	       !oc_cancelled(ctx))
		usleep(10000);
	return fd;
}

int seg_head_write(int fd, const char *path, struct oc_err *err)
{
	char head[SEG_HEAD] = {0};
	uint32_t version = VERSION;

	memcpy(head, head_magic, sizeof head_magic);
	memcpy(head + 8, &version, sizeof version);
	return oc_write_all(fd, head, sizeof head, path, err);
}

int seg_head_check(int fd, const char *path, struct oc_err *err)
{
	char head[SEG_HEAD];
	uint32_t version;
	ssize_t n = pread(fd, head, sizeof head, 0);

	if (n < 0)
		return oc_fail_errno(err, path, "cannot read");
	if (n < SEG_HEAD)
		return 0; /* its creator was killed before the head was there */
	memcpy(&version, head + 8, sizeof version);
	if (memcmp(head, head_magic, sizeof head_magic) != 0)
		return oc_fail(err, OC_INPUT, path, "is not a segment of a reply store");
	if (version > VERSION)
		return oc_fail(err, OC_INPUT, path,
		               "was written by a newer Outcross (segment version %u, this one "
		               "reads %u): use that one",
		               version, VERSION);
	return 1;
}

static uint64_t frame_check(struct seg_frame f, const void *payload)
{
	f.check = 0;
	return oc_hash64(payload, f.len, oc_hash64(&f, sizeof f, 0));
}

void seg_frame_add(struct oc_buf *out, enum seg_type type, struct oc_hash128 key, uint32_t dict,
                   const void *payload, size_t len)
{
	struct seg_frame f = {.magic = MAGIC,
	                      .type = (uint8_t)type,
	                      .len = (uint32_t)len,
	                      .dict = dict,
	                      .key = key};

	f.check = frame_check(f, payload);
	oc_buf_add(out, &f, sizeof f);
	oc_buf_add(out, payload, len);
}

int seg_frame_check(const char *p, size_t len, struct seg_frame *out)
{
	struct seg_frame f;

	if (len < sizeof f)
		return 0;
	memcpy(&f, p, sizeof f);
	if (f.magic != MAGIC || f.len >= SEG_NEAR || len - sizeof f < f.len ||
	    f.check != frame_check(f, p + sizeof f))
		return 0;
	*out = f;
	return 1;
}

/* A window onto a file that only moves forward. */
struct window {
	int fd;
	const char *path;
	struct oc_buf b;
	uint64_t at; /* file offset of b.p[0] */
	bool end;
};

/* Makes `need` bytes from file offset `from` on available, or as many as there are. */
static int slide(struct window *w, uint64_t from, size_t need, struct oc_err *err)
{
	size_t gone = (size_t)(from - w->at);

	if (w->end || w->b.len - gone >= need)
		return 0;
	if (gone)
		memmove(w->b.p, w->b.p + gone, w->b.len - gone);
	w->b.len -= gone;
	w->at = from;
	while (w->b.len < need && !w->end) {
		size_t more = need - w->b.len > 1u << 20 ? need - w->b.len : 1u << 20;
		oc_buf_reserve(&w->b, more);
		ssize_t n = pread(w->fd, w->b.p + w->b.len, more, (off_t)(w->at + w->b.len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return oc_fail_errno(err, w->path, "cannot read");
		w->b.len += (size_t)n;
		w->end = n == 0;
	}
	return 0;
}

int64_t seg_scan(int fd, const char *path, uint64_t from, seg_scan_fn *fn, void *user,
                 uint64_t *skipped, struct oc_err *err)
{
	uint64_t at = from < SEG_HEAD ? SEG_HEAD : from, good = at;
	struct window w = {.fd = fd, .path = path, .at = at};
	int64_t rc = -1;

	*skipped = 0;
	for (;;) {
		struct seg_frame f = {0};
		if (slide(&w, at, sizeof f, err) < 0)
			goto out;
		if (w.b.len - (size_t)(at - w.at) < sizeof f)
			break;
		memcpy(&f, w.b.p + (at - w.at), sizeof f);
		if (f.magic == MAGIC && f.len < SEG_NEAR &&
		    slide(&w, at, sizeof f + f.len, err) < 0)
			goto out;
		const char *p = w.b.p + (at - w.at);
		if (seg_frame_check(p, w.b.len - (size_t)(at - w.at), &f)) {
			if (fn(user, &f, at, p + sizeof f, err) < 0)
				goto out;
			*skipped += at - good;
			at += sizeof f + f.len;
			good = at;
		} else {
			at++;
		}
	}
	rc = (int64_t)good;
out:
	oc_buf_fini(&w.b);
	return rc;
}

/* -------------------------------------------------------------- compression */

struct seg_zip {
	ZSTD_CCtx *ctx;
	ZSTD_CDict *dict;
	uint32_t offset; /* of the dictionary's record */
	struct oc_buf sample, raw;
	unsigned sample_n;
};

struct seg_zip *seg_zip_new(void)
{
	struct seg_zip *z = oc_zalloc(1, sizeof *z);

	z->ctx = ZSTD_createCCtx();
	if (!z->ctx)
		oc_oom(1u << 20);
	ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_compressionLevel, LEVEL);
	/* The sizes and a checksum stand in the frame of the record already. */
	ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_dictIDFlag, 0);
	return z;
}

void seg_zip_free(struct seg_zip *z)
{
	if (!z)
		return;
	ZSTD_freeCDict(z->dict);
	ZSTD_freeCCtx(z->ctx);
	oc_buf_fini(&z->sample);
	oc_buf_fini(&z->raw);
	free(z);
}

void seg_zip_reset(struct seg_zip *z)
{
	ZSTD_CCtx_refCDict(z->ctx, NULL);
	ZSTD_freeCDict(z->dict);
	z->dict = NULL;
	z->offset = 0;
	z->sample.len = 0;
	z->sample_n = 0;
}

void seg_zip_dict(struct seg_zip *z, const char *p, size_t len, uint32_t offset)
{
	seg_zip_reset(z);
	z->dict = ZSTD_createCDict(p, len, LEVEL);
	if (!z->dict)
		oc_oom(len);
	ZSTD_CCtx_refCDict(z->ctx, z->dict);
	z->offset = offset;
}

bool seg_zip_learn(struct seg_zip *z, const struct oc_record *r)
{
	struct oc_str parts[] = {r->request, r->reply};

	if (z->dict)
		return false;
	for (size_t i = 0; i < 2; i++)
		oc_buf_add(&z->sample, parts[i].p,
		           parts[i].len < SAMPLE_ONE ? parts[i].len : SAMPLE_ONE);
	return ++z->sample_n >= SAMPLE_N || z->sample.len >= SAMPLE_MAX;
}

struct oc_str seg_zip_sample(const struct seg_zip *z)
{
	struct oc_str s = oc_buf_view(&z->sample);

	/* The newest bytes are the likeliest to be met again. */
	if (s.len > SAMPLE_MAX) {
		s.p += s.len - SAMPLE_MAX;
		s.len = SAMPLE_MAX;
	}
	return s;
}

uint32_t seg_pack(struct seg_zip *z, const struct oc_record *r, uint32_t run, struct oc_buf *out)
{
	struct seg_meta m = {.status = r->status,
	                     .prompt_tokens = r->usage.prompt_tokens,
	                     .completion_tokens = r->usage.completion_tokens,
	                     .attempts = r->attempts,
	                     .unknown = r->unknown,
	                     .request_len = (uint32_t)r->request.len,
	                     .reply_len = (uint32_t)r->reply.len,
	                     .error_len = (uint32_t)r->error.len,
	                     .estimated = r->usage.estimated,
	                     .run = run,
	                     .cost = r->cost,
	                     .unknown_cost = r->unknown_cost,
	                     .seconds = r->seconds,
	                     .time = r->time};

	z->raw.len = 0;
	oc_buf_str(&z->raw, r->request);
	oc_buf_str(&z->raw, r->reply);
	oc_buf_str(&z->raw, r->error);
	oc_buf_add(out, &m, sizeof m);
	oc_buf_reserve(out, ZSTD_compressBound(z->raw.len));
	size_t n = ZSTD_compress2(z->ctx, out->p + out->len, out->cap - out->len, z->raw.p,
	                          z->raw.len);
	if (ZSTD_isError(n)) /* only memory can be short: the room suffices */
		oc_oom(z->raw.len);
	out->len += n;
	return z->offset;
}

struct seg_unzip {
	ZSTD_DCtx *ctx;
	ZSTD_DDict *dict;
};

struct seg_unzip *seg_unzip_new(void)
{
	struct seg_unzip *u = oc_zalloc(1, sizeof *u);

	u->ctx = ZSTD_createDCtx();
	if (!u->ctx)
		oc_oom(1u << 17);
	return u;
}

void seg_unzip_free(struct seg_unzip *u)
{
	if (!u)
		return;
	ZSTD_freeDDict(u->dict);
	ZSTD_freeDCtx(u->ctx);
	free(u);
}

void seg_unzip_dict(struct seg_unzip *u, const char *p, size_t len)
{
	ZSTD_freeDDict(u->dict);
	u->dict = ZSTD_createDDict(p, len);
	if (!u->dict)
		oc_oom(len);
}

int seg_unpack(struct seg_unzip *u, const char *payload, size_t len, bool with_dict,
               struct oc_record *r, struct oc_err *err)
{
	struct seg_meta m;
	size_t raw, n;
	char *p;

	if (len < sizeof m)
		return oc_fail(err, OC_IO, NULL, "a stored reply of %zu bytes is too short", len);
	memcpy(&m, payload, sizeof m);
	raw = (size_t)m.request_len + m.reply_len + m.error_len;
	/* zstd's best is some 32,000 to one: more is a lie, believed only at the cost of memory. */
	if (raw >= SEG_NEAR || raw / 65536 > len)
		return oc_fail(err, OC_IO, NULL, "a stored reply claims %zu bytes", raw);
	p = oc_alloc(raw + 1);
	payload += sizeof m;
	len -= sizeof m;
	n = with_dict ? ZSTD_decompress_usingDDict(u->ctx, p, raw, payload, len, u->dict)
	              : ZSTD_decompressDCtx(u->ctx, p, raw, payload, len);
	if (ZSTD_isError(n) || n != raw) {
		free(p);
		return oc_fail(err, OC_IO, NULL, "a stored reply cannot be decompressed: %s",
		               ZSTD_isError(n) ? ZSTD_getErrorName(n) : "wrong length");
	}
	r->status = m.status;
	r->usage = (struct oc_usage){m.prompt_tokens, m.completion_tokens, m.estimated != 0};
	r->attempts = m.attempts;
	r->unknown = m.unknown;
	r->cost = m.cost;
	r->unknown_cost = m.unknown_cost;
	r->run = m.run;
	r->seconds = m.seconds;
	r->time = m.time;
	r->request = (struct oc_str){p, m.request_len};
	r->reply = (struct oc_str){p + m.request_len, m.reply_len};
	r->error = (struct oc_str){p + m.request_len + m.reply_len, m.error_len};
	r->owner = p;
	return 0;
}
