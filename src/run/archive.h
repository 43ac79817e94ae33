/*
 * archive.h: a run as one file that replays elsewhere with the network off.
 *
 *   NAME/README.txt           what this is and how to replay it
 *   NAME/plan.yaml            the plan as the run resolved it
 *   NAME/runs/NAME/...        the run folder, without work/
 *   NAME/.outcross/replies/   the replies it used, and no others
 *
 * Sources are not copied: their licences and sizes are not ours to decide about. README.txt lists
 * them with their hashes.
 */
#ifndef RUN_ARCHIVE_H
#define RUN_ARCHIVE_H

#include "base/ctx.h"

struct oc_archived {
	uint64_t files, replies, missing; /* missing: used, but no longer in the store */
};

/* `dir` is a run folder, `out` ends in .tar or .tar.zst. O(bytes of the folder + replies). */
int oc_run_archive(struct oc_ctx *ctx, const char *dir, const char *out, struct oc_archived *what,
                   struct oc_err *err);

#endif
