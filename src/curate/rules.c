#include "curate/rules.h"

#include <stdlib.h>

#include "base/hash.h"
#include "text/utf8.h"
#include "text/view.h"

void oc_rules_init(struct oc_rules *r, const struct oc_env *env, yyjson_val *opts)
{
	r->name = oc_strdup(env->name);
	r->stage = oc_str(r->name);
	r->arena = oc_arena_new();
	r->field = oc_arena_str(r->arena, oc_json_get_str(opts, "field"));
	r->all = oc_json_get_bool(opts, "all", false);
	r->whitespace = oc_str_is(oc_json_get_str(opts, "words"), "whitespace");
}

void oc_rules_fini(struct oc_rules *r)
{
	oc_arena_free(r->arena);
	free(r->name);
}

bool oc_rule(const struct oc_rules *r, struct oc_row *row, const char *rule, double score,
             double limit, bool fails)
{
	oc_row_score_named(row, r->stage, oc_str(rule), fails ? OC_DROP : OC_KEEP, score, limit);
	if (fails)
		row->fate = OC_REJECTED;
	return fails && !r->all;
}

const struct oc_str *oc_rules_words(const struct oc_rules *r, struct oc_row *row, uint32_t *n)
{
	if (r->whitespace) {
		const struct oc_words *w = oc_view_words(row, r->field);
		*n = w->n;
		return w->word;
	}
	const struct oc_tokens *t = oc_view_tokens(row, r->field);
	*n = t->n;
	return t->word;
}

/* ------------------------------------------------------------- white space */

struct oc_str oc_strip_left(struct oc_str s)
{
	const char *p = s.p, *end = s.p + s.len;

	while (p < end) {
		const char *from = p;
		unsigned char c = (unsigned char)*p;
		if (c < 0x80 ? !oc_is_space_ascii((p++, c)) : !oc_is_space(oc_utf8_next(&p, end)))
			return (struct oc_str){from, (size_t)(end - from)};
	}
	return (struct oc_str){end, 0};
}

struct oc_str oc_strip_right(struct oc_str s)
{
	while (s.len) {
		size_t n = 1;
		unsigned char c = (unsigned char)s.p[s.len - 1];
		if (c < 0x80) {
			if (!oc_is_space_ascii(c))
				break;
			s.len--;
			continue;
		}
		while (n < 4 && n < s.len && oc_utf8_continues(s.p[s.len - n]))
			n++;
		const char *p = s.p + s.len - n;
		if (!oc_is_space(oc_utf8_next(&p, s.p + s.len)))
			break;
		s.len -= n;
	}
	return s;
}

struct oc_str oc_strip(struct oc_str s)
{
	return oc_strip_right(oc_strip_left(s));
}

bool oc_ends(struct oc_str s, const char *tail)
{
	size_t n = strlen(tail);

	return s.len >= n && memcmp(s.p + s.len - n, tail, n) == 0;
}

/* -------------------------------------------------------------------- sets */

/* clang-format off */
static const uint32_t terminals[][2] = {
	{0x21, 0x21}, {0x2E, 0x2E}, {0x3F, 0x3F}, {0x589, 0x589}, {0x61D, 0x61F}, {0x6D4, 0x6D4},
	{0x700, 0x702}, {0x7F9, 0x7F9}, {0x837, 0x837}, {0x839, 0x839}, {0x83D, 0x83E},
	{0x964, 0x965}, {0x104A, 0x104B}, {0x1362, 0x1362}, {0x1367, 0x1368}, {0x166E, 0x166E},
	{0x1735, 0x1736}, {0x17D4, 0x17D6}, {0x17D9, 0x17DA}, {0x1803, 0x1803}, {0x1809, 0x1809},
	{0x1944, 0x1945}, {0x1AA8, 0x1AAB}, {0x1B5A, 0x1B5B}, {0x1B5E, 0x1B5F}, {0x1B7D, 0x1B7E},
	{0x1C3B, 0x1C3C}, {0x1C7E, 0x1C7F}, {0x203C, 0x203D}, {0x2047, 0x2049}, {0x2E2E, 0x2E2E},
	{0x2E3C, 0x2E3C}, {0x2E53, 0x2E54}, {0x3002, 0x3002}, {0xA4FF, 0xA4FF}, {0xA60E, 0xA60F},
	{0xA6F3, 0xA6F3}, {0xA6F7, 0xA6F7}, {0xA876, 0xA877}, {0xA8CE, 0xA8CF}, {0xA92F, 0xA92F},
	{0xA9C8, 0xA9C9}, {0xAA5D, 0xAA5F}, {0xAAF0, 0xAAF1}, {0xABEB, 0xABEB}, {0xFE52, 0xFE52},
	{0xFE56, 0xFE57}, {0xFF01, 0xFF01}, {0xFF0E, 0xFF0E}, {0xFF1F, 0xFF1F}, {0xFF61, 0xFF61},
	{0x10A56, 0x10A57}, {0x10F55, 0x10F59}, {0x10F86, 0x10F89}, {0x11047, 0x11048},
	{0x110BE, 0x110C1}, {0x11141, 0x11143}, {0x111C5, 0x111C6}, {0x111CD, 0x111CD},
	{0x111DE, 0x111DF}, {0x11238, 0x11239}, {0x1123B, 0x1123C}, {0x112A9, 0x112A9},
	{0x1144B, 0x1144C}, {0x115C2, 0x115C3}, {0x115C9, 0x115D7}, {0x11641, 0x11642},
	{0x1173C, 0x1173E}, {0x11944, 0x11944}, {0x11946, 0x11946}, {0x11A42, 0x11A43},
	{0x11A9B, 0x11A9C}, {0x11C41, 0x11C42}, {0x11EF7, 0x11EF8}, {0x11F43, 0x11F44},
	{0x16A6E, 0x16A6F}, {0x16AF5, 0x16AF5}, {0x16B37, 0x16B38}, {0x16B44, 0x16B44},
	{0x16E98, 0x16E98}, {0x1BC9F, 0x1BC9F}, {0x1DA88, 0x1DA88}};

static const uint32_t symbols[][2] = {
	{0x0, 0x8}, {0xB, 0x1F}, {0x22, 0x2D}, {0x2F, 0x2F}, {0x3A, 0x3E}, {0x40, 0x40},
	{0x5B, 0x60}, {0x7B, 0x9F}, {0xAB, 0xAB}, {0xB4, 0xB4}, {0xBB, 0xBB}, {0x2013, 0x2014},
	{0x2019, 0x2019}, {0x201C, 0x201E}, {0x2026, 0x2026}, {0x2236, 0x2236}, {0x2501, 0x2501},
	{0x25BA, 0x25BA}, {0x3001, 0x3001}, {0x3008, 0x300D}, {0x3010, 0x3011}, {0xFF05, 0xFF05},
	{0xFF08, 0xFF09}, {0xFF0C, 0xFF0C}, {0xFF11, 0xFF11}, {0xFF1A, 0xFF1B}, {0xFF5E, 0xFF5E}};
/* clang-format on */

bool oc_is_terminal(uint32_t c)
{
	if (c < 0x80)
		return c == '.' || c == '!' || c == '?';
	return oc_in_ranges(terminals, sizeof terminals / sizeof *terminals, c);
}

bool oc_is_symbol(uint32_t c)
{
	if (c < 0x80) /* all of ASCII but letters, digits, tab, newline and space */
		return !((c | 0x20) - 'a' < 26 || c - '0' < 10 || c - 9 < 2 || c == ' ');
	return oc_in_ranges(symbols, sizeof symbols / sizeof *symbols, c) || oc_is_terminal(c);
}

/* ----------------------------------------------------------------- repeats */

void oc_repeats_fini(struct oc_repeats *r)
{
	free(r->slot);
	free(r->hash);
	free(r->filled);
	*r = (struct oc_repeats){0};
}

void oc_repeats_clear(struct oc_repeats *r)
{
	for (size_t i = 0; i < r->used; i++)
		r->slot[r->filled[i]].p = NULL;
	r->used = r->elements = r->chars = r->total = 0;
}

static void grow(struct oc_repeats *r)
{
	struct oc_repeats old = *r;

	r->cap = old.cap ? 2 * old.cap : 64;
	r->slot = oc_zalloc(r->cap, sizeof *r->slot);
	r->hash = oc_alloc(r->cap * sizeof *r->hash);
	r->filled = oc_alloc(r->cap * sizeof *r->filled);
	for (size_t i = 0; i < old.used; i++) {
		size_t from = old.filled[i], k = old.hash[from] & (r->cap - 1);
		while (r->slot[k].p)
			k = (k + 1) & (r->cap - 1);
		r->slot[k] = old.slot[from];
		r->hash[k] = old.hash[from];
		r->filled[i] = k;
	}
	free(old.slot);
	free(old.hash);
	free(old.filled);
}

void oc_repeats_add(struct oc_repeats *r, struct oc_str piece)
{
	uint64_t hash = oc_hash64(piece.p, piece.len, 0);
	size_t k;

	if (2 * r->used >= r->cap)
		grow(r);
	r->total++;
	for (k = hash & (r->cap - 1); r->slot[k].p; k = (k + 1) & (r->cap - 1))
		if (r->hash[k] == hash && oc_str_eq(r->slot[k], piece)) {
			r->elements++;
			r->chars += oc_utf8_count(piece);
			return;
		}
	r->slot[k] = piece.p ? piece : OC_LIT("");
	r->hash[k] = hash;
	r->filled[r->used++] = k;
}
