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
#include "stage.h"
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

/* ---------------------------------------------------------------- properties */

static struct oc_math *calc;

static int new_calc(void **state)
{
	(void)state;
	calc = oc_math_new();
	return 0;
}

static int free_calc(void **state)
{
	(void)state;
	oc_math_free(calc);
	return 0;
}

static enum oc_math_result cmp(const char *a, const char *g)
{
	return oc_math_compare(calc, oc_str(a), oc_str(g), NULL, NULL);
}

/* "-1234567" with commas between groups of three. */
static void with_commas(char *out, size_t cap, long long v)
{
	char digits[32];
	size_t n = (size_t)snprintf(digits, sizeof digits, "%lld", v < 0 ? -v : v), k = 0;
	if (v < 0)
		out[k++] = '-';
	for (size_t i = 0; i < n && k + 2 < cap; i++) {
		if (i && (n - i) % 3 == 0)
			out[k++] = ',';
		out[k++] = digits[i];
	}
	out[k] = 0;
}

/* One rational in many spellings is equal to itself; a neighbour is not. */
static void spellings(void **state)
{
	struct oc_rng rng;
	oc_rng_init(&rng, 20261122, "spellings");
	(void)state;
	for (uint64_t i = 0; i < 4000; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		long long n = (long long)oc_draw_below(&d, 2000001) - 1000000;
		long long q = 1 + (long long)oc_draw_below(&d, 5000);
		long long k = 2 + (long long)oc_draw_below(&d, 97);
		char gold[64], form[8][160];
		unsigned forms = 0;
		snprintf(gold, sizeof gold, "%lld/%lld", n, q);
		snprintf(form[forms++], 160, "\\frac{%lld}{%lld}", n * k, q * k);
		snprintf(form[forms++], 160, "$x = %lld \\div %lld$", n, q);
		snprintf(form[forms++], 160, "%lld / %lld + %lld - %lld", n, q, k, k);
		snprintf(form[forms++], 160, "\\boxed{-\\dfrac{%lld}{%lld}}", -n, q);
		snprintf(form[forms++], 160, "(%lld * %lld%%) / %lld", n, 100LL * k, q * k);
		if (n > q)
			snprintf(form[forms++], 160, "%lld %lld/%lld", n / q, n % q, q);
		if (n > q && n % q)
			snprintf(form[forms++], 160, "%lld\\frac{%lld}{%lld}", n / q, n % q, q);
		for (unsigned f = 0; f < forms; f++) {
			if (cmp(form[f], gold) != OC_MATH_EQUAL ||
			    cmp(gold, form[f]) != OC_MATH_EQUAL)
				fail_msg("%s is not equal to %s", form[f], gold);
		}
		char whole[48], other[64];
		with_commas(whole, sizeof whole, n);
		snprintf(other, sizeof other, "%lld", n);
		assert_int_equal(cmp(whole, other), OC_MATH_EQUAL);
		/* the neighbour at 1/10^digits */
		unsigned digits = 1 + (unsigned)oc_draw_below(&d, 40);
		snprintf(form[0], 160, "%lld/%lld + 0.%0*d", n, q, (int)digits, 1);
		if (cmp(form[0], gold) != OC_MATH_DIFFERENT)
			fail_msg("%s counts as %s", form[0], gold);
	}
}

/* What is refused before it is evaluated; each must come back at once. */
static void monsters(void **state)
{
	static const char *const texts[] = {
		"9^9^9^9",
		"10^10^10",
		"2^(2^(2^(2^(2^2))))",
		"1000!!",
		"((((((9!)!)!)!)!)!)",
		"1/(1-1)",
		"10^32769 - 1",
		"\\binom{1000000}{500000}",
		"1e99999",
		"0^0",
		"999999999^99999999999",
		"\\sqrt[64]{2^64}^9999999",
		"\\lcm(10^900, 7^900)",
	};
	struct oc_buf b = {0};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		enum oc_math_result r = cmp(texts[i], "5");
		assert_true(r == OC_MATH_UNDECIDED || r == OC_MATH_DIFFERENT);
	}
	/* deep and long inputs */
	for (int kind = 0; kind < 4; kind++) {
		b.len = 0;
		for (int i = 0; i < 1300; i++)
			oc_buf_puts(&b, kind == 0   ? "("
			                : kind == 1 ? "-"
			                : kind == 2 ? "1+"
			                            : "\\frac{1");
		assert_int_equal(oc_math_compare(calc, oc_buf_view(&b), OC_LIT("5"), NULL, NULL),
		                 OC_MATH_UNDECIDED);
	}
	b.len = 0;
	for (int i = 0; i < 999; i++)
		oc_buf_putc(&b, '7');
	assert_int_equal(oc_math_compare(calc, oc_buf_view(&b), oc_buf_view(&b), NULL, NULL),
	                 OC_MATH_EQUAL);
	oc_buf_fini(&b);
}

static void values(void **state)
{
	static const char *const table[][2] = {
		{"34 * 12", "408"},
		{"7/4", "1.75"},
		{"17/3", "17/3"},
		{"-1/8", "-0.125"},
		{"1/1024", "0.0009765625"},
		{"2^-3", "0.125"},
		{"(1 + 2) * 3 - 4", "5"},
		{"10 / 4", "2.5"},
		{"\\frac{3}{4} + 1", "1.75"},
		{"20% of 50", NULL},
		{"x + 1", NULL},
		{"sqrt(2)", NULL},
		{"12 apples", "12"},
		{"2^70", "1180591620717411303424"},
		{"0.1 + 0.2", "0.3"},
		{"gcd(12, 18)", "6"},
		{"1/3 - 1/3", "0"},
	};
	struct oc_buf b = {0};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		b.len = 0;
		bool ok = oc_math_eval(calc, oc_str(table[i][0]), &b, NULL);
		assert_int_equal(ok, table[i][1] != NULL);
		if (ok)
			assert_string_equal(oc_buf_cstr(&b), table[i][1]);
	}
	oc_buf_fini(&b);
}

static void questions(void **state)
{
	static const char *const table[][2] = {
		{"What is 34 * 12?", "34*12"},
		{"Calculate 34 times 12.", "34*12"},
		{"What is 144 divided by 12?", "144/12"},
		{"What is the sum of 3 and 4?", "(3)+(4)"},
		{"Subtract 3 from 10.", "(10)-(3)"},
		{"Compute (3 + 4) * 2 - 1", "(3+4)*2-1"},
		{"What is 1,200 + 34?", "1200+34"},
		{"What is 25% of 80?", "25%*80"},
		{"Tom has 3 apples and 4 pears. How many fruits?", NULL},
		{"Is 3 + 4 more than 2 * 3?", NULL},
		{"If x + 3 * 4 is 15, what is x?", NULL},
	};
	struct oc_buf b = {0};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		b.len = 0;
		bool ok = oc_math_find(calc, oc_str(table[i][0]), &b);
		if (ok != (table[i][1] != NULL))
			fail_msg("%s: %s", table[i][0], ok ? oc_buf_cstr(&b) : "nothing found");
		if (ok)
			assert_string_equal(oc_buf_cstr(&b), table[i][1]);
	}
	oc_buf_fini(&b);
}

static void operands(void **state)
{
	static const struct {
		const char *text;
		uint32_t digits, operations;
		bool trivial;
		const char *ops;
	} table[] = {
		{"34 * 12", 2, 1, false, "*"},   {"What is 34 * 10?", 2, 1, true, "*"},
		{"7 + 0", 1, 1, true, "+"},      {"123 + 45 - 6", 3, 2, false, "+-"},
		{"1 * 17", 2, 1, true, "*"},     {"500 / 100", 3, 1, true, "/"},
		{"1 / 7", 1, 1, false, "/"},     {"2^3 * 12345", 5, 2, false, "*^"},
		{"0.05 * 12", 2, 1, false, "*"},
	};
	struct oc_math_operands o;
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		assert_true(oc_math_operands(calc, oc_str(table[i].text), &o));
		if (o.digits != table[i].digits || o.operations != table[i].operations ||
		    o.trivial != table[i].trivial || strcmp(o.ops, table[i].ops) != 0)
			fail_msg("%s: %u digits, %u operations, %strivial, %s", table[i].text,
			         o.digits, o.operations, o.trivial ? "" : "not ", o.ops);
	}
	assert_false(oc_math_operands(calc, OC_LIT("How are you?"), &o));
}

static void steps(void **state)
{
	/* r right, o rounded, w wrong, u undecided; one letter per calculation expected */
	static const char *const table[][2] = {
		{"12 * 7 = 84", "r"},
		{"3 + 4 = 8", "w"},
		{"5 apples + 3 apples = 8 apples", "r"},
		{"10/3 = 3.33", "o"},
		{"10/3 = 3.34", "w"},
		{"2x + 3 = 5", ""},
		{"x + 3 + 4 = 10", ""},
		{"(12 * 7 = 85)", "w"},
		{"- 3 + 4 = 7", "r"},
		{"1. 3 + 4 = 7\n2. 3 * 4 = 13", "rw"},
		{"20% of 50 = 10", "r"},
		{"5/20 * 100 = 25%", "r"},
		{"3 dozen - 4 = 32", "r"},
		{"1/2 hour = 30 minutes", "u"},
		{"48/2 = <<48/2=24>>24 clips", "rr"},
		{"48/2 = <<48/2=25>>24 clips", "wr"},
		{"3 + 4 = 7 * 2 = 14", "wr"},
		{"28 / 1/5 = 140", "r"},
		{"\\frac{3}{4} \\times 8 = 6", "r"},
		{"**3 + 4 = 7**", "r"},
		{"12 times 3 = 36", "r"},
		{"7 - 10 = -3", "r"},
		{"1,200 + 34 = 1,234", "r"},
		{"13 / 6 = 2 with a remainder of 1", "u"},
		{"10 pages on day 1 * 2 = 20", "u"},
		{"6 * 8 = 46 remain", "w"},
		{"12 / 6 = 3\n43 remain", "w"},
		{"9^9^9^9 = 5", "u"},
		{"the answer = 5", ""},
		{"a == b, 3 <= 4, 5 => 6", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const struct oc_math_step *s;
		char got[16] = "";
		size_t n = oc_math_steps(calc, oc_str(table[i][0]), &s);
		for (size_t k = 0; k < n && k < 15; k++)
			got[k] = "rowu"[s[k].result];
		if (strcmp(got, table[i][1]) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", table[i][0], got, table[i][1]);
	}
}

/* The primes of math_symbolic.c: roots found are roots, for squares and cubes. */
static void modular_roots(void **state)
{
	static const uint64_t primes[] = {2305843009170460321u, 2305843009162478041u,
	                                  1152921504606846697u, 1152921504606837793u};
	unsigned small = 0;
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (uint64_t a = 1; a < 500; a++) {
			uint64_t r, p = primes[i];
			bool square = oc_mod_root(a, 2, p, &r);
			assert_int_equal(square, oc_mod_pow(a, (p - 1) / 2, p) == 1);
			if (square)
				assert_true(oc_mod_mul(r, r, p) == a);
			small += i < 2 && a < 42 && square;
			bool cube = oc_mod_root(a, 3, p, &r);
			assert_int_equal(cube, oc_mod_pow(a, (p - 1) / 3, p) == 1);
			if (cube)
				assert_true(oc_mod_pow(r, 3, p) == a);
			assert_true(oc_mod_mul(a, oc_mod_inverse(a, p), p) == 1);
		}
	}
	assert_int_equal(small, 2 * 41); /* all numbers to 41 have square roots in the first two */
}

/* -------------------------------------------------- against Python's fractions */

static void python_fractions(void **state)
{
	static const char program[] =
		"import random\n"
		"from fractions import Fraction as F\n"
		"random.seed(7)\n"
		"def e(d):\n"
		"    if d == 0 or random.random() < .2:\n"
		"        n = random.choice([random.randint(0, 9), random.randint(0, 10**6),"
		" random.randint(0, 10**25)])\n"
		"        return (str(n), F(n))\n"
		"    (a, x), (b, y) = e(d - 1), e(d - 1)\n"
		"    o = random.choice('+-*/^')\n"
		"    if o == '^':\n"
		"        k = random.randint(-3, 4)\n"
		"        if x == 0 and k <= 0: k = 1\n"
		"        return ('(%s)^(%d)' % (a, k), x ** k)\n"
		"    if o == '/' and y == 0: o = '+'\n"
		"    v = x + y if o == '+' else x - y if o == '-' else x * y if o == '*' else x / "
		"y\n"
		"    return ('(%s) %s (%s)' % (a, o, b), v)\n"
		"for i in range(3000):\n"
		"    t, v = e(4)\n"
		"    if len(t) < 900 and max(v.numerator.bit_length(), v.denominator.bit_length()) "
		"< 2500:\n"
		"        print(t, v, sep='\\t')\n";
	char line[8192];
	unsigned n = 0;

	(void)state;
	if (system("python3 -c 'import fractions' 2>/dev/null") != 0)
		skip();
	char path[] = "/tmp/oc_math_XXXXXX", command[128];
	int fd = mkstemp(path);
	struct oc_err err = {0};
	assert_true(fd >= 0 && oc_write_all(fd, program, sizeof program - 1, path, &err) == 0);
	snprintf(command, sizeof command, "python3 %s", path);
	FILE *f = popen(command, "r");
	while (f && fgets(line, sizeof line, f)) {
		struct oc_str rest = oc_str_trim(oc_str(line)), text = column(&rest);
		enum oc_math_result r = oc_math_compare(calc, text, rest, NULL, NULL);
		if (r != OC_MATH_EQUAL)
			fail_msg("%.*s is not %.*s", OC_ARG(text), OC_ARG(rest));
		n++;
	}
	if (f)
		pclose(f);
	remove(path);
	assert_true(n > 1000);
}

/* --------------------------------------------------------------------- GSM8K */

static bool listed(struct oc_str list, const char *file, unsigned row)
{
	char key[32];
	size_t n = (size_t)snprintf(key, sizeof key, "\n%s\t%u\n", file, row);
	return oc_str_find(list, (struct oc_str){key, n}) >= 0;
}

/* Every human solution is its own gold, and only the rows of the list hold wrong calculations. */
static void gsm8k(void **state)
{
	struct oc_buf known = read_file("test/data/gsm8k_wrong_steps.tsv");
	unsigned rows = 0, calculations = 0, unlisted = 0, wrong_rows = 0;

	(void)state;
	for (int part = 0; part < 2; part++) {
		const char *file = part ? "test" : "train";
		char name[64], path[4096];
		snprintf(name, sizeof name, "text/gsm8k_%s.jsonl", file);
		if (!oc_shared(name, path)) {
			oc_buf_fini(&known);
			skip();
		}
		struct oc_buf data = read_file(path);
		struct oc_str rest = oc_buf_view(&data), line;
		struct oc_arena *arena = oc_arena_new();
		for (unsigned row = 0; next_line(&rest, &line); row++) {
			struct oc_err err = {0};
			const struct oc_math_step *s;
			struct oc_math_verdict v;
			oc_arena_reset(arena);
			yyjson_val *root = oc_json_parse(arena, line, &err);
			struct oc_str solution = oc_json_get_str(root, "answer");
			assert_int_equal(oc_math_check(calc, solution, solution, NULL, &v),
			                 OC_MATH_EQUAL);
			assert_string_equal(v.reason, "equal numbers");
			/* one more is another answer */
			struct oc_buf next = {0};
			oc_buf_puts(&next, "1 + ");
			oc_buf_str(&next, v.gold);
			assert_int_equal(
				oc_math_check(calc, solution, oc_buf_view(&next), NULL, NULL),
				OC_MATH_DIFFERENT);
			oc_buf_fini(&next);
			size_t n = oc_math_steps(calc, solution, &s), wrong = 0;
			for (size_t i = 0; i < n; i++)
				wrong += s[i].result == OC_MATH_STEP_WRONG;
			calculations += (unsigned)n;
			wrong_rows += wrong > 0;
			if ((wrong > 0) != listed(oc_buf_view(&known), file, row)) {
				unlisted++;
				print_message("gsm8k %s row %u: %s\n", file, row,
				              wrong ? "wrong calculation, not listed" : "listed");
			}
			rows++;
		}
		oc_arena_free(arena);
		oc_buf_fini(&data);
	}
	print_message("%u solutions, %u calculations, %u rows with a wrong one\n", rows,
	              calculations, wrong_rows);
	assert_int_equal(rows, 8792);
	assert_int_equal(unlisted, 0);
	oc_buf_fini(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hard_pairs),
		cmocka_unit_test(spellings),
		cmocka_unit_test(monsters),
		cmocka_unit_test(values),
		cmocka_unit_test(questions),
		cmocka_unit_test(operands),
		cmocka_unit_test(steps),
		cmocka_unit_test(modular_roots),
		cmocka_unit_test(python_fractions),
		cmocka_unit_test(gsm8k),
	};
	return cmocka_run_group_tests_name("math", tests, new_calc, free_calc);
}
