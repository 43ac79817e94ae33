/* gopher_repetition, gopher_quality, c4, fineweb: every rule at its limit, and all of them against
 * an independent reading in Python. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/rng.h"
#include "stage.h"
#include "text/tokens.h"

/* ------------------------------------------------------------------ tokens */

static void tokens_are(const char *text, const char *want)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_tokens t = oc_text_tokens(a, oc_str(text));
	struct oc_buf b = {0};

	for (uint32_t i = 0; i < t.n; i++) {
		if (i)
			oc_buf_putc(&b, '|');
		oc_buf_str(&b, t.word[i]);
	}
	oc_buf_printf(&b, " %u", oc_token_sentences(t.word, 0, t.n));
	if (strcmp(oc_buf_cstr(&b), want) != 0)
		fail_msg("%s: %s, not %s", text, b.p, want);
	oc_buf_fini(&b);
	oc_arena_free(a);
}

/* What spaCy 3.8's blank English pipeline with a sentencizer says. */
static void tokens_are_spacys(void **state)
{
	(void)state;
	tokens_are("", " 0");
	tokens_are(" \n\t ", " 0");
	tokens_are("Hello, world!", "Hello|,|world|! 1");
	tokens_are("I can't. They'll've gone.", "I|ca|n't|.|They|'ll|'ve|gone|. 2");
	tokens_are("it\xE2\x80\x99s its Ill cannot", "it|\xE2\x80\x99s|its|Ill|can|not 1");
	tokens_are("Mr. Fox's e.g. U.S. Ph.D.", "Mr.|Fox|'s|e.g.|U.S.|Ph.D. 1");
	tokens_are("well-known yes\xE2\x80\x94no and/or a/b",
	           "well|-|known|yes|\xE2\x80\x94|no|and/or|a|/|b 1");
	tokens_are("5km 10% $5 3.14 1,000 3pm 2-3", "5|km|10|%|$|5|3.14|1,000|3|pm|2|-|3 1");
	tokens_are("see http://x.org/a-b, x@y.com", "see|http://x.org/a-b|,|x@y.com 1");
	tokens_are("wait... (no) :) foo:)", "wait|...|(|no|)|:)|foo|:) 1");
	tokens_are("One?! \"Two.\" Three", "One|?|!|\"|Two|.|\"|Three 3");
	tokens_are("lower.Upper end.of", "lower|.|Upper|end.of 2");
	tokens_are("\xE4\xB8\xAD\xE6\x96\x87\xE3\x80\x82",
	           "\xE4\xB8\xAD\xE6\x96\x87|\xE3\x80\x82 1");
	tokens_are("A.  .", "A.|. 1");
	tokens_are("Ah.  .", "Ah|.|. 2"); /* the second space is a token there */
}

/* Every contraction that is written without an apostrophe, and what only looks like one. */
static void bare_contractions_are_cut(void **state)
{
	(void)state;
	static const char cut[] =
		"illve id idve im ima ive youll youllve youd youdve youve youre wellve wed wedve "
		"weve theyll theyllve theyd theydve theyve theyre hellve hed hedve hes shellve "
		"shedve shes itll itllve itd itdve wholl whollve whod whodve whos whove whatll "
		"whatllve whatd whatdve whats whatre whatve whenll whenllve whend whendve whens "
		"whenre whenve wherell wherellve whered wheredve wheres wherere whereve whyll "
		"whyllve whyd whydve whys whyre whyve howll howllve howd howdve hows howre howve "
		"therell therellve thered theredve theres therere thereve thatll thatllve thatd "
		"thatdve thats thisll thisllve thisd thisdve thiss thesell thesellve thesed "
		"thesedve thesere theseve thosell thosellve thosed thosedve thosere thoseve cant "
		"cantve dont dontve doesnt doesntve didnt didntve hadnt hadntve maynt mayntve "
		"neednt needntve oughtnt oughtntve shant shantve wont wontve couldnt couldntve "
		"couldve mightnt mightntve mightve mustnt mustntve mustve shouldnt shouldntve "
		"shouldve wouldnt wouldntve wouldve aint arent isnt wasnt werent havent hasnt "
		"darent yall notve cannot gonna gotta ";
	static const char whole[] = "ill its hell shell shed were well whore have has was is his "
				    "this the there where these those what that said had did made";
	struct oc_arena *a = oc_arena_new();
	uint32_t n = 0;

	for (const char *p = cut, *end; (end = strchr(p, ' ')) != NULL; p = end + 1, n++) {
		struct oc_str word = {p, (size_t)(end - p)};
		struct oc_tokens t = oc_text_tokens(a, word);
		if (t.n < 2)
			fail_msg("%.*s is not cut", OC_ARG(word));
	}
	assert_int_equal(n, 151);
	assert_int_equal(oc_text_tokens(a, OC_LIT(whole)).n, 25);
	oc_arena_free(a);
}

/* ------------------------------------------------------------------- rules */

/* Judges a text; "" when it passes, else the rule that dropped it. */
static const char *judge(struct oc_driven *d, struct oc_str text, struct oc_buf *after)
{
	static char rule[128];
	struct oc_batch *b = oc_batch_new(1);
	struct oc_buf json = {0};
	struct oc_str now;

	oc_buf_puts(&json, "{\"text\":");
	oc_buf_json(&json, text);
	oc_buf_putc(&json, '}');
	struct oc_row *row = oc_driven_row(b, oc_buf_cstr(&json), 0, OC_REAL);
	oc_driven_run(d, row);
	rule[0] = 0;
	for (uint32_t i = 0; i < row->verdict_n && row->fate == OC_REJECTED; i++)
		if (row->verdicts[i].result == OC_DROP) {
			assert_true(row->verdicts[i].has_score);
			snprintf(rule, sizeof rule, "%.*s", OC_ARG(row->verdicts[i].rule));
			break;
		}
	if (after) {
		after->len = 0;
		oc_row_field(row, OC_LIT("text"), &now);
		oc_buf_str(after, now);
	}
	oc_buf_fini(&json);
	oc_batch_free(b);
	return rule;
}

static void check(const char *stage, const char *options, const char *text, const char *rule)
{
	struct oc_err err = {0};
	struct oc_driven d;

	if (oc_driven_open(&d, stage, options, 0, &err))
		fail_msg("%s", err.msg);
	const char *got = judge(&d, oc_str(text), NULL);
	if (strcmp(got, rule) != 0)
		fail_msg("%s %s of \"%s\": \"%s\", not \"%s\"", stage, options, text, got, rule);
	oc_driven_close(&d);
}

/* All limits off but the one that is looked at. */
#define OFF                                                                                        \
	"dup_para_frac: 0, dup_para_char_frac: 0, dup_line_frac: 0, dup_line_char_frac: 0, "       \
	"top_2_gram: 0, top_3_gram: 0, top_4_gram: 0, duplicated_5_n_grams: 0, "                   \
	"duplicated_6_n_grams: 0, duplicated_7_n_grams: 0, duplicated_8_n_grams: 0, "              \
	"duplicated_9_n_grams: 0, duplicated_10_n_grams: 0"

/* `limit` in the place of that option's 0. */
static void repetition(const char *key, const char *limit, const char *text, const char *rule)
{
	char options[768], *at;
	struct oc_buf b = {0};

	snprintf(options, sizeof options, "{" OFF "}");
	at = strstr(options, key);
	assert_non_null(at);
	oc_buf_add(&b, options, (size_t)(at - options) + strlen(key) + 2);
	oc_buf_puts(&b, limit);
	oc_buf_puts(&b, at + strlen(key) + 3);
	check("gopher_repetition", oc_buf_cstr(&b), text, rule);
	oc_buf_fini(&b);
}

static void repetition_rules_at_their_limits(void **state)
{
	(void)state;
	check("gopher_repetition", "{}", "", "empty");
	/* 1 of 4 paragraphs is a repetition: 0.25 is not above 0.25 */
	repetition("dup_para_frac", "0.25", "aa\n\nbb\n\naa\n\ncc", "");
	repetition("dup_para_frac", "0.24", "aa\n\nbb\n\naa\n\ncc", "dup_para_frac");
	repetition("dup_para_frac", "0.24", "\n\naa\n\nbb\n\naa\n\ncc\n\n", "dup_para_frac");
	/* 2 of 14 characters */
	repetition("dup_para_char_frac", "0.1428571428571428", "aa\n\nbb\n\naa\n\ncc",
	           "dup_para_char_frac");
	repetition("dup_para_char_frac", "0.1428571428571429", "aa\n\nbb\n\naa\n\ncc", "");
	/* lines: the text is not trimmed, so its ends give empty pieces, the second a repetition */
	repetition("dup_line_frac", "0.25", "\naa\nbb\n", "");
	repetition("dup_line_frac", "0.24", "\naa\nbb\n", "dup_line_frac");
	repetition("dup_line_char_frac", "0.23", "\xC3\xA9\xC3\xA9\nb\n\xC3\xA9\xC3\xA9\nc", "");
	repetition("dup_line_char_frac", "0.22", "\xC3\xA9\xC3\xA9\nb\n\xC3\xA9\xC3\xA9\nc",
	           "dup_line_char_frac");
	/* the commonest pair is "a b", 3 long, twice, of 10 */
	repetition("top_2_gram", "0.59", "a b c a b ", "top_2_gram");
	repetition("top_2_gram", "0.6", "a b c a b ", "");
	/* once counts too; the first wins the tie though the second is longer */
	repetition("top_2_gram", "0.29", "a b ccccc ", "top_2_gram");
	repetition("top_2_gram", "0.3", "a b ccccc ", "");
	repetition("top_3_gram", "0.9", "a b c a b c", "top_3_gram");
	repetition("top_3_gram", "0.91", "a b c a b c", "");
	repetition("top_4_gram", "0.1", "a b c", "");
	/* words are joined without spaces, whatever their borders: "abcde" twice */
	repetition("duplicated_5_n_grams", "0.23", "a b c d e | a b c d e", "duplicated_5_n_grams");
	repetition("duplicated_5_n_grams", "0.27", "ab c d e f | a bc d e f", "");
	repetition("duplicated_5_n_grams", "0.2", "ab c d e fg | a bc d e f g",
	           ""); /* five words end at different letters */
	repetition("duplicated_5_n_grams", "0.2", "ab c d e f | x | a bc d e f",
	           "duplicated_5_n_grams");
	/* after a repetition the scan jumps: "a a a a a a a a a a a" is 1 + 5 + 5 */
	repetition("duplicated_5_n_grams", "0.24", "a a a a a a a a a a a a a a a a a a a a",
	           "duplicated_5_n_grams");
	repetition("duplicated_10_n_grams", "0.3", "a b c d e f g h i j - a b c d e f g h i j", "");
	repetition("duplicated_10_n_grams", "0.2", "a b c d e f g h i j - a b c d e f g h i j",
	           "duplicated_10_n_grams");
}

static void quality(const char *options, const char *text, const char *rule)
{
	char all[256];

	snprintf(all, sizeof all,
	         "{min_stop_words: 0, min_avg_word_length: 0, "
	         "min_alpha_words_ratio: 0, %s}",
	         options);
	check("gopher_quality", all, text, rule);
}

static void quality_rules_at_their_limits(void **state)
{
	(void)state;
	check("gopher_quality", "{}", "", "empty");
	check("gopher_quality", "{}", " \n", "gopher_short_doc");
	check("gopher_quality", "{min_doc_words: 0}", " \n", "empty");
	quality("min_doc_words: 3", "a b , . c", "");
	quality("min_doc_words: 4", "a b , . c", "gopher_short_doc");
	quality("min_doc_words: 1, max_doc_words: 3", "a b, c", "");
	quality("min_doc_words: 1, max_doc_words: 2", "a b, c", "gopher_long_doc");
	check("gopher_quality", "{min_doc_words: 1, min_avg_word_length: 2, min_stop_words: 0}",
	      "\xC3\xA9 abc", "");
	check("gopher_quality", "{min_doc_words: 1, min_avg_word_length: 2.1, min_stop_words: 0}",
	      "\xC3\xA9 abc", "gopher_below_avg_threshold");
	quality("min_doc_words: 1, max_avg_word_length: 2", "a abc", "");
	quality("min_doc_words: 1, max_avg_word_length: 1.9", "a abc",
	        "gopher_above_avg_threshold");
	quality("min_doc_words: 1, words: whitespace", "a b c d e f g h i j#", "");
	quality("min_doc_words: 1, words: whitespace", "a b c d e f g h i#",
	        "gopher_too_many_hashes");
	quality("min_doc_words: 1, words: whitespace, max_ellipsis_lines_ratio: 0",
	        "a b c d e f g h i j...", "");
	quality("min_doc_words: 1, words: whitespace", "a b c d e f g h i\xE2\x80\xA6",
	        "gopher_too_many_ellipsis");
	quality("min_doc_words: 1", "- a\n -b\n\xE2\x80\xA2 c", "gopher_too_many_bullets");
	/* 9 of 10 is not above 0.9; the vertical tab ends a line too */
	quality("min_doc_words: 1", "-a\n-b\n-c\n-d\n-e\n-f\n-g\n-h\n-i\x0B j", "");
	quality("min_doc_words: 1, max_symbol_word_ratio: 0", "a...\nb\nc",
	        "gopher_too_many_end_ellipsis");
	quality("min_doc_words: 1, max_symbol_word_ratio: 0, max_ellipsis_lines_ratio: 0.5",
	        "a... \nb", "");
	check("gopher_quality", "{min_doc_words: 1, min_stop_words: 0, min_avg_word_length: 0}",
	      "a b c d 5", "");
	check("gopher_quality", "{min_doc_words: 1, min_stop_words: 0, min_avg_word_length: 0}",
	      "a b c 4 5", "gopher_below_alpha_threshold");
	check("gopher_quality", "{min_doc_words: 1, min_stop_words: 0, min_avg_word_length: 0}",
	      "\xD7\x90\xD7\x91 \xE4\xB8\xAD \xE0\xB8\x81", "");
	check("gopher_quality", "{min_doc_words: 1, min_avg_word_length: 0}", "the the The",
	      "gopher_enough_stop_words");
	check("gopher_quality", "{min_doc_words: 1, min_avg_word_length: 0}", "the of", "");
}

static void c4_text(const char *options, const char *text, const char *want)
{
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_buf after = {0};

	if (oc_driven_open(&d, "c4", options, 0, &err))
		fail_msg("%s", err.msg);
	const char *rule = judge(&d, oc_str(text), &after);
	if (*rule || strcmp(oc_buf_cstr(&after), want) != 0)
		fail_msg("c4 of \"%s\": %s \"%s\", not \"%s\"", text, rule, after.p, want);
	oc_buf_fini(&after);
	oc_driven_close(&d);
}

#define FIVE "One two three. Four five six! Is it so? It is. \"Yes, it is.\""

static void c4_rules(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_driven d;

	check("c4", "{}", "", "empty");
	check("c4", "{}", "no end here", "too_few_sentences");
	check("c4", "{min_num_sentences: -1}", "no end here", "empty");
	check("c4", "{}", FIVE, "");
	check("c4", "{min_num_sentences: 6}", FIVE, "too_few_sentences");
	c4_text("{}", FIVE "\nmenu\n  " FIVE "\t\r\nand so on...\nToo short.", FIVE "\n" FIVE);
	/* counted before the citation goes; what stands before it is not trimmed again */
	c4_text("{}", FIVE "\nA b [1][edit].\nText. [2]\nOne two.[citation needed]",
	        FIVE "\nA b .\nOne two.");
	c4_text("{min_num_sentences: 1}", "A b c.\nUse JavaScript for it.\nOur Terms of Use are.",
	        "A b c.");
	c4_text("{min_num_sentences: 1}",
	        "A b c.\nWe use coo\xE2\x84\xAAies here.\nIt uses cookie jars.",
	        "A b c.\nIt uses cookie jars.");
	c4_text("{min_num_sentences: 1, max_word_length: 3}",
	        "A bcd \xC3\xA9\xC3\xA9\xC3\xA9.\nA bcd \xC3\xA9\xC3\xA9.\nA bcd e.",
	        "A bcd \xC3\xA9\xC3\xA9.\nA bcd e.");
	check("c4", "{}", FIVE "\nLorem Ipsum dolor sit.", "lorem_ipsum");
	check("c4", "{}", FIVE "\nlorem ipsum without an end", "");
	check("c4", "{}", FIVE "\nif (a) { b. }", "");
	check("c4", "{}", FIVE "\nif (a) { b.", "curly_bracket");
	check("c4", "{}", FIVE "\njavascript with { in it.", "");
	c4_text("{preset: fineweb}", FIVE "\nand no end", FIVE "\nand no end");
	assert_int_equal(oc_driven_open(&d, "c4", "{field: a.b}", 0, &err), -1);
	assert_non_null(strstr(err.msg, "top-level"));
}

static void fineweb(const char *options, const char *text, const char *rule)
{
	char all[256];

	snprintf(all, sizeof all, "{short_line_length: 0, words: whitespace%s}", options);
	check("fineweb", all, text, rule);
}

static void fineweb_rules_at_their_limits(void **state)
{
	(void)state;
	check("fineweb", "{}", "", "empty");
	check("fineweb", "{}", " \n\t\n", "empty");
	fineweb(", line_punct_thr: 0.5", "a b c d e f.\n\n  \ng h i j", "");
	fineweb(", line_punct_thr: 0.51", "a b c d e f.\n\n  \ng h i j", "line_punct_ratio");
	fineweb(", line_punct_thr: 0.5", "a b c d e f. \ng h i j", "line_punct_ratio");
	fineweb(", line_punct_thr: 0.5, line_punct_exclude_zero: true", "a b c d e\nf g h", "");
	fineweb("", "\xE4\xB8\xAD \xE4\xB8\xAD \xE4\xB8\xAD\xE3\x80\x82", "");
	check("fineweb", "{short_line_length: 4, short_line_thr: 0.5}",
	      "a b.\nan eight word line is this one here.", "");
	check("fineweb", "{short_line_length: 4, short_line_thr: 0.49}",
	      "a b.\nan eight word line is this one here.", "short_line_ratio");
	fineweb(", char_duplicates_ratio: 0.25", "a b.\nc d e f.\na b.", "");
	fineweb(", char_duplicates_ratio: 0.24", "a b.\nc d e f.\na b.", "char_dup_ratio");
	fineweb(", new_line_ratio: 0.5", "a b.\n\nc d.", "");
	fineweb(", new_line_ratio: 0.49", "a b.\n\nc d.", "list_ratio");
}

/* `all` notes every rule, and the first that failed is still the reason. */
static void all_rules_are_noted(void **state)
{
	(void)state;
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_batch *b = oc_batch_new(2);

	assert_int_equal(oc_driven_open(&d, "gopher_quality", "{all: true}", 0, &err), 0);
	struct oc_row *row = oc_driven_row(b, "{\"text\":\"## a 1\"}", 0, OC_REAL);
	oc_driven_run(&d, row);
	assert_int_equal(row->verdict_n, 10);
	assert_int_equal(row->fate, OC_REJECTED);
	assert_true(oc_str_is(row->verdicts[0].rule, "gopher_short_doc"));
	/* tokens # # a 1: two of four have characters outside the symbols */
	assert_true(row->verdicts[0].score == 2 && row->verdicts[0].threshold == 50);
	oc_driven_close(&d);
	oc_batch_free(b);
}

/* ------------------------------------------------------------------ Python */

static void make_text(struct oc_buf *b, uint64_t i)
{
	static const char *const words[] = {"the",
	                                    "of",
	                                    "and",
	                                    "cat",
	                                    "river",
	                                    "stones",
	                                    "green",
	                                    "walked",
	                                    "light",
	                                    "slow",
	                                    "seven",
	                                    "javascript",
	                                    "cookie",
	                                    "policy",
	                                    "privacy",
	                                    "use",
	                                    "terms",
	                                    "lorem",
	                                    "ipsum",
	                                    "[1]",
	                                    "[edit]",
	                                    "#",
	                                    "...",
	                                    "-",
	                                    "{",
	                                    "caf\xC3\xA9",
	                                    "\xE4\xB8\xAD\xE6\x96\x87",
	                                    "42",
	                                    "a",
	                                    "\xE2\x80\xA6",
	                                    "internationalisations"};
	static const char *const ends[] = {". ",
	                                   ".\n",
	                                   "? ",
	                                   "!\n",
	                                   "\n",
	                                   "...\n",
	                                   ".\"\n",
	                                   "\n\n",
	                                   ".\x0B",
	                                   ".\xE2\x80\xA8",
	                                   ". ",
	                                   ".\n",
	                                   "\xE3\x80\x82\n"};
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, 3, "test/rules");
	oc_draws_init(&d, &rng, i);
	b->len = 0;
	uint64_t lines = i % 3 ? oc_draw_below(&d, 24) : oc_draw_below(&d, 4);
	uint64_t odd = i % 4 == 0 ? 3 : 120, line_start = 0, spread = 1 + oc_draw_below(&d, 90);
	if (i % 50 == 7)
		oc_buf_puts(b, "\n");
	for (uint64_t k = 0; k < lines; k++) {
		if (k && oc_draw_below(&d, i % 5 ? 30 : 4) == 0) { /* the line before, once more */
			size_t len = b->len - line_start;
			oc_buf_reserve(b, len);
			memmove(b->p + b->len, b->p + line_start, len);
			b->len += len;
			continue;
		}
		line_start = b->len;
		if (i % 11 == 3)
			oc_buf_puts(b, i % 2 ? "- " : "\xE2\x80\xA2 ");
		for (uint64_t n = 1 + oc_draw_below(&d, 16); n; n--) {
			if (oc_draw_below(&d, odd) == 0)
				oc_buf_puts(b,
				            words[oc_draw_below(&d, sizeof words / sizeof *words)]);
			else if (oc_draw_below(&d, 3) == 0 && i % 13)
				oc_buf_puts(b, words[oc_draw_below(&d, 11)]);
			else
				oc_buf_printf(b, i % 17 ? "w%ux" : "%u",
				              (unsigned)(oc_draw_below(&d, spread)));
			if (n > 1)
				oc_buf_putc(b, ' ');
		}
		oc_buf_puts(b, i % 19 == 5 ? "...\n"
		                           : ends[oc_draw_below(&d, sizeof ends / sizeof *ends)]);
	}
}

static const char *const stages[] = {"gopher_repetition", "gopher_quality", "c4", "fineweb"};

static void sets_decide_as_python_does(void **state)
{
	(void)state;
	enum { N = 3000 };
	struct oc_err err = {0};
	struct oc_driven d[4];
	struct oc_buf rows = {0}, text = {0}, after = {0}, path = {0}, command = {0}, json = {0};
	char dir[] = "/tmp/outcross-test-XXXXXX", *line = NULL;
	size_t cap = 0;
	unsigned passed[4] = {0};

	if (system("python3 -c pass 2>/dev/null") != 0 || access("test/rules_oracle.py", R_OK))
		skip();
	assert_non_null(mkdtemp(dir));
	for (uint64_t i = 0; i < N; i++) {
		make_text(&text, i);
		oc_buf_puts(&rows, "{\"text\":");
		oc_buf_json(&rows, oc_buf_view(&text));
		oc_buf_puts(&rows, "}\n");
	}
	oc_buf_printf(&path, "%s/rows.jsonl", dir);
	assert_int_equal(oc_file_write(oc_buf_cstr(&path), rows.p, rows.len, &err), 0);
	oc_buf_printf(&command, "python3 test/rules_oracle.py %s", path.p);
	FILE *oracle = popen(oc_buf_cstr(&command), "r");
	assert_non_null(oracle);
	for (int s = 0; s < 4; s++)
		assert_int_equal(oc_driven_open(&d[s], stages[s],
		                                s == 2 ? "{}" : "{words: whitespace}", 0, &err),
		                 0);
	for (uint64_t i = 0; i < N; i++) {
		char rule[4][64], mine[4][64];
		int at = 0;
		make_text(&text, i);
		assert_true(getline(&line, &cap, oracle) > 0);
		assert_int_equal(sscanf(line, "%63s %63s %63s %63s %n", rule[0], rule[1], rule[2],
		                        rule[3], &at),
		                 4);
		for (int s = 0; s < 4; s++) {
			const char *got = judge(&d[s], oc_buf_view(&text), s == 2 ? &after : NULL);
			snprintf(mine[s], sizeof mine[s], "%s", *got ? got : "-");
			if (strcmp(mine[s], rule[s]) != 0)
				fail_msg("text %llu, %s: %s, Python says %s\n%s",
				         (unsigned long long)i, stages[s], mine[s], rule[s],
				         oc_buf_cstr(&text));
			passed[s] += rule[s][0] == '-';
		}
		if (strcmp(rule[2], "-") == 0) {
			struct oc_arena *a = oc_arena_new();
			line[strcspn(line, "\n")] = 0;
			yyjson_val *want = oc_json_parse(a, oc_str(line + at), &err);
			assert_non_null(want);
			if (!oc_str_eq(oc_json_str(want), oc_buf_view(&after)))
				fail_msg("text %llu: c4 keeps \"%s\", Python %s",
				         (unsigned long long)i, oc_buf_cstr(&after), line + at);
			oc_arena_free(a);
		}
	}
	assert_int_equal(pclose(oracle), 0);
	for (int s = 0; s < 4; s++) { /* or the comparison would say little */
		assert_true(passed[s] > N / 50 && passed[s] < N * 49 / 50);
		oc_driven_close(&d[s]);
	}
	free(line);
	oc_buf_fini(&rows);
	oc_buf_fini(&text);
	oc_buf_fini(&after);
	oc_buf_fini(&path);
	oc_buf_fini(&command);
	oc_buf_fini(&json);
	assert_int_equal(oc_remove_tree(dir, &err), 0);
}

/* ----------------------------------------------------------------- hostile */

/* Four times the text may take at most twelve times as long: far from quadratic, far from noise. */
static void hostile(const char *unit, size_t n)
{
	struct oc_err err = {0};
	struct oc_driven d;
	struct oc_buf text = {0};

	for (int s = 0; s < 4; s++) {
		double seconds[2];
		for (int size = 0; size < 2; size++) {
			text.len = 0;
			for (size_t i = 0; i < (size ? n : n / 4); i++)
				oc_buf_puts(&text, unit);
			assert_int_equal(oc_driven_open(&d, stages[s], "{all: true}", 0, &err), 0);
			double start = oc_now();
			judge(&d, oc_buf_view(&text), NULL);
			seconds[size] = oc_now() - start;
			oc_driven_close(&d);
		}
		if (seconds[1] > 12 * seconds[0] + 0.5)
			fail_msg("%s of %zu times \"%s\": %.2f s, a quarter %.2f s", stages[s], n,
			         unit, seconds[1], seconds[0]);
	}
	oc_buf_fini(&text);
}

static void hostile_texts_take_linear_time(void **state)
{
	(void)state;
	hostile("word ", 400000);
	hostile("x", 1000000);
	hostile("\xE4\xB8\xAD", 400000);
	hostile("\xD7\x90\xD7\x91 \xE2\x80\xAE", 200000);
	hostile("!", 400000);
	hostile(".", 1000000);
	hostile("(x)", 200000);
	hostile("[1", 400000);
	hostile("a@", 400000);
	hostile("a.", 400000);
	hostile("\n", 1000000);
	hostile(" ", 1000000);
	hostile("-", 400000);
	hostile("'s", 400000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_spacys),
		cmocka_unit_test(bare_contractions_are_cut),
		cmocka_unit_test(repetition_rules_at_their_limits),
		cmocka_unit_test(quality_rules_at_their_limits),
		cmocka_unit_test(c4_rules),
		cmocka_unit_test(fineweb_rules_at_their_limits),
		cmocka_unit_test(all_rules_are_noted),
		cmocka_unit_test(sets_decide_as_python_does),
		cmocka_unit_test(hostile_texts_take_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
