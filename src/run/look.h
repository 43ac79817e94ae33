/*
 * look.h: a look at the first rows of a source, to check that they can be read and to say what
 * they are. Reads at most a few megabytes; nothing is kept.
 */
#ifndef RUN_LOOK_H
#define RUN_LOOK_H

#include "base/ctx.h"
#include "data/json.h"

#define OC_LOOK_FIELDS 64

/* A member that rows have. */
struct oc_look_field {
	struct oc_str name;
	uint64_t rows;    /* that have it */
	uint64_t strings; /* of those, where it is a string */
	uint64_t bytes;   /* of all its strings */
	struct oc_str example;
};

struct oc_look {
	uint64_t rows;   /* read, bad ones too */
	bool whole;      /* the source ended within the look: `rows` is all there are */
	double estimate; /* of all rows, by the share of bytes read; rows when whole; 0 unknown */
	double bytes;    /* on disk, of all its files; 0 unknown */
	uint64_t row_bytes;      /* of the rows read */
	uint64_t bad;            /* of the rows read */
	struct oc_str first_bad; /* "row 7: bad_json {...}" */
	struct oc_look_field fields[OC_LOOK_FIELDS];
	unsigned field_n;
	yyjson_val *first; /* the first good row, in the arena, or NULL */
};

/* Strings of `out` live in `a`. Fails when the source cannot be opened or read at all. */
int oc_look(struct oc_look *out, struct oc_arena *a, struct oc_ctx *ctx,
            const struct oc_source_def *def, yyjson_val *opts, const char *name,
            const char *base_dir, struct oc_err *err);

#endif
