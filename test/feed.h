/* feed.h: for tests of sources and writers: files in a fresh folder, and all rows of a source. */
#ifndef TEST_FEED_H
#define TEST_FEED_H

#include "base/str.h"
#include "data/row.h"

/* A folder of its own below TMPDIR, made on first use and removed by feed_clean. */
const char *feed_dir(void);
void feed_clean(void);
void feed_put(const char *name, struct oc_str bytes);
/* The whole file; release with oc_buf_fini. */
struct oc_buf feed_get(const char *name);

/* Given to sources that need one; NULL until a test sets it. */
extern struct oc_ctx *feed_ctx;

/* All rows of a source, parsed, in one list. */
struct feed {
	const struct oc_source_def *def;
	void *self;
	struct oc_arena *arena;
	struct oc_row *rows;
	size_t n;
	struct oc_cursor *after; /* (batch_n) */
	size_t *batch_end;       /* (batch_n) rows before the end of each batch */
	size_t batch_n;
	struct oc_err err;
};

/* `opts` is JSON; defaults are filled in. Returns 0, or -1 with f->err set. */
int feed_open(struct feed *f, const struct oc_source_def *def, const char *opts);
int feed_read(struct feed *f); /* to the end */
void feed_close(struct feed *f);
/* open and read; fails the test on an error. */
void feed_all(struct feed *f, const struct oc_source_def *def, const char *opts);

#endif
