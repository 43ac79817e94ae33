#include "base/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"

struct oc_pool {
	unsigned threads;
	pthread_t *workers; /* (threads - 1): the caller is worker 0 */
	pthread_mutex_t lock;
	pthread_cond_t wake, idle;
	void (*fn)(void *user, uint64_t item, unsigned worker);
	void *user;
	uint64_t next, n, job; /* job counts calls of oc_pool_for */
	unsigned busy;
	bool quit;
};

struct start {
	struct oc_pool *pool;
	unsigned worker;
};

/* Takes items until none is left. Called with the lock held, returns with it held. */
static void drain(struct oc_pool *p, unsigned worker)
{
	while (p->next < p->n) {
		uint64_t item = p->next++;
		pthread_mutex_unlock(&p->lock);
		p->fn(p->user, item, worker);
		pthread_mutex_lock(&p->lock);
	}
}

static void *work(void *arg)
{
	struct start *s = arg;
	struct oc_pool *p = s->pool;
	unsigned worker = s->worker;
	uint64_t seen = 0;

	free(s);
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->quit && p->job == seen)
			pthread_cond_wait(&p->wake, &p->lock);
		if (p->quit)
			break;
		seen = p->job;
		p->busy++;
		drain(p, worker);
		if (--p->busy == 0)
			pthread_cond_signal(&p->idle);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct oc_pool *oc_pool_new(unsigned threads)
{
	struct oc_pool *p = oc_zalloc(1, sizeof *p);

	p->threads = 1;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_cond_init(&p->idle, NULL);
	p->workers = oc_zalloc(threads, sizeof *p->workers);
	for (unsigned i = 1; i < threads; i++) {
		struct start *s = oc_alloc(sizeof *s);
		*s = (struct start){p, i};
		if (pthread_create(&p->workers[i - 1], NULL, work, s)) {
			free(s); /* fewer threads are slower, not wrong */
			break;
		}
		p->threads++;
	}
	return p;
}

void oc_pool_free(struct oc_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i + 1 < p->threads; i++)
		pthread_join(p->workers[i], NULL);
	pthread_cond_destroy(&p->wake);
	pthread_cond_destroy(&p->idle);
	pthread_mutex_destroy(&p->lock);
	free(p->workers);
	free(p);
}

void oc_pool_for(struct oc_pool *p, uint64_t n, void (*fn)(void *, uint64_t, unsigned), void *user)
{
	pthread_mutex_lock(&p->lock);
	p->fn = fn;
	p->user = user;
	p->next = 0;
	p->n = n;
	p->job++;
	pthread_cond_broadcast(&p->wake);
	drain(p, 0);
	while (p->busy)
		pthread_cond_wait(&p->idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

unsigned oc_pool_threads(const struct oc_pool *p)
{
	return p->threads;
}
