#include "llm/body.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "llm/store.h"

#define KEY_VERSION 1

/* ---------------------------------------------------------------- requests */

struct member {
	struct oc_str key;
	yyjson_val *val;
};

static int by_key(const void *a, const void *b)
{
	return oc_str_cmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static bool among(struct oc_str key, const char *const *names)
{
	for (; *names; names++)
		if (oc_str_is(key, *names))
			return true;
	return false;
}

/* Set by us or never sent: one reply an exchange, not streamed, seeded from the key. */
static const char *const ours[] = {"model", "seed", "n", "stream", "stream_options", NULL};
/* Who asks and how it is billed does not change the answer. */
static const char *const unkeyed[] = {"user", "metadata", "store", "service_tier", NULL};

int oc_body_make(struct oc_arena *a, struct oc_str members, const char *model, yyjson_val *extra,
                 struct oc_body *out, struct oc_err *err)
{
	yyjson_val *root = oc_json_parse(a, members, err), *key, *val;
	struct oc_buf canonical = {0}, rest = {0};
	struct member *m;
	size_t n = 0, i, max;

	if (!root)
		return oc_fail_in(err, "request");
	if (!yyjson_is_obj(root))
		return oc_fail(err, OC_INTERNAL, "request", "the body is not a JSON object");
	m = oc_arena_alloc(a, (yyjson_obj_size(root) + yyjson_obj_size(extra) + 1) * sizeof *m);
	yyjson_obj_foreach(root, i, max, key, val)
	{
		struct oc_str k = oc_json_str(key);
		if (!among(k, ours) && (!extra || !yyjson_obj_getn(extra, k.p, k.len)))
			m[n++] = (struct member){k, val};
	}
	if (extra) {
		yyjson_obj_foreach(extra, i, max, key, val)
		{
			if (!yyjson_is_null(val) && !among(oc_json_str(key), ours))
				m[n++] = (struct member){oc_json_str(key), val};
		}
	}
	if (model)
		m[n++] = (struct member){OC_LIT("model"), NULL};
	qsort(m, n, sizeof *m, by_key);
	oc_buf_putc(&canonical, '{');
	for (i = 0; i < n; i++) {
		bool side = among(m[i].key, unkeyed);
		struct oc_buf *b = side ? &rest : &canonical;
		if (side || b->len > 1)
			oc_buf_putc(b, ',');
		oc_buf_json(b, m[i].key);
		oc_buf_putc(b, ':');
		if (m[i].val)
			oc_json_canonical(b, m[i].val);
		else
			oc_buf_json(b, oc_str(model));
	}
	oc_buf_putc(&canonical, '}');
	out->canonical = oc_arena_str(a, oc_buf_view(&canonical));
	out->rest = oc_arena_str(a, oc_buf_view(&rest));
	oc_buf_fini(&canonical);
	oc_buf_fini(&rest);
	return 0;
}

void oc_body_write(struct oc_buf *out, const struct oc_body *b, int64_t seed)
{
	oc_buf_add(out, b->canonical.p, b->canonical.len - 1);
	if (b->canonical.len == 2 && b->rest.len)
		oc_buf_add(out, b->rest.p + 1, b->rest.len - 1); /* no comma behind '{' */
	else
		oc_buf_str(out, b->rest);
	if (seed >= 0)
		oc_buf_printf(out, "%s\"seed\":%lld",
		              b->canonical.len > 2 || b->rest.len ? "," : "", (long long)seed);
	oc_buf_putc(out, '}');
}

uint64_t oc_body_tokens_max(struct oc_str s)
{
	static const char image[] = "data:image/";
	uint64_t halves = 2 * 64;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i], low = c | 0x20;
		if (c == 'd' && s.len - i > sizeof image &&
		    memcmp(s.p + i, image, sizeof image - 1) == 0) {
			const char *end = memchr(s.p + i, '"', s.len - i);
			halves += 2 * 4096;
			i = end ? (size_t)(end - s.p) : s.len;
			continue;
		}
		halves += (low >= 'a' && low <= 'z') || c == ' ' ? 1 : 2;
	}
	return (halves + 1) / 2;
}

/* ----------------------------------------------------------------- replies */

/* Bytes of the well-formed UTF-8 sequence at p, 0 when there is none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80   ? 1
	           : p[0] < 0xc2 ? 0
	           : p[0] < 0xe0 ? 2
	           : p[0] < 0xf0 ? 3
	           : p[0] < 0xf5 ? 4
	                         : 0;

	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* The value of "\uXXXX" at p, -1 when it is not one. */
static long escaped(const char *p, size_t left)
{
	char digits[5] = {0}, *end;

	if (left < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	memcpy(digits, p + 2, 4);
	long v = strtol(digits, &end, 16);
	return end == digits + 4 ? v : -1;
}

/*
 * A model may be cut in the middle of a character, and servers pass that on: as broken UTF-8 or as
 * half a surrogate pair. Both become U+FFFD.
 */
static void mend(struct oc_str s, struct oc_buf *out)
{
	for (size_t i = 0; i < s.len;) {
		const char *p = s.p + i;
		size_t left = s.len - i, n = utf8_len((const unsigned char *)p, left);
		if (n == 0) {
			oc_buf_puts(out, "\xef\xbf\xbd");
			i++;
			continue;
		}
		if (*p == '\\') {
			long high = escaped(p, left);
			n = left < 2 ? left : 2;
			if (high >= 0xd800 && high <= 0xdfff) {
				long low = left > 6 ? escaped(p + 6, left - 6) : -1;
				if (high < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
					n = 12;
				} else {
					oc_buf_puts(out, "\\ufffd");
					i += 6;
					continue;
				}
			}
		}
		oc_buf_add(out, p, n);
		i += n;
	}
}

static yyjson_doc *parse(struct oc_str raw, yyjson_read_err *e)
{
	yyjson_doc *doc;

	if (raw.len >= 3 && memcmp(raw.p, "\xef\xbb\xbf", 3) == 0) {
		raw.p += 3;
		raw.len -= 3;
	}
	if (raw.len == 0) {
		*e = (yyjson_read_err){YYJSON_READ_ERROR_EMPTY_CONTENT, "it is empty", 0};
		return NULL;
	}
	/* Without a flag the reader does not write into its input. */
	doc = yyjson_read_opts((char *)(uintptr_t)raw.p, raw.len, YYJSON_READ_BIGNUM_AS_RAW, NULL,
	                       e);
	if (!doc && e->code == YYJSON_READ_ERROR_INVALID_STRING) {
		struct oc_buf b = {0};
		mend(raw, &b);
		doc = yyjson_read_opts(b.p, b.len, YYJSON_READ_BIGNUM_AS_RAW, NULL, e);
		oc_buf_fini(&b);
	}
	return doc;
}

static void copy_text(char *out, size_t cap, yyjson_val *v)
{
	struct oc_str s = oc_json_str(v);

	if (yyjson_is_int(v)) {
		snprintf(out, cap, "%lld", (long long)yyjson_get_sint(v));
		return;
	}
	if (s.len >= cap) {
		s.len = cap - 1;
		while (s.len && ((unsigned char)s.p[s.len] & 0xc0) == 0x80)
			s.len--; /* never half a character */
	}
	if (s.len)
		memcpy(out, s.p, s.len);
	out[s.len] = 0;
}

static bool read_error(yyjson_val *root, struct oc_api_error *e)
{
	yyjson_val *v = oc_json_get(root, "error");

	if (!v || yyjson_is_null(v)) {
		/* Some servers put it flat: {"object":"error","message":...,"code":...}. */
		if (!oc_str_is(oc_json_get_str(root, "object"), "error"))
			return false;
		v = root;
	}
	if (yyjson_is_obj(v)) {
		copy_text(e->message, sizeof e->message, oc_json_get(v, "message"));
		copy_text(e->type, sizeof e->type, oc_json_get(v, "type"));
		copy_text(e->code, sizeof e->code, oc_json_get(v, "code"));
		copy_text(e->param, sizeof e->param, oc_json_get(v, "param"));
	} else {
		copy_text(e->message, sizeof e->message, v);
	}
	return true;
}

/* The element whose "index" is 0, else the first. */
static yyjson_val *element(yyjson_val *list)
{
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach(list, i, max, v)
	{
		if (oc_json_get_int(v, "index", -1) == 0)
			return v;
	}
	return yyjson_arr_get_first(list);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void cut_thoughts(struct oc_answer *a)
{
	static const char open[] = "<think>";
	struct oc_str s = a->text;

	while (s.len && is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	if (!oc_str_starts(s, open))
		return;
	s.p += sizeof open - 1;
	s.len -= sizeof open - 1;
	ptrdiff_t end = oc_str_find(s, OC_LIT("</think>"));
	struct oc_str thought = {s.p, end < 0 ? s.len : (size_t)end};
	if (!a->reasoning.len)
		a->reasoning = oc_str_trim(thought);
	size_t gone = end < 0 ? s.len : (size_t)end + sizeof "</think>" - 1;
	a->text = (struct oc_str){s.p + gone, s.len - gone};
	while (a->text.len && is_space(a->text.p[0])) {
		a->text.p++;
		a->text.len--;
	}
}

/* Content given as parts: their texts, one after the other. Owned by the document's own copy. */
static bool read_content(yyjson_val *content, struct oc_answer *a, struct oc_buf *joined)
{
	yyjson_val *part;
	size_t i, max;

	if (yyjson_is_str(content)) {
		a->text = oc_json_str(content);
		return true;
	}
	if (!yyjson_is_arr(content))
		return yyjson_is_null(content) || !content;
	yyjson_arr_foreach(content, i, max, part)
	{
		struct oc_str t = oc_json_get_str(part, "text");
		oc_buf_str(joined, t);
	}
	return true;
}

static int base64_value(unsigned char c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '+'             ? 62
	       : c == '/'             ? 63
	                              : -1;
}

/* Little-endian float32 in base64. */
static bool floats_of_base64(struct oc_str s, struct oc_answer *a)
{
	size_t n = 0;
	uint32_t acc = 0;
	int bits = 0;

	while (s.len && s.p[s.len - 1] == '=')
		s.len--;
	size_t bytes = s.len * 3 / 4;
	if (bytes == 0 || bytes % sizeof(float))
		return false;
	a->embedding = oc_alloc(bytes);
	for (size_t i = 0; i < s.len; i++) {
		int v = base64_value((unsigned char)s.p[i]);
		if (v < 0)
			return false;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			((unsigned char *)a->embedding)[n++] = (unsigned char)(acc >> bits);
		}
	}
	a->dim = (uint32_t)(bytes / sizeof(float));
	return true;
}

static bool read_embedding(yyjson_val *v, struct oc_answer *a)
{
	yyjson_val *x;
	size_t i, max;
	double sum = 0;

	if (yyjson_is_str(v)) {
		if (!floats_of_base64(oc_json_str(v), a))
			return false;
	} else if (yyjson_is_arr(v) && yyjson_arr_size(v)) {
		a->embedding = oc_alloc(yyjson_arr_size(v) * sizeof *a->embedding);
		yyjson_arr_foreach(v, i, max, x)
		{
			if (!yyjson_is_num(x))
				return false;
			a->embedding[i] = (float)yyjson_get_num(x);
		}
		a->dim = (uint32_t)yyjson_arr_size(v);
	} else {
		return false;
	}
	for (i = 0; i < a->dim; i++)
		sum += (double)a->embedding[i] * (double)a->embedding[i];
	if (!isfinite(sum))
		return false;
	for (i = 0; i < a->dim && sum > 0; i++)
		a->embedding[i] = (float)((double)a->embedding[i] / sqrt(sum));
	return true;
}

static bool token_count(yyjson_val *usage, const char *key, uint32_t *out)
{
	yyjson_val *val = oc_json_get(usage, key);
	double v = oc_json_get_num(usage, key, -1);

	if (yyjson_is_raw(val) && yyjson_get_raw(val)[0] != '-')
		v = INFINITY; /* kept as it was written: too big for a double */
	if (!(v >= 0))
		return false;
	*out = v >= UINT32_MAX ? UINT32_MAX : (uint32_t)v;
	return true;
}

/* About four bytes a token, at least one. */
static uint32_t estimate(size_t bytes)
{
	return bytes / 4 + 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)(bytes / 4 + 1);
}

static void read_usage(enum oc_call_kind kind, yyjson_val *root, struct oc_str request,
                       struct oc_answer *a)
{
	yyjson_val *u = oc_json_get(root, "usage");
	size_t said = a->text.len + a->reasoning.len;

	if (!token_count(u, "prompt_tokens", &a->usage.prompt_tokens)) {
		a->usage.prompt_tokens = estimate(request.len);
		a->usage.estimated = true;
	}
	bool have = token_count(u, "completion_tokens", &a->usage.completion_tokens);
	if (kind != OC_CALL_EMBED && (!have || (a->usage.completion_tokens == 0 && said))) {
		a->usage.completion_tokens = estimate(said);
		a->usage.estimated = true;
	}
}

static const char *read_shape(enum oc_call_kind kind, yyjson_val *root, struct oc_answer *a,
                              struct oc_buf *joined)
{
	yyjson_val *list = oc_json_get(root, kind == OC_CALL_EMBED ? "data" : "choices"), *one;

	if (!yyjson_is_obj(root))
		return "it is not a JSON object";
	if (!yyjson_is_arr(list))
		return kind == OC_CALL_EMBED ? "it has no list `data`" : "it has no list `choices`";
	one = element(list);
	if (!yyjson_is_obj(one))
		return kind == OC_CALL_EMBED ? "`data` is empty" : "`choices` is empty";
	a->finish = oc_json_get_str(one, "finish_reason");
	switch (kind) {
	case OC_CALL_EMBED:
		if (!read_embedding(oc_json_get(one, "embedding"), a))
			return "`embedding` is neither a list of numbers nor base64";
		break;
	case OC_CALL_COMPLETION:
		if (!yyjson_is_str(oc_json_get(one, "text")))
			return "the choice has no `text`";
		a->text = oc_json_get_str(one, "text");
		break;
	case OC_CALL_CHAT: {
		yyjson_val *message = oc_json_get(one, "message");
		if (!yyjson_is_obj(message))
			return "the choice has no `message`";
		if (!read_content(oc_json_get(message, "content"), a, joined))
			return "`content` is neither text nor parts nor null";
		a->reasoning = oc_json_get_str(message, "reasoning_content");
		if (!a->reasoning.len)
			a->reasoning = oc_json_get_str(message, "reasoning");
		break;
	}
	}
	return NULL;
}

/* What must live as long as the answer. */
struct kept {
	yyjson_doc *doc;
	struct oc_buf joined;
};

void oc_answer_read(enum oc_call_kind kind, struct oc_str request, struct oc_str raw,
                    struct oc_answer *out)
{
	yyjson_read_err e = {0};
	struct kept *k = oc_zalloc(1, sizeof *k);
	const char *wrong;

	*out = (struct oc_answer){.doc = k};
	k->doc = parse(raw, &e);
	if (!k->doc) {
		out->state = OC_ANSWER_BROKEN;
		snprintf(out->why, sizeof out->why, "it is not JSON (byte %zu: %s)", e.pos,
		         e.msg ? e.msg : "unreadable");
		return;
	}
	yyjson_val *root = yyjson_doc_get_root(k->doc);
	if (read_error(root, &out->error)) {
		out->state = OC_ANSWER_ERROR;
		return;
	}
	wrong = read_shape(kind, root, out, &k->joined);
	if (wrong) {
		out->state = OC_ANSWER_BROKEN;
		snprintf(out->why, sizeof out->why, "%s", wrong);
		return;
	}
	if (k->joined.len)
		out->text = oc_buf_view(&k->joined);
	if (kind != OC_CALL_EMBED)
		cut_thoughts(out);
	read_usage(kind, root, request, out);
}

void oc_answer_fini(struct oc_answer *a)
{
	struct kept *k = a->doc;

	if (k) {
		yyjson_doc_free(k->doc);
		oc_buf_fini(&k->joined);
		free(k);
	}
	free(a->embedding);
	a->doc = NULL;
	a->embedding = NULL;
}

/* ------------------------------------------------------------------ errors */

static bool out_of_credit(const struct oc_api_error *e)
{
	static const char *const codes[] = {"insufficient_quota",
	                                    "credit_balance_exhausted",
	                                    "organization_spend_limit_exceeded",
	                                    "project_spend_limit_exceeded",
	                                    "organization_usage_limit_exceeded",
	                                    NULL};

	return among(oc_str(e->type), codes) || among(oc_str(e->code), codes);
}

enum oc_class oc_classify(int status, const char *should_retry, const struct oc_answer *a)
{
	if (status >= 200 && status < 300) {
		if (a->state == OC_ANSWER_OK)
			return OC_CLASS_FINE;
		if (a->state == OC_ANSWER_ERROR && out_of_credit(&a->error))
			return OC_CLASS_DEAD;
		return OC_CLASS_BROKEN;
	}
	switch (status) {
	case 401:
	case 402:
	case 403:
	case 407: return OC_CLASS_DEAD; /* 407: the proxy on the way there */
	case 429: return out_of_credit(&a->error) ? OC_CLASS_DEAD : OC_CLASS_LIMITED;
	case 0: return OC_CLASS_AGAIN; /* no reply at all */
	default: break;
	}
	if (should_retry && strcmp(should_retry, "false") == 0)
		return OC_CLASS_REFUSED;
	if (should_retry && strcmp(should_retry, "true") == 0)
		return OC_CLASS_AGAIN;
	switch (status) {
	case 408:
	case 409:
	case 425: return OC_CLASS_AGAIN;
	case 501:
	case 505: return OC_CLASS_REFUSED;
	default: return status >= 500 ? OC_CLASS_AGAIN : OC_CLASS_REFUSED;
	}
}

/* ------------------------------------------------------------------- keys */

struct oc_hash128 oc_reply_key(enum oc_call_kind kind, struct oc_str canonical_body,
                               const char *identity, uint64_t sample)
{
	struct oc_hasher *h = oc_hasher_new();
	uint64_t head[2] = {(uint64_t)KEY_VERSION << 32 | (uint32_t)kind, sample};
	struct oc_hash128 key;

	oc_hasher_add(h, head, sizeof head);
	oc_hasher_add(h, identity, strlen(identity) + 1);
	oc_hasher_add(h, canonical_body.p, canonical_body.len);
	key = oc_hasher_get(h);
	oc_hasher_free(h);
	return key;
}
