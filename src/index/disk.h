/*
 * disk.h: an index of a corpus in one file, made by one stage and read by the same stage later.
 *
 *   outcross index build books.jsonl --for near_dup:ngram=5 -o books.index
 *   outcross curate new.jsonl --do 'near_dup: {against: [books.index]}' -o out.jsonl
 *
 * The file is little-endian:
 *
 *   0   "OCINDEX\n"
 *   8   u32 version (OC_INDEX_VERSION), u32 0
 *   16  u64 place and u64 length of the table of contents
 *   32  u64 XXH3-64 of the table of contents
 *   64  sections, each at a multiple of 64, so that a mapped one holds aligned arrays
 *   ... the table of contents, JSON: {"stage", "options", "made_by", "rows", "sections": [{"name",
 *       "at", "len", "hash"}]}; the last line of the file, to be read with `tail -n 1`
 *
 * `options` are those that decide what the index holds, chosen by the stage; a stage with other
 * ones is refused with a sentence that names the first difference. Every section carries its
 * XXH3-128. A file appears under its name when it is whole, synced and renamed.
 *
 * Writing: create, then for each section begin and write, then commit. Reading: open, section.
 * One thread at a time; mapped sections may be read by many.
 */
#ifndef INDEX_DISK_H
#define INDEX_DISK_H

#include "data/json.h"

#define OC_INDEX_VERSION 1

struct oc_index_writer;
struct oc_index;

/* `options`: an object of numbers, booleans, strings and lists of them; copied. NULL on error. */
struct oc_index_writer *oc_index_create(const char *path, const char *stage, yyjson_val *options,
                                        struct oc_err *err);
/* Begins a section (ends the one before). Names are unique, at most 31 bytes. */
int oc_index_begin(struct oc_index_writer *w, const char *name, struct oc_err *err);
/* Appends to the section that was begun. Buffered. */
int oc_index_write(struct oc_index_writer *w, const void *p, size_t len, struct oc_err *err);
/* Writes the table, syncs, renames. The writer is freed, also on error (then nothing is left). */
int oc_index_commit(struct oc_index_writer *w, uint64_t row_n, struct oc_err *err);
void oc_index_abandon(struct oc_index_writer *w); /* removes what was written; NULL is fine */

/* Does the file begin as an index does? False for what cannot be read. */
bool oc_index_is(const char *path);

/*
 * Opens the index of a stage. Refused (OC_INPUT) when it is no index, cut short, of a newer
 * version, made by another stage, or made with other `options`.
 */
int oc_index_open(struct oc_index **ix, const char *path, const char *stage, yyjson_val *options,
                  struct oc_err *err);
void oc_index_close(struct oc_index *ix); /* NULL is fine; sections are unmapped */
uint64_t oc_index_rows(const struct oc_index *ix);
const char *oc_index_path(const struct oc_index *ix);
yyjson_val *oc_index_options(const struct oc_index *ix);

/*
 * A read-only map of a section, checked against its hash on first use (one sequential read). Its
 * pages are the kernel's, not counted memory. `unit` bytes: a length that is no multiple of it is
 * an error.
 */
int oc_index_section(struct oc_index *ix, const char *name, size_t unit, struct oc_str *out,
                     struct oc_err *err);

/* The file, and where in it a byte of a section stands: for reads so far apart that a map would
 * hold too many pages. The file is the index's. */
int oc_index_file(const struct oc_index *ix, const char *p, uint64_t *at);

/* Lets go of a map's pages: they stay in the kernel's cache and come back when touched. */
void oc_map_rest(const void *p, size_t len);

#endif
