/* What decontaminate counts over all rows, and how it says it: see decontaminate.h. */
#include <stdlib.h>

#include "curate/decontaminate.h"
#include "data/facts.h"

#define EXCERPT 400 /* bytes */
#define WORST   10
#define ITEMS   50 /* rows of the table of items */

uint32_t oc_leak_longest(const struct oc_leak_hit *hits, uint32_t hit_n)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < hit_n; i++)
		if (hits[i].to - hits[i].from > hits[best].to - hits[best].from)
			best = i;
	return best;
}

/* ----------------------------------------------------------------- a row's record */

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The first word's beginning in [at, limit], or, where all is one word, the first code point's. */
static size_t begin_of_word(struct oc_str text, size_t at, size_t limit)
{
	size_t begin = at;

	while (begin && begin < limit && !is_space(text.p[begin - 1]))
		begin++;
	if (begin && !is_space(text.p[begin - 1]))
		for (begin = at; begin < limit && oc_utf8_continues(text.p[begin]);)
			begin++;
	return begin;
}

/* The last word's end in [limit, at], or, where all is one word, the last code point's. */
static size_t end_of_word(struct oc_str text, size_t at, size_t limit)
{
	size_t end = at;

	if (at == text.len)
		return at;
	while (end > limit && !is_space(text.p[end]))
		end--;
	if (!is_space(text.p[end]))
		for (end = at; end > limit && oc_utf8_continues(text.p[end]);)
			end--;
	while (end > limit && is_space(text.p[end - 1]))
		end--;
	return end;
}

struct oc_str oc_leak_excerpt(struct oc_str text, size_t around, size_t len)
{
	size_t from, begin, end;

	if (around > text.len) /* a place in datatrove's simplified text */
		around = text.len;
	from = around > len / 8 ? around - len / 8 : 0;
	begin = begin_of_word(text, from, around);
	end = text.len - begin > len ? begin + len : text.len;
	end = end_of_word(text, end, begin + len / 2);
	return (struct oc_str){text.p + begin, end - begin};
}

void oc_leak_row_write(struct oc_buf *out, const struct oc_leak_index *x, const struct oc_row *row,
                       struct oc_str text, const struct oc_leak_hit *hits, uint32_t hit_n)
{
	struct oc_str excerpt =
		oc_leak_excerpt(text, hits[oc_leak_longest(hits, hit_n)].byte, EXCERPT);
	struct oc_leak_row r = {.number = row->number,
	                        .hit_n = hit_n,
	                        .key_len = (uint32_t)row->ped.key.len,
	                        .excerpt_len = (uint32_t)excerpt.len,
	                        .excerpt_from = (uint32_t)(excerpt.p - text.p),
	                        .print = x->print};

	oc_buf_add(out, &r, sizeof r);
	oc_buf_add(out, hits, hit_n * sizeof *hits);
	oc_buf_str(out, row->ped.key);
	oc_buf_str(out, excerpt);
}

bool oc_leak_row_read(const char **p, const char *end, struct oc_buf *room,
                      struct oc_leak_seen *out)
{
	const char *at = *p;
	size_t left = (size_t)(end - at), hits;

	if (left < sizeof out->row)
		return false;
	memcpy(&out->row, at, sizeof out->row);
	hits = out->row.hit_n * sizeof *out->hits;
	if (left < sizeof out->row + hits + out->row.key_len + out->row.excerpt_len)
		return false;
	room->len = 0;
	oc_buf_add(room, at + sizeof out->row, hits);
	out->hits = (const void *)room->p;
	at += sizeof out->row + hits;
	out->key = (struct oc_str){at, out->row.key_len};
	at += out->key.len;
	out->excerpt = (struct oc_str){at, out->row.excerpt_len};
	at += out->excerpt.len;
	out->bytes = (struct oc_str){*p, (size_t)(at - *p)};
	*p = at;
	return true;
}

/* ---------------------------------------------------------------------- counting */

void oc_leak_tally_add(struct oc_leak_tally *t, const struct oc_leak_index *x,
                       const struct oc_leak_seen *row)
{
	uint64_t last = row->row.number + 1;
	const struct oc_leak_hit *longest = &row->hits[oc_leak_longest(row->hits, row->row.hit_n)];
	uint32_t words = longest->to - longest->from, at = WORST;

	if (!t->items) {
		t->items = oc_zalloc(x->item_n + 1, sizeof *t->items);
		t->benchmark_rows = oc_zalloc(x->name_n + 1, sizeof *t->benchmark_rows);
		t->benchmark_last = oc_zalloc(x->name_n + 1, sizeof *t->benchmark_last);
	}
	t->row_n++;
	for (uint32_t i = 0; i < row->row.hit_n; i++) {
		const struct oc_leak_hit *h = &row->hits[i];
		struct oc_leak_count *c = &t->items[h->item];
		uint32_t benchmark = x->items[h->item].benchmark;
		c->rows += c->last != last;
		c->answers += c->last != last && h->answer == 1;
		c->last = last;
		c->longest = h->to - h->from > c->longest ? h->to - h->from : c->longest;
		c->share = h->share > c->share ? h->share : c->share;
		t->benchmark_rows[benchmark] += t->benchmark_last[benchmark] != last;
		t->benchmark_last[benchmark] = last;
	}
	while (at && words > t->worst_words[at - 1])
		at--;
	if (at == WORST)
		return;
	struct oc_buf free_one = t->worst[WORST - 1];
	for (uint32_t i = WORST - 1; i > at; i--) {
		t->worst[i] = t->worst[i - 1];
		t->worst_words[i] = t->worst_words[i - 1];
	}
	free_one.len = 0;
	oc_buf_str(&free_one, row->bytes);
	t->worst[at] = free_one;
	t->worst_words[at] = words;
}

void oc_leak_tally_fini(struct oc_leak_tally *t)
{
	for (unsigned i = 0; i < WORST; i++)
		oc_buf_fini(&t->worst[i]);
	free(t->items);
	free(t->benchmark_rows);
	free(t->benchmark_last);
	*t = (struct oc_leak_tally){0};
}

/* ------------------------------------------------------------------------ saying */

static void benchmarks(struct oc_facts *f, const struct oc_leak_tally *t,
                       const struct oc_leak_index *x)
{
	static const struct oc_fact_column columns[] = {{"benchmark", NULL},
	                                                {"items", "items"},
	                                                {"found", "items"},
	                                                {"with the answer", "items"},
	                                                {"rows", "rows"}};

	oc_facts_table(f, "Leaks by benchmark", columns, 5);
	for (uint32_t b = 0; b < x->name_n; b++) {
		uint64_t items = 0, found = 0, answers = 0;
		for (uint32_t i = 0; i < x->item_n; i++) {
			items += x->items[i].benchmark == b;
			if (!t->items || x->items[i].benchmark != b)
				continue;
			found += t->items[i].rows > 0;
			answers += t->items[i].answers > 0;
		}
		oc_facts_cell(f, x->names[b]);
		oc_facts_num(f, (double)items);
		oc_facts_num(f, (double)found);
		oc_facts_num(f, (double)answers);
		oc_facts_num(f, t->items ? (double)t->benchmark_rows[b] : 0);
	}
}

struct ranked {
	uint64_t rows;
	uint32_t item;
};

static int by_rows(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->rows != y->rows)
		return x->rows > y->rows ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

static void items(struct oc_facts *f, const struct oc_leak_tally *t, const struct oc_leak_index *x)
{
	static const struct oc_fact_column columns[] = {
		{"benchmark", NULL},         {"item", NULL},       {"rows", "rows"},
		{"with the answer", "rows"}, {"longest", "words"}, {"largest share", "share"}};
	struct ranked *r = oc_alloc((x->item_n + 1) * sizeof *r);
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->item_n; i++)
		if (t->items[i].rows)
			r[n++] = (struct ranked){t->items[i].rows, i};
	qsort(r, n, sizeof *r, by_rows);
	oc_facts_table(f, "Items found most often", columns, 6);
	for (uint32_t k = 0; k < n && k < ITEMS; k++) {
		const struct oc_leak_item *it = &x->items[r[k].item];
		const struct oc_leak_count *c = &t->items[r[k].item];
		oc_facts_cell(f, x->names[it->benchmark]);
		oc_facts_cell(f, it->id);
		oc_facts_num(f, (double)c->rows);
		oc_facts_num(f, (double)c->answers);
		oc_facts_num(f, c->longest);
		oc_facts_num(f, c->share);
	}
	free(r);
}

/* The longest hits, side by side with their items. */
static void pairs(struct oc_facts *f, const struct oc_leak_tally *t, const struct oc_leak_index *x)
{
	struct oc_buf room = {0}, title = {0};
	struct oc_leak_seen seen;
	struct oc_leak_words words = {0};
	struct oc_arena *a = oc_arena_new();

	for (unsigned i = 0; i < WORST && t->worst_words[i]; i++) {
		const char *p = t->worst[i].p;
		uint64_t left[2] = {0}, right[2] = {0};
		if (!oc_leak_row_read(&p, p + t->worst[i].len, &room, &seen))
			continue;
		const struct oc_leak_hit *h =
			&seen.hits[oc_leak_longest(seen.hits, seen.row.hit_n)];
		const struct oc_leak_item *it = &x->items[h->item];
		struct oc_str text;
		uint32_t n = h->to - h->from;
		bool raw = x->opts.rules != OC_LEAKS_DATATROVE;
		if (raw) {
			uint64_t end = (uint64_t)h->byte + h->byte_len;
			uint64_t last = (uint64_t)seen.row.excerpt_from + seen.excerpt.len;
			left[0] = h->byte - seen.row.excerpt_from;
			left[1] = (end < last ? end : last) - h->byte;
			oc_leak_words(&words, x->opts.rules, it->text, a);
			for (uint32_t k = words.n, w = words.n = 0; w < k; w++) {
				words.from[words.n] = words.from[w];
				words.to[words.n] = words.to[w];
				words.n += words.hash[w] != 0; /* as in the item */
			}
		}
		if (raw && h->item_at + n <= words.n) {
			right[0] = words.from[h->item_at];
			right[1] = words.to[h->item_at + n - 1] - right[0];
		}
		text = oc_leak_excerpt(it->text, right[0], EXCERPT);
		right[0] -= (size_t)(text.p - it->text.p);
		if (right[1] > text.len - right[0])
			right[1] = text.len - right[0];
		title.len = 0;
		oc_buf_printf(&title, "%u words of %u", n, it->word_n);
		oc_facts_pair(f, oc_buf_cstr(&title));
		oc_facts_side(f, "row", seen.key, seen.excerpt, left, left[1] > 0);
		title.len = 0;
		oc_buf_str(&title, x->names[it->benchmark]);
		oc_facts_side(f, oc_buf_cstr(&title), it->id, text, right, right[1] > 0);
	}
	oc_arena_free(a);
	oc_leak_words_fini(&words);
	oc_buf_fini(&room);
	oc_buf_fini(&title);
}

void oc_leak_facts(const struct oc_leak_tally *t, const struct oc_leak_index *x, uint32_t frequent,
                   struct oc_buf *out)
{
	struct oc_facts f = {0};
	uint64_t found = 0;

	for (uint32_t i = 0; t->items && i < x->item_n; i++)
		found += t->items[i].rows > 0;
	oc_facts_title(&f, "Leaks of benchmarks");
	oc_facts_lead(&f, "%llu rows hold words of %llu of the benchmarks' %u items.",
	              (unsigned long long)t->row_n, (unsigned long long)found, x->item_n);
	oc_facts_figure(&f, "rows with a leak", (double)t->row_n, "rows");
	oc_facts_figure(&f, "items found", (double)found, "items");
	oc_facts_figure(&f, "share of all items", x->item_n ? (double)found / x->item_n : 0,
	                "share");
	if (t->frequent_n)
		oc_facts_warn(&f,
		              "%llu hits were taken for templates or quotations, as all their "
		              "runs of words stand in more than %u rows.",
		              (unsigned long long)t->frequent_n, frequent);
	benchmarks(&f, t, x);
	if (t->items) {
		items(&f, t, x);
		pairs(&f, t, x);
	}
	oc_facts_write(&f, out);
}
