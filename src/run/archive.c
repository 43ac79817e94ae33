#include "run/archive.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "data/yaml.h"
#include "llm/store.h"
#include "pipe/tar.h"
#include "run/rundb.h"

#define LOCK_MAX ((size_t)16 << 20) /* bytes of a plan.lock.yaml */
#define CACHE    ".outcross/replies"

struct archive {
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	const char *dir;
	const char *name; /* of the plan, and of the folder in the archive */
	struct oc_buf lock;
	yyjson_val *plan;
	struct oc_rundb *db;
	struct oc_tar *tar;
	struct oc_store *from, *to;
	struct oc_archived *what;
	struct oc_err *err; /* of a callback */
};

/* ------------------------------------------------------------------- folders */

static bool left_out(const char *name)
{
	size_t n = strlen(name);

	return strcmp(name, "lock") == 0 || strcmp(name, "work") == 0 ||
	       (n > 4 && (strcmp(name + n - 4, ".tmp") == 0 || strcmp(name + n - 4, "-shm") == 0));
}

static int add_tree(struct archive *a, const char *dir, const char *as, struct oc_err *err)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, NULL, alphasort), rc = 0;

	if (n < 0)
		return oc_fail_errno(err, dir, "cannot read the folder");
	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		char path[PATH_MAX], member[PATH_MAX];
		struct stat st;
		if (rc || name[0] == '.' || left_out(name)) {
			free(names[i]);
			continue;
		}
		snprintf(path, sizeof path, "%.3000s/%.255s", dir, name);
		snprintf(member, sizeof member, "%.3000s/%.255s", as, name);
		if (stat(path, &st))
			rc = oc_fail_errno(err, path, "cannot read");
		else if (S_ISDIR(st.st_mode))
			rc = add_tree(a, path, member, err);
		else if (S_ISREG(st.st_mode)) {
			rc = oc_tar_file(a->tar, member, path, err);
			a->what->files++;
		}
		free(names[i]);
	}
	free(names);
	return rc;
}

/* ------------------------------------------------------------------- replies */

static int copy_reply(void *user, struct oc_str key, struct oc_str step)
{
	struct archive *a = user;
	struct oc_record r = {0};
	struct oc_hash128 hash;
	int found;

	(void)step;
	if (!oc_hash128_parse(key, &hash))
		return 0;
	found = oc_store_get(a->from, hash, &r, a->err);
	if (found > 0) {
		found = oc_store_put(a->to, &r, a->err);
		a->what->replies++;
	} else if (found == 0) {
		a->what->missing++;
	}
	oc_record_fini(&r);
	return found < 0 ? -1 : 0;
}

/* The folder of the plan's replies: `cache:`, beside the plan. */
static int cache_of(struct archive *a, char out[PATH_MAX], struct oc_err *err)
{
	struct oc_str cache = oc_json_get_str(a->plan, "cache");
	struct oc_buf base = {0};
	int rc = oc_rundb_get(a->db, "base_dir", &base, err);

	if (rc >= 0) {
		if (cache.len && cache.p[0] == '/')
			snprintf(out, PATH_MAX, "%.*s", OC_ARG(cache));
		else
			snprintf(out, PATH_MAX, "%.3000s/%.*s", rc == 1 ? oc_buf_cstr(&base) : ".",
			         cache.len ? (int)(cache.len < 1000 ? cache.len : 1000)
			                   : (int)strlen(CACHE),
			         cache.len ? cache.p : CACHE);
	}
	oc_buf_fini(&base);
	return rc < 0 ? -1 : 0;
}

/* The replies this run used, as a store of their own in `dir`. */
static int subset(struct archive *a, const char *dir, struct oc_err *err)
{
	char cache[PATH_MAX];
	struct oc_err late = {0};
	int rc = -1;

	a->err = err;
	if (cache_of(a, cache, err) || oc_store_open(&a->from, a->ctx, cache, true, err))
		return -1;
	if (!oc_store_open(&a->to, a->ctx, dir, false, err))
		rc = oc_rundb_replies(a->db, copy_reply, a, err) < 0 ? -1 : 0;
	if (a->to && oc_store_close(a->to, rc ? &late : err))
		rc = -1;
	if (oc_store_close(a->from, rc ? &late : err))
		rc = -1;
	return rc;
}

/* -------------------------------------------------------------------- papers */

/* plan.lock.yaml with its replies where the archive has them. */
static int add_plan(struct archive *a, int64_t time, struct oc_err *err)
{
	struct oc_buf text = {0};
	char name[600];
	bool seen = false;

	for (size_t at = 0; at < a->lock.len;) {
		const char *end = memchr(a->lock.p + at, '\n', a->lock.len - at);
		size_t len = end ? (size_t)(end - a->lock.p) - at : a->lock.len - at;
		struct oc_str line = {a->lock.p + at, len};
		if (oc_str_starts(line, "cache:")) {
			oc_buf_puts(&text, "cache: " CACHE);
			seen = true;
		} else {
			oc_buf_str(&text, line);
		}
		oc_buf_putc(&text, '\n');
		at += len + 1;
	}
	if (!seen)
		oc_buf_puts(&text, "cache: " CACHE "\n");
	snprintf(name, sizeof name, "%.255s/plan.yaml", a->name);
	int rc = oc_tar_text(a->tar, name, oc_buf_view(&text), time, err);
	oc_buf_fini(&text);
	return rc;
}

/* Where each source was, and which bytes it had. */
static int list_sources(struct archive *a, struct oc_buf *b, struct oc_err *err)
{
	size_t i, n, k, m;
	yyjson_val *key, *val, *file;

	yyjson_obj_foreach(oc_json_get(a->plan, "sources"), i, n, key, val)
	{
		struct oc_buf fact = {0};
		char name[300];
		snprintf(name, sizeof name, "inputs:%.*s", OC_ARG(oc_json_str(key)));
		oc_buf_printf(b, "  %.*s: path ", OC_ARG(oc_json_str(key)));
		oc_json_write(b, oc_json_get(val, "path"));
		oc_buf_putc(b, '\n');
		int rc = oc_rundb_get(a->db, name, &fact, err);
		yyjson_val *files =
			rc == 1 ? oc_json_parse(a->arena, oc_buf_view(&fact), err) : NULL;
		oc_buf_fini(&fact);
		if (rc < 0)
			return -1;
		yyjson_arr_foreach(files, k, m, file)
			oc_buf_printf(b, "    %.*s, %lld bytes, XXH3-128 %.*s\n",
		                      OC_ARG(oc_json_get_str(file, "file")),
		                      (long long)oc_json_get_int(file, "bytes", 0),
		                      OC_ARG(oc_json_get_str(file, "hash")));
	}
	return 0;
}

static int add_readme(struct archive *a, int64_t time, struct oc_err *err)
{
	struct oc_buf b = {0};
	char name[600];
	int rc;

	oc_buf_printf(
		&b,
		"A run of Outcross, which replays with the network off.\n\n"
		"  plan.yaml            the plan, every default spelled out\n"
		"  runs/%s/             the run folder: out/ is the data set, report.html\n"
		"  .outcross/replies/   the %llu replies of language models it used\n\n"
		"To make the data again from the replies, put the sources where plan.yaml\n"
		"expects them (paths start at its folder) and a gguf model, if it names one:\n\n"
		"  outcross run plan.yaml --offline -o again\n\n"
		"Sources (not in this archive):\n",
		a->name, (unsigned long long)a->what->replies);
	rc = list_sources(a, &b, err);
	snprintf(name, sizeof name, "%.255s/README.txt", a->name);
	if (!rc)
		rc = oc_tar_text(a->tar, name, oc_buf_view(&b), time, err);
	oc_buf_fini(&b);
	return rc;
}

/* ------------------------------------------------------------------- archive */

static int read_run(struct archive *a, struct oc_err *err)
{
	char path[PATH_MAX];
	struct oc_str name;

	snprintf(path, sizeof path, "%.3000s/plan.lock.yaml", a->dir);
	if (oc_file_read(path, LOCK_MAX, &a->lock, err) < 0)
		return -1;
	a->plan = oc_yaml_parse(a->arena, oc_buf_view(&a->lock), path, NULL, err);
	if (!a->plan || oc_rundb_open(&a->db, a->dir, true, err))
		return -1;
	name = oc_json_get_str(a->plan, "name");
	a->name = name.len ? oc_arena_printf(a->arena, "%.*s", OC_ARG(name)).p : "run";
	return 0;
}

/* Nobody may write while we read. The lock is kept until it is closed. */
static int hold_lock(const char *dir, int *fd, struct oc_err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%.3000s/lock", dir);
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd >= 0 && flock(*fd, LOCK_SH | LOCK_NB))
		return oc_fail(err, OC_IO, dir,
		               "another outcross is running in this folder: wait for it");
	return 0;
}

static int write_members(struct archive *a, const char *replies, struct oc_err *err)
{
	char member[PATH_MAX];
	int64_t now = (int64_t)time(NULL);

	if (add_readme(a, now, err) || add_plan(a, now, err))
		return -1;
	snprintf(member, sizeof member, "%.255s/runs/%.255s", a->name, a->name);
	if (add_tree(a, a->dir, member, err))
		return -1;
	if (!replies)
		return 0;
	snprintf(member, sizeof member, "%.255s/" CACHE, a->name);
	return add_tree(a, replies, member, err);
}

int oc_run_archive(struct oc_ctx *ctx, const char *dir, const char *out, struct oc_archived *what,
                   struct oc_err *err)
{
	struct archive a = {.ctx = ctx, .dir = dir, .what = what};
	const char *tmp = getenv("TMPDIR");
	char scratch[512], replies[600];
	struct oc_err ignore = {0};
	bool asks;
	int rc = -1, lock = -1;

	*what = (struct oc_archived){0};
	snprintf(scratch, sizeof scratch, "%s/outcross-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(scratch))
		return oc_fail_errno(err, scratch, "cannot make a temporary folder");
	snprintf(replies, sizeof replies, "%s/replies", scratch);
	a.arena = oc_arena_new();
	if (hold_lock(dir, &lock, err) || read_run(&a, err))
		goto out;
	asks = yyjson_obj_size(oc_json_get(a.plan, "models")) > 0;
	if (asks && subset(&a, replies, err))
		goto out;
	if (what->missing) {
		oc_fail(err, OC_MISSING, dir,
		        "%llu of the replies it used are no longer in the store: the archive would "
		        "not replay",
		        (unsigned long long)what->missing);
		goto out;
	}
	if (oc_tar_open(&a.tar, out, err) || write_members(&a, asks ? replies : NULL, err))
		goto out;
	rc = oc_tar_close(a.tar, err);
	a.tar = NULL;
out:
	oc_tar_abandon(a.tar);
	oc_rundb_close(a.db);
	if (lock >= 0)
		close(lock);
	oc_remove_tree(scratch, &ignore);
	oc_buf_fini(&a.lock);
	oc_arena_free(a.arena);
	return rc;
}
