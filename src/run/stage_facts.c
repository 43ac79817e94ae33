#include "run/stage_facts.h"

#include <stdio.h>

#include "base/err.h"
#include "data/facts.h"
#include "run/state.h"

int oc_stage_facts(const struct oc_step_run *step, struct oc_buf *out, struct oc_err *err)
{
	struct oc_arena *arena;
	struct oc_buf text = {0};
	yyjson_val *facts;
	int rc = 0;

	if (!step->def->facts)
		return 0;
	arena = oc_arena_new();
	if (step->def->facts(step->self, &text, err) < 0)
		rc = -1;
	else if (text.len && (!(facts = oc_json_parse(arena, oc_buf_view(&text), err)) ||
	                      oc_facts_check(facts, err)))
		rc = -1;
	if (!rc && text.len) {
		oc_buf_puts(out, "{\"step\":");
		oc_buf_json(out, oc_str(step->name));
		oc_buf_puts(out, ",\"part\":");
		oc_buf_json(out, oc_str(step->def->name));
		oc_buf_putc(out, ',');
		struct oc_str object = oc_str_trim(oc_buf_view(&text));
		oc_json_squeeze(out, (struct oc_str){object.p + 1, object.len - 1});
		rc = 1;
	}
	if (rc < 0)
		oc_fail_in(err, step->name);
	oc_buf_fini(&text);
	oc_arena_free(arena);
	return rc;
}

const char *oc_stage_facts_key(char key[OC_FACTS_KEY], const char *step)
{
	snprintf(key, OC_FACTS_KEY, "facts:%.280s", step);
	return key;
}

int oc_stage_facts_store(struct oc_run *run, const struct oc_step_run *steps, unsigned step_n,
                         struct oc_err *err)
{
	struct oc_buf text = {0};
	char key[OC_FACTS_KEY];
	int rc = 0;

	for (unsigned i = 0; rc >= 0 && i < step_n; i++) {
		if (steps[i].role != OC_RUN)
			continue;
		text.len = 0;
		rc = oc_stage_facts(&steps[i], &text, err);
		if (rc == 1)
			rc = oc_rundb_set(run->db, oc_stage_facts_key(key, steps[i].name),
			                  oc_buf_view(&text), err);
	}
	oc_buf_fini(&text);
	return rc < 0 ? -1 : 0;
}
