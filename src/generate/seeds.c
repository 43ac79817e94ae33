/* seeds.c: which rows a prompt shows. Keeps row numbers, reads rows when they are drawn. */
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "generate/steps.h"

/* A row that may be shown. */
struct entry {
	uint64_t row;   /* number in the leg, or index of the example */
	uint64_t agree; /* hash of the `prefer` fields */
	bool example;
};

struct group {
	uint64_t agree;
	uint64_t *entry; /* (n) indexes into entries */
	uint64_t n, cap;
};

struct oc_seeder {
	struct oc_arena *arena; /* examples and kept rows */
	struct oc_leg *leg;
	struct oc_derive *derive;
	struct oc_batch *batch;
	yyjson_val *block;
	struct oc_str *sources, *prefer, *require;
	size_t source_n, prefer_n, require_n;
	uint32_t n, made;
	bool once;
	struct oc_rng rng;

	struct entry *entry; /* (entry_n) */
	uint64_t entry_n, entry_cap, row_n;
	struct group *group; /* (group_n) */
	size_t group_n;
	yyjson_val **example;
	struct oc_seed *kept; /* (kept_n) */
	uint64_t kept_n, kept_cap;
};

static struct oc_str *strings(struct oc_arena *a, yyjson_val *list, size_t *n)
{
	struct oc_str *out = oc_arena_zalloc(a, (yyjson_arr_size(list) + 1) * sizeof *out);
	size_t i, max;
	yyjson_val *v;

	*n = 0;
	yyjson_arr_foreach(list, i, max, v)
	{
		out[(*n)++] = oc_arena_str(a, oc_json_str(v));
	}
	return out;
}

/* The source's name is the key without its last part: "people:17". */
static bool from_sources(const struct oc_seeder *s, const struct oc_row *row)
{
	struct oc_str key = row->ped.key;

	while (key.len && key.p[key.len - 1] != ':')
		key.len--;
	if (key.len)
		key.len--;
	for (size_t i = 0; i < s->source_n; i++)
		if (oc_str_eq(s->sources[i], key))
			return true;
	return !s->source_n;
}

static uint64_t agreement(const struct oc_seeder *s, yyjson_val *value)
{
	struct oc_buf b = {0};
	uint64_t h;

	for (size_t i = 0; i < s->prefer_n; i++) {
		oc_value_text(&b, oc_json_path(value, s->prefer[i]));
		oc_buf_putc(&b, 0);
	}
	h = oc_hash64(b.p, b.len, 0);
	oc_buf_fini(&b);
	return h;
}

static bool complete(const struct oc_seeder *s, yyjson_val *value)
{
	for (size_t i = 0; i < s->require_n; i++) {
		yyjson_val *v = oc_json_path(value, s->require[i]);
		if (!v || yyjson_is_null(v) ||
		    (yyjson_is_str(v) && !oc_str_trim(oc_json_str(v)).len))
			return false;
	}
	return true;
}

static void add_entry(struct oc_seeder *s, uint64_t row, bool example, yyjson_val *value)
{
	struct entry *e;
	struct group *g = NULL;

	if (s->entry_n == s->entry_cap) {
		s->entry_cap = s->entry_cap ? 2 * s->entry_cap : 1024;
		s->entry = oc_realloc(s->entry, s->entry_cap * sizeof *s->entry);
	}
	e = &s->entry[s->entry_n];
	*e = (struct entry){row, agreement(s, value), example};
	if (s->prefer_n) {
		for (size_t i = 0; i < s->group_n && !g; i++)
			if (s->group[i].agree == e->agree)
				g = &s->group[i];
		if (!g) {
			s->group = oc_realloc(s->group, (s->group_n + 1) * sizeof *s->group);
			g = &s->group[s->group_n++];
			*g = (struct group){.agree = e->agree};
		}
		if (g->n == g->cap) {
			g->cap = g->cap ? 2 * g->cap : 64;
			g->entry = oc_realloc(g->entry, g->cap * sizeof *g->entry);
		}
		g->entry[g->n++] = s->entry_n;
	}
	s->entry_n++;
}

static int row_value(struct oc_seeder *s, struct oc_arena *a, struct oc_str raw, yyjson_val **out,
                     struct oc_err *err)
{
	const char *why;
	struct oc_err own = {0};
	yyjson_val *value = oc_json_parse(a, raw, &own);

	*out = NULL;
	if (!yyjson_is_obj(value))
		return 0;
	value = oc_derive(s->derive, a, value, &why, err);
	if (!value)
		return why ? 0 : -1;
	if (complete(s, value))
		*out = value;
	return 0;
}

int oc_seeder_each(struct oc_seeder *s,
                   int (*fn)(void *user, struct oc_row *row, yyjson_val *value, struct oc_err *err),
                   void *user, struct oc_err *err)
{
	uint64_t at = 0, end = s->leg ? oc_leg_rows(s->leg) : 0;
	struct oc_batch *batch = oc_batch_new(OC_BATCH_ROWS);
	int rc = -1;

	while (at < end) {
		oc_batch_reset(batch);
		if (oc_leg_read(s->leg, at, batch, err))
			goto out;
		if (!batch->row_n)
			break;
		for (uint32_t i = 0; i < batch->row_n; i++) {
			struct oc_row *row = &batch->rows[i];
			yyjson_val *value;
			if (row->test || row->fate != OC_LIVE || !from_sources(s, row))
				continue;
			if (row_value(s, batch->arena, row->raw, &value, err))
				goto out;
			row->number = at + i;
			if (value && fn(user, row, value, err))
				goto out;
		}
		at += batch->row_n;
	}
	rc = 0;
out:
	oc_batch_free(batch);
	return rc;
}

static int note_row(void *user, struct oc_row *row, yyjson_val *value, struct oc_err *err)
{
	(void)err;
	add_entry(user, row->number, false, value);
	return 0;
}

static int add_examples(struct oc_seeder *s, const char *where, struct oc_err *err)
{
	yyjson_val *list = oc_json_get(s->block, "examples"), *v;
	size_t i, n;

	s->example = oc_arena_zalloc(s->arena, (yyjson_arr_size(list) + 1) * sizeof(yyjson_val *));
	yyjson_arr_foreach(list, i, n, v)
	{
		const char *why = "no mapping";
		yyjson_val *made =
			yyjson_is_obj(v) ? oc_derive(s->derive, s->arena, v, &why, err) : NULL;
		s->example[i] = made;
		/* one that lies outside what is asked for is left out, as a row would be */
		if (made)
			add_entry(s, i, true, made);
		else if (!why)
			return oc_fail_in(err, where);
	}
	return 0;
}

int oc_seeder_open(struct oc_seeder **out, yyjson_val *block, struct oc_leg *leg,
                   yyjson_val *sources, uint64_t seed, const char *stream, struct oc_err *err)
{
	struct oc_seeder *s = oc_zalloc(1, sizeof *s);
	yyjson_val *from = oc_json_get(block, "from");

	s->arena = oc_arena_new();
	s->leg = leg;
	s->block = block;
	s->n = (uint32_t)oc_json_get_int(block, "n", 0);
	s->made = (uint32_t)oc_json_get_int(block, "made", 0);
	s->once = oc_str_is(oc_json_get_str(block, "draw"), "once");
	s->sources = strings(s->arena, yyjson_arr_size(from) ? from : sources, &s->source_n);
	s->prefer = strings(s->arena, oc_json_get(block, "prefer"), &s->prefer_n);
	s->require = strings(s->arena, oc_json_get(block, "require"), &s->require_n);
	oc_rng_init(&s->rng, seed, stream);
	if (oc_derive_open(&s->derive, block, stream, err))
		goto fail;
	s->batch = oc_batch_new(1);
	if (s->once && s->n != 1) {
		oc_fail(err, OC_PLAN, stream, "seed: draw: once shows one row a prompt: set n: 1");
		goto fail;
	}
	if (s->made > s->n) {
		oc_fail(err, OC_PLAN, stream, "seed: `made` (%u) is more than `n` (%u)", s->made,
		        s->n);
		goto fail;
	}
	if (s->n && oc_seeder_each(s, note_row, s, err))
		goto fail;
	s->row_n = s->entry_n;
	if (s->entry_n < s->n && add_examples(s, stream, err))
		goto fail;
	*out = s;
	return 0;
fail:
	oc_seeder_close(s);
	return -1;
}

void oc_seeder_close(struct oc_seeder *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->group_n; i++)
		free(s->group[i].entry);
	free(s->group);
	free(s->entry);
	free(s->kept);
	oc_derive_close(s->derive);
	oc_batch_free(s->batch);
	oc_arena_free(s->arena);
	free(s);
}

uint64_t oc_seeder_rows(const struct oc_seeder *s)
{
	return s->row_n;
}

bool oc_seeder_once(const struct oc_seeder *s)
{
	return s->once;
}

bool oc_seeder_feeds_back(const struct oc_seeder *s)
{
	return s->made > 0;
}

static struct oc_str *copy_strs(struct oc_arena *a, const struct oc_str *from, uint32_t n)
{
	struct oc_str *to = oc_arena_alloc(a, (n + 1) * sizeof *to);

	for (uint32_t i = 0; i < n; i++)
		to[i] = oc_arena_str(a, from[i]);
	return to;
}

/* What a child inherits of a row, copied into the arena. */
static void inherit(struct oc_arena *a, struct oc_seed *out, const struct oc_row *row,
                    yyjson_val *value)
{
	const struct oc_pedigree *p = &row->ped;

	*out = (struct oc_seed){
		.value = value,
		.key = oc_arena_str(a, p->key),
		.licence = oc_arena_str(a, p->licence),
		.founders = copy_strs(a, p->founders, p->founder_n),
		.founder_n = p->founder_n,
		.depth = p->depth,
		.depth_at_least = p->depth_at_least,
		.span = p->span,
		.extra = oc_arena_str(a, p->extra),
	};
	out->span.file = oc_arena_str(a, p->span.file);
	if (!p->founder_n && p->origin == OC_REAL) {
		out->founders = copy_strs(a, &p->key, 1);
		out->founder_n = 1;
	}
}

int oc_seeder_kept(struct oc_seeder *s, const struct oc_row *row, struct oc_err *err)
{
	yyjson_val *value;

	if (!s->made)
		return 0;
	if (row_value(s, s->arena, row->raw, &value, err))
		return -1;
	if (!value)
		return 0;
	if (s->kept_n == s->kept_cap) {
		s->kept_cap = s->kept_cap ? 2 * s->kept_cap : 256;
		s->kept = oc_realloc(s->kept, s->kept_cap * sizeof *s->kept);
	}
	inherit(s->arena, &s->kept[s->kept_n++], row, value);
	return 0;
}

static int load(struct oc_seeder *s, struct oc_arena *a, const struct entry *e, struct oc_seed *out,
                struct oc_err *err)
{
	yyjson_val *value;

	if (e->example) {
		*out = (struct oc_seed){.value = s->example[e->row]};
		return 0;
	}
	oc_batch_reset(s->batch);
	if (oc_leg_read(s->leg, e->row, s->batch, err))
		return -1;
	if (!s->batch->row_n)
		return oc_fail(err, OC_INTERNAL, "seed", "row %llu of the leg is missing",
		               (unsigned long long)e->row);
	if (row_value(s, a, s->batch->rows[0].raw, &value, err))
		return -1;
	inherit(a, out, &s->batch->rows[0], value);
	return 0;
}

/* Uniform on 0..n-1, and so that a row added behind the others changes one draw in n only: prompts
 * that are paid for stay as they were. Jump consistent hash (Lamping and Veach 2014), O(log n). */
static uint64_t draw_stable(struct oc_draws *d, uint64_t n)
{
	uint64_t key = oc_draw_u64(d), at = 0, next = 0;

	while (next < n) {
		at = next;
		key = key * 2862933555777941757u + 1;
		next = (uint64_t)((double)(at + 1) * (2147483648.0 / (double)((key >> 33) + 1)));
	}
	return at;
}

/* Draws `want` distinct entries among `pool` (NULL: all), none of which is in chosen[0..have). */
static uint32_t draw(struct oc_draws *d, const uint64_t *pool, uint64_t pool_n, uint64_t *chosen,
                     uint32_t have, uint32_t want)
{
	uint32_t begin = have;
	uint64_t fresh = pool_n - (pool ? 0 : have); /* what was chosen before lies in `all` */

	if (want > fresh)
		want = (uint32_t)fresh;
	while (have - begin < want) {
		uint64_t at = draw_stable(d, pool_n);
		bool again = false;
		if (pool)
			at = pool[at];
		for (uint32_t i = 0; i < have && !again; i++)
			again = chosen[i] == at;
		if (!again)
			chosen[have++] = at;
	}
	return have;
}

int oc_seeder_draw(struct oc_seeder *s, struct oc_arena *a, uint64_t prompt, yyjson_val *ask,
                   struct oc_shown *out, struct oc_err *err)
{
	struct oc_draws d;
	uint32_t have = 0, made = s->made < s->kept_n ? s->made : (uint32_t)s->kept_n;
	uint64_t chosen[1000], *kept = chosen;

	*out = (struct oc_shown){0};
	out->seed = oc_arena_zalloc(a, (s->n + 1) * sizeof *out->seed);
	if (!s->n)
		return 1;
	if (s->once) {
		if (prompt >= s->entry_n)
			return 0;
		out->n = 1;
		return load(s, a, &s->entry[prompt], &out->seed[0], err) ? -1 : 1;
	}
	if (!s->entry_n)
		return oc_fail(
			err, OC_INPUT, "seed",
			"no row can be shown to the model: in the sources named under `seeds:` "
			"(none: all) no row is what the recipe's `seed` step wants with "
			"these options; `outcross plan --expand` shows that step");
	oc_draws_init(&d, &s->rng, prompt);
	for (size_t i = 0; ask && i < s->group_n; i++)
		if (s->group[i].agree == agreement(s, ask))
			have = draw(&d, s->group[i].entry, s->group[i].n, chosen, 0, s->n - made);
	have = draw(&d, NULL, s->entry_n, chosen, have, s->n - made - have);
	for (uint32_t i = 0; i < have; i++)
		if (load(s, a, &s->entry[chosen[i]], &out->seed[out->n++], err))
			return -1;
	have = draw(&d, NULL, s->kept_n, kept, 0, made);
	for (uint32_t i = 0; i < have; i++)
		out->seed[out->n++] = s->kept[kept[i]];
	/* rows people and the model wrote stand in no order */
	for (uint32_t i = out->n; i > 1 && s->made; i--) {
		uint64_t j = oc_draw_below(&d, i);
		struct oc_seed swap = out->seed[i - 1];
		out->seed[i - 1] = out->seed[j];
		out->seed[j] = swap;
	}
	return 1;
}
