#include "curate/measure_of.h"

#include <math.h>
#include <stdlib.h>

#define LONGEST_NUMBER 400 /* bytes of a number in full digits */

bool oc_measure_of(const struct oc_row *row, struct oc_str what, double *out)
{
	const char *slash = memchr(what.p, '/', what.len);
	struct oc_str text;
	char digits[LONGEST_NUMBER], *end;

	if (slash) {
		struct oc_str stage = {what.p, (size_t)(slash - what.p)};
		struct oc_str rule = {slash + 1, what.len - stage.len - 1};
		for (uint32_t i = row->verdict_n; i-- > 0;) {
			const struct oc_verdict *v = &row->verdicts[i];
			if (v->has_score && oc_str_eq(v->stage, stage) &&
			    oc_str_eq(v->rule, rule)) {
				*out = v->score;
				return !isnan(v->score);
			}
		}
		return false;
	}
	if (!oc_row_field(row, what, &text))
		return false;
	text = oc_str_trim(text);
	if (!text.len || text.len >= sizeof digits)
		return false;
	memcpy(digits, text.p, text.len);
	digits[text.len] = 0;
	*out = strtod(digits, &end);
	return *end == 0 && !isnan(*out);
}

uint64_t oc_measure_rank(double v)
{
	uint64_t bits;

	if (isnan(v))
		return UINT64_MAX;
	if (v == 0)
		v = 0; /* without its sign */
	memcpy(&bits, &v, sizeof bits);
	return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

double oc_measure_of_rank(uint64_t rank)
{
	uint64_t bits = rank >> 63 ? rank & ~((uint64_t)1 << 63) : ~rank;
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}
