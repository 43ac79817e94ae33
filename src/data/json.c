#include "data/json.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"

/* yyjson's allocator over an arena: what is freed stays until the arena goes. */
struct pool {
	struct oc_arena *arena;
	void *last; /* newest block and its size: yyjson's array of values, when it is done */
	size_t last_size;
};

static void *pool_malloc(void *ctx, size_t size)
{
	struct pool *p = ctx;

	p->last_size = size;
	return p->last = oc_arena_alloc(p->arena, size);
}

static void *pool_realloc(void *ctx, void *old, size_t old_size, size_t size)
{
	struct pool *p = ctx;

	p->last_size = size;
	return p->last = oc_arena_resize(p->arena, old, old_size, size);
}

static void pool_free(void *ctx, void *p)
{
	(void)ctx;
	(void)p;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* yyjson lays values out in one array, in which a container knows where its last value ends: depth
 * is a walk without recursion. A document of few values cannot be deep. */
static bool too_deep(yyjson_doc *doc)
{
	const yyjson_val *ends[OC_JSON_DEPTH];
	yyjson_val *v = doc->root, *end = doc->root + doc->val_read;
	unsigned depth = 0;

	if (doc->val_read <= OC_JSON_DEPTH)
		return false;
	for (; v < end; v++) {
		while (depth && v >= ends[depth - 1])
			depth--;
		if (!yyjson_is_ctn(v))
			continue;
		if (depth == OC_JSON_DEPTH)
			return true;
		ends[depth++] = (const yyjson_val *)((const char *)v + v->uni.ofs);
	}
	return false;
}

yyjson_val *oc_json_parse(struct oc_arena *a, struct oc_str text, struct oc_err *err)
{
	struct pool pool = {.arena = a};
	yyjson_alc alc = {pool_malloc, pool_realloc, pool_free, &pool};
	yyjson_read_err why;
	yyjson_doc *doc;

	if (!text.len) {
		oc_fail(err, OC_INPUT, NULL, "byte 0: empty, a JSON value was expected");
		return NULL;
	}
	doc = yyjson_read_opts((char *)(uintptr_t)text.p, text.len, YYJSON_READ_BIGNUM_AS_RAW, &alc,
	                       &why);
	if (!doc) {
		const char *nul = memchr(text.p, 0, text.len);
		if (nul && (size_t)(nul - text.p) <= why.pos)
			oc_fail(err, OC_INPUT, NULL,
			        "byte %zu: a NUL byte, which JSON does not allow",
			        (size_t)(nul - text.p));
		else
			oc_fail(err, OC_INPUT, NULL, "byte %zu: %s", why.pos, why.msg);
		return NULL;
	}
	if (too_deep(doc)) {
		oc_fail(err, OC_INPUT, NULL, "nested deeper than %d levels", OC_JSON_DEPTH);
		return NULL;
	}
	/* yyjson reserves room for the worst case, about thrice the text; the rest goes back. */
	yyjson_val *root = doc->root;
	size_t used = (size_t)((char *)(root + doc->val_read) - (char *)doc);
	if (pool.last == doc && used < pool.last_size)
		oc_arena_resize(a, doc, pool.last_size, used);
	return root;
}

yyjson_val *oc_json_get(yyjson_val *obj, const char *key)
{
	return yyjson_obj_get(obj, key);
}

static bool array_index(struct oc_str s, size_t *index)
{
	*index = 0;
	if (!s.len || s.len > 9)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*index = *index * 10 + (size_t)(s.p[i] - '0');
	}
	return true;
}

yyjson_val *oc_json_path(yyjson_val *v, struct oc_str path)
{
	while (v) {
		/* A member whose own name holds dots wins over the path it could mean. */
		yyjson_val *whole = yyjson_is_obj(v) ? yyjson_obj_getn(v, path.p, path.len) : NULL;
		const char *dot = path.len ? memchr(path.p, '.', path.len) : NULL;
		struct oc_str head = {path.p, dot ? (size_t)(dot - path.p) : path.len};
		size_t index;

		if (whole)
			return whole;
		if (yyjson_is_obj(v) && dot)
			v = yyjson_obj_getn(v, head.p, head.len);
		else if (yyjson_is_arr(v) && array_index(head, &index))
			v = yyjson_arr_get(v, index);
		else
			return NULL;
		if (!dot)
			return v;
		path = (struct oc_str){dot + 1, path.len - head.len - 1};
	}
	return NULL;
}

struct oc_str oc_json_str(yyjson_val *v)
{
	return yyjson_is_str(v) ? (struct oc_str){yyjson_get_str(v), yyjson_get_len(v)}
	                        : (struct oc_str){0};
}

struct oc_str oc_json_get_str(yyjson_val *obj, const char *key)
{
	return oc_json_str(yyjson_obj_get(obj, key));
}

double oc_json_get_num(yyjson_val *obj, const char *key, double otherwise)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	return yyjson_is_num(v) ? yyjson_get_num(v) : otherwise;
}

int64_t oc_json_get_int(yyjson_val *obj, const char *key, int64_t otherwise)
{
	yyjson_val *v = yyjson_obj_get(obj, key);

	if (yyjson_is_sint(v))
		return yyjson_get_sint(v);
	if (yyjson_is_uint(v) && yyjson_get_uint(v) <= INT64_MAX)
		return (int64_t)yyjson_get_uint(v);
	if (yyjson_is_real(v) && fabs(yyjson_get_real(v)) < 0x1p63 &&
	    yyjson_get_real(v) == trunc(yyjson_get_real(v)))
		return (int64_t)yyjson_get_real(v);
	return otherwise;
}

bool oc_json_get_bool(yyjson_val *obj, const char *key, bool otherwise)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	return yyjson_is_bool(v) ? yyjson_get_bool(v) : otherwise;
}

/* ----------------------------------------------------------------- writing */

static void write_sint(struct oc_buf *b, int64_t v)
{
	if (v < 0)
		oc_buf_putc(b, '-');
	oc_buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static void write_real(struct oc_buf *b, double v, bool canonical)
{
	size_t start = b->len;

	if (canonical && v == trunc(v) && fabs(v) < 0x1p63) {
		write_sint(b, (int64_t)v);
		return;
	}
	if (canonical && v == trunc(v) && v > 0 && v < 0x1p64) {
		oc_buf_u64(b, (uint64_t)v);
		return;
	}
	oc_buf_double(b, v);
	for (size_t i = start; i < b->len; i++)
		if (b->p[i] == '.' || b->p[i] == 'e' || b->p[i] == 'n')
			return;
	oc_buf_add(b, ".0", 2);
}

struct member {
	struct oc_str key;
	yyjson_val *value;
	size_t place;
};

static int by_key(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int c = oc_str_cmp(x->key, y->key);
	return c ? c : (x->place > y->place) - (x->place < y->place);
}

static void write_value(struct oc_buf *b, yyjson_val *v, bool canonical);

static void write_object(struct oc_buf *b, yyjson_val *obj, bool canonical)
{
	size_t n = yyjson_obj_size(obj), i, max;
	struct member few[32], *members = n <= 32 ? few : oc_zalloc(n, sizeof *members);
	yyjson_val *key, *value;

	yyjson_obj_foreach(obj, i, max, key, value) members[i] =
		(struct member){oc_json_str(key), value, i};
	if (canonical)
		qsort(members, n, sizeof *members, by_key);
	oc_buf_putc(b, '{');
	for (i = 0; i < n; i++) {
		if (i)
			oc_buf_putc(b, ',');
		oc_buf_json(b, members[i].key);
		oc_buf_putc(b, ':');
		write_value(b, members[i].value, canonical);
	}
	oc_buf_putc(b, '}');
	if (members != few)
		free(members);
}

/* Recursion is bounded by OC_JSON_DEPTH. */
static void write_value(struct oc_buf *b, yyjson_val *v, bool canonical)
{
	size_t i, max;
	yyjson_val *item;

	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_BOOL: oc_buf_puts(b, yyjson_get_bool(v) ? "true" : "false"); break;
	case YYJSON_TYPE_NUM:
		if (yyjson_is_uint(v))
			oc_buf_u64(b, yyjson_get_uint(v));
		else if (yyjson_is_sint(v))
			write_sint(b, yyjson_get_sint(v));
		else
			write_real(b, yyjson_get_real(v), canonical);
		break;
	case YYJSON_TYPE_RAW: oc_buf_add(b, yyjson_get_raw(v), yyjson_get_len(v)); break;
	case YYJSON_TYPE_STR: oc_buf_json(b, oc_json_str(v)); break;
	case YYJSON_TYPE_ARR:
		oc_buf_putc(b, '[');
		yyjson_arr_foreach(v, i, max, item)
		{
			if (i)
				oc_buf_putc(b, ',');
			write_value(b, item, canonical);
		}
		oc_buf_putc(b, ']');
		break;
	case YYJSON_TYPE_OBJ: write_object(b, v, canonical); break;
	default: oc_buf_puts(b, "null");
	}
}

void oc_json_write(struct oc_buf *b, yyjson_val *v)
{
	write_value(b, v, false);
}

void oc_json_canonical(struct oc_buf *b, yyjson_val *v)
{
	write_value(b, v, true);
}

/* ----------------------------------------------- walking the text of objects */

/* The position behind the string whose opening quote is at `i`. */
static size_t skip_string(struct oc_str s, size_t i)
{
	for (i++; i < s.len;) {
		const char *quote = memchr(s.p + i, '"', s.len - i);
		if (!quote)
			return s.len;
		const char *back = quote;
		while (back > s.p + i && back[-1] == '\\')
			back--;
		i = (size_t)(quote - s.p) + 1;
		if ((quote - back) % 2 == 0)
			return i;
	}
	return s.len;
}

static size_t skip_space(struct oc_str s, size_t i)
{
	while (i < s.len && is_space(s.p[i]))
		i++;
	return i;
}

static size_t skip_value(struct oc_str s, size_t i)
{
	size_t depth = 0;

	while (i < s.len) {
		char c = s.p[i];
		if (c == '"') {
			i = skip_string(s, i);
			if (!depth)
				return i;
			continue;
		}
		if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (!depth)
				return i;
			if (--depth == 0)
				return i + 1;
		} else if (!depth && (c == ',' || is_space(c))) {
			return i;
		}
		i++;
	}
	return i;
}

void oc_json_squeeze(struct oc_buf *b, struct oc_str text)
{
	oc_buf_reserve(b, text.len);
	for (size_t i = 0; i < text.len;) {
		size_t start = i = skip_space(text, i);
		if (i < text.len && text.p[i] == '"')
			i = skip_string(text, i);
		while (i < text.len && text.p[i] != '"' && !is_space(text.p[i]))
			i++;
		oc_buf_add(b, text.p + start, i - start);
	}
}

bool oc_json_next(struct oc_str object, size_t *at, struct oc_str *key, struct oc_str *value)
{
	size_t i = skip_space(object, *at), start;

	if (i < object.len && (object.p[i] == '{' || object.p[i] == ','))
		i = skip_space(object, i + 1);
	if (i >= object.len || object.p[i] != '"')
		return false;
	start = i;
	i = skip_string(object, i);
	*key = (struct oc_str){object.p + start + 1, i - start - 2};
	i = skip_space(object, i);
	if (i < object.len && object.p[i] == ':')
		i++;
	start = skip_space(object, i);
	*at = skip_value(object, start);
	*value = (struct oc_str){object.p + start, *at - start};
	return true;
}

bool oc_json_item(struct oc_str array, size_t *at, struct oc_str *value)
{
	size_t i = skip_space(array, *at);

	if (i < array.len && (array.p[i] == ',' || (*at == 0 && array.p[i] == '[')))
		i = skip_space(array, i + 1);
	if (i >= array.len || array.p[i] == ']')
		return false;
	*at = skip_value(array, i);
	*value = (struct oc_str){array.p + i, *at - i};
	return true;
}

bool oc_json_key_is(struct oc_str key, struct oc_str name)
{
	if (!key.len || !memchr(key.p, '\\', key.len))
		return oc_str_eq(key, name);

	yyjson_doc *doc = yyjson_read(key.p - 1, key.len + 2, 0);
	bool same = doc && oc_str_eq(oc_json_str(yyjson_doc_get_root(doc)), name);
	yyjson_doc_free(doc);
	return same;
}

bool oc_json_member(struct oc_str object, struct oc_str key, struct oc_str *value)
{
	struct oc_str k;

	for (size_t at = 0; oc_json_next(object, &at, &k, value);)
		if (oc_json_key_is(k, key))
			return true;
	*value = (struct oc_str){0};
	return false;
}
