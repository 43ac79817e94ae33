/*
 * The index of the stage copies: its five streams, of real rows only, as sections. Read again they
 * are added to the streams of a later set, as its observing side would have made them of the same
 * rows: what is found is the same, without reading, folding and winnowing them once more.
 */
#include "base/err.h"
#include "curate/copies.h"

static const char *const sections[OC_COPY_STREAMS] = {"rows", "texts", "prints", "shifts", "keys"};
static const size_t section_unit[OC_COPY_STREAMS] = {
	sizeof(struct oc_copy_row), 1, sizeof(struct oc_fingerprint), sizeof(struct oc_shift), 1};

#define REST_EVERY 0x4000 /* rows */

yyjson_val *oc_copies_index_options(struct oc_arena *a, uint32_t min_span, struct oc_err *err)
{
	return oc_json_parse(a, oc_arena_printf(a, "{\"min_span\":%u}", min_span), err);
}

static int save_row(const struct oc_copies *c, uint32_t row, unsigned stream,
                    struct oc_index_writer *w, struct oc_err *err)
{
	struct oc_copy_row r = c->rows[row];
	const uint64_t *at = c->places + 4 * (uint64_t)row;

	switch (stream) {
	case 0:
		r.number = UINT64_MAX; /* of no row of a set */
		r.model_len = r.recipe_len = r.fell_len = 0;
		return oc_index_write(w, &r, sizeof r, err);
	case 1: return oc_index_write(w, c->text + at[0], r.text_len, err);
	case 2: return oc_index_write(w, c->prints + at[1], r.print_n * sizeof *c->prints, err);
	case 3: return oc_index_write(w, c->shifts + at[2], r.shift_n * sizeof *c->shifts, err);
	default: return oc_index_write(w, c->names + at[3], r.key_len, err);
	}
}

int oc_copies_save(const struct oc_copies *c, uint32_t set_n, struct oc_index_writer *w,
                   uint64_t *row_n, struct oc_err *err)
{
	for (unsigned k = 0; k < OC_COPY_STREAMS; k++) {
		if (oc_index_begin(w, sections[k], err))
			return -1;
		*row_n = 0;
		for (uint32_t i = 0; i < c->row_n; i++) {
			uint32_t row = i < c->row_n - set_n ? i + set_n : i - (c->row_n - set_n);
			if (i % REST_EVERY == REST_EVERY - 1)
				oc_copies_rest(c);
			if (!oc_copies_source(c, row))
				continue;
			++*row_n;
			if (save_row(c, row, k, w, err))
				return -1;
		}
	}
	return 0;
}

/* Are the sections those of the same rows, all real, and every fingerprint in its text? */
static bool is_whole(const struct oc_str s[OC_COPY_STREAMS])
{
	const struct oc_copy_row *r = (const void *)s[0].p;
	const struct oc_fingerprint *p = (const void *)s[2].p;
	uint64_t n[OC_COPY_STREAMS] = {s[0].len / sizeof *r, s[1].len, s[2].len / sizeof *p,
	                               s[3].len / sizeof(struct oc_shift), s[4].len};

	for (uint64_t i = 0; i < n[0]; i++, r++) {
		if (r->origin != OC_REAL || r->flags || r->model_len || r->recipe_len ||
		    r->fell_len || r->text_len > n[1] || r->print_n > n[2] || r->shift_n > n[3] ||
		    r->key_len > n[4])
			return false;
		for (uint32_t k = 0; k < r->print_n; k++, p++)
			if (p->at >= r->text_len)
				return false;
		n[1] -= r->text_len;
		n[2] -= r->print_n;
		n[3] -= r->shift_n;
		n[4] -= r->key_len;
		if (i % REST_EVERY == REST_EVERY - 1) {
			oc_map_rest(s[0].p, s[0].len);
			oc_map_rest(s[2].p, s[2].len);
		}
	}
	return !n[1] && !n[2] && !n[3] && !n[4];
}

#define STEP ((size_t)1 << 20)

int oc_copies_add_index(struct oc_index *ix, struct oc_spill *spill, struct oc_err *err)
{
	struct oc_str s[OC_COPY_STREAMS];

	for (unsigned k = 0; k < OC_COPY_STREAMS; k++)
		if (oc_index_section(ix, sections[k], section_unit[k], &s[k], err))
			return -1;
	if (!is_whole(s))
		return oc_fail(err, OC_INPUT, oc_index_path(ix),
		               "its sections do not belong together: build it again");
	for (unsigned k = 0; k < OC_COPY_STREAMS; k++) {
		for (size_t at = 0; at < s[k].len; at += STEP) {
			size_t n = s[k].len - at < STEP ? s[k].len - at : STEP;
			if (oc_spill_add(spill, k, s[k].p + at, n, err))
				return -1;
			/* again what a fault at a step's edge mapped of the steps before */
			size_t before = at < 8 * STEP ? at : 8 * STEP;
			oc_map_rest(s[k].p + at - before, before + n);
		}
		oc_map_rest(s[k].p, s[k].len);
	}
	return 0;
}
