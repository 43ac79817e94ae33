/* Any bytes: no crash, and what is returned can be written and read back as JSON. */
#include <stdlib.h>

#include "text/tolerant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct oc_arena *a = oc_arena_new();
	unsigned repairs;
	yyjson_val *v = oc_tolerant_parse(a, (struct oc_str){(const char *)data, len}, &repairs);
	struct oc_buf b = {0};
	struct oc_err err = {0};
	yyjson_val *list;

	if (v) {
		oc_json_write(&b, v);
		if (!oc_json_parse(a, oc_buf_view(&b), &err))
			abort();
		for (size_t i = 0, n = oc_tolerant_items(v, &list); i < n && list; i++)
			for (int w = OC_WANT_ANY; w <= OC_WANT_LIST; w++) {
				struct oc_buf one = {0};
				if (oc_coerce(&one, yyjson_arr_get(list, i), (enum oc_want)w) &&
				    !one.len)
					abort();
				oc_buf_fini(&one);
			}
	} else if (repairs) {
		abort();
	}
	oc_buf_fini(&b);
	oc_arena_free(a);
	return 0;
}
