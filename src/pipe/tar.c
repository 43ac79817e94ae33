#include "pipe/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "pipe/zframes.h"

#define BLOCK 512
#define CHUNK ((size_t)1 << 20)

struct oc_tar {
	char *path, *tmp;
	struct oc_zwriter *z; /* or */
	int fd;
};

/* The head of a member, as POSIX.1-1988 lays it out. */
struct head {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], check[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};

_Static_assert(sizeof(struct head) == BLOCK, "a tar header is one block");

static int put(struct oc_tar *t, const void *p, size_t len, struct oc_err *err)
{
	return t->z ? oc_zwriter_add(t->z, p, len, err) : oc_write_all(t->fd, p, len, t->path, err);
}

int oc_tar_open(struct oc_tar **out, const char *path, struct oc_err *err)
{
	struct oc_tar *t = oc_zalloc(1, sizeof *t);
	size_t n = strlen(path);

	t->fd = -1;
	t->path = oc_strdup(path);
	t->tmp = oc_alloc(n + 5);
	snprintf(t->tmp, n + 5, "%s.tmp", path);
	if (n > 4 && strcmp(path + n - 4, ".zst") == 0) {
		if (oc_zwriter_open(&t->z, path, err) < 0)
			goto fail;
	} else {
		t->fd = open(t->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (t->fd < 0) {
			oc_fail_errno(err, t->tmp, "cannot create");
			goto fail;
		}
	}
	*out = t;
	return 0;
fail:
	oc_tar_abandon(t);
	return -1;
}

/* Fills name and prefix; false: it does not fit. */
static bool split_name(struct head *h, const char *name)
{
	size_t n = strlen(name);
	const char *cut = name + (n > sizeof h->name ? n - sizeof h->name - 1 : 0);

	if (n <= sizeof h->name) {
		memcpy(h->name, name, n);
		return true;
	}
	while (*cut && *cut != '/')
		cut++;
	if (!*cut || (size_t)(cut - name) > sizeof h->prefix)
		return false;
	memcpy(h->prefix, name, (size_t)(cut - name));
	memcpy(h->name, cut + 1, n - (size_t)(cut + 1 - name));
	return true;
}

static int put_head(struct oc_tar *t, const char *name, uint64_t size, int64_t mtime,
                    struct oc_err *err)
{
	struct head h;
	unsigned sum = 0;

	memset(&h, 0, sizeof h);
	if (!split_name(&h, name))
		return oc_fail(err, OC_USAGE, name, "this name is too long for a tar archive");
	memcpy(h.mode, "0000644", 8);
	memcpy(h.uid, "0000000", 8);
	memcpy(h.gid, "0000000", 8);
	if (size < (uint64_t)1 << 33) {
		snprintf(h.size, sizeof h.size, "%011llo", (unsigned long long)size);
	} else {
		h.size[0] = (char)0x80;
		for (int i = 0; i < 8; i++)
			h.size[11 - i] = (char)(size >> 8 * i & 0xff);
	}
	snprintf(h.mtime, sizeof h.mtime, "%011llo",
	         (unsigned long long)(mtime > 0 && mtime < (int64_t)1 << 33 ? mtime : 0));
	h.type = '0';
	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	memset(h.check, ' ', sizeof h.check);
	for (size_t i = 0; i < sizeof h; i++)
		sum += ((const unsigned char *)&h)[i];
	snprintf(h.check, sizeof h.check, "%06o", sum & 0777777);
	return put(t, &h, sizeof h, err);
}

static int put_padding(struct oc_tar *t, uint64_t size, struct oc_err *err)
{
	static const char zero[BLOCK];
	size_t rest = (size_t)(size % BLOCK);

	return rest ? put(t, zero, BLOCK - rest, err) : 0;
}

int oc_tar_text(struct oc_tar *t, const char *name, struct oc_str text, int64_t time,
                struct oc_err *err)
{
	return put_head(t, name, text.len, time, err) || put(t, text.p, text.len, err) ||
	                       put_padding(t, text.len, err)
	               ? -1
	               : 0;
}

int oc_tar_file(struct oc_tar *t, const char *name, const char *path, struct oc_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -1;
	char *buf = oc_alloc(CHUNK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		oc_fail_errno(err, path, "cannot read");
		goto out;
	}
	uint64_t size = (uint64_t)st.st_size, left = size;
	if (put_head(t, name, size, (int64_t)st.st_mtime, err))
		goto out;
	while (left) {
		ssize_t got = read(fd, buf, left < CHUNK ? (size_t)left : CHUNK);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			oc_fail_errno(err, path, "cannot read");
			goto out;
		}
		if (got == 0) {
			oc_fail(err, OC_IO, path, "became shorter while it was read");
			goto out;
		}
		if (put(t, buf, (size_t)got, err))
			goto out;
		left -= (uint64_t)got;
	}
	rc = put_padding(t, size, err);
out:
	if (fd >= 0)
		close(fd);
	free(buf);
	return rc;
}

int oc_tar_close(struct oc_tar *t, struct oc_err *err)
{
	static const char end[2 * BLOCK];
	int rc = put(t, end, sizeof end, err);

	if (!rc && t->z) {
		rc = oc_zwriter_close(t->z, err);
		t->z = NULL;
	} else if (!rc) {
		if (fsync(t->fd))
			rc = oc_fail_errno(err, t->tmp, "cannot write");
		close(t->fd);
		t->fd = -1;
		if (!rc)
			rc = oc_rename_synced(t->tmp, t->path, err);
	}
	if (!rc) {
		free(t->tmp);
		t->tmp = NULL;
	}
	oc_tar_abandon(t);
	return rc;
}

void oc_tar_abandon(struct oc_tar *t)
{
	if (!t)
		return;
	if (t->z)
		oc_zwriter_abandon(t->z);
	if (t->fd >= 0)
		close(t->fd);
	if (t->tmp && !t->z)
		unlink(t->tmp);
	free(t->tmp);
	free(t->path);
	free(t);
}
