/*
 * gopher_quality: the quality rules of Gopher (Rae et al. 2021, table A1), decided as datatrove
 * decides them, in its order.
 */
#include <stdlib.h>

#include <utf8proc.h>

#include "base/err.h"
#include "curate/rules.h"
#include "text/utf8.h"
#include "text/view.h"

struct quality {
	struct oc_rules rules;
	double min_words, max_words, min_length, max_length, symbols, bullets, ellipses, alpha;
	int64_t min_stop;
	struct oc_str *stop;
	uint32_t stop_n; /* at most 64 */
};

static const struct oc_option options[] = {
	OC_RULES_FIELD,
	OC_RULES_WORDS,
	OC_RULES_LIMIT("min_doc_words", "50", 1e9, "Fewest words that are no symbols."),
	OC_RULES_LIMIT("max_doc_words", "100000", 1e9, "Most words that are no symbols."),
	OC_RULES_LIMIT("min_avg_word_length", "3", 1e9, "Least mean length of those words."),
	OC_RULES_LIMIT("max_avg_word_length", "10", 1e9, "Largest mean length of those words."),
	OC_RULES_LIMIT("max_symbol_word_ratio", "0.1", 1e9,
                       "Most `#` a word, and most ellipses a word."),
	OC_RULES_LIMIT("max_bullet_lines_ratio", "0.9", 1, "Most lines that begin with a bullet."),
	OC_RULES_LIMIT("max_ellipsis_lines_ratio", "0.3", 1, "Most lines that end in an ellipsis."),
	OC_RULES_LIMIT("min_alpha_words_ratio", "0.8", 1, "Least share of words with a letter."),
	OC_RULES_LIMIT("min_stop_words", "2", 64, "Fewest different stop words."),
	{.key = "stop_words",
         .type = OC_OPT_STRS,
         .def = "[the, be, to, of, and, that, have, with]",
         .help = "Words of which some must occur, as written."},
	OC_RULES_ALL,
	{0},
};

static void close_quality(void *self)
{
	struct quality *q = self;

	if (!q)
		return;
	oc_rules_fini(&q->rules);
	free(q);
}

static double number(yyjson_val *opts, const char *key)
{
	yyjson_val *v = oc_json_get(opts, key);

	return v ? yyjson_get_num(v) : 0;
}

static int open_quality(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct quality *q = oc_zalloc(1, sizeof *q);
	yyjson_val *list = oc_json_get(opts, "stop_words"), *item;
	size_t i, max;

	oc_rules_init(&q->rules, env, opts);
	q->min_words = number(opts, "min_doc_words");
	q->max_words = number(opts, "max_doc_words");
	q->min_length = number(opts, "min_avg_word_length");
	q->max_length = number(opts, "max_avg_word_length");
	q->symbols = number(opts, "max_symbol_word_ratio");
	q->bullets = number(opts, "max_bullet_lines_ratio");
	q->ellipses = number(opts, "max_ellipsis_lines_ratio");
	q->alpha = number(opts, "min_alpha_words_ratio");
	q->min_stop = (int64_t)number(opts, "min_stop_words");
	if (yyjson_arr_size(list) > 64) {
		close_quality(q);
		return oc_fail(err, OC_PLAN, env->name, "`stop_words` may hold 64 words, not %zu",
		               yyjson_arr_size(list));
	}
	q->stop = oc_arena_alloc(q->rules.arena, (yyjson_arr_size(list) + 1) * sizeof *q->stop);
	yyjson_arr_foreach(list, i, max, item)
	{
		q->stop[q->stop_n++] = oc_arena_str(q->rules.arena, oc_json_str(item));
	}
	*self = q;
	return 0;
}

static bool is_letter(uint32_t c)
{
	if (c < 0x80)
		return (c | 0x20) - 'a' < 26;
	switch (utf8proc_category((utf8proc_int32_t)c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO: return true;
	default: return false;
	}
}

struct counts {
	uint64_t words, solid, solid_chars, alpha, stop;
};

static void count_words(const struct quality *q, const struct oc_str *word, uint32_t n,
                        struct counts *c)
{
	*c = (struct counts){.words = n};
	for (uint32_t i = 0; i < n; i++) {
		struct oc_str w = word[i];
		const char *p = w.p, *end = w.p + w.len;
		bool solid = false, alpha = false;
		while (p < end && !(solid && alpha)) {
			uint32_t ch = (unsigned char)*p < 0x80 ? (unsigned char)*p++
			                                       : oc_utf8_next(&p, end);
			bool letter = is_letter(ch);
			alpha = alpha || letter;
			solid = solid || (letter && ch < 0x80) || !oc_is_symbol(ch);
		}
		if (solid) {
			c->solid++;
			c->solid_chars += oc_utf8_count(w);
		}
		c->alpha += alpha;
		for (uint32_t k = 0; k < q->stop_n; k++)
			if (q->stop[k].len == w.len && q->stop[k].p[0] == w.p[0] &&
			    memcmp(q->stop[k].p, w.p, w.len) == 0)
				c->stop |= (uint64_t)1 << k;
	}
}

/* Non-overlapping occurrences, from the left, as Python's str.count. */
static uint64_t count(struct oc_str text, const char *what)
{
	size_t len = strlen(what);
	const char *p = text.p, *end = text.p + text.len;
	uint64_t n = 0;

	while (p < end && (p = memchr(p, what[0], (size_t)(end - p))) != NULL) {
		if ((size_t)(end - p) >= len && memcmp(p, what, len) == 0) {
			n++;
			p += len;
		} else {
			p++;
		}
	}
	return n;
}

#define ELLIPSIS "\xE2\x80\xA6"
#define BULLET   "\xE2\x80\xA2"

static bool judge_lines(const struct quality *q, struct oc_row *row, struct oc_str text)
{
	const char *p = text.p, *end = text.p + text.len;
	uint64_t lines = 0, bullets = 0, ellipses = 0;
	struct oc_str line;

	while (oc_next_line(&p, end, &line)) {
		struct oc_str left = oc_strip_left(line), right = oc_strip_right(line);
		lines++;
		bullets += oc_str_starts(left, BULLET) || oc_str_starts(left, "-");
		ellipses += oc_ends(right, "...") || oc_ends(right, ELLIPSIS);
	}
	double share = (double)bullets / (double)lines;
	if (q->bullets > 0 && oc_rule(&q->rules, row, "gopher_too_many_bullets", share, q->bullets,
	                              share > q->bullets))
		return true;
	share = (double)ellipses / (double)lines;
	return q->ellipses > 0 && oc_rule(&q->rules, row, "gopher_too_many_end_ellipsis", share,
	                                  q->ellipses, share > q->ellipses);
}

static int judge(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct quality *q = self;
	const struct oc_rules *r = &q->rules;
	struct oc_str text = oc_view_text(row, r->field);
	struct counts c;
	uint32_t n;

	(void)scratch;
	(void)err;
	const struct oc_str *word = oc_rules_words(r, row, &n);
	if (!text.len) {
		oc_rule(r, row, "empty", 0, 1, true);
		return 0;
	}
	count_words(q, word, n, &c);
	double solid = (double)c.solid;
	if (q->min_words > 0 &&
	    oc_rule(r, row, "gopher_short_doc", solid, q->min_words, solid < q->min_words))
		return 0;
	if (q->max_words > 0 &&
	    oc_rule(r, row, "gopher_long_doc", solid, q->max_words, solid > q->max_words))
		return 0;
	if (!n) {
		oc_rule(r, row, "empty", 0, 1, true);
		return 0;
	}
	if (c.solid) { /* the mean of no word is no number, which passes both limits */
		double mean = (double)c.solid_chars / solid;
		if (q->min_length > 0 && oc_rule(r, row, "gopher_below_avg_threshold", mean,
		                                 q->min_length, mean < q->min_length))
			return 0;
		if (q->max_length > 0 && oc_rule(r, row, "gopher_above_avg_threshold", mean,
		                                 q->max_length, mean > q->max_length))
			return 0;
	}
	double words = (double)c.words;
	if (q->symbols > 0) {
		double ratio = (double)count(text, "#") / words;
		if (oc_rule(r, row, "gopher_too_many_hashes", ratio, q->symbols,
		            ratio > q->symbols))
			return 0;
		ratio = (double)(count(text, "...") + count(text, ELLIPSIS)) / words;
		if (oc_rule(r, row, "gopher_too_many_ellipsis", ratio, q->symbols,
		            ratio > q->symbols))
			return 0;
	}
	if (judge_lines(q, row, text))
		return 0;
	double alpha = (double)c.alpha / words;
	if (q->alpha > 0 &&
	    oc_rule(r, row, "gopher_below_alpha_threshold", alpha, q->alpha, alpha < q->alpha))
		return 0;
	int stop = __builtin_popcountll(c.stop);
	if (q->min_stop > 0)
		oc_rule(r, row, "gopher_enough_stop_words", stop, (double)q->min_stop,
		        stop < q->min_stop);
	return 0;
}

extern const struct oc_stage_def oc_stage_gopher_quality;
const struct oc_stage_def oc_stage_gopher_quality = {
	.size = sizeof(struct oc_stage_def),
	.name = "gopher_quality",
	.help = "Gopher's quality rules: length, symbols, bullets, letters, stop words",
	.doc = "As datatrove decides them, in its order and under its names. An empty text, or one "
	       "without a word where no least number of words is asked, is dropped as `empty`. "
	       "Source: Rae et al. 2021, arXiv 2112.11446, table A1.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.open = open_quality,
	.close = close_quality,
	.row = judge,
};
