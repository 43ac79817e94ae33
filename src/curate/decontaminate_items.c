/* The benchmarks' items: read from files, from rows, from an index on disk. See decontaminate.h. */
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "curate/decontaminate.h"
#include "index/disk.h"
#include "pipe/against.h"
#include "text/view.h"

/* ------------------------------------------------------------------- one item */

/* The words of a text, but those that are none: of an item what is punctuation only goes before it
 * is cut into words (gpt3). */
static const uint64_t *words_of(struct oc_leak_index *x, struct oc_str text, uint32_t *n)
{
	struct oc_leak_words *w = &x->words;
	uint32_t kept = 0;

	oc_leak_words(w, x->opts.rules, text, x->room);
	for (uint32_t i = 0; i < w->n; i++)
		if (w->hash[i])
			w->hash[kept++] = w->hash[i];
	*n = kept;
	return oc_arena_dup(x->arena, w->hash, kept * sizeof *w->hash);
}

static int check_memory(const struct oc_leak_index *x, struct oc_err *err)
{
	uint64_t held = oc_arena_used(x->arena) + x->gram_cap * sizeof *x->grams +
	                x->slot_n * sizeof *x->slots + x->item_cap * sizeof *x->items;

	if (!x->opts.memory || held <= x->opts.memory)
		return 0;
	return oc_fail_memory(err, x->step, "the n-grams of the benchmarks need more than",
	                      x->opts.memory, x->opts.memory,
	                      " or name fewer files under `against:`");
}

static int add_item(struct oc_leak_index *x, const struct oc_leak_item *it, struct oc_err *err)
{
	if (!x->opts.building && x->opts.rules == OC_LEAKS_OWN && it->word_n < x->opts.least)
		return 0;
	if (x->item_n == x->item_cap) {
		x->item_cap = x->item_cap ? 2 * x->item_cap : 256;
		x->items = oc_realloc(x->items, x->item_cap * sizeof *x->items);
	}
	x->items[x->item_n++] = *it;
	x->print = (uint32_t)oc_hash64(it->word, it->word_n * sizeof *it->word, x->print);
	if (!x->opts.building)
		oc_leak_grams_add(x, x->item_n - 1);
	return check_memory(x, err);
}

/* The benchmark of this name, if it is the last; else a new one. */
static void add_name(struct oc_leak_index *x, struct oc_str name)
{
	if (x->name_n && oc_str_eq(x->names[x->name_n - 1], name))
		return;
	x->names = oc_realloc(x->names, (x->name_n + 1) * sizeof *x->names);
	x->names[x->name_n++] = oc_arena_str(x->arena, name);
}

/* ------------------------------------------------------------------ from a row */

/* What is kept of a row until it becomes an item; behind it the bytes of all four. */
struct record {
	uint64_t row; /* its number, which is its id where it has none */
	uint32_t name_len, id_len, text_len, answer_len;
	uint32_t has_field; /* one of `fields`, or none was asked for */
};

static struct oc_str id_of(const struct oc_row *row)
{
	static const char *const names[] = {"id", "task_id", "question_id", "key"};
	struct oc_str id;

	if (!row->root)
		return oc_arena_printf(row->arena, "%llu", (unsigned long long)row->ped.span.line);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (oc_row_field(row, oc_str(names[i]), &id) && id.len)
			return id;
	return OC_LIT("");
}

static void join(struct oc_buf *out, size_t from, struct oc_str part)
{
	if (out->len > from)
		oc_buf_putc(out, '\n');
	oc_buf_str(out, part);
}

/* The texts of the fields, of lists their texts, line by line; false when there is none of them. */
static bool join_fields(const struct oc_leak_index *x, const struct oc_row *row, struct oc_buf *out)
{
	size_t from = out->len, k, max;
	bool found = false;

	for (uint32_t i = 0; i < x->field_n; i++) {
		yyjson_val *v = oc_json_path(row->root, x->fields[i]), *item;
		struct oc_str part;
		if (oc_row_field(row, x->fields[i], &part)) {
			join(out, from, part);
			found = true;
		}
		yyjson_arr_foreach(v, k, max, item)
		{
			if (yyjson_is_str(item))
				join(out, from, oc_json_str(item));
			found = true;
		}
	}
	return found;
}

void oc_leak_item_write(const struct oc_leak_index *x, struct oc_row *row, struct oc_buf *record)
{
	struct oc_str id = id_of(row), answer = {"", 0};
	struct record r = {.row = row->ped.row,
	                   .name_len = (uint32_t)row->ped.span.file.len,
	                   .id_len = (uint32_t)id.len,
	                   .has_field = 1};
	size_t at = record->len, text;

	oc_buf_add(record, &r, sizeof r);
	oc_buf_str(record, row->ped.span.file);
	oc_buf_str(record, id);
	text = record->len;
	if (row->root && x->field_n)
		r.has_field = join_fields(x, row, record);
	else
		oc_buf_str(record, row->root ? oc_view_text(row, OC_LIT("")) : row->raw);
	r.text_len = (uint32_t)(record->len - text);
	if (row->root && x->answer.len)
		oc_row_field(row, x->answer, &answer);
	r.answer_len = (uint32_t)answer.len;
	oc_buf_str(record, answer);
	memcpy(record->p + at, &r, sizeof r);
}

/* datatrove: the answer's words belong to the item, and are told by where the question ends. */
static void append_answer(struct oc_leak_index *x, struct oc_leak_item *it)
{
	uint64_t *all = oc_arena_alloc(x->arena, ((size_t)it->word_n + it->answer_n) * sizeof *all);

	memcpy(all, it->word, it->word_n * sizeof *all);
	memcpy(all + it->word_n, it->answer, it->answer_n * sizeof *all);
	it->query_n = it->word_n;
	it->word = all;
	it->word_n += it->answer_n;
	it->answer_n = 0;
}

/* A file in which no row has any of `fields` is no benchmark of this kind: nothing would be found.
 */
static int end_file(struct oc_leak_index *x, struct oc_err *err)
{
	bool lacks = x->reading && !x->has_field;

	x->reading = x->has_field = false;
	if (!lacks)
		return 0;
	return oc_fail(
		err, OC_INPUT, x->step,
		"no row of %.*s has the field `%.*s`%s: name under `fields:` the ones in which "
		"its items stand",
		OC_ARG(x->names[x->name_n - 1]), OC_ARG(x->fields[0]),
		x->field_n > 1 ? " or another of `fields`" : "");
}

static int add_record(struct oc_leak_index *x, const struct record *r, const char *bytes,
                      struct oc_err *err)
{
	struct oc_leak_item it = {0};
	struct oc_str name = {bytes, r->name_len}, id = {name.p + name.len, r->id_len};
	struct oc_str text = {id.p + id.len, r->text_len};
	struct oc_str answer = {text.p + text.len, r->answer_len};

	if (!x->reading || !oc_str_eq(x->names[x->name_n - 1], name)) {
		if (end_file(x, err))
			return -1;
		x->reading = true;
		x->first = r->row;
	}
	add_name(x, name);
	x->has_field = x->has_field || r->has_field;
	it.benchmark = x->name_n - 1;
	it.text = oc_arena_str(x->arena, text);
	uint64_t number = r->row - x->first + 1;
	it.id = id.len ? oc_arena_str(x->arena, id)
	               : oc_arena_printf(x->arena, "%llu", (unsigned long long)number);
	it.word = words_of(x, it.text, &it.word_n);
	if (x->opts.rules == OC_LEAKS_COSMOPEDIA)
		it.joined = oc_arena_str(x->arena, oc_buf_view(&x->words.joined));
	it.answer = words_of(x, answer, &it.answer_n);
	if (x->opts.rules == OC_LEAKS_DATATROVE && it.answer_n)
		append_answer(x, &it);
	return add_item(x, &it, err);
}

int oc_leak_items_add(struct oc_leak_index *x, struct oc_str records, struct oc_err *err)
{
	const char *p = records.p, *end = p + records.len;
	struct record r;

	while (p < end) {
		memcpy(&r, p, sizeof r);
		p += sizeof r;
		if (add_record(x, &r, p, err))
			return -1;
		p += (size_t)r.name_len + r.id_len + r.text_len + r.answer_len;
		oc_arena_reset(x->room);
	}
	return 0;
}

/* ------------------------------------------------------------ an index on disk */

#define STAGE "decontaminate"

/* An item there; its id, text and joined text, its words and those of its answer lie one behind the
 * other in the sections `bytes` and `words`. */
struct stored {
	uint32_t benchmark, id_len, text_len, joined_len, word_n, answer_n, query_n, zero;
};

/*
 * What decides which items an index holds and what their words are. `words` is the hash of a text's
 * words: an index of an Outcross that cuts or hashes them otherwise would find nothing.
 */
static yyjson_val *kept_options(struct oc_leak_index *x, const struct oc_leak_opts *opts,
                                struct oc_err *err)
{
	struct oc_buf b = {0};
	uint64_t sum = 0;
	uint32_t n;
	const uint64_t *w = words_of(x, OC_LIT("It's 4,800 na\xc3\xafve \xe6\x97\xa5 Words."), &n);

	for (uint32_t i = 0; i < n; i++)
		sum = sum * 31 + w[i];
	oc_buf_puts(&b, "{\"compat\":");
	oc_buf_json(&b, oc_json_get_str(opts->given, "compat"));
	oc_buf_puts(&b, ",\"answer\":");
	oc_buf_json(&b, x->answer);
	oc_buf_puts(&b, ",\"fields\":[");
	for (uint32_t i = 0; i < x->field_n; i++) {
		if (i)
			oc_buf_putc(&b, ',');
		oc_buf_json(&b, x->fields[i]);
	}
	oc_buf_printf(&b, "],\"words\":\"%016llx\"}", (unsigned long long)sum);
	yyjson_val *v = oc_json_parse(x->arena, oc_buf_view(&b), err);
	oc_buf_fini(&b);
	return v;
}

int oc_leak_index_save(struct oc_leak_index *x, const char *path, struct oc_err *err)
{
	if (end_file(x, err))
		return -1;
	if (!x->item_n)
		return oc_fail(err, OC_INPUT, x->step,
		               "the files hold no item; one of texts, a line each, is named "
		               "under `against`: --for 'decontaminate: {against: [FILE]}'");
	struct oc_index_writer *w = oc_index_create(path, STAGE, x->kept, err);
	int rc = w ? oc_index_begin(w, "names", err) : -1;

	for (uint32_t i = 0; !rc && i < x->name_n; i++) {
		uint32_t len = (uint32_t)x->names[i].len;
		rc = oc_index_write(w, &len, sizeof len, err) ||
		     oc_index_write(w, x->names[i].p, len, err);
	}
	rc = rc || oc_index_begin(w, "items", err);
	for (uint32_t i = 0; !rc && i < x->item_n; i++) {
		const struct oc_leak_item *it = &x->items[i];
		struct stored s = {.benchmark = it->benchmark,
		                   .id_len = (uint32_t)it->id.len,
		                   .text_len = (uint32_t)it->text.len,
		                   .joined_len = (uint32_t)it->joined.len,
		                   .word_n = it->word_n,
		                   .answer_n = it->answer_n,
		                   .query_n = it->query_n};
		rc = oc_index_write(w, &s, sizeof s, err);
	}
	rc = rc || oc_index_begin(w, "bytes", err);
	for (uint32_t i = 0; !rc && i < x->item_n; i++) {
		const struct oc_leak_item *it = &x->items[i];
		rc = oc_index_write(w, it->id.p, it->id.len, err) ||
		     oc_index_write(w, it->text.p, it->text.len, err) ||
		     oc_index_write(w, it->joined.p, it->joined.len, err);
	}
	rc = rc || oc_index_begin(w, "words", err);
	for (uint32_t i = 0; !rc && i < x->item_n; i++) {
		const struct oc_leak_item *it = &x->items[i];
		rc = oc_index_write(w, it->word, it->word_n * sizeof *it->word, err) ||
		     oc_index_write(w, it->answer, it->answer_n * sizeof *it->answer, err);
	}
	if (rc) {
		oc_index_abandon(w);
		return -1;
	}
	return oc_index_commit(w, x->item_n, err);
}

/* The sections of an index that is read, and what is left of them. */
struct sections {
	struct oc_str names, items, bytes, words;
};

static bool take(struct oc_str *from, size_t n, const char **p)
{
	if (from->len < n)
		return false;
	*p = from->p;
	from->p += n;
	from->len -= n;
	return true;
}

/* The next item; false when the sections do not fit together. */
static bool take_item(struct sections *s, const struct stored *d, struct oc_leak_item *it)
{
	const char *words, *answer;

	if (!take(&s->bytes, d->id_len, &it->id.p) || !take(&s->bytes, d->text_len, &it->text.p) ||
	    !take(&s->bytes, d->joined_len, &it->joined.p) ||
	    !take(&s->words, d->word_n * sizeof *it->word, &words) ||
	    !take(&s->words, d->answer_n * sizeof *it->word, &answer) || d->query_n > d->word_n)
		return false;
	it->id.len = d->id_len;
	it->text.len = d->text_len;
	it->joined.len = d->joined_len;
	it->word = (const void *)words;
	it->answer = (const void *)answer;
	it->word_n = d->word_n;
	it->answer_n = d->answer_n;
	it->query_n = d->query_n;
	return true;
}

/* The items of an index, benchmark by benchmark, as if they were read from its files. */
static int add_stored(struct oc_leak_index *x, struct sections *s, const char *path,
                      struct oc_err *err)
{
	struct stored d;
	const char *p;
	uint32_t benchmark = 0, len;
	bool fits = true;

	for (; fits && s->names.len; benchmark++) {
		fits = take(&s->names, sizeof len, &p);
		if (fits)
			memcpy(&len, p, sizeof len);
		if (!fits || !(fits = take(&s->names, len, &p)))
			break;
		add_name(x, (struct oc_str){p, len});
		while (fits && s->items.len) {
			struct oc_leak_item it = {.benchmark = x->name_n - 1};
			memcpy(&d, s->items.p, sizeof d);
			if (d.benchmark != benchmark)
				break;
			fits = take(&s->items, sizeof d, &p) && take_item(s, &d, &it);
			if (fits && add_item(x, &it, err))
				return -1;
		}
	}
	if (fits && !s->items.len && !s->bytes.len && !s->words.len)
		return 0;
	return oc_fail(err, OC_INPUT, path, "does not fit together: build it again");
}

static int add_index(struct oc_leak_index *x, const char *path, struct oc_err *err)
{
	struct oc_index *ix = NULL;
	struct sections s;

	if (oc_index_open(&ix, path, STAGE, x->kept, err))
		return -1;
	x->ons = oc_realloc(x->ons, (x->on_n + 1) * sizeof(struct oc_index *));
	x->ons[x->on_n++] = ix;
	if (oc_index_section(ix, "names", 1, &s.names, err) ||
	    oc_index_section(ix, "items", sizeof(struct stored), &s.items, err) ||
	    oc_index_section(ix, "bytes", 1, &s.bytes, err) ||
	    oc_index_section(ix, "words", sizeof(uint64_t), &s.words, err))
		return -1;
	return add_stored(x, &s, path, err);
}

/* -------------------------------------------------------------------- against */

struct reader {
	struct oc_leak_index *x;
	struct oc_buf record;
};

static int add_row(void *user, struct oc_row *row, struct oc_err *err)
{
	struct reader *r = user;

	r->record.len = 0;
	oc_leak_item_write(r->x, row, &r->record);
	return oc_leak_items_add(r->x, oc_buf_view(&r->record), err);
}

static int add_named(struct oc_leak_index *x, const struct oc_env *env, yyjson_val *name,
                     struct oc_err *err)
{
	const char *path = oc_path_from(x->arena, env->base_dir, oc_json_str(name));
	struct reader r = {.x = x};
	int rc;

	if (oc_index_is(path))
		rc = add_index(x, path, err);
	else
		rc = oc_against_each(env, name, add_row, &r, err) || end_file(x, err) ? -1 : 0;
	oc_buf_fini(&r.record);
	return rc;
}

int oc_leak_index_open(struct oc_leak_index *x, const struct oc_env *env,
                       const struct oc_leak_opts *opts, struct oc_err *err)
{
	yyjson_val *fields = oc_json_get(opts->given, "fields"), *item;
	size_t i, max;

	*x = (struct oc_leak_index){.arena = oc_arena_new(), .opts = *opts};
	x->room = oc_arena_new();
	x->opts.given = NULL; /* lives only as long as this call */
	x->step = oc_arena_str(x->arena, oc_str(env->name)).p;
	x->answer = oc_arena_str(x->arena, oc_json_get_str(opts->given, "answer"));
	x->fields = oc_arena_alloc(x->arena, yyjson_arr_size(fields) * sizeof *x->fields);
	yyjson_arr_foreach(fields, i, max, item) x->fields[x->field_n++] =
		oc_arena_str(x->arena, oc_json_str(item));
	oc_leak_grams_init(x);
	x->kept = kept_options(x, opts, err);
	if (!x->kept)
		goto fail;
	yyjson_arr_foreach(oc_json_get(opts->given, "against"), i, max, item)
	{
		if (add_named(x, env, item, err))
			goto fail;
	}
	return 0;
fail:
	oc_leak_index_fini(x);
	return -1;
}

void oc_leak_index_fini(struct oc_leak_index *x)
{
	for (uint32_t i = 0; i < x->on_n; i++)
		oc_index_close(x->ons[i]);
	oc_arena_free(x->arena);
	oc_arena_free(x->room);
	oc_leak_words_fini(&x->words);
	free(x->ons);
	free(x->names);
	free(x->items);
	free(x->grams);
	free(x->slots);
	free(x->bits);
	free(x->lens);
	free(x->pairs);
	*x = (struct oc_leak_index){0};
}
