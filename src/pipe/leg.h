/*
 * leg.h: rows that rest between two passes, in blocks of about 64 MiB under work/legN/.
 *
 * A block is written as temporary, fsynced and renamed. It holds, per row, the bytes and the
 * pedigree with its verdicts; an index of offsets gives any row in O(1). Blocks carry a version,
 * every row and every index an XXH3 checksum; a damaged or cut block is an error that names it.
 *
 *   header   "OCLEG" 0 0 version
 *   records  per row: u32 bytes of meta, u32 bytes of raw, u64 checksum, meta, raw
 *   index    u64 offset of every record
 *   trailer  u64 rows, u64 offset of the index, u64 checksum of the index, of the trailer
 *
 * Numbers are little-endian. One thread uses a writer or a reader at a time.
 */
#ifndef PIPE_LEG_H
#define PIPE_LEG_H

#include "data/row.h"

#define OC_BLOCK_BYTES ((uint64_t)64 << 20)

struct oc_leg_writer;
/* `blocks` finished blocks are kept (resume); later ones in the folder are removed. */
struct oc_leg_writer *oc_leg_create(const char *dir, uint32_t blocks, struct oc_err *err);
/* Pure: appends the rows that go on (live and held ones, test rows too; fate and test are kept) to
 * `out`, as pass.encode does. settled: without the verdicts that keep, as oc_verdicts_settle. */
int oc_leg_encode(const struct oc_batch *batch, bool settled, struct oc_buf *out,
                  struct oc_err *err);
/* Appends encoded rows. Returns 1 when a block was finished with them, else 0. */
int oc_leg_add(struct oc_leg_writer *w, const struct oc_buf *encoded, struct oc_err *err);
int oc_leg_finish(struct oc_leg_writer *w, struct oc_err *err); /* last block; then close */
void oc_leg_abandon(struct oc_leg_writer *w);                   /* unfinished block is dropped */
uint32_t oc_leg_blocks(const struct oc_leg_writer *w);          /* finished so far */
uint64_t oc_leg_written(const struct oc_leg_writer *w);         /* rows, kept blocks included */

struct oc_leg;
/* Opens the finished blocks of a folder; reads their trailers only. */
int oc_leg_open(struct oc_leg **leg, const char *dir, struct oc_err *err);
void oc_leg_close(struct oc_leg *leg);
uint64_t oc_leg_rows(const struct oc_leg *leg);
/* Rows are read as test rows where their bit is set; the bits stay the caller's. NULL: as stored.
 */
void oc_leg_mark_test(struct oc_leg *leg, const uint8_t *bits);
/*
 * Fills an empty batch with rows from number `first` on, within the limits of a batch and of one
 * block: raw, pedigree, verdicts (verdict_old = verdict_n), fate, `test`, `changed` and number set,
 * root NULL. At least one row unless `first` is the end. O(bytes read), one read a
 * batch; a batch of one row (oc_batch_new(1)) makes reading in any order cheap.
 */
int oc_leg_read(struct oc_leg *leg, uint64_t first, struct oc_batch *batch, struct oc_err *err);

/*
 * Appends the rows with these numbers, in this order, until the batch is full; *taken says how
 * many. One read a row: for rows in an order of their own.
 */
int oc_leg_pick(struct oc_leg *leg, const uint64_t *rows, uint64_t row_n, struct oc_batch *batch,
                uint64_t *taken, struct oc_err *err);

#endif
