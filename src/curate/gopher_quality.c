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
	/* A stop word's bit is the number of its place; one of at most 7 bytes is found by them
	 * and its length as a number, in a table without collisions. */
	struct {
		uint64_t bytes;
		uint64_t bit; /* 0 = empty */
	} table[512];
	uint64_t factor;
	uint64_t long_stop; /* bits of those that are longer */
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

/* A word of at most 7 bytes as a number. `end`: that of the text around it. */
static uint64_t number_of(struct oc_str w, const char *end)
{
	uint64_t x = 0;

	if (end - w.p < 8)
		memcpy(&x, w.p, w.len);
	else
		memcpy(&x, w.p, sizeof x);
	return (x & (((uint64_t)1 << 8 * w.len) - 1)) | (uint64_t)w.len << 56;
}

static size_t place_of(const struct quality *q, uint64_t bytes)
{
	return (size_t)(bytes * q->factor >> 55);
}

/* Tries factors until no two words meet: with 64 words in 512 places one in 60 does, with the usual
 * eight nearly every one. */
static void place_stop_words(struct quality *q)
{
	bool met = true;

	for (q->factor = 0x9E3779B97F4A7C15u; met; q->factor += 0xD6E8FEB86659FD92u) {
		memset(q->table, 0, sizeof q->table);
		q->long_stop = 0;
		met = false;
		for (uint32_t i = 0; i < q->stop_n && !met; i++) {
			struct oc_str w = q->stop[i];
			uint64_t bit = (uint64_t)1 << i;
			if (w.len > 7) {
				q->long_stop |= bit;
				continue;
			}
			uint64_t bytes = number_of(w, w.p + w.len);
			size_t at = place_of(q, bytes);
			if (!q->table[at].bit)
				q->table[at].bytes = bytes;
			met = q->table[at].bytes != bytes;
			q->table[at].bit |= bit;
		}
		if (!met)
			return;
	}
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
	place_stop_words(q);
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

/* Bits of the stop words that are this word. */
static uint64_t stop_of(const struct quality *q, struct oc_str w, const char *end)
{
	uint64_t bits = 0;

	if (w.len <= 7) {
		uint64_t bytes = number_of(w, end);
		size_t at = place_of(q, bytes);
		return q->table[at].bytes == bytes ? q->table[at].bit : 0;
	}
	for (uint32_t k = 0; q->long_stop >> k && k < q->stop_n; k++)
		if (q->long_stop >> k & 1 && oc_str_eq(q->stop[k], w))
			bits |= (uint64_t)1 << k;
	return bits;
}

static void look_at_word(struct oc_str w, bool *solid, bool *alpha)
{
	const char *p = w.p, *end = w.p + w.len;

	while (p < end && !(*solid && *alpha)) {
		uint32_t ch =
			(unsigned char)*p < 0x80 ? (unsigned char)*p++ : oc_utf8_next(&p, end);
		bool letter = is_letter(ch);
		*alpha = *alpha || letter;
		*solid = *solid || (letter && ch < 0x80) || !oc_is_symbol(ch);
	}
}

static void count_words(const struct quality *q, const struct oc_marks *m,
                        const struct oc_str *word, uint32_t n, struct counts *c)
{
	const char *end = m->text.p + m->text.len;

	*c = (struct counts){.words = n};
	for (uint32_t i = 0; i < n; i++) {
		struct oc_str w = word[i];
		bool alpha = (unsigned)(*w.p | 0x20) - 'a' < 26, solid = alpha;
		if (!alpha && w.len == 1)
			solid = (unsigned)*w.p - '0' < 10 || !oc_is_symbol((unsigned char)*w.p);
		else if (!alpha)
			look_at_word(w, &solid, &alpha);
		c->solid += solid;
		if (solid)
			c->solid_chars += m->ascii ? w.len : oc_utf8_count(w);
		c->alpha += alpha;
		c->stop |= stop_of(q, w, end);
	}
}

/* Non-overlapping occurrences, from the left, as Python's str.count. */
static uint64_t count(struct oc_str text, const char *what)
{
	size_t len = strlen(what);
	const char *p = text.p, *end = text.p + text.len;
	uint64_t n = 0;

	while ((p = oc_pair_find(p, end, what[0], what[1], OC_MARKS_BEST)) != NULL) {
		if ((size_t)(end - p) >= len && memcmp(p, what, len) == 0) {
			n++;
			p += len;
		} else {
			p++;
		}
	}
	return n;
}

static uint64_t count_byte(struct oc_str text, char c)
{
	const char *p = text.p, *end = text.p + text.len;
	uint64_t n = 0;

	for (; p < end && (p = memchr(p, c, (size_t)(end - p))) != NULL; p++)
		n++;
	return n;
}

#define ELLIPSIS "\xE2\x80\xA6"
#define BULLET   "\xE2\x80\xA2"

static bool judge_lines(const struct quality *q, struct oc_row *row, const struct oc_marks *m)
{
	uint64_t lines = 0, bullets = 0, ellipses = 0;
	struct oc_str line;
	size_t at = 0;

	while (oc_marks_line(m, &at, &line)) {
		struct oc_str left = oc_strip_left(line), right = oc_strip_right(line);
		lines++;
		bullets += left.len && (*left.p == '-' || oc_str_starts(left, BULLET));
		ellipses += right.len > 2 && (memcmp(right.p + right.len - 3, "...", 3) == 0 ||
		                              memcmp(right.p + right.len - 3, ELLIPSIS, 3) == 0);
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
	const struct oc_marks *m = oc_view_marks(row, r->field);
	count_words(q, m, word, n, &c);
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
		double ratio = (double)count_byte(text, '#') / words;
		if (oc_rule(r, row, "gopher_too_many_hashes", ratio, q->symbols,
		            ratio > q->symbols))
			return 0;
		ratio = (double)(count(text, "...") + count(text, ELLIPSIS)) / words;
		if (oc_rule(r, row, "gopher_too_many_ellipsis", ratio, q->symbols,
		            ratio > q->symbols))
			return 0;
	}
	if (judge_lines(q, row, m))
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
	       "without a word where no least number of words is asked, is dropped as `empty`.\n\n"
	       "Example: {\"text\": \"Buy now!\"} falls as `gopher_short_doc`: 2 words that are no "
	       "symbols, 50 are asked.\n\n"
	       "Cost: about 3 us for 220 words, its words counted already. Source: Rae et al. "
	       "2021, "
	       "arXiv 2112.11446, table A1.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.open = open_quality,
	.close = close_quality,
	.row = judge,
};
