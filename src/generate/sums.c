#include "generate/sums.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"

/* ------------------------------------------------------------------------ looking */

/* An operator at p: its plain sign, and its length. */
static char operator_at(const char *p, const char *end, size_t *len)
{
	static const struct {
		char text[4], sign;
	} signs[] = {{"+", '+'},        {"-", '-'},           {"*", '*'},        {"/", '/'},
	             {"x", '*'},        {"X", '*'},           {"\xc3\x97", '*'}, {":", '/'},
	             {"\xc3\xb7", '/'}, {"\xe2\x88\x92", '-'}};

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		*len = strlen(signs[i].text);
		if ((size_t)(end - p) >= *len && memcmp(p, signs[i].text, *len) == 0)
			return signs[i].sign;
	}
	return 0;
}

struct operand {
	uint32_t digits;
	bool zero, one, power_of_ten;
};

static const char *operand(const char *p, const char *end, struct operand *o)
{
	bool point = false, digits_seen = false;
	unsigned ones = 0, others = 0, fraction = 0;

	*o = (struct operand){0};
	if (p < end && *p == '-')
		p++;
	for (; p < end; p++) {
		if (isdigit((unsigned char)*p)) {
			digits_seen = true;
			ones += *p == '1';
			others += *p > '1';
			fraction += point && *p != '0';
			if (o->digits || *p != '0')
				o->digits++;
		} else if (*p == '.' && !point && p + 1 < end && isdigit((unsigned char)p[1])) {
			point = true;
		} else if (!(*p == ',' && digits_seen && end - p > 3 &&
		             isdigit((unsigned char)p[1]))) {
			break;
		}
	}
	o->zero = digits_seen && !ones && !others;
	o->power_of_ten = ones == 1 && !others && (!fraction || fraction == 1);
	if (!o->digits)
		o->digits = 1;
	return digits_seen ? p : NULL;
}

static const char *blanks(const char *p, const char *end)
{
	while (p < end && isspace((unsigned char)*p))
		p++;
	return p;
}

bool oc_sum_look(struct oc_str s, struct oc_sum *out)
{
	const char *p = s.p, *end = s.p + s.len;
	struct operand o;
	bool seen[4] = {false};
	char op = 0;
	size_t len;

	*out = (struct oc_sum){0};
	if (!s.len)
		return false;
	for (;;) {
		p = operand(blanks(p, end), end, &o);
		if (!p)
			return false;
		out->numbers++;
		if (o.digits > out->digits)
			out->digits = o.digits;
		/* 1 is a power of ten too; what stands before an operator is looked at below */
		if (op && (o.zero || (o.power_of_ten && (op == '*' || op == '/'))))
			out->trivial = true;
		p = blanks(p, end);
		if (p == end)
			break;
		op = operator_at(p, end, &len);
		if (!op)
			return false;
		seen[strchr("+-*/", op) - "+-*/"] = true;
		if (o.zero || (o.power_of_ten && op == '*'))
			out->trivial = true;
		p += len;
	}
	for (unsigned i = 0, n = 0; i < 4; i++)
		if (seen[i])
			out->ops[n++] = "+-*/"[i];
	return out->numbers > 1;
}

void oc_sum_plain(struct oc_buf *out, struct oc_str s)
{
	const char *p = s.p, *end = s.p + s.len;
	bool gap = false;
	size_t from = out->len, len;

	while (p < end) {
		char op = operator_at(p, end, &len);
		bool unary = op && (out->len == from || (out->len > from + 1 && gap &&
		                                         strchr("+-*/(", out->p[out->len - 1])));
		if (isspace((unsigned char)*p)) {
			gap = out->len > from;
			p++;
			continue;
		}
		if (out->len > from && (gap || (op && !unary)))
			oc_buf_putc(out, ' ');
		gap = op && !unary;
		if (op)
			oc_buf_putc(out, op);
		else
			oc_buf_add(out, p, len = 1);
		p += len;
	}
}

/* ----------------------------------------------------------------------- counting */

struct oc_sums {
	struct oc_sum_count count[OC_SUM_KINDS];
	/* distinct problems: open addressing over hashes of the plain text, per kind */
	uint64_t *seen[OC_SUM_KINDS];
	uint64_t seen_cap[OC_SUM_KINDS], distinct[OC_SUM_KINDS];
};

struct oc_sums *oc_sums_new(void)
{
	return oc_zalloc(1, sizeof(struct oc_sums));
}

void oc_sums_free(struct oc_sums *s)
{
	if (!s)
		return;
	for (int k = 0; k < OC_SUM_KINDS; k++)
		free(s->seen[k]);
	free(s);
}

static void put(uint64_t *table, uint64_t cap, uint64_t h)
{
	uint64_t at = h;

	while (table[at & (cap - 1)])
		at++;
	table[at & (cap - 1)] = h;
}

static bool is_new(struct oc_sums *s, enum oc_sum_kind k, uint64_t h)
{
	uint64_t cap = s->seen_cap[k], at;

	h |= 1; /* 0 marks a free place */
	if (2 * s->distinct[k] >= cap) {
		uint64_t bigger = cap ? 2 * cap : 256, *table = oc_zalloc(bigger, sizeof *table);
		for (uint64_t i = 0; i < cap; i++)
			if (s->seen[k][i])
				put(table, bigger, s->seen[k][i]);
		free(s->seen[k]);
		s->seen[k] = table;
		s->seen_cap[k] = cap = bigger;
	}
	for (at = h; s->seen[k][at & (cap - 1)]; at++)
		if (s->seen[k][at & (cap - 1)] == h)
			return false;
	s->seen[k][at & (cap - 1)] = h;
	s->distinct[k]++;
	return true;
}

void oc_sums_add(struct oc_sums *s, enum oc_sum_kind kind, struct oc_str expression)
{
	struct oc_sum_count *c = &s->count[kind];
	struct oc_buf plain = {0};
	struct oc_sum sum;

	if (!oc_sum_look(expression, &sum))
		return;
	c->n++;
	c->trivial += sum.trivial;
	c->size[(sum.digits < OC_SUM_SIZES ? sum.digits : OC_SUM_SIZES) - 1]++;
	oc_sum_plain(&plain, expression);
	is_new(s, kind, oc_hash64(plain.p, plain.len, 0));
	oc_buf_fini(&plain);
}

/* ---------------------------------------------------------------------- reporting */

#define Z95 1.959963984540054

struct share {
	double p, low, high;
};

/* Wilson's score interval. */
static struct share wilson(uint64_t hits, uint64_t n)
{
	struct share s = {NAN, 0, 1};
	double z2 = Z95 * Z95, nn = (double)n;

	if (!n)
		return s;
	s.p = (double)hits / nn;
	double mid = (s.p + z2 / (2 * nn)) / (1 + z2 / nn);
	double half = Z95 * sqrt(s.p * (1 - s.p) / nn + z2 / (4 * nn * nn)) / (1 + z2 / nn);
	s.low = hits ? fmax(0, mid - half) : 0;
	s.high = hits < n ? fmin(1, mid + half) : 1;
	return s;
}

static void write_share(struct oc_buf *out, const char *name, struct share s)
{
	oc_buf_printf(out, "\"%s\":{\"share\":", name);
	oc_buf_double(out, s.p);
	oc_buf_puts(out, ",\"low\":");
	oc_buf_double(out, s.low);
	oc_buf_puts(out, ",\"high\":");
	oc_buf_double(out, s.high);
	oc_buf_putc(out, '}');
}

/* Calculations of `digits` digits or more. */
static uint64_t of_size(const struct oc_sum_count *c, int digits)
{
	uint64_t n = 0;

	for (int i = digits > 0 ? digits - 1 : 0; i < OC_SUM_SIZES; i++)
		n += c->size[i];
	return n;
}

void oc_sums_write(const struct oc_sums *s, uint32_t asked, struct oc_buf *out)
{
	static const char *const names[] = {"human", "generated", "right", "kept"};
	const struct oc_sum_count *made = &s->count[OC_SUM_GENERATED],
				  *kept = &s->count[OC_SUM_KEPT];

	oc_buf_putc(out, '{');
	for (int k = 0; k < OC_SUM_KINDS; k++) {
		const struct oc_sum_count *c = &s->count[k];
		const char *sep = "";
		oc_buf_printf(out,
		              "\"%s\":{\"n\":%llu,\"trivial\":%llu,\"not_trivial\":%llu,"
		              "\"distinct\":%llu,\"by_digits\":{",
		              names[k], (unsigned long long)c->n, (unsigned long long)c->trivial,
		              (unsigned long long)(c->n - c->trivial),
		              (unsigned long long)s->distinct[k]);
		for (int i = 0; i < OC_SUM_SIZES; i++) {
			if (!c->size[i])
				continue;
			oc_buf_printf(out, "%s\"%d\":%llu", sep, i + 1,
			              (unsigned long long)c->size[i]);
			sep = ",";
		}
		oc_buf_puts(out, "}},");
	}
	int largest = asked ? 32 - __builtin_clz(asked) : 0;
	double want = asked ? 1.0 / __builtin_popcount(asked) : 0;
	uint64_t a = of_size(kept, largest), n = kept->n;
	uint64_t b = of_size(made, largest), m = made->n;
	/* kept rows are part of the generated ones: independent are kept and not kept */
	struct share k = wilson(a, n), g = wilson(b, m), r = wilson(b - a, m - n);
	double d = k.p - r.p, low = -1, high = 1;
	if (n && m > n) {
		low = d - sqrt((k.p - k.low) * (k.p - k.low) + (r.high - r.p) * (r.high - r.p));
		high = d + sqrt((k.high - k.p) * (k.high - k.p) + (r.p - r.low) * (r.p - r.low));
	}
	oc_buf_puts(out, "\"asked_digits\":[");
	const char *sep = "";
	for (int i = 0; i < OC_SUM_SIZES; i++) {
		if (!(asked >> i & 1))
			continue;
		oc_buf_printf(out, "%s%d", sep, i + 1);
		sep = ",";
	}
	oc_buf_printf(out, "],\"as_asked\":{\"digits\":%d,\"asked\":", largest);
	oc_buf_double(out, want);
	oc_buf_putc(out, ',');
	write_share(out, "generated", g);
	oc_buf_putc(out, ',');
	write_share(out, "kept", k);
	oc_buf_putc(out, ',');
	write_share(out, "not_kept", r);
	oc_buf_puts(out, ",\"difference\":");
	oc_buf_double(out, d);
	oc_buf_puts(out, ",\"low\":");
	oc_buf_double(out, low);
	oc_buf_puts(out, ",\"high\":");
	oc_buf_double(out, high);
	oc_buf_puts(out, "}");
	if (asked && (k.high < want || high < 0))
		oc_buf_printf(out, ",\"sentence\":\"the survivors are easier than what was %s\"",
		              k.high < want ? "asked" : "generated");
	oc_buf_putc(out, '}');
}
