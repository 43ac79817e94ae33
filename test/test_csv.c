/* The CSV source: quotes, types, headers, what it refuses; and the way back through the writer. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/rng.h"
#include "feed.h"
#include "pipe/csv.h"
#include "pipe/source.h"
#include "pipe/writer_csv.h"

static void reads(const char *text, const char *more, size_t n, const char *const *want)
{
	struct feed f;
	char opts[512];

	feed_put("t.csv", oc_str(text));
	snprintf(opts, sizeof opts, "{\"path\":\"t.csv\"%s}", more);
	feed_all(&f, &oc_source_csv, opts);
	assert_int_equal(f.n, n);
	for (size_t i = 0; i < n; i++) {
		if (f.rows[i].fate != OC_LIVE)
			fail_msg("row %zu: %.*s", i, OC_ARG(f.rows[i].verdicts[0].evidence));
		if (!oc_str_is(f.rows[i].raw, want[i]))
			fail_msg("row %zu is %.*s", i, OC_ARG(f.rows[i].raw));
	}
	feed_close(&f);
}

#define READS(text, more, ...)                                                                     \
	do {                                                                                       \
		static const char *const want[] = {__VA_ARGS__};                                   \
		reads(text, more, sizeof want / sizeof want[0], want);                             \
	} while (0)

static void types(void **state)
{
	(void)state;
	READS("i,n,b,s,z,big\n1,1.50,true,x,007,123456789012345678901234567890\n"
	      "-2,3,FALSE,,1,1\n,,,\"\",,\n",
	      "",
	      "{\"i\":1,\"n\":1.50,\"b\":true,\"s\":\"x\",\"z\":\"007\",\"big\":"
	      "123456789012345678901234567890}",
	      "{\"i\":-2,\"n\":3,\"b\":false,\"s\":null,\"z\":\"1\",\"big\":1}",
	      "{\"i\":null,\"n\":null,\"b\":null,\"s\":\"\",\"z\":null,\"big\":null}");
	READS("a,b\n1,2\n", ",\"columns\":{\"a\":\"str\",\"b\":\"num\"}", "{\"a\":\"1\",\"b\":2}");
	READS("1;x\n2;y\n", ",\"header\":false,\"delimiter\":\";\"",
	      "{\"column_1\":1,\"column_2\":\"x\"}", "{\"column_1\":2,\"column_2\":\"y\"}");
	READS("1\t?\n2\t5\n",
	      ",\"header\":false,\"delimiter\":\"tab\",\"nulls\":\"?\",\"columns\":{\"p\":\"auto\","
	      "\"q\":\"auto\"}",
	      "{\"p\":1,\"q\":null}", "{\"p\":2,\"q\":5}");
	READS("a, b\n 1, \"x\" \n", ",\"trim\":true", "{\"a\":1,\"b\":\"x\"}");
	READS("a,,c\n1,2,3\n", "", "{\"a\":1,\"column_2\":2,\"c\":3}");
	assert_int_equal(oc_csv_type_of(OC_LIT("-0")), OC_CSV_INT);
	assert_int_equal(oc_csv_type_of(OC_LIT("1e5")), OC_CSV_NUM);
	assert_int_equal(oc_csv_type_of(OC_LIT("1e")), OC_CSV_STR);
	assert_int_equal(oc_csv_type_of(OC_LIT("1.")), OC_CSV_STR);
	assert_int_equal(oc_csv_type_of(OC_LIT(".5")), OC_CSV_STR);
	assert_int_equal(oc_csv_type_of(OC_LIT("-")), OC_CSV_STR);
	assert_int_equal(oc_csv_type_of(OC_LIT("+1")), OC_CSV_STR);
	assert_int_equal(oc_csv_type_of(OC_LIT("-01")), OC_CSV_STR);
	assert_int_equal(oc_csv_type_of(OC_LIT("nan")), OC_CSV_STR);
}

static void quotes(void **state)
{
	(void)state;
	READS("\xef\xbb\xbf\"a\",\"b,\"\"c\"\"\"\r\n\"x\r\ny\",\"1,2\"\r\n\r\nq\"uo\"te,"
	      "\"\"\"\"\r\n",
	      "", "{\"a\":\"x\\r\\ny\",\"b,\\\"c\\\"\":\"1,2\"}",
	      "{\"a\":\"q\\\"uo\\\"te\",\"b,\\\"c\\\"\":\"\\\"\"}");
	/* Lines within a field are kept, blank ones too, and the record's place is its first. */
	struct feed f;
	feed_put("l.csv", OC_LIT("a,b\n\"1\n\n2\",x\ny,\"z\""));
	feed_all(&f, &oc_source_csv, "{\"path\":\"l.csv\"}");
	assert_int_equal(f.n, 2);
	assert_true(oc_str_is(f.rows[0].raw, "{\"a\":\"1\\n\\n2\",\"b\":\"x\"}"));
	assert_int_equal(f.rows[0].ped.span.offset, 4);
	assert_int_equal(f.rows[0].ped.span.len, 8);
	assert_int_equal(f.rows[1].ped.span.line, 5);
	feed_close(&f);
}

static void is_bad(const struct feed *f, size_t i, const char *rule, const char *part,
                   const char *raw)
{
	const struct oc_row *row = &f->rows[i];

	assert_true(i < f->n);
	assert_int_equal(row->fate, OC_REJECTED);
	assert_true(oc_str_is(row->verdicts[0].rule, rule));
	if (oc_str_find(row->verdicts[0].evidence, oc_str(part)) < 0)
		fail_msg("%.*s does not say %s", OC_ARG(row->verdicts[0].evidence), part);
	if (!oc_str_is(row->raw, raw))
		fail_msg("bytes %.*s", OC_ARG(row->raw));
}

static void bad_rows(void **state)
{
	struct feed f;

	(void)state;
	feed_put("b.csv", OC_LIT("a,b,c\n1,2,3\n1,2\n\n1,2,3,4\n1,\"x\"y,3\n1,\xff,3\n4,z,6\n"
	                         "7,\"open\n8,9,10\n"));
	feed_all(&f, &oc_source_csv, "{\"path\":\"b.csv\",\"columns\":{\"a\":\"int\"}}");
	assert_int_equal(f.n, 7);
	assert_int_equal(f.rows[0].fate, OC_LIVE);
	is_bad(&f, 1, "ragged", "b.csv:3: 3 columns expected, 2 found", "1,2");
	is_bad(&f, 2, "ragged", "b.csv:5: 3 columns expected, 4 found", "1,2,3,4");
	is_bad(&f, 3, "bad_csv", "b.csv:6: text stands behind", "1,\"x\"y,3");
	is_bad(&f, 4, "bad_json", "UTF-8", "1,\xff,3");
	assert_int_equal(f.rows[5].fate, OC_LIVE);
	is_bad(&f, 6, "bad_csv", "b.csv:9: a quoted field that begins here is never closed",
	       "7,\"open\n8,9,10");
	feed_close(&f);

	/* A type that no longer fits after the rows it was inferred from. */
	struct oc_buf b = {0};
	oc_buf_puts(&b, "n,s\n");
	for (int i = 0; i < 1500; i++)
		oc_buf_printf(&b, "%d,x\n", i);
	oc_buf_puts(&b, "many,x\n1500,x\n");
	feed_put("t.csv", oc_buf_view(&b));
	feed_all(&f, &oc_source_csv, "{\"path\":\"t.csv\"}");
	assert_int_equal(f.n, 1502);
	assert_true(oc_str_is(f.rows[1499].raw, "{\"n\":1499,\"s\":\"x\"}"));
	is_bad(&f, 1500, "csv_type", "t.csv:1502: column \\\"n\\\" is int, found \\\"many\\\"",
	       "many,x");
	assert_int_equal(f.rows[1501].ped.row, 1501);
	feed_close(&f);
	feed_all(&f, &oc_source_csv, "{\"path\":\"t.csv\",\"max_row\":5}");
	assert_int_equal(f.rows[999].fate, OC_LIVE);
	is_bad(&f, 1000, "too_long", "t.csv:1002: the row has 6 bytes", "");
	feed_close(&f);
	oc_buf_fini(&b);
}

static void refused(const char *opts, const char *part)
{
	struct feed f;

	assert_int_equal(feed_open(&f, &oc_source_csv, opts), -1);
	if (!strstr(f.err.msg, part))
		fail_msg("\"%s\" does not say \"%s\"", f.err.msg, part);
	feed_close(&f);
}

static void several_files(void **state)
{
	struct feed f;
	const struct oc_input *in;

	(void)state;
	feed_put("m-1.csv", OC_LIT("a,b\n1,x\n"));
	feed_put("m-2.csv", OC_LIT("a,b\n2.5,y\n3,z\n"));
	feed_put("m-3.csv", OC_LIT("a,c\n2,y\n"));
	feed_put("m-4.csv", OC_LIT("a\n2\n"));
	feed_put("twice.csv", OC_LIT("a,b,a\n1,2,3\n"));
	feed_put("open.csv", OC_LIT("a,\"b\n1,2\n"));
	feed_all(&f, &oc_source_csv, "{\"path\":[\"m-1.csv\",\"m-2.csv\"],\"id\":\"b\"}");
	assert_int_equal(f.n, 3);
	assert_true(oc_str_is(f.rows[1].raw, "{\"a\":2.5,\"b\":\"y\"}"));
	assert_true(oc_str_is(f.rows[1].ped.id, "y"));
	assert_int_equal(f.rows[2].ped.row, 2);
	assert_int_equal(f.rows[2].ped.span.line, 3);
	assert_int_equal(oc_source_inputs(f.def, f.self, &in), 2);
	assert_int_equal(in[1].rows, 2);
	feed_close(&f);
	refused("{\"path\":[\"m-1.csv\",\"m-3.csv\"]}", "column 2 is named \"c\"");
	refused("{\"path\":[\"m-1.csv\",\"m-4.csv\"]}", "has 1 columns, the first file has 2");
	refused("{\"path\":\"twice.csv\"}", "columns 1 and 3 are both named \"a\"");
	refused("{\"path\":\"open.csv\"}", "the header");
	refused("{\"path\":\"m-1.csv\",\"columns\":{\"z\":\"int\"}}", "it has a, b");
	refused("{\"path\":\"m-1.csv\",\"columns\":{\"a\":\"date\"}}", "int, num, bool, str");
	refused("{\"path\":\"m-1.csv\",\"delimiter\":\"\\\"\"}", "delimiter");
	refused("{\"path\":\"m-1.csv\",\"delimiter\":\"||\"}", "delimiter");
	feed_put("none.csv", OC_LIT(""));
	feed_all(&f, &oc_source_csv, "{\"path\":\"none.csv\"}");
	assert_int_equal(f.n, 0);
	feed_close(&f);
}

/* What the writer writes, the source reads back as the same row. */
static void there_and_back(void **state)
{
	static const char *const texts[] = {"plain", "with,comma", "\\\"quoted\\\"", "two\\nlines",
	                                    "",      " space ",    "\xc3\xa9",       "\\r\\n\\n",
	                                    "007",   "-"};
	static const struct oc_str names[] = {{"text", 4}, {"n", 1}, {"b", 1}};
	struct oc_columns columns = {names, 3};
	struct oc_batch *batch = oc_batch_new(400);
	struct oc_buf csv = {0};
	struct oc_err err = {0};
	struct oc_rng rng;
	struct feed f;

	(void)state;
	oc_rng_init(&rng, 4, "test_csv");
	oc_csv_header(&csv, &columns);
	for (uint64_t i = 0; i < 400; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		struct oc_row *row = oc_batch_add(batch);
		row->raw =
			oc_arena_printf(batch->arena, "{\"text\":\"%s%s\",\"n\":%s,\"b\":%s}",
		                        texts[oc_draw_below(&d, 10)], texts[oc_draw_below(&d, 10)],
		                        oc_draw_below(&d, 3) ? "1.50" : "null",
		                        oc_draw_below(&d, 2) ? "true" : "null");
		oc_row_parse(row, &err);
		assert_int_equal(oc_csv_row(&csv, &columns, row, &err), 0);
	}
	feed_put("back.csv", oc_buf_view(&csv));
	feed_all(&f, &oc_source_csv, "{\"path\":\"back.csv\"}");
	assert_int_equal(f.n, 400);
	for (size_t i = 0; i < 400; i++)
		if (!oc_str_eq(f.rows[i].raw, batch->rows[i].raw))
			fail_msg("%.*s became %.*s", OC_ARG(batch->rows[i].raw),
			         OC_ARG(f.rows[i].raw));
	feed_close(&f);
	oc_batch_free(batch);
	oc_buf_fini(&csv);
}

/* A published table: 1,309 passengers, quoted names with commas and doubled quotes. */
static void titanic(void **state)
{
	const char *shared = getenv("OUTCROSS_SHARED");
	char path[4096], opts[4200];
	struct feed f;

	(void)state;
	snprintf(path, sizeof path, "%s/data/tabular/titanic.csv", shared ? shared : "../shared");
	if (path[0] != '/' || !oc_file_exists(path))
		skip();
	snprintf(opts, sizeof opts, "{\"path\":\"%s\",\"nulls\":\"?\"}", path);
	feed_all(&f, &oc_source_csv, opts);
	assert_int_equal(f.n, 1309);
	for (size_t i = 0; i < f.n; i++)
		assert_int_equal(f.rows[i].fate, OC_LIVE);
	feed_close(&f);
}

static int clean(void **state)
{
	(void)state;
	feed_clean();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types),          cmocka_unit_test(quotes),
		cmocka_unit_test(bad_rows),       cmocka_unit_test(several_files),
		cmocka_unit_test(there_and_back), cmocka_unit_test(titanic),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
