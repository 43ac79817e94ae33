/*
 * The calculator on arbitrary bytes: the first byte chooses options and splits the rest at its
 * first NUL into an answer and a gold. Besides not crashing: comparing is reflexive where it
 * decides, and swapping the sides never turns equal into different.
 */
#include <stdlib.h>

#include "verify/math.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oc_math *m;
	const struct oc_math_step *steps;
	struct oc_math_operands ops;
	struct oc_math_verdict v;
	struct oc_buf out = {0};

	if (size < 1 || size > 4096)
		return 0;
	if (!m)
		m = oc_math_new();
	struct oc_math_opts o = {.size = sizeof o,
	                         .last_number = data[0] & 1,
	                         .last_digit = data[0] >> 1 & 1,
	                         .percent_strict = data[0] >> 2 & 1};
	const char *p = (const char *)data + 1;
	size_t len = size - 1;
	const char *cut = len ? memchr(p, 0, len) : NULL;
	struct oc_str a = {p, cut ? (size_t)(cut - p) : len};
	struct oc_str g = cut ? (struct oc_str){cut + 1, len - a.len - 1} : a;

	oc_math_check(m, a, g, &o, &v);
	enum oc_math_result there = oc_math_compare(m, a, g, NULL, NULL);
	enum oc_math_result back = oc_math_compare(m, g, a, NULL, NULL);
	if ((there == OC_MATH_EQUAL && back == OC_MATH_DIFFERENT) ||
	    (there == OC_MATH_DIFFERENT && back == OC_MATH_EQUAL))
		abort();
	if (oc_math_compare(m, a, a, NULL, NULL) == OC_MATH_DIFFERENT)
		abort();
	size_t n = oc_math_steps(m, a, &steps);
	for (size_t i = 0; i < n; i++)
		if (steps[i].text.p < a.p || steps[i].text.p + steps[i].text.len > a.p + a.len)
			abort();
	/* a printed value reads back as itself */
	if (oc_math_eval(m, a, &out, NULL)) {
		struct oc_buf again = {0};
		bool ok = oc_math_eval(m, oc_buf_view(&out), &again, NULL);
		if (ok && !oc_str_eq(oc_buf_view(&out), oc_buf_view(&again)))
			abort();
		oc_buf_fini(&again);
	}
	out.len = 0;
	oc_math_find(m, a, &out);
	oc_math_operands(m, a, &ops);
	oc_buf_fini(&out);
	return 0;
}
