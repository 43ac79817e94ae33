/* The pool: every item once, workers never shared, many calls one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/pool.h"

struct state {
	atomic_uint *times; /* by item */
	atomic_uint inside[16];
	unsigned threads;
	atomic_uint wrong;
};

static void visit(void *user, uint64_t item, unsigned worker)
{
	struct state *s = user;

	/* No assertions here: they may not jump out of another thread. */
	if (worker >= s->threads || atomic_fetch_add(&s->inside[worker], 1) != 0)
		atomic_fetch_add(&s->wrong, 1);
	atomic_fetch_add(&s->times[item], 1);
	if (worker < s->threads)
		atomic_fetch_sub(&s->inside[worker], 1);
}

static void every_item_once(void **unused)
{
	(void)unused;
	for (unsigned threads = 0; threads <= 7; threads++) {
		struct oc_pool *pool = oc_pool_new(threads);
		assert_true(oc_pool_threads(pool) >= 1);
		for (uint64_t n = 0; n < 200; n += n < 5 ? 1 : 97)
			for (int round = 0; round < 50; round++) {
				struct state s = {.threads = oc_pool_threads(pool)};
				s.times = oc_zalloc(n, sizeof *s.times);
				oc_pool_for(pool, n, visit, &s);
				for (uint64_t i = 0; i < n; i++)
					assert_int_equal(atomic_load(&s.times[i]), 1);
				assert_int_equal(atomic_load(&s.wrong), 0);
				free(s.times);
			}
		oc_pool_free(pool);
	}
	oc_pool_free(NULL);
}

/* Items that wait for each other: only possible when they run at the same time. */
static void meet(void *user, uint64_t item, unsigned worker)
{
	atomic_uint *here = user;

	(void)item;
	(void)worker;
	atomic_fetch_add(here, 1);
	while (atomic_load(here) < 3)
		;
}

static void items_run_at_the_same_time(void **unused)
{
	struct oc_pool *pool = oc_pool_new(3);
	atomic_uint here = 0;

	(void)unused;
	if (oc_pool_threads(pool) == 3)
		oc_pool_for(pool, 3, meet, &here);
	oc_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_item_once),
		cmocka_unit_test(items_run_at_the_same_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
