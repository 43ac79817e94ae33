#include "zipf.h"

#include <stdlib.h>

#include "base/arena.h"

void zipf_init(struct zipf *z, unsigned n, double shift)
{
	double sum = 0;

	*z = (struct zipf){oc_alloc(n * sizeof *z->upto), n};
	for (unsigned k = 0; k < n; k++)
		z->upto[k] = sum += 1 / (k + shift);
}

void zipf_fini(struct zipf *z)
{
	free(z->upto);
}

unsigned zipf_draw(const struct zipf *z, struct oc_draws *d)
{
	double u = oc_draw_unit(d) * z->upto[z->n - 1];
	unsigned low = 0, high = z->n - 1;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (z->upto[middle] < u)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
