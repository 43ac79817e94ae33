/* The calculator: hard pairs, properties, GSM8K, and exact values against Python's fractions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "data/json.h"
#include "verify/math.h"
#include "verify/math_num.h"

static struct oc_buf read_file(const char *path)
{
	struct oc_buf b = {0};
	struct oc_err err = {0};
	if (oc_file_read(path, 64u << 20, &b, &err) < 0)
		print_message("%s: %s\n", path, err.msg);
	return b;
}

static bool next_line(struct oc_str *rest, struct oc_str *line)
{
	if (rest->len == 0)
		return false;
	const char *end = memchr(rest->p, '\n', rest->len);
	size_t n = end ? (size_t)(end - rest->p) : rest->len;
	*line = (struct oc_str){rest->p, n};
	rest->p += n + (end != NULL);
	rest->len -= n + (end != NULL);
	return true;
}

static struct oc_str column(struct oc_str *line)
{
	const char *tab = line->len ? memchr(line->p, '\t', line->len) : NULL;
	struct oc_str out = {line->p, tab ? (size_t)(tab - line->p) : line->len};
	size_t used = out.len + (tab != NULL);
	line->p += used;
	line->len -= used;
	return out;
}

/* "\n" written in the table is a line end, but not in "\neq". */
static struct oc_str unescape(struct oc_buf *b, struct oc_str s)
{
	b->len = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && i + 2 < s.len && s.p[i + 1] == 'n' && s.p[i + 2] == '#') {
			oc_buf_putc(b, '\n');
			i++;
		} else {
			oc_buf_putc(b, s.p[i]);
		}
	}
	return oc_buf_view(b);
}

static void hard_pairs(void **state)
{
	struct oc_math *m = oc_math_new();
	struct oc_buf file = read_file("test/data/math_pairs.tsv"), a = {0};
	struct oc_str rest = oc_buf_view(&file), line;
	unsigned n = 0, wrong = 0, undecided = 0;

	(void)state;
	while (next_line(&rest, &line)) {
		if (line.len == 0 || line.p[0] == '#')
			continue;
		struct oc_str want = column(&line), answer = unescape(&a, column(&line)),
			      gold = column(&line), opts = column(&line);
		struct oc_math_opts o = {.size = sizeof o,
		                         .last_digit = oc_str_is(opts, "last_digit"),
		                         .percent_strict = oc_str_is(opts, "strict"),
		                         .last_number = oc_str_is(opts, "last_number")};
		struct oc_math_verdict v;
		enum oc_math_result r = oc_math_check(m, answer, gold, &o, &v);
		n++;
		undecided += r == OC_MATH_UNDECIDED;
		if ("=!?"[r] != want.p[0]) {
			wrong++;
			print_message("want %c: %.*s | %.*s: %s (%s)\n", want.p[0], OC_ARG(answer),
			              OC_ARG(gold), oc_math_result_name(r), v.reason);
		}
	}
	print_message("%u pairs, %u not as expected, %u undecided\n", n, wrong, undecided);
	assert_true(n >= 200);
	assert_int_equal(wrong, 0);
	oc_buf_fini(&file);
	oc_buf_fini(&a);
	oc_math_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hard_pairs),
	};
	return cmocka_run_group_tests_name("math", tests, NULL, NULL);
}
