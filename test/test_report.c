/* The page of a run: hostile rows stay text, numbers are those given, links lead somewhere, and no
 * row makes it large. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/html.h"
#include "report/report.h"
#include "text/utf8.h"

/* ------------------------------------------------------------ facts and pages */

static const char hostile[] =
	"</dd></main><script>alert(1)</script><img src=x onerror=\"alert(2)\">&amp; <!-- ]]> "
	"\" onclick=x '\r\n\x01\x1b[2J";
static const char right_to_left[] = "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x80\xae"
				    "abc";

static void member(struct oc_buf *b, const char *name, const char *value)
{
	oc_buf_printf(b, ",\"%s\":", name);
	oc_buf_json(b, oc_str(value));
}

/* A run with everything: `text` stands wherever rows or people's words can stand. */
static void facts_full(struct oc_buf *b, const char *text)
{
	struct oc_buf t = {0};

	oc_buf_json(&t, oc_str(text));
	const char *s = oc_buf_cstr(&t);
	oc_buf_printf(
		b, "{\"program\":\"outcross\",\"created\":\"now\",\"seed\":7,\"plan_hash\":\"ab\"");
	member(b, "name", text);
	member(b, "folder", text);
	member(b, "state", "review");
	oc_buf_printf(b,
	              ",\"rows\":{\"in\":1234567,\"made\":89,\"repeated\":3,\"train\":1200000,"
	              "\"test\":600,\"held\":2,\"rejected\":34050,\"merged\":0,\"unused\":7}"
	              ",\"steps\":[{\"name\":\"read\",\"kind\":\"source\",\"part\":\"sources\","
	              "\"came\":1234567,\"went\":1234567,\"fell\":[],\"left\":null,"
	              "\"undecided\":0,\"changed\":0,\"flagged\":0},"
	              "{\"name\":%s,\"kind\":\"curate\",\"part\":\"exact\",\"came\":0,"
	              "\"went\":1200517,\"fell\":[{\"rule\":\"b\",\"step\":%s,\"n\":50},"
	              "{\"rule\":%s,\"step\":%s,\"n\":34000}],\"left\":{\"to\":\"held\",\"n\":2},"
	              "\"undecided\":2,\"changed\":4321,\"flagged\":0}]",
	              s, s, s, s);
	oc_buf_printf(b,
	              ",\"sources\":[{\"name\":%s,\"type\":\"jsonl\",\"origin\":\"real\","
	              "\"license\":%s,\"collected\":%s,\"attest\":%s,\"rows\":3,"
	              "\"files\":[{\"file\":%s,\"bytes\":3,\"rows\":3,\"hash\":\"00\"}]}]",
	              s, s, s, s, s);
	oc_buf_printf(b,
	              ",\"holdout\":{\"by\":%s,\"real_rows\":6000,\"rows\":600,\"units\":600}"
	              ",\"origin\":{\"real\":{\"rows\":900000,\"tokens\":4},"
	              "\"synthetic\":{\"rows\":300000,\"tokens\":5},\"held_out\":{\"rows\":600,"
	              "\"tokens\":6}},\"depth\":[{\"depth\":0,\"rows\":900000,\"tokens\":4},"
	              "{\"depth\":2,\"rows\":300000,\"tokens\":5}]"
	              ",\"founders\":{\"distinct\":876543,\"effective\":1500.7,\"rows_without\":12}"
	              ",\"lengths\":{\"unit\":\"words\",\"from\":[1,2,4],\"real\":[5,3,2],"
	              "\"synthetic\":[0,1,0],\"held_out\":[1,1,0]}"
	              ",\"spend\":{\"money\":1.25,\"prompt_tokens\":800,\"completion_tokens\":90,"
	              "\"seconds\":8.9,\"sent\":89,\"cached\":0,\"failed\":1}",
	              s);
	oc_buf_printf(b,
	              ",\"recipes\":{%s:{\"made\":89,\"readable\":80,\"kept\":70,\"held\":2,"
	              "\"cells\":[{\"cell\":%s,\"quota\":5,\"kept\":4}]}}"
	              ",\"review\":{\"seen\":40,\"defects\":4,\"low\":0.028,\"high\":0.237,"
	              "\"waiting\":2,\"rows\":[{\"key\":%s,\"rule\":%s,\"row\":{%s:%s},"
	              "\"nearest\":{\"key\":%s,\"rouge_l\":0.5,\"row\":{%s:%s}}}]}",
	              s, s, s, s, s, s, s, s, s);
	oc_buf_printf(b,
	              ",\"rehearsal\":{\"generations\":1,\"held_words\":9,\"start\":%s,"
	              "\"verdict\":%s,\"arms\":[{\"loop\":\"replace\",\"survivors\":[9,3],"
	              "\"says\":[{\"generation\":1,\"text\":%s}]}]}"
	              ",\"examples\":[{\"key\":%s,\"row\":{%s:%s,\"n\":[1,{\"x\":%s}]},"
	              "\"nearest\":{\"key\":%s,\"rouge_l\":0.25,\"row\":{\"a\":%s}}}]",
	              s, s, s, s, s, s, s, s, s);
	oc_buf_printf(b,
	              ",\"fallen\":[{\"step\":%s,\"rule\":%s,\"n\":34000,\"examples\":["
	              "{\"key\":%s,\"row\":{\"t\":%s}},{\"key\":\"k\",\"base64\":\"//48YgA=\"},"
	              "{\"key\":\"k\",\"begins\":%s,\"bytes\":99999}]},"
	              "{\"step\":%s,\"rule\":\"b\",\"n\":50,\"examples\":[]}]",
	              s, s, s, s, s, s);
	oc_buf_printf(b,
	              ",\"stages\":[{\"step\":%s,\"part\":\"exact\",\"title\":%s,\"lead\":%s,"
	              "\"reference\":%s,\"warnings\":[%s],\"figures\":[{\"name\":%s,\"unit\":%s,"
	              "\"value\":2345.6,\"low\":0.1,\"high\":0.2,\"heldout\":0.3}],"
	              "\"tables\":[{\"title\":%s,\"columns\":[{\"name\":%s,\"unit\":%s}],"
	              "\"rows\":[[%s],[0.5]]}],\"histograms\":[{\"title\":%s,\"unit\":%s,"
	              "\"series\":%s,\"edges\":[0,1,2],\"counts\":[3,1],\"threshold\":1}],"
	              "\"pairs\":[{\"title\":%s,\"left\":{\"label\":%s,\"key\":%s,\"text\":%s,"
	              "\"spans\":[[0,1]]},\"right\":{\"label\":%s,\"key\":%s,\"text\":%s,"
	              "\"spans\":[]}}]}]",
	              s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s);
	oc_buf_puts(b, ",\"files\":[{\"path\":\"out/data/train-00000-of-00001.jsonl\","
	               "\"bytes\":1048576}]}");
	oc_buf_fini(&t);
}

static struct oc_buf page_of(struct oc_buf *facts)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_buf page = {0};
	struct oc_err err = {0};
	yyjson_val *v = oc_json_parse(a, oc_buf_view(facts), &err);

	assert_non_null(v);
	assert_int_equal(oc_report_html(&page, v, &err), 0);
	oc_arena_free(a);
	oc_buf_fini(facts);
	return page;
}

/* ------------------------------------------------------------- reading a page */

enum { NAMES = 512 };

struct names {
	struct oc_str list[NAMES];
	unsigned n;
};

static bool has(const struct names *names, struct oc_str s)
{
	for (unsigned i = 0; i < names->n; i++)
		if (oc_str_eq(names->list[i], s))
			return true;
	return false;
}

static void add(struct names *names, struct oc_str s)
{
	assert_true(names->n < NAMES);
	names->list[names->n++] = s;
}

/* The elements and attributes that the page may have; nothing here runs or fetches. */
static const char elements[] =
	" html head meta title style body main header section nav h1 h2 h3 h4 h5 p a b i span code "
	"pre div table tr th td br ul li dl dt dd details summary figure figcaption svg line text "
	"polyline circle rect strong mark ";
static const char attributes[] = " lang charset name content class href id style dir role "
				 "aria-label viewBox x y x1 x2 y1 y2 "
				 "cx cy r width height points transform text-anchor ";

static void assert_among(const char *list, const char *p, size_t len)
{
	char word[40];

	assert_true(len > 0 && len < sizeof word - 2);
	snprintf(word, sizeof word, " %.*s ", (int)len, p);
	if (!strstr(list, word))
		fail_msg("the page has%s", word);
}

/* Reads the page as a strict reader would: every element on the list and closed in order; ids,
 * hrefs and the text between tags, entities resolved, are handed back. */
static void page_read(const struct oc_buf *page, struct names *ids, struct names *hrefs,
                      struct oc_buf *text)
{
	static const struct {
		const char *name, *text;
	} entities[] = {{"&amp;", "&"},  {"&lt;", "<"},          {"&gt;", ">"},  {"&quot;", "\""},
	                {"&#13;", "\r"}, {"&#160;", "\xc2\xa0"}, {"&ge;", ">="}, {"&ndash;", "-"}};
	const char *p = page->p, *end = p + page->len, *start;
	struct names open = {0};

	assert_memory_equal(p, "<!doctype html>", 15);
	p += 15;
	while (p < end) {
		if (*p == '&') {
			size_t k = 0, n = sizeof entities / sizeof *entities;
			while (k < n && strncmp(p, entities[k].name, strlen(entities[k].name)) != 0)
				k++;
			assert_true(k < n);
			oc_buf_puts(text, entities[k].text);
			p += strlen(entities[k].name);
			continue;
		}
		assert_true(*p != '>' || (open.n && oc_str_is(open.list[open.n - 1], "style")));
		if (*p != '<') {
			oc_buf_putc(text, *p++);
			continue;
		}
		bool closes = p[1] == '/';
		start = p += closes ? 2 : 1;
		while (p < end && strchr("abcdefghijklmnopqrstuvwxyz123456", *p))
			p++;
		struct oc_str name = {start, (size_t)(p - start)};
		assert_among(elements, name.p, name.len);
		while (!closes && *p == ' ') {
			start = ++p;
			while (*p != '=' && *p != '>')
				p++;
			struct oc_str key = {start, (size_t)(p - start)};
			assert_among(attributes, key.p, key.len);
			assert_memory_equal(p, "=\"", 2);
			start = p += 2;
			while (*p != '"') {
				assert_true(*p != '<' && *p != '>' && p < end);
				p++;
			}
			struct oc_str value = {start, (size_t)(p++ - start)};
			if (oc_str_is(key, "id")) {
				assert_false(has(ids, value));
				add(ids, value);
			}
			if (oc_str_is(key, "href"))
				add(hrefs, value);
		}
		bool void_ = oc_str_is(name, "meta") || oc_str_is(name, "br");
		if (*p == '/') {
			p++;
			void_ = true;
		}
		assert_true(*p++ == '>');
		if (closes) {
			assert_true(open.n && oc_str_eq(open.list[open.n - 1], name));
			open.n--;
		} else if (!void_) {
			add(&open, name);
		}
	}
	assert_int_equal(open.n, 0);
}

/* Strict reading, and what holds of every page. */
static void page_check(const struct oc_buf *page, struct oc_buf *text)
{
	struct names ids = {0}, hrefs = {0};

	assert_int_equal(oc_utf8_check(oc_buf_view(page)), -1);
	for (size_t i = 0; i < page->len; i++)
		assert_true((unsigned char)page->p[i] >= ' ' || page->p[i] == '\n' ||
		            page->p[i] == '\t');
	page_read(page, &ids, &hrefs, text);
	assert_true(hrefs.n > 5);
	for (unsigned i = 0; i < hrefs.n; i++) {
		struct oc_str h = hrefs.list[i];
		if (h.len && h.p[0] == '#')
			assert_true(has(&ids, (struct oc_str){h.p + 1, h.len - 1}));
		else
			assert_true(oc_str_starts(h, "out/") || oc_str_is(h, "report.json") ||
			            oc_str_is(h, "plan.lock.yaml"));
	}
}

static unsigned times(struct oc_buf *text, const char *what)
{
	unsigned n = 0;

	for (const char *p = oc_buf_cstr(text); (p = strstr(p, what)); p++)
		n++;
	return n;
}

/* ---------------------------------------------------------------------- tests */

static void hostile_rows_stay_text(void **state)
{
	struct oc_buf facts = {0}, text = {0};

	(void)state;
	facts_full(&facts, hostile);
	struct oc_buf page = page_of(&facts);
	page_check(&page, &text);
	/* every place shows it, word for word but for control characters */
	assert_true(times(&text, "</dd></main><script>alert(1)</script><img src=x "
	                         "onerror=\"alert(2)\">&amp; <!-- ]]> \" onclick=x '\r\n"
	                         "\xEF\xBF\xBD\xEF\xBF\xBD[2J") > 30);
	assert_int_equal(times(&page, "<script"), 0);
	/* the bytes FF FE < b 00, which are no JSON */
	assert_int_equal(times(&text, "\xEF\xBF\xBD\xEF\xBF\xBD<b\xEF\xBF\xBD"), 1);
	oc_buf_fini(&page);
	oc_buf_fini(&text);
}

static void bytes_that_are_no_text(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} cases[] = {{"a\xff<", 3, "a\xEF\xBF\xBD&lt;"},
	             {"\xc3", 1, "\xEF\xBF\xBD"},
	             {"\xed\xa0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* a surrogate */
	             {"\xc0\xaf", 2, "\xEF\xBF\xBD\xEF\xBF\xBD"},                 /* overlong */
	             {"a\0b\x7f", 4,
	              "a\xEF\xBF\xBD"
	              "b\xEF\xBF\xBD"},
	             {"\xc2\x9b", 2, "\xEF\xBF\xBD"},     /* a control character */
	             {"\xEF\xBF\xBD", 3, "\xEF\xBF\xBD"}, /* itself */
	             {"\xf0\x9f\x8c\xb1\t\n", 6, "\xf0\x9f\x8c\xb1\t\n"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_buf b = {0};
		oc_html_text(&b, (struct oc_str){cases[i].in, cases[i].len});
		assert_string_equal(oc_buf_cstr(&b), cases[i].out);
		oc_buf_fini(&b);
	}
}

/* Text that runs from right to left, and marks that turn the direction, end with their element. */
static void direction_stays_within(void **state)
{
	struct oc_buf facts = {0}, text = {0};

	(void)state;
	facts_full(&facts, right_to_left);
	struct oc_buf page = page_of(&facts);
	page_check(&page, &text);
	assert_non_null(strstr(oc_buf_cstr(&page), "unicode-bidi:isolate"));
	assert_true(times(&page, "<dd dir=\"auto\">\xd7\xa9") >= 4);
	oc_buf_fini(&page);
	oc_buf_fini(&text);
}

static void numbers_are_those_given(void **state)
{
	static const char *const said[] = {
		"1,234,567 read + 89 made + 3 repeated = 1,200,000 train + 600 test + 2 held + "
		"34,050 rejected + 0 merged + 7 unused",
		"1,200,000 train rows descend from 876,543 distinct real rows, effectively 1,501",
		"12 rows descend from no real row. 75.0 % of the rows are real.",
		"900,000 rows, about 4 tokens",
		"600 of 6,000 real rows were held out",
		"34,000 t<>",
		"4,321 changed",
		"People saw 40 rows and rejected or edited 4: a defect rate of "
		"10.0 % (95 % interval 2.8 to 23.7",
		"89 requests sent, 0 answered from the reply store for nothing, 1 failed",
		"80 (89.9 %)",
		"nearest real, ROUGE-L 0.25:",
		"k, 99,999 bytes",
		"2,346 t<>",
		"1,048,576",
		"t<>: t<>, 34,000 rows"};
	struct oc_buf facts = {0}, text = {0};

	(void)state;
	facts_full(&facts, "t<>");
	struct oc_buf page = page_of(&facts);
	page_check(&page, &text);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		if (!times(&text, said[i]))
			fail_msg("the page does not say: %s", said[i]);
	/* a run of 890 tokens, 70 rows of 89 kept: money by row made, kept; tokens by row made */
	assert_int_equal(times(&page, "<td>per row made</td><td class=\"n\">0.014</td>"
	                              "<td class=\"n\">10</td><td class=\"n\">0.1</td>"),
	                 1);
	/* the rule at which most rows fell comes first, in the flow and below */
	const char *more = strstr(oc_buf_cstr(&text), "34,000 t<>"),
		   *fewer = strstr(oc_buf_cstr(&text), "50 b");
	assert_true(more && fewer && more < fewer);
	oc_buf_fini(&page);
	oc_buf_fini(&text);
}

/* What a run has not, it says, and every link still leads somewhere. */
static void a_run_of_nothing(void **state)
{
	struct oc_buf facts = {0}, text = {0};

	(void)state;
	oc_buf_puts(&facts, "{\"name\":\"n\",\"state\":\"done\",\"rows\":{\"in\":0}}");
	struct oc_buf page = page_of(&facts);
	page_check(&page, &text);
	assert_int_equal(times(&text, "No model was asked."), 1);
	assert_int_equal(times(&text, "No row fell."), 1);
	assert_int_equal(times(&text, "Not rehearsed"), 1);
	assert_int_equal(times(&text, "Nobody has reviewed"), 1);
	oc_buf_fini(&page);
	oc_buf_fini(&text);
}

/* A megabyte in every place where rows stand. */
static void a_long_row_is_clipped(void **state)
{
	enum { MB = 1 << 20 };
	char *long_text = malloc(MB + 1);
	struct oc_buf facts = {0}, small = {0}, text = {0};

	(void)state;
	for (size_t i = 0; i < MB; i += 2)
		memcpy(long_text + i, "\xc3\xa9", 2);
	long_text[MB] = 0;
	oc_buf_puts(&facts, "{\"name\":\"n\",\"rows\":{},\"examples\":[{\"key\":\"a:0\",\"row\":{");
	for (int i = 0; i < 100; i++) {
		oc_buf_printf(&facts, "%s\"m%d\":", i ? "," : "", i);
		oc_buf_json(&facts, i ? OC_LIT("x") : oc_str(long_text));
	}
	oc_buf_puts(&facts, "}}],\"fallen\":[{\"step\":\"s\",\"rule\":\"r\",\"n\":1,\"examples\":["
	                    "{\"key\":\"a:1\",\"row\":[");
	oc_buf_json(&facts, oc_str(long_text));
	oc_buf_puts(&facts, "]},{\"key\":\"a:2\",\"base64\":\"");
	memset(long_text, 'A', MB);
	oc_buf_puts(&facts, long_text);
	oc_buf_puts(&facts, "\"}]}]}");
	struct oc_buf page = page_of(&facts);
	page_check(&page, &text);
	oc_buf_puts(&small, "{\"name\":\"n\",\"rows\":{}}");
	struct oc_buf bare = page_of(&small);
	assert_true(page.len < bare.len + 16384);
	assert_int_equal(times(&text, "(1,047,076 more bytes)"), 1);
	assert_int_equal(times(&text, "and 76 more members"), 1);
	oc_buf_fini(&bare);
	oc_buf_fini(&page);
	oc_buf_fini(&text);
	free(long_text);
}

static void the_terminal_is_left_alone(void **state)
{
	static const char *const parts[] = {"summary", "stages", "recipes", "waiting", "rehearsal"};
	struct oc_arena *a = oc_arena_new();
	struct oc_buf facts = {0}, out = {0};
	struct oc_err err = {0};

	(void)state;
	facts_full(&facts, "\x1b[2J\x07 \xc2\x9b"
	                   "2J \xe2\x80\xae turned");
	yyjson_val *v = oc_json_parse(a, oc_buf_view(&facts), &err);
	assert_non_null(v);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		assert_true(oc_report_text(&out, v, oc_str(parts[i])));
		for (size_t k = 0; k < out.len; k++)
			assert_true((unsigned char)out.p[k] >= ' ' || out.p[k] == '\n');
		assert_int_equal(times(&out, "\xc2\x9b"), 0);
		assert_int_equal(times(&out, "\xe2\x80\xae"), 0);
	}
	assert_true(times(&out, "turned") > 0);
	oc_buf_fini(&facts);
	oc_buf_fini(&out);
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_rows_stay_text),
		cmocka_unit_test(bytes_that_are_no_text),
		cmocka_unit_test(direction_stays_within),
		cmocka_unit_test(numbers_are_those_given),
		cmocka_unit_test(a_run_of_nothing),
		cmocka_unit_test(a_long_row_is_clipped),
		cmocka_unit_test(the_terminal_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
