#include "llm/llama_ask.h"

#include <limits.h>
#include <stdlib.h>
#include <yyjson.h>

#include "base/err.h"
#include "text/utf8.h"

#define STOPS_MAX 64

uint32_t oc_llama_tokens(struct oc_llama_session *s, struct oc_str text, int32_t **tokens)
{
	int32_t cap = (int32_t)(text.len / 2 + 16), bos = s->lib->llama_vocab_bos(s->vocab), n;
	bool add = true;
	char piece[64];

	/* a template that writes the first token out must not get it twice */
	int32_t len =
		bos < 0 ? 0
			: s->lib->llama_token_to_piece(s->vocab, bos, piece, sizeof piece, 0, true);
	if (len > 0 && (size_t)len <= text.len && memcmp(text.p, piece, (size_t)len) == 0)
		add = false;
	*tokens = oc_alloc((size_t)cap * sizeof **tokens);
	n = s->lib->llama_tokenize(s->vocab, text.len ? text.p : "", (int32_t)text.len, *tokens,
	                           cap, add, true);
	if (n < 0 && n != INT32_MIN) {
		*tokens = oc_realloc(*tokens, (size_t)-n * sizeof **tokens);
		n = s->lib->llama_tokenize(s->vocab, text.p, (int32_t)text.len, *tokens, -n, add,
		                           true);
	}
	return n > 0 ? (uint32_t)n : 0;
}

static int bad(struct oc_err *err, const char *what)
{
	return oc_fail(err, OC_INPUT, NULL, "%s", what);
}

/* A message's content: a string, or a list of {type: text, text}. */
static int content_of(struct oc_buf *b, yyjson_val *content, struct oc_err *err)
{
	size_t i, max;
	yyjson_val *part;

	if (yyjson_is_str(content)) {
		oc_buf_add(b, yyjson_get_str(content), yyjson_get_len(content));
	} else if (yyjson_is_arr(content)) {
		yyjson_arr_foreach(content, i, max, part)
		{
			yyjson_val *text = yyjson_obj_get(part, "text");
			if (!yyjson_is_str(text))
				return bad(err, "a local model reads text only: a message has a "
				                "part that is not text");
			oc_buf_add(b, yyjson_get_str(text), yyjson_get_len(text));
		}
	} else {
		return bad(err, "a message has no content");
	}
	if (b->len && memchr(b->p, 0, b->len))
		return bad(err, "a message contains a NUL character");
	return 0;
}

/* Puts the messages into the model's own chat template. */
static int chat_text(struct oc_buf *out, struct oc_llama_session *s, yyjson_val *messages,
                     struct oc_err *err)
{
	const char *template = s->lib->llama_model_chat_template(s->model, NULL);
	size_t n = yyjson_arr_size(messages), i, max;
	struct oc_llama_message *list = oc_zalloc(n + 1, sizeof *list);
	struct oc_buf *texts = oc_zalloc(n + 1, sizeof *texts);
	yyjson_val *m;
	int status = -1;
	size_t total = 0;

	if (!n) {
		bad(err, "messages is empty or not a list");
		goto out;
	}
	if (!template) {
		bad(err, "this model has no chat template (a base model?): use completions, that "
		         "is a step with `prompt:` instead of messages");
		goto out;
	}
	yyjson_arr_foreach(messages, i, max, m)
	{
		yyjson_val *role = yyjson_obj_get(m, "role");
		if (!yyjson_is_str(role)) {
			bad(err, "a message has no role");
			goto out;
		}
		if (content_of(&texts[i], yyjson_obj_get(m, "content"), err))
			goto out;
		list[i] = (struct oc_llama_message){yyjson_get_str(role), oc_buf_cstr(&texts[i])};
		total += texts[i].len + 64;
	}
	for (;;) {
		if (total > INT32_MAX / 2) {
			bad(err, "the messages are too long");
			goto out;
		}
		oc_buf_reserve(out, total);
		int32_t len = s->lib->llama_chat_apply_template(template, list, n, true, out->p,
		                                                (int32_t)total);
		if (len < 0) {
			bad(err, "llama.cpp does not know this model's chat template: use "
			         "completions, that is a step with `prompt:` instead of messages");
			goto out;
		}
		if ((size_t)len <= total) {
			out->len = (size_t)len;
			break;
		}
		total = (size_t)len;
	}
	status = 0;
out:
	for (i = 0; i < n; i++)
		oc_buf_fini(&texts[i]);
	free(texts);
	free(list);
	return status;
}

static int read_bias(struct oc_ask *a, yyjson_val *bias, struct oc_err *err)
{
	size_t i, max;
	yyjson_val *key, *v;

	a->sample.bias = oc_zalloc(yyjson_obj_size(bias) + 1, sizeof *a->sample.bias);
	yyjson_obj_foreach(bias, i, max, key, v)
	{
		char *end;
		long token = strtol(yyjson_get_str(key), &end, 10);
		if (*end || token < 0 || token > INT32_MAX || !yyjson_is_num(v))
			return bad(err, "logit_bias wants {\"token number\": bias}");
		a->sample.bias[a->sample.bias_n++] =
			(struct oc_token_bias){(int32_t)token, yyjson_get_num(v)};
	}
	return 0;
}

static int read_stops(struct oc_ask *a, yyjson_val *stop, struct oc_err *err)
{
	size_t n = yyjson_is_arr(stop) ? yyjson_arr_size(stop) : 1;

	if (n > STOPS_MAX)
		return bad(err, "more than 64 stop strings");
	a->stops = oc_zalloc(n + 1, sizeof *a->stops);
	for (size_t i = 0; i < n; i++) {
		yyjson_val *v = yyjson_is_arr(stop) ? yyjson_arr_get(stop, i) : stop;
		if (!yyjson_is_str(v))
			return bad(err, "stop wants a string or a list of strings");
		struct oc_str text = {yyjson_get_str(v), yyjson_get_len(v)};
		if (!text.len)
			continue;
		a->stops[a->stop_n++] = text;
		if (text.len > a->stop_max)
			a->stop_max = text.len;
	}
	return 0;
}

/* Numbers among the members: where they go and what they may be. */
static int read_number(struct oc_ask *a, const char *key, yyjson_val *v, struct oc_err *err)
{
	const struct {
		const char *key;
		double *at, min, max;
	} table[] = {
		{"temperature", &a->sample.temperature, 0, 100},
		{"top_p", &a->sample.top_p, 0, 1},
		{"min_p", &a->sample.min_p, 0, 1},
		{"presence_penalty", &a->sample.presence, -100, 100},
		{"frequency_penalty", &a->sample.frequency, -100, 100},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (strcmp(key, table[i].key) != 0)
			continue;
		double number = yyjson_get_num(v);
		if (!yyjson_is_num(v) || !(number >= table[i].min && number <= table[i].max))
			return oc_fail(err, OC_INPUT, NULL, "%s must be a number from %g to %g",
			               key, table[i].min, table[i].max);
		*table[i].at = number;
		return 1;
	}
	return 0;
}

/* Everything but the prompt. */
static int read_members(struct oc_ask *a, yyjson_val *root, struct oc_err *err)
{
	static const char *const harmless[] = {"messages", "prompt", "model", "user", "seed"};
	size_t i, max;
	yyjson_val *key, *v;

	yyjson_obj_foreach(root, i, max, key, v)
	{
		const char *k = yyjson_get_str(key);
		bool known = false;
		for (size_t j = 0; j < sizeof harmless / sizeof *harmless; j++)
			known |= strcmp(k, harmless[j]) == 0;
		if (known || yyjson_is_null(v))
			continue;
		int got = read_number(a, k, v, err);
		if (got < 0)
			return -1;
		if (got)
			continue;
		if (strcmp(k, "max_tokens") == 0 || strcmp(k, "max_completion_tokens") == 0) {
			if (!yyjson_is_uint(v) || !yyjson_get_uint(v) ||
			    yyjson_get_uint(v) > INT32_MAX)
				return bad(err, "max_tokens must be a number of tokens");
			a->max_tokens = (uint32_t)yyjson_get_uint(v);
		} else if (strcmp(k, "top_k") == 0) {
			if (!yyjson_is_int(v) || yyjson_get_sint(v) < -1 ||
			    yyjson_get_sint(v) > INT32_MAX)
				return bad(err, "top_k must be a number of tokens, 0 for all");
			a->sample.top_k = yyjson_get_sint(v) < 0 ? 0 : (uint32_t)yyjson_get_sint(v);
		} else if (strcmp(k, "stop") == 0) {
			if (read_stops(a, v, err))
				return -1;
		} else if (strcmp(k, "logit_bias") == 0) {
			if (read_bias(a, v, err))
				return -1;
		} else if (strcmp(k, "ignore_eos") == 0) {
			a->ignore_eos = yyjson_is_true(v);
		} else if (strcmp(k, "n") == 0) {
			if (!yyjson_is_uint(v) || yyjson_get_uint(v) != 1)
				return bad(err, "n must be 1: samples are requests of their own");
		} else if (strcmp(k, "stream") == 0) {
			if (!yyjson_is_false(v))
				return bad(err, "a local model does not stream");
		} else {
			return oc_fail(err, OC_INPUT, NULL,
			               "a local model does not understand `%s`: take it out of the "
			               "step, or use an endpoint",
			               k);
		}
	}
	return 0;
}

static int read_prompt(struct oc_ask *a, struct oc_llama_session *s, yyjson_val *root,
                       struct oc_err *err)
{
	struct oc_buf text = {0};
	int status = -1;

	if (a->kind == OC_CALL_CHAT) {
		if (chat_text(&text, s, yyjson_obj_get(root, "messages"), err))
			goto out;
	} else {
		yyjson_val *prompt = yyjson_obj_get(root, "prompt");
		if (!yyjson_is_str(prompt)) {
			bad(err, "prompt must be a string");
			goto out;
		}
		oc_buf_add(&text, yyjson_get_str(prompt), yyjson_get_len(prompt));
	}
	if (text.len > INT32_MAX / 4) {
		bad(err, "the prompt is too long");
		goto out;
	}
	a->prompt_n = oc_llama_tokens(s, oc_buf_view(&text), &a->prompt);
	if (!a->prompt_n) {
		bad(err, "the prompt is empty");
		goto out;
	}
	if (a->prompt_n >= s->length) {
		oc_fail(err, OC_INPUT, NULL,
		        "the prompt has %u tokens, the context %u: raise `context:` of the model "
		        "or "
		        "shorten the prompt",
		        a->prompt_n, s->length);
		goto out;
	}
	if (!a->max_tokens)
		a->max_tokens = s->length - a->prompt_n;
	if (a->max_tokens > s->length - a->prompt_n) {
		oc_fail(err, OC_INPUT, NULL,
		        "prompt (%u tokens) and max_tokens (%u) do not fit the context of %u: "
		        "raise "
		        "`context:` of the model or lower `max_tokens:`",
		        a->prompt_n, a->max_tokens, s->length);
		goto out;
	}
	status = 0;
out:
	oc_buf_fini(&text);
	return status;
}

int oc_ask_read(struct oc_ask **out, struct oc_llama_session *s, const struct oc_llama_ask *head,
                struct oc_str body, struct oc_err *err)
{
	struct oc_ask *a = oc_zalloc(1, sizeof *a);
	struct oc_rng rng;
	yyjson_read_err why;

	*out = NULL;
	a->id = head->id;
	a->kind = (enum oc_call_kind)head->kind;
	a->max_tokens = head->max_tokens;
	a->sample.temperature = a->sample.top_p = 1;
	oc_rng_init(&rng, head->seed, "llm.sample");
	oc_draws_init(&a->draws, &rng, 0);
	a->doc = yyjson_read_opts((char *)(uintptr_t)body.p, body.len, 0, NULL, &why);
	yyjson_val *root = yyjson_doc_get_root(a->doc);
	if (!yyjson_is_obj(root)) {
		bad(err, a->doc ? "the request is not an object" : why.msg);
	} else if (a->kind == OC_CALL_EMBED) {
		bad(err, "a local model makes no embeddings: name an endpoint for this step");
	} else if (!read_members(a, root, err) && !read_prompt(a, s, root, err)) {
		*out = a;
		return 0;
	}
	oc_ask_free(a);
	return -1;
}

void oc_ask_free(struct oc_ask *a)
{
	if (!a)
		return;
	yyjson_doc_free(a->doc);
	oc_token_counts_fini(&a->counts);
	oc_buf_fini(&a->text);
	free(a->sample.bias);
	free(a->stops);
	free(a->prompt);
	free(a);
}

/* Cuts the text at the first stop string that the new bytes completed. */
static bool stopped(struct oc_ask *a, size_t old_len)
{
	size_t from = old_len > a->stop_max ? old_len - a->stop_max : 0;
	struct oc_str tail = {a->text.p + from, a->text.len - from};
	ptrdiff_t first = -1;

	for (uint32_t i = 0; i < a->stop_n; i++) {
		ptrdiff_t at = oc_str_find(tail, a->stops[i]);
		if (at >= 0 && (first < 0 || at < first))
			first = at;
	}
	if (first >= 0)
		a->text.len = from + (size_t)first;
	return first >= 0;
}

int32_t oc_ask_draw(struct oc_ask *a, struct oc_llama_session *s, struct oc_sampler *sampler,
                    const float *logits)
{
	int32_t token =
		oc_sampler_draw(sampler, logits, &a->sample, &a->counts, oc_draw_unit(&a->draws));
	size_t old_len = a->text.len, cap = 64;

	a->said_n++;
	if (s->lib->llama_vocab_is_eog(s->vocab, token) && !a->ignore_eos) {
		a->finish = "stop";
		return token;
	}
	oc_token_counts_add(&a->counts, token);
	for (;;) {
		oc_buf_reserve(&a->text, cap);
		int32_t len = s->lib->llama_token_to_piece(s->vocab, token, a->text.p + old_len,
		                                           (int32_t)cap, 0, false);
		if (len >= 0) {
			a->text.len += (size_t)len;
			break;
		}
		cap = (size_t)-len;
	}
	if (a->stop_n && stopped(a, old_len))
		a->finish = "stop";
	else if (a->said_n >= a->max_tokens)
		a->finish = "length";
	return token;
}

void oc_ask_reply(struct oc_buf *b, const struct oc_ask *a, const char *fingerprint)
{
	struct oc_arena *arena = oc_arena_new();
	struct oc_str text = oc_buf_view(&a->text);

	/* a piece may end inside a character: at the limit it stays unfinished, and is cut */
	struct oc_str whole = {text.p, text.len};
	for (int back = 1; back <= 3 && (size_t)back <= text.len; back++) {
		unsigned char c = (unsigned char)text.p[text.len - (size_t)back];
		if ((c & 0xC0) == 0x80)
			continue;
		int need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
		if (need > back)
			whole.len = text.len - (size_t)back;
		break;
	}
	text = oc_utf8_repair(arena, whole);
	oc_buf_printf(b, "{\"object\":\"%s\",\"choices\":[{\"index\":0,",
	              a->kind == OC_CALL_CHAT ? "chat.completion" : "text_completion");
	oc_buf_puts(b, a->kind == OC_CALL_CHAT ? "\"message\":{\"role\":\"assistant\",\"content\":"
	                                       : "\"text\":");
	oc_buf_json(b, text);
	oc_buf_printf(b, "%s,\"finish_reason\":\"%s\"}],", a->kind == OC_CALL_CHAT ? "}" : "",
	              a->finish);
	oc_buf_printf(b,
	              "\"usage\":{\"prompt_tokens\":%u,\"completion_tokens\":%u,"
	              "\"total_tokens\":%u},\"system_fingerprint\":",
	              a->prompt_n, a->said_n, a->prompt_n + a->said_n);
	oc_buf_json(b, oc_str(fingerprint));
	oc_buf_putc(b, '}');
	oc_arena_free(arena);
}

void oc_ask_error(struct oc_buf *b, const char *message)
{
	oc_buf_puts(b, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":");
	oc_buf_json(b, oc_str(message));
	oc_buf_puts(b, "}}");
}
