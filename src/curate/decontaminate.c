/*
 * decontaminate: rows that hold what a benchmark asks. Every run of `ngram` words of every item of
 * the benchmark files is in a table; a row is scanned with a rolling hash, and a hit is aligned
 * with its item word by word in both directions. Words are lower-cased runs of letters and digits,
 * so layout and punctuation do not hide a leak.
 *
 * Two things make n-gram matching false or blind, and are dealt with: an n-gram that stands in more
 * than `max_items` items is a template of the benchmark ("what is the output of the following...")
 * and nominates nothing; an item shorter than n words is looked for as a whole, and where it has an
 * answer, counts only when that stands within `near` words of it.
 *
 * Memory: 8 bytes a word and 32 an n-gram of the benchmarks. Scanning: O(words), and per hit the
 * length of the items it meets, of which there are at most max_items.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "data/row.h"
#include "text/utf8.h"
#include "text/view.h"

#define BASE 0x9E3779B97F4A7C15u

enum action { REPORT, CUT, DROP };

struct item {
	struct oc_str benchmark, id;
	const uint64_t *word, *answer; /* (word_n), (answer_n) hashes */
	uint32_t word_n, answer_n;
};

/* One place of an n-gram; places of equal hash are chained in the order they were added. */
struct gram {
	uint64_t hash;
	uint32_t item, at;
	uint32_t next;   /* of the same hash; UINT32_MAX = the last */
	uint32_t item_n; /* at the first of a chain: in how many items */
	uint32_t last;   /* at the first: the last of the chain */
};

struct decontaminate {
	char *name;
	struct oc_arena *arena;
	struct oc_str field;
	enum action action;
	uint32_t ngram, max_items, near, least;
	uint64_t memory;
	struct item *items;
	uint32_t item_n, item_cap;
	struct gram *grams;
	uint32_t gram_n, gram_cap;
	uint32_t *slots; /* (slot_n), a power of two: index of a chain's first gram + 1 */
	uint32_t slot_n;
	uint64_t *bits;    /* (2^20): a small table that says no first */
	uint32_t *lens;    /* (len_n) the lengths of n-grams there are, longest first */
	uint64_t *leaving; /* (len_n) BASE^(len - 1) */
	uint32_t len_n;
	yyjson_val *fields;
	struct oc_str answer;
};

static const struct oc_option options[] = {
	{.key = "against",
         .type = OC_OPT_STRS,
         .required = true,
         .help = "Benchmark files: .jsonl (one item a row) or text (one item a line)."},
	{.key = "fields",
         .type = OC_OPT_STRS,
         .help = "Fields of a benchmark's rows that make an item's text; without them the row's "
                 "whole text."},
	{.key = "answer",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The field of a benchmark's rows with the answer, for items shorter than "
                 "`ngram` words."},
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is searched; empty = the row's whole text."},
	{.key = "ngram",
         .type = OC_OPT_INT,
         .def = "13",
         .min = 2,
         .max = 1000,
         .unit = "words",
         .help = "Words in a row that make a hit."},
	{.key = "max_items",
         .type = OC_OPT_INT,
         .def = "10",
         .min = 1,
         .max = 1e6,
         .unit = "items",
         .help = "A run of words that stands in more items than this is a template and makes no "
                 "hit."},
	{.key = "near",
         .type = OC_OPT_INT,
         .def = "50",
         .min = 0,
         .max = 1e6,
         .unit = "words",
         .help = "How near its answer must stand to an item shorter than `ngram` words."},
	{.key = "least",
         .type = OC_OPT_INT,
         .def = "5",
         .min = 1,
         .max = 1000,
         .unit = "words",
         .help = "Items shorter than this are not looked for."},
	{.key = "action",
         .type = OC_OPT_ENUM,
         .def = "drop",
         .choices = "report|cut|drop",
         .help = "report flags the row, cut removes the words from `field`, drop rejects it."},
	{0},
};

static void close_decontaminate(void *self)
{
	struct decontaminate *s = self;

	if (!s)
		return;
	oc_arena_free(s->arena);
	free(s->items);
	free(s->grams);
	free(s->slots);
	free(s->bits);
	free(s->lens);
	free(s->leaving);
	free(s->name);
	free(s);
}

/* --------------------------------------------------------------- the index */

static uint64_t spread(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xD6E8FEB86659FD93u;
	return h ^ h >> 32;
}

/* A run of words, and how many: runs of different lengths never meet. */
static uint64_t gram_hash(uint64_t rolling, uint32_t len)
{
	return spread(rolling + len);
}

#define BIT_N ((uint64_t)1 << 20)

static bool marked(const uint64_t *bits, uint64_t hash)
{
	uint64_t bit = hash >> 44;
	return bits[bit >> 6] >> (bit & 63) & 1;
}

static uint32_t *slot_of(const struct decontaminate *s, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (s->slot_n - 1);

	while (s->slots[i] && s->grams[s->slots[i] - 1].hash != hash)
		i = (i + 1) & (s->slot_n - 1);
	return &s->slots[i];
}

static void grow_slots(struct decontaminate *s)
{
	uint32_t *old = s->slots, n = s->slot_n;

	s->slot_n = n ? 2 * n : 1024;
	s->slots = oc_zalloc(s->slot_n, sizeof *s->slots);
	for (uint32_t i = 0; i < n; i++)
		if (old[i])
			*slot_of(s, s->grams[old[i] - 1].hash) = old[i];
	free(old);
}

static void add_gram(struct decontaminate *s, uint64_t hash, uint32_t item, uint32_t at)
{
	if (2 * s->gram_n >= s->slot_n)
		grow_slots(s);
	if (s->gram_n == s->gram_cap) {
		s->gram_cap = s->gram_cap ? 2 * s->gram_cap : 1024;
		s->grams = oc_realloc(s->grams, s->gram_cap * sizeof *s->grams);
	}
	uint32_t *slot = slot_of(s, hash), i = s->gram_n++;
	s->grams[i] = (struct gram){hash, item, at, UINT32_MAX, 1, i};
	s->bits[hash >> 50] |= (uint64_t)1 << (hash >> 44 & 63);
	if (!*slot) {
		*slot = i + 1;
		return;
	}
	struct gram *first = &s->grams[*slot - 1], *last = &s->grams[first->last];
	first->item_n += last->item != item;
	last->next = i;
	first->last = i;
}

static void add_grams(struct decontaminate *s, const struct item *it, uint32_t item)
{
	uint32_t len = it->word_n < s->ngram ? it->word_n : s->ngram, k = 0;
	uint64_t h = 0, leaving = 1;

	for (uint32_t i = 1; i < len; i++)
		leaving *= BASE;
	while (k < s->len_n && s->lens[k] != len)
		k++;
	if (k == s->len_n) {
		s->lens = oc_realloc(s->lens, (k + 1) * sizeof *s->lens);
		s->leaving = oc_realloc(s->leaving, (k + 1) * sizeof *s->leaving);
		s->lens[k] = len;
		s->leaving[k] = leaving;
		s->len_n++;
	}
	for (uint32_t i = 0; i < it->word_n; i++) {
		h = h * BASE + it->word[i];
		if (i + 1 < len)
			continue;
		add_gram(s, gram_hash(h, len), item, i + 1 - len);
		h -= it->word[i + 1 - len] * leaving;
	}
}

static const uint64_t *words_of(struct decontaminate *s, struct oc_arena *a, struct oc_str text,
                                uint32_t *n)
{
	struct oc_words words = oc_text_fold(a, oc_text_lower(a, text));

	*n = words.n;
	return oc_arena_dup(s->arena, words.hash, words.n * sizeof *words.hash);
}

static struct oc_str item_id(struct decontaminate *s, struct oc_row *row, uint64_t line)
{
	static const char *const names[] = {"id", "task_id", "question_id", "key"};
	struct oc_str id;

	for (size_t i = 0; row->root && i < sizeof names / sizeof *names; i++)
		if (oc_row_field(row, oc_str(names[i]), &id) && id.len)
			return oc_arena_str(s->arena, id);
	return oc_arena_printf(s->arena, "%llu", (unsigned long long)line);
}

static int add_item(struct decontaminate *s, struct oc_str benchmark, uint64_t line,
                    struct oc_str bytes, bool json, struct oc_arena *a, struct oc_err *err)
{
	struct oc_row row = {.raw = bytes, .arena = a};
	struct item it = {.benchmark = benchmark};
	struct oc_buf text = {0};
	struct oc_str answer = {"", 0}, part;
	yyjson_val *field;
	size_t i, max;

	if (json) {
		if (oc_row_parse(&row, err))
			return -1;
		if (!row.root)
			return oc_fail(err, OC_INPUT, s->name,
			               "%.*s: line %llu is not a JSON object", OC_ARG(benchmark),
			               (unsigned long long)line);
		yyjson_arr_foreach(s->fields, i, max, field)
		{
			if (!oc_row_field(&row, oc_json_str(field), &part))
				continue;
			oc_buf_str(&text, part);
			oc_buf_putc(&text, '\n');
		}
		if (!s->fields)
			oc_buf_str(&text, oc_view_text(&row, (struct oc_str){"", 0}));
		if (s->answer.len)
			oc_row_field(&row, s->answer, &answer);
	} else {
		oc_buf_str(&text, bytes);
	}
	it.word = words_of(s, a, oc_buf_view(&text), &it.word_n);
	it.answer = words_of(s, a, answer, &it.answer_n);
	it.id = item_id(s, &row, line);
	oc_buf_fini(&text);
	if (it.word_n < s->least)
		return 0;
	if (s->item_n == s->item_cap) {
		s->item_cap = s->item_cap ? 2 * s->item_cap : 256;
		s->items = oc_realloc(s->items, s->item_cap * sizeof *s->items);
	}
	s->items[s->item_n] = it;
	add_grams(s, &it, s->item_n++);
	uint64_t held = oc_arena_used(s->arena) + s->gram_cap * sizeof *s->grams +
	                s->slot_n * sizeof *s->slots + s->item_cap * sizeof *s->items;
	if (s->memory && held > s->memory)
		return oc_fail(err, OC_MISSING, s->name,
		               "the index needs more than the %llu bytes this step may hold: raise "
		               "`memory:` or name fewer files under `against:`",
		               (unsigned long long)s->memory);
	return 0;
}

static int add_file(struct decontaminate *s, const char *base_dir, struct oc_str name,
                    struct oc_err *err)
{
	struct oc_buf path = {0}, bytes = {0};
	struct oc_arena *a = oc_arena_new();
	bool json = name.len > 6 && memcmp(name.p + name.len - 6, ".jsonl", 6) == 0;
	struct oc_str benchmark = oc_arena_str(s->arena, name);
	uint64_t line = 0;
	int rc = -1;

	if (base_dir && name.len && name.p[0] != '/')
		oc_buf_printf(&path, "%s/", base_dir);
	oc_buf_str(&path, name);
	if (oc_file_read(oc_buf_cstr(&path), (size_t)1 << 30, &bytes, err))
		goto out;
	for (size_t at = 0; at < bytes.len;) {
		const char *end = memchr(bytes.p + at, '\n', bytes.len - at);
		size_t len = end ? (size_t)(end - bytes.p) - at : bytes.len - at;
		struct oc_str text = oc_str_trim((struct oc_str){bytes.p + at, len});
		at += len + 1;
		line++;
		if (text.len && add_item(s, benchmark, line, text, json, a, err))
			goto out;
		oc_arena_reset(a);
	}
	rc = 0;
out:
	oc_arena_free(a);
	oc_buf_fini(&bytes);
	oc_buf_fini(&path);
	return rc;
}

static int open_decontaminate(void **self, const struct oc_env *env, yyjson_val *opts,
                              struct oc_err *err)
{
	struct decontaminate *s = oc_zalloc(1, sizeof *s);
	struct oc_str action = oc_json_get_str(opts, "action");
	yyjson_val *file;
	size_t i, max;

	s->name = oc_strdup(env->name);
	s->arena = oc_arena_new();
	s->field = oc_arena_str(s->arena, oc_json_get_str(opts, "field"));
	s->answer = oc_json_get_str(opts, "answer");
	s->fields = oc_json_get(opts, "fields");
	s->action = oc_str_is(action, "cut") ? CUT : oc_str_is(action, "report") ? REPORT : DROP;
	s->ngram = (uint32_t)oc_json_get_int(opts, "ngram", 13);
	s->max_items = (uint32_t)oc_json_get_int(opts, "max_items", 10);
	s->near = (uint32_t)oc_json_get_int(opts, "near", 50);
	s->least = (uint32_t)oc_json_get_int(opts, "least", 5);
	s->memory = env->memory;
	s->bits = oc_zalloc(BIT_N / 64, sizeof *s->bits);
	grow_slots(s);
	if (s->action == CUT && (!s->field.len || memchr(s->field.p, '.', s->field.len))) {
		oc_fail(err, OC_PLAN, env->name,
		        "`action: cut` needs `field:`, the top-level member to cut from");
		goto fail;
	}
	yyjson_arr_foreach(oc_json_get(opts, "against"), i, max, file)
	{
		if (add_file(s, env->base_dir, oc_json_str(file), err))
			goto fail;
	}
	s->fields = NULL; /* the options live only as long as this call */
	*self = s;
	return 0;
fail:
	close_decontaminate(s);
	return -1;
}

/* ---------------------------------------------------------------- scanning */

/* Words [from, to) of the row stand in an item. */
struct hit {
	uint32_t from, to, item, items;
};

static bool answer_near(const struct decontaminate *s, const struct oc_words *w, struct hit h)
{
	const struct item *it = &s->items[h.item];
	uint32_t from = h.from > s->near ? h.from - s->near : 0, k;
	uint64_t to = (uint64_t)h.to + s->near + it->answer_n;

	if (to > w->n)
		to = w->n;
	for (uint64_t i = from; i + it->answer_n <= to; i++) {
		if (i < h.to && i + it->answer_n > h.from)
			continue; /* a word of the question is no answer */
		for (k = 0; k < it->answer_n && w->hash[i + k] == it->answer[k]; k++)
			;
		if (k == it->answer_n)
			return true;
	}
	return false;
}

/* The longest alignment of the row with an item through the n-gram at word `at`; to = 0: none. */
static struct hit align(const struct decontaminate *s, const struct oc_words *w, uint32_t at,
                        uint32_t len, const struct gram *g)
{
	struct hit best = {0};

	if (g->item_n > s->max_items)
		return best;
	for (uint32_t items = g->item_n;; g = &s->grams[g->next]) {
		const struct item *it = &s->items[g->item];
		struct hit h = {at, at, g->item, items};
		uint32_t i = g->at;
		while (h.to < w->n && i < it->word_n && w->hash[h.to] == it->word[i]) {
			h.to++;
			i++;
		}
		i = g->at;
		while (h.from && i && w->hash[h.from - 1] == it->word[i - 1]) {
			h.from--;
			i--;
		}
		if (h.to - at >= len && h.to - h.from > best.to - best.from &&
		    (len >= s->ngram || !it->answer_n || answer_near(s, w, h)))
			best = h;
		if (g->next == UINT32_MAX)
			return best;
	}
}

static void scan(const struct decontaminate *s, const struct oc_words *w, uint32_t len,
                 uint64_t leaving, struct oc_buf *hits)
{
	uint64_t h = 0;
	uint32_t done = 0; /* n-grams that end here or before lie in the last hit */

	for (uint32_t i = 0; i < w->n; i++) {
		h = h * BASE + w->hash[i];
		if (i + 1 < len)
			continue;
		uint64_t hash = gram_hash(h, len);
		h -= w->hash[i + 1 - len] * leaving;
		if (!marked(s->bits, hash) || i < done)
			continue;
		uint32_t slot = *slot_of(s, hash);
		if (!slot)
			continue;
		struct hit found = align(s, w, i + 1 - len, len, &s->grams[slot - 1]);
		if (!found.to)
			continue;
		oc_buf_add(hits, &found, sizeof found);
		done = found.to;
	}
}

static int by_place(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

/* Where byte `at` of the lower-cased text comes from. */
static size_t raw_place(struct oc_arena *a, struct oc_str text, size_t at)
{
	const char *p = text.p, *end = text.p + text.len;
	size_t lower = 0;

	while (p < end && lower < at) {
		const char *from = p;
		if ((unsigned char)*p < 0x80) {
			p++;
			lower++;
			continue;
		}
		oc_utf8_next(&p, end);
		lower += oc_text_lower(a, (struct oc_str){from, (size_t)(p - from)}).len;
	}
	return (size_t)(p - text.p);
}

static int cut(const struct decontaminate *s, struct oc_row *row, const struct oc_words *w,
               const struct hit *hit, size_t n, struct oc_err *err)
{
	struct oc_str text = oc_view_text(row, s->field), lower = oc_view_lower(row, s->field);
	struct oc_buf left = {0}, json = {0};
	size_t at = 0;
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		const struct oc_str *last = &w->word[hit[i].to - 1];
		size_t from = raw_place(row->arena, text,
		                        (size_t)(w->word[hit[i].from].p - lower.p)),
		       to = raw_place(row->arena, text, (size_t)(last->p + last->len - lower.p));
		if (from > at)
			oc_buf_add(&left, text.p + at, from - at);
		at = to > at ? to : at;
	}
	oc_buf_add(&left, text.p + at, text.len - at);
	if (!oc_str_trim(oc_buf_view(&left)).len) {
		oc_row_reject(row, s->name, "nothing_left", OC_LIT(""));
	} else {
		oc_buf_json(&json, oc_buf_view(&left));
		rc = oc_row_set(row, s->field, oc_buf_view(&json), err);
		oc_row_edited(row, oc_str(s->name), OC_LIT("cut what a benchmark holds"));
	}
	oc_buf_fini(&left);
	oc_buf_fini(&json);
	return rc;
}

static void say(const struct decontaminate *s, struct oc_row *row, const struct oc_words *w,
                const struct hit *h, uint64_t hit_n)
{
	static const enum oc_result results[] = {OC_FLAG, OC_CHANGED, OC_DROP};
	struct oc_str text = oc_view_text(row, s->field), lower = oc_view_lower(row, s->field);
	const struct item *it = &s->items[h->item];
	const struct oc_str *last = &w->word[h->to - 1];
	size_t from = raw_place(row->arena, text, (size_t)(w->word[h->from].p - lower.p)),
	       to = raw_place(row->arena, text, (size_t)(last->p + last->len - lower.p));
	size_t len = to - from < 80 ? to - from : 80;
	struct oc_buf b = {0};

	while (len && len < to - from && ((unsigned char)text.p[from + len] & 0xC0) == 0x80)
		len--;
	oc_buf_puts(&b, "{\"benchmark\":");
	oc_buf_json(&b, it->benchmark);
	oc_buf_puts(&b, ",\"item\":");
	oc_buf_json(&b, it->id);
	oc_buf_printf(&b, ",\"words\":%u,\"of\":%u,\"items\":%u,\"hits\":%llu,\"row_at\":[%zu,%zu]",
	              h->to - h->from, it->word_n, h->items, (unsigned long long)hit_n, from,
	              to - from);
	oc_buf_puts(&b, ",\"text\":");
	oc_buf_json(&b, (struct oc_str){text.p + from, len});
	oc_buf_putc(&b, '}');
	oc_row_score(row, s->name, "contaminated", results[s->action], h->to - h->from,
	             it->word_n < s->ngram ? it->word_n : s->ngram, oc_buf_view(&b));
	oc_buf_fini(&b);
}

static int decide(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct decontaminate *s = self;
	const struct oc_words *w = oc_view_fold(row, s->field);
	struct oc_buf hits = {0};
	int rc = 0;

	(void)scratch;
	for (uint32_t k = 0; k < s->len_n; k++)
		scan(s, w, s->lens[k], s->leaving[k], &hits);
	if (hits.len) {
		struct hit *hit = (void *)hits.p;
		size_t n = hits.len / sizeof *hit, best = 0;
		qsort(hit, n, sizeof *hit, by_place);
		for (size_t i = 1; i < n; i++)
			if (hit[i].to - hit[i].from > hit[best].to - hit[best].from)
				best = i;
		say(s, row, w, &hit[best], n);
		if (s->action == DROP)
			row->fate = OC_REJECTED;
		else if (s->action == CUT)
			rc = cut(s, row, w, hit, n, err);
	}
	oc_buf_fini(&hits);
	return rc;
}

extern const struct oc_stage_def oc_stage_decontaminate;
const struct oc_stage_def oc_stage_decontaminate = {
	.size = sizeof(struct oc_stage_def),
	.name = "decontaminate",
	.help = "report, cut or drop rows that hold items of benchmark files",
	.doc = "Finds every run of `ngram` words (lower-cased, punctuation aside) that a row "
	       "shares "
	       "with an item of the files under `against`, aligned with the item word by word. "
	       "Runs "
	       "that stand in many items are templates and make no hit; an item shorter than "
	       "`ngram` words is looked for as a whole, with its answer near by when `answer` "
	       "names "
	       "one. Rejects as `contaminated`; the evidence is the file, the item, the words and "
	       "where they stand. After a cut: `nothing_left`.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.open = open_decontaminate,
	.close = close_decontaminate,
	.row = decide,
};
