#include "run/measures.h"

#include <stdlib.h>

#include "base/hash.h"
#include "pipe/spill.h"
#include "text/view.h"

#define DEPTH_MAX   8  /* deeper rows share the last line */
#define BIN_N       24 /* lengths in words: 0, 1, 2-3, 4-5, 6-7, 8-11, ... two bins an octave */
#define EXAMPLE_N   20
#define LICENCE_MAX 64

enum group { REAL, SYNTHETIC, UNKNOWN, HELD_OUT, GROUP_N };

static const char *const group_names[] = {"real", "synthetic", "unknown", "held_out"};

/* A founder's share of a row, to be sorted by founder. */
struct share {
	uint64_t founder; /* a hash */
	double mass;
};

struct example {
	uint64_t rank;
	struct oc_str key, raw;
};

struct oc_measures {
	uint64_t bins[GROUP_N][BIN_N];
	uint64_t rows[GROUP_N], tokens[GROUP_N];
	uint64_t depth_rows[DEPTH_MAX + 1], depth_tokens[DEPTH_MAX + 1];
	bool depth_at_least;
	struct oc_env env;
	struct oc_sort *shares; /* struct share; NULL: none yet */
	uint64_t founders;      /* when all rows were counted */
	double mass, squares;
	bool unique;      /* every real row goes out once, and nothing descends from one */
	uint64_t lone;    /* real rows counted without the table, because of that */
	uint64_t without; /* rows that descend from no real row */
	struct {
		struct oc_str name;
		uint64_t rows;
	} licences[LICENCE_MAX];
	unsigned licence_n;
	struct oc_arena *arena;
	struct example examples[EXAMPLE_N];
	unsigned example_n;
};

struct oc_measures *oc_measures_new(bool unique, const struct oc_env *env)
{
	struct oc_measures *m = oc_zalloc(1, sizeof *m);

	m->unique = unique;
	m->env = *env;
	m->arena = oc_arena_new();
	return m;
}

void oc_measures_free(struct oc_measures *m)
{
	if (!m)
		return;
	oc_sort_free(m->shares);
	oc_arena_free(m->arena);
	free(m);
}

static enum group group_of(const struct oc_row *row)
{
	return row->test ? HELD_OUT : (enum group)row->ped.origin;
}

/* Bin 0: no word; bin 1: one; then 2, 3, 4-5, 6-7, 8-11, 12-15, ...: two an octave. */
static unsigned bin_of(uint32_t words)
{
	if (words < 2)
		return words;
	unsigned octave = 31 - (unsigned)__builtin_clz(words);
	unsigned bin = 2 * octave + (words >> (octave - 1) & 1);
	return bin < BIN_N ? bin : BIN_N - 1;
}

static uint32_t bin_start(unsigned bin)
{
	return bin < 2 ? bin : (bin & 1 ? 3u : 2u) << (bin / 2 - 1);
}

static uint32_t words_of(const struct oc_row *row, yyjson_val *v)
{
	uint32_t n = 0;
	size_t i, size;
	yyjson_val *key, *item;

	if (yyjson_is_str(v))
		return oc_view_words_in(row, oc_json_str(v));
	if (yyjson_is_arr(v))
		yyjson_arr_foreach(v, i, size, item) n += words_of(row, item);
	if (yyjson_is_obj(v))
		yyjson_obj_foreach(v, i, size, key, item) n += words_of(row, item);
	return n;
}

void oc_measures_row(struct oc_row *row)
{
	row->words = words_of(row, row->root);
}

static int founder_add(struct oc_measures *m, struct oc_str name, double mass, struct oc_err *err)
{
	struct share share = {oc_hash64(name.p, name.len, 0), mass};

	if (!m->shares)
		m->shares = oc_sort_new(m->env.ctx, m->env.work_dir, sizeof share,
		                        sizeof share.founder, m->env.memory / 8, err);
	return m->shares ? oc_sort_add(m->shares, &share, 1, err) : -1;
}

/* All shares of a founder are known. */
static void founder_end(struct oc_measures *m, double mass)
{
	m->founders++;
	m->mass += mass;
	m->squares += mass * mass;
}

int oc_measures_end(struct oc_measures *m, struct oc_err *err)
{
	struct share last = {0};
	const void *part;
	size_t n;

	if (!m->shares)
		return 0;
	if (oc_sort_done(m->shares, err))
		return -1;
	do {
		if (oc_sort_next(m->shares, &part, &n, err))
			return -1;
		const struct share *s = part;
		for (size_t i = 0; i < n; i++) {
			if (last.mass > 0 && s[i].founder == last.founder) {
				last.mass += s[i].mass;
				continue;
			}
			if (last.mass > 0)
				founder_end(m, last.mass);
			last = s[i];
		}
	} while (n);
	founder_end(m, last.mass);
	oc_sort_free(m->shares);
	m->shares = NULL;
	return 0;
}

static void licence_add(struct oc_measures *m, struct oc_str name)
{
	unsigned i = 0;

	while (i < m->licence_n && !oc_str_eq(m->licences[i].name, name))
		i++;
	if (i == m->licence_n) {
		if (i == LICENCE_MAX)
			return;
		m->licences[m->licence_n++].name = oc_arena_str(m->arena, name);
	}
	m->licences[i].rows++;
}

/* Keeps the machine-made rows of lowest hash: a random sample that does not depend on order. */
static void example_add(struct oc_measures *m, const struct oc_row *row)
{
	uint64_t rank = oc_hash64(row->ped.key.p, row->ped.key.len, 7);
	unsigned at = m->example_n;

	if (at == EXAMPLE_N && rank >= m->examples[at - 1].rank)
		return;
	for (unsigned i = 0; i < m->example_n; i++)
		if (oc_str_eq(m->examples[i].key, row->ped.key))
			return; /* a mix may take a row more than once */
	if (at < EXAMPLE_N)
		m->example_n++;
	else
		at--;
	for (; at > 0 && m->examples[at - 1].rank > rank; at--)
		m->examples[at] = m->examples[at - 1];
	m->examples[at] = (struct example){rank, oc_arena_str(m->arena, row->ped.key),
	                                   oc_arena_str(m->arena, row->raw)};
}

static int founders_count(struct oc_measures *m, const struct oc_pedigree *p, struct oc_err *err)
{
	if (p->origin == OC_REAL && m->unique) {
		m->lone++;
		return 0;
	}
	for (uint32_t i = 0; i < p->founder_n; i++)
		if (founder_add(m, p->founders[i], 1.0 / p->founder_n, err))
			return -1;
	if (p->founder_n)
		return 0;
	if (p->origin == OC_REAL)
		return founder_add(m, p->key, 1, err);
	m->without++;
	return 0;
}

int oc_measures_count(struct oc_measures *m, const struct oc_row *row, struct oc_err *err)
{
	const struct oc_pedigree *p = &row->ped;
	uint64_t tokens = oc_tokens_about(row->raw.len);
	enum group g = group_of(row);

	if (row->fate != OC_LIVE)
		return 0;
	m->rows[g]++;
	m->tokens[g] += tokens;
	m->bins[g][bin_of(row->words)]++;
	licence_add(m, p->licence);
	if (row->test)
		return 0;
	unsigned depth = p->depth < DEPTH_MAX ? p->depth : DEPTH_MAX;
	m->depth_rows[depth]++;
	m->depth_tokens[depth] += tokens;
	m->depth_at_least |= p->depth_at_least;
	if (p->origin == OC_SYNTHETIC)
		example_add(m, row);
	return founders_count(m, p, err);
}

void oc_measures_write(const struct oc_measures *m, struct oc_buf *b)
{
	bool any = false;

	oc_buf_puts(b, "{\"origin\":{");
	for (unsigned g = 0; g < GROUP_N; g++)
		oc_buf_printf(b, "%s\"%s\":{\"rows\":%llu,\"tokens\":%llu}", g ? "," : "",
		              group_names[g], (unsigned long long)m->rows[g],
		              (unsigned long long)m->tokens[g]);
	oc_buf_printf(b, "},\"depth_at_least\":%s,\"depth\":[",
	              m->depth_at_least ? "true" : "false");
	for (unsigned d = 0; d <= DEPTH_MAX; d++)
		if (m->depth_rows[d]) {
			oc_buf_printf(b, "%s{\"depth\":%u,\"rows\":%llu,\"tokens\":%llu}",
			              any ? "," : "", d, (unsigned long long)m->depth_rows[d],
			              (unsigned long long)m->depth_tokens[d]);
			any = true;
		}
	unsigned long long distinct = m->founders + m->lone;
	oc_buf_printf(b, "],\"founders\":{\"distinct\":%llu,\"effective\":", distinct);
	double mass = m->mass + (double)m->lone, squares = m->squares + (double)m->lone;
	oc_buf_double(b, squares > 0 ? mass * mass / squares : 0);
	oc_buf_printf(b, ",\"rows_without\":%llu},\"lengths\":{\"unit\":\"words\",\"from\":[",
	              (unsigned long long)m->without);
	for (unsigned i = 0; i < BIN_N; i++)
		oc_buf_printf(b, "%s%u", i ? "," : "", bin_start(i));
	oc_buf_putc(b, ']');
	for (unsigned g = 0; g < GROUP_N; g++) {
		oc_buf_printf(b, ",\"%s\":[", group_names[g]);
		for (unsigned i = 0; i < BIN_N; i++)
			oc_buf_printf(b, "%s%llu", i ? "," : "", (unsigned long long)m->bins[g][i]);
		oc_buf_putc(b, ']');
	}
	oc_buf_puts(b, "},\"licenses\":[");
	for (unsigned i = 0; i < m->licence_n; i++) {
		oc_buf_puts(b, i ? ",{\"license\":" : "{\"license\":");
		oc_buf_json(b, m->licences[i].name);
		oc_buf_printf(b, ",\"rows\":%llu}", (unsigned long long)m->licences[i].rows);
	}
	oc_buf_puts(b, "],\"examples\":[");
	for (unsigned i = 0; i < m->example_n; i++) {
		oc_buf_puts(b, i ? ",{\"key\":" : "{\"key\":");
		oc_buf_json(b, m->examples[i].key);
		oc_buf_puts(b, ",\"row\":");
		oc_buf_str(b, m->examples[i].raw);
		oc_buf_putc(b, '}');
	}
	oc_buf_puts(b, "]}");
}
