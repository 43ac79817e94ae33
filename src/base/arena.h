/*
 * arena.h: memory that is handed out in slices and given back all at once.
 *
 * An arena is used by one thread at a time. Allocation never fails: out of memory aborts through
 * oc_oom, so sizes that come from input must be checked before they reach an arena.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "outcross.h"

/* oc_arena_new and oc_arena_free: outcross.h */
void oc_arena_reset(struct oc_arena *a); /* keeps the first chunk */

/* Aligned to 16, contents undefined. O(1). */
void *oc_arena_alloc(struct oc_arena *a, size_t size);
void *oc_arena_zalloc(struct oc_arena *a, size_t size);
void *oc_arena_dup(struct oc_arena *a, const void *p, size_t len);
/* Grows or shrinks a slice of `old` bytes: in place when it is the newest of the arena, else a
 * larger one moves. `p` NULL = alloc. */
void *oc_arena_resize(struct oc_arena *a, void *p, size_t old, size_t size);
/* A copy with a NUL behind it, which is not counted. */
struct oc_str oc_arena_str(struct oc_arena *a, struct oc_str s);
struct oc_str oc_arena_printf(struct oc_arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
size_t oc_arena_used(const struct oc_arena *a); /* bytes obtained from the system */

/* malloc family that aborts with a message when memory runs out. Release with free(). */
void *oc_alloc(size_t size);
void *oc_zalloc(size_t n, size_t size);
void *oc_realloc(void *p, size_t size);
/* Room for at least `need` elements of `size` bytes, doubling from 16. */
void *oc_grow(void *p, uint32_t *cap, uint32_t need, size_t size);
char *oc_strdup(const char *s);
_Noreturn void oc_oom(size_t size);

#endif
