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

#define OC_TALLY_BINS   20
#define OC_TALLY_GROUPS 40 /* different values of `group_by` that are told apart */

struct oc_tally_line {
	char *step, *rule;
	size_t step_len, rule_len;
	enum oc_result result;
	bool first; /* counts rows whose first dropping verdict this was */
	uint64_t n;
	/* of verdicts with a score: how many lie where between 0 and twice the threshold, in equal
	 * bins; the last one takes all that is beyond */
	double threshold;
	uint64_t bins[OC_TALLY_BINS + 1];
};

/* Rows counted under two names. */
struct oc_tally_pair {
	char *a, *b;
	uint64_t n;
};

struct oc_tally_pairs {
	struct oc_tally_pair *list;
	unsigned n, cap;
};

struct oc_tally {
	uint64_t in, made, repeated; /* what came */
	uint64_t train, test, held, rejected, merged,
		unused; /* where it went; out = train + test */
	struct oc_tally_line *lines;
	unsigned line_n, line_cap, hint;
	/* Of sampled rows that fell at step a: b "" counts them, else those that step b would have
	 * dropped, too. */
	struct oc_tally_pairs also;
	/* Of rows whose `group_by` has the value a: those that fell at step b, "" = at none. */
	struct oc_tally_pairs groups;
};

void oc_tally_fini(struct oc_tally *t);
/* Counts verdicts of a row from number `from` on; the first drop also as the reason it fell. */
void oc_tally_verdicts(struct oc_tally *t, const struct oc_row *row, uint32_t from);
/* Counts n rows under a rule of a step: why they fell (OC_DROP), or "made" (OC_KEEP) by a recipe.
 */
void oc_tally_reason(struct oc_tally *t, struct oc_str step, struct oc_str rule,
                     enum oc_result result, uint64_t n);
/* Counts a row that left the run under its group: the step at which it fell, or "". */
void oc_tally_group(struct oc_tally *t, struct oc_str value, struct oc_str step);
/* The sampled row fell at `step`; `names` (n) are the steps of its pass. */
void oc_tally_also(struct oc_tally *t, const struct oc_row *row, struct oc_str step,
                   const char *const *names, unsigned n);
uint64_t oc_tally_pair(const struct oc_tally_pairs *p, const char *a, const char *b);
/* The step whose verdict dropped the row; "" = none did. */
struct oc_str oc_tally_fell_at(const struct oc_row *row);
uint64_t oc_tally_out(const struct oc_tally *t);
/* The identity above. */
bool oc_tally_balanced(const struct oc_tally *t);

void oc_tally_write(struct oc_buf *b, const struct oc_tally *t); /* a JSON object */
int oc_tally_read(struct oc_tally *t, yyjson_val *json, struct oc_err *err);

#endif
