/*
 * math_steps.c: the calculations written inside prose.
 *
 * The text becomes marks (numbers, signs, words); a mark that cannot stand in a calculation (full
 * stop, comma, line end) closes a segment. In a segment every "=" is checked when both its sides
 * stand on their own: the longest run of marks that ends before it, and the one that begins behind
 * it. A side that hangs on a letter or on a word ("x + 3 = 5", "apples + 3 = 5") is no calculation.
 */
#include <stdlib.h>

#include "verify/math_tree.h"

enum mark_kind {
	NUM,   /* as written, or a whole \frac{1}{2} */
	OP,    /* + - * / ^ */
	LEFT,  /* ( */
	RIGHT, /* ) */
	PERCENT,
	MONEY,
	EQUALS,
	WORD,    /* a unit behind a number */
	TIMES12, /* "dozen", "hundred" ...: factor */
	LETTER,  /* a variable, or anything else that makes a side depend on more */
	BULLET   /* "-" at the start of a line: a sign, or nothing */
};

struct oc_mark {
	uint8_t kind;
	char op;
	bool space;       /* before it */
	uint32_t at, len; /* in the text */
	int64_t factor;
};

#define MAX_MARKS 512
#define MAX_SIDE  160 /* marks of one side */

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct scan {
	struct oc_math *m;
	struct oc_str text;
	size_t i, end;
	struct oc_mark *mark;
	size_t n;
	bool space, annotation;
	void (*segment)(struct scan *s);
	struct oc_buf *found; /* oc_math_find: the expression */
	unsigned found_n;
};

static bool starts(const struct scan *s, size_t at, const char *what)
{
	size_t n = strlen(what);
	return at + n <= s->end && memcmp(s->text.p + at, what, n) == 0;
}

static void flush(struct scan *s)
{
	if (s->n)
		s->segment(s);
	s->n = 0;
}

static struct oc_mark *put(struct scan *s, int kind, char op, size_t len)
{
	if (s->n == MAX_MARKS)
		flush(s);
	struct oc_mark *k = &s->mark[s->n++];
	*k = (struct oc_mark){.kind = (uint8_t)kind,
	                      .op = op,
	                      .space = s->space,
	                      .at = (uint32_t)s->i,
	                      .len = (uint32_t)len};
	s->space = false;
	s->i += len;
	return k;
}

/* --------------------------------------------------------------------- marks */

static size_t number_len(const struct scan *s)
{
	size_t i = s->i, first;
	while (i < s->end && digit(s->text.p[i]))
		i++;
	first = i - s->i;
	while (first >= 1 && first <= 3 && i + 3 < s->end + 0 && s->text.p[i] == ',' &&
	       digit(s->text.p[i + 1]) && digit(s->text.p[i + 2]) && digit(s->text.p[i + 3]) &&
	       !(i + 4 < s->end && digit(s->text.p[i + 4])))
		i += 4;
	if (i + 1 < s->end && s->text.p[i] == '.' && digit(s->text.p[i + 1])) {
		i++;
		while (i < s->end && digit(s->text.p[i]))
			i++;
	}
	return i - s->i;
}

/* \frac{3}{4} of plain numbers is one operand. */
static size_t fraction_len(const struct scan *s, size_t head)
{
	size_t i = s->i + head;
	for (int part = 0; part < 2; part++) {
		if (i >= s->end || s->text.p[i] != '{')
			return 0;
		for (i++; i < s->end && s->text.p[i] != '}'; i++)
			if (!digit(s->text.p[i]) && !strchr(" .+-*", s->text.p[i]))
				return 0;
		if (i >= s->end)
			return 0;
		i++;
	}
	return i - s->i;
}

static bool word_is(struct oc_str w, const char *low)
{
	size_t n = strlen(low);
	if (w.len != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((w.p[i] | 0x20) != low[i])
			return false;
	return true;
}

static bool operand_before(const struct scan *s)
{
	if (s->n == 0)
		return false;
	int k = s->mark[s->n - 1].kind;
	return k == NUM || k == RIGHT || k == PERCENT || k == WORD || k == TIMES12;
}

/* "divided by", "multiplied by": the second word is eaten too. */
static void word(struct scan *s)
{
	static const struct {
		const char *word;
		char op;
		bool by;
	} ops[] = {{"times", '*', false},  {"plus", '+', false},      {"minus", '-', false},
	           {"divided", '/', true}, {"multiplied", '*', true}, {"over", '/', false},
	           {"of", '*', false}};
	static const struct {
		const char *word;
		int64_t n;
	} factors[] = {{"dozen", 12}, {"hundred", 100}, {"thousand", 1000}, {"million", 1000000}};
	size_t n = 0;
	while (s->i + n < s->end && (letter(s->text.p[s->i + n]) || (s->text.p[s->i + n] & 0x80) ||
	                             s->text.p[s->i + n] == '\''))
		n++;
	struct oc_str w = {s->text.p + s->i, n};

	for (size_t k = 0; k < sizeof ops / sizeof ops[0] && operand_before(s); k++) {
		if (!word_is(w, ops[k].word))
			continue;
		int before = s->mark[s->n - 1].kind;
		if (ops[k].word[0] == 'o' && before != PERCENT && before != NUM)
			break;
		/* "of" multiplies behind a share only: 20% of 50, 1/2 of 10 */
		if (oc_str_is(w, "of") && before == NUM &&
		    !(s->n >= 2 && s->mark[s->n - 2].op == '/') &&
		    s->text.p[s->mark[s->n - 1].at] != '\\')
			break;
		if (ops[k].by) {
			size_t b = n;
			while (s->i + b < s->end && s->text.p[s->i + b] == ' ')
				b++;
			if (!starts(s, s->i + b, "by"))
				break;
			n = b + 2;
		}
		put(s, OP, ops[k].op, n);
		return;
	}
	for (size_t k = 0; k < sizeof factors / sizeof factors[0] && operand_before(s); k++)
		if (word_is(w, factors[k].word)) {
			put(s, TIMES12, 0, n)->factor = factors[k].n;
			return;
		}
	if (word_is(w, "percent") && operand_before(s)) {
		put(s, PERCENT, 0, n);
		return;
	}
	bool variable =
		n == 1 && !(w.p[0] & 0x80) && w.p[0] != 'a' && w.p[0] != 'A' && w.p[0] != 'I';
	if (variable && (w.p[0] == 'x' || w.p[0] == 'X') && operand_before(s)) {
		/* "2 x 3", "5 apples x $3": a sign when a number follows */
		size_t k = s->i + 1;
		while (k < s->end && (s->text.p[k] == ' ' || s->text.p[k] == '$' ||
		                      s->text.p[k] == '(' || s->text.p[k] == '\\'))
			k++;
		if (k < s->end && (digit(s->text.p[k]) || s->text.p[k] == '.')) {
			put(s, OP, '*', 1);
			return;
		}
	}
	/* 2nd, 5m: glued letters are units; a letter on its own is a variable */
	if (variable && !s->space && s->n && s->mark[s->n - 1].kind == NUM && w.p[0] != 'x' &&
	    w.p[0] != 'y' && w.p[0] != 'n')
		variable = false;
	put(s, variable ? LETTER : WORD, 0, n);
}

static void sign(struct scan *s)
{
	static const struct {
		const char *utf8;
		char op;
	} ops[] = {{"\xC3\x97", '*'},     {"\xC3\xB7", '/'},     {"\xC2\xB7", '*'},
	           {"\xE2\x8B\x85", '*'}, {"\xE2\x88\x92", '-'}, {"\xE2\x80\x93", '-'}};
	for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++)
		if (starts(s, s->i, ops[k].utf8)) {
			put(s, OP, ops[k].op, strlen(ops[k].utf8));
			return;
		}
	if (starts(s, s->i, "\xC2\xA0")) {
		s->i += 2;
		s->space = true;
	} else if (starts(s, s->i, "\xE2\x82\xAC")) {
		put(s, MONEY, 0, 3);
	} else if (starts(s, s->i, "\xC2\xA3")) {
		put(s, MONEY, 0, 2);
	} else if ((s->text.p[s->i] & 0xE0) == 0xC0) {
		word(s); /* letters with accents, Greek */
	} else {
		flush(s);
		s->i++;
	}
}

static void command(struct scan *s)
{
	static const struct {
		const char *name;
		char op;
	} known[] = {{"\\times", '*'}, {"\\cdot", '*'}, {"\\div", '/'}, {"\\$", '$'},
	             {"\\%", '%'},     {"\\left", 0},   {"\\right", 0}, {"\\,", 0},
	             {"\\;", 0},       {"\\!", 0},      {"\\quad", 0}};
	static const char *const fractions[] = {"\\frac", "\\dfrac", "\\tfrac"};
	size_t len;

	for (size_t k = 0; k < 3; k++)
		if (starts(s, s->i, fractions[k]) &&
		    (len = fraction_len(s, strlen(fractions[k]))) > 0) {
			put(s, NUM, '/', len);
			return;
		}
	for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
		if (!starts(s, s->i, known[k].name))
			continue;
		len = strlen(known[k].name);
		if (known[k].op == '%')
			put(s, PERCENT, 0, len);
		else if (known[k].op == '$')
			put(s, MONEY, 0, len);
		else if (known[k].op)
			put(s, OP, known[k].op, len);
		else
			s->i += len;
		return;
	}
	if (starts(s, s->i, "\\text{") || starts(s, s->i, "\\mathrm{")) {
		size_t k = s->i;
		while (k < s->end && s->text.p[k] != '}')
			k++;
		put(s, WORD, 0, k - s->i + (k < s->end));
		return;
	}
	if (s->i + 1 < s->end && letter(s->text.p[s->i + 1])) {
		size_t k = 1;
		while (s->i + k < s->end && letter(s->text.p[s->i + k]))
			k++;
		put(s, LETTER, 0, k);
		return;
	}
	flush(s);
	s->i++;
}

/* "- ", "* ", "1. ", "2) " at the start of a line are list marks. */
static void line_start(struct scan *s)
{
	while (s->i < s->end && (s->text.p[s->i] == ' ' || s->text.p[s->i] == '\t'))
		s->i++;
	size_t k = s->i;
	while (k < s->end && digit(s->text.p[k]))
		k++;
	if (k > s->i && k + 1 < s->end && (s->text.p[k] == '.' || s->text.p[k] == ')') &&
	    s->text.p[k + 1] == ' ')
		s->i = k + 2;
	else if (s->i + 1 < s->end && s->text.p[s->i] == '*' && s->text.p[s->i + 1] == ' ')
		s->i += 2;
	else if (s->i + 1 < s->end && s->text.p[s->i] == '-' && s->text.p[s->i + 1] == ' ')
		put(s, BULLET, '-', 2);
}

static void scan(struct scan *s)
{
	line_start(s);
	while (s->i < s->end) {
		char c = s->text.p[s->i], next = s->i + 1 < s->end ? s->text.p[s->i + 1] : 0;
		if (c == ' ' || c == '\t' || c == '\r') {
			s->i++;
			s->space = true;
		} else if (digit(c) || (c == '.' && digit(next))) {
			put(s, NUM, 0, number_len(s));
		} else if (letter(c)) {
			word(s);
		} else if (c & 0x80) {
			sign(s);
		} else {
			switch (c) {
			case '\n':
				flush(s);
				s->i++;
				line_start(s);
				break;
			case '+':
			case '-':
			case '/':
			case '^': put(s, OP, c, 1); break;
			case '*':
				if (next == '*') {
					/* 2**3 is a power, **84** is bold */
					bool power = s->n && s->mark[s->n - 1].kind == NUM &&
					             s->i + 2 < s->end &&
					             digit(s->text.p[s->i + 2]);
					if (power)
						put(s, OP, '^', 2);
					else
						s->i += 2;
				} else {
					put(s, OP, '*', 1);
				}
				break;
			case '(': put(s, LEFT, 0, 1); break;
			case ')': put(s, RIGHT, 0, 1); break;
			case '%': put(s, PERCENT, 0, 1); break;
			case '$': put(s, MONEY, 0, 1); break;
			case '=':
				if (next == '=' || next == '>') {
					flush(s);
					s->i += 2;
				} else {
					put(s, EQUALS, 0, 1);
				}
				break;
			case '<': {
				/* <<48/2=24>>24: the annotation is a text of its own */
				ptrdiff_t close = -1;
				if (next == '<')
					for (size_t k = s->i + 2; k + 1 < s->end && k < s->i + 512;
					     k++)
						if (s->text.p[k] == '>' &&
						    s->text.p[k + 1] == '>') {
							close = (ptrdiff_t)k;
							break;
						}
				if (close < 0) {
					flush(s);
					s->i++;
					break;
				}
				struct scan in = *s;
				in.i = s->i + 2;
				in.end = (size_t)close;
				in.n = 0;
				in.mark = s->mark + s->n;
				in.annotation = true;
				if (s->n + 64 < MAX_MARKS / 2) {
					scan(&in);
					s->found_n = in.found_n;
				}
				s->i = (size_t)close + 2;
				break;
			}
			case '\\': command(s); break;
			case '{':
			case '}':
			case '[':
			case ']': put(s, LETTER, 0, 1); break;
			case '_':
			case '&':
			case '"':
			case '`': s->i++; break;
			case ':':
				/* 3:30 is a time; elsewhere a colon ends */
				if (digit(next) && s->n && s->mark[s->n - 1].kind == NUM) {
					put(s, LETTER, 0, 1);
					break;
				}
				flush(s);
				s->i++;
				break;
			default:
				flush(s);
				s->i++;
				break;
			}
		}
	}
	flush(s);
}

/* --------------------------------------------------------------------- sides */

struct side {
	size_t from, to; /* marks [from, to) */
	unsigned ops;
	bool good;
};

/* Reads marks [i, stop) as one expression as far as it goes; units behind operands are passed over.
 * `to` is behind the last complete operand. */
static struct side run(const struct scan *s, size_t i, size_t stop)
{
	struct side out = {i, i, 0, false};
	unsigned depth = 0, ops = 0;
	bool operand = false;

	for (; i < stop; i++) {
		const struct oc_mark *k = &s->mark[i];
		if (!operand) {
			if (k->kind == MONEY || (k->kind == OP && (k->op == '-' || k->op == '+') &&
			                         (i == out.from || s->mark[i - 1].kind == LEFT ||
			                          s->mark[i - 1].kind == MONEY)))
				continue;
			if (k->kind == LEFT) {
				depth++;
				continue;
			}
			if (k->kind != NUM)
				break;
			operand = true;
			ops += k->op == '/';
		} else if (k->kind == OP) {
			/* "60 miles / hour": a rate's unit */
			if (k->op == '/' && i + 1 < stop && s->mark[i + 1].kind == WORD) {
				i++;
				continue;
			}
			operand = false;
			ops++;
			continue;
		} else if (k->kind == RIGHT) {
			if (depth == 0)
				break;
			depth--;
		} else if (k->kind == TIMES12) {
			ops++;
		} else if (k->kind == NUM) {
			/* 3 1/2 */
			bool mixed = s->mark[i - 1].kind == NUM && k->space && i + 2 < stop &&
			             s->mark[i + 1].op == '/' && s->mark[i + 2].kind == NUM;
			if (!mixed && !(s->mark[i - 1].kind == NUM && k->op == '/'))
				break;
		} else if (k->kind == LEFT) {
			if (s->mark[i - 1].kind == WORD ||
			    (k->space && s->mark[i - 1].kind != RIGHT))
				break;
			depth++;
			operand = false;
			ops++;
			continue;
		} else if (k->kind != PERCENT && k->kind != WORD && k->kind != MONEY) {
			break;
		}
		if (operand && depth == 0) {
			out.to = i + 1;
			out.ops = ops;
			out.good = true;
		}
	}
	return out;
}

/* Would the expression that begins at `i` continue something to its left? */
static bool hangs(const struct scan *s, size_t first, size_t i)
{
	if (i == first)
		return false;
	const struct oc_mark *k = &s->mark[i - 1];
	return k->kind == OP || k->kind == LETTER || k->kind == RIGHT || k->kind == NUM ||
	       k->kind == PERCENT || k->kind == TIMES12;
}

/* The side left of the mark `eq`: the longest run that ends exactly there. */
static struct side left_side(const struct scan *s, size_t first, size_t eq)
{
	size_t from = eq > first + MAX_SIDE ? eq - MAX_SIDE : first;
	unsigned open = 0;

	/* not before an unmatched "(": "(12 * 7 = 84)" */
	for (size_t i = eq; i > from; i--) {
		if (s->mark[i - 1].kind == RIGHT)
			open++;
		else if (s->mark[i - 1].kind == LEFT && open-- == 0) {
			from = i;
			first = i;
			break;
		}
	}
	for (size_t i = from; i < eq; i++) {
		int k = s->mark[i].kind;
		bool start =
			k == NUM || k == LEFT || k == MONEY || (k == OP && s->mark[i].op == '-');
		if (!start || (i > from && s->mark[i - 1].kind == NUM && k == OP))
			continue;
		struct side out = run(s, i, eq);
		if (out.to != eq)
			continue;
		/* a sign in front belongs to it only at the very start */
		out.good = !hangs(s, first, i) && !(k == OP && i > first);
		return out;
	}
	return (struct side){eq, eq, 0, false};
}

/* ------------------------------------------------------------------ verdicts */

/* The side as plain text for the parser: units left out. */
static void spell(const struct scan *s, struct side x, struct oc_buf *out)
{
	out->len = 0;
	for (size_t i = x.from; i < x.to; i++) {
		const struct oc_mark *k = &s->mark[i];
		const char *p = s->text.p + k->at;
		switch (k->kind) {
		case NUM:
			if (i > x.from && s->mark[i - 1].kind == NUM)
				oc_buf_putc(out, ' ');
			for (uint32_t c = 0; c < k->len; c++)
				if (p[c] != ',')
					oc_buf_putc(out, p[c]);
			break;
		case OP:
			if (k->op == '/' && i + 1 < x.to && s->mark[i + 1].kind == WORD)
				break;
			oc_buf_putc(out, k->op);
			break;
		case LEFT:
			if (i > x.from &&
			    (s->mark[i - 1].kind == NUM || s->mark[i - 1].kind == RIGHT))
				oc_buf_putc(out, '*');
			oc_buf_putc(out, '(');
			break;
		case RIGHT: oc_buf_putc(out, ')'); break;
		case PERCENT: oc_buf_putc(out, '%'); break;
		case TIMES12: oc_buf_printf(out, "*%lld", (long long)k->factor); break;
		default: break;
		}
	}
}

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
static void unit_of(const struct scan *s, struct side x, struct oc_buf *out)
{
	out->len = 0;
	for (size_t i = x.from; i < x.to; i++) {
		struct oc_str w = {s->text.p + s->mark[i].at, s->mark[i].len};
		if (s->mark[i].kind == WORD) {
			oc_math_unit(out, &w, 1);
			return;
		}
		if (s->mark[i].kind == MONEY) {
			oc_buf_putc(out, '$');
			return;
		}
	}
}

static bool units_change(const struct scan *s, struct side l, struct side r)
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

static bool rounds_to(struct oc_math *m, struct oc_rat exact, struct oc_rat written, int places)
{
	struct oc_rat d, ten, half = {1, 2, NULL};
	return places > 0 && oc_rat_op(&m->rats, '-', exact, written, &d) &&
	       oc_rat_pow(&m->rats, oc_rat_int(10), places, &ten) &&
	       oc_rat_op(&m->rats, '*', d, ten, &d) &&
	       (oc_rat_sign(d) >= 0 || oc_rat_neg(&m->rats, d, &d)) &&
	       oc_rat_cmp(&m->rats, d, half) <= 0;
}

static void add_step(struct scan *s, struct side l, struct side r, enum oc_math_step_result result,
                     struct oc_rat exact)
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

/* Is left = right? Tried again without a list mark that looked like a sign. */
static void check(struct scan *s, struct side l, struct side r)
{
	struct oc_math *m = s->m;
	struct oc_rat x, y, scaled;
	int places, unused;
	bool percent, left_percent;

	oc_math_reset(m);
	spell(s, l, &m->scratch);
	if (!value(m, oc_buf_view(&m->scratch), &x, &unused, &left_percent)) {
		add_step(s, l, r, OC_MATH_STEP_UNDECIDED, oc_rat_int(0));
		return;
	}
	spell(s, r, &m->scratch);
	if (!value(m, oc_buf_view(&m->scratch), &y, &places, &percent)) {
		add_step(s, l, r, OC_MATH_STEP_UNDECIDED, oc_rat_int(0));
		return;
	}
	enum oc_math_step_result result = OC_MATH_STEP_WRONG;
	/* 5/20 * 100 = 25%: the sign is a unit there */
	struct oc_rat plain = y;
	if (percent && !oc_rat_op(&m->rats, '*', y, oc_rat_int(100), &plain))
		plain = y;
	scaled = x;
	if (percent && !oc_rat_op(&m->rats, '*', x, oc_rat_int(100), &scaled))
		scaled = x;
	if (oc_rat_cmp(&m->rats, x, y) == 0 || oc_rat_cmp(&m->rats, x, plain) == 0)
		result = OC_MATH_STEP_RIGHT;
	else if (rounds_to(m, scaled, plain, places) || rounds_to(m, x, plain, places))
		result = OC_MATH_STEP_ROUNDED;
	else if (units_change(s, l, r))
		result = OC_MATH_STEP_UNDECIDED;
	add_step(s, l, r, result, x);
}

static void steps_of_segment(struct scan *s)
{
	size_t first = 0;
	bool bullet = s->mark[0].kind == BULLET;

	first += bullet;
	for (size_t e = first; e < s->n; e++) {
		if (s->mark[e].kind != EQUALS)
			continue;
		size_t next = e + 1;
		while (next < s->n && s->mark[next].kind != EQUALS)
			next++;
		struct side l = left_side(s, first, e);
		struct side r = run(s, e + 1, next < e + 1 + MAX_SIDE ? next : e + 1 + MAX_SIDE);
		/* the right side must end where it can: not before an operator on a letter */
		bool cut = r.good && r.to < next &&
		           (s->mark[r.to].kind == LETTER ||
		            (s->mark[r.to].kind == OP && r.to + 1 < next &&
		             s->mark[r.to + 1].kind != WORD) ||
		            s->mark[r.to].kind == LEFT);
		if (l.good && r.good && !cut && (l.ops || (r.ops && l.from == first && !bullet)))
			check(s, l, r);
		first = e + 1;
		bullet = false;
	}
}

size_t oc_math_steps(struct oc_math *m, struct oc_str text, const struct oc_math_step **steps)
{
	if (!m->marks)
		m->marks = oc_alloc(MAX_MARKS * sizeof *m->marks);
	m->step_n = 0;
	m->text.len = 0;
	*steps = m->steps;
	if (text.len > UINT32_MAX || !memchr(text.p, '=', text.len))
		return 0;
	struct scan s = {.m = m,
	                 .text = text,
	                 .end = text.len,
	                 .mark = m->marks,
	                 .segment = steps_of_segment};
	scan(&s);
	for (size_t k = 0; k < m->step_n; k++) {
		enum oc_math_step_result r = m->steps[k].result;
		if (r == OC_MATH_STEP_WRONG || r == OC_MATH_STEP_ROUNDED)
			m->steps[k].value = oc_str(m->text.p + m->steps[k].value.len);
	}
	*steps = m->steps;
	return m->step_n;
}
