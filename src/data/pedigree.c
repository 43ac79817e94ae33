#include "data/row.h"

#include <math.h>

#include "base/err.h"
#include "base/hash.h"

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct oc_str origins[] = {NAME("real"), NAME("synthetic"), NAME("unknown")};
static const char *const fates[] = {"live", "rejected", "held", "merged", "unused"};
static const char *const results[] = {"keep", "drop", "undecided", "changed", "flag"};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static int name_find(struct oc_str text, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (oc_str_is(text, names[i]))
			return (int)i;
	return -1;
}

const char *oc_origin_name(enum oc_origin origin)
{
	return origins[origin].p;
}

int oc_origin_parse(struct oc_str text)
{
	for (size_t i = 0; i < COUNT(origins); i++)
		if (oc_str_eq(text, origins[i]))
			return (int)i;
	return -1;
}

const char *oc_fate_name(enum oc_fate fate)
{
	return fates[fate];
}

const char *oc_result_name(enum oc_result result)
{
	return results[result];
}

/* ----------------------------------------------------------------- writing */

#define PUT(b, text) oc_buf_add(b, text, sizeof(text) - 1)

static void put_str(struct oc_buf *b, const char *name, size_t name_len, struct oc_str s)
{
	if (!s.len)
		return;
	oc_buf_add(b, name, name_len);
	oc_buf_json(b, s);
}

/* A member whose value is JSON text already. */
static void put_json(struct oc_buf *b, const char *name, size_t name_len, struct oc_str s)
{
	if (!s.len)
		return;
	oc_buf_add(b, name, name_len);
	oc_buf_str(b, s);
}

static void put_list(struct oc_buf *b, const char *name, size_t name_len, const struct oc_str *list,
                     uint32_t n)
{
	if (!n)
		return;
	oc_buf_add(b, name, name_len);
	for (uint32_t i = 0; i < n; i++) {
		oc_buf_putc(b, i ? ',' : '[');
		oc_buf_json(b, list[i]);
	}
	oc_buf_putc(b, ']');
}

#define STR(b, name, s)     put_str(b, ",\"" name "\":", sizeof(name) + 3, s)
#define JSON(b, name, s)    put_json(b, ",\"" name "\":", sizeof(name) + 3, s)
#define LIST(b, name, s, n) put_list(b, ",\"" name "\":", sizeof(name) + 3, s, n)

static void put_source(struct oc_buf *b, const struct oc_pedigree *p)
{
	if (!p->span.file.len && !p->row && !p->licence.len)
		return;
	PUT(b, ",\"source\":{");
	if (p->span.file.len) {
		PUT(b, "\"file\":");
		oc_buf_json(b, p->span.file);
		PUT(b, ",\"row\":");
		oc_buf_u64(b, p->row);
		PUT(b, ",\"offset\":");
		oc_buf_u64(b, p->span.offset);
		PUT(b, ",\"len\":");
		oc_buf_u64(b, p->span.len);
	} else if (p->row) {
		PUT(b, "\"row\":");
		oc_buf_u64(b, p->row);
	}
	if (p->licence.len) {
		if (p->span.file.len || p->row)
			oc_buf_putc(b, ',');
		PUT(b, "\"license\":");
		oc_buf_json(b, p->licence);
	}
	oc_buf_putc(b, '}');
}

/* Eight hex digits of a number, the highest first: each nibble in a byte of its own, then to its
 * digit, where 6 more than the nibble has bit 4 set if it is above 9. */
static void put_hex8(char *out, uint32_t v)
{
	const uint64_t ones = 0x0101010101010101;
	uint64_t x = __builtin_bswap32(v);

	x = (x | x << 16) & 0x0000FFFF0000FFFF;
	x = (x | x << 8) & 0x00FF00FF00FF00FF;
	x = (x >> 4 | x << 8) & 0x0F0F0F0F0F0F0F0F;
	x += '0' * ones + (((x + 6 * ones) >> 4) & ones) * ('a' - '0' - 10);
	memcpy(out, &x, 8);
}

static void put_hash(struct oc_buf *b, struct oc_hash128 h)
{
	char text[32];

	put_hex8(text, (uint32_t)(h.hi >> 32));
	put_hex8(text + 8, (uint32_t)h.hi);
	put_hex8(text + 16, (uint32_t)(h.lo >> 32));
	put_hex8(text + 24, (uint32_t)h.lo);
	oc_buf_add(b, text, sizeof text);
}

void oc_verdicts_write(struct oc_buf *b, const struct oc_row *row)
{
	oc_buf_putc(b, '[');
	for (uint32_t i = 0; i < row->verdict_n; i++) {
		const struct oc_verdict *v = &row->verdicts[i];
		if (i)
			oc_buf_putc(b, ',');
		PUT(b, "{\"stage\":");
		oc_buf_json(b, v->stage);
		PUT(b, ",\"rule\":");
		oc_buf_json(b, v->rule);
		PUT(b, ",\"result\":\"");
		oc_buf_puts(b, results[v->result]);
		oc_buf_putc(b, '"');
		if (v->has_score) {
			PUT(b, ",\"score\":");
			oc_buf_double(b, v->score);
			PUT(b, ",\"threshold\":");
			oc_buf_double(b, v->threshold);
		}
		JSON(b, "evidence", v->evidence);
		oc_buf_putc(b, '}');
	}
	oc_buf_putc(b, ']');
}

/* The members of an object's text, without its braces. */
static struct oc_str inside(struct oc_str object)
{
	struct oc_str s = oc_str_trim(object);

	return s.len < 2 ? (struct oc_str){0} : oc_str_trim((struct oc_str){s.p + 1, s.len - 2});
}

void oc_pedigree_write(struct oc_buf *b, const struct oc_row *row)
{
	const struct oc_pedigree *p = &row->ped;
	struct oc_str extra = inside(p->extra);

	oc_buf_reserve(b, 256);
	PUT(b, "{\"key\":");
	oc_buf_json(b, p->key);
	STR(b, "id", p->id);
	PUT(b, ",\"origin\":\"");
	oc_buf_str(b, origins[p->origin]);
	PUT(b, "\",\"depth\":");
	if (p->depth_at_least)
		PUT(b, "\">=");
	oc_buf_u64(b, p->depth);
	if (p->depth_at_least)
		oc_buf_putc(b, '"');
	LIST(b, "parents", p->parents, p->parent_n);
	if (p->origin != OC_REAL)
		LIST(b, "founders", p->founders, p->founder_n);
	put_source(b, p);
	STR(b, "recipe", p->recipe);
	STR(b, "model", p->model);
	JSON(b, "params", p->params);
	LIST(b, "requests", p->requests, p->request_n);
	JSON(b, "edits", p->edits);
	if (row->verdict_n) {
		PUT(b, ",\"verdicts\":");
		oc_verdicts_write(b, row);
	}
	JSON(b, "review", p->review);
	if (extra.len) {
		oc_buf_putc(b, ',');
		oc_buf_str(b, extra);
	}
	PUT(b, ",\"hash\":\"");
	put_hash(b, oc_hash128(row->raw.p, row->raw.len));
	PUT(b, "\"}");
}

/* ----------------------------------------------------------------- reading */

struct reader {
	struct oc_row *row;
	struct oc_buf extra;
	struct oc_err *err;
};

static int bad(struct reader *r, const char *member, const char *what)
{
	return oc_fail(r->err, OC_INPUT, NULL, "lineage: \"%s\" must be %s", member, what);
}

static int get_str(struct reader *r, const char *member, yyjson_val *v, struct oc_str *out)
{
	if (!yyjson_is_str(v))
		return bad(r, member, "a string");
	*out = oc_json_str(v); /* lives in the row's arena, as the parsed line does */
	return 0;
}

static int get_list(struct reader *r, const char *member, yyjson_val *v, struct oc_str **list,
                    uint32_t *n)
{
	size_t i, max;
	yyjson_val *item;

	if (!yyjson_is_arr(v) || yyjson_arr_size(v) > UINT32_MAX)
		return bad(r, member, "a list of strings");
	*list = oc_arena_alloc(r->row->arena, yyjson_arr_size(v) * sizeof **list);
	yyjson_arr_foreach(v, i, max, item)
	{
		if (!yyjson_is_str(item))
			return bad(r, member, "a list of strings");
		(*list)[i] = oc_json_str(item);
	}
	*n = (uint32_t)yyjson_arr_size(v);
	return 0;
}

static int get_depth(struct reader *r, yyjson_val *v)
{
	struct oc_pedigree *p = &r->row->ped;
	struct oc_str s = oc_json_str(v);
	uint64_t depth = 0;

	if (yyjson_is_uint(v)) {
		depth = yyjson_get_uint(v);
	} else if (s.len > 2 && s.len < 13 && s.p[0] == '>' && s.p[1] == '=') {
		p->depth_at_least = true;
		for (size_t i = 2; i < s.len; i++) {
			if (s.p[i] < '0' || s.p[i] > '9')
				return bad(r, "depth", "a number or \">=N\"");
			depth = depth * 10 + (uint64_t)(s.p[i] - '0');
		}
	} else {
		return bad(r, "depth", "a number or \">=N\"");
	}
	if (depth > UINT32_MAX)
		return bad(r, "depth", "a number or \">=N\"");
	p->depth = (uint32_t)depth;
	return 0;
}

static int get_source(struct reader *r, yyjson_val *v)
{
	struct oc_pedigree *p = &r->row->ped;
	size_t i, max;
	yyjson_val *key, *value;

	if (!yyjson_is_obj(v))
		return bad(r, "source", "an object");
	yyjson_obj_foreach(v, i, max, key, value)
	{
		struct oc_str k = oc_json_str(key);
		uint64_t *number = oc_str_is(k, "row")      ? &p->row
		                   : oc_str_is(k, "offset") ? &p->span.offset
		                   : oc_str_is(k, "len")    ? &p->span.len
		                                            : NULL;
		struct oc_str *text = oc_str_is(k, "file")      ? &p->span.file
		                      : oc_str_is(k, "license") ? &p->licence
		                                                : NULL;
		if (number && !yyjson_is_uint(value))
			return bad(r, "source", "an object of file, row, offset, len, license");
		if (number)
			*number = yyjson_get_uint(value);
		if (text && get_str(r, "source", value, text))
			return -1;
	}
	return 0;
}

static int get_verdicts(struct reader *r, yyjson_val *v, struct oc_str text)
{
	struct oc_arena *a = r->row->arena;
	struct oc_row *row = r->row;
	size_t i, max, n = yyjson_arr_size(v);
	yyjson_val *item;
	size_t at = 0;

	if (!yyjson_is_arr(v) || n > UINT32_MAX)
		return bad(r, "verdicts", "a list of objects");
	row->verdicts = oc_arena_zalloc(a, n * sizeof *row->verdicts);
	row->verdict_cap = (uint32_t)n;
	yyjson_arr_foreach(v, i, max, item)
	{
		struct oc_verdict *d = &row->verdicts[i];
		int result = name_find(oc_json_get_str(item, "result"), results, COUNT(results));
		yyjson_val *score = oc_json_get(item, "score");
		struct oc_str object = {0};

		if (!yyjson_is_obj(item) || result < 0)
			return bad(r, "verdicts", "a list of objects with a known result");
		if (!oc_json_item(text, &at, &object))
			return bad(r, "verdicts", "a list of objects");
		d->stage = oc_json_get_str(item, "stage");
		d->rule = oc_json_get_str(item, "rule");
		d->result = (enum oc_result)result;
		d->has_score = score != NULL;
		d->score = oc_json_get_num(item, "score", NAN);
		d->threshold = oc_json_get_num(item, "threshold", NAN);
		if (!d->has_score)
			d->score = d->threshold = 0;
		oc_json_member(object, OC_LIT("evidence"), &d->evidence);
	}
	row->verdict_n = (uint32_t)n;
	return 0;
}

/* One member: `v` parsed, `text` its bytes in the copy of the line. */
static int get_member(struct reader *r, struct oc_str key, struct oc_str raw_key, yyjson_val *v,
                      struct oc_str text)
{
	struct oc_pedigree *p = &r->row->ped;

	if (oc_str_is(key, "key"))
		return get_str(r, "key", v, &p->key);
	if (oc_str_is(key, "id"))
		return get_str(r, "id", v, &p->id);
	if (oc_str_is(key, "origin")) {
		int origin = oc_origin_parse(oc_json_str(v));
		if (origin < 0)
			return bad(r, "origin", "real, synthetic or unknown");
		p->origin = (enum oc_origin)origin;
		return 0;
	}
	if (oc_str_is(key, "depth"))
		return get_depth(r, v);
	if (oc_str_is(key, "parents"))
		return get_list(r, "parents", v, &p->parents, &p->parent_n);
	if (oc_str_is(key, "founders"))
		return get_list(r, "founders", v, &p->founders, &p->founder_n);
	if (oc_str_is(key, "requests"))
		return get_list(r, "requests", v, &p->requests, &p->request_n);
	if (oc_str_is(key, "source"))
		return get_source(r, v);
	if (oc_str_is(key, "recipe"))
		return get_str(r, "recipe", v, &p->recipe);
	if (oc_str_is(key, "model"))
		return get_str(r, "model", v, &p->model);
	if (oc_str_is(key, "verdicts"))
		return get_verdicts(r, v, text);
	if (oc_str_is(key, "hash"))
		return yyjson_is_str(v) ? 0 : bad(r, "hash", "a string");

	struct oc_str *json = oc_str_is(key, "params")   ? &p->params
	                      : oc_str_is(key, "edits")  ? &p->edits
	                      : oc_str_is(key, "review") ? &p->review
	                                                 : NULL;
	if (json) {
		*json = text;
		return 0;
	}
	oc_buf_putc(&r->extra, r->extra.len ? ',' : '{');
	oc_buf_putc(&r->extra, '"');
	oc_buf_str(&r->extra, raw_key);
	oc_buf_puts(&r->extra, "\":");
	oc_buf_str(&r->extra, text);
	return 0;
}

int oc_pedigree_read(struct oc_row *row, struct oc_str json, struct oc_err *err)
{
	struct reader r = {.row = row, .err = err};
	struct oc_str line = oc_arena_str(row->arena, json), raw_key, text;
	yyjson_val *root = oc_json_parse(row->arena, line, err), *key, *value;
	size_t i, max, at = 0;
	int rc = -1;

	if (!root)
		return oc_fail_in(err, "lineage");
	if (!yyjson_is_obj(root))
		return oc_fail(err, OC_INPUT, NULL, "a lineage line must be a JSON object");
	row->ped = (struct oc_pedigree){.source = row->ped.source};
	row->verdict_n = 0;
	yyjson_obj_foreach(
		root, i, max, key,
		value) if (!oc_json_next(line, &at, &raw_key, &text) ||
	                   get_member(&r, oc_json_str(key), raw_key, value, text)) goto out;
	if (r.extra.len) {
		oc_buf_putc(&r.extra, '}');
		row->ped.extra = oc_arena_str(row->arena, oc_buf_view(&r.extra));
	}
	if (row->raw.len) {
		char hash[33];
		struct oc_str told = oc_json_get_str(root, "hash");
		oc_hash128_hex(oc_hash128(row->raw.p, row->raw.len), hash);
		if (told.len && !oc_str_is(told, hash)) {
			oc_fail(err, OC_INPUT, NULL,
			        "the lineage line of %.*s does not belong to this row: it says "
			        "content hash %.*s, the row's is %s; data or lineage were edited "
			        "or "
			        "their lines are out of step",
			        OC_ARG(row->ped.key), OC_ARG(told), hash);
			goto out;
		}
	}
	rc = 0;
out:
	oc_buf_fini(&r.extra);
	return rc;
}
