/* stage.h: a stage driven by hand in a test: opened from options, fed row by row. */
#ifndef TEST_STAGE_H
#define TEST_STAGE_H

#include "base/ctx.h"
#include "data/row.h"

struct oc_driven {
	const struct oc_stage_def *def;
	void *self, *scratch;
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_buf state; /* what ordered work appended */
	char *dir;           /* a folder for temporary files */
	uint64_t next;       /* number of the next row */
};

/* `options` is YAML ("{min: 3}"). 0, or -1 with the error. */
int oc_driven_open(struct oc_driven *d, const char *stage, const char *options, uint64_t memory,
                   struct oc_err *err);
void oc_driven_close(struct oc_driven *d);

/* A parsed row "s:N" of the batch; the JSON is copied. */
struct oc_row *oc_driven_row(struct oc_batch *b, const char *json, uint64_t number,
                             enum oc_origin origin);
/* Runs a row or an ordered stage on one row. */
void oc_driven_run(struct oc_driven *d, struct oc_row *row);

/*
 * Resolves a whole stage in a child process that may hold `held` bytes more than this one does
 * (heap and anonymous maps: RLIMIT_DATA); its peak resident size, which counts mapped files too,
 * may grow by `resident` more, 0 = that is not looked at. Fails the test when it cannot. Not under
 * a sanitizer: see OC_SANITIZED.
 */
void oc_driven_resolve_within(struct oc_driven *d, struct oc_spill *spill, uint64_t held,
                              uint64_t resident);

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OC_SANITIZED 1
#else
#define OC_SANITIZED 0
#endif

/* The rule of the row's last verdict, "" without one; valid until the next call. */
const char *oc_last_rule(const struct oc_row *row);
const char *oc_last_evidence(const struct oc_row *row);

/* ${OUTCROSS_SHARED:-../shared}/data/NAME in `out`; false when it is not there. */
bool oc_shared(const char *name, char out[4096]);

#endif
