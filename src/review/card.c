#include "review/card.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "text/utf8.h"

#define BESIDE       90  /* columns from which two rows stand beside each other */
#define UNDONE_WIDTH 200 /* columns of a decision taken back */

static unsigned columns_of(uint32_t c)
{
	int w = utf8proc_charwidth((utf8proc_int32_t)c);
	return w < 0 ? 0 : (unsigned)w;
}

unsigned oc_card_width(struct oc_str s)
{
	const char *p = s.p, *end = s.p + s.len;
	unsigned n = 0;

	while (p < end)
		n += columns_of(oc_utf8_next(&p, end));
	return n;
}

static void add(struct oc_card_lines *to, struct oc_str s)
{
	if (to->n == to->cap) {
		uint32_t cap = to->cap ? to->cap * 2 : 64;
		to->line = oc_arena_resize(to->arena, to->line, to->cap * sizeof *to->line,
		                           cap * sizeof *to->line);
		to->cap = cap;
	}
	to->line[to->n++] = oc_arena_str(to->arena, s);
}

/* C0, DEL and C1; also the marks that turn the direction of writing. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

static void wrap_line(struct oc_card_lines *to, struct oc_str text, unsigned width)
{
	const char *p = text.p, *end = text.p + text.len;
	struct oc_buf line = {0};
	unsigned used = 0;
	size_t space = 0; /* bytes of `line` before its last space; 0 = none */

	while (p < end) {
		uint32_t c = oc_utf8_next(&p, end);
		char bytes[4];
		if (c == '\t')
			c = ' ';
		else if (is_control(c))
			c = 0xb7;
		unsigned w = columns_of(c);
		if (line.len && used + w > width) {
			size_t cut = space ? space : line.len;
			add(to, (struct oc_str){line.p, cut});
			size_t from = space ? space + 1 : cut;
			memmove(line.p, line.p + from, line.len - from);
			line.len -= from;
			used = oc_card_width(oc_buf_view(&line));
			space = 0;
		}
		if (c == ' ' && used)
			space = line.len;
		oc_buf_add(&line, bytes, oc_utf8_put(bytes, c));
		used += w;
	}
	add(to, oc_buf_view(&line));
	oc_buf_fini(&line);
}

void oc_card_wrap(struct oc_card_lines *to, struct oc_str text, unsigned width)
{
	size_t at = 0;

	if (width < 8)
		width = 8;
	while (at <= text.len) {
		const char *end = at < text.len ? memchr(text.p + at, '\n', text.len - at) : NULL;
		size_t len = end ? (size_t)(end - text.p) - at : text.len - at;
		wrap_line(to, (struct oc_str){text.p + at, len}, width);
		at += len + 1;
	}
}

void oc_card_row(struct oc_card_lines *to, yyjson_val *row, unsigned width)
{
	struct oc_buf text = {0};
	yyjson_val *key, *v;
	size_t i, n;

	yyjson_obj_foreach(row, i, n, key, v)
	{
		text.len = 0;
		oc_buf_str(&text, oc_json_str(key));
		oc_buf_putc(&text, ':');
		oc_card_wrap(to, oc_buf_view(&text), width);
		text.len = 0;
		if (yyjson_is_str(v))
			oc_buf_str(&text, oc_json_str(v));
		else
			oc_json_write(&text, v);
		uint32_t first = to->n;
		oc_card_wrap(to, oc_buf_view(&text), width - 2);
		for (uint32_t k = first; k < to->n; k++)
			to->line[k] = oc_arena_printf(to->arena, "  %.*s", OC_ARG(to->line[k]));
	}
	oc_buf_fini(&text);
}

static void why(struct oc_card_lines *to, const struct oc_review_item *item, unsigned width)
{
	struct oc_buf b = {0};
	yyjson_val *requests = oc_json_get(item->lineage, "requests");
	struct oc_str model = oc_json_get_str(item->lineage, "model");
	struct oc_str recipe = oc_json_get_str(item->lineage, "recipe");

	if (item->step.len)
		oc_buf_printf(&b, "waits for: %.*s/%.*s", OC_ARG(item->step), OC_ARG(item->rule));
	else
		oc_buf_puts(&b, "waits because the plan wants people to see it");
	if (item->evidence.len)
		oc_buf_printf(&b, "  %.*s", OC_ARG(item->evidence));
	oc_card_wrap(to, oc_buf_view(&b), width);
	b.len = 0;
	oc_buf_str(&b, oc_json_get_str(item->lineage, "origin"));
	if (recipe.len)
		oc_buf_printf(&b, ", recipe %.*s", OC_ARG(recipe));
	if (model.len)
		oc_buf_printf(&b, ", model %.*s", OC_ARG(model));
	if (yyjson_arr_size(requests))
		oc_buf_printf(&b, ", request %.12s",
		              yyjson_get_str(yyjson_arr_get_first(requests)));
	oc_card_wrap(to, oc_buf_view(&b), width);
	oc_buf_fini(&b);
}

static struct oc_card_lines near_lines(const struct oc_review_item *item, struct oc_arena *a,
                                       unsigned width)
{
	struct oc_card_lines lines = {.arena = a};
	struct oc_str head = oc_arena_printf(a, "NEAREST REAL %.*s (ROUGE-L %.2f)",
	                                     OC_ARG(item->near_key), item->near_rouge);

	oc_card_wrap(&lines, head, width);
	oc_card_row(&lines, item->near_row, width);
	return lines;
}

void oc_card_item(struct oc_card_lines *to, const struct oc_review_item *item, unsigned width)
{
	struct oc_arena *a = to->arena;
	bool beside = width >= BESIDE && item->near_row;
	unsigned half = beside ? (width - 3) / 2 : width;
	struct oc_card_lines left = {.arena = a}, right = {0};

	why(to, item, width);
	add(to, OC_LIT(""));
	oc_card_wrap(&left, oc_arena_printf(a, "ROW %.*s", OC_ARG(item->key)), half);
	oc_card_row(&left, item->row, half);
	if (item->near_row)
		right = near_lines(item, a, half);
	for (uint32_t i = 0; i < left.n || (beside && i < right.n); i++) {
		struct oc_str l = i < left.n ? left.line[i] : OC_LIT("");
		if (!beside || i >= right.n) {
			add(to, l);
			continue;
		}
		unsigned used = oc_card_width(l);
		add(to, oc_arena_printf(a, "%.*s%*s | %.*s", OC_ARG(l),
		                        (int)(used < half ? half - used : 0), "",
		                        OC_ARG(right.line[i])));
	}
	if (right.n && !beside) {
		add(to, OC_LIT(""));
		for (uint32_t i = 0; i < right.n; i++)
			add(to, right.line[i]);
	}
}

void oc_card_undone(struct oc_buf *b, const struct oc_review_undone *u)
{
	static const char *const done[] = {"accepted", "rejected", "edited", "skipped", ""};
	struct oc_card_lines l = {.arena = oc_arena_new()};
	struct oc_buf text = {0};

	oc_buf_str(&text, u->what.key);
	oc_buf_printf(&text, ", %s", done[u->what.kind]);
	if (u->earlier)
		oc_buf_printf(&text, " on %.*s", u->what.time.len < 10 ? (int)u->what.time.len : 10,
		              u->what.time.p);
	if (u->what.reason.len)
		oc_buf_printf(&text, " (%.*s)", OC_ARG(u->what.reason));
	oc_card_wrap(&l, oc_buf_view(&text), UNDONE_WIDTH);
	oc_buf_str(b, l.line[0]);
	oc_buf_fini(&text);
	oc_arena_free(l.arena);
}
