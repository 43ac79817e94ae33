/*
 * terminal.h: two doors to a review session: a screen that any VT100 can show, and plain lines for
 * pipes. Neither decides anything by itself; see session.h.
 */
#ifndef REVIEW_TERMINAL_H
#define REVIEW_TERMINAL_H

#include <stdio.h>

#include "base/ctx.h"
#include "review/session.h"

/*
 * Keys on a terminal (standard input and output must be one); returns when the person quits, or
 * with OC_CANCELLED on a signal. The terminal is as it was before. `title` stands
 * in the first line.
 */
int oc_review_screen(struct oc_review *r, struct oc_ctx *ctx, const char *title,
                     struct oc_err *err);

/*
 * Reads one command a line from `in` and writes rows and answers to `out`:
 * a accept, x [reason] reject, e JSON edit, E JSON edit whatever the
 * checks say, s skip, u undo, q quit. Ends with its input; when no
 * row waits, with the first line that is no undo.
 */
int oc_review_lines(struct oc_review *r, struct oc_ctx *ctx, FILE *in, FILE *out,
                    struct oc_err *err);

#endif
