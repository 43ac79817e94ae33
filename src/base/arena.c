#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MIN  ((size_t)64 << 10)
#define CHUNK_KEEP ((size_t)16 << 20) /* across a reset */
#define ALIGN      16u

struct chunk {
	struct chunk *next;
	size_t cap, used; /* of data */
	_Alignas(ALIGN) unsigned char data[];
};

struct oc_arena {
	struct chunk *head; /* newest; the only one with room */
	size_t total;
};

_Noreturn void oc_oom(size_t size)
{
	fprintf(stderr, "outcross: out of memory (asked for %zu bytes)\n", size);
	abort();
}

void *oc_alloc(size_t size)
{
	void *p = malloc(size ? size : 1);
	if (!p)
		oc_oom(size);
	return p;
}

void *oc_zalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);
	if (!p)
		oc_oom(size);
	return p;
}

void *oc_realloc(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);
	if (!p)
		oc_oom(size);
	return p;
}

void *oc_grow(void *p, uint32_t *cap, uint32_t need, size_t size)
{
	if (need <= *cap)
		return p;
	assert(need < UINT32_MAX / 2);
	while (*cap < need)
		*cap = *cap ? 2 * *cap : 16;
	return oc_realloc(p, *cap * size);
}

char *oc_strdup(const char *s)
{
	size_t len = strlen(s) + 1;
	return memcpy(oc_alloc(len), s, len);
}

static struct chunk *chunk_new(struct oc_arena *a, size_t cap, struct chunk *next)
{
	struct chunk *c = oc_alloc(sizeof *c + cap);
	c->next = next;
	c->cap = cap;
	c->used = 0;
	a->total += cap;
	return c;
}

struct oc_arena *oc_arena_new(void)
{
	struct oc_arena *a = oc_zalloc(1, sizeof *a);
	a->head = chunk_new(a, CHUNK_MIN, NULL);
	return a;
}

void oc_arena_free(struct oc_arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->head, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

void oc_arena_reset(struct oc_arena *a)
{
	struct chunk *c = a->head;

	/* The newest chunk is the largest: batches of a stream settle on one chunk that fits. */
	for (struct chunk *old = c->next, *next; old; old = next) {
		next = old->next;
		a->total -= old->cap;
		free(old);
	}
	c->next = NULL;
	c->used = 0;
	if (c->cap > CHUNK_KEEP) { /* one giant row must not be paid for ever after */
		a->total -= c->cap;
		free(c);
		a->head = chunk_new(a, CHUNK_MIN, NULL);
	}
}

void *oc_arena_alloc(struct oc_arena *a, size_t size)
{
	struct chunk *c = a->head;
	size_t need = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);

	if (need < size)
		oc_oom(size);
	if (c->cap - c->used < need) {
		size_t cap = c->cap * 2;
		if (cap > ((size_t)8 << 20))
			cap = (size_t)8 << 20;
		if (cap < need)
			cap = need;
		c = a->head = chunk_new(a, cap, c);
	}
	void *p = c->data + c->used;
	c->used += need;
	return p;
}

void *oc_arena_zalloc(struct oc_arena *a, size_t size)
{
	return memset(oc_arena_alloc(a, size), 0, size);
}

void *oc_arena_dup(struct oc_arena *a, const void *p, size_t len)
{
	void *copy = oc_arena_alloc(a, len);
	return len ? memcpy(copy, p, len) : copy;
}

void *oc_arena_resize(struct oc_arena *a, void *p, size_t old, size_t size)
{
	struct chunk *c = a->head;
	size_t had = (old + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	size_t need = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);

	if (need < size)
		oc_oom(size);
	if (p && c->used >= had && c->data + (c->used - had) == p &&
	    need <= c->cap - c->used + had) {
		c->used = c->used - had + need;
		return p;
	}
	if (p && need <= had)
		return p;
	void *moved = oc_arena_alloc(a, size);
	return p && old ? memcpy(moved, p, old) : moved;
}

struct oc_str oc_arena_str(struct oc_arena *a, struct oc_str s)
{
	char *copy = oc_arena_alloc(a, s.len + 1);
	if (s.len)
		memcpy(copy, s.p, s.len);
	copy[s.len] = 0;
	return (struct oc_str){copy, s.len};
}

struct oc_str oc_arena_printf(struct oc_arena *a, const char *fmt, ...)
{
	va_list args, again;
	int len;

	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		len = 0;
	char *p = oc_arena_alloc(a, (size_t)len + 1);
	vsnprintf(p, (size_t)len + 1, fmt, again);
	va_end(again);
	return (struct oc_str){p, (size_t)len};
}

size_t oc_arena_used(const struct oc_arena *a)
{
	return a->total;
}
