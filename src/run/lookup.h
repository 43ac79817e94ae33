/*
 * lookup.h: rows of a finished or waiting run, found again in the files of its folder. Everything
 * streams; what is held in memory is said with each function.
 */
#ifndef RUN_LOOKUP_H
#define RUN_LOOKUP_H

#include "base/ctx.h"
#include "data/json.h"

enum oc_place { OC_TRAIN, OC_TEST, OC_HELD_BACK, OC_FELL, OC_LEFT_OVER, OC_PLACE_N };

#define OC_EVERYWHERE ((1u << OC_PLACE_N) - 1)

const char *oc_place_name(enum oc_place place); /* train, test, held, rejected, unused */

/* A row where it lies. Strings are valid during the call only. */
struct oc_found {
	enum oc_place place;
	const char *file; /* path below the run folder */
	uint64_t line;    /* in its split or its file, from 1 */
	struct oc_str key, lineage;
	struct oc_str row; /* JSON object, or, of a row that is none, its base64 as a string */
	struct oc_str step, rule; /* why it fell or waits; empty in train and test */
};

/* OC_INPUT when the folder holds no run. */
int oc_lookup_check(const char *dir, struct oc_err *err);

/* Returns 0 to go on, 1 to stop, -1 on error. */
typedef int oc_found_fn(void *user, const struct oc_found *found, struct oc_err *err);

/*
 * Visits the rows of the places in the bit set `places`: train and test in their order, then held,
 * unused and rejected rows. Memory: the longest row.
 */
int oc_lookup_each(const char *dir, unsigned places, oc_found_fn *fn, void *user,
                   struct oc_err *err);

/*
 * A row's whole life, upward, as one JSON object:
 *
 *   {"run":..,"rows":[{"key","place","file","line","step","rule","row","lineage",
 *     "bytes":{"text","same"} | {"note"},
 *     "requests":[{"key","prompt","reply","tokens","cost"} | {"key","note"}],
 *     "reviews":[events]}, ...]}
 *
 * The first row is the one asked for, the others are its ancestors, nearest first; a parent that is
 * in no file of this run has only "key" and "note". `what` is a row's key, the user's id, or
 * "train:17" (line 17 of the split). OC_USAGE when there is none. Memory: these rows and the reply
 * store's index; one reading of the folder per generation.
 */
int oc_lookup_why(struct oc_buf *out, struct oc_ctx *ctx, const char *dir, const char *what,
                  struct oc_err *err);

/* A set of row keys (128-bit hashes: 16 bytes each). */
struct oc_key_set;
bool oc_key_set_has(const struct oc_key_set *set, struct oc_str key);
uint64_t oc_key_set_len(const struct oc_key_set *set);
void oc_key_set_free(struct oc_key_set *set);

/*
 * All rows that come from `what`: a row's key, the name of a source, recipe or model, a source file
 * or a request's key (its first 8 digits do). The rows of a named source, recipe, model or request
 * are in the set; a named row itself only when `self`. OC_USAGE when nothing does. Reads the folder
 * once per generation.
 */
int oc_lookup_descend(struct oc_key_set **set, const char *dir, const char *what, bool self,
                      struct oc_err *err);

#endif
