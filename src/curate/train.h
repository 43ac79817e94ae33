/*
 * train.h: things that are made from rows once and then used by stages (`outcross train NAME`).
 *
 * A trainer named NAME is one file that defines `const struct oc_trainer_def oc_trainer_NAME` and
 * one line in plan/registry.c; the command line, help, man page and manual are made from its table.
 * It reads rows, writes one file that appears only when it is whole, and logs what it measured.
 */
#ifndef CURATE_TRAIN_H
#define CURATE_TRAIN_H

#include "base/ctx.h"
#include "base/str.h"
#include "data/json.h"

struct oc_train {
	struct oc_ctx *ctx;
	const char *const *inputs; /* (input_n) FILE... of the command line */
	unsigned input_n;
	const char *out;      /* the file to make; may be overwritten */
	const char *work_dir; /* for temporary files; exists */
	uint64_t seed, memory;
	/* What is being done and how far, for people; called often, on one thread. May be NULL. */
	void (*progress)(void *user, const char *text);
	void *user;
	struct oc_buf *said; /* a JSON object of what was measured (members, without braces) */
};

struct oc_trainer_def {
	size_t size;
	const char *name, *help, *doc;
	const char *usage; /* how its line goes on after `outcross train NAME` */
	bool files;        /* takes FILE... */
	const struct oc_option *options;
	int (*train)(const struct oc_train *t, yyjson_val *opts, struct oc_err *err);
};

/*
 * Reads files (JSON lines or array, .csv, .txt; plain, .gz or .zst) in order and hands their rows
 * on. `parse`, pure, on any worker, may leave *note in the row's arena; `take` gets the rows of a
 * batch in order, on one thread at a time, rows that cannot be read left out (they are counted in
 * *bad). Reading, parsing and taking of neighbouring batches run at the same time.
 */
struct oc_train_rows {
	const struct oc_train *train;
	const char *const *paths;
	unsigned path_n;
	void *(*parse)(void *user, struct oc_row *row);
	int (*take)(void *user, struct oc_row *row, void *note, struct oc_err *err);
	void *user;
	uint64_t rows, bad; /* out */
};
int oc_train_read(struct oc_train_rows *r, struct oc_err *err);

#endif
