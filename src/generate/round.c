/* round.c: prompts are made before the first is sent; replies are used in the prompts' order. */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "generate/recipe_in.h"

#define PRIOR     32   /* requests for which the recipe's own expectation counts */
#define ROUND_MAX 1024 /* prompts of a round that grew by itself */
#define GIVE_UP   20   /* failed requests in a row, at the end of a round */

uint64_t oc_recipe_done(const struct oc_recipe *r)
{
	return r->count.kept + (r->count_held ? r->count.held : 0);
}

double oc_recipe_yield(const struct oc_recipe *r)
{
	yyjson_val *expect = oc_json_get(r->call, "expect");
	double e = oc_json_get_num(expect, "rows", 1) * oc_json_get_num(expect, "kept", 1);

	return ((double)oc_recipe_done(r) + PRIOR * e) / ((double)r->count.requests + PRIOR);
}

/* ------------------------------------------------------------------------- prompts */

void oc_prompt_scope(struct oc_recipe *r, const struct oc_prompt *p, struct oc_scope *ask,
                     struct oc_scope *seeds, struct oc_scope *seed)
{
	*ask = (struct oc_scope){.up = &r->scope, .name = OC_LIT("ask"), .value = p->ask};
	*seeds = (struct oc_scope){
		.up = ask, .name = OC_LIT("seeds"), .list = p->shown_value, .list_n = p->shown.n};
	*seed = (struct oc_scope){.up = seeds,
	                          .name = OC_LIT("seed"),
	                          .value = p->shown.n ? p->shown.seed[0].value : NULL};
}

static int compare(const void *a, const void *b)
{
	return oc_str_cmp(*(const struct oc_str *)a, *(const struct oc_str *)b);
}

/* Every licence of the rows shown, once and in one order, so that equal sets have one name; what is
 * made of a row without one is not wholly under the others'. */
static struct oc_str licences(const struct oc_prompt *p, struct oc_arena *a)
{
	struct oc_str all[64], between = OC_LIT(" AND ");
	struct oc_buf text = {0};
	bool unknown = false;
	size_t n = 0, k;

	for (uint32_t i = 0; i < p->shown.n; i++) {
		struct oc_str rest = p->shown.seed[i].licence;
		unknown |= p->shown.seed[i].key.len && !rest.len;
		while (rest.len && n < 64) {
			ptrdiff_t at = oc_str_find(rest, between);
			struct oc_str one = {rest.p, at < 0 ? rest.len : (size_t)at};
			size_t skip = at < 0 ? rest.len : one.len + between.len;
			rest = (struct oc_str){rest.p + skip, rest.len - skip};
			for (k = 0; k < n && !oc_str_eq(all[k], one); k++)
				;
			n += k == n;
			all[k] = one;
		}
	}
	qsort(all, n, sizeof *all, compare);
	for (k = 0; k < n; k++) {
		oc_buf_puts(&text, k ? " AND " : "");
		oc_buf_str(&text, all[k]);
	}
	oc_buf_puts(&text, n && unknown ? " AND NOASSERTION" : "");
	struct oc_str copy = oc_arena_str(a, oc_buf_view(&text));
	oc_buf_fini(&text);
	return copy;
}

void oc_prompt_parents(struct oc_recipe *r, const struct oc_prompt *p, struct oc_arena *a,
                       struct oc_pedigree *ped)
{
	size_t founders = 0;

	(void)r;
	ped->parents = oc_arena_zalloc(a, (p->shown.n + 1) * sizeof *ped->parents);
	for (uint32_t i = 0; i < p->shown.n; i++)
		founders += p->shown.seed[i].founder_n;
	ped->founders = oc_arena_zalloc(a, (founders + 1) * sizeof *ped->founders);
	for (uint32_t i = 0; i < p->shown.n; i++) {
		const struct oc_seed *s = &p->shown.seed[i];
		if (!s->key.len) /* an example of the recipe: nobody's row */
			continue;
		ped->parents[ped->parent_n++] = oc_arena_str(a, s->key);
		for (uint32_t f = 0; f < s->founder_n; f++)
			ped->founders[ped->founder_n++] = oc_arena_str(a, s->founders[f]);
		if (s->depth > ped->depth)
			ped->depth = s->depth;
		ped->depth_at_least |= s->depth_at_least;
	}
	qsort(ped->founders, ped->founder_n, sizeof *ped->founders, compare);
	uint32_t n = 0;
	for (uint32_t i = 0; i < ped->founder_n; i++)
		if (!n || !oc_str_eq(ped->founders[n - 1], ped->founders[i]))
			ped->founders[n++] = ped->founders[i];
	ped->founder_n = n;
	ped->licence = licences(p, a);
}

/* Draws the seeds and renders the texts. 1: made; 0: no seeds are left. */
static int make_prompt(struct oc_recipe *r, struct oc_arena *a, struct oc_prompt *p,
                       uint64_t number, yyjson_val *ask_for, struct oc_err *err)
{
	struct oc_scope ask, seeds, seed;
	struct oc_buf text = {0}, out = {0};
	yyjson_val **values;
	int rc;

	p->number = number;
	p->ask = ask_for;
	rc = oc_seeder_draw(r->seeder, a, number, ask_for, &p->shown, err);
	if (rc <= 0)
		return rc < 0 ? oc_fail_in(err, r->name) : 0;
	values = oc_arena_zalloc(a, (p->shown.n + 1) * sizeof(yyjson_val *));
	for (uint32_t i = 0; i < p->shown.n; i++)
		values[i] = p->shown.seed[i].value;
	p->shown_value = values;
	oc_prompt_scope(r, p, &ask, &seeds, &seed);
	rc = -1;
	oc_buf_puts(&out, r->chat ? "\"messages\":[" : "\"prompt\":");
	for (int i = 0; i < 3; i++) {
		static const char *const roles[] = {"system", "user", NULL};
		if (!r->text[i])
			continue;
		text.len = 0;
		if (oc_template_render(r->text[i], &seed, r->max_bytes, &text, err))
			goto out;
		if (roles[i])
			oc_buf_printf(&out, "%s{\"role\":\"%s\",\"content\":",
			              out.p[out.len - 1] == '[' ? "" : ",", roles[i]);
		oc_buf_json(&out, oc_buf_view(&text));
		oc_buf_puts(&out, roles[i] ? "}" : "");
	}
	oc_buf_puts(&out, r->chat ? "]" : "");
	p->text = oc_arena_str(a, oc_buf_view(&out));
	rc = 1;
out:
	oc_buf_fini(&text);
	oc_buf_fini(&out);
	return rc;
}

/* Members of the request besides the texts: `what` is the pedigree's or the request's. */
static void write_params(const struct oc_recipe *r, uint32_t max_tokens, struct oc_buf *b)
{
	static const char *const keys[] = {"temperature", "top_p", "stop", "presence_penalty",
	                                   "frequency_penalty"};
	size_t i, n;
	yyjson_val *key, *val;

	oc_buf_printf(b, "\"max_tokens\":%u", max_tokens);
	for (i = 0; i < sizeof keys / sizeof *keys; i++) {
		val = oc_json_get(r->call, keys[i]);
		if (!val || (yyjson_is_arr(val) && !yyjson_arr_size(val)))
			continue;
		oc_buf_printf(b, ",\"%s\":", keys[i]);
		oc_json_write(b, val);
	}
	yyjson_obj_foreach(oc_json_get(r->call, "body"), i, n, key, val)
	{
		oc_buf_putc(b, ',');
		oc_buf_json(b, oc_json_str(key));
		oc_buf_putc(b, ':');
		oc_json_write(b, val);
	}
}

/* -------------------------------------------------------------------------- rounds */

/* Requests the next round may make. */
static uint64_t room(const struct oc_recipe *r)
{
	uint64_t most = r->max_requests;

	if (r->limit && r->limit < most)
		most = r->limit;
	return most > r->count.requests ? most - r->count.requests : 0;
}

static uint64_t prompts_wanted(const struct oc_recipe *r)
{
	double need = (double)(r->rows - oc_recipe_done(r));
	uint64_t n = r->round_size, most = room(r);

	/* At the end of a round the window runs empty. Where no round looks at what another kept,
	 * each may be as large as all before it: by then the yield is known, and little is asked
	 * in vain. */
	if (!r->failed_in_row && !r->cell_n && !oc_seeder_feeds_back(r->seeder) && n < r->prompts)
		n = r->prompts < ROUND_MAX ? r->prompts : ROUND_MAX;
	if (n < r->round_size)
		n = r->round_size;

	if (r->rows) {
		double prompts = ceil(need / (oc_recipe_yield(r) * r->samples));
		if (prompts < (double)n)
			n = (uint64_t)prompts;
	}
	/* a last prompt may get fewer samples than the others */
	if (n > (most + r->samples - 1) / r->samples)
		n = (most + r->samples - 1) / r->samples;
	return n;
}

int oc_round_begin(struct oc_recipe *r, struct oc_err *err)
{
	uint64_t want, left = room(r);

	if (r->why)
		return 0;
	if (r->stopped)
		r->why = "stopped";
	else if ((r->rows && oc_recipe_done(r) >= r->rows) || oc_cells_full(r))
		r->why = "rows";
	else if (r->count.rounds >= r->max_rounds)
		r->why = "max_rounds";
	else if (!left)
		r->why = r->limit && r->limit <= r->count.requests ? "limit" : "max_requests";
	if (r->why)
		return 0;
	if (!r->llm)
		return oc_fail(err, OC_PLAN, r->name, "the recipe was opened without a model");
	oc_arena_reset(r->round_arena);
	if (!r->params.len) {
		struct oc_buf b = {0};
		oc_buf_printf(&b, "{\"kind\":\"%s\",", r->chat ? "chat" : "completion");
		write_params(r, r->max_tokens, &b);
		oc_buf_putc(&b, '}');
		r->params = oc_arena_str(r->arena, oc_buf_view(&b));
		oc_buf_fini(&b);
	}
	want = prompts_wanted(r);
	r->prompt = oc_arena_zalloc(r->round_arena, (want + 1) * sizeof *r->prompt);
	r->prompt_n = 0;
	while (r->prompt_n < want) {
		int rc = make_prompt(r, r->round_arena, &r->prompt[r->prompt_n], r->prompts,
		                     oc_cells_ask(r), err);
		if (rc < 0)
			return -1;
		if (!rc)
			break;
		r->prompt_n++;
		r->prompts++;
	}
	if (!r->prompt_n) {
		r->why = "seeds";
		return 0;
	}
	r->slot = oc_arena_zalloc(r->round_arena, r->prompt_n * r->samples * sizeof *r->slot);
	for (size_t i = 0; i < r->prompt_n; i++)
		for (uint32_t s = 0; s < r->samples && r->slot_n < left; s++)
			r->slot[r->slot_n++] = (struct oc_slot){
				.prompt = &r->prompt[i],
				.number = r->count.requests++,
			};
	r->sent = r->got = r->at = 0;
	r->count.rounds++;
	return 1;
}

static int send(struct oc_recipe *r, size_t i, uint32_t max_tokens, struct oc_err *err)
{
	struct oc_request req = {.kind = r->chat ? OC_CALL_CHAT : OC_CALL_COMPLETION,
	                         .max_tokens = max_tokens,
	                         .tag = i};
	struct oc_buf b = {0};
	int rc;

	oc_buf_putc(&b, '{');
	oc_buf_str(&b, r->slot[i].prompt->text);
	oc_buf_putc(&b, ',');
	write_params(r, max_tokens, &b);
	oc_buf_putc(&b, '}');
	req.body = oc_buf_view(&b);
	rc = r->llm->ops->submit(r->llm, &req, err);
	oc_buf_fini(&b);
	return rc < 0 ? oc_fail_in(err, r->name) : 0;
}

/* One reply, of whichever request. */
static int receive(struct oc_recipe *r, struct oc_err *err)
{
	struct oc_reply reply = {0};
	int rc = r->llm->ops->next(r->llm, &reply, 500, err);

	if (rc < 0)
		return oc_fail_in(err, r->name);
	if (oc_cancelled(r->env.ctx)) {
		if (rc)
			r->llm->ops->reply_free(r->llm, &reply);
		return oc_fail(err, OC_CANCELLED, r->name, "interrupted");
	}
	if (!rc) {
		if (r->llm->ops->pending(r->llm))
			return 0;
		return oc_fail(err, OC_INTERNAL, r->name, "%zu replies never came",
		               r->slot_n - r->got);
	}
	if (reply.tag >= r->slot_n || r->slot[reply.tag].got) {
		r->llm->ops->reply_free(r->llm, &reply);
		return oc_fail(err, OC_INTERNAL, r->name, "a reply to no request");
	}
	if (reply.state == OC_REPLY_STOPPED) {
		r->llm->ops->reply_free(r->llm, &reply);
		return oc_fail(err, OC_CANCELLED, r->name, "the run is ending");
	}
	r->slot[reply.tag].reply = reply;
	r->slot[reply.tag].got = true;
	r->got++;
	return 0;
}

static int fill_window(struct oc_recipe *r, struct oc_err *err)
{
	while (r->sent < r->slot_n && r->llm->ops->pending(r->llm) < r->llm->ops->window(r->llm)) {
		if (send(r, r->sent, r->max_tokens, err))
			return -1;
		r->sent++;
	}
	return 0;
}

static bool was_cut(const struct oc_slot *s)
{
	return s->reply.state == OC_REPLY_OK && oc_str_is(s->reply.finish, "length");
}

/*
 * Asks again, with twice the bound, where a reply was cut. Only when the whole round is there: so
 * the order of sending, and with it the sample index of equal requests, depends on no clock.
 */
static int raise_cut(struct oc_recipe *r, struct oc_err *err)
{
	size_t i = 0;

	while (r->got < r->slot_n)
		if (fill_window(r, err) || receive(r, err))
			return -1;
	for (;;) {
		for (; i < r->slot_n; i++) {
			struct oc_slot *s = &r->slot[i];
			if (s->again || !was_cut(s))
				continue;
			if (r->llm->ops->pending(r->llm) >= r->llm->ops->window(r->llm))
				break;
			s->again = true;
			s->got = false;
			memcpy(s->cut, s->reply.key, sizeof s->cut);
			r->got--;
			r->count.raised++;
			r->count.prompt_tokens += s->reply.usage.prompt_tokens;
			r->count.completion_tokens += s->reply.usage.completion_tokens;
			r->llm->ops->reply_free(r->llm, &s->reply);
			memset(&s->reply, 0, sizeof s->reply);
			if (send(r, i, 2 * r->max_tokens, err))
				return -1;
		}
		if (r->got == r->slot_n)
			return 0;
		if (receive(r, err))
			return -1;
	}
}

int oc_round_next(struct oc_recipe *r, struct oc_err *err)
{
	struct oc_slot *s = &r->slot[r->at];
	int rc = 0;

	if (r->raise && r->at == 0 && raise_cut(r, err))
		return -1;
	while (!s->got)
		if (fill_window(r, err) || (!s->got && receive(r, err)))
			return -1;
	if (fill_window(r, err))
		return -1;
	r->at++;
	switch (s->reply.state) {
	case OC_REPLY_BUDGET:
	case OC_REPLY_OFFLINE:
		/* never sent, so nothing was made; what was paid for is still used */
		r->count.not_sent++;
		if (!r->stopped) {
			r->stopped = s->reply.state == OC_REPLY_BUDGET ? OC_BUDGET : OC_MISSING;
			r->stopped_by = oc_arena_str(r->arena, s->reply.error);
		}
		break;
	default:
		if (s->reply.state == OC_REPLY_FAILED)
			r->failed_in_row++;
		else
			r->failed_in_row = 0;
		rc = oc_slot_rows(r, s, err);
	}
	if (r->failed_in_row >= GIVE_UP && r->at == r->slot_n) {
		r->stopped = OC_NET;
		r->stopped_by = oc_arena_str(r->arena, s->reply.error);
	}
	r->llm->ops->reply_free(r->llm, &s->reply);
	memset(&s->reply, 0, sizeof s->reply);
	return rc;
}

void oc_round_end(struct oc_recipe *r)
{
	r->slot_n = r->sent = r->got = r->at = 0;
}

void oc_round_abandon(struct oc_recipe *r)
{
	for (size_t i = r->at; i < r->slot_n; i++)
		if (r->slot[i].got)
			r->llm->ops->reply_free(r->llm, &r->slot[i].reply);
	oc_round_end(r);
}

/* ------------------------------------------------------------------------ forecast */

int oc_recipe_forecast(struct oc_recipe *r, struct oc_forecast *out, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	yyjson_val *expect = oc_json_get(r->call, "expect");
	size_t turn = r->turn, n = 0;
	double bytes = 0;
	int rc = -1;

	*out = (struct oc_forecast){.requests = r->expected};
	if (out->requests > room(r))
		out->requests = room(r);
	for (; n < 20 && n < out->requests; n++) {
		struct oc_prompt p = {0};
		rc = make_prompt(r, a, &p, n, oc_cells_ask(r), err);
		if (rc < 0)
			goto out;
		if (!rc)
			break;
		bytes += (double)p.text.len;
	}
	/* a token is about four bytes of English; the JSON around a text is no part of it */
	out->prompt_tokens = n ? bytes / (double)n / 4 * (double)out->requests : 0;
	out->completion_tokens =
		oc_json_get_num(expect, "tokens", r->max_tokens) * (double)out->requests;
	out->rows = (uint64_t)((double)out->requests * oc_recipe_yield(r));
	if (r->rows && out->rows > r->rows)
		out->rows = r->rows;
	rc = 0;
out:
	r->turn = turn;
	oc_arena_free(a);
	return rc;
}
