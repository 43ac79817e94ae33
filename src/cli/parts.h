/*
 * parts.h: what can be explained, and how a flag and an option are told, for help texts, man page,
 * completions and manual alike. Nothing is written twice: parts come from the registry.
 */
#ifndef CLI_PARTS_H
#define CLI_PARTS_H

#include "cli/verb.h"
#include "data/opts.h"

/* What the tables of the registry have in common. */
struct oc_part {
	const char *name, *help, *doc;
	const struct oc_option *options;
};

enum {
	OC_PART_STAGES,
	OC_PART_PRESETS,
	OC_PART_SOURCES,
	OC_PART_RECIPES,
	OC_PART_LLMS,
	OC_PART_MODELS,
	OC_PART_TRAINERS,
	OC_PART_KINDS
};

struct oc_part_kind {
	const char *list, *one, *title; /* "stages", "stage", a heading */
};

extern const struct oc_part_kind oc_part_kinds[OC_PART_KINDS];

/* Part i of a kind, from 0; false behind the last. What is made for it lives in `a`. */
bool oc_part_at(struct oc_arena *a, int kind, size_t i, struct oc_part *p);

void oc_flag_name(struct oc_buf *b, const struct oc_flag *f); /* "-o, --output FILE" */
void oc_flag_text(struct oc_buf *b, const struct oc_flag *f);
void oc_option_type(struct oc_buf *b, const struct oc_option *o); /* "whole number, 1 to 9 words" */
/* Its help, type and default. */
void oc_option_text(struct oc_buf *b, const struct oc_option *o);
/* Is there a default worth showing? An empty string or table is none. */
bool oc_option_has_default(const struct oc_option *o);

#endif
