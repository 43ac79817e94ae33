/* math_words.c: what the tokeniser looks up: names of functions, LaTeX commands, Unicode signs. */
#include "verify/math_lex.h"

static const struct {
	const char *name;
	uint8_t fn;
} functions[] = {
	{"sqrt", OC_FN_SQRT},     {"cbrt", OC_FN_CBRT},     {"abs", OC_FN_ABS},
	{"floor", OC_FN_FLOOR},   {"ceil", OC_FN_CEIL},     {"gcd", OC_FN_GCD},
	{"lcm", OC_FN_LCM},       {"min", OC_FN_MIN},       {"max", OC_FN_MAX},
	{"mod", OC_FN_MOD},       {"log", OC_FN_LOG},       {"ln", OC_FN_LN},
	{"exp", OC_FN_EXP},       {"binom", OC_FN_BINOM},   {"sin", OC_FN_OPAQUE},
	{"cos", OC_FN_OPAQUE},    {"tan", OC_FN_OPAQUE},    {"cot", OC_FN_OPAQUE},
	{"sec", OC_FN_OPAQUE},    {"csc", OC_FN_OPAQUE},    {"arcsin", OC_FN_OPAQUE},
	{"arccos", OC_FN_OPAQUE}, {"arctan", OC_FN_OPAQUE}, {"sinh", OC_FN_OPAQUE},
	{"cosh", OC_FN_OPAQUE},   {"tanh", OC_FN_OPAQUE},
};

int oc_math_function(struct oc_str w)
{
	for (size_t k = 0; k < sizeof functions / sizeof functions[0]; k++)
		if (oc_str_is(w, functions[k].name))
			return functions[k].fn;
	return OC_FN_NONE;
}

/* clang-format off */
static const struct oc_lex_command commands[] = {
	{"frac", OC_TOK_FRAC, 0},
	{"dfrac", OC_TOK_FRAC, 0},
	{"tfrac", OC_TOK_FRAC, 0},
	{"cfrac", OC_TOK_FRAC, 0},
	{"cdot", OC_TOK_OP, '*'},
	{"times", OC_TOK_OP, '*'},
	{"ast", OC_TOK_OP, '*'},
	{"div", OC_TOK_OP, '/'},
	{"pi", OC_TOK_PI, 0},
	{"infty", OC_TOK_INF, 0},
	{"emptyset", OC_TOK_EMPTY, 0},
	{"varnothing", OC_TOK_EMPTY, 0},
	{"le", OC_TOK_REL, 'L'},
	{"leq", OC_TOK_REL, 'L'},
	{"leqslant", OC_TOK_REL, 'L'},
	{"ge", OC_TOK_REL, 'G'},
	{"geq", OC_TOK_REL, 'G'},
	{"geqslant", OC_TOK_REL, 'G'},
	{"lt", OC_TOK_REL, '<'},
	{"gt", OC_TOK_REL, '>'},
	{"ne", OC_TOK_REL, 'N'},
	{"neq", OC_TOK_REL, 'N'},
	{"approx", OC_TOK_REL, 'A'},
	{"in", OC_TOK_REL, 'I'},
	{"cup", OC_TOK_SETOP, 'U'},
	{"cap", OC_TOK_SETOP, 'N'},
	{"setminus", OC_TOK_SETOP, '\\'},
	{"pm", OC_TOK_PM, '+'},
	{"mp", OC_TOK_PM, '-'},
	{"boxed", OC_TOK_BOXED, 0},
	{"fbox", OC_TOK_BOXED, 0},
	{"ldots", OC_TOK_ELLIPSIS, 0},
	{"dots", OC_TOK_ELLIPSIS, 0},
	{"cdots", OC_TOK_ELLIPSIS, 0},
	{"mid", OC_TOK_OP, '|'},
	{"vert", OC_TOK_OP, '|'},
	{"lvert", OC_TOK_OP, '|'},
	{"rvert", OC_TOK_OP, '|'},
	{"lfloor", OC_TOK_OPEN, 'F'},
	{"rfloor", OC_TOK_CLOSE, 'F'},
	{"lceil", OC_TOK_OPEN, 'C'},
	{"rceil", OC_TOK_CLOSE, 'C'},
	{"langle", OC_TOK_OPEN, '('},
	{"rangle", OC_TOK_CLOSE, ')'},
	{"lbrace", OC_TOK_OPEN, 'S'},
	{"rbrace", OC_TOK_CLOSE, 'S'},
	{"degree", OC_TOK_DEGREE, 0},
	{"left", OC_LEX_SKIP, 0},
	{"right", OC_LEX_SKIP, 0},
	{"big", OC_LEX_SKIP, 0},
	{"Big", OC_LEX_SKIP, 0},
	{"bigl", OC_LEX_SKIP, 0},
	{"bigr", OC_LEX_SKIP, 0},
	{"Bigl", OC_LEX_SKIP, 0},
	{"Bigr", OC_LEX_SKIP, 0},
	{"bigg", OC_LEX_SKIP, 0},
	{"quad", OC_LEX_SKIP, 0},
	{"qquad", OC_LEX_SKIP, 0},
	{"displaystyle", OC_LEX_SKIP, 0},
	{"textstyle", OC_LEX_SKIP, 0},
	{"limits", OC_LEX_SKIP, 0},
	{"therefore", OC_LEX_SKIP, 0},
	{"hline", OC_LEX_SKIP, 0},
	{"text", OC_LEX_TEXT, 0},
	{"textbf", OC_LEX_TEXT, 0},
	{"textit", OC_LEX_TEXT, 0},
	{"textrm", OC_LEX_TEXT, 0},
	{"mbox", OC_LEX_TEXT, 0},
	{"mathrm", OC_LEX_TEXT, 0},
	{"mathbf", OC_LEX_TEXT, 0},
	{"mathit", OC_LEX_TEXT, 0},
	{"mathsf", OC_LEX_TEXT, 0},
	{"mathbb", OC_LEX_TEXT, 0},
	{"mathcal", OC_LEX_TEXT, 0},
	{"operatorname", OC_LEX_TEXT, 0},
	{"rm", OC_LEX_SKIP, 0},
	{"begin", OC_LEX_BEGIN, 0},
	{"end", OC_LEX_END_ENV, 0},
};
/* clang-format on */

const struct oc_lex_command *oc_math_command(struct oc_str name)
{
	for (size_t k = 0; k < sizeof commands / sizeof commands[0]; k++)
		if (oc_str_is(name, commands[k].name))
			return &commands[k];
	return NULL;
}

static const char greek[] =
	" alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta kappa lambda mu nu xi "
	"rho "
	"sigma tau phi varphi chi psi omega Gamma Delta Theta Lambda Sigma Phi Psi Omega ell ";

bool oc_math_greek(struct oc_str name)
{
	char key[16];
	if (name.len > sizeof key - 3)
		return false;
	key[0] = ' ';
	memcpy(key + 1, name.p, name.len);
	key[name.len + 1] = ' ';
	key[name.len + 2] = 0;
	return strstr(greek, key) != NULL;
}

/* clang-format off */
static const struct oc_lex_sign signs[] = {
	{"\xC3\x97", OC_TOK_OP, '*', 0, 0},              /* × */
	{"\xC3\xB7", OC_TOK_OP, '/', 0, 0},              /* ÷ */
	{"\xC2\xB7", OC_TOK_OP, '*', 0, 0},              /* · */
	{"\xE2\x8B\x85", OC_TOK_OP, '*', 0, 0},          /* ⋅ */
	{"\xE2\x88\x97", OC_TOK_OP, '*', 0, 0},          /* ∗ */
	{"\xE2\x88\x92", OC_TOK_OP, '-', 0, 0},          /* − */
	{"\xE2\x80\x93", OC_TOK_OP, '-', 0, 0},          /* – */
	{"\xE2\x88\x95", OC_TOK_OP, '/', 0, 0},          /* ∕ */
	{"\xE2\x81\x84", OC_TOK_OP, '/', 0, 0},          /* ⁄ */
	{"\xE2\x88\x9A", OC_TOK_FUNC, OC_FN_SQRT, 0, 0}, /* √ */
	{"\xE2\x88\x9B", OC_TOK_FUNC, OC_FN_CBRT, 0, 0}, /* ∛ */
	{"\xCF\x80", OC_TOK_PI, 0, 0, 0},                /* π */
	{"\xE2\x88\x9E", OC_TOK_INF, 0, 0, 0},           /* ∞ */
	{"\xE2\x89\xA4", OC_TOK_REL, 'L', 0, 0},         /* ≤ */
	{"\xE2\xA9\xBD", OC_TOK_REL, 'L', 0, 0},         /* ⩽ */
	{"\xE2\x89\xA5", OC_TOK_REL, 'G', 0, 0},         /* ≥ */
	{"\xE2\xA9\xBE", OC_TOK_REL, 'G', 0, 0},         /* ⩾ */
	{"\xE2\x89\xA0", OC_TOK_REL, 'N', 0, 0},         /* ≠ */
	{"\xE2\x89\x88", OC_TOK_REL, 'A', 0, 0},         /* ≈ */
	{"\xE2\x88\x88", OC_TOK_REL, 'I', 0, 0},         /* ∈ */
	{"\xE2\x88\xAA", OC_TOK_SETOP, 'U', 0, 0},       /* ∪ */
	{"\xE2\x88\xA9", OC_TOK_SETOP, 'N', 0, 0},       /* ∩ */
	{"\xE2\x88\x85", OC_TOK_EMPTY, 0, 0, 0},         /* ∅ */
	{"\xC2\xB1", OC_TOK_PM, '+', 0, 0},              /* ± */
	{"\xE2\x88\x93", OC_TOK_PM, '-', 0, 0},          /* ∓ */
	{"\xC2\xB0", OC_TOK_DEGREE, 0, 0, 0},            /* ° */
	{"\xE2\x80\xA6", OC_TOK_ELLIPSIS, 0, 0, 0},      /* … */
	{"\xE2\x8C\x8A", OC_TOK_OPEN, 'F', 0, 0},
	{"\xE2\x8C\x8B", OC_TOK_CLOSE, 'F', 0, 0},
	{"\xE2\x8C\x88", OC_TOK_OPEN, 'C', 0, 0},
	{"\xE2\x8C\x89", OC_TOK_CLOSE, 'C', 0, 0},
	{"\xC2\xBD", OC_TOK_NUM, 0, 1, 2},
	{"\xC2\xBC", OC_TOK_NUM, 0, 1, 4},
	{"\xC2\xBE", OC_TOK_NUM, 0, 3, 4},
	{"\xE2\x85\x93", OC_TOK_NUM, 0, 1, 3},
	{"\xE2\x85\x94", OC_TOK_NUM, 0, 2, 3},
	{"\xE2\x85\x95", OC_TOK_NUM, 0, 1, 5},
	{"\xE2\x85\x9B", OC_TOK_NUM, 0, 1, 8},
	{"\xC2\xB2", OC_TOK_OP, '^', 2, 1},
	{"\xC2\xB3", OC_TOK_OP, '^', 3, 1},
	{"\xE2\x82\xAC", OC_TOK_CURRENCY, 'e', 0, 0}, /* € */
	{"\xC2\xA3", OC_TOK_CURRENCY, 'p', 0, 0},     /* £ */
	{"\xC2\xA5", OC_TOK_CURRENCY, 'y', 0, 0},     /* ¥ */
	{"\xE2\x82\xB9", OC_TOK_CURRENCY, 'r', 0, 0}, /* ₹ */
	{"\xC2\xA2", OC_TOK_CURRENCY, 'c', 0, 0},     /* ¢ */
};
/* clang-format on */

const struct oc_lex_sign *oc_math_sign(struct oc_str text)
{
	for (size_t k = 0; k < sizeof signs / sizeof signs[0]; k++)
		if (oc_str_starts(text, signs[k].utf8))
			return &signs[k];
	return NULL;
}
