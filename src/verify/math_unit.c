/*
 * math_unit.c: units of measure behind a number. Conversions are the exact legal ones (an inch is
 * 25.4 mm, a pound 453.59237 g); a month has no fixed number of days and is a dimension of its own.
 */
#include "verify/math_tree.h"

enum dim { LENGTH, MASS, TIME, MONTH, MONEY, VOLUME, ANGLE, HEAT_C, HEAT_F, DATA, DIMS };

/* Scale to the smallest unit of the dimension, n/d. Names: canonical first. */
static const struct unit {
	const char *names;
	uint8_t dim;
	int64_t n, d;
} table[] = {
	{" mm millimeter millimetre ", LENGTH, 1, 1},
	{" cm centimeter centimetre ", LENGTH, 10, 1},
	{" m meter metre ", LENGTH, 1000, 1},
	{" km kilometer kilometre ", LENGTH, 1000000, 1},
	{" inch in inches ", LENGTH, 127, 5},
	{" ft foot feet ", LENGTH, 1524, 5},
	{" yd yard ", LENGTH, 4572, 5},
	{" mile mi ", LENGTH, 1609344, 1},
	{" mg milligram ", MASS, 1, 1},
	{" g gram ", MASS, 1000, 1},
	{" kg kilogram kilo ", MASS, 1000000, 1},
	{" lb pound lbs ", MASS, 45359237, 100},
	{" oz ounce ", MASS, 45359237, 1600},
	{" ms millisecond ", TIME, 1, 1},
	{" s sec second ", TIME, 1000, 1},
	{" min minute mins ", TIME, 60000, 1},
	{" h hr hour hrs ", TIME, 3600000, 1},
	{" day ", TIME, 86400000, 1},
	{" week wk ", TIME, 604800000, 1},
	{" month ", MONTH, 1, 1},
	{" year yr ", MONTH, 12, 1},
	{" decade ", MONTH, 120, 1},
	{" cent penny pennies ", MONEY, 1, 1},
	{" $ dollar usd buck ", MONEY, 100, 1},
	{" ml milliliter millilitre mL ", VOLUME, 1, 1},
	{" l liter litre L ", VOLUME, 1000, 1},
	{" gallon gal ", VOLUME, 3785411784, 1000000},
	{" quart qt ", VOLUME, 3785411784, 4000000},
	{" pint pt ", VOLUME, 3785411784, 8000000},
	{" cup ", VOLUME, 3785411784, 16000000},
	{" degree deg ", ANGLE, 1, 1},
	{" degc celsius ", HEAT_C, 1, 1},
	{" degf fahrenheit ", HEAT_F, 1, 1},
	{" bit ", DATA, 1, 1},
	{" byte ", DATA, 8, 1},
};
#define UNITS (sizeof table / sizeof table[0])

static const struct unit *find(struct oc_str w)
{
	char key[24];
	if (w.len == 0 || w.len > sizeof key - 3)
		return NULL;
	key[0] = ' ';
	memcpy(key + 1, w.p, w.len);
	key[w.len + 1] = ' ';
	key[w.len + 2] = 0;
	for (size_t k = 0; k < UNITS; k++)
		if (strstr(table[k].names, key))
			return &table[k];
	return NULL;
}

/* Canonical spelling of one word in `out` (24 bytes and more are cut off: still comparable). */
static struct oc_str canonical(struct oc_str w, char out[24])
{
	const struct unit *u;
	size_t n = w.len < 23 ? w.len : 23;

	if (w.len <= 2 && (u = find(w)) != NULL)
		goto known;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(w.p[i] >= 'A' && w.p[i] <= 'Z' ? w.p[i] | 0x20 : w.p[i]);
	struct oc_str low = {out, n};
	if ((u = find(low)) != NULL)
		goto known;
	if (n > 3 && out[n - 1] == 's' && out[n - 2] != 's') {
		low.len--;
		if (low.len > 3 && out[low.len - 1] == 'e' &&
		    (out[low.len - 2] == 'x' || out[low.len - 2] == 'h' ||
		     (out[low.len - 2] == 's' && out[low.len - 3] == 's')))
			low.len--; /* boxes, dishes, glasses */
		else if (low.len > 3 && out[low.len - 1] == 'e' && out[low.len - 2] == 'i') {
			low.len--; /* berries */
			out[low.len - 1] = 'y';
		}
		if ((u = find(low)) != NULL)
			goto known;
	}
	return low;
known:;
	const char *from = u->names + 1, *to = strchr(from, ' ');
	size_t len = (size_t)(to - from);
	memcpy(out, from, len);
	return (struct oc_str){out, len};
}

bool oc_math_unit_known(struct oc_str word)
{
	char out[24];
	return find(canonical(word, out)) != NULL;
}

void oc_math_unit(struct oc_buf *out, const struct oc_str *words, size_t word_n)
{
	size_t start = out->len;
	int power = 0;

	for (size_t i = 0; i < word_n; i++) {
		char spelled[24];
		struct oc_str w = canonical(words[i], spelled);
		if (oc_str_is(w, "per") || oc_str_is(words[i], "/")) {
			oc_buf_putc(out, '/');
			continue;
		}
		if (oc_str_is(w, "square") || oc_str_is(w, "sq")) {
			power = 2;
			continue;
		}
		if (oc_str_is(w, "cubic")) {
			power = 3;
			continue;
		}
		if (oc_str_is(w, "squared") || oc_str_is(w, "cubed")) {
			oc_buf_puts(out, oc_str_is(w, "cubed") ? "^3" : "^2");
			continue;
		}
		if (oc_str_is(w, "mph"))
			w = OC_LIT("mile/h");
		if (oc_str_is(w, "kmh") || oc_str_is(w, "kph"))
			w = OC_LIT("km/h");
		bool glued = out->len == start || out->p[out->len - 1] == '/' ||
		             out->p[out->len - 1] == '^' || oc_str_is(w, "^");
		if (oc_str_is(w, "degree") && i + 1 < word_n &&
		    (oc_str_is(words[i + 1], "C") || oc_str_is(words[i + 1], "F") ||
		     oc_str_is(words[i + 1], "Celsius") || oc_str_is(words[i + 1], "Fahrenheit"))) {
			w = words[++i].p[0] == 'C' ? OC_LIT("degc") : OC_LIT("degf");
		}
		if (!glued)
			oc_buf_putc(out, ' ');
		oc_buf_str(out, w);
		if (power)
			oc_buf_printf(out, "^%d", power);
		power = 0;
	}
}

/* A unit's dimensions and scale; false when a part of it is unknown. */
static bool measure(struct oc_math *m, struct oc_str u, int dims[DIMS], struct oc_rat *scale)
{
	int side = 1;
	size_t i = 0;

	memset(dims, 0, sizeof(int) * DIMS);
	*scale = oc_rat_int(1);
	if (u.len == 0)
		return false;
	while (i < u.len) {
		if (u.p[i] == ' ' || u.p[i] == '/') {
			if (u.p[i++] == '/')
				side = -1;
			continue;
		}
		size_t from = i;
		while (i < u.len && u.p[i] != ' ' && u.p[i] != '/' && u.p[i] != '^')
			i++;
		const struct unit *f = find((struct oc_str){u.p + from, i - from});
		int power = 1;
		if (i + 1 < u.len && u.p[i] == '^' && u.p[i + 1] >= '1' && u.p[i + 1] <= '9') {
			power = u.p[i + 1] - '0';
			i += 2;
		}
		if (!f || i == from)
			return false;
		struct oc_rat s;
		dims[f->dim] += side * power;
		if (!oc_rat_op(&m->rats, '/', oc_rat_int(f->n), oc_rat_int(f->d), &s) ||
		    !oc_rat_pow(&m->rats, s, side * power, &s) ||
		    !oc_rat_op(&m->rats, '*', *scale, s, scale))
			return false;
	}
	return true;
}

static bool prefix_words(struct oc_str a, struct oc_str b)
{
	return a.len && a.len <= b.len && memcmp(a.p, b.p, a.len) == 0 &&
	       (a.len == b.len || b.p[a.len] == ' ');
}

bool oc_math_unit_ratio(struct oc_math *m, struct oc_str a, struct oc_str b, bool *same,
                        struct oc_rat *ratio)
{
	int da[DIMS], db[DIMS];
	struct oc_rat sa, sb;

	*same = true;
	*ratio = oc_rat_int(1);
	if (prefix_words(a, b) || prefix_words(b, a))
		return true;
	if (!measure(m, a, da, &sa) || !measure(m, b, db, &sb))
		return false;
	/* a month is some number of days, nobody knows which */
	if ((da[MONTH] || db[MONTH]) && (da[TIME] || db[TIME]))
		return false;
	*same = memcmp(da, db, sizeof da) == 0;
	return !*same || oc_rat_op(&m->rats, '/', sa, sb, ratio);
}

bool oc_math_unit_explains(struct oc_math *m, struct oc_str unit, struct oc_rat with,
                           struct oc_rat without)
{
	const struct unit *u = find(unit);
	struct oc_rat got, want;

	if (!u || oc_rat_sign(with) == 0 || !oc_rat_op(&m->rats, '/', without, with, &got))
		return false;
	for (size_t k = 0; k < UNITS; k++) {
		if (table[k].dim != u->dim || &table[k] == u)
			continue;
		struct oc_rat num = oc_rat_int(u->n), den;
		if (oc_rat_op(&m->rats, '*', num, oc_rat_int(table[k].d), &num) &&
		    oc_rat_op(&m->rats, '*', oc_rat_int(u->d), oc_rat_int(table[k].n), &den) &&
		    oc_rat_op(&m->rats, '/', num, den, &want) &&
		    oc_rat_cmp(&m->rats, got, want) == 0)
			return true;
	}
	return false;
}
