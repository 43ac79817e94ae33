/*
 * tally.h: the ledger's columns and the counts by step and rule.
 *
 *   in + made + repeated = out + held + rejected + merged + unused
 *
 * Counts are of the whole run. They are stored with every finished block, so a run that continues
 * counts nothing twice and forgets nothing.
 */
#ifndef RUN_TALLY_H
#define RUN_TALLY_H

#include "data/row.h"

struct oc_tally_line {
	char *step, *rule;
	enum oc_result result;
	bool first; /* counts rows whose first dropping verdict this was */
	uint64_t n;
};

struct oc_tally {
	uint64_t in, made, repeated; /* what came */
	uint64_t train, test, held, rejected, merged,
		unused; /* where it went; out = train + test */
	struct oc_tally_line *lines;
	unsigned line_n, line_cap;
};

void oc_tally_fini(struct oc_tally *t);
/* Counts verdicts of a row from number `from` on; the first drop also as the reason it fell. */
void oc_tally_verdicts(struct oc_tally *t, const struct oc_row *row, uint32_t from);
/* Counts n rows under a rule of a step: why they fell (OC_DROP), or "made" (OC_KEEP) by a recipe.
 */
void oc_tally_reason(struct oc_tally *t, struct oc_str step, struct oc_str rule,
                     enum oc_result result, uint64_t n);
uint64_t oc_tally_out(const struct oc_tally *t);
/* The identity above. */
bool oc_tally_balanced(const struct oc_tally *t);

void oc_tally_write(struct oc_buf *b, const struct oc_tally *t); /* a JSON object */
int oc_tally_read(struct oc_tally *t, yyjson_val *json, struct oc_err *err);

#endif
