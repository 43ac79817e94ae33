/*
 * words: what the instruction recipes ask of a text before anything dearer looks at it: its length
 * in words, words that promise what a text cannot hold, how it starts and ends. The first rule that
 * is broken, in the order of the options, is the reason.
 *
 * The presets are the published filters of Self-Instruct and Alpaca, decision for decision (the
 * tests compare with Python's `re`): a word of the blacklist counts between borders as Unicode
 * sees words (letters, numbers, underscore), in any case, where case is Python's IGNORECASE: also
 * the dotless and dotted i, the long s and the Kelvin sign match their ASCII letters.
 */
#include <stdlib.h>

#include <utf8proc.h>

#include "base/err.h"
#include "text/utf8.h"
#include "text/view.h"

#define FILTERS                                                                                    \
	"min: 4, max: 150, starts_with: [Write a program], first_char: [not_punctuation, ascii]"
#define PICTURES                                                                                   \
	"image, images, graph, graphs, picture, pictures, file, files, map, maps, draw, plot, go " \
	"to"

static const char presets[] =
	"self_instruct: {" FILTERS ", any_case: true, blacklist: [" PICTURES "]}\n"
	"alpaca: {" FILTERS ", blacklist: [" PICTURES
	", video, audio, music, flowchart, diagram]}\n";

/* A blacklisted word as folded code points. */
struct banned {
	struct oc_str text; /* as the plan has it */
	uint32_t *code;     /* (n) */
	uint32_t n;
	bool border_before, border_after; /* its first, last code point is part of a word */
};

struct words {
	char *name;
	struct oc_arena *arena;
	struct oc_str field;
	int64_t min, max;
	struct banned *banned;
	uint32_t banned_n;
	bool first[256]; /* ASCII code points with which a banned word starts; [128]: any other */
	struct oc_str *starts, *ends, *filled, *differ;
	uint32_t start_n, end_n, filled_n, differ_n;
	bool any_case, no_punctuation, ascii;
};

static const struct oc_option options[] = {
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is looked at; empty = the row's whole text."},
	{.key = "preset",
         .type = OC_OPT_ENUM,
         .def = "none",
         .choices = "none|self_instruct|alpaca",
         .presets = presets,
         .help = "The filters of a published recipe: 4 to 150 words, its blacklist, no `Write a "
                 "program`, no punctuation and no other script at the start. Options given beside "
                 "it replace its values."},
	{.key = "min",
         .type = OC_OPT_INT,
         .min = 0,
         .max = 1e9,
         .unit = "words",
         .help = "Fewest words."},
	{.key = "max",
         .type = OC_OPT_INT,
         .min = 0,
         .max = 1e9,
         .unit = "words",
         .help = "Most words."},
	{.key = "blacklist",
         .type = OC_OPT_STRS,
         .help = "Words or phrases that must not occur, in any case, between word borders."},
	{.key = "starts_with",
         .type = OC_OPT_STRS,
         .help = "Beginnings with which the text must not start."},
	{.key = "any_case",
         .type = OC_OPT_BOOL,
         .help = "Beginnings are compared without regard to case (A to Z)."},
	{.key = "first_char",
         .type = OC_OPT_STRS,
         .help = "What the first character must be: `not_punctuation` (of ASCII), `ascii`."},
	{.key = "ends_with",
         .type = OC_OPT_STRS,
         .help = "Endings with which the text, white space cut off, must not end, such as a "
                 "colon."},
	{.key = "filled", .type = OC_OPT_STRS, .help = "Fields that must hold some text."},
	{.key = "differ",
         .type = OC_OPT_STRS,
         .help = "Fields whose texts must all differ, such as [input, output]."},
	{0},
};

/* One letter for all its cases, as Python's re compares them under IGNORECASE. */
static uint32_t fold(uint32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	utf8proc_int32_t lower = utf8proc_tolower((utf8proc_int32_t)c);
	return (uint32_t)utf8proc_tolower(utf8proc_toupper(lower));
}

static bool is_word(uint32_t c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		       c == '_';
	switch (utf8proc_category((utf8proc_int32_t)c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO: return true;
	default: return false;
	}
}

static bool is_punctuation(char c)
{
	return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
	       (c >= '{' && c <= '~');
}

/* ----------------------------------------------------------------- opening */

static struct oc_str *list_of(struct oc_arena *a, yyjson_val *list, uint32_t *n)
{
	struct oc_str *out = oc_arena_zalloc(a, (yyjson_arr_size(list) + 1) * sizeof *out);
	size_t i, max;
	yyjson_val *item;

	yyjson_arr_foreach(list, i, max, item)
	{
		out[i] = oc_arena_str(a, oc_json_str(item));
	}
	*n = (uint32_t)yyjson_arr_size(list);
	return out;
}

static int ban(struct words *w, struct oc_str *list, uint32_t n, struct oc_err *err)
{
	w->banned = oc_arena_zalloc(w->arena, (n + 1) * sizeof *w->banned);
	for (uint32_t i = 0; i < n; i++) {
		struct banned *b = &w->banned[i];
		const char *p = list[i].p, *end = p + list[i].len;
		uint32_t last = 0;
		if (!list[i].len)
			return oc_fail(err, OC_PLAN, w->name, "`blacklist` holds an empty word");
		*b = (struct banned){.text = list[i],
		                     .code = oc_arena_alloc(w->arena, list[i].len * 4)};
		while (p < end) {
			last = oc_utf8_next(&p, end);
			if (!b->n)
				b->border_before = is_word(last);
			b->code[b->n++] = fold(last);
		}
		b->border_after = is_word(last);
		w->first[b->code[0] < 128 ? b->code[0] : 128] = true;
	}
	w->banned_n = n;
	return 0;
}

static int read_first_char(struct words *w, yyjson_val *list, struct oc_err *err)
{
	size_t i, max;
	yyjson_val *item;

	w->no_punctuation = w->ascii = false;
	yyjson_arr_foreach(list, i, max, item)
	{
		if (yyjson_equals_str(item, "not_punctuation"))
			w->no_punctuation = true;
		else if (yyjson_equals_str(item, "ascii"))
			w->ascii = true;
		else
			return oc_fail(err, OC_PLAN, w->name,
			               "first_char: \"%.*s\" is not known; there are "
			               "not_punctuation and ascii",
			               OC_ARG(oc_json_str(item)));
	}
	return 0;
}

static void close_words(void *self)
{
	struct words *w = self;

	if (!w)
		return;
	oc_arena_free(w->arena);
	free(w->name);
	free(w);
}

static int open_words(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct words *w = oc_zalloc(1, sizeof *w);
	struct oc_arena *a = oc_arena_new();
	struct oc_str *blacklist;
	uint32_t n;

	w->name = oc_strdup(env->name);
	w->arena = a;
	w->field = oc_arena_str(a, oc_json_get_str(opts, "field"));
	w->min = oc_json_get_int(opts, "min", -1);
	w->max = oc_json_get_int(opts, "max", -1);
	w->any_case = oc_json_get_bool(opts, "any_case", false);
	blacklist = list_of(a, oc_json_get(opts, "blacklist"), &n);
	w->starts = list_of(a, oc_json_get(opts, "starts_with"), &w->start_n);
	w->ends = list_of(a, oc_json_get(opts, "ends_with"), &w->end_n);
	w->filled = list_of(a, oc_json_get(opts, "filled"), &w->filled_n);
	w->differ = list_of(a, oc_json_get(opts, "differ"), &w->differ_n);
	if (w->max >= 0 && w->min > w->max) {
		oc_fail(err, OC_PLAN, env->name, "min is %lld and max is %lld: no text can pass",
		        (long long)w->min, (long long)w->max);
		goto fail;
	}
	if (read_first_char(w, oc_json_get(opts, "first_char"), err) || ban(w, blacklist, n, err))
		goto fail;
	*self = w;
	return 0;
fail:
	close_words(w);
	return -1;
}

/* ----------------------------------------------------------------- judging */

static bool matches(const struct banned *b, const char *p, const char *end)
{
	uint32_t c = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		if (p == end)
			return false;
		c = (unsigned char)*p < 0x80 ? (unsigned char)*p++ : oc_utf8_next(&p, end);
		if (fold(c) != b->code[i])
			return false;
	}
	if (!b->border_after || p == end)
		return true;
	return !is_word(oc_utf8_next(&p, end));
}

/* The first word of the blacklist (in the plan's order) that the text holds, or NULL. */
static const struct banned *find_banned(const struct words *w, struct oc_str text)
{
	const char *p = text.p, *end = text.p + text.len;
	uint32_t best = w->banned_n;
	bool inside = false; /* the code point before p is part of a word */

	while (p < end && best) {
		const char *from = p;
		uint32_t c = (unsigned char)*p < 0x80 ? (unsigned char)*p++ : oc_utf8_next(&p, end);
		uint32_t folded = fold(c);
		if (w->first[folded < 128 ? folded : 128])
			for (uint32_t i = 0; i < best; i++) {
				const struct banned *b = &w->banned[i];
				if (b->code[0] == folded && !(b->border_before && inside) &&
				    matches(b, from, end))
					best = i;
			}
		inside = is_word(c);
	}
	return best < w->banned_n ? &w->banned[best] : NULL;
}

static bool starts(struct oc_str text, struct oc_str prefix, bool any_case)
{
	if (text.len < prefix.len)
		return false;
	for (size_t i = 0; i < prefix.len; i++) {
		unsigned char a = (unsigned char)text.p[i], b = (unsigned char)prefix.p[i];
		if (any_case && a < 0x80 && b < 0x80) {
			a = (unsigned char)fold(a);
			b = (unsigned char)fold(b);
		}
		if (a != b)
			return false;
	}
	return true;
}

/* Rejects with {"what": text} as evidence. */
static int refuse(const struct words *w, struct oc_row *row, const char *rule, const char *what,
                  struct oc_str text)
{
	struct oc_buf b = {0};

	oc_buf_putc(&b, '{');
	oc_buf_json(&b, oc_str(what));
	oc_buf_putc(&b, ':');
	oc_buf_json(&b, text);
	oc_buf_putc(&b, '}');
	oc_row_reject(row, w->name, rule, oc_buf_view(&b));
	oc_buf_fini(&b);
	return 0;
}

static int judge_length(const struct words *w, struct oc_row *row)
{
	int64_t n;
	bool low, high;

	if (w->min < 0 && w->max < 0)
		return 0;
	n = oc_view_word_count(row, w->field);
	low = w->min >= 0 && n < w->min;
	high = w->max >= 0 && n > w->max;
	oc_row_score_named(row, oc_str(w->name),
	                   low    ? OC_LIT("too_short")
	                   : high ? OC_LIT("too_long")
	                          : OC_LIT("words"),
	                   low || high ? OC_DROP : OC_KEEP, (double)n,
	                   (double)(high ? w->max : w->min));
	if (low || high)
		row->fate = OC_REJECTED;
	return low || high;
}

static int judge_fields(const struct words *w, struct oc_row *row)
{
	for (uint32_t i = 0; i < w->filled_n; i++)
		if (!oc_str_trim(oc_view_text(row, w->filled[i])).len)
			return refuse(w, row, "empty", "field", w->filled[i]);
	for (uint32_t i = 0; i < w->differ_n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (oc_str_eq(oc_view_text(row, w->differ[i]),
			              oc_view_text(row, w->differ[k])))
				return refuse(w, row, "same_fields", "field", w->differ[i]);
	return 0;
}

static int judge(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct words *w = self;
	struct oc_str text = oc_view_text(row, w->field);
	const struct banned *hit;

	(void)scratch;
	(void)err;
	if (judge_length(w, row))
		return 0;
	if (w->banned_n && (hit = find_banned(w, text)))
		return refuse(w, row, "blacklist", "word", hit->text);
	for (uint32_t i = 0; i < w->start_n; i++)
		if (starts(text, w->starts[i], w->any_case))
			return refuse(w, row, "starts_with", "start", w->starts[i]);
	if (w->no_punctuation && text.len && is_punctuation(text.p[0]))
		return refuse(w, row, "first_punctuation", "first", (struct oc_str){text.p, 1});
	if (w->ascii && text.len && (unsigned char)text.p[0] & 0x80) {
		const char *p = text.p;
		oc_utf8_next(&p, text.p + text.len);
		return refuse(w, row, "first_not_ascii", "first",
		              (struct oc_str){text.p, (size_t)(p - text.p)});
	}
	struct oc_str trimmed = oc_str_trim(text);
	for (uint32_t i = 0; i < w->end_n; i++)
		if (trimmed.len >= w->ends[i].len && w->ends[i].len &&
		    memcmp(trimmed.p + trimmed.len - w->ends[i].len, w->ends[i].p,
		           w->ends[i].len) == 0)
			return refuse(w, row, "ends_with", "end", w->ends[i]);
	return judge_fields(w, row);
}

extern const struct oc_stage_def oc_stage_words;
const struct oc_stage_def oc_stage_words = {
	.size = sizeof(struct oc_stage_def),
	.name = "words",
	.help = "drop texts by length in words, blacklist, first characters and ending",
	.doc = "The presets decide as the published filters of Self-Instruct and Alpaca. "
	       "Rejects as `too_short`, `too_long`, `blacklist`, `starts_with`, "
	       "`first_punctuation`, `first_not_ascii`, `ends_with`, `empty` or "
	       "`same_fields`: the first that applies, in this order.\n\n"
	       "Example: {\"instruction\": \"Draw a picture of a horse.\"} falls as `blacklist` "
	       "under `preset: self_instruct`: no text can draw.\n\n"
	       "Cost: one look at each word. Source: Wang et al. 2022, arXiv 2212.10560, "
	       "section 2.2; Taori et al. 2023, Alpaca.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.open = open_words,
	.close = close_words,
	.row = judge,
};
