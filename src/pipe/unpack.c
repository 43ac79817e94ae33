#include "pipe/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/err.h"

#define PACKED_CAP ((size_t)256 << 10)

enum packing { PLAIN, GZIP, ZSTD };

struct oc_unpack {
	const char *path;
	int fd, wake;     /* wake: -1, or see oc_unpack_wake */
	bool on_disk_end; /* read(2) said so */
	struct oc_hasher *hasher;
	struct oc_unpacked done;

	enum packing packing;
	bool inside; /* a compressed frame has begun and not ended */
	char *packed;
	size_t packed_at, packed_len;
	struct inflate_state *gz;
	ZSTD_DStream *zstd;
};

/* Until there is something to read, or somebody wants no more. */
static int wait_for(struct oc_unpack *u, struct oc_err *err)
{
	struct pollfd of[] = {{.fd = u->fd, .events = POLLIN}, {.fd = u->wake, .events = POLLIN}};

	if (u->wake < 0)
		return 0;
	while (poll(of, 2, -1) < 0)
		if (errno != EINTR)
			return oc_fail_errno(err, u->path, "cannot wait for");
	return of[1].revents ? oc_fail(err, OC_CANCELLED, u->path, "interrupted") : 0;
}

/* Bytes as they lie on disk, hashed. */
static ssize_t read_disk(struct oc_unpack *u, void *p, size_t cap, struct oc_err *err)
{
	ssize_t n;

	if (u->on_disk_end)
		return 0;
	if (wait_for(u, err))
		return -1;
	do
		n = read(u->fd, p, cap);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		bool folder = errno == EISDIR;
		oc_fail_errno(err, u->path, "cannot read");
		if (folder)
			err->code = OC_INPUT;
		return -1;
	}
	if (n == 0) {
		u->on_disk_end = true;
		u->done.hash = oc_hasher_get(u->hasher);
		u->done.whole = true;
		return 0;
	}
	oc_hasher_add(u->hasher, p, (size_t)n);
	u->done.bytes += (uint64_t)n;
	return n;
}

/* Reads the first bytes and finds out what they begin. */
static int recognise(struct oc_unpack *u, struct oc_err *err)
{
	static const unsigned char gz_magic[] = {0x1f, 0x8b},
				   zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};

	/* A pipe may give the first bytes one at a time. */
	while (u->packed_len < 4) {
		ssize_t n =
			read_disk(u, u->packed + u->packed_len, PACKED_CAP - u->packed_len, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		u->packed_len += (size_t)n;
	}
	if (u->packed_len >= 2 && !memcmp(u->packed, gz_magic, 2)) {
		u->packing = GZIP;
		u->gz = oc_alloc(sizeof *u->gz);
		isal_inflate_init(u->gz);
		u->gz->crc_flag = ISAL_GZIP;
	} else if (u->packed_len >= 4 && !memcmp(u->packed, zstd_magic, 4)) {
		u->packing = ZSTD;
		u->zstd = ZSTD_createDStream();
		if (!u->zstd)
			oc_oom(1 << 15);
	}
	return 0;
}

struct oc_unpack *oc_unpack_open(const char *path, struct oc_err *err)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : 0;

	if (fd < 0) {
		oc_fail_errno(err, path, "cannot open");
		return NULL;
	}
	struct oc_unpack *u = oc_zalloc(1, sizeof *u);
	u->path = path;
	u->fd = fd;
	u->wake = -1;
	u->packed = oc_alloc(PACKED_CAP);
	u->hasher = oc_hasher_new();
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (recognise(u, err)) {
		oc_unpack_close(u);
		return NULL;
	}
	return u;
}

void oc_unpack_close(struct oc_unpack *u)
{
	if (!u)
		return;
	if (u->fd > 0)
		close(u->fd);
	free(u->gz);
	ZSTD_freeDStream(u->zstd);
	oc_hasher_free(u->hasher);
	free(u->packed);
	free(u);
}

bool oc_unpack_packed(const struct oc_unpack *u)
{
	return u->packing != PLAIN;
}

struct oc_unpacked oc_unpack_done(const struct oc_unpack *u)
{
	return u->done;
}

void oc_unpack_wake(struct oc_unpack *u, int wake)
{
	struct stat st;

	if (fstat(u->fd, &st) || !S_ISREG(st.st_mode))
		u->wake = wake;
}

static int damaged(struct oc_unpack *u, const char *kind, const char *why, struct oc_err *err)
{
	uint64_t at = u->done.bytes - (u->packed_len - u->packed_at);

	return oc_fail(err, OC_INPUT, u->path,
	               "the %s data are damaged near byte %llu (%s); fetch or make the file again",
	               kind, (unsigned long long)at, why);
}

static const char *what_is_wrong(int rc)
{
	switch (rc) {
	case ISAL_INVALID_BLOCK: return "no such block";
	case ISAL_INVALID_SYMBOL: return "no such symbol";
	case ISAL_INVALID_LOOKBACK: return "it points before its beginning";
	case ISAL_INVALID_WRAPPER: return "no gzip header where one should be";
	case ISAL_UNSUPPORTED_METHOD: return "no method of gzip";
	case ISAL_INCORRECT_CHECKSUM: return "the checksum is another";
	default: return "bad stream";
	}
}

/* One step of inflation from `packed`. Returns the bytes made, which may be 0. */
static ssize_t inflate_some(struct oc_unpack *u, void *p, size_t cap, struct oc_err *err)
{
	struct inflate_state *gz = u->gz;
	size_t room = cap < INT32_MAX ? cap : INT32_MAX;

	if (!u->inside) {
		isal_inflate_reset(gz); /* members may follow each other */
		u->inside = true;
	}
	gz->next_in = (unsigned char *)u->packed + u->packed_at;
	gz->avail_in = (uint32_t)(u->packed_len - u->packed_at);
	gz->next_out = p;
	gz->avail_out = (uint32_t)room;
	int rc = isal_inflate(gz);
	u->packed_at = u->packed_len - gz->avail_in;
	if (rc != ISAL_DECOMP_OK)
		return damaged(u, "gzip", what_is_wrong(rc), err);
	if (gz->block_state == ISAL_BLOCK_FINISH)
		u->inside = false;
	return (ssize_t)(room - gz->avail_out);
}

static ssize_t unzstd_some(struct oc_unpack *u, void *p, size_t cap, struct oc_err *err)
{
	ZSTD_inBuffer in = {u->packed, u->packed_len, u->packed_at};
	ZSTD_outBuffer out = {p, cap, 0};
	size_t rc = ZSTD_decompressStream(u->zstd, &out, &in);

	u->packed_at = in.pos;
	if (ZSTD_isError(rc))
		return damaged(u, "zstd", ZSTD_getErrorName(rc), err);
	u->inside = rc != 0;
	return (ssize_t)out.pos;
}

ssize_t oc_unpack_read(struct oc_unpack *u, void *p, size_t cap, struct oc_err *err)
{
	if (u->packing == PLAIN) {
		size_t left = u->packed_len - u->packed_at;
		if (!left)
			return read_disk(u, p, cap, err);
		if (left > cap)
			left = cap;
		memcpy(p, u->packed + u->packed_at, left);
		u->packed_at += left;
		return (ssize_t)left;
	}
	for (;;) {
		if (u->packed_at == u->packed_len && !u->on_disk_end) {
			ssize_t n = read_disk(u, u->packed, PACKED_CAP, err);
			if (n < 0)
				return -1;
			u->packed_at = 0;
			u->packed_len = (size_t)n;
		}
		if (u->packed_at == u->packed_len && !u->inside)
			return 0;
		/* Even with all input taken, a decoder may still hold output back. */
		bool last = u->packed_at == u->packed_len;
		ssize_t n = u->packing == GZIP ? inflate_some(u, p, cap, err)
		                               : unzstd_some(u, p, cap, err);
		if (n)
			return n;
		if (last && u->inside)
			return damaged(u, u->packing == GZIP ? "gzip" : "zstd",
			               "it ends in the middle: a copy that was cut off", err);
	}
}
