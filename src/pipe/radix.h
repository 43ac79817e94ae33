/*
 * radix.h: sorting records of one length in memory, by their first bytes.
 *
 * Many records are parted by the first key byte in which they differ, and the parts, each small
 * enough for a cache, are sorted side by side, least significant byte first. Bytes that are the
 * same in all records of a part cost a count only.
 */
#ifndef PIPE_RADIX_H
#define PIPE_RADIX_H

#include "base/str.h"

/*
 * Sorts n records of `record` bytes by their first `key` bytes as memcmp has them; equal ones keep
 * their order. `rows` holds them, `other` has as much room; returned is the one that holds the
 * result. Time: n times the key bytes that differ; memory: 2 KiB a key byte and thread.
 */
unsigned char *oc_radix_sort(unsigned char *rows, unsigned char *other, size_t n, size_t record,
                             size_t key, unsigned threads);

#endif
