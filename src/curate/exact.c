/*
 * exact: the first of several rows with the same content stays; or the first of several paragraphs,
 * lines or triples of sentences, the others being cut out of their rows. Rows come in priority
 * order, so the real twin wins over the synthetic one, the shallow one over the deep one.
 *
 * Content of a row is the canonical JSON of the chosen fields, or of the whole row without the
 * ignored ones (its label, as a rule): member order, white space and the spelling of numbers do not
 * matter. Pieces of a text are compared without the white space around them, as written or
 * simplified (text/simplify.h). Compared are XXH3-128 hashes: among 10^10 rows an accidental match
 * has a chance of 1.5e-19.
 *
 * What was seen is kept in index/seen.h: in memory up to `memory:`, then sorted on disk. O(bytes).
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "curate/exact.h"
#include "data/row.h"
#include "index/seen.h"
#include "text/tokens.h"
#include "text/view.h"

#define EVIDENCE_MAX 20 /* pieces named in a verdict */

struct exact {
	char *name;
	struct oc_arena *arena;
	struct oc_str *fields, *ignored;
	uint32_t field_n, ignored_n;
	struct oc_piece_opts pieces;
	struct oc_str field;
	uint32_t least_words, least_sentences;
	struct oc_seen *seen;
	struct oc_index *indexes[16];
	unsigned index_n;
};

static const struct oc_option options[] = {
	{.key = "what",
         .type = OC_OPT_ENUM,
         .def = "row",
         .choices = "row|paragraph|line|sentences",
         .help = "row: rows that were there before fall. Otherwise paragraphs (parted by an "
                 "empty line), lines, or runs of three sentences that were there before are cut "
                 "out.",
         .presets = "{sentences: {compare: simplified, min_words: 0, least_words: 50, "
                    "least_sentences: 3}}"},
	{.key = "fields",
         .type = OC_OPT_STRS,
         .help = "Of rows: fields that must be equal for two to be the same; without it, the "
                 "whole row."},
	{.key = "ignore",
         .type = OC_OPT_STRS,
         .def = "[id]",
         .help = "Top-level members left out when whole rows are compared."},
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "text",
         .help = "Of pieces: the top-level text they are cut out of."},
	{.key = "compare",
         .type = OC_OPT_ENUM,
         .def = "as_is",
         .choices = "as_is|simplified",
         .help = "Of pieces: as written, or lower-cased, numbers as 0, without marks and accents "
                 "(datatrove's simplify_text)."},
	{.key = "min_words",
         .type = OC_OPT_INT,
         .def = "5",
         .min = 0,
         .max = 1000000,
         .unit = "words",
         .help = "Of pieces: shorter ones always stay (a brace, a heading)."},
	{.key = "least_words",
         .type = OC_OPT_INT,
         .def = "1",
         .min = 0,
         .max = 1000000,
         .unit = "words",
         .help = "A text of which less is left falls as `little_left`. Of sentences, marks count "
                 "as "
                 "words, as spaCy and datatrove have it."},
	{.key = "least_sentences",
         .type = OC_OPT_INT,
         .def = "0",
         .min = 0,
         .max = 1000000,
         .unit = "sentences",
         .help = "The same by sentences."},
	{.key = "against",
         .type = OC_OPT_STRS,
         .help = "Indexes made by `outcross index build --for exact`: what they hold was there "
                 "before."},
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

static void close_exact(void *self)
{
	struct exact *x = self;

	if (!x)
		return;
	oc_seen_free(x->seen);
	for (unsigned i = 0; i < x->index_n; i++)
		oc_index_close(x->indexes[i]);
	oc_arena_free(x->arena);
	free(x->name);
	free(x);
}

/* What decides what an index holds. */
static yyjson_val *index_options(struct exact *x, struct oc_err *err)
{
	static const char *const names[] = {"row", "paragraph", "line", "sentences"};
	struct oc_buf b = {0};
	yyjson_val *v;

	oc_buf_printf(&b, "{\"what\":\"%s\"", names[x->pieces.what]);
	if (x->pieces.what != OC_PIECE_ROW) {
		oc_buf_printf(&b, ",\"compare\":\"%s\"",
		              x->pieces.simplified ? "simplified" : "as_is");
	} else {
		uint32_t n = x->field_n ? x->field_n : x->ignored_n;
		oc_buf_printf(&b, ",\"%s\":[", x->field_n ? "fields" : "ignore");
		for (uint32_t i = 0; i < n; i++) {
			oc_buf_puts(&b, i ? "," : "");
			oc_buf_json(&b, (x->field_n ? x->fields : x->ignored)[i]);
		}
		oc_buf_putc(&b, ']');
	}
	oc_buf_putc(&b, '}');
	v = oc_json_parse(x->arena, oc_buf_view(&b), err);
	oc_buf_fini(&b);
	return v;
}

static int open_indexes(struct exact *x, const struct oc_env *env, yyjson_val *against,
                        struct oc_err *err)
{
	yyjson_val *given = index_options(x, err), *file;
	size_t i, max;

	if (!given)
		return -1;
	yyjson_arr_foreach(against, i, max, file)
	{
		const char *path = oc_path_from(x->arena, env->base_dir, oc_json_str(file));
		if (x->index_n == sizeof x->indexes / sizeof *x->indexes)
			return oc_fail(err, OC_PLAN, x->name, "more than %u indexes", x->index_n);
		if (oc_index_open(&x->indexes[x->index_n], path, "exact", given, err))
			return -1;
		if (oc_seen_load(x->seen, x->indexes[x->index_n++], err))
			return -1;
	}
	return 0;
}

static int open_exact(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct exact *x = oc_zalloc(1, sizeof *x);
	struct oc_str what = oc_json_get_str(opts, "what");

	x->name = oc_strdup(env->name);
	x->arena = oc_arena_new();
	x->fields = strings(x->arena, oc_json_get(opts, "fields"), &x->field_n);
	x->ignored = strings(x->arena, oc_json_get(opts, "ignore"), &x->ignored_n);
	x->field = oc_arena_str(x->arena, oc_json_get_str(opts, "field"));
	x->pieces = (struct oc_piece_opts){
		.what = oc_str_is(what, "paragraph")   ? OC_PIECE_PARAGRAPH
	                : oc_str_is(what, "line")      ? OC_PIECE_LINE
	                : oc_str_is(what, "sentences") ? OC_PIECE_SENTENCES
	                                               : OC_PIECE_ROW,
		.simplified = oc_str_is(oc_json_get_str(opts, "compare"), "simplified"),
		.min_words = (uint32_t)oc_json_get_int(opts, "min_words", 5),
	};
	x->least_words = (uint32_t)oc_json_get_int(opts, "least_words", 1);
	x->least_sentences = (uint32_t)oc_json_get_int(opts, "least_sentences", 0);
	x->seen = oc_seen_new(env->ctx, env->work_dir, env->memory ? env->memory / 4 * 3 : 0);
	*self = x;
	if (open_indexes(x, env, oc_json_get(opts, "against"), err)) {
		close_exact(x);
		*self = NULL;
		return -1;
	}
	return 0;
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
	const struct exact *x = self;

	(void)err;
	if (x->pieces.what == OC_PIECE_ROW) {
		struct oc_hash128 hash = content(x, row, scratch);
		*note = oc_arena_dup(row->arena, &hash, sizeof hash);
		return 0;
	}
	struct oc_pieces pieces =
		oc_pieces_cut(row->arena, oc_view_text(row, x->field), &x->pieces, scratch);
	*note = oc_arena_dup(row->arena, &pieces, sizeof pieces);
	return 0;
}

/* ----------------------------------------------------------- what was seen */

/* A record of the state: hashes, then the key of the row that had them first. */
struct record {
	uint32_t hash_n, key_len;
};

static void remember(struct oc_buf *state, const struct oc_hash128 *hash, uint32_t n,
                     struct oc_str key)
{
	struct record r = {n, (uint32_t)key.len};

	oc_buf_add(state, &r, sizeof r);
	oc_buf_add(state, hash, n * sizeof *hash);
	oc_buf_str(state, key);
}

/* {"same_as":"books:17"} */
static int witness(struct exact *x, uint64_t place, struct oc_buf *b, struct oc_err *err)
{
	struct oc_buf key = {0};
	const char *path;
	int rc = oc_seen_key(x->seen, place, &key, &path, err);

	oc_buf_puts(b, "\"same_as\":");
	oc_buf_json(b, oc_buf_view(&key));
	if (path) {
		oc_buf_puts(b, ",\"in\":");
		oc_buf_json(b, oc_str(path));
	}
	oc_buf_fini(&key);
	return rc;
}

static int whole_row(struct exact *x, struct oc_row *row, struct oc_hash128 hash,
                     struct oc_buf *state, struct oc_err *err)
{
	uint64_t place = oc_seen_next(x->seen);
	int was = oc_seen_put(x->seen, hash, &place, err);

	if (was < 0)
		return -1;
	if (!was) {
		remember(state, &hash, 1, row->ped.key);
		return oc_seen_keep(x->seen, row->ped.key, err);
	}
	struct oc_buf b = {0};
	oc_buf_putc(&b, '{');
	was = witness(x, place, &b, err);
	oc_buf_putc(&b, '}');
	oc_row_reject(row, x->name, "duplicate", oc_buf_view(&b));
	oc_buf_fini(&b);
	return was;
}

/* Writes the row without the pieces marked; true when too little of it is left, and it falls. */
static bool falls(struct exact *x, struct oc_row *row, struct oc_str left, struct oc_str evidence)
{
	/* of sentences, words and marks as those were found by */
	uint32_t words = x->pieces.what == OC_PIECE_SENTENCES ? oc_text_tokens(row->arena, left).n
	                                                      : oc_text_word_count(left);

	if (words >= x->least_words &&
	    (!x->least_sentences || oc_text_sentences(row->arena, left) >= x->least_sentences))
		return false;
	oc_row_score(row, x->name, "little_left", OC_DROP, words, x->least_words, evidence);
	row->fate = OC_REJECTED;
	return true;
}

static int write_left(struct exact *x, struct oc_row *row, struct oc_str left, uint32_t gone,
                      struct oc_str evidence, struct oc_err *err)
{
	struct oc_buf b = {0};
	int rc;

	oc_buf_json(&b, left);
	rc = oc_row_set(row, x->field, oc_buf_view(&b), err);
	oc_buf_fini(&b);
	oc_row_score(row, x->name, "repeated", OC_CHANGED, gone, 1, evidence);
	oc_row_edited(row, oc_str(x->name), OC_LIT("repeated text cut out"));
	return rc;
}

/* Was the hash of number i met earlier in this row? `slots` (a power of two) holds 1 + number. */
static bool met_here(const struct oc_pieces *p, uint32_t i, uint32_t *slots, uint32_t slot_n)
{
	struct oc_hash128 h = p->hashes[i].hash;
	uint32_t at = (uint32_t)h.lo & (slot_n - 1);

	for (; slots[at]; at = (at + 1) & (slot_n - 1)) {
		struct oc_hash128 other = p->hashes[slots[at] - 1].hash;
		if (other.lo == h.lo && other.hi == h.hi)
			return true;
	}
	slots[at] = i + 1;
	return false;
}

static int pieces(struct exact *x, struct oc_row *row, struct oc_pieces *p, struct oc_buf *state,
                  struct oc_err *err)
{
	struct oc_hash128 *fresh = oc_arena_alloc(row->arena, (p->hash_n + 1) * sizeof *fresh);
	uint32_t fresh_n = 0, gone = 0, said = 0, slot_n = 4, *slots;
	struct oc_buf b = {0};
	int rc = -1;

	while (slot_n < 2 * p->hash_n)
		slot_n *= 2;
	slots = oc_arena_zalloc(row->arena, slot_n * sizeof *slots);
	oc_buf_puts(&b, "{\"pieces\":[");
	for (uint32_t i = 0; i < p->hash_n; i++) {
		uint64_t value;
		int was = oc_seen_find(x->seen, p->hashes[i].hash, &value, err);
		if (was < 0)
			goto out;
		if (!was && !met_here(p, i, slots, slot_n)) {
			fresh[fresh_n++] = p->hashes[i].hash;
			continue;
		}
		oc_pieces_mark(p, i);
		if (said++ >= EVIDENCE_MAX)
			continue;
		struct oc_str span = oc_pieces_span(p, i);
		oc_buf_printf(&b, "%s{\"at\":%zu,\"len\":%zu,", said > 1 ? "," : "",
		              (size_t)(span.p - p->text.p), span.len);
		if (!was) {
			oc_buf_puts(&b, "\"same_as\":");
			oc_buf_json(&b, row->ped.key);
		} else if (witness(x, value, &b, err)) {
			goto out;
		}
		oc_buf_putc(&b, '}');
	}
	for (uint32_t i = 0; i < p->piece_n; i++)
		gone += p->pieces[i].gone;
	oc_buf_printf(&b, "],\"gone\":%u,\"of\":%u}", gone, p->piece_n);
	rc = 0;
	if (gone) {
		struct oc_str left = oc_pieces_join(row->arena, p);
		/* what falls is no witness: nothing of it is remembered */
		if (falls(x, row, left, oc_buf_view(&b)))
			goto out;
		rc = write_left(x, row, left, gone, oc_buf_view(&b), err);
	}
	uint64_t place = oc_seen_next(x->seen);
	for (uint32_t i = 0; !rc && i < fresh_n; i++) {
		uint64_t value = place;
		rc = oc_seen_put(x->seen, fresh[i], &value, err);
	}
	if (fresh_n && !rc) {
		remember(state, fresh, fresh_n, row->ped.key);
		rc = oc_seen_keep(x->seen, row->ped.key, err);
	}
out:
	oc_buf_fini(&b);
	return rc;
}

static int ordered(void *self, struct oc_row *row, void *note, struct oc_buf *state,
                   struct oc_err *err)
{
	struct exact *x = self;
	struct oc_buf b = {0};
	int rc = note ? 0 : prepare(self, &b, row, &note, err);

	if (!rc)
		rc = x->pieces.what == OC_PIECE_ROW
		             ? whole_row(x, row, *(struct oc_hash128 *)note, state, err)
		             : pieces(x, row, note, state, err);
	oc_buf_fini(&b);
	return rc;
}

static int restore(void *self, const char *state, size_t len, struct oc_err *err)
{
	struct exact *x = self;

	while (len) {
		struct record r;
		uint64_t place = oc_seen_next(x->seen), size;
		if (len < sizeof r)
			return oc_fail(err, OC_IO, x->name, "a state record is cut short");
		memcpy(&r, state, sizeof r);
		size = sizeof r + (uint64_t)r.hash_n * sizeof(struct oc_hash128) + r.key_len;
		if (len < size)
			return oc_fail(err, OC_IO, x->name, "a state record is cut short");
		for (uint32_t i = 0; i < r.hash_n; i++) {
			struct oc_hash128 hash;
			uint64_t value = place;
			memcpy(&hash, state + sizeof r + i * sizeof hash, sizeof hash);
			if (oc_seen_put(x->seen, hash, &value, err) < 0)
				return -1;
		}
		struct oc_str key = {state + size - r.key_len, r.key_len};
		if (oc_seen_keep(x->seen, key, err))
			return -1;
		state += size;
		len -= size;
	}
	return 0;
}

static int write_index(void *self, struct oc_spill *spill, const char *path, struct oc_err *err)
{
	struct exact *x = self;
	yyjson_val *given = index_options(x, err);
	struct oc_index_writer *w = given ? oc_index_create(path, "exact", given, err) : NULL;

	(void)spill;
	if (!w || oc_seen_save(x->seen, w, err)) {
		oc_index_abandon(w);
		return -1;
	}
	return oc_index_commit(w, oc_seen_count(x->seen), err);
}

extern const struct oc_stage_def oc_stage_exact;
const struct oc_stage_def oc_stage_exact = {
	.size = sizeof(struct oc_stage_def),
	.name = "exact",
	.help = "drop rows, or cut out paragraphs, lines or sentences, that were there before",
	.doc = "The first row in priority order stays (real before synthetic, shallow before "
	       "deep). Content is compared as canonical JSON, so member order and number "
	       "spelling do not matter. Rejects as `duplicate` with the key of the row that "
	       "stayed.\n\n"
	       "`what: paragraph`, `line` or `sentences` compares pieces of a text instead, "
	       "over the whole set and within a row, and cuts out every one but the first; "
	       "the verdict `repeated` says where they lay in the row as it came, and which "
	       "row has them. A sentence goes when it is part of three in a row that were "
	       "there before, and a row then needs 50 words and 3 sentences that stay "
	       "(datatrove's SentenceDedup, after C4): otherwise it falls as `little_left`. "
	       "Line by line is cc_net's way.\n\n"
	       "Example: of {\"text\": \"It rained.\", \"id\": 1} and {\"text\": \"It rained.\", "
	       "\"id\": "
	       "2}, with `fields: [text]`, the second falls as `duplicate`.\n\n"
	       "Cost: a hash of each row or piece and one pass; 24 bytes a distinct one, in "
	       "memory up to `memory:`, then sorted on disk. Source: Raffel et al. 2020, "
	       "arXiv 1910.10683, section 2.2 (sentences); Wenzek et al. 2020, arXiv "
	       "1911.00359 (lines).",
	.kind = OC_STAGE_ORDERED,
	.options = options,
	.holds = OC_HOLDS_WITHIN,
	.held = "hashes seen; the rest lies on disk, sorted",
	.open = open_exact,
	.close = close_exact,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.prepare = prepare,
	.ordered = ordered,
	.restore = restore,
	.index = write_index,
};
