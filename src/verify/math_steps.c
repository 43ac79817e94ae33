/*
 * math_steps.c: the calculations written inside prose.
 *
 * In a segment of marks (math_scan.h) every "=" is checked when both its sides stand on their own:
 * the longest run of marks that ends before it, and the one that begins behind it. A side that
 * hangs on a letter or on a word ("x + 3 = 5", "apples + 3 = 5") is no calculation.
 */
#include <ctype.h>

#include "verify/math_scan.h"

#define MAX_SIDE 160 /* marks of one side */

/* --------------------------------------------------------------------- sides */

/* Would the expression that begins at `i` continue something to its left? */
static bool hangs(const struct oc_scan *s, size_t first, size_t i)
{
	if (i == first)
		return false;
	const struct oc_mark *k = &s->mark[i - 1];
	/* "1 and 1/4" */
	if (k->kind == OC_MARK_WORD && i >= first + 2 && s->mark[i - 2].kind == OC_MARK_NUM &&
	    k->len == 3 && memcmp(s->text.p + k->at, "and", 3) == 0)
		return true;
	return k->kind == OC_MARK_OP || k->kind == OC_MARK_LETTER || k->kind == OC_MARK_RIGHT ||
	       k->kind == OC_MARK_NUM || k->kind == OC_MARK_PERCENT || k->kind == OC_MARK_FACTOR;
}

/* The side left of the mark `eq`: the longest run that ends exactly there. */
static struct oc_side left_side(const struct oc_scan *s, size_t first, size_t eq)
{
	size_t from = eq > first + MAX_SIDE ? eq - MAX_SIDE : first;
	unsigned open = 0;

	/* not before an unmatched "(": "(12 * 7 = 84)" */
	for (size_t i = eq; i > from; i--) {
		if (s->mark[i - 1].kind == OC_MARK_RIGHT)
			open++;
		else if (s->mark[i - 1].kind == OC_MARK_LEFT && open-- == 0) {
			from = i;
			first = i;
			break;
		}
	}
	for (size_t i = from; i < eq; i++) {
		int k = s->mark[i].kind;
		bool start = k == OC_MARK_NUM || k == OC_MARK_LEFT || k == OC_MARK_MONEY ||
		             (k == OC_MARK_OP && s->mark[i].op == '-');
		if (!start || (i > from && s->mark[i - 1].kind == OC_MARK_NUM && k == OC_MARK_OP))
			continue;
		struct oc_side out = oc_math_run(s, i, eq);
		if (out.to != eq)
			continue;
		/* a sign in front belongs to it only at the very start */
		out.good = !hangs(s, first, i) && !(k == OC_MARK_OP && i > first);
		return out;
	}
	return (struct oc_side){eq, eq, 0, false};
}

/* ------------------------------------------------------------------ verdicts */

static bool value(struct oc_math *m, struct oc_str text, struct oc_rat *v, int *places,
                  bool *percent)
{
	int32_t n = oc_math_parse(m, text);
	*places = 0;
	*percent = false;
	if (n < 0 || m->nodes[n].kind > OC_NODE_BASE || !oc_math_value(m, n, v))
		return false;
	*percent = m->nodes[n].kind == OC_NODE_PERCENT;
	if (*percent)
		n = m->nodes[n].a;
	while (m->nodes[n].kind == OC_NODE_NEG)
		n = m->nodes[n].a;
	if (m->nodes[n].kind == OC_NODE_NUM && m->nodes[n].literal)
		*places = m->nodes[n].places;
	return true;
}

/* First unit word of a side in canonical spelling, or empty. */
static void unit_of(const struct oc_scan *s, struct oc_side x, struct oc_buf *out)
{
	out->len = 0;
	for (size_t i = x.from; i < x.to; i++) {
		struct oc_str w = {s->text.p + s->mark[i].at, s->mark[i].len};
		if (s->mark[i].kind == OC_MARK_WORD) {
			oc_math_unit(out, &w, 1);
			return;
		}
		if (s->mark[i].kind == OC_MARK_MONEY) {
			oc_buf_putc(out, '$');
			return;
		}
	}
}

static bool units_change(const struct oc_scan *s, struct oc_side l, struct oc_side r)
{
	struct oc_buf *a = &s->m->scratch, b = {0};
	bool change;
	unit_of(s, r, a);
	/* the right side's unit often stands behind what `run` took */
	unit_of(s, l, &b);
	change = a->len && b.len && !oc_str_eq(oc_buf_view(a), oc_buf_view(&b));
	oc_buf_fini(&b);
	return change;
}

/* Half a unit of the last digit written, or a whole one when an ellipsis says it was cut off. */
static bool rounds_to(struct oc_math *m, struct oc_rat exact, struct oc_rat written, int places,
                      bool cut)
{
	struct oc_rat d, ten, limit = {1, cut ? 1 : 2, NULL};
	return places > 0 && oc_rat_op(&m->rats, '-', exact, written, &d) &&
	       oc_rat_pow(&m->rats, oc_rat_int(10), places, &ten) &&
	       oc_rat_op(&m->rats, '*', d, ten, &d) &&
	       (oc_rat_sign(d) >= 0 || oc_rat_neg(&m->rats, d, &d)) &&
	       oc_rat_cmp(&m->rats, d, limit) <= 0;
}

static bool has(const struct oc_scan *s, struct oc_side x, int kind)
{
	for (size_t i = x.from; i < x.to; i++)
		if (s->mark[i].kind == kind)
			return true;
	return false;
}

static void add_step(struct oc_scan *s, struct oc_side l, struct oc_side r,
                     enum oc_math_step_result result, struct oc_rat exact)
{
	struct oc_math *m = s->m;
	if (m->step_n == m->step_cap) {
		m->step_cap = m->step_cap ? m->step_cap * 2 : 16;
		m->steps = oc_realloc(m->steps, m->step_cap * sizeof *m->steps);
	}
	const struct oc_mark *a = &s->mark[l.from], *b = &s->mark[r.to - 1];
	struct oc_math_step *out = &m->steps[m->step_n++];
	*out = (struct oc_math_step){.text = {s->text.p + a->at, b->at + b->len - a->at},
	                             .at = a->at,
	                             .annotation = s->annotation,
	                             .result = result};
	if (result == OC_MATH_STEP_WRONG || result == OC_MATH_STEP_ROUNDED) {
		/* an offset for now: the buffer may still move */
		out->value.len = m->text.len;
		oc_rat_print(exact, &m->text);
		oc_buf_putc(&m->text, 0);
	}
}

/* One reading of a calculation. */
static enum oc_math_step_result judge(struct oc_scan *s, struct oc_side l, struct oc_side r,
                                      unsigned how, struct oc_rat *exact)
{
	struct oc_math *m = s->m;
	struct oc_rat y, plain, scaled;
	int places, unused;
	bool percent, left_percent;

	oc_math_reset(m);
	oc_math_spell(s, l, how, &m->scratch);
	if (!value(m, oc_buf_view(&m->scratch), exact, &unused, &left_percent))
		return OC_MATH_STEP_UNDECIDED;
	oc_math_spell(s, r, how, &m->scratch);
	if (!value(m, oc_buf_view(&m->scratch), &y, &places, &percent))
		return OC_MATH_STEP_UNDECIDED;
	plain = y;
	scaled = *exact;
	/* 5/20 * 100 = 25% and 5/20 * 100% = 25: the sign is a unit there */
	if (percent && !oc_rat_op(&m->rats, '*', y, oc_rat_int(100), &plain))
		return OC_MATH_STEP_UNDECIDED;
	if ((percent || has(s, l, OC_MARK_PERCENT)) &&
	    !oc_rat_op(&m->rats, '*', *exact, oc_rat_int(100), &scaled))
		return OC_MATH_STEP_UNDECIDED;
	if (oc_rat_cmp(&m->rats, *exact, y) == 0 || oc_rat_cmp(&m->rats, *exact, plain) == 0 ||
	    oc_rat_cmp(&m->rats, scaled, plain) == 0)
		return OC_MATH_STEP_RIGHT;
	bool cut = s->mark[r.to - 1].cut;
	if (rounds_to(m, scaled, plain, places, cut) || rounds_to(m, *exact, plain, places, cut))
		return OC_MATH_STEP_ROUNDED;
	return OC_MATH_STEP_WRONG;
}

/* "13 / 6 = 2 with a remainder of 1" is no claim that 13 / 6 is 2. */
static bool remainder_follows(const struct oc_scan *s, struct oc_side l, struct oc_side r)
{
	size_t from = s->mark[r.from].at;
	struct oc_str rest = {s->text.p + from, s->end - from < 80 ? s->end - from : 80};
	const char *line = memchr(rest.p, '\n', rest.len);
	bool divides = false;

	for (size_t i = l.from; i < l.to; i++)
		divides |= s->mark[i].kind == OC_MARK_OP && s->mark[i].op == '/';
	if (!divides)
		return false;
	if (line) /* "6 * 8 = 46", and below: "43 remain" */
		rest.len = (size_t)(line - rest.p);
	return oc_str_find(rest, OC_LIT("remain")) >= 0 ||
	       oc_str_find(rest, OC_LIT("left over")) >= 0;
}

/* "10 pages on day 1 * 2 = 20" does not double the 1. */
static bool is_label(const struct oc_scan *s, struct oc_side l)
{
	static const char *const names[] = {"day", "week", "month", "year", "step"};
	size_t to = s->mark[l.from].at, from;

	while (to && s->text.p[to - 1] == ' ')
		to--;
	for (from = to; from && isalpha((unsigned char)s->text.p[from - 1]); from--)
		;
	struct oc_str word = {s->text.p + from, to - from};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (word.len == strlen(names[i]) && !strncasecmp(word.p, names[i], word.len))
			return true;
	return false;
}

/*
 * Is left = right? A calculation counts as wrong only when it is so in every reading that people
 * use: with "a / b/c" as a / (b/c), with "dozen" as a unit, with the right side ended at a word
 * ("= 1/3 of the eggs").
 */
static void check(struct oc_scan *s, struct oc_side l, struct oc_side r)
{
	struct oc_rat exact = oc_rat_int(0), other;
	enum oc_math_step_result result = judge(s, l, r, 0, &exact);
	bool factors = has(s, l, OC_MARK_FACTOR) || has(s, r, OC_MARK_FACTOR);

	for (unsigned how = 1; result == OC_MATH_STEP_WRONG && how < 4; how++) {
		enum oc_math_step_result again = judge(s, l, r, how, &other);
		if (again == OC_MATH_STEP_RIGHT || again == OC_MATH_STEP_ROUNDED)
			result = again;
	}
	for (size_t i = r.from + 1; result == OC_MATH_STEP_WRONG && i < r.to; i++) {
		if (!s->mark[i].spelled)
			continue;
		struct oc_side shorter = r;
		shorter.to = i;
		if (judge(s, l, shorter, 0, &other) == OC_MATH_STEP_RIGHT) {
			result = OC_MATH_STEP_RIGHT;
			r = shorter;
		}
	}
	if (result == OC_MATH_STEP_WRONG && (factors || l.ops == 0 || units_change(s, l, r) ||
	                                     remainder_follows(s, l, r) || is_label(s, l)))
		result = OC_MATH_STEP_UNDECIDED;
	if (result == OC_MATH_STEP_WRONG || result == OC_MATH_STEP_ROUNDED) {
		/* `exact` must be of this verdict's memory */
		oc_math_reset(s->m);
		int places;
		bool percent;
		oc_math_spell(s, l, 0, &s->m->scratch);
		value(s->m, oc_buf_view(&s->m->scratch), &exact, &places, &percent);
	}
	add_step(s, l, r, result, exact);
}

static void steps_of_segment(struct oc_scan *s)
{
	size_t first = 0;
	bool bullet = s->mark[0].kind == OC_MARK_BULLET;

	first += bullet;
	for (size_t e = first; e < s->n; e++) {
		if (s->mark[e].kind != OC_MARK_EQUALS)
			continue;
		size_t next = e + 1;
		while (next < s->n && s->mark[next].kind != OC_MARK_EQUALS)
			next++;
		struct oc_side l = left_side(s, first, e);
		struct oc_side r =
			oc_math_run(s, e + 1, next < e + 1 + MAX_SIDE ? next : e + 1 + MAX_SIDE);
		/* the right side must end where it can: not before an operator on a letter */
		bool cut = r.good && r.to < next &&
		           (s->mark[r.to].kind == OC_MARK_LETTER ||
		            (s->mark[r.to].kind == OC_MARK_OP && r.to + 1 < next &&
		             s->mark[r.to + 1].kind != OC_MARK_WORD) ||
		            s->mark[r.to].kind == OC_MARK_LEFT || s->mark[r.to].spelled);
		if (l.good && r.good && !cut && (l.ops || (r.ops && l.from == first && !bullet)))
			check(s, l, r);
		first = e + 1;
		bullet = false;
	}
}

size_t oc_math_steps(struct oc_math *m, struct oc_str text, const struct oc_math_step **steps)
{
	if (!m->marks)
		/* the marks of a << >> lie behind those of its segment */
		m->marks = oc_alloc(2 * OC_MARKS * sizeof *m->marks);
	m->step_n = 0;
	m->text.len = 0;
	*steps = m->steps;
	if (text.len > UINT32_MAX || !memchr(text.p, '=', text.len))
		return 0;
	struct oc_scan s = {.m = m,
	                    .text = text,
	                    .end = text.len,
	                    .mark = m->marks,
	                    .segment = steps_of_segment};
	oc_math_scan(&s);
	for (size_t k = 0; k < m->step_n; k++) {
		enum oc_math_step_result r = m->steps[k].result;
		if (r == OC_MATH_STEP_WRONG || r == OC_MATH_STEP_ROUNDED)
			m->steps[k].value = oc_str(m->text.p + m->steps[k].value.len);
	}
	*steps = m->steps;
	return m->step_n;
}
