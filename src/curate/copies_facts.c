/* What copies says over all rows: sums by group, two histograms, the worst beside their sources. */
#include <stdlib.h>

#include "curate/copies.h"
#include "data/facts.h"
#include "stat/interval.h"

#define WORST   12
#define AROUND  240  /* bytes of text shown before and after a span */
#define SHOWN   1200 /* bytes of a span that are shown */
#define LENGTHS 48
#define SHARES  10
#define FEW     200 /* rows of the reference below which nothing is compared */
#define LISTED  200 /* groups of a kind in a table */

enum kind { ALL, DEPTH, MODEL, RECIPE, FELL, REFERENCE };

struct group {
	enum kind kind;
	struct oc_str value;
	uint64_t row_n, with_span_n, finding_n, bytes, covered, longest_sum;
	uint32_t longest;
};

/* Longest spans in bins of half an octave, shares of the text in tenths. */
struct spread {
	uint64_t none, lengths[LENGTHS], shares[SHARES];
};

struct side {
	struct oc_buf key, text;
	uint64_t span[2];
};

struct worst {
	uint32_t longest, covered, len;
	struct oc_buf fell;
	struct side row, source;
};

struct oc_copy_sums {
	struct oc_copy_opts opts;
	struct oc_arena *arena;
	struct group *groups;
	unsigned group_n, group_cap;
	struct spread judged, reference;
	struct worst *worst[WORST]; /* the worst first */
	unsigned worst_n;
};

struct oc_copy_sums *oc_copy_sums_new(const struct oc_copy_opts *opts)
{
	struct oc_copy_sums *s = oc_zalloc(1, sizeof *s);

	s->opts = *opts;
	s->arena = oc_arena_new();
	return s;
}

static void worst_free(struct worst *w)
{
	struct oc_buf *const all[] = {&w->fell, &w->row.key, &w->row.text, &w->source.key,
	                              &w->source.text};

	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		oc_buf_fini(all[i]);
	free(w);
}

void oc_copy_sums_free(struct oc_copy_sums *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->worst_n; i++)
		worst_free(s->worst[i]);
	oc_arena_free(s->arena);
	free(s->groups);
	free(s);
}

/* ------------------------------------------------------------------ summing */

static struct group *group_of(struct oc_copy_sums *s, enum kind kind, struct oc_str value)
{
	for (unsigned i = 0; i < s->group_n; i++)
		if (s->groups[i].kind == kind && oc_str_eq(s->groups[i].value, value))
			return &s->groups[i];
	if (s->group_n == s->group_cap) {
		s->group_cap = s->group_cap ? 2 * s->group_cap : 16;
		s->groups = oc_realloc(s->groups, s->group_cap * sizeof *s->groups);
	}
	s->groups[s->group_n] =
		(struct group){.kind = kind, .value = oc_arena_str(s->arena, value)};
	return &s->groups[s->group_n++];
}

static const char *names_of(const struct oc_copies *c, uint32_t row)
{
	return c->names + c->places[4 * (uint64_t)row + 3];
}

static struct oc_str fell_at(const struct oc_copies *c, uint32_t row)
{
	const struct oc_copy_row *e = &c->rows[row];
	return (struct oc_str){names_of(c, row) + e->key_len + e->model_len + e->recipe_len,
	                       e->fell_len};
}

/* Calls add for every group to which the row belongs. */
static void each_group(struct oc_copy_sums *s, const struct oc_copies *c, uint32_t row,
                       const struct oc_copied *found,
                       void (*add)(struct group *g, const struct oc_copy_row *e,
                                   const struct oc_copied *found, bool finding))
{
	const struct oc_copy_row *e = &c->rows[row];
	const char *names = names_of(c, row) + e->key_len;
	bool finding = found && oc_copy_is_finding(&s->opts, found->longest.len, found->covered,
	                                           e->text_len);
	struct oc_buf depth = {0};

	if (!oc_copies_judged(c, row)) {
		add(group_of(s, REFERENCE, OC_LIT("")), e, found, finding);
		return;
	}
	oc_buf_u64(&depth, e->depth);
	struct oc_str values[] = {[ALL] = {"", 0},
	                          [DEPTH] = oc_buf_view(&depth),
	                          [MODEL] = {names, e->model_len},
	                          [RECIPE] = {names + e->model_len, e->recipe_len},
	                          [FELL] = fell_at(c, row)};
	for (enum kind kind = ALL; kind <= FELL; kind++)
		if (values[kind].len || kind == ALL)
			add(group_of(s, kind, values[kind]), e, found, finding);
	oc_buf_fini(&depth);
}

static void add_row(struct group *g, const struct oc_copy_row *e, const struct oc_copied *found,
                    bool finding)
{
	(void)found;
	(void)finding;
	g->row_n++;
	g->bytes += e->text_len;
}

static void add_found(struct group *g, const struct oc_copy_row *e, const struct oc_copied *found,
                      bool finding)
{
	(void)e;
	g->with_span_n++;
	g->covered += found->covered;
	g->longest_sum += found->longest.len;
	g->longest = found->longest.len > g->longest ? found->longest.len : g->longest;
	g->finding_n += finding;
}

/* The first byte of bin i: min_span, then half an octave further each. */
static double length_edge(const struct oc_copy_sums *s, unsigned i)
{
	uint64_t octave = (uint64_t)s->opts.min_span << (i / 2);
	return (double)(i % 2 ? octave + octave * 53 / 128 : octave);
}

static unsigned length_bin(const struct oc_copy_sums *s, uint32_t length)
{
	unsigned i = 0;

	while (i + 1 < LENGTHS && length >= length_edge(s, i + 1))
		i++;
	return i;
}

void oc_copy_sums_row(struct oc_copy_sums *s, const struct oc_copies *c, uint32_t row)
{
	struct spread *spread = oc_copies_judged(c, row) ? &s->judged : &s->reference;

	each_group(s, c, row, NULL, add_row);
	spread->none++; /* until something is found */
	spread->shares[0]++;
}

/* ---------------------------------------------------------------- the worst */

/* The folded text around the span, whole code points; the span may be cut at its end. */
static void excerpt(struct side *side, struct oc_str key, struct oc_str text, uint32_t from,
                    uint32_t len)
{
	uint64_t shown = len < SHOWN ? len : SHOWN;
	uint64_t a = from > AROUND ? from - AROUND : 0, b = from + shown + AROUND;

	if (len > shown)
		b = from + shown;
	if (b > text.len)
		b = text.len;
	while (a < from && oc_utf8_continues(text.p[a]))
		a++;
	while (b < text.len && b > a && oc_utf8_continues(text.p[b]))
		b--;
	oc_buf_str(&side->key, key);
	if (a)
		oc_buf_puts(&side->text, "… ");
	side->span[0] = side->text.len + (from - a);
	oc_buf_add(&side->text, text.p + a, b - a);
	side->span[1] = from + shown < b ? shown : b - from;
	if (b < text.len)
		oc_buf_puts(&side->text, " …");
}

static bool is_worse(const struct worst *w, uint32_t longest, uint32_t covered)
{
	return longest != w->longest ? longest > w->longest : covered > w->covered;
}

static void keep_worst(struct oc_copy_sums *s, const struct oc_copies *c,
                       const struct oc_copied *found)
{
	unsigned at = s->worst_n;

	while (at && is_worse(s->worst[at - 1], found->longest.len, found->covered))
		at--;
	if (at == WORST)
		return;
	if (s->worst_n == WORST)
		worst_free(s->worst[--s->worst_n]);
	memmove(&s->worst[at + 1], &s->worst[at], (s->worst_n - at) * sizeof(struct worst *));
	struct worst *w = s->worst[at] = oc_zalloc(1, sizeof *w);
	s->worst_n++;
	w->longest = found->longest.len;
	w->covered = found->covered;
	w->len = c->rows[found->row].text_len;
	oc_buf_str(&w->fell, fell_at(c, found->row));
	excerpt(&w->row, (struct oc_str){names_of(c, found->row), c->rows[found->row].key_len},
	        oc_copies_text(c, found->row), found->longest.a, found->longest.len);
	excerpt(&w->source,
	        (struct oc_str){names_of(c, found->source), c->rows[found->source].key_len},
	        oc_copies_text(c, found->source), found->longest.b, found->longest.len);
}

void oc_copy_sums_found(struct oc_copy_sums *s, const struct oc_copies *c,
                        const struct oc_copied *found)
{
	bool judged = oc_copies_judged(c, found->row);
	struct spread *spread = judged ? &s->judged : &s->reference;
	uint32_t len = c->rows[found->row].text_len;
	unsigned tenth = (unsigned)(10 * (uint64_t)found->covered / len);

	each_group(s, c, found->row, found, add_found);
	spread->none--;
	spread->lengths[length_bin(s, found->longest.len)]++;
	spread->shares[0]--;
	spread->shares[tenth < SHARES ? tenth : SHARES - 1]++;
	if (judged)
		keep_worst(s, c, found);
}

/* ------------------------------------------------------------------ writing */

static const struct group *first_of(const struct oc_copy_sums *s, enum kind kind)
{
	static const struct group none;

	for (unsigned i = 0; i < s->group_n; i++)
		if (s->groups[i].kind == kind)
			return &s->groups[i];
	return &none;
}

static double share(uint64_t part, uint64_t of)
{
	return of ? (double)part / (double)of : 0;
}

static unsigned long long u(uint64_t v)
{
	return v;
}

/* Is the model's share above that of people, below it, or can nobody tell? */
static const char *compared(const struct group *all, const struct group *real)
{
	double low, high, real_low, real_high;

	if (!real->row_n)
		return "There was no other real row to compare with.";
	if (real->row_n < FEW || all->row_n < FEW)
		return "These are too few rows to tell whether that is more than people repeat "
		       "each other.";
	oc_share_interval(all->with_span_n, all->row_n, 0.95, &low, &high);
	oc_share_interval(real->with_span_n, real->row_n, 0.95, &real_low, &real_high);
	return low > real_high   ? "That is more often than people repeat each other."
	       : high < real_low ? "That is less often than people repeat each other."
	                         : "People repeat each other about as often.";
}

static void both_shares(struct oc_facts *f, const char *name, uint64_t part, uint64_t of,
                        uint64_t real_part, uint64_t real_of)
{
	double low, high;

	oc_share_interval(part, of, 0.95, &low, &high);
	oc_facts_figure(f, name, share(part, of), "share");
	oc_facts_interval(f, low, high);
	if (real_of)
		oc_facts_heldout(f, share(real_part, real_of));
}

static void both(struct oc_facts *f, const char *name, double value, double real, const char *unit,
                 bool compare)
{
	oc_facts_figure(f, name, value, unit);
	if (compare)
		oc_facts_heldout(f, real);
}

static void figures(struct oc_facts *f, const struct group *all, const struct group *real)
{
	bool compare = real->row_n > 0;

	both(f, "rows measured", (double)all->row_n, (double)real->row_n, "rows", compare);
	both_shares(f, "rows with such a run", all->with_span_n, all->row_n, real->with_span_n,
	            real->row_n);
	both_shares(f, "rows beyond a threshold (findings)", all->finding_n, all->row_n,
	            real->finding_n, real->row_n);
	both(f, "bytes that lie in such runs", share(all->covered, all->bytes),
	     share(real->covered, real->bytes), "share", compare);
	both(f, "longest run of a row, on average", share(all->longest_sum, all->row_n),
	     share(real->longest_sum, real->row_n), "bytes", compare);
	both(f, "longest run of all", all->longest, real->longest, "bytes", compare);
}

static void histograms(const struct oc_copy_sums *s, struct oc_facts *f, bool compare)
{
	const struct spread *all = &s->judged, *real = &s->reference;
	double edges[LENGTHS + 2] = {0};
	uint64_t counts[LENGTHS + 1], held[LENGTHS + 1];
	unsigned n = LENGTHS;

	while (n > 1 && !all->lengths[n - 1] && !real->lengths[n - 1])
		n--;
	counts[0] = all->none;
	held[0] = real->none;
	for (unsigned i = 0; i <= n; i++)
		edges[i + 1] = length_edge(s, i);
	for (unsigned i = 0; i < n; i++) {
		counts[i + 1] = all->lengths[i];
		held[i + 1] = real->lengths[i];
	}
	oc_facts_histogram(f, "Longest run of each row", "bytes", "synthetic rows", edges, counts,
	                   n + 1);
	if (compare)
		oc_facts_histogram_heldout(f, held, n + 1);
	oc_facts_threshold(f, s->opts.span);
	for (unsigned i = 0; i <= SHARES; i++)
		edges[i] = i / (double)SHARES;
	oc_facts_histogram(f, "Share of each row that lies in such runs", "share", "synthetic rows",
	                   edges, all->shares, SHARES);
	if (compare)
		oc_facts_histogram_heldout(f, real->shares, SHARES);
	oc_facts_threshold(f, s->opts.coverage);
}

/* The groups of one kind, in the order in which they came. */
static void table(const struct oc_copy_sums *s, struct oc_facts *f, const char *title,
                  const char *column, enum kind kind)
{
	const struct oc_fact_column columns[] = {
		{column, NULL},
		{"measured", "rows"},
		{"with a run", "share"},
		{"findings", "rows"},
		{"findings", "share"},
		{"bytes in runs", "share"},
		{"mean longest", "bytes"},
		{"longest", "bytes"},
	};
	unsigned listed = 0;

	if (!first_of(s, kind)->row_n)
		return;
	oc_facts_table(f, title, columns, sizeof columns / sizeof *columns);
	for (unsigned i = 0; i < s->group_n && listed < LISTED; i++) {
		const struct group *g = &s->groups[i];
		if (g->kind != kind)
			continue;
		listed++;
		oc_facts_cell(f, g->value);
		oc_facts_num(f, (double)g->row_n);
		oc_facts_num(f, share(g->with_span_n, g->row_n));
		oc_facts_num(f, (double)g->finding_n);
		oc_facts_num(f, share(g->finding_n, g->row_n));
		oc_facts_num(f, share(g->covered, g->bytes));
		oc_facts_num(f, share(g->longest_sum, g->row_n));
		oc_facts_num(f, g->longest);
	}
}

static void pairs(const struct oc_copy_sums *s, struct oc_facts *f)
{
	for (unsigned i = 0; i < s->worst_n; i++) {
		const struct worst *w = s->worst[i];
		struct oc_buf title = {0};
		oc_buf_printf(&title, "%u bytes in one run; %.0f %% of the row lies in such runs",
		              w->longest, 100 * share(w->covered, w->len));
		if (w->fell.len)
			oc_buf_printf(&title, "; it fell at %.*s", (int)w->fell.len, w->fell.p);
		oc_facts_pair(f, oc_buf_cstr(&title));
		oc_facts_side(f, "synthetic", oc_buf_view(&w->row.key), oc_buf_view(&w->row.text),
		              w->row.span, 1);
		oc_facts_side(f, "real", oc_buf_view(&w->source.key), oc_buf_view(&w->source.text),
		              w->source.span, 1);
		oc_buf_fini(&title);
	}
}

void oc_copy_sums_write(const struct oc_copy_sums *s, struct oc_buf *out)
{
	const struct group *all = first_of(s, ALL), *real = first_of(s, REFERENCE);
	const char *name =
		s->opts.held_out ? "held-out real rows" : "real rows against all other real rows";
	struct oc_facts f = {0};

	oc_facts_title(&f, "What synthetic rows copied from real ones");
	if (!s->opts.held_out)
		oc_facts_reference(&f, name);
	if (!all->row_n) {
		oc_facts_lead(&f, "No synthetic row came by, so nothing was measured.");
		oc_facts_write(&f, out);
		return;
	}
	oc_facts_lead(
		&f,
		"%llu of %llu synthetic rows (%.1f %%) share a run of %u bytes or more with a "
		"real row; of %llu %s %.1f %%. %s",
		u(all->with_span_n), u(all->row_n), 100 * share(all->with_span_n, all->row_n),
		s->opts.min_span, u(real->row_n), name, 100 * share(real->with_span_n, real->row_n),
		compared(all, real));
	figures(&f, all, real);
	histograms(s, &f, real->row_n > 0);
	table(s, &f, "By model generation", "depth", DEPTH);
	table(s, &f, "By model", "model", MODEL);
	table(s, &f, "By recipe", "recipe", RECIPE);
	table(s, &f, "Rows that an earlier step had refused, which hides their copies", "step",
	      FELL);
	pairs(s, &f);
	oc_facts_write(&f, out);
}
