#include "pipe/zframes.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#include "base/err.h"
#include "base/file.h"

#define LINE_MAX_BYTES ((size_t)1 << 30)

struct oc_zwriter {
	char path[PATH_MAX], tmp[PATH_MAX];
	int fd;
	ZSTD_CCtx *ctx;
	char *frame; /* OC_ZFRAME_BYTES waiting to be compressed */
	size_t len;
	char *packed; /* (packed_cap) */
	size_t packed_cap;
};

int oc_zwriter_open(struct oc_zwriter **out, const char *path, struct oc_err *err)
{
	struct oc_zwriter *w = oc_zalloc(1, sizeof *w);

	snprintf(w->path, sizeof w->path, "%.4090s", path);
	snprintf(w->tmp, sizeof w->tmp, "%.4090s.tmp", path);
	w->fd = open(w->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (w->fd < 0) {
		oc_fail_errno(err, path, "cannot create");
		free(w);
		return -1;
	}
	w->packed_cap = ZSTD_compressBound(OC_ZFRAME_BYTES);
	w->frame = oc_alloc(OC_ZFRAME_BYTES);
	w->packed = oc_alloc(w->packed_cap);
	if (!(w->ctx = ZSTD_createCCtx()))
		oc_oom(w->packed_cap);
	ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_compressionLevel, OC_ZFRAME_LEVEL);
	ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_checksumFlag, 1);
	*out = w;
	return 0;
}

static int flush(struct oc_zwriter *w, struct oc_err *err)
{
	if (!w->len)
		return 0;
	size_t n = ZSTD_compress2(w->ctx, w->packed, w->packed_cap, w->frame, w->len);
	if (ZSTD_isError(n))
		return oc_fail(err, OC_INTERNAL, w->path, "cannot compress: %s",
		               ZSTD_getErrorName(n));
	w->len = 0;
	return oc_write_all(w->fd, w->packed, n, w->path, err);
}

int oc_zwriter_add(struct oc_zwriter *w, const void *bytes, size_t len, struct oc_err *err)
{
	const char *p = bytes;

	while (len) {
		size_t n = OC_ZFRAME_BYTES - w->len < len ? OC_ZFRAME_BYTES - w->len : len;
		memcpy(w->frame + w->len, p, n);
		w->len += n;
		p += n;
		len -= n;
		if (w->len == OC_ZFRAME_BYTES && flush(w, err))
			return -1;
	}
	return 0;
}

static void release(struct oc_zwriter *w)
{
	if (w->fd >= 0)
		close(w->fd);
	ZSTD_freeCCtx(w->ctx);
	free(w->frame);
	free(w->packed);
	free(w);
}

int oc_zwriter_close(struct oc_zwriter *w, struct oc_err *err)
{
	int rc = flush(w, err);

	if (!rc && fsync(w->fd))
		rc = oc_fail_errno(err, w->path, "cannot sync");
	if (close(w->fd) && !rc)
		rc = oc_fail_errno(err, w->path, "cannot close");
	w->fd = -1;
	if (!rc)
		rc = oc_rename_synced(w->tmp, w->path, err);
	if (rc)
		unlink(w->tmp);
	release(w);
	return rc;
}

void oc_zwriter_abandon(struct oc_zwriter *w)
{
	if (!w)
		return;
	unlink(w->tmp);
	release(w);
}

/* Hands out the whole lines of `text` and keeps the rest at its front. */
static int lines(struct oc_buf *text, int (*fn)(void *, struct oc_str, struct oc_err *), void *user,
                 struct oc_err *err)
{
	size_t at = 0;
	char *end;

	while ((end = memchr(text->p + at, '\n', text->len - at))) {
		if (fn(user, (struct oc_str){text->p + at, (size_t)(end - text->p) - at}, err))
			return -1;
		at = (size_t)(end - text->p) + 1;
	}
	memmove(text->p, text->p + at, text->len - at);
	text->len -= at;
	return 0;
}

int oc_zlines_each(const char *path, int (*fn)(void *, struct oc_str, struct oc_err *), void *user,
                   struct oc_err *err)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	FILE *in = fopen(path, "re");
	char *raw = oc_alloc(OC_ZFRAME_BYTES);
	struct oc_buf text = {0};
	size_t got, left = 0;
	int rc = -1;

	if (!in) {
		oc_fail_errno(err, path, "cannot open");
		goto out;
	}
	while ((got = fread(raw, 1, OC_ZFRAME_BYTES, in))) {
		ZSTD_inBuffer src = {raw, got, 0};
		while (src.pos < src.size) {
			oc_buf_reserve(&text, OC_ZFRAME_BYTES);
			ZSTD_outBuffer dst = {text.p, text.cap, text.len};
			left = ZSTD_decompressStream(z, &dst, &src);
			if (ZSTD_isError(left)) {
				oc_fail(err, OC_INPUT, path, "is damaged: %s",
				        ZSTD_getErrorName(left));
				goto out;
			}
			text.len = dst.pos;
			if (lines(&text, fn, user, err))
				goto out;
			if (text.len > LINE_MAX_BYTES) {
				oc_fail(err, OC_INPUT, path, "has a line above 1 GiB");
				goto out;
			}
		}
	}
	if (ferror(in)) {
		oc_fail_errno(err, path, "cannot read");
		goto out;
	}
	if (left) {
		oc_fail(err, OC_INPUT, path, "ends in the middle of a frame");
		goto out;
	}
	rc = text.len ? fn(user, oc_buf_view(&text), err) : 0;
out:
	if (in)
		fclose(in);
	ZSTD_freeDStream(z);
	free(raw);
	oc_buf_fini(&text);
	return rc;
}
