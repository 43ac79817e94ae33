/*
 * pool.h: N workers and one queue. Used by the pipe; jobs of their own use oc_pool_for.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "outcross.h"

struct oc_pool;

struct oc_pool *oc_pool_new(unsigned threads);
void oc_pool_free(struct oc_pool *pool);

/*
 * Runs fn(user, item, worker) for item 0..n-1 on the pool and the calling thread; worker is
 * 0..threads-1 and never shared by two calls at a time. Returns when all are done. Work that must
 * not depend on the thread count writes only to places of its item.
 */
void oc_pool_for(struct oc_pool *pool, uint64_t n,
                 void (*fn)(void *user, uint64_t item, unsigned worker), void *user);
unsigned oc_pool_threads(const struct oc_pool *pool);

#endif
