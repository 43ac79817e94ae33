#include "scripted.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "data/yaml.h"
#include "plan/registry.h"

/* --------------------------------------------------------------------- the model */

static struct oc_str own(struct oc_str s)
{
	char *p = oc_alloc(s.len + 1);

	memcpy(p, s.p ? s.p : "", s.len);
	return (struct oc_str){p, s.len};
}

static int submit(struct oc_llm *llm, const struct oc_request *req, struct oc_err *err)
{
	struct oc_scripted *s = (struct oc_scripted *)llm;
	uint64_t h = oc_hash64(req->body.p, req->body.len, 0);
	struct oc_reply reply = {.tag = req->tag, .finish = OC_LIT("stop"), .model = OC_LIT("toy")};
	struct oc_buf text = {0};
	struct oc_draws d;
	struct oc_rng rng;
	size_t i = 0;

	(void)err;
	while (i < s->seen_n && s->seen[i] != h)
		i++;
	if (i == s->seen_n) {
		s->seen = oc_realloc(s->seen, (i + 1) * sizeof *s->seen);
		s->seen_count = oc_realloc(s->seen_count, (i + 1) * sizeof *s->seen_count);
		s->seen[i] = h;
		s->seen_count[i] = 0;
		s->seen_n++;
	}
	oc_buf_str(&s->log, req->body);
	oc_buf_putc(&s->log, '\n');
	oc_rng_init(&rng, h, "answer");
	oc_draws_init(&d, &rng, s->seen_count[i]);
	snprintf(reply.key, sizeof reply.key, "%016llx%016llx", (unsigned long long)h,
	         (unsigned long long)s->seen_count[i]);
	reply.usage = (struct oc_usage){10, 5, false};
	s->script(s, req->body, s->seen_count[i]++, &d, &text, &reply);
	reply.text = own(oc_buf_view(&text));
	reply.owner = (void *)reply.text.p;
	oc_buf_fini(&text);
	s->pending = oc_realloc(s->pending, (s->pending_n + 1) * sizeof *s->pending);
	s->pending[s->pending_n++] = reply;
	if (s->pending_n > s->most_pending)
		s->most_pending = s->pending_n;
	s->sent++;
	return 0;
}

static int next(struct oc_llm *llm, struct oc_reply *reply, int timeout_ms, struct oc_err *err)
{
	struct oc_scripted *s = (struct oc_scripted *)llm;
	struct oc_draws d;
	struct oc_rng rng;

	(void)timeout_ms;
	(void)err;
	if (!s->pending_n)
		return 0;
	oc_rng_init(&rng, s->order, "order");
	oc_draws_init(&d, &rng, s->freed);
	size_t at = oc_draw_below(&d, s->pending_n);
	*reply = s->pending[at];
	s->pending[at] = s->pending[--s->pending_n];
	return 1;
}

static void reply_free(struct oc_llm *llm, struct oc_reply *reply)
{
	((struct oc_scripted *)llm)->freed++;
	free(reply->owner);
}

static uint32_t pending(struct oc_llm *llm)
{
	return ((struct oc_scripted *)llm)->pending_n;
}

static uint32_t window(struct oc_llm *llm)
{
	return ((struct oc_scripted *)llm)->window;
}

static const char *identity(struct oc_llm *llm)
{
	(void)llm;
	return "toy";
}

static uint32_t depth(struct oc_llm *llm, bool *at_least)
{
	*at_least = false;
	return ((struct oc_scripted *)llm)->depth;
}

static void close_llm(struct oc_llm *llm)
{
	(void)llm;
}

void oc_scripted_init(struct oc_scripted *s, oc_script_fn *script)
{
	static const struct oc_llm_ops ops = {submit, next,     reply_free, pending,
	                                      window, identity, depth,      close_llm};

	*s = (struct oc_scripted){.llm = {&ops}, .script = script, .window = 8, .order = 1};
}

void oc_scripted_fini(struct oc_scripted *s)
{
	for (uint32_t i = 0; i < s->pending_n; i++)
		free(s->pending[i].owner);
	free(s->pending);
	free(s->seen);
	free(s->seen_count);
	oc_buf_fini(&s->log);
}

/* ----------------------------------------------------------------------- the seeds */

struct oc_leg *oc_leg_of(const char *dir, const char *source, const char *const *json, size_t n)
{
	struct oc_err err = {0};
	struct oc_leg_writer *w = oc_leg_create(dir, 0, &err);
	struct oc_batch *b = oc_batch_new(1);
	struct oc_buf out = {0};
	struct oc_leg *leg = NULL;
	uint64_t offset = 0;

	for (size_t i = 0; w && i < n; i++) {
		oc_batch_reset(b);
		struct oc_row *row = oc_batch_add(b);
		row->arena = b->arena;
		row->raw = oc_str(json[i]);
		row->ped.key = oc_arena_printf(b->arena, "%s:%zu", source, i);
		row->ped.origin = OC_REAL;
		row->ped.licence = OC_LIT("MIT");
		row->ped.row = i;
		struct oc_err own_err = {0};
		yyjson_val *v = oc_json_parse(b->arena, row->raw, &own_err);
		row->ped.span.file = OC_LIT("doc.txt");
		row->ped.span.offset = offset;
		row->ped.span.len = oc_json_get_str(v, "text").len;
		offset += row->ped.span.len + 2;
		/* marks for the tests */
		row->test = oc_json_get_bool(v, "held_out", false);
		out.len = 0;
		if (oc_leg_encode(b, false, &out, &err) || oc_leg_add(w, &out, &err) < 0)
			break;
	}
	if (!w || oc_leg_finish(w, &err) || oc_leg_open(&leg, dir, &err))
		fprintf(stderr, "leg: %s\n", err.msg);
	oc_buf_fini(&out);
	oc_batch_free(b);
	return leg;
}

void oc_leg_gone(struct oc_leg *leg, const char *dir)
{
	struct oc_err err = {0};

	oc_leg_close(leg);
	oc_remove_tree(dir, &err);
}

/* ------------------------------------------------------------------------- running */

static yyjson_val *yaml(struct oc_arena *a, const char *text, const char *name, struct oc_err *err)
{
	return oc_yaml_parse(a, oc_str(text), name, NULL, err);
}

static yyjson_val *resolve(struct oc_arena *a, const char *recipe, const char *options,
                           struct oc_err *err)
{
	const char *text = oc_recipe_builtin(oc_str(recipe));
	yyjson_val *r = yaml(a, text ? text : recipe, "recipe", err);
	yyjson_val *given = yaml(a, options, "options", err);

	return r && given ? oc_recipe_resolve(a, r, given, "test", err) : NULL;
}

struct oc_buf oc_resolved(const char *recipe, const char *options)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	yyjson_val *v = resolve(a, recipe, options, &err);
	struct oc_buf b = {0};

	if (v)
		oc_json_write(&b, v);
	else
		oc_buf_puts(&b, err.msg);
	oc_arena_free(a);
	oc_buf_cstr(&b);
	return b;
}

void oc_made_run(struct oc_made *m, const char *recipe, const char *options, struct oc_leg *seeds,
                 struct oc_scripted *model)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_env env = {.size = sizeof env,
	                     .ctx = ctx,
	                     .name = "gen",
	                     .base_dir = ".",
	                     .work_dir = ".",
	                     .seed = 7,
	                     .memory = 1 << 28,
	                     .llm = model ? &model->llm : NULL};
	struct oc_recipe_in in = {.env = &env, .seeds = seeds, .stage = oc_stage_find, .source = 3};
	struct oc_recipe *r = NULL;
	struct oc_batch *batch = oc_batch_new(OC_BATCH_ROWS);
	size_t cap = 0;

	*m = (struct oc_made){.arena = oc_arena_new(), .rc = -1};
	in.opts = resolve(m->arena, recipe, options, &m->err);
	if (!in.opts || oc_recipe_open(&r, &in, &m->err))
		goto out;
	m->rc = oc_recipe_forecast(r, &m->forecast, &m->err);
	while (model && m->rc >= 0) {
		oc_batch_reset(batch);
		int rc = oc_recipe_next(r, batch, &m->err);
		for (uint32_t i = 0; i < batch->row_n; i++) {
			struct oc_row *row = &batch->rows[i];
			if (m->n == cap) {
				cap = cap ? 2 * cap : 256;
				m->rows = oc_realloc(m->rows, cap * sizeof *m->rows);
			}
			oc_row_copy(&m->rows[m->n++], row, m->arena);
			m->fate[row->fate]++;
			oc_buf_printf(&m->bytes, "%s %.*s ", oc_fate_name(row->fate),
			              OC_ARG(row->raw));
			oc_pedigree_write(&m->bytes, row);
			oc_verdicts_write(&m->bytes, row);
			oc_buf_putc(&m->bytes, '\n');
		}
		if (rc <= 0) {
			m->rc = rc;
			break;
		}
	}
	oc_recipe_facts(r, &m->facts);
	oc_buf_cstr(&m->facts);
	if (oc_recipe_verdict(r, &m->verdict) && !m->verdict.code)
		m->verdict.code = OC_INTERNAL;
out:
	oc_recipe_close(r);
	oc_batch_free(batch);
	oc_ctx_free(ctx);
}

void oc_made_fini(struct oc_made *m)
{
	free(m->rows);
	oc_buf_fini(&m->bytes);
	oc_buf_fini(&m->facts);
	oc_arena_free(m->arena);
}
