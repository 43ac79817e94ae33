/*
 * labels.h: whether the users' labels (`id:`) tell rows apart. Outcross does not need them to, it
 * counts rows; but whoever labelled them may want to know.
 */
#ifndef RUN_LABELS_H
#define RUN_LABELS_H

#include "base/ctx.h"
#include "outcross.h"

#define OC_LABELS_MAX ((size_t)1 << 21) /* labels remembered: 32 MB at most */

struct oc_labels;

struct oc_labels *oc_labels_new(void);
void oc_labels_free(struct oc_labels *l); /* NULL is fine */
/* In row order. Rows without a label pass. By 64-bit hash: a false alarm has odds of 1e-7. */
void oc_labels_see(struct oc_labels *l, const struct oc_row *row);
/* A warning, if labels came twice. */
void oc_labels_say(const struct oc_labels *l, struct oc_ctx *ctx);

#endif
