/* Exact binomial intervals against the binomial tail summed term by term. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "stat/interval.h"

/* P(X <= k) for X ~ Binomial(n, p), by summing logarithms of terms. */
static double binomial_below(unsigned k, unsigned n, double p)
{
	double sum = 0;

	for (unsigned i = 0; i <= k; i++)
		sum += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) + i * log(p) +
		           (n - i) * log1p(-p));
	return sum;
}

static void bounds_invert_the_binomial_tail(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 400; n += 37)
		for (unsigned k = 0; k <= n; k += 1 + n / 7) {
			double low, high;
			oc_share_interval(k, n, 0.95, &low, &high);
			if (k < n)
				assert_true(fabs(binomial_below(k, n, high) - 0.025) < 1e-9);
			if (k > 0)
				assert_true(fabs(1 - binomial_below(k - 1, n, low) - 0.025) < 1e-9);
			assert_true(low <= (double)k / n && (double)k / n <= high);
		}
}

static void clean_trials_are_the_textbook_numbers(void **state)
{
	(void)state;
	assert_int_equal(oc_clean_trials(0.95, 0.05), 59);
	assert_int_equal(oc_clean_trials(0.95, 0.02), 149);
	assert_int_equal(oc_clean_trials(0.95, 0.01), 299);
	assert_int_equal(oc_clean_trials(0.95, 0.005), 598);
	assert_true(oc_share_upper(0, 299, 0.95) <= 0.01);
	assert_true(oc_share_upper(0, 298, 0.95) > 0.01);
}

static void beta_has_its_closed_forms(void **state)
{
	(void)state;
	for (double x = 0.05; x < 1; x += 0.05) {
		assert_true(fabs(oc_beta_inc(1, 1, x) - x) < 1e-14);
		assert_true(fabs(oc_beta_inc(1, 7, x) - (1 - pow(1 - x, 7))) < 1e-13);
		assert_true(fabs(oc_beta_inc(2.5, 4, x) + oc_beta_inc(4, 2.5, 1 - x) - 1) < 1e-13);
		assert_true(fabs(oc_beta_inc(3, 9, oc_beta_quantile(3, 9, x)) - x) < 1e-12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_invert_the_binomial_tail),
		cmocka_unit_test(clean_trials_are_the_textbook_numbers),
		cmocka_unit_test(beta_has_its_closed_forms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
