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
void oc_section_rehearsal(struct oc_buf *b, yyjson_val *facts);
void oc_section_examples(struct oc_buf *b, yyjson_val *facts);
void oc_section_fallen(struct oc_buf *b, yyjson_val *facts);
void oc_section_sources(struct oc_buf *b, yyjson_val *facts);

#endif
