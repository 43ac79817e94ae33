/*
 * duck_child.h: the child process that holds DuckDB's library, and what is said to it.
 *
 *   parent                            child
 *   OPEN  {library, threads, memory} ─► loads it, opens an empty database in memory
 *                                    ◄─ DONE {version}  or FAILED
 *   LOOK  {file}                     ─► reads the foot of a Parquet file
 *                                    ◄─ DONE {rows, groups: [rows of each], columns: [names]}
 *   READ  {file, columns, from, to}  ─► rows from .. to-1 in the order of the file
 *                                    ◄─ ROWS ..., then DONE {}  or FAILED
 *   WRITE {file, to, columns, ...}   ─► JSON lines into a Parquet file: writer_parquet.c
 *                                    ◄─ DONE {}  or FAILED
 *
 * ROWS is a struct oc_duck_rows, `n` structs oc_duck_row, then the rows' bytes. Rows are sent as
 * fast as they are taken. Only sentences of ours reach the library: names are quoted, and a file is
 * opened here and named by its descriptor, so that no pattern or address in its name is obeyed.
 */
#ifndef PIPE_DUCK_CHILD_H
#define PIPE_DUCK_CHILD_H

#include "base/helper.h"

enum {
	OC_DUCK_OPEN = OC_FRAME_FIRST,
	OC_DUCK_LOOK,
	OC_DUCK_READ,
	OC_DUCK_WRITE,
	OC_DUCK_ROWS,
	OC_DUCK_DONE,  /* a JSON object */
	OC_DUCK_FAILED /* int32 code of enum oc_err_code, then the message */
};

struct oc_duck_rows {
	uint64_t first; /* row of the file, from 0 */
	uint32_t n, pad;
};

struct oc_duck_row {
	uint64_t whole; /* bytes of the row's JSON */
	uint32_t len;   /* bytes that follow: `whole`, 0 if that is above the limit */
	uint32_t bad;   /* it holds a value that has no JSON: `len` bytes name its column */
};

/* The helper "duckdb". */
int oc_duck_child(struct oc_port *port);

/* ---- parent */

struct oc_duck_session;

/* Finds the library and starts a child. memory in bytes. */
int oc_duck_session_open(struct oc_duck_session **s, struct oc_ctx *ctx, uint64_t memory,
                         struct oc_err *err);
void oc_duck_session_close(struct oc_duck_session *s); /* NULL is fine */
/* Sends a question, a JSON object. */
int oc_duck_session_send(struct oc_duck_session *s, uint32_t type, struct oc_str json,
                         struct oc_err *err);
/* Waits for the next frame, ROWS or DONE; FAILED becomes the error, and so does a cancelled
 * context. `f` is valid until the next call. */
int oc_duck_session_next(struct oc_duck_session *s, struct oc_frame *f, struct oc_err *err);
/* Is there a frame already, of any type? 1, 0, or -1: the child died. */
int oc_duck_session_try(struct oc_duck_session *s, struct oc_frame *f, struct oc_err *err);

#endif
