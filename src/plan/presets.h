/*
 * presets.h: published chains of stages under one name. `- preset: fineweb` under `verify:` or
 * `curate:`, or `- preset: {of: fineweb, field: body}`, becomes the stages it stands for before
 * anything else is read: `outcross plan --expand` prints them.
 */
#ifndef PLAN_PRESETS_H
#define PLAN_PRESETS_H

#include "base/str.h"

#define OC_PRESET_STEPS 8

struct oc_preset {
	const char *name, *help, *doc;
	const char *steps[OC_PRESET_STEPS]; /* "c4: {field: %F}", %F being the field; then NULL */
};

extern const struct oc_preset oc_presets[]; /* ended by name NULL, sorted */
const struct oc_preset *oc_preset_find(struct oc_str name);
/* Step number i over a field ("" = text), as YAML in the arena; NULL behind the last. */
const char *oc_preset_step(struct oc_arena *a, const struct oc_preset *p, unsigned i,
                           struct oc_str field);

#endif
