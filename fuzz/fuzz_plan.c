/* Plans of any bytes: no crash, no hang; what is accepted can be written out and read again, and
 * means the same. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_plan *plan = NULL, *again = NULL;
	struct oc_err err = {0};

	if (oc_plan_parse(&plan, ctx, (struct oc_str){(const char *)data, size}, "f.yaml",
	                  "/nonexistent", &err) == 0) {
		struct oc_buf text = {0};
		struct oc_hash128 a = oc_plan_hash(plan), b;
		oc_plan_write(&text, plan);
		if (oc_plan_parse(&again, ctx, oc_buf_view(&text), "f.yaml", "/nonexistent", &err) <
		    0)
			abort();
		b = oc_plan_hash(again);
		if (memcmp(&a, &b, sizeof a) != 0)
			abort();
		oc_buf_fini(&text);
	} else if (err.code == OC_OK || err.msg[0] == '\0') {
		abort();
	}
	oc_plan_free(plan);
	oc_plan_free(again);
	oc_ctx_free(ctx);
	return 0;
}
