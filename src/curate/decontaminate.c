/*
 * decontaminate: rows that hold what a benchmark asks. Every run of `ngram` words of every item of
 * the benchmark files is in a table; a row is scanned with a rolling hash, and a hit is aligned
 * with its item word by word in both directions. Layout and punctuation do not hide a leak.
 *
 * Three things make n-gram matching false or blind, and are dealt with: an n-gram that stands in
 * more than `max_items` items is a template of the benchmark ("what is the output of the
 * following...") and nominates nothing; one that stands in more than `frequent` rows is a template
 * or a quotation of the corpus; an item shorter than n words is looked for as a whole, and where
 * it has an answer, counts only when that stands within `near` words of it.
 *
 * Rows are judged one by one, in one pass. Only to count in how many rows an n-gram stands all
 * rows must have been seen first: `frequent` makes this a whole stage. The rules of others
 * (`compat`) are told in doc/compat.md.
 */
#include <stdlib.h>

#include "base/err.h"
#include "curate/applied.h"
#include "curate/decontaminate.h"
#include "pipe/against.h"
#include "pipe/spill.h"
#include "text/utf8.h"
#include "text/view.h"

enum action { REPORT, CUT, DROP };

struct decontaminate {
	char *name;
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_str field;
	enum action action;
	uint32_t frequent;
	struct oc_leak_index index;
	struct oc_leak_tally tally;
	struct oc_buf room;
	/* as a whole stage: records of rows with hits, and where each begins */
	struct oc_spill *out;
	struct oc_str records;
	const struct place {
		uint64_t number, at;
	} * places;
	uint64_t place_n;
};

struct scratch {
	struct oc_leak_words words;
	struct oc_buf hits, record;
};

/* What is known of a row with hits. */
struct note {
	const struct oc_leak_hit *hits;
	uint32_t hit_n;
};

static const struct oc_option options[] = {
	{.key = "against",
         .type = OC_OPT_STRS,
         .required = true,
         .help = "Benchmark files or patterns: rows of " OC_AGAINST_ROWS
                 ", an item each; " OC_AGAINST_TEXTS
                 "; and indexes made by `outcross index build --for decontaminate` with the same "
                 "`fields`, `answer` and `compat`."},
	{.key = "fields",
         .type = OC_OPT_STRS,
         .help = "Fields of a benchmark's rows that make an item's text, lists of texts too; "
                 "without them the row's whole text."},
	{.key = "answer",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The field of a benchmark's rows with the answer: looked for near each hit, and "
                 "needed there for items shorter than `ngram` words."},
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is searched; empty = the row's whole text."},
	{.key = "compat",
         .type = OC_OPT_ENUM,
         .def = "none",
         .choices = "none|datatrove|gpt3|cosmopedia",
         .presets = "{datatrove: {ngram: 12}, cosmopedia: {ngram: 10}}",
         .help = "Whose rule nominates and decides. datatrove: 12 tokens of the answer, or across "
                 "its border with the question, drop the row (or report it: it knows no cut); "
                 "gpt3: 13 words, cut with 200 characters on both "
                 "sides; cosmopedia: 10 words, and more than half of the item's characters in "
                 "common blocks."},
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
	{.key = "frequent",
         .type = OC_OPT_INT,
         .def = "0",
         .min = 0,
         .max = 4e9,
         .unit = "rows",
         .help = "A hit of which every run of `ngram` words stands in more rows than this is a "
                 "template or a quotation and does not count; 0 = not asked. Needs a second pass "
                 "over the rows."},
	{.key = "near",
         .type = OC_OPT_INT,
         .def = "50",
         .min = 0,
         .max = 1e6,
         .unit = "words",
         .help = "How near its answer must stand to an item."},
	{.key = "least",
         .type = OC_OPT_INT,
         .def = "5",
         .min = 2,
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
	oc_spill_close(s->out);
	oc_leak_index_fini(&s->index);
	oc_leak_tally_fini(&s->tally);
	oc_buf_fini(&s->room);
	oc_arena_free(s->arena);
	free(s->name);
	free(s);
}

static enum oc_leak_rules rules_of(struct oc_str name)
{
	return oc_str_is(name, "datatrove")    ? OC_LEAKS_DATATROVE
	       : oc_str_is(name, "gpt3")       ? OC_LEAKS_GPT3
	       : oc_str_is(name, "cosmopedia") ? OC_LEAKS_COSMOPEDIA
	                                       : OC_LEAKS_OWN;
}

static int open_decontaminate(void **self, const struct oc_env *env, yyjson_val *opts,
                              struct oc_err *err)
{
	struct decontaminate *s = oc_zalloc(1, sizeof *s);
	struct oc_str action = oc_json_get_str(opts, "action");
	struct oc_leak_opts index = {
		.rules = rules_of(oc_json_get_str(opts, "compat")),
		.ngram = (uint32_t)oc_json_get_int(opts, "ngram", 13),
		.max_items = (uint32_t)oc_json_get_int(opts, "max_items", 10),
		.near = (uint32_t)oc_json_get_int(opts, "near", 50),
		.least = (uint32_t)oc_json_get_int(opts, "least", 5),
		.memory = env->memory,
		.given = opts,
		.building = env->indexing,
	};

	s->name = oc_strdup(env->name);
	s->ctx = env->ctx;
	s->arena = oc_arena_new();
	s->field = oc_arena_str(s->arena, oc_json_get_str(opts, "field"));
	s->action = oc_str_is(action, "cut") ? CUT : oc_str_is(action, "report") ? REPORT : DROP;
	s->frequent = (uint32_t)oc_json_get_int(opts, "frequent", 0);
	if (s->action == CUT && (!s->field.len || memchr(s->field.p, '.', s->field.len))) {
		oc_fail(err, OC_PLAN, env->name,
		        "`action: cut` needs `field:`, the top-level member to cut from");
		goto fail;
	}
	if (s->action == CUT && index.rules == OC_LEAKS_DATATROVE) {
		oc_fail(err, OC_PLAN, env->name,
		        "datatrove's rule drops whole rows: there is no `action: cut` with it");
		goto fail;
	}
	if (s->frequent && index.rules != OC_LEAKS_OWN) {
		oc_fail(err, OC_PLAN, env->name,
		        "the rules of others know no frequencies: leave out `frequent` or "
		        "`compat`");
		goto fail;
	}
	if (!env->indexing && !yyjson_arr_size(oc_json_get(opts, "against"))) {
		oc_fail(err, OC_PLAN, env->name, "`against` names no benchmark");
		goto fail;
	}
	if (oc_leak_index_open(&s->index, env, &index, err))
		goto fail;
	*self = s;
	return 0;
fail:
	close_decontaminate(s);
	return -1;
}

/* ------------------------------------------------------------------ looking */

static void *scratch_new(void *self)
{
	(void)self;
	return oc_zalloc(1, sizeof(struct scratch));
}

static void scratch_free(void *scratch)
{
	struct scratch *t = scratch;

	oc_leak_words_fini(&t->words);
	oc_buf_fini(&t->hits);
	oc_buf_fini(&t->record);
	free(t);
}

/* cosmopedia: of the items that an n-gram nominates, those of which enough stands in the row. */
static void only_overlapping(const struct decontaminate *s, struct scratch *t)
{
	struct oc_leak_hit *h = (void *)t->hits.p;
	size_t n = t->hits.len / sizeof *h, kept = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;
		while (k < i && h[k].item != h[i].item)
			k++;
		h[i].share = k < i && k < kept ? h[k].share
		                               : oc_leak_overlap(oc_buf_view(&t->words.joined),
		                                                 s->index.items[h[i].item].joined);
		if (h[i].share > 0.5)
			h[kept++] = h[i];
	}
	t->hits.len = kept * sizeof *h;
}

/* The hits of a row in the scratch; how many. */
static uint32_t look(const struct decontaminate *s, struct scratch *t, struct oc_row *row,
                     struct oc_str text)
{
	t->hits.len = 0;
	oc_leak_words(&t->words, s->index.opts.rules, text, row->arena);
	oc_leak_scan(&s->index, &t->words, &t->hits);
	if (t->hits.len && s->index.opts.rules == OC_LEAKS_COSMOPEDIA)
		only_overlapping(s, t);
	return (uint32_t)(t->hits.len / sizeof(struct oc_leak_hit));
}

/* ------------------------------------------------------------------ deciding */

#define EVIDENCE 80 /* bytes of a hit that a verdict shows */

static void say(const struct decontaminate *s, struct oc_row *row, struct oc_str text,
                const struct note *n)
{
	static const enum oc_result results[] = {OC_FLAG, OC_CHANGED, OC_DROP};
	const struct oc_leak_hit *h = &n->hits[oc_leak_longest(n->hits, n->hit_n)];
	const struct oc_leak_item *it = &s->index.items[h->item];
	bool simple = s->index.opts.rules == OC_LEAKS_DATATROVE;
	struct oc_buf b = {0};

	oc_buf_puts(&b, "{\"benchmark\":");
	oc_buf_json(&b, s->index.names[it->benchmark]);
	oc_buf_puts(&b, ",\"item\":");
	oc_buf_json(&b, it->id);
	oc_buf_printf(&b, ",\"words\":%u,\"of\":%u,\"items\":%u,\"hits\":%u,\"share\":%.4g",
	              h->to - h->from, it->word_n, h->items, n->hit_n, h->share);
	if (h->answer < 2)
		oc_buf_puts(&b, h->answer ? ",\"answer\":true" : ",\"answer\":false");
	/* datatrove's tokens are those of another text than the row's */
	if (!simple) {
		struct oc_str hit = {text.p + h->byte, h->byte_len};
		oc_buf_printf(&b, ",\"row_at\":[%u,%u],\"text\":", h->byte, h->byte_len);
		oc_buf_json(&b, oc_leak_excerpt(hit, 0, EVIDENCE));
	} else {
		oc_buf_printf(&b, ",\"simplified_at\":[%u,%u]", h->byte, h->byte_len);
	}
	oc_buf_putc(&b, '}');
	if (s->index.opts.rules == OC_LEAKS_COSMOPEDIA)
		oc_row_score(row, s->name, "contaminated", results[s->action], h->share, 0.5,
		             oc_buf_view(&b));
	else
		oc_row_score(row, s->name, "contaminated", results[s->action], h->to - h->from,
		             it->word_n < s->index.opts.ngram ? it->word_n : s->index.opts.ngram,
		             oc_buf_view(&b));
	oc_buf_fini(&b);
}

/* Bytes [from, to) go. */
struct gone {
	size_t from, to;
};

static const char *walk(const char *p, const char *end, unsigned n)
{
	while (n-- && p < end)
		oc_utf8_next(&p, end);
	return p;
}

static const char *walk_back(const char *p, const char *begin, unsigned n)
{
	while (n-- && p > begin) {
		p--;
		while (p > begin && oc_utf8_continues(*p))
			p--;
	}
	return p;
}

#define GPT3_WINDOW 200 /* characters cut on each side; pieces must be longer */
#define GPT3_HITS   10  /* more n-grams than this: nothing stays */

/* As EleutherAI's janitor: what is cut; false when nothing stays. */
static bool gpt3_cut(const struct decontaminate *s, struct oc_str text, const struct note *n,
                     struct oc_buf *gone)
{
	const char *end = text.p + text.len;
	uint64_t grams = 0;
	uint32_t last = 0, ngram = s->index.opts.ngram;
	size_t clean = 0;

	for (uint32_t i = 0; i < n->hit_n; i++) {
		uint32_t from = n->hits[i].from, to = n->hits[i].to - ngram + 1;
		if (from < last)
			from = last;
		grams += to > from ? to - from : 0;
		last = to > last ? to : last;
	}
	if (grams > GPT3_HITS)
		return false;
	for (uint32_t i = 0; i < n->hit_n; i++) {
		const struct oc_leak_hit *h = &n->hits[i];
		const char *from = walk_back(text.p + h->byte, text.p, GPT3_WINDOW),
			   *to = walk(text.p + h->byte + h->byte_len, end, GPT3_WINDOW);
		struct gone g = {(size_t)(from - text.p), (size_t)(to - text.p)};
		/* a piece that is not longer than the window goes, too */
		if (g.from <= clean || walk(text.p + clean, from, GPT3_WINDOW) == from)
			g.from = clean;
		clean = g.to > clean ? g.to : clean;
		oc_buf_add(gone, &g, sizeof g);
	}
	if (walk(text.p + clean, end, GPT3_WINDOW) == end) {
		struct gone g = {clean, text.len};
		oc_buf_add(gone, &g, sizeof g);
	}
	return true;
}

static int cut(const struct decontaminate *s, struct oc_row *row, struct oc_str text,
               const struct note *n, struct oc_err *err)
{
	struct oc_buf left = {0}, gone = {0};
	bool gpt3 = s->index.opts.rules == OC_LEAKS_GPT3;
	size_t at = 0;
	int rc = 0;

	if (gpt3 && !gpt3_cut(s, text, n, &gone)) {
		oc_row_reject(row, s->name, "too_dirty", OC_LIT(""));
		goto out;
	}
	for (uint32_t i = 0; !gpt3 && i < n->hit_n; i++) {
		struct gone g = {n->hits[i].byte, (size_t)n->hits[i].byte + n->hits[i].byte_len};
		oc_buf_add(&gone, &g, sizeof g);
	}
	const struct gone *g = (const void *)gone.p;
	for (size_t i = 0; i < gone.len / sizeof *g; i++) {
		if (g[i].from > at) {
			/* janitor's pieces are texts of their own */
			if (gpt3 && left.len)
				oc_buf_putc(&left, '\n');
			oc_buf_add(&left, text.p + at, g[i].from - at);
		}
		at = g[i].to > at ? g[i].to : at;
	}
	if (gpt3 && left.len && at < text.len)
		oc_buf_putc(&left, '\n');
	oc_buf_add(&left, text.p + at, text.len - at);
	rc = oc_applied_cut(row, s->name, s->field, oc_buf_view(&left),
	                    "cut what a benchmark holds", err);
out:
	oc_buf_fini(&left);
	oc_buf_fini(&gone);
	return rc;
}

static int decide(const struct decontaminate *s, struct oc_row *row, const struct note *n,
                  struct oc_err *err)
{
	struct oc_str text = oc_view_text(row, s->field);

	say(s, row, text, n);
	if (s->action == DROP)
		row->fate = OC_REJECTED;
	return s->action == CUT ? cut(s, row, text, n, err) : 0;
}

/* ------------------------------------------------------------ row after row */

static int prepare(void *self, void *scratch, struct oc_row *row, void **note, struct oc_err *err)
{
	const struct decontaminate *s = self;
	struct scratch *t = scratch;
	uint32_t n = s->index.opts.building ? 0 : look(s, t, row, oc_view_text(row, s->field));

	(void)err;
	if (!n)
		return 0;
	struct note *made = oc_arena_alloc(row->arena, sizeof *made);
	*made = (struct note){oc_arena_dup(row->arena, t->hits.p, t->hits.len), n};
	*note = made;
	return 0;
}

static int would_reject(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct decontaminate *s = self;

	(void)err;
	return s->action == DROP && look(s, scratch, row, oc_view_text(row, s->field)) > 0;
}

/* The rows of an ordered stage are counted as they come: their numbers may be those of the feed. */
static int count(struct decontaminate *s, const char *record, size_t len, struct oc_err *err)
{
	const char *p = record;
	struct oc_leak_seen seen;

	while (oc_leak_row_read(&p, record + len, &s->room, &seen)) {
		if (seen.row.print != s->index.print)
			return oc_fail(err, OC_INPUT, s->name,
			               "the items under `against` are not those with which this "
			               "run began: put the files back, or begin a new run");
		seen.row.number = s->tally.row_n;
		oc_leak_tally_add(&s->tally, &s->index, &seen);
	}
	return 0;
}

/* An index is made: the row is an item of a benchmark. */
static int add_item(struct decontaminate *s, struct oc_row *row, struct oc_err *err)
{
	s->room.len = 0;
	oc_leak_item_write(&s->index, row, &s->room);
	return oc_leak_items_add(&s->index, oc_buf_view(&s->room), err);
}

static int ordered(void *self, struct oc_row *row, void *note, struct oc_buf *state,
                   struct oc_err *err)
{
	struct decontaminate *s = self;
	const struct note *n = note;
	size_t before = state->len;

	if (s->index.opts.building)
		return add_item(s, row, err);
	if (!n)
		return 0;
	oc_leak_row_write(state, &s->index, row, oc_view_text(row, s->field), n->hits, n->hit_n);
	if (count(s, state->p + before, state->len - before, err))
		return -1;
	return decide(s, row, n, err);
}

static int restore(void *self, const char *state, size_t len, struct oc_err *err)
{
	return count(self, state, len, err);
}

static int facts(void *self, struct oc_buf *out, struct oc_err *err)
{
	struct decontaminate *s = self;

	(void)err;
	oc_leak_facts(&s->tally, &s->index, s->frequent, out);
	return 0;
}

/* --------------------------------------------------------- with frequencies */

static int observe(void *self, void *scratch, struct oc_row *row, struct oc_buf *out,
                   struct oc_err *err)
{
	const struct decontaminate *s = self;
	struct scratch *t = scratch;

	(void)err;
	if (s->index.opts.building) {
		oc_leak_item_write(&s->index, row, &out[0]);
		return 0;
	}
	struct oc_str text = oc_view_text(row, s->field);
	uint32_t n = look(s, t, row, text);
	if (n)
		oc_leak_row_write(&out[0], &s->index, row, text, (const void *)t->hits.p, n);
	return 0;
}

/* An ordered stage has added the items as they came. */
static int write_index(void *self, struct oc_spill *spill, const char *path, struct oc_err *err)
{
	struct decontaminate *s = self;
	struct oc_str records = {"", 0};

	if (spill && oc_spill_map(spill, 0, &records, err))
		return -1;
	if (oc_leak_items_add(&s->index, records, err))
		return -1;
	return oc_leak_index_save(&s->index, path, err);
}

/* The n-grams of a hit: their chains' first entries, one after the other from *at on. */
static bool next_gram(const struct oc_leak_index *x, const struct oc_leak_hit *h, uint32_t *at,
                      uint32_t *first)
{
	const struct oc_leak_item *it = &x->items[h->item];
	uint32_t len = it->word_n < x->opts.ngram ? it->word_n : x->opts.ngram;

	for (; *at < it->gram_n; (*at)++) {
		const struct oc_leak_gram *g = &x->grams[it->gram + *at];
		if (g->at < h->item_at || g->at + len > h->item_at + (h->to - h->from))
			continue;
		*first = g->first;
		(*at)++;
		return true;
	}
	return false;
}

static void count_grams(const struct decontaminate *s, const struct oc_leak_seen *seen,
                        uint32_t *rows, uint64_t *last)
{
	for (uint32_t i = 0; i < seen->row.hit_n; i++)
		for (uint32_t at = 0, g; next_gram(&s->index, &seen->hits[i], &at, &g);) {
			rows[g] += last[g] != seen->row.number + 1;
			last[g] = seen->row.number + 1;
		}
}

static bool is_rare(const struct decontaminate *s, const struct oc_leak_hit *h,
                    const uint32_t *rows)
{
	for (uint32_t at = 0, g; next_gram(&s->index, h, &at, &g);)
		if (rows[g] <= s->frequent)
			return true;
	return false;
}

static int keep(struct decontaminate *s, const struct oc_leak_seen *seen, struct oc_err *err)
{
	struct place p = {seen->row.number, oc_spill_len(s->out, 0)};

	if (oc_spill_add(s->out, 0, &seen->row, sizeof seen->row, err) ||
	    oc_spill_add(s->out, 0, seen->hits, seen->row.hit_n * sizeof *seen->hits, err) ||
	    oc_spill_add(s->out, 0, seen->key.p, seen->key.len, err) ||
	    oc_spill_add(s->out, 0, seen->excerpt.p, seen->excerpt.len, err))
		return -1;
	return oc_spill_add(s->out, 1, &p, sizeof p, err);
}

static int resolve(void *self, struct oc_spill *spill, struct oc_err *err)
{
	struct decontaminate *s = self;
	uint32_t *rows = oc_zalloc(s->index.gram_n + 1, sizeof *rows);
	uint64_t *last = oc_zalloc(s->index.gram_n + 1, sizeof *last);
	struct oc_str in, places;
	struct oc_leak_seen seen;
	int rc = -1;

	oc_spill_close(s->out);
	s->out = oc_spill_open(s->ctx, oc_spill_dir(spill), "decontaminate.out", 2,
	                       oc_spill_memory(spill) / 16, err);
	if (!s->out || oc_spill_map(spill, 0, &in, err))
		goto out;
	for (const char *p = in.p; oc_leak_row_read(&p, in.p + in.len, &s->room, &seen);)
		count_grams(s, &seen, rows, last);
	for (const char *p = in.p; oc_leak_row_read(&p, in.p + in.len, &s->room, &seen);) {
		struct oc_leak_hit *h = (void *)s->room.p;
		uint32_t n = 0;
		for (uint32_t i = 0; i < seen.row.hit_n; i++)
			if (is_rare(s, &h[i], rows))
				h[n++] = h[i];
			else
				s->tally.frequent_n++;
		seen.row.hit_n = n;
		if (!n)
			continue;
		if (keep(s, &seen, err))
			goto out;
	}
	if (oc_spill_map(s->out, 0, &s->records, err) || oc_spill_map(s->out, 1, &places, err))
		goto out;
	s->places = (const void *)places.p;
	s->place_n = places.len / sizeof *s->places;
	for (const char *p = s->records.p, *end = p + s->records.len;
	     oc_leak_row_read(&p, end, &s->room, &seen);)
		oc_leak_tally_add(&s->tally, &s->index, &seen);
	rc = 0;
out:
	free(rows);
	free(last);
	return rc;
}

static int apply(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct decontaminate *s = self;
	struct scratch *t = scratch;
	struct oc_leak_seen seen;

	const struct place *place =
		oc_applied_find(s->places, s->place_n, sizeof *s->places, row->number);
	if (!place)
		return 0;
	const char *p = s->records.p + place->at;
	if (!oc_leak_row_read(&p, s->records.p + s->records.len, &t->record, &seen))
		return oc_fail(err, OC_INTERNAL, s->name, "a row's record is cut off");
	struct note n = {seen.hits, seen.row.hit_n};
	return decide(s, row, &n, err);
}

/* -------------------------------------------------------------- definitions */

static const struct oc_stage_def with_frequencies;

static const struct oc_stage_def *as(yyjson_val *opts)
{
	extern const struct oc_stage_def oc_stage_decontaminate;
	return oc_json_get_int(opts, "frequent", 0) ? &with_frequencies : &oc_stage_decontaminate;
}

#define DECONTAMINATE                                                                              \
	.size = sizeof(struct oc_stage_def), .name = "decontaminate",                              \
	.help = "report, cut or drop rows that hold items of benchmark files",                     \
	.doc = "Finds every run of `ngram` words (lower-cased, punctuation aside) that a row "     \
	       "shares with an item of the files under `against`, aligned with the item word "     \
	       "by word: `Natalia sold clips to 48 of her friends...` in a web page. Runs "        \
	       "that stand in many items are templates and make no hit; with `frequent`, so "      \
	       "are those that stand in many rows. An item shorter than `ngram` words is "         \
	       "looked for as a whole, with its answer near by when `answer` names one. "          \
	       "Rejects as `contaminated`; the evidence is the file, the item, the words, "        \
	       "their share of the item and where they stand. After a cut: `nothing_left`, "       \
	       "`too_dirty`. `outcross index build gsm8k.jsonl --for "                             \
	       "'decontaminate: {fields: [question]}' -o gsm8k.index` keeps items on disk, "       \
	       "for any `ngram`: `against: [gsm8k.index, new.jsonl]`.\n\n"                         \
	       "Cost: about 4 us for 220 words and a pass, with `frequent` two; the "              \
	       "benchmarks' n-grams lie in memory. Source: the n-gram overlap of Brown et "        \
	       "al. 2020, arXiv 2005.14165, appendix C; the rules of datatrove, of GPT-3 and "     \
	       "of cosmopedia: `compat`, doc/compat.md.",                                          \
	.options = options, .open = open_decontaminate, .close = close_decontaminate,              \
	.scratch_new = scratch_new, .scratch_free = scratch_free, .as = as, .facts = facts,        \
	.index = write_index, .holds = OC_HOLDS_WITHIN,                                            \
	.held = "the benchmarks' n-grams, which must fit; nothing that grows with the rows"

extern const struct oc_stage_def oc_stage_decontaminate;
const struct oc_stage_def oc_stage_decontaminate = {
	DECONTAMINATE,      .kind = OC_STAGE_ORDERED, .prepare = prepare,
	.ordered = ordered, .restore = restore,       .would_reject = would_reject,
};

static const struct oc_stage_def with_frequencies = {
	DECONTAMINATE,      .kind = OC_STAGE_WHOLE, .stream_n = 1,
	.observe = observe, .resolve = resolve,     .apply = apply,
};
