#include "pipe/duck_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "data/json.h"

#define DEPTH_MAX 64 /* levels of nesting */

#define MICROS ((int64_t)1000000)
#define NANOS  ((int64_t)1000000000)
#define DAY    ((int64_t)86400)

__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

struct oc_duck_column {
	const struct oc_duck *d;
	char *label; /* "name": as JSON */
	size_t label_len;
	int type;
	int inner;      /* DECIMAL: the integer type that holds it */
	unsigned scale; /* DECIMAL */
	uint64_t array_n;
	bool json, text_keys;
	struct oc_duck_column **parts; /* LIST, ARRAY, MAP: 1 (MAP: of key and value); STRUCT: n */
	unsigned part_n;

	/* of the chunk */
	const void *data;
	const uint64_t *valid; /* NULL = all are */
};

/* The library's string: up to 12 bytes lie inside, of a longer one four, then a pointer. */
struct text {
	uint32_t len;
	char inside[12];
};

struct entry {
	uint64_t offset, n;
};

struct interval {
	int32_t months, days;
	int64_t micros;
};

struct wide {
	uint64_t low;
	int64_t high;
};

/* ------------------------------------------------------------------- types */

static int unknown(struct oc_str name, const char *what, struct oc_err *err)
{
	return oc_fail(err, OC_INPUT, NULL,
	               "column \"%.*s\" holds %s, which no JSON value can stand for: leave it out "
	               "by naming the others in columns:",
	               OC_ARG(name), what);
}

static int part_add(struct oc_duck_column *c, void *type, struct oc_str label, struct oc_str column,
                    unsigned depth, struct oc_err *err);

static int struct_parts(struct oc_duck_column *c, void *type, struct oc_str column, unsigned depth,
                        struct oc_err *err)
{
	uint64_t n = c->d->struct_type_child_count(type);
	int rc = 0;

	c->parts = oc_zalloc(n ? n : 1, sizeof(struct oc_duck_column *));
	for (uint64_t i = 0; i < n && !rc; i++) {
		char *label = c->d->struct_type_child_name(type, i);
		void *child = c->d->struct_type_child_type(type, i);
		rc = part_add(c, child, oc_str(label), column, depth, err);
		c->d->destroy_logical_type(&child);
		c->d->free(label);
	}
	return rc;
}

static int map_parts(struct oc_duck_column *c, void *type, struct oc_str column, unsigned depth,
                     struct oc_err *err)
{
	void *key = c->d->map_type_key_type(type), *value = c->d->map_type_value_type(type);
	int rc;

	c->parts = oc_zalloc(2, sizeof(struct oc_duck_column *));
	rc = part_add(c, key, OC_LIT("key"), column, depth, err);
	if (!rc)
		rc = part_add(c, value, OC_LIT("value"), column, depth, err);
	c->text_keys = !rc && c->parts[0]->type == OC_DUCK_VARCHAR && !c->parts[0]->json;
	c->d->destroy_logical_type(&key);
	c->d->destroy_logical_type(&value);
	return rc;
}

static int item_part(struct oc_duck_column *c, void *child, struct oc_str column, unsigned depth,
                     struct oc_err *err)
{
	c->parts = oc_zalloc(1, sizeof(struct oc_duck_column *));
	int rc = part_add(c, child, (struct oc_str){0}, column, depth, err);
	c->d->destroy_logical_type(&child);
	return rc;
}

static int settle(struct oc_duck_column *c, void *type, struct oc_str column, unsigned depth,
                  struct oc_err *err)
{
	char *alias, what[64];

	if (depth > DEPTH_MAX)
		return unknown(column, "more than 64 levels of lists and structs", err);
	c->type = c->d->get_type_id(type);
	switch (c->type) {
	case OC_DUCK_DECIMAL:
		c->inner = c->d->decimal_internal_type(type);
		c->scale = c->d->decimal_scale(type);
		return 0;
	case OC_DUCK_VARCHAR:
		alias = c->d->logical_type_get_alias(type);
		c->json = alias && strcmp(alias, "JSON") == 0;
		c->d->free(alias);
		return 0;
	case OC_DUCK_LIST:
		return item_part(c, c->d->list_type_child_type(type), column, depth, err);
	case OC_DUCK_ARRAY:
		c->array_n = c->d->array_type_array_size(type);
		return item_part(c, c->d->array_type_child_type(type), column, depth, err);
	case OC_DUCK_STRUCT: return struct_parts(c, type, column, depth, err);
	case OC_DUCK_MAP: return map_parts(c, type, column, depth, err);
	case OC_DUCK_BLOB: return unknown(column, "raw bytes (BLOB)", err);
	case OC_DUCK_BOOLEAN:
	case OC_DUCK_TINYINT:
	case OC_DUCK_SMALLINT:
	case OC_DUCK_INTEGER:
	case OC_DUCK_BIGINT:
	case OC_DUCK_UTINYINT:
	case OC_DUCK_USMALLINT:
	case OC_DUCK_UINTEGER:
	case OC_DUCK_UBIGINT:
	case OC_DUCK_FLOAT:
	case OC_DUCK_DOUBLE:
	case OC_DUCK_TIMESTAMP:
	case OC_DUCK_TIMESTAMP_S:
	case OC_DUCK_TIMESTAMP_MS:
	case OC_DUCK_TIMESTAMP_NS:
	case OC_DUCK_TIMESTAMP_TZ:
	case OC_DUCK_DATE:
	case OC_DUCK_TIME:
	case OC_DUCK_TIME_NS:
	case OC_DUCK_TIME_TZ:
	case OC_DUCK_INTERVAL:
	case OC_DUCK_UUID:
	case OC_DUCK_SQLNULL: return 0;
	default: break;
	}
	snprintf(what, sizeof what, "a type that is new to Outcross (DuckDB's number %d)", c->type);
	return unknown(column, what, err);
}

/* `label`: of a struct's member; `column`: the whole column's name, for messages. */
static struct oc_duck_column *make(const struct oc_duck *d, struct oc_str label)
{
	struct oc_duck_column *c = oc_zalloc(1, sizeof *c);
	struct oc_buf b = {0};

	c->d = d;
	oc_buf_json(&b, label);
	oc_buf_putc(&b, ':');
	c->label = b.p;
	c->label_len = b.len;
	return c;
}

static int part_add(struct oc_duck_column *c, void *type, struct oc_str label, struct oc_str column,
                    unsigned depth, struct oc_err *err)
{
	struct oc_duck_column *part = make(c->d, label);

	c->parts[c->part_n++] = part;
	return settle(part, type, column, depth + 1, err);
}

int oc_duck_column_new(struct oc_duck_column **out, const struct oc_duck *d, void *type,
                       struct oc_str name, struct oc_err *err)
{
	struct oc_duck_column *c = make(d, name);

	if (settle(c, type, name, 0, err)) {
		oc_duck_column_free(c);
		return -1;
	}
	*out = c;
	return 0;
}

void oc_duck_column_free(struct oc_duck_column *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->part_n; i++)
		oc_duck_column_free(c->parts[i]);
	free(c->parts);
	free(c->label);
	free(c);
}

struct oc_str oc_duck_column_name(const struct oc_duck_column *c)
{
	return (struct oc_str){c->label, c->label_len - 1};
}

void oc_duck_column_bind(struct oc_duck_column *c, void *vector)
{
	const struct oc_duck *d = c->d;

	c->data = d->vector_get_data(vector);
	c->valid = d->vector_get_validity(vector);
	if (c->type == OC_DUCK_LIST) {
		oc_duck_column_bind(c->parts[0], d->list_vector_get_child(vector));
	} else if (c->type == OC_DUCK_ARRAY) {
		oc_duck_column_bind(c->parts[0], d->array_vector_get_child(vector));
	} else if (c->type == OC_DUCK_MAP) {
		void *pairs = d->list_vector_get_child(vector);
		for (unsigned i = 0; i < 2; i++)
			oc_duck_column_bind(c->parts[i], d->struct_vector_get_child(pairs, i));
	} else if (c->type == OC_DUCK_STRUCT) {
		for (unsigned i = 0; i < c->part_n; i++)
			oc_duck_column_bind(c->parts[i], d->struct_vector_get_child(vector, i));
	}
}

/* ------------------------------------------------------------------ numbers */

static void put_i64(struct oc_buf *b, int64_t v)
{
	if (v < 0)
		oc_buf_putc(b, '-');
	oc_buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

/* As a number that stays a float when it is read: 1.0, not 1. */
static void put_float(struct oc_buf *b, const char *text)
{
	oc_buf_puts(b, text);
	if (!strpbrk(text, ".e"))
		oc_buf_puts(b, ".0");
}

static bool put_single(struct oc_buf *b, float v)
{
	char text[32];

	if (!isfinite(v)) {
		oc_buf_puts(b, "null");
		return isnan(v);
	}
	for (int digits = 6; digits <= 9; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, (double)v);
		if (strtof(text, NULL) == v)
			break;
	}
	put_float(b, text);
	return true;
}

static bool put_double(struct oc_buf *b, double v)
{
	struct oc_buf text = {0};

	oc_buf_double(&text, v);
	if (isfinite(v))
		put_float(b, oc_buf_cstr(&text));
	else
		oc_buf_puts(b, "null");
	oc_buf_fini(&text);
	return !isinf(v);
}

static void put_decimal(const struct oc_duck_column *c, uint64_t row, struct oc_buf *b)
{
	char digits[48];
	unsigned n = 0;
	i128 v;

	if (c->inner == OC_DUCK_SMALLINT) {
		v = ((const int16_t *)c->data)[row];
	} else if (c->inner == OC_DUCK_INTEGER) {
		v = ((const int32_t *)c->data)[row];
	} else if (c->inner == OC_DUCK_BIGINT) {
		v = ((const int64_t *)c->data)[row];
	} else {
		const struct wide *w = (const struct wide *)c->data + row;
		v = (i128)((u128)(uint64_t)w->high << 64 | w->low);
	}
	if (v < 0)
		oc_buf_putc(b, '-');
	u128 left = v < 0 ? 0 - (u128)v : (u128)v;
	while (left || n <= c->scale) { /* at least one digit before the point */
		digits[n++] = (char)('0' + (int)(left % 10));
		left /= 10;
	}
	while (n) {
		if (n == c->scale)
			oc_buf_putc(b, '.');
		oc_buf_putc(b, digits[--n]);
	}
}

/* --------------------------------------------------------------------- time */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years outside 0..9999 get a sign. */
static void put_date(struct oc_buf *b, int64_t days)
{
	/* Years begin in March here, so that the leap day is the last of its year. */
	int64_t z = days + 719468, era = floor_div(z, 146097), in_era = z - era * 146097;
	int64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * in_year + 2) / 153, day = in_year - (153 * shifted + 2) / 5 + 1;
	int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
	int64_t year = era * 400 + year_of_era + (month <= 2);

	if (year < 0 || year > 9999)
		oc_buf_printf(b, "%c%06lld", year < 0 ? '-' : '+',
		              (long long)(year < 0 ? -year : year));
	else
		oc_buf_printf(b, "%04lld", (long long)year);
	oc_buf_printf(b, "-%02lld-%02lld", (long long)month, (long long)day);
}

static void put_fraction(struct oc_buf *b, int64_t part, int64_t unit)
{
	if (!part)
		return;
	oc_buf_putc(b, '.');
	while (part) {
		unit /= 10;
		oc_buf_putc(b, (char)('0' + (int)(part / unit)));
		part %= unit;
	}
}

static void put_clock(struct oc_buf *b, int64_t since_midnight, int64_t unit)
{
	int64_t s = since_midnight / unit;

	oc_buf_printf(b, "%02lld:%02lld:%02lld", (long long)(s / 3600), (long long)(s / 60 % 60),
	              (long long)(s % 60));
	put_fraction(b, since_midnight % unit, unit);
}

/* The largest and the smallest value but one are the library's infinities. */
static bool put_timestamp(struct oc_buf *b, int64_t t, int64_t unit, const char *zone)
{
	if (t == INT64_MAX || t == -INT64_MAX) {
		oc_buf_puts(b, "null");
		return false;
	}
	int64_t day = floor_div(t, DAY * unit);
	oc_buf_putc(b, '"');
	put_date(b, day);
	oc_buf_putc(b, 'T');
	put_clock(b, t - day * DAY * unit, unit);
	oc_buf_puts(b, zone);
	oc_buf_putc(b, '"');
	return true;
}

/* The low 24 bits hold the largest offset minus the offset of the zone, in seconds. */
static void put_time_tz(struct oc_buf *b, uint64_t bits)
{
	int64_t offset = 16 * 3600 - 1 - (int64_t)(bits & 0xffffff),
		east = offset < 0 ? -offset : offset;

	oc_buf_putc(b, '"');
	put_clock(b, (int64_t)(bits >> 24), MICROS);
	if (offset)
		oc_buf_printf(b, "%c%02lld:%02lld", offset < 0 ? '-' : '+',
		              (long long)(east / 3600), (long long)(east / 60 % 60));
	else
		oc_buf_putc(b, 'Z');
	oc_buf_putc(b, '"');
}

static void put_interval(struct oc_buf *b, const struct interval *v)
{
	uint64_t micros = v->micros < 0 ? 0 - (uint64_t)v->micros : (uint64_t)v->micros;

	oc_buf_puts(b, "\"P");
	if (v->months)
		oc_buf_printf(b, "%dM", v->months);
	if (v->days)
		oc_buf_printf(b, "%dD", v->days);
	if (micros || (!v->months && !v->days)) {
		oc_buf_puts(b, v->micros < 0 ? "T-" : "T");
		oc_buf_u64(b, micros / MICROS);
		put_fraction(b, (int64_t)(micros % MICROS), MICROS);
		oc_buf_putc(b, 'S');
	}
	oc_buf_putc(b, '"');
}

static void put_uuid(struct oc_buf *b, const struct wide *v)
{
	uint64_t high = (uint64_t)v->high ^ (uint64_t)1 << 63; /* kept so that it sorts */

	oc_buf_printf(b, "\"%08llx-%04llx-%04llx-%04llx-%012llx\"",
	              (unsigned long long)(high >> 32), (unsigned long long)(high >> 16 & 0xffff),
	              (unsigned long long)(high & 0xffff), (unsigned long long)(v->low >> 48),
	              (unsigned long long)(v->low & 0xffffffffffff));
}

/* ------------------------------------------------------------------- values */

static struct oc_str text_at(const struct oc_duck_column *c, uint64_t row)
{
	const struct text *t = (const struct text *)c->data + row;
	struct oc_str s = {t->inside, t->len};

	if (t->len > sizeof t->inside)
		memcpy(&s.p, t->inside + 4, sizeof s.p);
	return s;
}

static void put_json(struct oc_buf *b, struct oc_str s)
{
	/* One value and nothing behind it: bytes of a file must not end our row. */
	yyjson_doc *doc = yyjson_read(s.p, s.len, YYJSON_READ_NUMBER_AS_RAW);

	if (doc)
		oc_json_squeeze(b, s);
	else
		oc_buf_json(b, s);
	yyjson_doc_free(doc);
}

static bool put_value(const struct oc_duck_column *c, uint64_t row, struct oc_buf *b);

static bool put_items(const struct oc_duck_column *c, uint64_t from, uint64_t n, struct oc_buf *b)
{
	bool fine = true;

	oc_buf_putc(b, '[');
	for (uint64_t i = 0; i < n; i++) {
		if (i)
			oc_buf_putc(b, ',');
		fine &= put_value(c->parts[0], from + i, b);
	}
	oc_buf_putc(b, ']');
	return fine;
}

static bool put_struct(const struct oc_duck_column *c, uint64_t row, struct oc_buf *b)
{
	bool fine = true;

	oc_buf_putc(b, '{');
	for (unsigned i = 0; i < c->part_n; i++) {
		if (i)
			oc_buf_putc(b, ',');
		fine &= oc_duck_column_put(c->parts[i], row, b);
	}
	oc_buf_putc(b, '}');
	return fine;
}

static bool put_map(const struct oc_duck_column *c, const struct entry *e, struct oc_buf *b)
{
	bool fine = true;

	oc_buf_putc(b, c->text_keys ? '{' : '[');
	for (uint64_t i = e->offset; i < e->offset + e->n; i++) {
		if (i > e->offset)
			oc_buf_putc(b, ',');
		if (c->text_keys) {
			oc_buf_json(b, text_at(c->parts[0], i));
			oc_buf_putc(b, ':');
			fine &= put_value(c->parts[1], i, b);
			continue;
		}
		fine &= put_struct(c, i, b);
	}
	oc_buf_putc(b, c->text_keys ? '}' : ']');
	return fine;
}

static void put_quoted_clock(struct oc_buf *b, int64_t t, int64_t unit)
{
	oc_buf_putc(b, '"');
	put_clock(b, t, unit);
	oc_buf_putc(b, '"');
}

static bool put_value(const struct oc_duck_column *c, uint64_t row, struct oc_buf *b)
{
	const struct entry *e = (const struct entry *)c->data + row;

	if (c->type == OC_DUCK_SQLNULL || (c->valid && !(c->valid[row / 64] >> row % 64 & 1))) {
		oc_buf_puts(b, "null");
		return true;
	}
	switch (c->type) {
	case OC_DUCK_BOOLEAN:
		oc_buf_puts(b, ((const bool *)c->data)[row] ? "true" : "false");
		break;
	case OC_DUCK_TINYINT: put_i64(b, ((const int8_t *)c->data)[row]); break;
	case OC_DUCK_SMALLINT: put_i64(b, ((const int16_t *)c->data)[row]); break;
	case OC_DUCK_INTEGER: put_i64(b, ((const int32_t *)c->data)[row]); break;
	case OC_DUCK_BIGINT: put_i64(b, ((const int64_t *)c->data)[row]); break;
	case OC_DUCK_UTINYINT: oc_buf_u64(b, ((const uint8_t *)c->data)[row]); break;
	case OC_DUCK_USMALLINT: oc_buf_u64(b, ((const uint16_t *)c->data)[row]); break;
	case OC_DUCK_UINTEGER: oc_buf_u64(b, ((const uint32_t *)c->data)[row]); break;
	case OC_DUCK_UBIGINT: oc_buf_u64(b, ((const uint64_t *)c->data)[row]); break;
	case OC_DUCK_FLOAT: return put_single(b, ((const float *)c->data)[row]);
	case OC_DUCK_DOUBLE: return put_double(b, ((const double *)c->data)[row]);
	case OC_DUCK_DECIMAL: put_decimal(c, row, b); break;
	case OC_DUCK_TIMESTAMP:
		return put_timestamp(b, ((const int64_t *)c->data)[row], MICROS, "");
	case OC_DUCK_TIMESTAMP_S: return put_timestamp(b, ((const int64_t *)c->data)[row], 1, "");
	case OC_DUCK_TIMESTAMP_MS:
		return put_timestamp(b, ((const int64_t *)c->data)[row], 1000, "");
	case OC_DUCK_TIMESTAMP_NS:
		return put_timestamp(b, ((const int64_t *)c->data)[row], NANOS, "");
	case OC_DUCK_TIMESTAMP_TZ:
		return put_timestamp(b, ((const int64_t *)c->data)[row], MICROS, "Z");
	case OC_DUCK_DATE:
		oc_buf_putc(b, '"');
		put_date(b, ((const int32_t *)c->data)[row]);
		oc_buf_putc(b, '"');
		break;
	case OC_DUCK_TIME: put_quoted_clock(b, ((const int64_t *)c->data)[row], MICROS); break;
	case OC_DUCK_TIME_NS: put_quoted_clock(b, ((const int64_t *)c->data)[row], NANOS); break;
	case OC_DUCK_TIME_TZ: put_time_tz(b, ((const uint64_t *)c->data)[row]); break;
	case OC_DUCK_INTERVAL: put_interval(b, (const struct interval *)c->data + row); break;
	case OC_DUCK_UUID: put_uuid(b, (const struct wide *)c->data + row); break;
	case OC_DUCK_VARCHAR:
		if (c->json)
			put_json(b, text_at(c, row));
		else
			oc_buf_json(b, text_at(c, row));
		break;
	case OC_DUCK_LIST: return put_items(c, e->offset, e->n, b);
	case OC_DUCK_ARRAY: return put_items(c, row * c->array_n, c->array_n, b);
	case OC_DUCK_STRUCT: return put_struct(c, row, b);
	default: return put_map(c, e, b);
	}
	return true;
}

bool oc_duck_column_put(const struct oc_duck_column *c, uint64_t row, struct oc_buf *b)
{
	oc_buf_add(b, c->label, c->label_len);
	return put_value(c, row, b);
}
