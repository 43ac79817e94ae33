/*
 * db.h: the few lines of SQLite that its users would otherwise repeat. WAL on local disks; where
 * WAL cannot work (network file systems) a rollback journal with exclusive locking.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <sqlite3.h>

#include "base/str.h"

struct oc_db;

/* Opens or creates `path` and runs `schema` (CREATE TABLE IF NOT EXISTS ...). */
int oc_db_open(struct oc_db **db, const char *path, bool readonly, const char *schema,
               struct oc_err *err);
void oc_db_close(struct oc_db *db);
int oc_db_exec(struct oc_db *db, const char *sql, struct oc_err *err);

/*
 * A prepared statement, cached by the address of its text (use string literals). `types` binds the
 * arguments that follow: i int64_t, d double, s struct oc_str (text), b struct oc_str (blob),
 * n nothing (NULL). Step with oc_db_step.
 */
int oc_db_query(struct oc_db *db, sqlite3_stmt **stmt, struct oc_err *err, const char *sql,
                const char *types, ...);
/* 1: a row; 0: done (the statement is reset); -1: error. */
int oc_db_step(struct oc_db *db, sqlite3_stmt *stmt, struct oc_err *err);
/* Query and step once, for statements that return nothing. */
int oc_db_run(struct oc_db *db, struct oc_err *err, const char *sql, const char *types, ...);
/* Text or blob of a column; valid until the next step. */
struct oc_str oc_db_text(sqlite3_stmt *stmt, int column);

#endif
