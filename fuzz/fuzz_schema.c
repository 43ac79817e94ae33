/* A schema and a value, parted by a newline: compiling and checking never crash or hang. */
#include <stdlib.h>

#include "curate/json_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	struct oc_arena *a;
	struct oc_err err = {0};
	yyjson_val *schema, *value;
	struct oc_schema *s;

	if (!line)
		return 0;
	a = oc_arena_new();
	schema = oc_json_parse(a, (struct oc_str){(const char *)data, (size_t)(line - data)}, &err);
	s = schema ? oc_schema_compile(schema, &err) : NULL;
	if (!s && !err.code)
		abort();
	err = (struct oc_err){0};
	value = oc_json_parse(
		a, (struct oc_str){(const char *)line + 1, size - (size_t)(line + 1 - data)}, &err);
	if (s && value) {
		struct oc_schema_scratch *t = oc_schema_scratch_new(s);
		struct oc_schema_fault fault;
		if (oc_schema_check(s, t, value, &fault) != OC_SCHEMA_GOOD && !fault.expected.len)
			abort();
		oc_schema_scratch_free(t);
	}
	oc_schema_free(s);
	oc_arena_free(a);
	return 0;
}
