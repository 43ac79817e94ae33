/* The command line: options anywhere, every spelling, values checked, words kept in order. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cli/verb.h"

static const struct oc_flag flags[] = {
	{.name = "output", .letter = 'o', .type = OC_OPT_PATH, .arg = "OUT"},
	{.name = "do", .type = OC_OPT_STRS, .arg = "STAGE"},
	{.name = "force", .letter = 'f', .type = OC_OPT_BOOL},
	{.name = "rows", .letter = 'n', .type = OC_OPT_INT, .min = 1, .max = 1e6},
	{.name = "share", .type = OC_OPT_NUM, .min = 0, .max = 1},
	{.name = "memory", .type = OC_OPT_BYTES},
	{.name = "wait", .type = OC_OPT_DURATION},
	{.name = "mode", .type = OC_OPT_ENUM, .choices = "fast|slow"},
	{0},
};

static const struct oc_verb verb = {
	.name = "try", .usage = "FILE...", .flags = flags, .operand_min = 1, .operand_max = 3};

/* Takes a line apart at spaces. Returns as oc_args_parse does. */
static int parse(struct oc_cli *cli, char *line, bool *help, struct oc_err *err)
{
	static char *argv[64];
	int argc = 0;

	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	*cli = (struct oc_cli){.verb = &verb};
	memset(err, 0, sizeof *err);
	return oc_args_parse(cli, argc, argv, help, err);
}

static void test_good(void **state)
{
	char line[] = "a -f --output=x --do one b --do two:k=v --rows 2k --share .5 --memory 1GiB "
		      "--wait 2m --mode slow -- --json";
	struct oc_cli cli;
	struct oc_err err;
	bool help;

	(void)state;
	assert_int_equal(parse(&cli, line, &help, &err), 0);
	assert_false(help);
	assert_int_equal(cli.operand_n, 3);
	assert_string_equal(cli.operands[0], "a");
	assert_string_equal(cli.operands[1], "b");
	assert_string_equal(cli.operands[2], "--json");
	assert_false(cli.json);
	assert_true(oc_arg_bool(&cli, "force"));
	assert_string_equal(oc_arg_str(&cli, "output", NULL), "x");
	assert_string_equal(oc_arg_many(&cli, "do", 0), "one");
	assert_string_equal(oc_arg_many(&cli, "do", 1), "two:k=v");
	assert_null(oc_arg_many(&cli, "do", 2));
	assert_true(oc_arg_num(&cli, "rows", 0) == 2000);
	assert_true(oc_arg_num(&cli, "share", 0) == 0.5);
	assert_true(oc_arg_num(&cli, "memory", 0) == 1073741824.0);
	assert_true(oc_arg_num(&cli, "wait", 0) == 120);
	assert_true(oc_arg_num(&cli, "threads", 7) == 7);
	oc_args_fini(&cli);
}

static void test_spellings(void **state)
{
	struct oc_cli cli;
	struct oc_err err;
	bool help;
	char cluster[] = "a -fqvox", equals[] = "a -o=y -n3 -o z", lone[] = "- -j4 --json";
	char asks[] = "--help";

	(void)state;
	assert_int_equal(parse(&cli, cluster, &help, &err), 0);
	assert_true(cli.quiet && cli.verbose && oc_arg_bool(&cli, "force"));
	assert_string_equal(oc_arg_str(&cli, "output", ""), "x");
	oc_args_fini(&cli);
	/* The last one wins. */
	assert_int_equal(parse(&cli, equals, &help, &err), 0);
	assert_string_equal(oc_arg_str(&cli, "output", ""), "z");
	assert_string_equal(oc_arg_many(&cli, "output", 0), "y");
	assert_true(oc_arg_num(&cli, "rows", 0) == 3);
	oc_args_fini(&cli);
	/* A dash alone is a word. */
	assert_int_equal(parse(&cli, lone, &help, &err), 0);
	assert_string_equal(cli.operands[0], "-");
	assert_true(cli.json && oc_arg_num(&cli, "threads", 0) == 4);
	oc_args_fini(&cli);
	/* Who asks for help need not get the rest right. */
	assert_int_equal(parse(&cli, asks, &help, &err), 0);
	assert_true(help);
	oc_args_fini(&cli);
}

static void test_bad(void **state)
{
	static const char *const cases[][2] = {
		{"", "something is missing; usage: outcross try FILE..."},
		{"a b c d", "`d` is one word too many; usage: outcross try FILE..."},
		{"a --outptu x", "unknown option --outptu; did you mean --output?"},
		{"a -x", "unknown option -x; `outcross try --help` lists them"},
		{"a -o", "--output needs a value: OUT"},
		{"a --force=yes", "--force takes no value"},
		{"a --rows ten", "--rows needs a number, not `ten`"},
		{"a --rows 1.5", "--rows needs a whole number, not `1.5`"},
		{"a --rows 0", "--rows is 0, but must be from 1 to 1e+06"},
		{"a --share nan", "--share needs a number, not `nan`"},
		{"a --share 2", "--share is 2, but must be from 0 to 1"},
		{"a --memory much", "--memory needs a size such as 512MB or 1GiB, not `much`"},
		{"a --wait soon", "--wait needs a time such as 30s, 5m or 2h, not `soon`"},
		{"a --mode middling", "--mode cannot be `middling`; it is one of fast|slow"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct oc_cli cli;
		struct oc_err err;
		char line[128];
		bool help;
		snprintf(line, sizeof line, "%s", cases[i][0]);
		assert_int_equal(parse(&cli, line, &help, &err), -1);
		assert_int_equal(err.code, OC_USAGE);
		assert_string_equal(err.where, "try");
		assert_string_equal(err.msg, cases[i][1]);
		oc_args_fini(&cli);
	}
}

static void test_human(void **state)
{
	char b[32];

	(void)state;
	assert_string_equal(oc_human_count(1234567, b), "1,234,567");
	assert_string_equal(oc_human_count(-1240, b), "-1,240");
	assert_string_equal(oc_human_count(999, b), "999");
	assert_string_equal(oc_human_bytes(999, b), "999 B");
	assert_string_equal(oc_human_bytes(1234567, b), "1.2 MB");
	assert_string_equal(oc_human_bytes(999999, b), "1.0 MB");
	assert_string_equal(oc_human_short(52000, b), "52k");
	assert_string_equal(oc_human_seconds(1.25, b), "1.2 s");
	assert_string_equal(oc_human_seconds(121, b), "2m01s");
	assert_string_equal(oc_human_seconds(3660, b), "1h01m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_bad), cmocka_unit_test(test_human)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
