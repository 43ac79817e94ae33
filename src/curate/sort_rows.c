/*
 * sort: the rows by a number, in the order in which they go on and are written. Rows without the
 * number come last; rows that are equal keep their order.
 *
 * One external sort of 16 bytes a row within `memory:`; then rows are read one by one from the leg
 * in their new order.
 */
#include <endian.h>
#include <stdlib.h>

#include "base/err.h"
#include "curate/measure_of.h"
#include "pipe/spill.h"

struct record { /* big end first: sorted by bytes */
	uint64_t rank, number;
};

struct sorter {
	char *name;
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_str by;
	bool descending;
	struct oc_spill *out;           /* row numbers in their new order */
	const uint64_t *order;          /* (order_n) mapped */
	uint64_t order_n, next, beyond; /* beyond: above every number of `order` */
};

static const struct oc_option options[] = {
	{.key = "by",
         .type = OC_OPT_STR,
         .required = true,
         .help = "A member of the row with a number, or STAGE/RULE: the score that a stage before "
                 "gave."},
	{.key = "order",
         .type = OC_OPT_ENUM,
         .def = "descending",
         .choices = "ascending|descending",
         .help = "Which end comes first."},
	{0},
};

static void close_sort(void *self)
{
	struct sorter *s = self;

	if (!s)
		return;
	oc_spill_close(s->out);
	oc_arena_free(s->arena);
	free(s->name);
	free(s);
}

static int open_sort(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct sorter *s = oc_zalloc(1, sizeof *s);

	(void)err;
	s->name = oc_strdup(env->name);
	s->ctx = env->ctx;
	s->arena = oc_arena_new();
	s->by = oc_arena_str(s->arena, oc_json_get_str(opts, "by"));
	s->descending = oc_str_is(oc_json_get_str(opts, "order"), "descending");
	*self = s;
	return 0;
}

static int observe(void *self, void *scratch, struct oc_row *row, struct oc_buf *out,
                   struct oc_err *err)
{
	const struct sorter *s = self;
	struct record r = {UINT64_MAX, htobe64(row->number)};
	double v;

	(void)scratch;
	(void)err;
	if (oc_measure_of(row, s->by, &v))
		r.rank = htobe64(oc_measure_rank(s->descending ? -v : v));
	oc_buf_add(&out[0], &r, sizeof r);
	return 0;
}

/* Rows that were not observed (held out, waiting): gaps in the numbers, which came in order. */
static int add_gaps(struct sorter *s, const struct record *seen, uint64_t n, struct oc_err *err)
{
	s->beyond = 0;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t number = be64toh(seen[i].number);
		for (; s->beyond < number; s->beyond++)
			if (oc_spill_add(s->out, 0, &s->beyond, sizeof s->beyond, err))
				return -1;
		s->beyond = number + 1;
	}
	return 0;
}

static int resolve(void *self, struct oc_spill *spill, struct oc_err *err)
{
	struct sorter *s = self;
	uint64_t memory = oc_spill_memory(spill);
	struct oc_sort *sort = oc_sort_new(s->ctx, oc_spill_dir(spill), sizeof(struct record),
	                                   sizeof(struct record), memory / 2, err);
	struct oc_str seen, out;
	bool first = true;
	const void *part;
	size_t n;
	int rc = -1;

	oc_spill_close(s->out);
	s->out = oc_spill_open(s->ctx, oc_spill_dir(spill), "sort.order", 1, memory / 16, err);
	if (!sort || !s->out || oc_spill_map(spill, 0, &seen, err) ||
	    oc_sort_add(sort, seen.p, seen.len / sizeof(struct record), err) ||
	    oc_sort_done(sort, err))
		goto out;
	do {
		if (oc_sort_next(sort, &part, &n, err))
			goto out;
		const struct record *r = part;
		if (n && first && r->rank == UINT64_MAX)
			oc_log(s->ctx, OC_LOG_WARN, "%s: no row has a number `%.*s`", s->name,
			       OC_ARG(s->by));
		first = false;
		for (size_t i = 0; i < n; i++) {
			uint64_t number = be64toh(r[i].number);
			if (oc_spill_add(s->out, 0, &number, sizeof number, err))
				goto out;
		}
	} while (n);
	if (add_gaps(s, (const void *)seen.p, seen.len / sizeof(struct record), err) ||
	    oc_spill_map(s->out, 0, &out, err))
		goto out;
	s->order = (const void *)out.p;
	s->order_n = out.len / sizeof *s->order;
	s->next = 0;
	rc = 0;
out:
	oc_sort_free(sort);
	return rc;
}

static uint64_t order(void *self, uint64_t row_n, uint64_t *rows, uint64_t cap)
{
	struct sorter *s = self;
	uint64_t n = 0;

	while (n < cap && s->next < s->order_n)
		rows[n++] = s->order[s->next++];
	while (n < cap && s->beyond < row_n)
		rows[n++] = s->beyond++;
	return n;
}

/* It decides about no row. */
static int apply(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	(void)self;
	(void)scratch;
	(void)row;
	(void)err;
	return 0;
}

extern const struct oc_stage_def oc_stage_sort;
const struct oc_stage_def oc_stage_sort = {
	.size = sizeof(struct oc_stage_def),
	.name = "sort",
	.help = "put the rows in the order of a number",
	.doc = "`by` is a member of the row with a number, or STAGE/RULE, the score that a "
	       "stage before gave it: `{by: stars}`, `{by: quality/low}`. Later stages see "
	       "the rows in this order, so the first of two twins is then the better one, "
	       "not the real one. Rows without the number come last, equal ones keep their "
	       "order. A mix interleaves its groups again. Removes nothing.\n\n"
	       "Cost: one sort on disk within `memory:`, 16 bytes a row. Source: none; "
	       "curricula and best-first sets want it.",
	.kind = OC_STAGE_WHOLE,
	.options = options,
	.holds = OC_HOLDS_WITHIN,
	.held = "the buffer of one sort",
	.open = open_sort,
	.close = close_sort,
	.stream_n = 1,
	.observe = observe,
	.resolve = resolve,
	.order = order,
	.apply = apply,
};
