/* What every stage's definition must say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan/registry.h"

/* A stage that sees rows one after the other or all of them says what it keeps of them; one that
 * says so says in which way its memory is bounded. */
static void stages_say_what_they_hold(void **state)
{
	unsigned within = 0, all = 0;

	(void)state;
	for (size_t i = 0; oc_stages[i]; i++) {
		const struct oc_stage_def *d = oc_stages[i];
		bool keeps = d->kind == OC_STAGE_ORDERED || d->kind == OC_STAGE_WHOLE;
		if (keeps != (d->holds != OC_HOLDS_LITTLE) && d->kind != OC_STAGE_ROW)
			fail_msg("%s: what does it hold?", d->name);
		if ((d->held != NULL) != (d->holds != OC_HOLDS_LITTLE))
			fail_msg("%s: `holds` and `held` do not go together", d->name);
		if (d->held && (strchr(d->held, '|') || strchr(d->held, '\n')))
			fail_msg("%s: `held` is a cell of a table", d->name);
		within += d->holds == OC_HOLDS_WITHIN;
		all += d->holds == OC_HOLDS_ALL;
	}
	assert_true(within >= 6 && all >= 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(stages_say_what_they_hold)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
