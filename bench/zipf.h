/* zipf.h: numbers below n by Zipf's law: k comes as often as 1 / (k + shift). */
#ifndef BENCH_ZIPF_H
#define BENCH_ZIPF_H

#include "base/rng.h"

struct zipf {
	double *upto; /* (n) */
	unsigned n;
};

void zipf_init(struct zipf *z, unsigned n, double shift);
void zipf_fini(struct zipf *z);
unsigned zipf_draw(const struct zipf *z, struct oc_draws *d);

#endif
