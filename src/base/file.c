#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

int oc_file_read(const char *path, size_t max, struct oc_buf *out, struct oc_err *err)
{
	int rc = -1, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return oc_fail_errno(err, path, "cannot open");
	for (;;) {
		oc_buf_reserve(out, 1 << 16);
		ssize_t n = read(fd, out->p + out->len, out->cap - out->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			oc_fail_errno(err, path, "cannot read");
			goto out;
		}
		if (n == 0)
			break;
		out->len += (size_t)n;
		if (out->len > max) {
			oc_fail(err, OC_INPUT, path, "is larger than the %zu bytes allowed here",
			        max);
			goto out;
		}
	}
	oc_buf_cstr(out);
	rc = 0;
out:
	close(fd);
	return rc;
}

int oc_write_all(int fd, const void *p, size_t len, const char *path, struct oc_err *err)
{
	const char *at = p;

	while (len) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return oc_fail_errno(err, path, "cannot write");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int oc_fsync_dir(const char *path, struct oc_err *err)
{
	char dir[PATH_MAX];
	snprintf(dir, sizeof dir, "%s", path);
	char *slash = strrchr(dir, '/');
	if (!slash)
		strcpy(dir, ".");
	else if (slash == dir)
		slash[1] = 0;
	else
		*slash = 0;

	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return oc_fail_errno(err, dir, "cannot open folder");
	int rc = fsync(fd);
	close(fd);
	/* Some file systems refuse fsync on folders; then there is nothing better to do. */
	return rc && errno != EINVAL ? oc_fail_errno(err, dir, "cannot sync folder") : 0;
}

int oc_rename_synced(const char *from, const char *to, struct oc_err *err)
{
	if (rename(from, to))
		return oc_fail_errno(err, to, "cannot rename into place");
	return oc_fsync_dir(to, err);
}

static int write_file(const char *path, const void *p, size_t len, bool sync, struct oc_err *err)
{
	char tmp[PATH_MAX];

	snprintf(tmp, sizeof tmp, "%s.tmp", path);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return oc_fail_errno(err, path, "cannot create");
	int rc = oc_write_all(fd, p, len, path, err);
	if (!rc && sync && fsync(fd))
		rc = oc_fail_errno(err, path, "cannot sync");
	if (close(fd) && !rc)
		rc = oc_fail_errno(err, path, "cannot close");
	if (!rc && rename(tmp, path))
		rc = oc_fail_errno(err, path, "cannot rename into place");
	if (!rc && sync)
		rc = oc_fsync_dir(path, err);
	if (rc)
		unlink(tmp);
	return rc;
}

int oc_file_write(const char *path, const void *p, size_t len, struct oc_err *err)
{
	return write_file(path, p, len, true, err);
}

int oc_file_replace(const char *path, const void *p, size_t len, struct oc_err *err)
{
	return write_file(path, p, len, false, err);
}

int oc_mkdirs(const char *path, struct oc_err *err)
{
	char part[PATH_MAX];

	if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
		return oc_fail(err, OC_IO, path, "the path is too long");
	for (char *p = part + 1;; p++) {
		if (*p && *p != '/')
			continue;
		char end = *p;
		*p = 0;
		if (mkdir(part, 0777) && errno != EEXIST)
			return oc_fail_errno(err, part, "cannot create folder");
		if (!end)
			break;
		*p = end;
	}
	struct stat st;
	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return oc_fail(err, OC_IO, path, "exists and is not a folder");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int oc_remove_tree(const char *path, struct oc_err *err)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
		return oc_fail_errno(err, path, "cannot remove");
	return 0;
}

const char *oc_path_from(struct oc_arena *a, const char *folder, struct oc_str path)
{
	if (!path.len || path.p[0] == '/' || !folder || !folder[0])
		return oc_arena_str(a, path).p;
	return oc_arena_printf(a, "%s/%.*s", folder, OC_ARG(path)).p;
}

bool oc_file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

int oc_temp_folder(char path[512], struct oc_err *err)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(path, 512, "%.480s/outcross-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	return mkdtemp(path) ? 0 : oc_fail_errno(err, path, "cannot make a temporary folder");
}

void oc_glob_quote(struct oc_buf *pattern, struct oc_str path)
{
	for (size_t i = 0; i < path.len; i++) {
		if (strchr("*?[\\", path.p[i]))
			oc_buf_putc(pattern, '\\');
		oc_buf_putc(pattern, path.p[i]);
	}
}

int oc_glob(const char *dir, const char *pattern, int flags, glob_t *found)
{
	struct oc_buf b = {0};

	oc_buf_printf(&b, "%s/%s", dir, pattern);
	struct oc_str whole = {b.p, b.len}, folder = {b.p, strlen(dir)};
	struct oc_buf quoted = {0};
	bool there = oc_file_exists(oc_buf_cstr(&b));
	oc_glob_quote(&quoted, there ? whole : folder);
	if (!there)
		oc_buf_printf(&quoted, "/%s", pattern);
	int rc = glob(oc_buf_cstr(&quoted), flags, NULL, found);
	oc_buf_fini(&quoted);
	oc_buf_fini(&b);
	return rc;
}
