/*
 * reads.so: how many bytes of some files a program reads.
 *
 *   READS_OF=ENDING  files whose names end so
 *   READS_COUNT=FILE their bytes are written there at the end; a mapping counts with its length
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_llong bytes;

static int wanted(int fd)
{
	const char *end = getenv("READS_OF");
	char link[64], path[PATH_MAX];
	size_t len = end ? strlen(end) : 0;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = len ? readlink(link, path, sizeof path) : -1;
	return n >= (ssize_t)len && memcmp(path + n - len, end, len) == 0;
}

static ssize_t counted(int fd, ssize_t n)
{
	if (n > 0 && wanted(fd))
		atomic_fetch_add(&bytes, n);
	return n;
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("READS_COUNT");
	FILE *f = path ? fopen(path, "w") : NULL;

	if (f) {
		fprintf(f, "%lld\n", (long long)atomic_load(&bytes));
		fclose(f);
	}
}

#define REAL(type, name, ...)                                                                      \
	static type (*real)(__VA_ARGS__);                                                          \
	if (!real)                                                                                 \
	real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t read(int fd, void *p, size_t n)
{
	REAL(ssize_t, "read", int, void *, size_t);
	return counted(fd, real(fd, p, n));
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
	REAL(ssize_t, "pread", int, void *, size_t, off_t);
	return counted(fd, real(fd, p, n, at));
}

ssize_t pread64(int fd, void *p, size_t n, off_t at)
{
	REAL(ssize_t, "pread64", int, void *, size_t, off_t);
	return counted(fd, real(fd, p, n, at));
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	REAL(void *, "mmap", void *, size_t, int, int, int, off_t);
	void *p = real(at, n, prot, flags, fd, from);
	if (fd >= 0 && p != MAP_FAILED)
		counted(fd, (ssize_t)n);
	return p;
}
