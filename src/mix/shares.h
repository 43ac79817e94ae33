/* shares.h: the option `shares:` of a mix, read. */
#ifndef MIX_SHARES_H
#define MIX_SHARES_H

#include "data/row.h"

struct oc_share {
	const char *name; /* as written; "" = all rows no share names, always the last */
	enum { OC_SHARE_SOURCE, OC_SHARE_ORIGIN, OC_SHARE_DEPTH, OC_SHARE_REST } kind;
	uint32_t what; /* source, origin or depth */
	double part;   /* of the total, 0..1; all add up to 1 */
	bool up_to;
	/* set by the mix, in its unit; `asked` is the quota before it was cut to what is there */
	uint64_t there, real_there, asked, quota, real_quota;
};

/* `map` may be NULL: then the rest is all. */
int oc_shares_read(struct oc_arena *a, yyjson_val *map, bool up_to, const struct oc_str *sources,
                   uint32_t source_n, struct oc_share **shares, uint32_t *n, struct oc_err *err);
/* The first share that fits a row. */
uint32_t oc_share_find(const struct oc_share *shares, uint32_t n, uint32_t source,
                       enum oc_origin origin, uint32_t depth);

#endif
