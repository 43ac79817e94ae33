/*
 * rehearse.h: the loops of loop.h on the rows of a finished run; the hook behind `rehearse:`.
 *
 * Learned from: the real rows of out/data/train-*, origin taken from the lineage beside them, so
 * that generation 1 sees nothing a machine wrote. Judged by: out/data/test-*, the held-out rows.
 */
#ifndef LOOP_REHEARSE_H
#define LOOP_REHEARSE_H

#include "base/ctx.h"
#include "base/str.h"
#include "data/json.h"

/*
 * Has the type of oc_run_hooks.rehearse. A row's text is its field `field` of the options, or
 * without one all its strings, in order, a space between them. `facts` gets oc_loop_json. A run
 * without real or without held-out rows gets {"verdict": why not} and is no failure. Memory: the
 * texts as word numbers, 4 bytes a word.
 */
int oc_rehearse_run(void *user, struct oc_ctx *ctx, const char *dir, yyjson_val *opts,
                    uint64_t seed, struct oc_buf *facts, struct oc_err *err);

#endif
