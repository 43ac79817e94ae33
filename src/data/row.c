#include "data/row.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"

/* Objects of at most so many members are checked pair by pair, larger ones by sorted hashes. */
#define PAIRWISE 24

static int by_hash(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* A repeated member name of this one object; `again` tells it. */
static bool repeats(yyjson_val *obj, struct oc_str *again)
{
	struct oc_str few[PAIRWISE];
	size_t n = yyjson_obj_size(obj), i, max;
	yyjson_val *key, *value;

	if (n <= PAIRWISE) {
		yyjson_obj_foreach(obj, i, max, key, value)
		{
			few[i] = oc_json_str(key);
			for (size_t k = 0; k < i; k++)
				if (oc_str_eq(few[k], few[i])) {
					*again = few[i];
					return true;
				}
		}
		return false;
	}

	uint64_t *hashes = oc_alloc(n * sizeof *hashes), twin = 0;
	bool found = false;
	yyjson_obj_foreach(obj, i, max, key, value) hashes[i] =
		oc_hash64(yyjson_get_str(key), yyjson_get_len(key), 0);
	qsort(hashes, n, sizeof *hashes, by_hash);
	for (i = 1; i < n && !found; i++) {
		found = hashes[i] == hashes[i - 1];
		twin = hashes[i];
	}
	free(hashes);
	if (found)
		yyjson_obj_foreach(obj, i, max, key,
		                   value) if (oc_hash64(yyjson_get_str(key), yyjson_get_len(key),
		                                        0) == twin) *again = oc_json_str(key);
	return found;
}

/* Looks at every object below v. Recursion is bounded by OC_JSON_DEPTH. */
static bool repeats_below(yyjson_val *v, struct oc_str *again)
{
	size_t i, max;
	yyjson_val *key, *item;

	if (yyjson_is_obj(v)) {
		if (repeats(v, again))
			return true;
		yyjson_obj_foreach(v, i, max, key,
		                   item) if (yyjson_is_ctn(item) &&
		                             repeats_below(item, again)) return true;
	} else {
		yyjson_arr_foreach(v, i, max, item) if (yyjson_is_ctn(item) &&
		                                        repeats_below(item, again)) return true;
	}
	return false;
}

/* The reason with the record's place, as far as its source told it: "people.jsonl:7: byte 3: ...".
 */
void oc_row_unreadable(struct oc_row *row, const char *rule, const char *why)
{
	const struct oc_span *at = &row->ped.span;
	struct oc_buf b = {0};
	struct oc_str reason = oc_str(why);

	if (at->line)
		reason = oc_arena_printf(row->arena, "%.*s:%llu: %s", OC_ARG(at->file),
		                         (unsigned long long)at->line, why);
	oc_buf_json(&b, reason);
	oc_row_reject(row, "read", rule, oc_buf_view(&b));
	oc_buf_fini(&b);
}

int oc_row_parse(struct oc_row *row, struct oc_err *err)
{
	struct oc_err why;
	struct oc_str again;
	yyjson_val *root;

	(void)err;
	oc_err_clear(&why);
	root = oc_json_parse(row->arena, row->raw, &why);
	row->root = NULL;
	row->view = NULL;
	if (!root) {
		oc_row_unreadable(row, "bad_json", why.msg);
	} else if (!yyjson_is_obj(root)) {
		struct oc_str what =
			oc_arena_printf(row->arena, "a JSON object was expected, not %s",
		                        yyjson_get_type_desc(root));
		oc_row_unreadable(row, "bad_json", what.p);
	} else if (repeats_below(root, &again)) {
		struct oc_str what =
			oc_arena_printf(row->arena,
		                        "the member \"%.*s\" stands twice in one object; readers "
		                        "disagree which counts",
		                        (int)(again.len < 80 ? again.len : 80), again.p);
		oc_row_unreadable(row, "duplicate_key", what.p);
	} else {
		row->root = root;
	}
	return 0;
}

bool oc_row_field(const struct oc_row *row, struct oc_str path, struct oc_str *out)
{
	yyjson_val *v = oc_json_path(row->root, path);

	*out = (struct oc_str){0};
	if (yyjson_is_str(v)) {
		*out = oc_json_str(v);
		return true;
	}
	if (yyjson_is_num(v) || yyjson_is_bool(v) || yyjson_is_raw(v)) {
		struct oc_buf b = {0};
		oc_json_write(&b, v);
		*out = oc_arena_str(row->arena, oc_buf_view(&b));
		oc_buf_fini(&b);
		return true;
	}
	return false;
}

/* Where a new member goes: behind the last value, before the closing brace. */
static size_t end_of_members(struct oc_str raw, bool *any)
{
	struct oc_str key, value;
	size_t at = 0, end = 0;

	*any = false;
	while (oc_json_next(raw, &at, &key, &value)) {
		*any = true;
		end = at;
	}
	if (!*any) {
		const char *brace = memchr(raw.p, '{', raw.len);
		end = (size_t)(brace - raw.p) + 1;
	}
	return end;
}

int oc_row_replace(struct oc_row *row, struct oc_str raw, struct oc_err *err)
{
	yyjson_val *root = oc_json_parse(row->arena, raw, err);

	if (!root || !yyjson_is_obj(root))
		return oc_fail(err, OC_INTERNAL, NULL, "the new value is not JSON");
	row->raw = oc_arena_str(row->arena, raw);
	row->root = root;
	row->view = NULL;
	row->changed = true;
	return 0;
}

int oc_row_set(struct oc_row *row, struct oc_str key, struct oc_str value, struct oc_err *err)
{
	struct oc_str old, compact = value;
	struct oc_buf b = {0}, v = {0};
	int rc = -1;

	if (!row->root)
		return oc_fail(err, OC_INTERNAL, NULL,
		               "a row that is not parsed cannot be changed");
	if (memchr(value.p, '\n', value.len) || memchr(value.p, '\r', value.len)) {
		/* Rows are lines: a value laid out over several lines is written anew. */
		yyjson_val *parsed = oc_json_parse(row->arena, value, err);
		if (!parsed)
			goto out;
		oc_json_write(&v, parsed);
		compact = oc_buf_view(&v);
	}
	oc_buf_reserve(&b, row->raw.len + key.len + compact.len + 8);
	if (oc_json_member(row->raw, key, &old)) {
		size_t before = (size_t)(old.p - row->raw.p);
		oc_buf_add(&b, row->raw.p, before);
		oc_buf_str(&b, compact);
		oc_buf_add(&b, old.p + old.len, row->raw.len - before - old.len);
	} else {
		bool any;
		size_t at = end_of_members(row->raw, &any);
		oc_buf_add(&b, row->raw.p, at);
		if (any)
			oc_buf_putc(&b, ',');
		oc_buf_json(&b, key);
		oc_buf_putc(&b, ':');
		oc_buf_str(&b, compact);
		oc_buf_add(&b, row->raw.p + at, row->raw.len - at);
	}
	rc = oc_row_replace(row, oc_buf_view(&b), err);
	if (rc)
		oc_fail_in(err, "setting a row's member");
out:
	oc_buf_fini(&b);
	oc_buf_fini(&v);
	return rc;
}

/* ---------------------------------------------------------------- verdicts */

static struct oc_verdict *verdict_add(struct oc_row *row)
{
	if (row->verdict_n == row->verdict_cap) {
		uint32_t cap = row->verdict_cap ? row->verdict_cap * 2 : 4;
		row->verdicts = oc_arena_resize(row->arena, row->verdicts,
		                                row->verdict_cap * sizeof *row->verdicts,
		                                cap * sizeof *row->verdicts);
		row->verdict_cap = cap;
	}
	return &row->verdicts[row->verdict_n++];
}

struct oc_verdict *oc_row_verdict(struct oc_row *row, const char *stage, const char *rule,
                                  enum oc_result result, struct oc_str evidence)
{
	struct oc_arena *a = row->arena;
	struct oc_verdict *v = verdict_add(row);

	*v = (struct oc_verdict){.stage = oc_arena_str(a, oc_str(stage)),
	                         .rule = oc_arena_str(a, oc_str(rule)),
	                         .result = result};
	if (evidence.len)
		v->evidence = oc_arena_str(a, evidence);
	return v;
}

struct oc_verdict *oc_row_score(struct oc_row *row, const char *stage, const char *rule,
                                enum oc_result result, double score, double threshold,
                                struct oc_str evidence)
{
	struct oc_verdict *v = oc_row_verdict(row, stage, rule, result, evidence);

	v->has_score = true;
	v->score = score;
	v->threshold = threshold;
	return v;
}

struct oc_verdict *oc_row_score_named(struct oc_row *row, struct oc_str stage, struct oc_str rule,
                                      enum oc_result result, double score, double threshold)
{
	struct oc_verdict *v = verdict_add(row);

	*v = (struct oc_verdict){.stage = stage,
	                         .rule = rule,
	                         .result = result,
	                         .has_score = true,
	                         .score = score,
	                         .threshold = threshold};
	return v;
}

void oc_row_reject(struct oc_row *row, const char *stage, const char *rule, struct oc_str evidence)
{
	oc_row_verdict(row, stage, rule, OC_DROP, evidence);
	row->fate = OC_REJECTED;
}

void oc_row_hold(struct oc_row *row, const char *stage, const char *rule, struct oc_str evidence)
{
	oc_row_verdict(row, stage, rule, OC_UNDECIDED, evidence);
	row->fate = OC_HELD;
}

void oc_verdicts_settle(struct oc_row *row)
{
	struct oc_verdict *all = row->verdicts, *sorted;
	uint32_t n = 0, kept = 0;

	for (uint32_t i = 0; i < row->verdict_n; i++)
		n += all[i].result != OC_KEEP;
	row->verdict_parked = row->verdict_n - n;
	if (n && row->verdict_parked) {
		sorted = oc_arena_alloc(row->arena, row->verdict_n * sizeof *sorted);
		for (uint32_t i = 0, k = 0; i < row->verdict_n; i++)
			sorted[all[i].result != OC_KEEP ? k++ : n + kept++] = all[i];
		row->verdicts = sorted;
		row->verdict_cap = row->verdict_n;
	}
	row->verdict_n = n;
}

void oc_row_edited(struct oc_row *row, struct oc_str by, struct oc_str what)
{
	struct oc_str *edits = &row->ped.edits;
	struct oc_buf b = {0};

	if (edits->len)
		oc_buf_add(&b, edits->p, edits->len - 1);
	oc_buf_putc(&b, edits->len ? ',' : '[');
	oc_buf_puts(&b, "{\"by\":");
	oc_buf_json(&b, by);
	oc_buf_puts(&b, ",\"what\":");
	oc_buf_json(&b, what);
	oc_buf_puts(&b, "}]");
	*edits = oc_arena_str(row->arena, oc_buf_view(&b));
	oc_buf_fini(&b);
}

/* ------------------------------------------------------------------ copies */

static struct oc_str *copy_list(struct oc_arena *a, const struct oc_str *from, uint32_t n)
{
	struct oc_str *to = n ? oc_arena_alloc(a, n * sizeof *to) : NULL;

	for (uint32_t i = 0; i < n; i++)
		to[i] = oc_arena_str(a, from[i]);
	return to;
}

static struct oc_str copy(struct oc_arena *a, struct oc_str s)
{
	return s.len ? oc_arena_str(a, s) : (struct oc_str){0};
}

void oc_row_copy(struct oc_row *to, const struct oc_row *from, struct oc_arena *a)
{
	const struct oc_pedigree *p = &from->ped;
	struct oc_pedigree *q = &to->ped;
	struct oc_err none = {0};

	*to = *from;
	to->arena = a;
	to->view = NULL;
	to->notes = NULL;
	to->newline = NULL;
	to->raw = copy(a, from->raw);
	to->root = from->root ? oc_json_parse(a, to->raw, &none) : NULL;

	q->key = copy(a, p->key);
	q->id = copy(a, p->id);
	q->span.file = copy(a, p->span.file);
	q->licence = copy(a, p->licence);
	q->parents = copy_list(a, p->parents, p->parent_n);
	q->founders = copy_list(a, p->founders, p->founder_n);
	q->recipe = copy(a, p->recipe);
	q->model = copy(a, p->model);
	q->params = copy(a, p->params);
	q->requests = copy_list(a, p->requests, p->request_n);
	q->edits = copy(a, p->edits);
	q->review = copy(a, p->review);
	q->extra = copy(a, p->extra);

	to->verdicts = oc_arena_dup(a, from->verdicts, from->verdict_n * sizeof *from->verdicts);
	to->verdict_cap = from->verdict_n;
	for (uint32_t i = 0; i < from->verdict_n; i++) {
		struct oc_verdict *v = &to->verdicts[i];
		v->stage = copy(a, v->stage);
		v->rule = copy(a, v->rule);
		v->evidence = copy(a, v->evidence);
	}
}
