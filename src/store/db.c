#include "store/db.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/err.h"

#define CACHE_N 64

struct oc_db {
	sqlite3 *sql;
	char *path;
	struct {
		const char *text;
		sqlite3_stmt *stmt;
	} cache[CACHE_N];
	unsigned cache_n;
};

static int fail(struct oc_db *db, const char *what, struct oc_err *err)
{
	int code = sqlite3_errcode(db->sql);

	if (code == SQLITE_FULL)
		return oc_fail(err, OC_IO, db->path,
		               "%s: the disk is full (free some space, then run the same command)",
		               what);
	return oc_fail(err, code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? OC_INPUT : OC_IO,
	               db->path, "%s: %s", what, sqlite3_errmsg(db->sql));
}

int oc_db_exec(struct oc_db *db, const char *sql, struct oc_err *err)
{
	return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK
	               ? 0
	               : fail(db, "database", err);
}

int oc_db_open(struct oc_db **out, const char *path, bool readonly, const char *schema,
               struct oc_err *err)
{
	struct oc_db *db = oc_zalloc(1, sizeof *db);
	int flags = readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

	db->path = oc_strdup(path);
	if (sqlite3_open_v2(path, &db->sql, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		fail(db, "cannot open", err);
		goto bad;
	}
	sqlite3_busy_timeout(db->sql, 10000);
	if (!readonly) {
		if (sqlite3_exec(db->sql, "PRAGMA journal_mode=WAL", NULL, NULL, NULL) !=
		            SQLITE_OK &&
		    oc_db_exec(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE",
		               err))
			goto bad;
		if (oc_db_exec(db, "PRAGMA synchronous=NORMAL", err) || oc_db_exec(db, schema, err))
			goto bad;
	}
	*out = db;
	return 0;
bad:
	oc_db_close(db);
	return -1;
}

void oc_db_close(struct oc_db *db)
{
	if (!db)
		return;
	for (unsigned i = 0; i < db->cache_n; i++)
		sqlite3_finalize(db->cache[i].stmt);
	sqlite3_close(db->sql);
	free(db->path);
	free(db);
}

static int prepare(struct oc_db *db, sqlite3_stmt **stmt, const char *sql, struct oc_err *err)
{
	for (unsigned i = 0; i < db->cache_n; i++)
		if (db->cache[i].text == sql) {
			*stmt = db->cache[i].stmt;
			sqlite3_reset(*stmt);
			return 0;
		}
	if (db->cache_n == CACHE_N)
		return oc_fail(err, OC_INTERNAL, db->path, "more than %d kinds of statement",
		               CACHE_N);
	if (sqlite3_prepare_v2(db->sql, sql, -1, stmt, NULL) != SQLITE_OK)
		return fail(db, "database", err);
	db->cache[db->cache_n].text = sql;
	db->cache[db->cache_n++].stmt = *stmt;
	return 0;
}

static void bind(sqlite3_stmt *stmt, const char *types, va_list args)
{
	for (int i = 1; *types; types++, i++) {
		struct oc_str s;
		switch (*types) {
		case 'i': sqlite3_bind_int64(stmt, i, va_arg(args, int64_t)); break;
		case 'd': sqlite3_bind_double(stmt, i, va_arg(args, double)); break;
		case 's':
			s = va_arg(args, struct oc_str);
			sqlite3_bind_text64(stmt, i, s.p ? s.p : "", s.len, SQLITE_TRANSIENT,
			                    SQLITE_UTF8);
			break;
		case 'b':
			s = va_arg(args, struct oc_str);
			sqlite3_bind_blob64(stmt, i, s.p ? s.p : "", s.len, SQLITE_TRANSIENT);
			break;
		default: sqlite3_bind_null(stmt, i);
		}
	}
}

int oc_db_query(struct oc_db *db, sqlite3_stmt **stmt, struct oc_err *err, const char *sql,
                const char *types, ...)
{
	va_list args;

	if (prepare(db, stmt, sql, err))
		return -1;
	va_start(args, types);
	bind(*stmt, types, args);
	va_end(args);
	return 0;
}

int oc_db_step(struct oc_db *db, sqlite3_stmt *stmt, struct oc_err *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		fail(db, "database", err);
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

int oc_db_run(struct oc_db *db, struct oc_err *err, const char *sql, const char *types, ...)
{
	sqlite3_stmt *stmt;
	va_list args;

	if (prepare(db, &stmt, sql, err))
		return -1;
	va_start(args, types);
	bind(stmt, types, args);
	va_end(args);
	return oc_db_step(db, stmt, err) < 0 ? -1 : 0;
}

struct oc_str oc_db_text(sqlite3_stmt *stmt, int column)
{
	const char *p = sqlite3_column_blob(stmt, column);
	return (struct oc_str){p ? p : "", (size_t)sqlite3_column_bytes(stmt, column)};
}
