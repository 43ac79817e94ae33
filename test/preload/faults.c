/*
 * faults.so: lets one call of a kind fail, the Nth that touches a file below a folder.
 *
 *   FAULT_CALL=write|fsync|rename|open|mkdir|any  FAULT_AT=N  FAULT_ERRNO=28|5  FAULT_UNDER=FOLDER
 *   FAULT_LASTS=1: that call and all later ones of the kind (a disk that stays full)
 *   FAULT_KILL=1: the process dies instead (SIGKILL), before the call
 *   FAULT_COUNT=FILE: no fault; the number of calls is written there at the end
 *
 * A write that fails with ENOSPC first takes half of the bytes, as disks do.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static int wanted(const char *call)
{
	const char *what = getenv("FAULT_CALL");
	return what && (strcmp(what, call) == 0 || strcmp(what, "any") == 0);
}

static int below(const char *path)
{
	const char *under = getenv("FAULT_UNDER");
	char full[PATH_MAX + 1], cwd[PATH_MAX];

	if (!under)
		return 0;
	if (path[0] != '/' && getcwd(cwd, sizeof cwd)) {
		snprintf(full, sizeof full, "%.2000s/%.2000s", cwd, path);
		path = full;
	}
	return strncmp(path, under, strlen(under)) == 0;
}

static int fd_below(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n <= 0)
		return 0;
	path[n] = 0;
	return below(path);
}

/* 1: this call fails, errno is set. */
static int strikes(const char *call)
{
	const char *at = getenv("FAULT_AT"), *lasts = getenv("FAULT_LASTS"),
		   *no = getenv("FAULT_ERRNO"), *die = getenv("FAULT_KILL");
	long n;

	if (!wanted(call))
		return 0;
	n = atomic_fetch_add(&calls, 1) + 1;
	if (!at || n < atol(at) || (n > atol(at) && !(lasts && *lasts == '1')))
		return 0;
	if (die && *die == '1')
		kill(getpid(), SIGKILL);
	errno = no ? atoi(no) : ENOSPC;
	return 1;
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("FAULT_COUNT");
	FILE *f = path && wanted(getenv("FAULT_CALL") ? getenv("FAULT_CALL") : "")
	                  ? fopen(path, "w")
	                  : NULL;

	if (f) {
		fprintf(f, "%ld\n", atomic_load(&calls));
		fclose(f);
	}
}

#define REAL(type, name, ...)                                                                      \
	static type (*real)(__VA_ARGS__);                                                          \
	if (!real)                                                                                 \
	real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *p, size_t n)
{
	REAL(ssize_t, "write", int, const void *, size_t);
	if (fd > 2 && wanted("write") && fd_below(fd) && strikes("write")) {
		int e = errno;
		if (e == ENOSPC && n > 1)
			return real(fd, p, n / 2); /* the next call says why */
		errno = e;
		return -1;
	}
	return real(fd, p, n);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
	REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
	if (wanted("write") && fd_below(fd) && strikes("write"))
		return -1;
	return real(fd, p, n, at);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
	if (wanted("write") && fd_below(fd) && strikes("write"))
		return -1;
	return real(fd, p, n, at);
}

int fsync(int fd)
{
	REAL(int, "fsync", int);
	return wanted("fsync") && fd_below(fd) && strikes("fsync") ? -1 : real(fd);
}

int fdatasync(int fd)
{
	REAL(int, "fdatasync", int);
	return wanted("fsync") && fd_below(fd) && strikes("fsync") ? -1 : real(fd);
}

int rename(const char *from, const char *to)
{
	REAL(int, "rename", const char *, const char *);
	return wanted("rename") && below(to) && strikes("rename") ? -1 : real(from, to);
}

int mkdir(const char *path, mode_t mode)
{
	REAL(int, "mkdir", const char *, mode_t);
	return wanted("mkdir") && below(path) && strikes("mkdir") ? -1 : real(path, mode);
}

static int creates(int flags)
{
	return (flags & O_CREAT) != 0;
}

int open(const char *path, int flags, ...)
{
	REAL(int, "open", const char *, int, ...);
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (creates(flags))
		mode = va_arg(args, mode_t);
	va_end(args);
	return wanted("open") && creates(flags) && below(path) && strikes("open")
	               ? -1
	               : real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	REAL(int, "open64", const char *, int, ...);
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (creates(flags))
		mode = va_arg(args, mode_t);
	va_end(args);
	return wanted("open") && creates(flags) && below(path) && strikes("open")
	               ? -1
	               : real(path, flags, mode);
}
