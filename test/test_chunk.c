/* Chunks of documents: rules of chunk.h on small texts, and as properties of random ones. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/rng.h"
#include "feed.h"
#include "pipe/chunk.h"
#include "pipe/source.h"

/* Joins the chunks with | and compares. */
static void cuts(const char *text, struct oc_chunk_opts opts, const char *want)
{
	struct oc_chunker *c = oc_chunker_new(oc_str(text), &opts);
	struct oc_buf b = {0};
	struct oc_chunk k;

	while (oc_chunker_next(c, &k)) {
		if (b.len)
			oc_buf_putc(&b, '|');
		oc_buf_add(&b, text + k.start, k.end - k.start);
	}
	assert_string_equal(oc_buf_cstr(&b), want);
	oc_buf_fini(&b);
	oc_chunker_free(c);
}

static void units(void **state)
{
	static const char text[] = "One two. Three four!\n\nFive six? Seven.\nEight\n\n\nNine.";

	(void)state;
	cuts(text, (struct oc_chunk_opts){OC_CHUNK_PARAGRAPH, 100, 0, false, false},
	     "One two. Three four!|Five six? Seven.\nEight|Nine.");
	cuts(text, (struct oc_chunk_opts){OC_CHUNK_SENTENCE, 100, 0, false, false},
	     "One two.|Three four!|Five six?|Seven.|Eight|Nine.");
	cuts(text, (struct oc_chunk_opts){OC_CHUNK_TOKENS, 100, 0, false, false},
	     "One|two.|Three|four!|Five|six?|Seven.|Eight|Nine.");
	/* The first two paragraphs with the gap between them are 44 bytes, 11 tokens. */
	cuts(text, (struct oc_chunk_opts){OC_CHUNK_PARAGRAPH, 10, 0, true, false},
	     "One two. Three four!|Five six? Seven.\nEight\n\n\nNine.");
	cuts(text, (struct oc_chunk_opts){OC_CHUNK_PARAGRAPH, 11, 0, true, false},
	     "One two. Three four!\n\nFive six? Seven.\nEight|Nine.");
	cuts(text, (struct oc_chunk_opts){OC_CHUNK_PARAGRAPH, 14, 0, true, false}, text);
	cuts(text, (struct oc_chunk_opts){OC_CHUNK_SENTENCE, 8, 0, true, false},
	     "One two. Three four!\n\nFive six?|Seven.\nEight\n\n\nNine.");
	cuts("", (struct oc_chunk_opts){OC_CHUNK_PARAGRAPH, 8, 0, true, false}, "");
	cuts(" \n\n ", (struct oc_chunk_opts){OC_CHUNK_PARAGRAPH, 8, 0, true, false}, "");
}

static void sentences(void **state)
{
	(void)state;
	cuts("Dr. Smith met J. R. Hill. \"Really?\" he asked. He paid 3.50 vs. 4 (a lot!). End",
	     (struct oc_chunk_opts){OC_CHUNK_SENTENCE, 100, 0, false, false},
	     "Dr. Smith met J. R. Hill.|\"Really?\" he asked.|He paid 3.50 vs. 4 (a lot!).|End");
	cuts("\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\xe5\x86\x8d\xe8\xa7\x81\xe3\x80\x82",
	     (struct oc_chunk_opts){OC_CHUNK_SENTENCE, 100, 0, false, false},
	     "\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82|\xe5\x86\x8d\xe8\xa7\x81\xe3\x80\x82");
}

static void larger_than_a_chunk(void **state)
{
	(void)state;
	/* Sentences first, */
	cuts("Aaa bbb ccc. Ddd eee. Fff ggg.",
	     (struct oc_chunk_opts){OC_CHUNK_PARAGRAPH, 5, 0, true, false},
	     "Aaa bbb ccc.|Ddd eee. Fff ggg.");
	/* then words, then characters, never half of one. */
	cuts("aaaa bbbb cccc dddd", (struct oc_chunk_opts){OC_CHUNK_PARAGRAPH, 3, 0, true, false},
	     "aaaa bbbb|cccc dddd");
	cuts("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
	     (struct oc_chunk_opts){OC_CHUNK_TOKENS, 1, 0, true, false},
	     "\xc3\xa9\xc3\xa9|\xc3\xa9\xc3\xa9|\xc3\xa9");
}

static void overlaps(void **state)
{
	(void)state;
	/* 7 tokens, 2 of them repeated: cores of 20 bytes, at most 8 before. */
	cuts("Aaa bbb ccc. Ddd e. Fff ggg hh. Iii jjj kkk.",
	     (struct oc_chunk_opts){OC_CHUNK_SENTENCE, 7, 2, true, false},
	     "Aaa bbb ccc. Ddd e.|Ddd e. Fff ggg hh.|ggg hh. Iii jjj kkk.");
	cuts("aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb",
	     (struct oc_chunk_opts){OC_CHUNK_TOKENS, 7, 2, true, false},
	     "aaaaaaaaaaaaaaaaaaaa|bbbbbbbbbbbbbbbb"); /* no word is short enough */
}

static void markdown(void **state)
{
	static const char text[] = "Before.\n\n# Title\n\n## Part one ##\nText one.\n\n"
				   "```c\nint a;\n\n# not a heading\nint b;\n```\nAfter.\n\n"
				   "Part two\n--------\n\nText two.\n\n# Last\n";
	static const char *const sections[] = {"", "Title > Part one", "Title > Part two", "Last"};
	struct oc_chunk_opts opts = {OC_CHUNK_PARAGRAPH, 100, 20, true, true};
	struct oc_chunker *c = oc_chunker_new(oc_str(text), &opts);
	struct oc_chunk k;
	int n = 0;

	(void)state;
	for (; oc_chunker_next(c, &k); n++) {
		assert_true(n < 4);
		if (!oc_str_is(k.section, sections[n]))
			fail_msg("section %.*s", OC_ARG(k.section));
	}
	assert_int_equal(n, 4);
	oc_chunker_free(c);
	cuts(text, opts,
	     "Before.|# Title\n\n## Part one ##\nText one.\n\n```c\nint a;\n\n# not a heading\n"
	     "int b;\n```\nAfter.|Part two\n--------\n\nText two.|# Last");
	/* A fence is not cut while it fits, and then between lines, which keep their indent. */
	opts = (struct oc_chunk_opts){OC_CHUNK_TOKENS, 12, 0, true, true};
	cuts("word word word\n```\nfor (;;)\n    a();\n    b();\n```\nword\n", opts,
	     "word word word|```\nfor (;;)\n    a();\n    b();\n```\nword");
	opts.tokens = 5;
	cuts("w\n\n```\nfor (;;)\n    a();\n    b();\n```\n", opts,
	     "w|```\nfor (;;)|    a();\n    b();|```");
	/* The same bytes as plain text know no fences. */
	opts.markdown = false;
	opts.tokens = 4;
	cuts("w\n\n```\nfor (;;)\n```", opts, "w\n\n```\nfor (;;)|```");
}

/* ----------------------------------------------------------- random documents */

static struct oc_buf document(struct oc_draws *d)
{
	static const char *const pieces[] = {
		"word",
		"a",
		"Longer. ",
		"End!\n",
		"\n\n",
		"\n",
		"\r\n\r\n",
		" ",
		"\xc3\xa9t\xc3\xa9 ",
		"\xe3\x80\x82",
		"# Head\n",
		"## Sub\n\n",
		"\n```\ncode\n  more\n",
		"```\n",
		"Dr. ",
		"\n---\n",
		"\t",
		"unbrokenunbrokenunbroken",
	};
	struct oc_buf b = {0};

	oc_buf_cstr(&b);
	for (uint64_t n = oc_draw_below(d, 200); n; n--)
		oc_buf_puts(&b, pieces[oc_draw_below(d, 18)]);
	return b;
}

static bool blank(const char *p, size_t from, size_t to)
{
	for (; from < to; from++)
		if (!strchr(" \t\r\n\v\f", p[from]))
			return false;
	return true;
}

static void properties(void **state)
{
	struct oc_rng rng;
	size_t repeated = 0, chunks = 0;

	(void)state;
	oc_rng_init(&rng, 2, "test_chunk");
	for (uint64_t round = 0; round < 4000; round++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, round);
		struct oc_buf b = document(&d);
		struct oc_chunk_opts o = {.by = (enum oc_chunk_by)oc_draw_below(&d, 3),
		                          .tokens = 4 + (size_t)oc_draw_below(&d, 40),
		                          .pack = oc_draw_below(&d, 4) != 0,
		                          .markdown = oc_draw_below(&d, 2) != 0};
		o.overlap = (size_t)oc_draw_below(&d, o.tokens / 2);
		struct oc_chunker *c = oc_chunker_new(oc_buf_view(&b), &o);
		struct oc_chunk k, last = {0};
		size_t at = 0;
		while (oc_chunker_next(c, &k)) {
			assert_true(k.core >= at && k.start <= k.core && k.core < k.end &&
			            k.end <= b.len);
			assert_true(blank(b.p, at, k.core)); /* nothing is lost */
			assert_true(k.end - k.start <= o.tokens * OC_TOKEN_BYTES);
			assert_true(k.core - k.start <= o.overlap * OC_TOKEN_BYTES);
			assert_false(blank(b.p, k.end - 1, k.end));
			assert_true(k.start >= last.core);
			/* No character is halved. */
			assert_true((b.p[k.start] & 0xc0) != 0x80);
			assert_true(k.end == b.len || (b.p[k.end] & 0xc0) != 0x80);
			repeated += k.core > k.start;
			chunks++;
			at = k.end;
			last = k;
		}
		assert_true(blank(b.p, at, b.len));
		oc_chunker_free(c);
		oc_buf_fini(&b);
	}
	assert_true(repeated > chunks / 10); /* overlap is more than a promise */
}

/* One paragraph of 4 MB without end marks, and one of a single word: linear, not quadratic. */
static void hard_documents_are_quick(void **state)
{
	struct oc_chunk_opts o = {OC_CHUNK_SENTENCE, 64, 16, true, false};
	size_t len = 4 << 20;
	char *text = malloc(len);
	double start = oc_now();

	(void)state;
	for (int kind = 0; kind < 3; kind++)
		for (int by = 0; by < 3; by++) {
			struct oc_chunk k;
			for (size_t i = 0; i < len; i++)
				text[i] = kind == 0 ? "word "[i % 5] : kind == 1 ? 'x' : '.';
			o.by = (enum oc_chunk_by)by;
			o.pack = by != 1;
			struct oc_chunker *c = oc_chunker_new((struct oc_str){text, len}, &o);
			while (oc_chunker_next(c, &k))
				;
			oc_chunker_free(c);
		}
	assert_true(oc_now() - start < 20);
	free(text);
}

/* --------------------------------------------------------------- the source */

static void rows_have_exact_ranges(void **state)
{
	static const char doc[] = "\xef\xbb\xbf# A\n\nFirst \"one\".\n\nSecond.\n\n## B\n\nThird\n";
	struct feed f;

	(void)state;
	feed_put("d.md", OC_LIT(doc));
	feed_put("e.txt", OC_LIT("Plain.\n"));
	feed_all(&f, &oc_source_text, "{\"path\":[\"d.md\",\"e.txt\"],\"pack\":false}");
	assert_int_equal(f.n, 4);
	assert_true(oc_str_is(f.rows[0].raw, "{\"text\":\"# A\\n\\nFirst \\\"one\\\".\",\"chunk\":"
	                                     "\"d.md:0\",\"section\":\"A\"}"));
	assert_true(oc_str_is(f.rows[1].raw,
	                      "{\"text\":\"Second.\",\"chunk\":\"d.md:1\",\"section\":\"A\"}"));
	assert_true(oc_str_is(f.rows[2].raw, "{\"text\":\"## B\\n\\nThird\",\"chunk\":\"d.md:2\","
	                                     "\"section\":\"A > B\"}"));
	assert_true(oc_str_is(f.rows[3].raw,
	                      "{\"text\":\"Plain.\",\"chunk\":\"e.txt:0\",\"section\":\"\"}"));
	for (size_t i = 0; i < 3; i++) {
		const struct oc_span *s = &f.rows[i].ped.span;
		struct oc_str text;
		assert_true(oc_row_field(&f.rows[i], OC_LIT("text"), &text));
		assert_int_equal(text.len, s->len);
		assert_memory_equal(text.p, doc + s->offset, text.len);
	}
	assert_int_equal(f.rows[1].ped.span.line, 5);
	assert_int_equal(f.rows[3].ped.row, 3);
	feed_close(&f);
}

static void bad_documents(void **state)
{
	struct feed f;

	(void)state;
	feed_put("bad.txt", OC_LIT("Good.\n\nBad \xff.\n\nNul \0.\n"));
	feed_all(&f, &oc_source_text, "{\"path\":\"bad.txt\",\"pack\":false}");
	assert_int_equal(f.n, 3);
	assert_int_equal(f.rows[1].fate, OC_REJECTED);
	assert_true(oc_str_find(f.rows[1].verdicts[0].evidence, OC_LIT("bad.txt:3")) >= 0);
	assert_true(oc_str_find(f.rows[1].verdicts[0].evidence, OC_LIT("UTF-8")) >= 0);
	assert_int_equal(f.rows[2].fate, OC_LIVE);
	feed_close(&f);
	feed_all(&f, &oc_source_text, "{\"path\":\"bad.txt\",\"max_row\":10}");
	assert_int_equal(f.n, 1);
	assert_true(oc_str_is(f.rows[0].verdicts[0].rule, "too_long"));
	feed_close(&f);
	assert_int_equal(feed_open(&f, &oc_source_text,
	                           "{\"path\":\"bad.txt\",\"tokens\":10,\"overlap\":6}"),
	                 -1);
	assert_non_null(strstr(f.err.msg, "half"));
	feed_close(&f);
}

/* A published story: all of it comes back from the ranges. */
static void a_story(void **state)
{
	const char *shared = getenv("OUTCROSS_SHARED");
	struct oc_buf doc = {0};
	struct oc_err err = {0};
	struct feed f;
	char path[4096], opts[4200];
	size_t at = 0;

	(void)state;
	snprintf(path, sizeof path, "%s/data/text/doc_in_the_year_2889.txt",
	         shared ? shared : "../shared");
	if (!oc_file_exists(path))
		skip();
	assert_int_equal(oc_file_read(path, 1 << 24, &doc, &err), 0);
	if (path[0] != '/')
		skip(); /* paths of the feed are relative to its folder */
	snprintf(opts, sizeof opts, "{\"path\":\"%s\",\"tokens\":200,\"overlap\":30}", path);
	feed_all(&f, &oc_source_text, opts);
	assert_true(f.n > 30);
	for (size_t i = 0; i < f.n; i++) {
		const struct oc_span *s = &f.rows[i].ped.span;
		struct oc_str text;
		oc_row_field(&f.rows[i], OC_LIT("text"), &text);
		assert_memory_equal(text.p, doc.p + s->offset, s->len);
		assert_true(s->offset <= at || blank(doc.p, at, s->offset));
		assert_true(s->len <= 800);
		at = s->offset + s->len;
	}
	assert_true(blank(doc.p, at, doc.len));
	feed_close(&f);
	oc_buf_fini(&doc);
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
		cmocka_unit_test(units),
		cmocka_unit_test(sentences),
		cmocka_unit_test(larger_than_a_chunk),
		cmocka_unit_test(overlaps),
		cmocka_unit_test(markdown),
		cmocka_unit_test(properties),
		cmocka_unit_test(hard_documents_are_quick),
		cmocka_unit_test(rows_have_exact_ranges),
		cmocka_unit_test(bad_documents),
		cmocka_unit_test(a_story),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
