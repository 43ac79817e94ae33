/*
 * math_lex.c: text to tokens. Plain notation, LaTeX and the Unicode signs people paste, mixed.
 *
 * The two decisions that depend on context fall here: whether a comma groups thousands (never
 * inside brackets, where it separates) and whether `$` is money or a math delimiter.
 */
#include "verify/math_lex.h"

#include <assert.h>

struct lexer {
	struct oc_math *m;
	struct oc_str s;
	size_t i;
	unsigned nest;              /* open ( [ and set braces */
	char braces[OC_MATH_DEPTH]; /* g: group, t: text, S: set */
	unsigned brace_n, text_n;   /* text_n: open \text{} */
	bool dollars;               /* `$` delimits mathematics */
	bool space;
};

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char peek(const struct lexer *l, size_t ahead)
{
	return l->i + ahead < l->s.len ? l->s.p[l->i + ahead] : 0;
}

static bool starts(const struct lexer *l, size_t at, const char *what)
{
	size_t n = strlen(what);
	return at + n <= l->s.len && memcmp(l->s.p + at, what, n) == 0;
}

static struct oc_tok *last(struct lexer *l)
{
	return l->m->tok_n ? &l->m->toks[l->m->tok_n - 1] : NULL;
}

static bool after_operand(struct lexer *l)
{
	struct oc_tok *t = last(l);
	return t &&
	       (t->kind == OC_TOK_NUM || t->kind == OC_TOK_CLOSE || t->kind == OC_TOK_PI ||
	        t->kind == OC_TOK_NAME || t->kind == OC_TOK_PERCENT || t->kind == OC_TOK_DEGREE);
}

/* Room for END and for the two tokens of a superscript is kept. */
static struct oc_tok *emit(struct lexer *l, enum oc_tok_kind kind, int sub, size_t len)
{
	assert(l->m->toks);
	struct oc_tok *t = &l->m->toks[l->m->tok_n++];
	*t = (struct oc_tok){.kind = (uint8_t)kind,
	                     .sub = (uint8_t)sub,
	                     .space = l->space,
	                     .at = (uint32_t)l->i,
	                     .text = {l->s.p + l->i, len}};
	l->space = false;
	l->i += len;
	return t;
}

static void open_bracket(struct lexer *l, char c, size_t len)
{
	l->nest++;
	emit(l, OC_TOK_OPEN, c, len);
}

static void close_bracket(struct lexer *l, char c, size_t len)
{
	l->nest -= l->nest > 0;
	emit(l, OC_TOK_CLOSE, c, len);
}

/* ------------------------------------------------------------------ numbers */

/* Length of a thousands separator at `at` when three digits and no fourth follow it, else 0. */
static size_t separator(const struct lexer *l, size_t at, bool comma)
{
	static const char *const signs[] = {"{,}",          "\\,", "\xC2\xA0", "\xE2\x80\x89",
	                                    "\xE2\x80\xAF", "\\!", ",\\!"};
	size_t n = 0;
	if (comma && starts(l, at, ",") && at + 1 < l->s.len && digit(l->s.p[at + 1]))
		n = 1;
	for (size_t k = 0; n == 0 && k < sizeof signs / sizeof signs[0]; k++)
		if (starts(l, at, signs[k]))
			n = strlen(signs[k]);
	if (n == 0 && starts(l, at, " "))
		n = 1;
	size_t d = at + n;
	if (n == 0 || d + 3 > l->s.len || !digit(l->s.p[d]) || !digit(l->s.p[d + 1]) ||
	    !digit(l->s.p[d + 2]) || (d + 3 < l->s.len && digit(l->s.p[d + 3])))
		return 0;
	/* "3 125/1000" is a mixed number */
	if (n == 1 && l->s.p[at] == ' ' && d + 3 < l->s.len && l->s.p[d + 3] == '/')
		return 0;
	return n;
}

/* Where the groups that begin behind `at` end; `at` itself when they are no thousands. */
static size_t groups(const struct lexer *l, size_t at, bool comma, bool *commas)
{
	size_t end = at, n;
	char sign = 0;
	while ((n = separator(l, end, comma)) > 0) {
		if (sign && sign != l->s.p[end])
			return at;
		sign = l->s.p[end];
		end += n + 3;
	}
	/* 1,234,56 is a list: one group of another length spoils all */
	if (sign == ',' && end + 1 < l->s.len && l->s.p[end] == ',' && digit(l->s.p[end + 1]))
		return at;
	*commas = sign == ',';
	return end;
}

/* "\overline{3}", "\bar{3}", or "(3)" directly behind the point: the repeating digits. */
static struct oc_str repeating(const struct lexer *l, size_t *at)
{
	static const char *const forms[] = {"\\overline{", "\\bar{", "("};
	for (size_t k = 0; k < 3; k++) {
		if (!starts(l, *at, forms[k]))
			continue;
		size_t from = *at + strlen(forms[k]), to = from;
		while (to < l->s.len && digit(l->s.p[to]))
			to++;
		if (to == from || to == l->s.len || l->s.p[to] != (k == 2 ? ')' : '}') ||
		    to - from > 64)
			return (struct oc_str){0};
		*at = to + 1;
		return (struct oc_str){l->s.p + from, to - from};
	}
	return (struct oc_str){0};
}

static bool number(struct lexer *l)
{
	char whole[OC_RAT_DIGITS];
	size_t n = 0, at = l->i, from;
	struct oc_str fraction = {l->s.p, 0}, repeat = {0};
	bool commas = false, grouped = false;
	int64_t exp = 0;
	struct oc_tok *before = last(l);
	struct oc_rats *pool = &l->m->rats;

	while (at < l->s.len && digit(l->s.p[at]))
		at++;
	size_t first = at - l->i;
	if (first > OC_RAT_DIGITS)
		return oc_math_fail(l->m, "a number is too long");
	memcpy(whole, l->s.p + l->i, first);
	n = first;
	if (first >= 1 && first <= 3 && whole[0] != '0') {
		bool comma = l->nest == 0 || (before && before->kind == OC_TOK_CURRENCY);
		size_t end = groups(l, at, comma, &commas);
		grouped = end > at;
		for (; at < end; at++) {
			if (!digit(l->s.p[at]))
				continue;
			if (n == OC_RAT_DIGITS)
				return oc_math_fail(l->m, "a number is too long");
			whole[n++] = l->s.p[at];
		}
	}
	bool point = false;
	if (at < l->s.len && l->s.p[at] == '.') {
		from = at + 1;
		size_t to = from;
		while (to < l->s.len && digit(l->s.p[to]))
			to++;
		size_t tail = to;
		if (to == from || starts(l, to, "\\"))
			repeat = repeating(l, &tail);
		else if (starts(l, to, "(") && n == 1 && whole[0] == '0') {
			/* 0.1(6) is a repeating decimal only when nothing follows it */
			repeat = repeating(l, &tail);
			if (tail != l->s.len) {
				repeat = (struct oc_str){0};
				tail = to;
			}
		}
		if (to > from || repeat.len) {
			point = true;
			fraction = (struct oc_str){l->s.p + from, to - from};
			at = tail;
		}
	}
	if (at < l->s.len && (l->s.p[at] == 'e' || l->s.p[at] == 'E') && !repeat.len) {
		size_t k = at + 1;
		bool minus = k < l->s.len && l->s.p[k] == '-';
		if (k < l->s.len && (l->s.p[k] == '-' || l->s.p[k] == '+'))
			k++;
		from = k;
		while (k < l->s.len && digit(l->s.p[k]) && k - from < 5)
			exp = exp * 10 + (l->s.p[k++] - '0');
		if (k > from && (k == l->s.len || (!letter(l->s.p[k]) && !digit(l->s.p[k]))))
			at = k;
		else
			exp = 0;
		exp = minus ? -exp : exp;
	}
	if (at + 1 < l->s.len && l->s.p[at] == '.' && point && digit(l->s.p[at + 1]))
		return oc_math_fail(l->m, "a number with two points");
	struct oc_rat v;
	if (!oc_rat_decimal(pool, (struct oc_str){whole, n}, fraction, exp, &v))
		return oc_math_fail(l->m, "a number is too large");
	if (repeat.len) {
		struct oc_rat r, nines, shift;
		struct oc_str none = {whole, 0};
		if (!oc_rat_decimal(pool, repeat, none, 0, &r) ||
		    !oc_rat_pow(pool, oc_rat_int(10), (int64_t)repeat.len, &nines) ||
		    !oc_rat_op(pool, '-', nines, oc_rat_int(1), &nines) ||
		    !oc_rat_op(pool, '/', r, nines, &r) ||
		    !oc_rat_pow(pool, oc_rat_int(10), -(int64_t)fraction.len, &shift) ||
		    !oc_rat_op(pool, '*', r, shift, &r) || !oc_rat_op(pool, '+', v, r, &v))
			return oc_math_fail(l->m, "a number is too large");
	}
	struct oc_tok *t = emit(l, OC_TOK_NUM, 0, at - l->i);
	t->num = v;
	t->places = (uint16_t)fraction.len;
	t->scaled = exp != 0 || repeat.len;
	t->integer = !point && !t->scaled;
	t->grouped = grouped && commas;
	return true;
}

/* -------------------------------------------------------------------- words */

/* Two letters that are a word; other pairs are a product of two variables. */
static bool short_word(struct oc_str w)
{
	static const char words[] =
		" is of in to no or at by an am pm up we he it as if so us me my be do "
		"go on th st nd rd AM PM No ";
	char key[5] = {' ', w.p[0], w.p[1], ' ', 0};
	return strstr(words, key) != NULL || oc_math_unit_known(w);
}

static bool same_word(struct oc_str w, const char *lower)
{
	size_t n = strlen(lower);
	if (w.len != n)
		return false;
	for (size_t k = 0; k < n; k++)
		if ((w.p[k] | 0x20) != lower[k])
			return false;
	return true;
}

static void word(struct lexer *l)
{
	size_t n = 0;
	while (l->i + n < l->s.len && (letter(l->s.p[l->i + n]) || (l->s.p[l->i + n] & 0x80) ||
	                               (n && l->s.p[l->i + n] == '\'' && letter(peek(l, n + 1))))) {
		/* a sign pasted behind a word ends it */
		if ((l->s.p[l->i + n] & 0x80) &&
		    (starts(l, l->i + n, "\xC2") || starts(l, l->i + n, "\xE2")))
			break;
		n++;
	}
	struct oc_str w = {l->s.p + l->i, n};
	struct oc_tok *before = last(l);
	int fn;

	if (n == 0) {
		emit(l, OC_TOK_BAD, 0, 1);
	} else if (n == 1 && !(w.p[0] & 0x80)) {
		bool times = (w.p[0] == 'x' || w.p[0] == 'X') && before &&
		             (before->kind == OC_TOK_NUM || before->kind == OC_TOK_PERCENT ||
		              before->kind == OC_TOK_CLOSE);
		if (times) {
			size_t k = 1;
			while (peek(l, k) == ' ')
				k++;
			bool gap = k > 1;
			if (peek(l, k) == '\\' && peek(l, k + 1) == '$')
				k++;
			times = (digit(peek(l, k)) || peek(l, k) == '$' ||
			         (peek(l, k) == '.' && digit(peek(l, k + 1)))) &&
			        gap == l->space;
		}
		bool cup = w.p[0] == 'U' && before && before->kind == OC_TOK_CLOSE &&
		           l->i + 1 < l->s.len && strchr(" ([{\\", l->s.p[l->i + 1]);
		if (times)
			emit(l, OC_TOK_OP, '*', 1);
		else if (cup)
			emit(l, OC_TOK_SETOP, 'U', 1);
		else if ((l->text_n || l->space) && before && before->kind == OC_TOK_NUM &&
		         oc_math_unit_known(w))
			emit(l, OC_TOK_WORD, 1, 1);
		else
			emit(l, OC_TOK_NAME, 0, 1);
	} else if ((fn = oc_math_function(w)) != OC_FN_NONE) {
		emit(l, OC_TOK_FUNC, fn, n);
	} else if (oc_str_is(w, "pi")) {
		emit(l, OC_TOK_PI, 0, n);
	} else if (oc_str_is(w, "inf") || same_word(w, "infinity") || oc_str_is(w, "oo")) {
		emit(l, OC_TOK_INF, 0, n);
	} else if (same_word(w, "and") || same_word(w, "or")) {
		emit(l, OC_TOK_SEP, 'a', n);
	} else if (same_word(w, "percent") || oc_str_is(w, "pct")) {
		emit(l, OC_TOK_PERCENT, 0, n);
	} else if (same_word(w, "about") || same_word(w, "approximately") ||
	           same_word(w, "roughly") || same_word(w, "around") || oc_str_is(w, "approx")) {
		emit(l, OC_TOK_ABOUT, 0, n);
	} else if (n == 2 && !l->text_n && letter(w.p[0]) && letter(w.p[1]) && !short_word(w)) {
		emit(l, OC_TOK_NAME, 0, 1);
		emit(l, OC_TOK_NAME, 0, 1);
	} else {
		emit(l, OC_TOK_WORD, 0, n);
	}
}

/* ------------------------------------------------------------------ commands */

/* \begin{pmatrix}, \begin{array}{cc}: only matrices are known. */
static void environment(struct lexer *l, size_t len, bool begin)
{
	size_t from = l->i + len + 1, to = from;
	while (to < l->s.len && l->s.p[to] != '}')
		to++;
	struct oc_str name = {l->s.p + from, to < l->s.len ? to - from : 0};
	bool matrix = oc_str_find(name, OC_LIT("matrix")) >= 0 || oc_str_is(name, "array");
	if (peek(l, len) != '{' || !matrix || oc_str_starts(name, "v")) {
		emit(l, OC_TOK_BAD, 0, len);
		return;
	}
	to++;
	if (begin && oc_str_is(name, "array") && starts(l, to, "{"))
		while (to < l->s.len && l->s.p[to++] != '}')
			;
	emit(l, begin ? OC_TOK_MATRIX : OC_TOK_MATRIX_END, 0, to - l->i);
}

static void command(struct lexer *l)
{
	size_t n = 1;
	while (l->i + n < l->s.len && letter(l->s.p[l->i + n]))
		n++;
	if (n == 1) {
		char c = peek(l, 1);
		switch (c) {
		case '$': emit(l, OC_TOK_CURRENCY, 0, 2)->text = OC_LIT("$"); return;
		case '%': emit(l, OC_TOK_PERCENT, 0, 2); return;
		case '{': open_bracket(l, 'S', 2); return;
		case '}': close_bracket(l, 'S', 2); return;
		case '|': emit(l, OC_TOK_OP, '|', 2); return;
		case '\\': emit(l, OC_TOK_ROW, 0, 2); return;
		case ',':
		case ';':
		case ':':
		case '!':
		case ' ':
		case '(':
		case ')':
		case '[':
		case ']':
			l->i += 2;
			l->space = true;
			return;
		default: emit(l, OC_TOK_BAD, 0, 1); return;
		}
	}
	struct oc_str name = {l->s.p + l->i + 1, n - 1};
	int fn = oc_math_function(name);
	if (fn != OC_FN_NONE) {
		emit(l, OC_TOK_FUNC, fn, n)->text = name;
		return;
	}
	const struct oc_lex_command *c = oc_math_command(name);
	if (c) {
		switch (c->kind) {
		case OC_LEX_SKIP:
			l->i += n;
			if ((name.p[0] == 'l' || name.p[0] == 'r') && peek(l, 0) == '.')
				l->i++; /* \left. has no bracket */
			l->space = true;
			return;
		case OC_LEX_TEXT:
			l->i += n;
			while (peek(l, 0) == ' ')
				l->i++;
			if (peek(l, 0) == '{' && l->brace_n < OC_MATH_DEPTH) {
				l->braces[l->brace_n++] = 't';
				l->text_n++;
				l->i++;
			}
			l->space = true;
			return;
		case OC_LEX_BEGIN: environment(l, n, true); return;
		case OC_LEX_END_ENV: environment(l, n, false); return;
		case OC_TOK_OPEN: open_bracket(l, c->sub, n); return;
		case OC_TOK_CLOSE: close_bracket(l, c->sub, n); return;
		default: emit(l, c->kind, c->sub, n); return;
		}
	}
	if (oc_math_greek(name))
		emit(l, OC_TOK_NAME, 0, n)->text = name;
	else
		emit(l, OC_TOK_BAD, 0, n);
}

/* -------------------------------------------------------------- Unicode signs */

static bool sign(struct lexer *l)
{
	static const char *const spaces[] = {"\xC2\xA0", "\xE2\x80\x89", "\xE2\x80\xAF",
	                                     "\xE2\x80\x8B"};
	for (size_t k = 0; k < sizeof spaces / sizeof spaces[0]; k++)
		if (starts(l, l->i, spaces[k])) {
			l->i += strlen(spaces[k]);
			l->space = true;
			return true;
		}
	const struct oc_lex_sign *g = oc_math_sign((struct oc_str){l->s.p + l->i, l->s.len - l->i});
	if (g) {
		size_t n = strlen(g->utf8);
		if (g->kind == OC_TOK_OPEN) {
			open_bracket(l, g->sub, n);
		} else if (g->kind == OC_TOK_CLOSE) {
			close_bracket(l, g->sub, n);
		} else if (g->kind == OC_TOK_CURRENCY) {
			char c = g->sub;
			emit(l, OC_TOK_CURRENCY, 0, n)->text = c == 'e'   ? OC_LIT("eur")
			                                       : c == 'p' ? OC_LIT("gbp")
			                                       : c == 'y' ? OC_LIT("yen")
			                                       : c == 'r' ? OC_LIT("inr")
			                                                  : OC_LIT("cent");
		} else if (g->d) {
			if (g->kind == OC_TOK_OP)
				emit(l, OC_TOK_OP, '^', 0);
			struct oc_tok *t = emit(l, OC_TOK_NUM, g->d > 1, n);
			t->num = (struct oc_rat){g->n, g->d, NULL};
			t->integer = g->d == 1;
		} else {
			emit(l, g->kind, g->sub, n);
		}
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------- the rest */

/* ^\circ and ^{\circ} are degrees. */
static bool circle(struct lexer *l)
{
	size_t k = l->i + 1;
	bool brace = starts(l, k, "{");
	k += brace;
	if (starts(l, k, "\\circ"))
		k += 5;
	else if (starts(l, k, "\xC2\xB0"))
		k += 2;
	else
		return false;
	if (brace && !starts(l, k, "}"))
		return false;
	emit(l, OC_TOK_DEGREE, 0, k + brace - l->i);
	return true;
}

static void brace(struct lexer *l)
{
	struct oc_tok *t = last(l);
	/* braces behind a command, ^ or _ or another group are LaTeX's; elsewhere they may be a set
	 */
	bool group =
		t && (t->kind == OC_TOK_FRAC || t->kind == OC_TOK_FUNC || t->kind == OC_TOK_BOXED ||
	              (t->kind == OC_TOK_OP && (t->sub == '^' || t->sub == '_')) ||
	              (t->kind == OC_TOK_CLOSE && (t->sub == '}' || t->sub == ']')));
	if (l->brace_n == OC_MATH_DEPTH) {
		emit(l, OC_TOK_BAD, 0, 1);
		return;
	}
	l->braces[l->brace_n++] = group ? 'g' : 'S';
	l->nest += !group;
	emit(l, OC_TOK_OPEN, '{', 1);
}

static void close_brace(struct lexer *l)
{
	char kind = l->brace_n ? l->braces[--l->brace_n] : 'g';
	if (kind == 't') {
		l->text_n--;
		l->i++;
		l->space = true;
		return;
	}
	if (kind == 'S')
		l->nest -= l->nest > 0;
	emit(l, OC_TOK_CLOSE, '}', 1);
}

/* Whether unescaped `$` delimit mathematics: they come in pairs, and the last thing is one, or the
 * first is not followed by a digit. */
static bool delimiters(struct oc_str s)
{
	size_t n = 0, first = 0, end = s.len;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\') {
			i++;
		} else if (s.p[i] == '$') {
			if (n++ == 0)
				first = i;
		}
	}
	if (n == 0 || n % 2)
		return false;
	while (end && (s.p[end - 1] == '.' || s.p[end - 1] == ' '))
		end--;
	if (end && s.p[end - 1] == '$' && (end < 2 || s.p[end - 2] != '\\'))
		return true;
	return !(first + 1 < s.len && digit(s.p[first + 1]));
}

static void operator(struct lexer *l, char c)
{
	char c1 = peek(l, 1);
	switch (c) {
	case '+':
		if (c1 == '-' || starts(l, l->i, "+/-")) {
			emit(l, OC_TOK_PM, '+', c1 == '-' ? 2 : 3);
			return;
		}
		emit(l, OC_TOK_OP, c, 1);
		return;
	case '*': emit(l, OC_TOK_OP, c1 == '*' ? '^' : '*', c1 == '*' ? 2 : 1); return;
	case '^':
		if (!circle(l))
			emit(l, OC_TOK_OP, c, 1);
		return;
	case '=': emit(l, OC_TOK_REL, '=', c1 == '=' ? 2 : 1); return;
	case '<': emit(l, OC_TOK_REL, c1 == '=' ? 'L' : '<', c1 == '=' ? 2 : 1); return;
	case '>': emit(l, OC_TOK_REL, c1 == '=' ? 'G' : '>', c1 == '=' ? 2 : 1); return;
	case '!':
		emit(l, c1 == '=' ? OC_TOK_REL : OC_TOK_OP, c1 == '=' ? 'N' : '!',
		     c1 == '=' ? 2 : 1);
		return;
	case '~':
		if (l->m->tok_n == 0) {
			emit(l, OC_TOK_ABOUT, 0, 1);
		} else {
			l->i++;
			l->space = true;
		}
		return;
	case '.':
		if (c1 == '.') {
			size_t n = 2;
			while (peek(l, n) == '.')
				n++;
			emit(l, OC_TOK_ELLIPSIS, 0, n);
		} else if (l->i + 1 >= l->s.len || c1 == ' ' || c1 == '\n' || c1 == '$' ||
		           c1 == '}' || c1 == '\\') {
			l->i++; /* the end of a sentence */
			l->space = true;
		} else {
			emit(l, OC_TOK_BAD, 0, 1);
		}
		return;
	case '$':
		if (l->dollars) {
			l->i++;
			l->space = true;
		} else {
			emit(l, OC_TOK_CURRENCY, 0, 1)->text = OC_LIT("$");
		}
		return;
	default: emit(l, OC_TOK_BAD, 0, 1); return;
	}
}

bool oc_math_lex(struct oc_math *m, struct oc_str text)
{
	struct lexer l = {.m = m, .s = oc_str_trim(text)};

	m->tok_n = 0;
	m->pos = 0;
	if (l.s.len > OC_MATH_BYTES)
		return oc_math_fail(m, "too long for an answer");
	l.dollars = delimiters(l.s);
	while (l.i < l.s.len) {
		char c = l.s.p[l.i];
		if (m->tok_n + 4 > OC_MATH_TOKENS)
			return oc_math_fail(m, "too many tokens");
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			l.i++;
			l.space = true;
		} else if (digit(c) || (c == '.' && digit(peek(&l, 1)) && !after_operand(&l))) {
			if (!number(&l))
				return false;
		} else if (letter(c)) {
			word(&l);
		} else if (c & 0x80) {
			if (!sign(&l))
				word(&l);
		} else {
			switch (c) {
			case '\\': command(&l); break;
			case '(':
			case '[': open_bracket(&l, c, 1); break;
			case ')':
			case ']': close_bracket(&l, c, 1); break;
			case '{': brace(&l); break;
			case '}': close_brace(&l); break;
			case '-':
			case '/':
			case '_':
			case '|': emit(&l, OC_TOK_OP, c, 1); break;
			case ',':
			case ';': emit(&l, OC_TOK_SEP, c, 1); break;
			case ':': emit(&l, OC_TOK_COLON, 0, 1); break;
			case '%': emit(&l, OC_TOK_PERCENT, 0, 1); break;
			case '&': emit(&l, OC_TOK_CELL, 0, 1); break;
			default: operator(&l, c); break;
			}
		}
		if (m->tok_n && m->toks[m->tok_n - 1].kind == OC_TOK_BAD)
			return oc_math_fail(m, "a sign that is no mathematics we know");
	}
	emit(&l, OC_TOK_END, 0, 0);
	return true;
}
