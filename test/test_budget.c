/* Caps that hold with any number of threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "llm/store.h"

static void test_reserve_and_settle(void **state)
{
	struct oc_budget *b = oc_budget_new(&(struct oc_caps){.money = 1.0, .tokens = 1000});
	char why[OC_BUDGET_WHY];

	(void)state;
	for (int i = 0; i < 10; i++) /* ten times 0.1 is 1, whatever doubles say */
		assert_int_equal(oc_budget_reserve(b, 0.1, 10), OC_BUDGET_OK);
	assert_int_equal(oc_budget_reserve(b, 0.1, 10), OC_BUDGET_WAIT);
	assert_null(oc_budget_full(b, why));
	/* Nine turn out cheaper: there is room again. */
	for (int i = 0; i < 9; i++)
		assert_true(oc_budget_settle(b, 0.1, 10, 0.05, 5));
	assert_int_equal(oc_budget_reserve(b, 0.1, 10), OC_BUDGET_OK);
	oc_budget_release(b, 0.1, 10);
	/* More tokens than the cap can ever hold: refused, and from then on everything. */
	assert_int_equal(oc_budget_reserve(b, 0, 956), OC_BUDGET_REFUSED);
	assert_int_equal(oc_budget_reserve(b, 0, 1), OC_BUDGET_REFUSED);
	assert_non_null(oc_budget_full(b, why));
	assert_non_null(strstr(why, "tokens"));
	/* A lying server. */
	assert_false(oc_budget_settle(b, 0.1, 10, 0.1, 11));
	double money;
	uint64_t tokens, requests;
	oc_budget_used(b, &money, &tokens, &requests);
	assert_true(money > 0.5499 && money < 0.5501);
	assert_int_equal(tokens, 56);
	assert_int_equal(requests, 10);
	oc_budget_free(b);
}

static void test_resumed_and_timed(void **state)
{
	struct oc_budget *b = oc_budget_new(&(struct oc_caps){.requests = 100, .seconds = 0.05});
	char why[OC_BUDGET_WHY];

	(void)state;
	oc_budget_spent(b, 3.5, 10, 99, 0);
	assert_int_equal(oc_budget_reserve(b, 100, 1u << 30), OC_BUDGET_OK); /* no such caps */
	usleep(60000);
	assert_non_null(oc_budget_full(b, why));
	assert_int_equal(oc_budget_reserve(b, 0, 0), OC_BUDGET_REFUSED);
	oc_budget_free(b);
}

struct spender {
	struct oc_budget *b;
	unsigned seed;
	double most;
};

/* Reserves 1, uses between 0 and 1; what is used and held must never pass the cap. */
static void *spend(void *user)
{
	struct spender *s = user;

	for (int i = 0; i < 20000; i++) {
		enum oc_budget_answer a = oc_budget_reserve(s->b, 1, 100);
		double money;
		if (a == OC_BUDGET_REFUSED)
			break;
		if (a == OC_BUDGET_WAIT)
			continue;
		s->seed = s->seed * 1103515245u + 12345u;
		oc_budget_settle(s->b, 1, 100, (double)(s->seed >> 16 & 1023) / 1023, 50);
		oc_budget_used(s->b, &money, NULL, NULL);
		s->most = money > s->most ? money : s->most;
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct oc_budget *b = oc_budget_new(&(struct oc_caps){.money = 100});
	struct spender s[4];
	pthread_t t[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		s[i] = (struct spender){b, i + 1, 0};
		pthread_create(&t[i], NULL, spend, &s[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		assert_true(s[i].most <= 100.0000001);
	}
	double money;
	oc_budget_used(b, &money, NULL, NULL);
	assert_true(money > 99 && money <= 100.0000001);
	assert_int_equal(oc_budget_reserve(b, 1, 0), OC_BUDGET_REFUSED);
	oc_budget_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserve_and_settle),
		cmocka_unit_test(test_resumed_and_timed),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
