#include "stat/auc.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "stat/interval.h"

struct scored {
	double score, all, own; /* ranks among all and among its kind, ties in the middle */
	uint8_t good;
};

static int by_score(const void *a, const void *b)
{
	double x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;
	return (x > y) - (x < y);
}

/* The z of a two-sided interval: the normal quantile by bisection on erf. */
static double z_of(double confidence)
{
	double low = 0, high = 40;

	for (int i = 0; i < 200; i++) {
		double mid = (low + high) / 2;
		if (erf(mid / sqrt(2)) < confidence)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static void rank(struct scored *s, uint64_t n)
{
	uint64_t before[2] = {0, 0};

	for (uint64_t i = 0, k; i < n; i = k) {
		uint64_t count[2] = {0, 0};
		for (k = i; k < n && s[k].score == s[i].score; k++)
			count[s[k].good]++;
		for (uint64_t j = i; j < k; j++) {
			s[j].all = (double)i + (double)(k - i + 1) / 2;
			s[j].own = (double)before[s[j].good] + (double)(count[s[j].good] + 1) / 2;
		}
		before[0] += count[0];
		before[1] += count[1];
	}
}

double oc_auc(const double *score, const uint8_t *good, uint64_t n, double confidence, double *low,
              double *high)
{
	struct scored *s = oc_alloc((n + 1) * sizeof *s);
	uint64_t count[2] = {0, 0};
	double sum[2] = {0, 0}, square[2] = {0, 0}, auc = 0.5;

	*low = 0;
	*high = 1;
	for (uint64_t i = 0; i < n; i++) {
		s[i] = (struct scored){.score = score[i], .good = good[i] != 0};
		count[s[i].good]++;
	}
	if (!count[0] || !count[1])
		goto out;
	qsort(s, n, sizeof *s, by_score);
	rank(s, n);
	for (uint64_t i = 0; i < n; i++) /* of the other kind, the share that lies below */
		sum[s[i].good] += (s[i].all - s[i].own) / (double)count[!s[i].good];
	auc = sum[1] / (double)count[1];
	for (uint64_t i = 0; i < n; i++) {
		double share = (s[i].all - s[i].own) / (double)count[!s[i].good];
		double away = share - sum[s[i].good] / (double)count[s[i].good];
		square[s[i].good] += away * away;
	}
	double variance = 0;
	for (int k = 0; k < 2; k++)
		if (count[k] > 1)
			variance += square[k] / (double)(count[k] - 1) / (double)count[k];
	if (variance <= 0 || auc <= 0 || auc >= 1) {
		uint64_t least = count[0] < count[1] ? count[0] : count[1];
		oc_share_interval(auc < 0.5 ? 0 : least, least, confidence, low, high);
		goto out;
	}
	double logit = log(auc / (1 - auc)),
	       half = z_of(confidence) * sqrt(variance) / (auc * (1 - auc));
	*low = 1 / (1 + exp(-(logit - half)));
	*high = 1 / (1 + exp(-(logit + half)));
out:
	free(s);
	return auc;
}
