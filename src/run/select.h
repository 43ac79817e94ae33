/* select.h: the fate of every row of the last leg, and the order in which rows are written. */
#ifndef RUN_SELECT_H
#define RUN_SELECT_H

#include "mix/mix.h"
#include "run/state.h"

enum oc_select_fate {
	OC_SELECT_LIVE,    /* may go out; the mix may leave it unused */
	OC_SELECT_TEST,    /* held out: the test split */
	OC_SELECT_WAIT,    /* in the queue for people */
	OC_SELECT_UNSEEN,  /* waits until the sample has been reviewed */
	OC_SELECT_REFUSED, /* a person said no */
	OC_SELECT_DROPPED, /* undecided, and nobody is asked (review: none) */
	OC_SELECT_UNUSED   /* the mix had no place for it */
};

struct queue;

struct oc_selection {
	uint8_t *fate; /* (leg rows) enum oc_select_fate */
	uint64_t row_n;
	struct oc_spill *train; /* u64 leg rows in the order of the mix; NULL: all live ones as they
	                           stand in the leg */
	uint64_t train_n, repeated;
	struct queue *queue; /* while the queue is written */
};

#endif
