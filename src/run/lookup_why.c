/* A row's life upward: the row, the bytes it was read from, the requests it was made by, what
 * people said, and its ancestors. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "data/yaml.h"
#include "llm/store.h"
#include "run/lookup.h"
#include "run/people.h"
#include "run/rundb.h"
#include "text/utf8.h"

#define BYTES_MAX 65536 /* of a source that are read back */
#define LOCK_MAX  ((size_t)16 << 20)

struct node {
	struct oc_str key;
	bool found;
	enum oc_place place;
	uint64_t line;
	bool placed; /* found by its place, which wins over an id */
	struct oc_str file, step, rule, row, lineage;
	yyjson_val *ped;
};

struct why {
	struct oc_ctx *ctx;
	const char *dir, *what;
	char base_dir[PATH_MAX], cache[PATH_MAX];
	struct oc_arena *arena;
	struct node *nodes;
	size_t n, cap;
	struct oc_store *store;
	struct oc_people *people;
	struct oc_err no_store; /* why the replies cannot be read */
};

static struct node *add(struct why *w, struct oc_str key)
{
	for (size_t i = 0; i < w->n; i++)
		if (oc_str_eq(w->nodes[i].key, key))
			return NULL;
	if (w->n == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 16;
		w->nodes = oc_realloc(w->nodes, w->cap * sizeof *w->nodes);
	}
	w->nodes[w->n] = (struct node){.key = oc_arena_str(w->arena, key)};
	return &w->nodes[w->n++];
}

static int take(struct why *w, struct node *node, const struct oc_found *f, struct oc_err *err)
{
	node->found = true;
	node->key = oc_arena_str(w->arena, f->key);
	node->place = f->place;
	node->line = f->line;
	node->file = oc_arena_str(w->arena, oc_str(f->file));
	node->step = oc_arena_str(w->arena, f->step);
	node->rule = oc_arena_str(w->arena, f->rule);
	node->row = oc_arena_str(w->arena, f->row);
	node->lineage = oc_arena_str(w->arena, f->lineage);
	node->ped = oc_json_parse(w->arena, node->lineage, err);
	return node->ped ? 0 : oc_fail_in(err, f->file);
}

/* ---------------------------------------------------------------------- finding */

/* The key wins over "train:17", which wins over a user's id; so the first pass looks for all. */
static int first_row(void *user, const struct oc_found *f, struct oc_err *err)
{
	struct why *w = user;
	struct node *node = &w->nodes[0];
	size_t len = strlen(oc_place_name(f->place));
	char *end;

	if (oc_str_is(f->key, w->what))
		return take(w, node, f, err) ? -1 : 1;
	if (node->found && node->placed)
		return 0;
	if (f->place <= OC_TEST && strncmp(w->what, oc_place_name(f->place), len) == 0 &&
	    w->what[len] == ':' && strtoull(w->what + len + 1, &end, 10) == f->line && !*end) {
		node->placed = true;
		return take(w, node, f, err);
	}
	if (!node->found) {
		struct oc_str id;
		size_t n = strlen(w->what);
		if (oc_json_member(f->lineage, OC_LIT("id"), &id) && id.len == n + 2 &&
		    memcmp(id.p + 1, w->what, n) == 0)
			return take(w, node, f, err);
	}
	return 0;
}

static int parent_row(void *user, const struct oc_found *f, struct oc_err *err)
{
	struct why *w = user;
	bool open = false;

	for (size_t i = 1; i < w->n; i++) {
		struct node *node = &w->nodes[i];
		if (!node->found && oc_str_eq(node->key, f->key) && take(w, node, f, err))
			return -1;
		open |= !node->found;
	}
	return !open;
}

static void add_list(struct why *w, yyjson_val *list)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach(list, i, n, v)
	{
		add(w, oc_json_str(v));
	}
}

static int find_all(struct why *w, struct oc_err *err)
{
	size_t done = 0;

	add(w, oc_str(w->what));
	if (oc_lookup_each(w->dir, OC_EVERYWHERE, first_row, w, err))
		return -1;
	if (!w->nodes[0].found)
		return oc_fail(err, OC_USAGE, w->what,
		               "no row of %s has this key, id or place (train:17 is line 17 of the "
		               "train split); `outcross show %s` lists rows",
		               w->dir, w->dir);
	while (done < w->n) {
		size_t end = w->n;
		for (; done < end; done++)
			if (w->nodes[done].found) {
				yyjson_val *ped = w->nodes[done].ped;
				add_list(w, oc_json_get(ped, "parents"));
				if (!yyjson_arr_size(oc_json_get(ped, "parents")))
					add_list(w, oc_json_get(ped, "founders"));
			}
		if (w->n > end && oc_lookup_each(w->dir, OC_EVERYWHERE, parent_row, w, err))
			return -1;
	}
	return 0;
}

/* ----------------------------------------------------------------------- writing */

static void put(struct oc_buf *b, const char *name, struct oc_str text)
{
	oc_buf_printf(b, ",\"%s\":", name);
	oc_buf_json(b, text);
}

static bool ends(struct oc_str s, const char *suffix)
{
	size_t n = strlen(suffix);
	return s.len >= n && memcmp(s.p + s.len - n, suffix, n) == 0;
}

/* The bytes of the source, read back. */
static void bytes(struct why *w, struct oc_buf *b, const struct node *node)
{
	yyjson_val *source = oc_json_get(node->ped, "source");
	struct oc_str file = oc_json_get_str(source, "file"), said, at;
	uint64_t offset = (uint64_t)oc_json_get_int(source, "offset", 0);
	uint64_t len = (uint64_t)oc_json_get_int(source, "len", 0);
	char path[PATH_MAX], hex[33];
	const char *note = NULL;
	ssize_t got = -1;
	int fd;

	if (!file.len || !len)
		return;
	oc_buf_puts(b, ",\"bytes\":{");
	if (ends(file, ".gz") || ends(file, ".zst"))
		note = "the file is compressed; offset and length are of its uncompressed bytes";
	else if (len > BYTES_MAX)
		note = "too long to show here";
	if (note)
		goto out;
	if (file.p[0] == '/')
		snprintf(path, sizeof path, "%.*s", OC_ARG(file));
	else
		snprintf(path, sizeof path, "%.2000s/%.*s", w->base_dir,
		         file.len > 2000 ? 2000 : (int)file.len, file.p);
	char *text = oc_alloc(len);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		got = pread(fd, text, len, (off_t)offset);
		close(fd);
	}
	if (got != (ssize_t)len) {
		note = "the file is not there any more, or became shorter";
	} else {
		at = oc_json_get_str(node->ped, "hash");
		oc_hash128_hex(oc_hash128(text, len), hex);
		said = oc_utf8_repair(w->arena, (struct oc_str){text, len});
		oc_buf_puts(b, "\"text\":");
		oc_buf_json(b, said);
		oc_buf_printf(b, ",\"same\":%s", oc_str_is(at, hex) ? "true" : "false");
	}
	free(text);
out:
	if (note) {
		oc_buf_puts(b, "\"note\":");
		oc_buf_json(b, oc_str(note));
	}
	oc_buf_putc(b, '}');
}

static bool hex_key(struct oc_str s, struct oc_hash128 *key)
{
	uint64_t part[2] = {0};

	if (s.len != 32)
		return false;
	for (size_t i = 0; i < 32; i++) {
		const char *digits = "0123456789abcdef", *at = strchr(digits, s.p[i]);
		if (!at || !*at)
			return false;
		part[i / 16] = part[i / 16] << 4 | (uint64_t)(at - digits);
	}
	*key = (struct oc_hash128){.hi = part[0], .lo = part[1]};
	return true;
}

/* What was asked, as text: the prompt, or the messages one below the other. */
static void prompt(struct oc_buf *out, yyjson_val *body)
{
	yyjson_val *m;
	size_t i, n;

	oc_buf_str(out, oc_json_get_str(body, "prompt"));
	yyjson_arr_foreach(oc_json_get(body, "messages"), i, n, m)
	{
		struct oc_str role = oc_json_get_str(m, "role");
		oc_buf_printf(out, "%s[%.*s]\n%.*s", i ? "\n" : "", OC_ARG(role),
		              OC_ARG(oc_json_get_str(m, "content")));
	}
}

static struct oc_str answer(yyjson_val *body)
{
	struct oc_str text = oc_json_str(oc_json_path(body, OC_LIT("choices.0.message.content")));
	return text.len ? text : oc_json_str(oc_json_path(body, OC_LIT("choices.0.text")));
}

static void request(struct why *w, struct oc_buf *b, struct oc_str key)
{
	struct oc_record r = {0};
	struct oc_err err = {0};
	struct oc_buf text = {0};
	struct oc_hash128 hash;
	yyjson_val *asked, *said;
	int there = 0;

	oc_buf_puts(b, "{\"key\":");
	oc_buf_json(b, key);
	if (!w->store)
		err = w->no_store;
	else if (hex_key(key, &hash))
		there = oc_store_get(w->store, hash, &r, &err);
	if (there <= 0) {
		put(b, "note",
		    err.code ? oc_str(err.msg) : OC_LIT("not in the reply store any more"));
		oc_buf_putc(b, '}');
		return;
	}
	asked = oc_json_parse(w->arena, r.request, &err);
	said = oc_json_parse(w->arena, r.reply, &err);
	prompt(&text, asked);
	put(b, "prompt", text.len ? oc_buf_view(&text) : r.request);
	put(b, "reply", answer(said).len ? answer(said) : r.reply);
	oc_buf_printf(b, ",\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"cost\":",
	              (unsigned long long)r.usage.prompt_tokens,
	              (unsigned long long)r.usage.completion_tokens);
	oc_buf_double(b, r.cost);
	oc_buf_printf(b, ",\"attempts\":%u}", r.attempts);
	oc_record_fini(&r);
	oc_buf_fini(&text);
}

static void reviews(struct why *w, struct oc_buf *b, const struct node *node)
{
	size_t n, shown = 0;
	const struct oc_decision *e = oc_people_events(w->people, &n);

	for (size_t i = 0; i < n; i++) {
		if (!oc_str_eq(e[i].key, node->key))
			continue;
		oc_buf_printf(b, "%s{\"seq\":%llu,\"decision\":\"%s\"",
		              shown++ ? "," : ",\"reviews\":[", (unsigned long long)e[i].seq,
		              oc_decision_name(e[i].kind));
		put(b, "time", e[i].time);
		put(b, "by", e[i].by);
		put(b, "reason", e[i].reason);
		oc_buf_putc(b, '}');
	}
	if (shown)
		oc_buf_putc(b, ']');
}

static void write_node(struct why *w, struct oc_buf *b, const struct node *node)
{
	yyjson_val *key, *requests = oc_json_get(node->ped, "requests");
	size_t i, n;

	oc_buf_puts(b, "{\"key\":");
	oc_buf_json(b, node->key);
	if (!node->found) {
		put(b, "note",
		    strchr(node->key.p, '/')
		            ? OC_LIT("of an earlier run, whose output is a source of this one")
		            : OC_LIT("in no file of this run"));
		oc_buf_putc(b, '}');
		return;
	}
	put(b, "place", oc_str(oc_place_name(node->place)));
	put(b, "file", node->file);
	oc_buf_printf(b, ",\"line\":%llu", (unsigned long long)node->line);
	if (node->step.len) {
		put(b, "step", node->step);
		put(b, "rule", node->rule);
	}
	oc_buf_printf(b, ",\"row\":%.*s,\"lineage\":%.*s", OC_ARG(node->row),
	              OC_ARG(node->lineage));
	bytes(w, b, node);
	yyjson_arr_foreach(requests, i, n, key)
	{
		oc_buf_puts(b, i ? "," : ",\"requests\":[");
		request(w, b, oc_json_str(key));
	}
	if (yyjson_arr_size(requests))
		oc_buf_putc(b, ']');
	reviews(w, b, node);
	oc_buf_putc(b, '}');
}

/* Where the plan lay, and its reply store. */
static int places_of(struct why *w, struct oc_err *err)
{
	struct oc_buf text = {0};
	struct oc_rundb *db;
	char path[PATH_MAX];
	yyjson_val *lock;
	int rc;

	if (oc_rundb_open(&db, w->dir, true, err))
		return -1;
	rc = oc_rundb_get(db, "base_dir", &text, err);
	oc_rundb_close(db);
	if (rc == 1)
		snprintf(w->base_dir, sizeof w->base_dir, "%s", oc_buf_cstr(&text));
	else
		snprintf(w->base_dir, sizeof w->base_dir, "%.2000s/../..", w->dir);
	text.len = 0;
	snprintf(path, sizeof path, "%s/plan.lock.yaml", w->dir);
	if (rc < 0 || oc_file_read(path, LOCK_MAX, &text, err) ||
	    !(lock = oc_yaml_parse(w->arena, oc_buf_view(&text), path, NULL, err))) {
		oc_buf_fini(&text);
		return -1;
	}
	struct oc_str cache = oc_json_get_str(lock, "cache");
	if (cache.len && cache.p[0] == '/')
		snprintf(w->cache, sizeof w->cache, "%.*s", OC_ARG(cache));
	else
		snprintf(w->cache, sizeof w->cache, "%.2000s/%.*s", w->base_dir,
		         cache.len > 2000 ? 2000 : (int)cache.len, cache.p);
	oc_buf_fini(&text);
	return 0;
}

int oc_lookup_why(struct oc_buf *out, struct oc_ctx *ctx, const char *dir, const char *what,
                  struct oc_err *err)
{
	struct why w = {.ctx = ctx, .dir = dir, .what = what, .arena = oc_arena_new()};
	int rc = -1;

	if (find_all(&w, err) || places_of(&w, err) || oc_people_open(&w.people, dir, err))
		goto out;
	if (oc_store_open(&w.store, ctx, w.cache, true, &w.no_store))
		w.store = NULL;
	oc_buf_puts(out, "{\"run\":");
	oc_buf_json(out, oc_str(dir));
	oc_buf_puts(out, ",\"rows\":[");
	for (size_t i = 0; i < w.n; i++) {
		if (i)
			oc_buf_putc(out, ',');
		write_node(&w, out, &w.nodes[i]);
	}
	oc_buf_puts(out, "]}");
	rc = 0;
out:
	if (w.store)
		oc_store_close(w.store, rc ? &w.no_store : err);
	oc_people_close(w.people);
	free(w.nodes);
	oc_arena_free(w.arena);
	return rc;
}
