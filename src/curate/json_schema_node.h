/* json_schema_node.h: a compiled schema, between json_schema.c and json_schema_check.c. */
#ifndef CURATE_JSON_SCHEMA_NODE_H
#define CURATE_JSON_SCHEMA_NODE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "curate/json_schema.h"

enum oc_schema_type { T_NULL, T_BOOLEAN, T_INTEGER, T_NUMBER, T_STRING, T_ARRAY, T_OBJECT, TYPE_N };
extern const char *const oc_schema_types[TYPE_N]; /* their names */

struct node;

struct property {
	struct oc_str key; /* a name, or a pattern's text */
	pcre2_code *code;
	struct node *node;
};

struct list {
	struct node **node;
	uint32_t n;
};

/* One schema. Counts are -1 when absent. */
struct node {
	bool never; /* the schema `false` */
	unsigned types;
	yyjson_val *one_of_values, *value; /* enum, const */
	yyjson_val *minimum, *maximum, *above, *below, *multiple;
	int64_t min_length, max_length, min_items, max_items, min_members, max_members;
	struct property pattern; /* key = its text */
	struct property *properties, *patterns;
	uint32_t property_n, pattern_n;
	struct node *additional, *items, *not, *ref;
	struct list prefix, all, any, one;
	struct oc_str *required;
	uint32_t required_n;
	bool unique;
};

struct oc_schema {
	struct oc_arena *arena;
	yyjson_val *document;
	struct node *root;
	struct known { /* nodes by the value they were compiled from */
		yyjson_val *from;
		struct node *node;
	} * known;
	uint32_t known_n, known_cap;
	pcre2_code **codes;
	uint32_t code_n, code_cap;
};

#endif
