/*
 * math.c: the stage `math`: is the answer of this row right?
 *
 * The true answer comes from a field (`gold`), from an expression in a field (`expression`) or from
 * the one calculation that the question asks for (`question`). Where there is none of them, a
 * solution is judged by its own calculations: all right and ending in its final answer makes it
 * `consistent`, which says nothing about the reasoning.
 */
#include "verify/math.h"

#include <stdlib.h>

#include "base/err.h"
#include "data/row.h"

struct stage {
	const char *name;
	struct oc_str answer, gold, question, expression;
	struct oc_math_opts opts;
	bool check_steps, only_steps, drop_steps, repair;
	enum { HOLD, DROP, KEEP } undecided;
	char *text; /* of the strings above */
};

struct work {
	struct oc_math *m;
	struct oc_buf evidence, value, what;
};

static const struct oc_option options[] = {
	{.key = "answer",
         .type = OC_OPT_FIELD,
         .def = "answer",
         .help = "field with the answer or solution that is judged"},
	{.key = "gold",
         .type = OC_OPT_FIELD,
         .help = "field with the true answer, or with an expression whose value it is"},
	{.key = "question",
         .type = OC_OPT_FIELD,
         .def = "question",
         .help = "field in which to look for the calculation asked for, when there is no gold"},
	{.key = "expression",
         .type = OC_OPT_FIELD,
         .help = "field with the expression whose value is the true answer"},
	{.key = "calculations",
         .type = OC_OPT_ENUM,
         .choices = "check|ignore|only",
         .def = "check",
         .help = "check the calculations written inside the answer (`12 * 7 = 84`), or only them"},
	{.key = "on_wrong_step",
         .type = OC_OPT_ENUM,
         .choices = "flag|drop",
         .def = "drop",
         .help = "what a wrong calculation inside an answer does to its row"},
	{.key = "last_number",
         .type = OC_OPT_BOOL,
         .def = "false",
         .help = "without a final-answer marker, take the last number of the text"},
	{.key = "tolerance",
         .type = OC_OPT_ENUM,
         .choices = "none|last_digit",
         .def = "none",
         .help = "allow half a unit of the last digit of a decimal gold"},
	{.key = "percent",
         .type = OC_OPT_ENUM,
         .choices = "loose|strict",
         .def = "loose",
         .help = "loose: 5% equals 5 too, where the sign stands on one side only; strict: 0.05 "
                 "only"},
	{.key = "wrong",
         .type = OC_OPT_ENUM,
         .choices = "drop|repair",
         .def = "drop",
         .help = "drop a wrong answer, or put the calculator's result in its place"},
	{.key = "undecided",
         .type = OC_OPT_ENUM,
         .choices = "hold|drop|keep",
         .def = "hold",
         .help = "what becomes of rows that cannot be decided, or have no answer"},
	{.key = NULL},
};

static struct oc_str field(yyjson_val *opts, const char *key, char **room)
{
	struct oc_str s = oc_json_get_str(opts, key);
	struct oc_str out = {*room, s.len};
	if (s.len)
		memcpy(*room, s.p, s.len);
	*room += s.len;
	return out;
}

static int open_math(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	static const char *const fields[] = {"answer", "gold", "question", "expression"};
	struct stage *st = oc_zalloc(1, sizeof *st);
	size_t room = 1;

	for (size_t i = 0; i < 4; i++)
		room += oc_json_get_str(opts, fields[i]).len;
	st->text = oc_alloc(room);
	char *p = st->text;
	st->answer = field(opts, "answer", &p);
	st->gold = field(opts, "gold", &p);
	st->question = field(opts, "question", &p);
	st->expression = field(opts, "expression", &p);
	st->name = env->name;
	st->opts.size = sizeof st->opts;
	st->opts.last_number = oc_json_get_bool(opts, "last_number", false);
	st->opts.last_digit = oc_str_is(oc_json_get_str(opts, "tolerance"), "last_digit");
	st->opts.percent_strict = oc_str_is(oc_json_get_str(opts, "percent"), "strict");
	struct oc_str steps = oc_json_get_str(opts, "calculations");
	st->only_steps = oc_str_is(steps, "only");
	st->check_steps = !oc_str_is(steps, "ignore");
	st->drop_steps = !oc_str_is(oc_json_get_str(opts, "on_wrong_step"), "flag");
	st->repair = oc_str_is(oc_json_get_str(opts, "wrong"), "repair");
	struct oc_str undecided = oc_json_get_str(opts, "undecided");
	st->undecided = oc_str_is(undecided, "drop")   ? DROP
	                : oc_str_is(undecided, "keep") ? KEEP
	                                               : HOLD;
	*self = st;
	if (st->repair && memchr(st->answer.p, '.', st->answer.len)) {
		free(st->text);
		free(st);
		return oc_fail(err, OC_USAGE, env->name,
		               "wrong: repair can only write a member at the top of a row, not "
		               "`%s`; use wrong: drop",
		               oc_json_get_str(opts, "answer").p);
	}
	return 0;
}

static void close_math(void *self)
{
	struct stage *st = self;
	if (!st)
		return;
	free(st->text);
	free(st);
}

static void *scratch_new(void *self)
{
	(void)self;
	struct work *w = oc_zalloc(1, sizeof *w);
	w->m = oc_math_new();
	return w;
}

static void scratch_free(void *scratch)
{
	struct work *w = scratch;
	oc_math_free(w->m);
	oc_buf_fini(&w->evidence);
	oc_buf_fini(&w->value);
	oc_buf_fini(&w->what);
	free(w);
}

/* Long answers are cut, at a character's start. */
static struct oc_str clip(struct oc_str s)
{
	size_t n = s.len < 200 ? s.len : 200;
	while (n < s.len && n && oc_utf8_continues(s.p[n]))
		n--;
	return (struct oc_str){s.p, n};
}

static struct oc_str evidence(struct work *w, struct oc_str answer, struct oc_str gold, size_t at,
                              const char *why)
{
	struct oc_buf *b = &w->evidence;
	b->len = 0;
	oc_buf_puts(b, "{\"answer\":");
	oc_buf_json(b, clip(answer));
	oc_buf_puts(b, ",\"gold\":");
	oc_buf_json(b, clip(gold));
	oc_buf_printf(b, ",\"at\":%zu,\"why\":", at);
	oc_buf_json(b, oc_str(why ? why : ""));
	oc_buf_putc(b, '}');
	return oc_buf_view(b);
}

static void undecided(const struct stage *st, struct oc_row *row, const char *rule,
                      struct oc_str proof)
{
	if (st->undecided == DROP)
		oc_row_reject(row, st->name, rule, proof);
	else if (st->undecided == HOLD)
		oc_row_hold(row, st->name, rule, proof);
	else
		oc_row_verdict(row, st->name, rule, OC_FLAG, proof);
}

/* The calculator's result into the answer's place; a number stays a number. */
static int repair(const struct stage *st, struct work *w, struct oc_row *row, struct oc_str old,
                  struct oc_str gold, struct oc_str proof, struct oc_err *err)
{
	yyjson_val *was = oc_json_path(row->root, st->answer);
	struct oc_buf json = {0};
	struct oc_str by = oc_str(st->name);
	int rc;

	w->value.len = 0;
	if (!oc_math_eval(w->m, gold, &w->value, NULL))
		oc_buf_str(&w->value, gold);
	struct oc_str value = oc_buf_view(&w->value);
	w->what.len = 0;
	oc_buf_puts(&w->what, "answer ");
	oc_buf_str(&w->what, clip(old));
	oc_buf_puts(&w->what, " replaced by ");
	oc_buf_str(&w->what, value);
	if (yyjson_is_num(was) && !memchr(value.p, '/', value.len))
		oc_buf_str(&json, value);
	else
		oc_buf_json(&json, value);
	oc_row_verdict(row, st->name, "wrong_answer", OC_CHANGED, proof);
	rc = oc_row_set(row, st->answer, oc_buf_view(&json), err);
	if (rc == 0)
		oc_row_edited(row, by, oc_buf_view(&w->what));
	oc_buf_fini(&json);
	return rc;
}

/* Wrong calculations inside the answer. True: the row fell. */
static bool steps_fall(const struct stage *st, struct work *w, struct oc_row *row,
                       struct oc_str text, size_t *right, struct oc_str *last)
{
	const struct oc_math_step *step;
	size_t n = oc_math_steps(w->m, text, &step);
	const struct oc_math_step *wrong = NULL;

	*right = 0;
	for (size_t i = 0; i < n; i++) {
		if (step[i].result == OC_MATH_STEP_WRONG && !wrong)
			wrong = &step[i];
		*right += step[i].result == OC_MATH_STEP_RIGHT ||
		          step[i].result == OC_MATH_STEP_ROUNDED;
		*last = step[i].text;
	}
	if (!wrong)
		return false;
	struct oc_str proof =
		evidence(w, wrong->text, wrong->value, wrong->at, "a calculation is wrong");
	if (st->drop_steps || st->only_steps) {
		if (!st->drop_steps)
			oc_row_verdict(row, st->name, "wrong_step", OC_FLAG, proof);
		else
			oc_row_reject(row, st->name, "wrong_step", proof);
		return st->drop_steps;
	}
	oc_row_verdict(row, st->name, "wrong_step", OC_FLAG, proof);
	return false;
}

static unsigned numbers_in(struct oc_str s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] >= '0' && s.p[i] <= '9' &&
		     (i == 0 || !((s.p[i - 1] >= '0' && s.p[i - 1] <= '9') || s.p[i - 1] == '.' ||
		                  s.p[i - 1] == ','));
	return n;
}

#define ASKED_BYTES 80 /* of a question besides its calculation */

/*
 * "What is 34 * 12?" asks for its calculation. "She gave 1/2 of her 12 clips to 3 friends" holds
 * one in a story with other numbers, and what it asks for is something else.
 */
static bool is_asked(struct oc_str question, struct oc_str expression)
{
	return question.len <= expression.len + ASKED_BYTES &&
	       numbers_in(question) <= numbers_in(expression);
}

/* Where the true answer comes from; false: from nowhere. */
static bool find_gold(const struct stage *st, struct work *w, struct oc_row *row,
                      struct oc_str *gold)
{
	struct oc_str text;
	if (st->gold.len)
		return oc_row_field(row, st->gold, gold);
	if (st->expression.len)
		return oc_row_field(row, st->expression, gold);
	w->value.len = 0;
	if (!st->question.len || !oc_row_field(row, st->question, &text) ||
	    !oc_math_find(w->m, text, &w->value) || !is_asked(text, oc_buf_view(&w->value)))
		return false;
	*gold = oc_arena_str(row->arena, oc_buf_view(&w->value));
	return true;
}

static int judge(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct stage *st = self;
	struct work *w = scratch;
	struct oc_str answer, gold = {0}, last = {0}, none = {0};
	struct oc_math_verdict v;
	size_t right = 0;

	if (!oc_row_field(row, st->answer, &answer) || oc_str_trim(answer).len == 0) {
		undecided(st, row, "no_answer",
		          evidence(w, none, none, 0, "the answer field is empty"));
		return 0;
	}
	if (st->only_steps) {
		if (!steps_fall(st, w, row, answer, &right, &last) && right)
			oc_row_verdict(row, st->name, "right_steps", OC_KEEP, none);
		return 0;
	}
	bool has_gold = find_gold(st, w, row, &gold);
	if (has_gold) {
		oc_math_check(w->m, answer, gold, &st->opts, &v);
		if (v.result == OC_MATH_DIFFERENT) {
			struct oc_str proof = evidence(w, v.answer, v.gold, v.at, v.reason);
			if (st->repair)
				return repair(st, w, row, v.answer, v.gold, proof, err);
			oc_row_reject(row, st->name, "wrong_answer", proof);
			return 0;
		}
	}
	if (st->check_steps || !has_gold) {
		struct oc_math_verdict keep = has_gold ? v : (struct oc_math_verdict){0};
		if (steps_fall(st, w, row, answer, &right, &last))
			return 0;
		v = keep;
	}
	if (has_gold) {
		struct oc_str proof = evidence(w, v.answer, v.gold, v.at, v.reason);
		if (v.result == OC_MATH_EQUAL)
			oc_row_verdict(row, st->name, "equal", OC_KEEP, proof);
		else
			undecided(st, row, v.found ? "undecided" : "no_answer", proof);
		return 0;
	}
	if (st->gold.len || st->expression.len) {
		undecided(st, row, "undecided",
		          evidence(w, answer, none, 0, "no true answer in the row"));
		return 0;
	}
	/* judged by its own calculations: the last one must state the final answer */
	if (right && oc_math_check(w->m, answer, last, &st->opts, &v) == OC_MATH_EQUAL) {
		oc_row_verdict(row, st->name, "consistent", OC_KEEP,
		               evidence(w, v.answer, last, v.at, "its calculations are right"));
		return 0;
	}
	undecided(st, row, "undecided",
	          evidence(w, answer, none, 0, "nothing to compare the answer with"));
	return 0;
}

extern const struct oc_stage_def oc_stage_math;
const struct oc_stage_def oc_stage_math = {
	.size = sizeof(struct oc_stage_def),
	.name = "math",
	.help = "decide by exact arithmetic whether an answer is right",
	.doc = "Compares the final answer of the row (`#### 5`, `\\boxed{5}`, \"the answer is "
	       "5\", or a text that is an answer) with the true one and checks the "
	       "calculations written on the way. Rules: `equal`, `consistent`, "
	       "`wrong_answer`, `wrong_step`, `undecided`, `no_answer`. Nothing is decided "
	       "by floating point; what cannot be proven is `undecided` and never passes in "
	       "silence. Evidence: {answer, gold, at, why}, `at` being the byte in the "
	       "answer's text. doc/compat-math.md lists what counts as equal.\n\n"
	       "Example: {\"question\": \"What is 65 + 8?\", \"answer\": \"72\"} falls as "
	       "`wrong_answer`, since 65 + 8 is 73.\n\n"
	       "Cost: 2 to 3 us a row. Source: rules of its own, compared with Math-Verify's "
	       "in doc/compat-math.md.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.open = open_math,
	.close = close_math,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.row = judge,
};
