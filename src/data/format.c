#include "data/format.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const names[OC_FORMAT_N] = {
	"alpaca", "messages", "sharegpt", "text", "prompt_completion", "question_answer",
};

/* The member that shows a format, and the one that must stand beside it. */
static const char *const marks[OC_FORMAT_N][2] = {
	{"instruction", NULL}, {"messages", NULL},       {"conversations", NULL},
	{"text", NULL},        {"prompt", "completion"}, {"question", "answer"},
};

const char *oc_format_name(enum oc_format f)
{
	return names[f];
}

const char *const *oc_format_members(enum oc_format f)
{
	static const char *const members[OC_FORMAT_N][4] = {
		[OC_FORMAT_ALPACA] = {"instruction", "input", "output"},
		[OC_FORMAT_MESSAGES] = {"messages"},
		[OC_FORMAT_SHAREGPT] = {"conversations"},
		[OC_FORMAT_TEXT] = {"text"},
		[OC_FORMAT_PROMPT_COMPLETION] = {"prompt", "completion"},
		[OC_FORMAT_QUESTION_ANSWER] = {"question", "answer"},
	};
	return members[f];
}

int oc_format_parse(struct oc_str name)
{
	for (int f = 0; f < OC_FORMAT_N; f++)
		if (oc_str_is(name, names[f]))
			return f;
	if (oc_str_is(name, "qa"))
		return OC_FORMAT_QUESTION_ANSWER;
	return oc_str_is(name, "completion") ? OC_FORMAT_PROMPT_COMPLETION : -1;
}

int oc_format_detect(yyjson_val *row)
{
	for (int f = 0; f < OC_FORMAT_N; f++)
		if (oc_json_get(row, marks[f][0]) &&
		    (!marks[f][1] || oc_json_get(row, marks[f][1])))
			return f;
	return -1;
}

/* ----------------------------------------------------------- the common form */

enum who { SYSTEM, USER, ASSISTANT };

static const char *const roles[] = {"system", "user", "assistant"};

struct turn {
	enum who who;
	struct oc_str text;
};

struct talk {
	struct oc_arena *arena;
	struct turn *turns;
	size_t turn_n;
	struct oc_str context; /* alpaca's input: a second part of the only question */
	struct oc_str text;    /* of the format text */
	bool is_text;
	yyjson_val *weight;
	struct oc_buf *why;
};

static int refuse(struct talk *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct talk *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	struct oc_buf text = {0};
	oc_buf_reserve(&text, 512);
	int n = vsnprintf(text.p, 512, fmt, args);
	va_end(args);
	oc_buf_add(t->why, text.p, n < 0 ? 0 : n < 511 ? (size_t)n : 511);
	oc_buf_fini(&text);
	return 0;
}

static const char *kind_of(yyjson_val *v)
{
	return yyjson_is_str(v)    ? "a string"
	       : yyjson_is_num(v)  ? "a number"
	       : yyjson_is_bool(v) ? "true or false"
	       : yyjson_is_arr(v)  ? "a list"
	       : yyjson_is_obj(v)  ? "an object"
	                           : "null";
}

static int weight_fits(struct talk *t, yyjson_val *row)
{
	t->weight = oc_json_get(row, "weight");
	if (t->weight && !yyjson_is_num(t->weight))
		return refuse(t, "`weight` is %s, a number was expected", kind_of(t->weight));
	return 1;
}

static int read_string(struct talk *t, yyjson_val *row, const char *key, struct oc_str *out)
{
	yyjson_val *v = oc_json_get(row, key);

	if (!v)
		return refuse(t, "`%s` is missing", key);
	if (!yyjson_is_str(v))
		return refuse(t, "`%s` is %s, a string was expected", key, kind_of(v));
	*out = oc_json_str(v);
	return 1;
}

static void add_turn(struct talk *t, enum who who, struct oc_str text)
{
	t->turns[t->turn_n++] = (struct turn){who, text};
}

static int read_pair(struct talk *t, yyjson_val *row, const char *ask, const char *answer)
{
	struct oc_str question, reply;

	if (!read_string(t, row, ask, &question) || !read_string(t, row, answer, &reply))
		return 0;
	t->turns = oc_arena_alloc(t->arena, 2 * sizeof *t->turns);
	add_turn(t, USER, question);
	add_turn(t, ASSISTANT, reply);
	return 1;
}

static int read_alpaca(struct talk *t, yyjson_val *row)
{
	yyjson_val *input = oc_json_get(row, "input");

	if (input && !yyjson_is_null(input) && !read_string(t, row, "input", &t->context))
		return 0;
	return read_pair(t, row, "instruction",
	                 oc_json_get(row, "output") || !oc_json_get(row, "response") ? "output"
	                                                                             : "response");
}

/* Content is a string, or a list of parts, of which only text can be carried over. */
static int read_content(struct talk *t, size_t at, yyjson_val *v, struct oc_str *out)
{
	struct oc_buf joined = {0};
	size_t i, max;
	yyjson_val *part;

	if (yyjson_is_str(v)) {
		*out = oc_json_str(v);
		return 1;
	}
	if (!yyjson_is_arr(v))
		return refuse(t, "turn %zu has no text", at + 1);
	yyjson_arr_foreach(v, i, max, part)
	{
		if (!oc_str_is(oc_json_get_str(part, "type"), "text") ||
		    !yyjson_is_str(oc_json_get(part, "text"))) {
			oc_buf_fini(&joined);
			return refuse(t, "turn %zu holds a part that is not text", at + 1);
		}
		oc_buf_str(&joined, oc_json_get_str(part, "text"));
	}
	*out = oc_arena_str(t->arena, oc_buf_view(&joined));
	oc_buf_fini(&joined);
	return 1;
}

static int role_of(struct oc_str s)
{
	if (oc_str_is(s, "system"))
		return SYSTEM;
	if (oc_str_is(s, "user") || oc_str_is(s, "human"))
		return USER;
	if (oc_str_is(s, "assistant") || oc_str_is(s, "gpt") || oc_str_is(s, "chatgpt"))
		return ASSISTANT;
	return -1;
}

static int read_turns(struct talk *t, yyjson_val *row, const char *list, const char *by,
                      const char *content)
{
	yyjson_val *turns = oc_json_get(row, list), *turn;
	size_t i, max;

	if (!yyjson_is_arr(turns) || !yyjson_arr_size(turns))
		return refuse(t, "`%s` is not a list of turns, or an empty one", list);
	t->turns = oc_arena_alloc(t->arena, yyjson_arr_size(turns) * sizeof *t->turns);
	yyjson_arr_foreach(turns, i, max, turn)
	{
		struct oc_str name = oc_json_get_str(turn, by), text;
		int who = role_of(name);

		if (who < 0)
			return refuse(t,
			              "turn %zu is by \"%.*s\": only system, user and assistant "
			              "can be carried over",
			              i + 1, (int)(name.len < 40 ? name.len : 40),
			              name.p ? name.p : "");
		yyjson_val *calls = oc_json_get(turn, "tool_calls");
		if (calls && !yyjson_is_null(calls))
			return refuse(t, "turn %zu calls a tool, which no other format can say",
			              i + 1);
		if (!read_content(t, i, oc_json_get(turn, content), &text))
			return 0;
		add_turn(t, (enum who)who, text);
	}
	return 1;
}

static int read_talk(struct talk *t, yyjson_val *row, enum oc_format from)
{
	if (!weight_fits(t, row))
		return 0;
	switch (from) {
	case OC_FORMAT_ALPACA: return read_alpaca(t, row);
	case OC_FORMAT_MESSAGES: return read_turns(t, row, "messages", "role", "content");
	case OC_FORMAT_SHAREGPT: return read_turns(t, row, "conversations", "from", "value");
	case OC_FORMAT_PROMPT_COMPLETION: return read_pair(t, row, "prompt", "completion");
	case OC_FORMAT_QUESTION_ANSWER: return read_pair(t, row, "question", "answer");
	case OC_FORMAT_TEXT: t->is_text = true; return read_string(t, row, "text", &t->text);
	case OC_FORMAT_N: break;
	}
	return refuse(t, "unknown format");
}

/* ----------------------------------------------------------------- writing */

static void put(struct oc_buf *b, const char *key, struct oc_str text)
{
	oc_buf_puts(b, b->p[b->len - 1] == '{' ? "\"" : ",\"");
	oc_buf_puts(b, key);
	oc_buf_puts(b, "\":");
	oc_buf_json(b, text);
}

static struct oc_str question(struct talk *t)
{
	struct oc_str ask = t->turns[0].text;

	if (!t->context.len)
		return ask;
	return oc_arena_printf(t->arena, "%.*s\n\n%.*s", OC_ARG(ask), OC_ARG(t->context));
}

/* One question and its answer, or a reason. */
static int is_single(struct talk *t, enum oc_format to)
{
	size_t questions = 0, answers = 0;

	if (t->is_text)
		return refuse(t, "a text has no roles: %s needs a question and an answer",
		              names[to]);
	for (size_t i = 0; i < t->turn_n; i++) {
		if (t->turns[i].who == SYSTEM)
			return refuse(t, "%s has no place for a system message", names[to]);
		questions += t->turns[i].who == USER;
		answers += t->turns[i].who == ASSISTANT;
	}
	if (questions != 1 || answers != 1)
		return refuse(t,
		              "%s holds one question and one answer, this conversation has %zu and "
		              "%zu",
		              names[to], questions, answers);
	if (t->turns[0].who != USER)
		return refuse(t, "the answer stands before the question");
	return 1;
}

static void write_messages(struct oc_buf *b, struct talk *t)
{
	oc_buf_puts(b, "\"messages\":[");
	for (size_t i = 0; i < t->turn_n; i++) {
		oc_buf_puts(b, i ? ",{" : "{");
		put(b, "role", oc_str(roles[t->turns[i].who]));
		put(b, "content", t->context.len && i == 0 ? question(t) : t->turns[i].text);
		oc_buf_putc(b, '}');
	}
	oc_buf_putc(b, ']');
}

static int write_talk(struct oc_buf *b, struct talk *t, enum oc_format from, enum oc_format to)
{
	oc_buf_putc(b, '{');
	switch (to) {
	case OC_FORMAT_ALPACA:
		if (!is_single(t, to))
			return 0;
		put(b, "instruction", t->turns[0].text);
		put(b, "input", t->context);
		put(b, "output", t->turns[1].text);
		break;
	case OC_FORMAT_MESSAGES:
		if (t->is_text)
			return refuse(t, "a text has no roles: messages need them");
		write_messages(b, t);
		break;
	case OC_FORMAT_SHAREGPT:
		return refuse(t, "sharegpt is only read: choose messages, which says the same");
	case OC_FORMAT_TEXT:
		/* Prompt and completion are one text by definition; for the others somebody would
		 * have to invent how roles look. */
		if (from != OC_FORMAT_PROMPT_COMPLETION && !t->is_text)
			return refuse(t,
			              "text has no roles, and how %s should look in it is a "
			              "choice: convert to prompt_completion first",
			              names[from]);
		if (!t->is_text)
			t->text = oc_arena_printf(t->arena, "%.*s%.*s", OC_ARG(t->turns[0].text),
			                          OC_ARG(t->turns[1].text));
		put(b, "text", t->text);
		break;
	case OC_FORMAT_PROMPT_COMPLETION:
		if (!is_single(t, to))
			return 0;
		put(b, "prompt", question(t));
		put(b, "completion", t->turns[1].text);
		break;
	case OC_FORMAT_QUESTION_ANSWER:
		if (!is_single(t, to))
			return 0;
		put(b, "question", question(t));
		put(b, "answer", t->turns[1].text);
		break;
	case OC_FORMAT_N: return refuse(t, "unknown format");
	}
	if (t->weight) {
		oc_buf_puts(b, ",\"weight\":");
		oc_json_write(b, t->weight);
	}
	oc_buf_putc(b, '}');
	return 1;
}

int oc_format_convert(const struct oc_row *row, enum oc_format from, enum oc_format to,
                      struct oc_buf *out, struct oc_buf *why)
{
	struct talk t = {.arena = row->arena, .why = why};
	size_t start = out->len;

	bool old_alpaca = from == OC_FORMAT_ALPACA &&
	                  (!oc_json_get(row->root, "output") || !oc_json_get(row->root, "input"));
	/* Within its own format a row may say more than the common form holds, tool calls say. */
	if (from == to && !old_alpaca && oc_json_get(row->root, marks[from][0])) {
		if (!weight_fits(&t, row->root))
			return 0;
		oc_buf_str(out, row->raw);
		return 1;
	}
	if (!read_talk(&t, row->root, from))
		return 0;
	if (write_talk(out, &t, from, to))
		return 1;
	out->len = start;
	return 0;
}
