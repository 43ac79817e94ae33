#include "stat/interval.h"

#include <float.h>
#include <math.h>

static double fraction(double a, double b, double x)
{
	const double tiny = DBL_MIN * 1e4;
	double c = 1, d = 1 - (a + b) * x / (a + 1);

	d = 1 / (fabs(d) < tiny ? tiny : d);
	double h = d;
	for (int m = 1; m < 10000; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step[2] = {even, odd}, change = 1;
		for (int i = 0; i < 2; i++) {
			d = 1 + step[i] * d;
			c = 1 + step[i] / c;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = fabs(c) < tiny ? tiny : c;
			change = c * d;
			h *= change;
		}
		if (fabs(change - 1) < 1e-15)
			break;
	}
	return h;
}

double oc_beta_inc(double a, double b, double x)
{
	if (x <= 0)
		return 0;
	if (x >= 1)
		return 1;
	double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	/* The fraction converges fast below the mean; above it the mirror image does. */
	if (x < (a + 1) / (a + b + 2))
		return front * fraction(a, b, x) / a;
	return 1 - front * fraction(b, a, 1 - x) / b;
}

double oc_beta_quantile(double a, double b, double p)
{
	double lo = 0, hi = 1;

	for (int i = 0; i < 200 && nextafter(lo, hi) < hi; i++) {
		double mid = lo + (hi - lo) / 2;
		if (oc_beta_inc(a, b, mid) < p)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

void oc_share_interval(uint64_t k, uint64_t n, double confidence, double *low, double *high)
{
	double tail = (1 - confidence) / 2, kk = (double)k, rest = (double)(n - k);

	*low = k ? oc_beta_quantile(kk, rest + 1, tail) : 0;
	*high = k < n ? oc_beta_quantile(kk + 1, rest, 1 - tail) : 1;
}

double oc_share_upper(uint64_t k, uint64_t n, double confidence)
{
	return k < n ? oc_beta_quantile((double)k + 1, (double)(n - k), confidence) : 1;
}

uint64_t oc_clean_trials(double confidence, double limit)
{
	return (uint64_t)ceil(log1p(-confidence) / log1p(-limit) - 1e-9);
}
