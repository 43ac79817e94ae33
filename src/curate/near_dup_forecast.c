/* What near_dup will find and cost, said before a row is read. */
#include <math.h>

#include "curate/near_dup.h"

#define WORD_BYTES 6  /* of JSON, a word and what stands between */
#define ROW_BYTES  48 /* a row's entry, where its n-grams and its key begin, its key */
#define BAND_BYTES 20 /* a band's hash, and its record in the sort */
#define WORD_SPILL 8  /* the hash of an n-gram: one a word, or fewer where they repeat */

void oc_dup_curve(struct oc_facts *f, const struct oc_dup_opts *opts)
{
	static const struct oc_fact_column columns[] = {{"Jaccard index of two rows", NULL},
	                                                {"chance that they are compared", "share"},
	                                                {"compared of a million such pairs", NULL}};

	oc_facts_table(f, "What the bands find", columns, 3);
	for (int j = 10; j <= 95; j += j < 50 ? 10 : 5) {
		double chance = oc_minhash_chance(j / 100.0, opts->bands, opts->rows);
		oc_facts_num(f, j / 100.0);
		oc_facts_num(f, chance);
		oc_facts_num(f, round(1e6 * chance));
	}
}

void oc_dup_forecast(const struct oc_dup_opts *opts, const struct oc_outlook *look,
                     struct oc_buf *out)
{
	uint32_t bands = opts->bands, rows = opts->rows;
	double half = pow(1 - pow(0.5, 1.0 / bands), 1.0 / rows);
	double each = ROW_BYTES + (double)BAND_BYTES * bands;
	struct oc_facts f = {0};
	struct oc_buf curve = {0};

	for (int j = 5; j < 10; j++)
		oc_buf_printf(&curve, "%s%.3f at 0.%d", j > 5 ? ", " : "",
		              oc_minhash_chance(j / 10.0, bands, rows), j);
	oc_facts_title(&f, "What the bands will find and cost");
	oc_facts_lead(&f,
	              "%u bands of %u rows: the chance that two texts become a candidate, by their "
	              "Jaccard index, is %s; a half at %.2f.",
	              bands, rows, oc_buf_cstr(&curve), half);
	oc_buf_fini(&curve);
	if (opts->contained)
		oc_facts_warn(&f,
		              "The bands go by the Jaccard index, the threshold of %g by "
		              "containment: a short text within a long one has a small index "
		              "and may not become a candidate. Fewer `rows:` find more.",
		              opts->threshold);
	else
		oc_facts_figure(&f, "candidates among pairs at the threshold",
		                oc_minhash_chance(opts->threshold, bands, rows), "share");
	oc_facts_figure(&f, "hash values of each row's n-grams", (double)bands * rows, "");
	oc_facts_figure(&f, "comparisons of a row, at most", (double)bands * opts->cap, "rows");
	oc_facts_figure(&f, "on disk for each row", each, "bytes");
	oc_facts_figure(&f, "and for each of its words", WORD_SPILL, "bytes");
	if (look->rows > 0 && look->row_bytes > 0) {
		double words = look->row_bytes / WORD_BYTES;
		oc_facts_figure(&f, "on disk in all, about",
		                look->rows * (each + WORD_SPILL * words), "bytes");
	}
	oc_dup_curve(&f, opts);
	oc_facts_write(&f, out);
}
