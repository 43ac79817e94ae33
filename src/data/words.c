/* words.c: what people type: names with typing errors, sizes and times. */
#include <stdlib.h>

#include "data/opts.h"

#define NAME_MAX_LEN 64 /* longer words are nobody's typing error */

/* Optimal string alignment distance: insertions, deletions, substitutions, swapped neighbours. */
static unsigned distance(struct oc_str a, const char *b, size_t bn)
{
	unsigned rows[3][NAME_MAX_LEN + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= bn; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= bn; j++) {
			unsigned best = last[j - 1] + (a.p[i - 1] != b[j - 1]);
			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a.p[i - 1] == b[j - 2] && a.p[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		unsigned *spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[bn];
}

/* "tresh" stands in "threshold": all letters in their order. */
static bool is_within(struct oc_str word, const char *name)
{
	size_t i = 0;

	for (; *name && i < word.len; name++)
		i += *name == word.p[i];
	return i == word.len;
}

const char *oc_nearest(struct oc_str word, const char *const *names, size_t name_n)
{
	const char *best = NULL;
	unsigned best_d = 0;

	if (word.len == 0 || word.len > NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < name_n; i++) {
		size_t len = strlen(names[i]);
		if (len == 0 || len > NAME_MAX_LEN)
			continue;
		/* A third of the letters may be wrong; a part of the name counts as near. */
		unsigned limit = (unsigned)((len > word.len ? len : word.len) + 2) / 3;
		unsigned d = distance(word, names[i], len);
		if (d > limit && word.len >= 3 &&
		    (strncmp(names[i], word.p, word.len) == 0 ||
		     (len >= 3 && word.len > len && strncmp(names[i], word.p, len) == 0) ||
		     (word.len >= 4 && names[i][0] == word.p[0] && is_within(word, names[i]))))
			d = limit;
		if (d <= limit && (!best || d < best_d)) {
			best = names[i];
			best_d = d;
		}
	}
	return best;
}

/* The number at the start of `text`; *rest is what follows, without white space around it. */
static bool leading_number(struct oc_str text, double *value, struct oc_str *rest)
{
	char digits[40];
	size_t n = 0;
	char *end;

	text = oc_str_trim(text);
	while (n < text.len && n < sizeof digits - 1 &&
	       ((text.p[n] >= '0' && text.p[n] <= '9') || text.p[n] == '.')) {
		digits[n] = text.p[n];
		n++;
	}
	digits[n] = '\0';
	if (n == 0)
		return false;
	*value = strtod(digits, &end);
	*rest = oc_str_trim((struct oc_str){text.p + n, text.len - n});
	return *end == '\0';
}

int64_t oc_parse_bytes(struct oc_str text)
{
	static const struct {
		const char *name;
		double factor;
	} units[] = {
		{"", 1},
		{"B", 1},
		{"kB", 1e3},
		{"KB", 1e3},
		{"k", 1e3},
		{"MB", 1e6},
		{"M", 1e6},
		{"GB", 1e9},
		{"G", 1e9},
		{"TB", 1e12},
		{"T", 1e12},
		{"KiB", 1024.0},
		{"MiB", 1024.0 * 1024},
		{"GiB", 1024.0 * 1024 * 1024},
		{"TiB", 1024.0 * 1024 * 1024 * 1024},
	};
	struct oc_str rest;
	double n;

	if (!leading_number(text, &n, &rest))
		return -1;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (oc_str_is(rest, units[i].name))
			return n * units[i].factor < 9e18 ? (int64_t)(n * units[i].factor) : -1;
	return -1;
}

double oc_parse_duration(struct oc_str text)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {
		{"", 1},     {"s", 1},    {"sec", 1},      {"ms", 1e-3},   {"m", 60},
		{"min", 60}, {"h", 3600}, {"hours", 3600}, {"d", 86400.0}, {"days", 86400.0},
	};
	double n, sum = 0;
	struct oc_str rest = text;

	/* 1h30m is a sum. */
	do {
		size_t unit = 0;
		if (!leading_number(rest, &n, &rest))
			return -1;
		while (unit < rest.len && rest.p[unit] >= 'a' && rest.p[unit] <= 'z')
			unit++;
		size_t i = 0, known = sizeof units / sizeof units[0];
		while (i < known && !oc_str_is((struct oc_str){rest.p, unit}, units[i].name))
			i++;
		if (i == known)
			return -1;
		sum += n * units[i].seconds;
		rest = oc_str_trim((struct oc_str){rest.p + unit, rest.len - unit});
	} while (rest.len > 0);
	return sum;
}
