#include "curate/applied.h"

#include <stdlib.h>

#include "index/disk.h"

#define REST_EVERY 0x4000 /* rows */

int oc_applied_map(struct oc_applied *a, struct oc_spill *out, struct oc_err *err)
{
	for (unsigned i = 0; i < 3; i++)
		if (oc_spill_map(out, i, &a->maps[i], err))
			return -1;
	return 0;
}

void oc_applied_told(struct oc_applied *a)
{
	if (atomic_fetch_add_explicit(&a->told, 1, memory_order_relaxed) % REST_EVERY ==
	    REST_EVERY - 1)
		for (unsigned i = 0; i < 3; i++)
			oc_map_rest(a->maps[i].p, a->maps[i].len);
}

static int by_number(const void *number, const void *record)
{
	uint64_t x, y;

	memcpy(&x, number, sizeof x);
	memcpy(&y, record, sizeof y);
	return (x > y) - (x < y);
}

const void *oc_applied_find(const void *records, uint64_t n, size_t size, uint64_t number)
{
	return n ? bsearch(&number, records, n, size, by_number) : NULL;
}

int oc_applied_cut(struct oc_row *row, const char *stage, struct oc_str field, struct oc_str left,
                   const char *what, struct oc_err *err)
{
	struct oc_buf json = {0};

	if (!oc_str_trim(left).len) {
		oc_row_reject(row, stage, "nothing_left", OC_LIT(""));
		return 0;
	}
	oc_buf_json(&json, left);
	int rc = oc_row_set(row, field, oc_buf_view(&json), err);
	oc_row_edited(row, oc_str(stage), oc_str(what));
	oc_buf_fini(&json);
	return rc;
}
