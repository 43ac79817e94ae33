/* What the sources' files were: kept after the intake, for the card and for noticing changes. */
#include <stdio.h>

#include "pipe/source.h"
#include "plan/state.h"

int oc_inputs_store(struct oc_run *run, unsigned source, void *self, struct oc_err *err)
{
	const struct oc_plan_source *s = &run->plan->sources[source];
	const struct oc_input *in;
	uint32_t n = oc_source_inputs(s->def, self, &in);
	struct oc_buf b = {0};
	char key[300], hex[33];

	oc_buf_putc(&b, '[');
	for (uint32_t i = 0; i < n; i++) {
		oc_hash128_hex(in[i].hash, hex);
		oc_buf_puts(&b, i ? ",{\"file\":" : "{\"file\":");
		oc_buf_json(&b, in[i].name);
		oc_buf_printf(&b, ",\"bytes\":%llu,\"rows\":%llu,\"hash\":\"%s\"}",
		              (unsigned long long)in[i].bytes, (unsigned long long)in[i].rows, hex);
	}
	oc_buf_putc(&b, ']');
	snprintf(key, sizeof key, "inputs:%s", s->name);
	int rc = oc_rundb_set(run->db, key, oc_buf_view(&b), err);
	oc_buf_fini(&b);
	return rc;
}
