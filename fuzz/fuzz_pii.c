/* A text: spans lie in it, in order, apart, and what was found is found again by itself. */
#include <stdlib.h>

#include "text/pii.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oc_str text = {(const char *)data, size};
	struct oc_pii_spans s = {0}, again = {0};
	struct oc_buf b = {0};
	size_t done = 0;

	oc_pii_find(text, OC_LIT("phone"), OC_PII_ALL | OC_PII_PRIVATE_IP, &s);
	for (size_t i = 0; i < s.n; i++) {
		struct oc_pii_span x = s.span[i];
		if (x.at < done || !x.len || x.at + x.len > size || x.type >= OC_PII_TYPES)
			abort();
		oc_pii_plain(&b, x.type, (struct oc_str){text.p + x.at, x.len});
		done = x.at + x.len;
		again.n = 0;
		oc_pii_find((struct oc_str){text.p + x.at, x.len}, OC_LIT("phone"),
		            1u << x.type | OC_PII_PRIVATE_IP, &again);
		if (x.type != OC_PII_IP && (again.n != 1 || again.span[0].len != x.len))
			abort();
	}
	oc_pii_fini(&s);
	oc_pii_fini(&again);
	oc_buf_fini(&b);
	return 0;
}
