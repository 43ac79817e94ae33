/*
 * leg.h: rows that rest between two passes, in blocks of about 64 MiB under work/legN/.
 *
 * A block is written as temporary, fsynced and renamed. It holds, per row, the bytes and the
 * pedigree line with its verdicts; an index of offsets gives any row in O(1). Blocks carry a
 * version and an XXH3 checksum; a damaged block is an error that names it.
 */
#ifndef PIPE_LEG_H
#define PIPE_LEG_H

#include "data/row.h"

#define OC_BLOCK_BYTES ((uint64_t)64 << 20)

struct oc_leg_writer;
/* `blocks` finished blocks are kept (resume); later ones in the folder are removed. */
struct oc_leg_writer *oc_leg_create(const char *dir, uint32_t blocks, struct oc_err *err);
/* Pure: appends the rows that go on (live and held ones, test rows too; fate and test are kept) to
 * `out`, as pass.encode does. */
int oc_leg_encode(const struct oc_batch *batch, struct oc_buf *out, struct oc_err *err);
/* Appends encoded rows. Returns 1 when a block was finished with them, else 0. */
int oc_leg_add(struct oc_leg_writer *w, const struct oc_buf *encoded, struct oc_err *err);
int oc_leg_finish(struct oc_leg_writer *w, struct oc_err *err); /* last block; then close */
void oc_leg_abandon(struct oc_leg_writer *w);                   /* unfinished block is dropped */
uint32_t oc_leg_blocks(const struct oc_leg_writer *w);

struct oc_leg;
int oc_leg_open(struct oc_leg **leg, const char *dir, struct oc_err *err);
void oc_leg_close(struct oc_leg *leg);
uint64_t oc_leg_rows(const struct oc_leg *leg);
/* Fills the batch with rows from number `first` on; raw, pedigree, verdicts (verdict_old =
 * verdict_n), fate and test set, root NULL. */
int oc_leg_read(struct oc_leg *leg, uint64_t first, struct oc_batch *batch, struct oc_err *err);

#endif
