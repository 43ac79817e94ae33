#include "run/walk.h"

#include "base/err.h"

void oc_walk_init(struct oc_walk *w, struct oc_leg *leg, const struct oc_step_run *applied)
{
	*w = (struct oc_walk){.leg = leg,
	                      .step = applied && applied->role == OC_APPLY && applied->def->order
	                                      ? applied
	                                      : NULL};
}

int oc_walk_next(struct oc_walk *w, struct oc_batch *batch, struct oc_err *err)
{
	uint64_t taken;

	if (!w->step) {
		if (!oc_walk_ended(w) && oc_leg_read(w->leg, w->done, batch, err) < 0)
			return -1;
		w->done += batch->row_n;
		return 0;
	}
	if (w->at == w->n) {
		w->n = w->step->def->order(w->step->self, oc_leg_rows(w->leg), w->rows,
		                           OC_BATCH_ROWS);
		w->at = 0;
		if (!w->n && !oc_walk_ended(w))
			return oc_fail(err, OC_INTERNAL, w->step->name,
			               "its order leaves out rows of the leg");
	}
	if (oc_leg_pick(w->leg, w->rows + w->at, w->n - w->at, batch, &taken, err))
		return -1;
	w->at += taken;
	w->done += taken;
	return 0;
}
