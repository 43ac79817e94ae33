#include "run/folder.h"

#include <dirent.h>
#include <stdio.h>

#include "base/err.h"
#include "base/file.h"
#include "run/state.h"

#define LOCK_MAX ((size_t)16 << 20) /* bytes of a plan.lock.yaml */

static void run_name(const struct oc_plan *plan, unsigned i, char out[4096])
{
	const char *base = plan->base_dir && plan->base_dir[0] ? plan->base_dir : ".";

	if (i == 1)
		snprintf(out, 4096, "%s/runs/%s", base, plan->name);
	else
		snprintf(out, 4096, "%s/runs/%s-%u", base, plan->name, i);
}

/* A run that ended before it wrote down its plan leaves these at most; the folder is free. */
static bool only_begun(const char *dir)
{
	static const char *const names[] = {
		".",           "..",         "lock",           "work",        "run.db",
		"run.db-wal",  "run.db-shm", "run.db-journal", "status.json", "plan.lock.yaml",
		"events.jsonl"};
	DIR *d = opendir(dir);
	struct dirent *e;
	bool only = d != NULL;

	while (only && (e = readdir(d))) {
		size_t i = 0, n = sizeof names / sizeof names[0];
		size_t len = strlen(e->d_name);
		if (len > 4 && strcmp(e->d_name + len - 4, ".tmp") == 0)
			len -= 4;
		while (i < n && (strlen(names[i]) != len || strncmp(names[i], e->d_name, len) != 0))
			i++;
		only = i < n;
	}
	if (d)
		closedir(d);
	return only;
}

/* Over the inputs as they are now? 1 yes, also when the run has not noted them yet. */
static int same_inputs(const struct oc_plan *plan, struct oc_rundb *db, struct oc_err *err)
{
	struct oc_buf now = {0}, then = {0};
	int rc = oc_rundb_get(db, "inputs", &then, err);

	oc_inputs_stamp(plan, &now);
	if (rc >= 0)
		rc = rc == 0 || oc_str_eq(oc_buf_view(&now), oc_buf_view(&then));
	oc_buf_fini(&now);
	oc_buf_fini(&then);
	return rc;
}

/* 1: the folder holds a run of this plan over these inputs, 2: it is free, 0: of another one or of
 * other things. */
static int holds(const struct oc_plan *plan, const char *dir, struct oc_err *err)
{
	bool begun = only_begun(dir);
	struct oc_err ignored = {0};
	struct oc_buf hash = {0};
	struct oc_rundb *db = NULL;
	char path[4200], hex[33];
	int rc = -1;

	snprintf(path, sizeof path, "%s/run.db", dir);
	if (!oc_file_exists(path))
		return begun ? 2 : 0;
	if (oc_rundb_open(&db, dir, true, begun ? &ignored : err) == 0)
		rc = oc_rundb_get(db, "plan_hash", &hash, begun ? &ignored : err);
	if (rc == 1) {
		oc_hash128_hex(oc_plan_hash(plan), hex);
		rc = strcmp(oc_buf_cstr(&hash), hex) == 0;
		if (rc && (rc = same_inputs(plan, db, err)) == 0 && begun)
			rc = 2;
	} else if (begun) {
		rc = 2;
	}
	oc_rundb_close(db);
	oc_buf_fini(&hash);
	return rc;
}

/* Lines of `from` that do not stand in `in`, each behind `sign`; '#' begins a comment. Of `stamps`
 * (oc_inputs_stamp) without the time, which nobody reads. */
static void lines_only(struct oc_buf *out, const struct oc_buf *from, const struct oc_buf *in,
                       char sign, bool stamps)
{
	for (size_t at = 0, len; at < from->len; at += len + 1) {
		char *end = memchr(from->p + at, '\n', from->len - at);
		len = end ? (size_t)(end - from->p) - at : from->len - at;
		struct oc_str line = {from->p + at, len};
		if (!len || line.p[0] == '#' || oc_str_find(oc_buf_view(in), line) >= 0)
			continue;
		while (stamps && line.len && line.p[--line.len] != ' ')
			;
		oc_buf_printf(out, "  %c %.*s%s\n", sign, OC_ARG(line), stamps ? " bytes" : "");
	}
}

/* What makes it another run: lines of the resolved plan as "+ line" and "- line", unless both are
 * one plan; and inputs, with their sizes and times. */
static void differences(const struct oc_plan *plan, const char *dir, struct oc_buf *out)
{
	struct oc_buf now = {0}, then = {0}, hash = {0}, inputs = {0}, stamp = {0};
	struct oc_err ignored = {0};
	struct oc_rundb *db = NULL;
	char path[4200], hex[33];

	oc_hash128_hex(oc_plan_hash(plan), hex);
	if (oc_rundb_open(&db, dir, true, &ignored) == 0) {
		oc_rundb_get(db, "plan_hash", &hash, &ignored);
		oc_rundb_get(db, "inputs", &inputs, &ignored);
	}
	oc_rundb_close(db);
	snprintf(path, sizeof path, "%s/plan.lock.yaml", dir);
	oc_plan_write(&now, plan);
	if (strcmp(oc_buf_cstr(&hash), hex) != 0 &&
	    !oc_file_read(path, LOCK_MAX, &then, &ignored)) {
		oc_buf_printf(out, "the plan differs from the run in %s:\n", dir);
		lines_only(out, &then, &now, '-', false);
		lines_only(out, &now, &then, '+', false);
	}
	oc_inputs_stamp(plan, &stamp);
	if (inputs.len && !oc_str_eq(oc_buf_view(&inputs), oc_buf_view(&stamp))) {
		oc_buf_printf(out, "inputs of the run in %s have changed, or were written again:\n",
		              dir);
		lines_only(out, &inputs, &stamp, '-', true);
		lines_only(out, &stamp, &inputs, '+', true);
	}
	oc_buf_fini(&now);
	oc_buf_fini(&then);
	oc_buf_fini(&hash);
	oc_buf_fini(&inputs);
	oc_buf_fini(&stamp);
}

int oc_run_folder(const struct oc_plan *plan, const char *wanted, char dir[4096],
                  struct oc_buf *changed, struct oc_err *err)
{
	char last[4096] = "";
	int rc;

	if (wanted) {
		snprintf(dir, 4096, "%s", wanted);
		rc = holds(plan, dir, err);
		if (rc == 0 && oc_file_exists(dir))
			return oc_fail(err, OC_USAGE, dir,
			               "exists and holds no run of this plan: choose another "
			               "folder with -o, or leave -o away");
		return rc == 2 ? 0 : rc;
	}
	for (unsigned i = 1;; i++) {
		run_name(plan, i, dir);
		if (!oc_file_exists(dir))
			break;
		if ((rc = holds(plan, dir, err)))
			return rc == 2 ? 0 : rc;
		snprintf(last, sizeof last, "%s", dir);
	}
	if (last[0])
		differences(plan, last, changed);
	return 0;
}
