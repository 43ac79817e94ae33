/*
 * exact: the first of several rows with the same content stays. Rows come in priority order, so
 * the real twin wins over the synthetic one, the shallow one over the deep one.
 *
 * Content is the canonical JSON of the chosen fields, or of the whole row without the ignored ones
 * (its label, as a rule): member order, white space and the spelling of numbers do not matter.
 * Compared are XXH3-128 hashes: among 10^10 rows an accidental match has a chance of 1.5e-19.
 *
 * Memory: 16 bytes of hash, its slot and the row's key: at most 100 bytes a distinct row with keys
 * of up to 20 bytes.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "data/row.h"

struct entry {
	struct oc_hash128 hash;
	uint64_t key; /* into keys: u32 length, bytes */
};

struct exact {
	char *name;
	uint64_t memory;
	struct oc_arena *arena;
	struct oc_str *fields, *ignored;
	uint32_t field_n, ignored_n;

	struct entry *entries;
	uint64_t entry_n, entry_cap;
	uint64_t *slots; /* 1 + entry, 0 = free */
	uint64_t slot_cap;
	struct oc_buf keys;
};

static const struct oc_option options[] = {
	{.key = "fields",
         .type = OC_OPT_STRS,
         .help = "Fields that must be equal for two rows to be the same; without it, the whole "
                 "row."},
	{.key = "ignore",
         .type = OC_OPT_STRS,
         .def = "[id]",
         .help = "Top-level members left out when whole rows are compared."},
	{0},
};

static struct oc_str *strings(struct oc_arena *a, yyjson_val *list, uint32_t *n)
{
	struct oc_str *out = oc_arena_zalloc(a, (yyjson_arr_size(list) + 1) * sizeof *out);
	size_t i, max;
	yyjson_val *item;

	yyjson_arr_foreach(list, i, max, item)
	{
		out[i] = oc_arena_str(a, oc_json_str(item));
	}
	*n = (uint32_t)yyjson_arr_size(list);
	return out;
}

static int open_exact(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct exact *x = oc_zalloc(1, sizeof *x);

	(void)err;
	x->name = oc_strdup(env->name);
	x->memory = env->memory;
	x->arena = oc_arena_new();
	x->fields = strings(x->arena, oc_json_get(opts, "fields"), &x->field_n);
	x->ignored = strings(x->arena, oc_json_get(opts, "ignore"), &x->ignored_n);
	x->slot_cap = 1024;
	x->slots = oc_zalloc(x->slot_cap, sizeof *x->slots);
	*self = x;
	return 0;
}

static void close_exact(void *self)
{
	struct exact *x = self;

	if (!x)
		return;
	oc_arena_free(x->arena);
	oc_buf_fini(&x->keys);
	free(x->entries);
	free(x->slots);
	free(x->name);
	free(x);
}

static void *scratch_new(void *self)
{
	(void)self;
	return oc_zalloc(1, sizeof(struct oc_buf));
}

static void scratch_free(void *scratch)
{
	oc_buf_fini(scratch);
	free(scratch);
}

static bool is_ignored(const struct exact *x, struct oc_str key)
{
	for (uint32_t i = 0; i < x->ignored_n; i++)
		if (oc_str_eq(x->ignored[i], key))
			return true;
	return false;
}

struct member {
	struct oc_str key;
	yyjson_val *value;
};

static int by_key(const void *a, const void *b)
{
	return oc_str_cmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static void write_member(struct oc_buf *b, struct oc_str key, yyjson_val *value)
{
	oc_buf_json(b, key);
	oc_buf_putc(b, ':');
	if (value)
		oc_json_canonical(b, value);
	oc_buf_putc(b, ',');
}

static struct oc_hash128 content(const struct exact *x, const struct oc_row *row, struct oc_buf *b)
{
	b->len = 0;
	if (x->field_n) {
		for (uint32_t i = 0; i < x->field_n; i++)
			write_member(b, x->fields[i], oc_json_path(row->root, x->fields[i]));
	} else {
		size_t n = 0, i, max;
		yyjson_val *key, *value;
		struct member *members = oc_arena_alloc(
			row->arena, (yyjson_obj_size(row->root) + 1) * sizeof *members);
		yyjson_obj_foreach(row->root, i, max, key, value)
		{
			struct oc_str name = oc_json_str(key);
			if (!is_ignored(x, name))
				members[n++] = (struct member){name, value};
		}
		if (n > 1)
			qsort(members, n, sizeof *members, by_key);
		for (i = 0; i < n; i++)
			write_member(b, members[i].key, members[i].value);
	}
	return oc_hash128(b->p, b->len);
}

static int prepare(void *self, void *scratch, struct oc_row *row, void **note, struct oc_err *err)
{
	struct oc_hash128 hash = content(self, row, scratch);

	(void)err;
	*note = oc_arena_dup(row->arena, &hash, sizeof hash);
	return 0;
}

static uint64_t *slot_of(const struct exact *x, struct oc_hash128 hash)
{
	uint64_t mask = x->slot_cap - 1;

	for (uint64_t i = hash.lo & mask;; i = (i + 1) & mask) {
		uint64_t *slot = &x->slots[i];
		if (!*slot)
			return slot;
		const struct entry *e = &x->entries[*slot - 1];
		if (e->hash.lo == hash.lo && e->hash.hi == hash.hi)
			return slot;
	}
}

static int insert(struct exact *x, struct oc_hash128 hash, struct oc_str key, struct oc_err *err)
{
	uint32_t len = (uint32_t)key.len;

	if (2 * (x->entry_n + 1) > x->slot_cap) {
		free(x->slots);
		x->slot_cap *= 2;
		x->slots = oc_zalloc(x->slot_cap, sizeof *x->slots);
		for (uint64_t i = 0; i < x->entry_n; i++)
			*slot_of(x, x->entries[i].hash) = i + 1;
	}
	if (x->entry_n == x->entry_cap) {
		x->entry_cap = x->entry_cap ? 2 * x->entry_cap : 1024;
		x->entries = oc_realloc(x->entries, x->entry_cap * sizeof *x->entries);
	}
	*slot_of(x, hash) = x->entry_n + 1;
	x->entries[x->entry_n++] = (struct entry){hash, x->keys.len};
	oc_buf_add(&x->keys, &len, sizeof len);
	oc_buf_add(&x->keys, key.p, len);

	uint64_t held =
		x->slot_cap * sizeof *x->slots + x->entry_cap * sizeof *x->entries + x->keys.cap;
	if (x->memory && held > x->memory && x->entry_n > 1024)
		return oc_fail(err, OC_MISSING, x->name,
		               "%llu distinct rows need %llu bytes, more than the %llu this step "
		               "may hold: raise `memory:`, or use near_dup, which sorts on disk",
		               (unsigned long long)x->entry_n, (unsigned long long)held,
		               (unsigned long long)x->memory);
	return 0;
}

static int ordered(void *self, struct oc_row *row, void *note, struct oc_buf *state,
                   struct oc_err *err)
{
	struct exact *x = self;
	struct oc_hash128 hash;
	struct oc_buf b = {0};

	if (note)
		hash = *(struct oc_hash128 *)note;
	else
		hash = content(x, row, &b);
	b.len = 0;
	uint64_t *slot = slot_of(x, hash);
	if (*slot) {
		const char *key = x->keys.p + x->entries[*slot - 1].key;
		uint32_t len;
		memcpy(&len, key, sizeof len);
		oc_buf_puts(&b, "{\"same_as\":");
		oc_buf_json(&b, (struct oc_str){key + sizeof len, len});
		oc_buf_putc(&b, '}');
		oc_row_reject(row, x->name, "duplicate", oc_buf_view(&b));
		oc_buf_fini(&b);
		return 0;
	}
	oc_buf_fini(&b);
	uint32_t len = (uint32_t)row->ped.key.len;
	oc_buf_add(state, &hash, sizeof hash);
	oc_buf_add(state, &len, sizeof len);
	oc_buf_add(state, row->ped.key.p, len);
	return insert(x, hash, row->ped.key, err);
}

static int restore(void *self, const char *state, size_t len, struct oc_err *err)
{
	struct exact *x = self;

	while (len) {
		struct oc_hash128 hash;
		uint32_t key_len;
		if (len < sizeof hash + sizeof key_len)
			return oc_fail(err, OC_IO, x->name, "a state record is cut short");
		memcpy(&hash, state, sizeof hash);
		memcpy(&key_len, state + sizeof hash, sizeof key_len);
		state += sizeof hash + sizeof key_len;
		len -= sizeof hash + sizeof key_len;
		if (len < key_len)
			return oc_fail(err, OC_IO, x->name, "a state record is cut short");
		if (insert(x, hash, (struct oc_str){state, key_len}, err))
			return -1;
		state += key_len;
		len -= key_len;
	}
	return 0;
}

extern const struct oc_stage_def oc_stage_exact;
const struct oc_stage_def oc_stage_exact = {
	.size = sizeof(struct oc_stage_def),
	.name = "exact",
	.help = "drop rows whose content another row had before",
	.doc = "The first row in priority order stays (real before synthetic, shallow before "
	       "deep). "
	       "Content is compared as canonical JSON, so member order and number spelling do not "
	       "matter. Rejects as `duplicate` with the key of the row that stayed. Holds at most "
	       "100 bytes per distinct row.",
	.kind = OC_STAGE_ORDERED,
	.options = options,
	.open = open_exact,
	.close = close_exact,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.prepare = prepare,
	.ordered = ordered,
	.restore = restore,
};
