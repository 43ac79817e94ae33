#include "pipe/radix.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/pool.h"

#define PARTED ((size_t)1 << 16) /* records from which on parts are worth their counters */

/* One stable counting pass over key byte `at`; place[b]: where the first record of byte b goes. */
static void scatter(const unsigned char *from, unsigned char *to, size_t n, size_t record,
                    size_t at, size_t place[256])
{
	/* A constant length lets the compiler turn the copy into a few moves. */
#define PASS(len)                                                                                  \
	for (size_t i = 0; i < n; i++, from += record)                                             \
	memcpy(to + place[from[at]]++ * (len), from, len)
	switch (record) {
	case 8: PASS(8); break;
	case 12: PASS(12); break;
	case 16: PASS(16); break;
	case 20: PASS(20); break;
	case 24: PASS(24); break;
	case 28: PASS(28); break;
	case 32: PASS(32); break;
	default: PASS(record);
	}
#undef PASS
}

/* From how many records have a byte to where the first of each goes; begin[256] = all. */
static void places(const size_t count[256], size_t begin[257])
{
	size_t sum = 0;

	for (int i = 0; i < 256; i++) {
		begin[i] = sum;
		sum += count[i];
	}
	begin[256] = sum;
}

/* The first key byte in which two records differ, or `key`. */
static size_t first_difference(const unsigned char *rows, size_t n, size_t record, size_t key)
{
	for (size_t k = 0; k < key; k++)
		for (size_t i = 1; i < n; i++)
			if (rows[i * record + k] != rows[k])
				return k;
	return key;
}

/* Least significant byte first, down to key byte `first`. */
static unsigned char *sort_from(unsigned char *rows, unsigned char *other, size_t n, size_t record,
                                size_t first, size_t key)
{
	size_t(*count)[256] = oc_zalloc(key - first, sizeof *count), begin[257];
	const unsigned char *p = rows;

	for (size_t i = 0; i < n; i++, p += record)
		for (size_t k = first; k < key; k++)
			count[k - first][p[k]]++;
	for (size_t k = key; k-- > first;) {
		if (count[k - first][rows[k]] == n)
			continue;
		places(count[k - first], begin);
		scatter(rows, other, n, record, k, begin);
		unsigned char *swap = rows;
		rows = other;
		other = swap;
	}
	free(count);
	return rows;
}

struct parting {
	unsigned char *rows, *other;
	size_t record, first, key;
	size_t begin[257];
};

static void sort_part(void *user, uint64_t part, unsigned worker)
{
	const struct parting *p = user;
	size_t at = p->begin[part] * p->record, n = p->begin[part + 1] - p->begin[part];
	unsigned char *rows = p->rows + at;

	(void)worker;
	if (n < 2 || p->first == p->key)
		return;
	unsigned char *sorted = sort_from(rows, p->other + at, n, p->record, p->first, p->key);
	if (sorted != rows)
		memcpy(rows, sorted, n * p->record);
}

unsigned char *oc_radix_sort(unsigned char *rows, unsigned char *other, size_t n, size_t record,
                             size_t key, unsigned threads)
{
	size_t top = first_difference(rows, n, record, key), count[256] = {0}, place[257];

	if (top == key)
		return rows;
	if (n < PARTED)
		return sort_from(rows, other, n, record, top, key);
	for (size_t i = 0; i < n; i++)
		count[rows[i * record + top]]++;
	struct parting p = {
		.rows = other, .other = rows, .record = record, .first = top + 1, .key = key};
	places(count, p.begin);
	memcpy(place, p.begin, sizeof place);
	scatter(rows, other, n, record, top, place);
	struct oc_pool *pool = oc_pool_new(threads);
	oc_pool_for(pool, 256, sort_part, &p);
	oc_pool_free(pool);
	return other;
}
