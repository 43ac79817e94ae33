#include "llm/store_index.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"

#define VERSION 1
#define BUSY_MS 30000 /* how long another process may hold the index */

struct index {
	sqlite3 *w, *r; /* writer (NULL when read-only), reader */
	sqlite3_stmt *put, *fail, *lost, *seg, *find, *find_failed;
	char *path;
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS replies(key BLOB PRIMARY KEY, place INTEGER NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS failures(key BLOB PRIMARY KEY, place INTEGER NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS segments(id INTEGER PRIMARY KEY, scanned INTEGER NOT NULL,"
	" dict INTEGER NOT NULL, n INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS unknown(place INTEGER PRIMARY KEY, n INTEGER NOT NULL,"
	" cost REAL NOT NULL);";

static int fail(struct index *ix, sqlite3 *db, const char *what, struct oc_err *err)
{
	int code = sqlite3_errcode(db);

	if (code == SQLITE_FULL)
		return oc_fail(err, OC_IO, ix->path,
		               "%s: the disk is full; make room and run again", what);
	return oc_fail(err, OC_IO, ix->path, "%s: %s", what, sqlite3_errmsg(db));
}

static int exec(struct index *ix, sqlite3 *db, const char *sql, struct oc_err *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(ix, db, "cannot prepare the index of replies", err);
	return 0;
}

static int prepare(struct index *ix, sqlite3 *db, const char *sql, sqlite3_stmt **s,
                   struct oc_err *err)
{
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
		return fail(ix, db, "cannot read the index of replies", err);
	return 0;
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int64_t v = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		v = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return v;
}

/* WAL needs shared memory between processes, which network file systems do not give. */
static bool on_network(const char *dir)
{
	struct statfs s;

	if (statfs(dir, &s) < 0)
		return false;
	switch ((uint32_t)s.f_type) {
	case 0x6969u:     /* NFS */
	case 0xff534d42u: /* CIFS */
	case 0xfe534d42u: /* SMB2 */
	case 0x0bd00bd0u: /* Lustre */
	case 0x47504653u: /* GPFS */
	case 0x65735546u: /* FUSE */
	case 0x01021997u: /* 9p */ return true;
	default: return false;
	}
}

/* SQLite does not wait for a change of the journal's mode, for which it reads first and then locks:
 * two that had read and wait for each other would wait for ever. Who gives up lets the other on. */
static int set_journal(struct index *ix, const char *sql, struct oc_err *err)
{
	int rc;

	for (unsigned ms = 0;
	     (rc = sqlite3_exec(ix->w, sql, NULL, NULL, NULL)) == SQLITE_BUSY && ms < BUSY_MS; ms++)
		usleep(1000);
	return rc == SQLITE_OK ? 0 : fail(ix, ix->w, "cannot prepare the index of replies", err);
}

static int open_writer(struct index *ix, const char *dir, struct oc_err *err)
{
	int64_t version;

	if (sqlite3_open_v2(ix->path, &ix->w,
	                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	                    NULL) != SQLITE_OK)
		return fail(ix, ix->w, "cannot open the index of replies", err);
	sqlite3_busy_timeout(ix->w, BUSY_MS);
	version = number(ix->w, "PRAGMA user_version");
	if (version > VERSION)
		return oc_fail(err, OC_INPUT, ix->path,
		               "was written by a newer Outcross (version %lld, this one reads %d)",
		               (long long)version, VERSION);
	if (set_journal(ix,
	                on_network(dir) ? "PRAGMA journal_mode=DELETE" : "PRAGMA journal_mode=WAL",
	                err) < 0 ||
	    /* The segments are the truth, so a commit need not reach the disk at once. */
	    exec(ix, ix->w, "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32768;", err) < 0 ||
	    exec(ix, ix->w, schema, err) < 0 || exec(ix, ix->w, "PRAGMA user_version=1", err) < 0 ||
	    prepare(ix, ix->w, "INSERT OR IGNORE INTO replies VALUES(?,?)", &ix->put, err) < 0 ||
	    prepare(ix, ix->w, "INSERT OR REPLACE INTO failures VALUES(?,?)", &ix->fail, err) < 0 ||
	    prepare(ix, ix->w, "INSERT OR IGNORE INTO unknown VALUES(?,?,?)", &ix->lost, err) < 0 ||
	    prepare(ix, ix->w,
	            "INSERT INTO segments VALUES(?1,?2,?3,?4) ON CONFLICT(id) DO UPDATE SET"
	            " scanned=max(scanned,?2), dict=?3, n=n+?4",
	            &ix->seg, err) < 0)
		return -1;
	return 0;
}

static const char find_sql[] = "SELECT place FROM replies WHERE key=?";

static int try_reader(struct index *ix, const char *name, int flags, struct oc_err *err)
{
	sqlite3_close(ix->r);
	if (sqlite3_open_v2(name, &ix->r, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return fail(ix, ix->r, "cannot open the index of replies", err);
	sqlite3_busy_timeout(ix->r, BUSY_MS);
	if (flags & SQLITE_OPEN_CREATE && exec(ix, ix->r, schema, err) < 0)
		return -1;
	return prepare(ix, ix->r, find_sql, &ix->find, err);
}

static int open_reader(struct index *ix, bool readonly, struct oc_err *err)
{
	struct oc_err first = {0};

	if (try_reader(ix, ix->path, SQLITE_OPEN_READONLY, readonly ? &first : err) < 0) {
		if (!readonly)
			return -1;
		/* A folder in which no file may be made, not even the WAL's: nobody writes there.
		 */
		char *uri = sqlite3_mprintf("file:%s?immutable=1", ix->path);
		int rc = try_reader(ix, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, &first);
		sqlite3_free(uri);
		/* Lost or damaged: the segments, which are the truth, are read from the start. */
		if (rc < 0 &&
		    try_reader(ix, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err) < 0)
			return -1;
	}
	sqlite3_exec(ix->r, "PRAGMA cache_size=-65536; PRAGMA mmap_size=1073741824;", NULL, NULL,
	             NULL);
	return prepare(ix, ix->r, "SELECT place FROM failures WHERE key=?", &ix->find_failed, err);
}

static void shut(struct index *ix)
{
	sqlite3_finalize(ix->put);
	sqlite3_finalize(ix->fail);
	sqlite3_finalize(ix->lost);
	sqlite3_finalize(ix->seg);
	sqlite3_finalize(ix->find);
	sqlite3_finalize(ix->find_failed);
	ix->put = ix->fail = ix->lost = ix->seg = ix->find = ix->find_failed = NULL;
	sqlite3_close(ix->r);
	sqlite3_close(ix->w);
	ix->r = ix->w = NULL;
}

static void set_aside(struct oc_ctx *ctx, const char *path)
{
	char *other = sqlite3_mprintf("%s.bad", path);
	char *side = sqlite3_mprintf("%s-wal", path);

	oc_log(ctx, OC_LOG_WARN,
	       "%s is damaged: it is set aside as index.db.bad and built again from the segments",
	       path);
	rename(path, other);
	remove(side);
	sqlite3_free(side);
	side = sqlite3_mprintf("%s-shm", path);
	remove(side);
	sqlite3_free(side);
	sqlite3_free(other);
}

int index_open(struct index **out, struct oc_ctx *ctx, const char *dir, bool readonly, bool *fresh,
               struct oc_err *err)
{
	struct index *ix = oc_zalloc(1, sizeof *ix);
	struct oc_buf path = {0};

	oc_buf_printf(&path, "%s/index.db", dir);
	ix->path = oc_strdup(oc_buf_cstr(&path));
	oc_buf_fini(&path);
	*fresh = false;
	if (!readonly) {
		struct oc_err first = {0};
		if (open_writer(ix, dir, &first) < 0) {
			int code = ix->w ? sqlite3_errcode(ix->w) : SQLITE_OK;
			bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
			shut(ix);
			if (!damaged) {
				*err = first;
				goto fail;
			}
			set_aside(ctx, ix->path);
			if (open_writer(ix, dir, err) < 0)
				goto fail;
		}
		*fresh = number(ix->w, "SELECT count(*) FROM segments") == 0;
	}
	if (open_reader(ix, readonly, err) < 0)
		goto fail;
	*out = ix;
	return 0;
fail:
	index_close(ix);
	return -1;
}

void index_close(struct index *ix)
{
	if (!ix)
		return;
	shut(ix);
	free(ix->path);
	free(ix);
}

/* 1: a row was added. */
static int run(struct index *ix, sqlite3_stmt *s, struct oc_err *err)
{
	int rc = sqlite3_step(s);

	if (rc != SQLITE_DONE)
		fail(ix, ix->w, "cannot write the index of replies", err);
	sqlite3_reset(s);
	return rc == SQLITE_DONE ? sqlite3_changes(ix->w) : -1;
}

int index_write(struct index *ix, const struct index_entry *e, size_t entry_n,
                const struct index_unknown *u, size_t unknown_n, const struct index_segment *seg,
                struct oc_err *err)
{
	int64_t added = 0;

	if (exec(ix, ix->w, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	for (size_t i = 0; i < entry_n; i++) {
		sqlite3_stmt *s = e[i].failed ? ix->fail : ix->put;
		sqlite3_bind_blob(s, 1, &e[i].key, sizeof e[i].key, SQLITE_STATIC);
		sqlite3_bind_int64(s, 2, (sqlite3_int64)e[i].place);
		int n = run(ix, s, err);
		if (n < 0)
			goto fail;
		added += e[i].failed ? 0 : n;
	}
	for (size_t i = 0; i < unknown_n; i++) {
		sqlite3_bind_int64(ix->lost, 1, (sqlite3_int64)u[i].place);
		sqlite3_bind_int64(ix->lost, 2, (sqlite3_int64)u[i].n);
		sqlite3_bind_double(ix->lost, 3, u[i].cost);
		if (run(ix, ix->lost, err) < 0)
			goto fail;
	}
	if (seg) {
		sqlite3_bind_int64(ix->seg, 1, seg->id);
		sqlite3_bind_int64(ix->seg, 2, (sqlite3_int64)seg->scanned);
		sqlite3_bind_int64(ix->seg, 3, seg->dict);
		sqlite3_bind_int64(ix->seg, 4, added);
		if (run(ix, ix->seg, err) < 0)
			goto fail;
	}
	if (exec(ix, ix->w, "COMMIT", err) < 0)
		goto fail;
	return 0;
fail:
	sqlite3_exec(ix->w, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

int index_find(struct index *ix, struct oc_hash128 key, struct index_entry *out, struct oc_err *err)
{
	sqlite3_stmt *order[] = {ix->find, ix->find_failed};
	int rc = SQLITE_DONE;

	for (int i = 0; i < 2 && rc == SQLITE_DONE; i++) {
		sqlite3_bind_blob(order[i], 1, &key, sizeof key, SQLITE_STATIC);
		rc = sqlite3_step(order[i]);
		if (rc == SQLITE_ROW)
			*out = (struct index_entry){
				key, (uint64_t)sqlite3_column_int64(order[i], 0), i == 1};
		else if (rc != SQLITE_DONE)
			fail(ix, ix->r, "cannot read the index of replies", err);
		sqlite3_reset(order[i]);
	}
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

int index_segment_get(struct index *ix, uint32_t id, struct index_segment *out, struct oc_err *err)
{
	sqlite3_stmt *s = NULL;
	int rc;

	*out = (struct index_segment){.id = id};
	if (prepare(ix, ix->r, "SELECT scanned, dict FROM segments WHERE id=?", &s, err) < 0)
		return -1;
	sqlite3_bind_int64(s, 1, id);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		out->scanned = (uint64_t)sqlite3_column_int64(s, 0);
		out->dict = (uint32_t)sqlite3_column_int64(s, 1);
	} else if (rc != SQLITE_DONE) {
		fail(ix, ix->r, "cannot read the index of replies", err);
	}
	sqlite3_finalize(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

int index_cut(struct index *ix, uint32_t segment, uint64_t offset, struct oc_err *err)
{
	uint64_t from = (uint64_t)segment << 32 | offset, to = (uint64_t)(segment + 1) << 32;
	char *sql = sqlite3_mprintf("BEGIN IMMEDIATE;"
	                            "DELETE FROM replies WHERE place>=%lld AND place<%lld;"
	                            "UPDATE segments SET n=n-changes(), scanned=min(scanned,%lld)"
	                            " WHERE id=%lld;"
	                            "DELETE FROM failures WHERE place>=%lld AND place<%lld;"
	                            "DELETE FROM unknown WHERE place>=%lld AND place<%lld;COMMIT",
	                            (long long)from, (long long)to, (long long)offset,
	                            (long long)segment, (long long)from, (long long)to,
	                            (long long)from, (long long)to);
	int rc = exec(ix, ix->w, sql, err);

	sqlite3_free(sql);
	if (rc < 0)
		sqlite3_exec(ix->w, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

uint64_t index_count(struct index *ix)
{
	int64_t n = number(ix->r, "SELECT coalesce(sum(n),0) FROM segments");
	return n > 0 ? (uint64_t)n : 0;
}

void index_unknown_sum(struct index *ix, uint64_t *n, double *cost)
{
	sqlite3_stmt *s = NULL;

	*n = 0;
	*cost = 0;
	if (sqlite3_prepare_v2(ix->r,
	                       "SELECT coalesce(sum(n),0), coalesce(sum(cost),0) FROM unknown", -1,
	                       &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW) {
		*n = (uint64_t)sqlite3_column_int64(s, 0);
		*cost = sqlite3_column_double(s, 1);
	}
	sqlite3_finalize(s);
}
