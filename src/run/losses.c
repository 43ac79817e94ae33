#include "run/losses.h"

#include <math.h>
#include <stdlib.h>

#include "data/facts.h"
#include "report/html.h"
#include "text/utf8.h"

#define HISTOGRAMS 4    /* of a stage: the rules at which most rows fell */
#define GROUPS     20   /* lines of a table */
#define UNEVEN     1.25 /* a group that falls so much more often than all is flagged */
#define NAMED      5    /* of them in warnings */

/* ----------------------------------------------------------------- counting */

void oc_losses_look(const struct oc_run *run, struct oc_row *row)
{
	if (!run->group_by.len || row->group.p || !row->root)
		return;
	if (!oc_row_field(row, run->group_by, &row->group) || !row->group.len)
		row->group = OC_LIT("(none)");
}

void oc_losses_count(struct oc_run *run, struct oc_row *row, const struct oc_step_run *steps,
                     unsigned step_n, bool first)
{
	struct oc_tally *t = &run->tally;
	struct oc_str fell =
		row->fate == OC_LIVE || row->fate == OC_HELD ? OC_LIT("") : oc_tally_fell_at(row);
	const char *names[64];

	if (row->test)
		return;
	if (row->sampled) {
		for (unsigned i = 0; i < step_n && i < 64; i++)
			names[i] = steps[i].name;
		oc_tally_also(t, row, fell, names, step_n);
	}
	oc_losses_look(run, row);
	if (!row->group.p)
		return;
	row->group = oc_utf8_cut(row->group, 80);
	if (first)
		oc_tally_group(t, row->group, OC_LIT(""));
	if (fell.len)
		oc_tally_group(t, row->group, fell);
}

/* ------------------------------------------------------------------- shares */

void oc_wilson(uint64_t k, uint64_t n, double *low, double *high)
{
	const double z = 1.959963984540054;
	double m = (double)n, p = n ? (double)k / m : 0;
	double middle = n ? p + z * z / (2 * m) : 0.5;
	double half = n ? z * sqrt(p * (1 - p) / m + z * z / (4 * m * m)) : 0.5;
	double scale = n ? 1 + z * z / m : 1;

	*low = k ? (middle - half) / scale : 0;
	*high = k < n ? (middle + half) / scale : 1;
}

static const struct oc_plan_step *step_at(const struct oc_plan *p, unsigned i)
{
	return i < p->verify_n ? &p->verify[i] : &p->curate[i - p->verify_n];
}

static unsigned step_count(const struct oc_plan *p)
{
	return p->verify_n + p->curate_n;
}

/* Rows whose first reason lay at this step. */
static uint64_t fell_at(const struct oc_tally *t, const char *step)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < t->line_n; i++)
		if (t->lines[i].first && t->lines[i].result == OC_DROP &&
		    strcmp(t->lines[i].step, step) == 0)
			n += t->lines[i].n;
	return n;
}

/* Rows that the step saw, if it looks at all. */
static uint64_t came_to(const struct oc_run *run, unsigned step)
{
	const struct oc_plan *p = run->plan;
	const struct oc_tally *t = &run->tally;
	uint64_t came = t->in + t->made, gone = t->test;

	for (unsigned i = 0; i < t->line_n; i++) {
		const struct oc_tally_line *l = &t->lines[i];
		bool before = strcmp(l->step, "review") != 0 && strcmp(l->step, "mix") != 0;
		for (unsigned k = step; k < step_count(p); k++)
			before = before && strcmp(l->step, step_at(p, k)->name) != 0;
		if (l->first && l->result == OC_DROP && before)
			gone += l->n;
	}
	return gone < came ? came - gone : 0;
}

static double share(uint64_t k, uint64_t n)
{
	return n ? (double)k / (double)n : NAN;
}

/* ------------------------------------------------------------------- tables */

static int by_n(const void *a, const void *b)
{
	const struct oc_tally_line *x = *(const struct oc_tally_line *const *)a;
	const struct oc_tally_line *y = *(const struct oc_tally_line *const *)b;

	return x->n != y->n ? (x->n < y->n ? 1 : -1) : strcmp(x->rule, y->rule);
}

static void rules(struct oc_facts *f, const struct oc_tally *t, const char *step, uint64_t came)
{
	static const struct oc_fact_column columns[] = {
		{"rule", NULL}, {"first reason", "rows"}, {"of what came", "share"}};
	const struct oc_tally_line **list = oc_zalloc(t->line_n + 1, sizeof *list);
	unsigned n = 0;

	for (unsigned i = 0; i < t->line_n; i++)
		if (t->lines[i].first && t->lines[i].result == OC_DROP &&
		    strcmp(t->lines[i].step, step) == 0)
			list[n++] = &t->lines[i];
	qsort(list, n, sizeof *list, by_n);
	oc_facts_table(f, "Rows by first reason", columns, 3);
	for (unsigned i = 0; i < n; i++) {
		oc_facts_cell(f, oc_str(list[i]->rule));
		oc_facts_num(f, (double)list[i]->n);
		oc_facts_num(f, share(list[i]->n, came));
	}
	free(list);
}

static void also(struct oc_facts *f, const struct oc_run *run, const char *step)
{
	static const struct oc_fact_column columns[] = {{"stage behind it", NULL},
	                                                {"would have dropped", "rows"},
	                                                {"of the sample", "share"}};
	const struct oc_tally_pairs *p = &run->tally.also;
	uint64_t sample = oc_tally_pair(p, step, "");
	char title[120];
	bool open = false;

	for (unsigned i = 0; sample && i < p->n; i++) {
		if (strcmp(p->list[i].a, step) != 0 || !*p->list[i].b)
			continue;
		if (!open) {
			snprintf(title, sizeof title,
			         "Would also have fallen at (sample of %llu rows that fell here)",
			         (unsigned long long)sample);
			oc_facts_table(f, title, columns, 3);
			open = true;
		}
		oc_facts_cell(f, oc_str(p->list[i].b));
		oc_facts_num(f, (double)p->list[i].n);
		oc_facts_num(f, share(p->list[i].n, sample));
	}
}

/* The field's name, as far as a heading has room. */
static struct oc_str group_field(const struct oc_plan *p)
{
	return oc_utf8_cut(oc_json_get_str(p->report, "group_by"), 60);
}

/* A group at a step, or (step = all) at any. */
struct group {
	const char *name;
	uint64_t came, fell;
};

static int by_rate(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	double p = (double)x->fell * (double)y->came, q = (double)y->fell * (double)x->came;

	return p != q ? (p < q ? 1 : -1) : strcmp(x->name, y->name);
}

/* The groups that came to the steps [from, to) and fell there. Returns how many; `total` is all. */
static unsigned gather(const struct oc_run *run, unsigned from, unsigned to,
                       struct group list[OC_TALLY_GROUPS + 1], struct group *total)
{
	const struct oc_tally_pairs *p = &run->tally.groups;
	unsigned n = 0;

	*total = (struct group){.name = "all"};
	for (unsigned i = 0; i < p->n && n <= OC_TALLY_GROUPS; i++) {
		if (*p->list[i].b)
			continue;
		struct group g = {p->list[i].a, p->list[i].n, 0};
		for (unsigned k = 0; k < to; k++) {
			uint64_t fell = oc_tally_pair(p, g.name, step_at(run->plan, k)->name);
			if (k < from)
				g.came -= fell < g.came ? fell : g.came;
			else
				g.fell += fell;
		}
		if (!g.came)
			continue;
		total->came += g.came;
		total->fell += g.fell;
		list[n++] = g;
	}
	qsort(list, n, sizeof *list, by_rate);
	return n;
}

static bool is_uneven(const struct group *g, double rate)
{
	double low, high;

	oc_wilson(g->fell, g->came, &low, &high);
	return share(g->fell, g->came) > UNEVEN * rate && low > rate;
}

/* Reject rates by group, the highest first, those far above the rate of all flagged and the first
 * of these named in a warning. Groups of which nothing fell are counted, not listed. */
static void groups(struct oc_facts *f, const struct oc_run *run, unsigned from, unsigned to)
{
	static const struct oc_fact_column columns[] = {
		{"value", NULL},        {"came", "rows"},  {"fell", "rows"},
		{"rate", "share"},      {"from", "share"}, {"to (95 %)", "share"},
		{"ratio to all", NULL}, {"", NULL}};
	struct group list[OC_TALLY_GROUPS + 1], all;
	struct oc_str field = group_field(run->plan);
	unsigned n = gather(run, from, to, list, &all), listed = 0, named = 0;
	double rate = share(all.fell, all.came), low, high;
	char title[200], left[64] = "";

	if (n < 2 || !all.fell)
		return;
	while (listed < n && listed < GROUPS && list[listed].fell)
		listed++;
	if (listed < n)
		snprintf(left, sizeof left, "; %u more, %s", n - listed,
		         list[listed].fell ? "with lower rates" : "of which nothing fell");
	snprintf(title, sizeof title, "Reject rates by %.*s%s", OC_ARG(field), left);
	oc_facts_table(f, title, columns, 8);
	for (unsigned i = 0; i < listed; i++) {
		double own = share(list[i].fell, list[i].came);
		bool uneven = is_uneven(&list[i], rate);
		oc_wilson(list[i].fell, list[i].came, &low, &high);
		oc_facts_cell(f, oc_str(list[i].name));
		oc_facts_num(f, (double)list[i].came);
		oc_facts_num(f, (double)list[i].fell);
		oc_facts_num(f, own);
		oc_facts_num(f, low);
		oc_facts_num(f, high);
		oc_facts_num(f, own / rate);
		oc_facts_cell(f, uneven ? OC_LIT("above 1.25") : OC_LIT(""));
		if (!uneven || ++named > NAMED)
			continue;
		oc_facts_warn(
			f,
			"%.*s = %s falls %.2f times as often as all rows: %.3g %% (95 %%: %.3g "
			"to %.3g) against %.3g %%.",
			OC_ARG(field), list[i].name, own / rate, 100 * own, 100 * low, 100 * high,
			100 * rate);
	}
	if (named > NAMED)
		oc_facts_warn(f, "So do %u more values of %.*s, flagged in the table.",
		              named - NAMED, OC_ARG(field));
}

/* --------------------------------------------------------------- histograms */

struct rule_scores {
	const char *rule;
	double threshold;
	uint64_t fell, bins[OC_TALLY_BINS + 1];
	bool others; /* rows that did not fall were given a score, too */
};

static int by_fell(const void *a, const void *b)
{
	const struct rule_scores *x = a, *y = b;

	return x->fell != y->fell ? (x->fell < y->fell ? 1 : -1) : strcmp(x->rule, y->rule);
}

/* One bar alone has no shape to look at. */
static bool has_shape(const struct rule_scores *r)
{
	unsigned filled = 0;

	for (unsigned i = 0; i <= OC_TALLY_BINS; i++)
		filled += r->bins[i] > 0;
	return r->threshold > 0 && r->fell && filled > 1;
}

static void histograms(struct oc_facts *f, const struct oc_tally *t, const char *step)
{
	struct rule_scores *list = oc_zalloc(t->line_n + 1, sizeof *list);
	double edges[OC_TALLY_BINS + 2];
	unsigned n = 0;

	for (unsigned i = 0; i < t->line_n; i++) {
		const struct oc_tally_line *l = &t->lines[i];
		unsigned k = 0;
		if (strcmp(l->step, step) != 0 || (!l->first && !(l->threshold > 0)))
			continue;
		while (k < n && strcmp(list[k].rule, l->rule) != 0)
			k++;
		n += k == n;
		list[k].rule = l->rule;
		if (l->first) {
			list[k].fell += l->result == OC_DROP ? l->n : 0;
			continue;
		}
		list[k].others |= l->result != OC_DROP;
		list[k].threshold = l->threshold;
		for (unsigned bin = 0; bin <= OC_TALLY_BINS; bin++)
			list[k].bins[bin] += l->bins[bin];
	}
	qsort(list, n, sizeof *list, by_fell);
	for (unsigned k = 0, shown = 0; k < n && shown < HISTOGRAMS; k++) {
		if (!has_shape(&list[k]))
			continue;
		for (unsigned e = 0; e <= OC_TALLY_BINS + 1; e++)
			edges[e] = 2 * list[k].threshold * e / OC_TALLY_BINS;
		char title[160];
		snprintf(title, sizeof title, "Scores of %.80s%s", list[k].rule,
		         list[k].bins[OC_TALLY_BINS] ? " (last bar: that and beyond)" : "");
		oc_facts_histogram(f, title, "", list[k].others ? "rows judged" : "rows that fell",
		                   edges, list[k].bins, OC_TALLY_BINS + 1);
		oc_facts_threshold(f, list[k].threshold);
		shown++;
	}
	free(list);
}

/* -------------------------------------------------------------------- facts */

static void open_object(struct oc_buf *b, const char **sep, const char *step, const char *part)
{
	oc_buf_puts(b, *sep);
	*sep = ",";
	oc_buf_puts(b, "{\"step\":");
	oc_buf_json(b, oc_str(step));
	oc_buf_puts(b, ",\"part\":");
	oc_buf_json(b, oc_str(part));
}

/* Facts are an object of their own: its members follow step and part. */
static void close_object(struct oc_buf *b, struct oc_facts *f)
{
	size_t at = b->len;

	oc_facts_write(f, b);
	b->p[at] = ',';
}

/* A lead needs text. */
static void what_fell(struct oc_facts *f, uint64_t fell, uint64_t came)
{
	struct oc_buf text = {0};

	oc_html_count(&text, (double)fell);
	oc_buf_puts(&text, " of the ");
	oc_html_count(&text, (double)came);
	oc_buf_puts(&text, " rows that came fell here, ");
	oc_html_num(&text, came ? 100 * (double)fell / (double)came : 0);
	oc_facts_lead(f, "%s %%.", oc_buf_cstr(&text));
	oc_buf_fini(&text);
}

void oc_losses_write_step(const struct oc_run *run, unsigned step, bool scores, struct oc_buf *b,
                          const char **sep)
{
	const struct oc_plan_step *s = step_at(run->plan, step);
	uint64_t fell = fell_at(&run->tally, s->name), came = came_to(run, step);
	struct oc_facts f = {0};

	if (!fell)
		return;
	open_object(b, sep, s->name, s->part);
	oc_facts_title(&f, "What fell");
	what_fell(&f, fell, came);
	rules(&f, &run->tally, s->name, came);
	also(&f, run, s->name);
	groups(&f, run, step, step + 1);
	if (scores)
		histograms(&f, &run->tally, s->name);
	close_object(b, &f);
}

void oc_losses_write_all(const struct oc_run *run, struct oc_buf *b, const char **sep)
{
	struct group list[OC_TALLY_GROUPS + 1], all;
	struct oc_facts f = {0};
	unsigned losing = 0;

	for (unsigned i = 0; i < step_count(run->plan); i++)
		losing += fell_at(&run->tally, step_at(run->plan, i)->name) > 0;
	if (losing < 2 || gather(run, 0, step_count(run->plan), list, &all) < 2)
		return;
	open_object(b, sep, "all stages", "report");
	oc_facts_title(&f, "Whom the stages let fall");
	oc_facts_lead(&f,
	              "By the values of %.*s, over all stages together. A filter that drops one "
	              "group more than the others changes who is in the set.",
	              OC_ARG(group_field(run->plan)));
	groups(&f, run, 0, step_count(run->plan));
	close_object(b, &f);
}
