/* job_folder.c: the folder of a job's temporary files, and those of jobs that died. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "run/job_parts.h"

#define PREFIX ".outcross-job-"

/* A descriptor of the folder when nobody else holds it and it is still there; else -1. */
static int take(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat mine, there;

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &mine) == 0 && stat(path, &there) == 0 &&
	    mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
		return fd;
	close(fd);
	return -1;
}

/* Removes what killed jobs left: folders that nobody holds. What cannot be removed stays. */
static void sweep(const char *dir)
{
	DIR *d = opendir(dir);
	struct stat st;

	for (struct dirent *e; d && (e = readdir(d));) {
		char path[PATH_MAX];
		struct oc_err ignored = {0};
		if (strncmp(e->d_name, PREFIX, sizeof PREFIX - 1) != 0)
			continue;
		snprintf(path, sizeof path, "%.3800s/%.255s", dir, e->d_name);
		int fd = take(path);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0 && st.st_uid == geteuid())
			oc_remove_tree(path, &ignored);
		close(fd);
	}
	if (d)
		closedir(d);
}

int oc_job_folder_make(int *held, const char *dir, char path[PATH_MAX], struct oc_err *err)
{
	sweep(dir);
	do { /* another job may sweep the folder away before it is held */
		snprintf(path, PATH_MAX, "%.4000s/" PREFIX "XXXXXX", dir);
		if (!mkdtemp(path)) {
			path[0] = 0;
			return oc_fail_errno(err, dir,
			                     "cannot create a folder for temporary files in");
		}
		*held = take(path);
	} while (*held < 0 && access(path, F_OK) != 0);
	return 0;
}
