/*
 * novelty: a row must differ from everything before it. Drops a row whose text has ROUGE-L above
 * the threshold with a real row, a seed or a row kept earlier, decided exactly as the published
 * instruction filters decide (index/rouge.h), without comparing with everything.
 *
 * Real rows enter the index but are not judged, and so are never compared with each other: the
 * recipes this comes from never compare seeds. Rows come in priority order, real first.
 *
 * Memory: about 8 bytes a token, 40 bytes a row and 100 bytes a distinct token. What all rows will
 * need is told by the first thousand, and by twice, four times as many; a step that would pass
 * `memory:` ends there, and not when it has.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/err.h"
#include "base/file.h"
#include "data/row.h"
#include "index/disk.h"
#include "index/rouge.h"
#include "pipe/against.h"

#define FORESEE_FIRST 1024 /* rows; a power of two */

struct novelty {
	char *name;
	struct oc_ctx *ctx;
	struct oc_str field;
	double threshold;
	bool judge_all;
	uint32_t
		similar; /* how many of the most similar rows to record; 0 = the nearest of drops */
	uint32_t max_words;
	uint64_t memory, input_bytes;
	uint64_t rows, row_bytes; /* seen in this pass */
	uint64_t before;          /* bytes held when it began */
	struct oc_rouge *index;
	struct oc_arena *arena;
	uint64_t *keys; /* (item) into key_bytes: u32 length, bytes */
	uint32_t key_cap;
	struct oc_buf key_bytes;
};

static const struct oc_option options[] = {
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that must be new; empty = the row's whole text."},
	{.key = "threshold",
         .type = OC_OPT_NUM,
         .def = "0.7",
         .min = 0,
         .max = 1,
         .help = "A row falls when its ROUGE-L with an earlier one is above this."},
	{.key = "judge",
         .type = OC_OPT_ENUM,
         .def = "synthetic",
         .choices = "synthetic|all",
         .help = "synthetic: real rows are only remembered; all: they are judged too."},
	{.key = "against",
         .type = OC_OPT_STRS,
         .help = "What counts as seen before: the `field` of rows of " OC_AGAINST_ROWS
                 "; " OC_AGAINST_TEXTS
                 "; and indexes made by `outcross index build --for novelty`."},
	{.key = "max_words",
         .type = OC_OPT_INT,
         .def = "10000",
         .min = 1,
         .max = 1e9,
         .unit = "words",
         .help = "Of a longer text so many first words are compared: ROUGE-L costs the product "
                 "of two lengths."},
	{.key = "similar",
         .type = OC_OPT_INT,
         .def = "0",
         .min = 0,
         .max = 100,
         .unit = "rows",
         .help = "Record so many most similar rows and the mean score with every judged row; "
                 "compares with everything, so it is slow."},
	{0},
};

static struct oc_str key_of(const struct novelty *v, uint32_t item)
{
	const char *p = v->key_bytes.p + v->keys[item];
	uint32_t len;

	memcpy(&len, p, sizeof len);
	return (struct oc_str){p + sizeof len, len};
}

static int add_key(struct novelty *v, uint32_t item, struct oc_str key, struct oc_err *err)
{
	uint32_t len = (uint32_t)key.len;
	uint64_t held;

	if (item >= v->key_cap) {
		v->key_cap = v->key_cap ? 2 * v->key_cap : 1024;
		v->keys = oc_realloc(v->keys, v->key_cap * sizeof *v->keys);
	}
	v->keys[item] = v->key_bytes.len;
	oc_buf_add(&v->key_bytes, &len, sizeof len);
	oc_buf_add(&v->key_bytes, key.p, len);
	if (item % 1024 != 1023 || !v->memory)
		return 0;
	held = oc_rouge_memory(v->index) + v->key_cap * sizeof *v->keys + v->key_bytes.cap;
	if (held > v->memory) {
		char what[64];
		snprintf(what, sizeof what, "the index of %u texts needs", item + 1);
		return oc_fail_memory(err, v->name, what, held, v->memory,
		                      " or name a shorter `field:`");
	}
	return 0;
}

static uint64_t filled(const struct novelty *v)
{
	return oc_rouge_filled(v->index) + v->key_bytes.len +
	       oc_rouge_count(v->index) * sizeof *v->keys;
}

/*
 * What all rows will need if they are like those seen: `row` is the last of these, and by its
 * number and their lengths says how much of the input has passed.
 */
static int foresee(struct novelty *v, const struct oc_row *row, struct oc_err *err)
{
	double mean = (double)v->row_bytes / (double)v->rows;
	double passed = ((double)row->number + 1) * mean / (double)v->input_bytes;

	if (!v->memory || !v->input_bytes || passed >= 1)
		return 0;
	double need = (double)v->before + (double)(filled(v) - v->before) / passed;
	if (v->rows == FORESEE_FIRST)
		oc_log(v->ctx, OC_LOG_INFO,
		       "%s: to go by the first %u rows, the texts that stay need about %.0f MB of "
		       "memory; %.0f MB are allowed",
		       v->name, FORESEE_FIRST, ceil(need / 1e6), floor((double)v->memory / 1e6));
	if (need <= (double)v->memory)
		return 0;
	return oc_fail_memory(err, v->name, "the texts that stay need about", (uint64_t)need,
	                      v->memory, " or name a shorter `field:`");
}

static int add(struct novelty *v, const struct oc_words *words, struct oc_str key,
               struct oc_err *err)
{
	return add_key(v, oc_rouge_add(v->index, words), key, err);
}

/* What decides what an index holds: nothing beside the texts. */
static yyjson_val *index_options(struct oc_arena *a, struct oc_err *err)
{
	return oc_json_parse(a, OC_LIT("{\"tokens\":\"a-z0-9\"}"), err);
}

/* The texts of an index on disk, as if they had come first. */
static int add_index(struct novelty *v, const char *path, struct oc_err *err)
{
	struct oc_index *ix = NULL;
	yyjson_val *opts = index_options(v->arena, err);
	uint32_t first = oc_rouge_count(v->index);
	struct oc_str keys;
	size_t at = 0;
	int rc = -1;

	if (!opts || oc_index_open(&ix, path, "novelty", opts, err) ||
	    oc_rouge_load(v->index, ix, err) || oc_index_section(ix, "keys", 1, &keys, err))
		goto out;
	for (uint32_t item = first; item < oc_rouge_count(v->index); item++) {
		uint32_t len = 0;
		if (keys.len - at >= sizeof len)
			memcpy(&len, keys.p + at, sizeof len);
		if (keys.len - at < sizeof len || keys.len - at - sizeof len < len) {
			oc_fail(err, OC_INPUT, path, "does not fit together: build it again");
			goto out;
		}
		if (add_key(v, item, (struct oc_str){keys.p + at + sizeof len, len}, err))
			goto out;
		at += sizeof len + len;
	}
	rc = 0;
out:
	oc_index_close(ix);
	return rc;
}

static int write_index(void *self, struct oc_spill *spill, const char *path, struct oc_err *err)
{
	struct novelty *v = self;
	yyjson_val *opts = index_options(v->arena, err);
	struct oc_index_writer *w = opts ? oc_index_create(path, "novelty", opts, err) : NULL;

	(void)spill;
	if (!w || oc_rouge_save(v->index, w, err) || oc_index_begin(w, "keys", err) ||
	    oc_index_write(w, v->key_bytes.p, v->key_bytes.len, err)) {
		oc_index_abandon(w);
		return -1;
	}
	return oc_index_commit(w, oc_rouge_count(v->index), err);
}

/* The words of a row that are compared. */
static const struct oc_words *words_of(const struct novelty *v, struct oc_row *row)
{
	const struct oc_words *words = oc_view_rouge(row, v->field);

	if (words->n <= v->max_words)
		return words;
	struct oc_words *first = oc_arena_dup(row->arena, words, sizeof *words);
	first->n = v->max_words;
	return first;
}

/* A row of an `against:` file, or a line of text. */
static int add_row(void *user, struct oc_row *row, struct oc_err *err)
{
	struct novelty *v = user;
	struct oc_words words;

	if (row->root)
		return add(v, words_of(v, row), row->ped.key, err);
	words = oc_text_rouge(row->arena, oc_text_lower(row->arena, row->raw));
	words.n = words.n < v->max_words ? words.n : v->max_words;
	return add(v, &words, row->ped.key, err);
}

static int add_file(struct novelty *v, const struct oc_env *env, yyjson_val *name,
                    struct oc_err *err)
{
	const char *path = oc_path_from(v->arena, env->base_dir, oc_json_str(name));

	return oc_index_is(path) ? add_index(v, path, err)
	                         : oc_against_each(env, name, add_row, v, err);
}

static void close_novelty(void *self)
{
	struct novelty *v = self;

	if (!v)
		return;
	oc_rouge_free(v->index);
	oc_arena_free(v->arena);
	oc_buf_fini(&v->key_bytes);
	free(v->keys);
	free(v->name);
	free(v);
}

static int open_novelty(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct novelty *v = oc_zalloc(1, sizeof *v);
	yyjson_val *against = oc_json_get(opts, "against"), *file;
	size_t i, max;

	v->name = oc_strdup(env->name);
	v->arena = oc_arena_new();
	v->field = oc_arena_str(v->arena, oc_json_get_str(opts, "field"));
	v->threshold = oc_json_get_num(opts, "threshold", 0.7);
	v->judge_all = oc_str_is(oc_json_get_str(opts, "judge"), "all");
	v->similar = (uint32_t)oc_json_get_int(opts, "similar", 0);
	v->max_words = (uint32_t)oc_json_get_int(opts, "max_words", 10000);
	v->ctx = env->ctx;
	v->memory = env->memory;
	v->input_bytes = env->input_bytes;
	v->index = oc_rouge_new(v->threshold);
	yyjson_arr_foreach(against, i, max, file)
	{
		if (add_file(v, env, file, err)) {
			close_novelty(v);
			return -1;
		}
	}
	v->before = filled(v);
	*self = v;
	return 0;
}

static int prepare(void *self, void *scratch, struct oc_row *row, void **note, struct oc_err *err)
{
	struct novelty *v = self;

	(void)scratch;
	(void)err;
	*note = (void *)(uintptr_t)words_of(v, row);
	return 0;
}

/* {"most_similar":{key:score,...},"mean":f} on every judged row, as the published files have it. */
static void record_similar(struct novelty *v, struct oc_row *row, const struct oc_words *words,
                           struct oc_buf *b)
{
	struct oc_rouge_hit top[100];
	double mean;
	uint32_t n = oc_rouge_top(v->index, words, top, v->similar, &mean);

	oc_buf_puts(b, "{\"most_similar\":{");
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			oc_buf_putc(b, ',');
		oc_buf_json(b, key_of(v, top[i].item));
		oc_buf_putc(b, ':');
		oc_buf_double(b, top[i].f);
	}
	oc_buf_puts(b, "},\"mean\":");
	oc_buf_double(b, mean);
	oc_buf_putc(b, '}');
	oc_row_score(row, v->name, "similar", OC_KEEP, n ? top[0].f : 0, v->threshold,
	             oc_buf_view(b));
	b->len = 0;
}

static int ordered(void *self, struct oc_row *row, void *note, struct oc_buf *state,
                   struct oc_err *err)
{
	struct novelty *v = self;
	const struct oc_words *words = note ? note : words_of(v, row);

	v->rows++;
	v->row_bytes += row->raw.len + 1;
	if (v->rows >= FORESEE_FIRST && (v->rows & (v->rows - 1)) == 0 && foresee(v, row, err))
		return -1;
	if (v->judge_all || row->ped.origin != OC_REAL) {
		struct oc_buf b = {0};
		struct oc_rouge_hit hit;
		if (v->similar)
			record_similar(v, row, words, &b);
		if (oc_rouge_find(v->index, words, &hit)) {
			oc_buf_puts(&b, "{\"nearest\":");
			oc_buf_json(&b, key_of(v, hit.item));
			oc_buf_puts(&b, ",\"rouge_l\":");
			oc_buf_double(&b, hit.f);
			oc_buf_putc(&b, '}');
			oc_row_score(row, v->name, "too_similar", OC_DROP, hit.f, v->threshold,
			             oc_buf_view(&b));
			row->fate = OC_REJECTED;
			oc_buf_fini(&b);
			return 0;
		}
		oc_buf_fini(&b);
	}

	/* state: u32 bytes of the key, u32 bytes of the tokens, key, tokens with spaces between */
	uint32_t len[2] = {(uint32_t)row->ped.key.len, 0};
	size_t at = state->len;
	oc_buf_add(state, len, sizeof len);
	oc_buf_str(state, row->ped.key);
	size_t start = state->len;
	for (uint32_t i = 0; i < words->n; i++) {
		if (i)
			oc_buf_putc(state, ' ');
		oc_buf_str(state, words->word[i]);
	}
	len[1] = (uint32_t)(state->len - start);
	memcpy(state->p + at, len, sizeof len);
	return add(v, words, row->ped.key, err);
}

static int restore(void *self, const char *state, size_t len, struct oc_err *err)
{
	struct novelty *v = self;
	struct oc_arena *a = oc_arena_new();
	int rc = -1;

	while (len) {
		uint32_t part[2];
		struct oc_words words;
		if (len < sizeof part) {
			oc_fail(err, OC_IO, v->name, "a state record is cut short");
			goto out;
		}
		memcpy(part, state, sizeof part);
		state += sizeof part;
		len -= sizeof part;
		if (len < (uint64_t)part[0] + part[1]) {
			oc_fail(err, OC_IO, v->name, "a state record is cut short");
			goto out;
		}
		words = oc_text_rouge(a, (struct oc_str){state + part[0], part[1]});
		if (add(v, &words, (struct oc_str){state, part[0]}, err))
			goto out;
		state += part[0] + part[1];
		len -= part[0] + part[1];
		oc_arena_reset(a);
	}
	rc = 0;
out:
	oc_arena_free(a);
	return rc;
}

extern const struct oc_stage_def oc_stage_novelty;
const struct oc_stage_def oc_stage_novelty = {
	.size = sizeof(struct oc_stage_def),
	.name = "novelty",
	.help = "drop rows too similar (ROUGE-L) to a real row or to one kept before",
	.doc = "Decides as the Self-Instruct and Alpaca filters do, ties included: tokens "
	       "are lower-case runs of a-z and 0-9, the score is 2PR/(P+R) over the longest "
	       "common subsequence, and a row falls when its largest score is above the "
	       "threshold. Real rows are remembered but not judged unless `judge: all`. "
	       "Rejects as `too_similar` with the nearest row and the score. `outcross index "
	       "build` keeps what it holds on disk, to be named in `against:`.\n\n"
	       "Example: \"Name three warm colours.\" falls at 0.7 beside \"Name three cold "
	       "colours.\", of whose 4 tokens it has 3 in order: 0.75.\n\n"
	       "Cost: about 30 us a short text beside 52,000 that stay, more where more of "
	       "them share its words; all kept texts in memory. Source: Wang et al. 2022, "
	       "arXiv 2212.10560, section 2.2; Lin 2004, ROUGE.",
	.kind = OC_STAGE_ORDERED,
	.options = options,
	.holds = OC_HOLDS_ALL,
	.held = "all texts that stay: about 8 bytes a token, 40 a row, 100 a distinct token",
	.open = open_novelty,
	.close = close_novelty,
	.prepare = prepare,
	.ordered = ordered,
	.restore = restore,
	.index = write_index,
};
