/*
 * lineage.h: a source that is the output of an earlier run brings its rows' pedigrees: beside
 * .../data/NAME.jsonl lies .../lineage/NAME.jsonl, line for line.
 */
#ifndef RUN_LINEAGE_H
#define RUN_LINEAGE_H

#include "data/row.h"

struct oc_lineage;

/* `opts` are the source's; its `path` names the data files (patterns are expanded in order). */
int oc_lineage_open(struct oc_lineage **l, yyjson_val *opts, const char *base_dir,
                    struct oc_err *err);
/* Hangs the next line on the row (as ped.extra), to be read by oc_lineage_apply on a worker. */
int oc_lineage_next(struct oc_lineage *l, struct oc_row *row, struct oc_err *err);
void oc_lineage_close(struct oc_lineage *l);

/*
 * Takes origin, depth, founders, parents, licence, model and recipe from the line. The row keeps
 * its new identity; names of the earlier run are prefixed with the source's name and a slash.
 */
int oc_lineage_apply(struct oc_row *row, const char *source, struct oc_err *err);

/* The lineage file of a data file, if there is one: true and its path. */
bool oc_lineage_beside(const char *data_path, char out[4096]);

#endif
