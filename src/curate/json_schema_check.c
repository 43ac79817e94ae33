#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "curate/json_schema_node.h"
#include "text/utf8.h"

#define DEPTH       1024    /* nested applications of schemas */
#define STEPS       5000000 /* visits and comparisons of one check */
#define MATCH_LIMIT 200000

struct oc_schema_scratch {
	pcre2_match_data *match;
	pcre2_match_context *context;
	struct oc_buf path, expected, found;
};

struct oc_schema_scratch *oc_schema_scratch_new(const struct oc_schema *s)
{
	struct oc_schema_scratch *t = oc_zalloc(1, sizeof *t);

	(void)s;
	t->match = pcre2_match_data_create(1, NULL);
	t->context = pcre2_match_context_create(NULL);
	if (!t->match || !t->context)
		oc_oom(sizeof *t);
	pcre2_set_match_limit(t->context, MATCH_LIMIT);
	pcre2_set_depth_limit(t->context, 10000);
	pcre2_set_heap_limit(t->context, 20000); /* KiB */
	return t;
}

void oc_schema_scratch_free(struct oc_schema_scratch *t)
{
	if (!t)
		return;
	pcre2_match_data_free(t->match);
	pcre2_match_context_free(t->context);
	oc_buf_fini(&t->path);
	oc_buf_fini(&t->expected);
	oc_buf_fini(&t->found);
	free(t);
}

/* ------------------------------------------------------------------ values */

/* A number by value: 64-bit integers exactly, anything else as a double. */
struct number {
	bool whole, negative;
	uint64_t size; /* when whole */
	double value;
};

static bool is_number(yyjson_val *v)
{
	return yyjson_is_num(v) || yyjson_is_raw(v);
}

static struct number number_of(yyjson_val *v)
{
	struct number n = {0};

	if (yyjson_is_uint(v)) {
		n.whole = true;
		n.size = yyjson_get_uint(v);
		n.value = (double)n.size;
	} else if (yyjson_is_sint(v)) {
		int64_t i = yyjson_get_sint(v);
		n.whole = true;
		n.negative = i < 0;
		n.size = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
		n.value = (double)i;
	} else {
		n.value = yyjson_is_raw(v) ? strtod(yyjson_get_raw(v), NULL) : yyjson_get_real(v);
	}
	return n;
}

static int compare(yyjson_val *a, yyjson_val *b)
{
	struct number x = number_of(a), y = number_of(b);

	if (x.whole && y.whole) {
		if (x.negative != y.negative)
			return x.negative ? -1 : 1;
		return ((x.size > y.size) - (x.size < y.size)) * (x.negative ? -1 : 1);
	}
	return (x.value > y.value) - (x.value < y.value);
}

static bool is_whole(yyjson_val *v)
{
	if (yyjson_is_raw(v))
		return !strpbrk(yyjson_get_raw(v), ".eE");
	return yyjson_is_int(v) || yyjson_get_real(v) == floor(yyjson_get_real(v));
}

static unsigned types_of(yyjson_val *v)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_NULL: return 1u << T_NULL;
	case YYJSON_TYPE_BOOL: return 1u << T_BOOLEAN;
	case YYJSON_TYPE_STR: return 1u << T_STRING;
	case YYJSON_TYPE_ARR: return 1u << T_ARRAY;
	case YYJSON_TYPE_OBJ: return 1u << T_OBJECT;
	default: return 1u << T_NUMBER | (is_whole(v) ? 1u << T_INTEGER : 0);
	}
}

struct check {
	struct oc_schema_scratch *t;
	struct oc_schema_fault *fault;
	int64_t steps;
	bool limit;    /* something went beyond its limit: the answer is LIMIT */
	unsigned mute; /* inside a schema that may fail: no fault is written */
};

static bool spend(struct check *c, size_t n)
{
	c->steps -= (int64_t)n;
	return c->steps >= 0;
}

static bool equal(struct check *c, yyjson_val *a, yyjson_val *b)
{
	size_t i, max;
	yyjson_val *key, *item;

	if (!spend(c, 1))
		return false;
	if (is_number(a) || is_number(b))
		return is_number(a) && is_number(b) && compare(a, b) == 0;
	if (yyjson_get_type(a) != yyjson_get_type(b))
		return false;
	switch (yyjson_get_type(a)) {
	case YYJSON_TYPE_STR: return oc_str_eq(oc_json_str(a), oc_json_str(b));
	case YYJSON_TYPE_BOOL: return yyjson_get_bool(a) == yyjson_get_bool(b);
	case YYJSON_TYPE_ARR:
		if (yyjson_arr_size(a) != yyjson_arr_size(b))
			return false;
		item = yyjson_arr_get_first(b);
		yyjson_val *mine;
		yyjson_arr_foreach(a, i, max, mine)
		{
			if (!equal(c, mine, item))
				return false;
			item = unsafe_yyjson_get_next(item);
		}
		return true;
	case YYJSON_TYPE_OBJ:
		if (yyjson_obj_size(a) != yyjson_obj_size(b))
			return false;
		yyjson_obj_foreach(a, i, max, key, item)
		{
			yyjson_val *other =
				yyjson_obj_getn(b, yyjson_get_str(key), yyjson_get_len(key));
			if (!other || !spend(c, yyjson_obj_size(b)) || !equal(c, item, other))
				return false;
		}
		return true;
	default: return true; /* null */
	}
}

/* Equal values have equal hashes. */
static uint64_t hash_of(yyjson_val *v)
{
	size_t i, max;
	yyjson_val *key, *item;
	uint64_t h = yyjson_get_type(v);

	if (is_number(v)) {
		double d = number_of(v).value + 0.0; /* -0 is 0 */
		return oc_hash64(&d, sizeof d, 1);
	}
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_STR: return oc_hash64(yyjson_get_str(v), yyjson_get_len(v), 2);
	case YYJSON_TYPE_BOOL: return 3 + yyjson_get_bool(v);
	case YYJSON_TYPE_ARR:
		yyjson_arr_foreach(v, i, max, item)
		{
			uint64_t pair[2] = {h, hash_of(item)};
			h = oc_hash64(pair, sizeof pair, 5);
		}
		return h;
	case YYJSON_TYPE_OBJ: /* a sum: order does not matter */
		yyjson_obj_foreach(v, i, max, key, item)
		{
			uint64_t pair[2] = {oc_hash64(yyjson_get_str(key), yyjson_get_len(key), 6),
			                    hash_of(item)};
			h += oc_hash64(pair, sizeof pair, 7);
		}
		return h;
	default: return h;
	}
}

/* ---------------------------------------------------------------- checking */

/* Where we are in the value. */
struct place {
	const struct place *up;
	struct oc_str key;
	size_t index; /* when key.p is NULL */
};

static void write_place(struct oc_buf *b, const struct place *p)
{
	if (!p->up)
		return;
	write_place(b, p->up);
	oc_buf_putc(b, '/');
	if (!p->key.p)
		oc_buf_u64(b, p->index);
	for (size_t i = 0; i < p->key.len; i++) {
		if (p->key.p[i] == '~')
			oc_buf_puts(b, "~0");
		else if (p->key.p[i] == '/')
			oc_buf_puts(b, "~1");
		else
			oc_buf_putc(b, p->key.p[i]);
	}
}

/* Starts a fault: the caller adds to `expected`, and to `found` unless the value itself is shown.
 */
static bool fault(struct check *c, const char *keyword, const struct place *at, yyjson_val *v)
{
	struct oc_schema_scratch *t = c->t;

	if (c->mute)
		return false;
	t->path.len = t->expected.len = t->found.len = 0;
	c->fault->keyword = keyword;
	write_place(&t->path, at);
	if (v) {
		oc_json_write(&t->found, v);
		if (t->found.len > 120) {
			t->found.len = oc_utf8_cut(oc_buf_view(&t->found), 117).len;
			oc_buf_puts(&t->found, "...");
		}
	}
	return true;
}

static bool give_up(struct check *c, const char *keyword, const struct place *at, const char *why)
{
	if (!c->limit) {
		c->limit = true;
		c->mute = 0;
		fault(c, keyword, at, NULL);
		oc_buf_puts(&c->t->expected, why);
		c->mute = 1; /* what fails on the way back is not the reason */
	}
	return false;
}

static bool check(struct check *c, const struct node *n, yyjson_val *v, const struct place *at,
                  unsigned depth);

/* A schema that may fail without that being a fault. */
static bool would_pass(struct check *c, const struct node *n, yyjson_val *v, const struct place *at,
                       unsigned depth)
{
	bool good;

	c->mute++;
	good = check(c, n, v, at, depth);
	if (!c->limit)
		c->mute--;
	return good;
}

static bool fails_count(struct check *c, const char *keyword, const struct place *at, size_t n,
                        int64_t limit, bool least, const char *what)
{
	if (limit < 0 || (least ? n >= (uint64_t)limit : n <= (uint64_t)limit))
		return false;
	if (fault(c, keyword, at, NULL)) {
		oc_buf_printf(&c->t->expected, "at %s %lld %s", least ? "least" : "most",
		              (long long)limit, what);
		oc_buf_printf(&c->t->found, "%zu %s", n, what);
	}
	return true;
}

/* 1 it matches, 0 it does not, -1 the limit was reached. */
static int matches(struct check *c, const struct property *p, struct oc_str s,
                   const struct place *at)
{
	int rc = pcre2_match(p->code, (PCRE2_SPTR)(s.p ? s.p : ""), s.len, 0, PCRE2_NO_UTF_CHECK,
	                     c->t->match, c->t->context);

	if (rc >= 0)
		return 1;
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	give_up(c, "pattern", at, "the pattern takes too long on this text");
	return -1;
}

static bool check_string(struct check *c, const struct node *n, yyjson_val *v,
                         const struct place *at)
{
	struct oc_str s = oc_json_str(v);

	if (n->min_length >= 0 || n->max_length >= 0) {
		size_t length = oc_utf8_count(s);
		if (fails_count(c, "minLength", at, length, n->min_length, true, "characters") ||
		    fails_count(c, "maxLength", at, length, n->max_length, false, "characters"))
			return false;
	}
	if (n->pattern.code) {
		int rc = matches(c, &n->pattern, s, at);
		if (rc == 0 && fault(c, "pattern", at, v))
			oc_buf_printf(&c->t->expected, "a text that matches %.*s",
			              OC_ARG(n->pattern.key));
		return rc == 1;
	}
	return true;
}

static bool bound(struct check *c, const char *keyword, const struct place *at, yyjson_val *v,
                  yyjson_val *limit, const char *words, bool fine)
{
	if (!limit || fine)
		return true;
	if (fault(c, keyword, at, v)) {
		oc_buf_printf(&c->t->expected, "%s ", words);
		oc_json_write(&c->t->expected, limit);
	}
	return false;
}

static bool is_multiple(yyjson_val *v, yyjson_val *of)
{
	struct number x = number_of(v), y = number_of(of);
	double ratio;

	if (x.whole && y.whole)
		return y.size && x.size % y.size == 0;
	ratio = x.value / y.value;
	/* 0.3 is a multiple of 0.1 to anyone but the doubles */
	return isfinite(ratio) && fabs(ratio - nearbyint(ratio)) <= 1e-9 * fmax(1, fabs(ratio));
}

static bool check_number(struct check *c, const struct node *n, yyjson_val *v,
                         const struct place *at)
{
	return bound(c, "minimum", at, v, n->minimum, "at least",
	             !n->minimum || compare(v, n->minimum) >= 0) &&
	       bound(c, "maximum", at, v, n->maximum, "at most",
	             !n->maximum || compare(v, n->maximum) <= 0) &&
	       bound(c, "exclusiveMinimum", at, v, n->above, "above",
	             !n->above || compare(v, n->above) > 0) &&
	       bound(c, "exclusiveMaximum", at, v, n->below, "below",
	             !n->below || compare(v, n->below) < 0) &&
	       bound(c, "multipleOf", at, v, n->multiple, "a multiple of",
	             !n->multiple || is_multiple(v, n->multiple));
}

struct hashed {
	uint64_t hash;
	yyjson_val *value;
	size_t index;
};

static int by_hash(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static bool check_unique(struct check *c, yyjson_val *v, const struct place *at)
{
	size_t n = yyjson_arr_size(v), i, max;
	struct hashed *all = oc_alloc((n + 1) * sizeof *all);
	yyjson_val *item;
	bool good = true;

	yyjson_arr_foreach(v, i, max, item)
	{
		all[i] = (struct hashed){hash_of(item), item, i};
	}
	qsort(all, n, sizeof *all, by_hash);
	for (i = 1; i < n && good; i++)
		for (size_t k = i; k-- > 0 && all[k].hash == all[i].hash && good;)
			if (equal(c, all[k].value, all[i].value)) {
				struct place there = {at, {NULL, 0}, all[i].index};
				good = false;
				if (fault(c, "uniqueItems", &there, all[i].value))
					oc_buf_printf(&c->t->expected, "an item unlike number %zu",
					              all[k].index);
			}
	free(all);
	return good;
}

static bool check_array(struct check *c, const struct node *n, yyjson_val *v,
                        const struct place *at, unsigned depth)
{
	size_t size = yyjson_arr_size(v), i, max;
	yyjson_val *item;

	if (fails_count(c, "minItems", at, size, n->min_items, true, "items") ||
	    fails_count(c, "maxItems", at, size, n->max_items, false, "items"))
		return false;
	if (n->prefix.n || n->items) {
		yyjson_arr_foreach(v, i, max, item)
		{
			struct place there = {at, {NULL, 0}, i};
			const struct node *rule = i < n->prefix.n ? n->prefix.node[i] : n->items;
			if (rule && !check(c, rule, item, &there, depth))
				return false;
		}
	}
	return !n->unique || check_unique(c, v, at);
}

static bool check_member(struct check *c, const struct node *n, struct oc_str key, yyjson_val *v,
                         const struct place *at, unsigned depth)
{
	bool known = false;

	for (uint32_t i = 0; i < n->property_n; i++)
		if (oc_str_eq(n->properties[i].key, key)) {
			known = true;
			if (!check(c, n->properties[i].node, v, at, depth))
				return false;
		}
	for (uint32_t i = 0; i < n->pattern_n; i++) {
		int rc = matches(c, &n->patterns[i], key, at);
		if (rc < 0)
			return false;
		if (rc == 0)
			continue;
		known = true;
		if (!check(c, n->patterns[i].node, v, at, depth))
			return false;
	}
	if (known || !n->additional)
		return true;
	if (n->additional->never) {
		if (fault(c, "additionalProperties", at, v))
			oc_buf_puts(&c->t->expected, "no member of this name");
		return false;
	}
	return check(c, n->additional, v, at, depth);
}

static bool check_object(struct check *c, const struct node *n, yyjson_val *v,
                         const struct place *at, unsigned depth)
{
	size_t i, max, size = yyjson_obj_size(v);
	yyjson_val *key, *item;

	for (i = 0; i < n->required_n; i++) {
		struct oc_str name = n->required[i];
		if (yyjson_obj_getn(v, name.p, name.len))
			continue;
		if (fault(c, "required", at, NULL)) {
			oc_buf_printf(&c->t->expected, "a member \"%.*s\"", OC_ARG(name));
			oc_buf_puts(&c->t->found, size ? "members" : "no members");
			yyjson_obj_foreach(v, i, max, key, item)
			{
				if (i < 12)
					oc_buf_printf(&c->t->found, "%s %.*s", i ? "," : "",
					              OC_ARG(oc_json_str(key)));
			}
		}
		return false;
	}
	if (fails_count(c, "minProperties", at, size, n->min_members, true, "members") ||
	    fails_count(c, "maxProperties", at, size, n->max_members, false, "members"))
		return false;
	if (!n->property_n && !n->pattern_n && !n->additional)
		return true;
	yyjson_obj_foreach(v, i, max, key, item)
	{
		struct place there = {at, oc_json_str(key), 0};
		if (!there.key.p)
			there.key.p = "";
		if (!spend(c, n->property_n) || !check_member(c, n, there.key, item, &there, depth))
			return false;
	}
	return true;
}

static bool check_combined(struct check *c, const struct node *n, yyjson_val *v,
                           const struct place *at, unsigned depth)
{
	uint32_t good = 0;

	for (uint32_t i = 0; i < n->all.n; i++)
		if (!check(c, n->all.node[i], v, at, depth))
			return false;
	for (uint32_t i = 0; i < n->any.n && !good; i++)
		good = would_pass(c, n->any.node[i], v, at, depth);
	if (n->any.n && !good) {
		if (fault(c, "anyOf", at, v))
			oc_buf_printf(&c->t->expected, "one of %u schemas to fit", n->any.n);
		return false;
	}
	good = 0;
	for (uint32_t i = 0; i < n->one.n; i++)
		good += would_pass(c, n->one.node[i], v, at, depth);
	if (n->one.n && good != 1) {
		if (fault(c, "oneOf", at, v))
			oc_buf_printf(&c->t->expected, "exactly one of %u schemas to fit, %u do",
			              n->one.n, good);
		return false;
	}
	if (n->not &&would_pass(c, n->not, v, at, depth)) {
		if (fault(c, "not", at, v))
			oc_buf_puts(&c->t->expected, "a value that the schema under `not` refuses");
		return false;
	}
	return true;
}

static bool check_value(struct check *c, const struct node *n, yyjson_val *v,
                        const struct place *at)
{
	if (n->types && !(n->types & types_of(v))) {
		const char *comma = "";
		if (fault(c, "type", at, v))
			for (unsigned t = 0; t < TYPE_N; t++)
				if (n->types & 1u << t) {
					oc_buf_printf(&c->t->expected, "%s%s", comma,
					              oc_schema_types[t]);
					comma = " or ";
				}
		return false;
	}
	if (n->value && !equal(c, v, n->value)) {
		if (fault(c, "const", at, v))
			oc_json_write(&c->t->expected, n->value);
		return false;
	}
	if (n->one_of_values) {
		size_t i, max;
		yyjson_val *item;
		bool found = false;
		yyjson_arr_foreach(n->one_of_values, i, max, item)
		{
			if (!found)
				found = equal(c, v, item);
		}
		if (!found && fault(c, "enum", at, v)) {
			oc_buf_puts(&c->t->expected, "one of ");
			oc_json_write(&c->t->expected, n->one_of_values);
		}
		return found;
	}
	return true;
}

static bool check(struct check *c, const struct node *n, yyjson_val *v, const struct place *at,
                  unsigned depth)
{
	bool good;

	if (c->limit)
		return false;
	if (!spend(c, 1))
		return give_up(c, "steps", at, "a value that can be checked in reasonable time");
	if (depth > DEPTH)
		return give_up(c, "depth", at, "schemas nested less deeply ($ref in a circle?)");
	if (n->never) {
		if (fault(c, "false", at, v))
			oc_buf_puts(&c->t->expected, "nothing here");
		return false;
	}
	if (n->ref && !check(c, n->ref, v, at, depth + 1))
		return false;
	if (!check_value(c, n, v, at))
		return false;
	if (yyjson_is_str(v))
		good = check_string(c, n, v, at);
	else if (yyjson_is_arr(v))
		good = check_array(c, n, v, at, depth + 1);
	else if (yyjson_is_obj(v))
		good = check_object(c, n, v, at, depth + 1);
	else
		good = !is_number(v) || check_number(c, n, v, at);
	return good && check_combined(c, n, v, at, depth + 1);
}

enum oc_schema_answer oc_schema_check(const struct oc_schema *s, struct oc_schema_scratch *t,
                                      yyjson_val *value, struct oc_schema_fault *fault_out)
{
	struct check c = {.t = t, .fault = fault_out, .steps = STEPS};
	struct place top = {NULL, {NULL, 0}, 0};
	bool good;

	*fault_out = (struct oc_schema_fault){.keyword = ""};
	good = check(&c, s->root, value, &top, 0);
	if (c.steps < 0 && !c.limit)
		give_up(&c, "steps", &top, "a value that can be checked in reasonable time");
	if (good && !c.limit)
		return OC_SCHEMA_GOOD;
	fault_out->path = oc_buf_view(&t->path);
	fault_out->expected = oc_buf_view(&t->expected);
	fault_out->found = oc_buf_view(&t->found);
	return c.limit ? OC_SCHEMA_LIMIT : OC_SCHEMA_BAD;
}
