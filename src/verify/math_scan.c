/*
 * math_scan.c: prose to marks. A sign that cannot stand in a calculation (full stop, comma, line
 * end) closes a segment; words are units behind numbers, or operators ("times", "20% of 50").
 */
#include <stdlib.h>

#include "verify/math_scan.h"

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool starts(const struct oc_scan *s, size_t at, const char *what)
{
	size_t n = strlen(what);
	return at + n <= s->end && memcmp(s->text.p + at, what, n) == 0;
}

static void flush(struct oc_scan *s)
{
	if (s->n)
		s->segment(s);
	s->n = 0;
}

static struct oc_mark *put(struct oc_scan *s, int kind, char op, size_t len)
{
	if (s->n == OC_MARKS)
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

static size_t number_len(const struct oc_scan *s)
{
	size_t i = s->i, first;
	while (i < s->end && digit(s->text.p[i]))
		i++;
	first = i - s->i;
	while (first >= 1 && first <= 3 && i + 3 < s->end && s->text.p[i] == ',' &&
	       digit(s->text.p[i + 1]) && digit(s->text.p[i + 2]) && digit(s->text.p[i + 3]) &&
	       !(i + 4 < s->end && digit(s->text.p[i + 4])))
		i += 4;
	/* 18 000, but not 3 125/1000 */
	if (first >= 1 && first <= 3 && i == s->i + first && i + 3 < s->end &&
	    s->text.p[i] == ' ' && digit(s->text.p[i + 1]) && digit(s->text.p[i + 2]) &&
	    digit(s->text.p[i + 3]) &&
	    !(i + 4 < s->end &&
	      (digit(s->text.p[i + 4]) || (s->text.p[i + 4] == '/' && s->text.p[i + 1] != '0'))))
		i += 4;
	if (i + 1 < s->end && s->text.p[i] == '.' && digit(s->text.p[i + 1])) {
		i++;
		while (i < s->end && digit(s->text.p[i]))
			i++;
	}
	return i - s->i;
}

/* \frac{3}{4} of plain numbers is one operand. */
static size_t fraction_len(const struct oc_scan *s, size_t head)
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

static bool operand_before(const struct oc_scan *s)
{
	if (s->n == 0)
		return false;
	int k = s->mark[s->n - 1].kind;
	return k == OC_MARK_NUM || k == OC_MARK_RIGHT || k == OC_MARK_PERCENT ||
	       k == OC_MARK_WORD || k == OC_MARK_FACTOR;
}

/* "divided by", "multiplied by": the second word is eaten too. */
static void word(struct oc_scan *s)
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
		if (ops[k].word[0] == 'o' && before != OC_MARK_PERCENT && before != OC_MARK_NUM)
			break;
		/* "of" multiplies behind a share only: 20% of 50, 1/2 of 10 */
		if (oc_str_is(w, "of") && before == OC_MARK_NUM &&
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
		put(s, OC_MARK_OP, ops[k].op, n)->spelled = true;
		return;
	}
	for (size_t k = 0; k < sizeof factors / sizeof factors[0] && operand_before(s); k++)
		if (word_is(w, factors[k].word)) {
			put(s, OC_MARK_FACTOR, 0, n)->factor = factors[k].n;
			return;
		}
	if (word_is(w, "percent") && operand_before(s)) {
		put(s, OC_MARK_PERCENT, 0, n);
		return;
	}
	/* "a" and "I" are words where they stand alone; 2a and 3I are products */
	bool article = (w.p[0] == 'a' || w.p[0] == 'A' || w.p[0] == 'I') &&
	               (s->space || s->n == 0 || s->mark[s->n - 1].kind != OC_MARK_NUM);
	bool variable = n == 1 && !(w.p[0] & 0x80) && !article;
	if (variable && (w.p[0] == 'x' || w.p[0] == 'X') && operand_before(s)) {
		/* "2 x 3", "5 apples x $3": a sign when a number follows */
		size_t k = s->i + 1;
		while (k < s->end && (s->text.p[k] == ' ' || s->text.p[k] == '$' ||
		                      s->text.p[k] == '(' || s->text.p[k] == '\\'))
			k++;
		if (k < s->end && (digit(s->text.p[k]) || s->text.p[k] == '.')) {
			put(s, OC_MARK_OP, '*', 1);
			return;
		}
	}
	put(s, variable ? OC_MARK_LETTER : OC_MARK_WORD, 0, n);
}

static void sign(struct oc_scan *s)
{
	static const struct {
		const char *utf8;
		char op;
	} ops[] = {{"\xC3\x97", '*'},     {"\xC3\xB7", '/'},     {"\xC2\xB7", '*'},
	           {"\xE2\x8B\x85", '*'}, {"\xE2\x88\x92", '-'}, {"\xE2\x80\x93", '-'}};
	for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++)
		if (starts(s, s->i, ops[k].utf8)) {
			put(s, OC_MARK_OP, ops[k].op, strlen(ops[k].utf8));
			return;
		}
	if (starts(s, s->i, "\xC2\xA0")) {
		s->i += 2;
		s->space = true;
	} else if (starts(s, s->i, "\xE2\x82\xAC")) {
		put(s, OC_MARK_MONEY, 0, 3);
	} else if (starts(s, s->i, "\xC2\xA3")) {
		put(s, OC_MARK_MONEY, 0, 2);
	} else if ((s->text.p[s->i] & 0xE0) == 0xC0) {
		word(s); /* letters with accents, Greek */
	} else {
		flush(s);
		s->i++;
	}
}

static void command(struct oc_scan *s)
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
			put(s, OC_MARK_NUM, '/', len);
			return;
		}
	for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
		if (!starts(s, s->i, known[k].name))
			continue;
		len = strlen(known[k].name);
		if (known[k].op == '%')
			put(s, OC_MARK_PERCENT, 0, len);
		else if (known[k].op == '$')
			put(s, OC_MARK_MONEY, 0, len);
		else if (known[k].op)
			put(s, OC_MARK_OP, known[k].op, len);
		else
			s->i += len;
		return;
	}
	if (starts(s, s->i, "\\text{") || starts(s, s->i, "\\mathrm{")) {
		size_t k = s->i;
		while (k < s->end && s->text.p[k] != '}')
			k++;
		put(s, OC_MARK_WORD, 0, k - s->i + (k < s->end));
		return;
	}
	if (s->i + 1 < s->end && letter(s->text.p[s->i + 1])) {
		size_t k = 1;
		while (s->i + k < s->end && letter(s->text.p[s->i + k]))
			k++;
		put(s, OC_MARK_LETTER, 0, k);
		return;
	}
	flush(s);
	s->i++;
}

/* "- ", "* ", "1. ", "2) " at the start of a line are list marks. */
static void line_start(struct oc_scan *s)
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
		put(s, OC_MARK_BULLET, '-', 2);
}

void oc_math_scan(struct oc_scan *s)
{
	line_start(s);
	while (s->i < s->end) {
		char c = s->text.p[s->i], next = s->i + 1 < s->end ? s->text.p[s->i + 1] : 0;
		if (c == ' ' || c == '\t' || c == '\r') {
			s->i++;
			s->space = true;
		} else if (digit(c) || (c == '.' && digit(next))) {
			struct oc_mark *k = put(s, OC_MARK_NUM, 0, number_len(s));
			k->cut = starts(s, s->i, "..") || starts(s, s->i, "\xE2\x80\xA6");
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
			case '^': put(s, OC_MARK_OP, c, 1); break;
			case '*':
				if (next == '*') {
					/* 2**3 is a power, **84** is bold */
					bool power =
						s->n && s->mark[s->n - 1].kind == OC_MARK_NUM &&
						s->i + 2 < s->end && digit(s->text.p[s->i + 2]);
					if (power)
						put(s, OC_MARK_OP, '^', 2);
					else
						s->i += 2;
				} else {
					put(s, OC_MARK_OP, '*', 1);
				}
				break;
			case ',':
				/* 160,0000 is no number we know */
				if (digit(next) && s->n && s->mark[s->n - 1].kind == OC_MARK_NUM) {
					put(s, OC_MARK_LETTER, 0, 1);
					break;
				}
				flush(s);
				s->i++;
				break;
			case '(': put(s, OC_MARK_LEFT, 0, 1); break;
			case ')': put(s, OC_MARK_RIGHT, 0, 1); break;
			case '%': put(s, OC_MARK_PERCENT, 0, 1); break;
			case '$': put(s, OC_MARK_MONEY, 0, 1); break;
			case '=':
				if (next == '=' || next == '>') {
					flush(s);
					s->i += 2;
				} else {
					put(s, OC_MARK_EQUALS, 0, 1);
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
				struct oc_scan in = *s;
				in.i = s->i + 2;
				in.end = (size_t)close;
				in.n = 0;
				in.mark = s->mark + s->n;
				in.annotation = true;
				if (s->n + 64 < OC_MARKS / 2) {
					oc_math_scan(&in);
					s->found_n = in.found_n;
				}
				s->i = (size_t)close + 2;
				break;
			}
			case '\\': command(s); break;
			case '{':
			case '}':
			case '[':
			case ']': put(s, OC_MARK_LETTER, 0, 1); break;
			case '_':
			case '&':
			case '"':
			case '`': s->i++; break;
			case ':':
				/* 3:30 is a time; elsewhere a colon ends */
				if (digit(next) && s->n && s->mark[s->n - 1].kind == OC_MARK_NUM) {
					put(s, OC_MARK_LETTER, 0, 1);
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

/* --------------------------------------------------------------- expressions */

struct oc_side oc_math_run(const struct oc_scan *s, size_t i, size_t stop)
{
	struct oc_side out = {i, i, 0, false};
	unsigned depth = 0, ops = 0;
	bool operand = false;
	unsigned words = 0;

	for (; i < stop; i++) {
		const struct oc_mark *k = &s->mark[i];
		if (!operand) {
			if (k->kind == OC_MARK_MONEY ||
			    (k->kind == OC_MARK_OP && (k->op == '-' || k->op == '+') &&
			     (i == out.from || s->mark[i - 1].kind == OC_MARK_LEFT ||
			      s->mark[i - 1].kind == OC_MARK_MONEY)))
				continue;
			if (k->kind == OC_MARK_LEFT) {
				depth++;
				continue;
			}
			if (k->kind != OC_MARK_NUM)
				break;
			operand = true;
			words = 0;
			ops += k->op == '/';
		} else if (k->kind == OC_MARK_OP) {
			if (k->op == '^' && s->mark[i - 1].kind == OC_MARK_WORD)
				break;
			/* "60 miles / hour": a rate's unit */
			if (k->op == '/' && i + 1 < stop && s->mark[i + 1].kind == OC_MARK_WORD) {
				i++;
				continue;
			}
			operand = false;
			ops++;
			continue;
		} else if (k->kind == OC_MARK_RIGHT) {
			if (depth == 0)
				break;
			depth--;
		} else if (k->kind == OC_MARK_FACTOR) {
			ops++;
		} else if (k->kind == OC_MARK_NUM) {
			/* 3 1/2 */
			bool mixed = s->mark[i - 1].kind == OC_MARK_NUM && k->space &&
			             i + 2 < stop && s->mark[i + 1].op == '/' &&
			             s->mark[i + 2].kind == OC_MARK_NUM;
			if (!mixed && !(s->mark[i - 1].kind == OC_MARK_NUM && k->op == '/'))
				break;
		} else if (k->kind == OC_MARK_LEFT) {
			if (s->mark[i - 1].kind == OC_MARK_WORD ||
			    (k->space && s->mark[i - 1].kind != OC_MARK_RIGHT))
				break;
			depth++;
			operand = false;
			ops++;
			continue;
		} else if (k->kind == OC_MARK_WORD) {
			/* a unit has a few words; more is a sentence */
			if (++words > 4)
				break;
		} else if (k->kind != OC_MARK_PERCENT && k->kind != OC_MARK_MONEY) {
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

/* "28 / 1/5": the second sign is glued to its operands, the first is not. */
static bool tight(const struct oc_scan *s, struct oc_side x, size_t i)
{
	return i > x.from && i + 2 < x.to && s->mark[i - 1].kind == OC_MARK_OP &&
	       s->mark[i - 1].op == '/' && s->mark[i].space && s->mark[i].kind == OC_MARK_NUM &&
	       s->mark[i + 1].op == '/' && !s->mark[i + 1].space &&
	       s->mark[i + 2].kind == OC_MARK_NUM && !s->mark[i + 2].space;
}

void oc_math_spell(const struct oc_scan *s, struct oc_side x, unsigned how, struct oc_buf *out)
{
	size_t close = SIZE_MAX;

	out->len = 0;
	for (size_t i = x.from; i < x.to; i++) {
		const struct oc_mark *k = &s->mark[i];
		const char *p = s->text.p + k->at;
		switch (k->kind) {
		case OC_MARK_NUM:
			if (i > x.from && s->mark[i - 1].kind == OC_MARK_NUM)
				oc_buf_putc(out, ' ');
			if ((how & OC_SPELL_TIGHT) && tight(s, x, i)) {
				oc_buf_putc(out, '(');
				close = i + 2;
			}
			for (uint32_t c = 0; c < k->len; c++) {
				/* "= 12 200-gram bags": perhaps two numbers */
				if (p[c] == ' ' && (how & OC_SPELL_PLAIN))
					break;
				if (p[c] != ',' && p[c] != ' ')
					oc_buf_putc(out, p[c]);
			}
			if (i == close)
				oc_buf_putc(out, ')');
			break;
		case OC_MARK_OP:
			if (k->op == '/' && i + 1 < x.to && s->mark[i + 1].kind == OC_MARK_WORD)
				break;
			oc_buf_putc(out, k->op);
			break;
		case OC_MARK_LEFT:
			if (i > x.from && (s->mark[i - 1].kind == OC_MARK_NUM ||
			                   s->mark[i - 1].kind == OC_MARK_RIGHT))
				oc_buf_putc(out, '*');
			oc_buf_putc(out, '(');
			break;
		case OC_MARK_RIGHT: oc_buf_putc(out, ')'); break;
		case OC_MARK_PERCENT: oc_buf_putc(out, '%'); break;
		case OC_MARK_FACTOR:
			if (!(how & OC_SPELL_PLAIN))
				oc_buf_printf(out, "*%lld", (long long)k->factor);
			break;
		default: break;
		}
	}
}
