#include <stdlib.h>
#include <string.h>

#include "data/row.h"

struct oc_batch *oc_batch_new(uint32_t row_cap)
{
	struct oc_batch *b = oc_zalloc(1, sizeof *b);

	b->arena = oc_arena_new();
	b->rows = oc_zalloc(row_cap, sizeof *b->rows);
	b->row_cap = row_cap;
	return b;
}

void oc_batch_free(struct oc_batch *b)
{
	if (!b)
		return;
	oc_arena_free(b->arena);
	free(b->rows);
	free(b);
}

void oc_batch_reset(struct oc_batch *b)
{
	oc_arena_reset(b->arena);
	/* All at once: row by row the zeroes cost more than what is written over them. */
	memset(b->rows, 0, b->row_n * sizeof *b->rows);
	b->row_n = 0;
	b->seq = 0;
	b->after = (struct oc_cursor){0};
}

struct oc_row *oc_batch_add(struct oc_batch *b)
{
	struct oc_row *row;

	if (b->row_n == b->row_cap)
		return NULL;
	row = &b->rows[b->row_n++];
	row->arena = b->arena;
	return row;
}
