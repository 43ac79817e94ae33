/*
 * near_dup: of several texts that are nearly the same, the first in priority order stays (real
 * before synthetic, shallow before deep).
 *
 * Candidates come from MinHash bands (index/minhash.h), and every removal is verified by the true
 * Jaccard index of the word n-grams. Removal is by star, not by closure: rows are visited in order,
 * and one goes only if it is a near duplicate of a row that stays. So each removed row has a
 * witness with J >= threshold in the output, which stands in the evidence, and a chain of small
 * changes does not pull together texts that are unlike.
 *
 * Where more than `cap` unlike kept rows share a band (boilerplate), further ones are not added to
 * it and the number of such bands is reported.
 *
 * Work: one sort of bands x rows records, one of those that met, at most cap comparisons per band
 * that a row shares. Memory: the sorts' buffers, within `memory:`; the rest lies on disk: 8 bytes a
 * shingle, 8 a band, about 50 and the key a row.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "curate/near_dup.h"
#include "data/row.h"
#include "text/view.h"

/* What became of a row that goes. */
struct result {
	uint64_t number;
	uint64_t key; /* of the witness, in the second stream */
	uint64_t key_len;
	double jaccard;
};

struct near_dup {
	char *name;
	struct oc_ctx *ctx;
	struct oc_arena *arena;
	struct oc_str field;
	struct oc_dup_opts opts;
	struct oc_minhash *minhash;
	struct oc_spill *out; /* results, keys of witnesses */
	const struct result *results;
	uint64_t result_n;
	const char *keys;
};

struct scratch {
	uint64_t *shingles, *room;
	uint32_t cap;
	uint32_t *signature;
	uint64_t *band;
};

static const struct oc_option options[] = {
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is compared; empty = the row's whole text."},
	{.key = "threshold",
         .type = OC_OPT_NUM,
         .def = "0.7",
         .min = 0.01,
         .max = 1,
         .help = "Jaccard index of the word n-grams from which on two texts are near "
                 "duplicates."},
	{.key = "ngram",
         .type = OC_OPT_INT,
         .def = "5",
         .min = 1,
         .max = 64,
         .unit = "words",
         .help = "Words of a shingle; a shorter text is one shingle."},
	{.key = "bands",
         .type = OC_OPT_INT,
         .def = "20",
         .min = 1,
         .max = 256,
         .help = "Bands of the signature: more find more and cost more."},
	{.key = "rows",
         .type = OC_OPT_INT,
         .def = "6",
         .min = 1,
         .max = 16,
         .help = "Values a band: more make fewer candidates. A pair with J is found with "
                 "probability 1-(1-J^rows)^bands: 0.918 at 0.7, 0.998 at 0.8 by default."},
	{.key = "cap",
         .type = OC_OPT_INT,
         .def = "100",
         .min = 1,
         .max = 100000,
         .unit = "rows",
         .help = "Most unlike kept rows of one band that a row is compared with."},
	{0},
};

static void close_near_dup(void *self)
{
	struct near_dup *s = self;

	if (!s)
		return;
	oc_spill_close(s->out);
	oc_minhash_free(s->minhash);
	oc_arena_free(s->arena);
	free(s->name);
	free(s);
}

static int open_near_dup(void **self, const struct oc_env *env, yyjson_val *opts,
                         struct oc_err *err)
{
	struct near_dup *s = oc_zalloc(1, sizeof *s);

	(void)err;
	s->name = oc_strdup(env->name);
	s->ctx = env->ctx;
	s->arena = oc_arena_new();
	s->field = oc_arena_str(s->arena, oc_json_get_str(opts, "field"));
	s->opts = (struct oc_dup_opts){
		.ngram = (uint32_t)oc_json_get_int(opts, "ngram", 5),
		.bands = (uint32_t)oc_json_get_int(opts, "bands", 20),
		.rows = (uint32_t)oc_json_get_int(opts, "rows", 6),
		.cap = (uint32_t)oc_json_get_int(opts, "cap", 100),
		.threshold = oc_json_get_num(opts, "threshold", 0.7),
	};
	s->minhash = oc_minhash_new(s->opts.bands, s->opts.rows);
	*self = s;
	return 0;
}

void oc_near_dup_about(const void *near_dup, struct oc_ctx **ctx, const char **name,
                       struct oc_dup_opts *opts)
{
	const struct near_dup *s = near_dup;

	*ctx = s->ctx;
	*name = s->name;
	*opts = s->opts;
}

/* ---------------------------------------------------------------- observing */

static void *scratch_new(void *self)
{
	const struct near_dup *s = self;
	struct scratch *t = oc_zalloc(1, sizeof *t);

	t->signature = oc_zalloc((size_t)s->opts.bands * s->opts.rows, sizeof *t->signature);
	t->band = oc_zalloc(s->opts.bands, sizeof *t->band);
	return t;
}

static void scratch_free(void *scratch)
{
	struct scratch *t = scratch;

	free(t->shingles);
	free(t->room);
	free(t->signature);
	free(t->band);
	free(t);
}

static int observe(void *self, void *scratch, struct oc_row *row, struct oc_buf *out,
                   struct oc_err *err)
{
	const struct near_dup *s = self;
	struct scratch *t = scratch;
	const struct oc_words *words = oc_view_fold(row, s->field);
	struct oc_dup_row entry = {.number = row->number, .key_len = (uint32_t)row->ped.key.len};

	(void)err;
	if (!words->n)
		return 0;
	if (words->n > t->cap) {
		t->cap = words->n + words->n / 2;
		t->shingles = oc_realloc(t->shingles, t->cap * sizeof *t->shingles);
		t->room = oc_realloc(t->room, t->cap * sizeof *t->room);
	}
	entry.shingle_n = oc_shingles(words->hash, words->n, s->opts.ngram, t->shingles, t->room);
	oc_minhash_sign(s->minhash, t->shingles, entry.shingle_n, t->signature);
	oc_minhash_bands(s->minhash, t->signature, t->band);
	oc_buf_add(&out[0], &entry, sizeof entry);
	oc_buf_add(&out[1], t->band, s->opts.bands * sizeof *t->band);
	oc_buf_add(&out[2], t->shingles, entry.shingle_n * sizeof *t->shingles);
	oc_buf_add(&out[3], row->ped.key.p, entry.key_len);
	return 0;
}

/* ---------------------------------------------------------------- resolving */

/* A row met others in the run whose kept rows are listed from `list` on. Sorted by row. */
struct meeting {
	uint32_t row; /* big end first */
	uint64_t list;
} __attribute__((packed));

/* Numbers on disk, mapped writable: one list per run, its length first. */
struct lists {
	uint32_t *at;
	uint64_t n;
};

struct resolver {
	struct near_dup *stage;
	struct oc_dups dups;
	struct oc_sort *meetings;
	uint64_t slot_n, run; /* places of all lists; where the current run's list begins */
	struct lists lists;
	uint32_t *candidates;
	uint64_t compared, removed, capped;
};

static int meet(void *user, uint32_t row, bool first, struct oc_err *err)
{
	struct resolver *r = user;

	if (first)
		r->run = r->slot_n++; /* the list's length; then a place for every member */
	r->slot_n++;
	struct meeting m = {htobe32(row), r->run};
	return oc_sort_add(r->meetings, &m, 1, err);
}

/* Pages of an unlinked file: the kernel's, written back under pressure, not counted as memory. */
static int lists_open(struct lists *l, const char *dir, uint64_t n, struct oc_err *err)
{
	struct oc_buf path = {0};
	int fd = -1, rc = -1;
	void *map;

	if (!n)
		return 0;
	oc_buf_printf(&path, "%s/near_dup.lists", dir);
	fd = open(oc_buf_cstr(&path), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		oc_fail_errno(err, path.p, "cannot create");
		goto out;
	}
	unlink(path.p);
	/* allocated now, so that a full disk is an error here and not a fault later */
	errno = posix_fallocate(fd, 0, (off_t)(n * sizeof *l->at));
	if (errno) {
		oc_fail_errno(err, path.p, "cannot make room");
		goto out;
	}
	map = mmap(NULL, n * sizeof *l->at, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		oc_fail_errno(err, path.p, "cannot map");
		goto out;
	}
	l->at = map;
	l->n = n;
	rc = 0;
out:
	if (fd >= 0)
		close(fd);
	oc_buf_fini(&path);
	return rc;
}

static void lists_close(struct lists *l)
{
	if (l->at)
		munmap(l->at, l->n * sizeof *l->at);
}

static int by_row(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static int record(struct resolver *r, uint32_t row, uint32_t witness, double jaccard,
                  struct oc_err *err)
{
	const struct oc_dups *d = &r->dups;
	struct result result = {.number = d->rows[row].number,
	                        .key = oc_spill_len(r->stage->out, 1),
	                        .key_len = d->rows[witness].key_len,
	                        .jaccard = jaccard};

	r->removed++;
	if (oc_spill_add(r->stage->out, 0, &result, sizeof result, err))
		return -1;
	return oc_spill_add(r->stage->out, 1, d->keys + d->places[2 * (uint64_t)witness + 1],
	                    result.key_len, err);
}

/* All lists a row is in: does a row that stays stand there and resemble it? */
static int decide(struct resolver *r, uint32_t row, const uint64_t *list, uint32_t list_n,
                  struct oc_err *err)
{
	uint32_t n = 0, cap = r->dups.opts.cap;

	for (uint32_t i = 0; i < list_n; i++) {
		const uint32_t *l = r->lists.at + list[i];
		memcpy(r->candidates + n, l + 1, l[0] * sizeof *l);
		n += l[0];
	}
	qsort(r->candidates, n, sizeof *r->candidates, by_row);
	for (uint32_t i = 0; i < n; i++) {
		double jaccard;
		if (i && r->candidates[i] == r->candidates[i - 1])
			continue;
		r->compared++;
		jaccard = oc_dups_compare(&r->dups, row, r->candidates[i]);
		if (jaccard >= 0)
			return record(r, row, r->candidates[i], jaccard, err);
	}
	for (uint32_t i = 0; i < list_n; i++) {
		uint32_t *l = r->lists.at + list[i];
		if (l[0] < cap)
			l[++l[0]] = row;
		else
			r->capped++;
	}
	return 0;
}

static int visit(struct resolver *r, struct oc_err *err)
{
	uint64_t *list = oc_alloc(r->dups.opts.bands * sizeof *list);
	uint32_t list_n = 0, row = 0;
	int rc = -1;

	for (;;) {
		const void *sorted;
		size_t n;
		if (oc_sort_next(r->meetings, &sorted, &n, err))
			goto out;
		if (!n)
			break;
		const struct meeting *m = sorted;
		for (size_t i = 0; i < n; i++) {
			uint32_t next = be32toh(m[i].row);
			if (list_n && next != row) {
				if (decide(r, row, list, list_n, err))
					goto out;
				list_n = 0;
			}
			row = next;
			list[list_n++] = m[i].list;
		}
		if (oc_cancelled(r->dups.ctx)) {
			oc_fail(err, OC_CANCELLED, r->dups.name, "interrupted");
			goto out;
		}
	}
	rc = list_n ? decide(r, row, list, list_n, err) : 0;
out:
	free(list);
	return rc;
}

static int resolve(void *self, struct oc_spill *spill, struct oc_err *err)
{
	struct near_dup *s = self;
	struct resolver r = {.stage = s};
	uint64_t memory = oc_spill_memory(spill);
	struct oc_str out;
	int rc = -1;

	oc_spill_close(s->out);
	s->out = oc_spill_open(s->ctx, oc_spill_dir(spill), "near_dup.out", 2, memory / 16, err);
	if (!s->out || oc_dups_open(&r.dups, s->ctx, s->name, &s->opts, spill, err))
		goto out;
	/* both sorts are alive while the first is read into the second */
	r.meetings = oc_sort_new(s->ctx, r.dups.dir, sizeof(struct meeting), 4, memory / 4, err);
	if (!r.meetings || oc_dups_runs(&r.dups, memory / 2, meet, &r, err) ||
	    oc_sort_done(r.meetings, err) || lists_open(&r.lists, r.dups.dir, r.slot_n, err))
		goto out;
	r.candidates = oc_alloc((size_t)s->opts.bands * s->opts.cap * sizeof *r.candidates);
	if (visit(&r, err))
		goto out;
	if (oc_spill_map(s->out, 0, &out, err))
		goto out;
	s->results = (const void *)out.p;
	s->result_n = out.len / sizeof *s->results;
	if (oc_spill_map(s->out, 1, &out, err))
		goto out;
	s->keys = out.p;
	oc_log(s->ctx, OC_LOG_INFO,
	       "%s: %u rows, %llu pairs compared, %llu near duplicates removed", s->name,
	       r.dups.row_n, (unsigned long long)r.compared, (unsigned long long)r.removed);
	if (r.capped)
		oc_log(s->ctx, OC_LOG_WARN,
		       "%s: %llu times a kept row shared a band with %u unlike rows already; later "
		       "rows are not compared with it there (raise `cap:` or `rows:`)",
		       s->name, (unsigned long long)r.capped, s->opts.cap);
	rc = 0;
out:
	oc_sort_free(r.meetings);
	lists_close(&r.lists);
	oc_dups_close(&r.dups);
	free(r.candidates);
	return rc;
}

/* ----------------------------------------------------------------- applying */

static int apply(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct near_dup *s = self;
	uint64_t low = 0, high = s->result_n;

	(void)scratch;
	(void)err;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (s->results[middle].number < row->number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == s->result_n || s->results[low].number != row->number)
		return 0;
	const struct result *found = &s->results[low];
	struct oc_buf b = {0};
	oc_buf_puts(&b, "{\"near\":");
	oc_buf_json(&b, (struct oc_str){s->keys + found->key, found->key_len});
	oc_buf_puts(&b, ",\"jaccard\":");
	oc_buf_double(&b, found->jaccard);
	oc_buf_putc(&b, '}');
	oc_row_score(row, s->name, "near_duplicate", OC_DROP, found->jaccard, s->opts.threshold,
	             oc_buf_view(&b));
	row->fate = OC_REJECTED;
	oc_buf_fini(&b);
	return 0;
}

extern const struct oc_stage_def oc_stage_near_dup;
const struct oc_stage_def oc_stage_near_dup = {
	.size = sizeof(struct oc_stage_def),
	.name = "near_dup",
	.help = "drop texts that are nearly the same as one that stays (MinHash, verified)",
	.doc = "Word n-grams, 20 bands of 6 MinHash values, every removal verified by the true "
	       "Jaccard index. The first row in priority order stays (real before synthetic, "
	       "shallow "
	       "before deep), and a row goes only when it resembles a row that stays: that row and "
	       "the index are the evidence. Works on disk within `memory:`. Rejects as "
	       "`near_duplicate`.",
	.kind = OC_STAGE_WHOLE,
	.options = options,
	.open = open_near_dup,
	.close = close_near_dup,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.stream_n = OC_DUP_STREAMS,
	.observe = observe,
	.resolve = resolve,
	.apply = apply,
};
