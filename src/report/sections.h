/* sections.h: the sections of the page, in order. Each says so when something was not measured. */
#ifndef REPORT_SECTIONS_H
#define REPORT_SECTIONS_H

#include "data/json.h"

void oc_section_flow(struct oc_buf *b, yyjson_val *facts);
void oc_section_rows(struct oc_buf *b, yyjson_val *facts);
void oc_section_lengths(struct oc_buf *b, yyjson_val *facts);
void oc_section_cost(struct oc_buf *b, yyjson_val *facts);
void oc_section_recipes(struct oc_buf *b, yyjson_val *facts);
void oc_section_stages(struct oc_buf *b, yyjson_val *facts);
void oc_section_people(struct oc_buf *b, yyjson_val *facts);
void oc_section_mix(struct oc_buf *b, yyjson_val *facts);
void oc_section_rehearsal(struct oc_buf *b, yyjson_val *facts);
void oc_section_examples(struct oc_buf *b, yyjson_val *facts);
void oc_section_fallen(struct oc_buf *b, yyjson_val *facts);
void oc_section_sources(struct oc_buf *b, yyjson_val *facts);

/* Does the page show rows that fell at this rule? Then they stand under the id `fell-STEP-RULE`. */
bool oc_section_has_fallen(yyjson_val *facts, struct oc_str step, struct oc_str rule);

/* The step's name, as a link where it has a place among oc_section_stages. */
void oc_section_link_stage(struct oc_buf *b, yyjson_val *facts, struct oc_str step);

#endif
