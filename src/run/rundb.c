#include "run/rundb.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

/* The feed, on one worker, keeps facts while another writes a checkpoint: one at a time. */
struct oc_rundb {
	struct oc_db *db;
	pthread_mutex_t lock; /* recursive: functions here use each other */
};

static struct oc_rundb *hold(struct oc_rundb *r)
{
	pthread_mutex_lock(&r->lock);
	return r;
}

static void let_go(struct oc_rundb **r)
{
	pthread_mutex_unlock(&(*r)->lock);
}

/* The rest of a function has the database to itself. */
#define HOLD(r) __attribute__((cleanup(let_go), unused)) struct oc_rundb *held = hold(r)

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS pass (name TEXT PRIMARY KEY, tally TEXT) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS block (pass TEXT, n INTEGER, fed INTEGER, source INTEGER,"
	" row INTEGER, offset INTEGER, written INTEGER, tally TEXT, PRIMARY KEY (pass, n))"
	" WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS state (pass TEXT, step INTEGER, n INTEGER, bytes BLOB,"
	" PRIMARY KEY (pass, step, n));"
	"CREATE TABLE IF NOT EXISTS reply (id INTEGER PRIMARY KEY, key TEXT UNIQUE, step TEXT);";

int oc_rundb_open(struct oc_rundb **out, const char *dir, bool readonly, struct oc_err *err)
{
	struct oc_rundb *r = oc_zalloc(1, sizeof *r);
	struct oc_buf version = {0};
	pthread_mutexattr_t attr;
	char path[PATH_MAX];
	int rc = -1;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&r->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	snprintf(path, sizeof path, "%s/run.db", dir);
	if (oc_db_open(&r->db, path, readonly, schema, err) ||
	    oc_rundb_get(r, "version", &version, err) < 0)
		goto out;
	if (version.len && atoi(oc_buf_cstr(&version)) > OC_RUN_VERSION) {
		oc_fail(err, OC_INPUT, path,
		        "was written by a newer Outcross (format %s, this one knows %d): upgrade",
		        oc_buf_cstr(&version), OC_RUN_VERSION);
		goto out;
	}
	if (!version.len && !readonly) {
		char text[16];
		snprintf(text, sizeof text, "%d", OC_RUN_VERSION);
		if (oc_rundb_set(r, "version", oc_str(text), err))
			goto out;
	}
	*out = r;
	r = NULL;
	rc = 0;
out:
	oc_buf_fini(&version);
	oc_rundb_close(r);
	return rc;
}

void oc_rundb_close(struct oc_rundb *r)
{
	if (!r)
		return;
	oc_db_close(r->db);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

int oc_rundb_begin(struct oc_rundb *r, struct oc_err *err)
{
	HOLD(r);
	return oc_db_run(r->db, err, "BEGIN IMMEDIATE", "");
}

int oc_rundb_commit(struct oc_rundb *r, struct oc_err *err)
{
	HOLD(r);
	return oc_db_run(r->db, err, "COMMIT", "");
}

int oc_rundb_rollback(struct oc_rundb *r, struct oc_err *err)
{
	HOLD(r);
	return oc_db_run(r->db, err, "ROLLBACK", "");
}

int oc_rundb_set(struct oc_rundb *r, const char *key, struct oc_str value, struct oc_err *err)
{
	HOLD(r);
	return oc_db_run(r->db, err, "INSERT OR REPLACE INTO meta VALUES (?, ?)", "ss", oc_str(key),
	                 value);
}

int oc_rundb_get(struct oc_rundb *r, const char *key, struct oc_buf *value, struct oc_err *err)
{
	HOLD(r);
	sqlite3_stmt *q;
	int rc;

	if (oc_db_query(r->db, &q, err, "SELECT value FROM meta WHERE key = ?", "s", oc_str(key)))
		return -1;
	if ((rc = oc_db_step(r->db, q, err)) == 1) {
		oc_buf_str(value, oc_db_text(q, 0));
		oc_buf_cstr(value);
		sqlite3_reset(q);
	}
	return rc;
}

int oc_rundb_block(struct oc_rundb *r, const char *pass, const struct oc_checkpoint *at,
                   const struct oc_tally *tally, const struct oc_buf *states, unsigned state_n,
                   struct oc_err *err)
{
	HOLD(r);
	struct oc_buf counts = {0};
	int rc = -1;

	oc_tally_write(&counts, tally);
	if (oc_db_run(r->db, err, "INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	              "siiiiiis", oc_str(pass), (int64_t)at->blocks, (int64_t)at->fed,
	              (int64_t)at->cursor.source, (int64_t)at->cursor.row,
	              (int64_t)at->cursor.offset, (int64_t)at->written, oc_buf_view(&counts)))
		goto out;
	for (unsigned i = 0; i < state_n; i++)
		if (states[i].len &&
		    oc_db_run(r->db, err, "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)",
		              "siib", oc_str(pass), (int64_t)i, (int64_t)at->blocks,
		              oc_buf_view(&states[i])))
			goto out;
	rc = 0;
out:
	oc_buf_fini(&counts);
	return rc;
}

static int read_tally(struct oc_tally *tally, struct oc_str text, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	yyjson_val *json = oc_json_parse(a, text, err);
	int rc = json ? oc_tally_read(tally, json, err) : -1;

	oc_arena_free(a);
	return rc;
}

int oc_rundb_resume(struct oc_rundb *r, const char *pass, struct oc_checkpoint *at,
                    struct oc_tally *tally, struct oc_err *err)
{
	HOLD(r);
	sqlite3_stmt *q;
	int rc;

	if (oc_db_query(r->db, &q, err,
	                "SELECT n, fed, source, row, offset, written, tally FROM block"
	                " WHERE pass = ? ORDER BY n DESC LIMIT 1",
	                "s", oc_str(pass)))
		return -1;
	if ((rc = oc_db_step(r->db, q, err)) != 1)
		return rc;
	*at = (struct oc_checkpoint){
		.blocks = (uint32_t)sqlite3_column_int64(q, 0),
		.fed = (uint64_t)sqlite3_column_int64(q, 1),
		.cursor = {(uint32_t)sqlite3_column_int64(q, 2),
	                   (uint64_t)sqlite3_column_int64(q, 3),
	                   (uint64_t)sqlite3_column_int64(q, 4)},
		.written = (uint64_t)sqlite3_column_int64(q, 5),
	};
	rc = read_tally(tally, oc_db_text(q, 6), err) ? -1 : 1;
	sqlite3_reset(q);
	return rc;
}

int oc_rundb_states(struct oc_rundb *r, const char *pass, unsigned step,
                    int (*fn)(void *, const char *, size_t, struct oc_err *), void *user,
                    struct oc_err *err)
{
	HOLD(r);
	sqlite3_stmt *q;
	int rc;

	if (oc_db_query(r->db, &q, err,
	                "SELECT bytes FROM state WHERE pass = ? AND step = ? ORDER BY n", "si",
	                oc_str(pass), (int64_t)step))
		return -1;
	while ((rc = oc_db_step(r->db, q, err)) == 1) {
		struct oc_str bytes = oc_db_text(q, 0);
		if (fn(user, bytes.p, bytes.len, err)) {
			sqlite3_reset(q);
			return -1;
		}
	}
	return rc;
}

int oc_rundb_pass_done(struct oc_rundb *r, const char *pass, const struct oc_tally *tally,
                       struct oc_err *err)
{
	HOLD(r);
	struct oc_buf counts = {0};

	oc_tally_write(&counts, tally);
	int rc = oc_db_run(r->db, err, "INSERT OR REPLACE INTO pass VALUES (?, ?)", "ss",
	                   oc_str(pass), oc_buf_view(&counts));
	oc_buf_fini(&counts);
	return rc;
}

int oc_rundb_pass_is_done(struct oc_rundb *r, const char *pass, struct oc_tally *tally,
                          struct oc_err *err)
{
	HOLD(r);
	sqlite3_stmt *q;
	int rc;

	if (oc_db_query(r->db, &q, err, "SELECT tally FROM pass WHERE name = ?", "s", oc_str(pass)))
		return -1;
	if ((rc = oc_db_step(r->db, q, err)) == 1) {
		if (tally && read_tally(tally, oc_db_text(q, 0), err))
			rc = -1;
		sqlite3_reset(q);
	}
	return rc;
}

int oc_rundb_forget_pass(struct oc_rundb *r, const char *pass, struct oc_err *err)
{
	HOLD(r);
	return oc_db_run(r->db, err, "DELETE FROM pass WHERE name = ?", "s", oc_str(pass)) ||
	                       oc_db_run(r->db, err, "DELETE FROM block WHERE pass = ?", "s",
	                                 oc_str(pass)) ||
	                       oc_db_run(r->db, err, "DELETE FROM state WHERE pass = ?", "s",
	                                 oc_str(pass))
	               ? -1
	               : 0;
}

int oc_rundb_forget_passes(struct oc_rundb *r, struct oc_err *err)
{
	HOLD(r);
	return oc_db_run(r->db, err, "DELETE FROM pass", "") ||
	                       oc_db_run(r->db, err, "DELETE FROM block", "") ||
	                       oc_db_run(r->db, err, "DELETE FROM state", "")
	               ? -1
	               : 0;
}

int oc_rundb_reply(struct oc_rundb *r, struct oc_str key, const char *step, struct oc_err *err)
{
	HOLD(r);
	return oc_db_run(r->db, err, "INSERT OR IGNORE INTO reply (key, step) VALUES (?, ?)", "ss",
	                 key, oc_str(step));
}

int oc_rundb_replies(struct oc_rundb *r, int (*fn)(void *, struct oc_str, struct oc_str),
                     void *user, struct oc_err *err)
{
	HOLD(r);
	sqlite3_stmt *q;
	int rc;

	if (oc_db_query(r->db, &q, err, "SELECT key, step FROM reply ORDER BY id", ""))
		return -1;
	while ((rc = oc_db_step(r->db, q, err)) == 1)
		if (fn(user, oc_db_text(q, 0), oc_db_text(q, 1))) {
			sqlite3_reset(q);
			return -1;
		}
	return rc;
}
