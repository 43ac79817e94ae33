/* recipe.c: the engine. Rounds of prompts, replies in order, rows with pedigree. */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "generate/recipe_in.h"

static int bind(struct oc_recipe *r, const struct oc_recipe_in *in, struct oc_err *err)
{
	yyjson_val *steps = oc_json_get(in->opts, "steps"), *ask, *key, *val;
	yyjson_val *prompt = oc_block_find(steps, OC_BLOCK_PROMPT);
	static const char *const texts[] = {"system", "user", "completion"};
	struct oc_str stream;
	size_t i, n;
	int rc;

	r->call = oc_block_find(steps, OC_BLOCK_CALL);
	r->keep = oc_block_find(steps, OC_BLOCK_KEEP);
	if (!prompt || !r->call || !oc_block_find(steps, OC_BLOCK_PARSE))
		return oc_fail(err, OC_PLAN, r->name,
		               "a recipe needs at least the steps prompt, call and parse");
	r->chat = oc_str_is(oc_json_get_str(r->call, "kind"), "chat");
	r->samples = (uint32_t)oc_json_get_int(r->call, "samples", 1);
	r->max_tokens = (uint32_t)oc_json_get_int(r->call, "max_tokens", 0);
	r->raise = oc_str_is(oc_json_get_str(r->call, "on_length"), "raise");
	r->drop_cut = oc_str_is(oc_json_get_str(r->call, "on_length"), "drop");
	r->max_bytes = (size_t)oc_json_get_int(prompt, "max_bytes", 1000000);
	for (i = 0; i < 3; i++) {
		if (!oc_json_get(prompt, texts[i]))
			continue;
		r->text[i] = oc_template_compile(r->arena, oc_json_get_str(prompt, texts[i]),
		                                 r->name, err);
		if (!r->text[i])
			return -1;
	}
	if (r->chat != (r->text[1] != NULL) || r->chat == (r->text[2] != NULL) ||
	    (!r->chat && r->text[0]))
		return oc_fail(err, OC_PLAN, r->name,
		               "the step prompt has `user` (and perhaps `system`) when the call's "
		               "kind is chat, and `completion` alone when it is completion");
	ask = oc_json_get(prompt, "ask");
	yyjson_obj_foreach(ask, i, n, key, val)
	{
		if (!yyjson_arr_size(val))
			return oc_fail(err, OC_PLAN, r->name,
			               "prompt: ask: `%s` must be a list of values to ask for",
			               yyjson_get_str(key));
	}
	stream = oc_arena_printf(r->arena, "%.*s#%u/seed/0", OC_ARG(r->recipe), in->ordinal);
	rc = oc_seeder_open(&r->seeder, oc_block_find(steps, OC_BLOCK_SEED), in->seeds,
	                    oc_json_get(in->opts, "seeds"), in->env->seed, stream.p, err);
	if (!rc)
		rc = oc_parser_open(&r->parser, oc_block_find(steps, OC_BLOCK_PARSE), !r->chat,
		                    r->name, err);
	if (!rc)
		rc = oc_expander_open(&r->expander, oc_block_find(steps, OC_BLOCK_EXPAND), r->name,
		                      err);
	if (!rc)
		rc = oc_keeper_open(&r->keeper, r->keep, in->env, in->stage, err);
	if (!rc)
		rc = oc_cells_open(r, ask,
		                   oc_json_get(oc_block_find(steps, OC_BLOCK_EXPAND), "stratify"),
		                   err);
	return rc;
}

/* What a row of the sources says before the first prompt. */
static int meet_seed(void *user, struct oc_row *row, yyjson_val *value, struct oc_err *err)
{
	struct oc_recipe *r = user;

	if (r->sums && row->ped.origin == OC_REAL)
		oc_sums_add(r->sums, OC_SUM_HUMAN,
		            oc_json_str(oc_json_path(value, oc_json_get_str(r->keep, "sums"))));
	if (!oc_keeper_wants_seeds(r->keeper))
		return 0;
	return oc_keeper_remember(r->keeper, row, err);
}

int oc_recipe_open(struct oc_recipe **out, const struct oc_recipe_in *in, struct oc_err *err)
{
	struct oc_recipe *r = oc_zalloc(1, sizeof *r);
	double y;

	r->arena = oc_arena_new();
	r->round_arena = oc_arena_new();
	r->env = *in->env;
	r->llm = in->env->llm;
	r->name = oc_arena_str(r->arena, oc_str(in->env->name)).p;
	r->source = in->source;
	r->limit = in->limit;
	r->tell = in->made;
	r->tell_user = in->user;
	/* the caller's values may go before we do */
	struct oc_buf copy = {0};
	oc_json_write(&copy, in->opts);
	struct oc_recipe_in mine = *in;
	mine.opts = r->opts = oc_json_parse(r->arena, oc_buf_view(&copy), err);
	oc_buf_fini(&copy);
	if (!r->opts)
		goto fail;
	r->recipe = oc_json_get_str(r->opts, "recipe");
	r->scope.value = r->opts;
	r->rows = (uint64_t)oc_json_get_int(r->opts, "rows", 0);
	r->exact = oc_str_is(oc_json_get_str(r->opts, "amount"), "exact");
	r->round_size = (uint32_t)oc_json_get_int(r->opts, "round", 256);
	r->made = oc_batch_new(OC_ITEM_MAX);
	if (bind(r, &mine, err))
		goto fail;
	y = oc_recipe_yield(r) * r->samples;
	double need = r->rows ? ceil((double)r->rows / y) : (double)oc_seeder_rows(r->seeder);
	r->expected = (uint64_t)fmax(need * r->samples, 1);
	if (oc_seeder_once(r->seeder) && r->expected > oc_seeder_rows(r->seeder) * r->samples)
		r->expected = oc_seeder_rows(r->seeder) * r->samples;
	r->max_rounds = (uint64_t)oc_json_get_int(r->opts, "max_rounds", INT64_MAX);
	r->max_requests = (uint64_t)oc_json_get_int(
		r->opts, "max_requests", (int64_t)(20 * (r->expected > 5 ? r->expected : 5)));
	if (!r->rows && !oc_seeder_once(r->seeder)) {
		oc_fail(err, OC_PLAN, r->name,
		        "`rows: 0` means until the seeds are used up, and this recipe draws them "
		        "anew for every prompt: say how many rows");
		goto fail;
	}
	r->count_held = oc_str_is(oc_json_get_str(r->keep, "held"), "counted");
	if (oc_json_get_str(r->keep, "sums").len)
		r->sums = oc_sums_new();
	if ((r->sums || oc_keeper_wants_seeds(r->keeper)) &&
	    oc_seeder_each(r->seeder, meet_seed, r, err))
		goto fail;
	*out = r;
	return 0;
fail:
	oc_recipe_close(r);
	return -1;
}

void oc_recipe_close(struct oc_recipe *r)
{
	if (!r)
		return;
	oc_round_abandon(r);
	oc_seeder_close(r->seeder);
	oc_parser_close(r->parser);
	oc_expander_close(r->expander);
	oc_keeper_close(r->keeper);
	oc_sums_free(r->sums);
	oc_batch_free(r->made);
	oc_arena_free(r->round_arena);
	oc_arena_free(r->arena);
	free(r->rule);
	free(r);
}

/* Judges a row that was just made, counts it and gives it its fate. */
static int settle(struct oc_recipe *r, struct oc_row *row, const struct oc_expanded *x,
                  struct oc_err *err)
{
	struct oc_cell *cell = NULL;
	struct oc_str expression = {0};
	bool right = true;

	if (r->sums && x->value && x->rule == NULL) {
		expression = oc_json_str(oc_json_path(x->value, oc_json_get_str(r->keep, "sums")));
		oc_sums_add(r->sums, OC_SUM_GENERATED, expression);
	}
	r->count.readable += x->value != NULL;
	if (oc_row_parse(row, err)) /* one that falls is shown as an object too */
		return -1;
	if (x->rule) {
		oc_row_reject(row, r->name, x->rule, x->why);
	} else {
		if (oc_keeper_judge(r->keeper, row, err))
			return -1;
		if (!oc_cells_place(r, x->value, &cell) && row->fate == OC_LIVE)
			oc_row_reject(row, r->name, "other_cell", (struct oc_str){0});
	}
	struct oc_str by = oc_json_get_str(r->keep, "right_by");
	for (uint32_t i = 0; i < row->verdict_n && by.len; i++) {
		const struct oc_verdict *v = &row->verdicts[i];
		size_t at = v->stage.len - by.len;
		if (v->stage.len > by.len && v->stage.p[at - 1] == '.' &&
		    memcmp(v->stage.p + at, by.p, by.len) == 0 && v->result != OC_KEEP &&
		    v->result != OC_FLAG)
			right = false;
	}
	if ((row->fate == OC_LIVE || (row->fate == OC_HELD && r->count_held)) &&
	    ((r->rows && oc_recipe_done(r) >= r->rows) || (cell && cell->kept >= cell->quota)))
		row->fate = OC_UNUSED;
	if (expression.len && right && !x->rule)
		oc_sums_add(r->sums, OC_SUM_RIGHT, expression);
	switch (row->fate) {
	case OC_LIVE:
		r->count.kept++;
		if (cell)
			cell->kept++;
		if (expression.len)
			oc_sums_add(r->sums, OC_SUM_KEPT, expression);
		return oc_seeder_kept(r->seeder, row, err);
	case OC_REJECTED: {
		const struct oc_verdict *v = &row->verdicts[row->verdict_n - 1];
		oc_recipe_count_rule(r, v->stage, v->rule);
		break;
	}
	case OC_HELD: r->count.held++; break;
	case OC_UNUSED: r->count.unused++; break;
	case OC_MERGED: break;
	}
	return 0;
}

static struct oc_row *new_row(struct oc_recipe *r, const struct oc_slot *slot, size_t index,
                              struct oc_str raw, struct oc_str extra, unsigned repairs)
{
	struct oc_row *row = oc_batch_add(r->made);
	const struct oc_prompt *p = slot->prompt;
	struct oc_arena *a = r->made->arena;
	struct oc_pedigree *ped = &row->ped;
	struct oc_buf b = {0};
	bool at_least = false;
	uint32_t depth = r->llm->ops->depth(r->llm, &at_least);

	row->raw = oc_arena_str(a, raw);
	row->arena = a;
	ped->key =
		oc_arena_printf(a, "%s:%llu.%zu", r->name, (unsigned long long)slot->number, index);
	ped->origin = OC_SYNTHETIC;
	ped->source = r->source;
	ped->row = r->count.made++;
	ped->recipe = r->recipe;
	ped->model = oc_arena_str(a, slot->reply.model);
	if (!ped->model.len)
		ped->model = oc_arena_str(a, oc_str(r->llm->ops->identity(r->llm)));
	ped->params = r->params;
	ped->requests = oc_arena_zalloc(a, 2 * sizeof *ped->requests);
	if (slot->cut[0])
		ped->requests[ped->request_n++] = oc_arena_str(a, oc_str(slot->cut));
	if (slot->reply.key[0])
		ped->requests[ped->request_n++] = oc_arena_str(a, oc_str(slot->reply.key));
	oc_prompt_parents(r, p, a, ped);
	if (ped->depth > depth)
		depth = ped->depth;
	ped->depth = depth + 1;
	ped->depth_at_least |= at_least;
	/* what the prompt asked for, how the reply ended, what the reader had to mend */
	oc_buf_puts(&b, "{");
	if (extra.len > 2)
		oc_buf_add(&b, extra.p + 1, extra.len - 2);
	if (p->ask && yyjson_obj_size(p->ask)) {
		oc_buf_puts(&b, b.len > 1 ? ",\"asked\":" : "\"asked\":");
		oc_json_write(&b, p->ask);
	}
	if (slot->reply.finish.len && !oc_str_is(slot->reply.finish, "stop")) {
		oc_buf_puts(&b, b.len > 1 ? ",\"finish\":" : "\"finish\":");
		oc_buf_json(&b, slot->reply.finish);
	}
	if (repairs) {
		oc_buf_puts(&b, b.len > 1 ? ",\"repaired\":" : "\"repaired\":");
		oc_repairs_write(&b, repairs);
	}
	oc_buf_puts(&b, "}");
	if (b.len > 2)
		ped->extra = oc_arena_str(a, oc_buf_view(&b));
	oc_buf_fini(&b);
	return row;
}

static struct oc_str raw_text(struct oc_arena *a, struct oc_str text)
{
	struct oc_buf b = {0};
	struct oc_str s;

	oc_buf_puts(&b, "{\"raw\":");
	oc_buf_json(&b, oc_utf8_check(text) >= 0 ? oc_utf8_repair(a, text) : text);
	oc_buf_putc(&b, '}');
	s = oc_arena_str(a, oc_buf_view(&b));
	oc_buf_fini(&b);
	return s;
}

/* A reply that gives no item is one row all the same. */
static int lost(struct oc_recipe *r, const struct oc_slot *slot, struct oc_str text,
                const char *rule, struct oc_str reason, struct oc_err *err)
{
	struct oc_arena *a = r->made->arena;
	struct oc_row *row = new_row(r, slot, 0, raw_text(a, text), (struct oc_str){0}, 0);
	struct oc_buf b = {0};

	if (oc_row_parse(row, err))
		return -1;
	if (reason.len)
		oc_buf_json(&b, oc_utf8_check(reason) >= 0 ? oc_utf8_repair(a, reason) : reason);
	oc_row_reject(row, r->name, rule, oc_arena_str(a, oc_buf_view(&b)));
	oc_buf_fini(&b);
	oc_recipe_count_rule(r, oc_str(r->name), oc_str(rule));
	return 0;
}

int oc_slot_rows(struct oc_recipe *r, struct oc_slot *slot, struct oc_err *err)
{
	const struct oc_prompt *p = slot->prompt;
	struct oc_arena *a = r->made->arena;
	bool cut = oc_str_is(slot->reply.finish, "length");
	struct oc_scope ask, seeds, seed;
	struct oc_item *item;
	size_t item_n;

	r->count.prompt_tokens += slot->reply.usage.prompt_tokens;
	r->count.completion_tokens += slot->reply.usage.completion_tokens;
	if (slot->reply.state == OC_REPLY_FAILED) {
		r->count.failed++;
		return lost(r, slot, slot->reply.raw, "request_failed", slot->reply.error, err);
	}
	r->count.replies++;
	r->count.cut += cut;
	if (cut && r->drop_cut)
		return lost(r, slot, slot->reply.text, "cut_off", (struct oc_str){0}, err);
	oc_prompt_scope(r, p, &ask, &seeds, &seed);
	if (oc_parser_run(r->parser, a, slot->reply.text, cut, &seed, &item, &item_n, err))
		return -1;
	if (!item_n && lost(r, slot, slot->reply.text, "unreadable", (struct oc_str){0}, err))
		return -1;
	for (size_t i = 0; i < item_n; i++) {
		struct oc_expanded x;
		if (oc_expand(r->expander, a, &item[i], &p->shown, &seed, &x, err))
			return -1;
		struct oc_row *row = new_row(r, slot, i, x.raw, x.extra, item[i].repairs);
		if (settle(r, row, &x, err))
			return -1;
	}
	return 0;
}

int oc_recipe_next(struct oc_recipe *r, struct oc_batch *batch, struct oc_err *err)
{
	size_t bytes = 0;

	for (;;) {
		while (r->made_at < r->made->row_n) {
			const struct oc_row *from = &r->made->rows[r->made_at];
			if (batch->row_n == batch->row_cap ||
			    (batch->row_n && bytes + from->raw.len > OC_BATCH_BYTES))
				return 1;
			oc_row_copy(oc_batch_add(batch), from, batch->arena);
			if (r->tell)
				r->tell(r->tell_user, from);
			bytes += from->raw.len;
			r->made_at++;
		}
		oc_batch_reset(r->made);
		r->made_at = 0;
		if (r->at < r->slot_n) {
			if (oc_round_next(r, err))
				return -1;
			continue;
		}
		/* a batch ends with its round: its bounds depend on nothing else */
		if (r->slot_n) {
			oc_round_end(r);
			if (batch->row_n)
				return 1;
		}
		int rc = oc_round_begin(r, err);
		if (rc <= 0)
			return rc;
	}
}
