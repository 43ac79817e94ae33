/*
 * docs.h: documents in memory for the benches, their words drawn from a fixed vocabulary, and a
 * stage over them as a plan runs it.
 */
#ifndef BENCH_DOCS_H
#define BENCH_DOCS_H

#include "base/ctx.h"
#include "base/rng.h"
#include "data/row.h"
#include "pipe/pass.h"

enum { DOC_WORDS = 220, DOC_VOCABULARY = 40000 };

struct docs {
	struct oc_arena *arena;
	struct oc_str vocabulary[DOC_VOCABULARY];
	struct oc_buf text;   /* all rows, {"text": ...} */
	struct oc_buf starts; /* uint64_t, one more than documents once docs_done */
	uint64_t n;
	uint64_t real_n;                        /* the first ones are real, the others synthetic */
	bool (*counts)(const struct oc_row *r); /* which rows are counted at the end of a pass */
	uint64_t next, counted;
	char dir[4096]; /* a folder for temporary files */
};

/* `name`: of the folder. False: it cannot be made. */
bool docs_init(struct docs *d, const char *name);
void docs_fini(struct docs *d);

/* Common words come more often: the share of the first x of the vocabulary is the cube root. */
struct oc_str docs_word(const struct docs *d, struct oc_draws *draws);
/* A row begins; its words follow in d->text; it ends. */
void docs_begin(struct docs *d);
void docs_end(struct docs *d);
void docs_done(struct docs *d);
struct oc_str docs_row(const struct docs *d, uint64_t i);

/* All rows through `step` (NULL: no stage). */
int docs_pass(struct docs *d, struct oc_ctx *ctx, struct oc_step_run *step, struct oc_err *err);
void *docs_open(struct docs *d, struct oc_ctx *ctx, const struct oc_stage_def *def,
                const char *options, uint64_t memory, struct oc_err *err);

struct docs_times {
	double observe, resolve, apply, whole;
	double resolve_busy, busy; /* processor time */
};
/* All rows through a whole stage. */
int docs_whole(struct docs *d, struct oc_ctx *ctx, const char *stage, const char *options,
               uint64_t memory, struct docs_times *t, struct oc_err *err);

#endif
