#include "run/lookup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "pipe/parquet_lines.h"
#include "pipe/zframes.h"

static const char *const places[] = {"train", "test", "held", "rejected", "unused"};

const char *oc_place_name(enum oc_place place)
{
	return places[place];
}

/* ------------------------------------------------------------ every row of a run */

struct visit {
	const char *dir;
	unsigned places;
	oc_found_fn *fn;
	void *user;
	struct oc_found found;
	struct oc_arena *arena; /* of one row's key */
	bool stop;
};

/* The text of a string member; escapes are rare, so most need no parsing. */
static struct oc_str text_of(struct visit *v, struct oc_str object, struct oc_str name)
{
	struct oc_str value;
	struct oc_err ignored = {0};

	if (!oc_json_member(object, name, &value) || value.len < 2)
		return (struct oc_str){0};
	if (!memchr(value.p, '\\', value.len))
		return (struct oc_str){value.p + 1, value.len - 2};
	struct oc_str wrapped = oc_arena_printf(v->arena, "[%.*s]", OC_ARG(value));
	return oc_json_str(yyjson_arr_get_first(oc_json_parse(v->arena, wrapped, &ignored)));
}

static int hand(struct visit *v, struct oc_err *err)
{
	int rc = v->fn(v->user, &v->found, err);

	v->stop = rc != 0;
	return rc < 0 ? -1 : 0;
}

/* One shard of a split, its lineage line for line beside it. */
static int shard(struct visit *v, const char *path, struct oc_err *err)
{
	char beside[PATH_MAX];
	char *row = NULL, *line = NULL;
	size_t row_cap = 0, line_cap = 0;
	FILE *lineage = NULL, *data = oc_rows_open(path, err);
	ssize_t n, m;
	int rc = -1;

	if (!data || !oc_rows_lineage(path, beside) || !(lineage = oc_rows_open(beside, err)))
		goto out;
	rc = 0;
	v->found.file = path + strlen(v->dir) + 1;
	while (!rc && !v->stop && (n = getline(&row, &row_cap, data)) > 0) {
		if ((m = getline(&line, &line_cap, lineage)) <= 0) {
			rc = oc_fail(err, OC_INPUT, beside, "has fewer lines than its data");
			break;
		}
		oc_arena_reset(v->arena);
		v->found.line++;
		v->found.row = oc_str_trim((struct oc_str){row, (size_t)n});
		v->found.lineage = oc_str_trim((struct oc_str){line, (size_t)m});
		v->found.key = text_of(v, v->found.lineage, OC_LIT("key"));
		rc = hand(v, err);
	}
out:
	if (data)
		fclose(data);
	if (lineage)
		fclose(lineage);
	free(row);
	free(line);
	return rc;
}

static int fallen_line(void *user, struct oc_str line, struct oc_err *err)
{
	struct visit *v = user;
	struct oc_found *f = &v->found;
	struct oc_str fate;

	f->line++;
	if (v->stop)
		return 0;
	oc_arena_reset(v->arena);
	fate = text_of(v, line, OC_LIT("fate"));
	f->place = oc_str_is(fate, "held")     ? OC_HELD_BACK
	           : oc_str_is(fate, "unused") ? OC_LEFT_OVER
	                                       : OC_FELL;
	if (!(v->places >> f->place & 1))
		return 0;
	f->key = text_of(v, line, OC_LIT("key"));
	f->step = text_of(v, line, OC_LIT("step"));
	f->rule = text_of(v, line, OC_LIT("rule"));
	oc_json_member(line, OC_LIT("lineage"), &f->lineage);
	if (!oc_json_member(line, OC_LIT("row"), &f->row))
		oc_json_member(line, OC_LIT("base64"), &f->row);
	return hand(v, err);
}

static int each_file(struct visit *v, const char *pattern, bool split, struct oc_err *err)
{
	glob_t files = {0};
	int rc = 0;

	oc_glob(v->dir, pattern, 0, &files);
	for (size_t i = 0; !rc && !v->stop && i < files.gl_pathc; i++) {
		if (!split) {
			v->found =
				(struct oc_found){.file = files.gl_pathv[i] + strlen(v->dir) + 1};
			rc = oc_zlines_each(files.gl_pathv[i], fallen_line, v, err);
		} else {
			rc = shard(v, files.gl_pathv[i], err);
		}
	}
	globfree(&files);
	return rc;
}

int oc_lookup_check(const char *dir, struct oc_err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/run.db", dir);
	return oc_file_exists(path)
	               ? 0
	               : oc_fail(err, OC_INPUT, dir, "is not a run folder: it has no run.db");
}

int oc_lookup_each(const char *dir, unsigned wanted, oc_found_fn *fn, void *user,
                   struct oc_err *err)
{
	struct visit v = {.dir = dir, .places = wanted, .fn = fn, .user = user};
	int rc = 0;

	if (oc_lookup_check(dir, err))
		return -1;
	v.arena = oc_arena_new();
	for (int p = OC_TRAIN; !rc && !v.stop && p <= OC_TEST; p++) {
		v.found = (struct oc_found){.place = (enum oc_place)p};
		if (wanted >> p & 1)
			rc = each_file(&v, p == OC_TRAIN ? "out/data/train-*" : "out/data/test-*",
			               true, err);
	}
	if (!rc && !v.stop && wanted >> OC_HELD_BACK & 1)
		rc = each_file(&v, "held-*.jsonl.zst", false, err);
	if (!rc && !v.stop && wanted >> OC_LEFT_OVER & 1)
		rc = each_file(&v, "unused-*.jsonl.zst", false, err);
	if (!rc && !v.stop && (wanted >> OC_FELL & 1 || wanted >> OC_LEFT_OVER & 1))
		rc = each_file(&v, "rejected-*.jsonl.zst", false, err);
	oc_arena_free(v.arena);
	return rc;
}

/* ------------------------------------------------------------------- descendants */

struct oc_key_set {
	struct oc_hash128 *slot; /* (cap) open addressing; {0, 0} = free */
	uint64_t n, cap;
};

static uint64_t place_of(const struct oc_key_set *s, struct oc_hash128 h)
{
	uint64_t at = h.lo & (s->cap - 1);

	while ((s->slot[at].lo || s->slot[at].hi) &&
	       (s->slot[at].lo != h.lo || s->slot[at].hi != h.hi))
		at = (at + 1) & (s->cap - 1);
	return at;
}

static bool has(const struct oc_key_set *s, struct oc_hash128 h)
{
	const struct oc_hash128 *slot = &s->slot[place_of(s, h)];
	return slot->lo || slot->hi;
}

static void put(struct oc_key_set *s, struct oc_hash128 h)
{
	if (s->n * 2 >= s->cap) {
		struct oc_key_set old = *s;
		s->cap = old.cap ? old.cap * 2 : 256;
		s->slot = oc_zalloc(s->cap, sizeof *s->slot);
		for (uint64_t i = 0; i < old.cap; i++)
			if (old.slot[i].lo || old.slot[i].hi)
				s->slot[place_of(s, old.slot[i])] = old.slot[i];
		free(old.slot);
	}
	uint64_t at = place_of(s, h);
	s->n += !(s->slot[at].lo || s->slot[at].hi);
	s->slot[at] = h;
}

bool oc_key_set_has(const struct oc_key_set *s, struct oc_str key)
{
	return has(s, oc_hash128(key.p, key.len));
}

uint64_t oc_key_set_len(const struct oc_key_set *s)
{
	return s->n;
}

void oc_key_set_free(struct oc_key_set *s)
{
	if (!s)
		return;
	free(s->slot);
	free(s);
}

struct descent {
	struct oc_key_set *set;
	struct oc_arena *arena;
	struct oc_str what;
	bool self, grew, met;
};

/* "gsm" of "gsm:17"; of a row of an earlier run "gsm/..." it is ours, too. */
static bool of_source(struct oc_str key, struct oc_str name)
{
	return key.len > name.len && memcmp(key.p, name.p, name.len) == 0 &&
	       (key.p[name.len] == ':' || key.p[name.len] == '/');
}

static bool names(yyjson_val *list, struct descent *d, bool prefix)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach(list, i, n, v)
	{
		struct oc_str s = oc_json_str(v);
		if (oc_str_eq(s, d->what) || of_source(s, d->what))
			return true;
		if (prefix && d->what.len >= 8 && s.len >= d->what.len &&
		    memcmp(s.p, d->what.p, d->what.len) == 0)
			return true;
		if (!prefix && oc_key_set_has(d->set, s))
			return true;
	}
	return false;
}

static int descend_row(void *user, const struct oc_found *f, struct oc_err *err)
{
	struct descent *d = user;
	struct oc_hash128 h = oc_hash128(f->key.p, f->key.len);
	yyjson_val *l;
	bool hit;

	if (has(d->set, h))
		return 0;
	if (oc_str_eq(f->key, d->what)) {
		d->met = true;
		if (!d->self)
			return 0;
		hit = true;
	} else {
		oc_arena_reset(d->arena);
		if (!(l = oc_json_parse(d->arena, f->lineage, err)))
			return oc_fail_in(err, f->file);
		yyjson_val *source = oc_json_get(l, "source");
		hit = of_source(f->key, d->what) ||
		      oc_str_eq(oc_json_get_str(l, "model"), d->what) ||
		      oc_str_eq(oc_json_get_str(source, "file"), d->what) ||
		      names(oc_json_get(l, "requests"), d, true) ||
		      names(oc_json_get(l, "parents"), d, false) ||
		      names(oc_json_get(l, "founders"), d, false);
	}
	if (hit) {
		put(d->set, h);
		d->grew = true;
	}
	return 0;
}

int oc_lookup_descend(struct oc_key_set **out, const char *dir, const char *what, bool self,
                      struct oc_err *err)
{
	struct descent d = {.what = oc_str(what), .self = self, .grew = true};
	int rc = 0;

	d.set = oc_zalloc(1, sizeof *d.set);

	d.set->cap = 256;
	d.set->slot = oc_zalloc(d.set->cap, sizeof *d.set->slot);
	d.arena = oc_arena_new();
	while (!rc && d.grew) {
		d.grew = false;
		rc = oc_lookup_each(dir, OC_EVERYWHERE, descend_row, &d, err);
	}
	if (!rc && !d.set->n && !d.met)
		rc = oc_fail(err, OC_USAGE, what,
		             "no row of %s is or comes from it; name a row's key, a source, recipe "
		             "or model of the plan, a source file or a request's key",
		             dir);
	oc_arena_free(d.arena);
	if (rc) {
		oc_key_set_free(d.set);
		return -1;
	}
	*out = d.set;
	return 0;
}
