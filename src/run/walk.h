/* walk.h: the rows of a leg from the first to the last, or in the order a whole stage put them. */
#ifndef RUN_WALK_H
#define RUN_WALK_H

#include "pipe/leg.h"
#include "pipe/pass.h"

struct oc_walk {
	struct oc_leg *leg;
	uint64_t done;                  /* rows read */
	const struct oc_step_run *step; /* has an order; NULL = as they lie */
	uint64_t rows[OC_BATCH_ROWS];   /* told by the step and not read yet: rows[at..n-1] */
	uint64_t at, n;
};

/* `applied` is the whole stage that the pass begins with, or NULL. Both stay the caller's. */
void oc_walk_init(struct oc_walk *w, struct oc_leg *leg, const struct oc_step_run *applied);
static inline bool oc_walk_ended(const struct oc_walk *w)
{
	return w->done >= oc_leg_rows(w->leg);
}
/* Fills an empty batch; at least one row unless the walk has ended. */
int oc_walk_next(struct oc_walk *w, struct oc_batch *batch, struct oc_err *err);

#endif
