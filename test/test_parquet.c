/* Parquet: values of every type, places, refusals, and children that die. The files are written by
 * the library from SQL, so that what is in them is known. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/err.h"
#include "cli/helpers.h"
#include "feed.h"
#include "pipe/duck_abi.h"
#include "pipe/duck_child.h"
#include "pipe/source.h"
#include "pipe/writer_parquet.h"

static bool no_library(void)
{
	char path[512];
	struct oc_err err = {0};

	if (oc_duck_find(path, &err) == 0)
		return false;
	print_message("no DuckDB library: setup/parquet.sh fetches one\n");
	return true;
}

#define NEEDS_LIBRARY                                                                              \
	do {                                                                                       \
		(void)state;                                                                       \
		if (no_library())                                                                  \
			skip();                                                                    \
	} while (0)

/* ------------------------------------------------- files made by the library */

/* The helper "sql": runs statements, for this test only. */
static int sql_run(struct oc_port *port)
{
	struct oc_duck d;
	struct oc_duck_result r;
	struct oc_err err = {0};
	struct oc_frame f;
	char path[512];
	void *db = NULL, *con = NULL;

	if (oc_duck_find(path, &err) || oc_duck_load(&d, path, &err) ||
	    d.open_ext(NULL, &db, NULL, NULL) || d.connect(db, &con))
		return -1;
	while (oc_port_recv(port, &f, -1) > 0) {
		struct oc_buf text = {0};
		oc_buf_str(&text, f.data);
		bool failed = d.query(con, oc_buf_cstr(&text), &r);
		oc_port_send(port, OC_FRAME_FIRST, oc_str(failed ? d.result_error(&r) : ""),
		             (struct oc_str){0});
		d.destroy_result(&r);
		oc_buf_fini(&text);
	}
	d.disconnect(&con);
	d.close(&db);
	return 0;
}

static const struct oc_helper_def helper_defs[] = {{"sql", sql_run}};

static struct oc_helper *sql_helper;

/* Runs one statement in a child; FILE in it stands for a file of the test's folder. */
static void sql(const char *name, const char *text)
{
	struct oc_err err = {0};
	struct oc_buf with = {0};
	struct oc_frame f;
	const char *at;

	while ((at = strstr(text, "FILE"))) {
		oc_buf_add(&with, text, (size_t)(at - text));
		oc_buf_printf(&with, "'%s/%s'", feed_dir(), name);
		text = at + 4;
	}
	oc_buf_puts(&with, text);
	if ((!sql_helper && oc_helper_spawn(&sql_helper, feed_ctx, "sql", 20, &err)) ||
	    oc_helper_send(sql_helper, OC_FRAME_FIRST, oc_buf_view(&with), (struct oc_str){0},
	                   &err) ||
	    oc_helper_recv(sql_helper, &f, 60000, &err) != 1 || f.data.len)
		fail_msg("%s: %.*s", err.msg, err.code ? 0 : (int)f.data.len, f.data.p);
	oc_buf_fini(&with);
}

static void is_value(const char *expression, const char *json)
{
	struct oc_buf text = {0}, want = {0};
	struct feed f;

	oc_buf_printf(&text, "COPY (SELECT %s AS v) TO FILE (FORMAT parquet)", expression);
	oc_buf_printf(&want, "{\"v\":%s}", json);
	sql("v.parquet", oc_buf_cstr(&text));
	feed_all(&f, &oc_source_parquet, "{\"path\":\"v.parquet\"}");
	assert_int_equal(f.n, 1);
	if (!oc_str_eq(f.rows[0].raw, oc_buf_view(&want)))
		fail_msg("%s is %.*s, not %s", expression, OC_ARG(f.rows[0].raw),
		         oc_buf_cstr(&want));
	feed_close(&f);
	oc_buf_fini(&text);
	oc_buf_fini(&want);
}

static void values(void **state)
{
	NEEDS_LIBRARY;
	is_value("{'t':true,'f':false,'i8':(-128)::TINYINT,'i16':(-32768)::SMALLINT,"
	         "'i32':(-2147483648)::INTEGER,'u8':255::UTINYINT,'u16':65535::USMALLINT,"
	         "'u32':4294967295::UINTEGER}",
	         "{\"t\":true,\"f\":false,\"i8\":-128,\"i16\":-32768,\"i32\":-2147483648,"
	         "\"u8\":255,\"u16\":65535,\"u32\":4294967295}");
	/* Above 2^53: the digits, not the nearest double. */
	is_value("[9007199254740993, -9223372036854775808, 9223372036854775807]::BIGINT[]",
	         "[9007199254740993,-9223372036854775808,9223372036854775807]");
	is_value("18446744073709551615::UBIGINT", "18446744073709551615");
	is_value("{'a':12.50::DECIMAL(4,2),'b':(-0.01)::DECIMAL(9,2),'c':7::DECIMAL(18,0),"
	         "'d':(-12345678901234567890123456789012345.678)::DECIMAL(38,3)}",
	         "{\"a\":12.50,\"b\":-0.01,\"c\":7,"
	         "\"d\":-12345678901234567890123456789012345.678}");
	is_value("[0.1, 1, -3.4028235e38]::FLOAT[]", "[0.1,1.0,-3.4028235e+38]");
	is_value("[0.1, 1, 1e300, 'nan']::DOUBLE[]", "[0.1,1.0,1e+300,null]");
	is_value("'a\"b\\c' || chr(10) || chr(9) || chr(0) || chr(127) || chr(128512)",
	         "\"a\\\"b\\\\c\\n\\t\\u0000\x7f\xf0\x9f\x98\x80\"");
	is_value("NULL::VARCHAR", "null");
	is_value("'00112233-4455-6677-8899-aabbccddeeff'::UUID",
	         "\"00112233-4455-6677-8899-aabbccddeeff\"");
	is_value("[1, NULL]::INTEGER[]", "[1,null]");
	is_value("[]::INTEGER[]", "[]");
	is_value("[[1], [], NULL]::INTEGER[][]", "[[1],[],null]");
	is_value("[{'role': 'user', 'content': 'a text that is not short'}, NULL]",
	         "[{\"role\":\"user\",\"content\":\"a text that is not short\"},null]");
	is_value("MAP {'a': 1, 'b': NULL}", "{\"a\":1,\"b\":null}");
	is_value("MAP {1: 'x'}", "[{\"key\":1,\"value\":\"x\"}]");
	is_value("'{\"b\" : [1.10, {}]}'::JSON", "{\"b\":[1.10,{}]}");
}

static void times(void **state)
{
	NEEDS_LIBRARY;
	is_value("['2024-02-29', '1970-01-01', '1969-12-31', '0001-01-01', '9999-12-31',"
	         " '2000-03-01', '1900-02-28']::DATE[]",
	         "[\"2024-02-29\",\"1970-01-01\",\"1969-12-31\",\"0001-01-01\",\"9999-12-31\","
	         "\"2000-03-01\",\"1900-02-28\"]");
	is_value("['0002-01-01 (BC)', '12345-06-07']::DATE[]",
	         "[\"-000001-01-01\",\"+012345-06-07\"]");
	is_value("['13:05:00', '00:00:00.25', '23:59:59.999999']::TIME[]",
	         "[\"13:05:00\",\"00:00:00.25\",\"23:59:59.999999\"]");
	is_value("['1969-12-31 23:59:59.999999', '2024-02-29 13:05:00']::TIMESTAMP[]",
	         "[\"1969-12-31T23:59:59.999999\",\"2024-02-29T13:05:00\"]");
	is_value("'2024-02-29 13:05:00.123'::TIMESTAMP_MS", "\"2024-02-29T13:05:00.123\"");
	is_value("'1969-12-31 23:59:59.000000001'::TIMESTAMP_NS",
	         "\"1969-12-31T23:59:59.000000001\"");
	is_value("'2024-02-29 13:05:00Z'::TIMESTAMPTZ", "\"2024-02-29T13:05:00Z\"");
	is_value("INTERVAL '14 months 3 days 4.5 seconds'", "\"P14M3DT4.5S\"");
	is_value("INTERVAL '0 days'", "\"PT0S\"");
}

/* ------------------------------------------------------------------- places */

static void several_files(void **state)
{
	struct feed all;

	NEEDS_LIBRARY;
	sql("p-1.parquet", "COPY (SELECT range AS n, 'r' || range AS id FROM range(5000)) TO FILE "
	                   "(FORMAT parquet, ROW_GROUP_SIZE 2048)");
	/* Another order of the columns, and a name that SQL and patterns would read otherwise. */
	sql("p-2'[x]*.parquet", "SELECT 1");
	sql("p-2.parquet", "COPY (SELECT 'r' || range AS id, range AS n FROM range(5000, 5003)) TO "
	                   "FILE (FORMAT parquet)");
	char from[4300], to[4300];
	snprintf(from, sizeof from, "%s/p-2.parquet", feed_dir());
	snprintf(to, sizeof to, "%s/p-2'[x]*.parquet", feed_dir());
	assert_int_equal(rename(from, to), 0);
	const char *path = "{\"path\":\"p-*.parquet\",\"id\":\"id\"}";
	feed_all(&all, &oc_source_parquet, path);
	assert_int_equal(all.n, 5003);
	for (size_t i = 0; i < all.n; i++) {
		char want[80];
		snprintf(want, sizeof want, "{\"n\":%zu,\"id\":\"r%zu\"}", i, i);
		if (!oc_str_is(all.rows[i].raw, want))
			fail_msg("row %zu is %.*s", i, OC_ARG(all.rows[i].raw));
		assert_int_equal(all.rows[i].ped.row, i);
		assert_int_equal(all.rows[i].ped.span.offset, i < 5000 ? i : i - 5000);
	}
	assert_true(oc_str_is(all.rows[5001].ped.id, "r5001"));
	const struct oc_input *in;
	assert_int_equal(oc_source_inputs(&oc_source_parquet, all.self, &in), 2);
	assert_true(in[0].whole && in[0].rows == 5000 && in[1].rows == 3);
	struct oc_buf bytes = feed_get("p-1.parquet");
	assert_memory_equal(&in[0].hash, &(struct oc_hash128[]){oc_hash128(bytes.p, bytes.len)},
	                    sizeof in[0].hash);
	oc_buf_fini(&bytes);
	feed_close(&all);
}

static void parts_of_a_file(void **state)
{
	struct feed f;

	NEEDS_LIBRARY;
	sql("g.parquet", "COPY (SELECT range AS n, range * 2 AS m, 'x' AS \"a \"\"b\" FROM "
	                 "range(10000)) TO FILE (FORMAT parquet, ROW_GROUP_SIZE 2048)");
	feed_all(&f, &oc_source_parquet,
	         "{\"path\":\"g.parquet\",\"columns\":[\"a \\\"b\",\"m\"],\"row_groups\":\"1-2\"}");
	assert_int_equal(f.n, 4096);
	assert_true(oc_str_is(f.rows[0].raw, "{\"a \\\"b\":\"x\",\"m\":4096}"));
	assert_int_equal(f.rows[0].ped.span.offset, 2048);
	assert_int_equal(f.rows[0].ped.row, 0);
	feed_close(&f);
	feed_all(&f, &oc_source_parquet, "{\"path\":\"g.parquet\",\"row_groups\":\"4\"}");
	assert_int_equal(f.n, 10000 - 4 * 2048);
	feed_close(&f);
	feed_all(&f, &oc_source_parquet, "{\"path\":\"g.parquet\",\"row_groups\":\"9\"}");
	assert_int_equal(f.n, 0);
	feed_close(&f);
	assert_int_equal(feed_open(&f, &oc_source_parquet,
	                           "{\"path\":\"g.parquet\",\"row_groups\":\"2-1\"}"),
	                 -1);
	assert_non_null(strstr(f.err.msg, "row_groups"));
	feed_close(&f);
}

static void rows_that_cannot_be(void **state)
{
	struct feed f;

	NEEDS_LIBRARY;
	sql("inf.parquet",
	    "COPY (SELECT unnest([1, 'inf'::DOUBLE, 2]) AS x) TO FILE (FORMAT parquet)");
	feed_all(&f, &oc_source_parquet, "{\"path\":\"inf.parquet\"}");
	assert_int_equal(f.n, 3);
	assert_int_equal(f.rows[1].fate, OC_REJECTED);
	assert_true(oc_str_is(f.rows[1].verdicts[0].rule, "no_json"));
	assert_true(oc_str_find(f.rows[1].verdicts[0].evidence, OC_LIT("inf.parquet:2:")) >= 0);
	assert_int_equal(f.rows[2].fate, OC_LIVE);
	feed_close(&f);
	sql("long.parquet",
	    "COPY (SELECT repeat('x', unnest([10, 3000000, 700000, 700000, 5])) AS s) "
	    "TO FILE (FORMAT parquet)");
	feed_all(&f, &oc_source_parquet, "{\"path\":\"long.parquet\",\"max_row\":1000000}");
	assert_int_equal(f.n, 5);
	assert_true(oc_str_is(f.rows[1].verdicts[0].rule, "too_long"));
	assert_int_equal(f.rows[3].raw.len, 700008);
	assert_int_equal(f.rows[4].raw.len, 13);
	feed_close(&f);
}

/* ----------------------------------------------------------------- refusals */

/* Opening or reading must fail with this code and these words. */
static void fails(const char *opts, int code, const char *words)
{
	struct feed f;

	if (feed_open(&f, &oc_source_parquet, opts) == 0)
		assert_int_equal(feed_read(&f), -1);
	if (f.err.code != code || !(strstr(f.err.msg, words) || strstr(f.err.where, words)))
		fail_msg("%s: not %s but %d %s: %s", opts, words, f.err.code, f.err.where,
		         f.err.msg);
	feed_close(&f);
}

static void refusals(void **state)
{
	NEEDS_LIBRARY;
	sql("b.parquet",
	    "COPY (SELECT 1 AS a, [{'raw': 'x'::BLOB}] AS image) TO FILE (FORMAT parquet)");
	fails("{\"path\":\"b.parquet\"}", OC_INPUT, "\"image\" holds raw bytes");
	struct feed f;
	feed_all(&f, &oc_source_parquet, "{\"path\":\"b.parquet\",\"columns\":[\"a\"]}");
	assert_true(oc_str_is(f.rows[0].raw, "{\"a\":1}"));
	feed_close(&f);
	feed_all(&f, &oc_source_parquet, "{\"path\":\"b.parquet\",\"binary_as_text\":true}");
	assert_true(oc_str_is(f.rows[0].raw, "{\"a\":1,\"image\":[{\"raw\":\"x\"}]}"));
	feed_close(&f);
	fails("{\"path\":\"b.parquet\",\"columns\":[\"A2\"]}", OC_INPUT,
	      "no column \"A2\"; it has a, image");
	sql("c.parquet", "COPY (SELECT 1 AS other) TO FILE (FORMAT parquet)");
	sql("d.parquet", "COPY (SELECT 1 AS other, 2 AS more) TO FILE (FORMAT parquet)");
	fails("{\"path\":[\"c.parquet\",\"d.parquet\"]}", OC_INPUT, "make them two sources");
	fails("{\"path\":[\"d.parquet\",\"c.parquet\"]}", OC_INPUT, "no column \"more\"");
	fails("{\"path\":\"-\"}", OC_INPUT, "not standard input");
}

static void damaged_files(void **state)
{
	NEEDS_LIBRARY;
	sql("whole.parquet",
	    "COPY (SELECT range AS n, md5(range::VARCHAR) AS s FROM range(20000)) TO "
	    "FILE (FORMAT parquet)");
	struct oc_buf b = feed_get("whole.parquet");
	feed_put("text.parquet", OC_LIT("{\"a\":1}\n"));
	fails("{\"path\":\"text.parquet\"}", OC_INPUT, "does not begin with PAR1");
	feed_put("empty.parquet", OC_LIT(""));
	fails("{\"path\":\"empty.parquet\"}", OC_INPUT, "too short");
	feed_put("cut.parquet", (struct oc_str){b.p, b.len / 2});
	fails("{\"path\":\"cut.parquet\"}", OC_INPUT, "cut off");
	/* The foot, and pages in the middle, overwritten: an error or other rows, never a crash. */
	memset(b.p + b.len - 200, 0x5a, 150);
	feed_put("foot.parquet", oc_buf_view(&b));
	fails("{\"path\":\"foot.parquet\"}", OC_INPUT, "foot.parquet");
	oc_buf_fini(&b);
	b = feed_get("whole.parquet");
	memset(b.p + b.len / 2, 0xff, 3000);
	feed_put("pages.parquet", oc_buf_view(&b));
	fails("{\"path\":\"pages.parquet\"}", OC_INPUT, "pages.parquet");
	oc_buf_fini(&b);
}

/* ------------------------------------------------------------------- writing */

/* Writes the lines as Parquet and reads them back. */
static void writes(const char *lines, const char *back)
{
	char from[4300], to[4300];
	struct oc_err err = {0};
	struct oc_buf got = {0};
	struct feed f;

	feed_put("w.jsonl", oc_str(lines));
	snprintf(from, sizeof from, "%s/w.jsonl", feed_dir());
	snprintf(to, sizeof to, "%s/w.parquet", feed_dir());
	if (oc_parquet_write(feed_ctx, &(struct oc_parquet_file){from, to}, 1, &err))
		fail_msg("%s: %s: %s", lines, err.where, err.msg);
	feed_all(&f, &oc_source_parquet, "{\"path\":\"w.parquet\"}");
	for (size_t i = 0; i < f.n; i++) {
		oc_buf_str(&got, f.rows[i].raw);
		oc_buf_putc(&got, '\n');
	}
	if (!oc_str_is(oc_buf_view(&got), back))
		fail_msg("%s came back as %s", lines, oc_buf_cstr(&got));
	oc_buf_fini(&got);
	feed_close(&f);
}

static void round_trips(void **state)
{
	/* Each comes back byte for byte. */
	static const char *const same[] = {
		"{\"b\":true}\n{\"b\":null}\n{\"b\":false}\n",
		"{\"i\":9007199254740993}\n{\"i\":-9223372036854775808}\n",
		"{\"u\":18446744073709551615}\n{\"u\":0}\n",
		"{\"f\":1.5}\n{\"f\":-1e+300}\n{\"f\":0.1}\n",
		"{\"s\":\"a\\u0000b \\\" \xf0\x9f\x98\x80\"}\n{\"s\":\"\"}\n",
		"{\"l\":[1,null]}\n{\"l\":[]}\n{\"l\":null}\n",
		"{\"ll\":[[1.5],[]]}\n{\"ll\":[]}\n",
		"{\"o\":{\"a\":1,\"b\":[{\"x\":\"y\"}]}}\n{\"o\":{\"a\":null,\"b\":[]}}\n",
		"{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"n\":null}\n",
		/* What no column type holds stays JSON. */
		"{\"mixed\":1}\n{\"mixed\":\"x\"}\n{\"mixed\":[1,\"a\",{}]}\n",
		"{\"empty\":{}}\n",
		"{\"huge\":123456789012345678901234567890}\n{\"huge\":1e999}\n",
		"{\"signs\":18446744073709551615}\n{\"signs\":-1}\n",
		"{\"exact\":9007199254740993}\n{\"exact\":1.5}\n",
		"{\"case\":{\"a\":1,\"A\":2}}\n",
		"{\"a \\\"name\\\", 'with' all\":1,\"; DROP TABLE x; --\":{\"') ,\\\"\":2}}\n",
	};
	NEEDS_LIBRARY;
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		writes(same[i], same[i]);
	/* And what is written otherwise: an integer among floats, an absent member. */
	writes("{\"f\":1}\n{\"f\":2.5}\n", "{\"f\":1.0}\n{\"f\":2.5}\n");
	writes("{\"a\":1}\n{\"b\":\"x\"}\n", "{\"a\":1,\"b\":null}\n{\"a\":null,\"b\":\"x\"}\n");
}

static void unwritable(void **state)
{
	static const struct {
		const char *lines, *words;
	} cases[] = {
		{"{\"Id\":1,\"id\":2}\n", "differ only in case"},
		{"{\"\":1}\n", "must have a name"},
		{"{}\n", "at least one column"},
		{"", "at least one column"},
	};
	char from[4300], to[4300];

	NEEDS_LIBRARY;
	snprintf(from, sizeof from, "%s/w.jsonl", feed_dir());
	snprintf(to, sizeof to, "%s/no.parquet", feed_dir());
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_err err = {0};
		feed_put("w.jsonl", oc_str(cases[i].lines));
		assert_int_equal(
			oc_parquet_write(feed_ctx, &(struct oc_parquet_file){from, to}, 1, &err),
			-1);
		if (!strstr(err.msg, cases[i].words))
			fail_msg("%s", err.msg);
		assert_int_equal(access(to, F_OK), -1);
	}
}

/* Two files of one set have the columns and types of both. */
static void shared_columns(void **state)
{
	char path[4][4300];
	static const char *const names[] = {"x.jsonl", "y.jsonl", "x.parquet", "y.parquet"};
	struct oc_err err = {0};
	struct feed f;

	NEEDS_LIBRARY;
	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof path[i], "%s/%s", feed_dir(), names[i]);
	feed_put("x.jsonl", OC_LIT("{\"a\":1}\n"));
	feed_put("y.jsonl", OC_LIT("{\"a\":0.5,\"b\":\"t\"}\n"));
	struct oc_parquet_file files[] = {{path[0], path[2]}, {path[1], path[3]}};
	assert_int_equal(oc_parquet_write(feed_ctx, files, 2, &err), 0);
	feed_all(&f, &oc_source_parquet, "{\"path\":[\"x.parquet\",\"y.parquet\"]}");
	assert_true(oc_str_is(f.rows[0].raw, "{\"a\":1.0,\"b\":null}"));
	assert_true(oc_str_is(f.rows[1].raw, "{\"a\":0.5,\"b\":\"t\"}"));
	feed_close(&f);
}

/* Rows of 100 bytes and more up to `bytes`, then `last`. */
static void make_rows(struct oc_buf *b, size_t bytes, const char *value, size_t wide,
                      const char *last)
{
	for (unsigned i = 0; b->len < bytes; i++) {
		oc_buf_printf(b, "{\"n\":%u,\"v\":%s,\"s\":\"", i, value);
		for (size_t k = 0; k < (b->len < ((size_t)5 << 20) ? 100 : wide); k++)
			oc_buf_putc(b, (char)('a' + (i * 7 + k * k) % 26));
		oc_buf_puts(b, "\"}\n");
	}
	oc_buf_puts(b, last);
}

/* A file that is followed while it grows is, byte for byte, the one that is written from all its
 * rows, whether the first rows told its columns or not. */
static void followed(void **state)
{
	enum { HEAD = 4 << 20, LONG = 3 << 20 };
	char *line = oc_zalloc(LONG + 32, 1);
	memset(line, 'x', LONG);
	memcpy(line, "{\"s\":\"", 6);
	memcpy(line + LONG, "\"}\n", 4);
	const struct {
		size_t bytes, wide;
		const char *value, *last;
		bool anew;
	} cases[] = {
		{2 * HEAD, 100, "1", "", false},
		{2 * HEAD, 100, "null", "{\"v\":\"text\"}\n", false},
		{2 * HEAD, 100, "1", "{\"v\":1}", false}, /* no newline at the end */
		{2 * HEAD, 100, "1", "{\"new\":1}\n", true},
		{2 * HEAD, 100, "1", "{\"v\":0.5}\n", true},
		{2 * HEAD, 100, "{\"a\":1}", "{\"v\":{\"b\":[]}}\n", true},
		{3 * HEAD, 100, "1", line, true},
		{6 * HEAD, 40000, "1", "", true}, /* fewer rows a group */
		{HEAD / 2, 100, "1", "{\"new\":1}\n", false},
	};
	char rows[4300], plain[4300], made[4300], piped[4400];

	NEEDS_LIBRARY;
	snprintf(rows, sizeof rows, "%s/f.jsonl", feed_dir());
	snprintf(plain, sizeof plain, "%s/plain.parquet", feed_dir());
	snprintf(made, sizeof made, "%s/f.parquet", feed_dir());
	snprintf(piped, sizeof piped, "%s.pipe", rows);
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		struct oc_parquet_follower *p = NULL;
		struct oc_err err = {0};
		struct oc_buf all = {0};
		bool anew = true;
		make_rows(&all, cases[c].bytes, cases[c].value, cases[c].wide, cases[c].last);
		feed_put("f.jsonl", oc_buf_view(&all));
		if (oc_parquet_write(feed_ctx, &(struct oc_parquet_file){rows, plain}, 1, &err))
			fail_msg("case %zu: %s", c, err.msg);
		feed_put("f.jsonl", OC_LIT(""));
		FILE *f = fopen(rows, "w");
		assert_non_null(f);
		assert_int_equal(oc_parquet_follow(&p, feed_ctx,
		                                   &(struct oc_parquet_file){rows, made}, &err),
		                 0);
		for (size_t at = 0, n; at < all.len; at += n) {
			n = 1 + (at * 7919) % 700000;
			n = n < all.len - at ? n : all.len - at;
			assert_int_equal(fwrite(all.p + at, 1, n, f), n);
			fflush(f);
			oc_parquet_grown(p, at + n);
		}
		fclose(f);
		if (oc_parquet_end(p, &anew, &err))
			fail_msg("case %zu: %s", c, err.msg);
		if (anew != cases[c].anew)
			fail_msg("case %zu: %s anew", c, anew ? "made" : "not made");
		struct oc_buf want = feed_get("plain.parquet"), got = feed_get("f.parquet");
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.p, want.p, want.len);
		assert_int_equal(access(piped, F_OK), -1);
		oc_buf_fini(&want);
		oc_buf_fini(&got);
		oc_buf_fini(&all);
	}
	free(line);
}

/* Dropped on the way, and rows that are no JSON: nothing is left. */
static void not_followed(void **state)
{
	char rows[4300], made[4300], piped[4400];
	struct oc_err err = {0};

	NEEDS_LIBRARY;
	snprintf(rows, sizeof rows, "%s/g.jsonl", feed_dir());
	snprintf(made, sizeof made, "%s/g.parquet", feed_dir());
	snprintf(piped, sizeof piped, "%s.pipe", rows);
	for (int broken = 0; broken < 2; broken++) {
		struct oc_parquet_follower *p = NULL;
		struct oc_buf all = {0};
		make_rows(&all, (size_t)9 << 20, "1", 100, broken ? "{no json\n" : "");
		feed_put("g.jsonl", oc_buf_view(&all));
		assert_int_equal(oc_parquet_follow(&p, feed_ctx,
		                                   &(struct oc_parquet_file){rows, made}, &err),
		                 0);
		oc_parquet_grown(p, all.len);
		if (broken)
			assert_int_equal(oc_parquet_end(p, NULL, &err), -1);
		else
			oc_parquet_drop(p);
		assert_int_equal(access(made, F_OK), -1);
		assert_int_equal(access(piped, F_OK), -1);
		oc_buf_fini(&all);
	}
}

/* ------------------------------------------------------------ child, library */

/* The child that was started last. */
static pid_t child_of_ours(void)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	char *got = fgets(text, sizeof text, f);
	fclose(f);
	pid_t pid = 0;
	while (got && *got >= '0' && *got <= '9') {
		pid = (pid_t)strtol(got, &got, 10);
		got += *got == ' ';
	}
	return pid;
}

static void killed_child(void **state)
{
	struct feed f;
	struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS);
	int rc, batches = 0;

	NEEDS_LIBRARY;
	sql("k.parquet", "COPY (SELECT repeat(md5(range::VARCHAR), 30) AS s FROM range(100000)) TO "
	                 "FILE (FORMAT parquet)");
	assert_int_equal(feed_open(&f, &oc_source_parquet, "{\"path\":\"k.parquet\"}"), 0);
	assert_int_equal(oc_source_parquet.next(f.self, b, &f.err), 1);
	pid_t child = child_of_ours();
	if (child) {
		kill(child, SIGKILL);
		do {
			oc_batch_reset(b);
			rc = oc_source_parquet.next(f.self, b, &f.err);
		} while (rc > 0 && ++batches < 1000);
		assert_int_equal(rc, -1);
		assert_non_null(strstr(f.err.msg, "signal 9"));
		assert_non_null(strstr(f.err.where, "k.parquet"));
	}
	oc_batch_free(b);
	feed_close(&f);
}

/* A reader that leaves early must not wait for the rest. */
static void left_early(void **state)
{
	struct feed f;
	struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS);

	NEEDS_LIBRARY;
	assert_int_equal(feed_open(&f, &oc_source_parquet, "{\"path\":\"k.parquet\"}"), 0);
	assert_int_equal(oc_source_parquet.next(f.self, b, &f.err), 1);
	double begin = oc_now();
	feed_close(&f);
	assert_true(oc_now() - begin < 5);
	oc_batch_free(b);
}

static void without_library(void **state)
{
	const char *before = getenv("OUTCROSS_DUCKDB");
	char *kept = before ? strdup(before) : NULL, path[4300];

	(void)state;
	feed_put("any.parquet", OC_LIT("PAR1PAR1"));
	feed_put("libduckdb.so", OC_LIT("no library"));
	setenv("OUTCROSS_DUCKDB", "/nonexistent", 1);
	fails("{\"path\":\"any.parquet\"}", OC_MISSING, "/nonexistent");
	setenv("OUTCROSS_DUCKDB", feed_dir(), 1);
	fails("{\"path\":\"any.parquet\"}", OC_MISSING, "cannot load the library");
	/* Another library: named, with the function that it lacks. */
	snprintf(path, sizeof path, "/proc/%d/no", (int)getpid());
	setenv("OUTCROSS_DUCKDB", path, 1);
	fails("{\"path\":\"any.parquet\"}", OC_MISSING, "no libduckdb.so");
	unsetenv("OUTCROSS_DUCKDB");
	if (kept)
		setenv("OUTCROSS_DUCKDB", kept, 1);
	free(kept);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "__helper") == 0)
		return strcmp(argv[2], "sql") == 0 ? oc_helper_child(helper_defs, 1, argc, argv)
		                                   : oc_helper_main(argc, argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(times),
		cmocka_unit_test(several_files),
		cmocka_unit_test(parts_of_a_file),
		cmocka_unit_test(rows_that_cannot_be),
		cmocka_unit_test(refusals),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(unwritable),
		cmocka_unit_test(shared_columns),
		cmocka_unit_test(followed),
		cmocka_unit_test(not_followed),
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(killed_child),
		cmocka_unit_test(left_early),
		cmocka_unit_test(without_library),
	};
	feed_ctx = oc_ctx_new(2, 0);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	oc_helper_close(sql_helper);
	oc_ctx_free(feed_ctx);
	feed_clean();
	return failed;
}
