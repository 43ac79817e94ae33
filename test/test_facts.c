/* What stages hand to the report: the builder, the checks, both renderings. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "data/facts.h"
#include "report/report.h"
#include "report/sections.h"
#include "run/stage_facts.h"

static struct oc_arena *arena;

static int up(void **state)
{
	(void)state;
	arena = oc_arena_new();
	return 0;
}

static int down(void **state)
{
	(void)state;
	oc_arena_free(arena);
	return 0;
}

static int everything(void *self, struct oc_buf *out, struct oc_err *err)
{
	static const struct oc_fact_column columns[] = {{"model", NULL}, {"share", "share"}};
	static const double edges[] = {0, 0.5, 1, 4};
	static const uint64_t counts[] = {2, 0, 6}, held[] = {1, 1, 0}, spans[] = {2, 3, 7, 2};
	struct oc_facts f = {0};

	(void)self;
	(void)err;
	oc_facts_title(&f, "a <title>");
	oc_facts_lead(&f, "%d of %s \"rows\", 1234.56789 v1234.", 12345, "all");
	oc_facts_warn(&f, "look at %s", "this");
	oc_facts_figure(&f, "copied", 0.25, "share");
	oc_facts_interval(&f, 0.2, 0.3);
	oc_facts_heldout(&f, 0.125);
	oc_facts_figure(&f, "never", NAN, "bytes");
	oc_facts_figure(&f, "rows", 12345, "rows");
	oc_facts_table(&f, "by model", columns, 2);
	oc_facts_cell(&f, OC_LIT("m<1>"));
	oc_facts_num(&f, 0.5);
	oc_facts_cell(&f, OC_LIT("m2"));
	oc_facts_num(&f, INFINITY);
	oc_facts_table(&f, "empty", columns, 2);
	oc_facts_histogram(&f, "lengths", "bytes", "rows <made>", edges, counts, 3);
	oc_facts_histogram_heldout(&f, held, 3);
	oc_facts_threshold(&f, 2.5);
	oc_facts_pair(&f, "worst");
	oc_facts_side(&f, "made", OC_LIT("a:1"), OC_LIT("ab<cd efgh"), spans, 2);
	oc_facts_side(&f, "real", OC_LIT("b:2"), OC_LIT("x"), NULL, 0);
	oc_facts_write(&f, out);
	return 0;
}

static const struct oc_stage_def full = {
	.size = sizeof full, .name = "full", .kind = OC_STAGE_ORDERED, .facts = everything};

static void one_object_with_step_and_part(void **state)
{
	struct oc_step_run step = {.def = &full, .name = "my \"step\""};
	struct oc_buf out = {0};
	struct oc_err err = {0};

	(void)state;
	assert_int_equal(oc_stage_facts(&step, &out, &err), 1);
	assert_string_equal(
		oc_buf_cstr(&out),
		"{\"step\":\"my \\\"step\\\"\",\"part\":\"full\",\"title\":\"a <title>\","
		"\"lead\":\"12,345 of all \\\"rows\\\", 1,234.56789 v1234.\",\"warnings\":[\"look "
		"at this\"],"
		"\"figures\":[{\"name\":\"copied\",\"unit\":\"share\",\"value\":0.25,\"low\":0.2,"
		"\"high\":0.3,\"heldout\":0.125},{\"name\":\"never\",\"unit\":\"bytes\","
		"\"value\":null},{\"name\":\"rows\",\"unit\":\"rows\",\"value\":12345}],"
		"\"tables\":[{\"title\":\"by "
		"model\",\"columns\":[{\"name\":\"model\",\"unit\":\"\"},"
		"{\"name\":\"share\",\"unit\":\"share\"}],\"rows\":[[\"m<1>\",0.5],[\"m2\",null]]},"
		"{\"title\":\"empty\",\"columns\":[{\"name\":\"model\",\"unit\":\"\"},"
		"{\"name\":\"share\",\"unit\":\"share\"}],\"rows\":[]}],"
		"\"histograms\":[{\"title\":\"lengths\",\"unit\":\"bytes\",\"series\":\"rows "
		"<made>\","
		"\"edges\":[0,0.5,1,4],\"counts\":[2,0,6],\"heldout\":[1,1,0],\"threshold\":2.5}],"
		"\"pairs\":[{\"title\":\"worst\",\"left\":{\"label\":\"made\",\"key\":\"a:1\","
		"\"text\":\"ab<cd efgh\",\"spans\":[[2,3],[7,2]]},\"right\":{\"label\":\"real\","
		"\"key\":\"b:2\",\"text\":\"x\",\"spans\":[]}}]}");
	oc_buf_fini(&out);
}

static int none(void *self, struct oc_buf *out, struct oc_err *err)
{
	(void)self;
	(void)out;
	(void)err;
	return 0;
}

static void nothing_to_tell_is_nothing(void **state)
{
	struct oc_stage_def silent = {.size = sizeof silent, .name = "silent", .facts = none};
	struct oc_step_run step = {.def = &silent, .name = "s"};
	struct oc_buf out = {0};
	struct oc_err err = {0};

	(void)state;
	assert_int_equal(oc_stage_facts(&step, &out, &err), 0);
	silent.facts = NULL;
	assert_int_equal(oc_stage_facts(&step, &out, &err), 0);
	assert_int_equal(out.len, 0);
}

static const char *wrong_text;

static int wrong(void *self, struct oc_buf *out, struct oc_err *err)
{
	(void)self;
	(void)err;
	oc_buf_puts(out, wrong_text);
	return 0;
}

static void wrong_facts_name_the_step(void **state)
{
	static const char *const texts[] = {
		"{",
		"[]",
		"{\"title\":\"t\"}",
		"{\"title\":\"t\",\"lead\":\"l\",\"more\":1}",
		"{\"title\":\"t\",\"lead\":\"l\",\"figures\":{}}",
		"{\"title\":\"t\",\"lead\":\"l\",\"figures\":[{\"name\":\"n\",\"unit\":\"\"}]}",
		"{\"title\":\"t\",\"lead\":\"l\",\"figures\":[{\"name\":\"n\",\"unit\":\"\","
		"\"value\":\"1\"}]}",
		"{\"title\":\"t\",\"lead\":\"l\",\"tables\":[{\"title\":\"t\",\"columns\":[{"
		"\"name\":"
		"\"n\",\"unit\":\"\"}],\"rows\":[[1,2]]}]}",
		"{\"title\":\"t\",\"lead\":\"l\",\"histograms\":[{\"title\":\"t\",\"unit\":\"\","
		"\"series\":\"s\",\"edges\":[0,1],\"counts\":[1,2]}]}",
		"{\"title\":\"t\",\"lead\":\"l\",\"histograms\":[{\"title\":\"t\",\"unit\":\"\","
		"\"series\":\"s\",\"edges\":[0,1,1],\"counts\":[1,2]}]}",
		"{\"title\":\"t\",\"lead\":\"l\",\"histograms\":[{\"title\":\"t\",\"unit\":\"\","
		"\"series\":\"s\",\"edges\":[0,1,2],\"counts\":[1,-2]}]}",
		/* a span beyond its text, and one that cuts a code point */
		"{\"title\":\"t\",\"lead\":\"l\",\"pairs\":[{\"title\":\"\",\"left\":{\"label\":"
		"\"\","
		"\"key\":\"k\",\"text\":\"abc\",\"spans\":[[2,2]]},\"right\":{\"label\":\"\","
		"\"key\":\"k\",\"text\":\"abc\",\"spans\":[]}}]}",
		"{\"title\":\"t\",\"lead\":\"l\",\"pairs\":[{\"title\":\"\",\"left\":{\"label\":"
		"\"\","
		"\"key\":\"k\",\"text\":\"a\\u00e9c\",\"spans\":[[0,2]]},\"right\":{\"label\":\"\","
		"\"key\":\"k\",\"text\":\"abc\",\"spans\":[]}}]}",
	};
	struct oc_stage_def def = {.size = sizeof def, .name = "wrong", .facts = wrong};
	struct oc_step_run step = {.def = &def, .name = "culprit"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct oc_buf out = {0};
		struct oc_err err = {0};
		wrong_text = texts[i];
		if (oc_stage_facts(&step, &out, &err) != -1)
			fail_msg("accepted: %s", texts[i]);
		assert_non_null(strstr(err.where, "culprit"));
		assert_int_equal(out.len, 0);
		oc_buf_fini(&out);
	}
}

/* {"stages":[the facts above]} */
static yyjson_val *report(void)
{
	struct oc_step_run step = {.def = &full, .name = "full"};
	struct oc_buf out = {0};
	struct oc_err err = {0};

	oc_buf_puts(&out, "{\"stages\":[");
	assert_int_equal(oc_stage_facts(&step, &out, &err), 1);
	oc_buf_puts(&out, "]}");
	yyjson_val *v = oc_json_parse(arena, oc_buf_view(&out), &err);
	oc_buf_fini(&out);
	return v;
}

static void the_terminal_shows_it(void **state)
{
	static const char *const brief =
		"full: 12,345 of all \"rows\", 1,234.56789 v1234.\n"
		"  ! look at this\n"
		"  copied  25 % (20 % to 30 %); held-out real rows 12.5 %\n"
		"  never   not measured\n"
		"  rows    12,345 rows\n";
	static const char *const parts[] = {
		("  by model\n    model           share\n    m<1>             50 %\n"
	         "    m2       not measured\n"),
		"made a:1: ab[<cd] efgh\n",
		"75.0 %    0.0 %  <- threshold\n",
	};
	struct oc_buf out = {0};
	yyjson_val *facts = report();

	(void)state;
	oc_report_stages(&out, oc_json_get(facts, "stages"), true);
	assert_string_equal(oc_buf_cstr(&out), brief);
	out.len = 0;
	assert_true(oc_report_text(&out, facts, OC_LIT("stages")));
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (!strstr(oc_buf_cstr(&out), parts[i]))
			fail_msg("no \"%s\" in %s", parts[i], oc_buf_cstr(&out));
	oc_buf_fini(&out);
}

static void the_page_shows_it(void **state)
{
	static const char *const parts[] = {
		"<h3 id=\"stage-full\">full</h3>\n<h4>a &lt;title&gt;</h4>",
		"<p class=\"warn\">look at this</p>",
		"25 %<br><span class=\"soft\">(20 % to 30 %)</span>",
		"<td>m&lt;1&gt;</td><td class=\"n\">50 %</td>",
		"ab<mark>&lt;cd</mark> e<mark>fg</mark>h</p>",
		"threshold 2.5",
		"rows &lt;made&gt;",
	};
	struct oc_buf out = {0};

	(void)state;
	oc_section_stages(&out, report());
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (!strstr(oc_buf_cstr(&out), parts[i]))
			fail_msg("no \"%s\" in %s", parts[i], oc_buf_cstr(&out));
	oc_buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_object_with_step_and_part),
		cmocka_unit_test(nothing_to_tell_is_nothing),
		cmocka_unit_test(wrong_facts_name_the_step),
		cmocka_unit_test(the_terminal_shows_it),
		cmocka_unit_test(the_page_shows_it),
	};

	return cmocka_run_group_tests(tests, up, down);
}
