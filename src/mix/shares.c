#include "mix/shares.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "data/row.h"

static int fail(const char *name, const char *why, struct oc_err *err)
{
	char where[128];

	snprintf(where, sizeof where, "mix: shares: %.80s", name);
	return oc_fail(err, OC_PLAN, where, "%s", why);
}

/* What rows a name means. A source may be called `real`: then the source is meant. */
static int read_name(struct oc_share *s, const struct oc_str *sources, uint32_t source_n,
                     struct oc_err *err)
{
	for (uint32_t i = 0; i < source_n; i++)
		if (oc_str_is(sources[i], s->name)) {
			s->kind = OC_SHARE_SOURCE;
			s->what = i;
			return 0;
		}
	int origin = oc_origin_parse(oc_str(s->name));
	if (origin >= 0) {
		s->kind = OC_SHARE_ORIGIN;
		s->what = (uint32_t)origin;
		return 0;
	}
	if (strncmp(s->name, "depth:", 6) == 0) {
		char *end;
		unsigned long depth = strtoul(s->name + 6, &end, 10);
		if (s->name[6] >= '0' && s->name[6] <= '9' && !*end && depth < UINT32_MAX) {
			s->kind = OC_SHARE_DEPTH;
			s->what = (uint32_t)depth;
			return 0;
		}
	}
	return fail(s->name,
	            "is no source, nor real, synthetic, unknown, nor depth:N with a whole number",
	            err);
}

static int read_part(struct oc_share *s, yyjson_val *v, struct oc_err *err)
{
	if (yyjson_is_num(v)) {
		s->part = yyjson_get_num(v);
	} else if (yyjson_is_str(v)) {
		char *end;
		s->part = strtod(yyjson_get_str(v), &end) / 100;
		if (end == yyjson_get_str(v) || strcmp(end, "%") != 0)
			return fail(s->name, "a share is a number, or a percentage such as 30%",
			            err);
	} else {
		return fail(s->name, "a share is a number, a percentage, or {share: .., mode: ..}",
		            err);
	}
	if (!(s->part >= 0 && s->part < 1e15))
		return fail(s->name, "a share cannot be negative", err);
	return 0;
}

static int read_value(struct oc_share *s, yyjson_val *v, struct oc_err *err)
{
	size_t i, n;
	yyjson_val *key, *item;
	bool given = false;

	if (!yyjson_is_obj(v))
		return read_part(s, v, err);
	yyjson_obj_foreach(v, i, n, key, item)
	{
		struct oc_str name = oc_json_str(key);
		if (oc_str_is(name, "share") || oc_str_is(name, "weight")) {
			given = true;
			if (read_part(s, item, err))
				return -1;
		} else if (oc_str_is(name, "mode") && oc_str_is(oc_json_str(item), "exact")) {
			s->up_to = false;
		} else if (oc_str_is(name, "mode") && oc_str_is(oc_json_str(item), "up_to")) {
			s->up_to = true;
		} else {
			return fail(s->name, "has the keys share and mode (exact or up_to) only",
			            err);
		}
	}
	return given ? 0 : fail(s->name, "lacks the key share", err);
}

int oc_shares_read(struct oc_arena *a, yyjson_val *map, bool up_to, const struct oc_str *sources,
                   uint32_t source_n, struct oc_share **out, uint32_t *n, struct oc_err *err)
{
	size_t count = yyjson_obj_size(map), i, max;
	struct oc_share *shares = oc_arena_zalloc(a, (count + 1) * sizeof *shares);
	yyjson_val *key, *value;
	double sum = 0;

	yyjson_obj_foreach(map, i, max, key, value)
	{
		struct oc_share *s = &shares[i];
		s->name = oc_arena_str(a, oc_json_str(key)).p;
		s->up_to = up_to;
		if (read_name(s, sources, source_n, err) || read_value(s, value, err))
			return -1;
		sum += s->part;
	}
	if (count && sum <= 0)
		return oc_fail(err, OC_PLAN, "mix: shares", "all shares are 0");
	shares[count] = (struct oc_share){.name = "", .kind = OC_SHARE_REST, .up_to = up_to};
	if (sum > 1 + 1e-9) /* weights */
		for (i = 0; i < count; i++)
			shares[i].part /= sum;
	else
		shares[count].part = 1 - sum > 1e-9 ? 1 - sum : 0;
	*out = shares;
	*n = (uint32_t)count + 1;
	return 0;
}

uint32_t oc_share_find(const struct oc_share *shares, uint32_t n, uint32_t source,
                       enum oc_origin origin, uint32_t depth)
{
	for (uint32_t i = 0; i + 1 < n; i++) {
		const struct oc_share *s = &shares[i];
		if ((s->kind == OC_SHARE_SOURCE && s->what == source) ||
		    (s->kind == OC_SHARE_ORIGIN && s->what == (uint32_t)origin) ||
		    (s->kind == OC_SHARE_DEPTH && s->what == depth && origin != OC_UNKNOWN))
			return i;
	}
	return n - 1;
}
