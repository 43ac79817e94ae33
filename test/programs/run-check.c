/*
 * run-check: looks at what a run left behind, without asking the run.
 *
 *   run-check ledger RUN      counts every file again, holds it against status.json: each row in
 *                             exactly one place, hash k of the lineage = line k of the data
 *   run-check requests STORE  every request body in a reply store, one JSON line each
 *   run-check store STORE     what its segments hold: replies, failures, intents, drops, unknown
 */
#include <glob.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "data/json.h"
#include "llm/store_seg.h"
#include "pipe/zframes.h"

#define FILE_MAX ((size_t)1 << 30)

static int bad; /* complaints so far */

#define COMPLAIN(...) (bad++ < 20 ? (void)printf(__VA_ARGS__) : (void)0)

static unsigned long long u(uint64_t v)
{
	return v;
}

static void die(const struct oc_err *err)
{
	fprintf(stderr, "run-check: %s: %s\n", err->where, err->msg);
	exit(1);
}

/* ------------------------------------------------------------------- ledger */

struct key {
	char *text;
	const char *place;
};

struct keys {
	struct key *e;
	size_t n, cap;
};

static void keys_add(struct keys *k, struct oc_str text, const char *place)
{
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 1024;
		k->e = oc_realloc(k->e, k->cap * sizeof *k->e);
	}
	char *copy = oc_alloc(text.len + 1);
	memcpy(copy, text.p, text.len);
	copy[text.len] = 0;
	k->e[k->n++] = (struct key){copy, place};
}

static int by_text(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int c = strcmp(x->text, y->text);
	return c ? c : strcmp(x->place, y->place);
}

static bool next_line(const struct oc_buf *b, size_t *at, struct oc_str *line)
{
	if (*at >= b->len)
		return false;
	const char *end = memchr(b->p + *at, '\n', b->len - *at);
	line->p = b->p + *at;
	line->len = (size_t)((end ? end : b->p + b->len) - line->p);
	*at += line->len + 1;
	return true;
}

/* Data and lineage of one shard, side by side. */
static uint64_t shard(const char *data_path, struct keys *keys, const char *place)
{
	struct oc_buf data = {0}, lineage = {0};
	struct oc_err err = {0};
	struct oc_str row, about;
	char path[4096], hex[33];
	size_t at = 0, to = 0;
	uint64_t n = 0;
	const char *cut = strstr(data_path, "/out/data/");

	snprintf(path, sizeof path, "%.*s/out/lineage/%s", (int)(cut - data_path), data_path,
	         cut + 10);
	if (oc_file_read(data_path, FILE_MAX, &data, &err) ||
	    oc_file_read(path, FILE_MAX, &lineage, &err))
		die(&err);
	struct oc_arena *a = oc_arena_new();
	while (next_line(&data, &at, &row)) {
		oc_arena_reset(a);
		if (!next_line(&lineage, &to, &about)) {
			COMPLAIN("%s: fewer lines than the data\n", path);
			break;
		}
		yyjson_val *v = oc_json_parse(a, about, &err);
		if (!v)
			die(&err);
		oc_hash128_hex(oc_hash128(row.p, row.len), hex);
		if (!oc_str_is(oc_json_get_str(v, "hash"), hex))
			COMPLAIN("%s: line %llu is not the row it says\n", path, u(n + 1));
		if (!oc_json_parse(a, row, &err))
			COMPLAIN("%s: line %llu is no JSON\n", data_path, u(n + 1));
		keys_add(keys, oc_json_get_str(v, "key"), place);
		n++;
	}
	if (next_line(&lineage, &to, &about))
		COMPLAIN("%s: more lines than the data\n", path);
	oc_arena_free(a);
	oc_buf_fini(&data);
	oc_buf_fini(&lineage);
	return n;
}

/* Rows that fell say themselves where they belong. */
enum place { REJECTED, MERGED, HELD, UNUSED, OTHER };
static const char *const places[] = {"rejected", "merged", "held", "unused", "nowhere"};

struct fallen {
	struct keys *keys;
	uint64_t n[OTHER + 1];
};

static int fallen_line(void *user, struct oc_str line, struct oc_err *err)
{
	struct fallen *f = user;
	struct oc_arena *a = oc_arena_new();
	yyjson_val *v = oc_json_parse(a, line, err);
	unsigned at = 0;

	if (v) {
		while (at < OTHER && !oc_str_is(oc_json_get_str(v, "fate"), places[at]))
			at++;
		if (at == OTHER)
			COMPLAIN("a row of no known fate: %.*s\n", (int)line.len, line.p);
		if (!oc_json_get(v, "row") && !oc_json_get(v, "base64"))
			COMPLAIN("a %s row without its bytes: %.*s\n", places[at], (int)line.len,
			         line.p);
		if (at == REJECTED &&
		    (!oc_json_get_str(v, "rule").len || !oc_json_get_str(v, "step").len))
			COMPLAIN("a rejected row without a reason: %.*s\n", (int)line.len, line.p);
		f->n[at]++;
		keys_add(f->keys, oc_json_get_str(v, "key"), places[at]);
	}
	oc_arena_free(a);
	return v ? 0 : -1;
}

static uint64_t shards(const char *run, const char *pattern, struct keys *keys)
{
	char path[4096];
	uint64_t n = 0;
	glob_t g = {0};

	snprintf(path, sizeof path, "%s/%s", run, pattern);
	glob(path, 0, NULL, &g);
	for (size_t i = 0; i < g.gl_pathc; i++)
		n += shard(g.gl_pathv[i], keys, "out");
	globfree(&g);
	return n;
}

static void fell(const char *run, const char *pattern, struct fallen *f)
{
	struct oc_err err = {0};
	char path[4096];
	glob_t g = {0};

	snprintf(path, sizeof path, "%s/%s", run, pattern);
	glob(path, 0, NULL, &g);
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (oc_zlines_each(g.gl_pathv[i], fallen_line, f, &err))
			die(&err);
	globfree(&g);
}

static void same(const char *what, uint64_t counted, yyjson_val *rows, const char *name)
{
	uint64_t said = (uint64_t)oc_json_get_int(rows, name, -1);

	if (counted != said)
		COMPLAIN("%s: status.json says %llu, the files hold %llu\n", what, u(said),
		         u(counted));
}

static int ledger(const char *run)
{
	struct keys keys = {0};
	struct oc_buf text = {0};
	struct oc_err err = {0};
	struct oc_arena *a = oc_arena_new();
	char path[4096];
	uint64_t distinct = 0;

	snprintf(path, sizeof path, "%s/status.json", run);
	if (oc_file_read(path, FILE_MAX, &text, &err))
		die(&err);
	yyjson_val *status = oc_json_parse(a, oc_buf_view(&text), &err);
	if (!status)
		die(&err);
	yyjson_val *rows = oc_json_get(status, "rows");
	struct fallen f = {.keys = &keys};
	uint64_t train = shards(run, "out/data/train-*.jsonl", &keys);
	uint64_t test = shards(run, "out/data/test-*.jsonl", &keys);
	fell(run, "rejected-*.jsonl.zst", &f);
	fell(run, "held-*.jsonl.zst", &f);
	fell(run, "unused-*.jsonl.zst", &f);
	uint64_t rejected = f.n[REJECTED], merged = f.n[MERGED], held = f.n[HELD],
		 unused = f.n[UNUSED];

	same("train", train, rows, "train");
	same("test", test, rows, "test");
	same("rejected", rejected, rows, "rejected_total");
	same("merged", merged, rows, "merged");
	same("held", held, rows, "held");
	same("unused", unused, rows, "unused");
	uint64_t in = (uint64_t)oc_json_get_int(rows, "in", 0),
		 made = (uint64_t)oc_json_get_int(rows, "made", 0),
		 repeated = (uint64_t)oc_json_get_int(rows, "repeated", 0);
	if (in + made + repeated != train + test + held + rejected + merged + unused)
		COMPLAIN("in %llu + made %llu + repeated %llu do not balance\n", u(in), u(made),
		         u(repeated));
	qsort(keys.e, keys.n, sizeof *keys.e, by_text);
	uint64_t again = 0;
	for (size_t i = 0; i < keys.n; i++) {
		if (!keys.e[i].text[0])
			COMPLAIN("a %s row without a key\n", keys.e[i].place);
		if (i && strcmp(keys.e[i].text, keys.e[i - 1].text) == 0) {
			again++;
			if (strcmp(keys.e[i].place, keys.e[i - 1].place) != 0 ||
			    strcmp(keys.e[i].place, "out") != 0)
				COMPLAIN("%s lies in two places: %s, %s\n", keys.e[i].text,
				         keys.e[i - 1].place, keys.e[i].place);
		} else {
			distinct++;
		}
	}
	if (again != repeated)
		COMPLAIN("%llu rows stand more than once, repeated says %llu\n", u(again),
		         u(repeated));
	if (distinct != in + made)
		COMPLAIN("%llu different rows, in + made says %llu\n", u(distinct), u(in + made));
	for (size_t i = 0; i < keys.n; i++)
		free(keys.e[i].text);
	free(keys.e);
	oc_buf_fini(&text);
	oc_arena_free(a);
	return bad ? 1 : 0;
}

/* -------------------------------------------------------------------- store */

struct scan {
	struct seg_unzip *unzip;
	bool print;
	uint64_t n[SEG_DROP + 1], unknown;
};

static int record(void *user, const struct seg_frame *f, uint64_t offset, const char *payload,
                  struct oc_err *err)
{
	struct scan *s = user;
	struct oc_record r = {0};

	(void)offset;
	if (f->type <= SEG_DROP)
		s->n[f->type]++;
	if (f->type == SEG_DICT)
		seg_unzip_dict(s->unzip, payload, f->len);
	if (f->type != SEG_REPLY && f->type != SEG_FAILURE)
		return 0;
	if (seg_unpack(s->unzip, payload, f->len, f->dict != 0, &r, err))
		return -1;
	s->unknown += r.unknown;
	if (s->print) {
		fwrite(r.request.p, 1, r.request.len, stdout);
		putchar('\n');
	}
	oc_record_fini(&r);
	return 0;
}

static int store(const char *dir, bool print)
{
	struct scan s = {.print = print};
	struct oc_err err = {0};
	char pattern[4096];
	glob_t g = {0};

	snprintf(pattern, sizeof pattern, "%s/seg-*.ocr", dir);
	glob(pattern, 0, NULL, &g);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		uint64_t skipped = 0;
		int fd = open(g.gl_pathv[i], O_RDONLY | O_CLOEXEC);
		s.unzip = seg_unzip_new();
		if (fd < 0 || seg_scan(fd, g.gl_pathv[i], 0, record, &s, &skipped, &err) < 0)
			die(&err);
		seg_unzip_free(s.unzip);
		close(fd);
	}
	globfree(&g);
	if (!print)
		printf("replies %llu failures %llu intents %llu drops %llu unknown %llu\n",
		       u(s.n[SEG_REPLY]), u(s.n[SEG_FAILURE]), u(s.n[SEG_INTENT]), u(s.n[SEG_DROP]),
		       u(s.unknown));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "ledger") == 0)
		return ledger(argv[2]);
	if (argc == 3 && strcmp(argv[1], "requests") == 0)
		return store(argv[2], true);
	if (argc == 3 && strcmp(argv[1], "store") == 0)
		return store(argv[2], false);
	fprintf(stderr, "usage: run-check ledger RUN | requests STORE | store STORE\n");
	return 2;
}
