/*
 * facts.h: what a stage learned over all rows, in a vocabulary that the report shows without
 * knowing any stage. `oc_stage_def.facts` appends one such object:
 *
 *   title       what was measured, as a heading
 *   lead        one sentence that says what came out
 *   reference   what `heldout` was measured on, when not "held-out real rows"           optional
 *   warnings    [sentence] what a person must not overlook                              optional
 *   figures     [{name, unit, value, low?, high?, heldout?}]                            optional
 *   tables      [{title, columns: [{name, unit}], rows: [[cell, ...], ...]}]            optional
 *   histograms  [{title, unit, series, edges, counts, heldout?, threshold?}]            optional
 *   pairs       [{title, left: side, right: side}], side = {label, key, text, spans}    optional
 *
 * A value is a number, or null where it was not measured; a cell may be a text as well. `heldout`
 * is the same figure for held-out real rows, or for what `reference` names; `low`
 * and `high` are a 95 % interval. A unit is any short word; "share" is a number from 0 to 1 and is
 * shown in per cent; "" has none. Of n bins there are n + 1 ascending edges, each bin up to the
 * next edge, exclusive; `series` names what `counts` counts. Spans are [offset, length] in bytes of
 * `text`, ascending, apart, on whole code points; the page marks them.
 *
 * Build one with the functions below; they need no error handling, since the reader checks:
 *
 *     struct oc_facts f = {0};
 *     oc_facts_title(&f, "Rows that say the same");
 *     oc_facts_lead(&f, "%llu rows say what an earlier row says.", n);
 *     oc_facts_figure(&f, "rows removed", (double)n, "rows");
 *     oc_facts_write(&f, out);
 */
#ifndef DATA_FACTS_H
#define DATA_FACTS_H

#include "data/json.h"

/* Zero-initialise; oc_facts_write empties it. */
struct oc_facts {
	struct oc_buf title, lead, reference, warnings, figures, tables, histograms, pairs;
	int open; /* the part that still takes additions */
	unsigned column_n, column, side;
};

struct oc_fact_column {
	const char *name, *unit; /* unit: NULL = none */
};

void oc_facts_title(struct oc_facts *f, const char *title);
/* Whole numbers in it are given their commas: 12345 rows become 12,345. */
void oc_facts_lead(struct oc_facts *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void oc_facts_reference(struct oc_facts *f, const char *name);
void oc_facts_warn(struct oc_facts *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A number that is not finite was not measured. The two others add to the last figure. */
void oc_facts_figure(struct oc_facts *f, const char *name, double value, const char *unit);
void oc_facts_interval(struct oc_facts *f, double low, double high);
void oc_facts_heldout(struct oc_facts *f, double value);

/* A table, then its cells, row by row. */
void oc_facts_table(struct oc_facts *f, const char *title, const struct oc_fact_column *columns,
                    unsigned column_n);
void oc_facts_cell(struct oc_facts *f, struct oc_str text);
void oc_facts_num(struct oc_facts *f, double value);

/* edges: (n + 1), counts: (n). The two others add to the last histogram; heldout: (n). */
void oc_facts_histogram(struct oc_facts *f, const char *title, const char *unit, const char *series,
                        const double *edges, const uint64_t *counts, unsigned n);
void oc_facts_histogram_heldout(struct oc_facts *f, const uint64_t *counts, unsigned n);
void oc_facts_threshold(struct oc_facts *f, double at);

/* A pair, then its two sides. spans: (span_n, 2) */
void oc_facts_pair(struct oc_facts *f, const char *title);
void oc_facts_side(struct oc_facts *f, const char *label, struct oc_str key, struct oc_str text,
                   const uint64_t *spans, unsigned span_n);

/* Appends the object and empties `f`. */
void oc_facts_write(struct oc_facts *f, struct oc_buf *out);

/* Is this such an object, of a size that a page can show? Else OC_INTERNAL, which names the member.
 */
int oc_facts_check(yyjson_val *facts, struct oc_err *err);

#endif
