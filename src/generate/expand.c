/* expand.c: an item of a reply -> a row with its fields, and the bytes that prove it. */
#include <ctype.h>
#include <stdlib.h>

#include "base/err.h"
#include "generate/steps.h"
#include "text/tolerant.h"

struct oc_expander {
	struct oc_arena *arena;
	struct oc_derive *derive;
	struct field {
		struct oc_str name;
		struct oc_template *text;
	} * field; /* (field_n) */
	struct typed {
		struct oc_str name;
		enum oc_want want;
	} * typed; /* (typed_n) */
	size_t field_n, typed_n;
	struct oc_str quote, in; /* evidence; empty = none is asked for */
	int64_t min_words;
};

int oc_expander_open(struct oc_expander **out, yyjson_val *block, const char *where,
                     struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_expander *e = oc_arena_zalloc(a, sizeof *e);
	yyjson_val *fields = oc_json_get(block, "fields"), *types = oc_json_get(block, "types"),
		   *proof = oc_json_get(block, "evidence"), *key, *val;
	size_t i, n;

	e->arena = a;
	if (oc_derive_open(&e->derive, block, where, err))
		goto fail;
	e->field = oc_arena_zalloc(a, (yyjson_obj_size(fields) + 1) * sizeof *e->field);
	yyjson_obj_foreach(fields, i, n, key, val)
	{
		struct field *f = &e->field[e->field_n++];
		if (!yyjson_is_str(val)) {
			oc_fail(err, OC_PLAN, where, "expand: field `%s` must be a template",
			        yyjson_get_str(key));
			goto fail;
		}
		f->name = oc_arena_str(a, oc_json_str(key));
		f->text = oc_template_compile(a, oc_json_str(val), where, err);
		if (!f->text)
			goto fail;
	}
	e->typed = oc_arena_zalloc(a, (yyjson_obj_size(types) + 1) * sizeof *e->typed);
	yyjson_obj_foreach(types, i, n, key, val)
	{
		int want = oc_want_parse(oc_json_str(val));
		if (want < 0) {
			oc_fail(err, OC_PLAN, where,
			        "expand: type of `%s` must be text, number, integer, bool, list or "
			        "any",
			        yyjson_get_str(key));
			goto fail;
		}
		e->typed[e->typed_n++] =
			(struct typed){oc_arena_str(a, oc_json_str(key)), (enum oc_want)want};
	}
	e->quote = oc_arena_str(a, oc_json_get_str(proof, "field"));
	e->in = oc_arena_str(a, oc_json_get_str(proof, "in"));
	e->min_words = oc_json_get_int(proof, "min_words", 1);
	*out = e;
	return 0;
fail:
	oc_expander_close(e);
	return -1;
}

void oc_expander_close(struct oc_expander *e)
{
	if (!e)
		return;
	oc_derive_close(e->derive);
	oc_arena_free(e->arena);
}

/* ------------------------------------------------------------------------ evidence */

/* Text with every run of white space as one space; at[i] = its byte in the original. */
struct squeezed {
	struct oc_str text;
	size_t *at; /* (text.len + 1) */
	size_t words;
};

static struct squeezed squeeze(struct oc_arena *a, struct oc_str s)
{
	struct squeezed q = {.at = oc_arena_alloc(a, (s.len + 1) * sizeof *q.at)};
	char *out = oc_arena_alloc(a, s.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		bool space = isspace((unsigned char)s.p[i]);
		if (space && (!n || out[n - 1] == ' '))
			continue;
		q.words += !space && (!n || out[n - 1] == ' ');
		q.at[n] = i;
		out[n++] = space ? ' ' : s.p[i];
	}
	if (n && out[n - 1] == ' ')
		n--;
	q.at[n] = s.len;
	q.text = (struct oc_str){out, n};
	return q;
}

/* 1: the quote stands in the seed, and `extra` says where; 0: it does not. */
static int find_evidence(const struct oc_expander *e, struct oc_arena *a, yyjson_val *value,
                         const struct oc_shown *shown, struct oc_buf *extra)
{
	const struct oc_seed *seed = shown->n ? &shown->seed[0] : NULL;
	struct oc_str text =
		seed ? oc_json_str(oc_json_path(seed->value, e->in)) : (struct oc_str){0};
	struct squeezed quote = squeeze(a, oc_json_str(oc_json_path(value, e->quote)));
	struct squeezed chunk;
	const char *hit;

	if (!text.len || !quote.text.len || quote.words < (size_t)e->min_words)
		return 0;
	chunk = squeeze(a, text);
	hit = memmem(chunk.text.p, chunk.text.len, quote.text.p, quote.text.len);
	if (!hit)
		return 0;
	size_t from = chunk.at[hit - chunk.text.p];
	size_t to = chunk.at[(size_t)(hit - chunk.text.p) + quote.text.len - 1] + 1;
	oc_buf_puts(extra, "{\"chunk\":");
	oc_buf_json(extra, seed->key);
	oc_buf_printf(extra, ",\"evidence\":{\"in_chunk\":[%zu,%zu]", from, to - from);
	/* a chunk's text is its bytes of the file, unless something was normalised */
	if (seed->span.file.len && seed->span.len == text.len) {
		oc_buf_puts(extra, ",\"file\":");
		oc_buf_json(extra, seed->span.file);
		oc_buf_printf(extra, ",\"offset\":%llu,\"len\":%zu",
		              (unsigned long long)seed->span.offset + from, to - from);
	}
	oc_buf_puts(extra, "}}");
	return 1;
}

/* ----------------------------------------------------------------------- expanding */

/* Replaces the typed members by what they are coerced to. NULL with out->rule set: they cannot. */
static yyjson_val *coerce(const struct oc_expander *e, struct oc_arena *a, yyjson_val *value,
                          struct oc_expanded *out, struct oc_err *err)
{
	struct oc_buf b = {0};
	yyjson_val *key, *val, *made = NULL;
	size_t i, n;

	oc_buf_putc(&b, '{');
	for (size_t t = 0; t < e->typed_n; t++) {
		const struct typed *want = &e->typed[t];
		val = yyjson_obj_getn(value, want->name.p, want->name.len);
		oc_buf_puts(&b, t ? "," : "");
		oc_buf_json(&b, want->name);
		oc_buf_putc(&b, ':');
		if (!val || yyjson_is_null(val) ||
		    (yyjson_is_str(val) && !oc_str_trim(oc_json_str(val)).len)) {
			out->rule = "incomplete";
			goto out;
		}
		if (!oc_coerce(&b, val, want->want)) {
			out->rule = "wrong_type";
			goto out;
		}
	}
	yyjson_obj_foreach(value, i, n, key, val)
	{
		bool typed = false;
		for (size_t t = 0; t < e->typed_n && !typed; t++)
			typed = oc_str_eq(e->typed[t].name, oc_json_str(key));
		if (typed)
			continue;
		oc_buf_puts(&b, b.len > 1 ? "," : "");
		oc_buf_json(&b, oc_json_str(key));
		oc_buf_putc(&b, ':');
		oc_json_write(&b, val);
	}
	oc_buf_putc(&b, '}');
	made = oc_json_parse(a, oc_buf_view(&b), err);
out:
	oc_buf_fini(&b);
	return made;
}

static int write_fields(const struct oc_expander *e, const struct oc_scope *scope,
                        struct oc_buf *raw, struct oc_err *err)
{
	struct oc_buf text = {0};
	int rc = -1;

	oc_buf_putc(raw, '{');
	for (size_t i = 0; i < e->field_n; i++) {
		bool whole;
		yyjson_val *v;
		oc_buf_puts(raw, i ? "," : "");
		oc_buf_json(raw, e->field[i].name);
		oc_buf_putc(raw, ':');
		if (oc_template_value(e->field[i].text, scope, &whole, &v, err))
			goto out;
		if (whole) {
			if (v)
				oc_json_write(raw, v);
			else
				oc_buf_puts(raw, "null");
			continue;
		}
		text.len = 0;
		if (oc_template_render(e->field[i].text, scope, (size_t)1 << 24, &text, err))
			goto out;
		oc_buf_json(raw, oc_buf_view(&text));
	}
	oc_buf_putc(raw, '}');
	rc = 0;
out:
	oc_buf_fini(&text);
	return rc;
}

int oc_expand(struct oc_expander *e, struct oc_arena *a, const struct oc_item *item,
              const struct oc_shown *shown, const struct oc_scope *scope, struct oc_expanded *out,
              struct oc_err *err)
{
	struct oc_buf b = {0};
	struct oc_scope inner = {.up = scope};
	int rc = -1;

	*out = (struct oc_expanded){.value = item->value};
	if (!item->value) {
		out->rule = item->rule;
		oc_buf_puts(&b, "{\"raw\":");
		oc_buf_json(&b, item->text);
		oc_buf_putc(&b, '}');
		out->raw = oc_arena_str(a, oc_buf_view(&b));
		rc = 0;
		goto out;
	}
	yyjson_val *v = e->typed_n ? coerce(e, a, item->value, out, err) : item->value;
	if (!v && !out->rule)
		goto out;
	if (v) {
		out->value = v;
		v = oc_derive(e->derive, a, v, &out->rule, err);
		if (!v && !out->rule)
			goto out;
	}
	if (v)
		out->value = v;
	/* a row that is turned away keeps the item as it came */
	inner.value = out->value;
	if (e->field_n && v ? write_fields(e, &inner, &b, err) : (oc_json_write(&b, out->value), 0))
		goto out;
	out->raw = oc_arena_str(a, oc_buf_view(&b));
	b.len = 0;
	if (v && e->quote.len) {
		if (find_evidence(e, a, v, shown, &b)) {
			out->extra = oc_arena_str(a, oc_buf_view(&b));
		} else {
			out->rule = "no_evidence";
			oc_buf_puts(&b, "{\"quote\":");
			oc_buf_json(&b, oc_json_str(oc_json_path(v, e->quote)));
			oc_buf_putc(&b, '}');
			out->why = oc_arena_str(a, oc_buf_view(&b));
		}
	}
	rc = 0;
out:
	oc_buf_fini(&b);
	return rc;
}
